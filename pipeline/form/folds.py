"""A cell below the text *Set-up* or *How this was checked* is folded on the site, with all that it gives.

In the notebook, the script and the Markdown it is whole. The fold is an element of HTML that needs no script; a link
that leads into it opens it, and so does a search for words in the page.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages

CLASS = "ptg-fold"
CODE = ("literal_block", adapter.CODE_NODE)  # sphinx-gallery turns the first into the second
WORDS = ("Set-up", "How this was checked")  # the whole text above a cell that is folded


def _mark(app: Sphinx, document: nodes.document) -> None:
    """Note the texts that stand for a fold; in the notebook and the Markdown they are headings of a kind."""
    if not gallery_pages.of(app).page_of(app.env.docname):
        return
    used: dict[str, int] = {}
    for text in [node for node in document.findall(nodes.paragraph) if is_alone(node) and node.astext() in WORDS]:
        words = text.astext()
        used[words] = used.get(words, 0) + 1
        anchor = nodes.make_id(words) + (f"-{used[words]}" if used[words] > 1 else "")
        text["classes"].append(CLASS)
        text["ids"].append(anchor)
        text.children = [nodes.strong("", words)]
        text.children[0].parent = text


def is_alone(text: nodes.Element) -> bool:
    """Return whether a paragraph is the whole text above a cell."""
    place = text.parent.index(text)
    around = text.parent[max(place - 1, 0) : place + 3]
    return len(around) == 4 and _begins(around[0]) and _begins(around[2]) and around[3].tagname in CODE


def _begins(node: nodes.Node) -> bool:
    return isinstance(node, nodes.comment) and bool(adapter.BLOCK.match(node.astext()))


def cell_below(text: nodes.Element) -> list[nodes.Node]:
    """Return what stands below the text of a fold: the code of its cell, and what that gave."""
    first = text.parent.index(text) + 2  # between them, a comment begins the cell
    found: list[nodes.Node] = []
    for node in text.parent[first:]:
        if _begins(node) or adapter.begins_downloads(node) or isinstance(node, nodes.section):
            break
        found.append(node)
    return found


def folded(document: nodes.document) -> set[int]:
    """Return the identities of all nodes that stand in folds."""
    texts = [node for node in document.findall(nodes.paragraph) if CLASS in node["classes"]]
    return {id(part) for text in texts for node in [text, *cell_below(text)] for part in node.findall()}


def _fold(app: Sphinx, document: nodes.document, _name: str) -> None:
    if app.builder.format != "html":
        return
    for text in [node for node in document.findall(nodes.paragraph) if CLASS in node["classes"]]:
        parent, place = text.parent, text.parent.index(text)
        parent.insert(place + 2 + len(cell_below(text)), nodes.raw("", "</details>", format="html"))
        opening = f'<details class="{CLASS}" id="{text["ids"][0]}"><summary>{text.astext()}</summary>'
        parent[place] = nodes.raw("", opening, format="html")  # `replace_self` would hand on the class, too


def almost(text: str) -> str:
    r"""Return the words of a fold that a text begins with and is not; empty where it is one, or has none.

    Examples
    --------
    >>> almost("Setup\n"), almost("How this was checked: by a loop"), almost("Set-up"), almost("How it works")
    ('Set-up', 'How this was checked', '', '')
    """
    if text.strip() in WORDS:
        return ""
    return next((words for words in WORDS if re.match(words.replace("-", "[- ]?"), text.strip(), re.IGNORECASE)), "")


def setup(app: Sphinx) -> dict[str, Any]:
    """Mark as a page is read; fold when its notebook and Markdown are made (900) and its words explained (940)."""
    app.connect("doctree-read", _mark, priority=550)
    app.connect("doctree-resolved", _fold, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
