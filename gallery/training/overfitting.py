"""
.. _overfitting:

How do I reduce overfitting? Seven remedies, measured
=====================================================

The training loss is near 0, and the loss on new data is large: the network has learned its samples by heart, wrong
labels included. Seven remedies lower the test loss here, and three of them together lower it by far the most.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.func import stack_module_state
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.exercises import check
from ptguide.questions import ask

train_set, validation, test = (digits(split) for split in ("train", "validation", "test"))
SEEDS = range(3)


def some_images(number, wrong, generator):
    """Return the first images of each class, a part of them with a wrong label."""
    places = [(train_set.targets == k).nonzero()[: number // 10, 0] for k in range(10)]
    images, labels = train_set[torch.cat(places)]
    spoiled = torch.randperm(number, generator=generator)[: int(wrong * number)]
    other = torch.randint(1, 10, spoiled.shape, generator=generator)
    return images, labels.index_put((spoiled,), (labels[spoiled] + other) % 10)


def augment(images):
    """Turn, shift and scale each image by small random amounts."""
    n = len(images)
    angle = 0.2 * (2 * torch.rand(n) - 1)  # radians
    shift = 0.25 * (2 * torch.rand(n, 2) - 1)  # 1 is half the width: up to one pixel
    size = 0.9 + 0.2 * torch.rand(n)
    rows = (
        torch.stack([size * angle.cos(), -angle.sin(), shift[:, 0]], dim=1),
        torch.stack([angle.sin(), size * angle.cos(), shift[:, 1]], dim=1),
    )
    grid = F.affine_grid(torch.stack(rows, dim=1), images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def logits_of(weights, images, dropout=0.0):
    """Return what networks whose weights are stacked along a new first axis give for images (network, B, 1, 8, 8)."""
    hidden = (images.flatten(2) @ weights["1.weight"].mT + weights["1.bias"][:, None]).relu()
    hidden = F.dropout(hidden, dropout) if dropout else hidden
    return hidden @ weights["3.weight"].mT + weights["3.bias"][:, None]


@torch.no_grad()
def measure(weights, images, labels):
    """Return loss and accuracy of each network without dropout, shape (network, 2)."""
    logits = logits_of(weights, images)
    labels = labels.expand(logits.shape[:2])
    loss = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(dim=1)
    right = (logits.argmax(dim=2) == labels).float().mean(dim=1)
    return torch.stack([loss, right], dim=1)


def new_network(seed, hidden):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def several(
    wrong=0.2,
    images=200,
    hidden=128,
    decay=0.0,
    dropout=0.0,
    change=None,
    smoothing=0.0,
    stop=False,
    epochs=60,
):
    """Train a network for each seed on some images, side by side.

    Returns the losses and accuracies of the three sets, shape (seed, set, 2).
    """
    orders = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    sets = [some_images(images, wrong, order) for order in orders]
    x, y = (torch.stack(parts) for parts in zip(*sets, strict=True))  # (seed, image, ...)
    stacked, _ = stack_module_state([new_network(seed, hidden) for seed in SEEDS])
    weights = {name: value.detach().requires_grad_() for name, value in stacked.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=0.01, weight_decay=decay, fused=True)
    lowest, best = torch.full((len(SEEDS),), float("inf")), weights
    own = torch.arange(len(SEEDS))[:, None]
    for _ in range(epochs):
        mixed = torch.stack([torch.randperm(images, generator=order) for order in orders])
        for rows in mixed.split(40, dim=1):
            inputs = x[own, rows]
            if change:
                inputs = change(inputs.flatten(0, 1)).unflatten(0, rows.shape)
            logits = logits_of(weights, inputs, dropout).flatten(0, 1)
            loss = F.cross_entropy(logits, y[own, rows].flatten(), label_smoothing=smoothing)
            optimizer.zero_grad()
            (len(SEEDS) * loss).backward()  # the sum of the mean losses
            optimizer.step()
        if stop:
            now = measure(weights, validation.inputs[None], validation.targets)[:, 0]
            better, lowest = now <= lowest, torch.minimum(now, lowest)
            best = {
                name: torch.where(better.view(-1, *[1] * (w.ndim - 1)), w.detach(), best[name])
                for name, w in weights.items()
            }
    weights = best if stop else weights
    held_out = [(data.inputs[None], data.targets) for data in (validation, test)]
    return torch.stack([measure(weights, *data) for data in ((x, y), *held_out)], dim=1)


REMEDIES = {
    "nothing": {},
    "smaller network": {"hidden": 16},
    "label smoothing": {"smoothing": 0.1},
    "weight decay": {"decay": 1.0},
    "dropout": {"dropout": 0.75},
    "early stopping": {"stop": True},
    "augmentation": {"change": augment},
    "4 times the images": {"images": 800},
    "the last three": {"stop": True, "change": augment, "images": 800},
}

results = {name: several(**settings) for name, settings in REMEDIES.items()}


def draw_remedies():
    _, axes = plt.subplots(1, 2, figsize=(6.6, 2.9), layout="constrained", sharey=True)
    for axis, place, label in zip(axes, (0, 1), ("test loss", "test accuracy in %"), strict=True):
        for row, found in enumerate(results.values()):
            values = found[:, 2, place] * (100 if place else 1)
            axis.plot(values.tolist(), [row] * len(values), "o", color="C0", alpha=0.5)
            axis.plot(values.mean().item(), row, "|", color="C1", markersize=14)
        axis.set_xlabel(label)
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_yticks(range(len(results)), results)
    axes[0].invert_yaxis()
    axes[0].figure.suptitle(
        "Each remedy lowers the test loss, and together they do more", fontsize=10
    )
    plt.show()


def draw_augmented():
    _, axes = plt.subplots(1, 8, figsize=(6.2, 1.3), layout="constrained")
    image = train_set.inputs[5:6]
    torch.manual_seed(0)
    shown = [image] + [augment(image) for _ in range(7)]
    for place, (axis, one) in enumerate(zip(axes, shown, strict=True)):
        axis.imshow(one[0, 0].numpy(), cmap="gray_r")
        axis.set_title("" if place else "as it is", fontsize=8)
        axis.axis("off")
    axes[0].figure.suptitle("Seven random versions of one digit", fontsize=10)
    plt.show()


# %%

# Varies with the processor: three trainings for each row.
draw_remedies()

# %%
# .. longer: 5 screens — a figure of seven remedies, and their code
#
# A network learns digits from twenty images of each, and one in five has a wrong label. A dot is a training, and an
# orange line the mean of three seeds. The rows have the same number of epochs, so the larger set has more steps. With
# as many steps as the others, it helps at least as much. You need to know :ref:`the-training-loop` and
# :ref:`evaluation`.
#
# The rule
# --------
#
# :math:`L_\text{test} = L_\text{training} + \text{gap}`. A network that memorizes its data has a large gap. A remedy
# makes it smaller, and most of them make the training loss larger. It helps as long as the gap shrinks by more than the
# training loss grows. Here the gap can be below 0, because the test labels are right and some training labels are not.
# Your validation labels may be wrong, too.

# Varies with the processor: the trainings from above.
for name, found in results.items():
    training, _, on_test = found[:, :, 0].mean(dim=0).tolist()
    print(
        f"{name:<19} training {training:.2f} + gap {on_test - training:5.2f} = test {on_test:.2f}"
    )

# %%
# What each one is in PyTorch
# ---------------------------
#
# Dropout is a layer, weight decay and label smoothing are arguments, and a smaller network has fewer units than the 128
# here. :ref:`early-stopping`, :ref:`weight-decay` and :ref:`augmentation` have pages. Dropout and augmentation are for
# training, so the losses above are measured in eval mode and on images as they are.

model = nn.Sequential(
    nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.75), nn.Linear(128, 10)
)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=1.0)
logits = model(augment(train_set.inputs[:40]))
loss = F.cross_entropy(logits, train_set.targets[:40], label_smoothing=0.1)
print(
    f"dropout in train mode: {(model[:4](train_set.inputs) == 0).float().mean():.0%} zeros,",
    end=" ",
)
print(f"in eval mode: {(model.eval()[:4](train_set.inputs) == 0).float().mean():.0%} (from ReLU)")

# %%
# Augmentation shows the network another version of each image in each epoch, so there is less to learn by heart. The
# changes have to leave the label true. Here an image is turned, scaled and shifted by about a pixel.

draw_augmented()

# %%
# How strong?
# -----------
#
# Most remedies have a strength. A weak one changes little. With a strong one, the network no longer learns the right
# labels either. Then both losses are high and nearly equal. Multiply the strength by about three from try to try, and
# choose by the *validation* loss.

# Varies with the processor: three trainings for each strength.
tried = {decay: several(decay=decay) for decay in (0.3, 3.0, 10.0)} | {1.0: results["weight decay"]}
sweep = {decay: tried[decay][:, :, 0].mean(dim=0) for decay in sorted(tried)}
for decay, (training, held_out, _) in sweep.items():
    print(f"weight_decay={decay:<5} training {training:.2f}, validation {held_out:.2f}")
assert min(sweep, key=lambda decay: sweep[decay][1]) == 1
assert sweep[10.0][1] - sweep[10.0][0] < 0.1

# %%
# When the labels are right
# -------------------------
#
# How much a remedy gives depends on the data. With right labels for the same images, there are no errors to learn by
# heart. At the same strengths, dropout and augmentation change little here, and stopping early lowers the loss
# somewhat. More images help most.

# Varies with the processor: three trainings for each row.
kept = ("nothing", "dropout", "early stopping", "augmentation", "4 times the images")
right_labels = {name: several(wrong=0.0, **REMEDIES[name]) for name in kept}
for name, found in right_labels.items():
    print(f"{name:<19} test loss {found[:, 2, 0].mean():.2f}, accuracy {found[:, 2, 1].mean():.1%}")
more_images = right_labels["4 times the images"][:, 2, 0]
for name in kept[:-1]:
    assert more_images.max() < 0.8 * right_labels[name][:, 2, 0].min()

# %%
# .. use-this::
#
#    Look for more data and for wrong labels first. Then stop early, which costs a validation set and a copy of the
#    weights. Add the augmentation that your images allow; it costs time for each image. Then try ``weight_decay`` in
#    ``AdamW`` and dropout before the last layer, and choose their strength by the validation loss. Change one thing at
#    a time, with three seeds. Keep the test set for the end, because what is chosen by it looks better than it is.
#
# A common mistake
# ----------------
#
# **Augmentation that changes the label.** For satellite photos it is usual to turn half of the images upside down, or
# to mirror them. A six that is upside down is a nine, and its label is wrong. Here images that are upside down make the
# network worse, and mirrored ones bring no gain. Look at some augmented images together with their labels.


# Varies with the processor: three trainings for each row.
def half_of(changed):
    return lambda x: torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, changed(x), x)


changes = {
    "mirrored": half_of(lambda x: x.flip(-1)),
    "upside down": half_of(lambda x: x.rot90(2, (-2, -1))),
}
found = {"as it is": right_labels["nothing"][:, 2, 1]}
found |= {name: several(wrong=0.0, change=change)[:, 2, 1] for name, change in changes.items()}
for name, values in found.items():
    print(f"{name:<12}", *(f"{value:.1%}" for value in values))
assert found["upside down"].max() < found["as it is"].min() - 0.03
assert found["mirrored"].mean() < found["as it is"].mean() + 0.005

# %%
# How this was checked

nothing, together = (results[name][:, 2] for name in ("nothing", "the last three"))
for name, one in results.items():
    loss, right = one[:, 2].mean(dim=0)
    if name != "nothing":  # lower in the mean, and with each seed
        assert loss < nothing[:, 0].mean() - 0.2
        assert (one[:, 2, 0] < nothing[:, 0]).all()
        assert right > nothing[:, 1].mean()
    if name != "the last three":
        assert together[:, 0].max() < 0.7 * one[:, 2, 0].min()
assert results["nothing"][:, 0, 0].max() < 0.1
# A quarter of the epochs gives the larger set as many steps as the others have.
as_many_steps = several(images=800, epochs=15)[:, 2, 0]
assert as_many_steps.mean() < results["4 times the images"][:, 2, 0].mean() + 0.05
# The remedies other than more images raise the training loss.
for name in list(REMEDIES)[1:7]:
    assert (results[name][:, 0, 0] > results["nothing"][:, 0, 0]).all()
# A stronger and a weaker dropout have a larger validation loss.
chosen = results["dropout"][:, 1, 0].mean()
for dropout in (0.5, 0.9):
    assert several(dropout=dropout)[:, 1, 0].mean() > chosen + 0.05
for name in ("dropout", "augmentation"):  # with right labels
    change = right_labels[name][:, 2].mean(dim=0) - right_labels["nothing"][:, 2].mean(dim=0)
    assert change.abs().max() < 0.1
assert (
    right_labels["early stopping"][:, 2, 0].mean() < right_labels["nothing"][:, 2, 0].mean() - 0.05
)
gaps = {name: (one[:, 2, 0] - one[:, 0, 0]).mean() for name, one in results.items()}
for name in list(REMEDIES)[1:]:
    assert gaps[name] < 0.75 * gaps["nothing"]
# The networks side by side are those of a plain loop: the second seed, for two epochs.
plain, order = new_network(1, hidden=128), torch.Generator().manual_seed(1)
x, y = some_images(200, 0.2, order)
optimizer = torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.5)
for _ in range(2):
    for rows in torch.randperm(200, generator=order).split(40):
        optimizer.zero_grad()
        F.cross_entropy(plain(x[rows]), y[rows]).backward()
        optimizer.step()
beside = several(decay=0.5, epochs=2)[1, 0, 0]
torch.testing.assert_close(F.cross_entropy(plain(x), y).detach(), beside, rtol=1e-3, atol=1e-4)
# One in five labels is wrong.
for seed in SEEDS:
    generator = torch.Generator().manual_seed(seed)
    x, y = some_images(200, 0.2, generator)
    _, truth = some_images(200, 0.0, torch.Generator())
    assert x.shape == (200, 1, 8, 8)
    assert (y != truth).sum() == 40
    assert truth.bincount().tolist() == [20] * 10
# Without turning, scaling and shifting, the augmentation gives the image back.
same = torch.tensor([[[1.0, 0, 0], [0, 1.0, 0]]])
grid = F.affine_grid(same, (1, 1, 8, 8), align_corners=False)
torch.testing.assert_close(
    F.grid_sample(train_set.inputs[:1], grid, align_corners=False), train_set.inputs[:1]
)
# AdamW shrinks a weight by lr times weight_decay, whatever its gradient is; here it is 0.
p = nn.Parameter(torch.tensor([2.0]))
p.grad = torch.zeros(1)
torch.optim.AdamW([p], lr=0.01, weight_decay=1.0).step()
torch.testing.assert_close(p.detach(), torch.tensor([2.0 * (1 - 0.01 * 1.0)]))
# label_smoothing is a mixture of the label and all classes.
logits = torch.randn(6, 10, dtype=torch.float64)
labels = torch.randint(10, (6,))
mixed = 0.9 * F.one_hot(labels, 10) + 0.1 / 10
torch.testing.assert_close(
    F.cross_entropy(logits, labels, label_smoothing=0.1), F.cross_entropy(logits, mixed)
)
# The last layer before dropout, in train mode: with 0.75 at least three quarters are 0.
assert (model.train()[:4](train_set.inputs) == 0).float().mean() > 0.75

# %%
# Check yourself
# --------------

high = sweep[10.0]
ask(
    "With weight_decay=10, training and validation loss are both high and nearly equal. What is the trouble?",
    answer="it underfits" if high[0] > 1 and abs(high[1] - high[0]) < 0.1 else "it overfits",
    choices={
        "it overfits": "Then the training loss would be much lower than the other.",
        "it underfits": "It cannot even learn the training images. A weaker decay helps.",
        "the data is too small": "The gap is small, so more images would change little.",
    },
)

# %%
# The next question is about the two losses.

ask(
    "A remedy raises the training loss from 0.05 to 0.7, and the test loss falls by half. Is that possible?",
    answer="yes" if results["augmentation"][:, 2, 0].mean() < nothing[:, 0].mean() else "no",
    choices={
        "yes": "The gap shrank by more than the training loss grew, as with augmentation above.",
        "no": "The training loss says how well the samples are known, and not how well new ones are read.",
    },
)

# %%
# **Exercise.** Mixup trains on mixtures. Given images of shape (N, ...), labels of shape (N,), an order of the N
# images and a number :math:`\lambda`, return the targets of the mixtures :math:`\lambda x_i + (1 - \lambda)
# x_{\text{order}(i)}` as probabilities of shape (N, classes).


def by_loop(labels, order, part, classes):
    rows = []
    for i in range(len(labels)):
        row = torch.zeros(classes)
        row[labels[i]] += part
        row[labels[order[i]]] += 1 - part
        rows.append(row)
    return torch.stack(rows)


cases = [
    (torch.tensor([0, 1]), torch.tensor([1, 0]), 0.7, 3),
    (torch.tensor([2, 2, 0]), torch.tensor([1, 2, 0]), 0.4, 4),
    (torch.arange(6), torch.randperm(6, generator=torch.Generator().manual_seed(0)), 0.9, 6),
]


def mixed_targets(labels, order, part, classes):
    raise NotImplementedError


check(mixed_targets, by_loop, cases)

# %%
# ``F.one_hot`` makes probabilities of the labels. ``cross_entropy`` takes the result as its target.

# Solution


def mixed_targets(labels, order, part, classes):
    probabilities = F.one_hot(labels, classes).float()
    return part * probabilities + (1 - part) * probabilities[order]


report = check(mixed_targets, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`early-stopping`, which ends a training in time.
#
# - Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014). `Dropout
#   <https://jmlr.org/papers/v15/srivastava14a.html>`__. What dropout is, and why it helps.
# - Zhang, Bengio, Hardt, Recht and Vinyals (2017). `Understanding deep learning requires rethinking generalization
#   <https://arxiv.org/abs/1611.03530>`__. Networks that learn random labels by heart.
