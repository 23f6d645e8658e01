"""The strings of code that a page shows as text: a question with its reasons, and the title of a figure."""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator

from pipeline.text.typed import CODE, is_code

TITLES = {"set_title", "suptitle", "title"}  # of Matplotlib
BEGUN = re.compile(r"\b[a-zA-Z_][\w.]*(?=[(\[])|\b[a-zA-Z_]\w*=(?=[-\w(\[])")  # code
WORDS = ast.Constant | ast.JoinedStr


@functools.cache
def _tree(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.Module([], [])


def shown(code: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, from 0, and words of each string that a page shows, and the question of which it is a reason.

    In the place of a value of an f-string stands a bar; around code with numbers in it stand marks.

    Examples
    --------
    >>> [(line, words.replace(CODE, "`")) for line, words, _ in shown('title(f"It is {x}, not view(4)[0].T: dim=1")')]
    [(0, 'It is |, not `view(4)[0].T`: `dim=1`')]
    """
    for node, question in _shown(code):
        yield node.lineno - 1, _words(node), _words(question) if question else ""


def nodes_of(code: str) -> Iterator[ast.expr]:
    """Yield the strings that `shown` tells the words of, as they stand in the code."""
    return (node for node, _ in _shown(code))


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
        parts = [part.value if isinstance(part, ast.Constant) else "|" for part in node.values]
        return _marked("".join(parts))
    value = getattr(node, "value", None)
    return _marked(value) if isinstance(value, str) else ""


def _marked(words: str) -> str:
    """Return words with marks around the code among them: a name with brackets, or an argument with its name."""
    made, end = "", 0
    for begun in BEGUN.finditer(words):
        if begun.start() >= end:
            stop = _end_of_code(words, begun.end())
            code = words[begun.start() : stop]
            made += words[end : begun.start()] + (f"{CODE}{code}{CODE}" if is_code(code) else code)
            end = stop
    return made + words[end:]


def _end_of_code(words: str, at: int) -> int:
    """Return where an expression ends: behind its brackets and the names and numbers that follow without a space."""
    inside = 0
    for place in range(at, len(words)):
        letter = words[place]
        inside += (letter in "([{") - (letter in ")]}")
        part_of_name = letter.isalnum() or letter in "_-" or (letter == "." and words[place + 1 :][:1].isalnum())
        if inside < 0 or not (inside or part_of_name or letter in ")]}"):
            return place
    return at if inside else len(words)


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
