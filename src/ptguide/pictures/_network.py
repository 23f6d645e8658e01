"""A table of what the modules of a network are given, what they return, and what they keep."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any

import torch
from torch import Tensor, nn

HEADINGS = ("Module", "Class", "Input", "Output", "Parameters", "Their memory", "Output's memory")
ENDS_OF_NUMBERS = 4  # the columns from this one on are aligned at the right


@dataclass(frozen=True)
class Row:
    """One call of a module, or a module that was not called.

    Parameters
    ----------
    name : str
        The dotted name; empty for the whole network.
    kind : str
        The name of the class.
    level : int
        How deep the module is nested: 0 for the whole network.
    call : int
        1 for the first call of the module, 2 for the second, and so on; 0 if it was not called.
    inputs, outputs : tuple, dict, torch.Size or None
        What went in and came out, with the size of each tensor in its place. Values that are no tensors are left out.
    parameters, trainable : int
        The number of the module's own parameters, at the deepest level with those of the modules inside, and of those
        that require grad. 0 in rows of later calls, and a shared parameter counts in the first module that has it.
    shared : tuple of (str, int)
        Names of modules, and the number of parameters of this one that are counted there.
    parameter_bytes, output_bytes : int
        Memory of the parameters counted here and of all tensors that came out, in bytes.
    holds : bool
        Whether the module only holds others and can't be called, as `torch.nn.ModuleList`.
    """

    name: str
    kind: str
    level: int
    call: int
    inputs: Any
    outputs: Any
    parameters: int
    trainable: int
    shared: tuple[tuple[str, int], ...]
    parameter_bytes: int
    output_bytes: int
    holds: bool = False

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the row."""
        name = (self.name or "(whole network)") + (f" (call {self.call})" if self.call > 1 else "")
        shapes = ("holds modules" if self.holds else "not called", "")
        if self.call:
            shapes = (_said(self.inputs), _said(self.outputs))
        memory = "" if self.call > 1 else _memory(self.parameter_bytes)
        return (name, self.kind, *shapes, self._counted(), memory, _memory(self.output_bytes) if self.call else "")

    def _counted(self) -> str:
        if self.call > 1:
            return "counted above"
        frozen = self.parameters - self.trainable
        parts = [f"{self.parameters:,}"] if self.parameters or not self.shared else []
        if frozen:
            parts.append("frozen" if frozen == self.parameters else f"{frozen:,} frozen")
        parts += [f"{count:,} shared with {name or '(whole network)'}" for name, count in self.shared]
        return ", ".join(parts).replace(", frozen", " frozen")


@dataclass(frozen=True, repr=False)
class NetworkTable:
    """The calls in one forward pass; printed, or shown as the value of a cell, it is a table.

    Parameters
    ----------
    rows : tuple of Row
        In the order of execution.
    parameters, trainable : int
        The number of parameters of the network, each counted once, and of those that require grad.
    parameter_bytes : int
        Their memory in bytes.
    output_bytes : int
        The memory in bytes of what was returned by the calls inside which no other module was called.
    """

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    parameter_bytes: int
    output_bytes: int

    @property
    def totals(self) -> str:
        """The sums, in words."""
        return (
            f"{self.parameters:,} parameters, {self.trainable:,} of them trainable, {_memory(self.parameter_bytes)}; "
            f"outputs of the innermost modules {_memory(self.output_bytes)}"
        )

    def __str__(self) -> str:
        lines: list[tuple[str, ...]] = [HEADINGS]
        for row in self.rows:
            name, *others = row.cells()
            lines.append(("  " * row.level + name, *others))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, tuple("-" * width for width in widths))
        texts = [
            "  ".join(
                cell.rjust(width) if place >= ENDS_OF_NUMBERS else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*texts, "", self.totals])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col"{_aligned(place)}>{text}</th>' for place, text in enumerate(HEADINGS))
        body = []
        for row in self.rows:
            name, *others = row.cells()
            cells = "".join(f"<td{_aligned(place)}>{escape(text)}</td>" for place, text in enumerate(others, start=1))
            indent = f"text-align:left;padding-left:{0.5 + 1.2 * row.level:g}em"
            body.append(f'<tr><th scope="row" style="{indent}">{escape(name)}</th>{cells}</tr>')
        return (
            # A wide table scrolls in its own box, also by keyboard.
            f'<table class="ptg-table" tabindex="0"><caption>{escape(self.totals)}</caption>'
            f"<thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table>"
        )


