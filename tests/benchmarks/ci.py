"""What does continuous integration cost? Runs `.ci/run` itself, and measures each time that it calls nox."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
SAME_FOR_ANY_GALLERY = {"lint", "tests", "unit"}  # the other sessions run, build or look at each page
SECONDS_PER_PAGE = 4.0  # of processor time, for one page more
CORES = 2  # idle ones, for the minutes below
MINUTES = {103: 20.0, 250: 40.0}  # for so many pages; between and beside them on a straight line
OTHERS = 0.05  # of the machine's time: where others take more, minutes on the clock say nothing
CACHES = (".mypy_cache", ".ruff_cache")  # that a clean checkout has not
BECOME_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux: who loses its parent becomes our child
# Stands in for nox while `.ci/run` runs.
STAND_IN = '#!/bin/sh\nexec "{python}" "{here}" --measure "$@"\n'


def measure(command: list[str]) -> tuple[int, float, float]:
    """Run a command to its end; return its exit status, its seconds, and the processor time of all that it started.

    The system adds a process's time to that of its parent when the parent waits for it. What outlives its parent, as
    the server of the pages does, comes to this process, which waits for it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1, 0, 0, 0)
    before, started = _processor_time(), time.perf_counter()
    status = subprocess.run(command, check=False).returncode
    seconds = time.perf_counter() - started
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:  # it still runs
                time.sleep(0.05)
        except ChildProcessError:
            break
    return status, seconds, _processor_time() - before


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_nox(arguments: list[str]) -> int:
    """Do what nox would do if it is asked for, and write down what it costs; return the exit status."""
    settings = json.loads(os.environ["PTGUIDE_BENCH"])
    if settings["wanted"] and not set(settings["wanted"]) & set(arguments):
        return 0
    status, seconds, processor = measure([settings["nox"], *arguments])
    with open(settings["costs"], "a", encoding="utf-8") as costs:
        costs.write(json.dumps([" ".join(arguments), seconds, processor]) + "\n")
    return status


def run(wanted: list[str]) -> tuple[int, list[tuple[str, float, float]]]:
    """Run `.ci/run` with a nox that does the wanted sessions, or all; return its status and what each call cost."""
    with tempfile.TemporaryDirectory() as folder:
        stand_in, costs = Path(folder, "nox"), Path(folder, "costs")
        stand_in.write_text(STAND_IN.format(python=sys.executable, here=Path(__file__)), encoding="utf-8")
        stand_in.chmod(0o755)
        costs.touch()
        settings = {"nox": shutil.which("nox"), "wanted": wanted, "costs": str(costs)}
        path = os.pathsep.join([folder, os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "PTGUIDE_BENCH": json.dumps(settings)}
        status = subprocess.run(["bash", ".ci/run"], cwd=ROOT, env=environment, check=False).returncode
        return status, [tuple(json.loads(line)) for line in costs.read_text(encoding="utf-8").splitlines()]


def grows(call: str) -> bool:
    """Return whether a call of nox costs more for each page that is added."""
    return not SAME_FOR_ANY_GALLERY & set(call.partition(" -- ")[0].split())


def allowed(pages: int) -> float:
    """Return how many minutes so many pages may take."""
    (few, least), (many, most) = MINUTES.items()
    return least + (pages - few) / (many - few) * (most - least)


def share_of_others(before: Any, after: Any, ours: float) -> float:
    """Return the part of a machine's time that went into what we did not start.

    Parameters
    ----------
    before, after : namedtuple
        Of `psutil.cpu_times`.
    ours : float
        Seconds of processor time.
    """
    idle = [times.idle + getattr(times, "iowait", 0.0) for times in (before, after)]
    whole = [sum(times) - getattr(times, "guest", 0.0) for times in (before, after)]  # which user holds, too
    return max(0.0, (whole[1] - whole[0]) - (idle[1] - idle[0]) - ours) / max(whole[1] - whole[0], 1e-9)


def report(costs: list[tuple[str, float, float]], pages: int, others: float = 0.0) -> bool:
    """Print a line for each call of nox, then what they sum up to beside what it may be; return whether all may be.

    Two cores take half of the processor time at least. What the clock says counts too, unless others were at work.

    Parameters
    ----------
    costs : list of tuple
        Arguments of nox, seconds, seconds of processor time.
    pages : int
        How many there are today.
    others : float
        What `share_of_others` returns.
    """
    whole = [sum(column) for column in list(zip(*costs, strict=True))[1:]]
    print(f"{'nox':<46}{'seconds':>9}{'CPU s':>9}{'a page':>9}")
    for call, seconds, processor in [*costs, ("all", *whole)]:
        print(f"{call[-45:]:<46}{seconds:>9.0f}{processor:>9.0f}{processor / pages:>9.2f}")
    growing = [sum(column) for column in zip(*(cost[1:] for cost in costs if grows(cost[0])), strict=True)] or [
        0.0,
        0.0,
    ]
    rows = [("CPU s for one page more", growing[1] / pages, SECONDS_PER_PAGE)]
    for what, column, cores in ((f"CPU minutes / {CORES}", 1, CORES), ("minutes", 0, 1)):
        if column or others <= OTHERS:
            more = growing[column] / pages * (250 - pages)
            rows.append((f"{what} for today's {pages} pages", whole[column] / cores / 60, allowed(pages)))
            rows.append((f"{what} for 250 pages, reckoned", (whole[column] + more) / cores / 60, allowed(250)))
    if others > OTHERS:
        print(f"\nOthers took {others:.0%} of the machine's time, so that minutes on the clock are not judged.")
    print(f"\n{'what':<46}{'is':>9}{'may be':>9}")
    for what, value, most in rows:
        print(f"{what:<46}{value:>9.1f}{most:>9.1f}")
    return all(value <= most for _, value, most in rows)


def main() -> int:
    """Print what each call of nox costs; return 1 if one fails, or if all of them cost more than they may."""
    if sys.argv[1:2] == ["--measure"]:
        return measure_nox(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="nox -s bench -- ci", description=__doc__)
    parser.add_argument("session", nargs="*", help="only the calls that run these sessions, for example: site")
    wanted = parser.parse_args().session
    if not wanted or "docs" in wanted:  # as on a clean checkout, where no page has run
        subprocess.run(["nox", "-s", "clean"], cwd=ROOT, check=True)
    if not wanted:
        for name in CACHES:
            shutil.rmtree(ROOT / name, ignore_errors=True)
    before = psutil.cpu_times()
    status, costs = run(wanted)
    if not costs:
        parser.error(f".ci/run calls nox for none of {wanted}")
    others = share_of_others(before, psutil.cpu_times(), sum(processor for *_, processor in costs))
    fits = report(costs, len(list((ROOT / "gallery").glob("*/*.py"))), others)
    if wanted:
        print("A part of .ci/run is not judged.")
    elif not any("--force-python" in call for call, *_ in costs):
        print("No newer Python is at hand, so that this is not all that .ci/run does where there is one.")
        fits = False
    return status or int(not wanted and not fits)


if __name__ == "__main__":
    sys.exit(main())
