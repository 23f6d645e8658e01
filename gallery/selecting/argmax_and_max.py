"""
.. _argmax-and-max:

Why does max give two results, and what is argmax?
==================================================

``torch.max(x, dim)`` gives the largest value along an :term:`axis` and the position where it stands;
:func:`torch.argmax` gives the position alone, :func:`torch.amax` the value alone. For the smallest there are ``min``,
``argmin`` and ``amin``. You need to know :ref:`indexing-and-slicing`; :ref:`gather` explains how positions are used.
"""

# %%
# In each row, the largest element and its column. A dotted frame marks what it was compared with.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.tensor([[3.0, 7, 1, 6], [9, 2, 8, 5], [4, 0, 6, 2]])
draw(torch.max, x, dim=1)

# %%
# The axis ``dim`` disappears from both results, as in a :term:`reduction`. With ``keepdim=True`` it stays, with size 1.
# ``indices`` are positions along it. :func:`torch.gather`, which needs that axis, gives the values back. The same holds
# for the smallest.

values, indices = torch.max(x, dim=1)
assert values.tolist() == [7, 9, 6]
assert values.tolist() == [x[i, indices[i]] for i in range(3)]
assert torch.equal(torch.argmax(x, dim=1), indices)
for both, place, value in (
    (torch.max, torch.argmax, torch.amax),
    (torch.min, torch.argmin, torch.amin),
):
    for dim in (0, 1):
        assert torch.equal(both(x, dim).values, value(x, dim))
        assert torch.equal(both(x, dim).indices, place(x, dim))
        found = torch.gather(x, dim, place(x, dim, keepdim=True))
        assert torch.equal(found, value(x, dim, keepdim=True))

# %%
# Three functions under one name
# ------------------------------
#
# :func:`torch.max` is given a tensor and nothing else, an axis, or a second tensor. It gives the largest of the
# elements, a pair, or the larger of two elements at each place, as :func:`torch.maximum` does. So ``torch.max(x, 4)``
# is not "at least 4": 4 is read as an axis. Write ``x.clamp(min=4)``.

assert torch.max(x) == 9
assert type(torch.max(x, 0)) is torch.return_types.max
assert torch.equal(torch.max(x, x.flip(1)), torch.maximum(x, x.flip(1)))
with expect_error(IndexError, match="Dimension out of range"):
    torch.max(x, 4)
assert torch.equal(x.clamp(min=4), torch.maximum(x, torch.tensor(4.0)))
draw(torch.maximum, (x[0], x[1]))

# %%
# amax: several axes
# ------------------
#
# ``amax`` takes one axis or several, and returns a tensor, not a pair. In a volume of shape (2, 3, 4), ``dim=(0, 2)``
# leaves axis 1, with 3 numbers: each is the largest in its row of both slices. :func:`torch.aminmax` gives the smallest
# and the largest.

one = [[5, 1, 9, 2], [0, 7, 3, 3], [8, 4, 6, 1]]
two = [[2, 6, 4, 0], [9, 1, 5, 8], [3, 2, 7, 7]]
volume = torch.tensor([one, two])
assert volume.amax(dim=(0, 2)).tolist() == [volume[:, row].max() for row in range(3)]
assert [end.item() for end in torch.aminmax(volume)] == [0, 9]
with expect_error(TypeError, match="invalid combination of arguments"):
    volume.max(dim=(0, 2))
draw(torch.amax, volume, dim=(0, 2), names=["volume"])

# %%
# argmax without an axis
# ----------------------
#
# Left out, ``dim`` is *not* the last axis: the position is counted through all elements in the order of print.
# :func:`torch.unravel_index` makes row and column of it.

assert torch.argmax(x) == 4
assert x.flatten()[4] == x.max()
place = torch.unravel_index(x.argmax(), x.shape)
assert tuple(map(int, place)) == (1, 0)
assert x[place] == 9

# %%
# From scratch
# ------------
#
# One walk along the axis, keeping the best so far. Only a *larger* element replaces it, so the first of equal ones
# wins, as torch documents for ``argmax`` and for the indices of ``max``. (The walk overlooks NaN, which torch does
# not.)


def largest(x, dim):
    first, *rest = x.unbind(dim)
    best, position = first, torch.zeros(first.shape, dtype=torch.int64)
    for number, piece in enumerate(rest, start=1):
        larger = piece > best
        best, position = torch.where(larger, piece, best), position.masked_fill(larger, number)
    return best, position


ties = torch.tensor([[2, 5, 5, 1, 5]])
with_nan = torch.tensor([1.0, float("nan")])
assert (largest(with_nan, 0)[0], torch.max(with_nan).isnan()) == (1, True)
for t in (x, volume, ties):
    for dim in range(t.dim()):
        assert all(map(torch.equal, largest(t, dim), torch.max(t, dim)))
        assert torch.equal(largest(t, dim)[1], torch.argmax(t, dim))

