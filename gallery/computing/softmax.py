"""
.. _softmax:

What does softmax do, along which dim, and why log_softmax?
===========================================================

:func:`torch.softmax` makes shares of numbers: along the :term:`axis` ``dim`` all become positive and sum to 1, and the
larger number gets the larger share. It turns :term:`logits`, the raw outputs of a classifier, into probabilities.
:func:`torch.log_softmax` gives their :term:`logarithms <logarithm>`. You need to know :ref:`reductions`.
"""

# %%
# Two rows of three logits, and ``dim=1``: each row is shared out by itself. Touch an element: it depends on its whole
# row, since a share grows when another shrinks.

import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw
from ptguide.questions import ask

logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
shares = torch.softmax(logits, dim=1)
torch.testing.assert_close(shares.sum(dim=1), torch.ones(2))
draw(torch.softmax, logits, dim=1, names=["logits"])

# %%
# The rule, from scratch
# ----------------------
#
# :math:`p_i = e^{x_i} / \sum_j e^{x_j}`, where j runs along ``dim``. The exponential makes every number positive, and
# the division makes the sum 1. So the ratio of two shares comes from the difference of their logits. The shape stays as
# it is.


def naive_softmax(x, dim):
    e = x.exp()
    return e / e.sum(dim, keepdim=True)


torch.testing.assert_close(naive_softmax(logits, 1), shares)
ratio = shares[0, 0] / shares[0, 1]
torch.testing.assert_close(ratio, torch.tensor(math.exp(2 - 1)))

# %%
# "The output of softmax is always >= 1"
# --------------------------------------
#
# So one note says; it may mean ``exp``, which is at least 1 for logits of 0 and more. The share of each is below 1, as
# the others have some, too. Another note says "log(x) < 0 if x <= 1": for shares that is so, but the logarithm of 1
# is 0.

assert (logits.exp() >= 1).all()
assert not (shares >= 1).any()
assert (shares > 0).all()
assert (shares.log() < 0).all()
assert torch.tensor(1.0).log() == 0

# %%
# Which dim?
# ----------
#
# The axis along which the result must sum to 1: that of the classes. For logits of shape (batch, classes) it is 1, or
# the last. ``dim=0`` raises no error and makes the items of the :term:`batch` compete with each other.

wrong = torch.softmax(logits, dim=0)
torch.testing.assert_close(wrong.sum(dim=0), torch.ones(3))
assert (wrong.sum(dim=1) - 1).abs().min() > 0.01  # no row is a distribution
draw(torch.softmax, logits, dim=0, names=["logits"])

# %%
# With more axes, all others keep their indices apart. For a picture with a class for each pixel, (batch, class, height,
# width), it is ``dim=1``. Here 2 items have 3 classes at 4 places: touch an element to see the classes of its place.

places = (torch.arange(24.0) % 5).reshape(2, 3, 4)
result = places.softmax(dim=1)
for i in range(2):
    for k in range(4):
        torch.testing.assert_close(result[i, :, k], places[i, :, k].softmax(dim=0))
draw(torch.softmax, places, dim=1, names=["places"])

# %%
# ``torch.softmax`` insists on a ``dim``. :func:`torch.nn.functional.softmax` guesses, and warns: with three axes it
# takes axis 0, which is the batch.

with expect_error(TypeError, match="dim"):
    torch.softmax(places)
with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
    guessed = F.softmax(places)
assert torch.equal(guessed, places.softmax(dim=0))

# %%
# Overflow, and the stable form
# -----------------------------
#
# float32 ends near :val:`3.4e38 <torch.finfo(torch.float32).max>`, and ``exp`` is there at 88.7: beyond it gives
# infinity, and infinity over infinity is :term:`NaN`. But a number added to all logits changes nothing, as
# :math:`e^{x+c} = e^x e^c` and :math:`e^c` cancels. So subtract the largest logit first: then no exponent is above 0.
# ``torch.softmax`` does that.


def stable_softmax(x, dim):
    return naive_softmax(x - x.amax(dim, keepdim=True), dim)


assert logits.dtype == torch.float32
assert torch.tensor([88.7, 88.8]).exp().isinf().tolist() == [False, True]
large = logits + torch.tensor([[998.0], [-1000.0]])
assert naive_softmax(large, 1).isnan().all()  # row 0 is inf / inf, row 1 is 0 / 0
torch.testing.assert_close(stable_softmax(large, 1), shares)
torch.testing.assert_close(torch.softmax(large, dim=1), shares)

# %%
# log_softmax
# -----------
#
# Losses need the logarithm of a probability. A share smaller than :val:`float32 <sure.dtype>` can hold becomes 0 (and
# another exactly 1), its logarithm minus infinity, and the :term:`gradient` :term:`NaN`, which ruins every weight that
# it reaches. :math:`\log p_i = x_i - \log \sum_j e^{x_j}` needs no share; the second term is :ref:`logsumexp
# <logsumexp>`.

sure = torch.tensor([[0.0, 5.0, 200.0]])
assert sure.softmax(dim=1)[0, [0, 2]].tolist() == [0, 1]
assert sure.softmax(dim=1).log()[0, 0] == -math.inf
s = sure.clone().requires_grad_()
assert torch.autograd.grad(s.softmax(dim=1).log()[0, 0], s)[0].isnan().any()
assert torch.autograd.grad(s.log_softmax(dim=1)[0, 0], s)[0].tolist() == [[1, 0, -1]]
assert sure.log_softmax(dim=1).tolist() == [[-200.0, -195.0, 0.0]]
torch.testing.assert_close(sure.log_softmax(1), sure - sure.logsumexp(1, keepdim=True))
draw(torch.log_softmax, sure, dim=1, names=["sure"])

