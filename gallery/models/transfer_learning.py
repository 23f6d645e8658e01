"""
.. _transfer-learning:

Transfer learning: freeze the body, or fine-tune all?
=====================================================

You have few labels, and a :term:`network` that learned a similar task from many. Keep its layers but the last (the
**body**), put a new last layer (the **head**) on it, and train both.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
from functools import partial

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

device = pick_device()


def digits_of(classes, *splits):
    """Return images, and labels that begin at 0."""
    parts = [digits(split)[:] for split in splits]
    images, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    chosen = torch.isin(labels, torch.tensor(classes))
    return images[chosen], labels[chosen] - classes[0]


def anywhere(images, generator):
    """Put each digit at a place of its own on 16 by 16 noisy pixels."""
    canvas = 0.1 * torch.randn(len(images), 1, 16, 16, generator=generator)
    places = torch.randint(9, (len(images), 2), generator=generator).tolist()
    for image, there, (up, left) in zip(images, canvas, places, strict=True):
        there[:, up : up + 8, left : left + 8] += image
    return canvas


def center(images, generator):
    return F.pad(images, (4, 4, 4, 4))


many_images, many_labels = digits_of([0, 1, 2, 3, 4], "train")
few_images, few_labels = digits_of([5, 6, 7, 8, 9], "train")
test_images, test_labels = digits_of([5, 6, 7, 8, 9], "validation", "test")


def new_network():
    """Return a body of three convolutions with batch norm, and a head for five classes."""
    body = nn.Sequential()
    for before, after in ((1, 8), (8, 16), (16, 32)):
        convolution = nn.Conv2d(before, after, 3, padding=1)
        body.extend([convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)])
    body.append(nn.Flatten())
    return nn.Sequential(body, nn.Linear(32 * 2 * 2, 5)).to(device)


def train(network, images, labels, groups, steps=60):
    """Train about so many steps, in batches of 50."""
    order = torch.Generator().manual_seed(0)
    loader = batches(TensorData(images, labels), 50, shuffle=True, generator=order, device=device)
    fit(network, loader, F.cross_entropy, torch.optim.Adam(groups), epochs=-(-steps // len(loader)))
    return network.eval()


def accuracy(network, images, labels):
    with torch.no_grad():
        answers = network.eval()(images.to(device)).argmax(dim=1).cpu()
    return (answers == labels).float().mean().item()


def few(count, seed, spread):
    """Return ``count`` images of each class, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(few_labels), generator=generator)
    chosen = torch.cat([order[few_labels[order] == k][:count] for k in range(5)])
    return spread(few_images[chosen], generator), few_labels[chosen]


generator = torch.Generator().manual_seed(0)
torch.manual_seed(0)
source = new_network()
first_task = anywhere(many_images.repeat(5, 1, 1, 1), generator), many_labels.repeat(5)
for lr, steps in ((0.005, 108), (0.001, 54)):
    train(source, *first_task, [{"params": source.parameters(), "lr": lr}], steps)


def begin(seed):
    """Return a network with the body that has learned, and a new head."""
    torch.manual_seed(seed)
    network = new_network()
    network[0].load_state_dict(source[0].state_dict())
    return network


def train_head(images, labels, seed, steps=60):
    body, head = network = begin(seed)
    with torch.no_grad():  # a frozen body gives the same features each time
        features = body.eval()(images.to(device)).cpu()
    train(head, features, labels, [{"params": head.parameters(), "lr": 0.02}], steps)
    return network


def fine_tune(images, labels, seed, body_lr=0.002, head_lr=0.02):
    network = begin(seed)
    body = {"params": network[0].parameters(), "lr": body_lr}
    head = {"params": network[1].parameters(), "lr": head_lr}
    return train(network, images, labels, [body, head])


def from_nothing(images, labels, seed):
    torch.manual_seed(seed)
    network = new_network()
    return train(network, images, labels, [{"params": network.parameters(), "lr": 0.005}])


