"""
.. _frozen-batch-norm:

Why does a frozen network still change? (BatchNorm and eval)
============================================================

You freeze the body of a :term:`network`, train a new head, and afterwards the body computes other features. Batch
normalization keeps a mean and a variance, which are no :term:`parameters <parameter>`; ``eval()`` freezes them.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

device = pick_device()


def tasks(part):
    """Return the digits 0 to 4, and the digits 5 to 9 on gray paper."""
    images, labels = digits(part)[:]
    low = labels < 5
    second = TensorData(0.5 + 0.5 * images[~low], labels[~low] - 5)
    return TensorData(images[low], labels[low]).to(device), second.to(device)


(first, second), (first_unseen, second_unseen) = tasks("train"), tasks("validation")


def block(before, after):
    convolution = nn.Conv2d(before, after, 3, padding=1)
    return convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)


def shuffled(data, seed):
    return batches(data, 50, shuffle=True, generator=torch.Generator().manual_seed(seed))


def learn_first(seed):
    """Return a network of body and head that has learned the first task."""
    torch.manual_seed(seed)
    body = nn.Sequential(*block(1, 6), *block(6, 12), nn.Flatten())
    network = nn.Sequential(body, nn.Linear(12 * 2 * 2, 5)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    fit(network, shuffled(first, seed), F.cross_entropy, optimizer, epochs=5)
    return network.eval()


def train_head(network, seed, body_in_eval):
    """Freeze the body, train a new head, and return the running means after each step."""
    body = network[0].requires_grad_(False)
    torch.manual_seed(seed)
    network[1] = nn.Linear(12 * 2 * 2, 5).to(device)
    optimizer = torch.optim.Adam(network[1].parameters(), lr=0.01)
    path = [body[1].running_mean.clone()]
    for _epoch in range(5):
        network.train()
        if body_in_eval:
            body.eval()
        for inputs, targets in shuffled(second, seed):
            optimizer.zero_grad()
            F.cross_entropy(network(inputs), targets).backward()
            optimizer.step()
            path.append(body[1].running_mean.clone())
    network.eval()
    return torch.stack(path).cpu()  # (steps + 1, 6)


def accuracy(body, head, data):
    with torch.no_grad():
        return (head(body(data.inputs)).argmax(dim=1) == data.targets).float().mean().item()


sources = [learn_first(seed) for seed in range(3)]
drifted, kept = copy.deepcopy(sources), copy.deepcopy(sources)
path, *_ = [train_head(one, seed, body_in_eval=False) for seed, one in enumerate(drifted)]
still, *_ = [train_head(one, seed, body_in_eval=True) for seed, one in enumerate(kept)]
with torch.no_grad():
    new = drifted[0][0][0](second.inputs).mean(dim=(0, 2, 3)).cpu()  # (6,)


def draw_path():
    _, axis = plt.subplots(figsize=(5.4, 2.2), layout="constrained")
    for channel, line in enumerate(path.T):
        axis.plot(line.numpy(), color=f"C{channel}")
        axis.axhline(new[channel].item(), color=f"C{channel}", linestyle="--", linewidth=0.8)
    axis.set(xlabel="steps of training the head", ylabel="running mean")
    axis.set_title("The frozen body follows the new images", fontsize=10)
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_path()

# %%
# A body has learned the first five digits and is frozen with ``requires_grad_(False)``. A new head is trained on the
# other five, whose paper is gray. Batch normalization keeps a running mean for each channel, a kind of average over the
# batches that it has seen. Each line is one channel of the body's first such layer. Dashed lines are the means of the
# new images. You need to know :ref:`transfer-learning`.
#
# The rule
# --------
#
# Two switches stop two things. ``requires_grad_(False)`` stops new gradients, and a weight whose ``.grad`` is ``None``
# is left alone by the :term:`optimizer`. ``eval()`` stops the batches from changing the running mean and variance. A
# frozen part with batch normalization needs both.


def what_changes(frozen, evaluation):
    part = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    part.requires_grad_(not frozen).train(not evaluation)
    network, before = nn.Sequential(part, nn.Linear(4, 2)), copy.deepcopy(part.state_dict())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(torch.rand(5, 3)).square().sum().backward()
    optimizer.step()
    after = part.state_dict()
    return [not torch.equal(before[k], after[k]) for k in ("0.weight", "1.running_mean")]


print("frozen  eval()   weight moves  mean moves")
for frozen, evaluation in [(False, False), (False, True), (True, False), (True, True)]:
    weight, mean = what_changes(frozen, evaluation)
    print(f"{frozen!s:<7} {evaluation!s:<8} {weight!s:<13} {mean}")
    assert (weight, mean) == (not frozen, not evaluation)

# %%
# What moves, and how far
# -----------------------
#
# In train mode the layer normalizes with the mean and variance of the :term:`batch`. It also moves its running mean a
# tenth of the way to that of the batch, because its ``momentum`` is :val:`0.1 <norm.momentum>` by default. Its running
# variance moves in the same way. In evaluation mode it normalizes with these two. They are :term:`buffers <buffer>`:
# saved with the network, and changed by no gradient.

norm = nn.BatchNorm1d(2).requires_grad_(False)
x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
with torch.no_grad():
    for _ in range(3):
        print("running mean", norm.running_mean)
        norm(x)
print("buffers:", [name for name, _ in norm.named_buffers()])
assert norm.momentum == 0.1

# %%
# What it costs, and what it brings
# ---------------------------------
#
# Put the old head, whose weights nobody touched, back on the body. Without ``eval()`` the network reads fewer of its
# own digits than before. With ``eval()`` nothing has changed. The new task is another matter: on average over three
# seeds it gains when mean and variance follow the gray paper.

# Varies with the processor: a training amplifies how it rounds.
print("          old task                new task\n          before  frozen  +eval   frozen  +eval")
rows = []
for seed, (source, one, other) in enumerate(zip(sources, drifted, kept, strict=True)):
    row = [accuracy(body, source[1], first_unseen) for body in (source[0], one[0], other[0])]
    row += [accuracy(*model, second_unseen) for model in (one, other)]
    print(f"seed {seed}  ", *(f"{each:7.1%}" for each in row))
    assert row[0] == row[2] > row[1] + 0.05
    rows.append(row)

# %%
# .. use-this::
#
#    Freeze with ``body.requires_grad_(False)`` before the first step, and call ``body.eval()`` after each
#    ``network.train()``, because ``train()`` undoes it. ``eval()`` also switches off the ``nn.Dropout`` layers in the
#    body. Where the new images look different and the old task is no longer needed, measure without ``body.eval()``,
#    too. The new task may gain when the running mean and variance move.
#
# A common mistake
# ----------------
#
# ``eval()`` **once, before the loop.** The next ``network.train()`` undoes it, often at the start of each epoch. Give
# the body a ``train`` that stays in evaluation mode, and call it once. Later calls leave the body alone.

plain = nn.Sequential(sources[0][0], nn.Linear(48, 5))
plain[0].eval()
plain.train()
print("eval(), then train(): is the body in train mode?", plain[0].training)


class Frozen(nn.Sequential):
    def train(self, mode=True):
        return super().train(False)


safe = nn.Sequential(Frozen(*sources[0][0]), nn.Linear(48, 5)).train()
print("a body that stays frozen:                       ", safe[0].training)

# %%
# How this was checked

for source, one, other in zip(sources, drifted, kept, strict=True):
    before, after = source[0].state_dict(), one[0].state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    statistics = {name for name, _ in one[0].named_buffers()}
    assert changed == statistics
    assert len(changed) == 3 * 2
    for name, tensor in other[0].state_dict().items():
        assert torch.equal(tensor, before[name])
    assert not torch.equal(other[1].weight, source[1].weight)
    with torch.no_grad():  # other features, by more than half of their size
        features = source[0](first.inputs)
        assert (one[0](first.inputs) - features).norm() > 0.5 * features.norm()
# The statistics have moved to the new images, and in evaluation mode nowhere.
assert (path[-1] - new).norm() < 0.1 * (path[0] - new).norm()
assert torch.equal(still[-1], still[0])
torch.testing.assert_close(norm.running_mean, (1 - 0.9**3) * x.mean(dim=0))
assert sum(row[3] - row[4] for row in rows) / 3 > 0.01
# The running variance is moved with the unbiased variance.
torch.testing.assert_close(norm.running_var, 0.9**3 * torch.ones(2) + (1 - 0.9**3) * x.var(dim=0))
# train() sets the modules back, and fit leaves a frozen part in evaluation mode.
model = copy.deepcopy(sources[0])
model[0].eval()
model.train()
for module in model.modules():
    assert module.training
model[0].requires_grad_(False).eval()
fit(
    model,
    shuffled(first, 0),
    F.cross_entropy,
    torch.optim.SGD(model[1].parameters(), 0.1),
    epochs=1,
)
for name, tensor in model[0].state_dict().items():
    assert torch.equal(tensor, sources[0][0].state_dict()[name])
# A gradient from before the freezing still moves the weight, until zero_grad() removes it.
for cleared in (False, True):
    late = nn.Linear(3, 2)
    optimizer, weight = torch.optim.SGD(late.parameters(), lr=0.1), late.weight.clone()
    late(torch.rand(4, 3)).sum().backward()
    late.requires_grad_(False)
    if cleared:
        optimizer.zero_grad()
    optimizer.step()
    assert torch.equal(late.weight, weight) == cleared
# Before train() or eval() is called once, a new Frozen is in train mode. A call on the inner layer reaches that layer.
fresh = Frozen(nn.Linear(3, 4), nn.BatchNorm1d(4))
assert fresh[1].training
assert not fresh.train()[1].training
assert fresh[1].train().training
# The head learns in train mode, the frozen body stays.
assert safe[1].training
assert not any(module.training for module in safe[0].modules())
# A head that was put on before all was frozen is frozen, too.
both = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).requires_grad_(False)
with expect_error(RuntimeError, match="does not require grad"):
    both(torch.rand(5, 3)).sum().backward()
both[1].requires_grad_(True)
both(torch.rand(5, 3)).sum().backward()
assert both[0].weight.grad is None
assert both[1].weight.grad is not None
# momentum=0 stops the statistics, but in train mode the layer normalizes with the batch all the same.
stopped = nn.BatchNorm1d(2, momentum=0.0)
assert stopped(x).mean(dim=0).abs().max() < 1e-5
assert stopped.running_mean.tolist() == [0, 0]

# %%
# Check yourself
# --------------

norm = nn.BatchNorm1d(3).requires_grad_(False)
norm(torch.ones(4, 3))
ask(
    "A frozen nn.BatchNorm1d(3), in train mode, gets a batch of ones. Its running_mean was 0. What is it now?",
    answer=round(norm.running_mean[0].item(), 3),
    choices={
        0.0: "That would be after eval(). requires_grad is about parameters; running_mean is a buffer.",
        0.1: "It moved a tenth of the way to the mean of the batch: momentum is 0.1.",
        1.0: "One batch moves it by a tenth of the way.",
    },
)

# %%
# The next question asks about the modes.

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
# **Exercise.** Compute the running mean and variance of a batch normalization. ``x`` has shape (step, N, D): one batch
# of N samples for each step. Begin with a mean of 0 and a variance of 1. Return both after the last step, as a tensor
# of shape (2, D).


def by_torch(x, momentum):
    norm = nn.BatchNorm1d(x.shape[2], momentum=momentum).double()
    for batch in x:
        norm(batch)
    return torch.stack([norm.running_mean, norm.running_var])


generator = torch.Generator().manual_seed(0)
cases = [
    (torch.tensor([[[1.0], [3.0]]], dtype=torch.float64), 0.5),
    (torch.randn(4, 5, 3, generator=generator, dtype=torch.float64), 0.1),
    (7 + torch.randn(9, 2, 4, generator=generator, dtype=torch.float64), 1.0),
]


def running_statistics(x, momentum):
    raise NotImplementedError


check(running_statistics, by_torch, cases, without=["batch_norm"])

# %%
# The running variance takes the variance of the batch that is divided by N - 1, as ``var`` gives it.

# Solution


def running_statistics(x, momentum):
    mean, var = torch.zeros_like(x[0, 0]), torch.ones_like(x[0, 0])
    for batch in x:
        mean = (1 - momentum) * mean + momentum * batch.mean(dim=0)
        var = (1 - momentum) * var + momentum * batch.var(dim=0)
    return torch.stack([mean, var])


report = check(running_statistics, by_torch, cases, without=["batch_norm"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`pretrained-weights` are weights that others have trained on a million photos.
#
# - Ioffe and Szegedy (2015). `Batch normalization: accelerating deep network training by reducing internal covariate
#   shift <https://arxiv.org/abs/1502.03167>`__. The layer, with its two modes.
# - Li, Wang, Shi, Liu and Hou (2016). `Revisiting batch normalization for practical domain adaptation
#   <https://arxiv.org/abs/1603.04779>`__. When it helps to let the statistics follow the new images.
