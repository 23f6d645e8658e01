"""What a page shows besides its own text and code, and what it may not show.

In: a page as Sphinx has read it, and the page's record. Out: folded solutions, tabs of devices, provenance, pictures
and words for them; code that nothing ran, and an output that nothing gave, is a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a page's process passes here too: nothing is loaded that it does not need
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the modules of this room."""
    directives = ["provenance", "picture_of", "device_tabs", "pages_that_use"]
    before = ["places", "values", "static_code", "static_pictures", "solutions"]
    for name in [*before, *directives, "thumbnails", "figures", "contents"]:
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
