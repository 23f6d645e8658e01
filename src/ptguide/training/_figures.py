"""Means over an epoch, without a wait for the device at every step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ptguide.training._batches import map_tensors
from ptguide.training._processes import Team

# So many scalars are read at once: rarely enough to cost nothing, often enough to hold little memory.
READ_EVERY = 256


class Mean:
    """The mean of a figure over what is counted (samples, targets), from its means or sums over batches.

    The sum is what ``total += value.item() * count`` gives batch by batch, to the last bit. For a tensor on the CPU it
    is exactly that. Others stay on their device until somebody asks, for ``.item()`` waits until it has finished.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Tensor, Tensor | float, bool]] = []
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._waiting.clear()
        self._total, self._count = 0.0, 0.0

    def add(self, value: Any, count: Any, *, summed: bool = False) -> None:
        """Add the mean over a batch that counts ``count``, or the sum over it."""
        if isinstance(value, Tensor):
            if not value.is_cpu:
                self._waiting.append((value.detach(), count, summed))
                if len(self._waiting) == READ_EVERY:
                    self._read()
                return
            value = value.item()
        if isinstance(count, Tensor):
            count = count.item()
        if count:  # the mean over nothing is NaN, and counts nothing
            self._total += value if summed else value * count
            self._count += count

    def compute(self) -> float:
        """Return the mean over all that was counted so far; NaN if nothing was."""
        total, count = self.sums()
        return total / count if count else float("nan")

    def sums(self) -> tuple[float, float]:
        """Return the sum, and what was counted."""
        self._read()
        return self._total, self._count

    def _read(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        values = torch.stack([value for value, _, _ in waiting]).tolist()  # one transfer
        tensors = [count for _, count, _ in waiting if isinstance(count, Tensor)]
        counts = iter(torch.stack(tensors).tolist() if tensors else [])
        for value, (_, count, summed) in zip(values, waiting, strict=True):
            self.add(value, next(counts) if isinstance(count, Tensor) else count, summed=summed)

    def state_dict(self) -> dict[str, float]:
        """Return the sum so far."""
        total, count = self.sums()
        return {"total": total, "count": count}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from the sum that `state_dict` returned."""
        self.reset()
        self._total, self._count = state["total"], state["count"]


class FunctionMetric:
    """A metric that is a function of outputs and targets: the mean over the samples, or a sum with its count."""

    def __init__(self, name: str, function: Callable[[Any, Any], Any]) -> None:
        self._name = name
        self._function = function
        self.mean = Mean()
        self.reset = self.mean.reset
        self.state_dict, self.load_state_dict = self.mean.state_dict, self.mean.load_state_dict

    def add(self, outputs: Any, targets: Any, size: int) -> None:
        """Add a batch of ``size`` samples."""
        value = self._function(outputs, targets)
        if isinstance(value, tuple) and len(value) == 2:
            total, count = value
            self.mean.add(total, count, summed=True)
            return
        if isinstance(value, Tensor) and value.ndim:
            raise ValueError(
                f"metrics[{self._name!r}] returned a tensor of shape {tuple(value.shape)}; expected one number, the "
                "mean over the batch, or a pair (sum, count)."
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
    """The loss, the metrics and whatever else is averaged in an epoch, over the samples of all processes."""

    def __init__(self, metrics: Mapping[str, Any], device: torch.device, team: Team) -> None:
        self._team = team
        self.means: dict[str, Mean] = {}
        self._metrics = {
            name: ObjectMetric(metric, device) if hasattr(metric, "update") else FunctionMetric(name, metric)
            for name, metric in metrics.items()
        }

    def mean(self, name: str) -> Mean:
        """Return the mean of this name; it begins when it is first asked for."""
        return self.means.setdefault(name, Mean())

    def measure(self, outputs: Any, targets: Any, size: int) -> None:
        """Let each metric see a batch of ``size`` samples."""
        if self._metrics:
            outputs = map_tensors(Tensor.detach, outputs)  # a metric may keep them, not their graph
            for metric in self._metrics.values():
                metric.add(outputs, targets, size)

    def compute(self) -> dict[str, float]:
        """Return every figure as a plain number."""
        means = {name: metric.mean for name, metric in self._metrics.items() if isinstance(metric, FunctionMetric)}
        means = {**self.means, **means}
        sums = self._team.sums([value for mean in means.values() for value in mean.sums()])
        found = {
            name: total / count if count else float("nan")
            for name, total, count in zip(means, sums[::2], sums[1::2], strict=True)
        }
        for name, metric in self._metrics.items():
            if isinstance(metric, ObjectMetric):
                found[name] = metric.compute()
        return {name: found[name] for name in (*self.means, *self._metrics)}

    def reset(self) -> None:
        """Begin a new epoch."""
        for part in (*self.means.values(), *self._metrics.values()):
            part.reset()

    def state_dict(self) -> dict[str, Any]:
        """Return the sums so far."""
        return {
            "means": {name: mean.state_dict() for name, mean in self.means.items()},
            "metrics": {name: metric.state_dict() for name, metric in self._metrics.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the sums that `state_dict` returned."""
        for name, sums in state["means"].items():
            self.mean(name).load_state_dict(sums)
        for name, metric in self._metrics.items():
            metric.load_state_dict(state["metrics"][name])
