"""
.. _backward-through-the-graph-a-second-time:

RuntimeError: Trying to backward through the graph a second time
================================================================

While a result is computed, autograd records a graph and saves the tensors that it will need on the way back.
``backward()`` uses them and throws them away, so a second walk through the same part does not find them. In a training
loop, a second walk is rarely meant: something that was made before the loop, or in the last step, is still linked to
its old graph.

==========================================  ==================================================
Usual cause                                 Fix
==========================================  ==================================================
the loss was computed before the loop       compute it anew in each step
a state goes on from step to step           ``state = state.detach()`` at the end of the step
losses are added up over the steps          ``total += loss.item()``
features were computed before the loop      inside it, or under ``torch.no_grad()``
two losses share a part                     ``(loss_a + loss_b).backward()``
a generator's output trains its critic      ``critic(fake.detach())``
you do want to walk twice                   ``retain_graph=True``
==========================================  ==================================================
"""

# %%
# The graph of a small loss, drawn before it is walked. Its first node will need ``w`` for the slope of the square, so
# it saves ``w``, until the first ``backward()``.

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.pictures import draw_graph
from ptguide.questions import ask

torch.manual_seed(0)
w = torch.tensor([2.0, 3.0], requires_grad=True)
square = w**2
loss = square.sum()
picture = draw_graph(loss, {"w": w, "square": square, "loss": loss})
loss.backward()
with expect_error(RuntimeError, match="Trying to backward through the graph a second time"):
    loss.backward()
picture

# %%
# You can look at what was saved. Before the walk it is there; after it, looking raises the same error, which is why the
# message speaks of saved tensors in parentheses.

assert w.grad.tolist() == [4, 6]
square = w**2
assert torch.equal(square.grad_fn._saved_self, w)
square.sum().backward()
with expect_error(RuntimeError, match=r"directly access saved tensors after they have already"):
    square.grad_fn._saved_self

# %%
# A sum saves nothing, because its slope is 1 and does not depend on the input. Such a graph can be walked again, and
# nothing is raised: the gradients add up. So the mistake may be older than the error: it shows when an operation is
# added that saves something.

w.grad = None
plain = (w + 1).sum()
plain.backward()
plain.backward()
assert w.grad.tolist() == [2, 2]

# %%
# Cause 1: computed once, used in every step
# ------------------------------------------
#
# Compute the loss inside the loop: it needs a new graph, and the weights have changed since the last step. The same
# holds for features or a penalty that were made from parameters.

data, target = torch.rand(5, 3), torch.rand(5, 2)
encoder, head = nn.Linear(3, 4), nn.Linear(4, 2)
features = encoder(data)
with expect_error(RuntimeError, match="second time"):
    for _ in range(2):
        (head(features) - target).square().mean().backward()

# %%
# There are two fixes. To train the encoder as well, compute the features in each step. To keep it as it is, compute
# them once under ``no_grad``: then they have no graph, and each step can use them.

for _ in range(2):
    (head(encoder(data)) - target).square().mean().backward()
encoder.zero_grad()
with torch.no_grad():
    features = encoder(data)
for _ in range(2):
    (head(features) - target).square().mean().backward()
assert encoder.weight.grad is None

# %%
# Cause 2: a state that goes on from step to step
# -----------------------------------------------
#
# The state of a recurrent network is linked to the graphs of the steps before. So the second step walks back into the
# first, whose saved tensors are gone. ``detach()`` gives the same values without that link. Gradients then stop at the
# beginning of the step, which is called truncated backpropagation through time. A moving average of a loss that is kept
# from step to step needs the same.

cell = nn.RNNCell(3, 6)


def steps(number, cut):
    state = torch.zeros(5, 6)
    for _ in range(number):
        state = cell(data, state)
        state.square().mean().backward()
        if cut:
            state = state.detach()
    return state


with expect_error(RuntimeError, match="second time"):
    steps(2, cut=False)
assert steps(2, cut=True).grad_fn is None

average = 0.0
with expect_error(RuntimeError, match="second time"):
    for _ in range(2):
        average = 0.9 * average + 0.1 * cell(data).square().mean()
        average.backward()

# %%
# Cause 3: losses added up over the steps
# ---------------------------------------
#
# For the average that you print, add numbers, not tensors: ``loss.item()`` has no graph. Kept as a tensor, ``total`` is
# linked to the graphs of the steps so far, and keeps them in memory.

total = 0.0
with expect_error(RuntimeError, match="second time"):
    for _ in range(2):
        total = total + (head(features) - target).square().mean()
        total.backward()

total = 0.0
for _ in range(2):
    loss = (head(features) - target).square().mean()
    loss.backward()
    total += loss.item()
assert isinstance(total, float)
torch.testing.assert_close(total, 2 * loss.item())

