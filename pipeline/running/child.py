"""Run one page in a process of its own; this is the child's side.

The process is forked from a server that has torch imported and has run nothing, so a page sees no other page's
dtype, seed, threads, hooks or figures. All that it writes goes into a staging folder: the parent moves it into place.
"""

from __future__ import annotations

import contextlib
import datetime
import faulthandler
import gc
import itertools
import json
import logging
import multiprocessing
import os
import random
import re
import sys
import time
import traceback
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sphinx_gallery import gen_rst

from pipeline.gallery.cards import replace_thumbnail
from pipeline.running.claims import NAME, Claims, Compiler

# A cell that begins so prints what it measured, which differs from run to run.
MEASURED = re.compile(r"\A\s*# Measured\b")
OUTPUT = ".. rst-class:: sphx-glr-script-out\n\n .. code-block:: none\n\n"  # then the text, indented by four spaces


@dataclass(frozen=True)
class Job:
    """One run of one page.

    Attributes
    ----------
    page : str
        Chapter and name, for example ``shapes/stack``.
    source : str
        The script.
    staging : str
        The folder to write to; it stands for the documentation's source folder.
    gallery_dir : str
        The folder below it in which sphinx-gallery keeps the chapters.
    gallery_conf : dict
        sphinx-gallery's settings.
    ignored_warnings : tuple of str
        Python warning filters (in the form of ``python -W``) for warnings that no page can help.
    time_limit : float
        Seconds after which the run is ended.
    threads : int
        The number of threads that the page may compute with.
    alone : bool
        Whether no other page runs at the same time, so that times can be measured.
    measurements : str
        The file of what other devices measured.
    """

    page: str
    source: str
    staging: str
    gallery_dir: str
    gallery_conf: dict[str, Any]
    ignored_warnings: tuple[str, ...]
    time_limit: float
    threads: int
    alone: bool
    measurements: str

    @property
    def report_file(self) -> str:
        """Where Python writes the position of a page that hangs or crashes."""
        return str(Path(self.staging, "position.txt"))

    @property
    def measured_file(self) -> Path:
        """Where `ptguide.measurements.record` puts what the page measures."""
        return Path(self.staging, "measured.json")


def run(job: Job, answer: Connection) -> None:
    """Run a page and send back ``{"record": ...}`` or ``{"failure": ..., "line": ...}``."""
    os.setsid()  # whatever the page starts is ended with it
    with open(job.report_file, "w", encoding="utf-8") as report:
        faulthandler.enable(report)
        faulthandler.dump_traceback_later(job.time_limit, exit=True, file=report)
        try:
            answer.send({"record": _execute(job)})
        except BrokenPipeError:
            pass  # the build is gone, and with it whoever wanted to know
        except BaseException as error:  # SystemExit too: a page that exits has not run to its end
            answer.send({"failure": _describe(error, job.source), "line": _line(error, job.source)})
        finally:
            faulthandler.cancel_dump_traceback_later()


def _execute(job: Job) -> dict[str, Any]:
    _isolate(job)
    claims, cells, warned = Claims(), [], []
    execute_code_block = gen_rst.execute_code_block

    def watched(
        compiler: Any, block: Any, example_globals: dict, script_vars: dict, conf: dict, file_conf: dict
    ) -> str:
        """Stand in for sphinx-gallery's function of this name: run a cell with its claims watched."""
        if block.type != "code":
            return execute_code_block(compiler, block, example_globals, script_vars, conf, file_conf)
        first_line = block.lineno + len(block.content) - len(block.content.lstrip("\n"))
        example_globals[NAME] = claims
        example_globals.pop("___", None)  # the value that the last cell showed
        script_vars["pictures"] = []
        started = time.perf_counter()
        try:
            rst = execute_code_block(Compiler(), block, example_globals, script_vars, conf, file_conf)
        except BaseException as error:
            error.cell_line = first_line  # where no frame of the page is left
            raise
        seconds = time.perf_counter() - started
        cells.append(
            {
                "line": first_line,
                "code": block.content.strip(),
                "measured": bool(MEASURED.match(block.content)),
                "text": _printed(rst),
                "pictures": script_vars["pictures"],
                "html": "output_html" in rst,
                "seconds": seconds,
            }
        )
        return rst

    # Only this process, which runs this page and ends, sees the change.
    gen_rst.execute_code_block = watched
    collector = _Collector(warned)
    logging.getLogger("sphinx").addHandler(collector)
    source = Path(job.source)
    target = Path(job.staging, job.gallery_dir, source.parent.name)
    target.mkdir(parents=True, exist_ok=True)
    conf = {**job.gallery_conf, "src_dir": job.staging, "abort_on_example_error": True}
    compile(source.read_text(encoding="utf-8"), job.source, "exec")  # a syntax error is raised here, with its line
    gen_rst.generate_file_rst(source.name, target, source.parent, conf)
    if warned:
        raise RuntimeError(f"sphinx-gallery warns: {'; '.join(warned)}")
    if not claims.held:
        raise AssertionError("the page makes no claim: back what it says by an assert")
    if not any(cell["pictures"] for cell in cells):
        replace_thumbnail(target, source.stem, cells)
    measured = _measured(job)
    if measured and not job.alone:
        raise RuntimeError(
            "the page keeps measurements, so it must run alone: give it the line '# sphinx_gallery_parallel = False'"
        )
    return {
        "page": job.page,
        "cells": cells,
        "checks": claims.held,
        "measurements": measured,
        "used": _used_accelerator(),
        "seconds": sum(cell["seconds"] for cell in cells),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **_environment(),
    }


