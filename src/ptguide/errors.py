"""Show an error or a warning that a page raises on purpose, and go on."""

from __future__ import annotations

import contextlib
import re
import sys
import traceback
import warnings
from collections.abc import Iterator

__all__ = ["expect_error", "expect_warning"]

# Where in torch's own source a warning was given: it differs with every release.
TRIGGERED = re.compile(r" ?\(Triggered internally at [^)]*\)")
# A line of a traceback inside a message: the folders differ with every machine, the numbers with every release.
FRAME = re.compile(r'^(\s+File ")(?:[^"\n]*[/\\])?([^"\n]+", line )\d+', re.MULTILINE)
# A line that underlines a part of the line above it; which part is underlined differs with every Python.
UNDERLINED = re.compile(r"^[ ~^]*[~^][ ~^]*\n", re.MULTILINE)


@contextlib.contextmanager
def expect_error(kind: type[Exception], match: str = "") -> Iterator[None]:
    """Run code that fails, and print the error that it raised.

    A traceback inside the message, such as that of another process, is printed without folders and line numbers.

    Parameters
    ----------
    kind : type of Exception
        The error that the code must raise; a subclass counts too.
    match : str
        A regular expression that must be found in the message.

    Raises
    ------
    AssertionError
        If nothing is raised, or if the message does not match. An error of another kind passes through.

    Examples
    --------
    >>> import torch
    >>> with expect_error(RuntimeError, match="cannot be multiplied"):
    ...     torch.ones(2, 3) @ torch.ones(4, 5)
    RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)
    """
    try:
        yield
    except kind as error:
        # The frames hold what the failed call had made, processes too; and each other, so that it would stay.
        traceback.clear_frames(error.__traceback__)
        _require_match(match, str(error))
        print(f"{type(error).__name__}: {_without_places(str(error))}")
    else:
        raise AssertionError(f"expected {kind.__name__}, but nothing was raised")


@contextlib.contextmanager
def expect_warning(kind: type[Warning], match: str = "") -> Iterator[None]:
    """Run code that warns, and print its warnings, without the place in torch's source that gave them.

    Parameters
    ----------
    kind : type of Warning
        The warning that the code must give; a subclass counts too.
    match : str
        A regular expression that must be found in each of these messages.

    Raises
    ------
    AssertionError
        If no such warning is given, or if a message does not match. Other warnings are given again.

    Examples
    --------
    >>> import warnings
    >>> with expect_warning(UserWarning, match="slow"):
    ...     warnings.warn("this is slow")
    UserWarning: this is slow
    """
    with warnings.catch_warnings(record=True) as caught, _every_time():
        warnings.simplefilter("always")
        yield
    wanted = [warning for warning in caught if issubclass(warning.category, kind)]
    for other in caught:
        if other not in wanted:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    if not wanted:
        raise AssertionError(f"expected {kind.__name__}, but no such warning was given")
    for warning in wanted:
        _require_match(match, str(warning.message))
        print(f"{warning.category.__name__}: {TRIGGERED.sub('', str(warning.message))}")


@contextlib.contextmanager
def _every_time() -> Iterator[None]:
    """Let torch give its warnings every time; some it gives once a process, and a notebook runs a cell again."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        yield
    finally:
        torch.set_warn_always(before)


def _without_places(message: str) -> str:
    """Return a message in whose traceback nothing is left that differs from machine to machine."""
    return UNDERLINED.sub("", FRAME.sub(r"\1\2…", message)).rstrip("\n")


def _require_match(pattern: str, message: str) -> None:
    if not re.search(pattern, message):
        raise AssertionError(f"expected a message that matches {pattern!r}, got {message!r}")
