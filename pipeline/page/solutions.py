"""The code of a solution or a question, which tells the answer, is folded away; what it gives is not.

A solution is a cell that begins with `# Solution`, a question one that calls `ask`.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SOLUTION = re.compile(r"\A\s*# Solution\b")
QUESTION = re.compile(r"^ *(?:question = )?ask\(", re.MULTILINE)
CODE = ("literal_block", "code_links_block")  # sphinx-gallery turns the first into the second
# JupyterLab and its relatives know the first, Colab the second.
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}


def words_of_fold(code: str) -> str:
    """Return what stands on the fold of a cell, nothing for a cell that is not folded.

    Examples
    --------
    >>> words_of_fold("# Solution: two lines"), words_of_fold("# Solutions of the equation")
    ('Show a solution', '')
    """
    if SOLUTION.match(code):
        return "Show a solution"
    return "Show how the answer is computed" if QUESTION.search(code) else ""


def _fold(app: Sphinx, doctree: nodes.document, _name: str) -> None:
    if app.builder.format != "html":
        return
    for block in list(doctree.findall(nodes.Element)):
        if block.tagname in CODE and (words := words_of_fold(block.astext())):
            place = block.parent.index(block)
            opening = f'<details class="ptg-solution"><summary>{words}</summary>'
            block.parent.insert(place + 1, nodes.raw("", "</details>", format="html"))
            block.parent.insert(place, nodes.raw("", opening, format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Fold after all references are resolved."""
    app.connect("doctree-resolved", _fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
