"""
.. _optimizer-got-an-empty-parameter-list:

ValueError: optimizer got an empty parameter list
=================================================

The optimizer was given no parameters. Often the layers are in a Python list, where the model does not see them: put
them into ``nn.ModuleList``.
"""

# %%
# Set-up

import torch
from torch import nn

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images = digits("train").inputs[:50].flatten(1)  # (50, 64)
SGD, Adam = torch.optim.SGD, torch.optim.Adam


def names(model):
    return [name for name, _ in model.named_parameters()]


# %%


class Deep(nn.Module):
    def __init__(self, kind=list):
        super().__init__()
        self.layers = kind([nn.Linear(64, 20), nn.Linear(20, 10)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return x


with expect_error(ValueError, match="optimizer got an empty parameter list"):
    Adam(Deep().parameters())

# %%
# The error is about what the optimizer was given. The model computes with its two layers, and yet its ``parameters()``
# gives nothing. Print the names in ``named_parameters()``, as below, to see what your model has.
#
# .. longer: 9 cells; 7 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# Usual cause                                                             Fix
# ======================================================================  ==============================================
# :ref:`layers in a Python list or dict <empty-list>`                     ``nn.ModuleList``, ``nn.ModuleDict``
# :ref:`a tensor as attribute <empty-tensor>`                             ``nn.Parameter``
# :ref:`layers made in forward, or __init__ misspelt <empty-tensor>`      make them in ``__init__``
# :ref:`parameters() was read before <empty-generator>`                   call ``parameters()`` again, or ``list`` it
# :ref:`all are frozen, and a filter leaves none <empty-frozen>`          the new head first, then the optimizer
# :ref:`'method' object is not iterable <empty-others>`                   ``model.parameters()`` with parentheses
# :ref:`should be an iterable of Tensors or dicts <empty-others>`         ``[tensor]``
# :ref:`can't optimize a non-leaf Tensor <empty-leaf>`                    change the tensor before ``nn.Parameter``
# :ref:`appear in more than one parameter group <empty-groups>`           a list without the others
# ======================================================================  ==============================================
#
# .. _empty-list:
#
# Layers in a list or dict
# ------------------------
#
# A module finds its parameters in its attributes. It finds an attribute that is a parameter or a module, but does not
# look into a Python list or dict. ``nn.ModuleList`` is a module, and you use it like a list. See
# :ref:`anatomy-of-nn-module`.

deep = Deep(kind=nn.ModuleList)
optimizer = Adam(deep.parameters())
print(names(Deep()), names(deep), sep="\n")
assert len(names(deep)) == 4
assert deep(images).shape == (50, 10)

# %%
# .. _empty-tensor:
#
# A tensor as attribute, or layers that do not exist yet
# ------------------------------------------------------
#
# A tensor with ``requires_grad=True`` is no parameter: wrap it in ``nn.Parameter``. Layers that ``forward`` makes do
# not exist when the optimizer is made, and each call makes new ones. Python does not call a misspelt ``_init_``.


class Scale(nn.Module):
    def __init__(self, wrap=lambda tensor: tensor.requires_grad_()):
        super().__init__()
        self.weight = wrap(torch.ones(64))


class Late(nn.Module):
    def forward(self, x):
        return nn.Linear(64, 10)(x)


class Misspelt(nn.Module):
    def _init_(self):
        self.layer = nn.Linear(64, 10)


for model in (Scale(), Late(), Misspelt(), Scale(nn.Parameter)):
    print(f"{type(model).__name__:9}{names(model)}")
assert names(Scale(nn.Parameter)) == ["weight"]

# %%
# .. _empty-generator:
#
# parameters() was read before
# ----------------------------
#
# ``parameters()`` returns a generator, which can be read once. Counting the parameters reads it to its end. Call the
# method again, or keep a list.

parameters = deep.parameters()
print("parameters:", sum(p.numel() for p in parameters))
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    SGD(parameters, lr=0.1)
kept = list(deep.parameters())
assert sum(p.numel() for p in kept) == 64 * 20 + 20 + 20 * 10 + 10
SGD(kept, lr=0.1)

# %%
# .. _empty-frozen:
#
# All are frozen
# --------------
#
# You freeze a pretrained model, and filter for what still trains. Nothing is left. Put the new head in first: its
# parameters are not frozen. Without the filter the optimizer accepts the frozen parameters, and ``backward`` raises
# (:ref:`element-0-does-not-require-grad`). See :ref:`transfer-learning`.


def trainable(model):
    return [p for p in model.parameters() if p.requires_grad]


model = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10)).requires_grad_(False)
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    SGD(trainable(model), lr=0.1)
SGD(model.parameters(), lr=0.1)  # no error here
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    model(images).sum().backward()
model[2] = nn.Linear(20, 10)
SGD(trainable(model), lr=0.1)
print("trained:", names(model)[-len(trainable(model)) :])
assert len(trainable(model)) == 2

