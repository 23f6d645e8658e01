"""Copied: each element carries a code, and the code arrives."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor

from ptguide._tracing._call import differing, is_number
from ptguide._tracing._search import Search, keep

SPARE_BITS = 16  # a code that an operation makes up by chance is one of the inputs' with probability below I / 2**16


def find_copies(search: Search) -> None:
    """Look for copies in the outputs of each dtype, with codes that this dtype can hold."""
    if search.allows_any_integer:
        for dtype in dict.fromkeys(tensor.dtype for tensor in search.actual):
            _find_copies_in(search, dtype)


def _find_copies_in(search: Search, dtype: torch.dtype) -> None:
    """Label every value with one of two numbers, the bit of its code, in as many runs as a code has bits.

    Each run is done again with the two numbers swapped, which tells a bit from a constant of the operation.
    """
    count = len(search.columns)
    bits = max(count - 1, 1).bit_length() + SPARE_BITS
    codes = search.random.sample(range(1 << bits), count)
    places = [o for o, tensor in enumerate(search.actual) if tensor.dtype == dtype]
    arrived = {o: torch.zeros(search.actual[o].numel(), dtype=torch.int64) for o in places}
    is_code = {o: torch.ones(search.actual[o].numel(), dtype=torch.bool) for o in places}
    is_constant = {o: search.open[o] & (dtype != torch.bool) for o in places}
    for bit in range(bits):
        on = torch.tensor([bool(code >> bit & 1) for code in codes], dtype=torch.bool)
        labelled = _labelled_runs(search, on, dtype, bit)
        if labelled is None:
            return
        (low, high), *runs = labelled
        for o in places:
            if not runs[0][o].shape == runs[1][o].shape == search.actual[o].shape:
                is_code[o].zero_()
                is_constant[o].zero_()
                continue
            output, swapped = (run[o].flatten().cpu() for run in runs)
            is_code[o] &= ((output == low) & (swapped == high)) | ((output == high) & (swapped == low))
            is_constant[o] &= ~differing(output, swapped) & ~differing(output, search.actual[o].flatten().cpu())
            arrived[o] |= (output == high).long() << bit
        if not any(bool((is_code[o] | is_constant[o]).any()) for o in places):
            return
    sources = [i for i in search.values for _ in range(search.call.tensors[i].numel())]
    fitting = [_holds(search.call.tensors[i].dtype, dtype, search.double) for i in sources]
    of_code = {code: [c] for code, c, fits in zip(codes, search.columns, fitting, strict=True) if fits}
    for o in places:
        keep(search, o, {p: of_code.get(int(arrived[o][p]), []) for p in is_code[o].nonzero().flatten().tolist()})
        search.open[o] &= ~is_constant[o]


def _holds(source: torch.dtype, dtype: torch.dtype, double: bool) -> bool:
    """Return whether an output of some dtype can hold copies of an input, and not what a comparison or floor gave."""
    if torch.bool in (source, dtype):
        return source == dtype or (double and dtype != torch.bool)
    if is_number(source) and not is_number(dtype):
        return False
    return source.is_complex == dtype.is_complex


def _labelled_runs(
    search: Search, on: Tensor, dtype: torch.dtype, bit: int
) -> tuple[tuple[Any, Any], list[Tensor], list[Tensor]] | None:
    """Return the two numbers as an output of some dtype has them, and what two runs on them gave; None if refused."""
    double = search.double and dtype != torch.bool
    dtypes = [dtype, *([] if double else [search.call.tensors[i].dtype for i in search.values])]
    for careful in (False, True):
        low, high = _two_numbers(dtypes, bit, careful, search.random)
        pairs = {"bool": (0, 1), "real": (low, high), "complex": (complex(low, high), complex(high, -low))}
        runs = []
        for ones in (on, ~on):
            new = {}
            for i, part in search.spread(ones, double).items():
                boolean = search.call.tensors[i].dtype == torch.bool and not double
                zero, one = pairs["complex" if part.is_complex() else "bool" if boolean else "real"]
                new[i] = torch.where(
                    part != 0, torch.tensor(one, dtype=part.dtype), torch.tensor(zero, dtype=part.dtype)
                )
            runs.append(search.run(new, double))
        if runs[0] is not None and runs[1] is not None:
            return pairs["complex" if dtype.is_complex else "bool" if dtype == torch.bool else "real"], runs[0], runs[1]
    return None


def _two_numbers(dtypes: list[torch.dtype], bit: int, careful: bool, source: random.Random) -> tuple[Any, Any]:
    """Return two numbers that every dtype holds exactly: large, small and negative ones, which few operations let pass.

    Every fourth bit has a zero, which is what changes the shape of ``nonzero``. If `careful`, in case that an
    operation refuses some of these, both are small and positive.
    """
    numbers = [dtype for dtype in dtypes if dtype != torch.bool]
    if not numbers:
        return 0, 1
    signed = all(dtype.is_signed for dtype in numbers) and not careful
    low, high = source.sample([*range(-19, -1), *range(2, 20)] if signed else [*range(2, 20)], 2)
    scale: float = 1
    if bit % 3 == 1 and not careful:
        scale = 1 << min(map(_spare_bits, numbers))
    if bit % 3 == 2 and all(map(is_number, numbers)):
        scale = 2.0**-6
    return (0 if bit % 4 == 0 and not careful else low * scale), high * scale


def _spare_bits(dtype: torch.dtype) -> int:
    """Return how many more bits than 20 has a number that a dtype can hold, with room for a sum of products."""
    if is_number(dtype):
        return 0 if dtype == torch.float16 else 40
    return {1: 0, 2: 10, 4: 20}.get(dtype.itemsize, 40)
