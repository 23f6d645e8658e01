"""
.. _logsumexp:

What is logsumexp, and why not log of sum of exp?
=================================================

:func:`torch.logsumexp` adds up numbers that are given by their :term:`logarithms <logarithm>`, and returns the
logarithm of the sum. That is ``x.exp().sum(dim).log()`` without the overflow of ``exp``. It lies at most log n above
the maximum of n numbers, it is the logarithm of what :ref:`softmax <softmax>` divides by, and it adds probabilities
that are too small for a float. You need to know :ref:`reductions`.
"""

# %%
# The rows hold the logarithms of 1, 2, 3 and of 10, 20, 30. ``dim=1`` is the :term:`axis` that disappears; the results
# are the logarithms of the two sums, 6 and 60.

import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

amounts = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
logs = amounts.log()
torch.testing.assert_close(logs.logsumexp(dim=1).exp(), torch.tensor([6.0, 60.0]))
draw(torch.logsumexp, logs, dim=1, names=["logs"])

# %%
# Why not in three steps
# ----------------------
#
# In :val:`float32 <logs.dtype>` ``exp`` is infinite from 88.8 on, and 0 from -104 down. The logarithm of that is
# infinity, or minus infinity, although the result is an ordinary number.


def naive(x, dim):
    return x.exp().sum(dim).log()


assert torch.tensor([88.8, -104.0]).exp().tolist() == [math.inf, 0]
torch.testing.assert_close(naive(logs, 1), logs.logsumexp(1))
assert naive(logs + 1000, 1).tolist() == [math.inf, math.inf]
assert naive(logs - 1000, 1).tolist() == [-math.inf, -math.inf]
torch.testing.assert_close((logs - 1000).logsumexp(1), logs.logsumexp(1) - 1000)

# %%
# From scratch
# ------------
#
# Take the largest number m out: :math:`\log \sum_j e^{x_j} = m + \log \sum_j e^{x_j - m}`. Now the largest exponent is
# 0, so ``exp`` does not overflow, and the sum is at least 1. The loops compare the result with torch's for each
# ``dim``.


def logsumexp(x, dim, keepdim=False):
    m = x.amax(dim, keepdim=True)
    m = torch.where(m.isinf(), 0, m)  # inf - inf would be NaN
    result = m + (x - m).exp().sum(dim, keepdim=True).log()
    return result if keepdim else result.squeeze(dim)


block = torch.arange(24.0).reshape(2, 3, 4) * 50 - 600
for dim in (0, 1, 2, -1, (0, 2)):
    for keepdim in (False, True):
        torch.testing.assert_close(logsumexp(block, dim, keepdim), block.logsumexp(dim, keepdim))
hidden = torch.tensor([[-math.inf, 0.5], [-math.inf, -math.inf]])
torch.testing.assert_close(logsumexp(hidden, 1), hidden.logsumexp(1))

# %%
# Any number of axes
# ------------------
#
# As in :ref:`sum <reductions>`, delete the axis from the shape: of (2, 3, 4) remains (2, 4) with ``dim=1``. Several
# axes go together as a tuple. Unlike in ``sum``, ``dim`` is required.

small = torch.arange(24.0).reshape(2, 3, 4) % 5
assert small.logsumexp(dim=1).shape == (2, 4)
assert small.logsumexp(dim=(0, 2), keepdim=True).shape == (1, 3, 1)
with expect_error(TypeError, match="dim"):
    torch.logsumexp(small)
torch.testing.assert_close(small.logsumexp(dim=(0, 1, 2)), small.flatten().logsumexp(0))
draw(torch.logsumexp, small, dim=1, names=["small"])

# %%
# A soft maximum
# --------------
#
# The sum is at least its largest part and at most n times that, so the result lies between the maximum and the maximum
# plus log n. With one number far above the rest it is nearly the maximum. With n equal numbers it is log n above. To
# get the logarithm of the mean of the exponentials, subtract log n.

x = torch.tensor([[9.0, 0.0, 1.0, 2.0], [4.0, 4.0, 4.0, 4.0], [4.0, 3.0, 2.0, 1.0]])
soft, hard = x.logsumexp(dim=1), x.amax(dim=1)
print("above the maximum by", [round(d, 4) for d in (soft - hard).tolist()])
assert ((soft >= hard) & (soft <= hard + math.log(4) + 1e-6)).all()
torch.manual_seed(0)
for n in (1, 2, 10, 1000):
    above = (t := torch.randn(50, n) * 10).logsumexp(dim=1) - t.amax(dim=1)
    assert ((above >= 0) & (above <= math.log(n) + 1e-5)).all()
assert soft[0] - hard[0] < 0.002
torch.testing.assert_close(soft[1], torch.tensor(4 + math.log(4)))
torch.testing.assert_close((soft - math.log(4)).exp(), x.exp().mean(dim=1))

# %%
# Adding tiny probabilities
# -------------------------
#
# A text of 30 words, each with probability 0.01, has probability :val:`1e-60 <0.01**30>`. :val:`float32 <words.dtype>`
# has no such number, but the sum of the logarithms is :val:`-138 <texts[0]>`. The probability of "this text *or* that
# one" is the sum of two such probabilities. logsumexp computes the logarithm of that sum from the two logarithms.

