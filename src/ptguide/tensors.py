"""Look at a tensor: its values in one line, its place in memory, and which tensors share that memory."""

from __future__ import annotations

import dataclasses
import itertools
import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["Description", "Sharing", "describe", "shares_memory", "storage_map", "who_shares"]

MOST_RUNS = 10_000_000  # runs of bytes that `shares_memory` compares: about 2 s and 0.3 GB


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
    storage_elements, storage_bytes : int
        The size of the whole storage, in elements and in bytes. A view may use a part of it.
    element_bytes : int
        The size of the tensor's own elements, counted as if none of them shared a place, in bytes.
    is_contiguous : bool
        Whether the elements follow each other in row-major order without a gap.
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
        None on the device ``meta``, where a tensor has no values.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    strides: tuple[int, ...]
    storage_offset: int
    storage_elements: int
    storage_bytes: int
    element_bytes: int
    is_contiguous: bool
    requires_grad: bool
    grad_fn: str | None
    min: int | float | None = None
    max: int | float | None = None
    mean: float | None = None
    std: float | None = None
    true_count: int | None = None
    nan_count: int | None = None
    inf_count: int | None = None

    def __str__(self) -> str:
        head = f"{self.kind} {self.shape} {str(self.dtype).removeprefix('torch.')} {self.device}"
        counts = {"NaN": self.nan_count, "inf": self.inf_count}
        unusual = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        grad = "requires grad" if self.requires_grad else ""
        made_by = f" ({self.grad_fn})" if self.grad_fn else ""
        return " | ".join(filter(None, [head, self._values(), unusual, self._layout(), grad + made_by]))

    __repr__ = __str__

    def _values(self) -> str:
        elements = math.prod(self.shape)
        if self.nan_count is None:
            return f"no values on {self.device}"
        if not elements:
            return "no elements"
        if self.true_count is not None:
            return f"{self.true_count} of {elements} True"
        if self.min is None:
            return "no finite element"
        if elements == 1:
            return f"{'absolute value' if self.dtype.is_complex else 'value'} {_short(self.min)}"
        found = {"min": self.min, "max": self.max, "mean": self.mean, "std": self.std}
        text = " ".join(f"{name} {_short(value)}" for name, value in found.items() if value is not None)
        return f"absolute value: {text}" if self.dtype.is_complex else text

    def _layout(self) -> str:
        """Say in what the tensor differs from one that is contiguous and fills its storage."""
        strides = "" if self.is_contiguous else f"strides {self.strides}"
        offset = f"offset {self.storage_offset}" if self.storage_offset else ""
        filled = self.storage_elements == math.prod(self.shape)
        storage = "" if filled else f"storage of {self.storage_elements} elements"
        return ", ".join(filter(None, [strides, offset, storage]))

    def _repr_html_(self) -> str:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return _table((name.replace("_", " "), "–" if value is None else str(value)) for name, value in values.items())


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
        If it is sparse, nested or quantized.

    Notes
    -----
    The statistics are computed on the tensor's device in float64 (on MPS in float32), which takes several times
    the memory of the elements, and come to the CPU in one transfer. The minimum and the maximum of
    integers are computed as integers, so those beyond 2⁵³ are exact; their mean is rounded to float64.

    Examples
    --------
    >>> describe(torch.arange(12.0).reshape(3, 4).T)
    Tensor (4, 3) float32 cpu | min 0 max 11 mean 5.5 std 3.606 | strides (1, 4)
    >>> describe(torch.tensor([True, False, True]))
    Tensor (3,) bool cpu | 2 of 3 True
    >>> describe(torch.tensor([1.0, 2.0, torch.nan])).nan_count
    1
    """
    _require_strided("tensor", tensor)
    storage_bytes = tensor.untyped_storage().nbytes()
    return Description(
        kind=type(tensor).__name__,
        shape=tuple(tensor.shape),
        dtype=tensor.dtype,
        device=tensor.device,
        strides=tensor.stride(),
        storage_offset=int(tensor.storage_offset()),
        storage_elements=storage_bytes // tensor.itemsize,
        storage_bytes=storage_bytes,
        element_bytes=tensor.numel() * tensor.itemsize,
        is_contiguous=tensor.is_contiguous(),
        requires_grad=tensor.requires_grad,
        grad_fn=tensor.grad_fn.name() if tensor.grad_fn else None,
        **_statistics(tensor.detach()),
    )


def storage_map(tensor: Tensor) -> Tensor:
    """Say for each element where in the storage it lies, counted in elements from the storage's start.

    Parameters
    ----------
    tensor : Tensor, any shape
        Its values are not read.

    Returns
    -------
    Tensor, int64, of the shape of ``tensor``, on the CPU
        The storage offset plus, for each axis, the index times the stride. Where several elements have the
        same number, they are one place in memory.

    Raises
    ------
    TypeError
        If ``tensor`` is not a tensor.
    ValueError
        If it is sparse, nested or quantized.

    Examples
    --------
    >>> x = torch.arange(10, 22).reshape(3, 4)
    >>> storage_map(x[1:, ::2])
    tensor([[ 4,  6],
            [ 8, 10]])
    """
    _require_strided("tensor", tensor)
    return _places(int(tensor.storage_offset()), zip(tensor.stride(), tensor.shape, strict=True))


def shares_memory(a: Tensor, b: Tensor) -> bool:
    """Say whether some byte belongs to an element of ``a`` and to an element of ``b``.

    Parameters
    ----------
    a, b : Tensor, any shapes and dtypes
        Tensors on different devices share nothing, nor does a tensor without elements or one on ``meta``.

    Returns
    -------
    bool
        True exactly if writing to one can change the other. That two tensors have the same storage is not
        enough, and not needed: two storages can be made over the same memory.

    Raises
    ------
    TypeError
        If ``a`` or ``b`` is not a tensor.
    ValueError
        If one is sparse, nested or quantized; or if neither the addresses nor the strides decide and the two lie
        in more than 10 million runs of bytes, of which each would have to be compared.

    Examples
    --------
    >>> x = torch.arange(12).reshape(3, 4)
    >>> shares_memory(x, x.T), shares_memory(x[0], x[1]), shares_memory(x[:, ::2], x[:, 1::2])
    (True, False, False)
    """
    return _overlap(_footprint("a", a), _footprint("b", b))


@dataclass(frozen=True, repr=False)
class Sharing:
    """What `who_shares` found out; printed it is one line for each group, and in a notebook a table.

    Attributes
    ----------
    groups : tuple of tuple of str
        The names, in order of first appearance. Two names stand in one group if they share memory or are connected
        through others that do; a name that does not share memory has a group of its own.
    pairs : tuple of tuple of str
        The two names of each pair that shares memory itself.
    """

    groups: tuple[tuple[str, ...], ...]
    pairs: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "\n".join(self._line(group) for group in self.groups)

    __repr__ = __str__

    def _line(self, group: tuple[str, ...]) -> str:
        if len(group) == 1:
            return f"{group[0]} stands alone"
        found, possible = len(self._pairs_of(group)), math.comb(len(group), 2)
        return f"{', '.join(group)} share memory" + (f" ({found} of {possible} pairs)" if found < possible else "")

    def _pairs_of(self, group: tuple[str, ...]) -> list[str]:
        return [f"{first} with {second}" for first, second in self.pairs if first in group]

    def _repr_html_(self) -> str:
        return _table((self._line(group), "; ".join(self._pairs_of(group)) or "–") for group in self.groups)


def who_shares(tensors: Mapping[str, Tensor]) -> Sharing:
    """Sort named tensors into groups that share memory.

    Parameters
    ----------
    tensors : dict of str to Tensor
        For example ``{"x": x, "row": row}`` or the ``state_dict()`` of a module. Each pair is compared as by
        `shares_memory`.

    Returns
    -------
    Sharing
        The groups and the pairs that make them.

    Raises
    ------
    TypeError
        If ``tensors`` is not a dict, or if one of its values is not a tensor.
    ValueError
        As `shares_memory` raises it.

    Examples
    --------
    >>> x = torch.arange(12).reshape(3, 4)
    >>> who_shares({"x": x, "top": x[0], "bottom": x[2], "copy": x.clone()})
    x, top, bottom share memory (2 of 3 pairs)
    copy stands alone
    """
    if not isinstance(tensors, Mapping):
        raise TypeError(f"tensors is a {type(tensors).__name__}; expected a dict of names, such as {{'x': x, 'y': y}}.")
    footprints = [_footprint(f"tensors[{name!r}]", tensor) for name, tensor in tensors.items()]
    named = zip(tensors, footprints, strict=True)
    pairs = tuple((a, b) for (a, one), (b, other) in itertools.combinations(named, 2) if _overlap(one, other))
    place = {name: index for index, name in enumerate(tensors)}
    group_of: dict[str, tuple[str, ...]] = {name: (name,) for name in tensors}
    for a, b in pairs:
        merged = tuple(sorted({*group_of[a], *group_of[b]}, key=place.__getitem__))
        group_of.update(dict.fromkeys(merged, merged))
    return Sharing(groups=tuple(dict.fromkeys(group_of.values())), pairs=pairs)


def _require_strided(name: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a torch.Tensor, as torch.as_tensor makes it.")
    if value.is_nested:
        found, instead = "is nested", f"each of {name}.unbind()"
    elif value.layout is not torch.strided:
        found, instead = f"has layout {value.layout}", f"{name}.to_dense()"
    elif value.is_quantized:
        found, instead = f"is quantized ({value.dtype})", f"{name}.int_repr() or {name}.dequantize()"
    else:
        return
    raise ValueError(f"{name} {found}; expected a plain tensor with a stride for each axis. Pass {instead}.")


def _statistics(x: Tensor) -> dict[str, Any]:
    if x.is_meta:
        return {}
    counts = {"true_count": 0 if x.dtype == torch.bool else None, "nan_count": 0, "inf_count": 0}
    if not x.numel():
        return counts
    if x.dtype == torch.bool:
        return {**counts, "true_count": x.sum().item()}
    if not (x.is_floating_point() or x.is_complex()):
        (low, high), (mean,) = _fetch(*_measure_integers(x))
        shift = 2**63 if x.dtype == torch.uint64 else 0  # see _measure_integers
        return {**counts, "min": low + shift, "max": high + shift, "mean": mean}
    (finite, nan_count, inf_count), values = _fetch(*_measure_floats(x))
    known = dict(zip(("min", "max", "mean", "std"), values, strict=True)) if finite else {}
    if finite == 1:
        del known["std"]
    return {**counts, **known, "nan_count": nan_count, "inf_count": inf_count}


def _measure_integers(x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Compute minimum and maximum (int64) and the mean, all on the device."""
    mean = x.to(_working_dtype(x)).mean()
    if x.dtype == torch.uint64:  # has no amin; less 2**63, which flips the top bit, it fits into int64
        x = x.view(torch.int64) ^ torch.iinfo(torch.int64).min
    x = x.to(torch.int64)
    return [x.amin(), x.amax()], [mean]


