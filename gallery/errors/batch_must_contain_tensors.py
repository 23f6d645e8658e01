"""
.. _batch-must-contain-tensors:

TypeError: default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found PIL.Image.Image
====================================================================================================================

Your data set returns an object that the ``DataLoader`` cannot put into a batch, and the message ends with its class.
For images, give the data set a transform that makes tensors.
"""

# %%
# Set-up

import dataclasses
import datetime
import inspect
import tempfile
from collections import Counter, namedtuple
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision.datasets import CIFAR10, MNIST, ImageFolder
from torchvision.transforms import ToTensor, v2

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name, "digits")
for number, (image, label) in enumerate(zip(*digits()[:23], strict=True)):
    path = folder / str(label.item()) / f"{number:02}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image[0] * 255).to(torch.uint8).numpy()).save(path)

# %%

data = ImageFolder(folder)
with expect_error(TypeError, match="found <class 'PIL.Image.Image'>"):
    next(iter(DataLoader(data, batch_size=6)))
print("one sample:", [type(part).__name__ for part in data[0]])

# %%
# The message ends with the class that does not fit, or with the type of an array. Look at one sample, ``data[0]``,
# without a loader, and find the part that has that class.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: row[:2].astype("float32") — the cell of the cause runs it
#
# ========================================================  ========================================================
# The message says                                          Fix
# ========================================================  ========================================================
# :ref:`found PIL.Image.Image <collate-pil>`                ``ImageFolder(folder, transform=ToTensor())``
# :ref:`found NoneType <collate-none>`                      ``return``, or leave broken files out
# :ref:`expected Tensor ... got NoneType <collate-none>`    the same, for a later sample of the batch
# :ref:`found your own class <collate-own>`                 ``dataclasses.asdict``, or a ``collate_fn``
# :ref:`found a Path, a date, a set <collate-own>`          ``str(path)``, a number, a sorted list
# :ref:`found object, or texts of NumPy <collate-own>`      ``row[:2].astype("float32")``, or strings
# :ref:`samples that are to stay a list <collate-list>`     ``collate_fn=list``
# ========================================================  ========================================================
#
# The rule
# --------
#
# The loader makes a list of samples and calls ``default_collate``. It stacks tensors and arrays of numbers, makes one
# tensor of ints or floats, and leaves strings in a list. It treats each part of a tuple, a list or a dict in the same
# way. Here it gets a list of two of each.

for part in [torch.ones(3), np.ones(3), 2.5, True, "cat", (1, "cat"), {"size": 3}]:
    batch = default_collate([part, part])
    shown = f"tensor of shape {tuple(batch.shape)}" if isinstance(batch, torch.Tensor) else batch
    print(f"{type(part).__name__:8}{shown}")

# %%
# .. _collate-pil:
#
# An image without a transform
# ----------------------------
#
# Without a transform, ``ImageFolder`` returns images of Pillow, and so do ``MNIST`` and ``CIFAR10``. ``ToTensor`` makes
# tensors of them. In ``v2`` two steps replace it. If the images differ in size, add ``v2.Resize`` with height and
# width, because stacking needs equal shapes.

to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
for transform in (ToTensor(), to_tensor):
    data = ImageFolder(folder, transform=transform)
    images, labels = next(iter(DataLoader(data, batch_size=6)))
    print(tuple(images.shape), images.dtype, tuple(labels.shape))

# %%
# .. _collate-none:
#
# A sample is None
# ----------------
#
# A ``__getitem__`` without ``return`` gives ``None``. So does one that catches the error of a broken file and goes on.
# Instead, read each file once before training, and keep a list of the good ones. ``ImageFolder`` does this if you pass
# ``is_valid_file``.


def can_be_read(path):
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError):  # what Pillow raises for such files
        return False
    return True


class Forgetful(Dataset):
    def __len__(self):
        return len(data)

    def __getitem__(self, index):
        data[index]  # and no return


with expect_error(TypeError, match="found <class 'NoneType'>"):
    next(iter(DataLoader(Forgetful(), batch_size=6)))
(folder / "0" / "broken.png").write_bytes(b"half a download")
good = ImageFolder(folder, to_tensor, is_valid_file=can_be_read)
print(len(ImageFolder(folder)), "files,", len(good), "can be read")
assert len(list(DataLoader(good))) == len(good)

