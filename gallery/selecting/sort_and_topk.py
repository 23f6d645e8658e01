"""
.. _sort-and-topk:

How do I sort a tensor, or take its k largest elements?
=======================================================

:func:`torch.sort` orders the elements along one :term:`axis`, and :func:`torch.topk` gives the ``k`` largest of them.
Both return two tensors: the values, and the positions where they stood before. You need to know
:ref:`indexing-and-slicing`; :ref:`gather` explains how positions are used.
"""

# %%
# ``dim=1`` walks along the columns, so each row is sorted by itself. A dotted frame marks elements that were compared.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.tensor([[30, 80, 10, 60, 20], [90, 25, 50, 70, 55], [40, 15, 65, 35, 5]])
draw(torch.sort, x, dim=1)

# %%
# ``indices[i, j]`` says in which column of row ``i`` the value stood. So :func:`torch.gather` with these indices
# repeats the sorting, and can do the same to any tensor of this shape. :func:`torch.argsort` gives the indices alone.

values, indices = torch.sort(x, dim=1)
assert all(values[i, j] == x[i, indices[i, j]] for i in range(3) for j in range(5))
assert torch.equal(torch.gather(x, 1, indices), values)
assert torch.equal(torch.argsort(x, dim=1), indices)
smaller = x[:, :, None] > x[:, None, :]
assert torch.equal(torch.argsort(indices, dim=1), smaller.sum(dim=2))  # the rank of each

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
assert torch.equal(top.values, torch.sort(x, dim=1, descending=True).values[:, :2])
assert torch.topk(x, k=2, dim=1, largest=False).values[0].tolist() == [10, 20]
draw(torch.topk, x, k=2, dim=1)

# %%
# Three axes: ``dim=1`` walks through the rows of one slice, for each column anew. Of shape (2, 4, 3) remains (2, 2, 3).

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
# :func:`torch.kthvalue` gives one value and its position for each row. It counts from 1, and from the *small* end:
# ``topk`` from the large one. The middle one of :val:`5 <x.shape[1]>` is the median.

assert torch.equal(torch.kthvalue(x, 1, dim=1).values, x.amin(dim=1))
assert torch.equal(torch.kthvalue(x, 2, dim=1).values, values[:, 1])
assert torch.equal(torch.kthvalue(x, 3, dim=1).values, x.median(dim=1).values)
with expect_error(RuntimeError, match="selected number k out of range"):
    torch.kthvalue(x, 0)

# %%
# Equal elements: stable
# ----------------------
#
# If elements are equal, the values are the same in whatever order they come, but the indices are not. Only a
# :term:`stable` sort, ``stable=True``, promises to keep them in the order in which they stood, also when descending.
# ``topk`` makes no such promise, so compare its values and not its indices.

exams = torch.tensor([2, 1, 2, 1, 2])
assert torch.argsort(exams, stable=True).tolist() == [1, 3, 0, 2, 4]
assert torch.argsort(exams, stable=True, descending=True).tolist() == [0, 2, 4, 1, 3]
assert exams[torch.topk(exams, 4).indices].tolist() == [2, 2, 2, 1]

# %%
# Stability is what sorting by two columns needs: sort by the second column first, then stably by the first. Whole rows
# move, since ``argsort`` of a column gives a list for axis 0.

table = torch.tensor([[2, 30], [1, 70], [2, 10], [1, 50]])
table = table[torch.argsort(table[:, 1])]
table = table[torch.argsort(table[:, 0], stable=True)]
assert table.tolist() == sorted([[2, 30], [1, 70], [2, 10], [1, 50]])

# %%
# From scratch
# ------------
#
# The place of an element after sorting is the number of elements that must come before it: all smaller ones, and the
# equal ones on its left. Then each is written to its place. This needs :math:`n^2` comparisons, where torch's takes
# about :math:`n \log n`.


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
# The values are a :term:`copy`, and their :term:`gradient` goes back to where they stood. The indices are
# :val:`int64 <torch.topk(w, 2).indices.dtype>` and have none. Complex numbers have no order; ``sort`` takes truth
# values, ``topk`` does not.

w = torch.tensor([4.0, 9, 1, 6], requires_grad=True)
assert not shares_memory(w, torch.sort(w).values)
(torch.topk(w, 2).values * torch.tensor([10.0, 100.0])).sum().backward()
assert w.grad.tolist() == [0, 10, 0, 100]
assert torch.topk(w, 2).indices.requires_grad is False
assert torch.sort(w > 5).values.tolist() == [False, False, True, True]
with expect_error(RuntimeError, match="topk.*(bool|Bool)"):
    torch.topk(w > 5, 2)

# %%
# What goes wrong
# ---------------
#
# *The pair is taken for the tensor.* Sorting returns a tuple of two tensors. Adding 1 to a tuple raises an error;
# times 2 it is a tuple of four, and nothing is raised. Take ``.values``. And there must be ``k`` elements.

with expect_error(TypeError, match="can only concatenate tuple"):
    torch.sort(x) + 1
assert len(torch.sort(x) * 2) == 4
assert torch.equal(torch.sort(x).values * 2, torch.sort(x * 2).values)
with expect_error(RuntimeError, match="selected index k out of range"):
    torch.topk(x, 6, dim=1)

# %%
# *Torn rows.* To order the rows of a table by one column, ``sort(dim=0)`` is wrong: it sorts every column by itself,
# and what stood in one row no longer does.

torn = torch.sort(x, dim=0).values
assert torn[0].tolist() == [30, 15, 10, 35, 5]
whole = x[torch.argsort(x[:, 0])]
assert whole[:, 0].tolist() == [30, 40, 90]
assert torch.equal(whole, torch.stack([x[0], x[2], x[1]]))

# %%
# *NaN.* It counts as the largest of all: last in a sort, and first in ``topk``, where one broken score wins.

broken = torch.tensor([1.0, float("nan"), 3.0])
assert torch.argsort(broken).tolist() == [0, 2, 1]
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
    "What is torch.argsort(torch.tensor([50, 20, 40, 30]))?",
    answer=torch.argsort(v),
    choices={
        (3, 0, 2, 1): "That is the rank of each element: argsort of argsort.",
        (1, 3, 2, 0): "The smallest stands at place 1, the next at place 3.",
        (20, 30, 40, 50): "Those are the values, which sort gives.",
    },
)

# %%
# Next: :ref:`argmax-and-max`, for the largest one alone.
