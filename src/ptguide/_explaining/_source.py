"""The expression in which a frame stands: from the instruction to the source, and from the source to its tree."""

from __future__ import annotations

import ast
import inspect
import itertools
import linecache
from dataclasses import dataclass
from types import CodeType, FrameType

from ptguide._explaining._bytecode import expression_of

SHOWN = (ast.Call, ast.BinOp, ast.Subscript, ast.Compare, ast.AugAssign, ast.UnaryOp, ast.Attribute, ast.BoolOp)


@dataclass(frozen=True)
class Spot:
    """Where in the source a frame stands.

    Attributes
    ----------
    node : ast.AST or None
        The innermost expression or statement that was being executed; None without source or columns.
    statement : ast.stmt or None
        The statement around it.
    line : int
        Its line in the file.
    """

    node: ast.AST | None
    statement: ast.stmt | None
    line: int


def spot(frame: FrameType, lasti: int, line: int) -> Spot:
    """Return the expression that an instruction of a frame belongs to.

    Parameters
    ----------
    frame : frame
    lasti, line : int
        The instruction and its line, as a traceback has them.
    """
    tree, shift = _tree(frame)
    if tree is None or not tree.body:
        return Spot(expression_of(frame.f_code, lasti), None, line)
    place = next(itertools.islice(frame.f_code.co_positions(), lasti // 2, None), (None,) * 4)
    first, last, start, end = place
    if first is None or last is None or start is None or end is None:
        return Spot(None, _statement(tree, line - shift), line)
    span = (first - shift, start, last - shift, end)
    found = [node for node in ast.walk(tree) if _span(node) == span]
    if not found:  # the call of a method on a line of its own begins, for Python, at the name of the method
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _span(node)[2:] == span[2:]]
    shown = [node for node in found if isinstance(node, SHOWN)] or found
    return Spot(shown[-1] if shown else None, _statement(tree, first - shift), line)


def _span(node: ast.AST) -> tuple[int, int, int, int]:
    places = (getattr(node, name, -1) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"))
    first, start, last, end = places
    return first, start, last, end


def _statement(tree: ast.Module, line: int) -> ast.stmt | None:
    """Return the innermost statement on a line."""
    around = [
        node for node in ast.walk(tree) if isinstance(node, ast.stmt) and _span(node)[0] <= line <= _span(node)[2]
    ]
    return max(around, key=lambda node: (node.lineno, node.col_offset), default=None)


def _tree(frame: FrameType) -> tuple[ast.Module | None, int]:
    """Return the tree of the function of a frame, and how many lines of the file stand above its first line."""
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    block, first = _block(lines, frame.f_code)
    try:
        if block and block[0][:1] in " \t":  # an indented block needs a line above it
            return ast.parse("if 1:\n" + "".join(block)), first - 2
        return ast.parse("".join(block)) if block else None, first - 1
    except (SyntaxError, ValueError):
        return None, 0


def _block(lines: list[str], code: CodeType) -> tuple[list[str], int]:
    """Return the lines of a function, and the number of the first; the whole file for a module, a class, a lambda."""
    first = code.co_firstlineno
    if code.co_name.startswith("<") or not code.co_flags & inspect.CO_OPTIMIZED or first > len(lines):
        return lines, 1
    return inspect.getblock(lines[first - 1 :]), first


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """Return for each node the one that it stands in."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def written(node: ast.AST, longest: int = 100) -> str:
    """Return the source of an expression in one line, without its middle where it is long."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-longest // 3 :]}"
