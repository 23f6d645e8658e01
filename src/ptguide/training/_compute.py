"""How a batch becomes a loss: model, loss, device and precision, for training and evaluation alike."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ptguide.training._batches import Count, Counted, Forward, Loss, check_targets, forward_pair, mover, tensors_of
from ptguide.training._processes import Team


class Computation:
    """What `fit` and `evaluate` compute for each batch.

    Attributes
    ----------
    model : torch.nn.Module
        The model, whose weights change.
    wrapped : torch.nn.Module
        The model, or what lets several processes train it.
    network : callable
        What is called: that, or its compiled form.
    forward, loss : callable
        As given to `fit`; the first time that they are called, what they get and return is checked.
    given_loss : callable or None
        The loss without that.
    of_loss : list of torch.nn.Parameter
        What the loss itself learns.
    count : Counted
        What the loss of a batch counts.
    autocast : callable
        Gives the context of mixed precision; one that does nothing for float32.
    move : callable
        Brings a batch to the device.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss | None,
        forward: Forward,
        device: torch.device,
        precision: torch.dtype,
        *,
        count: Count | None = None,
        team: Team | None = None,
        compile: bool = False,
    ) -> None:
        self.model = model
        self.wrapped = model if team is None else team.wrap(model, device)
        self.network: Any = torch.compile(self.wrapped) if compile else self.wrapped
        self.given_loss = loss
        self.of_loss = list(loss.parameters()) if isinstance(loss, nn.Module) else []
        if team is not None and isinstance(loss, nn.Module):
            team.share_start([*self.of_loss, *loss.buffers()])
        self.count = Counted(loss, count)
        self.takes_pairs = forward is forward_pair
        self.autocast = _autocast(precision, device)
        self.move = mover(device)
        self._device = device
        self._forward = forward
        self.look_closely()

    def look_closely(self) -> None:
        """Check what the next forward and the next loss get and return."""
        self.forward: Forward = self._first_forward(self._forward)
        self.loss: Any = None if self.given_loss is None else self._first_loss(self.given_loss)

    def check_first(self, batch: Any, name: str) -> None:
        """Require a batch that the model can be called with; ``name`` is what its data is called."""
        check_batch(batch, name, self.takes_pairs, self._device)

    def _first_forward(self, forward: Forward) -> Forward:
        """Return a forward that checks what it returns, and then puts the bare one in its own place."""

        def checked(network: Any, batch: Any) -> tuple[Any, Any]:
            try:
                found = forward(network, batch)
            except (RuntimeError, TypeError) as error:
                explain_forward(error, self.model, batch)
                raise
            found = check_pair(found)
            self.forward = forward
            return found

        return checked

    def _first_loss(self, loss: Loss) -> Loss:
        """Return a loss that checks its targets and what it returns, and then puts the bare one in its own place."""

        def checked(outputs: Any, targets: Any) -> Tensor:
            check_targets(self.given_loss, outputs, targets, loss)
            value = loss(outputs, targets)
            check_loss(value)
            if torch.is_grad_enabled():
                check_requires_grad(value)
            self.loss = loss
            return value

        return checked


def _autocast(precision: torch.dtype, device: torch.device) -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """Return what gives the context in which forward and loss compute."""
    if precision == torch.float32:
        nothing = contextlib.nullcontext()
        return lambda: nothing
    return lambda: torch.autocast(device.type, dtype=precision)


def place(
    model: nn.Module,
    device: torch.device | str | None,
    optimizer: torch.optim.Optimizer | None = None,
    loss: Any = None,
) -> torch.device:
    """Return the one device that the model is on, after moving it where ``device`` says so.

    `torch.nn.Module.to` keeps the parameters the same objects, so an optimizer made before the move still holds them;
    what it has gathered about them moves along, and so does a loss that holds tensors (the weights of classes).
    """
    if device is not None:
        model.to(device)
        if optimizer is not None and optimizer.state:
            optimizer.load_state_dict(optimizer.state_dict())
    found = {tensor.device for tensor in itertools.chain(model.parameters(), model.buffers())}
    if len(found) > 1:
        raise ValueError(
            f"model has tensors on {' and '.join(sorted(map(str, found)))}; expected one device. "
            "Move the whole model: pass device=."
        )
    chosen = found.pop() if found else torch.device(device or "cpu")
    if isinstance(loss, nn.Module):
        loss.to(chosen)
    return chosen


