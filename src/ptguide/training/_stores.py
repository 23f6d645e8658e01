"""Save and load for all processes of a run: the first one writes, and what differs between them is kept for each."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Protocol

from ptguide.training._processes import Team, is_sharded
from ptguide.training._sharding import divided, whole

OWN = ("rng", "figures")  # what each process has for itself; all else is the same in all of them


class CheckpointStore(Protocol):
    """What `fit` asks of its checkpoints."""

    def due(self, step: int) -> bool:
        """Return whether to save after this step, in the middle of an epoch."""

    def save(self, state: dict[str, Any], step: int, metric: float | None) -> None:
        """Keep a state. ``metric`` is None within an epoch; after one, it is the figure followed: lower is better."""

    def latest(self) -> dict[str, Any] | None:
        """Return the last state that was kept, or None."""


class TeamStore:
    """The checkpoints of a run, for each of its processes.

    Parameters
    ----------
    store : Checkpoints
        Where the first process writes and reads. No other needs to see the folder.
    team : Team
        The processes.
    parts : dict of str to object
        Those of the run; with FSDP2 they say how tensors are divided.
    """

    def __init__(self, store: CheckpointStore, team: Team, parts: Mapping[str, Any]) -> None:
        self._store = store
        self._team = team
        self._parts = parts
        self.due = store.due

    def save(self, state: dict[str, Any], step: int, metric: float | None) -> None:
        """Bring together what the processes have, and let the first write it; all of them raise what it raises."""
        team = self._team
        if team.size == 1:
            self._store.save(state, step, metric)
            return
        if any(map(is_sharded, self._parts.values())):
            state = whole(state, keep=team.leads)
        others = team.gather({name: state[name] for name in OWN})[1:]
        error = None
        if team.leads:
            try:
                self._store.save({**state, "others": others}, step, metric)
            except Exception as raised:
                error = raised
        self._raise_together(error)

    def latest(self) -> dict[str, Any] | None:
        """Let the first process load, and give each what is its own."""
        team = self._team
        state, error = None, None
        if team.leads:
            try:
                state = self._store.latest()
            except Exception as raised:
                error = raised
        self._raise_together(error)
        state = team.broadcast(state)
        if state is None:
            return None
        processes = [state, *state.pop("others", [])]
        if len(processes) != team.size:
            _check_other_size(state, len(processes), team.size)
        own = processes[team.rank % len(processes)]
        return divided({**state, **{name: own[name] for name in OWN}}, self._parts)

    def close(self) -> None:
        """Let other processes write to the folder, where the store knows how to."""
        if hasattr(self._store, "close"):
            self._store.close()

    def _raise_together(self, error: Exception | None) -> None:
        said = self._team.broadcast(None if error is None else f"{type(error).__name__}: {error}")
        if error is not None:
            raise error
        if said is not None:
            raise RuntimeError(f"The first process could not save or load the checkpoint: {said}")


def _check_other_size(state: dict[str, Any], before: int, now: int) -> None:
    """Refuse to go on with another number of processes in the middle of an epoch; elsewhere say what changes."""
    if state["data"]["position"]:
        raise ValueError(
            f"The checkpoint was written in the middle of an epoch by {before} process{'es' * (before > 1)}, whose "
            f"figures cannot be divided among {now}. Start {before}, or begin a new run from its weights: "
            "model.load_state_dict(checkpoints.latest()['model'])."
        )
    warnings.warn(
        f"The checkpoint was written by {before} process{'es' * (before > 1)} and this run has {now}: random numbers "
        "(dropout) go on differently, so the weights will not be those of a run that was not interrupted.",
        stacklevel=6,
    )
