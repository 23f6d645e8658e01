"""
.. _mat1-and-mat2-shapes:

RuntimeError: mat1 and mat2 shapes cannot be multiplied
=======================================================

A linear layer was made for another number of features than arrives: of the two numbers in the middle of the message,
the first arrived and the second is ``in_features``. Change the one that is wrong.
"""

# %%
# Set-up

import itertools
import traceback

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_matmul

torch.manual_seed(0)
# Without the first column of pixels, so that no two sizes are equal: (sample, channel, row, column).
images = digits("train").inputs[:32, :, :, 1:]
assert images.shape == (32, 1, 8, 7)

# %%

network = nn.Sequential(nn.Conv2d(1, 4, kernel_size=3), nn.Flatten(), nn.Linear(4 * 8 * 7, 10))
with expect_error(RuntimeError, match=r"\(32x120 and 224x10\)"):
    network(images)
explain_matmul((32, 120), (224, 10))

# %%
# Grey images of 8 by 7 pixels go through a convolution with 4 channels. ``mat1`` is what comes out of it, a row for
# each of 32 images. Whoever wrote the linear layer expected 4 · 8 · 7 features, which is 224, and 120 arrive.
#
# .. longer: 10 cells; 6 screens — each cause has a cell of its own, and so have other messages of the same mistake
#
# The rule
# --------
#
# Shape (n, k) times shape (k, m) gives (n, m). Each row of ``mat1`` meets each column of ``mat2``, element by element,
# so both must have :math:`k` elements. A layer computes :math:`x W^T + b`. Its weight is stored as (out_features,
# in_features), and the message shows it transposed. Point at a result to see what met.

mat1 = torch.arange(6).reshape(2, 3)
mat2 = torch.arange(12).reshape(3, 4) % 5
assert (mat1 @ mat2)[1, 2] == sum(mat1[1, k] * mat2[k, 2] for k in range(3))
assert torch.equal(F.linear(mat1, mat2.mT), mat1 @ mat2)
draw(torch.matmul, (mat1, mat2), names=["mat1", "mat2"])

# %%
# Find the layer, and the cause
# -----------------------------
#
# In an ``nn.Sequential``, the traceback does not say which layer it was. Run the layers one by one, and read the
# shapes. Then look for your case below.
#
# ========================================  ===================================================
# Usual cause                               Fix
# ========================================  ===================================================
# in_features is not what arrives           read the shape, or use :class:`torch.nn.LazyLinear`
# images of another size arrive             ``nn.AdaptiveAvgPool2d`` before flattening
# the images were not flattened             ``nn.Flatten()``
# the batch was flattened, too              ``torch.flatten`` from axis 1 on
# one image came without a batch            ``unsqueeze`` makes a batch of one
# the features are not the last axis        ``movedim`` brings them there
# two matrices are in the wrong order       ``b @ a``
# a weight is stored as (out, in)           ``x @ weight.mT``
# ========================================  ===================================================

x = images
for layer in network[:-1]:
    x = layer(x)
    print(f"{type(layer).__name__:<9}{tuple(x.shape)}")
print(f"next: {network[-1]}")

# %%
# in_features is not what arrives
# -------------------------------
#
# A 3 by 3 kernel without :term:`padding` makes 6 by 5 of 8 by 7, and 4 · 6 · 5 is 120. You need not calculate
# it. Write what you read above, or let ``LazyLinear`` read it from the first batch. Where images of several sizes come,
# ``AdaptiveAvgPool2d`` averages each channel to a size that you choose.

front = network[:2]
assert nn.Sequential(front, nn.Linear(120, 10))(images).shape == (32, 10)
lazy = nn.Sequential(front, nn.LazyLinear(10))
lazy(images)
assert lazy[1].in_features == 120
pooled = nn.Sequential(network[0], nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten(), nn.Linear(24, 10))
for size in [(8, 7), (28, 28), (224, 192)]:
    assert pooled(torch.rand(2, 1, *size)).shape == (2, 10)
lazy

# %%
# Flattened too little, or too much
# ---------------------------------
#
# Each image must become one row. ``nn.Flatten`` keeps axis 0, the batch, and makes one axis of the rest.
# ``torch.flatten`` begins at axis 0 and swallows the batch, unless you say ``start_dim=1``. An image without
# the axes of batch and channel is a matrix, and ``nn.Flatten`` takes its rows for samples.

head = nn.Linear(8 * 7, 10)
for what, wrong, seen in [
    ("not flattened", images, "256x7"),
    ("all in one", torch.flatten(images), "1x1792"),
    ("no batch", nn.Flatten()(images[0, 0]), "8x7"),
]:
    print(f"{what}, shape {tuple(wrong.shape)}")
    with expect_error(RuntimeError, match=rf"\({seen} and 56x10\)"):
        head(wrong)
