"""
.. _missing-the-required-forward:

NotImplementedError: Module [Net] is missing the required "forward" function
============================================================================

You call the network, but its class has no method with the name ``forward``. Look for a misspelled name such as
``foward``, and for a ``forward`` that is indented into ``__init__``.
"""

# %%
# Set-up

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
test = digits("test")
images, labels = test.inputs[:50].flatten(start_dim=1), test.targets[:50]  # (50, 64), (50,)

# %%


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def foward(self, x):
        return self.fc(x)


with expect_error(NotImplementedError, match='missing the required "forward" function'):
    Net()(images)

# %%
# ``[Net]`` is the class of the object that was called. If it is ``[ModuleList]`` and not your own class, you called a
# container that has no ``forward``. A ``forward`` with another number of inputs fails with a ``TypeError``.
#
# .. longer: 6 screens — each cause has a cell of its own, and a class takes many lines
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`forward is misspelled <forward-name>`                           ``def forward(self, x):``
# :ref:`forward is indented into __init__ <forward-name>`               move it to the left
# :ref:`an nn.ModuleList was called <forward-list>`                     a loop, or ``nn.Sequential``
# :ref:`forward() missing 1 required positional argument <forward-n>`   give it; ``Sequential`` passes one value
# :ref:`takes 2 positional arguments but 3 were given <forward-n>`      a ``forward`` with as many inputs as you give
# :ref:`forward() takes 1 positional argument <forward-n>`              write ``self`` first
# :ref:`the class was called, not the object <forward-class>`           ``nn.ReLU()(x)``
# ====================================================================  =============================================
#
# .. _forward-name:
#
# The rule
# --------
#
# ``net(x)`` calls ``net.forward(x)``. The class ``nn.Module`` has a ``forward`` of its own, which raises this error.
# List the names that your class defines: a method that was indented into ``__init__`` is not among them.


class Indented(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)

        def forward(self, x):
            return self.fc(x)


class Right(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(x)


for kind in (Net, Indented, Right):
    print(f"{kind.__name__:9}", [name for name in vars(kind) if not name.startswith("__")])
with expect_error(NotImplementedError, match="Indented"):
    Indented()(images)
assert Right()(images).shape == (50, 10)

# %%
# .. _forward-list:
#
# ModuleList and ModuleDict
# -------------------------
#
# These containers hold layers, and do not say how one layer's output becomes another's input. Write a loop in your
# ``forward``. If each layer takes what the one before gives, use :class:`torch.nn.Sequential`, which has a ``forward``.

layers = nn.ModuleList([nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10)])
with expect_error(NotImplementedError, match="ModuleList"):
    layers(images)
with expect_error(NotImplementedError, match="ModuleDict"):
    nn.ModuleDict({"first": layers[0]})(images)

x = images
for layer in layers:
    x = layer(x)
print(tuple(x.shape))
assert torch.equal(nn.Sequential(*layers)(images), x)

# %%
# .. _forward-n:
#
# Another number of arguments
# ---------------------------
#
# Python counts ``self``, the object, as an argument. So "takes 2 positional arguments but 3 were given" means that
# ``forward`` has one input, and you gave two. If it takes 1 and got 2, ``self`` is missing in its definition.
# ``nn.Sequential`` takes one value and passes one value on. A layer that joins two values needs a class with a
# ``forward`` that calls it.


class Join(nn.Module):
    def forward(self, image, extra):
        return torch.cat([image, extra], dim=1)


class Joined(nn.Module):
    def __init__(self):
        super().__init__()
        self.join, self.fc = Join(), nn.Linear(64 + 3, 10)

    def forward(self, image, extra):
        return self.fc(self.join(image, extra))


class WithoutSelf(nn.Module):
    def forward(x):  # noqa: N805
        return x


extra = torch.rand(50, 3)
with expect_error(TypeError, match="takes 2 positional arguments but 3 were given"):
    nn.Sequential(Join(), nn.Linear(67, 10))(images, extra)
