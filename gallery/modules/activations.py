"""
.. _activations:

Which activation function do I need? (ReLU, GELU, sigmoid, ...)
===============================================================

An :term:`activation` is a function between two layers that bends what a layer made. Without it, a deep
:term:`network` is one linear map. This page draws each with its slope, builds it from its formula, and says where it is
used. You need to know :ref:`nn-linear` and what a :term:`gradient` is.
"""

# %%
# Blue is what comes out, orange the slope: by how much a gradient is multiplied on its way back. All but softmax work
# :ref:`element by element <element-by-element>`; of softmax, one probability is drawn.

import matplotlib.pyplot as plt
import torch
from torch.func import grad, vmap
from torch.nn import functional as F

x = torch.linspace(-5, 5, 1000)  # none of them is 0, where a step has no slope
functions = {"step": lambda x: torch.where(x > 0, 1.0, 0.0), "sigmoid": F.sigmoid, "tanh": F.tanh}
functions |= {"ReLU": F.relu, "leaky ReLU": F.leaky_relu, "GELU": F.gelu, "SiLU": F.silu}
functions["softmax(x, 0)[0]"] = lambda x: F.softmax(torch.stack([x, 0 * x]), dim=0)[0]
curves = {name: (function(x), vmap(grad(function))(x)) for name, function in functions.items()}

figure, axes = plt.subplots(4, 2, figsize=(6.5, 8), layout="constrained")
for axis, (name, (values, slopes)) in zip(axes.flat, curves.items(), strict=True):
    axis.plot(x, values, x, slopes, "--")
    axis.set(title=name, ylim=(-1.2, 2.2), xlabel="x", ylabel="output, slope")
    axis.label_outer()
    axis.grid(alpha=0.4)
figure.suptitle("Activations (lines) and their slopes (dashes)")
plt.show()

# %%
# The formulas
# ------------
#
# Here they are, from scratch, with :math:`\sigma` for the sigmoid and :math:`\Phi` for the part of a normal
# distribution below x. On the points of the figure they agree with torch, in values and slopes. For large x those with
# an exponential overflow: the formula of tanh gives NaN at 100, where :func:`torch.tanh` gives 1.
#
# - sigmoid: :math:`\sigma(x) = 1 / (1 + e^{-x})`; tanh: :math:`(e^x - e^{-x}) / (e^x + e^{-x})`
# - ReLU: :math:`\max(x, 0)`; leaky ReLU: :math:`x` above 0, :math:`0.01 x` below
# - GELU: :math:`x \, \Phi(x)`; SiLU, also called Swish: :math:`x \, \sigma(x)`

import math

formulas = {
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x)),
    "ReLU": lambda x: torch.where(x > 0, x, 0),
    "leaky ReLU": lambda x: torch.where(x > 0, x, 0.01 * x),
    "GELU": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
    "SiLU": lambda x: x / (1 + torch.exp(-x)),
}
for name, formula in formulas.items():
    torch.testing.assert_close((formula(x), vmap(grad(formula))(x)), curves[name])
large = torch.tensor(100.0)
assert formulas["tanh"](large).isnan()
assert torch.tanh(large) == 1

# %%
# Step: why not just on and off?
# ------------------------------
#
# The first artificial neurons gave 0 or 1. That is no use for a gradient: the slope is 0 to the left and to the right,
# so nothing would come back. A comparison does not even leave a :ref:`graph <from-calculation-to-graph>`.

from ptguide.errors import expect_error

assert not curves["step"][1].any()
p = x.clone().requires_grad_()
step = (p > 0).float()
assert set(step.tolist()) == {0, 1}
with expect_error(RuntimeError, match="does not require grad"):
    step.sum().backward()

# %%
# Sigmoid and tanh: a smooth step
# -------------------------------
#
# Sigmoid lies between 0 and 1, tanh between :val:`-1 <curves['tanh'][0].min()>` and 1; :math:`\tanh(x) = 2 \sigma(2x) -
# 1`. In float32 they reach these ends by rounding: the sigmoid of 20 is 1. Both are flat at the ends, and the slope of
# sigmoid is at most 1/4: a gradient that passes it shrinks to a quarter or less. Use sigmoid for the probability of a
# yes, and both inside recurrent cells.

