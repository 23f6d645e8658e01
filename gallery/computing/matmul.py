"""
.. _matmul:

How does matmul work, and what are mm, bmm, mv and dot?
=======================================================

:func:`torch.matmul`, written ``@``, lets each row of the first :term:`matrix` meet each column of the second: the two
are multiplied :ref:`element by element <element-by-element>`, and the products are added up. Vectors and batches of
matrices work, too. You need to know :ref:`broadcasting` and :ref:`reductions`.
"""

# %%
# 2 rows meet 4 columns; rows and columns have 3 elements each. Touch an element of the result to see its row and its
# column.

import itertools

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_matmul
from ptguide.tensors import shares_memory

a = torch.tensor([[1, 2, 3], [4, 5, 6]])
b = torch.tensor([[1, 0, 2, 5], [0, 1, 2, 5], [0, 0, 2, 5]])
draw(torch.matmul, (a, b))

# %%
# The rule
# --------
#
# With N rows, M columns and K the length of both: (N, K) times (K, M) gives (N, M), by :math:`c_{nm} = \sum_k a_{nk}
# b_{km}`. The inner sizes must be equal, and their :term:`axis` disappears; the outer ones remain. From scratch it is
# three loops.


def matmul(a, b):
    c = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for n, m, k in itertools.product(range(a.shape[0]), range(b.shape[1]), range(a.shape[1])):
        c[n, m] += a[n, k] * b[k, m]
    return c


assert torch.equal(matmul(a, b), a @ b)
assert (a @ b).shape == explain_matmul(a, b).shape == (2, 4)
explain_matmul(a, b)

# %%
# Without loops: give ``a`` a last axis and ``b`` a first one, so that shapes :val:`(2, 3, 1) <a.unsqueeze(2).shape>`
# and :val:`(1, 3, 4) <b.unsqueeze(0).shape>` are broadcast to (2, 3, 4), all products; then sum over axis 1, which is
# K. In the picture, each slice of the products is one row of ``a``, and its column sums are one row of the result.

products = a.unsqueeze(2) * b.unsqueeze(0)
assert products.shape == (2, 3, 4)
assert torch.equal(products.sum(dim=1), a @ b)
draw(torch.sum, products, dim=1, names=["products"])

# %%
# Some notes print the product of a (2, 2) and a (2, 1) matrix as ``[[8, 18]]``, which is a row. By the rule it has 2
# rows and 1 column.

m1, m2 = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[2], [3]])
assert (m1 @ m2).tolist() == [[8], [18]]
assert (m1 @ m2).tolist() != [[8, 18]]
draw(torch.matmul, (m1, m2), names=["m1", "m2"])

# %%
# When the inner sizes differ, torch raises an error; the page :ref:`mat1-and-mat2-shapes` is about it. The order
# matters: ``b @ a`` does not exist here, and for square matrices it is another matrix, with rare exceptions.

with expect_error(RuntimeError, match=r"cannot be multiplied \(3x4 and 2x3\)"):
    b @ a
turn = torch.tensor([[0, 1], [1, 0]])
assert (m1 @ turn).tolist() == [[2, 1], [4, 3]]  # swaps the columns
assert (turn @ m1).tolist() == [[3, 4], [1, 2]]  # swaps the rows

# %%
# Vectors
# -------
#
# A :term:`vector` on the left is read as a row, one on the right as a column; the axis of size 1 that this needs is
# gone from the result. So (3,) times (3, 4) gives (4,), (2, 3) times (3,) gives (2,), and two vectors give a number,
# the :term:`dot product`.

left, right = torch.tensor([1, 10]), torch.tensor([100, 10, 1])
assert (a @ right).tolist() == [123, 456]
assert torch.equal(a @ right, (a @ right.unsqueeze(1)).squeeze(1))
assert torch.equal(left @ a, (left.unsqueeze(0) @ a).squeeze(0))
assert right @ right == (right * right).sum() == 10101
draw(torch.matmul, (a, right), names=["a", "right"])

# %%
# More than two axes
# ------------------
#
# (..., N, K) times (..., K, M) gives (..., N, M): the last two axes are the matrix, all before them count matrices and
# are broadcast as in ``a + b``. Here 2 matrices meet the same third one.

batch = torch.arange(24).reshape(2, 3, 4)
shared = torch.tensor([[1, 0, 1, 0, 1], [1, 0, 0, 1, 0], [0, 1, 1, 0, 0], [0, 1, 0, 1, 1]])
assert all(torch.equal((batch @ shared)[i], batch[i] @ shared) for i in range(2))
draw(torch.matmul, (batch, shared), names=["batch", "shared"])

# %%
# From scratch for all numbers of axes (:term:`ranks <rank>`): make rows and columns of vectors, broadcast, multiply and
# sum, and take those axes away again.


