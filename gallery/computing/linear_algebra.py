"""
.. _linear-algebra:

How do I solve A x = b in PyTorch, and why not with inv?
========================================================

You write ``inv(A) @ b`` for :math:`A^{-1} b`, and with some matrices :math:`A x` then differs from :math:`b` by far
more than rounding. :func:`torch.linalg.solve` solves the equations without the :term:`inverse`.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
A = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])
b = torch.tensor([4.0, 10.0, 14.0])

# %%

draw(torch.linalg.solve, (A, b), names=["A", "b"])

# %%
# A row of ``A`` and an element of ``b`` are one equation. Row 0 says :math:`2 x_0 + x_1 = 4`. Each of the three
# unknowns depends on the whole of ``A`` and ``b``. You need to know :ref:`matmul`.
#
# The rule
# --------
#
# ``torch.linalg.solve(A, b)`` gives the ``x`` with :math:`\sum_j A_{ij} x_j = b_i`. By hand you would use elimination:
# subtract multiples of a row from the others until each row has one unknown left. For each unknown, use the remaining
# row in which its factor is largest (*pivoting*).


def solve_from_scratch(A, b):
    rows = torch.cat([A, b.unsqueeze(1)], dim=1)
    for k in range(len(A)):
        largest = k + int(rows[k:, k].abs().argmax())
        rows[[k, largest]] = rows[[largest, k]]  # exchange two rows
        factors = rows[:, k] / rows[k, k]
        factors[k] = 0
        rows = rows - factors.unsqueeze(1) * rows[k]
    return rows[:, -1] / rows[:, :-1].diagonal()


torch.testing.assert_close(solve_from_scratch(A, b), torch.linalg.solve(A, b))

# %%
# What the inverse costs
# ----------------------
#
# The inverse is rounded before it meets ``b``. Here is a Hilbert matrix, :math:`h_{ij} = 1 / (i + j + 1)`, and 100
# right-hand sides whose ``x`` we know. The :term:`residual` is the error of the equations, :math:`A x - b`, here
# divided by the length of ``b``. With ``solve`` it is as small as rounding, with ``inv`` it is far larger.

# Varies with the processor: how large the errors of rounding are
i = torch.arange(8, dtype=torch.float64)
hilbert = 1 / (i.unsqueeze(1) + i + 1)
known = torch.randn(8, 100, dtype=torch.float64)
targets = hilbert @ known
ways = {
    "solve": torch.linalg.solve(hilbert, targets),
    "inv @": torch.linalg.inv(hilbert) @ targets,
}
residual = {
    name: ((hilbert @ x - targets).norm(dim=0) / targets.norm(dim=0)).median()
    for name, x in ways.items()
}
for name, left in residual.items():
    print(f"{name:<6} misses b by {left:.0e} of its length")
assert residual["solve"] < 1e-14
assert residual["inv @"] > 1e-11

# %%
# How hard is this matrix?
# ------------------------
#
# A small relative error of ``b`` becomes a larger relative error of ``x``, at worst by the factor
# :func:`torch.linalg.cond`. This matrix is *ill-conditioned*: its factor is about :val:`1.5e10 <cond>`. So ``x`` itself
# loses about half of its digits, also with ``solve``. In :val:`float32 <found.dtype>`, which has about seven digits,
# none is left.
#
# .. not tried: none — the cell measures the error of float32

# Varies with the processor: the error of float32
cond = torch.linalg.cond(hilbert)
print(f"cond of the Hilbert matrix {cond:.1e}, of A {torch.linalg.cond(A):.1f}")
found = torch.linalg.solve(hilbert.float(), targets.float())
error = (found - ways["solve"]).norm(dim=0) / ways["solve"].norm(dim=0)
print(f"float32: the error is {error.median():.1f} times as long as x")
assert error.median() > 0.5

# %%
# More equations than unknowns
# ----------------------------
#
# A line through five points has two unknowns, intercept and slope, and no line goes through the five.
# :func:`torch.linalg.lstsq` finds the line with the smallest sum of squared errors.

t = torch.arange(5.0)
heights = torch.tensor([[1.0], [3.0], [2.0], [5.0], [4.0]])
points = torch.stack([torch.ones(5), t], dim=1)  # (point, unknown)
line = torch.linalg.lstsq(points, heights).solution
print("intercept, slope:", [round(value, 4) for value in line.flatten().tolist()])

# %%
# .. use-this::
#
#    Take ``torch.linalg.solve(A, b)`` where a formula has :math:`A^{-1} b`, and ``inv`` where you want the inverse
#    itself. ``A`` has shape (..., n, n). ``b`` has shape (..., n) or (..., n, k). Leading axes are a batch. Take
#    ``lstsq`` for tables with more rows than columns. Work in :val:`float64 <hilbert.dtype>` if ``cond`` is large: it
#    tells how much an error can grow. For one ``A`` and many ``b``, give them as columns, so that the elimination runs
#    once.
#
# A common mistake
# ----------------
#
# **Rows that depend on each other.** Then the equations have no solution or infinitely many, and the matrix is
# :term:`singular`. ``solve`` raises an error where its elimination meets a 0. If one element changes in its seventh
# digit, ``solve`` raises no error, and the result is huge. Look at ``cond`` if you do not trust a matrix.

# Varies with the processor: the last digits of both numbers
singular = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
with expect_error(RuntimeError, match="singular"):
    torch.linalg.solve(singular, torch.ones(2))
nearly = singular + torch.tensor([[0.0, 0.0], [0.0, 1e-6]])
largest = torch.linalg.solve(nearly, torch.ones(2)).abs().max()
print(f"largest unknown {largest:,.0f}, cond {torch.linalg.cond(nearly):,.0f}")
assert largest > 100_000
assert torch.linalg.cond(nearly) > 1_000_000

# %%
# How this was checked

assert residual["solve"] < 1e-14
assert residual["inv @"] > 1e-11
assert cond > 1e10
assert error.median() > 0.5
off = {name: ((x - known).norm(dim=0) / known.norm(dim=0)).median() for name, x in ways.items()}
assert 1e-10 < off["solve"] < 1e-6
assert off["solve"] < off["inv @"] < 1e-4
# With random numbers as b, x is huge, and both ways are equally good.
noise = torch.randn(8, 100, dtype=torch.float64)
for x in (torch.linalg.solve(hilbert, noise), torch.linalg.inv(hilbert) @ noise):
    left = ((hilbert @ x - noise).norm(dim=0) / noise.norm(dim=0)).median()
    assert 1e-9 < left < 1e-6
torch.testing.assert_close(A @ torch.linalg.solve(A, b), b)
torch.testing.assert_close(
    points.T @ (points @ line - heights), torch.zeros(2, 1), atol=1e-5, rtol=0
)
systems = torch.stack([A, A + 5 * torch.eye(3)])
each = [torch.linalg.solve(system, b) for system in systems]
torch.testing.assert_close(torch.linalg.solve(systems, b.expand(2, 3)), torch.stack(each))
assert torch.linalg.solve(systems, torch.ones(2, 3, 7)).shape == (2, 3, 7)
for n in (1, 2, 5, 9):
    matrix = torch.randn(n, n, dtype=torch.float64)
    right = torch.randn(n, dtype=torch.float64)
    torch.testing.assert_close(solve_from_scratch(matrix, right), torch.linalg.solve(matrix, right))
swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
assert solve_from_scratch(swap, torch.tensor([3.0, 5.0])).tolist() == [5, 3]
# cond limits how much an error of b can grow.
for _ in range(100):
    change = 1e-6 * torch.randn_like(targets)
    moved = torch.linalg.solve(hilbert, targets + change) - ways["solve"]
    grown = (moved.norm(dim=0) / ways["solve"].norm(dim=0)) / (
        change.norm(dim=0) / targets.norm(dim=0)
    )
    assert (grown < cond).all()
# For a well-conditioned matrix, both ways are good.
easy = torch.eye(8, dtype=torch.float64) + 0.1 * hilbert
for way in (torch.linalg.solve(easy, targets), torch.linalg.inv(easy) @ targets):
    assert (easy @ way - targets).norm() < 1e-14 * targets.norm()
# No other line misses by less; the equations A.T A x = A.T b give the same, and have the square of the cond.
misses = points @ line - heights
for _ in range(100):
    assert (points @ (line + 0.1 * torch.randn(2, 1)) - heights).norm() > misses.norm()
torch.testing.assert_close(line, torch.linalg.solve(points.T @ points, points.T @ heights))
torch.testing.assert_close(torch.linalg.cond(points.T @ points), torch.linalg.cond(points) ** 2)
# With A of shape (3, 3, 3), b of shape (3, 3) is read as three vectors.
three, square = torch.stack([A, 2 * A, 3 * A]), torch.tensor([[1.0, 2, 4], [8, 0, 1], [2, 1, 3]])
as_vectors = torch.linalg.solve(three, square)
for k in range(3):
    torch.testing.assert_close(as_vectors[k], torch.linalg.solve(three[k], square[k]))
# Integers and half precision are refused.
with expect_error(RuntimeError, match="Expected a floating point"):
    torch.linalg.solve(A.long(), b.long())
for dtype, name in ((torch.float16, "Half"), (torch.bfloat16, "BFloat16")):
    with expect_error(NotImplementedError, match=f"'{name}'"):
        torch.linalg.solve(A.to(dtype), b.to(dtype))
# The gradient of b is the solution of a system with A.T.
wanted = b.clone().requires_grad_()
gradient = torch.autograd.grad(torch.linalg.solve(A, wanted).sum(), wanted)[0]
torch.testing.assert_close(gradient, torch.linalg.solve(A.T, torch.ones(3)))
with expect_error(RuntimeError, match="must be batches of square matrices"):
    torch.linalg.solve(points, heights)

# %%
# Check yourself
# --------------

W = torch.randn(3, 6)
ask(
    "The paper says inverse(A) @ W, with a square A and W of shape (3, 6). What do you write?",
    answer="solve(A, W)"
    if torch.linalg.solve(A, W).allclose(A.inverse() @ W, atol=1e-5)
    else "solve(W, A)",
    choices={
        "inv(A) @ W": "Right on paper; the rounded inverse can miss the equations if A is ill-conditioned.",
        "solve(A, W)": "The six columns of W are six right-hand sides.",
        "solve(W, A)": "That is the order of the old torch.solve, which was removed.",
    },
)

# %%
# The next table has more rows than columns.

many = torch.linalg.lstsq(torch.rand(20, 3), torch.rand(20, 4)).solution
ask(
    "A has shape (20, 3), B (20, 4). What is the shape of torch.linalg.lstsq(A, B).solution?",
    answer=many.shape,
    choices={
        (20, 4): "That is the shape of A @ solution, which comes near to B.",
        (3,): "Each of the four columns of B has a solution of its own.",
        (3, 4): "One number for each unknown, and a column for each column of B.",
    },
)

# %%
# **Exercise.** Ridge regression is least squares that also keeps the weights small. For ``X`` of shape (sample,
# feature) and ``y`` of shape (sample,), return :math:`w = (X^T X + \lambda I)^{-1} X^T y` without an inverse.


def by_descent(X, y, strength):
    w = torch.zeros(X.shape[1], dtype=X.dtype)
    rate = 1 / (X.square().sum() + strength)
    for _ in range(20_000):
        w = w - rate * (X.T @ (X @ w - y) + strength * w)
    return w


cases = [
    (torch.eye(2).double(), torch.tensor([1.0, 2.0]).double(), 1.0),
    (torch.randn(20, 3).double(), torch.randn(20).double(), 0.5),
    (torch.randn(4, 6).double(), torch.randn(4).double(), 0.1),
]


def ridge(X, y, strength):
    raise NotImplementedError


check(ridge, by_descent, cases, without=["inv", "inverse", "pinv", "lstsq"])

# %%
# The formula is the solution of :math:`(X^T X + \lambda I) w = X^T y`.

# Solution


def ridge(X, y, strength):
    penalty = strength * torch.eye(X.shape[1], dtype=X.dtype)
    return torch.linalg.solve(X.T @ X + penalty, X.T @ y)


report = check(ridge, by_descent, cases, without=["inv", "inverse", "pinv", "lstsq"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`norms` is about lengths of vectors and of matrices.
#
# - Cook (2010). `Don't invert that matrix <https://www.johndcook.com/blog/2010/01/19/dont-invert-that-matrix/>`__. The
#   argument in a few paragraphs.
# - Trefethen and Bau (1997). `Numerical Linear Algebra <https://doi.org/10.1137/1.9780898719574>`__. The lectures on
#   conditioning, stability and elimination.
