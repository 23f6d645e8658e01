"""
.. _feed-forward-digits:

A neural network that reads handwritten digits, and where it is wrong
=====================================================================

Your first :term:`network` reads most digits. Its accuracy hides which ones it misreads, and whether a simpler model
reads as many: look at the largest losses, the :term:`confusion matrix` and simpler models.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import confusion, fit

device = pick_device()
train_set = digits("train")
unseen = TensorData(
    *(torch.cat(parts) for parts in zip(digits("validation")[:], digits("test")[:], strict=True))
)


def feed_forward():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 200), nn.ReLU(), nn.Linear(200, 10))


def linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def train(new, seed, data=train_set, lr=0.01, epochs=20):
    torch.manual_seed(seed)
    model = new().to(device)
    loader = batches(data, 100, shuffle=True, generator=torch.Generator().manual_seed(seed))
    fit(model, loader, F.cross_entropy, torch.optim.Adam(model.parameters(), lr=lr), epochs=epochs)
    return model.eval()


def answers_of(model, images=unseen.inputs):
    """Return the logits for each image, shape (N, 10)."""
    with torch.no_grad():
        return model(images.to(device)).cpu()


def mistakes_of(model, images=unseen.inputs):
    return (answers_of(model, images).argmax(dim=1) != unseen.targets).sum().item()


networks = [train(feed_forward, seed) for seed in range(5)]
model = networks[0]
logits = answers_of(model)  # (712, 10)
losses = F.cross_entropy(logits, unseen.targets, reduction="none")  # (712,)
sure, said = logits.softmax(dim=1).max(dim=1)


def draw_worst():
    figure, axes = plt.subplots(2, 5, figsize=(5.4, 2.7), layout="constrained")
    for axis, place in zip(axes.flat, losses.topk(10).indices.tolist(), strict=True):
        axis.imshow(unseen.inputs[place, 0].numpy(), cmap="gray_r")
        axis.set_title(f"{unseen.targets[place]}: “{said[place]}”, {sure[place]:.0%}", fontsize=8)
        axis.axis("off")
    figure.suptitle("The ten largest losses: label, answer, probability", fontsize=10)
    plt.show()


def draw_confusion(counted):
    _, axis = plt.subplots(figsize=(5.0, 2.7), layout="constrained")
    wrong = counted.clone().fill_diagonal_(0)
    axis.imshow(wrong.numpy(), cmap="Oranges", vmin=0, vmax=wrong.max().item() * 1.5)
    for row, column in counted.nonzero().tolist():
        weight = "normal" if row == column else "bold"
        axis.text(column, row, counted[row, column].item(), ha="center", va="center", weight=weight)
    axis.set(xticks=range(10), yticks=range(10), xlabel="answer", ylabel="label")
    axis.set_title("The diagonal counts right answers", fontsize=10)
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_worst()

# %%
# These are the digits on which the network is most wrong, worst first. Above each image are its label, the network's
# answer, and the probability of that answer. A high probability does not make an answer right. You need to know
# :ref:`the-training-loop`.
#
# The rule
# --------
#
# A feed-forward network lays the pixels in a row, :math:`x`, and computes :math:`W_2\,\text{relu}(W_1 x + b_1) + b_2`.
# The result is one :term:`logit <logits>` for each digit. The largest one is the answer. The loss of an image is
# :math:`-\log p`, with the probability :math:`p` of its label.

# Varies with the processor: a training amplifies how it rounds.
x = unseen.inputs.to(device).flatten(1)  # (712, 64)
hidden = (x @ model[1].weight.T + model[1].bias).relu()  # (712, 200)
by_hand = (hidden @ model[3].weight.T + model[3].bias).detach().cpu()  # (712, 10)
torch.testing.assert_close(by_hand, logits, rtol=1e-2, atol=1e-2)
counts = [mistakes_of(one) for one in networks]
print(f"mistakes in {len(unseen)} unseen digits, five seeds:", *counts)
assert max(counts) < 0.07 * len(unseen)

# %%
# What is taken for what
# ----------------------
#
# The confusion matrix counts each pair of label and answer. The orange cells are mistakes. Read a *row*: of all real
# eights, how many were found? That is the :term:`recall` of the class. Read a *column*: of all answers "8", how many
# were right? That is its :term:`precision`. The sum of the diagonal, divided by the number of images, is the accuracy.

# Varies with the processor: a training amplifies how it rounds.
counted = confusion(model, batches(unseen, 712), classes=10)  # (10, 10)
draw_confusion(counted)
recall, precision = (counted.diag() / counted.sum(dim=d) for d in (1, 0))
print(f"8: recall {recall[8]:.1%}, precision {precision[8]:.1%}")

# %%
# What does the hidden layer bring?
# ---------------------------------
#
# Compare with simpler models. The linear one has no hidden layer. It is given more and larger steps, because it learns
# more slowly. The nearest neighbor learns nothing: it answers with the label of the training image whose pixels differ
# least. It makes fewer mistakes than each of these networks. (The same people wrote both sets of images, which may
# help.)

# Varies with the processor: a training amplifies how it rounds.
without = [mistakes_of(train(linear, seed, lr=0.02, epochs=30)) for seed in range(5)]
distance = torch.cdist(unseen.inputs.flatten(1), train_set.inputs.flatten(1))  # (712, 1085)
nearest = (train_set.targets[distance.argmin(dim=1)] != unseen.targets).sum().item()
print("linear:           ", *without)
print("hidden layer:     ", *counts)
print("nearest neighbor: ", nearest)
assert sum(counts) < 0.9 * sum(without)
assert nearest < 0.8 * min(counts)

# %%
# .. use-this::
#
#    Begin with one hidden layer, ReLU, Adam, and ``cross_entropy`` on logits. Before you make it larger, count the
#    mistakes of a linear model and of the nearest neighbor. Then look at the twenty largest losses. Here they showed
#    wrong labels, and a digit that was missing in training. When the training loss falls and the :term:`validation`
#    loss does not (:term:`overfitting`), stop: ``fit`` has ``validation`` and ``patience`` for it. For larger images
#    take a CNN, because a linear layer needs a weight for each pair of pixel and unit.
#
# A common mistake
# ----------------
#
# **It fails on my own digits.** Your digits have to look like those that the network learned from. Here ink is 1 and
# paper 0. In a photo paper is bright, and no error is raised for it. Subtract the image from 1.

# Varies with the processor: a training amplifies how it rounds.
photos = 1 - unseen.inputs  # bright paper, dark ink
print("mistakes on bright paper:", *(mistakes_of(one, photos) for one in networks))
for one, count in zip(networks, counts, strict=True):
    assert mistakes_of(one, photos) > 0.6 * len(unseen)
    assert abs(mistakes_of(one, 1 - photos) - count) <= 1

# %%
# How this was checked

assert (len(train_set), len(unseen)) == (1085, 712)
torch.testing.assert_close(
    losses,
    -logits.double().log_softmax(dim=1).gather(1, unseen.targets[:, None]).squeeze(1).float(),
)
assert recall[8] == (said[unseen.targets == 8] == 8).float().mean()
assert precision[8] == (unseen.targets[said == 8] == 8).float().mean()
assert counted.trace() == len(unseen) - counts[0]
assert torch.equal(counted.sum(dim=1), unseen.targets.bincount())
assert torch.equal(counted.sum(dim=0), said.bincount(minlength=10))

# A probability above 90 % is a hint and no promise: each network is wrong there, too, though more rarely.
for one in networks:
    probability, answer = answers_of(one).softmax(dim=1).max(dim=1)
    wrong, high = answer != unseen.targets, probability > 0.9
    assert wrong[high].float().mean() < wrong[~high].float().mean() - 0.1
    assert wrong[high].any()

# Standardizing pixel by pixel divides 0 by 0 at the border, where each training image is 0. One mean and one deviation
# over all pixels do not.
images = train_set.inputs
each = (images - images.mean(dim=0)) / images.std(dim=0)
assert (images.std(dim=0) == 0).sum() == 3
with expect_error(FloatingPointError, match="The loss is nan in step 1"):
    train(linear, 0, TensorData(each, train_set.targets))
assert ((images - images.mean()) / images.std()).isfinite().all()

# Overfitting: after 40 epochs the loss of the training images is near 0, and that of the others is not. With patience,
# training ends before.
for seed in range(3):
    for patience in (None, 5):
        torch.manual_seed(seed)
        one = feed_forward().to(device)
        history = fit(
            one,
            batches(train_set, 100, shuffle=True, generator=torch.Generator().manual_seed(seed)),
            F.cross_entropy,
            torch.optim.Adam(one.parameters(), lr=0.02),
            epochs=40,
            validation=batches(digits("validation"), 357),
            patience=patience,
        )
        assert history["validation_loss"][-1] > 2 * history["loss"][-1]
        assert patience is not None or history["loss"][-1] < 0.03
        assert patience is not None or history["validation_loss"][-1] > 4 * history["loss"][-1]
        assert (len(history) < 40) == (patience is not None)

# Two linear layers without an activation between them are one.
for units in (1, 7, 200):
    first, last = nn.Linear(64, units).double(), nn.Linear(units, 10).double()
    some = unseen.inputs.flatten(1).double()
    one = F.linear(some, last.weight @ first.weight, last.weight @ first.bias + last.bias)
    torch.testing.assert_close(last(first(some)), one)
    assert not torch.allclose(last(first(some).relu()), one, atol=0.01)

# With the steps of the network the linear model makes more mistakes than with its own.
assert min(mistakes_of(train(linear, seed)) for seed in range(3)) > max(without)

# Wrong labels have large losses: exchange 20 labels, and most are among the 20 largest losses.
for seed in range(5):
    generator = torch.Generator().manual_seed(seed)
    exchanged = torch.randperm(len(unseen), generator=generator)[:20]
    labels = unseen.targets.clone()
    labels[exchanged] = (labels[exchanged] + 1) % 10
    largest = F.cross_entropy(logits, labels, reduction="none").topk(20).indices
    assert torch.isin(exchanged, largest).float().mean() > 0.8

# So has a digit that was missing in training.
for absent in (4, 9):
    others = TensorData(*(part[train_set.targets != absent] for part in train_set[:]))
    missed = answers_of(train(feed_forward, 0, others))
    largest = F.cross_entropy(missed, unseen.targets, reduction="none").topk(20).indices
    assert (unseen.targets[largest] == absent).float().mean() > 0.8

# What is said of the data stands in its description.
from sklearn.datasets import load_digits

description = " ".join(load_digits().DESCR.split())
assert "This is a copy of the test set" in description

# %%
# Check yourself
# --------------

table = torch.tensor([[50, 0], [5, 5]])
right = (table.trace() / table.sum()).item()
ask(
    "The confusion matrix is [[50, 0], [5, 5]]; a row is a label. Class 1 is ill. What is the recall of the ill?",
    answer=(table[1, 1] / table[1].sum()).item(),
    choices={
        0.5: f"Row 1: of {table[1].sum()} that are ill, 5 are found. The accuracy of {right:.0%} hides it.",
        1.0: "Column 1: whoever is called ill is ill. That is the precision.",
        0.75: "That is the mean of the two recalls.",
    },
)

# %%
# The next question asks about the layers.

step, double = (last(first(k * some[:3])) - last(first(0 * some[:3])) for k in (1, 2))
ask(
    "Linear(64, 200) and Linear(200, 10), with nothing between. What can they compute?",
    answer="a linear map" if torch.allclose(double, 2 * step) else "more than that",
    choices={
        "nothing": "They compute what one linear layer can.",
        "a linear map": "With biases it is an affine one: the product of the two matrices is a matrix.",
        "more than that": "They have more weights, but twice the input changes the output twice as much.",
    },
)

# %%
# **Exercise.** Somebody typed the labels, and some are wrong. Return the positions of the ``k`` images with the
# largest loss, worst first, so that a person can look at them. ``logits`` has shape (N, class) and ``labels`` shape
# (N,).


def by_sorting(logits, labels, k):
    losses = [
        -row.log_softmax(dim=0)[label].item() for row, label in zip(logits, labels, strict=True)
    ]
    return torch.tensor(sorted(range(len(losses)), key=lambda i: -losses[i])[:k])


generator = torch.Generator().manual_seed(0)
cases = [
    (torch.tensor([[0.0, 3.0], [0.0, 1.0], [2.0, 0.0]]), torch.tensor([1, 0, 0]), 1),
    (torch.tensor([[0.0, 3.0], [0.0, 1.0], [2.0, 0.0]]), torch.tensor([1, 0, 0]), 3),
    (
        4 * torch.randn(30, 10, generator=generator),
        torch.randint(10, (30,), generator=generator),
        5,
    ),
]


def suspects(logits, labels, k):
    raise NotImplementedError


check(suspects, by_sorting, cases)

# %%
# Without a reduction, ``cross_entropy`` gives the loss of each image.

# Solution


def suspects(logits, labels, k):
    return F.cross_entropy(logits, labels, reduction="none").topk(k).indices


report = check(suspects, by_sorting, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cnn-digits` has a network that knows which pixels are neighbors.
#
# - Northcutt, Athalye and Mueller (2021). `Pervasive label errors in test sets destabilize machine learning benchmarks
#   <https://arxiv.org/abs/2103.14749>`__. How many labels of famous data sets are wrong, found by such a list.
# - Nielsen (2015). `Neural networks and deep learning <http://neuralnetworksanddeeplearning.com/chap1.html>`__. Its
#   first chapter builds a network that reads digits.
