"""What an expression in a frame is worth, without running a line of the reader's code.

Names, attributes, items and slices are looked up where Python keeps them. Calls of a few functions of torch that only
compute are made again on ``meta``, where they have shapes and no values. All else is unknown.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor

from ptguide._explaining._layers import all_parameters
from ptguide._explaining._standins import SMALL, UNKNOWN, is_module, is_tensor, on_meta, replaced, zeros

FACTORIES = set("rand randn zeros ones empty full arange randint linspace eye randperm".split())
SAME = set("zeros ones full arange linspace eye".split())
PURE = set(
    "t flatten reshape view permute transpose squeeze unsqueeze expand contiguous float double half bfloat16 long int "
    "bool clone detach relu exp log sqrt abs softmax log_softmax sigmoid tanh matmul mm bmm sum mean movedim swapaxes "
    "repeat cat stack add sub mul div rand_like zeros_like ones_like randn_like type gelu to cumsum "
    "roll flip tril triu "
    "argmax argmin clamp pow square normalize one_hot split chunk unbind".split()
)
NUMBERS = set("size dim numel ndimension nelement stride".split())
READ = set("shape dtype device ndim requires_grad is_leaf data mT".split())
BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.MatMult: "matmul",
    ast.Pow: "pow",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
}
LITERAL = (ast.Constant, ast.List, ast.Tuple, ast.UnaryOp, ast.USub, ast.Load)
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}


class Scope:
    """The names that a frame sees.

    Parameters
    ----------
    frame : frame
        Its local variables are read once, and nothing is written.
    """

    def __init__(self, frame: FrameType) -> None:
        found = frame.f_locals
        self.locals: dict[str, Any] = dict(found)
        self.globals = frame.f_globals
        self.is_module = found is frame.f_globals
        # Before Python 3.13 this dictionary is a copy that the frame keeps: tensors in it would outlive their names.
        if sys.version_info < (3, 13) and frame.f_code.co_flags & inspect.CO_OPTIMIZED and type(found) is dict:
            found.clear()
        self.devices: dict[int, torch.device] = {}  # of stand-ins, which are on meta, by their identity
        self.made: list[Tensor] = []  # so that no identity is used twice

    def name_of(self, value: object) -> str | None:
        """Return a name that the frame has for a value."""
        return next((name for name, found in self.locals.items() if found is value and name[:1] != "_"), None)

    def evaluate(self, node: ast.AST | None) -> Any:
        """Return the value of an expression, or `UNKNOWN`; a stand-in for a tensor that was computed on the way."""
        try:
            return self._evaluate(node)
        except Exception:
            return UNKNOWN

    def _evaluate(self, node: ast.AST | None) -> Any:
        match node:
            case ast.Constant(value):
                return value
            case ast.Name(name):
                return self.locals.get(name, self.globals.get(name, UNKNOWN))
            case ast.Attribute(base, name):
                return self._attribute(self._evaluate(base), name)
            case ast.Subscript(base, index):
                return self._item(self._evaluate(base), self._evaluate(index))
            case ast.Tuple(entries) | ast.List(entries):
                values = [self._evaluate(entry) for entry in entries]
                if any(value is UNKNOWN for value in values):
                    return UNKNOWN
                return tuple(values) if isinstance(node, ast.Tuple) else values
            case ast.Slice(lower, upper, step):
                bounds = [None if part is None else self._evaluate(part) for part in (lower, upper, step)]
                return UNKNOWN if any(bound is UNKNOWN for bound in bounds) else slice(*bounds)
            case ast.UnaryOp(ast.USub(), inner):
                return self._compute(operator.neg, [self._evaluate(inner)], {})
            case ast.BinOp(left, kind, right):
                sides = [self._evaluate(left), self._evaluate(right)]
                return self._compute(getattr(operator, BINARY[type(kind)]), sides, {})
            case ast.Compare(left, [kind], [right]):
                sides = [self._evaluate(left), self._evaluate(right)]
                return self._compute(getattr(operator, COMPARED[type(kind)]), sides, {})
            case ast.Call():
                return self._call(node)
        return UNKNOWN

    def _attribute(self, base: Any, name: str) -> Any:
        found = attribute(base, name)
        if is_tensor(found) and id(base) in self.devices:
            self.made.append(found)
            self.devices[id(found)] = self.devices[id(base)]
        return found

    def _item(self, base: Any, index: Any) -> Any:
        if base is UNKNOWN or index is UNKNOWN:
            return UNKNOWN
        if type(base) in (list, tuple, dict, torch.Size) and type(index) in (int, str, slice):
            return base[index]
        if is_module(base) and type(index) in (int, str):
            inside = vars(base)["_modules"]
            return inside[index] if type(index) is str else list(inside.values())[index]
        return self._compute(operator.getitem, [base, index], {}) if is_tensor(base) else UNKNOWN

    def _call(self, node: ast.Call) -> Any:
        args = [self._evaluate(arg) for arg in node.args]
        kwargs = {word.arg: self._evaluate(word.value) for word in node.keywords if word.arg}
        if len(kwargs) < len(node.keywords) or any(value is UNKNOWN for value in (*args, *kwargs.values())):
            return UNKNOWN
        if isinstance(node.func, ast.Attribute):
            base = self._evaluate(node.func.value)
            if is_tensor(base):
                return self._method(base, node.func.attr, args, kwargs)
            if is_module(base) and not node.args and not kwargs and node.func.attr == "parameters":
                return all_parameters(base)
        function = self._evaluate(node.func)
        name = function.__name__ if room_of(function) else ""
        if name == "from_numpy" or (name in ("tensor", "as_tensor") and _is_literal(node.args[0])):
            return function(*args, **kwargs)  # memory that is there, or no more than stands in the line
        if name in FACTORIES:
            return self._factory(function, args, kwargs)
        return self._compute(function, args, kwargs) if name in PURE else UNKNOWN

    def _factory(self, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Make a new tensor again: with its values where it is small and they are always the same."""
        device = torch.device(kwargs.pop("device", "cpu"))
        kwargs.pop("generator", None)
        sizes = [size for arg in args for size in (arg if type(arg) in (tuple, list) else [arg])]
        small = math.prod(max(abs(size), 1) for size in sizes if type(size) is int) <= SMALL
        if small and device.type == "cpu" and function.__name__ in SAME:
            return function(*args, **kwargs)
        return self._compute(function, args, {**kwargs, "device": "cpu" if small else "meta"}, device)

    def _method(self, base: Tensor, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if name in NUMBERS:
            return getattr(torch.Tensor, name)(base, *args, **kwargs)
        return self._compute(getattr(torch.Tensor, name), [base, *args], kwargs) if name in PURE else UNKNOWN

    def _compute(
        self, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], device: torch.device | None = None
    ) -> Any:
        """Compute on stand-ins, and keep in mind on which device the result would be."""
        if any(value is UNKNOWN for value in args):
            return UNKNOWN
        tensors = [value for value in (*args, *kwargs.values()) if is_tensor(value)]
        if not tensors and device is None and not all(type(value) in (int, float, bool, complex) for value in args):
            return UNKNOWN
        # On meta a second or two pass before the first result of some functions: they load torch's compiler.
        stand_in = zeros if sum(value.numel() for value in tensors) <= SMALL else on_meta
        result = function(*replaced(args, stand_in), **replaced(kwargs, stand_in))
        if is_tensor(result):
            result = on_meta(result)  # of which no value may be read
            self.made.append(result)
            self.devices[id(result)] = device or (self.device(tensors[0]) if tensors else torch.device("cpu"))
        return result

    def device(self, tensor: Tensor) -> torch.device:
        """Return the device of a tensor, or the one that a stand-in stands for."""
        return self.devices.get(id(tensor), tensor.device)


