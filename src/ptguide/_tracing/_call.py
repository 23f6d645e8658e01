"""One call of an operation, whose tensors can be replaced."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class Result:
    """The tensors that a run gave, with their names, and what it returned in one word."""

    tensors: list[Tensor]
    names: list[str]
    kind: str


class Call:
    """A call whose tensors can be replaced.

    Attributes
    ----------
    tensors : list of Tensor
        The tensors in the arguments, in order; ``names`` has one for each.
    """

    def __init__(self, op: Callable[..., Any], inputs: Any, kwargs: dict[str, Any]) -> None:
        self.op = op
        self.args = arguments_of(inputs)
        self.kwargs = kwargs
        positional = [tensor.detach() for tensor in _tensors_in(self.args)]
        self.tensors = positional + [tensor.detach() for tensor in _tensors_in(kwargs)]
        named = [name for name, value in kwargs.items() for _ in _tensors_in(value)]
        devices = {tensor.device for tensor in self.tensors if tensor.device.type == "cuda"}
        self.gpu_rng = {device: torch.cuda.get_rng_state(device) for device in devices}
        self.rng = torch.get_rng_state()
        self.written: list[int] | None = None  # the inputs that an operation writes into that returns no tensor
        self.names = (["x"] if len(positional) == 1 else _letters(len(positional))) + named

    def run(self, tensors: Sequence[Tensor], double: bool = False) -> Result:
        """Run the operation on copies of other tensors; with a module's parameters in float64 if `double`."""
        result = self._run([_laid_out(new, like) for new, like in zip(tensors, self.tensors, strict=True)], double)
        # Clones, because the operation may give the same memory every time, such as its own buffer.
        return Result([tensor.detach().clone() for tensor in result.tensors], result.names, result.kind)

    def _run(self, copies: list[Tensor], double: bool) -> Result:
        versions = [tensor._version for tensor in copies]
        replacements = iter(copies)
        op = _copied_op(self.op, double)
        args, kwargs = _replaced(self.args, replacements, double), _replaced(self.kwargs, replacements, double)
        torch.set_rng_state(self.rng)
        for device, state in self.gpu_rng.items():
            torch.cuda.set_rng_state(state, device)
        returned = op(*args, **kwargs)
        found = list(_named_tensors(returned, ""))
        if not found:
            if self.written is None:
                self.written = [place for place, tensor in enumerate(copies) if tensor._version != versions[place]]
            found = [(self.names[place], copies[place]) for place in self.written]
        names = [name or ("out" if len(found) == 1 else f"out{place}") for place, (name, _) in enumerate(found)]
        return Result([tensor for _, tensor in found], names, type(returned).__name__)

    def run_many(self, tensors: Sequence[Tensor], double: bool) -> list[Tensor] | None:
        """Run the operation on many sets of values at once, stacked along a new axis 0; None if that is refused."""

        def one(*copies: Tensor) -> tuple[Tensor, ...]:
            return tuple(self._run(list(copies), double).tensors)

        try:
            copies = [_laid_out_many(new, like) for new, like in zip(tensors, self.tensors, strict=True)]
            return [tensor.detach() for tensor in vmap(one, randomness="same")(*copies)]
        except Exception:
            return None

    def attempt(self, tensors: Sequence[Tensor], double: bool) -> list[Tensor] | None:
        """Return the outputs for other values, None if the operation raises an error."""
        try:
            return self.run(tensors, double).tensors
        except Exception:
            return None


def arguments_of(inputs: Any) -> tuple[Any, ...]:
    """Return the positional arguments: a tuple holds several, anything else (a named tuple, too) is the one."""
    return inputs if isinstance(inputs, tuple) and not hasattr(inputs, "_fields") else (inputs,)


def _copied_op(op: Callable[..., Any], double: bool) -> Callable[..., Any]:
    """Return a copy of a module, or a method of such a copy; any other operation itself."""
    if isinstance(op, MethodType) and isinstance(op.__self__, nn.Module):
        return MethodType(op.__func__, _copied_module(op.__self__, double))
    return _copied_module(op, double) if isinstance(op, nn.Module) else op


def _copied_module(module: nn.Module, double: bool) -> nn.Module:
    module = copy.deepcopy(module)
    return module.double() if double else module


def _letters(count: int) -> list[str]:
    return list(LETTERS[:count]) if count <= len(LETTERS) else [f"x{place}" for place in range(count)]


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors_in(part)


def _replaced(value: Any, tensors: Iterator[Tensor], double: bool) -> Any:
    """Return arguments with other tensors, and with copies of what a call could change."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, nn.Module):
        return _copied_module(value, double)
    if isinstance(value, torch.Generator):
        return value.clone_state()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_replaced(part, tensors, double) for part in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(part, tensors, double) for part in value)
    if isinstance(value, dict):
        changed = copy.copy(value)
        changed.update({key: _replaced(part, tensors, double) for key, part in value.items()})
        return changed
    return value


def _named_tensors(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a result with the names of their fields, as far as they have any."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _named_tensors(part, str(key))
    elif isinstance(value, (list, tuple)):
        # A named tuple of Python has _fields; those of torch (torch.return_types) have __match_args__ alone.
        fields = getattr(value, "_fields", None) or getattr(type(value), "__match_args__", None) or [name] * len(value)
        for field, part in zip(fields, value, strict=True):
            yield from _named_tensors(part, field)


def _laid_out(new: Tensor, like: Tensor) -> Tensor:
    """Return a copy with the strides of another tensor, where these give each element a place of its own."""
    return _laid_out_many(new[None], like)[0]


def _laid_out_many(new: Tensor, like: Tensor) -> Tensor:
    """Return a copy of tensors stacked along axis 0, each with the strides of another tensor, as far as possible."""
    new = new.to(like.device)
    if like.is_contiguous():
        return new.clone(memory_format=torch.contiguous_format)
    reach = 0
    for stride, size in sorted(zip(like.stride(), like.shape, strict=True)):
        if size > 1 and stride <= reach:
            return new.clone(memory_format=torch.contiguous_format)
        reach += (size - 1) * stride
    strides = (reach + 1, *like.stride())
    return torch.empty_strided(new.shape, strides, dtype=new.dtype, device=new.device).copy_(new)


def differing(one: Tensor, two: Tensor) -> Tensor:
    """Return where two tensors of one shape differ; NaN equals NaN."""
    return (one != two) & ((one == one) | (two == two))


def equal(one: Tensor, two: Tensor) -> bool:
    """Return whether two tensors have one shape and the same values; NaN equals NaN."""
    return one.shape == two.shape and not differing(one, two).any()


def is_number(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def double_dtype(tensor: Tensor) -> torch.dtype:
    """Return the dtype of a tensor's values in double precision."""
    return torch.complex128 if tensor.dtype.is_complex else torch.float64
