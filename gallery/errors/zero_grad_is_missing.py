"""
.. _zero-grad-is-missing:

Why does my loss fall and then rise again? zero_grad is missing
===============================================================

Your loop calls ``backward()`` and ``step()`` without ``zero_grad()``, so each step uses the sum of the gradients so
far. Write ``optimizer.zero_grad()`` before ``loss.backward()``.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
BATCH = 50


def new_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def shuffled(seed=0):
    order = torch.Generator().manual_seed(seed)
    return batches(train_set, BATCH, shuffle=True, generator=order)


def accuracy(network):
    with torch.no_grad():
        answers = network(test_set.inputs).argmax(dim=1)
    return (answers == test_set.targets).float().mean().item()


def train(make_optimizer, empty, seed=0, epochs=10, before_step=None):
    """Return the network, the mean loss of each epoch, and the length of each step.

    ``empty`` says when the gradients are emptied: at each "batch", each "epoch", or "never".
    """
    network, loader = new_network(seed), shuffled(seed)
    optimizer = make_optimizer(network.parameters())
    losses, lengths = [], []
    for _ in range(epochs):
        of_epoch = []
        for number, (images, labels) in enumerate(loader):
            loss = F.cross_entropy(network(images), labels)
            if empty == "batch" or (empty == "epoch" and number == 0):
                optimizer.zero_grad()
            loss.backward()
            if before_step:
                before_step(network)
            old = nn.utils.parameters_to_vector(network.parameters()).detach()
            optimizer.step()
            new = nn.utils.parameters_to_vector(network.parameters()).detach()
            of_epoch.append(loss.item())
            lengths.append((new - old).norm().item())
        losses.append(sum(of_epoch) / len(of_epoch))
    return network, losses, lengths


def sgd(lr, momentum=0.0):
    return lambda parameters: torch.optim.SGD(parameters, lr=lr, momentum=momentum)


def adam(lr):
    return lambda parameters: torch.optim.Adam(parameters, lr=lr)


def percent(networks):
    found = [100 * accuracy(network) for network in networks]
    return f"{min(found):.0f} to {max(found):.0f} %"


def draw_losses(runs):
    """Draw the loss of each epoch: the mean of the seeds, in a band from least to largest."""
    figure, axes = plt.subplots(ncols=2, sharey=True, figsize=(5.8, 2.2), layout="constrained")
    for axis, name in zip(axes, ("SGD", "Adam"), strict=True):
        for label, color in (("with zero_grad", "C0"), ("without", "C1")):
            losses = torch.tensor([losses for _, losses, _ in runs[name, label]])
            epochs = range(1, losses.shape[1] + 1)
            axis.plot(epochs, losses.mean(dim=0), color=color, label=label)
            axis.fill_between(
                epochs, losses.amin(dim=0), losses.amax(dim=0), color=color, alpha=0.25
            )
        axis.set(xlabel="epoch", title=name, ylim=(0, None))
    axes[0].set_ylabel("loss of training")
    axes[1].legend()
    figure.suptitle("Without zero_grad the loss soon rises again")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
runs = {}
for name, optimizer in (("SGD", sgd(0.5)), ("Adam", adam(0.01))):
    for label, empty in (("with zero_grad", "batch"), ("without", "never")):
        runs[name, label] = [train(optimizer, empty, seed) for seed in range(5)]
        networks = [network for network, *_ in runs[name, label]]
        print(f"{name:<5}{label:<15}{percent(networks)} right")
draw_losses(runs)

# %%
# A line is the mean of five seeds, and the band goes from the least to the largest. The network reads small images of
# ten digits, so a guess is right about once in ten. The loop itself is explained in :ref:`the-training-loop`.
#
# .. longer: 6 screens — it is silent, so the training, its cause, the two intended uses and the test each have a cell
#
# ====================================================================  =============================================
# What you see or want                                                  Fix
# ====================================================================  =============================================
# :ref:`the loss falls, then rises or swings <zero-grad-why>`           ``optimizer.zero_grad()``
# :ref:`zero_grad stands in the outer loop <zero-grad-outer>`           move it into the loop over batches
# :ref:`a far smaller learning rate seems to help <zero-grad-rate>`     ``optimizer.zero_grad()``
# :ref:`the loss does not change at all <zero-grad-order>`              move it before ``backward()``
# :ref:`several batches for one step, on purpose <zero-grad-sum>`       empty once for each step
# :ref:`you want to be sure <zero-grad-test>`                           a test of three lines
# ====================================================================  =============================================
#
# .. _zero-grad-why:
#
# The rule
# --------
#
# ``backward()`` *adds* the new gradient :math:`g_t` to ``.grad``. So plain SGD without ``zero_grad`` takes the step
# :math:`w_{t+1} = w_t - \text{lr} \sum_{s=1}^{t} g_s`. That is SGD with a momentum of 1: the weights roll like a ball
# without friction, past the minimum and up the other side. Here the loss is :math:`w^2 / 2`, and :math:`w` begins at 1.

for empty in (True, False):
    w = nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.SGD([w], lr=0.1)
    path = []
    for _ in range(1000):
        loss = w**2 / 2
        if empty:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append(abs(w.item()))
    largest = max(path[-100:])
    print(f"zero_grad {empty!s:<6} largest |w| of the last 100 steps: {largest:.2f}")
    assert largest < 1e-6 if empty else largest > 0.9

# %%
# How this was checked

# Without zero_grad, SGD makes the steps of momentum 1, and Adam does not.
for make, same in ((sgd(0.1, momentum=1.0), True), (adam(0.1), False)):
    _, _, rolling = train(make, "batch", epochs=1)
    _, _, summed = train(sgd(0.1), "never", epochs=1)
    assert torch.allclose(torch.tensor(rolling), torch.tensor(summed), rtol=1e-3) == same

# %%
# SGD and Adam differ
# -------------------
#
# A step of SGD grows with the sum. Adam divides by a running mean of the sum's size, so its steps do not grow so much.
# But without ``zero_grad`` they do not shrink either, as they should near a minimum: they still follow old gradients.

# Varies with the processor: a training amplifies how it rounds.
for (name, label), found in runs.items():
    lengths = torch.tensor([lengths for _, _, lengths in found])
    first, last = lengths[:, :22].mean().item(), lengths[:, -22:].mean().item()
    print(f"{name:<5}{label:<15}mean step: {first:.2f} in epoch 1, {last:.2f} in epoch 10")
    if name == "Adam":
        assert (last < first / 2) == (label == "with zero_grad")

# %%
# .. _zero-grad-outer:
#
# zero_grad stands in the outer loop
# ----------------------------------
#
# If the call is indented one level too little, it empties the gradients once for each epoch. This training looks
# healthier than one without ``zero_grad``, and it is still far behind.

# Varies with the processor: a training amplifies how it rounds.
for name, optimizer in (("SGD", sgd(0.5)), ("Adam", adam(0.01))):
    outer = [train(optimizer, "epoch", seed)[0] for seed in range(5)]
    print(f"{name:<5}zero_grad once for each epoch: {percent(outer)} right")

# %%
# .. _zero-grad-sum:
#
# Several batches for one step, on purpose
# ----------------------------------------
#
# The same sum is useful where a large batch does not fit into memory. Add the gradients of its parts, take one step,
# and empty them once for each *step*. Divide the summed loss of each part by the number of labels in the whole. Batch
# norm still takes its mean from the part, so with it the sum differs from the gradient of the whole.

network = new_network()
images, labels = train_set[:120]
whole = torch.autograd.grad(F.cross_entropy(network(images), labels), network[1].weight)[0]
for start, end in ((0, 50), (50, 100), (100, 120)):
    part = F.cross_entropy(network(images[start:end]), labels[start:end], reduction="sum")
    (part / 120).backward()
print(f"largest difference {(network[1].weight.grad - whole).abs().max():.0e}")
torch.testing.assert_close(network[1].weight.grad, whole)

# %%
# .. _zero-grad-test:
#
# A test of three lines
# ---------------------
#
# Call this function in the loop, directly before ``loss.backward()``. With several batches for one step, call it
# before the first of them.


def assert_gradients_are_empty(model):
    for name, parameter in model.named_parameters():
        old = parameter.grad is not None and parameter.grad.any()
        assert not old, f"{name} still has its last gradient"


def two_steps(empty):
    model = new_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for images, labels in (train_set[:50], train_set[50:100]):
        loss = F.cross_entropy(model(images), labels)
        if empty:
            optimizer.zero_grad()
        assert_gradients_are_empty(model)
        loss.backward()
        optimizer.step()


with expect_error(AssertionError, match="still has its last gradient"):
    two_steps(empty=False)
two_steps(empty=True)
print("with zero_grad it passes")

# %%
# .. _zero-grad-order:
#
# .. use-this::
#
#    Write ``zero_grad()``, ``backward()`` and ``step()`` in this order, as three neighbouring lines of the loop over
#    batches. Between the other two, ``zero_grad()`` would throw the new gradient away, and no weight would move.
#    Deviate to add up the gradients of several batches. ``optimizer.zero_grad()`` empties what this optimizer trains:
#    with two optimizers, call it on both. It sets ``.grad`` to ``None``, which frees memory until the next
#    ``backward()``.
#
# .. _zero-grad-rate:
#
# A common mistake
# ----------------
#
# **A smaller learning rate** hides the mistake. At a fiftieth of the rate the same loop reaches a good accuracy in ten
# epochs. Four times as many epochs show that the loss still rises. Clipping the gradients hides it too, because it
# shortens the old sum. Here both were tried without ``zero_grad``.

# Varies with the processor: a training amplifies how it rounds.
short = [train(sgd(0.5 / 50), "never", seed, epochs=10)[0] for seed in range(3)]
small = [train(sgd(0.5 / 50), "never", seed, epochs=40) for seed in range(3)]
print(f"rate / 50: {percent(short)} right after ten epochs")
for _, losses, _ in small:
    least = min(losses[:20])
    epoch = losses.index(least) + 1
    print(f"rate / 50: loss {least:.2f} in epoch {epoch}, later {max(losses[20:]):.2f}")


def clip(network):
    nn.utils.clip_grad_norm_(network.parameters(), max_norm=1.0)


clipped = [train(sgd(0.5), "never", seed, before_step=clip)[0] for seed in range(3)]
print(f"clipped:   {percent(clipped)} right")

# %%
# How this was checked

for (_, label), found in runs.items():
    for network, losses, _ in found:
        if label == "without":
            assert accuracy(network) < 0.6  # far behind the 90 % below
            assert min(losses) < losses[-1] - 0.3  # it rose again
        else:
            assert accuracy(network) > 0.9
            assert losses[-1] == min(losses) or losses[-1] < 0.2
for _, losses, _ in small:
    assert max(losses[20:]) > 1.2 * min(losses[:20])
# zero_grad() sets None; set_to_none=False writes zeros, and the test passes for either.
probe = new_network()
for to_none in (True, False):
    F.cross_entropy(probe(images), labels).backward()
    optimizer = torch.optim.SGD(probe.parameters(), lr=0.1)
    optimizer.zero_grad(set_to_none=to_none)
    assert (probe[1].weight.grad is None) == to_none
    assert_gradients_are_empty(probe)
# An optimizer empties its own parameters, and not those of another; zero_grad of the network empties all of them.
F.cross_entropy(probe(images), labels).backward()
torch.optim.SGD(probe[1].parameters(), lr=0.1).zero_grad()
assert probe[1].weight.grad is None
assert probe[3].weight.grad.any()
probe.zero_grad()
assert_gradients_are_empty(probe)
# Between backward() and step(), zero_grad() throws the gradient away: no weight moves, and nothing is raised.
still = new_network()
optimizer = torch.optim.SGD(still.parameters(), lr=0.5)
for _ in range(3):
    F.cross_entropy(still(images), labels).backward()
    optimizer.zero_grad()
    optimizer.step()
for one, other in zip(still.parameters(), new_network().parameters(), strict=True):
    assert torch.equal(one, other)


def gap(norm, labels):
    """Return how far the sum of the parts is from the gradient of the whole, relative to this."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), norm, nn.Linear(8, 10))
    images, number = train_set.inputs[:120], (labels >= 0).sum()
    (whole,) = torch.autograd.grad(F.cross_entropy(net(images), labels), net[1].weight)
    for start, end in ((0, 50), (50, 120)):
        part = F.cross_entropy(net(images[start:end]), labels[start:end], reduction="sum")
        (part / number).backward()
    return ((net[1].weight.grad - whole).abs().max() / whole.abs().max()).item()


