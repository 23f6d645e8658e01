"""Numbers that are drawn, as text: mere noise stays within the tolerance of `pipeline.outputs.compare`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

DIGITS = 4  # of the largest number of a sequence
FEW = 12  # numbers that are written one by one
SAMPLES = 8  # of more than that
LARGEST, SMALLEST = 1e5, 1e-3  # beyond them, numbers are written with a power of ten
LETTERS = str.maketrans("0123456789", "ghijklmnop")  # a digest has no digits: 12e4 would be read as a number


def written(*groups: Iterable[float]) -> str:
    """Return groups of numbers between ``⟨⟩``, all to the same place: the fourth digit of the largest.

    Examples
    --------
    >>> written([1, 2.34567, 1e-17]), written([3e-8, 0], [-1e-7])
    ('⟨1.000 2.346 0.000⟩', '⟨0.300e-07 0.000e-07 | -1.000e-07⟩')
    """
    numbers = [[float(value) for value in group] for group in groups]
    largest = max((abs(value) for group in numbers for value in group if math.isfinite(value)), default=0.0)
    power = math.floor(math.log10(largest)) if largest else 0
    end = ""
    if largest and not SMALLEST <= largest < LARGEST:
        numbers = [[value / 10.0**power for value in group] for group in numbers]
        end, power = f"e{power:+03d}", 0
    places = max(1, DIGITS - 1 - power)
    return f"⟨{' | '.join(' '.join(_rounded(value, places, end) for value in group) for group in numbers)}⟩"


def _rounded(value: float, places: int, end: str) -> str:
    # Adding 0.0 turns -0.0 into 0.0.
    return f"{round(value, places) + 0.0:.{places}f}{end}" if math.isfinite(value) else str(value)


def summary(values: Sequence[float]) -> str:
    """Return few numbers one by one; of more how many there are, and three groups of numbers.

    The groups are eight of the numbers, the means of eight equal runs, and least, most, mean and standard deviation.

    Examples
    --------
    >>> summary([1, 2]), summary([0.5, 1.5] * 50 + [float("nan")])[:24]
    ('⟨1.000 2.000⟩', '101, 1 not finite, ⟨0.50')
    """
    if len(values) <= FEW:
        return written(values)
    finite = [value for value in values if math.isfinite(value)]
    lost = f", {len(values) - len(finite)} not finite" if len(finite) < len(values) else ""
    if not finite:
        return f"{len(values)}{lost}"
    some = [finite[round(place * (len(finite) - 1) / (SAMPLES - 1))] for place in range(SAMPLES)]
    ends = pairwise(round(place * len(finite) / SAMPLES) for place in range(SAMPLES + 1))
    middle = _mean(finite)
    spread = math.sqrt(_mean([(value - middle) ** 2 for value in finite]))
    means = [_mean(finite[first:last]) for first, last in ends if first < last]
    return f"{len(values)}{lost}, {written(some, means, [min(finite), max(finite), middle, spread])}"


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def runs(words: Iterable[str]) -> str:
    """Return words, those that follow one another and are equal as one.

    Examples
    --------
    >>> runs(["red", "red", "blue"])
    'red ×2, blue'
    """
    counts = [(word, len(list(group))) for word, group in groupby(words)]
    return ", ".join(f"{word} ×{count}" if count > 1 else word for word, count in counts)


def digest(words: Iterable[str]) -> str:
    """Return a few letters that change when one of many words does."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12].translate(LETTERS)
