"""The loop of the lesson, with what a real run needs in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor

from ptguide.training._arguments import PLATEAU
from ptguide.training._compute import Computation
from ptguide.training._evaluate import run_over
from ptguide.training._figures import Figures
from ptguide.training._history import VALIDATION, Monitor
from ptguide.training._nonfinite import Guard, bad_buffer, diagnose
from ptguide.training._progress import Watch
from ptguide.training._run import Run
from ptguide.training._shares import Part
from ptguide.training._step import Unmarked, clip_gradients, parameters_of


@dataclass
class Loop:
    """What the loop of `fit` works with."""

    run: Run
    compute: Computation
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler  # does nothing unless training runs in float16
    schedule: Any  # None for a constant learning rate
    schedule_every: str | None
    accumulate: int
    clip_norm: float | None
    guard: Guard | None
    monitor: Monitor
    watch: Watch
    left_out: int = 0  # steps in a row, by the scaler
    # Of the batch that is being computed, for the error that names it.
    part: Part | None = None
    batch: Any = None
    count: Tensor | float = 0.0

    def train_epoch(self) -> None:
        """Go through the data once. This is the loop that the guide teaches."""
        run, compute, scaler, guard = self.run, self.compute, self.scaler, self.guard
        # Without the profiler's marks, which take a tenth of a small step; the scaler wants the optimizer itself.
        optimizer: Any = self.optimizer if scaler.is_enabled() else Unmarked(self.optimizer)
        mean_loss = run.figures.mean("loss")
        for step in run.steps(self.accumulate):  # as many batches as make one step of the optimizer
            optimizer.zero_grad()  # forget the gradients of the step before
            for part in step:
                self.part, self.batch = part, (batch := compute.move(part.batch))
                if guard is not None:
                    guard.remember()
                run.team.exchange(compute.wrapped, wanted=part.last)  # between processes, once a step
                with compute.autocast():
                    outputs, targets = compute.forward(compute.network, batch)
                    loss = compute.loss(outputs, targets)
                # What the loss is a mean over: samples, or targets that it does not ignore. That is the batch's weight.
                self.count = count = compute.count(outputs, targets, part.size)
                weighted = step.weigh(loss, outputs, count, part, compute.count)
                # Adds to the gradients of the batches before.
                scaler.scale(weighted).backward()  # type: ignore[no-untyped-call]
                if guard is not None and run.team.any(guard.finds(weighted)):
                    self._stop(weighted)
                mean_loss.add(loss, count, summed=compute.count.summed)
                if part.size:  # where a batch has fewer samples than there are processes, some compute for nothing
                    run.figures.measure(outputs, targets, part.size)
                self.watch.batch(weighted)
            run.team.average_gradients(compute.of_loss)
            step.average(parameters_of(self.optimizer))  # the sum over batches becomes the mean over what they count
            if self.clip_norm is not None:
                scaler.unscale_(self.optimizer)
                clip_gradients(parameters_of(self.optimizer), self.clip_norm)
            scale = scaler.get_scale()
            scaler.step(optimizer)  # changes the weights, unless gradients of float16 have overflowed
            scaler.update()
            self._follow_scale(scale)
            if self.schedule_every == "step":
                self._note_learning_rates()
                if not self.left_out:
                    self.schedule.step()
            self.watch.step(step.weight)

    def end_epoch(self, validation: Validation | None) -> None:
        """Measure, and take note of the epoch wherever it is wanted."""
        run, model = self.run, self.compute.model
        if self.schedule_every != "step":
            self._note_learning_rates()
        record = run.end_epoch()
        run.team.share_buffers(model)
        if validation is not None:
            record |= validation.measure()
            self._require_finite(record)
        if self.schedule_every == "epoch":
            followed = [record[self.monitor.name]] if isinstance(self.schedule, PLATEAU) else []
            self.schedule.step(*followed)
        self.monitor.update(record, model)
        run.keep(record, self.monitor.score(record))
        self.watch.epoch(record, run.history.samples_per_second[-1])

    def _note_learning_rates(self) -> None:
        for number, group in enumerate(self.optimizer.param_groups):
            self.run.note(**{f"learning_rate_{number}" if number else "learning_rate": float(group["lr"])})

    def _follow_scale(self, before: float) -> None:
        """Count the steps in a row that were left out; stop where no scale helps."""
        after = self.scaler.get_scale()
        self.left_out = self.left_out + 1 if after < before else 0
        # The scale starts at 65536 and is halved each time: below 1 the gradients themselves are at fault.
        if after < 1.0 and self.guard is not None:
            self._stop(None)

    def _require_finite(self, record: dict[str, float]) -> None:
        value = record[VALIDATION + "loss"]
        if self.guard is not None and not math.isfinite(value):
            found = bad_buffer(self.compute.model)
            raise FloatingPointError(
                f"The validation loss is {value} after epoch {record['epoch']}, while the loss on the training data is "
                f"{record['loss']:.4g}. {found or 'Try: look at the validation data: torch.isfinite(inputs).all().'}"
            )

    def _stop(self, loss: Tensor | None) -> NoReturn:
        """Raise the error that tells the step, the layer and what to try."""
        run = self.run
        assert self.guard is not None
        assert self.part is not None
        self.guard.rewind()
        found = diagnose(self.compute, self.batch, self.count, first_step=run.step == 0, team=run.team)
        if loss is None:
            what = f"For {self.left_out} steps in a row the gradients were not finite, whatever the loss scale, up to"
        elif loss.isfinite():
            what = "The loss is finite and its gradients are not, in"
        else:
            what = f"The loss is {loss.item()} in"
        batch = run.order.position if self.part.last else run.order.position - 1  # the next one is here already
        raise FloatingPointError(
            f"{what} step {run.step + 1} (epoch {run.epoch + 1}, batch {batch}). {found.where} "
            f"The weights are those before the step. Try: {found.advice}"
        )


class Validation:
    """The data that a run is measured on."""

    def __init__(self, compute: Computation, data: Any, figures: Figures) -> None:
        self._compute = compute
        self._data = data
        self._figures = figures

    def measure(self) -> dict[str, float]:
        """Return each figure, under its name in a record."""
        self._figures.reset()
        run_over(self._compute, self._data, "validation", self._figures.measure, self._figures.mean("loss"))
        return {VALIDATION + name: value for name, value in self._figures.compute().items()}
