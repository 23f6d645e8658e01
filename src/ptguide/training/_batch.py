"""What a batch is: tensors, alone or in tuples, lists and dictionaries, whose first axis counts the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

Forward = Callable[[Any, Any], tuple[Any, Any]]
Loss = Callable[[Any, Any], Tensor]


def forward_pair(model: nn.Module, batch: Any) -> tuple[Any, Any]:
    """Compute outputs for a batch of (inputs, targets): what `fit` does unless it is told otherwise."""
    inputs, targets = batch
    return model(inputs), targets


def tensors_of(batch: Any) -> list[Tensor]:
    """Return every tensor of a batch."""
    return [leaf for leaf in pytree.tree_leaves(batch) if isinstance(leaf, Tensor)]


def batch_size(batch: Any) -> int:
    """Return the number of samples in a batch: the size of the first axis of its first tensor."""
    first = batch[0] if isinstance(batch, (tuple, list)) else batch
    if not isinstance(first, Tensor):
        first = tensors_of(batch)[0]
    return len(first)


def mover(device: torch.device) -> Callable[[Any], Any] | None:
    """Return a function that brings a batch to a device, without waiting for copies from pinned memory.

    None for the CPU, where batches lie as a rule: looking at each tensor would take 1 % of a small step.
    """
    if device.type == "cpu":
        return None

    def move(batch: Any) -> Any:
        return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device, non_blocking=True), batch)

    return move
