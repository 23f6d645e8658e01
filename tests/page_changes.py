"""Small changes of a page, each of which makes something that it says or does another thing."""

from __future__ import annotations

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.text import strings, typed

SIBLINGS = [
    ("max", "min"),
    ("argmax", "argmin"),
    ("amax", "amin"),
    ("sum", "mean"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("cat", "stack"),
    ("triu", "tril"),
    ("exp", "log"),
    ("sin", "cos"),
    ("relu", "sigmoid"),
    ("rand", "randn"),
    ("train", "eval"),
    ("rows", "columns"),
    ("row", "column"),
    ("first", "last"),
    ("more", "fewer"),
    ("larger", "smaller"),
    ("before", "after"),
]
SIBLING = {name: other for pair in SIBLINGS for name, other in (pair, pair[::-1])}
WORDS = {name for pair in SIBLINGS[-6:] for name in pair}  # no functions
DTYPES = {"float32": "float64", "float64": "float32", "float16": "bfloat16", "bfloat16": "float16"}
DTYPES |= {"int64": "int32", "int32": "int64", "uint8": "int8", "int8": "uint8", "complex64": "complex128"}
OPERATORS = {"+": "-", "-": "+", "*": "/", "/": "*", "//": "/", "%": "*", "@": "*", "**": "*"}
OPERATORS |= {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
CLAIMS = re.compile(r"(.*\.)?(assert_\w+|expect_\w+|ask|check)$")

# Of a text: no claim stands in a role that leads elsewhere, a label, a directive, an address or a rule below a title;
# a source's year and the version of a program are none of the page's values.
NO_CLAIM = re.compile(
    r":(?:ref|doc|term|func|class|meth|mod|attr|data|math):`[^`]*`|^(?:# |\s*)\.\. .*$|^\s+:\w+:.*$|\S+://\S+"
    rf"|{typed.NO_CLAIM.pattern}",
    re.M,
)
SMALL = 12  # a whole number up to here stands in many cells by chance
IN_TEXT = {
    "shape": re.compile(r"(?<=\()\d+(?=(?:, \d+)+,?\))|(?<=, )\d+(?=,?\))"),
    "number": re.compile(r"(?<![\w.-])\d[\d,.]*\d|(?<![\w.-])\d(?!\w)"),
    "dtype": re.compile(rf"\b({'|'.join(DTYPES)})\b"),
    "name": re.compile(rf"\b({'|'.join(SIBLING)})\b"),
}


@dataclass(frozen=True)
class Change:
    """One change of a page's source.

    Attributes
    ----------
    where : str
        ``code`` or ``text``.
    kind : str
        What is changed, for example ``operator``.
    start, end : int
        The part of the source that is replaced, in characters.
    new : str
        What stands there then.
    """

    where: str
    kind: str
    start: int
    end: int
    new: str

    def apply(self, source: str) -> str:
        """Return the changed source."""
        return source[: self.start] + self.new + source[self.end :]

    def describe(self, source: str) -> str:
        """Return the line of the change, before and after."""
        line = source.count("\n", 0, self.start) + 1
        first = source.rfind("\n", 0, self.start) + 1
        last = source.find("\n", self.end)
        before = source[first:last]
        after = source[first : self.start] + self.new + source[self.end : last]
        return f"{line}: {self.where}, {self.kind}\n  - {before.strip()}\n  + {after.strip()}"


def changes(source: str) -> list[Change]:
    """Return all changes of a page that this module knows, in the order of the source.

    Parameters
    ----------
    source : str
        The script of a page.

    Examples
    --------
    >>> [one.apply("x = a.max() + 1") for one in changes("x = a.max() + 1")]
    ['x = a.min() + 1', 'x = a.max() - 1', 'x = a.max() + 2']
    """
    found = [*_in_code(source), *_in_text(source)]
    return sorted(set(found), key=lambda one: (one.start, one.end, one.kind))


def _in_code(source: str) -> Iterator[Change]:
    starts = [0, *itertools.accumulate(map(len, source.splitlines(keepends=True)))]
    lines = source.splitlines()

    def place(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def span(node: ast.AST) -> tuple[int, int]:
        return place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)

    def visit(node: ast.AST) -> Iterator[Change]:
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and CLAIMS.match(ast.unparse(node.func))):
            return  # claims are what notices the others
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | bytes | None | type(...)):
            yield Change("code", "constant", *span(node), _other_constant(node.value))
        if isinstance(node, ast.BinOp | ast.Compare):
            right = node.right if isinstance(node, ast.BinOp) else node.comparators[0]
            yield from _operator(source, span(node.left)[1], span(right)[0])
        if isinstance(node, ast.Call):
            yield from _arguments(source, node, span)
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in SIBLING and name not in WORDS and isinstance(node.ctx, ast.Load):
                end = span(node)[1]
                yield Change("code", "sibling", end - len(name), end, SIBLING[name])
        if isinstance(node, ast.Expr | ast.AugAssign) and not isinstance(getattr(node, "value", None), ast.Constant):
            yield Change("code", "line", *span(node), "pass")
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    yield from visit(ast.parse(source))


