"""
.. _gather:

How does torch.gather work?
===========================

``torch.gather(x, 1, index)`` takes in each row the positions that the same row of ``index`` names:
``out[i, j] == x[i, index[i, j]]``. The result has the shape of ``index``. You need to know
:ref:`indexing-and-slicing`; :ref:`index-select` is the simpler relative, with the same list for each row.
"""

# %%
# The dashed frame marks the element of ``index`` that chose. Row 1 of the index says 3 and 0, so row 1 of the result
# has the elements at places 3 and 0 of row 1.

import itertools

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.arange(10, 22).reshape(3, 4)
index = torch.tensor([[0, 2], [3, 0], [1, 1]])
out = torch.gather(x, 1, index)
assert out[1].tolist() == [x[1, 3], x[1, 0]]
draw(torch.gather, (x, 1, index), names=["x", "index"])

# %%
# With ``dim=0`` an element of the index says which *row* to look in; the column is that of the element itself:
# ``out[i, j] == x[index[i, j], j]``. What is read in a column is written in the same column.

which_row = torch.tensor([[2, 0, 1, 0], [0, 0, 2, 1]])
out = torch.gather(x, dim=0, index=which_row)
assert all(out[i, j] == x[which_row[i, j], j] for i in range(2) for j in range(4))
draw(torch.gather, (x, 0, which_row), names=["x", "which_row"])

# %%
# The rule
# --------
#
# An element of the result keeps its own indices, but on axis ``dim`` it uses the number in ``index`` instead. Here for
# any number of axes, as a loop:


def gather(x, dim, index):
    out = torch.empty(index.shape, dtype=x.dtype)
    for place in itertools.product(*map(range, index.shape)):
        source = list(place)
        source[dim] = index[place].item()
        out[place] = x[tuple(source)]
    return out


assert torch.equal(gather(x, 1, index), torch.gather(x, 1, index))
assert torch.equal(gather(x, 0, which_row), out)

# %%
# Three axes: with ``dim=1``, ``out[i, j, k] == x[i, index[i, j, k], k]``. Slice and column stay. The index says the
# row, for each element anew.

volume = torch.arange(40).reshape(2, 4, 5)
chosen = torch.tensor([[[0, 3, 1, 0, 2]], [[1, 1, 3, 2, 0]]])
assert chosen.shape == (2, 1, 5)
out = torch.gather(volume, dim=1, index=chosen)
assert all(out[i, 0, k] == volume[i, chosen[i, 0, k], k] for i in range(2) for k in range(5))
draw(torch.gather, (volume, 1, chosen), names=["volume", "chosen"])

# %%
# Shapes: the index has as many axes as ``x``. Its size on axis ``dim`` is free; on another axis it may be smaller than
# that of ``x``. A larger one is refused, if the index has elements. The loop agrees with torch on each axis of a volume
# of shape (2, 4, 5).

torch.manual_seed(0)
for dim in (0, 1, 2):
    for shape in ((1, 3, 2), (2, 1, 5), (2, 4, 5), (0, 4, 5)):
        for size in (shape[dim], 7):
            positions = torch.randint(volume.shape[dim], (*shape[:dim], size, *shape[dim + 1 :]))
            assert torch.equal(gather(volume, dim, positions), torch.gather(volume, dim, positions))
for larger in ((3, 4, 5), (2, 4, 6)):
    with expect_error(RuntimeError, match="to be no larger than self .* apart from dimension 1"):
        torch.gather(volume, 1, torch.zeros(larger, dtype=torch.int64))

# %%
# What it is for
# --------------
#
# A common use: pick one number for each row, such as the score that a classifier gave to the right class. The labels
# have shape (3,) and get an axis of size 1; ``squeeze(1)`` removes it from the result. Brackets need the row numbers,
# too.

scores, labels = (
    torch.tensor([[0.1, 0.7, 0.2, 0.0], [0.5, 0.1, 0.1, 0.3], [0.0, 0.2, 0.1, 0.7]]),
    torch.tensor([1, 3, 3]),
)
of_label = torch.gather(scores, 1, labels.unsqueeze(1)).squeeze(1)
assert torch.equal(of_label, torch.tensor([0.7, 0.3, 0.7]))
assert torch.equal(of_label, scores[torch.arange(3), labels])

# %%
# take_along_dim: gather that broadcasts
# --------------------------------------
#
# :func:`torch.take_along_dim` follows the same rule and :ref:`broadcasts <broadcasting>` ``x`` and index on the other
# axes: here one pair of positions serves the three rows. Functions that return positions go with it:
# :func:`torch.argsort`, and :func:`torch.argmax` with ``keepdim=True``.

