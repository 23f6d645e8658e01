"""
.. _floating-point-surprises:

Why is 0.1 + 0.2 not 0.3, and how do I compare floats?
======================================================

A test compares two results with ``==`` and fails, although both print alike. A float keeps a fixed number of binary
digits and rounds away the rest, so compare with a tolerance: :func:`torch.allclose`.
"""

# %%
# Set-up

import math
import operator
from fractions import Fraction

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
counts = torch.arange(1, 9, dtype=torch.float64)
divided, multiplied = counts / 10, counts * 0.1


def step(x):
    """Return how far the next larger float is."""
    return torch.nextafter(x, torch.tensor(math.inf, dtype=x.dtype)) - x


# %%

assert 0.1 + 0.2 != 0.3
assert str(divided) == str(multiplied)
draw(torch.eq, (divided, multiplied), names=["divided", "multiplied"], at=(2,))

# %%
# These are tenths in :val:`float64 <divided.dtype>`, computed once as quotients by ten and once as products with a
# tenth. They print alike, and three of the eight are not equal. You need to know :ref:`what a dtype is <dtypes>`.
#
# The rule
# --------
#
# One tenth has no end in binary, as one third has no end in decimal. What is stored is the nearest float: a whole
# number of limited length, divided by a power of two. A sum, difference, product or quotient of two floats is the exact
# result, rounded once: :math:`x \oplus y = \mathrm{round}(x + y)`.

print("0.1 is", Fraction(0.1))
print("0.1 + 0.2 is", 0.1 + 0.2)

# %%
# The distance of two floats grows
# --------------------------------
#
# Between a power of two and the next, floats are equally far apart; then, but for the smallest, the distance doubles.
# So :val:`float32 <torch.float32>` has about seven decimal digits, from
# :val:`1.2e-38 <torch.finfo(torch.float32).tiny>` up. From 16,777,216 on, which is :math:`2^{24}`, it has no odd
# numbers, and counting by ones stops.

for size in (1.0, 1000.0, 2.0**24, 1e8):
    print(f"near {size:<11g} the step is {step(torch.tensor(size)).item():.2g}")
big = torch.tensor(2.0**24)
assert big + 1 == big

# %%
# The order of a sum matters
# --------------------------
#
# Each addition rounds, so :math:`(a + b) + c` need not be :math:`a + (b + c)`. A GPU, more threads or another batch
# size may sum in another order, and give another last digit. Here :val:`10,000 <len(values)>` numbers are summed in 20
# orders.

values = torch.randn(10_000)
orders = [torch.randperm(10_000) for _ in range(20)]
spread = {}
for dtype in (torch.float32, torch.float64):
    sums = torch.stack([values.to(dtype)[order].sum() for order in orders])
    spread[dtype] = (sums.max() - sums.min()).item()
print("float32: one sum only:", spread[torch.float32] == 0)
print("float64: closer by a factor of 1000:", spread[torch.float64] < spread[torch.float32] / 1000)
assert 0 < spread[torch.float32] < 1e-3
a, b, c = torch.tensor([1e8, -1e8, 1.0])
assert ((a + b) + c, a + (b + c)) == (1, 0)

# %%
# Differences lose digits
# -----------------------
#
# Subtracting two floats that are almost equal is exact. What remains are their last digits, which earlier roundings
# have spoiled. The variance as "mean of the squares minus square of the mean" is right in exact arithmetic, and here
# gives :val:`0 <by_formula>`.

y = torch.tensor([10000.0, 10001.0, 10002.0, 10003.0])
by_formula = (y**2).mean() - y.mean() ** 2
print("by the formula:", by_formula.item(), " var:", y.var(correction=0).item())
assert y.var(correction=0) == 1.25  # subtracts the mean first