assert (
    head(nn.Flatten()(images)).shape == head(torch.flatten(images, start_dim=1)).shape == (32, 10)
)
assert head(nn.Flatten()(images[0, 0].unsqueeze(0))).shape == (1, 10)

# %%
# The features are not the last axis
# ----------------------------------
#
# A convolution has its channels on axis 1. A linear layer takes its features from the last axis, and counts all other
# axes together as rows: 32 · 4 · 6 is 768. Move the channels to the end.

maps = network[0](images)  # (sample, channel, row, column)
per_pixel = nn.Linear(4, 9)
with expect_error(RuntimeError, match=r"\(768x5 and 4x9\)"):
    per_pixel(maps)
moved = maps.movedim(1, -1)
assert torch.equal(moved[2, 3, 1], maps[2, :, 3, 1])  # the four channels of one pixel
assert per_pixel(moved).shape == (32, 6, 5, 9)
print(tuple(maps.shape), "became", tuple(moved.shape))

# %%
# Two matrices in the wrong order, or one not transposed
# ------------------------------------------------------
#
# ``a @ b`` is another product than ``b @ a``, and often only one of them exists. ``explain_matmul`` tries the other
# order and the transposes, and names up to two changes that fit. Whether one is what you mean, the shapes cannot tell.

a, b = torch.ones(5, 8), torch.ones(9, 5)
with expect_error(RuntimeError, match="5x8 and 9x5"):
    a @ b
assert (b @ a).shape == (9, 8)
x = images.flatten(start_dim=1)
with expect_error(RuntimeError, match="32x56 and 10x56"):
    x @ head.weight
torch.testing.assert_close(x @ head.weight.mT + head.bias, head(x))
explain_matmul(x, head.weight)

# %%
# .. use-this::
#
#    Ask first what the last axis of your data should be. If it is right, change ``in_features``, or use
#    ``nn.LazyLinear`` while you still change the layers in front. If it is wrong, correct the data: ``nn.Flatten()``
#    for images, ``movedim`` for channels. Do not try ``reshape`` until the numbers fit. ``LazyLinear`` has no
#    weight to count, or to initialise, before its first batch. ``movedim`` copies nothing.
#
# Common mistakes
# ---------------
#
# **A reshape that fits.** ``reshape`` to the shape that the layer wants silences the message. The numbers of different
# channels are mixed, and the network trains on that. See :ref:`reshape-and-view`.

reshaped = maps.reshape(32, 6, 5, 4)
assert reshaped.shape == moved.shape
assert per_pixel(reshaped).shape == per_pixel(moved).shape
print("moved:   ", moved[2, 3, 1].tolist())
print("reshaped:", reshaped[2, 3, 1].tolist())
assert not torch.equal(reshaped, moved)

# %%
# **It fits by chance.** A layer looks at the last axis alone. Where that is as long as ``in_features``, nothing is
# raised, and each row of pixels is taken for a sample. Look at the shape of the result.

by_rows = nn.Linear(7, 10)(images)
print(tuple(by_rows.shape))
assert by_rows.shape == (32, 1, 8, 10)

# %%
# The same mistake in other words
# -------------------------------
#
# Tensors with other numbers of axes have other messages: :func:`torch.dot` for two vectors, :func:`torch.mv` for a
# matrix and a vector, :func:`torch.bmm` and ``@`` for two batches of matrices.

batches = r"first two dimensions of batch2 tensor to be: \[6, 3\] but got: \[6, 4\]"
siblings = [
    (torch.dot, (3,), (4,), "to have the same number of elements"),
    (torch.mv, (2, 3), (4,), r"size mismatch, got input \(2\), mat \(2x3\), vec \(4\)"),
    (torch.bmm, (6, 2, 3), (6, 4, 5), batches),
    (torch.matmul, (6, 2, 3), (6, 4, 5), batches),
    (torch.matmul, (6, 2, 3), (7, 3, 5), r"tensor a \(6\) must match the size of tensor b \(7\)"),
]
for function, left, right, message in siblings:
    print(f"torch.{function.__name__}, {left} and {right}")
    with expect_error(RuntimeError, match=message):
        function(torch.ones(left), torch.ones(right))

# %%
# How this was checked


def matmul_shape(a, b):
    return (a[0], b[1]) if a[1] == b[0] else None


# The rule, for each size from 0 to 4.
for n, k, rows, m in itertools.product(range(5), repeat=4):
    try:
        assert matmul_shape((n, k), (rows, m)) == (torch.ones(n, k) @ torch.ones(rows, m)).shape
    except RuntimeError:
        assert matmul_shape((n, k), (rows, m)) is None
