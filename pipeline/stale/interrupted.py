"""A build that was interrupted, or that warned, leaves no trace in the next one.

Sphinx believes a page that it finds on disk: one that was half written when the build was killed stays half written,
and a warning of a page that is not read again is not given again. So a marker stands from before the first page is
read until a build ends without a warning. Where it is found, the next build reads and writes again the pages that
warned, which are listed in it, or else everything: it starts from nothing but the pages' records.
"""

from __future__ import annotations

import json
import logging as python_logging
import os
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from pipeline.gallery import pages as gallery_pages

logger = logging.getLogger(__name__)


def _marker(app: Sphinx) -> Path:
    return Path(app.outdir).with_suffix(".unfinished")


class _Warned(python_logging.Handler):
    """Notes which documents the warnings of a build are about.

    Attributes
    ----------
    documents : set of str
        An empty name stands for a warning that is about no document.
    """

    def __init__(self, app: Sphinx) -> None:
        super().__init__(python_logging.WARNING)
        self.app = app
        self.documents: set[str] = set()

    def emit(self, record: python_logging.LogRecord) -> None:
        """Note the document of one warning."""
        if hasattr(record, "ptguide_noted"):
            return  # Sphinx keeps what is said while it reads, and says it afterwards
        record.ptguide_noted = True
        suppressed = self.app.config.suppress_warnings
        if not logging.is_suppressed_warning(getattr(record, "type", ""), getattr(record, "subtype", ""), suppressed):
            self.documents.add(self.app.env.docname or self._document_at(getattr(record, "location", None)))

    def _document_at(self, location: Any) -> str:
        if isinstance(location, tuple):
            return location[0] or ""
        place = location if isinstance(location, str | None) else logging.get_node_location(location)
        if place in self.app.env.found_docs:
            return place
        # A handler before this one may have written the place as seen from the folder of the build.
        file, pages = os.path.abspath((place or "").partition(":")[0]), gallery_pages.of(self.app)
        if Path(file).is_relative_to(pages.gallery):
            script = Path(file).relative_to(pages.gallery).with_suffix("")
            return f"{pages.target.name}/{script.as_posix()}"
        return self.app.env.path2doc(file) or "" if Path(file).is_relative_to(self.app.srcdir) else ""


def _clear(app: Sphinx, _config: Any) -> None:
    if _marker(app).exists() and not _listed(app):
        logger.info("the last build did not end well: reading and writing every page anew")
        shutil.rmtree(app.outdir, ignore_errors=True)
        shutil.rmtree(app.doctreedir, ignore_errors=True)


def _listed(app: Sphinx) -> list[str]:
    """Return the documents that the marker lists; none if it stands for all."""
    try:
        return json.loads(_marker(app).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


def _begin(app: Sphinx) -> None:
    """Note from here on what warns."""
    python_logging.getLogger("sphinx").addHandler(handler := _Warned(app))
    app._ptguide_warned = handler


def _mark(app: Sphinx) -> None:
    app._ptguide_warned_before = _listed(app)
    _marker(app).parent.mkdir(parents=True, exist_ok=True)
    _marker(app).write_text("", encoding="utf-8")


def _unmark(app: Sphinx, exception: Exception | None) -> None:
    warned = app._ptguide_warned
    python_logging.getLogger("sphinx").removeHandler(warned)
    if exception is not None:
        return
    if app._warncount == 0:  # the one that decides the exit status under -W
        _marker(app).unlink(missing_ok=True)
    elif "" not in warned.documents:
        _marker(app).write_text(json.dumps(sorted(warned.documents)), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Clear before Sphinx loads its environment; mark after the pages ran; unmark as the last of all."""
    app.connect("config-inited", _clear, priority=0)
    app.connect("builder-inited", _begin, priority=0)
    app.connect("builder-inited", _mark, priority=999)
    app.connect("env-get-outdated", lambda app, *_: app._ptguide_warned_before)
    app.connect("build-finished", _unmark, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
