"""Write the nodes of a resolved page as Markdown that Jupyter, Colab and GitHub show alike.

It is made here because sphinx-markdown-builder 0.6.11 leaves ``|``, backticks and ``$`` bare where Markdown
reads them as markup, drops what it does not know with one warning a page, and works with no builder but its own.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import indent
from urllib.parse import urljoin

from docutils import nodes
from docutils.utils import get_source_line
from docutils.utils.math import toplevel_code
from sphinx.errors import ExtensionError
from sphinx.locale import admonitionlabels

from pipeline.downloads.blocks import code_of
from pipeline.formulas.mathml import displayed_latex

WRAPPED = dict.fromkeys(["emphasis", "literal_emphasis", "title_reference"], "*{}*")
WRAPPED |= dict.fromkeys(["strong", "literal_strong", "rubric", "centered", "sd_tab_label"], "**{}**")
WRAPPED |= {"subscript": "<sub>{}</sub>", "superscript": "<sup>{}</sup>"}
TRANSPARENT = set(
    "document section container compound glossary figure legend inline abbreviation generated pending_xref "
    "download_reference target classifier problematic".split()  # the last is named by Sphinx itself
)
LANGUAGES = {"default": "", "none": "", "text": "", "python3": "python", "py": "python"}  # Sphinx's to Markdown's
TITLED = {"admonition", "topic", "sidebar", "versionmodified", *admonitionlabels}
IN_CELL = {"paragraph", "line_block", "image", "comment"}
NOT_SHOWN = {"comment", "index", "meta", "substitution_definition", "tabular_col_spec", "sd_tab_input"}
# `_` inside a word, `<` before a space and `&` in no entity are no markup, and are easier to read bare.
MARKUP = re.compile(r"[\\`*\[\]~$]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
MARKUP_AT_START = re.compile(r"^(?:\d{1,9}(?=[.)](?: |$))|(?=[-+#>]))")  # what stands before it


def _above(node: nodes.Node, kind: type) -> int:
    """Return in how many nodes of a kind a node is."""
    count, above = 0, node.parent
    while above is not None:
        count, above = count + isinstance(above, kind), above.parent
    return count


def escape(text: str) -> str:
    """Return plain text with what Markdown would read as markup marked as none."""
    return MARKUP.sub(r"\\\g<0>", text)


def plain(text: str) -> str:
    r"""Return plain text with as few marks as it takes.

    A bracket needs none if it has a partner and begins no link, a star none between spaces.

    Examples
    --------
    >>> print(plain("a[0] * 2 and f[1](2) and [3, 4 and so on"))
    a[0] * 2 and f\[1\](2) and \[3, 4 and so on
    """
    parts = re.split(r"([\[\]])", text)
    opened: list[int] = []
    bare: set[int] = set()
    for place, part in enumerate(parts):
        if part == "[":
            opened.append(place)
        elif part == "]" and opened:
            pair = {opened.pop(), place}
            bare |= set() if parts[place + 1].startswith("(") else pair
    text = "".join(part if place in bare else escape(part) for place, part in enumerate(parts))
    return text.replace(r" \* ", " * ")


def code_span(text: str) -> str:
    """Return text as code in a line."""
    text = text.replace("\n", " ")
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{_fence(text, 1)}{space}{text}{space}{_fence(text, 1)}"


def code_block(text: str, language: str = "") -> str:
    """Return text as code that stands alone."""
    text = text.strip("\n")
    return f"{_fence(text, 3)}{language}\n{text}\n{_fence(text, 3)}"


def printed(text: str) -> str:
    """Return what a cell printed."""
    return f"Output:\n\n{code_block(text, 'text')}"


def _fence(text: str, shortest: int) -> str:
    """Return more backticks than stand in a row anywhere in a text."""
    return "`" * max(shortest, *(len(run) + 1 for run in re.findall("`+", text)), 1)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return the cells of a table, whose bars are marked as none, as one."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def quote(text: str) -> str:
    """Return Markdown as a quotation."""
    return indent(text, "> ", lambda _: True).replace("> \n", ">\n")


def _error(node: nodes.Node, what: str) -> ExtensionError:
    numbered = next((part for part in node.findall() if getattr(part, "line", None)), node)
    source, line = get_source_line(numbered)
    return ExtensionError(f"{source}:{line}: a {node.tagname!r} node {what}")


def _list(items: Iterable[tuple[str, str]]) -> str:
    """Join markers and the texts of their items."""
    made = [(marker + indent(text, " " * len(marker))[len(marker) :]).rstrip() for marker, text in items]
    return ("\n\n" if any("\n\n" in item for item in made) else "\n").join(made)


class Writer:
    r"""Write resolved nodes as Markdown: the method ``_<name>`` for the node of that name.

    Parameters
    ----------
    page_url : str
        The absolute address of the page, to which relative references are joined.

    Examples
    --------
    >>> page = Writer("https://example.org/page.html")
    >>> page.write(nodes.paragraph("", "2 * 3, ", nodes.literal("", "a|b")))
    '2 \\* 3, `a|b`'
    """

    def __init__(self, page_url: str) -> None:
        self.page_url = page_url

    def write(self, node: nodes.Node) -> str:
        """Return the Markdown of a node and all that is in it; empty for a node that shows nothing.

        Raises
        ------
        sphinx.errors.ExtensionError
            If there is no Markdown for a node, with its file and line.
        """
        name = node.tagname
        if isinstance(node, nodes.Text):
            return escape(re.sub(r"[ \t]*\n[ \t]*", " ", node.astext()))
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
        """Return the Markdown of nodes that stand below each other."""
        return "\n\n".join(filter(None, map(self.write, children)))

    def inline(self, children: Iterable[nodes.Node]) -> str:
        """Return the Markdown of nodes that stand in one line."""
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
        return code_span(node.astext())

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
        given = "pycon" if isinstance(node, nodes.doctest_block) else node.get("language", node.get("lang", "default"))
        return code_block(code_of(node), LANGUAGES.get(given.lower(), given.lower()))

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
        return quote(self.blocks(node))

    def _titled(self, node: nodes.Element) -> str:
        """Quote an admonition, a topic or a sidebar under its title."""
        titles = [child for child in node if isinstance(child, nodes.title)]
        title = self.inline(titles[0]) if titles else admonitionlabels.get(node.tagname, "")
        body = self.blocks(child for child in node if child not in titles)
        return quote(f"**{title}**\n\n{body}".strip() if title else body)

    def _raw(self, node: nodes.Element) -> str:
        return node.astext().strip() if "html" in node["format"].split() else ""

    def _image(self, node: nodes.Element) -> str:
        address = node["uri"]
        if "://" not in address and not address.startswith("data:"):
            file = Path(node.document.settings.env.srcdir, address)
            if not file.is_file():
                raise _error(node, f"needs the file {file}, which is not there.")
            address = self.address_of(node, file)
        return f"![{escape(node.get('alt', ''))}]({address})"

    def address_of(self, _image: nodes.Element, file: Path) -> str:
        """Return the address of an image: the image itself, which a notebook shows without a network."""
        kind = mimetypes.guess_type(file.name)[0]
        return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"

    def _table(self, node: nodes.table) -> str:
        columns = next(iter(node.findall(nodes.tgroup)))["cols"]
        head = [self._row(row) for part in node.findall(nodes.thead) for row in part] or [[""] * columns]
        body = [self._row(row) for part in node.findall(nodes.tbody) for row in part]
        if len(head) > 1:
            raise _error(node, "has a head of several rows, which Markdown does not know. Leave one.")
        title = "".join(f"**{self.inline(child)}**\n\n" for child in node if isinstance(child, nodes.title))
        return title + table(head[0], body)

    def _row(self, row: nodes.row) -> list[str]:
        for entry in row:
            if "morerows" in entry or "morecols" in entry:
                raise _error(entry, "spans several rows or columns, which Markdown does not know. Give each its own.")
            for child in entry:
                if child.tagname not in IN_CELL:
                    raise _error(child, "stands in a table's cell, where Markdown takes only text. Move it out.")
        return ["<br>".join(map(self.write, entry)).replace("|", r"\|").replace("\n", " ") for entry in row]
