"""
.. _unbind-split-and-chunk:

How do I cut a tensor into pieces with unbind, split or chunk?
==============================================================

:func:`torch.unbind` gives a tuple of the slices along an :term:`axis`, and that axis is gone: it is the inverse of
:ref:`stack <stack>`. :func:`torch.split` and :func:`torch.chunk` give a tuple of pieces that keep the axis: ``split``
with the list of the sizes undoes :ref:`cat <cat>`, and ``chunk`` does where the sizes were equal. Each piece is a
:term:`view`. You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# A matrix of 3 rows and 4 columns, cut along axis 0, gives 3 vectors: its rows. Cut along axis 1, it gives 4: its
# columns. Choose a ``dim``, and touch an element to see where it came from.

import math

import torch

from ptguide.errors import expect_error
from ptguide.pictures import Choice, draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

matrix = torch.arange(12).reshape(3, 4)
draw(torch.unbind, matrix, dim=Choice(0, 1), names=["matrix"])

# %%
# The one rule is that piece ``k`` is what is left when index ``k`` is fixed
# on that axis: ``x.unbind(d)[k]`` is ``x.select(d, k)``.

columns = matrix.unbind(1)
assert (type(columns), len(columns), columns[0].shape) == (tuple, 4, (3,))
assert torch.equal(columns[2], matrix[:, 2])
rows = matrix.unbind(0)
assert (len(rows), rows[0].shape) == (3, (4,))
for d, pieces in enumerate([rows, columns]):
    for k, piece in enumerate(pieces):
        assert torch.equal(piece, matrix.select(d, k))

# %%
# A :term:`vector` gives its elements, each a tensor without axes. ``unbind`` refuses a tensor without axes.

assert [piece.shape for piece in torch.tensor([7, 8]).unbind()] == [(), ()]
with expect_error(IndexError, match="tensor has no dimensions"):
    torch.tensor(7).unbind()

# %%
# Three axes
# ----------
#
# Along axis 0 the pieces are the 2 slices as they are drawn. Along axis 1 there are 3: the first row of every slice,
# the second, the third. Along axis 2 there are 5: column ``k`` of every slice. The size of the cut axis is the number
# of pieces, and what is left is their shape.

x = torch.arange(30).reshape(2, 3, 5)
for d, left in enumerate([(3, 5), (2, 5), (2, 3)]):
    assert [piece.shape for piece in x.unbind(d)] == [left] * x.shape[d]
    assert all(torch.equal(piece, x.select(d, k)) for k, piece in enumerate(x.unbind(d)))
draw(torch.unbind, x, dim=Choice(1, 2, 0))

# %%
# So for a shape :math:`(s_0, \ldots, s_{n-1})`, ``unbind(d)`` gives :math:`s_d` tensors of that shape without
# :math:`s_d`. If there is one at least, :ref:`stack <stack>` along the same axis puts them back. From scratch:


def unbind(x, dim=0):
    return tuple(x.select(dim, k) for k in range(x.shape[dim]))


for dim in (-3, -2, -1, 0, 1, 2):
    pieces = x.unbind(dim)
    print(f"dim={dim}: {len(pieces)} of shape {tuple(pieces[0].shape)}")
    torch.testing.assert_close(unbind(x, dim), pieces, rtol=0, atol=0)
    assert torch.equal(torch.stack(pieces, dim), x)

assert torch.zeros(0, 3).unbind() == ()
with expect_error(RuntimeError, match="stack expects a non-empty TensorList"):
    torch.stack(torch.zeros(0, 3).unbind())

# %%
# A ``for`` loop over a tensor, and assigning to several names, are ``unbind(0)``.

for row, piece in zip(matrix, matrix.unbind(0), strict=True):
    assert torch.equal(row, piece)
first, second, third = matrix
assert torch.equal(third, matrix[2])

# %%
# split and chunk keep the axis
# -----------------------------
#
# ``split(n)`` cuts pieces *of size n*, the last one smaller if need be. ``split`` also takes a list of the sizes.
# ``chunk(n)`` cuts *into at most n pieces*. Each piece of ``split(1, dim=1)`` has one axis more than that of
# ``unbind(dim=1)``: its size is 1.

assert [tuple(piece.shape) for piece in matrix.split(1, dim=1)] == [(3, 1)] * 4
assert [tuple(piece.shape) for piece in matrix.unbind(dim=1)] == [(3,)] * 4
draw(torch.split, (x, [4, 1]), dim=2)

# %%
# In two chunks, 7 columns are shared out as 4 and 3.

draw(torch.chunk, (torch.arange(35).reshape(5, 7), 2), dim=1)

# %%
# ``chunk(4)`` need not give 4 pieces. Of 9 elements it rounds their size up, to ⌈9/4⌉ = 3, and is done after three.
# Where the number matters, :func:`torch.tensor_split` gives as many pieces as you ask for. The first of them are one
# longer, if there is a rest.

line = torch.arange(9)
for n in range(2, 12):
    ways = {"split": line.split(n), "chunk": line.chunk(n), "tensor_split": line.tensor_split(n)}
    sizes = {way: [len(piece) for piece in pieces] for way, pieces in ways.items()}
    print(f"n={n}: " + ", ".join(f"{way} {found}" for way, found in sizes.items()))
    assert sizes["chunk"] == [len(piece) for piece in line.split(math.ceil(9 / n))]
    assert sizes["tensor_split"] == [9 // n + 1] * (9 % n) + [9 // n] * (n - 9 % n)

assert len(line.chunk(4)) == 3

# %%
# The pieces are slices one after the other, and :ref:`cat <cat>` along the same axis puts them together again. From
# scratch, for an axis that has elements:


def split(x, sizes, dim=0):
    if isinstance(sizes, int):
        sizes = [min(sizes, x.shape[dim] - start) for start in range(0, x.shape[dim], sizes)]
    return tuple(x.narrow(dim, sum(sizes[:k]), size) for k, size in enumerate(sizes))


for sizes, dim in ((2, 0), (2, 1), (3, 2), ([1, 2], 1), ([3, 0, 2], -1)):
    torch.testing.assert_close(split(x, sizes, dim), x.split(sizes, dim), rtol=0, atol=0)
    assert torch.equal(torch.cat(x.split(sizes, dim), dim), x)
    assert torch.equal(torch.cat(x.chunk(2, dim), dim), x)
    assert torch.equal(torch.cat(x.tensor_split(4, dim), dim), x)

# %%
# You need this where one layer computes three things at once: ``chunk`` takes them apart. Equal pieces can also be
# given an axis, by :ref:`unflatten <flatten-and-unflatten>`.

together = torch.arange(30).reshape(5, 6)  # (T, 3·D)
query, key, value = together.chunk(3, dim=-1)
assert query.shape == key.shape == value.shape == (5, 2)
assert torch.equal(together.unflatten(-1, (3, 2)).unbind(1)[1], key)

# %%
# Memory, gradients, data types
# -----------------------------
#
# Each piece is a view: no element is copied, whatever the :term:`dtype`, and writing into a piece changes the
# tensor. The loop asks this of tensors of many layouts, where a piece has elements.

whole = torch.zeros(3, 4)
for y in [whole, *zoo(axes=2).values()]:
    for pieces in (y.unbind(1), y.split(3, 1), y.chunk(2, 1), y.tensor_split(3, 1)):
        for piece in pieces:
            assert shares_memory(piece, y) == (piece.numel() > 0)

whole.unbind(1)[2].fill_(5)
assert whole[0].tolist() == [0, 0, 5, 0]
assert whole.bool().unbind()[0].tolist() == [False, False, True, False]

# %%
# The :term:`gradient` of a piece arrives at its place; that of pieces that were not used is 0.

w = torch.ones(3, 4, requires_grad=True)
(w.unbind(1)[2] * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
assert w.grad.tolist() == [[0, 0, 1, 0], [0, 0, 2, 0], [0, 0, 4, 0]]

# %%
# What goes wrong
# ---------------
#
# A size of 3 is read as "into three". And sizes in a list have to add up: neither too few nor too many elements will
# do.

with expect_error(ValueError, match="not enough values to unpack"):
    q, k, v = together.split(3, dim=-1)

for sizes in ([4, 4], [4, 6]):
    with expect_error(RuntimeError, match="expects split_sizes to sum exactly to 9"):
        line.split(sizes)

# %%
# While a calculation is recorded for gradients, the pieces of ``unbind`` and ``split`` can't be written into
# :term:`in place`. A single view, made by an index, can, and so can the pieces of ``tensor_split``.

doubled = torch.ones(2, 3, requires_grad=True) * 2
for pieces in (doubled.unbind(), doubled.split(1)):
    with expect_error(RuntimeError, match="output of a function that returns multiple views"):
        pieces[0].mul_(10)

doubled[0].mul_(10)
doubled.tensor_split(2)[1].mul_(100)
assert doubled.tolist() == [[20, 20, 20], [200, 200, 200]]

# %%
# Check yourself
# --------------

pieces = torch.zeros(5, 7, 2).unbind(1)
ask(
    "What does torch.zeros(5, 7, 2).unbind(1) give?",
    answer=f"{len(pieces)} tensors of shape {tuple(pieces[0].shape)}",
    choices={
        "7 tensors of shape (5, 2)": "One for each index on axis 1, and that axis is gone.",
        "7 tensors of shape (5, 1, 2)": "That is split with a size of 1, which keeps the axis.",
        "5 tensors of shape (7, 2)": "Those are cut along axis 0.",
    },
)

# %%
# With a number that does not divide the size:

ask(
    "What are the sizes of torch.arange(10).split(4)?",
    answer=[len(piece) for piece in torch.arange(10).split(4)],
    choices={
        (3, 3, 2, 2): "That is tensor_split: four pieces.",
        (4, 4, 2): "Pieces of size 4, and what is left.",
        (3, 3, 3, 1): "That is chunk: four pieces, of size ⌈10/4⌉ = 3.",
    },
)

# %%
# Next: :ref:`repeat-and-expand`.
