"""
.. _softmax:

What does softmax do, along which dim, and why log_softmax?
===========================================================

:func:`torch.softmax` turns numbers into probabilities. Along the :term:`axis` ``dim`` they lie between 0 and 1 and sum
to 1, and a larger number gets a larger probability, up to rounding. A classifier makes :term:`logits`, which are its
raw outputs, and softmax makes probabilities of them. :func:`torch.log_softmax` gives their
:term:`logarithms <logarithm>`. You need to know :ref:`reductions`.
"""

# %%
# Here are two rows of three logits. With ``dim=1``, each row becomes probabilities by itself. Touch an element: it
# depends on its whole row, because a probability can grow only when another one shrinks.
#
# .. not tried: only when another one shrinks — it follows from the sum of 1, which is checked

import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
probabilities = torch.softmax(logits, dim=1)
torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))
draw(torch.softmax, logits, dim=1, names=["logits"])

# %%
# The rule, from scratch
# ----------------------
#
# :math:`p_i = e^{x_i} / \sum_j e^{x_j}`, where j runs along ``dim``. The exponential is positive, and the division
# makes the sum 1. So the ratio of two probabilities depends on the difference of their logits alone. The shape stays as
# it is.


def naive_softmax(x, dim):
    e = x.exp()
    return e / e.sum(dim, keepdim=True)


torch.testing.assert_close(naive_softmax(logits, 1), probabilities)
ratio = probabilities[0, 0] / probabilities[0, 1]
torch.testing.assert_close(ratio, torch.tensor(math.exp(2 - 1)))

# %%
# Between 0 and 1
# ---------------
#
# With two finite logits or more, each probability lies between 0 and 1 on paper, and reaches neither. In a float it can
# be rounded to 1, or to 0 when the difference of the logits is large.

for some in (logits, torch.randn(5, 7), torch.tensor([[-3.0, 3.0]])):
    assert (some.softmax(dim=1) > 0).all()
    assert (some.softmax(dim=1) < 1).all()
assert torch.tensor([0.0, 20.0]).softmax(dim=0)[1] == 1
assert torch.tensor([0.0, 200.0]).softmax(dim=0).tolist() == [0, 1]

# %%
# Which dim?
# ----------
#
# ``dim`` is the axis along which the result has to sum to 1, which is that of the classes. For logits of shape (batch,
# classes) it is axis 1, the last one. ``dim=0`` raises no error, and makes the items of the :term:`batch` compete with
# each other.

wrong = torch.softmax(logits, dim=0)
torch.testing.assert_close(wrong.sum(dim=0), torch.ones(3))
assert (wrong.sum(dim=1) - 1).abs().min() > 0.01  # no row is a distribution
draw(torch.softmax, logits, dim=0, names=["logits"])

# %%
# With more axes, softmax does not mix the indices of the others. For images with a class for each pixel, of shape
# (batch, class, height, width), the axis is ``dim=1``. Here 2 items have 3 classes at 4 places: touch an element to see
# the classes of its place.

places = (torch.arange(24.0) % 5).reshape(2, 3, 4)
result = places.softmax(dim=1)
for i in range(2):
    for k in range(4):
        torch.testing.assert_close(result[i, :, k], places[i, :, k].softmax(dim=0))
draw(torch.softmax, places, dim=1, names=["places"])

# %%
# ``torch.softmax`` insists on a ``dim``. :func:`torch.nn.functional.softmax` guesses one, and warns. With three axes it
# takes axis 0, which is the batch; with two or four it takes axis 1.

with expect_error(TypeError, match="dim"):
    torch.softmax(places)
with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
    guessed = F.softmax(places)
assert torch.equal(guessed, places.softmax(dim=0))
for guess in (logits, places.reshape(2, 3, 2, 2)):
    with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
        guessed = F.softmax(guess)
    assert torch.equal(guessed, guess.softmax(dim=1))

# %%
# Overflow, and the stable form
# -----------------------------
#
# float32 ends near :val:`3.4e38 <torch.finfo(torch.float32).max>`. ``exp`` reaches that at 88.7. Beyond it gives
# infinity, and infinity over infinity is :term:`NaN`. On paper, softmax does not change when each logit grows by the
# same number, because :math:`e^{x+c} = e^x e^c` and :math:`e^c` cancels. So subtract the largest logit first: then no
# exponent is above 0. ``torch.softmax`` gives what this form gives.
#
# Adding a large number rounds the logits themselves. What that loses, no form of softmax brings back: after adding
# 1e8, three different logits are equal.


def stable_softmax(x, dim):
    return naive_softmax(x - x.amax(dim, keepdim=True), dim)


assert logits.dtype == torch.float32
assert torch.tensor([88.7, 88.8]).exp().isinf().tolist() == [False, True]
large = logits + torch.tensor([[998.0], [-1000.0]])
assert naive_softmax(large, 1).isnan().all()  # row 0 is inf / inf, row 1 is 0 / 0
for numbers, axis in ((large, 1), (places * 1000, 1), (places - 1e5, 2), (-large, 0)):
    torch.testing.assert_close(stable_softmax(numbers, axis), torch.softmax(numbers, dim=axis))
torch.testing.assert_close(torch.softmax(large, dim=1), probabilities)
torch.testing.assert_close((logits[0] + 1e8).softmax(dim=0), torch.full((3,), 1 / 3))

