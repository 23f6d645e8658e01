"""
.. _must-have-the-same-dtype:

RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float
==============================================================================

A linear layer multiplies your data, ``mat1``, by its weight, ``mat2``, and does not convert one to the :term:`dtype` of
the other. Convert the data to the dtype of the weight where you make the data.
"""

# %%
# Set-up

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
layer = nn.Linear(3, 4)

# %%

measured = torch.from_numpy(np.array([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]))
with expect_error(RuntimeError, match="but got Double and Float"):
    layer(measured)
print(f"data {measured.dtype}, weight {layer.weight.dtype}")

# %%
# NumPy makes :val:`float64 <measured.dtype>` of Python's floats. The message calls this type ``Double``. The weight
# of this layer has the default type of torch, :val:`float32 <layer.weight.dtype>`. The message calls it ``Float``.
#
# .. longer: 9 cells; 6 screens — each cause has a cell of its own
#
# .. not looked up: x.float() / 255 — the cell of this cause runs it
#
# ==================================================================  ==================================================
# The message names                                                   Fix
# ==================================================================  ==================================================
# :ref:`Double: data from NumPy or pandas <dtype-double>`             ``x.float()``
# :ref:`Byte: pixels from 0 to 255 <dtype-whole>`                     ``x.float() / 255``
# :ref:`Long: IDs of words <dtype-whole>`                             ``nn.Embedding`` in front of the layer
# :ref:`Half or BFloat16 <dtype-half>`                                ``x.to(layer.weight.dtype)``
# :ref:`expected target dtype to be Long <dtype-labels>`              ``labels.long()``
# :ref:`Found dtype Long but expected Float <dtype-targets>`          ``targets.float()``
# ==================================================================  ==================================================
#
# The rule
# --------
#
# Outside ``torch.autocast``, both factors of a matrix product need one dtype:
# :math:`\mathrm{dtype}(X) = \mathrm{dtype}(W)`. The messages use the names of C++ instead of those in your code. This
# table is made by raising the error with each type.

named = {}
for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8):
    try:
        layer(measured.to(dtype))
    except RuntimeError as error:
        named[dtype] = str(error).removesuffix(" and Float").split()[-1]
        print(f"{named[dtype]:9}{dtype}")
assert list(named.values()) == ["Double", "Half", "BFloat16", "Long", "Int", "Byte"]

# %%
# .. _dtype-double:
#
# Double: data from NumPy or pandas
# ---------------------------------
#
# Convert once, where the data is made. A tensor of doubles takes twice the memory. ``layer.double()`` is the other way
# out, for calculations that need about :val:`16 <-torch.log10(torch.tensor(2.0**-53))>` digits.

prices = np.array([1.5, 2.5, 3.5])
x = torch.as_tensor(prices, dtype=torch.float32)
print(tuple(layer(x).shape), tuple(layer(measured.float()).shape))
assert measured.nbytes == 2 * measured.float().nbytes
assert nn.Linear(3, 4).double()(measured).dtype == torch.float64

# %%
# .. _dtype-whole:
#
# Byte or Long: whole numbers
# ---------------------------
#
# Pixels are often read as unsigned bytes: convert and scale them in one line. The ID of a word is a name, and a
# product with it means nothing. An embedding looks up a vector for each ID.

pixels = torch.randint(256, (2, 3), dtype=torch.uint8)
words = torch.tensor([[7, 1, 5], [4, 0, 2]])
for name, whole in {"Byte": pixels, "Long": words}.items():
    with expect_error(RuntimeError, match=f"but got {name} and Float"):
        layer(whole)
assert layer(pixels.float() / 255).shape == (2, 4)
embedding = nn.Embedding(num_embeddings=10, embedding_dim=6)
print(tuple(embedding(words).shape))

