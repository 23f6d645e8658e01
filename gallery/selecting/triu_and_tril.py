"""
.. _triu-and-tril:

Which elements do triu and tril keep?
=====================================

``torch.triu(x, d)`` keeps the elements on and above a diagonal, ``torch.tril(x, d)`` those on and below it; the others
become 0. Diagonal number ``d`` is where column minus row is ``d``. You need to know
:ref:`what a shape is <what-is-a-tensor>`, and :ref:`where-and-masked-fill` for the causal mask.
"""

# %%
# "u" is for upper, "l" for lower. With ``diagonal=1``, the upper triangle begins one place to the right of the main
# diagonal, which goes down from the upper left corner.

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.arange(11, 31).reshape(4, 5)
draw(torch.triu, x, diagonal=1)

# %%
# The diagonals have numbers
# --------------------------
#
# Number each element by its column minus its row, :math:`j - i`. Elements with one number form a diagonal. The main
# diagonal has number 0, the one above it 1, the one below it -1.

rows, columns = torch.arange(4)[:, None], torch.arange(5)
number = columns - rows
for d in range(-3, 5):
    assert torch.equal(x[number == d], torch.diagonal(x, d))
assert torch.equal(torch.diagonal(x), torch.stack([x[0, 0], x[1, 1], x[2, 2], x[3, 3]]))
draw(number, "j - i", colors=number % 4)

# %%
# With this table the rule is one comparison: ``triu(x, d)`` keeps :math:`j - i \ge d`, and ``tril(x, d)`` keeps
# :math:`j - i \le d`. So ``triu(x, 1)`` does not keep :val:`11 <x[0, 0]>`, which is on the main diagonal.


def triu(x, d=0):
    return torch.where(number >= d, x, 0)


def tril(x, d=0):
    return torch.where(number <= d, x, 0)


for d in range(-6, 7):
    assert torch.equal(triu(x, d), torch.triu(x, d))
    assert torch.equal(tril(x, d), torch.tril(x, d))
assert torch.triu(x, 1)[0].tolist() == [0, 12, 13, 14, 15]

# %%
# ``tril`` is the mirror image: with ``diagonal=2`` it keeps two diagonals above the main one, the main one, and those
# below. ``tril(x, d)`` and ``triu(x, d + 1)`` share no element, and leave none out: their sum is ``x``.

for d in range(-6, 7):
    assert torch.equal(torch.tril(x, d) + torch.triu(x, d + 1), x)
draw(torch.tril, x, diagonal=2)

# %%
# With three axes or more, rows and columns are the *last two*; each slice is cut alike. A tensor with one axis, or with
# none, is refused.

volume = torch.arange(1, 25).reshape(2, 3, 4)
assert torch.equal(torch.tril(volume, -1)[1], torch.tril(volume[1], -1))
for too_few in (torch.arange(3), torch.tensor(3)):
    with expect_error(RuntimeError, match="must have at least 2 dimensions"):
        torch.triu(too_few)
draw(torch.tril, volume, diagonal=-1, names=["volume"])

# %%
# The causal mask
# ---------------
#
# Some models read a text from left to right and may not look at later words. With ``scores[i, j]`` saying how much
# position ``i`` looks at position ``j``, it may look where :math:`j \le i`: the lower triangle of a table of True.

allowed = torch.ones(4, 4, dtype=torch.bool).tril()
assert all(allowed[i, j] == (j <= i) for i in range(4) for j in range(4))
assert torch.equal(~allowed, torch.ones(4, 4, dtype=torch.bool).triu(1))
draw(allowed, "allowed", colors=allowed.int())

# %%
# The scores of later positions become minus infinity. :func:`torch.softmax` then makes each row into weights that
# sum to 1, with exactly 0 for them: :math:`e^{-\infty} = 0`.

torch.manual_seed(0)
scores = torch.randn(4, 4)
weights = torch.softmax(scores.masked_fill(~allowed, float("-inf")), dim=1)
assert torch.equal(weights != 0, allowed)
torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))
assert weights[0].tolist() == [1, 0, 0, 0]
print(weights.numpy().round(2))

# %%
# Copy, dtype, gradient
# ---------------------
#
# The result is a :term:`copy` and has the :term:`dtype` of ``x``. The loop tries it on tensors of several data types,
# on views and others. ``x.triu_()`` writes into ``x``. The :term:`gradient` is 0 for what was cut off.

