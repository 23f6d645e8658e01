"""
.. _reading-loss-curves:

How do I read loss curves?
==========================

You have drawn the training and the validation loss, and want to know what is wrong and what to change. The level of
the training loss, the gap between the two and the trend of the validation loss point to different causes.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import itertools

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, digits
from ptguide.exercises import check
from ptguide.questions import ask

train_set, validation = digits("train"), digits("validation")
SEEDS = range(3)


def measure(network, data=validation):
    """Return loss and accuracy in eval mode."""
    network.eval()
    with torch.no_grad():
        logits = network(data.inputs)
        loss = F.cross_entropy(logits, data.targets).item()
        right = (logits.argmax(dim=1) == data.targets).float().mean().item()
    network.train()
    return loss, right


def train(
    seed,
    lr=0.5,
    epochs=10,
    images=1085,
    batch_size=50,
    dropout=0.0,
    shuffle=True,
    spoiled=(),
    clip=None,
):
    """Train the small network; return curves by epoch and by step, and the network."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 64), nn.ReLU()), *(nn.Dropout(dropout), nn.Linear(64, 10))
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    inputs, targets = train_set.inputs[:images], train_set.targets[:images]
    by_class = targets.argsort(stable=True)
    names = ("steps", "training", "again", "validation", "accuracy")
    curves = {name: [] for name in names}
    for _ in range(epochs):
        order = torch.randperm(images) if shuffle else by_class
        losses = []
        for rows in order.split(batch_size):
            x = inputs[rows]
            if len(curves["steps"]) + len(losses) in spoiled:
                x = x * 255  # a batch that was not scaled
            loss = F.cross_entropy(network(x), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(network.parameters(), clip)
            optimizer.step()
            losses.append(loss.item())
        curves["steps"] += losses
        curves["training"].append(sum(losses) / len(losses))
        curves["again"].append(measure(network, TensorData(inputs, targets))[0])
        loss, right = measure(network)
        curves["validation"].append(loss)
        curves["accuracy"].append(right)
    return curves | {"network": network}


CASES = {
    "sound": {},
    "rate too small": {"lr": 0.01},
    "rate too large": {"lr": 4.0},
    "overfitting": {"images": 100, "epochs": 150, "batch_size": 20},
    "dropout": {"dropout": 0.5},
    "sorted by class": {"shuffle": False, "epochs": 10},
}
runs = {name: [train(seed, **settings) for seed in SEEDS] for name, settings in CASES.items()}


def draw_cases():
    _, axes = plt.subplots(2, 3, figsize=(6.6, 3.5), layout="constrained")
    for axis, (name, ones) in zip(axes.flat, runs.items(), strict=True):
        for one in ones:
            for place, part in enumerate(("training", "validation")):
                label = part if one is ones[0] else None
                epochs = range(1, len(one[part]) + 1)
                axis.plot(epochs, one[part], color=f"C{place}", linewidth=1, label=label)
        axis.set_title(name, fontsize=9)
        axis.set_ylim(0, 1.2 if name == "overfitting" else 4)  # its rise is small
    axes[0, 0].legend(fontsize="small")
    axes[1, 1].set_xlabel("epoch")
    axes[0, 0].set_ylabel("loss")
    axes[1, 0].set_ylabel("loss")
    axes[0, 0].figure.suptitle("What six settings do to the curves of one network", fontsize=10)
    plt.show()


def draw_gap():
    _, axis = plt.subplots(figsize=(5.8, 2.5), layout="constrained")
    styles = {"training": ":", "again": "--", "validation": "-"}
    labels = ("training, in passing", "training, again in eval mode", "validation")
    for (part, style), label in zip(styles.items(), labels, strict=True):
        for one in runs["dropout"]:
            shown = label if one is runs["dropout"][0] else None
            axis.plot(
                range(1, 11),
                one[part],
                f"C0{style}" if part != "validation" else "C1-",
                label=shown,
            )
    axis.set(xlabel="epoch", ylabel="loss", ylim=(0, 2.2))
    axis.legend(fontsize="small")
    axis.set_title("Measured alike, the training loss ends below the validation loss")
    plt.show()


def smooth(values, weight=0.9):
    """Return the moving average of the values so far, with weights that fall by a factor."""
    total, count, smoothed = 0.0, 0.0, []
    for value in values:
        total, count = weight * total + value, weight * count + 1
        smoothed.append(total / count)
    return smoothed


def draw_steps():
    _, axes = plt.subplots(1, 2, figsize=(6.6, 2.5), layout="constrained")
    axes[0].plot(noisy["steps"], color="C0", alpha=0.3, linewidth=0.7, label="each batch of 4")
    axes[0].plot(smooth(noisy["steps"], 0.98), color="C0", label="moving average")
    axes[0].set_title("Noise: small batches", fontsize=9)
    for one, color, label in ((hurt, "C1", "as it is"), (clipped, "C0", "clipped")):
        axes[1].semilogy(one["steps"], color=color, linewidth=1, label=label)
    axes[1].axvline(100, color="gray", linestyle=":")
    axes[1].set_title("A spike: one bad batch", fontsize=9)
    axes[0].set_ylabel("loss")
    for axis in axes:
        axis.set_xlabel("step")
        axis.legend(fontsize="small")
    axes[0].figure.suptitle("An average hides noise, a spike can leave its mark", fontsize=10)
    plt.show()


# %%

# Varies with the processor: three trainings for each pair.
draw_cases()

# %%
# .. longer: 6 screens — six curves, and a cell for each question about them
#
# Each panel shows three trainings of one small network on digits. Its title names what was changed. The network that
# overfits has fewer images and more epochs, and its panel has a scale of its own. You need to know
# :ref:`the-training-loop` and :ref:`evaluation`.
#
# The rule
# --------
#
# Read three things, in this order. The *level* of the training loss says whether the network learns at all. The *gap*,
# :math:`L_\text{validation} - L_\text{training}`, says how much better the network knows its own samples than new ones,
# if both are measured in the same way. The *trend* of the validation loss says whether to go on.
#
# ==================  =======================================  ====================================================
# Curve               What it means                            What to do
# ==================  =======================================  ====================================================
# rate too small      falls slowly, as a nearly straight line  a larger one
# rate too large      jumps up, here to stay at a guess        a smaller one, warm-up
# overfitting         the gap grows, validation rises          :ref:`more data, dropout, stopping <overfitting>`
# dropout             validation is below training             nothing, see below
# sorted by class     validation jumps from epoch to epoch     ``shuffle=True``
# ==================  =======================================  ====================================================

# Varies with the processor: the trainings from above.
for name, ones in runs.items():
    level = sum(one["training"][-1] for one in ones) / 3
    gap = sum(one["validation"][-1] - one["training"][-1] for one in ones) / 3
    risen = sum(one["validation"][-1] - min(one["validation"]) for one in ones) / 3
    print(f"{name:<16} level {level:5.2f}   gap {gap:5.2f}   risen since its minimum {risen:5.2f}")

# %%
# When a curve stays near :val:`2.3 <torch.tensor(10.0).log()>`, the loss of a guess among ten classes, see
# :ref:`the-loss-does-not-fall`. Other losses overflow when the rate is too large: :ref:`the-loss-is-nan`. In the last
# panel the gap is not overfitting. The training images, measured after the epoch, have the same large loss:
# :ref:`the-classes-come-one-after-the-other`.
#
# Why is the validation loss below the training loss?
# ---------------------------------------------------
#
# Two reasons are harmless. The training loss is measured in train mode, where dropout removes units. It is also a mean
# over the epoch, so most of it was measured with older weights. Measure the training set again, in eval mode after the
# epoch, and its loss is below the validation loss again.

# Varies with the processor: the three trainings with dropout.
draw_gap()
for one in runs["dropout"]:
    assert one["validation"][-1] < one["training"][-1]
    assert one["again"][-1] < one["validation"][-1]

# %%
# If the validation loss is still lower then, look for a validation set that is easier, or that has samples of the
# training set: :ref:`test-samples-in-the-training`.
#
# The validation loss rises, and the accuracy stays
# -------------------------------------------------
#
# Accuracy asks which logit is largest, and the loss asks how sure the network is. A network that overfits becomes more
# sure of its wrong answers. So the loss rises while the number of right answers does not change much. If you need
# probabilities, trust the loss. If you need the answers alone, watch both.

# Varies with the processor: the three trainings that overfit.
for one in runs["overfitting"]:
    lowest = one["validation"].index(min(one["validation"]))
    for place in (lowest, -1):
        loss, right = one["validation"][place], one["accuracy"][place]
        print(f"epoch {place % 150 + 1:<4} validation loss {loss:.2f}, accuracy {right:.1%}")
    assert one["validation"][-1] > 1.1 * min(one["validation"])
    assert abs(one["accuracy"][-1] - one["accuracy"][lowest]) < 0.03

# %%
# Noise and spikes
# ----------------
#
# The loss of a batch depends on which images are in it, so small batches give a noisy curve. A moving average shows the
# trend, and lags behind. A spike can come from a single batch. Here the images of one batch were not scaled, and the
# step after it was far too long. The loss comes down again, but in these epochs not to where it was. With the gradient
# clipped, the same batch does little harm.

# Varies with the processor: three trainings.
noisy = train(0, batch_size=4, lr=0.05, epochs=4)
hurt, clipped = (train(0, spoiled=(100,), clip=clip) for clip in (None, 1.0))
draw_steps()
print(
    f"steps 90 to 99:    {sum(hurt['steps'][90:100]) / 10:.2f}, clipped {sum(clipped['steps'][90:100]) / 10:.2f}"
)
print(
    f"steps 110 to 119:  {sum(hurt['steps'][110:120]) / 10:.2f}, clipped {sum(clipped['steps'][110:120]) / 10:.2f}"
)

# %%
# .. use-this::
#
#    Draw both losses against the epoch in one panel, the loss of each step in another, and the accuracy in a third.
#    Draw the loss of a guess as a line. Use a logarithmic axis when the loss falls by more than a factor of ten. Repeat
#    a training with three seeds before you read anything into a difference. ``fit`` records both losses of each epoch,
#    and its history has ``plot``. Measuring the validation set costs one forward pass over it an epoch.
#
# A common mistake
# ----------------
#
# **The loss of the last batch as the loss of the epoch.** A program that prints ``loss.item()`` after the inner loop
# prints the loss of a single batch. From epoch to epoch it jumps, because other images are in it. Add up the losses,
# each times the size of its batch, and divide by the number of images.

# Varies with the processor: a sound training from above.
steps = torch.tensor(runs["sound"][2]["steps"]).reshape(10, -1)  # epoch, step
sizes = torch.tensor([50.0] * (steps.shape[1] - 1) + [35])  # the last batch is smaller
means = (steps * sizes).sum(dim=1) / len(train_set)
print("last batch: ", *(f"{loss:.2f}" for loss in steps[:, -1].tolist()))
print("mean:       ", *(f"{loss:.2f}" for loss in means.tolist()))
assert sizes.sum() == len(train_set)

# %%
# How this was checked

for small, large in zip(runs["rate too small"], runs["rate too large"], strict=True):
    falls = [one - two for one, two in itertools.pairwise(small["training"])]
    assert max(falls) < 0.03
    assert min(falls) > 0
    assert min(large["training"]) > 2.3
    assert max(large["training"][0], large["validation"][0]) > 2.7  # it jumps up first
for one in runs["overfitting"]:
    gaps = [v - t for v, t in zip(one["validation"], one["training"], strict=True)]
    assert gaps[-1] > gaps[30] > gaps[5]
for one in runs["sorted by class"]:
    assert max(one["validation"]) - min(one["validation"]) > 4
    for again, held_out in zip(one["again"], one["validation"], strict=True):
        assert abs(again - held_out) < 0.2  # measured alike, there is no gap
for one in runs["sound"]:  # the last batch goes up more often than the mean
    steps = torch.tensor(one["steps"]).reshape(10, -1)
    means = (steps * sizes).sum(dim=1) / len(train_set)
    assert (steps[:, -1].diff() > 0).sum() > (means.diff() > 0).sum()
for one in runs["dropout"]:  # in the first epochs neither is clearly lower
    for again, held_out in zip(one["again"][:5], one["validation"][:5], strict=True):
        assert abs(again - held_out) < 0.1
for one in runs["sound"]:
    assert one["validation"][-1] - min(one["validation"]) < 0.05
    assert one["validation"][0] < one["training"][0]  # an epoch in passing, without dropout
    assert one["again"][0] > 0.9 * one["validation"][0]
# The same training, ended where the validation loss was lowest: how sure are the wrong answers?
surer, right_answers = [], []
for seed, one in enumerate(runs["overfitting"]):
    lowest = one["validation"].index(min(one["validation"]))
    settings = CASES["overfitting"] | {"epochs": lowest + 1}
    early = train(seed, **settings)
    assert early["validation"][-1] == min(one["validation"])
    losses = []
    for network in (early["network"], one["network"]):
        with torch.no_grad():
            logits = network.eval()(validation.inputs)
        each = F.cross_entropy(logits, validation.targets, reduction="none")
        wrong = logits.argmax(dim=1) != validation.targets
        losses.append((each[wrong].mean().item(), each[~wrong].mean().item()))
    surer.append(losses[1][0] > 1.2 * losses[0][0])
    right_answers.append(losses[1][1] > losses[0][1])
assert all(surer)
assert not any(right_answers)
assert hurt["validation"][-1] > 2 * clipped["validation"][-1]
assert max(hurt["steps"]) > 100
assert max(clipped["steps"]) < 30
assert sum(hurt["steps"][110:120]) > 4 * sum(hurt["steps"][90:100])
assert sum(clipped["steps"][110:120]) < 1.2 * sum(clipped["steps"][90:100])
assert hurt["steps"][:100] != clipped["steps"][:100]  # clipping shortens other steps, too
untouched = train(0)
assert sum(untouched["steps"][110:120]) < sum(hurt["steps"][110:120]) / 4  # without the bad batch
# The average that smooths: the weights of the values sum to 1, so a constant stays.
torch.testing.assert_close(torch.tensor(smooth([3.0] * 7)), torch.full((7,), 3.0))

# %%
# Check yourself
# --------------

lower = all(
    one["again"][-1] < one["validation"][-1] < one["training"][-1] for one in runs["dropout"]
)
ask(
    "With dropout, the training loss stays above the validation loss. You measure the training set again, in eval mode "
    "after the last epoch. Where is it?",
    answer="below the validation loss" if lower else "above the validation loss",
    choices={
        "above the validation loss": "It would mean that the training set is harder than the validation set.",
        "below the validation loss": "Dropout and the older weights raised the number that was printed.",
        "at the printed training loss": "That was measured with dropout, and with the weights of the whole epoch.",
    },
)

# %%
# The next question is about overfitting.

ask(
    "The validation loss rises by a fifth, and as many answers are right as before. What has changed?",
    answer="the wrong answers" if all(surer) and not any(right_answers) else "the right answers",
    choices={
        "the right answers": "Their loss has even fallen a little.",
        "the wrong answers": "The network is surer of them, so each costs more.",
        "nothing": "Then the loss would be the same.",
    },
)

# %%
# **Exercise.** Write the moving average of the figure above. With the weight :math:`w`, the value at step :math:`n` is
# :math:`\sum_{k=0}^{n} w^{n-k} x_k`, divided by the sum of these weights. Return a tensor as long as ``values``.


def by_weights(values, weight):
    rows = []
    for n in range(len(values)):
        weights = weight ** torch.arange(n, -1, -1.0)
        rows.append((weights * values[: n + 1]).sum() / weights.sum())
    return torch.stack(rows)


torch.manual_seed(0)
cases = [
    (torch.tensor([2.0, 4.0]), 0.5),
    (torch.tensor([5.0, 5.0, 5.0, 5.0]), 0.9),
    (torch.rand(12), 0.8),
]


def moving_average(values, weight):
    raise NotImplementedError


check(moving_average, by_weights, cases)

# %%
# Keep two sums, and multiply both by the weight at each step. Without the division, the curve would begin near 0.

# Solution


def moving_average(values, weight):
    total, count, result = 0.0, 0.0, []
    for value in values:
        total, count = weight * total + value, weight * count + 1
        result.append(total / count)
    return torch.stack(result)


report = check(moving_average, by_weights, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`overfitting`, and what helps against it.
#
# - Google (2025). `Interpreting loss curves
#   <https://developers.google.com/machine-learning/crash-course/overfitting/interpreting-loss-curves>`__. Four curves
#   to diagnose, with answers.
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. Which
#   curves to draw, and what to look for in them.
