"""
.. _hooks-on-tensors:

How do hooks on tensors work? (register_hook)
=============================================

A :term:`hook` is a function that you write and PyTorch calls at a certain point. A hook on a tensor is called in the
backward pass, when the :term:`gradient` of the tensor is known. It can look at the gradient, change it, or use it at
once. This page runs each kind, prints their order, and removes them. You need to know :ref:`from-calculation-to-graph`.
"""

# %%
# The gradient of ``z``, half-way up, is not kept in ``z.grad``. A hook sees it pass.

from functools import partial

import torch
from torch.autograd.graph import get_gradient_edge

from ptguide.errors import expect_error
from ptguide.pictures import draw_graph
from ptguide.questions import ask

x = torch.tensor(2.0, requires_grad=True)
y = torch.tensor(5.0, requires_grad=True)
z = x * y
v = torch.log(z)
handle = z.register_hook(lambda grad: print(f"the gradient at z is {grad:.1f}"))
v.backward(retain_graph=True)

# %%
# A hook of :meth:`torch.Tensor.register_hook` gets one :term:`argument`, the gradient of the result with respect to the
# tensor, in the tensor's shape. Where the tensor was used several times, it gets the sum, once.

seen = []
s = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
s.register_hook(seen.append)
(s * s + 10 * s).sum().backward()
assert len(seen) == 1
assert seen[0].tolist() == [12, 14, 16]

# %%
# Changing a gradient
# -------------------
#
# What the hook returns replaces the gradient, for what is further up. ``None``, as above, leaves it as it is. The
# picture shows ``z`` with three times its :val:`0.1 <torch.autograd.grad(v, z, retain_graph=True)[0] / 3>`, and what
# became of ``x`` and ``y``. The values of the forward pass are untouched.

handle.remove()
handle = z.register_hook(lambda grad: 3 * grad)
(to_x,) = torch.autograd.grad(v, x, retain_graph=True)
torch.testing.assert_close(to_x, torch.tensor(3 * 0.5))
picture = draw_graph(v, {"x": x, "y": y, "z": z, "v": v})
assert "gradient 0.3, changed by a hook" in picture.description
picture

# %%
# Several hooks on one tensor run in the order in which they were registered. Each gets what the one before returned.
# ``retain_grad()`` keeps what the last one returned, even if ``retain_grad()`` was called first.

q = x * 1
q.retain_grad()
q.register_hook(lambda grad: grad + 1)
q.register_hook(lambda grad: grad * 10)
(q * 3).backward()
assert q.grad == (3 + 1) * 10

# %%
# Before and after it is added: hooks on leaves
# ---------------------------------------------
#
# On a :term:`leaf` there are two moments. ``register_hook`` is called with the gradient of *this* walk, before it is
# added to ``.grad``. ``register_post_accumulate_grad_hook`` is called after that, with the *tensor*, so that ``.grad``
# can be read. It has to return ``None``.

leaf = torch.tensor(4.0, requires_grad=True)
leaf.register_hook(lambda grad: print(f"arrives: {grad:.0f}"))
leaf.register_post_accumulate_grad_hook(lambda tensor: print(f".grad is now {tensor.grad:.0f}"))
for _ in range(2):
    (leaf**2).backward()
assert leaf.grad == 2 * 8
other = torch.tensor(4.0, requires_grad=True)
other.register_post_accumulate_grad_hook(lambda tensor: tensor.grad)
with expect_error(RuntimeError, match="hooks should return None"):
    (other**2).backward()

# %%
# The second kind can use a gradient and throw it away while the backward pass goes on. Here it takes a training step.
# The gradients of the two weights are not kept at the same time. (Without the hook, the loop over the weights stands
# behind ``backward``.)

kept = []


def step(parameter):
    kept.append(sum(weight.grad is not None for weight in weights))
    with torch.no_grad():
        parameter -= 0.1 * parameter.grad
    parameter.grad = None


weights = [torch.ones(2, requires_grad=True), torch.full((3,), 5.0, requires_grad=True)]
for weight in weights:
    weight.register_post_accumulate_grad_hook(step)
sum((weight**2).sum() for weight in weights).backward()
assert kept == [1, 1]
assert all(weight.grad is None for weight in weights)
torch.testing.assert_close(weights[0], torch.full((2,), 1 - 0.1 * 2 * 1))
torch.testing.assert_close(weights[1], torch.full((3,), 5 - 0.1 * 2 * 5))

# %%
# Hooks on nodes
# --------------
#
# A node of the graph (``grad_fn``) takes hooks, too. A hook of ``register_prehook`` is called before the node runs,
# with what arrives. A hook of ``register_hook`` is called after it, with what the node hands on and what had arrived.
# Both get tuples, named after the *forward* calculation: ``grad_inputs`` belongs to the inputs of the multiplication,
# ``x`` and ``y``, and comes *out* of the node. Here the prehook makes 1 of the 0.1 that arrives.

handle.remove()


def show(grad_inputs, grad_outputs):
    print(f"{grad_inputs = }\n{grad_outputs = }")


node = z.grad_fn
after = node.register_hook(show)
before = node.register_prehook(lambda grad_outputs: (10 * grad_outputs[0],))
x.grad = y.grad = None
v.backward(retain_graph=True)
torch.testing.assert_close((x.grad, y.grad), (torch.tensor(5.0), torch.tensor(2.0)))

