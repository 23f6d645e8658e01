"""Which pages there are: their scripts, what was made of each, and the record of its last run."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from pipeline.gallery import cards

# Each setting with its default and its types; commands that do without Sphinx read the same.
SETTINGS: dict[str, tuple[Any, list[type]]] = {
    "pages_package": ("../src/ptguide", [str]),
    "pages_lock": ("../requirements.lock", [str]),
    "pages_preload": ([], [list]),
    "pages_workers": (0, [int]),
    "pages_time_limit": (120, [float, int]),
    "pages_ignored_warnings": ([], [list]),
    "pages_run_twice": (False, [bool]),
    "pages_update_outputs": (False, [bool]),
    "pages_variant": (False, [bool]),
    "pages_to_update": ([], [list]),
    "pages_live": (False, [bool]),
    "outputs_dir": ("outputs", [str]),
}


class Pages:
    """The pages of one documentation.

    Parameters
    ----------
    docs : Path
        The folder of conf.py.
    settings : mapping
        What conf.py says, and the defaults of `SETTINGS`.
    """

    def __init__(self, docs: Path, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.root = docs.resolve().parent
        conf = settings["sphinx_gallery_conf"]
        self.gallery = Path(docs, conf["examples_dirs"]).resolve()
        self.target = Path(docs, conf["gallery_dirs"])
        self.package = Path(docs, settings["pages_package"]).resolve()
        self.lock = Path(docs, settings["pages_lock"])
        self.outputs = Path(docs, settings["outputs_dir"])

    def names(self) -> list[str]:
        """Return the pages in reading order, for example ``shapes/stack``."""
        order = self.settings["gallery_order"]
        return [f"{chapter}/{page}" for chapter, pages in order.items() for page in pages]

    def source(self, page: str) -> Path:
        """Return the script of a page."""
        return self.gallery / f"{page}.py"

    def record_file(self, page: str) -> Path:
        """Return where the record of a page's last run is kept."""
        return self.target / f"{page}.record.json"

    def record(self, page: str) -> dict[str, Any]:
        """Return the record of a page's last run, empty where there is none or it is broken; not to be changed."""
        try:
            return _load(self.record_file(page))
        except (OSError, ValueError):
            return {}

    def has_failed(self, page: str) -> bool:
        """Return whether something stands in the place of the page, which failed when it ran last."""
        return "failure" in self.record(page)

    @property
    def summary_file(self) -> Path:
        """Where that is kept which other pages show of a page; it changes when one of these does, and only then."""
        return self.target / "summary.json"

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return for each page how many ``claims`` of it held, and what its first ``picture`` shows."""
        return _load(self.summary_file)

    def write_summary(self) -> None:
        """Write the summary anew where a record has changed it."""
        summary = {}
        for name in self.names():
            record = self.record(name)
            pictures = [picture for cell in record["cells"] for picture in cell["pictures"]]
            shown = pictures[0] if pictures else cards.words(record["cells"])
            if self.has_failed(name):
                shown = "The page failed"
            summary[name] = {"claims": record["claims"], "picture": shown}
        write_if_new(self.summary_file, json.dumps(summary, indent=1))

    def chosen(self, words: Iterable[str]) -> list[str]:
        """Return the pages that are meant by names of pages and chapters; all where there are none.

        Raises
        ------
        ValueError
            If a word is neither a page nor a chapter.
        """
        words = [word.removeprefix(f"{self.gallery.name}/").removesuffix(".py") for word in words]
        meant = {word: [name for name in self.names() if word in (name, name.partition("/")[0])] for word in words}
        if unknown := [word for word, found in meant.items() if not found]:
            raise ValueError(f"there is no page or chapter {', '.join(unknown)}; see gallery_order in docs/conf.py")
        return [name for name in self.names() if not words or any(name in found for found in meant.values())]

    @functools.cached_property
    def to_update(self) -> set[str]:
        """The pages whose outputs are kept if they have changed: those that are named, or all."""
        return set(self.chosen(self.settings["pages_to_update"])) if self.settings["pages_update_outputs"] else set()

    def page_of(self, docname: str) -> str:
        """Return the page of a document, for example ``shapes/stack``; empty if it is no page."""
        page = docname.removeprefix(f"{self.settings['sphinx_gallery_conf']['gallery_dirs']}/")
        return page if page in self._known else ""

    def chapter_of(self, docname: str) -> str:
        """Return the chapter whose index a document is; empty for the list of all pages, which holds each header."""
        folder, _, name = docname.rpartition("/")
        gallery = self.settings["sphinx_gallery_conf"]["gallery_dirs"]
        return folder.removeprefix(f"{gallery}/") if name == "index" and folder != gallery else ""

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names())


def _load(file: Path) -> Any:
    """Return what a JSON file holds, read once as long as it is the same; not to be changed."""
    status = file.stat()
    return _parsed(file, status.st_mtime_ns, status.st_size, status.st_ino)


@functools.cache  # a build asks for the record of each page a dozen times, and serve builds again and again
def _parsed(file: Path, changed: int, size: int, number: int) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def write_if_new(file: Path, text: str) -> None:
    """Write a file, unless it holds the text: Sphinx reads anew what depends on a file that was touched."""
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def of(app: Sphinx) -> Pages:
    """Return the pages of this build."""
    if not hasattr(app, "_ptguide_pages"):
        names = ("sphinx_gallery_conf", "gallery_order", "html_baseurl", *SETTINGS)
        app._ptguide_pages = Pages(Path(app.srcdir), {name: app.config[name] for name in names})
    return app._ptguide_pages


def is_live(app: Sphinx) -> bool:
    """Return whether somebody looks at the site while writing, so that what only a finished one needs is left out."""
    return bool(getattr(app.config, "pages_live", False))


def add_settings(app: Sphinx) -> None:
    """Make the settings known to Sphinx."""
    for name, (default, types) in SETTINGS.items():
        app.add_config_value(name, default, "", types=types)
