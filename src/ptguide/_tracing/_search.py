"""What is known of one call while its dependencies are looked for.

Axes: O elements of one output, I elements of all inputs together (in their order, each in row-major order).
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import torch
from torch import Tensor

from ptguide._tracing._call import Call, differing, double_dtype, is_number

NONE, COMPARED, INDEX, COMPUTED, COPIED = range(5)  # the values of trace.Kind


@dataclass
class Search:
    """What is known of one call while its dependencies are looked for.

    Attributes
    ----------
    values, steering : list of int
        The inputs whose values flow into the outputs, and those that only say which element goes where.
    double : bool
        Whether the operation gives the same when all values are float64.
    actual : list of Tensor
        The outputs for the values given.
    kinds : list of Tensor, uint8, shape (O, I)
        What was found so far, for each output.
    open : list of Tensor, bool, shape (O,)
        The elements of each output whose sources are not known yet.
    """

    call: Call
    values: list[int]
    steering: list[int]
    double: bool
    actual: list[Tensor]
    kinds: list[Tensor]
    open: list[Tensor]

    def __post_init__(self) -> None:
        sizes = [tensor.numel() for tensor in self.call.tensors]
        starts = [0, *itertools.accumulate(sizes)]
        self.starts = starts
        self.random = random.Random(0)
        # The elements of the value inputs, as columns of `kinds`.
        self.columns = [column for i in self.values for column in range(starts[i], starts[i + 1])]

    def run(self, new: dict[int, Tensor], double: bool) -> list[Tensor] | None:
        """Return the outputs with some inputs replaced, None if the operation refuses them or their number changes."""
        tensors = [new.get(place, tensor) for place, tensor in enumerate(self.call.tensors)]
        outputs = self.call.attempt(tensors, double)
        return outputs if outputs is not None and len(outputs) == len(self.actual) else None

    def spread(self, flat: Tensor, double: bool) -> dict[int, Tensor]:
        """Return the value inputs filled, one after the other, from one flat tensor, in the dtypes they are run in."""
        new, start = {}, 0
        for i in self.values:
            like = self.call.tensors[i]
            part = flat[start : start + like.numel()].reshape(like.shape)
            start += like.numel()
            new[i] = part.to(double_dtype(like) if double else like.dtype)
        return new

    @property
    def is_done(self) -> bool:
        return not any(bool(part.any()) for part in self.open)

    @property
    def are_integers(self) -> bool:
        """Whether the operation computes with integers or booleans and nothing else."""
        return not self.double and not any(is_number(self.call.tensors[i].dtype) for i in self.values)

    @property
    def allows_any_integer(self) -> bool:
        """Whether an integer out of range does no harm; it might be an index, and a GPU does not survive that."""
        devices = (self.call.tensors[i].device.type for i in self.values)
        return not self.are_integers or all(device == "cpu" for device in devices)


def keep(search: Search, o: int, found: dict[int, list[int]]) -> list[int]:
    """Note copies (columns by place in output `o`) whose value is what the operation gave; return the places."""
    values = torch.cat([_comparable(search.call.tensors[i], search.actual[o]) for i in range(len(search.call.tensors))])
    actual = search.actual[o].flatten().cpu()
    kept = []
    for place, columns in found.items():
        if columns and not differing(values[columns[0]], actual[place]):
            search.kinds[o][place, columns] = COPIED
            search.open[o][place] = False
            kept.append(place)
    return kept


def _comparable(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor's elements as an output of some dtype would hold copies of them."""
    flat = tensor.flatten().cpu()
    return (flat.real if flat.is_complex() and not like.is_complex() else flat).to(like.dtype)
