"""What earlier builds left of pages that are gone is deleted: Sphinx itself never does."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from pipeline.gallery.pages import is_live

logger = logging.getLogger(__name__)

MADE_BY_SPHINX = {"genindex.html", "py-modindex.html"}


def _delete(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html" or is_live(app):
        return
    out = Path(app.outdir)
    known = {app.builder.get_target_uri(name) for name in app.env.found_docs}
    known |= {name for name in MADE_BY_SPHINX if (out / name).is_file() and _written_now(app, name)}
    known |= {str(PurePosixPath(name).with_suffix(".md")) for name in known}
    known |= {f"{name}.html" for name in [*app.config.html_additional_pages, *app.config.pages_moved]}  # no Markdown
    for path in sorted([*out.rglob("*.html"), *out.rglob("*.md")]):
        name = path.relative_to(out).as_posix()
        if name not in known and not name.startswith("_static/"):
            logger.info("leftovers: deleting %s, whose page is gone", name)
            path.unlink()


def _written_now(app: Sphinx, name: str) -> bool:
    """Return whether this build's settings make a page of Sphinx's own."""
    builder = app.builder
    if name == "genindex.html":
        return bool(builder.config.html_use_index)
    return bool(builder.config.html_domain_indices)


def setup(app: Sphinx) -> dict[str, Any]:
    """Delete before the downloads (500) and the checks of the finished site (900)."""
    app.connect("build-finished", _delete, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
