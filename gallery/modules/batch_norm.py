"""
.. _batch-norm:

What does BatchNorm do? (train and eval)
========================================

The same image gets other logits in another batch, and after ``eval()`` others again. In train mode batch norm takes the
mean and variance of each channel from the batch, in eval mode from running averages.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import Choice, draw
from ptguide.questions import ask

train_set, validation_set = digits("train"), digits("validation")

x = torch.tensor([[1.0, 20.0], [1.0, 50.0], [4.0, 20.0]])
running_mean, running_var = torch.tensor([3.0, 30.0]), torch.tensor([4.0, 100.0])


def norm(x, training):
    """Normalize with the batch, or with running averages that were stored before."""
    return F.batch_norm(x, running_mean.clone(), running_var.clone(), training=training)


def new_network(norm, seed):
    """Return three hidden layers of 32 units with Kaiming's weights."""
    torch.manual_seed(seed)
    layers, before = [nn.Flatten()], 64
    for _ in range(3):
        linear = nn.Linear(before, 32)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [linear, *([nn.BatchNorm1d(32)] if norm else []), nn.ReLU()]
        before = 32
    return nn.Sequential(*layers, nn.Linear(32, 10))


def trained(norm, seed, lr, batch_size, steps):
    """Train, and return the accuracy on the validation images, in %."""
    network, order = new_network(norm, seed), torch.Generator().manual_seed(seed)
    optimizer, done = torch.optim.SGD(network.parameters(), lr=lr, fused=True), 0
    while done < steps:
        for images, labels in batches(train_set, batch_size, shuffle=True, generator=order):
            if done == steps or len(labels) < batch_size:
                break
            loss = F.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
    network.eval()
    with torch.no_grad():
        answers = network(validation_set.inputs).argmax(dim=1)
    return 100 * (answers == validation_set.targets).float().mean().item()


def draw_momentum():
    """Draw the running mean of one pixel over 40 batches of ten images."""
    _, axis = plt.subplots(figsize=(5.6, 2.5), layout="constrained")
    found, images = {}, train_set.inputs[:400].flatten(start_dim=1)[:, 20:21]
    for momentum, style in ((0.5, "-"), (0.1, "-"), (0.01, "-"), (None, "--")):
        norm, path = nn.BatchNorm1d(1, momentum=momentum), [0.0]
        for batch in images.split(10):
            norm(batch)
            path.append(norm.running_mean.item())
        found[momentum] = path
        axis.plot(path, style, label=f"momentum {momentum}")
    axis.axhline(images.mean().item(), color="gray", linestyle=":", label="mean of all 400")
    axis.set(xlabel="batches seen", ylabel="running mean of one pixel")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axis.set_title("momentum is the weight of the new batch", fontsize=11)
    plt.show()
    return found, images


# %%

draw(norm, x, training=Choice(True, False))

# %%
# ``x`` has three samples and two channels. Point at an element of the result. With ``training=True`` it is computed
# from its column, which is its channel in the whole batch. With ``False`` it is computed from the element at its place,
# and from a mean and a variance that were stored before. You need to know :ref:`dropout-train-and-eval`.
#
# .. longer: 6 screens — the rule, momentum, axes, small batches and the useless bias have a cell each
#
# The rule
# --------
#
# Each channel gets :math:`y = \frac{x - m}{\sqrt{v + \varepsilon}} \cdot \text{weight} + \text{bias}`, where weight and
# bias are learned and begin as :val:`1 <norm.weight[0]>` and :val:`0 <norm.bias[0]>`. In train mode :math:`m` and
# :math:`v` are mean and variance of the batch, over each axis but axis 1. Each call in train mode also moves running
# averages towards them, under ``no_grad()``, too. In eval mode :math:`m` and :math:`v` are the running averages, which
# begin as 0 and 1. The function below does this from scratch.


