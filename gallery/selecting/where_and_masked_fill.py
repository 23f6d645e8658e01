"""
.. _where-and-masked-fill:

How do torch.where and masked_fill work?
========================================

``torch.where(condition, x, y)`` chooses at each place: the element of ``x`` where the condition is True, that of ``y``
where it is False. ``x.masked_fill(mask, value)`` puts one number where the :term:`mask` is True. Each element keeps its
place; :func:`torch.masked_select` gives a list instead. You need to know :ref:`boolean-masks`.
"""

# %%
# Each element of the result comes from ``x`` or from ``y``, and a dashed frame marks the truth value that chose it.

import itertools
import math

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.tensor([[3, 8, 1, 6], [9, 2, 5, 7], [4, 0, 6, 2]])
y = x * 10
condition = x > 5
draw(torch.where, (condition, x, y), names=["condition", "x", "y"])

# %%
# The rule as a loop, for any number of axes: same place in all three.


def where(condition, x, y):
    out = torch.empty_like(x)
    for place in itertools.product(*map(range, x.shape)):
        out[place] = x[place] if condition[place] else y[place]
    return out


assert torch.equal(where(condition, x, y), torch.where(condition, x, y))

# %%
# The three are :ref:`broadcast <broadcasting>` together, and either choice may be a number. Here a condition of shape
# (2, 1, 4) chooses in a volume of shape (2, 3, 4): in each slice whole columns are kept, and the rest becomes -1.

volume = torch.arange(24).reshape(2, 3, 4)
columns = torch.tensor([[[True, False, False, True]], [[False, True, True, True]]])
kept = torch.where(columns, volume, torch.tensor(-1))
assert torch.equal(kept, where(columns.expand(2, 3, 4), volume, torch.full((2, 3, 4), -1)))
assert torch.equal(kept, torch.where(columns, volume, -1))
draw(torch.where, (columns, volume, torch.tensor(-1)), names=["columns", "volume", "other"])

# %%
# The :term:`dtype` is the one that :term:`promotion` gives for the two choices: integers and a Python float make
# :val:`float32 <torch.where(condition, x, 0.5).dtype>`. The condition is of dtype bool and has no part in it.

dtypes = (torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64)
for one, other in itertools.product(dtypes, repeat=2):
    chosen = torch.where(condition, x.to(one), y.to(other))
    assert chosen.dtype == torch.promote_types(one, other)
assert torch.where(condition, x, 0.5).dtype == torch.float32
assert torch.where(condition, x, 0).dtype == torch.int64
assert torch.where(condition, 1.0, 0.0).shape == condition.shape

# %%
# masked_fill: one number at the True places
# ------------------------------------------
#
# Mind the side: ``masked_fill`` *replaces* ``x`` where the mask is True, while ``where(condition, x, ...)`` *keeps* it
# there. The mask and ``x`` are broadcast together, so a larger mask makes a larger result. With an underscore,
# :meth:`torch.Tensor.masked_fill_` writes into ``x`` itself, and refuses a larger mask.

small = x < 3
assert torch.equal(x.masked_fill(small, -1), torch.where(small, -1, x))
assert torch.equal(x.masked_fill(small, -1), torch.where(~small, x, -1))
z = x.clone()
assert z.masked_fill_(small, -1) is z
assert x[0].masked_fill(small, -1).shape == (3, 4)
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    z[0].masked_fill_(small, -1)
draw(torch.Tensor.masked_fill, (x, small, -1), names=["x", "small"])

# %%
# It keeps the dtype of ``x``, where ``where`` promotes: 2.5 becomes 2 among integers, and -1 becomes 255 among
# bytes without a sign. Nothing is raised. A number that is too large for the dtype is refused, and so is -inf among
# integers.

assert x.masked_fill(small, 2.5).dtype == torch.int64
assert x.masked_fill(small, 2.5).tolist()[0] == [3, 8, 2, 6]
assert x.to(torch.uint8).masked_fill(small, -1)[0, 2] == 255
for dtype, number in (
    (torch.int64, float("-inf")),
    (torch.uint8, 256),
    (torch.float16, -1e9),
):
    with expect_error(RuntimeError, match="cannot be converted to type .* without overflow"):
        x.to(dtype).masked_fill(small, number)

# %%
# masked_select: the True places as a list
# ----------------------------------------
#
# The result has one axis, in the order of print, and its size depends on the values. It is ``x[mask]``, after mask and
# ``x`` are broadcast together.

assert torch.masked_select(x, condition).tolist() == [8, 6, 9, 7, 6]
assert torch.equal(torch.masked_select(x, condition), x[condition])
draw(torch.masked_select, (x, condition), names=["x", "condition"])

# %%
# A row as a mask, stretched over all rows:

row = torch.tensor([True, False, False, True])
assert torch.masked_select(x, row).tolist() == [3, 6, 9, 7, 4, 2]
assert torch.equal(torch.masked_select(x, row), x[row.expand(3, 4)])
assert torch.equal(torch.masked_select(x[0], condition), x[0].expand(3, 4)[condition])

