"""What every rule returns, and how arguments are read and shapes are written."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from torch import Tensor

Shape: TypeAlias = tuple[int, ...]
Rule: TypeAlias = Callable[[list[str]], Shape]


@dataclass(frozen=True, repr=False)
class Explanation:
    """What torch does with these shapes, and why; printed, it is its text.

    Attributes
    ----------
    works : bool
        Whether torch gives a result; where it is false, torch raises an error.
    shape : tuple of int or None
        The shape of the result; None where torch raises an error.
    copies : bool or None
        Whether the result has memory of its own, where the rule decides it (view, index); else None.
    text : str
        The explanation, in lines.

    Examples
    --------
    >>> from ptguide.rules import explain_matmul
    >>> explanation = explain_matmul((2, 3), (3, 4))
    >>> explanation.works, explanation.shape, explanation.copies
    (True, (2, 4), None)
    """

    # The documentation links to the public place.
    __module__ = "ptguide.rules"

    works: bool
    shape: Shape | None
    copies: bool | None
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<pre class="ptg-text">{escape(self.text)}</pre>'


class RefusalError(Exception):
    """Torch raises an error here; the message says why.

    Parameters
    ----------
    why : str
    remedies : mapping of str to rule
        Changes of the call, each with the rule of the changed call; the first that works is named.
    """

    def __init__(self, why: str, remedies: Mapping[str, Rule] | None = None) -> None:
        super().__init__(why)
        self.remedies = remedies or {}

    def __str__(self) -> str:
        for change, rule in self.remedies.items():
            # A change that the rule refuses too is no remedy.
            with contextlib.suppress(RefusalError, ValueError):
                return f"{self.args[0]}\nTry {change}, which gives {rule([])}."
        return str(self.args[0])


def explain(rule: Rule, copies: bool | None = None) -> Explanation:
    """Run a rule that writes lines and returns the result's shape or raises a refusal."""
    lines: list[str] = []
    try:
        shape = rule(lines)
    except RefusalError as refusal:
        return Explanation(False, None, None, "\n".join([*lines, str(refusal)]))
    return Explanation(True, shape, copies, "\n".join(lines))


def read_shape(name: str, given: object) -> Shape:
    """Return the shape that an argument is or has."""
    if isinstance(given, Tensor):
        return tuple(given.shape)
    shape = read_integers(name, given, "a shape such as (2, 3), or a tensor")
    if any(size < 0 for size in shape):
        raise ValueError(f"{name} is {shape}, which has a negative size; expected sizes of at least 0.")
    return shape


def read_integers(name: str, given: object, expected: str) -> Shape:
    """Return a sequence of integers as a tuple."""
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise TypeError(f"{name} is {given!r}; expected {expected}.")
    return tuple(read_integer(f"{name}[{place}]", entry) for place, entry in enumerate(given))


def read_integer(name: str, given: object) -> int:
    """Return one integer; True and False are none here."""
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        raise TypeError(f"{name} is {given!r}; expected an integer.")
    return operator.index(given)


def read_setting(name: str, given: object, axes: int, least: int) -> Shape:
    """Return a setting of a window (its stride, say) with one entry an axis, as torch expands it."""
    if isinstance(given, Sequence):
        entries = read_integers(name, given, "an integer or integers")
    else:
        entries = (read_integer(name, given),)
    if not entries or min(entries) < least:
        raise ValueError(f"{name} is {given!r}; expected integers of at least {least}, one or one for each axis.")
    if len(entries) == 1:
        return entries * axes
    if len(entries) != axes:
        raise RefusalError(f"{name} has {len(entries)} entries; expected {'one' if axes == 1 else f'one or {axes}'}.")
    return entries


def table(rows: Mapping[str, Iterable[object]]) -> list[str]:
    """Write shapes below each other, their last axes lined up."""
    cells = {name: [str(size) for size in sizes] for name, sizes in rows.items()}
    axes = max(len(row) for row in cells.values())
    padded = {name: [""] * (axes - len(row)) + row for name, row in cells.items()}
    widths = [max(len(row[axis]) for row in padded.values()) for axis in range(axes)]
    first = max(map(len, cells)) + 3
    lines = []
    for name, row in padded.items():
        sizes = "  ".join(size.rjust(width) for size, width in zip(row, widths, strict=True))
        lines.append(name.ljust(first) + (sizes if cells[name] else "(no axes)"))
    return lines


def listed(words: Iterable[object]) -> str:
    """Join words as a sentence does: a, b and c."""
    *others, last = [str(word) for word in words]
    return f"{', '.join(others)} and {last}" if others else last


def written(entries: Shape) -> str:
    """Write a setting as a caller would: one number where all are equal."""
    return str(entries[0]) if len(set(entries)) == 1 else str(entries)


def counted(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
