"""
.. _iterable-datasets:

IterableDataset: how do I train on a stream, without an index?
==============================================================

Your examples come out of a log, a database or files that are larger than the memory, so there is no ``dataset[i]`` and
no length. Write an ``__iter__`` that yields one example after the other, and shuffle in a buffer.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import csv
import itertools
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, default_collate, get_worker_info

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
train_set, test_set = digits("train"), digits("test")
# The digits as five text files, as if they were too large to be read at once: a line is a label and 64 pixels.
files = [folder / f"part{k}.csv" for k in range(5)]
for k, path in enumerate(files):
    with path.open("w", newline="") as file:
        rows = zip(train_set.targets[k::5], train_set.inputs[k::5].flatten(1), strict=True)
        csv.writer(file).writerows([label.item(), *pixels.tolist()] for label, pixels in rows)


def draw_buffers(*sizes):
    """Draw where in the stream each example was that came out of a buffer."""
    _, axes = plt.subplots(1, len(sizes), figsize=(6.2, 2.2), sharey=True, layout="constrained")
    for axis, size in zip(axes, sizes, strict=True):
        order = list(shuffled(range(500), size, torch.Generator().manual_seed(0)))
        axis.plot(order, ".", markersize=2)
        axis.set(xlabel=f"place, buffer of {size}")
    axes[0].set_ylabel("place in the stream")
    plt.suptitle("A small buffer mixes neighbors and leaves the order")
    plt.show()


def train(buffer, seed):
    """Train on the digits in the order of their classes, through a buffer; return the accuracy."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    generator = torch.Generator().manual_seed(seed)
    by_class = train_set.targets.argsort(stable=True).tolist()
    for _epoch in range(5):
        order = torch.tensor(list(shuffled(by_class, buffer, generator)))
        for indices in order.split(50):
            loss = F.cross_entropy(network(train_set.inputs[indices]), train_set.targets[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        answers = network(test_set.inputs).argmax(dim=1)
    return (answers == test_set.targets).float().mean().item()


# %%


class Lines(IterableDataset):
    def __init__(self, files):
        self.files = files

    def __iter__(self):
        for path in self.files:
            with path.open(newline="") as file:
                for label, *pixels in csv.reader(file):
                    yield torch.tensor([float(p) for p in pixels]), int(label)


for images, labels in itertools.islice(DataLoader(Lines(files), batch_size=50), 3):
    print(f"images {tuple(images.shape)}, labels {tuple(labels.shape)}, first {labels[0]}")

# %%
# Each line of a file is read when its turn comes, and then forgotten. The loop takes three batches here, and the
# other files are not opened. You need to know :ref:`dataset-and-dataloader`.
#
# .. longer: 6 screens — a stream needs its own shuffling, its own division among workers and a fresh start
#
# The rule
# --------
#
# A ``for`` over the loader calls ``__iter__``, and that is an epoch. The loader takes ``batch_size`` examples at a time
# and joins them. There are no indices, so it refuses a sampler and ``shuffle=True``. It has no length either, unless
# you write ``__len__``. Here is a loader from scratch:


def my_loader(stream, batch_size):
    examples = iter(stream)
    while batch := list(itertools.islice(examples, batch_size)):
        yield default_collate(batch)


loader = DataLoader(Lines(files), batch_size=50)
for mine, batch in zip(my_loader(Lines(files), 50), loader, strict=True):
    assert all(map(torch.equal, mine, batch))
with expect_error(ValueError, match="expected unspecified shuffle option"):
    DataLoader(Lines(files), shuffle=True)
with expect_error(TypeError, match="has no len"):
    len(loader)

# %%
# Shuffle: a buffer
# -----------------
#
# Keep some hundred examples in a buffer. To yield one, choose one of them by chance, and put the next of the stream
# into its place. An example can come out soon after it went in, or late. It cannot come out much *before* its place in
# the stream.


def shuffled(stream, size, generator):
    stream = iter(stream)
    buffer = list(itertools.islice(stream, size))
    for example in stream:
        k = int(torch.randint(len(buffer), (), generator=generator))
        yield buffer[k]
        buffer[k] = example
    for k in torch.randperm(len(buffer), generator=generator).tolist():
        yield buffer[k]


draw_buffers(1, 50, 500)
for size in (1, 50, 500):
    order = list(shuffled(range(500), size, torch.Generator().manual_seed(0)))
    assert sorted(order) == list(range(500))
    assert all(example - place < size for place, example in enumerate(order))

# %%
# How large must it be?
# ---------------------
#
# The buffer has to hold examples of each kind, even if :ref:`the classes come one after the other
# <the-classes-come-one-after-the-other>`. Here the stream gives the digits class by class, about
# :val:`108 <len(train_set) // 10>` images of each. The network is trained for five epochs, with three seeds.

# Varies with the processor: a training amplifies how it rounds.
found = {size: torch.tensor([train(size, seed) for seed in range(3)]) for size in (1, 200, 1085)}
for size, right in found.items():
    print(f"buffer of {size:>4}: {', '.join(f'{one:.0%}' for one in right.tolist())} right")
assert found[1].max() < found[1085].min() - 0.3
assert found[200].max() < found[1085].min()

# %%
# A buffer of 1085 holds the whole set, and is a full shuffle. If your stream is sorted, write the files in a random
# order once. Then shuffle the order of the files in each epoch, and a buffer does the rest.
#
# Workers: divide the files
# -------------------------
#
# Each worker gets a copy of the stream, and :ref:`reads the whole of it <dataloader-workers>` unless you divide the
# stream. Give worker k of n the files k, k + n and so on. Each worker makes its own batches, so each may end with a
# small one. A worker without a file makes nothing.


class Divided(Lines):
    def __iter__(self):
        info = get_worker_info()  # None in your own process
        if info is None:
            return iter(Lines(self.files))
        return iter(Lines(self.files[info.id :: info.num_workers]))


settings = {"batch_size": 100, "num_workers": 2, "multiprocessing_context": "fork"}
for kind in (Lines, Divided):
    sizes = [len(labels) for _, labels in DataLoader(kind(files), **settings)]
    print(f"{kind.__name__:<8} {sum(sizes):>4} examples in batches of {sizes}")

# %%
# .. use-this::
#
#    Take an ordinary ``Dataset`` if you can have an index, for example with :class:`numpy.memmap` or one file for each
#    example. It gives you shuffling, a length and workers. Take a stream where reading in order is much faster, or the
#    end is unknown. Store it in several files of mixed examples, divide these among the workers, and shuffle in a
#    buffer. The buffer costs the memory of its examples in each worker. In workers, shuffle with the global random
#    numbers, which the loader seeds for each worker and epoch. ``drop_last=True`` may drop a batch of each worker. With
#    several GPUs, :ref:`divide by process, too <data-for-several-processes>`.
#
# A common mistake
# ----------------
#
# **State that is kept in the data set.** If ``__iter__`` returns an iterator that was made before, the second epoch is
# empty, without an error. A generator that was made before is copied into each worker, in each epoch. So each worker
# and each epoch gets the same order. (Persistent workers keep the generator from epoch to epoch, but their orders are
# still alike.) Make the iterator, and open the file, in ``__iter__``.


class Once(IterableDataset):
    def __init__(self, examples):
        self.examples = iter(examples)

    def __iter__(self):
        return self.examples


class Shuffled(IterableDataset):
    def __init__(self, generator=None):
        self.generator = generator

    def __iter__(self):
        return iter(torch.randperm(5, generator=self.generator).tolist())


for kind in (Once(range(7)), Lines(files[:1])):
    loader = DataLoader(kind, batch_size=100)
    print(f"{type(kind).__name__}: batches in three epochs", [len(list(loader)) for _ in range(3)])
torch.manual_seed(0)
for name, generator in {"kept generator": torch.Generator(), "global numbers": None}.items():
    loader = DataLoader(Shuffled(generator), **settings)
    print(f"{name}:", [[batch.tolist() for batch in loader] for _epoch in range(2)])

# %%
# How this was checked

opened = []


class Watched(Lines):
    def __iter__(self):
        for path in self.files:
            opened.append(path)
            yield from Lines([path])


assert len(list(itertools.islice(DataLoader(Watched(files), batch_size=50), 3))) == 3
assert opened == files[:1]
by_worker = [len(path.read_text().splitlines()) for path in files]
assert sum(by_worker) == len(train_set) == 1085
sizes = [len(labels) for _, labels in DataLoader(Lines(files), **settings)]
assert sum(sizes) == 2 * 1085
batches = list(DataLoader(Divided(files), **settings))
assert sum(len(labels) for _, labels in batches) == 1085
rows = torch.cat([images for images, _ in batches])
assert torch.equal(rows.sum(0), train_set.inputs.flatten(1).sum(0))  # sixteenths: sums are exact
assert len(list(DataLoader(Divided(files), batch_size=100, drop_last=True))) == 10
dropping = [len(labels) for _, labels in DataLoader(Divided(files), **settings, drop_last=True)]
assert sum(dropping) == 100 * (sum(by_worker[0::2]) // 100 + sum(by_worker[1::2]) // 100)
# More workers than files: the others give nothing.
few = DataLoader(Divided(files[:1]), **{**settings, "num_workers": 2})
assert sum(len(labels) for _, labels in few) == by_worker[0]
loader = DataLoader(Once(range(7)), batch_size=100)
assert [len(list(loader)) for _ in range(3)] == [1, 0, 0]
# Each example once, for streams shorter and longer than the buffer.
for length in (0, 1, 5, 100):
    for size in (1, 3, 5, 200):
        order = list(shuffled(range(length), size, torch.Generator().manual_seed(length)))
        assert sorted(order) == list(range(length))
for seed in range(3):  # the same seed, the same order
    one, other = (
        list(shuffled(range(50), 9, torch.Generator().manual_seed(seed))) for _ in range(2)
    )
    assert one == other
# Two workers, two epochs: a kept generator gives one order, the global random numbers give four.
for seed in range(3):
    torch.manual_seed(seed)
    for generator, expected in ((torch.Generator(), 1), (None, 4)):
        loader = DataLoader(Shuffled(generator), **settings)
        orders = {tuple(batch.tolist()) for _epoch in range(2) for batch in loader}
        assert len(orders) == expected
loader = DataLoader(Shuffled(torch.Generator()), persistent_workers=True, **settings)
kept = [[tuple(batch.tolist()) for batch in loader] for _epoch in range(2)]
assert kept[0][0] == kept[0][1] != kept[1][0] == kept[1][1]
# A full buffer: each order is about as frequent.
generator = torch.Generator().manual_seed(0)
orders = [tuple(shuffled(range(3), 3, generator)) for _ in range(3000)]
assert all(400 < orders.count(order) < 600 for order in itertools.permutations(range(3)))


class WrongLength(IterableDataset):
    def __repr__(self):  # the warning names the data set
        return "WrongLength()"

    def __len__(self):
        return 3

    def __iter__(self):
        return iter(range(5))


loader = DataLoader(WrongLength(), batch_size=1)
assert len(loader) == 3  # torch takes the word of the data set for it
with expect_warning(UserWarning, match="samples have been fetched"):
    assert len(list(loader)) == 5
with expect_error(ValueError, match="expected unspecified sampler option"):
    DataLoader(Lines(files), sampler=range(3))
assert train_set.targets.bincount().float().mean() == 108.5
for option in ({"sampler": range(3)}, {"batch_sampler": [[0]]}, {"shuffle": True}):
    with expect_error(ValueError, match="expected unspecified"):
        DataLoader(Lines(files), **option)
of_one_file = list(
    DataLoader(Divided(files[:1]), batch_size=1000, num_workers=2, multiprocessing_context="fork")
)
temporary.cleanup()

# %%
# Check yourself
# --------------

late = [next(shuffled(range(100), 10, torch.Generator().manual_seed(s))) for s in range(99)]
ask(
    "A stream counts 0, 1, 2 and so on, and goes through a shuffle buffer of 10. What is the largest number that can "
    "come out first?",
    answer=max(late),
    choices={
        0: "The first is drawn from the whole buffer.",
        9: "The buffer is filled with 0 to 9 before the first comes out.",
        99: "That number is not read yet when the first comes out.",
    },
)

# %%
# The next question is about workers.

ask(
    "The examples are in one file, the files are divided among the workers, and num_workers=2. How many batches of up "
    "to 1000 does an epoch of 217 examples have?",
    answer=len(of_one_file),
    choices={
        1: "One worker has the file, and the other gives nothing.",
        2: "The file is not cut in two. Write several files.",
        0: "The worker that has the file gives a batch that is not full.",
    },
)

# %%
# **Exercise.** A stream counts from 0 to ``n`` - 1. It is read by ``processes`` processes, each with ``workers``
# workers. Return the numbers that worker ``k`` of process ``p`` should yield, so that each number is read once: reader
# 0 takes number 0, reader 1 takes number 1 and so on. The readers of process 0 come first.


def by_loop(n, processes, workers, p, k):
    readers = [(process, worker) for process in range(processes) for worker in range(workers)]
    mine = [i for i in range(n) if readers[i % len(readers)] == (p, k)]
    return torch.tensor(mine, dtype=torch.int64)


cases = [(7, 1, 2, 0, 1), (20, 2, 3, 1, 0), (20, 2, 3, 0, 2), (3, 2, 2, 1, 1)]


def numbers_of(n, processes, workers, p, k):
    raise NotImplementedError


check(numbers_of, by_loop, cases)

# %%
# Number the readers one after the other: worker ``k`` of process ``p`` is reader ``p * workers + k``.

# Solution


def numbers_of(n, processes, workers, p, k):
    i = torch.arange(n)
    return i[i % (processes * workers) == p * workers + k]


report = check(numbers_of, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`transforms`, which turn what you read into what a network takes.
#
# - PyTorch contributors (2026). `torch.utils.data
#   <https://docs.pytorch.org/docs/stable/data.html#iterable-style-datasets>`__. The reference on streams.
# - WebDataset contributors (2026). `Sharding, parallel I/O, and DataLoader
#   <https://webdataset.github.io/webdataset/sharding/>`__. A library for streams from many archives.
