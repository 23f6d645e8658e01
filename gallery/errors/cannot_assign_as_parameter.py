"""
.. _cannot-assign-as-parameter:

TypeError: cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None expected)
========================================================================================================

You assign a plain tensor to a name under which the module keeps a parameter. Copy the numbers into the parameter under
``torch.no_grad()``, or wrap the tensor into ``nn.Parameter`` to replace it.
"""

# %%
# Set-up

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images = digits("train").inputs[:50]  # (50, 1, 8, 8)
edges = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])[None, None]

# %%

conv = nn.Conv2d(1, 1, kernel_size=3, bias=False)
with expect_error(TypeError, match="cannot assign 'torch.FloatTensor' as parameter 'weight'"):
    conv.weight = edges

# %%
# ``'torch.FloatTensor'`` is what you assigned, here a tensor of ``float32`` on the CPU. ``'weight'`` is the name of the
# parameter. Similar messages speak of a child module or of a buffer.
#
# .. longer: 9 cells; 7 screens — each thing that people assign has a cell of its own
#
# ====================================================================  =============================================
# What you want                                                         What you write
# ====================================================================  =============================================
# :ref:`to set the numbers of a weight <assign-copy>`                   ``conv.weight.copy_(edges)``
# :ref:`to scale a weight <assign-copy>`                                ``conv.weight.mul_(0.5)``
# :ref:`a weight of another shape <assign-new>`                         ``nn.Parameter(values)``
# :ref:`a weight that is computed in each call <assign-computed>`       ``F.linear(x, weight)``
# :ref:`one weight in two layers <assign-share>`                        ``head.weight = embedding.weight``
# :ref:`to replace a layer, or a buffer <assign-child>`                 a module; a tensor
# :ref:`KeyError: attribute 'type' already exists <assign-name>`        another name
# ====================================================================  =============================================
#
# The rule
# --------
#
# A module remembers which names are parameters. Assigning an ``nn.Parameter`` to such a name replaces it, and ``None``
# leaves the name empty. A plain tensor is refused, because ``parameters()`` would not give it to the optimizer
# (:ref:`parameters-and-buffers`).

print(list(conv._parameters))
values = [
    ("a parameter", nn.Parameter(edges)),
    ("nothing", None),
    ("a tensor", edges),
    ("0.5", 0.5),
]
for name, value in values:
    layer = nn.Conv2d(1, 1, kernel_size=3, bias=False)
    try:
        layer.weight = value
        print(f"{name:12}fine")
    except TypeError as error:
        print(f"{name:12}{str(error)[:50]}...")

# %%
# .. _assign-copy:
#
# Set or scale the numbers
# ------------------------
#
# Write into the parameter under ``torch.no_grad()``, so that autograd does not record it. The parameter stays the same
# object, so an optimizer that has it goes on training it. ``copy_`` converts the data type. It also broadcasts a
# smaller shape, so compare the shapes first.

before = conv.weight
assert conv.weight.shape == edges.shape
with torch.no_grad():
    conv.weight.copy_(edges)
    conv.weight.mul_(0.5)
print(conv.weight[0, 0].tolist())
assert conv.weight is before
assert conv.weight.requires_grad

# %%
# .. _assign-new:
#
# A weight of another shape
# -------------------------
#
# An ``nn.Parameter`` may have another shape than the one before. Assign it before you make the optimizer, because an
# optimizer holds the weights that it was made with. Here one optimizer is made too early, and another afterwards.

layer = nn.Linear(3, 4)
early = torch.optim.SGD(layer.parameters(), lr=0.1)
layer.weight = nn.Parameter(torch.ones(4, 5))
late = torch.optim.SGD(layer.parameters(), lr=0.1)
layer(torch.rand(2, 5)).square().sum().backward()
for name, optimizer in {"early": early, "late": late}.items():
    old = layer.weight.detach().clone()
    optimizer.step()
    print(f"{name:6} changed the weight: {not torch.equal(old, layer.weight)}")
assert not torch.equal(old, layer.weight)

# %%
# .. _assign-computed:
#
# A weight that is computed in each call
# --------------------------------------
#
# The parameter is what is learned. What is computed from it is a plain tensor, so give it a name without ``self.``, and
# hand it to ``F.linear``. The gradient then reaches the parameter. For a layer inside somebody else's network,
# ``torch.nn.utils.parametrize`` computes the weight in each call.


