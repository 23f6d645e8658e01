"""The address of a page that moved keeps working: a page there leads on to the new one, also without scripts.

The table ``pages_moved`` names for each old document the one that stands for it now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from sphinx.application import Sphinx

from pipeline.gallery.pages import is_live

TEMPLATE = "moved.html"


def problems(moved: Mapping[str, str], documents: Set[str]) -> Iterator[str]:
    """Yield what is wrong with a table of moved pages, each as a sentence that says what to edit.

    Examples
    --------
    >>> list(problems({"a": "b"}, {"b"}))
    []
    >>> list(problems({"a": "c", "c": "b"}, {"b"}))
    ["pages_moved leads from 'a' to 'c', which has moved itself: lead to 'b'."]
    """
    for old, new in moved.items():
        where = f"pages_moved leads from {old!r} to {new!r}"
        if old in documents:
            yield f"{where}, and {old!r} is a document: its page would be lost. Delete the line."
        if new in moved:
            yield f"{where}, which has moved itself: lead to {moved[new]!r}."
        elif new not in documents:
            yield f"{where}, which is no document. Lead to one, for example 'guide/shapes/stack'."


def _write(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield a page for each that has moved."""
    if app.builder.name != "html" or is_live(app):
        return
    moved = app.config.pages_moved
    if found := list(problems(moved, app.env.all_docs.keys())):
        raise SystemExit("\n".join(found))  # without the traceback and the words of Sphinx for its own faults
    for old, new in moved.items():
        title = app.env.titles[new].astext()
        address = app.builder.get_relative_uri(old, new)
        canonical = app.config.html_baseurl + app.builder.get_target_uri(new)
        yield old, {"title": title, "moved_to": address, "canonical": canonical}, TEMPLATE


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages with Sphinx's own additional ones."""
    app.add_config_value("pages_moved", {}, "html", types=[dict])
    app.connect("html-collect-pages", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
