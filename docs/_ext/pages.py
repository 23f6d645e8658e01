"""Run the pages that are not fresh, each in a process of its own, before sphinx-gallery makes the gallery of them."""

from __future__ import annotations

import functools
import json
import logging as python_logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx_gallery import py_source_parser

from _ext import claims, execution, forks, freshness

logger = logging.getLogger(__name__)

MACHINERY = [Path(module.__file__) for module in (claims, execution)] + [Path(__file__).with_name("scrapers.py")]
ALONE = re.compile(r"^# sphinx_gallery_parallel = False$", re.MULTILINE)


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
        try:
            helpers = freshness.imported_modules(source, self.package)
        except SyntaxError:  # running the page says so, with its line
            helpers = set()
        return freshness.key([source, *helpers, *MACHINERY], self.surroundings)

    @functools.cached_property
    def commit(self) -> str:
        """The commit that the sources were at when the first page of this build ran."""
        return _commit(self.gallery)

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
            summary[name] = {"checks": record["checks"], "picture": pictures[0] if pictures else ""}
        text = json.dumps(summary, indent=1)
        if not self.summary_file.is_file() or self.summary_file.read_text(encoding="utf-8") != text:
            self.summary_file.write_text(text, encoding="utf-8")

    def is_fresh(self, page: str) -> bool:
        """Return whether the page ran, from its present sources and in the present surroundings."""
        made = all((self.target / f"{page}{end}").is_file() for end in (".rst", ".py", ".py.md5"))
        record = self.record(page)
        return made and record.get("key") == self.key(page) and record["runs"] >= self.wanted_runs

    @property
    def wanted_runs(self) -> int:
        """How often a page runs: twice to see that it prints the same, always before its outputs are kept."""
        return 2 if self.app.config.pages_run_twice or self.app.config.pages_update_outputs else 1


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
    failures = []
    for name, answer in _run_all(app, pages, stale):
        if "failure" in answer:
            line = f":{answer['line']}" if answer.get("line") else ""
            failures.append(f"{pages.source(name)}{line}: {answer['failure']}")
            continue
        logger.info("pages: %s ran in %.1f s, %d checks passed", name, answer["seconds"], answer["checks"])
    if failures:
        raise ExtensionError("\n\n".join(["these pages failed:", *failures]))
    pages.write_summary()


def _run_all(app: Sphinx, pages: Pages, names: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run pages side by side, the longest first, then those that want the machine for themselves."""
    workers = app.config.pages_workers or os.cpu_count() or 1
    alone = [name for name in names if ALONE.search(pages.source(name).read_text(encoding="utf-8"))]
    beside = sorted(set(names) - set(alone), key=lambda name: -pages.record(name).get("seconds", 0.0))
    threads = max(1, (os.cpu_count() or 1) // workers)
    with ThreadPoolExecutor(workers) as pool:
        yield from zip(beside, pool.map(lambda name: _run_and_keep(app, pages, name, threads), beside), strict=True)
    for name in alone:
        yield name, _run_and_keep(app, pages, name, os.cpu_count() or 1)


def _staging(app: Sphinx) -> Path:
    return Path(app.doctreedir).parent / "staging"


def _run_and_keep(app: Sphinx, pages: Pages, name: str, threads: int) -> dict[str, Any]:
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
        )
        answer = run_in_child(job)
        if "failure" in answer:
            return answer
        record = answer["record"]
        if pages.wanted_runs == 2:
            with tempfile.TemporaryDirectory(dir=staging_root) as second:
                again = run_in_child(replace(job, staging=second))
            if "failure" in again:
                return {**again, "failure": f"passed once and failed when run again\n{again['failure']}"}
            if difference := first_difference(record, again["record"]):
                return difference
        record |= {"key": key, "runs": pages.wanted_runs, "commit": pages.commit}
        Path(staging, job.gallery_dir, f"{name}.record.json").write_text(execution.as_json(record), encoding="utf-8")
        _move_into_place(Path(staging, job.gallery_dir), pages, name)
    return record


def first_difference(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any] | None:
    """Return the failure for the first cell that printed or drew something else in a second run, if any.

    Parameters
    ----------
    one, two : dict
        Records of the same page.
    """
    for first, second in zip(one["cells"], two["cells"], strict=True):
        if first["measured"]:
            continue
        for what in ("text", "pictures"):
            if first[what] != second[what]:
                return {
                    "line": first["line"],
                    "failure": f"run twice, this cell gave two outputs; seed it, or begin it with '# Measured' if it "
                    f"measures.\n  first:  {first[what]!r}\n  second: {second[what]!r}",
                }
    return None


def run_in_child(job: execution.Job) -> dict[str, Any]:
    """Run a page in a process of its own; return its answer, or why there is none."""
    # The child ends itself at the limit and says where it was; the margin is for one that cannot.
    return forks.ask(execution.run, job, job.time_limit + 15) or _cause_of_death(job)


def _cause_of_death(job: execution.Job) -> dict[str, Any]:
    """Return the failure of a page whose process ended without an answer, from what Python wrote as it ended."""
    report = Path(job.report_file).read_text(encoding="utf-8", errors="replace")
    lines = re.findall(rf'File "{re.escape(job.source)}", line (\d+)', report)
    if "Timeout (" in report:
        why = f"still running after {job.time_limit:g} s, the limit for a page (pages_time_limit in docs/conf.py)"
    else:
        why = f"its process died without a word\n{report[:2000]}".rstrip()
    return {"failure": why, "line": int(lines[0]) if lines else None}


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


def _commit(folder: Path) -> str:
    """Return the commit that the sources are at, marked where they differ from it; empty outside a repository."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--match=", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:  # a machine without git
        return ""


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
    app.add_config_value("pages_package", "../src/ptguide", "", types=[str])
    app.add_config_value("pages_lock", "../requirements.lock", "", types=[str])
    app.add_config_value("pages_preload", [], "", types=[list])
    app.add_config_value("pages_workers", 0, "", types=[int])
    app.add_config_value("pages_time_limit", 120.0, "", types=[float, int])
    app.add_config_value("pages_ignored_warnings", [], "", types=[list])
    app.add_config_value("pages_run_twice", False, "", types=[bool])
    app.add_config_value("pages_update_outputs", False, "", types=[bool])
    app.connect("config-inited", _start_server, priority=6)
    app.connect("builder-inited", _run_stale, priority=100)
    _parse_each_page_once()
    app.connect("build-finished", _say_what_passed, priority=990)
    python_logging.getLogger("sphinx.sphinx-gallery").addFilter(_NoSecondSummary())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
