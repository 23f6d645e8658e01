"""
.. _scatter:

How does torch.scatter work?
============================

``torch.scatter(x, 1, index, src)`` writes ``src[i, j]`` to ``out[i, index[i, j]]``: the index says *where to write*, as
in :ref:`gather` it says where to read. ``scatter_add``, ``scatter_reduce`` and ``index_add`` say what happens where two
writes meet. You need to know :ref:`gather`.
"""

# %%
# Row 1 of the index says 4 and 2, so the two elements of row 1 of ``src`` (``s`` in the picture) go to places 4 and 2
# of row 1. The rest is copied from ``x``. Touch an element of ``s`` to see where it goes.

import itertools

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.zeros(3, 5, dtype=torch.int64)
index = torch.tensor([[0, 3], [4, 2], [1, 0]])
src = torch.tensor([[10, 20], [30, 40], [50, 60]])
out = torch.scatter(x, 1, index, src)
assert (out[1, 4], out[1, 2]) == (30, 40)
draw(torch.scatter, (x, 1, index, src), names=["x", "index", "s"])

# %%
# The rule
# --------
#
# With ``dim=1``, ``out[i, index[i, j]] = src[i, j]``; with ``dim=0``, ``out[index[i, j], j] = src[i, j]``. An element
# keeps its own indices, but on axis ``dim`` it goes to the place that ``index`` names. As a loop, for any number of
# axes; ``combine`` is for later.


def scatter(x, dim, index, src, combine=lambda old, new: new):
    out = x.clone()
    for place in itertools.product(*map(range, index.shape)):
        target = list(place)
        target[dim] = index[place].item()
        out[tuple(target)] = combine(out[tuple(target)], src[place])
    return out


assert torch.equal(scatter(x, 1, index, src), out)

# %%
# So ``gather`` with the same index reads back what ``scatter`` wrote, as long as no place is named twice.

assert torch.equal(torch.gather(out, 1, index), src)

# %%
# Shapes: the result has that of ``x``. The index has as many axes, and on no axis is it larger than ``src``, nor, but
# for ``dim``, than ``x``. Three axes, with ``dim=1``: ``out[i, index[i, j, k], k] = src[i, j, k]``.

volume = torch.zeros(2, 4, 3, dtype=torch.int64)
rows = torch.tensor([[[0, 2, 1]], [[3, 0, 2]]])
values = torch.tensor([[[10, 20, 30]], [[40, 50, 60]]])
assert torch.equal(torch.scatter(volume, 1, rows, values), scatter(volume, 1, rows, values))
draw(torch.scatter, (volume, 1, rows, values), names=["x", "index", "s"])

# %%
# Two writes to one place
# -----------------------
#
# With ``scatter`` the last write wins, and the writes have no defined order. So one of the values stays, and PyTorch
# does not promise which. If the index names a place twice, say what you want instead.

twice = torch.tensor([[1, 1], [2, 2], [0, 4]])
out = torch.scatter(x, 1, twice, src)
assert out[0, 1] in (10, 20)
assert out[2].tolist() == [50, 0, 0, 0, 60]

# %%
# :func:`torch.scatter_add` adds everything that meets to what was there before. Places that no index names are left as
# they are.

assert torch.equal(torch.scatter_add(x, 1, twice, src), scatter(x, 1, twice, src, torch.add))
draw(torch.scatter_add, (x, 1, twice, src), names=["x", "index", "s"])

# %%
# :func:`torch.scatter_reduce` states the rule by name: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
# What ``x`` holds takes part, unless ``include_self=False``. Places that are not named keep their value in any case.

ones, places, new = torch.ones(4), torch.tensor([0, 0, 2]), torch.tensor([4.0, 6.0, 5.0])
for reduce, with_self, without in (
    ("sum", [11, 1, 6, 1], [10, 1, 5, 1]),
    ("prod", [24, 1, 5, 1], [24, 1, 5, 1]),
    ("mean", [11 / 3, 1, 3, 1], [5, 1, 5, 1]),
    ("amax", [6, 1, 5, 1], [6, 1, 5, 1]),
    ("amin", [1, 1, 1, 1], [4, 1, 5, 1]),
):
    got = torch.scatter_reduce(ones, 0, places, new, reduce)
    torch.testing.assert_close(got, torch.tensor(with_self, dtype=torch.float32))
    got = torch.scatter_reduce(ones, 0, places, new, reduce, include_self=False)
    assert got.tolist() == without

# %%
# index_add: whole slices
# -----------------------
#
# :func:`torch.index_add` has one position for each *slice* of ``src``, as :ref:`index-select` has: row ``k`` of ``src``
# is added to row ``index[k]``. It is the function for sums by group; divided by the counts, for means by group.

