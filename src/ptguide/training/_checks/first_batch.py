"""The first batch is looked at closely: what torch would accept in silence, or refuse in words that do not help."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ptguide.training._batch import Loss, tensors_of

# Losses that compare outputs with class numbers, and losses that compare them element by element.
CLASSES = (F.cross_entropy, F.nll_loss, nn.CrossEntropyLoss, nn.NLLLoss)
ELEMENTS = (
    *(F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss),
    *(F.binary_cross_entropy, F.binary_cross_entropy_with_logits),
    *(nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.BCELoss, nn.BCEWithLogitsLoss),
)


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


def check_targets(loss: Any, outputs: Any, targets: Any, computed: Loss) -> None:
    """Require targets of the shape and the dtype that a loss of torch is for; of other losses nothing is known.

    ``computed`` is the same loss, in mixed precision where it was asked for.
    """
    if not (isinstance(outputs, Tensor) and isinstance(targets, Tensor)):
        return
    settings: dict[str, Any] = {}
    while isinstance(loss, functools.partial):
        settings, loss = {**loss.keywords, **settings}, loss.func
    known = type(loss) if isinstance(loss, nn.Module) else loss
    name = getattr(known, "__name__", "")
    if known in CLASSES:
        ignored = getattr(loss, "ignore_index", settings.get("ignore_index", -100))
        _check_classes(name, outputs, targets, ignored)
    elif known in ELEMENTS:
        _check_elements(name, computed, outputs, targets)


def _check_classes(name: str, outputs: Tensor, targets: Tensor, ignored: int) -> None:
    has, wants = tuple(targets.shape), (*outputs.shape[:1], *outputs.shape[2:])
    if outputs.ndim < 2:
        raise ValueError(
            f"outputs have shape {tuple(outputs.shape)}; {name} expects (B, C), a number for each of C classes. "
            "Let the last layer have C outputs."
        )
    if targets.is_floating_point():
        if targets.shape == outputs.shape and "cross" in name.lower():
            return  # a probability for each class
        raise TypeError(
            f"targets are {targets.dtype} of shape {has}; {name} expects class numbers, int64 of shape {wants}. "
            "Convert them: targets.long()."
        )
    if targets.shape == outputs.shape:
        raise ValueError(
            f"targets have shape {has} as the outputs have, and are {targets.dtype}: one-hot, it seems; {name} expects "
            f"class numbers of shape {wants}. Convert them: targets.argmax(1)."
        )
    if has != wants:
        hint = " Take the axis of size 1 away: targets.squeeze(1)." if has == (*wants[:1], 1, *wants[1:]) else ""
        raise ValueError(
            f"targets have shape {has} and outputs {tuple(outputs.shape)}; {name} expects targets of shape "
            f"{wants}.{hint}"
        )
    if targets.dtype not in (torch.int64, torch.uint8):
        raise TypeError(f"targets are {targets.dtype}; {name} expects class numbers as int64: targets.long().")
    counted = targets[targets != ignored]
    classes = outputs.shape[1]
    if len(counted) and not 0 <= counted.min() <= counted.max() < classes:
        raise ValueError(
            f"targets lie between {counted.min()} and {counted.max()}; outputs have {classes} classes, so {name} "
            f"expects 0 to {classes - 1}. Count the classes from 0, or give the last layer more outputs."
        )


def _check_elements(name: str, loss: Loss, outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape != targets.shape:
        hint = ""
        for longer, shorter in (("outputs", targets.shape), ("targets", outputs.shape)):
            if {outputs.shape, targets.shape} == {shorter, (*shorter, 1)}:
                hint = f" Take the axis of size 1 away: {longer}.squeeze(-1)."
        raise ValueError(
            f"outputs have shape {tuple(outputs.shape)} and targets {tuple(targets.shape)}; {name} expects the same "
            f"shape, and would otherwise compare every pair.{hint}"
        )
    if outputs.dtype == targets.dtype:
        return
    try:  # which types torch accepts side by side differs from loss to loss, and shows in part only in backward
        with torch.enable_grad():
            loss(outputs.detach().requires_grad_(), targets).sum().backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, NotImplementedError) as error:
        raise TypeError(
            f"targets are {targets.dtype} and outputs {outputs.dtype}; {name} expects the same type. "
            f"Convert them: targets.to({outputs.dtype})."
        ) from error


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