order = torch.argsort(scores, dim=1)
assert torch.equal(torch.take_along_dim(scores, order, dim=1), scores.sort(dim=1).values)
best = scores.argmax(dim=1, keepdim=True)
assert torch.equal(torch.take_along_dim(scores, best, dim=1), scores.amax(dim=1, keepdim=True))
pair = torch.tensor([[2, 0]])
assert torch.equal(torch.take_along_dim(x, pair, dim=1), torch.gather(x, 1, pair.expand(3, 2)))
draw(torch.take_along_dim, (x, pair), dim=1, names=["x", "pair"])

# %%
# A copy, with gradients
# ----------------------
#
# The result is a :term:`copy` and has the :term:`dtype` of ``x``. The loop tries it on tensors of several data types,
# on views and others.

from ptguide.zoo import zoo

for tensor in (x, *zoo(axes=2).values()):
    everything = torch.gather(tensor, 1, torch.arange(tensor.shape[1]).expand(tensor.shape))
    assert not shares_memory(tensor, everything)
    torch.testing.assert_close(everything, tensor, rtol=0, atol=0, equal_nan=True)

# %%
# The index is :val:`int64 <index.dtype>` (``gather`` takes integers of 32 bits, too) and has no gradient. The
# :term:`gradient` of an element of ``x`` is the sum over its copies: the backward step of ``gather`` is
# ``scatter_add``, see :ref:`scatter`.

w = torch.ones(3, 4, requires_grad=True)
upstream = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
(torch.gather(w, 1, index) * upstream).sum().backward()
assert torch.equal(w.grad, torch.zeros(3, 4).scatter_add(1, index, upstream))
assert w.grad[2].tolist() == [0, 5 + 6, 0, 0]
assert torch.equal(torch.gather(x, 1, index.to(torch.int32)), torch.gather(x, 1, index))

# %%
# What goes wrong
# ---------------
#
# *The index has too few axes*: labels of shape (3,) for scores of shape (3, 4). A second axis is missing. With
# ``unsqueeze(0)`` nothing is raised, and the three numbers come from row 0.

with expect_error(RuntimeError, match="Index tensor must have the same number of dimensions"):
    torch.gather(scores, 1, labels)
wrong = torch.gather(scores, 1, labels.unsqueeze(0))
assert wrong.shape == (1, 3)
assert torch.equal(wrong[0], scores[0, labels])

# %%
# This mistake is silent, since ``gather`` does not broadcast. An axis of size 1 in the index is not stretched; the
# result has size 1, too, and the other rows of ``x`` are ignored.

assert torch.gather(x, 1, pair).tolist() == [[x[0, 2], x[0, 0]]]

# %%
# *A position that does not exist.* ``gather`` refuses it, and a negative one too. ``take_along_dim`` counts -1 from the
# end. But it also takes position 4 of 4 for 0, and 9 for 1: the remainder of a division by the size, without an error.
# So check positions before you give them to it.

four, minus = torch.tensor([[4], [0], [0]]), torch.tensor([[-1], [0], [0]])
for wrong in (four, minus):
    with expect_error(RuntimeError, match="out of bounds for dimension 1 with size 4"):
        torch.gather(x, 1, wrong)
for position in (-9, -1, 4, 9):
    taken = torch.take_along_dim(x, torch.tensor([[position]]), dim=1)
    assert torch.equal(taken, x[:, position % 4, None])

# %%
# Neighbours: :ref:`index-select` has the same list for each row. :ref:`advanced-indexing` names row and column of each
# element. :ref:`scatter` writes where ``gather`` reads.
#
# Check yourself
# --------------

log_p = torch.zeros(8, 10, 6)
tokens = torch.zeros(8, 10, 1, dtype=torch.int64)
ask(
    "log_p has shape (8, 10, 6). Which shape has the index that picks one of the last 6 for each of the 8 × 10?",
    answer=tokens.shape if torch.gather(log_p, 2, tokens).shape == (8, 10, 1) else None,
    choices={
        (8, 10): "gather wants as many axes as log_p has.",
        (8, 10, 1): "One position for each pair; squeeze then removes the axis of size 1.",
        (1, 1, 6): "The index has the shape of the result; this would give 6 numbers.",
    },
)

# %%
# By value:

small = torch.tensor([[1, 2], [3, 4]])
ask(
    f"small is {small.tolist()}. What is torch.gather(small, 0, torch.tensor([[1, 0]]))?",
    answer=torch.gather(small, 0, torch.tensor([[1, 0]])),
    choices={
        ((2, 1),): "So it is along axis 1: positions 1 and 0 of row 0.",
        ((3, 2),): "Column 0 is read in row 1, column 1 in row 0.",
        ((3, 4), (1, 2)): "That moves whole rows, as index_select does.",
    },
)

# %%
# Next: :ref:`scatter`, the same rule with reading and writing exchanged.
