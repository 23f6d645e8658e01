"""What happened in each epoch, in plain numbers, and the one of them that is followed."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

from torch import nn

from ptguide._optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNTERS = ("epoch", "step")
VALIDATION = "validation_"


class History:
    """One record for each epoch of a training run.

    A record is a dictionary: ``epoch`` and ``step`` (both counted from 1, at the end of the epoch), ``learning_rate``
    (that of the epoch's last step; ``learning_rate_1`` and so on for further parameter groups), ``loss`` and each
    metric (means over the samples of the training data, taken while the weights change), and ``validation_loss`` and
    so on if there was validation data. A second run with the same seed on the same machine gives the same.

    Attributes
    ----------
    samples_per_second : list of float
        How fast each epoch was trained, the validation left out; kept apart because it differs from run to run.

    Examples
    --------
    >>> history = History()
    >>> history.append({"epoch": 1, "loss": 0.5}, samples_per_second=1000.0)
    >>> history.append({"epoch": 2, "loss": 0.25}, samples_per_second=1010.0)
    >>> len(history)
    2
    >>> history[-1]
    {'epoch': 2, 'loss': 0.25}
    >>> history["loss"]
    [0.5, 0.25]
    """

    def __init__(self) -> None:
        self._records: list[dict[str, float]] = []
        self.samples_per_second: list[float] = []

    def append(self, record: dict[str, float], samples_per_second: float) -> None:
        """Add the record of an epoch, and how many samples were trained on in a second."""
        self._records.append(dict(record))
        self.samples_per_second.append(samples_per_second)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self._records)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={value:.4g}" for name, value in self._records[-1].items()) if self._records else ""
        return f"History({len(self)} epochs{', the last: ' if last else ''}{last})"

    @overload
    def __getitem__(self, key: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, key: str) -> list[float]: ...
    def __getitem__(self, key: int | str) -> dict[str, float] | list[float]:
        """Return the record of an epoch (an integer, from 0), or a figure of all epochs (its name).

        Raises
        ------
        KeyError
            If no figure has this name.
        """
        if not isinstance(key, str):
            return self._records[key]
        figures = self.as_dict()
        if key not in figures:
            raise KeyError(f"no figure is named {key!r}; there are {', '.join(figures) or 'none yet'}")
        return figures[key]

    def as_dict(self) -> dict[str, list[float]]:
        """Return each figure with its values, epoch by epoch; NaN where an epoch has no value.

        Examples
        --------
        >>> history = History()
        >>> history.append({"epoch": 1, "loss": 0.5}, samples_per_second=1000.0)
        >>> history.as_dict()
        {'epoch': [1], 'loss': [0.5]}
        """
        names = dict.fromkeys(name for record in self._records for name in record)
        return {name: [record.get(name, math.nan) for record in self._records] for name in names}

    def plot(self, title: str | None = None) -> Figure:
        """Draw each figure against the epoch, training and validation in one panel.

        The learning rate has a panel if it changed.

        Parameters
        ----------
        title : str, optional
            What the figure shows, as a sentence; in a gallery page it becomes the alternative text.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            If no epoch was recorded.
        ModuleNotFoundError
            If Matplotlib is not installed.

        Examples
        --------
        >>> history = History()
        >>> history.append({"epoch": 1, "loss": 0.5, "validation_loss": 0.6}, samples_per_second=1000.0)
        >>> figure = history.plot("One epoch says little")
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['training', 'validation']
        """
        if not self._records:
            raise ValueError("the history holds no epoch, so there is nothing to draw; expected at least one.")
        plt = require("matplotlib.pyplot", "History.plot", extra="training")
        figures = self.as_dict()
        epochs = figures.get("epoch", list(range(1, len(self) + 1)))
        panels = _panels(figures)
        figure: Figure
        figure, axes = plt.subplots(
            1, len(panels), figsize=(0.8 + 3.6 * len(panels), 3.2), layout="constrained", squeeze=False
        )
        for ax, name in zip(axes[0], panels, strict=True):
            lines = {"training": name, "validation": VALIDATION + name}
            for label, key in lines.items():
                if key in figures:
                    ax.plot(epochs, figures[key], marker="o", markersize=3, label=label)
            words = name.replace("_", " ")
            ax.set(title=words.capitalize(), xlabel="epoch", ylabel=words)
            ax.xaxis.get_major_locator().set_params(integer=True)
            if len(ax.lines) > 1:
                ax.legend()
        if title is not None:
            figure.suptitle(title, wrap=True)
        return figure

    def state_dict(self) -> dict[str, Any]:
        """Return the records for a checkpoint."""
        records = [dict(record) for record in self._records]
        return {"records": records, "samples_per_second": list(self.samples_per_second)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` returned."""
        self._records = [dict(record) for record in state["records"]]
        self.samples_per_second = list(state["samples_per_second"])


@contextlib.contextmanager
def kept_after_errors(history: History) -> Iterator[None]:
    """Let an exception that ends a training early carry the epochs that were done."""
    try:
        yield
    except BaseException as error:
        error.history = history  # type: ignore[attr-defined]
        if isinstance(error, KeyboardInterrupt) and len(history):
            error.add_note(f"The records of {len(history)} epochs are kept: sys.last_value.history has them.")
        raise


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


def _panels(figures: dict[str, list[float]]) -> list[str]:
    """Return the figures that get a panel of their own."""
    names = dict.fromkeys(name.removeprefix(VALIDATION) for name in figures if name not in COUNTERS)
    constant = {name for name in names if name.startswith("learning_rate") and len(set(figures[name])) == 1}
    shown = [name for name in names if name not in constant]
    # What is learned from comes first, how it was learned last.
    return sorted(shown, key=lambda name: name.startswith("learning_rate"))
