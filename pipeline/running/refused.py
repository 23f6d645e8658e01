"""What a page's code may not say: a claim that cannot fail, and an order to overlook warnings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from pipeline.running.claims import at
from pipeline.running.tolerance import COMPARE
from pipeline.running.watching import called_name

EQUAL = (*COMPARE, "equal", "assert_equal", "assert_array_equal", "array_equal")
REFLEXIVE = (ast.Eq, ast.Is, ast.LtE, ast.GtE)
ITSELF = (
    "the claim cannot fail: it compares an expression with itself. Write what is expected, or keep what each of two "
    "readings gave, and compare these."
)
ALWAYS = "the claim cannot fail: {} is always true. Write what could be otherwise."
ANY_MESSAGE = "{} accepts every message: give a word of the one that is meant, match='...', or '^$' where it is empty."
OVERLOOKED = (
    "{} overlooks warnings that nobody has read. A warning that is meant is shown by ptguide.errors.expect_warning; "
    "'error' may stand everywhere, and 'always' in a block of catch_warnings(record=True)."
)


def refuse(tree: ast.Module) -> None:
    """Raise for what a script may not say.

    Raises
    ------
    AssertionError
        With the first line, and a list where there is more than one.
    """
    if found := sorted({*_weak_claims(tree), *_overlooked(tree)}):
        more = "".join(f"\nline {line}: {why}" for line, why in found[1:])
        raise at(found[0][0], found[0][1] + more)


def _weak_claims(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and (why := _cannot_fail(node.test)):
            yield node.lineno, why
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if called_name(call).startswith("assert_") and (why := _call_cannot_fail(call)):
                yield node.lineno, why
        elif isinstance(node, ast.Call) and called_name(node) in ("expect_error", "expect_warning"):
            words = [*node.args[1:2], *(option.value for option in node.keywords if option.arg == "match")]
            text = words[0].value if words and isinstance(words[0], ast.Constant) else "given by name"
            if not words or not re.search(r"\w{2}|^\^\$$", str(text)):
                yield node.lineno, ANY_MESSAGE.format(ast.unparse(node))


def _cannot_fail(test: ast.expr) -> str:
    """Return why a claim is true whatever happens; empty if it is not."""
    if isinstance(test, ast.BoolOp):
        whys = [_cannot_fail(value) for value in test.values]
        enough = any(whys) if isinstance(test.op, ast.Or) else all(whys)
        return next(filter(None, whys)) if enough else ""
    if isinstance(test, ast.Compare):
        sides = (test.left, *test.comparators)
        pairs = zip(sides, test.ops, sides[1:], strict=False)
        itself = all(_is_same(left, right) and isinstance(how, REFLEXIVE) for left, how, right in pairs)
        return ITSELF if itself else ""
    if isinstance(test, ast.Call):
        return _call_cannot_fail(test)
    filled = isinstance(test, ast.Tuple | ast.List | ast.Set) and bool(test.elts)
    true = isinstance(test, ast.Constant) and bool(test.value)
    if filled or true or isinstance(test, ast.GeneratorExp | ast.Lambda):
        return ALWAYS.format(ast.unparse(test))
    return ""


def _call_cannot_fail(call: ast.Call) -> str:
    """Return why a call is true whatever happens: what it compares is one expression, or its generator compares so."""
    if called_name(call) == "all" and len(call.args) == 1 and isinstance(call.args[0], ast.GeneratorExp | ast.ListComp):
        return _cannot_fail(call.args[0].elt)
    sides = [*call.args[:2], *(option.value for option in call.keywords if option.arg in ("expected", "other"))]
    if isinstance(call.func, ast.Attribute) and called_name(call) in ("equal", "allclose") and len(call.args) == 1:
        sides = [call.func.value, *call.args]
    return ITSELF if called_name(call) in EQUAL and len(sides) >= 2 and _is_same(sides[0], sides[1]) else ""


def _is_same(one: ast.expr, other: ast.expr) -> bool:
    """Return whether two expressions have the same value; of two calls that is a claim, as of ``dropout(x)``."""
    return ast.dump(one) == ast.dump(other) and not any(isinstance(part, ast.Call) for part in ast.walk(one))


def _overlooked(tree: ast.AST, recording: bool = False) -> Iterator[tuple[int, str]]:
    for node in ast.iter_child_nodes(tree):
        inside = recording
        if isinstance(node, ast.With):
            calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
            inside = recording or any(_records(call) for call in calls)
        if isinstance(node, ast.Call) and _overlooks(node, recording):
            yield node.lineno, OVERLOOKED.format(ast.unparse(node))
        yield from _overlooked(node, inside)


def _records(call: ast.Call) -> bool:
    named = called_name(call) == "catch_warnings"
    return named and any(option.arg == "record" and ast.unparse(option.value) == "True" for option in call.keywords)


def _overlooks(call: ast.Call, recording: bool) -> bool:
    name = called_name(call)
    actions = [*call.args[:1], *(option.value for option in call.keywords if option.arg == "action")]
    if name == "catch_warnings":
        actions = [option.value for option in call.keywords if option.arg == "action"]
    elif name == "resetwarnings":
        return True
    elif name not in ("simplefilter", "filterwarnings"):
        return False
    allowed = ("error", "always") if recording else ("error",)
    return any(not isinstance(action, ast.Constant) or action.value not in allowed for action in actions)
