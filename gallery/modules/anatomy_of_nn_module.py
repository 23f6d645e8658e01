"""
.. _anatomy-of-nn-module:

What is in an nn.Module? (parameters, buffers, submodules, state_dict)
======================================================================

``network.parameters()`` finds the weights of the layers in your class, and misses those of layers in a Python list. A
:term:`module` keeps parameters, buffers and modules in three registers, and training, saving and moving look there.
"""

# %%
# Set-up

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet18

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw_network
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
images, labels = train_set.inputs.flatten(start_dim=1), train_set.targets
unseen, answers = test_set.inputs.flatten(start_dim=1), test_set.targets
torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.linear = nn.Linear(features, features)

    def forward(self, x):
        return x + self.linear(self.norm(x)).relu()


def fit(network):
    """Train on all images at once, 100 steps."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(100):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def accuracy(network):
    return (network(unseen).argmax(dim=1) == answers).float().mean().item()


# %%

network = nn.Sequential(nn.Linear(64, 20), Block(20), nn.Linear(20, 10))
draw_network(network, images[:7])

# %%
# Modules inside modules make a tree. ``Block`` is a class with ``self.norm`` and ``self.linear``. In a ``Sequential``
# the names are numbers. The picture comes from one run with seven images. You need to know
# :ref:`parameters-and-buffers`.
#
# The rule
# --------
#
# A module has three registers: its own parameters, its own buffers, and the modules in it. ``parameters()``,
# ``state_dict()``, ``to()`` and ``train()`` walk the tree. A name is a path through the tree: ``1.linear.weight`` is
# the ``weight`` of the ``linear`` of the module ``1``. Each printed line is a module with its own tensors.

for name, part in network.named_modules():
    own = [*part._parameters, *part._buffers]
    print(f"{name or '(itself)':<9} {type(part).__name__:<12}{', '.join(own)}")
assert network.get_submodule("1.linear") is network[1].linear
assert "1.linear.weight" in dict(network.named_parameters())

# %%
# From scratch: filing an assignment
# ----------------------------------
#
# Python calls ``__setattr__`` for ``self.name = value``. A module's ``__setattr__`` puts the value into the register
# for its type. Python calls ``__getattr__`` for a name that it does not find. A module's ``__getattr__`` looks into the
# registers. ``Small`` has two registers, and none for buffers.


class Small:
    def __init__(self):
        self.__dict__.update(parameters={}, modules={})

    def __setattr__(self, name, value):
        kinds = {nn.Parameter: self.parameters, Small: self.modules}
        registers = [kinds[kind] for kind in kinds if isinstance(value, kind)]
        (registers or [self.__dict__])[0][name] = value

    def __getattr__(self, name):
        for register in (self.parameters, self.modules):
            if name in register:
                return register[name]
        raise AttributeError(name)

    def named_parameters(self, prefix=""):
        yield from ((prefix + name, value) for name, value in self.parameters.items())
        for name, inner in self.modules.items():
            yield from inner.named_parameters(f"{prefix}{name}.")


outer, outer.inner = Small(), Small()
outer.scale, outer.inner.weight = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 3))
print([name for name, _ in outer.named_parameters()])

# %%
# What state_dict holds
# ---------------------
#
# ``state_dict()`` holds the parameters and the persistent buffers under their dotted names. In ResNet-18, each batch
# normalization has three buffers. They make up about half of the entries. The class and the ``training`` flag are not
# in it (:ref:`saving-and-loading`).

resnet = resnet18(weights=None)
learned, buffers = dict(resnet.named_parameters()), dict(resnet.named_buffers())
print(len(resnet.state_dict()), "entries:", len(learned), "parameters,", len(buffers), "buffers")
assert set(resnet.state_dict()) == {*learned, *buffers}
assert len(buffers) == 3 * sum(isinstance(part, nn.BatchNorm2d) for part in resnet.modules()) == 60

# %%
# .. use-this::
#
#    Assign layers as attributes, after ``super().__init__()``. Keep several of them in ``nn.ModuleList``,
#    ``nn.ModuleDict`` or ``nn.Sequential``. Then look once at ``[name for name, _ in network.named_parameters()]``:
#    what is missing there is not trained. The tensors in ``state_dict()`` are no copies: they share the memory of the
#    module's. To keep a state, take ``copy.deepcopy(network.state_dict())``, which needs the memory a second time.
#
# A common mistake
# ----------------
#
# **Layers in a Python list.** A list is no module, so ``__setattr__`` registers nothing. No error is raised here,
# because the optimizer still finds ``head``. Write ``nn.ModuleList``, a module that is used like a list. Three seeds
# show what the list costs in accuracy.


class Listed(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layers = kind([nn.Linear(64, 20), nn.Linear(20, 10)])
        self.head = nn.Linear(10, 10)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x)


# Varies with the processor in the last digit.
results = {list: [], nn.ModuleList: []}
for kind, found in results.items():
    for seed in range(3):
        torch.manual_seed(seed)
        found.append(accuracy(fit(Listed(kind))))
    count = len(list(Listed(kind).parameters()))
    print(f"{kind.__name__:<11}{count} parameters, accuracy {[f'{one:.1%}' for one in found]}")
assert max(results[list]) + 0.05 < min(results[nn.ModuleList])

# %%
# How this was checked


def build(kind):
    outer, inner = kind(), kind()
    outer.scale, outer.last = nn.Parameter(torch.ones(3)), torch.zeros(5)
    outer.inner, inner.weight = inner, nn.Parameter(torch.ones(2, 3))
    assert outer.inner.weight is inner.weight
    assert [name in vars(outer) for name in ("last", "scale", "inner")] == [True, False, False]
    return [name for name, _ in outer.named_parameters()]


assert build(Small) == build(nn.Module) == ["scale", "inner.weight"]
assert len(list(network.children())) == 3
assert len(list(network.modules())) == 1 + 3 + 2
assert not any("training" in name for name in resnet.state_dict())
# The layers in a list get gradients, and no optimizer uses them. They are not saved and not moved.
listed = Listed(list)
start = [layer.weight.clone() for layer in listed.layers]
fit(listed)
assert all(torch.equal(w, layer.weight) for w, layer in zip(start, listed.layers, strict=True))
assert all(layer.weight.grad.any() for layer in listed.layers)
assert list(listed.state_dict()) == ["head.weight", "head.bias"]
assert listed.double().layers[0].weight.dtype == torch.float32
# A dictionary and a tuple hide layers as a list does.
for kind, count in {tuple: 2, lambda some: dict(enumerate(some)): 2, nn.ModuleList: 6}.items():
    assert len(list(Listed(kind).parameters())) == count
# With layers in a list alone, the optimizer gets nothing.
del listed.head
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    torch.optim.SGD(listed.parameters(), lr=0.1)


# Without super().__init__() there are no registers.
class Forgotten(nn.Module):
    def __init__(self):
        self.inner = nn.Linear(3, 2)


with expect_error(AttributeError, match=r"before Module.__init__\(\) call"):
    Forgotten()
# network(x) calls forward. A module that stands at two places comes once, and its state is saved twice.
with torch.no_grad():
    network.eval()
    assert torch.equal(network(images), network.forward(images))
shared = nn.Sequential(network[0], network[0])
assert len(list(shared.children())) == 1
assert len(list(shared.parameters())) == 2
assert len(shared.state_dict()) == 4
# What is in state_dict shares the memory of the tensors, a deep copy does not, and eval() reached the whole tree.
saved = copy.deepcopy(network.state_dict())
for name, tensor in network.state_dict().items():
    assert (
        tensor.data_ptr()
        == dict([*network.named_parameters(), *network.named_buffers()])[name].data_ptr()
    )
    assert saved[name].data_ptr() != tensor.data_ptr()
assert not any(part.training for part in network.modules())
# A buffer that is not persistent is moved, but not in state_dict.
passing = nn.Module()
passing.mask = nn.Buffer(torch.ones(3), persistent=False)
assert list(passing.state_dict()) == []
assert passing.double().mask.dtype == torch.float64

# %%
# Check yourself
# --------------


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
        6: "That is so with nn.ModuleList.",
        ValueError: "An optimizer raises it if it gets no parameter at all. Here it gets those of first.",
    },
)

# %%
# In the next question a layer is used twice.

layer = nn.Linear(4, 4)
twice = nn.Sequential(layer, nn.ReLU(), layer)
ask(
    "layer is nn.Linear(4, 4). How many parameters has nn.Sequential(layer, nn.ReLU(), layer)?",
    answer=len(list(twice.parameters())),
    choices={
        2: "parameters() gives a tensor once, however many names lead to it. The optimizer then takes one step for it.",
        3: "ReLU has no parameters.",
        4: "state_dict has so many names. Two of them lead to each tensor.",
    },
)

# %%
# **Exercise.** Count the numbers that a network learns: the elements of its parameters, each parameter counted once,
# and without those that are frozen. Do not use ``parameters()`` or ``named_parameters()``. Walk the tree.


def by_parameters(network):
    return torch.tensor(sum(one.numel() for one in network.parameters() if one.requires_grad))


frozen = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
frozen[0].requires_grad_(False)
cases = [(nn.Linear(4, 3),), (network,), (twice,), (frozen,)]


def count_learned(network):
    raise NotImplementedError


check(count_learned, by_parameters, cases, without=["parameters", "named_parameters"])

# %%
# A set or a dictionary of ``id`` values keeps track of what has been counted. ``modules()`` gives each module of the
# tree once, and the registers of a module hold its own parameters.

# Solution


def count_learned(network):
    found = {
        id(one): one.numel()
        for part in network.modules()
        for one in part._parameters.values()
        if one is not None and one.requires_grad
    }
    return torch.tensor(sum(found.values()))


report = check(count_learned, by_parameters, cases, without=["parameters", "named_parameters"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`sequential-or-module-list` shows how to keep several layers. What ``network(x)`` adds to ``forward`` is in
# :ref:`hooks-on-modules`, what ``train()`` and ``eval()`` change in :ref:`evaluation`.
#
# - Paszke et al. (2019). `PyTorch: an imperative style, high-performance deep learning library
#   <https://arxiv.org/abs/1912.01703>`__. Its fourth section says why layers and models are classes of
#   Python.
# - PyTorch contributors (2026). `Modules <https://docs.pytorch.org/docs/stable/notes/modules.html>`__. From a linear
#   layer made by hand to state, hooks and devices.
