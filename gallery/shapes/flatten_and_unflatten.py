"""
.. _flatten-and-unflatten:

What do flatten and unflatten do?
=================================

A convolution gives (photo, channel, row, column), and the linear layer after it needs (photo, feature).
:func:`torch.flatten` joins neighboring axes into one, and :func:`torch.unflatten` cuts one axis into several.
"""

# %%
# Set-up

import itertools
import math

import torch
from torch import nn
from torch.nn import functional as F

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
photos = torch.arange(24).reshape(2, 3, 4)  # two small gray photos, 3 rows and 4 columns
batch = data.photos().inputs / 255  # two large ones in color

# %%

draw(torch.flatten, photos, start_dim=1, names=["photos"])

# %%
# These are two gray photos of three rows and four columns. ``flatten(1)`` joins axis 1 and those after it, so each
# photo becomes one row of :val:`12 <photos[0].numel()>` elements. You need to know :ref:`reshape-and-view`.
#
# The rule
# --------
#
# ``flatten(start_dim, end_dim)`` replaces the axes from ``start_dim`` to ``end_dim``, both included, by one axis. Its
# size is the product of the joined sizes. The order stays: in a photo with W columns, ``[n, h, w]`` becomes ``[n, h *
# W + w]``. Without arguments *all* axes are joined. ``batch`` has two photos in color, with the axes N, C, H and W.

for n, h, w in itertools.product(range(2), range(3), range(4)):
    assert photos.flatten(1)[n, h * 4 + w] == photos[n, h, w]
print(f"batch           {tuple(batch.shape)}")
print(f"flatten(1)      {tuple(batch.flatten(1).shape)}, features of a photo")
print(f"flatten(2)      {tuple(batch.flatten(2).shape)}, pixels of a channel")
print(f"flatten(0, 1)   {tuple(batch.flatten(0, 1).shape)}, all channels")
print(f"flatten()       {tuple(batch.flatten().shape)}")

# %%
# ``unflatten(dim, sizes)`` cuts an axis again. You give the sizes, because a tensor does not remember them, and one of
# them may be -1. The pair is useful where a layer takes one batch axis and you have two. Here :val:`4 <len(clips)>`
# clips of :val:`5 <clips.shape[1]>` frames go through a convolution as 20 photos.

clips = torch.rand(4, 5, 3, 32, 48)  # clip, time, channel, row, column
layer = nn.Conv2d(3, 8, kernel_size=3, padding=1)
frames = clips.flatten(0, 1)
maps = layer(frames).unflatten(0, (4, -1))
print(f"{tuple(clips.shape)} -> {tuple(frames.shape)} -> {tuple(maps.shape)}")
torch.testing.assert_close(maps[3, 4], layer(clips[3, 4]))

# %%
# View or copy
# ------------
#
# ``flatten`` returns a :term:`view` where the axes to join are in order in memory, and a copy where they are not, as
# after a transpose. ``unflatten`` gave a view for each tensor that was tried, because steps within an axis are equal.
# NumPy's ``flatten`` copies, so writing into its result leaves the original alone.

print("after flatten:          ", "view" if shares_memory(photos.flatten(), photos) else "copy")
turned = photos.mT
print("transposed, then flatten:", "view" if shares_memory(turned.flatten(), photos) else "copy")
for x in zoo(axes=(1, 2, 3, 4), dtypes=[torch.float32]).values():
    if x.numel() > 0:
        assert shares_memory(x.unflatten(-1, (-1, 1)), x)

# %%
# .. use-this::
#
#    Write ``x.flatten(1)`` before a linear layer, or ``nn.Flatten()`` inside ``nn.Sequential``: both keep the batch
#    axis. ``unflatten`` changes one axis, and unlike in ``reshape`` you need not repeat the other sizes. ``flatten``
#    copies where the joined axes are out of order in memory, and ``unflatten`` copies nothing. Call ``clone()`` first
#    if you write into the result and want to keep the original.

assert torch.equal(nn.Flatten()(batch), batch.flatten(1))

# %%
# A common mistake
# ----------------
#
# **flatten() without a number.** The function starts at axis 0, unlike the module ``nn.Flatten``, and joins the batch
# with the rest. For two photos :ref:`the next layer raises an error <mat1-and-mat2-shapes>`. For a batch of one photo
# there is no error, and the result has no batch axis.

layer = nn.Linear(12, 10)
with expect_error(RuntimeError, match="cannot be multiplied|size mismatch"):
    layer(photos.float().flatten())
print("a batch of one:", tuple(layer(photos[:1].float().flatten()).shape))
print("with flatten(1):", tuple(layer(photos[:1].float().flatten(1)).shape))
assert layer(photos.float().flatten(1)).shape == (2, 10)

# %%
# How this was checked


def flatten(x, first=0, last=-1):
    """Flatten from scratch, for a tensor that has axes."""
    first, last = first % x.dim(), last % x.dim()
    return x.reshape(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])


def unflatten(x, dim, sizes):
    dim %= x.dim()
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


