"""What of a Markdown file is run, and how; for the build and for the tests (it needs sybil, and no other package)."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from sybil import Document, Example, Region
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

from pipeline.running.values import MARKDOWN_ROLE, Value

VALUES = "@values"  # not an identifier: no snippet can touch it
# What shows its text as it is; a directive, as of a table, holds text.
FENCED = re.compile(r"^ *(`{3,}|~{3,})(?P<what>[^\n`]*)\n.*?^ *\1", re.MULTILINE | re.DOTALL)
IMPORTED = ("torch", "ptguide")  # what a value may name without a snippet that imports it
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


def find_values(document: Document) -> Iterator[Region]:
    """Yield the values in the text of a file."""
    fences = FENCED.finditer(document.text)
    fenced = [found.span() for found in fences if not found["what"].strip().startswith("{")]
    for found in MARKDOWN_ROLE.finditer(document.text):
        if not any(start <= found.start() < end for start, end in fenced):
            yield Region(*found.span(), found["words"], compute)


def compute(example: Example) -> str | None:
    """Compute a value among the names of the snippets so far, and note it; return what is wrong with it, if any."""
    names, value = example.namespace, Value(example.line, example.parsed)
    used = {name.id for name in ast.walk(_parsed(value.source)) if isinstance(name, ast.Name)}
    extra = {name: importlib.import_module(name) for name in IMPORTED if name in used and name not in names}
    found = value.found({**names, **extra})
    names.setdefault(VALUES, []).append(found)
    return found.get("wrong")


def _parsed(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except SyntaxError:  # computing it says so
        return ast.Module([], [])


def markdown_parsers() -> list[Callable]:
    """Return sybil's parsers for all that a Markdown page may hold; the tests use the same."""
    return [PythonCodeBlockParser(doctest_optionflags=FLAGS), CodeBlockParser("console", run_console), find_values]
