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
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sphinx_gallery import gen_gallery

from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import kept as outputs
from pipeline.outputs import recordings
from pipeline.outputs.recordings import Recorded
from pipeline.running import child, forks, runner


def pages_of(docs: Path) -> Pages:
    """Return the pages of a documentation folder, read without Sphinx."""
    defaults = {name: default for name, (default, _) in gallery_pages.SETTINGS.items()}
    return Pages(docs, defaults | runpy.run_path(str(docs / "conf.py")))


def chosen(pages: Pages, words: Iterable[str]) -> list[str]:
    """Return the pages that are meant by names of pages and chapters; all where there are none.

    Raises
    ------
    ValueError
        If a word is neither a page nor a chapter.
    """
    words = list(words)
    meant = {word: [name for name in pages.names() if word in (name, name.partition("/")[0])] for word in words}
    if unknown := [word for word, found in meant.items() if not found]:
        raise ValueError(f"there is no page or chapter {', '.join(unknown)}; see gallery_order in docs/conf.py")
    return [name for name in pages.names() if not words or any(name in found for found in meant.values())]


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
        names = chosen(recorded.pages, options.pages)
    except ValueError as error:
        parser.error(str(error))
    if options.list or options.check:
        return 1 if list_all(recorded, names) and options.check else 0
    return 1 if record(recorded, names, 1 if options.once else 2) else 0


def list_all(recorded: Recorded, names: list[str]) -> int:
    """Print a line for each page and device; return how many recordings are not fresh, or at least 1 without any."""
    kept = recorded.kept
    counts = dict.fromkeys(["fresh", "stale", "missing", "gone", "refused"], 0)
    for device in kept.devices:
        print(device)
        of_device = [one.page for one in kept if one.device == device]
        for name in [*names, *sorted(set(of_device) - set(recorded.pages.names()))]:
            status, remark = _status(recorded, name, kept.at(name, device))
            counts[status] += 1
            print(f"  {status:<8} {name:<40} {remark}".rstrip())
    for problem in kept.problems:
        counts["refused"] += 1
        print(f"  refused  {problem}")
    if not kept.devices:
        print("No accelerator is recorded. On a machine with one: nox -s record")
    print(", ".join(f"{count} {status}" for status, count in counts.items() if count or status == "fresh"))
    return sum(counts.values()) - counts["fresh"] + (not kept.devices)


def _status(recorded: Recorded, name: str, recording: recordings.Recording | None) -> tuple[str, str]:
    """Return what a recording is worth now, and what else is to be said of it."""
    if recording is None:
        return "missing", ""
    if name not in recorded.pages.names():
        return "gone", "its page is gone: delete the file"
    now = recorded.digests(name)
    if now.is_stale(recording):
        return "stale", f"{recording.date[:10]}; the page's code has changed since"
    others = "; a helper that it imports has changed since" if now.has_other_helpers(recording) else ""
    return "fresh", f"{recording.date[:10]}{others}"


def record(recorded: Recorded, names: list[str], times: int) -> int:
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
        _make_importable(recorded.pages.package, Path(folder, "metadata"))
        forks.start_server([*recorded.pages.settings["pages_preload"], "pipeline.recorder"])
        device = forks.ask(prove, None, 120) or {"failure": "the process that looked for it died"}
        if "failure" in device:
            print(f"There is no device to record on: {device['failure']}")
            return len(names)
        print(f"{len(names)} pages on {device['name']}", flush=True)
        failures, made = [], []
        for name, answer in _run(recorded, names, times, Path(folder)):
            status, words = _keep(recorded, name, answer, device["name"])
            print(f"{status:<9} {name}", flush=True)
            made += [answer["record"]] if "record" in answer else []
            failures += [words] if words else []
    failures += runner.measured_twice(made)
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


def _run(recorded: Recorded, names: list[str], times: int, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run pages as the build does; yield each with its answer."""
    conf = gen_gallery._fill_gallery_conf_defaults(
        recorded.pages.settings["sphinx_gallery_conf"]
    )  # as at config-inited
    gen_gallery._update_gallery_conf_builder_inited(conf, folder)
    measurements = folder / "measurements.json"
    measurements.write_text(recorded.measurements, encoding="utf-8")
    commit = runner.commit_of(recorded.pages.gallery)

    def run(name: str, threads: int, alone: bool) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=folder) as staging:
            job = child.Job(
                page=name,
                source=str(recorded.pages.source(name)),
                staging=staging,
                gallery_dir=conf["gallery_dirs"],
                gallery_conf=conf,
                ignored_warnings=tuple(recorded.pages.settings["pages_ignored_warnings"]),
                time_limit=recorded.pages.settings["pages_time_limit"],
                threads=threads,
                alone=alone,
                measurements=str(measurements),
            )
            answer = runner.run(job, times)
        if "record" in answer:
            answer["record"]["commit"] = commit
        return answer

    return runner.one_by_one(
        {name: recorded.pages.source(name) for name in names}, run, recorded.pages.settings["pages_workers"]
    )


def _keep(recorded: Recorded, name: str, answer: dict[str, Any], device: str) -> tuple[str, str]:
    """Keep what a page gave; return in a word what became of it and, if it failed, why."""
    source = recorded.pages.source(name)
    if "failure" in answer:
        return "FAILED", runner.report(source, answer)
    made = answer["record"]
    if made["device"] != device:
        return "FAILED", f"{source}: it ran on {made['device']}, not on {device}: it must import torch"
    if not recordings.is_cpu(device):
        helpers = recorded.digests(name).helpers
        return ("recorded" if outputs.keep(recorded.pages.outputs, made, helpers) else "unchanged"), ""
    kept = recorded.pages.outputs / "cpu" / f"{name}.txt"
    if not kept.is_file():
        return "FAILED", f"{source}: nothing is kept of it; nox -s docs -- --update-outputs keeps it"
    found = outputs.differences(kept.read_text(encoding="utf-8"), made)
    return ("differs" if found else "equal"), "\n".join(f"{source}:{line}: {what}" for line, what in found)


def _make_importable(package: Path, folder: Path) -> None:
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
