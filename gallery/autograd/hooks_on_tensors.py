"""
.. _hooks-on-tensors:

How do hooks on tensors work? (register_hook)
=============================================

By default the gradient of a result in the middle is not kept: you read ``.grad`` and get ``None``. A :term:`hook` is
your own function, which PyTorch calls in the backward pass when the :term:`gradient` of a tensor is known.
"""

# %%
# Set-up

from functools import partial

import torch
from torch.autograd.graph import get_gradient_edge

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw_graph
from ptguide.questions import ask

x, target = torch.tensor(3.0), torch.tensor(5.0)
w = torch.tensor(2.0, requires_grad=True)
b = torch.tensor(1.0, requires_grad=True)
prediction = w * x + b
loss = (prediction - target) ** 2

# %%

handle = prediction.register_hook(lambda grad: print(f"gradient at the prediction: {grad}"))
loss.backward(retain_graph=True)
handle.remove()

# %%
# The hook is a function of one argument, the gradient of the loss with respect to the tensor. Here it prints. You need
# to know :ref:`from-calculation-to-graph`.
#
# Change a gradient
# -----------------
#
# What a hook returns takes the place of the gradient on the rest of the way back. ``None``, as above, leaves it. Here
# it is cut off at 1, and ``w`` gets 1 * 3. The values of the forward pass stay as they are.

handle = prediction.register_hook(lambda grad: grad.clamp(-1, 1))
assert torch.autograd.grad(loss, w, retain_graph=True)[0] == 1 * 3
draw_graph(loss, {"w": w, "b": b, "prediction": prediction, "loss": loss})

# %%
# Before and after it is added
# ----------------------------
#
# At a :term:`leaf` there are two moments. ``register_hook`` gets the gradient of *this* backward pass, before it is
# added to ``.grad``. ``register_post_accumulate_grad_hook`` gets the *tensor* afterwards, and can read ``.grad``. The
# loop makes two passes.

handle.remove()
leaf = torch.tensor(4.0, requires_grad=True)
leaf.register_hook(lambda grad: print(f"arrives: {grad}"))
leaf.register_post_accumulate_grad_hook(lambda tensor: print(f".grad is now: {tensor.grad}"))
for _ in range(2):
    (leaf**2).backward()
assert leaf.grad == 2 * 8

# %%
# The second kind can use a gradient and throw it away while the backward pass goes on. Here it takes the step of an
# optimizer. At each call, one of the two weights has a gradient. This saves memory when gradients are as large as the
# weights.


def step(parameter):
    in_memory.append(sum(weight.grad is not None for weight in weights))
    with torch.no_grad():
        parameter -= 0.1 * parameter.grad
    parameter.grad = None


in_memory = []
weights = [torch.ones(2, requires_grad=True), torch.full((3,), 5.0, requires_grad=True)]
for weight in weights:
    weight.register_post_accumulate_grad_hook(step)
sum((weight**2).sum() for weight in weights).backward()
print("gradients in memory at each call:", in_memory)
assert in_memory == [1, 1]
torch.testing.assert_close(weights[1], torch.full((3,), 5 - 0.1 * 2 * 5))

# %%
# Find where a NaN begins
# -----------------------
#
# The loss is finite, and a gradient is not. A hook on each step tells from where on. The slope of the square root at 0
# is infinite, and the mask's 0 times infinity is :term:`NaN`.


def watch(name, grad):
    print(f"{name:<7} {grad.tolist()}")


a = torch.tensor([4.0, 0.0, 9.0], requires_grad=True)
root = a.sqrt()
masked = root * torch.tensor([1.0, 0.0, 1.0])
for name, tensor in {"a": a, "root": root, "masked": masked}.items():
    tensor.register_hook(partial(watch, name))
masked.sum().backward()
assert a.grad.isfinite().tolist() == [True, False, True]

# %%
# .. use-this::
#
#    ``tensor.register_hook(f)`` to see or change a gradient on its way, and ``register_post_accumulate_grad_hook`` on
#    parameters to use it when it is complete. Return a new tensor, and do not write into the one you got. Keep the
#    handle and call ``handle.remove()``, or register in a ``with`` block. To keep one gradient in the middle,
#    ``retain_grad()`` is enough.

with prediction.register_hook(lambda grad: print("in the block:", grad.item())):
    loss.backward(retain_graph=True)
loss.backward(retain_graph=True)  # in silence

# %%
# Common mistakes
# ---------------
#
# **Writing into the gradient.** ``left + right`` hands one and the same tensor to both. A hook on ``left`` that works
# :term:`in place` changes the gradient of ``right``, which has no hook.

left, right = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
factors = torch.tensor([1.0, 2.0, 4.0])
for hook in (lambda grad: grad.mul_(10), lambda grad: grad * 10):
    right.grad = None
    with left.register_hook(hook):
        ((left + right) * factors).sum().backward()
    print("gradient of right:", right.grad.tolist())
assert torch.equal(right.grad, factors)

# %%
# **A cell that is run twice.** It registers the hook twice, and the hook is called twice.

calls = []
for _ in range(2):  # as a cell that is run twice
    b.register_hook(lambda grad: calls.append("called"))
loss.backward(retain_graph=True)
print(calls)
assert calls == ["called", "called"]

# %%
# How this was checked