from ptguide.zoo import zoo

for tensor in (x, x > 12, *zoo(axes=(2, 3)).values()):
    for function in (torch.triu, torch.tril):
        assert not shares_memory(tensor, function(tensor, 9))
        assert function(tensor).dtype == tensor.dtype
itself = x.clone()
assert itself.triu_() is itself
w = torch.ones(4, 5, requires_grad=True)
torch.tril(w, -2).sum().backward()
assert torch.equal(w.grad, (number <= -2).float())

# %%
# What goes wrong
# ---------------
#
# *Minus infinity by multiplication.* Infinity times 0 is NaN. ``triu`` does not multiply: it writes zeros. So it can
# cut a table of -inf that is *added* to the scores.

infinite = torch.full((4, 4), float("-inf"))
assert (infinite * torch.ones(4, 4).triu(1)).isnan().any()
bias = torch.triu(infinite, 1)
assert bias[1].tolist() == [0, 0, float("-inf"), float("-inf")]
assert torch.equal(torch.softmax(scores + bias, dim=1), weights)

# %%
# *One diagonal too many.* ``triu()`` without a number includes the main diagonal. As the mask of what is forbidden it
# forbids each position to look at itself. For position 0 nothing remains: its row is -inf four times, and
# :term:`softmax` makes NaN of it.

forbidden = torch.ones(4, 4, dtype=torch.bool).triu()
broken = torch.softmax(scores.masked_fill(forbidden, float("-inf")), dim=1)
assert broken.isnan().any(dim=1).tolist() == [True, False, False, False]

# %%
# *A table that is not square.* Let the last 2 of 5 positions be the rows, and the 5 positions the columns. The first
# row is position 3, and the diagonal begins 3 places further right. Without the number, the first row sees one position
# instead of four. The argument ``is_causal`` of :func:`torch.nn.functional.scaled_dot_product_attention` means the mask
# *without* the number.

last_two = torch.ones(2, 5, dtype=torch.bool).tril(5 - 2)
assert torch.equal(last_two, torch.ones(5, 5, dtype=torch.bool).tril()[3:])
corner = torch.ones(2, 5, dtype=torch.bool).tril()
assert corner.sum(dim=1).tolist() == [1, 2]
q, k, v = torch.randn(2, 8), torch.randn(5, 8), torch.randn(5, 8)
causal = F.scaled_dot_product_attention(q, k, v, is_causal=True)
torch.testing.assert_close(causal, F.scaled_dot_product_attention(q, k, v, attn_mask=corner))
assert not torch.allclose(causal, F.scaled_dot_product_attention(q, k, v, attn_mask=last_two))

# %%
# Neighbours: :func:`torch.diagonal` takes one diagonal, with the same numbers, as a :term:`view`.
# :func:`torch.triu_indices` gives the positions of the triangle, for :ref:`advanced indexing <advanced-indexing>`.

assert torch.diagonal(x, 1).tolist() == [12, 18, 24, 30]
assert shares_memory(x, torch.diagonal(x, 1))
i, j = torch.triu_indices(4, 5, offset=1)
assert torch.equal(x[i, j], x[number >= 1])

# %%
# Check yourself
# --------------

ask(
    "How many elements of torch.ones(3, 7) does triu(-1) keep?",
    answer=int(torch.ones(3, 7).triu(-1).sum()),
    choices={
        18: "triu() keeps 7 + 6 + 5; the number is -1, one diagonal further down.",
        20: "It keeps j - i >= -1: rows of 7, 7 and 6.",
        int(torch.ones(3, 7).triu(1).sum()): "That is triu(1): 6 + 5 + 4.",
    },
)

# %%
# A window:

window = torch.ones(6, 6, dtype=torch.bool).tril().triu(-2)
ask(
    "Of a table of 6 × 6 ones, which positions does row 4 keep after tril().triu(-2)?",
    answer=window[4].nonzero().flatten(),
    choices={
        (2, 3, 4): "tril keeps j <= 4, triu(-2) keeps j >= 4 - 2: itself and the two before.",
        (0, 1, 2): "triu(-2) keeps j - i >= -2, so the far past is cut off.",
        (4, 5): "tril cuts off position 5, since 5 is greater than 4.",
    },
)

# %%
# Next: :ref:`sort-and-topk`, which moves elements by their values.