class Assigning(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 3))

    def forward(self, x):
        self.weight = self.weight.softmax(dim=1)
        return F.linear(x, self.weight)


class Computing(Assigning):
    def forward(self, x):
        weight = self.weight.softmax(dim=1)  # each row sums to 1
        return F.linear(x, weight)


with expect_error(TypeError, match="as parameter 'weight'"):
    Assigning()(torch.rand(2, 3))
computing = Computing()
computing(torch.rand(2, 3)).square().sum().backward()
print("norm of the gradient:", f"{computing.weight.grad.norm():.3f}")

# %%
# .. _assign-share:
#
# One weight in two layers
# ------------------------
#
# Assign the parameter itself. Then ``parameters()`` gives it once, and one gradient collects both uses. Assigning
# ``.data`` shares the memory, but leaves two parameters. Each of these two has a part of the gradient.

for share in ("parameter", "data"):
    embedding, head = nn.Embedding(100, 6), nn.Linear(6, 100, bias=False)
    if share == "parameter":
        head.weight = embedding.weight
    else:
        head.weight.data = embedding.weight.data
    both = nn.Sequential(embedding, head)
    print(f"{share:10}parameters: {len(list(both.parameters()))}")
    assert head.weight.data_ptr() == embedding.weight.data_ptr()

# %%
# .. _assign-child:
#
# Child modules and buffers
# -------------------------
#
# A name that holds a module refuses a tensor, a function and a class. The function ``torch.relu`` is no module, and the
# class ``nn.ReLU`` is not one either: write ``nn.ReLU()``. A buffer takes a tensor, and refuses a list.

network = nn.Sequential(nn.Linear(6, 4), nn.Sigmoid())
for wrong in (torch.relu, nn.ReLU, torch.ones(4, 6)):
    with expect_error(TypeError, match="as child module '1'"):
        network[1] = wrong
network[1] = nn.ReLU()
norm = nn.BatchNorm1d(2)
with expect_error(TypeError, match="cannot assign 'list' as buffer 'running_mean'"):
    norm.running_mean = [0.5, 0.25]
norm.running_mean = torch.tensor([0.5, 0.25])

# %%
# .. _assign-name:
#
# Names that are taken, and names with a point
# --------------------------------------------
#
# ``nn.ModuleDict`` refuses the name of one of its own methods, such as ``type``. It also refuses a name with a point,
# because points separate the names in ``state_dict()``. Choose another word, or an underscore.

with expect_error(KeyError, match="attribute 'type' already exists"):
    nn.ModuleDict({"type": nn.Linear(2, 3)})
with expect_error(KeyError, match='contain ".", got: layer.1'):
    nn.ModuleDict({"layer.1": nn.Linear(2, 3)})
print(list(nn.ModuleDict({"kind": nn.Linear(2, 3), "layer_1": nn.Linear(3, 2)}).state_dict()))

# %%
# .. use-this::
#
#    To change numbers, compare the shapes, and write ``with torch.no_grad(): layer.weight.copy_(values)``. This costs
#    one copy of the values. Use ``nn.Parameter(values)`` where the shape changes, and make a new optimizer afterwards.
#    Its state, such as momentum, starts again. Use ``load_state_dict`` for a whole network. Compute in ``forward`` what
#    depends on another parameter.
#
# A common mistake
# ----------------
#
# ``layer.weight.data = values`` silences the message, but does not compare the shapes. This wrong shape is found at the
# next call, by another message, far from the line that made it. A bias of shape (1,) is not found at all, and adds one
# number to each feature. ``copy_`` refuses the shape of this weight at once.

layer = nn.Linear(3, 4)
layer.weight.data = torch.ones(4, 5)
print(layer, tuple(layer.weight.shape))
with expect_error(RuntimeError, match="shapes cannot be multiplied"):
    layer(torch.rand(2, 3))
layer = nn.Linear(3, 4)
with torch.no_grad(), expect_error(RuntimeError, match="must match"):
    layer.weight.copy_(torch.ones(4, 5))
