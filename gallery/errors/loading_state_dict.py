"""
.. _loading-state-dict:

RuntimeError: Error(s) in loading state_dict for Net: Missing key(s) in state_dict, Unexpected key(s), size mismatch
====================================================================================================================

The file maps names to tensors, and your model expects other names or shapes. Compare the two lists of names: they
often differ by a prefix, a number or one layer.
"""

# %%
# Set-up

import copy
from collections import OrderedDict

import torch
from torch import nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.body = nn.Linear(5, 6)
        self.norm = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, classes)

    def forward(self, x):
        return self.head(self.norm(self.body(x)).relu())


parts = OrderedDict(trunk=nn.Linear(5, 6), norm=nn.BatchNorm1d(6), head=nn.Linear(6, 7))
file = nn.Sequential(parts).state_dict()

# %%

net = Net(classes=4)
with expect_error(RuntimeError, match="Missing key.*\n.*Unexpected key.*\n.*size mismatch"):
    net.load_state_dict(file)

# %%
# *Missing* is what the model has and the file lacks. *Unexpected* is what the file has and the model lacks. Here the
# first layer is called ``trunk`` in the file, and the head has 7 classes instead of 4.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# The message lists                                                     Fix
# ====================================================================  =============================================
# :ref:`module. before each name (DataParallel, DDP) <load-prefix>`     take the prefix away
# :ref:`_orig_mod. before each name (torch.compile) <load-prefix>`      take the prefix away
# :ref:`size mismatch for the last layer <load-head>`                   load first, then put the new head in
# :ref:`"model", "optimizer", "epoch" <load-checkpoint>`                ``load_state_dict(checkpoint["model"])``
# :ref:`the same layers with other numbers <load-numbers>`              give the parts of ``Sequential`` names
# :ref:`Expected state_dict to be dict-like <load-method>`              ``model.state_dict()`` with parentheses
# ====================================================================  =============================================
#
# The rule
# --------
#
# A file fits if its names are those of the model, and the shapes under each name are equal. The message lists the names
# that differ: :math:`\mathrm{missing} = \mathrm{model} \setminus \mathrm{file}`, :math:`\mathrm{unexpected} =
# \mathrm{file} \setminus \mathrm{model}`. Compare the names yourself, sorted. In a large model begin with the first
# names of the two lists.


def differences(model, state):
    own = model.state_dict()
    other = [name for name in own.keys() & state.keys() if own[name].shape != state[name].shape]
    return sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys()), sorted(other)


missing, unexpected, other_shape = differences(net, file)
print("missing    ", missing, "\nunexpected ", unexpected, "\nother shape", other_shape)

# %%
# .. _load-prefix:
#
# A prefix before each name
# -------------------------
#
# A wrapper holds the model under a name of its own, and the name becomes a prefix. Before saving, take the model out
# of the wrapper: ``wrapper.module``, or ``compiled._orig_mod``. If the file exists already, take the prefix away.

for wrap in (nn.DataParallel, torch.compile, torch.optim.swa_utils.AveragedModel):
    state = wrap(Net()).state_dict()
    name = next(name for name in state if name.endswith("body.weight"))
    print(f"{wrap.__name__:14}{name}")
    prefix = name.removesuffix("body.weight")
    plain = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
    assert str(net.load_state_dict(plain)) == "<All keys matched successfully>"

# %%
# .. _load-head:
#
# Another head
# ------------
#
# The file has 7 classes and you need 4. Make the model as it was, load with the strict default, and then
# replace the head. Loading then still compares each name and each shape.

pretrained = Net(classes=7).state_dict()
with expect_error(RuntimeError, match="size mismatch for head.weight"):
    Net(classes=4).load_state_dict(pretrained)

tuned = Net(classes=7)
tuned.load_state_dict(pretrained)
tuned.head = nn.Linear(6, 4)
print(tuple(tuned(torch.ones(2, 5)).shape))
assert torch.equal(tuned.body.weight, pretrained["body.weight"])

# %%
# .. _load-checkpoint:
#
# A whole checkpoint
# ------------------
#
# A checkpoint holds the state dicts of model and optimizer under names of its own. Load the entry ``"model"``. If the
# whole checkpoint is given, its names are unexpected, and the parameters are missing.

