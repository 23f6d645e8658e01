"""What was changed by hand in the built site is made anew: a page, its Markdown, a download.

Sphinx believes a page that it finds, as long as it is younger than its source. So the end of a build notes what it
wrote, and the next one looks whether that is still there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from pipeline.gallery import pages as gallery_pages
from pipeline.gallery import published, sources

logger = logging.getLogger(__name__)

KINDS = {".html", ".md", ".py", ".ipynb", ".zip", ".whl"}


def _note_file(app: Sphinx) -> Path:
    return Path(app.outdir).with_suffix(".written.json")


def _written(app: Sphinx) -> Iterator[tuple[str, Path]]:
    """Yield what a build writes and the next one may leave as it is."""
    root = Path(app.outdir)
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        if file.suffix in KINDS and not name.startswith("_"):
            yield name, file


def _noted(app: Sphinx) -> dict[str, list[Any]]:
    try:
        return json.loads(_note_file(app).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or cut short
        return {}


def _note(app: Sphinx, exception: Exception | None) -> None:
    """Note time, size and digest of each file; a digest is taken anew only where one of the others is another."""
    if exception is not None or app.builder.format != "html":
        return
    before, now = _noted(app), {}
    for name, file in _written(app):
        stamp, old = _stamp(file), before.get(name, [])
        now[name] = old if old[:2] == stamp else [*stamp, sources.digest_of_file(file)]
    gallery_pages.write_if_new(_note_file(app), json.dumps(now))


def _stamp(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_mtime_ns, status.st_size]


def _look(app: Sphinx) -> None:
    """Find what is not as it was written, and delete the downloads among it, which are then made."""
    noted, here = _noted(app), dict(_written(app))
    edited = [
        name
        for name, (changed, size, digest) in noted.items()
        if name in here and _stamp(here[name]) != [changed, size] and sources.digest_of_file(here[name]) != digest
    ]
    missing = [name for name in noted if name not in here and name.startswith(f"{published.FOLDER}/")]
    for name in [*edited, *missing]:
        if name.startswith(f"{published.FOLDER}/"):
            for kind in (".py", ".ipynb") if PurePosixPath(name).suffix in (".py", ".ipynb") else (Path(name).suffix,):
                Path(app.outdir, name).with_suffix(kind).unlink(missing_ok=True)
    if edited:
        logger.info("made anew, for it was changed after it was written: %s", ", ".join(edited))
    app._ptguide_edited = edited


def _outdated(app: Sphinx, env: BuildEnvironment, *_: Any) -> list[str]:
    """Return the documents of what was changed."""
    found = {str(PurePosixPath(name).with_suffix("")) for name in app._ptguide_edited}
    return sorted(found & env.found_docs)


def setup(app: Sphinx) -> dict[str, Any]:
    """Look before Sphinx does; note when everything is written."""
    app.connect("builder-inited", _look, priority=1)
    app.connect("env-get-outdated", _outdated)
    app.connect("build-finished", _note, priority=995)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
