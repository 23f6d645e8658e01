"""
.. _samplers-and-collate:

Sampler, batch_sampler, collate_fn: how do I make my own batches?
=================================================================

Your sentences have different lengths, and half of a batch can be padding, on which the network wastes its time. A
``batch_sampler`` says which examples come together, and a ``collate_fn`` turns them into tensors.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    default_collate,
)

from ptguide.data import collate_objects, shapes
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# Sentences are made up: 240 rows of word numbers, most of them short, a few long.
log_lengths = 2.5 + 0.7 * torch.randn(240, generator=seeded())
lengths = log_lengths.exp().long().clamp(2, 60).tolist()
sentences = [torch.randint(1, 1000, (n,), generator=seeded(n)) for n in lengths]


def padding(batches):
    """Return the fraction of the elements that are padding."""
    filled = sum(lengths[i] for batch in batches for i in batch)
    return 1 - filled / sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)


def draw_padding(**ways):
    _, axes = plt.subplots(2, 1, figsize=(5.8, 2.7), sharex=True, layout="constrained")
    for axis, (name, batches) in zip(axes, ways.items(), strict=True):
        words = [lengths[i] for batch in batches[::3] for i in batch]
        longest = [max(lengths[i] for i in batch) for batch in batches[::3] for _ in batch]
        axis.bar(range(len(words)), longest, width=1, color="tab:orange", label="padding")
        axis.bar(range(len(words)), words, width=1, color="tab:blue", label="words")
        axis.set(ylabel="length", title=f"{name}: {padding(batches):.0%} padding")
    axes[0].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    axes[1].set_xlabel("sentences, five batches of 16")
    plt.suptitle("Similar lengths in a batch need little padding")
    plt.show()


# %%

by_chance = list(BatchSampler(RandomSampler(sentences, generator=seeded()), 16, drop_last=False))
by_length = [batch.tolist() for batch in torch.tensor(lengths).argsort().split(16)]
draw_padding(shuffled=by_chance, sorted=by_length)

# %%
# A bar is a sentence, and orange is its padding up to the longest of its batch. If a batch has similar lengths, the
# same sentences need less padding. You need to know :ref:`dataset-and-dataloader`.
#
# .. longer: 5 screens — the class of a batch sampler is shown whole
#
# The rule
# --------
#
# A sampler yields indices, and a batch sampler yields lists of them. A loader asks the data set for each index of a
# list, and calls ``collate_fn`` with the list of examples. What this returns is the batch. Here is a loader from
# scratch:


def my_loader(dataset, batch_sampler, collate_fn=default_collate):
    for indices in batch_sampler:
        yield collate_fn([dataset[i] for i in indices])


squares = TensorDataset(torch.arange(7), torch.arange(7) ** 2)
odd_first = [[1, 3, 5], [0, 2, 4, 6]]  # a list of lists is a batch sampler, too
for mine, batch in zip(
    my_loader(squares, odd_first), DataLoader(squares, batch_sampler=odd_first), strict=True
):
    print([part.tolist() for part in batch])
    assert all(map(torch.equal, mine, batch))

# %%
# Batches of similar length
# -------------------------
#
# If the sentences were sorted, each epoch would have the same batches, the short ones first. This class sorts by length
# plus a little noise, cuts the order into batches, and shuffles these. The noise mixes sentences of nearly equal
# length, so the batches of two epochs differ.


class ByLength:
    def __init__(self, lengths, batch_size, generator):
        self.lengths, self.batch_size, self.generator = lengths, batch_size, generator

    def __len__(self):
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self):
        noise = torch.rand(len(self.lengths), generator=self.generator)
        order = (torch.tensor(self.lengths) + 2 * noise).argsort()
        batches = order.split(self.batch_size)
        for k in torch.randperm(len(batches), generator=self.generator):
            yield batches[k].tolist()


sampler = ByLength(lengths, 16, seeded())
for epoch in (1, 2):
    batches = list(sampler)
    words = [lengths[i] for i in batches[0]]
    print(
        f"epoch {epoch}: {padding(batches):.0%} padding; batch 0: {min(words)} to {max(words)} words"
    )
    assert sorted(i for batch in batches for i in batch) == list(range(240))

# %%
# What the default does
# ---------------------
#
# Without a ``collate_fn`` the loader uses ``torch.utils.data.default_collate``. It decides by the type of the first
# example, and joins tuples, lists and dictionaries part by part. If the first example is a float of Python, the batch
# is :val:`float64 <default_collate([0.5]).dtype>`. Strings stay a list. :ref:`None is refused <collate-none>`: to leave
# out an image that cannot be read, filter the list in a ``collate_fn``.

for examples in ([3, 4], [0.5, 1.5], [torch.ones(2), torch.zeros(2)], ["a", "b"], [True, False]):
    batch = default_collate(examples)
    kind = batch.dtype if isinstance(batch, torch.Tensor) else type(batch).__name__
    print(f"{type(examples[0]).__name__:<7} -> {kind}")
print(default_collate([{"x": 1, "y": (2, 3)}, {"x": 4, "y": (5, 6)}]))
with expect_error(TypeError, match="found <class 'NoneType'>"):
    default_collate([None, None])

# %%
# Your own collate_fn
# -------------------
#
# It gets the list of examples, and what it returns is the batch. Here it pads the words with 0, and the labels for each
# word with -100, which :func:`torch.nn.functional.cross_entropy` ignores. So the padding does not count in the loss.


def pad(examples):
    words, labels = zip(*examples, strict=True)
    words = pad_sequence(words, batch_first=True)
    return words, pad_sequence(labels, batch_first=True, padding_value=-100)


tagged = [(sentence, sentence % 3) for sentence in sentences]  # a label for each word
loader = DataLoader(tagged, batch_sampler=ByLength(lengths, 16, seeded()), collate_fn=pad)
words, labels = next(iter(loader))
logits = nn.Embedding(1000, 3)(words)
loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
real = labels != -100
torch.testing.assert_close(loss, F.cross_entropy(logits[real], labels[real]))
print(f"{tuple(words.shape)}, {(~real).sum()} elements of padding are ignored")

# %%
# .. use-this::
#
#    Leave both arguments out while your examples have one shape. For different lengths, pass a ``collate_fn`` that pads
#    and marks the padding. Group by length where the padding is a large part. The price is batches that are less mixed.
#    Pass ``batch_sampler`` in place of ``batch_size``, ``shuffle``, ``sampler`` and ``drop_last``. Write both as
#    functions or classes of a module, because :ref:`a worker <dataloader-workers>` may have to import them. The
#    ``collate_fn`` runs in the workers. A data set with a method ``__getitems__`` gets the whole list of indices in one
#    call.
#
# A common mistake
# ----------------
#
# **Floats of Python.** A data set that returns lists of floats, or its target as a float, gives batches of another type
# than the weights. Return tensors, which keep their type. (:ref:`More causes <input-type-and-weight-type>`.)

rows = [(0.5, 1.0), (0.25, 2.0), (0.75, 3.0)]
x, y = next(iter(DataLoader(rows, batch_size=3)))
with expect_error(RuntimeError, match="mat1 and mat2 must have the same dtype"):
    nn.Linear(1, 1)(x[:, None])
x, y = next(iter(DataLoader(torch.tensor(rows), batch_size=3))).T
print(x.dtype, nn.Linear(1, 1)(x[:, None]).shape)

# %%
# How this was checked

# A data set with __getitems__ is asked once for a batch.


class Table(Dataset):
    def __init__(self, rows):
        self.rows, self.calls = rows, 0

    def __len__(self):
        return len(self.rows)

    def __getitems__(self, indices):
        self.calls += 1
        return self.rows[indices]


table = Table(torch.arange(20).reshape(10, 2))
batches = list(DataLoader(table, batch_size=4, collate_fn=lambda batch: batch))
assert table.calls == 3
assert [tuple(one.shape) for one in batches] == [(4, 2), (4, 2), (2, 2)]
assert torch.equal(torch.cat(batches), table.rows)

for size in (1, 3, 7, 10):
    for drop_last in (False, True):
        sampler = BatchSampler(SequentialSampler(range(7)), size, drop_last=drop_last)
        both = zip(
            my_loader(squares, sampler),
            DataLoader(squares, size, drop_last=drop_last),
            strict=True,
        )
        for mine, batch in both:
            assert all(map(torch.equal, mine, batch))
for size in (1, 16, 100, 240, 300):
    sampler = ByLength(lengths, size, seeded())
    assert len(list(sampler)) == len(sampler)
    assert len(DataLoader(sentences, batch_sampler=sampler)) == len(sampler)
for seed in range(10):
    chance = list(BatchSampler(RandomSampler(sentences, generator=seeded(seed)), 16, False))
    assert padding(chance) > 0.4
    sampler = ByLength(lengths, 16, seeded(seed))
    first, second = list(sampler), list(sampler)
    assert max(padding(first), padding(second)) < 0.2
    assert sorted(map(sorted, first)) != sorted(map(sorted, second))
assert padding(by_length) < 0.15
for seed in range(3):
    first, second = (
        list(ByLength(lengths, 16, seeded(seed))),
        list(ByLength(lengths, 16, seeded(seed))),
    )
    assert first == second  # the same seed, the same batches
given = {
    int: torch.int64,
    float: torch.float64,
    bool: torch.bool,
}
for kind, dtype in given.items():
    assert default_collate([kind(1), kind(0)]).dtype == dtype
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.uint8, torch.int32):
    assert default_collate([torch.ones(2, dtype=dtype)]).dtype == dtype
# The type of the first example decides: an int and a float become what torch.tensor makes of them.
assert default_collate([1, 2.5]).dtype == torch.float32
assert default_collate([2.5, 1]).dtype == torch.float64
for extra in (
    {"batch_size": 4},
    {"shuffle": True},
    {"drop_last": True},
    {"sampler": SequentialSampler(sentences)},
):
    with expect_error(ValueError, match="batch_sampler option is mutually exclusive"):
        DataLoader(sentences, batch_sampler=by_length, **extra)
# The targets of detection cannot be stacked; their collate_fn makes two lists.
images, targets = next(iter(DataLoader(shapes(size=10), 2, collate_fn=collate_objects)))
assert [image.shape for image in images] == [(3, 64, 96)] * 2
assert isinstance(targets[0], dict)
batch = default_collate([{"x": 1, "y": (2, 3)}, {"x": 4, "y": (5, 6)}])
assert batch["x"].tolist() == [1, 4]
assert [part.tolist() for part in batch["y"]] == [[2, 5], [3, 6]]
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    default_collate(sentences[:3])


def without_none(examples):
    return default_collate([one for one in examples if one is not None])


loader = DataLoader([1, None, 3, 4, None], batch_size=2, collate_fn=without_none)
with expect_error(IndexError, match="list index out of range"):  # the last batch is empty
    [batch.tolist() for batch in loader]
loader = DataLoader([1, None, 3, 4], batch_size=2, collate_fn=without_none)
assert [batch.tolist() for batch in loader] == [[1], [3, 4]]

# %%
# Check yourself
# --------------

batch = next(iter(DataLoader([(1.5, 2), (2.5, 3)], batch_size=2)))
ask(
    "The examples are (1.5, 2) and (2.5, 3). What are the dtypes of the two tensors of a batch?",
    answer=", ".join(str(part.dtype).removeprefix("torch.") for part in batch),
    choices={
        "float32, int64": "torch.tensor would make this type, but the default collate keeps the precision of Python.",
        "float64, int64": "A float of Python has 64 bits. Convert, or return tensors.",
        "float64, float64": "Each place of the tuple is joined by itself.",
    },
)

# %%
# The next question is about lengths.

four = [9, 2, 8, 3]
elements = {
    order: sum(2 * max(pair) for pair in (chosen[:2], chosen[2:]))
    for order, chosen in {"given": four, "sorted": sorted(four)}.items()
}
ask(
    f"Sentences of {four[0]}, {four[1]}, {four[2]} and {four[3]} words make two batches of two. "
    "How many elements do the padded batches have if the sentences are sorted by length first?",
    answer=elements["sorted"],
    choices={
        22: "These are the words without padding.",
        24: "2 times 3 for the short ones, and 2 times 9 for the long ones.",
        34: "That is in the given order: 2 times 9 and 2 times 8.",
    },
)

# %%
# **Exercise.** Join sequences *without* padding: return the elements one after the other, and behind them the place at
# which each sequence begins. The examples are tensors of shape (length,). Put both into one tensor.


def by_lists(examples):
    elements, starts = [], []
    for example in examples:
        starts.append(len(elements))
        elements += example.tolist()
    return torch.tensor(elements + starts)


cases = [
    ([torch.tensor([5, 6])],),
    ([torch.tensor([5, 6, 7]), torch.tensor([8])],),
    (sentences[:5],),
]


def packed(examples):
    raise NotImplementedError


check(packed, by_lists, cases)

# %%
# A sequence begins where those before it end: a sum of their lengths.

# Solution


def packed(examples):
    ends = torch.tensor([len(example) for example in examples]).cumsum(0)
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), ends[:-1]])
    return torch.cat([*examples, starts])


report = check(packed, by_lists, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`iterable-datasets`, for data without an index.
#
# - PyTorch contributors (2026). `torch.utils.data
#   <https://docs.pytorch.org/docs/stable/data.html#loading-batched-and-non-batched-data>`__. The reference on samplers,
#   batches and collate functions.
# - Krell et al. (2021). `Efficient sequence packing without cross-contamination <https://arxiv.org/abs/2107.02027>`__.
#   Several sequences in one row, in place of padding.
