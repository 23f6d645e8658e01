"""Values in the text: ``:val:`x.shape` `` is put there by the build, ``:val:`3 <len(x)>` `` is typed and checked.

A text's values are computed in the names of its page when the cell that follows it has run (the last, where none
follows), or among the snippets of its Markdown file. What a role stands for is written into the record of the run. A
typed value that is not what the code gives fails the page, as a false assert does.
"""

from __future__ import annotations

import ast
import contextlib
import random
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.spelling import agrees, shown

if TYPE_CHECKING:  # the tests read Markdown without sphinx-gallery
    from pipeline.gallery.adapter import Block

ROLE = re.compile(r"(?<!`):val:`(?P<words>[^`\n]+)`")
MARKDOWN_ROLE = re.compile(r"(?<!`)\{val\}`(?P<words>[^`\n]+)`")
BEGUN = re.compile(r"(?<!`):val:`[^`\n]*$", re.MULTILINE)
TYPED = re.compile(r"(?P<typed>.+?)\s+<(?P<source>.+)>\s*\Z")
# Of what such a method or function gives, nothing may be stated: it changes what the page has.
CHANGES = set(
    "append backward clear discard extend insert manual_seed next pop popitem remove reverse seed send setdefault step "
    "update write writelines zero_grad exec eval setattr delattr open print load_state_dict".split()
)


class WrongValueError(AssertionError):
    """A value in a text is not what the code gives; ``cell_line`` is the line of the first."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.cell_line = line


@dataclass(frozen=True)
class Value:
    """A value that a text names.

    Attributes
    ----------
    line : int
        On which it stands.
    words : str
        What stands between its backticks.
    """

    line: int
    words: str

    @property
    def typed(self) -> str:
        """What is typed; empty where the build puts the value there."""
        found = TYPED.match(self.words)
        return found["typed"] if found else ""

    @property
    def source(self) -> str:
        """The expression."""
        found = TYPED.match(self.words)
        return found["source"] if found else self.words

    def found(self, names: dict[str, Any]) -> dict[str, Any]:
        """Return the entry of a record: what stands in the text, and what is ``wrong`` with it, if anything."""
        entry = {"line": self.line, "words": self.words, "source": self.source, "text": self.typed}
        try:
            value = evaluated(self.source, names)
            given = shown(value)
            right = not self.typed or agrees(self.typed, value)
        except Exception as error:
            what = f"{type(error).__name__}: {error}".partition("\n")[0]
            return entry | {"wrong": f"the value of `{self.source}` cannot be computed: {what}"}
        if not right:
            return entry | {"wrong": f"the text says {self.typed!r}, and `{self.source}` is {given}"}
        return entry | {"text": self.typed or given}


def of_page(script: str, blocks: Sequence[Block]) -> dict[int, list[Value]]:
    """Return for each cell of a script, counted from 0, the values that are computed when it has run.

    Raises
    ------
    WrongValueError
        If one does not end on the line on which it begins.
    """
    lines = script.splitlines()
    cells = [place for place, block in enumerate(blocks) if block.type == "code"]
    made: dict[int, list[Value]] = {}
    for place, block in enumerate(blocks):
        end = blocks[place + 1].lineno - 1 if place + 1 < len(blocks) else len(lines)
        if block.type == "text" and cells:
            cell = min(sum(before < place for before in cells), len(cells) - 1)
            for number in range(block.lineno, end + 1):
                if BEGUN.search(lines[number - 1]):
                    raise WrongValueError("a value ends on the line on which it begins: keep it in one", number)
                found = [Value(number, one["words"]) for one in ROLE.finditer(lines[number - 1])]
                made.setdefault(cell, []).extend(found)
    return made


def evaluated(source: str, names: dict[str, Any]) -> Any:
    """Return the value of an expression, which leaves the names and the random numbers as they are.

    Raises
    ------
    ValueError
        If it is written so that it changes something.
    """
    tree = ast.parse(source.strip(), mode="eval")
    for node in ast.walk(tree):
        name = _called(node)
        if isinstance(node, ast.NamedExpr) or name in CHANGES or (name.endswith("_") and not name.endswith("__")):
            raise ValueError(f"{name or ':='} changes something; compute it in a cell, and name the result here")
    with _same_random_numbers():
        return eval(compile(tree, "<value>", "eval"), names)


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


@contextlib.contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Leave the generators of Python, NumPy and torch where they are."""
    state, numpy, torch = random.getstate(), sys.modules.get("numpy"), sys.modules.get("torch")
    numpys = numpy.random.get_state() if numpy else None
    with contextlib.ExitStack() as stack:
        if torch:
            devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
            stack.enter_context(torch.random.fork_rng(devices=list(devices)))
        stack.enter_context(warnings.catch_warnings())
        yield
    random.setstate(state)
    if numpy:
        numpy.random.set_state(numpys)


def refuse_wrong(cells: Iterable[dict[str, Any]]) -> None:
    """Raise an error that lists the wrong values of a page.

    Raises
    ------
    WrongValueError
        If there is one.
    """
    if wrong := [value for cell in cells for value in cell["values"] if "wrong" in value]:
        raise WrongValueError("\n".join(f"line {value['line']}: {value['wrong']}" for value in wrong), wrong[0]["line"])


def of_record(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the values of a page or of a Markdown file, in their order."""
    return [value for cell in record.get("cells", ()) for value in cell.get("values", ())]


def filled(script: str, found: Iterable[dict[str, Any]]) -> str:
    """Return a script in which the values stand in the text; what it computes, and its lines, are the same."""
    lines = script.splitlines(keepends=True)
    for value in found:
        place = value["line"] - 1
        lines[place] = lines[place].replace(f":val:`{value['words']}`", value["text"], 1)
    return "".join(lines)
