"""Which tensors lie in the same memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ptguide.tensors._access import plainly, require_memory
from ptguide.tensors._tables import table

MOST_RUNS = 10_000_000  # runs of bytes that `shares_memory` compares: about 2 s and 0.3 GB


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
        If it is sparse, nested or quantized; if it has no memory of its own (inside a transform of `torch.func`, as a
        distributed tensor, in a class that wraps tensors), or less than its elements need.

    Examples
    --------
    >>> x = torch.arange(10, 22).reshape(3, 4)
    >>> storage_map(x[1:, ::2])
    tensor([[ 4,  6],
            [ 8, 10]])
    >>> storage_map(x).dtype
    torch.int64
    """
    with plainly():
        require_memory("tensor", tensor)
        return _places(int(tensor.storage_offset()), zip(tensor.stride(), tensor.shape, strict=True))


def shares_memory(a: Tensor, b: Tensor) -> bool:
    """Say whether some byte belongs to an element of ``a`` and to an element of ``b``.

    Parameters
    ----------
    a, b : Tensor, any shapes and dtypes
        Tensors on different devices share nothing, nor does a tensor without elements, one on ``meta``, a fake tensor
        or one whose storage was freed (resized to nothing).

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
        If one is sparse, nested or quantized; if one has no memory of its own, or less than its elements need, as
        `storage_map` raises it; or if neither the addresses nor the strides decide and the two lie
        in more than 10 million runs of bytes, of which each would have to be compared.

    Examples
    --------
    >>> x = torch.arange(12).reshape(3, 4)
    >>> shares_memory(x, x.T), shares_memory(x[0], x[1]), shares_memory(x[:, ::2], x[:, 1::2])
    (True, False, False)
    """
    with plainly():
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
        return table((self._line(group), "; ".join(self._pairs_of(group)) or "–") for group in self.groups)


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
    with plainly():
        footprints = [_footprint(f"tensors[{name!r}]", tensor) for name, tensor in tensors.items()]
        named = zip(tensors, footprints, strict=True)
        pairs = tuple((a, b) for (a, one), (b, other) in itertools.combinations(named, 2) if _overlap(one, other))
    place = {name: index for index, name in enumerate(tensors)}
    group_of: dict[str, tuple[str, ...]] = {name: (name,) for name in tensors}
    for a, b in pairs:
        merged = tuple(sorted({*group_of[a], *group_of[b]}, key=place.__getitem__))
        group_of.update(dict.fromkeys(merged, merged))
    return Sharing(groups=tuple(dict.fromkeys(group_of.values())), pairs=pairs)


class _Footprint(NamedTuple):
    """The bytes of a tensor's elements: runs without a gap, one at every combination of the steps."""

    name: str
    device: torch.device
    start: int  # address in bytes
    end: int  # one past the last byte
    run: int  # bytes
    steps: list[tuple[int, int]]  # (stride in bytes, size)


def _footprint(name: str, tensor: Tensor) -> _Footprint:
    require_memory(name, tensor, freed=True)
    run, storage = tensor.itemsize, tensor.untyped_storage()
    if storage.device.type == "meta" or not storage.nbytes() or not tensor.numel():
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
