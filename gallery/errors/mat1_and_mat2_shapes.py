"""
.. _mat1-and-mat2-shapes:

RuntimeError: mat1 and mat2 shapes cannot be multiplied
=======================================================

A linear layer got another number of features than it was made for. In the middle of the message, the first number is
what arrived, and the second is ``in_features``: change the one that is wrong.
"""

# %%
# Set-up

import itertools
import re
import traceback

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
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
# ``mat1`` is the data, one row for each of 32 images. ``mat2`` is the weight of the linear layer. The layer was
# made for 224 features, and 120 arrive.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: start_dim=1; x.movedim(1, -1) — the cells of the causes run them
#
# ===============================================================  ================================================
# Usual cause                                                      Fix
# ===============================================================  ================================================
# :ref:`in_features is not what arrives <mat1-in-features>`        ``nn.LazyLinear``, or the shape that you print
# :ref:`images have another size <mat1-in-features>`               ``nn.AdaptiveAvgPool2d`` before the flattening
# :ref:`the images were not flattened <mat1-flatten>`              ``nn.Flatten()``
# :ref:`the batch was flattened, too <mat1-flatten>`               ``torch.flatten`` with ``start_dim=1``
# :ref:`one image came without a batch <mat1-flatten>`             ``image[None]``
# :ref:`the features are not the last axis <mat1-last-axis>`       ``x.movedim(1, -1)``
# :ref:`two matrices are in the wrong order <mat1-order>`          ``b @ a``
# :ref:`a weight is stored as (out, in) <mat1-order>`              ``x @ weight.mT``
# ===============================================================  ================================================
#
# The rule
# --------
#
# Shape :math:`(n, k)` times shape :math:`(k, m)` gives :math:`(n, m)`: the two sizes in the middle must be equal. A
# linear layer stores its weight as (out_features, in_features), and the message shows it transposed. To find the layer
# in an ``nn.Sequential``, run the layers one by one and read the shapes.

x = images
for layer in network[:-1]:
    x = layer(x)
    print(f"{type(layer).__name__:<9}{tuple(x.shape)}")
print(f"next: {network[-1]}")

# %%
# .. _mat1-in-features:
#
# in_features is not what arrives
# -------------------------------
#
# A kernel of 3 by 3 without :term:`padding` turns 8 by 7 pixels into :val:`6 <network[0](images).shape[2]>` by
# :val:`5 <network[0](images).shape[3]>`. With four channels, these are :val:`120 <front(images).shape[1]>` features.
# ``LazyLinear`` reads this number from the first batch. For images of several sizes, ``AdaptiveAvgPool2d`` averages
# each channel to a size that you choose.

front = network[:2]
lazy = nn.Sequential(front, nn.LazyLinear(10))
lazy(images)
print(f"LazyLinear took in_features={lazy[1].in_features}")
assert lazy[1].in_features == 4 * 6 * 5

pooled = nn.Sequential(network[0], nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten(), nn.Linear(24, 10))
for size in [(8, 7), (28, 28), (224, 192)]:
    assert pooled(torch.rand(2, 1, *size)).shape == (2, 10)

# %%
# .. _mat1-flatten:
#
# Flattened too little, or too much
# ---------------------------------
#
# Each image must become one row. ``nn.Flatten()`` keeps axis 0, the batch, and makes one axis of the rest.
# ``torch.flatten`` begins at axis 0, so it needs ``start_dim=1``. ``nn.Flatten`` takes the rows of a single image
# for samples, so make it a batch of one with ``image[None]``.

head, image = nn.Linear(8 * 7, 10), images[0, 0]
for wrong, seen in [
    (images, "256x7"),
    (torch.flatten(images), "1x1792"),
    (nn.Flatten()(image), "8x7"),
]:
    with expect_error(RuntimeError, match=rf"\({seen} and 56x10\)"):
        head(wrong)
assert torch.equal(nn.Flatten()(images), torch.flatten(images, start_dim=1))
assert head(nn.Flatten()(images)).shape == (32, 10)
assert head(nn.Flatten()(image[None])).shape == (1, 10)

# %%
# .. _mat1-last-axis:
#
# The features are not the last axis
# ----------------------------------
#
# A convolution has its channels on axis :val:`1 <maps.shape.index(4)>`. A linear layer takes its features from the last
# axis, and multiplies all other sizes to count its rows. Here it counts
# 32 · :val:`4 <maps.shape[1]>` · :val:`6 <maps.shape[2]>` = 768 rows. Move the channels to the end.

maps = network[0](images)  # (sample, channel, row, column)
per_pixel = nn.Linear(4, 9)
with expect_error(RuntimeError, match=r"\(768x5 and 4x9\)"):
    per_pixel(maps)
moved = maps.movedim(1, -1)
assert per_pixel(moved).shape == (32, 6, 5, 9)
print(tuple(maps.shape), "became", tuple(moved.shape))

# %%
# .. _mat1-order:
#
# In the wrong order, or not transposed
# -------------------------------------
#
# Here the product ``b @ a`` exists, and ``a @ b`` does not. A layer stores its weight as (out, in), so transpose it
# when you multiply by hand.

