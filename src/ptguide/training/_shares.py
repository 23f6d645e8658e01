"""What each process of a run has for itself: its share of every batch, and its part of a checkpoint.

The first process writes for all of them.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset

from ptguide.training._batches import batch_size, map_tensors
from ptguide.training._order import generator_states, generators, rng_state, set_generator_states, set_rng_state
from ptguide.training._processes import Team, divided, is_sharded, whole

OWN = ("rng", "figures")  # what each process has for itself; all else is the same in all of them


@dataclass(slots=True)
class Part:
    """What one process has of a batch.

    Attributes
    ----------
    batch : Any
        Its samples. Where there are fewer samples than processes, some get one to compute with that counts for nothing.
    size : int
        How many samples of the batch this process answers for.
    total : int
        How many samples the batch has in all processes together.
    last : bool
        Whether it is the last batch of its step.
    """

    batch: Any
    size: int
    total: int
    last: bool = True


def part_of(batch: Any) -> Part:
    """Return a batch as a part: the whole of it where one process has it alone."""
    if isinstance(batch, Part):
        return batch
    size = batch_size(batch)
    return Part(batch, size, size)


class Shares:
    """Data of which each process sees its part, as `Part`.

    All processes are given the same data. The order of every epoch is drawn from the random states of the first one.

    - A DataLoader with a DistributedSampler gives each process its own samples already.
    - Any other DataLoader over a map-style data set loads, in each process, only the samples that it needs: each batch
      of indices is cut into as many pieces as there are processes.
    - Of all other data, each process makes the whole batch and keeps its piece of each tensor whose first axis is as
      long as that of the first; all others, such as a grid that the samples share, stay whole.
    """

    def __init__(self, data: Any, team: Team, device: torch.device) -> None:
        self._data = data
        self._team = team
        self._device = device
        self._generators = generators(data)
        self._divided = _is_divided(data)
        self._pieces: _Pieces | None = None
        if not self._divided and _can_be_cut(data):
            self._pieces = _Pieces(data.batch_sampler, team)
            self._data = _with_batches(data, self._pieces)

    def __getattr__(self, name: str) -> Any:
        """Pass on what the data has: its length, its sampler, its place in the epoch."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._data, name)

    def __iter__(self) -> Iterator[Part]:
        """Begin an epoch, or continue the one that ``load_state_dict`` of the data brought."""
        mine = rng_state(self._device)
        states, drawn = self._team.broadcast((rng_state(self._device), generator_states(self._generators)))
        set_rng_state(states, self._device)
        set_generator_states(self._generators, drawn)
        batches = iter(self._data)
        first = next(batches, None)  # some draw the order only now
        if not self._team.leads:
            set_rng_state(mine, self._device)
        while first is not None:
            yield self._part(first)
            first = next(batches, None)

    def _part(self, batch: Any) -> Part:
        if self._divided:
            size = batch_size(batch)
            return Part(batch, size, size * self._team.size)  # DistributedSampler gives all of them as many
        if self._pieces is not None:
            size, total = self._pieces.sizes.popleft()
            return Part(batch, size, total)
        total = batch_size(batch)
        start, stop = _piece(total, self._team)
        kept = slice(start, stop) if stop > start else slice(0, 1)

        def cut(tensor: Tensor) -> Tensor:  # what has another first axis belongs to no sample: all processes share it
            return tensor[kept] if tensor.ndim and len(tensor) == total else tensor

        return Part(map_tensors(cut, batch), stop - start, total)


def share(data: Any, team: Team, device: torch.device) -> Any:
    """Return the data itself for one process alone, and its `Shares` for several."""
    return data if team.size == 1 else Shares(data, team, device)


def _piece(total: int, team: Team) -> tuple[int, int]:
    """Return where the piece of this process begins and ends; the pieces differ by one sample at most."""
    return team.rank * total // team.size, (team.rank + 1) * total // team.size


class _Pieces:
    """Batches of indices, of which this process keeps a piece."""

    def __init__(self, batches: Any, team: Team) -> None:
        self._batches = batches
        self._team = team
        self.sizes: deque[tuple[int, int]] = deque()

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        sizes: deque[tuple[int, int]] = deque()
        self.sizes = sizes  # workers ask for batches ahead, in the order in which they arrive
        for indices in self._batches:
            start, stop = _piece(len(indices), self._team)
            sizes.append((stop - start, len(indices)))
            yield indices[start:stop] or indices[:1]


def _is_divided(data: Any) -> bool:
    """Return whether the samples come from a DistributedSampler."""
    holders = (data, getattr(data, "batch_sampler", None))
    return any(isinstance(getattr(holder, "sampler", None), DistributedSampler) for holder in holders)


def _can_be_cut(data: Any) -> bool:
    """Return whether this is a DataLoader that asks its data set for lists of indices, and keeps their order."""
    if type(data) is not DataLoader or isinstance(data.dataset, IterableDataset):
        return False
    return data.batch_sampler is not None and data.in_order


def _with_batches(data: DataLoader[Any], batches: _Pieces) -> DataLoader[Any]:
    """Return a DataLoader with the same settings and other batches."""
    return DataLoader(
        data.dataset,
        batch_sampler=batches,  # anything that yields lists of indices will do
        num_workers=data.num_workers,
        collate_fn=data.collate_fn,
        pin_memory=data.pin_memory,
        timeout=data.timeout,
        worker_init_fn=data.worker_init_fn,
        multiprocessing_context=data.multiprocessing_context,
        generator=data.generator,
        prefetch_factor=data.prefetch_factor,
        persistent_workers=data.persistent_workers,
        pin_memory_device=data.pin_memory_device,
    )


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
