"""Train and evaluate a model: the loop of the lesson, with what a real run needs around it.

Where to begin reading: ``_fit`` holds `fit` and, at its end, the loop of the lesson; ``_loop`` what each of its lines
does; ``_checks`` and ``_first_batch`` what is refused. The rest is one idea a file, and each can be read alone.
"""

from ptguide.training._checkpoints import Checkpoints
from ptguide.training._evaluate import Evaluation, evaluate
from ptguide.training._fit import fit
from ptguide.training._history import History
from ptguide.training._weights import load_weights, save_weights

__all__ = ["Checkpoints", "Evaluation", "History", "evaluate", "fit", "load_weights", "save_weights"]
