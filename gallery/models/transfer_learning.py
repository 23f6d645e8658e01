"""
.. _transfer-learning:

Transfer learning: freeze the body, or fine-tune all?
=====================================================

A :term:`network` that learned one task is given another, for which there are few labels. Its last layer, the **head**,
is replaced; the rest, the **body**, is kept frozen, or trained further. This page measures when that helps and when
not, and shows why "frozen" layers can change all the same. You need to know :ref:`cnn-digits`.
"""

# %%
# Above, the first task: the digits 0 to 4, with many labels. Below, the second: 5 to 9, with few. They stand anywhere
# in 16 by 16 noisy pixels, so there is more to learn than how a digit looks.

import matplotlib.pyplot as plt
import torch

from ptguide.data import digits

random = torch.Generator().manual_seed(0)
figure, axes = plt.subplots(2, 5, figsize=(6.5, 2.8), layout="constrained")
for axis, (image, label) in zip(axes.flat, digits("train"), strict=False):
    canvas = 0.1 * torch.randn(16, 16, generator=random)
    up, left = torch.randint(9, (2,), generator=random).tolist()
    canvas[up : up + 8, left : left + 8] += image[0]
    axis.imshow(canvas.numpy(), cmap="gray_r")
    axis.set_title(label.item(), size=9)
    axis.axis("off")
figure.suptitle("The first task, with many labels, and the second, with few")
plt.show()

# %%
# The data of both tasks. ``scatter`` does the above with many digits.


def digits_of(classes, *splits):
    """Return images, and labels that count from 0."""
    parts = [digits(split)[:] for split in splits]
    images, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    chosen = torch.isin(labels, torch.tensor(classes))
    return images[chosen], labels[chosen] - classes[0]


def scatter(images, random):
    """Put each digit of 8 by 8 somewhere into 16 by 16 noisy pixels."""
    canvas = 0.1 * torch.randn(len(images), 1, 16, 16, generator=random)
    places = torch.randint(9, (len(images), 2), generator=random).tolist()
    for image, there, (up, left) in zip(images, canvas, places, strict=True):
        there[:, up : up + 8, left : left + 8] += image
    return canvas


many_images, many_labels = digits_of([0, 1, 2, 3, 4], "train")
few_images, few_labels = digits_of([5, 6, 7, 8, 9], "train")
test_images, test_labels = digits_of([5, 6, 7, 8, 9], "validation", "test")
assert many_labels[:5].tolist() == few_labels[:5].tolist() == [0, 1, 2, 3, 4]

# %%
# The first task
# --------------
#
# A small CNN: a body of three convolutions, each with batch normalization, and a head, one linear layer. ``groups`` is
# what the :term:`optimizer` gets: lists of parameters, each with a :term:`learning rate` of its own.

from torch import nn

from ptguide.devices import pick_device

device = pick_device()


def new_network():
    body = nn.Sequential()
    for before, after in ((1, 8), (8, 16), (16, 32)):
        body += nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()
        )
        body.append(nn.MaxPool2d(2))
    body.append(nn.Flatten())
    return nn.Sequential(body, nn.Linear(32 * 2 * 2, 5)).to(device)


# %%
# ``train`` draws a batch of 50 in each step. A body that is frozen stays in evaluation mode; the reason comes below.

from torch.nn import functional as F


