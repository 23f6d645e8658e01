"""
.. _leaf-variable-in-place:

RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.
========================================================================================

A :term:`leaf` is a tensor that you made and want a gradient for, such as a weight. An :term:`in place` operation would
overwrite the very value that the gradient is taken at, so autograd refuses. Updates of weights belong into
``torch.no_grad()``; in a calculation, make a new tensor.

===========================================  ====================================================
What you do                                  Fix
===========================================  ====================================================
update a weight by hand                      inside ``with torch.no_grad():``
set or change first values                   before ``requires_grad_()``, or ``torch.nn.init``
change an input in a calculation             ``y = x + 1`` in place of ``x += 1``
``nn.ReLU(inplace=True)`` as first layer     ``nn.ReLU()``
fill a table of results                      make the table without ``requires_grad=True``
===========================================  ====================================================
"""

# %%
# The classic: a step of gradient descent, written by hand. ``w`` stands at the top of the graph, a leaf; the gradient
# after "∂" is what the step uses.

import torch
from torch import nn

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw_graph
from ptguide.questions import ask

w = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
loss = w.square().sum()
picture = draw_graph(loss, {"w": w, "loss": loss})
loss.backward()
with expect_error(
    RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"
):
    w -= 0.25 * w.grad
picture

# %%
# What is a leaf? A tensor that no recorded operation made. ("Variable" is what tensors with gradients were called until
# 2018.) In place operations on other tensors are recorded like any operation, and the gradient is right.

y = w * 1
y += 1
assert (w.is_leaf, y.is_leaf, w.detach().is_leaf, torch.ones(3).is_leaf) == (
    True,
    False,
    True,
    True,
)
(gradient,) = torch.autograd.grad(y.square().sum(), w)
assert torch.equal(gradient, 2 * (w + 1))

# %%
# Cause 1: an update by hand
# --------------------------
#
# An update is no part of the calculation that gradients are wanted of. Say so with ``torch.no_grad()``; the optimizers
# of PyTorch do the same. The gradient is used up and must be removed.

by_optimizer = w.detach().clone().requires_grad_()
by_optimizer.grad = w.grad.clone()
torch.optim.SGD([by_optimizer], lr=0.25).step()
with torch.no_grad():
    w -= 0.25 * w.grad
w.grad = None
assert w.is_leaf
assert w.tolist() == by_optimizer.tolist() == [0.5, 1.0, 2.0]

# %%
# ``v = v - 0.25 * v.grad`` silences the error and stops the training: the new ``v`` is the result of a calculation, no
# leaf any more, and gradients are not kept for it. The next step finds None, after a warning.

v = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
v.square().sum().backward()
v = v - 0.25 * v.grad
assert not v.is_leaf
v.square().sum().backward()
with expect_warning(UserWarning, match="not a leaf Tensor is being accessed"):
    gradient = v.grad
assert gradient is None

# %%
# "Write to ``w.data``, then the error goes away." It does, and so does every check: if a graph still needs the old
# value, its gradient is wrong and nothing is raised. Under ``no_grad`` the change is counted, and found.


def gradient_after(change):
    x = torch.tensor([3.0], requires_grad=True)
    y = x.square()  # slope 2 * 3
    change(x)
    y.backward()
    return x.grad.item()


def write_to_data(x):
    x.data += 10


def write_without_grad(x):
    with torch.no_grad():
        x += 10


assert gradient_after(write_to_data) == 26  # 2 * 13, and 6 is right
with expect_error(RuntimeError, match="has been modified by an inplace operation"):
    gradient_after(write_without_grad)

# %%
# Cause 2: first values
# ---------------------
#
# Writing through an index or another :term:`view` of a leaf gives the message with two words more. Set the values
# before gradients are asked for, or under ``no_grad``. The functions of ``torch.nn.init`` do that themselves.

layer = nn.Linear(3, 5)
with expect_error(RuntimeError, match="a view of a leaf Variable that requires grad is being used"):
    layer.weight[:, 0] = 7.0
with expect_error(RuntimeError, match="a leaf Variable"):
    layer.bias.fill_(1.0)
nn.init.constant_(layer.bias, 1.0)
with torch.no_grad():
    layer.weight[:, 0] = 7.0
assert (layer.bias.tolist(), layer.weight[:, 0].tolist()) == ([1.0] * 5, [7.0] * 5)
assert layer.weight.requires_grad

table = torch.zeros(4, 6)
table[0] = 7.0
table.requires_grad_()
assert table.is_leaf

# %%
# Cause 3: an input that is changed on its way
# --------------------------------------------
#
# To ask which pixels matter, the image is the leaf. Every step that works in place on it, ``image -= mean`` or a
# first layer with ``inplace=True``, is refused; a new tensor costs some memory and is right.

image = torch.tensor([[0.2, 0.9], [0.7, 0.4]], requires_grad=True)
with expect_error(RuntimeError, match="a leaf Variable"):
    image -= 0.5
with expect_error(RuntimeError, match="a leaf Variable"):
    nn.ReLU(inplace=True)(image)
nn.ReLU()(image - 0.5).sum().backward()
assert image.grad.tolist() == [[0, 1], [1, 0]]

# %%
# Cause 4: a table of results
# ---------------------------
#
# "What takes part in training needs ``requires_grad=True``" is a common belief. Only leaves need it, and a table that
# is filled is none: it becomes part of the graph when something of the graph is written into it. To collect results, a
# list and :func:`torch.stack` is plainer.

results = torch.zeros(2, 3, requires_grad=True)
with expect_error(RuntimeError, match="a view of a leaf Variable"):
    results[0] = 2 * w
results = torch.zeros(2, 3)
for i in range(2):
    results[i] = (i + 1) * w
assert (results.requires_grad, results.is_leaf) == (True, False)
assert torch.equal(results, torch.stack([w, 2 * w]))
results.sum().backward()
assert w.grad.tolist() == [3, 3, 3]

# %%
# Other refusals
# --------------
#
# A write that would reach more than it seems to: several views at once, a place that is read many times, a tensor made
# without the book-keeping of autograd. Only a leaf's ``requires_grad`` can be switched off.

with torch.no_grad():
    row = w.view(3)
with torch.inference_mode():
    frozen = torch.ones(3)
first, _ = (torch.ones(2, 3, requires_grad=True) * 1).unbind()
for target, message in [
    (row, "A view was created in no_grad mode and is being modified inplace"),
    (first, "This view is the output of a function that returns multiple views"),
    (
        torch.ones(1).expand(3),
        "more than one element of the written-to tensor refers to a single memory location",
    ),
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
# Is it a leaf?


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
# With a copy:

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
# Next: :ref:`modified-by-an-inplace-operation`, the sibling of this error, which comes from ``backward()``.
