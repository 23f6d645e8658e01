"""Run ``python -m sphinx`` in forks of a process that has imported what it imports.

Nine tenths of the processor time of a small site's build are these imports. A build's folder, environment, arguments
and ``__main__`` are its own. A fork would hide an import that is missing: the build of the accepted site, and that of
the real one, begin in an interpreter of their own.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MODULES = ["sphinx.cmd.build", "sphinx.builders.html", "sphinx.ext.autodoc", "numpydoc"]
MODULES += ["myst_parser.sphinx_ext.main", "sphinx_gallery.gen_gallery", "sphinx_design.extension"]
MODULES += ["fontTools.subset", "matplotlib.pyplot"]
ROOMS = ("downloads", "formulas", "gallery", "outputs", "page", "running", "search", "stale", "text", "tidying")


class Warm:
    """The process that builds are forked from; it starts with the first of them."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.environment: dict[str, str] = {}

    def run(self, arguments: list[str], folder: Path, environment: dict[str, str], limit: int) -> tuple[int, str]:
        """Run ``python -m sphinx``; return the exit status and what it printed, errors where they came.

        Parameters
        ----------
        arguments : list of str
        folder : Path
        environment : dict
            All variables; those that Python reads as it starts are as they were for the first build.
        limit : int
            Seconds; then it is ended.
        """
        if not self.process:
            self.environment = of_python(os.environ)
            start = [sys.executable, __file__]
            self.process = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert of_python(environment) == self.environment, "Python reads these as it starts"
        with tempfile.NamedTemporaryFile() as printed:
            job = [arguments, str(folder), environment, limit, printed.name]
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            status = json.loads(self.process.stdout.readline())
            return status, printed.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """End the process."""
        if self.process:
            self.process.communicate()


def of_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Python reads as it starts: a fork comes too late for them."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


def _serve() -> None:
    sys.path[0] = str(ROOT)  # in the place of this file's folder
    for name in [*MODULES, *(f"pipeline.{room}" for room in ROOMS)]:
        __import__(name)
    del sys.path[0]
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            _become(*json.loads(line))
        print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])), flush=True)


def _become(arguments: list[str], folder: str, environment: dict[str, str], limit: int, file: str) -> None:
    status: Any = 1
    try:
        signal.alarm(limit)
        nothing, printed = os.open(os.devnull, os.O_RDONLY), os.open(file, os.O_WRONLY | os.O_APPEND)
        for old, new in ((nothing, 0), (printed, 1), (printed, 2)):
            os.dup2(old, new)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.path.insert(0, folder)
        sys.argv = ["sphinx", *arguments]
        runpy.run_module("sphinx", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(bool(error.code))
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
