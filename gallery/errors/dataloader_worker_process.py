"""
.. _dataloader-worker-process:

RuntimeError: Caught RuntimeError in DataLoader worker process 0.
=================================================================

A worker is a second process that prepares batches, and one of its steps failed. The *last* line of the message says
what failed: for example, the samples of a batch have different shapes.
"""

# %%
# Set-up

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
from torch.utils.data import DataLoader, Dataset, default_collate

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

items = [torch.arange(10.0, 10 + length) for length in (3, 4, 3, 3, 3)]


class Named(Dataset):
    def __init__(self, lines):
        self.lines = lines

    def __len__(self):
        return len(self.lines)

    def __getitem__(self, index):
        try:
            return float(self.lines[index])
        except Exception as error:
            raise RuntimeError(f"item {index}: {error}") from error


def run(code):
    """Run code as a script of its own; return what it printed, and its errors."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(code, encoding="utf-8")
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr


# %%

if __name__ == "__main__":
    with expect_error(RuntimeError, match="Caught RuntimeError in DataLoader worker process 0"):
        list(DataLoader(items, batch_size=2, num_workers=1))

# %%
# Read it from the bottom. "entry 1" is a place in the batch, not in the data. The lines above the last one name the
# function that failed. Here ``collate_tensor_fn`` called :func:`torch.stack`.
#
# .. longer: 9 cells; 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# The last line says                                                    Fix
# ====================================================================  =============================================
# :ref:`stack expects each tensor to be equal size <worker-size>`       a ``collate_fn`` that pads
# :ref:`resize storage that is not resizable <worker-find>`             the same: a ``collate_fn`` that pads
# :ref:`an error of __getitem__ <worker-item>`                          ``num_workers=0``, then find the sample
# :ref:`default_collate: ... found NoneType <worker-none>`              leave the ``None`` out
# :ref:`exited unexpectedly <worker-gone>`                              less memory, fewer workers
# :ref:`An attempt has been made to start a new <worker-guard>`         ``if __name__ == "__main__":``
# :ref:`Can't pickle, Can't get local object <worker-lambda>`           a function with a name, no ``lambda``
# ====================================================================  =============================================
#
# .. _worker-find:
#
# The rule
# --------
#
# First run it with ``num_workers=0``: the error comes alone, in your own process. Then count the shapes without a
# loader: here one sample differs. Without a ``collate_fn``, the samples of a batch need one shape,
# :math:`\mathrm{shape}(x_i) = \mathrm{shape}(x_j)`.

if __name__ == "__main__":
    with expect_error(RuntimeError, match=r"equal size, but got \[3\] at entry 0 and \[4\]"):
        list(DataLoader(items, batch_size=2, num_workers=0))
print(Counter(tuple(item.shape) for item in items))

# %%
# .. _worker-size:
#
# Samples of different sizes
# --------------------------
#
# Make them equal where they are made: resize images, cut recordings. Or pad them in a ``collate_fn``, which gets the
# list of samples and makes the batch. Return the lengths too, so that the loss can leave the padding out.


def pad(batch):
    lengths = torch.tensor([len(item) for item in batch])
    return pad_sequence(batch, batch_first=True), lengths


padded, lengths = next(iter(DataLoader(items, batch_size=2, collate_fn=pad)))
print(padded, lengths)
assert padded.tolist() == [[10, 11, 12, 0], [10, 11, 12, 13]]

# %%
# .. _worker-item:
#
# An error of __getitem__
# -----------------------
#
# The error says what was wrong with the sample, not which sample it was. ``Named`` (in the set-up) is a data set whose
# ``__getitem__`` catches the error and raises it again with the index.

if __name__ == "__main__":
    with expect_error(RuntimeError, match="^item 2: could not convert string to float: 'n/a'$"):
        list(DataLoader(Named(["1.5", "2.5", "n/a", "4.5"]), batch_size=2))

# %%
# .. _worker-none:
#
# A sample is None
# ----------------
#
# A data set may return ``None``, for example for a photo that cannot be read. The loader takes tensors, arrays,
# real numbers, strings, and lists and dicts of them. Leave the ``None`` out, best before training.


def without_none(batch):
    return default_collate([item for item in batch if item is not None])


photos = [None, torch.ones(3), torch.ones(3)]
if __name__ == "__main__":
    with expect_error(TypeError, match="found <class 'NoneType'>"):
        list(DataLoader(photos, batch_size=3))
    print(tuple(next(iter(DataLoader(photos, batch_size=3, collate_fn=without_none))).shape))

# %%
# .. _worker-gone:
#
# DataLoader worker exited unexpectedly
# -------------------------------------
#
# The worker disappeared before it could report an error. A system ends a process when memory is short: then take fewer
# workers and smaller batches. In Docker the shared memory may be too small (``--shm-size``). Here the worker ends
# itself.

if __name__ == "__main__":
    try:
        list(DataLoader([1], batch_size=None, num_workers=1, collate_fn=os._exit))
    except RuntimeError as error:
        gone = re.sub(
            r"\(pid.*\d\) (exited unexpectedly).*", r"(...) \1", str(error), flags=re.DOTALL
        )
        print(gone)
    assert gone == "DataLoader worker (...) exited unexpectedly"

# %%
# .. _worker-guard:
#
# The guard is missing
# --------------------
#
# On Windows, macOS, and Linux since Python 3.14, workers by default import your script again. Without the line
# ``if __name__ == "__main__":`` (the guard), each worker would start workers of its own. Here a script runs first
# without the guard, then with it.

top = "from multiprocessing import get_context\n\n"
work = 'get_context("spawn").Process(target=print, args=["the work is done"]).start()\n'
if __name__ == "__main__":
    printed, errors = run(top + work)
    print(re.findall(r"RuntimeError: \s*(An attempt .*)", errors)[0])
    printed, errors = run(top + 'if __name__ == "__main__":\n' + indent(work, "    "))
    print(printed)
    assert (printed, errors) == ("the work is done", "")

# %%
# .. _worker-lambda:
#
# A lambda, or a function inside a function
# -----------------------------------------
#
# A spawned worker gets the module and the name of the ``collate_fn``, not its code (:term:`pickle`). A lambda has no
# name that can be looked up there. The line with ``PicklingError`` is what Python 3.11 to 3.13 say of a lambda of a
# script. Define the function at the top of a module. To give it settings, use ``functools.partial``.


def loader_with_lambda():
    settings = {"num_workers": 1, "multiprocessing_context": "spawn"}
    return DataLoader(items, collate_fn=lambda batch: batch, **settings)


if __name__ == "__main__":
    with expect_warning(UserWarning, match="Got pickle error"):
        try:
            list(loader_with_lambda())
        except (AttributeError, pickle.PicklingError) as error:
            said = f"{type(error).__name__}: {error}"
    assert re.search("Can't (pickle|get) local object|Can't pickle", said)
    quoted = "Can't pickle <function <lambda> at 0x7f308810e2f0>: attribute lookup <lambda> on __main__ failed"
    print("PicklingError:", quoted)
    fill = functools.partial(pad_sequence, batch_first=True)
    assert pickle.loads(pickle.dumps(fill)).func is pad_sequence
    print(re.search(r"loader_with_lambda\S+<lambda>", said)[0])

# %%
# .. use-this::
#
#    Write a new data set without workers, and add them when it runs through once. Define the data set and the
#    ``collate_fn`` at the top of a module, and put what starts the training under ``if __name__ == "__main__":``. Let
#    each sample be a tensor of one size, or pad. Padding costs memory: a batch takes as much as
#    its longest sample times the number of samples. Each worker needs memory of its own.
#
# A common mistake
# ----------------
#
# A test without shuffling can miss this error. The samples of a batch need equal shapes. Samples sorted by length may
# have them until they are shuffled. See :ref:`stack`.

if __name__ == "__main__":
    lengths = [3, 3, 3, 3, 5, 5, 5, 5]
    data = [torch.ones(length) for length in lengths]
    print([tuple(batch.shape) for batch in DataLoader(data, batch_size=2)])
    generator = torch.Generator().manual_seed(0)
    with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
        list(DataLoader(data, batch_size=2, shuffle=True, generator=generator))

# %%
# How this was checked

# The padding by hand, and through a worker.
batch = items[:2]
by_hand = torch.zeros(2, 4)
for row, item in zip(by_hand, batch, strict=True):
    row[: len(item)] = item
assert torch.equal(pad(batch)[0], by_hand)
assert torch.equal(by_hand[0], torch.tensor([10.0, 11, 12, 0]))
# Samples of one size need no collate_fn, nor do batches of one.
assert [tuple(b.shape) for b in DataLoader([item[:3] for item in items], 2)] == [
    (2, 3),
    (2, 3),
    (1, 3),
]
assert [tuple(b.shape) for b in DataLoader(items[:2], batch_size=1)] == [(1, 3), (1, 4)]
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
    with expect_error(TypeError, match="found <class 'complex'>"):
        default_collate([1j, 2j])
    for fine in ([torch.ones(2)], [1.5], ["word"], [(1, 2.0)], [{"x": torch.ones(2)}]):
        next(iter(DataLoader(fine * 2, batch_size=2)))
    # A worker says something else if the longer sample comes first: its memory cannot grow.
    with expect_error(RuntimeError, match="Trying to resize storage that is not resizable"):
        list(DataLoader([items[1], items[0]], batch_size=2, num_workers=1))
    # A lambda of a script, in the words of Python 3.11 to 3.13; other versions may have others.
    try:
        pickle.dumps(lambda batch: batch)
    except (AttributeError, pickle.PicklingError) as error:
        said = re.sub("0x[0-9a-f]+", "0x7f308810e2f0", str(error))
    assert said == quoted or sys.version_info >= (3, 14)
    # The error keeps its kind in a worker.
    with expect_error(ValueError, match="Caught ValueError in DataLoader worker process 0"):
        list(DataLoader([[1, 2, 3], [4, 5]], batch_size=2, num_workers=1, collate_fn=torch.tensor))
    # If no sample of a batch is left, there is nothing to make a batch of.
    with expect_error(IndexError, match="out of range"):
        list(DataLoader([None], batch_size=1, collate_fn=without_none))
    # Not each kind of error can be made of a message alone, so Named raises a RuntimeError.
    with expect_error(TypeError, match="function takes exactly 5 arguments"):
        UnicodeDecodeError("a message alone")

# %%
# Check yourself
# --------------
#
# The first question is about what a batch needs.


def batches(lengths, batch_size):
    data = [torch.ones(length) for length in lengths]
    return [tuple(batch.shape) for batch in DataLoader(data, batch_size=batch_size)]


ask(
    "The samples have lengths 3, 3, 5, 5, and batch_size=2, in this order. What happens?",
    answer=lambda: batches((3, 3, 5, 5), 2),
    choices={
        ((2, 3), (2, 5)): "Samples must be equal within a batch. Shuffled, they can fail to be.",
        ((2, 5), (2, 5)): "Nothing is filled up without a collate_fn.",
        RuntimeError: "That can happen with shuffle=True; in this order equal lengths meet.",
    },
)

# %%
# The next question has batches of one.

ask(
    "With batch_size=1, can samples of lengths 3, 4 and 6 be loaded?",
    answer=lambda: batches((3, 4, 6), 1),
    choices={
        ((1, 3), (1, 4), (1, 6)): "Each sample is stacked alone.",
        RuntimeError: "stack gets one tensor at a time, so there is no other length.",
    },
)

# %%
# **Exercise.** A language model writes at the right end of a text, so its prompts are padded on the *left*. Write a
# ``collate_fn`` that does this: it gets a list of tensors with one axis, and a number to fill with.


def pad_left(batch, fill):
    raise NotImplementedError


def by_loops(batch, fill):
    longest = max(len(item) for item in batch)
    rows = [[fill] * (longest - len(item)) + item.tolist() for item in batch]
    return torch.tensor(rows, dtype=batch[0].dtype)


cases = [
    ([torch.tensor([5, 6]), torch.tensor([7])], 0),
    ([torch.tensor([7]), torch.tensor([5, 6, 8]), torch.tensor([1, 2])], -1),
    ([torch.tensor([1.5])], 0),
    (items, 0),
]
check(pad_left, by_loops, cases)

# %%
# ``flip`` turns right into left: reverse each sample, pad on the right, and reverse the batch. ``pad_sequence`` has an
# argument ``padding_side``, too.

# Solution


def pad_left(batch, fill):
    reversed_items = [item.flip(0) for item in batch]
    return pad_sequence(reversed_items, batch_first=True, padding_value=fill).flip(1)


report = check(pad_left, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dataloader-worker-is-killed`, where the system ends a worker. :ref:`batch-must-contain-tensors` is about samples
# that are no tensors.
#
# - PyTorch contributors (2026). `torch.utils.data <https://docs.pytorch.org/docs/stable/data.html>`__. What each
#   argument of the loader means, and how workers start.
# - Python contributors (2026). `multiprocessing <https://docs.python.org/3/library/multiprocessing.html>`__. Its
#   guidelines for programs say what can be sent to a process.
