"""
.. _indexing-and-slicing:

How do I index and slice a tensor?
==================================

``x[1:, ::2]`` takes a part of a tensor: between the brackets stands one integer or slice for each :term:`axis`. The
result is a :term:`view`: nothing is copied. You need to know :ref:`what a shape is <what-is-a-tensor>`;
:ref:`strides-and-storage` says why no copy is needed.
"""

# %%
# Rows from 1 on, and columns 0, 2 and 4. Touch an element of the result to see which one of ``x`` it is.

import itertools
import math

import numpy
import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask
from ptguide.rules import explain_index
from ptguide.tensors import shares_memory

x = torch.arange(18).reshape(3, 6)


def every_second_column(x):
    return x[1:, ::2]


draw(every_second_column, x)

# %%
# The rule, entry by entry
# ------------------------
#
# From left to right, an integer or a slice is for the next axis. An *integer* takes one place, and the axis disappears.
# A *slice* ``start:stop:step`` keeps the axis; ``stop`` is exclusive. ``None`` makes a new axis of size 1. Axes without
# an entry are kept whole.

assert x[1, 4].shape == ()
assert x[:, 1:6:2].shape == (3, 3)
assert x[:, None].shape == (3, 1, 6)
assert (x[1].shape, x[1:2].shape) == ((6,), (1, 6))

# %%
# How many places does a slice keep? :math:`\lceil (\text{stop} - \text{start}) / \text{step} \rceil`, for bounds from
# 0 to the size of the axis, with ``start`` not after ``stop``. With ``start`` after ``stop``, the slice is empty.

for start, step in itertools.product(range(7), (1, 2, 3)):
    for stop in range(start, 7):
        assert len(x[0, start:stop:step]) == math.ceil((stop - start) / step)
    for stop in range(start):
        assert len(x[0, start:stop:step]) == 0

# %%
# ``x[1, 4]`` is still a :term:`tensor`, one without axes; :meth:`torch.Tensor.item` makes it a number of Python.
# Negative numbers count from the end.

assert (x[1, 4].item(), x[-2, -2].item()) == (1 * 6 + 4, 1 * 6 + 4)
assert torch.equal(x[:, -2:], x[:, 4:])

# %%
# Three axes and more: ``...``
# ----------------------------
#
# The three dots stand for as many ``:`` as are missing, so ``volume[..., 1]`` is index 1 on the *last* axis, whether
# there is one axis or four. In the picture it is column 1 of each of the two slices.

volume = torch.arange(40).reshape(2, 4, 5)
assert torch.equal(volume[..., 1], volume[:, :, 1])
for part in (volume[0, 0], volume[0], volume, volume[None]):
    assert torch.equal(part[..., 1], part.select(part.dim() - 1, 1))


def column_1(volume):
    return volume[..., 1]


draw(column_1, volume, names=["volume"])

# %%
# ``explain_index`` spells an index out. ``numpy.s_`` writes one as it stands between brackets.

explained = explain_index(volume, numpy.s_[..., None, 1:4])
assert explained.shape == volume[..., None, 1:4].shape == (2, 4, 1, 3)
explained

# %%
# A view, never a copy
# --------------------
#
# The slice is another way through the same memory. Writing into it changes ``x``. A slice of a Python list, in
# contrast, is a new list.

part, row = x[1:, ::2], x[0]
part[0, 0] = -6
assert x[1, 0] == -6
numbers = [1, 2, 3]
numbers[1:][0] = 99
assert numbers == [1, 2, 3]
draw_storage([part, row], ["x[1:, ::2]", "x[0]"])

# %%
# ``zoo`` has awkward tensors: of several data types, with axes of size 1, transposed, expanded and others. A slice,
# ``None`` and ``...`` give views of each.

from ptguide.zoo import zoo

for tensor in zoo(axes=(1, 2, 3)).values():
    for index in (slice(None, None, 2), None, ..., (None, slice(-2, None))):
        assert tensor[index].numel() == 0 or shares_memory(tensor, tensor[index])

# %%
# :meth:`torch.Tensor.clone` makes a :term:`copy`, which has a :term:`storage` of its own. A view of one element keeps
# the whole storage of ``x`` alive; its clone needs memory for one element.

kept = x[1:, ::2].clone()
assert not shares_memory(kept, x)
assert x[0, 0].untyped_storage().nbytes() == 18 * x.itemsize
assert x[0, 0].clone().untyped_storage().nbytes() == x.itemsize

# %%
# From scratch
# ------------
#
# An integer moves the start and leaves its axis out. A slice moves the start, changes the size, and multiplies the
# :term:`stride` by its step. :meth:`torch.Tensor.as_strided` takes the shape, the strides and the start.
# ``slice.indices`` is Python's own: it resolves negative and missing bounds.


