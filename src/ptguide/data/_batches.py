"""Batches by indexing: one selection for a whole batch, where DataLoader takes examples one by one and joins them."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from ptguide.data._tensor_data import TensorData

SETTINGS = ("examples", "batch_size", "shuffle", "drop_last")


def batches(
    dataset: Dataset[Any],
    batch_size: int = 32,
    *,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
    drop_last: bool = False,
    device: torch.device | str | None = None,
) -> Batches:
    """Go through a data set that lies in tensors, batch by batch, again and again.

    For the same seed these are, batch by batch, what ``DataLoader(dataset, batch_size, shuffle=..., generator=...,
    drop_last=...)`` gives, many times as fast, for it indexes the tensors once a batch. For data that does not fit in
    memory, or that is read or changed example by example, `torch.utils.data.DataLoader` with its workers is the
    answer.

    Parameters
    ----------
    dataset : TensorData, TensorDataset, or a Subset of one
        Its tensors may lie on any device, and are indexed there: data that a GPU can hold is moved there once, by
        `TensorData.to`.
    batch_size : int
        Examples in a batch; the last one holds what is left.
    shuffle : bool
        Whether each epoch has a new order. Without it, no random number is drawn.
    generator : torch.Generator, optional
        Draws the orders; it has to be one for the CPU. By default, as in DataLoader, the seed of each epoch is drawn
        from the generator that `torch.manual_seed` sets. Where something else draws from ``generator`` during an epoch,
        the next one is as reproducible, but no longer DataLoader's, which draws once more at its end.
    drop_last : bool
        Whether to leave out a last batch that is not full.
    device : torch.device or str, optional
        Where the batches are wanted; by default they stay where the data is. From the CPU to a CUDA device they go
        through pinned memory, and the copy runs while Python goes on. (This way is tested by what it asks of torch; it
        has not been run on a GPU.)

    Returns
    -------
    Batches
        An iterable of tuples with one tensor for each tensor of the data set: a copy, and no view of the data.

    Raises
    ------
    TypeError
        If ``dataset`` gives its examples only one by one, or ``batch_size`` is no integer.
    ValueError
        If ``batch_size`` is less than 1, or ``generator`` is for another device than the CPU.

    Examples
    --------
    >>> import torch
    >>> from ptguide.data import digits
    >>> generator = torch.Generator().manual_seed(0)
    >>> loader = batches(digits(), 100, shuffle=True, generator=generator)
    >>> [len(labels) for images, labels in loader]
    [100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 85]
    """
    return Batches(dataset, batch_size, shuffle=shuffle, generator=generator, drop_last=drop_last, device=device)


@dataclass
class _Epoch:
    """How far an epoch has come.

    Attributes
    ----------
    start : Tensor or None
        The state of the generator before it drew the order; None without shuffling.
    given : int
        Batches that were handed out.
    """

    start: Tensor | None
    given: int = 0


class Batches:
    """What `batches` returns: each ``for`` loop over it is one epoch.

    An epoch can be left and continued exactly. In the middle of a loop, `state_dict` says which order the epoch has and
    how many batches were handed out, the one that the loop is at among them. `load_state_dict` lets the next loop,
    in this process or another, begin with the batch after that. A loop that is left without it begins anew.

    Attributes
    ----------
    dataset, batch_size, shuffle, generator, drop_last, device
        As given to `batches`.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int = 32,
        *,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        drop_last: bool = False,
        device: torch.device | str | None = None,
    ) -> None:
        _tensors_of(dataset)  # refused now, and not in the first loop
        self.dataset = dataset
        self.batch_size = _positive(batch_size)
        self.shuffle = shuffle
        self.generator = _on_cpu(generator)
        self.drop_last = drop_last
        self.device = None if device is None else torch.device(device)
        self._epoch: _Epoch | None = None  # the epoch that `state_dict` speaks of
        self._continues = False  # whether the next loop continues it

    @property
    def _examples(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, rest = divmod(self._examples, self.batch_size)
        return full + bool(rest and not self.drop_last)

    def __repr__(self) -> str:
        return (
            f"Batches({len(self)} of {self.batch_size} examples from {type(self.dataset).__name__}, "
            f"shuffle={self.shuffle}, drop_last={self.drop_last}, device={self.device})"
        )

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """Begin an epoch, or continue the one that `load_state_dict` brought."""
        if self._continues and self._epoch is not None:
            epoch, replayed = self._epoch, torch.Generator()
            if epoch.start is not None:
                replayed.set_state(epoch.start)
            order = self._draw_order(replayed)
        else:
            source = self.generator or torch.default_generator
            epoch = _Epoch(source.get_state() if self.shuffle else None)
            order = self._draw_order(source)
        self._epoch, self._continues = epoch, False
        return self._run(epoch, order)

    def _run(self, epoch: _Epoch, order: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yield the batches of an epoch that were not handed out before."""
        tensors, chosen = _tensors_of(self.dataset)  # those that it has now
        if chosen is not None:
            order = chosen[order]
        # One transfer an epoch for tensors that lie elsewhere; on the CPU, `to` costs nothing.
        parts = [torch.split(order.to(tensor.device), self.batch_size) for tensor in tensors]
        for number in range(epoch.given, len(self)):
            batch = tuple(_take(tensor, part[number], self.device) for tensor, part in zip(tensors, parts, strict=True))
            epoch.given = number + 1
            yield batch
        if self._epoch is epoch:  # no other loop has begun since
            self._epoch = None

    def _draw_order(self, source: torch.Generator) -> Tensor:
        """Draw the order of an epoch, with the same draws as DataLoader and its RandomSampler."""
        if not self.shuffle:
            return torch.arange(self._examples)
        _draw_seed(source)  # DataLoader's, for its workers
        if self.generator is None:
            return torch.randperm(self._examples, generator=torch.Generator().manual_seed(_draw_seed(source)))
        order = torch.randperm(self._examples, generator=source)
        # RandomSampler draws once more at the end of an epoch, and uses nothing of it.
        torch.randperm(self._examples, generator=source)
        return order

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs: numbers and two small tensors, a few kilobytes.

        ``torch.save`` writes it, and ``torch.load(..., weights_only=True)`` reads it. It speaks of the loop that was
        begun last. The generator that `torch.manual_seed` sets is not in it: who shuffles without a ``generator``
        saves that one too (`torch.get_rng_state`), as dropout needs it anyway.
        """
        return {
            **self._settings(),
            "given": self._epoch.given if self._epoch else 0,
            "epoch_start": self._epoch.start if self._epoch else None,
            "generator": self.generator.get_state() if self.generator is not None and self.shuffle else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next loop continue where `state_dict` was called.

        The loops after it are the same, too, if a ``generator`` was given, for its state is set.

        Raises
        ------
        ValueError
            If the state is of other data or was made with other settings: the batches would be others.
        """
        wanted = {*SETTINGS, "given", "epoch_start", "generator"}
        if missing := sorted(wanted - set(state)):
            raise ValueError(f"state lacks {', '.join(missing)}; expected what state_dict of Batches returned.")
        for name, value in self._settings().items():
            if state[name] != value:
                raise ValueError(
                    f"state was saved with {name}={state[name]}, and these batches have {name}={value}. "
                    "Make them with the settings and the data of the saved ones."
                )
        if self.shuffle and (state["generator"] is None) != (self.generator is None):
            saved, given = ("without", "with") if state["generator"] is None else ("with", "without")
            raise ValueError(
                f"state was saved {saved} a generator, and these batches were made {given} one, "
                f"so the order would differ. Make them {saved} one too."
            )
        # A checkpoint that was loaded with map_location has moved them; generators take their state from the CPU.
        start, generator = (None if state[name] is None else state[name].cpu() for name in ("epoch_start", "generator"))
        if self.generator is not None and generator is not None:
            self.generator.set_state(generator)
        self._epoch = _Epoch(start, state["given"])
        self._continues = state["given"] > 0 or start is not None

    def _settings(self) -> dict[str, int]:
        values = (self._examples, self.batch_size, self.shuffle, self.drop_last)
        return dict(zip(SETTINGS, values, strict=True))


def _tensors_of(dataset: Dataset[Any]) -> tuple[tuple[Tensor, ...], Tensor | None]:
    """Return the tensors of a data set, and which of their examples are meant (None for all)."""
    if type(dataset) is Subset:
        tensors, outer = _tensors_of(dataset.dataset)
        chosen = torch.as_tensor(dataset.indices, dtype=torch.int64)
        chosen = torch.where(chosen < 0, chosen + len(dataset.dataset), chosen)  # type: ignore[arg-type]
        return tensors, chosen if outer is None else outer[chosen]
    # A subclass with a __getitem__ of its own changes the examples on their way, and selecting would pass it by; so
    # does one with __getitems__, which a DataLoader calls with all indices of a batch.
    if not hasattr(dataset, "__getitems__"):
        if isinstance(dataset, TensorData) and type(dataset).__getitem__ is TensorData.__getitem__:
            return (dataset.inputs, dataset.targets), None
        if isinstance(dataset, TensorDataset) and type(dataset).__getitem__ is TensorDataset.__getitem__:
            return dataset.tensors, None
    raise TypeError(
        f"dataset is of type {type(dataset).__name__}, which gives its examples one by one; expected one whose tensors "
        "can be indexed at once: TensorData, TensorDataset, or a Subset of one. "
        "For others, use torch.utils.data.DataLoader, for ShapesData with collate_fn=collate_objects."
    )


def _positive(batch_size: int) -> int:
    if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__"):
        raise TypeError(f"batch_size is {batch_size!r}; expected an integer, the number of examples in a batch.")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected at least 1.")
    return operator.index(batch_size)


def _on_cpu(generator: torch.Generator | None) -> torch.Generator | None:
    if generator is not None and generator.device.type != "cpu":
        raise ValueError(
            f"generator is for {generator.device}; expected one for the CPU, where the order is drawn: "
            "torch.Generator()."
        )
    return generator


def _draw_seed(source: torch.Generator) -> int:
    return int(torch.empty((), dtype=torch.int64).random_(generator=source))


def _take(tensor: Tensor, positions: Tensor, device: torch.device | None) -> Tensor:
    """Return a copy of the examples at some positions, on a device."""
    if device is None:
        return tensor.index_select(0, positions)
    if tensor.device.type != "cpu" or device.type != "cuda" or tensor.requires_grad:
        return tensor.index_select(0, positions).to(device)
    # torch keeps pinned blocks for the next batches, and gives none out again before the copy from it has ended.
    pinned = torch.empty((len(positions), *tensor.shape[1:]), dtype=tensor.dtype, pin_memory=True)
    torch.index_select(tensor, 0, positions, out=pinned)
    return pinned.to(device, non_blocking=True)
