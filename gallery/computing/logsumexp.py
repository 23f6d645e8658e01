"""
.. _logsumexp:

What is logsumexp, and why not log of sum of exp?
=================================================

Probabilities of long texts are so small that you keep their logarithms, and adding two of them by ``exp`` and ``log``
gives minus infinity. :func:`torch.logsumexp` adds numbers that are given by their :term:`logarithms <logarithm>`,
without overflow.
"""

# %%
# Set-up

import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
amounts = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
logs = amounts.log()

# %%

torch.testing.assert_close(logs.logsumexp(dim=1).exp(), torch.tensor([6.0, 60.0]))
draw(torch.logsumexp, logs, dim=1, names=["logs"])

# %%
# The first row holds the logarithms of three numbers, the second those of numbers ten times as large. The results are
# the logarithms of the two sums, :val:`6 <amounts[0].sum()>` and :val:`60 <amounts[1].sum()>`. You need to know
# :ref:`reductions`.
#
# The rule
# --------
#
# Take the exponential of each number, sum along ``dim``, and take the logarithm: :math:`\log \sum_j e^{x_j}`. To keep
# ``exp`` from overflowing, subtract the largest number :math:`m` first and add it at the end:
# :math:`m + \log \sum_j e^{x_j - m}`. Now the largest exponential is 1.


def logsumexp_from_scratch(x, dim):
    m = x.amax(dim, keepdim=True)
    return (m + (x - m).exp().sum(dim, keepdim=True).log()).squeeze(dim)


torch.testing.assert_close(logsumexp_from_scratch(logs, dim=1), logs.logsumexp(dim=1))

# %%
# What goes wrong in three steps
# ------------------------------
#
# In :val:`float32 <logs.dtype>` ``exp`` is infinite from 88.8 on, and :val:`0 <torch.tensor(-104.0).exp()>` from -104
# down. The logarithm of that is plus or minus infinity, although the exact result is an ordinary number.


def three_steps(x, dim):
    return x.exp().sum(dim).log()


for shift in (0, 1000, -1000):
    x = logs[0] + shift
    print(f"{shift:>5}: three steps {three_steps(x, 0):8.3f}   logsumexp {x.logsumexp(0):9.3f}")
    torch.testing.assert_close(x.logsumexp(0), logs[0].logsumexp(0) + shift)
assert torch.tensor([88.8, -104.0]).exp().tolist() == [math.inf, 0]

# %%
# Which of two texts?
# -------------------
#
# A text of 30 words, each with probability 0.01, has probability :val:`1e-60 <0.01**30>`. :val:`float32 <words.dtype>`
# has no such number, but the sum of the logarithms is :val:`-138 <texts[0]>`. The probability that one *or* the other
# of two such texts appears is a sum, so its logarithm is a logsumexp.

words = torch.full((2, 30), 0.01)
texts = words.log().sum(dim=1)
print("products of probabilities:", words.prod(dim=1).tolist())
print("sums of logarithms:       ", [round(log, 2) for log in texts.tolist()])
print("one or the other:         ", round(texts.logsumexp(dim=0).item(), 2))
torch.testing.assert_close(texts.logsumexp(dim=0), torch.tensor(math.log(2e-60)))

# %%
# A soft maximum, and the loss
# ----------------------------
#
# The result is between the maximum and the maximum plus the logarithm of the number of terms. The loss of a classifier
# is the logsumexp of its :term:`logits` minus the logit of the right class. So the loss of a photo is small when that
# logit is the largest by far.

logits = torch.tensor([[9.0, 0.0, 1.0, 2.0], [4.0, 4.0, 4.0, 4.0]])  # (photo, class)
soft, hard = logits.logsumexp(dim=1), logits.amax(dim=1)
print("above the maximum by:", [round(d, 4) for d in (soft - hard).tolist()])
losses = soft - logits[:, 0]  # class 0 is right
torch.testing.assert_close(losses, F.cross_entropy(logits, torch.tensor([0, 0]), reduction="none"))
torch.testing.assert_close(soft[1] - hard[1], torch.tensor(4.0).log())

# %%
# .. use-this::
#
#    Take ``logsumexp`` where a formula has the logarithm of a sum of exponentials; ``dim`` is required, and may be a
#    tuple. For two tensors, place by place, take :func:`torch.logaddexp`, and for running sums
#    :func:`torch.logcumsumexp`. For a mean in place of the sum, subtract the logarithm of the number of terms. The
#    gradient of logsumexp is :ref:`softmax <softmax>`. Integers become the default dtype, here
#    :val:`float32 <torch.tensor([0]).logsumexp(dim=0).dtype>`.

torch.testing.assert_close(torch.logaddexp(logs[0], logs[1]).exp(), amounts[0] + amounts[1])
torch.testing.assert_close(logs.logcumsumexp(dim=1).exp(), amounts.cumsum(dim=1))
p = logits.clone().requires_grad_()
p.logsumexp(dim=1).sum().backward()
torch.testing.assert_close(p.grad, logits.softmax(dim=1))

