"""
.. _unique:

How does torch.unique work, and what does dim do?
=================================================

:func:`torch.unique` lists the different elements of a tensor, each once, in ascending order. With ``dim`` it compares
whole slices: it can list the different *columns* of a matrix. You need to know
:ref:`indexing-and-slicing`.
"""

# %%
# Of seven elements three are different. An element of the result stands for its equals: touch one to see them.

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
# Two more results come on request. ``counts[k]`` says how often ``values[k]`` occurs. ``inverse[i]`` says at which
# place of the list the value of element ``i`` is. So ``values[inverse]`` is ``x`` again. In the picture equal elements
# have one color.

values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
assert inverse.tolist() == [1, 1, 0, 0, 0, 1, 2]
assert counts.tolist() == [3, 3, 1]
assert torch.equal(values[inverse], x)
assert all(counts[k] == (x == values[k]).sum() for k in range(3))
kinds = torch.arange(3)
names = ["x", "values", "inverse", "counts"]
draw([x, values, inverse, counts], names, colors=[inverse, kinds, inverse, kinds])

# %%
# ``inverse`` numbers the elements anew, from 0 on and without gaps. So labels such as 30, 10 and 99 become class
# numbers. It has the shape of ``x``. The list has one axis.

for labels in (torch.tensor([30, 10, 99, 10]), torch.tensor([[-0.5], [2.5]]), torch.tensor(7)):
    values, inverse = torch.unique(labels, return_inverse=True)
    assert sorted(set(inverse.flatten().tolist())) == list(range(len(values)))
    assert (values.dim(), inverse.shape) == (1, labels.shape)
    assert torch.equal(values[inverse], labels)
m = torch.tensor([[3, 1, 3, 1, 1], [0, 4, 0, 4, 2]])
values, inverse = torch.unique(m, return_inverse=True)
assert values.tolist() == [0, 1, 2, 3, 4]
assert inverse.shape == (2, 5)
assert torch.equal(values[inverse], m)

# %%
# dim: whole slices are the items
# -------------------------------
#
# With ``dim=1``, cut the matrix into its columns: (3, 0), (1, 4), (3, 0), (1, 4), (1, 2). Three are different. They are
# sorted as words are in a dictionary, by the first element, and where that is equal by the second: (1, 2), (1, 4),
# (3, 0). Set side by side, these columns are the result. Equal columns have one color.

columns = sorted({tuple(column.tolist()) for column in m.unbind(1)})
assert columns == [(1, 2), (1, 4), (3, 0)]
distinct, inverse, counts = torch.unique(m, dim=1, return_inverse=True, return_counts=True)
assert torch.equal(distinct, torch.tensor(columns).T)
draw([m, distinct], ["m", "unique(m, dim=1)"], colors=[inverse.expand(2, 5), kinds.expand(2, 3)])

# %%
# It is *not* done row by row: the rows have two and three different elements, which form no rectangle. With ``dim=1``,
# ``inverse`` has one number for each column, ``counts`` one for each different column.

assert [len(torch.unique(row)) for row in m] == [2, 3]
assert (inverse.tolist(), counts.tolist()) == ([2, 1, 2, 1, 0], [1, 2, 2])
assert torch.equal(distinct[:, inverse], m)

# %%
# The rule
# --------
#
# The items are the slices ``x.select(dim, k)``, read in the order of print and compared like words. If :math:`u` of
# them are different, axis ``dim`` becomes :math:`u` long, and the other axes stay. The loop tries it with one axis to
# four, on tensors that have elements.


def unique(x, dim):
    items = {tuple(piece.flatten().tolist()): piece for piece in x.unbind(dim)}
    return torch.stack([items[word] for word in sorted(items)], dim)


one, two = [[7, 3, 7, 3], [1, 8, 1, 8]], [[0, 3, 0, 6], [2, 2, 2, 2]]
volume = torch.tensor([one, one, two])
shapes = [tuple(torch.unique(volume, dim=dim).shape) for dim in range(3)]
assert shapes == [(2, 2, 4), (3, 2, 4), (3, 2, 3)]
from ptguide.zoo import zoo

for tensor in (volume, *zoo(axes=(1, 2, 3, 4), dtypes=[torch.int64, torch.bool]).values()):
    for dim in range(tensor.dim() if tensor.numel() else 0):
        assert torch.equal(unique(tensor, dim), torch.unique(tensor, dim=dim))

# %%
# In a volume of shape (3, 2, 4), slices 0 and 1 are equal: ``dim=0`` leaves two. The result begins with the last slice,
# since 5 comes before 30.

