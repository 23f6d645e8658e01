"""
.. _initial-lr-is-not-specified:

KeyError: "param 'initial_lr' is not specified in param_groups[0] when resuming scheduler with last_epoch >= 0."
================================================================================================================

You passed ``last_epoch`` to a scheduler, and the optimizer does not know with which learning rate the training began.
Leave ``last_epoch`` out, and load the state dicts of optimizer and scheduler.
"""

# %%
# Set-up

import copy

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, StepLR

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
model = nn.Linear(4, 3)


def new_optimizer(lr=0.8):
    return torch.optim.SGD(model.parameters(), lr=lr)


def rates(optimizer, scheduler, epochs):
    """Return the learning rate of each epoch, as a training would use it."""
    used = []
    for _ in range(epochs):
        used.append(round(optimizer.param_groups[0]["lr"], 6))
        optimizer.step()
        scheduler.step()
    return used


# %%

optimizer = new_optimizer(lr=0.8)
with expect_error(KeyError, match="param 'initial_lr' is not specified in param_groups"):
    StepLR(optimizer, step_size=2, gamma=0.5, last_epoch=4)
print(
    "noted in the optimizer:", [k for k in ("lr", "initial_lr") if k in optimizer.param_groups[0]]
)
assert StepLR(optimizer, step_size=2, last_epoch=-1).last_epoch == 0  # the default works
print("and now:", [k for k in ("lr", "initial_lr") if k in optimizer.param_groups[0]])

# %%
# A scheduler stores the first learning rate in the optimizer as ``initial_lr``. With the default ``last_epoch=-1`` it
# writes this entry if it is missing. With any other number it expects the entry. Older releases said "when resuming an
# optimizer" at the end.
#
# .. not tried: any other number — the cell below tries 0 and 4
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  ==============================================
# Cause                                                                 Fix
# ====================================================================  ==============================================
# :ref:`a training is continued <initial-resume>`                       ``scheduler.load_state_dict``
# :ref:`last_epoch=0 for a new training <initial-new>`                  leave it out
# :ref:`the file has no optimizer <initial-missing>`                    set ``initial_lr`` in each group
# :ref:`a group was added later <initial-group>`                        the same, for this group
# ====================================================================  ==============================================
#
# .. _initial-resume:
#
# A training is continued
# -----------------------
#
# Save the state dicts of model, optimizer and scheduler. Make the new ones as at the first start, without
# ``last_epoch``, and load the states. The rates then go on as in a training that was not interrupted. See
# :ref:`resuming-training`.

optimizer = new_optimizer()
scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
first = rates(optimizer, scheduler, epochs=3)
file = {
    "optimizer": copy.deepcopy(optimizer.state_dict()),
    "scheduler": copy.deepcopy(scheduler.state_dict()),
}

optimizer = new_optimizer()
scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
optimizer.load_state_dict(file["optimizer"])
scheduler.load_state_dict(file["scheduler"])
second = rates(optimizer, scheduler, epochs=4)

optimizer = new_optimizer()
whole = rates(optimizer, StepLR(optimizer, step_size=2, gamma=0.5), epochs=7)
print(first, "then", second)
assert first + second == whole

# %%
# .. _initial-new:
#
# last_epoch=0 for a new training
# -------------------------------
#
# Before the first epoch no epoch is done, so no epoch number fits. The default of ``last_epoch`` means this.

with expect_error(KeyError, match="initial_lr"):
    LambdaLR(new_optimizer(), lambda epoch: 0.9**epoch, last_epoch=0)
optimizer = new_optimizer()
scheduler = LambdaLR(optimizer, lambda epoch: 0.9**epoch)
print(scheduler.last_epoch, optimizer.param_groups[0]["initial_lr"])
assert scheduler.last_epoch == 0  # it has made its first step by itself

