"""What the pages gave on accelerators, held against the pages as they are now; only a run on one is kept as its own."""

from __future__ import annotations

import collections
import functools
import json
from typing import Any

from sphinx.application import Sphinx

from pipeline.gallery import adapter, sources
from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import kept


def from_run(record: dict[str, Any], helpers: str) -> dict[str, Any]:
    """Return what is kept of a run on an accelerator; the digest of the code is of what ran, not of the file."""
    facts = {name: record[name] for name in kept.FACTS}
    facts |= {"code": kept.digest([cell["code"] for cell in record["cells"]]), "helpers": helpers}
    return {"page": record["page"], "device": record["device"], "cells": kept.renewed({}, record), **facts}


class Recorded:
    """What is kept of runs on accelerators.

    Attributes
    ----------
    of : dict of str to dict
        The recordings of each page by the name of the device, as `kept.read` returns them.
    problems : list of str
        What is wrong with files that cannot be used.
    """

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.digests = functools.cache(self._digests)
        self.read()

    def read(self) -> None:
        """Read what is kept, again where some of it has changed."""
        self.of: dict[str, dict[str, dict[str, Any]]] = {}
        self.problems: list[str] = []
        for file in sorted(self.pages.outputs.glob("*/*/*.txt")):
            if file.parts[-3] != "cpu":
                try:
                    one = kept.read(file)
                    self.of.setdefault(one["page"], {})[one["device"]] = one
                except ValueError as error:
                    self.problems.append(str(error))

    def _digests(self, page: str) -> tuple[str, str]:
        """Return what changes when a cell of code of a page does, and what changes when a helper of it does."""
        source = self.pages.source(page)
        code = kept.digest([block.content.strip() for block in adapter.blocks(source) if block.type == "code"])
        return code, sources.digest(sources.imported_modules(source, self.pages.package))[:16]

    def changed(self, one: dict[str, Any]) -> tuple[bool, bool]:
        """Return whether the code of its page has changed since a recording was made, and whether a helper has."""
        code, helpers = self.digests(one["page"])
        return one["code"] != code, one["helpers"] != helpers

    @functools.cached_property
    def measurements(self) -> str:
        """The numbers that other devices measured, as `ptguide.measurements.recorded` reads them (JSON)."""
        found = [
            {part: one[part] for part in ("page", "device", "date", "versions")}
            | {"name": name, "values": values, "stale": self.changed(one)[0]}
            for page in self.pages.names()
            for one in self.of.get(page, {}).values()
            for name, values in sorted(one["measurements"].items())
        ]
        return json.dumps(found, indent=1, ensure_ascii=False)

    def print_all(self, names: list[str]) -> bool:
        """Print what each device gave of some pages, and of pages that are gone; return whether there is only fresh."""
        counts = collections.Counter(
            dict.fromkeys(["fresh", "stale", "missing", "gone"], 0), refused=len(self.problems)
        )
        known = self.pages.names()
        for device in sorted({device for recordings in self.of.values() for device in recordings}):
            print(device)
            for name in [*names, *(page for page in self.of if page not in known and device in self.of[page])]:
                status, remark = self._status(self.of.get(name, {}).get(device), name in known)
                counts[status] += 1
                print(f"  {status:<8} {name:<40} {remark}".rstrip())
        for problem in self.problems:
            print(f"  refused  {problem}")
        if not self.of:
            print("No accelerator is recorded. On a machine with one: nox -s record")
        print(", ".join(f"{count} {status}" for status, count in counts.items() if count or status == "fresh"))
        return 0 < counts["fresh"] == counts.total()

    def _status(self, one: dict[str, Any] | None, has_page: bool) -> tuple[str, str]:
        if one is None:
            return "missing", ""
        if not has_page:
            return "gone", "its page is gone: delete the file"
        stale, others = self.changed(one)
        if stale:
            return "stale", f"{one['date'][:10]}; the page's code has changed since"
        return "fresh", one["date"][:10] + ("; a helper that it imports has changed since" if others else "")


def of(app: Sphinx) -> Recorded:
    """Return the recordings, as this build sees them."""
    if not hasattr(app, "_ptguide_recorded"):
        app._ptguide_recorded = Recorded(gallery_pages.of(app))
    return app._ptguide_recorded
