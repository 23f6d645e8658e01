"""
.. _making-tensors:

How do I make a tensor? (zeros, ones, arange, rand, ...)
========================================================

You need zeros to count in, random numbers for weights, or the positions of the words in a sentence. The functions
differ in :term:`dtype` and in the end of a range: the wrong one cuts fractions off, or leaves out your last position.
"""

# %%
# Set-up

import itertools
import math

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
made = {
    "zeros(2, 3)": torch.zeros(2, 3),
    "full((2, 2), 7)": torch.full((2, 2), 7),
    "eye(2)": torch.eye(2),
    "arange(5)": torch.arange(5),
    "linspace(0, 1, 3)": torch.linspace(0, 1, 3),
}
drawn = {
    "rand(2, 3)": torch.rand(2, 3),
    "randn(2, 3)": torch.randn(2, 3),
    "randint(1, 7, (2, 4))": torch.randint(1, 7, (2, 4)),
    "randperm(6)": torch.randperm(6),
}

# %%

draw(list(made.values()), list(made))

# %%
# Above each tensor is the call that made it, without the ``torch.``, and its shape. You need to know :ref:`what a
# shape is <what-is-a-tensor>`.
#
# Which dtype?
# ------------
#
# ``full`` and ``arange`` take the dtype from the numbers that they are given, here ints. The other three make
# :val:`made["zeros(2, 3)"].dtype`, even ``linspace`` of ints. An argument ``dtype=`` overrules this.

for call, t in made.items():
    print(f"{call:<25} {t.dtype}")
    of_values = call.startswith(("full", "arange"))
    assert t.dtype == (torch.int64 if of_values else torch.float32)

# %%
# Where does a range end?
# -----------------------
#
# :func:`torch.arange` takes the step and stops *before* the end, like Python's ``range``. :func:`torch.linspace` takes
# the number of points, and contains both ends if there are two points or more. With a fractional step, a rounding error
# can let the end of ``arange`` slip in: the last tensor here contains its end, 1.3.

by_step, by_count = torch.arange(2, 10, 2), torch.linspace(2, 10, 5)
slipped = torch.arange(1, 1.3, 0.1)
calls = ["arange(2, 10, 2)", "linspace(2, 10, 5)", "arange(1, 1.3, 0.1)"]
draw([by_step, by_count, slipped], calls)

# %%
# Random numbers
# --------------
#
# ``rand`` draws evenly between 0 and 1. ``randn`` draws from the normal distribution of mean 0 and standard deviation
# 1. ``randint(1, 7, ...)`` throws a die: it draws whole numbers, and leaves 7 out. ``randperm(6)`` shuffles the
# numbers from 0 to :val:`5 <int(drawn["randperm(6)"].max())>`. :ref:`randomness-and-seeds` makes them repeatable.

draw(list(drawn.values()), list(drawn))

# %%
# .. use-this::
#
#    Use ``torch.tensor(numbers)`` for numbers that you have, ``torch.zeros(shape)`` to fill in later,
#    ``torch.arange(n)`` for positions, ``torch.linspace`` for a scale with fractions. Inside a function, use
#    ``zeros_like`` and the other ``_like`` forms. They take shape, dtype and :term:`device` from a template, so the
#    function also works in half precision and on a GPU. The result has memory of its own.
#
# Common mistakes
# ---------------
#
# **Fractions in a tensor of ints.** ``zeros_like`` of counts makes integers, and assigning a number cuts its fraction
# off without a warning. Give the dtype, as in the second line printed here.

counts = torch.tensor([3, 1, 2])
for fractions in (torch.zeros_like(counts), torch.zeros_like(counts, dtype=torch.float32)):
    for i in range(3):
        fractions[i] = counts[i] / counts.sum()
    print(fractions)

# %%
# **Reading what** ``empty`` **gives.** :func:`torch.empty` reserves memory and sets no values. The old values of that
# memory can happen to be zeros. A program that relies on zeros then works until they are other numbers. For a test, the
# first line below makes ``empty`` fill floats with :term:`NaN`.

torch.set_deterministic_debug_mode("error")
print(torch.empty(5))
assert torch.empty(5).isnan().all()
torch.set_deterministic_debug_mode("default")

# %%
# How this was checked

assert torch.full((2, 4), 7.0).dtype == torch.arange(5.0).dtype == torch.float32
torch.testing.assert_close(slipped, torch.linspace(1, 1.3, 4))  # 1.3 is in it
assert (1.3 - 1) / 0.1 > 3
assert fractions[0] == 0.5
assert torch.full_like(counts, 0.5).tolist() == [0, 0, 0]
assert len(torch.linspace(1, 1.2, 3)) == 3
for make in (torch.zeros, torch.ones, torch.empty):
    assert make(2, 3, 4).shape == make((2, 3, 4)).shape == (2, 3, 4)
