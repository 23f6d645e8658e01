"""
.. _mat1-and-mat2-shapes:

RuntimeError: mat1 and mat2 shapes cannot be multiplied
=======================================================

The last size of the first :term:`matrix` must equal the first size of the second, and it does not. In a :term:`network`
``mat1`` enters a :class:`torch.nn.Linear`, and ``mat2`` is its weight, :term:`transposed <transpose>`: the number of
features that arrive is not ``in_features``. Each cause in this table is raised and mended.

=====================================  ====================================================
Usual cause                            Fix
=====================================  ====================================================
the size behind convolutions is wrong  read the shape, or use :class:`torch.nn.LazyLinear`
images were not flattened              ``torch.flatten(x, start_dim=1)``, ``nn.Flatten()``
the batch was flattened, too           ``start_dim=1``
the features are not the last axis     ``x.movedim(1, -1)``
two matrices in the wrong order        ``b @ a``
a weight stored as (out, in)           ``x @ weight.mT``
=====================================  ====================================================
"""

# %%
# Each row of ``mat1`` meets each column of ``mat2``, element by element, so they must be equally long: here 6. The
# products are added up. Touch a result to see what met.

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_matmul

mat1 = torch.arange(24).reshape(4, 6)
mat2 = torch.arange(42).reshape(6, 7) % 10
draw(torch.matmul, (mat1, mat2), names=["mat1", "mat2"])

# %%
# Without the last row of ``mat2``, its columns have 5 elements, and the last element of each row of ``mat1`` has no
# partner. The two inner numbers of the message, 6 and 5, should be equal. ``explain_matmul`` names the :term:`axes
# <axis>`, and a change that would help, if it finds one.

assert (mat1 @ mat2)[1, 2] == sum(mat1[1, k] * mat2[k, 2] for k in range(6))
with expect_error(RuntimeError, match=r"\(4x6 and 5x7\)"):
    mat1 @ mat2[:5]
explain_matmul(mat1, mat2[:5])

# %%
# In a layer
# ----------
#
# Now ``mat1`` is a :term:`batch` (items that are computed together, along axis 0) of 4 grey images of 2 by 3 pixels,
# flattened to one row of 6 features each; the layer was made for 5. ``mat2`` is the weight transposed, its rows and
# columns swapped, because the layer stores (out_features, in_features).

torch.manual_seed(0)
images = torch.arange(24.0).reshape(4, 2, 3)
pixels = images.flatten(start_dim=1)
assert (pixels == mat1).all()
layer = nn.Linear(in_features=5, out_features=7)
assert (layer.weight.shape, layer.weight.mT.shape) == ((7, 5), (5, 7))
with expect_error(RuntimeError, match=r"\(4x6 and 5x7\)"):
    layer(pixels)

# %%
# A layer computes :math:`x W^T + b`, which is :func:`torch.nn.functional.linear`. So an item, which is a row of the
# input, meets each *row* of the weight as it is stored. That gives one output each, and one number of the bias is added
# to it. With whole numbers:

weight, bias = mat2.mT, 10 * torch.arange(7)
assert torch.equal(nn.functional.linear(mat1, weight, bias), mat1 @ weight.mT + bias)
draw(nn.functional.linear, (mat1, weight, bias), names=["pixels", "weight", "bias"])

# %%
# The fix is a layer whose ``in_features`` is 6. Input with more than two axes counts as one long matrix, whose number
# of rows is the product of the sizes before the last. A single :term:`vector` is one row. Input without axes has a
# message of its own.

head = nn.Linear(in_features=6, out_features=7)
assert head(pixels).shape == (4, 7)
for shape, seen in {
    (9, 8, 6): "72x6",
    (10, 9, 8, 6): "720x6",
    (0, 8, 6): "0x6",
    (6,): "1x6",
}.items():
    assert head(torch.ones(shape)).shape == (*shape[:-1], 7)
    with expect_error(RuntimeError, match=rf"\({seen} and 5x7\)"):
        layer(torch.ones(shape))
