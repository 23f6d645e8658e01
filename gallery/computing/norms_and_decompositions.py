"""
.. _norms-and-decompositions:

What do norm, eigh and svd compute?
===================================

A :term:`norm` is the length of a vector. :func:`torch.linalg.eigh` finds the directions that a symmetric
:term:`matrix` stretches without turning them, and :func:`torch.linalg.svd` writes a matrix as a sum of simple ones, the
largest first. You need to know :ref:`matmul` and :ref:`linear-algebra`.
"""

# %%
# The norm is the root of the sum of squares. :func:`torch.linalg.vector_norm` reduces as ``sum`` does
# (:ref:`reductions`): the :term:`axis` ``dim`` disappears. Here three vectors of two elements each get a length.

import math

import torch
from sklearn.datasets import load_sample_image

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

v = torch.tensor([[3.0, -4.0], [5.0, 12.0], [8.0, 15.0]])
torch.testing.assert_close(torch.linalg.vector_norm(v, dim=1), (v**2).sum(dim=1).sqrt())
draw(torch.linalg.vector_norm, v, dim=1, names=["v"])

# %%
# Another ``ord`` names another norm: 1 adds the absolute values, infinity takes the largest of them. ``v.norm(dim=1)``
# is the old name of the same. Without ``dim``, ``vector_norm`` takes the whole tensor as one long vector.

lengths = torch.linalg.vector_norm(v, dim=1)
assert lengths.tolist() == v.norm(dim=1).tolist() == [5.0, 13.0, 17.0]
assert torch.linalg.vector_norm(v, ord=1, dim=1).tolist() == [3 + 4, 5 + 12, 8 + 15]
assert torch.linalg.vector_norm(v, ord=math.inf, dim=1).tolist() == [4, 12, 15]
torch.testing.assert_close(torch.linalg.vector_norm(v), (v**2).sum().sqrt())

# %%
# The norm of a matrix
# --------------------
#
# ``torch.linalg.matrix_norm(A, 2)`` is another thing: the largest factor by which ``A`` can lengthen a vector. Of 1000
# random directions, the one that is lengthened most comes near it, and not above it. ``torch.linalg.norm(v, 2)``
# chooses by the number of axes: it is this norm for a matrix, the length for a vector, and an error for more axes.

torch.manual_seed(0)
directions = torch.randn(2, 1000)
lengthened = (v @ directions).norm(dim=0) / directions.norm(dim=0)
most = torch.linalg.matrix_norm(v, 2)
assert 0.99 * most < lengthened.max() < 1.001 * most
assert most < torch.linalg.vector_norm(v) - 0.1
assert torch.equal(torch.linalg.norm(v, 2), most)
assert torch.equal(torch.linalg.norm(v[0], 2), torch.linalg.vector_norm(v[0]))
with expect_error(RuntimeError, match="must be 1D or 2D"):
    torch.linalg.norm(v.unsqueeze(0), 2)

# %%
# eigh: directions that a symmetric matrix stretches
# --------------------------------------------------
#
# Column ``k`` of the eigenvectors keeps its direction, and becomes ``values[k]`` times as long. This number is its
# :term:`eigenvalue`. (A negative one turns the vector round.) The values are in rising order. A vector may come with
# either sign. In the picture, look at which elements of ``A`` count.

A = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])
values, vectors = torch.linalg.eigh(A)
torch.testing.assert_close(A @ vectors, vectors * values)
torch.testing.assert_close(vectors @ torch.diag(values) @ vectors.T, A)
torch.testing.assert_close(vectors.T @ vectors, torch.eye(3))  # at right angles, of length 1
for other in (-A, torch.randn(4, 4), torch.zeros(2, 2)):
    symmetric = other + other.T
    their_values, their_vectors = torch.linalg.eigh(symmetric)
    torch.testing.assert_close(symmetric @ their_vectors, their_vectors * their_values)
    assert (their_values.diff() >= 0).all()
draw(torch.linalg.eigh, A, names=["A"])

# %%
# From scratch, the largest one: multiply a vector by ``A`` again and again. Each time the direction that is stretched
# most gains on the others, until nothing else is left. The vector to start from needs a part in that direction. It is
# random here: ``torch.ones`` has no such part for the second matrix below, and finds 1 instead of 3. If the eigenvalue
# of the largest size is negative, the loop finds that one.


