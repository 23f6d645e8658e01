"""
.. _evaluation:

How do I measure how good a model is? (accuracy, eval and no_grad)
==================================================================

You have trained a classifier, and want a number that says how good it is on data that it has not seen. Measured in
train mode or averaged in the wrong way, the number is wrong, and no error says so.
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
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import accuracy as right_and_counted
from ptguide.training import confusion, evaluate, fit

device = pick_device()
train_set, test_set = digits("train"), digits("test")
torch.manual_seed(0)
network = nn.Sequential(
    *(nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU()),
    *(nn.Dropout(0.2), nn.Linear(32, 10)),
).to(device)
loader = batches(train_set, 50, shuffle=True, generator=torch.Generator().manual_seed(0))
fit(network, loader, F.cross_entropy, torch.optim.SGD(network.parameters(), lr=0.5), epochs=5)


def answers_of(batch_size, mode="eval", data=test_set):
    """Return the answer for each image. Train mode moves statistics, so a copy is measured."""
    model = copy.deepcopy(network).train(mode == "train")
    with torch.no_grad():
        parts = [model(x.to(device)).argmax(dim=1).cpu() for x, _ in batches(data, batch_size)]
    return torch.cat(parts)


def measured(batch_size, mode="eval", data=test_set):
    return (answers_of(batch_size, mode, data) == data.targets).sum().item() / len(data)


def draw_modes(sizes):
    by_class = TensorData(*test_set[test_set.targets.argsort(stable=True)])
    ways = {
        "eval mode, sorted or mixed": ("eval", by_class, "o-"),
        "train mode, digits mixed": ("train", test_set, "^:"),
        "train mode, sorted by digit": ("train", by_class, "s--"),
    }
    _, axis = plt.subplots(figsize=(5.4, 2.6), layout="constrained")
    found = {}
    for name, (mode, data, style) in ways.items():
        found[name] = [measured(size, mode, data) for size in sizes]
        axis.semilogx(sizes, [100 * value for value in found[name]], style, label=name)
    axis.minorticks_off()
    axis.set_xticks(sizes, sizes)
    axis.set(xlabel="batch size while measuring", ylabel="accuracy in %", ylim=(0, 100))
    axis.legend(fontsize=8)
    axis.set_title("One network, one test set, three accuracies")
    plt.show()
    return list(found.values())


# %%

always, mixed, by_digit = draw_modes([4, 10, 30, 100])

# %%
# The weights and the test images are the same at each point. In train mode batch norm subtracts the mean of the batch,
# so an answer depends on the other images in it. If the images are sorted by digit, a batch of 4 holds one digit or
# two, and the result is worst. Eval mode uses averages kept from training, so its line is flat. You need to know
# :ref:`the-training-loop`.
#
# The rule
# --------
#
# Switch to eval mode, record nothing, count the right answers, and divide once: :math:`\text{accuracy} = \text{right}
# / N`, with N examples. The answer is the class with the largest :term:`logit <logits>`.

network.eval()
right = total = 0
with torch.no_grad():
    for images, labels in batches(test_set, 100):
        answers = network(images.to(device)).argmax(dim=1)
        right += (answers == labels.to(device)).sum().item()
        total += len(labels)
network.train()  # before training goes on
accuracy = right / total
print(f"{right} of {total} are right: {accuracy:.1%}")
assert total == len(test_set)
assert accuracy == measured(7)

# %%
# eval and no_grad are two things
# -------------------------------
#
# ``eval()`` changes what some layers *compute*. ``no_grad`` changes what is *recorded* for ``backward``, which costs
# memory. Here the network reads the same images twice, and its dropout is random in train mode.

images = test_set.inputs[:50].to(device)
for used in ("nothing", "eval()", "no_grad", "both"):
    model = copy.deepcopy(network).train(used in ("nothing", "no_grad"))
    with torch.set_grad_enabled(used in ("nothing", "eval()")):
        one, two = model(images), model(images)
    print(f"{used:<8} same twice: {torch.equal(one, two)!s:<6} recorded: {one.requires_grad}")
    assert torch.equal(one, two) == (used in ("eval()", "both"))
    assert one.requires_grad == (used in ("nothing", "eval()"))

# %%
# How sure is the number?
# -----------------------
#
# Other test images would give another number. For N independent examples its standard deviation is about
# :math:`\sqrt{p (1 - p) / N}`, with the accuracy :math:`p`. A second model that is better by less than two standard
# deviations may be no better on other images.

for size in (100, len(test_set), 10_000):
    error = math.sqrt(accuracy * (1 - accuracy) / size)
    print(f"{size:<6} examples: {accuracy:.1%} ± {error:.1%}")

# %%
# What accuracy hides
# -------------------
#
# Of 200 patients 6 are ill, and a program calls everybody healthy. Its accuracy is high. Count each pair of truth (row)
# and answer (column) instead: this table is the :term:`confusion matrix`. Its second row is that of the ill. The 6 were
# not found, so the :term:`recall` of this class is :val:`0 <(table[1, 1] / table[1].sum()).item()>`.
# :ref:`feed-forward-digits` reads such a table of ten classes.

ill = torch.tensor([1] * 6 + [0] * 194)
says = torch.zeros(200, dtype=torch.int64)
table = torch.zeros(2, 2, dtype=torch.int64)
table.index_put_((ill, says), torch.tensor(1), accumulate=True)
print(f"accuracy {(says == ill).float().mean():.0%}, recall {table[1, 1] / table[1].sum():.0%}")
table

# %%
# .. use-this::
#
#    Measure with ``eval()`` and ``no_grad()``, on data that training has not seen, and call ``train()`` afterwards.
#    Choose settings by a validation set, and look at the test set once, at the end. Where a class is rare, report its
#    recall and precision beside accuracy. ``inference_mode()`` keeps still less than ``no_grad()``, but a later
#    calculation cannot save its results for ``backward``. ``ptguide.training.evaluate`` switches the modes and counts.
#
# A common mistake
# ----------------
#
# **The mean of the batches.** If the last batch is smaller, its examples count more in the mean of the batches'
# accuracies, so that mean can be another number. Here are five answers in batches of :val:`4 <len(hits.split(4)[0])>`
# and :val:`1 <len(hits.split(4)[1])>`, and the last one is wrong. Test a metric on known answers, too.

hits = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0])
mean_of_means = torch.stack([batch.mean() for batch in hits.split(4)]).mean()
print(f"right / N: {hits.mean():.2f}, mean of the batches: {mean_of_means:.2f}")

# %%
# How this was checked

result = evaluate(network, batches(test_set, 100), metrics={"accuracy": right_and_counted})
torch.testing.assert_close(result.metrics["accuracy"], accuracy, rtol=1e-6, atol=0)
# A metric that divides the right answers by themselves is 100 for nearly each model. Known answers find it.


def percent(answers, labels):
    right = (answers == labels).sum()
    return (100 * right / right).item()


labels = torch.tensor([3, 1, 4, 5])
with expect_error(AssertionError, match="one wrong of four is 75 %"):
    assert percent(torch.tensor([3, 1, 4, 6]), labels) == 75, "one wrong of four is 75 %"


def percent(answers, labels):
    return 100 * (answers == labels).float().mean().item()


for wrong in range(5):
    assert percent(labels + (torch.arange(4) < wrong), labels) == 100 - 25 * wrong
assert (hits.mean().item(), mean_of_means.item()) == (torch.tensor(0.8).item(), 0.5)
for size in (1, 2, 7, 100, 355):
    assert measured(size) == accuracy
assert min(always) == max(always) == accuracy
assert max(by_digit) < accuracy - 0.15
with expect_error(ValueError, match="Expected more than 1 value per channel when training"):
    network(images[:1])
# The standard deviation, against accuracies of test sets that are drawn with replacement.
hits = (answers_of(100) == test_set.targets).double()
drawn = torch.randint(len(hits), (4000, len(hits)), generator=torch.Generator().manual_seed(0))
spread = hits[drawn].mean(dim=1).std().item()
formula = math.sqrt(accuracy * (1 - accuracy) / len(hits))
assert abs(spread / formula - 1) < 0.05
# The confusion matrix of the digits: its diagonal holds the right answers.
table_of_ten = confusion(network, batches(test_set, 100), classes=10)
assert table_of_ten.trace() / table_of_ten.sum() == torch.tensor(accuracy)
assert table.tolist() == [[194, 0], [6, 0]]
# inference_mode: its tensors cannot be saved for backward.
with torch.inference_mode():
    features = torch.ones(3)
with expect_error(RuntimeError, match="Inference tensors cannot be saved for backward"):
    features * torch.ones(3, requires_grad=True)
assert (features + torch.ones(3, requires_grad=True)).requires_grad  # a sum saves nothing
network.train()
evaluate(network, batches(test_set, 100), metrics={"accuracy": right_and_counted})
assert network.training
# By the digits' own classes, a batch of 4 holds one digit or two.
by_class = test_set.targets.sort().values
assert max(len(batch.unique()) for batch in by_class.split(4)) == 2

# %%
# Check yourself
# --------------

counts = torch.tensor([[40, 10], [5, 45]])  # row: truth, column: answer
ask(
    "The rows [40, 10] and [5, 45] are a confusion matrix, row: truth. What is the recall of the first class?",
    answer=counts[0, 0].item() / counts[0].sum().item(),
    choices={
        0.8: f"40 of the {counts[0].sum()} that belong to it were found.",
        round(40 / 45, 2): "That is the precision: 40 of the 45 that were called so.",
        0.85: f"That is the accuracy: {counts.diag().sum()} of {counts.sum()} are right.",
    },
)

# %%
# The next question asks about the modes.

dropout = nn.Dropout(0.5)
with torch.no_grad():
    zeros = int((dropout(torch.ones(1000)) == 0).sum())
ask(
    "A network was trained with dropout, and is then measured inside no_grad, without eval(). "
    "What happens to the dropout?",
    answer="it still removes features" if zeros > 400 else "it is off",
    choices={
        "it is off": "no_grad switches off the recording. eval() switches off dropout.",
        "it still removes features": "What a layer computes depends on its mode, and the mode is still train.",
        "it raises an error": "No error is raised, so this mistake is easy to overlook.",
    },
)

# %%
# **Exercise.** On data with a thousand classes one often counts an answer as right if the label is among the ``k``
# classes with the largest logits. Return this accuracy for logits of shape (N, class) and labels of shape (N,).


def by_loops(logits, labels, k):
    hits = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        larger = sum(value > row[label] for value in row)
        hits.append(float(larger < k))
    return torch.tensor(hits).mean()


generator = torch.Generator().manual_seed(0)
cases = [
    (torch.tensor([[0.1, 0.7, 0.2]]), torch.tensor([2]), 2),
    (torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), torch.tensor([1, 0]), 1),
    (torch.randn(8, 5, generator=generator), torch.randint(5, (8,), generator=generator), 3),
]


def top_k_accuracy(logits, labels, k):
    raise NotImplementedError


check(top_k_accuracy, by_loops, cases)

# %%
# ``topk`` gives the classes, and a comparison that broadcasts finds the label among them.

# Solution


def top_k_accuracy(logits, labels, k):
    chosen = logits.topk(k, dim=1).indices  # (N, k)
    return (chosen == labels[:, None]).any(dim=1).float().mean()


report = check(top_k_accuracy, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`which-loss`, which loss fits which targets.
#
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. Its
#   section on disabling gradients compares no_grad, inference mode and eval.
# - scikit-learn developers (2026). `Metrics and scoring
#   <https://scikit-learn.org/stable/modules/model_evaluation.html>`__. The other metrics, with their formulas.
