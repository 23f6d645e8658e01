"""Train a model: the loop of the lesson, with what a real run needs around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ptguide.training._batch import Forward, Loss, forward_pair
from ptguide.training._evaluate import measure
from ptguide.training._figures import Figures
from ptguide.training._history import History
from ptguide.training._loop import Loop
from ptguide.training._modes import training_mode
from ptguide.training._monitor import Monitor
from ptguide.training._order import DataOrder
from ptguide.training._precision import autocast, grad_scaler
from ptguide.training._state import CheckpointStore, TrainingState


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
    schedule: Any | None = None,
    schedule_every: str | None = None,
    clip_norm: float | None = None,
    accumulate: int = 1,
    precision: torch.dtype = torch.float32,
    monitor: str | None = None,
    higher_is_better: bool = False,
    patience: int | None = None,
    min_delta: float = 0.0,
    restore_best: bool = True,
    checkpoints: CheckpointStore | None = None,
) -> History:
    """Train a model."""
    device = next(model.parameters()).device
    followed = monitor or ("loss" if validation is None else "validation_loss")
    state = TrainingState(
        model,
        optimizer,
        schedule,
        grad_scaler(precision, device),
        DataOrder(data, device),
        Figures(metrics or {}),
        Monitor(
            followed,
            higher_is_better=higher_is_better,
            patience=patience,
            min_delta=min_delta,
            restore_best=restore_best,
        ),
        device,
    )
    if checkpoints is not None and (saved := checkpoints.latest()) is not None:
        state.load_state_dict(saved)
    context = autocast(precision, device)
    loop = Loop(
        state,
        model,
        loss,
        forward,
        accumulate=accumulate,
        clip_norm=clip_norm,
        schedule_every=schedule_every,
        context=context,
        checkpoints=checkpoints,
    )
    with training_mode(model):
        while state.epoch < epochs and not state.monitor.stopped:
            _train_epoch(loop)
            record = loop.end_epoch()
            if validation is not None:
                found = measure(model, model, validation, loss, Figures(metrics or {}), forward, device, context)
                record |= {f"validation_{name}": value for name, value in found.items()}
            if schedule is not None and schedule_every == "epoch":
                _step_schedule(schedule, record[followed])
            state.history.append(record, loop.samples_per_second)
            state.monitor.update(record, model)
            if checkpoints is not None:
                checkpoints.save(state.state_dict(), state.step, state.monitor.score(record))
    state.monitor.restore(model)
    return state.history


def _train_epoch(loop: Loop) -> None:
    """Go through the data once. This is the loop that the guide teaches."""
    for batch in loop.batches():
        with loop.autocast:
            outputs, targets = loop.forward(loop.network, batch)
            loss = loop.loss(outputs, targets)
        if loop.opens_step:
            loop.optimizer.zero_grad()
        loop.backward(loss)
        if loop.closes_step:
            loop.step()
        loop.record(loss, outputs, targets)


def _step_schedule(schedule: Any, figure: float) -> None:
    if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
        schedule.step(figure)
    else:
        schedule.step()
