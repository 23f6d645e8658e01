"""
.. _vanishing-gradients:

Why do gradients vanish in a deep network?
==========================================

You stack twenty layers, no error is raised, and the loss hardly falls. On its way back the :term:`gradient` is
multiplied by a factor at each layer, and twenty small factors leave the first layers next to nothing.
"""

# %%
# Set-up

import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.exercises import check
from ptguide.questions import ask

train_set = digits("train")
images, labels = train_set.inputs.flatten(start_dim=1)[:256], train_set.targets[:256]


class Layer(nn.Module):
    """A linear layer of 64 units with an activation, and what may stand around them."""

    def __init__(self, activation, skip=False, norm=False):
        super().__init__()
        self.linear, self.activation, self.skip = nn.Linear(64, 64), activation(), skip
        self.norm = nn.BatchNorm1d(64) if norm else nn.Identity()

    def forward(self, x):
        made = self.activation(self.norm(self.linear(x)))
        return x + made if self.skip else made


def deep(activation, initialize=None, seed=0, **around):
    """Return 20 layers, and a last one for 10 logits."""
    torch.manual_seed(seed)
    network = nn.Sequential(*[Layer(activation, **around) for _ in range(20)], nn.Linear(64, 10))
    for layer in network[:-1]:
        if initialize:
            initialize(layer.linear.weight)
    return network


def gradients(network):
    """Return the norm of the gradient that reaches the output of each of the 20 layers."""
    outputs, x = [], images
    for layer in network[:-1]:
        x = layer(x)
        outputs.append(x)
    loss = F.cross_entropy(network[-1](x), labels)
    return torch.stack([one.norm() for one in torch.autograd.grad(loss, outputs)])


def draw_gradients(networks, title):
    _, axis = plt.subplots(figsize=(5.6, 2.6), layout="constrained")
    for (name, network), style in zip(networks.items(), ["o-", "s-", "-", "--"], strict=False):
        axis.semilogy(range(1, 21), gradients(network), style, markersize=3, label=name)
    axis.set(xlabel="layer", ylabel="norm of gradient", xticks=[1, 5, 10, 15, 20])
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axis.set_title(title, fontsize=11)
    plt.show()


