"""What the search looks through.

In: the pages as they are written. Out: ``search-index.js``, and a script in ``search/`` for each page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the module of this room."""
    app.setup_extension(f"{__name__}.data")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
