"""The reading order of chapters and pages is written in conf.py, and every page has a place in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from pipeline.gallery import adapter


def problems(order: dict[str, list[str]], gallery: Path) -> list[str]:
    """Return what is wrong between the order and the files, each as a sentence that says what to edit.

    Parameters
    ----------
    order : dict of str to list of str
        The pages of each chapter in reading order, without ``.py``.
    gallery : Path
        The folder that holds one folder for each chapter.
    """
    found = []
    chapters = {path.parent.name for pattern in ("*/*.py", "*/GALLERY_HEADER.*") for path in gallery.glob(pattern)}
    for chapter in sorted(chapters - set(order)):
        found.append(f"gallery/{chapter} has no place: add {chapter!r} to gallery_order in docs/conf.py.")
    for chapter, pages in order.items():
        files = {path.stem for path in (gallery / chapter).glob("*.py")}
        for page in sorted(files - set(pages)):
            found.append(
                f"gallery/{chapter}/{page}.py has no place: add {page!r} to gallery_order[{chapter!r}] in docs/conf.py."
            )
        for page in pages:
            if page not in files:
                found.append(
                    f"gallery/{chapter}/{page}.py does not exist: write it, or take {page!r} out of "
                    f"gallery_order[{chapter!r}] in docs/conf.py."
                )
            if page in sys.stdlib_module_names:
                found.append(
                    f"gallery/{chapter}/{page}.py has the name of a module of Python's standard library, which it "
                    f"would hide when it is run: rename it, there and in gallery_order[{chapter!r}] in docs/conf.py."
                )
            if not page.isidentifier():
                found.append(
                    f"gallery/{chapter}/{page}.py has a name that is no name of a module: rename it to letters, digits "
                    f"and underscores, there and in gallery_order[{chapter!r}] in docs/conf.py."
                )
            if pages.count(page) > 1:
                found.append(f"gallery_order[{chapter!r}] in docs/conf.py names {page!r} twice: take one out.")
    return list(dict.fromkeys([*found, *_names_given_twice(order)]))


def _names_given_twice(order: dict[str, list[str]]) -> list[str]:
    """Return a sentence for each page whose name a page of another chapter has."""
    chapters_of: dict[str, list[str]] = {}
    for chapter, page in ((chapter, page) for chapter, pages in order.items() for page in dict.fromkeys(pages)):
        chapters_of.setdefault(page, []).append(chapter)
    return [
        f"gallery/{other}/{page}.py has the name of a page in gallery/{first}, and a site keeps the pictures of all "
        f"pages in one folder, by name: rename it, there and in gallery_order[{other!r}] in docs/conf.py."
        for page, (first, *others) in chapters_of.items()
        for other in others
    ]


class PagePlace:
    """Sort key of sphinx-gallery: the place of a page in its chapter.

    Parameters
    ----------
    folder : str
        The folder of the chapter, as sphinx-gallery passes it.
    """

    order: dict[str, list[str]]

    def __init__(self, folder: str) -> None:
        self.chapter = Path(folder).name

    def __call__(self, name: str) -> int:
        """Return the place of the page with this file name."""
        return self.order[self.chapter].index(Path(name).stem)


def chapter_place(folder: str) -> int:
    """Return the place of a chapter, for sphinx-gallery's ``subsection_order``."""
    return list(PagePlace.order).index(Path(folder).name)


def _set_order(app: Sphinx, config: Config) -> None:
    gallery = Path(app.confdir, config.sphinx_gallery_conf["examples_dirs"])
    if found := problems(config.gallery_order, gallery):
        raise SystemExit("\n".join(found))  # without the traceback and the words of Sphinx for its own faults
    PagePlace.order = config.gallery_order
    config.sphinx_gallery_conf |= adapter.SETTINGS
    config.suppress_warnings = [*config.suppress_warnings, adapter.SPACE_IN_PATH]
    config.sphinx_gallery_conf["subsection_order"] = "pipeline.gallery.order.chapter_place"
    config.sphinx_gallery_conf["within_subsection_order"] = "pipeline.gallery.order.PagePlace"


def setup(app: Sphinx) -> dict[str, Any]:
    """Check the order before sphinx-gallery reads its settings."""
    app.add_config_value("gallery_order", {}, "", types=[dict])  # the chapters' lists of pages change, and are read
    app.connect("config-inited", _set_order, priority=5)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
