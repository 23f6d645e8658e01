"""Attention: a reference that shows each step, and a module that equals `torch.nn.MultiheadAttention`.

Axes: B batch, H head, T position of a query, S position of a key, D feature of the model, E feature of one head.

Source: Vaswani et al. (2017), "Attention is all you need", arXiv:1706.03762, section 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ptguide.models._checks import require_divisor, require_flag, require_integers, require_share
from ptguide.models.cache import KeyValueCache
from ptguide.models.masks import merge_masks, require_fit, unblind

__all__ = ["AttentionSettings", "MultiheadAttention", "dot_product_attention"]


def dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Mix the values, weighted by how well each query agrees with each key.

    Written to be read: it keeps the matrix of the weights. `torch.nn.functional.scaled_dot_product_attention`, which
    `MultiheadAttention` uses, gives the same mixed values without ever holding that matrix.

    Parameters
    ----------
    q : Tensor, shape (..., T, E)
        Queries: what each position looks for.
    k : Tensor, shape (..., S, E)
        Keys: what each position offers.
    v : Tensor, shape (..., S, any)
        Values: what is mixed.
    mask : Tensor, shape that broadcasts to (..., T, S), optional
        Of booleans: True where the query may read the key. Of floating-point numbers: added to the logits.
    causal : bool
        Whether each query reads only up to its own position, see `causal_mask`; may be combined with `mask`.

    Returns
    -------
    mixed : Tensor, shape (..., T, any)
    weight : Tensor, shape (..., T, S)
        Each row sums to 1. The row of a query that may read no key is 0, and so is what it mixes, and so are the
        gradients through it; softmax alone would give NaN there.

    Raises
    ------
    TypeError
        If `mask` holds neither booleans nor floating-point numbers.
    ValueError
        If axes do not fit, or `causal` is asked for with more queries than keys.

    Notes
    -----
    Equation 1 of Vaswani et al. (2017).

    Examples
    --------
    The query agrees with the second key, so it gets nearly all of the second value.

    >>> import torch
    >>> q, k = torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 9.0], [9.0, 0.0]])
    >>> mixed, weight = dot_product_attention(q, k, v=torch.tensor([[10.0], [20.0]]))
    >>> mixed.shape, weight.round(decimals=2)
    (torch.Size([1, 1]), tensor([[0., 1.]]))
    """
    require_fit(q, k, v)
    allowed = merge_masks(mask, None, causal, q, k)  # (..., T, S)
    logits = q @ k.mT / math.sqrt(q.shape[-1])  # (..., T, S)
    if allowed is not None and allowed.dtype == torch.bool:
        logits = logits.masked_fill(~allowed, -torch.inf)  # (..., T, S)
    elif allowed is not None:
        logits = logits + allowed  # (..., T, S)
    blind = (logits == -torch.inf).all(dim=-1, keepdim=True)  # (..., T, 1)
    # Filled before and after: the gradient of softmax is NaN too where all its inputs are -inf.
    weight = logits.masked_fill(blind, 0).softmax(dim=-1).masked_fill(blind, 0)  # (..., T, S)
    return weight @ v, weight


@dataclass(frozen=True)
class AttentionSettings:
    """What a `MultiheadAttention` is made from.

    Attributes
    ----------
    width : int
        Features of each position, D.
    heads : int
        Heads, H, each of which mixes by weights of its own; they share the width, E = D / H.
    dropout : float
        The share of weights that training sets to 0, so that no position relies on one other alone.
    bias : bool
        Whether the four projections add a bias, as the original does.

    Raises
    ------
    TypeError, ValueError
        If a field has another type or is out of its range, or `heads` does not divide `width`.
    """

    width: int
    heads: int
    dropout: float = 0.0
    bias: bool = True

    def __post_init__(self) -> None:
        require_integers(self, "width", "heads")
        require_share("dropout", self.dropout)
        require_flag("bias", self.bias)
        require_divisor(self, "heads", "width")


