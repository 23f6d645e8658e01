"""Which pages there are.

In: the scripts of ``gallery/`` and the order in ``docs/conf.py``. Out: `pages.Pages`, by which every other room asks
for a page's script, its record and its card.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the modules of this room."""
    for name in ["adapter", "order"]:
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
