"""Run the pages that are not fresh, each in a process of its own, before sphinx-gallery makes the gallery of them."""

from __future__ import annotations

import functools
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

from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import recordings
from pipeline.running import child, forks, runner
from pipeline.stale import keys

logger = logging.getLogger(__name__)


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
    pages, known = gallery_pages.of(app), keys.of(app)
    app._ptguide_stale = [name for name in pages.names() if not known.is_fresh(name, pages.wanted_runs)]
    if app._ptguide_stale:
        texts = "".join(pages.source(name).read_text(encoding="utf-8") for name in app._ptguide_stale)
        # What no page imports is not worth waiting for.
        forks.start_server([name for name in app.config.pages_preload if name.partition(".")[0] in texts])


def _run_stale(app: Sphinx) -> None:
    stale: list[str] = app._ptguide_stale
    pages = gallery_pages.of(app)
    _forget_others(pages)
    if stale:
        logger.info("pages: running %d of %d", len(stale), len(pages.names()))
    else:
        logger.info("pages: all %d are fresh, none runs", len(pages.names()))
    shutil.rmtree(_staging(app), ignore_errors=True)  # of a build that was killed
    recordings.of(app).write_measurements()
    failures = []
    first = sorted(stale, key=lambda name: -pages.record(name).get("seconds", 0.0))  # the longest
    sources = {name: pages.source(name) for name in first}
    run = functools.partial(_run_and_keep, app, pages)
    for name, answer in runner.one_by_one(sources, run, app.config.pages_workers):
        if "failure" in answer:
            failures.append(runner.report(pages.source(name), answer))
            continue
        logger.info("pages: %s ran in %.1f s, %d checks passed", name, answer["seconds"], answer["checks"])
    if failures:
        raise ExtensionError("\n\n".join(["these pages failed:", *failures]))
    if twice := runner.measured_twice(pages.record(name) for name in pages.names()):
        raise ExtensionError("\n".join(twice))
    pages.write_summary()


@functools.cache  # as it was when the first page of this build ran
def _commit(folder: Path) -> str:
    return runner.commit_of(folder)


def _staging(app: Sphinx) -> Path:
    return Path(app.doctreedir).parent / "staging"


def _run_and_keep(app: Sphinx, pages: Pages, name: str, threads: int, alone: bool) -> dict[str, Any]:
    """Run a page, twice if that is wanted, and put what it made in its place; return its record or its failure."""
    key = keys.of(app).key(name)  # of the source as it is now: an edit during the run makes the page stale again
    staging_root = _staging(app)
    staging_root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=staging_root) as staging:
        job = child.Job(
            page=name,
            source=str(pages.source(name)),
            staging=staging,
            gallery_dir=app.config.sphinx_gallery_conf["gallery_dirs"],
            gallery_conf=app.config.sphinx_gallery_conf,
            ignored_warnings=tuple(app.config.pages_ignored_warnings),
            time_limit=app.config.pages_time_limit,
            threads=threads,
            alone=alone,
            measurements=str(recordings.of(app).measurements_file),
        )
        answer = runner.run(job, pages.wanted_runs)
        if "failure" in answer:
            return answer
        record = answer["record"] | {"key": key, "runs": pages.wanted_runs, "commit": _commit(pages.gallery)}
        Path(staging, job.gallery_dir, f"{name}.record.json").write_text(child.as_json(record), encoding="utf-8")
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
        checks = [page["checks"] for page in gallery_pages.of(app).summary().values()]
        logger.info("pages: %d passed, with %d checks", len(checks), sum(checks))


class _NoSecondSummary(python_logging.Filter):
    """Drops sphinx-gallery's closing words: it executes nothing here, and says so as if nothing had been."""

    def filter(self, record: python_logging.LogRecord) -> bool:
        """Return whether a message is passed on."""
        return "Sphinx-Gallery successfully executed" not in str(record.msg)


def setup(app: Sphinx) -> dict[str, Any]:
    """Start the server before sphinx-gallery's settings (10), which take a while; run before its gallery pass (500)."""
    gallery_pages.add_settings(app)
    app.connect("config-inited", _start_server, priority=6)
    app.connect("builder-inited", _run_stale, priority=100)
    _parse_each_page_once()
    app.connect("build-finished", _say_what_passed, priority=990)
    python_logging.getLogger("sphinx.sphinx-gallery").addFilter(_NoSecondSummary())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
