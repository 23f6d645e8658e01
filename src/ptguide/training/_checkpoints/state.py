"""Everything that a training run needs to go on as if it had never been interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from ptguide.training._checkpoints import rng
from ptguide.training._checkpoints.order import DataOrder
from ptguide.training._record.figures import Figures
from ptguide.training._record.history import History
from ptguide.training._record.monitor import Monitor

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
        Steps of the optimizer that are done, with those that float16 left out.
    learning_rates : list of float
        Those of the last step, one for each parameter group.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Any | None  # a learning-rate schedule; ReduceLROnPlateau and the others share no useful class
    scaler: torch.amp.GradScaler | None
    order: DataOrder
    figures: Figures
    monitor: Monitor
    device: torch.device
    history: History = field(default_factory=History)
    epoch: int = 0
    step: int = 0
    learning_rates: list[float] = field(default_factory=list)

    def note_learning_rates(self) -> None:
        """Remember the learning rates of the step that was done last."""
        self.learning_rates = [float(group["lr"]) for group in self.optimizer.param_groups]

    def record(self) -> dict[str, float]:
        """Return the figures of the epoch, as plain numbers."""
        names = ["learning_rate", *(f"learning_rate_{number}" for number in range(1, len(self.learning_rates)))]
        rates = dict(zip(names, self.learning_rates, strict=True))
        return {"epoch": self.epoch, "step": self.step, **rates, **self.figures.compute()}

    def state_dict(self) -> dict[str, Any]:
        """Return it all as tensors, numbers and strings, which ``torch.load(..., weights_only=True)`` reads.

        The tensors are the live ones: write or copy them before the next step.
        """
        return {
            "format": FORMAT,
            "epoch": self.epoch,
            "step": self.step,
            "learning_rates": list(self.learning_rates),
            "rng": rng.rng_state(self.device),
            **{name: part.state_dict() for name, part in self._parts().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was called.

        Raises
        ------
        ValueError
            If the state was saved by a run that had other parts.
        """
        if state.get("format") != FORMAT:
            raise ValueError(
                f"the checkpoint has format {state.get('format')!r}, and this version of ptguide reads format "
                f"{FORMAT}. Start anew, with another folder."
            )
        parts = self._parts()
        for name in ("schedule", "scaler"):
            if (name in state) != (name in parts):
                has, wants = ("a", "no") if name in state else ("no", "a")
                raise ValueError(
                    f"the checkpoint holds {has} {name}, and this call of fit has {wants} {name}. Go on with the "
                    "settings that it was saved with."
                )
        for name, part in parts.items():
            part.load_state_dict(state[name])
        self.epoch, self.step = state["epoch"], state["step"]
        self.learning_rates = list(state["learning_rates"])
        rng.set_rng_state(state["rng"], self.device)

    def _parts(self) -> dict[str, Any]:
        """Return everything that has a state_dict of its own."""
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
