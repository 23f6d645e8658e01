"""What a value of the guide shows as HTML, written as Markdown: a picture, a question, a report, a table, a text.

A library that turns any HTML into Markdown (markdownify) would need a method of ours for each of these but the table,
and would pass over in silence what it does not know. Here that is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bs4 import BeautifulSoup, NavigableString, Tag
from sphinx.errors import ExtensionError

from pipeline.downloads.markdown import code_span, plain, printed, table

DRAWN = re.compile(r"(<svg\b[^>]*>).*?(?=</svg>)", re.DOTALL)  # to parse it took a second for some pages
UNSEEN = re.compile(r"<(style|script)\b.*?</\1>", re.DOTALL)


def value(html: str, picture: Callable[[str], str]) -> str:
    """Return what HTML shows, as Markdown.

    Parameters
    ----------
    html : str
        What a cell gave; or a tag alone that opens or closes what stands in other nodes, which shows nothing.
    picture : callable
        Returns the Markdown of a picture, from its words.

    Raises
    ------
    sphinx.errors.ExtensionError
        If there is no Markdown for a tag.

    Examples
    --------
    >>> value('<div><p><strong>✓</strong> a[0] is right.</p></div>', str)
    '**✓** a[0] is right.'
    """
    return _Values(picture).blocks(BeautifulSoup(DRAWN.sub(r"\1", UNSEEN.sub("", html)), "html.parser"))


class _Values:
    """Write tags as Markdown: the method ``_<name>`` for the tag of that name."""

    def __init__(self, picture: Callable[[str], str]) -> None:
        self.picture = picture

    def blocks(self, tag: Tag) -> str:
        return "\n\n".join(filter(None, map(self.block, tag.children)))

    def block(self, part: NavigableString | Tag) -> str:
        if isinstance(part, NavigableString):
            return plain(part.strip())
        if method := getattr(self, f"_{part.name}", None):
            return method(part)
        raise ExtensionError(f"a <{part.name}> has no Markdown form: add it to {__name__}. It stands in {part}")

    def _br(self, _tag: Tag) -> str:
        return ""

    def _div(self, tag: Tag) -> str:
        return self._question(tag) if "ptg-ask" in tag.get("class", []) else self.blocks(tag)

    def _figure(self, tag: Tag) -> str:
        # A picture with a choice has a sentence for each variant, in a paragraph.
        parts = tag.find_all(
            lambda part: part.name in ("figcaption", "p") or "aria-label" in part.attrs, recursive=True
        )
        words = (part.get_text() if part.name in ("figcaption", "p") else part["aria-label"] for part in parts)
        return self.picture("; ".join(words))

    def _p(self, tag: Tag) -> str:
        return "".join(self._strong(part) if part.name == "strong" else plain(part.get_text()) for part in tag)

    def _strong(self, tag: Tag) -> str:
        return f"**{plain(tag.get_text())}**"

    def _pre(self, tag: Tag) -> str:
        return printed(tag.get_text())

    def _question(self, tag: Tag) -> str:
        choices = [f"- {code_span(one.summary.get_text())} {self._p(one.p)}" for one in tag.find_all("details")]
        return "\n".join([f"**Question:** {self._p(tag.p)}", "", *choices])

    def _table(self, tag: Tag) -> str:
        rows = [
            [plain(cell.get_text()).replace("|", r"\|") for cell in row.find_all(["th", "td"])]
            for row in tag.find_all("tr")
        ]
        head = rows.pop(0) if tag.thead else [""] * len(rows[0])
        caption = f"\n\n{plain(tag.caption.get_text())}" if tag.caption else ""
        return table(head, rows) + caption

    def _in_cell(self, tag: Tag) -> str:
        return plain(tag.get_text()).replace("|", r"\|")
