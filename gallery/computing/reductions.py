"""
.. _reductions:

Which axis does dim remove in sum, mean and max?
================================================

You want one sum for each row of a table, write ``dim=0`` because rows come first, and get one for each column. The
:term:`axis` that you name disappears: :func:`torch.sum` adds up along it.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import Choice, draw
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
x = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6], [8, 3, 5, 7]])

# %%

draw(torch.sum, x, dim=Choice(0, 1))

# %%
# The table has three rows and four columns. With ``dim=0`` the sum runs down, from row to row, and four sums of
# columns remain. With ``dim=1`` it runs along each row, and three sums of rows remain. You need to know :ref:`what a
# shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# The shape of the result is the shape of the input without the size at ``dim``. For a tensor with the axes photo,
# channel and row, ``dim=1`` is :math:`s_{ik} = \sum_j v_{ijk}`: the channels are added up, and each photo keeps its
# rows. A tuple removes several axes, and without ``dim`` one number is left.

v = torch.arange(24).reshape(2, 3, 4)
shapes = {0: (3, 4), 1: (2, 4), -1: (2, 3), (0, 2): (3,), None: ()}
for dim, shape in shapes.items():
    print(f"dim={dim!s:<6} {tuple(v.shape)} -> {tuple(v.sum(dim).shape)}")
    assert v.sum(dim).shape == shape

# %%
# One mean for each channel
# -------------------------
#
# To normalize photos you need the mean of each color over the whole batch. Name the axes that disappear: photo, row and
# column. One mean is left for each of the three channels.

photos = torch.rand(8, 3, 11, 10)  # (photo, channel, row, column)
means = photos.mean(dim=(0, 2, 3))
print([round(mean, 3) for mean in means.tolist()])

# %%
# keepdim
# -------
#
# ``keepdim=True`` keeps the *number* of axes: the reduced axis has size 1. So the totals are a column and
# :ref:`broadcast <broadcasting>` against the table. Dividing by them turns each row into fractions that sum to 1.

totals = x.sum(dim=1, keepdim=True)
fractions = x / totals
print("totals", tuple(totals.shape), totals.flatten().tolist())
print("sums of the rows", fractions.sum(dim=1).tolist())

# %%
# max gives two tensors
# ---------------------
#
# With a ``dim``, :func:`torch.max` returns the largest values and their indices along the axis that disappeared. Take
# ``.values`` or ``.indices``. :func:`torch.amax` gives the values alone, and also takes several axes, which ``max``
# refuses.

largest = x.max(dim=1)
print(largest)

# %%
# .. use-this::
#
#    Name the axis that disappears, and count from the end where the number of leading axes may vary. Give
#    ``keepdim=True`` if the result is combined with the input again. Sums of integers and of True are
#    :val:`int64 <torch.ones(2, dtype=torch.uint8).sum().dtype>`, so the sum of a :term:`mask` counts. ``std`` divides
#    by n - 1, unless you give another ``correction``. The result is a new tensor.
#
# Common mistakes
# ---------------
#
# **A square table without keepdim.** Three totals and four columns do not fit, and torch raises an error. A confusion
# matrix is square, so no error is raised: each *column* is divided by the total of the row with the same number. The
# diagonal comes out right, which hides the mistake.

with expect_error(RuntimeError, match="must match the size"):
    x / x.sum(dim=1)
confusion = torch.tensor([[8, 1, 1], [4, 12, 4], [0, 10, 30]])  # (true class, predicted class)
wrong = confusion / confusion.sum(dim=1)
right = confusion / confusion.sum(dim=1, keepdim=True)
print("sums of the rows:", [round(total, 2) for total in wrong.sum(dim=1).tolist()])
print("with keepdim:    ", right.sum(dim=1).tolist())
assert torch.equal(wrong.diagonal(), right.diagonal())

# %%
# **The mean of integers.** The mean of 1, 2, 3 and 4 is no integer, so ``mean`` refuses labels, counts and images of
# :val:`uint8 <image.dtype>`. Convert first, or give ``dtype``.

counts, image = torch.tensor([1, 2, 3, 4]), torch.ones(3, 8, 8, dtype=torch.uint8)
with expect_error(RuntimeError, match="must be either a floating point or complex dtype"):
    image.mean()
print(counts.mean(dtype=torch.float32), counts.float().mean())

# %%
# How this was checked

for channel in range(3):
    torch.testing.assert_close(means[channel], photos[:, channel].mean())
assert torch.equal(largest.values, x.amax(dim=1))
torch.testing.assert_close(fractions.sum(dim=1), torch.ones(3))


def reduce(combine, x, dim):
    """Combine the slices along an axis, one after the other."""
    result, *rest = x.unbind(dim)
    for piece in rest:
        result = combine(result, piece)
    return result


assert (x > 4).sum() == 6
assert torch.equal(largest.indices, x.argmax(dim=1))
for row, index in enumerate(largest.indices.tolist()):
    assert x[row, index] == largest.values[row]
assert torch.equal(wrong[:, 2], confusion[:, 2] / confusion[2].sum())
assert ((wrong.sum(dim=1) - 1).abs() > 0.1).any()
f = x.float()
by_hand = ((f - f.mean(dim=1, keepdim=True)) ** 2).sum(dim=1) / (4 - 1)
torch.testing.assert_close(f.std(dim=1), by_hand.sqrt())
torch.testing.assert_close(f.std(dim=1, correction=0), (by_hand * 3 / 4).sqrt())
assert v.sum(dim=1)[1, 3] == v[1, 0, 3] + v[1, 1, 3] + v[1, 2, 3]

kinds = [(torch.add, torch.sum), (torch.mul, torch.prod), (torch.maximum, torch.amax)]
for combine, reduction in kinds:
    for dim in range(3):
        assert torch.equal(reduce(combine, v, dim), reduction(v, dim))
for combine, reduction in [(torch.logical_or, torch.any), (torch.logical_and, torch.all)]:
    for dim in range(3):
        assert torch.equal(reduce(combine, v % 3 == 0, dim), reduction(v % 3 == 0, dim))
for name, tensor in zoo().items():
    for dim in range(-tensor.dim(), tensor.dim()):
        shape = list(tensor.shape)
        del shape[dim]
        assert list(tensor.sum(dim).shape) == shape, name
        assert tensor.sum(dim, keepdim=True).dim() == tensor.dim(), name
    assert tensor.sum().shape == tensor.sum(dim=None).shape == ()
    kept = tensor.is_floating_point() or tensor.is_complex()
    assert tensor.sum().dtype == (tensor.dtype if kept else torch.int64), name
    if not kept:
        with expect_error(RuntimeError, match="floating point or complex"):
            tensor.mean()
# Several axes at a time, or not.
for name in ("sum", "mean", "amax", "amin", "any", "all", "std", "var", "logsumexp", "nansum"):
    assert getattr(torch, name)(v.float(), dim=(0, 2)).shape == (3,)
for name in ("prod", "max", "min", "median", "argmax"):
    with expect_error(TypeError, match="tuple"):
        getattr(torch, name)(v, dim=(0, 2))
# An axis of size 0: sum, prod, any and all have a value to start from; the mean is 0 / 0.
empty = torch.zeros(0, 4)
assert (empty.sum(dim=0).tolist(), empty.prod(dim=0).tolist()) == ([0] * 4, [1] * 4)
assert ((empty > 0).any(), (empty > 0).all(), empty.mean().isnan()) == (False, True, True)
for name in ("max", "min", "amax", "argmax", "median"):
    with expect_error(IndexError, match="Expected reduction dim 0 to have non-zero size"):
        getattr(torch, name)(empty, dim=0)
# Gradients: 1 for a sum, 1/n for a mean, and 1 for the largest element of max. amax divides it among equal ones.
even = torch.tensor([1.0, 3.0, 3.0], requires_grad=True)
assert torch.autograd.grad(even.max(dim=0).values, even)[0].sum() == 1
assert torch.autograd.grad(even.amax(dim=0), even)[0].tolist() == [0, 0.5, 0.5]
g = f.clone().requires_grad_()
assert torch.equal(torch.autograd.grad(g.sum(), g)[0], torch.ones(3, 4))
torch.testing.assert_close(torch.autograd.grad(g.mean(), g)[0], torch.full((3, 4), 1 / 12))
winners = (x == x.amax(1, keepdim=True)).float()
assert torch.equal(torch.autograd.grad(g.max(dim=1).values.sum(), g)[0], winners)
# A sum of uint8 does not overflow at 255, and one of int64 does.
assert torch.tensor([200, 100], dtype=torch.uint8).sum() == 300
assert torch.tensor([torch.iinfo(torch.int64).max, 1]).sum() == torch.iinfo(torch.int64).min

# %%
# Check yourself
# --------------

ask(
    "v has shape (2, 3, 4). What is the shape of v.amax(dim=1, keepdim=True)?",
    answer=v.amax(dim=1, keepdim=True).shape,
    choices={
        (1, 3, 4): "Axes are counted from 0, so this is dim=0.",
        (2, 1, 4): "The axis that is reduced stays, with size 1.",
        (2, 3, 4): "keepdim keeps the number of axes, not their sizes.",
        (2, 4): "That is without keepdim.",
    },
)

# %%
# The next question has small integers.

ask(
    "What is torch.tensor([130, 140, 50], dtype=torch.uint8).sum()?",
    answer=torch.tensor([130, 140, 50], dtype=torch.uint8).sum(),
    choices={
        320 - 256: "In 8 bits the sum would overflow to this, but the sum has 64 bits.",
        255: "The sum does not stop at the largest uint8: it has another dtype.",
        320: "The sum of integers has 64 bits, also when the elements have fewer.",
    },
)

# %%
# **Exercise.** A classifier was tried on N photos. ``logits`` has shape (N, class), and ``labels`` has shape (N,).
# Return the accuracy of each class: the fraction of its photos that was recognized. Each class has a photo.


def by_loops(logits, labels):
    result = []
    for label in range(logits.shape[1]):
        hits = [row.argmax().item() == label for row in logits[labels == label]]
        result.append(sum(hits) / len(hits))
    return torch.tensor(result)


cases = [
    (torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1, 1])),
    (torch.randn(12, 3), torch.arange(12) % 3),
    (torch.randn(40, 4), torch.arange(40) % 4),
]


def accuracies(logits, labels):
    raise NotImplementedError


check(accuracies, by_loops, cases)

# %%
# Compare the column of labels with a row of classes. In this mask of shape (N, class) a sum counts the photos of each
# class, and a second sum counts those that were recognized.

# Solution


def accuracies(logits, labels):
    of_class = labels.unsqueeze(1) == torch.arange(logits.shape[1])
    right = (logits.argmax(dim=1) == labels).unsqueeze(1)
    return (of_class & right).sum(dim=0) / of_class.sum(dim=0)


report = check(accuracies, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`matmul` multiplies and then sums over the axis that two matrices have in common.
#
# - Harris et al. (2020). `Array programming with NumPy <https://doi.org/10.1038/s41586-020-2649-2>`__. Its first
#   figure shows reductions beside indexing and broadcasting.
# - PyTorch contributors (2026). `Reduction operations
#   <https://docs.pytorch.org/docs/stable/torch.html#reduction-ops>`__. The list of them.