# %%
# The gradient of a maximum
# -------------------------
#
# It goes to the largest element. Where several are equal, the functions differ. ``max(dim)`` sends the whole gradient
# to the element that its index names. ``max()`` and ``amax`` share it evenly. ``maximum`` gives each side a half.


def gradient(function):
    v = torch.tensor([2.0, 6, 6, 1, 6], requires_grad=True)
    function(v).sum().backward()
    return v.grad


assert gradient(lambda v: v.max(dim=0).values).tolist() == [0, 1, 0, 0, 0]
shared = torch.tensor([0, 1 / 3, 1 / 3, 0, 1 / 3])
assert torch.equal(gradient(lambda v: v.amax(dim=0)), shared)
assert torch.equal(gradient(lambda v: v.max()), shared)
six = torch.tensor(6.0)
assert gradient(lambda v: torch.maximum(v, six)).tolist() == [0, 0.5, 0.5, 0, 0.5]

# %%
# A position is an integer, so ``argmax`` has no gradient: a small change of ``x`` leaves it as it is, or makes it jump.
# An accuracy that compares positions with labels has no gradient either. A loss takes the scores themselves. (Elements
# that are read *at* the position have a gradient, as those of ``max``.)

weights = torch.ones(4, requires_grad=True)
accuracy = ((x * weights).argmax(dim=1) == torch.tensor([1, 2, 2])).float().mean()
torch.testing.assert_close(accuracy, torch.tensor(2 / 3))
with expect_error(RuntimeError, match="does not require grad"):
    accuracy.backward()
assert torch.equal(gradient(lambda v: v[v.argmax()]), gradient(lambda v: v.max(dim=0).values))

# %%
# Values are a :term:`copy` in the :term:`dtype` of ``x``, positions are int64. Softmax keeps the order of the elements.
# So ``argmax`` of :term:`logits` and of probabilities is the same class, unless two logits are so close that their
# probabilities are rounded to one number. To be safe, take it of the logits.

assert not shares_memory(x, x.amax(dim=1))
assert (volume.max(dim=0).values.dtype, x.argmax(dim=1).dtype) == (torch.int64, torch.int64)
assert torch.equal(x.argmax(dim=1), x.softmax(dim=1).argmax(dim=1))
close = torch.tensor([0, 1e-10])
assert (close.argmax(), close.softmax(dim=0).argmax()) == (1, 0)

# %%
# What goes wrong
# ---------------
#
# *The pair is taken for the values.* Comparing it with a tensor by ``==`` gives False, also if the values are equal.
# Write ``.values``, or use ``amax``.

for dim in (0, 1):
    assert (torch.max(x, dim=dim) == x.amax(dim=dim)) is False
    assert torch.equal(torch.max(x, dim=dim).values, x.amax(dim=dim))

# %%
# *The wrong axis.* Scores of shape (3 examples, 4 classes) need the axis of the classes, 1. ``dim=0`` gives, for each
# class, an example. In a square table the shapes would agree, and nothing would be raised.

assert (x.argmax(dim=1).shape, x.argmax(dim=0).shape) == ((3,), (4,))
with expect_error(RuntimeError, match="must match the size"):
    x.argmax(dim=0) - torch.tensor([1, 2, 2])

# %%
# *Truth values.* ``argmax`` of integers finds the first True, but it refuses bool: write ``.int()``. Where there is no
# True it gives 0, as if the first were True. So look with ``mask.any(dim=1)`` first.

mask = torch.tensor([[False, False, True, True], [False, False, False, False]])
with expect_error(RuntimeError, match="(?i)argmax.*bool"):
    mask.argmax(dim=1)
assert mask.int().argmax(dim=1).tolist() == [2, 0]
assert mask.any(dim=1).tolist() == [True, False]

# %%
# *NaN and nothing.* Among finite numbers and infinities, NaN is taken for the largest, and by ``min`` for the smallest.
# Of an axis of size 0 there is no largest element.

for other in (3.0, float("inf"), float("-inf")):
    broken = torch.tensor([1.0, float("nan"), other])
    assert (broken.argmax(), broken.max().isnan(), broken.amax().isnan()) == (1, True, True)
    assert (broken.argmin(), broken.min().isnan(), broken.amin().isnan()) == (1, True, True)
assert torch.tensor([1.0, float("nan"), 3.0]).nan_to_num(nan=float("-inf")).argmax() == 2
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
# Shapes:

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
# Next: :ref:`unique`, which finds what is equal.
