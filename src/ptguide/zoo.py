"""Awkward tensors: those on which a rule fails that was seen to hold on one ordinary tensor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

__all__ = ["zoo"]

FLOATING = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
DTYPES = (*FLOATING, torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64)
SHAPES: dict[int, list[tuple[int, ...]]] = {
    0: [()],
    1: [(0,), (1,), (5,)],
    2: [(0, 3), (3, 0), (1, 1), (4, 1), (1, 3), (4, 3)],
    3: [(0, 4, 3), (1, 4, 1), (2, 4, 3)],
    4: [(2, 0, 4, 3), (5, 2, 4, 3)],
}


def zoo(axes: int | Iterable[int] = (0, 1, 2, 3), dtypes: Iterable[torch.dtype] = DTYPES) -> dict[str, Tensor]:
    """Return tensors that differ in what rules about tensors forget, each under a name that says so.

    The elements are small whole numbers (of a bool tensor True and False, of a complex one with an imaginary part)
    unless the name says otherwise, so that sums and products of few of them are exact in each dtype.

    Parameters
    ----------
    axes : int or iterable of int
        The numbers of axes that are wanted, each from 0 to 4.
    dtypes : iterable of torch.dtype
        The dtypes that are wanted: those that the operation takes. By default float32, float64, float16, bfloat16,
        int64, int32, uint8, bool and complex64.

    Returns
    -------
    dict of str to Tensor
        For each dtype and number of axes: tensors without elements, with one, with axes of size 1, and an ordinary
        one; of the ordinary one a transposed, a stepped, an offset and an expanded view. For dtypes that can have
        gradients also one that requires its gradient, a result that has one, and a Parameter; for floating-point
        dtypes also the largest and the smallest values, infinities, NaN and -0.0; for integer dtypes the largest and
        the smallest values. The order is the same each time.

    Raises
    ------
    ValueError
        If a number of axes is not from 0 to 4.

    Examples
    --------
    >>> list(zoo(axes=1, dtypes=[torch.int64]))
    ['int64 (0,)', 'int64 (1,)', 'int64 (5,)', 'int64 (5,) stepped', 'int64 (5,) offset', 'int64 (5,) expanded', \
'int64 (5,) extreme']
    >>> all(torch.equal(x.clone(), x) for x in zoo(dtypes=[torch.bool]).values())
    True
    """
    wanted = [axes] if isinstance(axes, int) else list(axes)
    if unknown := [number for number in wanted if number not in SHAPES]:
        raise ValueError(f"axes has {unknown[0]!r}; the zoo has tensors of 0 to 4 axes. Leave it out.")
    found = {}
    for dtype in dtypes:
        for number in wanted:
            for shape in SHAPES[number]:
                found[_name(dtype, shape)] = _filled(shape, dtype)
            for what, tensor in _relatives(SHAPES[number][-1], dtype):
                found[f"{_name(dtype, SHAPES[number][-1])} {what}"] = tensor
    return found


def _name(dtype: torch.dtype, shape: tuple[int, ...]) -> str:
    return f"{str(dtype).removeprefix('torch.')} {shape}"


def _filled(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return a tensor of 1, 2, 3, 4, 0, 1, ...; neighbours differ, also as bool along the last axis of an odd size."""
    numbers = (torch.arange(math.prod(shape)) + 1).remainder(5).reshape(shape)
    if dtype.is_complex:
        return torch.complex(numbers.float(), (numbers + 1).float()).to(dtype)
    return (numbers % 2 if dtype is torch.bool else numbers).to(dtype)


def _relatives(shape: tuple[int, ...], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """Yield what an ordinary tensor of this shape can be besides: a view, a part of a graph, full of extreme values."""
    if len(shape) > 1:
        yield "transposed", _filled((*shape[:-2], shape[-1], shape[-2]), dtype).mT
    if shape:
        yield "stepped", _filled((*shape[:-1], 2 * shape[-1]), dtype)[..., ::2]
        yield "offset", _filled((shape[0] + 1, *shape[1:]), dtype)[1:]
        yield "expanded", _filled((1, *shape[1:]), dtype).expand(shape)
    if dtype.is_floating_point or dtype.is_complex:
        yield "that requires its gradient", _filled(shape, dtype).requires_grad_()
        yield "with a history", _filled(shape, dtype).requires_grad_() * 1
        yield "Parameter", torch.nn.Parameter(_filled(shape, dtype))
    if values := _extreme(dtype):
        count = max(math.prod(shape), 1)
        yield "extreme", torch.tensor((values * count)[:count], dtype=dtype).reshape(shape)


def _extreme(dtype: torch.dtype) -> list[float]:
    if dtype.is_complex or dtype is torch.bool:
        return []
    if dtype.is_floating_point:
        about = torch.finfo(dtype)
        return [math.nan, about.max, about.smallest_normal, math.inf, -0.0, about.min, -math.inf]
    return [torch.iinfo(dtype).max, torch.iinfo(dtype).min]
