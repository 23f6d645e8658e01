"""
.. _loading-state-dict:

RuntimeError: Error(s) in loading state_dict for Net: Missing key(s) in state_dict, Unexpected key(s), size mismatch
====================================================================================================================

A state dict maps names to tensors, and the model wants its own names and shapes. *Missing* is what the model has and
the file lacks, *unexpected* what the file has and the model lacks. The names tell where they differ.

=========================================  ====================================================
What the message lists                     Fix
=========================================  ====================================================
``module.`` before each name               saved from DataParallel or DDP: take the prefix away
``_orig_mod.`` before each name            saved from ``torch.compile``: likewise
size mismatch for the last layer           load first, then put the new head in
``"model"``, ``"optimizer"``, ``"epoch"``  a checkpoint: load ``checkpoint["model"]``
the same layers, other numbers             ``nn.Sequential`` was changed; give its parts names
``running_mean``, a mask                   a :term:`buffer`: same settings, or ``persistent=False``
``<class 'method'>``                       ``model.state_dict()``, with parentheses
=========================================  ====================================================
"""

# %%
# The file is of an older version of the code: there the first layer was called ``trunk``, and the head knew 7 classes
# instead of 4. One message lists all three kinds of trouble.

import copy
from collections import OrderedDict

import torch
from torch import nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ptguide.errors import expect_error
from ptguide.pictures import draw
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


older = nn.Sequential(
    OrderedDict(trunk=nn.Linear(5, 6), norm=nn.BatchNorm1d(6), head=nn.Linear(6, 7))
).state_dict()
net = Net(classes=4)
with expect_error(
    RuntimeError, match="Missing key.*\n.*Unexpected key.*\n.*size mismatch for head.weight"
):
    net.load_state_dict(older)
draw(
    [older["head.weight"].round(decimals=1), net.head.weight.round(decimals=1)],
    ["in the file", "in the model"],
)

# %%
# Compare the names yourself, sorted into the same three lists. In a large model, look at the first names of each list:
# often they differ from the wanted ones in the same way as the others.


def differences(model, state):
    own = model.state_dict()
    other = [name for name in own.keys() & state.keys() if own[name].shape != state[name].shape]
    return sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys()), sorted(other)


missing, unexpected, other_shape = differences(net, older)
print(missing, unexpected, other_shape, sep="\n")
assert (missing, unexpected) == (["body.bias", "body.weight"], ["trunk.bias", "trunk.weight"])
assert other_shape == ["head.bias", "head.weight"]

# %%
# After the error the model is not what it was: the tensors that fitted have been loaded. Do not catch the error and go
# on; make a new model.

half_loaded = Net(classes=7)
with expect_error(RuntimeError, match="size mismatch for head.weight"):
    half_loaded.load_state_dict(net.state_dict())
for name, tensor in half_loaded.state_dict().items():
    assert name in other_shape or torch.equal(tensor, net.state_dict()[name])

# %%
# Cause 1: something was wrapped around the model
# -----------------------------------------------
#
# A wrapper holds the model under a name of its own, and the name becomes a prefix. :class:`torch.nn.DataParallel` and
# DistributedDataParallel (not run here) say ``module``, :func:`torch.compile` says ``_orig_mod``. This list is made by
# wrapping.

saved = {
    "DataParallel": nn.DataParallel(Net()).state_dict(),
    "torch.compile": torch.compile(Net()).state_dict(),
    "AveragedModel": torch.optim.swa_utils.AveragedModel(Net()).state_dict(),
    "Sequential": nn.Sequential(Net()).state_dict(),
}
for wrapper, state in saved.items():
    print(f"{wrapper:14}{next(name for name in state if name.endswith('body.weight'))}")
with expect_error(
    RuntimeError, match='Missing.*"body.weight".*\n.*Unexpected.*"module.body.weight"'
):
    net.load_state_dict(saved["DataParallel"])

# %%
# It is best to save the model that is inside, ``wrapper.module.state_dict()``: then the file fits the plain model. In a
# file that exists, take the prefix away.

