"""
.. _resuming-training:

How do I resume training from a checkpoint?
===========================================

A training of many hours was stopped, and you want to go on as if it had not been. With the weights alone it ends at
other weights without an error, so save each state that training changes.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.models import MLP, MLPSettings
from ptguide.questions import ask
from ptguide.training import Checkpoints, fit

device = pick_device()
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
train_set = digits("train")


def new_run():
    torch.manual_seed(0)
    model = MLP(MLPSettings(sizes=(64, 32, 10), dropout=0.2)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    order = torch.Generator().manual_seed(1)
    return {
        "model": model,
        "optimizer": optimizer,
        "schedule": schedule,
        "order": order,
        "epoch": 0,
    }


def train(run, epochs):
    """Train until a run has had so many epochs."""
    model, optimizer = run["model"].train(), run["optimizer"]
    loader = batches(train_set, 50, shuffle=True, generator=run["order"], device=device)
    for _ in range(run["epoch"], epochs):
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        run["schedule"].step()
        run["epoch"] += 1
    return run


def random_states():
    """Return the states that dropout draws from: of the CPU, and of a GPU where there is one."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states["device"] = torch.get_device_module(device).get_rng_state()
    return states


def set_random_states(states):
    torch.set_rng_state(states["cpu"])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states["device"])


def weights(run):
    return nn.utils.parameters_to_vector(run["model"].parameters()).detach()


