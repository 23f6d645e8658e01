"""
.. _functional-modular-elementwise:

torch.relu, F.relu, nn.ReLU or x.relu: which one do I use?
==========================================================

One tutorial writes ``F.relu(x)``, the next ``nn.ReLU()``, and ``nn.ReLU(x)`` fails with a message about truth values.
They compute the same, and a :term:`module` is an object that you make first and call afterwards.
"""

# %%
# Set-up

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
x = torch.tensor([[-2.0, -0.5, 1.0], [3.0, -1.0, 0.5]])
ways = {
    "torch.relu(x)": torch.relu,
    "x.relu()": lambda x: x.relu(),
    "F.relu(x)": F.relu,
    "nn.ReLU()(x)": nn.ReLU(),
    "x.clamp(min=0)": lambda x: x.clamp(min=0),
}

# %%

for name, way in ways.items():
    print(f"{name:<15}", way(x)[0].tolist(), way(x)[1].tolist())
    assert torch.equal(way(x), torch.relu(x))

# %%
# ReLU replaces negative numbers by 0, and the five spellings give one result. You need to know :ref:`operations
# element by element <element-by-element>`.
#
# The rule
# --------
#
# A **function**, ``torch.relu(x)``, and the **method** ``x.relu()`` are two names of one operation.
# ``torch.nn.functional``, imported as ``F``, has the functions for networks, and some exist there alone. A **module**
# keeps what a function would need as arguments (weights, settings, a mode), and passes it on when you call it:
# ``module(x)`` is :math:`f(x; \text{weights}, \text{mode})`. Below you see where four names exist.

for name in ("relu", "softmax", "gelu", "cross_entropy"):
    homes = {"torch": torch, "Tensor": torch.Tensor, "F": F}
    print(f"{name:<14}", ", ".join(home for home, space in homes.items() if hasattr(space, name)))

# %%
# A module holds weights
# ----------------------
#
# ``F.linear`` gets its weights as arguments. ``nn.Linear`` makes them, keeps them and hands them to ``F.linear``. You
# hand them to an optimizer with ``parameters()``, and ``state_dict()`` gives them by name, to save them.

layer = nn.Linear(3, 4)
print({name: tuple(weight.shape) for name, weight in layer.state_dict().items()})
torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))

# %%
# A module knows its mode
# -----------------------
#
# Dropout sets random elements to 0 while you train, and should keep them when you predict. ``model.eval()`` tells the
# modules that you predict. ``F.dropout`` does not know the mode, and drops unless you pass ``training=False``.

dropout, ones = nn.Dropout(p=0.5).eval(), torch.ones(1000)
print("nn.Dropout in eval:", (dropout(ones) == 0).sum().item(), "zeros")
print("F.dropout:         ", "some" if (F.dropout(ones, p=0.5) == 0).any() else "no", "zeros")
passed_on = F.dropout(ones, p=0.5, training=dropout.training)
print("with training=...: ", (passed_on == 0).sum().item(), "zeros")

# %%
# A module fits into Sequential
# -----------------------------
#
# ``nn.Sequential`` calls one module after the other, and refuses a function. In a ``forward`` that you write you can
# mix modules and functions.

network = nn.Sequential(layer, nn.ReLU(), nn.Linear(4, 2))
torch.testing.assert_close(network(x), network[2](F.relu(layer(x))))
with expect_error(TypeError, match="is not a Module subclass"):
    nn.Sequential(layer, F.relu)

# %%
# .. use-this::
#
#    Take a module for what has weights or a mode: ``Linear``, ``Conv2d``, ``BatchNorm``, ``Dropout``. Make it once, in
#    ``__init__``. For what has neither, such as ReLU, softmax or a loss, take what reads best: ``F.relu`` or a method
#    inside a calculation, ``nn.ReLU()`` in a ``Sequential``. ``inplace=True`` and ``relu_()`` save the memory of the
#    result and overwrite the input, which can :ref:`break the backward pass <modified-by-an-inplace-operation>`.
#
# Common mistakes
# ---------------
#
# **One pair of parentheses.** ``nn.ReLU(x)`` makes a module and takes ``x`` for its setting ``inplace``. The error
# comes later, when the module is called, and is about a truth value. The first parentheses are for settings.

module = nn.ReLU(x)
with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    module(x)
print(nn.MSELoss()(x, x + 1), F.mse_loss(x, x + 1))

# %%
# **A layer made in forward.** Each call then has new random weights, so what a training step changes is lost. The same
# input gives two results.


