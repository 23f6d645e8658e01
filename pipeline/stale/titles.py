"""A page whose title is new is named by its new title everywhere: Sphinx writes only the page itself anew.

The contents at the side and the links to the page before and after carry the titles of other pages.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def _titles(env: BuildEnvironment) -> dict[str, str]:
    """Return the title of every document."""
    return {name: title.astext() for name, title in sorted(env.titles.items())}


def _file(app: Sphinx) -> Path:
    return Path(app.doctreedir) / f"titles-{app.builder.name}.json"


def _write_all_if_changed(app: Sphinx, env: BuildEnvironment) -> list[str]:
    file = _file(app)
    if not file.is_file() or json.loads(file.read_text(encoding="utf-8")) == _titles(env):
        return []
    return sorted(env.all_docs)


def _keep(app: Sphinx, exception: Exception | None) -> None:
    if exception is None:
        _file(app).write_text(json.dumps(_titles(app.env), ensure_ascii=False), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Compare after all is read; keep the titles when all is written."""
    app.connect("env-updated", _write_all_if_changed)
    app.connect("build-finished", _keep)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
