"""
.. _floating-point-surprises:

Why is 0.1 + 0.2 not 0.3, and how do I compare floats?
======================================================

A float has a fixed number of binary digits, so a result that needs more is rounded. This page shows what follows:
numbers that should be equal and are not, sums that depend on their order, differences without a correct digit, and
comparison with a tolerance (:func:`torch.allclose`). You need to know :ref:`what a dtype is <dtypes>`.
"""

# %%
# These are tenths in float64, once divided and once multiplied. They print alike, and three of the eight are not equal.

import math
from fractions import Fraction

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

counts = torch.arange(1, 9, dtype=torch.float64)
divided, multiplied = counts / 10, counts * 0.1
assert (divided != multiplied).nonzero().flatten().tolist() == [2, 5, 6]
assert str(divided) == str(multiplied)
draw(torch.eq, (divided, multiplied), names=["divided", "multiplied"])

# %%
# Written in binary, one tenth has no end, as one third has no end in decimal. What is stored is the nearest fraction
# with a power of two below, here :math:`2^{55}`. A sum, a difference, a product or a quotient of two floats is the
# exact result, rounded once.

import operator

torch.manual_seed(0)
pairs = torch.randn(200, 2, dtype=torch.float64)
for operation in (operator.add, operator.sub, operator.mul, operator.truediv):
    exact = [float(operation(Fraction(p), Fraction(q))) for p, q in pairs.tolist()]
    assert operation(pairs[:, 0], pairs[:, 1]).tolist() == exact
tenth, third_tenth = Fraction(0.1), Fraction(0.3)
print(tenth, float(tenth), 0.1 + 0.2, sep="\n")
assert tenth.denominator == 2**55
assert tenth > Fraction(1, 10)
assert third_tenth < Fraction(3, 10)
assert 0.1 + 0.2 == float(Fraction(0.1) + Fraction(0.2)) != 0.3  # exact sum, rounded once

# %%
# In :val:`float32 <x.dtype>`, PyTorch says that 0.1 + 0.2 is 0.3: the roundings happen to cancel. That is luck, not
# precision, because 0.1 + 0.6 is not 0.7. And the same tenth in two types is two numbers.

x = torch.tensor([0.1, 0.2, 0.3, 0.6, 0.7])
assert x.dtype == torch.float32
assert x[0] + x[1] == x[2]
assert x[0] + x[3] != x[4]
assert x[0].item() != 0.1  # Python's float is float64
assert x[0] != torch.tensor(0.1, dtype=torch.float64)
print(x[0].item())

# %%
# How far apart floats are
# ------------------------
#
# Between a power of two and the next, floats are equally far apart. Then the step doubles. A
# :val:`float32 <sizes.dtype>` has 24 binary digits, about :val:`7 <-math.log10(2**-24)>` decimal ones;
# :val:`float64 <sizes.double().dtype>` has :val:`53 <1 - math.log2(torch.finfo(torch.float64).eps)>`, about
# :val:`16 <-math.log10(2**-53)>`. :func:`torch.nextafter` gives the neighbour: from 16,777,216 = :math:`2^{24}` on, the
# shorter one lacks odd numbers, and counting by ones stops.


def step(x):
    return torch.nextafter(x, torch.tensor(math.inf, dtype=x.dtype)) - x


sizes = torch.tensor([0.001, 1.0, 1000.0, 2.0**24, 1e8])
assert step(sizes)[1] == torch.finfo(torch.float32).eps == 2**-23
assert step(sizes.double())[1] == torch.finfo(torch.float64).eps == 2**-52
assert step(sizes).tolist()[3:] == [2, 8]
for power in (-20, 0, 1, 10, 50):
    between = 2.0**power * torch.tensor([1.0, 1.3, 1.9])
    assert (step(between) == 2.0 ** (power - 23)).all()
assert torch.tensor(2.0**24) + 1 == 2**24
assert torch.tensor(2**24 + 1).float() == 2**24  # int64 keeps it, float32 does not
draw(step, sizes, names=["sizes"])

# %%
# The order of a sum
# ------------------
#
# Each addition rounds, so ``(a + b) + c`` need not be ``a + (b + c)``. A small number that is added to a large one can
# be lost. Ten ones, added up first, are not.

a, b, c = torch.tensor([1e8, -1e8, 1.0])
assert ((a + b) + c, a + (b + c)) == (1, 0)
total = a.clone()
for _ in range(10):
    total += 1
assert total == 1e8
assert a + torch.ones(10).sum() == 1e8 + 8  # 10, rounded to the step of 8

# %%
# So a sum in another order can be another number. Threads, a GPU or another size of the :term:`batch` can change the
# order. For these values the differences are small, and float64 makes them smaller. Where large numbers cancel, as
# above, the difference is as large as the result.

values = torch.randn(10_000)
orders = [torch.randperm(10_000) for _ in range(20)]
single = torch.stack([values[order].sum() for order in orders])
double = torch.stack([values.double()[order].sum() for order in orders])
assert len(single.unique()) > 1
assert single.max() - single.min() < 1e-3
assert double.max() - double.min() < 0.001 * (single.max() - single.min())

