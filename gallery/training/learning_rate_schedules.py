"""
.. _learning-rate-schedules:

Learning-rate schedules: which one, and where do I call scheduler.step()?
=========================================================================

A rate that is right at the start is often too large at the end, so a schedule lowers it as training goes on. Take a
short warm-up and then a cosine, and call ``scheduler.step()`` after each ``optimizer.step()``.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import inspect
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from torch.optim import SGD, Adam, lr_scheduler
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from ptguide.data import digits
from ptguide.exercises import check
from ptguide.questions import ask

train_set, validation_set = digits("train"), digits("validation")
STEPS = 40


def sgd(lr=1.0):
    return SGD([nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def step(scheduler, loss=1.0):
    scheduler.step(loss) if isinstance(scheduler, ReduceLROnPlateau) else scheduler.step()


def rates(make, steps=STEPS, lr=1.0):
    """Return the rate that each step uses, for a loss that falls for 15 steps and then stays."""
    optimizer, used = sgd(lr), []
    scheduler = make(optimizer)
    for t in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        step(scheduler, loss=1 / (1 + min(t, 15)))
    return used


def keeps_by_hand(make):
    """Say whether a rate that is set by hand is still felt after the next call."""
    optimizer = sgd()
    scheduler = make(optimizer)
    for t in range(5):
        if t == 4:
            optimizer.param_groups[0]["lr"] = 100.0  # so large that it can be recognized
        optimizer.step()
        scheduler.step()
    return optimizer.param_groups[0]["lr"] > 10


def last_rate(T_max, warm=50, total=200):
    """Return the rate after a warm-up and a cosine."""
    optimizer = sgd()
    parts = [LinearLR(optimizer, 0.01, total_iters=warm), CosineAnnealingLR(optimizer, T_max)]
    scheduler = SequentialLR(optimizer, parts, milestones=[warm])
    for _ in range(total):
        optimizer.step()
        scheduler.step()
    return optimizer.param_groups[0]["lr"]


def draw_four(made):
    figure, axes = plt.subplots(
        2, 2, figsize=(6.2, 3.2), sharex=True, sharey=True, layout="constrained"
    )
    for axis, (name, make) in zip(axes.flat, made.items(), strict=True):
        axis.step(range(STEPS), rates(make), where="post")
        axis.set_title(name, fontsize=9)
    figure.supxlabel("calls of scheduler.step()", fontsize=9)
    figure.supylabel("learning rate", fontsize=9)
    figure.suptitle("A schedule sets the rate by the number of calls, or by the loss")
    plt.show()


def draw_all(made):
    figure, axes = plt.subplots(
        5, 3, figsize=(6.4, 5.8), sharex=True, sharey=True, layout="constrained"
    )
    for axis, (call, make) in zip(axes.flat, made.items(), strict=True):
        axis.step(range(STEPS), rates(make), where="post")
        name, opened, settings = call.partition("(")
        axis.set_title(name, fontsize=7.5, pad=15)
        axis.text(0.5, 1.08, opened + settings, transform=axis.transAxes, ha="center", fontsize=6.5)
    figure.supxlabel("calls of scheduler.step()", fontsize=9)
    figure.supylabel("learning rate", fontsize=9)
    figure.suptitle("The 15 schedules of torch.optim.lr_scheduler")
    plt.show()


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


def train(make, peaks, epochs=10, seeds=5):
    """Train with Adam and a schedule that is stepped after each batch; return validation losses (peak, seed)."""
    sets = [start(seeds) for _ in peaks]
    groups = [{"params": [*s.values()], "lr": lr} for s, lr in zip(sets, peaks, strict=True)]
    optimizer = Adam(groups)
    scheduler = make(optimizer, epochs * 22)

    def joined():
        return {key: torch.cat([s[key] for s in sets]) for key in sets[0]}

    orders = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    for _ in range(epochs):
        seen = torch.stack([torch.randperm(len(train_set), generator=order) for order in orders])
        for places in seen.split(50, dim=1):
            images = train_set.inputs[places].repeat(len(peaks), 1, 1, 1, 1)
            labels = train_set.targets[places].repeat(len(peaks), 1)
            optimizer.zero_grad()
            vmap(loss_of)(joined(), images, labels).sum().backward()
            optimizer.step()
            scheduler.step()
    with torch.no_grad():
        at_end = vmap(lambda w: loss_of(w, validation_set.inputs, validation_set.targets))(joined())
    return at_end.reshape(len(peaks), seeds)


def warm_cosine(optimizer, steps=STEPS, warm=None):
    """Rise for a tenth of the steps, then fall with half a cosine."""
    warm = warm or steps // 10
    parts = [LinearLR(optimizer, 0.01, 1.0, total_iters=warm)]
    parts.append(CosineAnnealingLR(optimizer, T_max=steps - warm))
    return SequentialLR(optimizer, parts, milestones=[warm])


def as_text(numbers):
    return f"{min(numbers):.2f} to {max(numbers):.2f}"


four = {
    "warm-up, then a cosine": warm_cosine,
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, T_max=STEPS),
    "StepLR": lambda o: StepLR(o, step_size=10, gamma=0.5),
    "ReduceLROnPlateau (loss stays after 15)": lambda o: ReduceLROnPlateau(
        o, factor=0.5, patience=5
    ),
}
made = {
    "LambdaLR(lambda t: 1/(1+t)**0.5)": lambda o: LambdaLR(o, lambda t: 1 / (1 + t) ** 0.5),
    "MultiplicativeLR(lambda t: 0.95)": lambda o: MultiplicativeLR(o, lambda t: 0.95),
    "StepLR(10, gamma=0.5)": lambda o: StepLR(o, 10, gamma=0.5),
    "MultiStepLR([20, 30], gamma=0.3)": lambda o: MultiStepLR(o, [20, 30], gamma=0.3),
    "ConstantLR(0.3, total_iters=10)": lambda o: ConstantLR(o, 0.3, total_iters=10),
    "LinearLR(0.1, 1.0, total_iters=15)": lambda o: LinearLR(o, 0.1, 1.0, total_iters=15),
    "ExponentialLR(gamma=0.9)": lambda o: ExponentialLR(o, gamma=0.9),
    "PolynomialLR(40, power=2)": lambda o: PolynomialLR(o, 40, power=2),
    "CosineAnnealingLR(T_max=40)": lambda o: CosineAnnealingLR(o, T_max=40),
    "CosineAnnealingWarmRestarts(10, T_mult=2)": lambda o: CosineAnnealingWarmRestarts(
        o, 10, T_mult=2
    ),
    "CyclicLR(0.1, 1.0, step_size_up=8)": lambda o: CyclicLR(o, 0.1, 1.0, step_size_up=8),
    "OneCycleLR(1.0, total_steps=40)": lambda o: OneCycleLR(o, 1.0, total_steps=40),
    "SequentialLR([LinearLR, CosineAnnealingLR], [4])": warm_cosine,
    "ChainedScheduler([LinearLR, ExponentialLR])": lambda o: ChainedScheduler(
        [LinearLR(o, 0.1, total_iters=8), ExponentialLR(o, 0.95)]
    ),
    "ReduceLROnPlateau(factor=0.5, patience=5)": lambda o: ReduceLROnPlateau(
        o, factor=0.5, patience=5
    ),
}
named = {call.partition("(")[0]: make for call, make in made.items()}

# %%

draw_four(four)

# %%
# The schedules run for :val:`40 <STEPS>` steps. ``ReduceLROnPlateau`` looks at a loss and lowers the rate when the loss
# has stopped falling. The other three count the calls of ``scheduler.step()``. You need to know
# :ref:`choosing-a-learning-rate`.
#
# .. longer: 7 screens — fifteen schedules are drawn
#
# The rule
# --------
#
# A schedule writes into ``optimizer.param_groups``. Most schedules begin with the rate that the optimizer had when its
# first schedule was made. They set :math:`\text{lr}_t = \text{lr}_0 \cdot f(t)`, where t is the number of calls of
# ``scheduler.step()``. Call it after ``optimizer.step()``, once for each epoch or once for each batch. The arguments of
# the schedule count in the same unit. Here it is epochs:

optimizer = sgd(lr=0.5)
scheduler = StepLR(optimizer, step_size=2, gamma=0.1)
for epoch in range(5):
    rate = optimizer.param_groups[0]["lr"]  # the rate in use
    optimizer.step()  # stands for the loop over batches
    print(f"epoch {epoch} uses {rate:.4f}", end="")
    scheduler.step()
    print(f", and get_last_lr() says {scheduler.get_last_lr()[0]:.4f} for the next")

# %%
# All of them
# -----------
#
# Each begins with an optimizer whose rate is 1. ``LambdaLR`` takes :math:`f` as a function, and ``MultiplicativeLR``
# takes a function that gives the factor of each call. ``SequentialLR`` runs one schedule after the other.
# ``ChainedScheduler`` steps several at each call, which multiplies the factors of the two that are drawn.

draw_all(made)

# %%
# Their formulas
# --------------
#
# Many of these are one line of code. The cell compares five of them with torch over 40 calls. (The others are checked
# below.)

formulas = {
    "StepLR": lambda t: 0.5 ** (t // 10),
    "ExponentialLR": lambda t: 0.9**t,
    "PolynomialLR": lambda t: (1 - min(t, 40) / 40) ** 2,
    "LinearLR": lambda t: 0.1 + (1.0 - 0.1) * min(t, 15) / 15,
    "CosineAnnealingLR": lambda t: (1 + math.cos(math.pi * t / 40)) / 2,
}
for name, formula in formulas.items():
    difference = max(abs(formula(t) - rate) for t, rate in enumerate(rates(named[name])))
    print(f"{name:<18}differs by {difference:.9f} at most")
    assert difference < 1e-9

# %%
# Warm-up, then a cosine
# ----------------------
#
# A warm-up is a short rise at the start. Put ``LinearLR`` and a cosine together, and count in batches. The cosine gets
# the steps that are left. Here 200 steps begin with 20 of warm-up. (``OneCycleLR`` is a relative of this in one class.
# It rises with a cosine and moves the momentum, too.)

total, warm = 200, 20
optimizer = Adam([nn.Parameter(torch.zeros(1))], lr=0.1)
rise = LinearLR(optimizer, start_factor=0.01, total_iters=warm)
fall = CosineAnnealingLR(optimizer, T_max=total - warm)
scheduler = SequentialLR(optimizer, [rise, fall], milestones=[warm])
for t in range(total + 1):
    if t in (0, 10, 20, 110, 200):
        print(f"after {t:>3} steps the rate is {optimizer.param_groups[0]['lr']:.4f}")
    optimizer.step()
    scheduler.step()

# %%
# Does it pay?
# ------------
#
# The cell trains the small network for digits for ten epochs of Adam, with four peak rates. The table shows the
# validation loss of five seeds, from the least to the largest.

# Varies with the processor: a training amplifies how it rounds.
peaks = [0.01, 0.03, 0.1, 0.2]
kinds = {
    "constant": lambda o, steps: LambdaLR(o, lambda t: 1.0),
    "cosine": lambda o, steps: CosineAnnealingLR(o, T_max=steps),
    "warm-up, cosine": warm_cosine,
}
found = {name: train(make, peaks) for name, make in kinds.items()}
print("peak rate       ", *[f"{peak:<13}" for peak in peaks])
for name, at_end in found.items():
    print(f"{name:<16}", *[f"{as_text(losses.tolist()):<13}" for losses in at_end])

# %%
# At 0.1 the cosine helps. At 0.2 the warm-up helps, too, because with this peak the first steps do the damage. At 0.01
# and 0.03 the constant rate is as good. So in this training a schedule makes the choice of the rate less delicate, and
# does not improve on the best constant rate beyond the spread.
#
# Read it, set it, resume it
# --------------------------
#
# The method ``get_last_lr`` returns the rate of each group. You may set a rate by hand:
# ``optimizer.param_groups[0]["lr"] = 0.2``. Schedules that multiply the last rate go on from yours. Those that compute
# :math:`\text{lr}_0 f(t)` overwrite it at their next call.

result = {"go on from yours": [], "overwrite it": []}
for name in sorted(set(named) - {"SequentialLR", "ChainedScheduler", "ReduceLROnPlateau"}):
    result["go on from yours" if keeps_by_hand(named[name]) else "overwrite it"].append(name)
for what, names in result.items():
    print(f"{what}:", *names)

# %%
# A checkpoint holds ``scheduler.state_dict()`` beside that of the optimizer (:ref:`resuming-training`). A function that
# you gave to ``LambdaLR`` is not saved.
#
# .. use-this::
#
#    Warm up over about a tenth of the steps, which is a convention, then let a cosine fall to 0. Step it after each
#    batch. This needs the number of steps beforehand, and a cosine rises again if you go on after it. Where you do not
#    know the number, take ``ReduceLROnPlateau`` with the validation loss, once an epoch. A constant rate is enough for
#    a first try. A schedule keeps a few numbers, and a tensor if the rate is one. ``ptguide.training.fit`` takes
#    ``schedule`` and ``schedule_every``.
#
# Common mistakes
# ---------------
#
# **The cosine gets all steps, although the warm-up has used some.** Then the training ends before the rate is near 0.
# No error is raised. More ways in which a schedule and a loop do not fit: :ref:`the-schedule-is-stepped-too-often` and
# :ref:`lr-scheduler-before-optimizer-step`.

total, warm = 200, 50
last = {"T_max=total": last_rate(total), "T_max=total - warm": last_rate(total - warm)}
for name, rate in last.items():
    print(f"{name:<20}rate after the last of 200 steps: {rate:.3f}")

# %%
# How this was checked

assert found["warm-up, cosine"][3].max() < 0.5 * found["constant"][3].mean()
assert found["warm-up, cosine"][3].mean() < 0.6 * found["cosine"][3].mean()
assert found["cosine"][2].mean() < 0.7 * found["constant"][2].mean()
lowest = {name: at_end.mean(dim=1).min() for name, at_end in found.items()}
assert (
    max(lowest.values()) - min(lowest.values()) < 0.03
)  # the best rates of each are about as good
public = {
    name
    for name, kind in vars(lr_scheduler).items()
    if inspect.isclass(kind)
    and issubclass(kind, lr_scheduler.LRScheduler)
    and not name.startswith("_")
} - {"LRScheduler"}
assert public == {call.partition("(")[0] for call in made}, public  # each is drawn
assert len(made) == 15
assert last["T_max=total"] > 0.1 > 1e-6 > last["T_max=total - warm"]


def one_cycle(t, up=0.3 * 40 - 1, end=39):
    low, high, least = 1 / 25, 1.0, 1 / 25 / 1e4
    if t <= up:
        return high + (low - high) * (1 + math.cos(math.pi * t / up)) / 2
    return least + (high - least) * (1 + math.cos(math.pi * (t - up) / (end - up))) / 2


def restarts(t, length=10):
    while t >= length:
        t, length = t - length, 2 * length
    return (1 + math.cos(math.pi * t / length)) / 2


def plateau(steps):
    rate, best, bad, used = 1.0, math.inf, 0, []
    for t in range(steps):
        used.append(rate)
        loss = 1 / (1 + min(t, 15))
        best, bad = (loss, 0) if loss < best * (1 - 1e-4) else (best, bad + 1)
        if bad > 5:
            rate, bad = rate * 0.5, 0
    return used


others = {
    "LambdaLR": lambda t: 1 / (1 + t) ** 0.5,
    "MultiplicativeLR": lambda t: 0.95**t,
    "MultiStepLR": lambda t: 0.3 ** ((t >= 20) + (t >= 30)),
    "ConstantLR": lambda t: 0.3 if t < 10 else 1.0,
    "CosineAnnealingWarmRestarts": restarts,
    "CyclicLR": lambda t: 0.1 + 0.9 * (1 - abs(t % 16 - 8) / 8),
    "OneCycleLR": one_cycle,
    "SequentialLR": lambda t: (
        0.01 + 0.99 * t / 4 if t < 4 else (1 + math.cos(math.pi * (t - 4) / 36)) / 2
    ),
    "ChainedScheduler": lambda t: (0.1 + 0.9 * min(t, 8) / 8) * 0.95**t,
}
for call, make in made.items():
    name = call.partition("(")[0]
    formula = {**formulas, **others}.get(name)
    ours = [formula(t) for t in range(STEPS)] if formula else plateau(STEPS)
    torch.testing.assert_close(torch.tensor(rates(make)), torch.tensor(ours), rtol=1e-6, atol=1e-7)
# Warm-up and cosine with LambdaLR gives the same.
both = lambda t: others["SequentialLR"](t)  # noqa: E731
torch.testing.assert_close(
    torch.tensor(rates(lambda o: LambdaLR(o, both))),
    torch.tensor(rates(warm_cosine)),
    rtol=1e-6,
    atol=1e-7,
)
# The loop reads the same rate in both places.
for make in made.values():
    optimizer = sgd()
    scheduler = make(optimizer)
    for _ in range(12):
        optimizer.step()
        step(scheduler)
        assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
# State and resume: after loading, the rates go on as if nothing had happened.
for call, make in made.items():
    optimizer = sgd()
    scheduler = make(optimizer)
    for t in range(9):
        optimizer.step()
        step(scheduler, loss=1 / (1 + min(t, 15)))
    saved = scheduler.state_dict(), optimizer.state_dict()
    optimizer = sgd()
    scheduler = make(optimizer)
    scheduler.load_state_dict(saved[0]), optimizer.load_state_dict(saved[1])
    for t in range(9, 20):
        assert abs(optimizer.param_groups[0]["lr"] - rates(make)[t]) < 1e-9, call
        optimizer.step()
        step(scheduler, loss=1 / (1 + min(t, 15)))
assert LambdaLR(sgd(), lambda t: 1.0).state_dict()["lr_lambdas"] == [None]
# Chained, schedules multiply if each multiplies the last rate. LambdaLR overwrites what came before it.
parts = {
    "ExponentialLR": lambda o: ExponentialLR(o, 0.9),
    "LinearLR": lambda o: LinearLR(o, 0.1, total_iters=8),
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, 12),
    "StepLR": lambda o: StepLR(o, 3, 0.5),
}
for first, one in parts.items():
    for second, other in parts.items():
        if first != second:
            chained = torch.tensor(rates(lambda o: ChainedScheduler([one(o), other(o)]), 12))  # noqa: B023
            product = torch.tensor(rates(one, 12)) * torch.tensor(rates(other, 12))
            torch.testing.assert_close(chained, product, rtol=1e-5, atol=1e-6)
by_function = lambda o: LambdaLR(o, lambda t: 1 / (1 + t))  # noqa: E731
chained = rates(lambda o: ChainedScheduler([parts["ExponentialLR"](o), by_function(o)]), 12)
torch.testing.assert_close(torch.tensor(chained), torch.tensor(rates(by_function, 12)))
for call, make in made.items():  # no schedule keeps a tensor
    kept = vars(make(sgd())).values()
    assert not any(isinstance(value, torch.Tensor) for value in kept), call
assert isinstance(StepLR(sgd(lr=torch.tensor(1.0)), 2).base_lrs[0], torch.Tensor)
# A second schedule begins with the rate that was there before the first.
optimizer = sgd(lr=0.5)
for make in (parts["LinearLR"], by_function):
    make(optimizer)
assert optimizer.param_groups[0]["lr"] == 0.5
assert rates(lambda o: CosineAnnealingLR(o, 10), 21)[20] > 0.99  # it rises again
# The networks side by side are those of a plain loop: seed 1 of three, for two epochs.
plain, order = new_network(1), torch.Generator().manual_seed(1)
optimizer = Adam(plain.parameters(), lr=0.01)
scheduler = warm_cosine(optimizer, 44)
for _ in range(2):
    for places in torch.randperm(len(train_set), generator=order).split(50):
        optimizer.zero_grad()
        F.cross_entropy(plain(train_set.inputs[places]), train_set.targets[places]).backward()
        optimizer.step()
        scheduler.step()
with torch.no_grad():
    loss = F.cross_entropy(plain(validation_set.inputs), validation_set.targets)
beside = train(warm_cosine, [0.03, 0.01], epochs=2, seeds=3)[1, 1]
torch.testing.assert_close(loss, beside, rtol=1e-3, atol=1e-3)
assert found["cosine"].shape == (4, 5)
for place in (2, 3):
    assert found["warm-up, cosine"][place].mean() < found["constant"][place].mean()
for place in (0, 1):
    assert abs(found["cosine"][place].mean() - found["constant"][place].mean()) < 0.05
# CyclicLR and OneCycleLR also move the momentum, against the rate.
for make, high in (
    (named["CyclicLR"], 0.9),
    (named["OneCycleLR"], 0.95),
):
    optimizer = sgd()
    make(optimizer)
    assert abs(optimizer.param_groups[0]["momentum"] - high) < 1e-9

# %%
# Check yourself
# --------------

optimizer = sgd(lr=1.0)
scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
epochs = 0
while optimizer.param_groups[0]["lr"] == 1.0:
    optimizer.step()
    scheduler.step(0.7)
    epochs += 1
ask(
    "ReduceLROnPlateau(optimizer, patience=2) gets a loss of 0.7 after each epoch. After which call does it lower the "
    "rate?",
    answer=epochs,
    choices={
        2: "The first call is the best so far, and the second is the first bad one.",
        3: "That is the second bad one, and patience=2 lets two of them pass.",
        4: "The first sets the best value, two bad ones are allowed, and the third of them lowers the rate.",
    },
)

# %%
# The next question is about a variable.

lr = 0.1
optimizer = sgd(lr=lr)
for _ in range(3):
    optimizer.step()
    lr *= 0.5
ask(
    "A loop begins with lr = 0.1 and SGD(parameters, lr=lr), and calls lr *= 0.5 after each of three epochs. With "
    "which rate does the optimizer step afterwards?",
    answer=optimizer.param_groups[0]["lr"],
    choices={
        0.0125: "That is the variable. The optimizer copied its value at the start.",
        0.1: "Only the dictionary in param_groups counts. A schedule writes there.",
        0.05: "No part of the loop writes this into the optimizer.",
    },
)

# %%
# **Exercise.** Write the factor of a trapezoid, which is also called warm-up, stable, decay. For each step t of
# ``steps``, counted from 0, it rises as ``(t + 1) / warm`` to 1, and stays at 1. In the last ``cool`` steps it is
# ``(steps - t) / cool``. Return a tensor of shape (steps,), for ``warm + cool`` of at most ``steps``.


def by_loop(steps, warm, cool):
    factors = []
    for t in range(steps):
        factor = 1.0
        if t < warm:
            factor = (t + 1) / warm
        elif t >= steps - cool:
            factor = (steps - t) / cool
        factors.append(factor)
    return torch.tensor(factors)


cases = [(4, 1, 1), (8, 2, 4), (20, 5, 10)]


def trapezoid(steps, warm, cool):
    raise NotImplementedError


check(trapezoid, by_loop, cases)

# %%
# The factor is the smallest of three numbers.

# Solution


def trapezoid(steps, warm, cool):
    t = torch.arange(steps)
    return torch.minimum((t + 1) / warm, (steps - t) / cool).clamp(max=1.0)


report = check(trapezoid, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`weight-decay`, which is multiplied by the rate of the schedule.
#
# - PyTorch contributors (2026). `How to adjust learning rate
#   <https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate>`__. The reference of each class.
# - Loshchilov and Hutter (2017). `SGDR: stochastic gradient descent with warm restarts
#   <https://arxiv.org/abs/1608.03983>`__. Where the cosine comes from.
# - Goyal et al. (2017). `Accurate, large minibatch SGD <https://arxiv.org/abs/1706.02677>`__. Why its large rates
#   needed a warm-up.