# %%
# .. _empty-others:
#
# It is no list of tensors
# ------------------------
#
# Here the parentheses of ``parameters`` are missing, then the model itself is given, and then one tensor without a list
# around it.

weight = torch.zeros(64, requires_grad=True)
for given, message in [
    (model.parameters, "'method' object is not iterable"),
    (deep, "'Deep' object is not iterable"),
    (weight, "should be an iterable of Tensors or dicts"),
]:
    with expect_error(TypeError, match=message):
        SGD(given, lr=0.1)
for given in (model.parameters(), deep.parameters(), [weight]):
    SGD(given, lr=0.1)

# %%
# .. _empty-leaf:
#
# can't optimize a non-leaf Tensor
# --------------------------------
#
# The tensor was calculated from another one that requires gradients, so a step would change the result and not the
# original. Moving it to a GPU or to another data type is such a calculation. Calculate first, and make a parameter of
# the result.

for calculate in (lambda tensor: tensor * 0.1, lambda tensor: tensor.to(torch.float64)):
    with expect_error(ValueError, match="can't optimize a non-leaf Tensor"):
        SGD([calculate(torch.randn(64, requires_grad=True))], lr=0.1)
weight = nn.Parameter(torch.randn(64) * 0.1)
SGD([weight], lr=0.1)
assert weight.is_leaf

# %%
# .. _empty-groups:
#
# Some parameters appear in more than one group
# ---------------------------------------------
#
# The head gets a learning rate of its own, and it is among ``model.parameters()`` as well. Give the other group the
# parameters that are not in the head.

head = model[2]
with expect_error(ValueError, match="some parameters appear in more than one parameter group"):
    SGD([{"params": model.parameters()}, {"params": head.parameters(), "lr": 1.0}], lr=0.1)
of_head = set(head.parameters())
rest = [p for p in model.parameters() if p not in of_head]
optimizer = SGD([{"params": rest}, {"params": head.parameters(), "lr": 1.0}], lr=0.1)
print([(len(group["params"]), group["lr"]) for group in optimizer.param_groups])
assert [len(group["params"]) for group in optimizer.param_groups] == [2, 2]

# %%
# .. use-this::
#
#    Make the layers in ``__init__``, as attributes or in ``nn.ModuleList``, and pass ``model.parameters()`` to the
#    optimizer. Print the names and the number of parameters once before a long training. Use groups where parts need
#    other settings. With a ``ModuleList``, the layers have numbers in saved files, such as ``layers.0.weight``.
#
# A common mistake
# ----------------
#
# If you keep the list and collect the parameters by hand, the message is gone and the layers train. But the model still
# does not know them: ``state_dict()`` is empty, and ``to`` leaves the layers as they are.

by_hand = Deep()
optimizer = SGD([p for layer in by_hand.layers for p in layer.parameters()], lr=0.1)
before = by_hand.layers[0].weight.clone()
by_hand(images).sum().backward()
optimizer.step()
print("trained: ", not torch.equal(by_hand.layers[0].weight, before))
print("saved:   ", list(by_hand.state_dict()))
print("float64: ", by_hand.to(torch.float64).layers[0].weight.dtype)
assert by_hand.layers[0].weight.dtype == torch.float32
assert not torch.equal(by_hand.layers[0].weight, before)

# %%
# How this was checked

# The first message, for each cause of an empty list, and no message for the fixed ones.
for empty in (Deep(), Deep(dict.fromkeys), Scale(), Late(), Misspelt(), nn.ReLU()):
    for optimizer in (SGD, Adam, torch.optim.AdamW, torch.optim.RMSprop):
        with expect_error(ValueError, match="^optimizer got an empty parameter list$"):
            optimizer(empty.parameters(), lr=0.1)
for registered in (
    nn.ModuleDict({"a": nn.Linear(4, 3)}),
    nn.ParameterList([torch.ones(3)]),
    nn.LazyLinear(3),
):
    Adam(registered.parameters())
# A lazy layer is no cause: the optimizer holds the parameter that the first batch fills.
lazy = nn.LazyLinear(3)
optimizer = SGD(lazy.parameters(), lr=0.1)
lazy(images).sum().backward()
before = lazy.weight.clone()
optimizer.step()
assert not torch.equal(before, lazy.weight)
with expect_error(ValueError, match="Attempted to use an uninitialized parameter"):
    sum(p.numel() for p in nn.LazyLinear(3).parameters())
# One registered layer is enough to silence the message; the others do not train.


