"""Index: change where an index points, and look what arrives instead."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ptguide._tracing._call import differing
from ptguide._tracing._computed import draws
from ptguide._tracing._search import INDEX, Search


def find_indices(search: Search) -> None:
    """Change one element of an index or mask at a time; it matters where every change makes a difference."""
    if not search.steering:
        return
    for flat, _ in draws(search):
        new = search.spread(flat, search.double)
        base = search.run(new, search.double)
        if base is not None and all(b.shape == a.shape for b, a in zip(base, search.actual, strict=True)):
            break
    else:
        return
    for i in search.steering:
        given = search.call.tensors[i].flatten()
        for place in range(len(given)):
            differs: list[Tensor] = []
            for value in _other_indices(given, place):
                changed = given.clone()
                changed[place] = value
                run = search.run({**new, i: changed.reshape(search.call.tensors[i].shape)}, search.double)
                now = [_missing(b, r) for b, r in zip(base, run, strict=True)] if run is not None else []
                if any(bool(rows.any()) for rows in now):  # or the value means the same, as -1 and the last do
                    differs = [d & n for d, n in zip(differs or now, now, strict=True)]
            for o, rows in enumerate(differs):
                search.kinds[o][rows, search.starts[i] + place] = INDEX


def _other_indices(given: Tensor, place: int) -> list[Any]:
    if given.dtype == torch.bool:
        return [not given[place].item()]
    value = int(given[place])
    others = {0, *sorted(set(given.tolist()))[:4]}
    if given.device.type == "cpu":  # a GPU does not survive an index out of range
        others |= {value + 1, value - 1, value + 2, value - 2}
    limits = torch.iinfo(given.dtype)
    return sorted(other for other in others - {value} if limits.min <= other <= limits.max)


def _missing(base: Tensor, run: Tensor) -> Tensor:
    """Return which elements changed, or, if the shape did, which are nowhere to be found any more; shape (O,)."""
    if base.shape == run.shape:
        return differing(base, run).flatten().cpu()
    return ~torch.isin(base.flatten(), run.flatten()).cpu()
