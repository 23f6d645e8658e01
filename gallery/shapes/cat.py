"""
.. _cat:

How does torch.cat work?
========================

You have read photos in three batches and want one, or you want to put position features beside word features.
:func:`torch.cat` joins tensors along an :term:`axis` that they have: the sizes add up along this axis, and are equal
along the others.
"""

# %%
# Set-up

import itertools

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import Choice, draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

a = torch.arange(6).reshape(2, 3)  # a gray photo of 2 rows and 3 columns
b = a + 20

# %%

draw(torch.cat, [a, b], dim=Choice(0, 1))

# %%
# With ``dim=0``, the default, the result has more rows, and with ``dim=1`` more columns. Point at an element to see
# which tensor it came from. You need to know :ref:`what a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# A photo with :val:`4 <wide.shape[1]>` columns in place of :val:`3 <a.shape[1]>` differs along axis 1, so the two
# photos can be joined along that axis. On this axis of the result, the first tensor has the first indices, and the
# second tensor has those after them. The tensors go into a list or tuple. A negative ``dim`` counts from the end.

wide = torch.arange(8).reshape(2, 4)
joined = torch.cat([a, wide], dim=1)
assert torch.equal(joined[:, :3], a)
assert torch.equal(joined[:, 3:], wide)
print(f"{tuple(a.shape)} and {tuple(wide.shape)} along dim=1: {tuple(joined.shape)}")

# %%
# ``cat`` does not :ref:`broadcast <broadcasting>`: along the other axes the sizes have to be equal. The message counts
# the tensors from 0, and "except in dimension 0" names the axis that may differ.

with expect_error(RuntimeError, match="except in dimension 0. .* size 4 for tensor number 1"):
    torch.cat([a, wide])

# %%
# .. use-this::
#
#    Write ``torch.cat(tensors)`` to make a longer batch, and give the last axis as ``dim`` to put features side by
#    side. For a *new* axis take :ref:`stack <stack>`. Collect the tensors in a Python list and join once. The result is
#    a copy, with memory for each of its elements.
#
# Common mistakes
# ---------------
#
# **Growing a tensor in a loop.** Each ``cat`` copies again what has been joined before. Joining 100 rows one by one
# copies :val:`copied` rows. If you join them once from a list, each row is copied once.

rows = [torch.full((1, 4), number) for number in range(100)]
grown, copied = rows[0], 0
for row in rows[1:]:
    grown = torch.cat([grown, row])
    copied += len(grown)
print(f"rows copied: {copied:,} in the loop, {len(rows)} with one cat")
assert torch.equal(grown, torch.cat(rows))

# %%
# **An empty start of another dtype.** ``torch.tensor([])`` may be joined with tensors of any shape, as an exception.
# But its dtype is a float, and so the integers become floats.
#
# .. not tried: any shape — checked for shapes of one to three axes below

start = torch.tensor([])
print(torch.cat([start, a]).dtype, "from", start.dtype, "and", a.dtype)
assert torch.cat([start, a]).dtype == torch.float32

# %%
# **No list, or no axis.** The tensors must come in one list or tuple. Tensors without an axis have nothing to be
# joined along. For these there is ``stack``.

with expect_error(TypeError, match="tuple of Tensors"):
    torch.cat(a, b)
with expect_error(RuntimeError, match="zero-dimensional tensor"):
    torch.cat([torch.tensor(4), torch.tensor(5)])
assert torch.stack([torch.tensor(4), torch.tensor(5)]).tolist() == [4, 5]

# %%
# How this was checked


def cat(tensors, dim=0):
    """Join from scratch: make room, then copy."""
    shape = list(tensors[0].shape)
    shape[dim] = sum(tensor.shape[dim] for tensor in tensors)
    result, start = torch.empty(shape, dtype=tensors[0].dtype), 0
    for tensor in tensors:
        result.narrow(dim, start, tensor.shape[dim]).copy_(tensor)
        start += tensor.shape[dim]
    return result


