"""A message names the file that a person edits: the script of a page with its line, not what sphinx-gallery made of it.

The parser is told of each line of a page where it stands in the script, so that whatever docutils, Sphinx or a room of
the pipeline finds in a page has that place.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.parsers import RSTParser
from sphinx.util.logging import WarningStreamHandler

from pipeline.gallery import pages as gallery_pages

BLOCK = re.compile(r"^\.\. GENERATED FROM PYTHON SOURCE LINES (\d+)-")  # sphinx-gallery's, before each block but one


def lines_in_script(made: Sequence[str], script: Sequence[str]) -> Iterator[int]:
    r"""Yield for each line that was made of a script the script's line, counted from 0, or the last one before it.

    Examples
    --------
    >>> made = ["Title", "=====", ".. GENERATED FROM PYTHON SOURCE LINES 5-6", "", "One,", "two."]
    >>> list(lines_in_script(made, ['\"\"\"', "Title", "=====", '\"\"\"', "# %%", "# One,", "# two."]))
    [1, 2, 4, 4, 5, 6]
    """
    bare = [line.strip("# \n") for line in script]
    starts = [int(found[1]) - 1 for line in made if (found := BLOCK.match(line))]
    here, end = 0, starts[0] if starts else len(bare)
    for line in made:
        if BLOCK.match(line):
            here, end = starts.pop(0), starts[0] if starts else len(bare)
        words = line.strip("# \n")
        if words in bare[here:end] and words:
            here = bare.index(words, here)
        yield here


class PageParser(RSTParser):
    """Reads a page of the gallery as what was made of its script."""

    def decorate(self, content: StringList) -> None:
        """Name the script and its line for each line of a page."""
        pages = gallery_pages.of(self._env.app)
        if page := pages.page_of(self._env.docname):
            source = pages.source(page)
            script = source.read_text(encoding="utf-8").splitlines()
            content.items = [(str(source), line) for line in lines_in_script(content.data, script)]
        super().decorate(content)


class _FromHere(logging.Filter):
    """Writes the place of a warning as seen from the folder in which the build was started."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the place; every message is passed on."""
        if isinstance(place := getattr(record, "location", None), str):
            record.location = place.removeprefix(f"{os.getcwd()}{os.sep}")
        return True


def setup(app: Sphinx) -> dict[str, Any]:
    """Stand in for Sphinx's own parser; the place of a warning is known after Sphinx's filters."""
    app.add_source_parser(PageParser, override=True)
    for handler in logging.getLogger("sphinx").handlers:
        if isinstance(handler, WarningStreamHandler):
            handler.addFilter(_FromHere())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
