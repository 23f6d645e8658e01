"""Copied: at points where no two values are equal, the output element is equal to an input element.

Axes: I elements of all inputs together, O elements of all outputs together, K points.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

from ptguide._tracing._call import differing, equal, is_number
from ptguide._tracing._changes import Changes, members
from ptguide._tracing._points import HUGE, Points
from ptguide._tracing._runs import Runs

SLOW = 0.02  # seconds of the processor for a run, after which no larger values are given

Taken = tuple[Tensor, list[Tensor | None]]  # a point, and what the operation gave, None for another shape than usual


class Copies:
    """Which output elements are copies.

    Attributes
    ----------
    always : Tensor, int64, shape (O,)
        The input element that arrived at every point, -1 if there is none.
    """

    def __init__(self, runs: Runs, points: Points, changes: Changes) -> None:
        self.runs, self.points, self.changes = runs, points, changes
        self.always = torch.full((len(changes.selects),), -1)
        taken = self._taken_codes()
        for o, part in enumerate(changes.parts):
            outputs = [output for _, given in taken if (output := given[o]) is not None]
            if len(outputs) < max(2, len(taken)):
                changes.selects[part] = False
                continue
            codes = torch.stack([point for point, _ in taken])
            changes.selects[part] &= members(torch.stack(outputs), codes).all(dim=0) & (not points.whole)
            self.always[part] = self._arriving(codes, torch.stack(outputs))

    def _taken_codes(self) -> list[Taken]:
        """Return points without equal values that the operation takes; ever larger ones as long as it stays quick."""
        taken = [one for point in self.points.codes() if (one := self._try(point)) is not None]
        for size, point in zip(HUGE, self.points.huge(), strict=False):
            started = time.thread_time()
            one = self._try(point)
            taken += [one] if one is not None else []
            if time.thread_time() - started > SLOW:
                break
            self.points.reach = size
        return taken

    def _try(self, point: Tensor) -> Taken | None:
        outcome = self.runs.run(point[None])
        if not outcome.accepted[0]:
            return None
        pairs = zip(outcome.outputs, outcome.others, strict=True)
        return self.runs.used(point[None])[0], [None if others else output[0] for output, others in pairs]

    def _arriving(self, codes: Tensor, outputs: Tensor) -> Tensor:
        """Return for each output element the column that is equal to it at each point, or -1; shape (elements,)."""
        none = torch.full((outputs.shape[1],), -1)
        if is_number(codes.dtype) and not is_number(outputs.dtype):
            return none  # an integer or a truth value is no copy of a fraction
        held = _as(codes, outputs.dtype)
        tells = self.runs.is_value & (held[1:] != held[0]).any(dim=0)
        if outputs.dtype != torch.bool:
            tells &= ((held != 0) & (held != 1)).any(dim=0)  # a class of two is a truth value as well
        columns = tells.nonzero().flatten()
        if not len(columns):
            return none
        keys, order = _keys(held[:, columns]).sort(stable=True)
        wanted = _keys(outputs)
        found = columns[order[torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)]]
        fits = (held[:, found] == outputs).all(dim=0) & (self.runs.is_complex[found] == outputs.is_complex())
        return torch.where(fits, found, -1)

    def find(self) -> tuple[Tensor, Tensor]:
        """Return the pairs of which the output element is a copy of the input element: columns and output elements."""
        rows = (self.always >= 0).nonzero().flatten()
        pairs = [(self.always[rows], rows)]
        if (tied := self.points.tied) is not None:  # of equal values that stay equal, each was copied
            column, place = (tied[:, None] == tied[self.always[rows]]).nonzero(as_tuple=True)
            pairs = [(column, rows[place])]
        chosen = self._chosen()
        for o, part in enumerate(self.changes.parts):
            open_ones = (self.changes.selects[part] & (self.always[part] < 0)).nonzero().flatten()
            if chosen is not None and (output := chosen[1][o]) is not None and len(open_ones):
                matches = _as(chosen[0], output.dtype)[:, None] == output[open_ones]
                column, place = (matches & self.runs.is_value[:, None]).nonzero(as_tuple=True)
                pairs.append((column, open_ones[place] + part.start))
        column, row = (torch.cat(part) for part in zip(*pairs, strict=True))
        right = torch.zeros(len(row), dtype=torch.bool)
        for part, actual in zip(self.changes.parts, self.runs.actual, strict=True):
            here = (row >= part.start) & (row < part.stop)
            expected = actual.flatten().cpu()[row[here] - part.start]
            right[here] = ~differing(_as(self.runs.given[column[here]], actual.dtype), expected)
        return column[right], row[right]

    def _chosen(self) -> Taken | None:
        """Return a point in the order of the values given, at which the operation chooses as it did."""
        tried = [self._try(self.points.near(ties, flips=True)) for ties in ("up", "down")]
        found = [one for one in tried if one is not None]
        return next((one for one in found if self._explains(one[1])), found[0] if found else None)

    def _explains(self, outputs: list[Tensor | None]) -> bool:
        """Return whether an operation gave the indices that it gave for the values themselves."""
        return all(
            output is not None and equal(output.reshape(actual.shape), actual.cpu())
            for output, actual in zip(outputs, self.runs.actual, strict=True)
            if not is_number(actual.dtype) and (output is None or not is_number(output.dtype))
        )


def _keys(values: Tensor) -> Tensor:
    """Return an integer for each column of values, shape (K, columns), that tells different columns apart."""
    if values.is_complex():
        values = torch.view_as_real(values).movedim(-1, 0).flatten(0, 1)
    values = values + 0 if is_number(values.dtype) else values  # -0.0 is 0
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[values.dtype.itemsize]
    weights = torch.randint(1 << 62, (len(values), 1), generator=torch.Generator().manual_seed(0)) | 1
    return (values.contiguous().view(bits).long() * weights).sum(dim=0)


def _as(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return values as an output of some dtype would hold copies of them."""
    return (values.real if values.is_complex() and not dtype.is_complex else values).to(dtype)
