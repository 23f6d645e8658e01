"""
.. _nn-linear:

How does nn.Linear work, and why is its weight (out, in)?
=========================================================

:class:`torch.nn.Linear` makes each output a weighted sum of all inputs, plus a number of its own: :math:`x W^T + b`.
It acts on the last :term:`axis` and leaves all others alone. Row k of the weight belongs to output k, which is why
the weight has shape (out_features, in_features), and why there is a transposition. You need to know :ref:`matmul`.
"""

# %%
# Two :term:`items <item>` with 4 features each go in; 3 outputs come out for each. Touch an output: it was made from
# its item, from one *row* of the weight W, and from one number of the bias b.

import math

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.tensor([[1, 0, 2, 1], [0, 3, 1, 0]])
weight = torch.tensor([[2, 0, 1, 0], [1, 1, 1, 1], [0, -1, 0, 5]])
bias = torch.tensor([10, 20, 30])
draw(F.linear, (x, weight, bias), names=["x", "W", "b"])

# %%
# ``F.linear`` is the calculation, and ``nn.Linear`` the :term:`module` that holds weight and bias for it. Its two
# arguments are sizes: how many features go in, how many come out. As a loop:


def linear(x, weight, bias):
    out = torch.empty(len(x), len(weight), dtype=x.dtype)
    for i in range(len(x)):
        for k in range(len(weight)):
            out[i, k] = sum(x[i, j] * weight[k, j] for j in range(x.shape[1])) + bias[k]
    return out


assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias))
layer = nn.Linear(in_features=4, out_features=3)
assert (layer.weight.shape, layer.bias.shape) == ((3, 4), (3,))
assert sum(parameter.numel() for parameter in layer.parameters()) == 4 * 3 + 3

# %%
# Why the weight is transposed
# ----------------------------
#
# In mathematics a linear map is written :math:`W x`, with the item as a column: then W has a row for each output, and
# its shape is (out, in). In data, items are rows, since the :term:`batch` is the first axis. The same sums are then
# :math:`x W^T`.

item = x[1]
assert torch.equal(weight @ item + bias, F.linear(x, weight, bias)[1])
assert torch.equal(x @ weight.T + bias, F.linear(x, weight, bias))

# %%
# So the weights of one output, often called a *unit*, are neighbours in memory: ``weight[k]``, with ``bias[k]`` for it.
# You can compute one unit alone, or put the units of two layers together. The transposition copies nothing:
# ``weight.T`` is a :term:`view`, with the :ref:`strides <strides-and-storage>` exchanged.

assert weight[2].is_contiguous()
assert F.linear(item, weight[2], bias[2]) == F.linear(x, weight, bias)[1, 2]
both = F.linear(x, torch.cat([weight, weight[:2]]), torch.cat([bias, bias[:2]]))
assert torch.equal(both[:, 3:], F.linear(x, weight[:2], bias[:2]))
assert shares_memory(weight, weight.T)
assert weight.T.stride() == (1, 4)

# %%
# From scratch: the module
# ------------------------
#
# Two :term:`parameters <parameter>`, and ``forward``. Both start with random numbers between
# :math:`-1/\sqrt{\text{in}}` and :math:`1/\sqrt{\text{in}}`: the more inputs are added up, the smaller the weights.
# With the same :term:`seed` it is torch's layer, number by number.


