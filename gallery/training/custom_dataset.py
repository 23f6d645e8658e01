"""
.. _custom-dataset:

How do I write a Dataset of my own, from files?
===============================================

A data set is a class with two methods: ``__len__`` says how many examples there are, ``__getitem__`` gives the one at
an index. This page writes one for images that lie in files, adds a transform for each image, and shows a mistake that
changes the data while it is read. You need to know :ref:`dataset-and-dataloader`.
"""

# %%
# First the files: 23 images of digits, one file each, and a table that names them with their :term:`labels <label>`.

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.questions import ask

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
images, labels = digits()[:23]
with (folder / "labels.csv").open("w", newline="") as file:
    table = csv.writer(file)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        np.save(folder / f"{number:02}.npy", image.numpy())
        table.writerow([f"{number:02}.npy", label.item()])

print(*(folder / "labels.csv").read_text().splitlines()[:3], sep="\n")
assert len(list(folder.glob("*.npy"))) == 23

# %%
# The class
# ---------
#
# ``__init__`` reads the small table, and no image. An image is read when it is asked for, so the whole may be larger
# than the memory. ``transform`` is a function for each image, such as a crop. Without one the image stays as it is.


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
assert len(data) == 23
assert image.shape == (1, 8, 8)
assert label == labels[4]

# %%
# That is all that a DataLoader needs. It asks for the indices of a :term:`batch` and joins the answers: tensors are
# stacked, numbers become a tensor.

batch_images, batch_labels = next(iter(DataLoader(data, batch_size=6)))
assert torch.equal(batch_images, images[:6])
assert torch.equal(batch_labels, labels[:6])

figure, axes = plt.subplots(1, 6, figsize=(6.5, 1.6), layout="constrained")
for axis, image, label in zip(axes, batch_images, batch_labels, strict=True):
    axis.imshow(image[0].numpy(), cmap="gray_r")
    axis.set_title(f"label {label}")
    axis.axis("off")
figure.suptitle("The first batch, read from six files")
plt.show()

# %%
# A transform for each image
# --------------------------
#
# It is called at each read, so a random one can give another image in each :term:`epoch`. Here the image is moved by up
# to one pixel to the left or to the right. That is for training. For measuring, make a second object without it. Both
# read the same files.


def shifted(image):
    return image.roll(int(torch.randint(-1, 2, ())), dims=-1)


torch.manual_seed(0)
moving, still = DigitFiles(folder, transform=shifted), DigitFiles(folder)
seen = {tuple(moving[4][0].flatten().tolist()) for _ in range(50)}
assert len(seen) == 3
assert tuple(still[4][0].flatten().tolist()) in seen
assert len({tuple(still[4][0].flatten().tolist()) for _ in range(50)}) == 1

# %%
# Look before you train
# ---------------------
#
# One pass over a data set finds what else stops a training after hours: a label that does not exist, or an image of
# another shape or type. Negative indices come for free here, because a list counts so, too.


def check_data(data, classes):
    shapes = {(tuple(image.shape), image.dtype) for image, _ in (data[i] for i in range(len(data)))}
    if len(shapes) != 1:
        raise ValueError(f"shapes and types differ: {sorted(map(str, shapes))}")
    wrong = [i for i in range(len(data)) if not 0 <= data[i][1] < classes]
    if wrong:
        raise ValueError(f"labels out of range at {wrong}")


check_data(data, classes=10)
assert data[-1][1] == labels[22]
with (folder / "labels.csv").open("a", newline="") as file:
    csv.writer(file).writerow(["04.npy", 10])
with expect_error(ValueError, match=r"labels out of range at \[23\]"):
    check_data(DigitFiles(folder), classes=10)
with expect_error(ValueError, match="shapes and types differ"):
    check_data([(images[0], 3), (images[0, 0], 3)], classes=10)

# %%
# An index that is too large has to raise an ``IndexError``: by that, ``for`` and :class:`list` know where a data set
# ends. The list of rows raises it. A class that computes its examples has to raise it itself. ``for`` does not look at
# ``__len__``: below it goes on after the 2 examples, and we stop it after 100.

import itertools


class Endless(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return index**2


assert len(list(itertools.islice(Endless(), 100))) == 100
assert len(list(data)) == 23
with expect_error(IndexError, match="list index out of range"):
    data[23]

# %%
# What goes wrong: a transform that writes into the data
# ------------------------------------------------------
#
# :func:`torch.from_numpy` shares the memory of the array, and ``*=`` writes :term:`in place`. So each look at an item
# changes it for the next one. This is from a learner's notes on a table of wines, whose first number is 14.23. Each
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
# ``inputs * 4`` makes a new tensor, and both reads give the same. A test that reads an item twice finds the mistake.

wines = Wines(lambda inputs: inputs * 4)
once, again = wines[0], wines[0]
assert torch.equal(once, again)
assert wines.table[0, 0] == 14.23
temporary.cleanup()

# %%
# Check yourself
# --------------


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
# And one about memory:


class Counted(Dataset):
    read = 0

    def __len__(self):
        return 1000

    def __getitem__(self, index):
        self.read += 1
        return index


counted = Counted()
next(iter(DataLoader(counted, batch_size=8)))
ask(
    "A data set has 1000 files; one batch of 8 is taken from its DataLoader. How many files have been read?",
    answer=counted.read,
    choices={
        1: "A batch of 8 needs 8 examples.",
        8: "Only what was asked for. The rest stays on the disk. (Workers would read ahead.)",
        1000: "Without workers nothing is read in advance, unless __init__ does it.",
    },
)

# %%
# Next: :ref:`dataloader-workers`, which read files while the model trains.
