"""
.. _softmax:

What does softmax do, and along which dim?
==========================================

A classifier gives three numbers for each photo, its :term:`logits`, and to read them as probabilities you need numbers
between 0 and 1 that sum to 1. :func:`torch.softmax` makes them along the axis ``dim``, and a wrong ``dim`` raises no
error.
"""

# %%
# Set-up

import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import Choice, draw
from ptguide.questions import ask

torch.manual_seed(0)
logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0]])  # (photo, class)
probabilities = torch.softmax(logits, dim=1)

# %%

torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))
draw(torch.softmax, logits, dim=Choice(1, 0), names=["logits"])

# %%
# Each row holds the logits of one photo for the classes cat, dog and bird. With ``dim=1`` each row sums to 1, and with
# ``dim=0`` each column. Point at a probability to see what it depends on. You need to know :ref:`reductions`.
#
# The rule
# --------
#
# Take the exponential of each logit, and divide by the sum of the exponentials along ``dim``:
# :math:`p_i = e^{x_i} / \sum_j e^{x_j}`. What counts are differences: of two logits with a difference of 1, the larger
# is :val:`2.718 <math.e>` times as probable. The shape stays the same.


def softmax_from_scratch(x, dim):
    e = x.exp()
    return e / e.sum(dim, keepdim=True)


torch.testing.assert_close(softmax_from_scratch(logits, dim=1), probabilities)
for higher, lower in [(1.0, 0.0), (5.0, 4.0), (-6.0, -7.0)]:
    p = torch.tensor([higher, lower, 0.5]).softmax(dim=0)
    torch.testing.assert_close(p[0] / p[1], torch.tensor(math.e))

# %%
# Which dim?
# ----------
#
# ``dim`` is the axis of the alternatives, of which one is right: the classes. With ``dim=0`` the *photos* compete, and
# the rows below sum to other numbers than 1. For logits of shape (photo, class), and for the scores of attention,
# (batch, head, query, key), the right axis is the last. Where each pixel gets a class, (photo, class, row, column), it
# is axis 1.

print("sums of the rows, dim=1:", logits.softmax(dim=1).sum(dim=1).tolist())
print("sums of the rows, dim=0:", logits.softmax(dim=0).sum(dim=1).tolist())
assert ((logits.softmax(dim=0).sum(dim=1) - 1).abs() > 0.3).sum() == 2
torch.testing.assert_close(logits.softmax(dim=-1), logits.softmax(dim=1))
pixels = torch.randn(2, 3, 4, 5).softmax(dim=1)  # (photo, class, row, column)
torch.testing.assert_close(pixels.sum(dim=1), torch.ones(2, 4, 5))

# %%
# Large logits
# ------------
#
# Written as in the rule, softmax fails for logits of 100. ``exp`` of 88.8 is infinite in :val:`large.dtype`, and
# infinity divided by infinity is :term:`NaN`. Since differences are what counts, subtract the largest logit of the row
# first. Then the largest exponential is :val:`1 <(large - large.amax(dim=1, keepdim=True)).exp().max()>`.
# ``torch.softmax`` gives what this form gives.


def stable_softmax(x, dim):
    return softmax_from_scratch(x - x.amax(dim, keepdim=True), dim)


large = logits + 100
print("as written:", softmax_from_scratch(large, dim=1)[0])
print("stable:    ", stable_softmax(large, dim=1)[0])
assert torch.tensor([88.7, 88.8]).exp().isinf().tolist() == [False, True]
assert softmax_from_scratch(large, dim=1).isnan().all()
torch.testing.assert_close(stable_softmax(large, dim=1), torch.softmax(large, dim=1))

# %%
# .. use-this::
#
#    Give ``torch.softmax`` the axis of the classes as ``dim``: the last one for a batch of logits, axis 1 where each
#    pixel gets a class. Use it to *read* probabilities, to sample, and inside attention. Leave it out behind the last
#    layer of a classifier: ``cross_entropy`` takes logits. Where several labels can be right at once, take
#    :func:`torch.sigmoid`. Where you need the logarithm, take :ref:`log_softmax <log-softmax>`. The result is a new
#    tensor of the same size.
#
# A common mistake
# ----------------
#
# **Softmax before the loss.** :func:`torch.nn.functional.cross_entropy` contains it already. Given probabilities, it
# takes them for logits between 0 and 1, and raises nothing. With three classes, even a perfect answer then has the
# loss :val:`0.5514 <math.log(math.e + 2) - 1>`, because probabilities differ by 1 at most.

label, perfect = torch.tensor([2]), torch.tensor([[0.0, 0.0, 50.0]])
print(f"logits:        loss {F.cross_entropy(perfect, label):.4f}")
print(f"probabilities: loss {F.cross_entropy(perfect.softmax(dim=1), label):.4f}")
lowest = math.log(math.e + 2) - 1
torch.testing.assert_close(F.cross_entropy(perfect.softmax(dim=1), label), torch.tensor(lowest))

# %%
# **No dim.** :func:`torch.nn.functional.softmax` guesses an axis and warns. For a tensor with three axes it takes axis
# 0, the batch.

x = torch.randn(4, 2, 3)
with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
    guessed = F.softmax(x)
assert torch.equal(guessed, x.softmax(dim=0))

# %%
# How this was checked

for shape, dim in {(3,): 0, (2, 3): 1, (4, 2, 3): 0, (2, 3, 4, 5): 1}.items():
    x = torch.randn(shape)
    with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
        guessed = F.softmax(x)
    assert torch.equal(guessed, x.softmax(dim=dim))
