"""
.. _nan-and-infinity:

Why is my result NaN or inf?
============================

A result that is too large for its float type becomes infinity, ``inf``. A calculation without an answer, such as 0/0,
gives :term:`NaN`, "not a number". Neither raises an error, and a NaN spoils nearly all that is computed from it. You
need to know :ref:`element-by-element` and :ref:`floating-point-surprises`.
"""

# %%
# Here four numbers are divided by each of three. 1/0 is infinity, 0/0 has no answer, nor has infinity by infinity, and
# NaN divided by a number is NaN.

import math
import operator

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

above = torch.tensor([[1.0], [0.0], [math.inf], [math.nan]])
below = torch.tensor([2.0, 0.0, math.inf])
table = above / below
assert table[:2].tolist()[0] == [0.5, math.inf, 0]
assert table.isnan().nonzero().tolist()[:2] == [[1, 1], [2, 2]]
assert table.isnan().tolist() == [
    [False] * 3,
    [False, True, False],
    [False, False, True],
    [True] * 3,
]
draw(torch.div, (above, below), names=["above", "below"])

# %%
# Where they come from
# --------------------
#
# Infinity comes from overflow, from division by 0 and from the logarithm of 0. NaN comes from infinity minus infinity,
# from 0 times infinity, from roots and logarithms of negative numbers, and from the mean of nothing. Integers have
# neither: on the CPU, ``//`` and ``%`` by 0 raise an error, and ``/`` makes floats first.

infinite = {
    "1e38 * 10": torch.tensor(1e38) * 10,
    "1 / 0": 1 / torch.tensor(0),
    "exp(89)": torch.tensor(89.0).exp(),
    "-log(0)": -torch.tensor(0.0).log(),
    "60000 + 6000 in float16": torch.tensor(60000.0).half() + 6000,
}
inf = torch.tensor(math.inf)
undefined = {
    "inf - inf": inf - inf,
    "0 * inf": 0 * inf,
    "sqrt(-1)": torch.tensor(-1.0).sqrt(),
    "log(-1)": torch.tensor(-1.0).log(),
    "mean of nothing": torch.tensor([]).mean(),
    "inf % 2": inf % 2,
}
assert all(value == math.inf for value in infinite.values())
assert all(value.isnan() for value in undefined.values())
print("inf:", *infinite, sep="  ")
print("NaN:", *undefined, sep="  ")
for operation in (operator.floordiv, operator.mod):
    with expect_error(RuntimeError, match="ZeroDivisionError"):
        operation(torch.tensor(1), torch.tensor(0))

# %%
# Not each result is spoiled. A NaN to the power 0 is 1, and so is 1 to the power NaN. :func:`torch.fmax` takes the
# other number, and a comparison gives True or False.

nan, one = torch.tensor(math.nan), torch.tensor(1.0)
assert nan**0 == one**nan == 1
assert torch.fmax(nan, one) == 1
for spoiled in (
    nan + 1,
    nan * 0,
    nan / nan,
    nan.exp(),
    nan.relu(),
    torch.maximum(nan, one),
    nan.clamp(0, 1),
):
    assert spoiled.isnan()

# %%
# Infinity can be counted with. It is larger than each finite number, and minus infinity is smaller, so it can hide what
# is not to count in a maximum or in softmax (:ref:`triu-and-tril` uses it so).

scores = torch.tensor([2.0, -math.inf, 1.0])
assert (scores.max(), scores.argmin(), scores.exp()[1]) == (2, 1, 0)
assert torch.softmax(scores, dim=0)[1] == 0
assert inf + 1 == inf == inf * 2
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
    limit, about = torch.tensor(math.inf, dtype=dtype), torch.finfo(dtype)
    assert -limit < about.min < about.max < limit

# %%
# Finding them
# ------------
#
# NaN is not equal to a number, and not to itself. So search with :func:`torch.isnan`, or with :func:`torch.isfinite`
# for NaN and infinity. A NaN spoils each sum, mean and maximum that it is part of, and each median and deviation. The
# picture shows which rows of each item hold one.