# %%
# .. _collate-own:
#
# Objects that torch does not know
# --------------------------------
#
# Turn each into something that can be batched, in ``__getitem__``: a data class into a dict, a path into a string, a
# date into a number. A row of a table that holds a string is an array of the type ``object``. Split it into two parts.


@dataclasses.dataclass
class Sample:
    image: torch.Tensor
    path: str


sample = Sample(torch.ones(3, 8, 8), str(Path("digits", "00.png")))
today = datetime.date(2026, 3, 1)
row = np.array([2.5, 7, "cat"], dtype=object)
for wrong in [sample, Path("00.png"), today, {3, 1}, np.array("cat"), row]:
    with expect_error(TypeError, match="default_collate: batch must contain"):
        default_collate([wrong, wrong])
parts = row[:2].astype("float32"), row[2]
for right in [
    dataclasses.asdict(sample),
    str(Path("00.png")),
    today.toordinal(),
    sorted({3, 1}),
    parts,
]:
    default_collate([right, right])

# %%
# .. _collate-list:
#
# Samples that are to stay a list
# -------------------------------
#
# Some parts have no common shape, such as the boxes in a photo. A ``collate_fn`` gets the list of samples and decides.
# ``list`` keeps it as it is. The function below stacks the images and keeps the boxes in a list.


def images_and_boxes(batch):
    images, boxes = zip(*batch, strict=True)
    return torch.stack(images), list(boxes)


found = [(torch.rand(3, 8, 8), torch.rand(count, 4)) for count in (2, 5, 1)]
images, boxes = next(iter(DataLoader(found, batch_size=3, collate_fn=images_and_boxes)))
print(tuple(images.shape), [tuple(part.shape) for part in boxes])
pictures = ImageFolder(folder, is_valid_file=can_be_read)  # no transform
batch = next(iter(DataLoader(pictures, batch_size=5, collate_fn=list)))
print(
    f"{type(batch).__name__} of {len(batch)}, in each {type(batch[0][0]).__name__}, {type(batch[0][1]).__name__}"
)

# %%
# .. use-this::
#
#    Let ``__getitem__`` return a tuple or a dict of tensors, numbers and strings, where each tensor has the same shape
#    in all samples. Write a ``collate_fn`` where the shapes differ, at the top of a module, so that spawned workers can
#    find it. Checking the files reads each of them once, so save the list of good ones.
#
# A common mistake
# ----------------
#
# ``collate_fn=lambda batch: batch[0]`` silences the message. It also throws away each sample of a batch but the first.

seen = Counter()
for _, label in DataLoader(good, batch_size=6, collate_fn=lambda batch: batch[0]):
    seen[label] += 1
print(f"{len(good)} samples in the data, {seen.total()} seen in an epoch")

# %%
# How this was checked

# Sets of torchvision that make images of Pillow of their arrays.
for kind in (MNIST, CIFAR10):
    assert "Image_fromarray(" in inspect.getsource(kind.__getitem__).replace(".", "_")
# What else is refused: other numbers, and what has no length or no order.
for wrong in [Fraction(1, 2), Decimal(1), frozenset({1}), np.datetime64("2026-03-01"), iter([1])]:
    with expect_error(TypeError, match="default_collate: batch must contain"):
        default_collate([wrong, wrong])
# What else is taken: numbers of numpy, bytes as strings are, and named tuples.
Pair = namedtuple("Pair", "left right")
assert default_collate([np.float32(2.5), np.float32(3)]).tolist() == [2.5, 3]
assert default_collate([b"cat", b"dog"]) == [b"cat", b"dog"]
assert default_collate([Pair(1, 2.5)] * 2).left.tolist() == [1, 1]
assert default_collate([parts, parts])[0].shape == (2, 2)
# None that is not the first of its batch has other words, and among strings it passes.
with expect_error(TypeError, match="expected Tensor as element 1 in argument 0, but got NoneType"):
    default_collate([torch.ones(2), None])
with expect_error(TypeError, match="must be real number, not NoneType"):
    default_collate([1.0, None])
