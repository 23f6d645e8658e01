"""
.. _modified-by-an-inplace-operation:

RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation
============================================================================================================

An operation saved a tensor for ``backward()``, and a later line wrote into it. Find that line, and let it make a new
tensor: ``y = y + shortcut`` instead of ``y += shortcut``.
"""

# %%
# Set-up

import warnings

import torch
from torch import nn

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.tensor([0.0, 1.0, 3.0], requires_grad=True)
data = torch.rand(5, 3)


def outcome(operation, write_into):
    tensors = {"input": torch.tensor([0.3, 0.6], requires_grad=True) * 1}
    tensors["result"] = operation(tensors["input"])
    total = tensors["result"].sum()
    tensors[write_into].mul_(2)
    try:
        total.backward()
    except RuntimeError:
        return "error"
    return "fine"


# %%

y = x.exp()
y += 1
with expect_error(
    RuntimeError, match="output 0 of Exp(Backward0)?, is at version 1; expected version 0"
):
    y.sum().backward()

# %%
# ``[torch.FloatTensor [3]]`` is the kind and the shape of the tensor that was written into. Here ``output 0 of Exp``
# names the operation that made it. A tensor counts the writes in place, such as ``+=``: this count is its version.
# See :ref:`from-calculation-to-graph`.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ==================================================================  ============================================
# What writes                                                         Fix
# ==================================================================  ============================================
# :ref:`a shortcut or a mask in place <inplace-shortcut>`             ``y = y + shortcut``
# :ref:`an activation in place <inplace-shortcut>`                    leave ``inplace=True`` out
# :ref:`a table that is filled row by row <inplace-table>`            a list, then ``torch.stack``
# :ref:`an optimizer that steps too early <inplace-step>`             first each ``backward()``, then ``step()``
# :ref:`a step, with retain_graph=True <inplace-step>`                a new forward pass after the step
# ==================================================================  ============================================
#
# The rule
# --------
#
# ``backward()`` needs each saved tensor at the version at which it was saved: :math:`v_\mathrm{backward} =
# v_\mathrm{forward}`. Some operations save their result, some their input, some neither. For the table, the page
# writes into the one or the other before ``backward()``.


print(f"{'written into:':14}result  input")
for operation in [torch.exp, torch.tanh, torch.relu, torch.sin, torch.square, torch.neg]:
    print(f"{operation.__name__:14}{outcome(operation, 'result'):8}{outcome(operation, 'input')}")

# %%
# Find the line that writes
# -------------------------
#
# The traceback ends in ``backward()``, which is not where the mistake is. Anomaly detection shows the line that
# *saved* the tensor. The write is between that line and ``backward()``. Switch the detection off afterwards:
# PyTorch says that it increases the runtime.

with warnings.catch_warnings(record=True) as caught, torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    gate = x.sigmoid()
    gate *= 3
    with expect_error(RuntimeError, match="the backtrace further above shows the operation"):
        gate.sum().backward()
report = str(caught[-1].message).splitlines()
print(*(line.strip() for line in report if "x.sigmoid()" in line))
assert "SigmoidBackward0" in report[0]

# %%
# .. _inplace-shortcut:
#
# A shortcut, a mask or an activation in place
# --------------------------------------------
#
# ``inplace=True`` writes the result over the input, so it needs no second tensor. It is fine after a linear layer or a
# convolution, because these do not save their result. After ``tanh``, which saves it, it is an error.

layer = nn.Linear(3, 4)
with expect_error(RuntimeError, match="output 0 of Tanh"):
    nn.Sequential(layer, nn.Tanh(), nn.ReLU(inplace=True))(data).sum().backward()
nn.Sequential(layer, nn.Tanh(), nn.ReLU())(data).sum().backward()
for first in (layer, nn.Conv1d(5, 2, kernel_size=2)):
    nn.Sequential(first, nn.ReLU(inplace=True))(data).sum().backward()

y, shortcut = layer(data).tanh(), torch.ones(4)
y = y + shortcut  # y += shortcut would raise
y.sum().backward()

