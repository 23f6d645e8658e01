"""
.. _reductions:

Which axis does dim remove in sum, mean and max?
================================================

The :term:`axis` that you name is the one that disappears. A :term:`reduction` combines many :term:`elements <element>`
into one, as :func:`torch.sum`, :func:`torch.mean` and :func:`torch.max` do; ``dim`` is the axis that it walks along,
and the result's :term:`shape` is the input's shape without that axis. You need to know :ref:`what a shape is
<what-is-a-tensor>`.
"""

# %%
# A tensor of 3 rows and 4 columns. Axis 0 counts the rows, so ``dim=0`` walks down, from row to row, and meets the
# elements of one column. Touch a sum to see what it was made of.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

x = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6], [8, 3, 5, 7]])
draw(torch.sum, x, dim=0)

# %%
# The 3 is gone from the shape; 4 column sums remain. With ``dim=1`` the 4 goes, and each row has a sum. "``dim=0`` sums
# the rows" can be read both ways; "axis 0 is gone" cannot.

assert x.sum(dim=0).tolist() == [3 + 5 + 8, 1 + 9 + 3, 4 + 2 + 5, 1 + 6 + 7]
assert x.sum(dim=1).tolist() == [3 + 1 + 4 + 1, 5 + 9 + 2 + 6, 8 + 3 + 5 + 7]
draw(torch.sum, x, dim=1)

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
# Several axes disappear together when ``dim`` is a tuple. With (0, 2) only axis 1 is left, and each sum takes the same
# row of every slice.

assert v.sum(dim=(0, 2)).tolist() == [v[:, j, :].sum() for j in range(3)]
draw(torch.sum, v, dim=(0, 2), names=["v"])

# %%
# Negative values count from the end. When ``dim`` is left out, or None, all axes disappear.

for dim, shape in {0: (3, 4), 1: (2, 4), 2: (2, 3), -1: (2, 3), (0, 2): (3,), None: ()}.items():
    print(f"dim={dim!s:>6}: {tuple(v.sum(dim).shape)}")
    assert v.sum(dim).shape == shape
assert torch.equal(v.sum(), v.sum(None))

# %%
# From scratch
# ------------
#
# :func:`torch.unbind` cuts a tensor into its slices along an axis. A reduction is a loop that combines these slices;
# only the combining function differs: sum adds, prod multiplies, amax takes the larger, any is "or", all is "and".


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
# Each value is a copy of one element; dotted frames mark those that it was compared with. :func:`torch.amax` gives the
# values only and takes several axes.

values, indices = x.max(dim=1)
assert values.tolist() == x.amax(dim=1).tolist() == [x[row, indices[row]] for row in range(3)]
assert x.max() == x.amax(dim=(0, 1)) == 9  # without dim, max gives one value
draw(torch.max, x, dim=1)

# %%
# :func:`torch.cumsum` is no reduction: it keeps the axis, holds the running sums, and ends with the sum. An element is
# made of those before it in its row, and of the one in its own place.

assert x.cumsum(dim=1)[0].tolist() == [3, 3 + 1, 3 + 1 + 4, x[0].sum()]
draw(torch.cumsum, x, dim=1)

# %%
# Sums, products and running sums of booleans and integers are int64 whatever their size, so that two uint8 (0 to
# :val:`255 <torch.iinfo(torch.uint8).max>`) do not :term:`overflow`, and the sum of a :term:`mask`, a tensor of True
# and False, counts. A maximum keeps the dtype.

small = torch.tensor([200, 100], dtype=torch.uint8)
for summed in (small.sum(), small.prod(), small.cumsum(0), (x > 4).sum()):
    assert summed.dtype == torch.int64
assert (small.sum(), (x > 4).sum(), small.amax().dtype) == (300, 6, torch.uint8)

# %%
# keepdim
# -------
#
# ``keepdim=True`` is said to "maintain the original shape". It keeps the *number* of axes: the reduced one has size 1.
# The totals are a column, and stand in the rows that they were made of.

assert x.sum(dim=1, keepdim=True).shape == (3, 1)
assert x.sum(dim=1, keepdim=True).dim() == x.dim()
draw(torch.sum, x, dim=1, keepdim=True)

# %%
# So the result broadcasts against the input (:ref:`broadcasting`) and can make every row sum to 1, as in softmax.

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
# On a square matrix nothing is raised. A confusion matrix, square by nature, counts how often each class (row) was
# taken for which (column). Divided by the totals of its rows without keepdim, each *column* is divided by the total of
# the row with its number: the framed 6, from a row of 20, is divided by 40. Test with sizes that differ.

counts = [[8, 1, 1, 0, 0], [1, 10, 6, 2, 1], [3, 5, 28, 2, 2], [1, 4, 5, 35, 5], [10, 6, 4, 20, 60]]
confusion = torch.tensor(counts)
row_totals = confusion.sum(dim=1)
wrong = confusion / row_totals
assert all(torch.equal(wrong[:, j], confusion[:, j] / confusion[j].sum()) for j in range(5))
assert wrong[1, 2] == confusion[1, 2] / row_totals[2] == torch.tensor(6 / 40)
assert ((wrong.sum(dim=1) - 1).abs() > 0.1).all()  # no row sums to 1
draw(torch.div, (confusion, row_totals), names=["confusion", "row_totals"])

# %%
# "The mean of 1, 2, 3, 4 is 2.5" holds for floats. Integers have no 2.5; convert first, or name a dtype.
# And max with a ``dim`` is a pair, which arithmetic does not take: write ``.values``, or amax.

row = torch.arange(1, 5)
with expect_error(RuntimeError, match="must be either a floating point or complex dtype"):
    row.mean()
assert row.float().mean() == row.mean(dtype=torch.float32) == 2.5
with expect_error(TypeError, match=r"return_types\.max"):
    f / f.max(dim=1, keepdim=True)
assert torch.equal(f / f.max(dim=1, keepdim=True).values, f / f.amax(dim=1, keepdim=True))

# %%
# An axis of size 0 is reduced like any other. Sum starts from 0, prod from 1, any from False, all from True; the mean
# is 0 / 0, which is NaN ("not a number") and raises nothing; max has nothing to start from.

empty = torch.zeros(0, 4)
assert (empty.sum(dim=0).tolist(), empty.prod(dim=0).tolist()) == ([0] * 4, [1] * 4)
assert ((empty > 0).any(), (empty > 0).all(), empty.mean().isnan()) == (False, True, True)
with expect_error(IndexError, match="Expected reduction dim 0 to have non-zero size"):
    empty.max(dim=0)

# %%
# A :term:`gradient` says by how much the result changes when one element changes by a unit. It is 1 for each element of
# a sum and :math:`1/n` in a mean; in a maximum, 1 for the winner and 0 for the rest.

g = f.clone().requires_grad_()
assert torch.equal(torch.autograd.grad(g.sum(), g)[0], torch.ones(3, 4))
torch.testing.assert_close(torch.autograd.grad(g.mean(), g)[0], torch.full((3, 4), 1 / 12))
winners = (x == x.amax(1, keepdim=True)).float()
assert torch.equal(torch.autograd.grad(g.max(dim=1).values.sum(), g)[0], winners)

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
        (0, 2, 3): "All axes but that of the channels disappear.",
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
        320
        - 256: "In uint8 the sum would overflow to this, but sums of integers have a larger type.",
        255: "Nothing stops at the largest uint8: the sum is not a uint8.",
        320: "The sum has the largest integer type, whatever the type of the elements.",
    },
)

# %%
# Next: :ref:`matmul`, which multiplies and then sums over the axis that two matrices share.