def basic_index(x, index):
    shape, strides, offset = [], [], x.storage_offset()
    for entry, size, stride in zip(index, x.shape, x.stride(), strict=True):
        if isinstance(entry, int):
            offset += entry % size * stride
        else:
            start, stop, step = entry.indices(size)
            offset += start * stride
            shape.append(len(range(start, stop, step)))
            strides.append(stride * step)
    return x.as_strided(shape, strides, offset)


# %%
# It gives what torch gives, at the same place in memory, for every combination of these entries.

entries = [0, 2, -1, slice(None), slice(1, None, 2), slice(-2, None), slice(1, 3)]
cube = torch.arange(3 * 4 * 5).reshape(3, 4, 5)
for index in itertools.product(entries, repeat=3):
    mine, theirs = basic_index(cube, index), cube[index]
    assert torch.equal(mine, theirs)
    assert (mine.data_ptr(), mine.stride()) == (theirs.data_ptr(), theirs.stride())

# %%
# An integer, a slice and ``None`` each have a function that takes the axis as a number: :func:`torch.select`,
# :func:`torch.narrow` (start and length, no step) and :func:`torch.unsqueeze`.

for axis, size in enumerate(cube.shape):
    before = (slice(None),) * axis
    assert torch.equal(cube.select(axis, 2), cube[(*before, 2)])
    assert torch.equal(cube.narrow(axis, 1, size - 1), cube[(*before, slice(1, size))])
    assert torch.equal(cube.unsqueeze(axis), cube[(*before, None)])

# %%
# The :term:`gradient` goes back to the places that were taken; the others get 0.

weights = torch.ones(4, 5, requires_grad=True)
weights[1:, ::2].sum().backward()
expected = torch.zeros(4, 5)
expected[1:, ::2] = 1
assert torch.equal(weights.grad, expected)

# %%
# What goes wrong
# ---------------
#
# A second pair of brackets starts again at axis 0 *of the result*. ``x[1][4]`` equals ``x[1, 4]``, since the integer
# removed an axis. ``x[:][4]`` is not a column: ``x[:]`` is the whole ``x``, and it has no row 4.

with expect_error(IndexError, match="index 4 is out of bounds for dimension 0 with size 3"):
    x[:][4]
assert x[1][4] == x[1, 4]

# %%
# An integer that is no place of its axis raises an error. A slice does not: it is cut off, down to nothing, as in
# Python. So a wrong bound may show late, as an empty batch. More integers and slices than axes are refused.

for number in (3, -4, 99):
    with expect_error(IndexError, match="out of bounds for dimension 0 with size 3"):
        x[number]
assert x[1:99].shape == (2, 6)
assert x[7:].shape == (0, 6)
with expect_error(IndexError, match="too many indices"):
    x[0, 0, 0]

# %%
# A negative step is refused, since a tensor has no negative strides; :func:`torch.flip` gives a reversed copy. And a
# number that was computed by ``/`` is a float; ``//`` gives an integer.

with expect_error(ValueError, match="step must be greater than zero"):
    x[::-1]
assert x.flip(0)[0].tolist() == x[-1].tolist()
assert not shares_memory(x, x.flip(0))
with expect_error(IndexError, match="only integers, slices"):
    x[4 / 2]
assert torch.equal(x[4 // 2], x[2])

# %%
# A *list* of positions between the brackets follows another rule, and copies: :ref:`advanced-indexing`.
#
# Check yourself
# --------------
#
# The page computes each answer; open a choice to see whether it is right.

box = torch.zeros(7, 8, 9)
ask(
    "box has shape (7, 8, 9). What is the shape of box[2, None, ..., 1::3]?",
    answer=box[2, None, ..., 1::3].shape,
    choices={
        (1, 8, 3): "2 removes axis 0, None makes an axis, ... keeps axis 1; of axis 2, 3 remain.",
        (1, 1, 8, 3): "An integer removes its axis; 2:3 would keep one of size 1.",
        (1, 8, 2): "The stop is left out, so place 7 is taken too: 1, 4, 7.",
    },
)

# %%
# Where does a write go?

a = torch.zeros(5)
b = a[2:]
b[0] = 7
ask(
    "After a = torch.zeros(5), b = a[2:], b[0] = 7: what is a[2]?",
    answer=a[2].item(),
    choices={
        0.0: "It would be, if b were a copy, as a slice of a list is.",
        7.0: "b is a view: b[0] and a[2] are one place in memory.",
    },
)

# %%
# Next: :ref:`advanced-indexing`, where a list of positions stands between the brackets.