assert default_collate(["cat", None]) == ["cat", None]
with expect_error(TypeError, match="found <class 'NoneType'>"):
    default_collate([{"caption": None}, {"caption": None}])
# A broken file stops a data set that reads it, and a file that was cut short cannot be read either.
with expect_error(OSError, match="^cannot identify image file$"):
    try:
        list(DataLoader(ImageFolder(folder, to_tensor)))
    except OSError as error:
        raise OSError(str(error).partition(" <")[0]) from None  # without the folder
whole = next((folder / "1").glob("*.png")).read_bytes()
cut = Path(temporary.name, "cut.png")
for length in range(0, len(whole), 10):
    cut.write_bytes(whole[:length])
    if length < 0.8 * len(whole):
        assert not can_be_read(cut)
cut.write_bytes(whole)
assert can_be_read(cut)
# Images of several sizes, without and with Resize.
sizes = [(Image.new("RGB", size), 0) for size in ((9, 7), (6, 8))]
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    default_collate([(to_tensor(image), label) for image, label in sizes])
resize = v2.Compose([v2.Resize((8, 5)), to_tensor])
images, _ = default_collate([(resize(image), label) for image, label in sizes])
assert images.shape == (2, 3, 8, 5)
# Both transforms give the same numbers.
image = pictures[0][0]
torch.testing.assert_close(ToTensor()(image), to_tensor(image).as_subclass(torch.Tensor))
# Complex numbers are refused, and tuples of several lengths have words of their own.
with expect_error(TypeError, match="found <class 'complex'>"):
    default_collate([1j, 2j])
with expect_error(RuntimeError, match="each element in list of batch should be of equal size"):
    default_collate([(1, 2), (3, 4, 5)])

# %%
# Check yourself
# --------------
#
# The first question is about file names.


def what_comes(batch):
    try:
        return type(default_collate(batch))
    except TypeError:
        return TypeError


ask(
    "Samples are file names, as strings. What does default_collate make of the batch?",
    answer=what_comes(["a.png", "b.png"]),
    choices={
        list: "Strings are left as they are, in a list.",
        torch.Tensor: "Letters are no numbers for torch.",
        TypeError: "That comes with Path objects. Strings are allowed.",
    },
)

# %%
# The next question is about the lambda.

ask(
    "A data set has 100 samples. How many does a loop see with batch_size=20 and "
    "collate_fn=lambda batch: batch[0]?",
    answer=len(list(DataLoader(range(100), batch_size=20, collate_fn=lambda batch: batch[0]))),
    choices={
        100: "Each batch is made of 20 samples, and 19 of them are thrown away.",
        20: "That is the size of a batch before the function.",
        5: "One for each batch.",
    },
)

# %%
# **Exercise.** Networks that find objects want the boxes of a batch as one tensor. The number of the image is in front
# of each box. ``batch`` is a list of tensors of shape (boxes, 4). Return one tensor with 5 numbers for each box.


def number_boxes(batch):
    raise NotImplementedError


def by_loops(batch):
    rows = []
    for number, boxes in enumerate(batch):
        rows += [[float(number), *box] for box in boxes.tolist()]
    return torch.tensor(rows)


cases = [
    ([torch.tensor([[1.0, 2, 3, 4]])],),
    ([torch.ones(1, 4), torch.zeros(2, 4)],),
    ([torch.rand(3, 4), torch.empty(0, 4), torch.rand(2, 4)],),
]
check(number_boxes, by_loops, cases)

# %%
# Put a column with the number in front of the boxes of each image, then join the images.

# Solution


def number_boxes(batch):
    rows = [torch.cat([torch.full((len(b), 1), float(i)), b], dim=1) for i, b in enumerate(batch)]
    return torch.cat(rows)


report = check(number_boxes, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`num-samples-should-be-positive`, the error of a data set that found nothing.
#
# - PyTorch contributors (2026). `torch.utils.data <https://docs.pytorch.org/docs/stable/data.html>`__. What the loader
#   collates, and how to write a ``collate_fn``.
# - PyTorch users (2017). `Add exception handler for DataLoader when reading a damaged image file
#   <https://github.com/pytorch/pytorch/issues/1137>`__. Ways to leave broken files out, with their problems.
