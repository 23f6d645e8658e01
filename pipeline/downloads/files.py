"""Each page as a script and as a notebook that work with the helper package of the very site they come from."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from pipeline.downloads import llms, page_markdown
from pipeline.downloads.blocks import blocks_of
from pipeline.downloads.notebook import cells_of, notebook
from pipeline.gallery import adapter, published
from pipeline.gallery import pages as gallery_pages
from pipeline.running import values

logger = logging.getLogger(__name__)


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


def _cut(app: Sphinx, docname: str, content: list[str]) -> None:
    """Take sphinx-gallery's own download links out of a page; ours stand in the page's template."""
    page = gallery_pages.of(app).page_of(docname)
    if not page or gallery_pages.of(app).has_failed(page):
        return
    content[0] = adapter.cut_downloads(docname, content[0])


def _make(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make the cells of a page's notebook, and its Markdown, when its references are resolved."""
    if not (page := gallery_pages.of(app).page_of(docname)) or app.builder.format != "html":
        return
    source, file = gallery_pages.of(app).source(page), _notebook_file(app, page)
    file.unlink(missing_ok=True)
    if gallery_pages.is_live(app):
        return
    markdown = Path(app.outdir, page_markdown.address_of(app, docname))
    if gallery_pages.of(app).has_failed(page):
        markdown.unlink(missing_ok=True)
        return
    try:
        blocks = blocks_of(doctree, adapter.blocks(source))
        cells = cells_of(blocks, app.config.html_baseurl + app.builder.get_target_uri(docname))
        page_markdown.write(app, docname, blocks)
    except ExtensionError as error:  # one page has no notebook and no Markdown; all others are written
        markdown.unlink(missing_ok=True)
        place, why = re.fullmatch(r"(?s)(?:(\S+:\d+): )?(.*)", str(error)).groups()
        logger.warning(
            "no notebook can be made of this page: %s", why, location=place or f"{source}:1", type="notebook"
        )
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(cells), encoding="utf-8")


def _notebook_file(app: Sphinx, page: str) -> Path:
    return Path(app.doctreedir, "notebooks", f"{page}.json")


def _write(app: Sphinx, exception: Exception | None) -> None:
    """Write the wheel, the scripts, the notebooks, an archive for each chapter and the list of the Markdown."""
    if exception is not None or app.builder.format != "html" or gallery_pages.is_live(app):
        return
    pages = gallery_pages.of(app)
    root = Path(app.outdir, published.FOLDER)
    (root / "wheels").mkdir(parents=True, exist_ok=True)
    built = published.build_wheel(pages.root, Path(app.doctreedir).parent / "wheels")
    wheel = root / "wheels" / built.name
    index = Path(app.outdir, "search-index.js")  # by which `python -m ptguide explain` finds pages without a network
    published.add_file(built, wheel, f"{pages.package.name}/{index.name}", index.read_bytes())
    address = published.address_of(wheel, app.config.html_baseurl)
    version = wheel.name.split("-")[1]
    chapters: dict[str, list[Path]] = {}
    for page in (name for name in pages.names() if _notebook_file(app, name).is_file()):
        source, cells = pages.source(page), _notebook_file(app, page)
        script, target = root / f"{page}.py", root / f"{page}.ipynb"
        chapters.setdefault(page.partition("/")[0], []).extend([script, target])
        if _is_newer(target, [source, pages.record_file(page), cells, built, Path(__file__), Path(published.__file__)]):
            continue
        script.parent.mkdir(parents=True, exist_ok=True)
        text = values.filled(source.read_text(encoding="utf-8"), values.of_record(pages.record(page)))
        helper = published.helper_of(text, address)
        script.write_text(published.header_of(text, address) + text, encoding="utf-8")
        made = notebook(json.loads(cells.read_text(encoding="utf-8")), first_cell=first_cell(helper, version))
        target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    known = {path for files in chapters.values() for path in files}
    for path in [*root.glob("*/*.py"), *root.glob("*/*.ipynb")]:
        if path not in known:
            path.unlink()  # of a page that is gone
    for chapter, files in chapters.items():
        target = root / f"{chapter}.zip"
        if not _is_newer(target, files):
            _archive(target, files)
    page_markdown.delete_unused(app)
    llms.write(app)
    binder = Path(app.outdir, "binder", "requirements.txt")
    binder.parent.mkdir(exist_ok=True)
    texts = [pages.source(page).read_text(encoding="utf-8") for page in pages.names()]
    packages = sorted({package for text in texts for package in published.packages_of(text)})
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
    page = gallery_pages.of(app).page_of(docname)
    if page and not gallery_pages.of(app).has_failed(page):
        notebook = f"{published.FOLDER}/{page}.ipynb"
        repository = app.config.repository_url.removeprefix("https://github.com/")
        context["run_this_page"] = {
            "script": f"{published.FOLDER}/{page}.py",
            "notebook": notebook,
            "markdown": page_markdown.address_of(app, docname),
            "chapter": f"{published.FOLDER}/{page.partition('/')[0]}.zip",
            # The hosted site is the branch gh-pages of the repository.
            "colab": f"https://colab.research.google.com/github/{repository}/blob/gh-pages/{notebook}",
            "binder": f"https://mybinder.org/v2/gh/{repository}/gh-pages?urlpath=lab/tree/{notebook}",
        }


def setup(app: Sphinx) -> dict[str, Any]:
    """Make notebooks while pages are written, the rest when all are."""
    app.add_config_value("repository_url", "", "html", types=[str])
    app.connect("source-read", _cut)
    app.connect("doctree-resolved", _make, priority=900)
    app.connect("html-page-context", _add_context)
    app.connect("build-finished", _write, priority=500)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
