"""
.. _sequential-or-module-list:

Should I use Sequential, ModuleList or ModuleDict?
==================================================

You keep several layers under one name, and a Python list would hide them from the optimizer. Take ``nn.Sequential`` for
a chain that runs by itself, ``nn.ModuleList`` for a loop that you write, ``nn.ModuleDict`` for a choice by name.
"""

# %%
# Set-up

from collections import OrderedDict

import torch
from torch import nn

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw_network
from ptguide.questions import ask

torch.manual_seed(0)
images = digits("test").inputs[:50].flatten(start_dim=1)  # (50, 64)


class Holder(nn.Module):
    """A network that keeps its layers in one attribute."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers


def outcome(layers):
    """Return the shape of what the container gives when it is called, or the name of the error."""
    try:
        return tuple(layers(images).shape)
    except (TypeError, NotImplementedError) as error:
        return type(error).__name__


# %%

parts = [nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10)]
named = {"body": parts[0], "active": parts[1], "head": parts[2]}
print(f"{'':<12}parameters  layers(images)")
for layers in (parts, nn.Sequential(*parts), nn.ModuleList(parts), nn.ModuleDict(named)):
    found = len(list(Holder(layers).parameters()))
    print(f"{type(layers).__name__:<12}{found:>10}  {outcome(layers)}")
    assert found == (0 if layers is parts else 4)

# %%
# Four networks keep the same three layers in ``self.layers``. From a Python list, the network finds no parameters: they
# would be neither trained nor moved nor saved (:ref:`optimizer-got-an-empty-parameter-list`). You need to know
# :ref:`anatomy-of-nn-module`.
#
# The rule
# --------
#
# The three containers are modules, so the network finds what is in them. They differ in who runs the layers.
# ``Sequential`` has a ``forward``: for the layers :math:`f_1` to :math:`f_n` it computes :math:`f_n(\ldots f_1(x))`.
# The other two have none. With a ``forward`` of three lines, a ``ModuleList`` becomes a ``Sequential``.


class Chain(nn.ModuleList):
    def forward(self, x):
        for layer in self:
            x = layer(x)
        return x


torch.testing.assert_close(Chain(parts)(images), nn.Sequential(*parts)(images), rtol=0, atol=0)
print(list(Chain(parts).state_dict()))
assert list(Chain(parts).state_dict()) == list(nn.Sequential(*parts).state_dict())

# %%
# ModuleList: you write the loop
# ------------------------------
#
# A :ref:`skip connection <skip-connections>` adds the input of a layer to its output, and a chain no longer has the
# input. Write the loop where values are used twice, where layers are left out, or where you want each layer's output.
# In the drawing of one run, the list ``1.blocks`` holds modules and has no output, because it is not called.


class Residual(nn.Module):
    def __init__(self, depth, width=20):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x).relu()
        return x


network = nn.Sequential(nn.Linear(64, 20), Residual(depth=3), nn.Linear(20, 10))
draw_network(network, images)

# %%
# If each step needs the same loop body, put the sum into a block of its own. Then ``Sequential`` is enough again. Both
# ways give the same numbers.


class Skip(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


looped = network[1]
chained = nn.Sequential(*[Skip(nn.Sequential(block, nn.ReLU())) for block in looped.blocks])
x = torch.randn(7, 20)
torch.testing.assert_close(chained(x), looped(x))
print(list(looped.state_dict())[-1], "and", list(chained.state_dict())[-1])

# %%
# ModuleDict: a layer by its name
# -------------------------------
#
# One body serves two tasks: which digit it is, and whether it is even. Each task has a last layer, its *head*, and
# ``forward`` picks it by its name. Here the head that was not run gets no gradient. A name is a string without a dot,
# and not an attribute of a module: a head for ``"train"`` is refused.


class TwoTasks(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 20)
        self.heads = nn.ModuleDict({"digit": nn.Linear(20, 10), "even": nn.Linear(20, 2)})

    def forward(self, x, task):
        return self.heads[task](self.body(x).relu())


both = TwoTasks()
both(images, "even").sum().backward()
for task, head in both.heads.items():
    print(f"{task:<6}{tuple(both(images, task).shape)}, gradient: {head.weight.grad is not None}")
with expect_error(KeyError, match="attribute 'train' already exists"):
    nn.ModuleDict({"train": nn.Linear(20, 10)})

# %%
# Names in the state_dict
# -----------------------
#
# The ``state_dict`` is what you save: each tensor with its name. A layer without a name of its own is named after its
# place. ``insert`` in front of it then renames it, and :ref:`an old file no longer fits <loading-state-dict>`. An
# ``OrderedDict`` gives ``Sequential`` lasting names, which are attributes too. Leave such a network as it is:
# ``insert`` in front of a named layer fails, and ``del`` replaces the names by numbers.

numbered = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
print("numbered:", list(numbered.state_dict()))
numbered.insert(0, nn.LayerNorm(64))
print("inserted:", list(numbered.state_dict()))
lasting = nn.Sequential(OrderedDict(named))
print("named:   ", list(lasting.state_dict()))
assert lasting.head is lasting[2]

# %%
# .. longer: 6 screens — three containers, and a class with a forward takes many lines
#
# .. use-this::
#
#    Take ``nn.Sequential`` while each layer takes one value and gives one. Leave it as soon as a layer takes two
#    inputs, returns a tuple, or its input is needed again. Then write a ``forward`` over ``nn.ModuleList``. Take
#    ``nn.ModuleDict`` for heads or variants that are chosen by name. The containers hold your layers, and no copies of
#    them. If you have a list, write ``nn.Sequential(*layers)``, with the star.
#
# Common mistakes
# ---------------
#
# **A layer that returns a tuple.** ``nn.LSTM`` returns its outputs and its last states, and ``Sequential`` hands the
# whole tuple on (:ref:`argument-input-must-be-tensor`). A small module takes the part that you want. Two inputs fail as
# well, because the ``forward`` of ``Sequential`` has one argument (:ref:`missing-the-required-forward`).


class First(nn.Module):
    def forward(self, pair):
        return pair[0]


lstm, head = nn.LSTM(8, 20, batch_first=True), nn.Linear(20, 10)
rows = images.reshape(50, 8, 8)  # an image as a sequence of its rows
with expect_error(TypeError, match="must be Tensor, not tuple"):
    nn.Sequential(lstm, head)(rows)
print(tuple(nn.Sequential(lstm, First(), head)(rows).shape))

# %%
# **One layer, several times.** A list times a number repeats the *same* layer, and so does a ``Sequential`` times a
# number. Three places then have one weight and one bias together. Make each layer in a loop.

repeated = nn.Sequential(*[nn.Linear(20, 20)] * 3)
separate = nn.Sequential(*[nn.Linear(20, 20) for _ in range(3)])
for network in (repeated, nn.Sequential(nn.Linear(20, 20)) * 3, separate):
    print(len(network), "places,", len(list(network.parameters())), "parameters")
assert repeated[0] is repeated[2]
assert separate[0] is not separate[2]

# %%
# How this was checked

# What each container finds, moves and saves; a list, a tuple and a dict hide their layers.
for hidden in (parts, tuple(parts), named):
    holder = Holder(hidden)
    assert not list(holder.parameters())
    assert not holder.state_dict()
    holder.double()
    assert all(part.weight.dtype == torch.float32 for part in (parts[0], parts[2]))
    with expect_error(ValueError, match="optimizer got an empty parameter list"):
        torch.optim.SGD(holder.parameters())
for layers in (nn.Sequential(*parts), nn.ModuleList(parts), nn.ModuleDict(named)):
    assert len(Holder(layers).state_dict()) == 4
    assert all(p.dtype == torch.float64 for p in Holder(layers).double().parameters())
    Holder(layers).float()
    held = layers.values() if isinstance(layers, nn.ModuleDict) else layers
    assert all(one is part for one, part in zip(held, parts, strict=True))  # no copy
# Chain is Sequential, for several depths, also for none; and a file of one loads into the other.
for depth in range(5):
    some = [nn.Linear(4, 4) for _ in range(depth)]
    x = torch.randn(3, 4)
    assert torch.equal(Chain(some)(x), nn.Sequential(*some)(x))
    Chain(some).load_state_dict(nn.Sequential(*some).state_dict())
assert nn.Sequential()(5) == 5
# The gradients of the loop and of the chain of blocks are equal.
x = torch.randn(7, 20)
looped.zero_grad()
looped(x).square().sum().backward()
one = [block.weight.grad.clone() for block in looped.blocks]
looped.zero_grad()
chained(x).square().sum().backward()
torch.testing.assert_close([block.weight.grad for block in looped.blocks], one)
# The sum makes a difference: without it the result is another.
assert not torch.allclose(nn.Sequential(*[skip.inner for skip in chained])(x), looped(x))
# The head that was not run has no gradient; with both it has.
assert both.heads["digit"].weight.grad is None
both(images, "digit").sum().backward()
assert both.heads["digit"].weight.grad.any()
# Keys that ModuleDict refuses, among them attributes of each module.
for key, kind, words in [
    ("a.b", KeyError, "name can.* contain"),
    ("keys", KeyError, "'keys' already exists"),
    ("type", KeyError, "'type' already exists"),
    ("half", KeyError, "'half' already exists"),
    ("", KeyError, "name can.* be empty"),
    (3, TypeError, "should be a string"),
]:
    with expect_error(kind, match=words):
        nn.ModuleDict({key: nn.ReLU()})
assert list(nn.ModuleDict([["b", nn.ReLU()], ["a", nn.ReLU()]])) == ["b", "a"]  # keeps the order
# What is no module is refused, as is a list without its star.
for wrong in (
    lambda: nn.Sequential(parts),
    lambda: nn.Sequential(named),
    lambda: nn.Sequential(torch.relu),
    lambda: nn.ModuleList([nn.ReLU]),
    lambda: nn.ModuleList([parts]),
):
    with expect_error(TypeError, match="is not a Module subclass"):
        wrong()
# insert, append, extend and pop; index and slice give the same objects.
for kind in (lambda some: nn.Sequential(*some), nn.ModuleList):
    grown = kind(parts)
    grown.insert(0, nn.Tanh())
    grown.append(nn.Tanh())
    grown.extend([nn.Sigmoid()])
    assert [type(one).__name__ for one in grown] == [
        "Tanh",
        "Linear",
        "ReLU",
        "Linear",
        "Tanh",
        "Sigmoid",
    ]
    assert isinstance(grown.pop(0), nn.Tanh)
    assert grown[-1] is grown[4]
    assert grown[:3][2] is parts[2]
    assert type(grown[1:]) is type(grown)
    assert list(grown.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    grown[1] = nn.GELU()
    assert isinstance(grown[1], nn.GELU)
# A slice of Sequential keeps the names of its layers, one of ModuleList counts them again.
assert list(nn.Sequential(*parts)[1:].state_dict()) == ["2.weight", "2.bias"]
assert list(nn.ModuleList(parts)[1:].state_dict()) == ["1.weight", "1.bias"]
assert list(lasting[1:].state_dict()) == ["head.weight", "head.bias"]
# With names, append adds a number, insert fails, and deleting replaces the names by numbers.
mixed = nn.Sequential(OrderedDict(named)).append(nn.ReLU())
assert [name for name, _ in mixed.named_children()] == ["body", "active", "head", "3"]
eleven = nn.Sequential(OrderedDict((f"part{k}", nn.ReLU()) for k in range(11)))
with expect_error(KeyError, match="^'10'$"):
    eleven.insert(0, nn.ReLU())
fewer = nn.Sequential(OrderedDict(named))
del fewer[0]
assert [name for name, _ in fewer.named_children()] == ["0", "1"]
# At the end there is no name in the way.
assert len(nn.Sequential(OrderedDict(named)).insert(3, nn.ReLU())) == 4
# A hook on a list of layers does not run, because the list is not called.
ran = []
for layers, run in ((looped.blocks, looped), (chained, chained)):
    hook = layers.register_forward_hook(lambda module, *_: ran.append(type(module).__name__))
    run(x)
    hook.remove()
assert ran == ["Sequential"]
# Two inputs.
with expect_error(TypeError, match="takes 2 positional arguments but 3 were given"):
    nn.Sequential(*parts)(images, images)
for kind in (nn.ModuleList(parts), nn.ModuleDict(named)):
    with expect_error(NotImplementedError, match='missing the required "forward" function'):
        kind(images)
# torch.compile takes each of the three into one graph.
for model, arguments in [
    (nn.Sequential(*parts), (images,)),
    (looped, (x,)),
    (both, (images, "even")),
]:
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*arguments), model(*arguments))

# %%
# Check yourself
# --------------

stack = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
ask(
    "stack is nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)). What is the name of the weight of its last "
    "layer after stack.insert(1, nn.Dropout())?",
    answer=list(stack.insert(1, nn.Dropout()).state_dict())[2],
    choices={
        "1.weight": "Layers without tensors have a place, and count.",
        "2.weight": "That was its name before. The dropout has moved it by one.",
        "3.weight": "It is in the fourth place now, which has the number 3.",
    },
)

# %%
# The next question cuts a network.

features = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
body = features[:2]
with torch.no_grad():
    body[0].weight.zero_()
ask(
    "body = features[:2] takes the first two layers of a Sequential, then body[0].weight is set to 0. How many weights "
    "of features[0], an nn.Linear(6, 5), are 0 now?",
    answer=int((features[0].weight == 0).sum()),
    choices={
        0: "A slice makes a new Sequential of the same layers, not of copies.",
        30: "body[0] and features[0] are one object. copy.deepcopy(features[:2]) would make another.",
        35: "The 5 biases are not among the weights.",
    },
)

# %%
# **Exercise.** In a dense block each layer is given what came before: the input, then the outputs of the layers in
# front. They are joined along the last axis, in this order. Return the input and the outputs, joined in this way.


def dense(layers, x):
    raise NotImplementedError


def by_recursion(layers, x):
    if len(layers) == 0:
        return x
    return by_recursion(layers[1:], torch.cat([x, layers[0](x)], dim=-1))


cases = [
    (nn.ModuleList([nn.Linear(2, 1)]), torch.tensor([[1.0, 2.0]])),
    (nn.ModuleList([nn.Linear(3, 2), nn.Linear(5, 4)]), torch.rand(2, 3)),
    (nn.ModuleList(nn.Linear(4 + 2 * k, 2) for k in range(3)), torch.rand(5, 4)),
]
check(dense, by_recursion, cases)

# %%
# The loop appends each output to ``x``, which becomes wider.

# Solution


def dense(layers, x):
    for layer in layers:
        x = torch.cat([x, layer(x)], dim=-1)
    return x


report = check(dense, by_recursion, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`loading-a-state-dict` shows how the names of the layers decide what is loaded.
#
# - PyTorch contributors (2026). `Sequential
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html>`__. The reference, with what it says of
#   ``ModuleList``.
# - Huang et al. (2017). `Densely connected convolutional networks <https://arxiv.org/abs/1608.06993>`__. The exercise,
#   as a network for images.
