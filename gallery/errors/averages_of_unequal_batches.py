"""
.. _averages-of-unequal-batches:

running_loss / len(loader) is not the average loss
==================================================

When the last batch is smaller, its samples count too much in the mean of the batches. Add up
``loss.item() * len(y)`` and the right answers, and divide once, by the number of samples.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train, test = digits("train"), digits("test")


def fit(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        for images, labels in batches(train, 50, shuffle=True):
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.requires_grad_(False)


def macro_f1(answers, labels):
    """Return the mean of the F1 of ten classes; a class that is in neither counts 0."""
    scores = []
    for digit in range(10):
        both = ((answers == digit) & (labels == digit)).sum()
        scores.append(2 * both / ((answers == digit).sum() + (labels == digit).sum()).clamp(min=1))
    return torch.stack(scores).mean().item()


def reported(model, batch_size):
    """Return five numbers for one model, in %: right / N, and four that are written instead."""
    loader = batches(test, batch_size)
    means, right, f1 = [], 0, []
    for images, labels in loader:
        answers = model(images).argmax(dim=1)
        hits = (answers == labels).float()
        means.append(hits.mean().item())
        right += hits.sum().item()
        f1.append(macro_f1(answers, labels))
    found = {
        "right / N": right / len(test),
        "mean of the batches": sum(means) / len(loader),
        "right / (len(loader) * batch_size)": right / (len(loader) * batch_size),
        "the last batch alone": means[-1],
        "F1, mean of the batches": sum(f1) / len(loader),
        "F1 of all answers": macro_f1(model(test.inputs).argmax(dim=1), test.targets),
    }
    return {name: 100 * value for name, value in found.items()}


models = [fit(seed) for seed in range(5)]
tables = [reported(model, 32) for model in models]


def draw_errors():
    figure, axis = plt.subplots(figsize=(5.8, 2.3), layout="constrained")
    names = list(tables[0])[1:5]
    for row, name in enumerate(names):
        truth = "F1 of all answers" if name.startswith("F1") else "right / N"
        axis.plot([t[name] - t[truth] for t in tables], [row] * 5, "o", color="C1", alpha=0.6)
    axis.axvline(0, color="gray", linestyle=":")
    axis.set_yticks(range(4), names)
    axis.margins(y=0.15)
    axis.set(xlabel="percentage points off, five networks")
    axis.invert_yaxis()
    figure.suptitle(f"Four ways to be wrong about {len(test)} images in batches of 32")
    plt.show()


# %%

# Varies with the processor: five trainings.
draw_errors()

# %%
# The last batch holds three images. The networks and their answers are the same in each row. A dot shows how far the
# reported number is from the right one.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# What is written                                                       Fix
# ====================================================================  =============================================
# :ref:`the sum of losses / len(loader) <average-rule>`                 ``loss.item() * len(y)``, divided by N
# :ref:`right / len(loader), or times batch_size <average-count>`       ``right / seen``
# :ref:`loss.item() after the loop <average-last>`                      add up within the loop
# :ref:`F1 or a root, averaged over batches <average-f1>`               collect the answers, compute once
# :ref:`class weights or ignore_index <average-weights>`                ``reduction="sum"``
# ====================================================================  =============================================
#
# .. _average-rule:
#
# The rule
# --------
#
# :math:`\bar{L} = \frac{1}{N} \sum_b n_b \, L_b`, with :math:`n_b` samples in batch :math:`b`. A loss with the default
# reduction is :math:`L_b`. Without the :math:`n_b`, the one sample of a last batch of one counts as much as the 118
# of a full batch.

# Varies with the processor: a trained network.
model = models[0]
for batch_size in (5, 32, 118, 355):
    loader, total, plain = batches(test, batch_size), 0.0, 0.0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        total += loss.item() * len(y)
        plain += loss.item()
    print(
        f"last of {len(y):<4} right {total / len(test):.4f}, / len(loader) {plain / len(loader):.4f}"
    )
    torch.testing.assert_close(
        total / len(test),
        F.cross_entropy(model(test.inputs), test.targets).item(),
        rtol=1e-4,
        atol=0,
    )

# %%
# .. _average-count:
#
# A count divided by something else
# ---------------------------------
#
# ``len(loader)`` is the number of batches, so ``right / len(loader)`` is no accuracy. Multiplied by the batch size, it
# counts empty places in the last batch. ``len(loader.dataset)`` is right if each sample comes once. With
# ``drop_last=True`` three images are left out. The number that you count in the loop fits in each case.

# Varies with the processor: a trained network.
for loader in (batches(test, 32), batches(test, 32, drop_last=True)):
    right = seen = 0
    for x, y in loader:
        right += (model(x).argmax(dim=1) == y).sum().item()
        seen += len(y)
    places = len(loader) * loader.batch_size
    print(f"{len(loader)} batches, {places} places, {len(loader.dataset)} images, {seen} seen")
    assert right / len(loader) > 20
    assert right / max(places, len(loader.dataset)) < right / seen <= 1
print(
    f"with drop_last: {right / seen:.4f} of what was seen, {right / len(loader.dataset):.4f} of the set"
)

# %%
# .. _average-last:
#
# The loss after the loop
# -----------------------
#
# The variable ``loss`` still holds the loss of the last batch when the loop has ended. Here it is the loss of three
# images.

# Varies with the processor: five trained networks.
for trained in models:
    losses = [F.cross_entropy(trained(x), y).item() for x, y in batches(test, 32)]
    whole = F.cross_entropy(trained(test.inputs), test.targets).item()
    print(f"last batch {losses[-1]:.2f}, all images {whole:.2f}")

# %%
# .. _average-f1:
#
# F1 and roots
# ------------
#
# F1 and roots are no means over samples, so weighting the batches by :math:`n_b` does not help either. A batch of 32
# has few images of a digit, and some batches lack it. The mean of roots is too small where the mean squared errors
# :math:`m_b` of equal batches differ: :math:`\frac{1}{B} \sum_b \sqrt{m_b} < \sqrt{\frac{1}{B} \sum_b m_b}`. Keep the
# answers, join them with ``torch.cat``, and compute once.

# Varies with the processor: a trained network.
answers, truth = [], []
for x, y in batches(test, 32):
    answers.append(model(x).argmax(dim=1))
    truth.append(y)
once = macro_f1(torch.cat(answers), torch.cat(truth))
parts = [macro_f1(a, y) for a, y in zip(answers, truth, strict=True)]
weighted = sum(part * len(y) for part, y in zip(parts, truth, strict=True)) / len(test)
print(f"F1 of all answers {once:.3f}, of the batches: mean {sum(parts) / len(parts):.3f},", end=" ")
print(f"weighted {weighted:.3f}")
squares = torch.tensor([1.0, 4.0, 16.0])  # the mean squared errors of three equal batches
print(f"mean of roots {squares.sqrt().mean():.2f}, root of the mean {squares.mean().sqrt():.2f}")

# %%
# .. _average-weights:
#
# Class weights and ignored labels
# --------------------------------
#
# With ``weight`` or ``ignore_index``, :func:`cross_entropy <torch.nn.functional.cross_entropy>` divides by the weights
# of the labels that it counted. Then ``len(y)`` is wrong, too. Add sums, and divide by the sum of the weights. With
# ``ignore_index``, divide by the number of labels that are not ignored.

torch.manual_seed(0)
logits = torch.randn(20, 3) + torch.tensor([3.0, 0.0, 0.0])
y = torch.randint(3, (20,)).sort().values
weight = torch.tensor([1.0, 5.0, 25.0])
whole = F.cross_entropy(logits, y, weight=weight)
pairs = list(zip(logits.split(6), y.split(6), strict=True))
by_length = sum(F.cross_entropy(a, b, weight=weight) * len(b) for a, b in pairs) / len(y)
sums = sum(F.cross_entropy(a, b, weight=weight, reduction="sum") for a, b in pairs)
print(f"whole {whole:.4f}, by len(y) {by_length:.4f}, by sums {sums / weight[y].sum():.4f}")
torch.testing.assert_close(sums / weight[y].sum(), whole)
assert abs(by_length - whole) > 0.01

# %%
# A test of three lines
# ---------------------
#
# A number about a data set should not depend on how it was cut into batches. The test cuts the set into one batch, and
# into two of which the second holds one sample. Give it a set that fits in the memory, and a model in evaluation mode.


def test_the_batch_size_does_not_matter(measure, data):
    one, two = (measure(batches(data, n)) for n in (len(data), len(data) - 1))
    assert abs(one - two) < 1e-4, f"{one:.4f} in one batch, {two:.4f} in two"


def mean_of_batches(loader):
    return sum(F.cross_entropy(model(x), y).item() for x, y in loader) / len(loader)


def mean_of_samples(loader):
    total = seen = 0
    for x, y in loader:
        total += F.cross_entropy(model(x), y).item() * len(y)
        seen += len(y)
    return total / seen


with expect_error(AssertionError, match="in one batch"):
    test_the_batch_size_does_not_matter(mean_of_batches, test)
test_the_batch_size_does_not_matter(mean_of_samples, test)

# %%
# .. use-this::
#
#    In the loop, add up three numbers: the loss times the number of samples, the right answers, and the samples. After
#    it, divide the first two by the third. For a metric that is no mean, collect the answers: this costs memory for one
#    number a sample. The mean of the batches is enough for a curve of the training loss. With several processes, add up
#    the three numbers of each before you divide.
#
# A common mistake
# ----------------
#
# **drop_last=True in the evaluation.** The batches are then equal, and the mean of means is right for the samples that
# remain. The samples of the last batch are not measured, and a set smaller than the batch size leaves nothing.

# Varies with the processor: a trained network.
small = TensorData(test.inputs[:20], test.targets[:20])
assert len(batches(small, 32, drop_last=True)) == 0
with expect_error(ZeroDivisionError, match="division by zero"):
    mean_of_batches(batches(small, 32, drop_last=True))
print(f"with all samples: {mean_of_samples(batches(small, 32)):.3f}")

# %%
# How this was checked

for table in tables:
    names = list(table)
    assert abs(table["mean of the batches"] - table["right / N"]) > 0.05
    assert table["right / (len(loader) * batch_size)"] < table["right / N"] - 5
    assert table["F1, mean of the batches"] < table["F1 of all answers"] - 2
# The weighted sum of means is right for each batch size; the mean of means is right if the size divides the number.
for batch_size in (1, 5, 7, 32, 71, 118, 200, 355):
    table = reported(model, batch_size)
    exact = table["mean of the batches"] - table["right / N"]
    assert 355 % batch_size != 0 or abs(exact) < 1e-3
    assert (
        abs(mean_of_samples(batches(test, batch_size)) - mean_of_samples(batches(test, 355))) < 1e-5
    )
assert [355 % n for n in (5, 71, 355, 32, 118)] == [0, 0, 0, 3, 1]
# The test finds the mean of the batches for each of the five networks, and that of accuracies and of F1, too.
for trained in models:

    def accuracy_by_batches(loader, trained=trained):
        hits = [(trained(x).argmax(dim=1) == y).float().mean().item() for x, y in loader]
        return sum(hits) / len(loader)

    def loss_by_batches(loader, trained=trained):
        return sum(F.cross_entropy(trained(x), y).item() for x, y in loader) / len(loader)

    def f1_by_batches(loader, trained=trained):
        return sum(macro_f1(trained(x).argmax(dim=1), y) for x, y in loader) / len(loader)

    for wrong in (accuracy_by_batches, loss_by_batches, f1_by_batches):
        one, two = (wrong(batches(test, n)) for n in (len(test), len(test) - 1))
        assert abs(one - two) > 0.02  # the limit of the test is 1e-4
# Weighted by the numbers of samples, F1 is wrong for each network.
for trained in models:
    found = [(macro_f1(trained(x).argmax(dim=1), y), len(y)) for x, y in batches(test, 32)]
    whole = macro_f1(trained(test.inputs).argmax(dim=1), test.targets)
    assert sum(one * n for one, n in found) / len(test) < whole - 0.005
# ignore_index: divided by what was counted.
ignored = y.clone()
ignored[:8] = -100
torch.testing.assert_close(F.cross_entropy(logits, ignored), F.cross_entropy(logits[8:], y[8:]))

# %%
# Check yourself
# --------------
#
# The first question is about a weighted mean.

values = torch.tensor([2.0, 2.0, 2.0, 2.0, 7.0])
ask(
    "Five samples come in batches of 4 and 1. The mean losses of the batches are 2 and 7. What is the mean loss of the "
    "samples?",
    answer=values.mean().item(),
    choices={
        3.0: "4 * 2 + 1 * 7 is 15, and there are 5 samples.",
        4.5: "That is the mean of the batches: the last sample counts as much as four.",
        15.0: "That is the sum.",
    },
)

# %%
# The next question is about len.

ask(
    "A test set of 100 images comes in batches of 32, and 96 answers are right. The program prints "
    "right / (len(loader) * 32). What does it print?",
    answer=96 / (len(batches(TensorData(torch.zeros(100, 1), torch.zeros(100)), 32)) * 32),
    choices={
        0.96: "That is right / 100.",
        0.75: "There are 4 batches, so it divides by 128.",
        1.0: "There are 4 batches, not 3: the last one holds 4 images.",
    },
)

# %%
# **Exercise.** ``means`` holds the mean loss of each batch, and ``sizes`` the number of samples in each. Return the
# mean loss of the samples.


def sample_by_sample(means, sizes):
    losses = [mean for mean, size in zip(means, sizes.tolist(), strict=True) for _ in range(size)]
    return torch.stack(losses).mean()


cases = [
    (torch.tensor([2.0, 7.0]), torch.tensor([4, 1])),
    (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2, 2, 2])),
    (torch.tensor([0.5, 0.25, 4.0]), torch.tensor([10, 20, 3])),
]


def mean_of_all(means, sizes):
    raise NotImplementedError


check(mean_of_all, sample_by_sample, cases)

# %%
# Multiply each mean by its size, add them up, and divide once.

# Solution


def mean_of_all(means, sizes):
    return (means * sizes).sum() / sizes.sum()


report = check(mean_of_all, sample_by_sample, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`test-samples-in-the-training`, where the average is right and the score still too good. Accuracy itself is on
# :ref:`evaluation`.
#
# - PyTorch contributors (2026). `CrossEntropyLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__. The formula of the mean with
#   weights.
# - Forman and Scholz (2010). `Apples-to-apples in cross-validation studies
#   <https://doi.org/10.1145/1882471.1882479>`__. How averages of F1 over parts of the data are biased.
