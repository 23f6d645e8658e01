"""
.. _matmul:

How does matmul work, and what are mm, bmm, mv and dot?
=======================================================

A linear layer and the scores of attention are products of matrices, and a wrong shape stops both. ``a @ b``, which is
:func:`torch.matmul`, multiplies each row of ``a`` :ref:`element by element <element-by-element>` with each column of
``b``, and adds up.
"""

# %%
# Set-up

import itertools

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_matmul
from ptguide.tensors import shares_memory

torch.manual_seed(0)
a = torch.tensor([[1, 2, 3], [4, 5, 6]])
b = torch.tensor([[1, 0, 2, 5], [0, 1, 2, 5], [0, 0, 2, 5]])

# %%

draw(torch.matmul, (a, b))

# %%
# Two rows meet four columns, and each row and each column has three elements. Point at an element of the result to see
# its row and its column. You need to know :ref:`broadcasting` and :ref:`reductions`.
#
# The rule
# --------
#
# (N, K) times (K, M) gives (N, M), by :math:`c_{nm} = \sum_k a_{nk} b_{km}`. The two inner sizes have to be equal, and
# that :term:`axis` disappears. From scratch these are three loops. The order matters: here ``b @ a`` raises an error,
# because the rows of ``b`` have 4 elements and the columns of ``a`` have :val:`2 <len(a)>`.


def matmul(a, b):
    c = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for n, m, k in itertools.product(range(a.shape[0]), range(b.shape[1]), range(a.shape[1])):
        c[n, m] += a[n, k] * b[k, m]
    return c


assert torch.equal(matmul(a, b), a @ b)
with expect_error(RuntimeError, match=r"cannot be multiplied \(3x4 and 2x3\)"):
    b @ a

# %%
# Vectors
# -------
#
# A :term:`vector` on the right is read as a column, and one on the left as a row. The axis that this adds is removed
# again. Two vectors give a number, the :term:`dot product`.

v, u = torch.tensor([100, 10, 1]), torch.tensor([1, -1])
print("a @ v:", (a @ v).tolist())
print("u @ a:", (u @ a).tolist(), " v @ v:", (v @ v).item())

# %%
# Batches
# -------
#
# With more axes, the last two are the matrix. Those before them number the matrices, and are :ref:`broadcast
# <broadcasting>`. Two sentences of three tokens with four features, times one weight matrix of shape
# :val:`(4, 5) <weight.shape>`, give three tokens with five features each.

sentences, weight = torch.arange(24).reshape(2, 3, 4), torch.randint(-2, 3, (4, 5))
print(tuple(sentences.shape), "@", tuple(weight.shape), "->", tuple((sentences @ weight).shape))

# %%
# mm, bmm, mv, dot
# ----------------
#
# Each of the four is ``@`` for one number of axes. They do not broadcast, so an axis too many is an error.

one_case = {
    "dot": ((3,), (3,)),
    "mv": ((2, 3), (3,)),
    "mm": ((2, 3), (3, 4)),
    "bmm": ((5, 2, 3), (5, 3, 4)),
}
for name, (s, t) in one_case.items():
    x, y = torch.randint(9, s), torch.randint(9, t)
    result = getattr(torch, name)(x, y)
    print(f"{name:<4}{s!s:>10} with {t!s:<10} gives {tuple(result.shape)}")
    assert torch.equal(result, x @ y)

# %%
# .. use-this::
#
#    Write ``a @ b``, and keep the axis that is summed over last in ``a`` and next to last in ``b``. Write ``bmm`` or
#    ``mm`` where a wrong number of axes should be an error. Where axes would have to be moved first, name them with
#    :ref:`einsum`. Outside autocast, both sides need one dtype. A product of (N, K) and (K, M) takes about 2·N·K·M
#    operations, and the result is a new tensor.
#
# Common mistakes
# ---------------
#
# **One vector for each matrix of a batch.** Five vectors, stacked to shape (5, 3), are read as *one* matrix. With three
# matrices and three vectors the sizes fit by chance, and the result has an axis too many. Make each vector a column
# with ``unsqueeze(-1)``.

matrices, vectors = torch.randint(9, (5, 2, 3)), torch.randint(9, (5, 3))
with expect_error(RuntimeError, match="cannot be multiplied"):
    matrices @ vectors
each = (matrices @ vectors.unsqueeze(-1)).squeeze(-1)
print("right:", tuple(each.shape))
print("three of them, by chance:", tuple((matrices[:3] @ vectors[:3]).shape))

# %%
# **Two dtypes.** Unlike ``*``, a product of matrices does no :term:`promotion` (:ref:`more on this error
# <must-have-the-same-dtype>`).

with expect_error(RuntimeError, match="same dtype"):
    a @ b.float()

# %%
# How this was checked