def batch_norm(x, mean, var, weight, bias, training, momentum=0.1, eps=1e-5):
    others = [axis for axis in range(x.dim()) if axis != 1]
    shape = [-1] + [1] * (x.dim() - 2)  # (C, 1, 1) for images
    if training:
        with torch.no_grad():  # in place: the buffers move
            mean.lerp_(x.mean(others), momentum)
            var.lerp_(x.var(others), momentum)  # divided by n - 1
        mean, var = x.mean(others), x.var(others, correction=0)  # divided by n
    scale = weight / (var + eps).sqrt()
    return (x - mean.view(shape)) * scale.view(shape) + bias.view(shape)


torch.manual_seed(0)
norm, images = nn.BatchNorm2d(3), torch.rand(5, 3, 8, 6)
ours = copy.deepcopy(norm)
for training in (True, True, False):
    norm.train(training)
    y = batch_norm(images, ours.running_mean, ours.running_var, ours.weight, ours.bias, training)
    with torch.no_grad():
        theirs = norm(images)
    torch.testing.assert_close(y, theirs)
    torch.testing.assert_close(ours.running_mean, norm.running_mean)
    torch.testing.assert_close(ours.running_var, norm.running_var)
    print(f"training={training!s:<6}largest difference {(y - theirs).abs().max():.6f}")

# %%
# Let n be the number of values that a channel has in the batch. The batch is normalized with the variance that is
# divided by n. The running variance takes the one that is divided by n - 1. So even with running averages of the same
# batch the two modes differ. Before weight and bias and for a small eps, the factor is the root of n / (n - 1).
#
# What is momentum?
# -----------------
#
# .. not looked up: 0.99 — the default of Keras, as its page says
#
# It is the weight of the *new* batch: :math:`r \leftarrow (1 - m) \, r + m \, b`, with the running value :math:`r`, the
# momentum :math:`m` and the batch's value :math:`b`. With the default :val:`0.1 <nn.BatchNorm1d(1).momentum>`, the last
# ten batches have most of the weight. With a smaller one the line is smoother, and stays near 0 for longer. ``None``
# takes the mean of all batches so far. In `Keras
# <https://keras.io/api/layers/normalization_layers/batch_normalization/>`__ momentum is the weight of the old value,
# 0.99 by default. With ``track_running_stats=False`` there are no running averages, and eval mode takes the batch as
# well.

found, pixels = draw_momentum()
assert abs(found[None][-1] - pixels.mean()) < 1e-5
assert abs(found[0.1][1] - 0.1 * pixels[:10].mean()) < 1e-6
untracked = nn.BatchNorm1d(1, track_running_stats=False)
assert torch.equal(untracked.train()(pixels), untracked.eval()(pixels))

# %%
# What does it bring, and from which batch size on?
# -------------------------------------------------
#
# Here a network with batch norm learns with learning rates that are too small or too large for the same network without
# it. In a batch of two, nearly each value becomes plus or minus one, and it learns less than the network without it.
# The figures say how many validation images are right after 100 steps, as a range over three seeds.

# Varies with the processor: a training amplifies how it rounds.
results = {}
for lr, batch_size in ((0.01, 50), (0.1, 50), (1.0, 50), (0.1, 8), (0.1, 2)):
    words = []
    for norm in (False, True):
        right = [trained(norm, seed, lr, batch_size, steps=100) for seed in range(3)]
        results[lr, batch_size, norm] = right
        words.append(f"{min(right):.0f} to {max(right):.0f} %")
    print(f"lr {lr:<5}batches of {batch_size:<3} without {words[0]:<12} with {words[1]}")

# %%
# The bias in front of it is useless
# ----------------------------------
#
# A bias adds the same number to each value of a channel, and in train mode the mean of the batch takes it away. So the
# layer in front gets ``bias=False``. Batch norm has a bias of its own.

