"""The search of the site without a browser: which pages explain a message, by the index that the site is built with.

``docs/_static/search-rank.js`` ranks by the same index, and what is here gives the same order for a traceback. The
index comes with the wheel of the site; in a clone it is that of the built site.
"""

from __future__ import annotations

import functools
import json
import re
import string
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ptguide._optional import require

NAME = "search-index.js"
LETTERS, STEP = string.ascii_letters, 1.16
WORTH = {letter: 0.1 * STEP**level for level, letter in enumerate(LETTERS)}
TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\d+(?:\.\d+)?|[*@]")
HUMP = re.compile(r"_|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
FILLERS = ("use", "using", "used", "work", "works", "way", "want", "need", "get", "pytorch")

# Of a pasted traceback: the message of its last error, and the line of the reader's own code that led there.
COLOR = re.compile(r"\x1b\[[0-9;]*m|\[\d+(?:;\d+)*m")
# The names that end otherwise are those of torch.compile.
ERROR = re.compile(
    r"(?:^|[\s│┃|])((?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*(?:Error|Exception|Warning|Interrupt|SymNode|LimitHit)"
    r"|Unsupported|TritonMissing)): +"
)
BANNER = re.compile(r"ChildFailedError|WorkerError")
ENDS = re.compile(
    r"During handling of the above|The above exception was|Traceback \(most recent|\(Triggered internally|={5,}|-{10,}"
    r'|File "|[\w.]*ChildFailedError'
)
FRAME = re.compile(
    r'File "([^"]+)", line \d+, in \S+\s+(.*?)(?=\s+File "|\s+\^{2,}|\s+[A-Z]\w*(?:Error|Exception): |\n|$)'
)
CELL = re.compile(r"-{2,}> *\d+ (.*?)(?=\n| {2,}\d+ |$)")
FOREIGN = re.compile(r"(?:site|dist)-packages|/lib/python|<frozen")


class Page(NamedTuple):
    """A page that the search found: its address on the site without ``.html``, and its title."""

    name: str
    title: str


class Pasted(NamedTuple):
    """What counts of a text that was pasted; the code is empty where it shows no line of the reader's own."""

    error: str
    message: str
    code: str


def find_pages(text: str, index: Path | None = None) -> list[Page]:
    """Return the pages that explain a message, the best first, as the search of the site finds them.

    Parameters
    ----------
    text : str
        A traceback, or a message.
    index : Path, optional
        The index of a built site, or its folder; by default that of the package or of the clone.

    Raises
    ------
    LookupError
        If there is no index.
    """
    return list(load(index).ranked(pasted(text)))


def pasted(text: str) -> Pasted:
    r"""Return the last error of a text, and the last line of the reader's own code.

    Examples
    --------
    >>> pasted('File "a.py", line 3, in f\n    x @ y\nRuntimeError: they cannot be multiplied')
    Pasted(error='RuntimeError', message='they cannot be multiplied', code='x @ y')
    >>> pasted("no error")
    Pasted(error='', message='no error', code='')
    """
    plain = COLOR.sub("", text)
    errors = [match for match in ERROR.finditer(plain) if not BANNER.search(match[1])]
    if not errors:
        return Pasted("", text, "")
    last = errors[-1]
    message = ENDS.split(plain[last.end() :], maxsplit=1)[0].strip()[:400]
    lines = [match[2] for match in FRAME.finditer(plain) if not FOREIGN.search(match[1])]
    lines += [match[1] for match in CELL.finditer(plain)]
    return Pasted(last[1], message, lines[-1][:100] if lines else "")


class Index:
    """The index of a site."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.pages = [Page(page["id"], page["title"]) for page in data["pages"]]
        self.messages: dict[str, str] = data["messages"]
        self.fillers = {*data["stopwords"], *FILLERS}
        self.lines = {line.partition(" ")[0]: line.rpartition(" ")[2] for line in data["terms"].split("\n")}
        library = require("snowballstemmer", "finding pages", advice="Install it with: pip install snowballstemmer")
        self.stem = functools.cache(library.stemmer("english").stemWord)
        self.others = [
            [self._stems(words) for name in page["other"].split(" | ") if len(words := self._words(name)) > 1]
            for page in data["pages"]
        ]

    def ranked(self, query: Pasted) -> Iterable[Page]:
        """Yield the pages that hold a word of the query, the best first."""
        terms = self._words(f"{query.error} {query.message}".strip())
        asked = [(word, 1.0) for word in terms] + [(word, 0.3) for word in self._words(query.code) if query.code]
        scores: dict[int, float] = {}
        held: dict[int, set[str]] = {}
        for word, weight in asked:
            for page, score in self._scores(self.stem(word)):
                scores[page] = scores.get(page, 0.0) + weight * score
                held.setdefault(page, set()).add(word)
        said = re.findall("[a-z_]+", query.message.lower())
        stems = f" {self._stems(terms)} "

        def total(page: int) -> float:
            name = self.pages[page].name
            run = longest_run(said, f" {self.messages.get(name, '')} ") if len(said) >= 4 else 0
            factor = 1 + 4 * (run / len(said) if run >= 4 else 0)
            factor *= 2 if any(f" {phrase} " in stems for phrase in self.others[page]) else 1
            return scores[page] * len(held[page]) * factor * (1 if name.startswith("guide/") else 0.6)

        return (self.pages[page] for page in sorted(scores, key=total, reverse=True))

    def _scores(self, stem: str) -> Iterable[tuple[int, float]]:
        page = -1
        for step, letter in re.findall(r"(\d*)([a-zA-Z])", self.lines.get(stem, "")):
            page += int(step or 1)
            yield page, WORTH[letter]

    def _stems(self, words: Iterable[str]) -> str:
        return " ".join(map(self.stem, words))

    def _words(self, text: str) -> list[str]:
        """Return the words of a text and the parts of names, without fillers unless none is left."""
        return list(split_words(text, self.fillers)) or list(split_words(text, set()))


def split_words(text: str, left: Collection[str]) -> Iterator[str]:
    """Yield the words of a text in lower case and the parts of names; of those to leave out, only where it is a name.

    Examples
    --------
    >>> list(split_words("The nn.CrossEntropyLoss, masked_fill_ and any(x)", {"the", "and", "any"}))
    ... # doctest: +NORMALIZE_WHITESPACE
    ['nn', 'crossentropyloss', 'cross', 'entropy', 'loss', 'masked_fill_', 'maskedfill', 'masked', 'fill', 'any', 'x']
    """
    for match in TOKEN.finditer(text):
        is_name = text[match.start() - 1 : match.start()] == "." or text[match.end() : match.end() + 1] == "("
        if is_name or match[0].lower() not in left:
            humps = [hump for hump in HUMP.split(match[0]) if hump]
            parts = [match[0], "".join(humps), *humps] if humps != [match[0]] else humps
            yield from dict.fromkeys(part.lower() for part in parts if part)


def longest_run(words: list[str], text: str) -> int:
    """Return how many words in a row stand in a text that begins and ends with a space.

    Examples
    --------
    >>> longest_run(["a", "b", "c", "d"], " x b c y ")
    2
    """
    longest = 0
    for start in range(len(words)):
        while start + longest < len(words) and f" {' '.join(words[start : start + longest + 1])} " in text:
            longest += 1
    return longest


def _found(index: Path | None) -> Path:
    """Return the index that is asked for, that of the package, or that of the site built in a clone."""
    package = Path(__file__).parents[1]
    places = [package / NAME, package.parents[1] / "docs" / "_build" / "html" / NAME]
    if index is not None:
        places = [index / NAME if index.is_dir() else index]
    for place in places:
        if place.is_file():
            return place
    where = f"in {places[0]}" if index is not None else "with this package, nor a built site beside it"
    raise LookupError(
        f"there is no index of the pages {where}. Install the wheel of the site, or build it in a clone with "
        "`nox -s docs`; or paste the text into the search of the site."
    )


def load(index: Path | None = None) -> Index:
    """Return the index of the pages; as for `find_pages`."""
    return _load(_found(index))


@functools.cache
def _load(file: Path) -> Index:
    return Index(json.loads(file.read_text(encoding="utf-8").partition("= ")[2].rstrip(";\n")))
