"""
.. _exercises-in-selecting:

Exercises in selecting
======================

You have read how elements are taken, written and found, and you want to know whether you can do it. Write five
functions, each in one to three lines and without a loop.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.exercises import check

torch.manual_seed(0)


def show(tables):
    _, axes = plt.subplots(1, len(tables), figsize=(5.4, 2.2), layout="constrained")
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        axis.imshow(table.numpy(), cmap="viridis")
        axis.set_title(name, fontsize="small")
        axis.set(xticks=[], yticks=[])
    axes[0].figure.suptitle("What three of the exercises make")
    plt.show()


labels = digits("validation").targets
guesses_shown = torch.where(torch.rand(len(labels)) < 0.7, labels, torch.randint(10, labels.shape))
gaps_shown = torch.randint(1, 9, (12, 12)) * (torch.rand(12, 12) < 0.5)
in_order = gaps_shown.gather(1, torch.argsort(gaps_shown == 0, dim=1, stable=True))
pairs_shown = (F.one_hot(labels, 10).T @ F.one_hot(guesses_shown, 10)).float()
back = torch.ones(12, 12).tril().triu(-3)

# %%

show({"3. window": back, "4. zeros to the end": in_order, "5. confusions": pairs_shown.log1p()})

# %%
# These are results of three of the five. Copy a cell into your own session, replace ``raise NotImplementedError``, and
# run it. ``check`` shows the first input for which your function is wrong. Some exercises forbid functions of torch,
# and ``check`` tells you so. The solutions are folded.
#
# .. use-this::
#
#    Ask first what you know of the places. A range is a slice, and it copies nothing. A condition is a mask. A list
#    of positions goes between brackets, or into ``index_select`` if the axis is a variable. If each row has positions
#    of its own, take ``gather`` to read and ``scatter`` to write. Where two writes meet, ``scatter_add`` keeps both.
#
# Check yourself
# --------------
#
# **1. One element of each row.** Row ``i`` gives the element in column ``columns[i]``: the logit of the right word,
# for each position.


def pick_by_loops(x, columns):
    pairs = zip(x.tolist(), columns.tolist(), strict=True)
    return torch.tensor([row[column] for row, column in pairs])


sizes = ((2, 3), (1, 4), (4, 1), (5, 6))
picks = [(torch.arange(n * m).reshape(n, m), torch.randint(m, (n,))) for n, m in sizes]


def pick(x, columns):
    raise NotImplementedError


check(pick, pick_by_loops, picks)

# %%
# Two lists between the brackets pick pairs of row and column. ``gather`` picks them too, with an index of two axes.

# Solution


def pick(x, columns):
    return x[torch.arange(len(x)), columns]


def pick_by_gather(x, columns):
    return x.gather(1, columns[:, None]).squeeze(1)


assert check(pick_by_gather, pick_by_loops, picks).passed
report = check(pick, pick_by_loops, picks)
assert report.passed
report

# %%
# **2. The second largest.** Return the second largest element of each row, without sorting. If the largest occurs
# twice, it is the second largest, too.


def second_by_loops(x):
    return torch.tensor([sorted(row)[-2] for row in x.tolist()])


tables = [(torch.randint(0, 9, (n, m)).float(),) for n, m in ((2, 3), (1, 2), (3, 5), (4, 7))]
tables += [(torch.tensor([[-4.0, -4.0, -6.0]]),)]
no_order = ["sort", "argsort", "topk", "kthvalue", "msort", "sorted"]


def second_largest(x):
    raise NotImplementedError


check(second_largest, second_by_loops, tables, without=no_order)

# %%
# Overwrite one place in each row, that of the largest, with minus infinity, and take the largest again. (The tables
# hold floats; integers have no infinity.) The mask of ``second_by_mask`` overwrites equal ones too, so it fails.

# Solution


def second_largest(x):
    first = x.argmax(dim=1, keepdim=True)
    return x.scatter(1, first, float("-inf")).amax(dim=1)


def second_by_mask(x):
    return x.masked_fill(x == x.amax(dim=1, keepdim=True), float("-inf")).amax(dim=1)


assert not check(second_by_mask, second_by_loops, tables).passed


report = check(second_largest, second_by_loops, tables, without=no_order)
assert report.passed
report

# %%
# **3. A window that looks back.** Return a mask of shape (n, n) for a model that reads from left to right. A position
# looks at the last ``width`` positions, itself included. It is True where row ``i`` may look at column ``j``. The first
# argument is a tensor of length ``n``; its values are not used.


def window_by_loops(x, width):
    n = len(x)
    return torch.tensor([[0 <= i - j < width for j in range(n)] for i in range(n)])


texts = [(torch.arange(n), width) for n, width in ((4, 2), (3, 1), (5, 3), (2, 7), (1, 1))]


def window(x, width):
    raise NotImplementedError


check(window, window_by_loops, texts, without=["tensor", "stack", "where"])

# %%
# ``tril`` cuts off later positions, and ``triu`` those that are too far back. With ``width`` as :math:`w`, it keeps
# :math:`j - i \ge 1 - w`, which is :math:`i - j < w`.

# Solution


def window(x, width):
    return torch.ones(len(x), len(x), dtype=torch.bool).tril().triu(1 - width)


report = check(window, window_by_loops, texts, without=["tensor", "stack", "where"])
assert report.passed
report

# %%
# **4. Zeros to the end.** In each row, move the elements that are not 0 to the front, and keep their order. The zeros
# follow.


def zeros_last_by_loops(x):
    rows = x.tolist()
    return torch.tensor([[v for v in row if v] + [v for v in row if not v] for row in rows])


gaps = [(torch.tensor([[0, 5, 0, 3]]),)]
for n, m in ((2, 3), (3, 6), (4, 20)):
    gaps.append((torch.randint(0, 9, (n, m)) * (torch.rand(n, m) < 0.5),))


def zeros_last(x):
    raise NotImplementedError


check(zeros_last, zeros_last_by_loops, gaps)

# %%
# Sort by the truth value "is 0": False comes before True, so the zeros go to the end. A stable sort keeps the order of
# the others.

# Solution


def zeros_last(x):
    order = torch.argsort(x == 0, dim=1, stable=True)
    return x.gather(1, order)


report = check(zeros_last, zeros_last_by_loops, gaps)
assert report.passed
report

# %%
# **5. The table of confusions.** Return a table that has in row ``t``, column ``p`` how often an example of class ``t``
# was taken for class ``p``. There are ``n`` classes, and some of them may not occur.


def confusion_by_loops(truth, guess, n):
    counts = torch.zeros(n, n, dtype=torch.int64)
    for t, p in zip(truth.tolist(), guess.tolist(), strict=True):
        counts[t, p] += 1
    return counts


lengths = ((3, 2), (1, 4), (6, 3), (40, 5))
guesses = [(torch.randint(n, (length,)), torch.randint(n, (length,)), n) for length, n in lengths]


counters = ["bincount", "histc", "histogramdd", "unique"]


def confusion(truth, guess, n):
    raise NotImplementedError


check(confusion, confusion_by_loops, guesses, without=counters)

# %%
# Give each pair of classes a number, and let ``scatter_add`` count: unlike an assignment, it adds where a place is
# named twice. Or multiply two tables of one-hot rows: the matrix product sums over the examples.

# Solution


def confusion(truth, guess, n):
    pair = truth * n + guess
    counts = torch.zeros(n * n, dtype=torch.int64).scatter_add(0, pair, torch.ones_like(pair))
    return counts.reshape(n, n)


def confusion_by_product(truth, guess, n):
    return F.one_hot(truth, n).T @ F.one_hot(guess, n)


assert check(confusion_by_product, confusion_by_loops, guesses).passed
report = check(confusion, confusion_by_loops, guesses, without=counters)
assert report.passed
report

# %%
# Here ``check`` shows what an assignment does: a place that is named twice gets 1, not 2.


def count_once(truth, guess, n):
    counts = torch.zeros(n, n, dtype=torch.int64)
    counts[truth, guess] += 1
    return counts


report = check(count_once, confusion_by_loops, guesses)
assert not report.passed
report

# %%
# How this was checked

assert torch.equal(window(torch.arange(12), 4), back.bool())
assert torch.equal(zeros_last(gaps_shown), in_order)
assert torch.equal(confusion(labels, guesses_shown, 10), pairs_shown.long())

# %%
# Read next
# ---------
#
# :ref:`element-by-element`, the first page of the chapter on computing.
#
# - Rush (2022). `Tensor Puzzles <https://github.com/srush/Tensor-Puzzles>`__. Functions such as ``triu`` and
#   ``scatter_add`` to build again, from indexing and broadcasting.
# - Rougier (2016). `100 NumPy exercises <https://github.com/rougier/numpy-100>`__. The same skill in NumPy.
