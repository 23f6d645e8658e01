"""
.. _anatomy-of-nn-module:

What is in an nn.Module? (parameters, buffers, submodules, state_dict)
======================================================================

A saved network gives worse answers when it is loaded: one of its tensors was not in the file. A :term:`module` keeps
three registers, of :term:`parameters <parameter>`, :term:`buffers <buffer>` and modules, and they decide what is
trained, saved and moved.
"""

# %%
# Set-up

import copy
import operator

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
mean = images.mean(dim=0)  # (64,): the mean image


def names_in(module):
    """Return the names of a module's tensors: parameters, buffers, and those in no register."""
    plain = [name for name, value in vars(module).items() if isinstance(value, torch.Tensor)]
    registered = [*module.named_parameters(), *module.named_buffers()]
    return [name for name, _ in registered] + plain


def show_registers(module):
    """Give the module to an optimizer, save it, convert it, and print which of its tensors took part."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    trained = {id(tensor) for group in optimizer.param_groups for tensor in group["params"]}
    saved, moved = module.state_dict(), copy.deepcopy(module).double()
    print(f"{'':<14}{'trained':<9}{'saved':<7}moved")
    for name in names_in(module):
        find = operator.attrgetter(name)
        took_part = (id(find(module)) in trained, name in saved, find(moved).dtype == torch.float64)
        one, two, three = ("yes" if part else "-" for part in took_part)
        print(f"{name:<14}{one:<9}{two:<7}{three}")


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


class Reader(nn.Module):
    def __init__(self, mean):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(64))  # a parameter
        self.layer = nn.Linear(64, 10, bias=False)  # a module
        self.register_buffer("mean", mean)  # a buffer
        self.last = torch.zeros(10)  # a plain tensor

    def forward(self, x):
        return self.layer((x - self.mean) * self.scale)


show_registers(Reader(mean))

# %%
# This small reader of digits has one of each. The table was made by trying: with an optimizer, with ``state_dict`` and
# with a conversion to another data type. You need to know :ref:`nn-linear`.
#
# The rule
# --------
#
# - A **parameter** is an ``nn.Parameter``. ``parameters()`` gives it to the optimizer.
# - A **buffer** belongs to the module, and no optimizer gets it: a mean, a mask, a counter. ``register_buffer`` or
#   ``nn.Buffer`` makes one. With ``persistent=False`` it moves and is not saved.
# - A **module** brings its own parameters and buffers. Their names begin with its name and a dot.
# - Any other tensor is a **plain attribute**. ``parameters()`` leaves it out, it is not saved, and it is *left behind*
#   when the rest moves.

reader = Reader(mean)
parameters = {"scale", "layer.weight"}
assert {name for name, _ in reader.named_parameters()} == parameters
assert [name for name, _ in reader.named_buffers()] == ["mean"]
assert set(reader.state_dict()) == parameters | {"mean"}
reader.double()  # .to("cuda") treats the same tensors
print(reader.mean.dtype, reader.last.dtype)
assert (reader.mean.dtype, reader.last.dtype) == (torch.float64, torch.float32)

# %%
# From scratch: how an assignment finds its register
# --------------------------------------------------
#
# Python calls ``__setattr__`` for ``self.name = value``. That of a module looks at the type of the value and files it.
# A filed value is no ordinary attribute. Python calls ``__getattr__`` for a name that it does not find, and that of a
# module looks into the registers. Here are both, for parameters and modules.


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


def build(kind):
    outer, inner = kind(), kind()
    outer.scale, outer.last = nn.Parameter(torch.ones(3)), torch.zeros(5)
    outer.inner, inner.weight = inner, nn.Parameter(torch.ones(2, 3))
    assert outer.inner.weight is inner.weight
    assert [name in vars(outer) for name in ("last", "scale", "inner")] == [True, False, False]
    return [name for name, _ in outer.named_parameters()]


print(build(Small))
assert build(Small) == build(nn.Module)

# %%
# What a buffer is for
# --------------------
#
# The reader subtracts the mean image. ``Forgetful`` keeps it as a plain tensor. Both are trained, saved and loaded into
# a new object, as another program would do it. The ``state_dict`` of ``Forgetful`` has no mean. Loading raises
# nothing, and the network subtracts what the new object began with: here zeros. Three seeds:


class Forgetful(Reader):
    def __init__(self, mean):
        super().__init__(mean)
        del self.mean  # the buffer
        self.mean = mean  # a plain tensor


def trained_and_loaded(kind, seed):
    torch.manual_seed(seed)
    network, elsewhere = fit(kind(mean)), kind(torch.zeros(64))
    elsewhere.load_state_dict(network.state_dict())
    return accuracy(network), accuracy(elsewhere)


# Varies with the processor in the last digit.
for kind in (Reader, Forgetful):
    results = [trained_and_loaded(kind, seed) for seed in range(3)]
    before, after = ([f"{result[place]:.1%}" for result in results] for place in (0, 1))
    print(f"{kind.__name__:<10} right after training: {before}, after loading: {after}")
    assert all(a == b if kind is Reader else a > b + 0.08 for a, b in results)

# %%
# A tree of modules
# -----------------
#
# Modules inside modules make a tree, and a dotted name is the way through it. In this ``Sequential`` the names are
# numbers. ``children()`` gives the next level, and ``modules()`` the whole tree with the module itself.
# ``draw_network`` runs the network once, and says what goes through each module.


class Block(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.linear = nn.Linear(features, features)

    def forward(self, x):
        return x + self.linear(self.norm(x)).relu()


network = nn.Sequential(nn.Linear(64, 20), Block(20), nn.Linear(20, 10))
assert network.get_submodule("1.linear") is network[1].linear
assert len(list(network.children())) == 3
assert len(list(network.modules())) == 1 + 3 + 2
draw_network(network, images[:7])

# %%
# What state_dict holds
# ---------------------
#
# It holds the parameters and the persistent buffers, under their dotted names. In ResNet-18, each batch normalization
# has three buffers: a running mean, a running variance and a counter. They are about half of the entries. The class,
# the optimizer's state and the ``training`` flag are not in it (:ref:`saving-and-loading`).

resnet = resnet18(weights=None)
learned, buffers = dict(resnet.named_parameters()), dict(resnet.named_buffers())
print(len(resnet.state_dict()), "entries:", len(learned), "parameters,", len(buffers), "buffers")
assert set(resnet.state_dict()) == {*learned, *buffers}
assert len(buffers) == 3 * sum(isinstance(part, nn.BatchNorm2d) for part in resnet.modules()) == 60
assert not any("training" in name for name in resnet.state_dict())

# %%
# .. use-this::
#
#    Assign layers and ``nn.Parameter`` as attributes, after ``super().__init__()``. Make a buffer of each tensor that
#    ``forward`` needs and nobody learns. Keep several layers in ``nn.ModuleList``, ``nn.ModuleDict`` or
#    ``nn.Sequential``. Then look once at ``[name for name, _ in network.named_parameters()]``: what is missing there is
#    not trained. A buffer costs its memory and its place in the file; ``persistent=False`` saves the second.
#
# Common mistakes
# ---------------
#
# **Layers in a Python list.** A list is no module, and ``__setattr__`` does not look into it. The network computes, but
# the optimizer gets nothing, nothing is saved and nothing moves. ``nn.ModuleList`` is a module that is used as a list.


class Listed(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layers = kind([nn.Linear(64, 20), nn.Linear(20, 10)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


hidden, filed = Listed(list), Listed(nn.ModuleList)
assert hidden(images).shape == filed(images).shape
assert len(hidden.state_dict()) == 0
assert hidden.double().layers[0].weight.dtype == torch.float32
print(list(filed.state_dict()))
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    torch.optim.SGD(hidden.parameters(), lr=0.1)

# %%
# **The same, with a layer outside the list.** Now the optimizer has something to train and raises nothing. It trains
# the last layer alone, and the others stay as they were drawn. The result is much worse, and
# no message says why. So look at the names. Three seeds:


class WithHead(Listed):
    def __init__(self, kind):
        super().__init__(kind)
        self.head = nn.Linear(10, 10)

    def forward(self, x):
        return self.head(super().forward(x).relu())


print([name for name, _ in WithHead(list).named_parameters()])
# Varies with the processor in the last digit.
results = {list: [], nn.ModuleList: []}
for kind, seed in [
    (list, 0),
    (list, 1),
    (list, 2),
    (nn.ModuleList, 0),
    (nn.ModuleList, 1),
    (nn.ModuleList, 2),
]:
    torch.manual_seed(seed)
    results[kind].append(accuracy(fit(WithHead(kind))))
for kind, found in results.items():
    print(f"{kind.__name__:<11}{[f'{one:.1%}' for one in found]}")
assert max(results[list]) + 0.05 < min(results[nn.ModuleList])

# %%
# How this was checked

# A buffer made either way; one that is not saved still moves.
module = Reader(mean)
module.mask, module.cache = nn.Buffer(torch.ones(4)), nn.Buffer(torch.ones(5), persistent=False)
assert [name for name, _ in module.named_buffers()] == ["mean", "mask", "cache"]
assert "mask" in module.state_dict()
assert "cache" not in module.state_dict()
assert {tensor.dtype for tensor in module.double().buffers()} == {torch.float64}
# The layers in a list get gradients, and no optimizer uses them.
listed = WithHead(list)
start = [layer.weight.clone() for layer in listed.layers]
fit(listed)
assert all(torch.equal(w, layer.weight) for w, layer in zip(start, listed.layers, strict=True))
assert all(layer.weight.grad.any() for layer in listed.layers)
# A tensor that requires its gradient is no parameter. A dictionary hides layers as a list does.
module.shift = torch.zeros(3, requires_grad=True)
assert "shift" not in dict([*module.named_parameters(), *module.named_buffers()])
assert len(list(Listed(lambda layers: dict(enumerate(layers))).parameters())) == 0
assert len(list(Listed(lambda layers: tuple(layers)).parameters())) == 0
assert len(list(Listed(lambda layers: nn.Sequential(*layers)).parameters())) == 4
# Without super().__init__() there are no registers.


class Forgotten(nn.Module):
    def __init__(self):
        self.inner = nn.Linear(3, 2)


with expect_error(AttributeError, match=r"before Module.__init__\(\) call"):
    Forgotten()
# The name of a parameter takes a parameter, or None, which removes it.
for other in (torch.ones(3), 3.0, [1, 2, 3], nn.Linear(3, 2)):
    with expect_error(TypeError, match="as parameter 'scale'"):
        module.scale = other
module.scale = None
assert "scale" not in dict(module.named_parameters())
# network(x) calls forward. A module that stands at two places comes once, and its state is saved twice.
assert torch.equal(filed(images), filed.forward(images))
shared = nn.Sequential(network[0], network[0])
assert len(list(shared.children())) == 1
assert len(list(shared.parameters())) == 2
assert len(shared.state_dict()) == 4
# What is in state_dict is the tensors themselves, and eval() reaches the whole tree.
assert network.state_dict()["0.bias"].data_ptr() == network[0].bias.data_ptr()
assert not any(part.training for part in network.eval().modules())

# %%
# Check yourself
# --------------

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
        6: "That is so with nn.ModuleList.",
        ValueError: "An optimizer raises it if it gets nothing at all.",
    },
)

# %%
# **Exercise.** Write a module that subtracts ``mean`` from its input and survives being converted, saved and loaded. It
# learns nothing. ``use`` does all that with a module, and returns what the loaded one gives for ``x``.


def use(kind):
    def result(mean, x):
        made, loaded = kind(mean).double(), kind(torch.zeros_like(mean)).double()
        loaded.load_state_dict(made.state_dict())
        return loaded(x.double())

    return result


def expected(mean, x):
    return x.double() - mean.double()


cases = [
    (torch.tensor([1.0]), torch.tensor([[3.0]])),
    (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[3.0, 3.0, 3.0], [0.0, 1.0, 2.0]])),
]


class Centered(nn.Module):
    def __init__(self, mean):
        super().__init__()
        raise NotImplementedError

    def forward(self, x):
        raise NotImplementedError


check(use(Centered), expected, cases)

# %%
# A plain tensor would not be loaded, and a parameter would be trained.

# Solution


class Centered(nn.Module):
    def __init__(self, mean):
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, x):
        return x - self.mean


report = check(use(Centered), expected, cases)
assert report.passed
assert not list(Centered(mean).parameters())
report

# %%
# Read next
# ---------
#
# :ref:`activations`, the functions between the layers. What ``network(x)`` does besides calling ``forward`` is in
# :ref:`hooks-on-modules`, what ``train()`` and ``eval()`` change in :ref:`evaluation`.
#
# - Paszke et al. (2019). `PyTorch: an imperative style, high-performance deep learning library
#   <https://arxiv.org/abs/1912.01703>`__. Its fourth section says why layers and models are classes of
#   Python.
# - PyTorch contributors (2026). `Modules <https://docs.pytorch.org/docs/stable/notes/modules.html>`__. From a linear
#   layer made by hand to state, hooks and devices.
