"""The values that are tried: points near those given, points far from them, and what one element is changed to.

Axes: I elements of all inputs together. A *point* has shape (I,). Indices and masks keep their values in all of them.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ptguide._tracing._runs import Runs

FEW = 40  # distinct values that are each tried in the place of every other
CLASSES = 32  # integers from zero on that are tried, for operations such as one_hot
ENOUGH = 4  # distinct indices, beside which no others are tried
LARGE = 1e3
HUGE = (1e4, 1e5, 1e6, 1e7, 1e9, 1e12)  # tried as long as the operation stays quick


class Points:
    """The points of one call, drawn with a fixed seed."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.generator = torch.Generator().manual_seed(0)
        self.free = runs.is_value & ~_infinite(runs.given)  # an infinite value hides others, which a mask is for
        self.flips = runs.is_bool & runs.is_value
        self.whole = runs.dtype == torch.int64
        given = torch.where(self.free, runs.given, 0)
        known = given.real if given.is_complex() else given
        self.known = torch.where(
            known == known, known, known[known == known].max() + 1 if (known == known).any() else 1
        )
        numbers = self.known[self.free]
        self.pool = torch.unique(numbers) if len(numbers) else numbers.new_ones(1)
        self.reach = LARGE  # the largest value that is tried
        self.tied: Tensor | None = None  # for each element, the first one of an equal value, where these stay equal
        self.low, self.high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 1.0)

    def uniform(self) -> Tensor:
        return torch.rand(self.runs.count, generator=self.generator, dtype=torch.float64)

    def normal(self) -> Tensor:
        return torch.randn(self.runs.count, generator=self.generator, dtype=torch.float64)

    def point(self, values: Tensor, flips: Tensor | None = None) -> Tensor:
        """Return a point with these values, booleans with others (if any), and all else as given."""
        values = values if self.tied is None else values[self.tied]
        imaginary = self.normal() if self.runs.dtype.is_complex else None
        values = (
            values
            if imaginary is None or values.is_complex()
            else torch.complex(values, imaginary * values.abs().clamp(1e-3, LARGE))
        )
        point = torch.where(self.free, values.to(self.runs.dtype), self.runs.given)
        return point if flips is None else torch.where(self.flips, flips.to(self.runs.dtype), point)

    def keep_ties(self) -> None:
        """From now on, give equal values to elements that were given equal ones (``unique``)."""
        same = (self.known[:, None] == self.known) & (self.free[:, None] == self.free)
        self.tied = same.to(torch.uint8).argmax(dim=1)

    # --- Points --------------------------------------------------------------------------------------------------

    def near(self, ties: str, flips: bool = False) -> Tensor:
        """Return values moved a little, in the same order; of equal ones the later goes ``"up"`` or ``"down"``.

        With ties ``"one"`` equal values stay equal. Booleans are moved only if `flips`.
        """
        values = self.known
        places = torch.arange(len(values)) * (-1 if ties == "down" else 1)
        by_place = places.argsort()
        order = by_place[values[by_place].argsort(stable=True)]
        steps = 1 + self.uniform()
        if ties == "one" or self.tied is not None:
            ordered = values[order]
            steps[1:][ordered[1:] == ordered[:-1]] = 0
        ranks = torch.empty_like(steps)
        ranks[order] = steps.cumsum(0)
        gaps = self.pool.diff() if len(self.pool) > 1 else torch.ones(1)
        reach = min(1e-3, float(gaps.min()) / 4) / float(steps.sum() + 1)
        ranks = ranks - float(steps.sum()) - 1 if ties == "down" else ranks
        moved = values + reach * ranks
        if self.runs.given.is_complex():
            moved = torch.complex(moved, self.runs.given.imag.nan_to_num() + reach * ranks)
        point = torch.where(self.free, moved.to(self.runs.dtype), self.runs.given)
        return point if flips else torch.where(self.flips, self.runs.given, point)

    def codes(self) -> list[Tensor]:
        """Return points at which no two values are equal: small, large, negative, and mixed ones."""
        if self.whole:
            return [self.mixed() for _ in range(40)]
        uniform, normal = self.uniform, self.normal
        points = [0.05 + 0.9 * uniform(), 2 * normal(), LARGE * normal(), -3 * uniform() - 0.1, 1 + 50 * uniform()]
        points += [1e-3 * normal(), self.known.flip(0) + 0.01 * uniform(), 9 * normal(), 40 * normal()]
        return [self.point(values) for values in points]

    def huge(self) -> list[Tensor]:
        """Return points with ever larger values, which tell what passes from what is cut off at a bound."""
        return [] if self.whole else [self.point(size * self.normal()) for size in HUGE]

    def mixed(self) -> Tensor:
        """Return integers drawn from those given, and booleans of which many, few or half are true."""
        drawn = self.pool[torch.randint(len(self.pool), (self.runs.count,), generator=self.generator)]
        share = (0.15, 0.5, 0.85)[int(torch.randint(3, (), generator=self.generator))]
        return self.point(drawn, self.uniform() < share)

    def far(self) -> list[Tensor]:
        """Return points at which the operation may choose otherwise."""
        ones, truth = torch.ones(self.runs.count, dtype=torch.float64), self.uniform() < 0.5
        if self.whole:
            points = [self.point(self.known.roll(1), ones), self.point(self.known.flip(0), 0 * ones)]
            points += [self.point(0 * self.known, truth), self.point(0 * self.known - 1, ~truth)]
            return points + self.assignments() + [self.mixed() for _ in range(4)]
        values = [0.05 + 0.9 * self.uniform(), 2 * self.normal(), 0 * ones, 0.7 * ones, self.known.flip(0), -self.known]
        flips = [ones, truth, 0 * ones, ones, ~truth, self.uniform() < 0.5]
        return [self.point(*pair) for pair in zip(values, flips, strict=True)] + self.assignments()

    def assignments(self) -> list[Tensor]:
        """Return all assignments of truth values, if there are few booleans, and other values as given."""
        places = self.flips.nonzero().flatten()
        points = []
        for number in range(1 << len(places) if 0 < len(places) <= 6 else 0):
            point = self.runs.given.clone()
            point[places] = torch.tensor([number >> k & 1 for k in range(len(places))]).to(point.dtype)
            points.append(point)
        return points

    def target(self) -> Tensor:
        """Return a point drawn at random: what was given in another order, other numbers, extremes."""
        kind = int(torch.randint(4, (), generator=self.generator))
        truth = self.uniform() < (0.2, 0.5, 0.8, 0.5)[kind]
        order = self.free.nonzero().flatten()
        shuffled = self.known.clone()
        if self.tied is None:
            shuffled[order] = self.known[order[torch.randperm(len(order), generator=self.generator)]]
        if kind == 0 or self.whole:
            return self.point(shuffled, truth)
        reach = self.high - self.low + 1
        extremes = torch.where(self.uniform() < 0.5, self.low - reach, self.high + reach) + self.uniform()
        return self.point({1: 2 * self.normal(), 2: extremes, 3: self.low + reach * self.uniform()}[kind], truth)

    # --- Changes of one element ----------------------------------------------------------------------------------

    def changes(self, base: Tensor, many: bool) -> Tensor:
        """Return what each value of a point is changed to in turn, those that tell most first, shape (changes, I).

        If `many`, also the other values, their neighbours, what lies between them, and a ladder of larger ones.
        """
        if self.whole:
            return self._integer_changes(base)
        size, zero = 1 + base.abs(), torch.zeros_like(base)
        top, bottom = self.high + 1 + (self.high - self.low), self.low - 1 - (self.high - self.low)
        changes = [base + 1.7 * size, base - 1.7 * size, base + 1e-3 * size, zero + top, zero + bottom]
        if many:
            changes += [base - 1e-3 * size, zero, -base, zero + LARGE, zero - LARGE]
            changes += [zero + self.reach, zero - self.reach]
            changes += [zero + value for value in self._others()]
            changes += [zero + value for value in torch.linspace(bottom, top, 48).tolist()]
            changes += [zero + value for value in (0.5, 1, -1, -0.5, 0.25, 2, 0.77, 10, 50, 100)]
            changes += [*self._neighbours(base), *self._partners(base)]
        if base.is_complex():
            changes += [base + 1.7j * size, base - 1e-3j * size]
        changes = [torch.where(change.isfinite(), change, 0.5 + n) for n, change in enumerate(changes)]
        found = torch.stack(changes)
        found[1:, self.flips] = base[self.flips]
        found[0, self.flips] = 1 - base[self.flips]
        return torch.where(self.runs.is_value, found, base)

    def _others(self) -> list[float]:
        pool = self.pool
        if len(pool) > FEW:
            pool = pool[torch.linspace(0, len(pool) - 1, FEW).long()]
        return pool.tolist()

    def _neighbours(self, base: Tensor) -> list[Tensor]:
        """Return for each value the next larger and the next smaller one, and what lies beyond these."""
        if base.is_complex() or not len(self.pool):
            return []
        places = torch.searchsorted(self.pool, base)
        above = self.pool[torch.searchsorted(self.pool, base, right=True).clamp(max=len(self.pool) - 1)]
        below = self.pool[(places - 1).clamp(min=0)]
        beyond = self.pool[(places - 2).clamp(min=0)]
        return [above, below, above + 1e-4 * (1 + above.abs()), (below + beyond) / 2]

    def _partners(self, base: Tensor) -> list[Tensor]:
        """Return points in which an input has the values of another one with as many elements (``==``)."""
        runs, found = self.runs, []
        parts = [slice(start, end) for start, end in itertools.pairwise(runs.starts)]
        for shift in range(1, min(len(parts), 4)):
            point = base.clone()
            for here, there in zip(parts, parts[shift:] + parts[:shift], strict=True):
                if here.stop - here.start == there.stop - there.start and runs.is_value[there].all():
                    point[here] = base[there]
            found.append(point)
        return found

    def _integer_changes(self, base: Tensor) -> Tensor:
        anything = self.runs.allows_any_integer
        changes = [base + 1, base - 1, base + 2, base - 2, base ^ 1, base ^ 2] if anything else [base]
        changes += [*self._partners(base), *(torch.full_like(base, int(value)) for value in self._others())]
        changes += [torch.full_like(base, value) for value in range(CLASSES)] if anything else []
        found = torch.stack(changes)
        lowest, highest = self.runs.limits
        found = torch.where((found >= lowest) & (found <= highest), found, base)
        found[1:, self.flips] = base[self.flips]
        found[0, self.flips] = 1 - base[self.flips]
        return found

    def index_changes(self) -> Tensor:
        """Return what each element of an index or a mask is changed to in turn, shape (changes, I)."""
        given, steers = self.runs.given, ~self.runs.is_value
        base = given.real if given.is_complex() else given
        pool = torch.unique(base[steers & ~self.runs.is_bool]).tolist()
        changes = [1 - base, *(torch.full_like(base, value) for value in [*pool[:8], *pool[-2:]])]
        # Values that were not given may be out of range, and not all operations look whether they are.
        if self.runs.allows_any_integer and len(pool) < ENOUGH:
            changes += [base + step for step in (1, -1, 2, -2)]
            changes += [torch.full_like(base, value) for value in range(8)]
        found = torch.stack(changes)
        found[0] = torch.where(self.runs.is_bool, found[0], base)
        found[1:, self.runs.is_bool] = base[self.runs.is_bool]
        return torch.where(steers, found.to(given.dtype), given)

    def other_masks(self) -> list[Tensor]:
        """Return points at which all masks are others: all true, all false, at random."""
        masks = self.runs.is_bool & ~self.runs.is_value
        base, shares = self.near("up", flips=True), (1, 0, 0.5, 0.5) if masks.any() else ()
        return [torch.where(masks, (self.uniform() < share).to(base.dtype), base) for share in shares]


def _infinite(point: Tensor) -> Tensor:
    return point.isinf() if point.dtype != torch.int64 else torch.zeros_like(point, dtype=torch.bool)
