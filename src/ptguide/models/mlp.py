"""The multilayer perceptron: linear layers with an activation between them.

Axes: N items, D features of an item, H hidden units, K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, fx, nn

from ptguide.models._checks import flatten_items, require_choice, require_settings, require_share, require_sizes

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


fx.wrap("flatten_items")  # a leaf where the model is traced


@dataclass(frozen=True)
class MLPSettings:
    """Settings of `MLP`.

    Attributes
    ----------
    sizes : tuple of int
        Units of each layer, from the features that come in (D) to the outputs (K): ``(64, 32, 10)`` has one hidden
        layer of 32. Two sizes make a single linear layer, which has no activation.
    activation : str
        What follows each hidden layer; without it, the layers together were one linear map. One of ``"relu"``,
        ``"leaky_relu"``, ``"elu"``, ``"gelu"``, ``"silu"``, ``"tanh"`` and ``"sigmoid"``.
    dropout : float
        Share of the hidden units that are set to 0 in training, at random for each item, against overfitting; at
        least 0 and less than 1.
    """

    sizes: tuple[int, ...]
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_sizes("sizes", self.sizes, like=(64, 32, 10), fewest=2)
        require_choice("activation", self.activation, ACTIVATIONS)
        require_share("dropout", self.dropout)


class MLP(nn.Module):
    """Map items to outputs through hidden layers.

    Parameters
    ----------
    settings : MLPSettings

    Notes
    -----
    The original is `torchvision.ops.MLP`: ``layers.load_state_dict`` takes its state dict. It differs in one thing,
    where there is dropout: there, dropout also follows the last layer, here it stays between the layers.

    Examples
    --------
    >>> import torch
    >>> model = MLP(MLPSettings(sizes=(64, 32, 10)))
    >>> model(torch.ones(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(self, settings: MLPSettings) -> None:
        require_settings(settings, MLPSettings)
        super().__init__()
        self.settings = settings
        *hidden, last = pairwise(settings.sizes)
        layers: list[nn.Module] = []
        for before, after in hidden:
            layers += [nn.Linear(before, after), ACTIVATIONS[settings.activation](), nn.Dropout(settings.dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(*last))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs of each item.

        Parameters
        ----------
        x : Tensor, shape (N, D), or more axes with D elements an item

        Returns
        -------
        Tensor, shape (N, K)
            They may be negative and large: logits where the targets are classes.

        Raises
        ------
        ValueError
            If an item of ``x`` has not D elements.
        """
        x = flatten_items(x, self.settings.sizes[0], "sizes[0]")  # (N, D)
        outputs: Tensor = self.layers(x)  # (N, H) after each hidden layer, then (N, K)
        return outputs
