"""The batches that make one step of the optimizer, one at a time, and what each of them weighs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim import optimizer as hooks

from ptguide.training._batches import Counted, tensors_of
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


class Unmarked:
    """Call an optimizer's own ``zero_grad`` and ``step``, marked only where somebody would see it.

    Notes
    -----
    torch wraps the ``step`` of every class of optimizers, and the body of ``zero_grad``, in a
    `torch.profiler.record_function`, whether a profiler runs or not. On a CPU the two take about 45 us, a tenth of a
    step of a small network; what that comes to is shown by ``tests/benchmarks/training.py``, in the rows "without
    Unmarked". What torch's wrapper does besides is to call hooks. So while no profiler runs and no hook is registered,
    the function that it wraps does the same.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._zeroes_plainly = type(optimizer).zero_grad is Optimizer.zero_grad and "zero_grad" not in vars(optimizer)
        self._wrapped_step = _wrapped_step(optimizer)
        self._all_hooks: list[dict[int, Any]] = [
            optimizer._optimizer_step_pre_hooks,
            optimizer._optimizer_step_post_hooks,
            hooks._global_optimizer_pre_hooks,
            hooks._global_optimizer_post_hooks,
        ]

    def zero_grad(self) -> None:
        """Set every gradient to None."""
        if self._zeroes_plainly and not _profiler_runs():
            for parameter in parameters_of(self._optimizer):
                parameter.grad = None
        else:
            self._optimizer.zero_grad()

    def step(self) -> None:
        """Change the weights."""
        if self._wrapped_step is None or _profiler_runs() or any(self._all_hooks):
            self._optimizer.step()
        else:
            self._wrapped_step(self._optimizer)


_profiler_runs: Callable[[], bool] = torch.autograd._profiler_enabled  # type: ignore[attr-defined]
_WRAPPER: Any = Optimizer.profile_hook_step(parameters_of)  # any function will do


def _wrapped_step(optimizer: Optimizer) -> Callable[[Optimizer], Any] | None:
    """Return the function that torch's wrapper calls; None where ``step`` is anything else, such as a scheduler's."""
    step: Any = type(optimizer).step
    if "step" in vars(optimizer) or getattr(step, "__code__", None) is not _WRAPPER.__code__:
        return None
    found: Callable[[Optimizer], Any] = step.__wrapped__
    return found
