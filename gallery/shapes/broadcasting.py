"""
.. _broadcasting:

How does broadcasting work?
===========================

You subtract targets of shape :val:`(5,) <target.shape>` from predictions of shape
:val:`(5, 1) <prediction.shape>`, and the loss pulls your model to the mean of the targets, without an error.
Broadcasting puts missing :term:`axes <axis>` in on the left, and repeats an axis of size 1 until it fits.
"""

# %%
# Set-up

import contextlib
import itertools

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from ptguide import data
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw_broadcast, draw_storage
from ptguide.questions import ask
from ptguide.rules import explain_broadcast

column = torch.tensor([[100], [200], [300]])
row = torch.tensor([1, 2, 3, 4])
target = torch.tensor([1.0, 2.0, 4.0, 8.0, 10.0])
prediction = target[:, None].clone()  # right for each sample
photo = data.photos().inputs[1] / 255  # a flower


class Calls(TorchDispatchMode):
    """Keep the names of the operations that run."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def copies(run):
    with Calls() as calls:
        run()
    return calls.names.count("clone")


# %%

draw_broadcast([column, row], ["column", "row"])

# %%
# This is what ``column + row`` adds: ``column`` has shape (3, 1), and ``row`` has shape (4,). A dashed :term:`element`
# repeats a solid one. Stretched like this, both have shape (3, 4), and so has the sum. You need to know :ref:`what a
# shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# Write the shapes below each other, *lined up on the right*. In each position the sizes must be equal, or one of them
# is 1 or missing. Then the result has the other size. Here the mean color of a photo is subtracted, one number for
# each channel. ``explain_broadcast`` prints the rule for your own tensors.

assert (column.shape, row.shape, (column + row).shape) == ((3, 1), (4,), (3, 4))
mean_color = photo.mean(dim=(1, 2), keepdim=True)  # (3, 1, 1)
assert torch.equal((photo - mean_color)[2], photo[2] - mean_color[2, 0, 0])
explain_broadcast(photo, mean_color)

# %%
# Without ``keepdim`` the mean color has shape :val:`(3,) <mean_color.shape>`, and lines up with the 640 columns. In the
# message ``a`` is the left tensor, ``b`` the right one, and "non-singleton" means that neither size is 1. Broadcasting
# adds axes on the left, so add axes that are missing on the *right* yourself, with ``None``.

mean_color = photo.mean(dim=(1, 2))
with expect_error(RuntimeError, match=r"a \(640\) must match .* b \(3\)"):
    photo - mean_color
assert (photo - mean_color[:, None, None]).shape == photo.shape == (3, 427, 640)

# %%
# An addition stretches without a copy
# ------------------------------------
#
# A stretched axis has :term:`stride` 0: a step along it moves nowhere in memory. :meth:`torch.Tensor.expand` makes this
# visible: here :val:`12 <stretched.numel()>` elements are read from :val:`3 <column.numel()>` places. The *result* of
# an addition has a place for each element.

stretched = column.expand(3, 4)
assert stretched.stride() == (1, 0)
assert (stretched + row).untyped_storage().nbytes() == 12 * 8
draw_storage([stretched, column], ["stretched", "column"])

# %%
# .. use-this::
#
#    Line the shapes up on the right, in a comment beside the code. Keep reduced axes with ``keepdim=True``, so that the
#    result fits what it came from. Elsewhere put an axis of size 1 in with ``x[:, None]`` or ``unsqueeze``. Before a
#    loss, compare the two shapes. In ``+`` or ``*`` stretching needs no memory, but the result has the full shape.
#    ``@`` between two stretched batches copied both here.

x = torch.rand(5, 7)
centered = x - x.mean(dim=1, keepdim=True)
torch.testing.assert_close(centered.mean(dim=1), torch.zeros(5))
left, right = torch.rand(5, 1, 3, 4), torch.rand(1, 6, 4, 2)
assert copies(lambda: left + left * right[..., :1, :1]) == 0
assert copies(lambda: left @ right) == 2

# %%
# A common mistake
# ----------------
#
# **(N, 1) against (N,).** Predictions of shape (5, 1) minus targets of shape :val:`(5,) <target.shape>` are
# :val:`25 <difference.numel()>` differences: each prediction minus *each* target. Here each prediction is right, and
# still the loss is not 0. Predicting the mean of the targets would halve it. :func:`torch.nn.functional.mse_loss`
# warns. Drop the axis with ``squeeze(1)``. :ref:`loss-of-n-against-n-by-1` has more on it.

difference = prediction - target
print(f"shape {tuple(difference.shape)}, loss {(difference**2).mean():.2f}")
of_mean = ((target.mean().expand(5, 1) - target) ** 2).mean()
print(f"loss if each prediction is the mean: {of_mean:.2f}")
with expect_warning(UserWarning, match="target size"):
    F.mse_loss(prediction, target)
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
# The wrong loss of right predictions is twice the variance of the targets.
wrong = (difference**2).mean()
torch.testing.assert_close(wrong, 2 * target.var(correction=0))
torch.testing.assert_close(of_mean, wrong / 2)
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
        (4, 1): "The 4 is matched with the 3 rows. Equal sizes elsewhere do not help.",
        (3, 1): "The 1 is stretched over the 4 columns.",
        (1, 4): "The 1 is stretched over the 3 rows.",
    },
)

# %%
# **Exercise.** Return the distance of each point of ``a`` to each point of ``b``. ``a`` has shape (N, 2), ``b`` has
# shape (M, 2), and the result has shape (N, M). Do not use a loop.


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
# :ref:`flip-roll-and-rot90` moves elements within their shape.
#
# - NumPy developers (2026). `Broadcasting <https://numpy.org/doc/stable/user/basics.broadcasting.html>`__. The same
#   rule, with drawings.
# - Harris et al. (2020). `Array programming with NumPy <https://doi.org/10.1038/s41586-020-2649-2>`__. A short review
#   that draws views, strides and broadcasting.
