"""
.. _leaf-variable-in-place:

RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.
========================================================================================

You change a weight :term:`in place` while autograd records, for example in a step of gradient descent that you write
by hand. Put the update into ``with torch.no_grad():``; in a calculation, make a new tensor.
"""

# %%
# Set-up

import torch
from torch import nn

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
w = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)

# %%

w.square().sum().backward()
with expect_error(RuntimeError, match="a leaf Variable that requires grad is being used in an"):
    w -= 0.25 * w.grad

# %%
# A :term:`leaf` is a tensor that no recorded operation made, such as a weight or an input. "Variable" is an old name
# for a tensor that autograd follows. See :ref:`from-calculation-to-graph`.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ==================================================================  ============================================
# What you do                                                         Fix
# ==================================================================  ============================================
# :ref:`update a weight by hand <leaf-update>`                        ``with torch.no_grad():``
# :ref:`set first values <leaf-first>`                                ``torch.nn.init``, or before the gradient
# :ref:`change an input in a calculation <leaf-input>`                ``x = x - mean``, not ``x -= mean``
# :ref:`nn.ReLU(inplace=True) as first layer <leaf-input>`            ``nn.ReLU()``
# :ref:`fill a table of results <leaf-table>`                         the table without ``requires_grad=True``
# ==================================================================  ============================================
#
# .. _leaf-update:
#
# The rule
# --------
#
# A leaf that requires its gradient may be written while recording is off: :math:`w \leftarrow w - \eta\, \partial L /
# \partial w` is no part of the calculation. The optimizers of torch do the same. Remove the gradient afterwards,
# because ``backward()`` adds the next one to it.

by_optimizer = w.detach().clone().requires_grad_()
by_optimizer.grad = w.grad.clone()
torch.optim.SGD([by_optimizer], lr=0.25).step()

with torch.no_grad():
    w -= 0.25 * w.grad
w.grad = None
print("by hand:     ", w.tolist(), "leaf:", w.is_leaf)
print("by optimizer:", by_optimizer.tolist())
assert torch.equal(w, by_optimizer)

# %%
# .. _leaf-first:
#
# First values
# ------------
#
# Writing through an index or another :term:`view` gives a message that begins with "a view of". The functions of
# ``torch.nn.init`` switch recording off themselves.

layer = nn.Linear(3, 5)
with expect_error(RuntimeError, match="a view of a leaf Variable that requires grad is being used"):
    layer.weight[:, 0] = 7.0
nn.init.constant_(layer.bias, 1.0)
with torch.no_grad():
    layer.weight[:, 0] = 7.0
print(layer.weight[0].tolist()[0], layer.bias[0].item(), layer.weight.requires_grad)

positions = torch.zeros(4, 6)
positions[0] = 7.0
positions.requires_grad_()  # asked for afterwards
assert positions.is_leaf

# %%
# .. _leaf-input:
#
# An input that is changed on its way
# -----------------------------------
#
# To see which pixels matter, take the gradient of an output with respect to the image: then the image is the leaf.
# Subtract into a new tensor, and leave ``inplace`` out of the first layer.

image = torch.tensor([[0.2, 0.9], [0.7, 0.4]], requires_grad=True)
with expect_error(RuntimeError, match="a leaf Variable"):
    image -= 0.5
with expect_error(RuntimeError, match="a leaf Variable"):
    nn.ReLU(inplace=True)(image)
nn.ReLU()(image - 0.5).sum().backward()
print(image.grad.tolist())
assert image.grad.tolist() == [[0, 1], [1, 0]]

# %%
# .. _leaf-table:
#
# A table of results
# ------------------
#
# A table of floating-point numbers needs no ``requires_grad=True``: it joins the graph when a result is written into
# it. A list and :func:`torch.stack` give the same.

results = torch.zeros(2, 3, requires_grad=True)
with expect_error(RuntimeError, match="a view of a leaf Variable"):
    results[0] = 2 * w
results = torch.zeros(2, 3)
for i in range(2):
    results[i] = (i + 1) * w
print("requires grad:", results.requires_grad, " leaf:", results.is_leaf)
assert torch.equal(results, torch.stack([w, 2 * w]))
results.sum().backward()
assert w.grad.tolist() == [3, 3, 3]

# %%
# .. use-this::
#
#    Let an optimizer update weights. Where you write the update, use ``torch.no_grad()`` around ``w -= lr * w.grad``
#    and then ``w.grad = None``. The update keeps the memory of ``w``. In a calculation write ``x = x - mean``, which
#    costs a new tensor. Do not write to ``w.data``: autograd cannot notice that write.
#
# Common mistakes
# ---------------
#
# **A new tensor under the old name.** ``v = v - lr * v.grad`` raises nothing, but the new ``v`` is the result of an
# operation. So it is no leaf, and ``backward()`` keeps no gradient for it: the next update has nothing to subtract.

v = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
v.square().sum().backward()
v = v - 0.25 * v.grad
v.square().sum().backward()
with expect_warning(UserWarning, match="not a leaf Tensor is being accessed"):
    gradient = v.grad
print("leaf:", v.is_leaf, " gradient:", gradient)
assert gradient is None

# %%
# **Writing to .data.** This write raises nothing. If a graph still needs the old value, the gradient is wrong. Under
# ``torch.no_grad()`` the same write is noticed: see :ref:`modified-by-an-inplace-operation`.


def gradient_after(change):
    x = torch.tensor([3.0], requires_grad=True)
    y = x.square()  # slope 2 * 3
    change(x)
    y.backward()
    return x.grad.item()


