"""
.. _modified-by-an-inplace-operation:

RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation
============================================================================================================

An operation saved a tensor for the way back, and afterwards something wrote into that tensor. ``backward()`` notices
and refuses, because the gradient would be taken at the wrong value. Find the line that writes, and let it make a new
tensor.

==========================================  ===================================================
What writes                                 Fix
==========================================  ===================================================
``y += shortcut``, ``y *= mask``            ``y = y + shortcut``
``inplace=True`` in an activation           leave it out
``out[i + 1] = f(out[i])``                  collect a list, then :func:`torch.stack`
``optimizer.step()`` before ``backward()``  forward, backward, step: in this order
a second ``backward()`` after a step        :ref:`backward-through-the-graph-a-second-time`
==========================================  ===================================================
"""

# %%
# The exponential function is its own slope, so it saves its result. A write in place, such as ``y += 1``, raises the
# version number of a tensor; ``backward()`` compares it with the one that was saved.

import warnings

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.pictures import draw_graph
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.tensor([0.0, 1.0, 3.0], requires_grad=True)
y = x.exp()
loss = y.sum()
picture = draw_graph(loss, {"x": x, "y": y, "loss": loss})
y += 1
assert y._version == 1
with expect_error(
    RuntimeError, match="output 0 of Exp, is at version 1; expected version 0 instead"
):
    loss.backward()
picture

# %%
# Read the message: ``[torch.FloatTensor [3]]`` is the kind and the shape of the tensor that was written into, and
# "output 0 of Exp" says which operation made it. The fix: ``y + 1`` is a new tensor, and the saved one stays as it was.

y = x.exp()
y = y + 1
y.sum().backward()
assert torch.equal(x.grad, x.exp())

# %%
# Where another operation made the tensor than the one that saved it, the message may name the write itself. Here
# ``square`` saves ``y``, and the message says ``Add``, which is the ``+=``. A tensor that no operation made has no name
# there.

y = x * 2
squares = y.square()
y += 1
with expect_error(RuntimeError, match="output 0 of Add, is at version 1; expected version 0"):
    squares.sum().backward()

factor = torch.ones(3)
product = x * factor
factor += 1
with expect_error(RuntimeError, match=r"FloatTensor \[3\]\] is at version 1; expected version 0"):
    product.sum().backward()

# %%
# Who saves what?
# ---------------
#
# Some operations save their result, some their input, some nothing. So a write is an error after one operation and fine
# after another. The table is made by trying: write into the result, or else into the input, and walk back.


def survives(operation, write_into):
    tensors = {"input": torch.tensor([0.3, 0.6], requires_grad=True) * 1}
    tensors["result"] = operation(tensors["input"])
    total = tensors["result"].sum()
    tensors[write_into].mul_(2)
    try:
        total.backward()
    except RuntimeError:
        return False
    return True


rows = {}
print(f"{'':9}write into result  into input")
for operation in [
    torch.exp,
    torch.sqrt,
    torch.tanh,
    torch.relu,
    torch.sin,
    torch.square,
    torch.neg,
]:
    rows[operation.__name__] = [survives(operation, place) for place in ("result", "input")]
    print(
        f"{operation.__name__:9}"
        + "".join(f"{'fine' if fine else 'error':19}" for fine in rows[operation.__name__])
    )
assert (rows["exp"], rows["sin"], rows["neg"]) == ([False, True], [True, False], [True, True])

# %%
# Find the line
# -------------
#
# Anomaly detection adds the line of the forward pass that saved the tensor. The write ran after that line and before
# ``backward()``. Autograd keeps a traceback for each operation meanwhile; switch it off afterwards.

with warnings.catch_warnings(record=True) as caught, torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    gate = x.sigmoid()
    gate *= 3
    with expect_error(RuntimeError, match="the backtrace further above shows the operation"):
        gate.sum().backward()
report = str(caught[-1].message).splitlines()
print(report[0], *(line for line in report if "x.sigmoid()" in line), sep="\n")
assert "SigmoidBackward0" in report[0]