# %%
# .. _initial-missing:
#
# The file has no optimizer
# -------------------------
#
# If you have the weights and the number of epochs alone, write the rate of the first start into each group, and pass
# ``last_epoch``. The number is that of the last epoch that is *done*, counted from 0. ``LambdaLR`` computes each rate
# from ``initial_lr``. ``StepLR`` multiplies the rate that it finds, so set ``lr`` to the rate at the interruption.


def by_lambda(optimizer, **last):
    return LambdaLR(optimizer, lambda epoch: 0.5 ** (epoch // 2), **last)


def by_step(optimizer, **last):
    return StepLR(optimizer, step_size=2, gamma=0.5, **last)


def continued(make, lr):
    optimizer = new_optimizer(lr)
    for group in optimizer.param_groups:
        group["initial_lr"] = 0.8
    return rates(optimizer, make(optimizer, last_epoch=3 - 1), epochs=4)


print("LambdaLR:        ", continued(by_lambda, lr=0.8))
print("StepLR, lr=0.8:  ", continued(by_step, lr=0.8), "is wrong")
print("StepLR, lr=0.4:  ", continued(by_step, lr=0.4))
assert continued(by_lambda, lr=0.8) == continued(by_step, lr=0.4) == second
assert continued(by_step, lr=0.8) != second

# %%
# .. _initial-group:
#
# A group was added later
# -----------------------
#
# The message names the group: ``param_groups[1]`` is the second. A group that came with ``add_param_group`` after the
# scheduler was made has no ``initial_lr``. Here it is the head of a network that was frozen before.

head = nn.Linear(3, 2)
optimizer = new_optimizer()
StepLR(optimizer, step_size=2)
optimizer.add_param_group({"params": head.parameters(), "lr": 0.1})
with expect_error(KeyError, match=r"not specified in param_groups\[1\]"):
    StepLR(optimizer, step_size=2, last_epoch=4)
optimizer.param_groups[1]["initial_lr"] = 0.1
scheduler = StepLR(optimizer, step_size=2, last_epoch=4)

# %%
# .. use-this::
#
#    Do not pass ``last_epoch``. Save ``scheduler.state_dict()`` beside the optimizer's. Make the scheduler first, then
#    load both: a ``LambdaLR`` that is made later sets the rate of the loaded optimizer back for one epoch. The state is
#    a few numbers. A scheduler made of a ``lambda`` does not save the function, so make it with the same one.
#
# A common mistake
# ----------------
#
# Setting ``initial_lr`` from a *loaded* optimizer silences the message for an old file without this entry. But its
# ``lr`` is the rate at the interruption, which has been reduced already. ``LambdaLR`` reduces it again.

loaded = new_optimizer()
loaded.load_state_dict(file["optimizer"])
for group in loaded.param_groups:
    group["initial_lr"] = group["lr"]  # 0.4, not the 0.8 of the start
scheduler = LambdaLR(loaded, lambda epoch: 0.5 ** (epoch // 2), last_epoch=3 - 1)
twice = rates(loaded, scheduler, epochs=4)
print("right:", second, " reduced twice:", twice)
assert twice[0] == 0.5 * second[0]

# %%
# How this was checked

# The schedulers that compute from the initial rate have the message, and -1 has none.
for make in (
    lambda optimizer, last: StepLR(optimizer, 2, last_epoch=last),
    lambda optimizer, last: CosineAnnealingLR(optimizer, 9, last_epoch=last),
    lambda optimizer, last: LambdaLR(optimizer, lambda epoch: 1.0, last_epoch=last),
    lambda optimizer, last: OneCycleLR(
        optimizer, max_lr=0.1, total_steps=9, cycle_momentum=False, last_epoch=last
    ),
):
    make(new_optimizer(), -1)
    for last in (0, 4):
        with expect_error(
            KeyError, match="initial_lr.*when resuming scheduler with last_epoch >= 0"
        ):
            make(new_optimizer(), last)
# A state dict of an optimizer that had a scheduler brings the note along.
assert file["optimizer"]["param_groups"][0]["initial_lr"] == 0.8
optimizer = new_optimizer()
optimizer.load_state_dict(file["optimizer"])
LambdaLR(optimizer, lambda epoch: 0.5 ** (epoch // 2), last_epoch=2)
# A note that is there stays, so a second scheduler counts from the first rate, and not from that of today.
optimizer = new_optimizer()
by_step(optimizer)
optimizer.param_groups[0]["lr"] = 0.1
assert by_step(optimizer).base_lrs == [0.8]
# Both state dicts: loaded after the scheduler is made, the rates go on; before, some have a wrong first rate.
for make, fine in [
    (by_step, True),
    (by_lambda, False),
    (lambda optimizer: OneCycleLR(optimizer, max_lr=0.8, total_steps=12), False),
]:
    optimizer = new_optimizer()
    unbroken = rates(optimizer, make(optimizer), epochs=7)
    optimizer = new_optimizer()
    scheduler = make(optimizer)
    rates(optimizer, scheduler, epochs=3)
    states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    for late in (True, False):
        optimizer = new_optimizer()
        if late:
            scheduler = make(optimizer)
        optimizer.load_state_dict(copy.deepcopy(states[0]))
        if not late:
            scheduler = make(optimizer)
        scheduler.load_state_dict(copy.deepcopy(states[1]))
        assert (rates(optimizer, scheduler, epochs=4) == unbroken[3:]) == (late or fine)
# The state dict of a scheduler with a lambda does not hold it.
state = LambdaLR(new_optimizer(), lambda epoch: 1.0).state_dict()
assert state["lr_lambdas"] == [None]

# %%
# Check yourself
# --------------

optimizer = new_optimizer()
ask(
    "An optimizer with lr=0.8 and StepLR(step_size=2, gamma=0.5) has trained 5 epochs. What is the rate in epoch "
    "5, the sixth?",
    answer=rates(optimizer, StepLR(optimizer, step_size=2, gamma=0.5), epochs=6)[-1],
    choices={
        0.8: "That is the rate of the first two epochs.",
        0.4: "That is the rate of epochs 2 and 3.",
        0.2: "5 // 2 is 2, so 0.8 is halved twice.",
        0.1: "The third halving comes with epoch 6.",
    },
)

# %%
# The next question is about the default.


def makes(last):
    try:
        StepLR(new_optimizer(), step_size=2, last_epoch=last)
        return "a scheduler"
    except KeyError:
        return KeyError


ask(
    "What does StepLR(optimizer, step_size=2, last_epoch=-1) give for a new optimizer?",
    answer=makes(-1),
    choices={
        "a scheduler": "-1 means that nothing has been trained, and it is the default.",
        KeyError: "That is for 0 and more.",
    },
)

# %%
# **Exercise.** Write the rates that an interrupted training should use, without a scheduler: ``lr`` at the start is
# multiplied by ``gamma`` after each ``step_size`` epochs. ``done`` epochs are over, and ``epochs`` more are to come.


def rates_after(lr, step_size, gamma, done, epochs):
    raise NotImplementedError


def by_scheduler(lr, step_size, gamma, done, epochs):
    optimizer = new_optimizer(lr)
    scheduler = StepLR(optimizer, step_size, gamma)
    return torch.tensor(rates(optimizer, scheduler, done + epochs)[done:])


cases = [(0.8, 2, 0.5, 3, 4), (0.8, 2, 0.5, 0, 3), (0.1, 3, 0.1, 2, 5), (1.0, 1, 0.5, 4, 2)]
check(rates_after, by_scheduler, cases)

# %%
# Count the reductions that have happened before an epoch.

# Solution


def rates_after(lr, step_size, gamma, done, epochs):
    return torch.tensor([lr * gamma ** (k // step_size) for k in range(done, done + epochs)])


report = check(rates_after, by_scheduler, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`parameter-group-that-doesnt-match`, an error of the optimizer's own file.
#
# - PyTorch contributors (2026). `How to adjust the learning rate
#   <https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate>`__. The schedulers, and their order
#   with the optimizer.
