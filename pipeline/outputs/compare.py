"""When are two outputs the same? Letter by letter, but for what no two machines or runs have in common."""

from __future__ import annotations

import math
import re

RELATIVE = 1e-3
MASKS = (
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<address>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:e[+-]?\d+)? ?(?:ns|us|µs|ms|s|sec|seconds|min|minutes)\b"), "<time>"),
)
PACKAGES = r"(?:python|(?:py)?torch|torchvision|numpy|matplotlib|ptguide|cuda|rocm|cudnn|version)"
VERSION = re.compile(rf"\b{PACKAGES}[ =<>~!:]*\d{{1,2}}(?:\.\d{{1,2}})+\b", re.IGNORECASE)
# Neither a part of a word nor of a version such as 2.14.1; `1.` has no digit that could be rounded.
DECIMAL = re.compile(r"(?<![\w.])[-+]?(?:\d*\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+)(?!\.?\d)", re.IGNORECASE)


def same(expected: str, got: str) -> bool:
    """Return whether two outputs are equal within the tolerance.

    Decimals with digits after the point may differ by a thousandth of the expected one, or by one in its last digit;
    ``1e-07`` has no such digit, and may differ by a thousandth. Addresses, dates and durations are not compared, and
    space is only told from no space. All else is equal letter by letter, also versions and decimals such as ``1.``.

    Examples
    --------
    >>> same("loss 0.1234 after 3.1 s", "loss 0.1235 after 2.9 s")
    True
    >>> same("tensor([0., 1.])", "tensor([1., 0.])"), same("torch 2.11", "torch 2.12")
    (False, False)
    """
    (words, numbers), (other_words, other_numbers) = _split(expected), _split(got)
    return words == other_words and all(map(_close, numbers, other_numbers))


def _split(text: str) -> tuple[list[list[str]], list[str]]:
    """Return the words between the decimals, for aligned columns move by a digit, and the decimals."""
    for pattern, name in MASKS:
        text = pattern.sub(name, text)
    text = VERSION.sub(lambda found: found[0].replace(".", "\0"), text)
    return [part.split() for part in DECIMAL.split(text)], DECIMAL.findall(text)


def _close(expected: str, got: str) -> bool:
    digits, _, power = expected.lower().partition("e")
    shown = len(digits.partition(".")[2])
    last_digit = 10.0 ** (int(power or 0) - shown) if shown else 0.0
    return math.isclose(float(expected), float(got), rel_tol=RELATIVE, abs_tol=1.01 * last_digit)
