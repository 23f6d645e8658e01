"""The tensors in what a module is given and returns: in tuples, mappings, dataclasses, packed sequences and objects."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

T = TypeVar("T")


def _parts(value: Any) -> Mapping[Any, Any] | list[Any]:
    """Return what a value consists of: with names, as a list, or nothing."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, tuple | list | deque | set | frozenset):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    # A function, a class and a module have attributes, too, but are not what is passed around.
    return {} if callable(value) else getattr(value, "__dict__", {})


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Give the tensors in a value; what stands in it more than once is looked through once."""
    return found_in(value, Tensor, set())


def found_in(value: Any, kind: type[T], seen: set[int]) -> Iterator[T]:
    """Give what is of one kind in a value, without what was seen before."""
    if isinstance(value, kind):
        yield value
    elif id(value) not in seen and not isinstance(value, Tensor):
        seen.add(id(value))
        parts = _parts(value)
        for part in parts.values() if isinstance(parts, Mapping) else parts:
            yield from found_in(part, kind, seen)


def shapes_of(value: Any, around: tuple[int, ...] = ()) -> Any:
    """Return the same structure with sizes for tensors, and without all else; None if nothing is left."""
    if isinstance(value, Tensor):
        return _nested_shape(value) if value.is_nested else value.shape
    if isinstance(value, PackedSequence):
        return f"{tuple(value.data.shape)} packed from {int(value.batch_sizes[0])} sequences"
    if id(value) in around:
        return None  # an object that holds itself
    parts, around = _parts(value), (*around, id(value))
    if isinstance(parts, Mapping):
        return {key: shape for key, part in parts.items() if (shape := shapes_of(part, around)) is not None} or None
    return tuple(shape for part in parts if (shape := shapes_of(part, around)) is not None) or None


def _nested_shape(tensor: Tensor) -> str:
    """Return the sizes of a nested tensor, with * where they differ."""
    inner = [part.shape for part in tensor.unbind()]
    sizes = [str(sizes[0]) if len(set(sizes)) == 1 else "*" for sizes in zip(*inner, strict=True)]
    return f"({', '.join([str(len(inner)), *sizes])}) nested"


def given(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the sizes of what a module was called with: of one argument as it is, else of all."""
    named, plain = shapes_of(kwargs), tuple(shape for arg in args if (shape := shapes_of(arg)) is not None)
    if named:
        return (*plain, named)
    alone = len(plain) == 1 and isinstance(plain[0], torch.Size | str | Mapping)  # of a list, the brackets stay
    return plain[0] if alone else plain or None


def said(shapes: Any, nested: bool = False) -> str:
    """Return sizes as they are read."""
    if shapes is None:
        return "no tensors"
    if isinstance(shapes, str):
        return shapes
    if isinstance(shapes, torch.Size):
        return str(tuple(shapes))
    if isinstance(shapes, Mapping):
        return "{" + ", ".join(f"{key}: {said(shape, True)}" for key, shape in shapes.items()) + "}"
    text = ", ".join(said(shape, True) for shape in shapes)
    return f"[{text}]" if nested else text


def size_of(tensors: Iterable[Tensor]) -> int:
    """Return the memory of tensors in bytes, each counted once."""
    return sum(tensor.numel() * tensor.element_size() for tensor in {id(tensor): tensor for tensor in tensors}.values())
