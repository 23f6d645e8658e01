"""Follow one figure: is it better than before, and when has it not been for too long?"""

from __future__ import annotations

import copy
import math
from typing import Any

from torch import nn


class Monitor:
    """Remember the best epoch, and its weights where they are wanted.

    Attributes
    ----------
    name : str
        The figure of the record that is followed.
    stopped : bool
        Whether ``patience`` epochs have passed without an improvement.
    """

    def __init__(
        self, name: str, *, higher_is_better: bool, patience: int | None, min_delta: float, restore_best: bool
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
        score = self.score(record)
        if score < self._best - self._min_delta:
            self._best, self._waited = score, 0
            if self._keeps_weights:
                self._weights = copy.deepcopy(model.state_dict())
        else:
            self._waited += 1
        self.stopped = self._patience is not None and self._waited >= self._patience

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
