"""The thumbnail of a page says in words what it shows: the first picture that the page drew."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from _ext import outputs
from _ext import pages as pages_extension

FOLDER = "/images/thumb/sphx_glr_"
VALUES = re.compile(r"(shape \([\d, ]*\)): [^;]*")


def words(record: dict[str, Any]) -> str:
    """Return what a page's first picture shows, without the values of its tensors.

    Examples
    --------
    >>> words({"cells": [{"pictures": []}, {"pictures": ["a of shape (2,): [3, 4]; b of shape (): 5"]}]})
    'a of shape (2,); b of shape ()'
    """
    pictures = [picture for cell in record["cells"] for picture in cell["pictures"]]
    return VALUES.sub(r"\1", pictures[0]) if pictures else ""


def _describe(app: Sphinx, doctree: nodes.document) -> None:
    pages = pages_extension.of(app)
    kept = Path(app.srcdir, app.config.outputs_dir)
    for image in doctree.findall(nodes.image):
        path = PurePosixPath(image["uri"])
        if FOLDER in image["uri"] and not image.get("alt"):
            page = f"{path.parts[-4]}/{path.stem.removeprefix('sphx_glr_').removesuffix('_thumb')}"
            record = pages.record(page)
            image["alt"] = words(record)
            # The record changes with every run; what is kept of it changes with the outputs.
            app.env.note_dependency(str(kept / outputs.device_folder(record) / f"{page}.txt"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Describe the thumbnails of each document as it is read."""
    app.setup_extension("_ext.outputs")
    app.connect("doctree-read", _describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
