"""Run the cells of a notebook as a kernel runs them, in a process forked from one that has torch imported already.

What a kernel adds besides, its messages and its start, is the same for all notebooks. What a fork would hide is taken
away before the first cell: nothing of the checkout is on the path, and what the notebook does not ask for is missing.
"""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.forkserver
import os
import random
import sys
import traceback
from dataclasses import dataclass
from importlib.machinery import PathFinder
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# What most pages import, some of them by way of torch; a fork has it at once.
PRELOAD = ["torch", "torch.testing", "torch._dynamo", "matplotlib.pyplot", "matplotlib_inline.backend_inline"]
PRELOAD += ["sklearn.datasets"]  # not torchvision: a page shows what it says beside a torch that does not fit


@dataclass(frozen=True)
class Job:
    """One run of one notebook.

    Attributes
    ----------
    cells : tuple of str
        The sources of its code cells.
    folder : str
        The folder to run in.
    environment : dict
        All variables of the environment.
    helper : str
        The folder that holds the helper package.
    checkout : str
        The folder of which nothing may be imported, but for what is installed there.
    missing : frozenset of str
        The modules that cannot be imported, for they belong to packages that the notebook does not ask for.
    """

    cells: tuple[str, ...]
    folder: str
    environment: dict[str, str]
    helper: str
    checkout: str
    missing: frozenset[str]


class Installed(PathFinder):
    """Finds what is installed, but for what the notebook does not ask for."""

    missing: frozenset[str] = frozenset()

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return where a module is, or None as if it were not there."""
        return None if fullname.partition(".")[0] in cls.missing else super().find_spec(fullname, path, target)


def start_server(preload: list[str] = PRELOAD) -> None:
    """Start the process from which the others are forked, if it does not run yet."""
    multiprocessing.set_forkserver_preload(["IPython.core.interactiveshell", "notebook_runs", *preload])
    multiprocessing.forkserver.ensure_running()


def run(job: Job, answer: Connection) -> None:
    """Run a notebook and send back ``{"cells": ...}``, with outputs as nbformat has them, or ``{"failure": ...}``."""
    os.setsid()  # whatever the page starts is ended with it
    try:
        _leave_the_checkout(job)
        answer.send({"cells": _run_cells(job)})
    except BaseException:  # SystemExit too
        answer.send({"failure": traceback.format_exc()})


def _leave_the_checkout(job: Job) -> None:
    """Make this process one of a reader: his folder, his packages, random numbers of its own and one thread."""
    gc.freeze()
    os.chdir(job.folder)
    os.environ.clear()
    os.environ.update(job.environment)
    multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
    ours = [path for path in sys.path if Path(path).is_relative_to(job.checkout)]
    ours = [path for path in ours if not Path(path).is_relative_to(sys.prefix)]
    sys.path[:] = [job.folder, job.helper, *(path for path in sys.path if path and path not in ours)]
    for name in [name for name in sys.modules if name.partition(".")[0] in job.missing]:
        del sys.modules[name]
    Installed.missing = job.missing
    sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.seed()
        torch.set_num_threads(1)


def catch_output() -> int:
    """Let this process, and what it starts, print into a file without a name from now on; return it."""
    printed = os.open("printed.txt", os.O_CREAT | os.O_RDWR | os.O_APPEND)
    os.unlink("printed.txt")  # the folder stays empty
    for stream in (1, 2):  # what the processes print that a page starts is shown, too
        os.dup2(printed, stream)
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    return printed


def read_output(printed: int) -> str:
    """Return all that was printed into the file of `catch_output`."""
    sys.stdout.flush()
    return os.pread(printed, os.fstat(printed).st_size, 0).decode("utf-8", "backslashreplace")


def _run_cells(job: Job) -> list[dict[str, Any]]:
    from IPython.core.interactiveshell import InteractiveShell

    printed = catch_output()
    shell, shown = InteractiveShell.instance(colors="nocolor"), []
    shell.history_manager.enabled = False  # no thread, no file
    if "matplotlib.pyplot" in sys.modules:  # a kernel does so when a page imports it
        shell.enable_gui = lambda _: None
        shell.enable_matplotlib("inline")
    hook = shell.displayhook
    hook.write_output_prompt = hook.finish_displayhook = lambda: None
    hook.write_format_data = shell.display_pub.publish = lambda data, *_, **more: shown.append(data)
    made = []
    for number, cell in enumerate(job.cells, 1):
        shown.clear()
        result = shell.run_cell(cell, store_history=True)
        text = read_output(printed)
        os.ftruncate(printed, 0)
        if error := result.error_before_exec or result.error_in_exec:
            raise RuntimeError(f"cell {number} raises {type(error).__name__}:\n{cell}\n\n{text}") from error
        outputs = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
        made.append({"outputs": [*outputs, *({"output_type": "display_data", "data": data} for data in shown)]})
    return made
