"""Copies of what a call was given, so that it can be made again and nothing of the reader's changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ptguide._explaining._calls import Operand
from ptguide._explaining._standins import SMALL, copied, is_tensor, replaced


class Copies:
    """Copies of values: tensors that share memory share it in the copies too."""

    def __init__(self, on: Callable[[Tensor], Tensor]) -> None:
        self.on = on
        self.known: dict[tuple[int, torch.dtype], Tensor] = {}

    def of(self, value: Any) -> Any:
        """Return a copy of a value with its tensors."""
        return replaced(value, self._tensor)

    def layer(self, layer: Any) -> Any:
        """Return a layer with copies of its parameters and buffers, and the same settings."""
        made: Any = object.__new__(type(layer))
        made.__dict__ = dict(vars(layer))
        for part in ("_parameters", "_buffers"):
            vars(made)[part] = {name: self.of(value) for name, value in vars(layer)[part].items()}
        below = vars(layer)["_modules"]
        vars(made)["_modules"] = {name: child and self.layer(child) for name, child in below.items()}
        if "_flat_weights_names" in vars(layer):  # recurrent layers have a list of them beside
            vars(made)["_flat_weights"] = [vars(made)["_parameters"][name] for name in made._flat_weights_names]
        return made

    def _tensor(self, tensor: Tensor) -> Tensor:
        if self.on is not copied or tensor.layout != torch.strided or tensor.is_meta:
            return self.on(tensor)
        memory = tensor.untyped_storage()
        if not memory.nbytes() or memory.nbytes() > 8 * SMALL:
            return copied(tensor)
        key = memory.data_ptr(), tensor.dtype
        if key not in self.known:
            self.known[key] = tensor.detach().new_empty(0).set_(memory).clone()
        made = self.known[key].as_strided(tuple(tensor.shape), tensor.stride(), tensor.storage_offset())
        return made.requires_grad_(True) if tensor.requires_grad and tensor.is_leaf else made


def made_real(operand: Operand) -> Operand:
    """Return an operand with ones in the place of a tensor that is known by its shape alone."""
    parts = tuple(map(made_real, operand.parts))
    value, device = operand.value, operand.device
    if is_tensor(value) and value.is_meta and device is not None and device.type == "cpu":
        value = torch.ones((), dtype=value.dtype).expand(tuple(value.shape))
        value = value.clone() if value.numel() <= SMALL else value
    elif parts and type(value) in (list, tuple):
        value = type(value)(part.value for part in parts)
    return replace(operand, value=value, parts=parts)


def tensors_in(value: Any) -> list[Tensor]:
    if type(value) in (list, tuple):
        return [one for entry in value for one in tensors_in(entry)]
    if type(value) is dict:
        return tensors_in([*value.values()])
    return [value] if is_tensor(value) else []
