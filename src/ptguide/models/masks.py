"""Which query may read which key: the causal mask, and several masks made one.

Axes: B batch, H head, T position of a query, S position of a key, E feature of one head.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["causal_mask"]


def causal_mask(T: int, S: int, device: torch.device | str | None = None) -> Tensor:
    """Say which keys each query may read when nothing may look ahead.

    Parameters
    ----------
    T, S : int
        Numbers of queries and of keys. The last query stands at the position of the last key, so the queries are the
        last T of S positions: what a `KeyValueCache` needs.
    device : torch.device or str, optional
        Where the mask is to lie.

    Returns
    -------
    Tensor, bool, shape (T, S)
        True at ``[t, s]`` where ``s <= S - T + t``.

    Raises
    ------
    ValueError
        If there are more queries than keys, so that the first queries could read nothing.

    Notes
    -----
    With T = S this is ``is_causal=True`` of `torch.nn.functional.scaled_dot_product_attention`. Where T is smaller,
    that flag lets the first query stand at the first key instead, which is wrong for queries that come last.

    Examples
    --------
    >>> causal_mask(2, 4).int()
    tensor([[1, 1, 1, 0],
            [1, 1, 1, 1]], dtype=torch.int32)
    """
    if T > S:
        raise ValueError(
            f"There are {T} queries and {S} keys; expected at most as many queries as keys, as each query stands at "
            "the position of a key. Leave causal out to read from another sequence."
        )
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)  # (T, S)


def merge_masks(mask: Tensor | None, key_mask: Tensor | None, causal: bool, q: Tensor, k: Tensor) -> Tensor | None:
    """Make one mask of three, of booleans if it can be; None if everything may be read."""
    T, S = q.shape[-2], k.shape[-2]
    _require_masks(mask, key_mask, (*q.shape[:-1], S))
    allowed = None
    if causal and T > 1:  # a single query is the last position, which may read all
        allowed = causal_mask(T, S, q.device)  # (T, S)
    if key_mask is not None:
        keys = key_mask[:, None, None, :]  # (B, 1, 1, S)
        allowed = keys if allowed is None else allowed & keys  # (B, 1, T, S)
    if mask is None or mask.dtype == torch.bool:
        return mask if allowed is None else allowed if mask is None else mask & allowed  # (..., T, S)
    mask = mask.to(q.dtype)  # (..., T, S)
    return mask if allowed is None else torch.where(allowed, mask, -torch.inf)  # (..., T, S)


def unblind(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Let queries that may read nothing read everything, and say which they are: (..., T, S) and (..., T, 1)."""
    if mask.dtype == torch.bool:
        blind = ~mask.any(dim=-1, keepdim=True)  # (..., T, 1)
        return mask | blind, blind
    blind = (mask == -torch.inf).all(dim=-1, keepdim=True)  # (..., T, 1)
    return mask.masked_fill(blind, 0), blind


def require_fit(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Raise unless queries can be compared with keys, and each key has a value."""
    if k.shape[-1:] != q.shape[-1:] or k.shape[:-2] != q.shape[:-2]:
        raise ValueError(
            f"k has shape {tuple(k.shape)} and q {tuple(q.shape)}; expected that all axes but the second to last are "
            "equal."
        )
    if v.shape[:-1] != k.shape[:-1]:
        raise ValueError(
            f"v has shape {tuple(v.shape)} and k {tuple(k.shape)}; expected one value for each key, so that all axes "
            "but the last are equal."
        )


def _require_masks(mask: Tensor | None, key_mask: Tensor | None, shape: tuple[int, ...]) -> None:
    if mask is not None and mask.dtype != torch.bool and not mask.is_floating_point():
        raise TypeError(
            f"mask is of {mask.dtype}; expected torch.bool, True where a key may be read, or numbers to add to the "
            "logits, of floating point. mask.bool() makes booleans."
        )
    if key_mask is not None and key_mask.dtype != torch.bool:
        raise TypeError(f"key_mask is of {key_mask.dtype}; expected torch.bool, True at the keys that are there.")
    if mask is not None and not (
        mask.ndim <= len(shape) and all(m in (1, n) for m, n in zip(mask.shape[::-1], shape[::-1], strict=False))
    ):
        raise ValueError(f"mask has shape {tuple(mask.shape)}; expected one that broadcasts to {shape}.")
    if key_mask is not None and key_mask.shape != (shape[0], shape[-1]):
        raise ValueError(f"key_mask has shape {tuple(key_mask.shape)}; expected (B, S) = {(shape[0], shape[-1])}.")
