"""A picture: panels of SVG beside each other, their style, and the script that lights up what belongs together."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

LINE = 940  # pixels; a file breaks its panels into lines of this width, a page into lines of its own

STYLE = f"<style>\n{(Path(__file__).parent / '_style.css').read_text(encoding='utf-8')}</style>"
SCRIPT = (Path(__file__).parent / "_lights.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Panel:
    """One drawing: SVG elements, their width and height in pixels, and what they show in words."""

    body: str
    width: float
    height: float
    description: str


@dataclass(frozen=True)
class Picture:
    """Drawings beside each other; a notebook and a page of the guide show it as the value of a cell.

    Parameters
    ----------
    panels : tuple of Panel
        From left to right.
    said : str
        What the lit-up example shows, in words; empty where nothing can light up.
    home : str
        The key of the element that is lit up at first.
    """

    panels: tuple[Panel, ...]
    said: str = ""
    home: str = ""

    @property
    def description(self) -> str:
        """What the picture shows, in words (its alternative text)."""
        return "; ".join(
            [panel.description for panel in self.panels if panel.description] + [self.said] * bool(self.said)
        )

    @property
    def svg(self) -> str:
        """The whole picture as one SVG document, on a light background; elements light up where it is opened alone."""
        left = top = tallest = widest = 0.0
        parts = []
        for panel in self.panels:
            if left and left + panel.width > LINE:
                left, top, tallest = 0.0, top + tallest, 0.0
            parts.append(f'<g transform="translate({left:g} {top:g})">{panel.body}</g>')
            left, tallest = left + panel.width, max(tallest, panel.height)
            widest = max(widest, left)
        height = top + tallest
        attributes = ""
        if self.said:
            parts.append(f'<text class="ptg-said" x="8" y="{height + 16:g}">{escape(self.said)}</text>')
            parts.append(f"<script><![CDATA[{SCRIPT}]]></script>")
            height += 28
            widest = max(widest, 8.0 * len(self.said))
            attributes = f' class="ptg-op" tabindex="0" data-home="{self.home}"'
        return _document("".join(parts), widest, height, self.description, STYLE, attributes)

    def save(self, path: str | Path) -> None:
        """Write the picture to an SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def _repr_html_(self) -> str:
        panels = "".join(_document(panel.body, panel.width, panel.height, panel.description) for panel in self.panels)
        flow = '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:center">'
        if not self.said:
            return f'<figure class="ptg-picture" style="margin:0">{STYLE}{flow}{panels}</div></figure>'
        return (
            f'<figure class="ptg-picture ptg-op" style="margin:0" tabindex="0" role="group" data-home="{self.home}" '
            f'aria-label="Elements that belong together: move with the arrow keys">{STYLE}{flow}{panels}</div>'
            f'<figcaption class="ptg-said" aria-live="polite">{escape(self.said)}</figcaption>'
            f"<script>{SCRIPT}</script></figure>"
        )


def _document(body: str, width: float, height: float, description: str, style: str = "", attributes: str = "") -> str:
    words = f'role="img" aria-label="{escape(description)}"' if description else 'aria-hidden="true"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {words} viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" style="max-width:100%;height:auto"{attributes}>'
        f'{style}<rect class="ptg-paper" width="100%" height="100%" rx="6"/>{body}</svg>'
    )