def by_broadcasting(a, b):
    """Multiply as matmul does, for any numbers of axes from 1 on: make rows and columns, multiply, sum, drop them."""
    row, column = a.dim() == 1, b.dim() == 1
    a = a.unsqueeze(0) if row else a
    b = b.unsqueeze(1) if column else b
    c = (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(dim=-2)
    c = c.squeeze(-1) if column else c
    return c.squeeze(-1 if column else -2) if row else c


lefts, rights = [(3,), (2, 3), (5, 2, 3), (6, 1, 2, 3)], [(3,), (3, 4), (5, 3, 4), (6, 1, 3, 4)]
for s, t in itertools.product(lefts, rights):
    x, y = torch.randint(9, s), torch.randint(9, t)
    assert (x @ y).shape == explain_matmul(s, t).shape
    assert torch.equal(by_broadcasting(x, y), x @ y)
for name, (s, t) in one_case.items():
    with expect_error(RuntimeError, match="expected|must be"):
        getattr(torch, name)(torch.ones(6, *s), torch.ones(6, *t))
with expect_error(RuntimeError, match="first two dimensions of batch2 tensor to be"):
    torch.bmm(torch.ones(1, 2, 3), torch.ones(5, 3, 4))  # @ broadcasts the batch of 1
for other in (torch.float32, torch.int32, torch.bool):
    with expect_error(RuntimeError, match="same dtype"):
        a @ b.to(other)
for kind in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
    assert torch.equal(a.to(kind) @ b.to(kind), (a @ b).to(kind))
with expect_error(RuntimeError, match="'Bool'"):
    (a > 1) @ (b > 1)
with expect_error(RuntimeError, match="at least 1D"):
    v @ torch.tensor(2)
for i in range(5):
    assert torch.equal(each[i], matrices[i] @ vectors[i])
for i in range(2):
    assert torch.equal((sentences @ weight)[i], sentences[i] @ weight)
assert torch.equal(a @ v, (a @ v.unsqueeze(1)).squeeze(1))
assert torch.equal(u @ a, (u.unsqueeze(0) @ a).squeeze(0))
assert v @ v == (v * v).sum()
# Under autocast both are converted to its dtype. An axis of size 0 that is summed over gives zeros.
with torch.autocast("cpu"):
    assert (torch.ones(2, 3, dtype=torch.bfloat16) @ torch.ones(3, 2)).dtype == torch.bfloat16
assert (torch.ones(2, 0) @ torch.ones(0, 4)).tolist() == [[0] * 4] * 2
# Small integers overflow.
tens = torch.full((3,), 10, dtype=torch.uint8)
assert (tens @ tens).item() == 300 - 256
# For square matrices both orders exist and differ: a swap of columns from the right, of rows from the left.
square, swap = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[0, 1], [1, 0]])
assert (square @ swap).tolist() == [[2, 1], [4, 3]]
assert (swap @ square).tolist() == [[3, 4], [1, 2]]
# The result has memory of its own. With G its gradient, a gets G @ b.T, and b gets a.T @ G.
assert not shares_memory(a @ b, a)
x, y = a.float().requires_grad_(), b.float().requires_grad_()
g = torch.rand(2, 4)
x_grad, y_grad = torch.autograd.grad(x @ y, (x, y), grad_outputs=g)
torch.testing.assert_close(x_grad, g @ b.T.float())
torch.testing.assert_close(y_grad, a.T.float() @ g)

# %%
# Check yourself
# --------------

ask(
    "q and k have shape (8, 5, 6, 7); .mT swaps the last two axes. What is the shape of q @ k.mT?",
    answer=(torch.ones(8, 5, 6, 7) @ torch.ones(8, 5, 6, 7).mT).shape,
    choices={
        (8, 5, 7, 7): "That is q.mT @ k: the axis of size 6 is summed over.",
        (8, 5, 6, 6): "Each of the 6 rows of q meets each of the 6 rows of k, 8 · 5 times.",
        (8, 5, 8, 5, 6, 6): "Batch axes are paired, not crossed.",
    },
)

# %%
# The next question is about vectors.

ask(
    f"u and w are vectors of length {len(v)}. What does u.unsqueeze(1) @ w do?",
    answer=lambda: v.unsqueeze(1) @ v,
    choices={
        "the outer product": "For that, w must be a row: w.unsqueeze(0). Or use torch.outer(u, w).",
        "the dot product": "That is u @ w, or u.unsqueeze(0) @ w with one axis more.",
        RuntimeError: "w is read as a column, and a column times a column does not fit.",
    },
)

# %%
# **Exercise.** In attention each of T tokens has a query and a key of D numbers, in several heads: shape (B, H, T, D).
# Return the scores, the dot product of each query with each key of the same sentence and head, divided by the square
# root of D.


def by_einsum(q, k):
    return torch.einsum("bhqd,bhkd->bhqk", q, k) / q.shape[-1] ** 0.5


cases = [
    (torch.ones(1, 1, 2, 4), torch.arange(8.0).reshape(1, 1, 2, 4)),
    (torch.randn(2, 3, 5, 4), torch.randn(2, 3, 5, 4)),
    (torch.randn(2, 3, 6, 4), torch.randn(2, 3, 5, 4)),
]


def attention_scores(q, k):
    raise NotImplementedError


check(attention_scores, by_einsum, cases, without=["einsum"])

# %%
# The keys have to be columns: ``.mT`` swaps the last two axes.

# Solution


def attention_scores(q, k):
    return q @ k.mT / q.shape[-1] ** 0.5


report = check(attention_scores, by_einsum, cases, without=["einsum"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`einsum` gives each axis a letter. :ref:`mat1-and-mat2-shapes` helps when the sizes do not fit.
#
# - Strang (2016). `Introduction to Linear Algebra <https://math.mit.edu/~gs/linearalgebra/>`__. Its chapter 2 shows
#   four ways to see one product.
# - Vaswani et al. (2017). `Attention is all you need <https://arxiv.org/abs/1706.03762>`__. It uses the product of the
#   exercise.
