"""
.. _assigning-through-an-index:

How do I write into a part of a tensor?
=======================================

``x[index] = value`` writes into the memory of ``x``, with a slice between the brackets and with a list or a mask. The
value is broadcast to the shape of ``x[index]``. Where a list names a place twice, one of the values remains. You need
to know :ref:`indexing-and-slicing` and :ref:`advanced-indexing`.
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
# The value is :ref:`broadcast <broadcasting>` to the shape of ``x[index]``, here (2, 3): a number fills it, a row of
# 3 goes into each row, a column of shape (2, 1) into each column. A value that does not fit is refused. (Axes of size 1
# in front of the others are ignored.)

block = x.clone()
block[1:3, :3] = torch.tensor([[-1], [-2]])
assert block[1:3, :3].tolist() == [[-1, -1, -1], [-2, -2, -2]]
block[1:3, :3] = 0
assert torch.equal(block == 0, write(x, 0) == 0)
with expect_error(
    RuntimeError, match=r"size of the tensor \(3\) must match the existing size \(2\)"
):
    block[1:3, :3] = torch.tensor([70, 80])
block[1:3, :3] = torch.full((1, 1, 2, 3), 6)
assert block[1:3, :3].eq(6).all()
with expect_error(RuntimeError, match="number of sizes provided .* must be greater or equal"):
    block[1:3, :3] = torch.full((2, 2, 3), 6)

# %%
# The write is :term:`in place`: a :term:`view` of that memory sees it, and no new tensor is made. It is so for an
# integer, a slice, a list and a mask.

for index in (1, slice(1, 3), [1, 2], x[:, 0] == 5):
    seen = x.clone()
    views = [seen[1], seen[:, 2], seen.T, seen.flatten()]
    seen[index] = -1
    assert [(view == -1).any().item() for view in views] == [True] * 4

# %%
# ``y[:] = 7`` writes. ``y = torch.zeros(4, 5)`` without brackets writes nothing: it gives the name ``y`` to another
# tensor.

y, address = block, block.data_ptr()
y[:] = 7
assert block.eq(7).all()
assert block.data_ptr() == address
y = torch.zeros(4, 5)
assert block.eq(7).all()

# %%
# The dtype of ``x`` stays. With integers and slices the value is converted: an integer tensor cuts the decimals off,
# and nothing is raised. With a list of positions, torch refuses a tensor of another :term:`dtype`; a number is
# converted there too.

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
# On the right of ``=`` a list copies. On the left it says where to write, and nothing is copied. So pairs are written
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
# ``counts[[0, 0, 2]] += 1`` does not count to 2 at place 0. The line reads :val:`[0, 0, 0] <[0] * 3>`, adds 1 to each,
# and writes :val:`[1, 1, 1] <[0 + 1] * 3>`: place 0 gets the same 1 twice.

counts = torch.zeros(4, dtype=torch.int64)
counts[[0, 0, 2]] += 1
assert counts.tolist() == [1, 0, 1, 0]

# %%
# :meth:`torch.Tensor.index_put_` is ``x[index] = value`` as a method, for an index of lists or masks, given as a tuple
# of tensors. With ``accumulate=True`` it adds, once for each time that a place is named. (:func:`torch.index_put`,
# without the underscore, gives a new tensor.) Place 0 gets 10 + 20.

index, amounts = torch.tensor([0, 0, 2]), torch.tensor([10, 20, 30])
start = torch.tensor([1, 2, 3, 4])
total = torch.index_put(start, (index,), amounts, accumulate=True)
assert total.tolist() == [1 + 10 + 20, 2, 3 + 30, 4]
once = start.clone()
once[[3, 1]] = amounts[:2]
assert torch.equal(once, start.clone().index_put_((torch.tensor([3, 1]),), amounts[:2]))
draw(torch.index_put, (start, (index,), amounts), accumulate=True, names=["s", "index", "amounts"])

# %%
# Without ``accumulate``, and with different values for one place, one of them remains. PyTorch does not promise which.

counts[index] = amounts
assert counts[0] in (10, 20)
assert counts[2] == 30

# %%
# From scratch: a loop writes in the order of the list. With ``accumulate`` the order does not matter for integers; sums
# of floats are rounded in some order.


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
# is read. For the rows of this ``x``, torch notices and says what to do. For its columns nothing is raised, and the
# result is not defined. A clone on the right is safe for both.

with expect_error(RuntimeError, match=r"single memory location. Please clone\(\)"):
    x[1:] = x[:-1]
down = x.clone()
down[1:] = down[:-1].clone()
assert torch.equal(down[1:], x[:-1])
shifted, unsafe = x.clone(), x.clone()
unsafe[:, 1:] = unsafe[:, :-1]  # no error, and no promise
shifted[:, 1:] = shifted[:, :-1].clone()
assert shifted[2].tolist() == [10, 10, 11, 12, 13]

# %%
# *Writing into a parameter.* Autograd records calculations that lead to a :term:`gradient`. A tensor that was made with
# ``requires_grad=True``, or a parameter, is a :term:`leaf`. While autograd records, a write into it is refused. To
# write into a result instead, take a ``clone``; to change the leaf itself, use :class:`torch.no_grad`.

leaf = torch.ones(4, requires_grad=True)
for refusing in (leaf, torch.nn.Parameter(torch.ones(4))):
    with expect_error(RuntimeError, match="leaf Variable that requires grad"):
        refusing[0] = 5
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
# *A list as the value.* A list may stand between the brackets, but not on the right, and a NumPy array neither.
# :func:`torch.tensor` makes a tensor of both.

for value in ([1, 2, 3, 4, 5], torch.tensor([1, 2, 3, 4, 5]).numpy()):
    with expect_error(TypeError, match="can't assign a (list|numpy.ndarray)"):
        x[0] = value
    x[0] = torch.tensor(value)
    assert x[0].sum() == 15
# %%
# With a list in the first of two pairs of brackets, the second writes into a copy: see :ref:`advanced-indexing`. To
# write where a condition holds, see :ref:`boolean-masks`; to write to other places in each row, :ref:`scatter`.
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
        (4.0, 4.0, 4.0): "The list names the places that are written; 1 is not among them.",
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
        (1.0, 9.99, 9.99): "A write does not change the dtype of whole.",
        (1, 9, 9): "The tensor keeps its integers, and the decimals are cut off.",
        (1, 10, 10): "Cut off, not rounded.",
        TypeError: "Nothing is raised, which is why this is worth knowing.",
    },
)

# %%
# Next: :ref:`boolean-masks`, where a condition says what to take and where to write.
