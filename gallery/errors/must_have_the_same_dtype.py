"""
.. _must-have-the-same-dtype:

RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float
==============================================================================

A matrix product takes two tensors of one :term:`dtype`, and unlike ``+`` it converts neither. In a :term:`network`
``mat1`` is the data and ``mat2`` the weight, which is :val:`float32 <layer.weight.dtype>` unless you chose otherwise,
here called ``Float``. Losses and lookups ask for types of their own, and have messages of their own. Those of the table
are raised here and mended.

========================================  =====================================================
What came                                 Fix, best where the data is made
========================================  =====================================================
``Double``: data from NumPy, pandas       ``x.float()``
``Byte``: pixels from 0 to 255            ``x.float() / 255``
``Long``: numbers of words                :class:`torch.nn.Embedding` in front of the layer
``Half``, ``BFloat16``                    ``x.to(layer.weight.dtype)``, or autocast around both
labels: ``expected target dtype``         ``labels.long()`` for cross-entropy
targets: ``Found dtype Long``             ``targets.float()`` for BCE and the Huber loss
positions: ``tensors used as indices``    ``index.long()``
========================================  =====================================================

.. not looked up: 255 — cause 2 runs it
"""

# %%
# NumPy makes :val:`float64 <measured.dtype>` of Python's floats, and a layer of PyTorch has
# :val:`float32 <layer.weight.dtype>`; :func:`torch.from_numpy` keeps what it gets. The layer refuses it.

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
measured = torch.from_numpy(np.array([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]))
layer = nn.Linear(3, 4)
print(f"{measured.dtype = }, {layer.weight.dtype = }")
with expect_error(RuntimeError, match="but got Double and Float"):
    layer(measured)
assert layer(measured.float()).shape == (2, 4)

# %%
# The messages use other names than the code does. This table is made by raising the error with each of these types.

types = [
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
]
named = {}
for dtype in [*types, torch.bool, torch.complex64]:
    try:
        layer(measured.to(dtype))
    except RuntimeError as error:
        named[dtype] = str(error).removesuffix(" and Float").split()[-1]
        print(f"{named[dtype]:13}{dtype}")
assert len(named) == len(types) + 2
assert (named[torch.float64], named[torch.int64], named[torch.uint8]) == ("Double", "Long", "Byte")

# %%
# Cause 1: doubles from NumPy
# ---------------------------
#
# Arrays that NumPy makes of Python's floats, and its number ``np.float64``, are
# :val:`float64 <torch.as_tensor(prices).dtype>`. Convert once, where the data is made: a double tensor takes twice the
# memory. :func:`torch.tensor` makes :val:`float32 <torch.tensor(0.5).dtype>` of Python's floats, and
# :val:`int64 <torch.tensor(3).dtype>` of whole numbers, as NumPy does.

assert torch.tensor(np.float64(0.5)).dtype == torch.tensor(np.array(0.5)).dtype == torch.float64
assert torch.tensor(0.5).dtype == torch.float32
assert torch.tensor(3).dtype == torch.tensor(np.array(3)).dtype == torch.int64
prices = np.array([1.5, 2.5])
assert torch.as_tensor(prices, dtype=torch.float32).dtype == torch.float32
assert measured.nbytes == 2 * measured.float().nbytes

# %%
# ``x.float()`` does not change ``x``: it returns a tensor, and on a line of its own the result is thrown away. A module
# is different: ``layer.double()`` changes the layer. It is the other way out, at twice the memory, for calculations
# that need :val:`16 <-torch.log10(torch.tensor(2.0**-53))>` digits.

measured.float()
assert measured.dtype == torch.float64
x = measured.float()
assert x.dtype == torch.float32
double = nn.Linear(3, 4)
double.double()
assert double(measured).dtype == torch.float64
assert double.weight.nbytes == 2 * layer.weight.nbytes

# %%
# Not each operation is so strict: ``+``, ``*`` and ``cat`` of :val:`float32 <x.dtype>` and
# :val:`float64 <measured.dtype>` give :val:`float64 <(measured + x).dtype>` (:term:`promotion`, see :ref:`dtypes`), and
# matrix products refuse the two. So a mask of doubles made with NumPy gives a product of doubles, and a layer further
# on complains. A single number does not do so: a tensor without axes leaves the dtype as it is.

