"""Hold what a build's pages gave against what is kept of the same device, and keep it where that is accepted."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging

from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import kept, recordings
from pipeline.outputs.recordings import Recorded

logger = logging.getLogger(__name__)

ADVICE = (
    "If this is right, accept it: nox -s docs -- --update-outputs {page}\n"
    "If only this version of Python prints it so, keep it beside what others print: add --variant"
)


def keep(recorded: Recorded, record: dict[str, Any], *, variant: bool = False) -> bool:
    """Write what a run gave, unless what is kept of its device says the same; return whether it was written.

    Parameters
    ----------
    recorded : Recorded
    record : dict
        Of the run: it names the device.
    variant : bool
        On a CPU, whether what differs is kept beside what other versions of Python gave, not in its place.
    """
    page, device = record["page"], record["device"]
    file = kept.file_of(recorded.pages.outputs, page, device)
    if file.parts[-3] == "cpu":
        before = kept.parse(file.read_text(encoding="utf-8")) if file.is_file() else {}
        new = {"page": page, "device": "cpu", "cells": kept.renewed(before, record, variant=variant)}
    else:
        new = recordings.from_run(record, recorded.digests(page)[1])
        old = recorded.of.get(page, {}).get(device)
        if old and not new["measurements"] and not any(cell["measured"] for cell in record["cells"]):
            same = new | {"date": old["date"], "commit": old["commit"], "cells": kept.renewed(old["cells"], record)}
            new = old if same == old else new
    return kept.write(file, kept.render(new))


def problems(recorded: Recorded, record: dict[str, Any]) -> list[tuple[int, str]]:
    """Return line and description of what differs from what is kept of the device that a page ran on.

    Of an accelerator only a recording of the same code is held against the run; where there is none, it is said.
    """
    page, device = record["page"], record["device"]
    if kept.folder_of(device) == "cpu":
        try:
            return kept.differences(kept.read(kept.file_of(recorded.pages.outputs, page, device)), record)
        except FileNotFoundError:
            return [(1, f"no output of this page is kept for {device}")]
        except ValueError as error:
            return [(1, str(error))]
    old = recorded.of.get(page, {}).get(device)
    if old and not recorded.changed(old)[0]:
        return kept.differences(old, record)
    what = "the recording is stale; nox -s record renews it" if old else "nothing is kept; nox -s record keeps it"
    logger.info("outputs: %s on %s: %s", page, device, what)
    return []


def _check(app: Sphinx) -> None:
    if not app.config.outputs_check:
        return
    pages, recorded = gallery_pages.of(app), recordings.of(app)
    ran = [name for name in pages.names() if not pages.has_failed(name)]
    if app.config.pages_update_outputs:
        variant, updated = app.config.pages_variant, [name for name in ran if name in pages.to_update]
        changed = sum(keep(recorded, pages.record(name), variant=variant) for name in updated)
        recorded.read()
        logger.info("outputs: %d of %d changed and are kept; review the difference", changed, len(updated))
    for name in ran:
        for line, what in problems(recorded, pages.record(name)):
            advice = ADVICE.format(page=name)
            logger.warning("%s\n%s", what, advice, location=f"{pages.source(name)}:{line}", type="output")
    for problem in [*recorded.problems, *_orphans(pages)]:
        logger.warning("%s", problem, type="output")


def is_kept(recorded: Recorded, record: dict[str, Any]) -> bool:
    """Return whether what is kept of a page is there, is what it gives, and is of the page as it is now."""
    page, device = record["page"], record["device"]
    there = kept.file_of(recorded.pages.outputs, page, device).is_file()
    old = recorded.of.get(page, {}).get(device)
    return there and not (old and recorded.changed(old)[0]) and not problems(recorded, record)


def _orphans(pages: Pages) -> list[str]:
    """Return a sentence for each kept file whose page is gone."""
    known = set(pages.names())
    gone = [file for file in pages.outputs.glob("*/*/*.txt") if f"{file.parent.name}/{file.stem}" not in known]
    return [f"{file}: the page of this output is gone: delete the file" for file in sorted(gone)]


def _refuse_half_a_wish(_app: Sphinx, config: Config) -> None:
    if config.pages_variant and not config.pages_update_outputs:
        raise ExtensionError(
            "--variant says where accepted outputs are kept, and none are accepted. Add --update-outputs, or leave it."
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Compare after the pages ran (priority 100) and before sphinx-gallery uses them."""
    app.add_config_value("outputs_check", True, "", types=[bool])  # off only while a page is being written
    app.connect("config-inited", _refuse_half_a_wish)
    app.connect("builder-inited", _check, priority=200)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
