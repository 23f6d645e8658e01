"""Change one input element at a time, and look which output elements change.

Axes: I elements of all inputs together, O elements of all outputs together, R runs.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ptguide._tracing._call import is_number
from ptguide._tracing._flags import FAR, ROUNDED, STEERED, UNMOVED
from ptguide._tracing._groups import Groups
from ptguide._tracing._runs import ELEMENTS_AT_ONCE, Outcome, Runs

LOOKED_CLOSER = 512  # elements of the inputs at most, if changes no larger than rounding are looked at
LOOKED_AT = 100_000  # elements of points among which outputs are looked for


class Changes:
    """What changed with what.

    Attributes
    ----------
    seen : Tensor, uint8, shape (I, O)
        What was seen of each pair, in bits.
    accepted, reshaped : Tensor, bool, shape (I,)
        Whether the operation took a change of an element, and whether this changed the shape of an output.
    selects : Tensor, bool, shape (O,)
        Whether in every run the output element was equal to some input element.
    varies : list of bool
        For each output, whether its shape depended on the values.
    """

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        total = sum(runs.sizes)
        self.seen = torch.zeros(runs.count, total, dtype=torch.uint8)
        self.accepted, self.reshaped = torch.zeros(2, runs.count, dtype=torch.bool)
        self.selects = torch.ones(total, dtype=torch.bool)
        self.varies = [False] * len(runs.sizes)
        self.astray = False  # whether an output element changed with a group that should have left it alone
        self.parts = [slice(a, b) for a, b in itertools.pairwise([0, *itertools.accumulate(runs.sizes)])]
        self.at_once = max(2, ELEMENTS_AT_ONCE // max(runs.count + total, 1))

    def star(self, base: Tensor, changes: Tensor, flag: int, only: Tensor | None = None) -> None:
        """Change each element of a point in turn, or `only` some, to each value in `changes`, shape (changes, I)."""
        base, changes = self.runs.used(base[None])[0], self.runs.used(changes)
        new = changes != base
        for k in range(1, len(changes)):
            new[k] &= ~(changes[:k] == changes[k]).any(dim=0)
        if only is not None:
            new &= only
        which, columns = new.nonzero(as_tuple=True)
        for begin in range(0, len(columns), self.at_once):
            of_change, column = which[begin : begin + self.at_once], columns[begin : begin + self.at_once]
            points = base.expand(len(column) + 1, -1).clone()
            points[torch.arange(1, len(points)), column] = changes[of_change, column]
            self.note(points, torch.zeros(1, dtype=torch.int64), column, flag)

    def star_of_groups(self, base: Tensor, change: Tensor, flag: int, groups: Groups, chosen: Tensor) -> None:
        """Change some groups of elements in turn, of which each output element depends on one element at most."""
        base, change = self.runs.used(torch.stack([base, change]))
        for start in range(0, len(chosen), self.at_once):
            part = chosen[start : start + self.at_once]
            points = torch.where(groups.of_column == part[:, None], change, base)
            changed, fine = self.compare(torch.cat([base[None], points]), torch.zeros(1, dtype=torch.int64))
            groups.note(self, part[fine], changed[fine], flag)

    def walk(self, ways: list[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Go several ways, each from one point to another in some order, one element after the other."""
        points: list[Tensor] = []
        before: list[Tensor] = []
        columns: list[Tensor] = []
        for start, end, order in ways:
            first = sum(len(way) for way in points)
            way = start.repeat(len(order) + 1, 1)
            late = torch.arange(len(way))[:, None] > torch.arange(len(order))
            way[:, order] = torch.where(late, end[order], start[order])
            columns += [order.new_zeros(1), order]
            points.append(way)
            before.append(first + torch.arange(len(way)).sub_(1).clamp_(min=0))
        self.note(self.runs.used(torch.cat(points)), torch.cat(before)[1:], torch.cat(columns)[1:], FAR)

    def note(self, points: Tensor, before: Tensor, columns: Tensor, flag: int) -> None:
        """Run the operation on points, and compare each but the first with one before, from which a column differs."""
        changed, fine = self.compare(points, before, columns, flag == STEERED)
        if not fine.all():
            columns, changed = columns[fine], changed[fine]
        self.accepted[columns] = True
        # A column may come several times, once for each value: one after the other.
        ranks = _occurrence(columns)
        last = int(ranks.max()) if len(ranks) else -1
        for rank in range(last + 1):
            rows = ranks == rank if last else slice(None)
            self._mark(columns[rows], changed[rows], flag)

    def _mark(self, columns: Tensor, changed: Tensor, flag: int) -> None:
        if flag == STEERED:
            effective = changed.any(dim=1)
            columns, changed = columns[effective], changed[effective]
            self.seen[columns] |= torch.where(changed, STEERED, UNMOVED).to(torch.uint8)
        else:
            self.seen[columns] |= changed.view(torch.uint8) * flag

    def compare(
        self, points: Tensor, before: Tensor, columns: Tensor | None = None, steered: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return which outputs moved, to each point but the first, shape (R - 1, O), and which runs were taken."""
        outcome = self.runs.run(points)
        self._check_selects(points, outcome)
        reach = self._reach(points, before)
        changed = [self._moved(outcome, o, before, columns, steered, reach) for o in range(len(self.parts))]
        return torch.cat(changed, dim=1) if len(changed) > 1 else changed[0], outcome.accepted[
            before
        ] & outcome.accepted[1:]

    def _reach(self, points: Tensor, before: Tensor) -> Tensor:
        """Return how large the values are whose rounding may show, shape (R - 1, 1)."""
        one, two = points[before], points[1:]
        size = torch.maximum(one.abs(), two.abs())
        return torch.where(size.isfinite(), size, 0).amax(dim=1, keepdim=True)

    def _moved(
        self, outcome: Outcome, o: int, before: Tensor, columns: Tensor | None, steered: bool, reach: Tensor
    ) -> Tensor:
        output, others = outcome.outputs[o], outcome.others[o]
        one, two = output[before], output[1:]
        changed = (one != two) & (one == one) & (two == two) if self.runs.alone else moved(one, two, reach)
        if columns is not None and not self.runs.alone and self.runs.count <= LOOKED_CLOSER:
            weak = ((one != two) & (one == one) & (two == two) & ~changed).nonzero()
            self.seen[columns[weak[:, 0]], weak[:, 1] + self.parts[o].start] |= ROUNDED
        if not others:
            return changed
        for pair, first in enumerate(before.expand(len(changed)).tolist()):
            if first in others:
                changed[pair] = False
            elif pair + 1 in others:
                # With another shape no element keeps its place. What an index or a mask brought there may be gone.
                steers = columns is not None and not self.runs.is_value[columns[pair]]
                changed[pair] = ~_isin(output[first], others[pair + 1]) if steers and steered else False
                self.varies[o] |= not steers
                if columns is not None:
                    self.reshaped[columns[pair]] = True
        return changed

    def _check_selects(self, points: Tensor, outcome: Outcome) -> None:
        few, steers = max(2, LOOKED_AT // max(points.shape[1], 1)), ~self.runs.is_value
        points = points[:few]
        as_given = outcome.accepted[:few] & (points[:, steers] == self.runs.given[steers]).all(dim=1)
        for o, part in enumerate(self.parts):
            open_ones = self.selects[part].nonzero().flatten()
            if len(open_ones):
                rows = as_given.clone()
                rows[[row for row in outcome.others[o] if row < few]] = False
                self.selects[part][open_ones] &= members(outcome.outputs[o][:few, open_ones], points)[rows].all(dim=0)


def members(outputs: Tensor, points: Tensor) -> Tensor:
    """Return which elements that a run gave are equal to one of its point; NaN where the point has one, too."""
    found = torch.zeros(outputs.shape, dtype=torch.bool)
    if is_number(points.dtype) != is_number(outputs.dtype) or outputs.dtype == torch.bool or not points.shape[1]:
        return found  # an integer or a truth value is no fraction
    if outputs.is_complex() or points.is_complex():
        return torch.stack([_isin(output, point) for output, point in zip(outputs, points, strict=True)])
    ordered = points.to(outputs.dtype).sort(dim=1).values  # NaN comes last
    places = torch.searchsorted(ordered, outputs.contiguous()).clamp(max=points.shape[1] - 1)
    found = ordered.gather(1, places) == outputs
    return found | (outputs.isnan() & ordered[:, -1:].isnan()) if is_number(outputs.dtype) else found


def _isin(elements: Tensor, others: Tensor) -> Tensor:
    return (elements[:, None] == others).any(dim=1)  # torch.isin takes no complex numbers


def moved(before: Tensor, after: Tensor, reach: Tensor) -> Tensor:
    """Return where outputs of pairs of runs differ by more than rounding; NaN is no evidence.

    A change elsewhere may leave a NaN or lift it (0 * inf).
    """
    if not is_number(before.dtype):
        return before != after
    eps = torch.finfo(before.dtype).eps
    factor = (64 if eps < 1e-6 else 8) * eps
    size = before.abs()
    difference = (after - before).abs_() if not before.is_complex() else (after - before).abs()
    return difference.sub_(factor * reach) > factor * torch.where(size.isfinite(), size, 0)


def _occurrence(columns: Tensor) -> Tensor:
    """Return for each entry how often it came before."""
    order = columns.argsort(stable=True)
    ordered = columns[order]
    places = torch.arange(len(columns))
    starts = torch.where(
        torch.cat([ordered.new_ones(1).bool(), ordered[1:] != ordered[:-1]])[: len(columns)], places, 0
    )
    ranks = torch.empty_like(places)
    ranks[order] = places - starts.cummax(0).values if len(places) else places
    return ranks
