"""
.. _exercises-in-shapes:

Exercises in shapes
===================

You have read how axes are added, moved and joined, and now you write it yourself. Here are five functions on photos,
each to be written in one to three lines and without a loop.
"""

# %%
# Set-up

import itertools

import matplotlib.pyplot as plt
import torch

from ptguide import data
from ptguide.exercises import check
from ptguide.tensors import shares_memory

flower = data.photos().inputs[1][:, ::4, ::4] / 255  # (3, 107, 160)
gray = flower.mean(dim=0)
patches = [flower[:, 20:80, left : left + 60].mean(dim=0) for left in (20, 40, 60, 80)]


def show(photos):
    _, axes = plt.subplots(1, len(photos), figsize=(5.4, 1.8), layout="constrained")
    for axis, (name, photo) in zip(axes, photos.items(), strict=True):
        colors = photo.movedim(0, -1) if photo.dim() == 3 else photo
        axis.imshow(colors.numpy(), cmap="gray", vmin=0, vmax=1)
        axis.set_title(name, fontsize="small")
        axis.set(xticks=[], yticks=[])
    axes[0].figure.suptitle("What three of the exercises make of photos")
    plt.show()


# %%

tinted = torch.tensor([1.0, 0.6, 0.3])[:, None, None].expand(3, 107, 160) * gray
turned = flower.rot90(-1, (1, 2))
sheet_of_four = torch.cat([torch.cat(patches[:2], dim=1), torch.cat(patches[2:], dim=1)])
show({"gray": gray, "1. tinted": tinted, "4. turned": turned, "5. a sheet": sheet_of_four})

# %%
# Copy a cell into your own session, replace ``raise NotImplementedError``, and run it. ``check`` shows the first input
# for which your function is wrong. Some functions of torch are forbidden, and ``check`` tells you so. The solutions
# are folded.
#
# .. use-this::
#
#    First write down the shape that you have and the shape that you want, with a letter for each axis. ``unsqueeze``,
#    ``stack`` and ``expand`` make a new axis. ``permute`` changes the order. ``flatten`` joins neighboring axes, so
#    ``permute`` comes before it. ``stack`` and ``cat`` copy, and ``flatten`` copies where the joined axes are out of
#    order in memory.
#
# Check yourself
# --------------
#
# **1. Tint a photo.** A gray photo of shape (H, W) becomes one in color of shape (3, H, W): each channel is the photo
# times its entry of ``color``, of shape (3,).


def tint_by_loops(photo, color):
    height, width = photo.shape
    result = torch.empty(3, height, width, dtype=photo.dtype)
    for c, i, j in itertools.product(range(3), range(height), range(width)):
        result[c, i, j] = color[c] * photo[i, j]
    return result


colors = torch.tensor([1, 10, 100])
grays = [(torch.arange(h * w).reshape(h, w), colors) for h, w in ((2, 4), (1, 1), (5, 3), (3, 3))]


def tint(photo, color):
    raise NotImplementedError


check(tint, tint_by_loops, grays, without=["stack", "einsum"])

# %%
# Two axes of size 1 on the right bring the colors to the first axis. Broadcasting stretches them.

# Solution


def tint(photo, color):
    return color[:, None, None] * photo


report = check(tint, tint_by_loops, grays, without=["stack", "einsum"])
assert report.passed
report

# %%
# **2. Two cameras in turn.** Two films of T frames, each of shape (T, H, W), become one of 2 · T frames: the first of
# ``left``, the first of ``right``, the second of ``left``, and so on. Use no index.


def in_turn_by_loop(left, right):
    frames = []
    for pair in zip(left, right, strict=True):
        frames += pair
    return torch.stack(frames)


forbidden = ["__getitem__", "__setitem__", "cat"]
films = [torch.arange(t * h * w).reshape(t, h, w) for t, h, w in ((3, 1, 2), (1, 2, 3), (4, 3, 2))]
pairs = [(film, film + 50) for film in films]


def in_turn(left, right):
    raise NotImplementedError


check(in_turn, in_turn_by_loop, pairs, without=forbidden)

# %%
# If you stack on axis 1, the two frames of one moment are neighbors. Join that axis with time, and the frames take
# turns.

# Solution


def in_turn(left, right):
    return torch.stack([left, right], dim=1).flatten(0, 1)


report = check(in_turn, in_turn_by_loop, pairs, without=forbidden)
assert report.passed
report

# %%
# **3. Play it again.** Repeat the whole film, of shape (T, H, W), ``times`` times, to shape (times · T, H, W). Copy
# nothing before the last step.


