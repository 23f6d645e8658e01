"""Show the site while writing; `nox -s serve`.

It begins with a copy of what `nox -s docs` has built, so that only what changed since then is read. Sphinx and torch
stay loaded between builds, so that a saved page costs its own run and little more. What only the finished site needs
(`pages_live` in conf.py) is left out; `nox -s docs` never takes anything from here but the records of pages that ran.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
import watchfiles
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import docutils_namespace, patch_docutils
from sphinx_autobuild.filter import IgnoreFilter
from sphinx_autobuild.middleware import JavascriptInjectorMiddleware
from sphinx_autobuild.server import RebuildServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

MARKER = "html.unfinished"  # stale/interrupted.py: of a build that was interrupted it is empty
OVERRIDES = {"nitpicky": True, "outputs_check": False, "pages_live": True}
NOT_BUILT = (
    "<!DOCTYPE html>\n<html lang='en'><title>Not built</title><h1>The site could not be built</h1><pre>{}</pre>\n"
)


class Site:
    """The site as it is shown while one writes.

    Parameters
    ----------
    docs : Path
        The folder of conf.py; the pages and the helpers lie beside it.

    Attributes
    ----------
    failure : str
        Why the last build made nothing, empty where it went well. A page that failed is no such failure.
    """

    def __init__(self, docs: Path) -> None:
        self.docs = docs
        self.built, self.folder = docs / "_build", docs / "_build" / "live"
        self.failure = ""

    @property
    def out(self) -> Path:
        """The folder of the pages."""
        return self.folder / "html"

    def take_what_is_built(self) -> None:
        """Copy the site that `nox -s docs` built, unless it was interrupted, or what is here is newer."""
        if not (time_built := _time_of(self.built)) or _time_of(self.folder) >= time_built:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("html", "doctrees"):
            shutil.copytree(self.built / name, self.folder / name)
        for name in ("snippets.json", MARKER):
            if (self.built / name).is_file():
                shutil.copy2(self.built / name, self.folder / name)

    def build(self, changed: Sequence[Path] = ()) -> None:
        """Build in this process, and say how long it took."""
        started, read, written = time.perf_counter(), [], []
        # A helper may have been edited: the reference must be read from its new source.
        helpers = str(self.docs.parent / "src")
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(helpers):
                del sys.modules[name]
        if any("pipeline" in path.parts for path in changed):
            print("The pipeline was edited: stop and start again to use it.")
        self.out.mkdir(parents=True, exist_ok=True)
        try:
            with patch_docutils(self.docs), docutils_namespace():
                doctrees = self.folder / "doctrees"
                app = Sphinx(self.docs, self.docs, self.out, doctrees, "html", OVERRIDES, status=None)
                app.connect("env-before-read-docs", lambda _app, _env, names: read.extend(names))
                app.connect("html-page-context", lambda *page: written.append(page[1]) if page[-1] else None)
                app.build()
            self.failure = ""
        except SphinxError as error:
            self.failure = f"{error.category}: {error}"
        except SystemExit as error:  # what is wrong with the settings, in its own words
            self.failure = str(error)
        except Exception:
            self.failure = traceback.format_exc()
        outcome = f"NOT built. {self.failure}\n" if self.failure else "built"
        counts = f"{len(read)} read, {len(written)} written"
        print(f"{outcome} in {time.perf_counter() - started:.1f} s: {counts}", flush=True)


def _time_of(folder: Path) -> float:
    """Return when a build into a folder ended, 0 if there is none or if it was interrupted."""
    marker, made = folder / MARKER, folder / "doctrees" / "environment.pickle"
    interrupted = marker.is_file() and not marker.read_text(encoding="utf-8")
    return 0.0 if interrupted or not made.is_file() else made.stat().st_mtime


class Files(StaticFiles):
    """The files of a site; in the place of each page the reason why it could not be built, if it could not."""

    def __init__(self, site: Site) -> None:
        super().__init__(directory=site.out, html=True)
        self.site = site

    async def get_response(self, path: str, scope: Any) -> Response:
        """Return a file, or the failure."""
        if self.site.failure and Path(path).suffix in ("", ".html"):
            return HTMLResponse(NOT_BUILT.format(html.escape(self.site.failure)), status_code=500)
        found = await super().get_response(path, scope)
        if isinstance(found, FileResponse) and str(found.path).endswith(".html"):  # the build may just be writing it
            return HTMLResponse(Path(found.path).read_bytes(), status_code=found.status_code)
        return found


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
        The folder of conf.py.
    arguments : list of str
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="nox -s serve --")
    parser.add_argument("--port", type=int, default=8000, help="port on this machine (default: 8000)")
    port = parser.parse_args(arguments).port
    site = Site(docs)
    site.take_what_is_built()
    site.build()
    made = [docs / "_build", docs / "guide", docs / "outputs"]
    ignore = IgnoreFilter([str(path) for path in made], [r"__pycache__|\.(pyc|new|swp)$|~$"])
    watched = [docs, docs.parent / "gallery", docs.parent / "src"]
    watcher = WarmServer(watched, ignore, site.build)
    address = f"127.0.0.1:{port}"
    files = Mount("/", app=Files(site), name="static")
    app = Starlette(
        routes=[WebSocketRoute("/websocket-reload", watcher, name="reload"), files],
        middleware=[Middleware(JavascriptInjectorMiddleware, ws_url=address)],
        lifespan=watcher.lifespan,
    )
    print(f"Open http://{address} (Ctrl+C stops)", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
    return 0