# The sum of parts is the gradient of the whole with layer norm, and is not with batch norm. Labels that are ignored
# (-100) do not count for the number of labels.
ignored = torch.where(torch.arange(120) < 30, -100, labels)
for targets in (labels, ignored):
    assert gap(nn.LayerNorm(8), targets) < 1e-5
    assert gap(nn.BatchNorm1d(8), targets) > 0.01
# The test sees gradients of other data types and sparse ones, and one that is nan.
for gradient in (
    torch.ones(3, dtype=torch.float16),
    torch.ones(3, dtype=torch.bfloat16),
    torch.ones(3, dtype=torch.complex64),
    torch.ones(3).to_sparse(),
    torch.full((3,), torch.nan),
):
    holder = nn.Module()
    holder.w = nn.Parameter(torch.ones(3, dtype=gradient.dtype))
    holder.w.grad = gradient
    with expect_error(AssertionError, match="w still has its last gradient"):
        assert_gradients_are_empty(holder)
# After clipping, the sum of the old gradients has norm 1.
for _ in range(5):
    F.cross_entropy(probe(images), labels).backward()
clip(probe)
norm = nn.utils.get_total_norm([p.grad for p in probe.parameters()])
assert abs(norm - 1) < 1e-3

# %%
# Check yourself
# --------------
#
# The first question is about three steps without ``zero_grad``, each with the same gradient.

