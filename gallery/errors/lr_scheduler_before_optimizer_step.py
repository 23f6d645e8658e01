"""
.. _lr-scheduler-before-optimizer-step:

UserWarning: Detected call of lr_scheduler.step() before optimizer.step()
=========================================================================

The schedule went on before the first step of its optimizer, so no step used the first learning rate. Call
``optimizer.step()`` first, in each place that calls ``scheduler.step()``.
"""

# %%
# Set-up

import inspect
import warnings

import torch
from torch import nn
from torch.optim import lr_scheduler

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.randn(40, 6)
model = nn.Linear(6, 3)


def new_optimizer(lr=1.0):
    return torch.optim.SGD(model.parameters(), lr=lr)


# %%

optimizer = new_optimizer(lr=1.0)
scheduler = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)

with expect_warning(UserWarning, match="Detected call of .lr_scheduler.step.*before"):
    for _epoch in range(3):
        scheduler.step()  # wrong: this line belongs after the next two
        print("learning rate", optimizer.param_groups[0]["lr"])
        optimizer.step()

# %%
# The optimizer was made with a rate of :val:`1.0 <scheduler.base_lrs[0]>`, and the first step used 0.5. The training
# goes on, and the warning comes once for a schedule. Correct the order, even if the loss falls. If the order is right,
# look for the other causes.
#
# .. longer: 7 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# The message                                                             Fix
# ======================================================================  ==============================================
# :ref:`Detected call, in the wrong order <schedule-order>`               ``optimizer.step()``, ``scheduler.step()``
# :ref:`the same, in the right order, with a GradScaler <schedule-amp>`   step if ``scaler.get_scale()`` did not fall
# :ref:`the same, in the right order <schedule-other>`                    the schedule belongs to another optimizer
# :ref:`Tried to step 101 times <schedule-one-cycle>`                     ``total_steps`` of epochs times batches
# :ref:`required positional argument: 'metrics' <schedule-plateau>`       ``scheduler.step(validation_loss)``
# :ref:`param 'initial_lr' is not specified <schedule-resume>`            ``scheduler.load_state_dict``
# ======================================================================  ==============================================
#
# .. _schedule-order:
#
# The order, and what it costs
# ----------------------------
#
# Making the schedule sets the first rate, and each ``scheduler.step()`` sets the next one. In the wrong order each rate
# comes one step early. A warm-up, which begins with small rates, then loses the smallest. If you add up the gradients
# of several batches, put both calls under the same ``if``.


def rates(make_schedule, steps, right_order):
    optimizer, used = new_optimizer(), []
    scheduler = make_schedule(optimizer)
    for _ in range(steps):
        if not right_order:
            scheduler.step()
        used.append(round(optimizer.param_groups[0]["lr"], 4))
        optimizer.step()
        if right_order:
            scheduler.step()
    return used


def warm_up(optimizer):
    return lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=3)


right = rates(warm_up, steps=5, right_order=True)
with expect_warning(UserWarning, match="Detected call"):
    wrong = rates(warm_up, steps=5, right_order=False)
print("right order:", right, "\nwrong order:", wrong)
assert wrong[:4] == right[1:]

# %%
# .. _schedule-amp:
#
# The order is right, and a GradScaler skips the step
# ---------------------------------------------------
#
# ``scaler.step(optimizer)`` leaves the step out if a gradient is infinite or nan. That may happen in the first steps,
# while the scale is too large. ``update`` then lowers the scale. Compare the scale before and after, and let the
# schedule wait. Here the first of three batches is infinite.


def mixed(wait):
    optimizer, used = new_optimizer(), []
    scheduler = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    scaler = torch.amp.GradScaler("cpu")
    for batch in (x * torch.inf, x, x):
        optimizer.zero_grad()
        scaler.scale(model(batch).mean()).backward()
        before = scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        used.append(optimizer.param_groups[0]["lr"])
        if not wait or scaler.get_scale() >= before:
            scheduler.step()
    return used


with expect_warning(UserWarning, match="Detected call"):
    print("without waiting:", mixed(wait=False))
print("with waiting:   ", mixed(wait=True))
assert mixed(wait=True) == [1.0, 1.0, 0.5]

# %%
# .. _schedule-other:
#
# The schedule belongs to another optimizer
# -----------------------------------------
#
# The optimizer was made again, for example after unfreezing a layer, and the schedule still has the old one. It warns,
# and changes a learning rate that is not used. Make the schedule again, too.

first = new_optimizer()
scheduler = lr_scheduler.StepLR(first, step_size=1, gamma=0.1)
second = new_optimizer()
second.step()
with expect_warning(UserWarning, match="Detected call"):
    scheduler.step()
print("first:", first.param_groups[0]["lr"], " second:", second.param_groups[0]["lr"])
assert scheduler.optimizer is first

