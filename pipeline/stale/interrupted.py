"""A build that was interrupted, or that warned, leaves no trace in the next one.

Sphinx believes a page that it finds on disk: one that was half written when the build was killed stays half written,
and a warning of a page that is not read again is not given again. So a marker stands from before the first page is
read until a build ends without a warning; where it is found, the next build starts from nothing but the pages' records.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def _marker(app: Sphinx) -> Path:
    return Path(app.outdir).with_suffix(".unfinished")


def _clear(app: Sphinx, _config: Any) -> None:
    if _marker(app).exists():
        logger.info("the last build did not end well: reading and writing every page anew")
        shutil.rmtree(app.outdir, ignore_errors=True)
        shutil.rmtree(app.doctreedir, ignore_errors=True)


def _mark(app: Sphinx) -> None:
    _marker(app).parent.mkdir(parents=True, exist_ok=True)
    _marker(app).touch()


def _unmark(app: Sphinx, exception: Exception | None) -> None:
    # The count is the one that decides the exit status under -W.
    if exception is None and (app.config.unfinished_tolerates_warnings or app._warncount == 0):
        _marker(app).unlink(missing_ok=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Clear before Sphinx loads its environment; mark after the pages ran; unmark as the last of all."""
    app.add_config_value("unfinished_tolerates_warnings", False, "", types=[bool])
    app.connect("config-inited", _clear, priority=0)
    app.connect("builder-inited", _mark, priority=999)
    app.connect("build-finished", _unmark, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
