"""Every random state that a training run draws from, as something that `torch.save` writes."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
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
