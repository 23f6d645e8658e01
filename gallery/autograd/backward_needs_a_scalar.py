"""
.. _backward-needs-a-scalar:

Why does backward() need a scalar, and what is its gradient argument?
=====================================================================

``backward()`` asks how *one number* changes. For a result of many elements there are many answers, a table of them, the
:term:`Jacobian`. ``backward(v)`` does not give that table: it gives the sum of its rows, weighted by ``v``, which is a
:term:`vector-Jacobian product`. You need to know :ref:`from-calculation-to-graph` and :ref:`matmul`.
"""

# %%
# Three elements go in, two come out, and ``backward()`` refuses. Some read the message as a complaint about scalars.
# It is the opposite: a scalar is the one case in which the gradient to start from need not be given.

import torch

from ptguide.errors import expect_error

A = torch.tensor([[1.0, 0.0, 2.0], [3.0, 1.0, 0.0]])


def f(x):
    return A @ x**2


x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = f(x)
assert (x.shape, y.shape) == ((3,), (2,))
with expect_error(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
    y.backward()

# %%
# The Jacobian
# ------------
#
# How does ``y`` change with ``x``? Each of the 2 elements has a slope for each of the 3: six numbers, with
# :math:`J_{ij} = \partial y_i / \partial x_j`. A row belongs to an output, a column to an input.
# :func:`torch.func.jacrev` computes it from the function. Here :math:`y_i = \sum_j A_{ij} x_j^2`, so
# :math:`J_{ij} = 2 A_{ij} x_j`.

from torch.func import jacrev

J = jacrev(f)(x.detach())
assert J.shape == (2, 3)
torch.testing.assert_close(J, 2 * A * x.detach())
torch.testing.assert_close(J, torch.autograd.functional.jacobian(f, x))
J

# %%
# What backward(v) gives
# ----------------------
#
# "``z.backward(v)`` gives dz/dx." It can't: ``x.grad`` has room for 3 numbers, and there are 6. ``v`` has a weight for
# each *output*, and what arrives is :math:`v^T J`. Touch a result: row 0 counts once, row 1 ten times.

from ptguide.pictures import draw, draw_graph

v = torch.tensor([1.0, 10.0])
y.backward(v)
assert x.grad.shape == x.shape != J.shape
torch.testing.assert_close(x.grad, v @ J)
draw(torch.matmul, (v, J), names=["v", "J"])

# %%
# So ``v`` chooses the question. With a 1 and zeros it is one row, the gradient of that one output. With ones it is the
# sum of the rows, which is the gradient of ``y.sum()``. And in general, ``backward(v)`` is ``backward()`` of the scalar
# ``(v * y).sum()``.


def gradient(make_scalar):
    return torch.autograd.grad(make_scalar(f(x)), x)[0]


torch.testing.assert_close(gradient(lambda y: y[1]), J[1])
torch.testing.assert_close(gradient(lambda y: y.sum()), J.sum(dim=0))
torch.testing.assert_close(gradient(lambda y: y.mean()), J.mean(dim=0))
torch.testing.assert_close(gradient(lambda y: (v * y).sum()), v @ J)

# %%
# Where the belief comes from: element by element
# -----------------------------------------------
#
# For ``z = x ** 2``, each output depends on one input, so the Jacobian is 0 but for its diagonal. Then ``v`` of ones
# gives just that diagonal, which a textbook calls dz/dx. With another ``v`` it is not, and for a matrix product it
# never was.

z = x**2
diagonal = torch.autograd.grad(z, x, torch.ones(3))[0]
torch.testing.assert_close(jacrev(lambda x: x**2)(x.detach()), torch.diag(2 * x.detach()))
torch.testing.assert_close(diagonal, 2 * x.detach())
draw(torch.matmul, (torch.ones(3), torch.diag(diagonal)), names=["ones", "J of x²"])

# %%
# Why autograd works this way
# ---------------------------
#
# A vector is all that a step back needs. Let ``s = x ** 2`` and ``y = A @ s``. The node of ``y`` takes ``v`` and gives
# ``v @ A``; the node of ``s`` takes that, and multiplies by ``2 * x``. Each node knows the product with *its* Jacobian,
# and the chain rule is their sequence. The picture starts from ``v``, as ``backward(v)`` does.

s = x**2
y = A @ s
(pulled,) = torch.autograd.grad(y, x, v, retain_graph=True)
torch.testing.assert_close(pulled, (v @ A) * (2 * x.detach()))
draw_graph(y, {"x": x, "s": s, "y": y}, gradient=v)

# %%
# No node makes the table. For a square of 5000 elements it would be 25 million numbers, all but 5000 of them 0; the
# product is one multiplication for each element.

many = torch.linspace(0, 1, 5000, requires_grad=True)
(product,) = torch.autograd.grad(many**2, many, torch.ones(5000))
print(f"Jacobian: {5000 * 5000 * many.itemsize:,} bytes")
print(f"product:  {product.numel() * product.itemsize:,} bytes")
assert product.shape == (5000,)

# %%
# In training, ``v`` is never typed: the :term:`loss` is a scalar, its gradient by itself is 1, and for every layer
# before it, ``v`` is what the layer behind has handed back.
#
# From scratch: a Jacobian from products
# --------------------------------------
#
# One walk back gives one row. So the whole table takes as many walks as there are outputs. ``vjp`` of ``torch.func``
# gives the product as a function, and ``vmap`` calls it for all rows at once: so ``jacrev`` is made.


from torch.func import vjp, vmap


def jacobian(f, x):
    y = f(x)
    rows = [torch.autograd.grad(y, x, row, retain_graph=True)[0] for row in torch.eye(len(y))]
    return torch.stack(rows)


torch.testing.assert_close(jacobian(f, x), J)
_, pull_back = vjp(f, x.detach())
(rows,) = vmap(pull_back)(torch.eye(2))
torch.testing.assert_close(rows, J)

# %%
# More axes
# ---------
#
# For results of any shape, ``v`` has the shape of the result. The Jacobian has the axes of the output and then those of
# the input, and the product sums over those of the output. Four items of 3 features become 4 of 2: each item depends on
# itself alone, so all but 4 of the :val:`table.shape[0] * table.shape[2]` blocks are 0.

batch = torch.arange(12.0).reshape(4, 3)
table = jacrev(lambda items: items @ A.T)(batch)
weights = torch.arange(8.0).reshape(4, 2)
(pulled,) = vjp(lambda items: items @ A.T, batch)[1](weights)
assert table.shape == (4, 2, 4, 3)
assert sum(table[i, :, k].any().item() for i in range(4) for k in range(4)) == 4
torch.testing.assert_close(pulled, torch.einsum("no,noki->ki", weights, table))

# %%
# What goes wrong
# ---------------
#
# *A loss for each item.* ``reduction="none"`` gives one loss for each, and ``backward()`` raises. Say how they count:
# take the mean or the sum, which differ by a factor, or weight them.

from torch.nn import functional as F

target = torch.tensor([20.0, 5.0])
losses = F.mse_loss(f(x), target, reduction="none")
with expect_error(RuntimeError, match="only for scalar outputs"):
    losses.backward()
by_mean = torch.autograd.grad(losses.mean(), x, retain_graph=True)[0]
by_sum = torch.autograd.grad(losses, x, torch.ones_like(losses))[0]
torch.testing.assert_close(by_sum, 2 * by_mean)

# %%
# *The weights of the wrong side.* ``v`` belongs to the output. One made for the input is refused, as long as the two
# shapes differ; where they are equal, nothing tells.

y = f(x)
with expect_error(RuntimeError, match="Mismatch in shape"):
    y.backward(torch.ones_like(x))
y.backward(torch.ones_like(y))

# %%
# *One element counts as a scalar*, whatever its number of axes.

for shape in [(), (1,), (1, 1)]:
    x.sum().reshape(shape).backward()
with expect_error(RuntimeError, match="only for scalar outputs"):
    x[:0].backward()  # no element is not one element

# %%
# Exercise: the product of a layer
# --------------------------------
#
# ``y = x @ w`` with shapes (n, k), (k, m) and so (n, m). Given ``v``, of the shape of ``y``, return what
# ``backward(v)`` leaves in ``x.grad``, without autograd. The shapes allow hardly any other answer.


from ptguide.exercises import check


def by_autograd(x, w, v):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(x @ w, x, v)[0]


cases = []
for n, k, m in [(1, 2, 1), (2, 3, 4), (5, 1, 3)]:
    w, v = torch.arange(1.0, 1 + k * m).reshape(k, m), torch.arange(float(n * m)).reshape(n, m)
    cases.append((torch.ones(n, k), w, v))


def backward_of_product(x, w, v):
    raise NotImplementedError


check(backward_of_product, by_autograd, cases, without=["grad", "backward"])

# %%
# Element (i, j) of ``x`` meets row j of ``w`` and adds to row i of ``y``: its slopes are ``w[j]``, with the weights
# ``v[i]``.

# Solution


def backward_of_product(x, w, v):
    return v @ w.T


report = check(backward_of_product, by_autograd, cases, without=["grad", "backward"])
assert report.passed
report

# %%
# Check yourself
# --------------

from ptguide.questions import ask

p = torch.tensor([3.0, 4.0], requires_grad=True)
(p**2).backward(torch.tensor([1.0, 0.0]))
ask(
    "p is [3.0, 4.0]. What is p.grad after (p ** 2).backward(torch.tensor([1.0, 0.0]))?",
    answer=p.grad,
    choices={
        (
            6.0,
            8.0,
        ): "That is 2 * p, the result for weights of 1. The second output has the weight 0.",
        (6.0, 0.0): "The first row of the Jacobian: the gradient of the first output.",
        (1.0, 0.0): "That is what the walk starts from.",
    },
)

# %%
# Shapes:

q = torch.rand(5, requires_grad=True)
out = torch.rand(7, 5) @ q
out.backward(torch.ones(7))
ask(
    "q has shape (5,), W has shape (7, 5). What is the shape of q.grad after (W @ q).backward(torch.ones(7))?",
    answer=q.grad.shape,
    choices={
        (5,): "A gradient has the shape of its tensor, always. The 7 rows are summed.",
        (7,): "That is the shape of the weights, and of the output.",
        (7, 5): "That is the shape of the Jacobian, which is not made.",
    },
)

# %%
# Next: :ref:`hooks-on-tensors`, to see and to change what flows back.
