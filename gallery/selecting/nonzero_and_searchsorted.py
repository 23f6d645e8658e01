"""
.. _nonzero-and-searchsorted:

At which positions does a condition hold, and where does a value belong?
========================================================================

:meth:`torch.Tensor.nonzero` lists the positions of the elements that are not 0; of a mask, those of True.
:func:`torch.searchsorted` finds the place of a value in a sorted list, and :func:`torch.bucketize` does so for the
limits of intervals. You need to know :ref:`boolean-masks` and :ref:`advanced-indexing`.
"""

# %%
# The result has one row for each element that is not 0, with as many numbers as ``x`` has axes: here its row and its
# column. Each row of ``x`` has a color; zeros are gray.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.tensor([[30, 0, 10, 0], [0, 0, 50, 70], [40, 0, 0, 20]])
positions = x.nonzero()
row_colors = torch.where(x != 0, torch.arange(3)[:, None], 4)  # 4 is gray
draw([x, positions], ["x", "x.nonzero()"], colors=[row_colors, positions[:, :1].expand(6, 2)])

# %%
# The rule: the result has shape :math:`(n, a)`, for :math:`n` elements that are not 0 and :math:`a` axes. The rows come
# in the order of print. The size :math:`n` depends on the values; :func:`torch.count_nonzero` computes it, also along
# an axis, without a list.


def nonzero(x):
    places = torch.cartesian_prod(*[torch.arange(size) for size in x.shape])
    return places.reshape(-1, x.dim())[x.flatten() != 0]


one = [[0, 1, 0, 4], [0, 0, 0, 0], [2, 0, 0, 0]]
two = [[0, 0, 0, 3], [0, 0, 5, 0], [0, 0, 0, 0]]
volume = torch.tensor([one, two])
assert torch.equal(nonzero(x), x.nonzero())
assert torch.equal(nonzero(volume), volume.nonzero())
assert volume.nonzero().shape == (torch.count_nonzero(volume), 3)
for few in (x[0], x[:, 1], x[:, :0], volume[:, :2, None]):
    assert torch.equal(nonzero(few), few.nonzero())
assert torch.count_nonzero(x, dim=0).tolist() == [2, 0, 2, 2]

# %%
# With three axes there are three numbers in a row, the first of which is the slice. Each slice has a color; zeros are
# gray.

slices = torch.tensor([0, 1])[:, None, None].expand(2, 3, 4)
of_volume, found = torch.where(volume != 0, slices, 4), volume.nonzero()
draw([volume, found], ["volume", "volume.nonzero()"], colors=[of_volume, found[:, :1].expand(5, 3)])

# %%
# as_tuple: for use between brackets
# ----------------------------------
#
# ``as_tuple=True`` gives the same as one tensor for each axis, which :ref:`indexing <advanced-indexing>` takes.
# ``torch.where(condition)`` is the same, and :func:`torch.argwhere` is ``nonzero`` under NumPy's name. (Of a tensor
# without axes, ``nonzero`` gives no numbers in a row, and the tuple has one tensor nevertheless.)

rows, columns = x.nonzero(as_tuple=True)
assert torch.equal(torch.stack([rows, columns], dim=1), positions)
assert x[rows, columns].tolist() == [30, 10, 50, 70, 40, 20]
assert all(map(torch.equal, torch.where(x != 0), (rows, columns)))
assert torch.equal(torch.argwhere(x), positions)
assert torch.tensor(5).nonzero().shape == (1, 0)
assert len(torch.tensor(5).nonzero(as_tuple=True)) == 1

# %%
# The positions of a condition are those of its True. To take, count or replace elements they are not needed: the
# :ref:`mask itself <boolean-masks>` is enough.

large = x > 25
assert large.nonzero().tolist() == [[0, 0], [1, 2], [1, 3], [2, 0]]
assert torch.equal(x[large.nonzero(as_tuple=True)], x[large])
assert large.sum() == torch.count_nonzero(large) == 4
replaced = x.clone()
replaced[large.nonzero(as_tuple=True)] = -1
assert torch.equal(replaced, x.masked_fill(large, -1))

# %%
# searchsorted: where does a value belong?
# ----------------------------------------
#
# The question: before which element of a sorted list can the value be put in, so that the list stays sorted? 15 goes
# before the 20, at place 1; 35 goes to the end, at place 3. The result has the shape of the values.

limits, values = torch.tensor([10, 20, 30]), torch.tensor([5, 10, 15, 30, 35])
places = torch.searchsorted(limits, values)
assert places.tolist() == [0, 0, 1, 2, 3]
colors = [torch.tensor([0, 1, 2]), places, places]
draw([limits, values, places], ["limits", "values", "places"], colors=colors)

# %%
# On which side of an equal one? By default on the left: what equals a limit goes before it. With ``right=True`` it goes
# behind. From scratch, the place is a count: of the elements that are less (or, with
# ``right=True``, less or equal). A search by halving needs about :math:`\log_2 n` steps. NaN goes to the end.


def searchsorted(limits, values, right=False):
    before = limits <= values[..., None] if right else limits < values[..., None]
    return before.sum(dim=-1)


assert torch.searchsorted(limits, values, right=True).tolist() == [0, 1, 1, 3, 3]
for right in (False, True):
    for sorted_list in (limits, limits[:0], torch.tensor([10, 10, 30])):
        for v in (values, x, x[:, :0]):
            theirs = torch.searchsorted(sorted_list, v, right=right)
            assert torch.equal(searchsorted(sorted_list, v, right), theirs)