def draw_network(
    module: nn.Module, inputs: Any = (), kwargs: Mapping[str, Any] | None = None, *, depth: int = 3
) -> NetworkTable:
    """Run a network once and list its modules: what they were given, what they returned, and their parameters.

    The modules stand in the order in which they are called. One that is called twice stands there twice, and its
    parameters count once. One that is never called stands before the modules inside it, else behind the others of the
    module that it belongs to. Parameters and their memory add up to the totals.

    Memory is that of tensors as they are stored: the number of elements times the bytes of one. A view, or a tensor
    changed in place, counts in full. What a module makes and throws away again, gradients and the state of an optimizer
    are not in it.

    Parameters
    ----------
    module : torch.nn.Module
        It runs in the mode that it is in, training or evaluation.
    inputs : Tensor or tuple
        What to call it with: a tuple holds several arguments, anything else is one.
    kwargs : mapping of str to anything, optional
        Keyword arguments.
    depth : int
        How many levels of modules inside modules to list; 0 lists the whole network only.

    Returns
    -------
    NetworkTable

    Raises
    ------
    TypeError
        If `module` is not a module.
    ValueError
        If `depth` is negative or not an integer, or if `module` cannot be copied.

    Notes
    -----
    What runs is a copy, on copies of the inputs, without recording gradients, and the states of the random generators
    of torch and Python are put back: parameters, buffers, gradients and hooks stay as they were. Hooks of your own run.
    Where torch has a faster way for modules without hooks, as `torch.nn.TransformerEncoderLayer` has in evaluation, the
    usual one is listed. A module whose parameters take their shape from the first input is listed as it is after it.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> draw_network(network, torch.zeros(5, 3))
    Module           Class       Input   Output  Parameters  Their memory  Output's memory
    ---------------  ----------  ------  ------  ----------  ------------  ---------------
    (whole network)  Sequential  (5, 3)  (5, 2)           0           0 B             40 B
      0              Linear      (5, 3)  (5, 4)          16          64 B             80 B
      1              ReLU        (5, 4)  (5, 4)           0           0 B             80 B
      2              Linear      (5, 4)  (5, 2)          10          40 B             40 B
    <BLANKLINE>
    26 parameters, 26 of them trainable, 104 B; outputs of the innermost modules 200 B
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module has type {type(module).__name__}; expected a torch.nn.Module.")
    if not isinstance(depth, int) or depth < 0:
        raise ValueError(f"depth is {depth!r}; expected the number of levels to list, an integer from 0 on.")
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    module = _copied(module)
    tensors = {id(tensor): tensor.detach().clone() for tensor in _tensors((args, dict(kwargs or {})))}
    args, kwargs = copy.deepcopy((args, dict(kwargs or {})), tensors)  # a module may change its input in place
    calls = _run(module, args, kwargs)
    parameters = list(module.parameters())
    return NetworkTable(
        rows=_rows(module, calls, depth),
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        parameter_bytes=sum(map(_size, parameters)),
        output_bytes=sum(call.output_bytes for call in calls if call.innermost),
    )


def _copied(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except Exception as error:
        raise ValueError(
            f"module cannot be copied: {error} Expected one that copy.deepcopy can copy: "
            "a copy is run, so that yours stays as it is."
        ) from error


@dataclass
class _Call:
    """A call of a module."""

    name: str
    inputs: Any
    outputs: Any = None
    output_bytes: int = 0
    innermost: bool = True


def _run(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[_Call]:
    """Return the calls of all modules, in the order in which they began."""
    calls: list[_Call] = []
    running: list[_Call] = []
    names = {part: name for name, part in module.named_modules()}

    def begin(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for call in running[-1:]:
            call.innermost = False
        running.append(_Call(names[part], _given(args, kwargs)))
        calls.append(running[-1])

    def end(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        while (call := running.pop()).name != names[part]:
            pass  # a call that failed, and whose error the network caught
        call.outputs = _shapes(output)
        call.output_bytes = sum(map(_size, {id(tensor): tensor for tensor in _tensors(output)}.values()))

    for part in names:
        part.register_forward_pre_hook(begin, with_kwargs=True)
        part.register_forward_hook(end, with_kwargs=True)
    try:
        with torch.no_grad(), _random_states_kept(module, (args, kwargs)):
            module(*args, **kwargs)
    except Exception as error:
        if running:
            part = module.get_submodule(running[-1].name)
            where = f"{running[-1].name or 'the whole network'} ({type(part).__name__})"
            error.add_note(f"It was raised in {where}, which was given {_said(running[-1].inputs)}.")
        raise
    return calls


@contextmanager
def _random_states_kept(module: nn.Module, inputs: Any) -> Iterator[None]:
    tensors = [*module.parameters(), *module.buffers(), *_tensors(inputs)]
    devices = {tensor.device for tensor in tensors if tensor.device.type == "cuda"}
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(state)


def _rows(module: nn.Module, calls: list[_Call], depth: int) -> tuple[Row, ...]:
    parts = {name: part for name, part in module.named_modules() if _level(name) <= depth}
    held = _held(module, depth)
    numbers: Counter[str] = Counter()
    rows: list[Row] = []
    for call in calls:
        if call.name in parts:
            numbers[call.name] += 1
            rows.append(_row(parts[call.name], call, numbers[call.name], held))
    for name, part in parts.items():
        if not numbers[name]:
            rows.insert(_place(name, rows), _row(part, _Call(name, None), 0, held))
    return tuple(rows)


def _row(part: nn.Module, call: _Call, number: int, held: Mapping[str, _Held]) -> Row:
    own = held[call.name] if number <= 1 else _Held()
    return Row(
        name=call.name,
        kind=type(part).__name__,
        level=_level(call.name),
        call=number,
        inputs=call.inputs,
        outputs=call.outputs,
        parameters=own.parameters,
        trainable=own.trainable,
        shared=tuple(own.shared.items()),
        parameter_bytes=own.parameter_bytes,
        output_bytes=call.output_bytes,
        holds=getattr(type(part), "forward", None) is nn.Module.forward,
    )


def _place(name: str, rows: list[Row]) -> int:
    """Return where to put a module that was not called."""
    inside = [place for place, row in enumerate(rows) if row.name.startswith(f"{name}.")]
    if inside:
        return inside[0]
    parent = name.rpartition(".")[0]
    family = [place for place, row in enumerate(rows) if not parent or f"{row.name}.".startswith(f"{parent}.")]
    return family[-1] + 1 if family else len(rows)


@dataclass
class _Held:
    """The parameters that are counted in a module's row, and how many are counted in other modules' rows."""

    parameters: int = 0
    trainable: int = 0
    parameter_bytes: int = 0
    shared: dict[str, int] = field(default_factory=dict)


def _held(module: nn.Module, depth: int) -> dict[str, _Held]:
    """Count each parameter in the first module that has it, or in the listed module around that."""
    held: dict[str, _Held] = {}
    owners: dict[int, str] = {}
    for name, part in module.named_modules():
        listed = ".".join(name.split(".")[:depth])
        own = held.setdefault(listed, _Held())
        for parameter in part.parameters(recurse=False):
            owner = owners.setdefault(id(parameter), name)
            if owner == name:
                own.parameters += parameter.numel()
                own.trainable += parameter.numel() * parameter.requires_grad
                own.parameter_bytes += _size(parameter)
            elif (counted_in := ".".join(owner.split(".")[:depth])) != listed:
                own.shared[counted_in] = own.shared.get(counted_in, 0) + parameter.numel()
    return held


def _level(name: str) -> int:
    return name.count(".") + 1 if name else 0


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _memory(count: int) -> str:
    """Return a number of bytes as it is read; a kB is 1000 bytes."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{count} B" if unit == "B" else f"{size:.3g} {unit}"


