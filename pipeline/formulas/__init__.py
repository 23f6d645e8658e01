"""LaTeX becomes MathML.

In: the formulas of a page. Out: elements that need neither a script nor a font.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the module of this room."""
    app.setup_extension(f"{__name__}.mathml")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