optimizer = torch.optim.Adam(net.parameters())
checkpoint = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 12}
print(differences(net, checkpoint)[1])
with expect_error(RuntimeError, match='Unexpected key.*"model", "optimizer", "epoch"'):
    net.load_state_dict(checkpoint)
assert str(net.load_state_dict(checkpoint["model"])) == "<All keys matched successfully>"

# %%
# .. _load-numbers:
#
# The same layers with other numbers
# ----------------------------------
#
# :class:`torch.nn.Sequential` numbers its parts, and a dropout in front shifts the numbers. Rename the entries. In new
# code, name the parts with an ``OrderedDict``, as at the top. A layer added in front then leaves the names unchanged.

then, now = nn.Sequential(nn.Linear(5, 6)), nn.Sequential(nn.Dropout(), nn.Linear(5, 6))
with expect_error(RuntimeError, match='Missing.*"1.weight".*\n.*Unexpected.*"0.weight"'):
    now.load_state_dict(then.state_dict())
renamed = {f"1.{name.removeprefix('0.')}": t for name, t in then.state_dict().items()}
now.load_state_dict(renamed)
assert torch.equal(now[1].weight, then[0].weight)

# %%
# .. _load-method:
#
# It is no state dict at all
# --------------------------
#
# ``best = copy.deepcopy(model.state_dict)`` keeps the method, not its result. If ``load_state_dict`` gets a model, a
# path or ``None``, the message begins with the same words.

best = copy.deepcopy(net.state_dict)
for given in (best, net, "net.pt", None):
    with expect_error(TypeError, match="Expected state_dict to be dict-like, got <class"):
        net.load_state_dict(given)
best = copy.deepcopy(net.state_dict())
net.load_state_dict(best)

# %%
# .. use-this::
#
#    Save ``model.state_dict()`` of the plain model, before it is wrapped. Load it with the default ``strict=True`` into
#    a model that was made with the same settings. Change the head afterwards. Keep the best weights with
#    ``copy.deepcopy(model.state_dict())``, because without the copy they go on changing. It costs the memory of the
#    weights once more. After an error make a new model, because the entries that fitted have been loaded.
#
# A common mistake
# ----------------
#
# ``strict=False`` ignores names that differ, but not shapes. With a prefix before each name it loads *nothing*, raises
# nothing, and the model goes on with random weights. Print the names that ``load_state_dict`` returns. See
# :ref:`saving-and-loading`.

fresh = Net()
before = copy.deepcopy(fresh.state_dict())
found = fresh.load_state_dict(nn.DataParallel(Net()).state_dict(), strict=False)
changed = sum(not torch.equal(t, before[name]) for name, t in fresh.state_dict().items())
print(f"{changed} of {len(before)} tensors loaded, {len(found.unexpected_keys)} unexpected")
assert changed == 0

# %%
# How this was checked

# Of two files whose names and shapes fit, the data type may differ: the model keeps its own.
net.load_state_dict({name: tensor.double() for name, tensor in net.state_dict().items()})
assert net.body.weight.dtype == torch.float32
# What fitted has been loaded when the error comes.
half_loaded = Net(classes=7)
with expect_error(RuntimeError, match="size mismatch for head.weight"):
    half_loaded.load_state_dict(best)
for name, tensor in half_loaded.state_dict().items():
    assert name in other_shape or torch.equal(tensor, best[name])
# strict=False does not forgive a shape. The counter of a batch norm is not called missing, because old files lack it.
with expect_error(RuntimeError, match="size mismatch for head.bias"):
    Net().load_state_dict(pretrained, strict=False)
assert before.keys() - set(found.missing_keys) == {"norm.num_batches_tracked"}
# The model inside a wrapper, and torch's own function for a prefix.
assert torch.compile(net)._orig_mod is net
assert nn.DataParallel(net).module is net
state = nn.DataParallel(Net()).state_dict()
consume_prefix_in_state_dict_if_present(state, "module.")  # changes the dict
assert str(net.load_state_dict(state)) == "<All keys matched successfully>"
# Leaving the old head out, if the old model cannot be made.
kept = {name: tensor for name, tensor in pretrained.items() if not name.startswith("head.")}
found = Net(classes=4).load_state_dict(kept, strict=False)
assert found.missing_keys == ["head.weight", "head.bias"]
assert found.unexpected_keys == []
# Names that stay.
named = nn.Sequential(OrderedDict(drop=nn.Dropout(), line=nn.Linear(5, 6)))
named.load_state_dict(nn.Sequential(OrderedDict(line=nn.Linear(5, 6))).state_dict())
# A state dict without a copy holds the model's own tensors.
alias, copied = net.state_dict(), copy.deepcopy(net.state_dict())
with torch.no_grad():
    net.body.weight.zero_()
