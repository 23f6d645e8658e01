"""
.. _size-of-tensor-a:

RuntimeError: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1
=======================================================================================================

You combine two tensors :term:`element by element`, and on one axis their sizes differ and neither is 1. Insert an axis
of size 1 into the tensor with fewer axes, or bring the axes into the same order.
"""

# %%
# Set-up

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.rules import explain_broadcast

torch.manual_seed(0)
x = torch.tensor([[1.0, 2, 6], [3, 3, 6], [0, 6, 9], [7, 8, 9]])  # 4 rows of 3

# %%

means = x.mean(dim=1)  # one number for each row
with expect_error(RuntimeError, match=r"a \(3\) .* b \(4\) at non-singleton dimension 1"):
    x - means
explain_broadcast(x, means)

# %%
# For an operator such as ``-``, ``a`` is the left tensor and ``b`` the right one. The message says *dimension* for an
# axis of the result. If several axes do not fit, it names the last. See :ref:`broadcasting`.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: logits.argmax(dim=1) == labels — the cell of this cause runs it
#
# ====================================================================  ===========================================
# Cause                                                                 Fix
# ====================================================================  ===========================================
# :ref:`a mean for each row lost its axis <size-keepdim>`               ``keepdim=True``
# :ref:`the axes are in another order <size-order>`                     ``movedim(-1, 0)``
# :ref:`logits are compared with labels <size-labels>`                  ``logits.argmax(dim=1) == labels``
# :ref:`the last batch is smaller <size-batch>`                         ``torch.randn_like(batch)``, ``drop_last``
# the text is longer than the table of positions                        ``text[:, : len(table)]``
# :ref:`a mask has too few axes <size-mask>`                            ``mask[:, None, None, :]``
# ====================================================================  ===========================================
#
# .. _size-keepdim:
#
# The rule
# --------
#
# Shapes line up from the right. Two sizes fit if they are equal or one of them is 1: size :math:`(n, k)` fits
# :math:`(k)`, :math:`(n, 1)` and :math:`(1, k)`. ``mean(dim=1)`` removed axis 1, so the :val:`4 <len(means)>` means
# line up with the :val:`3 <x.shape[1]>` columns. ``keepdim=True`` leaves an axis of size 1 in its place.

kept = x.mean(dim=1, keepdim=True)
centered = x - kept
print(f"{tuple(x.shape)} - {tuple(kept.shape)} = {tuple(centered.shape)}")
assert centered.sum(dim=1).tolist() == [0, 0, 0, 0]
assert torch.equal(centered, x - means.unsqueeze(-1))

# %%
# .. _size-order:
#
# The axes are in another order
# -----------------------------
#
# NumPy arrays of photos often have the channels last, as this one of shape (5, 7, 3). Factors of shape
# :val:`(3, 1, 1) <factors.shape>` are made for channels first.

photo, factors = torch.rand(5, 7, 3), torch.tensor([2.0, 3.0, 4.0]).reshape(3, 1, 1)
with expect_error(RuntimeError, match=r"a \(5\) .* b \(3\) at non-singleton dimension 0"):
    photo * factors
print(tuple((photo.movedim(-1, 0) * factors).shape))
assert torch.equal(photo.movedim(-1, 0) * factors, (photo * factors.flatten()).movedim(-1, 0))

# %%
# .. _size-labels:
#
# Logits are compared with labels
# -------------------------------
#
# A classifier gives a row of :term:`logits` for each sample, and a label is one number. The prediction is the index of
# the largest logit. With as many samples as classes, ``logits == labels`` raises nothing, and lines up the labels with
# the classes.

labels = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
logits = F.one_hot(torch.tensor([0, 1, 2, 3, 4, 0, 1, 3]), num_classes=5).float()
with expect_error(RuntimeError, match=r"a \(5\) must match .* b \(8\)"):
    logits == labels  # noqa: B015
right = logits.argmax(dim=1) == labels
print(f"{right.sum()} of {len(labels)} are right")
assert right.sum() == 7

# %%
# .. _size-batch:
#
# The last batch is smaller
# -------------------------
#
# The loop fails at the end of the first :term:`epoch`, because 10 samples in batches of :val:`4 <len(noisy[0])>` leave
# a last batch of :val:`2 <len(noisy[-1])>`. Take sizes from the batch, or drop the rest with ``drop_last=True``. A last
# batch of one sample would be stretched, and raise nothing.

data, noise = [torch.ones(6) for _ in range(10)], torch.randn(4, 6)
with expect_error(RuntimeError, match=r"a \(2\) .* b \(4\) at non-singleton dimension 0"):
    for batch in DataLoader(data, batch_size=4):
        batch + noise