four = torch.arange(210).reshape(2, 3, 5, 7)
for first, last in itertools.combinations_with_replacement(range(4), 2):
    joined, sizes = four.flatten(first, last), four.shape[first : last + 1]
    assert joined.shape == (*four.shape[:first], math.prod(sizes), *four.shape[last + 1 :])
    assert torch.equal(flatten(four, first, last - 4), joined)
    assert torch.equal(joined.unflatten(first, sizes), four)
    assert torch.equal(unflatten(joined, first, sizes), four)
assert torch.equal(four.flatten(), four.flatten(0, -1))
assert photos.flatten(1, 1) is photos  # one axis alone: the tensor itself
# Axes in order within a tensor that is not contiguous.
assert not four.transpose(0, 1).is_contiguous()
assert shares_memory(four.transpose(0, 1).flatten(2), four)
for x in zoo(axes=(1, 2, 3, 4), dtypes=[torch.float32]).values():
    for dim, size in enumerate(x.shape):
        for sizes in ((1, size), (size, 1), (size // 2, 2), (size // 3, 3)):
            if math.prod(sizes) == size and x.numel() > 0:
                assert shares_memory(x.unflatten(dim, sizes), x)
for x in zoo().values():
    assert (x.flatten().dtype, x.flatten().dim()) == (x.dtype, 1)
assert torch.tensor(5).flatten().shape == (1,)
with expect_error(RuntimeError, match="don't multiply up to the size of dim 1"):
    photos.flatten(1).unflatten(1, (5, 2))
array = photos.clone().numpy()
array.flatten()[0] = 99
assert array[0, 0, 0] == 0
copy = photos.clone()
copy.flatten()[0] = 99
assert copy[0, 0, 0] == 99
# A gradient comes back in the shape of the original.
z = torch.ones(2, 3, requires_grad=True)
(z.flatten() * torch.arange(6.0)).sum().backward()
assert z.grad.tolist() == [[0, 1, 2], [3, 4, 5]]

# %%
# Check yourself
# --------------

zeros = torch.zeros(2, 3, 5, 7)
ask(
    "What is the shape of torch.zeros(2, 3, 5, 7).flatten(1, 2)?",
    answer=zeros.flatten(1, 2).shape,
    choices={
        (2, 15, 7): "Axes 1 and 2 become one of 3 · 5. Axis 2 is included, unlike in a slice.",
        tuple(zeros.flatten(1, 1).shape): "That is flatten(1, 1): one axis, joined with nothing.",
        tuple(zeros.flatten(1).shape): "That is flatten(1): from axis 1 to the last.",
    },
)

# %%
# By the rule of the index:

ask(
    f"x has shape {tuple(photos.shape)}. At which index of x.flatten(1) is x[1, 2, 3]?",
    answer=(photos.flatten(1) == photos[1, 2, 3]).nonzero()[0],
    choices={
        (1, 9): "That is 2 · 3 + 3. A step down skips a whole row, and rows have 4 columns.",
        (1, 11): f"Before it are 2 rows of {photos.shape[2]} columns, and 3 elements of its row.",
        (1, 23): "23 is its index in x.flatten(): the elements of the first photo come before.",
    },
)

# %%
# **Exercise.** A network for super-resolution computes, for each pixel of a small photo, the ``r`` by ``r`` pixels of
# a large one, as channels. ``x`` has shape (C · r · r, H, W), and ``large[c, h * r + i, w * r + j]`` is ``x[c * r * r
# + i * r + j, h, w]``. Return ``large``, of shape (C, H · r, W · r).


def by_loops(x, r):
    channels, height, width = x.shape[0] // r**2, x.shape[1], x.shape[2]
    large = torch.empty(channels, height * r, width * r, dtype=x.dtype)
    for c, h, w in itertools.product(range(channels), range(height), range(width)):
        for i, j in itertools.product(range(r), range(r)):
            large[c, h * r + i, w * r + j] = x[c * r * r + i * r + j, h, w]
    return large


cases = [
    (torch.arange(4).reshape(4, 1, 1), 2),
    (torch.arange(48).reshape(8, 2, 3), 2),
    (torch.arange(72).reshape(9, 4, 2), 3),
]


def to_large(x, r):
    raise NotImplementedError


check(to_large, by_loops, cases, without=["pixel_shuffle"])

# %%
# Cut the channels into C, r and r, bring each r behind the axis that it refines, and join them.

# Solution


def to_large(x, r):
    parts = x.unflatten(0, (-1, r, r))  # (C, r, r, H, W)
    return parts.permute(0, 3, 1, 4, 2).flatten(3).flatten(1, 2)


report = check(to_large, by_loops, cases, without=["pixel_shuffle"])
assert report.passed
assert torch.equal(to_large(cases[1][0], 2), F.pixel_shuffle(cases[1][0], 2))
report

# %%
# Read next
# ---------
#
# :ref:`attention-heads` splits an axis off and brings it to another place.
#
# - Shi et al. (2016). `Real-time single image and video super-resolution using an efficient sub-pixel convolutional
#   neural network <https://arxiv.org/abs/1609.05158>`__. The network that the exercise is about.
# - PyTorch contributors (2026). `torch.unflatten
#   <https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html>`__. The reference.
