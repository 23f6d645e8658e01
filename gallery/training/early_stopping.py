"""
.. _early-stopping:

How do I stop training early in PyTorch?
========================================

The validation loss falls, reaches a minimum and rises again, and PyTorch has no call that stops there. Count the epochs
since the smallest validation loss, stop when they are too many, and load the weights of that epoch.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

train_set, validation, test = (digits(split) for split in ("train", "validation", "test"))
SEEDS = range(5)


def few_images(seed):
    """Return 200 images, of which one in five has a wrong label."""
    generator = torch.Generator().manual_seed(seed)
    images, labels = train_set[torch.randperm(len(train_set), generator=generator)[:200]]
    labels[:40] = (labels[:40] + torch.randint(1, 10, (40,), generator=generator)) % 10
    return TensorData(images, labels)


def new_training(seed):
    """Return a network, its optimizer and its batches."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    loader = batches(
        few_images(seed), 40, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    return model, torch.optim.Adam(model.parameters(), lr=0.005), loader


def train_epoch(model, optimizer, loader):
    losses = []
    for images, labels in loader:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def measure(model, data):
    """Return loss and accuracy in eval mode."""
    model.eval()
    with torch.no_grad():
        logits = model(data.inputs)
    model.train()
    right = (logits.argmax(dim=1) == data.targets).float().mean().item()
    return F.cross_entropy(logits, data.targets).item(), right


def whole_training(seed, epochs=100):
    """Train without stopping; return the training loss, and loss and accuracy of two sets."""
    training = new_training(seed)
    rows = []
    for _ in range(epochs):
        loss = train_epoch(*training)
        rows.append([loss, *measure(training[0], validation), *measure(training[0], test)])
    return torch.tensor(rows, dtype=torch.float64)  # (epoch, 5)


curves = [whole_training(seed) for seed in SEEDS]


def stops_at(losses, patience, min_delta=0.0):
    """Return the epoch at which the training stops, and that whose weights are kept, from 1."""
    best, bad_epochs, kept = math.inf, 0, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < best - min_delta:
            best, bad_epochs, kept = loss, 0, epoch
        else:
            bad_epochs += 1
        if bad_epochs >= patience:
            break
    return epoch, kept


def draw_stop(patience):
    _, axis = plt.subplots(figsize=(6.0, 2.7), layout="constrained")
    for place, curve in enumerate(curves):
        losses = curve[:, 1].tolist()
        stop, kept = stops_at(losses, patience)
        name = (lambda text: text) if place == 0 else (lambda text: None)
        axis.plot(range(1, 101), losses, color="gray", alpha=0.4)
        axis.plot(range(1, stop + 1), losses[:stop], color="C0", label=name("validation loss"))
        axis.plot(kept, losses[kept - 1], "o", color="C2", label=name("weights that are kept"))
        axis.plot(stop, losses[stop - 1], "s", color="C1", label=name("training stops"))
    axis.set(xlabel="epoch", ylabel="loss", ylim=(0.4, 1.2))
    axis.legend(fontsize="small", loc="upper right", ncols=3)
    axis.set_title(f"It stops {patience} epochs after the smallest validation loss")
    plt.show()


# %%

# Varies with the processor: five trainings.
draw_stop(patience=10)

# %%
# .. longer: 6 screens — the class, the loop and four questions about them have a cell each
#
# Five networks learn digits from a few images, of which one in five has a wrong label. The gray lines show how each
# training would go on. You need to know :ref:`overfitting`.
#
# The rule
# --------
#
# Stop when :math:`\text{epoch} - \text{best epoch} = \text{patience}`, where the best epoch is that of the smallest
# validation loss so far. Then load the weights of the best epoch, not those of the last. ``deepcopy`` is needed because
# the optimizer changes the tensors of ``state_dict()``: :ref:`the-best-weights-were-not-kept`.


class EarlyStopping:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.bad_epochs, self.weights = math.inf, 0, None

    def stop(self, loss, model):
        if loss < self.best - self.min_delta:
            self.best, self.bad_epochs = loss, 0
            self.weights = copy.deepcopy(model.state_dict())
        else:
            self.bad_epochs += 1
        return self.bad_epochs >= self.patience