# %%
# Copies and gradients
# --------------------
#
# All three give a :term:`copy`, also where nothing is replaced. The :term:`gradient` goes to the element that was
# chosen; the other one gets 0. The condition gets no gradient.

for keep in (condition, torch.ones_like(condition)):
    results = [torch.where(keep, x, y), x.masked_fill(~keep, 0), torch.masked_select(x, keep)]
    assert not any(shares_memory(x, result) for result in results)
a, b = torch.ones(4, requires_grad=True), torch.ones(4, requires_grad=True)
torch.where(row, a, b).sum().backward()
assert a.grad.tolist() == [1, 0, 0, 1]
assert b.grad.tolist() == [0, 1, 1, 0]
for choose in (lambda v: v.masked_fill(~row, 0), lambda v: v.masked_select(row)):
    (chosen,) = torch.autograd.grad(choose(a).sum(), a)
    assert chosen.tolist() == [1, 0, 0, 1]

# %%
# The NaN trap
# ------------
#
# ``where`` is no ``if``: both choices are computed in full *before* it chooses. The square root of -4 is
# :term:`NaN`, and ``where`` hides it. In the gradient it comes back: ``where`` sends 0 to the hidden root, and the root
# multiplies it with its own derivative. 0 times NaN is NaN, and so is 0 times :term:`infinity`.

v = torch.tensor([9.0, -4.0, 0.0], requires_grad=True)
hidden = torch.where(v > 0, v.sqrt(), 0)
assert hidden.tolist() == [3, 0, 0]
hidden.sum().backward()
print(v.grad)
assert v.grad.isnan().tolist() == [False, True, True]

# %%
# ``masked_fill`` after the root doesn't help: the first of these three fails. Make the *input* harmless first, then
# choose: this takes two ``where``. Selecting works, too, since the root is computed of the selected elements alone.

roots_of = [
    lambda v: v.sqrt().masked_fill(v <= 0, 0),
    lambda v: torch.where(v > 0, torch.where(v > 0, v, 1).sqrt(), 0),
    lambda v: v[v > 0].sqrt(),
]
gradients = [torch.autograd.grad(root(v).sum(), v)[0] for root in roots_of]
assert gradients[0].isnan().sum() == 2
assert torch.equal(gradients[1], torch.tensor([1 / 6, 0, 0]))
assert torch.equal(gradients[2], gradients[1])

# %%
# What else goes wrong
# --------------------
#
# Since both choices are computed, ``where`` does not guard against an error either. Zeros and ones of
# :val:`int64 <divisor.dtype>` are refused as a condition; ``.bool()`` makes one of them. And ``masked_fill`` takes one
# number, not a tensor of values: use ``where`` for these.

divisor = torch.tensor([2, 0, 3])
with expect_error(RuntimeError, match="ZeroDivisionError"):
    torch.where(divisor != 0, 6 // divisor, 0)
with expect_error(RuntimeError, match="expected condition to be a boolean tensor"):
    torch.where(divisor, divisor, 1)
with expect_error(RuntimeError, match="only supports a 0-dimensional value tensor"):
    x.masked_fill(small, torch.tensor([1, 2, 3, 4]))
assert torch.where(divisor.bool(), divisor, 1).tolist() == [2, 1, 3]

# %%
# With one argument, ``torch.where(condition)`` is another function: it gives the positions, as
# :ref:`nonzero <nonzero-and-searchsorted>` does.

positions = torch.where(condition)
assert all(map(torch.equal, positions, condition.nonzero(as_tuple=True)))

# %%
# Check yourself
# --------------

allowed = torch.tensor([[True, False, False], [True, True, False]])
scores = torch.ones(2, 3)
ask(
    "allowed is True where a score may stay. Which call sets the others to -inf?",
    answer=next(
        name
        for name, given in {
            "masked_fill(allowed, -inf)": scores.masked_fill(allowed, -math.inf),
            "masked_fill(~allowed, -inf)": scores.masked_fill(~allowed, -math.inf),
            "where(allowed, -inf, scores)": torch.where(allowed, -math.inf, scores),
        }.items()
        if torch.equal(given == 1, allowed)
    ),
    choices={
        "masked_fill(allowed, -inf)": "It fills where the mask is True: exactly the scores that may stay.",
        "masked_fill(~allowed, -inf)": "It fills where ~allowed is True, and keeps the rest.",
        "where(allowed, -inf, scores)": "The first choice is taken where the condition is True.",
    },
)

# %%
# Shapes:

chosen = torch.where(torch.zeros(5, 1, dtype=torch.bool), torch.zeros(7), torch.zeros(6, 1, 1))
ask(
    "condition has shape (5, 1), x (7,), y (6, 1, 1). What is the shape of torch.where(condition, x, y)?",
    answer=chosen.shape,
    choices={
        (5, 7): "y takes part in the broadcasting too.",
        (6, 5, 7): "All three shapes are broadcast together.",
        (5, 1): "The condition is stretched like the others.",
    },
)

# %%
# Next: :ref:`triu-and-tril`, a mask that depends on the place alone.
