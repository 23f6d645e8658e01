"""
.. _matmul:

How does matmul work, and what are mm, bmm, mv and dot?
=======================================================

:func:`torch.matmul`, written ``@``, lets each row of the first :term:`matrix` meet each column of the second: the two
are multiplied :ref:`element by element <element-by-element>`, and the products are added up. Vectors and batches of
matrices work, too. You need to know :ref:`broadcasting` and :ref:`reductions`.
"""

# %%
# Here 2 rows meet 4 columns, and each of them has 3 elements. Touch an element of the result to see its row and its
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
# b_{km}`. The two inner sizes have to be equal, and their :term:`axis` disappears. The outer ones remain. From scratch
# the product is three loops.


def matmul(a, b):
    c = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for n, m, k in itertools.product(range(a.shape[0]), range(b.shape[1]), range(a.shape[1])):
        c[n, m] += a[n, k] * b[k, m]
    return c


assert torch.equal(matmul(a, b), a @ b)
assert (a @ b).shape == explain_matmul(a, b).shape == (2, 4)
explain_matmul(a, b)

# %%
# Without loops, give ``a`` a last axis and ``b`` a first one. The shapes :val:`(2, 3, 1) <a.unsqueeze(2).shape>` and
# :val:`(1, 3, 4) <b.unsqueeze(0).shape>` are broadcast to (2, 3, 4), the shape of the products. Then sum over axis 1,
# which is K. In the picture, each slice of the products comes from one row of ``a``, and its column sums are one row of
# the result.

products = a.unsqueeze(2) * b.unsqueeze(0)
assert products.shape == (2, 3, 4)
assert torch.equal(products.sum(dim=1), a @ b)
draw(torch.sum, products, dim=1, names=["products"])

# %%
# A matrix with one column is still a matrix. A (2, 2) matrix times a (2, 1) matrix has 2 rows and 1 column.

m1, m2 = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[2], [3]])
assert (m1 @ m2).tolist() == [[8], [18]]
draw(torch.matmul, (m1, m2), names=["m1", "m2"])

# %%
# When the inner sizes differ, torch raises an error; the page :ref:`mat1-and-mat2-shapes` is about it. The order
# matters. Here ``b @ a`` does not exist. For square matrices both orders exist, and they can differ: ``turn`` on the
# right swaps columns, and on the left it swaps rows.

with expect_error(RuntimeError, match=r"cannot be multiplied \(3x4 and 2x3\)"):
    b @ a
turn = torch.tensor([[0, 1], [1, 0]])
assert (m1 @ turn).tolist() == [[2, 1], [4, 3]]  # swaps the columns
assert (turn @ m1).tolist() == [[3, 4], [1, 2]]  # swaps the rows

# %%
# Vectors
# -------
#
# A :term:`vector` on the left is read as a row, and one on the right as a column. The axis of size 1 that is added for
# this is removed from the result. So (3,) times (3, 4) gives (4,), and (2, 3) times (3,) gives (2,). Two vectors give a
# number, the :term:`dot product`.

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
# (..., N, K) times (..., K, M) gives (..., N, M). The last two axes are the matrix. Those before them count matrices,
# and their sizes are broadcast as in ``a + b``. Here 2 matrices meet the same third one.

batch = torch.arange(24).reshape(2, 3, 4)
shared = torch.tensor([[1, 0, 1, 0, 1], [1, 0, 0, 1, 0], [0, 1, 1, 0, 0], [0, 1, 0, 1, 1]])
assert all(torch.equal((batch @ shared)[i], batch[i] @ shared) for i in range(2))
draw(torch.matmul, (batch, shared), names=["batch", "shared"])

# %%
# From scratch for each number of axes, which is also called the :term:`rank`: make rows and columns of vectors,
# broadcast, multiply and sum, and remove those axes again.


