"""What a process prints, from Python, from C++ and from the processes that it starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class Printed:
    """Sends what this process prints to a file.

    Parameters
    ----------
    file : Path
        It is made.
    """

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_TRUNC)
        self._taken = 0
        for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
            stream.flush()
            os.dup2(self._file, number)
            stream.reconfigure(encoding="utf-8", line_buffering=True)

    def take(self) -> str:
        """Return what was printed since the last call."""
        sys.stdout.flush()
        sys.stderr.flush()
        new = os.pread(self._file, os.fstat(self._file).st_size - self._taken, self._taken)
        self._taken += len(new)
        return new.decode("utf-8", errors="replace")
