"""
.. _assigning-through-an-index:

How do I write into a part of a tensor?
=======================================

``x[index] = value`` writes into the memory of ``x``, whatever stands between the brackets. The value is broadcast to
the shape of ``x[index]``. A place that is named twice is written once. You need to know :ref:`indexing-and-slicing`
and :ref:`advanced-indexing`.
"""

# %%
# Three values are written into two rows. ``write`` works on a :term:`copy`, so that the picture can show before and
# after. Touch an element of the result to see where it comes from.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

x = torch.arange(20).reshape(4, 5)


def write(x, v):
    x = x.clone()
    x[1:3, :3] = v
    return x


draw(write, (x, torch.tensor([70, 80, 90])), names=["x", "v"])

# %%
# The rule
# --------
#
# The value must :ref:`broadcast <broadcasting>` to the shape of ``x[index]``, here (2, 3): a number fills it, a row of
# 3 goes into each row, a column of shape (2, 1) into each column. The value may not be larger.

block = x.clone()
block[1:3, :3] = torch.tensor([[-1], [-2]])
assert block[1:3, :3].tolist() == [[-1, -1, -1], [-2, -2, -2]]
block[1:3, :3] = 0
assert torch.equal(block == 0, write(x, 0) == 0)
with expect_error(
    RuntimeError, match=r"size of the tensor \(3\) must match the existing size \(2\)"
):
    block[1:3, :3] = torch.tensor([70, 80])

# %%
# The write is :term:`in place`: every :term:`view` of that memory sees it. ``y[:] = 0`` writes; ``y = 0`` without
# brackets writes nothing and gives the name ``y`` to something else.

y, address = block, block.data_ptr()
y[:] = 7
assert block.eq(7).all()
assert block.data_ptr() == address
y = torch.zeros(4, 5)
assert block.eq(7).all()

# %%
# The dtype of ``x`` stays. With integers and slices the value is converted, and an integer tensor cuts the decimals
# off without a word. With a list of positions torch refuses a tensor of another :term:`dtype`; a number is converted
# there too.

block[0] = 2.9
block[1, :2] = torch.tensor([1.5, -3.5])
block[[2, 3]] = 4.8
assert (block[0, 0], block[1, :2].tolist(), block[3, 0]) == (2, [1, -3], 4)
with expect_error(RuntimeError, match="source and destination dtypes match, got Long .* and Float"):
    block[[2, 3]] = torch.full((5,), 4.8)

# %%
# Lists of positions
# ------------------
#
# Read on the right, a list copies. On the left of ``=`` nothing is read: it says where to write. So pairs are written
# in one step. Here row ``k`` of ``v`` goes to ``x[k, places[k]]``, in three axes.

zeros, places = torch.zeros(2, 4, 3, dtype=torch.int64), torch.tensor([3, 2])


def write_rows(x, places, v):
    x = x.clone()
    x[torch.arange(2), places] = v
    return x


values = torch.arange(50, 56).reshape(2, 3)
assert torch.equal(write_rows(zeros, places, values)[1, places[1]], values[1])
draw(write_rows, (zeros, places, values), names=["x", "places", "v"])

# %%
# Writing twice to one place
# --------------------------
#
# "``counts[[0, 0, 2]] += 1`` counts to 2 at place 0." It does not. The line reads :val:`[0, 0, 0] <[0] * 3>`, adds 1 to
# each, and writes :val:`[1, 1, 1] <[0 + 1] * 3>`: place 0 gets the same 1 twice.

counts = torch.zeros(4, dtype=torch.int64)
counts[[0, 0, 2]] += 1
assert counts.tolist() == [1, 0, 1, 0]

# %%
# :meth:`torch.Tensor.index_put_` is the method behind ``x[index] = value``, with the index as a tuple of tensors. With
# ``accumulate=True`` it adds, once for each time that a place is named. (:func:`torch.index_put`, without the
# underscore, gives a new tensor.) Place 0 gets 10 + 20.

index, amounts = torch.tensor([0, 0, 2]), torch.tensor([10, 20, 30])
start = torch.tensor([1, 2, 3, 4])
total = torch.index_put(start, (index,), amounts, accumulate=True)
assert total.tolist() == [1 + 10 + 20, 2, 3 + 30, 4]
draw(torch.index_put, (start, (index,), amounts), accumulate=True, names=["s", "index", "amounts"])

