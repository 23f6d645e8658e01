"""
.. _mat1-and-mat2-shapes:

RuntimeError: mat1 and mat2 shapes cannot be multiplied
=======================================================

The last size of the first matrix must equal the first size of the second, and it does not. In a network ``mat1`` is
what enters a :class:`torch.nn.Linear`, the layer that multiplies its input by a matrix of weights, and ``mat2`` is that
matrix: the number of features that arrive is not the layer's ``in_features``. Each usual cause is raised and mended.
"""

# %%
# A batch (items that are computed together, along axis 0) of 4 grey images of 2 by 3 pixels, flattened to one row of 6
# features each, meets a layer that was made for 5.

import itertools

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.pictures import draw

torch.manual_seed(0)
images = torch.arange(24.0).reshape(4, 2, 3)
pixels = images.flatten(start_dim=1)
layer = nn.Linear(in_features=5, out_features=7)
with expect_error(RuntimeError, match=r"\(4x6 and 5x7\)"):
    layer(pixels)

# %%
# The two inner numbers, 6 and 5, should be equal. ``mat1`` is the batch. ``mat2`` is the weight transposed, its rows
# and columns swapped: the layer stores (out_features, in_features) and computes :math:`x W^T + b`. Each row of ``mat1``
# meets each column of ``mat2``, element by element, and here the last element of a row has no partner.

assert (layer.weight.shape, layer.weight.mT.shape) == ((7, 5), (5, 7))
tenths = (10 * layer.weight.mT).round().int()
draw([pixels.int(), tenths], ["mat1: the input", "mat2: layer.weight.mT, in tenths"])

# %%
# The fix is a layer whose ``in_features`` is 6. Input with more than two axes counts as one long matrix: the message
# multiplies all axes but the last together. A single vector is one row.

head = nn.Linear(in_features=6, out_features=7)
assert head(pixels).shape == (4, 7)
for shape, seen in {(9, 8, 6): "72x6", (10, 9, 8, 6): "720x6", (6,): "1x6"}.items():
    assert head(torch.ones(shape)).shape == (*shape[:-1], 7)
    with expect_error(RuntimeError, match=rf"\({seen} and 5x7\)"):
        layer(torch.ones(shape))

# %%
# From scratch: the rule
# ----------------------
#
# (n, k) times (k, m) gives (n, m): the inner sizes must be equal and disappear, the outer ones remain. So (2, 2) times
# (2, 1) is a column, not the row that some notes print. Checked against ``@`` for all sizes from 0 to 4.


def matmul_shape(a, b):
    return (a[0], b[1]) if a[1] == b[0] else None


for n, k, rows, m in itertools.product(range(5), repeat=4):
    try:
        assert matmul_shape((n, k), (rows, m)) == (torch.ones(n, k) @ torch.ones(rows, m)).shape
    except RuntimeError:
        assert matmul_shape((n, k), (rows, m)) is None
product = torch.tensor([[1, 2], [3, 4]]) @ torch.tensor([[2], [3]])
assert product.tolist() == [[8], [18]]  # not [[8, 18]]

# %%
# Cause 1: in_features was not counted behind the convolution
# -----------------------------------------------------------
#
# A convolution slides a small window, the kernel, over the image; without padding (an added border) the result is
# smaller: a kernel of 5 makes 13 by 11 of 17 by 15. Do not count: run the layers before the linear one on one batch
# and read the shape, or let :class:`torch.nn.LazyLinear` read it from the first batch.

photos = torch.rand(10, 3, 17, 15)  # photos, color channels, rows, columns
front = nn.Sequential(nn.Conv2d(3, 8, kernel_size=5), nn.ReLU(), nn.Flatten())
with expect_error(RuntimeError, match="10x1144 and 2040x12"):
    nn.Sequential(front, nn.Linear(8 * 17 * 15, 12))(photos)
features = front(photos).shape[1]
assert features == 8 * 13 * 11
assert nn.Sequential(front, nn.Linear(features, 12))(photos).shape == (10, 12)
lazy = nn.Sequential(front, nn.LazyLinear(12))
lazy(photos)
assert lazy[1].in_features == features

# %%
# Cause 2: flattened too much, or too little
# ------------------------------------------
#
# Images that were not flattened are read row by row: 4 of them with 2 rows are 8 items of 3 features. The function
# :func:`torch.flatten` starts at axis 0 and swallows the batch. The layer :class:`torch.nn.Flatten` starts at axis 1;
# where the batch axis is missing, it leaves the rows apart, and ``unsqueeze(0)`` adds that axis. When the last axis
# fits by luck, nothing is raised.

for wrong, seen in [(images, "8x3"), (torch.flatten(images), "1x24"), (nn.Flatten()(images[0]), "2x3")]:
    with expect_error(RuntimeError, match=rf"\({seen} and 6x7\)"):
        head(wrong)
assert head(torch.flatten(images, start_dim=1)).shape == head(nn.Flatten()(images)).shape == (4, 7)
assert head(nn.Flatten()(images[0].unsqueeze(0))).shape == (1, 7)
assert nn.Linear(3, 7)(images).shape == (4, 2, 7)  # one output for every row, hardly meant

# %%
# Cause 3: the features are not the last axis
# -------------------------------------------
#
# Convolutions keep the features (channels) on axis 1, a linear layer wants them last. Move the axis. A ``reshape`` to
# the same shape would silence the error too, but mix values of different features (:ref:`reshape-and-view`).

signal = torch.arange(10.0 * 6 * 11).reshape(10, 6, 11)  # 10 items, 6 features, 11 steps
with expect_error(RuntimeError, match="60x11 and 6x7"):
    head(signal)
moved = signal.movedim(1, -1)
assert head(moved).shape == (10, 11, 7)
assert torch.equal(moved[0, 2], signal[0, :, 2])  # the 6 features of one step
assert not torch.equal(signal.reshape(10, 11, 6), moved)

# %%
# Cause 4: two matrices in the wrong order, or one not transposed
# ---------------------------------------------------------------
#
# ``a @ b`` is not ``b @ a``. A weight stored as (out, in) needs :attr:`torch.Tensor.mT`: it swaps the last two axes.

a, b = torch.ones(5, 8), torch.ones(9, 5)
with expect_error(RuntimeError, match="5x8 and 9x5"):
    a @ b
assert (b @ a).shape == (9, 8)
with expect_error(RuntimeError, match="4x6 and 7x6"):
    pixels @ head.weight
torch.testing.assert_close(pixels @ head.weight.mT + head.bias, head(pixels))

# %%
# The same mistake in other words
# -------------------------------
#
# Other numbers of axes have their own messages. :func:`torch.dot` takes two vectors of one length; :func:`torch.mv` a
# matrix and a vector, where "input" is the result; :func:`torch.bmm` and ``@`` two batches of matrices, where [6, 3]
# is the batch size and the inner size. If the batch sizes differ, ``@`` tries :ref:`broadcasting`.

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
# Check yourself
# --------------
#
# 1. The message says "64x100 and 200x10". The layer is right; which size of the data is wrong?
# 2. ``nn.Linear(20, 30)`` gets a tensor of shape (4, 7, 25). Which two shapes does the message name?

fitting = [size for size in (64, 100, 200, 10) if matmul_shape((64, size), (200, 10))]
print(f"1. the last one: not 100, but {fitting[0]}\n2. in this message:")
assert fitting == [200]
with expect_error(RuntimeError, match="28x25 and 20x30"):
    nn.Linear(20, 30)(torch.ones(4, 7, 25))

# %%
# Next: :ref:`reductions`; a matrix product multiplies, then sums over the axis that the two shapes share.
