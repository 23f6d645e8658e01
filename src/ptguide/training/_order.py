"""Random states, the order of the batches, and the place in it: an epoch can be left and continued exactly."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


def torch_state(device: torch.device) -> list[Tensor]:
    """Return the random states of torch: of the CPU, and of the device where it is another."""
    states = [torch.get_rng_state()]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state(*_numbered(device)))
    return states


def set_torch_state(states: list[Tensor], device: torch.device) -> None:
    """Put back what `torch_state` returned."""
    # A checkpoint that was loaded with map_location has moved the tensors; generators take them from the CPU.
    torch.set_rng_state(states[0].cpu())
    if device.type != "cpu" and len(states) > 1:
        torch.get_device_module(device).set_rng_state(states[1].cpu(), *_numbered(device))


def _numbered(device: torch.device) -> list[torch.device]:
    """Return what the functions of torch.mps, which knows one device only, do not take."""
    return [] if device.type == "mps" else [device]


def rng_state(device: torch.device) -> dict[str, Any]:
    """Return the states of torch (CPU and the device), of `random`, and of NumPy where it is loaded."""
    state: dict[str, Any] = {"torch": torch_state(device), "python": random.getstate()}
    if numpy := sys.modules.get("numpy"):
        name, keys, *rest = numpy.random.get_state()
        state["numpy"] = (str(name), keys.tolist(), *rest)
    return state


def set_rng_state(state: dict[str, Any], device: torch.device) -> None:
    """Put back what `rng_state` returned."""
    set_torch_state(state["torch"], device)
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    if (numpy := sys.modules.get("numpy")) and "numpy" in state:
        numpy.random.set_state(tuple(state["numpy"]))


def generators(data: Any) -> list[torch.Generator]:
    """Return the generators of a DataLoader and its samplers, each once."""
    batch_sampler = getattr(data, "batch_sampler", None)
    holders = (data, getattr(data, "sampler", None), batch_sampler, getattr(batch_sampler, "sampler", None))
    found = [getattr(holder, "generator", None) for holder in holders]
    return list({id(entry): entry for entry in found if isinstance(entry, torch.Generator)}.values())


def generator_states(found: Iterable[torch.Generator]) -> list[Tensor]:
    """Return the state of each generator."""
    return [generator.get_state() for generator in found]


def set_generator_states(found: list[torch.Generator], states: list[Tensor]) -> None:
    """Put back what `generator_states` returned."""
    for generator, state in zip(found, states, strict=True):
        generator.set_state(state.cpu())


END = object()  # no batch is left


class DataOrder:
    """Go through the data epoch by epoch, and know where.

    Data with ``state_dict`` and ``load_state_dict`` (`ptguide.data.batches`, torchdata's StatefulDataLoader) keeps its
    own place. A DataLoader does not: its order follows from the random states at the start of the epoch, so these are
    kept, and whoever continues draws the order again and passes over the batches that were seen.

    Attributes
    ----------
    position : int
        Batches of this epoch that were taken.
    ended : bool
        Whether the data has said that this epoch has no further batch. Data that keeps its own place then stands at
        the start of the next epoch, and must not be asked for the rest of this one.
    """

    def __init__(self, data: Any, device: torch.device) -> None:
        self.data = data
        self.position = 0
        self.ended = False
        self._incoming: Iterator[Any] = iter(())
        self._device = device
        self._generators = generators(data)
        self._start: dict[str, Any] = {}  # the random states just before the order of this epoch was drawn
        self._keeps_place = hasattr(data, "state_dict") and hasattr(data, "load_state_dict")

    def begin(self, epoch: int) -> None:
        """Begin an epoch, or go on with the one that `load_state_dict` brought, with the batches not yet taken."""
        set_epoch = getattr(getattr(self.data, "sampler", None), "set_epoch", None)
        if set_epoch is not None:  # a DistributedSampler draws another order for each
            set_epoch(epoch)
        if self.ended:
            self._incoming = iter(())
        elif self.position:
            self._incoming = self._continue()
        else:
            if not self._keeps_place:
                states = generator_states(self._generators)
                self._start = {"rng": rng_state(self._device), "generators": states}
            self._incoming = iter(self.data)

    def take(self) -> Any:
        """Return the next batch of the epoch, or ``END``."""
        batch = next(self._incoming, END)
        if batch is END:
            self.ended = True
        else:
            self.position += 1
        return batch

    def end_epoch(self) -> None:
        """Let the next epoch begin anew."""
        self.position, self.ended = 0, False

    def _continue(self) -> Iterator[Any]:
        iterator: Iterator[Any]
        if self._keeps_place:
            iterator = iter(self.data)
            return iterator
        now = rng_state(self._device)
        set_rng_state(self._start["rng"], self._device)
        set_generator_states(self._generators, self._start["generators"])
        iterator = iter(self.data)
        for seen in range(self.position):
            if next(iterator, END) is END:
                raise ValueError(
                    f"data gives {seen} batches an epoch, and the checkpoint was saved after {self.position}; expected "
                    "the data that it was saved with."
                )
        set_rng_state(now, self._device)
        return iterator

    def state_dict(self) -> dict[str, Any]:
        """Return the place, and what the order follows from."""
        state: dict[str, Any] = {"position": self.position, "ended": self.ended}
        if self._keeps_place:
            return {**state, "data": self.data.state_dict()}
        return {**state, "start": self._start, "generators": generator_states(self._generators)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to the place that `state_dict` told."""
        self.position, self.ended = state["position"], state["ended"]
        if self._keeps_place:
            self.data.load_state_dict(state["data"])
            return
        if getattr(self.data, "persistent_workers", False):
            warnings.warn(
                "data has persistent_workers=True: what the killed workers had drawn so far is unknown. If they draw "
                "random numbers, this run will not end in the weights of an uninterrupted one. Without persistent "
                "workers, each epoch seeds them anew.",
                stacklevel=5,
            )
        self._start = state["start"]
        set_generator_states(self._generators, state["generators"])
