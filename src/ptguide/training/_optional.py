"""Import what only some settings need, or say how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def require(module: str, purpose: str) -> Any:
    """Return a module that ``ptguide[training]`` installs.

    Raises
    ------
    ModuleNotFoundError
        If it is not there: the message names it, what it is for, and the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise ModuleNotFoundError(
            f'{purpose} needs {missing}, which is not installed. Install it with: pip install "ptguide[training]"',
            name=missing,
        ) from error