for combined in (measured + x, measured * x, torch.cat([x, measured])):
    assert combined.dtype == torch.float64
assert (x * torch.tensor(2.0, dtype=torch.float64)).dtype == torch.float32
mask, head = torch.from_numpy(np.array([1.0, 0.0, 1.0, 1.0])), nn.Linear(4, 5)
hidden = layer(x) * mask
assert hidden.dtype == torch.float64
with expect_error(RuntimeError, match="but got Double and Float"):
    head(hidden)
assert head(layer(x) * mask.float()).dtype == torch.float32

# %%
# Cause 2: whole numbers
# ----------------------
#
# Pixels are often read as :val:`uint8 <pixels.dtype>`. Convert and scale them in one line; the scale is part of the
# meaning. Numbers of words are :val:`int64 <words.dtype>` here: they name things, and an embedding looks up a vector
# for each, which can be multiplied.

pixels = torch.randint(256, (2, 3), dtype=torch.uint8)
with expect_error(RuntimeError, match="but got Byte and Float"):
    layer(pixels)
assert layer(pixels.float() / 255).dtype == torch.float32

words = torch.tensor([[7, 1], [4, 0]])
with expect_error(RuntimeError, match="but got Long and Float"):
    nn.Linear(2, 4)(words)
assert nn.Embedding(num_embeddings=10, embedding_dim=6)(words).shape == (2, 2, 6)

# %%
# Cause 3: half precision on one side only
# ----------------------------------------
#
# A model in :val:`bfloat16 <small.weight.dtype>` wants its input so, too. What a linear layer gives in a region of
# :class:`torch.autocast` is of the smaller type, and a layer outside refuses it. (Other operations, such as some
# losses, give :val:`float32 <F.mse_loss(x, x).dtype>` there, too.) Ask the weight instead of writing the type down.

small = nn.Linear(3, 4).to(torch.bfloat16)
with expect_error(RuntimeError, match="but got Float and BFloat16"):
    small(x)
assert small(x.to(small.weight.dtype)).dtype == torch.bfloat16

with torch.autocast("cpu", dtype=torch.bfloat16):
    hidden = layer(x)
    assert F.mse_loss(hidden, torch.ones(2, 4)).dtype == torch.float32
with expect_error(RuntimeError, match="but got BFloat16 and Float"):
    head(hidden)
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert head(hidden).dtype == torch.bfloat16  # inside the region both are converted
assert head(hidden.float()).dtype == torch.float32

# %%
# Labels for cross-entropy: whole numbers
# ---------------------------------------
#
# Some losses say "expected scalar type Long but found Float", :term:`cross-entropy` says it in other words. A label is
# a position here: it says which of the :term:`logits` of its row counts, and so it is a whole number.

logits, labels = (
    torch.tensor([[2.0, 0, 1], [0, 3, 1], [1, 0, 4], [5, 0, 0]]),
    torch.tensor([0, 1, 2, 1]),
)
with expect_error(RuntimeError, match="expected target dtype to be Long or Byte, but got Float"):
    F.cross_entropy(logits, labels.float())
with expect_error(RuntimeError, match="expected scalar type Long but found Float"):
    F.multi_margin_loss(logits, labels.float())
picked = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
torch.testing.assert_close(
    F.cross_entropy(logits, labels), (logits.logsumexp(dim=1) - picked).mean()
)
draw(torch.gather, (logits, 1, labels.unsqueeze(1)), names=["logits", "labels"])

# %%
# Labels of :val:`int32 <labels.int().dtype>` are refused as well, and unsigned bytes are taken. Floats of the shape of
# the logits are taken without a word: as the probability of each class. Labels of shape (N, 1) are refused; drop the
# axis.

with expect_error(RuntimeError, match="but got Int"):
    F.cross_entropy(logits, labels.int())
assert F.cross_entropy(logits, labels.to(torch.uint8)) == F.cross_entropy(logits, labels)
one_hot = F.one_hot(labels, num_classes=3)
torch.testing.assert_close(
    F.cross_entropy(logits, one_hot.float()), F.cross_entropy(logits, labels)
)
with expect_error(
    RuntimeError, match="Expected floating point type for target with class probabilities, got Long"
):
    F.cross_entropy(logits, one_hot)
