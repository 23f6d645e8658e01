"""What a checkpoint may hold: values that are loaded without running any code."""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import torch

# `torch.load(..., weights_only=True)` reads exactly these, and none of their subclasses: numpy.float64 is one of float.
CONTAINERS = (dict, OrderedDict, Counter, list, tuple, set)
VALUES = (
    *(torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype, torch.device),
    *(bool, int, float, complex, str, bytes, type(None)),
)


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
        If the file holds something else; the message names it.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors and plain values, and is not loaded: that could run any code. Ask whoever "
            f"made it for one without. torch says: {error}"
        ) from error
    return state


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
