"""No static code: a block of Python or of a console that nothing ran stops the build, with its file and line."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages
from pipeline.running import snippets

logger = logging.getLogger(__name__)

PYTHON = {
    "py",
    "py3",
    "python",
    "python3",
    "pycon",
    "pycon3",
    "python-console",
    "ipython",
    "ipython3",
    "doctest",
    "numba",
}
CONSOLE = {
    "console",
    "shell-session",
    "bash",
    "sh",
    "shell",
    "zsh",
    "ksh",
    "fish",
    "bat",
    "doscon",
    "powershell",
    "pwsh",
}
# A block without a language may hold code all the same.
LOOKS_LIKE_PYTHON = re.compile(
    r"^(>>> |import \w|from \w+(\.\w+)* import |\w+ = torch\.|def \w+\(|class \w+[(:])", re.MULTILINE
)
LOOKS_LIKE_CONSOLE = re.compile(r"^(\$ |pip install |python -m |uv )", re.MULTILINE)
OUTPUT_CLASSES = {adapter.OUTPUT, adapter.OUTPUT_OF_VALUE}


class NotRun(SphinxDirective):
    """A console block that cannot run while the site is built, with the reason, which the page shows."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar = {"reason": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the block and the sentence below it."""
        language, reason = self.arguments[0], self.options.get("reason", "")
        if language not in CONSOLE:
            raise self.error(f"not-run is for console blocks; {language!r} must run.")
        if not reason:
            raise self.error("not-run needs a :reason:, which the page shows.")
        block = nodes.literal_block("\n".join(self.content), "\n".join(self.content), language=language)
        block["not-run"] = reason
        self.set_source_info(block)
        note = nodes.paragraph(classes=["not-run"])
        note += nodes.Text(f"Not run while this site is built: {reason}")
        return [block, note]


def kind(block: nodes.Element) -> str:
    """Return ``python`` or ``console`` for a block of code that must have run, else an empty string."""
    language = str(block.get("language", "")).lower()
    text = block.astext()
    if isinstance(block, nodes.doctest_block) or language in PYTHON:
        return "python"
    if language in CONSOLE:
        return "" if "not-run" in block else "console"
    if language in {"", "none", "default", "text", "guess"}:
        if LOOKS_LIKE_PYTHON.search(text):
            return "python"
        if LOOKS_LIKE_CONSOLE.search(text):
            return "console"
    return ""


def _is_output(block: nodes.Node) -> bool:
    while block is not None:
        if isinstance(block, nodes.Element) and OUTPUT_CLASSES & set(block.get("classes", [])):
            return True
        block = block.parent
    return False


def _normal(code: str) -> str:
    """Return code as it is compared: without settings of sphinx-gallery and without space at its ends."""
    return "\n".join(line.rstrip() for line in adapter.without_setting_lines(code).splitlines()).strip()


def _statements(block: nodes.Element) -> list[str]:
    """Return what must have run for a block to be true: each example of a doctest, else the whole."""
    text = block.astext()
    if not text.lstrip().startswith(">>>"):
        return [_normal(text)]
    found = re.split(r"^>>> ", text, flags=re.MULTILINE)[1:]
    sources = [re.match(r"(.*(?:\n\.\.\. ?.*)*)", part) for part in found]
    return [_normal(re.sub(r"^\.\.\. ?", "", source[1], flags=re.MULTILINE)) for source in sources if source]


def _check(app: Sphinx, doctree: nodes.document) -> None:
    docname = app.env.docname
    pages = gallery_pages.of(app)
    page = pages.page_of(docname)
    if docname in snippets.failed(app):
        return  # which is said already
    if page:
        sources = {cell["code"] for cell in pages.record(page)["cells"]}
    else:  # its own snippets, and the docstrings that it may show
        package = pages.package.name
        own = (found for name, found in snippets.ran(app).items() if name == docname or name.split(".")[0] == package)
        sources = set().union(*own)
    ran = {_normal(code) for code in sources}
    for block in doctree.findall(lambda node: isinstance(node, nodes.literal_block | nodes.doctest_block)):
        what = kind(block)
        if not what or _is_output(block) or all(statement in ran for statement in _statements(block)):
            continue
        logger.warning(
            "this %s block is static: nothing ran it, so nothing keeps it true. Make it a cell or a snippet%s:\n%s",
            what,
            ", or use the not-run directive with a reason" if what == "console" else "",
            block.astext(),
            location=block,
            type="static_code",
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Check each document as it is read."""
    app.add_directive("not-run", NotRun)
    app.connect("doctree-read", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
