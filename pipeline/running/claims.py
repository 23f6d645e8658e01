"""Compile a page's code so that its claims are counted and a false one says what the values were."""

from __future__ import annotations

import ast
from types import ModuleType
from typing import Any

NAME = "@claims"  # not an identifier: no page can touch it
LONGEST = 300  # characters of a value that a message shows


class Claims:
    """Counts the claims that held, and keeps the values of the one that is being checked.

    Attributes
    ----------
    held : int
        How many asserts, calls of ``assert_...`` functions and ``expect_...`` blocks have passed so far.
    """

    def __init__(self) -> None:
        self.held = 0
        self._open: list[list[tuple[str, Any]]] = []

    def begin(self) -> None:
        """Start a claim; claims nest, since a claim may call a function that makes one."""
        self._open.append([])

    def see(self, source: str, value: Any) -> Any:
        """Keep a value of the claim together with its source, and pass it on."""
        self._open[-1].append((source, value))
        return value

    def hold(self) -> None:
        """Count a claim as true."""
        self.held += 1

    def end(self) -> None:
        """Count a claim as true and forget its values."""
        self._open.pop()
        self.hold()

    def failure(self, source: str, *message: object) -> AssertionError:
        """Return the error that Python raises for a false claim, with a note: the claim and each of its values."""
        lines = [f"the claim is false:\n    assert {source}"]
        for part, value in self._open.pop():
            if not isinstance(value, ModuleType) and part != repr(value):
                lines.append(f"      {part} is {_short(value)}")
        error = AssertionError(*message)
        error.add_note("\n".join(lines))  # a page that catches the error prints what a download of it prints
        return error


def _short(value: Any) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception as error:  # a value that cannot be shown must not hide the false claim
        text = f"not printable ({type(error).__name__})"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


class _ClaimReporter(ast.NodeTransformer):
    """Rewrites asserts into statements that report to ``Claims``."""

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        source = ast.unparse(node.test)
        message = [node.msg] if node.msg is not None else []
        raise_it = ast.Raise(exc=_call("failure", ast.Constant(source), *message), cause=None)
        branch = ast.If(test=ast.UnaryOp(ast.Not(), _with_eyes(node.test)), body=[raise_it], orelse=[])
        return _placed(node, ast.Expr(_call("begin")), branch, ast.Expr(_call("end")))

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        if isinstance(node.value, ast.Call) and _called_name(node.value).startswith("assert_"):
            return [node, *_placed(node, ast.Expr(_call("hold")))]
        return node

    def visit_With(self, node: ast.With) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        if any(_called_name(call).startswith("expect_") for call in calls):
            return [node, *_placed(node, ast.Expr(_call("hold")))]
        return node


def _with_eyes(test: ast.expr) -> ast.expr:
    """Wrap the parts of a claim whose values explain it."""
    if isinstance(test, ast.BoolOp):
        return ast.BoolOp(test.op, [_with_eyes(value) for value in test.values])
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return ast.UnaryOp(test.op, _with_eyes(test.operand))
    if isinstance(test, ast.Compare):
        return ast.Compare(_seen(test.left), test.ops, [_seen(part) for part in test.comparators])
    if isinstance(test, ast.Call) and not any(isinstance(arg, ast.Starred) for arg in test.args):
        function = test.func
        if isinstance(function, ast.Attribute):
            function = ast.Attribute(_seen(function.value), function.attr, ast.Load())
        return ast.Call(function, [_seen(arg) for arg in test.args], test.keywords)
    return _seen(test)


def _seen(part: ast.expr) -> ast.expr:
    if isinstance(part, ast.GeneratorExp | ast.Lambda):  # their repr says nothing
        return part
    return _call("see", ast.Constant(ast.unparse(part)), part)


def _call(method: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name(NAME, ast.Load()), method, ast.Load()), list(args), [])


def _called_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _placed(old: ast.stmt, *new: ast.stmt) -> list[ast.stmt]:
    return [ast.fix_missing_locations(ast.copy_location(statement, old)) for statement in new]


def watched(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements whose claims report to ``Claims``, which must stand in the namespace under ``NAME``."""
    return _ClaimReporter().visit(ast.Module(statements, [])).body
