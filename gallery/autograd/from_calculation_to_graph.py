"""
.. _from-calculation-to-graph:

What is the computation graph? (grad_fn and next_functions)
===========================================================

``loss.backward()`` finds :term:`gradients <gradient>`, and you did not tell PyTorch how to differentiate your code. It
can because a differentiable operation leaves a :term:`node` behind that knows the way back, and together the nodes are
the graph.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw_graph
from ptguide.questions import ask

x, target = torch.tensor(3.0), torch.tensor(5.0)  # data
w = torch.tensor(2.0, requires_grad=True)  # what is to be learned
b = torch.tensor(1.0, requires_grad=True)

# %%

prediction = w * x + b
loss = (prediction - target) ** 2
draw_graph(loss, {"w": w, "b": b, "prediction": prediction, "loss": loss})

# %%
# One neuron predicts ``w * x + b``, and the loss is its squared error. Values flow down. In orange, gradients flow up:
# they say how much the loss changes for a small change of the number in the box. You need to know :ref:`operations
# element by element <element-by-element>`.
#
# Read the orange numbers from below. The loss changes by 1 when the loss changes by 1. A square has the slope 2 · 2 at
# an error of 2. A change of ``w`` reaches the prediction three times as large, because ``x`` is 3. That makes 4 · 3 =
# 12. ``backward()`` computes the same numbers and leaves them in ``.grad``.

loss.backward(retain_graph=True)  # keep the graph for the next cells
print(f"{w.grad = }, {b.grad = }")
assert (w.grad, b.grad) == (2 * 2 * 3, 2 * 2)

# %%
# Nodes and edges
# ---------------
#
# **A node** is a function for the way back. Each result of an operation holds its node in ``grad_fn``. **An edge**
# leads to the node that comes next on the way back, and ``next_functions`` lists them. ``w`` and ``b`` were made by no
# operation. They are :term:`leaves <leaf>`, and a node ``AccumulateGrad`` adds what arrives to their ``.grad``. An edge
# to ``None`` belongs to data, which needs no gradient.


def tell(node, indent=0):
    print("    " * indent + ("None" if node is None else node.name()))
    for following, _ in [] if node is None else node.next_functions:
        tell(following, indent + 1)


tell(loss.grad_fn)
assert (w.is_leaf, w.grad_fn, prediction.is_leaf) == (True, None, False)

# %%
# From scratch: walking back
# --------------------------
#
# You can call a node. It takes the gradient of its output and gives one for each of its inputs. For that it has saved
# what it needs; the product has saved ``x``. Call a node, hand each result on along its edge, and at a leaf add up:
# that is ``backward`` in a few lines.


def walk(node, gradient, grads):
    if hasattr(node, "variable"):  # AccumulateGrad
        grads[node.variable] = grads.get(node.variable, 0) + gradient
        return
    results = node(gradient)
    results = results if isinstance(results, tuple) else (results,)
    for (following, _), result in zip(node.next_functions, results, strict=True):
        if following is not None:
            walk(following, result, grads)


grads = {}
walk(loss.grad_fn, torch.tensor(1.0), grads)
print({"w": grads[w].item(), "b": grads[b].item()})
assert (grads[w], grads[b]) == (w.grad, b.grad)

# %%
# When the graph is made, and when it is freed
# --------------------------------------------
#
# The *forward* calculation makes the graph, while it runs. So an ``if`` may depend on values, and each pass has a graph
# of its own. ``backward`` frees the saved values, because they take memory. Where a node needs them, a second walk is
# then refused. Compute again, or ask for the values to be kept, as above: ``retain_graph=True``.


def halve_or_square(x):
    return x * 0.5 if x > 1 else x**2


print(halve_or_square(w).grad_fn.name(), halve_or_square(w - 1.5).grad_fn.name())
assert halve_or_square(w).grad_fn.name() == "MulBackward0"
assert halve_or_square(w - 1.5).grad_fn.name() == "PowBackward0"
loss.backward()
with expect_error(RuntimeError, match="Trying to backward through the graph a second time"):
    loss.backward()

# %%
# .. use-this::
#
#    One forward pass, one ``backward()``. To see whether something is recorded, print it: a result shows its
#    ``grad_fn``. Keep figures with ``.item()`` and tensors with ``.detach()``, or you keep their graph, too. Inside
#    :class:`torch.no_grad` nothing is recorded, which saves memory when you measure.
#
# Common mistakes
# ---------------
#
# **Nothing was recorded.** Under ``no_grad``, after ``detach()`` or ``item()``, or where no input requires a gradient,
# there is no node to start from.

with torch.no_grad():
    silent = w * x
for unrecorded in (silent, w.detach() * x, torch.tensor(w.item()) * x):
    assert unrecorded.grad_fn is None
    with expect_error(RuntimeError, match="does not require grad and does not have a grad_fn"):
        unrecorded.backward()

# %%
# **A graph that grows with each step.** ``total += loss`` makes a number that leads to each step so far, with all that
# they have saved. Here are two steps. Add ``loss.item()``, which is a plain number.

total, running = 0.0, 0.0
for number in (1.0, 2.0):
    step_loss = (w * number - target) ** 2
    total, running = total + step_loss, running + step_loss.item()
assert running == total.item()
draw_graph(total, {"w": w})

# %%
# How this was checked

# The walk against torch, on a calculation that uses its inputs several times.
a, c = torch.tensor(2.0, requires_grad=True), torch.tensor(5.0, requires_grad=True)
for calculation in (
    lambda: torch.sin(a * c) / a + 3 * c,
    lambda: (a * a + c).exp().log() * a,
    lambda: (a - c) ** 2 * (a * c + a),
):
    result, grads = calculation(), {}
    walk(result.grad_fn, torch.tensor(1.0), grads)
    torch.testing.assert_close((grads[a], grads[c]), torch.autograd.grad(result, (a, c)))

# An edge is a pair: the next node, and the number of its output. The outputs of unbind share one node.
first, second, third = torch.arange(3.0, requires_grad=True).unbind()
(node, place), _ = (second * third).grad_fn.next_functions
assert (node.name(), place) == ("UnbindBackward0", 1)
assert first.grad_fn is second.grad_fn is third.grad_fn
with expect_error(TypeError, match="expected 3 arguments, got 1"):
    walk(
        (second * third).grad_fn, torch.tensor(1.0), {}
    )  # for nodes with several outputs, walk is too simple

# The engine waits until all gradients for a node have arrived, and runs the node once.
runs = []
s = a * c
s.grad_fn.register_hook(lambda *_: runs.append("ran"))
(s * s + s).backward()
assert runs == ["ran"]

# Each pass has a graph of its own, and a leaf has one AccumulateGrad.
graphs = [(w * x).grad_fn for _ in range(3)]
assert len(set(graphs)) == 3
assert len({graph.next_functions[0][0] for graph in graphs}) == 1
# A sum has saved no values, so it can be walked twice.
plain = a + c
plain.backward()
plain.backward()
# .grad of a result in the middle is not kept, unless retain_grad asks for it.
middle = w * x
with expect_warning(UserWarning, match="not a leaf Tensor"):
    assert middle.grad is None
middle.retain_grad()
(middle + b).backward()
assert middle.grad == 1

# %%
# Check yourself
# --------------


def nodes(start):
    found = [start]
    for node in found:  # grows
        found += [one for one, _ in node.next_functions if one is not None and one not in found]
    return found


p, q = torch.tensor(2.0, requires_grad=True), torch.tensor(5.0, requires_grad=True)
ask(
    "p and q require grad. How many nodes has the graph of (p * q + p) * 3, with those of p and q?",
    answer=len(nodes(((p * q + p) * 3).grad_fn)),
    choices={
        3: "Those are the operations. Each leaf has a node, too: AccumulateGrad.",
        5: "Two products and a sum, and one AccumulateGrad for each of p and q. The number 3 has none.",
        6: "p is used twice, but it has one node, in which both gradients are added up.",
    },
)

# %%
# Edges that lead nowhere:

ask(
    "What does the tuple (3 * p).grad_fn.next_functions hold?",
    answer=" and ".join(
        "None" if one is None else "a node" for one, _ in (3 * p).grad_fn.next_functions
    ),
    choices={
        "a node": "There is one edge for each factor, also for the one that needs no gradient.",
        "a node and None": "An edge to the AccumulateGrad of p. The number 3 needs no gradient.",
        "a node and a node": "A number has no node, because it needs no gradient.",
    },
)

# %%
# **Exercise.** Return the number of leaves that a result depends on and that would get a gradient, as a tensor without
# axes. ``calculation`` is a function without arguments that returns the result.


def by_names(calculation):
    return torch.tensor(
        sum(node.name().endswith("AccumulateGrad") for node in nodes(calculation().grad_fn))
    )


cases = [(lambda: p * 3,), (lambda: p * q + p,), (lambda: torch.stack([p, q, p * q]).sum() * x,)]


def count_leaves(calculation):
    raise NotImplementedError


check(count_leaves, by_names, cases)

# %%
# Walk the edges, and remember where you have been.

# Solution


def count_leaves(calculation):
    to_visit, seen = [calculation().grad_fn], set()
    while to_visit:
        node = to_visit.pop()
        if node is not None and node not in seen:
            seen.add(node)
            to_visit += [following for following, _ in node.next_functions]
    return torch.tensor(sum(hasattr(node, "variable") for node in seen))


report = check(count_leaves, by_names, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`backward-needs-a-scalar`, and what to do when the result has many elements.
#
# - Paszke et al. (2017). `Automatic differentiation in PyTorch <https://openreview.net/forum?id=BJJsrmfCZ>`__. The
#   design of this graph, by the people who built it.
# - Baydin, Pearlmutter, Radul and Siskind (2018). `Automatic differentiation in machine learning: a survey
#   <https://jmlr.org/papers/v18/17-468.html>`__. What else there is besides recording.
