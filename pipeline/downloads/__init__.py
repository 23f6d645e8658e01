"""A page as a script, as a notebook and as Markdown.

In: the page with its references resolved, its script and its record. Out: ``download/`` of the site, with the wheel of
the helpers; each page's Markdown beside it, and ``llms.txt``, which lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the module of this room."""
    app.setup_extension(f"{__name__}.files")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
