"""
.. _pad:

How does F.pad count its pairs?
===============================

Photos of different sizes do not stack, and a filter of several pixels makes a photo smaller unless you add a border.
:func:`torch.nn.functional.pad` takes a pair (before, after) for each axis, *the last axis first*.
"""

# %%
# Set-up

import contextlib
import itertools

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

photo = torch.arange(1, 9).reshape(2, 4)  # gray, 2 rows and 4 columns
color = torch.arange(60.0).reshape(3, 4, 5)  # channel, row, column
line = torch.tensor([[10.0, 20, 30, 40]])


def modes(line):
    names = ["constant", "replicate", "reflect", "circular"]
    return {mode: F.pad(line, (3, 1), mode=mode) for mode in names}


# %%

draw(F.pad, (photo, (1, 3, 0, 2)), names=["photo"])

# %%
# The new elements are gray. The first pair, 1 and 3, is for the columns: 1 on the left, 3 on the right. The second
# pair, 0 and 2, is for the rows: 0 above, 2 below. You need to know :ref:`what a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# For photos the order is (left, right, top, bottom). In general, pair :math:`k`, counted from 0, belongs to axis
# :math:`-1 - k`. An axis without a pair keeps its size, and a negative number cuts elements off.

batch = torch.ones(8, 3, 20, 30)  # photo, channel, row, column
print("(1, 1)             ", tuple(F.pad(batch, (1, 1)).shape))
print("(1, 1, 5, 0)       ", tuple(F.pad(batch, (1, 1, 5, 0)).shape))
print("(0, 0, 0, 0, 0, 1) ", tuple(F.pad(batch, (0, 0, 0, 0, 0, 1)).shape), "one channel more")
print("(-4, -4, -2, -2)   ", tuple(F.pad(batch, (-4, -4, -2, -2)).shape), "a crop")

# %%
# ``mode`` says what the new elements are. ``constant``, the default, writes ``value``, or 0 without one. ``replicate``
# repeats the edge. ``reflect`` mirrors at the edge without repeating it, and ``circular`` goes on at the other end.

draw(modes, line, names=["line"])

# %%
# Different sizes into one batch
# ------------------------------
#
# Pad each tensor up to the largest, and keep the true lengths: without them the zeros count as data, as in the first
# mean. For sequences, ``pad_sequence`` finds the largest, pads and stacks.

series = [torch.tensor([5, 6, 7]), torch.tensor([8]), torch.tensor([2, 4])]
lengths = torch.tensor([len(values) for values in series])
longest = int(lengths.max())
padded = torch.stack([F.pad(values, (0, longest - len(values))) for values in series])
print(padded)
print("mean with the zeros:", padded.sum(dim=1) / longest)
print("mean of the values: ", padded.sum(dim=1) / lengths)
assert torch.equal(nn.utils.rnn.pad_sequence(series, batch_first=True), padded)

# %%
# .. use-this::
#
#    Write ``F.pad(x, (left, right, top, bottom))`` for images, ``pad_sequence(list, batch_first=True)`` for sequences.
#    Before a convolution of kernel size 3 give ``padding=1`` to the layer instead. Print the shape, but two pairs with
#    equal sums in the wrong order do not change it. Padding copies, and later layers compute with the zeros, too.

convolution = nn.Conv2d(3, 5, kernel_size=3, padding=1)
by_hand = F.conv2d(F.pad(color, (1, 1, 1, 1)), convolution.weight, convolution.bias)
torch.testing.assert_close(convolution(color), by_hand)
assert F.pad(color, (1, 1, 2, 0)).shape == F.pad(color, (2, 0, 1, 1)).shape

# %%
# Common mistakes
# ---------------
#
# **NumPy's order.** ``np.pad`` takes pairs in brackets, *the first axis first*. If you drop the brackets, torch adds
# to the columns what was meant for the rows.

rows_then_columns = ((3, 0), (1, 1))
print("NumPy:", np.pad(photo.numpy(), rows_then_columns).shape)
print("torch:", tuple(F.pad(photo, (3, 0, 1, 1)).shape), "without the brackets")
print("torch:", tuple(F.pad(photo, (1, 1, 3, 0)).shape), "columns first")
with expect_error(TypeError, match="must be tuple of ints"):
    F.pad(photo, rows_then_columns)

# %%
# **A matrix in another mode.** The modes except ``constant`` are made for images with channels, so 2 pairs need a
# tensor of 3 or 4 axes. Put an axis of size 1 in, and take it out afterwards.

matrix = color[0]
with expect_error(NotImplementedError, match="[Pp]adding"):
    F.pad(matrix, (2, 1, 3, 0), mode="reflect")
reflected = F.pad(matrix[None], (2, 1, 3, 0), mode="reflect")[0]
assert reflected.shape == (7, 8)

# %%
# How this was checked

padded = F.pad(photo, (1, 3, 0, 2))
assert torch.equal(padded[0:2, 1:5], photo)
assert padded.sum() == photo.sum()  # all others are 0
# Each mode is a rule that brings an index back into the axis.
inside = {
    "replicate": lambda i, s: i.clamp(0, s - 1),
    "reflect": lambda i, s: s - 1 - (s - 1 - i.abs()).abs(),
    "circular": lambda i, s: i % s,
}


def pad_axis(x, before, after, dim, mode):
    size = x.shape[dim]
    return x.index_select(dim, inside[mode](torch.arange(-before, size + after), size))


for mode, before, after in itertools.product(inside, range(4), range(4)):
    expected = F.pad(line, (before, after), mode=mode)
    torch.testing.assert_close(pad_axis(line, before, after, 1, mode), expected, rtol=0, atol=0)
