"""No typed picture and no typed HTML: what a page's text shows beside its words was made by the page's own cells."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages

logger = logging.getLogger(__name__)

# HTML, or a role for it, and what is taken from another file.
TYPED = re.compile(r"^[ \t]*\.\. (raw|role|include|literalinclude)::", re.MULTILINE)


def _check(app: Sphinx, doctree: nodes.document) -> None:
    pages = gallery_pages.of(app)
    if not (page := pages.page_of(app.env.docname)) or pages.has_failed(page):
        return
    source = pages.source(page)
    for block in adapter.blocks(source):
        for found in TYPED.finditer(block.content) if block.type == "text" else ():
            line = block.lineno + block.content.count("\n", 0, found.start(1))
            logger.warning(
                "the directive %s puts into the text what no cell gave. Let a cell show it, or say it in a sentence.",
                found[1],
                location=f"{source}:{line}",
                type="static_code",
            )
    for image in doctree.findall(nodes.image):
        name = image["uri"].lstrip("/")
        if not PurePosixPath(name).name.startswith(adapter.PICTURE) and name not in app.config.pages_pictures:
            logger.warning(
                "no cell of this page made the picture %s. Let a cell draw it; a picture that a command of the project "
                "takes, and a test holds against its page, stands in pages_pictures in docs/conf.py.",
                name,
                location=image,
                type="static_code",
            )


def setup(app: Sphinx) -> dict[str, Any]:
    """Check each page as it is read."""
    app.add_config_value("pages_pictures", [], "env", types=[list])
    app.connect("doctree-read", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