ways = {"head alone": train_head, "fine-tuned": fine_tune, "from nothing": from_nothing}


def measure(spread, counts, ways=ways, seeds=3):
    """Return the accuracy of each way on the test images, shape (seed, count of labels)."""
    test = spread(test_images, torch.Generator().manual_seed(1)), test_labels
    return {
        name: torch.tensor(
            [[accuracy(way(*few(n, k, spread), k), *test) for n in counts] for k in range(seeds)]
        )
        for name, way in ways.items()
    }


counts = [2, 10, 80]
found = measure(anywhere, counts)
pairs = [(0.002, 0.02), (0.002, 0.002), (0.01, 0.01)]  # of the body and of the head
by_rates = {pairs[0]: found["fine-tuned"]} | measure(
    anywhere,
    counts,
    {pair: partial(fine_tune, body_lr=pair[0], head_lr=pair[1]) for pair in pairs[1:]},
)

frozen, tuned, nothing = (values.mean(dim=0) for values in found.values())  # each (3,)


def draw_ways(labels):
    _, axis = plt.subplots(figsize=(5.4, 2.3), layout="constrained")
    for (name, values), style in zip(found.items(), ("s--", "o-", "^:"), strict=True):
        line = axis.semilogx(labels, 100 * values.mean(dim=0), style[1:], label=name)[0]
        for row in 100 * values:
            axis.semilogx(labels, row, style[0], alpha=0.4, color=line.get_color())
    axis.axhline(20, color="gray", linewidth=0.8, label="guessing")
    axis.set(xlabel="labels for each class", ylabel="accuracy in %", ylim=(0, 100))
    axis.minorticks_off()
    axis.set_xticks(labels, labels)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_title("What was learned before helps while labels are few", fontsize=10)
    plt.show()


def draw_tasks():
    generator = torch.Generator().manual_seed(0)
    canvas = torch.empty(2, 16, 5, 16)
    for row, (images, labels) in enumerate(((many_images, many_labels), (few_images, few_labels))):
        firsts = torch.stack([images[labels == k][0] for k in range(5)])
        canvas[row] = anywhere(firsts, generator)[:, 0].permute(1, 0, 2)
    _, axis = plt.subplots(figsize=(4.6, 1.6), layout="constrained")
    axis.imshow(canvas.reshape(32, 80).numpy(), cmap="gray_r", vmin=0, vmax=1)
    axis.vlines([15.5, 31.5, 47.5, 63.5], -0.5, 31.5, color="gray", linewidth=0.8)
    axis.hlines(15.5, -0.5, 79.5, color="gray")
    axis.set(xticks=[], yticks=[8, 24], yticklabels=["first task", "second task"])
    axis.set_title("Many labels above, few below", fontsize=10)
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_ways(labels=[2, 10, 80])

# %%
# A network that reads the first five digits is to learn the other five. Small marks are three choices of labels, and
# the lines are their means. With 2 labels for each class, keeping the body wins, at a low accuracy.
# With 10, :term:`fine-tuning <fine-tuning>` is the best. With 80, a network from nothing is close behind it, and the
# frozen body is the worst. You need to know :ref:`cnn-digits`.
#
# The rule
# --------
#
# Copy the body, make a new head, and give the :term:`optimizer` a group for each, with its own :term:`learning rate`.
# Ten times the rate for the head is a convention, and brings nothing here. The rate of the body matters: with 2 labels
# the larger one loses, with 10 it wins.

# Varies with the processor: a training amplifies how it rounds.
network = new_network()  # body and head, both new
network[0].load_state_dict(source[0].state_dict())  # the body of the first task
body = {"params": network[0].parameters(), "lr": 0.002}
head = {"params": network[1].parameters(), "lr": 0.02}
optimizer = torch.optim.Adam([body, head])
print("accuracy with            2    10    80 labels")
for (slow, fast), values in by_rates.items():
    print(f"body {slow:<5}  head {fast:<5}", *(f"{mean:5.0%}" for mean in values.mean(dim=0)))

