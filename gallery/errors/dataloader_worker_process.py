"""
.. _dataloader-worker-process:

RuntimeError: Caught RuntimeError in DataLoader worker process 0.
=================================================================

A worker is a second process that prepares batches. One of its steps failed, and the DataLoader hands the error on: the
*last* line of the message says what it was, the lines above it where. Often the items of a :term:`batch` have different
shapes. It may as well be a ValueError, KeyError or FileNotFoundError of your own code.

====================================================  ===============================================
The last line says                                    Fix
====================================================  ===============================================
``stack expects each tensor to be equal size``        one size in the data set, or a ``collate_fn``
``Trying to resize storage that is not resizable``    the same mistake, said in a worker
an error of ``__getitem__``                           load without workers: find the item
``found <class 'NoneType'>``                          return a tensor for each item
``exited unexpectedly``                               less memory, fewer workers; see below
``An attempt has been made to start a new process``   ``if __name__ == "__main__":``
``Can't pickle``, ``Can't get local object``          a function with a name, no ``lambda``
====================================================  ===============================================
"""

# %%
# Two sequences of 3 and of 4 numbers, which cannot be one tensor. A worker may import this script again (on Windows and
# macOS, and since Python 3.14 on Linux), so what starts one, or prints, stands under the guard ``__name__ ==
# "__main__"``.

import functools
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from textwrap import indent

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw
from ptguide.questions import ask

items = [torch.arange(10.0, 10 + length) for length in (3, 4, 3, 3, 3)]
if __name__ == "__main__":
    with expect_error(RuntimeError, match="Caught RuntimeError in DataLoader worker process 0"):
        list(DataLoader(items, batch_size=2, num_workers=1))
draw(items[:2], ["entry 0", "entry 1"])

# %%
# Read it from the bottom. "entry 0" is the place in the batch, not in the data; ``collate_tensor_fn`` is the function
# that makes a batch of tensors, with :func:`torch.stack`. (The path of each file and the number of the line are left
# out here.)
#
# First step: num_workers=0
# -------------------------
#
# Without workers the same code runs in your own process: the error comes alone, and you can use a debugger or
# ``print``. It says the same here. But if the *longer* item comes first, a worker says something else: it reserves
# memory for the batch, as much as items of the first size need, and that memory cannot grow.

if __name__ == "__main__":
    with expect_error(
        RuntimeError, match=r"stack expects each tensor to be equal size, but got \[3\] at entry 0"
    ):
        list(DataLoader(items, batch_size=2))
    longer_first = [items[1], items[0]]
    with expect_error(
        RuntimeError, match=r"stack expects each tensor to be equal size, but got \[4\] at entry 0"
    ):
        list(DataLoader(longer_first, batch_size=2))
    with expect_error(RuntimeError, match="Trying to resize storage that is not resizable"):
        list(DataLoader(longer_first, batch_size=2, num_workers=1))

# %%
# Second step: find the item
# --------------------------
#
# Look at all items without a DataLoader. One line counts the shapes, another names those that differ.

shapes = Counter(tuple(item.shape) for item in items)
common = shapes.most_common(1)[0][0]
odd = [number for number, item in enumerate(items) if tuple(item.shape) != common]
assert (shapes, odd) == ({(3,): 4, (4,): 1}, [1])

# %%
# An error inside ``__getitem__`` often says what was wrong with the item, and not which item it was. A wrapper adds
# that. It raises a RuntimeError, since not each kind of error can be made of a message alone.


class Readings(Dataset):
    def __init__(self, lines):
        self.lines = lines

    def __len__(self):
        return len(self.lines)

    def __getitem__(self, index):
        return float(self.lines[index])


class Named(Readings):
    def __getitem__(self, index):
        try:
            return super().__getitem__(index)
        except Exception as error:
            raise RuntimeError(f"item {index}, {self.lines[index]!r}: {error}") from error


