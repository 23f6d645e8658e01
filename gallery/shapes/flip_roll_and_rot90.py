"""
.. _flip-roll-and-rot90:

How do I flip, roll or rotate a tensor?
=======================================

:func:`torch.flip` reverses axes. :func:`torch.roll` moves elements along an axis; those that leave come in at the other
end. :func:`torch.rot90` turns a plane of two axes by a quarter. All three put the same elements into other places, and
all three copy. You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# Touch an element of a result to see where it was. Each row has one color.

import numpy as np
import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

x = torch.arange(8).reshape(2, 4)


def moved(x):
    return {"flip(1)": x.flip(1), "roll(1, 1)": x.roll(1, 1), "rot90()": x.rot90()}


draw(moved, x)

# %%
# Which index is read?
# --------------------
#
# Let the :term:`axis` have size :math:`s`. Index :math:`i` of the result comes from :math:`s - 1 - i` with ``flip``,
# and from :math:`(i - \text{shift}) \bmod s` with ``roll``: a positive shift moves towards higher indices. The other
# axes stay, and so does the shape.

flipped, rolled = x.flip(1), x.roll(1, 1)
assert flipped.shape == rolled.shape == (2, 4)
for i in range(4):
    assert torch.equal(flipped[:, i], x[:, 4 - 1 - i])
    assert torch.equal(rolled[:, i], x[:, (i - 1) % 4])
assert torch.equal(x.roll(-3, 1), rolled)
assert torch.equal(x.roll(1 + 2 * 4, 1), rolled)

# %%
# ``rot90`` turns from the first of its two axes to the second, which are 0 and 1 if left out: against the clock. A
# quarter of a turn is a transpose and a flip, so sizes 2 and 4 change places. Half a turn flips both axes.

turned = x.rot90()
assert turned.shape == (4, 2)
assert all(turned[i, j] == x[j, 4 - 1 - i] for i in range(4) for j in range(2))
assert torch.equal(turned, x.T.flip(0))
assert torch.equal(x.rot90(-1), x.T.flip(1))  # with the clock
assert torch.equal(x.rot90(2), x.flip(0, 1))
assert torch.equal(x.rot90(4), x)

# %%
# With more axes: which ones to name
# ----------------------------------
#
# ``flip`` and ``roll`` take several axes. This one reverses the slices and, in each, the columns.

block = torch.arange(24).reshape(2, 3, 4)
both = block.flip(0, 2)
for i in range(2):
    assert all(torch.equal(both[i, :, k], block[2 - 1 - i, :, 4 - 1 - k]) for k in range(4))
draw(torch.flip, (block, (0, 2)), names=["block"])

# %%
# ``roll`` needs one shift for each axis: here rows go down by 1 and columns to the right by 2.

assert torch.equal(block.roll((1, 2), (1, 2)), block.roll(1, 1).roll(2, 2))
with expect_error(RuntimeError, match="shifts and dimensions must align"):
    block.roll((1, 2), 1)

draw(torch.roll, (block, (1, 2), (1, 2)), names=["block"])

# %%
# To turn an image of shape (:term:`channel`, height, width), name the axes 1 and 2. If they are left out, ``rot90``
# turns channels into rows, without an error: look at the shape.

image = torch.arange(60).reshape(3, 4, 5)
assert image.rot90().shape == (4, 3, 5)
assert image.rot90(1, (1, 2)).shape == (3, 5, 4)
assert torch.equal(image.rot90(1, (1, 2)), torch.stack([channel.rot90() for channel in image]))

draw(torch.rot90, (block, 1, (1, 2)), names=["block"])

# %%
# From scratch: split, turn the list around, cat
# ----------------------------------------------
#
# ``flip`` cuts an axis into slices of one index, reverses the list, and joins it again. ``roll`` cuts an axis that has
# elements into two pieces and exchanges them.


def flip(x, dim):
    return torch.cat(x.split(1, dim)[::-1], dim)


def roll(x, shift, dim):
    shift = shift % x.shape[dim]
    return torch.cat(x.split([x.shape[dim] - shift, shift], dim)[::-1], dim)


for dim in range(3):
    assert torch.equal(flip(block, dim), block.flip(dim))
    for shift in range(-6, 7):
        assert torch.equal(roll(block, shift, dim), block.roll(shift, dim))

# %%
# Copies, gradients, dtypes
# -------------------------
#
# NumPy flips by a view whose :term:`stride` is negative. PyTorch has no negative strides, so ``flip`` copies,
# ``x[::-1]`` is an error, and a flipped array has to be copied on its way to PyTorch. All three copy also where nothing
# moves.

for tensor in zoo(axes=(2, 3)).values():
    for result in (tensor.flip(()), tensor.flip(0), tensor.roll(0, 0), tensor.rot90(0)):
        assert not shares_memory(tensor, result)

array = x.numpy()
assert np.shares_memory(array, np.flip(array, 1))
with expect_error(ValueError, match="step must be greater than zero"):
    x[::-1]

with expect_error(ValueError, match="stride in the given numpy array is negative"):
    torch.from_numpy(np.flip(array, 1))

assert torch.equal(torch.from_numpy(np.flip(array, 1).copy()), x.flip(1))

# %%
# Each element is used once, so each :term:`gradient` goes back to the place that its element came from: the gradient is
# moved the other way round. The :term:`dtype` stays; truth values can be moved as well.

pairs = (
    (lambda t: t.flip(1), lambda t: t.flip(1)),
    (lambda t: t.roll(1, 1), lambda t: t.roll(-1, 1)),
    (lambda t: t.rot90(1), lambda t: t.rot90(-1)),
)
for forth, back in pairs:
    leaf, weight = torch.zeros(2, 4, requires_grad=True), forth(x.float())
    (forth(leaf) * weight).sum().backward()
    assert torch.equal(leaf.grad, back(weight))
    assert torch.equal(forth(x > 4), forth(x) > 4)

# %%
# What goes wrong
# ---------------
#
# ``roll`` is called without an axis. It then lists the elements row by row, moves that list and restores the shape, so
# that the last element of each row goes to the next row. And what ``roll`` moves over the end comes in again: labels
# made by ``roll(-1, 1)`` say that after the last word comes the first.

assert torch.equal(x.roll(1), x.flatten().roll(1).reshape(2, 4))
words = torch.tensor([[31, 32, 33]])
following = words.roll(-1, 1)
assert following.tolist() == [[32, 33, 31]]
assert torch.equal(words[:, 1:], following[:, :-1])  # the pairs that exist
draw(torch.roll, (x, 1))

# %%
# "Up-down" and "left-right" are named after a printed matrix: :func:`torch.flipud` reverses axis 0 and
# :func:`torch.fliplr` axis 1, also where there are more axes. So ``fliplr`` turns an image of shape (channel, height,
# width) upside down. It refuses a vector.

for tensor in (x, image, torch.arange(120).reshape(2, 3, 4, 5)):
    assert torch.equal(torch.flipud(tensor), tensor.flip(0))
    assert torch.equal(torch.fliplr(tensor), tensor.flip(1))
with expect_error(RuntimeError, match="must be >= 2-d"):
    torch.fliplr(torch.arange(5))

# %%
# Check yourself
# --------------

images = torch.arange(120).reshape(2, 3, 4, 5)
rows = [row[::-1] for row in images.reshape(24, 5).tolist()]
mirrored = torch.tensor(rows).reshape(2, 3, 4, 5)
results = {"flip(-1)": images.flip(-1), "fliplr()": images.fliplr(), "flip(2)": images.flip(2)}
ask(
    "Which call mirrors images of shape (batch, channel, height, width) left to right?",
    answer=next(name for name, result in results.items() if torch.equal(result, mirrored)),
    choices={
        "fliplr()": "It flips axis 1, here the channels: red becomes blue.",
        "flip(2)": "Axis 2 is the height: this turns the images upside down.",
        "flip(-1)": "Left and right are the ends of the width, the last axis.",
    },
)

# %%
# And a shift:

ask(
    "What is torch.tensor([1, 2, 3, 4, 5]).roll(-2)?",
    answer=torch.tensor([1, 2, 3, 4, 5]).roll(-2),
    choices={
        tuple(
            torch.tensor([1, 2, 3, 4, 5]).roll(2).tolist()
        ): "That is roll(2): it moves to higher indices.",
        (3, 4, 5, 1, 2): "Each goes two places to the front; the first two come in at the end.",
        (3, 4, 5, 0, 0): "Nothing is lost, as it is by F.pad.",
    },
)

# %%
# Next: :ref:`shapes-table`, the operations of this chapter in one table.