# %%
# These are the two tasks. The digits are placed anywhere on 16 by 16 noisy pixels, so there is more to learn than how a
# digit looks.

draw_tasks()

# %%
# Why a frozen body stays behind
# ------------------------------
#
# Are the labels too few, or is the body the limit? Give the head the whole training data, each digit in five places.
# The network still misreads many of the images that it learned from, more than fine-tuning misread of unseen ones. On
# its own task the same body with a new head does well. So it keeps what tells the first five digits apart, and too
# little of what tells the others apart.

# Varies with the processor: a training amplifies how it rounds.
second_task = anywhere(few_images.repeat(5, 1, 1, 1), generator), few_labels.repeat(5)
right = {}
for name, task in {"first": first_task, "second": second_task}.items():
    right[name] = [accuracy(train_head(*task, seed, steps=150), *task) for seed in range(3)]
    print(f"new head, {name} task:", *(f"{each:.1%}" for each in right[name]))

# %%
# When it does not help
# ---------------------
#
# Now the same digits are in the middle, without noise. With five labels for each class, a network from nothing does no
# worse than a fine-tuned one. So compare the two.

# Varies with the processor: a training amplifies how it rounds.
easy = measure(center, [5])
for name, values in easy.items():
    print(f"{name:<12}", *(f"{each.item():.0%}" for each in values))

# %%
# .. use-this::
#
#    Fine-tune body and head, and try two or three learning rates for the body, smaller ones where labels are few. With
#    a handful of labels, train the head alone: ``requires_grad_(False)`` for the body, in ``eval()`` (see
#    :ref:`frozen-batch-norm`). This needs no gradients of the body. Where the images stay the same in each epoch, its
#    features can be computed once. Compare with a network from nothing: with many labels it may be as good.
#
# A common mistake
# ----------------
#
# **The head is replaced after the optimizer was made.** The optimizer holds the parameters that it was given. The new
# head is not among them, and stays as it was drawn. ``ptguide.training.fit`` refuses it. A plain loop raises no error.

network = begin(seed=0)
too_early = torch.optim.Adam(network.parameters(), lr=0.01)
network[1] = nn.Linear(32 * 2 * 2, 5).to(device)
in_time = torch.optim.Adam(network.parameters(), lr=0.01)
images, labels = few(4, 0, anywhere)
F.cross_entropy(network(images.to(device)), labels.to(device)).backward()
for name, optimizer in {"made before the head": too_early, "made after": in_time}.items():
    before = network[1].weight.clone()
    optimizer.step()
    moved = (network[1].weight - before).abs().max().item()
    print(f"optimizer {name:<21} the head moved by {moved:.2f}")
    assert (moved > 0) == (optimizer is in_time)

# %%
# How this was checked

# Varies with the processor: a training amplifies how it rounds.
# The first picture in numbers: mean and standard deviation of three choices of labels.
print(f"{'labels':<12}", "".join(f"{count:>10}" for count in counts))
for name, values in found.items():
    cells = [
        f"{mean:.0%} ± {std:.0%}" for mean, std in zip(values.mean(0), values.std(0), strict=True)
    ]
    print(f"{name:<12}", "".join(f"{cell:>10}" for cell in cells))
