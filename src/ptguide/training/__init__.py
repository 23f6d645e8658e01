"""Train and evaluate models: the loop of the lesson, with what a real run needs around it.

Begin with ``_loop``: there stands the whole loop, with accumulation, clipping, mixed precision and schedule, and it
says openly where gradients are forgotten, where the weights change, and how much a batch counts. What it uses:

- `Run` is the bag of state: named parts that have ``state_dict`` and ``load_state_dict`` (models, optimizers,
  schedules, averages of weights), the place in the data, the figures of the epoch, and the settings that a run which
  goes on has to share. It yields steps; a step yields its batches one at a time. `fit` is one user of it, a loop with
  several models, such as that of a GAN, another.
- What a batch *counts* is what its loss is a mean over: samples, or targets that are not ignored, or class weights.
  The same number averages the history, weighs the batches of one step, and puts processes together.
- `evaluate` measures what it is asked for, `confusion` counts answers; neither guesses from shapes.

Imports go down this list and not up (the import linter holds them to it):

``_fit``, ``_loop``
    the call with its checks, and the loop
``_progress``, ``_evaluate``, ``_diagnosis``
    what a run shows, measures, and says of a NaN
``_run``, ``_guard``, ``_unmarked``
    the bag of state; what notices a NaN; an optimizer without the profiler's marks
``_compute``, ``_step``, ``_checkpoints``, ``_stores``, ``_weights``
    how a batch becomes a loss; the batches of a step; what is saved, by one process and by several
``_figures``, ``_settings``, ``_shares``, ``_sharding``
    means; settings that are compared; data and models divided among processes
``_arguments``, ``_files``, ``_losses``, ``_order``, ``_processes``, ``_batches``, ``_history``
    what is refused; files; what is known of losses; the place in the data; processes; batches; records
"""

from ptguide.training._checkpoints import Checkpoints
from ptguide.training._evaluate import Evaluation, accuracy, confusion, evaluate
from ptguide.training._files import load_weights, save_weights
from ptguide.training._fit import fit
from ptguide.training._history import History
from ptguide.training._run import Run

__all__ = [
    "Checkpoints",
    "Evaluation",
    "History",
    "Run",
    "accuracy",
    "confusion",
    "evaluate",
    "fit",
    "load_weights",
    "save_weights",
]
