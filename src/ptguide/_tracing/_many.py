"""Many elements: blocks of them show which pairs may depend, and groups of them are changed at once.

Axes: I elements of all inputs, O elements of all outputs together.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ptguide._tracing._changes import Changes
from ptguide._tracing._flags import FAR, NEAR, POSSIBLE, ROUNDED, ROWS_AT_ONCE, STEERED
from ptguide._tracing._groups import Groups, partitions
from ptguide._tracing._points import Points
from ptguide._tracing._runs import Runs

Try = tuple[Tensor, Tensor, int]  # a point, what each element of it is changed to, and what is seen if that matters


def try_many(changes: Changes, points: Points, tries: list[Try], limit: int) -> None:
    """Change many elements at once, until each pair that may depend was seen to, or the limit is reached."""
    runs = changes.runs
    _mark_possible(changes, points, tries)
    for columns in filter(torch.any, (runs.is_value, ~runs.is_value)):
        here = [one for one in alternating(tries) if ((one[1] != one[0]) & columns).any()]
        densest = _densest(changes.seen, columns)
        if densest * 4 <= int(columns.sum()):
            _try_groups(changes, Groups(changes.seen, columns.nonzero().flatten()), here, limit)
        if densest * 4 > int(columns.sum()) or changes.astray:
            _try_alone(changes, columns, here, limit)


def _densest(seen: Tensor, columns: Tensor) -> int:
    """Return on how many of some input elements an output element may depend, at most."""
    counts = torch.zeros(seen.shape[1], dtype=torch.int64)
    for rows in columns.nonzero().flatten().split(ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
        counts += (seen[rows] >= POSSIBLE).sum(dim=0)
    return int(counts.max())


def _try_groups(changes: Changes, groups: Groups, tries: list[Try], limit: int) -> None:
    spent = 0
    for base, change, flag in sorted(tries, key=lambda one: one[2] == FAR):
        if flag != STEERED:
            groups.close(changes.seen, flag | NEAR)
            if not groups.is_open.any():
                continue
        chosen = groups.open_groups(change != base)
        if spent and spent + len(chosen) > limit:
            return
        changes.star_of_groups(base, change, flag, groups, chosen)
        spent += len(chosen)


def _try_alone(changes: Changes, columns: Tensor, tries: list[Try], limit: int) -> None:
    spent = 0
    for base, change, flag in tries:
        if spent:
            columns = columns & _open_columns(changes.seen)
        if spent and spent + int(columns.sum()) > limit:
            return
        changes.star(base, change[None], flag, columns)
        spent += int(columns.sum())


def _open_columns(seen: Tensor) -> Tensor:
    """Return which input elements may have a link that was not seen yet, bool, shape (I,)."""
    parts = seen.split(ROWS_AT_ONCE)  # type: ignore[no-untyped-call]
    return torch.cat([((rows & ~ROUNDED) == POSSIBLE).any(dim=1) for rows in parts])


def _mark_possible(changes: Changes, points: Points, tries: list[Try]) -> None:
    """Mark which pairs may depend, by changes of whole blocks of elements."""
    runs = changes.runs
    changes.seen.bitwise_or_(POSSIBLE)
    pairs = [runs.used(torch.stack(pair)) for pair in _pairs_of_points(runs, points, tries)]
    for tensor, start, end in zip(runs.call.tensors, runs.starts, runs.starts[1:], strict=False):
        for blocks in partitions(tensor.shape):
            inside = torch.arange(int(blocks.max()) + 1)[:, None] == blocks
            moved = torch.zeros(len(inside), changes.seen.shape[1], dtype=torch.bool)
            for base, other in pairs:
                if (base[start:end] != other[start:end]).any():
                    points_here = base.repeat(len(inside) + 1, 1)
                    points_here[1:, start:end] = torch.where(inside, other[start:end], base[start:end])
                    changed, fine = changes.compare(points_here, torch.zeros(1, dtype=torch.int64))
                    moved |= changed & fine[:, None]
                    changes.accepted[start:end] |= fine[blocks]
            for place in range(0, len(blocks), ROWS_AT_ONCE):
                rows = blocks[place : place + ROWS_AT_ONCE]
                part = changes.seen[start + place : start + place + len(rows)]
                part.masked_fill_(~moved[rows], 0)  # nothing else was seen so far


def _pairs_of_points(runs: Runs, points: Points, tries: list[Try]) -> list[tuple[Tensor, Tensor]]:
    """Return points, each with one that has another value for each element."""
    drawn = [points.target() for _ in range(3)]
    pairs = [(drawn[0], drawn[1]), (points.near("up"), drawn[2])]
    for base, changes, flag in tries:
        steering = (changes != base)[:, ~runs.is_value].any(dim=1)
        pairs += [
            (base, change) for change in (changes[steering] if steering.any() else changes)[: 5 if flag == NEAR else 3]
        ]
    of_values = [pair for pair in pairs if (pair[0] != pair[1])[runs.is_value].any()]
    of_indices = [pair for pair in pairs if (pair[0] != pair[1])[~runs.is_value].any()]
    return of_values[:8] + of_indices[:8]


def alternating(tries: list[Try]) -> Iterator[Try]:
    """Yield the first change of each try, then the second of each, and so on."""
    for k in range(max((len(changes) for _, changes, _ in tries), default=0)):
        for base, changes, flag in tries:
            if k < len(changes):
                yield base, changes[k], flag
