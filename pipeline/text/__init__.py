"""What is typed in a text is looked up: each number, shape, data type and message stands in the code or output by it.

In: a page as Sphinx has read it, and the page's record; a Markdown file and its snippets. Out: a warning, with file
and line, for what stands nowhere, and for an exception that nothing needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the module of this room."""
    app.setup_extension(f"{__name__}.lookup")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
