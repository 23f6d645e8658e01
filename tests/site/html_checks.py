"""What the files of the site must hold, read without a browser. Each check returns its complaints; none is good."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, NavigableString, Tag

FILE_NAME = re.compile(r"^\S+\.(?:png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
RAW_MATH = re.compile(r"\\[(\[]|\$[^\s$][^$]*\$|\$\$|:math:`|\\(?:frac|sum|ldots|mathbb|times)\b")
VERSION = r"\d+(?:\.\d+)+\S*"
PROVENANCE = re.compile(
    rf"(?P<claims>\d+) claims? held when this page ran on (?P<date>\d{{4}}-\d\d-\d\d), in \d+\.\d s, "
    rf"with Python {VERSION}, torch {VERSION}(?:, \w+ {VERSION})* on (?P<device>.+?)"
    r"(?:, from commit (?P<commit>\S+?))?\. "
)
CODE_LINK = re.compile(r"^https://docs\.pytorch\.org/(?:docs|vision)/stable/\S+\.html#\S+")
TYPE = re.compile(r"^https://docs\.python\.org/3/library/stdtypes\.html#\w+$")
RAW_MARKUP = re.compile(r":(?:doc|ref|func|class|meth|mod|attr|term|py:\w+):|^\.\. [\w-]+::|\{\w+\}`", re.MULTILINE)
NO_PROSE = {"pre", "code", "script", "style", "annotation", "svg"}
SAYS_MORE = re.compile(r"[a-z]{2}")  # an alternative text that has words


@cache
def read(path: Path) -> BeautifulSoup:
    """Return a parsed file."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def targets(path: Path) -> frozenset[str]:
    """Return all to which a fragment may lead in a file."""
    return frozenset(
        str(tag.get(name)) for tag in read(path).find_all(True) for name in ("id", "name") if tag.get(name)
    )


def links(site: Path, page: str) -> list[str]:
    """Return a complaint for each link, image, script or style that leads to no file, or to no place in it."""
    document, found = read(site / page), []
    canonical = document.find("link", rel="canonical")
    base = str(canonical["href"]).removesuffix(page) if isinstance(canonical, Tag) else None
    for tag in document.find_all(True):
        addresses = [str(tag[name]) for name in ("href", "src", "data", "poster", "action") if tag.get(name)]
        addresses += [part.split()[0] for part in str(tag.get("srcset", "")).split(",") if part.strip()]
        for address in addresses:
            if base and address.startswith(base):  # the site's own address on the network
                address, start = address.removeprefix(base), site
            else:
                start = (site / page).parent
            url = urlsplit(address)
            if url.scheme or url.netloc:
                continue
            goal = (start / unquote(url.path)).resolve() if url.path else site / page
            if not goal.is_file():
                found.append(f"<{tag.name}> leads to {address}: there is no such file")
            elif goal.suffix == ".html" and url.fragment and unquote(url.fragment) not in targets(goal):
                found.append(f"<{tag.name}> leads to {address}: there is no such place in the file")
    return found


def words_for_pictures(document: BeautifulSoup) -> list[str]:
    """Return a complaint for each picture that a person who cannot see it is not told of."""
    found = []
    for image in document.find_all("img"):
        alt = str(image.get("alt") or "").strip()
        if FILE_NAME.match(alt) or not SAYS_MORE.search(alt):
            found.append(f"the image {str(image.get('src'))[:80]} has the alternative text {alt!r}")
    for picture in document.find_all("svg"):
        name = picture.get("aria-label") or (picture.title and picture.title.get_text())
        if picture.get("aria-hidden") != "true" and (picture.get("role") != "img" or not name):
            found.append(f"a picture has role {picture.get('role')!r} and name {name!r}; expected img and words")
    return found


def thumbnails(site: Path, page: str, no_image: bytes) -> list[str]:
    """Return a complaint for each thumbnail that is sphinx-gallery's stand-in, or another page's picture."""
    found = []
    for card in read(site / page).select(".sphx-glr-thumbcontainer"):
        image, link = card.find("img"), card.find("a")
        if not isinstance(image, Tag) or not isinstance(link, Tag):
            found.append(f"a card lacks its picture or its link: {str(card)[:120]}")
            continue
        file = (site / page).parent / unquote(str(image["src"]))
        goal = (site / page).parent / unquote(str(link["href"]))
        if not file.is_file() or not goal.is_file():
            found.append(f"a card leads to {file} and {goal}, not both of which are there")
        elif file.read_bytes() == no_image:
            found.append(f"the page {link['href']} has no picture of its own")
        elif file.suffix == ".svg" and not _is_of(file, goal):
            words = str(read(file).svg.get("aria-label"))
            found.append(f"the picture of {link['href']} is not on that page: {words[:100]}")
    return found


