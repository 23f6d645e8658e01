"""Run the snippets of the Markdown pages and the examples of the docstrings, as pages are run: alone and when stale."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import re
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging
from sybil import Sybil
from sybil.example import SybilFailure

from pipeline import spelling
from pipeline.gallery import pages as gallery_pages
from pipeline.gallery import sources
from pipeline.running import child, forks, snippet_parsers, values
from pipeline.running.snippet_parsers import FLAGS, VALUES, compute, markdown_parsers
from pipeline.stale import keys

logger = logging.getLogger(__name__)

MACHINERY = [Path(str(module.__file__)) for module in (snippet_parsers, values, spelling)] + [Path(__file__)]


def run_markdown(path: str) -> dict[str, list[Any]]:
    """Run every snippet of a Markdown file in one namespace; return their sources, and the values in its text."""
    document = Sybil(parsers=markdown_parsers()).parse(Path(path))
    ran = []
    for example in document.examples():
        try:
            example.evaluate()
        except SybilFailure:  # says the file and the line itself
            raise
        except Exception as error:
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
            why = "".join(traceback.format_exception_only(error)).strip()
            raise AssertionError(f"{path}:{(lines or [example.line])[-1]}: {why}") from error
        if example.region.evaluator is compute:
            continue
        ran.append(str(getattr(example.parsed, "source", None) or example.parsed).strip())
    return {"ran": ran, "values": document.namespace.get(VALUES, [])}


def run_docstrings(module_name: str) -> dict[str, list[Any]]:
    """Run the examples of a module's docstrings; return their sources."""
    module = importlib.import_module(module_name)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    ran = []
    for test in doctest.DocTestFinder().find(module, module_name):
        runner.run(test, out=report.append)
        ran += [example.source.strip() for example in test.examples]
    if runner.failures:
        raise AssertionError("".join(report))
    return {"ran": ran, "values": []}


def run(task: tuple[str, str], answer: Connection) -> None:
    """Run one document in this process and send back what ran, or why it failed."""
    os.setsid()
    kind, name = task
    try:
        answer.send(run_markdown(name) if kind == "markdown" else run_docstrings(name))
    except BrokenPipeError:
        pass  # the build is gone
    except BaseException as error:
        answer.send({"failure": "".join(traceback.format_exception_only(error)).strip()})


def _tasks(app: Sphinx) -> dict[str, tuple[tuple[str, str], Path]]:
    """Return for each document its task and the file that it stands in."""
    tasks: dict[str, tuple[tuple[str, str], Path]] = {}
    root = Path(app.srcdir)
    for path in sorted(root.rglob("*.md")):
        if "_build" not in path.parts:
            tasks[path.relative_to(root).with_suffix("").as_posix()] = (("markdown", str(path)), path)
    package = gallery_pages.of(app).package
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith("__main__"):
            tasks[name] = (("docstrings", name), path)
    return tasks


def _run_stale(app: Sphinx) -> None:
    pages = gallery_pages.of(app)
    file = kept_in(app)
    kept = _load(file)
    now: dict[str, Any] = {}
    failures: set[str] = set()
    for name, (task, path) in _tasks(app).items():
        helpers = (
            sources.imported_modules(path, pages.package) if path.suffix == ".py" else set(pages.package.rglob("*.py"))
        )
        key = sources.digest([path, *helpers, *MACHINERY], keys.of(app).surroundings)
        if kept.get(name, {}).get("key") == key:
            now[name] = kept[name]
            continue
        limit = app.config.pages_time_limit
        forks.start_server(app.config.pages_preload)
        answer = forks.ask(run, task, limit) or {"failure": "its process died without a word"}
        if "failure" in answer:
            failures.add(name)
            line = re.search(rf'{re.escape(str(path))}(?:", line |, line |:)(\d+)', answer["failure"])
            logger.warning("%s", answer["failure"], location=f"{path}:{line[1] if line else 1}", type="snippet")
        else:
            now[name] = {"key": key, **answer}
            if answer["ran"]:
                logger.info("snippets: %d of %s ran", len(answer["ran"]), name)
    gallery_pages.write_if_new(file, child.as_json(now))
    app._ptguide_snippets, app._ptguide_failed_snippets = now, failures


def kept_in(app: Sphinx) -> Path:
    """Return the file of what the snippets gave."""
    return Path(app.doctreedir).with_name("snippets.json")


def values_of(app: Sphinx, docname: str) -> list[dict[str, Any]]:
    """Return the values in the text of a Markdown file."""
    return app._ptguide_snippets.get(docname, {}).get("values", [])


def ran(app: Sphinx) -> dict[str, set[str]]:
    """Return for each document (a page's name, or a module's) the sources of the snippets that ran."""
    return {name: set(record["ran"]) for name, record in app._ptguide_snippets.items()}


def failed(app: Sphinx) -> set[str]:
    """Return the documents, and the modules, of which a snippet failed."""
    return app._ptguide_failed_snippets


def _load(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or cut short
        return {}


def setup(app: Sphinx) -> dict[str, Any]:
    """Run after the pages (priority 100) and their outputs (200)."""
    app.connect("builder-inited", _run_stale, priority=300)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
