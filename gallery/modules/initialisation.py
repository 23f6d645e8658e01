"""
.. _initialisation:

How should I initialise the weights? (nn.init)
==============================================

A network of twenty layers gives nearly the same answer for each image before training, or numbers of twenty digits. The
numbers that a layer starts with decide whether a signal fades, grows or stays: draw them with a variance that fits the
layer.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import math
import statistics

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
images = train_set.inputs.flatten(start_dim=1)[:200]


def deep(hidden, width=256):
    """Return linear layers with ReLU between them, from 64 pixels to 10 logits."""
    layers, before = [nn.Flatten()], 64
    for _ in range(hidden):
        layers += [nn.Linear(before, width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, 10))


def start(method):
    """Return a function for apply() that fills the weights of linear layers by a method, and the biases with 0."""

    def fill(module):
        if isinstance(module, nn.Linear) and method:
            method(module.weight)
            nn.init.zeros_(module.bias)

    return fill


def kaiming(weight):
    return nn.init.kaiming_normal_(weight, nonlinearity="relu")


METHODS = {
    "normal, std 1": nn.init.normal_,
    "kaiming_normal_": kaiming,
    "default": None,
    "xavier_normal_": nn.init.xavier_normal_,
    "normal, std 0.01": lambda weight: nn.init.normal_(weight, std=0.01),
}


def made(name, hidden, seed=0):
    torch.manual_seed(seed)
    return deep(hidden).apply(start(METHODS[name]))


def sizes(network):
    """Return the root mean square of each ReLU's output, and how much it differs between images."""
    x, found = images, []
    with torch.no_grad():
        for layer in network:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                wide = x.double()  # the square of a large number overflows in float32
                size, between = wide.square().mean().sqrt(), wide.var(dim=0).mean().sqrt()
                found.append((size.item(), between.item()))
    return [torch.tensor(column) for column in zip(*found, strict=True)]


def draw_sizes():
    _, axis = plt.subplots(figsize=(5.8, 2.7), layout="constrained")
    found = {}
    for name, style in zip(METHODS, ["s-", "o-", "-", "--", "^-"], strict=True):
        found[name], _ = sizes(made(name, hidden=20))
        axis.semilogy(range(1, 21), found[name], style, markersize=3, label=name)
    axis.set(xlabel="layer", ylabel="size of its output", xticks=[1, 5, 10, 15, 20])
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    layers = len(found["default"])
    axis.set_title(f"Kaiming's weights keep the size through {layers} layers", fontsize=11)
    plt.show()
    return found


def train(network, seed, epochs=5, optimizer=None):
    optimizer = optimizer or torch.optim.SGD(network.parameters(), lr=0.05)
    order = torch.Generator().manual_seed(seed)
    for _epoch in range(epochs):
        for x, y in batches(train_set, 50, shuffle=True, generator=order):
            loss = F.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def accuracy(network):
    with torch.no_grad():
        return (
            100 * (network(test_set.inputs).argmax(dim=1) == test_set.targets).float().mean().item()
        )


# %%

found = draw_sizes()
assert 0.3 < found["kaiming_normal_"][-1] / found["kaiming_normal_"][0] < 3
assert found["normal, std 1"][-1] > 1e15
assert found["normal, std 0.01"][-1] < 1e-15

# %%
# Images of digits go through 20 layers of 256 units with ReLU, before training. The size is the root mean square. With
# PyTorch's default it fades at first, then the biases keep it from falling further. You need to know :ref:`nn-linear`
# and :ref:`activations`.
#
# The rule
# --------
#
# To initialize a layer is to choose its first weights. An output of a layer is a sum of ``in`` products, so for
# independent weights with a mean of zero its variance is :math:`\text{in} \cdot \text{Var}(w) \cdot \text{mean}(x^2)`.
# ReLU removes about half of it. To keep the mean square, take :math:`\text{Var}(w) = 2 / \text{in}`, which is Kaiming's
# rule. Xavier's is 2 / (in + out), for symmetric functions such as tanh. The size then changes at each layer by a
# factor, the root of ``in * var / 2``.

