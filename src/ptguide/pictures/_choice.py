"""A picture of one operation with several values of an argument, one of which is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from torch import Tensor

from ptguide.pictures._call import written
from ptguide.pictures._picture import FILE, PAPER, SCRIPT, Picture, document, drawn, figure, flow, style

APART = 16  # pixels between two variants in a file


class Choice:
    """Values that `draw` tries one after the other for a keyword argument of an operation.

    Parameters
    ----------
    *values : object
        Two or more, such as numbers, strings or tuples. A list is one value.

    Raises
    ------
    ValueError
        If there are fewer than two values, or two that read alike.
    TypeError
        If a value is a tensor.

    Examples
    --------
    >>> Choice(0, 1, (0, 1)).labels
    ('0', '1', '(0, 1)')
    """

    # The documentation links to the public place.
    __module__ = "ptguide.pictures"

    def __init__(self, *values: Any) -> None:
        if len(values) < 2:
            entries = len(values) == 1 and isinstance(values[0], (list, tuple))
            hint = f" Choice(*{values[0]!r}) tries its entries." if entries else ""
            raise ValueError(f"Choice has {len(values)} value{'s' * (not values)}; expected two or more.{hint}")
        for place, value in enumerate(values):
            if isinstance(value, Tensor):
                raise TypeError(
                    f"value {place} of Choice is a tensor of shape {tuple(value.shape)}; expected numbers, strings, "
                    "tuples or the like, which can stand on a button. Draw a picture for each tensor."
                )
        self.values = values
        self.labels = tuple(written(value, iter(())) for value in values)
        twice = next((label for label in self.labels if self.labels.count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"Choice has {twice} twice; expected values that differ.")

    def __repr__(self) -> str:
        return f"Choice({', '.join(self.labels)})"


@dataclass(frozen=True, repr=False)
class Variants(Picture):
    """The pictures of one operation for several values of an argument.

    Parameters
    ----------
    name : str
        The argument.
    labels : tuple of str
        Its values.
    pictures : tuple of Picture
        One for each value; `panels`, `said` and `home` are those of the first.
    shared : int
        How many panels, from the first on, show the same in each picture.
    """

    name: str = ""
    labels: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    shared: int = 0

    @property
    def description(self) -> str:
        """What the picture shows, in words (its alternative text): what all variants share, and each variant."""
        first, *others = self.pictures
        rest = [Picture(one.panels[self.shared :], one.said).description for one in others]
        return "; ".join([first.description, *rest])

    @property
    def svg(self) -> str:
        """All variants, one under the other, as one SVG document."""
        parts, top, widest = [], 0.0, 0.0
        for one in self.pictures:
            body, width, height = one.laid_out()
            parts.append(document(body, width, height, "", f' y="{top:g}"{one.live()}'))
            top, widest = top + height + APART, max(widest, width)
        script = f"<script><![CDATA[{SCRIPT}]]></script>"
        body = f"{style(PAPER + ''.join(parts))}{PAPER}{''.join(parts)}{script}"
        return document(body, widest, top - APART, self.description, FILE)

    @property
    def moves(self) -> bool:
        """Whether there is something for the script to do."""
        return True

    def html(self) -> str:
        """Return the picture for a page: the script shows one variant and the buttons that change it."""
        buttons = "".join(
            f'<label><input type="radio" name="v"{" checked" * (not place)}><span>{escape(label)}</span></label>'
            for place, label in enumerate(self.labels)
        )
        tabs = (
            f'<form class="ptg-tabs" hidden><fieldset><legend>{escape(self.name)}</legend>{buttons}</fieldset></form>'
        )
        variants = "".join(
            f'<div class="ptg-variant" data-home="{one.home}">{drawn(one.panels[self.shared :])}'
            f'<p class="ptg-said" aria-live="polite">{escape(one.said)}</p></div>'
            for one in self.pictures
        )
        return figure(tabs + flow(drawn(self.panels[: self.shared]) + variants))


def variants(name: str, choice: Choice, pictures: Sequence[Picture], shared: int) -> Variants:
    """Return one picture of several, of which the first panels show the same."""
    first = pictures[0]
    return Variants(first.panels, first.said, first.home, name, choice.labels, tuple(pictures), shared)
