"""
.. _feed-forward-digits:

A neural network that reads handwritten digits, and where it is wrong
=====================================================================

A feed-forward :term:`network` of two layers, trained with ``ptguide.training.fit``. One number, the accuracy, says
little: this page looks at the mistakes themselves, reads the :term:`confusion matrix`, and asks what the network
brings over simpler models. You need to know :ref:`the-training-loop`.
"""

# %%
# Trained on 1085 images of 8 by 8 pixels, counted on 355 others.

# Varies with the processor: a training amplifies how it rounds.
import torch
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.devices import pick_device
from ptguide.models import MLP, MLPSettings
from ptguide.training import accuracy, confusion, evaluate, fit

device, train_set, test_set = pick_device(), digits("train"), digits("test")
torch.manual_seed(0)
model = MLP(MLPSettings((64, 200, 10))).to(device)
loader = batches(train_set, 100, shuffle=True, generator=torch.Generator().manual_seed(0))
fit(model, loader, F.cross_entropy, torch.optim.Adam(model.parameters(), lr=0.02), epochs=40)
found = evaluate(model, batches(test_set, 355), metrics={"accuracy": accuracy}).metrics["accuracy"]
print(f"{found:.1%} of {len(test_set)} digits are read")
assert found > 0.94
assert (len(train_set), len(test_set)) == (1085, 355)

# %%
# The worst mistakes: the images on which the :term:`loss` is largest, with what each is, what the network said, and
# how sure it was. Would you have known?

import matplotlib.pyplot as plt

with torch.no_grad():
    logits = model.eval()(test_set.inputs.to(device)).cpu()  # (355, 10)
losses = F.cross_entropy(logits, test_set.targets, reduction="none")  # (355,)
sure, answers = logits.softmax(dim=1).max(dim=1)
worst = losses.topk(8).indices
figure, axes = plt.subplots(2, 4, figsize=(6.5, 3.8), layout="constrained")
for axis, place in zip(axes.flat, worst.tolist(), strict=True):
    axis.imshow(test_set.inputs[place, 0].numpy(), cmap="gray_r")
    said = f"said {answers[place]}, {sure[place]:.0%}"
    axis.set_title(f"a {test_set.targets[place]}: {said}", size=9)
    axis.axis("off")
figure.suptitle("The eight largest losses, and how sure the network was")
plt.show()

# %%
# The loss of an image is :math:`-\log p` for the probability :math:`p` that the network gave to the right class. Where
# it is sure and wrong, the loss is large. It is more often right where it gives its answer more than 90 % than
# elsewhere. That is no promise: one of its mistakes is among them.

right = logits.softmax(dim=1).gather(1, test_set.targets[:, None]).squeeze(1)
torch.testing.assert_close(losses, -right.log(), rtol=1e-3, atol=1e-4)
wrong = answers != test_set.targets
assert wrong[sure > 0.9].float().mean() < wrong[sure <= 0.9].float().mean() - 0.1
assert sure[wrong].max() > 0.9
assert wrong[worst].float().mean() > 0.6

# %%
# The confusion matrix
# --------------------
#
# ``confusion`` counts how often each class is taken for each other. Row: what it is. Column: what the network says. So
# the diagonal holds the right answers, and its share of all images is the accuracy.

counted = confusion(model, batches(test_set, 355), classes=10)  # (10, 10)
assert counted.sum() == len(test_set) == 355
assert found == counted.trace().item() / counted.sum().item()
assert counted.trace() / counted.sum() == 1 - wrong.float().mean()

mistakes = counted.clone().fill_diagonal_(0)
figure, axis = plt.subplots(figsize=(6.5, 4.4), layout="constrained")
shown = axis.imshow(mistakes.numpy(), cmap="Oranges", vmin=0, vmax=mistakes.max().item() * 1.5)
for row in range(10):
    for column in range(10):
        if count := counted[row, column].item():
            weight = "normal" if row == column else "bold"
            axis.text(column, row, count, ha="center", va="center", weight=weight)
axis.set(xticks=range(10), yticks=range(10), xlabel="what the network says", ylabel="what it is")
axis.set_title("Right answers lie on the diagonal; the rest shows what was taken for what")
plt.show()

# %%
# *Read a row*: of all real eights, how many were found? That is the :term:`recall` of the class. *Read a column*: of
# all answers "eight", how many were right? That is its :term:`precision`. Always saying "eight" would have recall 1,
# and a precision of about a tenth; so it is with each of the ten digits.

