"""``python -m pipeline refused``: what torch refuses, with the rule and the change that `ptguide.explain` finds.

It makes the calls that torch's own tests expect to fail (`pipeline.databases`), and keeps one row for each kind of
message in ``docs/refused.json``, from which the page is built (`pipeline.form.refused_table`). So the page is the same
wherever it is built, and what a new torch changes is a difference that is read before it is committed.
With ``--check`` nothing is written, and the exit status is 1 where the rows that are kept are not those of this torch.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from docutils.nodes import make_id
from torch import Tensor, nn

from pipeline.databases import Refused, raised, refused
from pipeline.form.refused_table import FILE
from ptguide._explaining import _general
from ptguide._explaining._answer import Answer, explain_error
from ptguide._explaining._signatures import NONE, settings_of

VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\([^)]*\)|-?\d+")
NAMED = re.compile(r"^(?:torch\.)?(?:[\w.]+(?=\(\)| received| requires| expects| is implemented|:))")
GROUPS = {  # the first that fits
    "The type of an argument": r"^TypeError|^AttributeError",
    "Where a result is written": r"memory location|\bout\b(?! of)",
    "Data types": r"dtype|scalar type|type \(|boolean|should be the same|without overflow|float or double|Float",
    "Axes": r"[Dd]imension (?:out|specified|must)|axis|axes|\bdims? [<\d]|"
    r"(?:diagonal|rotation|[Dd]uplicate|repeated|destination|reduction) dim",
    "Shapes and sizes": r"shape|size|[Dd]imension|\dD\b|matrix|elements|numel|length|empty|channel|weight|batch",
    "Values": r"",
}
LONGEST = 260  # characters of a message


def rows() -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of message: the call, the message, the rule, the changes."""
    torch.manual_seed(0)
    before, _general.MOST_SECONDS = _general.MOST_SECONDS, 1e9  # the number of tries is limited, too
    found: dict[str, dict[str, Any]] = {}
    anchors: set[str] = set()
    try:
        for call in refused():
            error = raised(call)
            if error is None:
                continue
            message = " ".join(f"{type(error).__name__}: {error}".split())
            name = _name(call)
            kept = found.setdefault(_kind(message), {"names": [], "message": message})
            if name not in kept["names"]:
                kept["names"].append(name)
            if "call" not in kept:
                kept |= _row(call, message, explain_error(error), anchors)
    finally:
        _general.MOST_SECONDS = before
    yield from found.values()


def _kind(message: str) -> str:
    """Return what messages of one kind have in common: not the name of the operation, nor what varies."""
    kind, _, said = message.partition(": ")
    return f"{kind}: {VARYING.sub('#', NAMED.sub('', said))[:110]}"


def _row(call: Refused, message: str, answer: Answer | None, anchors: set[str]) -> dict[str, Any]:
    anchor = base = make_id(VARYING.sub(" ", message.partition(": ")[2])[:60]) or "message"
    count = 1
    while anchor in anchors:
        count += 1
        anchor = f"{base}-{count}"
    anchors.add(anchor)
    finding = answer.finding if answer else None
    return {
        "group": _group(call, message),
        "anchor": anchor,
        "message": message if len(message) <= LONGEST else f"{message[:LONGEST].rpartition(' ')[0]} …",
        "call": call.code,
        "given": [f"{name} is {described(value)}" for name, value in call.names.items() if name != "torch"],
        "rule": finding.rule if finding and answer and answer.changes else "",
        "changes": [f"{one.shown}, {one.gives}" for one in answer.changes] if answer else [],
        "page": answer.page if answer else "",
    }


def _group(call: Refused, message: str) -> str:
    own = {"optimizers": "Optimizers", "modules": "Layers"}.get(call.source)
    return own or next(group for group, words in GROUPS.items() if re.search(words, message))


def _name(call: Refused) -> str:
    return call.name.removesuffix(".in_place").removesuffix(".binary").removesuffix(".grad_oriented")


def described(value: Any) -> str:
    """Return what a value is, in a few words.

    Examples
    --------
    >>> described(torch.zeros(2, 3))
    'of shape (2, 3), float32'
    >>> described(nn.Dropout(0.5)), described([torch.zeros(2), None])
    ('nn.Dropout()', '[of shape (2,), float32; None]')
    """
    if isinstance(value, Tensor):
        kind = "nn.Parameter " * isinstance(value, nn.Parameter)
        where = "" if value.device.type == "cpu" else f" on {value.device}"
        return f"{kind}of shape {_short(tuple(value.shape))}, {str(value.dtype).removeprefix('torch.')}{where}"
    if isinstance(value, nn.Module):
        return _layer(value)
    if type(value) in (list, tuple):
        inside = "; ".join(map(described, value))
        return f"[{inside}]" if type(value) is list else f"({inside})"
    if type(value) is dict:
        return "{" + "; ".join(f"{key}: {described(one)}" for key, one in value.items()) + "}"
    return _short(getattr(value, "__name__", value))


def _short(value: Any) -> str:
    text = re.sub(r" at 0x\w+", "", " ".join(repr(value).split()))
    return text if len(text) <= 60 else f"{text[:57]}…"


def _layer(layer: nn.Module) -> str:
    parts = []
    for one, value in settings_of(layer):
        text = described(value) if isinstance(value, Tensor) else repr(value)
        if one.default is NONE:
            parts.append(text)
        elif isinstance(value, Tensor) or value != one.default:
            parts.append(f"{one.name}={text}")
    return f"nn.{type(layer).__name__}({', '.join(parts)})"


def made() -> dict[str, Any]:
    """Return what is kept: the version of torch, and the rows in the order of their groups."""
    order = [*GROUPS, "Layers", "Optimizers"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sorted(rows(), key=lambda row: order.index(row["group"]))
    return {"torch": torch.__version__.partition("+")[0], "rows": found}


def main(docs: Path, arguments: list[str]) -> int:
    """Write the rows, or compare them with those that are kept."""
    if arguments not in ([], ["--check"]):
        print("Usage: python -m pipeline refused [--check]", file=sys.stderr)
        return 2
    text = json.dumps(made(), indent=1, ensure_ascii=False) + "\n"
    file = docs / FILE
    if arguments == ["--check"]:
        same = file.read_text(encoding="utf-8") == text
        print("The rows are those of this torch." if same else f"{file} has other rows: python -m pipeline refused")
        return int(not same)
    file.write_text(text, encoding="utf-8")
    print(f"{len(json.loads(text)['rows'])} kinds of message are kept in {file}.")
    return 0
