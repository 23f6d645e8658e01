"""
.. _element-0-does-not-require-grad:

RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn
====================================================================================

You call ``backward()`` on a loss that is not linked to the weights. Find the line at which ``requires_grad`` becomes
``False``, and keep the link there.
"""

# %%
# Set-up

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
model = nn.Linear(3, 4)
data, labels = torch.rand(5, 3), torch.tensor([0, 1, 2, 3, 0])

# %%

with torch.no_grad():
    logits = model(data)
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    F.cross_entropy(logits, labels).backward()

# %%
# "Element 0" is the first tensor that you asked a gradient of: the loss. It has no ``grad_fn``, which is the node that
# leads back to the weights (:ref:`from-calculation-to-graph`).
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`the model was called under torch.no_grad <grad-off>`            call it outside
# :ref:`the loss was made of numbers <grad-numbers>`                    keep tensors; no ``item()``, no ``detach()``
# :ref:`the parameters are frozen <grad-frozen>`                        ``requires_grad_(True)`` for some of them
# :ref:`the loss is of argmax, or an accuracy <grad-argmax>`            a loss of the logits
# ====================================================================  =============================================
#
# .. _grad-off:
#
# The rule
# --------
#
# A result is linked if recording is on, an input requires a gradient, and autograd records the operation. Print
# ``requires_grad`` after each step: the first *result* with ``False`` is the place (the data may have it, too). Here
# it is the logits, so the model was called under ``torch.no_grad()``. Take that away in training.

for name, tensor in {"weight": model.weight, "data": data, "logits": logits}.items():
    print(f"{name:7} requires_grad={tensor.requires_grad}")
F.cross_entropy(model(data), labels).backward()
assert model.weight.grad is not None

# %%
# .. _grad-numbers:
#
# The loss was made of numbers
# ----------------------------
#
# ``item()`` and ``tolist()`` give numbers without a graph, and ``torch.tensor`` makes a new :term:`leaf` of them.
# To join several losses, add or stack the tensors.

losses = [F.cross_entropy(model(row), label) for row, label in zip(data, labels, strict=True)]
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    torch.tensor([loss.item() for loss in losses]).mean().backward()
joined = torch.stack(losses).mean()
joined.backward()
print(joined.requires_grad, joined.grad_fn.name())

# %%
# .. _grad-frozen:
#
# The parameters are frozen
# -------------------------
#
# If you froze a pretrained network and forgot to unfreeze its head, its last layer, nothing is left to train. Count
# the numbers that require a gradient. A new layer requires it from the start.

network = nn.Sequential(nn.Linear(3, 6), nn.Linear(6, 4)).requires_grad_(False)
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    F.cross_entropy(network(data), labels).backward()
network[1] = nn.Linear(6, 4)
F.cross_entropy(network(data), labels).backward()
print(sum(p.numel() for p in network.parameters() if p.requires_grad), "numbers are trained")
assert network[0].weight.grad is None

# %%
# .. _grad-argmax:
#
# The loss is of argmax, or an accuracy
# -------------------------------------
#
# ``argmax`` and ``==`` give positions and truth values, which have no slope. Train with a loss of the logits, and
# measure the accuracy beside it.

logits = model(data)
accuracy = (logits.argmax(dim=1) == labels).float().mean()
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    accuracy.backward()
F.cross_entropy(logits, labels).backward()
print("logits:", logits.requires_grad, " accuracy:", accuracy.requires_grad)
assert not accuracy.requires_grad

# %%
# .. use-this::
#
#    Keep tensors from the model to ``backward()``, and take numbers out with ``item()`` afterwards, for printing. Put
#    ``torch.no_grad()`` around the evaluation, and not around the forward pass of the training. Before a long run
#    assert ``loss.requires_grad``. The link costs memory, because a graph keeps tensors until ``backward()``.
#    Evaluation does not need them.
#
# A common mistake
# ----------------
#
# ``loss.requires_grad_()`` silences the message. ``backward()`` then stops at the loss itself. The weight gets no
# gradient, and the optimizer leaves it as it was.

fresh = nn.Linear(3, 4)
before = fresh.weight.detach().clone()
with torch.no_grad():
    loss = F.cross_entropy(fresh(data), labels)
