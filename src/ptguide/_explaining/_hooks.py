"""Where errors pass by: the hooks of Python, of notebooks, and of the workers of a DataLoader.

This module loads nothing of torch; what explains is loaded when the first error was raised.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

HEAD = "ptguide explains:"
MOST_CHAINED = 10
CARRIED = "ptguide_note"  # the attribute of what brings an error from a worker, as text

_lock = threading.RLock()
_before: dict[str, Any] = {}  # the hooks that were there, by what they are hooks of
_watching = 0  # blocks and installations that want to know of workers


def annotate(error: BaseException) -> Any:
    """Add an explanation to an error of torch, and to those that led to it, once.

    Parameters
    ----------
    error : BaseException
        It gets a note, and is not changed otherwise.

    Returns
    -------
    Answer or None
        What was added to `error` itself; None if nothing was.
    """
    told = None
    try:
        if "torch" in sys.modules:
            for one in _chain(error):
                answer = _annotate_one(one)
                told = answer if one is error else told
    except Exception:  # what went wrong is not what the reader waits for
        return None
    return told


def _annotate_one(error: BaseException) -> Any:
    notes = getattr(error, "__notes__", ())
    if not isinstance(error, Exception) or any(str(note).startswith(HEAD) for note in notes):
        return None
    carried = _carried(error)
    if carried:
        error.add_note(carried)
        return None
    from ptguide._explaining._answer import explain_error

    answer = explain_error(error)
    if answer is not None:
        error.add_note(str(answer))
    return answer


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that are printed with it."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < MOST_CHAINED:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        before = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        waiting += [before] if before is not None else []
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()


# --- The workers of a DataLoader -----------------------------------------------------------------------------------


def watch_workers() -> None:
    """Let errors of workers be explained where they are raised: there alone, the tensors are."""
    global _watching
    with _lock:
        _watching += 1
        if _watching == 1:
            import torch._utils as utils  # a script may load torch later, and its workers have this from the start

            if "worker" not in _before:
                _before["worker"] = utils.ExceptionWrapper.__init__
            utils.ExceptionWrapper.__init__ = _wrap  # type: ignore[method-assign]


def leave_workers() -> None:
    """Put back what `watch_workers` changed, when nobody watches any more."""
    global _watching
    with _lock:
        _watching -= 1
        if not _watching:
            sys.modules["torch._utils"].ExceptionWrapper.__init__ = _before["worker"]


def _wrap(wrapper: Any, exc_info: Any = None, where: str = "in background") -> None:
    """Take the place of the method that prepares an error for its way to another process."""
    _before["worker"](wrapper, exc_info, where)
    _carry(wrapper, exc_info[1] if exc_info else sys.exc_info()[1])


def _carry(wrapper: Any, error: BaseException | None) -> None:
    """Give the explanation to what brings the error to the main process; its message stays what it was."""
    try:
        from ptguide._explaining._answer import explain_error

        answer = explain_error(error) if error is not None else None
        if answer is not None:
            setattr(wrapper, CARRIED, str(answer))
    except Exception:
        return


def _carried(error: BaseException) -> str | None:
    """Return the explanation that a worker sent along with an error."""
    traceback, found = error.__traceback__, None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name == "reraise" and code.co_filename.endswith("_utils.py"):
            found = traceback.tb_frame.f_locals.get("self")
        traceback = traceback.tb_next
    note = getattr(found, "__dict__", {}).get(CARRIED)
    return note if isinstance(note, str) else None


# --- A whole program -----------------------------------------------------------------------------------------------


def install() -> None:
    """Put the hooks into their places."""
    with _lock:
        if "program" in _before:
            return
        _before["program"] = sys.excepthook
        _before["thread"] = threading.excepthook
        sys.excepthook = _program
        threading.excepthook = _thread
        watch_workers()
        shell = _shell()
        if shell is not None:
            _before["shell"] = shell
            shell.showtraceback = _showing(shell, shell.showtraceback)


def uninstall() -> None:
    """Put back the hooks that were there, as far as nobody put others in front."""
    with _lock:
        if "program" not in _before:
            return
        program, thread = _before.pop("program"), _before.pop("thread")
        if sys.excepthook is _program:
            sys.excepthook = program
        if threading.excepthook is _thread:
            threading.excepthook = thread
        shell = _before.pop("shell", None)
        if shell is not None:
            vars(shell).pop("showtraceback", None)
        leave_workers()


def _program(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    annotate(error)
    _before.get("program", sys.__excepthook__)(kind, error, traceback)


def _thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        annotate(args.exc_value)
    _before.get("thread", threading.__excepthook__)(args)


# --- Notebooks -----------------------------------------------------------------------------------------------------


def _shell() -> Any:
    """Return the shell of IPython, if this is one."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def _showing(shell: Any, original: Callable[..., None]) -> Callable[..., None]:
    """Return what shows a traceback: the picture first, then what the shell shows."""

    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        error = (exc_tuple or sys.exc_info())[1]
        if error is not None:
            show(annotate(error))
        original(exc_tuple, *args, **kwargs)

    return showtraceback


def show(answer: Any) -> None:
    """Draw the shapes of an explanation, in a notebook."""
    try:
        if answer is not None and _shell() is not None:
            from ptguide._explaining._picture import shapes

            picture = shapes(answer)
            if picture is not None:
                from IPython.display import display

                display(picture)  # type: ignore[no-untyped-call]
    except Exception:
        return
