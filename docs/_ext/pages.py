"""Run the pages that are not fresh, each in a process of its own, before sphinx-gallery makes the gallery of them."""

from __future__ import annotations

import functools
import json
import logging as python_logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx_gallery import py_source_parser

from _ext import claims, execution, forks, freshness, printed, recordings, runs

logger = logging.getLogger(__name__)

MACHINERY = [Path(module.__file__) for module in (claims, execution, printed)] + [
    Path(__file__).with_name("scrapers.py")
]
# Each setting with its default and its types; the recorder (recorder.py) knows the same.
SETTINGS: dict[str, tuple[Any, list[type]]] = {
    "pages_package": ("../src/ptguide", [str]),
    "pages_lock": ("../requirements.lock", [str]),
    "pages_preload": ([], [list]),
    "pages_workers": (0, [int]),
    "pages_time_limit": (120.0, [float, int]),
    "pages_ignored_warnings": ([], [list]),
    "pages_run_twice": (False, [bool]),
    "pages_update_outputs": (False, [bool]),
    "outputs_dir": ("outputs", [str]),
}


class Pages:
    """The pages of one documentation: their sources, their keys and their records.

    Parameters
    ----------
    app : Sphinx
        With sphinx-gallery's settings filled in.
    """

    def __init__(self, app: Sphinx) -> None:
        self.app = app
        conf = app.config.sphinx_gallery_conf
        self.gallery = Path(app.srcdir, conf["examples_dirs"]).resolve()
        self.target = Path(app.srcdir, conf["gallery_dirs"])
        self.package = Path(app.srcdir, app.config.pages_package).resolve()
        self.outputs = Path(app.srcdir, app.config.outputs_dir)
        self.read_kept()
        self._digests: dict[str, recordings.Digests] = {}
        self.surroundings = freshness.surroundings(Path(app.srcdir, app.config.pages_lock))

    def names(self) -> list[str]:
        """Return the pages in reading order, for example ``shapes/stack``."""
        order = self.app.config.gallery_order
        return [f"{chapter}/{page}" for chapter, pages in order.items() for page in pages]

    def source(self, page: str) -> Path:
        """Return the script of a page."""
        return self.gallery / f"{page}.py"

    def record_file(self, page: str) -> Path:
        """Return where the record of a page's last run is kept."""
        return self.target / f"{page}.record.json"

    def record(self, page: str) -> dict[str, Any]:
        """Return the record of a page's last run, empty where there is none or it is broken."""
        try:
            return json.loads(self.record_file(page).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def key(self, page: str) -> str:
        """Return what the record of a fresh page has as its key."""
        source = self.source(page)
        surroundings = self.surroundings
        try:
            helpers = freshness.imported_modules(source, self.package)
            asks = freshness.imports(source, "ptguide.measurements", self.package)
            if asks or self.package / "measurements.py" in helpers:
                surroundings = {**surroundings, "measurements": self.measurements}
        except SyntaxError:  # running the page says so, with its line
            helpers = set()
        return freshness.key([source, *helpers, *MACHINERY], surroundings)

    @functools.cached_property
    def commit(self) -> str:
        """The commit that the sources were at when the first page of this build ran."""
        return runs.commit_of(self.gallery)

    def read_kept(self) -> None:
        """Read what is kept of runs on accelerators, anew where some of it was just written."""
        self.kept = recordings.Kept(self.outputs)

    def digests(self, page: str) -> recordings.Digests:
        """Return what a recording of a page would be made of in this build."""
        if page not in self._digests:
            self._digests[page] = recordings.digests(self.source(page), self.package)
        return self._digests[page]

    @functools.cached_property
    def measurements(self) -> str:
        """The numbers that other devices measured, as the pages read them."""
        known = set(self.names())
        measured = [one for one in self.kept if one.measurements and one.page in known]
        return recordings.measurements(measured, {one.page: self.digests(one.page) for one in measured})

    @property
    def measurements_file(self) -> Path:
        """Where the pages read them from."""
        return self.target / "measurements.json"

    def write_measurements(self) -> None:
        """Write the numbers that other devices measured, where they have changed."""
        _write_if_new(self.measurements_file, self.measurements)

    @property
    def summary_file(self) -> Path:
        """Where that is kept which other pages show of a page; it changes when one of these does, and only then."""
        return self.target / "summary.json"

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return for each page how many ``checks`` it passed, and what its first ``picture`` shows."""
        return json.loads(self.summary_file.read_text(encoding="utf-8"))

    def write_summary(self) -> None:
        """Write the summary anew where a record has changed it."""
        summary = {}
        for name in self.names():
            record = self.record(name)
            pictures = [picture for cell in record["cells"] for picture in cell["pictures"]]
            shown = pictures[0] if pictures else printed.words(record["cells"])
            summary[name] = {"checks": record["checks"], "picture": shown}
        _write_if_new(self.summary_file, json.dumps(summary, indent=1))

    def is_fresh(self, page: str) -> bool:
        """Return whether the page ran, from its present sources and in the present surroundings."""
        made = all((self.target / f"{page}{end}").is_file() for end in (".rst", ".py", ".py.md5"))
        record = self.record(page)
        return made and record.get("key") == self.key(page) and record["runs"] >= self.wanted_runs

    @property
    def wanted_runs(self) -> int:
        """How often a page runs: twice to see that it prints the same, always before its outputs are kept."""
        return 2 if self.app.config.pages_run_twice or self.app.config.pages_update_outputs else 1


def _write_if_new(file: Path, text: str) -> None:
    """Write a file, unless it holds the text: Sphinx reads anew what depends on a file that was touched."""
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def of(app: Sphinx) -> Pages:
    """Return the pages of this build."""
    if not hasattr(app, "_ptguide_pages"):
        app._ptguide_pages = Pages(app)
    return app._ptguide_pages


@functools.cache
def _split_once(split: Callable[..., Any], source: str, changed: int, return_node: bool) -> Any:
    return split(source, return_node=return_node)


def _parse_each_page_once() -> None:
    """Let sphinx-gallery's pass over the fresh pages, which parses each twice, parse each once."""
    split = py_source_parser.split_code_and_text_blocks
    if not hasattr(split, "once"):

        def once(source: str, return_node: bool = False) -> Any:
            return _split_once(split, str(source), os.stat(source).st_mtime_ns, return_node)

        once.once = True
        py_source_parser.split_code_and_text_blocks = once


def _start_server(app: Sphinx, _config: Any) -> None:
    """Start to import torch while Sphinx goes on loading, if any page must run."""
    pages = of(app)
    app._ptguide_stale = [name for name in pages.names() if not pages.is_fresh(name)]
    if app._ptguide_stale:
        texts = "".join(pages.source(name).read_text(encoding="utf-8") for name in app._ptguide_stale)
        # What no page imports is not worth waiting for.
        forks.start_server([name for name in app.config.pages_preload if name.partition(".")[0] in texts])


def _run_stale(app: Sphinx) -> None:
    stale: list[str] = app._ptguide_stale
    pages = of(app)
    _forget_others(pages)
    if stale:
        logger.info("pages: running %d of %d", len(stale), len(pages.names()))
    else:
        logger.info("pages: all %d are fresh, none runs", len(pages.names()))
    shutil.rmtree(_staging(app), ignore_errors=True)  # of a build that was killed
    pages.write_measurements()
    failures = []
    first = sorted(stale, key=lambda name: -pages.record(name).get("seconds", 0.0))  # the longest
    sources = {name: pages.source(name) for name in first}
    run = functools.partial(_run_and_keep, app, pages)
    for name, answer in runs.one_by_one(sources, run, app.config.pages_workers):
        if "failure" in answer:
            failures.append(runs.report(pages.source(name), answer))
            continue
        logger.info("pages: %s ran in %.1f s, %d checks passed", name, answer["seconds"], answer["checks"])
    if failures:
        raise ExtensionError("\n\n".join(["these pages failed:", *failures]))
    if twice := runs.measured_twice(pages.record(name) for name in pages.names()):
        raise ExtensionError("\n".join(twice))
    pages.write_summary()


def _staging(app: Sphinx) -> Path:
    return Path(app.doctreedir).parent / "staging"


def _run_and_keep(app: Sphinx, pages: Pages, name: str, threads: int, alone: bool) -> dict[str, Any]:
    """Run a page, twice if that is wanted, and put what it made in its place; return its record or its failure."""
    key = pages.key(name)  # of the source as it is now: an edit during the run makes the page stale again
    staging_root = _staging(app)
    staging_root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=staging_root) as staging:
        job = execution.Job(
            page=name,
            source=str(pages.source(name)),
            staging=staging,
            gallery_dir=app.config.sphinx_gallery_conf["gallery_dirs"],
            gallery_conf=app.config.sphinx_gallery_conf,
            ignored_warnings=tuple(app.config.pages_ignored_warnings),
            time_limit=app.config.pages_time_limit,
            threads=threads,
            alone=alone,
            measurements=str(pages.measurements_file),
        )
        answer = runs.run(job, pages.wanted_runs)
        if "failure" in answer:
            return answer
        record = answer["record"] | {"key": key, "runs": pages.wanted_runs, "commit": pages.commit}
        Path(staging, job.gallery_dir, f"{name}.record.json").write_text(execution.as_json(record), encoding="utf-8")
        _move_into_place(Path(staging, job.gallery_dir), pages, name)
    return record


