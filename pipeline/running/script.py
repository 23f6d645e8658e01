"""Execute a script as ``__main__``, as ``python page.py`` does, and see what each of its cells gives.

Between the cells the script calls an observer, with the value that the cell ends with; nothing else is changed in it.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import sys
import time
import tokenize
import types
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from pipeline.gallery.adapter import ANSI, Block
from pipeline.running import claims
from pipeline.running.printed import Printed
from pipeline.running.words.html import words

NAME = "@page"  # not an identifier: no page can touch it
# A cell that begins so prints what it measured, which differs from run to run.
MEASURED = re.compile(r"\A\s*# Measured\b")


class Observer:
    """Notes what each cell gives.

    Parameters
    ----------
    blocks : sequence of Block
        The cells of code.
    printed : Printed
    see : callable
        Takes the value that a cell ends with; returns its pictures in words, and in lines what its figures hold.
    give : callable, optional
        Takes what a cell printed, its last value included, and that value as HTML.

    Attributes
    ----------
    cells : list of dict
        What was noted.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        printed: Printed,
        see: Callable[[Any], tuple[list[str], list[str]]],
        give: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self.cells: list[dict[str, Any]] = []
        self._blocks, self._printed, self._see, self._give = blocks, printed, see, give
        self._begin()

    def _begin(self) -> None:
        self._value, self._text, self._html = None, "", ""
        self._started = time.perf_counter()

    @property
    def line(self) -> int | None:
        """The line on which the present cell begins."""
        left = self._blocks[len(self.cells) :]
        return first_line(left[0]) if left else None

    def show(self, value: Any) -> None:
        """Take the value that a cell ends with."""
        self._value, (self._text, self._html) = value, representation(value)

    def end(self) -> None:
        """End a cell."""
        text = self._printed.take().expandtabs()
        pictures, drawn = self._see(self._value)
        text = ANSI.sub("", f"{text}\n{self._text}" if self._text else text)
        self._give(text, self._html)
        block = self._blocks[len(self.cells)]
        self.cells.append(
            {
                "line": first_line(block),
                "code": block.content.strip(),
                "measured": bool(MEASURED.match(block.content)),
                "text": "\n".join(line.rstrip() for line in text.splitlines()).strip("\n"),
                "pictures": pictures,
                "drawn": drawn,
                "html": words(self._html, "; ".join(pictures)) if self._html else [],
                "seconds": time.perf_counter() - self._started,
            }
        )
        self._begin()


def representation(value: Any) -> tuple[str, str]:
    """Return how a page shows a value: as text or as HTML; neither for None.

    Examples
    --------
    >>> representation([1, 2])
    ('[1, 2]', '')
    """
    try:
        html = value._repr_html_()
    except Exception:  # it has none, or none for this value
        html = None
    if isinstance(html, str):
        return "", html
    try:
        return ("" if value is None else repr(value)), ""
    except Exception:
        return "", ""


def first_line(block: Block) -> int:
    """Return the line on which the code of a cell begins."""
    return block.lineno + len(block.content) - len(block.content.lstrip("\n"))


def compiled(text: str, file: str, blocks: Sequence[Block], watch: bool) -> CodeType:
    """Compile a script whose cells call the observer, and whose claims are watched if that is wanted."""
    tree = ast.parse(text, file)
    starts = [block.lineno for block in blocks]
    cells: list[list[ast.stmt]] = [[] for _ in range(len(blocks) + 1)]
    for statement in tree.body:
        first = min([statement.lineno, *(part.lineno for part in getattr(statement, "decorator_list", ()))])
        cells[bisect_right(starts, first)].append(statement)
    body = cells[0]  # the docstring
    for block, cell in zip(blocks, cells[1:], strict=True):
        last = cell[-1] if cell else None
        made = claims.watched(cell) if watch else cell
        if isinstance(last, ast.Expr) and not ends_with_semicolon(block.content):
            last.value = _placed(_call("show", last.value), last.lineno)
        body += [*made, _placed(ast.Expr(_call("end")), first_line(block))]
    return compile(ast.fix_missing_locations(ast.Module(body, [])), file, "exec", dont_inherit=True)


def ends_with_semicolon(code: str) -> bool:
    """Return whether the last statement ends with a semicolon, as in a notebook a value ends that is not to be shown.

    Examples
    --------
    >>> ends_with_semicolon("plt.plot(x);  # no list of lines"), ends_with_semicolon("x  # a;")
    (True, False)
    """
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(code).readline) if token.type not in blank]
    return bool(tokens) and tokens[-1].string == ";"


def _call(method: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name(NAME, ast.Load()), method, ast.Load()), list(arguments), [])


def _placed(node: Any, line: int) -> Any:
    """Give a node, and what in it has none, a line."""
    node.lineno = node.end_lineno = line
    node.col_offset = node.end_col_offset = 0
    return node


def main_module(file: Path, hooks: dict[str, Any]) -> types.ModuleType:
    """Make the module in which a script runs: what it defines can be found by its source, and pickled."""
    main = types.ModuleType("__main__")
    main.__dict__.update(hooks, __file__=str(file), __builtins__=builtins, __cached__=None)
    sys.modules["__main__"] = main
    sys.argv[:] = [file.name]
    return main
