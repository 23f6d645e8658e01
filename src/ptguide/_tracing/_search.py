"""The search: what is tried, in which order, and what follows from it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from ptguide._tracing._changes import Changes
from ptguide._tracing._copies import Copies
from ptguide._tracing._flags import FAR, NEAR, ROUNDED, ROWS_AT_ONCE, STEERED, UNMOVED
from ptguide._tracing._many import Try, alternating, try_many
from ptguide._tracing._points import Points
from ptguide._tracing._runs import Runs

NONE, COMPARED, INDEX, COMPUTED, COPIED, MAYBE = range(6)  # the values of trace.Kind

ELEMENTS = 12_000_000  # of points and outputs together, that one part of the search runs
FEW_ELEMENTS = 64  # that are changed one by one
ALONE = 800  # runs that one part of the search makes if many cannot be made at once
WALKS = 10  # after which it is looked whether more are needed
DRAWN = 400  # points at which this is looked for
SEEN = NEAR | FAR | STEERED
SHAPE_DEPENDS = (
    "cannot trace op: the shape of its output depends on the values, so that no element keeps its place. "
    "Trace an operation whose output has the same shape for all values."
)


class SearchOfOne:
    """The search through the runs of one call."""

    def __init__(self, runs: Runs) -> None:
        self.runs, self.points, self.changes = runs, Points(runs), Changes(runs)
        self.columns = runs.is_value.nonzero().flatten()
        self.size = runs.count + sum(runs.sizes)
        self.limit = ELEMENTS // max(self.size, 1)
        if not runs.batches or runs.dtype == torch.int64:
            self.limit = min(self.limit, ALONE)

    def kinds(self) -> Tensor:
        """Return the `Kind` of each pair of an output element and an input element, uint8, shape (I, O)."""
        runs, changes = self.runs, self.changes
        if not changes.seen.numel():
            return changes.seen
        self._find_ties()
        copies = Copies(runs, self.points, changes)
        tries = list(self._tries())
        count = sum(len(change) for _, change, _ in tries)
        alone = sum(int((change != base)[:, ~runs.is_value].sum()) for base, change, _ in tries)
        if runs.count * count <= self.limit and alone <= 4 * ALONE:
            for one in tries:
                changes.star(*one)
        elif runs.count <= FEW_ELEMENTS:
            for base, change, flag in itertools.islice(alternating(tries), max(self.limit // runs.count, 8)):
                changes.star(base, change[None], flag)
        else:
            try_many(self.changes, self.points, tries, self.limit)
        self._look_closer()
        self._move_ties()
        if any(changes.varies):
            _require_conclusive(runs, changes, copies.find())
        self._walk()
        copied = copies.find()
        _require_conclusive(runs, changes, copied)
        _make_kinds(changes.seen, copied)
        return changes.seen

    def _find_ties(self) -> None:
        """Find out whether equal values have to stay equal to keep the shape of the output, as for ``unique``."""
        if self.runs.dtype != torch.int64 and len(self.points.pool) < int(self.points.free.sum()):
            apart, tied = (self.runs.run(self.points.near(ties)[None]) for ties in ("up", "one"))
            if any(apart.others) and tied.accepted[0] and not any(tied.others):
                self.points.keep_ties()

    def _tries(self) -> Iterator[Try]:
        """Yield what is tried, the most telling first."""
        runs, points = self.runs, self.points
        if len(self.columns):
            yield runs.given, points.changes(runs.given, many=True), NEAR
            for ties in () if points.whole else ("up", "down"):
                yield (base := points.near(ties)), points.changes(base, many=False), NEAR
        if not runs.is_value.all():
            yield from self._tries_of_indices()
        for base in points.far() if len(self.columns) else ():
            yield base, points.changes(base, many=False), FAR

    def _tries_of_indices(self) -> Iterator[Try]:
        """Yield changes of indices and masks at points where all values differ, which show what arrives instead."""
        runs, points = self.runs, self.points
        new = points.index_changes()
        bases = [points.near("up", flips=True), runs.given, *points.codes()]
        base = next((base for base in bases if runs.run(base[None]).accepted[0]), runs.given)
        yield base, torch.where(runs.is_value, base, new), STEERED
        for other in points.codes()[:3]:
            yield other, torch.where(runs.is_value, other, new), FAR
        for other in points.other_masks():
            yield other, torch.where(runs.is_bool & ~runs.is_value, 1 - other, other)[None], FAR

    def _look_closer(self) -> None:
        """Run points alone where a change was no larger than rounding, and else nothing was seen."""
        weak = ((self.changes.seen & (NEAR | ROUNDED)) == ROUNDED).any(dim=1) & self.runs.is_value
        if 0 < int(weak.sum()) <= ALONE // 4:
            self.runs.alone = True
            self.changes.star(self.runs.given, self.points.changes(self.runs.given, many=False), NEAR, weak)
            self.runs.alone = False

    def _move_ties(self) -> None:
        """Where equal values have to stay equal, move all of them together."""
        tied = self.points.tied
        if tied is None:
            return
        base = self.points.near("one")
        first = torch.unique(tied[self.columns])
        for change in self.points.changes(base, many=False):
            points = torch.where(tied == first[:, None], change[first][:, None], base)
            points = self.runs.used(torch.cat([base[None], points]))
            changed, fine = self.changes.compare(points, torch.zeros(1, dtype=torch.int64))
            for row in fine.nonzero().flatten().tolist():
                self.changes.seen[tied == first[row]] |= changed[row].view(torch.uint8) * FAR

    # --- Choices -------------------------------------------------------------------------------------------------

    def _walk(self) -> None:
        """Where an output element moves with others than those seen, go to points drawn at random, step by step."""
        columns, generator = self.columns, self.points.generator
        rounds = max(1, min(60, self.limit // max(len(columns) * WALKS, 1)))
        for _ in range(rounds if len(columns) * WALKS <= self.limit else 0):
            if not self._is_unexplained():
                return
            ways = []
            for number in range(WALKS):
                order = columns[torch.randperm(len(columns), generator=generator)]
                ways.append((self.points.target() if number % 2 else self.runs.given, self.points.target(), order))
            for first in range(0, WALKS, at_once := max(1, self.changes.at_once // (len(columns) + 1))):
                self.changes.walk(ways[first : first + at_once])

    def _is_unexplained(self) -> bool:
        """Replace all values that an output element was not seen to depend on; return whether it moves."""
        linked, of_output = torch.unique((self.changes.seen & SEEN != 0).T, dim=0, return_inverse=True)
        if len(linked) > 64:
            chosen = torch.randperm(len(linked), generator=self.points.generator)[:64]
        else:
            chosen = torch.arange(len(linked))
        mine = torch.cat([torch.zeros_like(of_output[None]).bool(), of_output == chosen[:, None]])
        count = len(chosen) + 1
        chooses = bool(((self.changes.seen & (FAR | NEAR)) == FAR).any())
        draws = max(4, min(512, min(self.limit, DRAWN if not chooses else 10 * DRAWN) // count))
        at_once = max(1, min(draws, self.changes.at_once // count))
        for _ in range(0, draws, at_once):
            points = [self._replaced(linked[chosen]) for _ in range(at_once)]
            before = torch.arange(at_once).repeat_interleave(count) * count
            changed, fine = self.changes.compare(torch.cat(points), before[1:])
            if (changed & mine.repeat(at_once, 1)[1:])[fine].any():
                return True
        return False

    def _replaced(self, linked: Tensor) -> Tensor:
        """Return a point, and for each row of links this point with other values where there is no link."""
        start, end = self.points.target(), self.points.target()
        points = torch.where(linked | ~self.runs.is_value, start, end)
        return self.runs.used(torch.cat([start[None], points]))


def find_kinds(runs: Runs) -> Tensor:
    """Return the `Kind` of each pair of an output element and an input element, uint8, shape (I, O)."""
    return SearchOfOne(runs).kinds()


def _require_conclusive(runs: Runs, changes: Changes, copied: tuple[Tensor, Tensor]) -> None:
    """Raise an error where the runs show nothing."""
    is_copy = torch.zeros(changes.seen.shape[1], dtype=torch.bool)
    is_copy[copied[1]] = True
    if runs.dtype != torch.int64:
        if any(varies and not is_copy[part].all() for varies, part in zip(changes.varies, changes.parts, strict=True)):
            raise ValueError(SHAPE_DEPENDS)
        if not (changes.accepted | changes.reshaped)[runs.is_value].all():
            raise ValueError(
                "cannot trace op: it refuses every other value of some element, so that nothing shows what depends on "
                "it. Trace it without its checks."
            )
    elif (reshaped := changes.reshaped & runs.is_value).any() and not (changes.seen[reshaped] & SEEN).any(dim=1).all():
        raise ValueError(SHAPE_DEPENDS)


def _make_kinds(seen: Tensor, copied: tuple[Tensor, Tensor]) -> None:
    """Put kinds in the place of what was seen."""
    is_copy = torch.zeros(seen.shape[1], dtype=torch.bool)
    is_copy[copied[1]] = True
    moved = torch.where(is_copy, COMPARED, COMPUTED).to(torch.uint8)
    for part in seen.split(ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
        near, steered = (part & NEAR) != 0, (part & (STEERED | UNMOVED)) == STEERED
        part.bitwise_and_(SEEN).clamp_(max=1).mul_(MAYBE)
        part.copy_(torch.where(near, moved, part)).masked_fill_(steered, INDEX)
    seen[copied] = COPIED
