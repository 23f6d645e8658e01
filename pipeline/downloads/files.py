"""Each page as a script and as a notebook that work with the helper package of the very site they come from."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from pipeline.downloads import notebooks
from pipeline.gallery import pages as gallery_pages

FOLDER = "download"
KNOWN = {"torch": "torch>=2.11", "torchvision": "torchvision", "numpy": "numpy", "matplotlib": "matplotlib"}
KNOWN |= {"sklearn": "scikit-learn", "PIL": "pillow", "lovely_tensors": "lovely-tensors"}


def header(requirements: list[str], requires_python: str) -> str:
    """Return the inline metadata (PEP 723) with which ``uv run page.py`` works in an empty folder.

    Parameters
    ----------
    requirements : list of str
        What the page needs.
    requires_python : str
        A version specifier.
    """
    listed = "".join(f'#     "{requirement}",\n' for requirement in requirements)
    return f'# /// script\n# requires-python = "{requires_python}"\n# dependencies = [\n{listed}# ]\n# ///\n'


def first_cell(helper: str, version: str) -> str:
    """Return the notebook's first cell, which gets the helper package where it, or this version, is missing."""
    return (
        "# This notebook needs ptguide, in the version that it was written with.\n"
        "from importlib.metadata import PackageNotFoundError, version\n"
        "\n"
        "try:\n"
        f'    found = version("ptguide") == "{version}"\n'
        "except PackageNotFoundError:\n"
        "    found = False\n"
        "if not found:\n"
        f'    %pip install -q "{helper}"'
    )


def helper_of(script: str, wheel_address: str) -> str:
    """Return the requirement of the helper package, with the extras that a page needs.

    Examples
    --------
    >>> helper_of("from ptguide.data import digits", "https://example.org/p.whl")
    'ptguide[data] @ https://example.org/p.whl'
    """
    extras = [name for name in ("data", "training") if f"ptguide.{name} import" in script]
    return f"ptguide[{','.join(extras)}] @ {wheel_address}" if extras else f"ptguide @ {wheel_address}"


def packages_of(script: str) -> list[str]:
    r"""Return the requirements of a page besides the helper package, as its imports say.

    A script that the page writes, and starts, has its imports in a text: of these, the known ones count.

    Examples
    --------
    >>> packages_of("import os, torch\nfrom sklearn.svm import SVC")
    ['scikit-learn', 'torch>=2.11']
    """
    imported = set()
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    imported |= KNOWN.keys() & set(re.findall(r"^\s*(?:import|from) (\w+)", script, re.MULTILINE))
    imported -= sys.stdlib_module_names | {"ptguide"}
    return sorted(KNOWN.get(name, name) for name in imported)


