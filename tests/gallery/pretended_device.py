"""Run a page on a device that is no GPU and refuses what a GPU refuses: ``python pretended_device.py PAGE.py``.

Its tensors keep their numbers in the CPU's memory. An operation on tensors of two devices raises, and so do ``numpy()``
and a generator of the wrong device; `pick_device` finds it, models and data move to it. What the hardware decides is
beyond it: kernels and their rounding, streams, times. It is called "lazy": of the names that torch has and this project
has no use for, the one whose gradients torch computes without a driver.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import runpy
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import notebook_runs
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ptguide.training import _files as plain

NAME = "lazy"
aten = torch.ops.aten
MAY_MIX = {  # as on a GPU: copies, and indices on the CPU
    aten._to_copy.default,
    aten.copy_.default,
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}


class There(torch.Tensor):
    """A tensor on the device."""

    here: torch.Tensor  # its numbers

    @staticmethod
    def __new__(cls, here):
        about = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        found = torch.Tensor._make_wrapper_subclass(cls, here.size(), device=torch.device(NAME, 0), **about)
        found.here = here
        return found

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return compute(operation, args, kwargs or {})

    def __tensor_flatten__(self):  # with these two, torch moves a module's parameters without making new ones
        return ["here"], None

    @staticmethod
    def __tensor_unflatten__(parts, context, size, stride):
        return There(parts["here"])

    def __reduce_ex__(self, protocol):
        return loaded, (self.here.detach(), self.requires_grad, isinstance(self, torch.nn.Parameter))

    def numpy(self, **settings):
        raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() first.")

    def __array__(self, *settings, **more):
        return self.numpy()

    def tolist(self):
        return self.here.detach().tolist()

    def untyped_storage(self):
        return self.here.untyped_storage()

    def storage(self):
        return self.here.storage()

    def data_ptr(self):
        return self.here.data_ptr()

    def __repr__(self, **settings):
        return f"{repr(self.here.detach())[:-1]}, device='{self.device}')"


def tensors_in(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors among values, and in the lists and tuples among them: an operation is given nothing deeper.

    torch's own walk goes through any structure; with it, a step of training a small CNN took 1.7 times as long.
    """
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(value)


def map_tensors(change: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """Return a value with its tensors changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)([map_tensors(change, part) for part in value])
    return value


def to_here(tensor: torch.Tensor) -> torch.Tensor:
    """Return the numbers of a tensor of the device; any other as it is."""
    return tensor.here if isinstance(tensor, There) else tensor


def compute(operation: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Do what torch would: on the device if a tensor is there or is asked for there."""
    given = list(tensors_in([*args, *kwargs.values()]))
    there = [tensor for tensor in given if isinstance(tensor, There)]
    wanted = None if kwargs.get("device") is None else torch.device(kwargs["device"]).type
    if not there and wanted != NAME:
        return operation(*args, **kwargs)
    refuse_mixture(operation, args, kwargs, given)
    args_here = map_tensors(to_here, args)
    kwargs_here = {name: map_tensors(to_here, value) for name, value in kwargs.items()}
    if wanted is not None:
        kwargs_here["device"] = "cpu"
    found = operation(*args_here, **kwargs_here)
    if operation is aten.copy_.default and not isinstance(args[0], There):
        return args[0]
    if wanted not in {None, NAME}:
        return found.clone() if found is args_here[0] else found
    found = map_tensors(There, found)
    return give_back(operation, args, kwargs, found) if operation._schema.is_mutable else found


@functools.cache
def changed(operation: Any) -> list[tuple[int, str] | None]:
    """Return for each value of an operation the place and name of the argument that it is, after a change, if any."""
    arguments = enumerate(operation._schema.arguments)
    written = [(place, one.name, one.alias_info) for place, one in arguments if one.alias_info]
    places = {frozenset(alias.after_set): (place, name) for place, name, alias in written if alias.is_write}
    return [
        places.get(frozenset(one.alias_info.after_set if one.alias_info else ())) for one in operation._schema.returns
    ]


def give_back(operation: Any, args: tuple, kwargs: dict[str, Any], found: Any) -> Any:
    """Return what an operation found; in the place of numbers that it changed the tensor whose they are."""
    if found is None:
        return None
    values = list(found) if isinstance(found, tuple) else [found]
    for number, argument in enumerate(changed(operation)):
        if argument:
            place, name = argument
            values[number] = args[place] if place < len(args) else kwargs[name]
    return tuple(values) if isinstance(found, tuple) else values[0]


def refuse_mixture(operation: Any, args: tuple, kwargs: dict[str, Any], given: list[torch.Tensor]) -> None:
    """Raise what CUDA raises for tensors of two devices; a single number on the CPU is let in."""
    here = [tensor for tensor in given if not isinstance(tensor, There) and tensor.ndim]
    there = [tensor for tensor in given if isinstance(tensor, There)]
    if here and there and operation not in MAY_MIX:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {NAME}:0 and cpu! "
            f"(when checking {operation})"
        )
    generator = kwargs.get("generator")
    if generator is not None and generator.device.type != NAME:
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found '{generator.device.type}'")