# %%
# .. _dtype-half:
#
# Half or BFloat16 on one side
# ----------------------------
#
# A model in half precision needs its input in half precision, too. Inside :class:`torch.autocast` a linear layer
# returns half precision. Outside, a layer of another type refuses this result. Read the dtype from the weight instead
# of typing it.

small = nn.Linear(3, 4).to(torch.bfloat16)
with expect_error(RuntimeError, match="but got Float and BFloat16"):
    small(x)
assert small(x.to(small.weight.dtype)).dtype == torch.bfloat16

head = nn.Linear(4, 5)
with torch.autocast("cpu", dtype=torch.bfloat16):
    hidden = layer(x)
    assert head(hidden).dtype == torch.bfloat16  # inside, both are converted
with expect_error(RuntimeError, match="but got BFloat16 and Float"):
    head(hidden)
assert head(hidden.to(head.weight.dtype)).dtype == torch.float32

# %%
# .. _dtype-labels:
#
# Labels for cross-entropy are whole numbers
# ------------------------------------------
#
# A label says which class is right. It is an index into a row of :term:`logits`, and so a whole number. Floats of the
# shape of the logits are taken as probabilities, so a one-hot target needs ``float()``.

logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
with expect_error(
    RuntimeError,
    match="expected target dtype to be Long or Byte, but got Float|Long but found Float",
):
    F.cross_entropy(logits, labels.float())
loss = F.cross_entropy(logits, labels.float().long())
assert loss == F.cross_entropy(logits, labels)
one_hot = F.one_hot(labels, num_classes=3)
torch.testing.assert_close(F.cross_entropy(logits, one_hot.float()), loss)

# %%
# .. _dtype-targets:
#
# Targets of a binary cross-entropy are floats
# --------------------------------------------
#
# A binary cross-entropy compares a probability with a number, and here both need the same dtype. The Huber loss refuses
# whole numbers in ``backward()``. ``F.nll_loss`` takes labels, and so whole numbers.

targets, chances = torch.tensor([1, 0, 1]), torch.tensor([0.8, 0.4, 0.6], requires_grad=True)
with expect_error(RuntimeError, match="Found dtype Long but expected Float"):
    F.binary_cross_entropy(chances, targets)
for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.huber_loss):
    loss(chances, targets.float()).backward()
assert F.nll_loss(logits.log_softmax(dim=1), labels).dtype == logits.dtype

# %%
# .. use-this::
#
#    Convert in the data set: inputs with ``float()``, labels of classes with ``long()``, targets that are numbers with
#    ``float()``. The tensor itself stays as it was, so keep the result: ``x = x.float()``. A conversion to another
#    dtype is a copy. Write ``x.to(layer.weight.dtype)`` where the model may have another type. To train in
#    :val:`bfloat16 <small.weight.dtype>`, put ``torch.autocast`` around the forward pass and the loss.
#
# A common mistake
# ----------------
#
# The line that raises may not be the line that is wrong. ``+`` and ``*`` convert their inputs, but a product of
# matrices refuses. A mask of doubles turns the hidden features into doubles, and the next layer raises the error. See
# :ref:`dtypes`.

mask = torch.from_numpy(np.array([1.0, 0.0, 1.0, 1.0]))
hidden = layer(x) * mask
print(f"layer {layer(x).dtype}, times mask {hidden.dtype}")
with expect_error(RuntimeError, match="but got Double and Float"):
    head(hidden)
assert head(layer(x) * mask.float()).dtype == torch.float32

# %%
# The same mistake in other words
# -------------------------------
#
# Other layers have messages of their own, and so does a linear layer without a bias. "bias type" is the type of the
# layer's parameters. An index has to hold whole numbers or booleans. The last line is quoted from `an issue of 2018
# <https://github.com/pytorch/pytorch/issues/11951>`__. At that time, the message named the second factor of a product.