# %%
# Cause 4: two losses share a part
# --------------------------------
#
# Both walk through the encoder. Add the losses and walk once: the gradient of a sum is the sum of the gradients.


def losses():
    hidden = encoder(data)
    return head(hidden).square().mean(), hidden.abs().mean()


a, b = losses()
a.backward()
with expect_error(RuntimeError, match="second time"):
    b.backward()

encoder.zero_grad()
a, b = losses()
(a + b).backward()
together = encoder.weight.grad.clone()

encoder.zero_grad()
a, b = losses()
a.backward(retain_graph=True)
b.backward()
torch.testing.assert_close(encoder.weight.grad, together)

# %%
# Cause 5: a generator and its critic
# -----------------------------------
#
# The critic's backward pass should end at the image that the generator made. ``detach()`` sees to that: the generator
# gets no gradients from this step, and its own step can walk through its graph later.

generator, critic = nn.Linear(2, 3), nn.Linear(3, 1)
fake = generator(torch.rand(5, 2))
critic(fake).mean().backward()
with expect_error(RuntimeError, match="second time"):
    (-critic(fake).mean()).backward()

generator.zero_grad()
fake = generator(torch.rand(5, 2))
critic(fake.detach()).mean().backward()
assert generator.weight.grad is None
(-critic(fake).mean()).backward()
assert generator.weight.grad is not None

# %%
# Is retain_graph=True the fix?
# -----------------------------
#
# The message names it. It is right where you mean to walk twice: as above for two gradients, or to differentiate a
# gradient, where ``create_graph=True`` keeps the graph and records the walk. In a training loop it hides the cause. The
# graph of cause 2 then grows with each step, and what it saved is kept:


def nodes_of(result):
    found, waiting = set(), [result.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return len(found)


state, counts = torch.zeros(5, 6), []
for _ in range(4):
    state = cell(data, state)
    state.square().mean().backward(retain_graph=True)
    counts.append(nodes_of(state))
print(f"nodes of the graph after each step: {counts}")
assert counts[3] - counts[2] == counts[2] - counts[1] > 0

# %%
# With an optimizer another message follows: its step changes the weights :term:`in place`, and the old graph needs the
# old ones. :ref:`modified-by-an-inplace-operation` explains it.

optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
loss = head(encoder(data)).square().mean()
loss.backward(retain_graph=True)
optimizer.step()
with expect_error(RuntimeError, match="modified by an inplace operation"):
    loss.backward()

# %%
# For a second derivative you walk twice on purpose. At 2, the slope of the cube is 12, and the slope of its slope is
# 12, too. For a function of several numbers, the second derivatives form the :term:`Hessian`.

x = torch.tensor(2.0, requires_grad=True)
(slope,) = torch.autograd.grad(x**3, x, create_graph=True)
(slope_of_slope,) = torch.autograd.grad(slope, x)
assert (slope.item(), slope_of_slope.item()) == (3 * 2**2, 6 * 2)

# %%
# Check yourself
# --------------
#
# Ask of each tensor when it was made.


def again(make):
    weight = torch.tensor([1.0, 4.0], requires_grad=True)
    result = make(weight)
    result.backward()
    result.backward()
    return tuple(weight.grad.tolist())


ask(
    "weight is [1., 4.]. result = (3 + weight).sum(), then result.backward() twice. What is weight.grad?",
    answer=lambda: again(lambda weight: (3 + weight).sum()),
    choices={
        RuntimeError: "Nothing was saved for a sum, so nothing is missing the second time.",
        (1.0, 1.0): "The second walk adds its gradient to the first.",
        (2.0, 2.0): "A sum saves nothing: the two walks succeed, and their gradients add up.",
    },
)

# %%
# With a square root instead of a sum:

ask(
    "And with result = weight.sqrt().sum()?",
    answer=lambda: again(lambda weight: weight.sqrt().sum()),
    choices={
        RuntimeError: "The slope of the root is made from the saved root, and that was freed.",
        (1.0, 0.5): "That would be the sum of two walks, if the second were possible.",
    },
)

# %%
# The fix for a loop:

state = cell(data, torch.zeros(5, 6))
cut = {"state.detach()": state.detach(), "state.clone()": state.clone(), "state * 1": state * 1}
(free,) = (name for name, tensor in cut.items() if tensor.grad_fn is None)
ask(
    "What goes into the next step of a recurrent network, so that backward() of that step ends there?",
    answer=free,
    choices={
        "state.detach()": "It has the values and no past.",
        "state.clone()": "A copy with a node of its own: gradients flow through it into the past.",
        "state * 1": "One more operation on top of the same past.",
    },
)

# %%
# Next: :ref:`leaf-variable-in-place`, when a tensor of the graph is changed.
