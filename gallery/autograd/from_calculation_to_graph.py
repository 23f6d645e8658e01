"""
.. _from-calculation-to-graph:

What is the computation graph? (grad_fn and next_functions)
===========================================================

While you compute, PyTorch keeps a record. Each result holds a :term:`node`, its ``grad_fn``, which can go one step
back and knows which node comes next. Together they are the *graph*, and ``backward`` walks it to find every
:term:`gradient`. This page reads the graph of :math:`\\log(xy)`, walks it by hand, and tests four beliefs. You need to
know :ref:`operations element by element <element-by-element>`.
"""

# %%
# Two numbers are multiplied, and the logarithm is taken. ``requires_grad=True`` asks for the record. The picture is
# drawn from it: values flow down. In orange, gradients flow up: how much ``v`` changes per small change of what the box
# made.

import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw_graph
from ptguide.questions import ask

x = torch.tensor(2.0, requires_grad=True)
y = torch.tensor(5.0, requires_grad=True)
z = x * y
v = torch.log(z)
draw_graph(v, {"x": x, "y": y, "z": z, "v": v})

# %%
# Read it from below. ``v`` changes as much as ``v`` does: 1. The logarithm has the slope :math:`1/z = 0.1` at
# :math:`z = 10`. A change of ``x`` reaches ``z`` five times as large, since ``y`` is 5: :math:`0.1 \cdot 5 = 0.5`.
# ``backward()`` computes the same, and leaves it in ``.grad``.

v.backward(retain_graph=True)  # keep the graph for the rest of this page
torch.testing.assert_close((x.grad, y.grad), (torch.tensor(0.5), torch.tensor(0.2)))

# %%
# Nodes and edges
# ---------------
#
# Drawings of graphs differ. Some say "nodes are operations, edges are tensors", and then count x, y and v among the
# nodes. In autograd there is one convention, and it can be looked at: **a node is a backward function**, the
# object in ``grad_fn``. **An edge** leads from a node to the one that comes next on the way *back*, and stands in
# ``next_functions``. The arrows of the picture point the other way, as the values flow.

log, mul = v.grad_fn, z.grad_fn
assert (log.name(), mul.name()) == ("LogBackward0", "MulBackward0")
assert log.next_functions == ((mul, 0),)
print(f"{log.name()} leads to {log.next_functions[0][0].name()}")

# %%
# An edge is a pair: the next node, and the number of the output that is meant. Most operations have one output, number
# 0; :func:`torch.unbind` has several, and one node for all of them.

first, second, third = torch.arange(3.0, requires_grad=True).unbind()
(node, place), _ = (second * third).grad_fn.next_functions
assert (node.name(), place) == ("UnbindBackward0", 1)
assert first.grad_fn is second.grad_fn is third.grad_fn

# %%
# ``x`` and ``y`` were made by no operation. Such a tensor is a :term:`leaf`: its ``grad_fn`` is ``None``. In the graph
# stands for it a node ``AccumulateGrad``, which adds what arrives to ``x.grad``. However often ``x`` is used, it has
# one such node.

(to_x, _), (to_y, _) = mul.next_functions
assert to_x.name() == to_y.name() == "torch::autograd::AccumulateGrad"
assert to_x.variable is x
assert (x.is_leaf, x.grad_fn) == (True, None)

twice = x * x
assert twice.grad_fn.next_functions == ((to_x, 0), (to_x, 0))
draw_graph(twice, {"x": x})

# %%
# From scratch: walking back
# --------------------------
#
# A node can be called. It takes the gradient of its output and gives one for each of its inputs. To do that it has
# kept what it needs: ``mul`` the two factors, ``log`` its input. (An underscore says: to look at, not to build on.)

assert mul._saved_self is x
assert mul._saved_other is y
assert log._saved_self == z
torch.testing.assert_close(log(torch.tensor(1.0)), torch.tensor(0.1))
torch.testing.assert_close(mul(torch.tensor(0.1)), (torch.tensor(0.5), torch.tensor(0.2)))

# %%
# So ``backward`` in a few lines: call the node, hand each result to the node at the edge, and at a leaf add up. An edge
# to ``None`` leads to an input that needs no gradient, such as the number 3 below.


def walk(node, gradient, grads):
    if hasattr(node, "variable"):
        grads[node.variable] = grads.get(node.variable, 0) + gradient
        return
    results = node(gradient)
    results = results if isinstance(results, tuple) else (results,)
    for (following, _), result in zip(node.next_functions, results, strict=True):
        if following is not None:
            walk(following, result, grads)


def calculation(x, y):
    return torch.sin(x * y) / x + 3 * y


w, grads = calculation(x, y), {}
walk(w.grad_fn, torch.tensor(1.0), grads)
expected = torch.autograd.grad(w, (x, y), retain_graph=True)
torch.testing.assert_close((grads[x], grads[y]), expected)
draw_graph(w, {"x": x, "y": y, "w": w})