if __name__ == "__main__":
    lines = ["1.5", "2.5", "n/a", "4.5"]
    with expect_error(ValueError, match="^could not convert string to float: 'n/a'$"):
        list(DataLoader(Readings(lines), batch_size=2))
    with expect_error(RuntimeError, match="^item 2, 'n/a': could not convert string to float"):
        list(DataLoader(Named(lines), batch_size=2))
    with expect_error(TypeError, match="function takes exactly 5 arguments"):
        UnicodeDecodeError("a message alone")

# %%
# Fix 1: items of one size
# ------------------------
#
# Make them equal where they are made: resize or crop images, cut recordings. Then the loader stays as it is.

equal = [item[:3] for item in items]
assert [tuple(batch.shape) for batch in DataLoader(equal, batch_size=2)] == [(2, 3), (2, 3), (1, 3)]

# %%
# Fix 2: a collate_fn that pads
# -----------------------------
#
# ``collate_fn`` gets the list of items and makes the batch. This one fills up the shorter items with zeros at the end,
# and returns the lengths, too, so that the zeros can be left out of the loss. ``pad_sequence`` of torch does the
# filling.


def pad(batch):
    lengths = torch.tensor([len(item) for item in batch])
    padded = torch.zeros(len(batch), lengths.max())
    for row, item in zip(padded, batch, strict=True):
        row[: len(item)] = item
    return padded, lengths


padded, lengths = next(iter(DataLoader(items, batch_size=2, collate_fn=pad)))
assert (padded.tolist(), lengths.tolist()) == ([[10, 11, 12, 0], [10, 11, 12, 13]], [3, 4])
assert torch.equal(padded, pad_sequence(items[:2], batch_first=True))
draw([*items[:2], padded], ["entry 0", "entry 1", "batch"])

# %%
# This works with a worker, too. A function of the library needs no definition of yours that the worker could fail to
# find.

if __name__ == "__main__":
    fill = functools.partial(pad_sequence, batch_first=True)
    loader = DataLoader(items, batch_size=2, num_workers=1, collate_fn=fill)
    assert [tuple(batch.shape) for batch in loader] == [(2, 4), (2, 3), (1, 3)]

# %%
# What else cannot be a batch
# ---------------------------
#
# ``default_collate`` takes tensors, arrays, numbers, strings, and lists and dicts of them. It refuses a ``None``, for
# example for a picture that could not be read, and lists of different lengths. The last error comes from the chosen
# ``collate_fn``: a worker says "Caught ValueError".

if __name__ == "__main__":
    for odd_items, message in [
        ([torch.ones(3), None], "expected Tensor as element 1 in argument 0, but got NoneType"),
        (
            [None, torch.ones(3)],
            "batch must contain tensors, numpy arrays, numbers, dicts or lists",
        ),
        ([(1, 2, 3), (4, 5)], "each element in list of batch should be of equal size"),
        ([{"x": 1, "y": 2}, {"x": 3}], "y"),
    ]:
        with expect_error(Exception, match=message):
            list(DataLoader(odd_items, batch_size=2))
    with expect_error(ValueError, match="Caught ValueError in DataLoader worker process 0"):
        list(DataLoader([[1, 2, 3], [4, 5]], batch_size=2, num_workers=1, collate_fn=torch.tensor))

# %%
# Leave items out that cannot be read, in a ``collate_fn``; better still, before training. If a whole batch is missing,
# there is nothing to stack.


def without_none(batch):
    return torch.stack([item for item in batch if item is not None])


with_holes = [None, torch.ones(3)]
assert next(iter(DataLoader(with_holes, batch_size=2, collate_fn=without_none))).shape == (1, 3)
with expect_error(RuntimeError, match="stack expects a non-empty TensorList"):
    list(DataLoader(with_holes, batch_size=1, collate_fn=without_none))

# %%
# A missing guard
# ---------------
#
# Workers are processes of Python's multiprocessing. Where they import the script again, a script without the guard
# starts workers in its workers, and Python refuses. This cell writes a short script of this kind, without and with the
# guard, and runs both. ``"spawn"`` starts a process as Windows and macOS do it.


