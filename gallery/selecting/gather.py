"""
.. _gather:

How does torch.gather work?
===========================

A language model gives a logit for each word at each position, and you want two of these logits for each position, each
time for other words. Brackets with a list take the same columns in each row; :func:`torch.gather` takes a list for each
row.
"""

# %%
# Set-up

import itertools

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
words = ["the", "cat", "saw", "dog"]
logits = torch.arange(12).reshape(3, 4) * 7 % 30  # (position, word)
index = torch.tensor([[1, 3], [2, 0], [0, 0]])

# %%

draw(torch.gather, (logits, 1, index), names=["logits", "index"])

# %%
# Row 0 of ``index`` says 1 and 3, so row 0 of the result has what ``logits`` has in row 0 at places 1 and 3. Point at
# an element of the result: a dashed frame marks the element of the index that chose it. You need to know
# :ref:`indexing-and-slicing`.
#
# The rule
# --------
#
# An element of the result keeps its own place, but on axis ``dim`` it reads where the index says. Along axis 1,
# ``out[i, j] = x[i, index[i, j]]``. Along axis 0, ``out[i, j] = x[index[i, j], j]``. The result has the shape of the
# index.


def gather(x, dim, index):
    out = torch.empty(index.shape, dtype=x.dtype)
    for place in itertools.product(*map(range, index.shape)):
        out[place] = x[(*place[:dim], index[place], *place[dim + 1 :])]
    return out


assert torch.equal(gather(logits, 1, index), torch.gather(logits, 1, index))

# %%
# Along axis 0 an element of the index says in which *row* to look. The column is that of the element itself.

which_row = torch.tensor([[2, 0, 1, 0], [0, 0, 2, 1]])
assert torch.equal(gather(logits, 0, which_row), torch.gather(logits, 0, which_row))
draw(torch.gather, (logits, 0, which_row), names=["logits", "which_row"])

# %%
# One number for each row
# -----------------------
#
# Training needs the log-probability of the word that really came next. The words have shape
# :val:`(3,) <next_words.shape>`, and ``gather`` needs an index with two axes. So the index gets an axis of size 1, and
# ``squeeze`` removes it from the result. With the opposite sign, these numbers are the :func:`cross-entropy
# <torch.nn.functional.cross_entropy>` of each position.

next_words = torch.tensor([words.index(word) for word in ("cat", "saw", "the")])
log_p = (logits / 10).log_softmax(dim=1)
picked = log_p.gather(1, next_words[:, None]).squeeze(1)
print([round(number, 2) for number in picked.tolist()])
assert torch.equal(picked, log_p[torch.arange(3), next_words])
torch.testing.assert_close(-picked, F.cross_entropy(logits / 10, next_words, reduction="none"))

# %%
# With a batch of sentences the call has the same form. With brackets instead, as in the assert, you also have to write
# the numbers of the sentences.

log_p = torch.randn(2, 3, 4).log_softmax(dim=2)  # (sentence, position, word)
next_words = torch.tensor([[1, 2, 0], [3, 0, 2]])  # (sentence, position)
picked = log_p.gather(-1, next_words[..., None]).squeeze(-1)
print(tuple(picked.shape))
assert torch.equal(picked, log_p[torch.arange(2)[:, None], torch.arange(3), next_words])

# %%
# .. not looked up: 64; 32 — the checks below try both
#
# .. use-this::
#
#    Write ``x.gather(-1, index[..., None]).squeeze(-1)`` to pick one element along the last axis. The index of
#    ``gather`` holds integers of 64 or 32 bits. The result is a copy, and the gradient of an element is the sum over
#    its copies. Where one index serves several rows, :func:`torch.take_along_dim` broadcasts it, but with ``dim`` it
#    does not refuse a position that does not exist. Where the rows need the same columns, take :ref:`index_select
#    <index-select>`.
#
# Common mistakes
# ---------------
#
# **The new axis at the wrong place.** Labels without a second axis raise an error. With the axis in front, nothing is
# raised: ``gather`` does not broadcast, so three numbers come from row 0.

labels = torch.tensor([1, 2, 0])
with expect_error(RuntimeError, match="Index tensor must have the same number of dimensions"):
    logits.gather(1, labels)
wrong = logits.gather(1, labels[None])
print(wrong.tolist(), "and not", logits.gather(1, labels[:, None]).tolist())

# %%
# **A label that is no position.** Padding is often marked by -100, which ``cross_entropy`` ignores and ``gather``
# refuses, as it refuses -1. So read at another position there, and fill 0 into the result.

labels = torch.tensor([1, -100, 0])
with expect_error(RuntimeError, match="index -100 is out of bounds for dimension 1 with size 4"):
    logits.gather(1, labels[:, None])
picked = logits.gather(1, labels.clamp(min=0)[:, None]).squeeze(1)
picked = picked.masked_fill(labels == -100, 0)  # not times 0, which makes NaN of -inf
print(picked)

# %%
# How this was checked