# %%
# .. _schedule-one-cycle:
#
# Tried to step 101 times
# -----------------------
#
# :class:`~torch.optim.lr_scheduler.OneCycleLR` has a last step. If you step it once a batch, ``total_steps`` is the
# number of epochs times ``len(loader)``. Do not step it in the loop over epochs as well.

loader, epochs = torch.utils.data.DataLoader(x, batch_size=8), 20
optimizer = new_optimizer()
scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=epochs * len(loader))
assert epochs * len(loader) == 100
with expect_error(ValueError, match="Tried to step 101 times. The specified number of total steps"):
    for _ in range(epochs):
        for _ in loader:
            optimizer.step()
            scheduler.step()
        scheduler.step()  # wrong: one more, in the loop over epochs

# %%
# .. _schedule-plateau:
#
# ReduceLROnPlateau.step() missing 1 required positional argument
# ---------------------------------------------------------------
#
# This schedule looks at a number that you measure, so ``step`` takes it. Give it the loss on the validation set, once
# an epoch.

optimizer = new_optimizer()
scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=1)
with expect_error(TypeError, match="missing 1 required positional argument: 'metrics'"):
    scheduler.step()
for validation_loss in (0.9, 0.7, 0.8, 0.8):
    optimizer.step()
    scheduler.step(validation_loss)
    print(validation_loss, "->", optimizer.param_groups[0]["lr"])
assert optimizer.param_groups[0]["lr"] == 0.1

# %%
# .. _schedule-resume:
#
# param 'initial_lr' is not specified
# -----------------------------------
#
# With ``last_epoch`` a schedule begins in the middle. It reads the first rate, ``initial_lr``, from the optimizer, and
# a new optimizer lacks it. To go on with a training, make both as at the start, and load both states. See
# :ref:`resuming-training`.


def new_run():
    optimizer = new_optimizer()
    return optimizer, lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)


optimizer, scheduler = new_run()
optimizer.step()
scheduler.step()
saved = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
with expect_error(KeyError, match="param 'initial_lr' is not specified"):
    lr_scheduler.StepLR(new_optimizer(), step_size=1, gamma=0.1, last_epoch=1)

optimizer, scheduler = new_run()
optimizer.load_state_dict(saved["optimizer"])
scheduler.load_state_dict(saved["scheduler"])
print("goes on with", optimizer.param_groups[0]["lr"])
assert optimizer.param_groups[0]["lr"] == 0.1

# %%
# .. use-this::
#
#    Write the lines of a step in one order: ``zero_grad``, ``backward``, ``optimizer.step()``, ``scheduler.step()``.
#    Call the schedule once a batch if its settings count batches, and once an epoch if they count epochs. Print the
#    rate at the start of each epoch. With a ``GradScaler`` let the schedule wait for a skipped step, or accept one lost
#    rate of many. Comparing the scales has a cost: each ``get_scale()`` reads a number from the GPU and waits for it.
#
# A common mistake
# ----------------
#
# A call of ``optimizer.step()`` before the loop, without gradients, silences the warning. The order stays wrong, and
# the first rate is still lost.


def silenced():
    optimizer = new_optimizer()
    scheduler, used = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1), []
    optimizer.zero_grad()
    optimizer.step()  # it changes nothing: there are no gradients
    for _ in range(2):
        scheduler.step()
        used.append(round(optimizer.param_groups[0]["lr"], 4))
        optimizer.step()
    return used


with warnings.catch_warnings():
    warnings.simplefilter("error")
    print("no warning, and the rates are", silenced())
assert silenced()[0] == 0.1

# %%
# How this was checked


# The right order warns of nothing, for schedules of several kinds, and begins with the rate that was asked for.
def schedules():
    return [
        lambda o: lr_scheduler.StepLR(o, step_size=2),
        lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=10),
        lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
        lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=10),
        warm_up,
    ]


with warnings.catch_warnings():
    warnings.simplefilter("error")
    for make in schedules():
        assert len(rates(make, steps=6, right_order=True)) == 6
for make in schedules():
    with expect_warning(UserWarning, match="Detected call"):
        early = rates(make, steps=6, right_order=False)
    assert early[:5] == rates(make, steps=6, right_order=True)[1:]
# It looks at the first call alone: a step that is skipped later gives no warning.
with warnings.catch_warnings():
    warnings.simplefilter("error")
    optimizer = new_optimizer()
    scheduler = lr_scheduler.StepLR(optimizer, step_size=1)
    optimizer.step()
    for _ in range(3):
        scheduler.step()
# An optimizer that stepped before the schedule was made does not count.
optimizer = new_optimizer()
optimizer.step()
scheduler = lr_scheduler.StepLR(optimizer, step_size=1)
with expect_warning(UserWarning, match="Detected call"):
    scheduler.step()