def run(code):
    """Run code as a script of its own; return what it printed, and its errors."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(code, encoding="utf-8")
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr


top = "from multiprocessing import get_context\n\n"
work = 'get_context("spawn").Process(target=print, args=["the work is done"]).start()\n'
if __name__ == "__main__":
    printed, errors = run(top + work)
    (refusal,) = re.findall(r"RuntimeError: \s*(An attempt .*\n.*)", errors)
    print(refusal)
    assert printed == ""
    printed, errors = run(top + 'if __name__ == "__main__":\n' + indent(work, "    "))
    print(printed)
    assert (printed, errors) == ("the work is done", "")

# %%
# DataLoader worker (pid(s) ...) exited unexpectedly
# --------------------------------------------------
#
# The worker did not fail, it disappeared, so there is no error to hand on. It may have had no guard: then the message
# above stands before this one. The system may have ended it because memory was short: fewer workers and smaller batches
# need less. A library may have crashed in it. Or it did not find a class that was defined in a cell of a notebook:
# write the class into a file and import it. Try it without workers to see how far your own process gets. Here the
# worker ends itself.

if __name__ == "__main__":
    try:
        list(DataLoader([1], batch_size=None, num_workers=1, collate_fn=os._exit))
        gone = ""
    except RuntimeError as error:
        gone = str(error)
    print(re.sub(r"\(pid.*\d\) (exited unexpectedly).*", r"(...) \1", gone, flags=re.DOTALL))
    assert re.search(r"DataLoader worker \(pid.*\) exited unexpectedly", gone)

# %%
# A lambda, or a function inside a function
# -----------------------------------------
#
# A worker that is spawned gets the data set and the ``collate_fn`` as bytes, made by :term:`pickle`. A function is sent
# as a name, under which the worker looks it up in its module, and a lambda cannot be found so. Define the function at
# the top level of a module; for settings use ``functools.partial``, as above. The versions of Python word the error
# differently, and name the function, which is printed here:
#
# ============  =============================================
# Python        The last line begins with
# ============  =============================================
# 3.11 or 3.12  ``AttributeError: Can't pickle local object``
# 3.13          ``AttributeError: Can't get local object``
# 3.14          ``PicklingError: Can't pickle local object``
# ============  =============================================


def loader_with_lambda():
    return DataLoader(
        items, num_workers=1, collate_fn=lambda batch: batch, multiprocessing_context="spawn"
    )


if __name__ == "__main__":
    with expect_warning(UserWarning, match="Got pickle error"):
        try:
            list(loader_with_lambda())
        except (AttributeError, pickle.PicklingError) as error:
            said = f"{type(error).__name__}: {error}"
    begins = {
        "3.11 or 3.12": "AttributeError: Can't pickle local object",
        "3.13": "AttributeError: Can't get local object",
        "3.14": "PicklingError: Can't pickle local object",
    }
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (first_words,) = (words for versions, words in begins.items() if version in versions)
    assert said.startswith(first_words)
    print(re.search(r"loader_with_lambda\S+<lambda>", said).group())

# %%
# Check yourself
# --------------
#
# What a batch needs:


def batches(lengths, batch_size):
    data = [torch.ones(length) for length in lengths]
    return [tuple(batch.shape) for batch in DataLoader(data, batch_size=batch_size)]


ask(
    "The items have lengths 3, 3, 5, 5, and batch_size=2, in this order. What happens?",
    answer=lambda: batches((3, 3, 5, 5), 2),
    choices={
        ((2, 3), (2, 5)): "Items must be equal within a batch. Shuffled, they can fail to be.",
        ((2, 5), (2, 5)): "Nothing is filled up without a collate_fn.",
        RuntimeError: "It may with shuffle=True; in this order equal lengths meet.",
    },
)

# %%
# And in batches of one:

ask(
    "With batch_size=1, can items of lengths 3, 4 and 6 be loaded?",
    answer=lambda: batches((3, 4, 6), 1),
    choices={
        ((1, 3), (1, 4), (1, 6)): "Each item is stacked alone.",
        RuntimeError: "stack gets one tensor at a time, so there is no other length.",
    },
)

# %%
# Next: :ref:`no-module-named-torch`, an error before the first line of yours.
