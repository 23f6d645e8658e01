"""Means over an epoch, without a wait for the device at every step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ptguide.training._batch import map_tensors
from ptguide.training._processes.distributed import Team

# So many scalars are read at once: rarely enough to cost nothing, often enough to hold little memory.
READ_EVERY = 256


class Mean:
    """The mean of a figure over samples, from its means over batches.

    The sum is what ``total += value.item() * size`` gives batch by batch, to the last bit. For a tensor on the CPU it
    is exactly that. Others stay on their device until somebody asks, for ``.item()`` waits until it has finished.
    """

    def __init__(self) -> None:
        self._values: list[Tensor] = []
        self._sizes: list[int] = []
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._sizes.clear()
        self._total, self._samples = 0.0, 0

    def add(self, value: Tensor | float, size: int) -> None:
        """Add the mean over a batch of ``size`` samples."""
        if not isinstance(value, Tensor) or value.is_cpu:
            self._total += (value.item() if isinstance(value, Tensor) else value) * size
            self._samples += size
            return
        self._values.append(value.detach())
        self._sizes.append(size)
        if len(self._sizes) == READ_EVERY:
            self._read()

    def compute(self) -> float:
        """Return the mean over all samples so far; NaN if there were none."""
        self._read()
        return self._total / self._samples if self._samples else float("nan")

    def sums(self) -> list[float]:
        """Return the sum over the samples, and their number."""
        self._read()
        return [self._total, self._samples]

    def _read(self) -> None:
        values = torch.stack(self._values).tolist() if self._values else []  # one transfer
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
        self.reset()
        self._total, self._samples = state["total"], state["samples"]


class FunctionMetric:
    """A metric that is a function of outputs and targets, averaged over the samples."""

    def __init__(self, name: str, function: Callable[[Any, Any], Tensor | float]) -> None:
        self._name = name
        self._function = function
        self.mean = Mean()
        self.reset = self.mean.reset
        self.state_dict, self.load_state_dict = self.mean.state_dict, self.mean.load_state_dict

    def add(self, outputs: Any, targets: Any, size: int) -> None:
        """Add a batch of ``size`` samples."""
        value = self._function(outputs, targets)
        if isinstance(value, Tensor) and value.ndim:
            raise ValueError(
                f"metrics[{self._name!r}] returned a tensor of shape {tuple(value.shape)}; expected one number, the "
                "mean over the batch."
            )
        self.mean.add(value, size)


class ObjectMetric:
    """A metric of torchmetrics, which counts by itself: a copy, so that the caller's stays as it is."""

    def __init__(self, metric: Any, device: torch.device) -> None:
        self._metric = copy.deepcopy(metric).to(device)
        self._device = device
        self.reset = self._metric.reset
        self.reset()

    def add(self, outputs: Any, targets: Any, size: int) -> None:
        """Add a batch; the metric looks for itself how many samples it holds."""
        self._metric.update(outputs, targets)

    def compute(self) -> float:
        """Return the metric over all samples so far, those of the other processes among them."""
        return float(self._metric.compute())

    def state_dict(self) -> dict[str, Any]:
        """Return what was counted so far; torchmetrics leaves it out of its own state_dict."""
        return {"counted": dict(self._metric.metric_state), "updates": self._metric.update_count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.reset()
        for name, value in state["counted"].items():
            setattr(self._metric, name, map_tensors(lambda counted: counted.to(self._device), value))
        self._metric._update_count = state["updates"]  # it warns if asked for a result without an update


class Figures:
    """The loss and the metrics of an epoch, over the samples of all processes."""

    def __init__(self, metrics: Mapping[str, Any], device: torch.device, team: Team) -> None:
        self._team = team
        self.loss = Mean()
        self._metrics = {
            name: ObjectMetric(metric, device) if hasattr(metric, "update") else FunctionMetric(name, metric)
            for name, metric in metrics.items()
        }

    def add(self, loss: Tensor | None, outputs: Any, targets: Any, size: int) -> None:
        """Add a batch of ``size`` samples."""
        if loss is not None:
            self.loss.add(loss, size)
        if self._metrics:
            outputs = map_tensors(Tensor.detach, outputs)  # a metric may keep them, not their graph
            for metric in self._metrics.values():
                metric.add(outputs, targets, size)

    def compute(self) -> dict[str, float]:
        """Return every figure as a plain number."""
        means = {name: metric.mean for name, metric in self._metrics.items() if isinstance(metric, FunctionMetric)}
        means["loss"] = self.loss
        sums = self._team.sums([value for mean in means.values() for value in mean.sums()])
        found = {
            name: total / samples if samples else float("nan")
            for name, total, samples in zip(means, sums[::2], sums[1::2], strict=True)
        }
        for name, metric in self._metrics.items():
            if isinstance(metric, ObjectMetric):
                found[name] = metric.compute()
        return {name: found[name] for name in ("loss", *self._metrics)}

    def reset(self) -> None:
        """Begin a new epoch."""
        for part in (self.loss, *self._metrics.values()):
            part.reset()

    def state_dict(self) -> dict[str, Any]:
        """Return the sums so far."""
        metrics = {name: metric.state_dict() for name, metric in self._metrics.items()}
        return {"loss": self.loss.state_dict(), "metrics": metrics}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the sums that `state_dict` returned."""
        self.loss.load_state_dict(state["loss"])
        for name, metric in self._metrics.items():
            metric.load_state_dict(state["metrics"][name])