# %%
# This loop uses the class. Measure in eval mode, ask once per epoch, and load the weights after the loop. The test set
# decides nothing. Here it compares the best weights with the last.

# Varies with the processor: one training.
model, optimizer, loader = new_training(seed=0)
stopping = EarlyStopping(patience=10)
for epoch in range(1, 101):
    train_epoch(model, optimizer, loader)
    loss, _ = measure(model, validation)
    if stopping.stop(loss, model):
        print(f"stopped after epoch {epoch}, best validation loss {stopping.best:.3f}")
        break
last = measure(model, test)[1]
model.load_state_dict(stopping.weights)
print(
    f"test accuracy: {last:.1%} with the last weights, {measure(model, test)[1]:.1%} with the best"
)
print(f"test accuracy after 100 epochs: {curves[0][-1, 4]:.1%}")

# %%
# How much patience?
# ------------------
#
# A validation loss jumps a little from epoch to epoch. With a patience of 1 the training stops at the first jump. Too
# much patience costs time and not much else, because the best weights are kept. Here are the means of the five
# trainings.

# Varies with the processor: the five trainings from above.
for patience in (1, 2, 5, 10, 20, 50):
    found = [stops_at(curve[:, 1].tolist(), patience) for curve in curves]
    epochs = sum(stop for stop, _ in found) / 5
    losses = [curve[kept - 1, 3].item() for curve, (_, kept) in zip(curves, found, strict=True)]
    print(f"patience {patience:<3} {epochs:5.1f} epochs, test loss {sum(losses) / 5:.3f}")

# %%
# What counts as an improvement?
# ------------------------------
#
# With ``min_delta`` an epoch counts when it is better than the *best* by more than that. Improvements that are smaller
# add up, because the best stays where it is. If a program compares with the *previous* epoch, a loss that falls slowly
# counts as no progress. The price of a ``min_delta`` is that the kept weights need not have the smallest loss.

slow = [1.0 - 0.005 * epoch for epoch in range(100)]  # falls by 0.005 each epoch
stop, kept = stops_at(slow, patience=5, min_delta=0.01)
print(f"against the best:           epoch {stop}, loss {slow[stop - 1]:.3f}")
bad = 0
for epoch in range(1, len(slow)):
    bad = 0 if slow[epoch] < slow[epoch - 1] - 0.01 else bad + 1
    if bad >= 5:
        break
print(f"against the previous epoch: epoch {epoch + 1}, loss {slow[epoch]:.3f}")
assert (stop, epoch + 1) == (100, 6)

# %%
# Loss or accuracy?
# -----------------
#
# Follow the number that you need in the end. The loss also says how sure the network is. Accuracy moves in steps of one
# image and has ties. Here the weights with the best validation accuracy read about as many digits, and have the larger
# test loss. To follow an accuracy, pass its negative, or turn the comparison around: larger is better.

# Varies with the processor: the five trainings from above.
by_loss = torch.stack([curve[curve[:, 1].argmin(), 3:] for curve in curves])
by_accuracy = torch.stack([curve[curve[:, 2].argmax(), 3:] for curve in curves])
for name, found in (("validation loss", by_loss), ("validation accuracy", by_accuracy)):
    loss, right = found.mean(dim=0).tolist()
    print(f"best by {name:<20} test loss {loss:.3f}, test accuracy {right:.1%}")

# %%
# Together with ReduceLROnPlateau
# -------------------------------
#
# ``ReduceLROnPlateau`` counts bad epochs, too, and acts one epoch later: it lowers the rate when the count is *above*
# its ``patience``. An improvement has to be larger than a ten-thousandth of the best loss (its ``threshold``).
# Its default patience is :val:`10 <torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer).patience>`. With this number
# for both, the training stops before the rate falls. Give early stopping two or three times its patience, so that the
# smaller rate has time to help.

losses = [1.0, 0.8, *[0.9] * 12]
optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)
rates = []
for loss in losses:
    optimizer.step()
    schedule.step(loss)
    rates.append(optimizer.param_groups[0]["lr"])
lowered = next(epoch for epoch, rate in enumerate(rates, 1) if rate < 0.1)
print(
    f"patience 3: the rate falls after epoch {lowered}, training would stop after {stops_at(losses, 3)[0]}"
)
assert (lowered, stops_at(losses, 3)[0]) == (6, 5)

