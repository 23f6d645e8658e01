"""
.. _frozen-batch-norm:

Why does a frozen network still change? (BatchNorm and eval)
============================================================

``requires_grad_(False)`` freezes the :term:`parameters <parameter>`. The statistics of a batch normalization are no
parameters, and move with each batch that passes in train mode. This page watches them move, measures what that does,
and stops it. You need to know :ref:`transfer-learning`.
"""

# %%
# Nothing is trained here, and no gradient is recorded. And yet:

import torch
from torch import nn

norm = nn.BatchNorm1d(3).requires_grad_(False)
x = torch.tensor([[1.0, 10.0, 100.0], [3.0, 30.0, 300.0]])
with torch.no_grad():
    for _ in range(2):
        print(norm.running_mean)
        norm(x)
print(norm.running_mean)

# %%
# A batch normalization subtracts a mean and divides by a deviation: in train mode those of the :term:`batch`, in
# evaluation mode a running mean and variance. In train mode each batch moves these two a tenth of the way
# (``momentum``, :val:`0.1 <norm.momentum>`) to its own. They are :term:`buffers <buffer>`: saved with the network,
# changed by no optimizer.

assert [name for name, _ in norm.named_parameters()] == ["weight", "bias"]
buffers = dict(norm.named_buffers())
assert list(buffers) == ["running_mean", "running_var", "num_batches_tracked"]
mean, var = x.mean(dim=0), x.var(dim=0)  # both (3,)
torch.testing.assert_close(norm.running_mean, 0.1 * mean + 0.9 * (0.1 * mean))
torch.testing.assert_close(norm.running_var, 0.1 * var + 0.9 * (0.1 * var + 0.9 * torch.ones(3)))
assert buffers["num_batches_tracked"] == 2

# %%
# A frozen body
# -------------
#
# A small CNN learns the digits 0 to :val:`4 <labels[low].max()>`. Its **body** is then to be kept, frozen, for a second
# task: the digits 5 to :val:`9 <labels.max()>`, of which the scans have gray paper.

from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.devices import pick_device
from ptguide.training import accuracy, evaluate, fit

device = pick_device()
images, labels = digits("train")[:]
low = labels < 5
first = TensorData(images[low], labels[low]).to(device)
second = TensorData(0.5 + 0.5 * images[~low], labels[~low] - 5).to(device)

# %%
# Two blocks of convolution, normalization and pooling are the body, a linear layer is the head.


def block(before, after):
    convolution = nn.Conv2d(before, after, 3, padding=1)
    return convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)


torch.manual_seed(0)
body = nn.Sequential(*block(1, 6), *block(6, 12), nn.Flatten())
network = nn.Sequential(body, nn.Linear(12 * 2 * 2, 5)).to(device)
loader = batches(first, 50, shuffle=True, generator=torch.Generator().manual_seed(0))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
history = fit(network, loader, F.cross_entropy, optimizer, epochs=5)
assert history[-1]["loss"] < 0.2

# %%
# Now the second task, as it is often written: freeze the body, put a new head on it.

import copy

source = copy.deepcopy(network).eval()  # as it was
body.requires_grad_(False)
network[1] = nn.Linear(12 * 2 * 2, 5).to(device)
optimizer = torch.optim.Adam(network[1].parameters(), lr=0.01)
loader = batches(second, 50, shuffle=True, generator=torch.Generator().manual_seed(0))

# %%
# And train it. The running mean of the first normalization is kept after each step.

network.train()
path = [body[1].running_mean.clone()]
for _epoch in range(5):
    for inputs, targets in loader:
        optimizer.zero_grad()
        F.cross_entropy(network(inputs), targets).backward()
        optimizer.step()
        path.append(body[1].running_mean.clone())
path = torch.stack(path).cpu()  # (steps + 1, 6)

# %%
# Each line is a channel. The dashed lines are the means of the new images: the "frozen" body learns them.

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt

with torch.no_grad():
    new = body[0](second.inputs).mean(dim=(0, 2, 3)).cpu()  # (6,)
figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for channel, line in enumerate(path.T):
    axis.plot(line.numpy(), color=f"C{channel}")
    axis.axhline(new[channel].item(), color=f"C{channel}", linestyle="--", linewidth=0.8)
axis.set(xlabel="steps of training the head", ylabel="running mean")
axis.set_title("The running means of a frozen body follow the new images")
plt.show()
assert (path[-1] - new).norm() < 0.1 * (path[0] - new).norm()

# %%
# What has changed
# ----------------
#
# No parameter of the body, but three buffers of each normalization: mean, variance, count of batches.

before, after = source[0].state_dict(), body.state_dict()
changed = [name for name in after if not torch.equal(after[name], before[name])]
print(changed)
assert not set(changed) & {name for name, _ in body.named_parameters()}
assert len(changed) == 3 * 2

