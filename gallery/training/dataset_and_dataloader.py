"""
.. _dataset-and-dataloader:

Dataset and DataLoader: how do the batches get into the loop?
=============================================================

A data set gives one example for an index; a :class:`torch.utils.data.DataLoader` chooses the indices, fetches the
examples and joins them to a :term:`batch`. This page looks at the two kinds of data set, and changes each of the three
parts.
You need to know :ref:`the-training-loop` and :ref:`stack`.
"""

# %%
# Joining is :func:`torch.stack`: examples of shape (3, 4) become a batch of shape (2, 3, 4). Touch an element of the
# batch to see its example.

import time

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    TensorDataset,
    WeightedRandomSampler,
)

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

examples = [torch.arange(12).reshape(3, 4) + 20 * number for number in range(5)]
first_batch = next(iter(DataLoader(examples, batch_size=2)))
assert torch.equal(first_batch, torch.stack(examples[:2]))
draw(torch.stack, examples[:2])

# %%
# Epoch, batch, iteration
# -----------------------
#
# Five examples in batches of 2 are three :term:`iterations <iteration>`, the last with what is left; together they are
# one :term:`epoch`. Every ``for`` over the loader begins a new one. ``drop_last=True`` leaves out a batch that is not
# full.

loader = DataLoader(range(5), batch_size=2)
for iteration, batch in enumerate(loader, start=1):
    print(f"iteration {iteration}: {batch}")
assert len(loader) == 3
assert len(DataLoader(range(5), batch_size=2, drop_last=True)) == 2
assert sum(1 for epoch in range(7) for batch in loader) == 7 * 3

# %%
# Two kinds of data set
# ---------------------
#
# A *map-style* data set has a length and gives an example for an index: ``len(data)`` and ``data[4]``. A list does, a
# ``range`` does, and so does :class:`torch.utils.data.TensorDataset`, for tensors that lie in memory. An example is
# mostly a pair of input and :term:`label`, and a batch then a pair of tensors. For files one writes a class:
# :ref:`custom-dataset`.

images, labels = digits()[:23]
data = TensorDataset(images, labels)
image, label = data[4]
assert (len(data), image.shape, label) == (23, (1, 8, 8), labels[4])

(batch_images, batch_labels), *rest = DataLoader(data, batch_size=10)
assert torch.equal(batch_images, images[:10])
assert torch.equal(batch_labels, labels[:10])
assert [len(more) for _, more in rest] == [10, 3]

# %%
# An *iterable-style* one is a stream, such as lines that arrive over a network: no length, no index. An
# :class:`torch.utils.data.IterableDataset` has ``__iter__`` and no ``__getitem__``, so the DataLoader cannot shuffle
# it.


class Stream(IterableDataset):
    def __iter__(self):
        yield from range(100, 107)


streamed = [batch.tolist() for batch in DataLoader(Stream(), batch_size=4)]
print(streamed)
assert streamed == [[100, 101, 102, 103], [104, 105, 106]]
with expect_error(ValueError, match="expected unspecified shuffle option"):
    DataLoader(Stream(), batch_size=4, shuffle=True)
with expect_error(TypeError, match="has no len"):
    len(DataLoader(Stream(), batch_size=4))

# %%
# Part 1, the sampler: which indices
# ----------------------------------
#
# ``shuffle=True`` draws a new order for each epoch, from ``generator``. The same :term:`seed` gives the same orders
# again; the second epoch is another order of the same examples.


def orders(seed):
    source = torch.Generator().manual_seed(seed)
    loader = DataLoader(range(23), batch_size=10, shuffle=True, generator=source)
    return [torch.cat(list(loader)).tolist() for epoch in range(2)]


one, two = orders(seed=0)
assert orders(seed=0) == [one, two]
assert one != two
assert sorted(one) == sorted(two) == list(range(23))

# %%
# For another choice of indices, pass a ``sampler``: something that gives indices. A list will do.
# :class:`torch.utils.data.WeightedRandomSampler` draws rare examples more often, here so that a class with 10 of
# :val:`200 <len(kinds)>` examples makes about half of what is seen.

picked = DataLoader(data, sampler=[4, 0, 4], batch_size=3)
assert next(iter(picked))[1].tolist() == [labels[4], labels[0], labels[4]]