# %%
# A common mistake
# ----------------
#
# **No keepdim.** To turn logits into logarithms of probabilities, subtract the logsumexp of each row. Without
# ``keepdim=True`` two results meet four columns. :func:`torch.log_softmax` does both steps in one call
# (:ref:`log-softmax`).

with expect_error(RuntimeError, match="must match the size"):
    logits - logits.logsumexp(dim=1)
right = logits - logits.logsumexp(dim=1, keepdim=True)
torch.testing.assert_close(right, logits.log_softmax(dim=1))
print(right.exp().sum(dim=1))

# %%
# How this was checked

block = torch.arange(24.0).reshape(2, 3, 4) * 50 - 600
for dim in (0, 1, 2, -1):
    torch.testing.assert_close(logsumexp_from_scratch(block, dim), block.logsumexp(dim))
for dim, shape in {1: (2, 4), (0, 2): (3,), (0, 1, 2): ()}.items():
    assert block.logsumexp(dim).shape == shape
with expect_error(TypeError, match="dim"):
    torch.logsumexp(block)
for n in (1, 2, 10, 1000):
    above = (t := torch.randn(50, n) * 10).logsumexp(dim=1) - t.amax(dim=1)
    assert ((above >= 0) & (above <= math.log(n) + 1e-5)).all()
    torch.testing.assert_close(
        (t.logsumexp(1) - math.log(n)).exp(), t.exp().mean(1), rtol=1e-3, atol=0
    )
# A sum of nothing is 0, and its logarithm minus infinity. Where each term is hidden, the gradient is NaN.
assert torch.zeros(0, 3).logsumexp(dim=0).tolist() == [-math.inf] * 3
nothing = torch.full((2,), -math.inf, requires_grad=True)
total = nothing.logsumexp(dim=0)
assert total == -math.inf
assert torch.autograd.grad(total, nothing)[0].isnan().all()
assert torch.tensor([math.inf, 0.0]).logsumexp(dim=0) == math.inf
assert logsumexp_from_scratch(
    nothing, dim=0
).isnan()  # torch guards against inf - inf, the twin above does not
# Integers and truth values become float32. Half precision keeps its coarse steps.
for dtype in (torch.int64, torch.int32, torch.uint8, torch.bool):
    result = torch.zeros(3, dtype=dtype).logsumexp(dim=0)
    assert result.dtype == torch.float32
    assert result == torch.tensor(3.0).log()
assert torch.tensor([1000.0, 1000.0]).half().logsumexp(dim=0) == 1000.5

# %%
# Check yourself
# --------------

ask(
    "x holds eight zeros. What is torch.logsumexp(x, dim=0)?",
    answer="log 8" if torch.zeros(8).logsumexp(dim=0) == torch.tensor(8.0).log() else "0",
    choices={
        "0": "That is the maximum, and also log of the mean of the exponentials.",
        "log 8": "exp(0) is 1, eight of them are 8.",
        "8": "That is the sum of the exponentials, before the logarithm.",
    },
)

# %%
# The next question has large numbers.

ask(
    "What is torch.logsumexp(torch.tensor([500.0, -500.0]), dim=0), in float32?",
    answer=torch.logsumexp(torch.tensor([500.0, -500.0]), dim=0),
    choices={
        float("inf"): "So says log(exp(500) + exp(-500)); logsumexp subtracts 500 first.",
        0.0: "That is the logarithm of the product. The sum is nearly its largest part.",
        500.0: "After 500 is subtracted, exp gives 1 and a number that is rounded to 0.",
    },
)

# %%
# **Exercise.** Five models give log-probabilities of shape (model, photo, class). An ensemble predicts the *mean of
# the probabilities*. Return its logarithm, of shape (photo, class), also where each probability is too small for a
# float.


def by_decimals(log_p):
    result = torch.empty(log_p.shape[1:])
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            numbers = log_p[:, i, j].tolist()
            mean = sum(math.exp(x - max(numbers)) for x in numbers) / len(numbers)
            result[i, j] = max(numbers) + math.log(mean)
    return result


cases = [
    (torch.tensor([[[0.5]], [[0.25]]]).log(),),
    (torch.randn(5, 3, 4).log_softmax(dim=2),),
    ((300 * torch.randn(5, 3, 4)).log_softmax(dim=2),),
]


def ensemble(log_p):
    raise NotImplementedError


check(ensemble, by_decimals, cases)

# %%
# A mean is a sum divided by n, and a division becomes a difference of logarithms.

# Solution


def ensemble(log_p):
    return log_p.logsumexp(dim=0) - math.log(len(log_p))


report = check(ensemble, by_decimals, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`linear-algebra` solves equations with matrices.
#
# - Blanchard, Higham and Higham (2021). `Accurately computing the log-sum-exp and softmax functions
#   <https://doi.org/10.1093/imanum/draa038>`__. How large the rounding error of each form can be.
# - PyTorch contributors (2026). `torch.logsumexp
#   <https://docs.pytorch.org/docs/stable/generated/torch.logsumexp.html>`__. The reference.
