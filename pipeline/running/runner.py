"""Run pages, each in a process of its own, side by side or alone; the build and the recorder (recorder.py) share it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pipeline.running import child, forks

ALONE = re.compile(r"^# sphinx_gallery_parallel = False$", re.MULTILINE)

T = TypeVar("T")


def one_by_one(pages: dict[str, Path], run: Callable[[str, int, bool], T], workers: int = 0) -> Iterator[tuple[str, T]]:
    """Run pages side by side, then those that want the machine for themselves; yield each with its result.

    Parameters
    ----------
    pages : dict of str to Path
        The script of each page; side by side they start in this order.
    run : callable
        Takes the page, how many threads it may compute with, and whether it is alone.
    workers : int
        How many run at a time; 0 for as many as there are processors.
    """
    processors = os.cpu_count() or 1
    workers = workers or processors
    alone = [name for name, source in pages.items() if ALONE.search(source.read_text(encoding="utf-8"))]
    beside = [name for name in pages if name not in alone]
    threads = max(1, processors // workers)
    with ThreadPoolExecutor(workers) as pool:
        yield from zip(beside, pool.map(lambda name: run(name, threads, False), beside), strict=True)
    for name in alone:
        yield name, run(name, processors, True)


def run(job: child.Job, times: int) -> dict[str, Any]:
    """Run a page, once or twice; return ``{"record": ...}`` or ``{"failure": ..., "line": ...}``.

    Parameters
    ----------
    job : Job
        What the first run makes stays in its staging folder.
    times : int
        With 2, the page has failed where the second run gives something else than the first.
    """
    answer = in_child(job)
    if "failure" in answer or times == 1:
        return answer
    with tempfile.TemporaryDirectory(dir=Path(job.staging).parent) as second:
        again = in_child(replace(job, staging=second))
    if "failure" in again:
        return {**again, "failure": f"passed once and failed when run again\n{again['failure']}"}
    return first_difference(answer["record"], again["record"]) or answer


def report(source: Path, answer: dict[str, Any]) -> str:
    """Return what is said of a page that failed: its file, its line and why."""
    line = f":{answer['line']}" if answer.get("line") else ""
    return f"{source}{line}: {answer['failure']}"


def measured_twice(records: Iterable[dict[str, Any]]) -> list[str]:
    """Return a sentence for each name under which two pages keep a measurement."""
    pages: dict[str, list[str]] = {}
    for record in records:
        for name in record["measurements"]:
            pages.setdefault(name, []).append(record["page"])
    return [
        f"{' and '.join(both)} both keep a measurement called {name!r}: rename one."
        for name, both in pages.items()
        if len(both) > 1
    ]


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


def in_child(job: child.Job) -> dict[str, Any]:
    """Run a page in a process of its own; return its answer, or why there is none."""
    # The child ends itself at the limit and says where it was; the margin is for one that cannot.
    return forks.ask(child.run, job, job.time_limit + 15) or _cause_of_death(job)


def _cause_of_death(job: child.Job) -> dict[str, Any]:
    """Return the failure of a page whose process ended without an answer, from what Python wrote as it ended."""
    report = Path(job.report_file).read_text(encoding="utf-8", errors="replace")
    lines = re.findall(rf'File "{re.escape(job.source)}", line (\d+)', report)
    if "Timeout (" in report:
        why = f"still running after {job.time_limit:g} s, the limit for a page (pages_time_limit in docs/conf.py)"
    else:
        why = f"its process died without a word\n{report[:2000]}".rstrip()
    return {"failure": why, "line": int(lines[0]) if lines else None}


def commit_of(folder: Path) -> str:
    """Return the commit that the sources are at, marked where they differ from it; empty outside a repository."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--match=", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:  # a machine without git
        return ""