def largest_eigenvalue(A, direction, steps=100):
    for _ in range(steps):
        direction = A @ direction
        direction = direction / direction.norm()
    return direction @ A @ direction, direction


value, direction = largest_eigenvalue(A, torch.randn(3))
torch.testing.assert_close(value, values[-1])
torch.testing.assert_close(direction.abs(), vectors[:, -1].abs())
second = torch.tensor([[2.0, -1.0], [-1.0, 2.0]])
torch.testing.assert_close(torch.linalg.eigvalsh(second), torch.tensor([1.0, 3.0]))
torch.testing.assert_close(largest_eigenvalue(second, torch.randn(2))[0], torch.tensor(3.0))
torch.testing.assert_close(largest_eigenvalue(second, torch.ones(2))[0], torch.tensor(1.0))
torch.testing.assert_close(largest_eigenvalue(-A, torch.randn(3))[0], -values[-1])

# %%
# svd: a matrix as a sum of simple ones
# -------------------------------------
#
# A matrix (m, n) comes apart into U (m, r), S (r,) and Vh (r, n), where r is the smaller of m and n: :math:`A_{ij} =
# \sum_k U_{ik} S_k V^h_{kj}`, with the largest S first. Each k is one part, a column times a row. The first part is the
# nearest matrix of this kind. With two parts, it misses by the second S. The matrix need not be square.

M = torch.tensor([[2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 5.0]])
U, S, Vh = torch.linalg.svd(M, full_matrices=False)  # True, the default, makes Vh (4, 4)
assert (U.shape, S.shape, Vh.shape) == ((2, 2), (2,), (2, 4))
torch.testing.assert_close(U @ torch.diag(S) @ Vh, M)
nearest = S[0] * torch.outer(U[:, 0], Vh[0])
torch.testing.assert_close((M - nearest).norm(), S[1])
for _ in range(100):
    column, row = U[:, 0] + 0.1 * torch.randn(2), S[0] * Vh[0] + 0.1 * torch.randn(4)
    assert (M - torch.outer(column, row)).norm() > S[1]
for shape in ((4, 4), (5, 3), (3, 5), (1, 4), (2, 0)):
    parts = torch.linalg.svd(some := torch.randn(shape), full_matrices=False)
    torch.testing.assert_close(parts.U @ torch.diag(parts.S) @ parts.Vh, some)
draw([M, nearest, M - nearest], ["M", "part 0, from S[0]", "part 1, from S[1]"])

# %%
# A photo in gray is a matrix. This one has 427 parts. The first 5 miss the photo by :val:`18 <100 * misses[5]>` % of
# its norm, the first 40 by :val:`11 <100 * misses[40]>` %. Kept as columns and rows, 40 parts take less than a sixth of
# the memory of the photo.

photo = torch.from_numpy(load_sample_image("china.jpg").copy()).float().mean(dim=2)
U, S, Vh = torch.linalg.svd(photo, full_matrices=False)
kept = {k: (U[:, :k] * S[:k]) @ Vh[:k] for k in (5, 40)}
misses = {k: ((photo - image).norm() / photo.norm()).item() for k, image in kept.items()}
assert (photo.shape, S.shape) == ((427, 640), (427,))
assert 0.1 < misses[5] < 0.3
print({k: round(miss, 3) for k, miss in misses.items()})
assert misses[40] < 0.7 * misses[5]
assert photo.numel() / 6 > 40 * (427 + 1 + 640)
small = [image[::4, 60:560:4] for image in (photo, kept[5], kept[40])]
draw(small, ["photo", "5 parts", "40 parts"], image=True)

# %%
# The three are related. The S of a matrix are the roots of the eigenvalues of :math:`A^T A` (a wide matrix has zeros
# besides), and the largest S is the norm of the matrix. An S near 0 tells that a row follows from the others:
# :func:`torch.linalg.matrix_rank` counts the S that are too large to come from rounding.

torch.testing.assert_close(torch.linalg.svdvals(v).square().flip(0), torch.linalg.eigvalsh(v.T @ v))
torch.testing.assert_close(torch.linalg.svdvals(v)[0], most)
told_twice = torch.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
assert torch.linalg.svdvals(told_twice)[1] < 1e-5
assert torch.linalg.matrix_rank(told_twice) == 1