def _is_of(thumbnail: Path, page: Path) -> bool:
    """Return whether a page shows the picture of a thumbnail, or prints the lines that stand on it."""
    words = str(read(thumbnail).svg.get("aria-label"))
    if words.startswith("The page prints: "):
        printed = "\n".join(output.get_text() for output in read(page).select(".sphx-glr-script-out"))
        return all(line.get_text().rstrip("…") in printed for line in read(thumbnail).find_all("text"))
    return any(str(picture.get("aria-label")) in words for picture in read(page).select("article svg"))


def leftovers(document: BeautifulSoup) -> tuple[int, list[str]]:
    """Return how many formulas a page has, and a complaint for LaTeX or reStructuredText that shows as such."""
    formulas = document.select("article .math")
    found = [f"a formula is not MathML: {one.get_text()[:80]}" for one in formulas if not one.find("math")]
    text = [part.strip() for part in _prose(document.find("article"))]
    found += [f"LaTeX stands in the text: {part[:80]!r}" for part in text if RAW_MATH.search(part)]
    found += [f"markup stands in the text: {part[:80]!r}" for part in text if RAW_MARKUP.search(part)]
    return len(formulas), found


def _prose(tag: Tag | None) -> Iterator[str]:
    """Yield the texts in a tag, without code, formulas and pictures."""
    for part in tag.children if tag else ():
        if isinstance(part, Tag):
            yield from _prose(part) if part.name not in NO_PROSE else ()
        elif type(part) is NavigableString:  # no comment, no declaration
            yield part


def outline(document: BeautifulSoup) -> list[str]:
    """Return a complaint for headings that are not one title and levels below it, and for an id of several parts."""
    levels = [int(heading.name[1]) for heading in document.select("main :is(h1, h2, h3, h4, h5, h6)")]
    found = [] if levels.count(1) == 1 else [f"it has {levels.count(1)} titles (h1); expected one"]
    found += [
        f"a heading of level {under} follows one of level {over}"
        for over, under in pairwise(levels)
        if under > over + 1
    ]
    ids = Counter(str(tag["id"]) for tag in document.find_all(id=True))
    del ids["sg-tag-list"]  # sphinx-gallery's, empty, once a chapter; nothing leads to it
    return found + [f"{count} parts have the id {name}" for name, count in ids.items() if count > 1]


def provenance(document: BeautifulSoup, *, commit: bool) -> list[str]:
    """Return a complaint if a page does not say when, where and with what it ran, and how many claims held.

    Parameters
    ----------
    document : BeautifulSoup
    commit : bool
        Whether the site was built from a repository, so that the page must name the commit.
    """
    text = " ".join(" ".join(part.get_text() for part in document.select("section.provenance")).split())
    said = PROVENANCE.match(text)
    if not said:
        return [f"the provenance is not complete: {text!r}"]
    found = []
    if int(said["claims"]) < 1:
        found.append("no claim held")
    if (
        not datetime.date(2026, 1, 1)
        <= datetime.date.fromisoformat(said["date"])
        <= datetime.datetime.now(datetime.UTC).date()
    ):
        found.append(f"it ran on {said['date']}")
    if commit and not re.fullmatch(r"[0-9a-f]{7,40}\+?", said["commit"] or ""):
        found.append(f"it names the commit {said['commit']!r}")
    return found


def code_links(document: BeautifulSoup) -> list[str]:
    """Return a complaint if the names of torch in the code cells of a page do not lead to PyTorch's documentation."""
    cells = document.select(".highlight-Python, .highlight-python")
    found = [] if cells else ["there is no code"]
    linked = {(link.get_text(), str(link["href"])) for cell in cells for link in cell.select("a[href]")}
    # Of what is no function and no class, such as torch.inf or torch.version.cuda, sphinx-gallery links the type.
    torch = sorted((name, href) for name, href in linked if re.match(r"torch\.(?!__)", name))
    found += [f"{name} leads to {href}" for name, href in torch if not (CODE_LINK.match(href) or TYPE.match(href))]
    if not torch:
        code = "".join(str(text) for cell in cells for text in cell.find_all(string=True) if not _is_in_a_string(text))
        if re.search(r"\btorch\.[a-z]\w+\(", code):
            found.append("no name of torch in the code is a link")
    return found


def _is_in_a_string(text: NavigableString) -> bool:
    return text.find_parent("span", class_=["s1", "s2", "sd"]) is not None


def downloads(document: BeautifulSoup) -> list[str]:
    """Return a complaint if a page does not offer itself as a script, as a notebook and with its chapter."""
    ends = [str(link["href"]).rpartition(".")[2] for link in document.select(".run-this-page a[download]")]
    return [] if ends == ["py", "ipynb", "zip"] else [f"the downloads are {ends}; expected py, ipynb and zip"]
