"""Groups of input elements that can be changed at once, because no output element depends on two of them.

It is the coloring by which sparse Jacobians are computed. Axes: I elements of all inputs, O of all outputs together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ptguide._tracing._flags import POSSIBLE, ROWS_AT_ONCE, STEERED, UNMOVED

if TYPE_CHECKING:
    from ptguide._tracing._changes import Changes

LONG_AXIS = 128


class Groups:
    """Groups of columns, of which each output element may depend on one at most.

    Parameters
    ----------
    seen : Tensor, uint8, shape (I, O)
        In which is marked what is possible.
    columns : Tensor, int64
        The input elements that are put into groups.
    """

    def __init__(self, seen: Tensor, columns: Tensor) -> None:
        self.of_column = torch.full((len(seen),), -1)
        taken: list[int] = []  # for each group, the output elements that its columns may change, as bits
        pairs = []
        for some in columns.split(ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
            possible = seen[some] >= POSSIBLE
            place, output = possible.nonzero(as_tuple=True)
            pairs.append((some[place], output))
            for column, bits in zip(some.tolist(), _bits(possible), strict=True):
                group = next((g for g, used in enumerate(taken) if not used & bits), len(taken))
                taken += [0] if group == len(taken) else []
                taken[group] |= bits
                self.of_column[column] = group
        self.count = len(taken)
        self.column, self.output = (torch.cat(part) for part in zip(*pairs, strict=True))
        self.group = self.of_column[self.column]
        self.is_open = torch.ones(len(self.column), dtype=torch.bool)

    def close(self, seen: Tensor, bits: int) -> None:
        """Leave out the pairs of which some bits were seen."""
        rows = self.is_open.nonzero().flatten()
        self.is_open[rows] = (seen[self.column[rows], self.output[rows]] & bits) == 0

    def open_groups(self, columns: Tensor) -> Tensor:
        """Return the groups with pairs that are still open, of columns that are True in `columns`."""
        groups: Tensor = torch.unique(self.group[self.is_open & columns[self.column]])
        return groups

    def note(self, changes: Changes, chosen: Tensor, changed: Tensor, flag: int) -> None:
        """Note what changed in the runs of some groups, shape (groups, O)."""
        row = torch.full((self.count,), -1)
        row[chosen] = torch.arange(len(chosen))
        row = row[self.group]
        here = (row >= 0).nonzero().flatten()
        new = changed[row[here], self.output[here]]
        changes.accepted[self.column[here]] = True
        if flag == STEERED:
            flags = torch.where(new, STEERED, UNMOVED).to(torch.uint8)
            effective = torch.zeros_like(changes.accepted)
            effective[self.column[here[new]]] = True
            here, flags = here[keep := effective[self.column[here]]], flags[keep]
            changes.seen[self.column[here], self.output[here]] |= flags
        else:
            changes.seen[self.column[here[new]], self.output[here[new]]] |= flag
        if int(new.sum()) < int(changed.sum()):
            changes.astray = True


def _bits(rows: Tensor) -> list[int]:
    """Return each row of truth values as one integer."""
    weights = (1 << torch.arange(8)).to(torch.uint8)
    padded = torch.nn.functional.pad(rows, (0, -rows.shape[1] % 8)).view(torch.uint8).reshape(len(rows), -1, 8)
    return [int.from_bytes(bytes(row)) for row in (padded * weights).sum(dim=2, dtype=torch.uint8).tolist()]


def partitions(shape: torch.Size) -> list[Tensor]:
    """Return ways to part the elements of a tensor into blocks: by the index of each axis; shape (elements,)."""
    found = []
    for axis, size in enumerate(shape):
        index = torch.arange(size).reshape(-1, *[1] * (len(shape) - axis - 1)).expand(shape).flatten()
        if size > LONG_AXIS:
            step = math.isqrt(size)
            found += [index // step, index % step]
        elif size > 1:
            found.append(index)
    return found or [torch.zeros(shape.numel(), dtype=torch.int64)]
