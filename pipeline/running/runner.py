"""Run pages, each in a process of its own, side by side or alone; the build and the recorder (recorder.py) do it so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.gallery import adapter, published, sources
from pipeline.outputs import varying
from pipeline.outputs.kept import output_of
from pipeline.running import child, forks, values
from pipeline.running.job import Job
from pipeline.stale.keys import Keys

TWO_OUTPUTS = (
    "run twice, this cell gave two outputs, the second in the script that readers download, with another seed of hash; "
    "seed it, sort what comes of a set, or begin it with '# Measured' if it measures.\n--- first\n{}\n--- second\n{}"
)
MARGIN = 300  # seconds; on a busy machine a process needs some of them before its page begins


class Runner:
    """Runs pages, each in a process of its own, side by side or alone; the build and the recorder share it.

    Parameters
    ----------
    known : Keys
        Of the pages, and of what other devices gave.
    gallery_conf : dict
        sphinx-gallery's settings.
    folder : Path
        Where the runs may write; nothing stays there.
    keep : callable, optional
        Takes a page, its record and the folder of what was made of it, before that is deleted.
    """

    def __init__(
        self,
        known: Keys,
        gallery_conf: dict[str, Any],
        folder: Path,
        keep: Callable[[str, dict[str, Any], Path], None] = lambda *_: None,
    ) -> None:
        self.known, self.pages = known, known.pages
        self.gallery_conf, self.folder, self.keep = gallery_conf, folder, keep

    def run(self, times: dict[str, int]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Run pages side by side, in this order, then those that want the machine for themselves.

        Parameters
        ----------
        times : dict of str to int
            How often each page runs. The second time it is the script that readers download: the page has failed where
            that gives something else.

        Yields
        ------
        page : str
        answer : dict
            ``{"record": ...}`` or ``{"failure": ..., "line": ...}``.
        """
        yield from self._run_all(times, 2 in times.values(), lambda name, *how: self._run_once(name, times[name], *how))

    def run_downloads(self, records: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Run the scripts that readers download of pages that have run, as `run` does.

        Parameters
        ----------
        records : dict of str to dict
            Of each page its last run, whose values stand in the texts of the script.

        Yields
        ------
        page : str
        answer : dict
            ``{"record": ...}`` with what the cells gave, the device and the processor; or a failure.
        """

        def run(name: str, threads: int, alone: bool) -> dict[str, Any]:
            answer = self._run_download(self._job(name, "", threads, alone), records[name], apart=False)
            if "record" in answer:
                answer["record"] |= {"device": records[name]["device"], "processor": varying.processor()}
                for cell, own in zip(answer["record"]["cells"], records[name]["cells"], strict=True):
                    cell["line"] = own["line"]  # of the page: the script has a header
            return answer

        yield from self._run_all(records, True, run)

    def _run_all(
        self, names: Iterable[str], downloads: bool, run: Callable[[str, int, bool], dict[str, Any]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Call a function with each page, the number of its threads and whether it runs alone."""
        names = list(names)
        shutil.rmtree(self.folder, ignore_errors=True)  # of a build that was killed
        if not names:
            return
        self.folder.mkdir(parents=True)
        self.commit = commit_of(self.pages.gallery)  # as it is when the first page runs
        if downloads:
            wheel = published.build_wheel(self.pages.root, self.folder.parent / "wheels")
            self.wheel = published.unpacked(wheel)
            self.wheel_address = published.address_of(wheel, self.pages.settings.get("html_baseurl", ""))
        self.measurements.write_text(self.known.recorded.measurements, encoding="utf-8")
        processors = os.cpu_count() or 1
        workers = self.pages.settings["pages_workers"] or processors
        alone = [name for name in names if adapter.runs_alone(self.pages.source(name))]
        beside = [name for name in names if name not in alone]
        threads = max(1, processors // workers)

        def answer(name: str, threads: int = threads, alone: bool = False) -> dict[str, Any]:
            return forks.unless_gloo_crashed(lambda: run(name, threads, alone))

        with ThreadPoolExecutor(workers) as pool:
            yield from zip(beside, pool.map(answer, beside), strict=True)
        for name in alone:
            yield name, answer(name, processors, True)

    @property
    def measurements(self) -> Path:
        """The file of what other devices measured."""
        return self.folder / "measurements.json"

    def _run_once(self, name: str, times: int, threads: int, alone: bool) -> dict[str, Any]:
        key = self.known.key(name)  # of the source as it is now: an edit during the run makes the page stale again
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            job = self._job(name, folder, threads, alone)
            answer = in_child(job)
            if "record" in answer and times == 2:
                answer = self._run_again(job, answer)
            if "record" in answer:
                made = Path(folder, job.gallery_dir)
                answer["record"] |= {"key": key, "runs": times, "script": times == 2, "commit": self.commit}
                answer["record"] |= {"made": dict(sources.digests_below(made)), "processor": varying.processor()}
                self.keep(name, answer["record"], made)
        return answer

    def _run_again(self, job: Job, first: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of the first run, unless the script that readers download gives another."""
        again = self._run_download(job, first["record"], apart=True)
        if "failure" in again:
            return {**again, "failure": f"passed once and failed when run again, as its download\n{again['failure']}"}
        return first_difference(first["record"], again["record"]) or first

    def _run_download(self, job: Job, record: dict[str, Any], apart: bool) -> dict[str, Any]:
        """Run the script that readers download of a page, with the values of a run of the page in its texts."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            text = values.filled(Path(job.source).read_text(encoding="utf-8"), values.of_record(record))
            header = published.header_of(text, self.wheel_address)
            download = replace(job, staging=folder, header=header, text=text, wheel=str(self.wheel))
            return in_child(download, apart=apart)

    def _job(self, name: str, folder: str, threads: int, alone: bool) -> Job:
        return Job(
            page=name,
            source=str(self.pages.source(name)),
            root=str(self.pages.root),
            package=self.pages.package.name,
            staging=folder,
            gallery_dir=self.gallery_conf["gallery_dirs"],
            gallery_conf=self.gallery_conf,
            ignored_warnings=tuple(self.pages.settings["pages_ignored_warnings"]),
            time_limit=self.pages.settings["pages_time_limit"],
            threads=threads,
            alone=alone,
            measurements=str(self.measurements),
        )


def report(source: Path, answer: dict[str, Any]) -> str:
    """Return what is said of a page that failed: its file, its line and why."""
    line = f":{answer['line']}" if answer.get("line") else ""
    return f"{source}{line}: {answer['failure']}"


def measured_twice(records: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return a page, and what to change in it, for each name under which two pages keep a measurement."""
    pages: dict[str, list[str]] = {}
    for record in records:
        for name in record.get("measurements", ()):
            pages.setdefault(name, []).append(record["page"])
    return [
        (both[-1], f"{' and '.join(both)} both keep a measurement called {name!r}: rename one.")
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
        # Of the download no values are computed: they stand in its texts.
        given = [output_of({**cell, "values": ()}) for cell in (first, second)]
        if given[0] != given[1]:
            return {"line": first["line"], "failure": TWO_OUTPUTS.format(*given)}
    return None


def in_child(job: Job, *, apart: bool = False) -> dict[str, Any]:
    """Run a page in a process of its own (``apart``: as `forks.ask` says); return its answer, or why there is none."""
    # The child ends itself at the limit and says where it was; the margin is for one that cannot, and for its start.
    answer = forks.ask(child.run, job, job.time_limit + MARGIN, apart=apart) or _cause_of_death(job)
    return answer if "record" in answer or answer.get("line") else answer | {"line": _last_cell(job)}


def _cause_of_death(job: Job) -> dict[str, Any]:
    """Return the failure of a page whose process ended without an answer, from what Python wrote as it ended."""
    report = _read(Path(job.report_file))
    lines = re.findall(rf'File "{re.escape(str(job.file))}", line (\d+)', report)
    if "Timeout (" in report:
        why = f"still running after {job.time_limit:g} s, the limit for a page (pages_time_limit in docs/conf.py)"
    else:
        why = f"its process died without a word\n{_read(job.printed_file)[-2000:]}\n{report[:2000]}".rstrip()
    if not lines:
        why = f"{why}\nIt ended in the cell that begins on this line, the last that was begun."
    return {"failure": why, "line": job.line(int(lines[0])) if lines else None}


def _last_cell(job: Job) -> int | None:
    """Return the line on which the cell begins that was begun last, if one was."""
    place = _read(job.place_file).strip()
    return job.line(int(place)) if place else None


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def commit_of(folder: Path) -> str:
    """Return the commit that the sources are at, marked where they differ from it; empty outside a repository."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--match=", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:  # a machine without git
        return ""
