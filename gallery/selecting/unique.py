"""
.. _unique:

How does torch.unique work, and what does dim do?
=================================================

:func:`torch.unique` lists the different elements of a tensor, each once, in ascending order. With ``dim`` it compares
whole slices: ``dim=1`` lists the different *columns* of a matrix. You need to know :ref:`indexing-and-slicing`.
"""

# %%
# Seven elements, three different ones. An element of the result stands for all its equals: touch one to see them.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.tensor([5, 5, 2, 2, 2, 5, 9])
assert torch.unique(x).tolist() == sorted({5, 2, 9})
draw(torch.unique, x)

# %%
# Inverse and counts
# ------------------
#
# Two more results on request. ``counts[k]`` says how often ``values[k]`` occurs. ``inverse[i]`` says where element
# ``i`` went: at which place in the list its value stands. So ``values[inverse]`` is ``x`` again. In the picture equal
# elements have one color.

values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
assert inverse.tolist() == [1, 1, 0, 0, 0, 1, 2]
assert counts.tolist() == [3, 3, 1]
assert torch.equal(values[inverse], x)
assert all(counts[k] == (x == values[k]).sum() for k in range(3))
kinds = torch.arange(3)
names = ["x", "values", "inverse", "counts"]
draw([x, values, inverse, counts], names, colors=[inverse, kinds, inverse, kinds])

# %%
# ``inverse`` numbers the elements anew, from 0 on without gaps: so any labels become class numbers. It has the
# shape of ``x``. The list does not: without ``dim``, any number of axes becomes one.

m = torch.tensor([[3, 1, 3, 1, 1], [0, 4, 0, 4, 2]])
values, inverse = torch.unique(m, return_inverse=True)
assert values.tolist() == [0, 1, 2, 3, 4]
assert inverse.shape == (2, 5)
assert torch.equal(values[inverse], m)

# %%
# dim: whole slices are the items
# -------------------------------
#
# "Need to understand how the output is generated," says a learner's note on ``unique(dim=1)``. Cut the matrix into its
# columns: (3, 0), (1, 4), (3, 0), (1, 4), (1, 2). Three are different. They are sorted as words are in a dictionary,
# by the first element, and where that is equal by the second: (1, 2), (1, 4), (3, 0). Set side by side, these columns
# are the result. Equal columns have one color.

columns = sorted({tuple(column.tolist()) for column in m.unbind(1)})
assert columns == [(1, 2), (1, 4), (3, 0)]
distinct, inverse, counts = torch.unique(m, dim=1, return_inverse=True, return_counts=True)
assert torch.equal(distinct, torch.tensor(columns).T)
draw([m, distinct], ["m", "unique(m, dim=1)"], colors=[inverse.expand(2, 5), kinds.expand(2, 3)])

# %%
# It is *not* done row by row: the rows have two and three different elements, and no rectangle holds them. With
# ``dim=1``, ``inverse`` has one number for each column, ``counts`` one for each different column.

assert [len(torch.unique(row)) for row in m] == [2, 3]
assert (inverse.tolist(), counts.tolist()) == ([2, 1, 2, 1, 0], [1, 2, 2])
assert torch.equal(distinct[:, inverse], m)

# %%
# The rule
# --------
#
# For any number of axes: the items are the slices ``x.select(dim, k)``, read in the order of print and compared like
# words. If :math:`u` of them are different, axis ``dim`` becomes :math:`u` long, and the other axes stay.


def unique(x, dim):
    items = {tuple(piece.flatten().tolist()): piece for piece in x.unbind(dim)}
    return torch.stack([items[word] for word in sorted(items)], dim)


one, two = [[7, 3, 7, 3], [1, 8, 1, 8]], [[0, 3, 0, 6], [2, 2, 2, 2]]
volume = torch.tensor([one, one, two])
shapes = [tuple(torch.unique(volume, dim=dim).shape) for dim in range(3)]
assert shapes == [(2, 2, 4), (3, 2, 4), (3, 2, 3)]
assert all(torch.equal(unique(volume, dim), torch.unique(volume, dim=dim)) for dim in range(3))

# %%
# A volume of shape (3, 2, 4) with the equal slices 0 and 1: ``dim=0`` leaves two. The result begins with the last
# slice, since 5 comes before 30.

first, last = torch.arange(30, 38).reshape(2, 4), torch.arange(5, 13).reshape(2, 4)
slices = torch.stack([first, first, last])
assert torch.equal(torch.unique(slices, dim=0), torch.stack([last, first]))
draw(torch.unique, slices, dim=0, names=["slices"])

