"""What the pages print is kept in the repository: a change of it is a difference that a person reviews.

On a CPU one text file for each page, in ``docs/outputs/cpu``; what accelerators gave is in recordings.py. A build
compares with what is kept of its own device. Numbers with a point are equal within a relative 1e-3 or one unit of the
last digit shown; addresses, durations and dates are masked; the rest is compared letter by letter.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import recordings
from pipeline.outputs.recordings import Recorded

logger = logging.getLogger(__name__)

RELATIVE = 1e-3
MASKS = (
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<address>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:e[+-]?\d+)? ?(?:ns|us|µs|ms|s|sec|seconds|min|minutes)\b"), "<time>"),
)
DECIMAL = re.compile(r"[-+]?(?:\d+\.\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+)", re.IGNORECASE)
HEADER = "Outputs of {page} on {device}, cell by cell. Made by: nox -s docs -- --update-outputs\n"
CELL = re.compile(r"^\[cell (\d+)\]$", re.MULTILINE)


def cell_output(cell: dict[str, Any]) -> str:
    """Return what one cell of a record gave, as it is kept."""
    return "(measured: differs from run to run)" if cell["measured"] else recordings.output_of(cell)


def render(record: dict[str, Any], device: str) -> str:
    """Return the text that is kept of a record: a block for each cell that gave something."""
    parts = [HEADER.format(page=record["page"], device=device)]
    for number, cell in enumerate(record["cells"], 1):
        if output := cell_output(cell):
            indented = "\n".join(f"    {line}".rstrip() for line in output.splitlines())
            parts.append(f"[cell {number}]\n{indented}\n")
    return "\n".join(parts)


def parse(text: str) -> dict[int, str]:
    """Return the output of each cell from a kept text (the inverse of `render`)."""
    found = CELL.split(text)[1:]
    return {
        int(number): "\n".join(line[4:] for line in body.strip("\n").splitlines())
        for number, body in zip(found[::2], found[1::2], strict=True)
    }


def same(expected: str, got: str) -> bool:
    """Return whether two outputs are equal within the stated tolerance.

    Examples
    --------
    >>> same("loss 0.1234 after 3.1 s", "loss 0.1235 after 2.9 s")
    True
    >>> same("4 elements", "5 elements")
    False
    """
    for pattern, name in MASKS:
        expected, got = pattern.sub(name, expected), pattern.sub(name, got)
    # Aligned columns move by a digit; the words and numbers between the spaces count.
    if [part.split() for part in DECIMAL.split(expected)] != [part.split() for part in DECIMAL.split(got)]:
        return False
    return all(map(_close, DECIMAL.findall(expected), DECIMAL.findall(got)))


def _close(expected: str, got: str) -> bool:
    digits = re.sub(r"e.*", "", expected.lower()).partition(".")[2]
    power = int(expected.lower().partition("e")[2] or 0)
    last_digit = 10.0 ** (power - len(digits))
    return math.isclose(float(expected), float(got), rel_tol=RELATIVE, abs_tol=1.01 * last_digit)


def differences(kept: str, record: dict[str, Any]) -> list[tuple[int, str]]:
    """Return line and description of each cell whose output is not the kept one.

    Parameters
    ----------
    kept : str
        As `render` made it.
    record : dict
        Of the present run.
    """
    expected = parse(kept)
    found = []
    for number, cell in enumerate(record["cells"], 1):
        before, now = expected.pop(number, ""), cell_output(cell)
        if not same(before, now):
            found.append((cell["line"], f"the output changed.\n--- kept\n{before}\n--- now\n{now}"))
    if expected:
        found.append((record["cells"][-1]["line"], f"cells {sorted(expected)} are kept and no longer there"))
    return found


def differences_from_recording(kept: recordings.Recording, record: dict[str, Any]) -> list[tuple[int, str]]:
    """Return line and description of each cell that gives something else than it did when it was recorded.

    Parameters
    ----------
    kept : Recording
        Of the same code, so that the cells correspond.
    record : dict
        Of the present run. What is measured differs from run to run and is not compared.
    """
    return [
        (cell["line"], f"the output changed.\n--- recorded\n{before['output']}\n--- now\n{recordings.output_of(cell)}")
        for before, cell in zip(kept.cells, record["cells"], strict=True)
        if not cell["measured"] and not same(before["output"], recordings.output_of(cell))
    ]


def keep(root: Path, record: dict[str, Any], helpers: str) -> bool:
    """Write what a run gave, unless what is kept of its device is equal; return whether it was written.

    Parameters
    ----------
    root : Path
        The folder of the outputs.
    record : dict
        Of the run: it names the device.
    helpers : str
        The digest of the helpers that the page imports.
    """
    if not recordings.is_cpu(record["device"]):
        return _keep_recording(root, recordings.from_run(record, helpers))
    file = root / "cpu" / f"{record['page']}.txt"
    if file.is_file() and not differences(file.read_text(encoding="utf-8"), record):
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(render(record, "cpu"), encoding="utf-8")
    os.replace(new, file)
    return True


def _keep_recording(root: Path, new: recordings.Recording) -> bool:
    """Write a recording, unless the kept one says the same of the same code, helpers and versions."""
    old = recordings.Kept.one(root, new.page, new.device)
    if old is not None and not any(cell["measured"] for cell in new.cells) and not new.measurements:
        unchanged = replace(new, date=old.date, commit=old.commit, cells=old.cells) == old
        if unchanged and all(same(one["output"], two["output"]) for one, two in zip(old.cells, new.cells, strict=True)):
            return False
    recordings.write(root, new)
    return True


def _check(app: Sphinx) -> None:
    if not app.config.outputs_check:
        return
    pages, recorded = gallery_pages.of(app), recordings.of(app)
    if app.config.pages_update_outputs:
        changed = sum(keep(pages.outputs, pages.record(name), recorded.digests(name).helpers) for name in pages.names())
        recorded.read_kept()
        logger.info("outputs: %d of %d changed and are kept; review the difference", changed, len(pages.names()))
    problems = []
    for name in pages.names():
        record = pages.record(name)
        on_cpu = recordings.is_cpu(record["device"])
        found = _problems_on_the_cpu(pages, record) if on_cpu else _problems_on_an_accelerator(recorded, record)
        problems += [f"{pages.source(name)}:{line}: {what}" for line, what in found]
    problems += [*recorded.kept.problems, *_orphans(pages)]
    if problems:
        advice = "If this is right, accept it: nox -s docs -- --update-outputs"
        raise ExtensionError("\n\n".join([*problems, advice]))


def _problems_on_the_cpu(pages: Pages, record: dict[str, Any]) -> list[tuple[int, str]]:
    file = pages.outputs / "cpu" / f"{record['page']}.txt"
    if not file.is_file():
        return [(1, f"no output of this page is kept for {record['device']}")]
    return differences(file.read_text(encoding="utf-8"), record)


def _problems_on_an_accelerator(recorded: Recorded, record: dict[str, Any]) -> list[tuple[int, str]]:
    """Compare with a recording of the same code on the same device; where there is none, say so and go on."""
    page, device = record["page"], record["device"]
    kept = recorded.kept.at(page, device)
    if kept is None:
        logger.info("outputs: nothing is kept of %s on %s; nox -s record keeps it", page, device)
    elif recorded.digests(page).is_stale(kept):
        logger.info("outputs: the recording of %s on %s is stale; nox -s record renews it", page, device)
    else:
        return differences_from_recording(kept, record)
    return []


def _orphans(pages: Pages) -> list[str]:
    """Return a sentence for each kept file whose page is gone."""
    known = set(pages.names())
    files = [*pages.outputs.glob("*/*/*.txt"), *pages.outputs.glob("*/*/*.json")]
    gone = [file for file in files if f"{file.parent.name}/{file.stem}" not in known]
    return [f"{file}: the page of this output is gone: delete the file" for file in sorted(gone)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Compare after the pages ran (priority 100) and before sphinx-gallery uses them."""
    app.add_config_value("outputs_check", True, "", types=[bool])  # off only while a page is being written
    app.connect("builder-inited", _check, priority=200)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
