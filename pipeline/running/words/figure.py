"""A figure of Matplotlib in words: for each of its axes titles, labels and limits, and the data of what is drawn there.

It is told from what the artists hold, before the figure is drawn: fonts and sizes of letters count nowhere. Along an
axis with a logarithmic scale, data are told by their logarithms to base 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from pipeline.running.words.numbers import runs, summary, written

CHOSEN = {"FixedFormatter", "FuncFormatter", "StrCategoryFormatter", "StrMethodFormatter"}  # of what stands at ticks
USUAL = {"None", "-"}  # styles of a line that are not told


def words(figure: Any) -> list[str]:
    """Return what a figure shows, in lines."""
    title = figure.get_suptitle()
    lines = [f"figure {title!r}"] if title else []
    lines += [_legend(legend) for legend in figure.legends]
    lines += [_text(text) for text in figure.texts if text.get_text() not in ("", title)]
    for axes in figure.axes:
        lines += [_axes(axes), *(f"  {line}" for line in _artists(axes))]
    return lines


def _axes(axes: Any) -> str:
    titles = " | ".join(title for place in ("left", "center", "right") if (title := axes.get_title(place)))
    sides = (_side(name, axis, axes) for name, axis in axes._axis_map.items())
    return f"axes {titles!r}{'' if axes.axison else ' without a frame'}: {'; '.join(sides)}"


def _side(name: str, axis: Any, axes: Any) -> str:
    ends, scale = getattr(axes, f"get_{name}lim")(), "" if axis.get_scale() == "linear" else f" {axis.get_scale()}"
    ends = _logarithms(ends) if scale == " log" else ends
    limits = f"{name} {axis.get_label_text()!r} {written(ends)}"
    if type(axis.get_major_formatter()).__name__ not in CHOSEN:
        return limits + scale
    labels = filter(None, (" ".join(label.get_text().split()) for label in axis.get_ticklabels()))
    return f"{limits}{scale}, ticks {', '.join(labels) or 'without labels'}"


def _artists(axes: Any) -> Iterator[str]:
    """Yield a line for each artist that is data or text; boxes of one class that follow one another are told as one."""
    frame = {axes.patch, axes.title, axes._left_title, axes._right_title}
    frame |= {*axes.spines.values(), *axes._axis_map.values()}
    shown = [artist for artist in axes.get_children() if artist not in frame and artist.get_visible()]
    for (kind, name), group in groupby(shown, key=lambda artist: (_kind(artist), type(artist).__name__)):
        if kind == "Rectangle":
            yield _boxes(list(group))
        else:
            lines = (_DESCRIBED[kind](artist) if kind else f"{name} {_called(artist)}" for artist in group)
            yield from filter(None, lines)


def _kind(artist: Any) -> str:
    """Return the class that an artist is told by, which is the nearest of those that have a function for it."""
    return next((cls.__name__ for cls in type(artist).__mro__ if cls.__name__ in _DESCRIBED), "")


def _called(artist: Any) -> str:
    """Return the label of an artist, if somebody has given it one."""
    label = str(artist.get_label())
    return f" {label!r}" if label and not label.startswith("_") else ""


def _line(line: Any) -> str:
    x, y = _numbers(line.get_xdata(orig=False)), _numbers(line.get_ydata(orig=False))
    style = [_color(line.get_color()), str(line.get_linestyle()), str(line.get_marker())]
    style = [part for part in style if part not in USUAL]
    return f"line{_called(line)} ({' '.join(style)}): {_told(line.axes, x=x, y=y)}" if x else ""


def _told(axes: Any, **sides: list[float]) -> str:
    """Return what lies along each axis of a drawing, by the letter of the axis."""
    parts = []
    for name, values in sides.items():
        if getattr(axes, f"get_{name[0]}scale", lambda: "linear")() == "log":
            parts.append(f"log {name} {summary(_logarithms(values))}")
        else:
            parts.append(f"{name} {summary(values)}")
    return "; ".join(parts)


def _logarithms(values: Iterable[float]) -> list[float]:
    return [math.log10(value) if value > 0 else math.nan for value in values]


def _boxes(boxes: list[Any]) -> str:
    found = [box.get_bbox() for box in boxes]
    colors = runs(_color(box.get_facecolor()) for box in boxes)
    sides = {"x from": "x0", "x to": "x1", "y from": "y0", "y to": "y1"}
    told = {name: [float(getattr(box, side)) for box in found] for name, side in sides.items()}
    return f"{len(boxes)} boxes ({colors}): {_told(boxes[0].axes, **told)}"


def _shape(patch: Any) -> str:
    corners = patch.get_path().transformed(patch.get_patch_transform()).vertices
    x, y = _numbers(corners[:, 0]), _numbers(corners[:, 1])
    name = f"{type(patch).__name__}{_called(patch)} ({_color(patch.get_facecolor())})"
    return f"{name}: {_told(patch.axes, x=x, y=y)}"


def _image(image: Any) -> str:
    values = image.get_array()
    limits = f" {image.get_cmap().name} {written(image.get_clim())}" if values.ndim == 2 else ""
    place = "" if not hasattr(image, "get_extent") else f" at {written(image.get_extent())}"
    return f"image {' x '.join(map(str, values.shape))}{limits}{place}: {summary(_numbers(values))}"


def _collection(collection: Any) -> str:
    """Return where a collection has its points, or the corners of its lines and areas, and their colors."""
    values = collection.get_array()
    if type(collection).__name__ == "PathCollection":
        points = [_numbers(point) for point in collection.get_offsets()]
    else:
        points = [_numbers(point) for path in collection.get_paths() for point in path.vertices]
    if not points:
        return ""
    faces, edges = collection.get_facecolor(), collection.get_edgecolor()
    colors = runs(map(_color, faces if len(faces) else edges)) if values is None else collection.get_cmap().name
    x, y = [point[0] for point in points], [point[1] for point in points]
    colored = "" if values is None else f"; values {summary(_numbers(values))}"
    return f"{type(collection).__name__}{_called(collection)} ({colors}): {_told(collection.axes, x=x, y=y)}{colored}"


def _text(text: Any) -> str:
    said = " ".join(text.get_text().split())
    x, y = text.get_position()
    place = written([float(text.convert_xunits(x)), float(text.convert_yunits(y))])
    if not hasattr(text, "xy"):
        return f"text {said!r} at {place}" if said else ""
    joined = "an arrow to" if text.arrow_patch else "of"
    return f"text {said!r} at {place}, {joined} {written(_numbers(text.xy))}"


def _legend(legend: Any) -> str:
    title = legend.get_title().get_text()
    return f"legend {title}: {', '.join(text.get_text() for text in legend.get_texts())}"


def _table(table: Any) -> str:
    return f"table: {' | '.join(cell.get_text().get_text() for _, cell in sorted(table.get_celld().items()))}"


_DESCRIBED: dict[str, Callable[[Any], str]] = {
    "Line2D": _line,
    "Rectangle": lambda box: _boxes([box]),
    "Patch": _shape,
    "_ImageBase": _image,
    "Collection": _collection,
    "Text": _text,
    "Legend": _legend,
    "Table": _table,
}


def _numbers(values: Any) -> list[float]:
    """Return the numbers of an array of any shape, in its order; what is masked is no number."""
    import numpy as np  # whoever has drawn a figure has it

    flat = np.ma.asarray(values).astype(float).filled(math.nan).ravel()
    return [float(value) for value in flat]


def _color(color: Any) -> str:
    from matplotlib.colors import to_hex

    return to_hex(color)
