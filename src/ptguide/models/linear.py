"""Linear regression: one weighted sum of the features for each output.

Axes: N items, D features, K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, fx, nn

from ptguide.models._checks import flatten_items, require_integer, require_settings

fx.wrap("flatten_items")  # a leaf where the model is traced


@dataclass(frozen=True)
class LinearRegressionSettings:
    """Settings of `LinearRegression`.

    Attributes
    ----------
    features : int
        Numbers that describe one item (D); each gets a weight for each output.
    outputs : int
        Numbers to predict for one item (K); 1 for a single quantity.
    """

    features: int
    outputs: int = 1

    def __post_init__(self) -> None:
        require_integer("features", self.features)
        require_integer("outputs", self.outputs)


class LinearRegression(nn.Module):
    """Predict numbers as weighted sums of the features, plus a bias.

    Parameters
    ----------
    settings : LinearRegressionSettings

    Notes
    -----
    ``linear.weight`` has shape (K, D) and ``linear.bias`` shape (K,), as have ``coef_`` and ``intercept_`` of
    scikit-learn's ``LinearRegression`` fitted to targets of shape (N, K).

    Examples
    --------
    >>> import torch
    >>> model = LinearRegression(LinearRegressionSettings(features=3))
    >>> model(torch.ones(5, 3)).shape
    torch.Size([5, 1])
    """

    def __init__(self, settings: LinearRegressionSettings) -> None:
        require_settings(settings, LinearRegressionSettings)
        super().__init__()
        self.settings = settings
        self.linear = nn.Linear(settings.features, settings.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Predict the outputs of each item.

        Parameters
        ----------
        x : Tensor, shape (N, D), or more axes with D elements an item

        Returns
        -------
        Tensor, shape (N, K)
            In the unit of the targets. Targets of shape (N,) need a second axis before they are compared with it: a
            difference of a column and (N,) has shape (N, N).

        Raises
        ------
        ValueError
            If an item of ``x`` has not D elements.
        """
        x = flatten_items(x, self.settings.features, "features")  # (N, D)
        prediction: Tensor = self.linear(x)  # (N, K)
        return prediction
