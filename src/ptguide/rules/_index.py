"""What ``x[index]`` gives: its shape, a view or a copy, and where the picked axes land."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import SupportsIndex

import torch
from torch import Tensor

from ptguide.rules._broadcast import broadcast_shape
from ptguide.rules._explanation import Explanation, RefusalError, Shape, explain, listed, read_shape

MASKS = (torch.bool, torch.uint8)
PICKS = (torch.int64, torch.int32)
INTEGERS = (*PICKS, torch.int16, torch.int8, torch.uint16, torch.uint32, torch.uint64)
READ_AS_TUPLE = 32  # a list of fewer entries may stand for a tuple


def explain_index(x: Sequence[int] | Tensor, index: object) -> Explanation:
    """Explain what ``x[index]`` gives.

    Parameters
    ----------
    x : sequence of int or Tensor
        The shape, or a tensor that has it.
    index : int, slice, None, Ellipsis, bool, sequence, Tensor, or a tuple of these
        What stands between the brackets; ``numpy.s_`` writes it as there.

    Returns
    -------
    Explanation
        Its text says what each part of the index does to which axis, where the axes of index tensors land, and
        whether the result is a view. Its ``copies`` is True where it is a copy.

    Raises
    ------
    TypeError
        If ``x`` is no shape and no tensor, or if the index holds something else.
    ValueError
        If a size of ``x`` is negative, or if a second ``...`` or a nested list of bools hides from torch that the index
        has more parts than ``x`` has axes: torch then reads memory behind the shape, so there is nothing to predict.

    Examples
    --------
    >>> explain_index((3, 4, 5), (slice(None), [0, 2], 1))
    x        has shape (3, 4, 5)
    :        keeps axis 0 (3)
    [0, 2]   picks along axis 1 (4), with an index of shape (2,)
    1        takes one place of axis 2 (5), which vanishes
    The picked axis becomes (2,), where it was.
    result   (3, 2), a copy
    >>> explain_index((3, 4, 5), (0, slice(1, None, 2)))
    x        has shape (3, 4, 5)
    0        takes one place of axis 0 (3), which vanishes
    1::2     keeps 2 of axis 1 (4)
             keeps axis 2 (5)
    result   (2, 5), a view
    """
    walk = _Walk(read_shape("x", x))

    def rule(lines: list[str]) -> Shape:
        walk.rows.append(("x", f"has shape {walk.shape}"))
        landing: list[str] = []
        try:
            walk.run(_parts(index, landing))
            result = walk.gather(landing)
        finally:
            width = max(len(name) for name, _ in [*walk.rows, ("result", "")]) + 3
            lines += [f"{name.ljust(width)}{note}" for name, note in walk.rows]
            lines += landing
        lines.append(f"{'result'.ljust(width)}{result}, a {'copy' if walk.picks else 'view'}")
        return result

    found = explain(rule)
    return replace(found, copies=bool(walk.picks)) if found.works else found


@dataclass(frozen=True)
class _Part:
    """One part of an index; ``counted`` is the number of axes that torch believes it takes."""

    value: int | slice | Tensor | None
    written: str
    counted: int


@dataclass
class _Walk:
    """Torch's way through an index, from left to right; ``place`` is the axis that comes next."""

    shape: Shape
    place: int = 0
    rows: list[tuple[str, str]] = field(default_factory=list)
    picks: list[tuple[int, Tensor, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.axes = [(size, f"axis {axis} ({size})") for axis, size in enumerate(self.shape)]

    def run(self, parts: list[_Part]) -> None:
        counted = sum(part.counted for part in parts)
        if counted > len(self.shape):
            raise RefusalError(f"The index has parts for {counted} axes; x has {len(self.shape)}.")
        for part in parts:
            if part.written == "...":
                covered = len(self.shape) - counted
                names = [name for _, name in self.axes[self.place : self.place + covered]]
                self.rows.append(("...", f"keeps {listed(names)}" if names else "stands for no axis"))
                self.place += covered
            elif part.value is None:
                self._insert()
                self.rows.append((part.written, "makes an axis of size 1"))
            else:
                self._apply(part.value, part.written)
        self.rows += [("", f"keeps {name}") for _, name in self.axes[self.place :]]

    def _apply(self, value: int | slice | Tensor, written: str) -> None:
        if isinstance(value, slice):
            self._slice(value, written)
        elif not isinstance(value, Tensor):
            self._select(value, written)
        elif value.ndim == 0 and value.dtype in INTEGERS and value.dtype not in MASKS:
            self._select(int(value), written)
        elif value.ndim == 0 and value.dtype in MASKS:
            self._insert(places=int(bool(value)))
            self.rows.append((written, f"makes an axis, which becomes {(int(bool(value)),)}"))
        elif value.dtype in MASKS:
            names = [name for _, name in self.axes[self.place : self.place + value.ndim]]
            note = f"mask with {int(value.count_nonzero())} True: picks along {listed(names or ['no axis'])}"
            self.rows.append((written, note))
            self.picks.append((self.place, value, written))
            self.place += value.ndim
        elif value.dtype in PICKS:
            self._require_place(self.place)
            note = f"picks along {self.axes[self.place][1]}, with an index of shape {tuple(value.shape)}"
            self.rows.append((written, note))
            self.picks.append((self.place, value, written))
            self.place += 1
        else:
            raise RefusalError(f"{written} can't be an index; expected int64, int32, bool or uint8 (a mask).")

    def _insert(self, places: int | None = None) -> None:
        self._require_place(self.place - 1)
        self.axes.insert(self.place, (1, "the new axis"))
        if places is not None:
            self.picks.append((self.place, torch.zeros(places, dtype=torch.int64), ""))
        self.place += 1

    def _require_place(self, place: int) -> None:
        if place >= len(self.axes):
            many = f"index has parts for more than the {len(self.shape)} axes of x"
            raise ValueError(f"{many}, behind a ... or a nested list of bools; expected at most one part an axis.")

    def _select(self, index: int, written: str) -> None:
        self._require_place(self.place)
        size, name = self.axes[self.place]
        if not -size <= index < size:
            allowed = f"expected {-size} to {size - 1}" if size else "there is none"
            raise RefusalError(f"{written} is not a place of {name}; {allowed}.")
        self.rows.append((written, f"takes one place of {name}, which vanishes"))
        del self.axes[self.place]

    def _slice(self, index: slice, written: str) -> None:
        if (index.step or 1) < 1 or index.step == 0:
            raise RefusalError(f"{written} has step {index.step}; expected at least 1. x.flip turns an axis round.")
        self._require_place(self.place)
        size, name = self.axes[self.place]
        kept = len(range(*index.indices(size)))
        self.rows.append((written, f"keeps {name}" if kept == size else f"keeps {kept} of {name}"))
        self.axes[self.place] = (kept, name)
        self.place += 1

    def gather(self, landing: list[str]) -> Shape:
        """Return the shape of the result, after all picks at once."""
        sizes = tuple(size for size, _ in self.axes)
        if not self.picks:
            return sizes
        indices = [entry for pick in self.picks for entry in self._expand(*pick)]
        places = [place for place, _ in indices]
        shapes = [tuple(values.shape) for _, values in indices]
        picked = broadcast_shape(shapes)
        if picked is None:
            raise RefusalError(
                _unequal(shapes, all(written and values.dtype in PICKS for _, values, written in self.picks))
            )
        neighbours = places == list(range(places[0], places[-1] + 1))
        start = places[0] if neighbours else 0
        kept = [size for place, size in enumerate(sizes) if place not in places]
        result = (*kept[:start], *picked, *kept[start:])
        self._require_inside(indices, prod(picked), prod(result))
        few = "axis becomes" if len(places) == 1 else "axes become"
        there = "where it was" if len(places) == 1 else "where they were"
        where = there if neighbours else "at the front, as they are not neighbours"
        landing.append(f"The picked {few} {picked}, {where}.")
        return result

    def _expand(self, place: int, values: Tensor, written: str) -> list[tuple[int, Tensor]]:
        """Replace a mask by one index for each of its axes."""
        if values.dtype not in MASKS:
            return [(place, values)]
        expected = tuple(size for size, _ in self.axes[place : place + values.ndim])
        if tuple(values.shape) != expected:
            raise RefusalError(f"{written} has shape {tuple(values.shape)}; the axes that it meets have {expected}.")
        return [(place + axis, column) for axis, column in enumerate(values.nonzero().unbind(1))]

    def _require_inside(self, indices: list[tuple[int, Tensor]], picked: int, elements: int) -> None:
        for place, values in indices:
            size, name = self.axes[place]
            if picked and not size:
                raise RefusalError(f"{name} has no places to pick.")
            wrong = values[(values < -size) | (values >= size)]
            # Torch looks at the values only while it fetches elements.
            if elements and wrong.numel():
                raise RefusalError(f"{int(wrong[0])} is not a place of {name}; expected {-size} to {size - 1}.")


def _unequal(shapes: list[Shape], lists: bool) -> str:
    why = (
        f"The indices have shapes {listed(shapes)}, which do not broadcast: they pick in parallel, element by element."
    )
    if lists and len(shapes) == 2 and len(shapes[0]) == len(shapes[1]) == 1:
        column = (*shapes[0], 1)
        crossed = broadcast_shape([column, shapes[1]])
        why += f"\nTo cross them, give the first one shape {column}, which gives {crossed}."
    return why


def _parts(index: object, landing: list[str]) -> list[_Part]:
    if isinstance(index, tuple):
        return [_part(entry) for entry in index]
    if isinstance(index, Sequence) and not isinstance(index, str | bytes) and len(index) < READ_AS_TUPLE:
        telling = (Tensor, Sequence, slice, type(None), type(Ellipsis))
        if any(isinstance(entry, telling) for entry in index):
            landing.append("This list is read as if it were a tuple, with a warning; write the tuple.")
            return [_part(entry) for entry in index]
    return [_part(index)]


def _part(entry: object) -> _Part:
    if entry is None or entry is Ellipsis:
        return _Part(None, "None" if entry is None else "...", 0)
    if isinstance(entry, slice):
        bounds = [_bound(bound) for bound in (entry.start, entry.stop, entry.step)]
        start, stop, step = ("" if bound is None else str(bound) for bound in bounds)
        return _Part(slice(*bounds), f"{start}:{stop}" + (f":{step}" if step else ""), 1)
    if isinstance(entry, bool):
        return _Part(torch.tensor(entry), str(entry), 0)
    if isinstance(entry, Tensor):
        counted = entry.ndim if entry.dtype in MASKS else 1
        kind = str(entry.dtype).removeprefix("torch.")
        written = f"{kind} {entry.tolist()}" if entry.ndim == 0 else f"{kind} {tuple(entry.shape)}"
        return _Part(entry.detach().cpu(), written, counted)
    if isinstance(entry, Sequence) and not isinstance(entry, str | bytes):
        return _Part(_tensor(entry), _short(entry), 1)
    if isinstance(entry, float):
        raise RefusalError(f"{entry!r} is a float, also if it is whole; use // or int() to get an integer.")
    if not hasattr(entry, "__index__"):
        parts = "an integer, a slice, None, ..., a bool, a list or a tensor"
        raise TypeError(f"index has {entry!r}; expected {parts}, or a tuple of these.")
    return _Part(operator.index(entry), str(entry), 1)


def _bound(entry: SupportsIndex | None) -> int | None:
    try:
        return None if entry is None else operator.index(entry)
    except TypeError:
        raise TypeError(f"index has a slice with {entry!r}; expected integers or None.") from None


def _tensor(entries: Sequence[object]) -> Tensor:
    """Make a tensor of a list as torch does it for an index."""
    try:
        tensor = torch.tensor(entries)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RefusalError(f"{_short(entries)} makes no tensor: {error}.") from error
    return tensor if tensor.dtype in MASKS else tensor.long()


def _short(entries: Sequence[object]) -> str:
    text = str(list(entries))
    return text if len(text) <= 24 else f"{text[:21]}..."