values, slopes = curves["sigmoid"]
assert ((values > 0) & (values < 1)).all()
torch.testing.assert_close(slopes, values * (1 - values))
torch.testing.assert_close(slopes.max(), torch.tensor(0.25))
assert slopes[0] < 0.01
assert torch.sigmoid(torch.tensor(20.0)) == 1
torch.testing.assert_close(curves["tanh"][0], 2 * torch.sigmoid(2 * x) - 1)
torch.testing.assert_close(curves["tanh"][1], 1 - curves["tanh"][0] ** 2)

# %%
# ReLU and leaky ReLU: a kink
# ---------------------------
#
# ReLU passes a gradient whole where x is positive, and stops it elsewhere; in the kink PyTorch takes 0. ResNet and many
# other networks for images have it. Leaky ReLU leaves a small slope below 0. It "solves vanishing gradients",
# some learners write; :ref:`the next page <vanishing-gradients>` tests that.

assert set(curves["ReLU"][1].tolist()) == {0, 1}
assert grad(F.relu)(torch.tensor(0.0)) == 0
torch.testing.assert_close(curves["leaky ReLU"][1].unique(), torch.tensor([0.01, 1.0]))

# %%
# GELU and SiLU: ReLU without the kink
# ------------------------------------
#
# Far from 0 they are nearly ReLU; around it they are smooth, and dip below 0. A gradient passes on the left, too, but a
# small one. To the left of the lowest point its sign is turned, and far to the left, at -200, it rounds to 0. Many
# transformers have one of them. :class:`torch.nn.TransformerEncoderLayer` has ReLU unless you ask for another.

for name in ("GELU", "SiLU"):
    values, slopes = curves[name]
    assert -0.3 < values.min() < -0.1
    assert slopes.min() < 0
    assert slopes.max() > 1
    assert (slopes != 0).all()
    assert (slopes[: values.argmin()] < 0).all()
    assert grad(functions[name])(torch.tensor(-200.0)) == 0
torch.testing.assert_close(F.gelu(x[-1]), x[-1], rtol=1e-5, atol=0)
torch.testing.assert_close(F.silu(x[-1]), x[-1], rtol=1e-2, atol=0)
assert torch.nn.TransformerEncoderLayer(8, nhead=2).activation is F.relu

# %%
# "GELU is used in GPT and Llama": half of that. GPT-2 has GELU in an approximation by tanh (`its code
# <https://github.com/openai/gpt-2/blob/master/src/model.py>`_), which is not the default of PyTorch. Llama has SwiGLU
# (`section 2.2 <https://arxiv.org/abs/2302.13971>`_): SiLU of one linear map, times another one.

from torch import nn

approximate = F.gelu(x, approximate="tanh")
print(f"largest difference of the two GELUs: {(approximate - F.gelu(x)).abs().max():.4f}")
assert 1e-4 < (approximate - F.gelu(x)).abs().max() < 1e-3
inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
torch.testing.assert_close(0.5 * x * (1 + torch.tanh(inner)), approximate)  # as in GPT-2


