"""An optimizer without the marks that it sets for the profiler: they take more than a tenth of a small step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim import optimizer as hooks

from ptguide.training._step import parameters_of


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
