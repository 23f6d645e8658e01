"""Nothing from other hosts: a page that would load a script, style, font or image from elsewhere stops the build."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from pipeline.gallery.pages import is_live

logger = logging.getLogger(__name__)

# Whatever a browser fetches by itself; an <a href> is only followed when it is clicked.
LOADS = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|track|input)\b[^>]*?\s(?:src|srcset|poster)=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<object\b[^>]*?\sdata=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b(?=[^>]*\brel=[\"']?[^\"'>]*\b(?:stylesheet|icon|preload|prefetch|modulepreload|preconnect|manifest)\b)"
    r"[^>]*?\shref=[\"']?((?:https?:)?//[^\"'\s>]+)",
    re.IGNORECASE,
)
STYLE_LOADS = re.compile(r"(?:url\(\s*[\"']?|@import\s+[\"'])((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)


def foreign(text: str, *, style: bool) -> list[str]:
    """Return the addresses on other hosts that a file makes a browser load.

    Parameters
    ----------
    text : str
        Of an HTML file, or of a style sheet.
    style : bool
        Whether it is a style sheet.
    """
    found = [] if style else ["".join(groups) for groups in LOADS.findall(text)]
    return found + STYLE_LOADS.findall(text)


def _check(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html" or is_live(app):
        return
    stamp = Path(app.doctreedir, "offline.checked")
    last = stamp.stat().st_mtime if stamp.is_file() else 0.0
    started = time.time()
    files = sorted([*Path(app.outdir).rglob("*.html"), *Path(app.outdir).rglob("*.css")])
    for path in files:
        if path.stat().st_mtime < last:
            continue  # as it was when it was checked; a build that warned is made anew (see stale/interrupted.py)
        for address in foreign(path.read_text(encoding="utf-8"), style=path.suffix == ".css"):
            logger.warning("%s loads %s from another host", path.relative_to(app.outdir), address, type="offline")
    stamp.touch()
    os.utime(stamp, (started, started))


def setup(app: Sphinx) -> dict[str, Any]:
    """Check the finished site."""
    app.connect("build-finished", _check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
