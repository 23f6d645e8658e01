"""The shapes of the operands, drawn to scale: no value of a tensor is read."""

from __future__ import annotations

import math
from html import escape

from ptguide._explaining._answer import Answer
from ptguide._explaining._calls import Operand
from ptguide._explaining._words import kind
from ptguide.pictures import Panel, Picture

MOST_DRAWN = 4
LONGEST, SHORTEST = 130.0, 22.0  # pixels
DEEP = 7.0  # pixels between two slices
CHARACTER = 8.4  # pixels, of the widest font


def shapes(answer: Answer) -> Picture | None:
    """Draw the tensors of a call beside each other; nothing where no tensor is known.

    The last two axes are the height and the width of a sheet, and what is before them is a number of sheets.
    """
    tensors = answer.tensors()[:MOST_DRAWN]
    if not tensors:
        return None
    largest = max((size for one in tensors for size in one.shape[-2:]), default=1)
    return Picture(tuple(_panel(one, number, largest) for number, one in enumerate(tensors)))


def _panel(operand: Operand, number: int, largest: int) -> Panel:
    shape = operand.shape
    height, width = (_length(size, largest) for size in (1, 1, *shape)[-2:])
    sheets = min(math.prod(shape[:-2]), 3) if len(shape) > 2 else 1
    left, top = 56.0, 34.0 + DEEP * (sheets - 1)
    parts = [f'<text class="ptg-name" x="8" y="18">{escape(operand.name)}</text>']
    for sheet in reversed(range(sheets)):
        x, y = left + DEEP * sheet, top - DEEP * sheet
        parts.append(
            f'<rect class="ptg-cell ptg-{number}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3"/>'
        )
    below = top + height + 18
    if shape:
        parts.append(_text(left + width / 2, below, shape[-1]))
    if len(shape) > 1:
        parts.append(_text(left - 20, top + height / 2 + 4, shape[-2]))
    note = f"{shape} {kind(operand.value.dtype)}"
    parts.append(f'<text class="ptg-index ptg-note" x="8" y="{below + 20:g}">{escape(note)}</text>')
    words = max(len(operand.name), len(note))
    wide = max(left + width + DEEP * sheets + 16, 16 + CHARACTER * words)
    return Panel("".join(parts), wide, below + 30, f"{operand.name} of shape {shape}")


def _length(size: int, largest: int) -> float:
    """Return a length in pixels that grows with a size, but less than it does."""
    return SHORTEST + (LONGEST - SHORTEST) * math.log1p(size) / math.log1p(max(largest, 1)) if size else 4.0


def _text(x: float, y: float, size: int) -> str:
    return f'<text class="ptg-index" x="{x:g}" y="{y:g}">{size}</text>'
