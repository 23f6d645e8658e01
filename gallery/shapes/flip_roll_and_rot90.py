"""
.. _flip-roll-and-rot90:

How do I flip, roll or rotate a tensor?
=======================================

You want a mirrored photo as one more example to train with, and ``x[::-1]`` raises an error. :func:`torch.flip`
reverses axes, :func:`torch.roll` shifts along them in a circle, :func:`torch.rot90` turns the plane of two axes.
"""

# %%
# Set-up

import itertools

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional as F

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

temple = data.photos().inputs[0][:, ::2, ::2]  # channel, row, column
x = torch.arange(8).reshape(2, 4)


def moved(x):
    return {"flip(1)": x.flip(1), "roll(1, 1)": x.roll(1, 1), "rot90()": x.rot90()}


def show(photos):
    ratios = [photo.shape[2] / photo.shape[1] for photo in photos.values()]
    _, axes = plt.subplots(
        1, len(photos), figsize=(5.4, 1.7), layout="constrained", width_ratios=ratios
    )
    for axis, (name, photo) in zip(axes, photos.items(), strict=True):
        axis.imshow(photo.permute(1, 2, 0).numpy())
        axis.set_title(name, fontsize="small")
        axis.set(xticks=[], yticks=[])
    axes[0].figure.suptitle("The same pixels in other places")
    plt.show()


# %%

mirrored, shifted, turned = temple.flip(-1), temple.roll(80, -1), temple.rot90(1, (1, 2))
show({"photo": temple, "flip(-1)": mirrored, "roll(80, -1)": shifted, "rot90": turned})
assert all(torch.equal(y.sum(), temple.sum()) for y in (mirrored, shifted, turned))

# %%
# The last axis counts the columns. ``flip`` reverses them. ``roll`` moves them 80 to the right, and those that leave
# come in on the left. ``rot90(1, (1, 2))`` turns the plane of rows and columns against the clock. You need to know
# :ref:`what a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# On an axis of size :math:`s`, index ``i`` of the result comes from ``s - 1 - i`` with ``flip``, and from ``(i -
# shift) % s`` with ``roll``. For a matrix with :math:`s` columns, ``x.rot90()[i, j]`` is ``x[j, s - 1 - i]``: a
# transpose and a flip.

for i, j in itertools.product(range(4), range(2)):
    assert x.flip(1)[j, i] == x[j, 4 - 1 - i]
    assert x.roll(1, 1)[j, i] == x[j, (i - 1) % 4]
    assert x.rot90()[i, j] == x[j, 4 - 1 - i]
draw(moved, x)

# %%
# Name the axes
# -------------
#
# ``rot90()`` turns axes 0 and 1, which are not rows and columns if channels or a batch come first. If you count from
# the end, an axis in front changes nothing. ``fliplr``, "left-right", flips axis 1: in a photo of shape (C, H, W) it
# exchanges top and bottom.

batch = torch.stack([temple, mirrored])
print("flip(-1):       left and right", tuple(batch.flip(-1).shape))
print("flip(-2):       up and down   ", tuple(batch.flip(-2).shape))
print("rot90(1, (-2, -1)):           ", tuple(batch.rot90(1, (-2, -1)).shape))
print("rot90(), photos as channels:  ", tuple(batch.rot90().shape))
assert torch.equal(temple.fliplr(), temple.flip(-2))

# %%
# A circle, or an end
# -------------------
#
# ``roll`` is made for what goes around: the hours of a day, an image that is tiled. With it you get the change from
# each hour to the next, and from the last to the first. Where a series ends, shift with :ref:`pad <pad>`, which fills
# with zeros.

hours = torch.tensor([3, 5, 9, 4])
print("in a circle:", (hours.roll(-1) - hours).tolist())
print("with an end:", (hours[1:] - hours[:-1]).tolist())
print("roll(1):    ", hours.roll(1).tolist())
print("pad (1, -1):", F.pad(hours, (1, -1)).tolist())

# %%
# .. use-this::
#
#    ``photo.flip(-1)`` mirrors, ``x.roll(shift, dims=axis)`` shifts in a circle, ``photo.rot90(k, (-2, -1))`` turns
#    ``k`` quarters against the clock. Write the axis out each time. All three copy, also ``flip``, because PyTorch has
#    no negative :term:`strides <stride>`. As augmentation, use what keeps the label: a mirrored 2 is not a 2.

assert torch.equal(temple.flip(-1).flip(-1), temple)
for k in range(4):
    assert torch.equal(temple.rot90(k, (-2, -1)).rot90(-k, (-2, -1)), temple)
for y in zoo(axes=(2, 3)).values():
    for result in (y.flip(()), y.flip(0), y.roll(0, 0), y.rot90(0)):
        assert not shares_memory(y, result)

# %%
# Common mistakes
# ---------------
#
# **roll without an axis.** It rolls the elements in reading order, so the last pixel of a row goes to the next row.
# Here the first column alone is wrong.

print(x.roll(1).tolist(), "without an axis")
print(x.roll(1, dims=1).tolist(), "along the columns")
assert torch.equal(x.roll(1), x.flatten().roll(1).reshape(2, 4))
assert torch.equal(x.roll(1)[:, 1:], x.roll(1, dims=1)[:, 1:])

# %%
# **A negative step.** In NumPy ``x[::-1]`` reverses an array and makes a view. PyTorch refuses such a step, and
# ``from_numpy`` refuses the array that comes out of it.

