"""All that this project takes from sphinx-gallery's inside, in one place; tests/machinery/test_gallery_adapter.py.

What is left to it: it parses the format of scripts, writes a page's reStructuredText around outputs that are given to
it, makes thumbnails, the cards of the chapters and the back-references, and links names in code. It runs nothing.
"""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from textwrap import indent
from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from sphinx_gallery import directives, gen_gallery, gen_rst, py_source_parser, scrapers

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# What it must do, and not do, for pages that are run and downloaded by us.
SETTINGS: dict[str, Any] = {
    "filename_pattern": r"\.py$",
    "image_scrapers": (),
    "notebook_extensions": set(),
    "download_all_examples": False,
    "reset_modules": (),
    "remove_config_comments": True,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "show_signature": False,
}
# Its warning of spaces in the whole path of a page, which begins with the folder that somebody cloned into.
SPACE_IN_PATH = "sphinx_gallery.space_in_filename"
PRELOAD = gen_gallery.__name__  # its settings name functions of this module: imported once, not in each page's process
ALONE = "# sphinx_gallery_parallel = False"  # the line of a page that runs beside no other
BLOCK = re.compile(r"GENERATED FROM PYTHON SOURCE LINES (\d+)-(\d+)")  # its comment before each block but the first
OUTPUT = "sphx-glr-script-out"  # the class of what a cell printed
OUTPUT_OF_VALUE = "output_subarea"  # and of a value that is shown as HTML
PICTURE = "sphx_glr_"  # with which the name of a picture begins that a page has made
FURNITURE = {"sphx-glr-download-link-note", "sphx-glr-timing", "sphx-glr-footer", "sphx-glr-signature"}
INSTANCE = "sphx-glr-backref-instance"  # the class of a name in code that is bound to a value of a type
CODE_NODE = "code_links_block"  # stands for a block of code in which names are links
FIGURE_NODE = "imgsgnode"  # stands for a figure of Matplotlib
MiniGallery = directives.MiniGallery
ANSI = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")


class Block(NamedTuple):
    """A part of a script: its ``type`` is ``text`` or ``code``, and it begins on line ``lineno``."""

    type: str
    content: str
    lineno: int


def blocks(source: Path) -> list[Block]:
    """Return the blocks of a script."""
    _, found, _ = py_source_parser.split_code_and_text_blocks(str(source), return_node=True)
    return [Block(*block) for block in found]


def runs_alone(source: Path) -> bool:
    """Return whether a script is to run beside no other."""
    return ALONE in source.read_text(encoding="utf-8").splitlines()


def without_settings(code: str) -> str:
    """Return code without the comments that are settings and the lines that are not to be shown."""
    return py_source_parser.remove_config_comments(py_source_parser.remove_ignore_blocks(code))


def without_setting_lines(code: str) -> str:
    """Return code without the comments that are settings."""
    return py_source_parser.remove_config_comments(code)


