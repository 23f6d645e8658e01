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
    samples = [(call.tensors, actual), *(_samples(call, ("reversed", "mixed")) if others else [])]
    subsets = (chosen for count in range(len(others), -1, -1) for chosen in itertools.combinations(others, count))
    for chosen in itertools.islice(subsets, MOST_SUBSETS):
        values = sorted([*floating, *chosen])
        if values and all(_same_in_double(call, tensors, values, expected) for tensors, expected in samples):
            more = _samples(call, ("larger", "one"), chosen)
            if not all(_same_in_double(call, tensors, values, expected) for tensors, expected in more):
                continue
            tried = [tensors for tensors, _ in (*samples, *more)]
            whole = [i for i in chosen if _only_whole_counts(call, tried, values, list(chosen), i)]
            rest = [i for i in values if i not in whole]
            if rest and not _same_in_double(call, call.tensors, rest, actual):
                rest = values  # they have to be of one dtype
            return (rest, True) if rest else (values, False)
    return (floating, False) if floating else (others, False)


def _samples(
    call: Call, kinds: tuple[str, ...], chosen: tuple[int, ...] = ()
) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Return other values that the operation takes, with their outputs: a mask may have been all true by chance.

    Indices change their order and so stay in range: not all operations look whether they do. Those that are `chosen`,
    since the operation takes them as floating-point numbers, are also larger by one, or one. Floating-point numbers are
    once positive, and else a little above an integer of the others, where a comparison with these notices a fraction.
    """
    generator = torch.Generator().manual_seed(0)
    flat = [t.flatten().cpu().double() for t in call.tensors if not is_number(t.dtype)]
    pool = torch.cat([*flat, torch.ones(1, dtype=torch.float64)])
    samples = []
    for kind in kinds:
        tensors = []
        for i, tensor in enumerate(call.tensors):
            drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            order = torch.arange(tensor.numel()).flip(0)
            if is_number(tensor.dtype):
                whole = pool[torch.randint(len(pool), tensor.shape, generator=generator)]
                tensors.append((0.55 + 0.9 * drawn if kind == "reversed" else whole + 0.05 + 0.15 * drawn).to(tensor))
            elif tensor.dtype == torch.bool:
                tensors.append(~tensor if kind == "reversed" else (drawn < 0.5).to(tensor))
            elif kind in ("reversed", "mixed"):
                order = order if kind == "reversed" else torch.randperm(len(order), generator=generator)
                tensors.append(tensor.flatten()[order.to(tensor.device)].reshape(tensor.shape))
            else:
                tensors.append((tensor + 1 if kind == "larger" else torch.ones_like(tensor)) if i in chosen else tensor)
        outputs = call.attempt(tensors, double=False)
        if outputs is not None:
            samples.append((tensors, outputs))
    return samples


def _only_whole_counts(call: Call, samples: list[list[Tensor]], values: list[int], chosen: list[int], i: int) -> bool:
    """Return whether fractions of an input change nothing, also where the others have some.

    Then the operation makes integers of it by itself.
    """
    generator = torch.Generator().manual_seed(0)
    for tensors in samples:
        for _ in range(3):
            fractional = [_with_fractions(t, generator) if n in chosen else t for n, t in enumerate(tensors)]
            for others in (fractional, tensors):
                after = _in_double(call, [*others[:i], fractional[i], *others[i + 1 :]], values)
                before = _in_double(call, [*others[:i], tensors[i], *others[i + 1 :]], values)
                if (before is None) != (after is None):
                    return False
                if before is not None and after is not None and not all(map(equal, before, after)):
                    return False
    return True


def _with_fractions(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return integers with something added, away from zero, that truncating takes away again."""
    drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.device) * 0.9 + 0.05
    part = tensor.to(double_dtype(tensor))
    return part * (1 + drawn) if tensor.dtype == torch.bool else part + torch.where(part < 0, -drawn, drawn)


def _same_in_double(call: Call, tensors: list[Tensor], values: list[int], expected: list[Tensor]) -> bool:
    found = _in_double(call, tensors, values)
    return found is not None and len(found) == len(expected) and all(map(_agree, found, expected))


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
