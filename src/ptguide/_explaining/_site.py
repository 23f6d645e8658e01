"""Where an error came from: the reader's line, the calls below it, and the layer, all read from the traceback."""

from __future__ import annotations

import dis
import inspect
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch

from ptguide._explaining._calls import Call, Operand, call_at
from ptguide._explaining._compiled import compiled_call
from ptguide._explaining._layers import Layer, find_layer, running
from ptguide._explaining._scope import BINARY, COMPARED, Scope
from ptguide._explaining._source import spot
from ptguide._explaining._standins import UNKNOWN, is_tensor

TORCH = str(Path(torch.__file__).parent)
OWN = str(Path(__file__).parents[1])
LIBRARIES = [*(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib")), TORCH, OWN]
OPERATORS = {*BINARY.values(), *COMPARED.values()}
PASSING = ("__torch_function__", "__torch_dispatch__")  # what a mode or a subclass does with the reader's call
MOST_FRAMES = 40  # below the reader's line


@dataclass(frozen=True)
class Site:
    """The place of an error.

    Attributes
    ----------
    file, function : str
    line : int
        The innermost line of the reader's own code; an empty file if there is none.
    calls : list of Call
        From the innermost to that of the reader's line.
    layer : Layer or None
    in_torch : bool
        Whether the innermost frame is one of torch's files, or stands in a call of torch.
    names : dict of str to object
        The local variables of the reader's frame.
    given : dict of str to object
        What the first function below the reader's line was given, by the names of its parameters.
    in_layer : bool
        Whether the innermost frame is one of torch's layers or optimizers.
    """

    file: str
    function: str
    line: int
    calls: list[Call]
    layer: Layer | None
    in_torch: bool
    names: dict[str, Any]
    given: dict[str, Any]
    in_layer: bool = False

    @property
    def call(self) -> Call:
        """The call in the reader's line."""
        return self.calls[-1]


def is_readers(file: str) -> bool:
    """Say whether a file is the reader's: not torch's, not Python's, and not installed."""
    if file.startswith("<frozen") or "eval_with_key" in file:
        return False
    path = Path(file)
    return not (
        {"site-packages", "dist-packages"} & {*path.parts} or any(path.is_relative_to(one) for one in LIBRARIES)
    )


def find_site(error: BaseException) -> Site | None:
    """Read the traceback of an error; None if it has none."""
    steps = _steps(error.__traceback__)
    if not steps:
        return None
    codes = [frame.f_code for frame, _, _ in steps]
    own = [place for place, code in enumerate(codes) if is_readers(code.co_filename) and code.co_name not in PASSING]
    start = own[-1] if own else max(len(steps) - MOST_FRAMES, 0)
    below = steps[start:]
    scopes = [Scope(frame) for frame, _, _ in below]
    above = [Scope(frame).locals for frame, _, _ in steps[:start]] if len(steps) < 500 else []
    layer = find_layer(running([*above, *(scope.locals for scope in scopes)]), scopes[0].locals)
    calls = _calls(below, scopes)
    if calls[-1].op in OPERATORS and calls[-1].by_torch:
        calls = calls[-1:]  # below an operator there is only what torch makes of it
    made = compiled_call(error, calls[0])
    if made is not None:
        calls.insert(0, made)
    frame, _, line = below[0]
    inner = below[-1][0].f_code.co_filename
    change = _names(layer, calls[-1], below, scopes)
    return Site(
        frame.f_code.co_filename if own else "",
        frame.f_code.co_name,
        line,
        [call.renamed(change) for call in calls[:-1]] + calls[-1:],
        layer,
        inner.startswith(TORCH) or calls[0].by_torch,
        scopes[0].locals if own else {},
        _given(below, scopes),
        inner.startswith((str(Path(TORCH) / "nn"), str(Path(TORCH) / "optim"))),
    )


def _steps(traceback: TracebackType | None) -> list[tuple[FrameType, int, int]]:
    steps = []
    while traceback is not None:
        steps.append((traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno))
        traceback = traceback.tb_next
    return steps


def _calls(below: list[tuple[FrameType, int, int]], scopes: list[Scope]) -> list[Call]:
    """Read the call of each frame, from the innermost out."""
    calls = []
    for (frame, lasti, line), scope in zip(
        reversed(below[:1] + below[1:][-MOST_FRAMES:]), reversed(scopes), strict=False
    ):
        if frame is not below[0][0] and not _is_function(frame):
            continue
        found = spot(frame, lasti, line)
        calls.append(call_at(found.node, found.statement, scope))
    return calls


def _names(
    layer: Layer | None, call: Call, below: list[tuple[FrameType, int, int]], scopes: list[Scope]
) -> dict[int, str]:
    """Return the reader's names for the tensors that torch's frames know as ``input`` or ``weight``."""
    names = {id(value): name for name, value in (layer.parameters() if layer else ()) if is_tensor(value)}
    inside = _given(below, scopes)
    words = [word for word in inside if word != "self" or is_tensor(inside[word])]
    given = dict(zip(words, call.args, strict=False)) | call.words
    entered = _entered(below)
    code = below[entered or 0][0].f_code
    again = {one.argval for one in dis.get_instructions(code) if one.opname == "STORE_FAST"} if inside else set()
    names |= {
        id(inside[word]): one.name for word, one in given.items() if _is_same(one, inside.get(word), word in again)
    }
    if words and type(inside[words[-1]]) is tuple:  # *operands
        pairs = zip(inside[words[-1]], call.args[len(words) - 1 :], strict=False)
        names |= {id(value): one.name for value, one in pairs if is_tensor(value)}
    own = {id(value): name for name, value in scopes[0].locals.items() if is_tensor(value) and name[:1] != "_"}
    return names | own


def _is_same(operand: Operand, value: Any, again: bool) -> bool:
    """Say whether a value inside a function is what it was given: its name may have been used again."""
    if not is_tensor(value) or not operand.is_tensor:
        return is_tensor(value) and operand.value is UNKNOWN and not again
    return operand.shape == tuple(value.shape)


def _entered(below: list[tuple[FrameType, int, int]]) -> int | None:
    """Return the place of the first function below the reader's line that is more than a wrapper."""
    return next((place for place, (frame, _, _) in enumerate(below) if place and _is_function(frame)), None)


def _given(below: list[tuple[FrameType, int, int]], scopes: list[Scope]) -> dict[str, Any]:
    """Return what the first function below the reader's line was given."""
    entered = _entered(below)
    if entered is None:
        return {}
    code = below[entered][0].f_code
    several = bool(code.co_flags & inspect.CO_VARARGS)
    words = [
        *code.co_varnames[: code.co_argcount],
        *code.co_varnames[code.co_argcount + code.co_kwonlyargcount :][:several],
    ]
    inside = scopes[entered].locals
    return {word: inside[word] for word in words if word in inside}


def _is_function(frame: FrameType) -> bool:
    return frame.f_code.co_name not in ("_wrapped_call_impl", "_call_impl", "inner", "fn", "wrapped", "wrapper")