# %%
# .. use-this::
#
#    Compare with ``torch.allclose(a, b)``, which asks for :math:`|a - b| \le \text{atol} + \text{rtol} \cdot |b|`. Its
#    ``rtol`` of 1e-5 suits :val:`float32 <torch.float32>`; give 1e-3 for :val:`float16 <torch.float16>` and 1e-2 for
#    :val:`bfloat16 <torch.bfloat16>`. Near 0 ``atol`` is what counts: choose it by the size of the terms that were
#    added. In tests use ``torch.testing.assert_close``, which also compares shape and dtype, and has a tolerance for
#    each dtype. Compute in :val:`float64 <torch.float64>` to see whether a difference is rounding.

assert torch.allclose(divided, multiplied)
for dtype, rtol in {torch.float32: 1e-5, torch.float16: 1e-3, torch.bfloat16: 1e-2}.items():
    one = torch.ones(1, dtype=dtype)
    assert torch.allclose(one, one + torch.finfo(dtype).eps, rtol=rtol)

# %%
# A common mistake
# ----------------
#
# **The default tolerance beside 0.** 0.1 + 0.6 - 0.7 should be 0 and is a rounding error, which is larger than
# ``atol``. ``allclose`` also broadcasts, so a wrong shape can pass.

tenths = torch.tensor([0.1, 0.6, 0.7])
left = tenths[0] + tenths[1] - tenths[2]
print("left:", left.item(), " close to 0:", torch.allclose(left, torch.tensor(0.0)))
print("with atol=1e-6:", torch.allclose(left, torch.tensor(0.0), atol=1e-6))
print("two shapes:    ", torch.allclose(torch.ones(3, 1), torch.ones(4)))

# %%
# How this was checked

assert Fraction(0.1).denominator == 2**55
assert Fraction(0.1) > Fraction(1, 10)
assert step(torch.tensor(1.0)) == torch.finfo(torch.float32).eps == 2**-23
assert (by_formula - 1.25).abs() > 1
tiny = torch.finfo(torch.float32).tiny
assert step(torch.tensor(tiny)) / tiny == 2**-23
assert step(torch.tensor(tiny)) == step(torch.tensor(tiny / 4))
assert Fraction(0.1).numerator < 2**53
assert step(torch.tensor(tiny / 1000)) / (tiny / 1000) > 1e-5  # below it, floats have fewer digits
with expect_error(AssertionError, match=r"shape.*do not match"):
    torch.testing.assert_close(torch.ones(3, 1), torch.ones(4))
assert spread[torch.float64] < spread[torch.float32] / 1000
pairs = torch.randn(200, 2, dtype=torch.float64)
for operation in (operator.add, operator.sub, operator.mul, operator.truediv):
    exact = [float(operation(Fraction(p), Fraction(q))) for p, q in pairs.tolist()]
    assert operation(pairs[:, 0], pairs[:, 1]).tolist() == exact
assert (y.double() ** 2).mean() - y.double().mean() ** 2 == 1.25
assert torch.allclose(torch.tensor(1e-9), torch.tensor(2e-9))
with expect_error(AssertionError, match="The values for attribute 'dtype' do not match"):
    torch.testing.assert_close(values, values.double())
x = torch.tensor([1.0, 20.0, 300.0])
close = (x - 1.0001 * x).abs() <= 1e-8 + 1e-5 * (1.0001 * x).abs()
assert torch.equal(torch.isclose(x, 1.0001 * x), close)
for power in (-20, 0, 1, 10, 50):
    between = 2.0**power * torch.tensor([1.0, 1.3, 1.9])
    assert (step(between) == 2.0 ** (power - 23)).all()
    assert (step(between.double()) == 2.0 ** (power - 52)).all()
assert torch.tensor(2**24 + 1).float() == 2**24  # int64 keeps it, float32 does not
# In float32 0.1 + 0.2 is 0.3 by luck, and 0.1 + 0.6 is not 0.7. Python's float is float64.
x = torch.tensor([0.1, 0.2, 0.3, 0.6, 0.7])
assert x[0] + x[1] == x[2]
assert x[0] + x[3] != x[4]
assert x[0].item() != 0.1
assert x[0] != torch.tensor(0.1, dtype=torch.float64)
# A difference of two positive floats is exact if neither is more than twice the other.
for near, far in (torch.rand(200, 2) + 1).tolist():
    taken = torch.tensor(near) - torch.tensor(far)
    assert Fraction(taken.item()) == Fraction(near) - Fraction(far)
