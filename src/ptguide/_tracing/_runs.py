"""Runs of one call on many sets of values.

Axes: I elements of all inputs together (in their order, each in row-major order), O elements of all outputs together,
R runs. A *point* holds a value for every input element, shape (I,).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from ptguide._tracing._call import Call, double_dtype, equal, is_number

ELEMENTS_AT_ONCE = 500_000  # of points and outputs together that one batch holds, 4 MB


@dataclass
class Outcome:
    """What some runs gave.

    Attributes
    ----------
    outputs : list of Tensor, shape (R, elements)
        For each output, what each run gave; where it was refused or has another shape, what the call itself gave.
    accepted : Tensor, bool, shape (R,)
        Whether the operation took the values and gave as many outputs as it did for those of the call.
    others : list of dict of int to Tensor
        For each output, the runs that gave it another shape, and what they gave.
    """

    outputs: list[Tensor]
    accepted: Tensor
    others: list[dict[int, Tensor]]


class Runs:
    """Runs of a call on points.

    Parameters
    ----------
    values : list of int
        The inputs whose values flow into the outputs; the others are indices and masks.
    double : bool
        Whether the values are given as float64.
    actual : list of Tensor
        What the call gave.
    """

    def __init__(self, call: Call, values: list[int], double: bool, actual: list[Tensor]) -> None:
        self.call, self.values, self.double, self.actual = call, values, double, actual
        self.starts = [0, *itertools.accumulate(tensor.numel() for tensor in call.tensors)]
        self.count = self.starts[-1]
        self.sizes = [tensor.numel() for tensor in actual]
        given = [call.tensors[i].dtype for i in range(len(call.tensors))]
        self.dtypes = [double_dtype(t) if double and i in values else t.dtype for i, t in enumerate(call.tensors)]
        complexes, numbers = any(d.is_complex for d in given), any(map(is_number, self.dtypes))
        self.dtype = torch.complex128 if complexes else torch.float64 if numbers else torch.int64
        self.given = self.flat(call.tensors)
        self.is_value = self._marks([i in values for i in range(len(given))])
        self.is_bool = self._marks([dtype == torch.bool for dtype in given])
        self.is_complex = self._marks([dtype.is_complex for dtype in given])
        # An integer out of range might be an index, and a GPU does not survive that.
        self.allows_any_integer = all(tensor.device.type == "cpu" for tensor in call.tensors)
        bounds = [torch.iinfo(dtype) for dtype in given if not is_number(dtype) and dtype != torch.bool]
        self.limits = max((b.min for b in bounds), default=0), min((b.max for b in bounds), default=1)
        self.alone = False  # whether to run one point at a time, which gives the same to the last bit
        self._batches: bool | None = None  # whether the operation can be run on many points at once

    def _marks(self, of_input: list[bool]) -> Tensor:
        return torch.tensor(
            [mark for t, mark in zip(self.call.tensors, of_input, strict=True) for _ in range(t.numel())],
            dtype=torch.bool,
        )

    def flat(self, tensors: list[Tensor]) -> Tensor:
        """Return the elements of tensors as one point."""
        return torch.cat([tensor.detach().flatten().cpu().to(self.dtype) for tensor in tensors])

    def tensors_of(self, points: Tensor) -> list[Tensor]:
        """Return the inputs of several points, each of shape (R, *shape), in the dtypes that they are run in."""
        parts = []
        for like, dtype, start, end in zip(self.call.tensors, self.dtypes, self.starts, self.starts[1:], strict=False):
            part = points[:, start:end]
            part = part.real if part.is_complex() and not dtype.is_complex else part
            parts.append(part.reshape(len(points), *like.shape).to(dtype))
        return parts

    def used(self, points: Tensor) -> Tensor:
        """Return points as the dtypes of the inputs hold them."""
        return torch.cat([part.reshape(len(points), -1).to(self.dtype) for part in self.tensors_of(points)], dim=1)

    def run(self, points: Tensor) -> Outcome:
        """Run the operation on points, shape (R, I); the caller keeps R small."""
        tensors, accepted = self.tensors_of(points), torch.ones(len(points), dtype=torch.bool)
        batches = len(points) > 2 and self.batches and not self.alone and not self._have_other_indices(points)
        if batches:
            found = self.call.run_many(tensors, self.double)
            if self._fits(found):
                outputs = [part.reshape(len(points), -1).cpu() for part in found or []]
                return Outcome(outputs, accepted, [{} for _ in outputs])
        outputs = [tensor.flatten().cpu().expand(len(points), -1).clone() for tensor in self.actual]
        outcome = Outcome(outputs, accepted, [{} for _ in outputs])
        self._run_batch(tensors, 0, len(points), outcome, batches)
        return outcome

    def _have_other_indices(self, points: Tensor) -> bool:
        """Return whether integers differ, which run alone: among others one that is out of range is not refused."""
        return self.dtype == torch.int64 or bool((points[:, ~self.is_value] != points[0, ~self.is_value]).any())

    def _fits(self, found: list[Tensor] | None) -> bool:
        return found is not None and [part.shape[1:] for part in found] == [tensor.shape for tensor in self.actual]

    @property
    def batches(self) -> bool:
        """Whether many points at once give what one gives; found out with the values given."""
        if self._batches is None:
            alone = self.call.attempt([part[0] for part in self.tensors_of(self.given[None])], self.double)
            twice = self.call.run_many(self.tensors_of(self.given.expand(2, -1)), self.double)
            self._batches = (
                alone is not None
                and twice is not None
                and len(twice) == len(alone)
                and all(_close(part[n], one) for part, one in zip(twice, alone, strict=True) for n in (0, 1))
            )
        return self._batches

    def _run_batch(self, tensors: list[Tensor], start: int, end: int, outcome: Outcome, batches: bool) -> None:
        """Run some rows, half of them at once, and so on where that is refused."""
        if end - start <= 2 or not batches:
            for row in range(start, end):
                self._run_one(tensors, row, outcome)
            return
        for first, last in itertools.pairwise((start, (start + end) // 2, end)):
            found = self.call.run_many([part[first:last] for part in tensors], self.double)
            if found is not None and self._fits(found):
                for o, part in enumerate(found):
                    _put(outcome.outputs, o, slice(first, last), part.reshape(last - first, -1).cpu())
            else:
                self._run_batch(tensors, first, last, outcome, batches)

    def _run_one(self, tensors: list[Tensor], row: int, outcome: Outcome) -> None:
        found = self.call.attempt([part[row] for part in tensors], self.double)
        if found is None or len(found) != len(self.actual):
            outcome.accepted[row] = False
            return
        for o, part in enumerate(found):
            if part.shape == self.actual[o].shape:
                _put(outcome.outputs, o, row, part.flatten().cpu())
            else:
                outcome.others[o][row] = part.flatten().cpu()


def _put(outputs: list[Tensor], o: int, rows: slice | int, part: Tensor) -> None:
    """Write what runs gave into the rows of an output, which takes the dtype that holds both."""
    dtype = torch.promote_types(outputs[o].dtype, part.dtype)
    outputs[o] = outputs[o].to(dtype)
    outputs[o][rows] = part.to(dtype)


def _close(one: Tensor, two: Tensor) -> bool:
    """Return whether two outputs are the same but for rounding."""
    if one.shape != two.shape or one.dtype != two.dtype:
        return False
    if not is_number(two.dtype):
        return equal(one, two)
    tolerance = 1e3 * torch.finfo(two.dtype).eps
    return torch.allclose(one, two, rtol=tolerance, atol=tolerance, equal_nan=True)
