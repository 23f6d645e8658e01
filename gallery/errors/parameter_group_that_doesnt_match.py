"""
.. _parameter-group-that-doesnt-match:

ValueError: loaded state dict contains a parameter group that doesn't match the size of optimizer's group
=========================================================================================================

The optimizer was saved with another number of parameters than it has now. Give it the parameters that it had, in the
same order, load its state, and change the model or freeze layers afterwards.
"""

# %%
# Set-up

import contextlib
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images, labels = digits("train")[:50]
images = images.flatten(1)  # (50, 64)


def new_model():
    return nn.Sequential(OrderedDict(body=nn.Linear(64, 20), act=nn.ReLU(), head=nn.Linear(20, 10)))


def train(model, optimizer, steps=5):
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()


def trainable(model):
    return [p for p in model.parameters() if p.requires_grad]


then = new_model()
optimizer_then = Adam(then.parameters(), lr=0.01)
train(then, optimizer_then)
checkpoint = {"model": then.state_dict(), "optimizer": optimizer_then.state_dict()}

# %%

model = new_model()
model.load_state_dict(checkpoint["model"])
model.body.requires_grad_(False)
optimizer = Adam(trainable(model), lr=0.01)
with expect_error(ValueError, match="parameter group that doesn't match the size of optimizer's"):
    optimizer.load_state_dict(checkpoint["optimizer"])

# %%
# The message has no numbers. A saved optimizer knows its parameters by number, in the order in which it got them. The
# cell below counts them in the file and in your optimizer. The file has four, and two are left after freezing the body.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# Usual cause                                                             Fix
# ======================================================================  ==============================================
# :ref:`frozen layers were left out <group-frozen>`                       load first, then freeze
# :ref:`the model has other layers than before <group-layers>`            load into the old model, or a new optimizer
# :ref:`"different number of parameter groups" <group-layers>`            the groups of the saved optimizer
# :ref:`another kind: KeyError 'step', 'momentum' <group-kind>`           the kind of the saved optimizer
# :ref:`KeyError: 'param_groups' <group-kind>`                            ``checkpoint["optimizer"]``
# :ref:`no message, another order of the parameters <group-order>`        the order of the saved optimizer
# :ref:`no message, and my learning rate is gone <group-rate>`            set it after loading
# ======================================================================  ==============================================


def sizes(state):
    return [len(group["params"]) for group in state["param_groups"]]


saved = checkpoint["optimizer"]
print("in the file:", sizes(saved), saved["param_groups"][0]["params"])
print("now:        ", sizes(optimizer.state_dict()))
assert (sizes(saved), sizes(optimizer.state_dict())) == ([4], [2])

# %%
# .. _group-frozen:
#
# Frozen layers were left out
# ---------------------------
#
# Make the optimizer with the parameters that it had, load its state, and freeze the body afterwards. A step leaves a
# parameter as it is if its ``.grad`` is ``None``. If a backward pass came before, set it to ``None`` yourself.

model = new_model()
model.load_state_dict(checkpoint["model"])
optimizer = Adam(model.parameters(), lr=0.01)
optimizer.load_state_dict(checkpoint["optimizer"])
model.body.requires_grad_(False)

train(model, optimizer)
print("body unchanged:", torch.equal(model.body.weight, checkpoint["model"]["body.weight"]))
assert torch.equal(model.body.weight, checkpoint["model"]["body.weight"])
assert not torch.equal(model.head.weight, checkpoint["model"]["head.weight"])

# %%
# .. _group-layers:
#
# Other layers, or other groups
# -----------------------------
#
# One more linear layer adds two parameters. Adam keeps averages of the gradients. For a new task you seldom need the
# averages of the old one, so begin with a new optimizer. Where the head has a learning rate of its own, there are two
# groups, and the message is the second one.

deeper = nn.Sequential(new_model(), nn.Linear(10, 3))
with expect_error(ValueError, match="doesn't match the size of optimizer's group"):
    Adam(deeper.parameters()).load_state_dict(checkpoint["optimizer"])

groups = [{"params": model.body.parameters()}, {"params": model.head.parameters(), "lr": 0.1}]
with expect_error(ValueError, match="different number of parameter groups"):
    Adam(groups, lr=0.01).load_state_dict(checkpoint["optimizer"])

# %%
# .. _group-kind:
#
# Another optimizer, or another dictionary
# ----------------------------------------
#
# The kind of the optimizer is not compared. From SGD with momentum to Adam, loading fails with the name of a state.
# From Adam to SGD, loading succeeds and the step fails. From Adam to AdamW there is no message, and AdamW loses its
# weight decay, because the settings of Adam replace its own. If ``param_groups`` is missing, you gave the whole
# checkpoint, or the state of the model.

of_sgd = SGD(then.parameters(), lr=0.01, momentum=0.9)
train(then, of_sgd)
with expect_error(KeyError, match="step"):
    Adam(model.parameters(), lr=0.01).load_state_dict(of_sgd.state_dict())
