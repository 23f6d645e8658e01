"""Each downloaded page runs in an empty folder, with the helper package of the site, and says what the page says."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import download_checks
import import_checks
import nbformat
import notebook_runs
import pytest

from pipeline import recorder, scripts
from pipeline.running import forks

AT_ONCE = 2  # torch takes most of a core while it is imported
SECONDS = 1500  # for one page; a busy machine takes ten times as long as an idle one
REPOSITORY = Path(__file__).parents[2]
WHERE = """import importlib.metadata, sys, ptguide
print(ptguide.__file__, importlib.metadata.version("ptguide"), sys.executable, sep="|")"""


def record_of(site: Path, page: str) -> dict:
    """Return what the build noted of a page's run."""
    file = site.parents[1] / "guide" / f"{page}.record.json"
    assert file.is_file(), f"{file} is not there; the site lies where its sources are, in docs/_build/html"
    return json.loads(file.read_text(encoding="utf-8"))


def run(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run Python in a folder; return what it wrote, errors where they came."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def read_notebook(site: Path, page: str) -> nbformat.NotebookNode:
    """Return a downloaded notebook."""
    return nbformat.read(site / "download" / f"{page}.ipynb", as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the cells of code of a notebook; the first gets the helper package."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def run_cells(site: Path, page: str, folder: Path, environment: dict[str, str]) -> dict:
    """Run the cells of a downloaded notebook, where only that is installed which its page asks for."""
    script = (site / "download" / f"{page}.py").read_text(encoding="utf-8")
    # torch has looked for NumPy when it was imported; that a page asks for it where it must is checked apart.
    missing = download_checks.missing([*download_checks.metadata(script)["dependencies"], "ipykernel", "numpy"])
    backend = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # as in a kernel
    job = notebook_runs.Job(
        cells=(*code_of(read_notebook(site, page)), WHERE),
        folder=str(folder),
        environment={**environment, **backend},
        helper=environment["PYTHONPATH"],
        checkout=str(REPOSITORY),
        missing=missing,
    )
    dead = {"failure": "its process died without a word"}
    return forks.unless_gloo_crashed(lambda: forks.ask(notebook_runs.run, job, SECONDS) or dead)


def cheapest(site: Path, chapter: str) -> str:
    """Return the page of a chapter that ran in the shortest time."""
    pages = (f"{chapter}/{path.stem}" for path in (site / "download" / chapter).glob("*.py"))
    return min(pages, key=lambda page: record_of(site, page)["seconds"])


def run_in_kernel(site: Path, chapter: str, folder: Path, environment: dict[str, str]) -> tuple[str, list]:
    """Run the cheapest notebook of a chapter in a kernel of its own; return its page and its executed cells."""
    page = cheapest(site, chapter)
    notebook = read_notebook(site, page)
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE))
    file = folder / Path(page).with_suffix(".ipynb").name
    nbformat.write(notebook, file)
    settings = folder.with_name(f"{folder.name}-jupyter")
    kernel = settings / "kernels" / "python3"  # of the very Python that runs the tests
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    start = "from nbclient.cli import main; main()"
    options = [f"--timeout={SECONDS}", f"--startup_timeout={SECONDS}", "--kernel_name=python3", "--inplace"]
    done = run(["-c", start, *options, file.name], folder, {**environment, "JUPYTER_PATH": str(settings)})
    assert done.returncode == 0, done.stdout
    return page, [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]


@pytest.fixture(scope="session")
def side_by_side(site, reader, tmp_path_factory):
    """Return a function that does a job for each page that a test is chosen for, ahead of it, and gives one result.

    What is said of pages holds for chapters, too.
    """
    notebook_runs.start_server()
    jobs: dict = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def start(job, page: str):
            folder = tmp_path_factory.mktemp("reader")
            return pool.submit(job, site, page, folder, reader(folder))

        def result(job, test: pytest.Function):
            if job not in jobs:
                chosen = [one for one in test.session.items if getattr(one, "originalname", "") == test.originalname]
                jobs[job] = {one.callspec.id: start(job, one.callspec.id) for one in chosen}
            return jobs[job][test.callspec.id].result()

        yield result
        pool.shutdown(cancel_futures=True)


def test_the_helper_is_that_of_the_site(site, installed, reader, tmp_path):
    done = run(["-c", WHERE], tmp_path, reader(tmp_path))
    file, version, _ = done.stdout.strip().split("|")
    assert Path(file).is_relative_to(installed)
    wheels = sorted(path.name for path in (site / "download" / "wheels").glob("*.whl"))
    assert f"ptguide-{version}-py3-none-any.whl" in wheels


