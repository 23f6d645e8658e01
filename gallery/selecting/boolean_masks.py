"""
.. _boolean-masks:

How do I select the elements where a condition holds?
=====================================================

A comparison gives a tensor of truth values, a :term:`mask`. With a mask of its shape, ``x[mask]`` is the list of
elements where the mask is True, and ``x[mask] = value`` writes there. You need to know :ref:`indexing-and-slicing` and
:ref:`advanced-indexing`.
"""

# %%
# The elements greater than 5, in the order of print. The result has one axis, since the True places need not form a
# rectangle.

import numpy
import torch
from sklearn.datasets import load_digits

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_index
from ptguide.tensors import shares_memory

x = torch.tensor([[3, 8, 1, 6], [9, 2, 5, 7], [4, 0, 6, 2]])


def pick(x, mask):
    return x[mask]


mask = x > 5
assert x[mask].tolist() == [8, 6, 9, 7, 6]
draw(pick, (x, mask), names=["x", "mask"])

# %%
# A mask is a tensor of dtype bool. True counts as 1, so its sum is the number of elements that are taken, and the shape
# of the result is ``(mask.sum(),)``: it depends on the values. ``mask.any()`` asks whether at least one element is
# True, ``mask.all()`` whether each is. A mask without True gives a tensor without elements.

assert (mask.dtype, mask.shape) == (torch.bool, x.shape)
assert (mask.any(), mask.all(), (x > 9).any(), (x >= 0).all()) == (True, False, False, True)
for limit in range(-1, 10):
    assert x[x > limit].shape == ((x > limit).sum(),)
assert x[x > 9].shape == (0,)

# %%
# Several conditions
# ------------------
#
# ``&`` is and, ``|`` is or, ``~`` is not, each element by element. They bind more tightly than ``>``, so each
# comparison needs parentheses.

between = (x > 2) & (x < 7)
assert x[between].tolist() == [3, 6, 5, 4, 6]
assert torch.equal(~between, (x <= 2) | (x >= 7))

# %%
# A mask for one axis
# -------------------
#
# A mask may cover fewer axes. One truth value for each row takes whole rows; after ``:``, one for each column takes
# whole columns. The mask has the shape of the axes that it covers, and these become one axis as long as the number of
# True.

good_rows, good_columns = x.sum(dim=1) > 13, x[0] > 2
assert x[good_rows].shape == (2, 4)
assert torch.equal(x[:, good_columns], x[:, [0, 1, 3]])
draw(pick, (x, good_rows), names=["x", "good_rows"])

# %%
# There are 1797 images of written digits, 8 × 8 pixels each. A comparison of the labels takes those of sevens.

data = load_digits()
digits, labels = torch.from_numpy(data.images), torch.from_numpy(data.target)
sevens = digits[labels == 7]
assert digits.shape == (1797, 8, 8)
assert sevens.shape == ((labels == 7).sum(), 8, 8)
draw(list(sevens[:6, None] / 16), [f"sevens[{k}]" for k in range(6)], image=True)

# %%
# In general: a mask that covers axes :math:`i` to :math:`j` replaces them by one axis of :math:`n` places, where
# :math:`n` counts its True. The other axes stay.

batch = torch.arange(2 * 3 * 4 * 7).reshape(2, 3, 4, 7)
for i in range(4):
    for j in range(i, 4):
        covers = (
            torch.arange(batch.shape[i : j + 1].numel()).reshape(batch.shape[i : j + 1]) % 3 == 1
        )
        shape = (*batch.shape[:i], covers.sum(), *batch.shape[j + 1 :])
        assert batch[(*[slice(None)] * i, covers)].shape == shape
assert batch[:, mask].shape == (2, 5, 7)
assert torch.equal(batch[1, mask], batch[1][mask])
explain_index(batch, numpy.s_[:, mask])

# %%
# From scratch: a mask is a list of positions
# -------------------------------------------
#
# :meth:`torch.Tensor.nonzero` gives the positions of the True places, with ``as_tuple=True`` one tensor for each axis.
# ``x[mask]`` is :ref:`indexing with these <advanced-indexing>`. So it is a :term:`copy`, and its :term:`gradient` goes
# back to the places that were taken. The loop tries it on tensors of several data types, on views and others.

from ptguide.zoo import zoo

rows, columns = mask.nonzero(as_tuple=True)
assert rows.tolist() == [0, 0, 1, 1, 2]
for tensor in (x, *zoo(axes=(1, 2, 3)).values()):
    places = tensor == tensor  # everywhere but at NaN
    assert torch.equal(tensor[places], tensor[places.nonzero(as_tuple=True)])
    assert not shares_memory(tensor, tensor[places])

w = torch.tensor([-1.0, 2.0, -3.0, 4.0], requires_grad=True)
w[w > 0].sum().backward()
assert w.grad.tolist() == [0, 1, 0, 1]

# %%
# Writing
# -------
#
# A number goes to each True place. A tensor is broadcast to the shape of ``x[mask]``, here (5,), and its elements are
# laid out in the order of print.

y = x.clone()
y[y > 5] = 0
assert y.max() == 5
y[x > 5] = torch.tensor([10, 20, 30, 40, 50])
assert y.tolist() == [[3, 10, 1, 20], [30, 2, 5, 40], [4, 0, 50, 2]]
with expect_error(RuntimeError, match=r"of shape \[2\] cannot be broadcast .* of shape \[5\]"):
    y[x > 5] = torch.tensor([10, 20])

