"""What the search looks through: for each page its title, its other names, and what its sections say and show.

Written as a script, since a page opened from a folder may not fetch files. The search itself is `_static/search.js`.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sphinx.search
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.search.en import SearchEnglish

from pipeline.form import folds, use_this
from pipeline.gallery import adapter
from pipeline.gallery.pages import is_live
from pipeline.page.solutions import words_of_fold

CODE = {"literal_block", "doctest_block", adapter.CODE_NODE}
SKIPPED = (nodes.raw, nodes.comment, nodes.math, nodes.math_block, addnodes.toctree)
STEMMERS = ("base-stemmer.js", "english-stemmer.js")


def sections_of(doctree: nodes.document) -> list[dict[str, str]]:
    """Return what the sections of a page say, its folded cells and its box *Use this*; the first has the page's title.

    Returns
    -------
    list of dict
        With ``anchor``, ``title``, ``text``, ``code`` (without solutions and answers) and ``output``.
    """
    found: list[dict[str, Any]] = []
    inside: dict[int, dict[str, Any]] = {}  # the fold or the box that a node stands in
    here: dict[str, Any] = {}
    for node in _walk(doctree):
        if isinstance(node, nodes.title) and isinstance(node.parent, nodes.section):
            here = _section(node.parent["ids"][0] if found else "", _said(node))
            found.append(here)
        elif found and (parts := _apart(node)) is not None:
            found.append(_section((node if folds.CLASS in node["classes"] else node.parent)["ids"][0], _said(node)))
            inside |= {id(part): found[-1] for one in parts for part in one.findall(nodes.Element)}
        elif found:
            kind = "text"
            if node.tagname in CODE:
                kind = "output" if adapter.OUTPUT in node["classes"] else "code"
            if kind != "code" or not words_of_fold(node.astext()):
                inside.get(id(node), here)[kind].append(_said(node))
    return [{key: part if isinstance(part, str) else " ".join(part) for key, part in one.items()} for one in found]


def _section(anchor: str, title: str) -> dict[str, Any]:
    return {"anchor": anchor, "title": title, "text": [], "code": [], "output": []}


def _apart(node: nodes.Element) -> list[nodes.Node] | None:
    """Return what stands in the fold or the box that a node is the title of; None for another node."""
    if folds.CLASS in node["classes"]:
        return folds.cell_below(node)
    is_box = isinstance(node, nodes.title) and use_this.CLASS in node.parent["classes"]
    return node.parent[1:] if is_box else None


def _walk(node: nodes.Node) -> Iterator[nodes.Element]:
    """Yield the titles and the innermost blocks of text in their order."""
    for child in node.children:
        if isinstance(child, SKIPPED) or not isinstance(child, nodes.Element):
            continue
        if child.tagname in CODE or isinstance(child, nodes.TextElement):
            yield child
        else:
            yield from _walk(child)


def _said(node: nodes.Element) -> str:
    """Return the text of a node in one line, without formulas and HTML."""
    parts = (text for text in node.findall(nodes.Text) if not isinstance(text.parent, nodes.math | nodes.raw))
    return " ".join("".join(parts).split())


class SearchData:
    """What the pages of one build say; those that are not written again are as they were."""

    def start(self, app: Sphinx) -> None:
        """Read what earlier builds found, and leave out Sphinx's own index and page."""
        self.file = Path(app.doctreedir, "search.json")
        self.found = json.loads(self.file.read_text(encoding="utf-8")) if self.file.is_file() else {}
        app.builder.search = False

    def collect(self, app: Sphinx, name: str, _template: str, _context: dict[str, Any], doctree: Any) -> None:
        """Note what a page says as it is written."""
        if doctree is not None and app.builder.name == "html" and not is_live(app):
            self.found[name] = sections_of(app.env.get_doctree(name))

    def finish(self, app: Sphinx, exception: Exception | None) -> None:
        """Write what the search looks through, and the stemmer of Sphinx."""
        if exception is not None or app.builder.name != "html" or is_live(app):
            return
        self.found = {name: self.found[name] for name in sorted(app.env.all_docs) if self.found.get(name)}
        self.file.write_text(json.dumps(self.found), encoding="utf-8")
        other = _other_names(app)
        pages = [
            {"id": name, "other": " | ".join(other.get(name, [])), "sections": sections}
            for name, sections in self.found.items()
            if name.rpartition("/")[2] != "index"  # lists of pages, which are found themselves
        ]
        data = {"pages": pages, "stopwords": sorted(SearchEnglish.stopwords)}
        script = f"window.ptguideData = {json.dumps(data, ensure_ascii=False, separators=(',', ':'))};\n"
        Path(app.outdir, "search-data.js").write_text(script, encoding="utf-8")
        for stemmer in STEMMERS:
            source = Path(sphinx.search.__file__).parent / "minified-js" / stemmer
            shutil.copyfile(source, Path(app.outdir, "_static", stemmer))


def _other_names(app: Sphinx) -> dict[str, list[str]]:
    """Return by page the words that people use for what it explains and that it does not use itself."""
    if not app.config.search_other_names:
        return {}
    file = Path(app.srcdir, app.config.search_other_names)
    names = tomllib.loads(file.read_text(encoding="utf-8"))
    if unknown := sorted(names.keys() - app.env.all_docs.keys()):
        raise ExtensionError(f"{file.name} names pages that do not exist: {', '.join(unknown)}.")
    return names


def setup(app: Sphinx) -> dict[str, Any]:
    """Collect when a page is written, write when all are."""
    data = SearchData()
    app.add_config_value("search_other_names", "", "")
    app.connect("builder-inited", data.start)
    app.connect("html-page-context", data.collect)
    app.connect("build-finished", data.finish, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
