"""
.. _splitting-data:

How do I split a dataset into training, validation and test? (random_split)
===========================================================================

You want to measure a model on examples that it has not learned, so you keep some aside.
``torch.utils.data.random_split`` draws them, and by chance a class can be nearly missing from a small part.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import hashlib

import matplotlib.pyplot as plt
import torch
from sklearn.model_selection import StratifiedKFold, train_test_split
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset, Subset, random_split

from ptguide.data import TensorData, batches, digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import accuracy, evaluate, fit

some = torch.randperm(1797, generator=torch.Generator().manual_seed(4))[:200]
data = TensorData(*digits("all")[some])  # as if you had 200 digits


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def invert(image):  # stands for an augmentation
    return 1 - image


def draw_counts(**parts):
    """Draw how often each digit is in each part."""
    _, axes = plt.subplots(1, 2, figsize=(5.6, 2.3), sharey=True, layout="constrained")
    counts = []
    for axis, (name, indices) in zip(axes, parts.items(), strict=True):
        counts.append(data.targets[indices].bincount(minlength=10))
        axis.bar(range(10), counts[-1].numpy(), color="tab:blue")
        axis.set(xticks=range(10), xlabel=f"digit ({name.replace('_', ' ')})")
    axes[0].set_ylabel("images")
    plt.suptitle("Which digits 40 validation images show")
    plt.show()
    return counts


def train(train_set, seed=0):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    loader = batches(train_set, 20, shuffle=True, generator=seeded(seed))
    fit(network, loader, F.cross_entropy, torch.optim.SGD(network.parameters(), lr=0.5), epochs=10)
    return network


def right(network, part):
    return evaluate(network, batches(part, 100), metrics={"a": accuracy}).metrics["a"]


# The split by chance, 20 seeds: how many images the rarest digit has.
rarest = []
for seed in range(20):
    drawn = random_split(data, [0.8, 0.2], seeded(seed))[1].indices
    rarest.append(data.targets[drawn].bincount(minlength=10).min().item())

# %%

train_set, validation_set = random_split(data, [0.8, 0.2], generator=seeded())
_, chosen = train_test_split(range(200), test_size=0.2, stratify=data.targets, random_state=0)
stratified = Subset(data, chosen)
by_chance, by_class = draw_counts(
    random_split=validation_set.indices, split_by_class=stratified.indices
)
assert min(rarest) < 2 <= by_class.min()

# %%
# The data set has :val:`200 <len(data)>` digits. If they are drawn by chance, a digit has between
# :val:`by_chance.min()` and :val:`by_chance.max()` images in the validation part. Other seeds can be worse: of
# :val:`20 <len(rarest)>` splits, the worst has :val:`min(rarest)` images of a digit. scikit-learn's
# ``train_test_split`` with ``stratify`` splits class by class, and gives between :val:`by_class.min()` and
# :val:`by_class.max()`. You need to know :ref:`dataset-and-dataloader`.
#
# .. longer: 5 screens — three ways to split have a cell each
#
# The rule
# --------
#
# ``random_split`` shuffles the indices 0 to N - 1 and cuts them into parts that do not overlap. Each part is a
# ``torch.utils.data.Subset``: a list of indices and a reference to your data set. The images are not copied. Fractions
# are multiplied by N and rounded down, and what is left goes to the first parts, one each. In floating point, a product
# like 0.29 * 100 is a little below the whole number, so rounding down loses one. If you pass whole numbers that add up
# to N, the parts have these sizes. Here is the function from scratch:


def my_random_split(n, fractions, generator):
    sizes = [int(fraction * n) for fraction in fractions]
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    return torch.randperm(n, generator=generator).split(sizes)


parts = random_split(range(23), [0.5, 0.25, 0.25], generator=seeded())
mine = my_random_split(23, [0.5, 0.25, 0.25], seeded())
print("23 by 0.5, 0.25, 0.25:", [len(part) for part in parts])
print("100 by 0.71, 0.29:", [len(part) for part in random_split(range(100), [0.71, 0.29])])
print("0.29 * 100 =", 0.29 * 100)
assert [part.indices for part in parts] == [part.tolist() for part in mine]

# %%
# The same split tomorrow
# -----------------------
#
# Pass a ``generator`` with a seed. Without it, the split depends on what drew random numbers before. Then the program
# that loads yesterday's model may measure it on images that it was trained on. The seed alone is not enough when the
# data grows: with one example more, the shuffled order is different. If your examples have a name, such as a file's,
# let the name decide.


def for_test(name, fraction=0.2):
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    return number < fraction * 2**32


by_seed = [set(random_split(range(n), [0.8, 0.2], seeded())[1].indices) for n in (1000, 1001)]
by_name = [{i for i in range(n) if for_test(f"image_{i}.png")} for n in (1000, 1001)]
for way, (before, after) in {"by seed": by_seed, "by name": by_name}.items():
    print(f"{way}: {len(before & after)} of {len(before)} test images stay when one image is added")
assert by_name[0] <= by_name[1]

# %%
# Too few examples to set some aside: k folds
# -------------------------------------------
#
# With :val:`40 <len(validation_set)>` validation images, one image is :val:`2.5 <100 / len(validation_set)>` %, and
# another split gives another accuracy. Cut the data into k folds instead. Train k networks, each without one fold, and
# measure it on that fold. Each example is measured once, by a network that has not seen it. ``StratifiedKFold`` of
# scikit-learn gives the indices.

# Varies with the processor: a training amplifies how it rounds.
folds = StratifiedKFold(5, shuffle=True, random_state=0).split(data.inputs, data.targets)
scores = []
for learned, measured in folds:
    network = train(Subset(data, learned.tolist()))
    scores.append(right(network, Subset(data, measured.tolist())))
scores = torch.tensor(scores)
print("folds:", ", ".join(f"{score:.1%}" for score in scores.tolist()))
print(f"mean {scores.mean():.1%}, standard deviation of the folds {scores.std():.1%}")

# %%
# Report the mean. A single split gives one such number, and you cannot see how far it is off. The k networks are for
# the estimate. To use a model, train it once more on the whole data set.
#
# .. use-this::
#
#    With thousands of examples that are independent of each other, use ``random_split`` with a seeded ``generator``.
#    With few, or with a rare class, split with ``stratify``. Split by person, place or time where :ref:`the samples
#    of one person belong together <test-samples-in-the-training>`. Choose settings on the validation part, and use the
#    test part once. K folds cost k trainings, and a split costs one integer of Python for each
#    example.
#
# A common mistake
# ----------------
#
# **One transform for both parts.** The parts refer to the same data set. If you switch the augmentation off for the
# validation part, it is off for the training part too, and no error says so. Split first, then wrap each part in a data
# set with its own transform.


class Transformed(Dataset):
    def __init__(self, base, transform=None):
        self.base, self.transform = base, transform

    def __len__(self):
        return len(self.base)

    def __getitem__(self, index):
        image, label = self.base[index]
        return (self.transform(image) if self.transform else image), label


train_part, validation_part = random_split(Transformed(data, invert), [0.8, 0.2], seeded())
validation_part.dataset.transform = None
print("shared data set:", train_part.dataset.transform)
train_part, validation_part = random_split(data, [0.8, 0.2], seeded())
train_part, validation_part = Transformed(train_part, invert), Transformed(validation_part)
print("a wrapper for each part:", train_part.transform.__name__, validation_part.transform)

# %%
# How this was checked

for n in (1, 2, 7, 23, 200):
    for fractions in ([0.5, 0.5], [0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [1.0]):
        if any(len(part) == 0 for part in my_random_split(n, fractions, seeded())):
            with expect_warning(UserWarning, match="might result in an empty dataset"):
                parts = random_split(range(n), fractions, seeded())
        else:
            parts = random_split(range(n), fractions, seeded())
        assert sorted(i for part in parts for i in part.indices) == list(range(n))
        mine = my_random_split(n, fractions, seeded())
        assert [part.indices for part in parts] == [part.tolist() for part in mine]
with expect_error(ValueError, match="does not equal the length of the input dataset"):
    random_split(data, [100, 50])
assert train_set.dataset is validation_set.dataset is data
assert validation_set[0][0].data_ptr() == data.inputs[validation_set.indices[0]].data_ptr()
for fraction in (0.1, 0.2, 0.5):
    for seed in range(5):
        kept, aside = train_test_split(
            range(200), test_size=fraction, stratify=data.targets, random_state=seed
        )
        assert sorted(kept + aside) == list(range(200))
        wanted = data.targets.bincount() * fraction
        assert (data.targets[aside].bincount(minlength=10) - wanted).abs().max() < 1
assert len(stratified) == 40
with expect_error(ValueError, match="least populated class"):
    train_test_split(range(4), stratify=[0, 0, 0, 1])
# Whole numbers are the sizes. Fractions that do not add up to 1 are refused.
for sizes in ([71, 29], [0, 100], [1, 98, 1]):
    assert [len(part) for part in random_split(range(100), sizes)] == sizes
for fractions in ([0.8, 0.1], [0.8, 0.3]):
    with expect_error(ValueError, match="does not equal the length of the input dataset"):
        random_split(range(100), fractions)
assert by_class.amin() >= 3
assert by_class.amax() <= 5
assert by_chance.sum() == by_class.sum() == 40
assert max(rarest) < 4
assert len(rarest) == 20
# Names: about the fraction wanted, and the same in each process.
assert 150 < len(by_name[0]) < 250
assert for_test("image_0.png") == (
    int(hashlib.sha256(b"image_0.png").hexdigest()[:8], 16) < 0.2 * 2**32
)
# Each example is in one fold.
again = StratifiedKFold(5, shuffle=True, random_state=0).split(data.inputs, data.targets)
counted = torch.zeros(200)
for learned, measured in again:
    counted[measured] += 1
    assert not set(learned) & set(measured)
assert (counted == 1).all()
assert scores.max() - scores.min() >= 0.02
assert 0.7 < scores.mean() < 0.98
shared, other = random_split(Transformed(data, invert), [0.8, 0.2], seeded())
other.dataset.transform = None
assert shared.dataset.transform is None  # the training lost it
assert torch.equal(train_part[0][0], 1 - data[train_part.base.indices[0]][0])
assert torch.equal(validation_part[0][0], data[validation_part.base.indices[0]][0])

# %%
# Check yourself
# --------------

sizes = [len(part) for part in random_split(range(11), [0.5, 0.3, 0.2])]
ask(
    "random_split cuts 11 examples with the fractions 0.5, 0.3 and 0.2. How many has each part?",
    answer=sizes,
    choices={
        (5, 3, 2): "That is rounded down, and one example is left over.",
        (6, 3, 2): "5, 3 and 2 are rounded down; the one that is left goes to the first part.",
        (5, 3, 3): "What is left does not go to the last part.",
    },
)

# %%
# The next question is about a subset of a subset.

inner = Subset(Subset(range(100, 200), [5, 6, 7]), [2, 0])
ask(
    "The data counts from 100. What does Subset(Subset(data, [5, 6, 7]), [2, 0]) begin with?",
    answer=inner[0],
    choices={
        102: "The index 2 is a place in the inner subset, not in the data.",
        105: "That is its second element.",
        107: "Place 2 of the inner subset is index 7 of the data.",
    },
)

# %%
# **Exercise.** Give each example the number of its fold. Of each class, the first example gets fold 0, the next fold 1
# and so on, and after the last of the ``k`` folds comes fold 0 again. ``labels`` has shape (N,), and so has the result.


def by_counting(labels, k):
    seen, fold = {}, []
    for label in labels.tolist():
        fold.append(seen.get(label, 0) % k)
        seen[label] = seen.get(label, 0) + 1
    return torch.tensor(fold)


cases = [
    (torch.tensor([0, 0, 0]), 2),
    (torch.tensor([0, 1, 0, 1, 1, 0, 0]), 3),
    (data.targets[:50], 5),
]


def folds_of(labels, k):
    raise NotImplementedError


check(folds_of, by_counting, cases)

# %%
# How many of its class come before an example? For one class, ``arange`` counts them.

# Solution


def folds_of(labels, k):
    fold = torch.empty_like(labels)
    for label in labels.unique():
        members = labels == label
        fold[members] = torch.arange(int(members.sum())) % k
    return fold


report = check(folds_of, by_counting, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`unbalanced-classes`, for data in which one class is rare.
#
# - PyTorch contributors (2026). `torch.utils.data.random_split
#   <https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.random_split>`__. The reference.
# - scikit-learn developers (2026). `Cross-validation: evaluating estimator performance
#   <https://scikit-learn.org/stable/modules/cross_validation.html>`__. Folds by class, by group and by time, with
#   drawings.
