"""The card of a page: its first picture or, where it draws nothing, the first lines that it prints; in words, too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pipeline.gallery import adapter

LINES, COLUMNS = 10, 44  # what a card can show
WIDTH, HEIGHT, MARGIN = 400, 280, 14
VALUES = re.compile(r"(shape \([\d, ]*\)): [^;]*")


def words(cells: list[dict[str, Any]]) -> str:
    r"""Return the alternative text of the thumbnail, for a page of these cells.

    Examples
    --------
    >>> words([{"text": ""}, {"text": "3\n4"}])
    'The page prints: 3 4'
    """
    return "The page prints: " + " ".join(_first_text(cells).split())


def replace_thumbnail(folder: Path, name: str, cells: list[dict[str, Any]]) -> None:
    """Put the picture of what a page prints in the place of sphinx-gallery's stand-in.

    Parameters
    ----------
    folder : Path
        The folder of the page's chapter.
    name : str
        The page, without its chapter.
    cells : list of dict
        What each cell printed, as ``text``.
    """
    stand_in = adapter.thumbnail(folder, name)
    stand_in.parent.mkdir(parents=True, exist_ok=True)
    stand_in.with_suffix(".svg").write_text(_draw(_first_text(cells), words(cells)), encoding="utf-8")
    stand_in.unlink(missing_ok=True)  # of a page that failed, there may be none


def _first_text(cells: list[dict[str, Any]]) -> str:
    """Return what the first cell that prints has printed, as far as a card can show it."""
    text = next((cell["text"] for cell in cells if cell["text"]), "nothing")
    lines = text.expandtabs().splitlines()[:LINES]
    return "\n".join(line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…" for line in lines)


def _draw(text: str, description: str) -> str:
    lines = text.splitlines()
    longest = max(map(len, lines))
    size = min(24, (WIDTH - 2 * MARGIN) / (0.61 * longest), HEIGHT / (1.8 * len(lines)))  # a letter is 0.6 em wide
    step = 1.7 * size
    first = (HEIGHT - step * (len(lines) - 1)) / 2 + 0.35 * size
    spans = "".join(
        f'<text x="{MARGIN}" y="{first + step * number:.1f}" xml:space="preserve">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label={quoteattr(description)} font-family="monospace" font-size="{size:.1f}" fill="#1f2937">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#f3f4f6"/>{spans}</svg>\n'
    )


def without_values(picture: str) -> str:
    """Return the description of a picture without the values of its tensors.

    Examples
    --------
    >>> without_values("a of shape (2,): [3, 4]; b of shape (): 5")
    'a of shape (2,); b of shape ()'
    """
    return VALUES.sub(r"\1", picture)
