"""Run the pages that are not fresh, each in a process of its own, before sphinx-gallery makes the gallery of them."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import check, recordings
from pipeline.running import child, failures, forks, runner
from pipeline.stale import keys

logger = logging.getLogger(__name__)


def _start_server(app: Sphinx, _config: Any) -> None:
    """Start to import torch while Sphinx goes on loading, if any page must run."""
    pages = gallery_pages.of(app)
    app._ptguide_stale = _stale(app)
    if app._ptguide_stale:
        texts = "".join(pages.source(name).read_text(encoding="utf-8") for name in app._ptguide_stale)
        imported = set().union(*map(keys.of(app).packages, app._ptguide_stale))
        tops = {name: name.partition(".")[0] for name in app.config.pages_preload}
        # What no page names, and no helper of one imports, is not worth waiting for.
        forks.start_server([name for name, top in tops.items() if top in texts or top in imported])


def _stale(app: Sphinx) -> dict[str, int]:
    """Return how often each page must run that has to: twice before what it gives is kept, and where that is asked."""
    pages, known = gallery_pages.of(app), keys.of(app)
    try:
        to_update, named = pages.to_update, bool(app.config.pages_to_update)
    except ValueError as error:
        raise SystemExit(f"{error}.") from None
    stale = {}
    for name in pages.names():
        runs = 2 if app.config.pages_run_twice or name in to_update else 1
        fresh = known.is_fresh(name, 2 if app.config.pages_run_twice else 1)
        if fresh and name in to_update:
            fresh = not named and check.is_kept(recordings.of(app), pages.record(name))
        if not fresh:
            stale[name] = runs
    return stale


def _run_stale(app: Sphinx) -> None:
    stale: dict[str, int] = app._ptguide_stale
    pages = gallery_pages.of(app)
    _forget_others(pages)
    if stale:
        logger.info("pages: running %d of %d", len(stale), len(pages.names()))
    else:
        logger.info("pages: all %d are fresh, none runs", len(pages.names()))
    folder = Path(app.doctreedir).parent / "staging"
    put = functools.partial(_put_in_place, pages)
    running = runner.Runner(keys.of(app), app.config.sphinx_gallery_conf, folder, put)
    first = sorted(stale, key=lambda name: -pages.record(name).get("seconds", 0.0))  # the longest
    for name, answer in running.run({name: stale[name] for name in first}):
        if "failure" in answer:
            failures.report(pages, name, answer)
            continue
        record = answer["record"]
        logger.info("pages: %s ran in %.1f s, %d claims held", name, record["seconds"], record["claims"])
    for name, why in runner.measured_twice(pages.record(name) for name in pages.names()):
        failures.warn(pages, name, None, why)
    failures.pass_over(pages)
    pages.write_summary()


def _put_in_place(pages: Pages, name: str, record: dict[str, Any], made: Path) -> None:
    """Put what was made of a page in its place, with its record."""
    Path(made, f"{name}.record.json").write_text(child.as_json(record), encoding="utf-8")
    _move_into_place(made, pages, name)


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
    for image in adapter.pictures_of(pages.target / chapter, page):
        if made / image.relative_to(pages.target) not in files:  # the page makes it no more
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
        pages = gallery_pages.of(app)
        claims = [page["claims"] for name, page in pages.summary().items() if not pages.has_failed(name)]
        logger.info("pages: %d passed, with %d claims", len(claims), sum(claims))
        if failed := len(pages.names()) - len(claims):
            logger.info("pages: %d failed", failed)
            app.statuscode = 1  # also of a build that tolerates warnings


def setup(app: Sphinx) -> dict[str, Any]:
    """Start the server before sphinx-gallery's settings (10), which take a while; run before its gallery pass (500)."""
    gallery_pages.add_settings(app)
    app.connect("config-inited", _start_server, priority=6)
    app.connect("builder-inited", _run_stale, priority=100)
    app.connect("build-finished", _say_what_passed, priority=990)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