layer.bias.data = torch.ones(1)
assert layer(torch.zeros(2, 3)).eq(1).all()

# %%
# How this was checked

# The kind that the message names.
for value, kind in [
    (torch.ones(4, 3), "torch.FloatTensor"),
    (torch.ones(4, 3).double(), "torch.DoubleTensor"),
    (nn.Linear(3, 4).weight * 0.5, "torch.FloatTensor"),
    (torch.ones(4, 3).numpy(), "numpy.ndarray"),
    (0.5, "float"),
    ([0.5], "list"),
]:
    with expect_error(TypeError, match=f"cannot assign '{kind}' as parameter 'weight'"):
        nn.Linear(3, 4).weight = value
# Under no_grad a tensor is refused, too.
with torch.no_grad(), expect_error(TypeError, match="cannot assign 'torch.FloatTensor' as"):
    conv.weight = conv.weight * 0.5
# None empties the name, and a tensor is still refused there; a parameter is taken.
layer = nn.Linear(3, 4)
layer.bias = None
assert layer(torch.zeros(2, 3)).eq(0).all()
with expect_error(TypeError, match="as parameter 'bias'"):
    layer.bias = torch.ones(4)
layer.bias = nn.Parameter(torch.ones(4))
assert layer(torch.zeros(2, 3)).eq(1).all()
# A deleted parameter leaves a plain attribute, which is not trained.
del layer.weight
layer.weight = torch.ones(4, 3)
assert [name for name, _ in layer.named_parameters()] == ["bias"]
# copy_ broadcasts and converts.
with torch.no_grad():
    layer = nn.Linear(3, 4)
    layer.weight.copy_(torch.tensor([1, 2, 3]))
assert layer.weight.dtype == torch.float32
assert layer.weight.tolist() == [[1, 2, 3]] * 4
# What an assignment to .data refuses, and what it does not: a table of another shape works.
for values, words in [
    (torch.ones(4, 3, dtype=torch.int64), "must be floating point or complex dtype"),
    (torch.ones(4, 3, device="meta"), "incompatible tensor type"),
]:
    with expect_error(RuntimeError, match=words):
        layer.weight.data = values
layer.weight.data = torch.ones(4, 3).double()
with expect_error(RuntimeError, match="must have the same dtype"):
    layer(torch.rand(2, 3))
embedding = nn.Embedding(100, 6)
embedding.weight.data = torch.ones(5, 7)
assert embedding(torch.tensor([4])).shape == (1, 7)
# A parameter takes the place of a module, or of a buffer; a module does not take that of a parameter.
network, norm = nn.Sequential(nn.Linear(6, 4), nn.Sigmoid()), nn.BatchNorm1d(2)
network[1] = nn.Parameter(torch.ones(2))
assert [name for name, _ in network.named_children()] == ["0"]
norm.running_mean = nn.Parameter(torch.ones(2))
assert "running_mean" in dict(norm.named_parameters())
with expect_error(TypeError, match="ReLU' as parameter 'weight'"):
    nn.Linear(3, 4).weight = nn.ReLU()


# A layer whose weight is computed by parametrize.
class Softmax(nn.Module):
    def forward(self, raw):
        return raw.softmax(dim=1)


layer = nn.Linear(3, 4)
parametrize.register_parametrization(layer, "weight", Softmax())
torch.testing.assert_close(layer.weight.sum(dim=1), torch.ones(4))
layer(torch.rand(2, 3)).square().sum().backward()
assert layer.parametrizations.weight.original.grad.any()
# Shared: one gradient with both parts; by data: two gradients, and their sum is the same.
ids = torch.tensor([3, 7])
gradients = {}
for share in ("parameter", "data"):
    torch.manual_seed(0)
    embedding, head = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
    if share == "parameter":
        head.weight = embedding.weight
    else:
        head.weight.data = embedding.weight.data
    head(embedding(ids)).square().sum().backward()
    parts = {id(p): p.grad for p in [embedding.weight, head.weight]}
    gradients[share] = sum(parts.values())
    assert len(parts) == (1 if share == "parameter" else 2)
torch.testing.assert_close(gradients["parameter"], gradients["data"])
# The names that collide, and the ways to give them; setattr takes a point and says nothing.
for name in ("type", "keys", "forward", "training", "float"):
    with expect_error(KeyError, match=f"attribute '{name}' already exists"):
        nn.ModuleDict().add_module(name, nn.ReLU())