@contextlib.contextmanager
def modes_restored(model: nn.Module) -> Iterator[None]:
    """Put the mode of every layer back at the end, also after an error."""
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Run in evaluation mode, and put every layer's own mode back: a frozen batch norm stays frozen."""
    with modes_restored(model):
        model.eval()
        yield


@contextlib.contextmanager
def training_mode(model: nn.Module) -> Iterator[None]:
    """Run in training mode; layers that were put into evaluation mode one by one keep it."""
    with modes_restored(model):
        if not model.training:
            model.train()
        yield


def check_batch(batch: Any, name: str, takes_pairs: bool, device: torch.device) -> None:
    """Require a batch that the model can be called with."""
    if takes_pairs and not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        what = f"{len(batch)} entries" if isinstance(batch, (tuple, list)) else f"type {type(batch).__name__}"
        raise TypeError(
            f"a batch of {name} has {what}; expected a pair (inputs, targets). For other batches, pass "
            "forward=, a function of (model, batch) that returns (outputs, targets)."
        )
    tensors = tensors_of(batch)
    if not tensors:
        raise TypeError(f"a batch of {name} holds no tensor; expected tensors whose first axis counts the samples.")
    for tensor in tensors:
        if tensor.device.type not in ("cpu", device.type):
            raise ValueError(
                f"a batch of {name} is on {tensor.device} and the model on {device}; expected both on one device. "
                f'Pass device="{tensor.device}" to move the model.'
            )
    if tensors[0].ndim == 0 or len(tensors[0]) == 0:
        raise ValueError(
            f"the first tensor of a batch of {name} has shape {tuple(tensors[0].shape)}; expected a first axis that "
            "counts at least one sample."
        )


def explain_forward(error: Exception, model: nn.Module, batch: Any) -> None:
    """Add to an error of the model what is known about its inputs."""
    parameter = next(model.parameters(), None)
    first = tensors_of(batch)[0]
    if parameter is not None and first.dtype != parameter.dtype:
        error.add_note(
            f"The first tensor of the batch is {first.dtype}, and the model's parameters are {parameter.dtype}. "
            f"If these should agree, convert the data once: inputs.to({parameter.dtype})."
        )


def check_pair(found: Any) -> tuple[Any, Any]:
    """Require that ``forward`` returned two things."""
    if not isinstance(found, tuple) or len(found) != 2:
        what = f"a tuple of {len(found)}" if isinstance(found, tuple) else type(found).__name__
        raise TypeError(f"forward returned {what}; expected a pair (outputs, targets), which the loss takes.")
    return found


def check_loss(value: Any) -> None:
    """Require a loss that gradients can be computed of."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"loss returned {value!r} of type {type(value).__name__}; expected a tensor with one element. "
            "Leave out .item(), float() and NumPy in the loss."
        )
    if value.ndim:
        raise ValueError(
            f"loss returned a tensor of shape {tuple(value.shape)}; expected one number, the mean over the batch. "
            'Leave out reduction="none", or take .mean().'
        )
    if value.is_complex() or not value.is_floating_point():
        raise TypeError(f"loss returned a tensor of {value.dtype}; expected a real floating-point number.")


def check_requires_grad(value: Tensor) -> None:
    """Require a loss that hangs on the parameters."""
    if not value.requires_grad:
        raise ValueError(
            "loss returned a tensor that does not require grad, so that no gradient reaches the model. Look for "
            "detach(), torch.no_grad(), argmax or .item() between the parameters and the loss."
        )
