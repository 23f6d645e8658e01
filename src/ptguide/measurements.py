"""Keep the numbers that a page measures, and read what the same page measured on other devices.

A page measures on the device at hand, wherever it runs. When the guide's site is built, it also finds the numbers that
were recorded on other devices, each with the device's name, the date and the versions; a downloaded page has no such
numbers.
"""

from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ptguide.devices import device_name, pick_device

__all__ = ["Measurement", "record", "recorded", "sources"]

# Set by what runs the pages: the file of what other devices measured, and the one for what this run measures.
RECORDED = "PTGUIDE_RECORDED"
RECORD = "PTGUIDE_RECORD"


@dataclass(frozen=True)
class Measurement:
    """Numbers that were measured together on one device.

    Attributes
    ----------
    name : str
        What was measured, for example ``"transfer"``.
    device : str
        The name of the device, as `ptguide.devices.device_name` gives it.
    date : str
        When, in UTC, as ISO 8601 writes it.
    versions : mapping of str to str
        Of torch and of what the device needs.
    values : mapping of str to float or list of float
        The numbers; each name says the unit, for example ``"seconds"``.
    stale : bool
        Whether the page's code has changed since, so that these are not the numbers of the page as it is.
    """

    name: str
    device: str
    date: str
    versions: Mapping[str, str]
    values: Mapping[str, Any] = field(repr=False)
    stale: bool = False

    @property
    def label(self) -> str:
        """The device's name for a legend; a stale measurement says that it is."""
        return f"{self.device} (stale: the page has changed since)" if self.stale else self.device


def record(name: str, values: Mapping[str, float | list[float]]) -> Measurement:
    """Keep numbers that were measured on the device that `ptguide.devices.pick_device` picks.

    Where ``nox -s record`` runs the page on an accelerator, they become part of its recording. Elsewhere they are
    returned and not kept.

    Parameters
    ----------
    name : str
        What was measured; no other page uses the same name.
    values : mapping of str to float or list of float
        The numbers, each under a name with its unit, for example ``{"bytes": sizes, "seconds": times}``.

    Returns
    -------
    Measurement

    Raises
    ------
    TypeError
        If a value is no number and no list of numbers.
    ValueError
        If ``name`` or ``values`` is empty, if a number is not finite, or if the name is recorded twice.

    Examples
    --------
    >>> made = record("sum", {"elements": [10, 100], "seconds": [1e-6, 2e-6]})
    >>> made.values["elements"], made.stale
    ([10, 100], False)
    """
    if not name.strip():
        raise ValueError("name is empty; expected what was measured, for example 'transfer'.")
    if not values:
        raise ValueError(f"values of {name!r} is empty; expected at least one number, under a name with its unit.")
    for key, value in values.items():
        _require_numbers(f"values[{key!r}]", value)
    made = Measurement(
        name=name,
        device=device_name(),
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions=_versions(),
        values={key: list(value) if isinstance(value, (list, tuple)) else value for key, value in values.items()},
    )
    if file := os.environ.get(RECORD):
        kept = json.loads(Path(file).read_text(encoding="utf-8")) if Path(file).is_file() else {}
        if name in kept:
            raise ValueError(f"{name!r} is recorded already; call record once, with all numbers, or use another name.")
        Path(file).write_text(json.dumps({**kept, name: dict(made.values)}), encoding="utf-8")
    return made


def recorded(name: str) -> list[Measurement]:
    """Return what other devices measured, by the name of the device.

    The device at hand is left out: there the page itself measures. A downloaded page finds no recordings.

    Parameters
    ----------
    name : str
        As it was given to `record`.

    Returns
    -------
    list of Measurement

    Examples
    --------
    >>> recorded("what nobody measured")
    []
    """
    file = os.environ.get(RECORDED)
    kept = json.loads(Path(file).read_text(encoding="utf-8")) if file else []
    here = device_name()
    found = [
        Measurement(name, one["device"], one["date"], one["versions"], one["values"], one["stale"])
        for one in kept
        if one["name"] == name and one["device"] != here
    ]
    return sorted(found, key=lambda one: (one.stale, one.device))


def sources(name: str, measurements: Iterable[Measurement]) -> str:
    """Return in words where numbers come from, a line for each device.

    Parameters
    ----------
    name : str
        What was measured.
    measurements : iterable of Measurement
        What the page shows: its own measurement, if it made one, and those of `recorded`.

    Returns
    -------
    str

    Examples
    --------
    >>> print(sources("transfer", [Measurement("transfer", "Some GPU", "2026-11-21", {"torch": "2.14.1"}, {})]))
    transfer on Some GPU: measured on 2026-11-21 with torch 2.14.1
    """
    lines = []
    for one in measurements:
        versions = ", ".join(f"{package} {number}" for package, number in one.versions.items())
        lines.append(f"{name} on {one.label}: measured on {one.date[:10]} with {versions}")
    return "\n".join(lines)


def _versions() -> dict[str, str]:
    """Return the versions that a time on the device at hand depends on."""
    on_cuda = pick_device().type == "cuda"
    found = {"torch": torch.__version__, "CUDA": torch.version.cuda, "ROCm": torch.version.hip}
    return {name: number for name, number in found.items() if number and (name == "torch" or on_cuda)}


def _require_numbers(what: str, value: Any) -> None:
    """Raise unless a value is a finite number or a list of such."""
    listed = list(value) if isinstance(value, (list, tuple)) else [value]
    for number in listed:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise TypeError(
                f"{what} holds {number!r}, a {type(number).__name__}; expected a number, or a list of numbers."
            )
        if not math.isfinite(number):
            raise ValueError(f"{what} holds {number}; expected finite numbers. Leave out what could not be measured.")
    if not listed:
        raise ValueError(f"{what} is an empty list; expected at least one number.")
