"""``{refused-table} Axes`` lists what torch refuses: the message, the smallest call, the rule, and what runs instead.

The rows are kept in ``docs/refused.json``, which ``python -m pipeline refused`` writes: so a page is built without
torch's own tests, and reads the same with each torch. Each row has an anchor, and is a section for the search.
``{refused-filter}`` is the field that filters the tables of a page (`_static/form.js`).
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pipeline.gallery import adapter

FILE = "refused.json"
CLASS = "ptg-refused"
NAMES = "ptg-refused-names"  # the class of the names of a row, which are its title
HEAD = "<thead><tr><th>The message, and a call that raises it</th><th>The rule, and what runs instead</th></tr></thead>"


class Table(nodes.General, nodes.Element):
    """The rows of a group."""


class Row(nodes.General, nodes.Element):
    """One message, with what the search reads as its children."""


class Said(nodes.General, nodes.TextElement):
    """What a row says: it is quoted, so no rule about the sentences of a page holds for it."""


class RefusedTable(SphinxDirective):
    """The messages of one group."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the table; a group without rows is an error."""
        file = Path(self.env.srcdir, FILE)
        self.env.note_dependency(str(file))
        kept = json.loads(file.read_text(encoding="utf-8"))
        rows = [row for row in kept["rows"] if row["group"] == self.arguments[0]]
        if not rows:
            groups = ", ".join(dict.fromkeys(row["group"] for row in kept["rows"]))
            raise self.error(f"{FILE} has no group {self.arguments[0]!r}; it has: {groups}.")
        table = Table()
        table += [row_of(row) for row in rows]
        return [table]


class RefusedFilter(SphinxDirective):
    """The field that filters the tables, and the version of torch that refuses."""

    def run(self) -> list[nodes.Node]:
        """Return the field, which is hidden where no script shows it."""
        file = Path(self.env.srcdir, FILE)
        self.env.note_dependency(str(file))
        version = json.loads(file.read_text(encoding="utf-8"))["torch"]
        field = (
            f'<p class="{CLASS}-filter" hidden><label>Show those that hold <input type="search" class="form-control" '
            'placeholder="words of the message"></label> <span role="status"></span></p>'
        )
        return [nodes.raw("", field, format="html"), nodes.paragraph("", f"The messages are those of torch {version}.")]


def row_of(row: dict[str, Any]) -> Row:
    """Return a row, whose children are what the search reads."""
    made = Row(ids=[row["anchor"]], row=row)
    made += Said("", ", ".join(row["names"]), classes=[NAMES])
    made += Said("", row["message"], classes=[adapter.OUTPUT])
    made += Said("", " ".join([row["call"], row["rule"], *row["changes"]]))
    return made


def written(row: dict[str, Any], link: str = "") -> str:
    """Return a row as HTML.

    Parameters
    ----------
    row : dict
    link : str
        To the page about the message; empty if it has none.
    """
    given = f" Here {escape(', '.join(row['given']))}." if row["given"] else ""
    others = ", ".join(map(escape, row["names"][1:]))
    also = f'<p class="{NAMES}">Also: {others}</p>' if others else ""
    rule = f"<p>{'<br>'.join(map(escape, row['rule'].splitlines()))}</p>" if row["rule"] else ""
    changes = "".join(f"<p><code>{code}</code>{gives}</p>" for code, gives in map(_parted, row["changes"]))
    none = "" if changes else "<p>No change of one argument was found that runs and keeps the meaning.</p>"
    return (
        f'<tr id="{row["anchor"]}"><td><p><code>{escape(row["message"])}</code></p>'
        f"<p><code>{escape(row['call'])}</code>{given}</p>{also}</td><td>{rule}{changes}{none}{link}</td></tr>"
    )


def _parted(change: str) -> tuple[str, str]:
    """Return a change and what it gives, apart."""
    code, comma, gives = change.rpartition(", which ")
    return (escape(code), escape(f"{comma}{gives}")) if comma else (escape(change), "")


def _visit(translator: Any, node: Table) -> None:
    app = translator.builder.app
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]

    def link(row: dict[str, Any]) -> str:
        page = f"{gallery}/{row['page']}"
        if page not in app.env.titles:
            return ""
        address = app.builder.get_relative_uri(translator.builder.current_docname, page)
        return f'<p>More: <a class="reference internal" href="{address}">{app.env.titles[page].astext()}</a></p>'

    rows = "".join(written(child["row"], link(child["row"])) for child in node.children)
    translator.body.append(
        f'<div class="{CLASS} pst-scrollable-table-container"><table class="table">{HEAD}<tbody>{rows}</tbody>'
        "</table></div>"
    )
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives, and how a table is written."""
    app.add_node(Table, html=(_visit, None))
    app.add_node(Row)
    app.add_node(Said)
    app.add_directive("refused-table", RefusedTable)
    app.add_directive("refused-filter", RefusedFilter)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
