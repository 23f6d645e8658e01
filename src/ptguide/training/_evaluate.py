"""Measure how good a model is, on data that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ptguide.training._arguments import (
    check_count,
    check_data,
    check_loss_given,
    check_metrics,
    check_plain_tensors,
    check_precision,
    empty,
)
from ptguide.training._batches import Count, Forward, Loss, forward_pair
from ptguide.training._compute import Computation, evaluation_mode, place
from ptguide.training._figures import Figures, Mean
from ptguide.training._processes import join
from ptguide.training._shares import part_of, share

Measure = Callable[[Any, Any, int], None]


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes
    ----------
    samples : int
        How many samples there were.
    loss : float or None
        The mean over what the loss counts; None if no loss was given.
    metrics : dict of str to float
        Each metric under its name.
    """

    samples: int
    loss: float | None
    metrics: dict[str, float]


def evaluate(
    model: nn.Module,
    data: Any,
    loss: Loss | None = None,
    *,
    metrics: Mapping[str, Any] | None = None,
    forward: Forward = forward_pair,
    count: Count | None = None,
    precision: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Evaluation:
    """Measure a model on data: its loss, and the metrics that are asked for.

    The model computes in evaluation mode and without gradients; afterwards each of its layers has the mode that it had.
    Under `torchrun` each process calls it with the same data, computes its share, and returns what they found together.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    data : iterable of batches
        A `torch.utils.data.DataLoader`, ``ptguide.data.batches``, or a list; batches as for `fit`.
    loss : callable, optional
        As for `fit`.
    metrics : dict of str to callable, optional
        As for `fit`; `accuracy` is one.
    forward, count : callable, optional
        As for `fit`.
    precision : torch.dtype
        As for `fit`.
    device : torch.device or str, optional
        As for `fit`.

    Returns
    -------
    Evaluation

    Raises
    ------
    TypeError, ValueError
        If the data is empty or of a wrong kind, or if targets do not fit the outputs; see `fit`.

    Examples
    --------
    >>> import torch
    >>> inputs, targets = torch.tensor([[9.0, 1.0], [2.0, 3.0], [4.0, 0.0]]), torch.tensor([0, 1, 1])
    >>> data = [(inputs, targets)]
    >>> found = evaluate(torch.nn.Identity(), data, torch.nn.functional.cross_entropy, metrics={"accuracy": accuracy})
    >>> found.samples, round(found.loss, 3), round(found.metrics["accuracy"], 3)
    (3, 1.444, 0.667)
    """
    check_metrics(metrics or {})
    compute, device = _prepare(model, data, loss, forward, count, precision, device)
    team = join(device)
    figures = Figures(metrics or {}, device, team)
    mean_loss = None if loss is None else figures.mean("loss")
    samples = run_over(compute, share(data, team, device), "data", figures.measure, mean_loss)
    found = figures.compute()
    return Evaluation(samples, found.pop("loss", None), found)


def confusion(
    model: nn.Module,
    data: Any,
    classes: int,
    *,
    ignore_index: int = -100,
    forward: Forward = forward_pair,
    precision: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """Count how often each class is taken for each other. The answer is the class with the largest output.

    Parameters
    ----------
    model, data, forward, precision, device
        As for `evaluate`; outputs of shape (B, C, ...) and targets, integers of shape (B, ...).
    classes : int
        How many classes there are, C.
    ignore_index : int
        Targets of this number are not counted.

    Returns
    -------
    Tensor, int64, shape (C, C)
        Row: the true class; column: the class that the model gives. Its diagonal holds the right answers, so
        ``table.trace() / table.sum()`` is the accuracy. On the CPU. Besides it, memory for one batch is needed.

    Raises
    ------
    TypeError, ValueError
        If outputs or targets have another shape or type, or a target is no class; and as for `evaluate`.

    Examples
    --------
    >>> inputs, targets = torch.tensor([[9.0, 1.0], [2.0, 3.0], [4.0, 0.0]]), torch.tensor([0, 1, 1])
    >>> confusion(torch.nn.Identity(), [(inputs, targets)], 2).tolist()
    [[1, 0], [1, 1]]
    """
    check_count("classes", classes)
    compute, device = _prepare(model, data, None, forward, None, precision, device)
    team = join(device)
    counts = torch.zeros(classes * classes, dtype=torch.int64, device=device)

    def measure(outputs: Tensor, targets: Tensor, size: int) -> None:
        _check_classes(outputs, targets, classes)
        counted = targets != ignore_index
        truth, answers = targets[counted].long(), outputs.argmax(1)[counted]
        if len(truth) and not 0 <= truth.min() <= truth.max() < classes:
            raise ValueError(
                f"targets lie between {truth.min()} and {truth.max()}; expected 0 to {classes - 1}, as classes is "
                f"{classes}, or {ignore_index}, which is ignored."
            )
        counts.scatter_add_(0, truth * classes + answers, torch.ones_like(truth))

    run_over(compute, share(data, team, device), "data", measure)
    return team.sum(counts).reshape(classes, classes).cpu()


def accuracy(outputs: Tensor, targets: Tensor, *, ignore_index: int = -100) -> tuple[Tensor, Tensor]:
    """Count right answers: a metric for `fit` and `evaluate`, which give the fraction of the counted targets.

    Parameters
    ----------
    outputs : Tensor, shape (B, C, ...)
        A number for each class; the answer is the class with the largest.
    targets : Tensor, integers, shape (B, ...)
        The classes.
    ignore_index : int
        Targets of this number are not counted.

    Returns
    -------
    right, counted : Tensor, int64, of one element

    Examples
    --------
    >>> right, counted = accuracy(torch.tensor([[9.0, 1.0], [2.0, 3.0], [4.0, 0.0]]), torch.tensor([0, 1, -100]))
    >>> right.item(), counted.item()
    (2, 2)
    """
    _check_classes(outputs, targets, None)
    counted = targets != ignore_index
    return (counted & (outputs.argmax(1) == targets)).sum(), counted.sum()


def run_over(compute: Computation, data: Any, name: str, measure: Measure, mean_loss: Mean | None = None) -> int:
    """Go through data once, in evaluation mode and without gradients; return the number of samples.

    ``measure(outputs, targets, size)`` sees each batch of which this process has a sample.
    """
    samples = 0
    compute.look_closely()
    with torch.no_grad(), evaluation_mode(compute.model):
        for given in data:
            part = part_of(given)
            if not samples:
                compute.check_first(part.batch, name)
            samples += part.total
            with compute.autocast():
                outputs, targets = compute.forward(compute.network, compute.move(part.batch))
                loss = None if compute.loss is None else compute.loss(outputs, targets)
            if part.size:
                if mean_loss is not None and loss is not None:
                    mean_loss.add(loss, compute.count(outputs, targets, part.size), summed=compute.count.summed)
                measure(outputs, targets, part.size)
    if not samples:
        raise empty(name)
    return samples


def _prepare(
    model: nn.Module,
    data: Any,
    loss: Loss | None,
    forward: Forward,
    count: Count | None,
    precision: torch.dtype,
    device: torch.device | str | None,
) -> tuple[Computation, torch.device]:
    check_data(data, "data")
    if loss is not None:
        check_loss_given(loss)
    device = place(model, device, None, loss)
    check_precision(precision, device)
    check_plain_tensors(model, device)
    return Computation(model, loss, forward, device, precision, count=count), device


def _check_classes(outputs: Any, targets: Any, classes: int | None) -> None:
    """Require a number for each class, and targets that are classes."""
    if not isinstance(outputs, Tensor) or outputs.ndim < 2 or classes not in (None, outputs.shape[1]):
        what = f"shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else f"type {type(outputs).__name__}"
        raise ValueError(
            f"outputs have {what}; expected a tensor of shape (B, {classes or 'C'}, ...), a number for each class."
        )
    if not isinstance(targets, Tensor) or targets.is_floating_point() or targets.is_complex():
        what = str(targets.dtype) if isinstance(targets, Tensor) else f"of type {type(targets).__name__}"
        raise TypeError(f"targets are {what}; expected class numbers, a tensor of integers.")
    wanted_shape = (*outputs.shape[:1], *outputs.shape[2:])
    if targets.shape != wanted_shape:
        raise ValueError(
            f"targets have shape {tuple(targets.shape)} and outputs {tuple(outputs.shape)}; expected targets of shape "
            f"{wanted_shape}."
        )
