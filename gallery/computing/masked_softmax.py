"""
.. _masked-softmax:

How do I mask positions in softmax?
===================================

Sentences of a batch are padded to one length, and attention without a mask gives weight to the padding, so a result
depends on how long the other sentences are. Set the logits of hidden positions to minus infinity before the softmax.
"""

# %%
# Set-up

import math

import torch
from torch.nn import functional as F

from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
scores = torch.tensor([[2.0, 1.0, 0.0, 0.0], [0.0, 1.0, 3.0, 1.0]])  # (sentence, position)
seen = torch.tensor([[True, True, False, False], [True, True, True, True]])


def masked_softmax(scores, seen):
    return scores.masked_fill(~seen, -math.inf).softmax(dim=-1)


# %%

weights = masked_softmax(scores, seen)
assert weights[0, 2:].tolist() == [0, 0]
draw(masked_softmax, (scores, seen), names=["scores", "seen"], at=(0, 0))

# %%
# The first sentence has two tokens and two positions of padding, the second has four tokens. ``seen`` is True where a
# token is. In the result, padding has the weight :val:`0 <weights[0, 2:].max()>`, and each row sums to 1. You need to
# know :ref:`softmax`.
#
# The rule
# --------
#
# Fill the hidden scores with minus infinity before the softmax:
# ``scores.masked_fill(~seen, -math.inf).softmax(dim=-1)``. Since :math:`e^{-\infty}` is 0, a hidden position adds
# nothing to the sum that softmax divides by. So the other positions get the weights that they would get without it.

assert torch.equal(scores.masked_fill(~seen, -math.inf).softmax(dim=-1), weights)
torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2))
torch.testing.assert_close(weights[0, :2], scores[0, :2].softmax(dim=0))
print("masked:        ", [round(w, 4) for w in weights[0].tolist()])
print("two tokens only:", [round(w, 4) for w in scores[0, :2].softmax(dim=0).tolist()])

# %%
# A row in which nothing is left
# ------------------------------
#
# Where each position of a row is hidden, the sum is 0, and the formula of softmax gives 0 / 0. The row becomes
# :term:`NaN`, and so does what the next product of matrices computes from it. Replace the row by zeros if such rows
# occur.

nothing = torch.tensor([[False, False, False, False], [True, True, True, True]])
spoiled = masked_softmax(scores, nothing)
repaired = spoiled.masked_fill(~nothing.any(dim=-1, keepdim=True), 0)
print("row 0:   ", spoiled[0].tolist())
print("repaired:", repaired[0].tolist())
assert spoiled[0].isnan().all()
assert repaired[0].tolist() == [0, 0, 0, 0]
assert torch.equal(repaired[1], spoiled[1])

# %%
# How you hide the scores matters for their gradient, too. The backward step of the first ``masked_fill`` puts 0 at the
# hidden places, so the NaN ends there. A mask of 0 and minus infinity that is *added* passes the NaN on to the scores.


def zero_where_empty(p, seen):
    return p.masked_fill(~seen.any(dim=-1, keepdim=True), 0)


added = torch.zeros_like(scores).masked_fill(~nothing, -math.inf)
ways = {
    "filled": lambda x: masked_softmax(x, nothing),
    "added": lambda x: (x + added).softmax(dim=-1),
}
for name, way in ways.items():
    x = scores.clone().requires_grad_()
    p = zero_where_empty(way(x), nothing)
    assert torch.equal(p, repaired)
    p[:, 0].sum().backward()
    print(f"{name:<7}gradient of row 0: {x.grad[0].tolist()}")
    assert x.grad[0].isnan().all() == (name == "added")

# %%
# .. use-this::
#
#    Fill with ``-math.inf`` and take the softmax along the last axis. In attention, hand the mask to
#    :func:`torch.nn.functional.scaled_dot_product_attention`, where ``True`` means "may be seen". In
#    :class:`torch.nn.MultiheadAttention` it means "hidden". ``masked_fill`` makes a copy of the scores. Where a row
#    may have nothing to see, fill its weights with 0. On a CPU, ``scaled_dot_product_attention`` does so itself.

q, k, v = torch.randn(3, 1, 2, 4, 8)  # each (batch, head, position, feature)
causal = torch.ones(4, 4, dtype=torch.bool).tril()
by_hand = masked_softmax(q @ k.mT / math.sqrt(8), causal) @ v
torch.testing.assert_close(F.scaled_dot_product_attention(q, k, v, attn_mask=causal), by_hand)

# %%
# A common mistake
# ----------------
#
# **A mask after the softmax.** Multiplying the weights by the mask hides the positions too late: their exponentials
# are already in the sum. What is left sums to less than 1, and more padding takes away more.