def _isolate(job: Job) -> None:
    """Give the page random numbers of its own, few threads and no tolerance for warnings."""
    gc.freeze()  # what the server imported stays; collecting it anew cost each page 0.2 s and copied its memory
    # A page starts processes as its script does. The server's own way would import torch and the page in each of them.
    multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()
        sys.modules["torch"].set_num_threads(job.threads)
    os.environ.update(
        {name: str(job.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    )
    os.environ["MPLBACKEND"] = "agg"
    os.environ["PTGUIDE_RECORDED"] = job.measurements
    os.environ["PTGUIDE_RECORD"] = str(job.measured_file)
    warnings.resetwarnings()
    warnings.simplefilter("error")
    for rule in job.ignored_warnings:
        warnings._setoption(rule)  # what python -W calls


def _printed(rst: str) -> str:
    """Return the text that a cell printed, from the reStructuredText that sphinx-gallery made of it."""
    _, _, text = rst.partition(OUTPUT)
    lines = itertools.takewhile(lambda line: not line.strip() or line.startswith("    "), text.splitlines())
    return "\n".join(line[4:].rstrip() for line in lines).strip("\n")


def _measured(job: Job) -> dict[str, Any]:
    """Return the numbers that the page kept, under their names."""
    file = job.measured_file
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _used_accelerator() -> bool:
    """Return whether the page took memory of an accelerator; a page that took none computed nothing there."""
    accelerator = getattr(sys.modules.get("torch"), "accelerator", None)
    if accelerator is None or not accelerator.is_available():
        return False
    # Asking takes no memory: where nothing ever was taken, there are no counts.
    counts = (accelerator.memory_stats(index) for index in range(accelerator.device_count()))
    return any(count for stats in counts for name, count in stats.items() if name.startswith("alloc"))


def _environment() -> dict[str, Any]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    versions = {"Python": platform.python_version()}
    for name in ("torch", "torchvision"):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    device = f"CPU ({platform.machine()})"
    if "torch" in sys.modules:
        from ptguide.devices import device_name

        device = device_name()
        if not device.startswith("CPU"):
            versions |= _versions_of_accelerator(sys.modules["torch"])
    return {"versions": versions, "device": device}


def _versions_of_accelerator(torch: Any) -> dict[str, str]:
    """Return the versions besides torch's that outputs on an accelerator depend on."""
    from importlib.metadata import version

    found = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip, "ptguide": version("ptguide")}
    return {name: number for name, number in found.items() if number}


class _Collector(logging.Handler):
    """Keeps what sphinx-gallery warns of in this process; it fails the page."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.found.append(record.getMessage())


def _line(error: BaseException, source: str) -> int | None:
    """Return the line of the page that an error comes from."""
    if isinstance(error, SyntaxError) and error.filename == source:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
    return lines[-1] if lines else getattr(error, "cell_line", None)


def _describe(error: BaseException, source: str) -> str:
    """Return the error with the frames from the page on, and the page's line where it began."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((place for place, frame in enumerate(frames) if frame.filename == source), len(frames))
    shown = [frame for frame in frames[first:] if not frame.filename.startswith(str(Path(gen_rst.__file__).parent))]
    return "".join([*traceback.format_list(shown), *traceback.format_exception_only(error)]).rstrip()


def as_json(record: dict[str, Any]) -> str:
    """Return a record as the text that is kept on disk."""
    return json.dumps(record, indent=1, ensure_ascii=False)
