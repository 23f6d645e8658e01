"""A picture: panels of SVG beside each other, their style, and the script that lights up what belongs together."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

LINE = 940  # pixels; a file breaks its panels into lines of this width, a page into lines of its own

FOLDER = Path(__file__).parent
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Of the style and the script, which each picture holds, comments, indentation and ends of lines are left out.
RULES = COMMENT.sub("", (FOLDER / "_style.css").read_text(encoding="utf-8")).split("\n")
SCRIPT = re.sub(r"\s*\n\s*", "", COMMENT.sub("", (FOLDER / "_lights.js").read_text(encoding="utf-8")))
ADDED = {"ptg-on", "ptg-of", "ptg-by", "ptg-than", "ptg-may", "ptg-touched"}  # classes that the script adds
KEYS = "Elements that belong together: move with the arrow keys"
LIVE = re.compile(r"<script>.*?</script>| (?:data-[a-z]+|tabindex)=\"[^\"]*\"", re.DOTALL)  # of no use in an image


@dataclass(frozen=True)
class Panel:
    """One drawing: SVG elements, their width and height in pixels, and what they show in words."""

    body: str
    width: float
    height: float
    description: str


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        return f"<Picture: {self.description}>"

    @property
    def description(self) -> str:
        """What the picture shows, in words (its alternative text)."""
        return "; ".join(
            [panel.description for panel in self.panels if panel.description] + [self.said] * bool(self.said)
        )

    @property
    def svg(self) -> str:
        """The whole picture as one SVG document, on a light background; elements light up where it is opened alone."""
        body, width, height = self.laid_out()
        script = f"<script><![CDATA[{SCRIPT}]]></script>" * self.moves
        body = f"{style(f'ptg-op ptg-paper ptg-said {body}')}{PAPER}{body}{script}"
        return document(body, width, height, self.description, FILE + self.live())

    def laid_out(self) -> tuple[str, float, float]:
        """Return the panels in lines, as SVG elements, and below them what is said; with the width and the height."""
        left = top = tallest = widest = 0.0
        parts = []
        for panel in self.panels:
            if left and left + panel.width > LINE:
                left, top, tallest = 0.0, top + tallest, 0.0
            parts.append(f'<g transform="translate({left:g} {top:g})">{panel.body}</g>')
            left, tallest = left + panel.width, max(tallest, panel.height)
            widest = max(widest, left)
        height = top + tallest
        if self.said:
            parts.append(f'<text class="ptg-said" x="8" y="{height + 16:g}">{escape(self.said)}</text>')
            height += 28
            widest = max(widest, 8.0 * len(self.said))
        return "".join(parts), widest, height

    def live(self) -> str:
        """Return the attributes of the element in which elements light up; an empty text where nothing does."""
        return f' class="ptg-op" tabindex="0" data-home="{self.home}"' if self.said else ""

    def save(self, path: str | Path) -> None:
        """Write the picture to an SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def _repr_html_(self) -> str:
        return f"{self.html()}{f'<script>{SCRIPT}</script>' * self.moves}</figure>"

    @property
    def moves(self) -> bool:
        """Whether there is something for the script to do."""
        return bool(self.said)

    def html(self) -> str:
        """Return the picture for a page, but for its script and its end."""
        if not self.said:
            body = flow(drawn(self.panels))
            return f'<figure class="ptg-picture">{style(f"ptg-picture {body}")}{body}'
        said = f'<figcaption class="ptg-said" aria-live="polite">{escape(self.said)}</figcaption>'
        return figure(f"{flow(drawn(self.panels))}{said}", f' data-home="{self.home}"')

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return what a notebook shows: an image, of which the script makes what a page shows.

        A notebook that is not trusted, because somebody else ran it, shows HTML without SVG and scripts, and keeps
        images. (JupyterLab 4.6)
        """
        page = f"{self.html()}</figure>"
        name = f"ptg-{hashlib.sha256(page.encode()).hexdigest()[:12]}"
        image = base64.b64encode(LIVE.sub("", self.svg).encode()).decode()
        script = json.dumps(page).replace("</", r"<\/")
        return {
            "text/plain": repr(self),
            "text/html": f'<div class="{name}"><img alt="{escape(self.description)}" '
            f'src="data:image/svg+xml;base64,{image}"><script>document.querySelectorAll(".{name}")'
            f".forEach(function (one) {{ one.outerHTML = {script}; }});\n{SCRIPT}</script></div>",
        }


FILE = ' xmlns="http://www.w3.org/2000/svg" style="max-width:100%;height:auto"'  # of a document that stands alone
PAPER = '<rect class="ptg-paper" width="100%" height="100%" rx="6"/>'


def document(body: str, width: float, height: float, description: str, attributes: str = "") -> str:
    """Return an SVG element."""
    words = f'role="img" aria-label="{escape(description)}"' if description else 'aria-hidden="true"'
    box = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return f"<svg {words} {box}{attributes}>{body}</svg>"


def drawn(panels: tuple[Panel, ...]) -> str:
    """Return each panel as an SVG document of its own: a page puts them into lines."""
    return "".join(document(panel.body, panel.width, panel.height, panel.description) for panel in panels)


def style(body: str) -> str:
    """Return the rules that an SVG or HTML needs, as an element: those for classes that it has."""
    known = ADDED | set(re.findall(r"\bptg-[a-z0-9]+", body))

    def needed(rule: str) -> bool:
        selectors = rule.partition("{")[0].split(",")
        return any(known.issuperset(re.findall(r"ptg-[a-z0-9]+", selector)) for selector in selectors)

    return f"<style>{''.join(filter(needed, RULES))}</style>"


def flow(body: str) -> str:
    """Return what stands beside each other as far as there is room."""
    return f'<div class="ptg-flow">{body}</div>'


def figure(body: str, attributes: str = "") -> str:
    """Return the start of a figure in which elements light up."""
    return (
        f'<figure class="ptg-picture ptg-op" tabindex="0" role="group"{attributes} '
        f'aria-label="{KEYS}">{style(f"ptg-picture ptg-op {body}")}{body}'
    )
