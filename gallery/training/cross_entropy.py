"""
.. _cross-entropy:

How does PyTorch's cross_entropy work?
======================================

Formulas of a classifier's loss contain probabilities and one-hot vectors.
:func:`torch.nn.functional.cross_entropy` takes logits and class numbers, and applies the softmax itself.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

logits = torch.tensor([[2.0, 1.0, 0.1], [0.5, 2.0, 0.3]])  # 2 samples, 3 classes
labels = torch.tensor([0, 0])  # the right class of each sample


def steps(logits):
    probabilities = logits.softmax(dim=1)
    right = probabilities[torch.arange(2), labels]
    return {
        "softmax": probabilities,
        "of the right class": right,
        "minus log": -right.log(),
        "mean": -right.log().mean(),
    }


train_set, test_set = digits("train"), digits("test")
with torch.autocast("cpu", dtype=torch.bfloat16):
    half = nn.Linear(3, 3)(logits)
    in_autocast = F.cross_entropy(half, labels).dtype


def train(criterion, seed):
    """Train a small network on the digits, and return the percentage of right answers."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    order = torch.Generator().manual_seed(seed)
    for _ in range(3):
        for images, labels in batches(train_set, 50, shuffle=True, generator=order):
            loss = criterion(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        right = network(test_set.inputs).argmax(dim=1) == test_set.targets
    return 100 * right.float().mean().item()


# %%

torch.testing.assert_close(steps(logits)["mean"], F.cross_entropy(logits, labels))
draw(steps, logits, names=["logits"])

# %%
# In both rows class :val:`0 <labels[0]>` is right. The first sample gives it the largest probability and costs little.
# The second is rather sure of class :val:`1 <logits[1].argmax()>` and costs more. The loss is the mean of the two.
#
# .. longer: 6 screens — each argument of the function has a cell of its own
#
# The rule
# --------
#
# The loss of a sample is minus the logarithm of the probability that the network gives to the right class. With logits
# :math:`x` of shape (N, C) and class numbers :math:`y` of shape (N), it is :math:`L = -\frac{1}{N} \sum_n \log
# \mathrm{softmax}(x_n)_{y_n}`. You need to know :ref:`softmax`; :ref:`log-softmax` is its logarithm in one step.


def from_scratch(logits, labels):
    log_probabilities = logits.log_softmax(dim=1)
    return -log_probabilities.gather(1, labels[:, None]).mean()


print(f"from scratch:           {from_scratch(logits, labels):.4f}")
print(f"F.cross_entropy:        {F.cross_entropy(logits, labels):.4f}")
print(f"nn.CrossEntropyLoss():  {nn.CrossEntropyLoss()(logits, labels):.4f}")
print(f"nll_loss(log_softmax):  {F.nll_loss(logits.log_softmax(dim=1), labels):.4f}")

# %%
# The module and the function compute the same. The module is made first and called later, so it needs two pairs of
# parentheses. The gradient for the logits is short: the probabilities minus the one-hot labels, divided by N.
#
# What does the number mean?
# --------------------------
#
# ``exp(-loss)`` is the probability of the right class, as a geometric mean over the samples. A network that gives each
# of C classes the same probability has a loss of :math:`\log C`. Unless inputs or weights are too large, expect about
# this loss before training.

for probability in (0.99, 0.7, 0.5, 0.1, 0.01):
    row = torch.tensor([[probability, 1 - probability]]).log()  # softmax gives them back
    print(f"right class at {probability:<5}loss {F.cross_entropy(row, torch.tensor([0])):.4f}")
print(f"10 classes, guessing:  {F.cross_entropy(torch.zeros(1, 10), torch.tensor([3])):.4f}")

# %%
# Pixels and tokens: the classes are on axis 1
# --------------------------------------------
#
# For images the logits have the shape (N, C, H, W) and the labels (N, H, W). A language model gives (batch, token,
# word), with the classes *last*. Flatten the batch and the tokens, or exchange the axes of the logits. If there are as
# many tokens as words, PyTorch cannot see the mistake, and the softmax runs over the tokens.

text, words = torch.randn(2, 7, 50, generator=torch.manual_seed(0)), torch.randint(50, (2, 7))
with expect_error(RuntimeError, match="Expected target size"):
    F.cross_entropy(text, words)
flat = F.cross_entropy(text.flatten(0, 1), words.flatten())
torch.testing.assert_close(F.cross_entropy(text.transpose(1, 2), words), flat)
square, letters = torch.randn(2, 7, 7), torch.randint(7, (2, 7))  # 7 tokens, 7 words: no error
wrong = F.cross_entropy(square, letters)
right = F.cross_entropy(square.transpose(1, 2), letters)
print(f"over the tokens {wrong:.3f}, over the words {right:.3f}")

# %%
# Samples that do not count: ignore_index
# ---------------------------------------
#
# Targets equal to ``ignore_index``, -100 by default, add nothing to the sum, and the mean is taken over the others.
# Give padding this number as its label, and it is left out. If a batch has nothing but padding, the mean is 0 divided
# by 0.

some = torch.tensor([0, -100])
print(f"second ignored: {F.cross_entropy(logits, some):.4f}")
print(f"first alone:    {F.cross_entropy(logits[:1], labels[:1]):.4f}")
print(f"both ignored:   {F.cross_entropy(logits, torch.tensor([-100, -100])):.4f}")
assert F.cross_entropy(logits, torch.tensor([-100, -100]), reduction="sum") == 0

# %%
# Rare classes: weight
# --------------------
#
# ``weight`` multiplies the loss of each sample by the weight of its class. For class numbers the mean then divides by
# the *sum of these weights*, not by N. So a batch of one class has the same loss with and without ``weight``, unless
# the weight is 0 or labels are smoothed.

weight = torch.tensor([1.0, 5.0, 1.0])
mixed = torch.tensor([0, 1])
each = F.cross_entropy(logits, mixed, reduction="none")
by_hand = (each * weight[mixed]).sum() / weight[mixed].sum()
torch.testing.assert_close(F.cross_entropy(logits, mixed, weight=weight), by_hand)
for targets in (mixed, labels):
    plain, weighted = (F.cross_entropy(logits, targets, weight=w) for w in (None, weight))
    print(f"labels {targets.tolist()}: {plain:.4f} without weight, {weighted:.4f} with")

# %%
# Targets that are not certain
# ----------------------------
#
# A target may be a probability for each class, in floats of the shape of the logits (integers are refused:
# :ref:`floating-point-type-for-target`). ``label_smoothing=e`` makes such a
# target of a class number: it is 1 - e for the right class, plus e / C for each class. The smallest possible loss is
# then above 0. The network reaches it by giving the target's own probabilities.

soft = 0.9 * F.one_hot(labels, 3) + 0.1 / 3
torch.testing.assert_close(
    F.cross_entropy(logits, soft), F.cross_entropy(logits, labels, label_smoothing=0.1)
)
least = F.cross_entropy(soft.log(), labels, label_smoothing=0.1)
sure = F.cross_entropy(100 * F.one_hot(labels, 3).float(), labels, label_smoothing=0.1)
print(f"target {[round(p, 3) for p in soft[0].tolist()]}: least loss {least:.3f}")
print(f"a network that is quite sure, and right: {sure:.3f}")

# %%
# .. use-this::
#
#    Write ``F.cross_entropy(logits, labels)``, with logits (N, C) straight from a linear layer and labels (N,) of
#    :val:`int64 <labels.dtype>`. Deviate with ``label_smoothing`` if the network becomes too sure, and with ``weight``
#    if rare classes count more. For several true classes at once, take :ref:`bce-with-logits`. For ``backward``, it
#    keeps N times C log-probabilities, which is much for large vocabularies. ``F.linear_cross_entropy`` of newer
#    versions includes the last layer, and keeps less if ``options`` are given. Under :ref:`autocast <mixed-precision>`
#    on a CPU the loss is :val:`float32 <in_autocast>`.
#
# Two common mistakes
# -------------------
#
# **A softmax in front.** The network learns slower, and no error says so: see :ref:`softmax-before-cross-entropy`.
#
# **A mean over samples and classes.** Formulas with one-hot vectors tempt you to write ``(-one_hot * log_p).mean()``.
# That divides by C as well, because it also counts the zeros. The gradient is C times too small, so plain SGD takes
# steps that are C times too short. Sum over the classes first.

# Varies with the processor: a training amplifies how it rounds.


def over_both(logits, labels):
    return (-F.one_hot(labels, 10) * logits.log_softmax(dim=1)).mean()


def over_samples(logits, labels):
    return (-F.one_hot(labels, 10) * logits.log_softmax(dim=1)).sum(dim=1).mean()


ends = {}
for loss in (over_both, over_samples):
    ends[loss.__name__] = [train(loss, seed) for seed in range(3)]
    print(f"{loss.__name__:<13}{', '.join(f'{x:.0f} %' for x in ends[loss.__name__])} right")
assert max(ends["over_both"]) < min(ends["over_samples"]) - 5

# %%
# How this was checked

g = torch.Generator().manual_seed(0)
for n, c in [(1, 1), (1, 2), (4, 3), (7, 10)]:
    x = 5 * torch.randn(n, c, generator=g, dtype=torch.float64)
    y = torch.randint(c, (n,), generator=g)
    x.requires_grad_()
    loss = F.cross_entropy(x, y)
    torch.testing.assert_close(loss, from_scratch(x, y))
    torch.testing.assert_close(loss, F.nll_loss(x.log_softmax(dim=1), y))
    loops = [-(row.exp()[k] / row.exp().sum()).log() for row, k in zip(x, y, strict=True)]
    torch.testing.assert_close(loss, torch.stack(loops).mean())
    torch.testing.assert_close(loss, F.cross_entropy(x, F.one_hot(y, c).double()))
    (slope,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(slope, (x.softmax(dim=1) - F.one_hot(y, c)) / n)
    right = x.softmax(dim=1)[torch.arange(n), y]
    torch.testing.assert_close((-loss).exp(), right.log().mean().exp())
    for e in (0.0, 0.1, 0.7):
        smooth = (1 - e) * F.one_hot(y, c) + e / c
        torch.testing.assert_close(
            F.cross_entropy(x, smooth), F.cross_entropy(x, y, label_smoothing=e)
        )
        # The least loss with smoothing: random and sure logits cost more than the target's own probabilities.
        best = F.cross_entropy(smooth.clamp(min=1e-300).log(), y, label_smoothing=e)
        assert F.cross_entropy(x, y, label_smoothing=e) >= best - 1e-12
    w = torch.rand(c, generator=g, dtype=torch.float64) + 0.5
    each = F.cross_entropy(x, y, reduction="none")
    torch.testing.assert_close(F.cross_entropy(x, y, weight=w), (each * w[y]).sum() / w[y].sum())
    for k in range(c):  # labels that are all equal: the weight cancels out
        same = torch.full((n,), k)
        torch.testing.assert_close(F.cross_entropy(x, same, weight=w), F.cross_entropy(x, same))
    # With probabilities as targets the mean divides by N, also with a weight.
    torch.testing.assert_close(
        F.cross_entropy(x, F.one_hot(y, c).double(), weight=w), (each * w[y]).sum() / n
    )
    kept = torch.arange(n) % 2 == 0
    torch.testing.assert_close(
        F.cross_entropy(x, y.where(kept, -100)), F.cross_entropy(x[kept], y[kept])
    )
    both = (-F.one_hot(y, c) * x.log_softmax(dim=1)).mean()
    torch.testing.assert_close(both * c, loss)
# The two exceptions for a batch of one class, and what ignore_index refuses.
pair = {"weight": weight, "label_smoothing": 0.1}
assert F.cross_entropy(logits, labels, weight=torch.tensor([0.0, 1.0, 1.0])).isnan()
assert F.cross_entropy(logits, labels, **pair) != F.cross_entropy(
    logits, labels, label_smoothing=0.1
)
with expect_error(RuntimeError, match="ignore_index is not supported for floating point target"):
    F.cross_entropy(logits, soft, ignore_index=1)
assert F.cross_entropy(logits, torch.tensor([-100, -100])).isnan()
assert F.cross_entropy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).isnan()
# Pixels, by a loop over them.
x, y = torch.randn(2, 3, 4, 5, generator=g), torch.randint(3, (2, 4, 5), generator=g)
pixels = [F.cross_entropy(x[:, :, i, j], y[:, i, j]) for i in range(4) for j in range(5)]
torch.testing.assert_close(F.cross_entropy(x, y), torch.stack(pixels).mean())
# Over the tokens: the loss of the exchanged axes.
by_tokens = square.log_softmax(dim=1).gather(1, letters[:, None]).mean()
torch.testing.assert_close(wrong, -by_tokens)
# One sample without a batch; a probability that is not one is not refused.
assert F.cross_entropy(logits[0], labels[0]).shape == ()
assert F.cross_entropy(logits, torch.full((2, 3), 2.0)).isfinite()
with expect_error(
    RuntimeError, match="to be Long or Byte, but got Int|scalar type Long but found Int"
):
    F.cross_entropy(logits, labels.int())
# Before the training the loss of the digits is near log(10), and far above it with inputs that are 100 times as large.
for seed in range(5):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    first, large = (
        F.cross_entropy(network(scale * train_set.inputs), train_set.targets) for scale in (1, 100)
    )
    assert abs(first - torch.tensor(10.0).log()) < 0.1 < 5 < large
# What is kept for backward, and autocast.
kept = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
    F.cross_entropy(torch.zeros(40, 3000, requires_grad=True), torch.zeros(40, dtype=torch.int64))
assert max(t.numel() for t in kept) == 40 * 3000
assert half.dtype == torch.bfloat16
if hasattr(F, "linear_cross_entropy"):  # the reference of 2.13 has it
    features, last = torch.randn(40, 8, generator=g), nn.Linear(8, 3000, bias=False)
    aims, found = torch.arange(40), {}
    for options in (None, nn.LinearCrossEntropyOptions()):
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
            loss = F.linear_cross_entropy(features, last.weight, aims, options=options)
        torch.testing.assert_close(loss, F.cross_entropy(last(features), aims))
        found[options is None] = max((t.numel() for t in kept), default=0)
    assert found[True] == 40 * 3000 > found[False]

# %%
# Check yourself
# --------------

ask(
    "The logits of three samples have shape (3, 4), and each is 0. What is the loss, to two digits?",
    answer=round(F.cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 3])).item(), 2),
    choices={
        0.0: "That is a network that is sure, and right.",
        1.39: "Each of 4 classes has a probability of one fourth, and log(4) is 1.39.",
        1.1: "That is log(3): the number of samples does not matter, because of the mean.",
        4.16: "That is the sum of the three losses.",
    },
)

