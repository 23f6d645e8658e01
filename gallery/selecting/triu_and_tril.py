"""
.. _triu-and-tril:

Which elements do triu and tril keep?
=====================================

A model that guesses the next word may not look at later words, so its attention gets a mask in the form of a triangle.
:func:`torch.tril` keeps the lower triangle and :func:`torch.triu` the upper; with one diagonal too many, the model
sees the answer.
"""

# %%
# Set-up

import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
x = torch.arange(11, 31).reshape(4, 5)

# %%

draw(torch.triu, x, diagonal=1)

# %%
# ``triu`` keeps the upper triangle, and the rest becomes 0. With ``diagonal=1`` the triangle begins one place to the
# right of the main diagonal, :val:`[11, 17, 23, 29] <x.diagonal().tolist()>`. You need to know :ref:`what a shape is
# <what-is-a-tensor>`.
#
# The rule
# --------
#
# Number each element by its column minus its row, :math:`j - i`. ``triu(x, d)`` keeps :math:`j - i \ge d`, and
# ``tril(x, d)`` keeps :math:`j - i \le d`. The main diagonal has number 0, and :math:`d` is 0 by default, so both keep
# this diagonal. The rows and columns are the last two axes.

number = torch.arange(5) - torch.arange(4)[:, None]  # column minus row
for d in range(-5, 6):
    assert torch.equal(torch.triu(x, d), x * (number >= d))
    assert torch.equal(torch.tril(x, d), x * (number <= d))
draw(number, "j - i", colors=number % 4)

# %%
# The causal mask
# ---------------
#
# Row ``i`` is the position that looks, and column ``j`` the position that it looks at. A position may look at itself
# and at earlier positions, where :math:`j \le i`. These places are the lower triangle.

allowed = torch.ones(4, 4, dtype=torch.bool).tril()
assert all(allowed[i, j] == (j <= i) for i in range(4) for j in range(4))
draw(allowed, "allowed", colors=allowed.int())

# %%
# Where the mask is False, the logits become minus infinity, and :ref:`softmax <softmax>` turns them into the weight 0.
# The first position looks at itself alone, with the weight :val:`1 <weights[0, 0]>`.

logits = torch.randn(4, 4)  # (position that looks, position looked at)
weights = logits.masked_fill(~allowed, -math.inf).softmax(dim=1)
print(weights.numpy().round(2))
assert torch.equal(weights != 0, allowed)
assert weights[0].tolist() == [1, 0, 0, 0]

# %%
# .. use-this::
#
#    ``torch.ones(n, n, dtype=torch.bool).tril()`` is the mask of what a position may look at, and ``triu(1)`` of the
#    same table is the mask of what is forbidden. A mask takes memory that grows with the square of the length. For
#    :func:`torch.nn.functional.scaled_dot_product_attention` you need not build one: ``is_causal=True`` replaces it.
#    ``triu`` and ``tril`` copy, and the gradient is 0 for what was cut off.
#
# Common mistakes
# ---------------
#
# **One diagonal too many.** ``triu()`` without a number includes the main diagonal. As the mask of what is forbidden,
# it forbids each position to look at itself. Position 0 may look nowhere, and softmax turns its row into NaN.

forbidden = torch.ones(4, 4, dtype=torch.bool).triu()
print(logits.masked_fill(forbidden, -math.inf).softmax(dim=1)[0])
right = torch.ones(4, 4, dtype=torch.bool).triu(1)
print(logits.masked_fill(right, -math.inf).softmax(dim=1)[0])
assert torch.equal(right, ~allowed)

# %%
# **A table that is not square.** When a model writes word after word, the rows are the newest positions. Here they are
# the last :val:`2 <len(last_two)>` of :val:`5 <last_two.shape[1]>` positions. Row 0 is position
# :val:`3 <last_two[0].sum() - 1>`, so the diagonal begins 3 places further right. Without this number, position 3 looks
# at one position and not at four.

wrong = torch.ones(2, 5, dtype=torch.bool).tril()
last_two = torch.ones(2, 5, dtype=torch.bool).tril(5 - 2)
print("wrong:", wrong.int().tolist())
print("right:", last_two.int().tolist())
assert torch.equal(last_two, torch.ones(5, 5, dtype=torch.bool).tril()[3:])

# %%
# How this was checked

for tensor in (x, x > 12, *zoo(axes=(2, 3)).values()):
    rows, columns = tensor.shape[-2:]
    places = torch.arange(columns) - torch.arange(rows)[:, None]
    for d in range(-4, 5):
        for function, keep in ((torch.triu, places >= d), (torch.tril, places <= d)):
            result = function(tensor, d)
            assert result.dtype == tensor.dtype
            assert not shares_memory(tensor, result)
            expected = tensor.masked_fill(~keep, 0)
            torch.testing.assert_close(result, expected, rtol=0, atol=0, equal_nan=True)
for d in range(-6, 7):
    assert torch.equal(torch.tril(x, d) + torch.triu(x, d + 1), x)
    assert torch.equal(torch.diagonal(x, d), x[number == d])
for too_few in (torch.arange(3), torch.tensor(3)):
    with expect_error(RuntimeError, match="must have at least 2 dimensions"):
        torch.triu(too_few)
itself = x.clone()
assert itself.triu_() is itself
w = torch.ones(4, 5, requires_grad=True)
torch.tril(w, -2).sum().backward()
assert torch.equal(w.grad, (number <= -2).float())
# triu writes zeros and does not multiply, so it can cut a table of -inf that is added.
infinite = torch.full((4, 4), -math.inf)
assert (infinite * torch.ones(4, 4).triu(1)).isnan().any()
assert torch.equal((logits + infinite.triu(1)).softmax(dim=1), weights)
# is_causal means tril() without a number, also where the table is not square.
for queries, mask in ((4, allowed), (2, torch.ones(2, 4, dtype=torch.bool).tril())):
    q, k, v = torch.randn(queries, 8), torch.randn(4, 8), torch.randn(4, 8)
    causal = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(causal, F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
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
# Both functions together keep a window.

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
# **Exercise.** A model is given a question and writes the answer. The tokens of the question, the first ``question`` of
# them, may look at each other in both directions. A token of the answer looks at the question, at itself and at earlier
# tokens of the answer. Return the mask of what is allowed, shape (position, position). The values of ``tokens`` are not
# used.


def by_loops(tokens, question):
    n = range(len(tokens))
    return torch.tensor([[j <= i or j < question for j in n] for i in n])


cases = [(torch.arange(n), question) for n, question in ((4, 2), (3, 0), (5, 4), (1, 1))]


def question_and_answer(tokens, question):
    raise NotImplementedError


check(question_and_answer, by_loops, cases)

# %%
# A position is allowed in the triangle, and in the columns of the question.

# Solution


def question_and_answer(tokens, question):
    n = len(tokens)
    return torch.ones(n, n, dtype=torch.bool).tril() | (torch.arange(n) < question)


report = check(question_and_answer, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`sort-and-topk` moves elements by their values.
#
# - Vaswani et al. (2017). `Attention is all you need <https://arxiv.org/abs/1706.03762>`__. Its decoder has the
#   causal mask.
# - Raffel et al. (2020). `Exploring the limits of transfer learning with a unified text-to-text transformer
#   <https://arxiv.org/abs/1910.10683>`__. It compares this mask with that of the exercise, "causal with prefix".
