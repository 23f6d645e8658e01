"""Import a library that torch does not bring along, or say how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

LIBRARIES = {"PIL": "Pillow", "sklearn": "scikit-learn"}
INSTALL = 'Install it with: pip install "ptguide[data]"'


def require(module: str, purpose: str, advice: str = INSTALL) -> Any:
    """Return a module of a library that ``ptguide[data]`` installs, or of which ``advice`` says where it comes from.

    Raises
    ------
    ModuleNotFoundError
        If the library is not installed. The message says what needs it and what to do.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise ModuleNotFoundError(
            f"{purpose} needs {LIBRARIES.get(missing, missing)}, which is not installed. {advice}", name=missing
        ) from error
