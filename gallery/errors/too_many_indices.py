"""
.. _too-many-indices:

IndexError: too many indices for tensor of dimension 2
======================================================

The brackets hold more indices than the tensor has axes, and *dimension 2* means that it has two. Print its shape, and
add the axis that is missing, or leave out the index that has no axis.
"""

# %%
# Set-up

import itertools

import torch
from torch import nn

from ptguide.data import digits, iris
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.rules import explain_index

torch.manual_seed(0)
lstm = nn.LSTM(8, 6, batch_first=True)
images = digits("test").inputs[:, 0]  # the rows of an image are the steps of a sequence
flowers = iris("all", standardize=False)
features, species = flowers.inputs, flowers.targets
assert features.shape == (150, 4)

# %%

output, _ = lstm(images[3])  # one sequence, shape (8, 6): (step, feature)
with expect_error(IndexError, match="too many indices for tensor of dimension 2"):
    output[:, -1, :]
explain_index(output, (slice(None), -1, slice(None)))

# %%
# The line was written for a batch, with the axes (sample, step, feature). One sequence came without a batch. Other
# messages about indices are in the table, too.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# Cause, or message                                                     Fix
# ====================================================================  =============================================
# :ref:`the batch is missing <indices-batch>`                           ``sequence[None]``, or ``output[..., -1, :]``
# :ref:`a label or a loss is already a number <indices-number>`         ``.item()``
# :ref:`The shape of the mask does not match <indices-mask>`            ``features[:, wide]``, ``mask[:, 0]``
# :ref:`tensors used as indices must be long or int <indices-float>`    ``.long()``, or ``.bool()`` for a mask
# :ref:`indexing tensors could not be broadcast <indices-pairs>`        ``features[rows[:, None], columns]``
# ====================================================================  =============================================
#
# .. not looked up: mask[:, 0] — the cell of this cause runs it
#
# .. _indices-batch:
#
# The rule
# --------
#
# Each index uses up axes of the tensor. An integer, a slice, a list of integers or a tensor of integers takes one axis.
# A mask, a tensor of truth values, takes as many axes as it has. ``None`` takes no axis of the tensor, and ``...``
# takes the rest, so ``[..., -1, :]`` is right with a batch and without. See :ref:`indexing-and-slicing`.

sequence = images[3]
batch, _ = lstm(sequence[None])
print(tuple(batch.shape), "has one axis more than", tuple(output.shape))
assert torch.equal(batch[:, -1, :][0], output[-1])
assert torch.equal(output[..., -1, :], output[-1])
assert torch.equal(batch[..., -1, :], batch[:, -1, :])

# %%
# .. _indices-number:
#
# It is already a number
# ----------------------
#
# One element of the labels has no axis left, and neither has the mean loss of a batch. ``item()`` gives the Python
# number. A column of a table is a vector, which has one axis. Here ``width`` is column 2 already, so ``[:, 2]`` has
# nothing to pick.

label, width = species[0], features[:, 2]
loss = nn.functional.mse_loss(width, torch.zeros(150))
for number in (label, loss):
    with expect_error(IndexError, match="invalid index of a 0-dim tensor. Use `tensor.item"):
        number[0]
with expect_error(IndexError, match="too many indices for tensor of dimension 1"):
    width[:, 2]
print(label.item(), width[:3])

# %%
# .. _indices-mask:
#
# The mask does not fit
# ---------------------
#
# A mask covers the axes that begin at its place in the brackets, and there the sizes have to be equal. ``wide`` has one
# truth value for each column, so its place is behind a colon, on axis 1. The mask of shape :val:`(150, 1) <mask.shape>`
# is not stretched along the columns. Drop its axis of size 1. See :ref:`boolean-masks`.

wide = features.mean(dim=0) > 3  # of 4 columns
with expect_error(
    IndexError, match=r"mask \[4\] at index 0 does not match .* \[150, 4\] at index 0"
):
    features[wide]
assert features[:, wide].shape == (150, int(wide.sum()))
mask = features[:, :1] > 6
with expect_error(IndexError, match=r"mask \[150, 1\] at index 1 does not match"):
    features[mask]
assert features[mask[:, 0]].shape == (int(mask.sum()), 4)

# %%
# .. _indices-float:
#
# Indices have another type
# -------------------------
#
# Numbers from a file or a division are often floats. Convert positions with ``long()``, and a mask of zeros and ones
# with ``bool()``. On a mask, ``long()`` silences the message and picks row 0 or row 1 for each of its numbers.