words = torch.full((2, 30), 0.01)
assert words.prod(dim=1).tolist() == [0, 0]
texts = words.log().sum(dim=1)
torch.testing.assert_close(texts, torch.full((2,), 30 * math.log(0.01)))
torch.testing.assert_close(texts.logsumexp(dim=0), torch.tensor(math.log(2e-60)))

# %%
# For two tensors, place by place, there is :func:`torch.logaddexp`; the running form is :func:`torch.logcumsumexp`.

torch.testing.assert_close(torch.logaddexp(logs[0], logs[1]).exp(), amounts[0] + amounts[1])
torch.testing.assert_close(torch.logaddexp(logs[0], logs[1]), logs.logsumexp(dim=0))
torch.testing.assert_close(logs.logcumsumexp(dim=1).exp(), amounts.cumsum(dim=1))
draw(torch.logcumsumexp, logs, dim=1, names=["logs"])

# %%
# Softmax, and the loss of classifiers
# ------------------------------------
#
# ``x - x.logsumexp(1, keepdim=True)`` is :func:`torch.log_softmax`. So cross-entropy, the usual loss of a classifier,
# is the logsumexp of the :term:`logits` minus the logit of the right class. A loss of 0 means that the right class has
# the probability 1, up to rounding.

labels = torch.tensor([0, 3, 1])
torch.testing.assert_close(x - x.logsumexp(1, keepdim=True), x.log_softmax(dim=1))
losses = x.logsumexp(dim=1) - x[[0, 1, 2], labels]
torch.testing.assert_close(losses, F.cross_entropy(x, labels, reduction="none"))
torch.testing.assert_close((-losses).exp(), x.softmax(dim=1)[[0, 1, 2], labels])

# %%
# Gradients, data types, and what goes wrong
# ------------------------------------------
#
# The :term:`gradient` of logsumexp is softmax: each number counts by its part in the sum. The gradient of the maximum
# goes to the largest number alone, and where several are largest, ``amax`` splits it. Without ``keepdim=True``, three
# results meet four columns, as in ``sum`` (:ref:`reductions`).

p = x.clone().requires_grad_()
winners = (x == x.amax(dim=1, keepdim=True)).float()
by_maximum = torch.autograd.grad(p.amax(dim=1).sum(), p)[0]
torch.testing.assert_close(by_maximum, winners / winners.sum(dim=1, keepdim=True))
torch.testing.assert_close(torch.autograd.grad(p.logsumexp(dim=1).sum(), p)[0], x.softmax(dim=1))
with expect_error(RuntimeError, match="must match the size"):
    x - x.logsumexp(dim=1)

# %%
# A sum of nothing is 0, and its logarithm is minus infinity. The same comes out where each term is hidden by a
# :term:`mask` of minus infinity. The value is right, but the gradient is that of 0/0, :term:`NaN`, and it spreads to
# the weights before it.

assert torch.zeros(0, 3).logsumexp(dim=0).tolist() == [-math.inf] * 3
nothing = torch.full((2,), -math.inf, requires_grad=True)
total = nothing.logsumexp(dim=0)
assert total == -math.inf
assert torch.autograd.grad(total, nothing)[0].isnan().all()
weights = torch.tensor([1.0, 2.0], requires_grad=True)
assert torch.autograd.grad((weights - math.inf).logsumexp(dim=0), weights)[0].isnan().all()

# %%
# Integers and truth values become :val:`float32 <torch.tensor([0]).logsumexp(dim=0).dtype>`, while ``softmax`` refuses
# them. Half precision is taken, and keeps its coarse steps: of 1000 + log 2 remains 1000.5. The result is a new
# tensor.

for dtype in (torch.int64, torch.int32, torch.uint8, torch.bool):
    assert torch.zeros(3, dtype=dtype).logsumexp(dim=0) == torch.tensor(3.0).log()
assert torch.tensor([1000.0, 1000.0]).half().logsumexp(dim=0) == 1000.5
assert logs[:, :1].logsumexp(dim=1).data_ptr() != logs.data_ptr()

# %%
# Check yourself
# --------------
#
# In your head:

ask(
    "x holds eight zeros. What is torch.logsumexp(x, dim=0)?",
    answer="log 8" if torch.zeros(8).logsumexp(0) == torch.tensor(8.0).log() else "0",
    choices={
        "0": "That is the maximum, and also log of the mean of the exponentials.",
        "log 8": "exp(0) is 1, eight of them are 8.",
        "8": "That is the sum of the exponentials, before the logarithm.",
    },
)

# %%
# And with large numbers:

ask(
    "What is torch.logsumexp(torch.tensor([500.0, -500.0]), dim=0), in float32?",
    answer=torch.tensor([500.0, -500.0]).logsumexp(dim=0),
    choices={
        float("inf"): "So says log(exp(500) + exp(-500)); logsumexp takes the 500 out first.",
        0.0: "That is the logarithm of the product. The sum is nearly its largest part.",
        500.0: "500 is taken out. What is left of the other is 0 after rounding.",
    },
)

# %%
# Next: :ref:`linear-algebra`, for equations with matrices.
