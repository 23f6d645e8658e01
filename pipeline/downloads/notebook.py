"""A page as a Jupyter notebook: its code as it is, its text as Markdown; what its cells give comes when they run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.downloads.blocks import Block
from pipeline.downloads.markdown import Writer
from pipeline.page import solutions

__all__ = ["cells_of", "notebook"]


def cells_of(blocks: Iterable[Block], page_url: str) -> list[tuple[str, str]]:
    """Return the cells of a page: ``("code", source)`` or ``("markdown", text)``, and none that is empty."""
    writer = Writer(page_url)
    cells = [
        ("markdown", writer.blocks(block.nodes)) if block.code is None else ("code", block.code) for block in blocks
    ]
    return [(kind, text) for kind, text in cells if text]


def notebook(cells: Iterable[tuple[str, str]], *, first_cell: str | None = None) -> dict[str, Any]:
    """Return a notebook (nbformat 4.5) without outputs, the same for the same cells.

    Parameters
    ----------
    cells : iterable of tuple
        ``("code", source)`` or ``("markdown", text)``.
    first_cell : str, optional
        The source of a code cell to put before all others.

    Returns
    -------
    dict
        To be written as JSON.

    Raises
    ------
    ValueError
        If a cell is neither code nor markdown.

    Examples
    --------
    >>> notebook([("code", "1 + 1")])["cells"][0]["source"]
    ['1 + 1']
    """
    made = []
    for number, (kind, text) in enumerate([*([("code", first_cell)] if first_cell else []), *cells], 1):
        if kind not in {"code", "markdown"}:
            raise ValueError(f"Cell {number} is of kind {kind!r}; expected 'code' or 'markdown'.")
        metadata = solutions.FOLDED if kind == "code" and solutions.words_of_fold(text) else {}
        lines = text.splitlines(keepends=True)
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": metadata, "source": lines}
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
