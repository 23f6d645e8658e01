"""
.. _unique:

How does torch.unique work, and what does dim do?
=================================================

You want the vocabulary of a text: each token once, with its number and how often it occurs. :func:`torch.unique` gives
these three, and with ``dim`` it compares whole rows or columns.
"""

# %%
# Set-up

import numpy
import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
x = torch.tensor([50, 50, 20, 20, 20, 50, 90])  # tokens
values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
tensors, names = [x, values, inverse, counts], ["x", "values", "inverse", "counts"]
kinds = torch.arange(3)

# %%

assert counts.tolist() == [3, 3, 1]
draw(tensors, names, colors=[inverse, kinds, inverse, kinds])

# %%
# Equal elements have one color. ``values`` has each once, in ascending order. ``inverse`` has the shape of ``x``, and
# gives the place of each element in ``values``. ``counts`` says how often each value occurs. You need to know
# :ref:`indexing-and-slicing`.
#
# The rule
# --------
#
# ``values[inverse]`` is ``x`` again, and ``counts[k]`` is the number of elements that equal ``values[k]``. So
# ``inverse`` turns tokens or labels with gaps into numbers from 0 on without gaps. You get ``inverse`` and ``counts``
# if you ask for them, in this order.

values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
assert torch.equal(values[inverse], x)
for k in range(3):
    assert counts[k] == (x == values[k]).sum()
    print(f"token {values[k]} is number {k} and occurs {counts[k]} times")

# %%
# dim: whole slices are the items
# -------------------------------
#
# With ``dim=1`` the matrix is cut into its columns. Three of the five columns are different. They are sorted as words
# are in a dictionary: by the first element, and where these are equal, by the second. Side by side, they are the
# result.

m = torch.tensor([[3, 1, 3, 1, 1], [0, 4, 0, 4, 2]])
columns, inverse = torch.unique(m, dim=1, return_inverse=True)
words = sorted({tuple(column.tolist()) for column in m.unbind(1)})
assert torch.equal(columns, torch.tensor(words).T)
draw([m, columns], ["m", "unique(m, dim=1)"], colors=[inverse.expand(2, 5), kinds.expand(2, 3)])

# %%
# ``dim=1`` does *not* look for the different elements of each row. The rows of ``m`` have two and three different
# elements, which would form no rectangle. To drop sentences that occur twice, take ``dim=0``. Here is the rule as a
# loop, for the axis ``dim``.


def unique(x, dim):
    items = {tuple(piece.flatten().tolist()): piece for piece in x.unbind(dim)}
    return torch.stack([items[word] for word in sorted(items)], dim)


assert torch.equal(unique(m, 1), columns)
assert torch.equal(unique(m, 0), torch.unique(m, dim=0))
print([len(torch.unique(row)) for row in m])

# %%
# unique_consecutive: neighbors alone
# -----------------------------------
#
# :func:`torch.unique_consecutive` drops an element if it equals the one before it. It does not sort. Its counts are
# the lengths of the runs.

runs, lengths = torch.unique_consecutive(x, return_counts=True)
print(runs.tolist(), lengths.tolist())
assert torch.equal(torch.repeat_interleave(runs, lengths), x)

# %%
# .. use-this::
#
#    Take ``torch.unique(x)`` for the different values of a tensor, with ``dim`` for its different rows or columns, and
#    ``unique_consecutive`` for runs. For integers that are not negative, :func:`torch.bincount` gives counts with a
#    place for each number up to the largest. The result of ``unique`` is a copy, and PyTorch has no gradient for it.
#    Its size depends on the values, so on a GPU Python waits for them.
#
# Common mistakes
# ---------------
#
# **The second result by its place.** Without ``return_inverse``, the second result is the counts. As an inverse, it
# uses counts as positions, and here no error is raised. Name the result after what you asked for.

values, wrong = torch.unique(torch.tensor([7, 8, 9]), return_counts=True)
print(wrong.tolist(), values[wrong].tolist(), "and not [7, 8, 9]")
assert values[wrong].tolist() == [8, 8, 8]

# %%
# **Numbers that are nearly equal.** Two floats that differ by rounding are two values, though they print alike. Round
# first, which joins most such pairs, or compare integers. A :term:`NaN` equals no number, not even itself, so each NaN
# is listed.

near = torch.tensor([0.1 + 0.2, 0.3], dtype=torch.float64)
print(near, "has", len(torch.unique(near)), "values, rounded", len(near.round(decimals=6).unique()))
for count in (1, 2, 5):
    assert len(torch.unique(torch.full((count,), float("nan")))) == count

# %%
# How this was checked

for tensor in (m, *zoo(axes=(1, 2, 3, 4), dtypes=[torch.int64, torch.bool]).values()):
    for dim in range(tensor.dim() if tensor.numel() else 0):
        assert torch.equal(unique(tensor, dim), torch.unique(tensor, dim=dim))
