"""
.. _cannot-assign-module-before-init:

AttributeError: cannot assign module before Module.__init__() call
==================================================================

Your class assigns a layer before ``nn.Module`` has made the dictionary in which layers are filed. Make
``super().__init__()`` the first line of your ``__init__``.
"""

# %%
# Set-up

from dataclasses import dataclass

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images = torch.rand(5, 64)

# %%


class Net(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(64, 10)


with expect_error(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
    Net()

# %%
# "Module" is :class:`torch.nn.Module`, the class that yours is derived from. If you assign something else than a layer,
# or nothing, the message is another, and may not mention ``__init__`` (:ref:`init-words`).
#
# .. longer: 6 screens — each cause has a cell of its own, and a class takes many lines
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# ``super().__init__()`` is missing                                     make it the first line
# :ref:`it comes after the first layer <init-order>`                    make it the first line
# :ref:`it lacks its parentheses <init-order>`                          write ``()`` behind it
# :ref:`a class between yours and Module forgets it <init-mixin>`       call it there, too
# :ref:`the class is a dataclass <init-dataclass>`                      layers in ``__post_init__``, and ``eq=False``
# ====================================================================  =============================================
#
# The rule
# --------
#
# ``nn.Module.__init__`` makes the registers, which are dictionaries for parameters, buffers and modules. Before it has
# run, there is no dictionary for a layer (:ref:`anatomy-of-nn-module`). Here ``__new__`` makes an object without
# ``__init__``, and ``nn.Module.__init__`` is called afterwards.

net = Net.__new__(Net)
print("before:", vars(net))
nn.Module.__init__(net)
print("after: ", [name for name in vars(net) if name in ("_parameters", "_buffers", "_modules")])
net.fc = nn.Linear(64, 10)
assert "fc" in net._modules

# %%
# .. _init-order:
#
# Too late, or without parentheses
# --------------------------------
#
# A call after the first layer comes too late. ``super().__init__`` without parentheses names the method and does not
# call it, and Python raises no error there.


class Late(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(64, 10)
        super().__init__()


class NotCalled(nn.Module):
    def __init__(self):
        super().__init__
        self.fc = nn.Linear(64, 10)


class Right(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)


for wrong in (Late, NotCalled):
    with expect_error(AttributeError, match="cannot assign module before"):
        wrong()
print(Right())

# %%
# .. _init-words:
#
# The same mistake in other words
# -------------------------------
#
# A number may be assigned before ``super().__init__()``. If a class without the call assigns numbers and no layer, its
# object can be made. Calling it, or moving it, then fails with the name of a register, which begins with ``_``.


class Numbers(nn.Module):
    def __init__(self):
        self.classes = 10

    def forward(self, x):
        return x


bare = Net.__new__(Net)
for name, value, words in [
    ("scale", nn.Parameter(torch.ones(3)), "cannot assign parameters before"),
    ("mean", nn.Buffer(torch.ones(3)), "cannot assign buffer before"),
]:
    with expect_error(AttributeError, match=words):
        setattr(bare, name, value)
with expect_error(AttributeError, match="'Numbers' object has no attribute '_backward_hooks'"):
    Numbers()(torch.ones(3))
with expect_error(AttributeError, match="'Numbers' object has no attribute '_modules'"):
    Numbers().to("cpu")

# %%
# .. _init-mixin:
#
# A class between yours and Module
# --------------------------------
#
# ``super()`` gives the next class in the line of base classes, which may not be ``nn.Module``. A class of the line
# passes the call on if it calls ``super().__init__()`` itself. Here ``Logged`` does not. If you cannot change
# such a class, call ``nn.Module.__init__(self)`` by name first.


class Logged:
    def __init__(self):
        self.lines = []


class PassesOn:
    def __init__(self):
        super().__init__()
        self.lines = []


def with_base(base):
    class Network(base, nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(64, 10)

    return Network


print([one.__name__ for one in with_base(Logged).__mro__])
with expect_error(AttributeError, match="cannot assign module before"):
    with_base(Logged)()
network = with_base(PassesOn)()
assert network.lines == []
assert len(list(network.parameters())) == 2

# %%
# .. _init-dataclass:
#
# A dataclass
# -----------
#
# A dataclass writes ``__init__`` for you, and assigns the fields before ``__post_init__`` runs. So let the fields be
# numbers, and make the layers after ``super().__init__()``. ``parameters()`` needs the hash of the module. A dataclass
# that compares by value has no hash, and ``eq=False`` keeps it.


@dataclass
class Given(nn.Module):
    fc: nn.Module


with expect_error(AttributeError, match="cannot assign module before"):
    Given(nn.Linear(64, 10))


@dataclass(eq=False)
class Sized(nn.Module):
    features: int
    classes: int

    def __post_init__(self):
        super().__init__()
        self.fc = nn.Linear(self.features, self.classes)


print([tuple(parameter.shape) for parameter in Sized(64, classes=10).parameters()])

# %%
# .. use-this::
#
#    Write ``super().__init__()`` as the first line of ``__init__``, without arguments if ``nn.Module`` is the base. If
#    the base is a class of your own, give it the arguments that it needs. Numbers and strings may be assigned before
#    the call. Keep settings in a dataclass of their own, and give that to a plain module. A module that is a dataclass
#    needs ``eq=False``. Two networks with equal fields then do not compare as equal.
#
# A common mistake
# ----------------
#
# A layer in a Python list raises no error, because a list is not filed. The layer then computes, but ``parameters()``
# does not give its weight to an optimizer. See :ref:`anatomy-of-nn-module`.


class Hidden(nn.Module):
    def __init__(self):
        self.layers = [nn.Linear(64, 10)]
        super().__init__()

    def forward(self, x):
        return self.layers[0](x)


hidden = Hidden()
print(tuple(hidden(images).shape), "parameters:", len(list(hidden.parameters())))
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    torch.optim.SGD(hidden.parameters(), lr=0.1)

# %%
# How this was checked

# What may be assigned before: numbers, strings, plain tensors; these are not filed.
early = Net.__new__(Net)
for value in (5, "name", None, [1], torch.ones(3), lambda x: x):
    early.value = value
nn.Module.__init__(early)
assert early.value(3) == 3
# Each way of assigning, with its message.
for assign, words in [
    (lambda net: setattr(net, "fc", nn.Linear(2, 3)), "cannot assign module before"),
    (lambda net: setattr(net, "w", nn.Parameter(torch.ones(2))), "cannot assign parameters before"),
    (lambda net: net.register_buffer("m", torch.ones(2)), "cannot assign buffer before"),
    (lambda net: net.register_parameter("w", None), "cannot assign parameter before"),
    (lambda net: net.add_module("fc", nn.Linear(2, 3)), "has no attribute '_modules'"),
    (lambda net: list(net.parameters()), "has no attribute '_parameters'"),
    (lambda net: net.eval(), "has no attribute '_modules'"),
    (lambda net: repr(net), "has no attribute '_modules'"),
    (lambda net: net.state_dict(), "has no attribute '_state_dict_pre_hooks'"),
    (lambda net: net.zero_grad(), "has no attribute '_parameters'"),
]:
    with expect_error(AttributeError, match=words):
        assign(Net.__new__(Net))
    made = Right()
    assign(made)
# What such an object can do: give its numbers, and run forward by its name. Other names are missing as usual.
assert (Numbers().classes, Numbers().forward(5)) == (10, 5)
with expect_error(AttributeError, match="'Numbers' object has no attribute 'fc'"):
    Numbers().fc
# nn.Module takes no arguments.
with expect_error(TypeError, match="takes 1 positional argument but 2 were given"):
    nn.Module(5)


# A subclass of a class of your own must call it, too. super(Right, self) would leave Right out.
class Child(Right):
    def __init__(self):
        self.head = nn.Linear(10, 3)


class Skips(Right):
    def __init__(self):
        super(Right, self).__init__()


with expect_error(AttributeError, match="cannot assign module before"):
    Child()
with expect_error(AttributeError, match="'Skips' object has no attribute 'fc'"):
    Skips().fc


# Module first: then the other class is not initialized.
class ModuleFirst(nn.Module, Logged):
    pass


with expect_error(AttributeError, match="'ModuleFirst' object has no attribute 'lines'"):
    ModuleFirst().lines


# Both called by name, where a class of the line does not pass the call on.
class Explicit(Logged, nn.Module):
    def __init__(self):
        nn.Module.__init__(self)
        Logged.__init__(self)
        self.fc = nn.Linear(64, 10)


assert Explicit().lines == []
assert len(list(Explicit().parameters())) == 2


# A misspelled __init__ is never called.
class Misspelled(nn.Module):
    def __int__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)


with expect_error(AttributeError, match="'Misspelled' object has no attribute 'fc'"):
    Misspelled().fc


# A list of layers is no register, before super().__init__() or after it.
class HiddenLater(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(64, 10)]


assert list(HiddenLater().parameters()) == []
# Dataclasses that compare by value are unhashable; with eq=False they are compared by identity.
assert Given.__hash__ is None
assert Sized(64, classes=10) != Sized(64, classes=10)

# %%
# Check yourself
# --------------


def first_to_fail():
    net = Net.__new__(Net)
    lines = {"self.size = 5": ("size", 5), "self.fc = nn.Linear(5, 3)": ("fc", nn.Linear(5, 3))}
    for line, (name, value) in lines.items():
        try:
            setattr(net, name, value)
        except AttributeError:
            return line
    return "none of them"


ask(
    "An __init__ without super().__init__() has the lines self.size = 5 and self.fc = nn.Linear(5, 3). "
    "Which line raises?",
    answer=first_to_fail(),
    choices={
        "self.size = 5": "A number needs no register.",
        "self.fc = nn.Linear(5, 3)": "A layer is filed in a register, and there is none yet.",
        "none of them": "A layer needs a register.",
    },
)

# %%
# The next question is about a dataclass without ``eq=False``.


@dataclass
class Compared(nn.Module):
    features: int

    def __post_init__(self):
        super().__init__()
        self.fc = nn.Linear(self.features, 3)


ask(
    "Compared is @dataclass, and makes self.fc in __post_init__, after super().__init__(). What does "
    "len(list(Compared(5).parameters())) give?",
    answer=lambda: len(list(Compared(5).parameters())),
    choices={
        0: "fc is filed: it was assigned after super().__init__().",
        2: "That is what a dataclass with eq=False gives.",
        TypeError: "A dataclass that compares by value is unhashable, and parameters() needs the hash.",
    },
)

# %%
# **Exercise.** ``Block`` is given. Derive ``Scaled`` from it: it takes one argument more, ``factor``, keeps it in a
# parameter ``scale`` of shape (), and multiplies the output of ``Block`` by it.


class Block(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.linear = nn.Linear(features, features)

    def forward(self, x):
        return x + self.linear(x).relu()


class Scaled(Block):
    def __init__(self, features, factor):
        raise NotImplementedError


def use(kind):
    def result(features, factor, x):
        torch.manual_seed(0)
        made = kind(features, factor)
        (gradient,) = torch.autograd.grad(made(x).sum(), dict(made.named_parameters())["scale"])
        return torch.cat([made(x).flatten().detach(), gradient[None]])

    return result


def expected(features, factor, x):
    torch.manual_seed(0)
    linear = nn.Linear(features, features)
    output = (x + linear(x).relu()).detach()
    return torch.cat([factor * output.flatten(), output.sum()[None]])


cases = [(2, 3.0, torch.rand(1, 2)), (4, 0.5, torch.rand(3, 4)), (7, -1.0, torch.rand(5, 7))]
check(use(Scaled), expected, cases)

# %%
# ``Block.__init__`` makes the registers, so it comes first.

# Solution


class Scaled(Block):
    def __init__(self, features, factor):
        super().__init__(features)
        self.scale = nn.Parameter(torch.tensor(factor))

    def forward(self, x):
        return self.scale * super().forward(x)


report = check(use(Scaled), expected, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`missing-the-required-forward`, the other method that a module needs.
#
# - PyTorch contributors (2026). `torch.nn.Module
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__. Its first note asks for the call.
# - Hettinger (2011). `Python's super() considered super!
#   <https://rhettinger.wordpress.com/2011/05/26/super-considered-super/>`__. What the next class in line is, and why
#   each passes the call on.
