"""Train and evaluate a model: the loop of the lesson, with what a real run needs around it."""

from ptguide.training._checkpoints import Checkpoints
from ptguide.training._evaluate import Evaluation, evaluate
from ptguide.training._fit import fit
from ptguide.training._history import History

__all__ = ["Checkpoints", "Evaluation", "History", "evaluate", "fit"]
