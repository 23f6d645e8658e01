"""Find the sentences that say something of all cases where no check beside them tries more than one.

A sentence says so with one of `WORDS`. It may stand where a cell beside it makes a claim in a loop, or of all members
of a set; where it says itself of which few things it speaks ("all three", "every one of these"); where it denies ("not
all"); and else with a reason, in a comment that no reader sees: ``# .. not tried: every view — the text defines it``.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from docutils import nodes
from docutils.utils import get_source_line

from pipeline.text.exceptions import Exceptions
from pipeline.text.typed import BLOCKS, CODE, QUOTED, words_of

EXCEPTION = "not tried"
UNTRIED = (
    "{word!r} says something of all cases, and no cell beside it tries more than one: {sentence!r}. Make the claim "
    "in a loop over such cases (ptguide.zoo has awkward ones), say of which cases it holds, or write why it is not "
    "tried (CONTRIBUTING.md)."
)
UNUSED = "nothing here needs the exception {text!r}: no such sentence is untried. Delete it."

WORDS = re.compile(
    r"(?<![\w-])(?:always|never|every|all|any|only|none|no other|must|whatever|both ways)(?![\w-])", re.IGNORECASE
)
COUNT = r"(?:\d[\d,]*(?:st|nd|rd|th)?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice)\b"
NO_UNIVERSAL = re.compile(
    r"\b(?:not|n't|hardly|nearly|almost) (?:all|every|any|only|always|none)\b"
    r"|\b(?:if|whether|without|than|as) any\b"
    rf"|\b(?:all|every|any|only|the only)\s+(?:the\s+)?(?:of\s+|other\s+)?{COUNT}"
    rf"|{COUNT}\s+only\b"
    r"|\b(?:at all|all at once|above all|after all|first of all|all the same|all but|all along|in all|any more)\b"
    r"|\b(?:all|every one|any|none) of (?:these|those|them|it|this)\b"
    r"|\b(?:all|every|any|only) (?:these|those|this|that)\b",
    re.IGNORECASE,
)
HERE = re.compile(
    r"\b(?:here|on this page|so far|above|below|in (?:this|the) (?:example|table|figure|picture|list))\b", re.I
)
OF_ELEMENTS = re.compile(
    r"\b(?:all|every|any|only|none|each)\s+(?:of\s+)?(?:the\s+|its\s+|other\s+)?"
    r"(?:element|value|number|entr|pixel|weight|row|column|item|index|position|zero|one)\w*",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“‘(*|0-9])")
LOOPS = (ast.For, ast.While, ast.AsyncFor)
SETS = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
WHOLE = {"all", "equal", "allclose", "assert_close", "assert_equal", "array_equal"}


@dataclass(frozen=True)
class Universal:
    """A sentence that says something of all cases: its words, the ``word`` that does, and its line."""

    sentence: str
    word: str
    line: int


def in_words(text: str, line: int = 1, names: str = "") -> Iterator[Universal]:
    """Yield the sentences of a text that say something of all cases, and do not say of which few.

    Parameters
    ----------
    text : str
    line : int
        On which it begins.
    names : str
        The same text with bars in the place of code and quotations: ``None`` and ``any`` are names there.

    Examples
    --------
    >>> [one.word for one in in_words("It always copies. All three are views. Not every view is. Whatever.")]
    ['always', 'Whatever']
    """
    start = 0
    for end in [*(found.start() for found in SENTENCE.finditer(text)), len(text)]:
        sentence = text[start:end]
        rest = NO_UNIVERSAL.sub(lambda found: "|" * len(found[0]), (names or text)[start:end])
        if (found := WORDS.search(rest)) and not HERE.search(sentence) and not sentence.rstrip().endswith("?"):
            yield Universal(" ".join(sentence.split()), found[0], line + text.count("\n", 0, start + found.start()))
        start = end


def problems(
    document: nodes.document, file: str, cells: Sequence[dict], cell_of: Callable[[int], int]
) -> Iterator[tuple[int, str]]:
    """Yield line and description of sentences of a page that no cell beside them tries, and of unused exceptions.

    Parameters
    ----------
    document : docutils.nodes.document
    file : str
        The script of the page.
    cells : sequence of dict
        Of its record.
    cell_of : callable
        Takes a line; returns the place of the cell that follows it.
    """
    exceptions = Exceptions(document, EXCEPTION, cell_of)
    yield from exceptions.wrong
    for one in in_document(document, file):
        place = cell_of(one.line)
        around = (cells[near]["code"] for near in range(max(0, place - 1), min(len(cells), place + 2)))
        tried = any(tries_a_set(code, one.sentence) for code in around)
        if not tried and not exceptions.use(place, one.sentence.__contains__):
            yield one.line, UNTRIED.format(word=one.word, sentence=one.sentence)
    for exception in exceptions.unused():
        yield exception.line, UNUSED.format(text=exception.text)


def in_document(document: nodes.document, file: str) -> Iterator[Universal]:
    """Yield the universal sentences of a document that stand in a file."""
    for block in document.findall(lambda node: isinstance(node, BLOCKS)):
        source, line = get_source_line(block)
        if source == file and line is not None and not isinstance(block, nodes.title):
            text = words_of(block).replace(CODE, "")
            yield from in_words(text, line, _without_names(text, block))


def _without_names(text: str, block: nodes.Element) -> str:
    """Return the words of a block with bars in the place of its code and of what it quotes."""
    end = 0
    for name in (part.astext() for part in block.findall(nodes.literal)):
        if (start := text.find(name, end)) >= 0:
            end = start + len(name)
            text = text[:start] + "|" * len(name) + text[end:]
    return QUOTED.sub(lambda found: "|" * len(found[0]), text)


@functools.cache  # each cell is beside up to three texts
def tries_a_set(code: str, sentence: str = "") -> bool:
    """Return whether code makes a claim of more than one case; of a sentence on elements, of all those of a tensor."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, LOOPS) and any(map(_is_claim, ast.walk(node))):
            return True
        if _is_claim(node) and any(isinstance(part, SETS) for part in ast.walk(node)):
            return True
        if _is_claim(node) and OF_ELEMENTS.search(sentence) and any(map(_is_whole, ast.walk(node))):
            return True
    return False


def _is_claim(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert) or (
        isinstance(node, ast.Call) and _name(node).startswith(("assert_", "expect_"))
    )


def _is_whole(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node) in WHOLE


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]
