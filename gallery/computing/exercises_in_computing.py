"""
.. _exercises-in-computing:

Exercises in computing
======================

Here are five functions to write with what this chapter taught, each in one to four lines and without a loop. Copy a
cell into a session of your own, replace ``raise NotImplementedError``, and run it. ``check`` shows the first input
for which your function is wrong. The solutions are folded, and each of them is run on this page.
"""

# %%
# 1. A matrix product without ``@``
# ---------------------------------
#
# Multiply element by element, with axes in the right places, and let one :term:`axis` disappear.

import math

import torch

from ptguide.exercises import check


def product_by_loops(a, b):
    rows, columns = range(a.shape[0]), range(b.shape[1])
    return torch.tensor(
        [[sum(a[i, k] * b[k, j] for k in range(len(b))) for j in columns] for i in rows]
    )


sizes = ((2, 3, 2), (1, 4, 3), (3, 1, 5), (4, 5, 2))
factors = [
    (torch.arange(n * k).reshape(n, k), torch.arange(k * m).reshape(k, m) - 3) for n, k, m in sizes
]
forbidden = ["matmul", "mm", "spmm", "bmm", "einsum", "tensordot", "inner", "dot", "mv", "linear"]


def product(a, b):
    raise NotImplementedError


check(product, product_by_loops, factors, without=forbidden)

# %%
# With axes (i, k, 1) and (1, k, j), the products stand in a block (i, k, j). The sum over k is left to do.

# Solution


def product(a, b):
    return (a.unsqueeze(2) * b.unsqueeze(0)).sum(dim=1)


report = check(product, product_by_loops, factors, without=forbidden)
assert report.passed
report

# %%
# 2. Standardize each column
# --------------------------
#
# From each column subtract its mean, and divide by its standard deviation (divide the sum of squares by the number of
# rows). A column of equal numbers has deviation 0; it becomes 0, not :term:`NaN`. Use neither ``std`` nor ``var``.


def standardize_by_loops(x):
    result = torch.zeros(x.shape)
    for j in range(x.shape[1]):
        column = x[:, j].tolist()
        mean = sum(column) / len(column)
        deviation = math.sqrt(sum((number - mean) ** 2 for number in column) / len(column))
        for i, number in enumerate(column):
            result[i, j] = (number - mean) / deviation if deviation else 0.0
    return result


tables = [
    torch.tensor([[1.0, 7.0], [3.0, 1.0]]),
    torch.tensor([[1.0, 5.0], [3.0, 5.0], [8.0, 5.0]]),
]
tables += [torch.arange(12.0).reshape(3, 4) ** 2]
tables = [(table,) for table in tables]
forbidden = ["std", "var", "std_mean", "var_mean", "batch_norm", "layer_norm", "nan_to_num"]


def standardize(x):
    raise NotImplementedError


check(standardize, standardize_by_loops, tables, without=forbidden)

# %%
# ``dim=0`` is the axis of the rows: it disappears, and a row of means broadcasts against the table. Where the deviation
# is 0, divide by 1.

# Solution


def standardize(x):
    rest = x - x.mean(dim=0)
    deviation = (rest**2).mean(dim=0).sqrt()
    return rest / torch.where(deviation > 0, deviation, 1)


report = check(standardize, standardize_by_loops, tables, without=forbidden)
assert report.passed
report

# %%
# 3. Distances between all pairs
# ------------------------------
#
# ``a`` holds n points and ``b`` holds m, one in each row. Element (i, j) of the result is the distance of ``a[i]`` and
# ``b[j]``. (:func:`torch.cdist` does this.)


def distances_by_loops(a, b):
    return torch.tensor([[math.dist(p, q) for q in b.tolist()] for p in a.tolist()])


points = [
    (torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [6.0, 8.0], [3.0, 0.0]]))
]
points += [
    (torch.arange(n * d).reshape(n, d) % 5.0, 10.0 - torch.arange(m * d).reshape(m, d))
    for n, m, d in sizes
]


