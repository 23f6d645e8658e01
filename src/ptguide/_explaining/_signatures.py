"""What the arguments of a function of torch are called, of which types they are, and what they are by default."""

from __future__ import annotations

import inspect
import re
import typing
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

NONE = inspect.Parameter.empty
UNKEPT = ("device", "dtype", "size_average", "reduce", "_weight", "_freeze")
OUTPUT = re.compile("out|^values$")  # a form that writes into tensors that it is given


@dataclass(frozen=True)
class Parameter:
    """One argument that a function takes.

    Attributes
    ----------
    name : str
    types : tuple of str
        Such as ``"Tensor"`` or ``"int"``; empty where they are not written down.
    default : object
        `NONE` where there is none.
    """

    name: str
    types: tuple[str, ...] = ()
    default: Any = NONE


def parameters_of(function: Any, op: str, count: int) -> list[Parameter]:
    """Return the arguments that a function takes, in their order; empty if they are not known.

    Parameters
    ----------
    function : callable
        A function, a method of a tensor, a class, or the method of a class.
    op : str
        Its name.
    count : int
        How many are given by their place.
    """
    if isinstance(function, type):
        return _of_class(function)
    written = _of_python(function)
    if not written or written[0].name == "*":  # written in C++, or two functions of which an argument decides
        return _of_schemas(op, count)
    return written


def _of_class(kind: type) -> list[Parameter]:
    for made in (kind, *typing.get_overloads(kind.__init__)):  # type: ignore[misc]
        found = [one for one in _of_python(made) if one.name not in ("self", "*")]
        if found:
            return found
    return []


def _of_python(function: Any) -> list[Parameter]:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return []
    found = []
    for one in signature.parameters.values():
        several = one.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        types = re.findall(r"Tensor|int|float|bool|str", str(one.annotation)) if one.annotation is not NONE else []
        found.append(Parameter("*" if several else one.name, tuple(dict.fromkeys(types)), one.default))
    return found


def _of_schemas(op: str, count: int) -> list[Parameter]:
    """Return the arguments of an operation that is written in C++, with their types in any of its forms."""
    forms = schemas(op)
    if not forms:
        return []
    fitting = [form for form in forms if len(form) >= count] or forms
    longest = max(fitting, key=len)
    found = []
    for place, one in enumerate(longest):
        types = {form[place].types for form in fitting if place < len(form) and form[place].name == one.name}
        found.append(Parameter(one.name, tuple(sorted({name for some in types for name in some})), one.default))
    return found


def schemas(op: str) -> list[list[Parameter]]:
    """Return the forms of an operation that is written in C++, without those that write into a tensor."""
    try:
        found = torch._C._jit_get_schemas_for_operator(f"aten::{op}")
    except RuntimeError:
        return []
    forms = [
        [_parameter(one) for one in schema.arguments] for schema in found if not OUTPUT.search(schema.overload_name)
    ]
    return [form for form in forms if not any("Dimname" in kind for one in form for kind in one.types)]


def _parameter(argument: Any) -> Parameter:
    name = "input" if argument.name == "self" else argument.name
    kind = re.sub(r"\(.*?\)|SymInt", lambda one: "int" if one[0] == "SymInt" else "", str(argument.type))
    kind = kind.removeprefix("Optional[").rstrip("]?") if kind.startswith("Optional") else kind.rstrip("?")
    default = argument.default_value if argument.has_default_value() else NONE
    return Parameter(name, (kind,), default)


def settings_of(layer: nn.Module) -> list[tuple[Parameter, Any]]:
    """Return what a layer was made with, as far as it keeps that; empty where something is missing."""
    stored = {**vars(layer), **vars(layer)["_parameters"], **vars(layer)["_buffers"]}
    found = []
    for one in parameters_of(type(layer), "", 0):
        value = stored.get(one.name, one.default)
        if one.types == ("bool",):  # such as ``bias``, of which the layer keeps the tensor
            value = value is not None and value is not False
        if value is NONE:
            return []
        if one.name not in UNKEPT:
            found.append((one, value))
    return found
