"""
.. _vanishing-gradients:

Why do gradients vanish in a deep network?
==========================================

On its way back through a deep :term:`network`, a :term:`gradient` is multiplied at each layer: by the slope of the
:term:`activation` and by the weights. If the factors are small, next to nothing is left for the first layers, and they
do not learn. This page measures it, finds the factors, and shows what helps. You need to know :ref:`activations`.
"""

# %%
# Twenty layers of 64 units with sigmoids, as PyTorch initializes them, and one ``backward``. How large is the gradient
# of each layer's weight? Read from the right: each step to the left costs a factor.

import matplotlib.pyplot as plt
import torch
from torch import nn

torch.manual_seed(0)
layers = [part for _ in range(20) for part in (nn.Linear(64, 64), nn.Sigmoid())]
network = nn.Sequential(*layers)
network(torch.randn(200, 64)).square().mean().backward()
plt.figure(figsize=(6.5, 3), layout="constrained")
plt.semilogy(range(1, 21), [layer.weight.grad.norm() for layer in layers[::2]], "o-")
plt.gca().set(xlabel="layer", ylabel="norm of the gradient", xticks=[1, 10, 20])
plt.title("The first layers get next to nothing")
plt.show()

# %%
# Four activations
# ----------------
#
# Here are four activations. With tanh and ReLU less is lost, but in all four networks the gradient shrinks at every
# layer, with the default weights.


def deep(activation, initialize=lambda weight: None):
    torch.manual_seed(0)
    layers = [part for _ in range(20) for part in (nn.Linear(64, 64), activation())]
    for layer in layers[::2]:
        initialize(layer.weight)
    return nn.Sequential(*layers)


def gradient_norms(network):
    network(torch.randn(200, 64)).square().mean().backward()
    return torch.stack([layer.weight.grad.norm() for layer in network[::2]])


def plot(norms, title):
    plt.figure(figsize=(6.5, 3.4), layout="constrained")
    for name, values in norms.items():
        style = ":" if "leaky" in name else "-"
        plt.semilogy(range(1, 21), values, style, linewidth=3, label=name)
    plt.gca().set(title=title, xlabel="layer", ylabel="norm of the gradient", xticks=[1, 10, 20])
    plt.legend()
    plt.show()


kinds = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU, "leaky ReLU": nn.LeakyReLU}
norms = {name: gradient_norms(deep(kind)) for name, kind in kinds.items()}
for values in norms.values():
    assert (values[:-1] < values[1:]).all()
plot(norms, "In all four, the first layers get less than the last")

# %%
# We compare the first layer's gradient with the last one's. For sigmoid it is less than a millionth of a millionth. A
# step of training is too small to change a weight of the first layer: in :val:`float32 <first.dtype>` the result is
# rounded back to what the weight was.

share = {name: (values[0] / values[-1]).item() for name, values in norms.items()}
assert share["sigmoid"] < 1e-12
assert share["tanh"] < 1e-3
assert share["ReLU"] < 1e-5
network = deep(nn.Sigmoid)
gradient_norms(network)
first = network[0].weight
assert first.grad.any()
assert torch.equal(first - 0.1 * first.grad, first)

# %%
# Where the factors come from
# ---------------------------
#
# One layer back: the gradient is multiplied by the slopes and then by the weight. The slope of sigmoid is at most 1/4,
# so 20 of them leave at most :math:`4^{-20} \approx 10^{-12}`. The weights of ``nn.Linear`` do the rest: with the
# default they are so small that ReLU loses as well, though its slope is 1 for a positive input.

z = torch.randn(200, 64, requires_grad=True)
layer, g = nn.Linear(64, 64), torch.randn(200, 64)
(back,) = torch.autograd.grad(torch.sigmoid(layer(z)), z, g)
s = torch.sigmoid(layer(z))
torch.testing.assert_close(back, (g * s * (1 - s)) @ layer.weight)
assert 0.25**20 < 1e-12
for factor, gradient in (("slopes", g * s * (1 - s)), ("slopes and weights", back)):
    print(f"{factor:<18} leave {gradient.norm() / g.norm():.2f} of the gradient")
assert back.norm() < (g * s * (1 - s)).norm() < 0.25 * g.norm()

