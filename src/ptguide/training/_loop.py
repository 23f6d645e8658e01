"""What stands around the lines of the lesson: settings that are off cost next to nothing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from ptguide.training._batch import Forward, Loss, batch_size, mover
from ptguide.training._precision import autocast
from ptguide.training._state import CheckpointStore, TrainingState


class Loop:
    """The steps of one run, for `fit`."""

    def __init__(
        self,
        state: TrainingState,
        network: Any,
        loss: Loss,
        forward: Forward,
        *,
        accumulate: int,
        clip_norm: float | None,
        schedule_every: str | None,
        context: Any,
        checkpoints: CheckpointStore | None,
    ) -> None:
        self.state = state
        self.network = network
        self.optimizer = state.optimizer
        self.loss = loss
        self.forward = forward
        self.autocast = context
        self.opens_step = self.closes_step = True
        self._size, self._share = 0, 1.0
        self._accumulate = accumulate
        self._clip_norm = clip_norm
        self._steps_schedule = schedule_every == "step"
        self._checkpoints = checkpoints
        self._move = mover(state.device)
        self._parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
        self._seen, self._started = 0, 0.0
        self._learning_rates = self._read_learning_rates()

    def batches(self) -> Iterator[Any]:
        """Yield the batches of an epoch, on the device; `accumulate` of them make one step."""
        incoming = self.state.order.batches(self.state.epoch)
        self._seen, self._started = 0, time.perf_counter()
        while group := list(itertools.islice(incoming, self._accumulate)):
            sizes = [batch_size(batch) for batch in group]
            samples = sum(sizes)
            for number, batch in enumerate(group):
                self._size, self._share = sizes[number], sizes[number] / samples
                self.opens_step, self.closes_step = number == 0, number == len(group) - 1
                yield self._move(batch)
            self._seen += samples
            self._after_step()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a batch to those of its step, as large as its share of the step's samples."""
        if self._share != 1.0:
            loss = loss * self._share
        if self.state.scaler is not None:
            loss = self.state.scaler.scale(loss)
        loss.backward()  # type: ignore[no-untyped-call]

    def step(self) -> None:
        """Change the weights, and the learning rate where it has a schedule per step."""
        scaler = self.state.scaler
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        if self._clip_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)
        if scaler is None:
            self.optimizer.step()
        else:
            scaler.step(self.optimizer)
            scaler.update()
        self.state.step += 1
        if self._steps_schedule:
            self._learning_rates = self._read_learning_rates()
            self.state.schedule.step()  # type: ignore[union-attr]

    def record(self, loss: Tensor, outputs: Any, targets: Any) -> None:
        """Count the batch in the figures of the epoch."""
        self.state.figures.add(loss, outputs, targets, self._size)

    def _after_step(self) -> None:
        if self._checkpoints is not None and self._checkpoints.due(self.state.step):
            self._checkpoints.save(self.state.state_dict(), self.state.step, None)

    def _read_learning_rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def end_epoch(self) -> dict[str, float]:
        """Return the record of the epoch that the last batch has ended, and make ready for the next."""
        state = self.state
        self.samples_per_second = self._seen / (time.perf_counter() - self._started)
        state.epoch += 1
        state.order.end_epoch()
        rates = self._learning_rates if self._steps_schedule else self._read_learning_rates()
        record = {"epoch": state.epoch, "step": state.step, "learning_rate": rates[0], **state.figures.compute()}
        state.figures.reset()
        return record


__all__ = ["Loop", "autocast"]
