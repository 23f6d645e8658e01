"""
.. _optimizers:

SGD, Adam or AdamW: which optimizer, and why?
=============================================

You can choose among many optimizers, and the wrong one with a copied rate looks like a network that cannot learn. Start
with AdamW, and search the learning rate again when you change the optimizer.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW, RMSprop

from ptguide.data import digits
from ptguide.exercises import check
from ptguide.questions import ask

train_set, validation_set = digits("train"), digits("validation")
OPTIMIZERS = {
    "SGD": (SGD, {}),
    "momentum": (SGD, {"momentum": 0.9}),
    "Nesterov": (SGD, {"momentum": 0.9, "nesterov": True}),
    "RMSprop": (RMSprop, {}),
    "Adam": (Adam, {}),
    "AdamW": (AdamW, {}),
}
goal, curvature = torch.tensor([1.0, 0.5]).double(), torch.tensor([1.0, 100.0]).double()


def valley(w):
    return (curvature * (w - goal) ** 2).sum(dim=-1) / 2


def walk(name, lr, steps=40):
    """Return the places before the first step and after each, shape (steps + 1, 2)."""
    kind, settings = OPTIMIZERS[name]
    w = torch.tensor([-3.0, 1.5], dtype=torch.float64, requires_grad=True)
    optimizer, path = kind([w], lr=lr, **settings), [w.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        valley(w).backward()
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)


def best_walk(name):
    """Return the rate of a grid whose path has the lowest mean loss, and the path."""
    rates = [0.001 * 2 ** (k / 2) for k in range(22)]
    return min(((lr, walk(name, lr)) for lr in rates), key=lambda found: valley(found[1]).mean())


def draw_paths(walks):
    x, y = torch.linspace(-3.5, 2.6, 80).double(), torch.linspace(-0.6, 1.7, 60).double()
    height = valley(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1))
    _, axes = plt.subplots(2, 3, figsize=(6.4, 3.1), sharex=True, sharey=True, layout="constrained")
    for axis, (name, (lr, path)) in zip(axes.flat, walks.items(), strict=True):
        axis.contourf(x, y, height.sqrt(), levels=16, cmap="Greys")
        axis.plot(*path.T, ".-", color="tab:orange", linewidth=0.8, markersize=4)
        axis.plot(*goal, "*", color="tab:blue", markersize=9)
        axis.set(xlim=(-3.5, 2.6), ylim=(-0.6, 1.7))
        axis.set_title(f"{name}, lr {lr:.2g}", fontsize=9)
    for axis in axes[1]:
        axis.set_xlabel("first weight")
    for axis in axes[:, 0]:
        axis.set_ylabel("second weight")
    plt.suptitle("Plain SGD is still on its way after 40 steps")
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


def train(name, rates, epochs=5, seeds=5):
    """Train a network for each rate and seed, side by side; return accuracies (rate, seed)."""
    kind, settings = OPTIMIZERS[name]
    sets = [start(seeds) for _ in rates]
    groups = [{"params": [*s.values()], "lr": lr} for s, lr in zip(sets, rates, strict=True)]
    optimizer = kind(groups, lr=rates[0], **settings)

    def joined():
        return {key: torch.cat([s[key] for s in sets]) for key in sets[0]}

    orders = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    for _ in range(epochs):
        seen = torch.stack([torch.randperm(len(train_set), generator=order) for order in orders])
        for places in seen.split(50, dim=1):
            images = train_set.inputs[places].repeat(len(rates), 1, 1, 1, 1)
            labels = train_set.targets[places].repeat(len(rates), 1)
            optimizer.zero_grad()
            vmap(loss_of)(joined(), images, labels).sum().backward()
            optimizer.step()
    with torch.no_grad():
        answers = vmap(lambda w: functional_call(frame, w, (validation_set.inputs,)))
        right = answers(joined()).argmax(dim=-1) == validation_set.targets
    return 100 * right.float().mean(dim=1).reshape(len(rates), seeds)


order = torch.Generator().manual_seed(0)
batches_seen = torch.randint(len(train_set), (100, 50), generator=order)
images = train_set.inputs.flatten(1).double()


def gradient(w, places):
    w = w.detach().requires_grad_()
    loss = F.cross_entropy(images[places] @ w, train_set.targets[places])
    return torch.autograd.grad(loss, w)[0]


def compare(name, lr=0.01):
    kind, settings = OPTIMIZERS[name]
    w, state = torch.ones(64, 10).double(), {}
    p = nn.Parameter(w.clone())
    optimizer = kind([p], lr=lr, **settings)
    for places in batches_seen:
        p.grad = gradient(p, places)
        optimizer.step()
        w = scratch[name](w, gradient(w, places), state, lr=lr)
    return (w - 1).norm().item(), (w - p).abs().max().item()


def numbers_kept(name):
    """Return how many numbers an optimizer keeps for each weight, its counts of steps left out."""
    kind, settings = OPTIMIZERS[name]
    network = new_network(0)
    optimizer = kind(network.parameters(), lr=0.01, **settings)
    loss_of(dict(network.named_parameters()), *train_set[:50]).backward()
    optimizer.step()
    kept = [value for state in optimizer.state.values() for value in state.values()]
    numbers = sum(value.numel() for value in kept if value is not None and value.dim())
    return round(numbers / sum(p.numel() for p in network.parameters()))


def span(numbers):
    return f"{min(numbers):.0f} to {max(numbers):.0f} %"


walks = {name: best_walk(name) for name in OPTIMIZERS}

# %%

draw_paths(walks)

# %%
# Each map shows the loss of two weights, a narrow valley with its lowest point at the star. From a grid of rates, each
# optimizer got the one with the lowest mean loss along its path. The steep direction limits the rate of SGD, which is
# then slow along the flat one (:ref:`fitting-a-line`). You need to know :ref:`the-training-loop`.
#
# .. longer: 6 screens — six optimizers are built from scratch
#
# The rule
# --------
#
# With the gradient :math:`g`, plain SGD steps by :math:`-\text{lr} \, g`. :term:`Momentum <momentum>` keeps a sum
# :math:`v \leftarrow 0.9 \, v + g` and steps by :math:`-\text{lr} \, v`. Nesterov's form steps by
# :math:`-\text{lr} \, (g + 0.9 \, v)`. (Some papers put lr into the sum. The path is the same as long as lr stays the
# same.) Where the gradient stays the same, momentum makes the steps grow to ten times the length:


def sgd(w, g, state, lr, momentum=0.0, nesterov=False):
    v = state["v"] = momentum * state.get("v", 0) + g
    return w - lr * (g + momentum * v if nesterov else v)


state, w, places = {}, 0.0, [0.0]
for _ in range(60):
    places.append(w := sgd(w, g=1.0, state=state, lr=0.01, momentum=0.9))
for step in (1, 2, 3, 60):
    print(f"step {step:>2} has length {(places[step - 1] - places[step]) / 0.01:.2f} * lr")

# %%
# RMSprop, Adam and AdamW
# -----------------------
#
# These divide by the usual size of the gradient, for each weight on its own. RMSprop keeps a running mean :math:`s` of
# the squared gradient and steps by :math:`-\text{lr} \, g / (\sqrt{s} + \epsilon)`. Adam puts a running mean :math:`m`
# of the gradient in the place of :math:`g`, and corrects both means (see below). AdamW shrinks the weights a little
# first, which is :ref:`weight decay <weight-decay>`. The cell compares these functions with ``torch.optim`` over 100
# batches of digits, for one matrix of weights. It prints how far the matrix went, and the largest difference.

# Varies with the processor: a training amplifies how it rounds.


def rmsprop(w, g, state, lr, alpha=0.99, eps=1e-8):
    s = state["s"] = alpha * state.get("s", 0) + (1 - alpha) * g**2
    return w - lr * g / (s.sqrt() + eps)


def adam(w, g, state, lr, b1=0.9, b2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", 0) + 1
    m = state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
    s = state["s"] = b2 * state.get("s", 0) + (1 - b2) * g**2
    return w - lr * (m / (1 - b1**t)) / ((s / (1 - b2**t)).sqrt() + eps)


def adamw(w, g, state, lr, weight_decay=0.01):
    return adam(w * (1 - lr * weight_decay), g, state, lr)


scratch = {
    "SGD": sgd,
    "momentum": lambda *a, **k: sgd(*a, **k, momentum=0.9),
    "Nesterov": lambda *a, **k: sgd(*a, **k, momentum=0.9, nesterov=True),
    "RMSprop": rmsprop,
    "Adam": adam,
    "AdamW": adamw,
}
for name in OPTIMIZERS:
    way, difference = compare(name)
    print(f"{name:<9} went {way:6.3f}, differs by {difference:.0e}")
    assert difference < 1e-12 * way

# %%
# What is the bias correction of Adam for?
# ----------------------------------------
#
# The means start at 0, so at first both are too small. The mean of the squares has the longer memory, so it stays too
# small for longer, and its root is the divisor. Without the correction the first steps are too long. The cell prints
# the steps for a gradient that stays the same:


def without_correction(w, g, state, lr, b1=0.9, b2=0.999):
    m = state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
    s = state["s"] = b2 * state.get("s", 0) + (1 - b2) * g**2
    return w - lr * m / s.sqrt()


g, with_it, without = torch.tensor(5.0).double(), {}, {}
for step in range(1, 1001):
    length, longer = -adam(0, g, with_it, lr=1), -without_correction(0, g, without, lr=1)
    if step in (1, 10, 100, 1000):
        print(f"step {step:>4}: {length:.2f} * lr, without the correction {longer:.2f} * lr")

# %%
# With the correction the first step has the length lr, whether the gradient is 5 or a thousandth of that. A gradient as
# small as ``eps`` is an exception (see the first question).
#
# Which one is better?
# --------------------
#
# Here each optimizer trains the small network on digits for five epochs. The table shows the right answers on
# validation data, from the worst of five seeds to the best. The left column has the best of :val:`8 <len(rates)>`
# rates, and the right column has 0.001, which is the default of SGD, Adam and AdamW.

# Varies with the processor: a training amplifies how it rounds.
rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
found = {name: train(name, rates) for name in ("SGD", "momentum", "RMSprop", "Adam", "AdamW")}
for name, right in found.items():
    best = right.mean(dim=1).argmax().item()
    print(f"{name:<9} best rate {rates[best]:<5} {span(right[best])}, at 0.001 {span(right[0])}")

# %%
# At its own best rate, the worst of the five optimizers is a few points behind the best. At 0.001 they are far apart,
# and SGD has hardly begun. So a comparison of optimizers is fair if each has its own best rate, and if the difference
# is larger than that between seeds. This network is small, and other tasks may rank them in another way.
#
# What does it keep in memory?
# ----------------------------
#
# An optimizer keeps its sums and means for each weight, in the dtype of the weight. Here is how many numbers it holds
# for each weight after one step, with the settings of this page and without the count of steps.

kept = {name: numbers_kept(name) for name in OPTIMIZERS}
print(kept)

# %%
# .. use-this::
#
#    Take ``AdamW`` with its default rate of 0.001, and try rates a factor of three apart, as
#    :ref:`choosing-a-learning-rate` shows. By convention, convolutional networks are also trained by ``SGD`` with
#    ``momentum=0.9`` and ``nesterov=True``, at a larger rate. AdamW costs two more numbers for each weight, momentum
#    one. Where weights should shrink, write ``AdamW`` and not ``Adam``. Keep the weights in
#    :val:`float32 <frame[1].weight.dtype>`. In :val:`float16 <torch.half>` ``eps`` is rounded to 0, and a gradient of 0
#    makes NaN (:ref:`the-loss-is-nan`).
#
# A common mistake
# ----------------
#
# **A new optimizer with the old rate.** Someone trains with SGD at 1.0 and changes one word to Adam. No error is
# raised, and the accuracy gets far worse. The reverse, SGD at Adam's usual 0.001, looks like a network that learns
# nothing.

# Varies with the processor: a training amplifies how it rounds.
for name in ("SGD", "Adam"):
    for lr in (0.001, 0.01, 1.0):
        print(f"{name:<5}lr {lr:<6}{span(found[name][rates.index(lr)])} right")

# %%
# How this was checked

assert found["SGD"][rates.index(1.0)].min() > 70 > found["Adam"][rates.index(1.0)].max()
assert found["Adam"][rates.index(0.01)].min() > 85 > 50 > found["SGD"][0].max()
assert list(kept.values()) == [0, 1, 1, 1, 2, 2]
ends = {name: valley(path[-1]).item() for name, (_, path) in walks.items()}
assert ends["SGD"] > 3 * max(end for name, end in ends.items() if name != "SGD"), ends
for lr, _ in walks.values():  # the best rate is not at the edge of the grid
    assert 0.001 < lr < 0.001 * 2**10.5
crossings = (walks["SGD"][1][1:15, 1] - 0.5).sign().diff().abs().sum() / 2
assert crossings >= 10  # from one side of the valley to the other
limit = sum(0.9**k for k in range(1000))
assert abs(limit - 10) < 1e-9
# Each has a rate with which it does well; the worst best mean is not far from the best.
means = {name: right.mean(dim=1).max().item() for name, right in found.items()}
assert min(means.values()) > 88
assert max(means.values()) - min(means.values()) < 6, means
for right in found.values():
    assert right.shape == (8, 5)
    assert 0 <= right.mean(dim=1).argmax() < 7
# Networks side by side are the same as one by one: the weights of seed 1 after 20 steps, by a plain loop.
torch.manual_seed(0)
plain, stacked = new_network(1).double(), {k: v.detach().double() for k, v in start(3).items()}
for value in stacked.values():
    value.requires_grad_()
one, all_three = Adam(plain.parameters(), lr=0.01), Adam(stacked.values(), lr=0.01)
for places in batches_seen[:20]:
    batch = train_set.inputs[places].double(), train_set.targets[places]
    one.zero_grad()
    F.cross_entropy(plain(batch[0]), batch[1]).backward()
    one.step()
    all_three.zero_grad()
    for_each = [value.expand(3, *value.shape) for value in batch]
    vmap(loss_of)(stacked, *for_each).sum().backward()
    all_three.step()
for name, value in plain.named_parameters():
    torch.testing.assert_close(stacked[name][1], value, rtol=1e-6, atol=1e-9)
# Momentum as in the paper, with the rate inside the sum, gives the same path for a rate that stays.
w, v, state, ours = goal - 2, 0.0, {}, goal - 2
for _ in range(30):
    v = 0.9 * v - 0.01 * curvature * (w - goal)
    w = w + v
    ours = sgd(ours, curvature * (ours - goal), state, lr=0.01, momentum=0.9)
    torch.testing.assert_close(w, ours)
# Nesterov as in the paper takes the gradient at the place ahead; torch's weights are those places.
w, v, state, ours = goal - 2, torch.zeros(2).double(), {}, goal - 2
for _ in range(30):
    v = 0.9 * v - 0.01 * curvature * (w + 0.9 * v - goal)
    w = w + v
    ours = sgd(ours, curvature * (ours - goal), state, lr=0.01, momentum=0.9, nesterov=True)
    torch.testing.assert_close(w + 0.9 * v, ours)
for size in (5.0, 0.005, -3.0):  # the first step of Adam
    first = adam(0, torch.tensor(size).double(), {}, lr=1).item()
    assert abs(abs(first) - 1) < 1e-5
defaults = {
    name: kind([nn.Parameter(torch.ones(1))]).defaults["lr"]
    for name, (kind, _) in OPTIMIZERS.items()
}
assert list(defaults.values()) == [0.001, 0.001, 0.001, 0.01, 0.001, 0.001]
fused, looped = (new_network(0) for _ in range(2))  # the fused kernel gives the same up to rounding
for network, settings in ((fused, {"fused": True}), (looped, {"foreach": False})):
    optimizer = AdamW(network.parameters(), **settings)
    for places in batches_seen[:5]:
        optimizer.zero_grad()
        F.cross_entropy(network(train_set.inputs[places]), train_set.targets[places]).backward()
        optimizer.step()
for a, b in zip(fused.parameters(), looped.parameters(), strict=True):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
half = nn.Parameter(torch.ones(1, dtype=torch.float16))  # 1e-8 is 0 in float16
half.grad = torch.zeros_like(half)
Adam([half]).step()
assert half.isnan().all()
assert torch.tensor(1e-8, dtype=torch.float16) == 0
w = nn.Parameter(torch.ones(1))
w.grad = torch.zeros_like(w)
Adam([w]).step()
assert w == 1
for dtype in (
    torch.float32,
    torch.bfloat16,
    torch.float64,
):  # the means have the dtype of the weight
    p = nn.Parameter(torch.ones(2, dtype=dtype))
    p.grad = torch.ones(2, dtype=dtype)
    optimizer = Adam([p])
    optimizer.step()
    assert optimizer.state[p]["exp_avg"].dtype == optimizer.state[p]["exp_avg_sq"].dtype == dtype

# %%
# Check yourself
# --------------

p = nn.Parameter(torch.tensor(0.0, dtype=torch.float64))
p.grad = torch.tensor(1e-8, dtype=torch.float64)
Adam([p], lr=1.0).step()
ask(
    "Adam has eps=1e-8. What part of lr is its first step if the gradient is 1e-8?",
    answer=round(-p.item(), 4),
    choices={
        1.0: "That is right for gradients that are much larger than eps.",
        0.5: "The divisor is the size of the gradient plus eps, and the two are equal.",
        0.0001: "That would be right with eps inside the root, where 1e-8 outweighs the square of the gradient.",
    },
)

# %%
# A loss in other units:


def scaled_walk(name, factor):
    kind, settings = OPTIMIZERS[name]
    w = torch.tensor([-3.0, 1.5], dtype=torch.float64, requires_grad=True)
    optimizer = kind([w], lr=0.01, **settings)
    for _ in range(40):
        optimizer.zero_grad()
        (factor * valley(w)).backward()
        optimizer.step()
    return w.detach()


same = [
    name
    for name in ("SGD", "momentum", "Adam")
    if torch.allclose(scaled_walk(name, 1), scaled_walk(name, 100), rtol=1e-4)
]
ask(
    "The loss is multiplied by 100, and the rate stays. Which optimizer takes the same path as before?",
    answer=same[0],
    choices={
        "SGD": "Its first step becomes 100 times as long.",
        "momentum": "The sum begins with a gradient that is 100 times as large, and so does the path.",
        "Adam": "The factor is in the mean and in the root of the mean square, and cancels.",
    },
)

# %%
# **Exercise.** AdaGrad is older than RMSprop. It keeps the *sum* of the squared gradients, and steps by
# :math:`-\text{lr} \, g / (\sqrt{s} + 10^{-10})`. Return the weights after all steps; ``gradients`` has shape (step,
# weight).


def by_torch(w, gradients, lr):
    p = nn.Parameter(w.clone())
    optimizer = torch.optim.Adagrad([p], lr=lr)
    for g in gradients:
        p.grad = g.clone()
        optimizer.step()
    return p.detach()


cases = [
    (torch.tensor([1.0]), torch.tensor([[2.0]]), 0.1),
    (torch.tensor([1.0]), torch.tensor([[3.0], [4.0]]), 0.1),
    (torch.zeros(3), torch.arange(12.0).reshape(4, 3).cos(), 0.5),
    (torch.tensor([1.0, 2.0]), torch.tensor([[0.0, 3.0]]), 0.1),
]


def adagrad(w, gradients, lr):
    raise NotImplementedError


check(adagrad, by_torch, cases)

# %%
# The sum includes the newest gradient. It does not shrink, so for gradients of one size the steps become shorter. In
# the last case, the small number in the divisor keeps 0 divided by 0 away.

# Solution


def adagrad(w, gradients, lr):
    s = torch.zeros_like(w)
    for g in gradients:
        s = s + g**2
        w = w - lr * g / (s.sqrt() + 1e-10)
    return w


report = check(adagrad, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`choosing-a-learning-rate`, the number that matters more than the name.
#
# - Kingma and Ba (2015). `Adam: a method for stochastic optimization <https://arxiv.org/abs/1412.6980>`__. Its section
#   3 derives the bias correction.
# - Goh (2017). `Why momentum really works <https://distill.pub/2017/momentum/>`__. The valley in drawings that you can
#   drag.
# - Choi et al. (2019). `On empirical comparisons of optimizers for deep learning <https://arxiv.org/abs/1910.05446>`__.
#   What a comparison says depends on how each optimizer was tuned.
