"""
.. _softmax-before-cross-entropy:

Softmax before CrossEntropyLoss? My loss stays above 1.46
=========================================================

No: ``cross_entropy`` applies the softmax itself, and a network that ends with another one learns slower, with a loss
that cannot come near 0. Delete your softmax, and give the loss the logits (the raw outputs of the last layer).
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, breast_cancer, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
BOUND = math.log(1 + 9 / math.e)  # of the loss, for ten classes


def new_network(*last):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), *(layer() for layer in last)
    )


def softmax():
    return nn.Softmax(dim=1)


def log_softmax():
    return nn.LogSoftmax(dim=1)


def accuracy(network):
    with torch.no_grad():
        answers = network(test_set.inputs).argmax(dim=1)
    return (answers == test_set.targets).float().mean().item()


def train(last, make_optimizer, seed, criterion=F.cross_entropy):
    """Return the network, the mean loss of each epoch and the accuracy after it."""
    torch.manual_seed(seed)
    network = new_network(*last)
    optimizer = make_optimizer(network.parameters())
    loader = batches(train_set, 50, shuffle=True, generator=torch.Generator().manual_seed(seed))
    losses, accuracies = [], []
    for _ in range(10):
        of_epoch = []
        for images, labels in loader:
            loss = criterion(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            of_epoch.append(loss.item())
        losses.append(sum(of_epoch) / len(of_epoch))
        accuracies.append(100 * accuracy(network))
    return network, losses, accuracies


tumours, unseen = breast_cancer("train"), breast_cancer("test")


def train_tumours(last, seed):
    torch.manual_seed(seed)
    head = [layer() for layer in last]
    network = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), *head)
    optimizer = adam(network.parameters())
    for _ in range(5):
        for x, y in batches(tumours, 32, shuffle=True):
            loss = F.binary_cross_entropy_with_logits(network(x).squeeze(1), y.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.5)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


def ends(found):
    right = [accuracies[-1] for *_, accuracies in found]
    losses = [losses[-1] for _, losses, _ in found]
    last = f"last loss {min(losses):.2f} to {max(losses):.2f}"
    return f"{min(right):.0f} to {max(right):.0f} % right, {last}"


def draw_runs(runs):
    figure, axes = plt.subplots(ncols=2, figsize=(5.8, 2.2), layout="constrained")
    for number, (axis, name) in enumerate(
        zip(axes, ("loss", "right answers in %"), strict=True), 1
    ):
        for label, color in (("logits", "C0"), ("softmax twice", "C1")):
            curves = torch.tensor([run[number] for run in runs["SGD", label]])
            epochs = range(1, curves.shape[1] + 1)
            axis.plot(epochs, curves.mean(dim=0), color=color, label=label)
            axis.fill_between(
                epochs, curves.amin(dim=0), curves.amax(dim=0), color=color, alpha=0.25
            )
        axis.set(xlabel="epoch", ylabel=name, ylim=(0, None))
    axes[0].axhline(BOUND, color="C1", linestyle=":", label="bound")
    axes[0].legend(fontsize=8)
    figure.suptitle("With a second softmax the network learns slowly")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
runs = {}
for name, optimizer in (("SGD", sgd), ("Adam", adam)):
    for label, last in (("logits", []), ("softmax twice", [softmax])):
        runs[name, label] = [train(last, optimizer, seed) for seed in range(5)]
        print(f"{name:<5}{label:<14}{ends(runs[name, label])}")
print(f"bound of the loss {BOUND:.2f}")
draw_runs(runs)

# %%
# The figure shows SGD: the mean of five seeds, with a band from the least to the largest. No error is raised, and the
# network learns, so the mistake often stays. With Adam the accuracies are nearly equal here, and the losses are not.
#
# .. longer: 6 screens — it is silent, so the training, the bound, its cause and the test each have a cell
#
# ====================================================================  =============================================
# What you have                                                         Fix
# ====================================================================  =============================================
# :ref:`nn.Softmax at the end, or around the output <twice-bound>`      delete it
# :ref:`a loss that stays above 1.46 for 10 classes <twice-bound>`      delete the softmax
# :ref:`sigmoid before BCEWithLogitsLoss <twice-sigmoid>`               delete the sigmoid
# :ref:`you need probabilities <twice-need>`                            ``logits.softmax(dim=1)`` outside the network
# :ref:`NLLLoss after a softmax <twice-nll>`                            ``F.cross_entropy(logits, labels)``
# :ref:`you are not sure what a network ends with <twice-test>`         a test of three lines
# ====================================================================  =============================================
#
# .. _twice-bound:
#
# The rule
# --------
#
# Cross-entropy is minus the logarithm of ``softmax(logits)`` at the right class. Your softmax puts probabilities in the
# place of the logits, and they are between 0 and 1. The best case for C classes is 1 for the right class and 0 for the
# others. The second softmax then gives the right class :math:`e / (e + C - 1)`, so the loss is at least
# :math:`\log(1 + (C - 1) / e)`. For the numbers of classes in this table, that is less than 1 below the loss of
# guessing.

for classes in (2, 3, 10, 100, 1000):
    certain = F.one_hot(torch.tensor([1]), classes).float()  # sure, and right
    bound = math.log(1 + (classes - 1) / math.e)
    twice = F.cross_entropy(certain, torch.tensor([1])).item()
    print(f"{classes:<5}classes: bound {bound:.3f}, guessing {math.log(classes):.3f}")
    assert abs(twice - bound) < 1e-5
    assert 0 < math.log(classes) - bound < 1

# %%
# How this was checked

# No probabilities of C classes, random or certain, have a smaller loss.
torch.manual_seed(0)
for classes in (2, 3, 10, 100):
    label = torch.randint(classes, (2000,))
    for sharpness in (0.1, 1.0, 10.0, 100.0):
        probabilities = (sharpness * torch.randn(2000, classes)).softmax(dim=1)
        each = F.cross_entropy(probabilities, label, reduction="none")
        assert each.min() >= math.log(1 + (classes - 1) / math.e) - 1e-5
# A soft label (from label smoothing, for example) is a mean of hard ones, and so is its loss: the bound holds.
torch.manual_seed(1)
for smoothing in (0.0, 0.1, 0.5):
    certain = F.one_hot(torch.arange(10), 10).float()
    loss = F.cross_entropy(certain, torch.arange(10), label_smoothing=smoothing)
    assert loss >= BOUND - 1e-6
# Guessing with a softmax costs what it costs without: the first loss does not show the mistake.
same = torch.full((1, 10), 0.1)
torch.testing.assert_close(F.cross_entropy(same, torch.tensor([3])).item(), math.log(10))

# %%
# Why it learns slowly
# --------------------
#
# The gradient passes through both softmaxes. A network that still guesses gets a tenth of the gradient, for ten
# classes. A network that is sure and *wrong* gets nearly none. There, cross-entropy of the logits gives the largest
# gradient.

ratios = {}
for logit in (0.0, 2.0, 5.0, 10.0, 20.0):
    logits = torch.zeros(1, 10)
    logits[0, 3] = logit
    logits.requires_grad_()
    label = torch.tensor([7])  # not 3
    losses = [F.cross_entropy(x, label) for x in (logits, logits.softmax(dim=1))]
    once, twice = (torch.autograd.grad(loss, logits)[0].norm() for loss in losses)
    ratios[logit] = (twice / once).item()
    print(f"wrong logit {logit:>4}: gradient {once:.2f}, with softmax twice {twice:.1e}")
assert abs(ratios[0.0] - 1 / 10) < 1e-6
assert ratios[20.0] < 1e-8

# %%
# .. _twice-sigmoid:
#
# Sigmoid before BCEWithLogitsLoss
# --------------------------------
#
# With two classes and one output, the mistake has worse results. ``BCEWithLogitsLoss`` applies the sigmoid itself. If
# the network does so first, a sample of class 0 costs at least :math:`\log 2`. For logits, an output above 0 means
# positive, so each sample is then called positive. Here tumours are called benign (1) or not.

# Varies with the processor: a training amplifies how it rounds.
for last in ([], [nn.Sigmoid]):
    right = []
    for seed in range(5):
        called = train_tumours(last, seed)(unseen.inputs).squeeze(1) > 0
        right.append(100 * (called == unseen.targets).float().mean().item())
        assert bool(called.all()) == bool(last)
    end = "sigmoid" if last else "logit"
    print(f"network ends with a {end:<8}{min(right):.0f} to {max(right):.0f} % right")
print(f"benign: {100 * unseen.targets.float().mean():.0f} %")

# %%
# .. _twice-need:
#
# You need probabilities
# ----------------------
#
# Apply the softmax outside the network, where you read its answer. The accuracy needs none, because the largest logit
# becomes the largest probability. A second softmax makes a sure network look unsure: of ten classes, the answer gets at
# most :math:`e / (e + 9)`, which is :val:`0.232 <math.e / (math.e + 9)>`.

sure = {}
for label in ("logits", "softmax twice"):
    with torch.no_grad():
        outputs = torch.stack([run[0](test_set.inputs) for run in runs["Adam", label]])
    assert torch.equal(outputs.argmax(dim=2), outputs.softmax(dim=2).argmax(dim=2))
    sure[label] = outputs.softmax(dim=2).amax(dim=2).mean().item()
    print(f"{label:<14}mean probability of the answer {sure[label]:.2f}")
assert sure["softmax twice"] <= math.e / (math.e + 9) < 0.9 < sure["logits"]

# %%
# .. _twice-test:
#
# A test of three lines
# ---------------------
#
# Outputs of softmax or sigmoid are between 0 and 1. The logits of a batch seldom are, unless the last layer begins with
# zeros. The test sees the network alone: look for a softmax between network and loss yourself.


def test_ends_with_logits(model, x):
    outputs = model(x)
    inside = outputs.min() >= 0 and outputs.max() <= 1
    assert not inside, "outputs between 0 and 1: the network ends with a softmax or sigmoid"


with expect_error(AssertionError, match="ends with a softmax or sigmoid"):
    test_ends_with_logits(new_network(softmax), test_set.inputs[:50])
test_ends_with_logits(new_network(), test_set.inputs[:50])
print("logits pass")

# %%
# .. use-this::
#
#    End a classifier with a linear layer, and train with ``F.cross_entropy(logits, labels)``. For yes or no, use
#    ``F.binary_cross_entropy_with_logits``. Apply ``softmax`` or ``sigmoid`` outside, where a person or another
#    program needs probabilities. Deviate where a network is to give log-probabilities: let it end with ``log_softmax``,
#    and train with ``F.nll_loss``. The price: whoever uses the network has to know that it gives logits, so write that
#    into its docstring.
#
# .. _twice-nll:
#
# A common mistake
# ----------------
#
# **NLLLoss after a softmax.** ``NLLLoss`` expects *logarithms* of probabilities. Given probabilities, it computes minus
# the mean probability of the right classes. The loss is negative and falls to -1 at best. Here the network learns about
# as slowly as with two softmaxes.

# Varies with the processor: a training amplifies how it rounds.
for seed in range(3):
    _, losses, accuracies = train([softmax], sgd, seed, criterion=F.nll_loss)
    print(f"last loss {losses[-1]:.2f}, {accuracies[-1]:.0f} % right")
    assert -1 < losses[-1] < 0
    assert accuracies[-1] < 85

# %%
# How this was checked

for (name, label), found in runs.items():
    for _, losses, accuracies in found:
        if label == "logits":
            assert accuracies[-1] > 90
            assert losses[-1] < 0.2
        else:
            assert min(losses) > BOUND
            assert (accuracies[-1] < 88) == (name == "SGD")
# log_softmax before cross_entropy changes nothing: log_softmax of log_softmax is the same again.
x, y = torch.randn(20, 10), torch.randint(10, (20,))
torch.testing.assert_close(x.log_softmax(dim=1).log_softmax(dim=1), x.log_softmax(dim=1))
torch.testing.assert_close(F.cross_entropy(x.log_softmax(dim=1), y), F.cross_entropy(x, y))
torch.testing.assert_close(F.nll_loss(x.log_softmax(dim=1), y), F.cross_entropy(x, y))
# A sigmoid of these logits is above 0, and costs class 0 at least log 2. Far below it is rounded to 0.
z = torch.linspace(-30, 30, 601)
costs = F.binary_cross_entropy_with_logits(z.sigmoid(), torch.zeros(601), reduction="none")
assert z.sigmoid().min() > 0
torch.testing.assert_close(costs.min().item(), math.log(2))
assert torch.tensor(-110.0).sigmoid() == 0
# Two logits that nearly agree can become equal probabilities, by rounding.
near = torch.tensor([0.0, 1e-9])
assert near.argmax() == 1
assert near.softmax(dim=0).argmax() == 0
# A limit of 0.5 suits a network that ends with a sigmoid better, and its loss still has the bound.
for seed in range(3):
    outputs = train_tumours([nn.Sigmoid], seed)(unseen.inputs).squeeze(1)
    assert ((outputs > 0.5) == unseen.targets).float().mean() > 0.8
    assert F.binary_cross_entropy_with_logits(outputs, unseen.targets.float()) > 0.4
# The test has a false alarm where the last layer is all zeros.
zeros = new_network()
for parameter in zeros[-1].parameters():
    nn.init.zeros_(parameter)
with expect_error(AssertionError, match="ends with a softmax or sigmoid"):
    test_ends_with_logits(zeros, test_set.inputs[:50])
# The test for a sigmoid, for log_softmax (which needs no correction), and for ten fresh networks.
with expect_error(AssertionError, match="ends with a softmax or sigmoid"):
    test_ends_with_logits(new_network(nn.Sigmoid), test_set.inputs[:50])
test_ends_with_logits(new_network(log_softmax), test_set.inputs[:50])
for seed in range(10):
    torch.manual_seed(seed)
    test_ends_with_logits(new_network(), test_set.inputs[:50])
# A higher learning rate helps, and not to the end.
for seed in range(3):
    _, losses, accuracies = train([softmax], lambda p: torch.optim.SGD(p, lr=2.0), seed)
    assert losses[-1] > BOUND
    assert accuracies[-1] > 80

# %%
# Check yourself
# --------------

certain = torch.tensor([[0.0, 1.0, 0.0, 0.0]])
ask(
    "A network of 4 classes ends with a softmax and is certain of the right class. "
    "What does cross_entropy give?",
    answer=round(F.cross_entropy(certain, torch.tensor([1])).item(), 2),
    choices={
        0.0: "That would be with logits that are far apart. Here they are 0 and 1.",
        round(math.log(1 + 3 / math.e), 2): "log(1 + 3 / e): the second softmax sees only 0 and 1.",
        round(math.log(4), 2): "That is the loss of guessing: log 4.",
    },
)

# %%
# The next question is about the layer ``nn.LogSoftmax``.

logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
with_log = F.cross_entropy(logits.log_softmax(dim=1), labels)
harmless = torch.allclose(with_log, F.cross_entropy(logits, labels))
ask(
    "A network ends with nn.LogSoftmax(dim=1), and the loss is cross_entropy. What changes?",
    answer="nothing" if harmless else "the loss has a bound",
    choices={
        "nothing": "log_softmax of log_softmax is the same again: its exponentials already sum to 1.",
        "the loss has a bound": "The values reach from 0 down to minus infinity. The loss can come near 0.",
    },
)

# %%
# **Exercise.** Somebody gives you a network that ends with a softmax. Return the mean cross-entropy of its
# probabilities of shape (N, C) for labels of shape (N,). No probability is 0 here.


def by_loops(probabilities, labels):
    rows = zip(probabilities.tolist(), labels.tolist(), strict=True)
    return torch.tensor([-math.log(row[label]) for row, label in rows]).mean()


torch.manual_seed(0)
cases = [
    (torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([1])),
    (torch.randn(5, 4).softmax(dim=1), torch.tensor([0, 3, 1, 1, 2])),
    (torch.full((2, 10), 0.1), torch.tensor([9, 0])),
]


def cross_entropy_of(probabilities, labels):
    raise NotImplementedError


check(cross_entropy_of, by_loops, cases)

# %%
# ``nll_loss`` picks the logarithm at each label, changes its sign and takes the mean.

# Solution


def cross_entropy_of(probabilities, labels):
    return F.nll_loss(probabilities.log(), labels)


report = check(cross_entropy_of, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`model-eval-is-missing`, a network that answers worse than it can. What the loss computes is on
# :ref:`log-softmax`.
#
# - PyTorch contributors (2026). `cross_entropy
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html>`__. The reference: its
#   input is called "predicted unnormalized logits".
# - PyTorch contributors (2026). `BCEWithLogitsLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>`__. Why it combines a sigmoid
#   and the loss.