def attribute(base: Any, name: str) -> Any:
    """Return an attribute that is stored, without calling anything; `UNKNOWN` for all else."""
    if base is UNKNOWN:
        return UNKNOWN
    if is_tensor(base):
        if name == "T" and base.ndim == 2:
            return torch.Tensor.t(base.detach())
        return getattr(torch.Tensor, name).__get__(base) if name in READ else UNKNOWN
    if isinstance(base, ModuleType | type):
        found = vars(base).get(name, UNKNOWN)
        return getattr(base, name) if found is UNKNOWN and base in (torch.Tensor, torch) else found
    stored = object.__getattribute__(base, "__dict__")
    if is_module(base):
        for part in (stored, *(stored.get(kind) or {} for kind in ("_parameters", "_buffers", "_modules"))):
            if name in part:
                return part[name]
    return stored.get(name, UNKNOWN) if type(stored) is dict else UNKNOWN


def room_of(function: object) -> str:
    """Return where torch has a function: ``"torch"``, ``"F"``, ``"torch._C._nn"``; empty if it is none of these."""
    if not isinstance(function, BuiltinFunctionType | FunctionType):
        return ""
    rooms = {"torch": torch, "F": torch.nn.functional, "torch._C._nn": torch._C._nn}
    return next((name for name, room in rooms.items() if vars(room).get(function.__name__) is function), "")


def _is_literal(node: ast.AST) -> bool:
    """Say whether an expression is written out in the source, so that it is as small as that."""
    return all(isinstance(part, LITERAL) for part in ast.walk(node))
