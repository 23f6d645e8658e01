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
    logits: Tensor, *, temperature: float = 1.0, top_k: int | None = None, generator: torch.Generator | None = None
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
        If `logits` is no matrix, or the temperature or `top_k` is out of range.

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
    require_sampling(temperature, top_k)
    if logits.ndim != 2:
        raise ValueError(f"logits has shape {tuple(logits.shape)}; expected (B, V). Take one position: logits[:, -1].")
    if temperature == 0:
        return logits.argmax(dim=-1)  # (B,)
    V = logits.shape[-1]
    if top_k is not None and top_k > V:
        raise ValueError(f"top_k is {top_k}; expected at most the size of the vocabulary, {V}.")
    likely, token = (logits, None) if top_k is None else logits.topk(top_k)  # (B, K) and (B, K); K is V without top_k
    likely = likely - likely.amax(dim=-1, keepdim=True)  # (B, K): at most 0, so that no temperature overflows
    place = torch.multinomial((likely / temperature).softmax(dim=-1), 1, generator=generator)  # (B, 1)
    return (place if token is None else token.gather(-1, place)).squeeze(-1)  # (B,)


def require_sampling(temperature: float, top_k: int | None) -> None:
    """Raise unless these can govern a draw."""
    if not (temperature == 0 or TINY <= temperature < math.inf):
        raise ValueError(f"temperature is {temperature}; expected 0, which is greedy, or from {TINY:.0e} up.")
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int)):
        raise TypeError(f"top_k is {top_k!r}; expected a whole number of at least 1, or None for all tokens.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; expected a whole number of at least 1, or None for all tokens.")


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