assert alias["body.weight"].eq(0).all()
assert copied["body.weight"].ne(0).any()
# Buffers: other settings have other names; persistent=False keeps one out of the file.
assert len(net.state_dict()) == len([*net.parameters(), *net.buffers()])
with expect_error(RuntimeError, match="Unexpected.*running_mean.*running_var"):
    nn.BatchNorm1d(6, track_running_stats=False).load_state_dict(net.norm.state_dict())


class Causal(nn.Module):
    def __init__(self, length, persistent):
        super().__init__()
        self.register_buffer("mask", torch.ones(length, length).tril(), persistent=persistent)


with expect_error(RuntimeError, match="size mismatch for mask"):
    Causal(8, persistent=True).load_state_dict(Causal(3, persistent=True).state_dict())
Causal(8, persistent=False).load_state_dict(Causal(3, persistent=False).state_dict())


# Layers in a Python list are in neither list of names.
class Unregistered(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(5, 6)]


assert differences(Unregistered(), Unregistered().state_dict()) == ([], [], [])
assert not Unregistered().state_dict()
# What load_state_dict returns is no model.
with expect_error(TypeError, match="'_IncompatibleKeys' object is not callable"):
    net.load_state_dict(best)(torch.ones(2, 5))

# %%
# Check yourself
# --------------
#
# The first question is about the two lists of names.

missing, unexpected, _ = differences(Net(), nn.DataParallel(Net()).state_dict())
ask(
    "A file saved from nn.DataParallel(model) is loaded into model. Where does the message list module.head.bias?",
    answer="unexpected" if "module.head.bias" in unexpected else "missing",
    choices={
        "missing": "Missing is what the model has and the file lacks: head.bias, without the prefix.",
        "unexpected": "The file has it and the model does not.",
    },
)

# %%
# The next question asks about the best weights.


def kept(keep):
    model = nn.Linear(2, 1)
    nn.init.constant_(model.weight, 1.0)
    best = keep(model)
    nn.init.constant_(model.weight, 5.0)  # training goes on
    model.load_state_dict(best)
    return model.weight[0, 0].item()


ask(
    "The best weight is 1. best = model.state_dict() keeps it, training goes on and makes 5 of it, and "
    "model.load_state_dict(best) is called. What is the weight?",
    answer=kept(lambda model: model.state_dict()),
    choices={
        1.0: "It would be with copy.deepcopy(model.state_dict()).",
        5.0: "The state dict holds the tensors of the model, which went on changing.",
    },
)

# %%
# **Exercise.** A colleague has renamed the layers since the file was saved. Their order and shapes are the same. Load
# the file into ``model`` by order, and return what the model gives for ``x`` in evaluation mode.


def run_renamed(model, file, x):
    raise NotImplementedError


def by_copying(model, file, x):
    model.eval()
    with torch.no_grad():
        for own, other in zip(model.state_dict().values(), file.values(), strict=True):
            own.copy_(other)
        return model(x)


x = torch.rand(3, 5)
older = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 4)).state_dict()
cases = [
    (nn.Linear(5, 2), {"w": torch.ones(2, 5), "b": torch.zeros(2)}, x),
    (Net(), older, x),
    (Net(), nn.DataParallel(Net()).state_dict(), x),
]
check(run_renamed, by_copying, cases)

# %%
# ``zip`` pairs the names of the model with the tensors of the file. Its ``strict=True`` refuses lists of different
# lengths, and ``load_state_dict`` still compares the shapes.

# Solution


def run_renamed(model, file, x):
    model.load_state_dict(dict(zip(model.state_dict(), file.values(), strict=True)))
    with torch.no_grad():
        return model.eval()(x)


report = check(run_renamed, by_copying, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`target-out-of-bounds`, the first of the errors that a loss reports.
#
# - PyTorch contributors (2026). `Saving and loading models
#   <https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html>`__. What to save, for training and for use.
# - PyTorch contributors (2026). `Module.load_state_dict
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__. The reference.
