"""
.. _leaf-variable-in-place:

RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.
========================================================================================

A :term:`leaf` is a tensor that no recorded operation made, such as a weight. While operations are recorded, autograd
refuses to change a leaf that requires its gradient :term:`in place`. Updates of weights belong into
``torch.no_grad()``; in a calculation, make a new tensor.

===========================================  ====================================================
What you do                                  Fix
===========================================  ====================================================
update a weight by hand                      inside ``with torch.no_grad():``
set or change first values                   before ``requires_grad_()``, or ``torch.nn.init``
change an input in a calculation             ``x + 1`` in place of ``x += 1``
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
# A tensor says itself whether it is a leaf. ("Variable" is what tensors with gradients were called until 2018.) In
# place operations on other tensors are recorded, and here the gradient is right. Where one overwrites a value that is
# needed on the way back, ``backward()`` raises another error: :ref:`modified-by-an-inplace-operation`.

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
# of PyTorch do the same. Remove the gradient afterwards: ``backward()`` adds the next one to what is there.

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
# leaf any more, and gradients are not kept for it. In the next step, reading ``v.grad`` warns, and there is no
# gradient.

v = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
v.square().sum().backward()
v = v - 0.25 * v.grad
assert not v.is_leaf
v.square().sum().backward()
with expect_warning(UserWarning, match="not a leaf Tensor is being accessed"):
    gradient = v.grad
assert gradient is None

# %%
# Writing to ``w.data`` silences the error, too, and with it a check: if a graph still needs the old value, its gradient
# is wrong and nothing is raised. Under ``no_grad`` the change is counted, and found.


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
# Writing through an index or another :term:`view` of a leaf gives a message that begins with "a view of". Set the
# values before gradients are asked for, or under ``no_grad``. Functions of ``torch.nn.init`` do that themselves.

layer = nn.Linear(3, 5)
with expect_error(RuntimeError, match="a view of a leaf Variable that requires grad is being used"):
    layer.weight[:, 0] = 7.0
with expect_error(RuntimeError, match="a leaf Variable"):
    layer.bias.fill_(1.0)
for fill in (nn.init.normal_, nn.init.kaiming_uniform_, nn.init.orthogonal_, nn.init.zeros_):
    fill(layer.weight)
    assert layer.weight.is_leaf
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
# To ask which pixels matter, the image is the leaf. Two steps in place are refused here: ``image -= mean``, and a first
# layer with ``inplace=True``. Without ``inplace``, each makes a new tensor.

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
# A table that is filled with results needs no ``requires_grad=True``. It becomes part of the graph when something of
# the graph is written into it, and then it is no leaf any more. To collect results, a list and :func:`torch.stack` is
# plainer.

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
# Autograd refuses other writes, too: into a view that was made without recording, into one of several views that one
# operation gave, into an element that stands at several places, and into a tensor made in inference mode. And
# ``requires_grad`` of the result of an operation cannot be switched off.

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
