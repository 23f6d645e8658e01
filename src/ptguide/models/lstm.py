"""Long short-term memory: one step written out, and a language model of characters.

Axes: B batch, T position, L layer, I feature of the input, D feature of the state, V token of the vocabulary.

Source: Hochreiter and Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8), with the forget gate of
Gers et al. (2000), as in the formula of `torch.nn.LSTM`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ptguide.models._checks import require_flag, require_integers, require_share
from ptguide.models.sampling import evaluating, next_token, require_prompt, require_sampling, require_tokens

__all__ = ["LSTMCell", "LSTMLanguageModel", "LSTMSettings", "detach_state", "unroll"]

LSTMState = tuple[Tensor, Tensor]  # what is passed on from position to position: the output h and the memory c


class LSTMCell(nn.Module):
    r"""One step of an LSTM, written out.

    Equal to `torch.nn.LSTMCell`, weight for weight: the parameters have the same names and shapes and start from the
    same random numbers. Those of a layer of `torch.nn.LSTM` have ``_l0`` behind their names (layer 0).

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input, I, and of the state, D.

    Notes
    -----
    The rows of the weights are four blocks of D: input gate i, forget gate f, candidate g and output gate o. With
    :math:`\sigma` the sigmoid and :math:`\odot` the product element by element,

    .. math::

        c' = f \odot c + i \odot g, \qquad h' = o \odot \tanh c'

    where :math:`i, f, o = \sigma(W x + b + U h + d)` and :math:`g = \tanh(W x + b + U h + d)`, each with its own
    block of W (``weight_ih``), b (``bias_ih``), U (``weight_hh``) and d (``bias_hh``).

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> cell, original = LSTMCell(3, 5), nn.LSTMCell(3, 5)
    >>> cell.load_state_dict(original.state_dict())
    <All keys matched successfully>
    >>> x, state = torch.randn(2, 3), (torch.randn(2, 5), torch.randn(2, 5))
    >>> torch.testing.assert_close(cell(x, state), original(x, state))
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        require_integers(self, "input_size", "hidden_size")
        D = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(4 * D, input_size))  # (4D, I)
        self.weight_hh = nn.Parameter(torch.empty(4 * D, D))  # (4D, D)
        self.bias_ih = nn.Parameter(torch.empty(4 * D))  # (4D,)
        self.bias_hh = nn.Parameter(torch.empty(4 * D))  # (4D,); one bias would do, cuDNN has two
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(D), 1 / math.sqrt(D))

    def forward(self, x: Tensor, state: LSTMState) -> LSTMState:
        """Read one position.

        Parameters
        ----------
        x : Tensor, shape (B, I)
        state : two of Tensor, shape (B, D)
            The output h and the memory c after the position before.

        Returns
        -------
        h, c : Tensor, shape (B, D)

        Raises
        ------
        ValueError
            If a shape does not fit.
        """
        h, c = state  # both (B, D)
        self._require_step(x, h, c)
        Wx = F.linear(x, self.weight_ih, self.bias_ih + self.bias_hh)  # (B, 4D)
        gates = torch.addmm(Wx, h, self.weight_hh.mT)  # (B, 4D): Wx + h @ U.T, in one step
        i, f, g, o = gates.chunk(4, dim=-1)  # four of (B, D)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()  # (B, D): keep some, take in some
        h = o.sigmoid() * c.tanh()  # (B, D): show some
        return h, c

    def extra_repr(self) -> str:
        """Show the sizes where the module is printed."""
        return f"{self.input_size}, {self.hidden_size}"

    def _require_step(self, x: Tensor, h: Tensor, c: Tensor) -> None:
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; expected (B, {self.input_size}), one position of each row."
            )
        expected = (x.shape[0], self.hidden_size)
        if h.shape != expected or c.shape != expected:
            raise ValueError(f"state has shapes {tuple(h.shape)} and {tuple(c.shape)}; expected {expected} twice.")


