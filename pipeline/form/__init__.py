"""What a page looks like: folded cells, the box *Use this*, words explained where a reader first meets them.

In: a page as Sphinx has read it, its script, the glossary and the reference. Out: a page in which *Set-up* and *How
this was checked* are folded and the first use of each word is explained; a page that breaks the form is a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the modules of this room."""
    for name in [
        "folds",
        "use_this",
        "explanations",
        "first_uses",
        "check",
        "chapter_map",
        "errors_table",
        "refused_table",
    ]:
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
