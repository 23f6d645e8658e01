"""
.. _transfer-learning:

Transfer learning: freeze the body, or fine-tune all?
=====================================================

A :term:`network` that learned one task is given another, for which there are few labels. Its last layer, the **head**,
is replaced; the rest, the **body**, is kept frozen, or trained further. This page measures when that helps and when
not. You need to know :ref:`cnn-digits`.
"""

# %%
# The upper row shows the first task: the digits 0 to 4, with many labels. The lower row shows the second: 5 to 9, with
# few. They stand anywhere in 16 by 16 noisy pixels, so there is more to learn than how a digit looks.

import matplotlib.pyplot as plt
import torch

from ptguide.data import digits

random = torch.Generator().manual_seed(0)
canvas = 0.1 * torch.randn(2, 16, 5, 16, generator=random)
for image, label in zip(*digits("train")[:10], strict=True):
    up, left = torch.randint(9, (2,), generator=random).tolist()
    canvas[label // 5, up : up + 8, label % 5, left : left + 8] += image[0]
figure, axis = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
axis.imshow(canvas.reshape(32, 80).numpy(), cmap="gray_r", vmin=0, vmax=1)
axis.vlines([15.5, 31.5, 47.5, 63.5], -0.5, 31.5, color="gray", linewidth=0.8)
axis.hlines(15.5, -0.5, 79.5, color="gray")
axis.set(xticks=[], yticks=[8, 24], yticklabels=["first task", "second task"])
axis.set_title("The first task, with many labels, and the second, with few")
plt.show()

# %%
# The data of both tasks. ``place_anywhere`` puts each of many digits on such a canvas.


def digits_of(classes, *splits):
    """Return images, and labels that begin at 0."""
    parts = [digits(split)[:] for split in splits]
    images, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    chosen = torch.isin(labels, torch.tensor(classes))
    return images[chosen], labels[chosen] - classes[0]


def place_anywhere(images, random):
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
# A small CNN: a body of three convolutions, each with batch normalization, and a head, one linear layer.

from torch import nn

from ptguide.devices import pick_device

device = pick_device()


def new_network():
    body = nn.Sequential()
    for before, after in ((1, 8), (8, 16), (16, 32)):
        convolution = nn.Conv2d(before, after, 3, padding=1)
        body.extend([convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)])
    body.append(nn.Flatten())
    return nn.Sequential(body, nn.Linear(32 * 2 * 2, 5)).to(device)


# %%
# ``train`` makes about as many steps as it is told, in batches of 50. ``groups`` is what the :term:`optimizer` gets:
# lists of parameters, each with a :term:`learning rate` of its own.

from torch.nn import functional as F

from ptguide.data import TensorData, batches
from ptguide.training import confusion, fit


