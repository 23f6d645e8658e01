"""A picture of our own in words: its texts as they stand, the colors of its boxes, and which element is of which.

``ptguide.pictures`` writes it: ``class="ptg-2"`` is a color, of a box or of all boxes of a group that have none of
their own, ``data-k="1.4"`` the element 4 of tensor 1, and ``data-t`` the sentence that is shown of it. ``data-of``,
``data-by``, ``data-than`` and ``data-may`` have the elements that it was made of, and ``data-as`` those that it is a
copy of: at the element itself their names, and at the group of a tensor, whose number is ``data-i``, those of all its
elements in runs, as in ``3-4=0.10,15+1``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.running.words import png
from pipeline.running.words.numbers import digest, runs

PLACE = re.compile(r"translate\(([-\d.e]+)[ ,]+([-\d.e]+)\)")
COLOR = re.compile(r"\bptg-(\d+)\b")
FRAMES = ("ptg-on", "ptg-of", "ptg-by", "ptg-than", "ptg-may", "ptg-alone")
LINKS = ("as", "of", "by", "than", "may")
START = re.compile(r"M([-\d.]+) ([-\d.]+)h")  # of a box
MARK = 3, 10  # where a mark stands in its box
NUMBER = re.compile(r"[-+]?\d*\.\d+(?:e[-+]?\d+)?|[-+]?\d+e[-+]?\d+")
MOST = 40  # runs of links that are written out; of the rest a digest is kept

Attributes = dict[str, str]


@dataclass
class Drawing:
    """One SVG document, filled as its elements are read.

    Attributes
    ----------
    label : str
        What it shows, in words, as whoever wrote it says.
    """

    label: str = ""
    # Number and place of each group that is open, and the color of its boxes.
    _groups: list[tuple[int, float, float, str]] = field(default_factory=lambda: [(0, 0.0, 0.0, "")])
    _known: int = 0
    _texts: list[tuple[int, float, float, str]] = field(default_factory=list)  # group, y, x and words
    _colors: list[tuple[int, float, float, str]] = field(default_factory=list)
    _boxes: dict[tuple[int, float, float], int] = field(default_factory=dict)  # where a mark stands: the text's number
    _frames: list[str] = field(default_factory=list)
    _links: list[tuple[str, str, str]] = field(default_factory=list)  # kind, element and those that it is of
    _said: list[str] = field(default_factory=list)
    _others: list[str] = field(default_factory=list)
    _text: tuple[Attributes, list[str]] | None = None

    def start(self, tag: str, attributes: Attributes) -> None:
        """Take the start of an element."""
        classes = attributes.get("class", "")
        if tag == "g":
            self._start_group(attributes)
        elif tag == "text":
            self._text = attributes, []
        elif tag == "rect" and (color := COLOR.search(classes)):
            self._colors.append((*self._at(attributes), color[1]))
        elif tag == "path" and (usual := self._groups[-1][-1]):
            self._take_box(attributes.get("d", ""), COLOR.search(classes), usual)
        elif tag == "path":
            self._others.append(f"lines: {attributes.get('d', '').count('M')}")
        elif tag == "image":
            self._others.append(f"image: {png.words(attributes.get('href', ''))}")
        elif tag not in ("rect", "svg", "tspan"):
            self._others.append(tag)
        if "data-k" in attributes:
            self._take_element(attributes["data-k"], classes, attributes)

    def _start_group(self, attributes: Attributes) -> None:
        number, x, y, color = self._groups[-1]
        if place := PLACE.search(attributes.get("transform", "")):
            self._known += 1
            number, x, y = self._known, x + float(place[1]), y + float(place[2])
        if found := COLOR.search(attributes.get("class", "")):
            color = found[1]
        self._groups.append((number, x, y, color))
        for kind in LINKS if "data-i" in attributes else ():
            made = _expanded(attributes.get(f"data-{kind}", ""))
            self._links += [(kind, f"{attributes['data-i']}#{element}", of) for element, of in made]

    def _take_box(self, path: str, color: re.Match[str] | None, usual: str) -> None:
        if start := START.match(path):
            place = self._at({"x": start[1], "y": start[2]})
            self._colors.append((*place, color[1] if color else usual))
            self._boxes[place[0], place[1] + MARK[1], place[2] + MARK[0]] = len(self._texts)  # of its value, to come

    def _at(self, attributes: Attributes) -> tuple[int, float, float]:
        number, x, y, _ = self._groups[-1]
        return number, y + float(attributes.get("y", 0)), x + float(attributes.get("x", 0))

    def _take_element(self, key: str, classes: str, attributes: Attributes) -> None:
        frames = [name.removeprefix("ptg-") for name in classes.split() if name in FRAMES]
        self._frames += [f"{_named(key)} {name}" for name in frames]
        if others := attributes.get("data-of"):
            self._links.append(("of", _named(key), _named(others)))
        self._said += [attributes["data-t"]] if "data-t" in attributes else []

    def data(self, words: str) -> None:
        """Take what stands between elements."""
        if self._text:
            self._text[1].append(words)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        if tag == "g" and len(self._groups) > 1:
            self._groups.pop()
        elif tag == "text" and self._text:
            (attributes, parts), self._text = self._text, None
            self._take_text(attributes, "".join(parts).strip())

    def _take_text(self, attributes: Attributes, words: str) -> None:
        """Take a text, or letters that have a place each."""
        marks = "ptg-mark" in attributes.get("class", "")
        xs, ys = attributes.get("x", "0").split(), attributes.get("y", "0").split()
        for place, word in enumerate(words if len(xs) > 1 else [words]):
            at = self._at({"x": xs[place], "y": ys[min(place, len(ys) - 1)]})
            if marks and at in self._boxes:
                number = self._boxes[at]
                self._texts[number] = (*self._texts[number][:3], f"{self._texts[number][3]}:{word}")
            else:
                self._texts.append((*at, word))

    def lines(self) -> list[str]:
        """Return what was taken, in lines."""
        found = [
            " ".join(text for *_, text in line)
            for _, line in itertools.groupby(sorted(self._texts, key=_place), key=lambda text: _place(text)[:2])
        ]
        if self._colors:
            found.append(f"colors: {runs(color for *_, color in sorted(self._colors, key=_place))}")
        if self._frames:
            found.append(f"framed: {', '.join(sorted(self._frames))}")
        for kind in LINKS:
            if links := [(key, others) for name, key, others in self._links if name == kind]:
                found.append(f"{kind}: {_linked(links)}")
        if self._said:
            found.append(f"sentences: {len(self._said)}, {digest(sorted(NUMBER.sub('#', one) for one in self._said))}")
        return [*found, *([runs(self._others)] if self._others else [])]


def _place(item: tuple[int, float, float, str]) -> tuple[int, int, float]:
    group, y, x, _ = item
    return group, round(y), x


def _named(keys: str) -> str:
    """Return keys so that none is read as a decimal, which may differ a little: ``1#4`` for ``1.4``."""
    return keys.replace(".", "#")


