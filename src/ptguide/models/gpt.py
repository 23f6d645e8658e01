"""GPT: blocks of causal attention that predict the next token, with a cache for quick generation.

Axes: B batch, T new position, S position so far, D feature, V token of the vocabulary.

Source: Radford et al. (2019), "Language models are unsupervised multitask learners" (GPT-2), section 2.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ptguide.models._checks import require_divisor, require_flag, require_integers, require_share
from ptguide.models.attention import AttentionSettings, MultiheadAttention
from ptguide.models.cache import KeyValueCache
from ptguide.models.sampling import evaluating, next_token, require_prompt, require_sampling, require_tokens

__all__ = ["GPT", "GPT2_SIZES", "GPTBlock", "GPTSettings"]


@dataclass(frozen=True)
class GPTSettings:
    """What a `GPT` is made from; the defaults are those of GPT-2 small.

    Attributes
    ----------
    vocab_size : int
        Tokens that there are, V.
    block_size : int
        Positions that the model can read at once: it learns one vector for each.
    layers : int
        Blocks, one after another.
    heads : int
        Heads of attention in each block; they share the width.
    width : int
        Features of each position, D.
    dropout : float
        The share of features and of attention weights that training sets to 0. A tenth in GPT-2; 0 where each text is
        read once.
    bias : bool
        Whether linear layers and layer norms add a bias, as in GPT-2.
    tied : bool
        Whether one matrix turns tokens into features and features into logits, which saves V × D weights.

    Raises
    ------
    TypeError, ValueError
        If a field has another type or is out of its range, or `heads` does not divide `width`.
    """

    vocab_size: int = 50257
    block_size: int = 1024
    layers: int = 12
    heads: int = 12
    width: int = 768
    dropout: float = 0.0
    bias: bool = True
    tied: bool = True

    def __post_init__(self) -> None:
        require_integers(self, "vocab_size", "block_size", "layers", "heads", "width")
        require_share("dropout", self.dropout)
        require_flag("bias", self.bias)
        require_flag("tied", self.tied)
        require_divisor(self, "heads", "width")


GPT2_SIZES = {
    "small": GPTSettings(),
    "medium": GPTSettings(layers=24, heads=16, width=1024),
    "large": GPTSettings(layers=36, heads=20, width=1280),
    "xl": GPTSettings(layers=48, heads=25, width=1600),
}


class GPTBlock(nn.Module):
    """One block: positions exchange what they know, then each works on its own.

    Equal to `torch.nn.TransformerEncoderLayer` with ``norm_first=True``, GELU by tanh and a causal mask; the
    parameters have the same names.

    Parameters
    ----------
    settings : GPTSettings

    Examples
    --------
    >>> import torch
    >>> GPTBlock(GPTSettings(heads=2, width=16))(torch.randn(3, 5, 16)).shape
    torch.Size([3, 5, 16])
    """

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        D, bias = settings.width, settings.bias
        self.norm1 = nn.LayerNorm(D, bias=bias)
        self.self_attn = MultiheadAttention(AttentionSettings(D, settings.heads, settings.dropout, bias))
        self.norm2 = nn.LayerNorm(D, bias=bias)
        self.linear1 = nn.Linear(D, 4 * D, bias=bias)
        self.linear2 = nn.Linear(4 * D, D, bias=bias)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Add to each position what the block makes of it and of those before it.

        Parameters
        ----------
        x : Tensor, shape (B, T, D)
        cache : KeyValueCache, optional
            What this block keeps of earlier positions.

        Returns
        -------
        Tensor, shape (B, T, D)
        """
        x = x + self.dropout(self.self_attn(self.norm1(x), causal=True, cache=cache))  # (B, T, D)
        hidden = F.gelu(self.linear1(self.norm2(x)), approximate="tanh")  # (B, T, 4D)
        out: Tensor = x + self.dropout(self.linear2(hidden))  # (B, T, D)
        return out


