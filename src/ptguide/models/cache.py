"""The memory that makes generating quick: keys and values of the positions that a model has read already.

Axes: B batch, H head, T new position, S position so far, E feature of one head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ptguide.models._checks import require_integers

__all__ = ["KeyValueCache"]


class KeyValueCache:
    """The keys and values of the positions so far, so that a new one need not compute them again.

    Parameters
    ----------
    room : int
        The number of positions that fit. Memory for all of them is taken when the first ones come.

    Attributes
    ----------
    length : int
        How many positions it holds.

    Raises
    ------
    TypeError, ValueError
        If `room` is no whole number of at least 1.

    Examples
    --------
    >>> import torch
    >>> cache = KeyValueCache(room=10)
    >>> k, v = cache.append(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4))
    >>> k, v = cache.append(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
    >>> k.shape, cache.length
    (torch.Size([1, 2, 4, 4]), 4)
    """

    def __init__(self, room: int) -> None:
        self.room = room
        require_integers(self, "room")
        self.length = 0
        self._keys = self._values = torch.empty(0)

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Take in the keys and values of T more positions, and return those of all S so far.

        Parameters
        ----------
        k, v : Tensor, shape (B, H, T, E)

        Returns
        -------
        k, v : Tensor, shape (B, H, S, E)
            Views of the memory of the cache.

        Raises
        ------
        ValueError
            If they do not fit, or need gradients: what is written into memory that is used again has no graph.
        """
        if torch.is_grad_enabled() and (k.requires_grad or v.requires_grad):
            raise ValueError("The keys require gradients, which a cache can't keep; fill it under torch.no_grad().")
        B, H, T, E = k.shape
        end = self.length + T
        if end > self.room:
            raise ValueError(
                f"The cache holds {self.length} of {self.room} positions and {T} more came. Make it larger, or start "
                "a new one with the last positions."
            )
        if self.length == 0:
            self._keys = k.new_empty(B, H, self.room, E)  # (B, H, room, E)
            self._values = v.new_empty(B, H, self.room, E)  # (B, H, room, E)
        if k.shape[:2] != self._keys.shape[:2]:
            raise ValueError(
                f"The cache holds B, H = {tuple(self._keys.shape[:2])} and {tuple(k.shape[:2])} came; expected the "
                "same. Use one cache for each batch and layer."
            )
        self._keys[:, :, self.length : end] = k
        self._values[:, :, self.length : end] = v
        self.length = end
        return self._keys[:, :, :end], self._values[:, :, :end]  # (B, H, S, E)
