"""
.. _dead-relus:

Why do ReLU units die, and what brings them back?
=================================================

A ReLU gives 0 for a negative input, and its slope there is 0. A unit whose input is negative for each item of the data
gets no :term:`gradient`. It is called dead. This page kills a whole layer by a learning rate that is far too large,
shows that training does not revive it, and what does. You need to know :ref:`vanishing-gradients`.
"""

# %%
# One unit with two inputs between 0 and 1. Its weights and its bias are negative, so what it makes is negative for all
# 50 items, ReLU makes 0 of it, and no gradient comes back.

import torch
from torch import nn

torch.manual_seed(0)
unit, items = nn.Linear(2, 1), torch.rand(50, 2)
nn.init.constant_(unit.weight, -1.0)
nn.init.constant_(unit.bias, -5.0)
outputs = unit(items).relu()
outputs.sum().backward()
print(f"{outputs.count_nonzero()} of {len(items)} outputs are not 0")
print(f"gradients: weight {unit.weight.grad.tolist()}, bias {unit.bias.grad.tolist()}")
assert not unit.weight.grad.any()
assert not unit.bias.grad.any()

# %%
# A network that dies
# -------------------
#
# A network with 5 hidden layers of 32 ReLUs learns the product of two numbers. In the first 20 steps its
# :term:`learning rate` is far too large. Such steps can throw a unit so far that its input is negative for every item.
# We count those.

import itertools

from torch.nn import functional as F

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
# Nothing comes back
# ------------------
#
# The output is now the last bias, for each of the items. The gradient of the other parameters is exactly 0: it would
# have to pass a dead layer. Gradient descent changes a parameter by the rate times its gradient, so neither another
# rate nor more steps bring the layer back. (A unit that is dead alone can come back: other units still
# train the layers before it, and so change its input.)

state = {name: value.clone() for name, value in network.state_dict().items()}
assert (network(x) == network[-1].bias).all()
network.zero_grad()
F.mse_loss(network(x), target).backward()
reached = [name for name, value in network.named_parameters() if value.grad.any()]
assert reached == ["10.bias"]
for lr in (1e-3, 1.0, 1e3):
    same = network_of(nn.ReLU)
    same.load_state_dict(state)
    train(same, torch.optim.SGD(same[:-1].parameters(), lr=lr), steps=5)
    assert all(torch.equal(value, state[name]) for name, value in same.state_dict().items())

# %%
# What leaky ReLU is good for
# ---------------------------
#
# The same broken weights are trained on with a proper rate: once with ReLU, once with leaky ReLU in its place, once
# with GELU, which has a small slope at the inputs of these units. With ReLU the network learns one number, the mean.
# The other two come back.

# Varies with the processor: a training amplifies how it rounds.
curves = {}
for name, activation in {"ReLU": nn.ReLU, "leaky ReLU": nn.LeakyReLU, "GELU": nn.GELU}.items():
    again = network_of(activation)
    again.load_state_dict(state)
    curves[name] = train(again, torch.optim.Adam(again.parameters(), lr=0.02), steps=600)
    moved = sum(not torch.equal(value, state[key]) for key, value in again.state_dict().items())
    assert moved == (1 if name == "ReLU" else len(state))

import matplotlib.pyplot as plt

_, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for (name, losses), style in zip(curves.items(), ["-", "--", ":"], strict=True):
    axis.plot(losses, style, label=name)
axis.axhline(target.var(correction=0), color="gray", linewidth=0.8)
axis.set(yscale="log", xlabel="step", ylabel="loss")
axis.set_title("Dead ReLUs learn the mean; a slope brings units back")
axis.legend()
plt.show()

# %%
# The smallest loss of a constant is the variance of the target (the gray line), and there ReLU ends. The other two end
# below a third of it.

variance = target.var(correction=0).item()
assert 0.99 * variance < curves["ReLU"][-1] < 1.05 * variance
assert curves["leaky ReLU"][-1] < 0.3 * variance
assert curves["GELU"][-1] < 0.3 * variance

# %%
# Better than bringing them back is not to kill them. With a smaller learning rate the layer stays alive, and the loss
# ends below a tenth of the variance. A unit that is dead at some step often comes back here, since the layers before it
# change.

healthy = network_of(nn.ReLU)
optimizer = torch.optim.Adam(healthy.parameters(), lr=0.003)
losses, revived = [], 0
for _ in range(400):
    was_dead = dead_units(healthy)
    losses += train(healthy, optimizer, steps=1)
    revived += (was_dead & ~dead_units(healthy)).sum().item()
assert revived > 0
assert not dead_units(healthy).all()
assert losses[-1] < 0.1 * variance

# %%
# Check yourself
# --------------

from ptguide.questions import ask

edge = nn.Linear(2, 1)
with torch.no_grad():
    edge.weight.copy_(torch.tensor([[2.0, 1.0]]))
    edge.bias.fill_(-2.5)
alive = (edge(items) > 0).sum().item() > 0
highest = edge(torch.ones(2)).item()
ask(
    "A unit has the weights 2 and 1 and the bias -2.5, then comes ReLU. Its inputs are between 0 and 1. Is it dead?",
    answer="no" if alive else "yes",
    choices={
        "yes": f"With a bias that is lower by {highest} it would be.",
        "no": f"Where both inputs are near 1 it makes up to {highest}: some items give it a gradient.",
    },
)

# %%
# And who may come back:

slopes = {}
for name, function in {"ReLU": F.relu, "leaky ReLU": F.leaky_relu, "GELU": F.gelu}.items():
    z = torch.tensor(-2.0, requires_grad=True)
    function(z).backward()
    slopes[name] = z.grad.item()
ask(
    "The input of a unit is -2 for all data. For which activation does it get no gradient?",
    answer=min(slopes, key=lambda name: abs(slopes[name])),
    choices={
        "GELU": "Its slope at -2 is small and negative, but not 0.",
        "leaky ReLU": f"Its slope below 0 is {slopes['leaky ReLU']:.2f}.",
        "ReLU": "Its slope below 0 is 0.",
    },
)

# %%
# Next: :ref:`gradient-descent-four-times`, how the weights get their values.
