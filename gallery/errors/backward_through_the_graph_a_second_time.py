"""
.. _backward-through-the-graph-a-second-time:

RuntimeError: Trying to backward through the graph a second time
================================================================

``backward()`` frees what the graph has saved, and your code walks through a part of the graph again. In a training
loop, find the tensor that is older than the step: compute it in the step, or cut it off with ``detach()``.
"""

# %%
# Set-up

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
w = torch.tensor([2.0, 3.0], requires_grad=True)
data, target = torch.rand(5, 3), torch.rand(5, 2)
encoder, head = nn.Linear(3, 4), nn.Linear(4, 2)


def nodes_of(result):
    found, waiting = set(), [result.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return len(found)


# %%

loss = w.square().sum()
loss.backward()
with expect_error(RuntimeError, match="Trying to backward through the graph a second time"):
    loss.backward()

# %%
# The slope of a square is made from ``w``, so the graph saves ``w`` in the forward pass. The first ``backward()`` frees
# it, and the second needs it again. See :ref:`from-calculation-to-graph`.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ==================================================================  ============================================
# Usual cause                                                         Fix
# ==================================================================  ============================================
# :ref:`features were computed before the loop <second-before>`       inside it, or under ``torch.no_grad()``
# :ref:`a state goes on from step to step <second-state>`             ``state = state.detach()``
# :ref:`losses are added up over the steps <second-total>`            ``total += loss.item()``
# :ref:`two losses share a part <second-shared>`                      ``(loss_a + loss_b).backward()``
# :ref:`a generator's output trains its critic <second-critic>`       ``critic(fake.detach())``
# you want a second derivative                                        ``create_graph=True`` (in the exercise)
# ==================================================================  ============================================
#
# The rule
# --------
#
# By default, one forward pass serves one ``backward()``: :math:`n_\mathrm{backward} \le n_\mathrm{forward}`. The next
# ``backward()`` needs a new graph wherever the old one has saved something.
#
# .. _second-before:
#
# Features were computed before the loop
# --------------------------------------
#
# The features are linked to the graph of the encoder, and the first step frees it. If the encoder is to learn, compute
# them in each step. If it stays as it is, compute them once under ``torch.no_grad()``, so that they have no graph.

features = encoder(data)
with expect_error(RuntimeError, match="second time"):
    for _ in range(2):
        (head(features) - target).square().mean().backward()

with torch.no_grad():
    features = encoder(data)
for _ in range(2):
    (head(features) - target).square().mean().backward()

# %%
# .. _second-state:
#
# A state goes on from step to step
# ---------------------------------
#
# The state of a recurrent network is linked to the graphs of the steps before. ``detach()`` keeps its values and drops
# this link. Gradients then stop at the start of the step, which is called truncated backpropagation through time.

cell = nn.RNNCell(3, 6)
state = torch.zeros(5, 6)
with expect_error(RuntimeError, match="second time"):
    for _ in range(2):
        state = cell(data, state)
        state.square().mean().backward()

state = torch.zeros(5, 6)
for _ in range(3):
    state = cell(data, state)
    state.square().mean().backward()
    state = state.detach()
assert not state.requires_grad

# %%
# .. _second-total:
#
# Losses are added up over the steps
# ----------------------------------
#
# A ``total`` of tensors is linked to the graphs of the steps before, so its ``backward()`` walks through them again.
# For an average that you print, add numbers: ``loss.item()`` has no graph.

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

# %%
# .. _second-shared:
#
# Two losses share a part
# -----------------------
#
# Both losses walk through the encoder. Add them and walk once: the gradient of a sum is the sum of the gradients.


def two_losses():
    encoder.zero_grad()
    hidden = encoder(data)
    return head(hidden).square().mean(), hidden.abs().mean()


loss_a, loss_b = two_losses()
loss_a.backward()
with expect_error(RuntimeError, match="second time"):
    loss_b.backward()

loss_a, loss_b = two_losses()
(loss_a + loss_b).backward()

# %%
# .. _second-critic:
#
# A generator's output trains its critic
# --------------------------------------
#
# A generator makes samples, and a critic learns to tell them from real ones. The critic's backward pass should end at
# the sample. ``detach()`` ends it there, and the generator's own step can walk through its graph later.

generator, critic = nn.Linear(2, 3), nn.Linear(3, 1)
fake = generator(torch.rand(5, 2))
critic(fake).mean().backward()
with expect_error(RuntimeError, match="second time"):
    (-critic(fake).mean()).backward()

fake = generator(torch.rand(5, 2))
critic(fake.detach()).mean().backward()
(-critic(fake).mean()).backward()

# %%
# .. use-this::
#
#    Compute the loss in the step, from the data on, and call ``backward()`` once. Call ``detach()`` on what goes on to
#    the next step, and ``item()`` on what you print. Add several losses before ``backward()``. Use
#    ``retain_graph=True`` to walk one fresh graph twice, for example for separate gradients of two losses.
#    It keeps the saved tensors in memory until the graph is gone.
#
# A common mistake
# ----------------
#
# The message names ``retain_graph=True``, and in a loop this argument hides the cause. The graph of the state grows
# with each step, and each ``backward()`` walks through more of it. If an optimizer steps in between, the next error is
# :ref:`modified-by-an-inplace-operation`.

state, counts = torch.zeros(5, 6), []
for _ in range(4):
    state = cell(data, state)
    state.square().mean().backward(retain_graph=True)
    counts.append(nodes_of(state))
print("nodes of the graph after each step:", counts)
assert counts[3] - counts[2] == counts[2] - counts[1] > 0

# %%
# How this was checked

# The features may also be computed in each step. A graph of features made under no_grad has nothing to walk through.
for _ in range(2):
    (head(encoder(data)) - target).square().mean().backward()
assert not features.requires_grad
# The generator gets no gradient through detach(), and its own step does.
generator.zero_grad()
fake = generator(torch.rand(5, 2))
critic(fake.detach()).mean().backward()
assert generator.weight.grad is None
(-critic(fake).mean()).backward()
assert generator.weight.grad is not None
# The second derivative of the cube at 2.
x = torch.tensor(2.0, requires_grad=True)
(slope,) = torch.autograd.grad(x**3, x, create_graph=True)
(curvature,) = torch.autograd.grad(slope, x)
assert (slope.item(), curvature.item()) == (3 * 2**2, 6 * 2)
# What was saved can be looked at before the walk, and not after it, which is why the message speaks of saved tensors.
square = w.square()
assert torch.equal(square.grad_fn._saved_self, w)
square.sum().backward()
with expect_error(RuntimeError, match=r"directly access saved tensors after they have already"):
    square.grad_fn._saved_self
# A graph that saved nothing can be walked again.
w.grad = None
plain = (w + 1).sum()
plain.backward()
plain.backward()
assert w.grad.tolist() == [2, 2]
# The sum of two losses has the gradient of both walks.
loss_a, loss_b = two_losses()
(loss_a + loss_b).backward()
together = encoder.weight.grad.clone()
loss_a, loss_b = two_losses()
loss_a.backward(retain_graph=True)
loss_b.backward()
torch.testing.assert_close(encoder.weight.grad, together)
# The state with its values, without its past; and a moving average has the same trouble.
state = cell(data, torch.zeros(5, 6))
assert torch.equal(state.detach(), state)
average = 0.0
with expect_error(RuntimeError, match="second time"):
    for _ in range(2):
        average = 0.9 * average + 0.1 * cell(data).square().mean()
        average.backward()
# retain_graph=True, and an optimizer that steps in between.
optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
loss = head(encoder(data)).square().mean()
loss.backward(retain_graph=True)
optimizer.step()
with expect_error(RuntimeError, match="modified by an inplace operation"):
    loss.backward()
state, stepping = torch.zeros(5, 6), torch.optim.SGD(cell.parameters(), lr=0.1)
with expect_error(RuntimeError, match="modified by an inplace operation"):
    for _ in range(3):
        state = cell(data, state)
        state.square().mean().backward(retain_graph=True)
        stepping.step()
# autograd.grad frees the graph, too.
loss = w.square().sum()
torch.autograd.grad(loss, w)
with expect_error(RuntimeError, match="second time"):
    torch.autograd.grad(loss, w)

# %%
# Check yourself
# --------------
#
# Ask what the graph has saved.


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
# The next question has a square root.

ask(
    "And with result = weight.sqrt().sum()?",
    answer=lambda: again(lambda weight: weight.sqrt().sum()),
    choices={
        RuntimeError: "The slope of the root is made from the saved root, and that was freed.",
        (1.0, 0.5): "That would be the sum of two walks, if the second were possible.",
    },
)

# %%
# The last question is about a loop.

state = cell(data, torch.zeros(5, 6))
cut = {"state.detach()": state.detach(), "state.clone()": state.clone(), "state * 1": state * 1}
(free,) = (name for name, tensor in cut.items() if tensor.grad_fn is None)
ask(
    "What goes into the next step of a recurrent network, so that backward() of that step ends there?",
    answer=free,
    choices={
        "state.detach()": "It has the values, and no graph.",
        "state.clone()": "The copy has a node of its own, and gradients flow through it into earlier steps.",
        "state * 1": "The product is one more node on the same graph.",
    },
)

# %%
# **Exercise.** Newton's method looks for a minimum with the slope and the curvature of a function: it goes from
# :math:`x` to :math:`x - f'(x) / f''(x)`. Write one step for each element of ``x``, where ``f`` works element by
# element.


def newton_step(f, x):
    raise NotImplementedError


def by_func(f, x):
    slope = torch.func.grad(f)
    steps = [one - slope(one) / torch.func.grad(slope)(one) for one in x.flatten()]
    return torch.stack(steps).reshape(x.shape)


cases = [
    (torch.square, torch.tensor([3.0, -1.0])),
    (torch.cosh, torch.tensor([0.5, 1.0, -0.2])),
    (lambda x: x**4 - x, torch.tensor([1.0, 2.0])),
    (lambda x: x.exp() - 3 * x, torch.tensor([[0.5, 1.0], [1.5, 2.0]])),
]
check(newton_step, by_func, cases)

# %%
# The second walk goes through the slope, so the slope needs a graph: ``create_graph=True``. Summing is fine, because
# each element of the result depends on one element of ``x``.

# Solution


def newton_step(f, x):
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    return (x - slope / curvature).detach()


report = check(newton_step, by_func, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`element-0-does-not-require-grad`, when there is no graph at all.
#
# - Goodfellow et al. (2014). `Generative adversarial networks <https://arxiv.org/abs/1406.2661>`__. Its
#   discriminator is the critic of this page.
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. How
#   tensors are saved and freed.
