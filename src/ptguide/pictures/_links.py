"""Which elements belong together, as short text that a picture carries and its script reads.

``3-7=0.10,15+1`` says that the element 3 of this tensor was made of the elements 10 and 15 of tensor 0, element 4 of 11
and 16, and so on to element 7. ``3-7=0.10-15`` says that each of the elements 3 to 7 was made of those from 10 to 15.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence


def links(tensor: int, sources: Mapping[int, Sequence[int]]) -> str:
    """Return what each element was made of, runs of elements as one.

    Parameters
    ----------
    tensor : int
        The number of the tensor that holds the sources.
    sources : mapping of int to sequence of int
        For an element its sources, all as places in row-major order, the smallest first.

    Examples
    --------
    >>> links(0, {0: [4], 1: [5], 2: [6], 3: [0, 1, 2], 4: [0, 1, 2]})
    '0-2=0.4+1 3-4=0.0-2'
    """
    written = []
    left = sorted(sources.items())
    while left:
        count, step = _run(left)
        first, of = left[0]
        element = f"{first}-{first + count - 1}" if count > 1 else str(first)
        written.append(f"{element}={tensor}.{','.join(_spans(of))}{f'+{step}' if step else ''}")
        del left[:count]
    return " ".join(written)


def _run(left: Sequence[tuple[int, Sequence[int]]]) -> tuple[int, int]:
    """Return how many elements from the first on go on in one step, and that step."""
    step: int | None = None
    for count, ((element, of), (after, its)) in enumerate(itertools.pairwise(left), 1):
        moved = {new - old for old, new in zip(of, its, strict=False)} if len(of) == len(its) else set()
        if after != element + 1 or len(moved) != 1 or step not in (None, min(moved)):
            return count, step or 0
        step = min(moved)
    return len(left), step or 0


def _spans(places: Iterable[int]) -> list[str]:
    """Return places, neighbours as one: ``4-7``, ``9``."""
    spans = []
    for _, group in itertools.groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
        run = [place for _, place in group]
        spans.append(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]))
    return spans
