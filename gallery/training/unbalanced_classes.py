"""
.. _unbalanced-classes:

Unbalanced classes: class weights or WeightedRandomSampler?
===========================================================

One image in fifty shows what you look for, and a network that finds none of them is right in
:val:`98 <100 * (1 - rare)>` % of the cases. Move the threshold, or give the rare class more weight in the loss or in
the :term:`sampler`, and measure its :term:`recall`.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, RandomSampler, WeightedRandomSampler

from ptguide.data import TensorData, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

# Is it an 8? The training set keeps 20 of its eights. Validation and test part measure together.
train_set, others = digits("train"), [digits("validation"), digits("test")]
is_eight = train_set.targets == 8
kept = (~is_eight | (is_eight.cumsum(0) <= 20)).nonzero().flatten()
kept = kept[torch.randperm(len(kept), generator=torch.Generator().manual_seed(0))]
images, labels = train_set.inputs[kept], is_eight[kept].long()
new_images = torch.cat([part.inputs for part in others])
new_labels = torch.cat([part.targets for part in others]) == 8
counts = labels.bincount()
rare = (counts[1] / counts.sum()).item()  # 2 of 100
balanced = counts.sum() / (2 * counts)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def train(seed, weight=None, sampled=False, lr=0.1):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    if sampled:
        sampler = WeightedRandomSampler(balanced[labels], len(labels), generator=seeded(seed))
    else:
        sampler = RandomSampler(labels, generator=seeded(seed))
    for _epoch in range(20):
        for indices in torch.tensor(list(sampler)).split(50):
            loss = F.cross_entropy(network(images[indices]), labels[indices], weight=weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def log_odds(network):
    """Return by how much the logit of "an 8" is above the other, for the new images."""
    with torch.no_grad():
        return network(new_images).diff(dim=1).flatten()


def rates(says):
    """Return the recall, and the fraction of the other digits that are called an 8."""
    return says[new_labels].float().mean().item(), says[~new_labels].float().mean().item()


def draw_ways():
    _, axes = plt.subplots(1, 2, figsize=(6.2, 2.2), sharey=True, layout="constrained")
    names = ["eights that are found, in %", "other digits that are called 8, in %"]
    for axis, name, column in zip(axes, names, (0, 1), strict=True):
        for row, values in enumerate(found.values()):
            axis.plot([100 * one[column] for one in values], [row] * 5, "o", alpha=0.6)
        axis.set(xlim=((-4, 104), (-0.6, 15.6))[column], ylim=(3.5, -0.5))
        axis.set_xlabel(name, fontsize="small")
    axes[0].set_yticks(range(4), list(found))
    plt.suptitle("Without a weight, many eights are missed")
    plt.show()


ways = {"as it is": {}, "as it is, larger steps": {"lr": 1.0}}
ways |= {"weight in the loss": {"weight": balanced}, "sampler": {"sampled": True}}
networks = {name: [train(seed, **way) for seed in range(5)] for name, way in ways.items()}
found = {
    name: [rates(log_odds(network) > 0) for network in group] for name, group in networks.items()
}

# %%

# Varies with the processor: a training amplifies how it rounds.
draw_ways()
assert rare == torch.tensor(0.02)

# %%
# A dot is one training, with :val:`20 <counts[1]>` eights among :val:`1000 <len(labels)>` images. Networks that were
# trained on the data as it is call no new image an 8. With larger steps, at ten times the learning rate, they find
# about half. With weights or the sampler, they find most of the eights at the small rate, and call some other digits an
# 8. You need to know :ref:`splitting-data`, and :ref:`evaluation` for the recall. Such data are also called imbalanced,
# and the frequent class is the majority class.
#
# .. longer: 5 screens — weights and a sampler have a cell each, and what they cost
#
# The rule
# --------
#
# Of N examples in K classes, class c has :math:`n_c`. The weight :math:`w_c = N / (K n_c)` makes the classes count
# equally. ``F.cross_entropy`` takes one weight for each class. If the targets are labels, it divides by the sum of
# their weights. So the examples of a batch count by their weights, and in a batch of one class the weight cancels. Here
# is the loss from scratch:


def weighted_loss(logits, labels, weight):
    each = -logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]
    return (weight[labels] * each).sum() / weight[labels].sum()


weight = counts.sum() / (len(counts) * counts)
print("weights", [round(one, 2) for one in weight.tolist()])
some = torch.cat([labels.argmax()[None], torch.arange(5)])
logits = networks["as it is"][0](images[some])
by_hand = weighted_loss(logits, labels[some], weight)
torch.testing.assert_close(F.cross_entropy(logits, labels[some], weight=weight), by_hand)

# %%
# The sampler
# -----------
#
# :class:`torch.utils.data.WeightedRandomSampler` takes one weight for each *example*, and draws with replacement. In
# an epoch of :val:`1000 <len(labels)>` draws about half of the images show an 8, each of them many times. More than
# half of the others are left out. Give the loader no ``shuffle=True``: it refuses both together.

sampler = WeightedRandomSampler(weight[labels], num_samples=len(labels), generator=seeded())
drawn = torch.cat(list(DataLoader(range(len(labels)), batch_size=50, sampler=sampler)))
times = drawn.bincount(minlength=len(labels))
print(f"{labels[drawn].float().mean():.0%} of what is drawn shows an 8")
print(f"{(times[labels == 0] == 0).float().mean():.0%} of the other digits are left out")

# %%
# What it costs: false alarms
# ---------------------------
#
# Precision is the fraction of the answers "an 8" that are right. It depends on how rare an 8 is where the network is
# used. If it is :val:`2 <100 * rare>` % there, most of the answers "an 8" are wrong, although few of the other digits
# are called so.

# Varies with the processor: a training amplifies how it rounds.
for name in ("weight in the loss", "sampler"):
    recall, alarms = torch.tensor(found[name]).mean(dim=0).tolist()
    precision = recall * rare / (recall * rare + alarms * (1 - rare))
    print(f"{name:<18} recall {recall:.0%}, false alarms {alarms:.1%}, precision {precision:.0%}")
    assert precision < 0.5

# %%
# The probabilities are too large
# -------------------------------
#
# A network that learned from balanced classes expects as many eights as other digits. So the difference of its logits
# is too large, by about :math:`\log (n_0 / n_1)`. Add :math:`\log (n_1 / n_0)`, and the mean probability of an 8 is
# closer to the truth in these networks. Their average is now too small, so choose the shift by validation images if you
# need probabilities. The same number makes up for a missing weight: without one, call an image an 8 where the
# difference is *above* it.

# Varies with the processor: a training amplifies how it rounds.
shift = math.log(counts[1] / counts[0])
mix = torch.where(new_labels, rare / new_labels.sum(), (1 - rare) / (~new_labels).sum())
for name in ("weight in the loss", "sampler"):
    odds = torch.stack([log_odds(network) for network in networks[name]])
    before, after = ((mix * (odds + by).sigmoid()).sum(dim=1) for by in (0, shift))
    print(f"{name:<18} 8 in {before.mean():.1%}, corrected {after.mean():.1%}, true {rare:.0%}")
    assert (after - rare).abs().max() < (before - rare).abs().min()
    assert after.mean() < rare < before.min()
moved = [rates(log_odds(network) > shift) for network in networks["as it is, larger steps"]]
print("no weight, above log(n1 / n0): recall", ", ".join(f"{recall:.0%}" for recall, _ in moved))

# %%
# .. use-this::
#
#    Measure recall and precision of the rare class first. Train without a weight until the loss no longer falls, and
#    move the threshold: that costs nothing. Otherwise pass the weights :math:`N / (K n_c)` to the loss, in the dtype
#    and on the device of the logits. If the loss jumps, because a rare example makes a large step, lower the learning
#    rate or take the sampler. It repeats the rare examples, so augment them, and it takes at most :val:`2**24` weights.
#    With one logit for yes or no, the argument is ``pos_weight`` of ``binary_cross_entropy_with_logits``: how many are
#    negative, divided by how many are positive. Leave validation and test part as they are.
#
# A common mistake
# ----------------
#
# **A weight for each class, given to the sampler.** The sampler draws *positions* in the list of weights. Two weights
# mean that it draws the examples 0 and 1, and no error is raised. Index the weights with the labels. (To use both ways
# at once is a mistake, too: the networks trained with both called nearly each image an 8.)

wrong = WeightedRandomSampler(weight, num_samples=1000, generator=seeded())
right = WeightedRandomSampler(weight[labels], num_samples=1000, generator=seeded())
for name, sampler in {"weight": wrong, "weight[labels]": right}.items():
    print(f"{name:<15} {len(set(sampler)):>3} different examples")
assert set(wrong) == {0, 1}

# %%
# How this was checked

assert 0.4 < labels[drawn].float().mean() < 0.6
assert times[labels == 1].min() >= 10
assert (times[labels == 0] == 0).float().mean() > 0.5
# Weights and sampler at once: an 8 counts 49 times as much, in batches that are balanced already.
twice = [rates(log_odds(train(seed, weight=balanced, sampled=True)) > 0) for seed in range(3)]
assert min(alarms for _, alarms in twice) > 0.9
assert counts[0] == 49 * counts[1]
for recall, alarms in found["as it is"]:
    assert (recall, alarms) == (0, 0)
for recall, alarms in found["as it is, larger steps"]:
    assert 0.25 < recall < 0.75
    assert alarms < 0.05
assert min(recall for recall, _ in moved) > 0.65
for name in ("weight in the loss", "sampler"):
    for recall, alarms in found[name]:
        assert recall > 0.5
        assert alarms < 0.15
# A larger step: the weighted loss of a batch with a rare example is mostly that example.
steep = {
    name: [rates(log_odds(train(seed, lr=0.5, **ways[name])) > 0)[1] for seed in range(3)]
    for name in ("weight in the loss", "sampler")
}
assert max(steep["weight in the loss"]) > 2 * max(steep["sampler"])
for classes in (2, 3, 7):
    torch.manual_seed(0)
    logits, targets = torch.randn(40, classes), torch.randint(classes, (40,))
    weight = torch.rand(classes)
    torch.testing.assert_close(
        F.cross_entropy(logits, targets, weight=weight), weighted_loss(logits, targets, weight)
    )
    # In a batch of one class the weight cancels.
    same = torch.full((40,), 1)
    torch.testing.assert_close(
        F.cross_entropy(logits, same, weight=weight), F.cross_entropy(logits, same)
    )
    # The weights of the examples add up to N.
    n = targets.bincount(minlength=classes)
    torch.testing.assert_close((len(targets) / (classes * n))[targets].sum(), torch.tensor(40.0))
# pos_weight multiplies the term of the positive examples, and is not divided out.
logit, target = torch.randn(40), torch.randint(2, (40,)).float()
by_hand = -(5 * target * F.logsigmoid(logit) + (1 - target) * F.logsigmoid(-logit)).mean()
of_torch = F.binary_cross_entropy_with_logits(logit, target, pos_weight=torch.tensor(5.0))
torch.testing.assert_close(of_torch, by_hand)
assert balanced.dtype == torch.float32
# With probabilities as targets, the loss divides by the number of examples.
logits, targets, weight = torch.randn(6, 3), torch.randint(3, (6,)), torch.tensor([1.0, 2.0, 3.0])
by_hand = -(weight * F.one_hot(targets, 3) * logits.log_softmax(dim=1)).sum() / 6
soft = F.cross_entropy(logits, F.one_hot(targets, 3).float(), weight=weight)
torch.testing.assert_close(soft, by_hand)
assert not torch.isclose(soft, F.cross_entropy(logits, targets, weight=weight))
for dtype in (torch.float64, torch.float16, torch.int64):
    with expect_error(RuntimeError, match="expected scalar type Float"):
        F.cross_entropy(logits, targets, weight=weight.to(dtype))
with expect_error(ValueError, match="sampler option is mutually exclusive with shuffle"):
    DataLoader(range(7), sampler=WeightedRandomSampler(torch.ones(7), 7), shuffle=True)
many = torch.ones(1, dtype=torch.float64).expand(2**24 + 1)
with expect_error(RuntimeError, match="number of categories cannot exceed"):
    list(WeightedRandomSampler(many, 1))
with expect_error(RuntimeError, match="weight tensor should be defined either for all"):
    F.cross_entropy(torch.randn(4, 3), torch.tensor([0, 1, 2, 0]), weight=torch.ones(2))
assert len(TensorData(images, labels)) == 1000

# %%
# Check yourself
# --------------

n = torch.tensor([90, 10])
ask(
    "90 examples are of class 0 and 10 of class 1. What is the weight N / (K n) of class 1?",
    answer=(n.sum() / (2 * n))[1].item(),
    choices={
        9.0: "That is how many times its weight is larger than the other.",
        5.0: "100 / (2 * 10). The other class gets 100 / 180.",
        10.0: "N / n without K works as well: the loss divides by the sum of the weights.",
    },
)

# %%
# The next question is about accuracy.

says_nothing = (1 - labels.float().mean()).item()
ask(
    'A network calls each of the 1000 training images "not an 8". What is its accuracy on them?',
    answer=round(says_nothing, 2),
    choices={
        0.0: "That is its recall of the eights.",
        0.5: "That is the mean of the recalls of both classes, the balanced accuracy.",
        0.98: "980 of 1000 are right. So look at the recall of the rare class.",
    },
)

# %%
# **Exercise.** In a multi-label problem an image has several answers, yes or no each. Return the ``pos_weight`` for
# each column of ``targets``, of shape (N, label), with elements 0 and 1: how many are 0, divided by how many are 1.


def by_loops(targets):
    columns = targets.T.tolist()
    return torch.tensor([column.count(0) / column.count(1) for column in columns])


cases = [
    (torch.tensor([[0.0], [1.0], [0.0]]),),
    (torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]),),
    (torch.eye(7),),
]


def pos_weights(targets):
    raise NotImplementedError


check(pos_weights, by_loops, cases)

# %%
# The sum of a column is the number of its ones.

# Solution


def pos_weights(targets):
    positive = targets.sum(dim=0)
    return (len(targets) - positive) / positive


report = check(pos_weights, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`samplers-and-collate`, the two places where batches are made.
#
# - Cui et al. (2019). `Class-balanced loss based on effective number of samples <https://arxiv.org/abs/1901.05555>`__.
#   Weights that grow less than 1 / n, for many classes.
# - Menon et al. (2021). `Long-tail learning via logit adjustment <https://arxiv.org/abs/2007.07314>`__. The logarithms
#   of the class frequencies, taken from the logits after the training or added to them in the loss.