# %%
# Cause 1: a shortcut, a mask, an activation in place
# ---------------------------------------------------
#
# ``inplace=True`` writes the result over the input, and needs no memory for another tensor. After a linear layer or a
# convolution that is fine, because they do not save their result; after ``tanh`` it is not.

layer, convolution = nn.Linear(3, 4), nn.Conv1d(5, 2, kernel_size=2)
data = torch.rand(5, 3)
for first in (layer, convolution):
    nn.Sequential(first, nn.ReLU(inplace=True))(data).sum().backward()
with expect_error(RuntimeError, match="output 0 of Tanh"):
    nn.Sequential(layer, nn.Tanh(), nn.ReLU(inplace=True))(data).sum().backward()
nn.Sequential(layer, nn.Tanh(), nn.ReLU())(data).sum().backward()

# %%
# Cause 2: a table that is filled row by row
# ------------------------------------------
#
# Writing row 2 raises the version of the whole table, and the square of row 1 saved a view of it. Rows in a list are
# tensors of their own.

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
# Cause 3: the optimizer steps too early
# --------------------------------------
#
# ``step()`` writes into the weights. A loss that was computed before, and is walked after it, needs the old ones. It
# happens with two losses and two optimizers, as in an actor and its critic. Call ``backward()`` on both losses first,
# then ``step()`` of both optimizers.

actor, critic = nn.Linear(3, 4), nn.Linear(4, 1)
optimizers = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (actor, critic)]


def losses():
    value = critic(actor(data)).mean()
    return (value - 1).square(), -value


critic_loss, actor_loss = losses()
critic_loss.backward(retain_graph=True)
optimizers[1].step()
with expect_error(RuntimeError, match="modified by an inplace operation"):
    actor_loss.backward()

critic_loss, actor_loss = losses()
critic_loss.backward(retain_graph=True)
actor_loss.backward()
for optimizer in optimizers:
    optimizer.step()

# %%
# Does a clone help?
# ------------------
#
# It does if it is made before the write, and the write goes to the clone: then the saved tensor stays as it was.
# ``.data`` and ``detach()`` are no clones: they use the same memory. A write through ``.data`` is not counted, so
# nothing is raised and the gradient is wrong; one through ``detach()`` is counted.


def gradient_after(write):
    source = torch.tensor([1.0], requires_grad=True)
    result = source.exp()
    write(result)
    result.backward()
    return source.grad


torch.testing.assert_close(
    gradient_after(lambda result: result.clone().mul_(5)), torch.tensor([1.0]).exp()
)
torch.testing.assert_close(
    gradient_after(lambda result: result.data.mul_(5)), 5 * torch.tensor([1.0]).exp()
)
with expect_error(RuntimeError, match="modified by an inplace operation"):
    gradient_after(lambda result: result.detach().mul_(5))

# %%
# Check yourself
# --------------
#
# The table above helps.

fine = tuple(place for place in ("result", "input") if survives(torch.cos, place))
ask(
    "The slope of cos is -sin of its input. Where may be written in place between y = x.cos() and backward()?",
    answer=fine,
    choices={
        ("result",): "Into y. The slope is made from x, which is saved.",
        ("input",): "x is what was saved.",
        ("result", "input"): "Its slope depends on x, so it saves x.",
    },
)

# %%
# And an order:


def order(*steps):
    first, second = losses()
    for step in steps:
        {"a": first.backward, "b": second.backward, "step": optimizers[1].step}[step](
            **({"retain_graph": True} if step == "a" else {})
        )
    return "fine"


ask(
    "Two losses share a network. What happens with: first.backward(retain_graph=True), optimizer.step(), "
    "second.backward()?",
    answer=lambda: order("a", "step", "b"),
    choices={
        "fine": "It would be with the step at the end.",
        RuntimeError: "The step writes into weights that the second walk needs.",
    },
)

# %%
# Next: :ref:`loading-state-dict`, an error that comes before the training.
