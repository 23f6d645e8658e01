"""When a view exists, from the strides."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from torch import Tensor

from ptguide.rules._explanation import Explanation, RefusalError, Shape, explain, read_integers, read_shape


def explain_view(x: Tensor | Sequence[int] | tuple[Sequence[int], Sequence[int]], shape: Sequence[int]) -> Explanation:
    """Explain whether ``x.view(shape)`` exists, from the strides of ``x``.

    Parameters
    ----------
    x : Tensor, sequence of int, or pair of sequences of int
        The tensor, its shape (then it is contiguous), or its shape and its strides in elements.
    shape : sequence of int
        The shape to view it as; one size may be -1.

    Returns
    -------
    Explanation
        Its text says which axes are kept, merged and split, with the condition on the strides in numbers. Its
        ``copies`` is False where the view exists.

    Raises
    ------
    TypeError
        If an argument is none of these.
    ValueError
        If a size of ``x`` is negative, a size of ``shape`` is below -1, or there is not one stride of at least 0 for
        each axis.

    Examples
    --------
    >>> explain_view((4, 3, 10), (12, -1, 5))
    x: shape (4, 3, 10), strides (30, 10, 1)
    -1 stands for 120 / (12 * 5) = 2
    axes 0 and 1 (4, 3) become axis 0 (12): merged
      stride[0] == size[1] * stride[1]: 30 == 3 * 10
    axis 2 (10) becomes axes 1 and 2 (2, 5): split
    view: shape (12, 2, 5), strides (10, 5, 1), the same memory
    >>> explain_view(((4, 3), (1, 4)), (12,))
    x: shape (4, 3), strides (1, 4)
    axes 0 and 1 (4, 3) become axis 0 (12): merged
      stride[0] == size[1] * stride[1] does not hold: 1 != 3 * 4
    There is no view, since an axis has one stride. x.reshape(12) copies.
    """
    size, stride = _read_layout(x)
    wanted = read_integers("shape", shape, "sizes such as (2, -1)")
    if any(entry < -1 for entry in wanted):
        raise ValueError(f"shape is {wanted}, which has a size below -1; expected sizes of at least 0, or one -1.")
    return explain(lambda lines: _rule(size, stride, wanted, lines), copies=False)


def view_layout(size: Shape, stride: Shape, wanted: Shape) -> tuple[Shape, Shape] | None:
    """Return shape and strides of the view, or None where there is none."""
    full = _infer(size, wanted)
    if full is None or not all(_holds(size, stride, pair) for old, _ in _groups(size, full) for pair in _pairs(old)):
        return None
    return full, _strides(size, stride, full)


def contiguous_strides(size: Shape) -> Shape:
    """Return the strides that torch gives to a new tensor; an axis of size 0 counts as 1."""
    return tuple(math.prod(max(entry, 1) for entry in size[axis + 1 :]) for axis in range(len(size)))


def _read_layout(x: object) -> tuple[Shape, Shape]:
    if isinstance(x, Tensor):
        return tuple(x.shape), x.stride()
    if isinstance(x, Sequence) and len(x) == 2 and all(isinstance(part, Sequence) for part in x):
        size = read_shape("x[0]", x[0])
        stride = read_integers("x[1]", x[1], "strides such as (3, 1)")
        if len(size) != len(stride) or any(step < 0 for step in stride):
            raise ValueError(f"x has shape {size} and strides {stride}; expected one stride of at least 0 an axis.")
        return size, stride
    size = read_shape("x", x)
    return size, contiguous_strides(size)


def _rule(size: Shape, stride: Shape, wanted: Shape, lines: list[str]) -> Shape:
    lines.append(f"x: shape {size}, strides {stride}")
    full = _infer(size, wanted)
    if full is None:
        raise RefusalError("\n".join([_misfit(size, wanted), *_remedy(size, stride, wanted)]))
    if -1 in wanted:
        place = wanted.index(-1)
        others = " * ".join(str(entry) for entry in wanted if entry != -1) or "1"
        others = f"({others})" if "*" in others else others
        lines.append(f"-1 stands for {math.prod(size)} / {others} = {full[place]}")
    if 0 in size:
        lines.append("x has no elements, so its strides do not matter.")
    elif 1 in (*size, *full):
        lines.append("An axis of size 1 takes no step, so its stride does not matter.")
    broken = False
    for old, new in _groups(size, full):
        lines.append(_mapping(size, old, full, new))
        for pair in _pairs(old):
            holds = _holds(size, stride, pair)
            lines.append(f"  {_condition(size, stride, pair, holds)}")
            broken = broken or not holds
    if broken:
        given = ", ".join(map(str, wanted))
        raise RefusalError(f"There is no view, since an axis has one stride. x.reshape({given}) copies.")
    lines.append(f"view: shape {full}, strides {_strides(size, stride, full)}, the same memory")
    return full


def _infer(size: Shape, wanted: Shape) -> Shape | None:
    """Replace -1, or return None where the numbers of elements cannot agree."""
    elements, others = math.prod(size), math.prod(entry for entry in wanted if entry != -1)
    if wanted.count(-1) == 1 and others and elements % others == 0:
        return tuple(elements // others if entry == -1 else entry for entry in wanted)
    return wanted if -1 not in wanted and others == elements else None


def _misfit(size: Shape, wanted: Shape) -> str:
    elements, others = math.prod(size), math.prod(entry for entry in wanted if entry != -1)
    if wanted.count(-1) > 1:
        return f"{wanted} has {wanted.count(-1)} sizes of -1; only one can be worked out."
    if -1 not in wanted:
        return f"x has {elements} elements, {wanted} has {others}."
    if others:
        return f"x has {elements} elements, which {others}, the product of the other sizes, does not divide."
    return "The product of the other sizes is 0, so -1 could stand for any number."


def _remedy(size: Shape, stride: Shape, wanted: Shape) -> list[str]:
    if -1 in wanted:
        return []
    for place in reversed(range(len(wanted))):
        tried = (*wanted[:place], -1, *wanted[place + 1 :])
        layout = view_layout(size, stride, tried)
        if layout:
            return [f"Try x.view{tried}, which gives {layout[0]}."]
    return []


def _groups(size: Shape, full: Shape) -> Iterator[tuple[list[int], list[int]]]:
    """Pair the fewest axes of both shapes that have the same number of elements; axes of size 1 take no part."""
    if 0 in size:
        return
    old = [axis for axis, entry in enumerate(size) if entry != 1]
    new = [axis for axis, entry in enumerate(full) if entry != 1]
    while old:
        taken, made = [old.pop(0)], [new.pop(0)]
        while (left := math.prod(size[axis] for axis in taken)) != (right := math.prod(full[axis] for axis in made)):
            if left < right:
                taken.append(old.pop(0))
            else:
                made.append(new.pop(0))
        yield taken, made


def _pairs(axes: list[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(axes))


def _holds(size: Shape, stride: Shape, pair: tuple[int, int]) -> bool:
    left, right = pair
    return stride[left] == size[right] * stride[right]


def _condition(size: Shape, stride: Shape, pair: tuple[int, int], holds: bool) -> str:
    left, right = pair
    rule = f"stride[{left}] == size[{right}] * stride[{right}]"
    verdict, sign = ("", "==") if holds else (" does not hold", "!=")
    return f"{rule}{verdict}: {stride[left]} {sign} {size[right]} * {stride[right]}"


def _mapping(size: Shape, old: list[int], full: Shape, new: list[int]) -> str:
    what = {(False, False): "kept", (True, False): "merged", (False, True): "split", (True, True): "merged and split"}
    verb = "becomes" if len(old) == 1 else "become"
    return f"{_axes(size, old)} {verb} {_axes(full, new)}: {what[len(old) > 1, len(new) > 1]}"


def _axes(size: Shape, axes: list[int]) -> str:
    sizes = ", ".join(str(size[axis]) for axis in axes)
    if len(axes) == 1:
        return f"axis {axes[0]} ({sizes})"
    return f"axes {', '.join(map(str, axes[:-1]))} and {axes[-1]} ({sizes})"


def _strides(size: Shape, stride: Shape, full: Shape) -> Shape:
    """Return the strides of an existing view, as `computeStride` in torch's TensorUtils.cpp sets them."""
    if not size or 0 in size:
        return stride if size == full and size else contiguous_strides(full)
    last = {new[-1]: stride[old[-1]] for old, new in _groups(size, full)}
    result: list[int] = []
    for axis in reversed(range(len(full))):
        following = full[axis + 1] * result[0] if result else stride[-1]
        result.insert(0, last.get(axis, following))
    return tuple(result)