block = torch.arange(24.0).reshape(2, 3, 4)
block[1, 0, 2] = math.nan
assert not (block == math.nan).any()
assert block.isnan().nonzero().tolist() == [[1, 0, 2]]
assert (nan == nan, nan == 1, nan == inf) == (False, False, False)
for name in ("sum", "mean", "max", "min", "amax", "amin", "std", "var", "median", "prod"):
    assert getattr(block, name)().isnan()
draw(lambda block: block.isnan().any(dim=2), block, names=["block"])

# %%
# From scratch, ``isnan`` is one comparison, and ``isfinite`` is one subtraction: :math:`x - x` is 0 for a finite
# number, and NaN for the others. Two tensors with NaN in the same places are not "close", unless you say so.


def isnan(x):
    return x != x


assert torch.equal(isnan(block), block.isnan())
assert torch.equal(table - table == 0, table.isfinite())
assert not torch.allclose(block, block)
assert torch.allclose(block, block.clone(), equal_nan=True)

# %%
# Leaving them out
# ----------------
#
# Multiplying with a :term:`mask` does not remove a NaN, since 0 times NaN is NaN. Choosing does:
# :func:`torch.where`, :func:`torch.nan_to_num`, or a sum that skips it.

keep = ~block.isnan()
assert (block * keep).sum().isnan()
assert torch.where(keep, block, 0).sum() == block.nan_to_num(0).sum() == block.nansum() == 276 - 14
assert block.nanmean() == block[keep].mean()

# %%
# The :term:`gradient` needs more care. ``where`` hides the infinite logarithm of 0, and sends it the gradient 0; times
# the infinite slope of the logarithm this is NaN. Make the *input* harmless first (:ref:`where-and-masked-fill`).

p = torch.tensor([0.0, 4.0], requires_grad=True)
chosen = torch.where(p > 0, p.log(), 0)
assert chosen.isfinite().all()
assert torch.autograd.grad(chosen.sum(), p)[0].isnan().tolist() == [True, False]
safe = torch.where(p > 0, torch.where(p > 0, p, 1).log(), 0)
assert torch.autograd.grad(safe.sum(), p)[0].tolist() == [0, 0.25]

# %%
# What goes wrong
# ---------------
#
# *A condition that NaN passes.* ``<``, ``<=``, ``>``, ``>=`` and ``==`` with NaN are false, and ``!=`` is true. So
# "stop if the loss is above 100" does not stop at a NaN, and "keep what is at least 0" drops it without a word. Ask for
# what you want to be true.

loss = torch.tensor(math.nan)
for number in (100, -math.inf, math.inf, math.nan):
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq):
        assert not compare(loss, number)
    assert loss != number
assert not loss.isfinite()
readings = torch.tensor([5.0, math.nan, -1.0])
assert readings[readings >= 0].tolist() == [5]
assert len(readings[~(readings < 0)]) == 2

# %%
# *A conversion to integers that hides them.* What int64 becomes of NaN and infinity is not defined, and may differ from
# processor to processor. No error is raised. Check before you convert.

assert not table[1:].isfinite().all()
assert table.long().dtype == torch.int64  # no error
assert table[:2].nan_to_num(nan=-1, posinf=99).long().tolist() == [[0, 99, 0], [0, -1, 0]]

# %%
# Check yourself
# --------------

ask(
    "What is torch.tensor([1.0, float('nan')]).max() > 0?",
    answer=(torch.tensor([1.0, math.nan]).max() > 0).item(),
    choices={
        True: "That would need 1 to be the maximum; one NaN spoils it.",
        False: "The maximum is NaN, and NaN > 0 is false.",
    },
)

# %%
# In training:

ask(
    "Training should stop when the loss explodes: if loss > 100: stop. What happens once the loss is NaN?",
    answer="it goes on" if not (loss > 100) else "it stops",
    choices={
        "it stops": "That would need NaN to be greater than 100.",
        "it goes on": "NaN > 100 is false. Write: if not loss.isfinite() or loss > 100.",
        "it raises RuntimeError": "Comparing with NaN raises no error.",
    },
)

# %%
# Next: :ref:`functional-modular-elementwise`, the many names of one function.
