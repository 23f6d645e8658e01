"""What a batch is: tensors, alone or in tuples, lists and dictionaries; the first axis of the first counts samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Forward = Callable[[Any, Any], tuple[Any, Any]]
Loss = Callable[[Any, Any], Tensor]


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