# The hook gets the gradient in the tensor's shape; where the tensor is used several times, the sum, once.
seen = []
s = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
s.register_hook(seen.append)
(s * s + 10 * s).sum().backward()
assert len(seen) == 1
assert seen[0].tolist() == [12, 14, 16]

# Several hooks run in the order of registration; retain_grad keeps what the last one returned.
q = w * 1
q.retain_grad()
q.register_hook(lambda grad: grad + 1)
q.register_hook(lambda grad: grad * 10)
(q * 3).backward()
assert q.grad == (3 + 1) * 10

# A node takes hooks before and after it runs. This is the order of all kinds, on the way from the prediction to w.
order, product = [], prediction.grad_fn.next_functions[0][0]


def note(event, *_):
    order.append(event)


to_w = get_gradient_edge(w).node
handles = [
    to_w.register_hook(partial(note, "w: node has run")),
    w.register_post_accumulate_grad_hook(partial(note, "w: added to .grad")),
    to_w.register_prehook(partial(note, "w: node will run")),
    w.register_hook(partial(note, "w: gradient is known")),
    product.register_hook(partial(note, "product: node has run")),
    product.register_prehook(partial(note, "product: node will run")),
]
loss.backward(retain_graph=True)
assert order[:2] == ["product: node will run", "product: node has run"]
assert order[2:5] == ["w: gradient is known", "w: node will run", "w: added to .grad"]
assert order[5:] == ["w: node has run"]

# torch.autograd.grad calls the hooks of the tensors on its way, and adds nothing to .grad.
order.clear()
before = w.grad.clone()
torch.autograd.grad(loss, w, retain_graph=True)
assert order == ["product: node will run", "product: node has run", "w: gradient is known"]
assert torch.equal(w.grad, before)
for handle in handles:
    handle.remove()
order.clear()
loss.backward(retain_graph=True)
assert order == []

# Refused: no gradient, no leaf, another shape or dtype, a returned value where none may be.
with expect_error(RuntimeError, match="a hook on a tensor that doesn't require gradient"):
    factors.register_hook(print)
with expect_error(RuntimeError, match="cannot be registered on non-leaf tensors"):
    prediction.register_post_accumulate_grad_hook(print)
for what, change in {"size": lambda grad: grad[:2], "type": lambda grad: grad.double()}.items():
    with left.register_hook(change), expect_error(RuntimeError, match=f"changed the {what}"):
        left.sum().backward()
other = torch.tensor(4.0, requires_grad=True)
other.register_post_accumulate_grad_hook(lambda tensor: tensor.grad)
with expect_error(RuntimeError, match="hooks should return None"):
    (other**2).backward()

# %%
# Check yourself
# --------------

p = torch.tensor(1.0, requires_grad=True)
p.register_hook(lambda grad: grad * 10)
p.register_hook(lambda grad: grad + 1)
(p * 3).backward()
ask(
    "Two hooks are registered on p: first grad * 10, then grad + 1. What is p.grad after (p * 3).backward()?",
    answer=p.grad,
    choices={
        3.0: "What a hook returns replaces the gradient.",
        31.0: "In the order of registration: 3 * 10, and then + 1.",
        40.0: "That is the other order.",
    },
)

# %%
# At which moment:

moments = []
r = torch.tensor(1.0, requires_grad=True)
r.register_hook(lambda grad: moments.append(grad.item()))
for _ in range(2):
    (r * 3).backward()
ask(
    "r has a hook that notes its argument. What is noted in two calls of (r * 3).backward()?",
    answer=moments,
    choices={
        (3.0, 3.0): "Each time it is the gradient of that backward pass. The sum is in r.grad.",
        (
            3.0,
            6.0,
        ): "That is what a hook of register_post_accumulate_grad_hook would read in r.grad.",
        (6.0,): "The hook is called in both backward passes.",
    },
)

# %%
# **Exercise.** Write a step that turns gradients around, as a domain classifier needs it: forward it changes nothing,
# backward it multiplies the gradient by ``-strength``. ``x`` is a result in the middle of a graph. Use a hook.


def gradient_through(reverse):
    """Return what arrives before a reversal of (2 * start) ** 2."""

    def gradient(start, strength):
        start = start.clone().requires_grad_()
        (reverse(2 * start, strength) ** 2).sum().backward()
        return start.grad

    return gradient


def by_formula(start, strength):
    return -strength * 8 * start


cases = [
    (torch.tensor([1.0]), 1.0),
    (torch.tensor([1.0, -2.0]), 0.5),
    (torch.arange(6.0).reshape(2, 3), 3.0),
]


def reverse(x, strength):
    raise NotImplementedError


check(gradient_through(reverse), by_formula, cases)

# %%
# The hook belongs to a tensor of its own: on ``x`` itself it would also turn around what comes from other uses of
# ``x``.

# Solution


def reverse(x, strength):
    x = x.view_as(x)
    x.register_hook(lambda grad: -strength * grad)
    return x


report = check(gradient_through(reverse), by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`hooks-on-modules`, which see what enters and leaves a layer.
#
# - PyTorch contributors (2026). `Backward hooks execution
#   <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. The order in which hooks of each kind are called.
# - Ganin and Lempitsky (2015). `Unsupervised domain adaptation by backpropagation <https://arxiv.org/abs/1409.7495>`__:
#   what the reversed gradient of the exercise is good for.
