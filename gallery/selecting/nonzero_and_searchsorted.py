"""
.. _nonzero-and-searchsorted:

At which positions does a condition hold, and where does a value belong?
========================================================================

You want the positions of a token in a batch, as numbers, or the interval into which a value falls.
:func:`torch.nonzero` lists the positions of True, and :func:`torch.searchsorted` finds a place in a sorted list.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
x = torch.tensor([[30, 0, 10, 0], [0, 0, 50, 70], [40, 0, 0, 20]])
row_colors = torch.where(x != 0, torch.arange(3)[:, None], 4)  # 4 is gray
places = x.nonzero()
colors = [row_colors, places[:, :1].expand(6, 2)]

# %%

draw([x, x.nonzero()], ["x", "x.nonzero()"], colors=colors)

# %%
# The result has one row for each element that is not 0. This row holds the element's row and column in ``x``. Its color
# is that of the row of ``x``. You need to know :ref:`boolean-masks`.
#
# The rule of nonzero
# -------------------
#
# The shape of the result is (elements that are not 0, axes of ``x``), in the order in which ``x`` is read. False counts
# as 0, so a condition works as well. With ``as_tuple=True`` the columns of the result come as separate tensors, which
# you can put :ref:`between brackets <advanced-indexing>`. ``torch.where(condition)`` gives this tuple, too.

rows, columns = (x > 25).nonzero(as_tuple=True)
print(list(zip(rows.tolist(), columns.tolist(), strict=True)))
assert torch.equal(x[rows, columns], x[x > 25])
assert all(map(torch.equal, torch.where(x > 25), (rows, columns)))

# %%
# searchsorted: where does a value belong?
# ----------------------------------------
#
# ``searchsorted`` says where a value can be inserted so that the list stays sorted. 15 goes before the 20, at place 1.
# 35 goes to the end, at place 3. The result has the shape of the values.

limits, values = torch.tensor([10, 20, 30]), torch.tensor([5, 10, 15, 30, 35])
found = torch.searchsorted(limits, values)
assert found.tolist() == [0, 0, 1, 2, 3]
draw([limits, values, found], ["limits", "values", "found"], colors=[torch.arange(3), found, found])

# %%
# A value that equals a limit goes before it, and with ``right=True`` behind it. So the place is the number of limits
# that are less than the value. With ``right=True``, equal ones count, too. :func:`torch.bucketize` is the same function
# with the arguments exchanged.


def searchsorted(limits, values, right=False):
    before = limits <= values[..., None] if right else limits < values[..., None]
    return before.sum(dim=-1)


for right in (False, True):
    found = torch.searchsorted(limits, values, right=right)
    print(f"right={right}:", found.tolist())
    assert torch.equal(found, searchsorted(limits, values, right))
    assert torch.equal(found, torch.bucketize(values, limits, right=right))

# %%
# .. use-this::
#
#    To take, count or replace elements, use :ref:`the mask itself <boolean-masks>`: ``nonzero`` is for positions that
#    you print, keep or compute with. The size of the result depends on the values, so on a GPU Python waits for them.
#    For intervals, write ``torch.bucketize(values, limits)``, with ``right=True`` if a limit belongs to the interval
#    above it. Positions are :val:`int64 <x.nonzero().dtype>` and have no gradient.
#
# Common mistakes
# ---------------
#
# **The table of positions between the brackets.** ``tall[tall.nonzero()]`` reads each number that ``nonzero`` gives,
# columns included, as a row of ``tall``. Nothing is raised here, and the result has three axes. Use ``as_tuple=True``,
# or the mask.

tall = torch.tensor([[1, 0, 2], [0, 3, 0], [0, 0, 0], [4, 5, 0]])
print(tuple(tall[tall.nonzero()].shape), "and not", tall[tall.nonzero(as_tuple=True)].tolist())
assert torch.equal(tall[tall != 0], tall[tall.nonzero(as_tuple=True)])

# %%
# **A list that is not sorted.** ``searchsorted`` does not check the order of the list, and gives wrong places without
# an error. Sort the list first, or give its :func:`torch.argsort` as ``sorter``.

shuffled = torch.tensor([30, 10, 20])
print(torch.searchsorted(shuffled, values).tolist(), "and not", end=" ")
print(torch.searchsorted(shuffled, values, sorter=shuffled.argsort()).tolist())

# %%
# How this was checked


def nonzero(x):
    grid = torch.cartesian_prod(*[torch.arange(size) for size in x.shape])
    return grid.reshape(-1, x.dim())[x.flatten() != 0]


volume = torch.randint(2, (2, 3, 4))
for tensor in (x, volume, x[0], x[:, 1], x[:, :0], volume[:, :2, None]):
    assert torch.equal(nonzero(tensor), tensor.nonzero())
    assert torch.equal(torch.argwhere(tensor), tensor.nonzero())
    assert tensor.nonzero().shape == (torch.count_nonzero(tensor), tensor.dim())
for tensor in zoo().values():
    listed = tensor.nonzero()
    assert (listed.dtype, listed.requires_grad) == (torch.int64, False)
    assert torch.equal(listed, (tensor != 0).nonzero())
assert torch.tensor([0, 6, 0, 8]).nonzero().tolist() == [[1], [3]]
assert torch.tensor(5).nonzero().shape == (1, 0)
assert len(torch.tensor(5).nonzero(as_tuple=True)) == 1
w = torch.tensor([1.0, float("nan"), -0.0], requires_grad=True)
assert w.nonzero().flatten().tolist() == [0, 1]
for right in (False, True):
    for sorted_list in (limits, limits[:0], torch.tensor([10, 10, 30])):
        for v in (values, x, x[:, :0]):
            theirs = torch.searchsorted(sorted_list, v, right=right)
            assert theirs.dtype == torch.int64
            assert torch.equal(searchsorted(sorted_list, v, right), theirs)
found = torch.searchsorted(limits, values)
assert torch.searchsorted(shuffled, values).tolist() != found.tolist()
assert torch.equal(torch.searchsorted(shuffled, values, sorter=torch.argsort(shuffled)), found)
assert torch.searchsorted(limits.float(), torch.tensor([float("nan")])) == 3
assert not shares_memory(found, torch.searchsorted(limits, found))
own = torch.stack([limits, limits * 10])  # one list for each row
assert torch.searchsorted(own, torch.tensor([[15, 25], [15, 250]])).tolist() == [[1, 2], [0, 2]]
# A place may be one past the end of the list.
with expect_error(IndexError, match="index 3 is out of bounds"):
    limits[found]
with expect_error(IndexError, match="index 3 is out of bounds"):
    x[x.nonzero()]

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
# The next value equals a limit.

ask(
    f"limits is {limits.tolist()}. What is torch.searchsorted(limits, 20, right=True)?",
    answer=torch.searchsorted(limits, 20, right=True).item(),
    choices={
        1: "That is the left side of the 20, which is the default.",
        2: "It goes behind the 20: two elements are 20 or less.",
        3: "The last is greater than 20, so the place is before it.",
    },
)

# %%
# **Exercise.** Texts of different lengths are put one after the other, so that no padding is needed. Return for each
# position of the joined texts the number of its text. Lengths of 2 and 3 give 0, 0, 1, 1, 1.


def by_loop(lengths):
    return torch.tensor([text for text, n in enumerate(lengths.tolist()) for _ in range(n)])


cases = [
    (torch.tensor([2, 3]),),
    (torch.tensor([1, 0, 4]),),
    (torch.randint(1, 6, (5,)),),
]
forbidden = ["repeat_interleave", "cat", "one_hot"]


def text_numbers(lengths):
    raise NotImplementedError


check(text_numbers, by_loop, cases, without=forbidden)

# %%
# The running sums of the lengths are the ends of the texts. A position that equals an end belongs to the next text.

# Solution


def text_numbers(lengths):
    ends = lengths.cumsum(0)
    return torch.searchsorted(ends, torch.arange(ends[-1]), right=True)


report = check(text_numbers, by_loop, cases, without=forbidden)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`one-hot` turns a position into a row of zeros with a single one.
#
# - PyTorch contributors (2026). `torch.searchsorted
#   <https://docs.pytorch.org/docs/stable/generated/torch.searchsorted.html>`__. Its table says which side ``right``
#   takes.
# - NumPy developers (2026). `numpy.searchsorted
#   <https://numpy.org/doc/stable/reference/generated/numpy.searchsorted.html>`__. The same function in NumPy, where
#   ``side`` says what ``right`` says here.
