"""
.. _saving-and-loading:

How do I save a model and load it? (state_dict)
===============================================

Save its ``state_dict``: a dictionary of the tensors that the model holds. To load it, make the model anew and fill them
in. This page shows what is in the file and what is not, why a whole model is refused by default, and how to keep the
best weights of a training. You need to know :ref:`the-training-loop` and :ref:`anatomy-of-nn-module`.
"""

# %%
# Two lines save a :term:`network`, two lines load it. The file holds a tensor for each name:

import tempfile
from pathlib import Path

import torch

from ptguide.devices import pick_device
from ptguide.models import MLP, MLPSettings

device = pick_device()
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)


def new_model():
    return MLP(MLPSettings(sizes=(64, 32, 10), dropout=0.2)).to(device)


model = new_model()
torch.save(model.state_dict(), folder / "weights.pt")

loaded = new_model()
loaded.load_state_dict(torch.load(folder / "weights.pt"))
for name, tensor in loaded.state_dict().items():
    print(f"{name:<16}", tuple(tensor.shape))

# %%
# What the file holds, and what not
# ---------------------------------
#
# It holds names and tensors. The class is not in it, nor are its settings: the program makes the same model first. So
# loading runs no code of the file, and the source may be moved. Call ``eval()`` before use, since a new model is in
# train mode; here that switches dropout off.

from ptguide.data import digits

images = digits().inputs[:6].to(device)
assert loaded.training
assert torch.equal(loaded.eval()(images), model.eval()(images))
assert b"MLP" not in (folder / "weights.pt").read_bytes()

# %%
# The sizes have to be those of the file; :ref:`loading-state-dict` mends what this message lists.

from ptguide.errors import expect_error

with expect_error(RuntimeError, match="size mismatch for layers.0.weight"):
    MLP(MLPSettings(sizes=(65, 32, 10))).load_state_dict(model.state_dict())

# %%
# The whole model, refused by default
# -----------------------------------
#
# ``torch.save(model)`` writes a *pickle*: names of classes, and how to rebuild their objects. The class itself is not
# in it, so a renamed or moved source breaks it. And building an object can call a function that the file names. Since
# release 2.6 :func:`torch.load` therefore reads tensors, plain values, and those classes that you have allowed. This
# belief is out of date: "``model = torch.load(path)``".

import pickle


def reason_to_refuse(path):
    try:
        torch.load(path)
    except pickle.UnpicklingError as error:
        return next(line for line in str(error).splitlines() if "Unsupported" in line).strip()


torch.save(model, folder / "whole.pt")
whole = (folder / "whole.pt").read_bytes()
assert b"ptguide.models.mlp" in whole  # the name of the class
assert b"def forward" not in whole  # not its code
reason = reason_to_refuse(folder / "whole.pt")
print(reason.partition(" Please")[0])
assert "GLOBAL ptguide.models.mlp.MLP was not an allowed global" in reason

# %%
# With ``weights_only=False`` it loads. Do this with files that you trust. Here is one that looks like weights and calls
# a function. It is ``print``; a stranger would choose another.


class Harmless:
    def __reduce__(self):  # how pickle is to rebuild the object: by calling this function
        return print, ("code from the file is running",)


torch.save({"weight": torch.ones(3), "note": Harmless()}, folder / "stranger.pt")
assert "GLOBAL print" in reason_to_refuse(folder / "stranger.pt")
torch.load(folder / "stranger.pt", weights_only=False)
restored = torch.load(folder / "whole.pt", weights_only=False)
assert torch.equal(restored.eval()(images), model.eval()(images))

# %%
# map_location: from one device to another
# ----------------------------------------
#
# A file says of each tensor on which device it was, and by default it goes there again. Where that device is missing,
# ``map_location`` has to name another. ``"cpu"`` exists on each machine, and ``load_state_dict`` copies to where the
# model is.

locations = set()
torch.load(folder / "weights.pt", map_location=lambda data, place: locations.add(place) or data)
assert {place.partition(":")[0] for place in locations} == {device.type}
assert torch.load(folder / "weights.pt")["layers.0.bias"].device.type == device.type
on_cpu = torch.load(folder / "weights.pt", map_location="cpu")
assert all(tensor.device.type == "cpu" for tensor in on_cpu.values())
model.load_state_dict(on_cpu)
assert next(model.parameters()).device.type == device.type

# %%
# safetensors
# -----------
#
# This is a format without pickle, which other languages and libraries read, too. It holds names and tensors, and
# strings about them. It suits weights that are passed on. The package is called safetensors. The tensors have to be
# contiguous, and no two may share memory.

from safetensors import torch as safetensors

safetensors.save_file(model.state_dict(), folder / "weights.safetensors")
back = safetensors.load_file(folder / "weights.safetensors")
assert all(torch.equal(back[name], tensor) for name, tensor in on_cpu.items())
with expect_error(ValueError, match="Key `epoch` is invalid"):
    safetensors.save_file({"epoch": 3}, folder / "epoch.safetensors")
with expect_error(ValueError, match="non contiguous tensor"):
    safetensors.save_file({"weight": torch.ones(3, 2).T}, folder / "transposed.safetensors")
shared = torch.ones(3)
try:
    safetensors.save_file({"one": shared, "other": shared}, folder / "shared.safetensors")
except RuntimeError as error:
    refusal = str(error)
assert "share memory" in refusal

# %%
# What goes wrong: keeping the best weights
# -----------------------------------------
#
# Training goes on after the best epoch, so its weights have to be kept. Two ways do not keep them.
# ``best = copy.deepcopy(model.state_dict)`` lacks the parentheses: it copies the method, not its result.
# ``best = model.state_dict()`` lacks the copy: its tensors are the model's own, and training goes on changing them.

import copy

best = copy.deepcopy(model.state_dict)
with expect_error(TypeError, match="got <class 'method'>"):
    model.load_state_dict(best)

alias, best = model.state_dict(), copy.deepcopy(model.state_dict())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model(images).square().sum().backward()
optimizer.step()
now = model.state_dict()
assert all(torch.equal(alias[name], tensor) for name, tensor in now.items())
assert not any(torch.equal(best[name], tensor) for name, tensor in now.items())
model.load_state_dict(best)

# %%
# Check yourself
# --------------

from ptguide.questions import ask

layer = torch.nn.Linear(3, 2)
kept = layer.state_dict()
with torch.no_grad():
    layer.bias.fill_(7)
ask(
    "kept = layer.state_dict(); then every number of the layer's bias is set to 7. What is kept['bias']?",
    answer=kept["bias"],
    choices={
        (7.0, 7.0): "Its tensors are those of the model. copy.deepcopy(...) keeps the old ones.",
        (0.0, 0.0): "Nothing has set them to 0.",
        "what the bias was before": "For this, copy.deepcopy(layer.state_dict()).",
    },
)

# %%
# And the file from another place:

question = ask(
    "torch.save(model, path) wrote a whole model. What does torch.load(path) do?",
    answer=lambda: type(torch.load(folder / "whole.pt")).__name__,
    choices={
        "MLP": "So it was until release 2.5, and with weights_only=False.",
        "OrderedDict": "For this, save model.state_dict().",
        pickle.UnpicklingError: "It refuses: to rebuild an object may run any code.",
    },
)
temporary.cleanup()
question

# %%
# Next: :ref:`resuming-training`, so that training can stop and go on.