def again_by_loop(film, times):
    return torch.stack([frame for _ in range(times) for frame in film])


forbidden = ["repeat", "tile", "repeat_interleave", "cat", "stack", "vstack", "__getitem__"]
plays = [(film, times) for film, times in zip(films, (2, 4, 3), strict=True)]


def again(film, times):
    raise NotImplementedError


check(again, again_by_loop, plays, without=forbidden)

# %%
# A new first axis, stretched without memory, counts the repetitions. ``flatten`` joins it with time, and copies.

# Solution


def again(film, times):
    return film.expand(times, -1, -1, -1).flatten(0, 1)


report = check(again, again_by_loop, plays, without=forbidden)
assert report.passed
report

# %%
# **4. A quarter of a turn.** Turn a photo of shape (C, H, W) *with* the clock: the first row becomes the last column.


def turn_by_loops(photo):
    channels, height, width = photo.shape
    result = torch.empty(channels, width, height, dtype=photo.dtype)
    for i, j in itertools.product(range(height), range(width)):
        result[:, j, height - 1 - i] = photo[:, i, j]
    return result


shapes = ((1, 2, 3), (3, 1, 4), (2, 4, 1), (3, 3, 5))
turns = [(torch.arange(c * h * w).reshape(c, h, w),) for c, h, w in shapes]


def turn(photo):
    raise NotImplementedError


check(turn, turn_by_loops, turns, without=["rot90"])

# %%
# The transpose makes a column of the first row, on the left. A flip of the columns brings it to the right.

# Solution


def turn(photo):
    return photo.transpose(1, 2).flip(2)


report = check(turn, turn_by_loops, turns, without=["rot90"])
assert report.passed
report

# %%
# **5. A contact sheet.** A batch of shape (N, H, W) becomes one photo: a grid with ``columns`` photos in each row, in
# the order of the batch. N is a multiple of ``columns``.


def sheet_by_loop(photos, columns):
    n, height, width = photos.shape
    result = torch.zeros(n // columns * height, columns * width, dtype=photos.dtype)
    for k, photo in enumerate(photos):
        top, left = k // columns * height, k % columns * width
        result[top : top + height, left : left + width] = photo
    return result


sizes = ((4, 2, 3, 2), (3, 1, 2, 3), (6, 3, 2, 2), (6, 2, 3, 3))
batches = [(torch.arange(n * h * w).reshape(n, h, w), columns) for n, h, w, columns in sizes]
forbidden = ["cat", "stack", "__setitem__"]


def sheet(photos, columns):
    raise NotImplementedError


check(sheet, sheet_by_loop, batches, without=forbidden)

# %%
# Split N into rows and columns of the grid. Bring the height beside the rows of the grid, and the width beside its
# columns. Then join each pair.

# Solution


def sheet(photos, columns):
    grid = photos.unflatten(0, (-1, columns))  # (row, column, H, W)
    return grid.transpose(1, 2).flatten(2, 3).flatten(0, 1)  # (row, H, column, W), then joined


report = check(sheet, sheet_by_loop, batches, without=forbidden)
assert report.passed
assert torch.equal(sheet(torch.stack(patches), 2), sheet_of_four)
report

# %%
# ``reshape`` alone gives the right shape, and cuts the photos into pieces. ``check`` shows where.


def only_reshape(photos, columns):
    n, height, width = photos.shape
    return photos.reshape(n // columns * height, columns * width)


report = check(only_reshape, sheet_by_loop, batches)
assert not report.passed
report

# %%
# How this was checked

assert torch.equal(tint(gray, torch.tensor([1.0, 0.6, 0.3])), tinted)
assert torch.equal(turn(flower), turned)
assert torch.equal(in_turn(films[0], films[0] + 50)[1::2], films[0] + 50)
assert torch.equal(again(films[0], 3), films[0].repeat(3, 1, 1))
last_first = torch.zeros(2, 3, 4).permute(2, 0, 1)
assert shares_memory(last_first, last_first.flatten(1))
assert not shares_memory(last_first, last_first.flatten())

# %%
# Read next
# ---------
#
# :ref:`indexing-and-slicing` is the first page of the chapter on selecting.
#
# - Rush (2022). `Tensor Puzzles <https://github.com/srush/Tensor-Puzzles>`__. Twenty-one functions to build from
#   broadcasting and a few operations.
# - Rougier (2016). `100 NumPy exercises <https://github.com/rougier/numpy-100>`__. The same skill in NumPy.
