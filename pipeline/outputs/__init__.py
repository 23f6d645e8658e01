"""What the pages gave, held against what is kept.

In: the records of this build, and ``docs/outputs``. Out: a difference stops the build, or is kept when it is accepted;
what other devices gave, for the pages that show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the check of this room."""
    app.setup_extension(f"{__name__}.check")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
