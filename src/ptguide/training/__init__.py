"""Train and evaluate a model: the loop of the lesson, with what a real run needs."""

from ptguide.training._fit import fit
from ptguide.training._history import History

__all__ = ["History", "fit"]