first, last = torch.arange(30, 38).reshape(2, 4), torch.arange(5, 13).reshape(2, 4)
slices = torch.stack([first, first, last])
assert torch.equal(torch.unique(slices, dim=0), torch.stack([last, first]))
draw(torch.unique, slices, dim=0, names=["slices"])

# %%
# unique_consecutive: only neighbours
# -----------------------------------
#
# :func:`torch.unique_consecutive` drops an element if it equals the one before it, and does not sort. Its counts are
# the lengths of the runs. Of a sorted tensor it gives what ``unique`` gives.

runs, lengths = torch.unique_consecutive(x, return_counts=True)
assert (runs.tolist(), lengths.tolist()) == ([5, 2, 5, 9], [2, 3, 1, 1])
torch.manual_seed(0)
for one_axis in (x, torch.randint(9, (100,)), torch.tensor([4]), torch.tensor([])):
    runs, lengths = torch.unique_consecutive(one_axis, return_counts=True)
    assert torch.equal(torch.repeat_interleave(runs, lengths), one_axis)
    assert torch.equal(torch.unique_consecutive(one_axis.sort().values), torch.unique(one_axis))
draw(torch.unique_consecutive, x)

# %%
# The first occurrence, and the order of appearance
# -------------------------------------------------
#
# torch has no ``return_index`` as NumPy has. ``inverse`` gives it: for each value, the smallest position that maps to
# it. With these positions in ascending order, the list is in the order in which the values appear.

import numpy

values, inverse = torch.unique(x, return_inverse=True)
first = torch.full(values.shape, len(x)).scatter_reduce(0, inverse, torch.arange(len(x)), "amin")
assert first.tolist() == numpy.unique(x.numpy(), return_index=True)[1].tolist() == [2, 0, 6]
assert torch.equal(x[first], values)
assert x[first.sort().values].tolist() == [5, 2, 9]

# %%
# Copy, dtype, gradient
# ---------------------
#
# The result is a :term:`copy` of the :term:`dtype` of ``x``; inverse and counts are
# :val:`int64 <torch.unique(w, return_counts=True)[1].dtype>`. Complex numbers have no order, and are refused. torch has
# no :term:`gradient` of it: the backward step raises an error.

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
# *The second result by its place.* ``counts`` comes second if the inverse was not asked for. Unpacked as "values,
# inverse", it is used as positions. With the values of ``x`` an error is raised, since there is no place 3. With 7, 8
# and 9 nothing is raised, and the result is wrong.

values, wrong = torch.unique(x, return_counts=True)
assert wrong.tolist() == [3, 3, 1]
with expect_error(IndexError, match="index 3 is out of bounds"):
    values[wrong]
values, wrong = torch.unique(torch.tensor([7, 8, 9]), return_counts=True)
assert values[wrong].tolist() == [8, 8, 8]

# %%
# *Numbers that are nearly equal.* Two results of rounding are two values, though they print alike. Rounding first helps
# here. (Where the border between two rounded numbers lies between them, it does not.) A :term:`NaN` equals no number,
# not even itself, so each is listed. 0.0 and -0.0 are equal.

near = torch.tensor([0.1 + 0.2, 0.3], dtype=torch.float64)
print(near)
assert len(torch.unique(near)) == 2
assert len(torch.unique(near.round(decimals=6))) == 1
border = torch.tensor([0.4999999e-6, 0.5000001e-6], dtype=torch.float64)
assert len(torch.unique(border.round(decimals=6))) == 2
for count in (1, 2, 5):
    assert len(torch.unique(torch.full((count,), float("nan")))) == count
assert len(torch.unique(torch.tensor([0.0, -0.0]))) == 1

# %%
# *Sorted nevertheless.* With ``sorted=False`` torch promises no order. It need not be that of appearance, and it may be
# the sorted one. Compare as sets.

assert set(torch.unique(x, sorted=False).tolist()) == {2, 5, 9}

# %%
# A neighbour: :func:`torch.bincount` counts non-negative integers. It has a place for each number from 0 to the
# largest, those that do not occur included.

assert torch.bincount(x).tolist() == [0, 0, 3, 0, 0, 3, 0, 0, 0, 1]
with expect_error(RuntimeError, match="only supports 1-d non-negative"):
    torch.bincount(-x)

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
        ((1, 3), (2, 5), (2, 9)): "Rows are not taken apart: (1, 3) is not among them.",
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
