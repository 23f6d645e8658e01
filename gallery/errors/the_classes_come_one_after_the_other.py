"""
.. _the-classes-come-one-after-the-other:

shuffle=False: my network predicts only the last class
======================================================

The training data are sorted by class, and the loader keeps their order. The network forgets the first classes while it
learns the last: write ``shuffle=True`` for the training.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, random_split

from ptguide.data import TensorData, batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

shuffled_set, test = digits("train"), digits("test")
train = TensorData(*shuffled_set[shuffled_set.targets.argsort(stable=True)])  # as from folders
held_out, truth = test.inputs.flatten(1), test.targets


def loader_of(data, shuffle):
    """Return batches of 50; with shuffle="batches", of half a class each, in random order."""
    if shuffle != "batches":
        return batches(data, 50, shuffle=shuffle)
    places = [(data.targets == digit).nonzero().flatten() for digit in range(10)]
    halves = [half for rows in places for half in rows.chunk(2)]
    return [data[halves[place]] for place in torch.randperm(20).tolist()]


def fit(data, seed, shuffle, norm=False, epochs=5):
    torch.manual_seed(seed)
    norms = [nn.BatchNorm1d(32)] if norm else []
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), *norms, nn.ReLU(), nn.Linear(32, 10))
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.2), []
    for _ in range(epochs):
        for images, labels in loader_of(data, shuffle):
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return model.eval(), losses


@torch.no_grad()
def by_class(model):
    """Return the accuracy of each digit in %."""
    right = model(held_out).argmax(dim=1) == truth
    return torch.stack([100 * right[truth == digit].float().mean() for digit in range(10)])


kinds = {
    "sorted, shuffle=True": (train, True),
    "mixed once, shuffle=False": (shuffled_set, False),
    "sorted, shuffle=False": (train, False),
}
fits = {name: [fit(data, s, shuffle) for s in range(5)] for name, (data, shuffle) in kinds.items()}
scores = {name: torch.stack([by_class(model) for model, _ in runs]) for name, runs in fits.items()}


def draw_classes():
    figure, axis = plt.subplots(figsize=(5.8, 2.5), layout="constrained")
    for (name, table), style in zip(scores.items(), ["C0o-", "C2s--", "C1^-"], strict=True):
        axis.plot(range(10), table.mean(dim=0), style, label=name)
        axis.fill_between(
            range(10), table.amin(dim=0), table.amax(dim=0), color=style[:2], alpha=0.2
        )
    axis.set_xticks(range(10))
    axis.set(xlabel="digit, in the order of the file", ylabel="test accuracy in %", ylim=(0, 105))
    axis.legend(fontsize="small")
    figure.suptitle("Sorted by class, the network knows what it saw last")
    plt.show()


# %%

# Varies with the processor: five trainings each.
draw_classes()

# %%
# Each line is the mean of five trainings of five epochs, and its band is their range. The networks saw the same images.
# In the order of the file, most digits were forgotten.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`folders of classes, shuffle is not given <sorted-rule>`         ``shuffle=True``
# :ref:`the first 80 % are for training <sorted-split>`                 ``random_split``
# :ref:`one class in each batch, with batch norm <sorted-norm>`         ``shuffle=True``
# :ref:`an IterableDataset cannot be shuffled <sorted-iterable>`        a buffer, or mixed files
# ====================================================================  =============================================
#
# .. _sorted-rule:
#
# The rule
# --------
#
# Each step follows the gradient of its own batch. In a batch of one class, giving this class for each image makes the
# loss small, and no image of another class contradicts. The loss looks good, because the next batch has the same
# answer.

# Varies with the processor: a training.
_, losses = fits["sorted, shuffle=False"][0]
model = fits["sorted, shuffle=False"][0][0]
with torch.no_grad():
    whole = F.cross_entropy(model(held_out), truth).item()
print(f"loss of the last batch {losses[-1]:.3f}, of the test set {whole:.2f}")
print("answers:", model(held_out).argmax(dim=1).bincount(minlength=10).tolist())
assert losses[-1] < 0.5 < 2 < whole

# %%
# .. _sorted-split:
#
# The first 80 % for training
# ---------------------------
#
# In a sorted file a slice leaves whole classes out, and the network cannot learn them. ``random_split`` draws the parts
# at random, so each has images of the ten classes here.

cut = int(0.8 * len(train))
first, last = train.targets[:cut].unique().tolist(), train.targets[cut:].unique().tolist()
print("in the first part:", first, " in the last:", last)
part, rest = random_split(train, [cut, len(train) - cut], torch.Generator().manual_seed(0))
assert first[-1] < 9
assert len(train.targets[rest.indices].unique()) == len(train.targets[part.indices].unique()) == 10

# %%
# .. _sorted-norm:
#
# Batch normalization
# -------------------
#
# A :term:`batch normalization` layer subtracts the mean of the batch. In a batch of one class this removes what the
# class has in common. Below, each batch holds one class, and the batches come in *random* order. The network learns
# without the layer, and does not learn with it. With mixed batches, the layer does no harm.

# Varies with the processor: two trainings each.
normed = {}
for norm, shuffle, epochs in [(False, "batches", 20), (True, "batches", 20), (True, True, 5)]:
    runs = [fit(train, seed, shuffle, norm, epochs)[0] for seed in range(2)]
    values = [by_class(model).mean().item() for model in runs]
    normed[norm, shuffle] = runs, values
    print(
        f"BatchNorm: {norm!s:<6} shuffle: {shuffle!s:<8} {min(values):.0f} to {max(values):.0f} %"
    )

# %%
# .. _sorted-iterable:
#
# A stream
# --------
#
# An :class:`IterableDataset <torch.utils.data.IterableDataset>` has no indices, so ``shuffle=True`` raises an error.
# Mix the files once, or fill a buffer and draw from it. A buffer smaller than a class mixes neighbors, so write the
# files in a mixed order, too.


class Stream(IterableDataset):
    def __init__(self, size=1):
        self.size = size

    def __iter__(self):
        buffer = []
        for label in train.targets.tolist():
            buffer.append(label)
            if len(buffer) >= self.size:
                yield buffer.pop(int(torch.randint(len(buffer), ())))
        yield from (buffer[i] for i in torch.randperm(len(buffer)).tolist())


with expect_error(
    ValueError, match="DataLoader with IterableDataset: expected unspecified shuffle"
):
    DataLoader(Stream(), batch_size=50, shuffle=True)
torch.manual_seed(0)
classes = {}
for size in (1, 30, 500, 1085):
    loader = DataLoader(Stream(size), batch_size=50)
    classes[size] = [len(labels.unique()) for labels in loader]
    print(
        f"buffer of {size:<5} first batch has {classes[size][0]} classes, {classes[size][-2]} near the end"
    )
assert max(classes[1]) == 2

# %%
# A test of three lines
# ---------------------
#
# Count the classes in the first batch. Take classes of about equal size, and a batch of at least twice as many samples
# as classes, or of far fewer.


def test_the_batches_are_mixed(loader, classes):
    _, labels = next(iter(loader))
    seen = len(labels.unique())
    assert seen > min(classes, len(labels)) / 2, f"{seen} of {classes} classes in the first batch"


torch.manual_seed(0)
test_the_batches_are_mixed(batches(train, 50, shuffle=True), classes=10)
with expect_error(AssertionError, match="1 of 10 classes"):
    test_the_batches_are_mixed(batches(train, 50), classes=10)

# %%
# .. use-this::
#
#    Give ``shuffle=True`` to the loader of the training, because the default is False. Leave it out for validation and
#    test, where the order does not matter in evaluation mode. Shuffling costs an index list for each epoch, and a
#    stream needs memory for its buffer. Where the order has a meaning, as in a series, shuffle the windows of the
#    training and split by time (:ref:`test-samples-in-the-training`).
#
# A common mistake
# ----------------
#
# **More epochs instead of shuffling.** With eight times the epochs, this small network learns the sorted digits, too.
# One that saw mixed batches for as many epochs is still better.

# Varies with the processor: two trainings each.
longer = {}
for shuffle in (False, True):
    runs = [by_class(fit(train, s, shuffle, epochs=40)[0]).mean().item() for s in range(2)]
    longer[shuffle] = runs
    print(f"40 epochs, shuffle={shuffle!s:<6} {min(runs):.0f} to {max(runs):.0f} %")
mixed = scores["sorted, shuffle=True"].mean(dim=1)
print(f"5 epochs, shuffle=True    {mixed.min():.0f} to {mixed.max():.0f} %")

# %%
# How this was checked

means = {name: table.mean(dim=1) for name, table in scores.items()}
assert means["sorted, shuffle=True"].min() > 85
assert means["mixed once, shuffle=False"].min() > 85
assert means["sorted, shuffle=False"].max() < 40
for table in scores["sorted, shuffle=False"]:
    assert (table < 10).sum() > 5
    assert table[9] > 90
assert train.targets.diff().min() >= 0
assert max(longer[False]) < min(longer[True])
assert min(longer[False]) > 80
# Batches of one class: the layer alone makes the difference, and so do the batches.
assert min(normed[False, "batches"][1]) > 80
assert max(normed[True, "batches"][1]) < 30
assert min(normed[True, True][1]) > 90
# The averages of the evaluation are not the cause: those of the whole training set, or of mixed batches, do not help.
for trained in normed[True, "batches"][0]:
    trained[2].reset_running_stats()
    trained[2].momentum = None
    trained.train()
    with torch.no_grad():
        trained(train.inputs)
    assert by_class(trained).mean() < 30  # the whole test set as one mixed batch
    assert by_class(trained.eval()).mean() < 30
# The default of DataLoader.
first_batch = next(iter(DataLoader(train, batch_size=50)))[1]
assert torch.equal(first_batch, train.targets[:50])
# The test with more classes than samples in a batch.
many = TensorData(torch.zeros(1000, 1), torch.arange(500).repeat_interleave(2))
for seed in range(20):
    torch.manual_seed(seed)
    test_the_batches_are_mixed(batches(many, 50, shuffle=True), classes=500)
    test_the_batches_are_mixed(batches(train, 20, shuffle=True), classes=10)
# A buffer of the whole set mixes it, and loses nothing.
for size in (1, 30, 500, 1085, 2000):
    torch.manual_seed(0)
    assert torch.equal(torch.tensor(list(Stream(size))).sort().values, train.targets)
assert min(classes[1085][:-1]) > 7
# The order of a test set does not matter in evaluation mode.
order = truth.argsort(stable=True)
with torch.no_grad():
    assert torch.equal(model(held_out)[order].argmax(dim=1), model(held_out[order]).argmax(dim=1))

# %%
# Check yourself
# --------------
#
# The first question is about the default.

ask(
    "DataLoader(train, batch_size=50) is called without shuffle. The set is sorted by ten classes of about 108 images. "
    "How many classes does the first batch hold?",
    answer=len(first_batch.unique()),
    choices={
        1: "The default is shuffle=False, so the batch is the first 50 images, of one class.",
        5: "The loader does not know the classes, so it cannot take some of each.",
        10: "It would be likely with shuffle=True.",
    },
)

# %%
# The next question is about a stream.

torch.manual_seed(0)
early = [label for _ in range(20) for label in list(Stream(30))[:50]]
ask(
    "A stream has 108 images of class 0, then class 1, and a buffer of 30. The buffer gives out one image whenever "
    "it is full. Can an image of class 1 be among the first 50?",
    answer="yes" if any(early) else "no",
    choices={
        "yes": "The first image of class 1 enters the buffer when 79 images have left it.",
        "no": "The buffer holds the next 30 images, and the first 79 that leave it are of class 0.",
    },
)

# %%
# **Exercise.** ``labels`` is sorted. Return an order in which the classes take turns. First comes the first of each
# class, in the order of the classes, then the second of each, and so on. Each class has the same number of images.


def by_loops(labels):
    places = {}
    for place, label in enumerate(labels.tolist()):
        places.setdefault(label, []).append(place)
    return torch.tensor(
        [row[k] for k in range(len(places[int(labels[0])])) for row in places.values()]
    )


cases = [
    (torch.tensor([0, 0, 0, 1, 1, 1]),),
    (torch.arange(4).repeat_interleave(2),),
    (torch.tensor([5, 5, 7, 7, 9, 9]),),
    (torch.zeros(3, dtype=torch.int64),),
]


def take_turns(labels):
    raise NotImplementedError


check(take_turns, by_loops, cases)

# %%
# The places make a table with one row for each class. Read it column by column.

# Solution


def take_turns(labels):
    return torch.arange(len(labels)).reshape(len(labels.unique()), -1).mT.flatten()


report = check(take_turns, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dataset-and-dataloader` explains what a loader does with the order.
#
# - PyTorch contributors (2026). `torch.utils.data <https://docs.pytorch.org/docs/stable/data.html>`__. Orders, samplers
#   and iterable data sets.
# - McCloskey and Cohen (1989). `Catastrophic interference in connectionist networks
#   <https://doi.org/10.1016/S0079-7421(08)60536-8>`__. An early account of networks that forget.
