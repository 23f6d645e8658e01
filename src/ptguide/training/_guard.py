"""Notice NaN and infinity at the step where they arise, while the weights are still whole."""

from __future__ import annotations

import torch
from torch import Tensor

from ptguide.training._order import set_torch_state, torch_state
from ptguide.training._step import parameters_of


class Guard:
    """Look at the loss and the gradients of every batch.

    Notes
    -----
    One call of torch looks at all tensors: the one that `torch.amp.GradScaler` uses, here with a scale of 1. For a
    two-layer network on the CPU it takes 2 us; a norm of the gradients takes ten times as long. Its answer is read at
    every batch, for which an accelerator has to finish: after the optimizer's step, the weights that explain a NaN are
    gone.

    Where the model draws random numbers (dropout), their state before each batch is kept, so that the batch can be
    computed again. The first batch shows whether it does.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device, *, gradients: bool) -> None:
        self._optimizer = optimizer
        self._gradients = gradients
        self._device = device
        self._found = torch.zeros((), device=device)
        self._one = torch.ones((), device=device)
        self._at_once = True
        self._before: list[Tensor] = []
        self._draws = True

    def remember(self) -> None:
        """Keep the random state before a batch."""
        if self._draws:
            self._before = torch_state(self._device)

    def look_at_first(self) -> None:
        """Find out, after the first batch, whether it has drawn random numbers."""
        now = torch_state(self._device)
        self._draws = not all(map(torch.equal, self._before, now))

    def rewind(self) -> None:
        """Put back the random state that was before the batch."""
        if self._draws:
            set_torch_state(self._before, self._device)

    def finds(self, loss: Tensor) -> bool:
        """Return whether the loss or a gradient holds NaN or infinity."""
        parameters = parameters_of(self._optimizer) if self._gradients else []
        values = [gradient for parameter in parameters if (gradient := parameter.grad) is not None]
        values.append(loss.detach())
        if self._at_once:
            try:
                torch._amp_foreach_non_finite_check_and_unscale_(values, self._found, self._one)
                return bool(self._found)
            except RuntimeError:  # tensors on several devices, sparse or complex ones: one by one
                self._at_once = False
        return not all(is_finite(value) for value in values)


def is_finite(tensor: Tensor) -> bool:
    """Return whether a tensor holds neither NaN nor infinity."""
    if tensor.layout != torch.strided:
        tensor = tensor.coalesce().values()
    return bool(torch.isfinite(tensor).all())
