"""What each page gave on a device, as it is kept in the repository: ``docs/outputs/<device>/<chapter>/<page>.txt``.

Below a header stands how often each claim of each cell held, then a block for each cell that gave something. A block
``[cell 3, Python 3.13]`` holds from that version of Python on, until one of a higher version; ``[cell 3]`` holds for
the versions before. The header of what an accelerator gave also says when and with what it was made, and ends with a
seal over the whole file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from pipeline.outputs import varying
from pipeline.outputs.compare import same

FIRST = "Outputs of {page} on {device}, cell by cell. Made by: nox -s {command}\n"
HEADER = re.compile(r"Outputs of (\S+) on (.+), cell by cell\. Made by: .*\n((?:[a-z]+: .*\n)*)")
SEAL = re.compile(r"^seal: .*\n", re.MULTILINE)
CELL = re.compile(r"^\[(?:cell (\d+)|claims)(?:, Python (\d+)\.(\d+))?\]$", re.MULTILINE)
COMMANDS = {True: "docs -- --update-outputs", False: "record, on that device; a file that was edited is refused"}
# Of a record; the header of what an accelerator gave has these, and the digests of the page's code and helpers.
FACTS = ("date", "versions", "commit", "used", "claims", "measurements")
CLAIMS_CHANGED = (
    "a claim held another number of times: a loop or a condition that it stands in came out otherwise.\n"
    "--- kept\n{}\n--- now\n{}"
)
MEASURED = "(measured: differs from run to run)"
NOT_PRINTED = PICTURE, DRAWN, SHOWN, VALUE = "(picture) ", "(drawn) ", "(shown) ", "(in the text) "
CLAIMS = 0  # stands for the number of a cell, where a file says how often the claims held
PYTHON = sys.version_info[:2]

# The output of each cell, by its number and the version of Python from which on it holds; () for all. Under `CLAIMS`
# stands how often the claims of each cell held.
Cells = dict[tuple[int, tuple[int, ...]], str]


def folder_of(device: str) -> str:
    """Return the folder for the outputs of a device: ``cpu``, or the name of the accelerator.

    Examples
    --------
    >>> folder_of("CPU (x86_64)"), folder_of("NVIDIA H200")
    ('cpu', 'nvidia-h200')
    """
    return "cpu" if device.startswith("CPU") else re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def file_of(root: Path, page: str, device: str) -> Path:
    """Return where the outputs of a page on a device are kept, below ``docs/outputs``."""
    return root / folder_of(device) / f"{page}.txt"


def output_of(cell: dict[str, Any]) -> str:
    """Return what a cell of a record gave: what it printed, its pictures in words, and what they and its value hold.

    A line that was not printed begins with `PICTURE`, `DRAWN` (in a figure of Matplotlib), `SHOWN` (in a value that
    is shown as HTML, a picture of our own among them) or `VALUE` (in the text of the cell).
    """
    parts = {PICTURE: cell["pictures"], DRAWN: cell["drawn"], SHOWN: cell["html"]}
    parts[VALUE] = [f"{value['source']} = {value['text']}" for value in cell.get("values", ())]
    told = [begin + line for begin, lines in parts.items() for line in lines]
    return "\n".join([*([cell["text"]] if cell["text"] else []), *told])


def printed_of(output: str) -> str:
    """Return what was printed, and what a value says that is shown as HTML and is no picture."""
    lines = output.splitlines()
    shown = any(line.startswith(PICTURE) for line in lines)
    lines = [line if shown else line.removeprefix(SHOWN) for line in lines]
    return "\n".join(line for line in lines if not line.startswith(NOT_PRINTED))


def outputs_of(record: dict[str, Any]) -> dict[int, str]:
    """Return what each cell of a record gave, as it is kept: on a CPU without what it measured."""
    on_cpu = folder_of(record["device"]) == "cpu"
    given = {CLAIMS: claims_of(record)}
    for number, cell in enumerate(record["cells"], 1):
        given[number] = output_of(cell)
        if on_cpu and cell["measured"]:
            given[number] = MEASURED
        elif on_cpu and varying.VARIES.search(cell["code"]):
            given[number] = varying.begun(given[number], record["processor"])
    return given


def agree(expected: str, got: str) -> bool:
    """Return whether two outputs of a cell are the same, within the tolerance and as far as the processor lets them."""
    return same(*varying.comparable(expected, got))


def claims_of(record: dict[str, Any]) -> str:
    r"""Return how often each claim of each cell held.

    Examples
    --------
    >>> claims_of({"cells": [{"claims": [1, 40]}, {"claims": []}, {"claims": ["unchecked"]}]})
    'cell 1: 1 40\ncell 3: unchecked'
    """
    return "\n".join(filter(None, (_claims_line(number, cell) for number, cell in enumerate(record["cells"], 1))))


def _claims_line(number: int, cell: dict[str, Any]) -> str:
    return f"cell {number}: {' '.join(map(str, cell['claims']))}" if cell["claims"] else ""


def render(kept: dict[str, Any]) -> str:
    """Return the text of a file (the inverse of `parse`).

    Parameters
    ----------
    kept : dict
        ``page``, ``device`` and ``cells``; what else it holds stands in the header, above the seal.
    """
    facts = {name: value for name, value in kept.items() if name not in ("page", "device", "cells")}
    parts = [FIRST.format(page=kept["page"], device=kept["device"], command=COMMANDS[not facts])]
    parts[0] += "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in facts.items())
    for (number, since), output in sorted(kept["cells"].items()):
        version = f", Python {'.'.join(map(str, since))}" if since else ""
        indented = "".join(f"    {line}".rstrip() + "\n" for line in output.splitlines())
        name = "claims" if number == CLAIMS else f"cell {number}"
        parts.append(f"[{name}{version}]\n{indented}")
    if facts:
        seal = digest("\n".join(parts))
        parts[0] += f'seal: "{seal}"\n'
    return "\n".join(parts)


def parse(text: str) -> Cells:
    """Return the cells of a kept text (the inverse of `render`)."""
    found = CELL.split(text)[1:]
    return {
        (int(number or CLAIMS), (int(major), int(minor)) if major else ()): "\n".join(
            line[4:] for line in body.strip("\n").splitlines()
        )
        for number, major, minor, body in zip(*(found[place::4] for place in range(4)), strict=True)
    }


def read(file: Path) -> dict[str, Any]:
    """Read what is kept in a file: ``page``, ``device`` and ``cells``, and of an accelerator what its header says.

    Raises
    ------
    ValueError
        If it has no header, lies in the folder of another device or page, or if a recording was edited by hand.
    """
    text = file.read_text(encoding="utf-8")
    try:
        page, device, lines = HEADER.match(text).groups()
        facts = {name: json.loads(value) for name, _, value in (line.partition(": ") for line in lines.splitlines())}
    except (AttributeError, ValueError):
        raise ValueError(f"{file} does not begin as a file of outputs. Delete it, and make it anew.") from None
    if file.parts[-3:] != file_of(Path(), page, device).parts:
        raise ValueError(f"{file} was moved: it is of {page} on {device}. Put it back, or delete it and make it anew.")
    if facts.pop("seal", None) != digest(SEAL.sub("", text, count=1)) and folder_of(device) != "cpu":
        raise ValueError(
            f"{file} was edited after it was made: its seal does not fit. Take the edit back, or run nox -s record on "
            f"{device}."
        )
    return {"page": page, "device": device, "cells": parse(text), **facts}


def write(file: Path, text: str) -> bool:
    """Write a file, as a whole or not at all, unless it holds the text; return whether it was written."""
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, file)
    return True


def in_force(cells: Cells, number: int, python: tuple[int, ...] = PYTHON) -> tuple[int, tuple[int, ...]]:
    """Return the key of the block that holds for a cell on a version of Python."""
    return number, max((since for cell, since in cells if cell == number and since <= python), default=())


def differences(kept: dict[str, Any], record: dict[str, Any]) -> list[tuple[int, str]]:
    """Return line and description of each cell whose output is not the kept one.

    Parameters
    ----------
    kept : dict
        As `read` returns it.
    record : dict
        Of the present run, on the same device. What an accelerator measured is kept, and not compared.
    """
    cells, given, found = kept["cells"], outputs_of(record), []
    before, held = cells.get(in_force(cells, CLAIMS), ""), given.pop(CLAIMS)
    if not same(before, held):
        found.append((_line_of_claims(record, before), CLAIMS_CHANGED.format(before, held)))
    for cell, (number, now) in zip(record["cells"], given.items(), strict=True):
        before = cells.get(in_force(cells, number), "")
        if now != MEASURED and cell["measured"]:
            continue
        if not agree(before, now):
            found.append((cell["line"], f"the output changed.\n--- kept\n{before}\n--- now\n{now}"))
    if gone := sorted({number for number, _ in cells} - {CLAIMS, *given}):
        found.append((record["cells"][-1]["line"], f"cells {gone} are kept and no longer there"))
    return found


def differences_of_download(kept: dict[str, Any], record: dict[str, Any]) -> list[tuple[int, str]]:
    """Return what `differences` does for the script that readers download, of which claims and values are not noted.

    Parameters
    ----------
    kept : dict
        As `read` returns it.
    record : dict
        Of the run of the script, with the device and the processor.
    """
    cells = {key: _without_values(output) for key, output in kept["cells"].items() if key[0] != CLAIMS}
    plain = [{**cell, "claims": [], "values": ()} for cell in record["cells"]]
    return differences({**kept, "cells": cells}, {**record, "cells": plain})


def _without_values(output: str) -> str:
    return "\n".join(line for line in output.splitlines() if not line.startswith(VALUE))


def _line_of_claims(record: dict[str, Any], before: str) -> int:
    """Return the line of the first cell whose claims held another number of times."""
    lines = before.splitlines()
    changed = (cell for number, cell in enumerate(record["cells"], 1) if _claims_line(number, cell) not in (*lines, ""))
    return next((cell["line"] for cell in changed), 1)


def renewed(cells: Cells, record: dict[str, Any], *, variant: bool = False, python: tuple[int, ...] = PYTHON) -> Cells:
    """Return cells that hold what a page gives now; a block of another version of Python stays with its cell.

    Parameters
    ----------
    cells : dict
        What was kept.
    record : dict
        Of the present run.
    variant : bool
        Whether an output that differs holds from this version of Python on; else it replaces the block in force.
    python : tuple of int
        The version that the page ran with.
    """
    given = outputs_of(record)
    made = {key: output for key, output in cells.items() if key[0] in given}
    for number, output in given.items():
        key = in_force(made, number, python)
        if agree(made.get(key, ""), output):
            continue
        key = (number, python) if variant else key
        made.pop(key, None)
        if not agree(made.get(in_force(made, number, python), ""), output):  # a variant of nothing is no variant
            made[key] = output
    return made


def digest(value: Any) -> str:
    """Return what changes when a value does that can be written as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