late = scores.softmax(dim=-1) * seen
print("sum of row 0:", round(late[0].sum().item(), 4))
longer = torch.cat([scores[0], torch.zeros(20)])  # twenty positions of padding more
print("with more padding:", round(longer.softmax(dim=0)[:2].sum().item(), 4))
assert longer.softmax(dim=0)[:2].sum() < 0.5 < late[0].sum() < 0.9

# %%
# How this was checked

for shape in [(1, 4), (5, 7), (2, 3, 6), (2, 3, 4, 5)]:
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        x, open_ = torch.randn(shape).to(dtype), torch.rand(shape) < 0.6
        p = zero_where_empty(masked_softmax(x, open_), open_)
        assert p.isfinite().all()
        assert (p[~open_] == 0).all()
        for row, mask, expected in zip(
            x.flatten(0, -2), open_.flatten(0, -2), p.flatten(0, -2), strict=True
        ):
            torch.testing.assert_close(expected[mask], row[mask].softmax(dim=0))
# A large negative number in place of infinity: a row in which nothing is seen gets equal weights, padding included.
finite = scores.masked_fill(~nothing, -1e9).softmax(dim=-1)
torch.testing.assert_close(finite[0], torch.full((4,), 0.25))
assert torch.finfo(torch.float16).max < 1e9  # as float16, -1e9 is minus infinity or an error
# The gradient of a seen position does not depend on the hidden ones, and that of a hidden one is 0.
x = scores.clone().requires_grad_()
masked_softmax(x, seen)[0, 0].backward()
assert x.grad[0, 2:].tolist() == [0, 0]
# scaled_dot_product_attention and a row in which nothing is seen: zeros, with a mask of either kind.
hidden = causal.clone()
hidden[0] = False
for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
    low, to_add = [t.to(dtype) for t in (q, k, v)], torch.zeros(4, 4, dtype=dtype)
    for mask in (hidden, to_add.masked_fill(~hidden, -math.inf)):
        assert (F.scaled_dot_product_attention(*low, attn_mask=mask)[..., 0, :] == 0).all()
# NaN at a hidden place is replaced, too.
assert masked_softmax(torch.tensor([0.0, math.nan]), torch.tensor([True, False])).tolist() == [1, 0]
# MultiheadAttention: True hides.
attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
sentence = torch.randn(1, 4, 8)
_, table = attention(sentence, sentence, sentence, attn_mask=~causal)
assert (table[0][~causal] == 0).all()

# %%
# Check yourself
# --------------

three = torch.tensor([0.0, 0.0, 5.0])
open_ = torch.tensor([True, True, False])
ask(
    "The scores are 0, 0 and 5, and the third position is hidden. What is the weight of the first?",
    answer=masked_softmax(three, open_)[0],
    choices={
        0.0: "Only the hidden position has the weight 0.",
        0.5: "Two equal scores are left, and the 5 does not count.",
        1 / 3: "It would be 1/3 if the hidden score were 0 and not minus infinity.",
    },
)

# %%
# The next question has 0 in place of minus infinity.

zeroed = (scores * seen).softmax(dim=-1)
ask(
    "(scores * seen).softmax(dim=-1) sets the hidden scores to 0. Do the hidden positions get the weight 0?",
    answer=bool((zeroed[~seen] == 0).all()),
    choices={
        True: "That needs minus infinity: exp(-inf) is 0, but exp(0) is 1.",
        False: "A score of 0 is an ordinary one: exp(0) is 1.",
    },
)

# %%
# **Exercise.** ``lengths`` says how many tokens each sentence has; ``scores`` has shape (sentence, position). Make the
# mask from the lengths, and return the weights. Each sentence has one token or more.


def by_loops(scores, lengths):
    result = torch.zeros_like(scores)
    for i, length in enumerate(lengths.tolist()):
        result[i, :length] = scores[i, :length].softmax(dim=0)
    return result


cases = [
    (torch.zeros(2, 3), torch.tensor([1, 3])),
    (scores, torch.tensor([2, 4])),
    (torch.randn(5, 6) * 100, torch.tensor([1, 6, 3, 2, 5])),
]


def weights_of(scores, lengths):
    raise NotImplementedError


check(weights_of, by_loops, cases)

# %%
# A row of positions compared with a column of lengths is the mask.

# Solution


def weights_of(scores, lengths):
    inside = torch.arange(scores.shape[1]) < lengths[:, None]
    return scores.masked_fill(~inside, -math.inf).softmax(dim=-1)


report = check(weights_of, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`temperature` is the number that makes a softmax sharper or flatter.
#
# - Vaswani et al. (2017). `Attention is all you need <https://arxiv.org/abs/1706.03762>`__. Section 3.2.3 hides the
#   later positions of a decoder in this way.
# - PyTorch contributors (2026). `torch.nn.functional.scaled_dot_product_attention
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>`__. Its
#   masks and what it computes with them.
