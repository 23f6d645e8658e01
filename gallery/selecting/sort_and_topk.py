"""
.. _sort-and-topk:

How do I sort a tensor, or take its k largest elements?
=======================================================

You want the two most probable words at each position, or the rows of a table in the order of a column.
:func:`torch.topk` and :func:`torch.sort` give values *and* positions.
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
words = ["the", "cat", "saw", "dog", "a"]
logits = torch.tensor([[30, 80, 10, 60, 20], [90, 25, 50, 70, 55], [40, 15, 65, 35, 5]])

# %%

draw(torch.topk, logits, k=2, dim=1)

# %%
# The values are the two largest logits of each row, and the indices are their columns. Point at one: a dotted frame
# marks what it was compared with. You need to know :ref:`indexing-and-slicing`.
#
# The rule
# --------
#
# ``sort`` orders the elements along the axis ``dim``. By default it takes the last axis and begins with the smallest.
# ``values[i, k]`` is ``x[i, indices[i, k]]``. ``topk`` gives the ``k`` largest values in descending order, so its axis
# ``dim`` is ``k`` long. With ``largest=False`` it gives the ``k`` smallest.

values, indices = torch.sort(logits, dim=1, descending=True)
for row, places in zip(values.tolist(), indices.tolist(), strict=True):
    print(row, [words[place] for place in places])
assert torch.equal(logits.gather(1, indices), values)
assert torch.equal(logits.topk(2, dim=1).values, values[:, :2])
assert torch.equal(logits.topk(2, dim=1, largest=False).values, values.flip(1)[:, :2])

# %%
# Is the right word among the first k?
# ------------------------------------
#
# The *top-k accuracy* is the fraction of positions where the right word is among the first ``k``. The indices have
# shape :val:`(3, 2) <logits.topk(2, dim=1).indices.shape>`, so ``right`` gets a second axis, and each right word is
# compared with both.

right = torch.tensor([3, 1, 2])
hit = (logits.topk(2, dim=1).indices == right[:, None]).any(dim=1)
print(hit.tolist(), f"top-2 accuracy {hit.float().mean():.2f}")
assert hit.tolist() == [True, False, True]
assert (logits.argmax(dim=1) == right).sum() == 1

# %%
# Order one tensor by another
# ---------------------------
#
# :func:`torch.argsort` gives the positions alone. Between brackets they order whole rows, here sentences by their
# lengths. To undo the sorting, index the result with the ``argsort`` of these positions.

lengths = torch.tensor([3, 5, 2, 4])
sentences = torch.tensor([[1, 1, 1, 0, 0], [2, 2, 2, 2, 2], [3, 3, 0, 0, 0], [4, 4, 4, 4, 0]])
order = lengths.argsort(descending=True)
print(sentences[order])
assert torch.equal(sentences[order][order.argsort()], sentences)

# %%
# Equal elements
# --------------
#
# By default PyTorch does not promise which of two equal elements comes first. A :term:`stable` sort leaves equal
# elements in their order. So you can sort by two columns: by the second column, and then stably by the first. ``topk``
# has no argument ``stable``.

table = torch.tensor([[2, 30], [1, 70], [2, 10], [1, 50]])
by_second = table[table[:, 1].argsort()]
by_both = by_second[by_second[:, 0].argsort(stable=True)]
print(by_both.tolist())
assert by_both.tolist() == sorted(table.tolist())

# %%
# .. use-this::
#
#    Take ``topk`` where ``k`` elements are enough, ``sort`` for the whole order, :func:`torch.kthvalue` for one rank
#    from the small end, counted from 1. Name the parts: ``values, indices = x.topk(k, dim=-1)``. Give ``stable=True``
#    where the order of equal elements matters. The values are a copy whose gradient goes back to the elements taken;
#    the positions are :val:`int64 <logits.topk(2).indices.dtype>` and have no gradient.
#
# .. not looked up: values, indices = x.topk(k, dim=-1) — the checks below run it
#
# Common mistakes
# ---------------
#
# **The pair is taken for the tensor.** ``sort`` gives a tuple. Adding 1 to it raises an error. Multiplying it by 2
# gives a tuple of four, without an error.

with expect_error(TypeError, match="can only concatenate tuple"):
    torch.sort(logits) + 1
print("length of torch.sort(logits) * 2:", len(torch.sort(logits) * 2))
assert torch.equal(torch.sort(logits).values * 2, torch.sort(logits * 2).values)

# %%
# **Torn rows.** ``table.sort(dim=0)`` sorts each column by itself, so it tears the rows apart. In the table above, 2
# and 30 are one row. Sort the rows with ``argsort`` of one column.

torn = table.sort(dim=0).values
print(torn.tolist(), "and not", table[table[:, 0].argsort(stable=True)].tolist())
assert torn[:, 0].tolist() == [1, 1, 2, 2]
assert [2, 30] not in torn.tolist()

# %%
# How this was checked


def stable_sort(x):
    """The place of an element is the number of elements before it: smaller ones, and equal ones on its left."""
    place = torch.arange(len(x))
    before = (x < x[:, None]) | ((x == x[:, None]) & (place < place[:, None]))
    return torch.empty_like(x).scatter(0, before.sum(dim=1), x)


for size in (1, 10, 100):
    marks = torch.randint(7, (size,))
    assert torch.equal(stable_sort(marks), torch.sort(marks, stable=True).values)
    for descending in (False, True):
        stable = torch.argsort(marks, stable=True, descending=descending)
        key = marks.tolist().__getitem__
        assert stable.tolist() == sorted(range(size), key=key, reverse=descending)
volume = torch.randperm(24).reshape(2, 4, 3)
for dim in range(-3, 3):
    ordered = volume.sort(dim, descending=True)
    for k in range(volume.shape[dim] + 1):
        values, indices = volume.topk(k, dim=dim)
        assert torch.equal(values, ordered.values.narrow(dim, 0, k))
        assert torch.equal(indices, ordered.indices.narrow(dim, 0, k))
        if k:
            assert torch.equal(
                volume.kthvalue(k, dim).values, volume.sort(dim)[0].select(dim, k - 1)
            )
for k in (0, 6):
    with expect_error(RuntimeError, match="selected number k out of range"):
        torch.kthvalue(logits, k)
with expect_error(RuntimeError, match="selected index k out of range"):
    torch.topk(logits, 6, dim=1)
with expect_error(TypeError, match="topk.*unexpected keyword argument 'stable'"):
    torch.topk(logits, 4, stable=True)
w = torch.tensor([4.0, 9, 1, 6], requires_grad=True)
assert not shares_memory(w, torch.sort(w).values)
(torch.topk(w, 2).values * torch.tensor([10.0, 100.0])).sum().backward()
assert w.grad.tolist() == [0, 10, 0, 100]
assert torch.topk(w, 2).indices.dtype == torch.int64
assert torch.topk(w, 2).indices.requires_grad is False
with expect_error(RuntimeError, match="topk.*(bool|Bool)"):
    torch.topk(w > 5, 2)
# NaN counts as larger than the other numbers, infinity included.
for greatest in (3.0, float("inf")):
    broken = torch.tensor([1.0, float("nan"), greatest])
    assert torch.argsort(broken).tolist() == [0, 2, 1]
    assert torch.topk(broken, 2).indices.tolist() == [1, 2]

# %%
# Check yourself
# --------------

scores = torch.arange(7 * 4 * 9).reshape(7, 4, 9)
ask(
    "logits has shape (7, 4, 9). What is the shape of torch.topk(logits, 3).values?",
    answer=torch.topk(scores, 3).values.shape,
    choices={
        (3, 4, 9): "Without dim, topk takes the last axis, not the first.",
        (7, 4, 3): "The last axis becomes k long.",
        (3,): "Without dim it still works along one axis.",
    },
)

# %%
# The next question asks for positions.

v = torch.tensor([50, 20, 40, 30])
ask(
    f"What is torch.argsort(torch.tensor({v.tolist()}))?",
    answer=torch.argsort(v),
    choices={
        (3, 0, 2, 1): "That is the rank of each element: argsort of argsort.",
        (1, 3, 2, 0): "The smallest stands at place 1, the next at place 3.",
        (20, 30, 40, 50): "Those are the values, which sort gives.",
    },
)

# %%
# **Exercise.** Sampling with "top p" keeps the most probable words until their probabilities sum to at least ``p``,
# which is greater than 0. From probabilities of shape (position, word), return a mask that is True for the words to
# keep. The most probable word stays, however large its probability is.


def by_loops(probabilities, p):
    kept = torch.zeros(probabilities.shape, dtype=torch.bool)
    for i, row in enumerate(probabilities.tolist()):
        total = 0
        for place in sorted(range(len(row)), key=lambda place: -row[place]):
            if total < p:
                kept[i, place] = True
            total += row[place]
    return kept


cases = [
    (torch.tensor([[0.1, 0.6, 0.3]]), 0.8),
    (torch.tensor([[0.1, 0.6, 0.3], [0.05, 0.05, 0.9]]), 0.5),
    (torch.randn(4, 8).softmax(dim=1), 0.7),
]


def top_p(probabilities, p):
    raise NotImplementedError


check(top_p, by_loops, cases)

# %%
# A word is kept if the words before it sum to less than ``p``. ``scatter`` brings the mask from the sorted order back
# to the order of the words.

# Solution


def top_p(probabilities, p):
    values, indices = probabilities.sort(dim=1, descending=True)
    before = values.cumsum(dim=1) - values
    return torch.zeros_like(before < p).scatter(1, indices, before < p)


report = check(top_p, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`argmax-and-max` finds the largest element alone.
#
# - Holtzman et al. (2020). `The curious case of neural text degeneration <https://arxiv.org/abs/1904.09751>`__. The
#   paper of top p, and why the most probable text is not a good text.
# - PyTorch contributors (2026). `torch.topk <https://docs.pytorch.org/docs/stable/generated/torch.topk.html>`__. The
#   reference.