def _tensors(value: Any) -> Iterator[Tensor]:
    """Give the tensors in nested tuples, lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list | Mapping):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(part)


def _shapes(value: Any) -> Any:
    """Return the same structure with sizes for tensors, and without all else; None if nothing is left."""
    if isinstance(value, Tensor):
        return value.shape
    if isinstance(value, Mapping):
        return {key: shape for key, part in value.items() if (shape := _shapes(part)) is not None} or None
    if isinstance(value, tuple | list):
        return tuple(shape for part in value if (shape := _shapes(part)) is not None) or None
    return None


def _given(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the sizes of what a module was called with: of one tensor as it is, else of all."""
    named, plain = _shapes(kwargs), _shapes(args)
    if named:
        return (*(plain or ()), named)
    return plain[0] if plain and len(plain) == 1 else plain


def _said(shapes: Any, nested: bool = False) -> str:
    if shapes is None:
        return "no tensors"
    if isinstance(shapes, torch.Size):
        return str(tuple(shapes))
    if isinstance(shapes, Mapping):
        return "{" + ", ".join(f"{key}: {_said(shape, True)}" for key, shape in shapes.items()) + "}"
    text = ", ".join(_said(shape, True) for shape in shapes)
    return f"[{text}]" if nested else text


def _aligned(place: int) -> str:
    return f' style="text-align:{"right" if place >= ENDS_OF_NUMBERS else "left"}"'
