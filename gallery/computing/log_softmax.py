"""
.. _log-softmax:

Why log_softmax, and not log(softmax(x))?
=========================================

A loss needs the logarithm of a probability, and the logarithm of :ref:`softmax <softmax>` becomes minus infinity, with
NaN as gradient, when the network is very sure. :func:`torch.log_softmax` computes the same number without the detour.
"""

# %%
# Set-up

import math

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
sure = torch.tensor([0.0, 5.0, 200.0])  # logits of a network that is very sure of class 2


def two_steps(x):
    return {
        "softmax": x.softmax(dim=0),
        "log of it": x.softmax(dim=0).log(),
        "log_softmax": x.log_softmax(dim=0),
    }


# %%

assert two_steps(sure)["log of it"].tolist() == [-math.inf, -math.inf, 0]
assert sure.log_softmax(dim=0).tolist() == [-200.0, -195.0, 0.0]
draw(two_steps, sure, names=["logits"])

# %%
# The first two probabilities are too small for :val:`sure.dtype` and become 0, whose logarithm is minus infinity.
# ``log_softmax`` gives -200 and -195. You need to know :ref:`softmax`.
#
# The rule
# --------
#
# :math:`\log p_i = x_i - \log \sum_j e^{x_j}`. The probability itself is not computed, so it cannot become 0. The
# second term is :ref:`logsumexp <logsumexp>`, which subtracts the largest logit before it takes exponentials.


def log_softmax_from_scratch(x, dim):
    return x - x.logsumexp(dim, keepdim=True)


torch.testing.assert_close(log_softmax_from_scratch(sure, dim=0), sure.log_softmax(dim=0))

# %%
# What it costs to take the detour
# --------------------------------
#
# The loss of a wrong class becomes infinite, which you would see. Its gradient has NaN, which one step puts into the
# weights. Through ``log_softmax`` the gradient of :math:`\log p_0` is 1 at class 0, minus the probabilities.


def gradient(log_probability):
    logits = sure.clone().requires_grad_()
    return torch.autograd.grad(log_probability(logits)[0], logits)[0]


print("log of softmax:", gradient(lambda x: x.softmax(dim=0).log()).tolist())
print("log_softmax:   ", gradient(lambda x: x.log_softmax(dim=0)).tolist())
assert gradient(lambda x: x.softmax(dim=0).log()).isnan().any()
assert gradient(lambda x: x.log_softmax(dim=0)).tolist() == [1, 0, -1]

# %%
# The logarithm of softmax goes wrong before it is infinite. In float16 the smallest positive number is
# :val:`6e-8 <torch.finfo(torch.float16).smallest_normal * torch.finfo(torch.float16).eps>`. If two logits differ by 20,
# the smaller probability becomes 0. At 15 the logarithm is already wrong in its second digit after the point.

for gap in (5.0, 10.0, 15.0, 20.0):
    pair = torch.tensor([0.0, gap], dtype=torch.float16)
    detour, direct = pair.softmax(dim=0).log()[0], pair.log_softmax(dim=0)[0]
    print(f"logits 0 and {gap:4.1f}: log of softmax {detour:8.3f}, log_softmax {direct:8.3f}")
assert torch.tensor([0.0, 20.0], dtype=torch.float16).softmax(dim=0)[0] == 0

# %%
# .. use-this::
#
#    Give logits to :func:`torch.nn.functional.cross_entropy`, which is ``log_softmax`` and a choice of the right class
#    in one call. Take ``log_softmax`` where you need the logarithms yourself, for example to add them up over the words
#    of a text. ``exp`` of the result gives the probabilities back. ``log_softmax`` makes one new tensor, where softmax
#    and then ``log`` make two.

targets = torch.tensor([2, 0])
logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
by_hand = -logits.log_softmax(dim=1)[[0, 1], targets].mean()
torch.testing.assert_close(F.cross_entropy(logits, targets), by_hand)
torch.testing.assert_close(F.nll_loss(logits.log_softmax(dim=1), targets), by_hand)
torch.testing.assert_close(logits.log_softmax(dim=1).exp(), logits.softmax(dim=1))

# %%
# A common mistake
# ----------------
#
# **Probabilities for** ``nll_loss``. The name says negative log-likelihood, and the function takes no logarithm: it
# picks a number and changes its sign. Given probabilities, it returns something between -1 and 0. For logits of
# ordinary size the gradient still raises the probability of the right class, so nothing looks broken. Where the
# network is very sure of a wrong class, the gradient is 0. The partner of ``nll_loss`` is ``log_softmax``.