# %%
# What helps: weights of the right size
# -------------------------------------
#
# At the start a ReLU switches about half of its inputs off. Weights with the variance 2 / inputs make up for that, and
# the size stays about the same: :func:`torch.nn.init.kaiming_normal_` makes them. For tanh, whose slope at 0 is 1, it
# is about 1 / inputs in layers as wide as these: :func:`torch.nn.init.xavier_normal_`. For sigmoid these weights are
# too small: with slopes of at most 1/4 the gradient still vanishes.

kaiming, xavier = nn.init.kaiming_normal_, nn.init.xavier_normal_
assert abs(kaiming(torch.empty(400, 500)).var() * 500 - 2) < 0.05
assert abs(xavier(torch.empty(500, 500)).var() * 500 - 1) < 0.05
starts = {"sigmoid, Xavier": (nn.Sigmoid, xavier), "tanh, Xavier": (nn.Tanh, xavier)}
starts |= {"ReLU, Kaiming": (nn.ReLU, kaiming), "leaky ReLU, Kaiming": (nn.LeakyReLU, kaiming)}
started = {name: gradient_norms(deep(*how)) for name, how in starts.items()}
kept = {name: (values[0] / values[-1]).item() for name, values in started.items()}
assert kept.pop("sigmoid, Xavier") < 1e-9
assert all(0.05 < ratio < 20 for ratio in kept.values())
plot(started, "With weights of the right size, only sigmoid still vanishes")

# %%
# "Leaky ReLU solves vanishing gradients"
# ---------------------------------------
#
# On this page it does not, as both figures show. Where ReLU vanishes, leaky ReLU vanishes at the same rate, and where
# it holds, ReLU holds as well. A slope of :val:`0.01 <nn.LeakyReLU().negative_slope>` in place of 0 is no help against
# a product of small factors. What it does help against is a unit that is off for all data: :ref:`dead-relus`.

for start, plain, leaky in [
    ("default", norms["ReLU"], norms["leaky ReLU"]),
    ("Kaiming", started["ReLU, Kaiming"], started["leaky ReLU, Kaiming"]),
]:
    print(f"{start}: first layer, leaky ReLU / ReLU = {leaky[0] / plain[0]:.2f}")
    assert (leaky / plain).log().abs().max() < 0.5  # at no layer a factor above 1.7

# %%
# What goes wrong
# ---------------
#
# *No error, and a loss that falls a little.* The last layers learn, so the loss moves. The first five do not change by
# one bit in 30 steps. So look at the gradients layer by layer, and not at the loss alone.

from torch.nn import functional as F

network = deep(nn.Sigmoid)
start = [layer.weight.detach().clone() for layer in network[::2]]
x, target = torch.randn(200, 64), torch.rand(200, 64)
optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
losses = []
for _ in range(30):
    loss = F.mse_loss(network(x), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
moved = [not torch.equal(layer.weight, w) for layer, w in zip(network[::2], start, strict=True)]
assert losses[-1] < losses[0]
assert moved[-1]
assert not any(moved[:5])

# %%
# Check yourself
# --------------

from ptguide.questions import ask

candidates = {
    "leaky ReLU": share["leaky ReLU"],
    "Kaiming weights with ReLU": kept["ReLU, Kaiming"],
    "Xavier weights with sigmoid": (
        started["sigmoid, Xavier"][0] / started["sigmoid, Xavier"][-1]
    ).item(),
}
ask(
    f"Which of these keeps the gradient of {len(norms['ReLU'])} layers alive?",
    answer=max(candidates, key=candidates.get),
    choices={
        "leaky ReLU": "With the default weights it vanishes as ReLU does.",
        "Kaiming weights with ReLU": "They are as large as needed to make up for the half that ReLU switches off.",
        "Xavier weights with sigmoid": "Each slope is at most 1/4, and these weights do not make up for that.",
    },
)

# %%
# And the size of the weights:

spread = {n: nn.init.kaiming_normal_(torch.empty(500, n)).std().item() for n in (50, 200)}
ratio = round(spread[50] / spread[200], 1)
ask(
    "Layer A has 50 inputs, layer B 200. How many times larger are the Kaiming weights of A?",
    answer=ratio,
    choices={
        1.0: "The more inputs are added up, the smaller each weight must be.",
        2.0: "The variance is 2 / inputs, so the weights go with its root: the root of 4.",
        4.0: "That is the ratio of the variances.",
    },
)

# %%
# Next: :ref:`dead-relus`, units that get no gradient at all.
