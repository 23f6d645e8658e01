"""
.. _where-and-masked-fill:

How do torch.where and masked_fill work?
========================================

Attention may not look at padding, so its logits there become minus infinity. :func:`torch.where` chooses between two
tensors at each place, and ``masked_fill`` puts in one number.
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
x = torch.tensor([[3, 8, 1, 6], [9, 2, 5, 7]])
y = x * 10
condition = x > 4

# %%

draw(torch.where, (condition, x, y), names=["condition", "x", "y"])

# %%
# Where the condition is True the element comes from ``x``, and else from ``y``. Point at an element of the result: a
# dashed frame marks the truth value that chose it. You need to know :ref:`boolean-masks`.
#
# The rule
# --------
#
# ``out[i, j]`` is ``x[i, j]`` if ``condition[i, j]``, else ``y[i, j]``. The three are :ref:`broadcast <broadcasting>`
# to one shape first, and either choice may be a number. With a condition alone, ``torch.where`` gives :ref:`the
# positions <nonzero-and-searchsorted>` of True instead.


def where(condition, x, y):
    condition, x, y = torch.broadcast_tensors(condition, x, y)
    out = y.clone()
    out[condition] = x[condition]
    return out


assert torch.equal(where(condition, x, y), torch.where(condition, x, y))
print(torch.where(condition, x, 0).tolist())

# %%
# masked_fill: one number
# -----------------------
#
# ``masked_fill`` *replaces* ``x`` where the mask is True. ``where`` does the opposite: it *keeps* its first choice
# there. With an underscore, :meth:`torch.Tensor.masked_fill_` writes into ``x`` itself.

padding = x < 3
print(x.masked_fill(padding, -1).tolist())
print(torch.where(padding, x, -1).tolist())
assert torch.equal(x.masked_fill(padding, -1), torch.where(~padding, x, -1))

# %%
# A mask for attention
# --------------------
#
# The second sentence ends with two tokens of padding. Attention has a logit for each pair of positions. So the mask of
# shape :val:`(2, 4) <padded.shape>` gets an axis of size 1 for the position that looks. After softmax the weights of
# padding, in the last two columns, are :val:`0 <weights[1, :, 2:].max()>`.

padded = torch.tensor([[False, False, False, False], [False, False, True, True]])
logits = torch.randn(2, 4, 4)  # (sentence, position that looks, position looked at)
weights = logits.masked_fill(padded[:, None, :], -math.inf).softmax(dim=2)
print(weights[1].numpy().round(2))
assert (weights[1, :, 2:] == 0).all()

# %%
# Data types
# ----------
#
# ``where`` gives the dtype that :ref:`fits both choices <dtypes>`. ``masked_fill`` keeps that of ``x``, so 2.5 becomes
# :val:`2 <x.masked_fill(padding, 2.5)[0, 2]>` among integers, without a warning. It refuses a number that is too large:
# float16 takes ``-inf``, and not -1e9.

print(torch.where(padding, 2.5, x)[0], x.masked_fill(padding, 2.5)[0])
half = torch.zeros(4, dtype=torch.float16)
with expect_error(RuntimeError, match="cannot be converted to type .*Half without overflow"):
    half.masked_fill(half == 0, -1e9)
assert half.masked_fill(half == 0, -math.inf).isinf().sum() == 4

# %%
# .. use-this::
#
#    Take ``x.masked_fill(mask, number)`` to put one number where a mask is True, ``torch.where(mask, x, y)`` to choose
#    between two tensors. The result is a copy. Its shape, unlike that of ``x[mask]``, does not depend on the values.
#    The gradient goes to the element that was chosen, and is 0 for the other. Where ``x`` may be NaN or infinite, do
#    not multiply by a mask instead: 0 times NaN is NaN.
#
# A common mistake
# ----------------
#
# **where is no if.** Both choices are computed in full first. The square root of -4 is NaN. ``where`` hides this NaN,
# and the backward step brings it back. There the gradient 0 is multiplied by the derivative of the root, and 0 times
# :term:`NaN` or :term:`infinity` is NaN. Make the *input* harmless first, then choose: this takes two ``where``.

v = torch.tensor([9.0, -4.0, 0.0], requires_grad=True)
hidden = torch.where(v > 0, v.sqrt(), 0)
print("values  ", hidden.tolist())
print("gradient", torch.autograd.grad(hidden.sum(), v)[0].tolist())
safe = torch.where(v > 0, torch.where(v > 0, v, 1).sqrt(), 0)
print("values  ", safe.tolist())
print("gradient", torch.autograd.grad(safe.sum(), v)[0].tolist())

# %%
# How this was checked

assert torch.equal(where(condition[:, :1], x, y[0]), torch.where(condition[:, :1], x, y[0]))
assert (weights[0] > 0).all()
assert math.isnan(0 * math.nan)
assert math.isnan(0 * math.inf)
filled = torch.autograd.grad(v.sqrt().masked_fill(v <= 0, 0).sum(), v)[0]
assert filled.isnan().tolist() == [False, True, True]

dtypes = (torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64)
for one, other in itertools.product(dtypes, repeat=2):
    chosen = torch.where(condition, x.to(one), y.to(other))
    assert chosen.dtype == torch.promote_types(one, other)
for tensor in zoo().values():
    keep = torch.rand(tensor.shape) < 0.5
    other = torch.zeros_like(tensor)
    results = [torch.where(keep, tensor, other), tensor.masked_fill(~keep, 0)]
    for result in results:
        torch.testing.assert_close(
            result, where(keep, tensor, other), rtol=0, atol=0, equal_nan=True
        )
        assert tensor.numel() == 0 or not shares_memory(tensor, result)
volume, rows = torch.arange(24).reshape(2, 3, 4), torch.rand(2, 1, 4) < 0.5
assert torch.equal(torch.where(rows, volume, -1), volume.masked_fill(~rows, -1))
z = x.clone()
assert z.masked_fill_(padding, -1) is z
assert x[0].masked_fill(padding, -1).shape == (2, 4)
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    z[0].masked_fill_(padding, -1)
assert x.to(torch.uint8).masked_fill(padding, -1)[0, 2] == 255
for dtype, number in ((torch.int64, float("-inf")), (torch.uint8, 256)):
    with expect_error(RuntimeError, match="cannot be converted to type .* without overflow"):
        x.to(dtype).masked_fill(padding, number)
row = torch.tensor([True, False, False, True])
a, b = torch.ones(4, requires_grad=True), torch.ones(4, requires_grad=True)
torch.where(row, a, b).sum().backward()
assert a.grad.tolist() == [1, 0, 0, 1]
assert b.grad.tolist() == [0, 1, 1, 0]
filled = torch.autograd.grad(a.masked_fill(~row, 0).sum(), a)[0]
assert filled.tolist() == [1, 0, 0, 1]
divisor = torch.tensor([2, 0, 3])
with expect_error(RuntimeError, match="ZeroDivisionError"):
    torch.where(divisor != 0, 6 // divisor, 0)
# where gives a number the dtype of its tensor; one that is too large for floats becomes infinity.
assert torch.where(half == 0, half, -1e9).dtype == torch.float16
assert torch.where(half == 0, -1e9, half).isinf().sum() == 4
with expect_error(RuntimeError, match="expected condition to be a boolean tensor"):
    torch.where(divisor, divisor, 1)
with expect_error(RuntimeError, match="only supports a 0-dimensional value tensor"):
    x.masked_fill(padding, torch.tensor([1, 2, 3, 4]))
assert all(map(torch.equal, torch.where(condition), condition.nonzero(as_tuple=True)))

# %%
# Check yourself
# --------------

allowed = torch.tensor([[True, False, False], [True, True, False]])
scores = torch.ones(2, 3)
ask(
    "allowed is True where a logit may stay. Which call sets the others to -inf?",
    answer=next(
        name
        for name, given in {
            "masked_fill(allowed, -inf)": scores.masked_fill(allowed, -math.inf),
            "masked_fill(~allowed, -inf)": scores.masked_fill(~allowed, -math.inf),
            "where(allowed, -inf, logits)": torch.where(allowed, -math.inf, scores),
        }.items()
        if torch.equal(given == 1, allowed)
    ),
    choices={
        "masked_fill(allowed, -inf)": "It fills where the mask is True: exactly the logits that may stay.",
        "masked_fill(~allowed, -inf)": "It fills where ~allowed is True, and keeps the rest.",
        "where(allowed, -inf, logits)": "The first choice is taken where the condition is True.",
    },
)

# %%
# The next question is about shapes.

chosen = torch.where(torch.zeros(5, 1, dtype=torch.bool), torch.zeros(7), torch.zeros(6, 1, 1))
ask(
    "condition has shape (5, 1), x (7,), y (6, 1, 1). What is the shape of torch.where(condition, x, y)?",
    answer=chosen.shape,
    choices={
        (5, 7): "y takes part in the broadcasting too.",
        (6, 5, 7): "All three shapes are broadcast together.",
        (5, 1): "The condition is broadcast like the others.",
    },
)

# %%
# **Exercise.** Return the mean loss of each sentence over its real tokens, shape (sentence,). ``mask`` is True for
# real tokens, and each sentence has one. The loss of padding may be NaN or infinite, so multiplying by the mask does
# not remove it.


def by_loops(losses, mask):
    sentences = zip(losses.tolist(), mask.tolist(), strict=True)
    real = [[loss for loss, keep in zip(*one, strict=True) if keep] for one in sentences]
    return torch.tensor([sum(kept) / len(kept) for kept in real])


nan, inf = math.nan, math.inf
cases = [
    (torch.tensor([[1.0, 2.0, nan]]), torch.tensor([[True, True, False]])),
    (
        torch.tensor([[4.0, inf, nan], [1.0, 3.0, 8.0]]),
        torch.tensor([[True, False, False], [True, True, True]]),
    ),
]


def mean_losses(losses, mask):
    raise NotImplementedError


check(mean_losses, by_loops, cases)

# %%
# Replace, sum, and divide by the number of real tokens.

# Solution


def mean_losses(losses, mask):
    return losses.masked_fill(~mask, 0).sum(dim=1) / mask.sum(dim=1)


report = check(mean_losses, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`triu-and-tril` makes a mask that depends on the place alone.
#
# - JAX authors (2024). `Frequently asked questions <https://docs.jax.dev/en/latest/faq.html>`__. "Gradients contain
#   NaN where using where" explains the mistake above for another library.
# - PyTorch contributors (2026). `torch.where <https://docs.pytorch.org/docs/stable/generated/torch.where.html>`__.
#   The reference.
