"""
.. _exercises-in-computing:

Exercises in computing
======================

You have read how tensors are multiplied, reduced and normalized, and now you write it yourself. Five functions, each in
one to four lines and without a loop, are the parts of a classifier of digits and of attention.
"""

# %%
# Set-up

import math

import matplotlib.pyplot as plt
import torch

from ptguide.data import digits
from ptguide.exercises import check

torch.manual_seed(0)
known, asked = digits("train"), digits("validation")
far = torch.cdist(asked.inputs.flatten(1), known.inputs.flatten(1))  # (asked, known)
nearest = far.argmin(dim=1)


def show_neighbors():
    figure, axes = plt.subplots(2, 7, figsize=(5.4, 2.0), layout="constrained")
    for column, (above, below) in enumerate(axes.T):
        above.imshow(asked.inputs[column, 0].numpy(), cmap="gray_r")
        below.imshow(known.inputs[nearest[column], 0].numpy(), cmap="gray_r")
        below.set_xlabel(str(known.targets[nearest[column]].item()))
        for axis in (above, below):
            axis.set(xticks=[], yticks=[])
    figure.suptitle("Digits, and below each the nearest one whose label is known", fontsize=10)
    plt.show()


# %%

show_neighbors()

# %%
# This classifier needs no training: a digit gets the label of its nearest neighbor. Exercise 3 computes the distances.
# It recognizes :val:`99.2 <100 * (known.targets[nearest] == asked.targets).float().mean()>` % of the digits of the
# validation split.
#
# Copy a cell into your own session, replace ``raise NotImplementedError``, and run it. ``check`` shows the first input
# for which your function is wrong. The solutions are folded.
#
# .. use-this::
#
#    Write the shape of each factor with a letter for each axis before you write code. A letter that disappears is
#    summed over. A letter in both factors needs the same place in both, and a missing one needs an axis of size 1.
#    Reduce with ``keepdim=True`` if the result meets the input again. Stay with logarithms where numbers can become
#    very large or small. A block of products (i, k, j) has k times as many elements as the result; ``@`` and
#    :func:`torch.cdist` give the result directly.

print(f"{(known.targets[nearest] == asked.targets).float().mean():.1%} of {len(asked)} digits")

# %%
# Check yourself
# --------------
#
# **1. A matrix product without @.** Multiply element by element, with axes in the right places, and let one axis
# disappear.


def product_by_loops(a, b):
    rows, columns = range(a.shape[0]), range(b.shape[1])
    return torch.tensor(
        [[sum(a[i, k] * b[k, j] for k in range(len(b))) for j in columns] for i in rows]
    )


sizes = ((2, 3, 2), (1, 4, 3), (3, 1, 5), (4, 5, 2))
factors = [
    (torch.arange(n * k).reshape(n, k), torch.arange(k * m).reshape(k, m) - 3) for n, k, m in sizes
]
products = ["matmul", "mm", "spmm", "bmm", "einsum", "tensordot", "inner", "dot", "mv", "linear"]


def product(a, b):
    raise NotImplementedError


check(product, product_by_loops, factors, without=products)

# %%
# With axes (i, k, 1) and (1, k, j), the products are a block (i, k, j). The sum over k remains.

# Solution


def product(a, b):
    return (a.unsqueeze(2) * b.unsqueeze(0)).sum(dim=1)


report = check(product, product_by_loops, factors, without=products)
assert report.passed
report

# %%
# **2. Standardize the features.** From each column subtract its mean, and divide by its standard deviation (divide the
# sum of squares by the number of rows). A column of equal numbers becomes 0 and not NaN. Use neither ``std`` nor
# ``var``.


def standardize_by_loops(x):
    result = torch.zeros(x.shape)
    for j in range(x.shape[1]):
        column = x[:, j].tolist()
        mean = sum(column) / len(column)
        deviation = math.sqrt(sum((number - mean) ** 2 for number in column) / len(column))
        for i, number in enumerate(column):
            result[i, j] = (number - mean) / deviation if len(set(column)) > 1 else 0.0
    return result


tables = [
    (torch.tensor([[1.0, 7.0], [3.0, 1.0]]),),
    (torch.tensor([[1.0, 5.0], [3.0, 5.0], [8.0, 5.0]]),),
    (torch.arange(12.0).reshape(3, 4) ** 2,),
    (torch.full((7, 2), 0.1),),
]
ready = ["std", "var", "std_mean", "var_mean", "batch_norm", "layer_norm", "nan_to_num"]


def standardize(x):
    raise NotImplementedError


check(standardize, standardize_by_loops, tables, without=ready)

# %%
# ``dim=0`` is the axis of the rows: it disappears, and a row of means broadcasts against the table. The mean of seven
# times 0.1 is rounded, so their deviation is not 0. So compare the numbers themselves.

# Solution


def standardize(x):
    rest = x - x.mean(dim=0)
    deviation = (rest**2).mean(dim=0).sqrt()
    return torch.where((x == x[0]).all(dim=0), 0, rest / deviation)


