"""What sphinx-gallery keeps of a cell's pictures: SVG of the guide's own, figures of Matplotlib with a title."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import matplotlib_scraper


def pictures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the picture that a cell ends with, for the thumbnail; the page shows it inline as the cell's value."""
    shown = block_vars["example_globals"].get("___")
    drawing = sys.modules.get("ptguide.pictures")
    shown = getattr(shown, "picture", None) or shown  # a report on an exercise holds one
    if drawing and isinstance(shown, drawing.Picture):
        shown.save(Path(next(block_vars["image_path_iterator"])).with_suffix(".svg"))
        block_vars["pictures"].append(shown.description)
    return ""


def figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the cell's Matplotlib figures; each needs a title, which becomes its alternative text.

    Raises
    ------
    ValueError
        If a figure has neither a title of its own nor a titled axes.
    """
    if "matplotlib.pyplot" not in sys.modules:
        return ""
    plt = sys.modules["matplotlib.pyplot"]
    for number in plt.get_fignums():
        figure = plt.figure(number)
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        if not any(titles):
            raise ValueError(f"figure {number} has no title; give it one that states its point: it is the alt text.")
        block_vars["pictures"].append(", ".join(title for title in titles if title))
    return matplotlib_scraper(block, block_vars, gallery_conf)
