"""Which files of the project a page opens: its outputs depend on them as on its own source."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.gallery.sources import digest_of_opened

MODULES = (".py", ".pyc")  # the page's key has those that it imports


class Opened:
    """Notes the files below a folder that this process opens for reading, from now on; Python's own view of them.

    Parameters
    ----------
    root : Path
    left_out : iterable of Path
        Files and folders that do not count.

    Attributes
    ----------
    digests : dict of str to str
        For each file, by its path below the root, what it held when it was first opened.
    """

    def __init__(self, root: Path, left_out: Iterable[Path]) -> None:
        self.digests: dict[str, str] = {}
        self._root = os.path.realpath(root)
        self._left_out = (sys.prefix, *(os.path.realpath(path) for path in left_out))
        self._listening = True
        sys.addaudithook(self._hear)  # it stays as long as the process

    def stop(self) -> None:
        """Note no more."""
        self._listening = False

    def _hear(self, event: str, details: tuple[Any, ...]) -> None:
        if event == "open" and self._listening and not isinstance(details[0], int):
            path, _, flags = details
            if (flags or 0) & os.O_ACCMODE != os.O_WRONLY:
                self._note(os.path.realpath(os.fsdecode(path)))

    def _note(self, path: str) -> None:
        if not _is_in(path, self._root) or path.endswith(MODULES) or any(_is_in(path, out) for out in self._left_out):
            return
        name = os.path.relpath(path, self._root)
        if name not in self.digests:
            self.digests[name] = ""  # reading the file is heard, too
            self.digests[name] = digest_of_opened(Path(path))


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(place + os.sep)
