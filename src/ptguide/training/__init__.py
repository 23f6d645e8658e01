"""Train and evaluate a model: the loop of the lesson, with what a real run needs around it.

Where to begin reading: ``_fit`` holds `fit` and, at its end, the loop of the lesson; ``_loop`` what each of its lines
does; ``_evaluate`` measures. Around them stand four rooms: ``_checks`` for what is refused and how it is said,
``_checkpoints`` for a run that is to survive, ``_processes`` for several at once, ``_record`` for what a run tells.
"""

from ptguide.training._checkpoints.checkpoints import Checkpoints
from ptguide.training._checkpoints.weights import load_weights, save_weights
from ptguide.training._evaluate import Evaluation, evaluate
from ptguide.training._fit import fit
from ptguide.training._record.history import History

__all__ = ["Checkpoints", "Evaluation", "History", "evaluate", "fit", "load_weights", "save_weights"]