pair = torch.tensor([[2, 0]])
assert torch.equal(torch.take_along_dim(logits, pair, dim=1), logits[:, [2, 0]])
volume = torch.arange(40).reshape(2, 4, 5)
for dim in (0, 1, 2):
    for shape in ((1, 3, 2), (2, 1, 5), (2, 4, 5), (0, 4, 5)):
        for size in (shape[dim], 7):
            positions = torch.randint(volume.shape[dim], (*shape[:dim], size, *shape[dim + 1 :]))
            for dtype in (torch.int64, torch.int32):
                got = torch.gather(volume, dim, positions.to(dtype))
                assert torch.equal(gather(volume, dim, positions), got)
# On the other axes the index may be smaller than x, and not larger.
for larger in ((3, 4, 5), (2, 4, 6)):
    with expect_error(RuntimeError, match="to be no larger than self .* apart from dimension 1"):
        torch.gather(volume, 1, torch.zeros(larger, dtype=torch.int64))
for tensor in zoo(axes=2).values():
    everything = torch.gather(tensor, 1, torch.arange(tensor.shape[1]).expand(tensor.shape))
    assert everything.dtype == tensor.dtype
    assert not shares_memory(tensor, everything)
    torch.testing.assert_close(everything, tensor, rtol=0, atol=0, equal_nan=True)
w = torch.ones(3, 4, requires_grad=True)
upstream = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
(torch.gather(w, 1, index) * upstream).sum().backward()
assert torch.equal(w.grad, torch.zeros(3, 4).scatter_add(1, index, upstream))
assert w.grad[2].tolist() == [5 + 6, 0, 0, 0]
for outside in (4, -1):
    with expect_error(RuntimeError, match=f"index {outside} is out of bounds"):
        torch.gather(logits, 1, torch.full((3, 1), outside))
# The index of take_along_dim is int64; with dim, it takes the remainder of a division by the size.
with expect_error(RuntimeError, match="indices should be Long but got Int"):
    torch.take_along_dim(logits, pair.int(), dim=1)
with expect_error(RuntimeError, match="index 12 is out of bounds"):
    torch.take_along_dim(logits, torch.tensor([12]))
for position in (-9, -1, 4, 9):
    taken = torch.take_along_dim(logits, torch.tensor([[position]]), dim=1)
    assert torch.equal(taken, logits[:, position % 4, None])

# %%
# Check yourself
# --------------

log_p = torch.zeros(8, 10, 6)
chosen = torch.zeros(8, 10, 1, dtype=torch.int64)
ask(
    f"log_p has shape {tuple(log_p.shape)}. "
    "What is the shape of an index that picks one of the last 6 for each of the 8 × 10?",
    answer=chosen.shape if torch.gather(log_p, 2, chosen).shape == (8, 10, 1) else None,
    choices={
        (8, 10): "gather needs as many axes as log_p has.",
        (8, 10, 1): "It has one position for each pair. squeeze then removes the axis of size 1.",
        (1, 1, 6): "The index has the shape of the result; this would give 6 numbers.",
    },
)

# %%
# By value:

small = torch.tensor([[1, 2], [3, 4]])
ask(
    f"small is {small.tolist()}. What is torch.gather(small, 0, torch.tensor([[1, 0]]))?",
    answer=torch.gather(small, 0, torch.tensor([[1, 0]])),
    choices={
        ((2, 1),): "That is along axis 1: positions 1 and 0 of row 0.",
        ((3, 2),): "Column 0 is read in row 1, and column 1 is read in row 0.",
        ((3, 4), (1, 2)): "That moves whole rows, which is index_select.",
    },
)

# %%
# **Exercise.** A masked autoencoder shuffles the parts of each example, and needs them in their order again.
# ``order[i, k]`` says at which place of example ``i`` the part ``shuffled[i, k]`` was. Put each row of ``shuffled``
# back in order.


def by_loops(shuffled, order):
    original = torch.empty_like(shuffled)
    for i, row in enumerate(order.tolist()):
        for k, place in enumerate(row):
            original[i, place] = shuffled[i, k]
    return original


cases = [
    (torch.tensor([[30, 10, 20]]), torch.tensor([[2, 0, 1]])),
    (torch.arange(8).reshape(2, 4), torch.tensor([[1, 3, 0, 2], [0, 3, 2, 1]])),
    (torch.arange(30).reshape(5, 6), torch.rand(5, 6).argsort(dim=1)),
]


def back_in_order(shuffled, order):
    raise NotImplementedError


check(back_in_order, by_loops, cases)

# %%
# In each row, ``order.argsort(dim=1)`` says where place 0 of the original stands in ``shuffled``, then where place 1
# stands, and so on.

# Solution


def back_in_order(shuffled, order):
    return shuffled.gather(1, order.argsort(dim=1))


report = check(back_in_order, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`scatter` writes where ``gather`` reads.
#
# - PyTorch contributors (2026). `torch.gather <https://docs.pytorch.org/docs/stable/generated/torch.gather.html>`__.
#   The rule for three axes, as formulas.
# - He et al. (2022). `Masked autoencoders are scalable vision learners <https://arxiv.org/abs/2111.06377>`__. The
#   model of the exercise, which shuffles the patches of images.