for name in ("normal, std 1", "kaiming_normal_", "xavier_normal_", "normal, std 0.01"):
    size = found[name]
    measured = (size[-1] / size[0]) ** (1 / 19)
    weight = made(name, hidden=20)[3].weight
    predicted = (256 * weight.var() / 2).sqrt().item()
    print(f"{name:<17} predicted {predicted:6.3f}, measured {measured:6.3f} a layer")
    assert abs(measured / predicted - 1) < 0.1

# %%
# What does PyTorch do by default?
# --------------------------------
#
# ``nn.Linear`` and ``nn.Conv2d`` draw weights and biases evenly between :math:`\pm 1 / \sqrt{\text{in}}`, where ``in``
# of a convolution counts the numbers under its kernel. That is a variance of :math:`1 / (3 \, \text{in})`, a sixth of
# Kaiming's. The source calls ``kaiming_uniform_`` with ``a=math.sqrt(5)``, which gives the same bounds. Here are the
# largest absolute values.

torch.manual_seed(0)
layers = [
    nn.Linear(100, 300),
    nn.Conv2d(4, 60, 5),
    nn.Embedding(500, 40),
    nn.BatchNorm1d(8),
    nn.LSTM(30, 100),
]
for layer in layers:
    largest = {name: p.abs().max().item() for name, p in layer.named_parameters()}
    print(
        f"{type(layer).__name__:<12}",
        ", ".join(f"{name} {top:.2f}" for name, top in largest.items()),
    )
by_init = nn.init.kaiming_uniform_(torch.empty(300, 100), a=math.sqrt(5))
for weight in (layers[0].weight, layers[1].weight, by_init):
    assert (
        0.099 < weight.abs().max() <= 0.1
    )  # 1 / sqrt(100); 100 is also 4 channels times 5 times 5

# %%
# An embedding is drawn from a normal distribution. Batch norm begins with a factor of one and a shift of zero. An LSTM
# takes the size of its hidden state in place of ``in``.
#
# Set your own: apply
# -------------------
#
# .. longer: 6 screens — the rule, the defaults, how to set them and what it brings have a cell each
#
# ``apply`` calls a function with each module, the whole network last. Test the type of the module in it. The functions
# of ``nn.init`` that end with an underscore change the tensor in place, and autograd does not record them.


def initialise(module):
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


torch.manual_seed(0)
network = deep(hidden=2)
before = [layer.weight.std().item() for layer in network if isinstance(layer, nn.Linear)]
network.apply(initialise)
for old, layer in zip(before, [network[1], network[3], network[5]], strict=True):
    goal = math.sqrt(2 / layer.in_features)
    print(f"{layer}: std {old:.3f} before, {layer.weight.std():.3f} after; wanted {goal:.3f}")
    assert abs(layer.weight.std() / goal - 1) < 0.05

# %%
# When does it matter?
# --------------------
#
# Here are networks of two and of ten hidden layers, trained for five epochs on the digits by plain SGD with one
# learning rate. The loss is that before training, and the figures are means and ranges over three seeds. An untrained
# network that guesses has a loss of :math:`\ln 10`, :val:`2.30 <math.log(10)>`. A loss far above it says that weights
# or inputs are too large. With ten layers, the default learns next to nothing, and Kaiming's weights read most digits.

# Varies with the processor: a training amplifies how it rounds.
results = {}
for hidden in (2, 10):
    for name in METHODS:
        networks = [made(name, hidden, seed) for seed in range(3)]
        with torch.no_grad():
            first = F.cross_entropy(networks[0](images), train_set.targets[:200]).item()
        right = [accuracy(train(network, seed)) for seed, network in enumerate(networks)]
        results[hidden, name] = right
        print(
            f"{hidden:>2} layers, {name:<17}loss {first:.3g}, right {statistics.mean(right):.1f} %",
            end=" ",
        )
        print(f"({min(right):.1f} to {max(right):.1f})")

# %%
# .. use-this::
#
#    Leave the default where a network has normalization or skip connections. In a plain network of linear layers or
#    convolutions with ReLU take ``kaiming_normal_``, or ``xavier_normal_`` for tanh, and set biases to zero. The deeper
#    it is, the more this matters. Apply it before you load weights, or it overwrites them. It costs one pass over the
#    weights, once. Where gradients vanish in spite of it, :ref:`vanishing-gradients` has the other means.
#
# A common mistake
# ----------------
#
# **Equal weights.** If all weights of a layer are equal, and those of the next layer as well, the units between them
# get the same gradient. They stay copies. The layer has one unit, however wide it is. Zeros everywhere are worse: with
# ReLU, no weight gets a gradient. ``nn.init.constant_`` is for biases. (Zeros in the last layer alone do no harm.)