class Watch(TorchDispatchMode):
    """See operations that have no tensor on the device yet, such as ``torch.ones(3, device=...)``."""

    used = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        found = compute(operation, args, kwargs or {})
        Watch.used += any(isinstance(tensor, There) for tensor in tensors_in([found]))
        return found


# --- What torch knows of the device ----------------------------------------------------------------------------------
loads_to_cpu = False


def loaded(here: torch.Tensor, requires_grad: bool, is_parameter: bool) -> torch.Tensor:
    """Make the tensor of a file again: there, or here if ``map_location`` says so."""
    tensor = here if loads_to_cpu else There(here)
    return torch.nn.Parameter(tensor, requires_grad) if is_parameter else tensor.requires_grad_(requires_grad)


def load(file: Any, map_location: Any = None, *, load=torch.load, **settings: Any) -> Any:
    """Stand in for `torch.load`; a function as ``map_location`` is told the device by its name."""
    global loads_to_cpu
    before, loads_to_cpu = loads_to_cpu, False
    try:
        if callable(map_location):
            return load(file, lambda storage, place: map_location(storage, NAME) and storage, **settings)
        loads_to_cpu = map_location is not None and torch.device(map_location).type == "cpu"
        return load(file, "cpu", **settings)
    finally:
        loads_to_cpu = before


def install() -> None:
    """Let torch believe that this machine has the device, and nothing else."""
    state = [torch.arange(16, dtype=torch.uint8)]
    module = types.ModuleType(f"torch.{NAME}")
    module.get_rng_state = lambda *device: state[0].clone()
    module.set_rng_state = lambda given, *device: state.__setitem__(0, given.clone())
    module.device_count, module.current_device = (lambda: 1), (lambda: 0)
    module.manual_seed = module.manual_seed_all = module.synchronize = lambda *given: None
    module._is_in_bad_fork = lambda: False
    sys.modules[module.__name__] = module
    setattr(torch, NAME, module)
    torch.accelerator.current_accelerator = lambda check_available=False: torch.device(NAME)
    torch.accelerator.is_available = lambda: True
    torch.accelerator.device_count = lambda: 1
    torch.accelerator.current_device_index = lambda: 0
    torch.accelerator.synchronize = lambda *device: None
    torch.Tensor.pin_memory, torch.Tensor.is_pinned = (lambda tensor, *device: tensor), (lambda tensor, *device: False)
    torch.load = load
    torch.serialization.add_safe_globals([loaded])
    plain.VALUES = (*plain.VALUES, There)  # a checkpoint may hold such a tensor


def main(page: str) -> None:
    """Run a page on the device, and say how much of it was there."""
    install()
    os.environ["PTGUIDE_DEVICE"] = NAME
    sys.argv = [page]
    with Watch():
        runpy.run_path(page, run_name="__main__")
    print(f"{Watch.used} operations on the pretended device")


def run(job: tuple[str, str], answer: Connection) -> None:
    """Do the same in a process that was forked for it, from one that has run nothing; every warning is an error.

    Parameters
    ----------
    job : tuple of str
        The script, and the folder to run it in.
    answer : Connection
        Is sent ``{"printed": ...}``, or ``{"failure": ...}`` where the script raises.
    """
    os.setsid()  # whatever the page starts is ended with it
    gc.freeze()
    script, folder = job
    os.chdir(folder)
    os.environ.update(MPLBACKEND="agg", OMP_NUM_THREADS="1")
    torch.set_num_threads(1)
    multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
    warnings.resetwarnings()
    warnings.simplefilter("error")
    printed = notebook_runs.catch_output()
    try:
        main(script)
        answer.send({"printed": notebook_runs.read_output(printed)})
    except BaseException:  # SystemExit too
        answer.send({"failure": f"{notebook_runs.read_output(printed)}{traceback.format_exc()}"})


if __name__ == "__main__":
    import pretended_device  # under its own name, which is what a file that a page writes refers to

    pretended_device.main(sys.argv[1])
