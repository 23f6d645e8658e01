"""
.. _parameters-and-buffers:

Parameter or buffer? (nn.Parameter and register_buffer)
=======================================================

A network gives worse answers after it is saved and loaded, because one of its tensors was not in the file. Make a
:term:`parameter` of what is learned, and a :term:`buffer` of the other tensors that ``forward`` needs.
"""

# %%
# Set-up

import copy
import operator

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
images, labels = train_set.inputs.flatten(start_dim=1), train_set.targets
unseen, answers = test_set.inputs.flatten(start_dim=1), test_set.targets


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
    print(f"{'':<8}{'trained':<9}{'saved':<7}moved")
    for name in names_in(module):
        find = operator.attrgetter(name)
        took_part = (id(find(module)) in trained, name in saved, find(moved).dtype == torch.float64)
        one, two, three = ("yes" if part else "-" for part in took_part)
        print(f"{name:<8}{one:<9}{two:<7}{three}")


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

module = nn.Module()
module.scale = nn.Parameter(torch.ones(64))
module.mean = nn.Buffer(images.mean(dim=0))
module.last = torch.zeros(10)  # a plain tensor
show_registers(module)

# %%
# The module was given to an optimizer (*trained*), its ``state_dict`` was read (*saved*), and it was converted with
# ``double()`` (*moved*). ``.to("cuda")`` moves the floating-point tensors that ``double()`` converts. You need to know
# :ref:`nn-linear`.
#
# The rule
# --------
#
# - A **parameter** is an ``nn.Parameter`` that is assigned to a module. ``parameters()`` gives it to the optimizer.
# - A **buffer** is saved and moved with the module, and ``parameters()`` leaves it out: a mean, a mask, a counter.
#   ``register_buffer("mean", mean)`` and ``self.mean = nn.Buffer(mean)`` do the same.
#   A module may change its buffers itself, as batch normalization moves its running mean.
# - An ordinary tensor becomes a **plain attribute**. It is not in ``parameters()``, is not saved, and is *left behind*
#   when the rest moves.


class Reader(nn.Module):
    def __init__(self, mean):
        super().__init__()
        self.layer = nn.Linear(64, 10)  # brings two parameters
        self.register_buffer("mean", mean)

    def forward(self, x):
        return self.layer(x - self.mean)


reader = Reader(images.mean(dim=0))
print("parameters:", [name for name, _ in reader.named_parameters()])
print("buffers:   ", [name for name, _ in reader.named_buffers()])
assert list(reader.state_dict()) == ["mean", "layer.weight", "layer.bias"]

# %%
# What a buffer is for
# --------------------
#
# ``Reader`` subtracts the mean image of the digits. ``Forgetful`` keeps that image as a plain tensor. Both are trained,
# saved and loaded into a new object, as another program would do it. Loading ``Forgetful`` raises no error, but the new
# object goes on subtracting what it began with, here zeros. The arrow leads from the accuracy before saving to that
# after loading, for three seeds.


class Forgetful(Reader):
    def __init__(self, mean):
        super().__init__(mean)
        del self.mean  # the buffer
        self.mean = mean  # a plain tensor


# Varies with the processor in the last digit.
for kind in (Reader, Forgetful):
    results = []
    for seed in range(3):
        torch.manual_seed(seed)
        network, elsewhere = fit(kind(images.mean(dim=0))), kind(torch.zeros(64))
        elsewhere.load_state_dict(network.state_dict())
        results.append((accuracy(network), accuracy(elsewhere)))
    print(f"{kind.__name__:<10}", ", ".join(f"{one:.1%} -> {two:.1%}" for one, two in results))
    assert all(one == two if kind is Reader else one > two + 0.05 for one, two in results)

# %%
# A buffer that can be computed again need not be in the file. ``persistent=False`` leaves it out of the file, and it
# still moves. The example is a mask for 1024 tokens.


def with_mask(persistent):
    module = nn.Module()
    mask = torch.ones(1024, 1024, dtype=torch.bool).tril()
    module.mask = nn.Buffer(mask, persistent=persistent)
    return module


for persistent in (True, False):
    size = sum(tensor.nbytes for tensor in with_mask(persistent).state_dict().values())
    print(f"persistent={persistent!s:<5} saves {size:>9,} bytes")
assert not with_mask(persistent=False).state_dict()

# %%
# .. use-this::
#
#    Assign what is learned as ``nn.Parameter(tensor)``. Call ``self.register_buffer("name", tensor)`` for what
#    ``forward`` needs and no optimizer learns, with ``persistent=False`` if it is cheap to compute again. Keep a
#    frozen weight as a parameter with ``requires_grad=False``, so that it can be trained later. A buffer costs its
#    memory on the device and its place in the file. Look once at ``named_parameters()`` and ``named_buffers()``: a
#    tensor in neither is left behind.
#
# A common mistake
# ----------------
#
# **Calculating with a parameter before it is assigned.** The product of an ``nn.Parameter`` and a number is a plain
# tensor. The optimizer raises an error if it gets no parameter at all. If another layer has some, no error is raised.
# Put the calculation inside ``nn.Parameter(...)``.


