"""Measure how good a model is, on data that it does not learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ptguide.training._batch import Forward, Loss, forward_pair
from ptguide.training._checks import arguments
from ptguide.training._computation import Computation
from ptguide.training._modes import evaluation_mode
from ptguide.training._place import place
from ptguide.training._processes.distributed import Team, join
from ptguide.training._processes.shares import part_of, share
from ptguide.training._record.figures import Figures

LEFT_OUT = -100  # the class number that torch's cross-entropy ignores


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found.

    Attributes
    ----------
    samples : int
        How many samples there were.
    loss : float or None
        The mean over the samples; None if no loss was given.
    accuracy : float or None
        The fraction of right answers, between 0 and 1; None if this is no classification.
    metrics : dict of str to float
        Each metric under its name.
    confusion : Tensor, int64, shape (C, C), or None
        Row: the true class; column: the class that the model gives. Each entry counts samples. On the CPU.
    """

    samples: int
    loss: float | None
    accuracy: float | None
    metrics: dict[str, float]
    confusion: Tensor | None = field(repr=False)


def evaluate(
    model: nn.Module,
    data: Any,
    loss: Loss | None = None,
    *,
    metrics: Mapping[str, Any] | None = None,
    forward: Forward = forward_pair,
    precision: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Evaluation:
    """Measure a model on data: its loss, and for a classifier its accuracy and confusion matrix.

    The model computes in evaluation mode and without gradients; afterwards each of its layers has the mode that it had.
    Under `torchrun` every process calls it with the same data, computes its share, and returns what all have found.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    data : iterable of batches
        A `torch.utils.data.DataLoader`, ``ptguide.data.batches``, or a list; batches as for `fit`.
    loss : callable, optional
        As for `fit`.
    metrics : dict of str to callable, optional
        As for `fit`.
    forward : callable, optional
        As for `fit`.
    precision : torch.dtype
        As for `fit`.
    device : torch.device or str, optional
        As for `fit`.

    Returns
    -------
    Evaluation
        It counts as classification if the targets are integers of shape (B, ...) and the outputs floating-point numbers
        of shape (B, C, ...): the answer is the class with the largest output. Targets of -100, which cross-entropy
        ignores, are not counted.

    Raises
    ------
    TypeError, ValueError
        If the data is empty or of a wrong kind, or if targets do not fit the outputs; see `fit`.

    Examples
    --------
    >>> import torch
    >>> inputs, targets = torch.tensor([[9.0, 1.0], [2.0, 3.0], [4.0, 0.0]]), torch.tensor([0, 1, 1])
    >>> found = evaluate(torch.nn.Identity(), [(inputs, targets)], torch.nn.functional.cross_entropy)
    >>> round(found.accuracy, 3)
    0.667
    >>> found.confusion.tolist()  # row: true class, column: answer
    [[1, 0], [1, 1]]
    """
    arguments.check_data(data, "data")
    arguments.check_metrics(metrics or {})
    device = place(model, device)
    arguments.check_precision(precision, device)
    arguments.check_plain_tensors(model, device)
    team = join(device)
    computation = Computation(model, loss, forward, device, precision)
    figures, confusion = Figures(metrics or {}, device, team), Confusion()
    samples = run_over(computation, share(data, team, device), "data", figures, confusion)
    confusion.add_up(team)
    found = figures.compute()
    return Evaluation(
        samples=samples,
        loss=found.pop("loss") if loss is not None else None,
        accuracy=confusion.accuracy(),
        metrics={name: found[name] for name in metrics or {}},
        confusion=None if confusion.counts is None else confusion.counts.cpu(),
    )


def run_over(
    computation: Computation, data: Any, name: str, figures: Figures, confusion: Confusion | None = None
) -> int:
    """Go through data once, in evaluation mode and without gradients; return the number of samples."""
    samples = 0
    forward = computation.first_forward()
    loss = None if computation.loss is None else computation.first_loss()
    with torch.no_grad(), evaluation_mode(computation.model):
        for given in data:
            batch, size, total = part_of(given)
            if not samples:
                computation.check_first(batch, name)
            outputs, targets = forward(computation.network, computation.move(batch))
            value = loss(outputs, targets) if loss is not None else None
            samples += total
            if size:
                figures.add(value, outputs, targets, size)
            if size and confusion is not None:
                confusion.add(outputs, targets)
            forward, loss = computation.forward, computation.loss
    if not samples:
        raise arguments.empty(name)
    return samples


class Confusion:
    """Count how often each class is taken for each other.

    Attributes
    ----------
    counts : Tensor, int64, shape (C, C), or None
        None as long as nothing was classified.
    """

    def __init__(self) -> None:
        self.counts: Tensor | None = None

    def add(self, outputs: Any, targets: Any) -> None:
        """Count a batch, if it is one of a classification."""
        if not _classifies(outputs, targets):
            return
        classes = outputs.shape[1]
        counted = targets != LEFT_OUT
        truth, answers = targets[counted].long(), outputs.argmax(1)[counted]
        if len(truth) and not 0 <= truth.min() <= truth.max() < classes:
            raise ValueError(
                f"targets lie between {truth.min()} and {truth.max()}; outputs have {classes} classes, so 0 to "
                f"{classes - 1} are expected."
            )
        counts = torch.bincount(truth * classes + answers, minlength=classes * classes).reshape(classes, classes)
        self.counts = counts if self.counts is None else self.counts + counts

    def add_up(self, team: Team) -> None:
        """Count what the other processes counted, too."""
        if team.size > 1 and (classes := max(team.gather(0 if self.counts is None else len(self.counts)))):
            counts = torch.zeros(classes, classes, dtype=torch.int64) if self.counts is None else self.counts
            self.counts = team.sum(counts)

    def accuracy(self) -> float | None:
        """Return the fraction on the diagonal; NaN if no target was counted, None if nothing was classified."""
        if self.counts is None:
            return None
        total = int(self.counts.sum())
        return int(self.counts.trace()) / total if total else float("nan")


def _classifies(outputs: Any, targets: Any) -> bool:
    """Return whether targets are class numbers, and outputs a number for each class."""
    if not (isinstance(outputs, Tensor) and isinstance(targets, Tensor) and outputs.ndim >= 2):
        return False
    integers = not (targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool)
    return integers and outputs.is_floating_point() and targets.shape == (outputs.shape[0], *outputs.shape[2:])