def fit(network):
    """Train on all images at once, 40 steps, and return the last loss."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    for _ in range(40):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def factors(kind, initialize=None):
    """Return the predicted and the measured factor of one layer, over 20 layers and 3 seeds."""
    predicted, measured = [], []
    for seed in range(3):
        network, x = deep(kind, initialize, seed), images
        for layer in network[:-1]:
            before = layer.linear(x).detach().requires_grad_()
            (slopes,) = torch.autograd.grad(layer.activation(before).sum(), before)
            spread = 64 * layer.linear.weight.var() * slopes.square().mean()
            predicted.append(spread.sqrt().log())
            x = layer(x)
        norms = gradients(network)
        measured.append((norms[0] / norms[-1]).log() / 19)
    return [torch.stack(logs).mean().exp().item() for logs in (predicted, measured)]


kinds = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}

# %%

networks = {name: deep(kind) for name, kind in kinds.items()}
draw_gradients(networks, "The first of 20 layers get next to nothing")

# %%
# Twenty layers of :val:`64 <images.shape[1]>` units have PyTorch's default weights. Read the picture from the right.
# On its logarithmic scale, a straight line means one factor for each layer. You need to know :ref:`activations`.
#
# The rule
# --------
#
# Going back through a layer, the gradient is multiplied by the slopes of the activation and by the weights. In layers
# as wide as their input, its norm changes by a factor of about :math:`\sqrt{\text{in} \cdot \text{Var}(W) \cdot
# \text{mean}(\text{slope}^2)}`. The default weights of ``nn.Linear`` have a variance of 1 / (3 · in). For slopes up to
# 1, this factor is then at most the root of 1/3, which is :val:`0.58 <math.sqrt(1 / 3)>`.

for name, kind in kinds.items():
    predicted, measured = factors(kind)
    print(f"{name:<8} predicted {predicted:.2f}, measured {measured:.2f}: {measured**20:.0e} in 20")
    assert abs(predicted / measured - 1) < 0.15
    assert measured < math.sqrt(1 / 3)

# %%
# It holds the training up
# ------------------------
#
# The loss of equal probabilities for ten classes is :math:`\ln 10`, :val:`2.30 <math.log(10)>`. After 40 steps, the
# network with ReLU still has this loss. With larger weights it learns. :func:`torch.nn.init.kaiming_normal_` draws them
# with a variance of 2 / in. The 2 makes up for ReLU's slopes that are 0. Each loss has another seed.

# Varies with the processor: a training amplifies how it rounds.
kaiming = nn.init.kaiming_normal_
assert abs(64 * deep(nn.ReLU, kaiming)[0].linear.weight.var() - 2) < 0.2
for name, initialize in {"default": None, "Kaiming": kaiming}.items():
    losses = [fit(deep(nn.ReLU, initialize, seed)) for seed in range(3)]
    print(f"{name} weights: loss {', '.join(f'{loss:.2f}' for loss in losses)} after 40 steps")
    assert min(losses) > 2.2 if initialize is None else max(losses) < 1

# %%
# Weights of the right size
# -------------------------
#
# With Kaiming's weights ReLU's factor is about 1. The slope of tanh at 0 is 1, so a variance of 1 / in is enough.
# :func:`torch.nn.init.xavier_normal_` gives it to layers as wide as their input. The factor of sigmoid stays small.

xavier = nn.init.xavier_normal_
starts = {"ReLU": (nn.ReLU, kaiming), "tanh": (nn.Tanh, xavier), "sigmoid": (nn.Sigmoid, xavier)}
for name, start in starts.items():
    print(f"{name:<8} with {start[1].__name__:<16} factor {(factor := factors(*start)[1]):.2f}")
    assert factor < 0.3 if name == "sigmoid" else 0.9 < factor < 1.1

# %%
# Paths around the layer
# ----------------------
#
# A *skip connection*, ``x + layer(x)``, passes the gradient on and adds the gradient through the layer. A normalization
# rescales what enters the activation. With either, the gradient grows by a small factor at each layer.

ways = {"plain": {}, "skip connection": {"skip": True}, "batch norm": {"norm": True}}
for name, around in ways.items():
    norms = [gradients(deep(nn.ReLU, seed=seed, **around)) for seed in range(3)]
    found = [((one[0] / one[-1]) ** (1 / 19)).item() for one in norms]
    print(
        f"{name:<16}factor {min(found):.2f} to {max(found):.2f}: up to {max(found) ** 20:.2g} in 20"
    )
    assert max(found) < 0.5 if name == "plain" else 1 < min(found) <= max(found) < 1.3

# %%
# .. use-this::
#
#    In a deep network, take ReLU, GELU or SiLU, and give each layer a skip connection or a normalization. Without
#    them, call ``nn.init.kaiming_normal_(layer.weight)``: PyTorch's default is too small for twenty layers with ReLU.
#    A skip connection costs no parameters, a batch normalization two for each unit. If the loss does not move, print
#    gradient norms first.
#
# A common mistake
# ----------------
#
# **Leaky ReLU as the cure.** It replaces the slope 0 by :val:`0.01 <nn.LeakyReLU().negative_slope>`. The factor of a
# layer stays about the same, and so does the loss. It helps against :ref:`units that are off for all data
# <dead-relus>`.

# Varies with the processor: a training amplifies how it rounds.
losses = [fit(deep(nn.LeakyReLU, seed=seed)) for seed in range(3)]
print(
    f"leaky ReLU: factor {factors(nn.LeakyReLU)[1]:.2f}, losses",
    ", ".join(f"{one:.2f}" for one in losses),
)
assert min(losses) > 2.2
assert abs(factors(nn.ReLU)[1] / factors(nn.LeakyReLU)[1] - 1) < 0.02

# %%
# How this was checked

# The variances of the three ways to draw weights.
for inputs in (64, 200, 500):
    default = nn.Linear(inputs, 500).weight.var() * inputs
    assert abs(default - 1 / 3) < 0.02
    assert abs(kaiming(torch.empty(500, inputs)).var() * inputs - 2) < 0.1
    assert abs(xavier(torch.empty(inputs, inputs)).var() * inputs - 1) < 0.1
# One layer back, by hand: the slopes, then the weights.
z, layer, g = torch.randn(200, 64, requires_grad=True), nn.Linear(64, 64), torch.randn(200, 64)
s = torch.sigmoid(layer(z))
(back,) = torch.autograd.grad(s, z, g)
torch.testing.assert_close(back, (g * s * (1 - s)) @ layer.weight)
# Skip connection and normalization do the same for GELU and SiLU, and cost what the text says.
for kind in (nn.GELU, nn.SiLU):
    for around in ({"skip": True}, {"norm": True}):
        norms = gradients(deep(kind, **around))
        assert 1 < (norms[0] / norms[-1]) ** (1 / 19) < 1.3
plain, skip, norm = (Layer(nn.ReLU, **one) for one in ({}, {"skip": True}, {"norm": True}))
sizes = [sum(one.numel() for one in layer.parameters()) for layer in (plain, skip, norm)]
assert sizes == [sizes[0], sizes[0], sizes[0] + 2 * 64]
# For sigmoid the first layer's step is rounded away.
network = deep(nn.Sigmoid)
F.cross_entropy(network(images), labels).backward()
first = network[0].linear.weight
assert first.grad.any()
assert torch.equal(first - 0.1 * first.grad, first)

# %%
# Check yourself
# --------------

candidates = {
    "leaky ReLU, default weights": factors(nn.LeakyReLU)[1],
    "ReLU, Kaiming weights": factors(nn.ReLU, kaiming)[1],
    "sigmoid, Xavier weights": factors(nn.Sigmoid, xavier)[1],
}
ask(
    "Which of these networks keeps the gradient over its layers best?",
    answer=max(candidates, key=candidates.get),
    choices={
        "leaky ReLU, default weights": "With the default weights it vanishes, as with ReLU.",
        "ReLU, Kaiming weights": "The variance 2 / in makes up for the slopes that are 0, about half of them.",
        "sigmoid, Xavier weights": "Its slope is at most 1/4, and these weights do not make up for that.",
    },
)

# %%
# The next question asks about the size of the weights.

torch.manual_seed(0)
spread = {n: kaiming(torch.empty(500, n)).std().item() for n in (50, 200)}
ask(
    "Layer A has 50 inputs, layer B 200. How many times larger are the Kaiming weights of A, about?",
    answer=round(spread[50] / spread[200], 1),
    choices={
        1.0: "The more inputs are added up, the smaller each weight must be.",
        2.0: "The variance is 2 / in, so the weights go with its root: the root of 4.",
        4.0: "That is the ratio of the variances.",
    },
)

# %%
# **Exercise.** The right size of weights can also be found from data, without a formula. Rescale each weight in turn so
# that the output of its ReLU has a root mean square of 1. Return the output of the last layer. ``weights`` has shape
# (layer, out, in), ``x`` has shape (sample, in).


def layer_by_layer(weights, x):
    out = x.clone()
    for i in range(len(weights)):
        made = torch.relu(out @ weights[i].T)
        out = torch.relu(out @ (weights[i] / (made**2).mean() ** 0.5).T)
    return out


torch.manual_seed(0)
cases = [(torch.eye(2)[None], torch.tensor([[1.0, 2.0], [3.0, -4.0]]))]
cases += [(0.05 * torch.randn(layers, 8, 8), torch.randn(5, 8)) for layers in (1, 3, 30)]


def through_scaled(weights, x):
    raise NotImplementedError


check(through_scaled, layer_by_layer, cases)

# %%
# For a positive factor c, ReLU of c · z is c times ReLU of z. So it is enough to divide the output.

# Solution


def through_scaled(weights, x):
    for weight in weights:
        x = torch.relu(x @ weight.T)
        x = x / x.square().mean().sqrt()
    return x


report = check(through_scaled, layer_by_layer, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dead-relus` is about units that get no gradient at all.
#
# - He, Zhang, Ren and Sun (2015). `Delving deep into rectifiers <https://arxiv.org/abs/1502.01852>`__. Where the
#   variance 2 / in comes from.
# - He, Zhang, Ren and Sun (2015). `Deep residual learning for image recognition <https://arxiv.org/abs/1512.03385>`__.
#   Skip connections.
# - Mishkin and Matas (2015). `All you need is a good init <https://arxiv.org/abs/1511.06422>`__. The exercise, as a way
#   to begin a training.
