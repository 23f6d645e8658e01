"""
.. _argmax-and-max:

Why does max give two results, and what is argmax?
==================================================

A model gives a logit for each word at each position, and you want the word with the largest logit. With an axis,
:func:`torch.max` gives the largest values and their positions; :func:`torch.argmax` gives the positions alone.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

torch.manual_seed(0)
words = ["the", "cat", "saw", "dog"]
logits = torch.tensor([[3.0, 7, 1, 6], [9, 2, 8, 5], [4, 0, 6, 2]])  # (position, word)

# %%

draw(torch.max, logits, dim=1)

# %%
# The results are the largest logit of each row and its place. Point at one: a dotted frame marks what it was compared
# with. You need to know :ref:`indexing-and-slicing`.
#
# The rule
# --------
#
# ``dim`` names the axis along which elements are compared, and it disappears. ``values[i]`` is the largest ``x[i, j]``
# over all ``j``, and ``indices[i]`` is this ``j``. With ``keepdim=True`` the axis stays, with size 1, which
# :ref:`gather <gather>` needs. ``min``, ``argmin`` and ``amin`` find the smallest.
#
# .. not tried: all — the definition of the largest

values, indices = logits.max(dim=1)
print(values.tolist(), [words[place] for place in indices])
assert torch.equal(logits.argmax(dim=1), indices)
best = logits.argmax(dim=1, keepdim=True)
assert torch.equal(logits.gather(1, best).squeeze(1), values)

# %%
# Three functions under one name
# ------------------------------
#
# The arguments of :func:`torch.max` decide what it gives. With a tensor alone this is the largest element, and with an
# axis a pair. With a second tensor it is the larger of two elements at each place. In ``torch.max(logits, 4)`` the 4 is
# read as an axis; ``logits.clamp(min=4)`` is "at least 4". :func:`torch.amax` gives the values alone, and takes several
# axes.

print("max(x)         ", torch.max(logits).item())
print("max(x, 1)      ", *(part.tolist() for part in torch.max(logits, 1)))
print("max(x, y)      ", torch.max(logits[0], logits[1]).tolist())
print("amax(x, (0, 1))", torch.amax(logits, dim=(0, 1)).item())
with expect_error(IndexError, match="Dimension out of range"):
    torch.max(logits, 4)
assert logits.clamp(min=4).min() == 4

# %%
# argmax without an axis
# ----------------------
#
# Without ``dim``, ``argmax`` does not take the last axis. It counts through all elements, row after row, so a place of
# :val:`4 <logits.shape[1]>` or more is no word here. :func:`torch.unravel_index` turns the place into row and column.

place = logits.argmax()
row, column = torch.unravel_index(place, logits.shape)
print(f"place {place}: row {row}, column {column}")
assert logits.flatten()[place] == logits[row, column] == logits.max()

# %%
# Equal elements, and gradients
# -----------------------------
#
# Of equal elements, ``argmax`` and ``max`` with an axis give the first position. The gradient of that ``max`` goes to
# this position. ``amax`` divides its gradient evenly among the equal elements. A position is an integer and has no
# gradient, so a loss is computed from the logits and not from ``argmax``.

v = torch.tensor([2.0, 6, 6, 1], requires_grad=True)
print("max(dim=0)", torch.autograd.grad(v.max(dim=0).values, v)[0].tolist())
print("amax      ", torch.autograd.grad(v.amax(dim=0), v)[0].tolist())
assert v.argmax() == v.max(dim=0).indices == 1

# %%
# .. use-this::
#
#    Take ``x.argmax(dim)`` along the classes for a guess, ``x.amax(dim)`` for the values, ``x.max(dim)`` for both. Give
#    ``dim`` each time. Positions are :val:`int64 <logits.argmax(dim=1).dtype>`, and values are a copy in the dtype of
#    ``x``. Take ``argmax`` of the logits: a softmax before it is not needed, because softmax keeps their order, apart
#    from rounding. :func:`torch.aminmax` gives the smallest and the largest at once.
#
# Common mistakes
# ---------------
#
# **The pair is taken for the values.** The pair is a tuple with names. Subtracting 1 from it raises an error. A
# comparison by ``==`` raises nothing, and gives a single False.

with expect_error(TypeError, match="unsupported operand type"):
    logits.max(dim=1) - 1

print(logits.max(dim=1) == values, (logits.max(dim=1).values == values).tolist())

# %%
# **The first place of True.** ``argmax`` refuses bool. As integers, True is 1 and False is 0, so ``argmax`` of
# ``.int()`` finds the first True. In a row without True it gives 0, as if the first element were True: ask ``any``
# first.

is_end = torch.tensor([[False, False, True, True], [False, False, False, False]])
with expect_error(RuntimeError, match="(?i)argmax.*bool"):
    is_end.argmax(dim=1)
print(is_end.int().argmax(dim=1).tolist(), is_end.any(dim=1).tolist())

# %%
# How this was checked


def largest(x, dim):
    """One walk along the axis, keeping the best so far. Only a larger element replaces it."""
    first, *rest = x.unbind(dim)
    best, position = first, torch.zeros(first.shape, dtype=torch.int64)
    for number, piece in enumerate(rest, start=1):
        larger = piece > best
        best, position = torch.where(larger, piece, best), position.masked_fill(larger, number)
    return best, position


for shape in ((7,), (3, 4), (2, 3, 5), (1, 6)):
    for numbers in (
        torch.randn(shape),
        torch.randint(3, shape),
    ):  # the second has many equal elements
        for dim in range(-len(shape), len(shape)):
            assert all(map(torch.equal, largest(numbers, dim), torch.max(numbers, dim)))
            assert torch.equal(largest(numbers, dim)[1], torch.argmax(numbers, dim))
            assert torch.equal(largest(-numbers, dim)[1], torch.argmin(numbers, dim))
            assert torch.equal(torch.min(numbers, dim).values, torch.amin(numbers, dim))
            assert torch.equal(torch.max(numbers, dim).values, torch.amax(numbers, dim))
volume = torch.randint(9, (2, 3, 4))
assert volume.amax(dim=(0, 2)).tolist() == [volume[:, row].max() for row in range(3)]
assert [end.item() for end in torch.aminmax(volume)] == [volume.min(), volume.max()]
with expect_error(TypeError, match="invalid combination of arguments"):
    volume.max(dim=(0, 2))
assert not shares_memory(logits, logits.amax(dim=1))
assert (volume.max(dim=0).values.dtype, logits.argmax(dim=1).dtype) == (torch.int64, torch.int64)
assert torch.equal(logits.argmax(dim=1), logits.softmax(dim=1).argmax(dim=1))
close = torch.tensor([0, 1e-10])  # softmax rounds both probabilities to one number
assert (close.argmax(), close.softmax(dim=0).argmax()) == (1, 0)
assert len(logits.max(dim=1) * 2) == 4  # no error either: a tuple of four
assert not v.argmax().requires_grad
assert torch.equal(torch.max(logits[0], logits[1]), torch.maximum(logits[0], logits[1]))
# max without an axis divides the gradient evenly, too; maximum gives each side a half.
assert torch.autograd.grad(v.max(), v)[0].tolist() == [0, 0.5, 0.5, 0]
six = torch.tensor(6.0)
assert torch.autograd.grad(torch.maximum(v, six).sum(), v)[0].tolist() == [0, 0.5, 0.5, 0]
weights = torch.ones(4, requires_grad=True)
accuracy = ((logits * weights).argmax(dim=1) == torch.tensor([1, 2, 2])).float().mean()
with expect_error(RuntimeError, match="does not require grad"):
    accuracy.backward()
# NaN counts as the largest, and for min and argmin as the smallest.
for other in (3.0, float("inf"), float("-inf")):
    broken = torch.tensor([1.0, float("nan"), other])
    assert (broken.argmax(), broken.max().isnan(), broken.amax().isnan()) == (1, True, True)
    assert (broken.argmin(), broken.min().isnan(), broken.amin().isnan()) == (1, True, True)
for function in (torch.max, torch.amax, torch.argmax):
    with expect_error(IndexError, match="Expected reduction dim 1 to have non-zero size"):
        function(torch.zeros(5, 0), dim=1)

# %%
# Check yourself
# --------------

t = torch.tensor([[1, 8, 3], [7, 9, 2]])
ask(
    f"What is torch.tensor({t.tolist()}).argmax()?",
    answer=t.argmax().item(),
    choices={
        4: "Counted through all elements: 1, 8, 3, 7, then 9 at place 4.",
        (1, 1): "torch.unravel_index makes row and column of the count.",
        1: "That is its column; without dim, the rows before it are counted too.",
    },
)

# %%
# The next question is about shapes.

images = torch.zeros(8, 3, 16, 12)
ask(
    "images has shape (8, 3, 16, 12). Which call gives the brightest value of each image and channel?",
    answer="images.amax(dim=(2, 3))" if images.amax(dim=(2, 3)).shape == (8, 3) else None,
    choices={
        "images.amax(dim=(0, 1))": "dim names the axes that disappear: height and width are 2 and 3.",
        "images.amax(dim=(2, 3))": "Axes 2 and 3 disappear; (8, 3) remains.",
        "images.max(dim=(2, 3))": "max takes one axis; a tuple raises TypeError.",
    },
)

# %%
# **Exercise.** A model writes sentences and ends each with the token ``end``; what comes after it is nonsense. Return
# the length of each sentence, shape (sentence,): the place of its first ``end``, or the number of positions if it has
# no ``end``.


def by_loops(tokens, end):
    rows = tokens.tolist()
    return torch.tensor([row.index(end) if end in row else len(row) for row in rows])


cases = [
    (torch.tensor([[5, 3, 0, 7]]), 0),
    (torch.tensor([[5, 3, 7], [0, 5, 0]]), 0),
    (torch.randint(6, (6, 5)), 2),
]


def lengths(tokens, end):
    raise NotImplementedError


check(lengths, by_loops, cases)

# %%
# ``argmax`` gives the first of the places that hold ``end``, and ``any`` says whether there is one.

# Solution


def lengths(tokens, end):
    is_end = tokens == end
    return torch.where(is_end.any(dim=1), is_end.int().argmax(dim=1), tokens.shape[1])


report = check(lengths, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`unique` finds what is equal.
#
# - PyTorch contributors (2026). `torch.max <https://docs.pytorch.org/docs/stable/generated/torch.max.html>`__. The
#   three functions under one name.
# - PyTorch contributors (2026). `torch.amax <https://docs.pytorch.org/docs/stable/generated/torch.amax.html>`__. How
#   its gradient differs from that of ``max``.