# %%
# .. _inplace-table:
#
# A table that is filled row by row
# ---------------------------------
#
# Each row is a :term:`view` of the table, and has the same version. A write into the next row makes the row that
# ``square`` saved look changed, too. Rows in a list are tensors of their own.

table = torch.zeros(4, 3)
table[0] = x + 1
for i in range(3):
    table[i + 1] = table[i].square()
with expect_error(RuntimeError, match="is at version 4; expected version 3 instead"):
    table.sum().backward()

rows = [x + 1]
for _ in range(3):
    rows.append(rows[-1].square())
torch.stack(rows).sum().backward()
assert torch.equal(torch.stack(rows), table)

# %%
# .. _inplace-step:
#
# An optimizer that steps too early
# ---------------------------------
#
# ``step()`` writes into the weights, and a loss that was computed before may need the old ones. This happens with two
# losses, such as those of an actor and its critic. Call ``backward()`` for both, here for their sum, and then
# ``step()``.

actor, critic = nn.Linear(3, 4), nn.Linear(4, 1)
optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)


def losses():
    value = critic(actor(data)).mean()
    return (value - 1).square(), -value


critic_loss, actor_loss = losses()
critic_loss.backward(retain_graph=True)
optimizer.step()
with expect_error(RuntimeError, match="is at version 2; expected version 1 instead"):
    actor_loss.backward()

critic_loss, actor_loss = losses()
(critic_loss + actor_loss).backward()
optimizer.step()

# %%
# .. use-this::
#
#    Write ``y = y + shortcut`` in the forward pass, and keep ``+=`` for code that runs without gradients. Use
#    ``inplace=True`` where memory is short and the layer before it is linear or a convolution. Order a step as forward,
#    ``backward()`` of each loss, ``step()``. A new tensor takes as much memory as the one that you would have
#    overwritten. A ``clone()`` helps if it is made before the write, and the write goes to the clone.
#
# A common mistake
# ----------------
#
# Writing through ``.data`` silences the error, because that write is not counted. The gradient is then computed from
# the changed value, and here it is five times the right one. See :ref:`leaf-variable-in-place`.


def gradient_after(write):
    source = torch.tensor([1.0], requires_grad=True)
    result = source.exp()
    write(result)
    result.backward()
    return source.grad.item()


right, wrong = torch.tensor(1.0).exp().item(), gradient_after(lambda y: y.data.mul_(5))
print(f"right {right:.3f}, after y.data.mul_(5) {wrong:.3f}")
assert abs(wrong - 5 * right) < 1e-4
with expect_error(RuntimeError, match="modified by an inplace operation"):
    gradient_after(lambda y: y.detach().mul_(5))

# %%
# How this was checked

# The table: exp and tanh save the result, sin and square the input, neg nothing.
table_of = {
    name: [outcome(getattr(torch, name), place) for place in ("result", "input")]
    for name in ("exp", "tanh", "relu", "sin", "square", "neg", "sqrt", "sigmoid", "cos", "log")
}
for name in ("exp", "tanh", "relu", "sqrt", "sigmoid"):
    assert table_of[name] == ["error", "fine"]
for name in ("sin", "square", "cos", "log"):
    assert table_of[name] == ["fine", "error"]
assert table_of["neg"] == ["fine", "fine"]
# Each of these writes raises the version by one; a read does not, and neither does .data.
for write in (
    lambda y: y.add_(1),
    lambda y: y.__setitem__(0, 1.0),
    lambda y: y.copy_(torch.ones(3)),
    lambda y: y[1:].zero_(),
    lambda y: y.detach().add_(1),
):
    y = x.exp()
    write(y)
    assert y._version == 1
y = x.exp()
y.data.add_(1)
y + 1
assert y._version == 0
# What PyTorch says of anomaly detection.
with expect_warning(UserWarning, match="This mode will increase the runtime"):
    torch.autograd.detect_anomaly(check_nan=False)
# In place, the memory is that of the input. Of a view of a weight the message names no layer.
y = layer(data)
assert nn.functional.relu(y, inplace=True).data_ptr() == y.data_ptr()
squared = layer(layer(data)[:, :3]).sum()
with torch.no_grad():
    layer.weight.mul_(2)
