"""The call that failed: its operation, and its operands by the names that the reader gave them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ptguide._explaining._scope import BINARY, COMPARED, Scope, room_of
from ptguide._explaining._source import written
from ptguide._explaining._standins import UNKNOWN, is_module, is_tensor

ATOMS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.List, ast.Tuple, ast.Constant)
UNARY: dict[type[ast.unaryop], str] = {ast.USub: "neg", ast.Invert: "invert", ast.Not: "not"}


@dataclass(frozen=True)
class Operand:
    """One operand of a call.

    Attributes
    ----------
    name : str
        What the reader calls it.
    value : object
        What it is; a stand-in on ``meta`` if it was computed on the way, `UNKNOWN` if that is all that is known.
    device : torch.device or None
        Where the tensor is, or was before its stand-in took its place.
    is_atom : bool
        Whether the name can stand before a dot or an operator as it is.
    parts : tuple of Operand
        The entries of a list or a tuple that is written out.
    """

    name: str
    value: Any
    device: torch.device | None = None
    is_atom: bool = True
    parts: tuple[Operand, ...] = ()

    @property
    def is_tensor(self) -> bool:
        """Whether shape and data type are known."""
        return is_tensor(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor; fails for what is none."""
        return tuple(tensor_of(self).shape)

    @property
    def in_code(self) -> str:
        """The name as it stands before a dot or an operator."""
        return self.name if self.is_atom else f"({self.name})"


def tensor_of(operand: Operand) -> Tensor:
    """Return the tensor of an operand, or raise LookupError where it is not known."""
    if not is_tensor(operand.value):
        raise LookupError(f"{operand.name} is no tensor that is known")
    value: Tensor = operand.value
    return value


@dataclass(frozen=True)
class Call:
    """A call, an operator or a subscript in which a frame stands.

    Attributes
    ----------
    op : str
        ``linear``, ``matmul``, ``getitem``; the name of a method or a function; empty for other statements.
    args : list of Operand
        In their order; that of a method's own tensor is the first.
    words : dict of str to Operand
        Keyword arguments.
    text : str
        The call as it stands in the source.
    by_torch : bool
        Whether torch raised the error in it: an operation on tensors, or a function of torch.
    room : str
        Where the function is found, ``"torch"`` or ``"F"``; empty for methods and operators.
    function : object
        What is called, where it is known.
    head : str
        The function as it stands in the source; empty for operators.
    whole : bool
        Whether each argument stands in the source by itself.
    """

    op: str
    args: list[Operand] = field(default_factory=list)
    words: dict[str, Operand] = field(default_factory=dict)
    text: str = ""
    by_torch: bool = False
    room: str = ""
    function: Any = UNKNOWN
    head: str = ""
    whole: bool = True

    @property
    def is_method(self) -> bool:
        """Whether it is a method of its first argument, a tensor."""
        return bool(self.args) and self.head == f"{self.args[0].in_code}.{self.op}" and self.args[0].is_tensor

    def get(self, place: int, *words: str) -> Operand:
        """Return an operand by its place or its keyword; unknown if it was not given."""
        for word in words:
            if word in self.words:
                return self.words[word]
        return self.args[place] if place < len(self.args) else Operand("", UNKNOWN)

    def tensors(self) -> list[Operand]:
        """Return the operands that are tensors, also those in a list, each once."""
        found = [one for operand in (*self.args, *self.words.values()) for one in _flat(operand)]
        return list({id(one.value): one for one in found if one.is_tensor}.values())

    def renamed(self, change: dict[int, str]) -> Call:
        """Return the call with other names for values, by their identity."""

        def name(operand: Operand) -> Operand:
            new = change.get(id(operand.value))
            if new is None:
                parts = tuple(map(name, _flat(operand))) if type(operand.value) in (list, tuple) else ()
                return replace(operand, parts=parts if any(part.is_tensor for part in parts) else operand.parts)
            return replace(operand, name=new, is_atom=_is_atom(new))

        words = {word: name(operand) for word, operand in self.words.items()}
        return replace(self, args=[name(operand) for operand in self.args], words=words)


