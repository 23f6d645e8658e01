"""Stand-ins for tensors: the same shape, strides and data type without the values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

SMALL = 65_536  # elements: what a copy may have


class Unknown:
    """The value of an expression that cannot be known without running it again."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


def is_tensor(value: object) -> bool:
    """Say whether a value is a tensor, without asking the value itself."""
    return issubclass(type(value), Tensor)


def is_module(value: object) -> bool:
    """Say whether a value is a module, without asking the value itself."""
    return issubclass(type(value), torch.nn.Module)


@contextmanager
def apart() -> Iterator[None]:
    """Compute as if no autocast, no mode, no transform and no subclass were there; random numbers stay as they are."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(torch._C.DisableTorchFunction())  # first: a mode would see the next lines
        stack.enter_context(torch._C._DisableTorchDispatch())
        stack.enter_context(torch._C._DisableFuncTorch())
        stack.enter_context(torch.random.fork_rng(devices=[]))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(torch.no_grad())
        yield


def on_meta(tensor: Tensor) -> Tensor:
    """Return a tensor on ``meta`` with the shape, the strides and the data type of another."""
    return torch.empty_strided(tuple(tensor.shape), tensor.stride(), dtype=tensor.dtype, device="meta")


def zeros(tensor: Tensor) -> Tensor:
    """Return zeros on the CPU with the shape, the strides and the data type of another tensor."""
    return torch.empty_strided(tuple(tensor.shape), tensor.stride(), dtype=tensor.dtype, device="cpu").zero_()


def copied(tensor: Tensor) -> Tensor:
    """Return a tensor that a trial may use: a copy of a small one, one that repeats a zero for a large one.

    A large tensor of integers or bools is returned as it is, because its values decide; no trial writes into it.
    """
    if tensor.numel() <= SMALL:
        return tensor.detach().clone()
    if tensor.is_floating_point() or tensor.is_complex():
        return torch.zeros((), dtype=tensor.dtype, device=tensor.device).expand(tuple(tensor.shape))
    return tensor.detach()


def replaced(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a value in which each tensor is replaced, in tuples, lists and dictionaries too."""
    if is_tensor(value):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(replaced(entry, change) for entry in value)
    if type(value) is dict:
        return {key: replaced(entry, change) for key, entry in value.items()}
    return value