class GPT(nn.Module):
    """Predict each next token from those before it.

    Parameters
    ----------
    settings : GPTSettings

    Notes
    -----
    Weights start from N(0, 0.02²); those of the layers that write into the residual stream (``out_proj`` and
    ``linear2``) are divided by the square root of their number, two for each block, so that the sum does not grow with
    the depth. Biases start from 0.

    ``GPT2_SIZES`` have 124M, 355M, 774M and 1558M parameters, as the published weights have. The paper's table says
    117M, 345M, 762M and 1542M, which its authors later called wrong, in the README beside the weights.

    `torch.export` takes it with other numbers of texts and positions; `torch.fx` cannot trace it, because its checks
    look at shapes.

    Examples
    --------
    On the device ``meta`` tensors have shapes and no memory: enough to count.

    >>> import torch
    >>> with torch.device("meta"):
    ...     model = GPT(GPT2_SIZES["small"])
    >>> print(f"{sum(parameter.numel() for parameter in model.parameters()):,}")
    124,439,808

    >>> settings = GPTSettings(vocab_size=27, block_size=8, layers=2, heads=2, width=16)
    >>> tokens = torch.randint(27, (3, 5))
    >>> tokens.dtype, GPT(settings)(tokens).shape
    (torch.int64, torch.Size([3, 5, 27]))
    """

    head_weight: nn.Parameter | None

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        self.settings = settings
        V, D = settings.vocab_size, settings.width
        self.token_embedding = nn.Embedding(V, D)
        self.position_embedding = nn.Embedding(settings.block_size, D)
        self.dropout = nn.Dropout(settings.dropout)
        self.blocks = nn.ModuleList(GPTBlock(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(D, bias=settings.bias)
        self.register_parameter("head_weight", None if settings.tied else nn.Parameter(torch.empty(V, D)))
        self._initialise()

    def _initialise(self) -> None:
        residual = 0.02 / math.sqrt(2 * self.settings.layers)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                nn.init.constant_(parameter, 1.0 if "norm" in name and name.endswith("weight") else 0.0)
            else:
                writes = name.endswith(("out_proj.weight", "linear2.weight"))
                nn.init.normal_(parameter, std=residual if writes else 0.02)

    def forward(self, tokens: Tensor, caches: list[KeyValueCache] | None = None) -> Tensor:
        """Return the logits of the token after each position.

        Parameters
        ----------
        tokens : Tensor, int64, shape (B, T)
            At least 0 and less than ``vocab_size``.
        caches : list of KeyValueCache, optional
            What `new_caches` made, one for each block. The tokens are then those after the ones in the caches.

        Returns
        -------
        Tensor, shape (B, T, V)

        Raises
        ------
        TypeError
            If `tokens` are no integers.
        ValueError
            If `tokens` has not two axes, the caches are not one for each block, or there are more positions than
            `block_size`, those in the caches included.
        """
        return self._logits(self._features(tokens, caches))  # (B, T, V)

    def new_caches(self) -> list[KeyValueCache]:
        """Return empty caches for one text, or for one batch of texts, with room for `block_size` positions."""
        return [KeyValueCache(self.settings.block_size) for _ in self.blocks]

    @torch.no_grad()
    def generate(
        self,
        prompt: Tensor,
        n: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
        use_cache: bool = True,
    ) -> Tensor:
        """Go on from a prompt, without dropout.

        Parameters
        ----------
        prompt : Tensor, int64, shape (B, T)
            At least one token in each row.
        n : int
            How many tokens to add.
        temperature, top_k, top_p, generator
            As in `next_token`.
        use_cache : bool
            Whether to keep keys and values. Gives the same tokens, up to rounding, in far less time.

        Returns
        -------
        Tensor, shape (B, T + n)
            The prompt and what follows.

        Raises
        ------
        TypeError, ValueError
            If the prompt or a setting is not as described here.

        Notes
        -----
        A text that grows longer than `block_size` is read through a window: each token is predicted from the last
        `block_size` before it. Each step then moves the tokens to other positions, so nothing that was cached
        holds, and each step reads the whole window anew.

        Examples
        --------
        >>> import torch
        >>> model = GPT(GPTSettings(vocab_size=27, block_size=8, layers=2, heads=2, width=16))
        >>> model.generate(torch.tensor([[3, 1, 4]]), 10, temperature=0.8, top_k=5).shape
        torch.Size([1, 13])
        """
        require_prompt(prompt, n, self.settings.vocab_size)
        require_sampling(temperature, top_k, top_p)
        tokens, read, window = F.pad(prompt, (0, n)), 0, self.settings.block_size  # (B, T + n)
        caches = self.new_caches() if use_cache else None
        with evaluating(self):
            for end in range(prompt.shape[1], tokens.shape[1]):
                if caches is None or end > window:
                    x = self._features(tokens[:, max(0, end - window) : end], None)  # (B, S, D)
                else:
                    x = self._features(tokens[:, read:end], caches)  # (B, T or 1, D)
                    read = end
                logits = self._logits(x[:, -1])  # (B, V)
                tokens[:, end] = next_token(
                    logits, temperature=temperature, top_k=top_k, top_p=top_p, generator=generator
                )  # (B,)
        return tokens

    def _features(self, tokens: Tensor, caches: list[KeyValueCache] | None) -> Tensor:
        require_tokens("tokens", tokens)
        if caches is not None and len(caches) != len(self.blocks):
            raise ValueError(f"There are {len(caches)} caches; expected one for each of {len(self.blocks)} blocks.")
        start = caches[0].length if caches else 0
        end, most = start + tokens.shape[1], self.settings.block_size
        if end > most:
            raise ValueError(
                f"tokens has {tokens.shape[1]} positions after {start} in the caches, {end} in all; expected at most "
                f"block_size, {most}. Cut them, tokens[:, -{most}:], or make a model with a larger block_size."
            )
        position = torch.arange(start, end, device=tokens.device)  # (T,)
        x = self.dropout(self.token_embedding(tokens) + self.position_embedding(position))  # (B, T, D)
        for index, block in enumerate(self.blocks):
            x = block(x, caches[index] if caches else None)  # (B, T, D)
        out: Tensor = self.norm(x)  # (B, T, D)
        return out

    def _logits(self, x: Tensor) -> Tensor:
        weight = self.token_embedding.weight if self.head_weight is None else self.head_weight  # (V, D)
        return F.linear(x, weight)  # (..., V)
