"""
.. _choosing-a-learning-rate:

How do I choose a learning rate?
================================

The same network learns nothing, learns well or fails, and one number that you had to guess makes the difference. Try
rates a factor of three apart for a short time, and take the one with the lowest loss on validation data.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from torch.optim import SGD, Adam

from ptguide.data import batches, digits
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import evaluate, fit

train_set, validation_set = digits("train"), digits("validation")


def new_network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


frame = new_network(0)  # only its layers are used, with the weights that it is called with


def loss_of(weights, images, labels):
    return F.cross_entropy(functional_call(frame, weights, (images,)), labels)


def start(seeds):
    """Return the weights of one network for each seed, stacked along a new first axis."""
    weights, _ = stack_module_state([new_network(seed) for seed in range(seeds)])
    return {name: value.detach().requires_grad_() for name, value in weights.items()}


def seen_by(seeds, epochs, size):
    """Yield batches of places in the training set, shape (seed, size)."""
    orders = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    for _ in range(epochs):
        places = [torch.randperm(len(train_set), generator=order) for order in orders]
        yield from torch.stack(places).split(size, dim=1)


def train(kind, rates, epochs=5, seeds=5, size=50):
    """Train a network for each rate and seed, side by side.

    Returns the losses of the batches, shape (step, rate, seed), and those on validation data at the end, (rate, seed).
    """
    sets = [start(seeds) for _ in rates]
    groups = [{"params": [*s.values()], "lr": lr} for s, lr in zip(sets, rates, strict=True)]
    optimizer, losses = kind(groups, lr=rates[0]), []

    def joined():
        return {key: torch.cat([s[key] for s in sets]) for key in sets[0]}

    for places in seen_by(seeds, epochs, size):
        images = train_set.inputs[places].repeat(len(rates), 1, 1, 1, 1)
        labels = train_set.targets[places].repeat(len(rates), 1)
        loss = vmap(loss_of)(joined(), images, labels)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        losses.append(loss.detach().reshape(len(rates), seeds))
    with torch.no_grad():
        at_end = vmap(lambda w: loss_of(w, validation_set.inputs, validation_set.targets))(joined())
    return torch.stack(losses), at_end.reshape(len(rates), seeds)


def band(axis, x, values, label):
    """Draw the median of the last axis, and a band from the least to the largest."""
    line = axis.plot(x, values.median(dim=-1).values, ".-", label=label)[0]
    axis.fill_between(
        x, values.amin(dim=-1), values.amax(dim=-1), color=line.get_color(), alpha=0.25
    )


def draw_rates(found):
    _, axis = plt.subplots(figsize=(5.6, 2.8), layout="constrained")
    for name, (_, at_end) in found.items():
        band(axis, rates, at_end.clamp(max=3.0), name)
    axis.set(xscale="log", xlabel="learning rate", ylabel="validation loss", ylim=(0, 3.05))
    axis.legend(loc="lower left")
    axis.set_title("Too small is slow, and too large fails")
    plt.show()


def draw_curves(losses, chosen):
    _, axes = plt.subplots(1, 3, figsize=(6.4, 2.3), sharey=True, layout="constrained")
    for axis, (name, lr) in zip(axes, chosen.items(), strict=True):
        axis.plot(losses[:, rates.index(lr)], linewidth=0.7)
        axis.set(xlabel="step", title=f"{name}: {lr:g}", ylim=(0, 4))
    axes[0].set_ylabel("loss of a batch")
    plt.suptitle("A slow slope, a fall, and a loss that stays at guessing")
    plt.show()


def smooth(losses, beta=0.9):
    """Return a running mean along the first axis, with Adam's bias correction."""
    mean, means = torch.zeros_like(losses[0]), []
    for step, loss in enumerate(losses, 1):
        mean = beta * mean + (1 - beta) * loss
        means.append(mean / (1 - beta**step))
    return torch.stack(means)


