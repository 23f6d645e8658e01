"""
.. _vanishing-gradients:

Why do gradients vanish, and why do ReLU units die?
===================================================

On its way back through a deep :term:`network`, a :term:`gradient` is multiplied at every layer: by the slope of the
:term:`activation` and by the weights. If the factors are small, nothing is left for the first layers. And a ReLU whose
input is negative for all data has the slope 0, and stays so. This page measures both, and what helps. You need to know
:ref:`activations`.
"""

# %%
# Twenty layers of 64 units, as PyTorch initializes them, and one ``backward``. The norm of each weight's gradient,
# layer by layer: each step to the left costs a factor.

import itertools

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.questions import ask


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
plot(norms, "In all four, the first layers get next to nothing")

# %%
# How much of the last layer's gradient reaches the first? For sigmoid not a millionth of a millionth. A step of
# training changes these weights by less than float32 can tell from nothing.

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
# default they are so small that ReLU, whose slope is 1, loses as well.

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
# A ReLU switches half of its inputs off, so the variance of the weights must be 2 / inputs for the size to stay the
# same: that is ``torch.nn.init.kaiming_normal_``. For tanh, whose slope at 0 is 1, it is about 1 / inputs,
# ``torch.nn.init.xavier_normal_``. For sigmoid no such rule exists: with slopes below 1/4 it still vanishes.

kaiming, xavier = nn.init.kaiming_normal_, nn.init.xavier_normal_
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
# It does not: look at both figures. Where ReLU vanishes, leaky ReLU vanishes at the same rate, and where it holds, ReLU
# holds as well. A slope of 0.01 in place of 0 is no help against a product of small factors. What it does help against
# comes now.

for start, plain, leaky in [
    ("default", norms["ReLU"], norms["leaky ReLU"]),
    ("Kaiming", started["ReLU, Kaiming"], started["leaky ReLU, Kaiming"]),
]:
    print(f"{start}: first layer, leaky ReLU / ReLU = {leaky[0] / plain[0]:.2f}")
    assert (leaky / plain).log().abs().max() < 0.5  # at no layer a factor above 1.7

# %%
# Units that die
# --------------
#
# A network with 5 hidden layers of 32 ReLUs learns the product of two numbers. Its learning rate is far too large for
# the first 20 steps. Such steps can throw a unit so far that its input is negative for *every* item. We count those.

torch.manual_seed(0)
x = torch.rand(200, 10)
target = 4 * x[:, :1] * x[:, 1:2]


def network_of(activation):
    sizes = [10, 32, 32, 32, 32, 32]
    pairs = [(nn.Linear(n, m), activation()) for n, m in itertools.pairwise(sizes)]
    return nn.Sequential(*itertools.chain(*pairs), nn.Linear(32, 1))


def train(network, optimizer, steps):
    losses = []
    for _ in range(steps):
        loss = F.mse_loss(network(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def dead_units(network):
    """Return, for the last hidden layer, which units are off for all items."""
    with torch.no_grad():
        return (network[:-2](x) <= 0).all(dim=0)


network = network_of(nn.ReLU)
assert dead_units(network).sum() < 24
train(network, torch.optim.SGD(network.parameters(), lr=1.0), steps=20)
dead = dead_units(network)
print(f"{dead.sum()} of {len(dead)} units of the last hidden layer are dead")
assert dead.all()

# %%
# The output is now one number for every input, the last bias. And the gradient is exactly 0 in all layers but that: it
# would have to pass a dead layer. So no learning rate, and no number of steps, brings it back.

state = {name: value.clone() for name, value in network.state_dict().items()}
assert (network(x) == network[-1].bias).all()
network.zero_grad()
F.mse_loss(network(x), target).backward()
reached = [name for name, value in network.named_parameters() if value.grad.any()]
assert reached == ["10.bias"]

# %%
# What leaky ReLU is good for
# ---------------------------
#
# The same broken weights, trained on with a proper rate: once with ReLU, once with leaky ReLU in its place, once with
# GELU, whose slope below 0 is small but not 0. ReLU learns one number, the mean. The others come back.

curves = {}
for name, activation in {"ReLU": nn.ReLU, "leaky ReLU": nn.LeakyReLU, "GELU": nn.GELU}.items():
    again = network_of(activation)
    again.load_state_dict(state)
    curves[name] = train(again, torch.optim.Adam(again.parameters(), lr=0.02), steps=600)
    moved = sum(not torch.equal(value, state[key]) for key, value in again.state_dict().items())
    assert moved == (1 if name == "ReLU" else len(state))

_, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for (name, losses), style in zip(curves.items(), ["-", "--", ":"], strict=True):
    axis.plot(losses, style, label=name)
axis.axhline(target.var(correction=0), color="gray", linewidth=0.8)
axis.set(yscale="log", xlabel="step", ylabel="loss")
axis.set_title("Dead ReLUs learn the mean; a slope brings units back")
axis.legend()
plt.show()

# %%
# In numbers: the best that a constant can do is the variance of the target (the gray line), and there ReLU ends.

variance = target.var(correction=0).item()
assert 0.99 * variance < curves["ReLU"][-1] < 1.05 * variance
assert curves["leaky ReLU"][-1] < 0.3 * variance
assert curves["GELU"][-1] < 0.3 * variance

# %%
# Better than bringing them back is not to kill them: a smaller learning rate, or one that grows in the first steps.

healthy = network_of(nn.ReLU)
losses = train(healthy, torch.optim.Adam(healthy.parameters(), lr=0.003), steps=400)
assert not dead_units(healthy).all()
assert losses[-1] < 0.1 * variance

# %%
# Check yourself
# --------------

unit = nn.Linear(2, 1)
nn.init.constant_(unit.weight, -1.0)
nn.init.constant_(unit.bias, -5.0)
inputs = torch.rand(50, 2)
unit(inputs).relu().sum().backward()
ask(
    "A unit has the weights -1, -1 and the bias -5, then comes ReLU. Inputs lie in [0, 1]. What gradient has the bias?",
    answer=unit.bias.grad.item(),
    choices={
        -5.0: "That is its value.",
        0.0: "Its input to ReLU is negative for all data, so nothing comes back. The unit is dead.",
        50.0: "So it would be, if ReLU were on for all 50 items.",
    },
)

# %%
# And for the deep ones:

candidates = {
    "leaky ReLU": share["leaky ReLU"],
    "Kaiming weights with ReLU": kept["ReLU, Kaiming"],
    "Xavier weights with sigmoid": (
        started["sigmoid, Xavier"][0] / started["sigmoid, Xavier"][-1]
    ).item(),
}
ask(
    "Which of these keeps the gradient of 20 layers alive?",
    answer=max(candidates, key=candidates.get),
    choices={
        "leaky ReLU": "With the default weights it vanishes as ReLU does.",
        "Kaiming weights with ReLU": "They are as large as needed to make up for the half that ReLU switches off.",
        "Xavier weights with sigmoid": "Each slope is at most 1/4, and no usual weights make up for that.",
    },
)

# %%
# Next: :ref:`mat1-and-mat2-shapes`, the error that layers raise most.