noisy = [batch + torch.randn_like(batch) for batch in DataLoader(data, batch_size=4)]
print("sizes of the batches:", [len(batch) for batch in noisy])
assert [len(batch) for batch in noisy] == [4, 4, 2]

# %%
# .. _size-mask:
#
# A mask has too few axes
# -----------------------
#
# Attention's scores have the axes (sample, head, query, key). A mask with the axes (sample, key) lines up with query
# and key. Insert two axes of size 1 in the middle, and the samples line up.

scores = torch.rand(2, 3, 5, 5)
mask = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])  # True: this key is padding
with expect_error(RuntimeError, match=r"a \(2\) .* b \(5\) at non-singleton dimension 2"):
    scores.masked_fill(mask, -math.inf)
weights = scores.masked_fill(mask[:, None, None, :], -math.inf).softmax(dim=-1)
print(weights[1, 0, 0])
assert weights[1, :, :, 3:].eq(0).all()

# %%
# .. use-this::
#
#    Write both shapes below each other, aligned on the right, with the names of the axes. Where you reduce an axis and
#    go on with the original, use ``keepdim=True``. In other places insert the missing axis with ``unsqueeze`` or
#    ``[:, None]``; neither copies. Assert the shape of what you subtract, with its axis of size 1: the shape of the
#    result can be right by accident, as below.
#
# A common mistake
# ----------------
#
# With as many rows as columns nothing is raised, and the result is wrong: each *column* loses the mean of a row. Both
# results have the same shape, but in the right one each row has mean 0. :ref:`loss-of-n-against-n-by-1` shows the
# mistake in a training.

square = x[:3]
wrong = square - square.mean(dim=1)
right = square - square.mean(dim=1, keepdim=True)
print("without keepdim:", wrong.mean(dim=1).tolist())
print("with keepdim:   ", right.mean(dim=1).tolist())
assert wrong.shape == right.shape == square.shape
assert wrong.mean(dim=1).tolist() == [-1, 0, 1]
assert right.mean(dim=1).eq(0).all()

# %%
# The same mistake in other words
# -------------------------------
#
# Writing into a tensor, ``expand`` and some losses have messages of their own. When you write into a tensor, the shapes
# line up in the same way, but this tensor cannot grow. Binary cross-entropy needs equal shapes, and does not stretch an
# axis of size 1.


def assign(tensor, values):
    tensor[:, 0] = values


siblings = [
    (assign, (torch.ones(4, 3), torch.ones(3)), "The expanded size of the tensor"),
    (torch.Tensor.add_, (torch.ones(3), torch.ones(4, 3)), "match the broadcast shape"),
    (F.binary_cross_entropy, (torch.ones(4, 1), torch.ones(4)), "Please ensure they have the"),
]
for function, arguments, message in siblings:
    with expect_error(Exception, match=message):
        function(*arguments)

# %%
# How this was checked


def size_of_sum(left, right):
    try:
        return len(torch.ones(left) + torch.ones(right))
    except RuntimeError:
        return None


# The rule on one axis, with sizes from 0 to 4.
for left in range(5):
    for right in range(5):
        stretched = right if left == 1 else left
        fits = left == right or 1 in (left, right)
        assert size_of_sum(left, right) == (stretched if fits else None)
# The message names the last of the dimensions that do not fit.
for sizes in [(4, 3), (1, 3), (4, 1)]:
    misfits = [axis for axis in (0, 1) if sizes[axis] != 1]
    with expect_error(RuntimeError, match=f"at non-singleton dimension {misfits[-1]}$"):
        torch.ones(sizes) + torch.ones(5, 7)
assert "b.unsqueeze(-1) has shape (4, 1)" in explain_broadcast(x, means).text
# A view through an index of None, and one of unsqueeze, copies nothing.
assert means[:, None].data_ptr() == means.unsqueeze(-1).data_ptr() == means.data_ptr()
# expand has the message of an assignment.
with expect_error(RuntimeError, match="The expanded size of the tensor"):
    torch.ones(3).expand(4)
# Operators in other words: the size of the left tensor is named a for each of these.
for operator in (torch.add, torch.sub, torch.mul, torch.div, torch.pow, torch.eq, torch.maximum):
    with expect_error(
        RuntimeError, match=r"a \(3\) must match .* b \(4\) at non-singleton dimension 1"
    ):
        operator(x, means)