def filled_settings(conf: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return sphinx-gallery's settings as they are once Sphinx has started, for commands that do without it."""
    filled = gen_gallery._fill_gallery_conf_defaults({**conf, **SETTINGS})
    gen_gallery._update_gallery_conf_builder_inited(filled, folder)
    return filled


def places_of_pictures(folder: Path, page: str) -> Iterator[str]:
    """Return where the pictures of a page are saved, in the order of the page (as sphinx-gallery's scrapers ask)."""
    return scrapers.ImagePathIterator(str(folder / "images" / f"sphx_glr_{page}_{{0:03}}.png"))


def save_figures(places: Iterator[str], conf: dict[str, Any]) -> str:
    """Save and close the figures of Matplotlib that are open; return the reStructuredText that shows them."""
    return scrapers.matplotlib_scraper(None, {"image_path_iterator": places, "example_globals": {}}, conf)


def shown(pictures: str, text: str, html: str) -> str:
    """Return the reStructuredText of what a cell gave: its pictures (reStructuredText), what it printed, its value."""
    printed = gen_rst.CODE_OUTPUT.format(indent(text, " " * 4)) if text.strip() else ""
    value = gen_rst.HTML_HEADER.format(indent(html, " " * 4)) if html else ""
    return f"\n{pictures}\n\n{printed}\n{value}\n\n"


def write_page(source: Path, folder: Path, conf: dict[str, Any], given: list[str], namespace: dict[str, Any]) -> None:
    """Write a page that has run, with what its cells gave; only for a process that does nothing else.

    Parameters
    ----------
    source : Path
        The script.
    folder : Path
        The folder of its chapter, below ``conf["src_dir"]``.
    conf : dict
        sphinx-gallery's settings.
    given : list of str
        For each cell of code as `shown` returns it.
    namespace : dict
        The page's names; of these its back-references are made.

    Raises
    ------
    RuntimeError
        If sphinx-gallery warns.
    """
    outputs = iter(given)

    def give(_compiler: Any, block: Any, names: dict[str, Any], *_: Any) -> str:
        """Stand in for the function of this name that would run a block."""
        names.update(namespace)
        return next(outputs) if block.type == "code" else ""

    gen_rst.execute_code_block = give
    warned = _Collector()
    logging.getLogger("sphinx").addHandler(warned)
    gen_rst.generate_file_rst(source.name, folder, source.parent, {**conf, "abort_on_example_error": True})
    logging.getLogger("sphinx").removeHandler(warned)
    if warned.found:
        raise RuntimeError(f"sphinx-gallery warns: {'; '.join(warned.found)}")


class _Collector(logging.Handler):
    """Keeps what sphinx-gallery warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, message: logging.LogRecord) -> None:
        """Keep one message."""
        self.found.append(message.getMessage())


def thumbnail(folder: Path, page: str) -> Path:
    """Return the thumbnail that is made of a page without a picture, in the folder of its chapter."""
    return folder / "images" / "thumb" / f"sphx_glr_{page}_thumb.png"


def picture(folder: Path, page: str, number: int, ending: str) -> Path:
    """Return a picture of a page, by its place among them from 1 on, in the folder of its chapter."""
    return folder / "images" / f"sphx_glr_{page}_{number:03}{ending}"


def page_of_thumbnail(address: str) -> str:
    """Return the page of a thumbnail, by its address; empty for another image."""
    if "/images/thumb/sphx_glr_" not in address:
        return ""
    path = PurePosixPath(address)
    return f"{path.parts[-4]}/{path.stem.removeprefix('sphx_glr_').removesuffix('_thumb')}"


def pictures_of(folder: Path, page: str) -> list[Path]:
    """Return the pictures and the thumbnail of a page, in the folder of its chapter."""
    start = f"sphx_glr_{page}_"  # with which the pictures of another page may begin, too
    found = (folder / "images").rglob(f"{start}*")
    return [path for path in found if re.fullmatch(r"thumb|\d{3,}", path.stem.removeprefix(start))]


def cut_downloads(docname: str, text: str) -> str:
    """Take the links to downloads out of the reStructuredText of a page; ours stand in the page's template.

    Raises
    ------
    ValueError
        If they are not where they were.
    """
    text, _, end = text.partition(f"\n.. _sphx_glr_download_{docname.replace('/', '_')}.py:")
    before, _, rest = text.partition("\n.. only:: html\n\n    .. note::\n        :class: sphx-glr-download-link-note")
    if not rest or not end:
        raise ValueError(f"{docname}: sphinx-gallery's links to downloads are not where they were; adapt {__name__}.")
    return before + rest[rest.index("\n.. rst-class::") :]


def begins_downloads(node: nodes.Node) -> bool:
    """Return whether a node is the first of the links to downloads at the end of a page."""
    return isinstance(node, nodes.target) and node.get("refid", "").startswith("sphx-glr-download")


@functools.cache
def _split_once(split: Callable[..., Any], source: str, changed: int, return_node: bool) -> Any:
    return split(source, return_node=return_node)


def _parse_each_page_once() -> None:
    """Let the pass over the fresh pages, which parses each twice, parse each once."""
    split = py_source_parser.split_code_and_text_blocks
    if not hasattr(split, "usual"):

        def once(source: str, return_node: bool = False) -> Any:
            return _split_once(split, str(source), os.stat(source).st_mtime_ns, return_node)

        once.usual = split
        py_source_parser.split_code_and_text_blocks = once


def pass_over(title_if_failed: Callable[[Path], str]) -> None:
    """Leave a page alone that failed: what stands in its place is not made anew, and its script is not parsed.

    Parameters
    ----------
    title_if_failed : callable
        Takes a script; returns its title if it failed, else an empty text.
    """
    generate = getattr(gen_rst.generate_file_rst, "for_others", gen_rst.generate_file_rst)
    split = py_source_parser.split_code_and_text_blocks
    split = getattr(split, "for_others", split)

    def generate_for_all(name: str, target: Any, folder: Any, conf: Any) -> Any:
        if not (title := title_if_failed(Path(folder, name))):
            return generate(name, target, folder, conf)
        cached = gen_rst._read_cached_backrefs(conf, Path(target, name))
        return "", title, (0.0, 0.0), {"stale": str(Path(target, name)), "backrefs": cached}

    def split_for_all(source: Any, return_node: bool = False) -> Any:
        if not title_if_failed(Path(source)):
            return split(source, return_node=return_node)
        return ({}, [], None) if return_node else ({}, [])

    generate_for_all.for_others = generate
    split_for_all.for_others = split_for_all.usual = split  # a later build of this process wraps it no second time
    gen_rst.generate_file_rst, py_source_parser.split_code_and_text_blocks = generate_for_all, split_for_all


def label(docname: str) -> str:
    """Return the label of a page, to which its cards lead."""
    return f"sphx_glr_{docname.replace('/', '_')}.py"


class NoSecondSummary(logging.Filter):
    """Drops the closing words of sphinx-gallery: it executes nothing here, and says so as if nothing had been."""

    def filter(self, message: logging.LogRecord) -> bool:
        """Return whether a message is passed on."""
        return "Sphinx-Gallery successfully executed" not in str(message.msg)


def setup(_app: Sphinx) -> dict[str, Any]:
    """Prepare sphinx-gallery for this build."""
    _parse_each_page_once()
    logging.getLogger("sphinx.sphinx-gallery").addFilter(NoSecondSummary())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
