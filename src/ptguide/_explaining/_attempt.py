"""A call of torch that can be made again, on copies of what it was given and with changes of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

from torch import Tensor, nn

from ptguide._explaining._callable import function_of, is_plain, may_run
from ptguide._explaining._calls import Call, Operand
from ptguide._explaining._copies import Copies, made_real, tensors_in
from ptguide._explaining._forms import SIGNS
from ptguide._explaining._signatures import NONE, Parameter, parameters_of, settings_of
from ptguide._explaining._standins import copied, is_module, is_tensor, on_meta

MOST_ELEMENTS = 1_000_000  # of all tensors together, where the call is made on copies
MOST_WORK = 100_000_000  # elements times numbers: what a call may make of them
Key: TypeAlias = int | str
Changes: TypeAlias = Mapping[Key, Callable[[Any], Any]]
SETTING = "setting "  # begins the key of a setting of a layer, which was given when the layer was made


@dataclass(frozen=True)
class Given:
    """An argument of a call.

    Attributes
    ----------
    key : int or str
        Its place, its keyword, or, for a setting of a layer, `SETTING` and its name.
    operand : Operand
    parameter : Parameter
        What the function says of it.
    """

    key: Key
    operand: Operand
    parameter: Parameter

    @property
    def value(self) -> Any:
        """What was given."""
        return self.operand.value

    @property
    def name(self) -> str:
        """The name that the function has for it."""
        return self.parameter.name

    @property
    def default(self) -> Any:
        """What it is if it is not given; `NONE` where it must be given."""
        return self.parameter.default

    @property
    def shown(self) -> str:
        """How a sentence calls it: by the reader's name for a tensor, else by the name that the function has."""
        return self.operand.name if is_tensor(self.value) or not self.name else self.name


class Failed:
    """What a call gives that raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error


@dataclass(frozen=True)
class Attempt:
    """A call that failed, and that can be made again."""

    call: Call
    function: Callable[..., Any]
    given: dict[Key, Given]
    layer: nn.Module | None = None
    on: Callable[[Tensor], Tensor] = field(default=copied)

    @property
    def op(self) -> str:
        """The name of what is called."""
        if self.layer is not None:
            return type(self.layer).__name__
        return self.function.__name__ if isinstance(self.function, type) else self.call.op

    def run(self, changes: Changes) -> Any:
        """Return what the call gives with changes of what it was given; `Failed` if it raises."""
        copies = Copies(self.on)
        try:
            values = {key: copies.of(one.value) for key, one in self.given.items()}
            values |= {key: change(values[key]) for key, change in changes.items()}
            if self.on is copied and _work(values) > MOST_WORK:
                raise MemoryError
            function = self.function if self.layer is None else self._layer(values, any(map(_is_setting, changes)))
            args = [values[key] for key in sorted(key for key in values if isinstance(key, int))]
            words = {key: value for key, value in values.items() if isinstance(key, str) and not _is_setting(key)}
            return function(*args, **words)
        except Exception as error:
            return Failed(error)

    def _layer(self, values: dict[Key, Any], changed: bool) -> Callable[..., Any]:
        """Return a layer like that of the reader, or one that is made with other settings."""
        assert self.layer is not None
        if changed:
            settings = {str(key).removeprefix(SETTING): value for key, value in values.items() if _is_setting(key)}
            made = type(self.layer)(**settings).train(self.layer.training)
        else:
            made = Copies(self.on).layer(self.layer)
        return functools.partial(type(made).forward, made)

    def written(self, texts: Mapping[Key, str]) -> str:
        """Return the call as a reader would write it, with another text for some arguments."""
        if any(map(_is_setting, texts)):
            return f"{self.call.head} = {self._made(texts)}"
        args = [texts.get(place, one.name) for place, one in enumerate(self.call.args)]
        if not self.call.head:
            return f" {SIGNS[self.call.op]} ".join(texts.get(p, one.in_code) for p, one in enumerate(self.call.args))
        head = self.call.head
        if self.call.is_method:
            head = f"{texts.get(0, self.call.args[0].in_code)}.{self.call.op}"
            args = args[1:]
        words = [f"{word}={texts.get(word, one.name)}" for word, one in self.call.words.items()]
        return f"{head}({', '.join([*args, *words])})"

    def _made(self, texts: Mapping[Key, str]) -> str:
        """Return the code that makes the layer, without the settings that are as always."""
        parts = []
        for key, one in self.given.items():
            if not _is_setting(key):
                continue
            text = texts.get(key, one.operand.name)
            if one.parameter.default is NONE:
                parts.append(text)
            elif key in texts or is_tensor(one.value) or one.value != one.parameter.default:
                parts.append(f"{one.name}={text}")
        return f"nn.{self.op}({', '.join(parts)})"


def _is_setting(key: Key) -> bool:
    return isinstance(key, str) and key.startswith(SETTING)


def attempt(call: Call) -> Attempt | None:
    """Return a call of torch as one that can be made again; None if that is not known, or may do more than compute."""
    operands: dict[Key, Operand] = dict(enumerate(call.args))
    operands.update(call.words)
    operands = {key: made_real(one) for key, one in operands.items()}
    layer = call.function if is_module(call.function) else None
    function = type(layer).forward if layer is not None else function_of(call)
    if function is None or not call.whole or not all(is_plain(one.value) for one in operands.values()):
        return None
    if layer is not None and not may_run(layer):
        return None
    parameters = (
        [] if not call.head else parameters_of(function, getattr(function, "__name__", call.op), len(call.args))
    )
    parameters = [one for one in parameters if one.name != "self"] if layer is not None else parameters
    by_name = {one.name: one for one in parameters}
    given: dict[Key, Given] = {}
    several: Parameter | None = None  # such as the sizes of ``x.view(2, 3)``, which stand one by one
    for key, one in operands.items():
        unknown = Parameter("" if isinstance(key, int) else key)
        by_place = several or (parameters[key] if isinstance(key, int) and key < len(parameters) else unknown)
        if isinstance(key, int) and "List[int]" in by_place.types and type(one.value) is int:
            several = by_place
        given[key] = Given(key, one, by_place if isinstance(key, int) else by_name.get(key, unknown))
    if layer is not None:
        for setting, value in settings_of(layer):
            text = f"{call.head}.{setting.name}" if is_tensor(value) else repr(value)
            given[SETTING + setting.name] = Given(SETTING + setting.name, Operand(text, value), setting)
    many = _work({key: one.value for key, one in given.items()}) > MOST_WORK
    has = any(tensors_in([one.value]) for one in operands.values())
    return Attempt(call, function, given, layer, on_meta if many else copied) if has or not many else None


def _work(values: Mapping[Key, Any]) -> int:
    """Return how much a call may compute at most, in elements: those of its tensors times each whole number."""
    given = [value for key, value in values.items() if not _is_setting(key)]
    elements = sum(one.numel() for one in tensors_in(given))
    if elements > MOST_ELEMENTS:
        return MOST_WORK + 1
    return max(max(elements, 1) * _product(given), _product([values[key] for key in values if _is_setting(key)]))


def _product(values: list[Any]) -> int:
    numbers = [entry for one in values for entry in (one if type(one) in (list, tuple) else [one])]
    return prod(max(abs(number), 1) for number in numbers if type(number) is int)
