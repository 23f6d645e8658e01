"""
.. _saving-and-loading:

How do I save a model, load it, and resume training?
====================================================

To *use* a model later, save its ``state_dict``. To *go on training*, save a checkpoint: also the state of the
:term:`optimizer`, of the schedule, of the random numbers and of the order of the data. This page shows what each file
holds, and that a resumed training ends with the same weights, bit for bit. You need to know :ref:`the-training-loop`.
"""

# %%
# A small :term:`network`, saved in three ways. The figure counts what the files hold.

import copy
import pickle
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from safetensors import torch as safetensors
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.models import MLP, MLPSettings
from ptguide.questions import ask
from ptguide.training import Checkpoints, fit

device = pick_device()
train_set = digits()
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)


def new_model():
    return MLP(MLPSettings(sizes=(64, 32, 10), dropout=0.2)).to(device)


def new_run():
    torch.manual_seed(0)
    model = new_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    order = torch.Generator().manual_seed(1)
    return {"model": model, "optimizer": optimizer, "schedule": schedule, "order": order}


def train(run, epochs):
    model, optimizer = run["model"].train(), run["optimizer"]
    loader = batches(train_set, 50, shuffle=True, generator=run["order"], device=device)
    for _epoch in range(epochs):
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        run["schedule"].step()
    return run


def random_state():
    """Return the states that dropout draws from: of the CPU, and of a GPU where there is one."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states["device"] = torch.get_device_module(device).get_rng_state()
    return states


def checkpoint(run):
    parts = {name: run[name].state_dict() for name in ("model", "optimizer", "schedule")}
    return {**parts, "order": run["order"].get_state(), "random": random_state()}


run = train(new_run(), epochs=3)
model = run["model"]
torch.save(model, folder / "whole.pt")
torch.save(model.state_dict(), folder / "weights.pt")
torch.save(checkpoint(run), folder / "checkpoint.pt")


def count(value):
    """Return how many numbers there are in the tensors of a nested dictionary."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return value.numel() if isinstance(value, torch.Tensor) else 0


held = {part: count(state) for part, state in checkpoint(run).items()}
figure, axis = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
axis.barh(list(held), list(held.values()))
axis.set(xlabel="numbers in tensors", ylabel="part of the checkpoint")
axis.set_title("Adam keeps twice as many numbers as the model has weights")
axis.invert_yaxis()
plt.show()
weights = held["model"]
assert weights == 64 * 32 + 32 + 32 * 10 + 10
assert held["optimizer"] == 2 * weights + 4  # two averages of each weight, and four counts of steps

# %%
# 1. The state_dict, to use a model
# ---------------------------------
#
# A dictionary from names to tensors. The class is not in it: make the model first, then load the tensors into it. The
# file runs no code and does not care where the source lies. ``eval()`` before use, since a new model is in train mode.

print(list(model.state_dict()))
loaded = new_model()
loaded.load_state_dict(torch.load(folder / "weights.pt"))
images = train_set.inputs[:6].to(device)
assert loaded.training
assert torch.equal(loaded.eval()(images), model.eval()(images))

# %%
# The sizes have to be those of the file:

with expect_error(RuntimeError, match="size mismatch for layers.0.weight"):
    MLP(MLPSettings(sizes=(65, 32, 10))).load_state_dict(model.state_dict())

# %%
# 2. The whole model, refused by default
# --------------------------------------
#
# ``torch.save(model)`` writes a *pickle*: names of classes, and how to rebuild their objects. The class itself is not
# in it, so a renamed or moved file breaks it. And building an object can call *any* function. Since release 2.6
# :func:`torch.load` therefore reads tensors and plain values only, and this belief is out of date:
# "``model = torch.load(path)``".


def reason_to_refuse(path):
    try:
        torch.load(path)
    except pickle.UnpicklingError as error:
        return next(line for line in str(error).splitlines() if "Unsupported" in line).strip()


whole = (folder / "whole.pt").read_bytes()
assert b"ptguide.models.mlp" in whole  # the name of the class
assert b"def forward" not in whole  # not its code
reason = reason_to_refuse(folder / "whole.pt")
print(reason.partition(" Please")[0])
assert "GLOBAL ptguide.models.mlp.MLP was not an allowed global" in reason

# %%
# With ``weights_only=False`` it loads. Do this with files of your own only: here is one that looks like weights and
# calls a function. It is ``print``; it could be any other.


class Harmless:
    def __reduce__(self):  # how pickle is to rebuild the object: by calling this function
        return print, ("code from the file is running",)


torch.save({"weight": torch.ones(3), "note": Harmless()}, folder / "stranger.pt")
assert "GLOBAL print" in reason_to_refuse(folder / "stranger.pt")
torch.load(folder / "stranger.pt", weights_only=False)
restored = torch.load(folder / "whole.pt", weights_only=False)
assert torch.equal(restored.eval()(images), model.eval()(images))

# %%
# 3. A checkpoint, to go on
# -------------------------
#
# Two trainings: one runs for 6 epochs. The other ran for 3 and was saved; now everything is made anew, as after a
# crash, loaded, and trained for 3 more. A checkpoint that holds plain values only is read with the safe default.


