"""What is typed in a text that can be true or false: numbers, sequences of numbers, data types and quoted messages.

A text is a block of words (a paragraph, a title, a caption, a cell of a table, the alternative text of a picture) as
docutils has read it, or a string that a page shows. Left out is what is no claim: links, references, formulas, values
that the build puts there, versions of software, the years of sources, the number of a heading.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from docutils import nodes
from docutils.utils import get_source_line
from sphinx.addnodes import pending_xref

from pipeline.page.values import CLASS
from pipeline.spelling import SIGN, numbers

BLOCKS = (nodes.paragraph, nodes.title, nodes.term, nodes.caption, nodes.rubric, nodes.line)
NO_WORDS = (nodes.reference, pending_xref, nodes.math, nodes.footnote_reference, nodes.raw, nodes.problematic)
DTYPE = re.compile(r"\b(?:torch\.)?(?:float|bfloat|int|uint|complex)(?:8|16|32|64|128)(?:_e\w+)?\b")
ELEMENT = rf"[-{SIGN}]?\d+(?:\.\d+)?"
SEQUENCE = re.compile(rf"[(\[](?:{ELEMENT}\s*,\s*)+(?:{ELEMENT})?\s*[)\]]")
FRACTION = re.compile(r"(?<![\w./])\d+/\d+(?![\w./])")
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "kB": 1e3, "MB": 1e6, "GB": 1e9}
SCALES |= {"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
SCALED = re.compile(rf"(?<![\w.])\d[\d.,]*\s(?:{'|'.join(SCALES)})\b")
QUOTED = re.compile(r"[\"“]([^\"“”]{3,}?)[\"”]")
# What says, before a quotation in the same sentence, that a program wrote it; much else is quoted.
BY_PROGRAM = re.compile(r"(?:[Mm]essage|[Ee]rror|[Ww]arning|\braises?|\brefused?)\b[^.\"“”]{0,50}$")
RAISED = re.compile(r"^\w*(?:Error|Warning|Exception): ")
PROGRAMS = "Python|PyTorch|torch|torchvision|NumPy|numpy|CUDA|ROCm|Sphinx|Matplotlib|release|releases|version"
VERSION = r"v?\d+(?:\.\d+)*(?:\+|\.x)?"
NO_CLAIM = re.compile(
    rf"\b(?:{PROGRAMS})(?:\s+|[=<>~!]+\s?){VERSION}(?:,? (?:to|and|or) {VERSION})*"
    r"|\barXiv:\s?\d+\.\d+|\b\d+\.\d+\.\d+\b"
    r"|(?<=[(\s])(?:19[5-9]\d|20[0-4]\d)(?=[)\],;]|\.(?!\d)|\s\()"  # a year
)
# Conv2d, GPT-2, 3rd, 2x: a name or a word, and no number.
WORD = re.compile(r"(?<!\w)[A-Za-z_]\w*(?:[-.][A-Za-z]\w*)*(?:-\d+(?!\w|\.\d))?|\b\d+(?![eE][-+]?\d)[A-Za-z]\w*")
ENUMERATED = re.compile(r"\A(?:[A-Z]\w+ )?\d+[.:)] ")

SHELL = re.compile(r"[A-Z_]{2,}=")
CODE = "\x01"  # stands, in words, around code
WRITTEN = re.compile(rf"{CODE}([^{CODE}]+){CODE}")

# In this order: what one has taken, those after it do not see.
PATTERNS = (
    ("code", WRITTEN),
    ("sequence", SEQUENCE),
    ("dtype", DTYPE),
    ("number", SCALED),
    ("", WORD),
    ("number", FRACTION),
)


@dataclass(frozen=True)
class Typed:
    """What is typed: its ``kind`` (number, sequence, dtype, code or message), its ``text``, and its ``line``."""

    kind: str
    text: str
    line: int


def in_document(document: nodes.document, file: str) -> Iterator[Typed]:
    """Yield what is typed in the texts of a document that stand in a file, in their order."""
    for block in document.findall(nodes.Element):
        if not isinstance(block, (*BLOCKS, nodes.image)):
            continue
        source, line = get_source_line(block)
        if source != file or line is None:  # a docstring, or what a directive made
            continue
        if isinstance(block, BLOCKS):
            words = words_of(block)
            if isinstance(block, nodes.title):
                words = ENUMERATED.sub(_bar, words)
            yield from in_words(words, line)
        elif isinstance(block, nodes.image) and block.get("alt"):
            yield from in_words(block["alt"], line)


def words_of(block: nodes.Element) -> str:
    """Return the words of a block; in the place of what is no claim stands a bar."""
    words = []
    for part in block.children:
        if isinstance(part, NO_WORDS) or (isinstance(part, nodes.Element) and CLASS in part["classes"]):
            words.append("|" + "\n" * part.astext().count("\n"))
        elif isinstance(part, nodes.literal):
            words.append(_of_literal(part.astext()))
        else:
            words.append(words_of(part) if isinstance(part, nodes.Element) else part.astext())
    return "".join(words)


def _of_literal(text: str) -> str:
    """Return the words for what stands in a text as code; a mark begins and ends an expression."""
    if RAISED.match(text):
        return f'Error "{text}"'
    return f"{CODE}{text}{CODE}" if is_code(text) else text


@functools.cache
def is_code(text: str) -> bool:
    """Return whether a text is an expression, or an argument with its name, with a number or a data type in it.

    Examples
    --------
    >>> [is_code(text) for text in ("x[0]", "dim=1", "sum", "(3, 4)", "torch.int8", "2 by 3")]
    [True, True, False, False, False, False]
    """
    if SEQUENCE.fullmatch(text) or DTYPE.fullmatch(text):
        return False
    if not re.search(r"(?<![A-Za-z_\d])\d", text) and not DTYPE.search(text):
        return False
    if not re.search(r"[^\d\s_.,+e%-]", text) or SHELL.match(text):  # a number, or a variable of a shell
        return False
    for source in (text, f"f({text})"):
        with contextlib.suppress(SyntaxError, ValueError):
            ast.parse(source.replace("…", "..."), mode="eval")
            return True
    return False


def in_words(text: str, line: int = 1) -> Iterator[Typed]:
    """Yield what is typed in a text that begins on a line.

    Examples
    --------
    >>> [one.text for one in in_words("float16 of shape (3, 4): 65,504 in Conv2d of torch 2.11")]
    ['float16', '(3, 4)', '65,504']
    """
    found: list[tuple[int, str, str]] = []
    for quoted in QUOTED.finditer(text):
        if BY_PROGRAM.search(text[: quoted.start()]):
            found.append((quoted.start(), "message", quoted[1]))
            text = text[: quoted.start()] + _bar(quoted) + text[quoted.end() :]
    rest = NO_CLAIM.sub(_bar, text)
    for kind, pattern in PATTERNS:
        found += [(one.start(), kind, one[0].strip(CODE)) for one in pattern.finditer(rest) if kind]
        rest = pattern.sub(_bar, rest)
    found += [(number.start, "number", number.text) for number in numbers(rest)]
    for start, kind, words in sorted(found):
        yield Typed(kind, words, line + text.count("\n", 0, start))


def _bar(found: re.Match[str]) -> str:
    """Return what stands in the place of words that are no claim, or that are taken: as many letters and lines."""
    return re.sub(r"[^\n]", "|", found[0])
