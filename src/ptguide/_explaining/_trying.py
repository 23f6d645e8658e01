"""Try a change of a call, on stand-ins and on copies: only what ran is said."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ptguide._explaining._calls import Operand
from ptguide._explaining._finding import Change, Finding
from ptguide._explaining._standins import SMALL, UNKNOWN, copied, is_tensor, on_meta, replaced

MOST_COPIED = 1_000_000  # elements of all operands together, where the trial runs on copies
MOST_READ = 20_000_000  # the same, where values decide: losses and indices, which read each element once
MOST_RESULT = 100_000_000


@dataclass(frozen=True)
class Tried:
    """A change that worked.

    Attributes
    ----------
    shown : str
        What to write, in the reader's names.
    gives : str
        What came out.
    code : str
        What ran, in the reader's names.
    """

    shown: str
    gives: str
    code: str


def tried(finding: Finding) -> list[Tried]:
    """Return the changes of a finding that work where the call itself fails."""
    if not finding.fails or any(one.value is UNKNOWN for one in finding.operands.values()):
        return []
    for values in ({"meta": on_meta, "copies": copied}[kind] for kind in _kinds(finding)):
        trial = _Trial(finding, values)
        if trial.run(finding.fails) is FAILED:
            return list(_working(finding, trial))
    return []


def _kinds(finding: Finding) -> list[str]:
    tensors = [one.value for one in finding.operands.values() if one.is_tensor]
    if finding.graph:
        return ["copies"] if all(one.numel() <= SMALL for one in tensors) else []
    elements = sum(one.numel() for one in tensors)
    if finding.values:
        return ["copies"] if elements <= MOST_READ else []
    # The first error on meta loads half of torch's compiler, which takes a second or two.
    largest = math.prod(sorted(one.numel() for one in tensors)[-2:])  # no result of two tensors has more
    return ["copies", "meta"] if elements <= MOST_COPIED and largest <= MOST_RESULT else ["meta"]


def _working(finding: Finding, trial: _Trial) -> Iterator[Tried]:
    found: list[tuple[int, Tried]] = []
    for change in itertools.chain(finding.changes, finding.at_last):
        if found and change in finding.at_last:
            break
        change = Change(change) if isinstance(change, str) else change
        result = trial.run(change.code)
        if result is FAILED or not _is_sensible(result, finding):
            continue
        gives = "which ran on a small example" if finding.example else _gives(result, finding)
        told = Tried(trial.named(change.shown or change.code), gives, trial.named(change.code))
        found.append((result.numel() if is_tensor(result) else 0, told))
        if len(found) >= finding.most and not finding.smallest:
            break
    if finding.smallest:
        found.sort(key=lambda one: one[0])
    for _, told in found[: finding.most]:
        yield told


class _Failed:
    pass


FAILED = _Failed()


class _Trial:
    """One way to run the code of a finding: on ``meta``, or on copies."""

    def __init__(self, finding: Finding, stand_in: Any) -> None:
        self.finding, self.stand_in = finding, stand_in

    def run(self, code: str) -> Any:
        """Return what the code gives, the tensor that statements change, or `FAILED`."""
        names = {name: self._value(one) for name, one in self.finding.operands.items()}
        device = next((value.device for value in names.values() if is_tensor(value)), "cpu")
        known = {"torch": torch, "nn": _Layers(device), "F": F, **names}
        plain = code.format(**{name: name for name in names})
        try:
            with torch.set_grad_enabled(self.finding.graph):
                if _is_expression(plain):
                    return eval(plain, known)
                exec(plain, known)
                return known.get("result")
        except Exception:
            return FAILED

    def named(self, code: str) -> str:
        """Return the code in the reader's names."""
        return code.format(**{name: one.in_code for name, one in self.finding.operands.items()})

    def _value(self, operand: Operand) -> Any:
        def stand_in(tensor: Tensor) -> Tensor:
            made: Tensor = self.stand_in(tensor)
            device = operand.device
            if self.stand_in is copied and made.is_meta and device and device.type != "meta":
                made = torch.ones((), dtype=made.dtype, device=device).expand(tuple(made.shape)).clone()
            if self.finding.graph and tensor.requires_grad:
                made = made.requires_grad_() if tensor.is_leaf else made.requires_grad_() * 1
            return made

        return replaced(operand.value, stand_in)


class _Layers:
    """The layers of torch, made on the device of the trial."""

    def __init__(self, device: Any) -> None:
        self.device = device

    def __getattr__(self, name: str) -> Any:
        kind = getattr(nn, name)
        if not isinstance(kind, type):
            return kind
        return lambda *args, **settings: kind(*args, device=self.device, **settings)


def _is_expression(code: str) -> bool:
    try:
        ast.parse(code, mode="eval")
    except SyntaxError:
        return False
    return True


def _is_sensible(result: Any, finding: Finding) -> bool:
    """Say whether a result is one that somebody could have wanted: not empty where nothing was, and not enormous."""
    if not is_tensor(result):
        return True
    empty = any(one.is_tensor and not one.value.numel() for one in finding.operands.values())
    return bool((empty or result.numel() > 0) and result.numel() <= MOST_RESULT)


def _gives(result: Any, finding: Finding) -> str:
    return gives(result, [one.value for one in finding.operands.values() if one.is_tensor])


def gives(result: Any, tensors: list[Tensor]) -> str:
    """Say what came out: the shape, and the data type where that is another than before."""
    if is_tensor(result):
        kinds = {tensor.dtype for tensor in tensors}
        kind = "" if kinds == {result.dtype} else f" {str(result.dtype).removeprefix('torch.')}"
        return f"which gives {tuple(result.shape)}{kind}"
    if type(result) in (tuple, list) and result and all(map(is_tensor, result)):
        return f"which gives {', '.join(str(tuple(one.shape)) for one in result)}"
    if type(result) in (int, float, bool, list, torch.Size):
        return f"which gives a {type(result).__name__}"
    return "which runs"
