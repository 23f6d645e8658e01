"""Everything that a training run needs to go on as if it had never been interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from ptguide.training import _rng
from ptguide.training._figures import Figures
from ptguide.training._history import History
from ptguide.training._monitor import Monitor
from ptguide.training._order import DataOrder

FORMAT = 1  # of the dictionary that state_dict returns


class CheckpointStore(Protocol):
    """What `fit` asks of its checkpoints."""

    def due(self, step: int) -> bool:
        """Return whether to save after this step, in the middle of an epoch."""

    def save(self, state: dict[str, Any], step: int, metric: float | None) -> None:
        """Keep a state. ``metric`` is None within an epoch; after one, it is the figure followed: lower is better."""

    def latest(self) -> dict[str, Any] | None:
        """Return the last state that was kept, or None."""


@dataclass
class TrainingState:
    """What changes while a model is trained, in one place.

    Attributes
    ----------
    epoch : int
        Epochs that are finished.
    step : int
        Steps of the optimizer that are done.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Any | None  # a learning-rate schedule; they share no class that has ReduceLROnPlateau in it
    scaler: torch.amp.GradScaler | None
    order: DataOrder
    figures: Figures
    monitor: Monitor
    device: torch.device
    history: History = field(default_factory=History)
    epoch: int = 0
    step: int = 0

    def state_dict(self) -> dict[str, Any]:
        """Return it all as tensors, numbers and strings, which ``torch.load(..., weights_only=True)`` reads."""
        return {
            "format": FORMAT,
            "epoch": self.epoch,
            "step": self.step,
            "rng": _rng.rng_state(self.device),
            **{name: part.state_dict() for name, part in self._parts().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was called."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.epoch, self.step = state["epoch"], state["step"]
        _rng.set_rng_state(state["rng"], self.device)

    def _parts(self) -> dict[str, Any]:
        parts = {
            "model": self.model,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.scaler,
            "order": self.order,
            "figures": self.figures,
            "monitor": self.monitor,
            "history": self.history,
        }
        return {name: part for name, part in parts.items() if part is not None}