# %%
# The next question is about the divisor.

zeros, two = torch.zeros(2, 3), torch.tensor([0, 1])
ratio = F.cross_entropy(zeros, two, weight=torch.tensor([10.0, 10.0, 10.0])) / F.cross_entropy(
    zeros, two
)
ask(
    "You give each class the weight 10. By which factor does the mean loss change?",
    answer=round(ratio.item(), 3),
    choices={
        10.0: "The sum changes by this factor. The mean divides by the sum of the weights.",
        1.0: "The sum becomes 10 times as large, and so does the divisor.",
        0.1: "The weights multiply the sum as well as the divisor.",
    },
)

# %%
# **Exercise.** Write the loss for class numbers of shape (N,) with ``ignore_index`` and without ``F.cross_entropy`` or
# ``F.nll_loss``. Return the mean over the targets that count.


def torchs_own(logits, labels, ignore_index):
    return F.cross_entropy(logits, labels, ignore_index=ignore_index)


g = torch.Generator().manual_seed(1)
cases = [
    (torch.tensor([[0.0, 0.0]]), torch.tensor([1]), -100),
    (torch.randn(4, 3, generator=g), torch.tensor([0, -100, 2, -100]), -100),
    (torch.randn(3, 5, generator=g), torch.tensor([255, 4, 0]), 255),
]


def ignoring(logits, labels, ignore_index):
    raise NotImplementedError


check(ignoring, torchs_own, cases)

# %%
# A label that is ignored need not be a valid index, so take these rows away before you gather.

# Solution


def ignoring(logits, labels, ignore_index):
    counts = labels != ignore_index
    log_probabilities = logits[counts].log_softmax(dim=1)
    return -log_probabilities.gather(1, labels[counts, None]).mean()


report = check(ignoring, torchs_own, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`bce-with-logits`, the loss for questions of yes or no.
#
# - Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2015). `Rethinking the Inception architecture for computer vision
#   <https://arxiv.org/abs/1512.00567>`__. The paper that introduced label smoothing.
# - PyTorch contributors (2026). `CrossEntropyLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__. The reference, with the formula
#   of each reduction.