# Varies with the processor: a training amplifies how it rounds.
for name, value in {"all 0.01": 0.01, "all 0": 0.0}.items():
    torch.manual_seed(0)
    network = deep(hidden=1)
    for layer in (network[1], network[3]):
        nn.init.constant_(layer.weight, value)
        nn.init.zeros_(layer.bias)
    train(network, seed=0)
    units = len(network[1].weight.detach().unique(dim=0))
    print(f"{name:<9}{units} of 256 units differ, {accuracy(network):.1f} % right")
    assert units == 1
    assert accuracy(network) < 40
print(f"drawn    {accuracy(train(made('default', 1), seed=0)):.1f} % right")

# %%
# How this was checked

# With the default, biases hold the size up, and images differ less and less.
size, between = sizes(made("default", hidden=20))
assert between[-1] < 1e-3 * size[-1]
size, between = sizes(made("kaiming_normal_", hidden=20))
assert between[-1] > 0.05 * size[-1]
# The variance of one layer's output, for several sizes: in * var * mean square.
for inputs, outputs, spread in ((10, 4000, 1.0), (300, 4000, 0.1), (50, 4000, 3.0)):
    x = torch.randn(1, inputs).abs()
    out = x @ (spread * torch.randn(outputs, inputs)).T
    assert abs(out.var() / (inputs * spread**2 * x.square().mean()) - 1) < 0.1
# The default is uniform within 1 / sqrt(in): variance 1 / (3 in), a sixth of 2 / in; and a=sqrt(5) gives it.
for layer, fan in (
    (nn.Linear(100, 3000), 100),
    (nn.Conv2d(4, 600, 5), 100),
    (nn.Linear(7, 40_000), 7),
):
    for p in layer.parameters():
        assert 0.98 / math.sqrt(fan) < p.abs().max() <= 1 / math.sqrt(fan)
        assert abs(p.var() * 3 * fan - 1) < 0.1
torch.manual_seed(0)
layer = nn.Linear(30, 20)
torch.manual_seed(0)
weight = nn.init.kaiming_uniform_(torch.empty(20, 30), a=math.sqrt(5))
assert torch.equal(layer.weight, weight)
# Without nonlinearity, kaiming_normal_ takes leaky ReLU with the slope a=0, which is ReLU.
torch.manual_seed(0)
one = nn.init.kaiming_normal_(torch.empty(20, 30))
torch.manual_seed(0)
assert torch.equal(one, kaiming(torch.empty(20, 30)))
# The functions return the tensor, record nothing, and take a generator; a vector has no fan.
p = nn.Parameter(torch.empty(20, 30))
assert nn.init.normal_(p, generator=torch.Generator().manual_seed(0)) is p
assert p.grad_fn is None
assert p.requires_grad
with expect_error(ValueError, match="fewer than 2 dimensions"):
    kaiming(torch.empty(5))
# Xavier's variance is 2 / (in + out).
for out, inputs in ((400, 100), (200, 200), (100, 700)):
    assert (
        abs(nn.init.xavier_normal_(torch.empty(out, inputs)).var() * (inputs + out) / 2 - 1) < 0.05
    )
# apply visits children before parents, and returns the network.
seen = []
network = deep(hidden=1)
assert network.apply(seen.append) is network
assert seen[-1] is network
assert len(seen) == len(list(network.modules()))
# apply after loading overwrites what was loaded.
source, target = deep(hidden=1), deep(hidden=1)
target.load_state_dict(source.state_dict())
assert torch.equal(target[1].weight, source[1].weight)
assert not torch.equal(target.apply(initialise)[1].weight, source[1].weight)
# reset_parameters draws the default again.
layer = nn.Linear(100, 50)
old = layer.weight.detach().clone()
layer.reset_parameters()
assert not torch.equal(layer.weight, old)
assert layer.weight.abs().max() <= 0.1
# In the trainings: depth decides. With two layers the sizes of Kaiming, Xavier and the default all learn.
for name in ("default", "kaiming_normal_", "xavier_normal_"):
    assert min(results[2, name]) > 70
