"""``.. errors-table::`` lists the messages that pages show, and where each is explained; nobody keeps it by hand.

A message is what a cell printed that a reader sees: of ``expect_error``, ``expect_warning`` or a traceback. Those
of the chapter in which the directive stands come first, and the others can be opened. With scripts, a field filters
both (`_static/form.js`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pipeline.form.check import Script
from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages

MESSAGE = re.compile(r"^(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Warning|Unsupported): \S.*", re.MULTILINE)
HEADING = re.compile(r"^(\S.*)\n-{3,}$", re.MULTILINE)
VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\d+")  # what differs between two messages of one kind
LINK = re.compile(r":[\w:]+:`([^`<]*?)\s*(?:<[^>]*>)?`")
KIND, SHOWN = 50, 100  # characters by which two messages are one; of a message in the table


class Row(NamedTuple):
    """One message, and the page and the section that show it first; the section is empty at the top of a page."""

    message: str
    page: str
    section: str


def rows(pages: gallery_pages.Pages, chapter: str) -> Iterator[Row]:
    """Yield each kind of message once, those of a chapter first, in reading order."""
    known = set()
    names = pages.names()
    for page in sorted(names, key=lambda name: not name.startswith(f"{chapter}/")):
        script = Script(adapter.blocks(pages.source(page)))
        seen = {cell.lineno + len(cell.content) - len(cell.content.lstrip("\n")) for cell in script.cells}
        for cell in pages.record(page).get("cells", []):
            if cell["line"] in seen:
                for message in MESSAGE.findall(cell["text"]):
                    kind = VARYING.sub("", message)[:KIND]
                    if kind not in known:
                        known.add(kind)
                        yield Row(message, page, section_of(script, cell["line"]))


def section_of(script: Script, line: int) -> str:
    """Return the heading above a line of a script, without roles; empty at the top."""
    above = [block.content for block in script.texts[1:] if block.lineno < line]
    headings = list(itertools.chain.from_iterable(map(HEADING.findall, above)))
    return re.sub(r"[`*]", "", LINK.sub(r"\1", headings[-1])) if headings else ""


class _Table(nodes.General, nodes.Element):
    """Where the table comes to stand."""


class ErrorsTable(SphinxDirective):
    """The table of errors, in the header of a chapter."""

    def run(self) -> list[nodes.Node]:
        """Note what the table depends on: any page may show another message when it changes."""
        pages = gallery_pages.of(self.env.app)
        if not (chapter := pages.chapter_of(self.env.docname)):
            return []
        for page in pages.names():
            self.env.note_dependency(str(pages.source(page)))
        return [_Table(chapter=chapter, rows=list(rows(pages, chapter)))]


def _render(app: Sphinx, docname: str, chapter: str, found: list[Row]) -> str:
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]

    def written(row: Row) -> str:
        address = app.builder.get_relative_uri(docname, f"{gallery}/{row.page}")
        place = f"#{nodes.make_id(row.section)}" if row.section else ""
        title = app.env.titles[f"{gallery}/{row.page}"].astext()
        is_here = address.count("/") == 0
        words = (row.section or "causes and fixes") if is_here else title
        short = row.message if len(row.message) <= SHOWN else f"{row.message[:SHOWN].rpartition(' ')[0]} …"
        return (
            f'<tr><td><code>{escape(short)}</code></td><td><a class="reference internal" '
            f'href="{escape(address + place)}">{escape(words)}</a></td></tr>'
        )

    here = [row for row in found if row.page.startswith(f"{chapter}/")]
    others = [row for row in found if row not in here]
    head = "<thead><tr><th>The message says</th><th>Explained under</th></tr></thead>"
    tables = [
        f'<div class="pst-scrollable-table-container"><table class="table">{head}<tbody>'
        f"{''.join(map(written, part))}</tbody></table></div>"
        for part in (here, others)
    ]
    return (
        '<div class="ptg-errors"><p hidden><label>Show those that hold <input type="search" class="form-control" '
        'placeholder="words of the message"></label> <span role="status"></span></p>'
        f"{tables[0]}<details><summary>Messages of pages of other chapters ({len(others)})</summary>{tables[1]}"
        "</details></div>"
    )


def _draw(app: Sphinx, document: nodes.document, docname: str) -> None:
    for place in list(document.findall(_Table)):
        html = ""
        if app.builder.format == "html":
            html = _render(app, docname, place["chapter"], [Row(*row) for row in place["rows"]])
        place.replace_self(nodes.raw("", html, format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive; the table is written when the titles of all pages are known."""
    app.add_node(_Table)
    app.add_directive("errors-table", ErrorsTable)
    app.connect("doctree-resolved", _draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