# %%
# Differences
# -----------
#
# A difference of two floats is exact if neither is more than twice the other. But the digits that are left are those
# that had been rounded before. The variance as "mean of the squares minus square of the mean" is right on paper. For
# 10000 and its neighbours it has no correct digit.

y = torch.tensor([10000.0, 10001.0, 10002.0, 10003.0])
by_formula = (y**2).mean() - y.mean() ** 2
torch.testing.assert_close(y.var(correction=0), torch.tensor(1.25))  # subtracts the mean first
assert (by_formula - 1.25).abs() > 1
for near, far in (torch.rand(200, 2) + 1).tolist():  # from 1 to 2, exact as float32
    taken = torch.tensor(near) - torch.tensor(far)
    assert Fraction(taken.item()) == Fraction(near) - Fraction(far)
assert (y.double() ** 2).mean() - y.double().mean() ** 2 == 1.25

# %%
# That is why some formulas have functions of their own: :func:`torch.log1p` is :math:`\log(1 + x)`, and
# :func:`torch.expm1` is :math:`e^x - 1`. :ref:`logsumexp` and log_softmax belong to them, too.

tiny = torch.tensor(1e-8)
assert torch.log(1 + tiny) == torch.exp(tiny) - 1 == 0  # 1 + 1e-8 is 1
torch.testing.assert_close(torch.log1p(tiny), tiny)
torch.testing.assert_close(torch.expm1(tiny), tiny)

# %%
# Comparing with a tolerance
# --------------------------
#
# For finite numbers, :func:`torch.isclose` answers for each place, and :func:`torch.allclose` for the whole tensor: is
# :math:`|a - b| \le \text{atol} + \text{rtol} \cdot |b|`? When left out, ``rtol`` is 1e-5 and ``atol`` 1e-8, also for
# doubles, which could do better, and for halves, which cannot do so well. In the picture ``b`` is larger by 0, 1e-6,
# 1e-4 and 1e-3 times ``a``.

a = torch.tensor([1.0, 20.0, 300.0, 4000.0])
b = a * torch.tensor([1.0, 1 + 1e-6, 1 + 1e-4, 1 + 1e-3])
by_hand = (a - b).abs() <= 1e-8 + 1e-5 * b.abs()
assert torch.equal(torch.isclose(a, b), by_hand)
for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
    p, q = a.to(dtype), b.to(dtype)
    assert torch.equal(torch.isclose(p, q), torch.isclose(p, q, rtol=1e-5, atol=1e-8))
assert torch.allclose(a, b, rtol=0.01)
assert torch.allclose(divided, multiplied)
draw(torch.isclose, (a, b))

# %%
# Beside a 0, ``atol`` is the whole tolerance. A rounding error beside a true 0 is refused, and two tiny numbers are
# "close" although one is twice the other. Choose ``atol`` by the size of the terms that were added, not of the result.

assert not torch.allclose(x[0] + x[3] - x[4], torch.tensor(0.0))
assert torch.allclose(x[0] + x[3] - x[4], torch.tensor(0.0), atol=1e-6)
assert torch.allclose(torch.tensor(1e-9), torch.tensor(2e-9))
assert not torch.allclose(torch.tensor(1e-9), torch.tensor(2e-9), atol=0)

# %%
# ``allclose`` broadcasts, so a wrong shape can pass, and it refuses two types. In a test take
# ``torch.testing.assert_close``: it checks shape and :term:`dtype`, has a tolerance for each dtype, and says where the
# greatest difference is.

column = torch.ones(3, 1)
assert torch.allclose(column, torch.ones(4))
with expect_error(AssertionError, match=r"shape.*do not match"):
    torch.testing.assert_close(column, torch.ones(4))
with expect_error(AssertionError, match=r"dtype.*do not match"):
    torch.testing.assert_close(a, a.double())
with expect_error(AssertionError, match=r"Greatest absolute difference: 4.* at index \(3,\)"):
    torch.testing.assert_close(a, b)
torch.testing.assert_close(a, a * (1 + 1e-6))
with expect_error(AssertionError, match="not close"):
    torch.testing.assert_close(a.double(), a.double() * (1 + 1e-6))
with expect_error(RuntimeError, match="Float did not match Double"):
    torch.allclose(a, a.double())

# %%
# Check yourself
# --------------
#
# A loop with floats:

reached, rounds = 0.0, 0
while reached < 1:
    reached, rounds = reached + 0.1, rounds + 1
ask(
    "x = 0.0, and x += 0.1 is repeated while x < 1. How often is it done?",
    answer=rounds,
    choices={
        9: f"After nine, x is about {9 * 0.1:.1f}.",
        10: "It would be so with exact tenths. Ten roundings leave x a little below 1.",
        11: f"After ten, x is {sum([0.1] * 10)}. Count with integers.",
    },
)

# %%
# Types:

third = torch.tensor(1 / 3)
ask(
    "Is torch.tensor(1 / 3) equal to torch.tensor(1 / 3, dtype=torch.float64)?",
    answer=bool(third == torch.tensor(1 / 3, dtype=torch.float64)),
    choices={
        True: "1/3 is rounded twice, to two numbers of binary digits.",
        False: "The shorter type has another third than the longer; compare with a tolerance.",
    },
)

# %%
# Next: :ref:`nan-and-infinity`, about the values that are no ordinary numbers.
