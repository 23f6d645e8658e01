"""
.. _skip-connections:

Why do skip connections help? (x + f(x))
========================================

You make a network deeper, and it learns worse than before, on its training images too. A skip connection adds the input
of a layer to its output, so that signal and gradient also get past the layer unchanged.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock as TorchvisionBlock
from torchvision.models.resnet import resnet18

from ptguide import models
from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set = digits("train")
images, labels = train_set.inputs.flatten(start_dim=1)[:100], train_set.targets[:100]


class Plain(nn.Module):
    """ReLU and a linear layer of 64 units."""

    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        return self.f(x)


class Skip(Plain):
    """The same, added to its input."""

    def forward(self, x):
        return x + self.f(x)


class OnlySignal(Plain):
    """The input is added, but its path passes no gradient."""

    def forward(self, x):
        return x.detach() + self.f(x)


class OnlyGradient(Plain):
    """A zero is added, whose path passes the gradient."""

    def forward(self, x):
        return (x - x.detach()) + self.f(x)


class PreNorm(Plain):
    """The branch normalizes what it gets."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(64)

    def forward(self, x):
        return x + self.f(self.norm(x))


class PostNorm(PreNorm):
    """The sum is normalized."""

    def forward(self, x):
        return self.norm(x + self.f(x))


def deep(block, blocks, seed=0, start=None):
    """Return equal blocks, and a last layer for 10 logits; ``start`` fills the weights of the blocks."""
    torch.manual_seed(seed)
    network = nn.Sequential(*[block() for _ in range(blocks)], nn.Linear(64, 10))
    if start:
        for one in network[:-1]:
            start(one.f[1].weight)
            nn.init.zeros_(one.f[1].bias)
    return network


def kaiming(weight):
    return nn.init.kaiming_normal_(weight, nonlinearity="relu")


def flow(network):
    """Return, for each block's output, how much it differs between images, its size, and the norm of its gradient."""
    outputs, x = [], images
    for block in network[:-1]:
        x = block(x)
        outputs.append(x)
    gradients = torch.autograd.grad(F.cross_entropy(network[-1](x), labels), outputs)
    spread = torch.stack([out.detach().var(dim=0).mean().sqrt() for out in outputs])
    size = torch.stack([out.detach().square().mean().sqrt() for out in outputs])
    return spread, size, torch.stack([gradient.norm() for gradient in gradients])


def draw_flow(blocks):
    """Draw five seeds of plain blocks, and of blocks with a skip connection."""
    _, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.6), layout="constrained")
    found = {}
    for block, color in ((Plain, "C1"), (Skip, "C0")):
        runs = [flow(deep(block, blocks, seed)) for seed in range(5)]
        for axis, part in ((left, 0), (right, 2)):
            lines = torch.stack([run[part] for run in runs])
            name = {"Plain": "f(x)", "Skip": "x + f(x)"}[block.__name__]
            axis.semilogy(range(1, blocks + 1), lines.median(dim=0).values, color=color, label=name)
            low, high = lines.amin(dim=0), lines.amax(dim=0)
            axis.fill_between(range(1, blocks + 1), low, high, color=color, alpha=0.3)
            found[block, part] = lines
    left.set(xlabel="block", ylabel="spread over the images", xticks=[1, 10, 20, 30])
    right.set(xlabel="block", ylabel="norm of the gradient", xticks=[1, 10, 20, 30])
    left.legend(fontsize=8)
    plt.suptitle("With x + f(x), images stay different and the gradient arrives", fontsize=11)
    plt.show()
    return found


def fit(network, steps, lr=0.002):
    """Train on all images at once, and return the last loss."""
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=True)
    for _ in range(steps):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


# %%

found = draw_flow(blocks=30)
assert (found[Plain, 0][:, -1] < 1e-6).all()
assert (found[Skip, 0][:, -1] > 1).all()
assert (found[Plain, 2][:, 0] < 1e-9).all()
assert (found[Skip, 2][:, 0] > 0.1).all()

