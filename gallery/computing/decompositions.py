"""
.. _decompositions:

What do eigh and svd compute?
=============================

A photo, a layer or a table of features is a matrix, and you want to keep the part of it that matters most.
:func:`torch.linalg.svd` writes a matrix as a sum of simple ones, the largest first.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch

from ptguide.data import digits, photos
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
photo = photos(split="all")[0][0].float().mean(dim=0)  # gray, (row, column)
U, S, Vh = torch.linalg.svd(photo, full_matrices=False)


def parts(k):
    """Return the sum of the first k parts of the photo."""
    return (U[:, :k] * S[:k]) @ Vh[:k]


def draw_photos():
    figure, axes = plt.subplots(1, 3, figsize=(5.4, 1.8), layout="constrained")
    for axis, k in zip(axes, (5, 40, len(S)), strict=True):
        axis.imshow(parts(k).numpy(), cmap="gray")
        axis.set(xticks=[], yticks=[])
        axis.set_title(f"{k} parts", fontsize=10)
    figure.suptitle(f"40 of {len(S)} parts show the temple", fontsize=11)
    plt.show()


# %%

draw_photos()

# %%
# The photo is a matrix of shape :val:`tuple(photo.shape)`, and a sum of :val:`427 <len(S)>` parts. Each part is a
# column times a row. You need to know :ref:`matmul` and :ref:`norms`.
#
# The rule
# --------
#
# ``svd`` gives three tensors with :math:`A_{ij} = \sum_k U_{ik} S_k V^h_{kj}`, and the largest :math:`S_k` comes
# first. Part :math:`k` is column k of ``U`` times row k of ``Vh``, scaled by :math:`S_k`. What the first :math:`k`
# parts miss has the norm :math:`\sqrt{\sum_{j > k} S_j^2}`, and no other sum of :math:`k` columns times rows misses by
# less. So S says in advance how many parts you need.

print("shapes:", tuple(U.shape), tuple(S.shape), tuple(Vh.shape))
for k in (5, 40, 200):
    missed = torch.linalg.vector_norm(photo - parts(k)) / torch.linalg.vector_norm(photo)
    by_s = torch.linalg.vector_norm(S[k:]) / torch.linalg.vector_norm(S)
    size = k * (427 + 1 + 640) / photo.numel()
    print(f"{k:>3} parts: {missed:.1%} of the norm is missed, {size:.0%} of the numbers kept")
    torch.testing.assert_close(missed, by_s, rtol=1e-3, atol=1e-5)

# %%
# eigh: directions that a symmetric matrix stretches
# --------------------------------------------------
#
# A real symmetric matrix has directions that it multiplies by a number without turning them, the eigenvectors. The
# number is the :term:`eigenvalue`, and a negative one reverses the direction. :func:`torch.linalg.eigh` returns the
# values in rising order, and the vectors as *columns*.

A = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])
values, vectors = torch.linalg.eigh(A)
for k in range(3):
    torch.testing.assert_close(A @ vectors[:, k], values[k] * vectors[:, k])
print("eigenvalues:", [round(value, 4) for value in values.tolist()])

# %%
# Principal components of the digits
# ----------------------------------
#
# Each of the digits is a row of :val:`64 <X.shape[1]>` pixels. Subtract the mean digit, and the first rows of ``Vh``
# are the directions in which the digits differ most. This is principal component analysis. The squares of S are the
# eigenvalues of :math:`X^T X`, and say how much of the variance a direction has.

X = digits().inputs.flatten(1).double()  # (sample, pixel)
X = X - X.mean(dim=0)
_, S_digits, directions = torch.linalg.svd(X, full_matrices=False)
share = S_digits.square().cumsum(dim=0) / S_digits.square().sum()
for k in (2, 10, 30):
    print(f"{k:>2} of 64 directions have {share[k - 1]:.0%} of the variance")
torch.testing.assert_close(
    S_digits.square().flip(0), torch.linalg.eigvalsh(X.T @ X), rtol=1e-6, atol=1e-6
)
coordinates = X @ directions[:10].T  # (sample, 10)
assert coordinates.shape == (len(X), 10)

# %%
# .. use-this::
#
#    Take ``torch.linalg.svd(A, full_matrices=False)`` for a matrix or a batch of them, ``eigh`` if it is symmetric, and
#    ``svdvals`` or ``eigvalsh`` where the values are enough. On one CPU core, 800 rows and columns took eight times as
#    long as 400. :func:`torch.svd_lowrank` approximates the first few parts without the others. Half precision is
#    refused. A vector may come with either sign: compare products, not vectors.
#
# .. not looked up: 800; 400 — best of three with torch 2.14, svd, eigh and svdvals alike; a build is too noisy
#
# Common mistakes
# ---------------
#
# **full_matrices left out.** Its default is True and fills U and Vh up to squares. What is added belongs to no part,
# and for a long table it takes a lot of memory.

tall = torch.randn(2000, 3)
for full in (True, False):
    left = torch.linalg.svd(tall, full_matrices=full).U
    print(f"full_matrices={full!s:<6} U has shape {tuple(left.shape)}, {left.nbytes:,} bytes")

# %%
# **eigh of a matrix that is not symmetric.** ``eigh`` reads what is on and below the diagonal, and returns the
# eigenvalues of another matrix without an error. :func:`torch.linalg.eig` takes such matrices. A quarter turn keeps no
# real direction, and its eigenvalues are :ref:`complex <complex-numbers>`.

turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
print("eigh:", torch.linalg.eigvalsh(turn).tolist())
print("eig: ", torch.linalg.eigvals(turn).tolist())
torch.testing.assert_close(torch.linalg.eigvalsh(turn), torch.tensor([-1.0, 1.0]))

# %%
# How this was checked

M = torch.tensor([[2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 5.0]])
u, s, vh = torch.linalg.svd(M, full_matrices=False)
torch.testing.assert_close((M - s[0] * torch.outer(u[:, 0], vh[0])).norm(), s[1])
for _ in range(100):
    column, row = u[:, 0] + 0.1 * torch.randn(2), s[0] * vh[0] + 0.1 * torch.randn(4)
    assert (M - torch.outer(column, row)).norm() > s[1]
for shape in ((4, 4), (5, 3), (3, 5), (1, 4), (2, 0), (6, 2, 4)):
    some = torch.randn(shape)
    found = torch.linalg.svd(some, full_matrices=False)
    torch.testing.assert_close(found.U @ torch.diag_embed(found.S) @ found.Vh, some)
    assert (found.S.diff(dim=-1) <= 0).all()
for other in (-A, torch.randn(4, 4), torch.zeros(2, 2)):
    symmetric = other + other.T
    w, v = torch.linalg.eigh(symmetric)
    torch.testing.assert_close(symmetric @ v, v * w)
    torch.testing.assert_close(v.T @ v, torch.eye(len(v)))  # at right angles, of length 1
    assert (w.diff() >= 0).all()
for size in (2, 3, 7):
    lower, upper = torch.randn(2, size, size)
    mixed = lower.tril() + upper.triu(1)
    torch.testing.assert_close(torch.linalg.eigvalsh(mixed), torch.linalg.eigvalsh(lower))
    assert not torch.allclose(torch.linalg.eigvalsh(mixed, UPLO="U"), torch.linalg.eigvalsh(lower))
flipped = vectors * torch.tensor([1.0, -1.0, 1.0])  # the sign of a vector is not determined
torch.testing.assert_close(flipped @ torch.diag(values) @ flipped.T, A)
for function in (torch.linalg.svd, torch.linalg.eigh):
    for dtype, name in ((torch.float16, "'Half'"), (torch.bfloat16, "'BFloat16'")):
        with expect_error(NotImplementedError, match=name):
            function(A.to(dtype))
# An S near 0 tells that a row follows from the others, and matrix_rank counts the S that are not near 0.
told_twice = torch.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
assert torch.linalg.svdvals(told_twice)[1] < 1e-5
assert torch.linalg.matrix_rank(told_twice) == 1
# svd_lowrank finds the first parts of the photo nearly as well.
lu, ls, lv = torch.svd_lowrank(photo, q=20)
assert (photo - lu @ torch.diag(ls) @ lv.T).norm() < 1.1 * (photo - parts(20)).norm()

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
# The next question asks for a vector.

B = torch.tensor([[1.0, 2.0, 0.0], [2.0, 5.0, 1.0], [0.0, 1.0, 3.0]])
values, vectors = torch.linalg.eigh(B)
belongs = [
    torch.allclose(B @ v, values[-1] * v, atol=1e-5)
    for v in (vectors[-1], vectors[:, -1], vectors[:, 0])
]
calls = ["vectors[-1]", "vectors[:, -1]", "vectors[:, 0]"]
assert sum(belongs) == 1
ask(
    "values, vectors = torch.linalg.eigh(B). Which is the direction that B stretches most, if no value is negative?",
    answer=calls[belongs.index(True)],
    choices={
        "vectors[-1]": "That is a row; the vectors are the columns.",
        "vectors[:, -1]": "The values rise, so the last column belongs to the largest.",
        "vectors[:, 0]": "The values rise, so the first column belongs to the smallest.",
    },
)

# %%
# **Exercise.** Power iteration finds the direction with the largest eigenvalue by multiplication alone: multiply a
# vector by ``A``, divide it by its length, and repeat. Return the eigenvalue. No eigenvalue is negative, and the
# largest occurs once. Start from a vector of random numbers.


def by_eigvalsh(A):
    return torch.linalg.eigvalsh(A)[-1]


def positive(*values):
    turned = torch.linalg.qr(torch.randn(len(values), len(values)).double()).Q
    return turned @ torch.diag(torch.tensor(values).double()) @ turned.T


cases = [(A.double(),), (positive(5.0, 1.0, 0.5),), (positive(2.0, 1.5, 1.0, 0.0),)]
others = [
    "eigh",
    "eigvalsh",
    "linalg_eigh",
    "linalg_eigvalsh",
    "svd",
    "linalg_svd",
    "eig",
    "linalg_eig",
]


def largest_eigenvalue(A):
    raise NotImplementedError


check(largest_eigenvalue, by_eigvalsh, cases, without=others)

# %%
# Each multiplication lets the direction with the largest eigenvalue grow more than the others.

# Solution


def largest_eigenvalue(A):
    direction = torch.randn(len(A), dtype=A.dtype)
    for _ in range(300):
        direction = A @ direction
        direction = direction / torch.linalg.vector_norm(direction)
    return direction @ A @ direction


report = check(largest_eigenvalue, by_eigvalsh, cases, without=others)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`floating-point-surprises` explains where the rounding comes from.
#
# - Strang (2016). `Introduction to Linear Algebra <https://math.mit.edu/~gs/linearalgebra/>`__. The chapters on
#   eigenvalues and on the singular value decomposition.
# - Hu et al. (2021). `LoRA: low-rank adaptation of large language models <https://arxiv.org/abs/2106.09685>`__. A
#   large network is adapted by adding products of two small matrices.