assert torch.full((), 7).shape == ()
for dtype in (torch.int64, torch.float64):
    assert torch.zeros(2, 3, dtype=dtype).dtype == torch.full((2,), 7, dtype=dtype).dtype == dtype

# arange is Python's range, has ceil((end - start) / step) elements, and refuses a step that leads away from the end.
for start, end, step in itertools.product(range(-3, 4), range(-3, 4), (-2, -1, 1, 2, 3)):
    if (end - start) * step >= 0:
        counted = torch.arange(start, end, step)
        assert counted.tolist() == list(range(start, end, step))
        assert len(counted) == math.ceil((end - start) / step)
with expect_error(RuntimeError, match="inconsistent with step sign"):
    torch.arange(5, 2)
for points in range(2, 50):
    assert torch.linspace(2, 10, points)[[0, -1]].tolist() == [2, 10]
assert torch.linspace(2, 10, 1).tolist() == [2]  # one point is the start alone
torch.testing.assert_close(torch.logspace(0, 3, 4), 10 ** torch.linspace(0, 3, 4))

rolls = torch.randint(1, 7, (1000,))
assert rolls.unique().tolist() == [1, 2, 3, 4, 5, 6]
low, high = torch.rand(1000).aminmax()
assert 0 <= low < high < 1
normal = torch.randn(10_000)
assert abs(normal.mean()) < 0.05
assert abs(normal.std() - 1) < 0.05
assert sorted(torch.randperm(6).tolist()) == list(range(6))
with expect_error(NotImplementedError, match="not implemented for 'Long'"):
    torch.randn(3, dtype=torch.int64)
with expect_error(RuntimeError, match="can't be cast to the desired output type Long"):
    counts += 0.5

for t in zoo(axes=range(5)).values():
    for like in (
        torch.zeros_like(t),
        torch.ones_like(t),
        torch.empty_like(t),
        torch.full_like(t, 1),
    ):
        assert (like.shape, like.dtype, like.device) == (t.shape, t.dtype, t.device)
        assert not like.requires_grad
        assert like.is_leaf
        assert not shares_memory(like, t)
    if t.is_floating_point():
        assert torch.rand_like(t).shape == t.shape
for t in (*made.values(), *drawn.values()):
    assert t.is_leaf
    assert not t._is_view()

# %%
# Check yourself
# --------------

ask(
    "What is torch.arange(1, 10, 3)?",
    answer=torch.arange(1, 10, 3),
    choices={
        (1, 4, 7, 10): "10 is the end, and the end is left out.",
        (1, 4, 7): "Each step adds 3, and the range stops before 10.",
        (1, 5.5, 10): "That is linspace(1, 10, 3): three points, both ends included.",
    },
)

# %%
# The dtype:

ask(
    "What is the dtype of torch.full_like(torch.tensor([1, 2]), 0.5)?",
    answer=str(torch.full_like(torch.tensor([1, 2]), 0.5).dtype),
    choices={
        "torch.float32": "That is full((2,), 0.5). The name ends in _like: the template decides.",
        "torch.int64": "The template has this dtype, so 0.5 loses its fraction.",
        "torch.float64": "Python's floats have 64 bits, and PyTorch makes its default dtype of them.",
    },
)

# %%
# **Exercise.** Return the even numbers from ``start`` to ``end``, both included if they are even, as integers.
# ``start`` and ``end`` are ints, and ``start`` is not larger than ``end``.


def by_range(start, end):
    return torch.tensor([n for n in range(start, end + 1) if n % 2 == 0], dtype=torch.int64)


cases = [(2, 6), (1, 6), (-3, 3), (5, 5), (0, 0)]


def even_numbers(start, end):
    raise NotImplementedError


check(even_numbers, by_range, cases, without=["tensor"])

# %%
# ``start % 2`` is 1 for odd numbers, also for negative ones. ``arange`` leaves the end out, so add 1 to it.

# Solution


def even_numbers(start, end):
    first = start + start % 2
    return torch.arange(first, end + 1, 2)


report = check(even_numbers, by_range, cases, without=["tensor"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`tensor-from-data` makes tensors from numbers that you have.
#
# - PyTorch contributors (2026). `Creation operations
#   <https://docs.pytorch.org/docs/stable/torch.html#creation-ops>`__. All of them.
# - Goldberg (1991). `What every computer scientist should know about floating-point arithmetic
#   <https://doi.org/10.1145/103162.103163>`__. Why a decimal fraction is not exact, and how
#   rounding errors grow.