def build_wheel(project: Path, target: Path) -> Path:
    """Build the helper package, with a version that names its content, unless it is there; return the wheel.

    Two sites may be built at one version of the package from different sources. The local part of the version
    (``0.1.0+c65de59de76a7``) lets a downloaded page see that it has the very helpers that it ran with.

    Parameters
    ----------
    project : Path
        The folder of pyproject.toml.
    target : Path
        The folder for wheels.
    """
    names = ["pyproject.toml", "README.md", "LICENSE"]
    files = (path for path in sorted((project / "src").rglob("*")) if path.is_file())
    names += [path.relative_to(project).as_posix() for path in files if "__pycache__" not in path.parts]
    digest = hashlib.sha256(b"\0".join((project / name).read_bytes() for name in names)).hexdigest()[:12]
    if not (found := list(target.glob(f"*+c{digest}-*.whl"))):
        with tempfile.TemporaryDirectory() as copy:
            for name in names:
                Path(copy, name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(project / name, Path(copy, name))
            settings = Path(copy, "pyproject.toml")
            text = re.sub(
                r'^version = "(.*)"$', rf'version = "\1+c{digest}"', settings.read_text(), count=1, flags=re.M
            )
            settings.write_text(text)
            code = f"from hatchling.build import build_wheel; build_wheel({str(target.resolve())!r})"
            done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ExtensionError(f"the wheel of ptguide cannot be built:\n{done.stderr}")
        found = list(target.glob(f"*+c{digest}-*.whl"))
    return found[0]


def _cut(app: Sphinx, docname: str, content: list[str]) -> None:
    """Take sphinx-gallery's own download links out of a page; ours stand in the page's template."""
    if not gallery_pages.of(app).page_of(docname):
        return
    text, _, _ = content[0].partition(f"\n.. _sphx_glr_download_{docname.replace('/', '_')}.py:")
    before, _, rest = text.partition("\n.. only:: html\n\n    .. note::\n        :class: sphx-glr-download-link-note")
    if not rest:
        raise ExtensionError(f"{docname}: sphinx-gallery's download note is not where it was; adapt {__name__}.")
    content[0] = before + rest[rest.index("\n.. rst-class::") :]


def _make_notebook(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make the notebook of a page while its references are resolved."""
    if not (page := gallery_pages.of(app).page_of(docname)) or app.builder.format != "html":
        return
    source = gallery_pages.of(app).source(page)
    _, blocks = split_code_and_text_blocks(str(source))
    base = app.config.html_baseurl + app.builder.get_target_uri(docname)
    cells = notebooks.split_page(doctree, blocks, base)
    file = _notebook_file(app, page)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(cells), encoding="utf-8")


def _notebook_file(app: Sphinx, page: str) -> Path:
    return Path(app.doctreedir, "notebooks", f"{page}.json")


def _write(app: Sphinx, exception: Exception | None) -> None:
    """Write the wheel, the scripts, the notebooks and an archive for each chapter."""
    if exception is not None or app.builder.format != "html":
        return
    pages = gallery_pages.of(app)
    root = Path(app.outdir, FOLDER)
    (root / "wheels").mkdir(parents=True, exist_ok=True)
    wheel = build_wheel(Path(app.srcdir).parent, root / "wheels")
    address = app.config.html_baseurl + quote(wheel.relative_to(app.outdir).as_posix())
    version = wheel.name.split("-")[1]
    chapters: dict[str, list[Path]] = {}
    for page in pages.names():
        source, cells = pages.source(page), _notebook_file(app, page)
        script, notebook = root / f"{page}.py", root / f"{page}.ipynb"
        chapters.setdefault(page.partition("/")[0], []).extend([script, notebook])
        if _is_newer(notebook, [source, cells, wheel, Path(__file__)]):
            continue
        script.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        helper = helper_of(text, address)
        script.write_text(header([*packages_of(text), helper], ">=3.11") + text, encoding="utf-8")
        made = notebooks.notebook(json.loads(cells.read_text(encoding="utf-8")), first_cell=first_cell(helper, version))
        notebook.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    known = {path for files in chapters.values() for path in files}
    for path in [*root.glob("*/*.py"), *root.glob("*/*.ipynb")]:
        if path not in known:
            path.unlink()  # of a page that is gone
    for chapter, files in chapters.items():
        target = root / f"{chapter}.zip"
        if not _is_newer(target, files):
            _archive(target, files)
    binder = Path(app.outdir, "binder", "requirements.txt")
    binder.parent.mkdir(exist_ok=True)
    texts = [pages.source(page).read_text(encoding="utf-8") for page in pages.names()]
    packages = sorted({package for text in texts for package in packages_of(text)})
    packages.append(f"ptguide[data,training] @ {address}")
    binder.write_text("".join(f"{package}\n" for package in packages), encoding="utf-8")


def _is_newer(made: Path, sources: list[Path]) -> bool:
    """Return whether a file is there and was written after all that it is made of."""
    return made.is_file() and all(source.stat().st_mtime < made.stat().st_mtime for source in sources)


def _archive(target: Path, files: list[Path]) -> None:
    """Write the files of a chapter to an archive that is the same each time: without the time."""
    with zipfile.ZipFile(target, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"{target.stem}/{file.name}")
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


def _add_context(app: Sphinx, docname: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    if page := gallery_pages.of(app).page_of(docname):
        notebook = f"{FOLDER}/{page}.ipynb"
        repository = app.config.repository_url.removeprefix("https://github.com/")
        context["run_this_page"] = {
            "script": f"{FOLDER}/{page}.py",
            "notebook": notebook,
            "chapter": f"{FOLDER}/{page.partition('/')[0]}.zip",
            # The hosted site is the branch gh-pages of the repository.
            "colab": f"https://colab.research.google.com/github/{repository}/blob/gh-pages/{notebook}",
            "binder": f"https://mybinder.org/v2/gh/{repository}/gh-pages?urlpath=lab/tree/{notebook}",
        }


def setup(app: Sphinx) -> dict[str, Any]:
    """Make notebooks while pages are written, the rest when all are."""
    app.add_config_value("repository_url", "", "html", types=[str])
    app.connect("source-read", _cut)
    app.connect("doctree-resolved", _make_notebook, priority=900)
    app.connect("html-page-context", _add_context)
    app.connect("build-finished", _write, priority=500)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
