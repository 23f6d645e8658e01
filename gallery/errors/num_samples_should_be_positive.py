"""
.. _num-samples-should-be-positive:

ValueError: num_samples should be a positive integer value, but got num_samples=0
=================================================================================

Your data set is empty, so there is nothing to shuffle. Often it looked for files in a wrong folder or with a wrong
ending: print ``len(data)`` and the absolute path of the folder.
"""

# %%
# Set-up

import shutil
import sys
import warnings
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)
from torchvision.datasets import ImageFolder

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

folder = Path("photos")  # photos/seven/00.png, photos/other/01.PNG, ...
for number, (image, label) in enumerate(zip(*digits()[:23], strict=True)):
    kind, ending = ("seven", "png") if label == 7 else ("other", "PNG")
    path = folder / kind / f"{number:02}.{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image[0] * 255).to(torch.uint8).numpy()).save(path)


class Photos(Dataset):
    def __init__(self, folder, pattern):
        self.paths = sorted(Path(folder).glob(pattern))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return str(self.paths[index])


# %%

data = Photos("photos", "*.jpg")
with expect_error(ValueError, match="num_samples should be a positive integer value"):
    DataLoader(data, batch_size=8, shuffle=True)
print("samples:", len(data), " files:", len([p for p in folder.rglob("*") if p.is_file()]))

# %%
# ``num_samples`` is the length of your data set. ``DataLoader`` asks for it when it is made with ``shuffle=True``. No
# sample has been read by then, so look at ``__init__`` and ``__len__``.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ==================================================================  =============================================
# The message, or the cause                                           Fix
# ==================================================================  =============================================
# :ref:`a folder that does not exist <empty-folder>`                  ``folder.is_dir()``, and ``resolve()``
# :ref:`another ending, or files one folder deeper <empty-folder>`    ``rglob``, and ``suffix.lower()``
# :ref:`Couldn't find any class folder <empty-class>`                 the folder *above* the classes
# :ref:`Found no valid file for the classes <empty-class>`            delete the folder that is named
# :ref:`Found 0 files in subfolders of <empty-class>`                 the folder *above* the classes
# :ref:`a part of random_split is empty <empty-split>`                more samples, or lengths that you choose
# :ref:`Sum of input lengths does not equal <empty-split>`            the last length from the others
# :ref:`object of type ... has no len() <empty-methods>`              ``__len__``
# :ref:`should implement __getitem__ <empty-methods>`                 ``__getitem__``
# :ref:`expected unspecified shuffle option <empty-methods>`          no ``shuffle`` for an ``IterableDataset``
# ==================================================================  =============================================
#
# .. _empty-folder:
#
# The rule
# --------
#
# ``glob`` raises nothing when the folder is missing, the ending differs, or the files are one folder deeper. On Linux
# it also distinguishes ``.png`` from ``.PNG``, and so misses most photos here. A relative path counts from the working
# directory, most often where Python was started. ``resolve()`` gives the absolute path. ``find_images`` looks deeper,
# takes both spellings, and raises an error if it finds nothing.

for place, pattern in [
    ("photo", "*"),
    ("photos", "*.jpg"),
    ("photos", "*.png"),
    ("photos", "*/*.png"),
]:
    samples = len(Photos(place, pattern))
    print(f"{place:7}{pattern:8} folder exists: {Path(place).is_dir()!s:6} samples: {samples}")


def find_images(folder, endings=(".png", ".jpg", ".jpeg")):
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)
    if not paths:
        raise FileNotFoundError(f"no {', '.join(endings)} in {folder.resolve()}")
    return paths


print("find_images:", len(find_images("photos")), "samples")

# %%
# .. _empty-class:
#
# ImageFolder has messages of its own
# -----------------------------------
#
# :class:`torchvision.datasets.ImageFolder` takes each folder inside ``root`` for a class. If you pass the folder of one
# class, it finds no folder. A folder without images stops it too, since a class would have no sample. Jupyter creates
# one called ``.ipynb_checkpoints``. ``allow_empty=True`` accepts it as a class, and moves the numbers of the others.
#
# Older releases of torchvision raised one message for both. The first line is quoted from `a thread of 2022
# <https://github.com/MadryLab/BREEDS-Benchmarks/issues/2>`__, the second from an `older thread
# <https://github.com/pytorch/examples/issues/236>`__.

