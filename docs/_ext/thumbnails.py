"""The thumbnail of a page says in words what it shows: the first picture that the page drew."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from _ext import pages as pages_extension

FOLDER = "/images/thumb/sphx_glr_"
VALUES = re.compile(r"(shape \([\d, ]*\)): [^;]*")


def words(picture: str) -> str:
    """Return the description of a picture without the values of its tensors.

    Examples
    --------
    >>> words("a of shape (2,): [3, 4]; b of shape (): 5")
    'a of shape (2,); b of shape ()'
    """
    return VALUES.sub(r"\1", picture)


def _describe(app: Sphinx, doctree: nodes.document) -> None:
    pages = pages_extension.of(app)
    summary = pages.summary()
    for image in doctree.findall(nodes.image):
        path = PurePosixPath(image["uri"])
        if FOLDER in image["uri"] and not image.get("alt"):
            page = f"{path.parts[-4]}/{path.stem.removeprefix('sphx_glr_').removesuffix('_thumb')}"
            image["alt"] = words(summary[page]["picture"])
            app.env.note_dependency(str(pages.summary_file))


def setup(app: Sphinx) -> dict[str, Any]:
    """Describe the thumbnails of each document as it is read."""
    app.setup_extension("_ext.pages")
    app.connect("doctree-read", _describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
