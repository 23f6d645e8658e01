"""A tensor in one line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ptguide.tensors._access import access, is_symbolic, plainly, require_strided
from ptguide.tensors._statistics import statistics
from ptguide.tensors._tables import table


@dataclass(frozen=True, repr=False)
class Description:
    """What `describe` found out; printed it is one line, and in a notebook a table of its fields.

    Attributes
    ----------
    kind : str
        The name of the class, such as ``Tensor`` or ``Parameter``.
    shape, dtype, device, requires_grad
        As the tensor has them; the shape is a plain tuple.
    strides : tuple of int
        How many elements further in the storage the next element along each axis lies.
    storage_offset : int
        Where in the storage the first element lies, in elements.
    storage_elements, storage_bytes : int or None
        The size of the whole storage, in elements and in bytes. A view may use a part of it. None where the class of
        the tensor keeps its values in its own way.
    element_bytes : int or None
        The size of the tensor's own elements, counted as if none of them shared a place, in bytes. None where a size is
        a symbol, as while a program is exported.
    is_contiguous : bool or None
        Whether the elements follow each other in row-major order without a gap. None where a size is a symbol.
    grad_fn : str or None
        The operation that made the tensor, as autograd recorded it; None for a leaf.
    min, max, mean, std : int, float or None
        Of the finite elements; of a complex tensor, of their absolute values. ``std`` divides by one less than
        their number, as `torch.std` does. None where there is nothing to compute it from: no finite element
        (for ``std``, fewer than two), no values, a bool tensor; an integer tensor has no ``std`` either.
    true_count : int or None
        How many elements of a bool tensor are True; None for other dtypes.
    nan_count, inf_count : int or None
        How many elements are NaN, and how many infinite. A complex element counts as its absolute value does.
        None where there are no values.
    measured : int or None
        How many elements these numbers are of. None where there are no values.
    part : str
        Of what they are, where not of this tensor's elements alone: inside `torch.func.vmap` of the whole batch, of a
        distributed tensor of the part that this process has.
    missing : str
        Why there are no values, or why they are not read; empty where they are.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    strides: tuple[int, ...]
    storage_offset: int
    storage_elements: int | None
    storage_bytes: int | None
    element_bytes: int | None
    is_contiguous: bool | None
    requires_grad: bool
    grad_fn: str | None
    min: int | float | None = None
    max: int | float | None = None
    mean: float | None = None
    std: float | None = None
    true_count: int | None = None
    nan_count: int | None = None
    inf_count: int | None = None
    measured: int | None = None
    part: str = ""
    missing: str = ""

    def __str__(self) -> str:
        head = f"{self.kind} {self.shape} {str(self.dtype).removeprefix('torch.')} {self.device}"
        counts = {"NaN": self.nan_count, "inf": self.inf_count}
        unusual = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        grad = "requires grad" if self.requires_grad else ""
        made_by = f" ({self.grad_fn})" if self.grad_fn else ""
        return " | ".join(filter(None, [head, self._values(), unusual, self._layout(), grad + made_by]))

    __repr__ = __str__

    def _values(self) -> str:
        if self.missing:
            return self.missing
        part = f" ({self.part})" if self.part else ""
        return self._numbers() + part

    def _numbers(self) -> str:
        if not self.measured:
            return "no elements"
        if self.true_count is not None:
            return f"{self.true_count} of {self.measured} True"
        if self.min is None:
            return "no finite element"
        if self.measured == 1:
            return f"{'absolute value' if self.dtype.is_complex else 'value'} {_short(self.min)}"
        found = {"min": self.min, "max": self.max, "mean": self.mean, "std": self.std}
        text = " ".join(f"{name} {_short(value)}" for name, value in found.items() if value is not None)
        return f"absolute value: {text}" if self.dtype.is_complex else text

    def _layout(self) -> str:
        """Say in what the tensor differs from one that is contiguous and fills its storage."""
        strides = f"strides {self.strides}" if self.is_contiguous is False else ""
        offset = f"offset {self.storage_offset}" if self.storage_offset else ""
        filled = self.storage_elements in (None, self._expected())
        storage = "" if filled else f"storage of {self.storage_elements} elements"
        return ", ".join(filter(None, [strides, offset, storage]))

    def _expected(self) -> int | None:
        """Return how many elements the storage of an ordinary tensor has."""
        if self.measured is not None:
            return self.measured
        return None if self.element_bytes is None else self.element_bytes // self.dtype.itemsize

    def _repr_html_(self) -> str:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return table(
            (name.replace("_", " "), "–" if value in (None, "") else str(value)) for name, value in values.items()
        )


def describe(tensor: Tensor) -> Description:
    """Say in one line what a tensor holds and how it lies in memory.

    The line leaves out what is ordinary: a contiguous tensor that fills its storage, no NaN, no gradient.

    Parameters
    ----------
    tensor : Tensor, any shape
        It is not changed, and autograd records nothing.

    Returns
    -------
    Description
        Shape, dtype, device, layout and statistics.

    Raises
    ------
    TypeError
        If ``tensor`` is not a tensor.
    ValueError
        If it is sparse, nested or quantized, or has no shape yet.

    Notes
    -----
    Where the values cannot be read, the line says why: on the device ``meta``, in a fake tensor, where the storage was
    resized to less than the elements need, for data types that torch does not convert (such as ``torch.int4``), and for
    classes that wrap tensors in their own way. Inside the transforms of `torch.func` the values are there; of a
    distributed tensor, those of this process are, and no process waits for another.

    The statistics are computed on the tensor's device in double precision (on MPS in single), which takes several times
    the memory of the elements, and come to the CPU in one transfer. The minimum and the maximum of
    integers are computed as integers, so those beyond 2⁵³ are exact; their mean is rounded to double precision.

    Examples
    --------
    >>> describe(torch.arange(12.0).reshape(3, 4).T)
    Tensor (4, 3) float32 cpu | min 0 max 11 mean 5.5 std 3.606 | strides (1, 4)
    >>> describe(torch.tensor([True, False, True]))
    Tensor (3,) bool cpu | 2 of 3 True
    >>> describe(torch.tensor([1.0, 2.0, torch.nan])).nan_count
    1
    """
    require_strided("tensor", tensor)
    with plainly():
        found = access(tensor)
        symbolic = is_symbolic(tensor)
        offset: Any = tensor.storage_offset()  # a symbol stays one
        storage_bytes = None if found.memory is None or symbolic else found.memory.untyped_storage().nbytes()
        values = {} if found.missing or found.memory is None else statistics(found.memory.detach())
        return Description(
            kind=type(tensor).__name__,
            shape=tuple(tensor.shape),
            dtype=tensor.dtype,
            device=tensor.device,
            strides=tensor.stride(),
            storage_offset=offset,
            storage_elements=None if storage_bytes is None else storage_bytes // tensor.itemsize,
            storage_bytes=storage_bytes,
            element_bytes=None if symbolic else tensor.numel() * tensor.itemsize,
            is_contiguous=None if symbolic else tensor.is_contiguous(),
            requires_grad=tensor.requires_grad,
            grad_fn=tensor.grad_fn.name() if tensor.grad_fn else None,
            **{"part": found.part, "missing": found.missing, **values},
        )


def _short(value: int | float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
