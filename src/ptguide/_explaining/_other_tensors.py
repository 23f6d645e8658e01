"""Another tensor for an argument: of another type or shape, with memory of its own, or with other values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ptguide._explaining._calls import Operand

KINDS = {"float": torch.float32, "long": torch.int64, "double": torch.float64, "bool": torch.bool, "int": torch.int32,
         "half": torch.float16}  # fmt: skip
OUT = (torch.float32, torch.int64, torch.float64, torch.int32, torch.complex128, torch.complex64)
ONE_AXIS = re.compile(r"\b1-?D\b|1.dim|one.dim|vector|one or fewer", re.IGNORECASE)
FEWER = re.compile(r"batch|\dD|fewer|<= ?\d|at most")
MOST_TIMES = 64  # what a tensor of another shape may have more of elements


@dataclass(frozen=True)
class Change:
    """Another value for one.

    Attributes
    ----------
    text : str
        How it is written.
    kind : str
        What is another: ``"number"``, ``"word"``, ``"type"``, ``"dtype"``, ``"shape"``, ``"values"``, ``"memory"`` or
        ``"setting"``.
    make : callable
        Makes it of the value that was given.
    shown : str
        What the reader is told, where it cannot be written in the call.
    """

    text: str
    kind: str
    make: Callable[[Any], Any]
    shown: str = ""


def other_tensors(operand: Operand, shapes: list[tuple[int, ...]], message: str) -> Iterator[Change]:
    """Yield other tensors for one.

    Parameters
    ----------
    operand : Operand
    shapes : list of tuple of int
        Those of the other tensors, and those that the message has.
    message : str
    """
    value: Tensor = operand.value
    yield from _of_kind(operand.in_code, value, message)
    yield Change(f"{operand.in_code}.clone()", "memory", Tensor.clone)
    if value.layout != torch.strided:
        yield Change(f"{operand.in_code}.to_dense()", "setting", Tensor.to_dense)
    for text in ("clamp(min=0)", "nan_to_num()", "nan_to_num(posinf=0)", "clamp(0, 1)"):
        yield Change(f"{operand.in_code}.{text}", "values", _method(text))
    yield from _of_shape(operand, shapes, message)


def other_outputs(operand: Operand) -> Iterator[Change]:
    """Yield other tensors to write a result into."""
    value: Tensor = operand.value
    for kind in (value.dtype, *OUT):
        made = f"torch.empty({tuple(value.shape)}, dtype={kind})"
        what = "dtype" if kind != value.dtype else "memory"
        shown = f"{operand.name} = {made}"
        yield Change(made, what, partial(_empty, dtype=kind), shown)


def _of_kind(name: str, value: Tensor, message: str) -> Iterator[Change]:
    if value.is_complex():
        return  # its imaginary part would be lost
    said = message.lower()
    whole = re.search(r"long|int|index|indices", said)
    wanted = sorted(KINDS, key=lambda kind: -("integral" in said and kind == "long") - (kind in said))
    for kind in wanted:
        loses = value.is_floating_point() and kind in ("long", "int") and not whole
        loses |= kind == "bool" and not re.search("bool|mask", said)
        if KINDS[kind] != value.dtype and not loses:
            yield Change(f"{name}.{kind}()", "dtype", _method(f"{kind}()"))


def _of_shape(operand: Operand, shapes: list[tuple[int, ...]], message: str) -> Iterator[Change]:
    value: Tensor = operand.value
    name, own = operand.in_code, tuple(value.shape)
    moves = ["squeeze()", "squeeze(-1)", "squeeze(0)"] if 1 in own else []
    moves += ["unsqueeze(0)", "unsqueeze(-1)", "unsqueeze(1)"] if value.ndim else ["unsqueeze(0)"]
    moves += ["mT"] if value.ndim > 1 else []
    moves += ["flatten(0, 1)"] if value.ndim > 2 and FEWER.search(message) else []
    moves += ["flatten()"] if value.ndim > 1 and ONE_AXIS.search(message) else []
    moves += ["unsqueeze(0).unsqueeze(0)"]
    for text in moves if value.numel() else []:
        yield Change(f"{name}.{text}", "shape", _method(text))
    for shape in shapes:
        if shape != own and [size for size in shape if size > 1] == [size for size in own if size > 1]:
            yield Change(f"{name}.reshape({shape})", "shape", partial(Tensor.reshape, shape=shape))
        elif shape != own and value.ndim <= len(shape) and value.numel() > 1:
            yield Change(f"{name}.expand({shape})", "shape", partial(_expanded, shape=shape))
    for shape in near_shapes(own, shapes):
        shown = f"shape {shape} for {operand.name}"
        yield Change(operand.name, "shape", partial(_ones, shape=shape), shown)


def near_shapes(own: tuple[int, ...], shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return shapes near one: those beside it, and it with one size or one axis more, less or another.

    Examples
    --------
    >>> near_shapes((2, 4), [(2, 5)])[:3]
    [(2, 5), (2, 2), (2, 1)]
    """
    sizes = [*dict.fromkeys(size for shape in shapes for size in reversed(shape) if size), 1, 2, 3]
    found = [shape for shape in shapes if shape != own]
    found += [(*own[:axis], size, *own[axis + 1 :]) for axis in reversed(range(len(own))) for size in sizes]
    found += [own[:-1], own[1:], *(own[:count] for count in range(1, len(own)))]
    found += [(*own, size) for size in sizes] + [(size, *own) for size in sizes]
    most = MOST_TIMES * max(math.prod(own), 1)
    least = min(math.prod(own), 1)  # nothing becomes empty
    return [shape for shape in dict.fromkeys(found) if shape != own and least <= math.prod(shape) <= most]


def _empty(given: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.empty(given.shape, dtype=dtype)


def _expanded(given: Tensor, shape: tuple[int, ...]) -> Tensor:
    return given.expand(shape)


def _ones(given: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor of another shape; integers are 0, which is an index and a class of each axis."""
    if given.is_floating_point() or given.is_complex():
        return given.new_ones(shape)
    return given.new_zeros(shape)


def _method(text: str) -> Callable[[Any], Any]:
    """Return what calls methods of a tensor with whole numbers, as they are written."""

    def call(given: Any) -> Any:
        for name, called, args in re.findall(r"(\w+)(\(([^)]*)\))?", text):
            parts = [part.partition("=") for part in args.split(", ") if part]
            numbers = [int(part[0]) for part in parts if not part[1]]
            words = {part[0]: int(part[2]) for part in parts if part[1]}
            given = getattr(given, name)(*numbers, **words) if called else getattr(given, name)
        return given

    return call
