"""What is not looked up, with the reason, written beside the text in a comment that no reader sees.

In a page of the gallery ``# .. not looked up: 3.8 — from the paper of He et al. (2015)``, in Markdown the same behind
``%``; several are parted by semicolons. It holds for the texts before one cell, and for that cell's own strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

COMMENT = r"\A{kind}:\s*(?P<what>.*?)\s*(?:—\s*(?P<reason>.*))?\Z"


@dataclass
class Exceptional:
    """An exception: what is typed, on which line it is excepted, and whether that was needed."""

    text: str
    line: int
    used: bool = False


def in_comment(comment: str, line: int, kind: str = "not looked up") -> list[Exceptional]:
    """Return the exceptions of one kind in a comment; none if it is about something else.

    Raises
    ------
    ValueError
        If it gives no reason.

    Examples
    --------
    >>> [one.text for one in in_comment("not looked up: 3.8; (3, 4) — from a paper", 7)]
    ['3.8', '(3, 4)']
    """
    found = re.match(COMMENT.format(kind=kind), comment.strip(), re.DOTALL)
    if not found:
        return []
    parts = [" ".join(part.split()) for part in found["what"].split(";") if part.strip()]
    if not parts or not found["reason"]:
        raise ValueError(f"an exception names what is {kind}, a dash, and the reason: '{kind}: 3.8 — from the paper'")
    return [Exceptional(part, line) for part in parts]