def distances(a, b):
    raise NotImplementedError


check(distances, distances_by_loops, points, without=["cdist", "pairwise_distance", "pdist"])

# %%
# A block (n, m, d) of differences; the norm removes its last axis.

# Solution


def distances(a, b):
    return (a.unsqueeze(1) - b).norm(dim=2)


report = check(
    distances, distances_by_loops, points, without=["cdist", "pairwise_distance", "pdist"]
)
assert report.passed
report

# %%
# 4. Cross-entropy that does not overflow
# ---------------------------------------
#
# For each row of logits and its label, return minus the logarithm of the probability that softmax gives to the label.
# The last input has a logit of 1000, for which softmax and then the logarithm gives infinity.


def losses_by_loops(logits, labels):
    losses = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total = sum(math.exp(number - max(row)) for number in row)
        losses.append(max(row) + math.log(total) - row[label])
    return torch.tensor(losses)


batches = [(torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]]), torch.tensor([0, 2]))]
batches += [(torch.arange(12.0).reshape(3, 4) % 5, torch.tensor([3, 0, 1]))]
batches += [(torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]]), torch.tensor([1, 1]))]
forbidden = ["cross_entropy", "log_softmax", "nll_loss"]


def losses(logits, labels):
    raise NotImplementedError


check(losses, losses_by_loops, batches, without=forbidden)

# %%
# The logarithm of a probability is a difference, and ``logsumexp`` takes care of large numbers. Two lists of indices
# pick one element from each row.

# Solution


def losses(logits, labels):
    rows = torch.arange(len(labels))
    return logits.logsumexp(dim=1) - logits[rows, labels]


report = check(losses, losses_by_loops, batches, without=forbidden)
assert report.passed
report

# %%
# The formula as it stands on paper, shown by ``check``:


def naive_losses(logits, labels):
    return -logits.softmax(dim=1).log()[torch.arange(len(labels)), labels]


report = check(naive_losses, losses_by_loops, batches, without=forbidden)
assert not report.passed
report

# %%
# 5. A line through points
# ------------------------
#
# Return the tensor ``[intercept, slope]`` of the line with the smallest sum of squared misses, from two equations:
# with :math:`A` the table of a column of ones and a column of ``t``, solve :math:`A^T A x = A^T y`. The loops use the
# formula of schools.


def line_by_loops(t, y):
    n, mean_t, mean_y = len(t), sum(t.tolist()) / len(t), sum(y.tolist()) / len(y)
    top = sum((t[i].item() - mean_t) * (y[i].item() - mean_y) for i in range(n))
    slope = top / sum((t[i].item() - mean_t) ** 2 for i in range(n))
    return torch.tensor([mean_y - slope * mean_t, slope])


lines = [(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 5.0]))]
lines += [(torch.arange(5.0), torch.tensor([1.0, 3.0, 2.0, 5.0, 4.0]))]
lines += [(torch.tensor([-1.0, 0.5, 4.0]), torch.tensor([2.0, 2.5, -3.0]))]
forbidden = ["lstsq", "inv", "inverse", "pinv", "pinverse"]


def line(t, y):
    raise NotImplementedError


check(line, line_by_loops, lines, without=forbidden)

# %%
# ``A`` is (n, 2), so ``A.T @ A`` is :val:`(2, 2) <(torch.ones(2, 9) @ torch.ones(9, 2)).shape>` and ``A.T @ y`` is
# (2,): a system for ``solve``.

# Solution


def line(t, y):
    A = torch.stack([torch.ones_like(t), t], dim=1)
    return torch.linalg.solve(A.T @ A, A.T @ y)


report = check(line, line_by_loops, lines, without=forbidden)
assert report.passed
report

# %%
# Next: :ref:`from-calculation-to-graph`, how PyTorch records a calculation to find its gradients.
