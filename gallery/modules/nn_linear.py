"""
.. _nn-linear:

How does nn.Linear work, and why is its weight (out, in)?
=========================================================

``nn.Linear(64, 10)`` turns 64 pixels into 10 logits, yet its weight has the shape
:val:`(10, 64) <nn.Linear(64, 10).weight.shape>`, the other way round. The layer multiplies by the transposed weight:
:math:`x W^T + b`.
"""

# %%
# Set-up

import math

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
images = digits("train").inputs.flatten(start_dim=1)[:5]  # (5, 64)
x = torch.tensor([[1, 0, 2, 1], [0, 3, 1, 0]])
weight = torch.tensor([[2, 0, 1, 0], [1, 1, 1, 1], [0, -1, 0, 5]])
bias = torch.tensor([10, 20, 30])

# %%

draw(F.linear, (x, weight, bias), names=["x", "W", "b"])

# %%
# Two samples with :val:`4 <x.shape[1]>` features each go in, and :val:`3 <weight.shape[0]>` outputs come out for each.
# ``F.linear`` is what :class:`torch.nn.Linear` calls. Point at an output: it is computed from one sample, one *row* of
# the weight and one number of the bias. You need to know :ref:`matmul`.
#
# The rule
# --------
#
# Each output is a weighted sum of the features of its sample, plus one number, its bias. With n for the sample, j for
# the feature and k for the output: :math:`\text{out}_{nk} = \sum_j x_{nj} W_{kj} + b_k`.

layer = nn.Linear(in_features=64, out_features=10)
logits = layer(images)
for name, tensor in {"images": images, **layer.state_dict(), "logits": logits}.items():
    print(f"{name:<7}{tuple(tensor.shape)}")
torch.testing.assert_close(logits, images @ layer.weight.T + layer.bias)

# %%
# Why the weight is (out, in)
# ---------------------------
#
# Mathematics writes a linear map as :math:`W x`. There the sample is a column, and :math:`W` has a row for each output.
# PyTorch stores the same :math:`W`. In a batch the samples are rows, and the same sums are :math:`x W^T`. So output k
# is computed with ``weight[k]`` and ``bias[k]``. The transposition copies nothing: ``weight.T`` is a :term:`view`.

sample = images[3]
torch.testing.assert_close(layer.weight @ sample + layer.bias, logits[3])
torch.testing.assert_close(sample @ layer.weight[7] + layer.bias[7], logits[3, 7])
assert layer.weight.T.data_ptr() == layer.weight.data_ptr()

# %%
# The last axis holds the features
# --------------------------------
#
# The layer acts on the last axis and keeps the others: (..., in) becomes (..., out). Each vector along the last axis
# is treated by itself. A single image needs no batch axis.

for shape in [(64,), (5, 64), (2, 7, 64), (0, 64)]:
    print(f"{shape!s:<11} -> {tuple(layer(torch.rand(shape)).shape)}")
groups = torch.rand(2, 7, 64)
torch.testing.assert_close(layer(groups)[1, 4], layer(groups[1, 4]))

# %%
# From scratch: the module
# ------------------------
#
# The layer has two :term:`parameters <parameter>`. Both begin as random numbers between :math:`-1/\sqrt{\text{in}}`
# and :math:`1/\sqrt{\text{in}}`: the more features are added up, the smaller the weights. With the same :term:`seed`,
# this class draws the numbers that torch's layer draws.


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
by_hand = Linear(64, 10)
torch.manual_seed(0)
torch.testing.assert_close(by_hand.state_dict(), nn.Linear(64, 10).state_dict())
print("largest weight:", by_hand.weight.abs().max().item(), " bound:", 1 / math.sqrt(64))

# %%
# .. use-this::
#
#    Write ``self.layer = nn.Linear(in_features, out_features)`` in ``__init__``. A layer made in ``forward`` would
#    have new random weights at each call. Put the features on the last axis, and an :ref:`activation <activations>`
#    between two layers. Set ``bias=False`` if a batch normalization follows, because it subtracts the bias again. The
#    layer holds in · out + out numbers of :val:`layer.weight.dtype`, and multiplies in · out times for each sample.
#
# A common mistake
# ----------------
#
# **The features are not last.** The layer takes an image of 8 rows as eight samples with 8 features. Its message shows
# the weight transposed (:ref:`mat1-and-mat2-shapes`). Flatten the image first. If the wrong axis happens to have the
# right size, no error is raised. Here ``rows`` is a layer for rows of 8 pixels, and it accepts the columns as well.

image = images[0].reshape(8, 8)
with expect_error(RuntimeError, match=r"shapes cannot be multiplied \(8x8 and 64x10\)"):
    layer(image)
print(tuple(layer(image.flatten()).shape))
rows = nn.Linear(8, 3)
assert rows(image).shape == rows(image.T).shape
assert not torch.allclose(rows(image), rows(image.T))

