"""Collect the snippets of the Markdown files, with the parsers that the build of the site uses."""

import sys
from pathlib import Path

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