with expect_error(ValueError, match="step must be greater than zero"):
    x[::-1]
with expect_error(ValueError, match="stride in the given numpy array is negative"):
    torch.from_numpy(x.numpy()[::-1])
assert torch.equal(torch.from_numpy(x.numpy()[::-1].copy()), x.flip(0))

# %%
# How this was checked


def flip(x, dim):
    """Flip from scratch: slices of one index, in reverse."""
    return torch.cat(x.split(1, dim)[::-1], dim)


def roll(x, shift, dim):
    """Cut an axis that has elements into two pieces, and exchange them."""
    shift = shift % x.shape[dim]
    return torch.cat(x.split([x.shape[dim] - shift, shift], dim)[::-1], dim)


block = torch.arange(24).reshape(2, 3, 4)
for dim in range(3):
    assert torch.equal(flip(block, dim), block.flip(dim))
    for shift in range(-6, 7):
        assert torch.equal(roll(block, shift, dim), block.roll(shift, dim))
assert torch.equal(block.flip(0, 2), block.flip(0).flip(2))
assert torch.equal(block.roll((1, 2), (1, 2)), block.roll(1, 1).roll(2, 2))
with expect_error(RuntimeError, match="shifts and dimensions must align"):
    block.roll((1, 2), 1)
assert torch.equal(x.rot90(), x.T.flip(0))
assert torch.equal(x.rot90(-1), x.T.flip(1))  # with the clock
assert torch.equal(x.rot90(2), x.flip(0, 1))
assert torch.equal(x.rot90(4), x)
assert torch.equal(turned, torch.stack([channel.rot90() for channel in temple]))
for y in (x, block, torch.arange(120).reshape(2, 3, 4, 5)):
    assert torch.equal(torch.flipud(y), y.flip(0))
    assert torch.equal(torch.fliplr(y), y.flip(1))
with expect_error(RuntimeError, match="must be >= 2-d"):
    torch.fliplr(torch.arange(5))
assert np.shares_memory(x.numpy(), np.flip(x.numpy(), 1))
# The gradient is moved the other way round; truth values can be moved, too.
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
# Check yourself
# --------------

images = torch.arange(120).reshape(2, 3, 4, 5)
rows = [row[::-1] for row in images.reshape(24, 5).tolist()]
by_lists = torch.tensor(rows).reshape(2, 3, 4, 5)
results = {"flip(-1)": images.flip(-1), "fliplr()": images.fliplr(), "flip(2)": images.flip(2)}
ask(
    "Which call mirrors images of shape (batch, channel, height, width) left to right?",
    answer=next(name for name, result in results.items() if torch.equal(result, by_lists)),
    choices={
        "fliplr()": "It flips axis 1, here the channels: red becomes blue.",
        "flip(2)": "Axis 2 is the height: this exchanges top and bottom.",
        "flip(-1)": "Left and right are the ends of the width, the last axis.",
    },
)

# %%
# A shift:

ask(
    "What is torch.tensor([1, 2, 3, 4, 5]).roll(-2)?",
    answer=torch.tensor([1, 2, 3, 4, 5]).roll(-2),
    choices={
        tuple(
            torch.tensor([1, 2, 3, 4, 5]).roll(2).tolist()
        ): "That is roll(2): it moves to higher indices.",
        (
            3,
            4,
            5,
            1,
            2,
        ): "Each number moves two places to the front, and the first two come in at the end.",
        (3, 4, 5, 0, 0): "roll loses no number. F.pad would.",
    },
)

# %%
# **Exercise.** Conway's Game of Life, on a board whose edges meet. A cell of ``board``, of shape (H, W) with 0 and 1,
# has eight neighbors. It is 1 in the next step if 3 of them are 1, or if it is 1 and 2 of them are 1. Return the next
# board, without a loop over cells.


def by_loops(board):
    height, width = board.shape
    following = torch.zeros_like(board)
    for i, j in itertools.product(range(height), range(width)):
        around = itertools.product((-1, 0, 1), repeat=2)
        alive = sum(board[(i + a) % height, (j + b) % width] for a, b in around) - board[i, j]
        following[i, j] = alive == 3 or (alive == 2 and board[i, j] == 1)
    return following


glider = torch.tensor([[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]])
seeded = torch.Generator().manual_seed(0)
cases = [(glider,), (torch.randint(2, (6, 5), generator=seeded),), (torch.ones(3, 4).long(),)]


def next_step(board):
    raise NotImplementedError


check(next_step, by_loops, cases, without=["conv2d", "unfold", "pad"])

# %%
# Eight rolled boards, added up, count the neighbors of each cell.

# Solution


def next_step(board):
    shifts = [shift for shift in itertools.product((-1, 0, 1), repeat=2) if shift != (0, 0)]
    alive = sum(board.roll(shift, (0, 1)) for shift in shifts)
    return ((alive == 3) | ((alive == 2) & (board == 1))).to(board.dtype)


report = check(next_step, by_loops, cases, without=["conv2d", "unfold", "pad"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`shapes-table` has the operations of this chapter in one table.
#
# - Liu et al. (2021). `Swin transformer: hierarchical vision transformer using shifted windows
#   <https://arxiv.org/abs/2103.14030>`__. A network that rolls its feature maps between layers.
# - PyTorch contributors (2026). `torch.roll
#   <https://docs.pytorch.org/docs/stable/generated/torch.roll.html>`__. The reference.
