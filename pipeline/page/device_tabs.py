"""Beside what a cell gave when the site was built, what a recording of another device holds: as tabs.

A cell has tabs where its output differs, or in a chapter about devices. A recording whose page has changed since is
never among them: it stands folded under the page, marked as stale (provenance.html). So does a word on each recording
that differs in nothing, and on one of a page that computes on the CPU wherever it runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from html import escape
from itertools import takewhile
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective
from sphinx_design.shared import create_component

from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages
from pipeline.outputs import kept, recordings
from pipeline.outputs.compare import same


def beside(app: Sphinx, page: str) -> list[dict[str, Any]]:
    """Return the recordings of a page on other devices than the one that this site is built on, and their worth."""
    pages, recorded, found = gallery_pages.of(app), recordings.of(app), []
    if page not in recorded.of or pages.has_failed(page):
        return []
    here = pages.record(page).get("device")
    always = page.partition("/")[0] in app.config.device_chapters
    for device, one in recorded.of[page].items():
        if device != here:
            stale, others = recorded.changed(one)
            # What a page computed on the CPU elsewhere says nothing of the device.
            worth = {"stale": stale, "other_helpers": others, "shown": one["used"] or always, "always": always}
            versions = (f"{name} {number}" for name, number in one["versions"].items())
            outputs = [output for (number, _), output in one["cells"].items() if number != kept.CLAIMS]
            found.append(
                one | worth | {"outputs": outputs} | {"where": ", ".join([device, one["date"][:10], *versions])}
            )
    return found


def differs(cell: dict[str, Any], other: str, *, always: bool) -> bool:
    """Return whether what another device gave for a cell is worth showing; ``always`` means equal text, too."""
    printed = any(not line.startswith(kept.NOT_PRINTED) for line in other.splitlines())
    return (printed and (always or cell["measured"])) or not same(kept.output_of(cell), other)


def _cells(doctree: nodes.document, record: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], nodes.Element]]:
    """Yield number and content of each cell that is shown, and the node of its code; what it gave stands after that."""
    comments = [(comment, adapter.BLOCK.match(comment.astext())) for comment in doctree.findall(nodes.comment)]
    blocks = {int(found[1]): comment for comment, found in comments if found}
    starts = sorted(blocks)
    for number, cell in enumerate(record["cells"], 1):
        comment = blocks[starts[bisect_right(starts, cell["line"]) - 1]]
        code = comment.next_node(descend=False, siblings=True)
        if isinstance(code, nodes.literal_block):
            yield number, cell, code
        elif adapter.without_setting_lines(cell["code"]).strip():
            raise ExtensionError(f"{doctree['source']} does not show the cell of line {cell['line']}: build with -E.")


def _put_tabs(app: Sphinx, doctree: nodes.document) -> None:
    pages = gallery_pages.of(app)
    if not (found := beside(app, page := pages.page_of(app.env.docname))):
        return
    app.env.metadata[app.env.docname]["recorded"] = _seen(app, app.env.docname)
    current = [one for one in found if one["shown"] and not one["stale"]]
    record = pages.record(page)
    for number, cell, code in _cells(doctree, record) if current else ():
        outputs = [(one, one["cells"].get((number, ()), "")) for one in current]
        others = [(one, output) for one, output in outputs if differs(cell, output, always=one["always"])]
        if others:
            after = code.parent.children[code.parent.index(code) + 1 :]
            end = (nodes.comment, nodes.section, nodes.target)
            ours = list(takewhile(lambda node, end=end: not isinstance(node, end), after))
            for node in ours:
                code.parent.remove(node)
            tabs = [(record["device"], ours or [_raw("<p>This cell gives nothing here.</p>")])]
            tabs += [(one["device"], _recorded(one, output)) for one, output in others]
            code.parent.insert(code.parent.index(code) + 1, tab_set(tabs))


def _recorded(one: dict[str, Any], output: str) -> list[nodes.Node]:
    """Return the nodes of what another device gave, and below it where, when and with what."""
    lines = output.splitlines()
    pictures = [line.removeprefix(kept.PICTURE) for line in lines if line.startswith(kept.PICTURE)]
    values = [line.removeprefix(kept.VALUE) for line in lines if line.startswith(kept.VALUE)]
    printed = kept.printed_of(output)
    note = f"Recorded on {one['where']}."
    if one["other_helpers"]:
        note += " A helper that this page imports has changed since."
    return [
        *([nodes.literal_block(printed, printed, language="none", classes=[adapter.OUTPUT])] if printed else []),
        *(nodes.paragraph(text=f"A picture, of which the words are kept: {words}") for words in pictures),
        *(nodes.paragraph(text=f"A value in the text: {value}") for value in values),
        *([] if output else [_raw("<p>This cell gives nothing there.</p>")]),
        _raw(f'<p class="ptg-recorded">{escape(note)}</p>'),
    ]


def tab_set(tabs: list[tuple[str, list[nodes.Node]]]) -> list[nodes.Node]:
    """Return the nodes of tabs, of which sphinx-design makes radio buttons: they work without a script."""
    items = []
    for device, content in tabs:
        label = nodes.rubric("", "", _raw(escape(device)), classes=["sd-tab-label"])
        panel = create_component("tab-content", classes=["sd-tab-content"], children=content)
        items.append(create_component("tab-item", classes=["sd-tab-item"], children=[label, panel], selected=False))
    before = '<div role="group" aria-label="What this cell gives on each device">'
    made = create_component("tab-set", classes=["sd-tab-set", "ptg-devices"], children=items)
    return [_raw(before), made, _raw("</div>")]


def _raw(html: str) -> nodes.raw:
    # Which the search passes over: what stands on every tab would be found on every page that has one.
    return nodes.raw("", html, format="html")


class WhereRecorded(SphinxDirective):
    """Show the content only where an accelerator is recorded; on a page, only where the page is."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the content, or none."""
        seen = self.env.metadata[self.env.docname]["recorded"] = _seen(self.env.app, self.env.docname)
        return self.parse_content_to_nodes() if seen not in ("", "none") else []


def _seen(app: Sphinx, docname: str) -> str:
    """Return what a document depends on: a page on its recordings, any other on whether there are some."""
    if page := gallery_pages.of(app).page_of(docname):
        found = beside(app, page)
        return kept.digest(repr(found)) if found else ""
    return "some" if recordings.of(app).of else "none"


def _outdated(app: Sphinx, env: BuildEnvironment, _added: Any, _changed: Any, _removed: Any) -> list[str]:
    """Return what a recording that came, went or changed makes Sphinx read again; no page runs again."""
    made = {name: env.metadata[name].get("recorded", "") for name in env.found_docs}
    is_page = gallery_pages.of(app).page_of
    return [name for name, seen in made.items() if (seen or is_page(name)) and seen != _seen(app, name)]


def _add_context(app: Sphinx, docname: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    context["recorded_elsewhere"] = beside(app, gallery_pages.of(app).page_of(docname))


def setup(app: Sphinx) -> dict[str, Any]:
    """Put the tabs into each page as it is read, after the check for static code."""
    app.setup_extension("sphinx_design")
    app.add_config_value("device_chapters", [], "env", types=[list])
    app.add_directive("where-recorded", WhereRecorded)
    app.connect("doctree-read", _put_tabs, priority=700)
    app.connect("env-get-outdated", _outdated)
    app.connect("html-page-context", _add_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 2}
