"""Which files a page leaves outside its own folder: a reader who runs it would find them among their own."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from pipeline.running.job import Job

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
MAKES = {"os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1}  # where in its arguments an event has the path
CACHES = (".cache", ".config", ".triton")  # of libraries, in the home folder
CACHE_SETTINGS = ("XDG_CACHE_HOME", "TORCH_HOME", "MPLCONFIGDIR", "TRITON_CACHE_DIR")
LEFT = (
    "the page leaves files outside its own folder: {}.\nIt begins in an empty folder, which is deleted after it: write "
    "there, by a name without a folder, or to a tempfile.TemporaryDirectory()."
)


class Written:
    """Notes the files that this process makes, from now on: what Python opens, and what comes to lie beside the page.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self._job, self._paths, self._listening = job, set[str](), True
        self._root = os.path.realpath(job.root)
        self._made = Path(job.staging, job.gallery_dir)
        home = Path.home()
        caches = [*(home / name for name in CACHES), *filter(None, map(os.environ.get, CACHE_SETTINGS))]
        self._allowed = [os.path.realpath(path) for path in (job.work, self._made, *caches, "/dev", "/proc", "/sys")]
        ours = (job.report_file, job.place_file, job.claims_file, job.printed_file, job.measured_file)
        self._ours = set(map(str, ours))
        self._before = self._beside()
        sys.addaudithook(self._hear)  # it stays as long as the process

    def refuse(self) -> None:
        """End the noting.

        Raises
        ------
        RuntimeError
            If something that was made outside the page's folder is still there.
        """
        self._listening = False
        left = {path for path in self._paths if os.path.lexists(path) and not self._is_allowed(path)}
        left |= self._beside() - self._before
        if left:
            raise RuntimeError(LEFT.format(", ".join(sorted(left))))

    def _hear(self, event: str, details: tuple[Any, ...]) -> None:
        if not self._listening:
            return
        if event == "open" and not isinstance(details[0], int) and (details[2] or 0) & WRITES:
            self._paths.add(os.path.abspath(os.fsdecode(details[0])))
        elif event in MAKES and isinstance(details[MAKES[event]], str | bytes | os.PathLike):
            self._paths.add(os.path.abspath(os.fsdecode(details[MAKES[event]])))

    def _is_allowed(self, path: str) -> bool:
        path = os.path.realpath(path)
        if path in self._ours or "__pycache__" in Path(path).parts or any(_is_in(path, ok) for ok in self._allowed):
            return True
        return _is_in(path, os.path.realpath(tempfile.gettempdir())) and not _is_in(path, self._root)

    def _beside(self) -> set[str]:
        """Return what lies beside the page's folder and beside its script: torch.save is not heard, as C++ writes."""
        ours = {*self._ours, str(self._job.work), str(self._made)}
        staged = {str(path) for path in Path(self._job.staging).iterdir()} - ours
        scripts = Path(self._job.source).parent.iterdir()
        other = {str(path) for path in scripts if not path.name.endswith((".py", "~", "__pycache__"))}
        return staged | {path for path in other if not Path(path).name.startswith(".")}  # of an editor


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(place + os.sep)