w = nn.Parameter(torch.tensor(10.0))
optimizer = torch.optim.SGD([w], lr=1.0)
for _ in range(3):
    w.backward()  # the derivative of w by w is 1
    optimizer.step()
ask(
    "w begins at 10, each gradient is 1, lr is 1, and zero_grad is missing. "
    "What is w after three steps of SGD?",
    answer=w.item(),
    choices={
        7.0: "That is with zero_grad: three steps of 1.",
        4.0: "The steps are 1, 2 and 3.",
        1.0: "Then each step would be 3. The first two sums are smaller.",
    },
)

# %%
# The next question is about parts that are added up on purpose.

p = nn.Parameter(torch.tensor(0.0))
for part in (torch.tensor([3.0, 5.0, 4.0]), torch.tensor([8.0])):
    ((p * part).mean() / 2).backward()
wanted = torch.tensor([3.0, 5.0, 4.0, 8.0]).mean().item()
ask(
    "A batch of 4 samples comes in parts of 3 and 1. backward() is called on the mean loss of each part "
    "divided by 2. Is the sum the gradient of the mean loss of all 4?",
    answer="yes" if p.grad.item() == wanted else "no",
    choices={
        "yes": f"In this cell the sum is {p.grad.item():.0f}, and it should be {wanted:.0f}.",
        "no": "The one sample counts three times as much as each of the others.",
    },
)