# %%
# .. use-this::
#
#    Begin with a patience of 10 epochs, no ``min_delta``, the validation loss, and the best weights loaded at the end.
#    Take more patience with a small validation set or a schedule that lowers the rate late. A loss that is NaN is not
#    an improvement, so the count goes on. If the first one is NaN, no weights are kept. It costs a copy of the weights,
#    one pass over the validation set an epoch, and the epochs of the patience. Where an epoch takes hours, measure
#    every few hundred steps and count these. Save ``best``, ``bad_epochs`` and ``weights`` with each checkpoint, or a
#    resumed training begins to count again. ``fit`` has the argument ``patience``.
#
# A common mistake
# ----------------
#
# **The counter is not reset.** If ``bad_epochs`` is not set to 0 after an improvement, the bad epochs of the whole
# training add up, and a jumpy curve ends too early. (In a published package, `early stopping came too early
# <https://github.com/ivadomed/ivadomed/issues/867>`__ for this reason.)

# Varies with the processor: the five trainings from above.


def without_reset(losses, patience):
    best, bad_epochs = math.inf, 0
    for epoch, loss in enumerate(losses, 1):
        bad_epochs += loss >= best
        best = min(best, loss)
        if bad_epochs >= patience:
            return epoch
    return len(losses)


for name, rule in {
    "reset": lambda x: stops_at(x, 10)[0],
    "no reset": lambda x: without_reset(x, 10),
}.items():
    print(f"{name:<9} stops after epoch", *(rule(curve[:, 1].tolist()) for curve in curves))

# %%
# How this was checked

for curve in curves:
    losses = curve[:, 1].tolist()
    stop, kept = stops_at(losses, 10)
    assert losses[kept - 1] == min(losses[:stop])
    assert stop - kept == 10
    assert without_reset(losses, 10) <= stop
    assert losses[-1] > 1.3 * min(losses)  # without stopping, the loss rises
    for patience in range(1, 60):  # more patience does not find a larger validation loss
        assert (
            losses[stops_at(losses, patience + 1)[1] - 1]
            <= losses[stops_at(losses, patience)[1] - 1]
        )
assert any(without_reset(c[:, 1].tolist(), 10) < stops_at(c[:, 1].tolist(), 10)[0] for c in curves)
assert by_loss[:, 0].mean() < by_accuracy[:, 0].mean()
assert abs(by_loss[:, 1].mean() - by_accuracy[:, 1].mean()) < 0.03
# The class, the function and fit agree.
for seed in range(3):
    losses = curves[seed][:, 1].tolist()
    for patience, min_delta in ((1, 0.0), (5, 0.0), (5, 0.02), (10, 0.0)):
        model, optimizer, loader = new_training(seed)
        counter = EarlyStopping(patience, min_delta)
        number = next(n for n, loss in enumerate(losses, 1) if counter.stop(loss, model))
        assert (number, counter.best) == (
            stops_at(losses, patience, min_delta)[0],
            losses[stops_at(losses, patience, min_delta)[1] - 1],
        )
    model, optimizer, loader = new_training(seed)
    history = fit(
        *(model, loader, F.cross_entropy, optimizer),
        epochs=100,
        validation=batches(validation, len(validation)),
        patience=10,
    )
    assert len(history) == stops_at(losses, 10)[0]
    kept = stops_at(losses, 10)[1]
    assert abs(measure(model, test)[0] - curves[seed][kept - 1, 3]) < 1e-4
# NaN is no improvement, so it counts as a bad epoch.
assert stops_at([1.0, math.nan, math.nan, math.nan], 3) == (4, 1)
stopping = EarlyStopping(patience=3)
assert [stopping.stop(math.nan, model) for _ in range(3)] == [False, False, True]
assert stopping.weights is None
# With 10 for both, the rate has not fallen when the training stops.
optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
flat = [1.0] * 12
for epoch, loss in enumerate(flat, 1):
    optimizer.step()
    schedule.step(loss)
    assert (optimizer.param_groups[0]["lr"] < 0.1) == (epoch > stops_at(flat, 10)[0])