w = measured
siblings = {
    "nn.Linear(3, 4, bias=False)(w)": "m1 and m2 to have the same dtype",
    "w.float() @ w.mT": "expected m1 and m2 to have the same dtype, but got: float != double",
    "nn.Conv1d(2, 4, kernel_size=3)(w)": r"Input type \(double\) and bias type \(float\)",
    "nn.LSTM(3, 4)(w)": "does not match weight dtype",
    "w[w]": "tensors used as indices must be long, int, byte or bool tensors",
    "torch.complex(w.float(), w)": "Expected object of scalar type Float but got scalar type",
}
for code, message in siblings.items():
    with expect_error(Exception, match=message):
        eval(code)
print(
    "RuntimeError: Expected object of scalar type Double but got scalar type Float for argument "
    "#2 'mat2'"
)
with expect_error(RuntimeError, match="expected m1 and m2 to have the same dtype"):
    torch.mm(w, w.mT.float())  # the product of the issue, today

# %%
# How this was checked

# What from_numpy and torch.tensor make of numbers.
assert torch.tensor(np.float64(0.5)).dtype == torch.tensor(np.array(0.5)).dtype == torch.float64
assert torch.tensor(0.5).dtype == torch.float32
assert torch.tensor(3).dtype == torch.tensor(np.array(3)).dtype == torch.int64
# Each pair of different types is refused, by a layer and by @.
kinds = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
for left in kinds:
    for right in kinds:
        if left == right:
            assert (torch.ones(2, 3, dtype=left) @ torch.ones(3, 4, dtype=right)).dtype == left
            continue
        with expect_error(RuntimeError, match="same dtype|scalar type"):
            torch.ones(2, 3, dtype=left) @ torch.ones(3, 4, dtype=right)
        with expect_error(RuntimeError, match="must have the same dtype, but got"):
            nn.Linear(3, 4, dtype=right)(torch.ones(2, 3, dtype=left))
# A division of bytes gives float32, which is less exact than a double.
assert (torch.tensor(51, dtype=torch.uint8) / 255).double() != 51 / 255
# x.float() copies, and leaves x as it was; of a float32 tensor it gives the tensor itself. A module changes itself.
measured.float()
assert measured.dtype == torch.float64
assert measured.float().data_ptr() != measured.data_ptr()
assert x.float() is x
changed = nn.Linear(3, 4)
changed.double()
assert changed.weight.dtype == torch.float64
# Promotion: element by element; a double without axes does not convert a tensor with axes.
x3 = measured.float()
for combined in (measured + x3, measured * x3, torch.cat([x3, measured])):
    assert combined.dtype == torch.float64
assert (x3 * torch.tensor(2.0, dtype=torch.float64)).dtype == torch.float32
# Cross-entropy takes bytes, and neither int32 nor a one-hot table of integers, nor labels of shape (N, 1).
assert F.cross_entropy(logits, labels.byte()) == F.cross_entropy(logits, labels)
for wrong, message in [
    (labels.int(), "but got Int|but found Int"),
    (one_hot, "Expected floating point type for target with class probabilities, got Long"),
    (labels[:, None], "0D or 1D target tensor expected, multi-target not supported"),
]:
    with expect_error(RuntimeError, match=message):
        F.cross_entropy(logits, wrong)
# The negative log likelihood takes labels.
with expect_error(
    RuntimeError, match="expected target dtype to be Long or Byte|expected scalar type Long"
):
    F.nll_loss(logits, labels.float())
# The mean squared error promotes; autocast gives float32 for it.
assert F.mse_loss(chances, targets).dtype == torch.float32
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert F.mse_loss(layer(x3), torch.ones(2, 4)).dtype == torch.float32
# The Huber loss takes whole numbers on the way forward, and its backward() refuses them.
with expect_error(RuntimeError, match="Found dtype Long but expected Float"):
    F.huber_loss(chances, targets).backward()
