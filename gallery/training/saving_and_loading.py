"""
.. _saving-and-loading:

How do I save a model and load it? (state_dict)
===============================================

You have a trained model, and need it tomorrow, or on another machine. Save its ``state_dict``, a dictionary of its
tensors, because :func:`torch.load` refuses a file with the whole model by default, and such a file breaks when your
code moves.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy
import pickle
import sys
import tempfile
import types
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

device = pick_device()
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
images, labels = (part.to(device) for part in digits("validation")[:])
random = torch.Generator().manual_seed(0)
loader = batches(digits("train"), 50, shuffle=True, generator=random, device=device)


class Reader(nn.Sequential):
    """A network that reads digits."""

    def __init__(self):
        super().__init__(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))


def accuracy(model):
    """Return the fraction of the validation images that a model reads right."""
    with torch.no_grad():
        answers = copy.deepcopy(model).eval()(images.flatten(1)).argmax(dim=1)
    return (answers == labels).float().mean().item()


def train(model, epochs=1, lr=0.5):
    def forward(model, batch):
        return model(batch[0].flatten(1)), batch[1]

    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    fit(model, loader, F.cross_entropy, optimizer, epochs=epochs, forward=forward)


def refusal(path):
    """Return what torch.load does not accept in a file."""
    try:
        torch.load(path)
    except pickle.UnpicklingError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        (reason,) = [line for line in lines if "Unsupported" in line]
        return reason.partition(" Please")[0].partition(": ")[2]


torch.manual_seed(0)
model = Reader().to(device)
train(model, epochs=3)

# %%

torch.save(model.state_dict(), folder / "weights.pt")
for name, tensor in torch.load(folder / "weights.pt").items():
    print(f"{name:<22}", tuple(tensor.shape))

# %%
# The file holds names, and a tensor for each. A name begins with the place of its layer in this network for digits.
# (ReLU has no tensors.) You need to know :ref:`the-training-loop` and :ref:`anatomy-of-nn-module`.
#
# The rule
# --------
#
# Save tensors, and let code make the model. To load, make the same model again, fill the tensors in, and switch to
# eval mode, because a new model is in train mode. With ``map_location="cpu"`` a file that was written on a GPU can be
# read on a machine without one.

loaded = Reader().to(device)
loaded.load_state_dict(torch.load(folder / "weights.pt", map_location="cpu"))
loaded.eval()
print(f"new: {accuracy(Reader().to(device)):.1%} right, loaded: {accuracy(loaded):.1%}")
assert accuracy(loaded) == accuracy(model) > 0.85

# %%
# What is in it, and what not
# ---------------------------
#
# A ``state_dict`` holds the parameters and the :term:`buffers <buffer>`. The optimizer changes the parameters. The
# buffers here are the statistics of batch norm. (One made with ``persistent=False`` is left out.) The class is not in
# the file, nor are its settings or the state of the optimizer.

parameters = dict(model.named_parameters())
for name in model.state_dict():
    print(f"{name:<22}", "parameter" if name in parameters else "buffer")
assert b"Reader" not in (folder / "weights.pt").read_bytes()

# %%
# The whole model, refused
# ------------------------
#
# ``torch.save(model)`` writes a *pickle*: the names of classes, and how to build their objects. The code is not in it,
# so the file breaks when the class is renamed or moved. Since release 2.6 :func:`torch.load` refuses such a file by
# default.

torch.save(nn.Sequential(nn.Linear(3, 2)), folder / "whole.pt")
print(refusal(folder / "whole.pt"))

# %%
# The reason is safety. To build an object, a pickle may call a function that the file names. Here is a file that looks
# like weights. It calls ``print``, and a stranger would choose another function. The default refuses it, and
# ``weights_only=False`` runs it.


class Harmless:
    def __reduce__(self):  # how pickle is to build the object: by calling this function
        return print, ("code from the file is running",)


torch.save({"weight": torch.ones(3), "note": Harmless()}, folder / "stranger.pt")
print(refusal(folder / "stranger.pt"))
assert torch.load(folder / "stranger.pt", weights_only=False)["note"] is None

# %%
# .. use-this::
#
#    Save with ``torch.save(model.state_dict(), path)``. To load, make the model and call
#    ``model.load_state_dict(torch.load(path, map_location="cpu"))``, then ``eval()``. Keep the settings of the model
#    beside it, for instance in the same dictionary. While it loads, the weights are in memory twice. To continue a
#    training, :ref:`save more <resuming-training>`. To give weights to others, use the package safetensors, whose
#    format has no pickle. Do not set ``weights_only=False`` for a file that you got from a stranger.

path, other = folder / "again.pt", Reader()
torch.save(model.state_dict(), path)
other.load_state_dict(torch.load(path, map_location="cpu"))

# %%
# A common mistake
# ----------------
#
# **The best weights, not kept.** You want the weights of the best epoch, and training goes on.
# ``best = model.state_dict()`` is not a copy. Its tensors are those of the model, and training changes them.
# ``copy.deepcopy`` keeps them. Here the training goes on with a learning rate that is too large.

alias, kept = model.state_dict(), copy.deepcopy(model.state_dict())
best = accuracy(model)
train(model, lr=50.0)
for name, state in {"state_dict()": alias, "deepcopy": kept}.items():
    model.load_state_dict(state)
    print(f"best {best:.1%}, loaded from {name}: {accuracy(model):.1%}")
assert accuracy(model) == best

# %%
# How this was checked

read = torch.load(folder / "weights.pt", map_location="cpu")
for name, tensor in read.items():
    assert tensor.device.type == "cpu"
    assert torch.equal(tensor, loaded.state_dict()[name].cpu())
for tensor in torch.load(folder / "weights.pt").values():
    assert tensor.device.type == device.type  # by default a tensor goes where it was
loaded.eval()
torch.testing.assert_close(
    loaded(images.flatten(1)), copy.deepcopy(model).eval()(images.flatten(1))
)
assert Reader().training
for name, tensor in loaded.state_dict().items():
    assert tensor.data_ptr() != read[name].data_ptr()  # twice in memory
unsaved = nn.Module()
unsaved.register_buffer("left_out", torch.ones(3), persistent=False)
assert not unsaved.state_dict()
settings = {"features": 64, "name": "reader"}
torch.save({"settings": settings, "weights": model.state_dict()}, folder / "both.pt")
assert torch.load(folder / "both.pt")["settings"] == settings
assert isinstance(torch.load(folder / "whole.pt", weights_only=False), nn.Sequential)
whole = (folder / "whole.pt").read_bytes()
assert b"torch.nn.modules.linear" in whole  # the name of the class
assert b"def forward" not in whole  # not its code
place = sys.modules["old_place"] = types.ModuleType("old_place")
place.Named = type("Named", (nn.Linear,), {"__module__": "old_place"})
torch.save(place.Named(3, 2), folder / "moved.pt")
del place.Named  # as if the class had been renamed
with expect_error(AttributeError, match="Can't get attribute 'Named'"):
    torch.load(folder / "moved.pt", weights_only=False)
del sys.modules["old_place"]
with expect_error(TypeError, match="got <class 'method'>"):  # the parentheses are missing
    model.load_state_dict(copy.deepcopy(model.state_dict))
with expect_error(RuntimeError, match="size mismatch for weight"):
    nn.Linear(3, 2).load_state_dict(nn.Linear(4, 2).state_dict())

from safetensors import torch as safetensors

safetensors.save_file(model.state_dict(), folder / "weights.safetensors")
for name, tensor in safetensors.load_file(folder / "weights.safetensors").items():
    assert torch.equal(tensor, model.state_dict()[name].cpu())
with expect_error(ValueError, match="non contiguous tensor"):
    safetensors.save_file({"weight": torch.ones(3, 2).T}, folder / "transposed.safetensors")

# %%
# Check yourself
# --------------

layer = nn.Linear(3, 2)
held = layer.state_dict()
with torch.no_grad():
    layer.bias.fill_(7)
ask(
    "held = layer.state_dict(); then every number of the layer's bias is set to 7. What is held['bias']?",
    answer=held["bias"],
    choices={
        (7.0, 7.0): "Its tensors are those of the model. copy.deepcopy(...) keeps the old numbers.",
        (0.0, 0.0): "Nothing has set them to 0.",
        "what the bias was before": "For this, copy.deepcopy(layer.state_dict()).",
    },
)

# %%
# The next question asks about the file from another place.

question = ask(
    "torch.save(model, path) wrote a whole model. What does torch.load(path) do?",
    answer=lambda: type(torch.load(folder / "whole.pt")).__name__,
    choices={
        "Sequential": "It did until release 2.5, and does with weights_only=False.",
        "OrderedDict": "For this, save model.state_dict().",
        pickle.UnpicklingError: "It refuses, because building an object may run code from the file.",
    },
)
temporary.cleanup()
question

# %%
# **Exercise.** One pretrained network was trained further in three ways, which gave three files. Wortsman et al.
# (below) take the mean of their weights as one network, a model soup. ``states`` is a list of state dicts. Return a
# dict with the mean of each tensor. Take integers, such as a count of batches, from the first.


def by_loops(states):
    means = []
    for name, first in states[0].items():
        rows = zip(*[state[name].flatten().tolist() for state in states], strict=True)
        whole = not first.is_floating_point()
        means += [float(row[0]) if whole else sum(row) / len(row) for row in rows]
    return torch.tensor(means)


a, b = torch.tensor([1.0, 5.0]), torch.tensor([[2.0], [0.0]])
cases = [
    ([{"weight": a}, {"weight": 3 * a}],),
    ([{"weight": b, "count": torch.tensor(k)} for k in (7, 8, 9)],),
    ([{"bias": a * k, "weight": b + k, "count": torch.tensor([k])} for k in (1, 4)],),
]


def soup(states):
    raise NotImplementedError


def as_vector(mix):
    return lambda states: torch.cat([one.flatten().float() for one in mix(states).values()])


check(as_vector(soup), by_loops, cases)

# %%
# Stack the tensors of one name, and take the mean along the new axis.

# Solution


def soup(states):
    mixed = {}
    for name, first in states[0].items():
        mean = torch.stack([state[name].float() for state in states]).mean(dim=0)
        mixed[name] = mean.to(first.dtype) if first.is_floating_point() else first
    return mixed


report = check(as_vector(soup), by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`resuming-training`, so that a training can stop and continue.
#
# - PyTorch contributors (2026). `Serialization semantics
#   <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__. What torch.save writes, and how to allow a class
#   for torch.load.
# - Wortsman et al. (2022). `Model soups <https://arxiv.org/abs/2203.05482>`__. The exercise, on large networks.