assert torch.equal(counted.sum(dim=1), test_set.targets.bincount())
assert torch.equal(counted.sum(dim=0), answers.bincount(minlength=10))
recall = counted.diag() / counted.sum(dim=1)
precision = counted.diag() / counted.sum(dim=0)
assert recall[8] == (answers[test_set.targets == 8] == 8).float().mean()
assert precision[8] == (test_set.targets[answers == 8] == 8).float().mean()
assert min(recall.min(), precision.min()) > 0.75
for digit in range(10):  # always saying this one
    said = torch.full_like(test_set.targets, digit)
    hits = (said == test_set.targets).sum()
    assert hits / (test_set.targets == digit).sum() == 1
    assert 0.08 < hits / len(said) < 0.12

# %%
# What does a hidden layer bring?
# -------------------------------
#
# A network is worth something beside simpler models. The **linear model** is ``MLP`` without a hidden layer. ``train``
# does for any sizes, and any seed, what was done above.


def train(sizes, seed=0, epochs=20, data=train_set, **settings):
    torch.manual_seed(seed)
    model = MLP(MLPSettings(sizes)).to(device)
    loader = batches(data, 100, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    history = fit(model, loader, F.cross_entropy, optimizer, epochs=epochs, **settings)
    return model.eval(), history


# %%
# The **nearest neighbour** learns nothing: it answers with the label of the training image that differs least. Like
# each model below, it is counted on 712 images that no training saw: validation and test together, as nothing is
# chosen here.

from ptguide.data import TensorData

validation_set = digits("validation")
unseen = [torch.cat(parts) for parts in zip(validation_set[:], test_set[:], strict=True)]
unseen = TensorData(*unseen)
nearest = torch.cdist(unseen.inputs.flatten(1), train_set.inputs.flatten(1)).argmin(dim=1)
by_neighbour = (train_set.targets[nearest] != unseen.targets).sum().item()
print(f"nearest neighbour: {by_neighbour} mistakes in {len(unseen)}")


def count_mistakes(model, data=unseen):
    table = confusion(model, batches(data, 800), classes=10)
    return (table.sum() - table.trace()).item()


# %%
# Each model runs with five seeds. The network of the first picture is trained once more, with its loss on training and
# :term:`validation` data kept for each epoch.

# Varies with the processor: a training amplifies how it rounds.
kinds = {"linear": (64, 10), "one hidden": (64, 200, 10), "two hidden": (64, 200, 200, 10)}
counts = {}
for name, sizes in kinds.items():
    counts[name] = [count_mistakes(train(sizes, seed, epochs=30)[0]) for seed in range(5)]
again, history = train((64, 200, 10), epochs=40, validation=batches(validation_set, 357))
assert count_mistakes(again) == count_mistakes(model)

figure, (left, right) = plt.subplots(1, 2, figsize=(6.5, 3.2), layout="constrained")
left.semilogy(history["epoch"], history["loss"], "--", label="training")
left.semilogy(history["epoch"], history["validation_loss"], label="validation")
left.set(xlabel="epoch", ylabel="loss", title="One hidden layer, learning")
left.legend()
for name, values in counts.items():
    right.plot([name] * 5, values, "o", alpha=0.5)
right.axhline(by_neighbour, linestyle=":", color="tab:red", label="nearest neighbour")
right.set(ylim=(0, 40), ylabel=f"mistakes in {len(unseen)}", title="Five seeds each")
right.legend(loc="lower left")
figure.suptitle("The hidden layers win little, and the nearest neighbour wins")
plt.show()

# %%
# On the right: one hidden layer saves some mistakes. With a second one, the seeds differ so much that one run of each
# would prove nothing. On average, each of the three loses to the neighbour. (The same 13 people wrote the images of
# training and test, which may help it.) So count the mistakes of a simple model before you praise a network.
# :ref:`cnn-digits` is a network of another kind.

from sklearn.datasets import load_digits

said = " ".join(load_digits().DESCR.split())  # where ptguide.data has them from
assert "different 13 to the test set" in said
assert "This is a copy of the test set" in said

means = {name: sum(values) / 5 for name, values in counts.items()}
assert means["one hidden"] < 0.95 * means["linear"]
assert min(counts["one hidden"]) < max(counts["two hidden"])
assert min(means.values()) > 1.3 * by_neighbour

# %%
# On the left: :term:`overfitting`. The training loss falls to less than 0.02, as the network gets these
# :val:`1085 <len(train_set)>` images right, up to one at most. On the validation data it is many times as large, and
# the second half of the epochs brings no progress. ``patience`` stops after five epochs without progress, and puts
# the weights of the best one back.

training, validation = history["loss"], history["validation_loss"]
assert training[-1] < 0.02
assert validation[-1] > 4 * training[-1]
assert min(validation[20:]) > 0.9 * min(validation[:20])  # no progress in the second half
assert count_mistakes(again, train_set) <= 1

part = {"validation": batches(validation_set, 357), "patience": 5}
best, stopped = train((64, 200, 10), epochs=40, **part)
assert len(stopped) < 40
assert stopped["validation_loss"] == validation[: len(stopped)]
kept = evaluate(best, batches(validation_set, 357), F.cross_entropy).loss
assert abs(kept - min(stopped["validation_loss"])) < 1e-4

# %%
# It is the :term:`activation` that makes the difference: without one, two layers :ref:`learn <activations>`, but
# only what the linear model can learn. They *are* one, whose weight is the product of the two. Here it is so for hidden
# layers of 1, 7 and 200.

x = test_set.inputs.flatten(1)
for hidden in (1, 7, 200):
    first, last = torch.nn.Linear(64, hidden), torch.nn.Linear(hidden, 10)
    weight, bias = last.weight @ first.weight, last.weight @ first.bias + last.bias
    torch.testing.assert_close(last(first(x)), F.linear(x, weight, bias), rtol=1e-4, atol=1e-5)
assert not torch.allclose(last(first(x).relu()), F.linear(x, weight, bias), atol=0.01)

# %%
# What goes wrong: the inputs
# ---------------------------
#
# *Standardizing each pixel.* "Subtract the mean, divide by the standard deviation", pixel by pixel: some pixels at the
# border are 0 in all images, and 0 / 0 is NaN. ``fit`` refuses it. A plain loop would go on: after one step the weights
# themselves are NaN.
# For images, take one mean and one deviation over all pixels, of the *training* data, and use these two numbers for
# validation and test as well.

from ptguide.errors import expect_error

images = train_set.inputs
standardized = (images - images.mean(dim=0)) / images.std(dim=0)
assert (images.std(dim=0) == 0).sum() == 3
assert standardized.isnan().any()
with expect_error(FloatingPointError, match="The loss is nan in step 1"):
    train((64, 10), data=TensorData(standardized, train_set.targets))
plain = torch.nn.Linear(64, 10)
F.cross_entropy(plain(standardized.flatten(1)), train_set.targets).backward()
torch.optim.SGD(plain.parameters(), lr=0.1).step()
assert plain.weight.isnan().all()
assert ((images - images.mean()) / images.std()).isfinite().all()

# %%
# *"It fails on my own digits."* They have to look like those that it learned from. Here ink is 1 and paper 0. In a
# photo, paper is bright. With these images the other way round, nothing complains, and most answers are wrong.

inverted = TensorData(1 - unseen.inputs, unseen.targets)
assert count_mistakes(model, inverted) > 0.6 * len(unseen)
assert count_mistakes(model) < 0.06 * len(unseen)

# %%
# Exercise: precision
# -------------------
#
# From a confusion matrix (row: what it is) return the precision of each class. A class that is in no answer has no
# precision: give 0 for it, and not NaN.

from ptguide.exercises import check

cases = [(torch.tensor([[3, 1], [0, 4]]),), (torch.tensor([[5, 0, 2], [1, 0, 1], [0, 0, 6]]),)]


def precision_by_loops(confusion):
    said = [int(confusion[:, k].sum()) for k in range(len(confusion))]
    shares = [int(confusion[k, k]) / n if n else 0.0 for k, n in enumerate(said)]
    return torch.tensor(shares)


def precisions(confusion):
    raise NotImplementedError


check(precisions, precision_by_loops, cases)

# %%
# A class that is in no answer has a 0 on the diagonal as well, so dividing by at least 1 gives the 0 that is wanted.

# Solution


def precisions(confusion):
    return confusion.diag() / confusion.sum(dim=0).clamp(min=1)


report = check(precisions, precision_by_loops, cases)
assert report.passed
report

# %%
# Check yourself
# --------------

from ptguide.questions import ask

table = torch.tensor([[50, 0], [5, 5]])
right = (table.diag().sum() / table.sum()).item()
ask(
    "The confusion matrix is [[50, 0], [5, 5]], row: what it is. Class 1 is ill. Which share of the ill is found?",
    answer=(table[1, 1] / table[1].sum()).item(),
    choices={
        0.5: f"Row 1: of {table[1].sum()} that are ill, 5 are found. The accuracy of {right:.0%} hides it.",
        1.0: "Column 1: whoever is called ill is ill. That is the precision.",
        0.75: "So large is the mean of the two recalls.",
    },
)

# %%
# And the layers:

with torch.no_grad():
    step, double = (last(first(k * x[:3])) - last(first(0 * x[:3])) for k in (1, 2))
ask(
    "Linear(64, 200) and Linear(200, 10), with nothing between. What can they learn?",
    answer="a linear map" if torch.allclose(double, 2 * step, atol=1e-5) else "more",
    choices={
        "nothing": "They do learn: what the linear model above learns.",
        "a linear map": "The product of two matrices is a matrix. It takes an activation between them to get further.",
        "more": "They have more parameters, but twice the input changes the output twice as much.",
    },
)

# %%
# Next: :ref:`cnn-digits`, a network that knows which pixels are neighbours.
