"""When are two outputs the same? Letter by letter, but for decimals, which two machines compute with other roundings.

This is the whole tolerance:

- A decimal with digits after its point, or with a power of ten, may differ by a thousandth of itself (`RELATIVE`), or
  by one unit of the last digit that it shows, if that unit is at most a hundredth of it (`COARSEST`): 0.123 may become
  0.124, and 0.001 never 0.002. Zero is equal to zero alone, and -0.0 is not 0.0.
- Numbers of a figure stand between ``⟨⟩``. They may differ by a thousandth of the largest between the same two signs,
  for where a curve crosses zero noise is all that is left. How many they are counts, and which are not finite.
- Of space it counts that there is some between words, and where a line ends; not how wide it is, nor whether there is
  some beside a decimal, for columns move by a digit. Empty lines do not count.

All else is equal letter by letter: integers, decimals such as ``1.`` that show no digit to be rounded, versions,
shapes, the order of elements, signs, dates, addresses and durations. A cell that gives what no two runs have in common
begins with ``# Measured``, and is not compared; one that gives something else on another processor has a comment ``#
Varies with the processor``: see `pipeline.outputs.varying`.
"""

from __future__ import annotations

import math
import re
from itertools import starmap

RELATIVE = 1e-3
COARSEST = 1e-2
PACKAGES = r"(?:python|(?:py)?torch|torchvision|numpy|matplotlib|ptguide|cuda|rocm|cudnn|version)"
VERSION = re.compile(rf"\b{PACKAGES}[ =<~>!:]*\d{{1,2}}(?:\.\d{{1,2}})+\b", re.IGNORECASE)
# Neither a part of a word or a color nor of a version such as 2.14.1; `1.` has no digit that could be rounded.
DECIMAL = re.compile(r"(?<![\w.#])[-+]?(?:\d*\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+)(?!\.?\d)", re.IGNORECASE)
DRAWN = re.compile(r"⟨([^⟨⟩]*)⟩")


def same(expected: str, got: str) -> bool:
    """Return whether two outputs are equal within the tolerance that this module states.

    Examples
    --------
    >>> same("loss 0.1234", "loss 0.1235"), same("after 3.1 s", "after 2.9 s")
    (True, False)
    >>> same("y ⟨2.000 0.001⟩", "y ⟨2.001 0.000⟩"), same("y ⟨2.000 0.001⟩", "y ⟨2.000 0.101⟩")
    (True, False)
    """
    drawn, other_drawn = DRAWN.findall(expected), DRAWN.findall(got)
    words, other_words = DRAWN.sub("⟨⟩", expected), DRAWN.sub("⟨⟩", got)
    if len(drawn) != len(other_drawn) or not _same_text(words, other_words):
        return False
    return all(starmap(_same_drawn, zip(drawn, other_drawn, strict=True)))


def _same_text(expected: str, got: str) -> bool:
    (words, numbers), (other_words, other_numbers) = _split(expected), _split(got)
    return words == other_words and all(starmap(_close, zip(numbers, other_numbers, strict=True)))


def _split(text: str) -> tuple[list[str], list[str]]:
    """Return what stands between the decimals, without the space around them, and the decimals."""
    text = VERSION.sub(lambda found: found[0].replace(".", "\0"), text)
    text = "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
    return [part.strip(" ") for part in DECIMAL.split(text)], DECIMAL.findall(text)


def _close(expected: str, got: str) -> bool:
    one, two = float(expected), float(got)
    if not one or not two:
        return one == two and math.copysign(1.0, one) == math.copysign(1.0, two)
    digits, _, power = expected.lower().partition("e")
    shown = len(digits.partition(".")[2])
    unit = 10.0 ** (int(power or 0) - shown) if shown else 0.0
    return math.isclose(one, two, rel_tol=RELATIVE, abs_tol=1.01 * unit if unit <= COARSEST * abs(one) else 0.0)


def _same_drawn(expected: str, got: str) -> bool:
    one, two = expected.split(), got.split()
    if [_kind(word) for word in one] != [_kind(word) for word in two]:
        return False
    pairs = [(float(a), float(b)) for a, b in zip(one, two, strict=True) if _kind(a) == "number"]
    most = max((abs(number) for number, _ in pairs), default=0.0)
    return all(abs(a - b) <= 1.01 * RELATIVE * most for a, b in pairs)


def _kind(word: str) -> str:
    """Return ``number`` for a finite number, else the word."""
    try:
        return "number" if math.isfinite(float(word)) else word
    except ValueError:
        return word
