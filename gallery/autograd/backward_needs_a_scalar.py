"""
.. _backward-needs-a-scalar:

Why does backward() need a scalar, and what is its gradient argument?
=====================================================================

You computed one loss for each sample and called ``losses.backward()``, and PyTorch answered ``grad can be implicitly
created only for scalar outputs``. A gradient says how *one* number changes with each weight, so take the mean of the
losses, or say with ``backward(gradient)`` how much each of them counts.
"""

# %%
# Set-up

import torch
from torch.func import jacrev
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw, draw_graph
from ptguide.questions import ask

samples = torch.tensor([[1.0, 2.0, 0.0], [3.0, 0.0, 1.0]])
targets = torch.tensor([0.0, 3.0])
weights = torch.tensor([1.0, -1.0, 2.0], requires_grad=True)


def losses_of(weights):
    return F.mse_loss(
        samples @ weights, targets, reduction="none"
    )  # one squared error for each sample


J = jacrev(losses_of)(weights.detach())
v = torch.tensor([1.0, 10.0])
assert J.shape == (2, 3)

# %%

draw(torch.matmul, (v, J), names=["v", "J"])

# %%
# Two samples give two losses, and the model has three weights. The table ``J`` has a row for each loss: how that loss
# changes with each weight. ``backward(v)`` puts ``v @ J`` into ``.grad``. Point at a result to see which numbers made
# it. You need to know :ref:`from-calculation-to-graph` and :ref:`matmul`.
#
# The rule
# --------
#
# The table of these derivatives is the :term:`Jacobian`, :math:`J_{ij} = \partial\, \text{loss}_i / \partial w_j`.
# ``v`` has a number for each loss, and ``backward(v)`` adds up the rows of the table, row :math:`i` times :math:`v_i`.
# This sum is a :term:`vector-Jacobian product`. It has the shape of the weights, :val:`weights.grad.shape`, where the
# table has shape :val:`J.shape`.

losses = losses_of(weights)
losses.backward(v)
torch.testing.assert_close(weights.grad, 1 * J[0] + 10 * J[1])
weights.grad

# %%
# ``backward()`` without an argument starts from 1. For several numbers no choice is obvious, so PyTorch
# refuses.

losses = losses_of(weights)
with expect_error(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
    losses.backward()

# %%
# ``v`` says what you want to know. Ones give the gradient of the sum, and 1/2 for each of two losses gives the gradient
# of the mean. A single 1 gives the gradient of that sample's loss. In each case it is the gradient of the scalar
# ``(v * losses).sum()``, and you may as well write that.

questions = {
    "the sum": (torch.tensor([1.0, 1.0]), lambda losses: losses.sum()),
    "the mean": (torch.tensor([0.5, 0.5]), lambda losses: losses.mean()),
    "sample 1 alone": (torch.tensor([0.0, 1.0]), lambda losses: losses[1]),
    "sample 1 ten times": (v, lambda losses: (v * losses).sum()),
}
for name, (chosen, scalar) in questions.items():
    (by_argument,) = torch.autograd.grad(losses_of(weights), weights, chosen)
    (by_scalar,) = torch.autograd.grad(scalar(losses_of(weights)), weights)
    torch.testing.assert_close(by_argument, by_scalar)
    print(f"{name:<19}v = {chosen.tolist()!s:<12}gradient {by_argument.tolist()}")

# %%
# Why autograd does not make the table
# ------------------------------------
#
# In a network, the loss is the last of many operations. Going back, each operation receives a vector, multiplies it by
# its own Jacobian, and hands the result on: this is the :term:`chain rule`. It needs no table for that: a square
# multiplies by twice its input, element by element. The picture follows ``v`` from the losses back to the weights.

errors = samples @ weights - targets
losses = errors**2
draw_graph(losses, {"weights": weights, "errors": errors, "losses": losses}, gradient=v)

# %%
# The table would be large. The square of 5,000 activations has a Jacobian of 5,000 × 5,000, and all of it but the
# diagonal is 0.

activations = torch.linspace(0, 1, 5000, requires_grad=True)
(product,) = torch.autograd.grad(activations**2, activations, torch.ones(5000))
print(f"Jacobian: {5000 * 5000 * activations.itemsize:>11,} bytes")
print(f"product:  {product.numel() * product.itemsize:>11,} bytes")
assert product.shape == (5000,)

# %%
# When you do want the table, ask for its rows one by one: each takes a backward pass with a single 1 in ``v``.
# :func:`torch.func.jacrev` does the same for many rows at once. The rows are the *per-sample gradients*.

passes = [torch.autograd.grad(losses_of(weights), weights, row)[0] for row in torch.eye(2)]
torch.testing.assert_close(torch.stack(passes), J)
torch.stack(passes)

# %%
# .. use-this::
#
#    Reduce to one number before ``backward()``: ``losses.mean().backward()``. With the mean, a larger batch of like
#    samples gives the same gradient; with the sum, the gradient grows with the batch. Give ``gradient`` where samples
#    count differently, or where something outside PyTorch has computed the derivative with respect to the output. It
#    has the shape of the output, and is not broadcast.
#
# Common mistakes
# ---------------
#
# **Ones as a cure for the message.** ``backward(torch.ones_like(losses))`` is the gradient of the *sum*. With the same
# two samples 32 times in the batch, it is 32 times as large, and so is a step of plain SGD.


def gradient_norm(count, reduce):
    batch, wanted = samples.repeat(count // 2, 1), targets.repeat(count // 2)
    losses = F.mse_loss(batch @ weights, wanted, reduction="none")
    return torch.autograd.grad(reduce(losses), weights)[0].norm()


for reduce in (torch.sum, torch.mean):
    print(
        f"{reduce.__name__:<5}: {gradient_norm(2, reduce):8.2f} for 2 samples, {gradient_norm(64, reduce):8.2f} for 64"
    )
torch.testing.assert_close(gradient_norm(64, torch.sum), 32 * gradient_norm(2, torch.sum))
torch.testing.assert_close(gradient_norm(64, torch.mean), gradient_norm(2, torch.mean))

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

# Each step of the graph that is drawn computes the product with its own Jacobian.
(pulled,) = torch.autograd.grad(losses_of(weights), weights, v)
torch.testing.assert_close(pulled, (v * 2 * errors.detach()) @ samples)

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
# A layer of seven outputs:

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
# **Exercise.** The backward pass of a layer: ``y = x @ w`` with shapes (n, k), (k, m) and so (n, m). Given ``v``, of
# the shape of ``y``, return what ``y.backward(v)`` leaves in ``x.grad``, without autograd. The sizes differ, so they
# tell which transpose you need.


def by_autograd(x, w, v):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(x @ w, x, v)[0]


cases = []
for n, k, m in [(1, 2, 1), (2, 3, 4), (5, 1, 3)]:
    w, given = torch.arange(1.0, 1 + k * m).reshape(k, m), torch.arange(float(n * m)).reshape(n, m)
    cases.append((torch.ones(n, k), w, given))


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
# :ref:`hooks-on-tensors`, to see and to change what flows back.
#
# - Baydin, Pearlmutter, Radul and Siskind (2018). `Automatic differentiation in machine learning: a survey
#   <https://jmlr.org/papers/v18/17-468.html>`__. Section 3 has forward and reverse mode on one example.
# - PyTorch contributors (2026). `torch.autograd.backward
#   <https://docs.pytorch.org/docs/stable/generated/torch.autograd.backward.html>`__. The reference.