def count(value):
    """Return how many numbers there are in the tensors of a nested dictionary."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return value.numel() if isinstance(value, torch.Tensor) else 0


def checkpoint(run):
    parts = {name: run[name].state_dict() for name in ("model", "optimizer", "schedule")}
    order, random = run["order"].get_state(), random_states()
    return {**parts, "order": order, "random": random, "epoch": run["epoch"]}


def resume(saved, without=()):
    run, saved = new_run(), copy.deepcopy(saved)
    for name in {"model", "optimizer", "schedule"} - set(without):
        run[name].load_state_dict(saved[name])
    if "order" not in without:
        run["order"].set_state(saved["order"])
    if "random" not in without:
        set_random_states(saved["random"])
    return {**run, "epoch": saved["epoch"]}


straight = weights(train(new_run(), epochs=6))
half = checkpoint(train(new_run(), epochs=3))
way = (straight - weights(new_run())).norm()
parts = ("model", "optimizer", "schedule", "order", "random")
off = {"nothing": ((weights(train(resume(half), 6)) - straight).norm() / way).item()}
for part in parts:
    other = weights(train(resume(half, without=[part]), epochs=6))
    off[part] = ((other - straight).norm() / way).item()


def draw_distances():
    names = {"order": "order of the data", "random": "random numbers"}
    _, axis = plt.subplots(figsize=(5.4, 2.6), layout="constrained")
    axis.barh([names.get(name, name) for name in off], [100 * part for part in off.values()])
    axis.set(xlabel="how far off the weights end, in %", ylabel="not restored")
    axis.invert_yaxis()
    plt.suptitle("A whole checkpoint ends at the same weights")
    plt.show()


# %%

draw_distances()

# %%
# A network was trained for 6 epochs. It was trained again for :val:`3 <half["epoch"]>` epochs, stopped, and resumed
# without the part that the row names. A bar is the distance of its weights from those of the first training, in percent
# of the distance that the first training covered. With nothing left out they are equal, bit for bit. You need to know
# :ref:`saving-and-loading`.
#
# The rule
# --------
#
# A checkpoint holds the state of each thing that training changes: (model, optimizer, schedule, order of the data,
# random numbers, epoch). Save it at the end of an epoch. Within an epoch, you would have to note which batches were
# seen.

run = train(new_run(), epochs=3)
parts = {name: run[name].state_dict() for name in ("model", "optimizer", "schedule")}
order, random = run["order"].get_state(), random_states()
saved = {**parts, "order": order, "random": random, "epoch": run["epoch"]}
torch.save(saved, folder / "checkpoint.pt")
print({name: count(part) for name, part in parts.items()}, "numbers in tensors")
assert count(parts["optimizer"]) == 2 * count(parts["model"]) + 4

# %%
# Adam keeps two averages for each weight, and a count of steps for each of the
# :val:`4 <len(saved["optimizer"]["state"])>` tensors. So its part is twice as large as the model. SGD without momentum
# keeps nothing. ``order`` is the :term:`generator` that shuffles, and ``random`` the state that dropout draws from
# (:func:`torch.get_rng_state`, and that of the GPU).
#
# Resume
# ------
#
# Make each object as at the start, which ``new_run`` does here, then load its state. The file holds tensors and plain
# values, so :func:`torch.load` reads it with its safe default. Go on from the epoch in the file.

saved = torch.load(folder / "checkpoint.pt", map_location="cpu")
run = new_run()
for name in ("model", "optimizer", "schedule"):
    run[name].load_state_dict(saved[name])
run["order"].set_state(saved["order"])
set_random_states(saved["random"])
run["epoch"] = saved["epoch"]
print("equal to the run that was not stopped:", torch.equal(weights(train(run, 6)), straight))
assert torch.equal(weights(run), straight)

# %%
# .. use-this::
#
#    Save model, optimizer, schedule, the states of the random numbers and the number of the epoch, after each epoch.
#    Write to another name first and rename the file, so that a crash while writing leaves the old one. With Adam,
#    model and optimizer take about three times the size of the weights. ``ptguide.training.fit`` saves and resumes
#    when it gets ``checkpoints``: the second call goes on where the first ended.


def fit_digits(epochs, checkpoints):
    run = new_run()
    loader = batches(train_set, 50, shuffle=True, generator=run["order"])
    settings = {"schedule": run["schedule"], "schedule_every": "epoch", "checkpoints": checkpoints}
    fit(run["model"], loader, F.cross_entropy, run["optimizer"], epochs=epochs, **settings)
    return weights(run)


fit_digits(3, Checkpoints(folder / "run"))
assert torch.equal(fit_digits(6, Checkpoints(folder / "run")), straight)

# %%
# Common mistakes
# ---------------
#
# **A new learning rate that has no effect.** The rate is part of the optimizer's state, so loading brings the old one
# back. Set it in ``param_groups`` afterwards. ``StepLR`` then multiplies your rate. Other schedules, such as
# ``LambdaLR``, overwrite it at their next step. For those, set ``initial_lr`` too, and make the schedule again.

model = new_run()["model"]
optimizer = torch.optim.Adam(model.parameters(), lr=0.0001)
optimizer.load_state_dict(saved["optimizer"])
print("after loading:", optimizer.param_groups[0]["lr"])
for group in optimizer.param_groups:
    group["lr"] = 0.0001
print("set again:    ", optimizer.param_groups[0]["lr"])
assert saved["optimizer"]["param_groups"][0]["lr"] == 0.005

# %%
# **A model that is made after its optimizer.** The optimizer holds the parameters that it was given. A new model with
# the same weights is not trained by it. Load into the model that the optimizer knows.

run = resume(saved)
other = new_run()["model"]
other.load_state_dict(saved["model"])
before = copy.deepcopy(other.state_dict())
train({**run, "model": other}, epochs=4)
changed = [name for name, part in other.state_dict().items() if not torch.equal(part, before[name])]
print("changed in one epoch:", changed)
assert not changed

# %%
# How this was checked

assert off["nothing"] == 0
for part in ("model", "optimizer", "schedule", "order", "random"):
    assert off[part] > 1e-3
# On a CPU an optimizer trains on the tensors of the dictionary that it loads, so the file is read again.
saved = torch.load(folder / "checkpoint.pt", map_location="cpu")
for _attempt in range(2):  # resume copies, so a second run from the same dictionary is the same
    assert torch.equal(weights(train(resume(saved), epochs=6)), straight)
# The kind of the optimizer is not checked, its groups are.
sgd = torch.optim.SGD(new_run()["model"].parameters(), lr=0.1)
sgd.load_state_dict(saved["optimizer"])
assert sgd.param_groups[0]["lr"] == 0.005
with expect_error(ValueError, match="doesn't match the size of optimizer's group"):
    torch.optim.Adam(nn.Linear(3, 2).parameters()).load_state_dict(saved["optimizer"])
plain = torch.optim.SGD(nn.Linear(3, 2).parameters(), lr=0.1)
assert plain.state_dict()["state"] == {}
# What two schedules make of a rate that was set by hand.
for kind, expected in {"StepLR": 0.0001 * 0.5, "LambdaLR": 0.01 * 0.5}.items():
    optimizer = torch.optim.Adam(nn.Linear(3, 2).parameters(), lr=0.01)
    by_kind = {
        "StepLR": lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5),
        "LambdaLR": lambda optimizer: torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda n: 0.5**n
        ),
    }
    schedule = by_kind[kind](optimizer)
    optimizer.param_groups[0]["lr"] = 0.0001
    optimizer.step()
    schedule.step()
    torch.testing.assert_close(optimizer.param_groups[0]["lr"], expected)
    optimizer.param_groups[0] |= {"lr": 0.0001, "initial_lr": 0.0001}
    schedule = by_kind[kind](optimizer)  # made again
    optimizer.step()
    schedule.step()
    torch.testing.assert_close(optimizer.param_groups[0]["lr"], 0.0001 * 0.5)
temporary.cleanup()

# %%
# Check yourself
# --------------

averages = count(saved["optimizer"]) - 4  # the four counts of steps left out
size = count(saved["model"])
ask(
    f"The model has {size} weights. How many numbers does Adam keep, its counts of steps left out?",
    answer=averages,
    choices={
        0: "That is the number for SGD without momentum.",
        size: "That is the number for SGD with momentum: one velocity for each weight.",
        2 * size: "An average of each gradient and one of its square.",
    },
)

# %%
# The next question asks about the schedule.

bare = resume(saved, ["schedule", "optimizer"])
ask(
    "The learning rate began at 0.01 and is halved every 2 epochs. After 3 epochs the run is resumed, but optimizer "
    "and schedule are left out. With which rate does it go on?",
    answer=bare["optimizer"].param_groups[0]["lr"],
    choices={
        0.0025: "After 4 epochs it would be that, in the run that was not stopped.",
        0.005: "The rate was this when the run stopped. It is kept in the state of the optimizer.",
        0.01: "A new optimizer begins with the rate that the program writes.",
    },
)

# %%
# **Exercise.** Write SGD with momentum so that it can be stopped. In each step the velocity becomes
# ``momentum * velocity + gradient``, and ``lr * velocity`` is subtracted from the weight. Return weight and velocity
# after all steps, stacked, so that a second call can go on from there.


def by_torch(weight, velocity, gradients, lr, momentum):
    weight = weight.clone().requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=lr, momentum=momentum)
    optimizer.state[weight]["momentum_buffer"] = velocity.clone()
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    return torch.stack([weight.detach(), optimizer.state[weight]["momentum_buffer"]])


cases = [
    (torch.tensor([5.0]), torch.tensor([0.0]), torch.tensor([[1.0]]), 0.1, 0.9),
    (torch.tensor([5.0]), torch.tensor([2.0]), torch.tensor([[1.0]]), 0.1, 0.9),
    (torch.zeros(2), torch.ones(2), torch.arange(6.0).reshape(3, 2), 0.5, 0.5),
]


def momentum_steps(weight, velocity, gradients, lr, momentum):
    raise NotImplementedError


check(momentum_steps, by_torch, cases)

# %%
# The velocity is what a checkpoint of this optimizer has to hold. The second case fails if the velocity starts at 0.

# Solution


def momentum_steps(weight, velocity, gradients, lr, momentum):
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        weight = weight - lr * velocity
    return torch.stack([weight, velocity])


report = check(momentum_steps, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`optimizers`, what ``step`` does with the gradients, and which optimizer to take.
#
# - PyTorch contributors (2026). `Reproducibility <https://docs.pytorch.org/docs/stable/notes/randomness.html>`__. When
#   two runs give the same numbers, and when they cannot.
