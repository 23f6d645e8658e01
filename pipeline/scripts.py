"""The scripts that readers download run on this Python: ``nox -s scripts``, or ``python -m pipeline scripts``.

Each runs in an empty folder with the helper package that the site offers, and must give what its page shows, or what
``docs/outputs`` keeps for this version of Python. The site is built before: what it computed stands in the scripts.
A script that passed since its page ran last does not run again, be it on another Python. With ``--any-output`` all run,
and what they give is not compared: another torch words its messages otherwise, and what a page claims holds there too.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import tempfile
from pathlib import Path
from typing import Any

from pipeline import recorder
from pipeline.gallery import adapter
from pipeline.gallery.pages import Pages
from pipeline.outputs import kept
from pipeline.outputs.recordings import Recorded
from pipeline.running import forks, runner
from pipeline.stale.keys import Keys

# A comment of a page that does not hold with the oldest torch that the package supports.
NEEDS = re.compile(r"# Needs torch (?P<version>\d+\.\d+): (?P<why>.+)")


def main(docs: Path, arguments: list[str]) -> int:
    """Run the scripts of pages that have not passed since the page ran; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipeline scripts", description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", help="pages (shapes/stack) or chapters (shapes); by default all")
    parser.add_argument(
        "--any-output", action="store_true", help="run them all, and compare nothing: for another torch"
    )
    options = parser.parse_args(arguments)
    pages = recorder.pages_of(docs)
    try:
        names = pages.chosen(options.pages)
    except ValueError as error:
        parser.error(str(error))
    if lacking := [name for name in names if not pages.record(name) or pages.has_failed(name)]:
        print(f"The site has no run of {', '.join(lacking[:3])}: build it first, with nox -s docs.")
        return 1
    if options.any_output:
        names = [name for name in names if not _needs_newer(pages.source(name).read_text(encoding="utf-8"), name)]
    waiting = [name for name in names if options.any_output or not passed(pages, name)]
    failures = run(pages, waiting, compare=not options.any_output)
    print(f"{len(names)} scripts: {len(names) - len(waiting)} passed before, {len(waiting) - failures} now", end="")
    print(f" on Python {platform.python_version()}, {failures} failed")
    return 1 if failures else 0


def run(pages: Pages, names: list[str], *, compare: bool) -> int:
    """Run the scripts of pages, and note which give what is kept; return how many fail."""
    recorded, failures = Recorded(pages), 0
    os.environ.pop("PYTHONHASHSEED", None)  # the order of a set is another than in the build
    with tempfile.TemporaryDirectory() as folder:
        recorder.make_importable(pages.package, Path(folder, "metadata"))
        forks.start_server(pages.settings["pages_preload"])
        conf = adapter.filled_settings(pages.settings["sphinx_gallery_conf"], Path(folder))
        running = runner.Runner(Keys(pages, recorded), conf, Path(folder, "staging"))
        for name, answer in running.run_downloads({name: pages.record(name) for name in names}):
            problems = [runner.report(pages.source(name), answer)] if "failure" in answer else []
            if not problems and compare:
                found = kept.differences_of_download(_kept(pages, name), answer["record"])
                problems = [f"{pages.source(name)}:{line}: {what}" for line, what in found]
            print("\n".join(problems) or f"passed {name}", flush=True)
            failures += bool(problems)
            if compare and not problems:
                _note(pages, name)
    return failures


def _needs_newer(script: str, name: str) -> bool:
    """Return whether a script says that it needs a newer torch than there is, and say so."""
    needed, here = NEEDS.search(script), importlib.metadata.version("torch")
    newer = bool(needed) and tuple(map(int, needed["version"].split("."))) > tuple(map(int, here.split(".")[:2]))
    if newer:
        print(f"left out: {name} needs torch {needed['version']}, and this is {here}: {needed['why']}")
    return newer


def _kept(pages: Pages, name: str) -> dict[str, Any]:
    return kept.read(kept.file_of(pages.outputs, name, pages.record(name)["device"]))


def _notes(pages: Pages) -> Path:
    return pages.target.parent / "_build" / "scripts.json"


def _read(pages: Pages) -> dict[str, dict[str, str]]:
    file = _notes(pages)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _note(pages: Pages, name: str) -> None:
    note = {"date": pages.record(name)["date"], "python": platform.python_version()}
    kept.write(_notes(pages), json.dumps(_read(pages) | {name: note}, indent=1))


def passed(pages: Pages, name: str) -> bool:
    """Return whether the script of a page gave what the page shows, in its second run or since."""
    record = pages.record(name)
    return record["script"] or _read(pages).get(name, {}).get("date") == record["date"]
