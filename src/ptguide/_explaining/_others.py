"""What else could be given for one argument of a call that failed: other numbers, words, types and tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ptguide._explaining._attempt import Given, Key
from ptguide._explaining._calls import Operand, entries
from ptguide._explaining._other_numbers import other_numbers, other_rows, other_words
from ptguide._explaining._other_tensors import KINDS, Change, other_outputs, other_tensors
from ptguide._explaining._signatures import NONE
from ptguide._explaining._standins import is_tensor

MOST_ENTRIES = 8
NUMBER = re.compile(r"-?\d*\.\d+(e-?\d+)?|-?\d+e-?\d+")


@dataclass(frozen=True)
class Around:
    """What is known of the call: sizes and shapes that it has, and the message."""

    sizes: list[int]
    shapes: list[tuple[int, ...]]
    message: str


@dataclass(frozen=True)
class Other:
    """Another argument.

    Attributes
    ----------
    key : int or str
    text : str
        The whole argument, as it is written.
    kind : str
        As that of a `Change`.
    make : callable
        Makes it of a copy of what was given.
    shown : str
        What the reader is told, where it cannot be written in the call.
    entry : int or None
        The entry of a list or a tuple that is another.
    """

    key: Key
    text: str
    kind: str
    make: Callable[[Any], Any]
    shown: str = ""
    entry: int | None = None


def others(one: Given, around: Around) -> Iterator[Other]:
    """Yield what else could be given for an argument, the likeliest first."""
    value = one.value
    if type(value) in (list, tuple) and value:
        if all(type(entry) in (int, float) for entry in value):
            whole = all(type(entry) is int for entry in value)
            for place, row in other_rows(list(value), one.default, around.sizes, whole):
                made = type(value)(row)
                yield Other(one.key, repr(made), "number", _constant(made), "", place)
        elif len(value) <= MOST_ENTRIES:
            yield from _in_list(one, around)
    for change in _of_value(one.operand, one, around):
        yield Other(one.key, change.text, change.kind, change.make, change.shown)


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def _plain(kind: str, *values: Any) -> Iterator[Change]:
    for value in values:
        yield Change(repr(value), kind, _constant(value))


def _of_value(operand: Operand, one: Given, around: Around) -> Iterator[Change]:
    """Yield another value for that of an operand, which is an argument or an entry of one."""
    value, default = operand.value, one.default if operand is one.operand else NONE
    if is_tensor(value):
        if one.name == "out":
            yield from other_outputs(operand)
        else:
            yield from other_tensors(operand, around.shapes, around.message)
    elif type(value) in (int, float):
        whole = type(value) is int and type(default) is not float
        yield from _plain("number", *other_numbers(value, default, around.sizes, whole))
    elif isinstance(value, str):
        yield from _plain("word", *other_words(value, default, around.message))
    elif isinstance(value, torch.dtype):
        yield from _plain("dtype", *(kind for kind in KINDS.values() if kind != value))
    elif isinstance(value, torch.layout) and value != torch.strided:
        yield from _plain("setting", torch.strided)
    elif type(value) is bool:
        yield from _plain("setting", not value)
    yield from _of_type(operand, default, one, around)


def _of_type(operand: Operand, default: Any, one: Given, around: Around) -> Iterator[Change]:
    """Yield the same value as one of another type."""
    value = operand.value
    yield from _plain("type", *_converted(value))
    if type(value) in (int, float, bool, complex) and "Tensor" in (one.parameter.types or ("Tensor",)):
        yield Change(f"torch.tensor({operand.name})", "type", torch.tensor)
    if type(value) is int:
        yield from _plain("number", (value, 1), (value, value + 1), (value,))
    if (value is None or value in ((), [])) if type(value) in (tuple, list, type(None)) else False:
        if default is not NONE and default is not None and default != value:
            yield from _plain("type", default)
        if value is not None:
            kind = type(value)
            yield from _plain("number", *(kind([1] * count) for count in (1, 2, 3)), *map(kind, around.shapes[:2]))
    if is_tensor(value) and one.name != "out":
        yield Change(f"[{operand.name}]", "type", lambda given: [given])
        if value.numel() == 1:
            yield Change(f"{operand.in_code}.item()", "type", Tensor.item)


def _converted(value: Any) -> list[Any]:
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return [int(value)]
    if type(value) is bool:
        return [int(value)]
    if type(value) is int and value in (0, 1):
        return [bool(value)]
    if isinstance(value, complex):
        return [value.real] if not value.imag else []
    if isinstance(value, str):
        found: list[Any] = [value == "True"] if value in ("True", "False") else []
        found += [int(value)] if value.strip("-").isdigit() else []
        return found + ([float(value)] if NUMBER.fullmatch(value) else [])
    return [value[0]] if type(value) in (tuple, list) and len(value) == 1 and not is_tensor(value[0]) else []


def _in_list(one: Given, around: Around) -> Iterator[Other]:
    """Yield lists in which one entry is another, or in which those that are none are left out."""
    parts, kind = list(entries(one.operand)), type(one.value)
    if len(parts) != len(one.value):
        return
    names = [part.name for part in parts]
    for place, part in enumerate(parts):
        for change in _of_value(part, one, around):
            text = _written([*names[:place], change.text, *names[place + 1 :]], kind)
            shown = "" if one.name == "out" else change.shown
            yield Other(one.key, text, change.kind, _at(place, change.make), shown, place)
    if {tuple} < {type(entry) if type(entry) is tuple else None for entry in one.value}:  # parameters, some with names
        texts = [
            part.name if type(part.value) is tuple else f'("param{p}", {part.name})' for p, part in enumerate(parts)
        ]
        yield Other(one.key, _written(texts, kind), "setting", _with_names)
    kept = [place for place, entry in enumerate(one.value) if entry is not None]
    if len(kept) < len(parts):
        text = _written([names[place] for place in kept], kind)
        yield Other(one.key, text, "type", lambda given: kind(given[place] for place in kept))


def _with_names(given: Any) -> Any:
    return [one if type(one) is tuple else (f"param{place}", one) for place, one in enumerate(given)]


def _written(texts: list[str], kind: type) -> str:
    inside = ", ".join(texts)
    return f"[{inside}]" if kind is list else f"({inside}{',' * (len(texts) == 1)})"


def _at(place: int, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(given: Any) -> Any:
        return type(given)([*given[:place], change(given[place]), *given[place + 1 :]])

    return changed