with expect_error(TypeError, match="missing 1 required positional argument: 'extra'"):
    nn.Sequential(Join(), nn.Linear(67, 10))(images)
with expect_error(TypeError, match="takes 1 positional argument but 2 were given"):
    WithoutSelf()(images)
print(tuple(Joined()(images, extra).shape))

# %%
# .. _forward-class:
#
# The class was called, not the object
# ------------------------------------
#
# ``nn.ReLU`` is a class: the first pair of parentheses makes the layer, the second runs it. With one pair your data
# goes to ``__init__`` as a setting, and the message depends on that class. A function such as ``F.relu`` takes one
# pair.

with expect_error(TypeError, match=r"__init__\(\) takes 1 positional argument but 2 were given"):
    Right(images)
with expect_error(TypeError, match="must be Tensor, not ReLU"):
    nn.Linear(64, 10)(nn.ReLU(images))
logits = Right()(images)
with expect_error(RuntimeError, match="Boolean value of Tensor with more than one value"):
    nn.CrossEntropyLoss(logits, labels)

assert torch.equal(nn.ReLU()(images), F.relu(images))
assert torch.equal(nn.CrossEntropyLoss()(logits, labels), F.cross_entropy(logits, labels))

# %%
# .. use-this::
#
#    Define ``forward`` beside ``__init__``, at the same indentation, and call the object: ``net(x)``. For layers in a
#    row use ``nn.Sequential``, for several inputs a class with a ``forward``. Run a new class once on a small batch,
#    and look at the shape of the output. That costs one forward pass, and raises the errors above before you train. It
#    does not find a misspelled ``forward`` in a class that you derived from a working one.
#
# A common mistake
# ----------------
#
# Calling the method by its name, or renaming it to ``__call__``, silences the message. Both skip the part of
# ``nn.Module`` that runs the :term:`hooks <hook>` of the network. A tool that counts or records calls by a hook then
# gets nothing (:ref:`hooks-on-modules`).


class Renamed(nn.Module):
    def __call__(self, x):
        return x


calls = []
for kind, run in [
    (Net, lambda net: net.foward(images)),
    (Renamed, lambda net: net(images)),
    (Right, lambda net: net(images)),
]:
    net = kind()
    net.register_forward_hook(lambda module, *_: calls.append(type(module).__name__))
    run(net)
print("hooks ran for:", calls)
assert calls == ["Right"]

# %%
# How this was checked

# The forward of nn.Module raises; that of Sequential and of the layers is their own.
for kind in (nn.Module, nn.ModuleList, nn.ModuleDict, Net, Indented):
    assert kind.forward is nn.Module.forward
    with expect_error(NotImplementedError, match=rf"Module \[{kind.__name__}\] is missing"):
        kind()(images)
for kind in (nn.Sequential, nn.Linear, nn.ReLU, nn.Identity, Right):
    assert kind.forward is not nn.Module.forward
with expect_error(NotImplementedError, match=r"Module \[ModuleList\] is missing"):
    nn.Sequential(nn.ModuleList([nn.ReLU()]))(images)  # the message names the part inside
with expect_error(RuntimeError, match="ParameterList should not be called"):
    nn.ParameterList([nn.Parameter(torch.ones(2))])(images)
# Calling with fewer, more and other arguments.
for arguments, names, words in [
    ((), {}, r"Right.forward\(\) missing 1 required positional argument: 'x'"),
    ((images, images), {}, r"Right.forward\(\) takes 2 positional arguments but 3 were given"),
    ((images,), {"mask": None}, r"Right.forward\(\) got an unexpected keyword argument 'mask'"),
]:
    with expect_error(TypeError, match=words):
        Right()(*arguments, **names)
with expect_error(
    TypeError, match="CrossEntropyLoss.*missing 1 required positional argument: 'target'"
):
    nn.CrossEntropyLoss()(logits)