# Formulas that have functions of their own, because 1 + 1e-8 is 1.
tiny = torch.tensor(1e-8)
assert torch.log(1 + tiny) == torch.exp(tiny) - 1 == 0
torch.testing.assert_close(torch.log1p(tiny), tiny)
torch.testing.assert_close(torch.expm1(tiny), tiny)
# allclose has the same defaults for each dtype; assert_close has not. Two dtypes are refused by both.
for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
    p = torch.rand(50).to(dtype) + 1
    q = p + torch.finfo(dtype).eps
    assert torch.equal(torch.isclose(p, q), torch.isclose(p, q, rtol=1e-5, atol=1e-8))
    torch.testing.assert_close(p, q)
half = torch.ones(1).half()
assert not torch.allclose(half, half + step(half))  # neighbors in float16 are not close by default
assert torch.allclose(half, half + step(half), rtol=1e-3)
brain = torch.ones(1).bfloat16()
assert torch.allclose(brain, brain + torch.finfo(torch.bfloat16).eps, rtol=1e-2)
with expect_error(RuntimeError, match="Float did not match Double"):
    torch.allclose(y, y.double())

# %%
# Check yourself
# --------------

reached, rounds, after_ten = 0.0, 0, 0.0
while reached < 1:
    reached, rounds = reached + 0.1, rounds + 1
    after_ten = reached if rounds == 10 else after_ten
ask(
    "x = 0.0, and x += 0.1 is repeated while x < 1. How often is it done?",
    answer=rounds,
    choices={
        9: f"After nine, x is about {9 * 0.1:.1f}.",
        10: "That holds for exact tenths. Ten roundings leave x a little below 1.",
        11: f"After ten, x is {after_ten}. Count with integers.",
    },
)

# %%
# The next question compares two types.

third = torch.tensor(1 / 3)
ask(
    "Is torch.tensor(1 / 3) equal to torch.tensor(1 / 3, dtype=torch.float64)?",
    answer=bool(third == torch.tensor(1 / 3, dtype=torch.float64)),
    choices={
        True: "1/3 has no end in binary, and the two types cut it at different places.",
        False: "The two types round it differently; compare with a tolerance.",
    },
)

# %%
# **Exercise.** In :val:`float16 <torch.half>` a running sum of ones stops at
# :val:`2048 <torch.tensor(2048).half() + 1>`, because the next float is larger by 2. Kahan's summation keeps what each
# addition has rounded away, and adds it to the next term. Write it without another dtype, and sum the vector ``x``.


def in_float64(x):
    return x.double().sum().half()


cases = [
    (torch.ones(5).half(),),
    (torch.ones(3000).half(),),
    (torch.full((4000,), 0.25).half(),),
]


def kahan(x):
    raise NotImplementedError


check(kahan, in_float64, cases, without=["sum", "cumsum", "double", "float"])

# %%
# ``(total - old) - term`` is what was added too much; in exact arithmetic it is zero.

# Solution


def kahan(x):
    total, lost = x.new_zeros(()), x.new_zeros(())
    for value in x:
        term = value - lost
        old, total = total, total + term
        lost = (total - old) - term
    return total


report = check(kahan, in_float64, cases, without=["sum", "cumsum", "double", "float"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`nan-and-infinity` explains the values that are no ordinary numbers.
#
# - Goldberg (1991). `What every computer scientist should know about floating-point arithmetic
#   <https://doi.org/10.1145/103162.103163>`__. The proofs behind this page.
# - PyTorch contributors (2026). `Numerical accuracy
#   <https://docs.pytorch.org/docs/stable/notes/numerical_accuracy.html>`__. What PyTorch does not promise: the same
#   result in a batch and alone, on another device, in another version.