class SwiGLU(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.gate = nn.Linear(features, hidden, bias=False)
        self.up = nn.Linear(features, hidden, bias=False)
        self.down = nn.Linear(hidden, features, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


assert SwiGLU(6, 16)(torch.rand(2, 5, 6)).shape == (2, 5, 6)

# %%
# Softmax: for the last layer
# ---------------------------
#
# Softmax turns a row of :term:`logits` into probabilities: each output depends on the whole row. A note has "its output
# is always >= 1", which is wrong: the probabilities are from 0 to 1, and sum to 1. With one other logit, of 0, it is
# the sigmoid. It stands behind the last layer, for one answer among several, and inside attention. Losses such as
# ``cross_entropy`` contain it, and :ref:`softmax` shows what happens if it is applied twice.

for row in ([2.0, 1.0, -1.0], [0.0, 200.0], [3.0]):
    probabilities = torch.softmax(torch.tensor(row), dim=0)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    torch.testing.assert_close(probabilities.sum(), torch.tensor(1.0))
torch.testing.assert_close(curves["softmax(x, 0)[0]"], curves["sigmoid"])

# %%
# "Without an activation the network would not learn anything"
# ------------------------------------------------------------
#
# It learns a linear map, and no more. Two layers learn a line, and of :math:`|x|` the best line, which is its mean on
# these points. With ReLU between them they learn the angle.


def fit(activation, target):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 16), activation, nn.Linear(16, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(500):
        loss = F.mse_loss(network(points), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network(points).detach(), loss.item()


points = torch.linspace(-1, 1, 41).unsqueeze(1)
line, angle = 2 * points - 1, points.abs()
_, on_line = fit(nn.Identity(), line)
straight, on_angle = fit(nn.Identity(), angle)
bent, with_relu = fit(nn.ReLU(), angle)
variance = angle.var(correction=0).item()
assert on_line < 1e-3
assert 0.99 * variance < on_angle < 1.05 * variance
assert with_relu < 0.05 * variance

_, axis = plt.subplots(figsize=(6.5, 3), layout="constrained")
axis.plot(points, angle, "k.", points, straight, points, bent)
axis.legend(["|x|", "no activation", "ReLU"])
axis.set(xlabel="x", ylabel="output")
axis.set_title("Without an activation, two layers can only learn a line")
plt.show()

# %%
# What goes wrong
# ---------------
#
# *An activation after the last layer* limits what can come out. ReLU gives no number below 0, so a target of -1 is out
# of reach. Leave the last layer without one for numbers and for logits. ``nn.ReLU(x)`` and
# ``inplace=True`` have their places in :ref:`functional-modular-elementwise`.

assert F.relu(torch.randn(100)).min() >= 0
assert F.mse_loss(F.relu(torch.tensor(-3.0)), torch.tensor(-1.0)) == 1

# %%
# Exercise: softplus
# ------------------
#
# :math:`\log(1 + e^x)` is a smooth ReLU, and its slope is the sigmoid. Written like that it overflows from x =
# :val:`89 <torch.arange(200.0)[torch.arange(200.0).exp().log1p().isinf()][0]>` on. Write it so that it does not,
# without the functions that are forbidden below.

from ptguide.exercises import check

cases = [(torch.tensor([0.0, 1.0]),), (torch.tensor([-3.0, 2.0, 5.0]),)]
cases += [(torch.tensor([-200.0, 100.0]),)]
forbidden = ["softplus", "logaddexp", "logsumexp", "logsigmoid", "log_sigmoid", "where"]


def softplus(x):
    raise NotImplementedError


check(softplus, F.softplus, cases, without=forbidden)

# %%
# For a large x it is nearly x. Take that out: :math:`\log(1 + e^x) = x + \log(1 + e^{-x})`, and for a negative x leave
# it as it is. :func:`torch.log1p` is the logarithm of 1 plus a small number.

# Solution


def softplus(x):
    return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))


assert torch.log(1 + torch.exp(torch.tensor(100.0))) == math.inf
report = check(softplus, F.softplus, cases, without=forbidden)
assert report.passed
report

# %%
# Check yourself
# --------------

from ptguide.questions import ask

ask(
    "A gradient of 1 walks back through 3 sigmoids, each at its steepest point. What is left?",
    answer=grad(F.sigmoid)(torch.tensor(0.0)).item() ** 3,
    choices={
        0.75: "Slopes are multiplied, not added.",
        0.25: "That is what one sigmoid leaves.",
        0.015625: "1/4 each time. Away from the steepest point it is less.",
    },
)

# %%
# And which one is no function of one element:

z = torch.tensor([1.0, 2.0, 3.0])
changed = z + torch.tensor([0.0, 0.0, 1.0])
affected = [name for name, f in functions.items() if f(z)[0] != f(changed)[0]]
affected += ["softmax"] * bool(torch.softmax(z, 0)[0] != torch.softmax(changed, 0)[0])
(answer,) = affected
ask(
    "One element of the input changes. For which activation do the other outputs change, too?",
    answer=answer,
    choices={
        "GELU": "Its formula has a distribution in it, but each element is treated by itself.",
        "softmax": "The probabilities sum to 1, so if one grows the others shrink.",
        "tanh": "It works element by element.",
    },
)

# %%
# Next: :ref:`vanishing-gradients`, what activations do to a deep network.