# %%
# Without ``accumulate``, and with different values for one place, one of them stays. PyTorch does not promise which:
# on many threads, or on a GPU, it may be another one in the next run.

counts[index] = amounts
assert counts[0] in (10, 20)
assert counts[2] == 30

# %%
# From scratch: a loop writes in the order of the list. With ``accumulate`` the order does not matter (for integers;
# a sum of floats is rounded in some order).


def index_put_by_loop(x, index, values, accumulate=False):
    x = x.clone()
    for place, value in zip(index.tolist(), values, strict=True):
        x[place] = x[place] + value if accumulate else value
    return x


for unique in (torch.tensor([3, 0, 1]), torch.tensor([2, -4, 1])):
    assert torch.equal(
        index_put_by_loop(start, unique, amounts), torch.index_put(start, (unique,), amounts)
    )
for some in (index, torch.tensor([1, 1, 1]), torch.tensor([-1, 3, 0])):
    mine = index_put_by_loop(start, some, amounts, accumulate=True)
    assert torch.equal(mine, torch.index_put(start, (some,), amounts, accumulate=True))

# %%
# What goes wrong
# ---------------
#
# *Shifting a tensor into itself.* Source and destination overlap in memory, and an element may be overwritten before it
# is read. For whole rows torch notices and says what to do. For columns it says nothing, and the result depends on the
# order in which this machine copies.

with expect_error(RuntimeError, match=r"single memory location. Please clone\(\)"):
    x[1:] = x[:-1]
shifted, unsafe = x.clone(), x.clone()
unsafe[:, 1:] = unsafe[:, :-1]  # no error, and no promise
shifted[:, 1:] = shifted[:, :-1].clone()
assert shifted[2].tolist() == [10, 10, 11, 12, 13]

# %%
# *Writing into a parameter.* Autograd records calculations that lead to a :term:`gradient`. A tensor that was made with
# ``requires_grad=True`` is a :term:`leaf` and may not be written into while it records. To write into a result
# instead, take a ``clone``; to change the leaf itself, say :class:`torch.no_grad`.

leaf = torch.ones(4, requires_grad=True)
with expect_error(RuntimeError, match="leaf Variable that requires grad"):
    leaf[0] = 5
with torch.no_grad():
    leaf[0] = 5
assert leaf.tolist() == [5, 1, 1, 1]

# %%
# In a recorded calculation, what was overwritten gets gradient 0, and the value gets the gradient of its place.

value = torch.tensor(3.0, requires_grad=True)
result = leaf.clone()
result[1] = value
(result * torch.tensor([10.0, 20, 30, 40])).sum().backward()
assert leaf.grad.tolist() == [10, 0, 30, 40]
assert value.grad == 20

# %%
# *A list as the value.* Lists may stand between the brackets, but not on the right; :func:`torch.tensor` makes a tensor
# of them.

with expect_error(TypeError, match="can't assign a list"):
    x[0] = [1, 2, 3, 4, 5]
x[0] = torch.tensor([1, 2, 3, 4, 5])
assert x[0].sum() == 15

# %%
# Two pairs of brackets write into a copy: see :ref:`advanced-indexing`. To write where a
# condition holds, see :ref:`boolean-masks`; to write another place in each row, :ref:`scatter`.
#
# Check yourself
# --------------

votes = torch.zeros(3)
votes[[2, 2, 2, 0]] += 1
ask(
    "What is votes after votes = torch.zeros(3); votes[[2, 2, 2, 0]] += 1?",
    answer=votes,
    choices={
        (1.0, 0.0, 3.0): "index_put_ with accumulate=True gives this.",
        (1.0, 0.0, 1.0): "0 is read four times and 1 written four times, three times to one place.",
        (4.0, 4.0, 4.0): "Only the places in the list are written.",
    },
)

# %%
# And the value:

whole = torch.tensor([1, 2, 3])
whole[1:] = 9.99
ask(
    "What is whole after whole = torch.tensor([1, 2, 3]); whole[1:] = 9.99?",
    answer=whole,
    choices={
        (1.0, 9.99, 9.99): "x never changes its dtype when it is written into.",
        (1, 9, 9): "The tensor keeps its integers, and the decimals are cut off.",
        (1, 10, 10): "Cut off, not rounded.",
        TypeError: "Nothing is raised, which is why this is worth knowing.",
    },
)

# %%
# Next: :ref:`boolean-masks`, where a condition says what to take and where to write.
