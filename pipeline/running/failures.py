"""A page that fails is named with its line, and has a page in its place that says so; all others are made as ever."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent
from typing import Any

from sphinx.util import logging

from pipeline.gallery import adapter, cards
from pipeline.gallery.pages import Pages
from pipeline.running import child

logger = logging.getLogger(__name__)

LABEL = re.compile(r"^(?:# )?\.\. _([^`:\n]+):$", re.MULTILINE)
HEAD = re.compile(r'(?:\s*#.*\n|\s*\n)*[rR]?"""\s*(?:\.\. _[^`:\n]+:\s+)*\S.*\n=+\n')
NO_HEAD = "the page has no title: it begins with a docstring, in which the title stands underlined with '='."
TITLE = re.compile(r"^(\S.*)\n=+$", re.MULTILINE)
STAND_IN = """\
{labels}
.. _{label}:

{title}
{underline}

.. error::

   ``{file}`` failed{where}, and is not shown until it runs.

   .. rst-class:: {output}

    .. code-block:: none

{why}
"""


def warn(pages: Pages, page: str, line: int | None, why: str) -> None:
    """Say what is wrong with a page, with the place to edit."""
    logger.warning("%s", why, location=f"{pages.source(page)}:{line or 1}", type="page")


def report(pages: Pages, page: str, answer: dict[str, Any]) -> None:
    """Say why a page failed, and put a page in its place that says so too.

    Parameters
    ----------
    pages : Pages
    page : str
        For example ``shapes/stack``.
    answer : dict
        Its ``failure`` and, where it is known, the ``line``.
    """
    if not HEAD.match(pages.source(page).read_text(encoding="utf-8")):
        answer = {"failure": NO_HEAD, "line": 1}
    warn(pages, page, answer.get("line"), answer["failure"])
    put_in_place(pages, page, answer)


def put_in_place(pages: Pages, page: str, answer: dict[str, Any]) -> None:
    """Write what stands in the place of a page that failed: its title, its labels and why it failed."""
    chapter, _, name = page.partition("/")
    folder = pages.target / chapter
    folder.mkdir(parents=True, exist_ok=True)
    record = {"page": page, "failure": answer["failure"], "key": "", "runs": 0, "claims": 0, "cells": []}
    pages.record_file(page).write_text(child.as_json(record), encoding="utf-8")  # first: it is not fresh from here on
    text = pages.source(page).read_text(encoding="utf-8")
    title = title_of(text, name)
    (folder / f"{name}.rst").write_text(
        STAND_IN.format(
            labels="".join(f".. _{label}:\n" for label in LABEL.findall(text)),
            label=adapter.label(f"{pages.target.name}/{page}"),
            title=title,
            output=adapter.OUTPUT,
            underline="=" * len(title),
            where=f" at line {answer['line']}" if answer.get("line") else "",
            file=f"{pages.gallery.name}/{page}.py",
            why=indent(answer["failure"], "       "),
        ),
        encoding="utf-8",
    )
    cards.replace_thumbnail(folder, name, [{"text": "This page failed."}])


def title_of(text: str, name: str) -> str:
    """Return the title of a page, or its name where the script has none."""
    found = TITLE.search(text)
    return found[1] if found else name


def pass_over(pages: Pages) -> None:
    """Keep sphinx-gallery, which would run a page that is not fresh, from those that failed."""

    def title_if_failed(source: Path) -> str:
        page = f"{source.parent.name}/{source.stem}"
        return title_of(source.read_text(encoding="utf-8"), source.stem) if pages.has_failed(page) else ""

    adapter.pass_over(title_if_failed)
