"""
.. _target-size-must-be-the-same:

ValueError: Target size (torch.Size([32])) must be the same as input size (torch.Size([32, 1]))
===============================================================================================

The loss compares each output with one label, so both tensors need one shape. Your outputs are a column, (32, 1), and
the labels are not: write ``outputs.squeeze(1)``.
"""

# %%
# Set-up

import warnings

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images, labels = digits("train")[:32]
features = images.flatten(1)
is_odd = (labels % 2).float()
all_images, all_labels = digits("train")[:]
test_images, test_labels = digits("test")[:]


def train(seed, repeat_targets):
    """Train two outputs to see whether a digit is odd; return the accuracy of argmax, and the outputs."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    odd = all_labels % 2
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(200):
        outputs = network(all_images)
        if repeat_targets:
            target = odd.float().unsqueeze(1).expand_as(outputs)
            loss = F.binary_cross_entropy_with_logits(outputs, target)
        else:
            loss = F.cross_entropy(outputs, odd)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    outputs = network(test_images)
    return (outputs.argmax(1) == test_labels % 2).float().mean().item(), outputs


# %%

network = nn.Linear(64, 1)
outputs = network(features)
with expect_error(ValueError, match="Target size .* must be the same as input size"):
    nn.BCEWithLogitsLoss()(outputs, is_odd)
loss = nn.BCEWithLogitsLoss()(outputs.squeeze(1), is_odd)
print(f"with outputs.squeeze(1): {loss:.2f}")

# %%
# *Input size* is the shape of the outputs, and *target size* that of the labels. ``BCELoss`` raises the same error in
# other words: "Using a target size ... is deprecated". ``MSELoss`` only warns in such words, and goes on with a wrong
# number: see :ref:`loss-of-n-against-n-by-1`.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ===============================================================  ================================================
# Usual cause                                                      Fix
# ===============================================================  ================================================
# :ref:`[32] and [32, 1] <size-column>`                            ``outputs.squeeze(1)``
# :ref:`[] and [1], in the last batch <size-last>`                 ``squeeze(1)``, not ``squeeze()``
# :ref:`[32] and [32, 2]: two outputs <size-two>`                  ``cross_entropy``, or one output
# :ref:`[32] and [32, 10]: class numbers <size-many>`              ``F.cross_entropy(ten, labels)``
# :ref:`a weight for each sample <size-weight>`                    ``weight.unsqueeze(1)``
# :ref:`Boolean value of Tensor ... is ambiguous <size-class>`     ``nn.BCEWithLogitsLoss()(outputs, target)``
# ===============================================================  ================================================
#
# .. _size-column:
#
# The rule
# --------
#
# The loss compares each number of the outputs with the number at the same place in the targets, so their shapes must be
# equal. ``nn.Linear(64, 1)`` gives (32, 1). You may take the axis from the outputs, or give one to the targets.

for loss_function in (F.binary_cross_entropy_with_logits, F.binary_cross_entropy, F.mse_loss):
    p = outputs.sigmoid()
    dropped = loss_function(p.squeeze(1), is_odd)
    added = loss_function(p, is_odd.unsqueeze(1))
    print(f"{loss_function.__name__:33} {dropped:.3f} {added:.3f}")
    assert dropped == added
with expect_error(ValueError, match=r"Using a target size .* is deprecated"):
    F.binary_cross_entropy(p, is_odd)

# %%
# .. _size-last:
#
# The last batch has one sample
# -----------------------------
#
# ``squeeze()`` takes away each axis of size 1. In a batch of one sample, it takes the batch too. Say which axis you
# mean: ``squeeze(1)``, or ``squeeze(-1)`` for the last.

one = network(features[:1])
with expect_error(ValueError, match=r"must be the same as input size .*\[\]"):
    F.binary_cross_entropy_with_logits(one.squeeze(), is_odd[:1])
assert one.squeeze(1).shape == one.squeeze(-1).shape == is_odd[:1].shape

# %%
# .. _size-two:
#
# Two outputs for a yes or no
# ---------------------------
#
# Either give the network one output, which says how sure the yes is: its targets are floats. Or keep two outputs for
# two classes, and take ``cross_entropy``: its targets are class numbers, which are integers.

two = nn.Linear(64, 2)(features)
with expect_error(ValueError, match=r"must be the same as input size \(torch.Size\(\[32, 2\]\)\)"):
    F.binary_cross_entropy_with_logits(two, is_odd)
assert F.cross_entropy(two, is_odd.long()).isfinite()

# %%
# .. _size-many:
#
# Class numbers for ten questions
# -------------------------------
#
# Where one class of ten is right, take ``cross_entropy`` with the class numbers. The loss here asks ten questions of
# each sample, with a yes or no for each. It needs ten answers for each, and ``one_hot`` writes them where one of the
# ten is yes.

ten = nn.Linear(64, 10)(features)
with expect_error(ValueError, match=r"must be the same as input size \(torch.Size\(\[32, 10\]\)\)"):
    F.binary_cross_entropy_with_logits(ten, labels.float())
assert F.cross_entropy(ten, labels).isfinite()
assert F.binary_cross_entropy_with_logits(ten, F.one_hot(labels, 10).float()).isfinite()

# %%
# .. _size-weight:
#
# A weight for each sample
# ------------------------
#
# The weight is broadcast to the outputs, and (32,) beside (32, 1) would make
# :val:`(32, 32) <(weight + outputs).shape>`. The loss refuses it with another message. Give the weight the axis too, or
# drop the axis from the outputs.

weight, column = torch.rand(32), is_odd.unsqueeze(1)
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    F.binary_cross_entropy_with_logits(outputs, column, weight=weight)
weighted = F.binary_cross_entropy_with_logits(outputs, column, weight=weight.unsqueeze(1))
dropped = F.binary_cross_entropy_with_logits(outputs.squeeze(1), is_odd, weight=weight)
print(f"weighted: {weighted:.2f} {dropped:.2f}")

# %%
# .. _size-class:
#
# Boolean value of Tensor with more than one value is ambiguous
# -------------------------------------------------------------
#
# ``nn.BCEWithLogitsLoss`` is a class: the first call makes the loss, and the second computes it. With one call, the
# class takes the tensors for its settings. The functions in ``torch.nn.functional`` take the tensors directly.

for kind in (nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.MSELoss, nn.BCELoss):
    with expect_error(RuntimeError, match="Boolean value of Tensor with more than one value"):
        kind(outputs, column)
assert nn.BCEWithLogitsLoss()(outputs, column) == loss

# %%
# .. use-this::
#
#    For a yes or no, end with a linear layer of one output, drop its axis with ``outputs.squeeze(1)``, and take labels
#    as floats of shape (N,). Give outputs and labels the shape (N, C) when a sample can have several labels. Neither
#    ``squeeze`` nor ``unsqueeze`` copies. An ``assert outputs.shape == target.shape`` in front of the loss also catches
#    the losses that only warn.
#
# A common mistake
# ----------------
#
# With two outputs, ``expand_as`` or ``repeat`` gives the target a second column and silences the message. Then both
# outputs learn the same answer, and ``argmax`` compares two numbers that are about equal. Five networks are trained
# with each loss.

right = [train(seed, repeat_targets=False)[0] for seed in range(5)]
wrong, outputs_of = zip(*[train(seed, repeat_targets=True) for seed in range(5)], strict=True)
print(f"cross_entropy:    accuracy {min(right):.0%} to {max(right):.0%}")
print(f"repeated targets: accuracy {min(wrong):.0%} to {max(wrong):.0%}")
assert min(right) > 0.85
assert max(wrong) < 0.75
apart = [((two[:, 0] - two[:, 1]).abs().mean() / two.abs().mean()).item() for two in outputs_of]
print(f"the two outputs differ by {min(apart):.0%} to {max(apart):.0%} of their size")

# %%
# How this was checked

# The repeated targets did teach each output: alone, it tells odd digits.
for two in outputs_of:
    for one in two.mT:
        assert ((one > 0) == (test_labels % 2 == 1)).float().mean() > 0.85
assert max(apart) < 0.1
# The two ways give one loss for random outputs; a column against a row would be another.
for n in range(2, 8):
    x, y = torch.randn(n, 1), torch.rand(n)
    a = F.binary_cross_entropy_with_logits(x.squeeze(1), y)
    assert a == F.binary_cross_entropy_with_logits(x, y.unsqueeze(1))
    with expect_error(ValueError, match="must be the same as input size"):
        F.binary_cross_entropy_with_logits(x, y)
# No broadcasting at all, not of a number, and not of shapes that would fit.
for shape in [(), (1,), (1, 4), (3, 1)]:
    with expect_error(ValueError, match="must be the same as input size"):
        F.binary_cross_entropy_with_logits(torch.zeros(3, 4), torch.zeros(shape))
# mse_loss warns, and l1_loss too.
for warns in (F.mse_loss, F.l1_loss):
    with expect_warning(UserWarning, match="that is different to the input size"):
        warns(outputs, is_odd)
# squeeze and unsqueeze copy nothing.
assert outputs.squeeze(1).data_ptr() == outputs.data_ptr()
assert is_odd.unsqueeze(1).data_ptr() == is_odd.data_ptr()
# With tensors of one element, the class raises nothing and makes a loss with old settings.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert isinstance(nn.MSELoss(torch.ones(1), torch.ones(1)), nn.MSELoss)
assert "size_average and reduce args will be deprecated" in str(caught[0].message)
# With one argument in place of two, the class takes it for its weight.
assert isinstance(nn.CrossEntropyLoss(ten), nn.CrossEntropyLoss)
# A weight with one number for each class needs no axis.
assert F.binary_cross_entropy_with_logits(ten, ten.sigmoid(), weight=torch.rand(10)).isfinite()

# %%
# Check yourself
# --------------
#
# The first question is about one output.


def fits(prepare):
    try:
        return (
            F.binary_cross_entropy_with_logits(prepare(torch.randn(16, 1)), torch.ones(16)).ndim
            == 0
        )
    except ValueError:
        return False


ways = {
    "outputs.squeeze(1)": lambda outputs: outputs.squeeze(1),
    "outputs.squeeze(0)": lambda outputs: outputs.squeeze(0),
    "outputs.unsqueeze(1)": lambda outputs: outputs.unsqueeze(1),
}
(fitting,) = (name for name, prepare in ways.items() if fits(prepare))
ask(
    "Outputs have shape (16, 1), the target has shape (16,). What do you give the loss in place of the outputs?",
    answer=fitting,
    choices={
        "outputs.squeeze(1)": "The shape is then (16,).",
        "outputs.squeeze(0)": "Axis 0 has size 16, so nothing is taken away.",
        "outputs.unsqueeze(1)": "That adds a third axis.",
    },
)

# %%
# The next question is about the class of a loss.


def what_happens(call):
    try:
        call(torch.randn(8, 3), torch.rand(8, 3))
    except RuntimeError as error:
        return "ambiguous" if "ambiguous" in str(error) else "another error"
    return "a loss"


ask(
    "outputs and target both have shape (8, 3). What does nn.MSELoss(outputs, target) give?",
    answer=what_happens(nn.MSELoss),
    choices={
        "a loss": "nn.MSELoss()(outputs, target) gives one: make the loss first, then call it.",
        "ambiguous": "The class takes the tensors for settings, and asks whether they are true.",
        "another error": "The shapes agree. It is the class that got the tensors.",
    },
)

# %%
# **Exercise.** A file lists the labels of photos as pairs (sample, class), with several rows for some photos and no row
# for others. Make the targets for ``binary_cross_entropy_with_logits``: floats of shape (``samples``, ``classes``).


def multi_hot(pairs, samples, classes):
    raise NotImplementedError


def by_loops(pairs, samples, classes):
    found = torch.zeros(samples, classes)
    for sample, label in pairs.tolist():
        found[sample, label] = 1.0
    return found


cases = [
    (torch.tensor([[0, 1]]), 1, 2),
    (torch.tensor([[0, 1], [0, 2], [2, 0]]), 3, 4),
    (torch.tensor([[1, 1], [1, 1]]), 2, 3),
    (torch.randint(0, 5, (12, 2)), 5, 6),
]
check(multi_hot, by_loops, cases)

# %%
# The two columns of ``pairs`` are an index, so one assignment writes a 1 for each pair. See
# :ref:`assigning-through-an-index`.

# Solution


def multi_hot(pairs, samples, classes):
    targets = torch.zeros(samples, classes)
    targets[pairs[:, 0], pairs[:, 1]] = 1.0
    return targets


report = check(multi_hot, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dataloader-worker-process`, an error that another process reports.
#
# - PyTorch contributors (2026). `BCEWithLogitsLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>`__. What shapes ``weight`` and
#   ``pos_weight`` may have.
# - PyTorch contributors (2026). `binary_cross_entropy_with_logits
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html>`__. The
#   function behind the class.
