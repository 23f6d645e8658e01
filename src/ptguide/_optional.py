"""Import a library that only some of the package needs, or say how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

LIBRARIES = {"PIL": "Pillow", "sklearn": "scikit-learn"}  # where the name to import is not the name to install


def require(module: str, purpose: str, *, extra: str | None = None, advice: str = "") -> Any:
    """Return a module of a library that may be missing.

    Parameters
    ----------
    module : str
        What to import.
    purpose : str
        What needs it.
    extra : str, optional
        The extra of this package that installs it, ``"data"`` or ``"training"``.
    advice : str
        What to do instead of installing an extra.

    Raises
    ------
    ModuleNotFoundError
        If the library is not installed. The message says what needs it and what to do.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        remedy = advice if extra is None else f'Install it with: pip install "ptguide[{extra}]"'
        raise ModuleNotFoundError(
            f"{purpose} needs {LIBRARIES.get(missing, missing)}, which is not installed. {remedy}", name=missing
        ) from error