torch.manual_seed(0)
layer, norm = nn.Linear(64, 32), nn.BatchNorm1d(32)
inputs = train_set.inputs[:50].flatten(start_dim=1)
before = norm(layer(inputs))
nn.init.constant_(layer.bias, 7.0)
after = norm(layer(inputs))
(after * torch.randn(50, 32)).sum().backward()
print(f"changed by a bias of 7: {(after - before).abs().max():.4f} at most")
part = layer.bias.grad.norm() / layer.weight.grad.norm()
print(f"length of the bias's gradient, as a part of the weight's: {part:.4f}")
assert (after - before).abs().max() < 1e-3
assert part < 1e-4

# %%
# Axis 1 holds the channels
# -------------------------
#
# N samples have C channels. ``BatchNorm1d`` takes (N, C) or (N, C, L), ``BatchNorm2d`` (N, C, H, W), ``BatchNorm3d``
# (N, C, D, H, W). A batch of N sentences of T tokens is often (N, T, D), with D features last. Then axis 1 is the wrong
# one: swap the two before and after. If T and D are equal, no error is raised.

tokens = torch.rand(4, 7, 5)  # 4 sentences of 7 tokens with 5 features
norm = nn.BatchNorm1d(5)
with expect_error(RuntimeError, match="running_mean should contain 7 elements not 5"):
    norm(tokens)
y = norm(tokens.mT).mT
print("mean of each feature:", [round(abs(mean), 4) for mean in y.mean(dim=(0, 1)).tolist()])
torch.testing.assert_close(y.flatten(0, 1), norm(tokens.flatten(0, 1)))

# %%
# .. use-this::
#
#    For images, put ``nn.BatchNorm2d`` between convolution and ReLU, with ``bias=False`` in the convolution, and make
#    batches of 16 or more. For smaller batches or for sequences take :ref:`GroupNorm or LayerNorm <layer-norm>`. Call
#    ``train()`` and ``eval()``, and ``eval()`` for :ref:`a frozen part <frozen-batch-norm>`. It costs two parameters
#    and two running averages for each channel, and keeps its input for ``backward()``. In eval mode it can be folded
#    into the convolution. :ref:`Pieces of a batch <gradient-accumulation>` are normalized one by one.
#
# A common mistake
# ----------------
#
# **A batch of one.** One sample of 64 features has one value per channel. In train mode a single value has no variance,
# and the layer raises an error. Often it is the last batch of an epoch, or a prediction without ``eval()``
# (:ref:`expected-more-than-1-value-per-channel`). A single image has many values per channel, so no error is raised.

norm = nn.BatchNorm1d(64)
with expect_error(ValueError, match="Expected more than 1 value per channel when training"):
    norm(torch.rand(1, 64))
print("after eval():", tuple(norm.eval()(torch.rand(1, 64)).shape))
print("one image:   ", tuple(nn.BatchNorm2d(3)(torch.rand(1, 3, 8, 6)).shape))

# %%
# How this was checked

# From scratch: values, gradients and buffers, for several shapes, momenta and dtypes.
torch.manual_seed(0)
kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
for shape in ((9, 4), (1, 4, 7), (6, 4, 7), (5, 4, 3, 2), (1, 4, 3, 1), (2, 4, 3, 5, 1)):
    for momentum in (0.0, 0.1, 1.0):
        for dtype in (torch.float32, torch.float64):
            norm = kinds[len(shape)](4, momentum=momentum, dtype=dtype)
            nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
            ours = copy.deepcopy(norm)
            for training in (True, True, False):
                z, norm = torch.randn(shape, dtype=dtype, requires_grad=True), norm.train(training)
                buffers = ours.running_mean, ours.running_var
                y = batch_norm(z, *buffers, ours.weight, ours.bias, training, momentum)
                theirs = norm(z)
                torch.testing.assert_close(y, theirs)
                for a, b in zip(buffers, (norm.running_mean, norm.running_var), strict=True):
                    torch.testing.assert_close(a, b)
                weights = torch.randn(shape, dtype=dtype)
                pairs = [torch.autograd.grad(out, z, weights)[0] for out in (y, theirs)]
                torch.testing.assert_close(*pairs, rtol=1e-3, atol=1e-4)