a, b = torch.ones(5, 8), torch.ones(9, 5)
with expect_error(RuntimeError, match="5x8 and 9x5"):
    a @ b
assert (b @ a).shape == (9, 8)
x, weight = images.flatten(start_dim=1), head.weight
with expect_error(RuntimeError, match="32x56 and 10x56"):
    x @ weight
torch.testing.assert_close(x @ weight.mT + head.bias, head(x))

# %%
# .. use-this::
#
#    Ask first what the last axis of your data should be. If it is right, change ``in_features``, or use
#    ``nn.LazyLinear`` while you still change the layers in front. If it is wrong, correct the data: ``nn.Flatten()``
#    for images, ``movedim`` for channels, which copies nothing. Before its first batch, ``LazyLinear`` has no weight to
#    count or to initialize. Do not make the numbers fit with ``reshape``.
#
# A common mistake
# ----------------
#
# ``reshape`` to the shape that the layer wants silences the message. Where there are several channels and pixels, it
# mixes their numbers, and the network trains on the mixture (:ref:`reshape-and-view`).

reshaped = maps.reshape(32, 6, 5, 4)
assert reshaped.shape == moved.shape
assert torch.equal(moved[2, 3, 1], maps[2, :, 3, 1])  # the four channels of one pixel
print("moved:   ", moved[2, 3, 1])
print("reshaped:", reshaped[2, 3, 1])
assert not torch.equal(reshaped, moved)

# %%
# The same mistake in other words
# -------------------------------
#
# :func:`torch.dot`, :func:`torch.mv` and :func:`torch.bmm` have messages of their own for sizes that do not fit. Older
# releases called the two matrices ``m1`` and ``m2``: the first line is quoted from `a thread of 2018
# <https://github.com/kevinzakka/recurrent-visual-attention/issues/19>`__. Its sizes raise the message of today.

older = "size mismatch, m1: [32 x 192], m2: [64 x 128]"
print("RuntimeError:", older, "at /pytorch/aten/src/TH/generic/THTensorMath.c:2033")
rows, features, expected, out = map(int, re.findall(r"\d+(?= x|\])", older))
with expect_error(RuntimeError, match=r"\(32x192 and 64x128\)"):
    nn.Linear(expected, out)(torch.ones(rows, features))
siblings = [
    (torch.dot, (3,), (4,), "to have the same number of elements"),
    (torch.mv, (2, 3), (4,), r"size mismatch, got input \(2\), mat \(2x3\), vec \(4\)"),
    (torch.bmm, (6, 2, 3), (6, 4, 5), r"batch2 tensor to be: \[6, 3\] but got: \[6, 4\]"),
]
for function, left, right, message in siblings:
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
    for bias in (True, False):
        with expect_error(RuntimeError, match=rf"\({seen} and 5x7\)"):
            nn.Linear(5, 7, bias=bias)(torch.ones(shape))
with expect_error(RuntimeError, match="both arguments to linear need to be at least 1D"):
    nn.Linear(5, 7)(torch.tensor(3.0))
# Batches of matrices have these messages with @, too.
with expect_error(RuntimeError, match=r"batch2 tensor to be: \[6, 3\] but got: \[6, 4\]"):
    torch.ones(6, 2, 3) @ torch.ones(6, 4, 5)
with expect_error(RuntimeError, match=r"tensor a \(6\) must match the size of tensor b \(7\)"):
    torch.ones(6, 2, 3) @ torch.ones(7, 3, 5)
# The traceback of a Sequential shows its loop, and no name of a layer.
try:
    network(images)
except RuntimeError:
    lines = traceback.format_exc()
assert "input = module(input)" in lines
assert "network[2]" not in lines
# movedim copies nothing, and explain_matmul says of each pair above that it does not fit, and what would.
assert moved.data_ptr() == maps.data_ptr()
assert not any(explain_matmul(left, right).works for _, left, right, _ in siblings)
assert "b @ a" in explain_matmul(a, b).text
assert "b.mT" in explain_matmul(x, weight).text
# With one channel there is nothing to mix.
alone = maps[:, :1]
assert torch.equal(alone.reshape(32, 6, 5, 1), alone.movedim(1, -1))
# A layer looks at the last axis alone: where that fits by chance, rows of pixels are taken for samples.
assert nn.Linear(7, 10)(images).shape == (32, 1, 8, 10)
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
# The next input has three axes.

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
        "7x25 and 20x30": f"The input counts as one long matrix of {4 * 7} rows, not as four matrices.",
        "28x25 and 30x20": "The weight is stored that way, but it is multiplied, and named, transposed.",
        "28x25 and 20x30": "The sizes of all axes but the last are multiplied, and the weight is transposed.",
    },
)

# %%
# **Exercise.** Write what a linear layer does, with a product of two matrices. ``x`` has at least one axis, and its
# last axis holds at least one feature. ``weight`` has shape (out, in).

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
# Merge the axes in front of the last, multiply, and restore their sizes in the result.

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
