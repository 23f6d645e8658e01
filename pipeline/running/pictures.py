"""The pictures that a cell leaves: one of the guide's own as its value, and figures of Matplotlib with a title."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any


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


class Windows:
    """The figures of a script in words: each once, when it is shown or its cell ends. Who is shown one closes it."""

    def __init__(self) -> None:
        self._words: list[str] = []
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
        for figure, titles in open_figures():
            if figure not in self._seen:
                self._seen.append(figure)
                self._words.append(titles)

    def take(self) -> list[str]:
        """Return the titles of the figures that are new since the last call."""
        self._look()
        words, self._words = self._words, []
        return words