# %%
# So it computes other features, by more than half of their size. The first task pays for it: with its old head, whose
# weights nobody touched, the network now gets more of *its own* training images wrong.

network.eval()
with torch.no_grad():
    for data in (first, second):
        features, drifted = source[0](data.inputs), body(data.inputs)
        assert (drifted - features).norm() > 0.5 * features.norm()
two = source, nn.Sequential(body, source[1])
found = [evaluate(one, batches(first, 100), metrics={"accuracy": accuracy}) for one in two]
was, now = (one.metrics["accuracy"] for one in found)
assert was > 0.95
assert now < was - 0.08

# %%
# The remedy: eval(), after every train()
# ---------------------------------------
#
# Put the frozen part into evaluation mode, *after* ``network.train()``, which sets all modules back to train mode. A
# loop that calls ``train()`` in each epoch needs ``eval()`` in each epoch. ``ptguide.training.fit`` leaves a module in
# evaluation mode where the whole is in train mode.

mended = copy.deepcopy(source)
mended[0].requires_grad_(False)
mended.train()
mended[0].eval()
optimizer = torch.optim.Adam(mended[1].parameters(), lr=0.01)
fit(mended, loader, F.cross_entropy, optimizer, epochs=2)
assert all(torch.equal(part, before[name]) for name, part in mended[0].state_dict().items())
assert not torch.equal(mended[1].weight, source[1].weight)  # the head has learned
assert not mended[0].training
mended.train()
for module in mended.modules():
    assert module.training  # the next batch would move the statistics

# %%
# Or nobody has to think of it: a body whose ``train`` does nothing but ``eval``.


class Frozen(nn.Sequential):
    def train(self, mode=True):
        return super().train(False)


kept = nn.Sequential(Frozen(*copy.deepcopy(source[0])).requires_grad_(False), source[1]).train()
assert kept.training
assert not any(module.training for module in kept[0].modules())

# %%
# "model.eval() freezes the network"
# ----------------------------------
#
# The other half of the confusion. ``eval()`` is about what layers *compute*; it stops no gradient and no
# :term:`optimizer`, which changes the weights all the same. One step, with each combination:


def what_changes(frozen, evaluation):
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    body = network[:2].requires_grad_(not frozen).train(not evaluation)
    before = copy.deepcopy(body.state_dict())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(torch.rand(5, 3)).square().sum().backward()
    optimizer.step()
    changed = {
        name for name, part in body.state_dict().items() if not torch.equal(part, before[name])
    }
    return "0.weight" in changed, "1.running_mean" in changed


print("frozen  eval()  weight changes  running mean changes")
for frozen in (False, True):
    for evaluation in (False, True):
        weight, running = what_changes(frozen, evaluation)
        print(f"{frozen!s:7} {evaluation!s:7} {weight!s:15} {running}")
        assert (weight, running) == (not frozen, not evaluation)

# %%
# Two switches, for two things. A frozen part with batch normalization needs both. :ref:`evaluation` shows what else
# ``eval()`` does.
#
# What goes wrong
# ---------------
#
# *The new head is frozen, too*, because it was put on before ``requires_grad_(False)``. Then nothing is left to train,
# and ``backward`` says so. Freeze the body alone, or freeze first.

from ptguide.errors import expect_error

every = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).requires_grad_(False)
with expect_error(RuntimeError, match="does not require grad"):
    every(torch.rand(5, 3)).sum().backward()
every[1].requires_grad_(True)
every(torch.rand(5, 3)).sum().backward()
assert every[0].weight.grad is None
assert every[1].weight.grad is not None

# %%
# Check yourself
# --------------

from ptguide.questions import ask

norm = nn.BatchNorm1d(3).requires_grad_(False)
norm(torch.ones(4, 3))
ask(
    "A frozen nn.BatchNorm1d(3), in train mode, gets a batch of ones. Its running_mean was 0. What is it now?",
    answer=round(norm.running_mean[0].item(), 3),
    choices={
        0.0: "So it is after eval(). requires_grad is about parameters; running_mean is a buffer.",
        0.1: "It moved a tenth of the way to the mean of the batch: momentum is 0.1.",
        1.0: "One batch moves it by a tenth of the way.",
    },
)

# %%
# And the modes:

pair = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
pair[0].eval()
pair.train()
ask(
    "network[0].eval(), and in the next line network.train(). In which mode is network[0]?",
    answer="train" if pair[0].training else "evaluation",
    choices={
        "train": "train() goes through all modules. So eval() of the frozen part comes after it, each time.",
        "evaluation": "train() does not know that this part was meant to stay. The order decides.",
    },
)

# %%
# Next: :ref:`pretrained-weights`, which others have trained on a million photos.