def train(network, images, labels, groups, steps=100, frozen=False):
    order = torch.Generator().manual_seed(0)
    images, labels = images.to(device), labels.to(device)
    optimizer = torch.optim.Adam(groups)
    network.train()
    if frozen:
        network[0].eval()
    for _step in range(steps):
        batch = torch.randperm(len(images), generator=order)[:50].to(device)
        loss = F.cross_entropy(network(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


# %%
# ``accuracy`` counts the right answers.


def accuracy(network, images, labels):
    with torch.no_grad():
        return (network(images.to(device)).argmax(dim=1).cpu() == labels).float().mean().item()


# %%
# The ``source`` learns the first task, each digit in 12 places, with small steps at the end.

images, labels = many_images.repeat(12, 1, 1, 1), many_labels.repeat(12)
torch.manual_seed(0)
source = new_network()
images = scatter(images, random)
for lr, steps in ((0.005, 200), (0.001, 100)):
    train(source, images, labels, [{"params": source.parameters(), "lr": lr}], steps)
again, labels = digits_of([0, 1, 2, 3, 4], "test")
assert accuracy(source, scatter(again, random), labels) > 0.8

# %%
# Three ways to the second task
# -----------------------------
#
# ``few`` chooses labels. ``begin`` makes a network with a new head, and with the body that has learned, or a new one.


def few(count, seed, spread):
    """Return some images of each class."""
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(few_labels), generator=random)
    chosen = torch.cat([order[few_labels[order] == k][:count] for k in range(5)])
    return spread(few_images[chosen], random), few_labels[chosen]


def begin(seed, learned=True):
    torch.manual_seed(seed)
    network = new_network()  # with a new head
    if learned:
        network[0].load_state_dict(source[0].state_dict())
    return network


# %%
# Train the head alone; train all, the body with smaller steps, for it knows something already; or begin from nothing.


def train_head(images, labels, seed):
    network = begin(seed)
    network[0].requires_grad_(False)
    head = [{"params": network[1].parameters(), "lr": 0.02}]
    return train(network, images, labels, head, frozen=True)


def fine_tune(images, labels, seed):
    network = begin(seed)
    body = {"params": network[0].parameters(), "lr": 0.002}
    head = {"params": network[1].parameters(), "lr": 0.02}
    return train(network, images, labels, [body, head])


def from_nothing(images, labels, seed):
    network = begin(seed, learned=False)
    return train(network, images, labels, [{"params": network.parameters(), "lr": 0.005}])


# %%
# ``measure`` lets each way learn from some numbers of labels for each class, three times others, and counts on images
# that none has seen.


def measure(spread, counts):
    random = torch.Generator().manual_seed(1)
    test = spread(test_images, random), test_labels
    ways = {"head only": train_head, "fine-tuned": fine_tune, "from nothing": from_nothing}
    return {
        name: torch.tensor(
            [
                [accuracy(way(*few(n, seed, spread), seed), *test) for n in counts]
                for seed in range(3)
            ]
        )
        for name, way in ways.items()
    }  # (3 seeds, counts)


# %%
# With 2, 10 and 80 labels for each class: each point is one choice of labels, and the line is the mean.

counts = [2, 10, 80]
found = measure(scatter, counts)
figure, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for (name, values), style in zip(found.items(), ("s--", "o-", "^:"), strict=True):
    line = axis.semilogx(counts, 100 * values.mean(dim=0), style[1:], label=name)[0]
    for row in 100 * values:
        axis.semilogx(counts, row, style[0], alpha=0.4, color=line.get_color())
axis.set(xlabel="labels for each class", ylabel="accuracy in %", ylim=(0, 100))
axis.minorticks_off()
axis.set_xticks(counts, counts)
axis.set_title("What was learned before helps while labels are few")
axis.legend()
plt.show()

# %%
# - **Head only** does well with next to no labels, and soon stays behind: the body knows what tells a 0 from a 4, and
#   what a 5 needs it can't learn.
# - :term:`Fine-tuning <fine-tuning>` is as good with few labels, and goes on learning. The body gets a smaller
#   :term:`learning rate` than the new head, as a parameter group of its own: large steps would destroy what it knows.
# - **From nothing** needs more labels. With 80 for each class it has about caught up.

head, tuned, nothing = (values.mean(dim=0) for values in found.values())  # each (3,)
assert tuned[1] > nothing[1] + 0.04
assert min(head[0], tuned[0]) > nothing[0] + 0.02
assert head[2] < min(tuned[2], nothing[2]) - 0.04
assert abs(tuned[2] - nothing[2]) < 0.15

# %%
# When it does not help
# ---------------------
#
# The same digits, but all in the middle, without noise. Now five labels for each class are enough to learn from
# nothing, and what was learned before brings no gain. What the first task taught was above all to find a digit in the
# noise, wherever it is; here there is nothing to find. Transfer pays if the first task taught what the second needs
# *and* has too few labels to teach. So measure against a network from nothing.


def center(images, random):
    return F.pad(images, (4, 4, 4, 4))


easy = {name: values.mean().item() for name, values in measure(center, [5]).items()}
assert easy["from nothing"] > 0.8
assert max(easy["head only"], easy["fine-tuned"]) < easy["from nothing"] + 0.03

# %%
# Frozen, and changing all the same
# ---------------------------------
#
# ``requires_grad_(False)`` keeps the optimizer from changing the *parameters*. But a batch normalization in train mode
# also moves its running mean and variance, which are :term:`buffers <buffer>`, with every batch that goes through. So
# the "frozen" body computes other features from day to day.

import copy

frozen = begin(0)
frozen[0].requires_grad_(False)
before = copy.deepcopy(frozen[0].state_dict())
images, labels = few(20, 0, center)
head = [{"params": frozen[1].parameters(), "lr": 0.02}]
train(frozen, images, labels, head, steps=30)  # all in train mode

# %%
# No parameter of the body has changed, and three buffers of each normalization have: mean, variance, count of batches.

parameters = dict(frozen[0].named_parameters())
after = frozen[0].state_dict()
changed = [name for name in after if not torch.equal(after[name], before[name])]
assert not set(changed) & set(parameters)
assert len(changed) == 3 * 3
print(changed[:3])

old = begin(0)[0].eval()
with torch.no_grad():
    features, drifted = old(images.to(device)), frozen[0](images.to(device))
assert (drifted - features).norm() > 0.15 * features.norm()  # by about a fifth

# %%
# The remedy is to put those modules into evaluation mode, and to do it *after* every ``network.train()``, which sets
# all modules back. ``ptguide.training.fit`` keeps a module in evaluation mode, if the whole is in train mode.

from ptguide.training import fit

mended = begin(0)
mended[0].requires_grad_(False)
mended.train()
mended[0].eval()
optimizer = torch.optim.Adam(mended[1].parameters(), lr=0.02)
fit(mended, [(images, labels)], F.cross_entropy, optimizer, epochs=30)
assert all(torch.equal(part, before[name]) for name, part in mended[0].state_dict().items())
assert not mended[0].training
mended.train()
assert mended[0].training  # the next batch would move the statistics

# %%
# "``model.eval()`` freezes the network" is the other half of the confusion; :ref:`evaluation` shows what it does.
#
# Check yourself
# --------------

from ptguide.questions import ask

norm = nn.BatchNorm1d(3).requires_grad_(False)
norm(torch.ones(4, 3))
ask(
    "nn.BatchNorm1d(3).requires_grad_(False), in train mode, gets a batch of ones. running_mean was 0. What is it now?",
    answer=round(norm.running_mean[0].item(), 3),
    choices={
        0.0: "So it is after eval(). requires_grad is about parameters; running_mean is a buffer.",
        0.1: "It moved a tenth of the way to the mean of the batch: momentum is 0.1.",
        1.0: "One batch moves it by a tenth of the way.",
    },
)

# %%
# And the learning rates:

layer, rest = nn.Linear(3, 2), nn.Linear(2, 2)
groups = [{"params": layer.parameters(), "lr": 0.001}, {"params": rest.parameters()}]
optimizer = torch.optim.SGD(groups, lr=0.1)
ask(
    "SGD([{'params': body, 'lr': 0.001}, {'params': head}], lr=0.1): which learning rate does the head get?",
    answer=optimizer.param_groups[1]["lr"],
    choices={
        0.001: "That belongs to the group of the body alone.",
        0.1: "What a group does not say for itself, it takes from the optimizer's arguments.",
        0.101: "They are not added.",
    },
)

# %%
# And the labels:

last = {name: values.mean(dim=0)[-1].item() for name, values in found.items()}
ask(
    "With 80 labels for each class, in the second figure: which way is clearly the worst?",
    answer=min(last, key=last.get),
    choices={
        "head only": "The frozen body can't learn what the new classes need.",
        "fine-tuned": "It may change everything, and begins with a good guess.",
        "from nothing": "With so many labels, it has caught up.",
    },
)

# %%
# Next: :ref:`pretrained-weights`, which others have trained on a million photos.
