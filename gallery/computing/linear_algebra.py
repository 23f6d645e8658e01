"""
.. _linear-algebra:

How do I solve A x = b in PyTorch, and why not with inv?
========================================================

:func:`torch.linalg.solve` finds the numbers that a :term:`matrix` turns into a given :term:`vector`. The way over the
:term:`inverse` can lose far more digits, as a matrix on this page shows. When there are more equations than unknowns,
:func:`torch.linalg.lstsq` finds the numbers that miss by the least. You need to know :ref:`matmul`.
"""

# %%
# Here are three equations with three unknowns. Row 0 says :math:`2 x_0 + x_1 = 4`. Touch a result: each unknown depends
# on the whole of both inputs.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

A = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])
b = torch.tensor([4.0, 10.0, 14.0])
torch.testing.assert_close(A @ torch.linalg.solve(A, b), b)
draw(torch.linalg.solve, (A, b), names=["A", "b"])

# %%
# From scratch
# ------------
#
# The method is elimination: subtract multiples of row ``k`` from the other rows, so that column ``k`` is 0 in them. At
# the end each row has one unknown left. Of the rows that are left, the one with the largest number in column ``k`` goes
# first. So a 0 on the diagonal is no problem, unless the matrix is singular.


def solve(A, b):
    rows = torch.cat([A, b.unsqueeze(1)], dim=1)
    for k in range(len(A)):
        largest = k + int(rows[k:, k].abs().argmax())
        rows[[k, largest]] = rows[[largest, k]]  # exchange two rows
        factors = rows[:, k] / rows[k, k]
        factors[k] = 0
        rows = rows - factors.unsqueeze(1) * rows[k]
    return rows[:, -1] / rows[:, :-1].diagonal()


torch.testing.assert_close(solve(A, b), torch.linalg.solve(A, b))
swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
assert solve(swap, torch.tensor([3.0, 5.0])).tolist() == [5, 3]

# %%
# inv instead of solve
# --------------------
#
# On paper, :math:`x = A^{-1} b`. In floating point, the inverse is rounded before it meets ``b``. This Hilbert matrix
# is a hard one, though it looks harmless. 100 known solutions, as columns, are to be found again.

torch.manual_seed(0)
i = torch.arange(8, dtype=torch.float64)
hilbert = 1 / (i.unsqueeze(1) + i + 1)
truth = torch.randn(8, 100, dtype=torch.float64)
targets = hilbert @ truth
found = {
    "solve": torch.linalg.solve(hilbert, targets),
    "inv @": torch.linalg.inv(hilbert) @ targets,
}

# %%
# The :term:`residual` is what is left of the equations, :math:`A x - b`. Here it is divided by the length of ``b``, and
# the median of the 100 is compared with what rounding alone explains. The digits may differ on your processor. The
# difference is a factor of more than 10,000.

residual = {
    name: (hilbert @ x - targets).norm(dim=0) / targets.norm(dim=0) for name, x in found.items()
}
rounding = 10 * torch.finfo(torch.float64).eps
for name, left in residual.items():
    print(f"{name}: the equations hold up to rounding: {bool(left.median() < rounding)}")
assert residual["solve"].median() < rounding
assert residual["inv @"].median() > 10_000 * rounding

# %%
# Neither ``x`` is exact. An *ill-conditioned* matrix enlarges the relative error of ``b``, at worst by the factor
# :func:`torch.linalg.cond`. In :val:`float32 <hilbert.float().dtype>` the error of ``x`` is about as large as ``x``
# itself. For a well-conditioned matrix the two ways are about equally good. If :math:`A^{-1}` stands in a formula, call
# ``solve``. Call ``inv`` if you want the inverse itself.

error = (found["solve"] - truth).norm(dim=0) / truth.norm(dim=0)
assert torch.linalg.cond(hilbert) > 1e10
assert torch.linalg.cond(A) < 4
assert error.median() < torch.linalg.cond(hilbert) * torch.finfo(torch.float64).eps
lost = torch.linalg.solve(hilbert.float(), targets.float()) - truth
assert (lost.norm(dim=0) / truth.norm(dim=0)).median() > 0.5
cond = torch.linalg.cond(hilbert)
for _ in range(100):
    change = 1e-6 * torch.randn_like(targets)
    moved = torch.linalg.solve(hilbert, targets + change) - found["solve"]
    grown = (moved.norm(dim=0) / truth.norm(dim=0)) / (change.norm(dim=0) / targets.norm(dim=0))
    assert (grown < cond).all()
easy = torch.eye(8, dtype=torch.float64) + 0.1 * hilbert
right = easy @ truth
for way in (torch.linalg.solve(easy, right), torch.linalg.inv(easy) @ right):
    assert (easy @ way - right).norm() < rounding * right.norm()

# %%
# Shapes
# ------
#
# ``A`` is (..., n, n), and ``b`` is (..., n) or (..., n, k), with k columns to solve for. Leading axes are a
# :term:`batch`. Here are 2 systems of 3 equations, each with a ``b`` of its own. The two do not mix. If ``A`` is (3, 3,
# 3) and ``b`` is (3, 3), ``b`` is read as 3 vectors, one for each matrix, and not as one matrix for the three.

