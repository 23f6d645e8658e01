"""The calls that torch's own tests expect to fail, each as a script would make it.

torch keeps them in its databases of operations, modules and optimizers. A call is written by the name that a reader
types: ``torch.nn.functional.conv2d(x, y, padding=-1)``, a method where the database has a wrapper of its own around
one, with numbers and words as they are, and a name for each tensor.
"""

from __future__ import annotations

import linecache
import sys
import types
import unittest
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

FILE = "/project/train.py"
ROOMS = {
    "torch.nn.functional": torch.nn.functional, "torch": torch, "torch.linalg": torch.linalg, "torch.fft": torch.fft,
    "torch.special": torch.special, "torch.signal.windows": torch.signal.windows,
}  # fmt: skip
METHODS = {"normal.in_place": "normal_", "cauchy": "cauchy_", "exponential": "exponential_", "uniform": "uniform_",
           "geometric": "geometric_", "log_normal": "log_normal_"}  # fmt: skip
NAMES = "x y z u v w x6 x7 x8 x9".split()
PLAIN = (int, float, bool, str, complex, type(None), torch.dtype, torch.layout)


class Refused(NamedTuple):
    """A call that must fail.

    Attributes
    ----------
    source : str
        ``"operations"``, ``"modules"`` or ``"optimizers"``.
    name : str
        What torch's database calls it.
    code : str
        The line of the script.
    names : dict of str to object
        What the names in the line are.
    """

    source: str
    name: str
    code: str
    names: dict[str, Any]


def refused() -> Iterator[Refused]:
    """Yield the calls of all databases, in their order."""
    sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))  # type: ignore[arg-type]
    yield from operations()
    yield from modules()
    yield from optimizers()


def operations() -> Iterator[Refused]:
    """Yield the calls of operations that must fail."""
    from torch.testing._internal.common_methods_invocations import op_db

    for info in op_db:
        if info.error_inputs_func is not None:
            with _Filled():
                several = list(info.error_inputs("cpu"))
            for given in several:
                sample = given.sample_input
                args = [sample.input, *sample.args]
                yield written("operations", info.full_name, info.get_op(), args, sample.kwargs)


def modules() -> Iterator[Refused]:
    """Yield the modules that must not be made, or must refuse their input."""
    from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

    for info in module_db:
        if info.module_error_inputs_func is None:
            continue
        errors = info.module_error_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
        )
        for given in errors:
            made, forward = given.module_error_input.constructor_input, given.module_error_input.forward_input
            if given.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
                yield written("modules", info.name, info.module_cls, made.args, made.kwargs)
            else:
                layer = info.module_cls(*made.args, **made.kwargs)
                yield written("modules", info.name, layer, forward.args, forward.kwargs)


def optimizers() -> Iterator[Refused]:
    """Yield the optimizers that must not be made; where the database gives no parameters, as a script gives them."""
    from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

    for info in optim_db:
        for given in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
            if given.error_on == OptimizerErrorEnum.CONSTRUCTION_ERROR:
                wanted = given.optimizer_error_input
                params = [torch.nn.Parameter(torch.ones(2, 3))] if wanted.params is None else wanted.params
                yield written("optimizers", info.name, info.optim_cls, [params], wanted.kwargs)


class _Filled(TorchFunctionMode):
    """What torch's tests leave without values gets ones, so that each run makes the same calls."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        return made.fill_(1) if function in (torch.empty, torch.Tensor.new_empty) else made


def written(source: str, name: str, operation: Any, args: Any, words: dict[str, Any]) -> Refused:
    """Return a call as a line of a script."""
    names: dict[str, Any] = {"torch": torch}

    def text(value: Any, called: str) -> str:
        if _is_plain(value):
            return repr(value)
        names[called] = value
        return called

    known = [text(value, NAMES[place]) for place, value in enumerate(args)]
    given = [f"{word}={text(value, word)}" for word, value in words.items()]
    path = _path(operation, name)
    if path == "torch.nn.functional.embedding":  # the database gives the weight first
        known[:2] = known[1::-1]
    if path.startswith("."):
        path, known = f"{known[0]}{path}", known[1:]
    if not path:
        path = "layer" if isinstance(operation, torch.nn.Module) else "operation"
        names[path] = operation
    return Refused(source, name, f"{path}({', '.join([*known, *given])})", names)


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    return type(value) in PLAIN and value == value and abs(value if type(value) is float else 0) != float("inf")


def _path(operation: Any, name: str) -> str:
    """Return how a script calls an operation: by its module, or as a method; empty if it has no name there."""
    if isinstance(operation, type):
        room = "torch.optim" if issubclass(operation, torch.optim.Optimizer) else "torch.nn"
        return f"{room}.{operation.__name__}"
    for room, module in ROOMS.items():
        found = next((word for word, one in vars(module).items() if one is operation), None)
        if found:
            return f"{room}.{found}"
    if getattr(operation, "__name__", "") != "<lambda>":
        return ""
    short = name.rpartition(".")[2]
    if name in METHODS or (hasattr(Tensor, short) and not hasattr(torch, short)):
        return f".{METHODS.get(name, short)}"
    plain = name.removesuffix(".grad_oriented")
    room, _, short = plain.rpartition(".")
    return f"torch.{plain}" if hasattr(ROOMS.get(f"torch.{room}".rstrip("."), torch), short) else ""


def raised(call: Refused) -> Exception | None:
    """Return what a call raises as if a script had made it, or None."""
    line = f"result = {call.code}"
    linecache.cache[FILE] = (len(line), None, [f"{line}\n"], FILE)
    try:
        exec(compile(line, FILE, "exec"), dict(call.names))
    except Exception as error:
        error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ else None
        return error
    return None
