"""Draw the next token from what a language model says of it.

Axes: B batch, V token of the vocabulary, K token among the likeliest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["evaluating", "next_token"]

TINY = torch.finfo(torch.float32).tiny  # a temperature below counts as 0 where it meets float32, and 0 / 0 is NaN


def next_token(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose one token for each row of logits.

    Parameters
    ----------
    logits : Tensor, shape (B, V)
        What the model says of each token of the vocabulary.
    temperature : float
        What the logits are divided by: below 1 the likely tokens become likelier, above 1 all become alike. 0 takes
        the likeliest one always and draws nothing.
    top_k : int, optional
        Draw from this many likeliest tokens only, from 1 to V; where equal logits compete for the last place, torch
        picks. All tokens where it is left out.
    top_p : float, optional
        Draw from the fewest likeliest tokens whose probabilities together reach this number, above 0 and at most 1
        (nucleus sampling), after temperature and `top_k`; where equal logits compete for the last place, torch picks.
    generator : torch.Generator, optional
        Where the random numbers come from, on the device of the logits; torch's own where it is left out.

    Returns
    -------
    Tensor, int64, shape (B,)

    Raises
    ------
    TypeError
        If `top_k` is no whole number.
    ValueError
        If `logits` is no matrix or holds NaN, or the temperature, `top_k` or `top_p` is out of range.

    Notes
    -----
    `top_p` is section 3.1 of Holtzman et al. (2020), arXiv:1904.09751.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([[1.0, 3.0, 2.0]]).expand(1000, 3)
    >>> next_token(logits[:1], temperature=0)
    tensor([1])
    >>> drawn = next_token(logits, top_k=2, generator=torch.Generator().manual_seed(0))
    >>> drawn.unique()
    tensor([1, 2])
    """
    require_sampling(temperature, top_k, top_p)
    if logits.ndim != 2:
        raise ValueError(f"logits has shape {tuple(logits.shape)}; expected (B, V). Take one position: logits[:, -1].")
    if logits.isnan().any():
        raise ValueError(
            f"logits holds NaN in {int(logits.isnan().any(dim=-1).sum())} of {len(logits)} rows, of which no token is "
            "the likeliest. Look for it in the weights and the inputs of the model."
        )
    if temperature == 0:
        return logits.argmax(dim=-1)  # (B,)
    V = logits.shape[-1]
    if top_k is not None and top_k > V:
        raise ValueError(f"top_k is {top_k}; expected at most the size of the vocabulary, {V}.")
    likely, token = (logits, None) if top_k is None else logits.topk(top_k)  # (B, K) and (B, K); K is V without top_k
    likely = likely - likely.amax(dim=-1, keepdim=True)  # (B, K): at most 0, so that no temperature overflows
    probability = (likely / temperature).softmax(dim=-1)  # (B, K)
    if top_p is not None:
        probability = _nucleus(probability, top_p)
    place = torch.multinomial(probability, 1, generator=generator)  # (B, 1)
    return (place if token is None else token.gather(-1, place)).squeeze(-1)  # (B,)


def _nucleus(probability: Tensor, top_p: float) -> Tensor:
    """Return the probabilities with 0 for all but the fewest likeliest that reach ``top_p`` together: (B, K)."""
    ordered, place = probability.sort(dim=-1, descending=True)  # (B, K) and (B, K)
    before = ordered.cumsum(dim=-1) - ordered  # (B, K): what the likelier ones have
    return torch.zeros_like(probability).scatter(-1, place, ordered.masked_fill(before >= top_p, 0.0))


def require_sampling(temperature: float, top_k: int | None, top_p: float | None = None) -> None:
    """Raise unless these can govern a draw."""
    if not (temperature == 0 or TINY <= temperature < math.inf):
        raise ValueError(f"temperature is {temperature}; expected 0, which is greedy, or from {TINY:.0e} up.")
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int)):
        raise TypeError(f"top_k is {top_k!r}; expected a whole number of at least 1, or None for all tokens.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; expected a whole number of at least 1, or None for all tokens.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; expected a probability above 0 and at most 1, or None for all tokens.")


def require_prompt(prompt: Tensor, n: int, vocab_size: int) -> None:
    """Raise unless a text can go on from this prompt."""
    require_tokens("prompt", prompt)
    if prompt.shape[1] == 0:
        raise ValueError("prompt has no tokens; expected at least one to go on from, such as that of a new line.")
    if prompt.numel() and not 0 <= int(prompt.min()) <= int(prompt.max()) < vocab_size:
        raise ValueError(
            f"prompt holds tokens from {int(prompt.min())} to {int(prompt.max())}; expected 0 to {vocab_size - 1}, "
            f"as vocab_size is {vocab_size}."
        )
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"n is {n!r}; expected the number of new tokens, a whole number.")
    if n < 0:
        raise ValueError(f"n is {n}; expected the number of new tokens, at least 0.")


def require_tokens(name: str, tokens: Tensor) -> None:
    """Raise unless these are rows of integers."""
    if tokens.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name} is of {tokens.dtype}; expected integers, torch.int64. tokens.long() converts.")
    if tokens.ndim != 2:
        raise ValueError(
            f"{name} has shape {tuple(tokens.shape)}; expected (B, T). tokens[None] makes a batch of one row."
        )


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode for a while, so that dropout drops nothing, and then each part back.

    Parameters
    ----------
    model : torch.nn.Module

    Examples
    --------
    >>> from torch import nn
    >>> dropout = nn.Dropout(0.5)
    >>> with evaluating(dropout):
    ...     print(dropout.training)
    False
    >>> dropout.training
    True
    """
    before = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
