"""
.. _resuming-training:

How do I resume training from a checkpoint?
===========================================

A *checkpoint* is a file with everything that training changes: the weights, the state of the :term:`optimizer`, of the
schedule, of the random numbers and of the order of the data. On this page a training that was stopped ends with the
same weights, bit for bit, if it has them back. Without one of them it does not, and no error says so. You need to know
:ref:`saving-and-loading`.
"""

# %%
# What changes in a run: besides the model an optimizer, a schedule, which lowers the :term:`learning rate`, and the
# :term:`generator` that shuffles. Each can be saved.

import torch

from ptguide.data import batches, digits
from ptguide.devices import pick_device
from ptguide.models import MLP, MLPSettings

device = pick_device()


def new_run():
    torch.manual_seed(0)
    model = MLP(MLPSettings(sizes=(64, 32, 10), dropout=0.2)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    order = torch.Generator().manual_seed(1)
    return {"model": model, "optimizer": optimizer, "schedule": schedule, "order": order}


run = new_run()
for name in ("model", "optimizer", "schedule"):
    print(f"{name:<10}", *list(run[name].state_dict())[:3], "...")
print("order     ", len(run["order"].get_state()), "bytes")

# %%
# Here is a training with all of them. It runs for 3 :term:`epochs <epoch>` and writes a checkpoint. Dropout draws
# random numbers, so the state of the random numbers is part of it, on a GPU also that of the GPU.

import tempfile
from pathlib import Path

from torch.nn import functional as F

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
train_set = digits()


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
torch.save(checkpoint(run), folder / "checkpoint.pt")

# %%
# How much is that? Adam keeps two averages for each weight, one of its gradient and one of the square, so most of a
# checkpoint is not the model.

import matplotlib.pyplot as plt


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
# Resume
# ------
#
# Two trainings: one runs for 6 epochs. The other ran for 3 and was saved; now everything is made anew, as after a
# crash, loaded, and trained for 3 more. This checkpoint holds tensors and plain values, so :func:`torch.load` reads it
# with its safe default. On a CPU the optimizer takes the tensors of the dictionary themselves and trains on them, so
# each run gets a copy: the second run from the same dictionary ends with the same weights.

import copy


def resume(saved, without=()):
    run, saved = new_run(), copy.deepcopy(saved)
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
for _attempt in range(2):
    resumed = vector(train(resume(saved), epochs=3))
    assert torch.equal(resumed, straight)

# %%
# "state_dict is all that is needed to resume"
# --------------------------------------------
#
# It is not. Here each of the five parts is left out once. Training goes on without an error, and to other weights. The
# model begins anew, Adam begins again with empty averages, the schedule counts from the start, the data comes in the
# order of the first epoch, or dropout draws other units. The figure shows how far off each ends, beside the way that
# the 6 epochs went in all:

start = vector(new_run())
way = (straight - start).norm()
off = {}
for left_out in ("model", "optimizer", "schedule", "order", "random"):
    other = vector(train(resume(saved, without=[left_out]), epochs=3))
    off[left_out] = ((other - straight).norm() / way).item()
    assert off[left_out] > 1e-3

figure, axis = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
axis.barh(list(off), [100 * share for share in off.values()])
axis.set(xlabel="distance of the weights in % of the way", ylabel="left out")
axis.set_title("Without one part of the checkpoint, other weights come out")
axis.invert_yaxis()
plt.show()

# %%
# The model may be as good. But an exact resume can be tested with ``torch.equal``, as above.
#
# ptguide.training.Checkpoints
# ----------------------------
#
# ``fit`` does all this when it is given a folder: after each epoch it writes a checkpoint, whole or not at all, and a
# second call with the same folder goes on from the newest. Here a training of 6 epochs stops after 3.


from ptguide.training import Checkpoints, fit


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

# %%
# What goes wrong
# ---------------
#
# *Loaded, then made anew.* An optimizer holds the tensors of the model that it was given. Load into the model that it
# knows; a model that is made afterwards is another one, and the optimizer goes on training the old.

from ptguide.errors import expect_error

run = resume(saved)
other = new_run()["model"]
other.load_state_dict(saved["model"])
before = other.state_dict()["layers.0.weight"].clone()
train({**run, "model": other}, epochs=1)
assert torch.equal(other.state_dict()["layers.0.weight"], before)

# %%
# *The state of another optimizer.* The groups of parameters have to agree in number and size. The kind is not checked:
# SGD takes Adam's state without an error, and with it Adam's learning rate.

sgd = torch.optim.SGD(new_run()["model"].parameters(), lr=0.1)
sgd.load_state_dict(saved["optimizer"])
assert sgd.param_groups[0]["lr"] == saved["optimizer"]["param_groups"][0]["lr"] != 0.1
with expect_error(ValueError, match="doesn't match the size of optimizer's group"):
    torch.optim.Adam(torch.nn.Linear(3, 2).parameters()).load_state_dict(saved["optimizer"])
temporary.cleanup()

# %%
# Check yourself
# --------------

from ptguide.questions import ask

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
# And the schedule:

lrs = []
for without in ((), ["schedule", "optimizer"]):
    lrs.append(resume(saved, without)["optimizer"].param_groups[0]["lr"])
ask(
    "The learning rate began at 0.01 and is halved every 2 epochs. Then the run is resumed, but optimizer "
    "and schedule are left out. With which rate does it go on?",
    answer=lrs[1],
    choices={
        0.0025: "After 4 epochs it would be that, in the run that was not stopped.",
        0.005: "It is that only if the state of the optimizer, where the rate is kept, is loaded.",
        0.01: "A new optimizer begins with the rate that the program writes.",
    },
)

# %%
# Next: :ref:`feed-forward-digits`, a network whose mistakes are looked at.
