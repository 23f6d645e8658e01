"""What a run is made of, in one place: its parts, the place in its data, its figures; saved, and gone on with."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ptguide.training._arguments import check_data, check_metrics, empty
from ptguide.training._batches import mover
from ptguide.training._compute import check_batch
from ptguide.training._figures import Figures
from ptguide.training._history import History
from ptguide.training._order import END, DataOrder, rng_state, set_rng_state
from ptguide.training._processes import join
from ptguide.training._settings import check_same, describe_data
from ptguide.training._shares import CheckpointStore, Part, TeamStore, part_of, share
from ptguide.training._step import Step

FORMAT = 2  # of the dictionary that state_dict returns
OWN = ("format", "settings", "epoch", "step", "notes", "rng", "data", "figures", "history", "others")


class Run:
    """A training run: named parts that change, the place in the data, what was measured; saved as one.

    `fit` is written with it, and so is a loop of your own, with as many models and optimizers as it needs. Where
    ``checkpoints`` holds a saved run, making a `Run` goes on from it: so make it last, directly before its loop.

    Parameters
    ----------
    parts : dict of str to object
        What changes while the loop runs: models, optimizers, schedules, averages of weights, anything of your own that
        has ``state_dict`` and ``load_state_dict``.
    data : iterable of batches
        As for `fit`. The place in it is part of the state.
    checkpoints : Checkpoints, optional
        Where to save; `Checkpoints.every` counts steps.
    settings : dict, optional
        Plain values (numbers, strings, dictionaries of them) that a run that goes on must have as well.
    metrics : dict of str to callable, optional
        As for `fit`; they see what ``figures.measure`` is given.
    device : torch.device or str, optional
        Where the batches are wanted; by default the device of the first model among the parts.

    Attributes
    ----------
    epoch, step : int
        Epochs and steps that are done.
    history : History
        A record for each epoch.
    figures : Figures
        The means of the epoch that is under way.

    Raises
    ------
    TypeError, ValueError
        If a part cannot be saved or has a name that the run needs, the data is of a wrong kind, or the checkpoint is
        of a run with other parts or settings; the message names each that differs.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> run = Run({"model": model, "optimizer": optimizer}, [torch.ones(4, 1)] * 3)
    >>> for epoch in run.epochs(2):
    ...     for batch in run.batches():
    ...         loss = ((model(batch) - 2) ** 2).mean()
    ...         optimizer.zero_grad()
    ...         loss.backward()
    ...         optimizer.step()
    ...         run.record(len(batch), loss=loss)
    >>> run.history["step"], run.history[1]["loss"] < run.history[0]["loss"]
    ([3, 6], True)
    """

    def __init__(
        self,
        parts: Mapping[str, Any],
        data: Any,
        *,
        checkpoints: CheckpointStore | None = None,
        settings: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        _check_parts(parts)
        check_data(data, "data")
        check_metrics(metrics or {})
        self.parts = dict(parts)
        self.device = _device_of(parts) if device is None else torch.device(device)
        self.team = join(self.device)
        self.settings = {"data": describe_data(data, self.team.size), **(settings or {})}
        self.order = DataOrder(share(data, self.team, self.device), self.device)
        self.figures = Figures(metrics or {}, self.device, self.team)
        self.history = History()
        self.notes: dict[str, float] = {}
        self.epoch = self.step = 0
        self._seen, self._started = 0, 0.0
        # What looks at the first batch of all; then nothing does.
        self.check: Any = functools.partial(check_batch, takes_pairs=False, device=self.device)
        self.store = None if checkpoints is None else TeamStore(checkpoints, self.team, self.parts)
        if self.store is not None and (saved := self.store.latest()) is not None:
            self.load_state_dict(saved)

    def epochs(self, number: int) -> Iterator[int]:
        """Yield the number of each epoch that is still to be done, from 1; after it, its record is kept."""
        while self.epoch < number:
            yield self.epoch + 1
            self.keep(self.end_epoch())
        self.close()

    def batches(self) -> Iterator[Any]:
        """Yield the batches of the epoch, on the device; each makes a step."""
        move = mover(self.device)
        for step in self.steps():
            for part in step:
                yield move(part.batch)

    def steps(self, accumulate: int = 1) -> Iterator[Step]:
        """Yield the steps of the epoch, each with its batches; after it, a checkpoint is saved where one is due."""
        order, store = self.order, self.store
        order.begin(self.epoch)
        self._seen, self._started = 0, time.perf_counter()
        while (batch := order.take()) is not END:
            if self.check is not None:
                self.check(batch.batch if isinstance(batch, Part) else batch, "data")
                self.check = None
            step = Step(part_of(batch), order, accumulate, self.team)
            del batch  # the step holds it as long as it is needed
            yield step
            self.step += 1
            self._seen += step.samples
            if store is not None and store.due(self.step):
                store.save(self.state_dict(), self.step, None)
        if not order.position:
            raise empty("data")

    def record(self, count: float, **values: Tensor | float) -> None:
        """Add figures of a batch to the means of the epoch: each is the mean over ``count`` samples."""
        for name, value in values.items():
            self.figures.mean(name).add(value, count)

    def note(self, **values: float) -> None:
        """Keep figures that are no means: of each, the record of the epoch has the last value."""
        self.notes.update(values)

    def end_epoch(self) -> dict[str, float]:
        """Count the epoch as done, and return its record."""
        self._speed = self._seen / (time.perf_counter() - self._started)
        self.epoch += 1
        self.order.end_epoch()
        record = {"epoch": self.epoch, "step": self.step, **self.notes, **self.figures.compute()}
        self.figures.reset()
        return record

    def keep(self, record: dict[str, float], score: float | None = None) -> None:
        """Add the record of an epoch to the history, and save; ``score`` as for `Checkpoints.save`."""
        self.history.append(record, self._speed)
        if self.store is not None:
            self.store.save(self.state_dict(), self.step, score)

    def close(self) -> None:
        """Let another run write to the folder of the checkpoints."""
        if self.store is not None:
            self.store.close()

    def state_dict(self) -> dict[str, Any]:
        """Return it as tensors, numbers and strings, which ``torch.load(..., weights_only=True)`` reads.

        The tensors are the live ones: write or copy them before the next step.
        """
        return {
            "format": FORMAT,
            "settings": self.settings,
            "epoch": self.epoch,
            "step": self.step,
            "notes": dict(self.notes),
            "rng": rng_state(self.device),
            **{name: part.state_dict() for name, part in self._all().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was called.

        Raises
        ------
        ValueError
            If the state was saved by a run with other settings, or with other parts.
        """
        if state.get("format") != FORMAT:
            raise ValueError(
                f"the checkpoint has format {state.get('format')!r}, and this version of ptguide reads format "
                f"{FORMAT}. Start anew, with another folder."
            )
        check_same(state["settings"], self.settings)
        saved = state.keys() - set(OWN)
        if saved != self.parts.keys():
            raise ValueError(
                f"the checkpoint holds {', '.join(sorted(saved))}, and this run has {', '.join(sorted(self.parts))}. "
                "Go on with the parts that it was saved with."
            )
        for name, part in self._all().items():
            part.load_state_dict(state[name])
        self.epoch, self.step, self.notes = state["epoch"], state["step"], dict(state["notes"])
        set_rng_state(state["rng"], self.device)

    def _all(self) -> dict[str, Any]:
        return {**self.parts, "data": self.order, "figures": self.figures, "history": self.history}


def _check_parts(parts: Mapping[str, Any]) -> None:
    for name, part in parts.items():
        if name in OWN:
            raise ValueError(f"parts has the name {name!r}, under which a run keeps its own; expected another.")
        if not hasattr(part, "state_dict") or not hasattr(part, "load_state_dict"):
            raise TypeError(
                f"parts[{name!r}] is of type {type(part).__name__}; expected something with state_dict and "
                "load_state_dict, which a checkpoint saves and loads."
            )


def _device_of(parts: Mapping[str, Any]) -> torch.device:
    modules = [part for part in parts.values() if isinstance(part, nn.Module)]
    found = itertools.chain.from_iterable(module.parameters() for module in modules)
    return next((parameter.device for parameter in found), torch.device("cpu"))