# drop_last, and a last batch of one, which is stretched.
assert [len(batch) for batch in DataLoader(data, batch_size=4, drop_last=True)] == [4, 4]
assert (data[0][None] + noise).shape == (4, 6)
# As many samples as classes: the labels are compared with the logits of each sample.
assert (logits[:5] == labels[:5]).shape == (5, 5)
# A table of 8 positions fits neither 12 words nor 5: cut the text, and cut the table.
table = torch.rand(8, 6)  # (position, feature)
for length in (12, 5):
    text = torch.rand(2, length, 6)  # (sample, position, feature)
    with expect_error(RuntimeError, match=rf"a \({length}\) must match .* b \(8\)"):
        text + table
    text = text[:, : len(table)]
    assert (text + table[: text.shape[1]]).shape == (2, min(length, 8), 6)
# A convolution without padding shortens its input, and a shortcut around it does not fit.
signal = torch.rand(2, 6, 9)
with expect_error(RuntimeError, match=r"a \(9\) .* b \(7\) at non-singleton dimension 2"):
    signal + nn.Conv1d(6, 6, kernel_size=3)(signal)
assert (signal + nn.Conv1d(6, 6, 3, padding="same")(signal)).shape == signal.shape
# A matrix product may be what was meant.
with expect_error(RuntimeError, match=r"a \(3\) must match .* b \(7\)"):
    torch.ones(4, 3) * torch.ones(3, 7)
assert (torch.ones(4, 3) @ torch.ones(3, 7)).shape == (4, 7)

# %%
# Check yourself
# --------------
#
# Line the shapes up from the right.


def message_of(left, right):
    try:
        torch.ones(left) + torch.ones(right)
    except RuntimeError as error:
        return str(error)


said = message_of((2, 6, 5), (7, 5))
(dimension,) = (place for place in (0, 1, 2) if said.endswith(f"dimension {place}"))
ask(
    "Shapes (2, 6, 5) and (7, 5) are added. Which dimension does the message name?",
    answer=dimension,
    choices={
        0: "The sizes 6 and 7 meet, and 7 is on axis 0 of the right tensor. But the result's axes count.",
        1: f"From the right, 5 meets 5, and 6 meets 7. This is dimension {dimension} of the three in the result.",
        2: "The sizes there are equal.",
    },
)

# %%
# The next question asks for the remedy.

images, means = torch.rand(6, 3, 10, 8), torch.rand(3)
fixes = {
    "means": means,
    "means[:, None]": means[:, None],
    "means[:, None, None]": means[:, None, None],
}
(fitting,) = (name for name, changed in fixes.items() if explain_broadcast(images, changed).works)
ask(
    f"Images have shape (6, 3, 10, 8), and the means of their channels {tuple(means.shape)}. "
    "What can be subtracted from the images?",
    answer=fitting,
    choices={
        "means": "The three means line up with the 8 columns.",
        "means[:, None]": "The three means line up with the 10 rows.",
        "means[:, None, None]": "With two axes of size 1 on the right, the means line up with the channels.",
    },
)

# %%
# **Exercise.** Sentences of several lengths are padded to one length. ``scores`` has the axes (sample, head, query,
# key), and ``lengths`` has a number of at least 1 for each sample. Return the attention weights. A key that is padding
# gets 0, and the others sum to 1.


def attention_weights(scores, lengths):
    raise NotImplementedError


def by_loops(scores, lengths):
    weights = torch.zeros_like(scores)
    for sample, length in enumerate(lengths.tolist()):
        for head in range(scores.shape[1]):
            for query in range(scores.shape[2]):
                row = scores[sample, head, query, :length]
                weights[sample, head, query, :length] = row.softmax(dim=0)
    return weights


cases = [
    (torch.rand(2, 3, 4, 4), torch.tensor([4, 2])),
    (torch.rand(3, 1, 5, 5), torch.tensor([1, 5, 3])),
    (torch.rand(1, 2, 3, 6), torch.tensor([4])),
    (torch.rand(5, 2, 5, 5), torch.tensor([1, 2, 3, 4, 5])),
]
check(attention_weights, by_loops, cases)

# %%
# Give the lengths the shape (sample, 1, 1, 1), and compare them with the positions of the keys. The result is a mask of
# shape (sample, 1, 1, key).

# Solution


def attention_weights(scores, lengths):
    padding = torch.arange(scores.shape[-1]) >= lengths[:, None, None, None]
    return scores.masked_fill(padding, -math.inf).softmax(dim=-1)


report = check(attention_weights, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`sizes-of-tensors-must-match`, the error of tensors that are joined along an axis.
#
# - Harris et al. (2020). `Array programming with NumPy <https://www.nature.com/articles/s41586-020-2649-2>`__. Its
#   first figure draws broadcasting.
# - PyTorch contributors (2026). `Broadcasting semantics <https://docs.pytorch.org/docs/stable/notes/broadcasting.html>`__.
#   The rule, and its limit for in-place operations.