def draw_range_tests(tests):
    _, axes = plt.subplots(1, 2, figsize=(6.4, 2.5), sharey=True, layout="constrained")
    for axis, (name, (tried, losses)) in zip(axes, tests.items(), strict=True):
        axis.plot(tried, smooth(losses), linewidth=0.8)
        axis.axvspan(*band_of_best[name], color="tab:green", alpha=0.2, label="good by training")
        axis.set(xscale="log", xlabel="learning rate of the step", title=name, ylim=(0, 4))
        axis.legend(fontsize=8, loc="upper left")
    axes[0].set_ylabel("smoothed loss")
    plt.suptitle("The lowest place is right of the rates that train well")
    plt.show()


def as_text(numbers):
    return f"{min(numbers):.2g} to {max(numbers):.2g}"


rates = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
found = {name: train(kind, rates) for name, kind in {"SGD": SGD, "Adam": Adam}.items()}

# %%

draw_rates(found)

# %%
# Each point is the small network for digits after five epochs. A line is the median of five seeds, with a band from the
# least to the largest. Losses above the upper edge are drawn on it. On the left the loss has hardly fallen. On the
# right the network guesses or is worse than that. You need to know :ref:`the-training-loop`. :ref:`fitting-a-line`
# shows why there is a largest rate.
#
# .. longer: 6 screens — the range test is written out and compared with trainings
#
# The rule
# --------
#
# Try :math:`\text{lr}_k = \text{lr}_0 \cdot 10^{k/2}`, which is a factor of about three, with everything else as in the
# real training. Take the rate with the lowest validation loss. If it is the first or the last that you tried, go on in
# that direction. Here are four rates with one seed:

# Varies with the processor: a training amplifies how it rounds.
for lr in (0.1, 0.3, 1.0, 3.0):
    network, order = new_network(0), torch.Generator().manual_seed(0)
    loader = batches(train_set, 50, shuffle=True, generator=order)
    fit(network, loader, F.cross_entropy, SGD(network.parameters(), lr=lr), epochs=5)
    result = evaluate(network, batches(validation_set, 100), F.cross_entropy)
    print(f"SGD, lr {lr:<5} validation loss {result.loss:.3f}")

# %%
# What does a wrong rate look like?
# ---------------------------------
#
# You often see a wrong rate in the loss of the batches. With a rate that is too small, the five seeds fall along the
# same slow slope. With one that is too large, here the loss jumps in the first steps. It then stays at the loss of
# guessing, near :val:`2.3 <torch.tensor(10.0).log()>` for ten classes. Elsewhere it may become NaN
# (:ref:`the-loss-is-nan`). A smaller rate did not save three such networks in two more epochs, so start the training
# again.

draw_curves(found["SGD"][0], {"too small": 0.1, "good": 1.0, "too large": 3.0})

# %%
# The range test
# --------------
#
# One short run shows where to look. Begin far too small, and multiply the rate at each step, up to one that is far too
# large. (Smith, 2015, raised it by equal amounts.) You need one network. Here ``vmap`` trains five side by side, to
# show the spread.


def range_test(kind, low, high, steps=110, seeds=5):
    weights, losses = start(seeds), []
    tried = torch.logspace(low, high, steps)
    optimizer = kind(weights.values(), lr=1.0)
    for lr, places in zip(tried.tolist(), seen_by(seeds, epochs=5, size=50), strict=True):
        optimizer.param_groups[0]["lr"] = lr
        loss = vmap(loss_of)(weights, train_set.inputs[places], train_set.targets[places])
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        losses.append(loss.detach())
    return tried, torch.stack(losses)  # (step,), (step, seed)


# %%
# Below, a colored line is one seed. The green band covers the rates of the first figure whose median loss is less than
# 1.5 times the lowest one.

# Varies with the processor: a training amplifies how it rounds.
band_of_best = {}
for name, (_, at_end) in found.items():
    medians = at_end.median(dim=1).values
    good = [lr for lr, loss in zip(rates, medians, strict=True) if loss < 1.5 * medians.min()]
    band_of_best[name] = min(good), max(good)
tests = {"SGD": range_test(SGD, -3, 1), "Adam": range_test(Adam, -5, 0)}
draw_range_tests(tests)

# %%
# Where the curve is lowest, the loss has stopped falling, so take a smaller rate. A third of it is a rule of thumb. For
# this network and these two optimizers it gives rates that train well. Other networks may need another fraction.

