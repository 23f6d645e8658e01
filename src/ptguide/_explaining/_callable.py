"""What may be called again: operations of torch that only compute, and what they may be given."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from ptguide._explaining._calls import Call
from ptguide._explaining._layers import modules_below
from ptguide._explaining._scope import BINARY
from ptguide._explaining._standins import UNKNOWN

MOST_PARAMETERS = 1_000_000  # of a layer that is called again
# Methods that write files, share memory, or do more with a tensor than to compute.
REFUSED = set("backward register_hook share_memory_ tofile set_ resize_ apply_ map_ pin_memory from_file cuda".split())
PLAIN = (bool, int, float, complex, str, type(None), torch.dtype, torch.layout, torch.device, torch.memory_format,
         torch.Size, type(Ellipsis), slice)  # fmt: skip


def function_of(call: Call) -> Callable[..., Any] | None:
    """Return what is called, if it only computes."""
    if call.op in REFUSED:
        return None
    if not call.head:
        return getattr(operator, call.op) if call.op in {*BINARY.values()} else None
    if isinstance(call.function, type):
        own = call.function.__module__.startswith(("torch.nn.modules.", "torch.optim"))
        return call.function if own and issubclass(call.function, nn.Module | torch.optim.Optimizer) else None
    if call.function is UNKNOWN and call.is_method:
        return getattr(Tensor, call.op, None)
    name = (
        getattr(call.function, "__name__", "") if isinstance(call.function, BuiltinFunctionType | FunctionType) else ""
    )
    return call.function if name and id(call.function) in _computing() else None


@functools.cache
def _computing() -> dict[int, Any]:
    """Return the functions of torch that compute, by their identity."""
    found = {name: vars(torch)[name] for name in dir(torch._C._VariableFunctions) if name in vars(torch)}
    rooms = (
        torch.functional,
        nn.functional,
        torch.linalg,
        torch.special,
        torch.fft,
        torch.signal.windows,
        torch._C._nn,
    )
    several = [one for room in rooms for name, one in vars(room).items() if name[0] != "_" and callable(one)]
    return {id(one): one for one in (*found.values(), *several) if getattr(one, "__name__", "") not in REFUSED}


def is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return len(value) <= 1000 and all(map(is_plain, value))
    if type(value) is dict:
        return all(map(is_plain, value.values()))
    return type(value) in PLAIN or type(value) in (Tensor, nn.Parameter)


def may_run(layer: nn.Module) -> bool:
    """Say whether all parts of a layer are torch's own, and none has a hook."""
    parts = [module for _, module in modules_below(layer)]
    hooks = [value for one in parts for name, value in vars(one).items() if name.endswith("_hooks") and value]
    own = all(type(one).__module__.startswith("torch.nn.modules.") for one in parts)
    return (
        own
        and not hooks
        and sum(one.numel() for part in parts for one in part._parameters.values() if one is not None)
        <= MOST_PARAMETERS
    )
