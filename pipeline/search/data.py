"""What the search looks through: for each page its title, its other names, and what its sections say and show.

Written as scripts, since a page opened from a folder may not fetch files: ``search-index.js``, by which pages are
ranked (`_static/search-rank.js`), and ``search/<page>.js``, which `_static/search.js` loads for what it shows.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sphinx.search
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from pipeline.form import folds, refused_table, use_this
from pipeline.gallery import adapter
from pipeline.gallery.pages import is_live, write_if_new
from pipeline.page.solutions import words_of_fold
from pipeline.search import index

CODE = {"literal_block", "doctest_block", adapter.CODE_NODE}
SKIPPED = (nodes.raw, nodes.comment, nodes.math, nodes.math_block, addnodes.toctree)
SHOWN = ("anchor", "title", "text", "output")  # of a section, with a result
STEMMERS = ("base-stemmer.js", "english-stemmer.js")


def sections_of(
    doctree: nodes.document, labels: Mapping[str, tuple[str, str, str]] = MappingProxyType({})
) -> list[dict[str, str]]:
    """Return what the sections of a page say, its folded cells and its box *Use this*; the first has the page's title.

    Parameters
    ----------
    doctree : nodes.document
        As it is before references are resolved.
    labels : mapping
        The document, the anchor and the title of each label.

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
            here = _section(node.parent["ids"][0] if found else "", _said(node, labels))
            found.append(here)
        elif found and (parts := _apart(node)) is not None:
            found.append(
                _section((node if folds.CLASS in node["classes"] else node.parent)["ids"][0], _said(node, labels))
            )
            inside |= {id(part): found[-1] for one in parts for part in one.findall(nodes.Element)}
        elif found:
            kind = "output" if adapter.OUTPUT in node["classes"] else "code" if node.tagname in CODE else "text"
            if kind != "code" or not words_of_fold(node.astext()):
                inside.get(id(node), here)[kind].append(_said(node, labels))
    return [{key: part if isinstance(part, str) else " ".join(part) for key, part in one.items()} for one in found]


def _section(anchor: str, title: str) -> dict[str, Any]:
    return {"anchor": anchor, "title": title, "text": [], "code": [], "output": []}


def _apart(node: nodes.Element) -> list[nodes.Node] | None:
    """Return what stands in the fold, the box or the row that a node is the title of; None for another node."""
    if refused_table.NAMES in node["classes"]:
        return node.parent[1:]
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


def _said(node: nodes.Element, labels: Mapping[str, tuple[str, str, str]]) -> str:
    """Return the text of a node in one line, without formulas and HTML, and with titles in the place of labels."""
    parts = (text for text in node.findall(nodes.Text) if not isinstance(text.parent, nodes.math | nodes.raw))
    return " ".join("".join(_named(text, labels) for text in parts).split())


def _named(text: nodes.Text, labels: Mapping[str, tuple[str, str, str]]) -> str:
    """Return a text, or the title of the place that it is the label of."""
    link = text.parent.parent
    is_label = isinstance(link, addnodes.pending_xref) and link["reftype"] == "ref" and not link["refexplicit"]
    return labels[link["reftarget"]][2] if is_label and link["reftarget"] in labels else str(text)


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
            self.found[name] = sections_of(app.env.get_doctree(name), app.env.domains.standard_domain.labels)

    def finish(self, app: Sphinx, exception: Exception | None) -> None:
        """Write what the search looks through, and the stemmer of Sphinx."""
        if exception is not None or app.builder.name != "html" or is_live(app):
            return
        self.found = {name: self.found[name] for name in sorted(app.env.all_docs) if self.found.get(name)}
        self.file.write_text(json.dumps(self.found), encoding="utf-8")
        other = _other_names(app)
        pages = {  # without lists of pages, which are found themselves
            name: index.parts_of(name, " | ".join(other.get(name, [])), sections)
            for name, sections in self.found.items()
            if name.rpartition("/")[2] != "index"
        }
        self._write_parts(Path(app.outdir, "search"), pages.keys())
        _write_script(Path(app.outdir, "search-index.js"), "window.ptguideIndex = %s;", _index(pages))
        for stemmer in STEMMERS:
            source = Path(sphinx.search.__file__).parent / "minified-js" / stemmer
            shutil.copyfile(source, Path(app.outdir, "_static", stemmer))

    def _write_parts(self, folder: Path, pages: Collection[str]) -> None:
        """Write what the results show of each page, and nothing of pages that are gone."""
        for file in folder.rglob("*.js"):
            if file.relative_to(folder).with_suffix("").as_posix() not in pages:
                file.unlink()
        for name in pages:
            shown = [{key: one[key] for key in SHOWN} for one in self.found[name]]
            _write_script(folder / f"{name}.js", f"ptguideSearch.part({json.dumps(name)}, %s);", shown)


def _index(pages: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return what the search of a browser ranks pages by."""
    return {
        "pages": [{"id": name, "title": parts["title"], "other": parts["other"]} for name, parts in pages.items()],
        "messages": {name: said for name, parts in pages.items() if (said := index.messages(parts["output"]))},
        "stopwords": sorted(index.STOP),
        "terms": index.packed(*index.weighed(pages)),
    }


def _write_script(file: Path, form: str, data: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    write_if_new(file, f"{form % text}\n")


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