class Linear(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        weight, bias = torch.empty(out_features, in_features), torch.empty(out_features)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(bias.uniform_(-bound, bound))

    def forward(self, x):
        return x @ self.weight.T + self.bias


torch.manual_seed(0)
mine = Linear(4, 3)
torch.manual_seed(0)
layer = nn.Linear(4, 3)
torch.testing.assert_close(mine.state_dict(), layer.state_dict())
torch.testing.assert_close(mine(x.float()), layer(x.float()))

# %%
# Any number of axes
# ------------------
#
# The last axis is the features: (..., in) becomes (..., out), for one axis or more. Five groups of 2 items are 10
# items, each treated by itself, and a :term:`vector` is one item. Two of the groups are drawn. Touch an output: nothing
# comes from its neighbours.

block = torch.arange(40).reshape(5, 2, 4) % 6
assert F.linear(block, weight, bias).shape == (5, 2, 3)
assert F.linear(item, weight, bias).shape == (3,)
for shape in [(4,), (0, 4), (1, 4), (5, 2, 4), (2, 0, 4), (2, 3, 5, 4)]:
    items = torch.arange(math.prod(shape)).reshape(shape) % 6
    rows = linear(items.reshape(-1, 4), weight, bias)
    assert torch.equal(F.linear(items, weight, bias), rows.reshape(*shape[:-1], 3))
draw(F.linear, (block[:2], weight, bias), names=["block", "W", "b"])

# %%
# Gradients
# ---------
#
# For a gradient ``g`` that arrives, of shape (items, out), the weight gets ``g.T @ x``, the bias the sum of ``g`` over
# the items, and the input ``g @ weight``. Each :term:`gradient` has the shape of its tensor.

inputs, g = x.float().requires_grad_(), torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
layer(inputs).backward(g)
torch.testing.assert_close(layer.weight.grad, g.T @ x.float())
torch.testing.assert_close(layer.bias.grad, g.sum(dim=0))
torch.testing.assert_close(inputs.grad, g @ layer.weight)

# %%
# Two in a row are one
# --------------------
#
# A weighted sum of weighted sums is a weighted sum. Without an :ref:`activation <activations>` between them, two layers
# can do nothing that one layer can't: its weight is the product of the two.

first, second = nn.Linear(4, 9), nn.Linear(9, 2)
merged = nn.Linear(4, 2)
with torch.no_grad():
    merged.weight.copy_(second.weight @ first.weight)
    merged.bias.copy_(second.weight @ first.bias + second.bias)
torch.testing.assert_close(second(first(inputs)), merged(inputs))

# %%
# What goes wrong
# ---------------
#
# *The last axis has another size.* The message multiplies the sizes of the other axes to a number of rows, and shows
# the weight transposed; :ref:`mat1-and-mat2-shapes` has its causes. *The features are not last*, and the axis that is
# happens to fit. Then nothing is raised, and the layer mixes the wrong numbers.

for shape, rows in [((2, 5, 6), 10), ((5, 6), 5), ((6,), 1)]:
    with expect_error(RuntimeError, match=rf"shapes cannot be multiplied \({rows}x6 and 4x3\)"):
        layer(torch.rand(shape))
signal = torch.rand(7, 4, 4)  # 7 items, 4 features, 4 steps
assert layer(signal).shape == layer(signal.mT).shape
assert not torch.allclose(layer(signal), layer(signal.mT))

# %%
# *Another* :term:`dtype`. A layer is :val:`float32 <layer.weight.dtype>` unless you ask for another dtype, and it
# promotes nothing. So integers, and the doubles that NumPy makes by default, have to be converted.

for dtype in (torch.int64, torch.float64, torch.float16, torch.bool):
    with expect_error(RuntimeError, match="must have the same dtype"):
        layer(x.to(dtype))
assert layer(x.float()).dtype == layer.weight.dtype == torch.float32

# %%
# *A layer as if it were a function.* ``nn.Linear(4, 3)(x)`` inside ``forward`` has new random weights at each call,
# and no optimizer has them: they are no parameters of the module. Layers are made in ``__init__``:
# :ref:`anatomy-of-nn-module`.


class Forgetful(nn.Module):
    def forward(self, x):
        return nn.Linear(4, 3)(x)


forgetful = Forgetful()
assert not torch.allclose(forgetful(inputs), forgetful(inputs))
assert list(forgetful.parameters()) == []

# %%
# Exercise: features on axis 1
# ----------------------------
#
# Convolutions keep the features on axis 1: (items, features, steps). Apply a linear layer to each step, and give
# (items, out, steps). (A convolution with a :term:`kernel` of 1 does this.)


def pointwise_by_loops(x, weight, bias):
    out = torch.empty(x.shape[0], len(weight), x.shape[2])
    for i in range(x.shape[0]):
        for t in range(x.shape[2]):
            out[i, :, t] = weight @ x[i, :, t] + bias
    return out


cases = []
for n, i, o, t in [(1, 2, 3, 1), (2, 3, 4, 5)]:  # items, features, outputs, steps
    signal = torch.arange(float(n * i * t)).reshape(n, i, t)
    cases.append((signal, torch.arange(float(o * i)).reshape(o, i), torch.arange(float(o))))


def pointwise(x, weight, bias):
    raise NotImplementedError


check(pointwise, pointwise_by_loops, cases, without=["conv1d", "einsum"])

# %%
# Move the features to the end, apply the layer, move the outputs back.

# Solution


def pointwise(x, weight, bias):
    return F.linear(x.mT, weight, bias).mT


report = check(pointwise, pointwise_by_loops, cases, without=["conv1d", "einsum"])
assert report.passed
signal, weight, bias = cases[1]
torch.testing.assert_close(F.conv1d(signal, weight.unsqueeze(2), bias), pointwise(*cases[1]))
report

# %%
# Check yourself
# --------------

ask(
    "layer = nn.Linear(6, 2). What is the shape of layer(torch.rand(3, 5, 6))?",
    answer=nn.Linear(6, 2)(torch.rand(3, 5, 6)).shape,
    choices={
        (3, 2): "The layer does not flatten. All axes but the last stay.",
        (3, 5, 2): "The last axis, of size 6, becomes 2.",
        (15, 2): "So it is computed inside, but the axes come back as they were.",
    },
)

# %%
# And its numbers:

ask(
    "How many numbers does nn.Linear(100, 10) learn?",
    answer=sum(parameter.numel() for parameter in nn.Linear(100, 10).parameters()),
    choices={
        110: "Each output has a weight for each input.",
        1000: "And a bias for each output, unless bias=False.",
        1010: "100 * 10 weights and 10 biases.",
    },
)

# %%
# Next: :ref:`anatomy-of-nn-module`, what layers and networks have in common.
