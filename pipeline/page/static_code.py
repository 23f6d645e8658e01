"""No static code and no typed output: a block that nothing ran, or printed, stops the build with its file and line.

This holds for a literal block of every language. In the text of a page, a block that is not code must be what one of
the page's cells printed, lines in one piece.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages
from pipeline.page.not_run import CONSOLE
from pipeline.running import snippets

logger = logging.getLogger(__name__)

PYTHON = {
    *("py", "py3", "python", "python3", "pycon", "pycon3", "python-console", "ipython", "ipython3", "doctest", "numba"),
}
NO_LANGUAGE = {"", "none", "default", "text", "guess"}
# A block without a language may hold code all the same.
LOOKS_LIKE_PYTHON = re.compile(
    r"^(>>> |import \w|from \w+(\.\w+)* import |\w+ = torch\.|def \w+\(|class \w+[(:])", re.MULTILINE
)
LOOKS_LIKE_CONSOLE = re.compile(r"^(\$ |pip install |python -m |uv )", re.MULTILINE)
REMEDIES = {
    "python": "Make it a cell or a snippet",
    "console": "Make it a cell or a snippet, or use the not-run directive with a reason",
    "text": "Let a cell print it, or say it in a sentence",
}


def kind(block: nodes.Element) -> str:
    """Return what a block is: ``python`` or ``console``, which must have run, or ``text``."""
    language = str(block.get("language", "")).lower()
    text = block.astext()
    if isinstance(block, nodes.doctest_block) or language in PYTHON:
        return "python"
    if language in CONSOLE:
        return "console"
    if language in NO_LANGUAGE:
        if LOOKS_LIKE_PYTHON.search(text):
            return "python"
        if LOOKS_LIKE_CONSOLE.search(text):
            return "console"
    return "text"


def _is_output(block: nodes.Node) -> bool:
    while block is not None:
        if isinstance(block, nodes.Element) and adapter.OUTPUT in block.get("classes", []):
            return True
        block = block.parent
    return False


def _normal(code: str) -> str:
    """Return code as it is compared: without settings of sphinx-gallery and without space at its ends."""
    return "\n".join(line.rstrip() for line in adapter.without_setting_lines(code).splitlines()).strip()


def _examples(text: str) -> list[tuple[str, str]]:
    """Return the examples of a doctest: the code of each, and what stands below it."""
    found = re.split(r"^>>> ", text, flags=re.MULTILINE)[1:]
    parts = [re.match(r"(.*(?:\n\.\.\. ?.*)*)((?:.|\n)*)", part) for part in found]
    return [(_normal(re.sub(r"^\.\.\. ?", "", part[1], flags=re.MULTILINE)), part[2]) for part in parts if part]


def _printed(text: str) -> str:
    """Return printed lines as they are compared; lines in one piece are a part of this."""
    lines = textwrap.dedent(text.expandtabs()).splitlines()
    return "\n" + "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def _is_true(block: nodes.Element, what: str, ran: set[str], printed: Iterable[str] | None) -> bool:
    """Return whether a block is code that ran, or text that a cell printed.

    Parameters
    ----------
    block : Element
    what : str
        Its kind.
    ran : set of str
        The code that ran.
    printed : iterable of str or None
        What the cells of the page printed; None on other documents, whose examples are compared when they run.
    """
    text = block.astext()
    if _is_output(block) or what == "text":
        return any(_printed(text) in one for one in printed or ())
    if what == "console" and "not-run" in block:
        return True
    if not text.lstrip().startswith(">>>"):
        return _normal(text) in ran
    return all(
        code in ran and (printed is None or not given.strip() or any(_printed(given) in one for one in printed))
        for code, given in _examples(text)
    )


def _check(app: Sphinx, doctree: nodes.document) -> None:
    docname = app.env.docname
    pages = gallery_pages.of(app)
    page = pages.page_of(docname)
    if docname in snippets.failed(app) or (page and pages.has_failed(page)):
        return  # which is said already
    printed = None
    if page:
        cells = pages.record(page)["cells"]
        sources, printed = {cell["code"] for cell in cells}, [_printed(cell["text"]) for cell in cells]
    else:  # its own snippets, and the docstrings that it may show
        package = pages.package.name
        own = (found for name, found in snippets.ran(app).items() if name == docname or name.split(".")[0] == package)
        sources = set().union(*own)
    ran = {_normal(code) for code in sources}
    for block in doctree.findall(lambda node: isinstance(node, nodes.literal_block | nodes.doctest_block)):
        if isinstance(block.parent, nodes.system_message):  # it quotes a mistake in the text
            continue
        what = kind(block)
        if not _is_true(block, what, ran, printed):
            nothing = "nothing ran it" if what != "text" else "no cell of this page printed it"
            logger.warning(
                "this %s block is static: %s, so nothing keeps it true. %s:\n%s",
                what,
                nothing,
                REMEDIES[what],
                block.astext(),
                location=block,
                type="static_code",
            )


def setup(app: Sphinx) -> dict[str, Any]:
    """Check each document as it is read."""
    app.setup_extension("pipeline.page.not_run")
    app.connect("doctree-read", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