# %%
# Images of digits go through 30 blocks of ReLU and a linear layer with PyTorch's default weights, before training. The
# left shows how much a block's outputs differ between images: in plain blocks, all images become the same. The right
# shows the gradient, which comes from block 30: little of it is left in plain block 1. The bands span five seeds. You
# need to know :ref:`vanishing-gradients`.
#
# .. longer: 6 screens — what it brings, the shapes, the sizes and the block of ResNet have a cell each
#
# The rule
# --------
#
# A block with a skip connection, or *residual block*, gives :math:`y = x + f(x)`. The layers in :math:`f` are its
# *branch*. They have to learn what to change in :math:`x`, and :math:`f = 0` changes nothing. By the chain rule the
# gradient of :math:`x` is a sum, too: that of :math:`y`, plus what comes back through the branch. The printed lengths
# do not add up, because the two have different directions.

torch.manual_seed(0)
f = nn.Sequential(nn.ReLU(), nn.Linear(64, 64))
x, g = images.clone().requires_grad_(), torch.randn(100, 64)  # g stands for the gradient of y
(through_block,) = torch.autograd.grad(x + f(x), x, g)
(through_branch,) = torch.autograd.grad(f(x), x, g)
torch.testing.assert_close(through_block, g + through_branch)
print(f"length of g {g.norm():.0f}, through the branch {through_branch.norm():.0f}", end=", ")
print(f"through the block {through_block.norm():.0f}")

# %%
# Which of the two helps?
# -----------------------
#
# ``x.detach() + f(x)`` computes the same as the block, and passes no gradient around the branch.
# ``(x - x.detach()) + f(x)`` passes it, and adds 0. Each of the four trains 30 blocks for 20 steps of Adam. In so few
# steps, neither part alone is enough. Equal probabilities have a loss of :math:`\ln 10`, which is 2.30. Each loss has
# another seed.

# Varies with the processor: a training amplifies how it rounds.
losses = {}
for block in (Plain, OnlyGradient, OnlySignal, Skip):
    losses[block] = [fit(deep(block, 30, seed), steps=20) for seed in range(3)]
    print(f"{block.__name__:<13} loss", ", ".join(f"{loss:.2f}" for loss in losses[block]))
assert max(losses[Skip]) < 0.5 * min(min(losses[block]) for block in losses if block != Skip)

# %%
# Are good weights enough?
# ------------------------
#
# :ref:`Kaiming's weights <initialisation>` keep the size of the signal without a skip connection. That is enough for 10
# blocks. With 50, the plain network is far behind after 30 steps, on the images that it trains on. So this is not
# overfitting.

# Varies with the processor: a training amplifies how it rounds.
depth = {}
for blocks in (10, 50):
    for block, start in ((Plain, kaiming), (Skip, None)):
        runs = [fit(deep(block, blocks, seed, start), steps=30, lr=0.001) for seed in range(3)]
        depth[blocks, block] = runs
        name = "Plain, Kaiming's weights" if start else "Skip, default weights"
        print(f"{blocks} blocks, {name:<25}loss", ", ".join(f"{loss:.2f}" for loss in runs))

# %%
# The two shapes have to match
# ----------------------------
#
# A branch that changes channels or size needs a shortcut that changes ``x`` in the same way. Take a 1 × 1 convolution
# with the same stride, or ``nn.Linear`` for vectors. An axis of size 1 raises no error, because :ref:`broadcasting`
# repeats it: below, a gray image is added to each of the :val:`16 <len(first.weight)>` maps.

x = torch.rand(5, 16, 8, 6)
f = nn.Conv2d(16, 32, 3, stride=2, padding=1)
with expect_error(RuntimeError, match="The size of tensor a .* must match the size of tensor b"):
    x + f(x)
shortcut = nn.Conv2d(16, 32, 1, stride=2)
print("with a 1 x 1 convolution:", tuple((shortcut(x) + f(x)).shape))
gray, first = torch.rand(5, 1, 8, 6), nn.Conv2d(1, 16, 3, padding=1)
print("one channel and sixteen:", tuple((gray + first(gray)).shape))

# %%
# How large does the sum get?
# ---------------------------
#
# The output compares the sizes after block 30 and block 1, and the gradients there. Each branch adds about its variance
# to that of ``x``. With Kaiming's weights a branch is about as large as its input, so each of the 30 blocks about
# doubles the variance. *Pre-norm* normalizes inside the branch, and each block adds about the same. *Post-norm*
# normalizes the sum, so each block also shrinks the ``x`` that the blocks before it passed on. Little of the first
# ``x`` is left. In a check below, post-norm learns more slowly than pre-norm. With zeros in the last layer of each
# branch, the network begins as :math:`y = x`. (In torchvision's ResNets, ``zero_init_residual`` puts them into the last
# batch norm of each branch.)

