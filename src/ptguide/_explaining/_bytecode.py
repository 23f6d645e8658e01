"""The expression of an instruction where there is no source: at the prompt of Python, and with ``python -c``."""

from __future__ import annotations

import ast
import dis
from types import CodeType

LOADS = {"LOAD_FAST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"}
SKIPPED = {"RESUME", "PRECALL", "CACHE", "EXTENDED_ARG", "NOP"}


def expression_of(code: CodeType, lasti: int) -> ast.expr | None:
    """Return the expression whose instruction fails, written anew from the instructions before it.

    Parameters
    ----------
    code : code
    lasti : int
        The place of the instruction.

    Returns
    -------
    ast.expr or None
        None for an instruction that is no operator, subscript or call, or that follows others than these.
    """
    stack: list[str | None] = []
    words: tuple[str, ...] = ()
    before = [one for one in dis.get_instructions(code) if one.offset <= lasti]
    line = before[-1].positions and before[-1].positions.lineno
    for one in before:
        if one.positions is None or one.positions.lineno != line:
            continue
        try:
            if one.opname == "KW_NAMES":
                words = code.co_consts[one.arg or 0]
            elif one.opname not in SKIPPED:
                words = _step(one, stack, words)
        except (IndexError, ValueError, StopIteration):  # what another statement left
            stack.clear()
    text = stack[-1] if stack else None
    return ast.parse(text, mode="eval").body if text else None


def _step(one: dis.Instruction, stack: list[str | None], words: tuple[str, ...]) -> tuple[str, ...]:
    """Do with texts what an instruction does with values; what is not known here empties the stack."""
    name = one.opname
    if name in LOADS:
        stack += [None] * one.argrepr.startswith("NULL + ") + [str(one.argval)]
    elif name in ("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"):  # two at once, since Python 3.13
        stack += one.argval
    elif name in ("LOAD_CONST", "LOAD_SMALL_INT"):
        stack.append(repr(one.argval))
    elif name == "PUSH_NULL":
        stack.append(None)
    elif name in ("LOAD_ATTR", "LOAD_METHOD"):
        stack.append(f"{stack.pop()}.{one.argval}")
        if name == "LOAD_METHOD" or "NULL|self" in one.argrepr:
            stack.insert(-1, None)
    elif name in ("BINARY_OP", "COMPARE_OP"):
        right, left = stack.pop(), stack.pop()
        sign = one.argrepr.removesuffix("=") if name == "BINARY_OP" else one.argrepr
        stack.append(f"({left} {sign} {right})")
    elif name == "BINARY_SUBSCR":
        index, base = stack.pop(), stack.pop()
        stack.append(f"{base}[{index}]")
    elif name in ("BUILD_TUPLE", "BUILD_LIST"):
        entries = _popped(stack, one.arg or 0)
        stack.append(f"({', '.join(entries)},)" if name == "BUILD_TUPLE" else f"[{', '.join(entries)}]")
    elif name in ("CALL", "CALL_KW"):
        if name == "CALL_KW":  # since Python 3.13 the keywords lie on the stack
            words = ast.literal_eval(str(stack.pop()))
        args = _popped(stack, one.arg or 0)
        named = [f"{word}={arg}" for word, arg in zip(words, args[len(args) - len(words) :], strict=True)]
        pair = [stack.pop(), stack.pop()]
        function = next(part for part in pair if part is not None)
        stack.append(f"{function}({', '.join([*args[: len(args) - len(words)], *named])})")
        return ()
    else:
        stack.clear()
    return words


def _popped(stack: list[str | None], count: int) -> list[str]:
    taken = [str(entry) for entry in stack[len(stack) - count :]]
    del stack[len(stack) - count :]
    return taken