def _expanded(runs: str) -> Iterator[tuple[int, str]]:
    """Yield each element with those that it was made of.

    Examples
    --------
    >>> list(_expanded("3-4=0.10,15-16+1 3=1.0"))
    [(3, '0#10 0#15-16 1#0'), (4, '0#11 0#16-17')]
    """
    made: dict[int, list[str]] = {}
    for run in runs.split():
        elements, _, sources = run.partition("=")
        tensor, _, places = sources.partition(".")
        places, _, step = places.partition("+")
        first, *last = map(int, elements.split("-"))
        for count, element in enumerate(range(first, (last or [first])[0] + 1)):
            moved = (
                "-".join(str(int(end) + count * int(step or 0)) for end in part.split("-"))
                for part in places.split(",")
            )
            made.setdefault(element, []).extend(f"{tensor}#{part}" for part in moved)
    yield from ((element, " ".join(of)) for element, of in sorted(made.items()))


def _linked(links: list[tuple[str, str]]) -> str:
    """Return which elements are of which, neighbours whose elements are neighbours too as one.

    Examples
    --------
    >>> _linked([("1#0", "0#4"), ("1#1", "0#5"), ("1#2", "0#6"), ("1#3", "0#0-2"), ("1#4", "0#0-2")])
    '1#0-2 each of 0#4 to 0#6; 1#3-4 all of 0#0-2'
    """
    ordered = sorted((*_element(key), others) for key, others in links)
    found: list[str] = []
    while ordered:
        count, step = _run(ordered)
        tensor, first, others = ordered[0]
        last = ordered[count - 1]
        name = f"{tensor}#{first}-{last[1]}" if count > 1 else f"{tensor}#{first}"
        if count == 1:
            found.append(f"{name} of {others}")
        elif not step:
            found.append(f"{name} all of {others}")
        else:
            found.append(f"{name} each of {others} to {last[2]}{f' by {step}' if step != 1 else ''}")
        del ordered[:count]
    rest = found[MOST:]
    return "; ".join([*found[:MOST], *([f"and {len(rest)} more, {digest(rest)}"] if rest else [])])


def _element(key: str) -> tuple[int, int]:
    tensor, _, place = key.partition("#")
    return int(tensor), int(place)


def _run(links: list[tuple[int, int, str]]) -> tuple[int, int]:
    """Return how many links from the first on go on in one step, and that step."""
    step: int | None = None
    for count, ((tensor, place, of), (other, after, its)) in enumerate(itertools.pairwise(links), 1):
        new = _step(of, its)
        if other != tensor or after != place + 1 or new is None or step not in (None, new):
            return count, step or 0
        step = new
    return len(links), step or 0


def _step(one: str, two: str) -> int | None:
    """Return by how much a link goes on to the next; None where it does not, or is of several elements."""
    if one == two:
        return 0
    if re.search(r"[- ]", one + two) or one.partition("#")[0] != two.partition("#")[0]:
        return None
    return _element(two)[1] - _element(one)[1]
