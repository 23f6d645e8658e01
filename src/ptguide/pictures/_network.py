"""A table of what the modules of a network are given, what they return, and what they keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ptguide.pictures._module_calls import Call, calls_of, copied, copied_inputs
from ptguide.pictures._network_table import NetworkTable, Row
from ptguide.pictures._parameters import counted, total


def draw_network(
    module: nn.Module, inputs: Any = (), kwargs: Mapping[str, Any] | None = None, *, depth: int = 3
) -> NetworkTable:
    """Run a network once and list its modules: what they were given, what they returned, and their parameters.

    The modules stand in the order in which they are first called. One that is called more than once stands there once,
    with the number of its calls and their shapes in turn, as ``(5, 3) ×2; (5, 4)``; one that has two names bears both.
    One that is not called stands before the modules inside it, else behind the others of the module that it belongs
    to. Parameters and their memory add up to the totals. A row in which nothing is trained says "frozen", and is
    written in italics on a page.

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
        If `depth` is negative or not an integer, or if `module` or an input cannot be copied.

    Notes
    -----
    What runs is a copy, on copies of the inputs, without recording gradients, and the states of the random generators
    of torch and Python are put back: parameters, buffers, gradients and hooks stay as they were. Hooks of your own run.
    What computes without calling the modules is turned off while it runs: the fast path of transformers in evaluation,
    and compiled graphs. A module is "not called" also where another one uses its parameters or its ``forward`` without
    calling it. A module whose parameters take their shape from the first input is listed as it is after it.

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
    module = copied(module)
    args, kwargs = copied_inputs(inputs if isinstance(inputs, tuple) else (inputs,), kwargs or {})
    calls = calls_of(module, args, kwargs)
    whole = total(module)
    return NetworkTable(
        rows=_rows(module, calls, depth),
        parameters=whole.parameters,
        trainable=whole.trainable,
        parameter_bytes=whole.parameter_bytes,
        output_bytes=sum(call.output_bytes for made in calls.values() for call in made if call.innermost),
    )


def _rows(module: nn.Module, calls: Mapping[str, list[Call]], depth: int) -> tuple[Row, ...]:
    parts = {name: part for name, part in module.named_modules() if _level(name) <= depth}
    own, aliases = counted(module, depth), _aliases(module)

    def row(name: str) -> Row:
        mine = own[name]
        return Row(
            name=name,
            also=tuple(aliases.get(name, ())),
            kind=type(parts[name]).__name__,
            level=_level(name),
            calls=tuple(calls.get(name, ())),
            parameters=mine.parameters,
            trainable=mine.trainable,
            shared=tuple(mine.shared.items()),
            unknown=mine.unknown,
            parameter_bytes=mine.parameter_bytes,
            frozen=mine.frozen,
            holds=getattr(type(parts[name]), "forward", None) is nn.Module.forward,
        )

    rows = [row(name) for name in calls if name in parts]
    for name in parts:
        if name not in calls:
            rows.insert(_place(name, rows), row(name))
    return tuple(rows)


def _aliases(module: nn.Module) -> dict[str, list[str]]:
    """Return the other names of modules that have several, without those that only come of a module around them."""
    first = {part: name for name, part in module.named_modules()}
    found: dict[str, list[str]] = {}
    others = [(name, part) for name, part in module.named_modules(remove_duplicate=False) if first[part] != name]
    repeated = {name for name, _ in others}
    for name, part in others:
        if name.rpartition(".")[0] not in repeated:
            found.setdefault(first[part], []).append(name)
    return found


def _place(name: str, rows: list[Row]) -> int:
    """Return where to put a module that was not called."""
    inside = [place for place, row in enumerate(rows) if row.name.startswith(f"{name}.")]
    if inside:
        return inside[0]
    parent = name.rpartition(".")[0]
    family = [place for place, row in enumerate(rows) if not parent or f"{row.name}.".startswith(f"{parent}.")]
    return family[-1] + 1 if family else len(rows)


def _level(name: str) -> int:
    return name.count(".") + 1 if name else 0
