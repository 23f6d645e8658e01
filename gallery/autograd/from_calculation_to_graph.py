"""
.. _from-calculation-to-graph:

What is the computation graph? (grad_fn and next_functions)
===========================================================

``loss.backward()`` finds :term:`gradients <gradient>`, although you did not tell PyTorch how to differentiate your
code. An operation on a tensor with ``requires_grad=True`` records a :term:`node`, and ``backward`` follows the linked
nodes.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

x, target = torch.tensor(3.0), torch.tensor(5.0)  # data
w = torch.tensor(2.0, requires_grad=True)  # what is to be learned
b = torch.tensor(1.0, requires_grad=True)


def nodes(start):
    found = [start]
    for node in found:  # grows
        found += [one for one, _ in node.next_functions if one is not None and one not in found]
    return found


def draw_two_ways(loss, steps):
    """Draw tensors in a row, their nodes below, and the gradient of the loss at each of them."""
    gradients = torch.autograd.grad(loss, list(steps.values()), retain_graph=True)
    _, axis = plt.subplots(figsize=(5.6, 2.6), layout="constrained")
    arrow = {"arrowstyle": "->", "linewidth": 1.5, "shrinkA": 2, "shrinkB": 2}
    for i, ((name, tensor), gradient) in enumerate(zip(steps.items(), gradients, strict=True)):
        node = "AccumulateGrad" if tensor.is_leaf else tensor.grad_fn.name()
        boxes = [(1, f"{name}\n= {tensor:g}", "C0"), (0, f"{node}\n∂ = {gradient:g}", "C1")]
        for row, text, color in boxes:
            box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": color}
            axis.text(1.4 * i, row, text, ha="center", va="center", fontsize=8, bbox=box)
        link = arrow | {"arrowstyle": "-", "linestyle": ":", "color": "gray"}
        axis.annotate("", (1.4 * i, 0.25), (1.4 * i, 0.75), arrowprops=link)
        if i:
            axis.annotate(
                "", (1.4 * i - 0.5, 1), (1.4 * i - 0.9, 1), arrowprops=arrow | {"color": "C0"}
            )
            back = arrow | {"color": "C1", "shrinkA": 0, "shrinkB": 0}
            axis.annotate("", (1.4 * i - 0.84, 0), (1.4 * i - 0.62, 0), arrowprops=back)
    axis.text(-0.6, 1.4, "forward: values", color="C0", fontsize=9)
    axis.text(-0.6, -0.5, "backward: gradients of the loss", color="C1", fontsize=9)
    axis.set(xlim=(-0.7, 1.4 * len(steps) - 0.7), ylim=(-0.6, 1.6))
    axis.axis("off")
    axis.set_title("Each result has a node for the way back", fontsize=11)
    plt.show()


# %%

product = w * x
prediction = product + b
loss = F.mse_loss(prediction, target)
draw_two_ways(loss, {"w": w, "product": product, "prediction": prediction, "loss": loss})

# %%
# One neuron predicts ``w * x + b``. The orange row has the gradients ∂ of the loss. Read it from the right: when ``w``
# grows a little, the loss grows :val:`12 <w.grad.item()>` times as much. You need to know :ref:`operations element by
# element <element-by-element>`.
#
# The rule
# --------
#
# For single numbers, the node of an operation multiplies the gradient that reaches it by the operation's slope, and
# hands it on: the :term:`chain rule`. With the prediction 7, the slope of the squared error is 2 · (7 - 5). That of the
# sum is 1, and that of the product is :val:`3 <x>`, which is ``x``. So :math:`\partial\,\text{loss} / \partial w = 4
# \cdot 1 \cdot 3`.

loss.backward(retain_graph=True)  # keep the graph for the next cells
print(f"{w.grad = }, {b.grad = }")
assert (w.grad, b.grad) == (2 * (7 - 5) * 1 * 3, 2 * (7 - 5) * 1)

# %%
# Nodes and edges
# ---------------
#
# A result holds its node in ``grad_fn``. The node's ``next_functions`` lists its *edges*, which lead to the nodes that
# come next on the way back. ``w`` and ``b`` were made by no operation. They are :term:`leaves <leaf>`: a node
# ``AccumulateGrad`` adds what arrives to ``.grad``. ``None`` stands for data.


def tell(node, indent=""):
    print(indent + ("None" if node is None else node.name()))
    for following, _ in [] if node is None else node.next_functions:
        tell(following, indent + "    ")


tell(loss.grad_fn)

# %%
# From scratch: walking back
# --------------------------
#
# Call a node with the gradient of its output, and it returns one gradient (or ``None``) for each edge. Call the node at
# the end of the edge with it, and add up at the leaves. That is ``backward``, for nodes with one output.


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
print("w:", grads[w].item(), " b:", grads[b].item())
assert (grads[w], grads[b]) == (w.grad, b.grad)

# %%
# How long the graph lives
# ------------------------
#
# Some nodes keep values: the product keeps ``x``. ``backward`` frees them. A second walk over such a node :ref:`is
# refused <backward-through-the-graph-a-second-time>`, unless the first had ``retain_graph=True``. A ``total`` of
# losses keeps the nodes of each step. Add ``loss.item()`` instead.

total, running = 0.0, 0.0
for step in range(1, 4):
    loss = F.mse_loss(w * x + b, target)
    total, running = total + loss, running + loss.item()
    print(f"step {step}: total leads to {len(nodes(total.grad_fn))} nodes")
assert (running, len(nodes(total.grad_fn))) == (total.item(), 2 + 4 * 3)

# %%
# .. use-this::
#
#    Call ``backward()`` once for each forward pass. Print a result to see whether it is recorded: it shows its
#    ``grad_fn``. Keep numbers with ``.item()`` and tensors with ``.detach()``, or you keep their graph. Measure and
#    predict inside :class:`torch.no_grad`, which keeps no values for the way back.
#
# A common mistake
# ----------------
#
# **Nothing was recorded.** Under ``no_grad`` and after ``detach()`` or ``item()`` there is :ref:`no node to start from
# <element-0-does-not-require-grad>`. Compute the loss from the weights, outside ``no_grad``.

with torch.no_grad():
    silent = w * x
with expect_error(RuntimeError, match="does not require grad and does not have a grad_fn"):
    silent.backward()
(w * x).backward()

# %%
# How this was checked

assert (w.is_leaf, w.grad_fn, prediction.is_leaf) == (True, None, False)

# After detach or item there is no node either.
for unrecorded in (w.detach() * x, torch.tensor(w.item()) * x):
    with expect_error(RuntimeError, match="does not require grad and does not have a grad_fn"):
        unrecorded.backward()

# What is data, and what has no gradient, records no node.
for unrecorded in (x * x, (w > 1) * x, torch.stack([w, w]).argmax()):
    assert unrecorded.grad_fn is None
# The product keeps x until backward has passed. Under no_grad nothing is kept.
kept = []
with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda one: one):
    with torch.no_grad():
        w * x
    assert kept == []
    w * x
    assert kept
short = w * x
assert short.grad_fn._saved_other == x
short.backward()
with expect_error(RuntimeError, match="after they have already been freed"):
    _ = short.grad_fn._saved_other

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
    walk((second * third).grad_fn, torch.tensor(1.0), {})  # several outputs: too simple a walk


# An if may depend on values.
def halve_or_square(x):
    return x * 0.5 if x > 1 else x**2


assert halve_or_square(w).grad_fn.name() == "MulBackward0"
assert halve_or_square(w - 1.5).grad_fn.name() == "PowBackward0"

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
# A sum has saved no values, so it can be walked twice; a product cannot.
plain = a + c
plain.backward()
plain.backward()
once = a * c
once.backward()
with expect_error(RuntimeError, match="Trying to backward through the graph a second time"):
    once.backward()
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
# Some edges lead nowhere.

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
# :ref:`requires-grad-and-leaves`, which says what keeps a gradient and what passes it on.
#
# - Paszke et al. (2017). `Automatic differentiation in PyTorch <https://openreview.net/forum?id=BJJsrmfCZ>`__. The
#   design of this graph, by the people who built it.
# - Baydin, Pearlmutter, Radul and Siskind (2018). `Automatic differentiation in machine learning: a survey
#   <https://jmlr.org/papers/v18/17-468.html>`__. What else there is besides recording.
