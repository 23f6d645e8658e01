"""Train a model: the loop of the lesson, with what a real run needs around it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ptguide.training import _arguments as arguments
from ptguide.training._batches import Count, Forward, Loss, forward_pair
from ptguide.training._compute import Computation, place, training_mode
from ptguide.training._figures import Figures
from ptguide.training._history import History, Monitor, kept_after_errors
from ptguide.training._loop import Loop, Validation
from ptguide.training._nonfinite import Guard
from ptguide.training._processes import join, shard_model
from ptguide.training._progress import Watch
from ptguide.training._run import Run
from ptguide.training._settings import choose_figure, describe
from ptguide.training._shares import CheckpointStore, share


def fit(
    model: nn.Module,
    data: Any,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int = 1,
    validation: Any | None = None,
    metrics: Mapping[str, Any] | None = None,
    forward: Forward = forward_pair,
    count: Count | None = None,
    schedule: Any | None = None,
    schedule_every: str | None = None,
    clip_norm: float | None = None,
    accumulate: int = 1,
    precision: torch.dtype = torch.float32,
    compile: bool = False,
    device: torch.device | str | None = None,
    monitor: str | None = None,
    higher_is_better: bool | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    restore_best: bool = True,
    check_finite: bool = True,
    progress: bool | None = None,
    tensorboard: str | Path | None = None,
    checkpoints: CheckpointStore | None = None,
    parts: Mapping[str, Any] | None = None,
    shard: bool | type[nn.Module] = False,
) -> History:
    """Train a model, and return what happened in each epoch.

    The weights are those that the loop by hand gives, bit for bit: batch, forward, loss, ``zero_grad``, ``backward``,
    ``step``. The model is changed in place.

    Parameters
    ----------
    model : torch.nn.Module
        The model. It is trained in training mode; layers that were put into evaluation mode one by one (a frozen batch
        norm) keep it. Afterwards every layer has the mode that it had before.
    data : iterable of batches
        A `torch.utils.data.DataLoader`, ``ptguide.data.batches`` or a list, gone through once an epoch. A batch is a
        pair ``(inputs, targets)`` of tensors whose first axis counts the samples; see `forward` for other batches.
    loss : callable
        ``loss(outputs, targets)`` returns one number, the mean over the batch: `torch.nn.functional.cross_entropy`,
        ``torch.nn.MSELoss()``, or your own function. A loss of torch with ``reduction="sum"`` is known as a sum.
    optimizer : torch.optim.Optimizer
        Made from the parameters of this model, and of the loss if it has any, on whatever device they were.
    epochs : int
        How often to go through the data.
    validation : iterable of batches, optional
        Data that is measured after each epoch, in evaluation mode and without gradients.
    metrics : dict of str to callable, optional
        Further figures. A function of ``(outputs, targets)`` returns the mean over a batch, and its mean over all
        samples is recorded; or it returns a pair (sum, count), as `accuracy` does, and the sum of the sums divided by
        that of the counts is recorded. A metric of torchmetrics counts by itself (a copy of it does).
    forward : callable, optional
        ``forward(model, batch)`` returns ``(outputs, targets)``, which `loss` and `metrics` receive. By default
        ``inputs, targets = batch`` and ``outputs = model(inputs)``. An autoencoder passes
        ``lambda model, batch: (model(batch), batch)``, a language model ``lambda model, batch: (model(batch[:, :-1]),
        batch[:, 1:])``. Call the model that is passed in, which may be the compiled one.
    count : callable, optional
        ``count(outputs, targets)`` returns what the loss of a batch is a mean over, as a number: by it, batches are
        averaged, accumulated, and put together from several processes. By default the samples; for cross_entropy and
        nll_loss of torch the targets (tokens, pixels) that they do not ignore, weighted with their classes.
    schedule : torch.optim.lr_scheduler.LRScheduler, optional
        Changes the learning rate, after each step or each epoch.
    schedule_every : {"step", "epoch"}
        How often; it must be said with a `schedule`, because none tells by itself. ReduceLROnPlateau follows `monitor`.
    clip_norm : float, optional
        The gradients of all parameters together are scaled down to this norm where they exceed it.
    accumulate : int
        How many batches make one step. The gradient is that of the mean over all that they count, also where the
        batches differ in size and where an epoch ends with fewer of them. Three batches are in memory at most.
    precision : torch.dtype
        ``torch.float32``; ``torch.bfloat16``, on CPU and GPU; or ``torch.float16``, on a GPU, with the loss scaled
        so that small gradients survive. Weights and their updates stay in float32 (mixed precision).
    compile : bool
        Whether to compile the model with `torch.compile`.
    device : torch.device or str, optional
        Where to train: the model, the loss's own tensors and what the optimizer has gathered are moved there, and
        the model stays there. By default where the model is. Batches on the CPU are moved one by one.
    monitor : str, optional
        The figure of the record that `patience`, ReduceLROnPlateau and checkpoints follow; by default
        ``"validation_loss"``, or ``"loss"`` without validation data.
    higher_is_better : bool, optional
        The direction of that figure; known for a loss and for most metrics of torchmetrics.
    patience : int, optional
        Stop early, after so many epochs in a row without an improvement.
    min_delta : float
        What counts as an improvement: more than this.
    restore_best : bool
        With `patience`: whether the model has the weights of its best epoch in the end, or those of its last.
    check_finite : bool
        Whether NaN or infinity, in the loss or a gradient, ends the training with an error that names the step, the
        layer and what to try, before the weights are lost. On an accelerator this waits for it at every batch.
    progress : bool, optional
        Whether to show a progress bar; by default where the standard error output is a terminal.
    tensorboard : str or Path, optional
        A folder for TensorBoard's curves: the loss of each step, and each figure at the end of each epoch.
    checkpoints : Checkpoints, optional
        Where to save the state of the training; a run that finds a saved one goes on from it, to the same weights as if
        it had never stopped. The settings have to be those that it was saved with, but for `epochs`.
    parts : dict of str to object, optional
        What else is to be saved and loaded with the run, such as an average of weights: anything with ``state_dict``
        and ``load_state_dict``.
    shard : bool or class of layers
        Under `torchrun`: whether each process holds only its part of the parameters, the gradients and the optimizer's
        state (FSDP2), for models that do not fit on one device. A class such as ``torch.nn.TransformerEncoderLayer``
        has the parameters of each of its layers brought together on their own; with True, all of them at once. The
        model stays divided afterwards. By default each process holds the whole model (DDP).

    Returns
    -------
    History
        A record for each epoch.

    Raises
    ------
    ValueError, TypeError
        Before the first step: if the model has no trainable parameter, the optimizer lacks some and holds others, the
        data is empty, the loss does not require grad, targets do not fit the outputs, tensors are on two devices,
        settings do not go together, or a checkpoint was saved with others. The message names what came and what was
        expected.
    FloatingPointError
        If the loss or a gradient is NaN or infinite.
    ImportError
        If a setting needs a package that is not installed.

    Notes
    -----
    Random numbers (dropout, the order of a DataLoader) are drawn as in the loop by hand. A metric on the training data
    is measured as the batches go by, with dropout and on weights that still change; on the validation data at the end.
    When training ends early, by Ctrl-C or an error, the exception has the epochs so far as its attribute ``history``.

    Examples
    --------
    >>> import torch
    >>> torch.manual_seed(0)  # doctest: +ELLIPSIS
    <...>
    >>> inputs = torch.rand(64, 1)
    >>> targets = 3 * inputs + 1
    >>> model = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    >>> batches = list(zip(inputs.split(16), targets.split(16)))
    >>> history = fit(model, batches, torch.nn.functional.mse_loss, optimizer, epochs=100)
    >>> len(history), history[-1]["step"], history[-1]["loss"] < 1e-4
    (100, 400, True)
    >>> round(model.weight.item(), 2), round(model.bias.item(), 2)
    (3.0, 1.0)
    """
    # not looked up: torch.bfloat16 — _compute.py has the precisions
    # not looked up: lambda model, batch: (model(batch[:, :-1]), batch[:, 1:]) — tests/unit/test_fit.py trains with this
    metrics = metrics or {}
    arguments.check_numbers(epochs, accumulate, clip_norm, patience)
    arguments.check_call(model, data, validation, loss, metrics)
    plans: dict[str, Any] = {"patience": patience, "schedule": schedule}
    there = {"has_validation": validation is not None, "has_checkpoints": checkpoints is not None}
    monitored = choose_figure(monitor, higher_is_better, min_delta, metrics, **plans, **there)
    device = place(model, device, optimizer, loss)
    arguments.check_placed(model, loss, optimizer, precision, device)
    settings = {
        **describe(loss, optimizer, schedule, schedule_every),
        "clip_norm": clip_norm,
        "accumulate": accumulate,
        "precision": str(precision),
        "metrics": sorted(metrics),
        "monitor": dict(zip(("figure", "higher_is_better"), monitored, strict=True)),
        "patience": {"epochs": patience, "min_delta": min_delta, "restore_best": restore_best},
    }
    team = join(device)
    if shard:
        shard_model(model, optimizer, shard, team, device, precision)
    compute = Computation(model, loss, forward, device, precision, count=count, team=team, compile=compile)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
    follower = Monitor(*monitored, patience, min_delta, restore_best=restore_best)
    named = _named_parts(parts or {}, model, loss, optimizer, schedule, scaler, follower)
    run = Run(named, data, checkpoints=checkpoints, settings=settings, metrics=metrics, device=device)
    run.check = compute.check_first
    steps = arguments.steps_in_epoch(data, accumulate)
    steps_left = None if steps is None else steps * epochs - run.step
    arguments.check_schedule(schedule, schedule_every, optimizer, step=steps_left, epoch=epochs - run.epoch)
    guard = Guard(optimizer, device, gradients=not scaler.is_enabled()) if check_finite else None
    watch = Watch(run, *((progress, tensorboard) if team.leads else (False, None)), epochs, steps)
    loop = Loop(
        run, compute, optimizer, scaler, schedule, schedule_every, accumulate, clip_norm, guard, follower, watch
    )
    measured = None
    if validation is not None:
        measured = Validation(compute, share(validation, team, device), Figures(metrics, device, team))
    with training_mode(model), watch, contextlib.closing(run), kept_after_errors(run.history):
        while run.epoch < epochs and not follower.stopped:
            loop.train_epoch()
            loop.end_epoch(measured)
    follower.restore(model)
    return run.history


def _named_parts(parts: Mapping[str, Any], model: nn.Module, loss: Any, *others: Any) -> dict[str, Any]:
    """Return what changes in a run, under the names that it has in a checkpoint."""
    optimizer, schedule, scaler, monitor = others
    found = {
        "model": model,
        "loss": loss if isinstance(loss, nn.Module) and loss.state_dict() else None,
        "optimizer": optimizer,
        "schedule": schedule,
        "scaler": scaler if scaler.is_enabled() else None,
        "monitor": monitor,
    }
    if taken := sorted(found.keys() & parts.keys()):
        raise ValueError(f"parts has the name {taken[0]!r}, under which fit keeps its own; expected another.")
    return {**{name: part for name, part in found.items() if part is not None}, **parts}