def _move_into_place(made: Path, pages: Pages, name: str) -> None:
    """Replace a page's files; its record goes first and comes last, so that a half-moved page is never fresh."""
    pages.record_file(name).unlink(missing_ok=True)
    files = sorted(path for path in made.rglob("*") if path.is_file() and not path.name.endswith(".record.json"))
    for file in [*files, made / f"{name}.record.json"]:
        place = pages.target / file.relative_to(made)
        if place.is_file() and place.read_bytes() == file.read_bytes():
            continue  # an untouched file is not read by Sphinx again
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, place)
    chapter, _, page = name.partition("/")
    for image in (pages.target / chapter / "images").rglob(f"sphx_glr_{page}_*"):  # one that the page made no more
        own = re.fullmatch(r"thumb|\d{3,}", image.stem.removeprefix(f"sphx_glr_{page}_"))
        if own and made / image.relative_to(pages.target) not in files:
            image.unlink()


def _forget_others(pages: Pages) -> None:
    """Delete what was made of pages that are gone."""
    known = set(pages.names())
    for record in pages.target.glob("*/*.record.json"):
        name = record.relative_to(pages.target).as_posix().removesuffix(".record.json")
        if name not in known:
            for file in [*record.parent.glob(f"{record.name.removesuffix('.record.json')}.*")]:
                file.unlink()
    if known and pages.target.is_dir():
        chapters = {name.partition("/")[0] for name in known}
        for folder in pages.target.iterdir():
            if folder.is_dir() and folder.name not in {*chapters, "backreferences"}:
                shutil.rmtree(folder)


def _say_what_passed(app: Sphinx, exception: Exception | None) -> None:
    if exception is None:
        checks = [page["checks"] for page in of(app).summary().values()]
        logger.info("pages: %d passed, with %d checks", len(checks), sum(checks))


class _NoSecondSummary(python_logging.Filter):
    """Drops sphinx-gallery's closing words: it executes nothing here, and says so as if nothing had been."""

    def filter(self, record: python_logging.LogRecord) -> bool:
        """Return whether a message is passed on."""
        return "Sphinx-Gallery successfully executed" not in str(record.msg)


def setup(app: Sphinx) -> dict[str, Any]:
    """Start the server before sphinx-gallery's settings (10), which take a while; run before its gallery pass (500)."""
    for name, (default, types) in SETTINGS.items():
        app.add_config_value(name, default, "", types=types)
    app.connect("config-inited", _start_server, priority=6)
    app.connect("builder-inited", _run_stale, priority=100)
    _parse_each_page_once()
    app.connect("build-finished", _say_what_passed, priority=990)
    python_logging.getLogger("sphinx.sphinx-gallery").addFilter(_NoSecondSummary())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
