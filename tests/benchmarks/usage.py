"""What a command takes: seconds on the clock, seconds of CPU, and memory, with all the processes that it starts."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36
BETWEEN_LOOKS = 0.5  # seconds


@dataclass(frozen=True)
class Usage:
    """What one command took.

    Attributes
    ----------
    seconds : float
        On the clock.
    cpu : float
        Seconds of all processors, in all processes; other work on the machine changes it little.
    peak : float
        The most memory that the main process held, in MB.
    peak_of_all : float
        The most that all processes held at once, in MB; shared pages count once. Looked at twice a second.
    """

    seconds: float
    cpu: float
    peak: float
    peak_of_all: float


def measure(command: Sequence[str], folder: Path) -> Usage:
    """Run a command in a folder and return what it took.

    Raises
    ------
    SystemExit
        If it fails; with what it printed.
    """
    if sys.platform == "linux":  # so that what the command leaves behind is waited for, and counted, here
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    earlier = _children()  # of whoever measures; they may go on
    before, started = _cpu(), time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        memory = _Memory(process.pid)
        memory.start()
        printed, _ = process.communicate()
        seconds = time.perf_counter() - started
        memory.ended.set()
        memory.join()
    while left := _children() - earlier:
        for pid in left:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{printed}")
    return Usage(seconds, _cpu() - before, memory.of_main, memory.of_all)


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Memory(threading.Thread):
    """Looks again and again at how much memory a process and its descendants hold."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process(pid)
        self.ended = threading.Event()
        self.of_main = self.of_all = 0.0

    def run(self) -> None:
        while not self.ended.wait(BETWEEN_LOOKS):
            with suppress(psutil.Error):
                self.of_main = max(self.of_main, self.process.memory_info().rss / 1e6)
                family = [self.process, *self.process.children(recursive=True)]
                self.of_all = max(self.of_all, sum(map(_share, family)))


def _share(process: psutil.Process) -> float:
    """Return the memory of a process in MB; what several share is divided among them where the system says so."""
    with suppress(psutil.Error):
        memory = process.memory_full_info()
        return getattr(memory, "pss", memory.rss) / 1e6
    return 0.0
