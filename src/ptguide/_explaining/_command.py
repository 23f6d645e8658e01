"""``python -m ptguide explain``: run a script with explanations, or find the page for a traceback."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, TypeAlias

from ptguide._explaining import _hooks
from ptguide._explaining._index import find_pages
from ptguide._explaining._pages import SITE

Hook: TypeAlias = Callable[[type[BaseException], BaseException, TracebackType | None], Any]
USAGE = """Run a script, and explain an error of torch that nothing catches:
    python -m ptguide explain train.py --epochs 3
    python -m ptguide explain -m package.train --epochs 3
Find the page for a traceback, without a network:
    python -m ptguide explain < traceback.txt
    python -m ptguide explain --pages FOLDER < traceback.txt    (of a site that is built there)"""
MOST_PAGES = 3


def main(words: list[str]) -> int:
    """Run the command.

    Parameters
    ----------
    words : list of str
        What stands behind ``explain``.

    Returns
    -------
    int
        The exit status: 2 if the words are none of the above, 1 if no page was found. A script that raises ends with
        the status that it has without the explanation.
    """
    if words[:1] == ["-m"] and len(words) > 1:
        _run_module(words[1], words[2:])
    elif words and (not words[0].startswith("-") or os.path.exists(words[0])):
        if not os.path.isfile(words[0]):
            print(f"There is no file {words[0]!r} to run.", file=sys.stderr)
            return 2
        _run_script(words[0], words[1:])
    elif not sys.stdin.isatty() and (not words or (words[0] == "--pages" and len(words) == 2)):
        return _print_pages(sys.stdin.read(), *words[1:])
    else:
        print(USAGE)
        return 0 if words[:1] in (["-h"], ["--help"]) else 2
    return 0


def _print_pages(text: str, index: str | None = None) -> int:
    try:
        pages = find_pages(text, Path(index) if index else None)
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
        return 1
    for page in pages[:MOST_PAGES]:
        print(f"{page.title}\n    {SITE}{page.name}.html")
    return 0 if pages else 1


def _run_script(path: str, arguments: list[str]) -> None:
    """Run a file as ``python path`` does."""
    with open(path, "rb") as file:
        source = file.read()
    _hooks.install()
    sys.excepthook = _without_frames(sys.excepthook, path)
    sys.argv[:] = [path, *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    module = ModuleType("__main__")  # a process that is spawned reads __file__ and __spec__
    vars(module).update(__file__=path, __builtins__=__builtins__, __spec__=None, __cached__=None)
    sys.modules["__main__"] = module
    exec(compile(source, path, "exec", dont_inherit=True), vars(module))


def _run_module(name: str, arguments: list[str]) -> None:
    """Run a module as ``python -m name`` does."""
    _hooks.install()
    sys.argv[:] = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _without_frames(hook: Hook, path: str) -> Hook:
    """Return a hook that leaves out of a traceback what this command adds to it."""

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        first = traceback
        while first is not None and first.tb_frame.f_code.co_filename != path:
            first = first.tb_next
        if first is not None or isinstance(error, SyntaxError):
            error.__traceback__ = first
        hook(kind, error, first)

    return excepthook