group, scores = torch.tensor([1, 0, 1, 1]), torch.tensor([[1, 2], [30, 40], [5, 6], [9, 1]])
start = torch.zeros(3, 2, dtype=torch.int64)
sums = torch.index_add(start, 0, group, scores)
assert all(torch.equal(sums[g], scores[group == g].sum(dim=0)) for g in range(3))
assert torch.equal(sums, torch.scatter_add(start, 0, group[:, None].expand(4, 2), scores))
assert torch.bincount(group, minlength=3).tolist() == [1, 3, 0]
draw(torch.index_add, (start, 0, group, scores), names=["x", "group", "s"])

# %%
# A copy, or in place; gradients
# ------------------------------
#
# Each function gives a :term:`copy` and has a twin with an underscore that writes into ``x`` :term:`in place`. Integers
# and floats are both taken, and the sums may come in any order, so floats can differ in the last digit on a GPU. The
# :term:`gradient` of ``src`` is ``gather``; that of ``x`` is 0 where it was overwritten.

assert not shares_memory(x, out)
target = torch.zeros(3, 5, dtype=torch.int64)
assert target.scatter_(1, index, src) is target
assert target.scatter_add_(1, twice, src) is target
assert target.scatter_reduce_(1, twice, src, "amax") is target

base, update = torch.ones(5, requires_grad=True), torch.ones(2, requires_grad=True)
upstream = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
(torch.scatter(base, 0, torch.tensor([3, 0]), update) * upstream).sum().backward()
assert update.grad.tolist() == [4, 1]
assert base.grad.tolist() == [0, 2, 3, 0, 5]

# %%
# What goes wrong
# ---------------
#
# *The dtype.* Unlike arithmetic, ``scatter`` promotes nothing: ``src`` must have the :term:`dtype` of ``x``. The
# classic is a float ``x`` from :func:`torch.zeros` and integer values. A number as ``src`` is converted, and in an
# integer tensor loses its decimals.

with expect_error(RuntimeError, match="Expected self.dtype to be equal to src.dtype"):
    torch.scatter(torch.zeros(3, 5), 1, index, src)
assert torch.scatter(torch.zeros(3, 5), 1, index, src.float()).dtype == torch.float32
assert torch.scatter(x, 1, index, 2.7).max() == 2

# %%
# *Gradients of a write that was lost.* Two elements go to place 1, and one of them is thrown away. Still both get its
# gradient: the backward step is ``gather``, and does not know who won. ``scatter_reduce`` knows.

update = torch.tensor([10.0, 20.0], requires_grad=True)
torch.scatter(torch.zeros(3), 0, torch.tensor([1, 1]), update).sum().backward()
assert update.grad.tolist() == [1, 1]
update.grad = None
torch.scatter_reduce(torch.zeros(3), 0, torch.tensor([1, 1]), update, "amax").sum().backward()
assert update.grad.tolist() == [0, 1]

# %%
# *Part of src is ignored.* The index decides how many elements are written. A smaller one is no error, and nothing
# is broadcast: one row of positions writes one row.

one_row = torch.scatter(x, 1, torch.tensor([[0, 3]]), src)
assert one_row.tolist() == [[10, 0, 0, 20, 0], [0] * 5, [0] * 5]
expanded = torch.tensor([[0, 3]]).expand(3, 2)
assert torch.scatter(x, 1, expanded, src)[2].tolist() == [50, 0, 0, 60, 0]

# %%
# *Positions that do not exist*, negative ones among them, and an index with too few axes are refused.

with expect_error(RuntimeError, match="index 5 is out of bounds for dimension 1 with size 5"):
    torch.scatter(x, 1, index + 1, src)
with expect_error(RuntimeError, match="Index tensor must have the same number of dimensions"):
    torch.scatter(x, 1, places, src)

# %%
# Neighbours: ``x[rows, columns] = values`` writes to any places, see :ref:`assigning-through-an-index`; there
# ``index_put_`` with ``accumulate=True`` is what adds. A 1 scattered to the place of each label is :ref:`one-hot`.
#
# Check yourself
# --------------

ask(
    "What is torch.zeros(4).scatter_add(0, torch.tensor([3, 1, 3]), torch.tensor([5.0, 6.0, 7.0]))?",
    answer=torch.zeros(4).scatter_add(0, torch.tensor([3, 1, 3]), torch.tensor([5.0, 6.0, 7.0])),
    choices={
        (0.0, 6.0, 0.0, 7.0): "That is one possible result of scatter.",
        (0.0, 6.0, 0.0, 12.0): "5 and 7 meet at place 3.",
        (7.0, 6.0, 7.0, 0.0): "That reads as gather does: a value for each place of the index.",
    },
)

# %%
# And the dtype:

ask(
    "What does torch.zeros(4).scatter(0, torch.tensor([2]), torch.tensor([7])) give?",
    answer=lambda: torch.zeros(4).scatter(0, torch.tensor([2]), torch.tensor([7])),
    choices={
        (0.0, 0.0, 7.0, 0.0): "It would, with torch.tensor([7.0]) or with the number 7.",
        (0.0, 0.0, 0.0, 2.0): "That exchanges index and src.",
        RuntimeError: "src holds integers and x floats; scatter converts no tensors.",
    },
)

# %%
# Next: :ref:`where-and-masked-fill`, which chooses element by element.
