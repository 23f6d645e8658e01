"""How `ptguide.trace` finds dependencies: runs of one call on other values, and what arrives where."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ptguide._tracing._call import Call, Result, arguments_of, equal
from ptguide._tracing._computed import find_computed
from ptguide._tracing._copies import find_copies
from ptguide._tracing._indices import find_indices
from ptguide._tracing._inputs import value_inputs
from ptguide._tracing._ordered import find_ordered_copies
from ptguide._tracing._search import Search

__all__ = ["Call", "Result", "arguments_of", "equal", "search"]


def search(call: Call, actual: Result) -> list[Tensor]:
    """Return for each output of a call a `Kind` for each pair of elements, uint8, shape (O, I)."""
    values, double = value_inputs(call, actual.tensors)
    total = sum(tensor.numel() for tensor in call.tensors)
    found = Search(
        call=call,
        values=values,
        steering=[place for place in range(len(call.tensors)) if place not in values],
        double=double,
        actual=actual.tensors,
        kinds=[torch.zeros(tensor.numel(), total, dtype=torch.uint8) for tensor in actual.tensors],
        open=[torch.ones(tensor.numel(), dtype=torch.bool) for tensor in actual.tensors],
    )
    # The tensors are small, and threads that wait for each other on a busy machine made it 100 times slower.
    with _one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that the caller never gave
        find_copies(found)
        find_ordered_copies(found)
        find_computed(found)
        find_indices(found)
    return found.kinds


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