# A step that was replaced has a message of its own.
optimizer = new_optimizer()
scheduler = lr_scheduler.StepLR(optimizer, step_size=1)
optimizer.step = lambda: None
with expect_warning(UserWarning, match="has been overridden after learning rate scheduler"):
    scheduler.step()
# Gradients of four batches are added up: under one if there is no warning, with the schedule outside of it there is.
for outside in (False, True):
    optimizer = new_optimizer()
    scheduler = lr_scheduler.StepLR(optimizer, step_size=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(8):
            if number % 4 == 3:
                optimizer.step()
            if outside or number % 4 == 3:
                scheduler.step()
    assert len(caught) == outside
# Reading the scale waits for the GPU.
assert "scale.item()" in inspect.getsource(torch.amp.GradScaler.get_scale)
# A growing scale is no skipped step.
scaler = torch.amp.GradScaler("cpu", growth_interval=1)
optimizer = new_optimizer()
scaler.scale(model(x).mean()).backward()
before = scaler.get_scale()
scaler.step(optimizer)
scaler.update()
assert scaler.get_scale() == 2 * before
# OneCycleLR: a hundred calls are accepted, and the last one sets a rate that no batch uses.
optimizer = new_optimizer()
scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=100)
for _call in range(100):
    optimizer.step()
    scheduler.step()
with expect_error(ValueError, match="Tried to step 101 times"):
    scheduler.step()
# ReduceLROnPlateau: one worse epoch is patience, the second lowers the rate. It gives no warning about the order.
with warnings.catch_warnings():
    warnings.simplefilter("error")
    lr_scheduler.ReduceLROnPlateau(new_optimizer()).step(0.5)
# A zero-gradient step leaves the weights.
before = model.weight.clone()
optimizer = new_optimizer()
optimizer.zero_grad()
optimizer.step()
assert torch.equal(before, model.weight)

# %%
# Check yourself
# --------------

early = torch.optim.SGD(model.parameters(), lr=0.8)
halving = lr_scheduler.StepLR(early, step_size=1, gamma=0.5)
with expect_warning(UserWarning, match="Detected call"):
    halving.step()
ask(
    "SGD has lr=0.8, and StepLR halves it at each step. scheduler.step() comes before optimizer.step(). With which "
    "rate does the first step of the optimizer run?",
    answer=early.param_groups[0]["lr"],
    choices={
        0.8: "That is the rate which is lost.",
        0.4: "The schedule has gone on before the optimizer used the first rate.",
        0.2: "That is the rate of the second step.",
    },
)

# %%
# The next question counts steps.

batches = len(loader)
try:
    optimizer = new_optimizer()
    scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=3)  # three epochs
    optimizer.step()
    for _batch in range(batches):
        scheduler.step()
except ValueError as error:
    tried = str(error).split(".")[0]
ask(
    "OneCycleLR got total_steps=3, the number of epochs, and it steps once a batch. "
    f"There are {batches} batches an epoch. What happens in the first epoch?",
    answer=tried,
    choices={
        "nothing": "The schedule is over after three batches.",
        "Tried to step 4 times": "The fourth batch steps beyond the end. The number must count batches.",
        "Tried to step 15 times": "Three epochs of five batches; the error comes earlier.",
    },
)

# %%
# **Exercise.** Before you train, list the learning rates that the training will use. ``make_schedule`` takes an
# optimizer and returns its schedule. Return a tensor with the rate of each of ``steps`` steps, without changing a
# weight.


def planned_rates(make_schedule, lr, steps):
    raise NotImplementedError


def by_training(make_schedule, lr, steps):
    optimizer, used = torch.optim.SGD([torch.ones(3)], lr=lr), []
    scheduler = make_schedule(optimizer)
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return torch.tensor(used)


cases = [
    (lambda o: lr_scheduler.ConstantLR(o, factor=1.0), 0.5, 2),
    (lambda o: lr_scheduler.StepLR(o, step_size=2, gamma=0.1), 0.5, 5),
    (lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.3, total_steps=10), 0.1, 10),
    (warm_up, 0.1, 6),
]
check(planned_rates, by_training, cases)

# %%
# The optimizer may have a parameter of its own, which has no gradient: a step leaves it as it is.

# Solution


def planned_rates(make_schedule, lr, steps):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)
    scheduler, planned = make_schedule(optimizer), []
    for _ in range(steps):
        planned += scheduler.get_last_lr()
        optimizer.step()
        scheduler.step()
    return torch.tensor(planned)


report = check(planned_rates, by_training, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`initial-lr-is-not-specified`, an error of a training that is continued.
#
# - PyTorch contributors (2026). `How to adjust learning rate
#   <https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate>`__. The order of the two steps, and
#   each schedule.
# - Smith and Topin (2018). `Super-convergence <https://arxiv.org/abs/1708.07120>`__. The cycle of ``OneCycleLR``.
