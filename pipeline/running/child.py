"""Run one page in a process of its own; this is the child's side.

The process is forked from a server that has torch imported and has run nothing, so a page sees no other page's
dtype, seed, threads, hooks or figures. All that it writes goes into a staging folder: the parent moves it into place.
A page runs first from its source, with its claims watched; a second time as the script that readers download.
"""

from __future__ import annotations

import ast
import contextlib
import datetime
import faulthandler
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.gallery import adapter
from pipeline.gallery.cards import replace_thumbnail
from pipeline.running import isolation, pictures, script, values
from pipeline.running.claims import NAME, UNCHECKED, Claims
from pipeline.running.job import Job
from pipeline.running.opened import Opened
from pipeline.running.printed import Printed
from pipeline.running.written import Written


def run(job: Job, answer: Connection) -> None:
    """Run a page and send back ``{"record": ...}`` or ``{"failure": ..., "line": ...}``."""
    os.setsid()  # whatever the page starts is ended with it
    with open(job.report_file, "w", encoding="utf-8") as report:
        faulthandler.enable(report)
        try:
            answer.send({"record": _run_download(job) if job.header else _run_page(job)})
        except BrokenPipeError:
            pass  # the build is gone, and with it whoever wanted to know
        except BaseException as error:  # SystemExit too: a page that exits has not run to its end
            answer.send({"failure": _describe(error, job), "line": _line(error, job)})


def _run_page(job: Job) -> dict[str, Any]:
    """Run a page with its claims watched, and write what is shown of it; return its record."""
    isolation.isolate(job)
    claims = Claims(job.claims_file)
    source = job.file
    folder = Path(job.staging, job.gallery_dir, source.parent.name)
    (folder / "images").mkdir(parents=True)
    conf = {**job.gallery_conf, "src_dir": job.staging}
    places = adapter.places_of_pictures(folder, source.stem)
    given: list[str] = []
    saved = [""]
    variants: dict[Path, Any] = {}  # for the file of a picture with a choice: the first variant

    def save(value: Any) -> tuple[list[str], list[str]]:
        """Save the pictures of a cell; a figure is shown here, a picture of our own by the value's HTML."""
        words, drawn = pictures.told(pictures.open_figures())
        saved[0] = adapter.save_figures(places, conf) if words else ""
        if picture := pictures.picture_of(value):
            file = Path(next(places)).with_suffix(".svg")
            picture.save(file)
            if choice := getattr(picture, "pictures", ()):
                variants[file] = choice[0]
            words.append(picture.description)
        return words, drawn

    def give(text: str, html: str) -> None:
        given.append(adapter.shown(saved[0], text, html))

    opened = Opened(Path(job.root), [Path(job.measurements).parent, Path(job.source)])
    written = Written(job)
    cells, names = _execute(job, save, give, claims)
    opened.stop()
    values.refuse_wrong(cells)
    written.refuse()
    facts = _environment()
    counts = claims.settle(on_cpu=facts["device"].startswith("CPU"))
    cells = [{**cell, "claims": counts.get(number, [])} for number, cell in enumerate(cells, 1)]
    adapter.write_page(source, folder, conf, given, names)
    if (first := adapter.picture(folder, source.stem, 1, ".svg")) in variants:  # all of them are too small on a card
        variants[first].save(adapter.thumbnail(folder, source.stem).with_suffix(".svg"))
    if not any(cell["pictures"] for cell in cells):
        replace_thumbnail(folder, source.stem, cells)
    return _record(job, cells) | facts | {"opened": opened.digests}


