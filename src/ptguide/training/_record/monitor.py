"""Follow one figure: whether it has become better, and how long it has not."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ptguide.training._record.history import VALIDATION

PLATEAU = torch.optim.lr_scheduler.ReduceLROnPlateau


class Monitor:
    """Remember the best epoch, and its weights where they are wanted.

    Attributes
    ----------
    name : str
        The figure of the record that is followed.
    stopped : bool
        Whether ``patience`` epochs in a row have passed without an improvement.
    """

    def __init__(
        self, name: str, higher_is_better: bool, patience: int | None, min_delta: float, *, restore_best: bool
    ) -> None:
        self.name = name
        self.stopped = False
        self._sign = -1.0 if higher_is_better else 1.0
        self._patience = patience
        self._min_delta = min_delta
        self._keeps_weights = restore_best and patience is not None
        self._best = math.inf
        self._waited = 0
        self._weights: dict[str, Any] | None = None

    def score(self, record: dict[str, float]) -> float:
        """Return the figure with its sign turned where higher is better, so that lower always is."""
        return self._sign * record[self.name]

    def update(self, record: dict[str, float], model: nn.Module) -> None:
        """Take the record of an epoch into account."""
        if self._patience is None:
            return
        score = self.score(record)
        if score < self._best - self._min_delta:
            self._best, self._waited = score, 0
            if self._keeps_weights:
                self._weights = copy.deepcopy(model.state_dict())
        else:
            self._waited += 1
        self.stopped = self._waited >= self._patience

    def restore(self, model: nn.Module) -> None:
        """Load the weights of the best epoch, where they were kept."""
        if self._weights is not None:
            model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the counters and the best weights."""
        return {"best": self._best, "waited": self._waited, "stopped": self.stopped, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` returned."""
        self._best, self._waited, self.stopped = state["best"], state["waited"], state["stopped"]
        self._weights = copy.deepcopy(state["weights"])


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


def _direction(name: str, metrics: Mapping[str, Any]) -> bool | None:
    """Return whether higher is better, where this is known."""
    figure = name.removeprefix(VALIDATION)
    if figure == "loss":
        return False
    known: bool | None = getattr(metrics[figure], "higher_is_better", None)
    return known
