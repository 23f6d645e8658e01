"""
.. _sort-and-topk:

How do I sort a tensor, or take its k largest elements?
=======================================================

:func:`torch.sort` orders the elements along one :term:`axis`, and :func:`torch.topk` gives the ``k`` largest of them.
Both return two tensors: the values, and the positions where they were before. You need to know
:ref:`indexing-and-slicing`; :ref:`gather` explains how positions are used.
"""

# %%
# With ``dim=1`` each row is sorted by itself. A dotted frame marks elements that were compared.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.tensor([[30, 80, 10, 60, 20], [90, 25, 50, 70, 55], [40, 15, 65, 35, 5]])
draw(torch.sort, x, dim=1)

# %%
# ``indices[i, j]`` says in which column of row ``i`` the value was. So :func:`torch.gather` with these indices repeats
# the sorting, and can reorder another tensor of this shape in the same way. :func:`torch.argsort` gives the indices
# alone; ``argsort`` of them is the rank of each element, counted from 0.

values, indices = torch.sort(x, dim=1)
assert all(values[i, j] == x[i, indices[i, j]] for i in range(3) for j in range(5))
assert torch.equal(torch.gather(x, 1, indices), values)
assert torch.equal(torch.argsort(x, dim=1), indices)
smaller = x[:, :, None] > x[:, None, :]
assert torch.equal(torch.argsort(indices, dim=1), smaller.sum(dim=2))

# %%
# Left out, ``dim`` is the last axis. ``dim=0`` sorts each column by itself; ``descending=True`` puts the largest first.

assert torch.equal(torch.sort(x).values, values)
assert torch.equal(torch.sort(x, dim=0).values, torch.sort(x.T, dim=1).values.T)
assert torch.sort(x, dim=1, descending=True).values[0].tolist() == [80, 60, 30, 20, 10]

# %%
# topk: the k largest, or smallest
# --------------------------------
#
# ``topk(x, k, dim)`` gives the first ``k`` values of a descending sort: the axis ``dim`` becomes ``k`` long, the
# others stay. With ``largest=False`` it gives the smallest, from the smallest on.

top = torch.topk(x, k=2, dim=1)
for k in range(6):
    assert torch.equal(x.topk(k, dim=1).values, x.sort(dim=1, descending=True).values[:, :k])
    assert torch.equal(x.topk(k, dim=1, largest=False).values, x.sort(dim=1).values[:, :k])
draw(torch.topk, x, k=2, dim=1)

# %%
# Three axes: with ``dim=1``, the elements of one column of one slice are compared. The shape (2, 4, 3) becomes
# (2, 2, 3).

one = [[4, 9, 2], [8, 1, 7], [5, 6, 3], [0, 2, 9]]
two = [[1, 3, 8], [6, 0, 2], [7, 5, 4], [9, 8, 1]]
volume = torch.tensor([one, two])
pair = torch.topk(volume, k=2, dim=1).values
assert pair.shape == (2, 2, 3)
assert pair[0, :, 0].tolist() == sorted([4, 8, 5, 0], reverse=True)[:2]
draw(torch.topk, volume, k=2, dim=1, names=["volume"])

# %%
# A use: is the right class among the two with the highest scores?

labels = torch.tensor([3, 1, 2])
among = (top.indices == labels[:, None]).any(dim=1)
assert top.indices.tolist() == [[1, 3], [0, 3], [2, 0]]
assert among.tolist() == [True, False, True]

# %%
# kthvalue: the k-th smallest
# ---------------------------
#
# :func:`torch.kthvalue` gives one value and its position for each row. It counts from 1, and from the *small* end,
# where ``topk`` begins at the large one. The third of :val:`5 <x.shape[1]>` values is the median.

for k in range(1, 6):
    assert torch.equal(torch.kthvalue(x, k, dim=1).values, values[:, k - 1])
assert torch.equal(torch.kthvalue(x, 3, dim=1).values, x.median(dim=1).values)
with expect_error(RuntimeError, match="selected number k out of range"):
    torch.kthvalue(x, 0)

# %%
# Equal elements: stable
# ----------------------
#
# If two integers are equal, their order changes the indices and not the values. A :term:`stable` sort, ``stable=True``,
# keeps equal elements in the order in which they were before, also when descending. Without ``stable=True`` torch does
# not promise it, and ``topk`` has no such argument. So compare the values of ``topk`` and not its indices.

exams = torch.tensor([2, 1, 2, 1, 2])
assert torch.argsort(exams, stable=True).tolist() == [1, 3, 0, 2, 4]
assert torch.argsort(exams, stable=True, descending=True).tolist() == [0, 2, 4, 1, 3]
assert exams[torch.topk(exams, 4).indices].tolist() == [2, 2, 2, 1]
with expect_error(TypeError, match="topk.*unexpected keyword argument 'stable'"):
    torch.topk(exams, 4, stable=True)