# An accuracy, by its negative: it stops after the largest.
assert stops_at([-0.5, -0.7, -0.6, -0.6], 2) == (4, 2)
# With a min_delta, a smaller loss may be passed over.
assert stops_at([1.0, 0.95], 5, min_delta=0.1) == (2, 1)
# A patience of 1 stops at the first epoch that is not better.
for curve in curves:
    losses = curve[:, 1].tolist()
    first = next(i for i in range(1, 100) if losses[i] >= losses[i - 1])
    assert stops_at(losses, 1)[0] == first + 1
# The plateau schedule: an improvement below its threshold counts as a bad epoch.
for factor, lower in ((1 - 2e-4, False), (1 - 0.5e-4, True)):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)
    for loss in (1.0, *[factor] * 4):
        optimizer.step()
        schedule.step(loss)
    assert (optimizer.param_groups[0]["lr"] < 0.1) == lower
for patience in range(6):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=patience)
    bad = 0
    schedule.step(1.0)
    while optimizer.param_groups[0]["lr"] == 0.1:
        optimizer.step()
        schedule.step(1.0)
        bad += 1
    assert bad == patience + 1
assert not hasattr(torch.optim, "EarlyStopping")
for seed in SEEDS:  # one in five labels is wrong
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(train_set), generator=generator)[:200]
    assert (few_images(seed).targets != train_set.targets[rows]).sum() == 40

# %%
# Check yourself
# --------------

losses = [0.9, 0.7, 0.8, 0.75, 0.6, 0.65, 0.7, 0.72]
ask(
    f"The validation losses are {', '.join(map(str, losses))}, and the patience is 3. "
    "After which epoch does the training stop?",
    answer=stops_at(losses, 3)[0],
    choices={
        4: "After the fourth, two epochs are bad. The fifth is the best so far, so the count begins again.",
        5: "That is the epoch whose weights are kept.",
        8: "Three epochs after the best one, which is the fifth.",
    },
)

# %%
# The next question has a ``min_delta``.

stop, kept = stops_at([1.0, 0.95, 0.92, 0.88], patience=2, min_delta=0.1)
ask(
    "The losses are 1.0, 0.95, 0.92, 0.88, with patience=2 and min_delta=0.1. Whose weights are loaded?",
    answer=f"those of epoch {kept}, after epoch {stop}",
    choices={
        "those of epoch 1, after epoch 3": "0.95 and 0.92 are not better than 1.0 by more than 0.1.",
        "those of epoch 4, after epoch 4": "The training has stopped before.",
        "those of epoch 3, after epoch 3": "The loss is smaller there, but not by enough to be kept.",
    },
)

# %%
# **Exercise.** Return the epoch after which the training stops and the epoch whose weights are kept, both counted from
# 1, as a tensor of two integers. If it does not stop, the first is the number of epochs. ``losses`` has shape (epoch,).


def by_loop(losses, patience):
    return torch.tensor(stops_at(losses.tolist(), patience))


torch.manual_seed(0)
cases = [
    (torch.tensor([3.0, 1.0, 2.0, 2.0, 0.5]), 2),
    (torch.tensor([3.0, 2.0, 1.0]), 2),
    (torch.tensor([1.0, 1.0, 1.0]), 1),
    (torch.tensor([math.nan, 3.0, math.nan, 4.0]), 2),
    *[(torch.rand(30), patience) for patience in (3, 6, 40)],
]


def stop_and_best(losses, patience):
    raise NotImplementedError


check(stop_and_best, by_loop, cases)

# %%
# A loss that equals the smallest one so far is not an improvement, and neither is NaN.

# Solution


def stop_and_best(losses, patience):
    best, smallest = -1, math.inf
    for epoch, loss in enumerate(losses):
        if loss < smallest:
            best, smallest = epoch, loss
        if epoch - best >= patience:
            break
    return torch.tensor([epoch + 1, best + 1])


report = check(stop_and_best, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`a-small-hyperparameter-search`, which compares trainings with different settings.
#
# - Prechelt (1998). `Early stopping, but when? <https://doi.org/10.1007/3-540-49430-8_3>`__. Several rules for
#   stopping, compared.
# - PyTorch contributors (2026). `ReduceLROnPlateau
#   <https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html>`__. The reference.