loss.requires_grad_()
loss.backward()
print("gradient of the weight:", fresh.weight.grad)
torch.optim.SGD(fresh.parameters(), lr=0.1, weight_decay=0.5).step()
assert torch.equal(fresh.weight, before)

# %%
# How this was checked

# Modes and calls that end the link, for a weight that requires its gradient.
weight = torch.tensor([0.5, 2.0], requires_grad=True)
for cut in (
    lambda w: w.detach(),
    lambda w: w.data,
    lambda w: torch.tensor(w.tolist()),
    lambda w: w.argmax(),
    lambda w: w > 1,
    lambda w: w.int(),
    lambda w: torch.ones_like(w),
    lambda w: w.sign().bool(),
):
    assert not cut(weight).requires_grad
for kept in (lambda w: w.clone(), lambda w: w.round(), lambda w: w.double(), lambda w: w.max()):
    assert kept(weight).requires_grad
with torch.inference_mode():
    assert not (weight * 2).requires_grad
with torch.set_grad_enabled(False):
    assert not (weight * 2).requires_grad
# Some operations without a derivative are recorded, and raise another error in backward().
step = torch.heaviside(weight, torch.ones(1))
assert step.requires_grad
with expect_error(RuntimeError, match="derivative for aten::heaviside is not implemented"):
    step.sum().backward()
# A graph keeps tensors.
assert torch.equal(weight.square().grad_fn._saved_self, weight)
# numpy() refuses a tensor that requires a gradient, so it cannot end the link unnoticed.
with expect_error(RuntimeError, match="Can't call numpy"):
    weight.numpy()
# autograd.grad says the same of a result, and something else of a tensor that the loss does not depend on.
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    torch.autograd.grad(torch.ones(()), weight)
with expect_error(RuntimeError, match="appears to not have been used in the graph"):
    torch.autograd.grad((weight * 2).sum(), torch.ones(2, requires_grad=True))

# %%
# Check yourself
# --------------


def after(make):
    weight = torch.tensor([1.0, 3.0], requires_grad=True)
    make(weight).sum().backward()
    return tuple(weight.grad.tolist())


ask(
    "weight holds 1 and 3, and requires its gradient. What is weight.grad after (weight > 2).float().sum().backward()?",
    answer=lambda: after(lambda weight: (weight > 2).float()),
    choices={
        (0.0, 1.0): "That is the value of the comparison, and it has no slope.",
        (0.0, 0.0): "A step is flat, but torch does not record it.",
        RuntimeError: "A comparison gives truth values, which are not linked to the weight.",
    },
)

# %%
# The next question is about rounding, which is a step function, too.

ask(
    "And after weight.round().sum().backward()?",
    answer=lambda: after(lambda weight: weight.round()),
    choices={
        (1.0, 1.0): "That would be the slope if round passed gradients through unchanged.",
        (
            0.0,
            0.0,
        ): "Rounding is recorded, and its slope is 0, so nothing is learned and nothing is raised.",
        RuntimeError: "round gives floating-point numbers and is recorded.",
    },
)

# %%
# **Exercise.** Networks whose units give 0 or 1 can be trained with a trick. The forward pass gives 1 where ``x`` is
# positive and 0 elsewhere, and the backward pass acts as if the result were ``x``. Return this result. The checker
# takes the gradient of the sum of its squares.


def binary(x):
    raise NotImplementedError


def gradient_through(function):
    def gradient(x):
        x = x.requires_grad_()
        return torch.autograd.grad(function(x).square().sum(), x)[0]

    return gradient


def expected(x):
    return 2.0 * (x > 0)


cases = [(torch.tensor([0.3, -0.2]),), (torch.tensor([[1.0, 0.0], [-5.0, 2.0]]),), (torch.ones(3),)]
check(gradient_through(binary), expected, cases)

# %%
# ``x - x.detach()`` is 0 for finite ``x``, and its slope is that of ``x``. Add it to the binary value.

# Solution


def binary(x):
    return (x > 0).float() + (x - x.detach())


report = check(gradient_through(binary), expected, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cant-call-numpy-on-tensor-that-requires-grad`, when a tensor with a graph meets NumPy.
#
# - Bengio, Léonard and Courville (2013). `Estimating or propagating gradients through stochastic neurons
#   <https://arxiv.org/abs/1308.3432>`__. The trick of the exercise.
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. How
#   recording is switched off, and what each mode is for.
