"""
.. _autograd-from-scratch:

How does autograd work inside? A scalar engine from scratch
===========================================================

``loss.backward()`` finds the gradient of each weight, and you want to know how. Forty lines of Python do it for single
numbers: each result remembers what it was made of, and a walk backwards adds up the gradients.
"""

# %%
# Set-up

import itertools
import math
import random
import time

import matplotlib.pyplot as plt
import torch

from ptguide.data import moons
from ptguide.exercises import check
from ptguide.questions import ask

START = {"a": 2.0, "b": -3.0}
PLACES = {"a": (0, 1), "b": (0, 0), "c": (1.2, 0.2), "d": (2.4, 0.8), "e": (3.6, 0.5)}
USES = [("a", "c"), ("b", "c"), ("c", "d"), ("a", "d"), ("d", "e"), ("c", "e")]
FORMULAS = {"a": "a", "b": "b", "c": "c = a * b", "d": "d = c + a", "e": "e = d * c"}


def by_torch():
    found = {name: torch.tensor(number, requires_grad=True) for name, number in START.items()}
    found["c"] = found["a"] * found["b"]
    found["d"] = found["c"] + found["a"]
    found["e"] = found["d"] * found["c"]
    gradients = torch.autograd.grad(found["e"], list(found.values()), retain_graph=True)
    return found, dict(zip(found, [one.item() for one in gradients], strict=True))


def draw_graph():
    """Draw each number with its gradient, and on each arrow what the user hands to its input."""
    found, gradients = by_torch()
    _, axis = plt.subplots(figsize=(5.8, 2.8), layout="constrained")
    numbers = {name: one.item() for name, one in found.items()}
    slopes = [numbers["b"], numbers["a"], 1, 1, numbers["c"], numbers["d"]]
    for (source, user), slope in zip(USES, slopes, strict=True):
        (x, y), (u, v) = PLACES[source], PLACES[user]
        arrow = {"arrowstyle": "->", "color": "C1", "linewidth": 1.5, "shrinkA": 26, "shrinkB": 26}
        axis.annotate("", (x, y), (u, v), arrowprops=arrow)
        text = f"{gradients[user] * slope:g}"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axis.text(
            (x + u) / 2,
            (y + v) / 2,
            text,
            color="C1",
            ha="center",
            va="center",
            fontsize=9,
            bbox=box,
        )
    for name, (x, y) in PLACES.items():
        text = f"{FORMULAS[name]}\n= {numbers[name]:g}\n∂ = {gradients[name]:g}"
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "C0"}
        axis.text(x, y, text, ha="center", va="center", fontsize=9, bbox=box)
    axis.set(xlim=(-0.5, 4.1), ylim=(-0.3, 1.3))
    axis.axis("off")
    axis.set_title("A gradient is the sum of what comes back from each use", fontsize=11)
    plt.show()
    return gradients


points = moons("train", size=65, seed=1)  # three fifths of them
inputs = points.inputs.double()
goals = 2 * points.targets.double() - 1  # -1 and 1


def engine_loss(w):
    """Return the mean squared error of the network with these weights, as a value."""
    total = Value(0.0)
    for (x1, x2), goal in zip(inputs.tolist(), goals.tolist(), strict=True):
        error = predict(w, Value(x1), Value(x2)) + Value(-goal)
        total = total + error * error
    return total * Value(1 / len(goals))


def seconds(step):
    """Return the shortest of five times."""
    found = []
    for _ in range(5):
        began = time.perf_counter()
        step()
        found.append(time.perf_counter() - began)
    return min(found)


def shared(walk):
    """Return the gradients of a and b that a walk finds in the graph drawn below."""
    a, b = Value(2.0), Value(-3.0)
    c = a * b
    e = (c + a) * c
    e.grad = 1.0
    walk(e)
    return [a.grad, b.grad]


# %%

right = draw_graph()
assert right["c"] == -6 + -4
assert right["a"] == 30 - 6

# %%
# ``c`` is used twice: from ``d`` comes -6 and from ``e`` comes -4, so its gradient is their sum. Only then can ``c``
# hand on 30 to ``a`` and -20 to ``b``. You need to know :ref:`from-calculation-to-graph`.
#
# The rule
# --------
#
# Write :math:`\bar x` for the gradient of :math:`x`. It is the sum over its uses :math:`y`: :math:`\bar x = \sum_y
# \bar y \, \partial y / \partial x`. Each operation knows its own slopes :math:`\partial y / \partial x`. So a result
# keeps its inputs and one slope for each of them:


