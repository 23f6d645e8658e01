"""What is said about an error, in lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ptguide._explaining import (  # noqa: F401 - each adds its rules to the list, in the order in which they are asked
    _rules_axes,
    _rules_graph,
    _rules_instead,
    _rules_kinds,
    _rules_layers,
    _rules_losses,
    _rules_picks,
    _rules_products,
    _rules_python,
    _rules_saved,
    _rules_shapes,
)
from ptguide._explaining._calls import Call, Operand, tensor_of
from ptguide._explaining._compiled import compiled_line, compiled_message
from ptguide._explaining._finding import Finding, find
from ptguide._explaining._general import search
from ptguide._explaining._hooks import HEAD
from ptguide._explaining._pages import address, page_of
from ptguide._explaining._site import Site, find_site, is_readers
from ptguide._explaining._standins import apart
from ptguide._explaining._trying import Tried, tried
from ptguide._explaining._words import kind

RAISED = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, ModuleNotFoundError, AssertionError)
MOST_TENSORS = 8
MOST_LINES = 24  # of a rule


@dataclass(frozen=True)
class Answer:
    """What is known about an error; printed, it is the text of the note.

    Attributes
    ----------
    site : Site
    finding : Finding or None
        None where no rule is known.
    changes : list of Tried
        Those that worked.
    page : str
        Empty where no rule is known.
    place : str
        The reader's line.
    """

    site: Site
    finding: Finding | None
    changes: list[Tried]
    page: str
    place: str

    @property
    def call(self) -> Call:
        """The innermost call that has tensors, or that of the reader's line."""
        return next((call for call in self.site.calls if call.tensors()), self.site.call)

    def tensors(self) -> list[Operand]:
        """Return the tensors of the call, also those of which the message alone tells the shape."""
        names = {one.name for one in (*self.call.args, *self.call.words.values()) if not one.is_tensor}
        told = self.finding.operands.values() if self.finding else []
        return [*self.call.tensors(), *(one for one in told if one.is_tensor and one.name in names)][:MOST_TENSORS]

    def __str__(self) -> str:
        with apart():
            return "\n".join([HEAD, *self._lines()])

    def _lines(self) -> Iterator[str]:
        yield from _entry("where", self.place)
        if self.site.layer:
            yield from _entry("layer", str(self.site.layer))
        yield from _entry("tensors", "\n".join(_table([row(one) for one in self.tensors()])))
        if self.finding:
            yield from _entry("rule", "\n".join(self.finding.rule.split("\n")[:MOST_LINES]))
        yield from _entry("works", "\n".join(map(_told, self.changes)), wrap=False)
        if self.page:
            yield from _entry("page", address(self.page))


def explain_error(error: BaseException) -> Answer | None:
    """Explain an error of torch.

    Parameters
    ----------
    error : BaseException
        With its traceback. It is not changed.

    Returns
    -------
    Answer or None
        None where the error is none of torch's, and nothing is known about it.
    """
    if not isinstance(error, RAISED) or isinstance(error, RecursionError):
        return None
    with apart():
        site = find_site(error)
        if site is None or (isinstance(error, AssertionError) and not site.in_layer):
            return None
        message = compiled_message(str(error))
        found = find(site, message)
        finding, page = found or (None, "")
        changes = tried(finding) if finding else []
        measured = search(site, error) if site.in_torch and not changes else None
        if measured is not None:
            finding, changes = finding or measured[0], measured[1]
        if finding is None and not (site.in_torch and any(call.tensors() for call in site.calls)):
            return None
        page = page_of(message, page)
        return Answer(site, finding, changes, page, _place(site, error))


def _place(site: Site, error: BaseException) -> str:
    line = compiled_line(str(error))
    line = line if line and is_readers(line[0]) else None
    file, number, function, code = line or (site.file, site.line, site.function, site.call.text)
    if not file:
        return ""
    inside = "" if function.startswith("<") else f", in {function}"
    name = file if file.startswith("<") else Path(file).name
    return f"{name}, line {number}{inside}: {code}"


def row(operand: Operand) -> list[str]:
    """Return what a tensor is, in cells: no value of it is read."""
    tensor = tensor_of(operand)
    try:
        strides = f"strides {tuple(tensor.stride())}"
    except RuntimeError:  # a sparse tensor has none
        strides = str(tensor.layout)
    device = operand.device or ("" if tensor.is_meta else tensor.device)
    grad = "requires grad" if tensor.requires_grad else ""
    return [operand.name, str(tuple(tensor.shape)), kind(tensor.dtype), str(device), strides, grad]


def _told(change: Tried) -> str:
    """Write a change in one line, or below each other where it has lines itself."""
    if "\n" in change.shown or len(change.shown) > 90:
        return f"{change.shown}\n  {change.gives}"
    return f"{change.shown}, {change.gives}"


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip() for one in rows]


def _entry(name: str, text: str, wrap: bool = True) -> list[str]:
    """Return a named paragraph, its lines below each other."""
    if not text:
        return []
    lines = [part for line in text.split("\n") for part in (_wrapped(line) if wrap else [line])]
    return [f"  {name if place == 0 else '':<8} {line}" for place, line in enumerate(lines)]


def _wrapped(line: str) -> list[str]:
    """Break a long sentence; a line that is lined up stays as it is."""
    if "  " in line.strip() or len(line) <= 110:
        return [line]
    return textwrap.wrap(line, 110, break_long_words=False, break_on_hyphens=False)