def _measure_floats(x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Compute the numbers of finite, NaN and infinite elements, and the four statistics, all on the device.

    Nothing here may need a value on the host (``x[mask]`` and ``if`` do): each time the program would wait.
    """
    work = _working_dtype(x)
    x = x.to(work.to_complex()).abs() if x.is_complex() else x.to(work)
    finite = x.isfinite()
    count = finite.sum()
    low, high = x.masked_fill(~finite, math.inf).amin(), x.masked_fill(~finite, -math.inf).amax()
    # A power of two brings very large and very small values where neither sums nor squares leave the dtype's range.
    large = 2.0 ** (math.log2(torch.finfo(work).max) // 3)
    largest = torch.maximum(low.abs(), high.abs())
    scale = torch.ones_like(largest).masked_fill(largest > large, large**-2).masked_fill(largest < 1 / large, large**2)
    scaled = x.masked_fill(~finite, 0) * scale
    mean = scaled.sum() / count
    std = ((scaled - mean).masked_fill(~finite, 0).square().sum() / (count - 1)).sqrt()
    return [count, x.isnan().sum(), x.isinf().sum()], [low, high, mean / scale, std / scale]


def _working_dtype(x: Tensor) -> torch.dtype:
    return torch.float32 if x.device.type == "mps" else torch.float64


def _fetch(integers: list[Tensor], floats: list[Tensor]) -> tuple[list[int], tuple[float, ...]]:
    """Bring scalars to the CPU in one transfer, the floats as their bits, so that the int64 ones stay exact."""
    real = torch.stack(floats)
    same_size, codes = (torch.int64, "qd") if real.dtype == torch.float64 else (torch.int32, "if")
    packed = torch.cat([torch.stack(integers), real.view(same_size).to(torch.int64)])
    numbers = packed.tolist()  # the one place that waits for the device
    bits = struct.pack(f"{len(floats)}{codes[0]}", *numbers[len(integers) :])
    return numbers[: len(integers)], struct.unpack(f"{len(floats)}{codes[1]}", bits)


class _Footprint(NamedTuple):
    """The bytes of a tensor's elements: runs without a gap, one at every combination of the steps."""

    name: str
    device: torch.device
    start: int  # address in bytes
    end: int  # one past the last byte
    run: int  # bytes
    steps: list[tuple[int, int]]  # (stride in bytes, size)


def _footprint(name: str, tensor: Tensor) -> _Footprint:
    _require_strided(name, tensor)
    run = tensor.itemsize
    if tensor.is_meta or not tensor.numel():
        return _Footprint(name, tensor.device, 0, 0, run, [])
    start = tensor.data_ptr()
    axes = [(stride * run, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True)]
    end = start + run + sum(stride * (size - 1) for stride, size in axes)
    steps = []
    for stride, size in sorted(axes):
        if stride <= run:  # this axis leaves no gap between the runs so far: they become one
            run += stride * (size - 1)
        elif size > 1:
            steps.append((stride, size))
    return _Footprint(name, tensor.device, start, end, run, steps)


def _overlap(a: _Footprint, b: _Footprint) -> bool:
    if a.device != b.device or a.start >= b.end or b.start >= a.end:
        return False
    if a.start == b.start or a.end == b.end:
        return True
    for one, other in ((a, b), (b, a)):
        if not one.steps and (one.start < other.start or other.end < one.end):
            return True  # the first or the last byte of the other lies in the only run of this one
    period = math.gcd(*(stride for stride, _ in a.steps + b.steps))
    if a.run <= (b.start - a.start) % period <= period - b.run:
        return False  # interleaved: in every period, the runs of b lie behind those of a
    return _runs_meet(a, b)


def _runs_meet(a: _Footprint, b: _Footprint) -> bool:
    count = sum(math.prod(size for _, size in footprint.steps) for footprint in (a, b))
    if count > MOST_RUNS:
        raise ValueError(
            f"{a.name} and {b.name} lie in {count:,} runs of bytes, too many to compare each; "
            f"expected at most {MOST_RUNS:,}. Compare smaller parts of them."
        )
    starts = _places(a.start, a.steps).flatten()
    others = _places(b.start, b.steps).flatten().sort().values
    begun = torch.searchsorted(others, starts + a.run)  # how many begin before this run ends
    ended = torch.searchsorted(others, starts - b.run, right=True)  # how many end before it begins
    return bool((begun > ended).any())


def _places(start: int, axes: Iterable[tuple[int, int]]) -> Tensor:
    places = torch.tensor(start, device="cpu")
    for stride, size in axes:
        places = places.unsqueeze(-1) + stride * torch.arange(size, device="cpu")
    return places


def _short(value: int | float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = (f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows)
    return f'<table class="ptg-table"><tbody>{"".join(cells)}</tbody></table>'
