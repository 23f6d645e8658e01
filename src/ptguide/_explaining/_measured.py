"""A rule in words, out of what ran and what did not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ptguide._explaining._attempt import Attempt, Failed, Given, Key
from ptguide._explaining._other_numbers import other_words
from ptguide._explaining._other_tensors import KINDS
from ptguide._explaining._others import Other
from ptguide._explaining._standins import is_tensor
from ptguide._explaining._words import counted
from ptguide._explaining._words import kind as kind_of

FRACTIONS = (-1.0, -0.5, 0.0, 0.1, 0.5, 0.9, 1.0, 1.5, 2.0, 10.0)
WHOLE = range(-6, 8)


def rule(made: Attempt, other: Other, steps: Mapping[Key, Other]) -> str:
    """Return what an argument may be, as it was measured on the reader's call.

    Parameters
    ----------
    made : Attempt
    other : Other
        The change that works.
    steps : mapping
        All changes, if there are several.
    """
    one = made.given[other.key]
    beside = {key: step.make for key, step in steps.items() if key != other.key}

    def runs(make: Callable[[Any], Any]) -> bool:
        return not isinstance(made.run({**beside, one.key: make}), Failed)

    name, came = f"{one.shown} of {made.op}", f"{one.operand.name} came"
    if other.kind == "swap":
        pair = " and ".join(made.given[key].shown for key in steps)
        values = " and ".join(made.given[key].operand.name for key in steps)
        return (
            f"Of {pair} of {made.op}, the first is the smaller; {values} came."
            if other.key == next(iter(steps))
            else ""
        )
    if other.kind == "number":
        return f"{_number(made, one, other, runs)}{_beside(made, one)}; {came}."
    if other.kind == "word":
        fitting = [repr(word) for word in other_words(one.value, one.default, "") if runs(_as(word))]
        fitting += [other.text] * (other.text not in fitting)
        return f"{name} may be {_listed(fitting, 'or')}; {came}."
    if other.kind == "type":
        return _type(made, one, other)
    if other.kind == "dtype":
        return _kinds(name, one, other, runs)
    if other.kind == "shape":
        return _shape(made, one, other)
    if other.kind == "memory":
        return f"{name} shares memory with what is read or written; it has to have its own."
    if other.kind == "values":
        return _values(name, one, other)
    return f"{name} may be {other.text}{_beside(made, one)}; {came}."


def _as(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def _beside(made: Attempt, one: Given) -> str:
    """Return what the rule holds for: the shapes of the tensors."""
    tensors = [each for each in made.given.values() if each is not one and is_tensor(each.value)]
    shapes = [f"{each.operand.name} of shape {tuple(each.value.shape)}" for each in tensors[:3]]
    return f" for {_listed(shapes)}" if shapes else ""


def _listed(words: list[str], last: str = "and") -> str:
    return " ".join([", ".join(words[:-1]), last, words[-1]]) if len(words) > 1 else "".join(words)


def _number(made: Attempt, one: Given, other: Other, runs: Callable[..., bool]) -> str:
    """Return which numbers run, of those around zero and around what came."""
    new, old = other.make(one.value), one.value
    row = type(old) in (list, tuple)
    if type(new) in (list, tuple) and (not row or other.entry is None):
        lengths = "" if row and len(new) == len(old) else f" ({counted(len(new), 'number')})"
        return f"{one.shown} of {made.op} may be {new}{lengths}"
    if row and other.entry is not None:
        place, new, old = other.entry, new[other.entry], old[other.entry]
        name = f"{one.shown}[{place}] of {made.op}"
        grid, ran = _tried(one, new, old, lambda number: runs(_entry(one.value, place, number)))
    else:
        name = f"{one.shown} of {made.op}"
        grid, ran = _tried(one, new, old, lambda number: runs(_as(number)))
    return f"{name} may be {_span(grid, ran, new)}"


def _entry(values: Any, place: int, number: Any) -> Callable[[Any], Any]:
    return _as(type(values)([*values[:place], number, *values[place + 1 :]]))


def _tried(one: Given, new: Any, old: Any, runs: Callable[[Any], bool]) -> tuple[list[Any], list[Any]]:
    """Return the numbers that were tried, and those of them that ran."""
    fractions = {"float", "number"} & {*one.parameter.types} or isinstance(one.default, float)
    if type(new) is int and type(old) is int and not fractions:
        grid: list[Any] = sorted({*WHOLE, *(near + step for near in (old, new) for step in (-2, -1, 0, 1, 2))})
    else:
        grid = sorted({*FRACTIONS, new, old})
    return grid, [number for number in grid if runs(number)]


def _span(grid: list[Any], ran: list[Any], new: Any) -> str:
    """Return in words which of the numbers that were tried ran."""
    if not ran:
        return f"{new:g}"
    first, last = grid.index(ran[0]), grid.index(ran[-1])
    if grid[first : last + 1] != ran:
        near = [number for number in ran if number >= 0] or ran
        if len(grid) - len(ran) == 1:
            return f"any number but {next(number for number in grid if number not in ran):g} (tried: {_ends(grid)})"
        return f"{_listed([f'{number:g}' for number in near[:8]], 'or')} (tried: {_ends(grid)})"
    whole = all(type(number) is int for number in grid)
    low = f"{ran[0]:g}" if whole or ran[0] in (0, 1) else f"above {grid[first - 1]:g}"
    high = f"{ran[-1]:g}" if whole or ran[-1] in (0, 1) or last + 1 == len(grid) else f"below {grid[last + 1]:g}"
    if first and last + 1 < len(grid):
        if "above" in low or "below" in high:
            return f"{low if 'above' in low else f'{low} or more'} and {high if 'below' in high else f'at most {high}'}"
        return low if low == high else f"{low} to {high}"
    if first:
        return low if "above" in low else f"{low} or more"
    return high if "below" in high else f"{high} or less"


def _ends(grid: list[Any]) -> str:
    return f"{grid[0]:g} to {grid[-1]:g}"


def _a(value: Any) -> str:
    if value is None:
        return "None"
    name = "Tensor" if is_tensor(value) else type(value).__name__
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def _type(made: Attempt, one: Given, other: Other) -> str:
    new, old, came = other.make(one.value), one.value, one.operand.name
    if type(old) in (list, tuple) and type(new) is type(old) and len(old) > 0:
        if other.entry is not None:
            entry = f"{one.shown}[{other.entry}]"
            return f"{made.op} takes {_a(new[other.entry])} for {entry}, which is {_a(old[other.entry])}."
        return f"{made.op} takes no None among {one.shown}."
    if type(new) is list and is_tensor(old):
        return f"{made.op} takes a list of tensors{_for(one)}; {came} is one Tensor."
    return f"{made.op} takes {_a(new)}{_for(one)}; {came} is {_a(old)}."


def _for(one: Given) -> str:
    return f" for {one.name}" if one.name else ""


def _kinds(name: str, one: Given, other: Other, runs: Callable[..., bool]) -> str:
    if isinstance(one.value, torch.dtype):
        fitting = [kind_of(kind) for kind in KINDS.values() if runs(_as(kind))]
        of = ", ".join(map(kind_of, KINDS.values()))
        return f"{name} may be {_listed(fitting, 'or')} (tried: {of}); {kind_of(one.value)} came."
    new, old = other.make(one.value), one.value
    if type(old) in (list, tuple) and other.entry is not None:
        name, new, old = f"{one.shown}[{other.entry}] of {made_of(name)}", new[other.entry], old[other.entry]
        return f"{name} has type {kind_of(old.dtype)}; it works as {kind_of(new.dtype)}."
    if other.shown:
        return f"{name} has type {kind_of(old.dtype)}; the result has {kind_of(new.dtype)}."
    fitting = [kind_of(kind) for kind in KINDS.values() if runs(lambda given, kind=kind: given.to(kind))]
    return f"{name} has type {kind_of(old.dtype)}; it works as {_listed(fitting, 'or')}."


def made_of(name: str) -> str:
    """Return the operation of a name such as ``x of cat``."""
    return name.rpartition(" of ")[2]


def _shape(made: Attempt, one: Given, other: Other) -> str:
    new, old, name = other.make(one.value), one.value, one.shown
    if other.entry is not None:
        new, old, name = new[other.entry], old[other.entry], f"{name}[{other.entry}]"
    return f"{name} of {made.op} has shape {tuple(old.shape)}; shape {tuple(new.shape)} works{_beside(made, one)}."


def _values(name: str, one: Given, other: Other) -> str:
    value = one.value if is_tensor(one.value) else one.value[other.entry or 0]
    real = value.detach().to(torch.float64)
    what = "nan" if bool(real.isnan().any()) else f"{float(real.min()):.4g} to {float(real.max()):.4g}"
    return f"{name} holds {what}; {other.text} works."
