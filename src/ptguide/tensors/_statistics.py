"""Numbers about the values of a tensor, computed on its device and fetched in one transfer."""

from __future__ import annotations

import math
import struct
from typing import Any

import torch
from torch import Tensor


def statistics(x: Tensor) -> dict[str, Any]:
    """Return fields of a `Description`: numbers about the values, or why there are none."""
    if x.numel() and not _converts(x):
        return {"missing": f"values not read: torch does not convert {str(x.dtype).removeprefix('torch.')}"}
    return {"measured": x.numel(), **_numbers(x)}


def _converts(x: Tensor) -> bool:
    """Say whether torch computes with the data type, tried on the first element."""
    try:
        x[(0,) * x.dim()].to(torch.complex64 if x.is_complex() else torch.float32)
    except NotImplementedError:
        return False
    return True


def _numbers(x: Tensor) -> dict[str, Any]:
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