# %%
# **Exercise.** ``parts`` is a list of pairs (x, y) of different lengths. Return the gradient of the mean squared error
# of ``x @ w`` over the whole, with ``backward()`` of one part at a time.


def all_at_once(w, parts):
    x, y = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return 2 * x.mT @ (x @ w - y) / len(y)


def part_of(size, seed):
    order = torch.Generator().manual_seed(seed)
    return torch.rand(size, 3, generator=order), torch.rand(size, generator=order)


cases = [
    (torch.zeros(3), [part_of(4, 0)]),
    (torch.ones(3), [part_of(4, 0), part_of(4, 1)]),
    (torch.tensor([1.0, -2.0, 0.5]), [part_of(5, 2), part_of(1, 3), part_of(2, 4)]),
]


def added_up(w, parts):
    raise NotImplementedError


check(added_up, all_at_once, cases, without=["cat"])

# %%
# Each part gives its *summed* loss, divided by the number of samples in the whole.

# Solution


def added_up(w, parts):
    w = w.clone().requires_grad_()
    samples = sum(len(y) for _, y in parts)
    for x, y in parts:
        (((x @ w - y) ** 2).sum() / samples).backward()
    return w.grad


report = check(added_up, all_at_once, cases, without=["cat"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`softmax-before-cross-entropy`, a network that learns, and worse than it could.
#
# - PyTorch contributors (2026). `Optimizer.zero_grad
#   <https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html>`__. The reference, with what
#   ``set_to_none`` changes.
# - Goh (2017). `Why momentum really works <https://distill.pub/2017/momentum/>`__. Drawings to move, among them one
#   of a momentum near 1.