# The picture: columns in train mode; in eval mode a sample alone gives what it gives in the batch.
for row in range(3):
    whole = F.batch_norm(x, running_mean, running_var)
    torch.testing.assert_close(
        F.batch_norm(x[row : row + 1], running_mean, running_var), whole[row : row + 1]
    )
    before = x + 0.1 * torch.randn(3, 2)
    changed = before.clone()
    changed[row] -= 50
    one, two = (F.batch_norm(z, None, None, training=True) for z in (before, changed))
    moved = one - two
    assert (moved.abs() > 1e-3).all()
# The two modes differ by the root of n / (n - 1) where the averages are those of the batch.
norm = nn.BatchNorm1d(3, momentum=1.0, eps=1e-12)
z = torch.randn(5, 3)
in_training, in_eval = norm(z), norm.eval()(z)
torch.testing.assert_close(in_training / in_eval, torch.full((5, 3), (5 / 4) ** 0.5))
# With the variance near eps the factor is nearly 1. Of two values, one becomes about 1 and the other about -1.
norm = nn.BatchNorm1d(3, momentum=1.0)
torch.testing.assert_close(norm(z / 1000), norm.eval()(z / 1000), rtol=0.02, atol=0)
assert (nn.BatchNorm1d(500)(torch.randn(2, 500)).abs() > 0.99).float().mean() > 0.95
# momentum=None is the mean of the batches' means, and counts them.
norm, parts = nn.BatchNorm1d(3, momentum=None), torch.randn(6, 5, 3)
for part in parts:
    norm(part)
torch.testing.assert_close(norm.running_mean, parts.mean(dim=(0, 1)))
torch.testing.assert_close(norm.running_var, parts.var(dim=1).mean(dim=0))
assert norm.num_batches_tracked == 6
# A weight of 0.1 for the new: after ten batches the first zero counts for 0.9 ** 10, about a third.
assert 0.3 < 0.9**10 < 0.4
# A few of the settings: without affine no parameters; without running averages eval mode uses the batch.
assert not list(nn.BatchNorm1d(3, affine=False).parameters())
assert len(list(nn.BatchNorm1d(3).parameters())) == 2
assert {name for name, _ in nn.BatchNorm1d(3).named_buffers()} == {
    "running_mean",
    "running_var",
    "num_batches_tracked",
}
assert untracked.running_mean is None
# no_grad and frozen parameters leave the averages moving; eval() does not, and several pieces move them several times.
norm = nn.BatchNorm1d(3).requires_grad_(False)
with torch.no_grad():
    norm(z)
old = norm.running_mean.clone()
assert old.any()
norm(z)
assert not torch.equal(norm.running_mean, old)
old = norm.running_mean.clone()
norm.eval()(z)
assert torch.equal(norm.running_mean, old)
assert norm.num_batches_tracked == 2
# On a CPU, the averages stay float32 under autocast, and what comes out has the dtype of what came in.
for dtype in (torch.bfloat16, torch.float16):
    with torch.autocast("cpu", dtype=dtype):
        norm = nn.BatchNorm1d(3)
        assert norm(nn.Linear(3, 3)(z)).dtype == dtype
        assert norm.running_mean.dtype == torch.float32
# Folded into the convolution, in eval mode.
convolution, norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
for _ in range(3):
    norm(convolution(torch.rand(6, 3, 8, 7)))
nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
convolution.eval(), norm.eval()
folded = nn.utils.fuse_conv_bn_eval(convolution, norm)
picture = torch.rand(2, 3, 8, 7)
torch.testing.assert_close(folded(picture), norm(convolution(picture)), rtol=1e-4, atol=1e-5)
# T and D equal: nothing is raised, and the wrong axis is normalized.
square = torch.randn(4, 5, 5)
wrong, right = nn.BatchNorm1d(5)(square), nn.BatchNorm1d(5)(square.mT).mT
assert not torch.allclose(wrong, right, atol=0.01)
# The trainings.
for lr in (0.1, 1.0):
    assert min(results[lr, 50, True]) > 80
