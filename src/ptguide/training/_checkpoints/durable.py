"""Write a file so that it is either whole or not there, whenever the process or the machine stops."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch

UNFINISHED = ".unfinished"  # the suffix of a file that is being written


@contextlib.contextmanager
def unfinished(folder: Path, prefix: str) -> Iterator[Path]:
    """Give a name for a file that is being written, and delete it where an error is raised."""
    # Not made by tempfile: such a file may be read by its owner alone, also under its final name.
    path = folder / f"{prefix}{os.getpid()}-{secrets.token_hex(4)}{UNFINISHED}"
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def publish(path: Path, final: Path) -> None:
    """Give a written file its final name, when all of it is on the disk.

    The bytes reach the disk before the name does: otherwise a machine that loses power can keep the name of a file
    without what was in it. Then the folder, which holds the names, reaches the disk as well.
    """
    _sync(path)
    os.replace(path, final)
    if os.name != "nt":  # Windows cannot open a folder
        _sync(final.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Hashing:
    """A file to write to that computes the SHA-256 of what passes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum = hashlib.sha256()
        self.error: OSError | None = None
        self.flush = file.flush

    def write(self, data: bytes) -> int:
        try:
            written = self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        self.sum.update(data)
        return written


def save_hashed(state: Any, path: Path) -> str:
    """Write ``state`` with `torch.save`, and return the SHA-256 of what was meant to be written.

    A checksum taken from the file afterwards would agree with whatever a bad disk made of it, and would cost a reading.

    Raises
    ------
    OSError
        If the file cannot be written. torch raises a RuntimeError about positions in an archive on top of it.
    """
    with path.open("xb") as file:
        target = _Hashing(file)
        try:
            torch.save(state, target)  # type: ignore[arg-type]  # write and flush are all that it needs
        except RuntimeError:
            if target.error is not None:
                raise target.error from None
            raise
    return target.sum.hexdigest()
