"""What the pages print is kept in the repository: a change of it is a difference that a person reviews.

One text file for each page and device. Numbers with a point are equal within a relative 1e-3 or one unit of the
last digit shown; addresses, durations and dates are masked; the rest is compared letter by letter.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from _ext import pages as pages_extension

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
    if cell["measured"]:
        return "(measured: differs from run to run)"
    return "\n".join([*([cell["text"]] if cell["text"] else []), *(f"(picture) {words}" for words in cell["pictures"])])


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


def device_folder(record: dict[str, Any]) -> str:
    """Return the folder name for the device of a record: ``cpu``, or the name of the accelerator."""
    device = record["device"]
    return "cpu" if device.startswith("CPU") else re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def _check(app: Sphinx) -> None:
    if not app.config.outputs_check:
        return
    pages = pages_extension.of(app)
    root = Path(app.srcdir, app.config.outputs_dir)
    if app.config.pages_update_outputs:
        changed = sum(_keep(root, pages.record(name)) for name in pages.names())
        logger.info("outputs: %d of %d changed and are kept; review the difference", changed, len(pages.names()))
    problems = []
    for name in pages.names():
        record = pages.record(name)
        file = root / device_folder(record) / f"{name}.txt"
        if file.is_file():
            found = differences(file.read_text(encoding="utf-8"), record)
        else:
            found = [(1, f"no output of this page is kept for {record['device']}")]
        problems += [f"{pages.source(name)}:{line}: {what}" for line, what in found]
    known = set(pages.names())
    for file in root.glob("*/*/*.txt"):
        if file.relative_to(file.parents[2]).as_posix().partition("/")[2].removesuffix(".txt") not in known:
            problems.append(f"{file}: the page of this output is gone: delete the file")
    if problems:
        advice = "If this is right, accept it: nox -s docs -- --update-outputs"
        raise ExtensionError("\n\n".join([*problems, advice]))


def _keep(root: Path, record: dict[str, Any]) -> bool:
    """Write the outputs of a record, unless the kept ones are equal within the tolerance."""
    device = device_folder(record)
    file = root / device / f"{record['page']}.txt"
    if file.is_file() and not differences(file.read_text(encoding="utf-8"), record):
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(render(record, device), encoding="utf-8")
    os.replace(new, file)
    return True


def setup(app: Sphinx) -> dict[str, Any]:
    """Compare after the pages ran (priority 100) and before sphinx-gallery uses them."""
    app.add_config_value("outputs_dir", "outputs", "", types=[str])
    app.add_config_value("outputs_check", True, "", types=[bool])  # off only while a page is being written
    app.connect("builder-inited", _check, priority=200)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
