"""Checks that every settings class needs; a message names the field, what came and what was expected."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["divides", "flag", "fraction", "whole"]


def whole(settings: Any, *fields: str) -> None:
    """Raise unless each field is a whole number of at least 1."""
    for name, value in _values(settings, fields):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is {value!r}; expected a whole number of at least 1.")
        if value < 1:
            raise ValueError(f"{name} is {value}; expected a whole number of at least 1.")


def fraction(settings: Any, *fields: str) -> None:
    """Raise unless each field is a number from 0 up to, but without, 1."""
    for name, value in _values(settings, fields):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name} is {value!r}; expected a number, at least 0 and below 1.")
        if not math.isfinite(value) or not 0 <= value < 1:
            raise ValueError(f"{name} is {value}; expected at least 0 and below 1, such as 0.1 for a tenth.")


def flag(settings: Any, *fields: str) -> None:
    """Raise unless each field is True or False."""
    for name, value in _values(settings, fields):
        if not isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}; expected True or False.")


def divides(settings: Any, part: str, total: str) -> None:
    """Raise unless one field divides another."""
    (name, number), (_, whole) = _values(settings, (part, total))
    if whole % number:
        fitting = ", ".join(str(n) for n in range(1, whole + 1) if whole % n == 0)
        raise ValueError(f"{name} is {number}, which does not divide {total}, {whole}; expected one of {fitting}.")


def _values(settings: Any, fields: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(f"{type(settings).__name__}.{field}", getattr(settings, field)) for field in fields]
