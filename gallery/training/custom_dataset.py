"""
.. _custom-dataset:

How do I write a Dataset of my own, from files?
===============================================

Your examples are in files, perhaps more than the memory holds, and a ``DataLoader`` wants something with a length and
an index. Write a class with ``__len__`` and ``__getitem__`` that reads a file when its example is asked for.
"""

# %%
# Set-up

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms.functional import pil_to_tensor

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
images, labels = digits()[:23]
with (folder / "labels.csv").open("w", newline="") as file:
    table = csv.writer(file)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        gray = (255 * image[0]).round().to(torch.uint8)
        Image.fromarray(gray.numpy()).save(folder / f"{number:02}.png")
        table.writerow([f"{number:02}.png", label.item()])


def draw_batch(batch, labels):
    _, axes = plt.subplots(1, len(batch), figsize=(5.4, 1.5), layout="constrained")
    for axis, image, label in zip(axes, batch, labels, strict=True):
        axis.imshow(image[0].numpy(), cmap="gray_r", vmin=0, vmax=1)
        axis.set_xlabel(f"label {label}")
        axis.set(xticks=[], yticks=[])
    plt.suptitle("The first batch, read from six files")
    plt.show()


def check_data(data, classes):
    kinds = {(tuple(image.shape), image.dtype) for image, _ in (data[i] for i in range(len(data)))}
    if len(kinds) != 1:
        raise ValueError(f"shapes and types differ: {sorted(map(str, kinds))}")
    wrong = [i for i in range(len(data)) if not 0 <= data[i][1] < classes]
    if wrong:
        raise ValueError(f"labels out of range at {wrong}")


# %%


class DigitFiles(Dataset):
    def __init__(self, folder, transform=None):
        with (folder / "labels.csv").open(newline="") as file:
            self.rows = [(folder / name, int(label)) for name, label in csv.reader(file)]
        self.transform = transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        path, label = self.rows[index]
        image = pil_to_tensor(Image.open(path).convert("L")) / 255  # a file holds 0 to 255
        return (self.transform(image) if self.transform else image), label


data = DigitFiles(folder)
print(f"{len(data)} examples; number 4: {tuple(data[4][0].shape)}, label {data[4][1]}")

# %%
# The folder has an image file for each digit, and a table ``labels.csv`` of file names and :term:`labels <label>`.
# ``len(data)`` and ``data[4]`` call the two methods. You need to know :ref:`dataset-and-dataloader`.
#
# The rule
# --------
#
# ``__init__`` reads what is small, such as names and labels. ``__getitem__(index)`` reads one example, and returns it
# as (tensor, label). The loader asks for the indices of a batch, stacks the images, and makes a tensor of the labels.

batch, batch_labels = next(iter(DataLoader(data, batch_size=6)))
draw_batch(batch, batch_labels)
assert torch.equal(batch_labels, labels[:6])

# %%
# A transform for each image
# --------------------------
#
# ``transform`` runs at each read, so with a random one the next :term:`epoch` sees other images. This one rolls the
# digit sideways by up to one pixel. Give it to the data set that you train with, and measure with a data set without
# it.


def shifted(image):
    return image.roll(int(torch.randint(-1, 2, ())), dims=-1)


torch.manual_seed(0)
for name, transform in {"with": shifted, "without": None}.items():
    one = DigitFiles(folder, transform)
    seen = {tuple(one[4][0].flatten().tolist()) for _ in range(50)}
    print(f"{name:<7} transform: {len(seen)} different images in 50 reads of number 4")

# %%
# Look before you train
# ---------------------
#
# A label outside the classes, or an image of another size, can stop a training, perhaps after hours. One pass finds
# both: ``check_data``, in the set-up, compares shapes and types, and looks for such labels. Here one row gets the label
# :val:`10 <bad.rows[-1][1]>`.

check_data(data, classes=10)
bad = DigitFiles(folder)
bad.rows.append((folder / "04.png", 10))
with expect_error(ValueError, match=r"labels out of range at \[23\]"):
    check_data(bad, classes=10)

# %%
# .. use-this::
#
#    Keep paths and labels in ``__init__``, read in ``__getitem__``, and return a float tensor of shape (C, H, W) and
#    an integer. Give ``transform`` as an argument, because training and measuring need different ones. A read costs
#    the time of opening a file; if the loop waits, add :ref:`workers <dataloader-workers>`. For a folder for each
#    class, use ``torchvision.datasets.ImageFolder``, with a transform that makes tensors. Data that fits into memory
#    comes faster from one tensor, as :ref:`dataset-and-dataloader` measures.
#
# Common mistakes
# ---------------
#
# **An image that is not a tensor.** Pillow opens an image as an object of its own class, which the loader cannot stack.
# Convert it with ``pil_to_tensor``. Its values are bytes, so divide as above.


