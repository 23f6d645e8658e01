"""Look up what is typed in the texts of a page, in the cells around each; of a Markdown file, in its snippets."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from pipeline.gallery import cards
from pipeline.gallery import pages as gallery_pages
from pipeline.outputs import kept
from pipeline.running import snippets
from pipeline.text import docstrings, strings, universals
from pipeline.text.backing import Backing, dtype_of
from pipeline.text.exceptions import Exceptions
from pipeline.text.typed import Typed, in_document, in_words

logger = logging.getLogger(__name__)

Found = tuple[int, Typed, Container[tuple[str, str]]]

NOWHERE = (
    "the text says {text}, and {where} says so: a number, shape, data type or message that is typed is looked up. "
    "Put it there with :val:`...`, print or assert it in a cell beside the text, or write why it is not looked up "
    "(CONTRIBUTING.md)."
)
NOT_RUN = (
    "the text says {text}, and {where} runs it: code in a text stands there with the same functions and arguments. "
    "Run it in a cell beside the text, or say it in words (CONTRIBUTING.md)."
)
NOT_ALONE = (
    "the text says {text}, and the cell that follows (where it names no data type, the one before) says another one, "
    "or more than one: write :val:`{text} <x.dtype>`, with an expression of the page (CONTRIBUTING.md)."
)
IN_CELLS = "neither the cell that follows nor one of its neighbours"
IN_SNIPPETS = "no snippet of this file"
UNUSED = "nothing here needs the exception {text}: it is looked up and found, or is not in the text. Delete it."


class Lookup:
    """The lookup of one document.

    Parameters
    ----------
    cells : sequence of dict
        Of the record of a page; of a Markdown file one, with all its snippets.
    file : str
        The script of the page, or the Markdown file.
    where : str
        How messages name the places that are looked at: `IN_CELLS` or `IN_SNIPPETS`.
    """

    def __init__(self, cells: Sequence[dict[str, Any]], file: str, where: str) -> None:
        self.cells, self.file, self.where = cells, file, where
        self._backings: dict[tuple[int, int, int], Backing] = {}

    def cell_of(self, line: int) -> int:
        """Return the cell that follows a line, or the last."""
        return next((place for place, cell in enumerate(self.cells) if cell["line"] > line), len(self.cells) - 1)

    def problems(self, document: nodes.document, only: int | None = None) -> Iterator[tuple[int, str]]:
        """Yield line and description of what stands nowhere, and of exceptions that nothing needs.

        Parameters
        ----------
        document : docutils.nodes.document
        only : int, optional
            The place of the only cell of which the strings are looked at; by default all are.
        """
        exceptions = Exceptions(document, "not looked up", self.cell_of)
        yield from exceptions.wrong
        typed = self._typed(document, only)
        nowhere = [(cell, one) for cell, one, said in typed if not self._is_backed(cell, one, said)]
        for cell, one in dict.fromkeys(nowhere):
            words = " ".join(one.text.split())
            if not exceptions.use(cell, words.__eq__):
                yield one.line, self._message(one).format(text=one.text, where=self.where)
        for excepted in exceptions.unused():
            yield excepted.line, UNUSED.format(text=excepted.text)

    def _message(self, typed: Typed) -> str:
        if typed.kind == "dtype" and self.where == IN_CELLS:
            return NOT_ALONE
        return NOT_RUN if typed.kind == "code" else NOWHERE

    def _typed(self, document: nodes.document, only: int | None) -> Iterator[Found]:
        """Yield what is typed, with its cell and what else it may repeat: a reason, its question."""
        for typed in in_document(document, self.file):
            yield self.cell_of(typed.line), typed, ()
        for number, cell in enumerate(self.cells):
            if only not in (None, number):
                continue
            for line, words, question in strings.shown(cell["code"]):
                said = {(one.kind, one.text) for one in in_words(question)}
                for typed in in_words(words, cell["line"] + line):
                    yield number, typed, said

    def _is_backed(self, cell: int, typed: Typed, said: Container[tuple[str, str]]) -> bool:
        if (typed.kind, typed.text) in said:
            return True
        if typed.kind == "dtype" and self.where == IN_CELLS:
            named = [self._backing(place, place + 1).dtypes for place in (cell, cell - 1) if place >= 0]
            return next(filter(None, named), None) == {dtype_of(typed.text)}
        if typed.kind == "code" and not cell:  # what a page begins with is about all of it
            return self._backing(0, len(self.cells)).has(typed)
        return self._backing(max(0, cell - 1), min(len(self.cells), cell + 2), cell).has(typed)

    def _backing(self, first: int, last: int, whole: int = -1) -> Backing:
        """Return what some cells in a row say; one of them with the elements that its pictures show."""
        if (first, last, whole) not in self._backings:
            cells = range(first, last)
            code = [strings.without(self.cells[place]["code"]) for place in cells]
            outputs = [_output(self.cells[place], whole=place == whole) for place in cells]
            self._backings[first, last, whole] = Backing(code, outputs)
        return self._backings[first, last, whole]


def _output(cell: dict[str, Any], *, whole: bool) -> str:
    """Return what a cell gave; of another cell than the text's own, without the elements that its pictures show."""
    if cell.get("measured"):  # the next run gives something else
        return ""
    if whole:
        return kept.output_of(cell)
    told = {"pictures": map(cards.without_values, cell["pictures"]), "drawn": []}
    return kept.output_of(cell | told | {"html": [] if cell["pictures"] else cell["html"]})


def _cells_of_snippets(app: Sphinx, docname: str) -> list[dict[str, Any]]:
    """Return the snippets of a Markdown file as one cell, which backs all its texts."""
    ran = "\n".join(sorted(snippets.ran(app).get(docname, ())))
    nothing: dict[str, Any] = {"text": "", "pictures": [], "drawn": [], "html": []}
    return [nothing | {"line": 0, "code": ran, "values": snippets.values_of(app, docname)}]


def _check(app: Sphinx, document: nodes.document) -> None:
    pages, docname = gallery_pages.of(app), app.env.docname
    page = pages.page_of(docname)
    if docname in snippets.failed(app) or pages.has_failed(page):
        return
    source = str(pages.source(page) if page else app.env.doc2path(docname))
    if page:
        cells = pages.record(page)["cells"]
        lookup = Lookup(cells, source, IN_CELLS)
        problems = [*lookup.problems(document)]
        problems += universals.problems(document, source, cells, lookup.cell_of)
    elif source.endswith(".md"):
        problems = [*Lookup(_cells_of_snippets(app, docname), source, IN_SNIPPETS).problems(document)]
        if docname != docstrings.PAST:  # it has no cells: a sentence limits itself, or has a reason
            problems += universals.problems(document, source, [], lambda line: 0)
    else:
        return
    for line, why in problems:
        logger.warning("%s", why, location=f"{source}:{line}", type="text")


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at each document as it is read, before tabs of other devices are put into it (700)."""
    app.connect("doctree-read", _check, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
