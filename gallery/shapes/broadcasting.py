"""
.. _broadcasting:

How does broadcasting work?
===========================

You subtract targets of shape :val:`(5,) <target.shape>` from predictions of shape
:val:`(5, 1) <prediction.shape>`, and the loss pulls your model to the mean of the targets, without an error.
Broadcasting stretches axes of size 1, and puts missing :term:`axes <axis>` in on the left.
"""

# %%
# Set-up

import contextlib
import itertools

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw, draw_broadcast, draw_storage
from ptguide.questions import ask
from ptguide.rules import explain_broadcast

column = torch.tensor([[100], [200], [300]])
row = torch.tensor([1, 2, 3, 4])
target = torch.tensor([1.0, 2.0, 4.0, 8.0, 10.0])
prediction = target[:, None].clone()  # right for each sample

# %%

draw_broadcast([column, row], ["column", "row"])

# %%
# ``column`` has shape (3, 1), and ``row`` has shape (4,). Solid :term:`elements <element>` exist, and dashed ones
# repeat a solid one. Stretched like this, both have 3 rows of 4. You need to know :ref:`what a shape is
# <what-is-a-tensor>`.
#
# Now they can be added, element by element. Point at an element of ``column``: a whole row of the result uses it.

assert (column + row).shape == (3, 4)
draw(torch.add, (column, row), names=["column", "row"])

# %%
# The rule
# --------
#
# Write the shapes below each other, *lined up on the right*. In each position the sizes must be equal, or one of them
# is 1 or missing. The result has the other one. ``explain_broadcast`` writes it down for your own tensors. Here a photo
# has its mean color subtracted.

photo, mean_color = torch.rand(3, 32, 48), torch.rand(3, 1, 1)
assert torch.equal((photo - mean_color)[2], photo[2] - mean_color[2, 0, 0])
assert (photo - mean_color).shape == explain_broadcast(photo, mean_color).shape
explain_broadcast(photo, mean_color)

# %%
# The mean of three colors usually comes with shape (3,), and then it lines up with the 48 columns. In the message ``a``
# is the left tensor, ``b`` the right one, and "non-singleton" means that neither size is 1. The last line of the
# explanation is a change that works: put the missing axes in, on the *right*.

with expect_error(
    RuntimeError, match=r"a \(48\) must match .* b \(3\) at non-singleton dimension 2"
):
    photo - torch.rand(3)
assert (photo - torch.rand(3)[:, None, None]).shape == photo.shape
explain_broadcast(photo, torch.rand(3))

# %%
# It costs no copy
# ----------------
#
# A stretched axis has :term:`stride` 0: a step along it moves nowhere in memory. :meth:`torch.Tensor.expand` makes that
# visible. Twelve elements are read from three places. The *result* of an operation has a place for each element.

stretched = column.expand(3, 4)
assert stretched.stride() == (1, 0)
assert stretched.data_ptr() == column.data_ptr()
draw_storage([stretched, column], ["stretched", "column"])

# %%
# .. use-this::
#
#    Line the shapes up on the right, in your head or in a comment. Keep reduced axes with ``keepdim=True``, so that the
#    result fits what it came from: ``x - x.mean(dim=1, keepdim=True)``. Elsewhere put an axis of size 1 in with
#    ``x[:, None]`` or ``unsqueeze``. Before a loss, compare the two shapes. Reading costs no memory; the result has the
#    full shape.

x = torch.rand(5, 7)
centered = x - x.mean(dim=1, keepdim=True)
torch.testing.assert_close(centered.mean(dim=1), torch.zeros(5))
with expect_error(RuntimeError, match="must match the size of tensor b"):
    x - x.mean(dim=1)

# %%
# Common mistakes
# ---------------
#
# **(N, 1) against (N,).** A model predicts with shape (5, 1), the targets have shape (5,), and their difference has
# shape (5, 5): each prediction minus *each* target. The diagonal was meant.

draw(torch.sub, (prediction, target), names=["prediction", "target"])

# %%
# Here each prediction is right, and the loss should be 0. It is twice the variance of the targets, and predicting the
# mean for each halves it. The gradient pulls each prediction towards the mean. :func:`torch.nn.functional.mse_loss`
# warns. Drop the axis.

wrong = ((prediction - target) ** 2).mean()
of_mean = ((target.mean().expand(5, 1) - target) ** 2).mean()
print(f"loss of right predictions: {wrong:.2f}; of the mean: {of_mean:.2f}")
torch.testing.assert_close(wrong, 2 * target.var(correction=0))
torch.testing.assert_close(of_mean, wrong / 2)
with expect_warning(UserWarning, match="target size"):
    assert F.mse_loss(prediction, target) == wrong
assert F.mse_loss(prediction.squeeze(1), target) == 0

# %%
# How this was checked


