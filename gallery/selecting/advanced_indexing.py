"""
.. _advanced-indexing:

What does indexing with a list or a tensor do?
==============================================

``x[[3, 0, 0]]`` picks rows by a list of positions: row 3, then row 0 twice. The result is a :term:`copy`. Two lists
pick *pairs*, not a block. You need to know :ref:`indexing-and-slicing`.
"""

# %%
# The positions may stand in a list, a NumPy array or an integer tensor, as here. Touch an element of the result to
# see where it came from.

import itertools

import numpy
import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_index
from ptguide.tensors import shares_memory

x = torch.arange(20).reshape(5, 4)


def pick(x, index):
    return x[index]


assert torch.equal(x[[3, 0, 0]], pick(x, torch.tensor([3, 0, 0])))
draw(pick, (x, torch.tensor([3, 0, 0])), names=["x", "index"])

# %%
# The list replaces the axis, which was 5 long and is now as long as the list. With ``:`` in front, the list is for
# axis 1, as in :ref:`index-select`. A tuple is no list: ``x[pair]`` with ``pair = (3, 0)`` is ``x[3, 0]``, one
# element.

for three in ([3, 0, 0], numpy.array([3, 0, 0]), torch.tensor([3, 0, 0])):
    assert torch.equal(x[three], torch.stack([x[3], x[0], x[0]]))
assert torch.equal(x[:, [3, 0]], torch.stack([x[:, 3], x[:, 0]], dim=1))
pair = (3, 0)
assert torch.equal(x[pair], x[3, 0])

# %%
# Two lists pick pairs
# --------------------
#
# Lists are read in parallel: element ``k`` of the result stood at row ``rows[k]`` and column ``columns[k]``. Two rows
# and two columns cross in 4 elements, but the result has 2.

rows, columns = torch.tensor([3, 0]), torch.tensor([3, 1])


def pick_pairs(x, rows, columns):
    return x[rows, columns]


assert x[rows, columns].tolist() == [x[3, 3], x[0, 1]]
draw(pick_pairs, (x, rows, columns), names=["x", "rows", "columns"])

# %%
# The lists are :ref:`broadcast <broadcasting>` first. So for a block, give one of them a second axis: row numbers of
# shape :val:`(2, 1) <rows[:, None].shape>` and column numbers of shape (3,) give every pair, shape (2, 3).

three = torch.tensor([3, 0, 1])
block = x[rows[:, None], three]
assert block.shape == (2, 3)
assert torch.equal(block, x[rows][:, three])
assert all(block[i, j] == x[rows[i], three[j]] for i in range(2) for j in range(3))

# %%
# A tensor as index may have any shape, and the result has this shape in place of the picked axis. This is how a model
# looks up words in a table with one row for each word: word numbers of shape (sentence, position) give rows of shape
# (sentence, position, feature). See :class:`torch.nn.Embedding`.

words = torch.tensor([[1, 3, 0], [0, 1, 1]])
assert x[words].shape == (2, 3, 4)
assert torch.equal(torch.nn.functional.embedding(words, x), x[words])
for shape in ((), (0,), (1,), (2, 3), (3, 1, 2)):
    index = torch.ones(shape, dtype=torch.int64)
    assert torch.equal(x[index], x[1].expand(*shape, 4))
draw(pick, (x, words), names=["x", "words"])

# %%
# Where the picked axes land
# --------------------------
#
# Let the lists broadcast to shape :math:`B`. If they stand side by side, :math:`B` takes the place of the axes they
# picked from. If a slice, or a new axis, stands between them, there is no such place, and :math:`B` comes *first*.

volume = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
some, others = [0, 1, 1, 0, 1, 0], [2, 1, 0, 0, 1, 2]  # 6 of each
assert volume[:, some, others].shape == (2, 6, 5)
assert volume[:, some, :, others].shape == (6, 2, 4)
assert volume[:, some, None, others].shape == (6, 2, 1, 5)
assert torch.equal(volume[:, some, :, others][5], volume[:, some[5], :, others[5]])
explain_index(volume, (slice(None), some, slice(None), others))

# %%
# An integer is no list here: torch applies it first, which removes its axis. NumPy counts it as a list, so the same
# index gives another shape there.

assert volume[0, :, :, some].shape == (3, 4, 6)
assert volume.numpy()[0, :, :, some].shape == (6, 3, 4)

# %%
# From scratch: the rule as a loop, for lists that stand side by side from axis 0 on.


def pick_by_loop(x, *lists):
    lists = torch.broadcast_tensors(*lists)
    result = x.new_empty(lists[0].shape + x.shape[len(lists) :])
    for place in itertools.product(*map(range, lists[0].shape)):
        result[place] = x[tuple(int(one[place]) for one in lists)]
    return result


assert torch.equal(pick_by_loop(x, words), x[words])
assert torch.equal(pick_by_loop(x, rows[:, None], three), block)
assert torch.equal(
    pick_by_loop(volume, words % 2, columns[0] - 1, three), volume[words % 2, columns[0] - 1, three]
)