kinds = torch.tensor([1] * 10 + [0] * 190)
weights = 1 / torch.bincount(kinds)[kinds]
sampler = WeightedRandomSampler(weights, 1000, generator=torch.Generator().manual_seed(0))
seen = torch.cat(list(DataLoader(kinds, sampler=sampler, batch_size=100)))
assert kinds.float().mean().isclose(torch.tensor(0.05))
assert 0.4 < seen.float().mean() < 0.6

# %%
# Part 2, collate: from examples to a batch
# -----------------------------------------
#
# The default stacks tensors and turns numbers into a tensor. So examples of different lengths fail; a ``collate_fn`` of
# your own gets the list of examples and says what a batch is, here padded with 0 to the longest.

words = [torch.tensor([5, 6, 7]), torch.tensor([8]), torch.tensor([9, 4])]
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    next(iter(DataLoader(words, batch_size=3)))


def pad(examples):
    return pad_sequence(examples, batch_first=True), torch.tensor([len(one) for one in examples])


padded, lengths = next(iter(DataLoader(words, batch_size=3, collate_fn=pad)))
print(padded)
assert padded.tolist() == [[5, 6, 7], [8, 0, 0], [9, 4, 0]]
assert lengths.tolist() == [3, 1, 2]

# %%
# Part 3, workers: who fetches
# ----------------------------
#
# Without workers, the default, your own :term:`process` fetches the examples, between two steps of training.
# With a larger number, that many processes prepare batches meanwhile. The batches are the same if an example depends on
# its index alone; :ref:`dataloader-workers` shows what a script needs for it.

# %%
# One batch, to look at
# ---------------------
#
# A loader is no list, so ``loader[0]`` fails. ``iter`` begins an epoch, and :func:`next` takes a batch of it. Old
# tutorials write ``.next()``, which is gone. And ``next(iter(loader))`` in a loop begins an epoch each time: without
# shuffling it gives the first batch again and again.

loader = DataLoader(data, batch_size=10)
with expect_error(TypeError, match="object is not subscriptable"):
    loader[0]
with expect_error(AttributeError, match="has no attribute 'next'"):
    iter(loader).next()
epoch = iter(loader)
assert [len(next(epoch)[1]) for _ in range(3)] == [10, 10, 3]
again = [next(iter(loader))[1] for _ in range(3)]
assert all(torch.equal(labels_of_batch, labels[:10]) for labels_of_batch in again)

# %%
# Data that lies in memory
# ------------------------
#
# For this data set a DataLoader calls ``__getitem__`` once for each example, and stacks. When the examples are one
# tensor already, one indexing makes a whole batch. ``batches`` does that, with the same order for the same seed, and
# here more than twice as fast.

train_set = digits()
settings = {"batch_size": 50, "shuffle": True}
by_loader = DataLoader(train_set, **settings, generator=torch.Generator().manual_seed(0))
by_index = batches(train_set, **settings, generator=torch.Generator().manual_seed(0))
for _epoch in range(2):
    for one, other in zip(by_loader, by_index, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def seconds(loader):
    start = time.perf_counter()
    for _batch in loader:
        pass
    return time.perf_counter() - start


fastest = {
    name: min(seconds(it) for _ in range(5)) for name, it in [("l", by_loader), ("b", by_index)]
}
assert fastest["b"] < fastest["l"] / 2

# %%
# Check yourself
# --------------

steps = 10 * len(DataLoader(range(1085), batch_size=50))
ask(
    "1085 examples, batch_size=50, 10 epochs. How many times is optimizer.step() called?",
    answer=steps,
    choices={
        210: f"That leaves out the last {1085 % 50} examples, as drop_last=True does.",
        220: f"{steps // 10} iterations an epoch; the last has {1085 % 50} examples.",
        10850: "That is the number of examples seen.",
    },
)

# %%
# And one batch:

first_of = [batch[0].item() for batch in DataLoader(range(40, 49), batch_size=4)]
ask(
    "The data counts from 40 to 48, batch_size=4, no shuffling. With which number does the last batch begin?",
    answer=first_of[-1],
    choices={
        44: "That is the second batch; one example is left after it.",
        45: "Batches do not overlap: they begin at 40, 44 and 48.",
        48: "Nine examples are 4, 4 and 1.",
    },
)

# %%
# Next: :ref:`custom-dataset`, for examples that lie in files.