def matmul_of_any_rank(a, b):
    row, column = a.dim() == 1, b.dim() == 1
    a = a.unsqueeze(0) if row else a
    b = b.unsqueeze(1) if column else b
    c = (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(dim=-2)
    c = c.squeeze(-1) if column else c
    return c.squeeze(-1 if column else -2) if row else c


# %%
# All pairs of ranks from 1 to 4: the shape from ``explain_matmul``, and the numbers from scratch and from torch. The
# two batches :val:`(6, 1) <lefts[3][:2]>` and :val:`(5,) <rights[2][:1]>` become
# :val:`(6, 5) <torch.broadcast_shapes((6, 1), (5,))>`, as everywhere in broadcasting.

torch.manual_seed(0)
lefts, rights = [(3,), (2, 3), (5, 2, 3), (6, 1, 2, 3)], [(3,), (3, 4), (5, 3, 4), (6, 1, 3, 4)]
for s, t in itertools.product(lefts, rights):
    x, y = torch.randint(9, s), torch.randint(9, t)
    rule = explain_matmul(s, t)
    print(f"{s!s:>12} @ {t!s:<12} {rule.shape!s:<13} {rule.text.splitlines()[3]}")
    assert (x @ y).shape == rule.shape
    assert torch.equal(matmul_of_any_rank(x, y), x @ y)

# %%
# mm, bmm, mv, dot and outer
# --------------------------
#
# Each is one case with a name, takes the ranks of that case only and broadcasts nothing: a mistake in a shape is an
# error there, and in ``@`` may be another case. ``outer`` is the :term:`outer product`, a column times a row;
# :ref:`einsum` says all of them in letters.

one_case = {torch.dot: ((3,), (3,)), torch.mv: ((2, 3), (3,)), torch.mm: ((2, 3), (3, 4))}
one_case[torch.bmm] = ((5, 2, 3), (5, 3, 4))
for function, (s, t) in one_case.items():
    x, y = torch.randint(9, s), torch.randint(9, t)
    assert torch.equal(function(x, y), x @ y)
    with expect_error(RuntimeError, match="expected|must be"):
        function(torch.ones(6, *s), torch.ones(6, *t))
assert torch.equal(torch.outer(left, right), left.unsqueeze(1) @ right.unsqueeze(0))
draw(torch.outer, (left, right), names=["left", "right"])

# %%
# What goes wrong
# ---------------
#
# "One vector for each matrix of a batch": shape (5, 3) is read as one matrix of 5 rows, not as 5 vectors. Say that each
# is a column. When the sizes happen to fit, nothing is raised, and every matrix meets the columns of that one: the
# first elements of all vectors, then the second.

matrices, vectors = torch.randint(9, (5, 2, 3)), torch.randint(9, (5, 3))
with expect_error(RuntimeError, match="cannot be multiplied"):
    matrices @ vectors
each = (matrices @ vectors.unsqueeze(-1)).squeeze(-1)
assert all(torch.equal(each[i], matrices[i] @ vectors[i]) for i in range(5))
assert (matrices[:3] @ vectors[:3]).shape == (3, 2, 3)  # not (3, 2)
explain_matmul(matrices, vectors)

# %%
# Unlike ``*``, a product of matrices does no :term:`promotion`: both sides must have one :term:`dtype`. Integers work
# on the CPU and overflow in silence; truth values do not work at all. Nor does a number, which has no row and no
# column.

with expect_error(RuntimeError, match="same dtype"):
    a @ b.float()
tens = torch.full((3,), 10, dtype=torch.uint8)
assert (tens @ tens).item() == 300 - 256
with expect_error(RuntimeError, match="'Bool'"):
    (a > 1) @ (b > 1)
with expect_error(RuntimeError, match="at least 1D"):
    right @ torch.tensor(2)

# %%
# Memory and gradients
# --------------------
#
# The result has memory of its own. With ``G`` the :term:`gradient` of the result, that of the first matrix is ``G @
# b.T`` and that of the second ``a.T @ G``; the shapes leave no other choice. ``@`` is used for this again.

assert not shares_memory(a @ b, a)
x, y = a.float().requires_grad_(), b.float().requires_grad_()
g = torch.rand(2, 4)
x_grad, y_grad = torch.autograd.grad(x @ y, (x, y), grad_outputs=g)
torch.testing.assert_close(x_grad, g @ b.T.float())
torch.testing.assert_close(y_grad, a.T.float() @ g)

# %%
# Check yourself
# --------------
#
# Shapes first:

ask(
    "q and k have shape (8, 5, 6, 7); .mT swaps the last two axes. Which shape has q @ k.mT?",
    answer=(torch.ones(8, 5, 6, 7) @ torch.ones(8, 5, 6, 7).mT).shape,
    choices={
        (8, 5, 7, 7): "That is q.mT @ k: the axis of size 6 is summed over.",
        (8, 5, 6, 6): "Every row of q with every row of k, 8 x 5 times.",
        (8, 5, 8, 5, 6, 6): "Batch axes are paired, not crossed.",
    },
)

# %%
# And vectors:

ask(
    f"u and v are vectors of length {len(right)}. What does u.unsqueeze(1) @ v do?",
    answer=lambda: right.unsqueeze(1) @ right,
    choices={
        "the outer product": "For that, v must be a row: v.unsqueeze(0). Or use torch.outer(u, v).",
        "the dot product": "That is u @ v, or u.unsqueeze(0) @ v with one axis more.",
        RuntimeError: "v is read as a column, and a column times a column does not fit.",
    },
)

# %%
# Next: :ref:`einsum`, where every axis has a letter.