def test_the_wheel_holds_every_file_of_the_package_and_the_index_of_the_pages(site):
    package = Path(__file__).parents[2] / "src"
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    newest = max((site / "download" / "wheels").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    held = {name for name in zipfile.ZipFile(newest).namelist() if ".dist-info/" not in name}
    assert held == {"ptguide/search-index.js", *(name for name in files if "__pycache__" not in name)}
    assert zipfile.ZipFile(newest).read("ptguide/search-index.js") == (site / "search-index.js").read_bytes()


def test_script_says_what_it_needs(site, page):
    script = (site / "download" / f"{page}.py").read_text(encoding="utf-8")
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert download_checks.metadata(script)["requires-python"] == project["requires-python"]
    requirement = download_checks.helper_requirement(script)
    address = unquote(requirement.partition(" @ ")[2].removeprefix(download_checks.base_of(requirement)))
    assert address.startswith("download/wheels/ptguide-")
    assert (site / address).is_file()
    assert not download_checks.undeclared(script)
    dependencies = download_checks.metadata(script)["dependencies"]
    assert not download_checks.unknown(dependencies)
    assert "numpy" in download_checks.needed(dependencies) or not download_checks.converts_to_numpy(script)


@pytest.fixture(scope="module")
def to_import(site):
    """Return the modules that the names used by the pages ask for."""
    scripts = (path.read_text(encoding="utf-8") for path in (site / "download").glob("*/*.py"))
    return import_checks.to_import(set().union(*map(import_checks.dotted_names, scripts)))


def test_script_imports_what_it_uses(site, page, to_import):
    script = (site / "download" / f"{page}.py").read_text(encoding="utf-8")
    complaints = import_checks.not_imported(script, to_import)
    assert not complaints, "\n".join(complaints)


def test_notebook_is_one_and_holds_markdown_only(site, page):
    notebook = nbformat.read(site / "download" / f"{page}.ipynb", as_version=4)
    nbformat.validate(notebook)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert texts[0].startswith("# ")
    complaints = [complaint for text in texts for complaint in download_checks.leftovers(text)]
    assert not complaints, "\n".join(complaints)
    script = (site / "download" / f"{page}.py").read_text(encoding="utf-8")
    assert download_checks.helper_requirement(script) in notebook.cells[0].source


@pytest.fixture(scope="module")
def pages(site):
    """Return the pages of the documentation that the site lies in."""
    return recorder.pages_of(site.parents[1])


def test_script_ran(pages, page):
    assert scripts.passed(pages, page), "its script has not run since its page did: nox -s scripts"


def test_notebook_holds_the_cells_of_the_page(site, page):
    script = (site / "download" / f"{page}.py").read_text(encoding="utf-8")
    first, *cells = code_of(read_notebook(site, page))
    assert "%pip install" in first
    complaints = download_checks.held_otherwise(script, record_of(site, page)["cells"], cells)
    assert not complaints, "\n".join(complaints)


def test_notebook_runs(site, page, side_by_side, installed, request):
    answer = side_by_side(run_cells, request.node)
    assert "failure" not in answer, answer["failure"]
    complaints = complaints_of(site, page, answer["cells"], installed)
    assert not complaints, "\n".join(complaints)


def test_notebook_runs_in_a_kernel_of_its_own(site, chapter, side_by_side, installed, request):
    page, cells = side_by_side(run_in_kernel, request.node)
    complaints = complaints_of(site, page, cells, installed)
    assert not complaints, "\n".join([page, *complaints])


def complaints_of(site: Path, page: str, made: list, installed: Path) -> list[str]:
    """Return what an executed notebook shows otherwise than its page; a cell in the end says what it ran with."""
    first, *cells, last = made
    assert first["outputs"] == [], "the version fits, so nothing needs to be installed"
    # A busy machine may send one print as two messages.
    file, _, python = "".join(output["text"] for output in last["outputs"]).strip().split("|")
    assert Path(file).is_relative_to(installed)
    assert python == sys.executable
    return download_checks.shown_otherwise(record_of(site, page)["cells"], cells)


def test_a_chapter_holds_its_pages_and_nothing_else(site, guide_pages):
    chapters = sorted(path.name for path in (site / "download").iterdir() if path.is_dir() and path.name != "wheels")
    assert sorted(path.stem for path in (site / "download").glob("*.zip")) == chapters
    for chapter in chapters:
        shown = [site / page for page in guide_pages if page.startswith(f"guide/{chapter}/")]
        wanted = {f"{chapter}/{path.stem}.{kind}" for path in shown for kind in ("py", "ipynb")}
        with zipfile.ZipFile(site / "download" / f"{chapter}.zip") as archive:
            assert set(archive.namelist()) == wanted
            for name in wanted:
                assert archive.read(name) == (site / "download" / name).read_bytes()


if shutil.which("uv") or os.environ.get("PTGUIDE_NEED_UV"):

    @pytest.mark.slow
    def test_script_runs_by_uv_in_an_environment_of_its_own(site, origin, tmp_path):
        uv = shutil.which("uv")
        assert uv, "PTGUIDE_NEED_UV is set and uv is not on the PATH"
        script = (site / "download" / "shapes" / "stack.py").read_text(encoding="utf-8")
        base = download_checks.base_of(download_checks.helper_requirement(script))
        (tmp_path / "stack.py").write_text(script.replace(base, origin), encoding="utf-8")
        command = [uv, "run", "--script", "stack.py"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        complaints = download_checks.printed_otherwise(record_of(site, "shapes/stack")["cells"], done.stdout)
        assert not complaints, "\n".join(complaints)
