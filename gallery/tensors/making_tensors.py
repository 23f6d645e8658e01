"""
.. _making-tensors:

How do I make a tensor? (zeros, ones, arange, rand, ...)
========================================================

A :term:`tensor` is made from numbers that you have, from a :term:`shape` and one value, from a rule such as "count to
5", or from random numbers. This page has a picture of each way and says which :term:`dtype` it gives and where its
range ends. You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# Above each tensor stands the call that made it, without the ``torch.``, and its shape.

import itertools
import math

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

made = {
    "tensor([[4, 9], [3, 5]])": torch.tensor([[4, 9], [3, 5]]),
    "zeros(2, 3)": torch.zeros(2, 3),
    "ones(3, 2)": torch.ones(3, 2),
    "full((2, 4), 7)": torch.full((2, 4), 7),
    "eye(3, 4)": torch.eye(3, 4),
    "arange(5)": torch.arange(5),
    "linspace(0, 1, 6)": torch.linspace(0, 1, 6),
    "logspace(0, 3, 4)": torch.logspace(0, 3, 4),
}
draw(list(made.values()), list(made))

# %%
# :func:`torch.tensor` takes the numbers themselves, in lists or arrays, and has :ref:`a page of its own
# <tensor-from-data>`. :func:`torch.tensor`, :func:`torch.full` and :func:`torch.arange` read the dtype off the values
# that you give. The others in the picture give :val:`float32 <torch.linspace(0, 4, 3).dtype>`, also ``linspace`` and
# ``logspace`` between whole numbers. An argument ``dtype=`` overrides both.

for call, t in made.items():
    print(f"{call:<25} {t.dtype}")
    of_values = call.startswith(("tensor", "full", "arange"))  # all of them got ints
    assert t.dtype == (torch.int64 if of_values else torch.float32)
assert torch.full((2, 4), 7.0).dtype == torch.arange(5.0).dtype == torch.float32
for dtype in (torch.int64, torch.float64):
    assert torch.zeros(2, 3, dtype=dtype).dtype == torch.full((2,), 7, dtype=dtype).dtype == dtype

# %%
# One value everywhere: zeros, ones, full, empty
# ----------------------------------------------
#
# In ``zeros``, ``ones`` and ``empty`` the sizes stand one by one or in one tuple. :func:`torch.full` needs the tuple,
# because its second argument is the value. Here are three axes, drawn as two slices, and none, which is one number.

for make in (torch.zeros, torch.ones, torch.empty):
    assert make(2, 3, 4).shape == make((2, 3, 4)).shape == (2, 3, 4)
assert torch.equal(torch.full((2, 3, 4), 1.0), torch.ones(2, 3, 4))
draw([torch.ones(2, 3, 4), torch.full((), 7)], ["ones(2, 3, 4)", "full((), 7)"])

# %%
# :func:`torch.empty` gives memory without setting its values. What stands there can be zeros, so that a program which
# counts on zeros may work today and fail tomorrow. For tests, torch can be told to fill floating-point memory with
# :term:`NaN` first. Use ``empty`` when you write each element before you read it.

torch.set_deterministic_debug_mode("error")
for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
    assert torch.empty(5, dtype=dtype).isnan().all()
torch.set_deterministic_debug_mode("default")
squares = torch.empty(5)
for i in range(5):
    squares[i] = i * i
assert squares.tolist() == [0, 1, 4, 9, 16]

# %%
# The same shape as another: zeros_like, ones_like, full_like, ...
# ----------------------------------------------------------------
#
# Each of these four functions has a twin that copies the shape, dtype and :term:`device` of a template. That the
# template requires a gradient is not copied. The result is gray in the picture, because nothing of the values is used.

template = torch.tensor([[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]], dtype=torch.float64, requires_grad=True)
for t in (template, *zoo(axes=range(5)).values()):
    for like in (
        torch.zeros_like(t),
        torch.ones_like(t),
        torch.empty_like(t),
        torch.full_like(t, 1),
    ):
        assert (like.shape, like.dtype, like.device) == (t.shape, t.dtype, t.device)
        assert not like.requires_grad
draw(torch.zeros_like, template, names=["template"])

# %%
# An integer template makes an integer tensor, and that is the wrong place to collect fractions: it cuts off what stands
# behind the point, without a word, and so does ``full_like`` with its value. Adding a fraction :term:`in place` raises
# at least. Name the dtype.

counts = torch.tensor([3, 1, 2])
shares = torch.zeros_like(counts)
for i in range(3):
    shares[i] = counts[i] / counts.sum()
assert shares.tolist() == [0, 0, 0]
with expect_error(RuntimeError, match="can't be cast to the desired output type Long"):
    shares += 0.5
assert torch.full_like(counts, 0.5).tolist() == [0, 0, 0]
shares = torch.zeros_like(counts, dtype=torch.float32)
shares[0] = counts[0] / counts.sum()
assert shares.tolist() == [0.5, 0, 0]

# %%
# Ranges: arange, linspace, logspace
# ----------------------------------
#
# With whole numbers, :func:`torch.arange` stops before the end, like Python's ``range``: ``arange(start, end, step)``
# has :math:`\lceil (\text{end} - \text{start}) / \text{step} \rceil` elements. It raises where ``range`` is empty
# because the step leads away from the end. :func:`torch.linspace` is given how many points there are, and from two
# points on it contains both ends. :func:`torch.logspace` is 10 to the power of such points.

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
draw([torch.arange(2, 10, 2), torch.linspace(2, 10, 5)], ["arange(2, 10, 2)", "linspace(2, 10, 5)"])

# %%
# With a fractional step the quotient is rounded, and the end may slip in after all. ``linspace`` has as many points as
# you say.

steps = torch.arange(1, 1.3, 0.1)
print(steps, (1.3 - 1) / 0.1)
assert len(steps) == 4
assert steps[-1] == torch.tensor(1.3)  # the end is among them
assert len(torch.linspace(1, 1.2, 3)) == 3

# %%
# Random numbers: rand, randn, randint, randperm
# ----------------------------------------------
#
# ``rand`` draws evenly from 0 (included) to 1 (not included). ``randn`` draws from the normal distribution of mean 0
# and standard deviation 1, so that about :val:`95 % <torch.erf(torch.tensor(2 / 2**0.5))>` of many numbers are less
# than 2 from 0. ``randint`` draws whole numbers. ``randperm`` gives each number below n once, shuffled.
# :ref:`randomness-and-seeds` explains the :term:`seed`.


torch.manual_seed(0)
drawn = {
    "rand(2, 3, 4)": torch.rand(2, 3, 4),
    "randn(2, 4)": torch.randn(2, 4),
    "randint(10, 15, (3, 4))": torch.randint(10, 15, (3, 4)),
    "randperm(6)": torch.randperm(6),
}
assert sorted(drawn["randperm(6)"].tolist()) == list(range(6))
draw(list(drawn.values()), list(drawn))

# %%
# ``high`` in :func:`torch.randint` is the first value that can't come, as in ``arange`` of whole numbers. A die needs
# 7.

rolls = torch.randint(1, 7, (1000,))
assert rolls.unique().tolist() == [1, 2, 3, 4, 5, 6]
assert torch.randint(1, (1000,)).unique().tolist() == [0]
low, high = torch.rand(1000).aminmax()
assert 0 <= low < high < 1
assert 0.93 < (torch.randn(1000).abs() < 2).float().mean() < 0.97

# %%
# ``torch.randn(3, dtype=torch.int64)`` raises: a normal distribution consists of fractions, and hardly any of its
# numbers is whole. For random :term:`integers <integer>` there is ``randint``. The message calls int64 by its old name,
# Long.

with expect_error(NotImplementedError, match="not implemented for 'Long'"):
    torch.randn(3, dtype=torch.int64)
assert torch.randint(-2, 3, (1000,)).unique().tolist() == [-2, -1, 0, 1, 2]

# %%
# From scratch
# ------------
#
# Four of these functions in a line each, for two points or more and small ranges. ``eye`` compares a column of row
# numbers with a row of column numbers, by :ref:`broadcasting <broadcasting>`. A shuffle is the order that sorts random
# numbers.


def linspace(start, end, steps):
    return start + torch.arange(steps) * (end - start) / (steps - 1)


def eye(n, m):
    return (torch.arange(n).unsqueeze(1) == torch.arange(m)).float()


def randint(low, high, size):
    return low + (torch.rand(size) * (high - low)).long()  # long() cuts off the fraction


def randperm(n):
    return torch.rand(n).argsort()


torch.testing.assert_close(linspace(2, 10, 7), torch.linspace(2, 10, 7))
assert torch.equal(eye(3, 4), torch.eye(3, 4))
assert torch.equal(randint(1, 7, (1000,)).unique(), rolls.unique())
assert sorted(randperm(6).tolist()) == list(range(6))

# %%
# The results have memory of their own: none of those on this page is a :term:`view`. Each is a :term:`leaf`, the start
# of a calculation, also where its template is the result of one. With ``requires_grad=True`` it collects a
# :term:`gradient`.

weight = torch.ones(3, requires_grad=True)
for t in (*made.values(), *drawn.values(), weight):
    assert t.is_leaf
    assert not t._is_view()
for t in zoo(axes=range(5)).values():
    assert torch.ones_like(t).is_leaf
    assert not shares_memory(torch.ones_like(t), t)
(weight * torch.tensor([2.0, 4.0, 8.0])).sum().backward()
assert weight.grad.tolist() == [2, 4, 8]

# %%
# Check yourself
# --------------
#
# Count before you open a choice.

ask(
    "What is torch.arange(1, 10, 3)?",
    answer=torch.arange(1, 10, 3),
    choices={
        (1, 4, 7, 10): "10 is the end, and the end is left out.",
        (1, 4, 7): "(10 - 1) / 3 elements, and 10 is not among them.",
        tuple(
            torch.linspace(1, 10, 3).tolist()
        ): "That is linspace(1, 10, 3): 3 points, both ends included.",
    },
)

# %%
# The dtype comes from where?

ask(
    "What is the dtype of torch.full_like(torch.tensor([1, 2]), 0.5)?",
    answer=str(torch.full_like(torch.tensor([1, 2]), 0.5).dtype),
    choices={
        str(
            torch.full((2,), 0.5).dtype
        ): "That is full((2,), 0.5). The name ends in _like: the template decides.",
        "torch.int64": "As the template, and 0.5 loses what is behind the point.",
        "torch.float64": f"Python's floats have 64 bits, but PyTorch makes {torch.tensor(0.5).dtype} of them.",
    },
)

# %%
# Next: :ref:`tensor-from-data`, about tensors from numbers that you have.