def _other_constant(value: complex) -> str:
    if isinstance(value, bool):
        return str(not value)
    return repr(value + 1) if isinstance(value, int) else repr(value * 2 or 1.0)


def _operator(source: str, start: int, end: int) -> Iterator[Change]:
    """Yield the change of the operator between two operands."""
    between = source[start:end]
    if (found := re.search(r"[-+*/%@<>=!]+", between)) and found[0] in OPERATORS:
        yield Change("code", "operator", start + found.start(), start + found.end(), OPERATORS[found[0]])


def _arguments(source: str, call: ast.Call, span) -> Iterator[Change]:
    """Yield a call whose first two arguments change places, and one without its last keyword."""
    if len(call.args) > 1 and not any(isinstance(part, ast.Starred) for part in call.args[:2]):
        (start, middle), (other, end) = map(span, call.args[:2])
        if source[start:middle] != source[other:end]:
            swapped = source[other:end] + source[middle:other] + source[start:middle]
            yield Change("code", "argument", start, end, swapped)
    if call.keywords:
        start, end = span(call.keywords[-1])
        before = [span(part)[1] for part in [*call.args, *(one.value for one in call.keywords[:-1])]]
        yield Change("code", "argument", max(before, default=start), end, "")


def _in_text(source: str) -> Iterator[Change]:
    """Yield changes of the docstring and of the comments between the cells."""
    for start, end in [*_texts(source), *_strings(source)]:
        text = source[start:end]
        hidden = NO_CLAIM.sub(lambda found: " " * len(found[0]), text)
        if not text.startswith(("#", '"""')):  # what stands in the braces of an f-string is code
            hidden = re.sub(r"\{[^{}]*\}", lambda found: " " * len(found[0]), hidden)
        for kind, pattern in IN_TEXT.items():
            for found in pattern.finditer(hidden):
                if kind == "number" and any(one[0] <= found.start() < one[1] for one in _spans("shape", hidden)):
                    continue
                small = kind == "number" and found[0].isdigit() and int(found[0]) <= SMALL
                what = "number to 12" if small else kind
                yield Change("text", what, start + found.start(), start + found.end(), _other_word(kind, found[0]))


def _strings(source: str) -> Iterator[tuple[int, int]]:
    """Yield where the strings that a page shows begin and end: questions, reasons, titles."""
    starts = [0, *itertools.accumulate(map(len, source.splitlines(keepends=True)))]
    lines = source.splitlines()
    for node in strings.nodes_of(source):
        (first, left), (last, right) = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        yield (
            starts[first - 1] + len(lines[first - 1].encode()[:left].decode()),
            starts[last - 1] + len(lines[last - 1].encode()[:right].decode()),
        )


def _spans(kind: str, text: str) -> list[tuple[int, int]]:
    return [found.span() for found in IN_TEXT[kind].finditer(text)]


def _texts(source: str) -> Iterator[tuple[int, int]]:
    """Yield where the docstring and each text between cells begins and ends."""
    body = ast.parse(source).body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        yield 0, len("\n".join(source.splitlines()[: body[0].end_lineno]))
    starts = [0, *itertools.accumulate(map(len, source.splitlines(keepends=True)))]
    inside = False
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.start[1] == 0:
            if inside:
                yield starts[token.start[0] - 1], starts[token.start[0] - 1] + len(token.string)
            inside |= token.string.startswith("# %%")
        elif token.type not in (tokenize.NL, tokenize.COMMENT):
            inside = False


def _other_word(kind: str, word: str) -> str:
    if kind in ("dtype", "name"):
        return (DTYPES if kind == "dtype" else SIBLING)[word]
    last = word[-1]
    return word[:-1] + str((int(last) + 1) % 10 if word != "9" else 7)