# A class derived from yours that misspells forward runs yours, without an error.
class Doubled(Right):
    def forword(self, x):
        return 2 * self.fc(x)


doubled = Doubled()
assert torch.equal(doubled(images), doubled.fc(images))
# The hooks of the layers inside run, whatever the method is called.
inner = Net()
inner.fc.register_forward_hook(lambda module, *_: calls.append(type(module).__name__))
inner.foward(images)
assert calls == ["Right", "Linear"]
# Some classes take the data as a setting, and say nothing until they are used. A class is no layer.
assert nn.ReLU(images).inplace is images
assert nn.Flatten(images).start_dim is images
for kind, error, words in [
    (nn.Dropout, RuntimeError, "Boolean value of Tensor with more than one value"),
    (nn.Sigmoid, TypeError, "takes 1 positional argument but 2 were given"),
]:
    with expect_error(error, match=words):
        kind(images)
with expect_error(TypeError, match="is not a Module subclass"):
    nn.Sequential(nn.Linear(64, 10), nn.ReLU)
# forward by name gives the same values as a call, without hooks.
right = Right()
assert torch.equal(right.forward(images), right(images))

# %%
# Check yourself
# --------------


def missing():
    try:
        nn.Sequential(nn.Linear(2, 3))(torch.ones(1, 2), torch.ones(1, 2))
    except TypeError as error:
        return int(str(error).split()[-3]) - 1


ask(
    'Sequential says "takes 2 positional arguments but 3 were given". How many tensors did you give?',
    answer=missing(),
    choices={
        1: "self and one tensor are two arguments, which forward takes.",
        2: "self counts, so two tensors are three arguments.",
        3: "One of the three arguments is self, the object.",
    },
)

# %%
# The next question is about a list of layers.

ask(
    "What does nn.ModuleList([nn.Linear(2, 3)])(torch.ones(5, 2)) give?",
    answer=lambda: tuple(nn.ModuleList([nn.Linear(2, 3)])(torch.ones(5, 2)).shape),
    choices={
        (5, 3): "It would be the shape with nn.Sequential(nn.Linear(2, 3)).",
        NotImplementedError: "A ModuleList holds layers, and has no forward that runs them.",
        TypeError: "It can be called: nn.Module has __call__, which then finds no forward of its own.",
    },
)

# %%
# **Exercise.** ``nn.Sequential`` passes one value. Write ``run``, which passes several: it calls the first layer with
# the tensors of the tuple ``inputs``. If a layer returns a tuple, the next layer is called with its parts.


def run(layers, inputs):
    raise NotImplementedError


def by_recursion(layers, inputs):
    value = layers[0](*inputs)
    if len(layers) == 1:
        return value
    return by_recursion(layers[1:], value if isinstance(value, tuple) else (value,))


class Halves(nn.Module):
    def forward(self, x):
        return tuple(x.chunk(2, dim=1))


cases = [
    ([nn.ReLU()], (torch.tensor([[-1.0, 2.0]]),)),
    ([Join(), nn.Linear(5, 2)], (torch.rand(3, 4), torch.rand(3, 1))),
    ([Halves(), Join(), nn.Tanh()], (torch.rand(2, 6),)),
    ([nn.Linear(4, 8), Halves(), nn.Bilinear(4, 4, 3)], (torch.rand(5, 4),)),
]
check(run, by_recursion, cases)

# %%
# The star in front of a tuple passes its parts as arguments.

# Solution


def run(layers, inputs):
    value = inputs
    for layer in layers:
        value = layer(*value) if isinstance(value, tuple) else layer(value)
    return value


report = check(run, by_recursion, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`object-has-no-attribute`, when a name inside ``forward`` is not found.
#
# - PyTorch contributors (2026). `torch.nn.Module
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__. Under ``forward`` it says why to call the
#   object and not the method.
# - PyTorch contributors (2026). `Modules <https://docs.pytorch.org/docs/stable/notes/modules.html>`__. From a linear
#   layer made by hand to containers.