class Half(Deep):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(10, 5)


assert names(Half()) == ["head.weight", "head.bias"]
SGD(Half().parameters(), lr=0.1)
# A group may be empty, the whole list may not. Modules and names are refused.
SGD([{"params": []}], lr=0.1)
for wrong in ([deep], [deep.parameters()], dict(deep.named_parameters())):
    with expect_error(
        TypeError, match="optimizer can only optimize Tensors, but one of the params is"
    ):
        SGD(wrong, lr=0.1)
# What .to gives may be a new tensor, and no leaf. Where it has nothing to do, it returns the parameter itself.
with expect_error(ValueError, match="can't optimize a non-leaf Tensor"):
    SGD([nn.Parameter(torch.ones(3)).to(torch.float64)], lr=0.1)
SGD([nn.Parameter(torch.ones(3)).to(torch.float32)], lr=0.1)
# A result of tensors that do not require gradients is a leaf.
SGD([torch.randn(64) * 0.1], lr=0.1)
# Twice in one group is a warning.
with expect_warning(UserWarning, match="duplicate parameters"):
    SGD([*head.parameters(), *head.parameters()], lr=0.1)
# Without super().__init__() the message is another.


class NoSuper(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(4, 3)


with expect_error(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
    NoSuper()
# Frozen parameters beside others, without the filter: a step leaves them as they are.
frozen = nn.Linear(64, 3).requires_grad_(False)
before = frozen.weight.clone()
SGD(frozen.parameters(), lr=0.1).step()
assert torch.equal(before, frozen.weight)
# The names in a file.
assert names(deep)[0] == "layers.0.weight"

# %%
# Check yourself
# --------------

attributes = {
    "nn.ModuleList([layer])": nn.ModuleList,
    "[layer]": list,
    "nn.Sequential(layer)": lambda layers: nn.Sequential(*layers),
}
(unseen,) = (text for text, kind in attributes.items() if not names(Deep(kind)))
ask(
    "A module sets self.layers to one of these. With which does the optimizer get nothing?",
    answer=unseen,
    choices={
        "nn.ModuleList([layer])": "It is a module, so its layers are found.",
        "[layer]": "A module does not look into lists of Python.",
        "nn.Sequential(layer)": "It is a module that calls its layers one after the other.",
    },
)

# %%
# The next question is about a model with one registered layer.

half = Half()
ask(
    "Two layers are in a Python list, and self.head is a linear layer with a bias. How many parameter tensors does "
    "the optimizer get, and does it raise?",
    answer=f"{len(SGD(half.parameters(), lr=0.1).param_groups[0]['params'])}, no error",
    choices={
        "6, no error": "The two layers in the list are not found.",
        "2, no error": "Those of the head. The layers in the list stay as they are, and nothing says so.",
        "0, ValueError": "The head is an attribute, so the list of parameters is not empty.",
    },
)

# %%
# **Exercise.** Weight decay is often left out for biases and for the parameters of norms. Make two groups: the
# trainable parameters of two or more axes, and those of fewer. Each goes into one group, once, even if two layers
# use it. Return two lists.


def two_groups(model):
    raise NotImplementedError


def sizes(split):
    def run(model):
        decayed, others = split(model)
        SGD([{"params": decayed}, {"params": others, "weight_decay": 0}], lr=0.1)
        return torch.tensor([sum(p.numel() for p in decayed), sum(p.numel() for p in others)])

    return run


def by_names(model):
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [p for _, p in named if p.dim() > 1], [p for _, p in named if p.dim() < 2]


tied = nn.Sequential(nn.Embedding(7, 4), nn.LayerNorm(4), nn.Linear(4, 7, bias=False))
tied[2].weight = tied[0].weight
cases = [(nn.Linear(5, 3),), (nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)),), (tied,)]
half_frozen = nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.Linear(4, 3))
half_frozen[0].requires_grad_(False)
cases += [(half_frozen,)]
check(sizes(two_groups), sizes(by_names), cases)

# %%
# ``parameters()`` gives a shared parameter once. ``dim()`` is the number of its axes.

# Solution


def two_groups(model):
    trained = [p for p in model.parameters() if p.requires_grad]
    return [p for p in trained if p.dim() > 1], [p for p in trained if p.dim() <= 1]


report = check(sizes(two_groups), sizes(by_names), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`lr-scheduler-before-optimizer-step`, a warning of the lines that use the optimizer.
#
# - PyTorch contributors (2026). `torch.optim <https://docs.pytorch.org/docs/stable/optim.html>`__. What an optimizer
#   takes, and groups with settings of their own.
# - PyTorch contributors (2026). `ModuleList
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html>`__. The reference.
