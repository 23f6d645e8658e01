"""HTML in words: a line for each block and each row of a table, links with where they lead, pictures in words."""

from __future__ import annotations

from html.parser import HTMLParser

from pipeline.running.words.svg import Drawing

BLOCKS = {
    *("address", "article", "aside", "blockquote", "caption", "details", "div", "dd", "dl", "dt", "figcaption"),
    *(
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "br",
        "li",
        "ol",
        "p",
        "pre",
        "section",
    ),
    *("summary", "table", "tbody", "thead", "tr", "ul"),
}
SILENT = {"script", "style"}
NOTHING = "(nothing in words)"


def words(html: str, known: str = "") -> list[str]:
    """Return the lines of text that HTML holds.

    Parameters
    ----------
    html : str
    known : str
        What is known of its pictures: a picture that is described in these words is not described again.

    Examples
    --------
    >>> words("<p>a <b>b</b></p><table><tr><td>1</td><td>2</td></tr></table>")
    ['a b', '1 | 2']
    """
    reader = _Reader(known)
    reader.feed(html)
    reader.close()
    reader.end_line()
    return reader.lines or [NOTHING]


class _Reader(HTMLParser):
    def __init__(self, known: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._known = known
        self._line: list[str] = []
        self._silent = 0
        self._drawing: Drawing | None = None
        self._depth = 0  # of SVG in SVG

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._silent += tag in SILENT
        if tag == "svg":
            self._depth += 1
            if not self._drawing:
                self.end_line()
                self._drawing = Drawing(attributes.get("aria-label", ""))
        if self._drawing:
            self._drawing.start(tag, attributes)
        elif tag in BLOCKS:
            self.end_line()
        elif tag in ("td", "th") and self._line:
            self._line.append(" | ")
        elif tag == "label":
            self._line.append(" ")
        elif tag == "img":
            self._line.append(f"(image: {attributes.get('alt', '')}) ")
        if tag == "a" and attributes.get("href"):
            self._line.append(f"<{attributes['href']}> ")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT
        if self._drawing:
            self._drawing.end(tag)
            if tag == "svg":
                self._depth -= 1
                self._end_drawing()
        elif tag in BLOCKS:
            self.end_line()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in ("g", "text", "svg"):
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._drawing:
            self._drawing.data(data)
        else:
            self._line.append(data)

    def _end_drawing(self) -> None:
        if self._drawing and not self._depth:
            label = self._drawing.label
            self.lines += [f"picture: {label}"] if label and label not in self._known else []
            self.lines += self._drawing.lines()
            self._drawing = None

    def end_line(self) -> None:
        line = " ".join("".join(self._line).split())
        self.lines += [line] if line else []
        self._line = []