assert max(results[10, "default"]) < 40
assert min(results[10, "kaiming_normal_"]) > 80
# Zeros: no weight gets a gradient, with one hidden layer and with two.
for hidden in (1, 2):
    network = deep(hidden).apply(start(nn.init.zeros_))
    F.cross_entropy(network(images), train_set.targets[:200]).backward()
    assert not any(layer.weight.grad.any() for layer in network if isinstance(layer, nn.Linear))
# One layer of equal weights is not enough for copies, and zeros in the last layer alone are learned away.
for index, value in ((1, 0.01), (3, 0.0)):
    torch.manual_seed(0)
    network = deep(hidden=1)
    nn.init.constant_(network[index].weight, value)
    nn.init.zeros_(network[index].bias)
    assert accuracy(train(network, seed=0)) > 60
    assert len(network[1].weight.detach().unique(dim=0)) == 256
# With Adam, too, Kaiming's rule is ahead at ten layers.
for seed in range(2):
    reached = []
    for name in ("default", "kaiming_normal_"):
        network = made(name, 10, seed)
        train(network, seed, optimizer=torch.optim.Adam(network.parameters()))
        reached.append(accuracy(network))
    assert reached[1] > reached[0] + 10
# A transposed convolution counts its outputs under the kernel, an LSTM its hidden state.
for layer, fan in ((nn.ConvTranspose2d(400, 9, 5), 9 * 25), (nn.LSTM(30, 100), 100)):
    for p in layer.parameters():
        assert 0.6 / math.sqrt(fan) < p.abs().max() <= 1 / math.sqrt(fan)

# %%
# Check yourself
# --------------

ask(
    "A layer has 200 inputs and ReLU after it. What is the standard deviation of its weights by Kaiming's rule?",
    answer=math.sqrt(2 / 200),
    choices={
        0.1: "The root of 2 / 200.",
        0.01: "That is the variance.",
        0.07: "The root of 1 / 200 makes up for no ReLU.",
    },
)

# %%
# The next question is about a convolution.

largest = nn.Conv2d(1, 5000, 4).weight.abs().max().item()
ask(
    "By default, nn.Conv2d(1, 5000, 4) draws its weights between -b and b. What is b?",
    answer=round(largest, 2),
    choices={
        1.0: "It has one channel, but the kernel sees 4 by 4 pixels of it.",
        0.25: "16 numbers are under the kernel, and b is 1 / sqrt(16).",
        0.01: "The number of outputs plays no part.",
    },
)

# %%
# **Exercise.** Write ``kaiming_uniform_`` for ReLU: draw a tensor evenly between -b and b, so that its variance is 2 /
# in. (A uniform distribution has the variance :math:`b^2 / 3`.) ``shape`` is that of a weight, (out, in) or (out, in,
# height, width). Draw with ``uniform_`` and a generator with the seed ``seed``.


def by_torch(shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return nn.init.kaiming_uniform_(torch.empty(shape), nonlinearity="relu", generator=generator)


cases = [((2, 6), 0), ((4, 3), 1), ((2, 3, 5, 5), 2)]


def kaiming_uniform(shape, seed):
    raise NotImplementedError


check(kaiming_uniform, by_torch, cases)

# %%
# ``in`` is the product of the sizes after the first.

# Solution


def kaiming_uniform(shape, seed):
    b = math.sqrt(6 / math.prod(shape[1:]))
    return torch.empty(shape).uniform_(-b, b, generator=torch.Generator().manual_seed(seed))


report = check(kaiming_uniform, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`skip-connections` are another way to keep the signal through many layers.
#
# - Glorot and Bengio (2010). `Understanding the difficulty of training deep feedforward neural networks
#   <https://proceedings.mlr.press/v9/glorot10a.html>`__. Xavier's rule, with the sizes drawn layer by layer.
# - He, Zhang, Ren and Sun (2015). `Delving deep into rectifiers <https://arxiv.org/abs/1502.01852>`__. Kaiming's rule,
#   and why ReLU needs the 2.
