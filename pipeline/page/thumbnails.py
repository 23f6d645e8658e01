"""The thumbnail of a page says in words what it shows."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from pipeline.gallery import adapter, cards
from pipeline.gallery import pages as gallery_pages


def _describe(app: Sphinx, doctree: nodes.document) -> None:
    pages = gallery_pages.of(app)
    for image in doctree.findall(nodes.image):
        page = adapter.page_of_thumbnail(image["uri"])
        if page and not image.get("alt"):
            image["alt"] = cards.without_values(pages.summary()[page]["picture"])
            app.env.note_dependency(str(pages.summary_file))


def setup(app: Sphinx) -> dict[str, Any]:
    """Describe the thumbnails of each document as it is read."""
    app.connect("doctree-read", _describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