def unroll(cell: LSTMCell, x: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
    """Run a cell over the positions: one layer of `torch.nn.LSTM` with ``batch_first=True``, as a loop.

    Parameters
    ----------
    cell : LSTMCell
    x : Tensor, shape (B, T, I)
    state : two of Tensor, shape (B, D), optional
        Where to start from; zeros where it is left out.

    Returns
    -------
    h : Tensor, shape (B, T, D)
        The output of each position.
    state : two of Tensor, shape (B, D)
        The output and the memory after the last position.

    Raises
    ------
    ValueError
        If `x` has not three axes or no position.

    Examples
    --------
    >>> import torch
    >>> h, state = unroll(LSTMCell(3, 5), torch.zeros(2, 7, 3))
    >>> h.shape, state[0].shape
    (torch.Size([2, 7, 5]), torch.Size([2, 5]))
    """
    if x.ndim != 3 or x.shape[1] == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}; expected (B, T, I) with at least one position.")
    if state is None:
        zeros = x.new_zeros(x.shape[0], cell.hidden_size)  # (B, D)
        state = (zeros, zeros)
    outputs = []
    for t in range(x.shape[1]):
        state = cell(x[:, t], state)  # two of (B, D)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1), state


@dataclass(frozen=True)
class LSTMSettings:
    """What an `LSTMLanguageModel` is made from.

    Attributes
    ----------
    vocab_size : int
        Tokens that there are, V: for characters, those that the text uses.
    embedding : int
        Features that stand for one token.
    hidden : int
        Features of the state of each layer, D: the memory of what came before.
    layers : int
        LSTM layers, L, each of which reads the outputs of the one below.
    dropout : float
        The share of features that training sets to 0 before, between and after the layers, never from one position
        to the next, which would wipe out the memory (Zaremba et al., 2014, arXiv:1409.2329).
    tied : bool
        Whether one matrix turns tokens into features and features into logits, which saves V × D weights (Press and
        Wolf, 2017, arXiv:1608.05859). The embedding is then as wide as the state.

    Raises
    ------
    TypeError, ValueError
        If a field has another type or is out of its range, or the widths of a tied model differ.
    """

    vocab_size: int
    embedding: int = 64
    hidden: int = 256
    layers: int = 1
    dropout: float = 0.0
    tied: bool = False

    def __post_init__(self) -> None:
        require_integers(self, "vocab_size", "embedding", "hidden", "layers")
        require_share("dropout", self.dropout)
        require_flag("tied", self.tied)
        if self.tied and self.embedding != self.hidden:
            raise ValueError(
                f"LSTMSettings.embedding is {self.embedding} and hidden {self.hidden}; expected equal numbers, as "
                "tied=True uses one matrix for both ends. Change one of the three."
            )


