"""
.. _functional-modular-elementwise:

torch.relu, F.relu, nn.ReLU or x.relu: which one do I use?
==========================================================

They compute the same. PyTorch has many functions up to four times: as a function of ``torch``, a method of the tensor,
a function of ``torch.nn.functional`` and a :term:`module` of ``torch.nn``. This page shows what they share, what a
module adds, and which hand-written twins differ after all. You need to know
:ref:`operations element by element <element-by-element>`.
"""

# %%
# ReLU ("rectified linear unit") replaces negative numbers by 0. These six ways to write it give one result.

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
# - A **module**, ``nn.ReLU()``, is an object. First you make it, then you call it. The call does what ``F.relu`` does.

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
# An element of the result depends on the element in its place, so the shape stays as it is, in each of the six ways.

block = torch.arange(24.0).reshape(2, 3, 4) - 11
for t in (block, block[0, 0, 0], torch.zeros(0, 3), block.mT):
    assert all(way.shape == t.shape for way in ways(t).values())
draw(F.relu, block, names=["block"])

# %%
# What a module adds: memory
# --------------------------
#
# ``F.linear`` gets its weights as arguments, and is ``x @ weight.T + bias``. ``nn.Linear`` holds its weights, and
# passes them to ``F.linear``. An optimizer finds them by ``parameters()``, and they are saved by name.

torch.manual_seed(0)
layer = nn.Linear(3, 4)
torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))
torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)
assert [tuple(p.shape) for p in layer.parameters()] == [(4, 3), (4,)]
assert list(layer.state_dict()) == ["weight", "bias"]
assert list(nn.ReLU().parameters()) == []

# %%
# Making the layer inside ``forward`` gives each call new random weights, so a training step has nothing to keep. With
# ReLU it does no harm, because ReLU has no weights.


def forward(x):
    return nn.Linear(3, 4)(x)


assert not torch.equal(forward(x), forward(x))
assert torch.equal(nn.ReLU()(x), nn.ReLU()(x))

# %%
# What a module adds: a mode
# --------------------------
#
# Dropout sets random elements to 0 in training, and in use it should not. A module knows the mode, by ``train()`` and
# ``eval()``. ``F.dropout`` does not: without the argument ``training`` it drops elements also inside a module in
# ``eval``.

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
# ``nn.Sequential`` calls one module after the other. It refuses a function. In code of your own you can mix both forms.

network = nn.Sequential(layer, nn.ReLU(), nn.Linear(4, 5))
print(network)
torch.testing.assert_close(network(x), network[2](F.relu(layer(x))))
with expect_error(TypeError, match="is not a Module subclass"):
    nn.Sequential(layer, F.relu)

# %%
# Use a module for what has weights or a mode (Linear, Conv2d, BatchNorm, Dropout). For what has neither, both forms are
# right: a module is listed and printed, and ``F`` or a method is shorter inside a calculation. A loss is of this kind.

target = torch.tensor([2, 0])
logits = layer(x)
assert torch.equal(nn.CrossEntropyLoss()(logits, target), F.cross_entropy(logits, target))

# %%
# What goes wrong
# ---------------
#
# ``nn.ReLU(x)`` does not give ReLU of x. It makes a module, and ``x`` is taken for its first :term:`argument`,
# ``inplace``. For an ``x`` of several elements, an error comes when the module is called or printed. With one element,
# no error comes. Losses fail at once, with a message that names no loss. Write two pairs of parentheses: the first for
# settings, the second for tensors.

module = nn.ReLU(x)
assert isinstance(module, nn.Module)
assert module.inplace is x
for fails in (lambda: module(x), lambda: repr(module), lambda: nn.MSELoss(x, y)):
    with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
        fails()
assert nn.ReLU(torch.tensor([1.0]))(torch.tensor([-1.0])) == 0  # one element is True: in place
torch.testing.assert_close(nn.MSELoss()(x, y), ((x - y) ** 2).mean())

# %%
# In place
# --------
#
# The six ways give new tensors. ``x.relu_()``, ``F.relu_(x)`` and ``nn.ReLU(inplace=True)`` write :term:`in place`: the
# input is gone. Where its values are needed for a :term:`gradient`, that raises an error in ``backward``. (Not each
# function gives a new tensor: ``F.dropout`` that drops nothing returns its input.)

assert all(way.data_ptr() != x.data_ptr() for way in ways(x).values())
assert F.dropout(x, training=False) is x
for in_place in (torch.Tensor.relu_, F.relu_, nn.ReLU(inplace=True)):
    gone = x.clone()
    result = in_place(gone)
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
# The four forms of ReLU agree in value and gradient. Other formulas agree on ordinary numbers, and may differ
# elsewhere. At 0, where ReLU has a corner, its gradient is 0, while a maximum splits the gradient between two equals.
# ``where`` makes 0 of a :term:`NaN`, and so hides a fault. 0 times infinity, and infinity minus infinity, are NaN.

twins = {
    "relu": torch.relu,
    "F.relu": F.relu,
    "nn.ReLU": nn.ReLU(),
    "clamp": lambda x: x.clamp(min=0),
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
assert [slopes.pop(name) for name in ("maximum", "half sum")] == [0.5, 0.5]
assert set(slopes.values()) == {0}
hidden = [name for name, twin in twins.items() if not twin(corners)[1].isnan()]
new_nan = [name for name, twin in twins.items() if twin(corners)[2].isnan()]
assert (hidden, new_nan) == (["where"], ["half sum", "product"])

# %%
# Integers stay integers under ReLU, and truth values are refused. GELU and many other functions for networks refuse
# integers.

assert torch.tensor([-3, 4]).relu().tolist() == [0, 4]
with expect_error(RuntimeError, match="Boolean inputs not supported for relu"):
    torch.relu(x > 0)
for function in (F.gelu, F.silu, F.elu, F.softplus, F.leaky_relu, F.hardswish):
    with expect_error(NotImplementedError, match="not implemented for 'Long'"):
        function(torch.tensor([-3, 4]))

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
# Which of these do you need as one object that lives as long as the network?

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