# Varies with the processor: a training amplifies how it rounds.
lowest = {}
for name, (tried, losses) in tests.items():
    lowest[name] = tried[smooth(losses).argmin(dim=0)].tolist()
    third = as_text([lr / 3 for lr in lowest[name]])
    print(f"{name}: lowest at {as_text(lowest[name])}, a third of it is {third},", end=" ")
    print("good by training {} to {}".format(*band_of_best[name]))

# %%
# What moves the best rate?
# -------------------------
#
# The batch size moves it, for example. A larger batch has a less noisy gradient, and an epoch has fewer steps. Here are
# the validation losses of SGD after five epochs with five rates, as the median of three seeds. Batches of
# :val:`5 <min(best, key=best.get)>` need a smaller rate than the others.

# Varies with the processor: a training amplifies how it rounds.
tried = [0.03, 0.1, 0.3, 1.0, 2.0]
best = {}
print("rates", *tried)
for size in (5, 50, 250):
    _, at_end = train(SGD, tried, seeds=3, size=size)
    medians = at_end.median(dim=1).values
    best[size] = tried[medians.argmin()]
    losses = ", ".join(f"{loss:.2f}" for loss in medians)
    print(f"batches of {size:<4}best rate {best[size]:<5}losses {losses}")

# %%
# .. use-this::
#
#    Begin with 0.001 for Adam and AdamW, and with 0.1 for SGD with momentum. These are conventions, and above other
#    rates were better. Try a factor of three up and down until the best rate has a worse one on each side. Choose by
#    validation loss, over several seeds if two are close. It costs one short training for each rate. A range test costs
#    one short run, and tells where to begin. Search again when you change the optimizer, the batch size, the network or
#    the scale of the inputs.
#
# A common mistake
# ----------------
#
# **The lowest point of the range test as the rate.** The curve is lowest after many steps with smaller rates, and
# shortly before it rises. Here five seeds are trained with that rate from the start, with a third of it, and with a
# tenth.

# Varies with the processor: a training amplifies how it rounds.
ends = {}
for name, kind in {"SGD": SGD, "Adam": Adam}.items():
    middle = torch.tensor(lowest[name]).median().item()
    fractions = [middle, middle / 3, middle / 10]
    _, at_end = train(kind, fractions)
    ends[name] = at_end.mean(dim=1).tolist()
    for lr, losses in zip(fractions, at_end.tolist(), strict=True):
        print(f"{name:<5}lr {lr:.3f}: validation loss {as_text(losses)}")

# %%
# How this was checked

for at_lowest, at_third, _ in ends.values():
    assert at_lowest > 1.3 * at_third
assert ends["SGD"][2] > 1.3 * ends["SGD"][1]  # for SGD a tenth is too small
best_at = {name: rates[at_end.median(dim=1).values.argmin()] for name, (_, at_end) in found.items()}
assert best_at["SGD"] >= 10 * best_at["Adam"]
for losses, at_end in found.values():
    assert losses.shape == (110, 11, 5)
    assert (at_end[0] > 2).all()
    assert (at_end[-1] > 2.2).all()
    assert at_end.median(dim=1).values.min() < 0.3
too_small, good, too_large = (found["SGD"][0][:, rates.index(lr)] for lr in (0.1, 1.0, 3.0))
assert (too_small[-20:].mean(dim=0) > 1).all()
assert (good[-20:].mean(dim=0) < 0.5).all()
assert (too_large[-20:].mean(dim=0) > 2.1).all()
assert too_large[:10].max() > 2.5  # it jumps at first
assert too_small[-20:].mean(dim=0).std() < 0.2
for name, (low, high) in band_of_best.items():  # a third of the lowest point is a good rate
    middle = torch.tensor(lowest[name]).median().item()
    assert low / 2 < middle / 3 < 2 * high
    assert middle > 1.1 * high