# %%
# To keep the shape while choosing between two values, use :func:`torch.where` (:ref:`where-and-masked-fill`): it takes
# the value from the *same place*, where an assignment through a mask counts through a list.

assert torch.equal(torch.where(x > 5, 0, x), x.masked_fill(x > 5, 0))
y[x > 5] = x[x > 5]
assert torch.equal(y, x)

# %%
# For a mask of the shape of ``x``, :func:`torch.masked_select` does what ``x[mask]`` does. For a smaller mask they
# differ: ``masked_select`` :ref:`broadcasts <broadcasting>` it, from the last axis on, and its result has one axis.
# ``x[mask]`` wants the exact sizes, from the first axis on. In a square tensor both work, and take different elements.

every_other = torch.tensor([True, False, True, False])
assert torch.equal(torch.masked_select(x, mask), x[mask])
assert torch.equal(torch.masked_select(x, every_other), x[:, every_other].flatten())
with expect_error(IndexError, match=r"shape of the mask \[4\] at index 0 does not match"):
    x[every_other]
square = torch.arange(16).reshape(4, 4)
assert square[every_other].tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
assert torch.masked_select(square, every_other).tolist() == [0, 2, 4, 6, 8, 10, 12, 14]

# %%
# What goes wrong
# ---------------
#
# *Python's words.* ``and``, ``or`` and ``not`` ask for one truth value, which a tensor of several elements has not.
# Without parentheses, ``x > 2 & x < 7`` takes ``2 & x`` first, makes two comparisons with it, joined by ``and``, and
# ends in the same message. If one pair is missing, nothing is raised: ``(x > 2) & x < 7`` compares what ``&`` gives,
# which is True everywhere here.

with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    x[x > 2 and x < 7]
with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    x[x > 2 & x < 7]
one_missing = (x > 2) & x < 7
assert one_missing.all()
assert not between.all()

# %%
# *Two masks for a block.* As two lists of positions do, two masks pick pairs. Two and three True do not fit together.
# Two and two do, and the result has two elements. For the block, use one mask after the other.

with expect_error(IndexError, match=r"could not be broadcast together with shapes \[2\], \[3\]"):
    x[good_rows, good_columns]
assert x[good_rows][:, good_columns].shape == (2, 3)
assert x[good_rows, every_other].tolist() == [x[0, 0], x[1, 2]]

# %%
# *Zeros and ones.* Integers of :val:`int64 <flags.dtype>` or :val:`int32 <flags.int().dtype>` are no mask but a list of
# positions: row 1, row 0, row 1. Nothing is raised. ``.bool()`` makes a mask of them. (As unsigned bytes they still are
# a mask, and torch warns that this ends.)

from ptguide.errors import expect_warning

flags = torch.tensor([1, 0, 1])
for dtype in (torch.int64, torch.int32):
    assert torch.equal(x[flags.to(dtype)], torch.stack([x[1], x[0], x[1]]))
assert torch.equal(x[flags.bool()], torch.stack([x[0], x[2]]))
with expect_warning(UserWarning, match="dtype torch.uint8 is now deprecated"):
    assert torch.equal(x[flags.to(torch.uint8)], x[flags.bool()])

# %%
# *Writing into the selection.* ``x[mask]`` is a copy; a second pair of brackets writes into it, and it is thrown away.
# Combine the conditions instead.

before = x.clone()
x[x > 5][0] = -1
assert torch.equal(x, before)
x[(x > 5) & (x % 2 == 0)] = -1
assert x.tolist() == [[3, -1, 1, -1], [9, 2, 5, 7], [4, 0, -1, 2]]

# %%
# *NaN.* With :term:`NaN`, ``<``, ``<=``, ``==``, ``>=`` and ``>`` are False, and ``!=`` is True. So neither ``z > 2``
# nor ``z <= 2`` takes it; ``~(z > 2)`` does.

z = torch.tensor([1.0, float("nan"), 3.0])
for compare in (torch.lt, torch.le, torch.eq, torch.ge, torch.gt):
    for number in (2, float("inf"), float("nan")):
        assert not compare(z, number)[1]
        assert torch.ne(z, number)[1]
assert (len(z[z > 2]), len(z[z <= 2]), len(z)) == (1, 1, 3)
assert len(z[~(z > 2)]) == 2
assert z[~z.isnan()].tolist() == [1, 3]

# %%
# Check yourself
# --------------

images = torch.zeros(6, 3, 8)
keep = torch.tensor([True, False, True, True, False, True])
ask(
    "images has shape (6, 3, 8); keep has shape (6,) and four True. What is the shape of images[keep]?",
    answer=images[keep].shape,
    choices={
        (4, 3, 8): "The mask covers axis 0, which becomes 4 long; the others stay.",
        (96,): "That would be a mask of the whole shape (6, 3, 8).",
        (6, 3, 8): "A mask selects; to keep the shape, use torch.where.",
    },
)

# %%
# Three of a kind:

t = torch.tensor([5, 6, 7])
ask(
    "With t = torch.tensor([5, 6, 7]): what is t[torch.tensor([0, 1, 1])]?",
    answer=t[torch.tensor([0, 1, 1])],
    choices={
        (6, 7): "For that the index must be of dtype bool.",
        (5, 6, 6): "Integers are positions, also if they are 0 and 1.",
        (0, 6, 7): "That is the product with t.",
    },
)

# %%
# Next: :ref:`index-select`, which takes the axis as a number.