# %%
# Axes before the last two count matrices, as in :ref:`matmul`. Integers are refused. The norms take half precision, and
# the decompositions do not. The results are new tensors.

batch = torch.randn(5, 2, 4)
U, S, Vh = torch.linalg.svd(batch, full_matrices=False)
assert (U.shape, S.shape, Vh.shape) == ((5, 2, 2), (5, 2), (5, 2, 4))
assert torch.linalg.eigvalsh(batch @ batch.mT).shape == (5, 2)
assert torch.linalg.matrix_norm(batch).shape == (5,)
for function in (torch.linalg.vector_norm, torch.linalg.matrix_norm, torch.linalg.svd):
    with expect_error(RuntimeError, match="(?i)expected a floating point"):
        function(M.long())
with expect_error(NotImplementedError, match="'Long'"):
    torch.linalg.eigh(A.long())
for function in (torch.linalg.svd, torch.linalg.eigh):
    with expect_error(NotImplementedError, match="'Half'"):
        function(A.half())
for function in (torch.linalg.vector_norm, torch.linalg.matrix_norm):
    assert function(A.half()).dtype == torch.float16

# %%
# What goes wrong
# ---------------
#
# ``eigh`` does not read what is above the diagonal (with ``UPLO="U"``, what is below). So a matrix that is not
# symmetric gets wrong values, and no error. For such a matrix take :func:`torch.linalg.eig`, which gives :ref:`complex
# numbers <named-complex-and-sparse>`.

turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])  # no direction survives a quarter turn
torch.testing.assert_close(torch.linalg.eigh(turn).eigenvalues, torch.tensor([-1.0, 1.0]))
torch.testing.assert_close(torch.linalg.eigvals(turn).imag.sort().values, torch.tensor([-1.0, 1.0]))
for size in (2, 3, 7):
    lower, upper = torch.randn(2, size, size)
    mixed = lower.tril() + upper.triu(1)
    torch.testing.assert_close(torch.linalg.eigvalsh(mixed), torch.linalg.eigvalsh(lower))
    assert not torch.allclose(torch.linalg.eigvalsh(mixed, UPLO="U"), torch.linalg.eigvalsh(lower))

# %%
# ``torch.svd``, of older code, returns V and not its transpose. And a norm that is written by hand has :term:`NaN` as
# its :term:`gradient` at 0, where ``vector_norm`` gives 0.

U, S, Vh = torch.linalg.svd(M, full_matrices=False)
torch.testing.assert_close(torch.svd(M).V.T.abs(), Vh.abs())
origin = torch.zeros(3, requires_grad=True)
assert torch.autograd.grad(torch.linalg.vector_norm(origin), origin)[0].tolist() == [0, 0, 0]
assert torch.autograd.grad((origin**2).sum().sqrt(), origin)[0].isnan().all()

# %%
# The *sign* of an eigenvector is not determined, and where two eigenvalues are equal, neither is the direction. Another
# machine may give others. Compare what does not depend on them, such as the product.

flipped = vectors * torch.tensor([1.0, -1.0, 1.0])
torch.testing.assert_close(flipped @ torch.diag(values) @ flipped.T, A)

# %%
# Check yourself
# --------------

ask(
    "What is the shape of S in torch.linalg.svd(torch.ones(2, 7, 5))?",
    answer=torch.linalg.svd(torch.ones(2, 7, 5)).S.shape,
    choices={
        (2, 5): "A batch of 2, each with as many numbers as the smaller side.",
        (2, 7): "The smaller of 7 and 5 counts.",
        (5, 5): "S holds the numbers of the diagonal alone; torch.diag_embed makes matrices.",
    },
)

# %%
# Lengths:

points = torch.tensor([[6.0, 8.0], [8.0, 6.0], [0.0, 0.0]])
ask(
    f"points is {points.tolist()}. What is torch.linalg.vector_norm(points, dim=1)?",
    answer=torch.linalg.vector_norm(points, dim=1),
    choices={
        (10.0, 10.0, 0.0): "One length for each row: the axis of the two elements disappears.",
        (14.0, 14.0, 0.0): "That is ord=1: the sum of the absolute values.",
        (10.0, 10.0): "That is dim=0: the length of each column.",
    },
)

# %%
# Next: :ref:`floating-point-surprises`, where the rounding comes from.