volume = torch.arange(30).reshape(2, 3, 5)
for dim in range(-3, 3):
    three = [volume, volume.narrow(dim, 0, 2), volume + 100]
    torch.testing.assert_close(cat(three, dim), torch.cat(three, dim), rtol=0, atol=0)
    assert torch.equal(torch.cat(three, dim), torch.cat(three, dim % 3))
for shape in ((3,), (2, 3), (2, 3, 4)):
    assert torch.cat([start, torch.ones(shape)]).shape == shape
with expect_error(RuntimeError, match="same number of dimensions"):
    torch.cat([torch.zeros(1), a])  # the exception is for the shape (0,) alone
with expect_error(RuntimeError, match="Expected size 2 but got size 1"):
    torch.cat([a, a[:1]], dim=1)
# The result is a copy, and each input gets its part of the gradient.
assert not shares_memory(torch.cat([a]), a)
x, y = torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)
(torch.cat([x, y]) * torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])).sum().backward()
assert (x.grad.tolist(), y.grad.tolist()) == ([1, 2, 4], [8, 16])
# Different dtypes are promoted as in arithmetic. concat and concatenate are other names.
of_each_dtype = {tensor.dtype: tensor for tensor in zoo(axes=1).values()}
for left, right in itertools.product(of_each_dtype.values(), repeat=2):
    assert torch.cat([left, right]).dtype == (left * right).dtype
assert torch.equal(torch.concat([a, b]), torch.concatenate([a, b], axis=0))

# %%
# Check yourself
# --------------

ask(
    "Seven tensors of shape (2, 3, 5) are joined by torch.cat with dim=-1. What is the shape?",
    answer=torch.cat([torch.zeros(2, 3, 5)] * 7, dim=-1).shape,
    choices={
        (2, 3, 35): "The last axis is as long as in all seven together.",
        (2, 3, 5, 7): "That is stack with dim=-1. cat makes no axis.",
        (14, 3, 5): "That is dim=0.",
    },
)

# %%
# With values:

ask(
    "What is torch.cat([torch.tensor([[1, 2]]), torch.tensor([[3, 4]])], dim=1)?",
    answer=torch.cat([torch.tensor([[1, 2]]), torch.tensor([[3, 4]])], dim=1),
    choices={
        ((1, 2), (3, 4)): "That is dim=0: two rows.",
        ((1, 2, 3, 4),): "There is still one row, with the columns of both.",
        (1, 2, 3, 4): "The result has as many axes as the tensors: two.",
    },
)

# %%
# **Exercise.** Put photos side by side, with a white stripe of ``width`` columns between neighbors. ``photos`` is a
# list of tensors of shape (H, W) with the same H. White is 255.


def by_copying(photos, width):
    total = sum(photo.shape[1] for photo in photos) + width * (len(photos) - 1)
    result = torch.full((photos[0].shape[0], total), 255)
    left = 0
    for photo in photos:
        result[:, left : left + photo.shape[1]] = photo
        left += photo.shape[1] + width
    return result


cases = [([a], 1), ([a, b], 1), ([wide, a, b], 2)]


def side_by_side(photos, width):
    raise NotImplementedError


check(side_by_side, by_copying, cases, without=["__setitem__"])

# %%
# Put a stripe before each photo, and leave the first one out.

# Solution


def side_by_side(photos, width):
    stripe = torch.full((photos[0].shape[0], width), 255)
    parts = [part for photo in photos for part in (stripe, photo)]
    return torch.cat(parts[1:], dim=1)


report = check(side_by_side, by_copying, cases, without=["__setitem__"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`stack` makes a new axis. Then :ref:`cat-or-stack` compares the two.
#
# - PyTorch contributors (2026). `torch.cat <https://docs.pytorch.org/docs/stable/generated/torch.cat.html>`__. The
#   reference; see also :func:`torch.hstack` and :func:`torch.vstack`, which choose the axis.
# - NumPy developers (2026). `Joining arrays
#   <https://numpy.org/doc/stable/reference/routines.array-manipulation.html#joining-arrays>`__. The same family of
#   functions.
