"""Values or indices: what the integers among the inputs mean."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ptguide._tracing._call import Call, double_dtype, equal, is_number

MOST_SUBSETS = 256  # of the integer inputs, tried as values


def value_inputs(call: Call, actual: list[Tensor]) -> tuple[list[int], bool]:
    """Return the inputs that hold values, and whether the operation takes them as float64.

    Integers and booleans are values if the operation gives the same for them as floating-point numbers, and not the
    same for fractions; what remains are indices and masks. Where that leaves no values, the integers are what the
    operation computes with.
    """
    floating = [i for i, t in enumerate(call.tensors) if is_number(t.dtype)]
    others = [i for i in range(len(call.tensors)) if i not in floating]
    samples = [(call.tensors, actual), *(_samples(call) if others else [])]
    subsets = (chosen for count in range(len(others), -1, -1) for chosen in itertools.combinations(others, count))
    for chosen in itertools.islice(subsets, MOST_SUBSETS):
        values = sorted([*floating, *chosen])
        as_double = [_in_double(call, tensors, values) for tensors, _ in samples]
        if values and all(
            found is not None and len(found) == len(expected) and all(map(_agree, found, expected))
            for found, (_, expected) in zip(as_double, samples, strict=True)
        ):
            whole = [i for i in chosen if _only_whole_counts(call, samples, as_double, values, i)]
            rest = [i for i in values if i not in whole]
            return (rest, True) if rest else (values, False)
    return (floating, False) if floating else (others, False)


def _samples(call: Call) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Return other values that the operation takes, with their outputs: a mask may have been all true by chance.

    Indices change their order and so stay in range. Floating-point numbers are once positive, and twice a little
    above an integer of the others, where a comparison with these notices a fraction.
    """
    generator = torch.Generator().manual_seed(0)
    flat = [t.flatten().cpu().double() for t in call.tensors if not is_number(t.dtype)]
    pool = torch.cat([*flat, torch.ones(1, dtype=torch.float64)])
    samples = []
    for from_pool in (False, True, True):
        tensors = []
        for tensor in call.tensors:
            drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            if tensor.dtype == torch.bool:
                tensors.append(~tensor)
            elif is_number(tensor.dtype):
                whole = pool[torch.randint(len(pool), tensor.shape, generator=generator)]
                tensors.append((whole + 0.05 + 0.15 * drawn if from_pool else 0.55 + 0.9 * drawn).to(tensor))
            else:
                tensors.append(tensor.flatten().flip(0).reshape(tensor.shape))
        outputs = call.attempt(tensors, double=False)
        if outputs is not None:
            samples.append((tensors, outputs))
    return samples


def _only_whole_counts(
    call: Call,
    samples: list[tuple[list[Tensor], list[Tensor]]],
    as_double: list[list[Tensor] | None],
    values: list[int],
    i: int,
) -> bool:
    """Return whether fractions added to an input change nothing: the operation makes integers of it by itself."""
    for (tensors, _), before in zip(samples, as_double, strict=True):
        part = tensors[i].to(double_dtype(tensors[i]))
        part = part * 1.25 if tensors[i].dtype == torch.bool else part + torch.where(part < 0, -0.25, 0.25)
        after = _in_double(call, [*tensors[:i], part, *tensors[i + 1 :]], values)
        if before is None or after is None or not all(map(equal, before, after)):
            return False
    return True


def _in_double(call: Call, tensors: list[Tensor], values: list[int]) -> list[Tensor] | None:
    converted = [t.to(double_dtype(t)) if i in values else t for i, t in enumerate(tensors)]
    return call.attempt(converted, double=True)


def _agree(one: Tensor, two: Tensor) -> bool:
    """Return whether two outputs are the same up to the rounding of the coarser one."""
    if one.shape != two.shape:
        return False
    if not is_number(two.dtype):
        return equal(one, two)
    tolerance = 8 * torch.finfo(two.dtype).eps ** 0.5
    return torch.allclose(one.to(two.dtype), two, rtol=tolerance, atol=tolerance, equal_nan=True)
