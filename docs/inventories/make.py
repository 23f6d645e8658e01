"""Make the small inventories with which references resolve where there is no network: `nox -s inventories`.

The names come from the installed packages, so that none is invented; the addresses follow the rules by which each
project's documentation places them.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy
import sphobjinv
import torch
import torchvision

HERE = Path(__file__).parent
Entry = tuple[str, str, str]  # name, role, address

TORCH_PLACES = {
    "torch.Tensor": ("class", "tensors.html#torch.Tensor"),
    "torch.dtype": ("class", "tensor_attributes.html#torch.dtype"),
    "torch.device": ("class", "tensor_attributes.html#torch.device"),
    "torch.layout": ("class", "tensor_attributes.html#torch.layout"),
    "torch.memory_format": ("class", "tensor_attributes.html#torch.memory_format"),
    "torch.Size": ("class", "size.html#torch.Size"),
    "torch.testing.assert_close": ("function", "testing.html#torch.testing.assert_close"),
    "torch.testing.make_tensor": ("function", "testing.html#torch.testing.make_tensor"),
    "torch.autograd.backward": ("function", "generated/torch.autograd.backward.html#torch.autograd.backward"),
    "torch.autograd.grad": ("function", "generated/torch.autograd.grad.html#torch.autograd.grad"),
    "torch.utils.data.DataLoader": ("class", "data.html#torch.utils.data.DataLoader"),
    "torch.utils.data.Dataset": ("class", "data.html#torch.utils.data.Dataset"),
    "torch.utils.data.IterableDataset": ("class", "data.html#torch.utils.data.IterableDataset"),
    "torch.utils.data.TensorDataset": ("class", "data.html#torch.utils.data.TensorDataset"),
    "torch.utils.data.WeightedRandomSampler": ("class", "data.html#torch.utils.data.WeightedRandomSampler"),
    "torch.utils.data.get_worker_info": ("function", "data.html#torch.utils.data.get_worker_info"),
    "torch.utils.tensorboard.writer.SummaryWriter": (
        "class",
        "tensorboard.html#torch.utils.tensorboard.writer.SummaryWriter",
    ),
    "torch.autograd.detect_anomaly": ("class", "autograd.html#torch.autograd.detect_anomaly"),
    "torch.backends.cudnn.is_available": ("function", "backends.html#torch.backends.cudnn.is_available"),
    "torch.backends.mkldnn.is_available": ("function", "backends.html#torch.backends.mkldnn.is_available"),
    "torch.compile": ("function", "generated/torch.compile.html#torch.compile"),
}


def public(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the public names of a module that are functions or classes, with their values."""
    for name in sorted(dir(module)):
        value = getattr(module, name)
        if not name.startswith("_") and (callable(value) or inspect.isclass(value)):
            yield name, value


def generated(prefix: str, module: ModuleType, folder: str = "generated") -> Iterator[Entry]:
    """Yield entries for documentation that gives each name a page of its own."""
    for name, value in public(module):
        role = "class" if inspect.isclass(value) else "function"
        yield f"{prefix}.{name}", role, f"{folder}/{prefix}.{name}.html#{prefix}.{name}"


def on_one_page(prefix: str, module: ModuleType, page: str) -> Iterator[Entry]:
    """Yield entries for documentation that describes the names of a module of its own on one page."""
    for name, value in public(module):
        if getattr(value, "__module__", None) == prefix:
            role = "class" if inspect.isclass(value) else "function"
            yield f"{prefix}.{name}", role, f"{page}#{prefix}.{name}"


def torch_entries() -> Iterator[Entry]:
    """Yield the entries of PyTorch."""
    yield from ((name, *place) for name, place in TORCH_PLACES.items())
    modules = {"torch": torch, "torch.nn": torch.nn, "torch.nn.functional": torch.nn.functional}
    modules |= {"torch.optim": torch.optim, "torch.optim.lr_scheduler": torch.optim.lr_scheduler}
    modules |= {"torch.linalg": torch.linalg, "torch.cuda": torch.cuda, "torch.func": torch.func}
    for prefix, module in modules.items():
        yield from (entry for entry in generated(prefix, module) if entry[0] not in TORCH_PLACES)
    initializers = on_one_page("torch.nn.init", torch.nn.init, "nn.init.html")
    yield from (entry for entry in initializers if entry[0].endswith(("_", "calculate_gain")))  # no deprecated names
    yield from on_one_page("torch.autograd.graph", torch.autograd.graph, "autograd.html")
    for name in ("cpu", "cuda", "mps", "mkl", "openmp"):
        yield from on_one_page(f"torch.backends.{name}", getattr(torch.backends, name), "backends.html")
    for name in sorted(dir(torch.Tensor)):
        if not name.startswith("_"):
            role = "method" if callable(getattr(torch.Tensor, name)) else "attribute"
            full = f"torch.Tensor.{name}"
            yield full, role, f"generated/{full}.html#{full}"


def torchvision_entries() -> Iterator[Entry]:
    """Yield the entries of torchvision."""
    from torchvision.transforms import v2

    modules = {"torchvision.datasets": torchvision.datasets, "torchvision.ops": torchvision.ops}
    modules |= {"torchvision.transforms.v2": v2, "torchvision.utils": torchvision.utils}
    for prefix, module in modules.items():
        yield from generated(prefix, module)
    yield from generated("torchvision.models", torchvision.models, "models/generated")


def numpy_entries() -> Iterator[Entry]:
    """Yield the entries of NumPy."""
    yield from generated("numpy", numpy, "reference/generated")
    yield from generated("numpy.linalg", numpy.linalg, "reference/generated")


def python_entries() -> Iterator[Entry]:
    """Yield the entries of Python's built-in names, and of the modules that pages speak of."""
    for module in ("copy", "csv", "functools", "multiprocessing", "pickle", "subprocess", "tempfile", "venv"):
        yield module, "module", f"library/{module}.html#module-{module}"
    types = {"bool", "bytes", "dict", "float", "frozenset", "int", "list", "range", "set", "str", "tuple"}
    for name, value in public(builtins):
        if inspect.isclass(value) and issubclass(value, BaseException):
            yield name, "exception", f"library/exceptions.html#{name}"
        elif name in types:
            yield name, "class", f"library/stdtypes.html#{name}"
        else:
            yield name, "function", f"library/functions.html#{name}"


def write(project: str, number: str, entries: Iterator[Entry]) -> None:
    """Write an inventory file; the same names give the same bytes."""
    inventory = sphobjinv.Inventory()
    inventory.project, inventory.version = project, number
    for name, role, address in sorted(set(entries)):
        inventory.objects.append(
            sphobjinv.DataObjStr(name=name, domain="py", role=role, priority="1", uri=address, dispname="-")
        )
    sphobjinv.writebytes(str(HERE / f"{project}.inv"), sphobjinv.compress(inventory.data_file()))


if __name__ == "__main__":
    write("torch", version("torch"), torch_entries())
    write("torchvision", version("torchvision"), torchvision_entries())
    write("numpy", version("numpy"), numpy_entries())
    write("python", "3", python_entries())