for labels in (torch.tensor([30, 10, 99, 10]), torch.tensor([[-0.5], [2.5]]), torch.tensor(7), m):
    values, inverse = torch.unique(labels, return_inverse=True)
    assert sorted(set(inverse.flatten().tolist())) == list(range(len(values)))
    assert (values.dim(), inverse.shape) == (1, labels.shape)
    assert values.tolist() == sorted(set(labels.flatten().tolist()))
    assert torch.equal(values[inverse], labels)
    assert not shares_memory(labels, values)
for one_axis in (x, torch.randint(9, (100,)), torch.tensor([4]), torch.tensor([])):
    runs, lengths = torch.unique_consecutive(one_axis, return_counts=True)
    assert torch.equal(torch.repeat_interleave(runs, lengths), one_axis)
    assert torch.equal(torch.unique_consecutive(one_axis.sort().values), torch.unique(one_axis))
# The position of the first occurrence, which NumPy gives, can be computed from the inverse.
values, inverse = torch.unique(x, return_inverse=True)
first = torch.full(values.shape, len(x)).scatter_reduce(0, inverse, torch.arange(len(x)), "amin")
assert first.tolist() == numpy.unique(x.numpy(), return_index=True)[1].tolist()
assert torch.equal(x[first], values)
# With sorted=False no order is promised.
assert set(torch.unique(x, sorted=False).tolist()) == {20, 50, 90}
with expect_error(NotImplementedError, match="not implemented for 'ComplexFloat'"):
    torch.unique(x.to(torch.complex64))
w = torch.tensor([2.0, 1.0, 2.0], requires_grad=True)
with expect_error(NotImplementedError, match="derivative for '_unique2' is not implemented"):
    torch.unique(w).sum().backward()
with expect_error(IndexError, match="index 3 is out of bounds"):
    torch.unique(x)[torch.unique(x, return_counts=True)[1]]
assert torch.bincount(torch.tensor([1, 3, 1])).tolist() == [0, 2, 0, 1]
assert len(torch.unique(torch.tensor([0.0, -0.0]))) == 1
# Rounding joins most pairs, and not two at a border of rounding.
border = torch.tensor([0.4999999e-6, 0.5000001e-6], dtype=torch.float64)
assert len(torch.unique(border.round(decimals=6))) == 2
pairs = torch.rand(1000, 1, dtype=torch.float64) + torch.tensor([0, 1e-9])
joined = [len(torch.unique(pair)) == 1 for pair in pairs.round(decimals=6)]
assert sum(joined) > 900
assert all(len(torch.unique(pair)) == 2 for pair in pairs)

# %%
# Check yourself
# --------------

pairs = torch.tensor([[2, 9], [1, 5], [2, 3], [1, 5]])
ask(
    "pairs has the rows (2, 9), (1, 5), (2, 3), (1, 5). What is torch.unique(pairs, dim=0)?",
    answer=torch.unique(pairs, dim=0),
    choices={
        ((1, 5), (2, 3), (2, 9)): "Rows are the items; (2, 3) comes before (2, 9).",
        ((2, 9), (1, 5), (2, 3)): "This is the order of appearance; the rows are sorted.",
        ((1, 3), (2, 5), (2, 9)): "Rows are not taken apart, and (1, 3) is no row of pairs.",
    },
)

# %%
# The next question asks for the inverse.

ask(
    "What is the inverse of torch.unique(torch.tensor([30, 10, 30, 20]), return_inverse=True)?",
    answer=torch.unique(torch.tensor([30, 10, 30, 20]), return_inverse=True)[1],
    choices={
        (2, 0, 2, 1): "30 stands at place 2 of the list 10, 20, 30.",
        (1, 3, 0): "Those are positions in the input; the inverse has a number for each element.",
        (2, 1, 1): "It counts nothing: 2 is the place of 30 in the list 10, 20, 30.",
    },
)

# %%
# **Exercise.** A speech recognizer guesses a letter for each tenth of a second, or ``blank`` where it hears no letter.
# Two steps make the text of these guesses: of equal neighbors one stays, and then the blanks are dropped. So a double
# letter needs a blank between the two. Return the numbers of the letters.


def by_loop(guesses, blank):
    letters, before = [], None
    for guess in guesses.tolist():
        if guess not in (before, blank):
            letters.append(guess)
        before = guess
    return torch.tensor(letters, dtype=torch.int64)


cases = [
    (torch.tensor([8, 8, 0, 5, 5, 5]), 0),
    (torch.tensor([12, 12, 0, 12, 15, 0, 0]), 0),
    (torch.randint(3, (20,)), 2),
]


def text_of(guesses, blank):
    raise NotImplementedError


check(text_of, by_loop, cases)

# %%
# Take the runs first, and then use a :ref:`mask <boolean-masks>`.

# Solution


def text_of(guesses, blank):
    runs = torch.unique_consecutive(guesses)
    return runs[runs != blank]


report = check(text_of, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`nonzero-and-searchsorted` shows two ways to find places.
#
# - Hannun (2017). `Sequence modeling with CTC <https://distill.pub/2017/ctc/>`__. The speech recognizer of the
#   exercise, with drawings.
# - PyTorch contributors (2026). `torch.unique <https://docs.pytorch.org/docs/stable/generated/torch.unique.html>`__.
#   The reference.