with expect_error(
    RuntimeError, match="0D or 1D target tensor expected, multi-target not supported"
):
    F.cross_entropy(logits, labels.unsqueeze(1))
assert F.cross_entropy(logits, labels.unsqueeze(1).squeeze(1)) == F.cross_entropy(logits, labels)

# %%
# Targets for other losses: floats
# --------------------------------
#
# A binary cross-entropy compares numbers with numbers: its targets have the dtype of the prediction. The Huber loss
# takes whole numbers on the way forward, and ``backward()`` refuses them. The mean squared error promotes.

answers, chances = torch.tensor([1, 0, 1]), torch.tensor([0.8, 0.4, 0.6], requires_grad=True)
with expect_error(RuntimeError, match="Found dtype Long but expected Float"):
    F.binary_cross_entropy(chances, answers)
with expect_error(
    RuntimeError, match="result type Float can't be cast to the desired output type Long"
):
    F.binary_cross_entropy_with_logits(chances, answers)
assert F.binary_cross_entropy(chances, answers.float()).dtype == torch.float32
assert F.mse_loss(chances, answers).dtype == torch.float32  # promotes
with expect_error(RuntimeError, match="Found dtype Long but expected Float"):
    F.huber_loss(chances, answers).backward()

# %%
# The same mistake in other words
# -------------------------------
#
# ``m1`` and ``m2`` are ``mat1`` and ``mat2`` under other names, with the types as C++ calls them: ``double`` is
# :val:`float64 <x.double().dtype>`, ``float`` is :val:`float32 <x.float().dtype>`, ``long int``
# :val:`int64 <x.long().dtype>`. In a layer "bias type" is the type of its parameters.

w = x.double()
siblings = [
    ("x @ w.mT", "expected m1 and m2 to have the same dtype, but got: float != double"),
    ("x @ w[0]", "must have the same dtype"),
    ("torch.dot(x[0], w[0])", "dot : expected both vectors to have same dtype"),
    ("x[None] @ w[None].mT", "expected scalar type Float but found Double"),
    (
        "nn.Conv1d(2, 4, kernel_size=3)(w)",
        r"Input type \(double\) and bias type \(float\) should be the same",
    ),
    (
        "nn.LSTM(3, 4)(w)",
        r"RNN input dtype \(torch.float64\) does not match weight dtype \(torch.float32\)",
    ),
    ("nn.LayerNorm(3)(w)", "all inputs must share same datatype"),
    (
        "F.scaled_dot_product_attention(x, w, w)",
        "Expected query, key, and value to have the same dtype",
    ),
    ("nn.Embedding(10, 6)(words.float())", "one of the following scalar types: Long, Int"),
    ("x.gather(1, x)", "Expected dtype int32/int64 for index"),
    ("x[x]", "tensors used as indices must be long, int, byte or bool tensors"),
    ("F.one_hot(labels.float())", "only applicable to index tensor of type LongTensor"),
    ("words.float().softmax(0) + words.softmax(0)", "not implemented for 'Long'"),
]
for code, message in siblings:
    print(code)
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


tried = {"x = x.float()": x.float(), "x = x.half()": x.half(), "x.half()": x}
(mended,) = (fix for fix, data in tried.items() if works(data))
ask(
    "The message ends with: but got Float and Half. The call is layer(x). What mends it?",
    answer=mended,
    choices={
        "x = x.float()": "x is Float already: it is named first, as mat1.",
        "x = x.half()": "mat2, the weight, is Half; convert the input to it, or the layer to Float.",
        "x.half()": "The result is thrown away; x stays as it was.",
    },
)

# %%
# And for a loss:

ask(
    "logits have shape (5, 3), targets are torch.ones(5). What does F.cross_entropy(logits, targets) do?",
    answer=lambda: F.cross_entropy(torch.zeros(5, 3), torch.ones(5)).shape,
    choices={
        (): "It would with torch.ones(5, dtype=torch.int64): labels are positions.",
        (5,): "Only reduction='none' gives a number for each item.",
        RuntimeError: "The labels are Float. Use targets.long(), or make them as integers.",
    },
)

# %%
# Next: :ref:`expected-all-tensors-to-be-on-the-same-device`, where the types agree, and the devices do not.
