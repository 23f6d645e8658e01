"""Reference models: each in one file, small enough to read, and equal to its original weight for weight."""

from ptguide.models.linear import LinearRegression, LinearRegressionSettings
from ptguide.models.logistic import LogisticRegression, LogisticRegressionSettings

__all__ = [
    "LinearRegression",
    "LinearRegressionSettings",
    "LogisticRegression",
    "LogisticRegressionSettings",
]
