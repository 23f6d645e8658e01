"""
.. _unsqueeze-and-squeeze:

What do unsqueeze and squeeze do?
=================================

A network takes batches, and you have one photo of shape :val:`(3, 32, 48) <color.shape>`. :func:`torch.unsqueeze`
puts an :term:`axis` of size 1 in, :func:`torch.squeeze` takes such axes away, and the numbers stay as they are.
"""

# %%
# Set-up

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import Choice, draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

photo = torch.arange(12).reshape(3, 4)  # gray, 3 rows and 4 columns
color = torch.ones(3, 32, 48)

# %%

draw(torch.unsqueeze, photo, dim=Choice(0, 1, 2), names=["photo"])

# %%
# A tensor of two axes has three places for a new one. Press 0, 1 and 2 to see the new axis before the rows, between
# rows and columns, and after the columns. You need to know :ref:`what a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# ``unsqueeze(dim)`` gives a result whose axis ``dim`` has size 1. The result has one axis more, so ``dim`` goes one
# higher than the tensor's own axes, and negative values count from the end of the *result*. Each element gets one more
# index, a 0. ``photo[:, None]`` is another way to write ``photo.unsqueeze(1)``.

for dim in (0, 1, 2, -1):
    print(f"unsqueeze({dim:>2}): {tuple(photo.unsqueeze(dim).shape)}")
assert photo[2, 1] == photo.unsqueeze(1)[2, 0, 1]
assert torch.equal(photo[:, None], photo.unsqueeze(1))

# %%
# ``squeeze(dim)`` takes the axis away again; a tuple of numbers names several axes. Without an argument, ``squeeze``
# takes away *every* axis of size 1. An axis of another size stays without an error, as in ``squeeze(0)``.

thin = torch.arange(6).reshape(2, 1, 3, 1)


def squeezes(thin):
    return {
        "squeeze(1)": thin.squeeze(1),
        "squeeze(0)": thin.squeeze(0),
        "squeeze()": thin.squeeze(),
    }


for tensor in zoo().values():
    assert tensor.squeeze().shape == tuple(size for size in tensor.shape if size != 1)
draw(squeezes, thin, names=["thin"])

# %%
# What it is for
# --------------
#
# :ref:`Broadcasting <broadcasting>` stretches axes of size 1, so ``unsqueeze`` decides which elements are combined.
# Here a column minus a row gives all differences of the times. And a layer that refuses a single photo accepts a batch
# of one.

times = torch.tensor([9, 12, 17])
print(times.unsqueeze(1) - times.unsqueeze(0))
layer = nn.BatchNorm2d(3)
with expect_error(ValueError, match="expected 4D input"):
    layer(color)
assert layer(color.unsqueeze(0)).squeeze(0).shape == color.shape

# %%
# .. use-this::
#
#    Write ``x.unsqueeze(0)`` to make a batch of one, and ``x.unsqueeze(1)`` to make a vector a column: one number for
#    each row of a matrix. Take the axis away with ``squeeze(dim)``, and give its number. Both return a :term:`view`:
#    they copy no element, and writing into the result changes the original.
#
# A common mistake
# ----------------
#
# **squeeze() without an argument.** A network returns answers of shape (N, 1), and you want (N,). In a batch of one
# example, such as a short last batch, ``squeeze()`` takes the batch axis away, too. ``squeeze(1)`` gives (N,) for each
# of these N.

for n in (5, 1, 0):
    answers = torch.ones(n, 1)
    bare, named = tuple(answers.squeeze().shape), tuple(answers.squeeze(1).shape)
    print(f"N = {n}: squeeze() {bare!s:<6} squeeze(1) {named}")
    assert named == (n,)
with expect_error(TypeError, match=r"len\(\) of a 0-d tensor"):
    len(torch.ones(1, 1).squeeze())

# %%
# How this was checked

block = torch.arange(24).reshape(2, 3, 4)
for dim in range(4):
    longer = block.unsqueeze(dim)
    assert longer.shape == (*block.shape[:dim], 1, *block.shape[dim:])
    assert torch.equal(longer, block.unsqueeze(dim - 4))
    assert torch.equal(longer.select(dim, 0), block)