# %%
# All of them, in order
# ---------------------
#
# Here is one of each, on the way from ``v`` to ``x``. The node of ``x`` is its ``AccumulateGrad``. For each of the two
# nodes, the hook of the tensor comes first, then the one before the node, the node itself, and the one after it. The
# order of registration was another one.

after.remove()
before.remove()
order = []


def note(event, *_):
    order.append(event)


to_x = get_gradient_edge(x).node
handles = [
    to_x.register_hook(partial(note, "x: node has run")),
    x.register_post_accumulate_grad_hook(partial(note, "x: added to .grad")),
    to_x.register_prehook(partial(note, "x: node will run")),
    x.register_hook(partial(note, "x: gradient is known")),
    z.grad_fn.register_hook(partial(note, "z: node has run")),
    z.grad_fn.register_prehook(partial(note, "z: node will run")),
    z.register_hook(partial(note, "z: gradient is known")),
]
v.backward(retain_graph=True)
print("\n".join(order))
assert order[:3] == ["z: gradient is known", "z: node will run", "z: node has run"]
assert order[3:6] == ["x: gradient is known", "x: node will run", "x: added to .grad"]
assert order[6:] == ["x: node has run"]

# %%
# :func:`torch.autograd.grad` returns gradients and adds nothing to ``.grad``. It calls the hooks of the tensors on its
# way, and of the nodes that it runs. It does not run the ``AccumulateGrad`` of ``x``.

order.clear()
before_it = x.grad.clone()
torch.autograd.grad(v, x, retain_graph=True)
assert order[:3] == ["z: gradient is known", "z: node will run", "z: node has run"]
assert order[3:] == ["x: gradient is known"]
assert torch.equal(x.grad, before_it)

# %%
# Removing
# --------
#
# Each of these registrations returns a handle, and ``handle.remove()`` ends it. In a ``with`` block it ends with the
# block. A cell of a notebook that you run twice registers the hook twice, and then the hook is called twice.

for handle in handles:
    handle.remove()
order.clear()
v.backward(retain_graph=True)
assert order == []

with x.register_hook(partial(note, "in the block")):
    v.backward(retain_graph=True)
v.backward(retain_graph=True)
assert order == ["in the block"]

order.clear()
for _ in range(2):  # as a cell that is run twice
    handles.append(x.register_hook(partial(note, "again")))
v.backward(retain_graph=True)
assert order == ["again", "again"]
for handle in handles:
    handle.remove()

# %%
# Use: where does NaN begin?
# --------------------------
#
# The result is finite, the gradient is not. A hook on each of the three steps tells from where on. The slope of the
# square root at 0 is infinite, and 0 times infinity is :term:`NaN`. (:class:`torch.autograd.detect_anomaly` is torch's
# own tool for this.)


def watch(name, grad):
    print(f"{name}: {'finite' if grad.isfinite().all() else 'not finite'}")


a = torch.tensor([4.0, 0.0, 9.0], requires_grad=True)
root = a.sqrt()
masked = root * torch.tensor([1.0, 0.0, 1.0])
for name, tensor in {"a": a, "root": root, "masked": masked}.items():
    tensor.register_hook(partial(watch, name))
masked.sum().backward()
assert a.grad.isfinite().tolist() == [True, False, True]

# %%
# What goes wrong
# ---------------
#
# *Writing into the gradient.* Return a new tensor. A hook that writes :term:`in place` may change the gradient of
# others, because ``left + right`` hands the same tensor to both. ``right`` has no hook, and gets ten times too much.

left, right = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
factors = torch.tensor([1.0, 2.0, 4.0])
with left.register_hook(lambda grad: grad.mul_(10)):
    ((left + right) * factors).sum().backward()
assert torch.equal(right.grad, 10 * factors)
right.grad = None
with left.register_hook(lambda grad: grad * 10):
    ((left + right) * factors).sum().backward()
assert torch.equal(right.grad, factors)

# %%
# *One name for several hooks.* A ``lambda`` in a loop looks the name up when it is called, and by then the loop is
# over. Hand the name over with ``partial``, as on this page. (The linter ruff finds this as B023.)

late, early = [], []
for name, tensor in {"left": left, "right": right}.items():
    tensor.register_hook(lambda grad: late.append(name))  # noqa: B023
    tensor.register_hook(partial(lambda name, grad: early.append(name), name))
(left * right).sum().backward()
assert late == ["right", "right"]
assert sorted(early) == ["left", "right"]

# %%
# *Refused.* A tensor without ``requires_grad`` takes no hook. A hook that is called after accumulating needs a leaf.
# And what a hook returns needs the shape and the dtype of what the hook got.

with expect_error(RuntimeError, match="a hook on a tensor that doesn't require gradient"):
    factors.register_hook(print)
with expect_error(RuntimeError, match="cannot be registered on non-leaf tensors"):
    z.register_post_accumulate_grad_hook(print)
changes = {"size": lambda grad: grad[:2], "type": lambda grad: grad.double()}
for what, change in changes.items():
    with left.register_hook(change), expect_error(RuntimeError, match=f"changed the {what}"):
        left.sum().backward()

# %%
# Neighbours: :func:`torch.autograd.graph.register_multi_grad_hook` waits for several tensors, and
# :class:`torch.autograd.graph.saved_tensors_hooks` sees what the forward calculation saves.
#
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
# And at which moment:

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
# Next: :ref:`hooks-on-modules`, which see what enters and leaves a layer.
