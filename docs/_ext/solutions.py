"""A cell that begins with `# Solution` is folded away, on the page and in the notebook; what it gives is not."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SOLUTION = re.compile(r"\A\s*# Solution\b")
CODE = ("literal_block", "code_links_block")  # sphinx-gallery turns the first into the second
# JupyterLab and its relatives know the first, Colab the second.
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}


def is_solution(code: str) -> bool:
    """Return whether a cell is to be folded away.

    Examples
    --------
    >>> is_solution("# Solution: two lines"), is_solution("# Solutions of the equation")
    (True, False)
    """
    return bool(SOLUTION.match(code))


def _fold(app: Sphinx, doctree: nodes.document, _name: str) -> None:
    if app.builder.format != "html":
        return
    for block in list(doctree.findall(nodes.Element)):
        if block.tagname in CODE and is_solution(block.astext()):
            place = block.parent.index(block)
            opening = '<details class="ptg-solution"><summary>Show a solution</summary>'
            block.parent.insert(place + 1, nodes.raw("", "</details>", format="html"))
            block.parent.insert(place, nodes.raw("", opening, format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Fold after all references are resolved."""
    app.connect("doctree-resolved", _fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
