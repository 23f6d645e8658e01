"""What must be made again.

In: the pages, the helpers that they import, the versions around them. Out: a key for each page (a page runs unless its
record has it), and what an interrupted build or a new title makes Sphinx read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page"s process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the modules of this room."""
    for name in ["interrupted", "titles", "edited"]:
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
