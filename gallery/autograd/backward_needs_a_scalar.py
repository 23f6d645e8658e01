"""
.. _backward-needs-a-scalar:

Why does backward() need a scalar, and what is its gradient argument?
=====================================================================

``backward()`` asks how *one number* changes. For a result of many elements there are many answers. They form a table,
the :term:`Jacobian`. ``backward(v)`` does not give that table. It gives the sum of the table's rows, weighted by ``v``,
which is a :term:`vector-Jacobian product`. You need to know :ref:`from-calculation-to-graph` and :ref:`matmul`.
"""

# %%
# Three elements go in, two come out, and ``backward()`` refuses. The message means: for a result of one element, the
# gradient to start from is 1, and ``backward()`` fills it in. For other results you have to give it.

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
# How does ``y`` change with ``x``? Each of the 2 outputs has one derivative for each of the 3 inputs. That makes six
# numbers, with :math:`J_{ij} = \partial y_i / \partial x_j`. A row belongs to an output, a column to an input.
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
# ``y.backward(v)`` cannot give the whole table: ``x.grad`` has room for 3 numbers, and there are 6. ``v`` has a weight
# for each *output*, and what arrives in ``x.grad`` is :math:`v^T J`. Touch a result: row 0 counts once, row 1 counts
# ten times.

from ptguide.pictures import draw, draw_graph

v = torch.tensor([1.0, 10.0])
y.backward(v)
assert x.grad.shape == x.shape != J.shape
torch.testing.assert_close(x.grad, v @ J)
draw(torch.matmul, (v, J), names=["v", "J"])

# %%
# So ``v`` chooses the question. A ``v`` of zeros with a single 1 gives one row, the gradient of that one output. A
# ``v`` of ones gives the sum of the rows, which is the gradient of ``y.sum()``. In general, ``backward(v)`` gives what
# ``backward()`` of the scalar ``(v * y).sum()`` gives.


def gradient(make_scalar):
    return torch.autograd.grad(make_scalar(f(x)), x)[0]


torch.testing.assert_close(gradient(lambda y: y[1]), J[1])
torch.testing.assert_close(gradient(lambda y: y.sum()), J.sum(dim=0))
torch.testing.assert_close(gradient(lambda y: y.mean()), J.mean(dim=0))
for weights in (v, torch.tensor([0.0, 1.0]), torch.ones(2), torch.tensor([-3.0, 0.5])):
    torch.testing.assert_close(gradient(lambda y, v=weights: (v * y).sum()), weights @ J)
    torch.testing.assert_close(torch.autograd.grad(f(x), x, weights)[0], weights @ J)

# %%
# When it looks like dz/dx: element by element
# --------------------------------------------
#
# For ``z = x ** 2``, each output depends on one input, so the Jacobian is 0 outside its diagonal. A ``v`` of ones then
# gives that diagonal, which a textbook calls dz/dx. Another ``v`` gives something else, and so do ones for the ``y``
# above: there they gave the sum of two rows.

z = x**2
diagonal = torch.autograd.grad(z, x, torch.ones(3))[0]
torch.testing.assert_close(jacrev(lambda x: x**2)(x.detach()), torch.diag(2 * x.detach()))
torch.testing.assert_close(diagonal, 2 * x.detach())
weighted = torch.autograd.grad(x**2, x, torch.tensor([1.0, 10.0, 100.0]))[0]
assert weighted.tolist() == [2, 40, 600]
draw(torch.matmul, (torch.ones(3), torch.diag(diagonal)), names=["ones", "J of x²"])

# %%
# Why autograd works this way
# ---------------------------
#
# A step back takes a vector, uses what its node has saved, and gives a vector. Let ``s = x ** 2`` and ``y = A @ s``.
# The node of ``y`` has saved ``A``; it takes ``v`` and gives ``v @ A``. The node of ``s`` has saved ``x``; it takes
# that result and multiplies it by ``2 * x``. Each of the two computes the product with *its* Jacobian, and one after
# the other they follow the chain rule. The picture starts from ``v``, as ``backward(v)`` does.