ways = {
    "default": (Skip, None),
    "Kaiming": (Skip, kaiming),
    "Kaiming, pre-norm": (PreNorm, kaiming),
}
ways |= {"Kaiming, post-norm": (PostNorm, kaiming), "zeros": (Skip, nn.init.zeros_)}
sizes = {}
for name, (block, start) in ways.items():
    _, size, gradient = flow(deep(block, 30, start=start))
    sizes[name] = (size[-1] / size[0]).item(), (gradient[0] / gradient[-1]).item()
    print(f"{name:<19}size times {sizes[name][0]:<9.3g}gradient times {sizes[name][1]:.3g}")

# %%
# From scratch: the block of ResNet
# ---------------------------------
#
# Two convolutions with :ref:`batch norm <batch-norm>` are the branch, and ReLU follows after the sum. With the same
# weights this is torchvision's ``BasicBlock``. ``ptguide.models.BasicBlock`` computes the same.


class BasicBlock(nn.Module):
    def __init__(self, before, after, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.downsample = nn.Sequential(
            nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
        )

    def forward(self, x):
        branch = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (self.downsample(x) + branch).relu()


shortcut = nn.Sequential(nn.Conv2d(16, 32, 1, 2, bias=False), nn.BatchNorm2d(32))
theirs = TorchvisionBlock(16, 32, stride=2, downsample=shortcut)
ours = BasicBlock(16, 32, stride=2)
ours.load_state_dict(theirs.state_dict())
torch.testing.assert_close(ours(x), theirs(x))
print(tuple(ours(x).shape), "largest difference", (ours(x) - theirs(x)).abs().max().item())

# %%
# .. use-this::
#
#    Beyond about ten layers, write ``x + f(x)`` around each one or two of them. Put a normalization first in the
#    branch (pre-norm), or copy ResNet's block. Leave the shortcut without a layer where shapes match. Addition has no
#    parameters and saves nothing for ``backward()``, but ``x`` stays in memory until the sum. U-Net and DenseNet
#    put both side by side with :ref:`cat <cat>` instead of adding them. The next layer then has more weights.
#
# A common mistake
# ----------------
#
# **In place.** ``nn.ReLU(inplace=True)`` at the start of a branch overwrites ``x``, and what is added has lost its
# negative values. No error is raised where ``x`` comes from a convolution, a linear layer or a normalization. After
# these, ``out += x`` is right. After an activation whose result :term:`autograd` needs, it raises in ``backward()``
# (:ref:`modified-by-an-inplace-operation`).

linear, x = nn.Linear(3, 3), torch.tensor([[-2.0, 1.0, -3.0]])
wanted = x + linear(F.relu(x))
wrong = x + nn.Sequential(nn.ReLU(inplace=True), linear)(x)
print("x was -2, 1, -3 and is now", x.tolist()[0])
assert not torch.allclose(wrong, wanted)

out = torch.tanh(linear(torch.rand(5, 3)))
out += torch.rand(5, 3)
with expect_error(RuntimeError, match="modified by an inplace operation"):
    out.sum().backward()

# %%
# How this was checked

# The four variants: the first two and the last two compute the same, and pass other gradients.
torch.manual_seed(0)
for one, other in ((Plain, OnlyGradient), (OnlySignal, Skip)):
    a, b = deep(one, 30), deep(other, 30)
    b.load_state_dict(a.state_dict())
    torch.testing.assert_close(a(images), b(images))
    assert flow(a)[2][0] < 1e-6 * flow(b)[2][0]
# Without the signal, nothing is learned; without the gradient, little.
assert min(losses[Plain]) > 2.2
assert min(losses[OnlyGradient]) > 2
assert min(losses[OnlySignal]) > 1
assert max(losses[Skip]) < 0.6
assert max(depth[10, Plain] + depth[10, Skip]) < 0.3
assert min(depth[50, Plain]) > 2 * max(depth[50, Skip])
# The sizes, for three seeds: what grows, and what stays.
for seed in range(3):
    ratio, back = {}, {}
    for name, (block, start) in ways.items():
        _, size, gradient = flow(deep(block, 30, seed, start))
        ratio[name], back[name] = size[-1] / size[0], gradient[0] / gradient[-1]
    assert 1.7 < ratio["Kaiming"] ** (2 / 29) < 2.6  # the factor of the variance of one block
    assert 2 < ratio["Kaiming, pre-norm"] < 10
    assert 0.9 < ratio["Kaiming, post-norm"] < 1.1
    assert ratio["zeros"] == 1
    assert back["zeros"] == 1
    assert back["Kaiming, pre-norm"] < back["default"] < back["Kaiming"]
# In pre-norm each block adds about the same variance: it grows in a line, not by a factor.
size = flow(deep(PreNorm, 40, start=kaiming))[1].square()
added = size[1:] - size[:-1]
assert 0.3 < added[:20].mean() / added[20:].mean() < 3
# In post-norm the path around the branches is divided by the size of each sum: little of it is left.
x, factors = images, []
for block in deep(PostNorm, 30, start=kaiming)[:-1]:
    total = x + block.f(x)
    factors.append(1 / total.std(dim=1, correction=0))
    x = block.norm(total)
assert (torch.stack(factors[1:]).prod(dim=0) < 0.01).all()
slower = [fit(deep(PostNorm, 30, seed, kaiming), steps=20) for seed in range(2)]
assert min(slower) > 2 * max(fit(deep(PreNorm, 30, seed, kaiming), steps=20) for seed in range(2))
# zero_init_residual puts zeros into the last batch norm, so a block begins as the ReLU of its shortcut.
began = resnet18(zero_init_residual=True).layer1
assert all(not block.bn2.weight.any() for block in began)
x = torch.rand(2, 64, 5, 4)
torch.testing.assert_close(began(x), x)
# The block: ours, torchvision's and the twin in ptguide.models, values and gradients, in both modes.
torch.manual_seed(0)
for before, after, stride in ((16, 32, 2), (5, 7, 1), (3, 4, 3)):
    shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
    blocks = [TorchvisionBlock(before, after, stride, shortcut)]
    blocks += [BasicBlock(before, after, stride), models.BasicBlock(before, after, stride)]
    x, outs, gradients = torch.rand(5, before, 9, 6), [], []
    for block in blocks:
        block.load_state_dict(blocks[0].state_dict())
    for mode in (True, False):
        outs = [block.train(mode)(x) for block in blocks]
        gradients = [
            torch.autograd.grad(out.sum(), block.conv1.weight)[0]
            for out, block in zip(outs, blocks, strict=True)
        ]
        for out, gradient in zip(outs[1:], gradients[1:], strict=True):
            torch.testing.assert_close(out, outs[0])
            torch.testing.assert_close(gradient, gradients[0])
# Where shapes match, torchvision's block has no layer in its shortcut; nor has the twin.
same = TorchvisionBlock(16, 16)
twin = models.BasicBlock(16, 16)
twin.load_state_dict(same.state_dict())
x = torch.rand(5, 16, 8, 6)
torch.testing.assert_close(same(x), twin(x))
torch.testing.assert_close(
    same(x), (x + same.bn2(same.conv2(same.bn1(same.conv1(x)).relu()))).relu()
)
# Which operations allow an addition in place behind them.
layers = [nn.Conv2d(16, 16, 3, padding=1), nn.Linear(6, 6), nn.BatchNorm2d(16), nn.LayerNorm(6)]
layers += [nn.GroupNorm(4, 16), nn.GELU(), nn.SiLU(), nn.ReLU(), nn.Tanh(), nn.Sigmoid()]
for layer in layers:
    out = layer(x.clone().requires_grad_() * 1)
    out += x
    if isinstance(layer, (nn.ReLU, nn.Tanh, nn.Sigmoid)):
        with expect_error(RuntimeError, match="modified by an inplace operation"):
            out.sum().backward()
    else:
        out.sum().backward()
        before = layer(x.clone().requires_grad_() * 1)  # ReLU in place behind it raises nothing
        (before + F.relu(before, inplace=True)).sum().backward()
# ReLU in place at the start of the branch: the sum is that with relu(x), and the input stays changed.
for _ in range(10):
    linear, x = nn.Linear(7, 7), torch.randn(5, 7)
    with torch.no_grad():
        expected = F.relu(x) + linear(F.relu(x))
        torch.testing.assert_close(x + nn.Sequential(nn.ReLU(inplace=True), linear)(x), expected)
    assert x.min() == 0
# cat keeps both, and the channels add up.
assert torch.cat([torch.rand(5, 16, 8, 6), torch.rand(5, 32, 8, 6)], dim=1).shape[1] == 16 + 32
assert nn.Conv2d(48, 16, 3).weight.numel() == 3 * nn.Conv2d(16, 16, 3).weight.numel()
# The sum saves nothing for backward.
saved = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
    a, b = torch.rand(5, requires_grad=True), torch.rand(5, requires_grad=True)
    a + b
assert not saved

# %%
# Check yourself
# --------------

torch.manual_seed(0)
branch = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 64))
nn.init.zeros_(branch[2].weight), nn.init.zeros_(branch[2].bias)
(images + branch(images)).square().sum().backward()
moved = [name for name in ("0.weight", "2.weight") if branch.get_parameter(name).grad.any()]
ask(
    "A branch is Linear, ReLU, Linear, and its last layer begins with zeros. Which weights get a gradient in step one?",
    answer=", ".join(moved),
    choices={
        "0.weight, 2.weight": "The gradient of the first layer comes back through the zeros of the last.",
        "2.weight": "The last layer sees inputs that are not 0. From the second step on, the first layer learns, too.",
        "": "Then the branch would stay at zero. The last layer gets a gradient.",
    },
)