for shape in [(5, 7), (2, 3, 4), (1, 4), (3, 1)]:
    x = torch.randn(shape)
    for dim in range(-x.ndim, x.ndim):
        p = x.softmax(dim)
        torch.testing.assert_close(p, stable_softmax(x, dim))
        torch.testing.assert_close(p.sum(dim), torch.ones_like(p.sum(dim)))
        torch.testing.assert_close(p, (x + 7).softmax(dim))
        lines, by_line = (t.movedim(dim, -1).reshape(-1, x.shape[dim]) for t in (x, p))
        for line, expected in zip(lines, by_line, strict=True):
            torch.testing.assert_close(line.softmax(dim=0), expected)
        assert torch.equal(x.argmax(dim), p.argmax(dim))

# On paper a probability is above 0 and below 1. In float32 it can be rounded to either.
assert torch.tensor([0.0, 20.0]).softmax(dim=0)[1] == 1
assert torch.tensor([0.0, 200.0]).softmax(dim=0).tolist() == [0, 1]
# What adding a large number rounds away, no form of softmax brings back.
row, usual = logits[0], probabilities[0]
torch.testing.assert_close((row + 1e8).softmax(dim=0), torch.full((3,), 1 / 3))
# Integers and truth values are refused, unless dtype says what to convert them to.
for dtype, message in {torch.int64: "'Long'", torch.uint8: "'Byte'", torch.bool: "'Bool'"}.items():
    with expect_error(NotImplementedError, match=message):
        torch.softmax(torch.ones(3, dtype=dtype), dim=0)
assert torch.equal(torch.softmax(torch.tensor([2, 1, 0]), dim=0, dtype=torch.float32), usual)
assert probabilities.data_ptr() != logits.data_ptr()
# The Jacobian: p_i (1 - p_i) on the diagonal, -p_i p_j elsewhere.
jacobian = torch.func.jacrev(lambda x: x.softmax(dim=0))(row)
torch.testing.assert_close(jacobian, torch.diag(usual) - torch.outer(usual, usual))
# The loss of probabilities is never below its lowest value, for logits of any size that is tried.
for scale in (0.1, 1, 10, 100):
    given = (scale * torch.randn(1000, 3)).softmax(dim=1)
    assert (F.cross_entropy(given, label.expand(1000), reduction="none") > lowest - 1e-6).all()
# For two classes, softmax of x and 0 is the sigmoid of x. Along an axis of size 1, the result is 1.
torch.testing.assert_close(torch.tensor([1.7, 0.0]).softmax(dim=0)[0], torch.tensor(1.7).sigmoid())
for number in (1.7, -5.0, 0.0, 1e30, -1e30):
    assert torch.tensor([number]).softmax(dim=0) == 1

# %%
# Check yourself
# --------------

same = torch.allclose((row + 100).softmax(dim=0), usual)
ask(
    "x is a row of logits. What is torch.softmax(x + 100, dim=0)?",
    answer="the same as torch.softmax(x, dim=0)" if same else "NaN",
    choices={
        "NaN": "exp(100) is infinite, but the largest logit is subtracted first.",
        "the same as torch.softmax(x, dim=0)": "Only differences of logits count.",
        "closer to equal probabilities": "That is what x / 100 gives, a high temperature.",
    },
)

# %%
# The next tensor has four axes, as in attention.

scores, one = torch.zeros(2, 3, 4, 5), torch.ones(2, 3, 4)
fitting = [dim for dim in range(4) if torch.allclose(scores.softmax(dim).sum(dim=3), one)]
assert len(fitting) == 1
ask(
    "scores has axes batch, head, query, key. For each query, the weights of the keys sum to 1. Which dim?",
    answer=fitting[0],
    choices={
        1: "Then the weights of the heads would sum to 1, for each pair of query and key.",
        2: "Then the weights of the queries would sum to 1, for each key.",
        3: "The sum over the keys is 1, so dim is the axis of the keys.",
    },
)

# %%
# **Exercise.** A classifier may stay silent where it is unsure. From logits of shape (photo, class), return for each
# photo its most probable class, and -1 where the probability of that class is below ``least``.


def by_loops(logits, least):
    result = []
    for row in logits.tolist():
        e = [math.exp(x - max(row)) for x in row]
        best = max(range(len(row)), key=row.__getitem__)
        result.append(best if e[best] / sum(e) >= least else -1)
    return torch.tensor(result)


cases = [
    (torch.tensor([[3.0, 0.0], [0.2, 0.0]]), 0.8),
    (logits, 0.75),
    (3 * torch.randn(6, 4), 0.6),
]


def sure_or_silent(logits, least):
    raise NotImplementedError


check(sure_or_silent, by_loops, cases)

# %%
# ``max`` along the axis of the classes gives the probability and its class.

# Solution


def sure_or_silent(logits, least):
    probability, best = logits.softmax(dim=1).max(dim=1)
    return best.masked_fill(probability < least, -1)


report = check(sure_or_silent, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`masked-softmax` leaves out some of the logits.
#
# - Goodfellow, Bengio and Courville (2016). `Deep Learning <https://www.deeplearningbook.org/contents/mlp.html>`__. Its
#   section on softmax units explains why this function makes probabilities of logits.
# - Guo, Pleiss, Sun and Weinberger (2017). `On calibration of modern neural networks
#   <https://arxiv.org/abs/1706.04599>`__. The networks that it measures are right less often than their probabilities
#   say. Dividing the logits by one number repairs much of that.