print("RuntimeError: Found 0 files in subfolders of: ./dataset/val")
print("RuntimeError: Found 0 images in subfolders of: ./data")
with expect_error(FileNotFoundError, match="Couldn't find any class folder in photos"):
    ImageFolder(folder / "seven")
(folder / ".ipynb_checkpoints").mkdir()
with expect_error(FileNotFoundError, match="no valid file for the classes .ipynb_checkpoints"):
    ImageFolder(folder)
print(ImageFolder(folder, allow_empty=True).class_to_idx)
(folder / ".ipynb_checkpoints").rmdir()
data = ImageFolder(folder)
print(data.class_to_idx, len(data))

# %%
# .. _empty-split:
#
# A part of random_split is empty
# -------------------------------
#
# A small data set leaves nothing for a small part. ``random_split`` rounds each part down and gives what is left to the
# first ones. It warns of a part without samples. If you pass lengths, compute the last from the others, because rounded
# lengths can leave out a sample. Before Python 3.12 some fractions raise this error too, because their rounded sum is a
# little more than 1. Then pass lengths.

with expect_warning(UserWarning, match="Length of split at index 1 is 0"):
    _, validation = random_split(data, [0.99, 0.01])
print("samples for validation:", len(validation))

n = len(data)
with expect_error(ValueError, match="Sum of input lengths does not equal the length of the input"):
    random_split(data, [int(0.8 * n), int(0.2 * n)])
parts = random_split(data, [n - int(0.2 * n), int(0.2 * n)])
assert [len(part) for part in parts] == [19, 4]

# %%
# .. _empty-methods:
#
# A method is missing
# -------------------
#
# A data set that is shuffled needs ``__len__`` and ``__getitem__``, with two underscores on both sides and inside the
# class. An :class:`torch.utils.data.IterableDataset` needs no length, and decides the order itself.


class NoLength(Dataset):
    def __getitem__(self, index):
        return index


class NoItems(Dataset):
    def __len__(self):
        return 3


class Stream(IterableDataset):
    def __iter__(self):
        yield from range(3)


with expect_error(TypeError, match=r"object of type 'NoLength' has no len\(\)"):
    DataLoader(NoLength(), shuffle=True)
with expect_error(NotImplementedError, match="Subclasses of Dataset should implement __getitem__"):
    next(iter(DataLoader(NoItems(), shuffle=True)))
with expect_error(ValueError, match="expected unspecified shuffle option, but got shuffle=True"):
    DataLoader(Stream(), shuffle=True)
assert len(list(DataLoader(Stream()))) == 3

# %%
# .. use-this::
#
#    Let ``__init__`` raise an error that names the folder when it finds no file, as ``find_images`` above. In a script,
#    build the folder from where the script is, ``Path(__file__).parent``: then it does not matter where Python was
#    started. Print the length of each part once before training. ``rglob`` looks through each folder below, which takes
#    long where there are very many files: then write their names into a list once.
#
# A common mistake
# ----------------
#
# ``shuffle=False`` silences the message. The loop then runs zero times and nothing is learned. The error comes later,
# if at all, where you divide by the number of samples.

loader = DataLoader(Photos("photos", "*.jpg"), batch_size=8, shuffle=False)
right = total = 0
for batch in loader:
    total += len(batch)
print("batches:", len(loader))
with expect_error(ZeroDivisionError, match="division"):
    print(right / total)

# %%
# How this was checked

# Other samplers and data sets of length 0.
for empty in ([], TensorDataset(torch.empty(0, 3)), range(0)):
    with expect_error(ValueError, match="but got num_samples=0"):
        DataLoader(empty, shuffle=True)
    assert list(DataLoader(empty, shuffle=False)) == []
# Two samplers say the same of a number that they were given.
with expect_error(ValueError, match="but got num_samples=0"):
    RandomSampler(range(5), num_samples=0)
with expect_error(ValueError, match="but got num_samples=0"):
    WeightedRandomSampler([], 0)
# drop_last can leave no batch of a data set that is not empty.
assert len(DataLoader(range(3), batch_size=4, drop_last=True)) == 0
assert len(DataLoader(range(3), batch_size=4, shuffle=True)) == 1
# find_images names the folder.
with expect_error(FileNotFoundError, match="no .png, .jpg, .jpeg in "):
    try:
        find_images("photo")
    except FileNotFoundError as error:
        raise FileNotFoundError(str(error).replace(str(Path.cwd()), "...")) from None
