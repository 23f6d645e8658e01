"""Which blocks of a Markdown file are run, and how; for the build and for the tests (this module needs sybil alone)."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

from sybil import Example
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_console(example: Example) -> str | None:
    """Run a console block: each line after ``$`` is a command, what follows is what it must print."""
    wanted, commands = [], []
    for line in str(example.parsed).splitlines():
        (commands if line.startswith("$ ") else wanted).append(line.removeprefix("$ "))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # the python of this build
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["bash", "-euc", "\n".join(commands)],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
    if done.returncode:
        return f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    if not doctest.OutputChecker().check_output("\n".join(wanted), done.stdout, FLAGS) and wanted:
        return f"expected\n{textwrap.indent(chr(10).join(wanted), '    ')}\ngot\n{textwrap.indent(done.stdout, '    ')}"
    return None


def markdown_parsers() -> list[Callable]:
    """Return sybil's parsers for all that a Markdown page of ours may hold; the tests use the same."""
    return [PythonCodeBlockParser(doctest_optionflags=FLAGS), CodeBlockParser("console", run_console)]