for register, value in [
    ("register_parameter", nn.Parameter(torch.ones(2))),
    ("register_buffer", torch.ones(2)),
    ("add_module", nn.ReLU()),
]:
    module = nn.Module()
    module.taken = 5
    with expect_error(KeyError, match="attribute 'taken' already exists"):
        getattr(module, register)("taken", value)
    with expect_error(KeyError, match="contain"):
        getattr(module, register)("a.b", value)
with expect_error(TypeError, match="object to parameter 'w' .torch.nn.Parameter or None required"):
    nn.Module().register_parameter("w", torch.ones(2))
with expect_error(TypeError, match="torch.FloatTensor is not a Module subclass"):
    nn.Module().add_module("w", torch.ones(2))
# The filter finds the edges from dark to bright.
image = torch.zeros(1, 1, 5, 6)
image[..., 3:] = 1.0
assert conv(image)[0, 0, 0].tolist() == [0.0, 2.0, 2.0, 0.0]
assert conv(images).shape == (50, 1, 6, 6)

# %%
# Check yourself
# --------------


def outputs_without_bias():
    layer = nn.Linear(3, 2)
    layer.bias = None
    return layer(torch.zeros(3)).tolist()


ask(
    "layer = nn.Linear(3, 2), then layer.bias = None. What does layer(torch.zeros(3)) give?",
    answer=outputs_without_bias,
    choices={
        (0.0, 0.0): "None is allowed: the layer then has no bias.",
        TypeError: "A tensor, a number or a list would be refused. None is not.",
    },
)

# %%
# The next question is about two layers.

a, b = nn.Linear(6, 6), nn.Linear(6, 6)
b.weight = a.weight
ask(
    "a and b are nn.Linear(6, 6), and b.weight = a.weight. "
    "How many tensors does nn.Sequential(a, b).parameters() give?",
    answer=len(list(nn.Sequential(a, b).parameters())),
    choices={
        2: "The weight is shared, but each layer has a bias of its own.",
        3: "There are one weight and two biases.",
        4: "A parameter that two layers hold is given once.",
    },
)

# %%
# **Exercise.** An autoencoder turns its input into a few numbers, and these into the input again. Write one whose two
# halves share a weight. ``forward`` multiplies ``x`` by the transposed weight, and the result by the weight. The module
# has one parameter, of shape (hidden, features), and its gradient collects both uses.


class Tied(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        raise NotImplementedError

    def forward(self, x):
        raise NotImplementedError


def with_gradient(output, weight):
    (gradient,) = torch.autograd.grad(output.sum(), weight)
    return torch.cat([output.detach().flatten(), gradient.flatten()])


def use(kind):
    def result(weight, x):
        hidden, features = weight.shape
        made = kind(features, hidden)
        if [parameter.shape for parameter in made.parameters()] != [weight.shape]:
            raise TypeError("expected one parameter, of shape (hidden, features)")
        (parameter,) = made.parameters()
        with torch.no_grad():
            parameter.copy_(weight)
        return with_gradient(made(x), parameter)

    return result


def expected(weight, x):
    weight = weight.clone().requires_grad_()
    return with_gradient(x @ weight.mT @ weight, weight)


cases = [
    (torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])),
    (torch.rand(2, 5), torch.rand(3, 5)),
    (torch.rand(4, 7), torch.rand(6, 7)),
]
check(use(Tied), expected, cases)

# %%
# ``nn.Linear`` takes a shape of its own, so the second half uses the function ``F.linear`` with the transposed weight.

# Solution


class Tied(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.encoder = nn.Linear(features, hidden, bias=False)

    def forward(self, x):
        return F.linear(self.encoder(x), self.encoder.weight.mT)


report = check(use(Tied), expected, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`loading-state-dict`, when a whole file of weights does not fit.
#
# - PyTorch contributors (2026). `torch.nn.Parameter
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html>`__. What a module does with one.
# - Press and Wolf (2017). `Using the output embedding to improve language models <https://arxiv.org/abs/1608.05859>`__.
#   What one weight for embedding and head gains, in experiments.
