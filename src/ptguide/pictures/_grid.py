"""A grid of cells: one slice of a tensor, with the indices of its rows and columns.

Axes: R row, C column.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

CELL_HEIGHT = 30  # pixels
GUTTER = 24  # pixels for the indices of the rows
GHOST = 5  # the color of what does not exist in memory

Indices = Sequence[int | None]  # None stands for those left out


@dataclass(frozen=True)
class Cells:
    """The cells of a tensor; what there is of each element stands in row-major order.

    Parameters
    ----------
    texts : list of str
    hues : list of int
        The colors.
    marks : sequence of str
        What stands in the corner, or none for the whole tensor.
    attributes : callable or None
        Gives the SVG attributes of an element from its place.
    width : int
        Of each cell, in pixels; even.
    rank : int
        The axes of the tensor.
    """

    texts: list[str]
    hues: list[int]
    marks: Sequence[str]
    attributes: Callable[[int], str] | None
    width: int
    rank: int

    def grid(self, places: list[list[int]], rows: Indices, columns: Indices, label: str) -> tuple[str, int, int]:
        """Return the SVG of one slice, its width and its height.

        Parameters
        ----------
        places : list, shape (R, C)
            Of the elements of the slice.
        rows, columns : sequence of int or None
            What is drawn.
        label : str
            What stands above.
        """
        parts = [f'<text class="ptg-index ptg-note" x="0" y="12">{label}</text>'] if label else []
        top = 16 if label else 0
        left = GUTTER if self.rank >= 2 else 0
        xs = [left + at * self.width for at in range(len(columns))]
        if self.rank >= 1:
            parts.append(texts("ptg-index", map(_index, columns), [x + self.width // 2 for x in xs], [top + 10]))
            top += 16
        ys = [top + at * CELL_HEIGHT for at in range(len(rows))]
        if self.rank >= 2:
            parts.append(texts("ptg-index", map(_index, rows), [GUTTER // 2], [y + 20 for y in ys]))
        found = [
            (None if row is None or column is None else places[row][column], places[row or 0][column or 0], x, y)
            for (row, y), (column, x) in itertools.product(zip(rows, ys, strict=True), zip(columns, xs, strict=True))
        ]
        parts.append(self._cells(found))
        marked = [(self.marks[place], x + 3, y + 10) for place, _, x, y in found if self.marks and place is not None]
        if marked := [mark for mark in marked if mark[0]]:
            parts.append(texts("ptg-mark", *zip(*marked, strict=True)))
        return "".join(parts), left + len(columns) * self.width, top + len(rows) * CELL_HEIGHT

    def _cells(self, found: Sequence[tuple[int | None, int, int, int]]) -> str:
        """Draw cells at places; of those left out (None) the color is that of a neighbour."""
        usual = Counter(self.hues[near] for _, near, *_ in found).most_common(1)[0][0]
        cells = [self._cell(place, near, x, y, usual) for place, near, x, y in found]
        # Neighbours drawn later would cover a frame.
        cells.sort(key=lambda cell: ' class="ptg-o' in cell.partition(">")[0])
        return f'<g class="ptg-cells ptg-{usual}">{"".join(cells)}</g>'

    def _cell(self, place: int | None, near: int, x: int, y: int, usual: int) -> str:
        hue = self.hues[near]
        own = "" if hue == usual else f' class="ptg-{hue}"'
        inset = 1.5 if hue == GHOST else 0  # dashed lines that coincide look solid
        width, height = self.width - 2 * inset, CELL_HEIGHT - 2 * inset
        text = "…" if place is None else self.texts[place]
        cell = (
            f'<path{own} d="M{x + inset:g} {y + inset:g}h{width:g}v{height:g}h-{width:g}z"/>'
            f'<text x="{x + self.width // 2}" y="{y + CELL_HEIGHT // 2 + 5}">{escape(text)}</text>'
        )
        return f"<g {self.attributes(place)}>{cell}</g>" if self.attributes and place is not None else cell


def texts(name: str, words: Iterable[str], xs: Sequence[int], ys: Sequence[int]) -> str:
    """Draw texts of a class; single letters in one element, which takes a third of the bytes.

    Parameters
    ----------
    name : str
    words : iterable of str
    xs, ys : sequence of int
        A place for each word, or one place for all.
    """
    words = list(words)
    if all(len(word) == 1 for word in words):
        xs = list(xs) * (len(words) if len(xs) == 1 else 1)  # a list of one leaves the rest where a letter ends
        ys = ys[:1] if len(set(ys)) == 1 else ys
        places = f'x="{" ".join(map(str, xs))}" y="{" ".join(map(str, ys))}"'
        return f'<text class="{name}" {places}>{escape("".join(words))}</text>'
    each = zip(words, itertools.cycle(xs), itertools.cycle(ys), strict=False)
    return "".join(f'<text class="{name}" x="{x}" y="{y}">{escape(word)}</text>' for word, x, y in each)


def _index(index: int | None) -> str:
    return "…" if index is None else str(index)