def matmul_of_any_axes(a, b):
    row, column = a.dim() == 1, b.dim() == 1
    a = a.unsqueeze(0) if row else a
    b = b.unsqueeze(1) if column else b
    c = (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(dim=-2)
    c = c.squeeze(-1) if column else c
    return c.squeeze(-1 if column else -2) if row else c


# %%
# This compares, for each pair of 1 to 4 axes, the shape from ``explain_matmul`` with torch's, and the numbers from
# scratch with torch's. The two batches :val:`(6, 1) <lefts[3][:2]>` and :val:`(5,) <rights[2][:1]>` become
# :val:`(6, 5) <torch.broadcast_shapes((6, 1), (5,))>`, as everywhere in broadcasting.

torch.manual_seed(0)
lefts, rights = [(3,), (2, 3), (5, 2, 3), (6, 1, 2, 3)], [(3,), (3, 4), (5, 3, 4), (6, 1, 3, 4)]
for s, t in itertools.product(lefts, rights):
    x, y = torch.randint(9, s), torch.randint(9, t)
    rule = explain_matmul(s, t)
    print(f"{s!s:>12} @ {t!s:<12} {rule.shape!s:<13} {rule.text.splitlines()[3]}")
    assert (x @ y).shape == rule.shape
    assert torch.equal(matmul_of_any_axes(x, y), x @ y)

# %%
# mm, bmm, mv, dot and outer
# --------------------------
#
# Each is one case of ``@`` with a name. It takes the number of axes of that case, and it broadcasts nothing. So an axis
# too many is an error there, while ``@`` may take it for another case. ``outer`` is the :term:`outer product`, a column
# times a row. :ref:`einsum` writes these products in letters.

one_case = {torch.dot: ((3,), (3,)), torch.mv: ((2, 3), (3,)), torch.mm: ((2, 3), (3, 4))}
one_case[torch.bmm] = ((5, 2, 3), (5, 3, 4))
for function, (s, t) in one_case.items():
    x, y = torch.randint(9, s), torch.randint(9, t)
    assert torch.equal(function(x, y), x @ y)
    with expect_error(RuntimeError, match="expected|must be"):
        function(torch.ones(6, *s), torch.ones(6, *t))
with expect_error(RuntimeError, match="first two dimensions of batch2 tensor to be"):
    torch.bmm(torch.ones(1, 2, 3), torch.ones(5, 3, 4))  # @ broadcasts the batch of 1
assert torch.equal(torch.outer(left, right), left.unsqueeze(1) @ right.unsqueeze(0))
draw(torch.outer, (left, right), names=["left", "right"])

# %%
# What goes wrong
# ---------------
#
# *One vector for each matrix of a batch.* Vectors of shape (5, 3) are read as one matrix of 5 rows, and not as 5
# vectors. Make each of them a column with ``unsqueeze(-1)``. When the sizes happen to fit, no error is raised. Then
# each matrix meets the columns of that one matrix: the first elements of the vectors, then the second ones.

matrices, vectors = torch.randint(9, (5, 2, 3)), torch.randint(9, (5, 3))
with expect_error(RuntimeError, match="cannot be multiplied"):
    matrices @ vectors
each = (matrices @ vectors.unsqueeze(-1)).squeeze(-1)
assert all(torch.equal(each[i], matrices[i] @ vectors[i]) for i in range(5))
wrong = matrices[:3] @ vectors[:3]
assert wrong.shape == (3, 2, 3)  # not (3, 2)
assert all(
    torch.equal(wrong[i, :, k], matrices[i] @ vectors[:3, k]) for i in range(3) for k in range(3)
)
explain_matmul(matrices, vectors)

# %%
# Unlike ``*``, a product of matrices does no :term:`promotion`: both sides need one :term:`dtype`. Integers of 8 to 64
# bits work on the CPU, and overflow in silence. Truth values are refused, and so is a number, which has neither a row
# nor a column.

for other in (torch.float32, torch.int32, torch.bool):
    with expect_error(RuntimeError, match="same dtype"):
        a @ b.to(other)
for kind in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
    assert torch.equal(a.to(kind) @ b.to(kind), (a @ b).to(kind))
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
# The result has memory of its own. With ``G`` the :term:`gradient` of the result, the gradient of the first matrix is
# ``G @ b.T``, and that of the second is ``a.T @ G``. When the three sizes differ, the shapes show where the transposes
# go. For square matrices they do not: ``G @ b`` has the same shape, and is wrong.

assert not shares_memory(a @ b, a)
x, y = a.float().requires_grad_(), b.float().requires_grad_()
g = torch.rand(2, 4)
x_grad, y_grad = torch.autograd.grad(x @ y, (x, y), grad_outputs=g)
torch.testing.assert_close(x_grad, g @ b.T.float())
torch.testing.assert_close(y_grad, a.T.float() @ g)
p, q, g = torch.rand(3, 3, requires_grad=True), torch.rand(3, 3), torch.rand(3, 3)
(p_grad,) = torch.autograd.grad(p @ q, p, grad_outputs=g)
torch.testing.assert_close(p_grad, g @ q.T)
assert (g @ q).shape == p_grad.shape
assert not torch.allclose(g @ q, p_grad)

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
        (8, 5, 6, 6): "Each of the 6 rows of q meets each of the 6 rows of k, 8 x 5 times.",
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
# Next: :ref:`einsum`, where each axis has a letter.
