"""What is typed in a text is looked up, and what it says of all cases was tried on several.

In: a page as Sphinx has read it, and the page's record; a Markdown file and its snippets; the package. Out: a warning,
with file and line, for a number, shape, data type, message or code that no code or output by it has, for a sentence
about all cases that no claim by it tries, and for an exception that nothing needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the module of this room."""
    for name in ("lookup", "docstrings"):
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