# %%
# log_softmax
# -----------
#
# Losses need the logarithm of a probability. A probability smaller than :val:`float32 <sure.dtype>` can hold becomes 0.
# Its logarithm is minus infinity, and the :term:`gradient` has :term:`NaN`. :math:`\log p_i = x_i - \log \sum_j
# e^{x_j}` takes no logarithm of a probability. The second term is :ref:`logsumexp <logsumexp>`.

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
# Logits can be divided by a :term:`temperature` T before softmax. With a small T the largest logit gets nearly
# everything, and with a large T the probabilities are nearly equal. On paper the order stays, so
# :func:`torch.argmax`, the place of the largest, does not change. A T so large that the probabilities are rounded to
# equal ones does change it.


def temperatures(x):
    return {f"T = {t}": torch.softmax(x / t, dim=0) for t in (0.25, 1, 10)}


x = logits[0]
cold, usual, hot = temperatures(x).values()
assert cold.max() > 0.98
assert hot.max() - hot.min() < 0.1
assert cold.argmax() == usual.argmax() == hot.argmax() == x.argmax() == 0
pair = torch.tensor([0.0, 1.0])
assert (pair.argmax(), (pair / 1e9).softmax(dim=0).argmax()) == (1, 0)
draw(temperatures, x)

# %%
# Masks
# -----
#
# A logit of minus infinity gets the probability 0, and the others get what they would get without it. Positions are
# hidden so (:ref:`triu-and-tril`). Where each logit of a row is hidden, the result is NaN.

hidden = torch.tensor([2.0, 1.0, -math.inf])
torch.testing.assert_close(hidden.softmax(dim=0), torch.cat([x[:2].softmax(dim=0), torch.zeros(1)]))
assert torch.full((3,), -math.inf).softmax(dim=0).isnan().all()

# %%
# Data types, memory, gradients
# -----------------------------
#
# Integers and truth values are refused, unless ``dtype`` says what to convert them to. The result is a new tensor.

refused = {torch.int64: "'Long'", torch.int32: "'Int'", torch.uint8: "'Byte'", torch.bool: "'Bool'"}
for dtype, message in refused.items():
    with expect_error(NotImplementedError, match=message):
        torch.softmax(torch.ones(3, dtype=dtype), dim=0)
assert torch.equal(torch.softmax(torch.tensor([2, 1, 0]), dim=0, dtype=torch.float32), usual)
assert x.half().softmax(dim=0).dtype == torch.float16
assert usual.data_ptr() != x.data_ptr()

# %%
# Probability i changes with its own logit by :math:`p_i (1 - p_i)`, and with another logit j by :math:`-p_i p_j`. The
# table of these changes is the :term:`Jacobian`. The sum of the probabilities stays 1, so the :term:`gradient` of that
# sum is 0. The logarithm of probability i has as its gradient minus the probabilities, plus 1 at place i.

jacobian = torch.autograd.functional.jacobian(lambda x: x.softmax(dim=0), x)
torch.testing.assert_close(jacobian, torch.diag(usual) - torch.outer(usual, usual))
torch.testing.assert_close(jacobian.sum(dim=0), torch.zeros(3))
log_jacobian = torch.autograd.functional.jacobian(lambda x: x.log_softmax(dim=0), x)
torch.testing.assert_close(log_jacobian, torch.eye(3) - usual)

# %%
# Softmax before a loss that has its own
# --------------------------------------
#
# :func:`torch.nn.functional.cross_entropy` takes logits and applies ``log_softmax`` itself. Given probabilities, it
# raises nothing, and takes them for logits between 0 and 1. With three classes even a perfect answer then costs
# :math:`\log(e + 2) - 1`, and the loss of an item is never lower.

label, perfect = torch.tensor([2]), torch.tensor([[0.0, 0.0, 50.0]])
right, twice = F.cross_entropy(perfect, label), F.cross_entropy(perfect.softmax(dim=1), label)
print(f"logits: {right:.4f}; probabilities: {twice:.4f}")
assert right < 1e-6
torch.testing.assert_close(twice, torch.tensor(math.log(math.e + 2) - 1))
for scale in (0.1, 1, 10, 100):
    given = (scale * torch.randn(1000, 3)).softmax(dim=1)
    assert (F.cross_entropy(given, label.expand(1000), reduction="none") > twice - 1e-6).all()
by_hand = -logits.log_softmax(dim=1)[[0, 1], [1, 2]].mean()
torch.testing.assert_close(F.cross_entropy(logits, torch.tensor([1, 2])), by_hand)

# %%
# For two classes, softmax of x and 0 is :func:`torch.sigmoid` of x, which works :ref:`element by element
# <element-by-element>`. Take softmax where exactly one class is right. Take sigmoid where several labels can be right
# at once, and for a network with a single output: along an axis of size 1, softmax gives 1 for a finite logit.

for number in (1.7, -5.0, 0.0, 1e30, -1e30):
    assert torch.tensor([number]).softmax(dim=0) == 1
torch.testing.assert_close(torch.tensor([1.7, 0.0]).softmax(dim=0)[0], torch.tensor(1.7).sigmoid())

# %%
# Check yourself
# --------------
#
# Add the same number to each:

same = torch.allclose((x + 100).softmax(dim=0), usual)
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
# And with four axes, as in attention:

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
# Next: :ref:`logsumexp`, the logarithm of what softmax divides by.