compiled = torch.compile(Net())
assert compiled._orig_mod.state_dict().keys() == net.state_dict().keys()
stripped = {
    name.removeprefix("_orig_mod."): tensor for name, tensor in saved["torch.compile"].items()
}
assert str(net.load_state_dict(stripped)) == "<All keys matched successfully>"
consume_prefix_in_state_dict_if_present(
    saved["DataParallel"], "module."
)  # torch's own, changes the dict
assert str(net.load_state_dict(saved["DataParallel"])) == "<All keys matched successfully>"

# %%
# strict=False, and what it hides
# -------------------------------
#
# ``strict=False`` forgives names, not shapes, and nothing is raised: here it loads *nothing*, and the model goes on
# with random weights. Look at what it returns. (Of the 9 names one is not called missing: the counter of a batch norm,
# which old files lack.)

fresh = Net()
before = copy.deepcopy(fresh.state_dict())
found = fresh.load_state_dict(nn.DataParallel(Net()).state_dict(), strict=False)
assert all(torch.equal(tensor, before[name]) for name, tensor in fresh.state_dict().items())
print(f"{len(found.missing_keys)} missing, {len(found.unexpected_keys)} unexpected")
assert before.keys() - set(found.missing_keys) == {"norm.num_batches_tracked"}
with expect_error(RuntimeError, match="size mismatch for head.bias"):
    fresh.load_state_dict(Net(classes=7).state_dict(), strict=False)

# %%
# Cause 2: another head
# ---------------------
#
# To go on from a model for 7 classes with 4, make it as it was, load it strictly, then replace the head. No name and no
# shape has to be forgiven.

pretrained = Net(classes=7).state_dict()
tuned = Net(classes=7)
tuned.load_state_dict(pretrained)
tuned.head = nn.Linear(6, 4)
assert torch.equal(tuned.body.weight, pretrained["body.weight"])
assert tuned(torch.ones(2, 5)).shape == (2, 4)

# %%
# If you cannot make the model with the old head, leave that one out of what is loaded, and check that nothing else was
# missing.

kept = {name: tensor for name, tensor in pretrained.items() if not name.startswith("head.")}
tuned = Net(classes=4)
found = tuned.load_state_dict(kept, strict=False)
assert found.missing_keys == ["head.weight", "head.bias"]
assert found.unexpected_keys == []

# %%
# Cause 3: a whole checkpoint
# ---------------------------
#
# A checkpoint holds the state dicts of model and optimizer under names. (An optimizer has a state where it keeps
# something from step to step, such as its :term:`momentum`, or the averages of :term:`Adam`.) Those names are then the
# unexpected ones, and the parameters are missing.

optimizer = torch.optim.Adam(net.parameters())
checkpoint = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 12}
with expect_error(RuntimeError, match='Unexpected key.*"model", "optimizer", "epoch"'):
    Net().load_state_dict(checkpoint)
assert str(Net().load_state_dict(checkpoint["model"])) == "<All keys matched successfully>"

# %%
# Cause 4: the model was changed
# ------------------------------
#
# :class:`torch.nn.Sequential` numbers its parts. A dropout in front shifts the numbers. Names that you give, in an
# ``OrderedDict``, stay. In a file with the old names, rename them.

then, now = nn.Sequential(nn.Linear(5, 6)), nn.Sequential(nn.Dropout(), nn.Linear(5, 6))
with expect_error(RuntimeError, match='Missing.*"1.weight".*\n.*Unexpected.*"0.weight"'):
    now.load_state_dict(then.state_dict())
renamed = {f"1.{name.removeprefix('0.')}": tensor for name, tensor in then.state_dict().items()}
now.load_state_dict(renamed)
assert torch.equal(now[1].weight, then[0].weight)
named = nn.Sequential(OrderedDict(drop=nn.Dropout(), line=nn.Linear(5, 6)))
named.load_state_dict(nn.Sequential(OrderedDict(line=nn.Linear(5, 6))).state_dict())

