"""Pass the weights of a model on, without what only its training needs."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from ptguide._optional import require
from ptguide.training._files import load_plain, no_weights, publish, unfinished
from ptguide.training._processes import is_sharded, join
from ptguide.training._sharding import divide_weights, whole

SAFETENSORS = ".safetensors"
SUFFIXES = (".pt", ".pth", SAFETENSORS)


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
