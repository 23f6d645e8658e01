"""A call written anew, with a letter for each of its tensors."""

from __future__ import annotations

from ptguide._explaining._calls import Call, Operand
from ptguide._explaining._standins import UNKNOWN, is_tensor

SIGNS = {
    "matmul": "@", "imatmul": "@", "add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "floordiv": "//",
    "mod": "%", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!=", "and_": "&", "or_": "|",
    "xor": "^",
}  # fmt: skip


def letters(tensors: list[Operand]) -> dict[str, Operand]:
    """Return a letter for each tensor."""
    return dict(zip("abcdefgh", tensors, strict=False))


def form(call: Call, names: dict[str, Operand]) -> str:
    """Return the code of a call in which ``{a}`` stands for the tensor ``a``.

    Parameters
    ----------
    call : Call
    names : dict of str to Operand
        A letter for each of its tensors.

    Raises
    ------
    LookupError
        If another argument of the call is not known.
    """
    known = {id(one.value): letter for letter, one in names.items()}

    def text(operand: Operand) -> str:
        if is_tensor(operand.value):
            return f"{{{known[id(operand.value)]}}}"
        if operand.value is UNKNOWN or any(part.is_tensor for part in operand.parts):
            raise LookupError(operand.name)
        return repr(operand.value).replace("{", "{{").replace("}", "}}")

    args = [text(one) for one in call.args]
    if call.op in SIGNS:
        return f" {SIGNS[call.op]} ".join(args)
    words = [f"{word}={text(one)}" for word, one in call.words.items()]
    if call.room:
        return f"{call.room}.{call.op}({', '.join([*args, *words])})"
    return f"{args[0]}.{call.op}({', '.join([*args[1:], *words])})"
