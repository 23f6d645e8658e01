"""
.. _evaluation:

How do I measure how good a model is? (accuracy, eval and no_grad)
==================================================================

Count right answers on data that the model has not seen. ``eval()`` fixes what some layers compute meanwhile, and
``no_grad`` spares the record. This page builds accuracy, a table of confusions, precision and recall by hand, and tests
four beliefs about them. You need to know :ref:`the-training-loop`.
"""

# %%
# A small :term:`network` learns digits and answers for 355 that it has not seen. A row is a true digit, a column an
# answer, so right answers lie on the :term:`diagonal`. The table is called *confusion matrix*.

import math

import matplotlib.pyplot as plt
import torch
from torch import nn

from ptguide.data import batches, digits
from ptguide.devices import pick_device
from ptguide.training import confusion, fit

torch.manual_seed(0)
layers = nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
network = nn.Sequential(*layers).to(pick_device())
optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
data = batches(digits(), 50, shuffle=True, generator=torch.Generator().manual_seed(1))
fit(network, data, nn.functional.cross_entropy, optimizer, epochs=5)
table = confusion(network, batches(digits("test"), 100), classes=10)
_, axis = plt.subplots(figsize=(4.2, 3.4), layout="constrained")
axis.imshow(table.numpy(), cmap="Oranges", norm="symlog")
axis.set(xlabel="answer", ylabel="true digit", xticks=range(10), yticks=range(10))
axis.set_title("Right answers lie on the diagonal")
plt.show()

# %%
# By hand
# -------
#
# The network makes 10 :term:`logits` for each image, and its answer is the place of the largest. The table counts each
# pair of label and answer. *Accuracy* is the share of right answers, so it is the sum of the diagonal divided by the
# sum of all: here above 0.8.


