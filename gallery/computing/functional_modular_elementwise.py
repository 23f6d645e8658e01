"""
.. _functional-modular-elementwise:

torch.relu, F.relu, nn.ReLU or x.relu: which one do I use?
==========================================================

They compute the same. PyTorch has many functions up to four times: as a function of ``torch``, a method of the tensor,
a function of ``torch.nn.functional`` and a :term:`module` of ``torch.nn``. This page shows what they share, what only a
module can do, and which hand-written twins differ after all. You need to know
:ref:`operations element by element <element-by-element>`.
"""

# %%
# ReLU ("rectified linear unit") replaces negative numbers by 0. Six ways to write it give one result.

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask


def ways(x):
    four = {"torch.relu(x)": torch.relu(x), "x.relu()": x.relu()}
    four |= {"F.relu(x)": F.relu(x), "nn.ReLU()(x)": nn.ReLU()(x)}
    return four | {"x.clamp(min=0)": x.clamp(min=0), "torch.where(...)": torch.where(x > 0, x, 0)}


x = torch.tensor([[-2.0, -0.5, 1.0], [3.0, -1.0, 0.5]])
assert all(torch.equal(result, torch.relu(x)) for result in ways(x).values())
draw(ways, x)

# %%
# - A **function**, ``torch.relu(x)``, and the **method** ``x.relu()`` are two spellings of one thing. An operator is a
#   third: ``x + y`` is ``torch.add(x, y)`` is ``x.add(y)``.
# - ``torch.nn.functional``, by custom ``F``, has the **functions for networks**; some are only there.
# - A **module**, ``nn.ReLU()``, is an object. First it is made, then it is called; the call runs the function in ``F``.

y = 10 * x
for sum_of_two in (x + y, torch.add(x, y), x.add(y)):
    assert torch.equal(sum_of_two, 11 * x)
for name in ("relu", "softmax", "gelu", "max_pool2d", "cross_entropy"):
    homes = {"torch": torch, "Tensor": torch.Tensor, "F": F}
    print(f"{name:<14}", ", ".join(home for home, space in homes.items() if hasattr(space, name)))
assert not hasattr(torch, "gelu")
assert hasattr(F, "gelu")

# %%
# Any number of axes
# ------------------
#
# An element of the result depends on the element in its place, so the shape stays as it is, whichever way it is
# written.

block = torch.arange(24.0).reshape(2, 3, 4) - 11
assert F.relu(block).shape == nn.ReLU()(block).shape == (2, 3, 4)
draw(F.relu, block, names=["block"])

# %%
# What a module adds: memory
# --------------------------
#
# A function has nothing but its arguments. ``nn.Linear`` holds its weights, and passes them to ``F.linear``, which is
# ``x @ weight.T + bias``; an optimizer finds them by ``parameters()``, and they are saved by name.

torch.manual_seed(0)
layer = nn.Linear(3, 4)
torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))
torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)
assert [tuple(p.shape) for p in layer.parameters()] == [(4, 3), (4,)]
assert list(layer.state_dict()) == ["weight", "bias"]
assert list(nn.ReLU().parameters()) == []

# %%
# "I can make the layer where I need it": then each call has new random weights, and nothing is learned. With ReLU it
# costs nothing but words.


def forward(x):
    return nn.Linear(3, 4)(x)


assert not torch.equal(forward(x), forward(x))
assert torch.equal(nn.ReLU()(x), nn.ReLU()(x))

# %%
# What a module adds: a mode
# --------------------------
#
# Dropout sets random elements to 0 in training, and must not do so in use. A module knows the mode, by ``train()`` and
# ``eval()``. ``F.dropout`` has ``training=True`` when left out, and drops for ever, even inside a module in ``eval``.

ones = torch.ones(1000)
dropout = nn.Dropout(p=0.5)
assert (dropout(ones) == 0).any()
dropout.eval()
assert torch.equal(dropout(ones), ones)
assert (F.dropout(ones, p=0.5) == 0).any()
assert torch.equal(F.dropout(ones, p=0.5, training=dropout.training), ones)

# %%
# What a module adds: a place in a network
# ----------------------------------------
#
# ``nn.Sequential`` calls one module after the other, and takes only modules. In code of your own, both forms mix.

network = nn.Sequential(layer, nn.ReLU(), nn.Linear(4, 5))
print(network)
torch.testing.assert_close(network(x), network[2](F.relu(layer(x))))
with expect_error(TypeError, match="is not a Module subclass"):
    nn.Sequential(layer, F.relu)

# %%
# The rule: what has weights or a mode is a module (Linear, Conv2d, BatchNorm, Dropout). What has neither is a matter of
# taste: a module to be listed and printed, ``F`` or a method inside a calculation. A loss is of this kind.