# A missing root of ImageFolder, and a folder that is too high: its classes are the folders train and test.
with expect_error(FileNotFoundError, match="No such file or directory: 'photo'"):
    ImageFolder("photo")
shutil.copytree(folder, Path("split", "train"))
assert ImageFolder("split").classes == ["train"]
# Fractions with a sum of 1, or a little less, give each sample to one part; others are refused, as lengths are.
for n in range(1, 40):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parts = random_split(range(n), [0.7, 0.2, 0.1])
    assert sum(len(part) for part in parts) == n
    assert len(caught) == sum(len(part) == 0 for part in parts)
tenths = [0.2, 0.4, 0.3, 0.1]
try:
    refused = not random_split(range(10), tenths)
except ValueError:
    refused = True
assert refused == (sum(tenths) > 1) == (sys.version_info < (3, 12))
# An IterableDataset may have a length.


class Counted(Stream):
    def __len__(self):
        return 3


assert len(DataLoader(Counted())) == 3
for wrong in ([0.7, 0.2], [0.7, 0.5], [3, 4]):
    with expect_error(ValueError, match="Sum of input lengths does not equal"):
        random_split(range(10), wrong)
# Without shuffle, a missing length is noticed when the loop begins.
loader = DataLoader(NoLength())
with expect_error(TypeError, match="has no len"):
    next(iter(loader))
# The class in place of an object.
with expect_error(TypeError, match="object of type 'type' has no len"):
    DataLoader(Photos, shuffle=True)
shutil.rmtree(folder)
shutil.rmtree("split")

# %%
# Check yourself
# --------------
#
# The first question is about a part of a split.


def lengths(n, fractions):
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        return tuple(len(part) for part in random_split(range(n), fractions))


ask(
    "A data set has 7 samples. How long are the parts of random_split(data, [0.9, 0.1])?",
    answer=lengths(7, [0.9, 0.1]),
    choices={
        (6, 1): "0.9 of 7 is 6.3, which gives 6. But the one that is left goes to the first part.",
        (7, 0): "Both parts are rounded down, to 6 and 0, and what is left goes to the first.",
        (6, 0): "Each sample is in one part: the lengths sum to 7.",
    },
)

# %%
# The next question is about a loader without shuffling.


def loop(shuffle):
    try:
        return len(list(DataLoader([], batch_size=8, shuffle=shuffle)))
    except ValueError:
        return ValueError


ask(
    "A data set is empty by mistake. What does a loop over DataLoader(data, batch_size=8) do?",
    answer=loop(shuffle=False),
    choices={
        ValueError: "That needs shuffle=True.",
        0: "It runs for 0 batches, and nothing is raised.",
        1: "A last batch has what is left, and nothing is.",
    },
)

# %%
# **Exercise.** Write how ``random_split`` makes lengths of ``n`` samples and of ``fractions`` with the sum 1. It rounds
# each part down. Then it gives what is left to the parts in order, one to each. Return a tensor of integers.


def part_lengths(n, fractions):
    raise NotImplementedError


def by_torch(n, fractions):
    return torch.tensor(lengths(n, fractions))


cases = [
    (10, [0.8, 0.2]),
    (7, [0.9, 0.1]),
    (23, [0.7, 0.2, 0.1]),
    (11, [0.25, 0.25, 0.25, 0.25]),
]
check(part_lengths, by_torch, cases)

# %%
# ``math.floor`` or ``int`` rounds a positive number down.

# Solution


def part_lengths(n, fractions):
    parts = [int(n * fraction) for fraction in fractions]
    for i in range(n - sum(parts)):
        parts[i % len(parts)] += 1
    return torch.tensor(parts)


report = check(part_lengths, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`pic-should-be-pil-image`, the error of transforms in a wrong order. :ref:`custom-dataset` builds a data set from
# files.
#
# - PyTorch contributors (2026). `torch.utils.data <https://docs.pytorch.org/docs/stable/data.html>`__. Data sets,
#   samplers and splits.
# - PyTorch contributors (2026). `ImageFolder
#   <https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html>`__. The folders that it
#   expects.
