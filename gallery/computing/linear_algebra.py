"""
.. _linear-algebra:

How do I solve A x = b in PyTorch, and why not with inv?
========================================================

:func:`torch.linalg.solve` finds the numbers that a :term:`matrix` turns into a given :term:`vector`. The way over the
:term:`inverse` is less exact. When there are more equations than unknowns, :func:`torch.linalg.lstsq` comes nearest.
You need to know :ref:`matmul`.
"""

# %%
# Three equations with three unknowns: row 0 says :math:`2 x_0 + x_1 = 4`. Touch a result: each unknown depends on the
# whole of both inputs.

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
# Elimination: subtract multiples of row ``k`` from the other rows, so that column ``k`` is 0 everywhere else. At the
# end each row has one unknown left. The row with the largest number goes first, so that nothing is divided by 0.


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

# %%
# inv instead of solve
# --------------------
#
# On paper, :math:`x = A^{-1} b`. In floating point, the inverse is rounded before it meets ``b``. This matrix is a hard
# one, though it looks harmless; 100 known solutions, as columns, are to be found again.

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
# the median of the 100 is compared with what rounding alone explains. The digits differ from one processor to the next;
# that the equations hold for ``solve``, and do not for ``inv``, does not.

residual = {
    name: (hilbert @ x - targets).norm(dim=0) / targets.norm(dim=0) for name, x in found.items()
}
rounding = 10 * torch.finfo(torch.float64).eps
for name, left in residual.items():
    print(f"{name}: the equations hold up to rounding: {bool(left.median() < rounding)}")
assert residual["solve"].median() < rounding
assert residual["inv @"].median() > 10_000 * rounding

# %%
# Neither ``x`` is exact: an *ill-conditioned* matrix enlarges every rounding error, at worst by
# :func:`torch.linalg.cond`. In float32 nothing of the solution is left. If :math:`A^{-1}` stands in a formula, call
# ``solve``; ``inv`` is for when the inverse itself is wanted.

error = (found["solve"] - truth).norm(dim=0) / truth.norm(dim=0)
assert torch.linalg.cond(hilbert) > 1e10
assert torch.linalg.cond(A) < 4
assert error.median() < torch.linalg.cond(hilbert) * torch.finfo(torch.float64).eps
lost = torch.linalg.solve(hilbert.float(), targets.float()) - truth
assert (lost.norm(dim=0) / truth.norm(dim=0)).median() > 0.1

# %%
# Shapes
# ------
#
# ``A`` is (..., n, n), and ``b`` is (..., n) or (..., n, k), with k columns to solve for; leading axes are a
# :term:`batch`. Here are 2 systems of 3 equations, each with a ``b`` of its own: the two do not mix.

systems = torch.stack([A, A + 5 * torch.eye(3)])
rights = torch.stack([b, b + 10])
one_by_one = [
    torch.linalg.solve(system, right) for system, right in zip(systems, rights, strict=True)
]
torch.testing.assert_close(torch.linalg.solve(systems, rights), torch.stack(one_by_one))
assert torch.linalg.solve(systems, torch.ones(2, 3, 7)).shape == (2, 3, 7)
draw(torch.linalg.solve, (systems, rights), names=["systems", "rights"])

# %%
# More equations than unknowns
# ----------------------------
#
# A line through five points: intercept and slope are the unknowns, and no line meets all of them.
# :func:`torch.linalg.lstsq` makes the sum of the squared misses smallest. The misses are then at right angles to the
# columns of ``A``, which gives two equations, :math:`A^T A x = A^T b`. lstsq does not form :math:`A^T A`: the ``cond``
# of that matrix is the square of the first.

t = torch.arange(5, dtype=torch.float64)
points = torch.stack([torch.ones(5), t], dim=1)
heights = torch.tensor([[1], [3], [2], [5], [4]], dtype=torch.float64)
line = torch.linalg.lstsq(points, heights).solution
torch.testing.assert_close(line, torch.tensor([[1.4], [0.8]], dtype=torch.float64))
misses = points @ line - heights
torch.testing.assert_close(points.T @ misses, torch.zeros(2, 1, dtype=torch.float64))
torch.testing.assert_close(line, torch.linalg.solve(points.T @ points, points.T @ heights))
torch.testing.assert_close(torch.linalg.cond(points.T @ points), torch.linalg.cond(points) ** 2)
draw(lambda A, b: torch.linalg.lstsq(A, b).solution, (points, heights), names=["points", "heights"])

# %%
# What goes wrong
# ---------------
#
# A matrix whose rows depend on each other is :term:`singular`: no solution, or too many. A change of 1e-6 hides it from
# the check, and the result is huge. Integers and half precision are refused, and the matrix must be square.

singular = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
with expect_error(RuntimeError, match="singular"):
    torch.linalg.solve(singular, torch.ones(2))
nearly = singular + torch.tensor([[0.0, 0.0], [0.0, 1e-6]])
assert torch.linalg.solve(nearly, torch.ones(2)).abs().max() > 100_000
with expect_error(RuntimeError, match="Expected a floating point"):
    torch.linalg.solve(A.long(), b.long())
with expect_error(NotImplementedError, match="Half"):
    torch.linalg.solve(A.half(), b.half())
with expect_error(RuntimeError, match="must be batches of square matrices"):
    torch.linalg.solve(points, heights)  # lstsq takes these

# %%
# All results are new tensors, and gradients go through: that of ``b`` is again a system, with ``A.T``.

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
