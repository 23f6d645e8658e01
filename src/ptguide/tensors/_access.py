"""Where the values of a tensor are: in its own memory, in a tensor that it wraps, or nowhere that can be read."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

functorch = torch._C._functorch  # not documented: what torch's own printing uses


@dataclass(frozen=True)
class Access:
    """What can be read of a tensor.

    Parameters
    ----------
    memory : Tensor or None
        The tensor with the storage; None where only the class of the tensor knows how it keeps its values.
    missing : str
        Why the values of `memory` cannot be read; empty if they can.
    part : str
        Of what they are the values, where not of the tensor itself.
    """

    memory: Tensor | None
    missing: str = ""
    part: str = ""


def access(tensor: Tensor) -> Access:
    """Find the values of a tensor; to be called within `plainly`."""
    parts = []
    while (wrapped := _transformed(tensor)) is not None:
        parts.append(wrapped[1])
        tensor = wrapped[0]
    samples = math.prod(parts)
    part = f"of all {samples} samples in vmap" if samples > 1 else ""
    if (local := _local(tensor)) is not None:
        inner = access(local)
        placed = ", ".join(map(str, map(repr, tensor.placements)))  # type: ignore[attr-defined]
        return Access(inner.memory, inner.missing, f"of the local {tuple(local.shape)}, {placed}")
    return Access(*_memory(tensor), part)


def _transformed(tensor: Tensor) -> tuple[Tensor, int] | None:
    """Return what a transform of torch.func made the tensor of, and of how many samples it is one."""
    if functorch.is_batchedtensor(tensor):
        batch = functorch.get_unwrapped(tensor)
        return batch, batch.shape[functorch.maybe_get_bdim(tensor)]
    if torch._is_functional_tensor(tensor):
        torch._functionalize_sync(tensor)  # a change in place may wait
        return torch._from_functional_tensor(tensor), 1
    if functorch.is_functorch_wrapped_tensor(tensor):
        return functorch.get_unwrapped(tensor), 1
    if _is_a(tensor, "torch._subclasses.functional_tensor", "FunctionalTensor"):
        return tensor.elem, 1  # type: ignore[attr-defined]
    return None


def _local(tensor: Tensor) -> Tensor | None:
    """Return the part of a distributed tensor that this process has."""
    if not _is_a(tensor, "torch.distributed.tensor", "DTensor"):
        return None
    local: Tensor = tensor.to_local()  # type: ignore[attr-defined]
    return local


def _memory(tensor: Tensor) -> tuple[Tensor | None, str]:
    if tensor.is_meta:
        return tensor, "no values on meta"
    if _is_a(tensor, "torch._subclasses.fake_tensor", "FakeTensor"):
        return tensor, "no values in a fake tensor"
    if torch._C._dispatch_keys(tensor).has(torch._C.DispatchKey.Python):
        return None, f"values not read: {type(tensor).__name__} computes in its own way"
    if (bytes_there := tensor.untyped_storage().nbytes()) < (needed := bytes_needed(tensor)):
        return tensor, f"values not in memory: the storage has {bytes_there} of {needed} bytes"
    return tensor, ""


def bytes_needed(tensor: Tensor) -> int:
    """Return how long the storage must be to hold all elements."""
    if not tensor.numel():
        return 0
    reach = sum(stride * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
    return (int(tensor.storage_offset()) + reach + 1) * tensor.itemsize


def _is_a(tensor: Tensor, module: str, name: str) -> bool:
    """Say whether a tensor is of a class, without importing what takes a second: who has one has imported it."""
    return module in sys.modules and isinstance(tensor, getattr(sys.modules[module], name, ()))


@contextmanager
def plainly() -> Iterator[None]:
    """Compute with plain tensors as if no transform, tracer, fake mode or subclass were there."""
    with ExitStack() as stack:
        stack.enter_context(torch._C._DisableFuncTorch())
        stack.enter_context(torch._C.DisableTorchFunctionSubclass())
        keys = torch._C._TorchDispatchModeKey
        for key in (keys.FAKE, keys.PROXY, keys.FUNCTIONAL):
            if (mode := torch._C._unset_dispatch_mode(key)) is not None:
                stack.callback(torch._C._set_dispatch_mode, mode)
        yield


def require_strided(name: str, value: object) -> None:
    """Refuse what is no tensor, and a tensor whose elements lie at no strides."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a torch.Tensor, as torch.as_tensor makes it.")
    if is_lazy(value):
        raise ValueError(
            f"{name} is an {type(value).__name__}, which has no shape yet; expected a tensor with one. "
            "Call its module once: the first input decides the shape."
        )
    with torch._C.DisableTorchFunctionSubclass():
        _require_layout(name, value)


def _require_layout(name: str, value: Tensor) -> None:
    if value.is_nested:
        found, instead = "is nested", f"each of {name}.unbind()"
    elif value.layout is not torch.strided:
        found, instead = f"has layout {value.layout}", f"{name}.to_dense()"
    elif value.is_quantized:
        found, instead = f"is quantized ({value.dtype})", f"{name}.int_repr() or {name}.dequantize()"
    else:
        return
    raise ValueError(f"{name} {found}; expected a plain tensor with a stride for each axis. Pass {instead}.")


def require_memory(name: str, tensor: Tensor, freed: bool = False) -> None:
    """Refuse a tensor whose elements do not all lie in a storage of its own; to be called within `plainly`.

    With `freed`, a storage of no bytes will do.
    """
    require_strided(name, tensor)
    if _transformed(tensor) is not None or access(tensor).memory is not tensor:
        raise ValueError(
            f"{name} is a {type(tensor).__name__} without memory of its own, as there are inside the transforms of "
            "torch.func, in distributed tensors and in other classes that wrap tensors; expected a plain tensor."
        )
    if is_symbolic(tensor):
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, with a symbol in it; expected sizes that are known.")
    there, needed = tensor.untyped_storage().nbytes(), bytes_needed(tensor)
    if there < needed and not (freed and there == 0):
        raise ValueError(
            f"{name} needs a storage of {needed} bytes and has one of {there}, which was resized after the tensor was "
            "made; expected all elements in memory."
        )


def is_symbolic(tensor: Tensor) -> bool:
    """Say whether a size or a stride is a symbol, as while a program is exported: to compare it would fix it."""
    return any(isinstance(size, torch.SymInt) for size in (*tensor.shape, *tensor.stride()))