assert max(frozen[0], tuned[0]) < 0.6
assert min(frozen[0], tuned[0]) > nothing[0] + 0.05
assert tuned[1] > max(frozen[1], nothing[1]) + 0.04
assert frozen[2] < min(tuned[2], nothing[2]) - 0.1
convention, same, larger = (values.mean(dim=0) for values in by_rates.values())
assert fine_tune.__defaults__ == pairs[0]
assert (same - convention).abs().max() < 0.04
assert larger[0] < convention[0] - 0.01
assert larger[1] > convention[1] + 0.01
assert tuned[2] - nothing[2] < 0.75 * (tuned[1] - nothing[1])
assert min(right["first"]) > 0.95
assert max(right["second"]) < tuned[2] - 0.03
assert easy["from nothing"].mean() > 0.8
assert easy["fine-tuned"].mean() < easy["from nothing"].mean() + 0.04
# The network of the first task has learned it.
first_test_images, first_test_labels = digits_of([0, 1, 2, 3, 4], "validation", "test")
first_test = anywhere(first_test_images, generator), first_test_labels
assert accuracy(source, *first_test) > 0.93
assert many_labels.unique().tolist() == few_labels.unique().tolist() == [0, 1, 2, 3, 4]
# No way has changed its body.
assert torch.equal(begin(0)[0][0].weight, source[0][0].weight)
# A frozen body with its head gives what the features and the head give.
images, labels = few(10, 0, anywhere)
network = train_head(images, labels, 0)
with torch.no_grad():
    features = network[0].eval()(images.to(device))
    torch.testing.assert_close(network.eval()(images.to(device)), network[1](features))
for name, parameter in network[0].state_dict().items():
    assert torch.equal(parameter, source[0].state_dict()[name])
# fit refuses an optimizer that lacks the head.
network = begin(0)
optimizer = torch.optim.Adam(network.parameters())
network[1] = nn.Linear(32 * 2 * 2, 5).to(device)
with expect_error(ValueError, match="layers were replaced, it seems"):
    fit(network, [(images, labels)], F.cross_entropy, optimizer, epochs=1)

# %%
# Check yourself
# --------------

layer, rest = nn.Linear(3, 2), nn.Linear(2, 2)
optimizer = torch.optim.SGD(
    [{"params": layer.parameters(), "lr": 0.001}, {"params": rest.parameters()}], lr=0.1
)
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
# The next question asks about the labels.

last = {name: values.mean(dim=0)[-1].item() for name, values in found.items()}
ask(
    f"With {max(counts)} labels for each class, in the first picture: which way is the worst?",
    answer=min(last, key=last.get),
    choices={
        "head alone": "The features of the frozen body do not tell the new classes apart well enough.",
        "fine-tuned": "It may change the body as well.",
        "from nothing": "With so many labels it is nearly as good as fine-tuning.",
    },
)

# %%
# **Exercise.** Fine-tune carefully: in the first epoch the last layer learns alone, then one more with each epoch,
# from the head down. A layer learns 2.6 times more slowly than the one above it. Return the learning rates, shape
# (epoch, layer), with the head in the last column and 0 for a frozen layer.


def by_loops(lr, layers, epochs):
    rates = torch.zeros(epochs, layers)
    for epoch in range(epochs):
        for below_the_head in range(min(epoch + 1, layers)):
            rates[epoch, layers - 1 - below_the_head] = lr / 2.6**below_the_head
    return rates


cases = [(0.01, 1, 2), (0.01, 3, 2), (0.1, 4, 6)]


def learning_rates(lr, layers, epochs):
    raise NotImplementedError


check(learning_rates, by_loops, cases)

# %%
# The distance from the head says both how slowly a layer learns, and in which epoch it begins.

# Solution


def learning_rates(lr, layers, epochs):
    distance = torch.arange(layers - 1, -1, -1)  # (layer,)
    learns = distance <= torch.arange(epochs)[:, None]  # (epoch, layer)
    return lr / 2.6**distance * learns


report = check(learning_rates, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`replacing-the-head` does this with a network of torchvision. :ref:`frozen-batch-norm` is about a body that is
# frozen and changes all the same.
#
# - Yosinski, Clune, Bengio and Lipson (2014). `How transferable are features in deep neural networks?
#   <https://arxiv.org/abs/1411.1792>`__. Which layers carry over to another task, and which do not.
# - Howard and Ruder (2018). `Universal language model fine-tuning for text classification
#   <https://arxiv.org/abs/1801.06146>`__. The learning rates and the unfreezing of the exercise.
# - Chilamkurthy (2017). `Transfer learning for computer vision tutorial
#   <https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html>`__. The same with ResNet and photos.
