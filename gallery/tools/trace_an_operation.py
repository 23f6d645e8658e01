"""
.. _trace-an-operation:

Which inputs does an output depend on?
======================================

Does your causal mask hide the future, and does your windowing function leak the target into its input? Shapes do not
show that, so change one input element at a time and see which outputs change.
"""

# %%
# Set-up

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.trace import MOST_ELEMENTS, Kind, trace

torch.manual_seed(0)
q, k, v = torch.randn(3, 5, 2)  # queries, keys, values: 5 positions, 2 features


def show(rows):
    for row in rows:
        print(" ".join("#" if one else "." for one in row))


# %%

causal = trace(F.scaled_dot_product_attention, (q, k, v), is_causal=True)
seen = causal.depends(input=2).any(dim=3).any(dim=1)  # (position of the output, of the value)
assert torch.equal(seen, torch.ones(5, 5).tril().bool())
show(seen)

# %%
# A row is a position of the output of attention, and a column is a position of its values. A ``#`` marks where the
# output depends on the value. The mask works: no position sees one that comes later. You need to know :ref:`what a
# causal mask is <triu-and-tril>` and :ref:`how to read the pictures <how-to-read-the-pictures>`.
#
# The rule
# --------
#
# An output element depends on an input element if a change of this one alone changes the output there. Here is the rule
# as code, for finite numbers. It tries one other value, so it misses what a step of 1 does not change, as in ``F.relu``
# of a large negative number. ``ptguide.trace`` tries many values.


def depends_from_scratch(op, x):
    before = op(x)
    found = torch.zeros(*before.shape, x.numel(), dtype=torch.bool)
    for place in range(x.numel()):
        changed = x.flatten().clone()
        changed[place] += 1
        found[..., place] = op(changed.reshape(x.shape)) != before
    return found


x = torch.tensor([4.0, 9, 16, 25, 36])
differences = depends_from_scratch(torch.diff, x)
assert torch.equal(differences, trace(torch.diff, x).depends())
show(differences)

# %%
# A leak that no shape shows
# --------------------------
#
# A model is to predict the next value of a series from a window of two neighbors, which ``unfold`` cuts out. The first
# function subtracts the mean of the whole series before it cuts. So the first window knows the last value, which the
# model is to predict later.


def windows(series):
    return (series - series.mean()).unfold(0, 2, 1)


def honest(series):
    cut = series.unfold(0, 2, 1)
    return cut - cut.mean(dim=1, keepdim=True)


for function in (windows, honest):
    first = trace(function, x).depends()[0].any(dim=0)
    print(
        f"{function.__name__}: the first window depends on elements",
        first.nonzero().flatten().tolist(),
    )
assert trace(windows, x).depends()[0].any(dim=0).all()
assert trace(honest, x).depends()[0].any(dim=0).tolist() == [True, True, False, False, False]

# %%
# Four ways to depend
# -------------------
#
# ``sources`` names what one output element was made of, and how: *copied*, *computed*, *compared* or chosen by an
# *index*. It says *maybe* where the change shows once other elements differ, too: ``any`` of two true values stays true
# if one of them changes.

sorted_row = trace(torch.sort, torch.tensor([2.0, 9.0, 7.0]))
for link in sorted_row.sources((2,)):  # the largest
    print(f"element {link.index} was {link.kind.name.lower()}")
truths = trace(torch.any, torch.tensor([True, True]))
assert {link.kind for link in truths.sources(())} == {Kind.MAYBE}

# %%
# .. use-this::
#
#    Trace a mask, a windowing function or a loss once, in a test, with five to ten elements that all differ:
#    ``trace(f, x).depends()`` is a boolean tensor that you can compare. Its axes are those of the output, then those of
#    the input. For a whole network, ask for gradients: one backward pass for each output element. They miss
#    comparisons and indices. The trace runs the operation many times. It takes at most
#    :val:`4096 <MOST_ELEMENTS>` elements in the inputs together, and as many in the outputs.
#
# A common mistake
# ----------------
#
# **A gradient of 0 is taken for independence.** Here a comparison decides what comes out, and it has no gradient. The
# trace sees the dependency.

score = torch.tensor([1.0, 3.0, 2.0], requires_grad=True)


def keep_the_best(score):
    return torch.where(score == score.max(), 1.0, score * 0)


