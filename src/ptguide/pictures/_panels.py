"""Panels that show one tensor: a grid for each slice, every element in its place with its indices.

Axes: N grid row (axis 0 of 4), D slice, R row, C column.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from html import escape

import torch
from torch import Tensor

from ptguide.pictures._grid import CELL_HEIGHT, Cells
from ptguide.pictures._picture import Panel

CHARACTER, PADDING, MARGIN, MARK = 8.6, 14, 8, 8  # pixels
GAP = 10  # pixels between slices
LINE = 330  # pixels; slices go on below where they would be wider: a telephone shows it
SHOWN = 10  # elements of an axis that are drawn before it is shortened
NEUTRAL = 4  # the color of what has no single origin
HUES = (0, 1, 2, 3, 6, 7, 8, 9)  # the colors that tell tensors, or rows, apart
LISTED = 4  # elements that a sentence lists one by one
SLICES_SHOWN = 6  # the same for an axis whose slices stand apart
Attributes = Callable[[int], str]  # of an element, from its place in row-major order


def tensor_panel(
    tensor: Tensor,
    name: str,
    colors: Tensor,
    axes: Sequence[str] = (),
    marks: Sequence[str] = (),
    note: str = "",
    attributes: Attributes | None = None,
    keep: Sequence[int] = (),
) -> Panel:
    """Draw a tensor of 0 to 4 axes.

    Parameters
    ----------
    tensor : Tensor
    name : str
    colors : Tensor, of the tensor's shape
        From 0 to 9; 4 is neutral, 5 a ghost, which does not exist in memory.
    axes : sequence of str
        The names of the axes, or none.
    marks : sequence of str
        For each element in row-major order, what stands in its corner; or none.
    note : str
        A line below the title.
    attributes : callable
        Gives the SVG attributes of the element at a place in row-major order.
    keep : sequence of int
        Elements, as their places in row-major order, that are drawn however long an axis is: see `shown_along`.
    """
    shape = tuple(tensor.shape)
    rank = tensor.dim()
    title = _title(name, shape, axes)
    parts = [f'<text class="ptg-name" x="{MARGIN}" y="20">{escape(title)}</text>']
    right, bottom = MARGIN + len(title) * CHARACTER, 32.0
    if note:
        parts.append(f'<text class="ptg-index ptg-note" x="{MARGIN}" y="38">{escape(note)}</text>')
        right, bottom = max(right, MARGIN + len(note) * 7.3), 50.0
    if tensor.numel() == 0:
        parts.append(f'<text class="ptg-index ptg-note" x="{MARGIN}" y="{bottom + 12:g}">no elements</text>')
        return Panel("".join(parts), right + MARGIN, bottom + 24, f"{_called(name, shape)}: no elements")
    texts = [text_of(value) for value in tensor.flatten().tolist()]
    widest = max(map(len, texts)) * CHARACTER + PADDING + (MARK if any(marks) else 0)
    width = max(CELL_HEIGHT, 2 * math.ceil(widest / 2))
    cells = Cells(texts, colors.flatten().tolist(), marks, attributes, width, rank)
    along = shown_along(tensor, keep)
    places = torch.arange(tensor.numel()).reshape((1,) * (4 - rank) + shape).tolist()
    left, line_bottom = float(MARGIN), bottom
    for n in along[0]:
        if rank == 4:
            left, bottom = float(MARGIN), line_bottom + (GAP if n else 0)
        for d in along[1]:
            if n is None or d is None:
                parts.append(f'<text class="ptg-index" x="{left + 8:g}" y="{bottom + 14:g}">…</text>')
                left, line_bottom = left + 24, max(line_bottom, bottom + 18)
                right = max(right, left - GAP)
                continue
            label = {3: f"[{d}]", 4: f"[{n}, {d}]"}.get(rank, "")
            body, grid_width, grid_height = cells.grid(places[n][d], along[2], along[3], label)
            if left > MARGIN and left + grid_width > LINE:
                left, bottom = float(MARGIN), line_bottom + GAP
            parts.append(f'<g transform="translate({left:g} {bottom:g})">{body}</g>')
            left += grid_width + GAP
            line_bottom = max(line_bottom, bottom + grid_height)
            right = max(right, left - GAP)
    return Panel("".join(parts), right + MARGIN, line_bottom + MARGIN, f"{_called(name, shape)}: {spoken(tensor)}")


def colored(tensor: Tensor, color: int) -> Tensor:
    """Return one color for all elements of a tensor."""
    return torch.full(tensor.shape, color)


def _title(name: str, shape: tuple[int, ...], axes: Sequence[str]) -> str:
    sizes = ", ".join(f"{axis} {size}" for axis, size in zip(axes, shape, strict=True)) if axes else ""
    what = f"({sizes})" if axes else str(shape)
    return f"{name} {what}" if name else what


def _called(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} of shape {shape}" if name else f"shape {shape}"


def shown_along(tensor: Tensor, keep: Sequence[int] = ()) -> list[list[int | None]]:
    """Return the indices to draw along each of four axes; None stands for those left out.

    The elements to keep are drawn, but for an axis along which they have more than `LISTED` indices.
    """
    rank = tensor.dim()
    wanted: list[set[int]] = [set() for _ in range(rank)]
    for element in keep:
        for axis, index in enumerate(index_of(element, tensor)):
            wanted[axis].add(index)
    most = [SHOWN] * rank
    most[:-2] = [SLICES_SHOWN] * len(most[:-2])
    along: list[list[int | None]] = [[0] for _ in range(4 - rank)]
    for size, limit, kept in zip(tensor.shape, most, wanted, strict=True):
        along.append(_shown(size, limit, kept if len(kept) <= LISTED else set()))
    return along


def _shown(size: int, most: int, keep: set[int]) -> list[int | None]:
    if size <= most:
        return list(range(size))
    drawn = sorted({*range(most - 4), *keep, size - 2, size - 1})
    shown: list[int | None] = [0]
    for before, index in itertools.pairwise(drawn):
        # In the place of one index that is left out, it could stand itself.
        shown += [*range(before + 1, index + 1)] if index - before <= 2 else [None, index]
    return shown


def shown_elements(tensor: Tensor) -> list[int]:
    """Return the elements that are drawn, as their places in row-major order."""
    along = [[index for index in axis if index is not None] for axis in shown_along(tensor)[4 - tensor.dim() :]]
    strides = [math.prod(tensor.shape[axis + 1 :]) for axis in range(tensor.dim())]
    return [sum(map(operator.mul, index, strides)) for index in itertools.product(*along)]


def hue(place: int) -> int:
    """Return the color of the tensor, or the row, at a place; those after the last color are neutral."""
    return HUES[place] if place < len(HUES) else NEUTRAL


def text_of(value: object) -> str:
    """Return a number as it is drawn."""
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 1e7
        return f"{value:.{0 if whole else 4}{'f' if whole else 'g'}}"
    return str(value)


def spoken(tensor: Tensor) -> str:
    """Return all values as nested lists, up to a length that a person listens to."""
    values = _nested(tensor.tolist())
    return values if len(values) <= 400 else f"{values[:400]} and so on"


def _nested(values: object) -> str:
    return f"[{', '.join(map(_nested, values))}]" if isinstance(values, list) else text_of(values)


def index_of(element: int, tensor: Tensor) -> tuple[int, ...]:
    """Return the indices of the element at a place in row-major order."""
    index = []
    for size in reversed(tensor.shape):
        element, place = divmod(element, size)
        index.append(place)
    return tuple(reversed(index))


def spell(name: str, places: Sequence[tuple[int, ...]], tensor: Tensor) -> str:
    """Return places in a tensor as one writes them: ``a[1, :]``, ``a[0, 2] and a[1, 0]``, ``12 elements of a``."""
    if not tensor.dim():
        return name
    along = [sorted(set(axis)) for axis in zip(*places, strict=True)]
    block = 1
    for axis in along:
        block *= len(axis)
    if block == len(places) and all(axis[-1] - axis[0] + 1 == len(axis) for axis in along):
        return f"{name}[{', '.join(_span(axis, size) for axis, size in zip(along, tensor.shape, strict=True))}]"
    if len(places) <= LISTED:
        return listed([f"{name}[{', '.join(map(str, place))}]" for place in places])
    return f"{len(places)} elements of {name}"


def _span(indices: list[int], size: int) -> str:
    if len(indices) == 1:
        return str(indices[0])
    return ":" if len(indices) == size else f"{indices[0]}:{indices[-1] + 1}"


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them: ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
