"""The search finds the same after a small build as after a whole one.

Sphinx reads most of its search index back before it adds the pages of this build, but not the index entries
(the documented functions and classes): those of pages that were not written again would be lost.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx


def _restore(app: Sphinx) -> list[Any]:
    if app.builder.name != "html":
        return []
    file = Path(app.doctreedir, "search-entries.json")
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    entries = app.builder.indexer._index_entries  # what Sphinx does not read back has no public name
    for docname in sorted(app.env.all_docs):
        entries.setdefault(docname, kept.get(docname, []))
    file.write_text(json.dumps(entries), encoding="utf-8")
    return []  # no page is added


def setup(app: Sphinx) -> dict[str, Any]:
    """Complete the entries when all pages are written and before the index is."""
    app.connect("html-collect-pages", _restore)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
