"""
.. _unsqueeze-and-squeeze:

What do unsqueeze and squeeze do?
=================================

:func:`torch.unsqueeze` inserts an :term:`axis` of size 1 at the place that you name; :func:`torch.squeeze` takes axes
of size 1 away. Neither moves or copies an :term:`element`: the result is a :term:`view`.
You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# Three numbers along one axis become one row of three, or three rows of one. Touch an element to see that it keeps its
# place among its neighbours.

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

x = torch.tensor([10, 20, 30])


def row_and_column(x):
    return {"x.unsqueeze(0)": x.unsqueeze(0), "x.unsqueeze(1)": x.unsqueeze(1)}


draw(row_and_column, x)

# %%
# What changes is how an element is named: by two indices, of which one is 0.

row, column = x.unsqueeze(0), x.unsqueeze(1)
assert (row.shape, column.shape) == ((1, 3), (3, 1))
assert x[2] == row[0, 2] == column[2, 0] == 30

# %%
# A matrix has three places for a new axis: before its rows, between rows and columns, after its columns. With
# ``dim=1`` each row becomes a slice of its own, with one row.

matrix = torch.arange(12).reshape(3, 4)
draw(torch.unsqueeze, matrix, dim=1, names=["matrix"])

# %%
# The rule in any number of dimensions
# ------------------------------------
#
# For a tensor of shape :math:`(s_0, \ldots, s_{n-1})`, ``unsqueeze(d)`` gives
# :math:`(s_0, \ldots, s_{d-1}, 1, s_d, \ldots, s_{n-1})`: in the result, the axis named ``d`` has size 1. So ``d`` goes
# from 0 to :math:`n`, one further than the axes of the tensor, and negative values count from the end of the *result*.

block = torch.arange(24).reshape(2, 3, 4)
for dim in range(4):
    longer = block.unsqueeze(dim)
    print(f"unsqueeze({dim}): {tuple(longer.shape)}, the same as unsqueeze({dim - 4})")
    assert longer.shape == (*block.shape[:dim], 1, *block.shape[dim:])
    assert torch.equal(longer, block.unsqueeze(dim - 4))
    assert torch.equal(longer.select(dim, 0), block)

with expect_error(IndexError, match=r"range of \[-4, 3\], but got 4"):
    block.unsqueeze(4)

# %%
# ``squeeze(d)`` is the way back: it takes axis ``d`` away if its size is 1. A tuple names several axes. Without an
# argument, ``squeeze`` takes away every axis of size 1.

thin = torch.arange(6).reshape(2, 1, 3, 1)


def three_squeezes(thin):
    out, out1, out3 = thin.squeeze(), thin.squeeze(1), thin.squeeze(3)
    return {"squeeze()": out, "squeeze(1)": out1, "squeeze(3)": out3}


shapes = [tuple(out.shape) for out in three_squeezes(thin).values()]
assert shapes == [(2, 3), (2, 3, 1), (2, 1, 3)]
assert torch.equal(thin.squeeze((1, 3)), thin.squeeze())
for tensor in zoo().values():
    assert tensor.squeeze().shape == tuple(size for size in tensor.shape if size != 1)

draw(three_squeezes, thin, names=["thin"])

# %%
# An axis of another size stays, and nothing is raised.

assert thin.squeeze(0).shape == thin.shape == (2, 1, 3, 1)

# %%
# What it is for
# --------------
#
# Axes of size 1 steer :ref:`broadcasting <broadcasting>`, which stretches them. A column plus a row makes a table of
# the sums of all pairs.

table = x.unsqueeze(1) + torch.arange(5).unsqueeze(0)
assert table.shape == (3, 5)
assert all(table[i, j] == x[i] + j for i in range(3) for j in range(5))

# %%
# A network takes a :term:`batch`. One image of C channels (:term:`channel`), H rows and W columns becomes a batch of
# one by ``unsqueeze(0)``: from (C, H, W) to (1, C, H, W). ``nn.BatchNorm2d`` is one that needs that axis.

image, layer = torch.ones(3, 5, 7), nn.BatchNorm2d(3)
with expect_error(ValueError, match="expected 4D input"):
    layer(image)

assert layer(image.unsqueeze(0)).squeeze(0).shape == (3, 5, 7)

# %%
# Memory, gradients, data types
# -----------------------------
#
# Both return a view of the same memory. Writing through it changes the original, and the :term:`stride` of the new
# axis is never used, since no step can be made along it.

assert shares_memory(thin, thin.squeeze())
draw_storage([matrix, matrix.unsqueeze(1)], ["matrix", "matrix.unsqueeze(1)"])

# %%
# So from scratch the new axis may get any stride that a tensor can have. A step of 77 would leave this memory. A
# negative stride is refused. ``squeeze`` drops such an axis with its stride.


def unsqueeze(x, dim, step=77):
    place = dim % (x.dim() + 1)
    shape, stride = list(x.shape), list(x.stride())
    shape.insert(place, 1)
    stride.insert(place, step)
    return x.as_strided(shape, stride, x.storage_offset())


for dim in range(-4, 4):
    for step in (0, 1, 77, 10**12):
        assert shares_memory(unsqueeze(block, dim, step), block)
        assert torch.equal(unsqueeze(block, dim, step), block.unsqueeze(dim))
        assert unsqueeze(block, dim, step).squeeze(dim).stride() == block.stride()
with expect_error(RuntimeError, match="Negative strides are not supported"):
    unsqueeze(block, 0, -1)

# %%
# The :term:`dtype` stays, as no element is looked at. A :term:`gradient` comes back in the shape of the original.
# ``unsqueeze_`` and ``squeeze_`` change the shape of the tensor itself.

for tensor in zoo().values():
    longer = tensor.unsqueeze(-1)
    assert (longer.dtype, longer.squeeze(-1).dtype) == (tensor.dtype, tensor.dtype)
    assert longer.data_ptr() == longer.squeeze(-1).data_ptr() == tensor.data_ptr()

weights, once = torch.ones(3, requires_grad=True), torch.zeros(4)
(weights.unsqueeze(1) * torch.tensor([[1.0], [2.0], [4.0]])).sum().backward()
assert weights.grad.tolist() == [1, 2, 4]
once.unsqueeze_(0)
assert once.shape == (1, 4)
once.squeeze_(0)
assert once.shape == (4,)

# %%
# There are other ways to write it: ``None`` in an index is a new axis, and ``reshape`` takes the whole shape. All three
# of these are views.

for same in (x[:, None], x.reshape(3, 1), x.view(-1, 1)):
    assert torch.equal(same, x.unsqueeze(1))
    assert shares_memory(same, x)

# %%
# What goes wrong
# ---------------
#
# ``squeeze()`` without an argument is right until a batch has one example: then the batch axis goes too. Here a network
# gives one score for each of N examples, in the shape (N, 1).


def scores(examples):
    return nn.functional.linear(examples, torch.ones(1, 6)).squeeze()


assert len(scores(torch.ones(5, 6))) == 5
assert scores(torch.ones(1, 6)).shape == ()
with expect_error(TypeError, match=r"len\(\) of a 0-d tensor"):
    len(scores(torch.ones(1, 6)))

# %%
# Name the axis that you mean: ``squeeze(1)`` gives (N,) for every N. To leave (N, 1) as it is would be the other
# mistake: against targets of shape (N,) it :ref:`broadcasts <broadcasting>` to N × N.

for n in (0, 1, 5):
    assert torch.ones(n, 1).squeeze(1).shape == (n,)
assert (torch.ones(5, 1) - torch.ones(5)).shape == (5, 5)

# %%
# Check yourself
# --------------

ask(
    "What is the shape of torch.zeros(4, 7).unsqueeze(-2)?",
    answer=torch.zeros(4, 7).unsqueeze(-2).shape,
    choices={
        tuple(
            torch.zeros(4, 7).unsqueeze(0).shape
        ): "That is unsqueeze(0): the result has three axes.",
        (4, 1, 7): "-2 counts from the end of the result: the new axis is the last but one.",
        tuple(torch.zeros(4, 7).unsqueeze(-1).shape): "That is unsqueeze(-1).",
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
        IndexError: "There is an axis 1. That its size is not 1 raises nothing.",
    },
)

# %%
# Next: :ref:`transpose-and-permute`, which puts the axes that there are into another order.
