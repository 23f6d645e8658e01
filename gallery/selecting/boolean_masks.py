"""
.. _boolean-masks:

How do I select the elements where a condition holds?
=====================================================

A comparison gives a tensor of truth values, a :term:`mask`. ``x[mask]`` is the list of elements where it is True, and
``x[mask] = value`` writes there. You need to know :ref:`indexing-and-slicing` and :ref:`advanced-indexing`.
"""

# %%
# The elements greater than 5, in the order of print. However many axes ``x`` has, the result has one: the True places
# form no rectangle.

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
# of the result is ``(mask.sum(),)``: it depends on the values. ``any`` and ``all`` ask
# whether some are True, or all. None is fine, too.

assert (mask.dtype, mask.shape) == (torch.bool, x.shape)
assert x[mask].shape == (mask.sum(),)
assert (mask.any(), mask.all(), (x > 9).any()) == (True, False, False)
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
# whole columns. Its shape must equal the sizes of the axes that it covers, and these become one axis as long as the
# number of True.

good_rows, good_columns = x.sum(dim=1) > 13, x[0] > 2
assert x[good_rows].shape == (2, 4)
assert torch.equal(x[:, good_columns], x[:, [0, 1, 3]])
draw(pick, (x, good_rows), names=["x", "good_rows"])

# %%
# So of 1797 images of written digits, 8 × 8 pixels each, a comparison of the labels takes all sevens.

data = load_digits()
digits, labels = torch.from_numpy(data.images), torch.from_numpy(data.target)
sevens = digits[labels == 7]
assert digits.shape == (1797, 8, 8)
assert sevens.shape == ((labels == 7).sum(), 8, 8)
draw(list(sevens[:5, None] / 16), [f"sevens[{k}]" for k in range(5)], image=True)

# %%
# In general: a mask that covers axes :math:`i` to :math:`j` replaces them by one axis of :math:`n` places, where
# :math:`n` counts its True. The other axes stay.

batch = torch.arange(2 * 3 * 4 * 7).reshape(2, 3, 4, 7)
assert batch[:, mask].shape == (2, 5, 7)
assert torch.equal(batch[1, mask], batch[1][mask])
explain_index(batch, numpy.s_[:, mask])

# %%
# From scratch: a mask is a list of positions
# -------------------------------------------
#
# :meth:`torch.Tensor.nonzero` gives the positions of the True places, with ``as_tuple=True`` one tensor for each axis.
# ``x[mask]`` is :ref:`indexing with these <advanced-indexing>`, so all its rules hold: a :term:`copy`, any dtype of
# ``x``, and a :term:`gradient` that goes back to the places that were taken.

rows, columns = mask.nonzero(as_tuple=True)
assert rows.tolist() == [0, 0, 1, 1, 2]
assert torch.equal(x[rows, columns], x[mask])
assert not shares_memory(x, x[x >= 0])

w = torch.tensor([-1.0, 2.0, -3.0, 4.0], requires_grad=True)
w[w > 0].sum().backward()
assert w.grad.tolist() == [0, 1, 0, 1]

# %%
# Writing
# -------
#
# A number goes to every True place. A tensor must broadcast to the shape of ``x[mask]``, here (5,); its elements are
# laid out in the order of print.

y = x.clone()
y[y > 5] = 0
assert y.max() == 5
y[x > 5] = torch.tensor([10, 20, 30, 40, 50])
assert y.tolist() == [[3, 10, 1, 20], [30, 2, 5, 40], [4, 0, 50, 2]]
with expect_error(RuntimeError, match=r"value tensor of shape \[2\] cannot be broadcast .* of shape \[5\]"):
    y[x > 5] = torch.tensor([10, 20])

# %%
# To keep the shape while choosing between two values, use :func:`torch.where` (:ref:`where-and-masked-fill`): it takes
# the value from the *same place*, where an assignment through a mask counts through a list.

assert torch.equal(torch.where(x > 5, 0, x), x.masked_fill(x > 5, 0))
y[x > 5] = x[x > 5]
assert torch.equal(y, x)

# %%
# :func:`torch.masked_select` does what ``x[mask]`` does, with one difference: it :ref:`broadcasts <broadcasting>` the
# mask. ``x[mask]`` wants the exact sizes, from the first axis on.

every_other = torch.tensor([True, False, True, False])
assert torch.equal(torch.masked_select(x, every_other), x[:, every_other].flatten())
with expect_error(IndexError, match=r"shape of the mask \[4\] at index 0 does not match"):
    x[every_other]

# %%
# What goes wrong
# ---------------
#
# *Python's words.* ``and``, ``or`` and ``not`` ask for one truth value, which a tensor of several has not. A missing
# pair of parentheses ends in the same message: ``x > 2 & x < 7`` is ``x > (2 & x) and (2 & x) < 7``.

with expect_error(RuntimeError, match="Boolean value of Tensor with more than one value is ambiguous"):
    x[x > 2 and x < 7]
with expect_error(RuntimeError, match="Boolean value of Tensor with more than one value is ambiguous"):
    x[x > 2 & x < 7]

# %%
# *Two masks for a block.* As two lists of positions do, two masks pick pairs. For the block, use one after the other.

with expect_error(IndexError, match=r"could not be broadcast together with shapes \[2\], \[3\]"):
    x[good_rows, good_columns]
assert x[good_rows][:, good_columns].shape == (2, 3)

# %%
# *Zeros and ones.* A mask of integers is no mask but a list of positions: row 1, row 0, row 1. It raises nothing.
# ``.bool()`` makes a mask of it.

flags = torch.tensor([1, 0, 1])
assert torch.equal(x[flags], torch.stack([x[1], x[0], x[1]]))
assert torch.equal(x[flags.bool()], torch.stack([x[0], x[2]]))

# %%
# *Writing into the selection.* ``x[mask]`` is a copy; a second pair of brackets writes into it, and it is thrown away.
# Combine the conditions instead.

before = x.clone()
x[x > 5][0] = -1
assert torch.equal(x, before)
x[(x > 5) & (x % 2 == 0)] = -1
assert x.tolist() == [[3, -1, 1, -1], [9, 2, 5, 7], [4, 0, -1, 2]]

# %%
# *NaN.* Every comparison with :term:`NaN` is False, so neither a condition nor its opposite takes it.

z = torch.tensor([1.0, float("nan"), 3.0])
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
        (5, 6, 6): "Integers are positions, also if all of them are 0 and 1.",
        (0, 6, 7): "That is the product with t.",
    },
)

# %%
# Next: :ref:`index-select`, which takes the axis as a number.
