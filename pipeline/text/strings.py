"""The strings of code that a page shows as text: a question with its reasons, and the title of a figure."""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator

TITLES = {"set_title", "suptitle", "title"}  # of Matplotlib
CALL = re.compile(r"\b[a-zA-Z_][\w.]*(?:\([^()]*\)|=-?[\w.]*\w)")  # or an argument with its name
WORDS = ast.Constant | ast.JoinedStr


@functools.cache
def _tree(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.Module([], [])


def shown(code: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, from 0, and words of each string that a page shows, and the question of which it is a reason.

    In the place of a value of an f-string, and of a call that a question or a reason names, stands a bar.

    Examples
    --------
    >>> list(shown('ask("Is it 3?", answer=x, choices={4: f"It is {x}, not view(4)."})'))
    [(0, 'Is it 3?', ''), (0, 'It is |, not |.', 'Is it 3?')]
    """
    for node, question in _shown(code):
        yield node.lineno - 1, _words(node), _words(question) if question else ""


def _shown(code: str) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    for call in ast.walk(_tree(code)):
        if isinstance(call, ast.Call):
            name = getattr(call.func, "attr", "") or getattr(call.func, "id", "")
            texts = call.args[:1] if name in {"ask", *TITLES} else []
            yield from ((text, None) for text in texts if isinstance(text, WORDS))
            if name == "ask" and texts:
                yield from ((text, texts[0]) for text in _reasons(call) if isinstance(text, WORDS))


def _reasons(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the reasons of a question."""
    for keyword in call.keywords:
        if keyword.arg == "choices" and isinstance(keyword.value, ast.Dict):
            yield from keyword.value.values


def _words(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(part) if isinstance(part, ast.Constant) else "|" for part in node.values)
    value = getattr(node, "value", None)
    return CALL.sub("|", value) if isinstance(value, str) else ""


@functools.cache
def without(code: str) -> str:
    """Return code without its comments and without the words of the strings that a page shows; their values stay.

    Examples
    --------
    >>> without('ask("Is it 3?", answer=x)  # 4')
    "ask(''        , answer=x)   "
    """
    lines = [line.encode() for line in code.splitlines(keepends=True)]  # ast counts bytes
    values = []
    for node, _ in _shown(code):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        values += [ast.unparse(part.value) for part in parts if isinstance(part, ast.FormattedValue)]
        _cut(lines, node)
    return "\n".join([_without_comments(b"".join(lines).decode()), *values])


def _cut(lines: list[bytes], node: ast.expr) -> None:
    """Put an empty string in the place of a string; what stands beside it stays where it is."""
    first, left = node.lineno, node.col_offset
    last, right = node.end_lineno or first, node.end_col_offset or left
    rest = lines[last - 1][right:]
    space = b" " * (right - left - 2)
    lines[first - 1] = lines[first - 1][:left] + b"''" + (space + rest if first == last else b"\n")
    for number in range(first + 1, last + 1):
        lines[number - 1] = (b" " * right + rest) if number == last else b"\n"


def _without_comments(code: str) -> str:
    lines = code.splitlines(keepends=True)
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = re.sub(r"\S", "", lines[row - 1][column:]).join([lines[row - 1][:column], ""])
    except (tokenize.TokenError, SyntaxError):  # no code of Python
        return code
    return "".join(lines)
