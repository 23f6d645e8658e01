"""How a batch becomes a loss: the model, the loss, the device and the precision, for training and evaluation alike."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ptguide.training._batch import Forward, Loss, forward_pair, mover
from ptguide.training._checks import first_batch
from ptguide.training._precision import mixed
from ptguide.training._processes.distributed import Team


class Computation:
    """What `fit` and `evaluate` compute for each batch.

    Attributes
    ----------
    model : torch.nn.Module
        The model, whose weights change.
    network : callable
        What is called in its place: the model itself, its compiled form, or what lets several processes train it.
    forward, loss : callable
        As given to `fit`, in mixed precision where it was asked for.
    takes_pairs : bool
        Whether batches are (inputs, targets).
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss | None,
        forward: Forward,
        device: torch.device,
        precision: torch.dtype,
        *,
        team: Team | None = None,
        compile: bool = False,
    ) -> None:
        self.model = model
        network = model if team is None else team.wrap(model, device)
        self.network: Any = torch.compile(network) if compile else network
        self.forward: Forward = mixed(precision, device, forward)
        self.loss: Loss | None = None if loss is None else mixed(precision, device, loss)
        self.takes_pairs = forward is forward_pair
        self._given_loss = loss
        self._device = device
        self._mover = mover(device)

    def move(self, batch: Any) -> Any:
        """Return the batch on the device."""
        return batch if self._mover is None else self._mover(batch)

    def check_first(self, batch: Any, name: str) -> None:
        """Require a batch that the model can be called with; ``name`` is what its data is called."""
        first_batch.check_batch(batch, name, self.takes_pairs, self._device)

    def first_forward(self) -> Forward:
        """Return `forward` for the first batch, with checks."""

        def checked(network: Any, batch: Any) -> tuple[Any, Any]:
            try:
                found = self.forward(network, batch)
            except (RuntimeError, TypeError) as error:
                first_batch.explain_forward(error, self.model, batch)
                raise
            return first_batch.check_pair(found)

        return checked

    def first_loss(self) -> Loss:
        """Return `loss` for the first batch, with checks."""

        def checked(outputs: Any, targets: Any) -> Tensor:
            assert self.loss is not None
            first_batch.check_targets(self._given_loss, outputs, targets, self.loss)
            value = self.loss(outputs, targets)
            first_batch.check_loss(value)
            if torch.is_grad_enabled():
                first_batch.check_requires_grad(value)
            return value

        return checked