# %%
# The box of ``x`` shows the sum of two ways. The real engine differs in one point: it waits until all gradients for a
# node have arrived, and runs it once. ``walk`` would run the node of ``s`` here once for each of its three uses.

runs = []
s = x * y
s.grad_fn.register_hook(lambda *_: runs.append("ran"))  # called when the node has run
(s * s + s).backward()
assert runs == ["ran"]

# %%
# "The graph is recreated after each backward"
# --------------------------------------------
#
# It is not ``backward`` that makes it. Each *forward* calculation records a graph of its own, whether ``backward`` is
# called or not.

graphs = [torch.log(x * y).grad_fn for _ in range(3)]
assert len(set(graphs)) == 3
assert all(graph.next_functions[0][0].next_functions == mul.next_functions for graph in graphs)

# %%
# What ``backward`` does is to *free* the saved values, because they take memory. The nodes stay, but a second walk is
# refused. Compute again, or ask for the values to be kept, as above: ``retain_graph=True``. A sum has saved nothing, so
# nothing is missing.

v.backward()
assert v.grad_fn is log
assert log.next_functions == ((mul, 0),)
with expect_error(RuntimeError, match="Trying to backward through the graph a second time"):
    v.backward()

total = x + y
total.backward()
total.backward()

# %%
# "Only leaves have .grad"
# ------------------------
#
# By default that is so: ``z.grad`` is ``None``, and PyTorch warns who asks. The gradient did pass through ``z``; it was
# not kept. ``retain_grad()``, called before ``backward``, keeps it.

z = x * y
v = torch.log(z)
with expect_warning(UserWarning, match="not a leaf Tensor"):
    assert z.grad is None
z.retain_grad()
v.backward()
assert not z.is_leaf
torch.testing.assert_close(z.grad, torch.tensor(0.1))

# %%
# "A dynamic graph is faster"
# ---------------------------
#
# TensorFlow, some learners write, "compiles its graphs beforehand", and PyTorch's dynamic graph is faster. *Dynamic*
# means recorded while the program runs. So an ``if`` may depend on values, and the graph has only what was run:


def halve_or_square(x):
    return x * 0.5 if x > 1 else x**2


assert halve_or_square(x).grad_fn.name() == "MulBackward0"
assert halve_or_square(x - 1.5).grad_fn.name() == "PowBackward0"

# %%
# That is freedom, not speed: above, three equal calculations were recorded three times. A graph that is known
# beforehand can be optimized as a whole, and for that PyTorch has :func:`torch.compile`. And since version 2 TensorFlow
# runs operations at once, too, and compiles where it is told to (`its guide
# <https://www.tensorflow.org/guide/intro_to_graphs>`_).

# %%
# What goes wrong
# ---------------
#
# *Nothing was recorded.* Where no input requires a gradient, or under :class:`torch.no_grad`, there is no node to start
# from. The same happens after ``detach()`` and ``item()``, which hand out values without their record.

with torch.no_grad():
    silent = torch.log(x * y)
assert silent.grad_fn is None
assert torch.log(x.detach() * 7).grad_fn is None
with expect_error(RuntimeError, match="does not require grad and does not have a grad_fn"):
    silent.backward()

# %%
# *A graph that never ends.* The graph lives as long as a result that leads to it. ``total_loss += loss`` in a loop
# makes a result that leads to every step so far, here to three. Add ``loss.item()``, which is a plain number.

total_loss, running = 0.0, 0.0
for step in range(3):
    loss = (x - step) ** 2
    total_loss, running = total_loss + loss, running + loss.item()
assert running == total_loss == 4 + 1 + 0
draw_graph(total_loss, {"x": x})

# %%
# Check yourself
# --------------


def nodes(start):
    found = [start]
    for node in found:  # grows
        found += [one for one, _ in node.next_functions if one is not None and one not in found]
    return found


ask(
    "x and y require grad. How many nodes has the graph of (x * y + x) * 3, with those of x and y?",
    answer=len(nodes(((x * y + x) * 3).grad_fn)),
    choices={
        3: "Those are the operations. Each leaf has a node, too: AccumulateGrad.",
        5: "Two products and a sum, and one AccumulateGrad for each of x and y. The number 3 has none.",
        6: "x is used twice, but it has one node, in which both gradients are added up.",
    },
)

# %%
# Edges that lead nowhere:

ask(
    "What does the tuple (3 * x).grad_fn.next_functions hold?",
    answer=" and ".join(
        "None" if one is None else "a node" for one, _ in (3 * x).grad_fn.next_functions
    ),
    choices={
        "a node": "There is one edge for each factor, also for the one that needs no gradient.",
        "a node and None": "An edge to the AccumulateGrad of x; the number 3 needs no gradient.",
        "a node and a node": "A number has no node: nothing would be done with its gradient.",
    },
)

# %%
# Next: :ref:`backward-needs-a-scalar`, and what to do when the result has many elements.
