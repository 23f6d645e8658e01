"""Make a Jupyter notebook of a gallery page: its code as it is, its text as Markdown from the resolved page.

The Markdown is made here because sphinx-markdown-builder 0.6.11 leaves ``|``, backticks and ``$`` bare where Markdown
reads them as markup, drops what it does not know with one warning a page, and works with no builder but its own.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from docutils.utils import get_source_line
from docutils.utils.math import toplevel_code
from sphinx.errors import ExtensionError
from sphinx.locale import admonitionlabels
from sphinx_gallery.py_source_parser import remove_config_comments, remove_ignore_blocks

from pipeline.formulas.mathml import displayed_latex
from pipeline.page import solutions

__all__ = ["notebook", "split_page", "to_markdown"]

BLOCK_START = "GENERATED FROM PYTHON SOURCE LINES"  # sphinx-gallery's comment before each block but the first
FURNITURE = {"sphx-glr-download-link-note", "sphx-glr-timing", "sphx-glr-footer", "sphx-glr-signature"}
FURNITURE |= {"only-dark"}  # a notebook shows one of the two pictures that a page has for its themes

WRAPPED = dict.fromkeys(["emphasis", "literal_emphasis", "title_reference"], "*{}*")
WRAPPED |= dict.fromkeys(["strong", "literal_strong", "rubric", "centered"], "**{}**")
WRAPPED |= {"subscript": "<sub>{}</sub>", "superscript": "<sup>{}</sup>"}
TRANSPARENT = set(
    "document section container compound glossary figure legend inline abbreviation generated pending_xref "
    "download_reference target classifier".split()
)
LANGUAGES = {"default": "", "none": "", "text": "", "python3": "python", "py": "python"}  # Sphinx's to Markdown's
TITLED = {"admonition", "topic", "sidebar", "versionmodified", *admonitionlabels}
IN_CELL = {"paragraph", "line_block", "image", "comment"}
NOT_SHOWN = {"comment", "index", "meta", "substitution_definition", "tabular_col_spec"}
# `_` inside a word, `<` before a space and `&` in no entity are no markup, and are easier to read bare.
MARKUP = re.compile(r"[\\`*\[\]~$]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
MARKUP_AT_START = re.compile(r"^(?:\d{1,9}(?=[.)](?: |$))|(?=[-+#>]))")  # what stands before it


def to_markdown(node: nodes.Node, page_url: str) -> str:
    r"""Write a resolved node, and all that is in it, as Markdown that Jupyter, Colab and GitHub show alike.

    Parameters
    ----------
    node : docutils.nodes.Node
        From a doctree whose references are resolved; what could not be resolved becomes plain text.
    page_url : str
        The absolute address of the node's page, to which relative references are joined.

    Returns
    -------
    str
        Without a line end at its end; empty for a node that shows nothing.

    Raises
    ------
    sphinx.errors.ExtensionError
        If there is no Markdown for a node, with its file and line.

    Examples
    --------
    >>> to_markdown(nodes.paragraph("", "2 * 3, ", nodes.literal("", "a|b")), "https://example.org/page.html")
    '2 \\* 3, `a|b`'
    """
    return _Writer(page_url).write(node)


def split_page(doctree: nodes.document, blocks: Sequence[tuple[str, str, int]], page_url: str) -> list[tuple[str, str]]:
    """Return the cells of a page in order, without what the page printed or drew.

    Parameters
    ----------
    doctree : docutils.nodes.document
        The resolved page that sphinx-gallery made of the script.
    blocks : sequence of tuple
        The script's, from `sphinx_gallery.py_source_parser.split_code_and_text_blocks`.
    page_url : str
        The absolute address of the page.

    Returns
    -------
    list of tuple
        ``("code", source)`` or ``("markdown", text)``. Settings and hidden lines of sphinx-gallery are left out, and
        so is a block in which nothing remains.

    Raises
    ------
    sphinx.errors.ExtensionError
        If page and script differ, or if there is no Markdown for a node.
    """
    sources = [(kind, remove_config_comments(remove_ignore_blocks(source)).strip()) for kind, source, _ in blocks]
    groups: list[list[nodes.Element]] = [[]]
    for node in _in_order(doctree):
        if isinstance(node, nodes.comment) and node.astext().startswith(BLOCK_START):
            groups.append([])
        elif isinstance(node, nodes.target) and node.get("refid", "").startswith("sphx-glr-download"):
            break
        elif not FURNITURE.intersection(node["classes"]):
            groups[-1].append(node)
    if len(groups) == len(sources) - 1 and not sources[-1][1]:
        sources.pop()  # sphinx-gallery shows no last block of settings alone
    if len(groups) != len(sources):
        raise ExtensionError(
            f"{doctree['source']} has {len(groups)} blocks and its script has {len(sources)}: the page is older than "
            "the script, or a text ends in the middle of a construct. Build anew with -E, then look at the texts."
        )
    writer, cells = _Writer(page_url), []
    for (kind, source), group in zip(sources, groups, strict=True):
        if kind == "text":
            cells.append(("markdown", writer.blocks(group)))
            continue
        shown = [remove_config_comments(_code(node)).split() for node in group if node.tagname in solutions.CODE]
        if source and source.split() not in shown:
            raise ExtensionError(f"{doctree['source']} does not show this code of its script; build anew:\n{source}")
        cells.append(("code", source))
    return [(kind, text) for kind, text in cells if text]


def notebook(cells: Iterable[tuple[str, str]], *, first_cell: str | None = None) -> dict[str, Any]:
    """Return a notebook (nbformat 4.5) without outputs, the same for the same cells.

    Parameters
    ----------
    cells : iterable of tuple
        ``("code", source)`` or ``("markdown", text)``.
    first_cell : str, optional
        The source of a code cell to put before all others.

    Returns
    -------
    dict
        To be written as JSON.

    Raises
    ------
    ValueError
        If a cell is neither code nor markdown.

    Examples
    --------
    >>> notebook([("code", "1 + 1")])["cells"][0]["source"]
    ['1 + 1']
    """
    made = []
    for number, (kind, text) in enumerate([*([("code", first_cell)] if first_cell else []), *cells], 1):
        if kind not in {"code", "markdown"}:
            raise ValueError(f"Cell {number} is of kind {kind!r}; expected 'code' or 'markdown'.")
        metadata = solutions.FOLDED if kind == "code" and solutions.words_of_fold(text) else {}
        lines = text.splitlines(keepends=True)
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": metadata, "source": lines}
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _in_order(node: nodes.Element) -> Iterator[nodes.Element]:
    """Yield what stands in the sections of a page, without the sections themselves."""
    for child in node.children:
        yield from _in_order(child) if isinstance(child, nodes.section) else [child]


def _code(node: nodes.Element) -> str:
    """Return the code of a block without the line numbers that sphinx-gallery may have put into it."""
    parts = (child for child in node if not (isinstance(child, nodes.inline) and "linenos" in child["classes"]))
    return "".join(part.astext() for part in parts)


def _above(node: nodes.Node, kind: type) -> int:
    """Return in how many nodes of a kind a node is."""
    count, above = 0, node.parent
    while above is not None:
        count, above = count + isinstance(above, kind), above.parent
    return count


def _fence(text: str, shortest: int) -> str:
    """Return more backticks than stand in a row anywhere in a text."""
    return "`" * max(shortest, *(len(run) + 1 for run in re.findall("`+", text)), 1)


def _quote(text: str) -> str:
    return indent(text, "> ", lambda _: True).replace("> \n", ">\n")


def _error(node: nodes.Node, what: str) -> ExtensionError:
    numbered = next((part for part in node.findall() if getattr(part, "line", None)), node)
    source, line = get_source_line(numbered)
    return ExtensionError(f"{source}:{line}: a {node.tagname!r} node {what}")


def _list(items: Iterable[tuple[str, str]]) -> str:
    """Join markers and the texts of their items."""
    made = [(marker + indent(text, " " * len(marker))[len(marker) :]).rstrip() for marker, text in items]
    return ("\n\n" if any("\n\n" in item for item in made) else "\n").join(made)


class _Writer:
    """Write nodes as Markdown: the method ``_<name>`` for the node of that name."""

    def __init__(self, page_url: str) -> None:
        self.page_url = page_url

    def write(self, node: nodes.Node) -> str:
        name = node.tagname
        if isinstance(node, nodes.Text):
            return MARKUP.sub(r"\\\g<0>", re.sub(r"[ \t]*\n[ \t]*", " ", node.astext()))
        if name in NOT_SHOWN:
            return ""
        if name in WRAPPED:
            return WRAPPED[name].format(self.inline(node))
        if name in TRANSPARENT:
            return self.inline(node) if isinstance(node, nodes.TextElement | nodes.Inline) else self.blocks(node)
        if name in TITLED:
            return self._titled(node)
        if method := getattr(self, f"_{name}", None):
            return method(node)
        raise _error(node, f"has no Markdown form. Write the text otherwise, or add the node to {__name__}.")

    def blocks(self, children: Iterable[nodes.Node]) -> str:
        return "\n\n".join(filter(None, map(self.write, children)))

    def inline(self, children: Iterable[nodes.Node]) -> str:
        text = ""
        for piece in map(self.write, children):
            image = piece.startswith("[") and text.endswith("!")  # "!" before a link would make it one
            text = (text[:-1] + r"\!" if image else text) + piece
        return text

    def _paragraph(self, node: nodes.Element) -> str:
        return MARKUP_AT_START.sub(r"\g<0>\\", self.inline(node))

    _caption = _attribution = _paragraph

    def _title(self, node: nodes.Element) -> str:
        return f"{'#' * min(max(_above(node, nodes.section), 1), 6)} {self.inline(node)}"

    def _literal(self, node: nodes.Element) -> str:
        text = node.astext().replace("\n", " ")
        space = " " if text.startswith("`") or text.endswith("`") else ""
        return f"{_fence(text, 1)}{space}{text}{space}{_fence(text, 1)}"

    def _reference(self, node: nodes.Element) -> str:
        text = self.inline(node)
        address = f"#{node['refid']}" if "refid" in node else node.get("refuri")
        if address is None:
            return text
        return f"[{text}]({re.sub('[ ()<>$]', lambda sign: f'%{ord(sign[0]):02X}', urljoin(self.page_url, address))})"

    def _footnote_reference(self, node: nodes.Element) -> str:
        return rf"\[{node.astext()}\]"

    def _footnote(self, node: nodes.Element) -> str:
        return rf"\[{node[0].astext()}\] {self.blocks(node[1:])}"

    _citation = _footnote

    def _math(self, node: nodes.Element) -> str:
        latex = " ".join(node.astext().split())
        if _above(node, nodes.entry):  # a bar would end the cell
            latex = latex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        return f"${latex}$"

    def _math_block(self, node: nodes.math_block) -> str:
        latex = displayed_latex(node)
        if r"\\" in toplevel_code(latex):
            latex = f"\\begin{{aligned}}\n{latex}\n\\end{{aligned}}"
        tag = rf" \tag{{{node['number']}}}" if node.get("number") else ""
        return f"$$\n{latex}{tag}\n$$"

    def _literal_block(self, node: nodes.Element) -> str:
        text = _code(node).strip("\n")
        given = "pycon" if isinstance(node, nodes.doctest_block) else node.get("language", node.get("lang", "default"))
        return f"{_fence(text, 3)}{LANGUAGES.get(given.lower(), given.lower())}\n{text}\n{_fence(text, 3)}"

    _code_links_block = _doctest_block = _literal_block

    def _bullet_list(self, node: nodes.Element) -> str:
        return _list(("- ", self.blocks(item)) for item in node)

    def _enumerated_list(self, node: nodes.Element) -> str:
        return _list((f"{number}. ", self.blocks(item)) for number, item in enumerate(node, node.get("start", 1)))

    def _definition_list(self, node: nodes.Element) -> str:
        return _list(("- ", self.write(item)) for item in node)

    def _definition_list_item(self, node: nodes.Element) -> str:
        head = [f"**{self.inline(part)}**" if isinstance(part, nodes.term) else self.inline(part) for part in node[:-1]]
        return f"{', '.join(head)}\n\n{self.blocks(node[-1])}"

    def _field_list(self, node: nodes.Element) -> str:
        return _list(("- ", f"**{self.inline(name)}:**\n\n{self.blocks(body)}".strip()) for name, body in node)

    def _line_block(self, node: nodes.Element) -> str:
        return "<br>\n".join(self.write(line) for line in node)

    def _line(self, node: nodes.Element) -> str:
        return "&emsp;" * (_above(node, nodes.line_block) - 1) + self._paragraph(node)

    def _transition(self, node: nodes.Element) -> str:
        return "---"

    def _block_quote(self, node: nodes.Element) -> str:
        return _quote(self.blocks(node))

    def _titled(self, node: nodes.Element) -> str:
        """Quote an admonition, a topic or a sidebar under its title."""
        titles = [child for child in node if isinstance(child, nodes.title)]
        title = self.inline(titles[0]) if titles else admonitionlabels.get(node.tagname, "")
        body = self.blocks(child for child in node if child not in titles)
        return _quote(f"**{title}**\n\n{body}".strip() if title else body)

    def _raw(self, node: nodes.Element) -> str:
        return node.astext().strip() if "html" in node["format"].split() else ""

    def _image(self, node: nodes.Element) -> str:
        address, alt = node["uri"], MARKUP.sub(r"\\\g<0>", node.get("alt", ""))
        if "://" not in address and not address.startswith("data:"):
            file = Path(node.document.settings.env.srcdir, address)
            if not file.is_file():
                raise _error(node, f"needs the file {file}, which is not there.")
            kind = mimetypes.guess_type(file.name)[0]
            address = f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"
        return f"![{alt}]({address})"

    def _table(self, node: nodes.table) -> str:
        columns = next(iter(node.findall(nodes.tgroup)))["cols"]
        head = [self._row(row) for part in node.findall(nodes.thead) for row in part] or [[""] * columns]
        body = [self._row(row) for part in node.findall(nodes.tbody) for row in part]
        if len(head) > 1:
            raise _error(node, "has a head of several rows, which Markdown does not know. Leave one.")
        rows = [f"| {' | '.join(row)} |" for row in [*head, ["---"] * columns, *body]]
        title = "".join(f"**{self.inline(child)}**\n\n" for child in node if isinstance(child, nodes.title))
        return title + "\n".join(rows)

    def _row(self, row: nodes.row) -> list[str]:
        for entry in row:
            if "morerows" in entry or "morecols" in entry:
                raise _error(entry, "spans several rows or columns, which Markdown does not know. Give each its own.")
            for child in entry:
                if child.tagname not in IN_CELL:
                    raise _error(child, "stands in a table's cell, where Markdown takes only text. Move it out.")
        return ["<br>".join(map(self.write, entry)).replace("|", r"\|").replace("\n", " ") for entry in row]
