"""
.. _the-best-weights-were-not-kept:

best = model.state_dict() gives the last weights, not the best
==============================================================

``state_dict()`` copies nothing: its tensors share the memory of the model's, which training changes. Write ``best =
copy.deepcopy(model.state_dict())``, or save to a file, when the validation loss falls below its smallest value so far.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy
import io

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train, validation = digits("train"), digits("validation")
held_out, truth = validation.inputs.flatten(1), validation.targets


def make_network():
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


@torch.no_grad()
def validation_loss(model):
    return F.cross_entropy(model(held_out), truth).item()


def fit(seed, keep):
    """Train on 200 digits, 30 % of them with random labels; load what ``keep`` kept of the best epoch."""
    torch.manual_seed(seed)
    x, y = train.inputs[:200].flatten(1), train.targets[:200].clone()
    y[:60] = torch.randint(10, (60,))
    model = make_network()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    curve, training = [], []
    for _ in range(40):
        total = 0.0
        for rows in torch.randperm(200).split(25):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        training.append(total / 200)
        curve.append(validation_loss(model))
        if curve[-1] == min(curve):
            best = keep(model)
    model.load_state_dict(best)
    return curve, training, validation_loss(model)


def by_reference(model):
    return model.state_dict()


def by_copy(model):
    return copy.deepcopy(model.state_dict())


referenced = [fit(seed, by_reference) for seed in range(5)]
copied = [fit(seed, by_copy) for seed in range(5)]


def draw_curves():
    figure, axis = plt.subplots(figsize=(5.8, 2.5), layout="constrained")
    for runs, marker, label in [
        (referenced, "C1s", "model.state_dict()"),
        (copied, "C0o", "copy.deepcopy(model.state_dict())"),
    ]:
        for curve, _, loaded in runs:
            axis.plot(range(1, 41), curve, color="gray", alpha=0.5)
            place = curve.index(min(curve)) + 1 if runs is copied else 40
            axis.plot(place, loaded, marker, label=label if curve is runs[0][0] else None)
    axis.set(xlabel="epoch", ylabel="validation loss")
    axis.legend(title="loaded at the end", fontsize="small")
    figure.suptitle("What was kept as the best went on training")
    plt.show()


# %%

# Varies with the processor: five trainings each.
draw_curves()

# %%
# Five networks learn a few digits, some with wrong labels, and overfit: the validation loss rises again. Both programs
# meant to keep the best epoch and to load it at the end. The orange ones loaded the weights of the last epoch.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`best = model.state_dict() <best-reference>`                     ``copy.deepcopy(model.state_dict())``
# :ref:`best = state.copy(), dict(state), .cpu() <best-shallow>`        the same, or ``value.clone()``
# :ref:`best_model = model <best-name>`                                 ``copy.deepcopy(model)``
# :ref:`best = copy.deepcopy(model.state_dict) <best-parentheses>`      ``model.state_dict()`` with parentheses
# :ref:`best is chosen by the training loss <best-training>`            the validation loss
# :ref:`best is kept and not loaded <best-test>`                        ``model.load_state_dict(best)``
# ====================================================================  =============================================
#
# .. _best-reference:
#
# The rule
# --------
#
# An optimizer changes the parameters in place, and another tensor of the same memory sees the change.
# ``state_dict()`` gives a new dict of tensors of the *same* memory.

model = make_network()
best, safe = model.state_dict(), copy.deepcopy(model.state_dict())
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
F.cross_entropy(model(held_out), truth).backward()
optimizer.step()
for name, kept in {"state_dict()": best, "deepcopy": safe}.items():
    same = torch.equal(kept["0.weight"], model[0].weight)
    print(f"{name:<13} has the weights after the step: {same}")
    assert same == (name == "state_dict()")

# %%
# .. _best-shallow:
#
# Copies that are none
# --------------------
#
# ``state.copy()`` and ``dict(state)`` copy the dict and not its tensors. ``detach()`` does not copy, either. ``cpu()``
# returns a tensor of the CPU itself, without a copy, so a program that worked on a GPU may fail here. ``clone()``
# copies.

state = model.state_dict()
ways = {
    "state.copy()": state.copy(),
    "dict(state)": dict(state),
    "detach()": {name: value.detach() for name, value in state.items()},
    "cpu()": {name: value.cpu() for name, value in state.items()},
    "clone()": {name: value.clone() for name, value in state.items()},
}
for name, kept in ways.items():
    copies = kept["0.weight"].data_ptr() != model[0].weight.data_ptr()
    print(f"{name:<13} {'copies' if copies else 'does not copy'}")
    assert copies == (name == "clone()")

# %%
# .. _best-parentheses:
#
# Without parentheses
# -------------------
#
# ``copy.deepcopy(model.state_dict)`` raises nothing where the best is kept. It copies the method with its model.
# The error comes where it is loaded, after the training. See :ref:`loading-state-dict`. The weights are not lost: call
# what was kept.

best = copy.deepcopy(model.state_dict)
with expect_error(TypeError, match="Expected state_dict to be dict-like"):
    model.load_state_dict(best)
model.load_state_dict(best())

# %%
# .. _best-training:
#
# Best by the training loss
# -------------------------
#
# The training loss falls while the network learns the wrong labels by heart. Its smallest value is near the end, where
# the validation loss is large. Choose by data that the training has not seen.

# Varies with the processor: the same five trainings.
for curve, training, _ in copied:
    by_training, by_validation = training.index(min(training)), curve.index(min(curve))
    print(
        f"by training: epoch {by_training + 1}, validation loss {curve[by_training]:.2f};",
        f"by validation: epoch {by_validation + 1}, {curve[by_validation]:.2f}",
    )

# %%
# .. _best-test:
#
# A test of three lines
# ---------------------
#
# Load what you kept, measure again in evaluation mode, and compare with the value that made it the best. The test also
# finds that nothing was loaded. It finds neither mistake if the last epoch was the best, so train until the loss has
# risen.


def test_the_best_is_what_was_loaded(curve, loaded):
    assert abs(loaded - min(curve)) < 1e-4, f"loaded {loaded:.2f}, the best was {min(curve):.2f}"


for curve, _, loaded in copied:
    test_the_best_is_what_was_loaded(curve, loaded)
for curve, _, loaded in referenced:
    with expect_error(AssertionError, match="the best was"):
        test_the_best_is_what_was_loaded(curve, loaded)

# %%
# .. use-this::
#
#    Keep ``copy.deepcopy(model.state_dict())`` when the validation loss is smaller than before, and load it at the end.
#    It costs the memory of the weights once more. For a long training use ``torch.save``: the file survives a crash,
#    and writing it takes time. Then measure once on a test set, because the smallest of many validation losses may
#    be a little too good. To go on training from there, keep the state of the optimizer, too: see
#    :ref:`resuming-training`.
#
# .. _best-name:
#
# A common mistake
# ----------------
#
# **best_model = model.** A name is no copy: both are one network. ``copy.deepcopy(model)`` is a second one, which the
# optimizer does not train.

best_model, second = model, copy.deepcopy(model)
with torch.no_grad():
    model[2].bias.add_(1)
print("best_model is model:", best_model is model)
assert torch.equal(best_model[2].bias, model[2].bias)
assert not torch.equal(second[2].bias, model[2].bias)

# %%
# How this was checked

for (curve, _, loaded), (other, training, right) in zip(referenced, copied, strict=True):
    assert curve == other  # the two trainings are the same
    assert loaded == curve[-1] > min(curve) + 0.02
    assert right == min(other)
    assert other[training.index(min(training))] > min(other) + 0.02
    assert training.index(min(training)) >= 30
# Without loading, the model has the loss of the last epoch. If that was the best, the test passes.
for curve, _, _ in copied:
    with expect_error(AssertionError, match="the best was"):
        test_the_best_is_what_was_loaded(curve, curve[-1])
    place = curve.index(min(curve)) + 1
    test_the_best_is_what_was_loaded(curve[:place], curve[place - 1])
# The tensors of state_dict() are other objects of the same memory.
assert model.state_dict()["0.weight"] is not model[0].weight
assert model.state_dict()["0.weight"].data_ptr() == model[0].weight.data_ptr()
# A file keeps the values, as deepcopy does.
file = io.BytesIO()
torch.save(model.state_dict(), file)
before = copy.deepcopy(model.state_dict())
with torch.no_grad():
    for value in model.parameters():
        value.zero_()
file.seek(0)
model.load_state_dict(torch.load(file))
for name, value in model.state_dict().items():
    assert torch.equal(value, before[name])
# The state of an optimizer is the same memory, too.
adam = torch.optim.Adam(model.parameters())
F.cross_entropy(model(held_out), truth).backward()
adam.step()
moment = adam.state_dict()["state"][0]["exp_avg"]
assert moment is adam.state[model[0].weight]["exp_avg"]
# What deepcopy kept of the method is a model of its own.
assert best.__self__ is not model

# %%
# Check yourself
# --------------
#
# The first question is about what is kept.

layer = nn.Linear(2, 1)
nn.init.constant_(layer.bias, 3.0)
kept = {name: value.cpu() for name, value in layer.state_dict().items()}
nn.init.constant_(layer.bias, 8.0)
ask(
    "The model is on the CPU. best = {name: value.cpu() for name, value in model.state_dict().items()} is kept when "
    "its bias is 3. Training makes 8 of it. What is best['bias']?",
    answer=kept["bias"].item(),
    choices={
        3.0: "It would be with value.cpu().clone(), or if the model were on a GPU.",
        8.0: "A tensor that is on the CPU is returned as it is.",
    },
)

# %%
# The next question is about a backup.

layer, backup = nn.Linear(2, 1), {}
nn.init.constant_(layer.bias, 3.0)
backup["best"] = copy.deepcopy(layer.state_dict())
layer.load_state_dict(backup["best"])
nn.init.constant_(layer.bias, 8.0)
ask(
    "best = copy.deepcopy(model.state_dict()) is loaded with model.load_state_dict(best), and training goes on from "
    "there: the bias 3 becomes 8. What is best['bias'] now?",
    answer=backup["best"]["bias"].item(),
    choices={
        3.0: "load_state_dict copies the values into the model, so the two stay apart.",
        8.0: "It would be if load_state_dict put the tensors themselves into the model.",
    },
)

# %%
# **Exercise.** Each call ``step(model)`` trains for one epoch and returns the validation loss. Call it ``epochs``
# times, and return the weights of the best epoch as one vector.


def by_saving_all(model, step, epochs):
    kept = []
    for _ in range(epochs):
        loss = step(model)
        kept.append((loss, len(kept), nn.utils.parameters_to_vector(model.parameters()).clone()))
    return min(kept)[2].detach()


def steps(losses):
    """Return a step that gives these losses one by one, and adds 1 to the parameters each time."""
    position = []

    def step(model):
        with torch.no_grad():
            for value in model.parameters():
                value.add_(1)
        position.append(0)
        return losses[(len(position) - 1) % len(losses)]

    return step


class Rounds:
    """Calls ``find`` with a model of zeros, so that each attempt begins alike."""

    def __init__(self, find):
        self.find = find

    def __call__(self, losses):
        model = nn.Linear(2, 1)
        for value in model.parameters():
            nn.init.zeros_(value)
        return self.find(model, steps(losses), len(losses))


cases = [([3.0, 1.0, 2.0],), ([5.0, 4.0, 3.0],), ([1.0, 2.0, 3.0, 4.0],)]


def best_weights(model, step, epochs):
    raise NotImplementedError


check(Rounds(best_weights), Rounds(by_saving_all), cases)

# %%
# Copy the weights when the loss is smaller than those before. The dictionary may have buffers, too: leave them out.

# Solution


def best_weights(model, step, epochs):
    smallest, best = float("inf"), None
    for _ in range(epochs):
        loss = step(model)
        if loss < smallest:
            smallest, best = loss, copy.deepcopy(model.state_dict())
    return torch.cat([best[name].flatten() for name, _ in model.named_parameters()])


report = check(Rounds(best_weights), Rounds(by_saving_all), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`the-classes-come-one-after-the-other`, a training that forgets what it learned first.
#
# - PyTorch contributors (2026). `Saving and loading models
#   <https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html>`__. Says the same of the best model, in a
#   note.
# - Prechelt (1998). `Early stopping, but when? <https://doi.org/10.1007/3-540-49430-8_3>`__. When to stop, measured.
