"""Boxes in layers, with arrows that turn between the layers only: who stands where."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from ptguide.pictures._panels import CHARACTER

CHARACTERS = {"name": 9.6, "value": CHARACTER, "index": 7.4}  # pixels, by class
SEPARATION, TRUNK = 14, 10  # pixels: space between boxes, width of a trunk
ORDERINGS, PLACINGS = 24, 400  # times to go through the layers, down and up in turn


@dataclass(frozen=True)
class Line:
    """A line of text in a box; what flows back stands on a ground of its own."""

    text: str
    style: Literal["name", "value", "index"]
    back: bool = False

    @property
    def width(self) -> float:
        return len(self.text) * CHARACTERS[self.style]

    @property
    def height(self) -> float:
        return 16 if self.style == "index" else 19


@dataclass(eq=False)
class Item:
    """A box, or (without lines) the place where the trunk of an arrow runs through a layer."""

    layer: int  # 0 is the result's
    lines: Sequence[Line] = ()
    center: float = 0.0
    above: list[Item] = field(default_factory=list)
    below: list[Item] = field(default_factory=list)

    @property
    def width(self) -> float:
        return 2 * math.ceil(max(line.width for line in self.lines) / 2) + 24 if self.lines else TRUNK

    @property
    def height(self) -> float:
        return sum(line.height for line in self.lines) + 8 + 8 * len(_grounds(self.lines)) if self.lines else 0.0

    def crossings(self, places: Mapping[Item, int], other: Item) -> int:
        """Return how many lines to the layer above cross, if `other` stands further right."""
        return sum(places[mine] > places[its] for mine in self.above for its in other.above)


def _grounds(lines: Sequence[Line]) -> list[range]:
    """Return the runs of lines that tell what flows back."""
    back = [False, *(line.back for line in lines), False]
    starts = [n for n in range(len(lines)) if back[n + 1] and not back[n]]
    ends = [n for n in range(len(lines)) if back[n + 1] and not back[n + 2]]
    return [range(start, end + 1) for start, end in zip(starts, ends, strict=True)]


def join(upper: Item, lower: Item) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def side_by_side(box: Item, count: int) -> list[float]:
    """Return where arrows meet a box."""
    step = min(24.0, box.width / (count + 1))
    return [box.center + (n - (count - 1) / 2) * step for n in range(count)]


def order(rows: list[list[Item]]) -> None:
    """Order each layer by the mean place of its neighbors, as long as fewer lines cross."""
    best, fewest = [list(row) for row in rows], crossings(rows)
    for turn in range(ORDERINGS):
        down = turn % 2 == 0
        for row in rows if down else reversed(rows):
            places = {item: place for row in rows for place, item in enumerate(row)}
            means = {}
            for item in row:
                near = item.above if down else item.below
                means[item] = sum(places[other] for other in near) / len(near) if near else float(places[item])
            row.sort(key=means.__getitem__)
        if (count := crossings(rows)) < fewest:
            best, fewest = [list(row) for row in rows], count
    rows[:] = best


def crossings(rows: list[list[Item]]) -> int:
    places = {item: place for row in rows for place, item in enumerate(row)}
    return sum(item.crossings(places, other) for row in rows for n, item in enumerate(row) for other in row[n + 1 :])


def place(rows: list[list[Item]]) -> None:
    """Give each item a center: near those of its neighbors, without overlap, trunks straight; the left end is 0."""
    for row in rows:
        _spread(row, [(0.0, 1.0)] * len(row))
    for turn in range(PLACINGS):
        for row in rows if turn % 2 == 0 else reversed(rows):
            _spread(row, [_pull(item) for item in row])
    left = min(item.center - item.width / 2 for row in rows for item in row)
    for row in rows:
        for item in row:
            item.center = round(item.center - left, 1)


def _pull(item: Item) -> tuple[float, float]:
    """Return where an item's neighbors draw it, and how strongly: most, where a trunk would bend."""
    pulls = [(other.center, 1 if item.lines or other.lines else 8) for other in item.above + item.below]
    strength = sum(pull for _, pull in pulls)
    return sum(center * pull for center, pull in pulls) / strength, strength


def _spread(row: list[Item], wanted: list[tuple[float, float]]) -> None:
    """Set the centers nearest to those wanted, in squares, that keep order and space (pooling adjacent violators)."""
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + SEPARATION)
    pools: list[tuple[float, float, int]] = []  # mean, weight and count of neighbors that touch
    for (place, weight), offset in zip(wanted, offsets, strict=True):
        mean, count = place - offset, 1
        while pools and pools[-1][0] > mean:
            other, more, number = pools.pop()
            mean = (mean * weight + other * more) / (weight + more)
            weight, count = weight + more, count + number
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    for item, mean, offset in zip(row, means, offsets, strict=True):
        item.center = mean + offset


def drawn_box(item: Item, top: float, color: int, radius: int) -> str:
    """Return the SVG of a box: its lines one below the other, what flows back on its own ground."""
    left, width = item.center - item.width / 2, item.width
    parts = [
        f'<rect class="ptg-cell ptg-{color}" x="{left:g}" y="{top:g}" width="{width:g}" height="{item.height:g}" '
        f'rx="{radius}"/>'
    ]
    grounds = {run.start: run for run in _grounds(item.lines)}
    ends = {run[-1] for run in grounds.values()}
    y = top + 4
    for n, line in enumerate(item.lines):
        if n in grounds:
            height = sum(item.lines[m].height for m in grounds[n]) + 4
            place = f'x="{left + 5:g}" y="{y + 2:g}" width="{width - 10:g}" height="{height:g}"'
            parts.append(f'<rect class="ptg-cell ptg-1" {place} rx="{max(1, radius - 4)}"/>')
            y += 4
        y += line.height
        text = f'x="{item.center:g}" y="{y - 5:g}">{escape(line.text)}</text>'
        parts.append(f'<text class="ptg-{line.style}" style="text-anchor:middle" {text}')
        y += 4 if n in ends else 0
    return "".join(parts)
