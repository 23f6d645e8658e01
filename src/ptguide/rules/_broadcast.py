"""Broadcasting: which axis is stretched, and which sizes do not fit."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator, Sequence

from torch import Tensor

from ptguide.rules._explanation import Explanation, RefusalError, Shape, explain, listed, read_shape, table


def explain_broadcast(*shapes: Sequence[int] | Tensor) -> Explanation:
    """Explain how shapes are broadcast together, as ``a + b`` does it.

    Parameters
    ----------
    *shapes : sequence of int or Tensor
        The shapes, or tensors that have them; they are called a, b, c and so on: at most as many as the alphabet has.

    Returns
    -------
    Explanation
        Its text lines the shapes up from the right and says which axes are stretched. Where the shapes do not fit,
        it names the axis and a change that makes them fit.

    Raises
    ------
    TypeError
        If an argument is no shape and no tensor.
    ValueError
        If there is no argument, if there are more than letters, or if a size is negative.

    Examples
    --------
    >>> explain_broadcast((3, 1, 5), (4, 5))
    a        3  1  5
    b           4  5
    result   3  4  5
    axis -2: b has 4, a has 1: a is stretched (stride 0, nothing is copied)
    axis -3: only a has it; b is stretched over 3
    >>> explain_broadcast((3,), (4,))
    a        3
    b        4
    result   ?
    axis -1 is 3 in a and 4 in b, and neither is 1.
    Insert an axis of size 1: a.unsqueeze(-1) has shape (3, 1), which gives (3, 4).
    """
    if not 1 <= len(shapes) <= len(string.ascii_lowercase):
        raise ValueError(f"{len(shapes)} shapes came; expected 1 to {len(string.ascii_lowercase)}.")
    named = {name: read_shape(name, shape) for name, shape in zip(string.ascii_lowercase, shapes, strict=False)}
    return explain(lambda lines: _rule(named, lines))


def broadcast_shape(shapes: Sequence[Shape]) -> Shape | None:
    """Return the shape that all are broadcast to, or None where they do not fit."""
    axes = max(map(len, shapes), default=0)
    result = []
    for axis in range(-axes, 0):
        sizes = {shape[axis] for shape in shapes if -axis <= len(shape)} - {1}
        if len(sizes) > 1:
            return None
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def _rule(named: dict[str, Shape], lines: list[str]) -> Shape:
    axes = max(map(len, named.values()))
    columns = {axis: {n: s[axis] for n, s in named.items() if -axis <= len(s)} for axis in range(-1, -axes - 1, -1)}
    fitting = {axis: broadcast_shape([(size,) for size in sizes.values()]) for axis, sizes in columns.items()}
    result = [fits[0] if fits else "?" for fits in reversed(fitting.values())]
    lines += table({**named, "result": result})
    failed = [_misfit(axis, columns[axis]) for axis, fits in fitting.items() if fits is None]
    if failed:
        raise RefusalError("\n".join([*failed, _remedy(named)]))
    notes = [note for axis, sizes in columns.items() for note in _notes(axis, sizes, named)]
    lines += notes or ["Nothing is stretched."]
    shape = broadcast_shape(list(named.values()))
    assert shape is not None
    return shape


def _notes(axis: int, sizes: dict[str, int], named: dict[str, Shape]) -> Iterator[str]:
    target = next((size for size in sizes.values() if size != 1), 1)
    ones = [name for name, size in sizes.items() if size == 1 != target]
    missing = [name for name in named if name not in sizes]
    parts = []
    if ones:
        have = [name for name in sizes if name not in ones]
        who, one = listed(have), listed(ones)
        parts.append(
            f"{who} {_verb(have)} {target}, {one} {_verb(ones)} 1: "
            f"{one} {_verb(ones, 'is', 'are')} stretched (stride 0, nothing is copied)"
        )
    if missing:
        parts.append(
            f"only {listed(sizes)} {_verb(list(sizes))} it; "
            f"{listed(missing)} {_verb(missing, 'is', 'are')} stretched over {target}"
        )
    if parts:
        yield f"axis {axis}: {'; '.join(parts)}"


def _verb(names: Sequence[str], one: str = "has", several: str = "have") -> str:
    return one if len(names) == 1 else several


def _misfit(axis: int, sizes: dict[str, int]) -> str:
    first = next(name for name, size in sizes.items() if size != 1)
    second = next(name for name, size in sizes.items() if size not in (1, sizes[first]))
    return f"axis {axis} is {sizes[first]} in {first} and {sizes[second]} in {second}, and neither is 1."


def _remedy(named: dict[str, Shape]) -> str:
    """Name the change of one shape that makes all fit with the fewest elements; each was tried on the rule."""
    found = []
    for place, (name, shape) in enumerate(named.items()):
        for what, expression, changed in _changes(name, shape):
            result = broadcast_shape(list({**named, name: changed}.values()))
            if result is not None:
                sentence = f"{what}: {expression} has shape {changed}, which gives {result}."
                found.append(((math.prod(result), len(result), len(shape), place), sentence))
    if not found:
        return "No swap of the last two axes and no single inserted axis of size 1 makes them fit."
    return min(found)[1]


def _changes(name: str, shape: Shape) -> Iterator[tuple[str, str, Shape]]:
    if len(shape) > 1:
        yield "Swap the last two axes", f"{name}.mT", (*shape[:-2], shape[-1], shape[-2])
    for axis in range(-1, -len(shape) - 1, -1):
        place = len(shape) + 1 + axis
        yield "Insert an axis of size 1", f"{name}.unsqueeze({axis})", (*shape[:place], 1, *shape[place:])
