"""What a batch is, and what a loss counts in it.

A batch is tensors, alone or in tuples, lists and dictionaries; the first axis of the first counts samples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Forward = Callable[[Any, Any], tuple[Any, Any]]
Loss = Callable[[Any, Any], Tensor]
Count = Callable[[Any, Any], "Tensor | float"]

CLASSES = (F.cross_entropy, F.nll_loss, nn.CrossEntropyLoss, nn.NLLLoss)
ELEMENTS = (
    *(F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss),
    *(F.binary_cross_entropy, F.binary_cross_entropy_with_logits),
    *(nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.BCELoss, nn.BCEWithLogitsLoss),
)


def forward_pair(model: nn.Module, batch: Any) -> tuple[Any, Any]:
    """Compute outputs for a batch of (inputs, targets): what `fit` does unless it is told otherwise."""
    inputs, targets = batch
    return model(inputs), targets


def named_tensors(tree: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor in tuples, lists and dictionaries, however deep, after its place: ``[0]['mask']``."""
    if isinstance(tree, Tensor):
        yield name, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from named_tensors(value, f"{name}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        for place, value in enumerate(tree):
            yield from named_tensors(value, f"{name}[{place}]")


def tensors_of(tree: Any) -> list[Tensor]:
    """Return every tensor in tuples, lists and dictionaries."""
    return [tensor for _, tensor in named_tensors(tree)]


def map_tensors(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """Return the same tuples, lists and dictionaries with ``function(tensor)`` in the place of each tensor."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, Mapping):
        changed = {key: map_tensors(function, value) for key, value in tree.items()}
        return changed if type(tree) is dict else type(tree)(changed)  # type: ignore[call-arg]
    if isinstance(tree, (tuple, list)):
        parts = [map_tensors(function, value) for value in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)  # a named tuple takes them apart
    return tree


def batch_size(batch: Any) -> int:
    """Return the number of samples in a batch: the size of the first axis of its first tensor."""
    first = batch[0] if isinstance(batch, (tuple, list)) else batch
    if not isinstance(first, Tensor):
        first = tensors_of(batch)[0]
    return len(first)


def mover(device: torch.device) -> Callable[[Any], Any]:
    """Return a function that brings a batch to a device, without waiting for copies from pinned memory.

    For the CPU, where batches lie as a rule, it does nothing: looking at each tensor would take 1 % of a small step.
    """
    if device.type == "cpu":
        return lambda batch: batch

    def move(batch: Any) -> Any:
        return map_tensors(lambda tensor: tensor.to(device, non_blocking=True), batch)

    return move


# Losses that compare outputs with class numbers, and losses that compare them element by element.
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
