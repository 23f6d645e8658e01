"""A figure of Matplotlib that holds lines, bars and words, and no image, is marked: the dark theme may turn it dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages

LINES = "ptg-lines"
PAINTED = ("image", "QuadMesh", "QuadContourSet")  # their colors mean something, and a photo has no other ones


def of_lines(record: Mapping[str, Any]) -> set[str]:
    """Return the alternative texts of the figures of a page that hold nothing painted."""
    cells = [cell for cell in record.get("cells", ()) if cell.get("drawn")]
    return {
        words
        for cell in cells
        if not any(line.strip().startswith(PAINTED) for line in cell["drawn"])
        for words in cell["pictures"]
    }


def mark(doctree: nodes.document, words: set[str]) -> None:
    """Give the figures with one of some alternative texts a second class."""
    for figure in doctree.findall(lambda node: type(node).__name__ == adapter.FIGURE_NODE):
        if figure.get("alt") in words:
            figure["class"] = [" ".join([*figure["class"], LINES])]  # sphinx-gallery writes the first one only


def _mark(app: Sphinx, doctree: nodes.document) -> None:
    pages = gallery_pages.of(app)
    if page := pages.page_of(app.env.docname):
        mark(doctree, of_lines(pages.record(page)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Mark the figures of each page as it is read."""
    app.connect("doctree-read", _mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
