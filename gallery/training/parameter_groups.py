"""
.. _parameter-groups:

How do I give layers different learning rates, or freeze some of them?
======================================================================

The trained layers (the body) should move slowly while a new last layer (the head) learns fast, and some parameters
should have no weight decay. Give the optimizer a list of dictionaries, its parameter groups, each with settings of its
own.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    StepLR,
)

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

FEW = 30  # images for the new head
train_set, validation_set = digits("train"), digits("validation")


def new_network(seed=0):
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU())
    return nn.Sequential(OrderedDict(body=body, head=nn.Linear(32, 10)))


def train(network, optimizer, images, labels, epochs=1, seed=0, size=50):
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for places in torch.randperm(len(images), generator=order).split(size):
            loss = F.cross_entropy(network(images[places]), labels[places])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def one_step(network, optimizer, set_to_none=True):
    optimizer.zero_grad(set_to_none=set_to_none)
    F.cross_entropy(network(train_set.inputs[:50]), train_set.targets[:50]).backward()
    optimizer.step()


def moved(part, before):
    """Return how far a part went from its weights before, relative to their length."""
    now, old = (nn.utils.parameters_to_vector(m.parameters()).detach() for m in (part, before))
    return ((now - old).norm() / old.norm()).item()


def accuracy(network):
    with torch.no_grad():
        answers = network(validation_set.inputs).argmax(dim=1)
    return 100 * (answers == validation_set.targets).float().mean().item()


def freeze(way):
    network = new_network()
    parts = [{"params": network.body.parameters()}, {"params": network.head.parameters()}]
    optimizer = SGD(parts, lr=0.1, momentum=0.9, weight_decay=0.01)
    for _ in range(5):
        one_step(network, optimizer)
    before = copy.deepcopy(network)
    if way.startswith("requires_grad"):
        network.body.requires_grad_(False)
    if way == "lr = 0":
        optimizer.param_groups[0]["lr"] = 0.0
    if way == "left out":
        optimizer = SGD(network.head.parameters(), lr=0.1, momentum=0.9)
    for _ in range(5):
        one_step(network, optimizer, set_to_none="zeros" not in way)
    gradient = network.body[1].weight.grad
    filled = gradient is not None and gradient.norm().item() > 0
    return moved(network.body, before.body), filled


def fine_tune(base, body_lr, seed):
    """Give a trained network a new head, train both on a few images, and return the accuracy in %."""
    order = torch.Generator().manual_seed(seed + 50)
    few = torch.randperm(len(train_set), generator=order)[:FEW]
    network = copy.deepcopy(base)
    network.head.reset_parameters()
    groups = [{"params": network.body.parameters(), "lr": body_lr}]
    optimizer = Adam([*groups, {"params": network.head.parameters()}], lr=0.05)
    train(network, optimizer, *train_set[few], epochs=40, seed=seed, size=25)
    return accuracy(network)


def goes_on(make):
    """Add a group with the rate 0.01 after a schedule was made; return its rate after 3 steps, or the error."""
    network = new_network()
    optimizer = SGD(network.head.parameters(), lr=0.1)
    schedule = make(optimizer)
    optimizer.add_param_group({"params": network.body.parameters(), "lr": 0.01})
    try:
        for _ in range(3):
            one_step(network, optimizer)
            schedule.step()
    except ValueError as error:
        return type(error).__name__
    return f"{optimizer.param_groups[1]['lr']:.4f}"


def span(numbers):
    return f"{min(numbers):.0f} to {max(numbers):.0f} %"


# %%

network = new_network()
before = copy.deepcopy(network)
groups = [
    {"params": network.body.parameters(), "lr": 0.01},
    {"params": network.head.parameters()},  # takes the lr below
]
optimizer = SGD(groups, lr=0.3, momentum=0.9)
train(network, optimizer, *train_set[:])
for name in ("body", "head"):
    part, old = network.get_submodule(name), before.get_submodule(name)
    print(f"the {name} moved by {moved(part, old):.0%} of its length")

# %%
# One epoch on digits moved the head far and the body a little. You need to know :ref:`optimizers`.
#
# .. longer: 6 screens — rates, freezing and later groups each have a measured cell
#
# The rule
# --------
#
# A group is a dictionary. ``"params"`` holds its parameters, and the other keys are settings. A setting that the group
# does not name comes from the arguments of the optimizer. Each parameter belongs to one group, and ``step`` uses the
# settings of that group. The groups are in ``optimizer.param_groups``, where you may read and change them between two
# steps.

for group in optimizer.param_groups:
    numbers = sum(p.numel() for p in group["params"])
    print(f"lr {group['lr']}, momentum {group['momentum']}, {numbers} numbers")
optimizer.param_groups[0]["lr"] *= 10  # from the next step on
print("body now:", optimizer.param_groups[0]["lr"])

# %%
# Groups by name
# --------------
#
# Sort the parameters by their names and their number of axes. Here the biases get no
# :ref:`weight decay <weight-decay>`, and the body has a smaller rate than the head. An optimizer also takes pairs of
# name and parameter, and keeps the names.

groups = []
for name, p in network.named_parameters():
    lr = 0.01 if name.startswith("head.") else 0.003
    decay = 0.1 if p.ndim >= 2 else 0.0
    groups.append({"params": [(name, p)], "lr": lr, "weight_decay": decay})
optimizer = AdamW(groups)
for group in optimizer.param_groups:
    print(*group["param_names"], f"lr {group['lr']}, weight_decay {group['weight_decay']}")

# %%
# When does a smaller rate for the body help?
# -------------------------------------------
#
# It helps where the body has learned nearly the same task, and the rate of the new head would spoil it. Here a network
# was trained on the digits 0 to 7, or on mirrored digits. Then it gets a new head with the rate 0.05, and learns from
# :val:`FEW` images of the ten digits. The cell prints the worst and the best of five seeds, and the mean.

# Varies with the processor: a training amplifies how it rounds.
most = train_set.targets < 8
before_tasks = {
    "0 to 7": (train_set.inputs[most], train_set.targets[most]),
    "mirrored": (train_set.inputs.flip(-1), train_set.targets),
}
found = {}
for task, known in before_tasks.items():
    for seed in range(5):
        base = new_network(seed)
        train(base, Adam(base.parameters(), lr=0.01), *known, epochs=15, seed=seed)
        for body_lr in (0.05, 0.005, 0.0):
            found.setdefault((task, body_lr), []).append(fine_tune(base, body_lr, seed))
for (task, body_lr), right in found.items():
    mean = sum(right) / len(right)
    print(f"first {task:<9} body lr {body_lr:<6} {span(right)} right, mean {mean:.0f} %")

# %%
# After the digits 0 to 7, the mean is better with a tenth of the rate for the body than with the whole rate. A frozen
# body is about as good, and cheaper. After mirrored digits the body has to change, and the frozen one has the worst
# mean.
#
# Three ways to freeze
# --------------------
#
# ``requires_grad_(False)`` is the usual way: no gradient is computed. A rate of 0 in the group stops the steps alone.
# An optimizer without the parameters does not touch them either. But ``backward`` still fills their ``.grad``, and the
# ``zero_grad`` of this optimizer does not reach them. The body below had five steps with momentum and decay before.

ways = ["requires_grad = False", "lr = 0", "left out", "requires_grad = False, grads are zeros"]
frozen = {way: freeze(way) for way in ways}
for way, (distance, filled) in frozen.items():
    print(f"{way:<39}moved {distance:5.1%}, gradients computed: {'yes' if filled else 'no'}")

# %%
# In the last line, ``zero_grad(set_to_none=False)`` left zeros. Zeros are a gradient: momentum and decay go on moving
# the weights. With ``None``, the default of ``zero_grad``, ``step`` skips them. All this is about parameters. The
# running means of batch norm are buffers, so a frozen body with batch norm needs ``eval``, too
# (:ref:`frozen-batch-norm`).
#
# A group that comes later
# ------------------------
#
# ``add_param_group`` adds parameters, for example when you unfreeze the body. The state of the others is kept. Below,
# six schedules were made first, and the new group came with the rate 0.01. The cell prints its rate after three steps.

schedules = {
    "StepLR": lambda o: StepLR(o, 2),
    "ExponentialLR": lambda o: ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, 10),
    "LinearLR": lambda o: LinearLR(o, start_factor=0.1, total_iters=3),
    "LambdaLR": lambda o: LambdaLR(o, lambda t: 0.9**t),
    "MultiplicativeLR": lambda o: MultiplicativeLR(o, lambda t: 0.9),
}
later = {name: goes_on(make) for name, make in schedules.items()}
for name, rate in later.items():
    print(f"{name:<18}0.01 -> {rate}")

# %%
# The first three lower the new rate, too. ``LinearLR`` multiplies by ten in all, because it expects a rate that it has
# lowered at the start. Those that have one function for each group fail.
#
# .. use-this::
#
#    Write two groups, one for the body and one for the head, and set ``lr`` in each. Begin fine-tuning with a tenth of
#    the rate for the body. This is a convention, so try other rates and the frozen body. To freeze, call
#    ``requires_grad_(False)`` before the first ``backward`` and leave the parameters in the optimizer: then a
#    checkpoint fits later, too. To unfreeze, set it to ``True``. A frozen body saves the memory of its gradients and
#    of the optimizer's state. Make a schedule after the last group.
#
# Common mistakes
# ---------------
#
# **A misspelled setting.** A group takes keys that its optimizer does not know, and ignores them without an error. A
# parameter in two groups is an error. So is another number of groups than in the checkpoint
# (:ref:`parameter-group-that-doesnt-match`), and :ref:`parameters that are in no group
# <parameters-that-are-not-trained>` are not trained.

network = new_network()
optimizer = SGD([{"params": network.parameters(), "learning_rate": 0.001}], lr=0.5)
print("rate in use:", optimizer.param_groups[0]["lr"])
known = set(optimizer.defaults) | {"params", "param_names"}
print("unknown keys:", [set(group) - known for group in optimizer.param_groups])
with expect_error(ValueError, match="some parameters appear in more than one parameter group"):
    SGD([{"params": network.parameters()}, {"params": network.head.parameters(), "lr": 0.1}])

# %%
# How this was checked

assert optimizer.param_groups[0]["lr"] == 0.5
# A group's settings are those of an optimizer of its own.
for kind in (SGD, Adam, AdamW):
    grouped, alone = new_network(), new_network()
    one = kind(
        [{"params": grouped.body.parameters(), "lr": 0.01}, {"params": grouped.head.parameters()}],
        lr=0.1,
    )
    two = kind(alone.body.parameters(), lr=0.01), kind(alone.head.parameters(), lr=0.1)
    for _ in range(5):
        one_step(grouped, one)
        alone.zero_grad()
        F.cross_entropy(alone(train_set.inputs[:50]), train_set.targets[:50]).backward()
        for optimizer in two:
            optimizer.step()
    for a, b in zip(grouped.parameters(), alone.parameters(), strict=True):
        assert torch.equal(a, b)
assert frozen["requires_grad = False"] == (0.0, False)
assert frozen["lr = 0"] == (0.0, True)
assert frozen["left out"] == (0.0, True)
distance, filled = frozen["requires_grad = False, grads are zeros"]
assert distance > 0.01
assert not filled
# Left out: the gradients of the body add up, because zero_grad of this optimizer does not reach them.
network = new_network()
optimizer = SGD(network.head.parameters(), lr=0.0)
one_step(network, optimizer)
first = network.body[1].weight.grad.clone()
one_step(network, optimizer)
torch.testing.assert_close(network.body[1].weight.grad, 2 * first)
assert list(later.values())[3:] == ["0.1000", "ValueError", "ValueError"]
assert all(float(rate) < 0.01 for rate in list(later.values())[:3])
near = [found["0 to 7", lr] for lr in (0.05, 0.005, 0.0)]
far = [found["mirrored", lr] for lr in (0.05, 0.005, 0.0)]
means = [sum(right) / len(right) for right in (*near, *far)]
assert min(means[1:3]) > means[0] + 3
assert all(small > whole for whole, small in zip(near[0], near[1], strict=True))  # each seed
assert abs(means[1] - means[2]) < 3
assert min(means[3:5]) > means[5] + 2
# A group that comes later leaves the state of the others as it was.
network = new_network()
optimizer = Adam(network.head.parameters(), lr=0.01)
one_step(network, optimizer)
kept = optimizer.state[network.head.weight]["exp_avg"].clone()
optimizer.add_param_group({"params": network.body.parameters()})
assert torch.equal(optimizer.state[network.head.weight]["exp_avg"], kept)
# The checkpoint of a frozen network fits an optimizer of the whole network, and training goes on.
network = new_network()
network.body.requires_grad_(False)
optimizer = Adam(network.parameters(), lr=0.01)
one_step(network, optimizer)
thawed = new_network()
fresh = Adam(thawed.parameters(), lr=0.01)
fresh.load_state_dict(optimizer.state_dict())
one_step(thawed, fresh)
assert set(fresh.state) == set(thawed.parameters())
# Frozen batch norm in train mode still changes its running mean.
norm = nn.BatchNorm1d(3).requires_grad_(False)
norm(torch.arange(12.0).reshape(4, 3))
assert norm.running_mean.norm() > 0
# Unfreezing: parameters that stay in the optimizer go on when they require gradients again.
network = new_network()
optimizer = Adam(network.parameters(), lr=0.01)
network.body.requires_grad_(False)
before = copy.deepcopy(network)
one_step(network, optimizer)
assert moved(network.body, before.body) == 0
assert set(optimizer.state) == set(network.head.parameters())  # no state for frozen ones
network.body.requires_grad_(True)
one_step(network, optimizer)
assert moved(network.body, before.body) > 0
# The defaults are read once: changing them later has no effect. Other errors of groups:
optimizer.defaults["lr"] = 5.0
assert optimizer.param_groups[0]["lr"] == 0.01
with expect_error(TypeError, match="organized in ordered collections"):
    SGD([{"params": set(network.parameters())}])
with expect_error(ValueError, match="can't optimize a non-leaf Tensor"):
    optimizer.add_param_group({"params": [2 * nn.Parameter(torch.ones(2))]})
with expect_warning(UserWarning, match="a parameter group with duplicate parameters"):
    SGD([network.head.bias, network.head.bias])
# With one group for each parameter, weights and state are the same as with one for all.
single, many = new_network(), new_network()
pair = Adam(single.parameters()), Adam([{"params": [p]} for p in many.parameters()])
for _ in range(3):
    one_step(single, pair[0]), one_step(many, pair[1])
assert all(map(torch.equal, single.parameters(), many.parameters()))

# %%
# Check yourself
# --------------

network = new_network()
optimizer = SGD(
    [{"params": network.body.parameters(), "lr": 0.01}, {"params": network.head.parameters()}],
    lr=0.5,
)
schedule = ExponentialLR(optimizer, gamma=0.1)
one_step(network, optimizer)
schedule.step()
ask(
    "Two groups begin with the rates 0.01 and 0.5, and ExponentialLR(optimizer, gamma=0.1) is stepped once. What are "
    "the rates?",
    answer=str([round(group["lr"], 6) for group in optimizer.param_groups]),
    choices={
        "[0.001, 0.05]": "A schedule multiplies the rate of each group.",
        "[0.01, 0.05]": "The schedule reaches each group, also those with a rate of their own.",
        "[0.05, 0.05]": "Each group keeps its own first rate.",
    },
)

# %%
# The next question is about adding.

network = new_network()
optimizer = Adam(network.head.parameters(), lr=0.1)
one_step(network, optimizer)
optimizer.add_param_group({"params": network.body.parameters()})
ask(
    "Adam(network.head.parameters(), lr=0.1) is made, and later add_param_group({'params': "
    "network.body.parameters()}). What is the rate of the body?",
    answer=optimizer.param_groups[1]["lr"],
    choices={
        0.001: "It is the default of Adam, but this optimizer was made with another one.",
        0.1: "The arguments of the optimizer are the defaults of groups that come later, too.",
        0.0: "A group does not begin frozen.",
    },
)

# %%
# **Exercise.** Fine-tuning often lets the rate fall from layer to layer towards the input. Return the rate of each of
# ``layers`` layers, the first layer first: the last layer has ``lr``, and each layer before it ``factor`` times that of
# the layer after it.


def by_loop(lr, factor, layers):
    rates = [lr]
    for _ in range(layers - 1):
        rates.insert(0, rates[0] * factor)
    return torch.tensor(rates)


cases = [(0.1, 0.5, 1), (0.1, 0.5, 3), (0.01, 0.9, 6)]


def layer_rates(lr, factor, layers):
    raise NotImplementedError


check(layer_rates, by_loop, cases)

# %%
# The exponent counts the layers that follow.

# Solution


def layer_rates(lr, factor, layers):
    return lr * factor ** torch.arange(layers - 1, -1, -1.0)


report = check(layer_rates, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`gradient-clipping`, a limit on the length of a step.
#
# - PyTorch contributors (2026). `Per-parameter options
#   <https://docs.pytorch.org/docs/stable/optim.html#per-parameter-options>`__. The reference.
# - Howard and Ruder (2018). `Universal language model fine-tuning for text classification
#   <https://arxiv.org/abs/1801.06146>`__. A rate for each layer, and layers that are unfrozen one after the other.
