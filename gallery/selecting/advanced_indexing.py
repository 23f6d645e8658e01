"""
.. _advanced-indexing:

What does indexing with a list or a tensor do?
==============================================

``x[[3, 0, 0]]`` picks places by a list of positions, in any order and as often as you like. The result is always a
:term:`copy`. Several lists pick *pairs*, not a block. You need to know :ref:`indexing-and-slicing`.
"""

# %%
# A list of positions for axis 0: row 3, then row 0 twice. A list, a NumPy array and an integer tensor mean the same.

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


draw(pick, (x, torch.tensor([3, 0, 0])), names=["x", "index"])

# %%
# The list makes the axis anew: it was 5 long and is now as long as the list. With ``:`` in front, the list is for
# axis 1, as in :ref:`index-select`. A tuple is no list: ``x[pair]`` with ``pair = (3, 0)`` is ``x[3, 0]``, one
# element.

assert torch.equal(x[[3, 0, 0]], torch.stack([x[3], x[0], x[0]]))
assert torch.equal(x[numpy.array([3, 0, 0])], x[torch.tensor([3, 0, 0])])
assert torch.equal(x[:, [3, 0]], torch.stack([x[:, 3], x[:, 0]], dim=1))
pair = (3, 0)
assert torch.equal(x[pair], x[3, 0])

# %%
# Two lists pick pairs
# --------------------
#
# Lists are read in parallel: element ``k`` of the result is at row ``rows[k]`` and column ``columns[k]``. Not the 4
# elements where two rows and two columns cross, but 2.

rows, columns = torch.tensor([3, 0]), torch.tensor([3, 1])


def pick_pairs(x, rows, columns):
    return x[rows, columns]


assert x[rows, columns].tolist() == [x[3, 3], x[0, 1]]
draw(pick_pairs, (x, rows, columns), names=["x", "rows", "columns"])

# %%
# The lists are :ref:`broadcast <broadcasting>` first. So for a block, stand one of them up: a column of rows, shape
# :val:`(2, 1) <rows[:, None].shape>`, against a row of columns, shape (3,), gives every pair, shape (2, 3).

three = torch.tensor([3, 0, 1])
block = x[rows[:, None], three]
assert block.shape == (2, 3)
assert torch.equal(block, x[rows][:, three])
assert all(block[i, j] == x[rows[i], three[j]] for i in range(2) for j in range(3))

# %%
# An index may have any shape, and the result has it in place of the picked axis. So a table with one row per word is
# read: word numbers of shape (sentence, position) give rows of shape (sentence, position, feature).

words = torch.tensor([[1, 3, 0], [0, 1, 1]])
assert x[words].shape == (2, 3, 4)
assert torch.equal(x[words][1, 2], x[words[1, 2]])
draw(pick, (x, words), names=["x", "words"])

# %%
# Where the picked axes land
# --------------------------
#
# Let the lists broadcast to shape :math:`B`. If they stand side by side, :math:`B` takes the place of the axes they
# picked from. If a slice or ``None`` stands between them, there is no such place, and :math:`B` comes *first*.

volume = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
some, others = [0, 1, 1, 0, 1, 0], [2, 1, 0, 0, 1, 2]  # 6 of each
assert volume[:, some, others].shape == (2, 6, 5)
assert volume[:, some, :, others].shape == (6, 2, 4)
assert torch.equal(volume[:, some, :, others][5], volume[:, some[5], :, others[5]])
explain_index(volume, (slice(None), some, slice(None), others))

# %%
# An integer is no list here: torch takes it first, and its axis is gone. NumPy counts it as a list, so the same index
# gives another shape there.

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
# Positions in any order have no :term:`stride`, so no view can show them: the elements are copied, even for
# ``[0, 1, 2]``. Any dtype can be picked from. The :term:`gradient` of an element that was picked twice is the sum.

assert not shares_memory(x, x[[0, 1, 2]])
assert shares_memory(x, x[0:3])
w = torch.ones(5, requires_grad=True)
(w[[4, 0, 0]] * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
assert w.grad.tolist() == [110, 0, 0, 0, 1]

# %%
# What goes wrong
# ---------------
#
# *Chained assignment.* ``x[[0, 2]][:, 1] = -1`` is two steps: the first makes a copy, the second writes into it, and
# the copy is thrown away. No error, no effect. With one pair of brackets the write goes into ``x``; with a slice in
# front it does too, because that is a view.

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
# *The wrong kind of number.* Positions are int64 or int32; negative ones count from the end, and none may lie outside.
# Truth values are a :term:`mask` and follow :ref:`another rule <boolean-masks>`.

with expect_error(IndexError, match="must be long, int, byte or bool"):
    x[rows.to(torch.float32)]
with expect_error(IndexError, match="index 5 is out of bounds"):
    x[[0, 5]]
assert torch.equal(x[[-2, 0]], x[rows.to(torch.int32)])
assert x[[1, 0, 1, 0, 0]].shape == (5, 4)
assert x[[True, False, True, False, False]].shape == (2, 4)

# %%
# Neighbours: :ref:`index-select` is ``x[:, index]`` with the axis as a number; :ref:`gather` takes another position in
# every row; :func:`torch.take` counts through all elements as if ``x`` had one axis.

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
