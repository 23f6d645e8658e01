"""A picture of a page of the guide, shown on a hand-written one: the very picture that the page's run drew."""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from pipeline.gallery import pages as gallery_pages

logger = logging.getLogger(__name__)


class _Place(nodes.General, nodes.Element):
    """Where a picture comes to stand."""


class PictureOf(SphinxDirective):
    """The first picture of a page, or that with the number of the option."""

    required_arguments = 1
    option_spec: ClassVar = {"number": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        """Note the page; its picture is put in when all pages are read."""
        page, pages = self.arguments[0], gallery_pages.of(self.env.app)
        if page not in pages.names():
            raise self.error(f"picture-of: there is no page {page}.")
        self.env.note_dependency(str(pages.record_file(page)))
        place = _Place(page=page, number=self.options.get("number", 1))
        self.set_source_info(place)
        return [place]


def _put_in(app: Sphinx, doctree: nodes.document, _docname: str) -> None:
    for place in list(doctree.findall(_Place)):
        folder = app.config.sphinx_gallery_conf["gallery_dirs"]
        page = app.env.get_doctree(f"{folder}/{place['page']}")
        pictures = [node for node in page.findall(nodes.raw) if "ptg-picture" in node.astext()]
        if len(pictures) < place["number"]:
            if not gallery_pages.of(app).has_failed(place["page"]):  # which is said already
                what = "picture-of: %s has %d pictures, not %d."
                logger.warning(what, place["page"], len(pictures), place["number"], location=place)
            place.replace_self([])
            continue
        place.replace_self(pictures[place["number"] - 1].deepcopy())


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_node(_Place)
    app.add_directive("picture-of", PictureOf)
    app.connect("doctree-resolved", _put_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
