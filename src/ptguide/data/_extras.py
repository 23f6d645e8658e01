"""Import a library that torch does not bring along, or say how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

LIBRARIES = {"PIL": "Pillow", "sklearn": "scikit-learn"}


def require(module: str, purpose: str) -> Any:
    """Return a module of a library that ``ptguide[data]`` installs.

    Raises
    ------
    ModuleNotFoundError
        If the library is not installed. The message says what needs it and how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise ModuleNotFoundError(
            f"{purpose} needs {LIBRARIES.get(missing, missing)}, which is not installed. "
            'Install it with: pip install "ptguide[data]"',
            name=missing,
        ) from error
