"""Which examples belong to which part of a data set: fixed, so that every page and every run sees the same."""

from __future__ import annotations

import torch
from torch import Tensor

SPLITS = ("train", "validation", "test", "all")
ROUND = 5  # of five examples of a class, in the order of the file, these go to each part
# The two equal flowers of iris, 1 and 42 of their class, are both for training: no part holds an example of another.
PLACES = {"train": (0, 1, 2), "validation": (3,), "test": (4,), "all": (0, 1, 2, 3, 4)}


def check_split(split: str) -> None:
    """Raise a ValueError if there is no such part."""
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; expected one of {', '.join(map(repr, SPLITS))}.")


def split_positions(split: str, labels: Tensor) -> Tensor:
    """Return the positions of the examples in a part, in order.

    Parameters
    ----------
    split : str
        ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
    labels : Tensor, shape (N,)
        The class of each example. Each class is dealt out by itself: of every five of its examples, in order,
        number 0, 1 and 2 are for training, number 3 for validation and number 4 for the test. So each part holds its
        fair share of each class, to about one example, whatever the order.

    Returns
    -------
    positions : Tensor, shape (n,), int64
    """
    check_split(split)
    places = torch.tensor(PLACES[split])
    return torch.isin(rank_in_class(labels) % ROUND, places).nonzero().flatten()


def rank_in_class(labels: Tensor) -> Tensor:
    """Return for each example how many of its class stand before it; shape (N,)."""
    rank = torch.empty_like(labels, dtype=torch.int64)
    for label in set(labels.tolist()):
        members = labels == label
        rank[members] = torch.arange(int(members.sum()))
    return rank
