"""A page that fails is named with its line, and has a page in its place that says so; all others are made as ever."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent
from typing import Any

from sphinx.util import logging
from sphinx_gallery import gen_rst, py_source_parser

from pipeline.gallery import cards
from pipeline.gallery.pages import Pages
from pipeline.running import child

logger = logging.getLogger(__name__)

LABEL = re.compile(r"^(?:# )?\.\. _([^`:\n]+):$", re.MULTILINE)
HEAD = re.compile(r'(?:\s*#.*\n|\s*\n)*[rR]?"""\s*(?:\.\. _[^`:\n]+:\s+)*\S.*\n=+\n')
NO_HEAD = "the page has no title: it begins with a docstring, in which the title stands underlined with '='."
TITLE = re.compile(r"^(\S.*)\n=+$", re.MULTILINE)
STAND_IN = """\
{labels}
.. _sphx_glr_{label}.py:

{title}
{underline}

.. error::

   ``{file}`` failed{where}, and is not shown until it runs.

   .. rst-class:: sphx-glr-script-out

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
    record = {"page": page, "failure": answer["failure"], "key": "", "runs": 0, "checks": 0, "cells": []}
    pages.record_file(page).write_text(child.as_json(record), encoding="utf-8")  # first: it is not fresh from here on
    text = pages.source(page).read_text(encoding="utf-8")
    title = title_of(text, name)
    (folder / f"{name}.rst").write_text(
        STAND_IN.format(
            labels="".join(f".. _{label}:\n" for label in LABEL.findall(text)),
            label=f"{pages.target.name}_{chapter}_{name}",
            title=title,
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
    generate = getattr(gen_rst.generate_file_rst, "for_others", gen_rst.generate_file_rst)
    split = getattr(
        py_source_parser.split_code_and_text_blocks, "for_others", py_source_parser.split_code_and_text_blocks
    )

    def title_if_failed(source: Path) -> str:
        page = f"{source.parent.name}/{source.stem}"
        return title_of(source.read_text(encoding="utf-8"), source.stem) if pages.has_failed(page) else ""

    def generate_for_all(name: str, target: Any, folder: Any, conf: Any) -> Any:
        if not (title := title_if_failed(Path(folder, name))):
            return generate(name, target, folder, conf)
        cached = gen_rst._read_cached_backrefs(conf, Path(target, name))
        return "", title, (0.0, 0.0), {"stale": str(Path(target, name)), "backrefs": cached}

    def split_for_all(source: Any, return_node: bool = False) -> Any:
        if not title_if_failed(Path(source)):
            return split(source, return_node=return_node)
        return ({}, [], None) if return_node else ({}, [])

    generate_for_all.for_others, split_for_all.for_others = generate, split
    split_for_all.once = True  # as build.py has it
    gen_rst.generate_file_rst, py_source_parser.split_code_and_text_blocks = generate_for_all, split_for_all
