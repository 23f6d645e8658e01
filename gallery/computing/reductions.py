"""
.. _reductions:

Which axis does dim remove in sum, mean and max?
================================================

The :term:`axis` that you name is the one that disappears. A :term:`reduction` combines many :term:`elements <element>`
into one, as :func:`torch.sum`, :func:`torch.mean` and :func:`torch.max` do. It walks along the axis ``dim``, and the
result's :term:`shape` is the input's shape without that axis. You need to know :ref:`what a shape is
<what-is-a-tensor>`.
"""

# %%
# A tensor of 3 rows and 4 columns. Axis 0 counts the rows, so ``dim=0`` walks down, from row to row, and meets the
# elements of one column. ``dim=1`` walks along a row. Choose a ``dim``, and touch a sum to see what it was made of.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import Choice, draw
from ptguide.questions import ask

x = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6], [8, 3, 5, 7]])
draw(torch.sum, x, dim=Choice(0, 1))

# %%
# With ``dim=0`` the 3 is gone from the shape, and 4 column sums remain. With ``dim=1`` the 4 goes, and each row has a
# sum. "``dim=0`` sums the rows" can be read in two ways. "Axis 0 is gone" cannot.

assert x.sum(dim=0).tolist() == [3 + 5 + 8, 1 + 9 + 3, 4 + 2 + 5, 1 + 6 + 7]
assert x.sum(dim=1).tolist() == [3 + 1 + 4 + 1, 5 + 9 + 2 + 6, 8 + 3 + 5 + 7]
assert (x.sum(dim=0).shape, x.sum(dim=1).shape) == ((4,), (3,))

# %%
# The rule in any number of dimensions
# ------------------------------------
#
# Take the shape and delete position ``dim``. Each element of the result keeps the indices of the other axes, and the
# deleted index runs: :math:`s_{ik} = \sum_j v_{ijk}` for ``dim=1``. Of shape (2, 3, 4) remains (2, 4): the two
# :term:`slices <slice>` do not mix, and each becomes a row.

v = torch.arange(24).reshape(2, 3, 4)
assert all(v.sum(1)[i, k] == sum(v[i, j, k] for j in range(3)) for i in range(2) for k in range(4))
draw(torch.sum, v, dim=1, names=["v"])

# %%
# For ``sum``, and for the other reductions in the loop below, several axes disappear together when ``dim`` is a tuple.
# With (0, 2), axis 1 is left, and each sum takes the same row of each slice. ``prod``, ``max``, ``min``, ``median`` and
# ``argmax`` take one axis at a time.

assert v.sum(dim=(0, 2)).tolist() == [v[:, j, :].sum() for j in range(3)]
for name in ("sum", "mean", "amax", "amin", "any", "all", "std", "var", "logsumexp", "nansum"):
    assert getattr(torch, name)(v.float(), dim=(0, 2)).shape == (3,)
for name in ("prod", "max", "min", "median", "argmax"):
    with expect_error(TypeError, match="tuple"):
        getattr(torch, name)(v, dim=(0, 2))
draw(torch.sum, v, dim=(0, 2), names=["v"])

# %%
# A negative ``dim`` counts from the end. When ``dim`` is left out of ``sum``, or None, the result has no axes.

for dim, shape in {0: (3, 4), 1: (2, 4), 2: (2, 3), -1: (2, 3), (0, 2): (3,), None: ()}.items():
    print(f"dim={dim!s:>6}: {tuple(v.sum(dim).shape)}")
    assert v.sum(dim).shape == shape
assert torch.equal(v.sum(), v.sum(None))

# %%
# From scratch
# ------------
#
# :func:`torch.unbind` cuts a tensor into its slices along an axis. These five reductions are a loop that combines the
# slices, and they differ in the function that combines: sum adds, prod multiplies, amax takes the larger, any is "or",
# all is "and".


def reduce(combine, x, dim):
    result, *rest = x.unbind(dim)
    for piece in rest:
        result = combine(result, piece)
    return result


kinds = [(torch.add, torch.sum, v), (torch.mul, torch.prod, v), (torch.maximum, torch.amax, v)]
kinds += [(torch.logical_or, torch.any, v % 3 == 0), (torch.logical_and, torch.all, v % 3 == 0)]
for combine, reduction, t in kinds:
    assert all(torch.equal(reduce(combine, t, dim), reduction(t, dim)) for dim in range(3))

# %%
# The mean is the sum divided by the size :math:`n` of the axis that disappears. The standard deviation is
# :math:`\sqrt{\frac{1}{n - c} \sum_j (x_j - \bar{x})^2}`, where :math:`c` is ``correction``: 1 when left out, which
# suits a sample, and 0 for the spread of exactly these numbers.

