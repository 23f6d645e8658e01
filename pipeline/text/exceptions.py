"""What is not looked up, or not tried, with the reason, written beside the text in a comment that no reader sees.

In a page of the gallery ``# .. not looked up: 3.8 — from the paper of He et al. (2015)``, in Markdown the same behind
``%``; several are parted by semicolons. It holds for the texts before one cell, and for that cell's own strings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from docutils import nodes
from docutils.utils import get_source_line

COMMENT = r"\A{kind}:\s*(?P<what>.*?)\s*(?:—\s*(?P<reason>.*))?\Z"


@dataclass
class Exceptional:
    """An exception: what is typed, on which line it is excepted, and whether that was needed."""

    text: str
    line: int
    used: bool = False


class Exceptions:
    """The exceptions of one kind in a document.

    Parameters
    ----------
    document : docutils.nodes.document
    kind : str
        With which their comments begin, for example ``not looked up``.
    cell_of : callable
        Takes a line; returns the place of the cell that follows it.

    Attributes
    ----------
    wrong : list of tuple
        Line and description of each that gives no reason.
    """

    def __init__(self, document: nodes.document, kind: str, cell_of: Callable[[int], int]) -> None:
        self.wrong: list[tuple[int, str]] = []
        self._of: dict[int, list[Exceptional]] = {}
        for comment in document.findall(nodes.comment):
            line = get_source_line(comment)[1] or 1
            try:
                self._of.setdefault(cell_of(line), []).extend(in_comment(comment.astext(), line, kind))
            except ValueError as error:
                self.wrong.append((line, str(error)))

    def use(self, cell: int, fits: Callable[[str], bool]) -> bool:
        """Return whether an exception of a cell fits; one that does was needed."""
        found = [one for one in self._of.get(cell, ()) if fits(one.text)]
        for one in found:
            one.used = True
        return bool(found)

    def unused(self) -> Iterator[Exceptional]:
        """Yield those that nothing needed."""
        return (one for group in self._of.values() for one in group if not one.used)


def in_comment(comment: str, line: int, kind: str) -> list[Exceptional]:
    """Return the exceptions of one kind in a comment; none if it is about something else.

    Raises
    ------
    ValueError
        If it gives no reason.

    Examples
    --------
    >>> [one.text for one in in_comment("not tried: 3.8; (3, 4) — a paper", 7, "not tried")]
    ['3.8', '(3, 4)']
    """
    found = re.match(COMMENT.format(kind=kind), comment.strip(), re.DOTALL)
    if not found:
        return []
    parts = [" ".join(part.split()) for part in found["what"].split(";") if part.strip()]
    if not parts or not found["reason"]:
        raise ValueError(f"an exception names what is {kind}, a dash, and the reason: '{kind}: 3.8 — from the paper'")
    return [Exceptional(part, line) for part in parts]