class PillowFiles(DigitFiles):
    def __getitem__(self, index):
        path, label = self.rows[index]
        return Image.open(path).convert("L"), label


with expect_error(TypeError, match="default_collate: batch must contain tensors"):
    next(iter(DataLoader(PillowFiles(folder), batch_size=6)))
converted = pil_to_tensor(PillowFiles(folder)[0][0])
print(converted.dtype, converted.min().item(), "to", converted.max().item())

# %%
# **A transform that writes into the data.** Here the examples are kept in memory, as rows of a tensor. ``*=`` writes
# :term:`in place`, so each read changes the row for the next one (first line). ``inputs * 4`` makes a new tensor.
# To test a transform, read one example twice.


def times_four_in_place(inputs):
    inputs *= 4
    return inputs


for transform in (times_four_in_place, lambda inputs: inputs * 4):
    wines = torch.tensor([[14.23, 1.71], [13.2, 1.78]])
    print([round(transform(wines[0])[0].item(), 2) for _ in range(3)])

# %%
# How this was checked

assert torch.equal(converted / 255, data[0][0])
# ImageFolder gives images of Pillow where it has no transform.
(folder / "by_class" / "4").mkdir(parents=True)
Image.open(folder / "04.png").save(folder / "by_class" / "4" / "04.png")
for transform, kind in {None: Image.Image, pil_to_tensor: torch.Tensor}.items():
    assert isinstance(ImageFolder(folder / "by_class", transform)[0][0], kind)
for i in range(-23, 23):  # a list counts from the end, too
    image, label = data[i]
    torch.testing.assert_close(image, images[i], atol=1 / 500, rtol=0)
    assert label == labels[i]
moving = DigitFiles(folder, shifted)
three = {tuple(moving[4][0].flatten().tolist()) for _ in range(50)}
assert three == {tuple(data[4][0].roll(k, dims=-1).flatten().tolist()) for k in (-1, 0, 1)}
with expect_error(IndexError, match="Target 10 is out of bounds"):
    torch.nn.functional.cross_entropy(torch.zeros(1, 10), torch.tensor([10]))
with expect_error(ValueError, match="shapes and types differ"):
    check_data([(images[0], 3), (images[0, 0], 3)], classes=10)
# An index that is too large raises IndexError, by which `for` knows the end.
assert len(list(data)) == 23
with expect_error(IndexError, match="list index out of range"):
    data[23]
opened = []
counting = DigitFiles(folder, lambda image: opened.append(1) or image)
next(iter(DataLoader(counting, batch_size=6)))
assert len(opened) == 6

# %%
# Check yourself
# --------------


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
        8: "The loader asks for these 8. The rest stays on the disk. (Workers would read ahead.)",
        1000: "Without workers nothing is read in advance, unless __init__ does it.",
    },
)

# %%
# The next question asks about a list that is kept.


class Growing(Dataset):
    def __init__(self):
        self.items = [[1], [2]]

    def __len__(self):
        return 2

    def __getitem__(self, index):
        self.items[index].append(0)
        return len(self.items[index])


growing = Growing()
lengths = [batch.tolist() for _epoch in range(2) for batch in DataLoader(growing, batch_size=2)]
temporary.cleanup()
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
# **Exercise.** Images are in a folder for each class. ``names`` is a list such as ``["dog/1.png", "cat/7.png"]``.
# Return the labels as a tensor of integers. The classes count in alphabetical order from 0, as in ``ImageFolder``.


def by_counting(names):
    classes = {name.split("/")[0] for name in names}
    return torch.tensor([sum(one < name.split("/")[0] for one in classes) for name in names])


cases = [
    (["dog/1.png", "cat/7.png"],),
    (["7/a.png", "3/b.png", "7/c.png", "1/d.png"],),
    (["b/1.png", "b/2.png"],),
]


def labels_of(names):
    raise NotImplementedError


check(labels_of, by_counting, cases)

# %%
# The place of a class in the sorted list of classes is its label.

# Solution


def labels_of(names):
    folders = [name.partition("/")[0] for name in names]
    classes = sorted(set(folders))
    return torch.tensor([classes.index(folder) for folder in folders])


report = check(labels_of, by_counting, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dataloader-workers`, which read files while the model trains.
#
# - PyTorch contributors (2026). `Datasets and DataLoaders
#   <https://docs.pytorch.org/tutorials/beginner/basics/data_tutorial.html>`__. A class for image files, in the official
#   tutorial.
# - PyTorch contributors (2026). `ImageFolder
#   <https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html>`__. The ready-made class.
