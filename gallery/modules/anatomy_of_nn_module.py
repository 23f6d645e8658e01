"""
.. _anatomy-of-nn-module:

What is in an nn.Module? (parameters, buffers, submodules, state_dict)
======================================================================

A :term:`module` keeps three registers: its :term:`parameters <parameter>`, which an optimizer changes, its
:term:`buffers <buffer>`, which it stores but does not learn, and the modules inside it. They decide what an optimizer
sees, what is saved and what moves to a GPU. This page shows how things get into a register, and how a list hides
them. You need to know :ref:`nn-linear`.
"""

# %%
# One module whose :term:`attributes <attribute>` are a parameter, two buffers, a plain tensor and another module, and
# which registers each is in.

import torch
from torch import nn


class Standardize(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("cache", torch.zeros(4), persistent=False)
        self.plain = torch.zeros(5)
        self.inner = nn.Linear(3, 2)

    def forward(self, x):
        return self.inner((x - self.mean) * self.scale)


module = Standardize()
print("parameters", [name for name, _ in module.named_parameters()])
print("buffers   ", [name for name, _ in module.named_buffers()])
print("saved     ", list(module.state_dict()))

# %%
# - A **parameter** is an ``nn.Parameter``. ``parameters()`` gives it to an optimizer. It is saved, and it moves with
#   the module.
# - A **buffer** is what the module keeps but does not learn: here a mean. It is saved, unless ``persistent=False``.
# - A **plain tensor** is in no register. It is not saved, and it is *left behind* when the rest moves.
# - A **submodule** brings its own parameters and buffers. Their names begin with its name and a dot.

learned = {"scale", "inner.weight", "inner.bias"}
assert {name for name, _ in module.named_parameters()} == learned
assert {name for name, _ in module.named_buffers()} == {"mean", "cache"}
assert set(module.state_dict()) == learned | {"mean"}
module.double()  # to float64, as .to("cuda") would move it to a GPU
assert (module.cache.dtype, module.plain.dtype) == (torch.float64, torch.float32)

# %%
# From scratch: the registers
# ---------------------------
#
# An assignment puts a value into a register. Python calls ``__setattr__`` for ``self.name = value``, and that of
# ``nn.Module`` looks at the type of the value and files it. What is filed is no ordinary attribute, so ``__getattr__``,
# which Python calls for a name that it does not find, looks into the registers. Here are both for parameters and
# modules:


class Small:
    def __init__(self):
        self.__dict__.update(parameters={}, modules={})

    def __setattr__(self, name, value):
        register = self.__dict__
        if isinstance(value, nn.Parameter):
            register = self.parameters
        elif isinstance(value, Small):
            register = self.modules
        register[name] = value

    def __getattr__(self, name):
        for register in (self.parameters, self.modules):
            if name in register:
                return register[name]
        raise AttributeError(f"no parameter, module or attribute {name!r}")

    def named_parameters(self, prefix=""):
        yield from ((prefix + name, value) for name, value in self.parameters.items())
        for name, inner in self.modules.items():
            yield from inner.named_parameters(f"{prefix}{name}.")


def build(kind):
    outer, inner = kind(), kind()
    outer.scale, outer.plain = nn.Parameter(torch.ones(3)), torch.zeros(5)
    outer.inner, inner.weight = inner, nn.Parameter(torch.ones(2, 3))
    assert outer.inner.weight is inner.weight
    assert [name in vars(outer) for name in ("plain", "scale", "inner")] == [True, False, False]
    return [name for name, _ in outer.named_parameters()]


assert build(Small) == build(nn.Module) == ["scale", "inner.weight"]

# %%
# A tree of modules
# -----------------
#
# Modules inside modules make a tree, and a name is the way through it. ``children()`` gives the next level.
# ``modules()`` gives the whole tree, with the module itself. A module that stands at two places comes once.
# ``draw_network`` runs the network once, and says what goes through each module.


from ptguide.pictures import draw_network


class Block(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.linear = nn.Linear(features, features)

    def forward(self, x):
        return x + self.linear(self.norm(x)).relu()


network = nn.Sequential(nn.Linear(6, 5), Block(5), Block(5), nn.Linear(5, 2))
assert network.get_submodule("1.linear") is network[1].linear
assert network.get_parameter("1.linear.bias").shape == (5,)
assert len(list(network.children())) == 4
assert len(list(network.modules())) == 1 + 4 + 2 * 2
assert len(list(nn.Sequential(network[0], network[0]).children())) == 1
draw_network(network, torch.rand(8, 6))

# %%
# Calling a module, and forward
# -----------------------------
#
# You write ``forward`` and call the module. ``network(x)`` is ``network.__call__(x)``, which runs the
# :ref:`hooks <hooks-on-modules>` and ``forward`` between them. ``network.forward(x)`` leaves the hooks out. It gives
# the same numbers here, where the hook changes none.

calls = []
handle = network.register_forward_hook(lambda *_: calls.append("hook"))
x = torch.rand(8, 6)
network.eval()
assert torch.equal(network(x), network.forward(x))
assert calls == ["hook"]
handle.remove()

# %%
# ``eval()`` has set one more piece of state: ``training`` is ``False`` in every module of the tree. Dropout and batch
# normalization read it (:ref:`evaluation` shows how). It is not saved.

assert not any(part.training for part in network.modules())
assert all(part.training for part in network.train().modules())
assert not any("training" in name for name in network.state_dict())

# %%
# Layers in a Python list
# -----------------------
#
# A list is no module, and ``__setattr__`` does not look into it. The network still computes, but an optimizer gets
# nothing, nothing is saved, and nothing moves. ``nn.ModuleList`` is a module that is used as a list, and files its
# items.


from ptguide.errors import expect_error


class Listed(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layers = kind([nn.Linear(6, 5), nn.Linear(5, 2)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


hidden, filed = Listed(list), Listed(nn.ModuleList)
assert hidden(x).shape == filed(x).shape == (8, 2)
assert list(hidden.state_dict()) == []
assert list(filed.state_dict())[:2] == ["layers.0.weight", "layers.0.bias"]
assert len(filed.state_dict()) == 4
assert hidden.double().layers[0].weight.dtype == torch.float32
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    torch.optim.SGD(hidden.parameters(), lr=0.1)

# %%
# That error is luck. With one layer outside the list the optimizer raises nothing, and trains that layer alone. A
# dictionary hides layers as a list does (use ``nn.ModuleDict``), and a tensor that is no ``nn.Parameter`` is not seen.

hidden.last = nn.Linear(2, 2)
torch.optim.SGD(hidden.parameters(), lr=0.1)  # raises nothing
assert [name for name, _ in hidden.named_parameters()] == ["last.weight", "last.bias"]
assert list(Listed(lambda layers: dict(enumerate(layers))).parameters()) == []
module.shift = torch.zeros(3, requires_grad=True)
assert "shift" not in dict(module.named_parameters())
module.learned_shift = nn.Parameter(torch.zeros(3))
assert "learned_shift" in dict(module.named_parameters())

# %%
# "state_dict contains the learnable parameters"
# ----------------------------------------------
#
# It contains the persistent buffers, too. ResNet-18 has 20 batch normalizations, each with a running mean, a running
# variance and a counter. These are 60 of its 122 entries, and no optimizer learns them. A network that is loaded
# without them gives other outputs.

from torchvision.models import resnet18

torch.manual_seed(0)
resnet = resnet18(weights=None)
state = resnet.state_dict()
assert len(state) == 122
assert sum(isinstance(part, nn.BatchNorm2d) for part in resnet.modules()) == 20
assert len(list(resnet.buffers())) == 60
resnet(torch.rand(2, 3, 32, 48))  # in train mode, this moves the running means

half, whole, photo = resnet18(weights=None), resnet18(weights=None), torch.rand(1, 3, 32, 48)
half.load_state_dict(dict(resnet.named_parameters()), strict=False)
whole.load_state_dict(resnet.state_dict())
with torch.no_grad():
    logits = resnet.eval()(photo)
    torch.testing.assert_close(whole.eval()(photo), logits)
    assert not torch.allclose(half.eval()(photo), logits, atol=0.1)
draw_network(resnet, photo, depth=1)

# %%
# "It is all that is needed to resume" is another belief. Of this network the dictionary holds parameters and buffers,
# and no more. It lacks the class (``resnet18`` was needed to make ``whole``), the optimizer's state, and the
# ``training`` flag. And it holds the tensors themselves. To keep a state while training goes on, use ``copy.deepcopy``.

import copy

names = [name for name, _ in [*resnet.named_parameters(), *resnet.named_buffers()]]
assert set(state) == set(names)
kept = copy.deepcopy(state)
assert state["fc.bias"].data_ptr() == resnet.fc.bias.data_ptr()
with torch.no_grad():
    resnet.fc.bias.fill_(7.0)
assert (state["fc.bias"] == 7).all()
assert not (kept["fc.bias"] == 7).any()

# %%
# What goes wrong
# ---------------
#
# Without ``super().__init__()`` there are no registers to file into. To the name of a parameter you can assign another
# parameter, or ``None``, which takes it away. A tensor, a number, a list or a module raises ``TypeError``.


class Forgotten(nn.Module):
    def __init__(self):
        self.inner = nn.Linear(3, 2)


with expect_error(AttributeError, match=r"before Module.__init__\(\) call"):
    Forgotten()
for other in (torch.ones(3), 3.0, [1, 2, 3], nn.Linear(3, 2)):
    with expect_error(TypeError, match="as parameter 'scale'"):
        module.scale = other
module.scale = None
assert "scale" not in dict(module.named_parameters())

# %%
# Check yourself
# --------------

from ptguide.questions import ask

norm = nn.BatchNorm1d(7)
ask(
    "nn.BatchNorm1d(7) learns weight and bias, and tracks mean, variance, calls. How many entries has its state_dict?",
    answer=len(norm.state_dict()),
    choices={
        2: "Those are the parameters. The three buffers are persistent, so they are saved, too.",
        4: "The counter, num_batches_tracked, is a buffer as well, of shape ().",
        5: "Two parameters and three buffers.",
    },
)

# %%
# A network of three layers:


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 5)
        self.rest = [nn.Linear(5, 5), nn.Linear(5, 5)]


ask(
    "self.first is nn.Linear(4, 5), self.rest is [nn.Linear(5, 5), nn.Linear(5, 5)]. How many parameters are found?",
    answer=len(list(Mixed().parameters())),
    choices={
        2: "Weight and bias of first. The list hides the other layers, and no error says so.",
        6: "So it would be with nn.ModuleList.",
        ValueError: "An optimizer raises it only if it gets nothing at all.",
    },
)

# %%
# Next: :ref:`activations`, the functions between the layers.