other = SGD(model.parameters(), lr=0.01)
other.load_state_dict(checkpoint["optimizer"])
with expect_error(KeyError, match="momentum"):
    train(model, other)
other = AdamW(model.parameters(), lr=0.01)
print("weight decay:", other.param_groups[0]["weight_decay"], end=" ")
other.load_state_dict(checkpoint["optimizer"])
print("became", other.param_groups[0]["weight_decay"])
train(model, other)  # no error
assert other.param_groups[0]["weight_decay"] == 0
with expect_error(KeyError, match="param_groups"):
    other.load_state_dict(checkpoint)

# %%
# .. _group-order:
#
# Another order: no message, and swapped averages
# -----------------------------------------------
#
# In attention, two projections have the same shape. Suppose that the code now defines them in another order. The model
# loads by name and the optimizer by number, so each projection gets the averages of the other. Keep the order, or carry
# the state over by name, as in the exercise below.


class Projections(nn.Module):
    def __init__(self, names):
        super().__init__()
        for name in names:
            setattr(self, name, nn.Linear(64, 64, bias=False))


def optimizer_of(names):
    module = Projections(names)
    return module, SGD(module.parameters(), lr=0.01, momentum=0.9)


old, optimizer_old = optimizer_of(["query", "key"])
(old.query(images).sum() + 5 * old.key(images).sum()).backward()
optimizer_old.step()
new, optimizer_new = optimizer_of(["key", "query"])
new.load_state_dict(old.state_dict())
optimizer_new.load_state_dict(optimizer_old.state_dict())


def momentum(optimizer, layer):
    return optimizer.state[layer.weight]["momentum_buffer"]


assert torch.equal(new.query.weight, old.query.weight)
ratio = momentum(optimizer_new, new.query).sum() / momentum(optimizer_old, old.query).sum()
print(f"the momentum of query is {ratio:.1f} times the saved one")
assert torch.equal(momentum(optimizer_new, new.query), momentum(optimizer_old, old.key))

# %%
# .. _group-rate:
#
# My learning rate is gone
# ------------------------
#
# The settings of the groups come from the file, too. Set a new rate after loading.

optimizer = Adam(model.parameters(), lr=0.5)
optimizer.load_state_dict(checkpoint["optimizer"])
print("lr=0.5 became", optimizer.param_groups[0]["lr"])
for group in optimizer.param_groups:
    group["lr"] = 0.5
assert checkpoint["optimizer"]["param_groups"][0]["lr"] == 0.01

# %%
# .. use-this::
#
#    To resume a training, make the model and the optimizer with the code that saved them, load both, and change things
#    afterwards. To train for another task, load the model alone and make a new optimizer. A new optimizer has a cost:
#    Adam builds its averages again in its first steps. Keep the names of the parameters in the checkpoint. See
#    :ref:`resuming-training`.
#
# A common mistake
# ----------------
#
# Do not cut the list in the file until the number fits. The first two parameters of the file are those of the body, and
# yours are those of the head. Loading succeeds, and the step meets averages of another shape. Where the shapes are
# equal, as for the projections above, nothing is raised and the averages are wrong.

model = new_model()
model.body.requires_grad_(False)
optimizer = Adam(trainable(model), lr=0.01)
cut = optimizer_then.state_dict()
cut["param_groups"][0]["params"] = cut["param_groups"][0]["params"][:2]
optimizer.load_state_dict(cut)
print("weight of the head: ", tuple(model.head.weight.shape))
print("average of its gradient:", tuple(optimizer.state[model.head.weight]["exp_avg"].shape))
with expect_error(RuntimeError, match="must match the size of tensor"):
    train(model, optimizer)

# %%
# How this was checked

# Which kinds load and step after which: the settings and the state must have the names that the step reads.
kinds = {
    "SGD": lambda p: SGD(p, lr=0.01, momentum=0.9),
    "Adam": lambda p: Adam(p, lr=0.01),
    "AdamW": lambda p: AdamW(p, lr=0.01),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
}
works = set()
for first, make_first in kinds.items():
    source = new_model()
    saved_state = make_first(source.parameters())
    train(source, saved_state, steps=1)
    for second, make_second in kinds.items():
        target = new_model()
        loaded = make_second(target.parameters())
        with contextlib.suppress(KeyError):
            loaded.load_state_dict(saved_state.state_dict())
            train(target, loaded, steps=1)
            works.add((first, second))
