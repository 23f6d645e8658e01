"""The text of `ptguide.rules` in the reader's names."""

from __future__ import annotations

import re
from collections.abc import Mapping

REMEDY = re.compile(r"^(Try|Insert|Swap|To cross|No swap|Use)\b.*$\n?", re.MULTILINE)  # what is tried here instead
ROW = re.compile(r"^([a-z])( {3,})(.*)$")


def in_names(text: str, names: Mapping[str, str]) -> str:
    """Return an explanation that calls its operands by other names, without its remedies.

    Parameters
    ----------
    text : str
        The text of an explanation.
    names : mapping of str to str
        The new name for each old one.
    """
    lines = [line for line in REMEDY.sub("", text).rstrip("\n").split("\n") if line]
    rows = [ROW.match(line) for line in lines]
    width = max((len(names.get(row[1], row[1])) for row in rows if row), default=1)
    found = []
    for line, row in zip(lines, rows, strict=True):
        if row and row[1] in names:
            found.append(f"{names[row[1]].ljust(width)}{row[2]}{row[3]}")
        elif line.startswith("result  "):
            continue  # there is none
        else:
            found.append(re.sub(r"\b(of|in) ([a-z])\b(?! [a-z]+ of)", lambda one: _named(one, names), line))
    return "\n".join(found)


def _named(match: re.Match[str], names: Mapping[str, str]) -> str:
    return f"{match[1]} {names.get(match[2], match[2])}"


def kind(dtype: object) -> str:
    """Return the name of a data type without its module."""
    return str(dtype).removeprefix("torch.")


def counted(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short(value: object) -> str:
    """Write a value in one line, shortened."""
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:37]}…"
