"""Computed: change an element, and look what changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ptguide._tracing._call import double_dtype, is_number
from ptguide._tracing._search import COMPUTED, Search

MOST_CLASSES = 32  # tried one by one, for operations such as one_hot
SHAPE_DEPENDS = (
    "cannot trace op: the shape of its output depends on the values, so that no element keeps its place. "
    "Trace an operation whose output has the same shape for all values."
)

Draw = tuple[Tensor, Callable[[int], list[Any]]]


def find_computed(search: Search) -> None:
    """Change one value at a time, on the values given and on others."""
    if search.is_done:
        return
    seen, reshaped = torch.zeros(2, len(search.columns), dtype=torch.bool)
    moved = [torch.zeros(len(search.columns), len(is_open), dtype=torch.bool) for is_open in search.open]
    for place, base, run in _changed_runs(search):
        if _keeps_shapes(search, run):
            seen[place] = True
            for o, is_open in enumerate(search.open):
                if is_open.any():
                    moved[o][place] |= _moved(base[o], run[o])
        else:
            reshaped[place] = True
    matters = torch.zeros(len(search.columns), dtype=torch.bool)
    for o, is_open in enumerate(search.open):
        rows, places = (moved[o] & is_open).T.nonzero(as_tuple=True)
        search.kinds[o][rows, torch.tensor(search.columns, dtype=torch.int64)[places]] = COMPUTED
        matters[places] = True
    if (reshaped & ~matters).any():
        raise ValueError(SHAPE_DEPENDS)
    if not search.are_integers and not seen.all():
        raise ValueError(
            "cannot trace op: it refuses every other value of some element, so that nothing shows what depends on it. "
            "Trace it without its checks."
        )


def _changed_runs(search: Search) -> Iterator[tuple[int, list[Tensor], list[Tensor]]]:
    """Yield the place of a value, and what the operation gave before and after a change of this value alone."""
    for flat, changes in draws(search):
        base = search.run(search.spread(flat, search.double), search.double)
        if base is None or not _keeps_shapes(search, base):
            continue
        for place in range(len(search.columns)):
            for value in changes(place):
                changed = flat.clone()
                changed[place] = value
                run = search.run(search.spread(changed, search.double), search.double)
                if run is not None:
                    yield place, base, run


def _keeps_shapes(search: Search, outputs: list[Tensor]) -> bool:
    """Return whether the outputs still looked at have their shapes.

    With other shapes no element keeps its place, which is an error. Integers that say how large the output is
    (``one_hot``, ``bincount``) are tried for those changes that leave it so.
    """
    pairs = zip(search.open, outputs, search.actual, strict=True)
    keeps = all(output.shape == actual.shape or not is_open.any() for is_open, output, actual in pairs)
    if not keeps and not search.are_integers:
        raise ValueError(SHAPE_DEPENDS)
    return keeps


def _moved(base: Tensor, run: Tensor) -> Tensor:
    """Return which elements changed; NaN, which a change elsewhere may leave or lift (0 * inf), is no evidence."""
    if is_number(base.dtype):
        return ((run - base).abs() > 0).flatten().cpu()
    return (run != base).flatten().cpu()


def draws(search: Search) -> Iterator[Draw]:
    """Yield sets of values for all inputs together, each with the changes to try on the element at some place."""
    parts = [search.call.tensors[i].flatten().cpu() for i in search.values]
    given = torch.cat([part.to(double_dtype(part)) for part in parts]) if search.double else torch.cat(parts)
    if is_number(given.dtype):
        yield from _number_draws(given, torch.cat([torch.full(part.shape, part.dtype == torch.bool) for part in parts]))
    elif len(given):
        yield from _integer_draws(given, parts, search.allows_any_integer)


def _number_draws(given: Tensor, boolean: Tensor) -> Iterator[Draw]:
    generator = torch.Generator().manual_seed(0)
    dtype = torch.complex128 if given.dtype.is_complex else torch.float64
    unit = torch.rand(given.shape, generator=generator, dtype=dtype) * 0.9 + 0.05
    normal = torch.randn(given.shape, generator=generator, dtype=dtype) * 2
    reach = 1e3  # beyond all others, and beyond the bound of most conditions

    def draw(values: Tensor, truth: Tensor, near: Callable[[Any], list[Any]]) -> Draw:
        # An infinite value hides others, which is what a mask is for; it stays.
        flat = torch.where(given.isinf(), given, torch.where(boolean, truth, values).to(given.dtype))

        def changes(place: int) -> list[Any]:
            value = flat[place].item()
            if boolean[place]:
                return [1 - value]
            return near(value) if abs(value) < float("inf") else [0.5, 1.5]

        return flat, changes

    zeros, ones = torch.zeros_like(unit), torch.ones_like(unit)
    yield draw(unit + 0.5, ones, lambda value: [value + 0.83])
    yield draw(unit, zeros, lambda value: [0.4 if value.real > 0.5 else 0.77])
    yield draw(0.7 * ones, ones, lambda value: [0])  # all equal, then not
    yield draw(zeros, zeros, lambda value: [0.7])
    yield draw(normal, (normal.real > 0).to(dtype), lambda value: [reach, -reach])
    yield draw(given, given, lambda value: [value + step * (1 + abs(value)) for step in (1.7, -1.7, 1e-3)])


def _integer_draws(given: Tensor, parts: list[Tensor], any_integer: bool) -> Iterator[Draw]:
    """Yield integers: those given, in other orders, and all bits off or on; booleans are integers of one bit."""
    limits = [torch.iinfo(part.dtype) for part in parts if part.dtype != torch.bool]
    lowest, highest = max((i.min for i in limits), default=0), min((i.max for i in limits), default=1)

    def draw(flat: Tensor) -> Draw:
        def changes(place: int) -> list[Any]:
            value = int(flat[place])
            others = {int(flat[place - 1]), int(flat[(place + 1) % len(flat)])}
            if any_integer:
                others |= {value + 1, value - 1, value ^ 1, value ^ 2, *(() if flat.any() else range(MOST_CLASSES))}
            return sorted(other for other in others - {value} if lowest <= other <= highest)

        return flat, changes

    yield draw(given)
    yield draw(given.roll(1))
    yield draw(given.flip(0))
    if any_integer or not limits:
        yield draw(torch.zeros_like(given))
        yield draw(torch.full_like(given, highest if lowest == 0 else -1))
