"""Train and evaluate a model: the loop of the lesson, with what a real run needs around it."""

from ptguide.training._checkpoints import Checkpoints
from ptguide.training._evaluate import Evaluation, evaluate
from ptguide.training._fit import fit
from ptguide.training._history import History
from ptguide.training._weights import load_weights, save_weights

__all__ = ["Checkpoints", "Evaluation", "History", "evaluate", "fit", "load_weights", "save_weights"]
