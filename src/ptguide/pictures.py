"""Draw tensors as SVG: every element in its place, with its indices.

Axes: D depth (slices), R row, C column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["Picture", "draw"]

CELL_HEIGHT, CHARACTER, PADDING, MARGIN = 30, 8.6, 14, 8  # pixels
SHOWN = 10  # elements of an axis that are drawn before it is shortened

# A site's style sheet may set the variables, for example for a dark theme; alone, a picture is light.
STYLE = """<style>
.ptg-paper{fill:var(--ptg-paper,#ffffff)}
.ptg-cell{stroke-width:1.2}
.ptg-0{fill:var(--ptg-fill-0,#dbeafe);stroke:var(--ptg-line-0,#2563eb)}
.ptg-1{fill:var(--ptg-fill-1,#ffedd5);stroke:var(--ptg-line-1,#c2410c)}
.ptg-2{fill:var(--ptg-fill-2,#dcfce7);stroke:var(--ptg-line-2,#15803d)}
.ptg-3{fill:var(--ptg-fill-3,#f3e8ff);stroke:var(--ptg-line-3,#7e22ce)}
.ptg-value,.ptg-name{fill:var(--ptg-text,#111827)}
.ptg-index{fill:var(--ptg-index,#4b5563)}
.ptg-value{font:14px ui-monospace,Menlo,Consolas,monospace;text-anchor:middle}
.ptg-index{font:12px ui-monospace,Menlo,Consolas,monospace;text-anchor:middle}
.ptg-name{font:600 14px system-ui,sans-serif}
</style>"""


@dataclass(frozen=True)
class Picture:
    """Tensors drawn side by side; a notebook and a page of the guide show it as the value of a cell.

    Parameters
    ----------
    panels : tuple of tuple
        For each tensor: its SVG elements, its width and height in pixels, and its description.
    """

    panels: tuple[tuple[str, float, float, str], ...]

    @property
    def description(self) -> str:
        """What the picture shows, in words (its alternative text)."""
        return "; ".join(panel[3] for panel in self.panels)

    @property
    def svg(self) -> str:
        """The whole picture as one SVG document, on a light background."""
        left, parts = 0.0, []
        for body, width, _, _ in self.panels:
            parts.append(f'<g transform="translate({left:g} 0)">{body}</g>')
            left += width
        return _document("".join(parts), left, max(panel[2] for panel in self.panels), self.description)

    def save(self, path: str | Path) -> None:
        """Write the picture to an SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def _repr_html_(self) -> str:
        panels = "".join(_document(*panel) for panel in self.panels)
        flow = "display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start;margin:0"
        return f'<figure class="ptg-picture" style="{flow}">{panels}</figure>'


def draw(
    tensors: Tensor | Sequence[Tensor],
    names: str | Sequence[str] = (),
    colors: Tensor | Sequence[Tensor] | None = None,
) -> Picture:
    """Draw one tensor, or several side by side, with the value and the indices of every element.

    Rows run down and columns to the right, as in print. A tensor of three axes is drawn as slices along
    axis 0, each with its index. An axis of more than 10 elements is shortened in its middle.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor, each of 0 to 3 axes
    names : str or sequence of str
        What to write above each tensor; its shape is written in any case.
    colors : Tensor or sequence of Tensor, each of the shape of the tensor that it colors
        The color of each element, an integer from 0 to 3. Left out, each tensor has a color of its own.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If a tensor has more than 3 axes or no elements, if there are names or colors but not one for each
        tensor, or if the colors of a tensor have another shape or are not 0 to 3.

    Examples
    --------
    >>> import torch
    >>> draw(torch.arange(6).reshape(2, 3), "x").description
    'x of shape (2, 3): [[0, 1, 2], [3, 4, 5]]'
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    names = [names] if isinstance(names, str) else list(names)
    if colors is None:
        colors = [torch.full(tensor.shape, place % 4) for place, tensor in enumerate(tensors)]
    colors = [colors] if isinstance(colors, Tensor) else list(colors)
    names = names or [""] * len(tensors)
    for argument, given in (("names", names), ("colors", colors)):
        if len(given) != len(tensors):
            raise ValueError(f"{argument} has {len(given)} entries; expected {len(tensors)}, one for each tensor.")
    for place, (tensor, hues) in enumerate(zip(tensors, colors, strict=True)):
        _require_drawable(tensor, hues, place)
    panels = zip(tensors, names, colors, strict=True)
    return Picture(tuple(_panel(tensor.detach().cpu(), name, hues) for tensor, name, hues in panels))


def _require_drawable(tensor: Tensor, colors: Tensor, place: int) -> None:
    shape = tuple(tensor.shape)
    if tensor.dim() > 3 or tensor.numel() == 0:
        raise ValueError(f"tensors[{place}] has shape {shape}; expected 0 to 3 axes, none of size 0.")
    if tuple(colors.shape) != shape:
        raise ValueError(f"colors[{place}] has shape {tuple(colors.shape)}; expected {shape} as tensors[{place}].")
    lowest, highest = colors.min().item(), colors.max().item()
    if lowest < 0 or highest > 3:
        raise ValueError(f"colors[{place}] goes from {lowest} to {highest}; expected integers from 0 to 3.")


def _panel(tensor: Tensor, name: str, colors: Tensor) -> tuple[str, float, float, str]:
    shape = tuple(tensor.shape)
    slices = tensor.reshape((1,) * (3 - tensor.dim()) + shape)  # (D, R, C)
    hues = colors.reshape(slices.shape).tolist()
    cells = [[[_text(value) for value in row] for row in part] for part in slices.tolist()]
    widest = max(len(text) for part in cells for row in part for text in row)
    width = max(CELL_HEIGHT, widest * CHARACTER + PADDING)
    gutter = 24 if tensor.dim() >= 2 else 0  # room for the row indices

    title = f"{name} {shape}" if name else str(shape)
    parts = [f'<text class="ptg-name" x="{MARGIN}" y="20">{escape(title)}</text>']
    top, right = 32.0, MARGIN + len(title) * CHARACTER
    for depth in _shown(len(cells)):
        if tensor.dim() == 3:
            label = "⋮" if depth is None else f"[{depth}]"
            parts.append(f'<text class="ptg-index" x="{MARGIN + 10}" y="{top + 10:g}">{label}</text>')
            top += 4
        if depth is None:
            top += 14
            continue
        body, slice_right, top = _grid(cells[depth], hues[depth], MARGIN + gutter, top, width, tensor.dim())
        parts.append(body)
        right = max(right, slice_right)
        top += 8
    # Nothing is left out of the words that the picture spells for a screen reader, up to a readable length.
    values = _spelled(tensor.tolist())
    spoken = values if len(values) <= 400 else f"{values[:400]} and so on"
    called = f"{name} of shape" if name else "shape"
    return "".join(parts), right + MARGIN, top + MARGIN, f"{called} {shape}: {spoken}"


def _grid(
    rows: list[list[str]], hues: list[list[int]], left: float, top: float, width: float, rank: int
) -> tuple[str, float, float]:
    """Return the SVG of one slice, its right edge and its bottom."""
    parts: list[str] = []
    columns = _shown(len(rows[0]))
    if rank >= 1:
        for place, column in enumerate(columns):
            x = left + (place + 0.5) * width
            parts.append(f'<text class="ptg-index" x="{x:g}" y="{top + 10:g}">{_index(column)}</text>')
        top += 16
    for row in _shown(len(rows)):
        middle = top + CELL_HEIGHT / 2 + 5
        if rank >= 2:
            parts.append(f'<text class="ptg-index" x="{left - 12:g}" y="{middle:g}">{_index(row)}</text>')
        for place, column in enumerate(columns):
            x = left + place * width
            text = "…" if row is None or column is None else rows[row][column]
            hue = hues[row or 0][column or 0]
            parts.append(
                f'<rect class="ptg-cell ptg-{hue}" x="{x:g}" y="{top:g}" width="{width:g}" height="{CELL_HEIGHT}"/>'
                f'<text class="ptg-value" x="{x + width / 2:g}" y="{middle:g}">{escape(text)}</text>'
            )
        top += CELL_HEIGHT
    return "".join(parts), left + len(columns) * width, top


def _shown(size: int) -> list[int | None]:
    """Return the indices to draw; None stands for those left out."""
    if size <= SHOWN:
        return list(range(size))
    return [*range(SHOWN - 4), None, size - 2, size - 1]


def _index(index: int | None) -> str:
    return "…" if index is None else str(index)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value + 0.0:.4g}"  # adding 0.0 turns -0.0 into 0.0
    return str(value)


def _spelled(values: object) -> str:
    """Return nested lists as they print, with each number as it is drawn."""
    return f"[{', '.join(map(_spelled, values))}]" if isinstance(values, list) else _text(values)


def _document(body: str, width: float, height: float, description: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(description)}" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" style="max-width:100%;height:auto">'
        f'{STYLE}<rect class="ptg-paper" width="100%" height="100%" rx="6"/>{body}</svg>'
    )
