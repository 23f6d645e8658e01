"""Under each page: when, where and with what it ran, and how many claims held; written by the build alone."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from pipeline.gallery import pages as gallery_pages
from pipeline.page.values import CLASS
from pipeline.running import snippets


def _note_record(app: Sphinx, doctree: nodes.document) -> None:
    if page := gallery_pages.of(app).page_of(app.env.docname):
        app.env.note_dependency(str(gallery_pages.of(app).record_file(page)))


def _add_context(app: Sphinx, docname: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    if page := gallery_pages.of(app).page_of(docname):
        pages = gallery_pages.of(app)
        context["provenance"] = {} if pages.has_failed(page) else pages.record(page)
    context["snippets_ran"] = len(snippets.ran(app).get(docname, ()))


class CheckedTable(SphinxDirective):
    """A table of all pages with the number of claims that held; from the records."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        pages = gallery_pages.of(self.env.app)
        self.env.note_dependency(str(pages.summary_file))
        folder = self.config.sphinx_gallery_conf["gallery_dirs"]
        rows = []
        for name, page in pages.summary().items():
            link = pending_xref(refdomain="std", reftype="doc", reftarget=f"/{folder}/{name}", refexplicit=False)
            link["refwarn"], link["refdoc"] = True, self.env.docname
            link += nodes.inline(text=name)
            claims = nodes.inline("", f"{page['claims']:,}", classes=[CLASS])
            rows.append([nodes.paragraph("", "", link), nodes.paragraph("", "", claims)])
        return [_table([nodes.paragraph(text="Page"), nodes.paragraph(text="Claims that held")], rows)]


def _table(head: list[nodes.Node], rows: list[list[nodes.Node]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *map(_row, rows))
    return nodes.table("", group)


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


class Counted(SphinxRole):
    """A number that the build counted: ``pages``, ``claims`` or ``snippets``."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number as text."""
        pages = gallery_pages.of(self.env.app)
        self.env.note_dependency(str(pages.summary_file))
        counts = {
            "pages": len(pages.names()),
            "claims": sum(page["claims"] for page in pages.summary().values()),
            "snippets": sum(len(sources) for sources in snippets.ran(self.env.app).values()),
        }
        if self.text not in counts:
            message = self.inliner.reporter.error(
                f"counted knows {', '.join(counts)}; got {self.text!r}", line=self.lineno
            )
            return [], [message]
        return [nodes.inline("", f"{counts[self.text]:,}", classes=[CLASS])], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Add what the templates need, and the directive and the role."""
    app.add_directive("checked-pages", CheckedTable)
    app.add_role("counted", Counted())
    app.connect("doctree-read", _note_record)
    app.connect("html-page-context", _add_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
