"""Beside what a cell gave when the site was built, what a recording of another device holds: as tabs.

A cell has tabs where its output differs, or in a chapter about devices. A recording whose page has changed since is
never among them: it stands folded under the page, marked as stale (provenance.html). So does a word on each recording
that differs in nothing, and on one of a page that computes on the CPU wherever it runs.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from itertools import takewhile
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from pipeline.gallery import pages as gallery_pages
from pipeline.outputs import kept as outputs
from pipeline.outputs import recordings

# sphinx-gallery writes this before each block of a page.
BLOCK = re.compile(r"GENERATED FROM PYTHON SOURCE LINES (\d+)-(\d+)")
PICTURE = "(picture) "


@dataclass(frozen=True)
class Beside:
    """A recording of another device, and what it is worth for the page as it is now."""

    recording: recordings.Recording
    stale: bool
    other_helpers: bool
    about_devices: bool

    @property
    def is_shown(self) -> bool:
        """Whether the outputs are those of the device: what a page computed on the CPU elsewhere says nothing of it."""
        return self.recording.used or self.about_devices

    @property
    def text(self) -> str:
        """The outputs of all cells, as they are shown of a stale recording."""
        return "\n\n".join(cell["output"] for cell in self.recording.cells if cell["output"])


def beside(app: Sphinx, page: str) -> list[Beside]:
    """Return the recordings of a page on other devices than the one that this site is built on."""
    pages, recorded = gallery_pages.of(app), recordings.of(app)
    here = pages.record(page).get("device")
    kept = [one for one in recorded.kept.of.get(page, ()) if one.device != here]
    if not kept:
        return []
    now = recorded.digests(page)
    about_devices = page.partition("/")[0] in app.config.device_chapters
    return [Beside(one, now.is_stale(one), now.has_other_helpers(one), about_devices) for one in kept]


def differs(cell: dict[str, Any], other: str, *, always: bool) -> bool:
    """Return whether what another device gave for a cell is worth showing.

    Parameters
    ----------
    cell : dict
        Of the record of the run on this device.
    other : str
        What the other device gave.
    always : bool
        Whether equal text is shown too.
    """
    printed = any(not line.startswith(PICTURE) for line in other.splitlines())
    return (printed and (always or cell["measured"])) or not outputs.same(recordings.output_of(cell), other)


def _cells(doctree: nodes.document, record: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], nodes.Element]]:
    """Yield place and content of each cell that is shown, and the node of its code; what it gave stands after that."""
    blocks = {}
    for comment in doctree.findall(nodes.comment):
        if found := BLOCK.match(comment.astext()):
            blocks[int(found[1])] = comment
    starts = sorted(blocks)
    for place, cell in enumerate(record["cells"]):
        comment = blocks[starts[bisect_right(starts, cell["line"]) - 1]]
        code = comment.next_node(descend=False, siblings=True)
        if isinstance(code, nodes.literal_block):
            yield place, cell, code
        elif not cell["code"].startswith("# sphinx_gallery_"):
            raise ExtensionError(f"{doctree['source']} does not show the cell of line {cell['line']}: build with -E.")


def _given(code: nodes.Element) -> list[nodes.Node]:
    """Return the nodes of what a cell gave."""
    siblings = code.parent.children
    after = siblings[code.parent.index(code) + 1 :]
    return list(takewhile(lambda node: not isinstance(node, nodes.comment | nodes.section | nodes.target), after))


def _put_tabs(app: Sphinx, doctree: nodes.document) -> None:
    page = gallery_pages.of(app).page_of(app.env.docname)
    if not page:
        return
    found = beside(app, page)
    _digests(app.env)[app.env.docname] = _digest(found)
    current = [one for one in found if one.is_shown and not one.stale]
    if not current:
        return
    record = gallery_pages.of(app).record(page)
    for number, cell, code in _cells(doctree, record):
        others = [
            (one, one.recording.cells[number]["output"])
            for one in current
            if differs(cell, one.recording.cells[number]["output"], always=one.about_devices)
        ]
        if not others:
            continue
        given = _given(code)
        for node in given:
            code.parent.remove(node)
        tabs = [(record["device"], given or [_raw("<p>This cell gives nothing here.</p>")])]
        tabs += [(one.recording.device, _recorded(one, output)) for one, output in others]
        place = code.parent.index(code) + 1
        code.parent.insert(place, list(_tab_set(f"ptg-device-{number + 1}", tabs)))


def _recorded(one: Beside, output: str) -> list[nodes.Node]:
    """Return the nodes of what another device gave, and below it where, when and with what."""
    lines = output.splitlines()
    printed = "\n".join(line for line in lines if not line.startswith(PICTURE))
    made: list[nodes.Node] = []
    if printed:
        made.append(nodes.literal_block(printed, printed, language="none", classes=["sphx-glr-script-out"]))
    for line in lines:
        if line.startswith(PICTURE):
            made.append(nodes.paragraph(text=f"A picture, of which the words are kept: {line.removeprefix(PICTURE)}"))
    if not lines:
        made.append(_raw("<p>This cell gives nothing there.</p>"))
    note = f"Recorded on {one.recording.where}."
    if one.other_helpers:
        note += " A helper that this page imports has changed since."
    return [*made, _raw(f'<p class="ptg-recorded">{escape(note)}</p>')]


def _tab_set(name: str, tabs: list[tuple[str, list[nodes.Node]]]) -> Iterator[nodes.Node]:
    """Yield the nodes of tabs that work without a script: radio buttons, each with what it brings to sight."""
    yield _raw('<div class="ptg-devices" role="group" aria-label="What this cell gives on each device">')
    for number, (device, content) in enumerate(tabs):
        checked = "" if number else " checked"
        yield _raw(
            f'<input type="radio" name="{name}" id="{name}-{number}"{checked}>'
            f'<label for="{name}-{number}">{escape(device)}</label>'
        )
        yield nodes.container("", *content, classes=["ptg-device"])
    yield _raw("</div>")


def _raw(html: str) -> nodes.raw:
    # Which the search passes over: what stands on every tab would be found on every page that has one.
    return nodes.raw("", html, format="html")


def _digests(env: BuildEnvironment) -> dict[str, str]:
    """Return of what recordings each document was made."""
    if not hasattr(env, "ptguide_beside"):
        env.ptguide_beside = {}
    return env.ptguide_beside


def _digest(found: list[Beside]) -> str:
    listed = [asdict(one) for one in found]
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest() if listed else ""


def _outdated(app: Sphinx, env: BuildEnvironment, _added: Any, _changed: Any, _removed: Any) -> list[str]:
    """Return the pages of which a recording came, went or changed: they are read again, and none runs again."""
    made = _digests(env)
    pages = {name: gallery_pages.of(app).page_of(name) for name in env.found_docs}
    return [name for name, page in pages.items() if page and made.get(name, "") != _digest(beside(app, page))]


def _purge(_app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _digests(env).pop(docname, None)


def _merge(_app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    _digests(env).update({name: digest for name, digest in _digests(other).items() if name in docnames})


def _add_context(app: Sphinx, docname: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    if page := gallery_pages.of(app).page_of(docname):
        context["recorded_elsewhere"] = beside(app, page)


def setup(app: Sphinx) -> dict[str, Any]:
    """Put the tabs into each page as it is read, after the check for static code."""
    app.add_config_value("device_chapters", [], "env", types=[list])
    app.connect("doctree-read", _put_tabs, priority=700)
    app.connect("env-get-outdated", _outdated)
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    app.connect("html-page-context", _add_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
