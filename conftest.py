"""Collect the snippets of the Markdown files as the build does; start the one browser of the tests that need one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil import Sybil

sys.path.insert(0, str(Path(__file__).parent))

from pipeline.running.snippet_parsers import markdown_parsers

collect_ignore_glob = [
    "docs/_build/*",
    "docs/conf.py",
    "docs/guide/*",  # made by the build
    "docs/inventories/*",
    "tests/machinery/minisite*/*",
]
pytest_collect_file = Sybil(parsers=markdown_parsers(), patterns=["*.md"], excludes=["docs/_build/*"]).pytest()


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Start one browser: the machine's Chromium, or else the one that Playwright has installed."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(Path(__file__).parent / "docs"))
    from chromium import start_chromium

    with sync_playwright() as playwright:  # two of them in one process would be an error
        started = start_chromium(playwright)
        yield started
        started.close()
