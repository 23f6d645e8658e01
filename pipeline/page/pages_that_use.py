"""``.. pages-that-use:: ptguide.data.digits`` shows the pages that do, under a line that says so.

Nothing is shown where no page does.
sphinx-gallery's own ``minigallery`` makes a section of its heading, in which all that follows would come to lie.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from pipeline.gallery.adapter import MiniGallery


class PagesThatUse(MiniGallery):
    """The gallery, and a line above it unless it is empty."""

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        before = len(self.state_machine.input_lines)
        gallery = super().run()  # it writes the cards as lines to be read next
        if len(self.state_machine.input_lines) == before:
            return gallery
        name = self.arguments[0].rpartition(".")[2]
        return [nodes.rubric("", f"Pages that use {name}"), *gallery]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("pages-that-use", PagesThatUse)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