s = x**2
y = A @ s
(pulled,) = torch.autograd.grad(y, x, v, retain_graph=True)
torch.testing.assert_close(pulled, (v @ A) * (2 * x.detach()))
assert torch.equal(y.grad_fn._saved_self, A)
assert s.grad_fn._saved_self is x
draw_graph(y, {"x": x, "s": s, "y": y}, gradient=v)

# %%
# The node of a square does not make the table. For 5000 elements the table would have 25 million numbers, and they are
# 0 outside a diagonal of 5000. The product has 5000 numbers.

many = torch.linspace(0, 1, 5000, requires_grad=True)
(product,) = torch.autograd.grad(many**2, many, torch.ones(5000))
print(f"Jacobian: {5000 * 5000 * many.itemsize:,} bytes")
print(f"product:  {product.numel() * product.itemsize:,} bytes")
assert product.shape == (5000,)
assert many.numel() ** 2 == 25e6

# %%
# A usual training loop does not give ``v``: the :term:`loss` is a scalar, and ``backward()`` starts from 1. Inside the
# network, each node gets as its ``v`` what the node behind it has handed back.
#
# From scratch: a Jacobian from products
# --------------------------------------
#
# One backward pass gives one row, so the whole table takes as many passes as there are outputs. ``vjp`` of
# ``torch.func`` returns the product as a function, and ``vmap`` calls that function for many rows at once. Together
# they give what ``jacrev`` gives.


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
# ``v`` has the shape of the result, also when that has more axes. The Jacobian then has the axes of the output,
# followed by those of the input, and the product sums over those of the output. Here four items of 3 features become
# four items of 2 features. Each depends on itself alone, so 4 of the :val:`table.shape[0] * table.shape[2]` blocks are
# not 0.

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
# *A loss for each item.* ``reduction="none"`` gives one loss for each item, and ``backward()`` raises an error. Say how
# much each one counts: take the mean or the sum, whose gradients differ by the number of items, or weight the losses.

from torch.nn import functional as F

target = torch.tensor([20.0, 5.0])
losses = F.mse_loss(f(x), target, reduction="none")
with expect_error(RuntimeError, match="only for scalar outputs"):
    losses.backward()
by_mean = torch.autograd.grad(losses.mean(), x, retain_graph=True)[0]
by_sum = torch.autograd.grad(losses, x, torch.ones_like(losses))[0]
torch.testing.assert_close(by_sum, 2 * by_mean)

# %%
# *The weights of the wrong side.* ``v`` belongs to the output. A ``v`` of another shape is refused, and it is not
# broadcast. Where the input and the output have equal shapes, a ``v`` made for the input raises no error.

y = f(x)
for wrong in (torch.ones_like(x), torch.ones(1), torch.ones(1, 2), torch.tensor(1.0)):
    with expect_error(RuntimeError, match="Mismatch in shape"):
        y.backward(wrong)
y.backward(torch.ones_like(y))

# %%
# *One real element counts as a scalar*, with 0, 1, 2 or 3 axes. A complex one does not, and neither does an empty
# tensor.

for shape in [(), (1,), (1, 1), (1, 1, 1)]:
    x.grad = None
    x.sum().reshape(shape).backward()
    assert x.grad.tolist() == [1, 1, 1]
with expect_error(RuntimeError, match="only for real scalar outputs"):
    (x.sum() * 1j).backward()
with expect_error(RuntimeError, match="only for scalar outputs"):
    x[:0].backward()  # no element is not one element

# %%
# Exercise: the product of a layer
# --------------------------------
#
# ``y = x @ w`` with shapes (n, k), (k, m) and so (n, m). Given ``v``, of the shape of ``y``, return what
# ``backward(v)`` leaves in ``x.grad``, without autograd. The three sizes differ, so the shapes tell which transpose you
# need.


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
# Element (i, j) of ``x`` is multiplied by row j of ``w``, and added to row i of ``y``. So its derivatives are ``w[j]``,
# and their weights are ``v[i]``.

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
        (1.0, 0.0): "That is v, what the backward pass starts from.",
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
        (5,): "q.grad has the shape of q. The 7 rows of the Jacobian are summed.",
        (7,): "That is the shape of the weights, and of the output.",
        (7, 5): "That is the shape of the Jacobian, which is not made.",
    },
)

# %%
# Next: :ref:`hooks-on-tensors`, to see and to change what flows back.
