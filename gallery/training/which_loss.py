"""
.. _which-loss:

Which loss function do I use in PyTorch?
========================================

PyTorch has more than twenty losses, and some wrong ones run without an error and train badly. Look at your *targets*:
they decide which loss fits, which dtype it wants, and how you read the answers.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
bce_with_logits = F.binary_cross_entropy_with_logits
tasks = {  # outputs, targets, loss
    "one class of 10": (torch.randn(32, 10), torch.randint(10, (32,)), F.cross_entropy),
    "yes or no": (torch.randn(32), torch.randint(2, (32,)).float(), bce_with_logits),
    "5 tags, each yes or no": (
        torch.randn(32, 5),
        torch.randint(2, (32, 5)).float(),
        bce_with_logits,
    ),
    "a number": (torch.randn(32), torch.randn(32), F.mse_loss),
    "a class for each pixel": (
        torch.randn(32, 6, 9, 8),
        torch.randint(6, (32, 9, 8)),
        F.cross_entropy,
    ),
    "probabilities": (torch.randn(32, 10), torch.rand(32, 10).softmax(dim=1), F.cross_entropy),
}


def print_tasks():
    print(f"{'targets':<24}{'loss':<17}{'dtype':<9}{'of shape':<12}outputs")
    for task, (outputs, targets, loss) in tasks.items():
        assert loss(outputs, targets).isfinite()
        name = loss.__name__.replace("binary_cross_entropy", "bce")
        shapes = (str(tuple(x.shape)) for x in (targets, outputs))
        target, output = shapes
        print(f"{task:<24}{name:<17}{str(targets.dtype)[6:]:<9}{target:<12}{output}")


train_set, test_set = digits("train"), digits("test")
lowest = {}  # the lowest output of each trained network


def train(name, criterion, seed):
    """Return the accuracy on unseen digits, in percent, after each of 12 epochs."""
    torch.manual_seed(seed)
    outputs = 1 if "number" in name else 10
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, outputs))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    order = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(12):
        for images, labels in batches(train_set, 50, shuffle=True, generator=order):
            loss = criterion(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            answers = network(test_set.inputs)
            lowest[name, seed] = answers.min().item()
            answers = answers.argmax(dim=1) if outputs > 1 else answers.squeeze(1).round()
            right = answers == test_set.targets
        found.append(100 * right.float().mean().item())
    return found


def draw_runs(runs):
    _, axis = plt.subplots(figsize=(5.4, 2.4), layout="constrained")
    for number, (name, found) in enumerate(runs.items()):
        curves = torch.tensor(found)
        epochs = range(1, 13)
        axis.plot(epochs, curves.mean(dim=0), color=f"C{number}", label=name)
        axis.fill_between(
            epochs, curves.amin(dim=0), curves.amax(dim=0), color=f"C{number}", alpha=0.25
        )
    axis.set(xlabel="epoch", ylabel="right answers in %", ylim=(0, 100))
    axis.legend(fontsize=8)
    axis.set_title("A class number is a name, not an amount")
    plt.show()


# %%

print_tasks()

# %%
# The page computed each of these losses. Class numbers are integers, and the other targets are floats. The outputs come
# from a linear layer without an activation. You need to know :ref:`the-training-loop`.
#
# .. longer: 5 screens — a table of the six pages that follow
#
# The rule
# --------
#
# Take the loss that fits the targets, and leave the activation out of the network. The first two losses have their
# activation inside. Apply it yourself where you read the answers. The first row is multi-class classification, the
# second binary or multi-label classification, and the third regression.
#
# =======================  ==========================================  =====================================
# Your targets             Page of the loss                            How you read the outputs
# =======================  ==========================================  =====================================
# one class of several     :ref:`cross_entropy <cross-entropy>`        ``argmax(dim=1)``; ``softmax(dim=1)``
# yes or no, also several  :ref:`with logits <bce-with-logits>`        ``outputs > 0``; ``sigmoid()``
# a number                 :ref:`mse_loss <regression-losses>`         as they are
# a distribution           :ref:`cross_entropy, kl_div                 ``softmax(dim=1)``
#                          <kl-divergence>`
# pairs that are similar   :ref:`contrastive <contrastive-losses>`     the distance of two embeddings
# something else           :ref:`your own <a-loss-of-your-own>`        as you defined it
# =======================  ==========================================  =====================================

outputs, targets, _ = tasks["one class of 10"]
assert torch.equal(outputs.argmax(dim=1), outputs.softmax(dim=1).argmax(dim=1))
outputs, targets, _ = tasks["yes or no"]
assert torch.equal(outputs > 0, outputs.sigmoid() > 0.5)
print("probability of yes, first three samples:", outputs[:3].sigmoid())

# %%
# One task, three losses
# ----------------------
#
# The digits have class numbers, so cross-entropy fits. The squared error also runs, on one-hot targets (a row of zeros
# with a 1 at the class) or on the class number as an amount. Each loss trains the same network from three seeds. For
# amounts, the network has one output.

# Varies with the processor: a training amplifies how it rounds.
ways = {
    "cross_entropy": F.cross_entropy,
    "mse_loss, one-hot": lambda outputs, y: F.mse_loss(outputs, F.one_hot(y, 10).float()),
    "mse_loss, class number": lambda outputs, y: F.mse_loss(outputs.squeeze(1), y.float()),
}
runs = {name: [train(name, way, seed) for seed in range(3)] for name, way in ways.items()}
read_as = torch.tensor([4.0, 8.0])  # a 3 that is read as a 4, and as an 8
print("squared errors of a 3:", F.mse_loss(read_as, torch.tensor(3.0).expand(2), reduction="none"))
draw_runs(runs)

# %%
# For an amount, a 3 read as an 8 is 25 times as wrong as a 3 read as a :val:`4 <read_as[0]>`. The shapes of the digits
# do not follow this order. The squared error on one-hot targets does well here, but some of its outputs are below 0 and
# are not probabilities.
#
# What is a good loss?
# --------------------
#
# Compare yours with the loss of the best *constant* answer, because a network that ignores its input can reach that.
# For class numbers it is the entropy of their frequencies. For a squared error it is the variance of the targets.

labels = train_set.targets
frequency = labels.bincount() / len(labels)
constant = F.cross_entropy(frequency.log().expand(len(labels), 10), labels)
ink = train_set.inputs.mean(dim=(1, 2, 3))  # a number for each image
guess = F.mse_loss(ink.mean().expand(len(ink)), ink)
print(f"classes: {constant:.4f}, entropy {-(frequency * frequency.log()).sum():.4f}")
print(f"numbers: {guess:.6f}, variance {ink.var(correction=0):.6f}")

# %%
# reduction: mean, sum or none
# ----------------------------
#
# A loss computes a number for each target and then reduces them. The default, ``"mean"``, divides the sum by their
# count, so the gradient does not grow with the batch. With ``"sum"`` it grows, and plain SGD needs a smaller learning
# rate. Adam hardly notices, because it divides by the size of the gradients. ``"none"`` lets you weight the samples
# yourself.

x = torch.zeros(32, 10, requires_grad=True)
y = tasks["one class of 10"][1]
for reduction in ("mean", "sum", "none"):
    loss = F.cross_entropy(x, y, reduction=reduction)
    (slope,) = torch.autograd.grad(loss.sum(), x)
    print(f"{reduction:<5} shape {tuple(loss.shape)!s:<7} norm of the gradient {slope.norm():.3f}")

# %%
# .. use-this::
#
#    ``F.cross_entropy`` for classes, ``F.binary_cross_entropy_with_logits`` for yes or no, ``F.mse_loss`` for numbers:
#    begin with these, without an activation at the end. The modules, such as ``nn.CrossEntropyLoss``, compute the same
#    and keep their settings. Deviate when you know what is wrong: outliers ask for
#    ``F.huber_loss``, rare classes for ``weight`` or ``pos_weight``. For ``backward`` a loss keeps tensors of the shape
#    of the outputs. That is much where the classes are the words of a language.
#
# A common mistake
# ----------------
#
# **The arguments are exchanged.** In PyTorch the outputs come first, then the targets. scikit-learn has it the other
# way round. ``cross_entropy`` refuses integers in front, and its message does not say why.
# ``binary_cross_entropy_with_logits`` takes the labels for logits, and gives a number that may be negative.

with expect_error(NotImplementedError, match="not implemented for 'Long'"):
    F.cross_entropy(train_set.targets[:32], torch.randn(32, 10))
outputs, targets, loss = tasks["yes or no"]
print(f"right order {loss(outputs, targets):.3f}, exchanged {loss(targets, outputs):.3f}")
sure = 10 * (2 * targets - 1)  # right, and sure
print(f"right order {loss(sure, targets):.3f}, exchanged {loss(targets, sure):.3f}")

# %%
# How this was checked

finals = {name: torch.tensor(found)[:, -1] for name, found in runs.items()}
assert finals["mse_loss, class number"].max() < finals["cross_entropy"].min() - 15
assert finals["mse_loss, one-hot"].min() > 80
for seed in range(3):
    assert lowest["mse_loss, one-hot", seed] < -0.1


def moved(optimizer, reduction):
    """Return the weights of a linear model after 20 steps."""
    torch.manual_seed(0)
    model = nn.Linear(64, 10)
    steps = optimizer(model.parameters(), lr=0.01)
    for _ in range(20):
        steps.zero_grad()
        pixels = train_set.inputs[:32].flatten(start_dim=1)
        F.cross_entropy(model(pixels), labels[:32], reduction=reduction).backward()
        steps.step()
    return model.weight.detach()


for kind, alike in ((torch.optim.Adam, True), (torch.optim.SGD, False)):
    gap = (moved(kind, "sum") - moved(kind, "mean")).abs().max()
    assert (gap < 1e-3) == alike
# One-hot floats in front are not refused.
assert F.cross_entropy(F.one_hot(labels[:32], 10).float(), torch.randn(32, 10)).isfinite()
torch.testing.assert_close(constant, -(frequency * frequency.log()).sum())
torch.testing.assert_close(guess, ink.var(correction=0))
for step in (-0.01, 0.01):  # other constants cost more
    assert F.mse_loss((ink.mean() + step).expand(len(ink)), ink) > guess
    for k in range(10):
        other = frequency.log() + step * F.one_hot(torch.tensor(k), 10)
        assert F.cross_entropy(other.expand(len(labels), 10), labels) > constant
for task, (outputs, targets, loss) in tasks.items():
    each = loss(outputs, targets, reduction="none")
    torch.testing.assert_close(loss(outputs, targets, reduction="sum"), each.sum())
    if task != "probabilities":
        torch.testing.assert_close(loss(outputs, targets), each.mean())
    if loss is not F.cross_entropy:
        assert each.shape == targets.shape == outputs.shape
    assert targets.is_floating_point() == (
        task not in ("one class of 10", "a class for each pixel")
    )
weight = torch.linspace(1, 2, 10)
criterion = nn.CrossEntropyLoss(weight=weight)  # the weight is a buffer, and moves with .to
outputs, targets, _ = tasks["one class of 10"]
assert torch.equal(criterion(outputs, targets), F.cross_entropy(outputs, targets, weight=weight))
assert [name for name, _ in criterion.named_buffers()] == ["weight"]
pairs = {
    nn.CrossEntropyLoss: "one class of 10",
    nn.BCEWithLogitsLoss: "yes or no",
    nn.MSELoss: "a number",
}
for module, task in pairs.items():
    outputs, targets, loss = tasks[task]
    assert torch.equal(module()(outputs, targets), loss(outputs, targets))
assert len([name for name in dir(nn) if name.endswith("Loss")]) > 20
# mse_loss and l1_loss do not see the exchange; with sum and mean the gradients differ by the number of targets.
a, b, _ = tasks["a number"]
assert F.mse_loss(a, b) == F.mse_loss(b, a)
slopes = [torch.autograd.grad(F.cross_entropy(x, y, reduction=r), x)[0] for r in ("mean", "sum")]
torch.testing.assert_close(slopes[1], 32 * slopes[0])

# %%
# Check yourself
# --------------

photo = torch.randint(2, (32, 5)).float()
fits = "cross_entropy" if (photo.sum(dim=1) == 1).all() else "binary_cross_entropy_with_logits"
ask(
    "Photos have tags: outdoor, people, night, water, animal. A photo may have several or none. Which loss fits?",
    answer=fits,
    choices={
        "cross_entropy": "Its softmax makes the tags compete: they would have to add up to one.",
        "binary_cross_entropy_with_logits": "Each tag is a question of yes or no of its own.",
        "mse_loss": "It runs, and its outputs are not probabilities.",
    },
)

# %%
# The next question is about dtypes.

wants = tasks["yes or no"][1]
try:
    bce_with_logits(torch.randn(32), wants.long())
    kind = "int64 or float32"
except RuntimeError:
    kind = str(wants.dtype)[6:]
ask(
    "Your labels of yes or no are integers. Which dtype does binary_cross_entropy_with_logits take?",
    answer=kind,
    choices={
        "int64": "That is for class numbers, in cross_entropy.",
        "float32": "Write labels.float(): a target is a number from 0 to 1 here.",
        "int64 or float32": "With integers it raises a RuntimeError.",
    },
)

# %%
# **Exercise.** What does the best constant answer cost? Given class numbers of shape (N,) and the number of classes,
# return the smallest cross-entropy that a network can reach if it ignores its input. A class may have no sample.


def by_loop(labels, classes):
    total = 0.0
    for k in range(classes):
        p = sum(label == k for label in labels.tolist()) / len(labels)
        total -= p * torch.tensor(p).log().item() if p else 0.0
    return torch.tensor(total)


cases = [
    (torch.tensor([0, 1]), 2),
    (torch.tensor([2, 2, 2, 0]), 3),
    (train_set.targets, 10),
]


def constant_answer(labels, classes):
    raise NotImplementedError


check(constant_answer, by_loop, cases)

# %%
# ``torch.special.entr(p)`` is ``-p * log(p)``, and 0 where p is 0.

# Solution


def constant_answer(labels, classes):
    p = labels.bincount(minlength=classes) / len(labels)
    return torch.special.entr(p).sum()


report = check(constant_answer, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cross-entropy`, the loss for classes.
#
# - PyTorch contributors (2026). `Loss functions
#   <https://docs.pytorch.org/docs/stable/nn.html#loss-functions>`__. The list of those in torch.nn.
# - Goodfellow, Bengio and Courville (2016). `Deep Learning <https://www.deeplearningbook.org/contents/mlp.html>`__. Its
#   section on gradient-based learning derives the loss and the output unit from what the targets are.
