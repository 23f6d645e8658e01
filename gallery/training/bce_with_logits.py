"""
.. _bce-with-logits:

How does BCEWithLogitsLoss work?
================================

If a spam filter applies a sigmoid before its loss, rounding can take the gradient of the worst mistakes.
``BCEWithLogitsLoss`` takes the logit instead.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import math

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

bce_with_logits = F.binary_cross_entropy_with_logits
logits = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 1.0, 0.0]])  # 2 photos, 3 tags
targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])  # the first photo has tag 0 alone


def steps(logits):
    yes = logits.sigmoid()
    cost = -(targets * yes.log() + (1 - targets) * (1 - yes).log())
    return {"sigmoid": yes, "cost of each tag": cost, "mean": cost.mean()}


train_set, test_set = digits("train"), digits("test")
KINDS = {
    "even": (0, 2, 4, 6, 8),
    "above 4": (5, 6, 7, 8, 9),
    "prime": (2, 3, 5, 7),
    "has a loop": (0, 6, 8, 9),
}


def tags_of(labels):
    """Return which tags each digit has, shape (N, 4)."""
    return torch.stack([torch.isin(labels, torch.tensor(kind)) for kind in KINDS.values()], dim=1)


def train(network, wanted, seed, epochs=5, lr=0.01, **settings):
    """Train a network on the digits; wanted turns labels into targets."""
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for images, labels in batches(train_set, 50, shuffle=True, generator=order):
            loss = bce_with_logits(network(images), wanted(labels).float(), **settings)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return network(test_set.inputs)


def tagger(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4))


def is_eight(labels):
    return (labels == 8).unsqueeze(1)


def eights(pos_weight, seed):
    """Return the logits of a linear model for the question: is it an 8?"""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    return train(model, is_eight, seed, 15, 0.03, pos_weight=torch.tensor([pos_weight]))


# %%

torch.testing.assert_close(steps(logits)["mean"], bce_with_logits(logits, targets))
draw(steps, logits, names=["logits"])

# %%
# Each logit becomes a probability of yes by itself, so those of a photo need not sum to 1. The cost of a tag is minus
# the logarithm of the probability of its true answer. The loss is the mean over the photos and tags.
#
# .. longer: 6 screens — training, weights and shapes each have a cell
#
# The rule
# --------
#
# With the sigmoid :math:`\sigma`, a logit x and its target y cost :math:`-y \log \sigma(x) - (1 - y) \log(1 -
# \sigma(x))`. That equals ``softplus(x) - x * y``, where ``softplus(x)`` is :math:`\log(1 + e^x)`. This form has no
# probability in it that could be rounded to 0. You need to know :ref:`cross-entropy`.


def from_scratch(logits, targets):
    return (F.softplus(logits) - logits * targets).mean()


print(f"from scratch:            {from_scratch(logits, targets):.4f}")
print(f"with logits:             {bce_with_logits(logits, targets):.4f}")
print(f"nn.BCEWithLogitsLoss():  {nn.BCEWithLogitsLoss()(logits, targets):.4f}")
print(f"sigmoid, then BCELoss(): {nn.BCELoss()(logits.sigmoid(), targets):.4f}")

# %%
# Why not sigmoid and BCELoss?
# ----------------------------
#
# The reason is rounding. Here the target is 0, and the network is sure of yes, so the gradient should be 1. In
# :val:`float32 <logits.dtype>` the sigmoid becomes exactly 1 and its gradient 0, so the worst mistakes teach nothing.
# ``BCELoss`` also cuts the cost off at 100. With the target 1 the gradient fades between the logits -20 and -30. Logits
# in place of probabilities give an error: :ref:`elements-between-0-and-1`.

for logit in (5.0, 15.0, 20.0, 200.0, -20.0, -30.0):
    x, target = torch.tensor([logit], requires_grad=True), torch.tensor([float(logit < 0)])
    ways = bce_with_logits(x, target), F.binary_cross_entropy(x.sigmoid(), target)
    slopes = [torch.autograd.grad(loss, x)[0].item() for loss in ways]
    print(
        f"logit {logit:>5}: with logits {ways[0]:.2f}, gradient {slopes[0]:.3f}; "
        f"BCELoss {ways[1]:.2f}, gradient {slopes[1]:.3f}"
    )

# %%
# Several labels at once
# ----------------------
#
# A digit can be even and prime. The network gets one output for each tag, and the targets are floats of the same shape
# (N, tag). The cell prints how many unseen digits get the right answer, from the worst to the best of three seeds. The
# last number is the percentage that the better constant answer, yes or no, gets right.

# Varies with the processor: a training amplifies how it rounds.
wanted = tags_of(test_set.targets)
outputs = torch.stack([train(tagger(seed), tags_of, seed) for seed in range(3)])
right = 100 * ((outputs > 0) == wanted).float().mean(dim=1)  # (seed, tag)
often = 100 * wanted.float().mean(dim=0)
for k, tag in enumerate(KINDS):
    found = f"{right[:, k].min():.0f} to {right[:, k].max():.0f} %"
    print(f"{tag:<11} {found:<12} constant {max(often[k], 100 - often[k]):.0f} %")
assert right.min() > 85

# %%
# One output or two?
# ------------------
#
# A question of yes or no can also be two classes for ``cross_entropy``. The losses agree if the one logit is the
# *difference* of the two. So the second output adds parameters, but no new answers.

pair = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
yes = torch.tensor([0, 1, 1, 0, 1, 0])
two = F.cross_entropy(pair, yes)
one = bce_with_logits(pair[:, 1] - pair[:, 0], yes.float())
print(f"two outputs {two:.4f}, one output {one:.4f}")
torch.testing.assert_close(one, two)

# %%
# Rare yes: pos_weight
# --------------------
#
# ``pos_weight`` multiplies the cost of the targets that are 1. A usual value is the number of no divided by the number
# of yes. A linear model looks for the digit 8, with 1 yes for about 9 no. With the weight it finds more of the eights
# (:term:`recall`), but fewer of the digits that it calls an 8 are one (:term:`precision`).

# Varies with the processor: a training amplifies how it rounds.
truth = is_eight(test_set.targets)
ratio = ((train_set.targets != 8).sum() / (train_set.targets == 8).sum()).item()
found = {weight: [eights(weight, seed) > 0 for seed in range(3)] for weight in (1.0, ratio)}
for weight, calls in found.items():
    recall = [100 * (call & truth).sum().item() / truth.sum().item() for call in calls]
    precision = [100 * (call & truth).sum().item() / call.sum().item() for call in calls]
    ends = [f"{min(part):.0f} to {max(part):.0f} %" for part in (recall, precision)]
    print(f"pos_weight {weight:.1f}: recall {ends[0]}, precision {ends[1]}")

# %%
# The sigmoid of the outputs is then too large. The best logit grows by ``log(pos_weight)``, so subtract this where you
# need probabilities. For several tags ``pos_weight`` has one value a tag. For masks of shape (N, C, H, W) its shape is
# (C, 1, 1), because it is broadcast. With the shape (C,), it raises an error, or weights the columns if W equals C.

p, weight = torch.tensor(0.2), torch.tensor(9.0)
x = torch.linspace(-4, 4, 8001)
cost = p * bce_with_logits(x, torch.ones(8001), pos_weight=weight, reduction="none")
cost += (1 - p) * bce_with_logits(x, torch.zeros(8001), reduction="none")
best = x[cost.argmin()]
print(f"best logit {best:.3f}, minus log(9): probability {(best - weight.log()).sigmoid():.3f}")
masks = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
with expect_error(RuntimeError, match="must match the size of tensor b"):
    bce_with_logits(*masks, pos_weight=torch.tensor([1.0, 2.0, 3.0]))
loss = bce_with_logits(*masks, pos_weight=torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1))

# %%
# .. use-this::
#
#    Give the network one linear output for each question, and train with
#    ``F.binary_cross_entropy_with_logits(logits, targets)``, both of one shape and both floats. Answer yes where
#    ``logits > 0``. Deviate with ``pos_weight`` where yes is rare and a missed yes is worse than a false alarm. Moving
#    the threshold has a similar effect without a new training. If exactly one label is true, take :ref:`cross-entropy`.
#    Targets may be between 0 and 1. A target outside this range is not refused. The loss keeps logits and targets for
#    ``backward``, and no probabilities.
#
# A common mistake
# ----------------
#
# **A threshold of 0.5 on logits.** The probability 0.5 belongs to the logit :val:`0 <torch.tensor(0.5).logit()>`. A
# logit of 0.5 is already a probability of :val:`0.62 <torch.tensor(0.5).sigmoid()>`, so ``logits > 0.5`` turns some yes
# into no. Compare logits with 0, or ``sigmoid()`` with 0.5. A second mistake raises an error:
# :ref:`target-size-must-be-the-same`.

calls = outputs[0]
print("logits > 0.5:           ", int((calls > 0.5).sum()), "tags")
print("logits > 0:             ", int((calls > 0).sum()), "tags")
print("logits.sigmoid() > 0.5: ", int((calls.sigmoid() > 0.5).sum()), "tags")
with expect_error(ValueError, match="must be the same as input size"):
    bce_with_logits(torch.zeros(32, 1), torch.zeros(32))

# %%
# How this was checked

g = torch.Generator().manual_seed(0)
for shape in [(1,), (5,), (4, 3), (2, 3, 4, 4)]:
    x = (5 * torch.randn(shape, generator=g, dtype=torch.float64)).requires_grad_()
    y = torch.rand(shape, generator=g, dtype=torch.float64)
    loss = bce_with_logits(x, y)
    torch.testing.assert_close(loss, from_scratch(x, y))
    torch.testing.assert_close(loss, F.binary_cross_entropy(x.sigmoid(), y))
    (slope,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(slope, (x.sigmoid() - y) / x.numel())
    w = torch.rand(shape[-1], generator=g, dtype=torch.float64) + 0.5
    s = x.sigmoid()
    by_hand = -(w * y * s.log() + (1 - y) * (1 - s).log()).mean()
    torch.testing.assert_close(bce_with_logits(x, y, pos_weight=w), by_hand)
x = torch.tensor([-200.0, 200.0])
wrong = torch.tensor([1.0, 0.0])
assert bce_with_logits(x, wrong, reduction="none").tolist() == [200, 200]
assert F.binary_cross_entropy(x.sigmoid(), wrong, reduction="none").tolist() == [100, 100]
# A pos_weight of shape (C,) weighs the columns of masks that are C wide.
square = torch.zeros(2, 3, 4, 3), torch.ones(2, 3, 4, 3)
each = bce_with_logits(*square, pos_weight=torch.tensor([1.0, 2.0, 3.0]), reduction="none")
torch.testing.assert_close(each / math.log(2), torch.tensor([1.0, 2.0, 3.0]).expand(2, 3, 4, 3))
# With the target 1, BCELoss divides by 1e-12 where p(1 - p) is smaller, so the gradient fades there.
for logit in (-20.0, -26.0, -28.0, -30.0, -50.0, -200.0):
    x = torch.tensor([logit], requires_grad=True)
    slope = torch.autograd.grad(F.binary_cross_entropy(x.sigmoid(), torch.ones(1)), x)[0]
    p = x.detach().sigmoid()
    torch.testing.assert_close(slope, -p * (1 - p) / (p * (1 - p)).clamp(min=1e-12))
# A lower threshold does what a weight does: it finds more eights, and raises more alarms.
for seed in range(3):
    plain = eights(1.0, seed)
    assert ((plain > -math.log(ratio)) & truth).sum() >= ((plain > 0) & truth).sum()
    assert ((plain > -math.log(ratio)) & ~truth).sum() > ((plain > 0) & ~truth).sum()
kept = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
    bce_with_logits(torch.zeros(40, 5, requires_grad=True), torch.ones(40, 5))
assert [t.flatten()[0].item() for t in kept] == [0, 1]
for n in (1, 9, 50):  # two outputs and one
    x = torch.randn(n, 2, generator=g, dtype=torch.float64)
    y = torch.randint(2, (n,), generator=g)
    torch.testing.assert_close(
        F.cross_entropy(x, y), bce_with_logits(x[:, 1] - x[:, 0], y.double())
    )
assert abs(best - (torch.tensor(0.2).logit() + weight.log())) < 0.002
hits = {w: [(c & truth).sum() for c in cs] for w, cs in found.items()}
alarms = {w: [(c & ~truth).sum() for c in cs] for w, cs in found.items()}
assert min(hits[ratio]) >= max(hits[1.0])
assert min(alarms[ratio]) > max(alarms[1.0])
correct = {w: [(c & truth).sum() / c.sum() for c in cs] for w, cs in found.items()}
assert max(correct[ratio]) < min(correct[1.0]) - 0.2
with expect_error(RuntimeError, match="result type Float can't be cast"):
    bce_with_logits(torch.zeros(4), torch.zeros(4, dtype=torch.int64))
assert bce_with_logits(torch.zeros(4), torch.full((4,), 5.0)).isfinite()  # 5 is no probability
torch.testing.assert_close(bce_with_logits(torch.zeros(4), torch.zeros(4)).item(), math.log(2))
assert not torch.equal(logits.sigmoid().sum(dim=1), torch.ones(2))
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert bce_with_logits(nn.Linear(3, 3)(logits), targets).dtype == torch.float32

# %%
# Check yourself
# --------------

ask(
    "An untrained network gives the logit 0 for each question. What does a question cost, to two digits?",
    answer=round(bce_with_logits(torch.zeros(8), torch.ones(8)).item(), 2),
    choices={
        0.0: "That would be the cost of a sure and right answer.",
        0.69: "The probability of yes is one half, and -log(0.5) is 0.69.",
        0.5: "That is the probability. The cost is minus its logarithm.",
        2.3: "That is log(10), for ten classes.",
    },
)

# %%
# The next question is about the sum of the probabilities.

sums = torch.randn(100, 5, generator=g).sigmoid().sum(dim=1)
ask(
    "A photo has five logits, one for each tag. What do their sigmoids sum to?",
    answer="anything from 0 to 5" if sums.std() > 0.1 and 0 < sums.min() < sums.max() < 5 else "1",
    choices={
        "1": "Softmax does that. The sigmoid treats each tag alone.",
        "anything from 0 to 5": "Each tag is a question of its own, so all or none may be likely.",
        "5": "That would be five certain tags.",
    },
)

# %%
# **Exercise.** Give each tag its own ``pos_weight``: the number of no divided by the number of yes among the targets of
# shape (N, tag). A tag without a yes gets the weight 1.


def by_loops(targets):
    weights = []
    for column in targets.T.tolist():
        yes = sum(column)
        weights.append((len(column) - yes) / yes if yes else 1.0)
    return torch.tensor(weights)


cases = [
    (torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),),
    (torch.tensor([[0.0, 1.0], [0.0, 1.0]]),),
    (tags_of(train_set.targets).float(),),
]


def weights_of(targets):
    raise NotImplementedError


check(weights_of, by_loops, cases)

# %%
# ``torch.where`` chooses between two tensors, and both are computed: a division by 0 does no harm here.

# Solution


def weights_of(targets):
    yes = targets.sum(dim=0)
    return torch.where(yes > 0, (len(targets) - yes) / yes, 1.0)


report = check(weights_of, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`regression-losses`, the losses for numbers.
#
# - PyTorch contributors (2026). `BCEWithLogitsLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>`__. The reference, with the formula
#   of ``pos_weight``.
# - Goodfellow, Bengio and Courville (2016). `Deep Learning <https://www.deeplearningbook.org/contents/mlp.html>`__. Its
#   section on sigmoid units says why this loss does not saturate.
