"""Pass the weights of a model on, without what only its training needs."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn

from ptguide._optional import require
from ptguide.training._checkpoints.durable import publish, unfinished
from ptguide.training._checkpoints.plain import load_plain

SAFETENSORS = ".safetensors"
SUFFIXES = (".pt", ".pth", SAFETENSORS)


def save_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the parameters and persistent buffers of a model to a file that is whole or not there.

    Parameters
    ----------
    model : torch.nn.Module
        The model. Tensors that layers share are written once.
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
    with unfinished(path.parent, f"{path.name}-") as whole:
        if path.suffix == SAFETENSORS:
            require("safetensors.torch", f"A {SAFETENSORS} file", extra="training").save_model(model, str(whole))
        else:
            torch.save(model.state_dict(), whole)
        publish(whole, path)


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Load what `save_weights` wrote into a model of the same class and sizes, on whatever device it is.

    Raises
    ------
    ValueError
        If the suffix is unknown, or the file holds more than tensors and plain values, which could run as code.
    RuntimeError
        If the names or shapes of the tensors are not those of the model; torch lists them.
    ImportError
        If safetensors is wanted and not installed.
    """
    path = _checked(path)
    if path.suffix == SAFETENSORS:
        require("safetensors.torch", f"A {SAFETENSORS} file", extra="training").load_model(model, str(path))
    else:
        model.load_state_dict(load_plain(path))


def _checked(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"path is {str(path)!r}; expected a file name that ends with {', '.join(SUFFIXES)}.")
    return path
