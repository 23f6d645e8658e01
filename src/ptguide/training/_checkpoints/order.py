"""The order of the batches and the place in it, so that an epoch can be left and continued exactly."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch

from ptguide.training._checkpoints import rng


class DataOrder:
    """Go through the data epoch by epoch, and know where.

    Data with ``state_dict`` and ``load_state_dict`` (`ptguide.data.batches`, torchdata's StatefulDataLoader) keeps its
    own place. A DataLoader does not: its order follows from the random states at the start of the epoch, so these are
    kept, and whoever continues draws the order again and passes over the batches that were seen.

    Attributes
    ----------
    position : int
        Batches of this epoch that were taken.
    """

    def __init__(self, data: Any, device: torch.device) -> None:
        self.data = data
        self.position = 0
        self._device = device
        self._generators = rng.generators(data)
        self._start: dict[str, Any] = {}  # the random states just before the order of this epoch was drawn
        self._keeps_place = hasattr(data, "state_dict") and hasattr(data, "load_state_dict")

    def epoch(self, number: int) -> Iterator[Any]:
        """Return the batches of an epoch that were not handed out before; who takes one counts it in `position`."""
        return self._begin(number) if self.position == 0 else self._continue(number)

    def end_epoch(self) -> None:
        """Let the next epoch begin anew."""
        self.position = 0

    def _begin(self, epoch: int) -> Iterator[Any]:
        self._set_epoch(epoch)
        if not self._keeps_place:
            self._start = {
                "rng": rng.rng_state(self._device),
                "generators": rng.generator_states(self._generators),
            }
        iterator: Iterator[Any] = iter(self.data)
        return iterator

    def _continue(self, epoch: int) -> Iterator[Any]:
        now = rng.rng_state(self._device)
        iterator: Iterator[Any]
        self._set_epoch(epoch)
        if self._keeps_place:
            iterator = iter(self.data)
        else:
            rng.set_rng_state(self._start["rng"], self._device)
            rng.set_generator_states(self._generators, self._start["generators"])
            iterator = iter(self.data)
            for _ in range(self.position):
                next(iterator)
        rng.set_rng_state(now, self._device)
        return iterator

    def _set_epoch(self, epoch: int) -> None:
        """Tell a DistributedSampler which order to draw."""
        set_epoch = getattr(getattr(self.data, "sampler", None), "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the place, and what the order follows from."""
        state: dict[str, Any] = {"position": self.position}
        if self._keeps_place:
            return {**state, "data": self.data.state_dict()}
        return {**state, "start": self._start, "generators": rng.generator_states(self._generators)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to the place that `state_dict` told."""
        self.position = state["position"]
        if self._keeps_place:
            self.data.load_state_dict(state["data"])
            return
        if getattr(self.data, "persistent_workers", False):
            warnings.warn(
                "data has persistent_workers=True: what the killed workers had drawn so far is unknown. If the data "
                "set draws random numbers, this run will not end in the weights of an uninterrupted one; without "
                "persistent workers it does.",
                stacklevel=4,
            )
        self._start = state["start"]
        rng.set_generator_states(self._generators, state["generators"])
