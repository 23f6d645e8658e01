"""
.. _dataset-and-dataloader:

Dataset and DataLoader: how do the batches get into the loop?
=============================================================

A training loop wants a new batch in each turn, and your data gives one example at a time. A
:class:`torch.utils.data.DataLoader` chooses which examples come together, fetches them, and joins them to a batch.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import math
import time

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    DataLoader,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

from ptguide.data import TensorData, batches, digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import accuracy, evaluate, fit

device = pick_device()
train_set, test_set = digits("train"), digits("test")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch_numbers(loader):
    """Return, for each example, in which batch of one epoch it comes."""
    numbers = torch.empty(len(loader.dataset), dtype=torch.int64)
    for number, indices in enumerate(loader):
        numbers[indices] = number
    return numbers


def draw_epochs(**epochs):
    """Draw a row for each loader given, with a color for each batch."""
    _, axis = plt.subplots(figsize=(5.4, 2.4), layout="constrained")
    rows = torch.stack([batch_numbers(loader) for loader in epochs.values()])
    axis.imshow(rows.numpy(), cmap="Set2", vmax=7, aspect="auto")
    for row, numbers in enumerate(rows.tolist()):
        for column, number in enumerate(numbers):
            axis.text(column, row, number, ha="center", va="center", fontsize=8)
    names = [name.replace("_", " ") for name in epochs]
    axis.set(xlabel="index of the example", yticks=range(len(rows)), yticklabels=names)
    axis.set_title("In which batch each of 23 examples comes")
    plt.show()
    return rows


def milliseconds(loader):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for _batch in loader:
            pass
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


by_class = TensorData(*train_set[train_set.targets.argsort(stable=True)])


def train(seed, shuffle):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).to(
        device
    )
    loader = DataLoader(by_class, batch_size=50, shuffle=shuffle, generator=seeded(seed))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    fit(network, loader, F.cross_entropy, optimizer, epochs=5)
    return evaluate(network, batches(test_set, 355), metrics={"a": accuracy}).metrics["a"]


# %%

in_order = DataLoader(range(23), batch_size=10)
shuffled = DataLoader(range(23), batch_size=10, shuffle=True, generator=seeded())
rows = draw_epochs(in_order=in_order, shuffled=shuffled, next_epoch=shuffled)

# %%
# Examples of one color, with one number, form a batch. Each ``for`` over a loader is an :term:`epoch`, in which each of
# the 23 examples comes once: two batches of :val:`10 <in_order.batch_size>`, and one with what is left. The shuffled
# loader gives another order in its next epoch. You need to know :ref:`the-training-loop` and :ref:`stack`.
#
# The rule
# --------
#
# The loader takes ``batch_size`` indices, asks for ``dataset[i]`` for each, and joins what it gets. It stacks tensors
# along a new first axis, and makes one tensor of numbers. With N examples, an epoch has
# :math:`\lceil N / \text{batch\_size} \rceil` batches. A list can be a data set, because it has a length and an index.
# :class:`torch.utils.data.TensorDataset` makes a data set of tensors of equal length. Here is a loader from scratch:


def my_loader(dataset, batch_size, shuffle):
    order = torch.randperm(len(dataset)) if shuffle else torch.arange(len(dataset))
    for indices in order.split(batch_size):
        yield default_collate([dataset[i] for i in indices.tolist()])


*full, last = my_loader(train_set, batch_size=50, shuffle=True)
for name, (images, labels) in {"the first batch": full[0], "the last batch": last}.items():
    print(f"{name}: images {tuple(images.shape)}, labels {tuple(labels.shape)}")
assert len(last[0]) == len(train_set) % 50
assert len(DataLoader(train_set, batch_size=50)) == math.ceil(len(train_set) / 50)

# %%
# Which examples: the sampler
# ---------------------------
#
# ``shuffle=True`` draws from ``generator``, so the same :term:`seed` gives the same orders again. For another choice,
# pass a ``sampler`` instead, which gives the indices. Here :val:`10 <kinds.sum()>` of :val:`200 <len(kinds)>` examples
# are of class 1, and :class:`torch.utils.data.WeightedRandomSampler` draws that class about as often as the other. It
# repeats those few to do so, and may leave out some of the rest.

kinds = torch.tensor([1] * 10 + [0] * 190)
weights = 1 / kinds.bincount()[kinds]
sampler = WeightedRandomSampler(weights, num_samples=1000, generator=seeded())
seen = torch.cat(list(DataLoader(kinds, sampler=sampler, batch_size=100))).float()
print(f"class 1: {kinds.float().mean():.0%} of the data, {seen.mean():.0%} of what the loop sees")
assert 0.4 < seen.mean() < 0.6

# %%
# How they are joined: collate_fn
# -------------------------------
#
# The default stacks tensors, so examples of different lengths fail. As ``collate_fn`` you pass a function that gets the
# list of examples and returns the batch. Here it pads each example with 0 to the longest length, and keeps the lengths.

words = [torch.tensor([5, 6, 7]), torch.tensor([8]), torch.tensor([9, 4])]
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    next(iter(DataLoader(words, batch_size=3)))


def pad(examples):
    return pad_sequence(examples, batch_first=True), torch.tensor([len(one) for one in examples])


print(*next(iter(DataLoader(words, batch_size=3, collate_fn=pad))), sep="\n")

# %%
# .. use-this::
#
#    Pass ``shuffle=True`` to train, and leave it at ``False``, the default, to measure. Twice the batch size keeps
#    about twice the :term:`activations <activation>` for ``backward``. ``drop_last=True`` leaves out a last batch that
#    is not full; ``BatchNorm1d`` needs it where one example would be left. Raise :ref:`num_workers
#    <dataloader-workers>` when the loop waits for files. Data in memory comes faster if one indexing makes a whole
#    batch, as in ``batches``:

# Measured on the machine that built this page.
one_by_one = milliseconds(DataLoader(train_set, batch_size=50))
by_index = milliseconds(batches(train_set, 50))
print(
    f"an epoch of {len(train_set)} digits: DataLoader {one_by_one:.1f} ms, batches {by_index:.1f} ms"
)
assert by_index < one_by_one / 2

# %%
# A common mistake
# ----------------
#
# **Training data that is sorted by class, without shuffling.** A folder for each class is read in this order. Each
# batch then shows one or two digits, and the network forgets the others. The cell prints the accuracy on unseen digits
# after five epochs, for three seeds each.

# Varies with the processor: a training amplifies how it rounds.
found = {shuffle: [train(seed, shuffle) for seed in range(3)] for shuffle in (False, True)}
for shuffle, values in found.items():
    print(f"shuffle={shuffle!s:<5}  right:", ", ".join(f"{value:.0%}" for value in values))
assert max(found[False]) < min(found[True]) - 0.3

# %%
# How this was checked

pairs = TensorDataset(*train_set[:23])
labels = pairs.tensors[1]

assert rows.amax(dim=1).tolist() == [2, 2, 2]
assert [row.bincount().tolist() for row in rows] == [[10, 10, 3]] * 3
assert rows[0].tolist() == [0] * 10 + [1] * 10 + [2] * 3
assert not torch.equal(rows[1], rows[2])
again = DataLoader(range(23), batch_size=10, shuffle=True, generator=seeded())
assert torch.equal(torch.stack([batch_numbers(again), batch_numbers(again)]), rows[1:])
for size in (1, 7, 23, 50):  # from scratch, without shuffling
    pairs_of_batches = zip(my_loader(pairs, size, False), DataLoader(pairs, size), strict=True)
    for one, other in pairs_of_batches:
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    shown = torch.cat([labels for _, labels in my_loader(pairs, size, True)])
    assert torch.equal(shown.sort().values, labels.sort().values)
    assert len(DataLoader(pairs, size, drop_last=True)) == 23 // size
by_loader = DataLoader(train_set, 50, shuffle=True, generator=seeded())
for one, other in zip(
    by_loader, batches(train_set, 50, shuffle=True, generator=seeded()), strict=True
):
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
assert DataLoader(range(3)).batch_size == 1
assert max(len(labels.unique()) for _, labels in DataLoader(by_class, batch_size=50)) == 2
assert len(set(WeightedRandomSampler(weights, 1000, generator=seeded()))) < len(kinds)
with expect_error(ValueError, match="sampler option is mutually exclusive with shuffle"):
    DataLoader(kinds, sampler=sampler, shuffle=True)
numbers, names = next(iter(DataLoader([(5, "five"), (6, "six")], batch_size=2)))
assert (numbers.tolist(), names) == ([5, 6], ("five", "six"))


def kept_for_backward(batch_size):
    """Return how many bytes of activations a convolutional network keeps."""
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    network = nn.Sequential(*layers, nn.Linear(8 * 3 * 3, 10))
    own, kept = {p.data_ptr() for p in network.parameters()}, {}

    def keep(tensor):
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = F.cross_entropy(
            network(train_set.inputs[:batch_size]), train_set.targets[:batch_size]
        )
    assert loss.requires_grad
    return sum(kept.values())


for size in (10, 50, 200):
    assert 1.9 < kept_for_backward(2 * size) / kept_for_backward(size) < 2.1
norm = nn.BatchNorm1d(3)
with expect_error(ValueError, match="Expected more than 1 value per channel when training"):
    norm(torch.ones(1, 3))

# %%
# Check yourself
# --------------

steps = 10 * len(DataLoader(range(1085), batch_size=50))
ask(
    "1085 examples, batch_size=50, 10 epochs. How many times is optimizer.step() called?",
    answer=steps,
    choices={
        210: f"That leaves out the last {1085 % 50} examples of each epoch, as drop_last=True would.",
        220: f"{steps // 10} batches in each epoch; the last has {1085 % 50} examples.",
        10850: "That is the number of examples seen.",
    },
)

# %%
# The first batch, three times:

loader = DataLoader(range(40, 49), batch_size=4)
taken = [next(iter(loader)).tolist() for _ in range(3)]
ask(
    f"The data counts from {loader.dataset[0]} to {loader.dataset[-1]}, batch_size={loader.batch_size}, no shuffling. "
    "next(iter(loader)) is called three times. What does the third call give?",
    answer=taken[-1],
    choices={
        (48,): "That is the third batch of one epoch. Here each iter begins a new epoch.",
        (
            40,
            41,
            42,
            43,
        ): "iter begins an epoch, so next gives its first batch. Write iter once, before the loop.",
        (44, 45, 46, 47): "For that, keep the iterator, and call next on it.",
    },
)

# %%
# **Exercise.** A language model continues texts, so in a batch their ends have to be aligned. Write the function that
# joins a list of tensors of shape (length,) to one of shape (text, longest), filled with 0 on the *left*.


def by_lists(texts):
    longest = max(len(text) for text in texts)
    return torch.tensor([[0] * (longest - len(text)) + text.tolist() for text in texts])


cases = [
    (words,),
    ([torch.tensor([1, 2]), torch.tensor([3, 4])],),
    ([torch.tensor([7]), torch.arange(1, 6), torch.tensor([0, 0, 3])],),
]


def pad_left(texts):
    raise NotImplementedError


check(pad_left, by_lists, cases)

# %%
# ``pad_sequence`` has an argument ``padding_side`` for this. By hand, one assignment for each text is enough.

# Solution


def pad_left(texts):
    padded = torch.zeros(len(texts), max(map(len, texts)), dtype=texts[0].dtype)
    for row, text in zip(padded, texts, strict=True):
        row[len(row) - len(text) :] = text
    return padded


report = check(pad_left, by_lists, cases)
assert report.passed
assert torch.equal(pad_sequence(words, batch_first=True, padding_side="left"), pad_left(words))
report

# %%
# Read next
# ---------
#
# :ref:`custom-dataset`, for examples that are in files.
#
# - PyTorch contributors (2026). `torch.utils.data <https://docs.pytorch.org/docs/stable/data.html>`__. The reference,
#   with samplers, collate functions and streams.
