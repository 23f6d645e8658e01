"""What the tests of the built site share: the site's folder, a server for it and a browser."""

import functools
import http.server
import os
import runpy
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parent))  # the checks are `browser_checks` and `html_checks`

import browser_checks

REPOSITORY = Path(__file__).parents[2]
SITE = Path(os.environ.get("PTGUIDE_SITE") or REPOSITORY / "docs" / "_build" / "html").resolve()


MOVED = runpy.run_path(str(REPOSITORY / "docs" / "conf.py"))["pages_moved"]  # there a page leads on


def pages_of(site: Path) -> list[str]:
    """Return every page of a site, for example ``guide/shapes/stack.html``."""
    found = (path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return sorted(name for name in found if not name.startswith("_static/"))


def is_guide_page(name: str) -> bool:
    """Return whether a page was made of a script."""
    page = name.removesuffix(".html")
    return name.startswith("guide/") and name.count("/") == 2 and not page.endswith("/index") and page not in MOVED


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test one run for each page; without a site, one run, which fails and says so."""
    names = pages_of(SITE)
    for fixture, wanted in (("any_page", names), ("guide_page", list(filter(is_guide_page, names)))):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, wanted or ["the-site-is-not-built"])


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built site."""
    if not (SITE / "index.html").is_file() or not any(map(is_guide_page, pages_of(SITE))):
        pytest.fail(
            f"There is no built site in {SITE}. Build it with `nox -s docs`, or set PTGUIDE_SITE to its folder."
        )
    return SITE


@pytest.fixture(scope="session")
def guide_pages(site) -> list[str]:
    """Return the pages that were made of scripts."""
    return list(filter(is_guide_page, pages_of(site)))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    """Serve a folder on a free port of this machine, until ``shutdown``."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture(scope="session", name="serve")
def _serve() -> Iterator:
    servers = []

    def start(folder: Path) -> str:
        servers.append(serve(folder))
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def origin(site: Path, serve) -> str:
    """Return the address at which the site is served."""
    return serve(site)


@pytest.fixture
def new_page(browser: Browser) -> Iterator:
    """Return a function that opens an empty page 1280 pixels wide, in a theme, with nothing stored."""
    contexts = []

    def start(theme: str = "light", width: int = 1280):
        contexts.append(
            browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900}, reduced_motion="reduce")
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(browser_checks.PATIENCE)
        return page

    yield start
    for context in contexts:
        context.close()
