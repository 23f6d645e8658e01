"""
.. _the-schedule-is-stepped-too-often:

Why is my learning rate almost 0 so soon? scheduler.step() too often
====================================================================

A schedule counts the calls of ``scheduler.step()``. You made it for epochs and call it once for each batch: move the
call out of the loop over batches, or make the schedule for batches.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from ptguide.data import batches, digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
EPOCHS, BATCHES = 12, 22


def new_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def sgd(network):
    return torch.optim.SGD(network.parameters(), lr=0.5)


def train(make_scheduler, after, seed=0):
    """Step the schedule after each "batch" or "epoch"; return losses, rates and the accuracy."""
    network = new_network(seed)
    optimizer = sgd(network)
    scheduler = make_scheduler(optimizer)
    order = torch.Generator().manual_seed(seed)
    loader = batches(train_set, 50, shuffle=True, generator=order)
    losses, rates = [], []
    for _ in range(EPOCHS):
        of_epoch = []
        for images, labels in loader:
            rates.append(optimizer.param_groups[0]["lr"])
            loss = F.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            of_epoch.append(loss.item())
            if after == "batch":
                step(scheduler, of_epoch)
        losses.append(sum(of_epoch) / len(of_epoch))
        if after == "epoch":
            step(scheduler, losses)
    with torch.no_grad():
        answers = network(test_set.inputs).argmax(dim=1)
    return losses, rates, 100 * (answers == test_set.targets).float().mean().item()


def step(scheduler, losses):
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(losses[-1])
    else:
        scheduler.step()


def by_a_fifth(optimizer):
    return ExponentialLR(optimizer, gamma=0.8)


def span(numbers, digits=0):
    return f"{min(numbers):.{digits}f} to {max(numbers):.{digits}f}"


def draw_rates(runs):
    figure, (left, right) = plt.subplots(ncols=2, figsize=(5.8, 2.2), layout="constrained")
    for number, (after, found) in enumerate(runs.items()):
        place = torch.arange(EPOCHS * BATCHES) / BATCHES
        left.semilogy(place, found[0][1], color=f"C{number}")
        losses = torch.tensor([losses for losses, *_ in found])
        epochs = range(1, EPOCHS + 1)
        right.plot(epochs, losses.mean(dim=0), color=f"C{number}", label=f"each {after}")
        right.fill_between(
            epochs, losses.amin(dim=0), losses.amax(dim=0), color=f"C{number}", alpha=0.25
        )
    left.set(xlabel="epoch", ylabel="learning rate", ylim=(1e-9, 1))
    right.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    right.legend(title="step() after", fontsize=8)
    figure.suptitle("Stepped after each batch, the rate is gone in two epochs")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
runs = {}
for after in ("epoch", "batch"):
    runs[after] = found = [train(by_a_fifth, after, seed) for seed in range(5)]
    print(f"after each {after}: {span([right for *_, right in found])} % right,", end=" ")
    print(f"rate after one epoch {found[0][1][BATCHES]:.4f}")
draw_rates(runs)

# %%
# A line on the right is the mean of five seeds, with a band from the least to the largest. If the schedule is stepped
# after each batch, the loss falls a little and stays, as with a network that cannot learn more.
#
# .. longer: 6 screens — it is silent, and each way in which a schedule and a loop do not fit has a cell
#
# ====================================================================  =============================================
# What you see                                                          Fix
# ====================================================================  =============================================
# :ref:`the rate is near 0 after an epoch <rate-rule>`                  ``scheduler.step()`` after the epoch
# :ref:`the rate swings up and down (cosine) <rate-others>`             ``T_max`` in batches, or step after the epoch
# :ref:`the rate stays tiny, or barely changes <rate-reverse>`          ``scheduler.step()`` after the batch
# :ref:`the rate does not change at all <rate-other-optimizer>`         a schedule of the optimizer in use, stepped
# :ref:`Tried to step 13 times <rate-reverse>`                          ``total_steps`` in batches
# ====================================================================  =============================================
#
# .. _rate-rule:
#
# The rule
# --------
#
# A schedule knows neither epochs nor batches. It counts calls, and :class:`ExponentialLR
# <torch.optim.lr_scheduler.ExponentialLR>` multiplies the rate by ``gamma`` at each: :math:`\text{lr}_t =
# \text{lr}_0 \, \gamma^t`. So one epoch of 22 batches does what was meant for 22 epochs. ``get_last_lr()`` shows the
# rate. In spite of its name, ``last_epoch`` is the number of calls.

optimizer = sgd(new_network())
scheduler = by_a_fifth(optimizer)
for call in range(1, BATCHES + 1):
    optimizer.step()
    scheduler.step()
    if call in (1, 2, 22):
        rate = scheduler.get_last_lr()[0]
        print(f"last_epoch {scheduler.last_epoch:>2}  rate {rate:.4f}")
assert abs(scheduler.get_last_lr()[0] - 0.5 * 0.8**22) < 1e-12

# %%
# .. _rate-others:
#
# What other schedules do
# -----------------------
#
# Each of these schedules was made for :val:`12 <EPOCHS>` epochs. ``StepLR`` ends near 0, too. ``CosineAnnealingLR``
# goes up again when its ``T_max`` calls are over, so its rate swings with a period of 24 batches. Here training stops
# where it is high. ``ReduceLROnPlateau`` looks for a loss that no longer falls, and the loss rises and falls from batch
# to batch.

# Varies with the processor: a training amplifies how it rounds.
schedules = {
    "StepLR": lambda optimizer: StepLR(optimizer, step_size=4, gamma=0.1),
    "CosineAnnealingLR": lambda optimizer: CosineAnnealingLR(optimizer, T_max=12),
    "ReduceLROnPlateau": lambda optimizer: ReduceLROnPlateau(optimizer, patience=3),
}
ends = {}
for name, make in schedules.items():
    for after in ("epoch", "batch"):
        found = ends[name, after] = [train(make, after, seed) for seed in range(3)]
        last = [rates[-1] for _, rates, _ in found]
        right = span([right for *_, right in found])
        print(f"{name:<18}after each {after}: last rate {max(last):.0e}, {right} % right")

# %%
# .. _rate-reverse:
#
# The reverse: made for batches, stepped after epochs
# ---------------------------------------------------
#
# ``OneCycleLR`` and a warm-up are often made for batches. If they are stepped after epochs, they hardly begin: the rate
# stays near its start, and nothing is raised. A ``OneCycleLR`` made for epochs and stepped after batches raises an
# error, because it refuses a call beyond its ``total_steps``.

# Varies with the processor: a training amplifies how it rounds.
schedules = {
    "OneCycleLR": lambda o: OneCycleLR(o, 0.5, total_steps=EPOCHS * BATCHES),
    "warm-up": lambda o: LinearLR(o, 0.01, total_iters=4 * BATCHES),
}
for name, make in schedules.items():
    for after in ("batch", "epoch"):
        found = [train(make, after, seed) for seed in range(3)]
        last, largest = span([losses[-1] for losses, *_ in found], 2), max(found[0][1])
        print(f"{name:<11}after each {after}: largest rate {largest:.2f}, last loss {last}")
        assert (largest > 0.49) == (after == "batch")
optimizer = sgd(new_network())
scheduler = OneCycleLR(optimizer, 0.5, total_steps=EPOCHS)
with expect_error(ValueError, match="Tried to step 13 times"):
    for _ in range(BATCHES):
        optimizer.step()
        scheduler.step()

# %%
# .. _rate-other-optimizer:
#
# The schedule of another optimizer
# ---------------------------------
#
# A rate that stays the same may mean that the loop does not call ``scheduler.step()``. But there is another cause. A
# schedule writes into the optimizer that it was made with. If you make the optimizer again, for example after
# unfreezing layers, the schedule goes on with the old one. ``get_last_lr()`` then shows a rate that is not in use. Read
# the rate from the optimizer.

optimizer = sgd(new_network())
scheduler = by_a_fifth(optimizer)
for call in range(6):
    if call == 1:
        optimizer = sgd(new_network())  # made again after the first step
    optimizer.step()
    scheduler.step()
in_use = optimizer.param_groups[0]["lr"]
print(f"get_last_lr() {scheduler.get_last_lr()[0]:.3f}, in use {in_use:.3f}")
assert in_use == 0.5 > scheduler.get_last_lr()[0]

# %%
# .. _rate-test:
#
# A test of three lines
# ---------------------
#
# Call this function at the end of the first epoch. ``calls`` is what you meant: 1, or the number of batches.


def assert_stepped(scheduler, optimizer, calls):
    counted = scheduler.last_epoch
    assert counted == calls, f"the schedule was stepped {counted} times, not {calls}"
    assert scheduler.optimizer is optimizer, "the schedule belongs to another optimizer"


def first_epoch(after):
    optimizer = sgd(new_network())
    scheduler = by_a_fifth(optimizer)
    for _ in range(BATCHES):
        optimizer.step()
        if after == "batch":
            scheduler.step()
    if after == "epoch":
        scheduler.step()
    assert_stepped(scheduler, optimizer, calls=1)


with expect_error(AssertionError, match="was stepped 22 times, not 1"):
    first_epoch("batch")
first_epoch("epoch")
print("stepped after the epoch it passes")

# %%
# .. use-this::
#
#    Choose one unit and write it into a name: ``T_max=epochs`` with ``scheduler.step()`` after the loop over batches,
#    or ``total_steps=epochs * len(loader)`` with the call inside it, after ``optimizer.step()``. Count in batches
#    where a warm-up is part of the schedule or an epoch is long. If a step sums the gradients of several batches, count
#    steps of the optimizer. Log the rate in ``optimizer.param_groups`` beside the loss: it costs one number for each
#    step.
#
# A common mistake
# ----------------
#
# **A larger rate at the start** does not make up for it. The rate falls by the same factor, so a rate ten times as
# large lasts for about ten batches longer. The accuracies stay far behind, and the rate after two epochs is near 0
# again.


# Varies with the processor: a training amplifies how it rounds.
def times_larger(times):
    return lambda optimizer: LambdaLR(optimizer, lambda t: times * 0.8**t)


for times in (1, 10):
    found = [train(times_larger(times), "batch", seed) for seed in range(3)]
    right = span([right for *_, right in found])
    print(f"rate times {times:<3}{right} % right,", end=" ")
    print(f"rate after two epochs {found[0][1][2 * BATCHES]:.0e}")

# %%
# How this was checked

assert len(list(batches(train_set, 50))) == BATCHES
for after, found in runs.items():
    for losses, rates, right in found:
        assert len(rates) == EPOCHS * BATCHES
        assert (right > 90) == (after == "epoch")
        assert (losses[-1] < 0.3) == (after == "epoch")
        assert (rates[2 * BATCHES] < 1e-4) == (after == "batch")
for (name, after), found in ends.items():
    for _, rates, right in found:
        assert (right < 50) == (name == "StepLR" and after == "batch")
        if name == "CosineAnnealingLR" and after == "batch":
            for place in range(24, len(rates)):
                assert abs(rates[place] - rates[place - 24]) < 1e-6
# Ten times the rate is reached again about ten batches later: 0.8 ** 10 is about a tenth.
assert 0.8**11 < 1 / 10 < 0.8**10
# last_epoch counts calls, of each schedule of this page.
for make in (
    by_a_fifth,
    *schedules.values(),
    lambda o: StepLR(o, 4),
    lambda o: CosineAnnealingLR(o, 12),
):
    optimizer = sgd(new_network())
    scheduler = make(optimizer)
    for call in range(1, 10):
        optimizer.step()
        scheduler.step()
        assert scheduler.last_epoch == call
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
with expect_error(AssertionError, match="belongs to another optimizer"):
    assert_stepped(scheduler, sgd(new_network()), calls=9)
# The cosine can also end low: it depends on the number of batches.
for number, high in ((264, True), (252, False)):
    optimizer = sgd(new_network())
    scheduler = CosineAnnealingLR(optimizer, T_max=12)
    for _ in range(number):
        optimizer.step()
        scheduler.step()
    assert (optimizer.param_groups[0]["lr"] > 0.4) == high
# The test counts with a plateau and with a sequence of schedules, too. ChainedScheduler has no last_epoch.
for make in (
    ReduceLROnPlateau,
    lambda o: SequentialLR(o, [LinearLR(o, 0.1), by_a_fifth(o)], milestones=[4]),
):
    optimizer = sgd(new_network())
    scheduler = make(optimizer)
    for _ in range(7):
        optimizer.step()
        step(scheduler, [1.0])
    assert_stepped(scheduler, optimizer, calls=7)
optimizer = sgd(new_network())
assert not hasattr(ChainedScheduler([by_a_fifth(optimizer)]), "last_epoch")
# A schedule that nobody steps changes nothing and raises nothing.
optimizer = sgd(new_network())
scheduler = by_a_fifth(optimizer)
for _ in range(BATCHES):
    optimizer.step()
assert optimizer.param_groups[0]["lr"] == 0.5
with expect_error(AssertionError, match="was stepped 0 times, not 1"):
    assert_stepped(scheduler, optimizer, calls=1)
# The other order of the two calls has a warning, and so has a schedule whose own optimizer was never stepped.
optimizer = sgd(new_network())
scheduler = by_a_fifth(optimizer)
with expect_warning(UserWarning, match="Detected call of `lr_scheduler.step\\(\\)` before"):
    scheduler.step()
scheduler = by_a_fifth(sgd(new_network()))
optimizer.step()
with expect_warning(UserWarning, match="Detected call of `lr_scheduler.step\\(\\)` before"):
    scheduler.step()

# %%
# Check yourself
# --------------

optimizer = sgd(new_network())
scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
for _ in range(100):
    optimizer.step()
    scheduler.step()
times = round(0.5 / optimizer.param_groups[0]["lr"])
ask(
    "StepLR(optimizer, step_size=30, gamma=0.1) is stepped after each of 100 batches. "
    "By how much has the rate been divided after one epoch?",
    answer=times,
    choices={
        1: "It would be so if it were stepped once an epoch. It counts calls, not epochs.",
        1000: "After 30, 60 and 90 calls the rate is divided by 10.",
        10: "That is after 30 calls. Two more divisions follow.",
    },
)

# %%
# The next question is about a cosine.

optimizer = sgd(new_network())
scheduler = CosineAnnealingLR(optimizer, T_max=10)
for _ in range(20):
    optimizer.step()
    scheduler.step()
back = abs(optimizer.param_groups[0]["lr"] - 0.5) < 1e-6
ask(
    "CosineAnnealingLR(optimizer, T_max=10) begins at 0.5 and is stepped 20 times. "
    "What is the rate then?",
    answer=0.5 if back else 0.0,
    choices={
        0.0: "It is 0 after 10 calls, and then rises again.",
        0.25: "That is the rate half way down or up, after 5 or 15 calls.",
        0.5: "T_max is half a period: after twice as many calls it is back at its start.",
    },
)

# %%
# **Exercise.** Return the rate of each step of a common schedule, as float64. Steps are numbered from 1. The rate rises
# from ``peak / warm`` by equal amounts, so that step number ``warm`` has ``peak``. Then it falls with half a cosine,
# and one step after the last it would be 0.


def by_formula(peak, warm, steps):
    rates = []
    for t in range(steps):
        if t < warm:
            rates.append(peak * (t + 1) / warm)
        else:
            part = torch.tensor((t - warm + 1) / (steps - warm + 1), dtype=torch.float64)
            rates.append(peak * 0.5 * (1 + torch.cos(math.pi * part)).item())
    return torch.tensor(rates, dtype=torch.float64)


cases = [(0.5, 1, 3), (0.1, 4, 12), (1.0, 5, 5)]


def warm_cosine(peak, warm, steps):
    raise NotImplementedError


check(warm_cosine, by_formula, cases)

# %%
# ``torch.where`` chooses between the two parts. As a schedule, ``LambdaLR`` takes the factor of each call.

# Solution


def warm_cosine(peak, warm, steps):
    t = torch.arange(1, steps + 1, dtype=torch.float64)
    rising = t / warm
    falling = (1 + torch.cos(math.pi * (t - warm) / (steps - warm + 1))) / 2
    return peak * torch.where(t <= warm, rising, falling)


report = check(warm_cosine, by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`labels-that-do-not-fit-the-inputs`, a network that cannot do better than guess.
#
# - PyTorch contributors (2026). `How to adjust learning rate
#   <https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate>`__. Each schedule, and where to call
#   ``step``.
# - Smith and Topin (2018). `Super-convergence <https://arxiv.org/abs/1708.07120>`__. The schedule that ``OneCycleLR``
#   is named after.
