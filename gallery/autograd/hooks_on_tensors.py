"""
.. _hooks-on-tensors:

How do hooks on tensors work? (register_hook)
=============================================

You want to know where a gradient becomes NaN, but ``.grad`` of a result in the middle is ``None``. A :term:`hook` is
your own function, which PyTorch calls in the backward pass when the :term:`gradient` of a tensor is known.
"""

# %%
# Set-up

from functools import partial

import torch
from torch.autograd.graph import get_gradient_edge

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

x, target = torch.tensor(3.0), torch.tensor(5.0)
w = torch.tensor(2.0, requires_grad=True)
b = torch.tensor(1.0, requires_grad=True)
product = w * x
prediction = product + b
loss = (prediction - target) ** 2
steps = {"w": w, "product": product, "prediction": prediction, "loss": loss}


def tell(name, grad):
    print(f"{name:<11} {grad.item():4.1f}")


# %%

handles = [tensor.register_hook(partial(tell, name)) for name, tensor in steps.items()]
loss.backward(retain_graph=True)

# %%
# One neuron predicts ``w * x + b``, and ``loss`` is its squared error. PyTorch calls a hook with the gradient of the
# loss with respect to the hook's tensor; ``partial`` adds the name. The hooks were registered from ``w`` to the loss,
# and the backward pass calls them from the loss to ``w``. You need to know :ref:`from-calculation-to-graph`.
#
# The rule
# --------
#
# The tensor that a hook returns replaces the gradient on the rest of the way back. If it returns ``None``, as ``tell``
# does, the gradient stays as it is. Here the gradient of the prediction is cut off at 1, so ``w`` gets 1 · 3 in place
# of 4 · 3. ``register_hook`` returns a handle, and ``handle.remove()`` takes the hook away.

for handle in handles:
    handle.remove()
handle = prediction.register_hook(lambda grad: grad.clamp(-1, 1))
print("with the hook:", torch.autograd.grad(loss, w, retain_graph=True)[0])
handle.remove()
print("without it:   ", torch.autograd.grad(loss, w, retain_graph=True)[0])
assert torch.autograd.grad(loss, w, retain_graph=True)[0] == 4 * 3

# %%
# Find where a NaN begins
# -----------------------
#
# The loss is finite, and a gradient is not. Put a hook on each step, and read the lines from the top: the gradient of
# ``root`` is still finite, that of ``a`` is not. So the :term:`NaN` begins in the square root. Its slope at 0 is
# infinite. The gradient that arrives from the mask is 0, and 0 times infinity is NaN.

a = torch.tensor([4.0, 0.0, 9.0], requires_grad=True)
root = a.sqrt()
masked = root * torch.tensor([1.0, 0.0, 1.0])
for name, tensor in {"a": a, "root": root, "masked": masked}.items():
    tensor.register_hook(lambda grad, name=name: print(f"{name:<7} {grad.tolist()}"))
masked.sum().backward()
assert a.grad.isfinite().tolist() == [True, False, True]

# %%
# Before and after it is added
# ----------------------------
#
# At a :term:`leaf` there are two moments. A hook of ``register_hook`` gets the gradient of *this* backward pass,
# before it is added to ``.grad``. A hook of ``register_post_accumulate_grad_hook`` gets the *tensor* afterwards, and
# can read the sum in ``.grad``. The loop makes two passes.

leaf = torch.tensor(4.0, requires_grad=True)
leaf.register_hook(lambda grad: print(f"arrives: {grad}"))
leaf.register_post_accumulate_grad_hook(lambda tensor: print(f".grad is now: {tensor.grad}"))
for _ in range(2):
    (leaf**2).backward()
assert leaf.grad == 2 * 8

# %%
# A hook of the second kind can use a gradient and free it while the backward pass goes on. Here it takes the step of
# an optimizer. There are two weights, and at each call one of them has a gradient. So the gradients of all weights
# need not fit into memory together.


def step(parameter):
    print("gradients in memory:", sum(weight.grad is not None for weight in weights))
    with torch.no_grad():
        parameter -= 0.1 * parameter.grad
    parameter.grad = None


weights = [torch.ones(2, requires_grad=True), torch.full((3,), 5.0, requires_grad=True)]
for weight in weights:
    weight.register_post_accumulate_grad_hook(step)
sum((weight**2).sum() for weight in weights).backward()
torch.testing.assert_close(weights[1], torch.full((3,), 5 - 0.1 * 2 * 5))

# %%
# .. use-this::
#
#    Call ``tensor.retain_grad()`` to keep one gradient in the middle. Call ``handle = tensor.register_hook(f)`` to
#    see or change a gradient on its way, and ``register_post_accumulate_grad_hook`` on a parameter to use its
#    ``.grad``. Return a new tensor, and do not write into the one you got. Call ``handle.remove()``, or register in a
#    ``with`` block: a cell that runs twice registers its hook twice. A hook costs a call of your function in each
#    backward pass.
#
# A common mistake
# ----------------
#
# **Writing into the gradient.** Here the backward pass of ``left + right`` hands the same tensor to both. The first
# hook on ``left`` works :term:`in place`, and so changes the gradient of ``right``, which has no hook. The second one
# returns a new tensor.

left, right = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
factors = torch.tensor([1.0, 2.0, 4.0])
for hook in (lambda grad: grad.mul_(10), lambda grad: grad * 10):
    right.grad = None
    with left.register_hook(hook):  # removed at the end of the block
        ((left + right) * factors).sum().backward()
    print("gradient of right:", right.grad.tolist())
assert torch.equal(right.grad, factors)

# %%
# How this was checked

# A cell that is run twice registers its hook twice.
calls = []
for _ in range(2):
    b.register_hook(lambda grad: calls.append("called"))
loss.backward(retain_graph=True)
assert calls == ["called", "called"]
# What hooks do leaves the forward pass as it was.
assert (prediction.item(), loss.item()) == (7, 4)

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
        3.0: "That is without hooks. What a hook returns replaces the gradient.",
        31.0: "In the order of registration: 3 * 10, and then + 1.",
        40.0: "That is the other order.",
    },
)

# %%
# The next question is about the moment.

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
# **Exercise.** Write a step that reverses gradients. Forward it changes nothing, backward it multiplies the gradient
# by ``-strength``. ``x`` is a result in the middle of a graph, and is used elsewhere, too. Use a hook.


def gradient_through(reverse):
    """Return the gradient of x ** 2 behind a reversal, plus x without one, for x = 2 * start."""

    def gradient(start, strength):
        start = start.clone().requires_grad_()
        x = 2 * start
        (reverse(x, strength) ** 2 + x).sum().backward()
        return start.grad

    return gradient


def by_formula(start, strength):
    return 2 - strength * 8 * start


cases = [
    (torch.tensor([1.0]), 1.0),
    (torch.tensor([1.0, -2.0]), 0.5),
    (torch.arange(6.0).reshape(2, 3), 3.0),
]


def reverse(x, strength):
    raise NotImplementedError


check(gradient_through(reverse), by_formula, cases)

# %%
# The hook belongs on a new tensor. On ``x`` itself it would also reverse what comes from the other uses of ``x``.

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
# :ref:`hooks-on-modules` see what enters and leaves a layer.
#
# - PyTorch contributors (2026). `Backward hooks execution
#   <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. The order in which hooks of each kind are called.
# - Ganin and Lempitsky (2015). `Unsupervised domain adaptation by backpropagation <https://arxiv.org/abs/1409.7495>`__.
#   What the reversed gradient of the exercise is good for.