class LSTMLanguageModel(nn.Module):
    """Predict each next token from those before it.

    The layers are `torch.nn.LSTM` and not a loop over `LSTMCell`, which they equal: a loop starts a dozen operations
    for each position, while ``nn.LSTM`` does a whole sequence in one call, by cuDNN on a GPU. The benchmark
    ``sequence_models`` measures both.

    Parameters
    ----------
    settings : LSTMSettings

    Notes
    -----
    `torch.export` takes it with other numbers of texts, of one length, which ``nn.LSTM`` makes a constant; `torch.fx`
    cannot trace it, because its checks look at shapes.

    Examples
    --------
    >>> import torch
    >>> model = LSTMLanguageModel(LSTMSettings(vocab_size=27))
    >>> tokens = torch.randint(27, (2, 10))
    >>> logits, state = model(tokens)
    >>> tokens.dtype, logits.shape, state[0].shape
    (torch.int64, torch.Size([2, 10, 27]), torch.Size([1, 2, 256]))

    The next window of a long text starts where this one ended; gradients stop in between.

    >>> logits, state = model(tokens, detach_state(state))
    """

    head_weight: nn.Parameter | None

    def __init__(self, settings: LSTMSettings) -> None:
        super().__init__()
        self.settings = settings
        V, D = settings.vocab_size, settings.hidden
        self.embedding = nn.Embedding(V, settings.embedding)
        self.dropout = nn.Dropout(settings.dropout)
        between = settings.dropout if settings.layers > 1 else 0.0  # torch warns where there is nothing between
        self.lstm = nn.LSTM(settings.embedding, D, settings.layers, batch_first=True, dropout=between)
        self.register_parameter("head_weight", None if settings.tied else nn.Parameter(torch.empty(V, D)))
        self.head_bias = nn.Parameter(torch.zeros(V))  # (V,)
        # Small numbers, so that training starts from nearly equal chances for all tokens.
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        if self.head_weight is not None:
            nn.init.uniform_(self.head_weight, -0.1, 0.1)

    def forward(self, tokens: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """Return the logits of the token after each position.

        Parameters
        ----------
        tokens : Tensor, int64, shape (B, T)
            At least 0 and less than ``vocab_size``.
        state : two of Tensor, shape (L, B, D), optional
            What an earlier call returned, to go on from there; zeros where it is left out.

        Returns
        -------
        logits : Tensor, shape (B, T, V)
        state : two of Tensor, shape (L, B, D)

        Raises
        ------
        TypeError
            If `tokens` are no integers.
        ValueError
            If `tokens` or `state` has another shape.
        """
        require_tokens("tokens", tokens)
        self._require_state(tokens, state)
        x = self.dropout(self.embedding(tokens))  # (B, T, I)
        h, state = self.lstm(x, state)  # (B, T, D), and twice (L, B, D)
        weight = self.embedding.weight if self.head_weight is None else self.head_weight  # (V, D)
        return F.linear(self.dropout(h), weight, self.head_bias), state  # (B, T, V), and twice (L, B, D)

    @torch.no_grad()
    def sample(
        self,
        prompt: Tensor,
        n: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
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

        Returns
        -------
        Tensor, shape (B, T + n)
            The prompt and what follows.

        Raises
        ------
        TypeError, ValueError
            If the prompt or a setting is not as described here.

        Examples
        --------
        >>> import torch
        >>> model = LSTMLanguageModel(LSTMSettings(vocab_size=27))
        >>> model.sample(torch.tensor([[3, 1, 4]]), 10, temperature=0.8, top_k=5).shape
        torch.Size([1, 13])
        """
        require_prompt(prompt, n, self.settings.vocab_size)
        require_sampling(temperature, top_k, top_p)
        tokens, state, read = F.pad(prompt, (0, n)), None, 0  # (B, T + n)
        with evaluating(self):
            for end in range(prompt.shape[1], tokens.shape[1]):
                logits, state = self(tokens[:, read:end], state)  # (B, T or 1, V), and twice (L, B, D)
                tokens[:, end] = next_token(
                    logits[:, -1], temperature=temperature, top_k=top_k, top_p=top_p, generator=generator
                )  # (B,)
                read = end
        return tokens

    def _require_state(self, tokens: Tensor, state: LSTMState | None) -> None:
        expected = (self.settings.layers, tokens.shape[0], self.settings.hidden)
        if state is not None and any(tensor.shape != expected for tensor in state):
            raise ValueError(
                f"state has shapes {[tuple(tensor.shape) for tensor in state]}; expected two of {expected}, "
                "(layers, batch, hidden). Start without a state where the batch changes."
            )


def detach_state(state: LSTMState) -> LSTMState:
    """Return the state without its history, so that gradients stop at the edge of a window.

    Without this, the graph grows from window to window, and the second ``backward`` reaches into one that is gone.

    Parameters
    ----------
    state : two of Tensor, any shape

    Returns
    -------
    two of Tensor
        The same memory, as leaves.
    """
    h, c = state
    return h.detach(), c.detach()