def answers_of(network, data):
    """Return the answer of a network for each example, on the CPU."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    with torch.no_grad():
        parts = [network(images.to(device)).argmax(dim=1).cpu() for images, _ in data]
    network.train(was_training)
    return torch.cat(parts)


labels = digits("test").targets
answers = answers_of(network, batches(digits("test"), 100))
counted = torch.zeros(10, 10, dtype=torch.int64)
for label, answer in zip(labels, answers, strict=True):
    counted[label, answer] += 1
accuracy = (answers == labels).float().mean().item()
assert counted.sum() == len(labels) == 355
assert torch.equal(counted, table)
assert accuracy > 0.8
torch.testing.assert_close(accuracy, (table.trace() / table.sum()).item())

# %%
# "Accuracy is 100 * n_correct / n_correct"
# -----------------------------------------
#
# Two sets of notes say so. The result is 100 for a network with one right answer or more, also for one that has learned
# nothing, and NaN for a network with none. The denominator should be the number of examples. A metric is code, and code
# needs a test: perfect answers give 1, wrong ones 0, and one wrong of four 0.75.


from ptguide.errors import expect_error


def accuracy_of(answers, labels):
    return (answers == labels).float().mean().item()


def notes(answers, labels):
    n_correct = (answers == labels).sum()
    return (n_correct / n_correct).item()


def test_metric(metric):
    four = torch.tensor([3, 1, 4, 5])
    assert metric(four, four) == 1
    assert metric(torch.tensor([3, 1, 4, 6]), four) == 0.75, "one wrong of four must give 0.75"
    assert metric(four + 1, four) == 0


test_metric(accuracy_of)
with expect_error(AssertionError, match="one wrong of four must give 0.75"):
    test_metric(notes)
always_0 = torch.zeros_like(labels)  # 35 of the 355 are a 0
assert notes(always_0, labels) == 1
assert math.isnan(notes(labels + 1, labels))
torch.testing.assert_close(accuracy_of(always_0, labels), 35 / 355)

# %%
# "The mean of the batches' accuracies is the accuracy"
# -----------------------------------------------------
#
# It is, if the :term:`batches <batch>` are equally large. Of 355 examples in batches of 100 the last batch has 55, and
# each of them would count nearly twice. Add up counts, and divide once.

right = answers == labels
parts = right.float().split(100)
mean_of_means = torch.stack([part.mean() for part in parts]).mean().item()
assert [len(part) for part in parts] == [100, 100, 100, 55]
assert mean_of_means != accuracy
torch.testing.assert_close(sum(part.sum().item() for part in parts) / 355, accuracy)

one_wrong = torch.tensor([True] * 4 + [False])  # batches of 4 and of 1
assert one_wrong.float().mean() == torch.tensor(0.8)
assert torch.stack([part.float().mean() for part in one_wrong.split(4)]).mean() == 0.5

# %%
# Precision and recall
# --------------------
#
# Accuracy is one number for all classes. For a single class, say 8, there are two questions. *Precision*: of the images
# called an 8, which share is one? That is the diagonal divided by the sum of its column. *Recall*: of all 8s, which
# share was found? The diagonal divided by the sum of its row. Both are compared with scikit-learn.

from sklearn.metrics import precision_score, recall_score

hits = counted.diagonal().double()
precision, recall = hits / counted.sum(dim=0), hits / counted.sum(dim=1)
expected = {"labels": range(10), "average": None, "zero_division": math.nan}
torch.testing.assert_close(precision, torch.tensor(precision_score(labels, answers, **expected)))
torch.testing.assert_close(recall, torch.tensor(recall_score(labels, answers, **expected)))
assert recall[8] == (answers[labels == 8] == 8).double().mean()
assert precision[8] == (labels[answers == 8] == 8).double().mean()

# %%
# They matter where a class is rare. Of 200 patients 6 are ill, and a program that calls everybody healthy has an
# accuracy of 97 %. Its recall is 0: it finds nobody. Its precision is 0 divided by 0, since it calls nobody ill.

ill = torch.tensor([1] * 6 + [0] * 194)
says = torch.zeros(200, dtype=torch.int64)
found_ill = (says == 1) & (ill == 1)
assert torch.tensor(0.97).isclose((says == ill).float().mean())
assert found_ill.sum() / (ill == 1).sum() == 0
assert (found_ill.sum() / (says == 1).sum()).isnan()

# %%
# eval and no_grad are two things
# -------------------------------
#
# ``network.eval()`` changes what some layers *compute*: dropout sets inputs to 0 at random in training, and gives its
# input back in eval mode. :class:`torch.no_grad` changes what is *recorded*: inside it nothing is, which saves memory.
# Neither does the work of the other, so use both for measuring. Before training goes on, call ``network.train()``.

dropout = nn.Sequential(nn.Linear(7, 9), nn.Dropout(0.5))
x = torch.rand(3, 7)
with torch.no_grad():
    assert not torch.equal(dropout(x), dropout(x))  # train mode: random
dropout.eval()
assert torch.equal(dropout(x), dropout[0](x))
assert dropout(x).requires_grad  # eval mode: recorded all the same
with torch.no_grad():
    assert not dropout(x).requires_grad

# %%
# "A frozen network does not change"
# ----------------------------------
#
# Batch normalization subtracts a mean. In train mode it is the mean of the :term:`batch`, and a running mean, a
# :term:`buffer`, is updated with it; in eval mode the running mean is used. ``requires_grad_(False)`` freezes
# :term:`parameters <parameter>`, and ``no_grad`` the record: neither stops that update. ``eval()`` does. In turn,
# ``eval()`` stops no optimizer. :ref:`frozen-batch-norm` measures what that does to a network.

norm = nn.BatchNorm1d(7).requires_grad_(False)
with torch.no_grad():
    norm(x + 10)
assert norm.running_mean.min() > 0.9  # it was 0: a tenth of the way to 10 and more
norm.eval()
before = norm.running_mean.clone()
norm(x + 10)
assert torch.equal(norm.running_mean, before)

layer = nn.Linear(7, 2).eval()
weight = layer.weight.detach().clone()
layer(x).sum().backward()
torch.optim.SGD(layer.parameters(), lr=0.1).step()
assert not torch.equal(layer.weight, weight)

# %%
# What goes wrong: measured in train mode
# ---------------------------------------
#
# With batch normalization in train mode, the answer for an item depends on the others of its batch. A batch of one row
# of features even fails, because one value has no variance.

norm = nn.BatchNorm1d(7)
assert not torch.allclose(norm(x)[0], norm(x[:2])[0])
with expect_error(ValueError, match="Expected more than 1 value per channel when training"):
    norm(x[:1])
norm.eval()
torch.testing.assert_close(norm(x)[0], norm(x[:1])[0])

# %%
# Check yourself
# --------------

from ptguide.questions import ask

table = torch.tensor([[40, 10], [5, 45]])  # row: truth, column: answer
ask(
    "The rows [40, 10] and [5, 45] are a confusion matrix, row: truth. What is the recall of the first class?",
    answer=table[0, 0].item() / table[0].sum().item(),
    choices={
        0.8: f"40 of the {table[0].sum()} that belong to it were found.",
        round(40 / 45, 2): "That is the precision: 40 of the 45 that were called so.",
        0.85: f"That is the accuracy: {table.diag().sum()} of {table.sum()}.",
    },
)

# %%
# And a layer that remembers:

running = nn.BatchNorm1d(2, momentum=0.5)
running.requires_grad_(False)(torch.tensor([[2.0, 4.0], [4.0, 8.0]]))
ask(
    "A frozen BatchNorm1d(2, momentum=0.5) in train mode sees a batch with the means 3 and 6. Its running mean was 0. "
    "What is it now?",
    answer=running.running_mean,
    choices={
        (0.0, 0.0): "Freezing is about parameters; the running mean is a buffer.",
        (1.5, 3.0): "Half of the way, as momentum says. eval() would have left it alone.",
        (3.0, 6.0): "With momentum=1 it would go all the way.",
    },
)

# %%
# Next: :ref:`dataset-and-dataloader`, where the batches come from.
