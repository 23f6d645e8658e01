"""Logistic regression: a weighted sum of the features, read as the logit of a class.

Axes: N items, D features, K logits.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, fx, nn

from ptguide.models._checks import flatten_items, require_integer, require_settings

fx.wrap("flatten_items")  # a leaf where the model is traced


@dataclass(frozen=True)
class LogisticRegressionSettings:
    """Settings of `LogisticRegression`.

    Attributes
    ----------
    features : int
        Numbers that describe one item (D); each gets a weight for each logit.
    logits : int
        1 for a question of yes or no, trained with `torch.nn.functional.binary_cross_entropy_with_logits`; else the
        number of classes (K), trained with `torch.nn.functional.cross_entropy`.
    """

    features: int
    logits: int = 1

    def __post_init__(self) -> None:
        require_integer("features", self.features)
        require_integer("logits", self.logits)


class LogisticRegression(nn.Module):
    """Classify with weighted sums of the features, plus a bias.

    Parameters
    ----------
    settings : LogisticRegressionSettings

    Notes
    -----
    ``linear.weight`` has shape (K, D) and ``linear.bias`` shape (K,), as have ``coef_`` and ``intercept_`` of
    scikit-learn's ``LogisticRegression``, which for two classes has one logit too.

    Examples
    --------
    >>> import torch
    >>> model = LogisticRegression(LogisticRegressionSettings(features=64, logits=10))
    >>> digits = torch.ones(5, 1, 8, 8)
    >>> model(digits).shape
    torch.Size([5, 10])
    >>> torch.testing.assert_close(model.probabilities(digits).sum(dim=1), torch.ones(5))
    """

    def __init__(self, settings: LogisticRegressionSettings) -> None:
        require_settings(settings, LogisticRegressionSettings)
        super().__init__()
        self.settings = settings
        self.linear = nn.Linear(settings.features, settings.logits)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of each item.

        Parameters
        ----------
        x : Tensor, shape (N, D), or more axes with D elements an item

        Returns
        -------
        Tensor, shape (N, K)
            Log odds, in nats: zero means as likely as not. With one logit, targets of shape (N,) need a second axis.

        Raises
        ------
        ValueError
            If an item of ``x`` has not D elements.
        """
        x = flatten_items(x, self.settings.features, "features")  # (N, D)
        logits: Tensor = self.linear(x)  # (N, K)
        return logits

    def probabilities(self, x: Tensor) -> Tensor:
        """Return how likely each answer is.

        Parameters
        ----------
        x : Tensor, shape (N, D), or more axes with D elements an item

        Returns
        -------
        Tensor, shape (N, K)
            With one logit, the probability of yes; else rows that sum to 1.

        Raises
        ------
        ValueError
            If an item of ``x`` has not D elements.
        """
        logits: Tensor = self(x)  # (N, K)
        return logits.sigmoid() if self.settings.logits == 1 else logits.softmax(dim=1)  # (N, K)
