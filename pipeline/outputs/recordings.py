"""What the pages gave on accelerators, held against the pages as they are now; only a run on one is kept as its own."""

from __future__ import annotations

import functools
import json
from typing import Any

from sphinx.application import Sphinx

from pipeline.gallery import adapter, sources
from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import kept


def from_run(record: dict[str, Any], helpers: str) -> dict[str, Any]:
    """Return what is kept of a run on an accelerator; its digest of the code is of what ran, whatever stands there now.

    Parameters
    ----------
    record : dict
        Of the run.
    helpers : str
        The digest of the helpers that the page imports.
    """
    facts = {name: record[name] for name in kept.FACTS}
    facts |= {"code": kept.digest([cell["code"] for cell in record["cells"]]), "helpers": helpers}
    return {"page": record["page"], "device": record["device"], "cells": kept.renewed({}, record), **facts}


def where(one: dict[str, Any]) -> str:
    """Return device, day and versions of a recording in one line."""
    listed = ", ".join(f"{name} {number}" for name, number in one["versions"].items())
    return f"{one['device']}, {one['date'][:10]}, {listed}"


class Recorded:
    """What is kept of runs on accelerators.

    Parameters
    ----------
    pages : Pages

    Attributes
    ----------
    of : dict of str to list of dict
        The recordings of each page, by the name of the device, as `kept.read` returns them.
    problems : list of str
        What is wrong with files that cannot be used.
    """

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.digests = functools.cache(self._digests)
        self.read()

    def read(self) -> None:
        """Read what is kept, anew where some of it was just written."""
        self.of: dict[str, list[dict[str, Any]]] = {}
        self.problems: list[str] = []
        for file in sorted(self.pages.outputs.glob("*/*/*.txt")):
            if file.parts[-3] == "cpu":
                continue
            try:
                one = kept.read(file)
                self.of.setdefault(one["page"], []).append(one)
            except ValueError as error:
                self.problems.append(str(error))

    def _digests(self, page: str) -> tuple[str, str]:
        """Return what changes when a cell of code of a page does, and what changes when a helper of it does."""
        source = self.pages.source(page)
        code = kept.digest([block.content.strip() for block in adapter.blocks(source) if block.type == "code"])
        return code, sources.digest(sources.imported_modules(source, self.pages.package))[:16]

    def is_stale(self, one: dict[str, Any]) -> bool:
        """Return whether the code of the page has changed since a recording was made."""
        return one["code"] != self.digests(one["page"])[0]

    def has_other_helpers(self, one: dict[str, Any]) -> bool:
        """Return whether a helper that the page imports has changed since."""
        return one["helpers"] != self.digests(one["page"])[1]

    @functools.cached_property
    def measurements(self) -> str:
        """The numbers that other devices measured, as `ptguide.measurements.recorded` reads them (JSON)."""
        found = [
            {name: one[name] for name in ("page", "device", "date", "versions")}
            | {"name": name, "values": values, "stale": self.is_stale(one)}
            for page in self.pages.names()
            for one in self.of.get(page, ())
            for name, values in sorted(one["measurements"].items())
        ]
        return json.dumps(found, indent=1, ensure_ascii=False)

    def print_all(self, names: list[str]) -> bool:
        """Print what pages have of each device: fresh, stale or missing; return whether all are fresh and there is one.

        Parameters
        ----------
        names : list of str
            The pages. A recording of a page that is gone is listed with them.
        """
        counts = dict.fromkeys(["fresh", "stale", "missing", "gone", "refused"], 0)
        devices = sorted({one["device"] for recordings in self.of.values() for one in recordings})
        gone = sorted(self.of.keys() - set(self.pages.names()))
        for device in devices:
            print(device)
            for name in [*names, *gone]:
                one = next((one for one in self.of.get(name, ()) if one["device"] == device), None)
                if one is None and name in gone:
                    continue
                status, remark = self._status(one)
                counts[status] += 1
                print(f"  {status:<8} {name:<40} {remark}".rstrip())
        for problem in self.problems:
            counts["refused"] += 1
            print(f"  refused  {problem}")
        if not devices:
            print("No accelerator is recorded. On a machine with one: nox -s record")
        print(", ".join(f"{count} {status}" for status, count in counts.items() if count or status == "fresh"))
        return 0 < counts["fresh"] == sum(counts.values())

    def _status(self, one: dict[str, Any] | None) -> tuple[str, str]:
        """Return what a recording is worth now, and what else is to be said of it."""
        if one is None:
            return "missing", ""
        if one["page"] not in self.pages.names():
            return "gone", "its page is gone: delete the file"
        if self.is_stale(one):
            return "stale", f"{one['date'][:10]}; the page's code has changed since"
        others = "; a helper that it imports has changed since" if self.has_other_helpers(one) else ""
        return "fresh", f"{one['date'][:10]}{others}"


def of(app: Sphinx) -> Recorded:
    """Return the recordings, as this build sees them."""
    if not hasattr(app, "_ptguide_recorded"):
        app._ptguide_recorded = Recorded(gallery_pages.of(app))
    return app._ptguide_recorded
