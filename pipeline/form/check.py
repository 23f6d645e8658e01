"""Hold each page to the form of a page, as far as its script shows it; tests of the site check what a browser sees."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from pipeline.form import folds
from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.adapter import Block
from pipeline.page.solutions import SOLUTION, words_of_fold

logger = logging.getLogger(__name__)

SENTENCES, CELLS, SCREENS = 2, 8, 4  # before the first result; above the questions
END = "Check yourself"
EXCEPTION = re.compile(r"^\.\. (longer|no exercise):([^—]*)(?:—\s*(\S.*))?$", re.MULTILINE)
LONGER = re.compile(r"(\d+) (cells|screens)")
SOURCE = re.compile(r"\A(?P<author>[^\W\d_].*?) \((?P<year>\d{4})\)\. `(?P<title>[^`<]+) <https?://[^>]+>`__")
LABEL_AND_TITLE = re.compile(r"\A\s*(?:\.\. _.*:\n\s*)?.*\n=+\n")
ROLE = re.compile(r":[\w:]+:`(?:[^`<]*<[^`>]*>|[^`]*)`|``.*?``")
SENTENCE_END = re.compile(r"[.?!][\"”)]?(?=\s+[^a-z\s]|\s*\Z)")


def sentences(text: str) -> int:
    r"""Return how many sentences a text has, without its label, its title and its comments.

    Examples
    --------
    >>> sentences(".. _a:\n\nTitle?\n======\n\nThe shape is :val:`x.shape`. Why 2.5? No ``end.`` here\n")
    2
    """
    plain = ROLE.sub("X", LABEL_AND_TITLE.sub("", text))
    blocks = [block for block in re.split(r"\n\s*\n", plain) if not block.lstrip().startswith("..")]
    return sum(len(SENTENCE_END.findall(block)) for block in blocks)


class Script:
    """The parts of a page's script that its form is about.

    Parameters
    ----------
    blocks : sequence of Block
        From `adapter.blocks`.

    Attributes
    ----------
    cells : list of Block
        Those that a reader sees: not folded, neither a solution nor a question, and above the questions.
    longer : dict of str to int
        How many ``cells`` and ``screens`` the page says that it has; empty if it does not say so.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.texts = [block for block in blocks if block.type == "text"]
        self.code = [block for block in blocks if block.type == "code" and block.content.strip()]
        self.cells = list(_visible(blocks))
        self.exceptions = {
            found[1]: (found[2].strip(), found[3], block.lineno + block.content.count("\n", 0, found.start()))
            for block in self.texts
            for found in EXCEPTION.finditer(block.content)
        }
        said = self.exceptions.get("longer", ("", "", 0))[0]
        self.longer = {what: int(number) for number, what in LONGER.findall(said)}

    def problems(self) -> Iterator[tuple[int, str]]:
        """Yield the line and the description of all that is not in the form."""
        yield from self._opening()
        yield from self._length()
        yield from self._box()
        yield from self._exercise()
        yield from self._reading()
        for block in self.texts[1:]:
            if words := folds.almost(block.content):
                yield block.lineno, f"a text begins like {words!r}; what is folded has these words alone as its text."
        for kind, (said, reason, line) in self.exceptions.items():
            if not reason or (kind == "longer" and not self.longer):
                example = ".. longer: 12 cells; 6 screens — each cause has a cell of its own"
                yield line, f"the exception '{kind}: {said}' gives no reason, or no number; expected '{example}'."

    def _opening(self) -> Iterator[tuple[int, str]]:
        first = self.cells[0].lineno if self.cells else self.texts[-1].lineno
        before = [block for block in self.texts if block.lineno < first and block.content.strip() not in folds.WORDS]
        if (count := sum(sentences(block.content) for block in before)) > SENTENCES:
            why = f"{count} sentences stand before the first result; expected at most {SENTENCES}."
            yield before[0].lineno, f"{why} Say the others below it."

    def _length(self) -> Iterator[tuple[int, str]]:
        most = self.longer.get("cells", CELLS)
        line = self.exceptions.get("longer", ("", "", self.cells[CELLS].lineno if len(self.cells) > CELLS else 1))[2]
        if len(self.cells) > most:
            why = f"a reader sees {len(self.cells)} cells above '{END}'; expected at most {most}."
            yield line, f"{why} Fold what only proves, or split the page."
        elif "cells" in self.longer and not CELLS < len(self.cells) == most:
            why = f"the page says that it has {most} cells, and has {len(self.cells)}"
            yield line, f"{why}; up to {CELLS} need no exception. Write the number, or delete it."

    def _box(self) -> Iterator[tuple[int, str]]:
        boxes = sum(len(re.findall(r"^\.\. use-this::", block.content, re.MULTILINE)) for block in self.texts)
        if boxes != 1:
            yield 1, f"the page has {boxes} boxes '.. use-this::'; expected one, with the default to take."

    def _exercise(self) -> Iterator[tuple[int, str]]:
        code = [block.content for block in self.code]
        has = {
            "a function that raises NotImplementedError": any("raise NotImplementedError" in one for one in code),
            "a cell that begins with '# Solution'": any(SOLUTION.match(one) for one in code),
            "'assert report.passed'": any("assert report.passed" in one for one in code),
        }
        missing = [what for what, found in has.items() if not found]
        excepted = self.exceptions.get("no exercise")
        if missing and not excepted:
            why = f"the page has no open exercise: there is no {', no '.join(missing)}"
            yield self.texts[-1].lineno, f"{why}. Add one, or say '.. no exercise: — why no function can be written'."
        if excepted and not missing:
            yield excepted[2], "the page has an open exercise and an exception from it. Delete the exception."

    def _reading(self) -> Iterator[tuple[int, str]]:
        text, line = self.texts[-1].content, self.texts[-1].lineno
        if not re.match(r"\s*Read next\n-+\n", text):
            yield line, "the last text is not the section 'Read next'; expected the page that follows, and sources."
            return
        sources = [" ".join(item.split()) for item in re.split(r"^- ", text, flags=re.MULTILINE)[1:]]
        if not 1 <= len(sources) <= 3:
            yield line, f"'Read next' lists {len(sources)} sources; expected one to three, each after '- '."
        for source in sources:
            found = SOURCE.match(source)
            if not found or not 1900 <= int(found["year"]) <= datetime.datetime.now(datetime.UTC).year:
                example = "'- Vaswani et al. (2017). `Attention is all you need <https://arxiv.org/abs/1706.03762>`__.'"
                yield line, f"the source {source[:60]!r} has no author, year or link; expected {example}"