assert torch.searchsorted(limits.float(), torch.tensor([float("nan")])) == 3

# %%
# bucketize: the same with the arguments changed
# ----------------------------------------------
#
# ``bucketize(values, limits)`` is ``searchsorted(limits, values)`` for one list of limits. It gives numbers of
# intervals. ``searchsorted`` also takes one sorted list for each row, if its leading axes equal those of the values.

for right in (False, True):
    by_list = torch.searchsorted(limits, values, right=right)
    assert torch.equal(torch.bucketize(values, limits, right=right), by_list)
ages = torch.tensor([[3, 17, 18], [41, 64, 65]])
names = ["child", "adult", "retired"]
groups = torch.bucketize(ages, torch.tensor([18, 65]), right=True)
assert [names[group] for group in groups[0]] == ["child", "child", "adult"]
assert [names[group] for group in groups[1]] == ["adult", "adult", "retired"]
own = torch.stack([limits, limits * 10])
assert torch.searchsorted(own, torch.tensor([[15, 25], [15, 250]])).tolist() == [[1, 2], [0, 2]]

# %%
# A use: draw a number with given probabilities. Their running sums cut the line from 0 to 1 into pieces; a uniform
# random number falls into piece ``k`` with probability ``p[k]``.

torch.manual_seed(0)
p = torch.tensor([0.2, 0.5, 0.3])
drawn = torch.searchsorted(p.cumsum(0)[:-1], torch.rand(10_000), right=True)
frequency = torch.bincount(drawn) / 10_000
torch.testing.assert_close(frequency, p, rtol=0, atol=0.02)

# %%
# Copies, dtypes, gradients
# -------------------------
#
# Positions are new tensors of :val:`int64 <places.dtype>` without :term:`gradient`. The loop tries ``nonzero`` on
# tensors of several data types, on views and others. NaN is not 0, and -0.0 is.

from ptguide.zoo import zoo

for tensor in zoo().values():
    found = tensor.nonzero()
    assert (found.dtype, found.requires_grad) == (torch.int64, False)
    assert torch.equal(found, (tensor != 0).nonzero())
w = torch.tensor([1.0, float("nan"), -0.0], requires_grad=True)
assert w.nonzero().flatten().tolist() == [0, 1]
assert not shares_memory(places, torch.searchsorted(limits, places))

# %%
# What goes wrong
# ---------------
#
# *The table between the brackets.* ``tall[tall.nonzero()]`` reads each number of the table as a row. The result has
# shape (5, 2, 3) where five elements were meant. (With fewer rows than columns it may raise an error.) Use
# ``as_tuple=True``, or the mask.

tall = torch.tensor([[1, 0, 2], [0, 3, 0], [0, 0, 0], [4, 5, 0]])
assert tall[tall.nonzero()].shape == (5, 2, 3)
assert tall[tall.nonzero(as_tuple=True)].tolist() == [1, 2, 3, 4, 5]
assert torch.equal(tall[tall != 0], tall[tall.nonzero(as_tuple=True)])
with expect_error(IndexError, match="index 3 is out of bounds"):
    x[x.nonzero()]

# %%
# *An axis too many.* Of a vector the result is a column, shape (n, 1). ``flatten()`` makes a list of it.

assert torch.tensor([0, 6, 0, 8]).nonzero().tolist() == [[1], [3]]
assert torch.tensor([0, 6, 0, 8]).nonzero().flatten().tolist() == [1, 3]

# %%
# *A list that is not sorted.* ``searchsorted`` does not check it, and the places are wrong here. ``sorter`` takes the
# order from :func:`torch.argsort`.

shuffled = torch.tensor([30, 10, 20])
assert torch.searchsorted(shuffled, values).tolist() != places.tolist()
assert torch.equal(torch.searchsorted(shuffled, values, sorter=torch.argsort(shuffled)), places)

# %%
# *The place as an index.* A place may be the size of the list, one past its end. And it does not say whether the value
# is in the list: compare the value with the element at the place, or use :func:`torch.isin`.

with expect_error(IndexError, match="index 3 is out of bounds"):
    limits[places]
inside = limits[places.clamp(max=2)] == values
assert torch.equal(inside, torch.isin(values, limits))
assert inside.tolist() == [False, True, False, True, False]

# %%
# Check yourself
# --------------

flags = torch.zeros(4, 6, 5)
flags[1, 2, 3] = flags[3, 0, 0] = 1
ask(
    "flags has shape (4, 6, 5); two of its elements are 1, the others 0. What is the shape of flags.nonzero()?",
    answer=flags.nonzero().shape,
    choices={
        (3, 2): "That is the transpose: a row stands for an element.",
        (2, 3): "Two elements, three numbers for each.",
        (2,): "Each position needs three numbers.",
    },
)

# %%
# On the boundary:

ask(
    f"limits is {limits.tolist()}. What is torch.searchsorted(limits, 20, right=True)?",
    answer=torch.searchsorted(limits, 20, right=True).item(),
    choices={
        1: "That is the left side of the 20, which is the default.",
        2: "It goes behind the 20: two elements are less or equal.",
        3: "The last is greater than 20, so the place is before it.",
    },
)

# %%
# Next: :ref:`one-hot`, where a position becomes a row of zeros with a single one.