target = torch.tensor([2, 0])
logits = layer(x)
assert torch.equal(nn.CrossEntropyLoss()(logits, target), F.cross_entropy(logits, target))

# %%
# What goes wrong
# ---------------
#
# "``nn.ReLU(x)`` gives ReLU of x": it makes a module, and ``x`` is taken for its first :term:`argument`, ``inplace``.
# No error is raised until it is called or printed. Losses fail at once, with a message that names no loss. Two pairs of
# parentheses: the first for settings, the second for tensors.

module = nn.ReLU(x)
assert isinstance(module, nn.Module)
assert module.inplace is x
with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    module(x)
with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    nn.MSELoss(x, y)
torch.testing.assert_close(nn.MSELoss()(x, y), ((x - y) ** 2).mean())

# %%
# In place
# --------
#
# Results are new tensors. ``x.relu_()``, ``F.relu_(x)`` and ``nn.ReLU(inplace=True)`` write :term:`in place`: the input
# is gone. Where its values are needed for a :term:`gradient`, that raises an error in ``backward``.

gone = x.clone()
result = nn.ReLU(inplace=True)(gone)
assert result is gone
assert torch.equal(gone, x.relu())
p = x.clone().requires_grad_()
doubled = p * 2
loss = (doubled**2).sum()
doubled.relu_()
with expect_error(RuntimeError, match="modified by an inplace operation"):
    loss.backward()

# %%
# Twins that differ
# -----------------
#
# The forms of one function agree in value and gradient. Other formulas agree on ordinary numbers only: at 0, where ReLU
# has a corner, torch's gradient is 0, and that of a maximum is shared by two equals. :term:`NaN` shows a fault that
# ``where`` hides; 0 times infinity, and infinity minus infinity, are NaN.

twins = {
    "relu": torch.relu,
    "maximum": lambda x: torch.maximum(x, torch.tensor(0.0)),
    "half sum": lambda x: (x + x.abs()) / 2,
    "where": lambda x: torch.where(x > 0, x, 0),
    "product": lambda x: x * (x > 0),
}

# %%
# The last line is what went in.

corners = torch.tensor([0.0, float("nan"), float("-inf")])
zero = torch.tensor(0.0, requires_grad=True)
slopes = {name: torch.autograd.grad(twin(zero), zero)[0].item() for name, twin in twins.items()}
for name, twin in twins.items():
    torch.testing.assert_close(twin(x), x.relu())
    print(f"{name:<9}{twin(corners).tolist()!s:<18}slope at 0: {slopes[name]}")
print(f"{'corners':<9}{corners.tolist()}")
assert slopes == {"relu": 0, "maximum": 0.5, "half sum": 0.5, "where": 0, "product": 0}
hidden = [name for name, twin in twins.items() if not twin(corners)[1].isnan()]
new_nan = [name for name, twin in twins.items() if twin(corners)[2].isnan()]
assert (hidden, new_nan) == (["where"], ["half sum", "product"])

# %%
# Integers stay integers under ReLU, and truth values are refused. GELU, as most functions for networks, takes floats
# only.

assert torch.tensor([-3, 4]).relu().tolist() == [0, 4]
with expect_error(RuntimeError, match="Boolean inputs not supported for relu"):
    torch.relu(x > 0)
with expect_error(NotImplementedError, match="not implemented for 'Long'"):
    F.gelu(torch.tensor([-3, 4]))

# %%
# Check yourself
# --------------
#
# What is in ``out``?

out = nn.Sigmoid()
ask(
    "What is out after out = nn.Sigmoid()?",
    answer="a module" if isinstance(out, nn.Module) else "a tensor",
    choices={
        "a tensor": "No tensor was given; out(x) is one.",
        "a module": "An object to be called with a tensor: out(x) is x.sigmoid().",
        "a function of torch": "torch.sigmoid is one. This is an object that calls it.",
    },
)

# %%
# Of which of these do you need one object that lives as long as the network?

layers = {"nn.Tanh": nn.Tanh(), "nn.Flatten": nn.Flatten(), "nn.BatchNorm1d": nn.BatchNorm1d(6)}
ask(
    "Which of these can not be replaced by a function of x alone?",
    answer=next(name for name, module in layers.items() if module.state_dict()),
    choices={
        "nn.Tanh": "torch.tanh(x) does it.",
        "nn.Flatten": "x.flatten(1) does it.",
        "nn.BatchNorm1d": "It has weights, running means and a mode; F.batch_norm wants all of them as arguments.",
    },
)

# %%
# Next: :ref:`exercises-in-computing`.
