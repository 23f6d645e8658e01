"""What a page's Markdown must hold, beside the record of its run. Each check returns its complaints; none is good."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import download_checks

FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)\n?^\1$", re.MULTILINE | re.DOTALL)
HTML = re.compile(r"(?<!\\)</?(?!(?:sub|sup|br)>)[a-zA-Z][\w-]*(?:\s[^<>]*)?>")
LINK = re.compile(r"(?<!\\)\]\((\S*?)\)")
ORIGIN = re.compile(r"> From <(?P<page>\S+)>\. The code ran with (?P<versions>.+) on (?P<device>.+)\.")


def cells_of(markdown: str) -> Iterator[tuple[str, str]]:
    """Yield the code of each cell, and what stands between it and the next one."""
    code = [found for found in FENCE.finditer(markdown) if found[2] == "python"]
    ends = [found.start() for found in code[1:]] + [len(markdown)]
    for found, end in zip(code, ends, strict=True):
        yield found[3], markdown[found.end() : end]


def origin(markdown: str, record: dict[str, Any]) -> list[str]:
    """Return a complaint if a page does not begin with its title and, below it, with what it ran."""
    title, line, *_ = markdown.split("\n\n")
    said = ORIGIN.fullmatch(line)
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    found = [] if title.startswith("# ") else [f"it begins with {title!r}, not with a title"]
    if not said or (said["versions"], said["device"]) != (versions, record["device"]):
        found.append(f"below the title stands {line!r}, not that it ran with {versions} on {record['device']}")
    return found


def cells(markdown: str, record: dict[str, Any]) -> list[str]:
    """Return a complaint for each cell whose code, output or picture is not in its place."""
    made = list(cells_of(markdown))
    if [code.split() for code, _ in made] != [_shown(cell["code"]) for cell in record["cells"] if _shown(cell["code"])]:
        return [f"its {len(made)} cells are not the {len(record['cells'])} of the page, in their order"]
    found = []
    for (_, below), cell in zip(made, (cell for cell in record["cells"] if _shown(cell["code"])), strict=True):
        printed = [block[3] for block in FENCE.finditer(below) if block[2] == "text"]
        if cell["text"] and not any(_same(cell["text"], text) for text in printed):
            found.append(f"below the cell of line {cell['line']} is not what it printed:\n{cell['text']}")
        words = re.sub(r"\\([\\`*\[\]~$<&_])", r"\1", below)
        lacking = [picture for picture in cell["pictures"] if f"![{picture}](" not in words]
        found += [f"below the cell of line {cell['line']} is no picture: {picture}" for picture in lacking]
        if cell["html"] and not below.strip():
            found.append(f"below the cell of line {cell['line']} is nothing of its value")
    return found


def _shown(code: str) -> list[str]:
    return "\n".join(line for line in code.splitlines() if not line.startswith("# sphinx_gallery_")).split()


def _same(one: str, two: str) -> bool:
    return download_checks.lines_of(one) == download_checks.lines_of(two)


def leftovers(markdown: str) -> list[str]:
    """Return a complaint for each piece of reStructuredText or HTML in the text."""
    text = download_checks.CODE.sub("\0", markdown)
    found = [f"HTML is left: {one[0][:80]!r}" for one in HTML.finditer(text)]
    return found + download_checks.leftovers(markdown)


def links(markdown: str, site: Path, base: str, targets_of: Callable[[Path], set[str]]) -> list[str]:
    """Return a complaint for each link that is not absolute, or that leads to nothing in the site.

    Parameters
    ----------
    markdown : str
    site : Path
        Its folder.
    base : str
        Its address.
    targets_of : callable
        Returns all to which a fragment may lead in a file.
    """
    found = []
    for address in LINK.findall(download_checks.CODE.sub("\0", markdown)):
        url = urlsplit(address)
        if not url.scheme or not url.netloc:
            found.append(f"the link {address} is not absolute")
        elif address.startswith(base):
            goal = site / unquote(url.path.removeprefix(urlsplit(base).path))
            if not goal.is_file():
                found.append(f"{address} leads to no file")
            elif url.fragment and unquote(url.fragment) not in targets_of(goal):
                found.append(f"{address} leads to no place in the file")
    return found


class _Ids(HTMLParser):
    """Collects the ids of a file; to build its tree takes five times as long."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the id of a tag."""
        self.found |= {value for name, value in attrs if name == "id" and value}


def targets(file: Path) -> set[str]:
    """Return all to which a fragment may lead in a file."""
    parser = _Ids()
    parser.feed(file.read_text(encoding="utf-8"))
    return parser.found