gradient = torch.autograd.functional.jacobian(keep_the_best, score)
print("gradients:", gradient.count_nonzero().item(), "of 9 are not 0")
print(
    "trace:    ", trace(keep_the_best, score.detach()).depends().sum().item(), "of 9 pairs depend"
)
assert gradient.count_nonzero() == 0
assert trace(keep_the_best, score.detach()).depends().sum() == 9

# %%
# How this was checked

for size in (1, 2, 5, 8):
    y = torch.randn(size)
    for op in (torch.cumsum, torch.flip, torch.roll):
        by_hand = (
            depends_from_scratch(
                lambda one, op=op: op(one, 0) if op is torch.cumsum else op(one, (0,)), y
            )
            if op is not torch.roll
            else depends_from_scratch(lambda one: torch.roll(one, 1), y)
        )
        traced = (
            trace(op, (y, 0))
            if op is torch.cumsum
            else trace(op, (y, (0,) if op is torch.flip else 1))
        )
        assert torch.equal(traced.depends(), by_hand)
with expect_error(ValueError, match="trace follows at most 4096"):
    trace(torch.diff, torch.zeros(MOST_ELEMENTS + 1))
with expect_error(ValueError, match="the shape of its output depends on the values"):
    trace(torch.nonzero, torch.tensor([1, 2]))
# A step of 1 changes nothing in relu at -5, and the trace tries larger ones. A transposed tensor is followed, too.
low = torch.tensor([-5.0, 1.0])
assert not depends_from_scratch(F.relu, low)[0, 0]
assert trace(F.relu, low).depends()[0, 0]
assert depends_from_scratch(torch.neg, torch.randn(2, 3).T).shape == (3, 2, 6)
# The trace misses what happens at rare values alone.
assert trace(lambda x: x > 1_000_000, x).sources((0,))
assert not trace(lambda x: (x > 1_000_000) & (x < 1_000_001), x).sources((0,))

# %%
# Check yourself
# --------------

keys = causal.depends(input=1).any(dim=3).any(dim=1)
ask(
    "In causal attention, does the output at position 0 depend on the key at position 0?",
    answer=bool(keys[0, 0]),
    choices={
        False: "It has one value to choose from, so its weight is 1, and its key changes nothing.",
        True: "The key changes a logit, and softmax of a single logit is 1 in each case.",
    },
)

# %%
# A batch normalization in training mode:

batch = torch.randn(3, 2)
normalized = trace(torch.nn.BatchNorm1d(2).train(), batch).depends()
ask(
    "Three samples of two features go through BatchNorm1d in training mode. How many inputs does one output depend on?",
    answer=normalized[0, 0].sum().item(),
    choices={
        1: "That is right in evaluation mode, which uses stored means and variances.",
        3: "The mean and the variance of a feature are taken over the batch.",
        6: "Each feature has its own mean and variance.",
    },
)

# %%
# **Exercise.** Write a test for causal functions: ``leaks(op, n)`` returns whether ``op``, which maps n numbers to n
# numbers, lets an output see an input that comes later.


def leaks(op, n):
    raise NotImplementedError


def leaks_by_loops(op, n):
    found = depends_from_scratch(op, torch.arange(1.0, n + 1))
    return torch.tensor(any(bool(found[i, j]) for i in range(n) for j in range(i + 1, n)))


cases = [(lambda x: x.cumsum(0), 4), (lambda x: x.flip(0), 3), (lambda x: x - x.mean(), 5)]
cases.append((lambda x: x.roll(1) * torch.tensor([0.0, 1, 1, 1]), 4))
check(leaks, leaks_by_loops, cases)

# %%
# In the matrix (output, input), what comes later is above the diagonal.

# Solution


def leaks(op, n):
    return trace(op, torch.arange(1.0, n + 1)).depends().triu(1).any()


report = check(leaks, leaks_by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`summarize-a-tensor`: when there are too many numbers to follow each.
#
# - Karpathy (2019). `A Recipe for Training Neural Networks <https://karpathy.github.io/2019/04/25/recipe/>`__. It
#   checks by gradients that samples of a batch do not mix.
# - Gebremedhin, Manne and Pothen (2005). `What Color Is Your Jacobian? <https://doi.org/10.1137/S0036144504444711>`__.
#   How few runs give a Jacobian, if you know which of its entries are 0.