# More messages of the same mistake.
for code, message in {
    "w[None] @ w[None].mT.float()": "expected scalar type Double but found Float",
    "embedding(words.float())": "one of the following scalar types: Long, Int",
    "F.binary_cross_entropy_with_logits(chances, targets)": "can't be cast to the desired output",
    "F.multi_margin_loss(logits, labels.float())": "expected scalar type Long but found Float",
    "torch.dot(x3[0], w[0])": "dot : expected both vectors to have same dtype",
    "nn.LayerNorm(3)(w)": "all inputs must share same datatype",
    "F.scaled_dot_product_attention(x3, w, w)": "Expected query, key, and value to have the same",
    "x3.gather(1, x3)": "Expected dtype int32/int64 for index",
    "F.one_hot(labels.float())": "only applicable to index tensor of type LongTensor",
    "words.softmax(0)": "not implemented for 'Long'",
}.items():
    with expect_error(Exception, match=message):
        eval(code)

# %%
# Check yourself
# --------------
#
# Read which type is on which side.


def works(data):
    try:
        return nn.Linear(3, 4).half()(data).dtype == torch.float16
    except RuntimeError:
        return False


x = torch.ones(2, 3)
tried = {"x = x.float()": x.float(), "x = x.half()": x.half(), "x.half()": x}
(fixed,) = (fix for fix, data in tried.items() if works(data))
ask(
    "The message ends with: but got Float and Half. The call is layer(x). Which line before it helps?",
    answer=fixed,
    choices={
        "x = x.float()": "x is Float already: it is named first, as mat1.",
        "x = x.half()": "mat2, the weight, is Half; convert the input to it, or the layer to Float.",
        "x.half()": "The result is thrown away; x stays as it was.",
    },
)

# %%
# The next question asks about a loss.

ask(
    "logits have shape (5, 3), targets are torch.ones(5). What does F.cross_entropy(logits, targets) give?",
    answer=lambda: F.cross_entropy(torch.zeros(5, 3), torch.ones(5)).shape,
    choices={
        (): "It would with torch.ones(5, dtype=torch.int64): labels are positions.",
        (5,): "Only reduction='none' gives a number for each item.",
        RuntimeError: "The labels are Float. Use targets.long(), or make them as integers.",
    },
)

# %%
# **Exercise.** Your data comes from many sources. Write ``ready``, which returns ``x`` in the dtype of the weight of
# ``layer``. Unsigned bytes are divided by 255, too.


def ready(x, layer):
    raise NotImplementedError


def by_loops(x, layer):
    scale = 255 if x.dtype == torch.uint8 else 1
    numbers = [number / scale for number in x.flatten().tolist()]
    return torch.tensor(numbers, dtype=next(layer.parameters()).dtype).reshape(x.shape)


single, double = nn.Linear(3, 2), nn.Linear(3, 2).double()
cases = [
    (torch.tensor([[1.5, 2.0, 0.5]], dtype=torch.float64), single),
    (torch.tensor([[255, 0, 51]], dtype=torch.uint8), single),
    (torch.tensor([[255, 0, 51]], dtype=torch.uint8), double),
    (torch.tensor([[255, 0, -51]]), single),
    (torch.tensor([[1.0, 0.0, 2.0]]), double),
    (torch.tensor([[True, False, True]]), single),
]
check(ready, by_loops, cases)

# %%
# Convert before you divide. Dividing bytes gives the default type, so a double layer would get rounded numbers.

# Solution


def ready(x, layer):
    converted = x.to(layer.weight.dtype)
    return converted / 255 if x.dtype == torch.uint8 else converted


report = check(ready, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`input-type-and-weight-type`, the same error of a convolution.
#
# - Micikevicius et al. (2017). `Mixed precision training <https://arxiv.org/abs/1710.03740>`__. Why half precision
#   needs single precision beside it.
# - PyTorch contributors (2026). `Tensor attributes <https://docs.pytorch.org/docs/stable/tensor_attributes.html>`__.
#   The dtypes, and the rules of promotion.