class Value:
    def __init__(self, data, inputs=(), slopes=()):
        self.data, self.grad = data, 0.0
        self.inputs, self.slopes = inputs, slopes

    def __add__(self, other):
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def exp(self):
        y = math.exp(self.data)
        return Value(y, (self,), (y,))

    def tanh(self):
        y = math.tanh(self.data)
        return Value(y, (self,), (1 - y * y,))

    def relu(self):
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))


a, b = Value(2.0), Value(-3.0)
c = a * b
d = c + a
e = d * c
print(e.data, [one.data for one in e.inputs], e.slopes)

# %%
# The way back
# ------------
#
# A value may hand on its gradient when all of its uses have added to it. ``ordered`` puts inputs before results (a
# *topological order*), and ``backward`` goes through the list from its end.


def ordered(result):
    order, seen = [], set()

    def visit(value):
        if value not in seen:
            seen.add(value)
            for one in value.inputs:
                visit(one)
            order.append(value)

    visit(result)
    return order


def backward(result):
    result.grad = 1.0
    for value in reversed(ordered(result)):
        for one, slope in zip(value.inputs, value.slopes, strict=True):
            one.grad += value.grad * slope


backward(e)
for name, value in {"a": a, "b": b, "c": c, "d": d, "e": e}.items():
    print(f"{name}: {value.data:5.1f}, gradient {value.grad:5.1f}, torch {right[name]:5.1f}")
    assert value.grad == right[name]

# %%
# A network on two moons
# ----------------------
#
# .. longer: 7 screens — the engine, the network that it trains and the wrong walks are whole functions
#
# That is enough to train a network. ``predict`` has eight hidden units and :val:`33 <len(start)>` weights. It runs with
# values and with tensors, so the engine and torch compute the same formulas, in float64. After 60 steps of gradient
# descent on :val:`len(goals)` points, weights and losses agree to rounding.


def predict(w, x1, x2):
    total = w[32]
    for i in range(0, 32, 4):
        total = total + w[i + 3] * (w[i] * x1 + w[i + 1] * x2 + w[i + 2]).tanh()
    return total.tanh()


torch.manual_seed(0)
start = torch.randn(33, dtype=torch.float64)
w, numbers = start.clone().requires_grad_(), start.tolist()
for step in range(61):
    loss = (predict(w, *inputs.T) - goals).square().mean()
    (gradient,) = torch.autograd.grad(loss, w)
    w = (w - 0.3 * gradient).detach().requires_grad_()

    values = [Value(number) for number in numbers]
    engine = engine_loss(values)
    backward(engine)
    numbers = [value.data - 0.3 * value.grad for value in values]
    if step % 20 == 0:
        print(f"step {step:>2}: loss {engine.data:.6f}, torch {loss.item():.6f}")
    torch.testing.assert_close(gradient.new_tensor([one.grad for one in values]), gradient)

# %%
# Why the order matters
# ---------------------
#
# A walk without an order is right if it carries each contribution by itself, along every path. But the number of paths
# can double with each layer of uses. Here ``h = h + h`` is repeated, and the calls are counted.


def along_each_path(value, contribution):
    value.grad += contribution
    return 1 + sum(
        along_each_path(one, contribution * slope)
        for one, slope in zip(value.inputs, value.slopes, strict=True)
    )


for layers in (4, 8, 12, 16):
    x = h = Value(1.0)
    for _ in range(layers):
        h = h + h
    calls = along_each_path(h, 1.0)
    print(
        f"{layers:>2} layers: {len(ordered(h)):>2} values, {calls:>7,} calls, gradient {x.grad:g}"
    )
    assert x.grad == 2**layers
    assert calls == 2 ** (layers + 1) - 1

# %%
# What torch does differently
# ---------------------------
#
# Torch has a node for each operation on a whole tensor, so the engine's cost in Python is paid once and not for each
# number. Torch keeps tensors, and computes the slopes from them on the way back. In place of a sorted list, it counts
# for each node how many uses are still to come. The gradient of a result lasts for one walk. So a second walk over the
# same graph, with ``retain_graph``, doubles the gradients of the leaves. In the engine above, a second walk hands old
# gradients on again.

