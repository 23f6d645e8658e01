"""A console block that cannot run while the site is built, with the reason, which the page shows."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

CONSOLE = {
    *("console", "shell-session", "bash", "sh", "shell", "zsh", "ksh", "fish", "bat", "doscon", "powershell", "pwsh"),
}
# What a reason may name, and what must then stand in the commands.
REASONS = {
    "GPU": r"nvidia|cuda|rocm|gpu|nox -s record",
    "fetch": r"\b(?:pip|uv|uvx|curl|wget|git|nox)\b",
    "index": r"\b(?:pip|uv|nox)\b",
    "build": r"\b(?:nox|sphinx)\b",
    "process": r"\btorchrun\b",
}


class NotRun(SphinxDirective):
    """A console block that cannot run while the site is built, with the reason, which the page shows."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar = {"reason": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the block and the sentence below it."""
        language, reason = self.arguments[0], self.options.get("reason", "")
        commands = "\n".join(self.content)
        if language not in CONSOLE:
            raise self.error(f"not-run is for console blocks; {language!r} must run.")
        if not reason:
            raise self.error("not-run needs a :reason:, which the page shows.")
        if wrong := doubt(reason, commands):
            raise self.error(wrong)
        block = nodes.literal_block(commands, commands, language=language)
        block["not-run"] = reason
        self.set_source_info(block)
        note = nodes.paragraph(classes=["not-run"])
        note += nodes.Text(f"Not run while this site is built: {reason}")
        return [block, note]


def doubt(reason: str, commands: str) -> str:
    """Return what is wrong with a reason for not running commands; nothing where it fits them.

    Examples
    --------
    >>> doubt("it needs a GPU.", "$ nvidia-smi")
    ''
    >>> doubt("it needs a GPU.", "$ ls")
    'the reason names a GPU, and nothing in the commands has to do with one. Give the reason that is so, or let it run.'
    """
    named = [word for word in REASONS if word.lower() in reason.lower()]
    if not named:
        return f"the reason is {reason!r}; expected one that names a {' or '.join(REASONS)}, for these can be checked."
    for word in named:
        if not re.search(REASONS[word], commands, re.IGNORECASE):
            return (
                f"the reason names a {word}, and nothing in the commands has to do with one. "
                "Give the reason that is so, or let it run."
            )
    return ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("not-run", NotRun)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
