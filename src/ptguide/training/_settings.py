"""The settings of a run: the figure that is followed, and what is saved so that going on with others is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sized
from typing import Any

import torch
from torch.utils.data import DistributedSampler

from ptguide.training._arguments import PLATEAU
from ptguide.training._batches import known
from ptguide.training._history import VALIDATION

# What a schedule counts while it is in use, and what it takes from the optimizer.
CHANGING = {"last_epoch", "best", "num_bad_epochs", "cooldown_counter", "T_cur", "T_i", "base_lrs"}
KEPT = {"_schedulers", "_milestones"}  # of a schedule made of others
VALUES = (bool, int, float, str, type(None))


def describe(loss: Any, optimizer: torch.optim.Optimizer, schedule: Any | None, every: str | None) -> dict[str, Any]:
    """Return what a loss, an optimizer and a schedule are called, and their plain settings."""
    function, settings = known(loss)
    plain = {name: value for name, value in settings.items() if type(value) in VALUES}
    return {
        "loss": {"kind": getattr(function, "__name__", type(function).__name__), **plain},
        "optimizer": describe_optimizer(optimizer),
        "schedule": {} if schedule is None else {**_describe_schedule(schedule), "every": every},
    }


def describe_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the kind of an optimizer and the settings of its groups, as they are before a schedule changes them."""
    found: dict[str, Any] = {"kind": type(optimizer).__name__}
    for number, group in enumerate(optimizer.param_groups):
        cycled = {"momentum", "betas"} if "max_momentum" in group else set()
        for name, value in group.items():
            if name in cycled or name in ("params", "param_names", "initial_lr", "max_lr", "min_lr"):
                continue
            value = group.get("initial_lr", value) if name == "lr" else value
            found[f"{name} of group {number}" if number else name] = _plain(value)
    return found


def _describe_schedule(schedule: Any) -> dict[str, Any]:
    return {"kind": type(schedule).__name__, **_fixed(schedule.state_dict())}


def describe_data(data: Any, processes: int) -> dict[str, Any]:
    """Return what the place in an epoch depends on: how many samples there are, and how they are put into batches."""
    sampler, dataset = getattr(data, "sampler", None), getattr(data, "dataset", None)
    divided = isinstance(sampler, DistributedSampler)
    batch_size = getattr(data, "batch_size", None) or getattr(getattr(data, "batch_sampler", None), "batch_size", None)
    found = {
        "kind": type(data).__name__,
        "batch_size": batch_size * processes if divided and batch_size is not None else batch_size,
        "samples": _length(dataset),
        "sampler": None if sampler is None else type(sampler).__name__,
        "shuffle": getattr(data, "shuffle", None),
        "drop_last": getattr(data, "drop_last", None),
        "batches": None if divided else _length(data),
    }
    return {name: value for name, value in found.items() if type(value) in VALUES and value is not None}


def check_same(saved: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Require the settings that a checkpoint was saved with; the error names each that differs."""
    before, now = _flat(saved), _flat(given)
    names = [name for name in dict.fromkeys((*before, *now)) if _shown(before, name) != _shown(now, name)]
    # Another optimizer has other settings, too: its kind says enough.
    kinds = {name.removesuffix("kind") for name in names if name.endswith(".kind")}
    different = [
        f"{name} was {_shown(before, name)} and is {_shown(now, name)}"
        for name in names
        if name.endswith(".kind") or not any(name.startswith(kind) for kind in kinds)
    ]
    if different:
        raise ValueError(
            f"the checkpoint was saved with other settings than this call has: {'; '.join(different)}. Go on with "
            "those that it was saved with, or begin a run in another folder, from the weights of this one: "
            "model.load_state_dict(checkpoints.latest()['model'])."
        )


def choose_figure(
    monitor: str | None,
    higher_is_better: bool | None,
    min_delta: float,
    metrics: Mapping[str, Any],
    *,
    patience: int | None,
    schedule: Any | None,
    has_validation: bool,
    has_checkpoints: bool,
) -> tuple[str, bool]:
    """Return the figure to follow, and whether higher is better; ValueError if this cannot be told or is of no use."""
    ranked = patience is not None or has_checkpoints
    if not ranked and not isinstance(schedule, PLATEAU) and (monitor is not None or higher_is_better is not None):
        name, value = ("monitor", monitor) if monitor is not None else ("higher_is_better", higher_is_better)
        raise ValueError(
            f"{name} is {value!r}, but nothing follows a figure; expected patience, checkpoints or a schedule that is "
            "ReduceLROnPlateau beside it."
        )
    if min_delta and patience is None:
        raise ValueError(f"min_delta is {min_delta}, but patience is None, so nothing stops early; give both.")
    if min_delta < 0:
        raise ValueError(f"min_delta is {min_delta}; expected 0 or more.")
    names = ["loss", *metrics]
    names += [VALIDATION + name for name in names] if has_validation else []
    default = VALIDATION + "loss" if has_validation else "loss"
    name = default if monitor is None else monitor
    if name not in names:
        raise ValueError(f"monitor is {monitor!r}; expected one of the figures {', '.join(names)}.")
    known = _direction(name, metrics) if higher_is_better is None else higher_is_better
    if isinstance(schedule, PLATEAU) and known is not None and schedule.mode != ("max" if known else "min"):
        raise ValueError(
            f'schedule is ReduceLROnPlateau with mode="{schedule.mode}", but for {name} '
            f'{"higher" if known else "lower"} is better; expected mode="{"max" if known else "min"}".'
        )
    if ranked and known is None:
        raise ValueError(f"whether a higher {name} is better cannot be told; pass higher_is_better=True or False.")
    return name, bool(known)


def _fixed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what does not change in the state of a schedule."""
    found: dict[str, Any] = {}
    for name, value in state.items():
        if name in CHANGING or (name.startswith("_") and name not in KEPT):
            continue
        if name == "_schedulers":
            found |= {f"part {number}": _fixed(part) for number, part in enumerate(value)}
        elif (plain := _plain(value)) is not None:
            found[name.lstrip("_")] = plain
    return found


def _plain(value: Any) -> Any:
    """Return a setting as a value that a checkpoint holds, or None."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, Counter):
        return sorted(value.elements())
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value if type(value) in VALUES else None


def _flat(settings: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """Return settings within settings under names such as ``optimizer.lr``."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _flat(value, f"{place}{name}.") if isinstance(value, Mapping) else {place + name: value}
    return found


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return repr(settings[name]) if name in settings else "not set"


def _length(data: Any) -> int | None:
    try:
        return len(data) if isinstance(data, Sized) else None
    except TypeError:  # a DataLoader of an iterable data set has a length that raises
        return None


def _direction(name: str, metrics: Mapping[str, Any]) -> bool | None:
    """Return whether higher is better, where this is known."""
    figure = name.removeprefix(VALIDATION)
    if figure == "loss":
        return False
    known: bool | None = getattr(metrics[figure], "higher_is_better", None)
    return known