f = x.float()
mean = f.sum(dim=1) / 4
squares = ((f - mean.unsqueeze(1)) ** 2).sum(dim=1)
torch.testing.assert_close(f.mean(dim=1), mean)
torch.testing.assert_close(f.std(dim=1), (squares / (4 - 1)).sqrt())
torch.testing.assert_close(f.std(dim=1, correction=0), (squares / 4).sqrt())

# %%
# :func:`torch.max` with a ``dim`` gives two results: the values, and their indices along the axis that disappeared.
# Each value is a copy of one element. Dotted frames mark those that it was compared with. :func:`torch.amax` gives the
# values alone, and takes several axes.

values, indices = x.max(dim=1)
assert values.tolist() == x.amax(dim=1).tolist() == [x[row, indices[row]] for row in range(3)]
assert x.max() == x.amax(dim=(0, 1)) == 9  # without dim, max gives one value
draw(torch.max, x, dim=1)

# %%
# :func:`torch.cumsum` is no reduction. It keeps the axis, holds the running sums, and ends with the sum. Each element
# is made of those before it in its row, and of the one in its own place.

assert x.cumsum(dim=1)[0].tolist() == [3, 3 + 1, 3 + 1 + 4, x[0].sum()]
draw(torch.cumsum, x, dim=1)

# %%
# Sums, products and running sums of booleans and of integers are :val:`int64 <small.sum().dtype>`, whatever the
# integers' size. So the sum of a few :val:`uint8 <small.dtype>` (0 to :val:`255 <torch.iinfo(torch.uint8).max>`) does
# not :term:`overflow`, and the sum of a :term:`mask`, a tensor of True and False, counts. Such a sum still overflows,
# and a maximum keeps the dtype.

small = torch.tensor([200, 100], dtype=torch.uint8)
for dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
    t = small.to(dtype)
    for summed in (t.sum(), t.prod(), t.cumsum(0)):
        assert summed.dtype == torch.int64
    assert t.amax().dtype == dtype
assert (small.sum(), (x > 4).sum()) == (300, 6)
assert torch.tensor([torch.iinfo(torch.int64).max, 1]).sum() == torch.iinfo(torch.int64).min

# %%
# keepdim
# -------
#
# ``keepdim=True`` keeps the *number* of axes: the reduced one has size 1. The totals are a column, and stand in the
# rows that they were made of. Without it, they are a vector of 3.

assert x.sum(dim=1).shape == (3,)
assert x.sum(dim=1, keepdim=True).shape == (3, 1)
assert x.sum(dim=1, keepdim=True).dim() == x.dim()
draw(torch.sum, x, dim=1, keepdim=Choice(True, False))

# %%
# So the result broadcasts against the input (:ref:`broadcasting`). Divided by its total, each row sums to 1 if the
# total is not 0. :ref:`softmax` works so.

totals = f.sum(dim=1, keepdim=True)
torch.testing.assert_close((f / totals).sum(dim=1), torch.ones(3))
torch.testing.assert_close(f.exp() / f.exp().sum(dim=1, keepdim=True), torch.softmax(f, dim=1))

# %%
# What goes wrong
# ---------------
#
# Without keepdim the 3 totals meet the 4 columns, and torch refuses.

with expect_error(RuntimeError, match="must match the size"):
    f / f.sum(dim=1)

# %%
# On a square matrix no error is raised. A confusion matrix, square by nature, counts how often each class (row) was
# taken for which (column). Divided by the totals of its rows without keepdim, each *column* is divided by the total of
# the row with its number: the 6, from a row with the total 20, is divided by 40. Test with sizes that differ.

counts = [[8, 1, 1, 0, 0], [1, 10, 6, 2, 1], [3, 5, 28, 2, 2], [1, 4, 5, 35, 5], [10, 6, 4, 20, 60]]
confusion = torch.tensor(counts)
row_totals = confusion.sum(dim=1)
wrong = confusion / row_totals
assert all(torch.equal(wrong[:, j], confusion[:, j] / confusion[j].sum()) for j in range(5))
assert wrong[1, 2] == confusion[1, 2] / row_totals[2] == torch.tensor(6 / 40)
assert (confusion == 6).sum() == 2  # the other one is in the last row
assert row_totals[1] == 20
assert ((wrong.sum(dim=1) - 1).abs() > 0.1).all()  # no row sums to 1
draw(torch.div, (confusion, row_totals), names=["confusion", "row_totals"])