def _run_download(job: Job) -> dict[str, Any]:
    """Run the script that readers download as they do, with the wheel of the site; return what its cells give."""
    isolation.isolate(job)
    isolation.leave_the_project(job)
    text = job.text
    job.file.write_text(job.header + text, encoding="utf-8")
    if "matplotlib.pyplot" in text:
        importlib.import_module("matplotlib.pyplot")  # loaded before the page calls its `show`
    windows = pictures.Windows()

    def see(value: Any) -> tuple[list[str], list[str]]:
        """Return the pictures of a cell in words, and what its figures hold."""
        (words, drawn), picture = windows.take(), pictures.picture_of(value)
        return [*words, *([picture.description] if picture else [])], drawn

    cells, _ = _execute(job, see)
    helper = sys.modules.get(job.package)
    if helper and not Path(str(helper.__file__)).is_relative_to(job.wheel):
        raise RuntimeError(f"{job.package} was imported from {helper.__file__}, not from the wheel in {job.wheel}")
    return {"cells": cells}


def _execute(
    job: Job,
    see: Callable[[Any], tuple[list[str], list[str]]],
    give: Callable[[str, str], None] = lambda *_: None,
    claims: Claims | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Execute the script of a job in an empty folder; return what its cells gave, and its names."""
    text = job.file.read_text(encoding="utf-8")
    ast.parse(text, str(job.file))  # a syntax error is raised here, with its line
    parts = adapter.blocks(job.file)
    blocks, named = [part for part in parts if part.type == "code"], values.of_page(text, parts)
    code = script.compiled(text, str(job.file), blocks, claims)
    sys.path.insert(0, str(job.work))
    place = os.open(job.place_file, os.O_CREAT | os.O_WRONLY)

    def begin(line: int) -> None:
        os.pwrite(place, b"%-9d" % line, 0)

    def compute(cell: int) -> list[dict[str, Any]]:
        return [value.found(main.__dict__) for value in named.get(cell, ())]

    observer = script.Observer(blocks, Printed(job.printed_file), see, give, begin, compute)
    main = script.main_module(job.file, {script.NAME: observer, NAME: claims})
    with open(job.report_file, "a", encoding="utf-8") as report:
        # From here on: on a busy machine, to come so far may take as long as a page.
        faulthandler.dump_traceback_later(job.time_limit, exit=True, file=report)
        try:
            exec(code, main.__dict__)
        except BaseException as error:
            error.cell_line = observer.line  # where no frame of the page is left
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
    return observer.cells, main.__dict__


def _record(job: Job, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a run gave."""
    measured = _measured(job)
    if measured and not job.alone:
        raise RuntimeError(f"the page keeps measurements, so it must run alone: give it the line '{adapter.ALONE}'")
    return {
        "page": job.page,
        "cells": cells,
        "claims": sum(count != UNCHECKED for cell in cells for count in cell["claims"]),
        "unchecked": sum(count == UNCHECKED for cell in cells for count in cell["claims"]),
        "measurements": measured,
        "used": _used_accelerator(),
        "seconds": sum(cell["seconds"] for cell in cells),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


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


def _line(error: BaseException, job: Job) -> int | None:
    """Return the line of the page that an error comes from."""
    if isinstance(error, SyntaxError) and error.filename == str(job.file):
        return job.line(error.lineno)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(job.file)]
    return job.line(lines[-1] if lines else getattr(error, "cell_line", None))


def _describe(error: BaseException, job: Job) -> str:
    """Return the error with the frames from the page on, and the page's line where it began."""
    if isinstance(error, values.WrongValueError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    first = next((place for place, frame in enumerate(frames) if frame.filename == str(job.file)), len(frames))
    shown = [frame for frame in frames[first:] if not Path(frame.filename).is_relative_to(Path(__file__).parents[1])]
    for frame in shown:
        if frame.filename == str(job.file):
            frame.filename, frame.lineno = job.source, job.line(frame.lineno)
    text = "".join([*traceback.format_list(shown), *traceback.format_exception_only(error)]).rstrip()
    return text.replace(str(job.file), job.source)


def as_json(record: dict[str, Any]) -> str:
    """Return a record as the text that is kept on disk."""
    return json.dumps(record, indent=1, ensure_ascii=False)
