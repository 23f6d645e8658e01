"""The parts of a page, of which its notebook and its Markdown are made: text, and cells with what they gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile

from docutils import nodes
from sphinx.errors import ExtensionError

from pipeline.gallery import adapter
from pipeline.page import solutions

FURNITURE = adapter.FURNITURE | {"only-dark"}  # of two pictures that a page has for its themes, one is shown


@dataclass(frozen=True)
class Block:
    """A part of a page.

    Attributes
    ----------
    code : str or None
        Of a cell, without sphinx-gallery's settings and hidden lines; None for text.
    nodes : list of docutils.nodes.Element
        The text or, of a cell, what it printed, drew and returned.
    """

    code: str | None
    nodes: list[nodes.Element]


def blocks_of(doctree: nodes.document, script: Sequence[tuple[str, str, int]]) -> list[Block]:
    """Return the parts of a page in order.

    Parameters
    ----------
    doctree : docutils.nodes.document
        The page that sphinx-gallery made of the script.
    script : sequence of tuple
        From `adapter.blocks`.

    Returns
    -------
    list of Block

    Raises
    ------
    sphinx.errors.ExtensionError
        If page and script differ.
    """
    sources = [(kind, adapter.without_settings(source).strip()) for kind, source, _ in script]
    groups: list[list[nodes.Element]] = [[]]
    for node in _in_order(doctree):
        if isinstance(node, nodes.comment) and adapter.BLOCK.match(node.astext()):
            groups.append([])
        elif adapter.begins_downloads(node):
            break
        elif not FURNITURE.intersection(node["classes"]):
            groups[-1].append(node)
    if len(groups) == len(sources) - 1 and not sources[-1][1]:
        sources.pop()  # sphinx-gallery shows no last block of settings alone
    if len(groups) != len(sources):
        raise ExtensionError(
            f"{doctree['source']} has {len(groups)} blocks and its script has {len(sources)}: the page is older than "
            "the script, or a text ends in the middle of a construct. Build anew with -E, then look at the texts."
        )
    return [
        Block(None, group) if kind == "text" else _cell(doctree, source, group)
        for (kind, source), group in zip(sources, groups, strict=True)
    ]


def _cell(doctree: nodes.document, source: str, group: list[nodes.Element]) -> Block:
    """Return a cell with what stands below its code."""
    if not source:
        given = [node for node in group if node.tagname not in solutions.CODE or adapter.OUTPUT in node["classes"]]
        return Block(source, given)
    from_code = list(dropwhile(lambda node: not _shows(node, source), group))
    if not from_code:
        raise ExtensionError(f"{doctree['source']} does not show this code of its script; build anew:\n{source}")
    return Block(source, from_code[1:])


def _shows(node: nodes.Element, source: str) -> bool:
    return node.tagname in solutions.CODE and adapter.without_setting_lines(code_of(node)).split() == source.split()


def _in_order(node: nodes.Element) -> Iterator[nodes.Element]:
    """Yield what stands in the sections of a page, without the sections themselves."""
    for child in node.children:
        yield from _in_order(child) if isinstance(child, nodes.section) else [child]


def code_of(node: nodes.Element) -> str:
    """Return the code of a block without the line numbers that sphinx-gallery may have put into it."""
    parts = (child for child in node if not (isinstance(child, nodes.inline) and "linenos" in child["classes"]))
    return "".join(part.astext() for part in parts)
