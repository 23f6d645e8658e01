"""Files that are whole or not there, whenever the process or the machine stops, and that run no code when loaded.

The weights of a model are passed on in one, without what only its training needs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import secrets
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from ptguide._optional import require
from ptguide.training._processes import divide_weights, is_sharded, join, whole

SAFETENSORS = ".safetensors"
SUFFIXES = (".pt", ".pth", SAFETENSORS)
UNFINISHED = ".unfinished"  # the suffix of a file that is being written

# `torch.load(..., weights_only=True)` reads exactly these, and none of their subclasses: numpy.float64 is one of float.
CONTAINERS = (dict, OrderedDict, Counter, list, tuple, set)
VALUES = (
    *(torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype, torch.device),
    *(bool, int, float, complex, str, bytes, type(None)),
)


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


def check_plain(state: Any) -> None:
    """Refuse what could be saved but not loaded, before hours of training depend on it.

    Raises
    ------
    TypeError
        If ``state`` is no dictionary, or holds another kind of value; the message says which, and where.
    """
    if not isinstance(state, dict):
        raise TypeError(f"state is a {_name(state)}; expected a dictionary such as {{'model': model.state_dict()}}.")
    if found := _find_other(state):
        where, value = found
        raise TypeError(
            f"state{where} is a {_name(value)}, which cannot be loaded without running code. Convert it to tensors, "
            "numbers or strings, or to dictionaries, lists or tuples of them."
        )


def load_plain(path: Path) -> dict[str, Any]:
    """Load what `torch.save` wrote, its tensors on the CPU, without running code.

    Raises
    ------
    ValueError
        If the file holds something else; the message says what.
    """
    with path.open("rb") as file:
        begin = file.read(40)
    if not begin.startswith((b"PK", b"\x80")):  # a ZIP archive, or a pickle of old
        raise no_weights(path, "torch.save", begin)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors and plain values, and is not loaded: that could run any code. Ask whoever "
            f"made it for one without. torch says: {error}"
        ) from error
    except (RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is damaged, or was not written to its end. torch says: {error}") from error
    return state


def no_weights(path: Path, writer: str, begin: bytes) -> ValueError:
    """Return the error for a file of another kind."""
    what = f"begins with {begin!r}" if begin else "is empty"
    page = ": a web page, it seems, that was loaded in its place" if begin.lstrip().startswith(b"<") else ""
    return ValueError(f"{path} {what}{page}; expected a file that {writer} wrote.")


def _find_other(value: Any) -> tuple[str, Any] | None:
    """Return the way to the first value of another kind, and the value."""
    if type(value) in VALUES:
        return None
    if type(value) not in CONTAINERS:
        return "", value
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        if found := _find_other(entry) or _find_other(key):
            return f"[{key!r}]{found[0]}", found[1]
    return None


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def save_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the parameters and persistent buffers of a model to a file that is whole or not there.

    Parameters
    ----------
    model : torch.nn.Module
        The model. Tensors that layers share are written once. If it is divided among processes (``fit`` with
        ``shard``), all of them call this, and the first writes the whole tensors.
    path : path
        Its suffix chooses the format: ``.pt`` or ``.pth`` for that of `torch.save`, ``.safetensors`` for one that
        other languages read too, and that holds no pickle at all (needs the package safetensors).

    Raises
    ------
    ValueError
        If the suffix is another one.
    ImportError
        If safetensors is wanted and not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "line.safetensors"
    >>> save_weights(nn.Linear(2, 3), path)
    >>> model = nn.Linear(2, 3)
    >>> load_weights(model, path)
    """
    path = _checked(path)
    if not is_sharded(model):
        _write(model, None, path)
        return
    team = join(next(model.parameters()).device)
    weights = whole({"model": model.state_dict()}, keep=team.leads)["model"]
    if team.leads:
        _write(model, weights, path)
    team.gather(None)  # nobody reads the file before it is there


def _write(model: nn.Module, weights: dict[str, Tensor] | None, path: Path) -> None:
    """Write the weights of a model, or those that were brought together from its parts."""
    with unfinished(path.parent, f"{path.name}-") as file:
        if path.suffix != SAFETENSORS:
            torch.save(model.state_dict() if weights is None else weights, file)
        else:
            safetensors = require("safetensors.torch", f"A {SAFETENSORS} file", extra="training")
            if weights is None:
                safetensors.save_model(model, str(file))
            else:
                safetensors.save_file({name: value.contiguous() for name, value in weights.items()}, str(file))
        publish(file, path)


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Load what `save_weights` wrote into a model of the same class and sizes, on its device.

    Raises
    ------
    ValueError
        If the suffix is unknown, or the file is empty, damaged, of another kind, or holds more than tensors and plain
        values, which could run as code.
    RuntimeError
        If the names or shapes of the tensors are not those of the model; torch lists them.
    ImportError
        If safetensors is wanted and not installed.
    """
    path = _checked(path)
    weights = _read_safetensors(model, path) if path.suffix == SAFETENSORS else load_plain(path)
    if weights is not None:
        model.load_state_dict(divide_weights(weights, model) if is_sharded(model) else weights)


def _read_safetensors(model: nn.Module, path: Path) -> dict[str, Tensor] | None:
    """Load a model from a file; return the weights instead where the model is divided among processes."""
    safetensors = require("safetensors.torch", f"A {SAFETENSORS} file", extra="training")
    try:
        if is_sharded(model):
            found: dict[str, Tensor] = safetensors.load_file(str(path))
            return found
        safetensors.load_model(model, str(path))
    except require("safetensors", f"A {SAFETENSORS} file", extra="training").SafetensorError as error:
        with path.open("rb") as file:
            raise no_weights(path, "safetensors", file.read(40)) from error
    return None


def _checked(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"path is {str(path)!r}; expected a file name that ends with {', '.join(SUFFIXES)}.")
    return path
