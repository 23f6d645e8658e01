"""Processes for what the build executes: each forked from one server that has torch imported and has run nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from pipeline.gallery import adapter

TRIES = 3
# What torchrun says where a thread of gloo outlives its Python. About one run of thirty ends so, after all is saved.
CRASH_OF_GLOO = ("terminate called without an active exception", "torch.distributed.elastic")

_second = forkserver.ForkServer()
_starting = threading.Lock()  # which server a process comes of is a setting of the module


def start_server(preload: list[str]) -> None:
    """Start the server, if it does not run yet; it imports the modules while the caller goes on.

    Parameters
    ----------
    preload : list of str
        Modules to import before the first fork; paid once, not once a page.
    """
    modules = [*preload, adapter.PRELOAD, "pipeline.running.child"]
    multiprocessing.set_forkserver_preload(modules)
    _second.set_forkserver_preload(modules)  # it starts with the first page that runs twice
    forkserver.ensure_running()


class _Apart(ForkServerProcess):
    """A process of the second server, in which sets and addresses have another order than in the first."""

    @staticmethod
    def _Popen(process: Any) -> Any:  # noqa: N802 (multiprocessing's own name)
        usual, forkserver.connect_to_new_process = forkserver.connect_to_new_process, _second.connect_to_new_process
        fixed = os.environ.get("PYTHONHASHSEED")  # without it, Python takes another one in each server
        if fixed is not None:
            os.environ["PYTHONHASHSEED"] = "random"
        try:
            return ForkServerProcess._Popen(process)
        finally:
            forkserver.connect_to_new_process = usual
            if fixed is not None:
                os.environ["PYTHONHASHSEED"] = fixed


def unless_gloo_crashed(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a page, and anew where its failure shows that gloo crashed as a process of torchrun ended.

    Parameters
    ----------
    run : callable
        Runs it from its beginning and returns its answer.

    Returns
    -------
    dict
        The first answer that is no such failure. A crash in each of three runs is the page's own.
    """
    for _ in range(TRIES):
        answer = run()
        if not all(words in answer.get("failure", "") for words in CRASH_OF_GLOO):
            break
    return answer


def ask(
    function: Callable[[Any, Connection], None], argument: Any, limit: float, *, apart: bool = False
) -> dict[str, Any] | None:
    """Call a function in a process of its own and return what it sends.

    Parameters
    ----------
    function : callable
        Takes the argument and a connection, over which it sends one dict.
    argument : object
        What can be pickled.
    limit : float
        Seconds to wait for the answer.
    apart : bool
        Whether the process comes of a second server, with another seed of ``hash``.

    Returns
    -------
    dict or None
        None if the process ended before anything was sent; a ``failure`` if the limit passed.
    """
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    child = (_Apart if apart else context.Process)(target=function, args=(argument, sender))
    with _starting:
        child.start()
    sender.close()
    try:
        late = {"failure": f"still running after {limit:g} s, and nothing in it ended it before"}
        answer = receiver.recv() if receiver.poll(limit) else late
    except EOFError:
        answer = None
    try:
        # It has said all; taking torch down in order would cost each page 15 ms. What it started ends with it.
        os.killpg(child.pid or 0, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.kill()
    child.join()
    return answer
