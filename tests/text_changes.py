"""Is a change of a page's text noticed? The page need not run: its texts are read anew, and looked up in its last run.

The record of that run is what the build keeps of it, so the site is built first. A text is read by docutils alone;
roles of Sphinx stand for links, and what they name is no claim there either.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import roles

from page_changes import Change
from pipeline.gallery import adapter
from pipeline.gallery.pages import Pages
from pipeline.page.values import CLASS
from pipeline.running.values import ROLE, TYPED
from pipeline.spelling import numbers
from pipeline.text.lookup import IN_CELLS, Lookup
from pipeline.text.typed import BLOCKS, words_of

LINKS = ("ref", "doc", "term", "func", "class", "meth", "mod", "attr", "data")
SETTINGS = {"report_level": 5, "halt_level": 6, "doctitle_xform": False, "_disable_config": True}


def _link(_name: str, raw: str, text: str, *_: Any, **__: Any) -> tuple[list[nodes.Node], list]:
    return [nodes.reference(raw, text.partition("<")[0].strip())], []


def _value(_name: str, raw: str, *_: Any, **__: Any) -> tuple[list[nodes.Node], list]:
    return [nodes.inline(raw, "|", classes=[CLASS])], []


for name in LINKS:
    roles.register_local_role(name, _link)
roles.register_local_role("val", _value)


class Texts:
    """The texts of one page, and the lookup of what is typed in them.

    Parameters
    ----------
    pages : Pages
    page : str
        It has been built.
    """

    def __init__(self, pages: Pages, page: str) -> None:
        self.file = pages.source(page)
        self.cells = pages.record(page).get("cells")
        if not self.cells:
            raise SystemExit(f"{page} was not built, or failed: build the site first (nox -s docs)")
        self.source = self.file.read_text(encoding="utf-8")
        self.blocks = adapter.blocks(self.file)
        self._as_they_are: dict[int, set[tuple[int, str]]] = {}

    def outcome(self, change: Change) -> str:
        """Return ``noticed``, ``survived`` or ``changes nothing``."""
        first, number = self.source.rfind("\n", 0, change.start) + 1, self.source.count("\n", 0, change.start) + 1
        for role in ROLE.finditer(self.source, first, self.source.find("\n", change.end)):
            if role.start() <= change.start < role.end():
                return _of_value(role["words"], change, role.start("words"))
        lines = change.apply(self.source).splitlines()
        cells = [self._changed(cell, number, lines[number - 1]) for cell in self.cells]
        place = next((place for place, cell in enumerate(cells) if cell is not self.cells[place]), None)
        if place is None:  # in no cell
            place = Lookup(self.cells, "", IN_CELLS).cell_of(number)
            new = self._document(place, number, lines[number - 1])
            if _words(new) == _words(self._document(place)):
                return "changes nothing"
        else:
            new = self._document(place)
        return "noticed" if self._problems(cells, place, new) - self._as_it_is(place) else "survived"

    def _changed(self, cell: dict[str, Any], number: int, line: str) -> dict[str, Any]:
        """Return a cell with another line in its code; the same if it has no such line."""
        code = cell["code"].splitlines()
        at = number - cell["line"]
        if not 0 <= at < len(code):
            return cell
        return cell | {"code": "\n".join([*code[:at], line, *code[at + 1 :]])}

    def _as_it_is(self, place: int) -> set[tuple[int, str]]:
        if place not in self._as_they_are:
            self._as_they_are[place] = self._problems(self.cells, place, self._document(place))
        return self._as_they_are[place]

    def _problems(self, cells: list[dict[str, Any]], place: int, document: nodes.document) -> set[tuple[int, str]]:
        return set(Lookup(cells, str(self.file), IN_CELLS).problems(document, only=place))

    def _document(self, place: int, number: int = 0, line: str = "") -> nodes.document:
        """Return the texts before a cell as docutils reads them, on their lines; one line may be another."""
        texts = [""] * self.source.count("\n")
        before = 0
        for block in self.blocks:
            if block.type == "code":
                before += 1
            elif min(before, len(self.cells) - 1) == place:
                for at, words in enumerate(block.content.splitlines(), block.lineno):
                    texts[at - 1] = line.removeprefix("#").removeprefix(" ") if at == number else words
        return publish_doctree("\n".join(texts), source_path=str(self.file), settings_overrides=SETTINGS)


def _of_value(words: str, change: Change, start: int) -> str:
    """Return the outcome where a value is changed that is typed and checked; its expression is code."""
    found = TYPED.match(words)
    if not found or change.start - start >= found.end("typed"):
        return "changes nothing"
    new = TYPED.match(words[: change.start - start] + change.new + words[change.end - start :])["typed"]
    same = [[one.value for one in numbers(text)] for text in (found["typed"], new)]
    return "survived" if same[0] == same[1] and found["typed"].isdigit() else "noticed"


def _words(document: nodes.document) -> list[str]:
    return [words_of(block) for block in document.findall(lambda node: isinstance(node, (*BLOCKS, nodes.image)))]
