"""
.. _index-select:

What does torch.index_select do?
================================

You want some features in a new order, and your function gets their axis as a number: brackets would need a ``:`` for
each axis in front. :func:`torch.index_select` takes this number, and a list of positions.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
x = torch.arange(12).reshape(3, 4)  # (token, feature)
index = torch.tensor([3, 0, 0, 2, 1])

# %%

draw(torch.index_select, (x, 1, index), names=["x", "index"])

# %%
# Axis 1 of ``x`` has four places. The index lists five places, because place 0 comes twice. Point at an element of the
# result to see where it came from. You need to know :ref:`indexing-and-slicing`.
#
# The rule
# --------
#
# Axis ``dim`` is replaced by the list of positions, and the other axes stay. Along axis 1,
# ``out[i, k] = x[i, index[k]]``. So whole columns are moved, doubled or left out, and each row is treated alike.

result = torch.index_select(x, 1, index)
for k in range(5):
    assert torch.equal(result[:, k], x[:, index[k]])
print(tuple(x.shape), "becomes", tuple(result.shape))

# %%
# Three axes
# ----------
#
# With three axes, ``out[i, k, j] = x[i, index[k], j]`` along axis 1. Whole rows are taken, the same from each matrix.

volume = torch.arange(24).reshape(2, 3, 4)
some = torch.tensor([2, 0])
assert torch.equal(volume.index_select(1, some), volume[:, some])
draw(torch.index_select, (volume, 1, some), names=["volume", "some"])

# %%
# The axis as a variable
# ----------------------
#
# This function reverses axis ``dim``. With brackets the number of ``:`` in front would depend on ``dim``.


def reverse(x, dim):
    backwards = torch.arange(x.shape[dim] - 1, -1, -1)
    return x.index_select(dim, backwards)


for dim in (0, 1, 2, -1, -2, -3):
    assert torch.equal(reverse(volume, dim), volume.flip(dim))
print(reverse(x, 1).tolist())

# %%
# .. use-this::
#
#    Use brackets where you know the axis when you write, and ``x.index_select(dim, index)`` where it is a variable.
#    For neighboring places take a slice or :func:`torch.narrow`, which copy nothing. ``index_select`` copies, even if
#    the list names each place in order. The gradient of a place is the sum over its copies. Where each row needs
#    positions of its own, take :ref:`gather <gather>`.
#
# Common mistakes
# ---------------
#
# **Meaning one position for each row.** ``index_select`` applies its one list to each row. Three rows and three
# positions give nine numbers, and no error. ``gather`` takes one number of each row.

best = torch.tensor([1, 3, 0])  # of row 0, 1, 2
print("index_select", x.index_select(1, best).tolist())
print("gather      ", x.gather(1, best[:, None]).flatten().tolist())

# %%
# **A negative position, a list or a mask.** Brackets take them, and ``index_select`` refuses them. On a CPU, -1 raises
# the error of a position that is too large. So does a token number that is too large for a :class:`torch.nn.Embedding`.

with expect_error(IndexError, match="index out of range in self"):
    x.index_select(0, torch.tensor([-1]))
with expect_error(IndexError, match="index out of range in self"):
    torch.nn.Embedding(10, 4)(torch.tensor([3, 10]))
with expect_error(TypeError, match="index_select.*list"):
    x.index_select(0, [2, 0])
print(x[[-1]].tolist(), x.index_select(0, torch.tensor([-1]) % 3).tolist())

# %%
# How this was checked

assert torch.equal(result, x[:, index])
assert x.index_select(1, best).shape == (3, 3)


def by_stacking(x, dim, index):
    return torch.stack([x.select(dim, position) for position in index.tolist()], dim)


for tensor in (x, *zoo(axes=(1, 2, 3)).values()):
    for dim in range(-tensor.dim(), tensor.dim()):
        size = tensor.shape[dim]
        everything = tensor.index_select(dim, torch.arange(size))
        assert not shares_memory(tensor, everything)
        torch.testing.assert_close(everything, tensor, rtol=0, atol=0, equal_nan=True)
        if size:
            places = torch.randint(size, (4,))
            for dtype in (torch.int64, torch.int32):
                got = tensor.index_select(dim, places.to(dtype))
                expected = by_stacking(tensor, dim, places)
                torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)
                brackets = (slice(None),) * (dim % tensor.dim())
                expected = tensor[(*brackets, places)]
                torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)
assert shares_memory(x, x.narrow(1, 0, 3))
w, factors = torch.ones(4, requires_grad=True), torch.tensor([1.0, 10.0, 100.0, 1000.0, 10000.0])
(torch.index_select(w, 0, index) * factors).sum().backward()
assert w.grad.tolist() == [10 + 100, 10000, 1000, 1]
assert torch.equal(torch.zeros(4).index_add(0, index, factors), w.grad)
with expect_error(IndexError, match="index out of range in self"):
    x.index_select(0, torch.tensor([3]))
for dtype in (torch.bool, torch.uint8, torch.int16, torch.float32):
    with expect_error(RuntimeError, match="Expected dtype int32 or int64 for index"):
        x.index_select(0, torch.tensor([1, 0, 1]).to(dtype))
assert x.index_select(0, torch.tensor(2)).shape == (1, 4)
with expect_error(IndexError, match="Index is supposed to be a vector"):
    x.index_select(0, torch.tensor([[2, 0]]))

# %%
# Check yourself
# --------------

sound = torch.zeros(6, 2, 9)
ask(
    "sound has shape (6, 2, 9). What is the shape of torch.index_select(sound, 1, torch.tensor([0, 1, 0, 0]))?",
    answer=torch.index_select(sound, 1, torch.tensor([0, 1, 0, 0])).shape,
    choices={
        (4, 2, 9): "That would be on axis 0.",
        (6, 4, 9): "Axis 1 gets one place for each of the four positions.",
        (6, 2, 4, 9): "No axis is added: the index has one axis, and replaces one.",
        IndexError: "Positions 0 and 1 exist on axis 1, and may be named again.",
    },
)

# %%
# By value:

ask(
    "What is torch.index_select(torch.tensor([[1, 2, 3], [4, 5, 6]]), 1, torch.tensor([2, 0]))?",
    answer=torch.index_select(torch.tensor([[1, 2, 3], [4, 5, 6]]), 1, torch.tensor([2, 0])),
    choices={
        ((3, 1), (6, 4)): "It takes column 2, then column 0, in every row.",
        ((3, 4),): "For another position in each row there is gather.",
        ((4, 5, 6), (1, 2, 3)): "Those are rows, the last first: that is on axis 0.",
    },
)

# %%
# **Exercise.** Some augmentations mix up the order of an axis. Undo one: ``order`` says which place of the original is
# now at each place of ``mixed`` along axis ``dim``. Return the original.


def by_loop(mixed, dim, order):
    slices = dict(zip(order.tolist(), mixed.unbind(dim), strict=True))
    return torch.stack([slices[place] for place in range(len(order))], dim)


cases = [
    (torch.tensor([[2, 0, 1]]), 1, torch.tensor([2, 0, 1])),
    (torch.arange(12).reshape(4, 3), 0, torch.randperm(4)),
    (torch.arange(30).reshape(2, 5, 3), -2, torch.randperm(5)),
]


def undo(mixed, dim, order):
    raise NotImplementedError


check(undo, by_loop, cases)

# %%
# Where in ``order`` is place 0, where is place 1, and so on? ``argsort`` lists these places.

# Solution


def undo(mixed, dim, order):
    return mixed.index_select(dim, order.argsort())


report = check(undo, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`gather` takes a list of its own for each row.
#
# - PyTorch contributors (2026). `torch.index_select
#   <https://docs.pytorch.org/docs/stable/generated/torch.index_select.html>`__. The reference.
