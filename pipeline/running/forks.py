"""Processes for what the build executes: each forked from one server that has torch imported and has run nothing."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from pipeline.gallery import adapter


def start_server(preload: list[str]) -> None:
    """Start the server, if it does not run yet; it imports the modules while the caller goes on.

    Parameters
    ----------
    preload : list of str
        Modules to import before the first fork; paid once, not once a page.
    """
    multiprocessing.set_forkserver_preload([*preload, adapter.PRELOAD, "pipeline.running.child"])
    multiprocessing.forkserver.ensure_running()


def ask(function: Callable[[Any, Connection], None], argument: Any, limit: float) -> dict[str, Any] | None:
    """Call a function in a process of its own and return what it sends.

    Parameters
    ----------
    function : callable
        Takes the argument and a connection, over which it sends one dict.
    argument : object
        What can be pickled.
    limit : float
        Seconds to wait for the answer.

    Returns
    -------
    dict or None
        None if the process ended, or the limit passed, before anything was sent.
    """
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=function, args=(argument, sender))
    child.start()
    sender.close()
    try:
        answer = receiver.recv() if receiver.poll(limit) else None
    except EOFError:
        answer = None
    try:
        # It has said all; taking torch down in order would cost each page 15 ms. What it started ends with it.
        os.killpg(child.pid or 0, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.kill()
    child.join()
    return answer
