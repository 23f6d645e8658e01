"""Tables in HTML."""

from collections.abc import Iterable
from html import escape


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of a heading and a cell in each row."""
    cells = (f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows)
    return f'<table class="ptg-table"><tbody>{"".join(cells)}</tbody></table>'
