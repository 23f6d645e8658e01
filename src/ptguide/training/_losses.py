"""What is known of a loss: what it counts, and which targets it takes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ptguide.training._batches import Loss

# Losses that compare outputs with class numbers, and losses that compare them element by element.
CLASSES = (F.cross_entropy, F.nll_loss, nn.CrossEntropyLoss, nn.NLLLoss)
ELEMENTS = (
    *(F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss),
    *(F.binary_cross_entropy, F.binary_cross_entropy_with_logits),
    *(nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.BCELoss, nn.BCEWithLogitsLoss),
)

Count = Callable[[Any, Any], "Tensor | float"]


def known(loss: Any) -> tuple[Any, dict[str, Any]]:
    """Return a loss without what is wrapped around it, a function or a class of modules, and its settings."""
    settings: dict[str, Any] = {}
    while isinstance(loss, functools.partial):
        settings, loss = {**loss.keywords, **settings}, loss.func
    if not isinstance(loss, nn.Module):
        return loss, settings
    names = ("reduction", "ignore_index", "weight")
    return type(loss), {name: getattr(loss, name) for name in names if hasattr(loss, name)}


class Counted:
    """What the loss of a batch is a mean over, or a sum, so that batches can be put together.

    Cross-entropy divides by the targets that it does not ignore, each weighted with its class; other losses, as far as
    is known, are means over samples. Who knows better passes ``count``.

    Attributes
    ----------
    summed : bool
        Whether the loss is a sum over what it counts (``reduction="sum"``), not a mean.
    of_samples : bool
        Whether samples are counted, whatever the targets are.
    """

    def __init__(self, loss: Any, count: Count | None) -> None:
        function, settings = known(loss)
        self.summed = settings.get("reduction") == "sum"
        self._given = count
        self._by_targets = count is None and function in CLASSES
        self.of_samples = count is None and not self._by_targets
        self._ignored: int = settings.get("ignore_index", -100)
        self._weight: Tensor | None = settings.get("weight")

    def __call__(self, outputs: Any, targets: Any, size: int) -> Tensor | float:
        """Return what a batch of ``size`` samples counts; a tensor where reading it would wait for an accelerator."""
        if not size:
            return 0
        if self._given is not None:
            return self._given(outputs, targets)
        if not self._by_targets or not isinstance(targets, Tensor) or targets.is_floating_point():
            return size
        if not targets.numel():
            return 0
        if self._weight is None and self._ignored < 0 and targets.is_cpu and targets.min().item() >= 0:
            return targets.numel()  # the usual case: none is ignored
        targets = targets.long()  # an index of uint8 would be a mask
        kept = targets != self._ignored
        count = kept.sum() if self._weight is None else self._weight[targets[kept]].sum()
        return count.item() if count.is_cpu else count


def check_targets(loss: Any, outputs: Any, targets: Any, computed: Loss) -> None:
    """Require targets of the shape and the dtype that a loss of torch is for; of other losses nothing is known.

    ``computed`` is the same loss, in mixed precision where it was asked for.
    """
    if not (isinstance(outputs, Tensor) and isinstance(targets, Tensor)):
        return
    function, settings = known(loss)
    name = getattr(function, "__name__", "")
    if function in CLASSES:
        _check_classes(name, outputs, targets, settings.get("ignore_index", -100))
    elif function in ELEMENTS:
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