# %%
# If the weights of a layer stand neither in the model's state dict nor in the file, the layer was not registered.
# Layers in a Python list are no part of the model: they are not saved, ``parameters()`` does not list them, and loading
# raises nothing. :class:`torch.nn.ModuleList` registers them.


class Unregistered(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(5, 6)]


assert list(Unregistered().state_dict()) == list(Unregistered().parameters()) == []
assert (
    str(Unregistered().load_state_dict(Unregistered().state_dict()))
    == "<All keys matched successfully>"
)

# %%
# Cause 5: buffers
# ----------------
#
# A state dict holds more than the learnable parameters: it also holds buffers, such as the running statistics of a
# batch norm. Another setting, or a mask of another length, shows in their names and shapes. What can be computed anew
# need not be saved: ``persistent=False`` keeps a buffer out.

parameters, buffers = len(list(net.parameters())), len(list(net.buffers()))
assert len(net.state_dict()) == parameters + buffers == 6 + 3
with expect_error(RuntimeError, match="Unexpected.*running_mean.*running_var"):
    nn.BatchNorm1d(6, track_running_stats=False).load_state_dict(net.norm.state_dict())


class Causal(nn.Module):
    def __init__(self, length, persistent):
        super().__init__()
        self.register_buffer("mask", torch.ones(length, length).tril(), persistent=persistent)


with expect_error(RuntimeError, match="size mismatch for mask"):
    Causal(8, persistent=True).load_state_dict(Causal(3, persistent=True).state_dict())
assert str(
    Causal(8, persistent=False).load_state_dict(Causal(3, persistent=False).state_dict())
).startswith("<All")

# %%
# It is no state dict at all
# --------------------------
#
# ``best = copy.deepcopy(model.state_dict)`` keeps the method, not its result. You notice the missing parentheses when
# you load the best weights. A model, a path and ``None`` have the same message.

best = copy.deepcopy(net.state_dict)
for given in (best, net, "net.pt", None):
    with expect_error(TypeError, match="Expected state_dict to be dict-like, got <class"):
        net.load_state_dict(given)

# %%
# With parentheses and without ``deepcopy``, nothing is raised, and the weights are wrong: the state dict holds the
# model's own tensors, which training goes on to change. And ``load_state_dict`` returns its findings, not the model.

alias, best = net.state_dict(), copy.deepcopy(net.state_dict())
with torch.no_grad():
    net.body.weight.zero_()
assert alias["body.weight"].eq(0).all()
assert best["body.weight"].ne(0).any()
loaded = net.load_state_dict(best)
with expect_error(TypeError, match="'_IncompatibleKeys' object is not callable"):
    loaded(torch.ones(2, 5))
assert net(torch.ones(2, 5)).shape == (2, 4)

# %%
# Check yourself
# --------------
#
# Which names are where?

missing, unexpected, _ = differences(Net(), nn.DataParallel(Net()).state_dict())
ask(
    "A file saved from nn.DataParallel(model) is loaded into model. Where does the message list module.head.bias?",
    answer="unexpected" if "module.head.bias" in unexpected else "missing",
    choices={
        "missing": "Missing is what the model wants and does not get: head.bias.",
        "unexpected": "The file has it and the model does not.",
    },
)

# %%
# And silence:

fresh, file = Net(), nn.DataParallel(Net()).state_dict()
start = copy.deepcopy(fresh.state_dict())
fresh.load_state_dict(file, strict=False)
loaded = sum(not torch.equal(tensor, start[name]) for name, tensor in fresh.state_dict().items())
ask(
    "The same file, with strict=False. How many of the 9 tensors are loaded?",
    answer=loaded,
    choices={
        0: "No name agrees, and strict=False forgives that.",
        6: "That is the number of parameters. Not one of their names is in the file.",
        9: "They would be, if strict=False looked at the end of a name.",
    },
)

# %%
# Next: :ref:`dataloader-worker-process`, an error that another process reports.
