"""
.. _dead-relus:

Why do ReLU units die, and what brings them back?
=================================================

The loss jumps up once, then stays at a plateau, and a smaller learning rate does not help: ReLU units may have died. A
ReLU whose input is negative for each sample outputs 0, and lets no :term:`gradient` through.
"""

# %%
# Set-up

import itertools
from functools import partial

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.rand(200, 10)
target = 4 * x[:, :1] * x[:, 1:2]  # the product of two numbers
variance = target.var(correction=0).item()  # the loss of the best constant


def network_of(activation, seed=0):
    """Return a network with 5 hidden layers of 32 units."""
    torch.manual_seed(seed)
    pairs = [(nn.Linear(n, m), activation()) for n, m in itertools.pairwise([10] + [32] * 5)]
    return nn.Sequential(*itertools.chain(*pairs), nn.Linear(32, 1))


def dead_units(network):
    """Return which units of the last hidden layer have an input of 0 or less for all samples."""
    with torch.no_grad():
        return (network[:-2](x) <= 0).all(dim=0)


def fit(network, optimizer, steps):
    """Train on all samples at once and return the losses."""
    losses = []
    for _ in range(steps):
        loss = F.mse_loss(network(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def draw_lines(lines, ylabel, title, scale="linear"):
    _, axis = plt.subplots(figsize=(5.6, 2.6), layout="constrained")
    for (name, values), style in zip(lines.items(), ["-", "--", ":"], strict=True):
        axis.plot(values, style, label=name, linewidth=2)
    axis.set(xlabel="step", ylabel=ylabel, yscale=scale)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axis.set_title(title, fontsize=11)
    plt.show()


counts = {}
for lr in (0.01, 0.1, 1.0):
    network, counts[f"lr = {lr}"] = network_of(nn.ReLU), []
    for _ in range(20):
        counts[f"lr = {lr}"].append(dead_units(network).sum().item())
        fit(network, torch.optim.SGD(network.parameters(), lr=lr), steps=1)

# %%

draw_lines(counts, "dead units", "A learning rate of 1 kills all 32 units")
assert counts["lr = 1.0"][-1] == 32 > max(counts["lr = 0.1"]) + 5

# %%
# A network with 5 hidden layers of 32 ReLUs learns the product of two numbers. The lines count the units of the last
# hidden layer that output 0 for each sample. :val:`19 <counts["lr = 0.01"][0]>` of them do so from the start. You need
# to know :ref:`vanishing-gradients`.
#
# The rule
# --------
#
# A unit outputs :math:`\max(w \cdot x + b, 0)`. It is **dead** if :math:`w \cdot x + b \le 0` for each sample. The
# slope is then 0, and so are the gradients of :math:`w` and :math:`b`. A step that is too large can do this. Here the
# numbers are set by hand.

unit = nn.Linear(10, 1)
nn.init.constant_(unit.weight, -1.0)
nn.init.constant_(unit.bias, -5.0)
outputs = unit(x).relu()
outputs.sum().backward()
print("outputs that are not 0:", outputs.count_nonzero().item())
print(
    "largest gradient: weight", unit.weight.grad.abs().max().item(), "bias", unit.bias.grad.item()
)
assert not unit.weight.grad.any()
assert not unit.bias.grad.any()

# %%
# The learning rate does not bring a layer back
# ---------------------------------------------
#
# If the whole last hidden layer is dead, the output is the last bias, the same for each sample. This bias is the one
# parameter that still gets a gradient, so the network can learn one number. Plain SGD moves nothing where the gradient
# is 0, here at three rates. A single dead unit can come back, when the layers before it change its input.

network = network_of(nn.ReLU)
fit(network, torch.optim.SGD(network.parameters(), lr=1.0), steps=20)
killed = {name: value.clone() for name, value in network.state_dict().items()}
network.zero_grad()
F.mse_loss(network(x), target).backward()
print("gradient reaches:", [name for name, one in network.named_parameters() if one.grad.any()])
for lr in (1e-3, 1.0, 1e3):
    network.load_state_dict(killed)
    fit(network, torch.optim.SGD(network[:-1].parameters(), lr=lr), steps=5)
    assert all(torch.equal(value, killed[name]) for name, value in network.state_dict().items())

# %%
# What brings it back
# -------------------
#
# An activation that is not flat for negative inputs lets a gradient through. The same broken weights are trained on,
# with another activation in the place of ReLU. With ReLU the loss ends at :val:`0.86 <variance>`. That is the variance
# of the target, and the loss of the best constant.

losses = {}
# Varies with the processor: a training amplifies how it rounds.
for name, kind in {"ReLU": nn.ReLU, "leaky ReLU": nn.LeakyReLU, "GELU": nn.GELU}.items():
    network = network_of(kind)
    network.load_state_dict(killed)
    losses[name] = fit(network, torch.optim.Adam(network.parameters(), lr=0.02), steps=150)
assert 0.95 * variance < losses["ReLU"][-1] < 1.1 * variance
assert max(losses["leaky ReLU"][-1], losses["GELU"][-1]) < 0.3 * variance
draw_lines(losses, "loss", "The same broken weights, trained on", scale="log")

# %%
# .. use-this::
#
#    When a loss stays at the value of a constant prediction, count dead units: ``(inputs <= 0).all(dim=0).sum()`` for
#    the inputs of a ReLU. If a whole layer is dead, begin again with a smaller learning rate, or with leaky ReLU or
#    GELU. Here, clipping gradients to a norm of 1 or Adam's default rate kept units alive; warming up to the same rate
#    did not. Leaky ReLU and GELU cost no parameters.
#
# A common mistake
# ----------------
#
# **Waiting, with a smaller learning rate.** It helps before a layer dies and not afterwards. The first line has 20
# steps of SGD at a rate of 1, then 100 steps of Adam at 0.003. The second line has Adam alone. Each loss has another
# seed.

# Varies with the processor: a training amplifies how it rounds.
for accident in (True, False):
    found = []
    for seed in range(3):
        network = network_of(nn.ReLU, seed)
        if accident:
            fit(network, torch.optim.SGD(network.parameters(), lr=1.0), steps=20)
        found.append(fit(network, torch.optim.Adam(network.parameters(), lr=0.003), 100)[-1])
    print(
        "after lr = 1:" if accident else "from the start:", ", ".join(f"{one:.3f}" for one in found)
    )
    assert min(found) > 0.95 * variance if accident else max(found) < 0.3 * variance

# %%
# How this was checked

# The accident kills the layer with two other seeds, and leaky ReLU and GELU bring the loss down.

# Varies with the processor: a training amplifies how it rounds.
for seed in (1, 2):
    network = network_of(nn.ReLU, seed)
    fit(network, torch.optim.SGD(network.parameters(), lr=1.0), steps=20)
    inputs = network[:-2](x)
    count = (inputs <= 0).all(dim=0).sum()
    assert count == 32 == dead_units(network).sum()
    assert (network(x) == network[-1].bias).all()
    network.zero_grad()
    F.mse_loss(network(x), target).backward()
    assert [n for n, one in network.named_parameters() if one.grad.any()] == ["10.bias"]
    state = network.state_dict()
    for kind in (nn.LeakyReLU, nn.GELU):
        again = network_of(kind)
        again.load_state_dict(state)
        ended = fit(again, torch.optim.Adam(again.parameters(), lr=0.02), steps=30)
        assert ended[-1] < 0.9 * ended[0]
# Clipping and Adam's default rate leave units alive. After a warm-up, 20 steps at a rate of 1 kill nearly all.
for seed in (0, 1):
    for name in ("clip", "Adam", "warm-up"):
        network = network_of(nn.ReLU, seed)
        way = torch.optim.Adam if name == "Adam" else partial(torch.optim.SGD, lr=1.0)
        optimizer = way(network.parameters())
        for step in range(40 if name == "warm-up" else 20):
            loss = F.mse_loss(network(x), target)
            optimizer.zero_grad()
            loss.backward()
            if name == "clip":
                nn.utils.clip_grad_norm_(network.parameters(), max_norm=1.0)
            if name == "warm-up":
                optimizer.param_groups[0]["lr"] = min(1.0, (step + 1) / 20)
            optimizer.step()
        dead = dead_units(network).sum()
        assert dead >= 30 if name == "warm-up" else dead < 28
# A unit that is dead at some step can come back while others train.
network, revived = network_of(nn.ReLU), 0
optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
for _ in range(100):
    before = dead_units(network)
    fit(network, optimizer, steps=1)
    revived += (before & ~dead_units(network)).sum().item()
assert revived > 0
assert not [*nn.LeakyReLU().parameters(), *nn.GELU().parameters()]
# Far below 0, GELU's slope is rounded to 0 as well.
far = torch.tensor([-2.0, -15.0], requires_grad=True)
F.gelu(far).sum().backward()
assert far.grad.count_nonzero() == 1

# %%
# Check yourself
# --------------

edge = nn.Linear(2, 1)
with torch.no_grad():
    edge.weight.copy_(torch.tensor([[2.0, 1.0]]))
    edge.bias.fill_(-2.5)
    alive = (edge(torch.rand(50, 2)) > 0).any().item()
    highest = edge(torch.ones(2)).item()
ask(
    "A unit has the weights 2 and 1 and the bias -2.5, then comes ReLU. Its inputs are between 0 and 1. Is it dead?",
    answer="no" if alive else "yes",
    choices={
        "yes": f"With a bias that is lower by {highest} it would be.",
        "no": f"Where both inputs are near 1 it makes up to {highest}: some samples give it a gradient.",
    },
)

# %%
# The next question is about the slope below 0.

slopes = {}
for name, function in {"ReLU": F.relu, "leaky ReLU": F.leaky_relu, "GELU": F.gelu}.items():
    z = torch.tensor(-2.0, requires_grad=True)
    function(z).backward()
    slopes[name] = z.grad.item()
ask(
    "The input of a unit is -2 for all data. For which activation does it get no gradient?",
    answer=min(slopes, key=lambda name: abs(slopes[name])),
    choices={
        "GELU": f"Its slope at -2 is small, {slopes['GELU']:.2f}, but not 0.",
        "leaky ReLU": f"Its slope below 0 is {slopes['leaky ReLU']:.2f}.",
        "ReLU": "Its slope below 0 is 0.",
    },
)

# %%
# **Exercise.** Return a new bias for a layer, so that each dead unit is on for at least one sample. Raise the bias of a
# dead unit until its largest input of ReLU is 0.5, and leave the biases of the others alone. ``x`` has shape (sample,
# in), ``weight`` (out, in), ``bias`` (out,).


def by_loop(x, weight, bias):
    new = bias.clone()
    for k in range(len(bias)):
        largest = max((row @ weight[k] + bias[k]).item() for row in x)
        if largest <= 0:
            new[k] += 0.5 - largest
    return new


cases = [
    (torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [-1.0]]), torch.tensor([-5.0, 1.5])),
    (torch.rand(20, 3), torch.randn(8, 3), torch.linspace(-3, 1, 8)),
]


def first_aid(x, weight, bias):
    raise NotImplementedError


check(first_aid, by_loop, cases)

# %%
# ``amax`` over the samples gives the largest input of each unit.

# Solution


def first_aid(x, weight, bias):
    largest = F.linear(x, weight, bias).amax(dim=0)
    return torch.where(largest <= 0, bias + 0.5 - largest, bias)


report = check(first_aid, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dropout-train-and-eval` is about layers that do something else in training.
#
# - Maas, Hannun and Ng (2013). `Rectifier nonlinearities improve neural network acoustic models
#   <https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf>`__. Where leaky ReLU comes from.
# - Lu, Shin, Su and Karniadakis (2019). `Dying ReLU and initialization: theory and numerical examples
#   <https://arxiv.org/abs/1903.06733>`__. Networks that are dead before the first step.
