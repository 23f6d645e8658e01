"""One line on each word of the glossary and on each public name of the package, taken from where they are described.

Pages that show these lines are written again when one of them has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from pipeline.gallery import pages as gallery_pages

SENTENCE = re.compile(r".*?[.?!](?=\s+[^a-z\s]|\s*\Z)", re.DOTALL)


@dataclass(frozen=True)
class Explanation:
    """What is said of a word in one line, and where more is said: a document and a place in it."""

    words: str
    docname: str
    anchor: str


def first_sentence(paragraph: str) -> str:
    r"""Return the first sentence of a paragraph in one line.

    Examples
    --------
    >>> first_sentence("The exponent 2.7 of e,\nwritten e.g. so. More.")
    'The exponent 2.7 of e, written e.g. so.'
    """
    found = SENTENCE.match(paragraph)
    return " ".join((found[0] if found else paragraph).split())


def of_glossary(env: BuildEnvironment, docname: str) -> Iterator[tuple[str, Explanation]]:
    """Yield each word of the glossary with its explanation; the words of one entry have the same."""
    for item in env.get_doctree(docname).findall(nodes.definition_list_item):
        terms = [part for part in item if isinstance(part, nodes.term)]
        said = next(iter(item.findall(nodes.paragraph)), None)
        for term in terms:
            if said is not None and term["ids"]:
                words = next(iter(term.findall(nodes.Text))).astext()
                yield words, Explanation(first_sentence(said.astext()), docname, term["ids"][0])


def of_package(env: BuildEnvironment, package: str) -> Iterator[tuple[str, Explanation]]:
    """Yield each public name that the reference describes with the first sentence of its docstring."""
    objects = env.domains.python_domain.objects
    places = {name: one for name, one in objects.items() if name == package or name.startswith(f"{package}.")}
    for docname in sorted({one.docname for one in places.values()}):
        said = _described(env.get_doctree(docname))
        for name, one in places.items():
            if one.docname == docname and one.node_id in said:
                yield name, Explanation(said[one.node_id], docname, one.node_id)


def _described(reference: nodes.document) -> dict[str, str]:
    """Return by anchor what a document of the reference says first of each name."""
    found = {}
    for entry in reference.findall(addnodes.desc):
        content = next((part for part in entry if isinstance(part, addnodes.desc_content)), None)
        said = next((part for part in content or [] if isinstance(part, nodes.paragraph)), None)
        for signature in entry.findall(addnodes.desc_signature):
            if said is not None and signature.parent is entry:
                found |= dict.fromkeys(signature["ids"], first_sentence(said.astext()))
    return found


@dataclass
class Explanations:
    """All of one build: of the words of the ``glossary`` and of the ``names`` of the package; ``read`` says when."""

    glossary: dict[str, Explanation]
    names: dict[str, Explanation]
    read: dict[str, int]


def of(app: Sphinx) -> Explanations:
    """Return what is explained in this build."""
    return getattr(app.env, "ptguide_explanations", Explanations({}, {}, {}))


def _read(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Read what is explained, where it was read anew; return the pages to be written again."""
    package, glossary = gallery_pages.of(app).package.name, app.config.pages_glossary
    objects = env.domains.python_domain.objects.items()
    documents = {one.docname for name, one in objects if name.partition(".")[0] == package}
    documents |= {glossary} & env.all_docs.keys()
    read = {name: env.all_docs[name] for name in sorted(documents)}
    known = of(app)
    if known.read == read:
        return []
    words = dict(of_glossary(env, glossary)) if glossary in env.all_docs else {}
    found = env.ptguide_explanations = Explanations(words, dict(of_package(env, package)), read)
    if (found.glossary, found.names) == (known.glossary, known.names):
        return []
    return [name for name in env.all_docs if gallery_pages.of(app).page_of(name)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Read when all documents are read."""
    app.add_config_value("pages_glossary", "glossary", "env", types=[str])
    app.connect("env-updated", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
