"""
.. _floating-point-type-for-target:

RuntimeError: Expected floating point type for target with class probabilities, got Long
========================================================================================

Your targets have the shape of the outputs, so ``cross_entropy`` takes them for probabilities, but they are integers.
Give it the class numbers instead, of shape (N,).
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms.functional import pil_to_tensor, to_pil_image, to_tensor

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images, labels = digits("train")[:32]
network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
outputs = network(images)
one_hot = F.one_hot(labels, 10)
short = {
    "Expected floating point type": "wants float",
    "multi-target not supported": "multi-target",
    "to be Long or Byte": "Long or Byte",
    "only batches of spatial targets": "spatial",
    "expected scalar type Long": "Long",
}


def verdict(logits, target):
    try:
        return "a loss" if F.cross_entropy(logits, target).isfinite() else "not finite"
    except RuntimeError as error:
        return next(said for part, said in short.items() if part in str(error))


def table(logits, shapes, dtypes):
    return [[verdict(logits, torch.ones(s).to(d)) for d in dtypes] for s in shapes]


def draw_tables(**tables):
    figure, axes = plt.subplots(nrows=2, figsize=(5.4, 3.6), layout="constrained")
    for axis, (name, rows) in zip(axes, tables.items(), strict=True):
        for i, row in enumerate(rows):
            for j, said in enumerate(row):
                color = "#2e7d32" if said == "a loss" else "#b3261e"
                axis.fill_between([j, j + 1], i, i + 1, color=color, edgecolor="white")
                axis.text(
                    j + 0.5, i + 0.5, said, ha="center", va="center", color="white", fontsize=8
                )
        axis.set(xlim=(0, len(dtypes)), ylim=(len(rows), 0), ylabel=f"shape, {name}")
        axis.set_xticks([j + 0.5 for j in range(len(dtypes))], [str(d)[6:] for d in dtypes])
        axis.set_yticks([i + 0.5 for i in range(len(rows))], shapes_of[name], fontsize=8)
    axes[-1].set_xlabel("dtype of the targets")
    figure.suptitle("Take integers without the axis of classes, or floats with it")
    plt.show()


# %%

with expect_error(RuntimeError, match="target with class probabilities, got Long"):
    F.cross_entropy(outputs, one_hot)
print("outputs", tuple(outputs.shape), " targets", tuple(one_hot.shape), one_hot.dtype)

# %%
# "Long" is torch's name for :val:`int64 <one_hot.dtype>`, the type that ``one_hot`` gives. The message may end with
# the name of another type, such as ``Int`` or ``Bool``.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: labels.squeeze(1); mask.squeeze(1).long() — the cells of the causes run them
#
# =================================================================  ==============================================
# Cause, or the words of the message                                 Fix
# =================================================================  ==============================================
# :ref:`one-hot targets <float-one-hot>`                             the labels, or ``one_hot.argmax(1)``
# :ref:`multi-target not supported <float-column>`                   ``labels.squeeze(1)``
# :ref:`only batches of spatial targets supported <float-spatial>`   ``mask.squeeze(1).long()``
# :ref:`one output, squeezed, for two classes <float-one>`           ``binary_cross_entropy_with_logits``
# :ref:`several classes are true at once <float-multi>`              ``binary_cross_entropy_with_logits``
# :ref:`to be Long or Byte, but got Float <float-column>`            ``labels.long()``
# =================================================================  ==============================================
#
# The rule
# --------
#
# Targets are class numbers, in :val:`int64 <dtypes[0]>`, of the outputs' shape *without* the axis of classes. Or they
# are probabilities, in floats, of the outputs' shape. Each field of this figure is one call, with outputs (32, 10) for
# classes and (2, 6, 4, 5) for pixels. A red field shows some words of its error.

dtypes = [torch.int64, torch.uint8, torch.int32, torch.float32]
shapes_of = {
    "classes": [(32,), (32, 1), (32, 10)],
    "pixels": [(2, 4, 5), (2, 1, 4, 5), (2, 6, 4, 5)],
}
classes = table(torch.randn(32, 10), shapes_of["classes"], dtypes)
pixels = table(torch.randn(2, 6, 4, 5), shapes_of["pixels"], dtypes)
draw_tables(classes=classes, pixels=pixels)

# %%
# .. _float-one-hot:
#
# One-hot targets
# ---------------
#
# The labels that one-hot targets were made of give the same loss. If a file has one-hot rows, ``argmax(1)`` finds the
# labels. ``float()`` also works, but takes more memory, and gives another loss with ``weight``. See :ref:`one-hot`.

loss = F.cross_entropy(outputs, labels)
assert torch.equal(one_hot.argmax(1), labels)
torch.testing.assert_close(F.cross_entropy(outputs, one_hot.float()), loss)
weight = torch.linspace(1, 2, 10)  # for each class
for targets in (labels, one_hot.float()):
    print(f"{targets.dtype} with weight: {F.cross_entropy(outputs, targets, weight=weight):.2f}")
print(f"labels {labels.nbytes} bytes, one-hot floats {one_hot.float().nbytes} bytes")

# %%
# .. _float-column:
#
# 0D or 1D target tensor expected, multi-target not supported
# -----------------------------------------------------------
#
# A column of a table gives labels of shape (N, :val:`1 <column.shape[1]>`): take the axis away. The message also comes
# for one-hot targets of another number of classes than the outputs. Class numbers that came as floats need ``long()``.
# For targets that are no class numbers, such as prices, take ``mse_loss``.

column = labels.unsqueeze(1)
with expect_error(RuntimeError, match="0D or 1D target tensor expected, multi-target"):
    F.cross_entropy(outputs, column)
assert F.cross_entropy(outputs, column.squeeze(1)) == loss
with expect_error(RuntimeError, match="multi-target not supported"):
    F.cross_entropy(outputs, F.one_hot(labels, 11))
with expect_error(
    RuntimeError, match="to be Long or Byte, but got Float|scalar type Long but found Float"
):
    F.cross_entropy(outputs, labels.float())
assert F.cross_entropy(outputs, labels.float().long()) == loss

# %%
# .. _float-spatial:
#
# Only batches of spatial targets supported
# -----------------------------------------
#
# For segmentation, a mask has one number for each pixel: (image, row, column). A mask that was loaded as a gray image
# has an axis for its one channel. Its type is often :val:`uint8 <mask.dtype>`, which this loss refuses for pixels.
# ``ToTensor`` divides a mask by 255, and ``long()`` then makes zeros of it: load it with ``PILToTensor``. A mask with
# three channels was loaded in color. Turn each color into a class number first.

logits = torch.randn(2, 6, 4, 5)  # (image, class, row, column)
mask = torch.randint(6, (2, 1, 4, 5), dtype=torch.uint8)
with expect_error(RuntimeError, match="only batches of spatial targets supported"):
    F.cross_entropy(logits, mask)
with expect_error(RuntimeError, match="expected scalar type Long but found Byte"):
    F.cross_entropy(logits, mask.squeeze(1))
assert F.cross_entropy(logits, mask.squeeze(1).long()).isfinite()
print("largest class:", mask.max().item(), "and divided by 255:", (mask / 255).long().max().item())

# %%
# .. _float-one:
#
# One output for two classes
# --------------------------
#
# A squeezed output of shape :val:`(32,) <logit.shape>` counts as one sample with :val:`32 <len(logit)>` classes, and
# the labels count as its probabilities. For one output, take ``binary_cross_entropy_with_logits``. Or give the layer
# two outputs.

is_odd = labels % 2
logit = nn.Linear(64, 1)(images.flatten(1)).squeeze(1)
print("output", tuple(logit.shape), " labels", tuple(is_odd.shape))
with expect_error(RuntimeError, match="target with class probabilities, got Long"):
    F.cross_entropy(logit, is_odd)
assert F.binary_cross_entropy_with_logits(logit, is_odd.float()).isfinite()
assert F.cross_entropy(nn.Linear(64, 2)(images.flatten(1)), is_odd).isfinite()

# %%
# .. use-this::
#
#    Keep labels as class numbers: :val:`int64 <labels.dtype>`, of shape (N,), or (N, row, column) for masks. Take
#    floats of the outputs' shape where a target really is a distribution, as in mixup or distillation. Let them sum to
#    1, because the loss does not check it. They take one number for each class. If several classes can be true at once,
#    use ``binary_cross_entropy_with_logits``.
#
# .. _float-multi:
#
# A common mistake
# ----------------
#
# A photo has a cat *and* a dog. With targets of ones and zeros, ``float()`` silences ``cross_entropy``. The
# probabilities of its softmax sum to 1, so the two classes end at 0.5 each. The other loss, with sigmoid, treats each
# class as a question of its own.

present = torch.tensor([[1, 1, 0, 0]])  # cat, dog, bird, fish
for loss_function, probabilities in [
    (F.cross_entropy, lambda logits: logits.softmax(1)),
    (F.binary_cross_entropy_with_logits, torch.sigmoid),
]:
    logits = torch.zeros(1, 4, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=1)
    for _ in range(2000):
        optimizer.zero_grad()
        loss_function(logits, present.float()).backward()
        optimizer.step()
    found = probabilities(logits.detach())
    print(f"{loss_function.__name__:33}", [round(p, 2) for p in found[0].tolist()])
assert found.sub(present).abs().max() < 0.02

# %%
# How this was checked

# Each field of the table that gives a loss, and no other.
for rows, plain, soft in [(classes, 0, 2), (pixels, 0, 2)]:
    for i, row in enumerate(rows):
        for dtype, said in zip(dtypes, row, strict=True):
            plain_types = [torch.int64, torch.uint8] if rows is classes else [torch.int64]
            takes = dtype in plain_types if i == plain else i == soft and dtype.is_floating_point
            assert (said == "a loss") == takes
# The words of the message for other types of integers.
names = {
    torch.int32: "Int",
    torch.bool: "Bool",
    torch.uint8: "Byte",
    torch.complex64: "ComplexFloat",
}
for dtype, name in names.items():
    with expect_error(RuntimeError, match=f"target with class probabilities, got {name}"):
        F.cross_entropy(outputs, one_hot.to(dtype))
# A loss by hand, for class numbers and for probabilities.
log_p = outputs.log_softmax(1)
soft = torch.rand(32, 10).softmax(1)
torch.testing.assert_close(F.cross_entropy(outputs, soft), -(soft * log_p).sum(1).mean())
torch.testing.assert_close(F.cross_entropy(outputs, labels), -log_p[range(32), labels].mean())
# With class weights, the mean over class numbers is divided by the sum of their weights, and the other by N.
pairs = -log_p[range(32), labels] * weight[labels]
weighted = F.cross_entropy(outputs, labels, weight=weight)
torch.testing.assert_close(weighted, pairs.sum() / weight[labels].sum())
weighted = F.cross_entropy(outputs, one_hot.float(), weight=weight)
torch.testing.assert_close(weighted, pairs.sum() / 32)
# Targets that sum to 3 pass, and so do floats beside one squeezed output.
assert F.cross_entropy(outputs, 3 * one_hot.float()).isfinite()
assert F.cross_entropy(logit, is_odd.float()).isfinite()
# What ToTensor makes of a mask.
picture = to_pil_image(mask[0])
assert mask[0].max() > 0
assert to_tensor(picture).long().max() == 0
assert torch.equal(pil_to_tensor(picture), mask[0])
# A column of floats is refused for its shape, and floats of 11 classes are, too.
for wrong in (column.float(), F.one_hot(labels, 11).float()):
    with expect_error(RuntimeError, match="multi-target not supported"):
        F.cross_entropy(outputs, wrong)
# nll_loss takes no probabilities.
with expect_error(RuntimeError, match="multi-target not supported"):
    F.nll_loss(log_p, one_hot.float())
# ignore_index is for class numbers.
with expect_error(RuntimeError, match="ignore_index is not supported for floating point target"):
    F.cross_entropy(outputs, one_hot.float(), ignore_index=3)
# A mask in color.
with expect_error(RuntimeError, match="only batches of spatial targets supported"):
    F.cross_entropy(torch.randn(2, 6, 4, 5), torch.zeros(2, 3, 4, 5, dtype=torch.int64))
# The two numbers of a one-hot target in cross_entropy can reach 0.5.
assert torch.tensor([[9.0, 9, -9, -9]]).softmax(1)[0, 0] < 0.51

# %%
# Check yourself
# --------------
#
# The first question is about shapes for segmentation.

candidates = {
    "(8, 20, 30)": (8, 20, 30),
    "(8, 1, 20, 30)": (8, 1, 20, 30),
    "(8, 20, 30, 5)": (8, 20, 30, 5),
}
(taken,) = (
    name
    for name, shape in candidates.items()
    if verdict(torch.randn(8, 5, 20, 30), torch.ones(shape).long()) == "a loss"
)
ask(
    "Outputs have shape (8, 5, 20, 30): 8 images, 5 classes. Which shape must int64 targets for cross_entropy have?",
    answer=taken,
    choices={
        "(8, 20, 30)": "One number for each pixel: the axis of classes is gone.",
        "(8, 1, 20, 30)": "The axis of the one channel must be squeezed away.",
        "(8, 20, 30, 5)": "That is a one-hot target, with its classes at the end.",
    },
)

# %%
# The next question is about types.

ask(
    "Outputs and targets both have shape (32, 10). Which type must the targets have?",
    answer=next(
        str(d) for d in dtypes if verdict(torch.randn(32, 10), torch.ones(32, 10).to(d)) == "a loss"
    ),
    choices={
        "torch.int64": "Class numbers have it, and these have no axis of classes.",
        "torch.uint8": "It is taken for class numbers alone.",
        "torch.float32": "With the shape of the outputs, targets are probabilities.",
    },
)

# %%
# **Exercise.** Targets come in three forms: class numbers (N,), class numbers (N, 1), or one-hot rows (N, C) with at
# least two classes. Return class numbers of shape (N,) in :val:`int64 <torch.int64>` for each.


def class_numbers(targets):
    raise NotImplementedError


def by_loops(targets):
    found = []
    for row in targets.tolist():
        if isinstance(row, list):
            row = row[0] if len(row) == 1 else row.index(max(row))
        found.append(int(row))
    return torch.tensor(found, dtype=torch.int64)


cases = [
    (torch.tensor([2, 0, 1]),),
    (torch.tensor([[2], [0]]),),
    (torch.tensor([[0, 0, 1], [1, 0, 0]]),),
    (torch.tensor([[0.0, 1.0], [1.0, 0.0]]),),
    (torch.tensor([1.0, 3.0]),),
    (torch.tensor([[4]]),),
    (torch.tensor([[0, 1]]),),
]
check(class_numbers, by_loops, cases)

# %%
# The number of axes and the size of axis 1 tell which form it is.

# Solution


def class_numbers(targets):
    if targets.ndim == 2:
        targets = targets.squeeze(1) if targets.shape[1] == 1 else targets.argmax(1)
    return targets.long()


report = check(class_numbers, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`elements-between-0-and-1`, the error of the loss for one probability.
#
# - PyTorch contributors (2026). `CrossEntropyLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__. The reference of both kinds of
#   targets.
# - Zhang et al. (2018). `mixup: Beyond empirical risk minimization <https://arxiv.org/abs/1710.09412>`__. A training
#   whose targets are mixtures of two classes.