def broadcast_shape(*shapes):
    """Return the common shape, or None: the rule, from scratch."""
    result = []
    for sizes in itertools.zip_longest(*map(reversed, shapes), fillvalue=1):
        not_one = set(sizes) - {1}
        if len(not_one) > 1:
            return None
        result.insert(0, max(not_one, default=1))
    return tuple(result)


# Every pair of shapes of up to 3 axes of size 0 to 3, against a real addition and torch.broadcast_shapes.
shapes = [shape for axes in range(4) for shape in itertools.product(range(4), repeat=axes)]
for rule in (torch.broadcast_shapes, lambda s, t: (torch.empty(s) + torch.empty(t)).shape):
    fits = dict.fromkeys(itertools.product(shapes, repeat=2))
    for s, t in fits:
        with contextlib.suppress(RuntimeError):
            fits[s, t] = rule(s, t)
        assert broadcast_shape(s, t) == fits[s, t]
assert (fits[(0,), (0,)], fits[(0,), (1,)], fits[(0,), (2,)]) == ((0,), (0,), None)
for shape in shapes:  # a number goes with any shape
    assert (torch.tensor(7) + torch.empty(shape)).shape == shape

# Each element of the result is made of those with the same indices, and 0 where the size is 1.
sheets = torch.tensor([[[1000]], [[2000]]])
volume = sheets + column + row
for i, j, k in itertools.product(range(2), range(3), range(4)):
    assert volume[i, j, k] == sheets[i, 0, 0] + column[j, 0] + row[k]
# One number, read a trillion times.
huge = torch.zeros(1).expand(10**6, 10**6)
assert (huge.numel(), huge.untyped_storage().nbytes()) == (10**12, 4)
# The gradient of a stretched element is the sum over the stretched axes.
x, y = column.float().requires_grad_(), row.float().requires_grad_()
weight = torch.arange(12.0).reshape(3, 4)
((x + y) * weight).sum().backward()
assert torch.equal(x.grad, weight.sum(dim=1, keepdim=True))
assert torch.equal(y.grad, weight.sum(dim=0))
# The gradient of the wrong loss points away from the mean, so a step against it moves towards the mean.
pulled = prediction.clone().requires_grad_()
((pulled - target) ** 2).mean().backward()
torch.testing.assert_close(pulled.grad.squeeze(1), 2 / 5 * (target - target.mean()))
# += writes into the memory of the left side, which cannot grow.
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    row += column + row
# NumPy's rule is the same.
assert ((column.numpy() + row.numpy()) == (column + row).numpy()).all()

# %%
# Check yourself
# --------------

ask(
    "a has shape (8, 1, 6), b has shape (7, 1). What is the shape of a + b?",
    answer=(torch.zeros(8, 1, 6) + torch.zeros(7, 1)).shape,
    choices={
        (8, 7, 6): "From the right: 6 and 1, 1 and 7, 8 and missing.",
        (8, 1, 6): "b has 7 entries on its first axis, and they are all used.",
        (15, 1, 6): "Broadcasting stretches. Joining is done by cat.",
    },
)

# %%
# Which one fails?

candidates = [(4, 1), (3, 1), (1, 4)]
(failing,) = (shape for shape in candidates if broadcast_shape((3, 4), shape) is None)
ask(
    "x has shape (3, 4). Which of these shapes can't be added to it?",
    answer=failing,
    choices={
        (4, 1): "The 4 meets the 3 rows. Equal sizes elsewhere do not help.",
        (3, 1): "The 1 is stretched over the 4 columns.",
        (1, 4): "The 1 is stretched over the 3 rows.",
    },
)

# %%
# **Exercise.** Return the distance of each point of ``a`` to each point of ``b``. ``a`` has shape (N, 2), ``b`` has
# shape (M, 2), and the result (N, M). No loop.


def by_loops(a, b):
    result = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        for j in range(len(b)):
            result[i, j] = ((a[i] - b[j]) ** 2).sum().sqrt()
    return result


cases = [
    (torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])),
    (torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])),
    (torch.rand(5, 2), torch.rand(4, 2)),
]


def distances(a, b):
    raise NotImplementedError


check(distances, by_loops, cases, without=["cdist", "stack", "cat"])

# %%
# An axis of size 1 in each makes (N, 1, 2) and (1, M, 2).

# Solution


def distances(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(dim=-1).sqrt()


report = check(distances, by_loops, cases, without=["cdist", "stack", "cat"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`flip-roll-and-rot90`, which move elements within their shape.
#
# - NumPy developers (2026). `Broadcasting <https://numpy.org/doc/stable/user/basics.broadcasting.html>`__. The same
#   rule, with drawings.
# - Harris et al. (2020). `Array programming with NumPy <https://doi.org/10.1038/s41586-020-2649-2>`__. Where the rule
#   comes from.
