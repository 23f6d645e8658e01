"""What a person sees while a model is trained: a progress bar, and TensorBoard's curves."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ptguide._optional import require
from ptguide.training._history import COUNTERS, VALIDATION
from ptguide.training._run import Run

SECONDS_BETWEEN = 0.2  # two looks at the running loss, for which an accelerator has to finish


class Watch:
    """A progress bar and a TensorBoard writer, each where it is wanted."""

    def __init__(
        self,
        run: Run,
        progress: bool | None,
        tensorboard: str | Path | None,
        epochs: int,
        steps: int | None,
    ) -> None:
        shown = sys.stderr.isatty() if progress is None else progress
        self.bar = Bar(run, epochs, steps) if shown else None
        self.board = None if tensorboard is None else Board(tensorboard, run)

    def batch(self, weighted: Tensor) -> None:
        """Take the loss of a batch, weighted with what it counts in its step."""
        if self.board is not None:
            self.board.batch(weighted)

    def step(self, weight: float) -> None:
        """Show a step that is done; its batches weigh so much together."""
        if self.bar is not None:
            self.bar.step()
        if self.board is not None:
            self.board.step(weight)

    def epoch(self, record: dict[str, float], samples_per_second: float) -> None:
        """Show the figures of an epoch that has ended."""
        if self.bar is not None:
            self.bar.epoch(record)
        if self.board is not None:
            self.board.epoch(record, samples_per_second)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *error: object) -> None:
        for part in (self.bar, self.board):
            if part is not None:
                part.close()


class Bar:
    """A bar of tqdm that counts steps and names the figures that people watch."""

    def __init__(self, run: Run, epochs: int, steps: int | None) -> None:
        self._run = run
        self._epochs = epochs
        total = None if steps is None else steps * epochs
        self._bar = require("tqdm", "the progress bar", extra="training").tqdm(
            total=total, initial=run.step, unit="step", dynamic_ncols=True
        )
        self._last: dict[str, float] = {}
        self._next = 0.0

    def step(self) -> None:
        """Show the running loss, a few times a second."""
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + SECONDS_BETWEEN
            self._show(
                {**self._last, "loss": self._run.figures.mean("loss").compute()},
                self._run.epoch + 1,
                self._run.step + 1,
            )

    def epoch(self, record: dict[str, float]) -> None:
        """Show the figures of an epoch that has ended."""
        self._last = {name: value for name, value in record.items() if name not in COUNTERS}
        self._show(self._last, self._run.epoch, self._run.step)

    def _show(self, figures: dict[str, float], epoch: int, step: int) -> None:
        self._bar.set_description(f"epoch {epoch}/{self._epochs}", refresh=False)
        self._bar.set_postfix_str(", ".join(f"{name}={value:.4g}" for name, value in figures.items()), refresh=False)
        self._bar.update(step - self._bar.n)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


class Board:
    """TensorBoard's curves: the loss of every step, and the figures of every epoch, all against the step."""

    def __init__(self, folder: str | Path, run: Run) -> None:
        require("tensorboard", "tensorboard=", extra="training")
        from torch.utils.tensorboard import SummaryWriter  # only now: it imports tensorboard

        # What was written after the checkpoint from which a run goes on would be drawn twice.
        purge = run.step + 1 if run.step else None
        self._writer: Any = SummaryWriter(str(folder), purge_step=purge)
        self._run = run
        self._losses: list[Tensor] = []

    def batch(self, weighted: Tensor) -> None:
        """Take what a batch adds to the loss of its step."""
        self._losses.append(weighted.detach())

    def step(self, weight: float) -> None:
        """Write the loss of a step."""
        loss = torch.stack(self._losses).sum() / (weight or 1.0)
        self._writer.add_scalar("loss/step", loss, self._run.step + 1)
        self._losses.clear()

    def epoch(self, record: dict[str, float], samples_per_second: float) -> None:
        """Write the figures of an epoch; those of training and validation stand side by side."""
        for name, value in {**record, "samples_per_second": samples_per_second}.items():
            if name in COUNTERS:
                continue
            figure = name.removeprefix(VALIDATION)
            part = (
                "/validation"
                if name != figure
                else "/training"
                if name == "loss" or VALIDATION + name in record
                else ""
            )
            self._writer.add_scalar(figure + part, value, self._run.step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