for mode in inside:
    in_steps = pad_axis(pad_axis(color, 2, 1, 2, mode), 3, 0, 1, mode)
    torch.testing.assert_close(in_steps, F.pad(color, (2, 1, 3, 0), mode=mode), rtol=0, atol=0)
# Which numbers of axes the other modes take.
for mode, pairs in itertools.product(inside, (1, 2, 3)):
    taken = []
    for axes in range(pairs, 6):
        with contextlib.suppress(NotImplementedError):
            F.pad(torch.ones((3,) * axes), (1, 1) * pairs, mode=mode)
            taken.append(axes)
    assert taken == [pairs + 1, pairs + 2]
# A copy, also where nothing is added.
for mode in ("constant", *inside):
    for pair in ((0, 0), (-1, 0), (0, -1)):
        assert not shares_memory(line, F.pad(line, pair, mode=mode))
    assert torch.equal(F.pad(photo, (-1, -2), mode=mode), photo[:, 1:2])
assert F.pad(photo, (1, -1)).tolist() == [[0, 1, 2, 3], [0, 5, 6, 7]]
# The dtype stays, and value is converted to it or refused.
assert F.pad(photo, (1, 0), value=1.5)[0].tolist() == [1, 1, 2, 3, 4]
with expect_error(RuntimeError, match="cannot be converted to type uint8_t without overflow"):
    F.pad(photo.to(torch.uint8), (1, 0), value=300)
for mode in ("constant", "circular"):
    assert F.pad(photo > 4, (1, 0), mode=mode).dtype == torch.bool
for mode in ("replicate", "reflect"):
    with expect_error(NotImplementedError, match="not implemented for 'Bool'"):
        F.pad(photo > 4, (1, 0), mode=mode)
# The gradient of an element is the sum of those of its copies.
used = {"constant": [1, 1, 1, 1], "replicate": [4, 1, 1, 2], "reflect": [1, 2, 3, 2]}
for mode, uses in (used | {"circular": [2, 2, 2, 2]}).items():
    leaf = torch.zeros(1, 4, requires_grad=True)
    F.pad(leaf, (3, 1), mode=mode).sum().backward()
    assert leaf.grad[0].tolist() == uses
names = {"constant": "constant", "replicate": "edge", "reflect": "reflect", "circular": "wrap"}
for mode, name in names.items():
    in_numpy = np.pad(color.numpy(), ((0, 0), (3, 0), (2, 1)), mode=name)
    assert torch.equal(F.pad(color, (2, 1, 3, 0), mode=mode), torch.from_numpy(in_numpy))
with expect_error(RuntimeError, match="less than the corresponding input dimension"):
    F.pad(line, (4, 0), mode="reflect")
with expect_error(RuntimeError, match="wrapping around more than once"):
    F.pad(line, (5, 0), mode="circular")
layer = nn.ReflectionPad2d((2, 1, 3, 0))
assert torch.equal(layer(color), F.pad(color, (2, 1, 3, 0), mode="reflect"))

# %%
# Check yourself
# --------------

ask(
    "What is the shape of F.pad(torch.ones(8, 3, 20, 30), (1, 1, 5, 0))?",
    answer=F.pad(torch.ones(8, 3, 20, 30), (1, 1, 5, 0)).shape,
    choices={
        (10, 8, 20, 30): "That is NumPy's order, from the first axis on.",
        (8, 3, 25, 32): "1 and 1 are for the last axis, 5 and 0 for the one before it.",
        (8, 3, 22, 35): "The first pair is for the last axis: 30 becomes 32.",
    },
)

# %%
# The mirror:

ask(
    "What does F.pad(torch.tensor([[1.0, 2, 3]]), (2, 0), mode='reflect') give?",
    answer=F.pad(torch.tensor([[1.0, 2, 3]]), (2, 0), mode="reflect"),
    choices={
        ((3.0, 2.0, 1.0, 2.0, 3.0),): "The 1 at the edge is the mirror, and is not repeated.",
        (
            (2.0, 1.0, 1.0, 2.0, 3.0),
        ): "NumPy's mode symmetric repeats the edge. F.pad has none like it.",
        ((1.0, 1.0, 1.0, 2.0, 3.0),): "That is replicate.",
    },
)

# %%
# **Exercise.** A network needs square photos, and stretching would distort them. Return a photo of shape (C, H, W) in
# the middle of the smallest black square that holds it. An odd pixel goes to the bottom or to the right.


def by_loops(photo):
    channels, height, width = photo.shape
    side = max(height, width)
    square = torch.zeros(channels, side, side, dtype=photo.dtype)
    top, left = (side - height) // 2, (side - width) // 2
    for i, j in itertools.product(range(height), range(width)):
        square[:, top + i, left + j] = photo[:, i, j]
    return square


cases = [(torch.arange(1, c * h * w + 1).reshape(c, h, w),) for c, h, w in [(1, 1, 3), (3, 2, 5)]]
cases += [(torch.ones(2, 6, 3),), (torch.ones(1, 4, 4),)]


def letterbox(photo):
    raise NotImplementedError


check(letterbox, by_loops, cases, without=["zeros", "cat"])

# %%
# The half that is rounded down goes in front, and the rest behind.

# Solution


def letterbox(photo):
    height, width = photo.shape[-2:]
    rows, columns = max(width - height, 0), max(height - width, 0)
    return F.pad(photo, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


report = check(letterbox, by_loops, cases, without=["zeros", "cat"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`broadcasting` makes axes longer without new elements.
#
# - PyTorch contributors (2026). `torch.nn.functional.pad
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html>`__. The reference.
# - Dumoulin and Visin (2016). `A guide to convolution arithmetic for deep learning
#   <https://arxiv.org/abs/1603.07285>`__. What padding and stride make of the size, with drawings.
