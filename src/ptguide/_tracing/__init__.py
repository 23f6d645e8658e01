"""How `ptguide.trace` finds dependencies: runs of one call on other values, and what arrives where."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ptguide._tracing._call import Call, Result, arguments_of, equal
from ptguide._tracing._roles import value_inputs
from ptguide._tracing._runs import Runs
from ptguide._tracing._search import find_kinds

__all__ = ["Call", "Result", "arguments_of", "equal", "search"]


def search(call: Call, actual: Result) -> list[list[Tensor]]:
    """Return for each output of a call, and each input, a `Kind` for each pair of elements, uint8."""
    # not looked up: uint8 — ``_search`` makes these tensors
    # The tensors are small, and threads that wait for each other on a busy machine made it 100 times slower.
    with _one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that the caller never gave
        runs = Runs(call, *value_inputs(call, actual.tensors), actual.tensors)
        kinds = find_kinds(runs)
    return [
        [
            part.T.reshape((*output.shape, *tensor.shape))
            for part, tensor in zip(
                torch.split(of_output, [t.numel() for t in call.tensors]), call.tensors, strict=True
            )
        ]
        for of_output, output in zip(torch.split(kinds, runs.sizes, dim=1), actual.tensors, strict=True)
    ]


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
