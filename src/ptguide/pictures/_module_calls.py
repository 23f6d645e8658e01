"""Run a copy of a network and note how its modules are called."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ptguide.pictures._structures import found_in, given, said, shapes_of, size_of, tensors_of


@dataclass
class Call:
    """A call of a module.

    Parameters
    ----------
    inputs, outputs : tuple, dict, torch.Size, str or None
        What went in and came out, with the size of each tensor in its place; the fields of named tuples, dataclasses
        and other objects are those of a dict. A packed sequence and a nested tensor are told in words. Values that are
        no tensors are left out.
    output_bytes : int
        Memory of all tensors that came out, in bytes.
    failed : bool
        Whether the module raised an error, which the network caught.
    innermost : bool
        Whether no other module was called inside.
    """

    inputs: Any
    outputs: Any = None
    output_bytes: int = 0
    failed: bool = True
    innermost: bool = True


def copied(module: nn.Module) -> nn.Module:
    """Return a copy of a module, with copies of what it computed and kept."""
    try:
        try:
            return copy.deepcopy(module)
        except RuntimeError:  # of a result that it kept: copies of those are made here
            kept = (tensor for part in module.modules() for tensor in tensors_of(vars(part)))
            return copy.deepcopy(module, {id(tensor): _copy(tensor) for tensor in kept if tensor.grad_fn is not None})
    except Exception as error:
        raise ValueError(
            f"module cannot be copied: {error} Expected one that copy.deepcopy can copy: "
            "a copy is run, so that yours stays as it is."
        ) from error


def copied_inputs(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return copies: a module may change its input in place."""
    inputs = args, dict(kwargs)
    copies: dict[int, Any] = {id(tensor): _copy(tensor) for tensor in tensors_of(inputs)}
    copies |= {id(generator): generator.clone_state() for generator in found_in(inputs, torch.Generator, set())}
    try:
        return copy.deepcopy(inputs, copies)
    except Exception as error:
        raise ValueError(
            f"inputs cannot be copied: {error} Expected values that copy.deepcopy can copy: "
            "the module gets copies, so that yours stay as they are."
        ) from error


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def calls_of(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, list[Call]]:
    """Run a module; return the calls of the modules in it by name, in the order in which they first began."""
    calls: dict[str, list[Call]] = {}
    running: list[tuple[str, Call]] = []
    names = {part: name for name, part in module.named_modules()}

    def begin(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for _, call in running[-1:]:
            call.innermost = False
        running.append((names[part], Call(given(args, kwargs))))
        calls.setdefault(names[part], []).append(running[-1][1])

    def end(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        while (ended := running.pop())[0] != names[part]:
            pass  # a call that failed, and whose error the network caught
        call = ended[1]
        call.outputs, call.output_bytes, call.failed = shapes_of(output), size_of(tensors_of(output)), False

    for part in names:
        part.register_forward_pre_hook(begin, with_kwargs=True)
        part.register_forward_hook(end, with_kwargs=True)
    try:
        with torch.no_grad(), _random_states_kept(module, (args, kwargs)), _usual_way():
            module(*args, **kwargs)
    except Exception as error:
        if running:
            name, call = running[-1]
            where = f"{name or 'the whole network'} ({type(module.get_submodule(name)).__name__})"
            error.add_note(f"It was raised in {where}, which was given {said(call.inputs)}.")
        raise
    return calls


@contextmanager
def _usual_way() -> Iterator[None]:
    """Turn off what computes the same without calling the modules: a transformer's fast path, compiled graphs."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with ExitStack() as stack:
            if "torch._dynamo" in sys.modules:  # importing it takes seconds, and who compiled has done so
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def _random_states_kept(module: nn.Module, inputs: Any) -> Iterator[None]:
    tensors = [*module.parameters(), *module.buffers(), *tensors_of(inputs)]
    devices = {tensor.device for tensor in tensors if tensor.device.type == "cuda"}
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(state)
