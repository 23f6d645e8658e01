"""
.. _scatter:

How does torch.scatter work?
============================

``torch.scatter(x, 1, index, src)`` writes ``src[i, j]`` to ``out[i, index[i, j]]``: the index says *where to write*, as
in :ref:`gather` it says where to read. Where two writes meet, ``scatter_add`` adds them, and ``scatter_reduce`` takes,
for example, the larger. You need to know :ref:`gather`.
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
# With ``dim=1``, ``out[i, index[i, j]] = src[i, j]``; along axis 0, ``out[index[i, j], j] = src[i, j]``. An element
# keeps its own indices, but on axis ``dim`` it goes to the place that ``index`` names. Here is the rule as a loop, for
# any number of axes; ``combine`` is needed later.


def scatter(x, dim, index, src, combine=lambda old, new: new):
    out = x.clone()
    for place in itertools.product(*map(range, index.shape)):
        target = list(place)
        target[dim] = index[place].item()
        out[tuple(target)] = combine(out[tuple(target)], src[place])
    return out


assert torch.equal(scatter(x, 1, index, src), out)
assert torch.equal(torch.scatter(x, dim=1, index=index, src=src), out)
torch.manual_seed(0)
for shape in ((4,), (4, 3), (4, 3, 5), (2, 4, 3, 5)):
    for dim in range(len(shape)):
        order = torch.rand(shape).argsort(dim)  # each place of the axis once
        start, numbers = torch.zeros(shape), torch.rand(shape)
        written = torch.scatter(start, dim, order, numbers)
        assert torch.equal(written, scatter(start, dim, order, numbers))
        assert torch.equal(torch.gather(written, dim, order), numbers)

# %%
# So ``gather`` with the same index reads back what ``scatter`` wrote, as long as no place is named twice.

assert torch.equal(torch.gather(out, 1, index), src)

# %%
# Shapes: the result has that of ``x``, and the index has as many axes. An index that has elements and is larger than
# ``src`` on an axis is refused. So is one that is larger than ``x``, except on axis ``dim``.

for dim, x_shape, src_shape in (
    (1, (3, 5), (2, 2)),
    (1, (3, 5), (3, 1)),
    (1, (2, 5), (3, 2)),
    (0, (3, 1), (3, 2)),
):
    with expect_error(RuntimeError, match=r"Expected index \[3, 2\] to be no larger than self"):
        torch.scatter(torch.zeros(x_shape), dim, index, torch.zeros(src_shape))
assert torch.scatter(x[:, :1], 1, torch.zeros_like(index), src).shape == (3, 1)

# %%
# With three axes and ``dim=1``, ``out[i, index[i, j, k], k] = src[i, j, k]``.

volume = torch.zeros(2, 4, 3, dtype=torch.int64)
rows = torch.tensor([[[0, 2, 1]], [[3, 0, 2]]])
values = torch.tensor([[[10, 20, 30]], [[40, 50, 60]]])
assert torch.equal(
    torch.scatter(volume, dim=1, index=rows, src=values), scatter(volume, 1, rows, values)
)
draw(torch.scatter, (volume, 1, rows, values), names=["x", "index", "s"])

# %%
# Two writes to one place
# -----------------------
#
# With ``scatter`` one of the values remains, and PyTorch does not promise which. If the index names a place twice, use
# one of the functions below.

twice = torch.tensor([[1, 1], [2, 2], [0, 4]])
out = torch.scatter(x, 1, twice, src)
assert out[0, 1] in (10, 20)
assert out[2].tolist() == [50, 0, 0, 0, 60]

# %%
# :func:`torch.scatter_add` adds the values that meet, and what was there before. A place that the index does not name
# keeps its value.

assert torch.equal(torch.scatter_add(x, 1, twice, src), scatter(x, 1, twice, src, torch.add))
draw(torch.scatter_add, (x, 1, twice, src), names=["x", "index", "s"])

# %%
# :func:`torch.scatter_reduce` takes the rule by name: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``. The
# value that ``x`` has at a place takes part. With ``include_self=False`` it does not. A place that is not named keeps
# its value in both.

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
# :func:`torch.index_add` has one position for each *slice* of ``src``, as :ref:`index-select` has: with ``dim=0``, row
# ``k`` of ``src`` is added to row ``index[k]``. This makes sums by group. Divided by the numbers of rows, which
# :func:`torch.bincount` gives, they are means by group; for a group without rows, that is 0 divided by 0.

group, scores = torch.tensor([1, 0, 1, 1]), torch.tensor([[1, 2], [30, 40], [5, 6], [9, 1]])
start = torch.zeros(3, 2, dtype=torch.int64)
sums = torch.index_add(start, 0, group, scores)
assert all(torch.equal(sums[g], scores[group == g].sum(dim=0)) for g in range(3))
assert torch.equal(sums, torch.scatter_add(start, 0, group[:, None].expand(4, 2), scores))
counts = torch.bincount(group, minlength=3)
assert counts.tolist() == [1, 3, 0]
means = sums / counts[:, None]
assert all(torch.equal(means[g], scores[group == g].float().mean(dim=0)) for g in range(2))
assert means[2].isnan().all()
draw(torch.index_add, (start, 0, group, scores), names=["x", "group", "s"])

# %%
# A copy, or in place; gradients
# ------------------------------
#
# Each of the four functions gives a :term:`copy` and has a twin with an underscore that writes into ``x`` :term:`in
# place`. The loop tries integers, floats and truth values. On a GPU the order in which floats are added is not defined,
# so sums can differ in the last digit from run to run: see :func:`torch.use_deterministic_algorithms`.

columns = torch.tensor([3, 0])
for dtype in (torch.int64, torch.uint8, torch.float32, torch.float16, torch.bool):
    old, new = torch.ones(3, 5).to(dtype), src.to(dtype)
    for name, arguments in {
        "scatter": (1, index, new),
        "scatter_add": (1, twice, new),
        "scatter_reduce": (1, twice, new, "amax"),
        "index_add": (1, columns, new),
    }.items():
        copied, target = getattr(torch, name)(old, *arguments), old.clone()
        assert not shares_memory(old, copied)
        assert getattr(target, f"{name}_")(*arguments) is target
        assert torch.equal(target, copied)

# %%
# With an index of the shape of ``src``, the :term:`gradient` of ``src`` is ``gather`` of the gradient of the result,
# for ``scatter`` and ``scatter_add``. For ``scatter``, that of ``x`` is 0 where it was overwritten.

slope = torch.arange(15.0).reshape(3, 5)
for function in (torch.scatter, torch.scatter_add):
    leaf = torch.ones(3, 2, requires_grad=True)
    (function(torch.zeros(3, 5), 1, index, leaf) * slope).sum().backward()
    assert torch.equal(leaf.grad, torch.gather(slope, 1, index))

base, update = torch.ones(5, requires_grad=True), torch.ones(2, requires_grad=True)
upstream = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
(torch.scatter(base, 0, torch.tensor([3, 0]), update) * upstream).sum().backward()
assert update.grad.tolist() == [4, 1]
assert base.grad.tolist() == [0, 2, 3, 0, 5]

# %%
# What goes wrong
# ---------------
#
# *The dtype.* Unlike arithmetic, the four functions promote nothing: a ``src`` of another :term:`dtype` than ``x`` is
# refused. This happens with a float ``x`` from :func:`torch.zeros` and integer values. A number as ``src`` is
# converted, and in an integer tensor loses its decimals.

for name, *rule in (("scatter",), ("scatter_add",), ("scatter_reduce", "sum")):
    with expect_error(RuntimeError, match="Expected self.dtype to be equal to src.dtype"):
        getattr(torch, name)(torch.zeros(3, 5), 1, index, src, *rule)
with expect_error(RuntimeError, match="must have the same scalar type"):
    torch.index_add(torch.zeros(3, 5), 1, columns, src)
assert torch.scatter(torch.zeros(3, 5), 1, index, src.float()).dtype == torch.float32
assert torch.scatter(x, 1, index, 2.7).max() == 2

# %%
# *Gradients of a write that was lost.* Two elements go to place 1, and one of them is lost. Yet both get a gradient,
# since the backward step is ``gather``. With ``scatter_reduce``, only the larger of the two gets one here.

update = torch.tensor([10.0, 20.0], requires_grad=True)
torch.scatter(torch.zeros(3), 0, torch.tensor([1, 1]), update).sum().backward()
assert update.grad.tolist() == [1, 1]
update.grad = None
torch.scatter_reduce(torch.zeros(3), 0, torch.tensor([1, 1]), update, "amax").sum().backward()
assert update.grad.tolist() == [0, 1]

# %%
# *Part of src is ignored.* The index decides how many elements are written. A smaller index writes fewer, and nothing
# is broadcast: one row of positions writes one row. The error comes later, in the backward step, which wants an index
# of the shape of ``src``.

one_row = torch.tensor([[0, 3]])
written = torch.scatter(x, 1, one_row, src)
assert written.tolist() == [[10, 0, 0, 20, 0], [0] * 5, [0] * 5]
for function in (torch.scatter, torch.scatter_add):
    leaf = torch.ones(3, 2, requires_grad=True)
    with expect_error(
        RuntimeError, match=r"invalid gradient .* got \[1, 2\] but expected .* \[3, 2\]"
    ):
        function(torch.zeros(3, 5), 1, one_row, leaf).sum().backward()
assert torch.scatter(x, 1, one_row.expand(3, 2), src)[2].tolist() == [50, 0, 0, 60, 0]

# %%
# *Positions that do not exist*, negative ones among them, and an index with too few axes are refused.

for outside in (5, -1):
    with expect_error(RuntimeError, match=f"index {outside} is out of bounds for dimension 1"):
        torch.scatter(x, 1, torch.full((3, 2), outside), src)
with expect_error(RuntimeError, match="Index tensor must have the same number of dimensions"):
    torch.scatter(x, 1, places, src)

# %%
# Neighbours: ``x[rows, columns] = values`` writes to pairs of row and column, see :ref:`assigning-through-an-index`; to
# add there, use ``index_put_`` with ``accumulate=True``. A 1 scattered to the place of each label is :ref:`one-hot`.
#
# Check yourself
# --------------

ask(
    "What is torch.zeros(4).scatter_add(0, torch.tensor([3, 1, 3]), torch.tensor([5.0, 6.0, 7.0]))?",
    answer=torch.zeros(4).scatter_add(0, torch.tensor([3, 1, 3]), torch.tensor([5.0, 6.0, 7.0])),
    choices={
        (0.0, 6.0, 0.0, 7.0): "That is one possible result of scatter.",
        (0.0, 6.0, 0.0, 12.0): "5 and 7 meet at place 3.",
        (7.0, 6.0, 7.0, 0.0): "Places 3 and 1 are named, and place 0 is not: it keeps its 0.",
    },
)

# %%
# And the dtype:

ask(
    "What does torch.zeros(4).scatter(0, torch.tensor([2]), torch.tensor([7])) give?",
    answer=lambda: torch.zeros(4).scatter(0, torch.tensor([2]), torch.tensor([7])),
    choices={
        (0.0, 0.0, 7.0, 0.0): "It would, with a float in the tensor or with the number 7.",
        (0.0, 0.0, 0.0, 2.0): "That exchanges index and src.",
        RuntimeError: "src holds integers and x floats; scatter converts no tensors.",
    },
)

# %%
# Next: :ref:`where-and-masked-fill`, which chooses element by element.