assert best[5] < best[50] <= best[250]
assert found["SGD"][1].median(dim=1).values.argmin() > rates.index(0.1)
assert found["Adam"][1].median(dim=1).values.argmin() > rates.index(0.001)
# The networks side by side are those of a plain loop: seed 1 at the rate 0.1, for 20 steps.
plain = new_network(1)
optimizer = SGD(plain.parameters(), lr=0.1)
losses = []
for step, seen in enumerate(seen_by(2, 1, 50)):
    loss = F.cross_entropy(plain(train_set.inputs[seen[1]]), train_set.targets[seen[1]])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if step == 19:
        break
beside = found["SGD"][0][:20, rates.index(0.1), 1]
torch.testing.assert_close(torch.tensor(losses), beside, rtol=1e-3, atol=1e-3)
# A network that was sent to guessing stays there with a good rate: 22 more steps of 0.3 after 3.0.
weights = start(3)
for lr, epochs in ((3.0, 2), (0.3, 2)):
    optimizer = SGD(weights.values(), lr=lr)
    for seen in seen_by(3, epochs, 50):
        optimizer.zero_grad()
        loss = vmap(loss_of)(weights, train_set.inputs[seen], train_set.targets[seen])
        loss.sum().backward()
        optimizer.step()
assert (loss > 2).all(), loss

# %%
# Check yourself
# --------------

medians = found["SGD"][1].median(dim=1).values
tried_so_far = [0.001, 0.003, 0.01]
best_so_far = min(tried_so_far, key=lambda lr: medians[rates.index(lr)])
further = medians[rates.index(0.03)] < medians[rates.index(best_so_far)]
ask(
    "You tried 0.001, 0.003 and 0.01, and 0.01 had the lowest validation loss. What do you do next?",
    answer="try larger rates" if best_so_far == tried_so_far[-1] and further else "take it",
    choices={
        "take it": "It is the largest that was tried. In the first figure, the loss of SGD goes on falling there.",
        "try larger rates": "The best one needs a worse one on each side.",
        "try rates between 0.003 and 0.01": "The loss still falls at 0.01, so look beyond it first.",
    },
)

# %%
# The next question is about a range test.

middle = torch.tensor(lowest["Adam"]).median().item()
ask(
    "In the range test of Adam the curve was lowest at about 0.1. Which rate of the first figure is next to the one "
    "that the page advises?",
    answer=min(rates, key=lambda lr: abs(torch.tensor(3 * lr / middle).log().item())),
    choices={
        0.1: "There the loss has stopped falling, and it is about to rise.",
        0.03: "It is next to a third of that. A training with the third confirmed the estimate.",
        0.001: "It is Adam's default, and for this small network it is slow.",
    },
)

# %%
# **Exercise.** Return the running mean that smooths the curve of a range test, for losses of shape (step,). Begin with
# a mean of zero, replace the mean by ``beta * mean + (1 - beta) * loss``, and divide by ``1 - beta**step``.


def by_weights(losses, beta):
    """Weigh each loss by how long ago it was; the weights of each mean sum to 1."""
    means = []
    for end in range(1, len(losses) + 1):
        weights = torch.tensor([beta ** (end - 1 - k) for k in range(end)], dtype=losses.dtype)
        means.append((weights * losses[:end]).sum() / weights.sum())
    return torch.stack(means)


cases = [
    (torch.tensor([2.0]), 0.9),
    (torch.tensor([2.0, 4.0]), 0.5),
    (torch.linspace(3, 1, 12), 0.9),
]


def running_mean(losses, beta):
    raise NotImplementedError


check(running_mean, by_weights, cases)

# %%
# Without the division, the curve would begin near zero and rise.

# Solution


def running_mean(losses, beta):
    mean, means = torch.zeros(()), []
    for step, loss in enumerate(losses, 1):
        mean = beta * mean + (1 - beta) * loss
        means.append(mean / (1 - beta**step))
    return torch.stack(means)


report = check(running_mean, by_weights, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`learning-rate-schedules`, a rate that changes during training.
#
# - Smith (2015). `Cyclical learning rates for training neural networks <https://arxiv.org/abs/1506.01186>`__. The
#   range test, with rates that grow by equal amounts.
# - Godbole et al. (2023). `Deep learning tuning playbook <https://github.com/google-research/tuning_playbook>`__. How
#   to search when more than one number is open.