# Measured on this machine: one step of the network above, forward and backward.
layer, bias, last = start[:16].reshape(8, 2), start[16:24], start[24:32]
weights = [one.clone().requires_grad_() for one in (layer, bias, last)]


def torch_step():
    output = ((inputs @ weights[0].T + weights[1]).tanh() @ weights[2]).tanh()
    torch.autograd.grad((output - goals).square().mean(), weights)


slow, fast = (
    seconds(lambda: backward(engine_loss([Value(x) for x in numbers]))),
    seconds(torch_step),
)
print(f"engine {1000 * slow:.1f} ms, torch {1000 * fast:.2f} ms: {slow / fast:.0f} times as long")
assert slow > 5 * fast

# %%
# .. use-this::
#
#    Use ``torch.autograd``. Write an engine once to understand it, or in a language that has none. To find a mistake in
#    either, compare with torch in double precision on a small graph in which a value is used twice. The walk visits
#    each recorded value once, however many weights there are. Until then, all of these values stay in memory.
#
# A common mistake
# ----------------
#
# **Two shortcuts.** ``=`` in place of ``+=`` keeps the last contribution alone. A walk that hands on ``.grad`` at each
# visit counts contributions again. ``c`` is visited from ``d`` and from ``e``, and hands on its whole gradient each
# time. On a graph in which nothing is used twice, both look right.


def with_equals(result):
    result.grad = 1.0
    for value in reversed(ordered(result)):
        for one, slope in zip(value.inputs, value.slopes, strict=True):
            one.grad = value.grad * slope


def without_order(value):
    for one, slope in zip(value.inputs, value.slopes, strict=True):
        one.grad += value.grad * slope
    for one in value.inputs:
        without_order(one)


for walk in (backward, with_equals, without_order):
    print(f"{walk.__name__:<14}gradients of a and b: {shared(walk)}")
assert shared(backward) == [right["a"], right["b"]]

# %%
# How this was checked

# Random graphs: values that are used many times, against torch.
for seed in range(60):
    chance = random.Random(seed)
    ours = [Value(chance.uniform(-1, 1)) for _ in range(3)]
    theirs = [torch.tensor(one.data, dtype=torch.float64, requires_grad=True) for one in ours]
    leaves = list(zip(ours, theirs, strict=True))
    for _ in range(25):
        i, j = chance.randrange(len(ours)), chance.randrange(len(ours))
        kind = chance.choice(["add", "mul", "exp", "tanh", "relu"])
        for row in (ours, theirs):
            if kind == "add":
                row.append((row[i] + row[j]).tanh())
            elif kind == "mul":
                row.append(row[i] * row[j])
            else:
                row.append(getattr(row[i].tanh(), kind)())
    mine, wanted = ours[-1] + ours[-2], theirs[-1] + theirs[-2]
    backward(mine)
    wanted.backward()
    assert math.isclose(mine.data, wanted.item(), rel_tol=1e-12, abs_tol=1e-12)
    for value, tensor in leaves:
        expected = 0.0 if tensor.grad is None else tensor.grad.item()
        assert math.isclose(value.grad, expected, rel_tol=1e-9, abs_tol=1e-12)
# Each value of the order comes after its inputs, and once.
order = ordered(engine)
place = {value: i for i, value in enumerate(order)}
assert len(place) == len(order)
assert all(place[one] < place[value] for value in order for one in value.inputs)
# Both shortcuts are right on a tree, and wrong on the shared graph.
for walk in (with_equals, without_order):
    p, q, r = Value(2.0), Value(-3.0), Value(0.5)
    tree = (p * q + r).tanh()
    tree.grad = 1.0
    walk(tree)
    slope = 1 - math.tanh(-5.5) ** 2
    assert [p.grad, q.grad, r.grad] == [-3 * slope, 2 * slope, slope]
    assert shared(walk) != shared(backward)
# The trained network: the weights of both, and it has learned.
torch.testing.assert_close(torch.tensor(numbers, dtype=torch.float64), w.detach())
torch.testing.assert_close(torch.tensor(engine.data, dtype=torch.float64), loss.detach())
found = torch.tensor([predict(values, Value(x), Value(y)).data for x, y in inputs.tolist()])
assert (found.sign() == goals).float().mean() > 0.8
assert len(values) == 33
# Python gives up on deep graphs: ordered() calls itself for each value on the way.
deep = Value(1.0)
for _ in range(5000):
    deep = deep + Value(1.0)
