"""The variational autoencoder: encode an item as a Gaussian, and decode samples of it.

Axes: N items, L latent numbers; the dots in (N, ...) are the axes of an item, which the settings say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from ptguide.models._checks import require_choice, require_integer, require_items, require_settings, require_sizes
from ptguide.models.mlp import ACTIVATIONS, MLP, MLPSettings

fx.wrap("require_items")  # a leaf where the model is traced


@dataclass(frozen=True)
class VAESettings:
    """Settings of `VAE`; the defaults are a network of Kingma and Welling for MNIST.

    Attributes
    ----------
    shape : tuple of int
        Shape of one item: ``(1, 8, 8)`` for the digits.
    hidden : tuple of int
        Units of the encoder's hidden layers; the decoder has them in reverse.
    latent : int
        Numbers whose distribution stands for one item (L). One that says nothing of the item is free: its
        distribution is the prior's, which costs 0 nats.
    activation : str
        What follows each hidden layer; the names are those of `MLPSettings`.
    """

    shape: tuple[int, ...] = (1, 28, 28)
    hidden: tuple[int, ...] = (500,)
    latent: int = 20
    activation: str = "tanh"

    def __post_init__(self) -> None:
        require_sizes("shape", self.shape, like=(1, 28, 28), fewest=1)
        require_sizes("hidden", self.hidden, like=(500,), fewest=0)
        require_integer("latent", self.latent)
        require_choice("activation", self.activation, ACTIVATIONS)


class VAE(nn.Module):
    """Model the distribution of items whose elements are 0 or 1, or the probability of a 1.

    Parameters
    ----------
    settings : VAESettings

    Notes
    -----
    Kingma and Welling (2013), "Auto-encoding variational Bayes", arXiv:1312.6114: a standard Gaussian as the prior, a
    Gaussian encoder (equation 12) and a Bernoulli decoder (equation 11). One linear layer gives mean and log-variance
    together: its first L rows are those of the mean. With ``hidden=(400,)`` and ``activation="relu"`` it is the
    network of PyTorch's example, which has 652,824 parameters.

    `torch.export` takes it with other numbers of items, without a ``generator``; `torch.fx` cannot trace it, because
    its checks look at shapes.

    Examples
    --------
    >>> import torch
    >>> model = VAE(VAESettings(shape=(1, 8, 8), hidden=(32,), latent=2))
    >>> digits = torch.ones(5, 1, 8, 8)
    >>> logits, mean, log_variance = model(digits, generator=torch.Generator().manual_seed(0))
    >>> logits.shape, mean.shape, log_variance.shape
    (torch.Size([5, 1, 8, 8]), torch.Size([5, 2]), torch.Size([5, 2]))
    >>> of_pytorch = VAE(VAESettings(shape=(784,), hidden=(400,), latent=20, activation="relu"))
    >>> sum(parameter.numel() for parameter in of_pytorch.parameters())
    652824
    >>> model.loss(digits).shape
    torch.Size([])
    """

    def __init__(self, settings: VAESettings) -> None:
        require_settings(settings, VAESettings)
        super().__init__()
        self.settings = settings
        elements, latent = math.prod(settings.shape), settings.latent
        self.encoder = MLP(MLPSettings((elements, *settings.hidden, 2 * latent), settings.activation))
        self.decoder = MLP(MLPSettings((latent, *settings.hidden[::-1], elements), settings.activation))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Find the Gaussian of the latent numbers of each item.

        Parameters
        ----------
        x : Tensor, shape (N, ...)

        Returns
        -------
        mean : Tensor, shape (N, L)
        log_variance : Tensor, shape (N, L)
            The natural logarithm of each variance; negative below a variance of 1, so that the layer needs no bounds.

        Raises
        ------
        ValueError
            If the items have another shape than the settings say.
        """
        require_items("x", x, self.settings.shape, "shape")
        mean, log_variance = self.encoder(x).chunk(2, dim=1)  # (N, L) each
        return mean, log_variance

    def reparameterise(self, mean: Tensor, log_variance: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw latent numbers in a way that lets gradients reach mean and variance.

        Parameters
        ----------
        mean, log_variance : Tensor, shape (N, L)
        generator : torch.Generator, optional
            Source of the noise, on the device of ``mean``; torch's own by default.

        Returns
        -------
        Tensor, shape (N, L)
            ``mean + standard deviation * noise``: section 2.4 of Kingma and Welling.

        Raises
        ------
        ValueError
            If the two shapes differ.
        """
        _require_same_shape(mean, log_variance)
        if generator is None:  # torch.export knows no generators
            noise = torch.randn_like(mean)  # (N, L)
        else:
            noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)  # (N, L)
        return mean + (log_variance / 2).exp() * noise  # (N, L)

    def decode(self, z: Tensor) -> Tensor:
        """Compute, for each row of latent numbers, the logits of an item.

        Parameters
        ----------
        z : Tensor, shape (N, L)

        Returns
        -------
        Tensor, shape (N, ...)
            Log odds of each element being 1; ``sigmoid`` makes probabilities of them.

        Raises
        ------
        ValueError
            If ``z`` has not L numbers in each row.
        """
        require_items("z", z, (self.settings.latent,), "latent")
        rows: Tensor = self.decoder(z)  # (N, elements of an item)
        return torch.unflatten(rows, 1, self.settings.shape)  # (N, ...)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Encode each item, draw latent numbers once, and decode them.

        Parameters
        ----------
        x : Tensor, shape (N, ...)
        generator : torch.Generator, optional
            Source of the noise; torch's own by default.

        Returns
        -------
        logits : Tensor, shape (N, ...)
        mean, log_variance : Tensor, shape (N, L)

        Raises
        ------
        ValueError
            If the items have another shape than the settings say.
        """
        mean, log_variance = self.encode(x)  # (N, L) each
        z = self.reparameterise(mean, log_variance, generator)  # (N, L)
        return self.decode(z), mean, log_variance

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Estimate the negative evidence lower bound (ELBO), the loss to train with.

        Parameters
        ----------
        x : Tensor, shape (N, ...)
            Elements from 0 to 1.
        generator : torch.Generator, optional
            Source of the noise; torch's own by default.

        Returns
        -------
        Tensor, shape ()
            Nats an item, the mean over the batch of `reconstruction_loss` plus `kl_divergence`. For items of
            zeros and ones, its expectation over the noise is at least the negative log-likelihood.

        Raises
        ------
        ValueError
            If the items have another shape than the settings say, or elements outside of 0 to 1.

        Notes
        -----
        Equation 10 of Kingma and Welling with one sample, with the sign of a loss. An element between 0 and 1 counts
        as the probability of a 1: the loss is the mean over items of zeros and ones drawn with these probabilities,
        of which the encoder sees the probabilities.
        """
        logits, mean, log_variance = self(x, generator)  # (N, ...), (N, L), (N, L)
        return (self.reconstruction_loss(logits, x) + self.kl_divergence(mean, log_variance)).mean()  # ()

    def sample(self, items: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw latent numbers from the prior, and decode them.

        Parameters
        ----------
        items : int
            How many to draw (N), at least 0.
        generator : torch.Generator, optional
            Source of the noise; torch's own by default.

        Returns
        -------
        Tensor, shape (N, ...)
            The probability of each element being 1.

        Raises
        ------
        TypeError, ValueError
            If ``items`` is not an int of at least 0.
        """
        require_integer("items", items, least=0)
        weight = next(self.decoder.parameters())
        size = (items, self.settings.latent)
        z = torch.randn(size, generator=generator, dtype=weight.dtype, device=weight.device)  # (N, L)
        return self.decode(z).sigmoid()  # (N, ...)

    @staticmethod
    def reconstruction_loss(logits: Tensor, x: Tensor) -> Tensor:
        """Return the negative log-likelihood of each item under its decoded logits.

        Parameters
        ----------
        logits, x : Tensor, shape (N, ...)
            Elements of ``x`` from 0 to 1.

        Returns
        -------
        Tensor, shape (N,)
            Nats an item, at least 0: the negative of equation 11 of Kingma and Welling.

        Raises
        ------
        ValueError
            If an element of ``x`` lies outside of 0 to 1: the loss would have no bound.
        """
        if not ((x >= 0) & (x <= 1)).all():
            raise ValueError(
                f"x goes from {x.min():.3g} to {x.max():.3g}; expected 0 to 1. Divide it by the largest possible value."
            )
        each = F.binary_cross_entropy_with_logits(logits, x, reduction="none")  # (N, ...)
        return each.flatten(1).sum(dim=1)  # (N,)

    @staticmethod
    def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
        """Return the divergence of each item's Gaussian from the prior, a standard Gaussian.

        Parameters
        ----------
        mean, log_variance : Tensor, shape (N, L)

        Returns
        -------
        Tensor, shape (N,)
            Nats an item, at least 0.

        Raises
        ------
        ValueError
            If the two shapes differ.

        Notes
        -----
        The negative of the first term of equation 10 of Kingma and Welling; their appendix B derives it.
        """
        _require_same_shape(mean, log_variance)
        each = (mean.square() + log_variance.exp() - 1 - log_variance) / 2  # (N, L)
        return each.sum(dim=1)  # (N,)


def _require_same_shape(mean: Tensor, log_variance: Tensor) -> None:
    if mean.shape != log_variance.shape:
        raise ValueError(
            f"log_variance has shape {tuple(log_variance.shape)}; expected that of mean, {tuple(mean.shape)}."
        )