class MultiheadAttention(nn.Module):
    """Attention with several heads, each on its own projection of the input.

    Equal to `torch.nn.MultiheadAttention` with ``batch_first=True``, weight for weight: the parameters have the same
    names and shapes and start from the same random numbers, so either loads the other's ``state_dict()``.

    Three things differ. A boolean mask is True where something may be *read*, as in
    `torch.nn.functional.scaled_dot_product_attention`, and not where it is hidden. A query that may read nothing gets
    the bias of the output projection alone, and no NaN. The weights are not returned with the result, since keeping
    them takes T × S numbers for each head: `attention_weights` computes them for those who want to see them.

    Parameters
    ----------
    settings : AttentionSettings

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> attention = MultiheadAttention(AttentionSettings(width=8, heads=2))
    >>> original = nn.MultiheadAttention(8, 2, batch_first=True)
    >>> attention.load_state_dict(original.state_dict())
    <All keys matched successfully>
    >>> x = torch.randn(3, 5, 8)
    >>> torch.testing.assert_close(attention(x), original(x, x, x)[0])
    """

    in_proj_bias: nn.Parameter | None

    def __init__(self, settings: AttentionSettings) -> None:
        super().__init__()
        self.settings = settings
        D = settings.width
        self.in_proj_weight = nn.Parameter(torch.empty(3 * D, D))  # (3D, D): queries, keys, values
        self.register_parameter("in_proj_bias", nn.Parameter(torch.zeros(3 * D)) if settings.bias else None)  # (3D,)
        self.out_proj = nn.Linear(D, D, bias=settings.bias)
        nn.init.xavier_uniform_(self.in_proj_weight)
        if settings.bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        q: Tensor,
        k: Tensor | None = None,
        v: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        causal: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Let each position of `q` read from the positions of `k`.

        Parameters
        ----------
        q : Tensor, shape (B, T, D)
        k, v : Tensor, shape (B, S, D), optional
            Where to read from; `k` is `q` where it is left out (self-attention), and `v` is `k`.
        mask : Tensor, shape (T, S) or one that broadcasts to (B, H, T, S) with all four axes, optional
            Of booleans: True where the query may read the key. Of floating-point numbers: added to the logits.
        key_mask : Tensor, bool, shape (B, S), optional
            True at the keys that are there, False at padding.
        causal : bool
            Whether each position reads only up to itself. The last query stands at the last key.
        cache : KeyValueCache, optional
            Where the keys and values of earlier positions are. Those of `k` are appended, and S counts them all.

        Returns
        -------
        Tensor, shape (B, T, D)

        Raises
        ------
        TypeError
            If a mask has a dtype that it can't have.
        ValueError
            If a shape does not fit, the cache is full, or `causal` is asked for with more queries than keys.
        """
        _require_axes(mask)
        q, k, v = self._project(q, k, v)  # (B, H, T, E), and twice (B, H, S, E)
        if cache is not None:
            k, v = cache.append(k, v)  # both (B, H, S, E)
        dropout = self.settings.dropout if self.training else 0.0
        mixed = _mix(q, k, v, mask, key_mask, causal, dropout)  # (B, H, T, E)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, T, D)
        return out

    def attention_weights(
        self,
        q: Tensor,
        k: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Return the weights by which the heads mix, without dropout; the parameters are those of a call.

        Returns
        -------
        Tensor, shape (B, H, T, S)
            Each row sums to 1, or is 0 where the query may read no key.
        """
        _require_axes(mask)
        q, k, v = self._project(q, k, None)  # (B, H, T, E), and twice (B, H, S, E)
        return dot_product_attention(q, k, v, merge_masks(mask, key_mask, causal, q, k))[1]  # (B, H, T, S)

    def extra_repr(self) -> str:
        """Show the settings where the module is printed."""
        return str(self.settings)

    def _project(self, q: Tensor, k: Tensor | None, v: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        k = q if k is None else k  # (B, S, D)
        v = k if v is None else v  # (B, S, D)
        self._require_inputs(q, k, v)
        if q is k is v:  # one product instead of three
            parts = F.linear(q, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)  # three of (B, T, D)
        else:
            weights = self.in_proj_weight.chunk(3)  # three of (D, D)
            biases = (None, None, None) if self.in_proj_bias is None else self.in_proj_bias.chunk(3)  # three of (D,)
            parts = tuple(map(F.linear, (q, k, v), weights, biases))  # (B, T, D), and twice (B, S, D)
        H, E = self.settings.heads, self.settings.width // self.settings.heads
        q, k, v = (part.view(*part.shape[:2], H, E).transpose(1, 2) for part in parts)
        return q, k, v  # (B, H, T, E), and twice (B, H, S, E)

    def _require_inputs(self, q: Tensor, k: Tensor, v: Tensor) -> None:
        D = self.settings.width
        for name, tensor in (("q", q), ("k", k), ("v", v)):
            if tensor.ndim != 3 or tensor.shape[-1] != D:
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}; expected (batch, positions, {D}), as width is {D}. "
                    f"x[None] adds a missing batch axis, and nn.Linear(..., {D}) projects to {D} features."
                )
        require_fit(q, k, v)


def _require_axes(mask: Tensor | None) -> None:
    if mask is not None and mask.ndim not in (2, 4):  # three axes could mean (B, T, S), (H, T, S) or (B * H, T, S)
        raise ValueError(
            f"mask has shape {tuple(mask.shape)}; expected two axes, (T, S), or four that broadcast to (B, H, T, S). "
            "mask[:, None] makes four of (B, T, S), and mask.unflatten(0, (B, H)) of nn.MultiheadAttention's."
        )


def _mix(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, key_mask: Tensor | None, causal: bool, dropout: float
) -> Tensor:
    """Do what `dot_product_attention` does by torch's kernels, which take less memory and time."""
    if causal and mask is None and key_mask is None and q.shape[-2] == k.shape[-2]:  # no kernel need hold a mask
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)  # (B, H, T, E)
    allowed = merge_masks(mask, key_mask, causal, q, k)  # (..., T, S)
    if allowed is None:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)  # (B, H, T, E)
    # Kernels differ in what they make of a query that may read nothing: let it read all, and drop what it mixed.
    allowed, blind = unblind(allowed)  # (..., T, S) and (..., T, 1)
    mixed = F.scaled_dot_product_attention(q, k, v, allowed, dropout)  # (B, H, T, E)
    return mixed.masked_fill(blind, 0)  # (B, H, T, E)