with expect_error(RuntimeError, match="both arguments to linear need to be at least 1D"):
    layer(torch.tensor(3.0))

# %%
# From scratch: the rule
# ----------------------
#
# (n, k) times (k, m) gives (n, m): the inner sizes must be equal and disappear, the outer ones remain. So (2, 2) times
# (2, 1) is a column, and not a row. The rule is checked against ``@`` for the sizes from 0 to 4.


def matmul_shape(a, b):
    return (a[0], b[1]) if a[1] == b[0] else None


sizes = torch.arange(5)
for n, k, rows, m in torch.cartesian_prod(sizes, sizes, sizes, sizes).tolist():
    try:
        assert matmul_shape((n, k), (rows, m)) == (torch.ones(n, k) @ torch.ones(rows, m)).shape
    except RuntimeError:
        assert matmul_shape((n, k), (rows, m)) is None
product = torch.tensor([[1, 2], [3, 4]]) @ torch.tensor([[2], [3]])
assert product.tolist() == [[8], [18]]  # not [[8, 18]]

# %%
# Cause 1: in_features is not what comes out of the convolution
# -------------------------------------------------------------
#
# A convolution slides a small window, the :term:`kernel`, over the image. Without :term:`padding` (an added border), a
# kernel of 5 makes 13 by 11 of 17 by 15. You need not calculate this: run the layers before the linear one on one batch
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
# The rows of a batch must be its items. The layer :class:`torch.nn.Flatten` starts at axis 1 and makes one row of each
# image, as :func:`torch.flatten` does with ``start_dim=1``. Left out, the function starts at axis 0 and swallows the
# batch.

assert head(torch.flatten(images, start_dim=1)).shape == head(nn.Flatten()(images)).shape == (4, 7)
draw(torch.flatten, images, start_dim=1, names=["images"])

# %%
# Images that were not flattened are read row by row: 4 of them with 2 rows are 8 items of 3 features. Where the batch
# axis is missing, ``nn.Flatten`` leaves the rows apart, and ``unsqueeze(0)`` adds that axis. When the last axis fits by
# chance, nothing is raised.

swallowed, apart = torch.flatten(images), nn.Flatten()(images[0])
for wrong, seen in [(images, "8x3"), (swallowed, "1x24"), (apart, "2x3")]:
    with expect_error(RuntimeError, match=rf"\({seen} and 6x7\)"):
        head(wrong)
assert head(nn.Flatten()(images[0].unsqueeze(0))).shape == (1, 7)
assert nn.Linear(3, 7)(images).shape == (4, 2, 7)  # one output for every row, hardly meant

# %%
# Cause 3: the features are not the last axis
# -------------------------------------------
#
# In a batch, convolutions keep the features (:term:`channels <channel>`) on axis 1, and a linear layer wants them last.
# Here ``explain_matmul`` suggests ``a.mT``, which swaps the last two axes of the input.

signal = torch.arange(10.0 * 6 * 11).reshape(10, 6, 11)  # 10 items, 6 features, 11 steps
with expect_error(RuntimeError, match="60x11 and 6x7"):
    head(signal)
assert "Try a.mT @ b" in explain_matmul(signal, head.weight.mT).text
explain_matmul(signal, head.weight.mT)

# %%
# ``movedim`` does the same, and also works where two or three axes follow the features. A ``reshape`` to the same shape
# would silence the error too, but mix values of different features (:ref:`reshape-and-view`).

moved = signal.movedim(1, -1)
for behind in [(11,), (11, 8), (11, 8, 9)]:
    assert head(torch.ones(10, 6, *behind).movedim(1, -1)).shape == (10, *behind, 7)
assert torch.equal(moved, signal.mT)
assert torch.equal(moved[0, 2], signal[0, :, 2])  # the 6 features of one step
assert not torch.equal(signal.reshape(10, 11, 6), moved)