class Scaled(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight


wrong, right = Scaled(nn.Parameter(torch.ones(3)) * 0.1), Scaled(nn.Parameter(torch.ones(3) * 0.1))
print("outside:", len(list(wrong.parameters())), "parameters;", type(wrong.weight).__name__)
print("inside: ", len(list(right.parameters())), "parameter; ", type(right.weight).__name__)
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    torch.optim.SGD(wrong.parameters(), lr=0.1)

# %%
# How this was checked

# Both ways to make a buffer, on the same tensor; what is not saved still moves.
both = nn.Module()
both.register_buffer("one", torch.ones(4))
both.two, both.three = nn.Buffer(torch.ones(4)), nn.Buffer(torch.ones(5), persistent=False)
assert [name for name, _ in both.named_buffers()] == ["one", "two", "three"]
assert list(both.state_dict()) == ["one", "two"]
assert {tensor.dtype for tensor in both.double().buffers()} == {torch.float64}
assert with_mask(True).mask.nbytes == with_mask(False).mask.nbytes == 1024 * 1024
# A conversion of the data type changes floating-point buffers, not a mask of booleans.
assert with_mask(True).double().mask.dtype == torch.bool
# A tensor that is assigned to the name of a buffer is the buffer from then on; other things are refused.
both.one = torch.zeros(2)
assert dict(both.named_buffers())["one"].shape == (2,)
for other in (3.0, [1, 2, 3]):
    with expect_error(TypeError, match="as buffer 'one'"):
        both.one = other
# The name of a parameter takes a parameter, or None, which removes it.
for other in (torch.ones(3), 3.0, [1, 2, 3], nn.Linear(3, 2)):
    with expect_error(TypeError, match="as parameter 'weight'"):
        right.weight = other
right.weight = None
assert "weight" not in dict(right.named_parameters())
# A tensor that requires grad is no parameter.
assert not list(Scaled(torch.zeros(3, requires_grad=True)).parameters())
# A calculation with a parameter gives a plain tensor.
weight = nn.Parameter(torch.ones(3, 3))
for result in (weight * 2, weight + 1, weight.T, weight[0], weight.double(), weight.detach()):
    assert not isinstance(result, nn.Parameter)
# A parameter in a list is not found.
hidden = nn.Module()
hidden.weights = [nn.Parameter(torch.ones(3))]
assert not list(hidden.parameters())
# The optimizer changes nothing of a parameter that was frozen before it got a gradient.
frozen = nn.Linear(3, 2)
frozen.weight.requires_grad_(False)
start = frozen.weight.clone()
optimizer = torch.optim.SGD(frozen.parameters(), lr=0.1, weight_decay=0.1)
frozen(torch.ones(5, 3)).sum().backward()
optimizer.step()
assert torch.equal(frozen.weight, start)
norm = nn.BatchNorm1d(64)
for _ in range(3):
    norm(images)
assert not norm.running_mean.requires_grad
# The running mean moves toward the mean of the batch, a tenth of the way at each pass.
assert norm.momentum == 0.1
mean = images.mean(dim=0)
torch.testing.assert_close(norm.running_mean, mean * (1 - 0.9**3))

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
# The next question is about a frozen weight.

fixed = nn.Module()
fixed.weight = nn.Parameter(torch.ones(3), requires_grad=False)
listed = [name for name, _ in fixed.named_parameters()]
saved = list(fixed.state_dict())
ask(
    "self.weight = nn.Parameter(torch.ones(3), requires_grad=False). Where does weight turn up?",
    answer={(1, 1): "in parameters() and in state_dict()", (0, 1): "in state_dict() alone"}[
        len(listed), len(saved)
    ],
    choices={
        "in parameters() and in state_dict()": "Its type decides. An optimizer skips it while its .grad is None.",
        "in state_dict() alone": "That is a buffer. requires_grad plays no part in where a tensor is filed.",
        "nowhere": "That is a plain tensor.",
    },
)

# %%
# **Exercise.** Write a module that subtracts ``mean`` from its input and survives being converted, saved and loaded.
# Give it no parameter. ``use`` converts, saves and loads the module, and returns what the loaded one gives for ``x``.


def use(kind):
    def result(mean, x):
        made, loaded = kind(mean).double(), kind(torch.zeros_like(mean)).double()
        loaded.load_state_dict(made.state_dict())
        if list(loaded.parameters()):
            raise TypeError("mean is a parameter, so it would be trained")
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
# :ref:`anatomy-of-nn-module` shows how a module finds the parameters of the modules in it.
#
# - PyTorch contributors (2026). `Modules <https://docs.pytorch.org/docs/stable/notes/modules.html>`__. Its section on
#   module state has parameters, persistent and other buffers in one example.
# - Ioffe and Szegedy (2015). `Batch normalization: accelerating deep network training by reducing internal covariate
#   shift <https://arxiv.org/abs/1502.03167>`__. The layer whose buffers most networks carry.