def write_without_grad(x):
    with torch.no_grad():
        x.add_(10)


print("right:", gradient_after(lambda x: x), " data:", gradient_after(lambda x: x.data.add_(10)))
assert gradient_after(lambda x: x.data.add_(10)) == 2 * 13
with expect_error(RuntimeError, match="has been modified by an inplace operation"):
    gradient_after(write_without_grad)

# %%
# How this was checked

# What is a leaf: weights, inputs, detached tensors; not the result of an operation.
assert w.is_leaf
assert w.detach().is_leaf
assert torch.ones(3).is_leaf
assert not (w * 1).is_leaf
# Writing into the result of an operation is recorded, and the gradient is right.
y = w * 1
y += 1
(gradient,) = torch.autograd.grad(y.square().sum(), w)
assert torch.equal(gradient, 2 * (w + 1))
# These writes into a leaf are refused; on a leaf without a gradient they are fine.
for write in (
    lambda x: x.add_(1),
    lambda x: x.fill_(1.0),
    lambda x: x.zero_(),
    lambda x: x.copy_(torch.ones(3)),
    lambda x: x.__setitem__(0, 1.0),
    lambda x: nn.functional.relu(x, inplace=True),
):
    with expect_error(
        RuntimeError, match="leaf Variable that requires grad is being used in an in"
    ):
        write(torch.ones(3, requires_grad=True))
    write(torch.ones(3))
for name in "uniform normal trunc_normal ones zeros eye orthogonal".split() + [
    f"{author}_{kind}" for author in ("xavier", "kaiming") for kind in ("uniform", "normal")
]:
    getattr(nn.init, f"{name}_")(layer.weight)
    assert layer.weight.is_leaf
    assert layer.weight.requires_grad
# A table of integers does not join.
whole = torch.zeros(2, 3, dtype=torch.int64)
whole[0] = 2 * w
assert not whole.requires_grad
# no_grad changes w in place, in the memory that it has.
before = w.data_ptr()
with torch.no_grad():
    w -= 0.1
assert w.data_ptr() == before
# Other writes that autograd refuses.
with torch.no_grad():
    row = w.view(3)
with torch.inference_mode():
    frozen = torch.ones(3)
first, _ = (torch.ones(2, 3, requires_grad=True) * 1).unbind()
for target, message in [
    (row, "A view was created in no_grad mode and is being modified inplace"),
    (first, "This view is the output of a function that returns multiple views"),
    (torch.ones(1).expand(3), "more than one element of the written-to tensor refers to"),
    (frozen, "Inplace update to inference tensor outside InferenceMode is not allowed"),
]:
    with expect_error(RuntimeError, match=message):
        target += 1
with expect_error(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
    (w * 2).requires_grad_(False)

# %%
# Check yourself
# --------------
#
# The first question is about a leaf.


def doubled():
    weight = torch.tensor([1.0, 3.0], requires_grad=True)
    weight *= 2
    return weight.tolist()


def doubled_copy():
    weight = torch.tensor([1.0, 3.0], requires_grad=True)
    copy = weight * 1
    copy *= 2
    copy.sum().backward()
    return weight.grad


ask(
    "weight = torch.tensor([1., 3.], requires_grad=True). What does weight *= 2 give?",
    answer=doubled,
    choices={
        RuntimeError: "It is a leaf that requires grad, and *= works in place.",
        (2.0, 6.0): "Under torch.no_grad() it would.",
    },
)

# %%
# The next question is about a copy.

ask(
    "copy = weight * 1, then copy *= 2, then copy.sum().backward(). What is weight.grad?",
    answer=doubled_copy,
    choices={
        RuntimeError: "copy is no leaf: an operation made it.",
        (1.0, 1.0): "The change in place is recorded, too.",
        (2.0, 2.0): "Both products are in the graph: 1 times 2.",
    },
)

# %%
# **Exercise.** Momentum lets a step remember the steps before it. Write gradient descent by hand on ``loss(w)``. The
# velocity starts at 0. In each step it becomes ``momentum * velocity + gradient``, and ``w`` moves by
# ``-lr * velocity``. Return the last ``w``.


def descend(loss, w, lr, momentum, steps):
    raise NotImplementedError


def by_sgd(loss, w, lr, momentum, steps):
    w = w.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=lr, momentum=momentum)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
    return w.detach()


def bowl(w):
    return (w.square() * torch.tensor([1.0, 10.0])).sum()


start = torch.tensor([3.0, 1.0])
cases = [
    (bowl, start, 0.01, 0.0, 1),
    (bowl, start, 0.01, 0.0, 5),
    (bowl, start, 0.01, 0.9, 20),
    (lambda w: w.cosh().sum(), start, 0.1, 0.5, 7),
]
check(descend, by_sgd, cases)

# %%
# The update is a write in place into a leaf, so it goes under ``torch.no_grad()``, and the gradient is removed after
# it.

# Solution


def descend(loss, w, lr, momentum, steps):
    w = w.clone().requires_grad_()  # the caller keeps the start
    velocity = torch.zeros_like(w)
    for _ in range(steps):
        loss(w).backward()
        with torch.no_grad():
            velocity = momentum * velocity + w.grad
            w -= lr * velocity
        w.grad = None
    return w.detach()


report = check(descend, by_sgd, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`modified-by-an-inplace-operation`, the sibling of this error, which comes from ``backward()``.
#
# - Goh (2017). `Why momentum really works <https://distill.pub/2017/momentum/>`__. What the exercise computes, drawn.
# - PyTorch contributors (2026). `Locally disabling gradient computation
#   <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. A section of the notes on autograd.
