"""The first use on a page of each word of the glossary, and of each name of the package, is explained where it stands.

It becomes a link with one line on the word as its title, which `_static/form.js` shows at a touch, a hover and keyboard
focus, and which a screen reader reads. Left out are titles, code in the text, formulas, links to something else, and
words that the title or the file name of the page names: that page explains them. A name is explained at its first use
in the text and in the code that is not folded. The notebook, the script and the Markdown are as the author wrote them.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from pipeline.form import explanations, folds
from pipeline.form.explanations import Explanation
from pipeline.form.finder import Finder
from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.sources import import_statements

CLASS = "ptg-word"
PLAIN = (nodes.reference, nodes.literal, nodes.math, nodes.raw, nodes.title, nodes.footnote_reference)


def paragraphs(document: nodes.document) -> Iterator[nodes.paragraph]:
    """Yield the paragraphs that an author wrote, in their order."""
    for text in document.findall(nodes.paragraph):
        if folds.CLASS not in text["classes"] and not adapter.FURNITURE.intersection(text["classes"]):
            yield text


def texts(block: nodes.Element) -> Iterator[nodes.Text]:
    """Yield the words of a paragraph in which a word of the glossary is looked for."""
    for part in block.children:
        if isinstance(part, nodes.Text):
            yield part
        elif isinstance(part, nodes.Element) and not isinstance(part, PLAIN):
            yield from texts(part)


@functools.cache
def finder_of(words: frozenset[str]) -> Finder:
    """Return the finder of these words, made once."""
    return Finder(words)


def explained_here(title: str, page: str, finder: Finder) -> set[str]:
    """Return the words that a page explains itself: those of its title and of its file's name.

    Examples
    --------
    >>> finder = Finder(["stride", "storage", "axis"])
    >>> sorted(explained_here("What is a stride?", "tensors/strides_and_storage", finder))
    ['storage', 'stride']
    """
    name = page.rpartition("/")[2].replace("_", " ")
    return {word for text in (title, name) for word, *_ in finder.find(text)}


class _Page:
    """The first uses on one page."""

    def __init__(self, app: Sphinx, document: nodes.document, docname: str) -> None:
        self.app, self.document, self.docname = app, document, docname
        self.known = explanations.of(app)
        self.finder = finder_of(frozenset(self.known.glossary))
        page = gallery_pages.of(app).page_of(docname)
        title = next(iter(document.findall(nodes.title)), nodes.title()).astext()
        self.done = explained_here(title, page, self.finder)
        self.imported = imported(gallery_pages.of(app).source(page), gallery_pages.of(app).package.name)

    def explain_words(self) -> None:
        """Link the first use of each word of the glossary; a link that the author wrote is explained."""
        of_anchor = {one.anchor: word for word, one in reversed(self.known.glossary.items())}
        for block in list(paragraphs(self.document)):
            by_author = {}
            for link in block.findall(nodes.reference):
                address, _, anchor = link.get("refuri", "").partition("#")
                if anchor in of_anchor and Path(address).stem == Path(self.app.config.pages_glossary).stem:
                    by_author.setdefault(of_anchor[anchor], link)
            for part in list(texts(block)):
                self._link_words(part, by_author.keys())
            for word, link in by_author.items():
                if word not in self.done:
                    self._mark(link, self.known.glossary[word].words)
                    self.done.add(word)

    def _link_words(self, text: nodes.Text, by_author: Container[str]) -> None:
        """Put links into the place of the words of one text that are met for the first time."""
        words, made, end = text.astext(), [], 0
        for word, start, stop in self.finder.find(words):
            if word in self.done or word in by_author:
                continue
            self.done.add(word)
            made += [nodes.Text(words[end:start]), self._link(self.known.glossary[word], nodes.Text(words[start:stop]))]
            end = stop
        if made:
            text.parent.replace(text, [part for part in (*made, nodes.Text(words[end:])) if part.astext()])

    def explain_names(self) -> None:
        """Link the first use of each name of the package in the text, and explain the first in code."""
        in_text: set[str] = set()
        in_code: set[str] = set()
        hidden = folds.folded(self.document)
        for node in list(self.document.findall(lambda one: isinstance(one, nodes.literal | nodes.reference))):
            if id(node) in hidden:
                continue
            if isinstance(node, nodes.literal) and not isinstance(node.parent, nodes.reference | nodes.title):
                self._explain_literal(node, in_text)
            elif isinstance(node, nodes.reference) and (said := self.known.names.get(node.get("reftitle", ""))):
                name, is_code = node["reftitle"], node.parent.tagname == adapter.CODE_NODE
                seen = in_code if is_code else in_text
                if name not in seen and adapter.INSTANCE not in node["classes"]:
                    seen.add(name)
                    self._mark(node, said.words)

    def _explain_literal(self, literal: nodes.literal, seen: set[str]) -> None:
        name = self.imported.get(literal.astext().removesuffix("()").partition(".")[0], "")
        _, dot, rest = literal.astext().removesuffix("()").partition(".")
        if (said := self.known.names.get(name := name + dot + rest)) and name not in seen:
            seen.add(name)
            literal.replace_self(self._link(said, literal.deepcopy()))

    def _link(self, said: Explanation, inside: nodes.Node) -> nodes.reference:
        address = f"{self.app.builder.get_relative_uri(self.docname, said.docname)}#{said.anchor}"
        link = nodes.reference("", "", inside, internal=True, refuri=address)
        self._mark(link, said.words)
        return link

    def _mark(self, link: nodes.reference, words: str) -> None:
        link["classes"].append(CLASS)
        link["reftitle"] = words


def imported(script: Path, package: str) -> dict[str, str]:
    """Return the names of a package that a script imports, each with its whole name."""
    found = {}
    for node in import_statements(script.read_text(encoding="utf-8")):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def _explain(app: Sphinx, document: nodes.document, docname: str) -> None:
    pages = gallery_pages.of(app)
    if app.builder.format == "html" and (page := pages.page_of(docname)) and not pages.has_failed(page):
        one = _Page(app, document, docname)
        one.explain_names()
        one.explain_words()


def setup(app: Sphinx) -> dict[str, Any]:
    """Explain when the notebook and the Markdown of a page are made (900), before its cells are folded (950)."""
    app.connect("doctree-resolved", _explain, priority=940)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
