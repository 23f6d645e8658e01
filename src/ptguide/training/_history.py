"""What happened in each epoch, in plain numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, overload

from ptguide.training._optional import require


class History:
    """One record for each epoch of a training run.

    Examples
    --------
    >>> history = History()
    >>> history.append({"epoch": 1, "loss": 0.5})
    >>> history.append({"epoch": 2, "loss": 0.25})
    >>> history["loss"], history[-1]["epoch"], len(history)
    ([0.5, 0.25], 2, 2)
    """

    def __init__(self) -> None:
        self._records: list[dict[str, float]] = []
        self._speeds: list[float] = []

    def append(self, record: dict[str, float], samples_per_second: float = 0.0) -> None:
        """Add the record of an epoch."""
        self._records.append(record)
        self._speeds.append(samples_per_second)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self._records)

    @overload
    def __getitem__(self, key: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, key: str) -> list[float]: ...
    def __getitem__(self, key: int | str) -> dict[str, float] | list[float]:
        if isinstance(key, str):
            return self.as_dict()[key]
        return self._records[key]

    def as_dict(self) -> dict[str, list[float]]:
        """Return each figure with its values, epoch by epoch."""
        names = self._records[0] if self._records else ()
        return {name: [record[name] for record in self._records] for name in names}

    def plot(self) -> Any:
        """Draw the figures against the epoch."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Return the records for a checkpoint."""
        return {"records": [dict(record) for record in self._records], "samples_per_second": list(self._speeds)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` returned."""
        self._records = [dict(record) for record in state["records"]]
        self._speeds = list(state["samples_per_second"])


_ = require
