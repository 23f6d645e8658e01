"""
.. _broadcasting:

How does broadcasting work?
===========================

Two tensors of different :term:`shapes <shape>` can be added when their sizes, lined up from the right, are equal, or
one of them is 1, or one of them is missing. The tensor with the 1 or the missing :term:`axis` is read again and again
along that axis, and need not be copied for it. You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# ``column`` has shape (3, 1), and ``row`` has shape (4,): a single axis. Solid :term:`elements <element>` exist. Dashed
# ones repeat one that does; touch one to see which. With the dashed ones both have 3 rows and 4 columns, and can be
# added.

import contextlib
import itertools

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw, draw_broadcast, draw_storage
from ptguide.questions import ask
from ptguide.rules import explain_broadcast

column = torch.tensor([[100], [200], [300]])
row = torch.tensor([1, 2, 3, 4])
draw_broadcast([column, row], ["column", "row"])

# %%
# The sum takes each pair in the same place, so every element of the column meets every element of the row. Touch one in
# ``column``: it is used for a whole row of the result.

table = column + row
assert table.shape == (3, 4)
assert all(table[i, j] == column[i, 0] + row[j] for i in range(3) for j in range(4))
draw(torch.add, (column, row), names=["column", "row"])

# %%
# The rule
# --------
#
# Write the shapes below each other so that their last axes line up. In each position the sizes must be equal, or one
# must be 1, or missing, which counts as 1. The result takes the size that is not 1. ``explain_broadcast`` does this for
# the shapes or tensors that you give it, and counts the axes from the right, as the rule does.

sheets = torch.tensor([[[1000]], [[2000]]])
volume = sheets + column + row
assert volume.shape == explain_broadcast(sheets, column, row).shape == (2, 3, 4)
explain_broadcast(sheets, column, row)

# %%
# To find the sources of an element of the result, use its indices in each tensor. Where an axis has size 1 the index is
# 0. Where an axis is missing, leave the index out.


def add(sheets, column, row):
    return sheets + column + row


for i, j, k in itertools.product(range(2), range(3), range(4)):
    assert volume[i, j, k] == sheets[i, 0, 0] + column[j, 0] + row[k]
draw(add, (sheets, column, row), names=["sheets", "column", "row"])

# %%
# From scratch
# ------------
#
# ``broadcast_shape`` is the rule as a function. It goes from position to position, from the right, and gives None where
# the shapes do not fit.


def broadcast_shape(*shapes):
    result = []
    for sizes in itertools.zip_longest(*map(reversed, shapes), fillvalue=1):
        not_one = set(sizes) - {1}
        if len(not_one) > 1:
            return None
        result.insert(0, max(not_one, default=1))
    return tuple(result)


# %%
# It agrees with a real addition and with :func:`torch.broadcast_shapes` for every pair of shapes of up to 3 axes of
# size 0, 1, 2 or 3, also where they fail. A size of 0 is a size like any other: it goes with 0 and 1.

shapes = [shape for axes in range(4) for shape in itertools.product(range(4), repeat=axes)]
for rule in (torch.broadcast_shapes, lambda s, t: (torch.empty(s) + torch.empty(t)).shape):
    fits = dict.fromkeys(itertools.product(shapes, repeat=2))
    for s, t in fits:
        with contextlib.suppress(RuntimeError):
            fits[s, t] = rule(s, t)
        assert broadcast_shape(s, t) == fits[s, t]
assert (fits[(0,), (0,)], fits[(0,), (1,)], fits[(0,), (2,)]) == ((0,), (0,), None)
print(f"{len(fits)} pairs, {list(fits.values()).count(None)} of them fail")

# %%
# Nothing has to be copied
# ------------------------
#
# Broadcasting needs no copy of the smaller tensor; some notes say that it makes one. :meth:`torch.Tensor.expand` makes
# the stretched tensor visible: its 12 elements are stored in the 3 places in memory that ``column`` has. Its stretched
# axis has :term:`stride` 0. A stride is the number of elements to move in memory for one step along an axis
# (:ref:`strides-and-storage`).

stretched = column.expand(3, 4)
assert (stretched.stride(), stretched.data_ptr()) == ((1, 0), column.data_ptr())
assert stretched.untyped_storage().nbytes() == 3 * column.itemsize
draw_storage([stretched, column], ["stretched", "column"])

# %%
# A step along an axis of stride 0 moves nowhere, so the size of that axis takes no memory. Here one
# :val:`float32 <huge.dtype>` is read again and again. The result of an addition is no such view: it has a place for
# each element.

huge = torch.zeros(1).expand(10**6, 10**6)
print(f"{huge.stride() = }; {huge.numel():,} elements in {huge.untyped_storage().nbytes()} bytes")
assert (huge.numel(), huge.untyped_storage().nbytes()) == (10**12, 4)
assert table.untyped_storage().nbytes() == table.numel() * table.itemsize

# %%
# The rule is NumPy's and PyTorch's, and not Python's, whose ``*`` repeats a list. It holds for a 0-d tensor too: a
# number of shape () has no axis to line up, so it goes with any shape. And ``*`` works :term:`element by element` and
# broadcasts as ``+`` does.

assert [1, 2] * 2 == [1, 2, 1, 2]
assert ((column.numpy() + row.numpy()) == table.numpy()).all()
for shape in shapes:
    assert (torch.tensor(7) + torch.empty(shape)).shape == shape
assert (column * row).shape == (3, 4)

# %%
# The :term:`gradient` of an element says by how much the final number changes per unit of change of that element. A
# stretched element is used several times. Its gradient is the sum over the stretched axes, and so has the small shape
# again.

x, y = column.float().requires_grad_(), row.float().requires_grad_()
weight = torch.arange(12.0).reshape(3, 4)
((x + y) * weight).sum().backward()
assert torch.equal(x.grad, weight.sum(dim=1, keepdim=True))
assert torch.equal(y.grad, weight.sum(dim=0))

# %%
# What goes wrong
# ---------------
#
# Three factors, one for each row, do not line up with the 4 columns. In torch's message ``a`` is the left tensor, ``b``
# the right one, and "non-singleton" means that neither size is 1. The dimension is an axis of the result: 1, where
# ``factors`` has the axis 0. The last line of the explanation is a change with which the shapes fit.

factors = torch.tensor([1, 10, 100])
with expect_error(
    RuntimeError, match=r"a \(4\) must match .* b \(3\) at non-singleton dimension 1"
):
    table * factors
assert "b.unsqueeze(-1) has shape (3, 1)" in explain_broadcast(table, factors).text
assert broadcast_shape(table.shape, (3, 1)) == table.shape
explain_broadcast(table, factors)

# %%
# An axis of size 1 on the right lines the factors up with the rows. And ``+=`` is :term:`in place`: it writes into the
# left tensor's memory, so the left side cannot grow; ``row + table`` makes a new tensor.

scaled = table * factors.unsqueeze(-1)  # (3, 4) * (3, 1)
assert all(torch.equal(scaled[i], table[i] * factors[i]) for i in range(3))
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    row += table
assert (row + table).shape == (3, 4)

# %%
# The expensive mistake raises nothing. A model predicts with shape (N, 1), the targets have shape (N,), and their
# difference has shape (N, N): every prediction minus every target. Only the zeros on the diagonal were meant.

target = torch.tensor([1.0, 2.0, 4.0, 8.0, 10.0])
prediction = target.unsqueeze(1).clone().requires_grad_()  # every prediction is right
difference = prediction - target
assert difference.shape == (5, 5)
assert difference.diagonal().eq(0).all()
draw(torch.sub, (prediction, target), names=["prediction", "target"])

# %%
# Each prediction is right, so :term:`loss` and gradient should be 0. But the loss is twice the variance of the targets,
# their mean squared distance from the mean. The gradient points away from the mean, so a step against it moves the
# predictions towards the mean. Five times the mean has half the loss of the right predictions.
# :func:`torch.nn.functional.mse_loss` gives the same number, but warns. Drop the axis and compare the shapes first.

wrong = (difference**2).mean()
wrong.backward()
gradient = prediction.grad.flatten()
print(f"loss {wrong.item():.2f}, gradient {[round(g, 2) for g in gradient.tolist()]}")
torch.testing.assert_close(wrong, 2 * target.var(correction=0))
torch.testing.assert_close(gradient, 2 / 5 * (target - target.mean()))
torch.testing.assert_close(((target.mean().expand(5, 1) - target) ** 2).mean(), wrong / 2)
with expect_warning(UserWarning, match="target size"):
    assert F.mse_loss(prediction, target) == wrong
predicted = prediction.squeeze(1)
assert predicted.shape == target.shape
assert F.mse_loss(predicted, target) == 0

# %%
# Check yourself
# --------------
#
# Write the shapes below each other.

ask(
    "What is the shape of a (6, 1, 9) tensor plus a (7, 1) tensor?",
    answer=lambda: (torch.zeros(6, 1, 9) + torch.zeros(7, 1)).shape,
    choices={
        (6, 1, 9): "The left tensor is stretched as well: its 1 meets the 7.",
        (6, 7, 9): "From the right: 9 and 1, then 1 and 7, then 6 and nothing.",
        RuntimeError: "6 and 7 meet only if the shapes are lined up from the left.",
    },
)

# %%
# A factor for each channel:

(factor_shape,) = (
    shape for shape in ((3,), (3, 1), (3, 1, 1)) if broadcast_shape((8, 3, 12, 10), shape)
)
ask(
    "Images have shape (8, 3, 12, 10). Which shape must one factor for each of the 3 channels have?",
    answer=factor_shape,
    choices={
        (3,): "A single axis lines up with the last one, of size 10.",
        (3, 1): "Here the 3 meets the 12 rows.",
        (3, 1, 1): "Two axes of size 1 on the right push the 3 to the channels.",
    },
)

# %%
# And the expensive one:

ask(
    "prediction has shape (7, 1), target has shape (7,). What is the shape of prediction - target?",
    answer=lambda: (torch.zeros(7, 1) - torch.zeros(7)).shape,
    choices={
        (7,): "For this, drop the axis of size 1 first: prediction.squeeze(1).",
        (7, 1): "The 7 of target lines up with the 1, not with the 7.",
        (7, 7): "Every prediction meets every target, and a mean hides it.",
        RuntimeError: "1 goes with 7, and 7 with a missing axis, so nothing is raised.",
    },
)

# %%
# Next: :ref:`flip-roll-and-rot90`, for operations that move elements and keep their values.
