"""Read a picture back from its SVG, as an independent reader of what the package writes."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Cell:
    """One element that is drawn; `of` has the keys of its sources by kind."""

    value: str
    color: int
    frame: str | None
    said: str | None
    of: dict[str, set[str]]


def elements(picture):
    """Return each element that has a key, in the order in which they are drawn."""
    tree = ET.fromstring(picture.svg)
    links = {}
    for group in tree.iter(f"{SVG}g"):
        for kind in ("as", "of", "by", "than", "may"):
            if group.get("data-n") is not None and group.get(f"data-{kind}"):
                for element, source in expanded(group.get(f"data-{kind}")):
                    key = f"{group.get('data-i')}.{element}"
                    links.setdefault(key, {}).setdefault(kind, set()).add(source)
    found = {}
    for group in tree.iter(f"{SVG}g"):
        for cell in group.findall(f"{SVG}g[@data-k]"):
            key = cell.get("data-k")
            shape = next(part for part in cell if part.tag in (f"{SVG}rect", f"{SVG}path"))
            color = int((shape.get("class") or group.get("class")).split()[-1].removeprefix("ptg-"))
            of = {"of": set(cell.get("data-of").split())} if cell.get("data-of") else links.get(key, {})
            found[key] = Cell(cell.find(f"{SVG}text").text, color, cell.get("class"), cell.get("data-t"), of)
    return found


def expanded(runs):
    """Yield an element and a source of it, for text such as ``3-4=0.10,15+1``."""
    for run in runs.split():
        left, right = run.split("=")
        tensor, places = right.split(".")
        places, _, step = places.partition("+")
        for count, element in enumerate(span(left)):
            for part in places.split(","):
                yield from ((element, f"{tensor}.{place + count * int(step or 0)}") for place in span(part))


def span(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def texts(picture, kind):
    """Return the texts of a class, those of a list of letters one by one, or (``value``) those of the cells."""
    tree = ET.fromstring(picture.svg)
    if kind == "value":
        return [text.text for g in tree.iter(f"{SVG}g") if "ptg-cells" in g.get("class", "") for text in values(g)]
    found = [text for text in tree.iter(f"{SVG}text") if f"ptg-{kind}" in text.get("class", "").split()]
    return [part for text in found for part in (text.text if " " in text.get("x") else [text.text])]


def values(group):
    return [text for text in group.iter(f"{SVG}text") if "class" not in text.attrib]


def boxes(picture):
    """Return the color of each box of a tensor, in order."""
    groups = [g for g in ET.fromstring(picture.svg).iter(f"{SVG}g") if "ptg-cells" in g.get("class", "")]
    return [(path.get("class") or g.get("class"))[-1] for g in groups for path in g.iter(f"{SVG}path")]
