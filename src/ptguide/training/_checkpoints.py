"""Keep what a training run needs to go on, so that a crash costs minutes and not the run."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import warnings
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptguide.training._arguments import check_count
from ptguide.training._files import UNFINISHED, check_plain, load_plain, publish, save_hashed, unfinished

# A name says all that is asked of a file without reading it, and is given to it in one stroke with its content.
NAME = re.compile(r"step-(?P<step>\d+)(?:_score-(?P<score>[^_]+))?_sha256-(?P<sum>[0-9a-f]{16})\.pt")
DAMAGED = ".damaged"  # what is added to the name of a file whose content is not what its name says
# Workers of a DataLoader outlive a killed run by up to 5 seconds, and may hold its lock as long.
PATIENCE = 10.0


@dataclass(frozen=True)
class _Entry:
    """A checkpoint, by its name alone."""

    path: Path
    step: int
    score: float | None
    sum: str


class Checkpoints:
    """A folder of checkpoints, for `fit` or for a loop of your own.

    Each checkpoint is a file that `torch.save` wrote: ``step-(number)_score-(number)_sha256-(digits).pt``. It gets
    this name when all of it is on the disk, so a run that is killed while it writes loses nothing but that one. The
    checksum in the name tells whether the file is still what was written.

    Parameters
    ----------
    folder : path
        Where the files lie; it is made when it is not there. Each run needs one of its own.
    keep : int
        How many of the newest checkpoints to keep, 1 or more. The one with the lowest score is kept beside them.
        With 1 there is none to go back to should it be damaged.
    every : int, optional
        Save after every so many steps of the optimizer, also in the middle of an epoch. By default `fit` saves at the
        end of each epoch only.

    Raises
    ------
    TypeError
        If ``keep`` or ``every`` is no integer.
    ValueError
        If one of them is below 1, or ``folder`` is a file.

    Notes
    -----
    What is in a checkpoint of `fit`, each under its key:

    ================== ================================================================================
    key                what it holds
    ================== ================================================================================
    ``model``          ``state_dict()``: parameters and persistent buffers
    ``loss``           ``state_dict()`` of the loss, if it has parameters or buffers
    ``optimizer``      ``state_dict()``: momenta, step counts, and the settings of each parameter group
    ``schedule``       ``state_dict()`` of the learning-rate schedule, if there is one
    ``scaler``         ``state_dict()`` of the gradient scaler, if training runs in float16
    ``monitor``        the best figure so far, the epochs since, and the weights that it had
    ``settings``       what the run was made with; one that goes on with others is refused, with their names
    ``rng``            states of the generators of torch (CPU and device), of ``random`` and of NumPy
    ``data``           the place in the data, and what the order of this epoch was drawn from
    ``figures``        the sums behind loss and metrics of the epoch that is under way
    ``notes``          the learning rates of the last step
    ``history``        the record of each epoch
    ``epoch``          epochs that are finished
    ``step``           steps of the optimizer that are done
    ``others``         ``rng`` and ``figures`` of the other processes, if several train together
    ``format``         the version of this table
    ================== ================================================================================

    and each of the ``parts`` of `fit` under its name.

    The class of the model is not in it: the same code has to make the model before the state is loaded.

    Files are read with ``torch.load(..., weights_only=True)``: another pickle could run code of a stranger when it is
    loaded, and a checkpoint is a file that people pass on.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> model = torch.nn.Linear(2, 3)
    >>> checkpoints = Checkpoints(tempfile.mkdtemp(), keep=1)
    >>> for step, score in ((1, 0.5), (2, 0.25), (3, 0.75)):
    ...     path = checkpoints.save({"model": model.state_dict()}, step, score)
    >>> [path.name.partition("_sha256")[0] for path in checkpoints.paths()]
    ['step-00000002_score-0.25', 'step-00000003_score-0.75']
    >>> checkpoints.latest()["model"].keys()
    odict_keys(['weight', 'bias'])
    """

    # not looked up: float16 — `fit` has a scaler with this precision

    def __init__(self, folder: str | os.PathLike[str], *, keep: int = 3, every: int | None = None) -> None:
        check_count("keep", keep, 1)
        if every is not None:
            check_count("every", every, 1)
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"folder is {str(folder)!r}, a file; name a folder, or one that is not there yet.")
        self.keep = keep
        self.every = every
        self._release: Any = None  # frees the folder, at the latest when nobody holds this object any more

    def due(self, step: int) -> bool:
        """Return whether a checkpoint is asked for after this step."""
        return self.every is not None and step % self.every == 0

    def paths(self) -> list[Path]:
        """Return the files of the checkpoints, the oldest first."""
        return [entry.path for entry in self._entries()]

    def save(self, state: dict[str, Any], step: int, score: float | None = None) -> Path:
        """Write a checkpoint, then delete those that are no longer to be kept.

        Parameters
        ----------
        state : dict
            Tensors, numbers, strings, and dictionaries, lists and tuples of them.
        step : int
            Steps of the optimizer that are done. It may not be below that of a checkpoint in the folder.
        score : float, optional
            Lower is better: pass an accuracy with its sign turned. The first checkpoint with the lowest score is kept;
            one without a score, or with NaN or infinity, is never the best.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        TypeError
            If ``state`` holds something that could not be loaded again; the message says where.
        ValueError
            If the folder holds a checkpoint of a later step, which then belongs to another run.
        OSError
            If the file cannot be written, for example because the disk is full. The older ones are untouched.
        RuntimeError
            If another process is writing to the folder.
        """
        check_count("step", step, 0)
        check_plain(state)
        self._take()
        if (entries := self._entries()) and entries[-1].step > step:
            raise ValueError(
                f"step is {step}, but {entries[-1].path} is of step {entries[-1].step}, so another run wrote it. Give "
                "each run a folder of its own, or go on from what latest() returns."
            )
        label = f"step-{step:08d}" + ("" if score is None else f"_score-{float(score)!r}")
        try:
            with unfinished(self.folder, "step-") as path:
                checksum = save_hashed(state, path)
                final = self.folder / f"{label}_sha256-{checksum[:16]}.pt"
                publish(path, final)
        except OSError as error:
            reason = f"{error.strerror}; this checkpoint is not written, those before it are untouched"
            raise OSError(error.errno, reason, str(self.folder / label)) from error
        self._prune(final)
        return final

    def latest(self) -> dict[str, Any] | None:
        """Return the state of the newest whole checkpoint, its tensors on the CPU, or None if there is no file yet.

        A file whose content does not have the checksum in its name is set aside as ``*.damaged``, a warning names it,
        and the one before it is taken. A folder without permission to write is read.

        Raises
        ------
        ValueError
            If a file holds more than tensors and plain values, which loading could run as code.
        RuntimeError
            If every checkpoint is damaged, or another process is writing to the folder.
        """
        self._take(reading=True)
        return self._first_whole(self._entries()[::-1])

    def best(self) -> dict[str, Any] | None:
        """Return the state with the lowest score, its tensors on the CPU, or None if no file has a score.

        It may be asked for while another process trains. What is damaged is treated as `latest` does.
        """
        try:
            return self._first_whole(sorted(filter(_has_score, self._entries()), key=_by_score))
        except FileNotFoundError:  # the process that trains has just found a better one, and deleted this
            return self.best()

    def close(self) -> None:
        """Let another run write to the folder; the end of the process does it too."""
        if self._release is not None:
            self._release()
            self._release = None

    def _take(self, *, reading: bool = False) -> None:
        """Make sure that no other process writes to this folder. The system frees the lock when its process ends."""
        if self._release is not None:
            return
        from filelock import FileLock, Timeout  # torch brings it along; 50 ms to import

        # It makes the folder. All objects of one process share it: a notebook's cell that runs twice makes two of them.
        lock = FileLock(self.folder.resolve() / ".lock", is_singleton=True, thread_local=False)
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise RuntimeError(
                f"Another process is writing checkpoints to {self.folder}. Give each run a folder of its own, or wait "
                "until that one has ended."
            ) from None
        except OSError:
            if reading:  # nobody on this machine can write to it, then
                return
            raise
        self._release = weakref.finalize(self, lock.release)

    def _entries(self) -> list[_Entry]:
        """Return the checkpoints in the folder by step; where two have the same, by the time of writing."""
        found = []
        for path in self.folder.glob("step-*.pt"):
            with contextlib.suppress(FileNotFoundError):  # deleted by a process that trains, since it was listed
                if match := NAME.fullmatch(path.name):
                    score = None if match["score"] is None else float(match["score"])
                    entry = _Entry(path, int(match["step"]), score, match["sum"])
                    found.append((entry.step, path.stat().st_mtime_ns, entry))
        return [entry for _, _, entry in sorted(found, key=lambda item: item[:2])]

    def _prune(self, newest: Path) -> None:
        """Delete what is neither among the newest nor the best, and what a killed run left unfinished."""
        entries = self._entries()
        last = {entry.step: entry.path for entry in entries}  # of a step that was written twice: the later file
        kept = {newest, *list(last.values())[-self.keep :]}
        kept.update(entry.path for entry in sorted(filter(_has_score, entries), key=_by_score)[:1])
        for path in [*(entry.path for entry in entries), *self.folder.glob(f"step-*{UNFINISHED}")]:
            if path not in kept:
                path.unlink()

    def _first_whole(self, entries: list[_Entry]) -> dict[str, Any] | None:
        """Load the first of the checkpoints that is whole; set those before it aside, and say so."""
        for number, entry in enumerate(entries):
            with entry.path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()[: len(entry.sum)]
            if found == entry.sum:
                return load_plain(entry.path)
            aside = f"is renamed to *{DAMAGED}"
            try:
                os.replace(entry.path, f"{entry.path}{DAMAGED}")
            except OSError as error:
                aside = f"cannot be renamed ({error.strerror})"
            rest = entries[number + 1 :]
            instead = f"{rest[0].path.name} is taken instead." if rest else "there is none before it."
            warnings.warn(
                f"Checkpoint {entry.path} is damaged: the SHA-256 of its content begins with {found}. It {aside}; "
                f"{instead}",
                stacklevel=3,
            )
        if self._entries() or not (damaged := sorted(self.folder.glob(f"*{DAMAGED}"))):
            return None
        raise RuntimeError(
            f"No checkpoint in {self.folder} is whole: {', '.join(path.name for path in damaged)}. Put back a copy, or "
            "delete them to begin anew."
        )


def _has_score(entry: _Entry) -> bool:
    return entry.score is not None and math.isfinite(entry.score)


def _by_score(entry: _Entry) -> tuple[float, int]:
    return float(entry.score or 0.0), entry.step