assert max(results[0.01, 50, False]) < min(results[0.01, 50, True]) - 5
assert max(results[1.0, 50, False]) < min(results[1.0, 50, True]) - 5
assert max(results[0.1, 2, True]) < min(results[0.1, 8, True]) - 10
assert sum(results[0.1, 2, True]) < sum(results[0.1, 2, False]) - 3 * 5
assert max(results[0.1, 2, True]) < min(results[0.1, 2, False]) - 5

# %%
# Check yourself
# --------------

norm = nn.BatchNorm1d(1, momentum=0.1)
norm(torch.tensor([[20.0], [40.0]]))
ask(
    "A new nn.BatchNorm1d(1) with momentum=0.1 gets a batch whose mean is 30. What is its running_mean then?",
    answer=round(norm.running_mean.item(), 2),
    choices={
        3.0: "It was 0, and the new batch counts for a tenth.",
        27.0: f"That would be a weight of {1 - norm.momentum} for the new batch.",
        30.0: "That would be with momentum=1, or with momentum=None after the first batch.",
    },
)

# %%
# The next question is about images.

stored = nn.BatchNorm2d(16)
ask(
    "nn.BatchNorm2d(16) gets images of shape (8, 16, 5, 5). How many numbers does it learn?",
    answer=sum(p.numel() for p in stored.parameters()),
    choices={
        16: "It has a weight and a bias for each channel.",
        32: "A weight and a bias for each channel. The running averages are not learned.",
        64: "The running means and variances are buffers, and no gradient changes them.",
        800: "Pixels of one channel share weight and bias.",
    },
)

# %%
# **Exercise.** In eval mode batch norm multiplies each channel by a factor and adds a constant. So it can be folded
# into the linear layer in front of it. Return the weight of the folded layer. ``weight`` has shape (out, in). ``var``
# is the running variance and ``scale`` the weight of the batch norm, both of shape (out,).


def by_torch(weight, var, scale):
    norm = nn.BatchNorm1d(len(var)).eval()
    norm.running_var.copy_(var)
    norm.weight.data.copy_(scale)
    rows = torch.eye(weight.shape[1])
    with torch.no_grad():
        return (norm(rows @ weight.T) - norm(torch.zeros_like(rows) @ weight.T)).T


torch.manual_seed(0)
cases = [(torch.ones(2, 1), torch.tensor([4.0, 0.25]), torch.tensor([1.0, 3.0]))]
cases += [(torch.randn(n, 3), torch.rand(n) + 0.1, torch.randn(n)) for n in (1, 4, 5)]


def fold(weight, var, scale):
    raise NotImplementedError


check(fold, by_torch, cases, without=["batch_norm"])

# %%
# Each output is multiplied by one factor, so each row of the weight is. The default eps is added to the variance.

# Solution


def fold(weight, var, scale):
    return weight * (scale / (var + 1e-5).sqrt())[:, None]


report = check(fold, by_torch, cases, without=["batch_norm"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`layer-norm` is about the normalizations that need no batch.
#
# - Ioffe and Szegedy (2015). `Batch normalization: accelerating deep network training by reducing internal covariate
#   shift <https://arxiv.org/abs/1502.03167>`__. The layer, with its two modes and both variances.
# - Santurkar, Tsipras, Ilyas and Madry (2018). `How does batch normalization help optimization?
#   <https://arxiv.org/abs/1805.11604>`__. Why it helps, by experiments that speak against the first explanation.
# - Wu and Johnson (2021). `Rethinking "Batch" in BatchNorm <https://arxiv.org/abs/2105.07576>`__. What goes wrong in
#   practice, from small batches to frozen layers.