try:
    too_deep = not ordered(deep)
except RecursionError:
    too_deep = True
assert too_deep
# As in torch, gradients add up from one graph to the next.
twice = Value(3.0)
for _ in range(2):
    backward(twice * twice)
assert twice.grad == 2 * 6
# A second walk over the same graph: twice the gradient in torch, and old gradients again in the engine.
leaves = {name: torch.tensor(number, requires_grad=True) for name, number in START.items()}
product = leaves["a"] * leaves["b"]
tensor = (product + leaves["a"]) * product
for _ in range(2):
    tensor.backward(retain_graph=True)
    backward(e)  # the first walk over e is in a cell above
assert leaves["a"].grad == 2 * right["a"]
assert a.grad != 3 * right["a"]
# torch's nodes carry numbers in the order in which they were made.
t = torch.ones(1, requires_grad=True)
made = [t]
for _ in range(5):
    made.append(made[-1] * 2)
ages = [one.grad_fn._sequence_nr() for one in made[1:]]
assert all(before < after for before, after in itertools.pairwise(ages))

# %%
# Check yourself
# --------------

p = Value(5.0)
backward(p * Value(1.0) + p * Value(2.0) + p * Value(4.0))
ask(
    "y = p * 1 + p * 2 + p * 4. What is p.grad after backward(y)?",
    answer=p.grad,
    choices={
        4.0: "One contribution alone is kept with =. There are three uses.",
        7.0: "Each use adds its slope.",
        8.0: "The contributions are added, not multiplied.",
    },
)

# %%
# The next question is about the order.

q = Value(1.0)
r = q + q
s = r * r
names = {q: "q", r: "r", s: "s"}
ask(
    "r = q + q and s = r * r. In which order does backward(s) visit the values?",
    answer=" ".join(names[value] for value in reversed(ordered(s))),
    choices={
        "q r s": "That is the order of the calculation. The way back is the reverse.",
        "s r q": "Each value once, when its gradient is complete.",
        "s r q q r q q": "That is a walk along each path.",
    },
)

# %%
# **Exercise.** ``ordered`` calls itself and fails on deep graphs. Write ``backward`` in torch's way. Count the uses of
# each value first, and let a value hand on its gradient when its count has fallen to 0. One case is a chain of
# thousands of values.


def backward_by_counting(result):
    raise NotImplementedError


def gradients_by(walk):
    def run(x, steps):
        leaves = [Value(number) for number in x.tolist()]
        h = leaves[0]
        for _ in range(steps):
            h = h * leaves[1] + leaves[0]
        walk(h)
        return torch.tensor([leaf.grad for leaf in leaves])

    return run


def gradients_by_torch(x, steps):
    leaves = [number.requires_grad_() for number in x.double()]
    h = leaves[0]
    for _ in range(steps):
        h = h * leaves[1] + leaves[0]
    return torch.stack(torch.autograd.grad(h, leaves)).float()


cases = [(torch.tensor([1.5, 0.5]), steps) for steps in (1, 2, 5, 3000)]
check(gradients_by(backward_by_counting), gradients_by_torch, cases)

# %%
# A value that is an input twice, as in ``x * x``, has two uses to count.

# Solution


def backward_by_counting(result):
    uses, found = {result: 0}, [result]
    for value in found:  # grows
        for one in value.inputs:
            if one not in uses:
                found.append(one)
            uses[one] = uses.get(one, 0) + 1
    result.grad, ready = 1.0, [result]
    while ready:
        value = ready.pop()
        for one, slope in zip(value.inputs, value.slopes, strict=True):
            one.grad += value.grad * slope
            uses[one] -= 1
            if not uses[one]:
                ready.append(one)


report = check(gradients_by(backward_by_counting), gradients_by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`checkpointing` keeps fewer of these values and computes them again.
#
# - Karpathy (2020). `micrograd <https://github.com/karpathy/micrograd>`__. The engine that made this exercise known;
#   its issues discuss why the order is needed.
# - Baydin, Pearlmutter, Radul and Siskind (2018). `Automatic differentiation in machine learning: a survey
#   <https://arxiv.org/abs/1502.05767>`__. Forward and reverse mode, and what automatic differentiation is not.
