"""The pictures that a cell leaves: one of the guide's own as its value, and figures of Matplotlib with a title."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.running.words.figure import words


def picture_of(value: Any) -> Any:
    """Return the picture that a value is, or holds, as a report on an exercise does; None where it is none."""
    drawing = sys.modules.get("ptguide.pictures")
    value = getattr(value, "picture", None) or value
    return value if drawing and isinstance(value, drawing.Picture) else None


def open_figures() -> Iterator[tuple[Any, str]]:
    """Yield Matplotlib's open figures, each with its titles, which become its alternative text.

    Raises
    ------
    ValueError
        If a figure has neither a title of its own nor a titled axes.
    """
    plt = sys.modules.get("matplotlib.pyplot")
    for number in plt.get_fignums() if plt else ():
        figure = plt.figure(number)
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        if not any(titles):
            raise ValueError(f"figure {number} has no title; give it one that states its point: it is the alt text.")
        yield figure, ", ".join(title for title in titles if title)


def told(figures: Iterable[tuple[Any, str]]) -> tuple[list[str], list[str]]:
    """Return the titles of figures, and in lines what they hold."""
    titles, drawn = [], []
    for figure, title in figures:
        titles.append(title)
        drawn += words(figure)
    return titles, drawn


class Windows:
    """The figures of a script in words: each once, when it is shown or its cell ends. Who is shown one closes it."""

    def __init__(self) -> None:
        self._new: tuple[list[str], list[str]] = [], []
        self._seen: list[Any] = []
        if plt := sys.modules.get("matplotlib.pyplot"):
            plt.show = self._as_on_a_screen(plt.show)

    def _as_on_a_screen(self, show: Callable[..., None]) -> Callable[..., None]:
        """Return what `plt.show` does where there is a screen: it waits until the windows are closed."""

        @functools.wraps(show)
        def shown(*arguments: Any, **options: Any) -> None:
            show(*arguments, **options)
            self._look()
            sys.modules["matplotlib.pyplot"].close("all")

        return shown

    def _look(self) -> None:
        new = [(figure, title) for figure, title in open_figures() if figure not in self._seen]
        self._seen += [figure for figure, _ in new]
        for kept, found in zip(self._new, told(new), strict=True):
            kept += found

    def take(self) -> tuple[list[str], list[str]]:
        """Return the titles of the figures that are new since the last call, and in lines what they hold."""
        self._look()
        taken, self._new = self._new, ([], [])
        return taken