def lost(source: Path) -> Iterator[tuple[int, str]]:
    """Yield each line that begins a cell and has words, which sphinx-gallery drops."""
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        if re.match(r"# ?%%+[ \t]*\S", line):
            yield number, "words on the line of '# %%' are shown nowhere. Begin the text on the next line."


def _visible(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield the cells that a reader sees above the questions."""
    text = ""
    for block in blocks:
        if block.type == "text":
            text = block.content.strip()
            if text.startswith(END):
                return
        elif block.content.strip():
            if text not in folds.WORDS and not words_of_fold(block.content):
                yield block
            text = ""


def _check(app: Sphinx, _env: BuildEnvironment) -> None:
    """Check all pages, also those that are as they were: a rule may have changed."""
    pages = gallery_pages.of(app)
    for page in pages.names() if app.config.pages_keep_form else ():
        if not pages.has_failed(page):
            source = pages.source(page)
            for line, why in (*lost(source), *Script(adapter.blocks(source)).problems()):
                logger.warning("%s (rule: form)", why, location=f"{source}:{line}", type="form")


def setup(app: Sphinx) -> dict[str, Any]:
    """Check when all pages have run and are read."""
    app.add_config_value("pages_keep_form", False, "", types=[bool])
    app.connect("env-updated", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
