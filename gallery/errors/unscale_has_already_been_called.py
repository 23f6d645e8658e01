"""
.. _unscale-has-already-been-called:

RuntimeError: unscale_() has already been called on this optimizer since the last update().
===========================================================================================

``unscale_`` divides the gradients by the factor that scaled the loss, and a second call would divide them again. Call
it once for each step of the optimizer, after the last ``backward``, and end the step with ``scaler.update()``.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import warnings

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

data = digits("train")


def new_run(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    return model, torch.optim.SGD(model.parameters(), lr=0.5), torch.amp.GradScaler("cpu")


def loss_of(model, images, labels):
    with torch.autocast("cpu", dtype=torch.float16):
        return F.cross_entropy(model(images), labels)


loader = batches(data, 50, shuffle=False)
images, labels = next(iter(loader))

# %%

model, optimizer, scaler = new_run()
with expect_error(RuntimeError, match=r"unscale_\(\) has already been called on this optimizer"):
    for number, (images, labels) in enumerate(loader):
        scaler.scale(loss_of(model, images, labels)).backward()
        scaler.unscale_(optimizer)  # wrong: in each batch
        clip_grad_norm_(model.parameters(), max_norm=1.0)
        if number % 4 == 3:  # a step for each four batches
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()

# %%
# The loop adds up the gradients of four batches before each step, and unscales them in each batch. A second division
# would make the first batch count less, so the scaler refuses. The messages below come from a CPU.
# ``GradScaler("cpu")`` is an object of the class that you use on a GPU.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# The message                                                             Fix
# ======================================================================  ==============================================
# :ref:`unscale_() has already been called <unscale-order>`               once a step, after the last ``backward``
# :ref:`unscale_() is being called after step() <unscale-update>`         ``scaler.update()`` at the end
# :ref:`step() has already been called <unscale-update>`                  one ``scaler.step``, then ``update``
# :ref:`No inf checks were recorded <unscale-none>`                       gradients before ``scaler.step``
# :ref:`Attempted step but _scale is None <unscale-none>`                 ``scaler.scale(loss).backward()``
# :ref:`Attempting to unscale FP16 gradients <unscale-half>`              ``torch.autocast`` in place of ``half``
# :ref:`no message, and SGD does not learn <unscale-clip>`                ``unscale_`` before clipping
# ======================================================================  ==============================================
#
# .. _unscale-order:
#
# The order of a step
# -------------------
#
# Scale the loss, go backward, unscale, clip, step, update. The calls of a step are under one ``if``. Without clipping
# you can leave ``unscale_`` out: then ``scaler.step`` divides. The last two of the 22 batches make no step here.

model, optimizer, scaler = new_run()
steps = 0
for number, (images, labels) in enumerate(loader):
    scaler.scale(loss_of(model, images, labels) / 4).backward()
    if number % 4 == 3:
        scaler.unscale_(optimizer)
        clip_grad_norm_(model.parameters(), max_norm=1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        steps += 1
print(f"{number + 1} batches, {steps} steps, scale {scaler.get_scale():.0f}")
assert steps == (number + 1) // 4

# %%
# .. _unscale-update:
#
# scaler.update() is missing, or comes once for two steps
# -------------------------------------------------------
#
# The scaler remembers for which optimizers you called ``unscale_`` and ``step``. ``update`` clears this. With several
# optimizers, call ``step`` for each of them and ``update`` once, at the end.

for wrong, message in [
    (scaler.unscale_, r"unscale_\(\) is being called after step\(\)"),
    (scaler.step, r"step\(\) has already been called since the last update"),
]:
    scaler.scale(loss_of(model, images, labels)).backward()
    scaler.step(optimizer)
    with expect_error(RuntimeError, match=message):
        wrong(optimizer)
    scaler.update()
scaler.scale(loss_of(model, images, labels)).backward()
scaler.step(optimizer)  # after update() it goes on

# %%
# .. _unscale-none:
#
# No gradient arrived, or the loss was not scaled
# -----------------------------------------------
#
# "No inf checks" means that no parameter of this optimizer has a gradient. Either the gradients were set to ``None``
# after ``backward``, or the layers are frozen, or the loss belongs to another model. If ``_scale`` is ``None``, the
# scaler has scaled no loss yet.

model, optimizer, scaler = new_run()
loss_of(model, images, labels).backward()  # without scaler.scale
with expect_error(AssertionError, match="Attempted step but _scale is None"):
    scaler.step(optimizer)

scaler.scale(loss_of(model, images, labels)).backward()
optimizer.zero_grad()  # too late: it belongs before backward
with expect_error(AssertionError, match="No inf checks were recorded for this optimizer"):
    scaler.step(optimizer)

# %%
# .. _unscale-half:
#
# Attempting to unscale FP16 gradients
# ------------------------------------
#
# ``model.half()`` converts the weights, and so their gradients. Weights that were loaded in half precision give the
# same error. Keep the weights in single precision, and let autocast choose the data type of each operation.

model, optimizer, scaler = new_run()
model.half()
scaler.scale(loss_of(model, images, labels)).backward()
with expect_error(ValueError, match="Attempting to unscale FP16 gradients"):
    scaler.step(optimizer)

model, optimizer, scaler = new_run()  # the weights are float32
scaler.scale(loss_of(model, images, labels)).backward()
scaler.step(optimizer)
print(model[1].weight.dtype, model[1].weight.grad.dtype)
assert model[1].weight.grad.dtype == torch.float32

# %%
# .. use-this::
#
#    Write a step as ``scale``, ``backward``, ``unscale_``, clip, ``step``, ``update``, ``zero_grad``, in this order and
#    under one ``if``. Where :val:`bfloat16 <torch.bfloat16>` is fast, use autocast with it and no scaler: its range is
#    about that of :val:`float32 <torch.float32>`. The price of a scaler is that it skips a step when a gradient
#    overflows. Your learning-rate schedule should skip that step, too (:ref:`lr-scheduler-before-optimizer-step`).
#
# .. _unscale-clip:
#
# A common mistake
# ----------------
#
# Removing ``unscale_`` silences the message. Then clipping sees gradients that are 65536 times too large, and cuts
# their norm to 1.0. ``step`` then divides the clipped gradients by the same factor. Here are the losses of SGD after
# one pass through the data, for five seeds. Adam learns nevertheless, which hides the mistake.


def losses_after_training(unscale, adam=False):
    losses = []
    for seed in range(5):
        model, optimizer, scaler = new_run(seed)
        if adam:
            optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for images, labels in loader:
            optimizer.zero_grad()
            scaler.scale(loss_of(model, images, labels)).backward()
            if unscale:
                scaler.unscale_(optimizer)
            clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
            scaler.update()
        losses.append(loss_of(model, *data[:]).item())
    return losses


print(f"scale at the start: {torch.amp.GradScaler('cpu')._init_scale:.0f}")
right, wrong = losses_after_training(True), losses_after_training(False)
print(f"with unscale_:    {min(right):.2f} to {max(right):.2f}")
print(f"without unscale_: {min(wrong):.2f} to {max(wrong):.2f}")
assert max(right) < 0.7 * min(wrong)
with_adam = losses_after_training(False, adam=True)
print(f"without, by Adam: {min(with_adam):.2f} to {max(with_adam):.2f}")
assert max(with_adam) < 0.7 * min(wrong)

# %%
# How this was checked

# Without the clipping, a step with and without unscale_ is the same.
weights = []
for unscale in (True, False):
    model, optimizer, scaler = new_run()
    scaler.scale(loss_of(model, images, labels)).backward()
    if unscale:
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    weights.append(model[1].weight)
torch.testing.assert_close(*weights)
# A second call of unscale_ is refused even in one batch, and allowed again after update.
model, optimizer, scaler = new_run()
for _ in range(2):
    optimizer.zero_grad()
    scaler.scale(loss_of(model, images, labels)).backward()
    scaler.unscale_(optimizer)
    with expect_error(RuntimeError, match="has already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
# The other messages of update.
for scale_first, message in [
    (False, "Attempted update but _scale is None"),
    (True, "No inf checks were recorded prior to update"),
]:
    model, optimizer, scaler = new_run()
    if scale_first:
        scaler.scale(loss_of(model, images, labels)).backward()
    with expect_error(AssertionError, match=message):
        scaler.update()
# Frozen layers, and another model.
frozen = nn.Linear(4, 3).requires_grad_(False)
for other in (frozen, nn.Linear(4, 3)):
    model, optimizer, scaler = new_run()
    scaler.scale(loss_of(model, images, labels)).backward()
    with expect_error(AssertionError, match="No inf checks were recorded for this optimizer"):
        scaler.step(torch.optim.SGD(other.parameters(), lr=0.1))
# Two optimizers and one update.
model, optimizer, scaler = new_run()
first, second = (torch.optim.SGD(model[k].parameters(), lr=0.1) for k in (1, 3))
for _ in range(2):
    scaler.scale(loss_of(model, images, labels)).backward()
    scaler.step(first)
    scaler.step(second)
    scaler.update()
# A scaler that is switched off has none of these messages, nor has one for a GPU where there is none.
off = torch.amp.GradScaler("cpu", enabled=False)
loss_of(model, images, labels).backward()
for _ in range(2):
    off.unscale_(optimizer)
if not torch.cuda.is_available():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert not torch.amp.GradScaler("cuda").is_enabled()
    assert "CUDA is not available" in str(caught[0].message)
# Weights that were made in half precision are refused like those that were converted to it.
half = nn.Linear(64, 10, dtype=torch.float16)
optimizer, scaler = torch.optim.SGD(half.parameters(), lr=0.1), torch.amp.GradScaler("cpu")
scaler.scale(loss_of(half, images.flatten(1), labels)).backward()
with expect_error(ValueError, match="Attempting to unscale FP16 gradients"):
    scaler.step(optimizer)
# Weights of bfloat16 are not refused.
model, optimizer, scaler = new_run()
model.bfloat16()
with torch.autocast("cpu"):
    scaler.scale(F.cross_entropy(model(images), labels)).backward()
scaler.step(optimizer)
# The range of bfloat16 is about that of float32, that of float16 is not.
assert torch.finfo(torch.bfloat16).max > 0.99 * torch.finfo(torch.float32).max
assert torch.finfo(torch.float16).max < 70_000

# %%
# Check yourself
# --------------

model, optimizer, scaler = new_run()
scaler.scale(loss_of(model, images, labels)).backward()
scaled = model[1].weight.grad.norm().item()
scaler.unscale_(optimizer)
ratio = scaled / model[1].weight.grad.norm().item()
ask(
    "A new scaler has the scale 65536. How many times larger is a gradient before unscale_ than after it?",
    answer=round(ratio),
    choices={
        1: "backward goes through the scaled loss, so its gradients are scaled as well.",
        256: "That is the square root of the scale.",
        65536: "backward multiplied by the scale, and unscale_ divides by it. So clip after unscale_.",
    },
)

# %%
# The next question is about gradients that are added up.

calls = {}
for times in (1, 4):
    model, optimizer, scaler = new_run()
    try:
        for _ in range(4):
            scaler.scale(loss_of(model, images, labels) / 4).backward()
            if times == 4:
                scaler.unscale_(optimizer)
        if times == 1:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        calls[times] = "fine"
    except RuntimeError:
        calls[times] = "error"
(fine,) = (times for times, result in calls.items() if result == "fine")
ask(
    "One step adds up the gradients of 4 batches. How often is unscale_ called for this step?",
    answer=fine,
    choices={
        1: "After the last of the four backward passes.",
        4: "The second call is refused: the first batch would be divided again.",
    },
)

# %%
# **Exercise.** Write a whole step with a scaler: from the loss to the new weights, with the norm of the gradients
# clipped to ``limit``. The parameters may still have the gradients of the step before.


def clipped_step(model, optimizer, scaler, loss, limit):
    raise NotImplementedError


def without_scaler(model, optimizer, scaler, loss, limit):
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(model.parameters(), limit)
    optimizer.step()


def two_steps(step):
    def run(model, x, limit):
        optimizer, scaler = torch.optim.SGD(model.parameters(), lr=1.0), torch.amp.GradScaler("cpu")
        for _ in range(2):
            step(model, optimizer, scaler, model(x).square().mean(), limit)
        return nn.utils.parameters_to_vector(model.parameters()).detach()

    return run


torch.manual_seed(0)
cases = [
    (nn.Linear(2, 1), torch.randn(4, 2), 100.0),
    (nn.Linear(2, 1), 3 * torch.randn(4, 2), 0.5),
    (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(5, 3), 0.1),
]
check(two_steps(clipped_step), two_steps(without_scaler), cases)

# %%
# ``zero_grad`` belongs before ``backward``, and ``update`` belongs at the end.

# Solution


def clipped_step(model, optimizer, scaler, loss, limit):
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    clip_grad_norm_(model.parameters(), limit)
    scaler.step(optimizer)
    scaler.update()


report = check(two_steps(clipped_step), two_steps(without_scaler), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`module-must-have-its-parameters-on-device`, an error of training on several GPUs.
#
# - PyTorch contributors (2026). `Automatic mixed precision examples
#   <https://docs.pytorch.org/docs/stable/notes/amp_examples.html>`__. Clipping, adding up gradients, several
#   optimizers.
# - Micikevicius et al. (2018). `Mixed precision training <https://arxiv.org/abs/1710.03740>`__. Why a loss is scaled.
