"""``.. chapter-map::`` draws a chapter: its pages in reading order, what each takes for granted, and how long it is.

An arc leads from a page down to each page that needs it; on a page, the sentence "You need to know" says so. The map
needs no script, and its text says to a screen reader what the arcs say to the eye.
"""

from __future__ import annotations

import math
import re
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from pipeline.form import folds
from pipeline.form.check import ROLE, Script
from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages

logger = logging.getLogger(__name__)

WORDS, LINE, RESULT = 200, 4, 10  # words a minute; seconds for a line of code, and for what a cell shows
NEEDED = re.compile(r"You need to know (.+?\.)(?=\s|$)")
REFERENCE = re.compile(r":ref:`(?:[^`<]*<)?([\w-]+)>?`")
NOTE = (
    "An arc leads to a page from one that it takes for granted. Times count {words} words a minute, {line} seconds a "
    "line of code and {result} seconds a result; questions and exercises come on top."
)


def needs(text: str) -> list[str] | None:
    """Return the labels of the pages that a page takes for granted, or None where it says nothing.

    Examples
    --------
    >>> needs("It joins. You need to know :ref:`cat` and :ref:`shapes <what-is-a-tensor>`. See :ref:`pad`.")
    ['cat', 'what-is-a-tensor']
    >>> needs("It joins.")
    """
    found = NEEDED.search(" ".join(text.split()))
    return REFERENCE.findall(found[1]) if found else None


def minutes(script: Script) -> int:
    """Return how long the explanation of a page takes to read, in minutes, rounded up."""
    texts = [block.content for block in script.texts if block.content.strip() not in folds.WORDS]
    words = sum(len(ROLE.sub("X", text).split()) for text in texts)
    lines = sum(bool(line.strip()) for cell in script.cells for line in cell.content.splitlines())
    return math.ceil(words / WORDS + (lines * LINE + len(script.cells) * RESULT) / 60)


class _Chapter(nodes.General, nodes.Element):
    """Where a map comes to stand."""


class ChapterMap(SphinxDirective):
    """The map of the chapter in whose header it stands."""

    def run(self) -> list[nodes.Node]:
        """Note the pages that are drawn; they are known when all are read."""
        pages = gallery_pages.of(self.env.app)
        chapter = pages.chapter_of(self.env.docname)
        if not chapter and "/" in self.env.docname:
            return []
        drawn = [page for page in pages.names() if page.startswith(f"{chapter}/")]
        if not drawn:
            raise self.error("chapter-map stands in no chapter; expected it in a GALLERY_HEADER.rst.")
        for page in drawn:
            self.env.note_dependency(str(pages.source(page)))
        place = _Chapter(pages=drawn)
        self.set_source_info(place)
        return [
            place,
            nodes.paragraph("", NOTE.format(words=WORDS, line=LINE, result=RESULT), classes=["ptg-map-note"]),
        ]


class _Map:
    """One map as HTML."""

    def __init__(self, app: Sphinx, docname: str, drawn: list[str]) -> None:
        self.app, self.docname, self.drawn = app, docname, drawn
        self.pages = gallery_pages.of(app)
        self.scripts = {page: Script(adapter.blocks(self.pages.source(page))) for page in drawn}
        named = {page.rpartition("/")[2].replace("_", "-"): page for page in self.pages.names()}
        self.needed: dict[str, list[str]] = {}
        for page, script in self.scripts.items():
            labels = needs(" ".join(block.content for block in script.texts)) or []
            self.needed[page] = [named[label] for label in labels if label in named]

    def render(self) -> str:
        """Return the list of pages with its arcs."""
        return f'<ol class="ptg-map">{"".join(map(self._item, self.drawn))}</ol>'

    def _item(self, page: str) -> str:
        arcs = "".join(self._arc(page, one) for one in self._right_before(page))
        after = ", ".join(self._link(one, one.rpartition("/")[2].replace("_", " ")) for one in self.needed[page])
        small = f"{minutes(self.scripts[page])} min{f', after {after}' if after else ''}"
        title = self._link(page, self.app.env.titles[self._docname(page)].astext())
        return f'<li>{arcs}<span class="ptg-map-title">{title}</span><small>{small}</small></li>'

    def _right_before(self, page: str) -> list[str]:
        """Return the pages of the chapter that a page needs, without those that come by way of another of them."""
        here = [one for one in self.needed[page] if one in self.needed]
        return [one for one in here if not any(one in self._before(other) for other in here)]

    def _before(self, page: str) -> set[str]:
        """Return what a page needs, and what that needs, in its chapter and before it."""
        place = self.drawn.index(page)
        here = [one for one in self.needed[page] if one in self.drawn[:place]]
        return {*here, *(far for one in here for far in self._before(one))}

    def _arc(self, page: str, needed: str) -> str:
        rows = self.drawn.index(page) - self.drawn.index(needed)
        if rows <= 0:
            why = "%s needs %s, which comes later in its chapter. Change the order in docs/conf.py, or the text."
            logger.warning(why, page, needed, location=f"{self.pages.source(page)}:1", type="form")
            return ""
        path = '<path d="M100 0C-30 0-30 100 100 100" vector-effect="non-scaling-stroke"/>'
        style = f"--rows:{rows};--reach:{math.sqrt(rows / len(self.drawn)):.2f}"
        svg = f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" style="{style}">'
        return f"{svg}{path}</svg>"

    def _docname(self, page: str) -> str:
        return f"{self.app.config.sphinx_gallery_conf['gallery_dirs']}/{page}"

    def _link(self, page: str, words: str) -> str:
        address = self.app.builder.get_relative_uri(self.docname, self._docname(page))
        return f'<a class="reference internal" href="{escape(address)}">{escape(words)}</a>'


def _draw(app: Sphinx, document: nodes.document, docname: str) -> None:
    for place in list(document.findall(_Chapter)):
        html = _Map(app, docname, place["pages"]).render() if app.builder.format == "html" else ""
        place.replace_self(nodes.raw("", html, format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive; a map is drawn when the titles of all pages are known."""
    app.add_node(_Chapter)
    app.add_directive("chapter-map", ChapterMap)
    app.connect("doctree-resolved", _draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
