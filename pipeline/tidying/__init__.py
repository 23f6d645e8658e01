"""The finished site is put in order.

In: all files of the site. Out: none of a page that is gone, one that leads on for each that moved, icon fonts without
the icons that no page shows; a file that would load something from another host is a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page"s process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the modules of this room."""
    for name in ["moved", "leftovers", "icons", "offline"]:
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
