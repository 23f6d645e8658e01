"""Pages run, each in a process of its own; a second time, if that is wanted, as the script that readers download.

In: the pages that are stale. Out: for each a record (what each cell gave, how many claims held) and the files that
sphinx-gallery makes of it in ``docs/guide``; or its failure, with its line. Snippets of Markdown and docstrings
run here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page"s process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the modules of this room."""
    for name in ["build", "snippets"]:
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