places = torch.tensor([7.0, 3.0])
with expect_error(IndexError, match="tensors used as indices must be long, int, byte or bool"):
    features[places]
assert torch.equal(features[places.long()], features[[7, 3]])
chosen = (species == 2).float()
print("bool:", tuple(features[chosen.bool()].shape), "long:", tuple(features[chosen.long()].shape))
assert features[chosen.long()].unique(dim=0).shape == (2, 4)

# %%
# .. _indices-pairs:
#
# Two lists of indices do not pair up
# -----------------------------------
#
# Two lists are read in pairs: the first row with the first column, and so on. Lists of :val:`3 <len(rows)>` and of
# :val:`2 <len(columns)>` make no pairs. For the block of these rows and columns, give the rows a second axis, of size
# 1. See :ref:`advanced-indexing`.

rows, columns = torch.tensor([9, 4, 5]), torch.tensor([2, 3])
with expect_error(IndexError, match=r"could not be broadcast together with shapes \[3\], \[2\]"):
    features[rows, columns]
block = features[rows[:, None], columns]
print(block)
assert torch.equal(block, features[rows][:, columns])

# %%
# .. use-this::
#
#    Print the shape, and write beside each part of the index which axis it takes. Use ``...`` for what stands in front,
#    such as a batch that may be missing. Keep positions in :val:`int64 <rows.dtype>`
#    and masks in :val:`bool <wide.dtype>`. Compute a mask from the tensor that it is for. A slice copies nothing, and a
#    mask or a list copies what it picks.
#
# A common mistake
# ----------------
#
# Deleting the colon at the end silences the message. With a batch, ``output[:, -1]`` is the last step. For one sequence
# it is the last *feature* of each step.

wrong, right = output[:, -1], output[..., -1, :]
print("wrong:", tuple(wrong.shape), "right:", tuple(right.shape))
assert torch.equal(batch[:, -1], batch[..., -1, :])
assert torch.equal(wrong, output.T[5])
assert torch.equal(right, output[7])

# %%
# How this was checked

# Each part takes so many axes: a tensor of n axes refuses what needs more, and takes what needs n or fewer.
kinds = [(0, 1), (slice(None), 1), (None, 0), (Ellipsis, 0)]  # each with the axes that it takes
x = torch.arange(2 * 3 * 4).reshape(2, 3, 4)
for axes, length in itertools.product((1, 2, 3), (1, 2, 3, 4)):
    tensor = x[(0,) * (3 - axes)]
    for parts in itertools.product(kinds, repeat=length):
        index = tuple(part for part, _ in parts)
        needed = sum(taken for _, taken in parts)
        if index.count(Ellipsis) > 1:
            continue
        if needed > axes:
            with expect_error(IndexError, match=f"too many indices for tensor of dimension {axes}"):
                tensor[index]
        else:
            assert isinstance(tensor[index], torch.Tensor)
one = torch.tensor(1)
for index in [([0], [0], [0], [0]), (one,) * 4, (torch.ones(2, 3, 4, 5, dtype=torch.bool),)]:
    with expect_error(IndexError, match="too many indices for tensor of dimension 3"):
        x[index]
# A list of lists takes an axis for each of them, with a warning; a single truth value takes 0 axes.
with expect_warning(UserWarning, match="Using a non-tuple sequence for multidimensional indexing"):
    assert torch.equal(x[[[0, 1], [1, 0]]], x[[0, 1], [1, 0]])
assert x[torch.tensor([[0, 1], [1, 0]])].shape == (2, 2, 3, 4)
for truth in (True, torch.tensor(True)):
    assert x[truth].shape == (1, 2, 3, 4)
# A mask of size 0 or 1 is not stretched, either.
for size in (0, 1):
    with expect_error(IndexError, match=rf"mask \[{size}\] at index 0 does not match"):
        x[torch.ones(size, dtype=torch.bool)]
# A list of one index pairs with each row.
assert torch.equal(features[rows, [2]], features[rows, 2])
# A mask over the last two axes goes behind a colon or the dots.
trailing = torch.ones(3, 4, dtype=torch.bool)
with expect_error(IndexError, match=r"mask \[3, 4\] at index 0 does not match"):
    x[trailing]
assert torch.equal(x[:, trailing], x[..., trailing])
# masked_fill and where stretch a mask of shape (150, 1), and have the message of broadcasting where they cannot.
assert torch.equal(features.masked_fill(mask, 0), torch.where(mask, 0, features))
with expect_error(RuntimeError, match=r"tensor a \(3\) must match the size of tensor b \(4\)"):
    features.masked_fill(torch.ones(3, dtype=torch.bool), 0)
