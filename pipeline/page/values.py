"""Values in the text stand on the page as plain words: what the run of the page, or of its snippets, gave."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from pipeline.gallery import pages as gallery_pages
from pipeline.running import snippets, values

CLASS = "ptg-value"  # of what the build puts there


class Value(SphinxRole):
    """What `pipeline.running.values` found at this place."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the value as text."""
        app, docname = self.env.app, self.env.docname
        page = gallery_pages.of(app).page_of(docname)
        if docname in snippets.failed(app) or gallery_pages.of(app).has_failed(page):
            return [nodes.Text(self.text)], []  # it is said already
        if page:
            found = values.of_record(gallery_pages.of(app).record(page))
        else:
            self.env.note_dependency(str(snippets.kept_in(app)))
            found = snippets.values_of(app, docname)
        here = [value for value in found if value["words"].replace("\\", "") == self.text]
        line = self.get_source_info()[1]  # of the paragraph, or before it
        for value in [*(one for one in here if one["line"] >= line), *reversed(here)]:
            return [nodes.inline("", value["text"], classes=[CLASS])], []
        where = "a text of a page of the gallery, or in a Markdown file of the documentation"
        why = f"no run computed {self.text!r}: a value stands in {where}."
        return [], [self.inliner.reporter.error(why, line=self.lineno)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the role."""
    app.add_role("val", Value())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
