"""How a value is written in a text: numbers to the digits that say something, shapes, data types, messages.

`shown` writes a value, `agrees` says whether a text states it, `numbers` finds the numbers of a text. This module knows
no room: the process of a page evaluates with it, and what is typed is looked up with it.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DIGITS = 4  # significant ones of a decimal that is shown
LONGEST = 16  # elements of a tensor that is shown
SIGN = "\N{MINUS SIGN}"
# Whole or with a point; with commas between thousands; with a power of ten; as a percentage.
NUMBER = re.compile(
    rf"(?P<sign>(?<![\w)\]])[-+{SIGN}])?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?![\d])|\d+(?:_\d{3})+|\d+)?"
    r"(?P<point>\.\d*)?"
    r"(?P<power>[eE][-+]?\d+)?"
    r"(?P<percent>\s?%(?!\w))?"
)


@dataclass(frozen=True)
class Number:
    """A number as it is written.

    Attributes
    ----------
    text : str
    start : int
        Where it begins in its text.
    value : int or float
        Of a percentage, what stands before the sign.
    step : float
        What the last digit counts; 0 for a whole number.
    percent : bool
    """

    text: str
    start: int
    value: int | float
    step: float
    percent: bool

    def is_value(self, value: complex) -> bool:
        """Return whether a value, rounded to the digits of this number, is this number; a percentage is a fraction."""
        if isinstance(value, complex) or not math.isfinite(value):
            return False
        if self.percent:
            return abs(value * 100 - self.value) <= (self.step or 1) / 2 * (1 + 1e-9)
        if isinstance(value, int) and not self.step:
            return value == self.value
        if not self.value:
            return not value  # what is not zero is not rounded to it
        return abs(value - self.value) <= (self.step or 1) / 2 * (1 + 1e-9)


def numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a text.

    Examples
    --------
    >>> [number.value for number in numbers("1,024 of 2e3, 25 % and 0.50")]
    [1024, 2000.0, 25, 0.5]
    """
    for found in NUMBER.finditer(text):
        digits, point = found["digits"], found["point"] or ""
        if not digits and len(point) < 2:
            continue
        whole = (digits or "0").replace(",", "").replace("_", "")
        decimals, power = len(point) - 1 if len(point) > 1 else 0, int((found["power"] or "e0")[1:])
        sign = -1 if found["sign"] in ("-", SIGN) else 1
        value = sign * (float(f"{whole}{point}e{power}") if point or power else int(whole))
        # `1.` and 2e3 have no digit after the point; the last one of 1e-7 is its first.
        step = 10.0 ** (power - decimals) if decimals or power else 0.0
        yield Number(
            found[0].rstrip(".") if point == "." else found[0], found.start(), value, step, bool(found["percent"])
        )


def shown(value: Any) -> str:
    """Return how a text writes a value.

    Raises
    ------
    TypeError
        If it is of a kind that no text can write in a few words.

    Examples
    --------
    >>> shown((3, 4)), shown(1 / 3), shown(65504.0), shown(2.5e-7), shown(True)
    ('(3, 4)', '0.3333', '65504', '2.5e-07', 'True')
    """
    value = _plain(value)
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, tuple):
        inside = ", ".join(map(shown, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return value.__name__ if isinstance(value, type) else str(value)


def _decimal(value: float) -> str:
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if 1000 <= abs(value) < 1e6 or (value.is_integer() and abs(value) < 1e6):
        return f"{value:.0f}"
    return f"{value:.{DIGITS}g}"


def _plain(value: Any) -> Any:
    """Return a value of Python for one of torch or NumPy."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch and isinstance(value, torch.Tensor):
        if value.numel() > LONGEST:
            raise TypeError(f"it is a tensor of {value.numel()} elements, and a text shows {LONGEST} at most")
        return value.tolist()
    if torch and isinstance(value, torch.dtype | torch.device):
        return str(value)
    if numpy and isinstance(value, numpy.generic):
        return value.item()
    if numpy and isinstance(value, numpy.dtype):
        return str(value)
    if isinstance(value, tuple):  # torch.Size is one
        return tuple(value)
    if value is None or isinstance(value, bool | int | float | complex | str | list | type | BaseException):
        return value
    raise TypeError(
        f"it is of type {type(value).__name__}; a text shows numbers, shapes, lists, small tensors, data types, bools, "
        "strings and exceptions: name the part that you mean, or wrap it in str(...)"
    )


def agrees(text: str, value: Any) -> bool:
    """Return whether a text states a value: numbers to the digits that are typed, all else by its words.

    Examples
    --------
    >>> agrees("0.33", 1 / 3), agrees("0.34", 1 / 3), agrees("12 %", 0.12), agrees("1,234", 1234)
    (True, False, True, True)
    >>> agrees("float16", "torch.float16"), agrees("(3, 4)", [3, 4]), agrees("cannot be", ValueError("It cannot be."))
    (True, True, True)
    """
    value = _plain(value)
    if isinstance(value, bool) or value is None or isinstance(value, type):
        return text.strip() == shown(value)
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return text.strip().replace(SIGN, "-") == shown(value)
        typed = list(numbers(text))
        return len(typed) == 1 and typed[0].is_value(value)
    if isinstance(value, tuple | list):
        return _agree_in_order(text, value)
    return _has_words(text, str(value))


def _agree_in_order(text: str, value: Any) -> bool:
    """Return whether the elements of a sequence stand in a text, in the same brackets, of either kind."""
    parts = list(_leaves(value))
    typed = re.findall(r"[^\s,()\[\]]+", re.sub(r"(?<=\d),(?=\d{3}\b)", "", text))
    brackets = [re.sub(r"[^(\[\])]", "", words).translate(str.maketrans("[]", "()")) for words in (text, repr(value))]
    return len(typed) == len(parts) and brackets[0] == brackets[1] and all(map(agrees, typed, parts))


def _leaves(value: Any) -> Iterator[Any]:
    for part in value:
        if isinstance(part, tuple | list):
            yield from _leaves(part)
        else:
            yield part


def _has_words(text: str, value: str) -> bool:
    """Return whether the words of a text stand in a value in this order; an ellipsis stands for what is left out."""
    words, there = " ".join(text.split()).strip("\"'"), " ".join(value.split())
    parts = [re.escape(part.strip()) for part in re.split(r"\.\.\.|…", words) if part.strip()]
    return bool(parts) and bool(re.search(rf"(?<!\w){'.*'.join(parts)}(?!\w)", there))