assert works == {(kind, kind) for kind in kinds} | {("Adam", "AdamW"), ("AdamW", "Adam")}
# A step changes a frozen parameter which still has a gradient from before. A gradient of zeros is not None: momentum
# goes on.
model = new_model()
optimizer = SGD(model.parameters(), lr=0.1)
F.cross_entropy(model(images), labels).backward()
model.body.requires_grad_(False)
before = model.body.weight.clone()
optimizer.step()
assert not torch.equal(before, model.body.weight)
model.body.zero_grad(set_to_none=True)
before = model.body.weight.clone()
optimizer.step()
assert torch.equal(before, model.body.weight)
model = new_model()
optimizer = Adam(model.parameters(), lr=0.01)
train(model, optimizer)
model.body.requires_grad_(False).zero_grad(set_to_none=False)
before = model.body.weight.clone()
optimizer.step()
assert not torch.equal(before, model.body.weight)
# Names in the file are kept, and loading still goes by number.
named = Adam(then.named_parameters(), lr=0.01)
assert named.state_dict()["param_groups"][0]["param_names"][0] == "body.weight"
train(then, named)
backwards = Adam(list(then.named_parameters())[::-1], lr=0.01)
backwards.load_state_dict(named.state_dict())
assert backwards.state[then.head.bias]["exp_avg"].shape == then.body.weight.shape
# The state of a model, and the method without parentheses.
with expect_error(KeyError, match="param_groups"):
    Adam(then.parameters()).load_state_dict(then.state_dict())
with expect_error(AttributeError, match="has no attribute 'copy'"):
    Adam(then.parameters()).load_state_dict(optimizer_then.state_dict)

# %%
# Check yourself
# --------------

try:
    other = SGD(then.parameters(), lr=0.01)
    other.load_state_dict(checkpoint["optimizer"])
    when = "in load_state_dict"
    train(then, other)
    when = "not at all"
except KeyError:
    when = "in step" if other.param_groups[0]["lr"] else "in load_state_dict"
ask(
    "The state of Adam is loaded into SGD for the same model. Where does the error come?",
    answer=when,
    choices={
        "in load_state_dict": "It compares numbers of groups and parameters, and both fit.",
        "in step": "SGD looks for its momentum among settings that were those of Adam.",
        "not at all": "That is so from Adam to AdamW.",
    },
)

# %%
# The next question is about the learning rate.

optimizer = Adam(then.parameters(), lr=0.002)
optimizer.load_state_dict(checkpoint["optimizer"])
ask(
    "Adam was saved with lr=0.01. You make Adam(model.parameters(), lr=0.002) and load the state. With which rate does "
    "it go on?",
    answer=optimizer.param_groups[0]["lr"],
    choices={
        0.01: "The settings of the groups are in the file.",
        0.002: "Set it after loading, in optimizer.param_groups.",
        0.001: "That is the default of Adam.",
    },
)

# %%
# **Exercise.** Carry the state over by name. ``saved`` is the state dict of an Adam, ``old`` the list of names of its
# parameters, ``new`` the names of the parameters of ``optimizer``, another Adam. Each has one group. Load what
# belongs to names that both have. The settings stay those of ``optimizer``.


# Varies with the processor in what is nearly 0.
def carry_over(saved, old, optimizer, new):
    raise NotImplementedError


def averages(carry):
    def run(saved, old, model):
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        optimizer = Adam(named.values(), lr=0.3)
        carry(saved, old, optimizer, list(named))
        states = [optimizer.state.get(p, {}) for p in named.values()]
        found = [state["exp_avg"].sum() if state else torch.tensor(0.0) for state in states]
        train(model, optimizer, steps=1)
        return torch.stack([torch.tensor(optimizer.param_groups[0]["lr"]), *found])

    return run


def by_assignment(saved, old, optimizer, new):
    for name, p in zip(new, optimizer.param_groups[0]["params"], strict=True):
        if name in old:
            optimizer.state[p].update(saved["state"][old.index(name)])


old_names = [name for name, _ in then.named_parameters()]
frozen = new_model()
frozen.body.requires_grad_(False)
renamed = nn.Sequential(OrderedDict(body=nn.Linear(64, 20), act=nn.ReLU(), last=nn.Linear(20, 10)))
cases = [
    (checkpoint["optimizer"], old_names, new_model()),
    (checkpoint["optimizer"], old_names, frozen),
    (checkpoint["optimizer"], old_names, renamed),
]
check(averages(carry_over), averages(by_assignment), cases)

# %%
# A state dict maps the number of a parameter to its state. Number the states as the new optimizer does, and put them
# into its own state dict.

# Solution


def carry_over(saved, old, optimizer, new):
    own = optimizer.state_dict()
    own["state"] = {
        number: saved["state"][old.index(name)] for number, name in enumerate(new) if name in old
    }
    optimizer.load_state_dict(own)


report = check(averages(carry_over), averages(by_assignment), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`unscale-has-already-been-called`, an error of mixed precision.
#
# - PyTorch contributors (2026). `Optimizer.load_state_dict
#   <https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.load_state_dict.html>`__. The reference,
#   with an example of loading by name.
# - PyTorch contributors (2026). `Saving and loading models
#   <https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html>`__. A checkpoint for resuming.
