"""The matrix product for every pair of ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from ptguide.rules._broadcast import broadcast_shape
from ptguide.rules._explanation import Explanation, RefusalError, Shape, explain, read_shape, table


def explain_matmul(a: Sequence[int] | Tensor, b: Sequence[int] | Tensor) -> Explanation:
    """Explain the shape of ``a @ b``, which is `torch.matmul`.

    Parameters
    ----------
    a, b : sequence of int or Tensor
        The shapes, or tensors that have them.

    Returns
    -------
    Explanation
        Its text says which case of ranks it is, which axes are summed over and how the batch axes are broadcast.
        Where torch raises an error, it names up to two changes that work.

    Raises
    ------
    TypeError
        If an argument is no shape and no tensor.
    ValueError
        If a size is negative.

    Examples
    --------
    >>> explain_matmul((7, 1, 2, 3), (5, 3, 4))
    a        7  1  2  3
    b           5  3  4
    result   7  5  2  4
    batch of matrices times batch of matrices
    Axis -1 of a and axis -2 of b, both 3, are multiplied and summed over.
    The batch axes (7, 1) and (5,) are broadcast to (7, 5).
    >>> explain_matmul((2, 3), (4, 3))
    a   2  3
    b   4  3
    matrix times matrix
    Axis -1 of a is 3 and axis -2 of b is 4; they are summed over together and must be equal.
    Try a @ b.mT, which gives (2, 4).
    """
    left, right = read_shape("a", a), read_shape("b", b)
    return explain(lambda lines: _rule(left, right, lines))


def matmul_shape(a: Shape, b: Shape) -> Shape | None:
    """Return the shape of the product, or None where there is none."""
    if not a or not b or a[-1] != b[-2:][0]:
        return None
    batch = broadcast_shape([a[:-2], b[:-2]])
    return None if batch is None else (*batch, *a[-2:-1], *b[-2:][1:])


def _rule(a: Shape, b: Shape, lines: list[str]) -> Shape:
    result = matmul_shape(a, b)
    lines += table({"a": a, "b": b} if result is None else {"a": a, "b": b, "result": result})
    lines.append(_case(a, b))
    if not a or not b:
        raise RefusalError(f"matmul needs at least one axis on both sides. Use a * b, which gives {a or b}.")
    inner = "axis -2" if len(b) > 1 else "axis -1"
    if a[-1] != b[-2:][0]:
        why = (
            f"Axis -1 of a is {a[-1]} and {inner} of b is {b[-2:][0]}; they are summed over together and must be equal."
        )
        raise RefusalError("\n".join([why, *_remedies(a, b)]))
    batches = f"The batch axes {a[:-2]} and {b[:-2]}"
    if result is None:
        raise RefusalError("\n".join([f"{batches} do not broadcast.", *_remedies(a, b)]))
    lines.append(f"Axis -1 of a and {inner} of b, both {a[-1]}, are multiplied and summed over.")
    if len(a) == 1 and len(b) > 1:
        lines.append(f"a is read as the row (1, {a[0]}); its axis of size 1 vanishes from the result.")
    if len(b) == 1 and len(a) > 1:
        lines.append(f"b is read as the column ({b[0]}, 1); its axis of size 1 vanishes from the result.")
    if a[:-2] and b[:-2]:
        lines.append(f"{batches} are broadcast to {result[: max(len(a), len(b)) - 2]}.")
    elif a[:-2] or b[:-2]:
        lines.append(f"The batch axes {a[:-2] or b[:-2]} of {'a' if a[:-2] else 'b'} are kept.")
    return result


def _case(a: Shape, b: Shape) -> str:
    if len(a) == len(b) == 1:
        return "dot product of two vectors"
    names = ("number", "vector", "matrix", "batch of matrices")
    return f"{names[min(len(a), 3)]} times {names[min(len(b), 3)]}"


def _remedies(a: Shape, b: Shape) -> list[str]:
    found = _working(_changes(a, b)) or _working(_insertions(a, b))[:1]
    if not found:
        return ["No swap of the last two axes or of a and b and no single inserted axis of size 1 makes them fit."]
    return [f"Try {', or '.join(found[:2])}."]


def _working(changes: Iterator[tuple[str, Shape, Shape]]) -> list[str]:
    tried = ((expression, matmul_shape(a, b)) for expression, a, b in changes)
    return [f"{expression}, which gives {result}" for expression, result in tried if result is not None]


def _changes(a: Shape, b: Shape) -> Iterator[tuple[str, Shape, Shape]]:
    """Yield what people usually meant, the likeliest first."""
    if len(b) > 1:
        yield "a @ b.mT", a, (*b[:-2], b[-1], b[-2])
    if len(a) > 1:
        yield "a.mT @ b", (*a[:-2], a[-1], a[-2]), b
    yield "b @ a", b, a
    if len(a) == len(b) == 1:  # the outer product
        yield "a.unsqueeze(-1) @ b.unsqueeze(0)", (*a, 1), (1, *b)
    if len(b) == len(a) - 1:
        yield "a @ b.unsqueeze(-1)", a, (*b, 1)
    if len(a) == len(b) - 1:
        yield "a.unsqueeze(-2) @ b", (*a[:-1], 1, a[-1]), b
    for place in range(1, len(a) - 1):
        yield f"a.unsqueeze({place}) @ b", (*a[:place], 1, *a[place:]), b
    for place in range(1, len(b) - 1):
        yield f"a @ b.unsqueeze({place})", a, (*b[:place], 1, *b[place:])


def _insertions(a: Shape, b: Shape) -> Iterator[tuple[str, Shape, Shape]]:
    for place in range(len(a) + 1):
        yield f"a.unsqueeze({place}) @ b", (*a[:place], 1, *a[place:]), b
    for place in range(len(b) + 1):
        yield f"a @ b.unsqueeze({place})", a, (*b[:place], 1, *b[place:])
