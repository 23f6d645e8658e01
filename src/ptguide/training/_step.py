"""The batches that make one step of the optimizer, one at a time, and what each of them weighs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ptguide.training._batches import tensors_of
from ptguide.training._losses import Counted
from ptguide.training._order import END, DataOrder
from ptguide.training._processes import Team
from ptguide.training._shares import Part, part_of


class Step:
    """The batches of one step of the optimizer, and what each weighs in it.

    They come one at a time: no more than three are in memory, however many make a step.

    Attributes
    ----------
    samples : int
        How many samples the batches so far have, in all processes.
    weight : float
        The sum of the weights of the batches so far, of the mean process.
    """

    __slots__ = ("_accumulate", "_alone", "_first", "_order", "_reference", "_team", "samples", "weight")

    def __init__(self, first: Part, order: DataOrder, accumulate: int, team: Team) -> None:
        self._first: Part | None = first
        self._order, self._accumulate, self._team = order, accumulate, team
        self._alone = accumulate == team.size == 1
        self._reference = 0.0  # what weighs 1
        self.samples, self.weight = 0, 0.0

    def __iter__(self) -> Iterator[Part]:
        """Yield each batch, with whether it is the last of the step."""
        part, self._first = self._first, None
        assert part is not None  # a step is gone through once
        for taken in range(1, self._accumulate + 1):
            following = self._order.take() if taken < self._accumulate else END
            part.last = following is END
            self.samples += part.total
            yield part
            if following is END:
                return
            part = part_of(following)

    def weigh(self, loss: Tensor, outputs: Any, count: Tensor | float, part: Part, counted: Counted) -> Tensor:
        """Return the loss of a batch, weighted with what it counts.

        The gradients of all batches and processes together, divided by ``weight``, are then those of one big batch.
        """
        if self._alone:
            return loss
        processes = self._team.size
        if counted.summed:
            weight = float(processes)  # the mean over processes is to be a sum
        else:
            total = part.total if counted.of_samples else self._team.sums([float(count)])[0]
            self._reference = self._reference or total / processes
            weight = float(count) / self._reference if count else 0.0
            self.weight += total / processes / (self._reference or 1.0)
        if not count:
            return _nothing(loss, outputs)  # the mean over no target is NaN
        return loss if weight == 1.0 else loss * weight

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Divide gradients, the sums over the batches of the step, by the weight of the step."""
        if self.weight in (0.0, 1.0):
            return
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad /= self.weight


def _nothing(loss: Tensor, outputs: Any) -> Tensor:
    """Return 0, with the graph of a loss: each process needs a backward pass."""
    found = [tensor for tensor in tensors_of(outputs) if tensor.requires_grad]
    return sum(((tensor * 0.0).sum() for tensor in found), torch.zeros_like(loss)) if found else loss * 0.0


def parameters_of(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """Return what an optimizer changes now; groups may be added while it is in use."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def clip_gradients(parameters: list[nn.Parameter], max_norm: float) -> None:
    """Scale the gradients of all parameters together down to a norm, where they exceed it."""
    from torch.distributed.tensor import DTensor

    divided = [parameter for parameter in parameters if isinstance(parameter, DTensor)]
    if len(divided) in (0, len(parameters)):
        nn.utils.clip_grad_norm_(parameters, max_norm)
        return
    # Parameters of a loss stay whole beside a model that is divided (FSDP2), and torch takes no mixture.
    whole = [parameter for parameter in parameters if not isinstance(parameter, DTensor)]
    norms = []
    for group in (divided, whole):
        norm = nn.utils.get_total_norm([parameter.grad for parameter in group if parameter.grad is not None])
        norms.append(norm.full_tensor() if isinstance(norm, DTensor) else norm)
    total = torch.stack(norms).norm()
    for group in (divided, whole):
        nn.utils.clip_grads_with_norm_(group, max_norm, total)
