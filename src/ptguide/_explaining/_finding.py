"""What a rule finds out about an error, and the list of rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ptguide._explaining._calls import Call, Operand
from ptguide._explaining._site import Site


@dataclass(frozen=True)
class Change:
    """A change of the call, as code that is tried and as the reader is told of it.

    Attributes
    ----------
    code : str
        An expression or statements; ``{a}`` stands for the operand ``a``.
    shown : str
        What to write instead, where it is another line than the one that is tried; else empty.
    """

    code: str
    shown: str = ""


@dataclass(frozen=True)
class Finding:
    """The rule that was broken, and what could make the call work.

    Attributes
    ----------
    rule : str
        The rule on the reader's sizes, in lines.
    operands : dict of str to Operand
        What the code of the changes calls ``{a}`` and so on.
    fails : str
        The call as it failed, in the same form. A change counts only where this one was seen to fail too.
    changes : sequence of Change or str
        The likeliest first.
    at_last : sequence of Change or str
        What to try if none of them works: an operand of another shape.
    values : bool
        Whether the values decide, so that there is nothing to learn on ``meta``.
    graph : bool
        Whether autograd takes part, so that the trials record.
    example : bool
        Whether the code makes its own small tensors: then what it gives is not the reader's.
    smallest : bool
        Whether of the changes that work those with the smallest result count.
    most : int
        How many changes are told.
    page : str
        The page of the guide, if it is another than that of the rule.
    """

    rule: str
    operands: dict[str, Operand] = field(default_factory=dict)
    fails: str = ""
    changes: Sequence[Change | str] = ()
    at_last: Sequence[Change | str] = ()
    values: bool = False
    graph: bool = False
    example: bool = False
    smallest: bool = False
    most: int = 2
    page: str = ""


@dataclass(frozen=True)
class Case:
    """An error, as a rule sees it.

    Attributes
    ----------
    message : str
    match : re.Match
        Of the pattern of the rule in the message.
    site : Site
    """

    message: str
    match: re.Match[str]
    site: Site

    def call(self, *ops: str) -> Call:
        """Return the innermost call of one of these operations, or raise LookupError."""
        found = next((call for call in self.site.calls if call.op in ops), None)
        if found is None:
            raise LookupError(f"no call of {ops}")
        return found

    def nearest(self, tensors: int = 1) -> Call:
        """Return the innermost call with so many tensors among its operands, or raise LookupError."""
        found = next((call for call in self.site.calls if len(call.tensors()) >= tensors), None)
        if found is None:
            raise LookupError(f"no call with {tensors} tensors")
        return found

    def outer(self, tensors: int = 1) -> Call:
        """Return the outermost call of torch with so many tensors, which has the reader's own names for them."""
        calls = (call for call in reversed(self.site.calls) if call.op != "module" and call.by_torch)
        return next((call for call in calls if len(call.tensors()) >= tensors), None) or self.nearest(tensors)


Rule: TypeAlias = Callable[[Case], Finding | None]


@dataclass(frozen=True)
class Entry:
    """A rule with the message that it explains and the page about it."""

    pattern: re.Pattern[str]
    rule: Rule
    page: str
    anywhere: bool


RULES: list[Entry] = []


def explains(pattern: str, page: str, anywhere: bool = False) -> Callable[[Rule], Rule]:
    """Add a rule to the list; of several that fit, the first that finds something counts.

    Parameters
    ----------
    pattern : str
        A regular expression that is found in the message.
    page : str
        Where the guide explains it, such as ``"shapes/cat"``.
    anywhere : bool
        Whether Python itself raises this error, so that the innermost call need not be one of torch.
    """

    def add(rule: Rule) -> Rule:
        RULES.append(Entry(re.compile(pattern, re.DOTALL), rule, page, anywhere))
        return rule

    return add


def find(site: Site, message: str) -> tuple[Finding, str] | None:
    """Return what the first rule that fits finds, and its page."""
    for entry in RULES:
        match = entry.pattern.search(message)
        if match and (site.in_torch or entry.anywhere):
            try:
                finding = entry.rule(Case(message, match, site))
            except Exception:  # an operand that is not known, or another call than the rule expects
                continue
            if finding is not None:
                return finding, finding.page or entry.page
    return None
