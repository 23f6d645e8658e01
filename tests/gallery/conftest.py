"""What the tests of the downloads share: the site's folder, a server for it and the helper package, installed apart."""

import functools
import http.server
import os
import runpy
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(REPOSITORY)]  # `download_checks`, and `pipeline`
SITE = Path(os.environ.get("PTGUIDE_SITE") or REPOSITORY / "docs" / "_build" / "html").resolve()


def downloads_of(site: Path) -> list[str]:
    """Return the pages that a site offers as scripts, for example ``shapes/stack``."""
    found = (path.relative_to(site / "download").with_suffix("") for path in (site / "download").glob("*/*.py"))
    return sorted(path.as_posix() for path in found)


def chapters_of(site: Path) -> list[str]:
    """Return the chapters of a site, for example ``shapes``."""
    return sorted({page.partition("/")[0] for page in downloads_of(site)})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test one run for each page or chapter; without a site, one run, which fails and says so."""
    for fixture, choose in (("page", downloads_of), ("chapter", chapters_of)):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, choose(SITE) or ["the-site-is-not-built"])


@pytest.fixture(scope="session")
def guide_pages() -> list[str]:
    """Return the pages that are to be there, in the order of docs/conf.py."""
    order = runpy.run_path(str(REPOSITORY / "docs" / "conf.py"))["gallery_order"]
    return [f"guide/{chapter}/{page}.html" for chapter, pages in order.items() for page in pages]


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built site."""
    if not downloads_of(SITE):
        pytest.fail(
            f"There is no built site in {SITE}. Build it with `nox -s docs`, or set PTGUIDE_SITE to its folder."
        )
    return SITE


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def origin(site: Path) -> Iterator[str]:
    """Return the address at which the site is served, on this machine only."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=site))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def install(requirement: str, folder: Path) -> None:
    """Install one package into a folder of its own, with what this machine has for it."""
    installer = [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        installer = [uv, "--no-cache", "pip"]
        folder_of_python = ["--python", sys.executable]
    else:
        folder_of_python = []
    command = [*installer, "install", *folder_of_python, "--quiet", "--no-deps", "--target", folder, requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{requirement} cannot be installed:\n{done.stderr}"


@pytest.fixture(scope="session")
def installed(site: Path, origin: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the helper package of the site, got by the address that the scripts give."""
    import download_checks

    script = (site / "download" / f"{downloads_of(site)[0]}.py").read_text(encoding="utf-8")
    requirement = download_checks.helper_requirement(script)
    folder = tmp_path_factory.mktemp("helper")
    install(requirement.replace(download_checks.base_of(requirement), origin), folder)
    return folder


@pytest.fixture(scope="session")
def reader(installed: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return a function that makes the environment of a reader: the helper, no network, nothing from before."""
    drawing = tmp_path_factory.mktemp("matplotlib")  # its list of fonts, which takes seconds to make

    def make(folder: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MPL", "JUPYTER"))}
        nowhere = dict.fromkeys(["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"], "http://127.0.0.1:9")
        home = {name: str(folder) for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "IPYTHONDIR")}
        own = {"PYTHONPATH": str(installed), "PYTHONUNBUFFERED": "1", "MPLCONFIGDIR": str(drawing)}
        return {**kept, **nowhere, **home, **own, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

    return make
