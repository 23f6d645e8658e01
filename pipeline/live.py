"""Show the site while writing; `nox -s serve`.

Sphinx and torch stay loaded between builds, so that a saved page costs its own run and little more. What one build
learns is kept as always; only the server, its folder and the tolerance for warnings differ from `nox -s docs`.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvicorn
import watchfiles
from sphinx.cmd.build import build_main
from sphinx_autobuild.filter import IgnoreFilter
from sphinx_autobuild.middleware import JavascriptInjectorMiddleware
from sphinx_autobuild.server import RebuildServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles


def build(docs: Path, out: Path, changed_paths: Sequence[Path] = ()) -> int:
    """Build the site in this process and say how long it took; return Sphinx's exit status."""
    started = time.perf_counter()
    # A helper may have been edited: the reference must be read from its new source.
    helpers = str(docs.parent / "src")
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(helpers):
            del sys.modules[name]
    if any("pipeline" in path.parts for path in changed_paths):
        print("The pipeline was edited: stop and start again to use it.")
    doctrees = out.parent / "doctrees"
    tolerant = ["-D", "outputs_check=0"]
    status = build_main(["-q", "-n", *tolerant, "-d", str(doctrees), str(docs), str(out)])
    outcome = "built" if status == 0 else "NOT built, see above"
    print(f"{outcome} in {time.perf_counter() - started:.1f} s", flush=True)
    return status


class WarmServer(RebuildServer):
    """Rebuilds in a thread of this process, where everything is loaded, rather than in a new one."""

    async def watch(self) -> None:
        """Build after each change, then tell the browsers."""
        async for changes in watchfiles.awatch(
            *self.paths, watch_filter=lambda _, path: not self.ignore(path), debounce=100, step=20
        ):
            await asyncio.to_thread(self.change_callback, [Path(path) for _, path in changes])
            self.flag.set()


def main(docs: Path, arguments: list[str]) -> int:
    """Build once, then serve and watch until interrupted.

    Parameters
    ----------
    docs : Path
        The folder of conf.py; the pages and the helpers lie beside it.
    arguments : list of str
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="nox -s serve --")
    parser.add_argument("--port", type=int, default=8000, help="port on this machine (default: 8000)")
    port = parser.parse_args(arguments).port
    out = docs / "_build" / "live" / "html"
    out.mkdir(parents=True, exist_ok=True)
    build(docs, out)
    made = [docs / "_build", docs / "guide", docs / "outputs"]
    ignore = IgnoreFilter([str(path) for path in made], [r"__pycache__|\.(pyc|new|swp)$|~$"])
    watched = [docs, docs.parent / "gallery", docs.parent / "src"]
    watcher = WarmServer(watched, ignore, functools.partial(build, docs, out))
    address = f"127.0.0.1:{port}"
    app = Starlette(
        routes=[
            WebSocketRoute("/websocket-reload", watcher, name="reload"),
            Mount("/", app=StaticFiles(directory=out, html=True), name="static"),
        ],
        middleware=[Middleware(JavascriptInjectorMiddleware, ws_url=address)],
        lifespan=watcher.lifespan,
    )
    print(f"Open http://{address} (Ctrl+C stops)", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
    return 0
