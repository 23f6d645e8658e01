"""What every model asks of its settings and of its input."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TypeAlias

from torch import Tensor

Axes: TypeAlias = tuple[int | str, ...]  # a letter stands for any size


def require_settings(given: object, expected: type) -> None:
    """Raise a TypeError unless a model got its own settings."""
    if not isinstance(given, expected):
        raise TypeError(f"settings is {given!r}; expected {expected.__name__}(...).")


def require_integer(name: str, given: object, least: int = 1) -> None:
    """Raise unless a setting is an int of at least ``least``; True and False are none here."""
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError(f"{name} is {given!r}, of type {type(given).__name__}; expected an int.")
    if given < least:
        raise ValueError(f"{name} is {given}; expected at least {least}.")


def require_sizes(name: str, given: object, like: tuple[int, ...], fewest: int | None = None, least: int = 1) -> None:
    """Raise unless a setting is a tuple of ints of at least ``least``.

    There are as many of them as in the example ``like``, or, where ``fewest`` is given, at least that many.
    """
    if not isinstance(given, tuple):
        raise TypeError(f"{name} is {given!r}, of type {type(given).__name__}; expected a tuple of ints, like {like}.")
    if len(given) < (len(like) if fewest is None else fewest) or (fewest is None and len(given) > len(like)):
        count = len(like) if fewest is None else f"at least {fewest}"
        raise ValueError(f"{name} is {given}, of length {len(given)}; expected {count}, like {like}.")
    for place, size in enumerate(given):
        require_integer(f"{name}[{place}]", size, least)


def require_choice(name: str, given: object, choices: Collection[str]) -> None:
    """Raise a ValueError unless a setting is one of the names."""
    if given not in choices:
        raise ValueError(f"{name} is {given!r}; expected one of {', '.join(map(repr, choices))}.")


def require_flag(name: str, given: object) -> None:
    """Raise a TypeError unless a setting is True or False."""
    if not isinstance(given, bool):
        raise TypeError(f"{name} is {given!r}; expected True or False.")


def require_share(name: str, given: object) -> None:
    """Raise unless a setting is a number from 0 up to 1, without 1 itself."""
    if not isinstance(given, int | float) or isinstance(given, bool):
        raise TypeError(f"{name} is {given!r}; expected a number.")
    if not 0 <= given < 1:
        raise ValueError(f"{name} is {given}; expected at least 0 and less than 1.")


def require_integers(settings: object, *fields: str) -> None:
    """Raise unless each of some fields is an int of at least 1; the message names the class and the field."""
    for field in fields:
        require_integer(f"{type(settings).__name__}.{field}", getattr(settings, field))


def require_divisor(settings: object, part: str, total: str) -> None:
    """Raise a ValueError unless one field divides another."""
    number, whole = getattr(settings, part), getattr(settings, total)
    if whole % number:
        fitting = ", ".join(str(n) for n in range(1, whole + 1) if whole % n == 0)
        name = f"{type(settings).__name__}.{part}"
        raise ValueError(f"{name} is {number}, which does not divide {total}, {whole}; expected one of {fitting}.")


def flatten_items(x: Tensor, features: int, setting: str) -> Tensor:
    """Return ``x`` as rows, shape (N, features), or raise an error that names the setting with the right number."""
    if x.ndim >= 2 and math.prod(x.shape[1:]) == features:
        return x.flatten(1)  # (N, D)
    problem = f"x has shape {tuple(x.shape)}; expected (N, {features}), or more axes with {features} elements an item"
    if x.ndim == 1 and features == 1:
        raise ValueError(f"{problem}. Try x.unsqueeze(1).")
    if x.ndim and x.numel() == features:
        raise ValueError(f"{problem}. Try x.unsqueeze(0), a batch of one item.")
    raise ValueError(f"{problem}, as {setting} says.")


def require_items(name: str, given: Tensor, item: Axes, setting: str) -> None:
    """Raise a ValueError unless a tensor holds N items of one shape; the message has a remedy where one is known.

    The models name this, and `flatten_items`, to `torch.fx.wrap`: symbolic tracing, and torchvision's
    ``create_feature_extractor`` with it, can't follow a branch on a shape.
    """
    if given.ndim != len(item) + 1 or any(
        isinstance(axis, int) and axis != size for axis, size in zip(item, given.shape[1:], strict=True)
    ):
        raise _shape_error(name, given, item, setting)


def _shape_error(name: str, given: Tensor, item: Axes, setting: str) -> ValueError:
    shape = tuple(given.shape)
    problem = f"{name} has shape {shape}; expected ({', '.join(map(str, ('N', *item)))})"
    remedies = {
        "unsqueeze(0)": (1, *shape),
        "unsqueeze(1)": (*shape[:1], 1, *shape[1:]),
        "movedim(-1, 1)": (*shape[:1], *shape[-1:], *shape[1:-1]),
        "movedim(-1, 0).unsqueeze(0)": (1, *shape[-1:], *shape[:-1]),
        "flatten(1)": (*shape[:1], math.prod(shape[1:])),
    }
    sizes = [axis for axis in item if isinstance(axis, int)]
    if len(shape) == 2 and len(sizes) == len(item) and shape[1] == math.prod(sizes):
        remedies[f"unflatten(1, {item})"] = (shape[0], *sizes)
    for call, result in remedies.items():
        if len(result) == len(item) + 1 and all(
            isinstance(axis, str) or axis == size for axis, size in zip(item, result[1:], strict=True)
        ):
            return ValueError(f"{problem}. Try {name}.{call}, which has shape {result}.")
    return ValueError(f"{problem}, as {setting} says.")
