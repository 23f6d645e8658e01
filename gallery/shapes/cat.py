"""
.. _cat:

How does torch.cat work?
========================

:func:`torch.cat` puts tensors one behind the other along an :term:`axis` that they have. That axis becomes as long as
theirs together. In the other axes the tensors have the same sizes, and so has the result.
You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# Two vectors (:term:`vector`), one behind the other. Touch an element of the result to see which one it is a copy of.

import itertools

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

draw(torch.cat, [torch.tensor([1, 2, 3]), torch.tensor([40, 50])])

# %%
# The tensors stand in a list. With two axes there are two ways: along ``dim=0``, the default, the result has more rows,
# and ``b`` needs as many columns as ``a``.

a = torch.arange(8).reshape(2, 4)
b = torch.arange(20, 32).reshape(3, 4)
assert torch.cat([a, b]).shape == (2 + 3, 4)
draw(torch.cat, [a, b], dim=0)

# %%
# Along ``dim=1`` it has more columns, and the number of rows must agree.

c = torch.arange(50, 56).reshape(2, 3)
assert torch.cat([a, c], dim=1).shape == (2, 4 + 3)
draw(torch.cat, [a, c], dim=1, names=["a", "c"])

# %%
# The rule in any number of dimensions
# ------------------------------------
#
# Tensors of shapes :math:`(s_0, \ldots, s_d, \ldots, s_{n-1})` and :math:`(s_0, \ldots, s'_d, \ldots, s_{n-1})` give
# :math:`(s_0, \ldots, s_d + s'_d, \ldots, s_{n-1})`. On axis :math:`d` the indices below :math:`s_d` are those of the
# first; from there on they belong to the second, counted from 0 again. :func:`torch.narrow` cuts such a piece out.

volume = torch.arange(30).reshape(2, 3, 5)
for dim in range(3):
    joined = torch.cat([volume, volume + 100], dim)
    print(f"dim={dim}: {tuple(joined.shape)}")
    size = volume.shape[dim]
    assert torch.equal(joined.narrow(dim, 0, size), volume)
    assert torch.equal(joined.narrow(dim, size, size), volume + 100)
    assert torch.equal(joined, torch.cat([volume, volume + 100], dim - 3))

# %%
# With three axes ``dim=0`` adds slices, and ``dim=1`` adds rows to every slice.


def along_0_and_1(a, b):
    return {"slices": torch.cat([a, b], dim=0), "rows": torch.cat([a, b], dim=1)}


draw(along_0_and_1, (volume, volume + 100))

# %%
# And ``dim=2`` adds columns to every slice. There, and only there, the sizes differ: 2 and 5.

thin = torch.arange(60, 72).reshape(2, 3, 2)
draw(torch.cat, [thin, volume], dim=2)

# %%
# From scratch: make room, then copy
# ----------------------------------


def cat(tensors, dim=0):
    shape = list(tensors[0].shape)
    shape[dim] = sum(tensor.shape[dim] for tensor in tensors)
    result, start = torch.empty(shape, dtype=tensors[0].dtype), 0
    for tensor in tensors:
        result.narrow(dim, start, tensor.shape[dim]).copy_(tensor)
        start += tensor.shape[dim]
    return result


for dim in range(-3, 3):
    three = [volume, volume.narrow(dim, 0, 2), volume + 100]
    torch.testing.assert_close(cat(three, dim), torch.cat(three, dim), rtol=0, atol=0)

# %%
# So the result is a :term:`copy`, even of a single tensor, and each input gets the part of the :term:`gradient` that
# belongs to it.

assert not shares_memory(torch.cat([a]), a)
x, y = torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)
(torch.cat([x, y]) * torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])).sum().backward()
assert x.grad.tolist() == [1, 2, 4]
assert y.grad.tolist() == [8, 16]

# %%
# Where the data types (:term:`dtype`) differ, :term:`promotion` chooses, as in arithmetic. For 16 bits with a sign and
# 16 without there is no rule, and both raise an error. ``concat`` and ``concatenate`` are other names of ``cat``, and
# ``axis`` is one of ``dim``.

of_each_dtype = {tensor.dtype: tensor for tensor in zoo(axes=1).values()}
for left, right in itertools.product(of_each_dtype.values(), repeat=2):
    assert torch.cat([left, right]).dtype == (left * right).dtype

left, right = torch.ones(2, dtype=torch.uint16), torch.ones(2, dtype=torch.int16)
with expect_error(RuntimeError, match="Promotion for uint16"):
    torch.cat([left, right])
with expect_error(RuntimeError, match="Promotion for uint16"):
    left * right

assert torch.equal(torch.concat([a, b]), torch.concatenate([a, b], axis=0))

# %%
# What goes wrong
# ---------------
#
# The sizes along another axis differ. The message names the axis that may differ, and the first tensor that does not
# fit, counted from 0. There is no :ref:`broadcasting <broadcasting>`: a size of 1 is not stretched, and a missing axis
# is not added.

with expect_error(RuntimeError, match="except in dimension 1. .* size 3 for tensor number 1"):
    torch.cat([a, b], dim=1)

with expect_error(RuntimeError, match="Expected size 2 but got size 1"):
    torch.cat([a, a[:1]], dim=1)

with expect_error(RuntimeError, match="same number of dimensions: got 2 and 1"):
    torch.cat([a, a[0]])

assert torch.cat([a, a[0].unsqueeze(0)]).shape == (3, 4)

# %%
# The list is forgotten; or the tensors have no axis, which is a case for :ref:`stack <stack>`.

with expect_error(TypeError, match="tuple of Tensors"):
    torch.cat(a, b)

with expect_error(RuntimeError, match="zero-dimensional tensor"):
    torch.cat([torch.tensor(4), torch.tensor(5)])

assert torch.stack([torch.tensor(4), torch.tensor(5)]).tolist() == [4, 5]

# %%
# ``cat`` in a loop copies at each turn what the turns before have copied: for N rows about N²/2 of them. Collect the
# tensors in a Python list and join them once; then each is copied once.

rows = [torch.full((1, 4), number) for number in range(100)]
grown, copied = rows[0], 0
for row in rows[1:]:
    grown = torch.cat([grown, row])
    copied += len(grown)
assert copied == sum(range(2, 101)) == 5049
assert torch.equal(grown, torch.cat(rows))

# %%
# Such a loop may start with ``torch.tensor([])``. It has one axis, and yet fits among matrices: ``cat`` makes an
# exception for the shape (0,). But its dtype is float32, so the integers become floats.

start = torch.tensor([])
assert start.shape == (0,)
with expect_error(RuntimeError, match="same number of dimensions"):
    torch.cat([torch.zeros(1), a])

assert torch.cat([start, a]).shape == a.shape
assert torch.cat([start, a]).dtype == torch.float32 != a.dtype

# %%
# Check yourself
# --------------

ask(
    "Seven tensors of shape (2, 3, 5) are joined by torch.cat with dim=-1. What is the shape?",
    answer=torch.cat([torch.zeros(2, 3, 5)] * 7, dim=-1).shape,
    choices={
        (2, 3, 35): "The last axis is as long as all seven together.",
        (2, 3, 5, 7): "That is stack with dim=-1; cat makes no axis.",
        tuple(torch.cat([torch.zeros(2, 3, 5)] * 7, dim=0).shape): "That is dim=0.",
    },
)

# %%
# With values:

ask(
    "What is torch.cat([torch.tensor([[1, 2]]), torch.tensor([[3, 4]])], dim=1)?",
    answer=torch.cat([torch.tensor([[1, 2]]), torch.tensor([[3, 4]])], dim=1),
    choices={
        ((1, 2), (3, 4)): "Joined along axis 0, they would be two rows.",
        ((1, 2, 3, 4),): "One row still, with the columns of both.",
        (1, 2, 3, 4): "The result has as many axes as the tensors: two.",
    },
)

# %%
# Next: :ref:`stack`, which makes a new axis.
