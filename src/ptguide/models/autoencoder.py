"""The autoencoder: squeeze an item into a few numbers, and make the item of them again.

Axes: N items, L latent numbers; the dots in (N, ...) are the axes of an item, which the settings say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from ptguide.models._checks import require_choice, require_integer, require_items, require_settings, require_sizes
from ptguide.models.mlp import ACTIVATIONS, MLP, MLPSettings

fx.wrap("require_items")  # a leaf where the model is traced


@dataclass(frozen=True)
class AutoencoderSettings:
    """Settings of `Autoencoder`; the defaults have the sizes of Hinton and Salakhutdinov for MNIST.

    Attributes
    ----------
    shape : tuple of int
        Shape of one item: ``(1, 8, 8)`` for the digits, ``(30,)`` for a row of 30 features.
    hidden : tuple of int
        Units of the encoder's hidden layers; the decoder has them in reverse. Without any, encoder and decoder are
        linear, and the best of them does what PCA does.
    latent : int
        Numbers that one item is squeezed into (L); fewer than it has elements, or copying it would do.
    activation : str
        What follows each hidden layer; the names are those of `MLPSettings`.
    """

    shape: tuple[int, ...] = (1, 28, 28)
    hidden: tuple[int, ...] = (1000, 500, 250)
    latent: int = 30
    activation: str = "relu"

    def __post_init__(self) -> None:
        require_sizes("shape", self.shape, like=(1, 28, 28), fewest=1)
        require_sizes("hidden", self.hidden, like=(1000, 500, 250), fewest=0)
        require_integer("latent", self.latent)
        require_choice("activation", self.activation, ACTIVATIONS)


class Autoencoder(nn.Module):
    """Reconstruct items from a few latent numbers each.

    Parameters
    ----------
    settings : AutoencoderSettings

    Notes
    -----
    Hinton and Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks", with the layers
    784-1000-500-250-30 and back: 2,837,314 parameters. Their hidden units and outputs are logistic, and a stack of
    Boltzmann machines finds the first weights. Here, the outputs are linear, for data of any range, and `torch`'s
    initialisation serves.

    Examples
    --------
    >>> import torch
    >>> model = Autoencoder(AutoencoderSettings(shape=(1, 8, 8), hidden=(32,), latent=2))
    >>> digits = torch.ones(5, 1, 8, 8)
    >>> model.encode(digits).shape, model(digits).shape
    (torch.Size([5, 2]), torch.Size([5, 1, 8, 8]))
    >>> deep = Autoencoder(AutoencoderSettings(shape=(784,), hidden=(1000, 500, 250), latent=30))
    >>> sum(parameter.numel() for parameter in deep.parameters())
    2837314
    """

    def __init__(self, settings: AutoencoderSettings) -> None:
        require_settings(settings, AutoencoderSettings)
        super().__init__()
        self.settings = settings
        sizes = (math.prod(settings.shape), *settings.hidden, settings.latent)
        self.encoder = MLP(MLPSettings(sizes, settings.activation))
        self.decoder = MLP(MLPSettings(sizes[::-1], settings.activation))

    def encode(self, x: Tensor) -> Tensor:
        """Squeeze each item into its latent numbers.

        Parameters
        ----------
        x : Tensor, shape (N, ...)

        Returns
        -------
        Tensor, shape (N, L)

        Raises
        ------
        ValueError
            If the items have another shape than the settings say.
        """
        require_items("x", x, self.settings.shape, "shape")
        z: Tensor = self.encoder(x)  # (N, L)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Make an item of each row of latent numbers.

        Parameters
        ----------
        z : Tensor, shape (N, L)

        Returns
        -------
        Tensor, shape (N, ...)
            In the unit of the items.

        Raises
        ------
        ValueError
            If ``z`` has not L numbers in each row.
        """
        require_items("z", z, (self.settings.latent,), "latent")
        rows: Tensor = self.decoder(z)  # (N, elements of an item)
        return torch.unflatten(rows, 1, self.settings.shape)  # (N, ...)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct each item; train it to be like ``x``, with `torch.nn.functional.mse_loss` for example.

        Parameters
        ----------
        x : Tensor, shape (N, ...)

        Returns
        -------
        Tensor, shape (N, ...)

        Raises
        ------
        ValueError
            If the items have another shape than the settings say.
        """
        return self.decode(self.encode(x))  # (N, ...)
