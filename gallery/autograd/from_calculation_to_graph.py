"""
.. _from-calculation-to-graph:

What is the computation graph? (grad_fn and next_functions)
===========================================================

While you compute with tensors that require gradients, PyTorch keeps a record. Each result holds a :term:`node`, its
``grad_fn``, which can go one step back and knows which nodes come next. Together they are the *graph*, and ``backward``
walks it to find the :term:`gradients <gradient>`. This page reads the graph of :math:`\\log(xy)` and walks it by hand.
You need to know :ref:`operations element by element <element-by-element>`.
"""

# %%
# Two numbers are multiplied, and the logarithm is taken. ``requires_grad=True`` asks for the record. The picture is
# drawn from it. Values flow down. In orange, gradients flow up: they say how much ``v`` changes per small change of
# what the box made.

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
# Read it from below. ``v`` changes by 1 when ``v`` changes by 1. The logarithm has the slope :math:`1/z = 0.1` at
# :math:`z = 10`. A change of ``x`` reaches ``z`` five times as large, because ``y`` is 5. That makes
# :math:`0.1 \cdot 5 = 0.5`. ``backward()`` computes the same, and leaves it in ``.grad``.

v.backward(retain_graph=True)  # keep the graph for the rest of this page
torch.testing.assert_close((x.grad, y.grad), (torch.tensor(0.5), torch.tensor(0.2)))

# %%
# Nodes and edges
# ---------------
#
# Drawings of graphs differ: in some the nodes are operations, in others tensors. In autograd there is one convention,
# and you can look at it. **A node is a backward function**, the object in ``grad_fn``. **An edge** leads from a node to
# one that comes next on the way *back*, and stands in ``next_functions``. The arrows of the picture point the other
# way, as the values flow.

log, mul = v.grad_fn, z.grad_fn
assert (log.name(), mul.name()) == ("LogBackward0", "MulBackward0")
assert log.next_functions == ((mul, 0),)
print(f"{log.name()} leads to {log.next_functions[0][0].name()}")

# %%
# An edge is a pair: the next node, and the number of the output that is meant. A product has one output, number 0.
# :func:`torch.unbind` has several outputs, and they share one node.

first, second, third = torch.arange(3.0, requires_grad=True).unbind()
(node, place), _ = (second * third).grad_fn.next_functions
assert (node.name(), place) == ("UnbindBackward0", 1)
assert first.grad_fn is second.grad_fn is third.grad_fn

# %%
# ``x`` and ``y`` were made by no operation. Such a tensor is a :term:`leaf`, without a ``grad_fn``. In the graph a node
# ``AccumulateGrad`` stands for it, which adds what arrives to ``x.grad``. ``x`` has one such node, also where it is
# used twice.

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
# You can call a node. It takes the gradient of its output and gives one for each of its inputs. For that it has saved
# what it needs: ``mul`` has saved the two factors, and ``log`` its input. (These names begin with an underscore: look
# at them, but do not build on them.)

assert mul._saved_self is x
assert mul._saved_other is y
assert log._saved_self == z
torch.testing.assert_close(log(torch.tensor(1.0)), torch.tensor(0.1))
torch.testing.assert_close(mul(torch.tensor(0.1)), (torch.tensor(0.5), torch.tensor(0.2)))

# %%
# This is ``backward`` in a few lines, for nodes with one output: call the node, hand each result to the node at the
# edge, and at a leaf add up. An edge to ``None`` leads to an input that needs no gradient, such as the number 3 below.


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
# The box of ``x`` shows the sum of two ways. The real engine does more. It calls hooks, and it collects the gradients
# of a node with several outputs, where ``walk`` fails. It also waits until the gradients for a node have arrived, and
# runs the node once. ``walk`` runs the node of ``s`` here once for each of its three uses.

runs = []
s = x * y
s.grad_fn.register_hook(lambda *_: runs.append("ran"))  # called when the node has run
result = s * s + s
result.backward(retain_graph=True)
assert runs == ["ran"]
product = result.grad_fn.next_functions[0][0]
edges = product.next_functions + result.grad_fn.next_functions
assert [node for node, _ in edges].count(s.grad_fn) == 3
with expect_error(TypeError, match="expected 3 arguments, got 1"):
    walk((second * third).grad_fn, torch.tensor(1.0), {})

# %%
# When the graph is made, and when it is freed
# --------------------------------------------
#
# ``backward`` does not make it. Each *forward* calculation records a graph of its own, and here ``backward`` is not
# called.

graphs = [torch.log(x * y).grad_fn for _ in range(3)]
assert len(set(graphs)) == 3
assert all(graph.next_functions[0][0].next_functions == mul.next_functions for graph in graphs)

# %%
# ``backward`` *frees* the saved values, because they take memory. The nodes stay, but a node whose values are gone
# refuses a second walk. Compute again, or ask for the values to be kept, as above: ``retain_graph=True``. A sum has
# saved no values, so it can be walked twice.

v.backward()
assert v.grad_fn is log
assert log.next_functions == ((mul, 0),)
with expect_error(RuntimeError, match="Trying to backward through the graph a second time"):
    v.backward()

total = x + y
total.backward()
total.backward()

# %%
# Which tensors get .grad
# -----------------------
#
# By default leaves get it. ``z.grad`` stays empty, and reading it gives a warning. The gradient did pass through ``z``,
# but it was not kept. ``retain_grad()``, called before ``backward``, keeps it.

z = x * y
v = torch.log(z)
with expect_warning(UserWarning, match="not a leaf Tensor"):
    assert z.grad is None
z.retain_grad()
v.backward()
assert not z.is_leaf
torch.testing.assert_close(z.grad, torch.tensor(0.1))

# %%
# What dynamic means
# ------------------
#
# *Dynamic* means recorded while the program runs. So an ``if`` may depend on values, and the graph holds the branch
# that was run. That says nothing about speed.


def halve_or_square(x):
    return x * 0.5 if x > 1 else x**2


assert halve_or_square(x).grad_fn.name() == "MulBackward0"
assert halve_or_square(x - 1.5).grad_fn.name() == "PowBackward0"

# %%
# Recording takes time: above, three equal calculations were recorded three times. A graph that is known beforehand can
# be optimized as a whole, and for that PyTorch has :func:`torch.compile`. TensorFlow, since version 2, also runs
# operations at once, and compiles where it is told to (`its guide
# <https://www.tensorflow.org/guide/intro_to_graphs>`_).

# %%
# What goes wrong
# ---------------
#
# *Nothing was recorded.* Where no input requires a gradient, or under :class:`torch.no_grad`, there is no node to start
# from. The same happens after ``detach()`` and ``item()``, which give the values without their record.

with torch.no_grad():
    silent = torch.log(x * y)
for unrecorded in (silent, torch.log(x.detach() * 7), torch.log(torch.tensor(x.item()))):
    assert unrecorded.grad_fn is None
    with expect_error(RuntimeError, match="does not require grad and does not have a grad_fn"):
        unrecorded.backward()

# %%
# *A graph that keeps growing.* The graph lives as long as a result that leads to it. ``total_loss += loss`` in a loop
# makes a result that leads to each step so far, here to three. Add ``loss.item()``, which is a plain number.

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
        "a node and a node": "A number has no node, because it needs no gradient.",
    },
)

# %%
# Next: :ref:`backward-needs-a-scalar`, and what to do when the result has many elements.
