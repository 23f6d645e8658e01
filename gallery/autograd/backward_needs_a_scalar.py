"""
.. _backward-needs-a-scalar:

Why does backward() need a scalar, and what is its gradient argument?
=====================================================================

You called ``losses.backward()`` on one loss for each sample, and PyTorch answered ``grad can be implicitly created only
for scalar outputs``. Take the mean, or say with ``backward(gradient)`` how much each loss counts.
"""

# %%
# Set-up

import torch
from torch.func import jacrev
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

samples = torch.tensor([[1.0, 2.0, 0.0], [3.0, 0.0, 1.0]])
targets = torch.tensor([0.0, 3.0])
weights = torch.tensor([1.0, -1.0, 2.0], requires_grad=True)


def losses_of(weights):
    # one squared error for each sample
    return F.mse_loss(samples @ weights, targets, reduction="none")


J = jacrev(losses_of)(weights.detach())
v = torch.tensor([1.0, 10.0])
assert J.shape == (2, 3)

# %%

draw(torch.matmul, (v, J), names=["v", "J"])

# %%
# Two samples give two losses, and the model has three weights. Row i of the table ``J`` is the gradient of loss i.
# ``losses.backward(v)`` adds ``v @ J`` to ``weights.grad``. Point at a result to see which numbers made it. You need
# to know :ref:`from-calculation-to-graph` and :ref:`matmul`.
#
# The rule
# --------
#
# The table is the :term:`Jacobian`, :math:`J_{ij} = \partial\, \text{loss}_i / \partial w_j`. ``backward(v)`` adds up
# its rows, row :math:`i` times :math:`v_i`. This sum is a :term:`vector-Jacobian product`, and it has the shape of the
# weights. With a single loss, ``backward()`` takes 1 as its :math:`v`. Two losses may count equally or not, so PyTorch
# does not guess.

