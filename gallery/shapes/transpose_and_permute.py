"""
.. _transpose-and-permute:

How do transpose, permute and movedim work?
===========================================

An image file gives (row, column, color), and a layer wants (color, row, column). These functions put axes into another
order, where ``reshape`` would give the right shape with the numbers in the wrong places.
"""

# %%
# Set-up

import itertools

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import Choice, draw, draw_storage
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

photo = torch.arange(24).reshape(4, 3, 2)  # 4 rows of 3 pixels in 2 colors

# %%

draw(torch.permute, photo, dims=Choice((2, 0, 1), (2, 1, 0)), names=["photo"])

# %%
# ``permute`` takes the old axes in their new order: ``(2, 0, 1)`` puts axis 2, the color, first. Then come rows and
# columns. Point at an element of the result to see where it was. With ``(2, 1, 0)`` rows and columns are swapped as
# well. You need to know :ref:`what strides are <strides-and-storage>`.
#
# The rule
# --------
#
# Axis ``n`` of the result is axis ``dims[n]`` of the input. The indices of an element are permuted like the sizes, and
# you need not turn a block in your mind: ``colors_first[c, i, j]`` is ``photo[i, j, c]``.

colors_first = photo.permute(2, 0, 1)
assert colors_first.shape == (photo.shape[2], photo.shape[0], photo.shape[1])
for i, j, c in itertools.product(range(4), range(3), range(2)):
    assert colors_first[c, i, j] == photo[i, j, c]
print(f"{tuple(photo.shape)} becomes {tuple(colors_first.shape)}")

# %%
# Two shorter ways. ``transpose(a, b)`` swaps two axes. ``movedim(from, to)`` takes one axis to a place and lets the
# others close up, so it needs no list of all axes. With or without a batch axis, images go from file order to layer
# order with ``movedim(-1, -3)``.
assert torch.equal(photo.movedim(-1, 0), colors_first)
assert torch.equal(photo.transpose(0, 2), photo.permute(2, 1, 0))
layer = nn.Conv2d(2, 5, kernel_size=1)
with expect_error(RuntimeError, match="to have 2 channels, but got 4 channels"):
    layer(photo.float())
assert layer(photo.movedim(-1, -3).float()).shape == (5, 4, 3)

# %%
# Nothing moves in memory
# -----------------------
#
# The result is a :term:`view`: each axis takes its size and its :term:`stride` along. So nothing is copied, and what
# you write into it appears in the original. A step along the last axis of the result now skips over memory: it is not
# :term:`contiguous`.

assert shares_memory(photo, colors_first)
assert (photo.stride(), colors_first.stride()) == ((6, 2, 1), (1, 6, 2))
assert not colors_first.is_contiguous()
draw_storage([photo, colors_first], ["photo", "photo.permute(2, 0, 1)"])

# %%
# .. use-this::
#
#    ``permute`` when you can name the axes, ``transpose`` to swap two, ``movedim`` to move one. Write their names
#    beside it, as in ``# (N, H, W, C) -> (N, C, H, W)``. Call ``.contiguous()`` where the next step needs memory in
#    order, or use ``reshape``, which copies by itself.
#
# Common mistakes
# ---------------
#
# **Reshape instead.** The shape is right, and the colors are mixed. Nothing raises.

mixed = photo.reshape(2, 4, 3)
print(
    "first row, first color:",
    colors_first[0, 0].tolist(),
    "and after reshape:",
    mixed[0, 0].tolist(),
)
assert mixed.shape == colors_first.shape
assert not torch.equal(mixed, colors_first)

# %%
# **Reading dims as places to go to.** ``dims[n]`` is where axis ``n`` of the *result* comes from. For a swap both
# readings agree, for a round of three axes they do not. ``movedim`` takes places to go to.

for dims in itertools.permutations(range(3)):
    moved = sum(dims[n] != n for n in range(3))
    same = torch.equal(photo.movedim((0, 1, 2), dims), photo.permute(dims))
    print(f"{dims}: {moved} axes change place, the two readings {'agree' if same else 'differ'}")
    assert same == (moved < 3)

# %%
# **A view afterwards.** ``view`` refuses, because memory is out of order. :ref:`reshape-and-view` explains it.

with expect_error(RuntimeError, match="view size is not compatible"):
    colors_first.view(24)
assert colors_first.reshape(24).shape == (24,)

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
# What undoes a permute is the order that sorts its dims.
for dims in itertools.permutations(range(3)):
    undo = torch.tensor(dims).argsort().tolist()
    assert torch.equal(photo.permute(dims).permute(undo), photo)
# movedim(-1, -3), with and without a batch axis.
assert torch.equal(photo[None].movedim(-1, -3)[0], photo.movedim(-1, -3))
# permute needs all axes; the tensor itself stays as it is.
with expect_error(RuntimeError, match=r"input.dim\(\) = 3 is not equal to len\(dims\) = 2"):
    photo.permute(1, 0)
assert (photo.shape, photo.stride()) == ((4, 3, 2), (6, 2, 1))
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
    f"t has shape {tuple(photo.shape)}. At which index of t is t.transpose(1, 2)[3, 1, 2]?",
    answer=(photo == photo.transpose(1, 2)[3, 1, 2]).nonzero()[0],
    choices={
        (2, 1, 3): "That swaps first and last, like transpose(0, 2). t has no index 3 there.",
        (3, 1, 2): "That is the index in the result. Swap the last two.",
        (3, 2, 1): "The last two indices swap.",
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
# :ref:`matrix-transpose`, the short forms for matrices.
#
# - Yang (2019). `PyTorch internals <http://blog.ezyang.com/2019/05/pytorch-internals/>`__. How one memory has many
#   orders.
# - Rogozhnikov (2022). `Einops: clear and reliable tensor manipulations with Einstein-like notation
#   <https://openreview.net/forum?id=oapKSVM2bcj>`__. The same with names for the axes.
