"""Run the pages on the device at hand and keep what they gave; `nox -s record`, or `python -m pipeline record`.

It runs each page as the build does, by pipeline/running/child.py, so it needs torch, what the pages import, and of the
build's packages only Sphinx and sphinx-gallery. A page that fails is reported, and the others are kept all the same.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.gallery import adapter
from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import check
from pipeline.outputs.recordings import Recorded
from pipeline.running import forks, runner
from pipeline.running.runner import Runner
from pipeline.stale.keys import Keys


def pages_of(docs: Path) -> Pages:
    """Return the pages of a documentation folder, read without Sphinx."""
    defaults = {name: default for name, (default, _) in gallery_pages.SETTINGS.items()}
    return Pages(docs, defaults | runpy.run_path(str(docs / "conf.py")))


def main(docs: Path, arguments: list[str] | None = None) -> int:
    """Record, or list what is recorded; return the exit status.

    Parameters
    ----------
    docs : Path
        The folder of conf.py.
    arguments : list of str, optional
        By default those of the command line.
    """
    about = "Run the pages on the device at hand and keep what they give. On a CPU, compare it with what is kept."
    parser = argparse.ArgumentParser(prog="python -m pipeline record", description=about)
    parser.add_argument("pages", nargs="*", help="pages (gpu/transfer) or chapters (gpu); by default all")
    parser.add_argument(
        "--once", action="store_true", help="run each page once, not twice to see that it prints the same"
    )
    parser.add_argument(
        "--list", action="store_true", help="run nothing: list what is recorded, fresh, stale or missing"
    )
    parser.add_argument("--check", action="store_true", help="list, and exit with 1 unless every recording is fresh")
    options = parser.parse_args(arguments)
    recorded = Recorded(pages_of(docs))
    try:
        names = recorded.pages.chosen(options.pages)
    except ValueError as error:
        parser.error(str(error))
    if options.list or options.check:
        return 0 if recorded.print_all(names) or not options.check else 1
    return 1 if run_and_keep(recorded, names, 1 if options.once else 2) else 0


def run_and_keep(recorded: Recorded, names: list[str], times: int) -> int:
    """Run pages on the device at hand and keep what they gave; return how many failed.

    On a CPU nothing is written, for there a build keeps the outputs: they are compared with what the pages give.

    Parameters
    ----------
    recorded : Recorded
    names : list of str
    times : int
        How often each page runs; with 2, it fails where the second run gives something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        make_importable(recorded.pages.package, Path(folder, "metadata"))
        forks.start_server([*recorded.pages.settings["pages_preload"], "pipeline.recorder"])
        device = forks.ask(prove, None, 120) or {"failure": "the process that looked for it died"}
        if "failure" in device:
            print(f"There is no device to record on: {device['failure']}")
            return len(names)
        print(f"{len(names)} pages on {device['name']}", flush=True)
        failures, made = [], []
        for name, answer in _runner(recorded, Path(folder)).run(dict.fromkeys(names, times)):
            status, words = _keep(recorded, name, answer, device["name"])
            print(f"{status:<9} {name}", flush=True)
            made += [answer["record"]] if "record" in answer else []
            failures += [words] if words else []
    failures += [why for _, why in runner.measured_twice(made)]
    for words in failures:
        print(f"\n{words}")
    print(f"\n{len(names) - len(failures)} of {len(names)} pages passed on {device['name']}, {len(failures)} failed")
    return len(failures)


def prove(_: None, answer: Connection) -> None:
    """Send back the name of the device at hand after it has computed something, else why it has not."""
    try:
        import torch

        from ptguide.devices import device_name, pick_device

        device = pick_device()
        total = torch.ones(3, device=device).sum().item()
        answer.send({"name": device_name(device)} if total == 3 else {"failure": f"1 + 1 + 1 gave {total} on {device}"})
    except Exception as error:
        answer.send({"failure": f"{type(error).__name__}: {error}"})


def _runner(recorded: Recorded, folder: Path) -> Runner:
    """Return what runs pages as the build does."""
    conf = adapter.filled_settings(recorded.pages.settings["sphinx_gallery_conf"], folder)
    return Runner(Keys(recorded.pages, recorded), conf, folder / "staging")


def _keep(recorded: Recorded, name: str, answer: dict[str, Any], device: str) -> tuple[str, str]:
    """Keep what a page gave; return in one word what became of it and, if it failed, why."""
    source = recorded.pages.source(name)
    if "failure" in answer:
        return "FAILED", runner.report(source, answer)
    made = answer["record"]
    if made["device"] != device:
        return "FAILED", f"{source}: it ran on {made['device']}, not on {device}: it must import torch"
    if not device.startswith("CPU"):
        return ("recorded" if check.keep(recorded, made) else "unchanged"), ""
    found = check.problems(recorded, made)
    return ("differs" if found else "equal"), "\n".join(f"{source}:{line}: {what}" for line, what in found)


def make_importable(package: Path, folder: Path) -> None:
    """Let the pages import the helpers of this copy; where they were never installed, make their version known."""
    paths = [str(package.parent), str(Path(__file__).parents[1])]
    try:
        version("ptguide")
    except PackageNotFoundError:
        project = tomllib.loads((package.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        metadata = folder / f"ptguide-{project['version']}.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(f"Metadata-Version: 2.1\nName: ptguide\nVersion: {project['version']}\n", encoding="utf-8")
        paths.append(str(folder))
    sys.path[:0] = paths
    # For what a page starts, too.
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
