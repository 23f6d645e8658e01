"""What the tests of the local Sphinx extensions share."""

import io
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

sys.path.insert(0, str(Path(__file__).parents[2]))  # for `pipeline`
sys.path.insert(0, str(Path(__file__).parent))

from warm import Warm, of_python

ROOT = Path(__file__).parents[2]
LONG = 1500  # seconds for a build; a busy machine takes ten times as long as an idle one
WARM = Warm()


def pytest_sessionfinish() -> None:
    """End what the builds were forked from."""
    WARM.stop()


def build_tiny(tmp_path: Path, files: dict[str, str], conf: dict) -> tuple[Sphinx, str]:
    """Build a small site of these files into ``tmp_path / "html"``; return the application and its warnings."""
    source = tmp_path / "source"
    for name, text in files.items():
        file = source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    warnings = io.StringIO()
    with patch_docutils(source), docutils_namespace():
        app = Sphinx(
            source, None, tmp_path / "html", tmp_path / "doctrees", "html", conf, status=None, warning=warnings
        )
        app.build()
    return app, re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue())


@pytest.fixture
def warning_of():
    """Return a function that finds in what a build printed the warning about a page of the chapter ``one``."""

    def find(printed: str, page: str, line: int | None) -> str:
        place = rf"^gallery/one/{page}\.py:{line or '[0-9]+'}: WARNING: "
        found = re.search(place + r"((?:.|\n)*?)(?=\ngallery/one/\w+\.py:\d|\Z)", printed, re.MULTILINE)
        assert found, printed
        return found[0]

    return find


@pytest.fixture(name="build_tiny")
def _build_tiny():
    return build_tiny


class MiniSite:
    """A copy of the miniature site that a test may edit and build."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(Path(__file__).parent / "minisite", root, dirs_exist_ok=True)
        (root / "requirements.lock").write_text("first\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file; a page also gets its place in the order."""
        path = self.root / name
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def page(self, name: str, code: str) -> Path:
        """Write a page of the chapter ``one`` with this code, which begins on line 11, and place it."""
        head = f'"""\n{name}?\n{"=" * (len(name) + 1)}\n\nIntro.\n"""\n\n# %%\n# Text.\n\n'
        path = self.write(f"gallery/one/{name}.py", head + textwrap.dedent(code).lstrip("\n"))
        self.edit("docs/conf.py", '"beta"', f'"beta", "{name}"')
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def command(self, *options: str) -> list[str]:
        """Return the command that builds the site as the real one is built."""
        strict = ["-W", "-n", "-T", "--keep-going", "--no-color"]
        return [
            sys.executable,
            "-m",
            "sphinx",
            *strict,
            "-d",
            "docs/_build/doctrees",
            *options,
            "docs",
            "docs/_build/html",
        ]

    def start(self, *options: str, **env: str) -> subprocess.Popen[str]:
        """Start a build."""
        return subprocess.Popen(
            self.command(*options),
            cwd=self.root,
            env={**os.environ, "PTGUIDE_ROOT": str(ROOT), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def build(self, *options: str, ok: bool = True, fork: bool = True, **env: str) -> str:
        """Build, require that it goes well (or not), and return what it printed.

        Parameters
        ----------
        options : str
            Of Sphinx.
        ok : bool
        fork : bool
            Whether a process that has Sphinx imported may be forked for it, where the variables allow that.
        env : str
            Variables of the environment.
        """
        if fork and not of_python(env):
            environment = {**os.environ, "PTGUIDE_ROOT": str(ROOT), **env}
            status, printed = WARM.run(self.command(*options)[3:], self.root, environment, LONG)
        else:
            process = self.start(*options, **env)
            printed, _ = process.communicate(timeout=LONG)
            status = process.returncode
        assert (status == 0) == ok, printed
        return printed

    @property
    def on_gpu(self) -> dict[str, str]:
        """Return the environment in which torch believes in a GPU; see minisite/src/pretend_gpu.py."""
        paths = os.pathsep.join([str(self.root / "src"), os.environ.get("PYTHONPATH", "")])
        return {"PTGUIDE_DEVICE": "cuda", "PRETEND_GPU": "computes", "PYTHONPATH": paths}

    def record(self, *arguments: str, status: int = 0, **env: str) -> str:
        """Run the recorder over the site, require an exit status, and return what it printed."""
        return self.run("record", *arguments, status=status, **env)

    def run(self, *arguments: str, status: int = 0, **env: str) -> str:
        """Run a command of the pipeline over the site, require an exit status, and return what it printed."""
        paths = os.pathsep.join([str(ROOT), env.pop("PYTHONPATH", os.environ.get("PYTHONPATH", ""))])
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=self.root,
            env={**os.environ, "PTGUIDE_ROOT": str(ROOT), "PYTHONPATH": paths, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONG,
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def command_line(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the pipeline in the folder of the site."""
        return subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=self.root,
            env={**os.environ, "PTGUIDE_ROOT": str(ROOT), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )

    def ran(self, printed: str) -> set[str]:
        """Return the pages that a build ran, from what it printed."""
        return set(re.findall(r"^pages: (\S+) ran", printed, re.MULTILINE))

    def html(self, name: str) -> str:
        """Return a page of the built site."""
        return (self.root / "docs/_build/html" / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def _accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a miniature site whose outputs are kept and which is built."""
    site = MiniSite(tmp_path_factory.mktemp("accepted"))
    site.build("-Dpages_update_outputs=1", fork=False)
    return site.root


@pytest.fixture(scope="session")
def copy_of_accepted(_accepted: Path) -> Callable[[Path], MiniSite]:
    """Return a function that copies the accepted site to a folder."""

    def copy(root: Path) -> MiniSite:
        site = MiniSite(root)
        shutil.copytree(_accepted, root, dirs_exist_ok=True)
        return site

    return copy


@pytest.fixture
def minisite(copy_of_accepted: Callable[[Path], MiniSite], tmp_path: Path) -> MiniSite:
    """Return a copy of a site that was built and whose outputs are kept."""
    return copy_of_accepted(tmp_path / "site")


@pytest.fixture(scope="session")
def copy_of_recorded(
    copy_of_accepted: Callable[[Path], MiniSite], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], MiniSite]:
    """Return a function that copies a site which was built on the CPU and then recorded on a pretended GPU.

    Of the copy, ``printed`` is what the recorder said.
    """
    site = copy_of_accepted(tmp_path_factory.mktemp("recorded"))
    shutil.copytree(Path(__file__).parent / "minisite_devices", site.root, dirs_exist_ok=True)
    for page in ("alpha", "beta"):  # what a page names is loaded before it, here what pretends to be a GPU
        site.edit(f"gallery/one/{page}.py", '.\n"""', ' (pretend_gpu).\n"""')
    site.edit(
        "docs/conf.py", '{"one": ["alpha", "beta"', '{"dev": ["measures"], "one": ["alpha", "beta", "shows", "fails"'
    )
    site.edit("docs/conf.py", "pages_time_limit = 900", 'pages_time_limit = 900\ndevice_chapters = ["dev"]')
    site.build("-Dpages_update_outputs=1", PTGUIDE_DEVICE="cpu")
    printed = site.record(status=1, **site.on_gpu)

    def copy(root: Path) -> MiniSite:
        made = MiniSite(root)
        shutil.copytree(site.root, root, dirs_exist_ok=True)
        made.printed = printed
        return made

    return copy


@pytest.fixture
def recorded(copy_of_recorded: Callable[[Path], MiniSite], tmp_path: Path) -> MiniSite:
    """Return a copy of the site that was recorded on a pretended GPU."""
    return copy_of_recorded(tmp_path / "recorded")