systems = torch.stack([A, A + 5 * torch.eye(3)])
rights = torch.stack([b, b + 10])
one_by_one = [
    torch.linalg.solve(system, right) for system, right in zip(systems, rights, strict=True)
]
torch.testing.assert_close(torch.linalg.solve(systems, rights), torch.stack(one_by_one))
assert torch.linalg.solve(systems, torch.ones(2, 3, 7)).shape == (2, 3, 7)
three, square = torch.stack([A, 2 * A, 3 * A]), torch.tensor([[1.0, 2, 4], [8, 0, 1], [2, 1, 3]])
assert (three.shape, square.shape) == ((3, 3, 3), (3, 3))
as_vectors = torch.linalg.solve(three, square)
for i in range(3):
    torch.testing.assert_close(as_vectors[i], torch.linalg.solve(three[i], square[i]))
draw(torch.linalg.solve, (systems, rights), names=["systems", "rights"])

# %%
# More equations than unknowns
# ----------------------------
#
# A line is to go near five points. Intercept and slope are the unknowns, and no line meets the five points.
# :func:`torch.linalg.lstsq` makes the sum of the squared misses smallest. The misses are then at right angles to the
# columns of ``A``, which gives two equations, :math:`A^T A x = A^T b`. The ``cond`` of :math:`A^T A` is the square of
# that of ``A``. So these equations can be singular in :val:`float32 <narrow.dtype>` where lstsq still finds the
# solution.

t = torch.arange(5, dtype=torch.float64)
points = torch.stack([torch.ones(5), t], dim=1)
heights = torch.tensor([[1], [3], [2], [5], [4]], dtype=torch.float64)
line = torch.linalg.lstsq(points, heights).solution
torch.testing.assert_close(line, torch.tensor([[1.4], [0.8]], dtype=torch.float64))
misses = points @ line - heights
torch.testing.assert_close(points.T @ misses, torch.zeros(2, 1, dtype=torch.float64))
torch.testing.assert_close(line, torch.linalg.solve(points.T @ points, points.T @ heights))
torch.testing.assert_close(torch.linalg.cond(points.T @ points), torch.linalg.cond(points) ** 2)
for _ in range(100):
    other = points @ (line + 0.1 * torch.randn(2, 1, dtype=torch.float64)) - heights
    assert other.norm() > misses.norm()
narrow, wanted = torch.tensor([[1.0, 1.0], [1e-5, 0.0], [0.0, 1e-5]]), torch.tensor([[1.0], [2.0]])
assert narrow.dtype == torch.float32
near = torch.linalg.lstsq(narrow, narrow @ wanted).solution
assert (near - wanted).abs().max() < 0.1
with expect_error(RuntimeError, match="singular"):
    torch.linalg.solve(narrow.T @ narrow, narrow.T @ narrow @ wanted)
draw(lambda A, b: torch.linalg.lstsq(A, b).solution, (points, heights), names=["points", "heights"])

# %%
# What goes wrong
# ---------------
#
# A matrix whose rows depend on each other is :term:`singular`: the equations have no solution, or infinitely many.
# ``solve`` raises an error if its elimination meets a 0. After a change of 1e-6 it does not, and the result is huge.
# Integers, half precision and matrices that are not square are refused.

singular = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
with expect_error(RuntimeError, match="singular"):
    torch.linalg.solve(singular, torch.ones(2))
nearly = singular + torch.tensor([[0.0, 0.0], [0.0, 1e-6]])
assert torch.linalg.solve(nearly, torch.ones(2)).abs().max() > 100_000
with expect_error(RuntimeError, match="Expected a floating point"):
    torch.linalg.solve(A.long(), b.long())
for dtype, name in ((torch.float16, "Half"), (torch.bfloat16, "BFloat16")):
    with expect_error(NotImplementedError, match=f"'{name}'"):
        torch.linalg.solve(A.to(dtype), b.to(dtype))
with expect_error(RuntimeError, match="must be batches of square matrices"):
    torch.linalg.solve(points, heights)  # lstsq takes these

# %%
# The solution is a new tensor, and gradients go through: that of ``b`` is again the solution of a system, with ``A.T``.

wanted = b.clone().requires_grad_()
gradient = torch.autograd.grad(torch.linalg.solve(A, wanted).sum(), wanted)[0]
torch.testing.assert_close(gradient, torch.linalg.solve(A.T, torch.ones(3)))

# %%
# Check yourself
# --------------
#
# A formula from a paper:

W = torch.randn(3, 6)
ask(
    "The paper says inverse(A) @ W, with a square A and W of shape (3, 6). What do you write?",
    answer="solve(A, W)"
    if torch.linalg.solve(A, W).allclose(A.inverse() @ W, atol=1e-5)
    else "solve(W, A)",
    choices={
        "inv(A) @ W": "It is right on paper; the rounded inverse costs digits if A is ill-conditioned.",
        "solve(A, W)": "The six columns of W are six right-hand sides.",
        "solve(W, A)": "That is the order of the old torch.solve, which was removed.",
    },
)

# %%
# More points:

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
# Next: :ref:`norms-and-decompositions`, about lengths, and how a matrix comes apart.
