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
from pipeline.running import refused
from pipeline.running.claims import Claims, at
from pipeline.running.printed import Printed
from pipeline.running.watching import Watcher
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
    begin : callable, optional
        Takes the line on which a cell begins, before it does.
    values : callable, optional
        Takes the number of a cell, from 0; returns the values in the text that belong to it, as they are now.

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
        begin: Callable[[int], object] = lambda _: None,
        values: Callable[[int], list[dict[str, Any]]] = lambda _: [],
    ) -> None:
        self.cells: list[dict[str, Any]] = []
        self._blocks, self._printed, self._see, self._give, self._values = blocks, printed, see, give, values
        self._say_where = begin
        self._begin()

    def _begin(self) -> None:
        self._value, self._text, self._html = None, "", ""
        if line := self.line:
            self._say_where(line)
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
                "values": self._values(len(self.cells)),
            }
        )
        self._printed.take()  # of what computing a value prints, a page shows nothing
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


def compiled(text: str, file: str, blocks: Sequence[Block], claims: Claims | None) -> CodeType:
    """Compile a script whose cells call the observer, and whose claims report, if that is wanted, to ``claims``.

    Raises
    ------
    AssertionError
        If a claim cannot fail, or a mark of a claim stands where none is.
    """
    tree = ast.parse(text, file)
    watcher = Watcher(claims, text) if claims else None
    if watcher:
        refused.refuse(tree)
    starts = [block.lineno for block in blocks]
    cells: list[list[ast.stmt]] = [[] for _ in range(len(blocks) + 1)]
    for statement in tree.body:
        first = min([statement.lineno, *(part.lineno for part in getattr(statement, "decorator_list", ()))])
        cells[bisect_right(starts, first)].append(statement)
    body = cells[0]  # the docstring
    for number, (block, cell) in enumerate(zip(blocks, cells[1:], strict=True), 1):
        last = cell[-1] if cell else None
        made = watcher.watched(cell, number) if watcher else cell
        if isinstance(last, ast.Expr) and not ends_with_semicolon(block.content):
            last.value = _placed(_call("show", last.value), last.lineno)
        body += [*made, _placed(ast.Expr(_call("end")), first_line(block))]
    if watcher and (unused := watcher.unused()):
        raise at(
            unused[0], "the mark '# only on a ...' stands beside no claim: put it on the line of one, or delete it."
        )
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
