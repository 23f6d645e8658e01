"""What stands around the lines of the lesson: settings that are off cost next to nothing."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from ptguide.training._checkpoints.state import CheckpointStore, TrainingState
from ptguide.training._checks import arguments
from ptguide.training._checks.diagnosis import bad_buffer, diagnose
from ptguide.training._checks.nonfinite import Guard
from ptguide.training._computation import Computation
from ptguide.training._evaluate import run_over
from ptguide.training._processes.distributed import Team
from ptguide.training._processes.shares import parts_of, whole_of
from ptguide.training._record.figures import Figures
from ptguide.training._record.history import VALIDATION
from ptguide.training._record.monitor import PLATEAU
from ptguide.training._record.watch import Watch
from ptguide.training._unmarked import Unmarked, parameters_of


class Validation:
    """The data that a run is measured on."""

    def __init__(self, computation: Computation, data: Any, figures: Figures) -> None:
        self._computation = computation
        self._data = data
        self._figures = figures

    def measure(self) -> dict[str, float]:
        """Return each figure, under its name in a record."""
        self._figures.reset()
        run_over(self._computation, self._data, "validation", self._figures)
        return {VALIDATION + name: value for name, value in self._figures.compute().items()}


class Loop:
    """The steps of one run.

    Attributes
    ----------
    network, forward, loss
        What a batch is computed with; see `Computation`.
    """

    def __init__(
        self,
        state: TrainingState,
        computation: Computation,
        watch: Watch,
        checkpoints: CheckpointStore | None,
        team: Team,
        *,
        accumulate: int,
        clip_norm: float | None,
        steps_schedule: bool,
        check_finite: bool,
    ) -> None:
        self.state = state
        self.network = computation.network
        # These look closely at the first batch; then the bare functions take their place.
        self.forward, self.loss = computation.first_forward(), computation.first_loss()
        self._first = True
        self._computation = computation
        self._optimizer = state.optimizer
        self._unmarked = Unmarked(state.optimizer)
        self._watch, self._checkpoints, self._team = watch, checkpoints, team
        self._accumulate = accumulate
        self._clip_norm = clip_norm
        self._steps_schedule = steps_schedule
        self._plain_step = state.scaler is None and clip_norm is None and not steps_schedule
        # Gradients of float16 overflow now and then; the scaler looks at them itself, and leaves the step out.
        guard = Guard(state.optimizer, state.device, gradients=state.scaler is None)
        self._guard = guard if check_finite else None
        # Of the current batch: itself, its samples, their share of the step, its place in the step.
        self._batch: Any = None
        self._size, self._share, self._place, self._last = 0, 1.0, 0, 0
        self._seen, self._started, self._left_out = 0, 0.0, 0

    def batches(self) -> Iterator[Any]:
        """Yield the batches of an epoch, on the device; ``accumulate`` of them make one step."""
        state, move = self.state, self._computation.move
        remember = None if self._guard is None else self._guard.remember
        incoming = state.order.epoch(state.epoch)
        self._seen, self._started = 0, time.perf_counter()
        while group := list(itertools.islice(incoming, self._accumulate)):
            if self._first:
                self._computation.check_first(whole_of(group[0]), "data")
            state.order.position += len(group)
            group, sizes, total = parts_of(group)
            samples = total / self._team.size  # the mean over processes of what each adds is the mean over samples
            self._last = len(group) - 1
            for self._place, self._size in enumerate(sizes):
                self._share = self._size / samples if samples else 1.0
                self._batch = batch = move(group[self._place])
                if remember is not None:
                    remember()
                if self._team.size == 1 or self._place == self._last:
                    yield batch
                else:
                    with self._team.without_exchange(self.network):
                        yield batch
                if self._first:
                    self._end_first()
            self._seen += total
            if self._watch.bar is not None:
                self._watch.bar.step()
            if self._checkpoints is not None and self._checkpoints.due(state.step):
                self._checkpoints.save(state.state_dict(), state.step, None)
        if not state.order.position:
            raise arguments.empty("data")

    def zero_grad(self) -> None:
        """Forget the gradients of the step before, at the first batch of a step."""
        if not self._place:
            self._unmarked.zero_grad()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a batch to those of its step, weighted by its share of the step's samples."""
        scaled = loss if self._share == 1.0 else loss * self._share
        if self.state.scaler is not None:
            scaled = self.state.scaler.scale(scaled)
        scaled.backward()  # type: ignore[no-untyped-call]
        if self._guard is not None and self._team.any(self._guard.finds(loss)):
            self._stop(loss)

    def step(self) -> None:
        """Change the weights, at the last batch of a step."""
        if self._place != self._last:
            return
        if self._plain_step:
            self._unmarked.step()
        else:
            self._careful_step()
        self.state.step += 1

    def record(self, loss: Tensor, outputs: Any, targets: Any) -> None:
        """Count the batch in the figures of the epoch."""
        if self._size or self._team.size == 1:
            self.state.figures.add(loss, outputs, targets, self._size)
        if self._watch.board is not None:
            self._watch.board.loss(loss.detach() * self._share, closes_step=self._place == self._last)

    def end_epoch(self, validation: Validation | None) -> None:
        """Measure, and take note of the epoch wherever it is wanted."""
        state = self.state
        speed = self._seen / (time.perf_counter() - self._started)
        state.epoch += 1
        state.order.end_epoch()
        if not self._steps_schedule:
            state.note_learning_rates()
        record = state.record()
        state.figures.reset()
        self._team.share_buffers(state.model)
        if validation is not None:
            record |= validation.measure()
            self._require_finite(record)
        if state.schedule is not None and not self._steps_schedule:
            followed = [record[state.monitor.name]] if isinstance(state.schedule, PLATEAU) else []
            state.schedule.step(*followed)
        state.history.append(record, speed)
        state.monitor.update(record, state.model)
        self._watch.epoch(record, speed)
        if self._checkpoints is not None:
            self._checkpoints.save(state.state_dict(), state.step, state.monitor.score(record))

    def _end_first(self) -> None:
        self._first = False
        self.forward, self.loss = self._computation.forward, self._computation.loss  # type: ignore[assignment]
        if self._guard is not None:
            self._guard.look_at_first()

    def _careful_step(self) -> None:
        """Step with whatever of scaling, clipping and a schedule was asked for."""
        state, done = self.state, True
        if state.scaler is not None:
            state.scaler.unscale_(self._optimizer)
        if self._clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters_of(self._optimizer), self._clip_norm)
        if state.scaler is None:
            self._unmarked.step()
        else:
            done = self._scaled_step(state.scaler)
        if self._steps_schedule:
            state.note_learning_rates()
            if done:
                state.schedule.step()  # type: ignore[union-attr]

    def _scaled_step(self, scaler: torch.amp.GradScaler) -> bool:
        """Step with the scaler; return False if it left the step out because gradients had overflowed."""
        before = scaler.get_scale()
        scaler.step(self._optimizer)
        scaler.update()
        done = scaler.get_scale() >= before
        self._left_out = 0 if done else self._left_out + 1
        # The scale starts at 65536 and is halved each time: below 1 the gradients themselves are at fault.
        if scaler.get_scale() < 1.0 and self._guard is not None:
            self._stop(None)
        return done

    def _require_finite(self, record: dict[str, float]) -> None:
        value = record[VALIDATION + "loss"]
        if self._guard is not None and not math.isfinite(value):
            found = bad_buffer(self.state.model)
            raise FloatingPointError(
                f"The validation loss is {value} after epoch {record['epoch']}, while the loss on the training data is "
                f"{record['loss']:.4g}. {found or 'Try: look at the validation data: torch.isfinite(inputs).all().'}"
            )

    def _stop(self, loss: Tensor | None) -> NoReturn:
        """Raise the error that tells the step, the layer and what to try."""
        state = self.state
        assert self._guard is not None
        self._guard.rewind()
        found = diagnose(self._computation, self._batch, first_step=state.step == 0, team=self._team)
        if loss is None:
            what = f"For {self._left_out} steps in a row the gradients were not finite, whatever the loss scale, up to"
        elif loss.isfinite():
            what = "The loss is finite and its gradients are not, in"
        else:
            what = f"The loss is {loss.item()} in"
        batch = state.order.position - self._last + self._place
        raise FloatingPointError(
            f"{what} step {state.step + 1} (epoch {state.epoch + 1}, batch {batch}). {found.where} "
            f"The weights are those before the step. Try: {found.advice}"
        )
