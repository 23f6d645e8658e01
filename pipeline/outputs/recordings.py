"""What the pages gave on an accelerator, kept in the repository; only a run on that device writes it.

One JSON file for each page and device, ``docs/outputs/<device>/<chapter>/<page>.json``: what each cell gave, the
numbers that the page measured, and when, where and with what. A seal over the content shows an edit by hand.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx_gallery import py_source_parser

from pipeline.gallery import pages as gallery_pages
from pipeline.gallery import sources
from pipeline.gallery.pages import Pages

HOW = "Made by nox -s record on the device; a file that was edited is refused."


@dataclass(frozen=True)
class Recording:
    """What one page gave on one accelerator.

    Attributes
    ----------
    page : str
        Chapter and name, for example ``gpu/transfer``.
    device : str
        The name that the maker gave the device.
    date : str
        When the page ran, in UTC.
    versions : dict of str to str
        Of Python, torch and what else the outputs depend on.
    commit : str
        That the sources were at; empty where that is not known.
    code : str
        The digest of the page's cells of code, see `digest_of_code`.
    helpers : str
        The digest of the helpers that it imports, see `digest_of_helpers`.
    used : bool
        Whether the page computed on the device; one that did not has the outputs of the CPU beside it.
    checks : int
        How many claims held.
    measurements : dict
        The numbers that the page kept with `ptguide.measurements.record`, under their names.
    cells : list of dict
        For each cell of code its ``output`` and whether it was ``measured``.
    """

    page: str
    device: str
    date: str
    versions: dict[str, str]
    commit: str
    code: str
    helpers: str
    used: bool
    checks: int
    measurements: dict[str, Any]
    cells: list[dict[str, Any]]

    @property
    def where(self) -> str:
        """Device, day and versions in one line."""
        listed = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.device}, {self.date[:10]}, {listed}"


@dataclass(frozen=True)
class Digests:
    """What a recording of a page would be made of now: see `digest_of_code` and `digest_of_helpers`."""

    code: str
    helpers: str

    def is_stale(self, recording: Recording) -> bool:
        """Return whether the code of the page has changed since the recording was made."""
        return recording.code != self.code

    def has_other_helpers(self, recording: Recording) -> bool:
        """Return whether a helper that the page imports has changed since."""
        return recording.helpers != self.helpers


def digests(source: Path, package: Path) -> Digests:
    """Return what a recording of a page is made of, as it is now.

    Parameters
    ----------
    source : Path
        The script.
    package : Path
        The folder of the helper package.
    """
    return Digests(digest_of_code(source), digest_of_helpers(source, package))


def digest_of_code(source: Path) -> str:
    """Return what changes when a cell of code changes, and stays when only the text between them does."""
    # With the node, as sphinx-gallery itself asks: a build parses each page once (see pages.py).
    _, blocks, _ = py_source_parser.split_code_and_text_blocks(str(source), return_node=True)
    return _digest([block.content.strip() for block in blocks if block.type == "code"])


def digest_of_helpers(source: Path, package: Path) -> str:
    """Return what changes when a helper changes that the page imports, directly or through another."""
    return sources.digest(sources.imported_modules(source, package))[:16]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def is_cpu(device: str) -> bool:
    """Return whether a device is the processor itself, whose outputs are kept as text by pipeline/outputs/kept.py."""
    return device.startswith("CPU")


def folder_of(device: str) -> str:
    """Return the folder for the outputs of a device: ``cpu``, or the name of the accelerator.

    Examples
    --------
    >>> folder_of("CPU (x86_64)"), folder_of("NVIDIA H200")
    ('cpu', 'nvidia-h200')
    """
    return "cpu" if is_cpu(device) else re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def from_run(record: dict[str, Any], helpers: str) -> Recording:
    """Return the recording of a run.

    Parameters
    ----------
    record : dict
        Of a run on an accelerator; its digest of the code is of what ran, whatever the file holds by now.
    helpers : str
        As `digest_of_helpers` returns it.

    Raises
    ------
    ValueError
        If the run was on a CPU.
    """
    if is_cpu(record["device"]):
        raise ValueError(
            f"{record['page']} ran on {record['device']}; a recording is made by a run on an accelerator. "
            "Run it where there is one, without PTGUIDE_DEVICE=cpu."
        )
    code = _digest([cell["code"] for cell in record["cells"]])
    cells = [{"measured": cell["measured"], "output": output_of(cell)} for cell in record["cells"]]
    names = ("page", "device", "date", "versions", "commit", "used", "checks", "measurements")
    return Recording(code=code, helpers=helpers, cells=cells, **{name: record[name] for name in names})


def output_of(cell: dict[str, Any]) -> str:
    """Return what a cell of a record gave: what it printed, and its pictures in words."""
    return "\n".join([*([cell["text"]] if cell["text"] else []), *(f"(picture) {words}" for words in cell["pictures"])])


def write(root: Path, recording: Recording) -> Path:
    """Write a recording to its place; return the file.

    Parameters
    ----------
    root : Path
        The folder of the outputs, ``docs/outputs``.
    recording : Recording
        As `from_run` returns it.
    """
    content = asdict(recording)
    # A line of output is a line of the file, so that a person can read the difference.
    content["cells"] = [{**cell, "output": cell["output"].splitlines()} for cell in recording.cells]
    text = json.dumps({"how": HOW, "seal": _digest(content), **content}, indent=1, ensure_ascii=False)
    file = root / folder_of(recording.device) / f"{recording.page}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(text + "\n", encoding="utf-8")
    os.replace(new, file)
    return file


def read(file: Path) -> Recording:
    """Read a recording.

    Raises
    ------
    ValueError
        If it was edited by hand, was damaged, or lies in the folder of another device or page.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        content.pop("how")
        seal = content.pop("seal")
        whole = seal == _digest(content)
        recording = Recording(
            **{
                **content,
                "cells": [{**cell, "output": "\n".join(cell["output"])} for cell in content["cells"]],
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"{file} is no recording ({why}). Delete it, or record anew.") from None
    if not whole:
        raise ValueError(
            f"{file} was edited after it was made: its seal does not fit. Take the edit back, or run nox -s record on "
            f"{recording.device}."
        )
    place = f"{folder_of(recording.device)}/{recording.page}.json"
    if is_cpu(recording.device) or not file.as_posix().endswith(f"/{place}"):
        raise ValueError(
            f"{file} was moved: it is of {recording.page} on {recording.device}. Put it back, or delete it."
        )
    return recording


class Kept:
    """All recordings below a folder.

    Parameters
    ----------
    root : Path
        The folder of the outputs.

    Attributes
    ----------
    of : dict of str to list of Recording
        The recordings of each page, by the name of the device.
    problems : list of str
        What is wrong with files that cannot be used.
    """

    def __init__(self, root: Path) -> None:
        self.of: dict[str, list[Recording]] = {}
        self.problems: list[str] = []
        for file in sorted(root.glob("*/*/*.json")):
            try:
                recording = read(file)
            except ValueError as error:
                self.problems.append(str(error))
            else:
                self.of.setdefault(recording.page, []).append(recording)

    def __iter__(self) -> Iterator[Recording]:
        """Return every recording."""
        return (one for recordings in self.of.values() for one in recordings)

    @functools.cached_property
    def devices(self) -> list[str]:
        """The devices of which there is a recording, by name."""
        return sorted({one.device for one in self})

    @staticmethod
    def one(root: Path, page: str, device: str) -> Recording | None:
        """Return one recording, read by itself; None where there is none that can be used."""
        try:
            return read(root / folder_of(device) / f"{page}.json")
        except (OSError, ValueError):
            return None

    def at(self, page: str, device: str) -> Recording | None:
        """Return the recording of a page on a device, if there is one."""
        return next((one for one in self.of.get(page, ()) if one.device == device), None)


def measurements(kept: Iterable[Recording], now: dict[str, Digests]) -> str:
    """Return all measurements as `ptguide.measurements.recorded` reads them (JSON).

    Parameters
    ----------
    kept : iterable of Recording
    now : dict of str to Digests
        Of each page that has a recording with measurements.
    """
    found = [
        {
            "name": name,
            "page": one.page,
            "device": one.device,
            "date": one.date,
            "versions": one.versions,
            "values": values,
            "stale": one.page not in now or now[one.page].is_stale(one),
        }
        for one in kept
        for name, values in sorted(one.measurements.items())
    ]
    return json.dumps(found, indent=1, ensure_ascii=False)


class Recorded:
    """What is kept of runs on accelerators, held against the pages as they are now.

    Parameters
    ----------
    pages : Pages
    """

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self._digests: dict[str, Digests] = {}
        self.read_kept()

    def read_kept(self) -> None:
        """Read what is kept, anew where some of it was just written."""
        self.kept = Kept(self.pages.outputs)

    def digests(self, page: str) -> Digests:
        """Return what a recording of a page would be made of in this build."""
        if page not in self._digests:
            self._digests[page] = digests(self.pages.source(page), self.pages.package)
        return self._digests[page]

    @functools.cached_property
    def measurements(self) -> str:
        """The numbers that other devices measured, as the pages read them."""
        known = set(self.pages.names())
        measured = [one for one in self.kept if one.measurements and one.page in known]
        return measurements(measured, {one.page: self.digests(one.page) for one in measured})

    @property
    def measurements_file(self) -> Path:
        """Where the pages read them from."""
        return self.pages.target / "measurements.json"

    def write_measurements(self) -> None:
        """Write the numbers that other devices measured, where they have changed."""
        gallery_pages.write_if_new(self.measurements_file, self.measurements)


def of(app: Sphinx) -> Recorded:
    """Return the recordings, as this build sees them."""
    if not hasattr(app, "_ptguide_recorded"):
        app._ptguide_recorded = Recorded(gallery_pages.of(app))
    return app._ptguide_recorded