def train(network, images, labels, groups, steps=100):
    order = torch.Generator().manual_seed(0)
    loader = batches(TensorData(images, labels), 50, shuffle=True, generator=order, device=device)
    fit(network, loader, F.cross_entropy, torch.optim.Adam(groups), epochs=-(-steps // len(loader)))
    return network


def accuracy(network, images, labels):
    table = confusion(
        network, batches(TensorData(images, labels), 1000), classes=network[-1].out_features
    )
    return (table.trace() / table.sum()).item()


# %%
# The ``source`` learns the first task, each digit in 12 places, with smaller steps at the end. It reads nearly all
# digits of the test set.


def learn(network, images, labels):
    for lr, steps in ((0.005, 200), (0.001, 100)):
        train(network, images, labels, [{"params": network.parameters(), "lr": lr}], steps)
    return network


labels = many_labels.repeat(12)
torch.manual_seed(0)
source = new_network()
images = place_anywhere(many_images.repeat(12, 1, 1, 1), random)
learn(source, images, labels)
first_images, first_labels = digits_of([0, 1, 2, 3, 4], "test")
first_test = place_anywhere(first_images, random), first_labels
assert accuracy(source, *first_test) > 0.95

# %%
# Three ways to the second task
# -----------------------------
#
# ``few`` draws some images of each class, with their labels. ``begin`` makes a network with a new head. Its body is a
# copy of one that has learned, or a new one.


def few(count, seed, spread):
    """Return ``count`` images of each class, and their labels."""
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(few_labels), generator=random)
    chosen = torch.cat([order[few_labels[order] == k][:count] for k in range(5)])
    return spread(few_images[chosen], random), few_labels[chosen]


def begin(seed, learned=source):
    torch.manual_seed(seed)
    network = new_network()  # with a new head
    if learned:
        network[0].load_state_dict(learned[0].state_dict())
    return network


# %%
# The first way trains the head alone. The frozen body makes the same of an image each time, so its features are
# computed once, and the head is trained on them. The body is in evaluation mode, since its batch normalizations would
# change in train mode: see :ref:`frozen-batch-norm`. The second way trains both, the body with smaller steps. The third
# begins from nothing.


def train_head(images, labels, seed, lr=0.02, steps=100):
    network = begin(seed)
    body, head = network
    with torch.no_grad():
        features = body.eval()(images.to(device)).cpu()
    train(head, features, labels, [{"params": head.parameters(), "lr": lr}], steps)
    return network


def fine_tune(images, labels, seed, learned=source):
    network = begin(seed, learned)
    body = {"params": network[0].parameters(), "lr": 0.002}
    head = {"params": network[1].parameters(), "lr": 0.02}
    return train(network, images, labels, [body, head])


def from_nothing(images, labels, seed):
    network = begin(seed, learned=None)
    return train(network, images, labels, [{"params": network.parameters(), "lr": 0.005}])


# %%
# ``measure`` trains each way on several numbers of labels for each class, three times with other labels. It returns the
# accuracy on the test images.


def measure(spread, counts):
    random = torch.Generator().manual_seed(1)
    test = spread(test_images, random), test_labels
    ways = {"head alone": train_head, "fine-tuned": fine_tune, "from nothing": from_nothing}
    found = {}
    for name, way in ways.items():
        rows = [[accuracy(way(*few(n, k, spread), k), *test) for n in counts] for k in range(3)]
        found[name] = torch.tensor(rows)  # (3 seeds, counts)
    return found


# %%
# Each point is one choice of labels, and the line is their mean. There are five classes, so guessing is right in 20 %.

# Varies with the processor: a training amplifies how it rounds.
counts = [2, 10, 80]
found = measure(place_anywhere, counts)
figure, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for (name, values), style in zip(found.items(), ("s--", "o-", "^:"), strict=True):
    line = axis.semilogx(counts, 100 * values.mean(dim=0), style[1:], label=name)[0]
    print(f"{name:<12}", *(f"{mean:7.1%}" for mean in values.mean(dim=0)))
    for row in 100 * values:
        axis.semilogx(counts, row, style[0], alpha=0.4, color=line.get_color())
axis.semilogx(counts, [20] * 3, color="gray", linewidth=0.8, label="guessing")
axis.set(xlabel="labels for each class", ylabel="accuracy in %", ylim=(0, 100))
axis.minorticks_off()
axis.set_xticks(counts, counts)
axis.set_title("What was learned before helps while labels are few")
axis.legend()
plt.show()

# %%
# - **Head alone** beats a network from nothing with 2 labels for each class. Yet that is no good result: between 30 %
#   and 55 %, where guessing gives 20 %. With 80 labels it is the worst of the three.
# - :term:`Fine-tuning <fine-tuning>` is about as good as head alone with 2 labels, and the best of the three with 10.
#   The body is a parameter group of its own, so that it can have a smaller :term:`learning rate` than the new head.
# - **From nothing** needs more labels. With 80 for each class it has caught up with fine-tuning, to within 5 %.

head, tuned, nothing = (values.mean(dim=0) for values in found.values())  # each (3,)
assert 0.3 < head[0] < 0.55
assert min(head[0], tuned[0]) > nothing[0] + 0.08
assert abs(head[0] - tuned[0]) < 0.08
assert tuned[1] > max(head[1], nothing[1]) + 0.04
assert head[2] < min(tuned[2], nothing[2]) - 0.1
assert abs(tuned[2] - nothing[2]) < 0.05

# %%
# Why the head alone stays behind
# -------------------------------
#
# Are the labels too few, or is the frozen body the limit? Give the head the whole training data, each digit in
# 12 places. It still misreads many of the very images that it learned from. A network without a frozen part learns
# them, and a new head for the digits 0 to 4 does well on the same frozen body. So this body keeps what tells a 0 from a
# 4, and too little of what tells a 5 from the digits beside it.

second = place_anywhere(few_images.repeat(12, 1, 1, 1), random), few_labels.repeat(12)
heads = {
    name: train_head(*data, seed=0, lr=0.005, steps=300)
    for name, data in {"first": (images, labels), "second": second}.items()
}
assert accuracy(heads["second"], *second) < 0.85
assert accuracy(heads["first"], *first_test) > 0.95
assert accuracy(learn(begin(0, learned=None), *second), *second) > 0.95

# %%
# When it does not help
# ---------------------
#
# The same digits, but in the middle and without noise. Now five labels for each class are enough to read more than 80 %
# from nothing, and what was learned before brings no gain.


def center(images, random):
    return F.pad(images, (4, 4, 4, 4))


easy = {name: values.mean().item() for name, values in measure(center, [5]).items()}
assert easy["from nothing"] > 0.8
assert max(easy["head alone"], easy["fine-tuned"]) < easy["from nothing"] + 0.03

# %%
# Did the first task mainly teach how to find a digit in the noise? Take that away: here a body learns the digits 0 to 4
# in the middle, without noise. On the digits that stand anywhere, it brings no gain with 10 labels, and the first body
# did. Transfer pays if the second task needs what the first taught, and has few labels. So measure against a network
# from nothing.

torch.manual_seed(0)
simple = new_network()
train(
    simple, center(many_images, random), many_labels, [{"params": simple.parameters(), "lr": 0.005}]
)
assert accuracy(simple, center(first_images, random), first_labels) > 0.95
test = place_anywhere(test_images, torch.Generator().manual_seed(1)), test_labels
rows = [accuracy(fine_tune(*few(10, k, place_anywhere), k, simple), *test) for k in range(3)]
assert sum(rows) / 3 < nothing[1] + 0.06
assert tuned[1] > nothing[1] + 0.1

# %%
# Check yourself
# --------------

from ptguide.questions import ask

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
    f"With {max(counts)} labels for each class, in the second figure: which way is clearly the worst?",
    answer=min(last, key=last.get),
    choices={
        "head alone": "The frozen body can't learn what the new classes need.",
        "fine-tuned": "It may change the body as well.",
        "from nothing": "With so many labels, it has caught up.",
    },
)

# %%
# Next: :ref:`frozen-batch-norm`, for a body that is frozen and changes all the same.
