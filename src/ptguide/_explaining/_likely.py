"""Which changes of a call are likely: by what a message says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import torch

from ptguide._explaining._attempt import SETTING, Attempt, Given, Key
from ptguide._explaining._others import Other
from ptguide._explaining._standins import is_tensor

HINTS = {
    "dtype": r"dtype|scalar type|Long|Float|Double|[Bb]oolean|integral|floating|\btype\b|BoolTensor",
    "shape": r"shape|size|[Dd]im|matri|elements?\b|\d-?[dD]\b|numel|axes|length|batch|columns|rows|indices",
    "memory": r"memory location|clone\(\)|overlap",
    "values": r"negative|\binf\b|\bnan\b|element < 0",
    "number": r"\d|zero|tive|range|greater|less|size|dim|step|must|[Ii]nvalid|required|large|small|support|inferred",
    "word": r"valid|must|support|either|one of|expected|(?i:unknown)|mode",
    "setting": r"strided|layout|[Ss]parse|dense|None|without|not supported|True|False",
    "type": r"not supported between|unsupported operand|invalid combination|must be|of type|should be|NoneType|"
    r"iterable|element \d|either both|argument",
}
NAMES = {torch.float32: "Float", torch.int64: "Long", torch.float64: "Double", torch.uint8: "Byte", torch.int32: "Int"}
FACTS = re.compile("channels|features|input_size|num_classes|embed_dim")  # what the data decide
ALIASES = {"hx": "hidden", "lambd": "lambda"}
ORDER = re.compile(r"range|bound|greater|less|larger|smaller|[<>]")


def allowed(made: Attempt, one: Given, other: Other, error: BaseException) -> bool:
    """Say whether a change is of a kind that the message speaks of, and of an argument that it may be about."""
    message = str(error)
    if not re.search(HINTS[other.kind], message):
        return False
    if (
        one.name == "params"
        and other.kind in ("dtype", "shape", "values", "memory", "setting")
        and '("' not in other.text
    ):
        return False  # what is computed of a parameter is none
    if isinstance(error, TypeError):
        return other.kind in ("type", "word", "setting")
    if other.kind in ("number", "word"):
        rest = [each for each in made.given.values() if not is_tensor(each.value)]
        return named(one, message) < 2 or len(rest) == 1
    return True


def cost(made: Attempt, one: Given, other: Other, message: str) -> float:
    """Return how unlikely a change is."""
    found = named(one, message) + 0.6 * bool(other.shown) + 0.5 * (other.kind == "type" and ": " not in message)
    said = _place(one.name, message)
    found += 0.5 * (said / max(len(message), 1) if said is not None else 1)
    if str(one.key).startswith(SETTING):
        found += 0.3
    if made.call.is_method and one.key == 0 and made.op.endswith("_"):
        found += 4.0  # what is written into would not be changed
    if one.key == 0 and other.kind == "shape":
        found += 0.6  # the data; what stands beside it is made for it
    if one.name == "out" and "out" in message:
        found -= 1.6
    found += 1.0 * (FACTS.search(one.name) is not None) + 1.0 * other.text.endswith(".half()")
    return found


def named(one: Given, message: str) -> float:
    """Return how little a message speaks of an argument: 0 where it names it with what came, 2 where it does not."""
    if isinstance(one.key, int) and f"(position {one.key + 1})" in message:
        return 0.0
    seen = 0.8 * _seen(one.value, message)
    if _place(one.name, message) is not None:
        return 0.8 - seen
    parts = [part for part in one.name.split("_") if len(part) > 3]
    return (1.4 if any(_place(part, message) is not None for part in parts) else 2.0) - seen


def _place(name: str, message: str) -> int | None:
    """Return where a message names an argument, or says a word that begins so."""
    name = ALIASES.get(name, name)
    begins = len(name) > 2 and name != "input"  # "inputs" are others too
    found = re.search(rf"\b{re.escape(name)}", message, re.IGNORECASE) if begins else None
    found = found or (re.search(rf"\b{re.escape(name)}\b", message, re.IGNORECASE) if name else None)
    return found.start() if found else None


def _seen(value: Any, message: str) -> bool:
    """Say whether a message has a value, or the shape or the type of a tensor."""
    if is_tensor(value):
        axes = re.search(rf"\b{value.ndim} ?-?D\b", message) is not None
        return axes or str(list(value.shape)) in message or NAMES.get(value.dtype, "-") in message
    if type(value) in (list, tuple):
        return str(value) in message or any(_seen(entry, message) for entry in value if type(entry) in (int, float))
    if value is None or type(value) is bool:
        return False
    return re.search(rf"(?<![\w.]){re.escape(str(value))}(?!\w|\.\d)", message) is not None


def swaps(made: Attempt, message: str) -> Iterator[dict[Key, Other]]:
    """Yield two numbers in the place of each other, where the first must not be greater than the second."""
    if not ORDER.search(message):
        return
    numbers = [
        one for one in made.given.values() if type(one.value) in (int, float) and _place(one.name, message) is not None
    ]
    for low, high in itertools.pairwise(numbers):
        if low.value > high.value:
            pairs = ((low, high), (high, low))
            yield {one.key: Other(one.key, other.operand.name, "swap", _as(other.value)) for one, other in pairs}


def _as(value: Any) -> Any:
    return lambda _: value
