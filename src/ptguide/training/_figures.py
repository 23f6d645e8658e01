"""Means over an epoch, without a wait for the device at every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

# A list of this many scalars is read at once: rarely enough to cost nothing, often enough to hold little memory.
READ_EVERY = 256


class Mean:
    """The mean of a figure over samples, from its means over batches.

    The sum is what ``total += value.item() * size`` gives at each batch, to the last bit, but the values stay on the
    device until somebody asks: ``.item()`` waits for an accelerator to finish.
    """

    def __init__(self) -> None:
        self._values: list[Tensor | float] = []
        self._sizes: list[int] = []
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._sizes.clear()
        self._total, self._samples = 0.0, 0

    def add(self, value: Tensor | float, size: int) -> None:
        """Add the mean over a batch of ``size`` samples."""
        self._values.append(value)
        self._sizes.append(size)
        if len(self._sizes) == READ_EVERY:
            self._read()

    def compute(self) -> float:
        """Return the mean over all samples so far; NaN if there were none."""
        self._read()
        return self._total / self._samples if self._samples else float("nan")

    def _read(self) -> None:
        if not self._values:
            return
        if all(isinstance(value, Tensor) for value in self._values):
            values = torch.stack(self._values).tolist()  # type: ignore[arg-type]  # one transfer
        else:
            values = [float(value) for value in self._values]
        for value, size in zip(values, self._sizes, strict=True):
            self._total += value * size
            self._samples += size
        self._values.clear()
        self._sizes.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return the sum so far."""
        self._read()
        return {"total": self._total, "samples": self._samples}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the sum that `state_dict` returned."""
        self._values.clear()
        self._sizes.clear()
        self._total, self._samples = state["total"], state["samples"]


class _Stateful:
    """A metric of torchmetrics: it counts by itself, and computes at the end."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric
        self.reset = metric.reset
        self.reset()

    def add(self, outputs: Any, targets: Any, size: int) -> None:
        self._metric.update(outputs, targets)

    def compute(self) -> float:
        return float(self._metric.compute())

    def state_dict(self) -> dict[str, Any]:
        return {"state": dict(self._metric.metric_state), "updates": self._metric._update_count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state["state"].items():
            setattr(self._metric, name, value)
        self._metric._update_count = state["updates"]
        self._metric._computed = None


class _Function:
    """A metric that is a function of outputs and targets: averaged over the samples."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self._mean = Mean()
        self.compute, self.reset = self._mean.compute, self._mean.reset
        self.state_dict = self._mean.state_dict
        self.load_state_dict = self._mean.load_state_dict

    def add(self, outputs: Any, targets: Any, size: int) -> None:
        self._mean.add(self._function(outputs, targets), size)


class Figures:
    """The loss and the metrics of an epoch."""

    def __init__(self, metrics: Mapping[str, Any]) -> None:
        self.loss = Mean()
        self._metrics = {
            name: _Stateful(metric) if hasattr(metric, "update") else _Function(metric)
            for name, metric in metrics.items()
        }

    def add(self, loss: Tensor, outputs: Any, targets: Any, size: int) -> None:
        """Add a batch of ``size`` samples."""
        self.loss.add(loss.detach(), size)
        if self._metrics:
            with torch.no_grad():
                for metric in self._metrics.values():
                    metric.add(outputs, targets, size)

    def reset(self) -> None:
        """Begin a new epoch."""
        for part in (self.loss, *self._metrics.values()):
            part.reset()

    def compute(self) -> dict[str, float]:
        """Return every figure as a plain number."""
        return {"loss": self.loss.compute(), **{name: metric.compute() for name, metric in self._metrics.items()}}

    def state_dict(self) -> dict[str, Any]:
        """Return the sums so far."""
        metrics = {name: metric.state_dict() for name, metric in self._metrics.items()}
        return {"loss": self.loss.state_dict(), "metrics": metrics}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the sums that `state_dict` returned."""
        self.loss.load_state_dict(state["loss"])
        for name, metric in self._metrics.items():
            metric.load_state_dict(state["metrics"][name])
