"""
.. _target-out-of-bounds:

IndexError: Target 10 is out of bounds.
=======================================

A label is negative or too large for your network, which has one output for each class and counts them from 0. Subtract
1 from labels that begin at 1, or give the last layer more outputs.
"""

# %%
# Set-up

from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images, classes = digits("train")[:64]
labels = classes + 1  # as a file has them whose author counts from 1
all_images, all_classes = digits("train")[:]
test_images, test_classes = digits("test")[:]


def train(targets, seed):
    """Train a linear network on all digits; return its classes for the test set."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(100):
        loss = F.cross_entropy(network(all_images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network(test_images).argmax(1)


# %%

network = nn.Sequential(nn.Flatten(), nn.Linear(8 * 8, 10))
with expect_error(IndexError, match="Target 10 is out of bounds"):
    F.cross_entropy(network(images), labels)

# %%
# "Target 10" is the first label of the batch that does not fit. The message does not say how many outputs there are.
# Print the smallest label, the largest, and the size of axis 1 of the outputs.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: nn.Linear(64, 11); ignore_index=255 — the cells of the causes run them
#
# ==============================================================  =================================================
# Usual cause                                                     Fix
# ==============================================================  =================================================
# :ref:`labels count from 1 <target-from-1>`                      ``labels - 1``
# :ref:`the last layer has too few outputs <target-outputs>`      ``nn.Linear(64, 11)``, one for each class
# :ref:`one output for two classes <target-outputs>`              two outputs, or the loss for one logit
# :ref:`numbers with gaps, or grey values <target-gaps>`          ``torch.unique`` with ``return_inverse=True``
# :ref:`255 or -1 stands for "no label" <target-ignore>`          ``ignore_index=255``
# :ref:`a device-side assert on a GPU <target-gpu>`               the same batch on the CPU
# ==============================================================  =================================================
#
# The rule
# --------
#
# With outputs of shape :math:`(N, C, \ldots)` a label :math:`y` is an integer with :math:`0 \le y < C`. For 10
# outputs the largest label is :val:`9 <outputs.shape[1] - 1>`. A negative label does not count from the end. One
# number is exempt: the label -100 is left out of the loss, unless you choose another ``ignore_index``.

outputs = network(images)
print(f"labels {labels.min()} to {labels.max()}, outputs for {outputs.shape[1]} classes")
assert labels.max() == 10
with expect_error(IndexError, match="Target -1 is out of bounds"):
    F.cross_entropy(outputs, torch.full((64,), -1))
fits = labels < 10
some = torch.where(fits, labels, -100)
rest = F.cross_entropy(outputs[fits], labels[fits])
torch.testing.assert_close(F.cross_entropy(outputs, some), rest)

# %%
# .. _target-from-1:
#
# Labels that count from 1
# ------------------------
#
# Subtract 1 where you read the file, before the data set is split. Then add 1 to a predicted class where you show it
# to somebody. Here a batch without the label 10 raises nothing, so the error may come late in an epoch.

loss = F.cross_entropy(outputs, labels - 1)
print(f"loss {loss:.2f}")
assert F.cross_entropy(outputs[fits], labels[fits]).isfinite()  # off by one, and no error

# %%
# .. _target-outputs:
#
# Too few outputs
# ---------------
#
# A new class in the data needs a new output: count the classes in the *training* data, and check that the other parts
# have no more. ``cross_entropy`` wants two outputs for two classes. If you prefer one, use
# :func:`torch.nn.functional.binary_cross_entropy_with_logits`.

features = images.flatten(1)
eleven = nn.Linear(64, 11)
assert F.cross_entropy(eleven(features), labels).isfinite()

is_odd = classes % 2
one = nn.Linear(64, 1)(features)
with expect_error(IndexError, match="Target 1 is out of bounds"):
    F.cross_entropy(one, is_odd)
loss = F.binary_cross_entropy_with_logits(one.squeeze(1), is_odd.float())
assert loss.isfinite()

# %%
# .. _target-gaps:
#
# Numbers with gaps
# -----------------
#
# A mask that was saved as a picture holds grey values. Sort the values of the *whole* training data once, and replace
# each by its place among them. Keep ``values``, because with it ``searchsorted`` numbers another mask in the same way.
# On that mask alone, ``unique`` would call 255 the class :val:`1 <another.unique(return_inverse=True)[1][1].item()>`.

mask = torch.tensor([[0, 0, 128, 255], [0, 128, 128, 255], [0, 0, 0, 255]])
values, numbers = torch.unique(mask, return_inverse=True)
print(values, numbers, sep="\n")
assert torch.equal(values[numbers], mask)
another = torch.tensor([0, 255])
print(torch.searchsorted(values, another), another.unique(return_inverse=True)[1])
assert F.cross_entropy(torch.randn(1, 3, 3, 4), numbers[None]).isfinite()

# %%
# .. _target-ignore:
#
# A number that means "no label"
# ------------------------------
#
# In masks, 255 often marks pixels without a class, and -1 may mark padding. ``ignore_index`` names that number, and
# the mean is over the rest. If nothing is left, the mean is ``nan``.

pixels = torch.randn(1, 3, 2, 4)  # (image, class, row, column)
mask = torch.tensor([[[0, 2, 255, 255], [1, 1, 0, 255]]])
with expect_error(IndexError, match="Target 255 is out of bounds"):
    F.cross_entropy(pixels, mask)
loss = F.cross_entropy(pixels, mask, ignore_index=255)
kept = mask != 255
torch.testing.assert_close(loss, F.cross_entropy(pixels.movedim(1, -1)[kept], mask[kept]))
print(f"the mean over {kept.sum()} of {mask.numel()} pixels is {loss:.2f}")
assert F.cross_entropy(pixels, torch.full_like(mask, 255), ignore_index=255).isnan()

# %%
# .. _target-gpu:
#
# A device-side assert
# --------------------
#
# On a GPU a wrong label ends in ``CUDA error: device-side assert triggered`` (quoted: it needs a GPU). Start the
# process again, and give the loss the same batch on the CPU: there the message names the label. Or check the labels
# before training.


def check_labels(labels, classes, ignored=-100):
    counted = labels[labels.long() != ignored]  # in uint8, -100 would be 156
    if len(counted) and (counted.min() < 0 or counted.max() >= classes):
        found = f"labels {counted.min()} to {counted.max()}"
        raise ValueError(f"{found}, but classes 0 to {classes - 1}")


with expect_error(ValueError, match="labels 1 to 10, but classes 0 to 9"):
    check_labels(labels, classes=10)
check_labels(labels - 1, classes=10)
with expect_error(IndexError, match="Target 10 is out of bounds"):
    F.cross_entropy(outputs.cpu(), labels.cpu())

# %%
# .. use-this::
#
#    Make labels 0 to C - 1 where the data are read, keep the list of class names beside them, and take C from that
#    list: ``nn.Linear(features, len(names))``. Give pixels or tokens without a label one number, and pass it as
#    ``ignore_index``. A check of the labels costs one pass over them, and on a GPU it waits for
#    the device, so do it before training.
#
# A common mistake
# ----------------
#
# ``clamp`` brings each label into the range and silences the message. Here it gives the eights and the nines one
# number. Five networks are trained on each kind of labels. After ``clamp`` they call most nines an eight.

all_labels = all_classes + 1
for name, targets, first in [
    ("labels - 1", all_labels - 1, 0),
    ("clamp", all_labels.clamp(max=9), 1),
]:
    called = torch.stack([train(targets, seed)[test_classes == 9] - first for seed in range(5)])
    nine, eight = ((called == digit).float().mean(dim=1) for digit in (9, 8))
    print(f"{name:11} nines called 9: {nine.min():.0%} to {nine.max():.0%},", end=" ")
    print(f"called 8: {eight.min():.0%} to {eight.max():.0%}")
assert nine.max() == 0
assert eight.min() > 0.8

# %%
# How this was checked

# The range, for each label near its ends and several numbers of classes.
for count in range(1, 6):
    for label in range(-3, 9):
        target = torch.tensor([label])
        if 0 <= label < count:
            assert F.cross_entropy(torch.zeros(1, count), target).isfinite()
        else:
            with expect_error(IndexError, match=rf"^Target {label} is out of bounds\.$"):
                F.cross_entropy(torch.zeros(1, count), target)
# -100 is ignored by default; another ignore_index replaces it.
assert F.cross_entropy(outputs, torch.full((64,), -100)).isnan()
with expect_error(IndexError, match="Target -100 is out of bounds"):
    F.cross_entropy(outputs, torch.full((64,), -100), ignore_index=255)
# check_labels passes where nothing is counted, and does not take 156 for the ignored number.
check_labels(torch.full((3,), -100), classes=10)
check_labels(torch.empty(0, dtype=torch.int64), classes=10)
with expect_error(ValueError, match="labels 3 to 156"):
    check_labels(torch.tensor([156, 3], dtype=torch.uint8), classes=10)
# A sum over nothing is 0, where the mean is nan.
assert F.cross_entropy(outputs, torch.full((64,), -100), reduction="sum") == 0
# One sample without a batch has its classes on axis 0, and bytes are labels too.
with expect_error(IndexError, match="Target 3 is out of bounds"):
    F.cross_entropy(torch.zeros(3), torch.tensor(3))
with expect_error(IndexError, match="Target 255 is out of bounds"):
    F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 255], dtype=torch.uint8))
# The first label that does not fit is named, not the largest.
with expect_error(IndexError, match="Target 12 is out of bounds"):
    F.cross_entropy(torch.zeros(3, 10), torch.tensor([3, 12, 40]))
# Siblings say the same, or something else.
with expect_error(IndexError, match="Target 3 is out of bounds"):
    F.nll_loss(torch.zeros(1, 3), torch.tensor([3]))
with expect_error(RuntimeError, match="target out of range"):
    F.multi_margin_loss(torch.zeros(1, 3), torch.tensor([3]))
with expect_error(IndexError, match="index out of range in self"):
    nn.Embedding(10, 3)(torch.tensor([10]))
with expect_error(RuntimeError, match="Class values must be smaller than num_classes"):
    F.one_hot(torch.tensor([10]), 10)
# Which labels the linear networks were trained on.
assert (all_labels.min(), all_labels.max()) == (1, 10)
assert Counter(all_labels.clamp(max=9).tolist())[9] == (all_labels >= 9).sum()

# %%
# Check yourself
# --------------
#
# The first question is about the range of labels.

fitting = []
for label in range(-2, 9):
    try:
        F.cross_entropy(torch.zeros(1, 7), torch.tensor([label]))
        fitting.append(label)
    except IndexError:
        pass
ask(
    "The last layer is nn.Linear(64, 7). Which is the largest label that cross_entropy takes?",
    answer=max(fitting),
    choices={
        6: f"The classes are 0 to {max(fitting)}.",
        7: "That is the number of classes, and one more than the last of them.",
        63: "The 64 features are what the layer takes in.",
    },
)

# %%
# The next question is about one batch.


def what_happens(batch):
    try:
        F.cross_entropy(torch.zeros(len(batch), 5), torch.tensor(batch))
    except IndexError as error:
        return type(error)
    return "nothing is raised"


ask(
    "A file has labels 1 to 5, and the network has 5 outputs. A batch has the labels 3, 1, 4. What happens?",
    answer=what_happens([3, 1, 4]),
    choices={
        IndexError: "It comes with the first batch that has a 5.",
        "nothing is raised": "Each of the three is between 0 and 4, so it is taken for another class.",
    },
)

# %%
# **Exercise.** Find what to repair in a file. Return the values among ``labels`` that are no class and are not
# ``ignored``: sorted, and each value once. ``labels`` may have several axes.


def outside(labels, classes, ignored):
    raise NotImplementedError


def by_loops(labels, classes, ignored):
    found = {y for y in labels.flatten().tolist() if y != ignored and y not in range(classes)}
    return torch.tensor(sorted(found), dtype=torch.int64)


cases = [
    (torch.tensor([1, 2, 3]), 3, -100),
    (torch.tensor([0, 1, 2]), 3, -100),
    (torch.tensor([[0, 255, 128], [255, 3, -1]]), 3, 255),
    (torch.randint(-3, 12, (4, 5, 6)), 8, -1),
]
check(outside, by_loops, cases)

# %%
# A mask picks the values that do not fit, and ``unique`` sorts them.

# Solution


def outside(labels, classes, ignored):
    wrong = (labels < 0) | (labels >= classes)
    return labels[wrong & (labels != ignored)].unique()


report = check(outside, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`input-batch-size-to-match-target`, an error of the same two arguments.
#
# - PyTorch contributors (2026). `CrossEntropyLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__. Which targets it takes, and what
#   ``ignore_index`` leaves out.
# - NVIDIA (2026). `CUDA Runtime API, data types
#   <https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html>`__. What ``cudaErrorAssert`` means for the
#   rest of the process.
