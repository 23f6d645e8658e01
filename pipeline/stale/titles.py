"""A page whose title or place is new is named so everywhere: Sphinx writes only the page itself anew.

The contents at the side and the links to the page before and after carry the titles of other pages. Nothing is read
again for it. While somebody writes, the other pages are left as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from pipeline.gallery.pages import is_live


def _shown(env: BuildEnvironment) -> list[Any]:
    """Return what pages show of each other: the title of every document, and which follow which."""
    return [{name: title.astext() for name, title in sorted(env.titles.items())}, sorted(env.toctree_includes.items())]


def _file(app: Sphinx) -> Path:
    return Path(app.doctreedir) / f"titles-{app.builder.name}.json"


def _write_all_if_changed(app: Sphinx, env: BuildEnvironment) -> list[str]:
    file, now = _file(app), json.dumps(_shown(env), ensure_ascii=False)
    if is_live(app) or not file.is_file() or file.read_text(encoding="utf-8") == now:
        return []
    return sorted(env.all_docs)


def _keep(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and not is_live(app):
        _file(app).write_text(json.dumps(_shown(app.env), ensure_ascii=False), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Compare after all is read; keep the titles when all is written."""
    app.connect("env-updated", _write_all_if_changed)
    app.connect("build-finished", _keep)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