def forward(x):
    return nn.Linear(3, 1)(x).flatten()


print("made in forward:", torch.equal(forward(x), forward(x)))
print("made once:      ", torch.equal(layer(x), layer(x)))

# %%
# How this was checked

with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    nn.MSELoss(x, x)
assert list(nn.ReLU().parameters()) == []
assert (F.dropout(ones, p=0.5) == 0).any()
assert not torch.equal(forward(x), forward(x))
for name, t in zoo(dtypes=[torch.float32, torch.float64, torch.float16, torch.int64]).items():
    for way in ways.values():
        torch.testing.assert_close(way(t), torch.relu(t), rtol=0, atol=0, equal_nan=True)
        assert way(t).shape == t.shape, name
with expect_error(RuntimeError, match="Boolean inputs not supported for relu"):
    torch.relu(x > 0)
for function in (F.gelu, F.silu, F.elu, F.softplus, F.leaky_relu, F.hardswish):
    with expect_error(NotImplementedError, match="not implemented for 'Long'"):
        function(torch.tensor([-3, 4]))
# A single element is a truth value: no error, and the module writes in place.
assert nn.ReLU(torch.tensor([1.0]))(torch.tensor([-1.0])) == 0
for in_place in (torch.Tensor.relu_, F.relu_, nn.ReLU(inplace=True)):
    gone = x.clone()
    assert in_place(gone) is gone
    assert torch.equal(gone, x.relu())
for way in ways.values():
    assert way(x).data_ptr() != x.data_ptr()
# Twins written by hand agree on ordinary numbers and differ at 0, NaN and minus infinity.
twins = {
    "maximum": lambda x: torch.maximum(x, torch.tensor(0.0)),
    "half sum": lambda x: (x + x.abs()) / 2,
    "where": lambda x: torch.where(x > 0, x, 0),
    "product": lambda x: x * (x > 0),
}
corners = torch.tensor([0.0, float("nan"), float("-inf")])
zero = torch.tensor(0.0, requires_grad=True)
for twin in twins.values():
    torch.testing.assert_close(twin(x), x.relu())
slopes = {name: torch.autograd.grad(twin(zero), zero)[0].item() for name, twin in twins.items()}
assert slopes == {"maximum": 0.5, "half sum": 0.5, "where": 0, "product": 0}
for name, way in ways.items():  # before torch 2.14, the gradient of clamp at its limit was 1
    old = "clamp" in name and torch.__version__ < "2.14"
    assert torch.autograd.grad(way(zero), zero)[0] == old
assert [name for name, twin in twins.items() if not twin(corners)[1].isnan()] == ["where"]
assert [name for name, twin in twins.items() if twin(corners)[2].isnan()] == ["half sum", "product"]
logits, target = layer(x), torch.tensor([2, 0])
assert torch.equal(nn.CrossEntropyLoss()(logits, target), F.cross_entropy(logits, target))

# %%
# Check yourself
# --------------

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
    "Which of these cannot be replaced by a function of x alone?",
    answer=next(name for name, module in layers.items() if module.state_dict()),
    choices={
        "nn.Tanh": "torch.tanh(x) does it.",
        "nn.Flatten": "x.flatten(1) does it.",
        "nn.BatchNorm1d": "It has weights, running means and a mode; F.batch_norm wants them as arguments.",
    },
)

# %%
# **Exercise.** You have the four weights of
# ``nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 3))`` as tensors. With functions alone,
# compute what this network predicts in ``eval`` mode.


def by_modules(x, w1, b1, w2, b2):
    network = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 3)).eval()
    names = ["0.weight", "0.bias", "3.weight", "3.bias"]
    network.load_state_dict(dict(zip(names, [w1, b1, w2, b2], strict=True)))
    return network(x).detach()


cases = [
    (torch.rand(n, 8), torch.randn(5, 8), torch.randn(5), torch.randn(3, 5), torch.randn(3))
    for n in (1, 4)
]


def predict(x, w1, b1, w2, b2):
    raise NotImplementedError


check(predict, by_modules, cases)

# %%
# In ``eval`` mode dropout returns its input.

# Solution


def predict(x, w1, b1, w2, b2):
    return F.linear(F.relu(F.linear(x, w1, b1)), w2, b2)


report = check(predict, by_modules, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`exercises-in-computing` are functions to write with what this chapter taught.
#
# - Howard (2018). `What is torch.nn really? <https://docs.pytorch.org/tutorials/beginner/nn_tutorial.html>`__. A
#   network is written with functions first, and becomes modules step by step.