# %%
# Temperature
# -----------
#
# Logits divided by a :term:`temperature` T before softmax: a small T gives nearly all to the largest, a large T nearly
# equal shares. The order stays, so :func:`torch.argmax`, the place of the largest, does not change.


def temperatures(x):
    return {f"T = {t}": torch.softmax(x / t, dim=0) for t in (0.25, 1, 10)}


x = logits[0]
cold, usual, hot = temperatures(x).values()
assert cold.max() > 0.98
assert hot.max() - hot.min() < 0.1
assert cold.argmax() == usual.argmax() == hot.argmax() == x.argmax() == 0
draw(temperatures, x)

# %%
# Masks
# -----
#
# A logit of minus infinity gets the share 0, and the rest share 1 as if it were not there: so attention hides
# positions. Where everything is hidden there is nothing to share, and the result is NaN.

hidden = torch.tensor([2.0, 1.0, -math.inf])
torch.testing.assert_close(hidden.softmax(dim=0), torch.cat([x[:2].softmax(dim=0), torch.zeros(1)]))
assert torch.full((3,), -math.inf).softmax(dim=0).isnan().all()

# %%
# Data types, memory, gradients
# -----------------------------
#
# Integers are refused, unless ``dtype`` says what to convert them to. The result is a new tensor.

with expect_error(NotImplementedError, match="'Long'"):
    torch.softmax(torch.tensor([2, 1, 0]), dim=0)
assert torch.equal(torch.softmax(torch.tensor([2, 1, 0]), dim=0, dtype=torch.float32), usual)
assert x.half().softmax(dim=0).dtype == torch.float16
assert usual.data_ptr() != x.data_ptr()

# %%
# How share i changes with logit j: :math:`p_i (1 - p_i)` for its own logit and :math:`-p_i p_j` for another. The shares
# always sum to 1, so the :term:`gradient` of their sum is 0. The log-share of class i has the gradient 1 (for i only)
# minus the shares.

jacobian = torch.autograd.functional.jacobian(lambda x: x.softmax(dim=0), x)
torch.testing.assert_close(jacobian, torch.diag(usual) - torch.outer(usual, usual))
torch.testing.assert_close(jacobian.sum(dim=0), torch.zeros(3))
log_jacobian = torch.autograd.functional.jacobian(lambda x: x.log_softmax(dim=0), x)
torch.testing.assert_close(log_jacobian, torch.eye(3) - usual)

# %%
# Softmax before a loss that has its own
# --------------------------------------
#
# :func:`torch.nn.functional.cross_entropy` takes logits and applies ``log_softmax`` itself. Given shares, it raises
# nothing, and takes them for logits between 0 and 1. Then even a perfect answer costs
# :math:`\log(e + 2) - 1` with three classes, and the loss can never go below that.

label, perfect = torch.tensor([2]), torch.tensor([[0.0, 0.0, 50.0]])
right, twice = F.cross_entropy(perfect, label), F.cross_entropy(perfect.softmax(dim=1), label)
print(f"logits: {right:.4f}; shares: {twice:.4f}")
assert right < 1e-6
torch.testing.assert_close(twice, torch.tensor(math.log(math.e + 2) - 1))
by_hand = -logits.log_softmax(dim=1)[[0, 1], [1, 2]].mean()
torch.testing.assert_close(F.cross_entropy(logits, torch.tensor([1, 2])), by_hand)

# %%
# For two classes, softmax of x and 0 is :func:`torch.sigmoid` of x. Sigmoid works :ref:`element by element
# <element-by-element>`, for questions with an answer each; softmax is for one question with one answer. A network with
# a single output needs sigmoid: along an axis of size 1 all shares are 1.

assert (torch.tensor([[1.7], [-5.0]]).softmax(dim=1) == 1).all()
torch.testing.assert_close(torch.tensor([1.7, 0.0]).softmax(dim=0)[0], torch.tensor(1.7).sigmoid())

# %%
# Check yourself
# --------------
#
# Add the same to all:

same = torch.allclose((x + 100).softmax(dim=0), usual)
ask(
    "x is a row of logits. What is torch.softmax(x + 100, dim=0)?",
    answer="the same as torch.softmax(x, dim=0)" if same else "NaN",
    choices={
        "NaN": "exp(100) is infinite, but the largest logit is subtracted first.",
        "the same as torch.softmax(x, dim=0)": "Only differences of logits count.",
        "closer to equal shares": "That is what x / 100 gives, a high temperature.",
    },
)

# %%
# And for attention:

scores, one = torch.zeros(2, 3, 4, 5), torch.ones(2, 3, 4)
fitting = [dim for dim in range(4) if torch.allclose(scores.softmax(dim).sum(dim=3), one)]
assert len(fitting) == 1
ask(
    "scores has axes batch, head, query, key. Each query has 1 to share among the keys. Which dim?",
    answer=fitting[0],
    choices={
        1: "Then the heads would compete for each pair of query and key.",
        2: "Then the queries would share out each key among themselves.",
        3: "The sum over the keys, the axis that shares, is 1.",
    },
)

# %%
# Next: :ref:`logsumexp`, the logarithm of what softmax divides by.
