"""A page's way from ``gallery/x.py`` to ``x.html``, a room for each thing that happens to it.

`ROOMS` lists them in the order in which a page passes through them. What a room takes and gives stands at the top of
its ``__init__.py``. Which room may import from which is written in pyproject.toml, and `nox -s lint` checks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx

ROOMS = (
    "gallery",  # it has its place in the order
    "stale",  # it has changed, or something that it depends on
    "running",  # it runs alone, its claims watched
    "outputs",  # what it gave is held against what is kept
    "page",  # sphinx-gallery writes it, Sphinx reads it: what it shows beside its text is added, static code refused
    "form",  # cells are folded, words explained where they are first met; what is not in the form is named
    "formulas",  # its LaTeX becomes MathML
    "text",  # what is typed in its text is looked up, what is said of all cases was tried
    "downloads",  # it becomes a script, a notebook and Markdown
    "search",  # it can be found
    "tidying",  # the site is put in order
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up every room; the events that their parts wait for come in this order."""
    for room in ROOMS:
        app.setup_extension(f"pipeline.{room}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