def resume(saved, without=()):
    run = new_run()
    for name in {"model", "optimizer", "schedule"} - set(without):
        run[name].load_state_dict(saved[name])
    if "order" not in without:
        run["order"].set_state(saved["order"])
    if "random" not in without:
        torch.set_rng_state(saved["random"]["cpu"])
        if device.type != "cpu":
            torch.get_device_module(device).set_rng_state(saved["random"]["device"])
    return run


def vector(run):
    return torch.nn.utils.parameters_to_vector(run["model"].parameters()).detach()


straight = vector(train(new_run(), epochs=6))
saved = torch.load(folder / "checkpoint.pt", map_location="cpu")
resumed = vector(train(resume(saved), epochs=3))
assert torch.equal(resumed, straight)

# %%
# "state_dict is all that is needed to resume"
# --------------------------------------------
#
# It is not. Whatever is left out, training goes on without an error, and to other weights: Adam begins again with empty
# averages, the schedule counts from 0, the data comes in the order of the first epoch, dropout draws other units. How
# far off each ends, beside the way that the 6 epochs went in all:

start = vector(new_run())
way = (straight - start).norm()
off = {}
for left_out in ("optimizer", "schedule", "order", "random"):
    other = vector(train(resume(saved, without=[left_out]), epochs=3))
    off[left_out] = ((other - straight).norm() / way).item()
    assert off[left_out] > 1e-3

figure, axis = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
axis.barh(list(off), [100 * share for share in off.values()])
axis.set(xlabel="distance of the weights in % of the way", ylabel="left out")
axis.set_title("Whatever is left out of a checkpoint, other weights come out")
axis.invert_yaxis()
plt.show()

# %%
# The model may be as good. But only an exact resume can be tested, as this page did: with ``torch.equal``.
#
# map_location: from one device to another
# ----------------------------------------
#
# A file says of each tensor on which device it was, and by default it goes there again. Where that device is missing,
# ``map_location`` has to name another. ``"cpu"`` is always right: ``load_state_dict`` copies to where the model is.

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
# A format without pickle, which other languages and libraries read too: names and tensors, nothing else. It suits
# weights that are passed on. The package is called safetensors; a model's tensors have to be contiguous and apart from
# each other.

safetensors.save_file(model.state_dict(), folder / "weights.safetensors")
back = safetensors.load_file(folder / "weights.safetensors")
assert all(torch.equal(back[name], tensor) for name, tensor in on_cpu.items())
with expect_error(ValueError, match="Key `epoch` is invalid"):
    safetensors.save_file({"epoch": 3}, folder / "epoch.safetensors")

# %%
# What goes wrong: keeping the best weights
# -----------------------------------------
#
# ``best = copy.deepcopy(model.state_dict)`` lacks the parentheses: it copies the method, not its result.
# ``best = model.state_dict()`` lacks the copy: its tensors are the model's own, and training goes on changing them.

best = copy.deepcopy(model.state_dict)
with expect_error(TypeError, match="got <class 'method'>"):
    model.load_state_dict(best)

alias, best = model.state_dict(), copy.deepcopy(model.state_dict())
train(run, epochs=1)
now = model.state_dict()
assert all(torch.equal(alias[name], tensor) for name, tensor in now.items())
assert not any(torch.equal(best[name], tensor) for name, tensor in now.items())

# %%
# ptguide.training.Checkpoints
# ----------------------------
#
# ``fit`` does all this when it is given a folder: after each epoch it writes a checkpoint, whole or not at all, and a
# second call with the same folder goes on from the newest. Here a training of 6 epochs stops after 3.


def fit_digits(epochs, **settings):
    run = new_run()
    loader = batches(train_set, 50, shuffle=True, generator=run["order"])
    parts = {"schedule": run["schedule"], "schedule_every": "epoch"}
    fit(run["model"], loader, F.cross_entropy, run["optimizer"], epochs=epochs, **parts, **settings)
    return vector(run)


fit_digits(epochs=3, checkpoints=Checkpoints(folder / "checkpoints"))
resumed = fit_digits(
    epochs=6, checkpoints=Checkpoints(folder / "checkpoints")
)  # goes on from epoch 3
assert torch.equal(resumed, fit_digits(epochs=6))
assert torch.equal(resumed, straight)
temporary.cleanup()

# %%
# Check yourself
# --------------

averages = count(run["optimizer"].state_dict()) - 4  # the four counts of steps left out
ask(
    f"The model has {weights} weights. How many numbers does Adam remember, its counts of steps left out?",
    answer=averages,
    choices={
        0: "So it is for SGD without momentum.",
        weights: "So it is for SGD with momentum: one average for each weight.",
        2
        * weights: "An average of each gradient and one of its square. Without them, Adam begins anew.",
    },
)

# %%
# And the best weights, once more:

layer = torch.nn.Linear(3, 2)
kept = layer.state_dict()
with torch.no_grad():
    layer.bias.fill_(7)
ask(
    "kept = layer.state_dict(); then every number of the layer's bias is set to 7. What is kept['bias']?",
    answer=kept["bias"],
    choices={
        (
            7.0,
            7.0,
        ): "The tensors of a state_dict are those of the model. copy.deepcopy(...) keeps the old ones.",
        (0.0, 0.0): "Nothing has set them to 0.",
        "what the bias was before": "For this, copy.deepcopy(layer.state_dict()).",
    },
)

# %%
# Next: :ref:`feed-forward-digits`, a network whose mistakes are looked at.