report = check(standardize, standardize_by_loops, tables, without=ready)
assert report.passed
report

# %%
# **3. Distances between pairs.** ``a`` holds n digits and ``b`` holds m, one in each row. Element (i, j) of the result
# is the distance of ``a[i]`` and ``b[j]``.


def distances_by_loops(a, b):
    return torch.tensor([[math.dist(p, q) for q in b.tolist()] for p in a.tolist()])


points = [
    (torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [6.0, 8.0], [3.0, 0.0]]))
]
points += [
    (torch.arange(n * d).reshape(n, d) % 5.0, 10.0 - torch.arange(m * d).reshape(m, d))
    for n, m, d in sizes
]
pairs = ["cdist", "pairwise_distance", "pdist"]


def distances(a, b):
    raise NotImplementedError


check(distances, distances_by_loops, points, without=pairs)

# %%
# The differences are a block (n, m, d), and the norm removes its last axis.

# Solution


def distances(a, b):
    return torch.linalg.vector_norm(a.unsqueeze(1) - b, dim=2)


report = check(distances, distances_by_loops, points, without=pairs)
assert report.passed
report

# %%
# **4. Cross-entropy that does not overflow.** For each row of logits and its label, return minus the logarithm of the
# probability that softmax gives to the label. In the last input a logit is 1000, for which softmax and then the
# logarithm gives infinity.


def losses_by_loops(logits, labels):
    losses = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total = sum(math.exp(number - max(row)) for number in row)
        losses.append(max(row) + math.log(total) - row[label])
    return torch.tensor(losses)


batches = [
    (torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]]), torch.tensor([0, 2])),
    (torch.arange(12.0).reshape(3, 4) % 5, torch.tensor([3, 0, 1])),
    (torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]]), torch.tensor([1, 1])),
]
losses_of_torch = ["cross_entropy", "log_softmax", "nll_loss"]


def losses(logits, labels):
    raise NotImplementedError


check(losses, losses_by_loops, batches, without=losses_of_torch)

# %%
# The logarithm of a probability is a difference, and ``logsumexp`` takes care of large numbers. Two lists of indices
# pick one element from each row.

# Solution


def losses(logits, labels):
    rows = torch.arange(len(labels))
    return logits.logsumexp(dim=1) - logits[rows, labels]


report = check(losses, losses_by_loops, batches, without=losses_of_torch)
assert report.passed
report

# %%
# The formula as it is written fails where a logit is 1000, and ``check`` shows the input:


def naive_losses(logits, labels):
    return -logits.softmax(dim=1).log()[torch.arange(len(labels)), labels]


report = check(naive_losses, losses_by_loops, batches, without=losses_of_torch)
assert not report.passed
report

# %%
# **5. Causal attention.** ``q``, ``k`` and ``v`` have shape (batch, token, feature). A token looks at itself and at
# the tokens before it. The weight of a pair is the softmax of the dot products of ``q`` and ``k``, divided by the root
# of the number of features. Return the weighted sums of ``v``.


def attention_by_loops(q, k, v):
    result = torch.zeros_like(v)
    for b in range(len(q)):
        for i in range(q.shape[1]):
            scores = [(q[b, i] * k[b, j]).sum() / math.sqrt(q.shape[2]) for j in range(i + 1)]
            weights = torch.stack(scores).softmax(dim=0)
            result[b, i] = sum(weight * v[b, j] for j, weight in enumerate(weights))
    return result


heads = [
    (torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.arange(6.0).reshape(1, 2, 3)),
    tuple(torch.randn(3, 2, 4, 5)),
    tuple(10 * torch.randn(3, 1, 6, 2)),
]


def causal_attention(q, k, v):
    raise NotImplementedError


check(causal_attention, attention_by_loops, heads, without=["scaled_dot_product_attention"])

# %%
# The scores are a batch of square tables, and what is above the diagonal is hidden.

# Solution


def causal_attention(q, k, v):
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    later = torch.ones_like(scores, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -math.inf).softmax(dim=-1) @ v


report = check(
    causal_attention, attention_by_loops, heads, without=["scaled_dot_product_attention"]
)
assert report.passed
report

# %%
# How this was checked

torch.testing.assert_close(product(*factors[0]), factors[0][0] @ factors[0][1])
sample = asked.inputs[:20].flatten(1)
torch.testing.assert_close(
    distances(sample, known.inputs.flatten(1)), far[:20], rtol=1e-3, atol=1e-3
)
for q, k, v in heads:
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(causal_attention(q, k, v), expected)
for logits, labels in batches:
    expected = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(losses(logits, labels), expected)
assert (known.targets[nearest] == asked.targets).float().mean() > 0.95

# %%
# Read next
# ---------
#
# :ref:`from-calculation-to-graph` shows how PyTorch records a calculation to find its gradients.
#
# - Rush (2022). `Tensor Puzzles <https://github.com/srush/Tensor-Puzzles>`__. Twenty-one functions to build from
#   broadcasting, ``arange`` and ``where``.
