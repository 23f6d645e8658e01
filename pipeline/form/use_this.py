"""``.. use-this::`` holds the default to take, when to deviate from it, and what it costs: a box of its own kind.

In the notebook and the Markdown it is a quotation under a bold title.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

CLASS = "ptg-use"
ANCHOR = "use-this"
TITLE = "Use this"


class UseThis(SphinxDirective):
    """The box with what a reader takes away."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the box."""
        if not self.content:
            raise self.error("use-this is empty; expected the default to take, when to deviate, and what it costs.")
        box = nodes.admonition("", classes=[CLASS], ids=[ANCHOR])
        box += nodes.title("", TITLE)
        box += self.parse_content_to_nodes()
        self.set_source_info(box)
        return [box]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("use-this", UseThis)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
