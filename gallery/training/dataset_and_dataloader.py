"""
.. _dataset-and-dataloader:

Dataset and DataLoader: how do the batches get into the loop?
=============================================================

A data set gives one example for an index; a :class:`torch.utils.data.DataLoader` chooses the indices, fetches the
examples and joins them to a :term:`batch`. This page makes a data set of files, and changes each of the three parts.
You need to know :ref:`the-training-loop` and :ref:`stack`.
"""

# %%
# Joining is :func:`torch.stack`: examples of shape (3, 4) become a batch of shape (2, 3, 4). Touch an element of the
# batch to see its example.

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    WeightedRandomSampler,
    get_worker_info,
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
# A data set of your own, from files
# ----------------------------------
#
# First some files: 23 images of digits, one file each, and a table that names them with their :term:`labels <label>`.

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
images, labels = digits()[:23]
with (folder / "labels.csv").open("w", newline="") as file:
    table = csv.writer(file)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        np.save(folder / f"{number:02}.npy", image.numpy())
        table.writerow([f"{number:02}.npy", label.item()])

# %%
# A data set has a length, and an example for each index: ``__len__`` and ``__getitem__``. This is called *map-style*.
# ``__init__`` reads the small table only; an image is read when it is asked for, so the whole may be larger than the
# memory. ``transform`` is a function for each image, such as a crop; it is None where nothing has to change.


class DigitFiles(Dataset):
    def __init__(self, folder, transform=None):
        self.folder = Path(folder)
        self.transform = transform
        with (self.folder / "labels.csv").open(newline="") as file:
            self.rows = [(name, int(label)) for name, label in csv.reader(file)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        name, label = self.rows[index]
        image = torch.from_numpy(np.load(self.folder / name))
        return (image if self.transform is None else self.transform(image)), label


data = DigitFiles(folder)
image, label = data[4]
assert (len(data), image.shape, label) == (23, (1, 8, 8), labels[4])

(batch_images, batch_labels), *rest = DataLoader(data, batch_size=10)
assert torch.equal(batch_images, images[:10])
assert torch.equal(batch_labels, labels[:10])
assert [len(more) for _, more in rest] == [10, 3]

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
# Any other choice is a ``sampler``: something that gives indices. A list will do. ``WeightedRandomSampler`` draws rare
# examples more often, here so that a class with 10 of 200 examples makes about half of what is seen.

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
# With ``num_workers=2`` two :term:`processes <process>` read, transform and join while yours trains: each
# :term:`worker` makes every second batch. The batches and their order are the same as without workers.


class Squares(Dataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        info = get_worker_info()
        return index**2, -1 if info is None else info.id


settings = {"num_workers": 2, "multiprocessing_context": "fork"}
alone = list(DataLoader(Squares(), batch_size=2))
helped = list(DataLoader(Squares(), batch_size=2, **settings))
for (values, _), (same, made_by) in zip(alone, helped, strict=True):
    print(f"{same.tolist()} by worker {made_by[0]}")
    assert torch.equal(values, same)
assert [made_by.unique().tolist() for _, made_by in helped] == [[0], [1], [0], [1]]
assert all((made_by == -1).all() for _, made_by in alone)

# %%
# ``"fork"`` copies this process, and Windows has no such thing. There and on macOS a worker begins by *spawn*: a fresh
# Python that first imports your script. So the class must stand in the script or in a file that can be imported, and
# what is to run once belongs under ``if __name__ == "__main__":``. Here a script runs with this guard and without it;
# the rule is Python's own, so it needs no torch.

script = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def square(index):
    return index**2

def main():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        print(list(worker.map(square, range(4))))
"""


def run_script(ending):
    (folder / "train.py").write_text(script + ending)
    command = [sys.executable, str(folder / "train.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


guarded = run_script('\nif __name__ == "__main__":\n    main()\n')
assert (guarded.stdout, guarded.returncode) == ("[0, 1, 4, 9]\n", 0)

# %%
# Without the guard the worker runs ``main()`` as well and would start a worker of its own. Python stops it, and the
# script gets nothing.

bare = run_script("\nmain()\n")
assert (bare.stdout, bare.returncode) == ("", 1)
assert "start a new process before the" in bare.stderr
assert "if __name__ == '__main__':" in bare.stderr  # the advice of the message

# %%
# Data without indices: iterable-style
# ------------------------------------
#
# A stream, such as lines that arrive over a network, has no length and no index. An
# ``torch.utils.data.IterableDataset`` has ``__iter__`` only, so nothing can be shuffled.


class Stream(IterableDataset):
    def __iter__(self):
        yield from range(100, 107)


assert [batch.tolist() for batch in DataLoader(Stream(), batch_size=4)] == [
    [100, 101, 102, 103],
    [104, 105, 106],
]
with expect_error(ValueError, match="expected unspecified shuffle option"):
    DataLoader(Stream(), batch_size=4, shuffle=True)
with expect_error(TypeError, match="has no len"):
    len(DataLoader(Stream(), batch_size=4))

# %%
# What goes wrong: a transform that writes into the data
# ------------------------------------------------------
#
# :func:`torch.from_numpy` shares the memory of the array, and ``*=`` writes :term:`in place`. So each look at an item
# changes it for the next one. This is from a learner's notes on a table of wines, whose first number is 14.23; every
# epoch trained on other data.


class Wines(Dataset):
    def __init__(self, transform):
        self.table = torch.from_numpy(np.array([[14.23, 1.71], [13.2, 1.78]]))
        self.transform = transform

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.transform(self.table[index])


def times_four_in_place(inputs):
    inputs *= 4
    return inputs


wines = Wines(times_four_in_place)
reads = [round(wines[0][0].item(), 2) for _ in range(3)]
print(reads)
assert reads == [56.92, 227.68, 910.72]

# %%
# ``inputs * 4`` makes a new tensor, and every read is the same. A test that reads an item twice finds the mistake.

wines = Wines(lambda inputs: inputs * 4)
assert torch.equal(wines[0], wines[0])
assert wines.table[0, 0] == 14.23

# %%
# Data that lies in memory
# ------------------------
#
# A DataLoader calls ``__getitem__`` once for every example, and stacks. When all examples are one tensor already, one
# indexing makes a whole batch. ``batches`` does that, with the same order for the same seed, many times as fast.

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
temporary.cleanup()

# %%
# Check yourself
# --------------

steps = 10 * len(DataLoader(range(1085), batch_size=50))
ask(
    "1085 examples, batch_size=50, 10 epochs. How many times is optimizer.step() called?",
    answer=steps,
    choices={
        210: "That leaves out the last 35 examples, as drop_last=True does.",
        220: "22 iterations an epoch; the last has 35 examples.",
        10850: "That is the number of examples seen.",
    },
)

# %%
# And one for a data set of your own:


class Shouting(Dataset):
    def __init__(self):
        self.items = [[1], [2]]

    def __len__(self):
        return 2

    def __getitem__(self, index):
        self.items[index].append(0)
        return len(self.items[index])


shouting = Shouting()
lengths = [batch.tolist() for _epoch in range(2) for batch in DataLoader(shouting, batch_size=2)]
ask(
    "__getitem__ appends a 0 to the stored list and returns its length; the lists start with 1 element. "
    "What does the second epoch give?",
    answer=lengths[1],
    choices={
        (1, 1): "Each read appends first.",
        (2, 2): "That is the first epoch. What it changed stays changed.",
        (3, 3): "The data set was changed by being read: every epoch sees other data.",
    },
)

# %%
# Next: :ref:`saving-and-loading`, so that training can stop and go on.