# %%
# unique_consecutive: only neighbours
# -----------------------------------
#
# :func:`torch.unique_consecutive` drops an element only if it equals the one before it, and sorts nothing. Its counts
# are the lengths of the runs. Of a sorted tensor it gives what ``unique`` gives.

runs, lengths = torch.unique_consecutive(x, return_counts=True)
assert (runs.tolist(), lengths.tolist()) == ([5, 2, 5, 9], [2, 3, 1, 1])
assert torch.equal(torch.repeat_interleave(runs, lengths), x)
assert torch.equal(torch.unique_consecutive(x.sort().values), torch.unique(x))
draw(torch.unique_consecutive, x)

# %%
# The first occurrence, and the order of appearance
# -------------------------------------------------
#
# NumPy's ``return_index`` is missing. ``inverse`` gives it: for each value, the smallest position that maps to it. With
# these positions in ascending order, the list is in the order in which the values appear.

values, inverse = torch.unique(x, return_inverse=True)
first = torch.full(values.shape, len(x)).scatter_reduce(0, inverse, torch.arange(len(x)), "amin")
assert first.tolist() == [2, 0, 6]
assert torch.equal(x[first], values)
assert x[first.sort().values].tolist() == [5, 2, 9]

# %%
# Copy, dtype, gradient
# ---------------------
#
# The result is a :term:`copy` of the :term:`dtype` of ``x``; inverse and counts are
# :val:`int64 <torch.unique(w, return_counts=True)[1].dtype>`. Complex numbers have no order, and are refused. A
# :term:`gradient` is not defined: the backward step raises.

assert not shares_memory(values, torch.unique(values))
assert torch.unique(x > 4).tolist() == [False, True]
with expect_error(NotImplementedError, match="not implemented for 'ComplexFloat'"):
    torch.unique(x.to(torch.complex64))
w = torch.tensor([2.0, 1.0, 2.0], requires_grad=True)
with expect_error(NotImplementedError, match="derivative for '_unique2' is not implemented"):
    torch.unique(w).sum().backward()

# %%
# What goes wrong
# ---------------
#
# *The second result by its place.* ``counts`` comes second if the inverse was not asked for. Unpacked as
# "values, inverse", it is used as positions, and nothing is raised.

wrong = torch.unique(x, return_counts=True)[1]
assert wrong.tolist() == [3, 3, 1]
assert not torch.equal(wrong, inverse)

# %%
# *Numbers that are nearly equal.* Two results of rounding are two values, though they print alike. Round first.
# Every :term:`NaN` differs from every other, so each is listed.

near = torch.tensor([0.1 + 0.2, 0.3], dtype=torch.float64)
print(near)
assert len(torch.unique(near)) == 2
assert len(torch.unique(near.round(decimals=6))) == 1
assert len(torch.unique(torch.tensor([float("nan"), 1, float("nan")]))) == 3

# %%
# *Sorted after all.* With ``sorted=False`` the order is nowhere promised: not that of appearance, and it may be the
# sorted one. Compare as sets.

assert set(torch.unique(x, sorted=False).tolist()) == {2, 5, 9}

# %%
# A neighbour: :func:`torch.bincount` counts small non-negative integers and has a place for each, those that do not
# occur included.

assert torch.bincount(x).tolist() == [0, 0, 3, 0, 0, 3, 0, 0, 0, 1]

# %%
# Check yourself
# --------------

pairs = torch.tensor([[2, 9], [1, 5], [2, 3], [1, 5]])
ask(
    "pairs has the rows (2, 9), (1, 5), (2, 3), (1, 5). What is torch.unique(pairs, dim=0)?",
    answer=torch.unique(pairs, dim=0),
    choices={
        ((1, 5), (2, 3), (2, 9)): "Rows are the items; (2, 3) comes before (2, 9).",
        ((2, 9), (1, 5), (2, 3)): "This is the order of appearance; the rows are sorted.",
        ((1, 3), (2, 5), (2, 9)): "Rows are never taken apart: (1, 3) is not among them.",
    },
)

# %%
# The inverse:

ask(
    "What is the inverse of torch.unique(torch.tensor([30, 10, 30, 20]), return_inverse=True)?",
    answer=torch.unique(torch.tensor([30, 10, 30, 20]), return_inverse=True)[1],
    choices={
        (2, 0, 2, 1): "30 stands at place 2 of the list 10, 20, 30.",
        (1, 3, 0): "Those are positions in the input; the inverse has a number for each element.",
        (2, 1, 1): "It counts nothing: 2 is the place of 30 in the list 10, 20, 30.",
    },
)

# %%
# Next: :ref:`nonzero-and-searchsorted`, two ways to find places.