torch.manual_seed(0)
for size in (1, 10, 1000):
    marks = torch.randint(3, (size,))
    for descending in (False, True):
        order = torch.argsort(marks, stable=True, descending=descending)
        assert order.tolist() == sorted(
            range(size), key=lambda place: marks[place].item(), reverse=descending
        )

# %%
# Sorting by two columns needs stability: sort by the second column first, then stably by the first. Whole rows move,
# since ``argsort`` of a column gives a list for axis 0.

table = torch.tensor([[2, 30], [1, 70], [2, 10], [1, 50]])
table = table[torch.argsort(table[:, 1])]
table = table[torch.argsort(table[:, 0], stable=True)]
assert table.tolist() == sorted([[2, 30], [1, 70], [2, 10], [1, 50]])

# %%
# From scratch
# ------------
#
# The place of an element after sorting is the number of elements that come before it: the smaller ones, and the equal
# ones on its left. Then each is written to its place. This needs :math:`n^2` comparisons; sorting algorithms need about
# :math:`n \log n`. (NaN needs a rule of its own.)


def stable_sort(x):
    place = torch.arange(len(x))
    before = (x < x[:, None]) | ((x == x[:, None]) & (place < place[:, None]))
    return torch.empty_like(x).scatter(0, before.sum(dim=1), x)


for v in (x[0], exams, volume.flatten()):
    assert torch.equal(stable_sort(v), torch.sort(v, stable=True).values)

# %%
# Copy, gradient, dtype
# ---------------------
#
# The values are a :term:`copy`, and their :term:`gradient` goes back to where they were. The indices are
# :val:`int64 <torch.topk(w, 2).indices.dtype>` and have no gradient. Complex numbers have no order and are refused.
# ``sort`` takes truth values, ``topk`` does not.

w = torch.tensor([4.0, 9, 1, 6], requires_grad=True)
assert not shares_memory(w, torch.sort(w).values)
(torch.topk(w, 2).values * torch.tensor([10.0, 100.0])).sum().backward()
assert w.grad.tolist() == [0, 10, 0, 100]
assert torch.topk(w, 2).indices.requires_grad is False
assert torch.sort(w > 5).values.tolist() == [False, False, True, True]
with expect_error(RuntimeError, match="topk.*(bool|Bool)"):
    torch.topk(w > 5, 2)
for function in (torch.sort, lambda z: torch.topk(z, 2)):
    with expect_error(RuntimeError, match="does not support complex dtypes"):
        function(torch.complex(w, w))

# %%
# What goes wrong
# ---------------
#
# *The pair is taken for the tensor.* Sorting returns a tuple of two tensors. Adding 1 to a tuple raises an error. Times
# 2 it is a tuple of four, and nothing is raised. Take ``.values``. A ``k`` that is larger than the axis is refused.

with expect_error(TypeError, match="can only concatenate tuple"):
    torch.sort(x) + 1
assert len(torch.sort(x) * 2) == 4
assert torch.equal(torch.sort(x).values * 2, torch.sort(x * 2).values)
with expect_error(RuntimeError, match="selected index k out of range"):
    torch.topk(x, 6, dim=1)

# %%
# *Torn rows.* To order the rows of a table by one column, ``sort`` with ``dim=0`` is wrong: it sorts each column by
# itself, and the elements of one row are separated.

torn = torch.sort(x, dim=0).values
assert torn[0].tolist() == [30, 15, 10, 35, 5]
whole = x[torch.argsort(x[:, 0])]
assert whole[:, 0].tolist() == [30, 40, 90]
assert torch.equal(whole, torch.stack([x[0], x[2], x[1]]))

# %%
# *NaN.* It counts as larger than the other numbers, infinity included. It is last in a sort and first in ``topk``,
# where one broken score wins.

for greatest in (3.0, float("inf")):
    broken = torch.tensor([1.0, float("nan"), greatest])
    assert torch.argsort(broken).tolist() == [0, 2, 1]
    assert torch.argsort(broken, descending=True).tolist() == [1, 2, 0]
    assert torch.topk(broken, 2).indices.tolist() == [1, 2]

# %%
# Check yourself
# --------------

logits = torch.arange(7 * 4 * 9).reshape(7, 4, 9)
ask(
    "logits has shape (7, 4, 9). What is the shape of torch.topk(logits, 3).values?",
    answer=torch.topk(logits, 3).values.shape,
    choices={
        (3, 4, 9): "Left out, dim is the last axis, not the first.",
        (7, 4, 3): "The last axis becomes k long.",
        (3,): "Without dim it still works along one axis.",
    },
)

# %%
# By position:

v = torch.tensor([50, 20, 40, 30])
ask(
    f"What is torch.argsort(torch.tensor({v.tolist()}))?",
    answer=torch.argsort(v),
    choices={
        (3, 0, 2, 1): "That is the rank of each element: argsort of argsort.",
        (1, 3, 2, 0): "The smallest stands at place 1, the next at place 3.",
        (20, 30, 40, 50): "Those are the values, which sort gives.",
    },
)

# %%
# Next: :ref:`argmax-and-max`, for the largest one alone.
