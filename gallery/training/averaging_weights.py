"""
.. _averaging-weights:

How do I average the weights of a model? (EMA and SWA)
======================================================

The accuracy jumps from epoch to epoch, and the model that you save is a matter of luck. Keep a second model whose
weights are a running average over the steps, and measure and save that one.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy
import inspect
import math
import statistics

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

train_set, test_set = digits("train"), digits("test")
EPOCHS = 12


def new_network(norm=False):
    norms = [nn.BatchNorm1d(32)] if norm else []
    return nn.Sequential(*(nn.Flatten(), nn.Linear(64, 32)), *norms, nn.ReLU(), nn.Linear(32, 10))


def weights(network):
    return parameters_to_vector(network.parameters()).detach().clone()


def accuracy(network):
    """Return the percentage of right answers in eval mode."""
    network = copy.deepcopy(network).eval()
    with torch.no_grad():
        return (
            100 * (network(test_set.inputs).argmax(dim=1) == test_set.targets).float().mean().item()
        )


def train(seed, after_step=None, after_epoch=None, decay=False, norm=False):
    """Train on noisy digits with a large learning rate, constant or falling to 0."""
    torch.manual_seed(seed)
    network = new_network(norm)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    loader = batches(train_set, 20, shuffle=True, generator=torch.Generator().manual_seed(seed))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(loader))
    for epoch in range(EPOCHS):
        for x, y in loader:
            loss = F.cross_entropy(network(x + 0.5 * torch.randn_like(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if after_step:
                after_step(network)
            if decay:
                schedule.step()
        if after_epoch:
            after_epoch(epoch, network)
    return network


def exponential(decay=0.99):
    """Return an average that begins as the first network that it is given."""
    return AveragedModel(new_network(), multi_avg_fn=get_ema_multi_avg_fn(decay))


def follow(seed):
    """Return the accuracies after each epoch: of the network, and of its average."""
    ema, found = exponential(), []
    train(
        seed,
        after_step=ema.update_parameters,
        after_epoch=lambda _, network: found.append((accuracy(network), accuracy(ema))),
    )
    return list(zip(*found, strict=True))


def draw_jumps():
    curves = [follow(seed) for seed in range(3)]
    _, axis = plt.subplots(figsize=(5.6, 2.6), layout="constrained")
    for seed, pair in enumerate(curves):
        for curve, color, name in zip(
            pair, ("C1", "C0"), ("weights of the last step", "averaged weights"), strict=True
        ):
            label = name if seed == 0 else None
            axis.plot(range(1, EPOCHS + 1), curve, color=color, alpha=0.7, label=label)
    axis.set(xlabel="epoch", ylabel="right answers in %", ylim=(40, 100))
    axis.legend(loc="lower right")
    axis.set_title("The network jumps, and its average settles")
    plt.show()
    return curves


# %%

# Varies with the processor: a training amplifies how it rounds.
curves = draw_jumps()
for last, average in curves:
    assert min(average[4:]) > max(last[4:]) - 3
    assert max(average[4:]) - min(average[4:]) < 5 < max(last[4:]) - min(last[4:])

# %%
# One network was trained on noisy digits with three seeds, and measured on clean ones. Its learning rate is large, so
# the steps carry the weights back and forth. An average cancels a part of this. You need to know
# :ref:`the-training-loop`.
#
# The rule
# --------
#
# After each step the average is updated, :math:`\bar{w} \leftarrow d \, \bar{w} + (1 - d) \, w`, with the decay
# :math:`d`. This is the exponential moving average, EMA. The optimizer does not change it, and the loss of the network
# gives it no gradient. ``AveragedModel`` holds the copy, and its first update takes the weights as they are.

ema = AveragedModel(new_network(), multi_avg_fn=get_ema_multi_avg_fn(0.99))
by_hand = []


def update_both(network):
    ema.update_parameters(network)
    w = weights(network)
    by_hand.append(0.99 * by_hand[-1] + 0.01 * w if by_hand else w)


# Varies with the processor: a training amplifies how it rounds.
network = train(seed=0, after_step=update_both)
print(f"{len(by_hand)} steps; by hand and torch differ by", end=" ")
print(f"{(by_hand[-1] - weights(ema)).abs().max():.0e}; from the last weights by", end=" ")
print(f"{(weights(network) - weights(ema)).abs().max():.2f}")
torch.testing.assert_close(by_hand[-1], weights(ema), atol=1e-5, rtol=1e-5)

# %%
# How long does it remember?
# --------------------------
#
# .. longer: 5 screens — two averages and a falling rate are compared, and a network with batch norm
#
# A weight of n steps ago counts :math:`(1 - d) \, d^n`, so the average looks back about :math:`1 / (1 - d)` steps. The
# first weights have no factor of :math:`1 - d`. If the average looks back longer than the training, it consists mostly
# of these. A training of :val:`660 <len(by_hand)>` steps feeds five averages, and a line shows three seeds.

# Varies with the processor: a training amplifies how it rounds.
memories = {decay: [] for decay in (0.5, 0.9, 0.99, 0.999, 0.9999)}
for seed in range(3):
    averages = [exponential(decay) for decay in memories]  # of the same training
    train(seed, after_step=lambda net, emas=averages: [ema.update_parameters(net) for ema in emas])
    for values, ema in zip(memories.values(), averages, strict=True):
        values.append(accuracy(ema))
for decay, values in memories.items():
    print(f"decay {decay:<7}{1 / (1 - decay):>6.0f} steps back:", end=" ")
    print(", ".join(f"{one:.1f} %" for one in values))

# %%
# Equal parts: SWA, beside a falling rate
# ---------------------------------------
#
# Stochastic weight averaging takes the plain mean of a few networks, here of those after each of the last six epochs.
# It is what ``AveragedModel`` computes by default. Here its rate stays large to the end. (``SWALR`` brings a falling
# rate to a constant.) A rate that falls to zero calms the weights, too, without a second model. The figures are means
# and ranges of five seeds.

# Varies with the processor: a training amplifies how it rounds.
found = {"constant rate": [], "its EMA": [], "its SWA": [], "falling rate": [], "EMA of that": []}
for seed in range(5):
    ema, swa = exponential(), AveragedModel(new_network())
    last = train(
        seed,
        after_step=ema.update_parameters,
        after_epoch=lambda epoch, net, swa=swa: epoch >= 6 and swa.update_parameters(net),
    )
    late = exponential()
    falling = train(seed, after_step=late.update_parameters, decay=True)
    for name, model in zip(found, (last, ema, swa, falling, late), strict=True):
        found[name].append(accuracy(model))
for name, values in found.items():
    print(f"{name:<14}{statistics.mean(values):.1f} % ({min(values):.1f} to {max(values):.1f})")

# %%
# Here the average is worth a lot where the rate stays large, and next to nothing where the rate has fallen to zero. It
# lets you measure at each moment of a training whose end you have not fixed.
#
# Batch norm
# ----------
#
# By default the average has the *last* running mean and variance of the network, which were not measured with its own
# weights. ``use_buffers=True`` averages them, too. ``torch.optim.swa_utils.update_bn`` computes them again, by one pass
# through the training data. Here are three seeds of SWA, in which that changes little.

# Varies with the processor: a training amplifies how it rounds.
batch_norm = []
for seed in range(3):
    swa = AveragedModel(new_network(norm=True))
    train(
        seed,
        after_epoch=lambda epoch, net, swa=swa: epoch >= 6 and swa.update_parameters(net),
        norm=True,
    )
    before = accuracy(swa)
    noisy = (x + 0.5 * torch.randn_like(x) for x, _ in batches(train_set, 50))
    update_bn(noisy, swa)
    batch_norm.append((before, accuracy(swa)))
    print("SWA {:.1f} %, after update_bn {:.1f} %".format(*batch_norm[-1]))

# %%
# .. use-this::
#
#    Take an EMA with a decay such that ``1 / (1 - decay)`` is about a tenth of your steps. torch's default is
#    :val:`0.999 <inspect.signature(get_ema_multi_avg_fn).parameters["decay"].default>`. Update after each
#    ``optimizer.step()``, call ``ema.eval()``, and measure and save the average. It costs one more copy of the weights,
#    and a pass over them in each step. Where the rate falls to zero, expect little from it. With batch norm call
#    ``update_bn`` before you measure. A checkpoint that is to be resumed holds model and average.
#
# A common mistake
# ----------------
#
# **The average does not load into the model.** ``AveragedModel`` wraps a copy, so the names in its ``state_dict`` begin
# with ``module.``, and it counts its updates. Save the state of ``ema.module`` for use. See :ref:`loading-state-dict`.

ema = exponential()
ema.update_parameters(network)
with expect_error(RuntimeError, match="Unexpected key"):
    new_network().load_state_dict(ema.state_dict())
fresh = new_network()
print(fresh.load_state_dict(ema.module.state_dict()))
assert torch.equal(weights(fresh), weights(network))  # the average of one network is that network

# %%
# How this was checked

assert len(by_hand) == EPOCHS * math.ceil(len(train_set) / 20) == 660
# Averages of a constant rate are better than its last weights, and a falling rate is as good.
ranges = {name: (min(values), max(values)) for name, values in found.items()}
for name in ("its EMA", "its SWA"):
    assert ranges[name][0] > ranges["constant rate"][1]
    assert abs(statistics.mean(found[name]) - statistics.mean(found["falling rate"])) < 3
assert abs(statistics.mean(found["EMA of that"]) - statistics.mean(found["falling rate"])) < 0.5
assert inspect.signature(get_ema_multi_avg_fn).parameters["decay"].default == 0.999
# SWA is the plain mean, and an EMA with a decay of 0 is the last network; random weights.
nets = [new_network() for _ in range(4)]
swa, ema, still = AveragedModel(nets[0]), exponential(0.0), exponential(1.0)
for net in nets:
    swa.update_parameters(net)
    ema.update_parameters(net)
    still.update_parameters(net)
torch.testing.assert_close(weights(swa), torch.stack([weights(net) for net in nets]).mean(dim=0))
assert torch.equal(weights(ema), weights(nets[-1]))
assert torch.equal(weights(still), weights(nets[0]))
assert swa.n_averaged == 4
# The weight of n steps ago, and how much of the average lies within 1 / (1 - d) steps: about 1 - 1/e.
for d in (0.9, 0.99, 0.999):
    ema = AveragedModel(nn.Linear(1, 1, bias=False), multi_avg_fn=get_ema_multi_avg_fn(d))
    one = nn.Linear(1, 1, bias=False)
    for value in (0.0, 1.0, 0.0, 0.0, 0.0):  # a pulse three steps ago
        nn.init.constant_(one.weight, value)
        ema.update_parameters(one)
    torch.testing.assert_close(ema.module.weight.item(), (1 - d) * d**3)
    within = sum((1 - d) * d**n for n in range(round(1 / (1 - d))))
    assert 0.62 < within < 0.66
# The first weights count d to the power of the steps after them.
ema, one = AveragedModel(nn.Linear(1, 1), multi_avg_fn=get_ema_multi_avg_fn(0.9)), nn.Linear(1, 1)
for value in (1.0, 0.0, 0.0, 0.0):
    nn.init.constant_(one.weight, value)
    ema.update_parameters(one)
torch.testing.assert_close(ema.module.weight.item(), 0.9**3)
# SWALR ends at its constant rate.
optimizer = torch.optim.SGD(one.parameters(), lr=0.01)
schedule = SWALR(optimizer, swa_lr=0.5, anneal_epochs=3)
for _ in range(5):
    optimizer.step()
    schedule.step()
assert optimizer.param_groups[0]["lr"] == 0.5
# update_bn moves the accuracy of these three by little.
assert max(abs(after - before) for before, after in batch_norm) < 5
# Buffers: the last ones by default, averaged ones with use_buffers.
for use_buffers in (False, True):
    averaged = AveragedModel(new_network(norm=True), use_buffers=use_buffers)
    nets, x = [new_network(norm=True) for _ in range(2)], torch.randn(50, 1, 8, 8)
    for net in nets:
        net(x)
        averaged.update_parameters(net)
    means = torch.stack([net[2].running_mean for net in nets])
    expected = means.mean(dim=0) if use_buffers else means[-1]
    torch.testing.assert_close(averaged.module[2].running_mean, expected)
# update_bn leaves the mean over the batches, and the mode as it was.
update_bn([x[:25], x[25:]], averaged.eval())
with torch.no_grad():
    hidden = averaged.module[1](x.flatten(1))
torch.testing.assert_close(averaged.module[2].running_mean, hidden.mean(dim=0))
assert not averaged.module.training
# The copy has the mode of the model that it was made of, and train() on the model does not reach it.
model = new_network()
ema = AveragedModel(model.eval())
model.train()
assert not ema.module.training
# The average requires no gradients from the loss of the model, and shares no memory with it.
assert not {p.data_ptr() for p in ema.parameters()} & {p.data_ptr() for p in model.parameters()}
F.cross_entropy(model(x), torch.zeros(50, dtype=torch.int64)).backward()
assert {p.grad for p in ema.parameters()} == {None}
# With fit, a hook of the optimizer updates after each step.
torch.manual_seed(0)
model = new_network()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
ema = exponential()
optimizer.register_step_post_hook(lambda *_: ema.update_parameters(model))
fit(model, batches(train_set, 20), F.cross_entropy, optimizer, epochs=1)
assert ema.n_averaged == 55

# %%
# Check yourself
# --------------

d = 0.99
ask(
    "With a decay of 0.99, how many steps does an average look back, about?",
    answer=round(1 / (1 - d)),
    choices={
        10: "That is right for a decay of 0.9.",
        99: "The decay itself, times 100, says nothing about steps.",
        100: "1 / (1 - 0.99). About two thirds of the weight are within them.",
    },
)

# %%
# The next question asks about the start.

one, ema = (
    nn.Linear(1, 1, bias=False),
    AveragedModel(nn.Linear(1, 1, bias=False), multi_avg_fn=get_ema_multi_avg_fn(0.9)),
)
for value in (10.0, 20.0):
    nn.init.constant_(one.weight, value)
    ema.update_parameters(one)
ask(
    "An EMA with a decay of 0.9 is updated with a weight of 10, then with 20. What does torch's AveragedModel hold?",
    answer=round(ema.module.weight.item(), 2),
    choices={
        11.0: "The first update copies the 10. Then 0.9 · 10 + 0.1 · 20.",
        2.9: "That would be right if the average began at 0.",
        15.0: "That is the plain mean, which SWA takes.",
    },
)

# %%
# **Exercise.** A young average should forget faster. In update number :math:`t = 0, 1, 2, \ldots` use the decay
# :math:`\min(d, (1 + t) / (10 + t))`. Return the average after the last of the ``weights``, which have shape (step,
# parameter). It begins as the first of them, which is update number 0.


def by_torch(weights, d):
    model = nn.Module()
    model.w = nn.Parameter(weights[0].clone())

    def average(old, new, count):
        decay = torch.minimum(torch.tensor(d), (1 + count) / (10 + count))
        return decay * old + (1 - decay) * new

    ema = AveragedModel(model, avg_fn=average)
    for row in weights:
        model.w.data = row.clone()
        ema.update_parameters(model)
    return ema.module.w.detach()


cases = [
    (torch.tensor([[1.0], [2.0]]), 0.99),
    (torch.tensor([[1.0, 0.0], [2.0, 5.0], [3.0, -5.0]]), 0.1),
    (torch.randn(40, 3), 0.6),
]


def warm_average(weights, d):
    raise NotImplementedError


check(warm_average, by_torch, cases)

# %%
# The second update has a small decay, so it takes most of the new weights.

# Solution


def warm_average(weights, d):
    average = weights[0]
    for t, w in enumerate(weights[1:], 1):
        decay = min(d, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * w
    return average


report = check(warm_average, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`the-loss-does-not-fall`, what to look at when a training does not learn.
#
# - Izmailov et al. (2018). `Averaging weights leads to wider optima and better generalization
#   <https://arxiv.org/abs/1803.05407>`__. SWA, and why batch norm needs a pass through the data.
# - Polyak and Juditsky (1992). `Acceleration of stochastic approximation by averaging
#   <https://doi.org/10.1137/0330046>`__. What the average over the steps gains, in theory.
