"""Other numbers and words for an argument, the likeliest first."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator
from typing import Any

from ptguide._explaining._signatures import NONE

WORDS = ("none mean sum tanh relu same valid zeros constant reflect replicate circular nearest linear bilinear ortho "
         "forward backward left right").split()  # fmt: skip
FRACTIONS = (0.5, 0.9, 0.1, 0.01, 1.0, 0.0)


def other_numbers(value: float, default: Any, sizes: list[int], whole: bool) -> list[Any]:
    """Return numbers to try in the place of one: the usual one, the same without its sign, and those nearby.

    Parameters
    ----------
    value : int or float
    default : object
        What the argument is if it is not given.
    sizes : list of int
        Sizes of the tensors of the call, and their numbers of axes.
    whole : bool
        Whether a whole number is wanted.
    """
    if not math.isfinite(value):
        return []
    found = [*_usual(value, default)]
    if whole:
        known = {0, 1, -1, 2, *sizes, *(size - 1 for size in sizes), int(value) - 1, int(value) + 1, -int(value)}
        found += sorted(known, key=lambda other: (abs(other - value), -other))
    else:
        near = sorted(FRACTIONS[:-2], key=lambda other: abs(other - abs(value)))
        found += [*near, *FRACTIONS[-2:]]
    if type(value) is int:
        found += [0.5]
    return [other for other in dict.fromkeys(found) if other != value]


def _usual(value: float, default: Any) -> Iterator[float]:
    """Yield what was probably meant: the number without a sign that slipped in, and what is usual."""
    usual = default if type(default) in (int, float) and default and math.isfinite(default) else None
    near = usual is not None and 0.01 <= abs(value / usual) <= 100
    if value < 0 and (near or usual is None):
        yield -value
    if usual is not None:
        yield usual


def other_words(value: str, default: Any, message: str) -> list[str]:
    """Return words to try in the place of one: similar ones, the usual one, and those that the message names."""
    named = [word for word in re.findall(r"[a-z_]{3,}", message) if word != value]
    usual = [default] if isinstance(default, str) else []
    quoted = re.findall(r"['\"](\w+)['\"]", message)
    near = difflib.get_close_matches(value, [*WORDS, *named], cutoff=0.5)
    return [word for word in dict.fromkeys([*near, *usual, *quoted, *WORDS, *named[-6:]]) if word != value]


def other_rows(values: list[Any], default: Any, sizes: list[int], whole: bool) -> list[tuple[int | None, list[Any]]]:
    """Return lists of numbers in which one is another, with its place, or that are longer or shorter."""
    usual = list(default) if type(default) in (tuple, list) else [NONE] * len(values)
    nearby = [other_numbers(one, usual[p] if p < len(usual) else NONE, sizes, whole) for p, one in enumerate(values)]
    found: list[tuple[int | None, list[Any]]] = []
    for turn in range(max(map(len, nearby))):
        for place, near in enumerate(nearby):
            if turn < len(near):
                found.append((place, [*values[:place], near[turn], *values[place + 1 :]]))
    last = values[-1]
    others = [values[::-1], list(dict.fromkeys(values)), [*values, last], [*values, last + 1], [*values, last, last]]
    others += [values[:-1], values[1:]]
    if len(values) == 1:
        others.append([last + 1, last])
    others += [usual] if usual and usual[0] is not NONE else []
    found[4:4] = [(None, other) for other in others if other and other != values]
    return found
