"""
.. _transpose-and-permute:

How do transpose, permute and movedim work?
===========================================

An image from Pillow or NumPy has the axes (row, column, color), and a convolution needs (color, row, column).
``permute`` changes the order of axes, where ``reshape`` gives the right shape with the numbers in the wrong places.
"""

# %%
# Set-up

import itertools

import matplotlib.pyplot as plt
import torch
from torch import nn

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

# A flower in the order of Pillow and NumPy, 192 rows of 320 pixels in 3 colors.
flower = data.photos().inputs[1][:, 60:252, 200:520].permute(1, 2, 0).contiguous()
photo = torch.arange(24).reshape(3, 4, 2)  # 3 rows of 4 pixels in 2 colors


def show_red(channels_first):
    _, axes = plt.subplots(1, len(channels_first), figsize=(5.4, 2.3), layout="constrained")
    for axis, (name, image) in zip(axes, channels_first.items(), strict=True):
        axis.imshow(image[0].numpy(), cmap="gray")
        axis.set(xticks=[], yticks=[], title=name)
    axes[0].figure.suptitle("Same shape, and reshape mixes the numbers")
    plt.show()


# %%

moved, mixed = flower.permute(2, 0, 1), flower.reshape(3, 192, 320)
assert moved.shape == mixed.shape
show_red({"permute(2, 0, 1)": moved, "reshape(3, 192, 320)": mixed})

# %%
# Both pictures show channel 0 of the result, which should hold the red of each pixel. ``reshape`` keeps the numbers in
# reading order. So its channel 0 is the top third of the photo, with all three colors. You need to know
# :ref:`reshape-and-view`.
#
# The rule
# --------
#
# ``permute(dims)`` lists the old axes in their new order: axis ``n`` of the result is axis ``dims[n]`` of the input.
# The indices of an element change places like the sizes: ``colors_first[c, i, j]`` is ``photo[i, j, c]``. In this
# small photo, point at an element of the result to see where it was.

colors_first = photo.permute(2, 0, 1)
for i, j, c in itertools.product(range(3), range(4), range(2)):
    assert colors_first[c, i, j] == photo[i, j, c]
draw(torch.permute, (photo, (2, 0, 1)), names=["photo"])

# %%
# Two functions are shorter. ``transpose(a, b)`` swaps two axes. ``movedim(source, destination)`` moves one axis, and
# the others keep their order. So ``movedim(-1, -3)`` brings colors in front of rows and columns, with or without a
# batch axis. A convolution takes axis 0 for the channels. So it refuses ``flower``, and accepts the moved photo.

assert torch.equal(photo.transpose(0, 2), photo.permute(2, 1, 0))
assert torch.equal(photo.movedim(-1, -3), colors_first)
assert torch.equal(photo[None].movedim(-1, -3)[0], colors_first)
layer = nn.Conv2d(3, 5, kernel_size=1)
with expect_error(RuntimeError, match="to have 3 channels, but got 192 channels"):
    layer(flower.float())
assert layer(flower.movedim(-1, -3).float()).shape == (5, 192, 320)

# %%
# Nothing moves in memory
# -----------------------
#
# The result is a :term:`view`: each axis takes its size and its :term:`stride` along. Writing into the result changes
# the original. Here the stride of the last axis is no longer 1, so the result is not :term:`contiguous`, and
# ``view(24)`` refuses it.

assert shares_memory(photo, colors_first)
print(f"photo:        strides {photo.stride()}")
print(f"colors_first: strides {colors_first.stride()}, contiguous: {colors_first.is_contiguous()}")
with expect_error(RuntimeError, match="view size is not compatible"):
    colors_first.view(24)

# %%
# .. use-this::
#
#    Write ``permute`` when you know how many axes there are, ``transpose`` to swap two, ``movedim`` to move one. Write
#    the names of the axes beside it, as in ``# (N, H, W, C) -> (N, C, H, W)``. The three return views and copy nothing.
#    ``.contiguous()`` copies such a result if it is out of order in memory, and ``reshape`` copies where it joins axes
#    that are out of order. A copy takes as much memory again.
#
# A common mistake
# ----------------
#
# **Reading dims as places to go to.** ``dims[n]`` is where axis ``n`` of the *result* comes from. ``movedim`` takes
# places to go to. If axes swap in pairs, both readings agree. The mistake shows where three axes change places in a
# circle, as in ``(1, 2, 0)``.

for dims in itertools.permutations(range(3)):
    moved = sum(dims[n] != n for n in range(3))
    same = torch.equal(photo.movedim((0, 1, 2), dims), photo.permute(dims))
    print(f"{dims}: {moved} axes change place, the two readings {'agree' if same else 'differ'}")
    assert same == (moved < 3)

# %%
# How this was checked


def permute(x, dims):
    """Permute from scratch: sizes and strides change places."""
    shape, stride = [x.shape[d] for d in dims], [x.stride(d) for d in dims]
    return x.as_strided(shape, stride, x.storage_offset())


