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

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

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
# <tensor-from-data>`. The dtype is read off the values that you give. Where you give none, as to ``zeros`` or ``eye``,
# it is float32. An argument ``dtype=`` overrides both.

for call, t in made.items():
    print(f"{call:<25} {t.dtype}")
integers = {call for call, t in made.items() if t.dtype == torch.int64}
assert integers == {"tensor([[4, 9], [3, 5]])", "full((2, 4), 7)", "arange(5)"}
assert torch.full((2, 4), 7.0).dtype == torch.float32
assert torch.zeros(2, 3, dtype=torch.int64).dtype == torch.int64

# %%
# One value everywhere: zeros, ones, full, empty
# ----------------------------------------------
#
# The sizes stand one by one or in one tuple, any number of them. :func:`torch.full` needs the tuple, because its second
# argument is the value. Here are three axes, drawn as two slices.

assert torch.equal(torch.zeros(2, 3, 4), torch.zeros((2, 3, 4)))
assert torch.equal(torch.full((2, 3, 4), 1.0), torch.ones(2, 3, 4))
draw([torch.ones(2, 3, 4), torch.full((), 7)], ["ones(2, 3, 4)", "full((), 7)"])

# %%
# ":func:`torch.empty` gives zeros." It gives memory, with whatever the last user left there. That is often zero, which
# is where the belief comes from, and why such a bug shows on another day. torch can be told to fill the memory with
# :term:`NaN` first, so that nobody mistakes it. Use ``empty`` when every element is written before it is read.

torch.set_deterministic_debug_mode("error")
assert torch.empty(5).isnan().all()
torch.set_deterministic_debug_mode("default")
squares = torch.empty(5)
for i in range(5):
    squares[i] = i * i
assert squares.tolist() == [0, 1, 4, 9, 16]

# %%
# The same shape as another: zeros_like, ones_like, full_like, ...
# ----------------------------------------------------------------
#
# Each of these functions has a twin that copies the shape, dtype and :term:`device` of a template. The result is gray
# in the picture, because nothing of the values is used.

template = torch.tensor([[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]], dtype=torch.float64, requires_grad=True)
like = torch.zeros_like(template)
assert (like.shape, like.dtype, like.device) == (template.shape, template.dtype, template.device)
assert not like.requires_grad  # this is not copied
draw(torch.zeros_like, template, names=["template"])

# %%
# An integer template makes an integer tensor, and that is the wrong place to collect fractions: it cuts off what stands
# behind the point, without a word, and so does ``full_like`` with its value. Adding :term:`in place` raises at least.
# Name the dtype.

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
# ":func:`torch.arange` runs until the end", say some notes. It stops before it, like Python's ``range``:
# ``arange(start, end, step)`` has :math:`\lceil (\text{end} - \text{start}) / \text{step} \rceil` elements.
# :func:`torch.linspace` is given how many points there are, and contains both ends. :func:`torch.logspace` is 10 to the
# power of such points.

assert torch.arange(2, 10, 2).tolist() == [2, 4, 6, 8]
assert torch.linspace(2, 10, 5).tolist() == [2, 4, 6, 8, 10]
torch.testing.assert_close(torch.logspace(0, 3, 4), 10 ** torch.linspace(0, 3, 4))
draw([torch.arange(2, 10, 2), torch.linspace(2, 10, 5)], ["arange(2, 10, 2)", "linspace(2, 10, 5)"])

# %%
# With a fractional step the quotient is rounded, and the end may slip in after all. That is what ``linspace`` is for.

steps = torch.arange(1, 1.3, 0.1)
print(steps, (1.3 - 1) / 0.1)
assert len(steps) == 4  # 1.3 is among them
assert len(torch.linspace(1, 1.2, 3)) == 3

# %%
# Random numbers: rand, randn, randint, randperm
# ----------------------------------------------
#
# ``rand`` draws evenly from 0 (included) to 1 (not included); ``randn`` from the normal distribution of mean 0 and
# standard deviation 1, so that :val:`95 % <torch.erf(torch.tensor(2 / 2**0.5))>` are less than 2 from 0; ``randint``
# draws whole numbers; ``randperm`` gives each number below n once, shuffled. :ref:`randomness-and-seeds` explains the
# :term:`seed`.


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
# "``high`` in :func:`torch.randint` is the largest value" is false: it is the first that can't come, as in ``arange``.
# A die needs 7.

rolls = torch.randint(1, 7, (1000,))
assert rolls.unique().tolist() == [1, 2, 3, 4, 5, 6]
assert torch.randint(1, (1000,)).unique().tolist() == [0]
low, high = torch.rand(1000).aminmax()
assert 0 <= low < high < 1
assert 0.93 < (torch.randn(1000).abs() < 2).float().mean() < 0.97

# %%
# "``torch.randn(3, dtype=torch.int64)``: why giving error?" A normal distribution consists of fractions, and hardly any
# of its numbers is whole. For random :term:`integers <integer>` there is ``randint``. The message names the dtype by
# its old name, Long.

with expect_error(NotImplementedError, match="not implemented for 'Long'"):
    torch.randn(3, dtype=torch.int64)
assert torch.randint(-2, 3, (1000,)).unique().tolist() == [-2, -1, 0, 1, 2]

# %%
# From scratch
# ------------
#
# Four of these functions in a line each. ``eye`` compares a column of row numbers with a row of column numbers, by
# :ref:`broadcasting <broadcasting>`; a shuffle is the order that sorts random numbers.


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
# All have memory of their own: no result of these functions is a :term:`view`. Each is a :term:`leaf`, the start of a
# calculation, whatever its template was; with ``requires_grad=True`` it collects a :term:`gradient`.

weight = torch.ones(3, requires_grad=True)
assert not shares_memory(torch.ones_like(template), template)
assert (weight.is_leaf, like.is_leaf) == (True, True)
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
        (1, 5.5, 10): "That is linspace(1, 10, 3): 3 points, both ends included.",
    },
)

# %%
# The dtype comes from where?

ask(
    "What is the dtype of torch.full_like(torch.tensor([1, 2]), 0.5)?",
    answer=str(torch.full_like(torch.tensor([1, 2]), 0.5).dtype),
    choices={
        "torch.float32": "That is full((2,), 0.5). The name ends in _like: the template decides.",
        "torch.int64": "As the template, and 0.5 loses what is behind the point.",
        "torch.float64": "Python's floats have 64 bits, but PyTorch makes float32 of them.",
    },
)

# %%
# Next: :ref:`tensor-from-data`, about tensors from numbers that you have.