wrong = F.nll_loss(logits.softmax(dim=1), targets)
print(f"nll_loss of probabilities: {wrong:.3f}; of log_softmax: {by_hand:.3f}")
torch.testing.assert_close(wrong, -logits.softmax(dim=1)[[0, 1], targets].mean())
assert -1 < wrong < 0 < by_hand

# %%
# How this was checked

for shape in [(5, 7), (2, 3, 4), (1, 4)]:
    x = 30 * torch.randn(shape, dtype=torch.float64)
    for dim in range(-x.ndim, x.ndim):
        result = x.log_softmax(dim)
        torch.testing.assert_close(result, log_softmax_from_scratch(x, dim))
        torch.testing.assert_close(result, x.softmax(dim).log())
        torch.testing.assert_close(result.exp().sum(dim), torch.ones_like(result.sum(dim)))
        assert (result <= 0).all()
for size in (
    0.1,
    1,
    10,
):  # a step against the gradient of the wrong loss raises the right probability
    start = (size * torch.randn(6, 3, dtype=torch.float64)).requires_grad_()
    right = torch.arange(6) % 3
    slope = torch.autograd.grad(F.nll_loss(start.softmax(dim=1), right), start)[0]
    assert (slope[range(6), right] < 0).all()
astray = torch.tensor([[0.0, 0.0, 200.0]], requires_grad=True)
slope = torch.autograd.grad(F.nll_loss(astray.softmax(dim=1), torch.tensor([0])), astray)[0]
assert slope.tolist() == [[0, 0, 0]]
# The tensors that are made: one by log_softmax, two by the detour.


class Calls(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        names.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


for call, made in (
    (lambda: sure.log_softmax(dim=0), ["_log_softmax"]),
    (lambda: sure.softmax(dim=0).log(), ["_softmax", "log"]),
):
    names = []
    with Calls():
        call()
    assert names == made
row = logits[0]
jacobian = torch.func.jacrev(lambda x: x.log_softmax(dim=0))(row)
torch.testing.assert_close(jacobian, torch.eye(3) - row.softmax(dim=0))
with expect_error(NotImplementedError, match="'Long'"):
    torch.tensor([1, 2]).log_softmax(dim=0)

# %%
# Check yourself
# --------------

ask(
    "What is the largest value that an element of log_softmax can have?",
    answer=torch.tensor([7.0]).log_softmax(dim=0).item(),
    choices={
        0.0: "The logarithm of the probability 1. It is reached along an axis of size 1, or by rounding.",
        1.0: "That is the largest probability, before the logarithm.",
        math.inf: "A probability is at most 1, so its logarithm is at most 0.",
    },
)

# %%
# Here ``log_softmax`` is applied twice, by mistake.

once = row.log_softmax(dim=0)
changes = "changes" if not torch.allclose(once.log_softmax(dim=0), once) else "stays the same"
ask(
    "What happens to the result of log_softmax if log_softmax is applied to it again, along the same axis?",
    answer=f"it {changes}",
    choices={
        "it changes": "The logsumexp of log-probabilities is log(1) = 0, and x - 0 is x.",
        "it stays the same": "Its exponentials sum to 1 already, so 0 is subtracted.",
        "it becomes NaN": "Nothing is infinite here.",
    },
)

# %%
# **Exercise.** A language model gives logits of shape (token, word) for a text. Return how probable the whole text is,
# as a logarithm: the sum of the log-probabilities of its words. The text is so improbable that its probability itself
# would become 0.


def by_loop(logits, words):
    total = torch.zeros((), dtype=torch.float64)
    for i, word in enumerate(words.tolist()):
        total = total + logits[i].double().log_softmax(dim=0)[word]
    return total


cases = [
    (torch.tensor([[0.0, 0.0]], dtype=torch.float64), torch.tensor([1])),
    (torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]], dtype=torch.float64), torch.tensor([2, 1])),
    (50 * torch.randn(40, 9, dtype=torch.float64), torch.randint(9, (40,))),
]


def log_probability(logits, words):
    raise NotImplementedError


check(log_probability, by_loop, cases)

# %%
# ``gather`` picks one word in each row.

# Solution


def log_probability(logits, words):
    return logits.log_softmax(dim=-1).gather(1, words[:, None]).sum()


report = check(log_probability, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`logsumexp` is the number that is subtracted.
#
# - Blanchard, Higham and Higham (2021). `Accurately computing the log-sum-exp and softmax functions
#   <https://doi.org/10.1093/imanum/draa038>`__. Which of the forms is accurate, and when.