with expect_error(IndexError, match=r"range of \[-4, 3\], but got 4"):
    block.unsqueeze(4)
assert torch.equal(thin.squeeze((1, 3)), thin.squeeze())
assert thin.squeeze(0).shape == thin.shape


def unsqueeze(x, dim, step):
    """Put an axis in from scratch, with a stride that does not matter."""
    place = dim % (x.dim() + 1)
    shape, stride = list(x.shape), list(x.stride())
    shape.insert(place, 1)
    stride.insert(place, step)
    return x.as_strided(shape, stride, x.storage_offset())


for dim in range(-4, 4):
    for step in (0, 1, 77, 10**12):
        assert torch.equal(unsqueeze(block, dim, step), block.unsqueeze(dim))
        assert unsqueeze(block, dim, step).squeeze(dim).stride() == block.stride()
for tensor in zoo().values():
    longer = tensor.unsqueeze(-1)
    assert (longer.dtype, longer.squeeze(-1).dtype) == (tensor.dtype, tensor.dtype)
    assert longer.data_ptr() == longer.squeeze(-1).data_ptr() == tensor.data_ptr()
assert shares_memory(thin, thin.squeeze())
# A gradient comes back in the shape of the original.
weights = torch.ones(3, requires_grad=True)
(weights.unsqueeze(1) * torch.tensor([[1.0], [2.0], [4.0]])).sum().backward()
assert weights.grad.tolist() == [1, 2, 4]
# (N, 1) against (N,) broadcasts to N x N.
assert (torch.ones(5, 1) - torch.ones(5)).shape == (5, 5)

# %%
# Check yourself
# --------------

ask(
    "What is the shape of torch.zeros(4, 7).unsqueeze(-2)?",
    answer=torch.zeros(4, 7).unsqueeze(-2).shape,
    choices={
        (1, 4, 7): "That is unsqueeze(0), or unsqueeze(-3): the result has three axes.",
        (4, 1, 7): "-2 counts from the end of the result: the new axis is the last but one.",
        (4, 7, 1): "That is unsqueeze(-1).",
    },
)

# %%
# An axis that is not of size 1:

ask(
    "What does torch.zeros(1, 5, 1).squeeze(1) give?",
    answer=lambda: torch.zeros(1, 5, 1).squeeze(1).shape,
    choices={
        (1, 5, 1): "Axis 1 has size 5, so it stays, and the others were not named.",
        (5,): "That is squeeze(): every axis of size 1.",
        (1, 1): "An axis of size 5 can't be left out: its elements would have no place.",
        IndexError: "There is an axis 1. Its size is not 1, and squeeze raises nothing.",
    },
)

# %%
# **Exercise.** You have photos of shape (N, C, H, W), and one brightness for each photo, of shape (N,). Multiply each
# photo by its brightness.


def by_loop(photos, brightness):
    return torch.stack([photos[i] * brightness[i] for i in range(len(photos))])


cases = [
    (torch.ones(2, 1, 1, 2), torch.tensor([1.0, 0.5])),
    (torch.rand(4, 3, 2, 5), torch.rand(4)),
    (torch.rand(3, 3, 3, 3), torch.rand(3)),
]


def brighten(photos, brightness):
    raise NotImplementedError


check(brighten, by_loop, cases, without=["stack", "einsum"])

# %%
# The brightness needs shape (N, 1, 1, 1), so that its first axis is matched with the photos. In the last case the sizes
# are equal: there a product without new axes brightens columns instead of photos, and raises no error.

# Solution


def brighten(photos, brightness):
    return photos * brightness[:, None, None, None]


report = check(brighten, by_loop, cases, without=["stack", "einsum"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`transpose-and-permute` shows how to put the axes of a tensor into another order.
#
# - NumPy developers (2026). `Dimensional indexing tools
#   <https://numpy.org/doc/stable/user/basics.indexing.html#dimensional-indexing-tools>`__: ``None`` in an index.
# - Rogozhnikov (2022). `Einops: clear and reliable tensor manipulations with Einstein-like notation
#   <https://openreview.net/forum?id=oapKSVM2bcj>`__. Axes of size 1 written by name.