def call_at(node: ast.AST | None, statement: ast.stmt | None, scope: Scope) -> Call:
    """Read the call that a node of the source is, with the values that a frame has for its operands."""
    if node is None:
        node = next((one for one in ast.walk(statement or ast.Module([], [])) if isinstance(one, ast.Call)), statement)
    text = written(node) if node is not None else ""
    if isinstance(node, ast.Call):
        return _function_call(node, scope, text)
    if isinstance(node, ast.Subscript):
        return _subscript(node, statement, scope, text)
    found: tuple[str, list[ast.expr]] = ("", [])
    match node:
        case ast.BinOp(left, kind, right):
            found = BINARY.get(type(kind), ""), [left, right]
        case ast.AugAssign(left, kind, right):
            found = f"i{BINARY.get(type(kind), '').strip('_')}", [left, right]
        case ast.Compare(left, [kind], [right]):
            found = COMPARED.get(type(kind), ""), [left, right]
        case ast.UnaryOp(unary, inner):
            found = UNARY.get(type(unary), ""), [inner]
        case ast.Attribute(base, name):
            found = f".{name}", [base]
        case ast.Tuple() if isinstance(statement, ast.Assign):
            found = "unpack", [statement.value]
    op, operands = found
    args = [operand(one, scope) for one in operands]
    return Call(op, args, {}, text, any(arg.is_tensor for arg in args))


def operand(node: ast.expr, scope: Scope) -> Operand:
    """Return an expression with what it is worth."""
    value = scope.evaluate(node)
    device = scope.device(value) if is_tensor(value) else None
    entries = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    parts = tuple(operand(entry, scope) for entry in entries if not isinstance(entry, ast.Starred))
    return Operand(written(node), value, device, isinstance(node, ATOMS), parts)


def _function_call(node: ast.Call, scope: Scope, text: str) -> Call:
    args = [operand(arg, scope) for arg in node.args if not isinstance(arg, ast.Starred)]
    words = {word.arg: operand(word.value, scope) for word in node.keywords if word.arg}
    function = scope.evaluate(node.func)
    room = room_of(function)
    by_torch = bool(room) or _is_torchs(node.func, function, scope)
    whole = len(args) + len(words) == len(node.args) + len(node.keywords)
    called = partial(Call, text=text, function=function, head=written(node.func), whole=whole)
    if is_module(function):
        return called("module", args, words, by_torch=True)
    if isinstance(node.func, ast.Attribute):
        base = operand(node.func.value, scope)
        of_tensor = base.is_tensor or base.value is UNKNOWN  # it may be one
        args = [base] * of_tensor + args
        return called(node.func.attr, args, words, by_torch=base.is_tensor or by_torch, room=room)
    return called(node.func.id if isinstance(node.func, ast.Name) else "", args, words, by_torch=by_torch, room=room)


def _is_torchs(node: ast.expr, function: object, scope: Scope) -> bool:
    """Say whether a callable is torch's: a class of it, or what a module of it has."""
    if isinstance(function, type):
        return function.__module__.startswith("torch")
    base = scope.evaluate(node.value) if isinstance(node, ast.Attribute) else None
    return isinstance(base, ModuleType) and f"{base.__name__}.".startswith("torch.")


def _subscript(node: ast.Subscript, statement: ast.stmt | None, scope: Scope, text: str) -> Call:
    base, index = operand(node.value, scope), operand(node.slice, scope)
    if isinstance(node.slice, ast.Tuple):
        index = replace(index, name=index.name.removeprefix("(").removesuffix(")"))
    if isinstance(node.ctx, ast.Store) and isinstance(statement, ast.Assign | ast.AugAssign):
        value = operand(statement.value, scope)
        return Call("setitem", [base, index, value], {}, written(statement), base.is_tensor)
    return Call("getitem", [base, index], {}, text, base.is_tensor)


def entries(operand: Operand) -> list[Operand]:
    """Return the entries of a list or a tuple of tensors; the operand itself if it is neither."""
    return list(_flat(operand))


def _flat(operand: Operand) -> Iterator[Operand]:
    if operand.parts:
        yield from operand.parts
    elif type(operand.value) in (list, tuple):
        for place, entry in enumerate(operand.value):
            yield Operand(f"{operand.in_code}[{place}]", entry, entry.device if is_tensor(entry) else None)
    else:
        yield operand


def _is_atom(name: str) -> bool:
    return isinstance(ast.parse(name, mode="eval").body, ATOMS)
