"""A data set that lies in two tensors."""

from __future__ import annotations

import copy
import operator
from collections.abc import Sequence
from typing import Any, Self, SupportsIndex

import torch
from torch import Tensor
from torch.utils.data import Dataset

Index = SupportsIndex | slice | Sequence[int] | Tensor
MOST_NAMES = 6  # classes that the repr names


class TensorData(Dataset[tuple[Tensor, Tensor]]):
    """Examples that lie in two tensors, one of inputs and one of targets.

    An index gives one example, a slice, a list or a tensor of positions a whole batch. An integer and a slice give
    views, as for `torch.utils.data.TensorDataset`: who writes into them changes the data. A list or a tensor gives a
    copy.

    Parameters
    ----------
    inputs : Tensor, shape (N, ...)
    targets : Tensor, shape (N, ...)
    classes : sequence of str, optional
        The names of the classes. The targets are then integers that count into it.
    source : str
        Where the examples come from.

    Attributes
    ----------
    inputs, targets, source
        As given.
    classes : tuple of str or None

    Raises
    ------
    TypeError
        If ``inputs`` or ``targets`` is not a tensor, or if there are classes and the targets are not integers.
    ValueError
        If ``inputs`` and ``targets`` do not have the same number of examples, or if a target is no class.

    Examples
    --------
    >>> import torch
    >>> data = TensorData(torch.rand(5, 3), torch.tensor([0, 1, 1, 0, 1]), classes=["no", "yes"])
    >>> len(data), data.classes[data[1][1]]
    (5, 'yes')
    >>> inputs, targets = data[[0, 2]]
    >>> inputs.shape, targets
    (torch.Size([2, 3]), tensor([0, 1]))
    """

    def __init__(
        self, inputs: Tensor, targets: Tensor, *, classes: Sequence[str] | None = None, source: str = ""
    ) -> None:
        for name, tensor in {"inputs": inputs, "targets": targets}.items():
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{name} is of type {type(tensor).__name__}; expected a tensor.")
            if tensor.dim() == 0:
                raise ValueError(f"{name} has shape (); expected its first axis to count the examples.")
        if len(inputs) != len(targets):
            raise ValueError(
                f"inputs has {len(inputs)} examples and targets {len(targets)}; "
                "expected as many targets as inputs, along axis 0."
            )
        self.inputs = inputs
        self.targets = targets
        self.classes = None if classes is None else tuple(classes)
        self.source = source
        self._check_classes()

    def _check_classes(self) -> None:
        if self.classes is None:
            return
        if self.targets.is_floating_point() or self.targets.is_complex() or self.targets.dtype == torch.bool:
            raise TypeError(f"targets has dtype {self.targets.dtype}; expected integers that count into classes.")
        if self.targets.numel() == 0:
            return
        least, most = (int(value) for value in self.targets.aminmax())
        if least < 0 or most >= len(self.classes):
            raise ValueError(
                f"targets holds {least if least < 0 else most}; "
                f"expected 0 to {len(self.classes) - 1}, as there are {len(self.classes)} classes."
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: Index) -> tuple[Tensor, Tensor]:
        """Return one example as (input, target), or a batch of them."""
        index = as_index(index)
        return self.inputs[index], self.targets[index]

    def to(self, device: torch.device | str) -> Self:
        """Return the same set with its tensors on a device; those that are there already are shared."""
        moved = copy.copy(self)
        moved.inputs, moved.targets = self.inputs.to(device), self.targets.to(device)
        return moved

    def __repr__(self) -> str:
        rows = {"inputs": summary(self.inputs), "targets": summary(self.targets)}
        if self.classes is not None:
            names = [name if name.strip() else repr(name) for name in self.classes[:MOST_NAMES]]
            more = ["…"] if len(self.classes) > MOST_NAMES else []
            rows["classes"] = f"{len(self.classes)}: {', '.join(names + more)}"
        if self.source:
            rows["source"] = self.source
        lines = [f"{type(self).__name__} of {len(self)} examples"]
        return "\n".join([*lines, *(f"  {name:<8} {text}" for name, text in rows.items())])


def as_index(index: Index) -> int | slice | list[int] | Tensor:
    """Return what a tensor takes as an index of its first axis alone."""
    if isinstance(index, tuple):
        raise TypeError(f"the index is the tuple {index}; expected an integer, a slice, a list or a tensor.")
    if isinstance(index, slice | Tensor):
        return index
    return operator.index(index) if isinstance(index, SupportsIndex) else list(index)


def summary(tensor: Tensor) -> str:
    """Return shape, dtype and range in words."""
    head = f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.numel() == 0 or tensor.is_complex() or tensor.is_meta:
        return head
    least, most = (value.item() for value in tensor.detach().aminmax())
    return f"{head}, {_short(least)} to {_short(most)}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