# %%
# The next question is about shapes.

x = torch.rand(7, 8, 12, 10)
f = nn.Conv2d(8, 24, 3, stride=2, padding=1)
ask(
    "x has shape (7, 8, 12, 10), and f is nn.Conv2d(8, 24, 3, stride=2, padding=1). Which shape does the shortcut need "
    "to return?",
    answer=tuple(f(x).shape),
    choices={
        (7, 24, 12, 10): "The stride halves height and width, so the shortcut has a stride, too.",
        (7, 24, 6, 5): "nn.Conv2d(8, 24, 1, stride=2) gives it.",
        (7, 8, 6, 5): "The channels have to match as well; 8 and 24 can't be added.",
    },
)

# %%
# **Exercise.** ResNet's paper also tried a shortcut without parameters. It takes each second row and column, beginning
# with the first, and appends channels of zeros. ``x`` has shape (N, C, H, W), and ``channels`` is how many the result
# has.


def by_loops(x, channels):
    out = torch.zeros(x.shape[0], channels, (x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2)
    for c in range(x.shape[1]):
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                out[:, c, i, j] = x[:, c, 2 * i, 2 * j]
    return out


torch.manual_seed(0)
cases = [
    (torch.arange(12.0).reshape(1, 1, 3, 4), 2),
    (torch.rand(2, 3, 5, 4), 7),
    (torch.rand(1, 2, 1, 6), 2),
]


def shortcut(x, channels):
    raise NotImplementedError


check(shortcut, by_loops, cases)

# %%
# Steps of 2 in the index take the pixels. :func:`torch.nn.functional.pad` counts pairs from the last axis, so the third
# pair is for the channels.

# Solution


def shortcut(x, channels):
    small = x[:, :, ::2, ::2]
    return F.pad(small, (0, 0, 0, 0, 0, channels - x.shape[1]))


report = check(shortcut, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`batch-norm` is the other layer that made deep networks trainable.
#
# - He, Zhang, Ren and Sun (2015). `Deep residual learning for image recognition <https://arxiv.org/abs/1512.03385>`__.
#   Plain networks that get worse with depth, and the block.
# - He, Zhang, Ren and Sun (2016). `Identity mappings in deep residual networks <https://arxiv.org/abs/1603.05027>`__.
#   What may stand on the path of the skip connection.
# - Xiong et al. (2020). `On layer normalization in the transformer architecture <https://arxiv.org/abs/2002.04745>`__.
#   Pre-norm and post-norm compared.