# Siblings: a number out of range, NumPy, assigning.
with expect_error(IndexError, match="index 4 is out of bounds for dimension 1 with size 4"):
    features[:, 4]
with expect_error(IndexError, match="slice.. cannot be applied to a 0-dim tensor"):
    label[:]
with expect_error(IndexError, match="too many indices for array: array is 2-dimensional, but 3"):
    features.numpy()[0, 1, 2]
with expect_error(
    RuntimeError, match=r"value tensor of shape \[5\] cannot be broadcast to indexing"
):
    features.clone()[rows] = torch.zeros(5)
with expect_error(IndexError, match="too many indices for tensor of dimension 2"):
    features.clone()[0, 1, 2] = 0
# Other types; int32 is taken.
for dtype in (torch.float16, torch.float32, torch.float64, torch.int8, torch.int16):
    with expect_error(IndexError, match="must be long, int, byte or bool tensors"):
        features[places.to(dtype)]
assert torch.equal(features[places.int()], features[places.long()])
# A slice shares memory, a mask and a list copy.
assert features[3:].untyped_storage().data_ptr() == features.untyped_storage().data_ptr()
for index in (mask[:, 0], [0, 1]):
    assert features[index].untyped_storage().data_ptr() != features.untyped_storage().data_ptr()

# %%
# Check yourself
# --------------
#
# The first question is about the place of a mask.

x = torch.rand(4, 5, 6)
mask = x[0] > 0.5
assert mask.shape == (5, 6)
works = {
    "x[mask]": explain_index(x, mask).works,
    "x[mask, 0]": explain_index(x, (mask, 0)).works,
    "x[:, mask]": explain_index(x, (slice(None), mask)).works,
}
(fitting,) = (name for name, fine in works.items() if fine)
ask(
    "x has shape (4, 5, 6) and mask is a bool tensor of shape (5, 6). Which of these raises nothing?",
    answer=fitting,
    choices={
        "x[mask]": f"The mask begins at axis 0, so its sizes {tuple(mask.shape)} meet {tuple(x.shape[:2])}.",
        "x[mask, 0]": "Here, too, the mask begins at axis 0, and the 0 takes the last axis.",
        "x[:, mask]": "The colon takes axis 0, and the mask takes axes 1 and 2, which have its sizes.",
    },
)

# %%
# The next question has two lists of indices.

scores = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
picked = str(scores[[0, 2], [1, 0]].tolist())
ask(
    "scores is [[1, 2, 3], [4, 5, 6], [7, 8, 9]]. What is scores[[0, 2], [1, 0]]?",
    answer=picked,
    choices={
        "[2, 7]": "The pairs are (0, 1) and (2, 0).",
        "[[2, 1], [8, 7]]": "The block of both rows and both columns is scores[[0, 2]][:, [1, 0]].",
        "[3, 4]": "Each list was read as the row and column of one element: (0, 2) and (1, 0).",
    },
)

# %%
# **Exercise.** Sentences of several lengths are padded at the end. ``output`` has the axes (sample, step, feature), and
# ``lengths`` has a number of at least 1 for each sample. Return the last real step of each sample.


def last_step(output, lengths):
    raise NotImplementedError


def by_loops(output, lengths):
    return torch.stack(
        [sample[length - 1] for sample, length in zip(output, lengths.tolist(), strict=True)]
    )


cases = [
    (torch.arange(6.0).reshape(1, 3, 2), torch.tensor([2])),
    (torch.rand(2, 3, 4), torch.tensor([3, 1])),
    (torch.rand(4, 3, 2), torch.tensor([1, 2, 3, 2])),
    (torch.rand(3, 3, 3), torch.tensor([3, 3, 3])),
]
check(last_step, by_loops, cases)

# %%
# Pair the last step of each sample with the number of the sample.

# Solution


def last_step(output, lengths):
    return output[torch.arange(len(output)), lengths - 1]


report = check(last_step, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`index-out-of-range-in-self`, where the number of indices fits and one of them is too large.
#
# - Harris et al. (2020). `Array programming with NumPy <https://www.nature.com/articles/s41586-020-2649-2>`__. Its
#   first figure draws the kinds of indexing.
# - PyTorch contributors (2026). `Tensor indexing API <https://docs.pytorch.org/cppdocs/notes/tensor_indexing.html>`__.
#   Examples of the kinds of index, in Python and in C++.