losses = losses_of(weights)
with expect_error(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
    losses.backward()
losses.backward(v)
torch.testing.assert_close(weights.grad, 1 * J[0] + 10 * J[1])
weights.grad

# %%
# What v means
# ------------
#
# ``v`` says how much each loss counts. Ones give the gradient of the sum, and 1/2 for each of two losses gives the
# gradient of the mean. In these four cases the result is the gradient of the scalar ``(v * losses).sum()``, so you may
# write that instead.

meanings = {"sum": [1.0, 1.0], "mean": [0.5, 0.5], "sample 1": [0.0, 1.0], "weighted": [1.0, 10.0]}
for name, each in meanings.items():
    chosen = torch.tensor(each)
    (gradient,) = torch.autograd.grad(losses_of(weights), weights, chosen)
    (by_scalar,) = torch.autograd.grad((chosen * losses_of(weights)).sum(), weights)
    torch.testing.assert_close(gradient, by_scalar)
    print(f"{name:<9}v = {each!s:<12}gradient {gradient.tolist()}")

# %%
# Why autograd does not make the table
# ------------------------------------
#
# On the way back, an operation multiplies the vector that arrives by its own Jacobian, and hands the result on. To
# multiply, it does not need the whole table. A square multiplies each element by twice its input. Its Jacobian would
# be large, and 0 everywhere but on the diagonal. Here are 5,000 activations:

activations = torch.linspace(0, 1, 5000, requires_grad=True)
(product,) = torch.autograd.grad(activations**2, activations, torch.ones(5000))
print(f"Jacobian: {5000 * 5000 * activations.itemsize:>11,} bytes")
print(f"product:  {product.nbytes:>11,} bytes")
torch.testing.assert_close(product, 2 * activations.detach())

# %%
# When you do want the table, ask for its rows: a row takes a backward pass with a single 1 in ``v``. Each row is the
# gradient of one sample's loss. :func:`torch.func.jacrev`, which made ``J``, computes the rows together.

passes = [torch.autograd.grad(losses_of(weights), weights, row)[0] for row in torch.eye(2)]
torch.testing.assert_close(torch.stack(passes), J)
torch.stack(passes)

# %%
# .. use-this::
#
#    Reduce to one number before ``backward()``: ``losses.mean().backward()``. If each sample comes twice, the
#    gradient of the mean stays as it is, and that of the sum doubles. Give ``gradient`` where samples count
#    differently, or where a program outside PyTorch has computed the derivative with respect to the output. It must
#    have the shape of the output. Add several losses up before one ``backward()``. The Jacobian costs a backward pass
#    for each row.
#
# A common mistake
# ----------------
#
# **Ones as a cure for the message.** ``losses.backward(torch.ones_like(losses))`` gives the gradient of the *sum*.
# With the same two samples 32 times in the batch, it is 32 times as large, and so is a step of plain SGD.


def gradient_norm(copies, count):
    batch, wanted = samples.repeat(copies, 1), targets.repeat(copies)
    losses = F.mse_loss(batch @ weights, wanted, reduction="none")
    return torch.autograd.grad(losses, weights, count(losses))[0].norm()


counts = {"ones": torch.ones_like, "mean": lambda losses: torch.full_like(losses, 1 / len(losses))}
for name, count in counts.items():
    few, many = gradient_norm(1, count), gradient_norm(32, count)
    print(f"{name}: {few:6.2f} for 2 samples, {many:6.2f} for 64")
    torch.testing.assert_close(many, (32 if name == "ones" else 1) * few)

# %%
# How this was checked

# Random sizes: the product with v, the scalar (v * y).sum(), and the rows of the Jacobian agree.
torch.manual_seed(0)
for outputs, inputs in [(1, 1), (1, 4), (3, 1), (5, 2), (7, 6)]:
    A, x, w = (
        torch.randn(outputs, inputs),
        torch.randn(inputs, requires_grad=True),
        torch.randn(outputs),
    )
    table = jacrev(lambda x, A=A: A @ x**2)(x.detach())
    torch.testing.assert_close(table, 2 * A * x.detach())
    torch.testing.assert_close(torch.autograd.grad(A @ x**2, x, w)[0], w @ table)
    torch.testing.assert_close(torch.autograd.grad((w * (A @ x**2)).sum(), x)[0], w @ table)

# An output with more axes: v has its shape, and the product sums over all of its axes.
batch = torch.arange(12.0).reshape(4, 3).requires_grad_()
A = torch.tensor([[1.0, 0.0, 2.0], [3.0, 1.0, 0.0]])
w = torch.arange(8.0).reshape(4, 2)
table = jacrev(lambda items: items @ A.T)(batch.detach())
assert table.shape == (4, 2, 4, 3)
torch.testing.assert_close(
    torch.autograd.grad(batch @ A.T, batch, w)[0], torch.einsum("no,noki->ki", w, table)
)

# v belongs to the output: another shape is refused, and nothing is broadcast.
losses = losses_of(weights)
for wrong in (torch.ones_like(weights), torch.ones(1), torch.ones(1, 2), torch.tensor(1.0)):
    with expect_error(RuntimeError, match="Mismatch in shape"):
        losses.backward(wrong)

# One real element counts as a scalar, however many axes it has; a complex one and an empty tensor do not.
for shape in [(), (1,), (1, 1), (1, 1, 1)]:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.sum().reshape(shape).backward()
    assert x.grad.tolist() == [1, 1]
with expect_error(RuntimeError, match="only for real scalar outputs"):
    (x.sum() * 1j).backward()
with expect_error(RuntimeError, match="only for scalar outputs"):
    x[:0].backward()

# Step by step, each operation with its own Jacobian: the square first, then the product with the samples.
errors = (samples @ weights - targets).detach()
torch.testing.assert_close(v @ J, (v * 2 * errors) @ samples)
# Twice the same samples: the sum of the losses has twice the gradient.
for copies in (1, 2, 3, 7):
    torch.testing.assert_close(
        gradient_norm(copies, counts["ones"]), copies * gradient_norm(1, counts["ones"])
    )
    torch.testing.assert_close(
        gradient_norm(copies, counts["mean"]), gradient_norm(1, counts["mean"])
    )
# For complex numbers, backward multiplies by the conjugate of the table.
z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
A, w = torch.tensor([[1 + 1j, 2], [0, 1j]]), torch.tensor([1, 1j])
torch.testing.assert_close(torch.autograd.grad(A @ z, z, w)[0], w @ A.conj())
# One backward of the sum of two losses adds up what two would.
weights.grad = None
losses_of(weights)[0].backward()
losses_of(weights)[1].backward()
torch.testing.assert_close(weights.grad, J.sum(dim=0))

# %%
# Check yourself
# --------------

p = torch.tensor([3.0, 4.0], requires_grad=True)
(p**2).backward(torch.tensor([1.0, 0.0]))
ask(
    "p is [3.0, 4.0]. What is p.grad after (p ** 2).backward(torch.tensor([1.0, 0.0]))?",
    answer=p.grad,
    choices={
        (
            6.0,
            8.0,
        ): "That is 2 * p, the gradient of the sum. Here the second output has the weight 0.",
        (6.0, 0.0): "The first row of the Jacobian: the gradient of the first output.",
        (1.0, 0.0): "That is v, what the backward pass starts from.",
    },
)

# %%
# The next layer has seven outputs.

q = torch.rand(5, requires_grad=True)
(torch.rand(7, 5) @ q).backward(torch.ones(7))
ask(
    "q has shape (5,), W has shape (7, 5). What is the shape of q.grad after (W @ q).backward(torch.ones(7))?",
    answer=q.grad.shape,
    choices={
        (5,): "q.grad has the shape of q. The rows of the Jacobian are added up.",
        (7,): "That is the shape of v, and of the output.",
        (7, 5): "That is the shape of the Jacobian, which is not made.",
    },
)

# %%
# **Exercise.** Write the backward pass of a layer, ``y = x @ w`` with shapes (n, k) and (k, m). Given ``v``, of the
# shape of ``y``, return what ``y.backward(v)`` leaves in ``x.grad``, without autograd. The sizes differ, so they tell
# which transpose you need.


def by_autograd(x, w, v):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(x @ w, x, v)[0]


cases = []
for n, k, m in [(1, 2, 1), (2, 3, 4), (5, 1, 3)]:
    w, given = torch.arange(1.0, 1 + k * m).reshape(k, m), torch.arange(float(n * m)).reshape(n, m)
    cases.append((torch.ones(n, k), w, given + 1))


def backward_of_product(x, w, v):
    raise NotImplementedError


check(backward_of_product, by_autograd, cases, without=["grad", "backward"])

# %%
# Element (i, j) of ``x`` is multiplied by row j of ``w`` and added to row i of ``y``. So its derivatives are ``w[j]``,
# and their weights are ``v[i]``.

# Solution


def backward_of_product(x, w, v):
    return v @ w.T


report = check(backward_of_product, by_autograd, cases, without=["grad", "backward"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`gradients-add-up`, which says what a second ``backward()`` does to ``.grad``.
#
# - Baydin, Pearlmutter, Radul and Siskind (2018). `Automatic differentiation in machine learning: a survey
#   <https://jmlr.org/papers/v18/17-468.html>`__. Section 3 has forward and reverse mode on one example.
# - PyTorch contributors (2026). `torch.autograd.backward
#   <https://docs.pytorch.org/docs/stable/generated/torch.autograd.backward.html>`__. The reference.