# %%
# Cause 4: two matrices in the wrong order, or one not transposed
# ---------------------------------------------------------------
#
# ``a @ b`` is not ``b @ a``, and often only one of them exists.

a, b = torch.ones(5, 8), torch.ones(9, 5)
with expect_error(RuntimeError, match="5x8 and 9x5"):
    a @ b
assert (b @ a).shape == explain_matmul(b, a).shape == (9, 8)
explain_matmul(a, b)

# %%
# A weight stored as (out, in) needs :attr:`torch.Tensor.mT`.

with expect_error(RuntimeError, match="4x6 and 7x6"):
    pixels @ head.weight
torch.testing.assert_close(pixels @ head.weight.mT + head.bias, head(pixels))
explain_matmul(pixels, head.weight)

# %%
# The same mistake in other words
# -------------------------------
#
# Other numbers of axes have their own messages. :func:`torch.dot` takes two vectors of one length; :func:`torch.mv` a
# matrix and a vector, where "input" is the result; :func:`torch.bmm` and ``@`` two batches of matrices, where [6, 3]
# is the batch size and the inner size. If the batch sizes differ, ``@`` tries :ref:`broadcasting <broadcasting>`.

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
# ``explain_matmul`` knows all these numbers of axes. For the last pair it suggests an axis of size 1: each matrix of
# one batch then meets each of the other.

assert not any(explain_matmul(left, right).works for _, left, right, _ in siblings)
every_pair = torch.ones(6, 2, 3).unsqueeze(1) @ torch.ones(7, 3, 5)
assert every_pair.shape == (6, 7, 2, 5)
explain_matmul((6, 2, 3), (7, 3, 5))

# %%
# Check yourself
# --------------
#
# Read the message first.

named = "64x100 and 200x10"
(fitting,) = (size for size in (64, 100, 200, 10) if matmul_shape((64, size), (200, 10)))
ask(
    f'The message says "{named}". The layer is right. Which size must the last axis of the data have?',
    answer=fitting,
    choices={
        10: "That is out_features: what the layer gives, not what it takes.",
        64: "That is the number of rows. The layer does not look at it.",
        100: "That is what arrived. The layer takes what stands in the first place of mat2.",
        200: "The inner two numbers must be equal, and that of the layer is 200.",
    },
)

# %%
# Input with three axes:

try:
    nn.Linear(20, 30)(torch.ones(4, 7, 25))
except RuntimeError as error:
    message = str(error)

(named,) = (
    pair
    for pair in ("7x25 and 20x30", "28x25 and 30x20", "28x25 and 20x30")
    if f"({pair})" in message
)
ask(
    "nn.Linear(20, 30) gets a tensor of shape (4, 7, 25). Which two shapes does the message name?",
    answer=named,
    choices={
        "7x25 and 20x30": "The input counts as one long matrix, not as four: its rows are 4 * 7.",
        "28x25 and 30x20": "The weight is stored that way, but it is multiplied, and named, transposed.",
        "28x25 and 20x30": "All axes of the input but the last are multiplied together, and the weight is transposed.",
    },
)

# %%
# And images that nobody flattened:

ask(
    "Images of shape (5, 8, 6), meant as 5 items, enter nn.Linear(6, 9). What comes out?",
    answer=lambda: nn.Linear(6, 9)(torch.ones(5, 8, 6)).shape,
    choices={
        (5, 9): "For this, flatten the images first; then in_features must be 8 * 6.",
        (5, 8, 9): "The last size fits by chance, so each row of pixels is taken for an item.",
        RuntimeError: "A layer looks at the last axis only, and that one fits.",
    },
)

# %%
# Next: :ref:`size-of-tensor-a`, the error of shapes that are combined element by element. What vectors and batches of
# matrices do, says :ref:`matmul`.