# %%
# A copy
# ------
#
# Positions such as 3, 0, 0 have no common :term:`stride`, so no view can show them. torch copies the elements even for
# ``[0, 1, 2]``. ``zoo`` has tensors of several data types, views and others: a list copies from each of them. An
# integer tensor without axes is no list: as an index it is an integer, and gives a view.

from ptguide.zoo import zoo

for tensor in zoo(axes=(1, 2, 3)).values():
    assert not shares_memory(tensor, tensor[list(range(len(tensor)))])
assert not shares_memory(x, x[[0, 1, 2]])
assert shares_memory(x, x[0:3])
assert shares_memory(x, x[torch.tensor(3)])

# %%
# The :term:`gradient` of an element that was picked twice is the sum.

w = torch.ones(5, requires_grad=True)
(w[[4, 0, 0]] * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
assert w.grad.tolist() == [110, 0, 0, 0, 1]

# %%
# What goes wrong
# ---------------
#
# *Chained assignment.* ``x[[0, 2]][:, 1] = -1`` is two steps: the first makes a copy, the second writes into it, and
# the copy is thrown away. There is no error and no effect. With one pair of brackets the write goes into ``x``. With a
# slice in front it does too, because a slice is a view.

before = x.clone()
x[[0, 2]][:, 1] = -1
assert torch.equal(x, before)
x[[0, 2], 1] = -1
assert x[:, 1].tolist() == [-1, 5, -1, 13, 17]
x[0:2][:, 1] = -2
assert x[:, 1].tolist() == [-2, -2, -1, 13, 17]

# %%
# *A block was meant, pairs were asked for.* Lists that can't be broadcast are refused. Lists of one length are not, and
# the result is the diagonal of the block.

with expect_error(IndexError, match=r"could not be broadcast together with shapes \[2\], \[3\]"):
    x[rows, three]
assert torch.equal(x[rows, columns], x[rows][:, columns].diagonal())

# %%
# *A list of lists.* One list in another is read as if it were a tuple: each inner list picks from an axis of its own.
# torch warns of it. Make a tensor of it, or a tuple if you mean pairs.

from ptguide.errors import expect_warning

nested = [[3, 0], [3, 1]]
with expect_warning(
    UserWarning, match="non-tuple sequence for multidimensional indexing is deprecated"
):
    assert torch.equal(x[nested], x[[3, 0], [3, 1]])
assert x[torch.tensor(nested)].shape == (2, 2, 4)

# %%
# *The wrong kind of number.* In a tensor, positions are :val:`int64 <rows.dtype>` or :val:`int32 <rows.int().dtype>`;
# floats and shorter integers are refused. Negative positions count from the end, and one that lies outside is refused.
# Truth values are a :term:`mask` and follow :ref:`another rule <boolean-masks>`.

for dtype in (torch.float32, torch.int16, torch.int8):
    with expect_error(IndexError, match="must be long, int, byte or bool"):
        x[rows.to(dtype)]
for outside in (5, -6):
    with expect_error(IndexError, match=f"index {outside} is out of bounds"):
        x[[0, outside]]
assert torch.equal(x[[-2, 0]], x[rows.to(torch.int32)])
assert x[[1, 0, 1, 0, 0]].shape == (5, 4)
assert x[[True, False, True, False, False]].shape == (2, 4)

# %%
# Neighbours: :ref:`index-select` is ``x[:, index]`` with the axis as a number; :ref:`gather` takes positions of its own
# in each row; :func:`torch.take` counts through the elements as if ``x`` had one axis.

assert torch.equal(torch.index_select(x, 1, rows), x[:, rows])
assert torch.equal(torch.gather(x, 1, words[:, :1]).flatten(), x[[0, 1], words[:, 0]])
assert torch.equal(torch.take(x, torch.tensor([7, 0])), x.flatten()[[7, 0]])

# %%
# Check yourself
# --------------

logits = torch.zeros(8, 10)
labels = torch.tensor([3, 9, 0, 1, 1, 2, 7, 5])
ask(
    "logits has shape (8, 10), labels holds 8 class numbers. What is the shape of logits[torch.arange(8), labels]?",
    answer=logits[torch.arange(8), labels].shape,
    choices={
        (8,): "Pairs (0, labels[0]), (1, labels[1]), …: the logit of the label, for each example.",
        (8, 8): "logits[:, labels] gives this: all 8 columns for every row.",
        (8, 10): "Both axes are picked from; neither is kept whole.",
    },
)

# %%
# Where does the new axis go?

z = torch.zeros(5, 6, 7)
ask(
    "z has shape (5, 6, 7). What is the shape of z[[0, 1], :, [2, 3]]?",
    answer=z[[0, 1], :, [2, 3]].shape,
    choices={
        (2, 6): "The lists give 2 pairs; a slice stands between them, so their axis comes first.",
        (2, 6, 2): "That would be the block; two lists pick pairs.",
        (6, 2): "That is z[0, :, [2, 3]]: the integer goes first, and one list stays in place.",
    },
)

# %%
# Next: :ref:`assigning-through-an-index`, where such an index stands on the left.
