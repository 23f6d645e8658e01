"""
.. _backward-through-the-graph-a-second-time:

RuntimeError: Trying to backward through the graph a second time
================================================================

While a result is computed, autograd records a graph and saves the tensors that it will need on the way back.
``backward()`` uses them and throws them away; a second walk through the same part finds nothing. Mostly no second walk
was meant: something made before the loop, or in the last step, still hangs on its graph.

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
# A look at what was saved: before the walk it is there, and after it, the look raises the same error. That is the part
# of the message in parentheses.

assert w.grad.tolist() == [4, 6]
square = w**2
assert torch.equal(square.grad_fn._saved_self, w)
square.sum().backward()
with expect_error(RuntimeError, match=r"directly access saved tensors after they have already"):
    square.grad_fn._saved_self

# %%
# A sum saves nothing, because its slope is 1 whatever came in. Such a graph can be walked again, and nothing is raised:
# the gradients add up. So an error that appears when a harmless line is changed may have been there before.

w.grad = None
plain = (w + 1).sum()
plain.backward()
plain.backward()
assert w.grad.tolist() == [2, 2]

# %%
# Cause 1: computed once, used in every step
# ------------------------------------------
#
# The loss must be computed inside the loop, also because the weights have changed since. The same holds for anything
# that was made from parameters, such as features or a penalty. Leave out of the graph what is not to be trained.

data, target = torch.rand(5, 3), torch.rand(5, 2)
encoder, head = nn.Linear(3, 4), nn.Linear(4, 2)
features = encoder(data)
with expect_error(RuntimeError, match="second time"):
    for _ in range(2):
        (head(features) - target).square().mean().backward()

# %%
# Two fixes, for two intentions: train the encoder as well, or keep it as it is. ``features`` made under ``no_grad`` are
# data like any other, and can be used as often as you like.

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
# The state of a recurrent network carries its whole past. The second step walks back into the first, which is freed.
# ``detach()`` gives the same values without the past: gradients then flow through one step (or piece of text) only,
# which is what training on long sequences does anyway. Any value kept from step to step, such as a moving average,
# needs the same.

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

# %%
# Cause 3: losses added up over the steps
# ---------------------------------------
#
# For the average that you print, add numbers, not tensors: ``loss.item()`` has no graph. Kept as a tensor, ``total``
# holds the graphs of all steps, in memory, too.

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
# Both walk through the encoder. One walk for the sum does the same, since gradients add up; it needs no second walk,
# and less time.


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
# The critic's step must end at the image: ``detach()`` keeps it from walking into the generator, which has its own step
# later, and from giving it gradients that it should not have.

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
# "The message says retain_graph=True, so that is the fix"
# --------------------------------------------------------
#
# A common belief. It is right where you mean to walk twice: as above for two gradients, or to differentiate a gradient,
# where ``create_graph=True`` keeps the graph and records the walk. In a training loop it hides the cause. The graph of
# cause 2 then grows with each step, and so do time and memory:


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
# And with an optimizer the next message follows: its step changes the weights :term:`in place`, and the old graph needs
# the old ones. :ref:`modified-by-an-inplace-operation` explains this message.

optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
loss = head(encoder(data)).square().mean()
loss.backward(retain_graph=True)
optimizer.step()
with expect_error(RuntimeError, match="modified by an inplace operation"):
    loss.backward()

# %%
# A second derivative walks on purpose: the slope of the cube of 2 is 12, and the slope of its slope is 12, too.

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
        (2.0, 2.0): "A sum saves nothing: both walks succeed, and their gradients add up.",
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