# Input with other numbers of axes: all but the last count together as rows. Without axes, the message is another.
for shape, seen in {
    (9, 8, 6): "72x6",
    (10, 9, 8, 6): "720x6",
    (0, 8, 6): "0x6",
    (6,): "1x6",
}.items():
    assert nn.Linear(6, 7)(torch.ones(shape)).shape == (*shape[:-1], 7)
    with expect_error(RuntimeError, match=rf"\({seen} and 5x7\)"):
        nn.Linear(5, 7)(torch.ones(shape))
    with expect_error(RuntimeError, match=rf"\({seen} and 5x7\)"):
        nn.Linear(5, 7, bias=False)(torch.ones(shape))
with expect_error(RuntimeError, match="both arguments to linear need to be at least 1D"):
    nn.Linear(5, 7)(torch.tensor(3.0))
# (2, 2) times (2, 1) is a column, and not a row.
product = torch.tensor([[1, 2], [3, 4]]) @ torch.tensor([[2], [3]])
assert product.tolist() == [[8], [18]]
# The traceback of a Sequential shows its loop, and no name of a layer.
try:
    network(images)
except RuntimeError:
    lines = traceback.format_exc()
assert "input = module(input)" in lines
assert "network[2]" not in lines
# movedim copies nothing, and explain_matmul says of each pair above that it does not fit.
assert moved.data_ptr() == maps.data_ptr()
assert not any(explain_matmul(left, right).works for _, left, right, _ in siblings)
assert "b @ a" in explain_matmul(a, b).text
assert "b.mT" in explain_matmul(x, head.weight).text
# A LazyLinear has no shape before its first batch.
with expect_error(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
    print(nn.LazyLinear(10).weight.shape)

# %%
# Check yourself
# --------------

named = "64x100 and 200x10"
(fitting,) = (size for size in (64, 100, 200, 10) if matmul_shape((64, size), (200, 10)))
ask(
    f'The message says "{named}". The layer is right. Which size must the last axis of the data have?',
    answer=fitting,
    choices={
        10: "That is out_features: what the layer gives, not what it takes.",
        64: "That is the number of rows. The layer does not look at it.",
        100: "That is what arrived.",
        200: "The two numbers in the middle must be equal, and that of the layer is 200.",
    },
)

# %%
# Input with three axes:

try:
    nn.Linear(20, 30)(torch.ones(4, 7, 25))
except RuntimeError as error:
    message = str(error)

pairs = ("7x25 and 20x30", "28x25 and 30x20", "28x25 and 20x30")
(named,) = (pair for pair in pairs if f"({pair})" in message)
ask(
    "nn.Linear(20, 30) gets a tensor of shape (4, 7, 25). Which two shapes does the message name?",
    answer=named,
    choices={
        "7x25 and 20x30": "The input counts as one long matrix, not as four: its rows are 4 * 7.",
        "28x25 and 30x20": "The weight is stored that way, but it is multiplied, and named, transposed.",
        "28x25 and 20x30": "The sizes of all axes but the last are multiplied, and the weight is transposed.",
    },
)

# %%
# **Exercise.** Write what a linear layer does, with a product of two matrices. ``x`` has one axis or more, the last
# of them for the features, and ``weight`` has shape (out, in).

cases = [
    (torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([5.0])),
    (torch.arange(6.0).reshape(2, 3), torch.arange(12.0).reshape(4, 3), torch.ones(4)),
    (torch.rand(5, 2, 3), torch.rand(4, 3), torch.rand(4)),
    (torch.rand(3), torch.rand(4, 3), torch.rand(4)),
    (torch.rand(2, 5, 6, 3), torch.rand(1, 3), torch.rand(1)),
]


def linear(x, weight, bias):
    raise NotImplementedError


check(linear, F.linear, cases, without=["linear", "addmm", "einsum"])

# %%
# Make one long matrix of the leading axes, multiply, and give the result their sizes back.

# Solution


def linear(x, weight, bias):
    rows = x.reshape(-1, x.shape[-1])
    return (rows @ weight.mT + bias).reshape(*x.shape[:-1], len(weight))


report = check(linear, F.linear, cases, without=["linear", "addmm", "einsum"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`size-of-tensor-a`, the error of shapes that are combined element by element. Products of vectors and of batches
# are on :ref:`matmul`.
#
# - Dumoulin and Visin (2016). `A guide to convolution arithmetic for deep learning
#   <https://arxiv.org/abs/1603.07285>`__. Which size comes out of a convolution, drawn for each case.
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. Among
#   its advice: how gradients reveal a ``view`` that mixes samples.