# %%
# How this was checked

# Two layers in a row compute what one could: its weight is the product of the two.
first, second, merged = nn.Linear(64, 30), nn.Linear(30, 10), nn.Linear(64, 10)
with torch.no_grad():
    merged.weight.copy_(second.weight @ first.weight)
    merged.bias.copy_(second.weight @ first.bias + second.bias)
torch.testing.assert_close(second(first(images)), merged(images))


# A layer that is made in forward is a new one at each call, and no parameter of the network.
class Forgetful(nn.Module):
    def forward(self, x):
        return nn.Linear(64, 10)(x)


forgetful = Forgetful()
assert not torch.allclose(forgetful(sample), forgetful(sample))
assert not list(forgetful.parameters())


def by_loops(x, weight, bias):
    out = torch.empty(len(x), len(weight), dtype=x.dtype)
    for n in range(len(x)):
        for k in range(len(weight)):
            out[n, k] = sum(x[n, j] * weight[k, j] for j in range(x.shape[1])) + bias[k]
    return out


assert torch.equal(by_loops(x, weight, bias), F.linear(x, weight, bias))
for shape in [(4,), (0, 4), (1, 4), (5, 2, 4), (2, 0, 4), (2, 3, 5, 4)]:
    given = torch.arange(math.prod(shape)).reshape(shape) % 6
    rows = by_loops(given.reshape(-1, 4), weight, bias)
    assert torch.equal(F.linear(given, weight, bias), rows.reshape(*shape[:-1], 3))
# The last axis becomes out, the others stay, for the floating-point tensors of the zoo.
for tensor in zoo().values():
    if tensor.dtype == torch.float32 and tensor.ndim and tensor.shape[-1]:
        assert nn.Linear(tensor.shape[-1], 7)(tensor).shape == (*tensor.shape[:-1], 7)
# The gradients have the shapes of their tensors.
small, g = nn.Linear(4, 3), torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
inputs = x.float().requires_grad_()
small(inputs).backward(g)
torch.testing.assert_close(small.weight.grad, g.T @ x.float())
torch.testing.assert_close(small.bias.grad, g.sum(dim=0))
torch.testing.assert_close(inputs.grad, g @ small.weight)
# A layer converts no input to its own data type.
for dtype in (torch.int64, torch.float64, torch.float16, torch.bool):
    with expect_error(RuntimeError, match="must have the same dtype"):
        small(x.to(dtype))
# A batch normalization in train() subtracts the bias again.
norm, with_bias = nn.BatchNorm1d(3), nn.Linear(4, 3)
without = nn.Linear(4, 3, bias=False)
without.load_state_dict({"weight": with_bias.weight})
many = torch.randn(50, 4)
torch.testing.assert_close(norm(with_bias(many)), norm(without(many)))
assert sum(one.numel() for one in layer.parameters()) == 64 * 10 + 10

# %%
# Check yourself
# --------------

ask(
    "layer = nn.Linear(6, 2). What is the shape of layer(torch.rand(3, 5, 6))?",
    answer=nn.Linear(6, 2)(torch.rand(3, 5, 6)).shape,
    choices={
        (3, 2): "The layer does not flatten. The axes before the last stay.",
        (3, 5, 2): "The last axis, of size 6, becomes 2.",
        (15, 2): "The axes 3 and 5 are not merged: they come back as they were.",
    },
)

# %%
# The next question counts weights and biases.

ask(
    "How many numbers does nn.Linear(100, 10) learn?",
    answer=sum(parameter.numel() for parameter in nn.Linear(100, 10).parameters()),
    choices={
        110: "That is 100 + 10. Each output has a weight for each feature.",
        1000: "Those are the weights. Each output has a bias, too, unless bias=False.",
        1010: "100 * 10 weights and 10 biases.",
    },
)

# %%
# **Exercise.** Convolutions keep the features on axis 1: (sample, feature, step). Apply a linear layer to each step,
# and return (sample, output, step). A convolution with a :term:`kernel` of size 1 computes this.


def pointwise_by_loops(x, weight, bias):
    out = torch.empty(x.shape[0], len(weight), x.shape[2])
    for i in range(x.shape[0]):
        for t in range(x.shape[2]):
            out[i, :, t] = weight @ x[i, :, t] + bias
    return out


cases = []
for n, i, o, t in [(1, 2, 3, 1), (2, 3, 4, 5)]:  # samples, features, outputs, steps
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
# Read next
# ---------
#
# :ref:`parameters-and-buffers` says what a layer keeps.
#
# - PyTorch contributors (2026). `Linear <https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html>`__. The
#   reference.
# - He, Zhang, Ren and Sun (2015). `Delving deep into rectifiers <https://arxiv.org/abs/1502.01852>`__. How large
#   weights should be at first, and why that depends on the number of inputs.
