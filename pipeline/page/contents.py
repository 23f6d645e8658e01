"""The contents at the side of a page: the chapters of its section, and of these its own opened.

The theme's own list every page of the section on every page. Of a thousand pages that is 140 kB on each, and two thirds
of the time of writing them; here a page costs about as much however many there are.
"""

from __future__ import annotations

from html import escape
from typing import Any

from sphinx.application import Sphinx

# As the theme writes them, whose style sheet and scripts know these classes.
OPENED = (
    '<details open="open"><summary aria-label="Pages of {name}"><span class="toctree-toggle" role="presentation">'
    '<i class="fa-solid fa-chevron-down"></i></span></summary>{pages}</details>'
)


class Contents:
    """The contents of one build; made when all documents are read."""

    def start(self, app: Sphinx, _builder: Any) -> None:
        """Note below which document each stands."""
        self.app, self.below, self.titles = app, app.env.toctree_includes, dict[str, str]()
        self.above = {name: parent for parent, names in self.below.items() for name in names}

    def chain(self, docname: str) -> list[str]:
        """Return a document and those above it, up to its section, which stands right below the first page."""
        found: list[str] = []
        while docname in self.above and docname not in found:
            found.append(docname)
            docname = self.above[docname]
        return found

    def of(self, docname: str) -> str:
        """Return the contents of the section of a document, as HTML; empty where it has none."""
        chain = self.chain(docname)
        return self._list(chain, chain[-1], 1) if chain else ""

    def _list(self, chain: list[str], parent: str, level: int) -> str:
        items = [self._item(chain, name, level) for name in self.below.get(parent, ()) if name in self.app.env.titles]
        classes = [*(["current"] if parent in chain[1:] else []), *(["nav", "bd-sidenav"] if level == 1 else [])]
        opening = f'<ul class="{" ".join(classes)}">' if classes else "<ul>"
        return "\n".join([opening, *items, "</ul>"]) if items else ""

    def _item(self, chain: list[str], name: str, level: int) -> str:
        here, title = chain[0], self._title(name)
        pages = self._list(chain, name, level + 1) if name in chain else ""
        classes = [f"toctree-l{level}", *(["current", "active"] if name in chain else [])]
        classes += ["has-children"] if pages else []
        link = f'<a class="reference internal" href="{escape(self.app.builder.get_relative_uri(here, name))}">'
        if name == here:
            link = '<a aria-current="page" class="current reference internal" href="#">'
        plain = escape(self.app.env.titles[name].astext())
        opened = OPENED.format(name=plain, pages=pages) if pages else ""
        return f'<li class="{" ".join(classes)}">{link}{title}</a>{opened}</li>'

    def _title(self, name: str) -> str:
        if name not in self.titles:
            self.titles[name] = self.app.builder.render_partial(self.app.env.titles[name])["title"]
        return self.titles[name]

    def add(self, app: Sphinx, docname: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
        """Let the template `sidebar-nav-bs.html` ask for the contents."""
        context["section_contents"] = lambda: self.of(docname)


def setup(app: Sphinx) -> dict[str, Any]:
    """Start when all documents are read and before the first is written."""
    contents = Contents()
    app.connect("write-started", contents.start)
    app.connect("html-page-context", contents.add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