# %%
# The mean of 1, 2, 3, 4 is 2.5, which is no integer. So ``mean`` refuses integers: convert them first, or name a dtype.
# And ``max`` with a ``dim`` gives a pair, which arithmetic does not take. Write ``.values``, or use ``amax``.

row = torch.arange(1, 5)
with expect_error(RuntimeError, match="must be either a floating point or complex dtype"):
    row.mean()
assert row.float().mean() == row.mean(dtype=torch.float32) == 2.5
with expect_error(TypeError, match=r"return_types\.max"):
    f / f.max(dim=1, keepdim=True)
assert torch.equal(f / f.max(dim=1, keepdim=True).values, f / f.amax(dim=1, keepdim=True))

# %%
# An axis of size 0 can be reduced if there is a value to start from. Sum starts from 0, prod from 1, ``any`` from
# False, ``all`` from True. The mean is 0 / 0, which is NaN ("not a number"), and raises no error. Max, min, argmax and
# median have no value to start from.

empty = torch.zeros(0, 4)
assert (empty.sum(dim=0).tolist(), empty.prod(dim=0).tolist()) == ([0] * 4, [1] * 4)
assert ((empty > 0).any(), (empty > 0).all(), empty.mean().isnan()) == (False, True, True)
for name in ("max", "min", "amax", "argmax", "median"):
    with expect_error(IndexError, match="Expected reduction dim 0 to have non-zero size"):
        getattr(torch, name)(empty, dim=0)

# %%
# The :term:`gradient` is the rate at which the result changes with one element. It is 1 for each element of a sum and
# :math:`1/n` in a mean. In a maximum it is 1 for the largest element and 0 for the rest. Where two elements are
# largest, ``amax`` and ``max()`` split the 1 between them, and ``max`` with a ``dim`` gives it to the one whose index
# it returns.

g = f.clone().requires_grad_()
assert torch.equal(torch.autograd.grad(g.sum(), g)[0], torch.ones(3, 4))
torch.testing.assert_close(torch.autograd.grad(g.mean(), g)[0], torch.full((3, 4), 1 / 12))
winners = (x == x.amax(1, keepdim=True)).float()
assert torch.equal(torch.autograd.grad(g.max(dim=1).values.sum(), g)[0], winners)
tie = torch.tensor([4.0, 4.0, 1.0], requires_grad=True)
for whole in (tie.amax(dim=0), tie.max()):
    assert torch.autograd.grad(whole, tie)[0].tolist() == [0.5, 0.5, 0]
value, index = tie.max(dim=0)
assert torch.autograd.grad(value, tie)[0].nonzero().item() == index

# %%
# Check yourself
# --------------
#
# Which axes must go?

images = torch.arange(8.0 * 3 * 11 * 10).reshape(8, 3, 11, 10)
one_by_one = torch.stack([images[:, channel].mean() for channel in range(3)])
(right,) = (dim for dim in (1, (2, 3), (0, 2, 3)) if images.mean(dim).shape == one_by_one.shape)
torch.testing.assert_close(images.mean(right), one_by_one)
ask(
    "A batch of images has shape (8, 3, 11, 10). Which dim gives one mean for each of the 3 channels?",
    answer=right,
    choices={
        1: "That is the axis that disappears: the three colors are averaged, and gone.",
        (2, 3): "This leaves two axes: one mean for each channel of each image.",
        (0, 2, 3): "The axes except that of the channels disappear.",
    },
)

# %%
# With keepdim:

ask(
    "v has shape (2, 3, 4). What is the shape of v.amax(dim=1, keepdim=True)?",
    answer=v.amax(dim=1, keepdim=True).shape,
    choices={
        (1, 3, 4): "Axes are counted from 0, so this is dim=0.",
        (2, 1, 4): "The axis that is reduced stays, with size 1.",
        (2, 3, 4): "keepdim keeps the number of axes, not their sizes.",
        (2, 4): "That is without keepdim.",
    },
)

# %%
# And small integers:

ask(
    "What is torch.tensor([130, 140, 50], dtype=torch.uint8).sum()?",
    answer=torch.tensor([130, 140, 50], dtype=torch.uint8).sum(),
    choices={
        320 - 256: "In 8 bits the sum would overflow to this, but the sum has 64.",
        255: "Nothing stops at the largest of its dtype: the sum has another.",
        320: "The sum of integers has 64 bits, also when the elements have fewer.",
    },
)

# %%
# Next: :ref:`matmul`, which multiplies and then sums over the axis that two matrices share.
