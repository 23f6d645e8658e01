"""Copied by order: codes that keep the order of the values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ptguide._tracing._call import equal
from ptguide._tracing._search import COMPARED, NONE, Search, keep


@dataclass
class Ordered:
    """Runs on codes that keep the order of the values: far above zero, far below it, and around it.

    Attributes
    ----------
    codes : list of list of float
        For each run, one code for each value.
    runs : list of (list of Tensor)
        For each run, what the operation gave.
    """

    codes: list[list[float]]
    runs: list[list[Tensor]]

    def matches(self, o: int, columns: list[int]) -> list[list[int]]:
        """Return for each element of output `o` the columns whose codes arrived there, the same ones in every run."""
        found: list[list[int]] = []
        for codes, run in zip(self.codes, self.runs, strict=True):
            of_code: dict[float, list[int]] = {}
            for column, code in zip(columns, codes, strict=True):
                of_code.setdefault(code, []).append(column)
            arrived = [of_code.get(code, []) for code in run[o].flatten().tolist()]
            found = [one if one == two else [] for one, two in zip(found or arrived, arrived, strict=True)]
        return found


def find_ordered_copies(search: Search) -> None:
    """Replace the values by others in the same order: what sorts, ranks or takes a maximum makes the same choice.

    Of equal values the earlier one counts as smaller, or as larger if that explains the indices that the operation
    gave, or they share one code (``unique``). The last is believed only where codes of their own were not mixed:
    the mean of equal values is that value, too.
    """
    if not search.double or search.is_done:
        return
    parts = [search.call.tensors[i].flatten().cpu() for i in search.values]
    if not search.columns or any(part.dtype.is_complex for part in parts):
        return
    values = torch.cat([part.double() for part in parts]).tolist()
    has_ties = len(set(values)) < len(values)
    tried = [_ordered_runs(search, values, ties) for ties in (["up", "down"] if has_ties else ["up"])]
    separate = next((found for found in tried if found and _explains(search, found)), tried[0])
    together = _ordered_runs(search, values, "one") if has_ties else None
    for o, actual in enumerate(search.actual):
        fits = separate is not None and _fits(separate, o, actual)
        unmixed = [True] * actual.numel()
        if separate is not None and fits:
            matches = separate.matches(o, search.columns)
            unmixed = [bool(columns) for columns in matches]
            kept = keep(search, o, _open_ones(search, o, matches))
            _find_compared(search, o, separate, kept)
        if together is not None and _fits(together, o, actual):
            matches = together.matches(o, search.columns)
            keep(
                search, o, _open_ones(search, o, [m if fine else [] for m, fine in zip(matches, unmixed, strict=True)])
            )


def _open_ones(search: Search, o: int, matches: list[list[int]]) -> dict[int, list[int]]:
    return {place: matches[place] for place in search.open[o].nonzero().flatten().tolist()}


def _fits(found: Ordered, o: int, actual: Tensor) -> bool:
    return all(run[o].shape == actual.shape and run[o].is_floating_point() for run in found.runs)


def _explains(search: Search, found: Ordered) -> bool:
    """Return whether the operation gave the same indices as for the values themselves."""
    return all(
        equal(new, actual)
        for new, actual in zip(found.runs[0], search.actual, strict=True)
        if not (new.is_floating_point() or actual.is_floating_point())
    )


def _ordered_runs(search: Search, values: list[float], ties: str) -> Ordered | None:
    """Run the operation on increasing codes for the values; equal ones go ``"up"`` or ``"down"``, or have ``"one"``."""
    direction = -1 if ties == "down" else 1
    # NaN is above all else, as in torch.sort.
    order = sorted(
        range(len(values)), key=lambda place: (values[place] != values[place], values[place], direction * place)
    )
    ranks, rank = [0.0] * len(values), 0.0
    for before, place in zip([None, *order], order, strict=False):
        if not (ties == "one" and before is not None and values[before] == values[place]):
            rank += 1 + search.random.random()
        ranks[place] = rank
    codes = [[1e12 + r for r in ranks], [r - 1e12 for r in ranks], [r / (rank + 1) - 0.49 for r in ranks]]
    runs = [search.run(search.spread(torch.tensor(part, dtype=torch.float64), True), True) for part in codes]
    found = [run for run in runs if run is not None]
    return Ordered(codes, found) if len(found) == len(codes) else None


def _find_compared(search: Search, o: int, ordered: Ordered, places: list[int]) -> None:
    """Move each element below and above all others: an output that takes another element then had compared it."""
    if not places:
        return
    codes = ordered.codes[0]
    flat = torch.tensor(codes, dtype=torch.float64)
    rows = torch.tensor(places)
    before = ordered.runs[0][o].flatten().cpu()[rows]
    for place, column in enumerate(search.columns):
        for extreme in (min(codes) - 1, max(codes) + 1):
            moved = flat.clone()
            moved[place] = extreme
            run = search.run(search.spread(moved, True), True)
            if run is not None and run[o].shape == search.actual[o].shape:
                changed = rows[run[o].flatten().cpu()[rows] != before]
                kinds = search.kinds[o][changed, column]
                search.kinds[o][changed, column] = torch.where(kinds == NONE, COMPARED, kinds)