with expect_error(RuntimeError, match="output 0 of AsStrided"):
    squared.backward()
# A loss that does not need the old weights: one linear layer alone.
single = nn.Linear(3, 1)
early = single(data).sum()
with torch.no_grad():
    single.weight.mul_(2)
early.backward()
# Where another operation made the tensor than the one that saved it, the message names the write.
y = x * 2
squares = y.square()
y += 1
with expect_error(
    RuntimeError, match="output 0 of Add(Backward0)?, is at version 1; expected version 0"
):
    squares.sum().backward()
factor = torch.ones(3)
product = x * factor
factor += 1
with expect_error(RuntimeError, match=r"FloatTensor \[3\]\] is at version 1; expected version 0"):
    product.sum().backward()
# += of a shortcut after tanh raises, and a clone that is made before the write helps.
y = layer(data).tanh()
y += shortcut
with expect_error(RuntimeError, match="output 0 of Tanh"):
    y.sum().backward()
assert abs(gradient_after(lambda y: y.clone().mul_(5)) - right) < 1e-4
# y = y + 1 has the gradient that was meant.
x.grad = None
(x.exp() + 1).sum().backward()
assert torch.equal(x.grad, x.detach().exp())
# retain_graph=True and a step in between.
model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
loss = model(data).square().mean()
loss.backward(retain_graph=True)
torch.optim.SGD(model.parameters(), lr=0.1).step()
with expect_error(RuntimeError, match="modified by an inplace operation"):
    loss.backward()

# %%
# Check yourself
# --------------
#
# The table above helps.

fine = tuple(place for place in ("result", "input") if outcome(torch.cos, place) == "fine")
ask(
    "The slope of cos is -sin of its input. Which of the two may be written into between y = x.cos() and backward()?",
    answer=fine,
    choices={
        ("result",): "The slope is made from x, so x is saved and y is not.",
        ("input",): "The slope needs x, so x was saved.",
        ("result", "input"): "Its slope depends on x, so it saves x.",
    },
)

# %%
# The next question asks about an order.


def order(*steps):
    first, second = losses()
    for step in steps:
        {"a": first.backward, "b": second.backward, "step": optimizer.step}[step](
            **({"retain_graph": True} if step == "a" else {})
        )
    return "fine"


ask(
    "Two losses share a network. What happens with: first.backward(retain_graph=True), optimizer.step(), "
    "second.backward()?",
    answer=lambda: order("a", "step", "b"),
    choices={
        "fine": "It would be fine with the step at the end.",
        RuntimeError: "The step writes into weights that the second walk needs.",
    },
)

# %%
# **Exercise.** The logistic map :math:`x_{t+1} = 3.9\, x_t (1 - x_t)` is chaotic: a tiny change of the start changes
# the future. Measure how much. Return the derivative of the last value with respect to each start in ``x``, after a
# number of steps, with autograd.


def sensitivity(x, steps):
    raise NotImplementedError


def by_chain_rule(x, steps):
    slope = torch.ones_like(x)
    for _ in range(steps):
        slope, x = slope * 3.9 * (1 - 2 * x), 3.9 * x * (1 - x)
    return slope


starts = torch.tensor([0.2, 0.35, 0.7], dtype=torch.float64)
cases = [(starts, 1), (starts, 2), (starts[:1], 5), (starts, 30)]
check(sensitivity, by_chain_rule, cases)

# %%
# Each step makes a new tensor, so what the products have saved stays as it was.

# Solution


def sensitivity(x, steps):
    start = now = x.detach().requires_grad_()
    for _ in range(steps):
        now = 3.9 * now * (1 - now)
    return torch.autograd.grad(now.sum(), start)[0]


report = check(sensitivity, by_chain_rule, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`returned-an-incorrect-number-of-gradients`, an error of your own autograd function.
#
# - Paszke et al. (2017). `Automatic differentiation in PyTorch <https://openreview.net/forum?id=BJJsrmfCZ>`__. Its
#   part on in-place operations explains versions and views.
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. The
#   section on in-place operations.
