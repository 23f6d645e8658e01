"""Let a page report its claims: each assert, each call of ``assert_...`` and each block of ``expect_...``."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from pipeline.running.claims import NAME, Claim, Claims
from pipeline.running.tolerance import COMPARE

MARK = re.compile(r"# only on a (GPU|CPU)\b")


def marks(text: str) -> dict[int, str]:
    """Return the lines of a script that are marked as holding only on a device, with the device.

    Examples
    --------
    >>> marks("assert x.is_cuda  # only on a GPU")
    {1: 'a GPU'}
    """
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = ((token.start[0], MARK.match(token.string)) for token in tokens if token.type == tokenize.COMMENT)
    return {line: f"a {found[1]}" for line, found in comments if found}


class Watcher(ast.NodeTransformer):
    """Rewrites the claims of a page into statements that report to `Claims`, which stand in its names under ``NAME``.

    Parameters
    ----------
    claims : Claims
    text : str
        The whole script.
    """

    def __init__(self, claims: Claims, text: str) -> None:
        self._claims, self._marks, self._cell = claims, marks(text), 0
        self._shown_failing = False

    def watched(self, statements: list[ast.stmt], cell: int) -> list[ast.stmt]:
        """Return the statements of a cell with its claims rewritten."""
        self._cell = cell
        return self.visit(ast.Module(statements, [])).body

    def unused(self) -> list[int]:
        """Return the lines with a mark on which no claim stands."""
        return sorted(self._marks)

    def _add(self, node: ast.stmt, source: str, last: int) -> ast.Constant:
        only = [self._marks.pop(line) for line in range(node.lineno, last + 1) if line in self._marks]
        return ast.Constant(self._claims.add(Claim(self._cell, node.lineno, source, *only[:1])))

    def visit_Assert(self, node: ast.Assert) -> ast.stmt | list[ast.stmt]:
        """Rewrite an assert, unless the page shows how it fails."""
        if self._shown_failing:
            return node
        number = self._add(node, f"assert {ast.unparse(node.test)}", node.end_lineno or node.lineno)
        message = [node.msg] if node.msg is not None else []
        raise_it = ast.Raise(exc=_call("failure", number, *message), cause=None)
        branch = ast.If(test=ast.UnaryOp(ast.Not(), _with_eyes(node.test, number)), body=[raise_it], orelse=[])
        return _placed(node, ast.Expr(_call("begin")), branch, ast.Expr(_call("end", number)))

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """Rewrite a call of ``assert_...``."""
        call = node.value
        if isinstance(call, ast.Call) and called_name(call).startswith("assert_") and not self._shown_failing:
            number = self._add(node, ast.unparse(call), node.end_lineno or node.lineno)
            watched = _call("call", number, call.func, *call.args)
            watched.keywords = call.keywords
            node.value = ast.fix_missing_locations(ast.copy_location(watched, call))
        return node

    def visit_With(self, node: ast.With) -> ast.stmt | list[ast.stmt]:
        """Count a block of ``expect_...``; in one that expects an ``AssertionError``, claims fail on purpose."""
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        expecting = [call for call in calls if called_name(call).startswith("expect_")]
        failing = any(call.args and ast.unparse(call.args[0]) == "AssertionError" for call in expecting)
        number = self._add(node, ast.unparse(expecting[0]), node.body[0].lineno - 1) if expecting else None
        before, self._shown_failing = self._shown_failing, self._shown_failing or failing
        self.generic_visit(node)
        self._shown_failing = before
        if number is None:
            return node
        held = _placed(node, ast.Expr(_call("hold", number)))
        if not failing:
            return [node, *held]
        begin, end = (ast.Expr(_call("forgive", ast.Constant(change))) for change in (1, -1))
        return [*_placed(node, begin), node, *_placed(node, end), *held]


def _with_eyes(test: ast.expr, number: ast.Constant, positive: bool = True) -> ast.expr:
    """Wrap the parts of a claim whose values explain it."""
    if isinstance(test, ast.BoolOp):
        return ast.BoolOp(test.op, [_with_eyes(value, number, positive) for value in test.values])
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return ast.UnaryOp(test.op, _with_eyes(test.operand, number, not positive))
    if isinstance(test, ast.Compare):
        return ast.Compare(_seen(test.left), test.ops, [_seen(part) for part in test.comparators])
    if isinstance(test, ast.Call) and not any(isinstance(arg, ast.Starred) for arg in test.args):
        function = test.func
        if isinstance(function, ast.Attribute):
            function = ast.Attribute(_seen(function.value), function.attr, ast.Load())
        args = [_seen(arg) for arg in test.args]
        if positive and called_name(test) in COMPARE:
            call = _call("compare", number, function, *args)
            call.keywords = test.keywords
            return call
        if positive and called_name(test) == "all" and len(args) == 1 and isinstance(args[0], ast.GeneratorExp):
            args = [_call("some", number, args[0])]
        return ast.Call(function, args, test.keywords)
    return _seen(test)


def _seen(part: ast.expr) -> ast.expr:
    if isinstance(part, ast.GeneratorExp | ast.Lambda):  # their repr says nothing
        return part
    return _call("see", ast.Constant(ast.unparse(part)), part)


def _call(method: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name(NAME, ast.Load()), method, ast.Load()), list(args), [])


def called_name(call: ast.Call) -> str:
    """Return the last part of the name of what is called; empty where it has none."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _placed(old: ast.stmt, *new: ast.stmt) -> list[ast.stmt]:
    return [ast.fix_missing_locations(ast.copy_location(statement, old)) for statement in new]