def transpose(x, a, b):
    dims = list(range(x.dim()))
    dims[a], dims[b] = dims[b], dims[a]
    return permute(x, dims)


def movedim(x, source, destination):
    dims = list(range(x.dim()))
    dims.insert(destination % x.dim(), dims.pop(source))
    return permute(x, dims)


four = torch.arange(120).reshape(2, 3, 4, 5)
pairs = [(permute(four, dims), four.permute(dims)) for dims in itertools.permutations(range(4))]
for a, b in itertools.product(range(-4, 4), repeat=2):
    pairs.append((transpose(four, a, b), four.transpose(a, b)))
    pairs.append((movedim(four, a, b), four.movedim(a, b)))
assert len(pairs) == 24 + 2 * 8 * 8
for ours, theirs in pairs:
    assert torch.equal(ours, theirs)
    assert ours.stride() == theirs.stride()
# Channel 0 after reshape is the top third of the photo, with all colors.
assert torch.equal(mixed[0].flatten(), flower[:64].flatten())
# The two readings agree where a permutation undoes itself.
for dims in itertools.permutations(range(4)):
    same = torch.equal(four.movedim((0, 1, 2, 3), dims), four.permute(dims))
    assert same == all(dims[dims[n]] == n for n in range(4))
# What undoes a permute is the order that sorts its dims.
for dims in itertools.permutations(range(3)):
    undo = torch.tensor(dims).argsort().tolist()
    assert torch.equal(photo.permute(dims).permute(undo), photo)
# contiguous copies; reshape copies where it joins axes that are out of order in memory.
assert not shares_memory(photo, colors_first.contiguous())
assert not shares_memory(photo, colors_first.reshape(24))
assert shares_memory(photo, colors_first.reshape(2, 12))  # rows and columns are still in order
# permute needs all axes; the tensor itself stays as it is.
with expect_error(RuntimeError, match=r"input.dim\(\) = 3 is not equal to len\(dims\) = 2"):
    photo.permute(1, 0)
assert (photo.shape, photo.stride()) == ((3, 4, 2), (8, 2, 1))
# The dtype stays, and a gradient is put back into the order of the original.
for tensor in zoo(axes=2).values():
    swapped = tensor.transpose(0, 1)
    assert (swapped.dtype, swapped.data_ptr()) == (tensor.dtype, tensor.data_ptr())
x = torch.ones(2, 3, requires_grad=True)
(x.transpose(0, 1) * torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).sum().backward()
assert x.grad.tolist() == [[1, 3, 5], [2, 4, 6]]

# %%
# Check yourself
# --------------

ask(
    "What is the shape of torch.zeros(2, 3, 5).permute(1, 2, 0)?",
    answer=torch.zeros(2, 3, 5).permute(1, 2, 0).shape,
    choices={
        (3, 5, 2): "Axis 0 of the result is axis 1 of the input, of size 3, and so on.",
        (5, 2, 3): "That reads the numbers as places to go to: permute(2, 0, 1).",
        (5, 3, 2): "That is transpose(0, 2).",
    },
)

# %%
# By the index:

ask(
    f"t has shape {tuple(photo.shape)}. At which index of t is t.transpose(1, 2)[2, 1, 3]?",
    answer=(photo == photo.transpose(1, 2)[2, 1, 3]).nonzero()[0],
    choices={
        (3, 1, 2): "That swaps first and last, like transpose(0, 2). t has no index 3 there.",
        (2, 1, 3): "That is the index in the result. Swap the last two.",
        (2, 3, 1): "The last two indices swap.",
    },
)

# %%
# **Exercise.** Split the features of attention into heads: from (batch, token, head · size) to (batch, head, token,
# size). Each head gets ``size`` neighboring features.


def by_slices(x, heads):
    size = x.shape[2] // heads
    return torch.stack([x[:, :, h * size : (h + 1) * size] for h in range(heads)], dim=1)


cases = [
    (torch.arange(8).reshape(1, 2, 4), 2),
    (torch.arange(24).reshape(1, 4, 6), 3),
    (torch.arange(120).reshape(2, 5, 12), 4),
]


def split_heads(x, heads):
    raise NotImplementedError


check(split_heads, by_slices, cases, without=["stack", "cat", "split", "chunk", "__getitem__"])

# %%
# First split the last axis, then swap. ``x.reshape(batch, heads, token, size)`` alone has the right shape and mixes
# tokens and heads.

# Solution


def split_heads(x, heads):
    batch, token, features = x.shape
    return x.reshape(batch, token, heads, features // heads).transpose(1, 2)


report = check(
    split_heads, by_slices, cases, without=["stack", "cat", "split", "chunk", "__getitem__"]
)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`matrix-transpose` has the short forms for matrices.
#
# - Yang (2019). `PyTorch internals <http://blog.ezyang.com/2019/05/pytorch-internals/>`__. How one memory has many
#   orders.
# - Rogozhnikov (2022). `Einops: clear and reliable tensor manipulations with Einstein-like notation
#   <https://openreview.net/forum?id=oapKSVM2bcj>`__. The same with names for the axes.
