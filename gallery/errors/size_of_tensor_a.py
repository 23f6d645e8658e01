"""
.. _size-of-tensor-a:

RuntimeError: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1
=======================================================================================================

Two tensors were combined :term:`element by element`, and on an axis they have different sizes of which neither is 1.
For an operator such as ``-``, ``a`` is the left tensor and ``b`` the right one. The dimension is counted in the result.
Shapes line up from the right; a size of 1, or a missing axis, is stretched, and another size is not
(:ref:`broadcasting`).

=====================================  ====================================================
Usual cause                            Fix
=====================================  ====================================================
a mean for each row lost its axis      ``keepdim=True``, or ``b.unsqueeze(-1)``
the axes stand in another order        ``movedim``, ``permute`` or ``.mT``
logits are compared with labels        ``logits.argmax(dim=1) == labels``
the last batch is smaller              take the size from the batch; ``drop_last=True``
a layer shortened the data             ``padding="same"``
the text is longer than the positions  cut both to one length
a mask has too few axes                ``mask[:, None, None, :]``
a matrix product was meant             ``a @ b``
=====================================  ====================================================
"""

# %%
# Four rows of 3, and from each row its mean is to be taken away. Lined up from the right, the 4 means stand above the 3
# columns, not beside the 4 rows: what is struck out has no partner.

import math

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw, draw_broadcast
from ptguide.questions import ask
from ptguide.rules import explain_broadcast

x = torch.tensor([[1.0, 2, 6], [3, 3, 6], [0, 6, 9], [7, 8, 9]])
means = x.mean(dim=1)
with expect_error(
    RuntimeError, match=r"a \(3\) must match .* b \(4\) at non-singleton dimension 1"
):
    x - means
draw_broadcast([x, means], ["x", "means"])

# %%
# Read the message with both shapes at hand: print them, or give both tensors to ``explain_broadcast``. It writes the
# shapes below each other as the rule does, lists each axis that does not fit (the message names the last of them), and
# tries a change. The loop tries the rule on one axis, with sizes from 0 to 4.

print(x.shape, means.shape)
with expect_error(RuntimeError, match="at non-singleton dimension 1$"):
    torch.ones(4, 3) + torch.ones(5, 7)  # dimension 0 does not fit either


def size_of_sum(left, right):
    try:
        return len(torch.ones(left) + torch.ones(right))
    except RuntimeError:
        return None


for left in range(5):
    for right in range(5):
        stretched = right if left == 1 else left
        fits = left == right or 1 in (left, right)
        assert size_of_sum(left, right) == (stretched if fits else None)
assert "b.unsqueeze(-1) has shape (4, 1)" in explain_broadcast(x, means).text
explain_broadcast(x, means)

# %%
# Cause 1: one number for each row
# --------------------------------
#
# ``mean(dim=1)`` removes axis 1, and with it the place beside the rows. ``keepdim=True`` leaves an axis of size 1
# there, which is stretched; so does ``unsqueeze`` afterwards.

centered = x - x.mean(dim=1, keepdim=True)
assert torch.equal(centered, x - means.unsqueeze(-1))
assert centered.sum(dim=1).tolist() == [0, 0, 0, 0]
draw(torch.sub, (x, x.mean(dim=1, keepdim=True)), names=["x", "means"])

# %%
# With as many rows as columns nothing is raised, and the result is wrong: each *column* loses the mean of a row.
# ``keepdim=True`` is right in both cases.

square = x[:3]
wrong = square - square.mean(dim=1)
assert wrong.sum(dim=1).tolist() != [0, 0, 0]
assert (square - square.mean(dim=1, keepdim=True)).sum(dim=1).tolist() == [0, 0, 0]

# %%
# Cause 2: the axes stand in another order
# ----------------------------------------
#
# Photos from a file often have the :term:`channels <channel>` last, (rows, columns, channels); factors of shape (3, 1,
# 1) are made for channels first. Move the axis, or give the factors the shape (3,).

photo, factors = torch.rand(5, 7, 3), torch.tensor([2.0, 3.0, 4.0])
with expect_error(
    RuntimeError, match=r"a \(5\) must match .* b \(3\) at non-singleton dimension 0"
):
    photo * factors.reshape(3, 1, 1)
channels_first = photo.movedim(-1, 0) * factors.reshape(3, 1, 1)
assert channels_first.shape == (3, 5, 7)
assert torch.equal(channels_first, (photo * factors).movedim(-1, 0))
assert torch.equal(channels_first, photo.permute(2, 0, 1) * factors.reshape(3, 1, 1))
pixels = photo.flatten(0, 1)  # a matrix: one row of 3 channels for each pixel
assert torch.equal(pixels.mT * factors.reshape(3, 1), (pixels * factors).mT)

# %%
# Cause 3: logits are compared with labels
# ----------------------------------------
#
# A classifier gives a row of :term:`logits` for each item, and a label is one number. The place of the largest logit is
# the prediction, and these have the shape of the labels. With as many items as classes, the wrong line raises nothing:
# it compares each item with the labels of all.

labels = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
logits = F.one_hot(
    torch.tensor([0, 1, 2, 3, 4, 0, 1, 3]), num_classes=5
).float()  # the last is wrong
with expect_error(RuntimeError, match=r"a \(5\) must match .* b \(8\)"):
    logits == labels  # noqa: B015
accuracy = (logits.argmax(dim=1) == labels).float().mean()
assert accuracy == 7 / 8
assert (logits[:5] == labels[:5]).shape == (5, 5)  # five items, five classes

# %%
# Cause 4: the last batch is smaller
# ----------------------------------
#
# It runs for a while and fails at the end of the first :term:`epoch`: 10 items in batches of 4 leave one of 2. (If one
# item is left, nothing is raised: its size of 1 is stretched.) Take sizes from the batch at hand, or drop the rest with
# ``drop_last=True``.

data = [torch.ones(6) for _ in range(10)]
noise = torch.randn(4, 6)
with expect_error(
    RuntimeError, match=r"a \(2\) must match .* b \(4\) at non-singleton dimension 0"
):
    for batch in torch.utils.data.DataLoader(data, batch_size=4):
        batch + noise
sizes = [
    (batch + torch.randn_like(batch)).shape[0]
    for batch in torch.utils.data.DataLoader(data, batch_size=4)
]
assert sizes == [4, 4, 2]
whole = torch.utils.data.DataLoader(data, batch_size=4, drop_last=True)
assert [(batch + noise).shape[0] for batch in whole] == [4, 4]
assert (data[0].unsqueeze(0) + noise).shape == (4, 6)  # one item left

# %%
# Cause 5: a layer changed the length
# -----------------------------------
#
# A shortcut around a convolution adds its input to its output. A kernel of 3 without padding makes 7 of 9 steps; with
# ``padding="same"`` the length stays. A shortcut around :term:`pooling` has the same trouble with odd sizes.

signal = torch.rand(2, 6, 9)  # items, channels, steps
with expect_error(
    RuntimeError, match=r"a \(9\) must match .* b \(7\) at non-singleton dimension 2"
):
    signal + nn.Conv1d(6, 6, kernel_size=3)(signal)
assert (signal + nn.Conv1d(6, 6, kernel_size=3, padding="same")(signal)).shape == (2, 6, 9)

half = F.max_pool1d(signal, 2)  # 9 // 2 = 4
with expect_error(RuntimeError, match=r"a \(9\) must match .* b \(8\)"):
    signal + F.interpolate(half, scale_factor=2)
assert (signal + F.interpolate(half, size=signal.shape[-1])).shape == (2, 6, 9)

# %%
# Cause 6: the text is longer than the table of positions, or shorter
# -------------------------------------------------------------------
#
# A transformer adds a vector for each position. The table has one for each of 8 positions; a text of 12 does not fit,
# and a text of 5 needs the first 5. Cut the text at what the model can take, and the table at the text.

table = torch.rand(8, 6)  # positions, features
for length in (12, 5):
    text = torch.rand(2, length, 6)  # texts, positions, features
    with expect_error(RuntimeError, match=rf"a \({length}\) must match .* b \(8\)"):
        text + table
    text = text[:, : len(table)]
    assert (text + table[: text.shape[1]]).shape == (2, min(length, 8), 6)

# %%
# Cause 7: a mask with too few axes
# ---------------------------------
#
# Scores of :term:`attention` have the axes (batch, head, query, key). A mask that says for each batch which keys are
# padding has the shape :val:`(2, 5) <padding.shape>`; its 2 lines up with the queries. Axes of size 1 in the middle put
# it where it belongs. In :meth:`torch.Tensor.masked_fill` ``a`` is the mask: which of two tensors is called ``a`` is
# the function's choice.

scores, padding = torch.rand(2, 3, 5, 5), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
with expect_error(
    RuntimeError, match=r"a \(2\) must match .* b \(5\) at non-singleton dimension 2"
):
    scores.masked_fill(padding, -math.inf)
shares = scores.masked_fill(padding[:, None, None, :], -math.inf).softmax(dim=-1)
assert shares[1, :, :, 3:].eq(0).all()
assert shares[0].gt(0).all()

# %%
# Cause 8: a matrix product was meant
# -----------------------------------
#
# ``*`` works :term:`element by element`; the product of matrices is ``@`` (:ref:`matmul`).

a, b = torch.ones(4, 3), torch.ones(3, 7)
with expect_error(RuntimeError, match=r"a \(3\) must match .* b \(7\)"):
    a * b
assert (a @ b).shape == (4, 7)

# %%
# The same mistake in other words
# -------------------------------
#
# Where something is written into a tensor of a given shape, or a function stretches a tensor, the message is another.
# You mend it in the same way: line the shapes up from the right. The third one is for ``+=``, whose left side cannot
# grow. The last is a :term:`loss` with a rule of its own: it refuses shapes that differ.


def assign(tensor, values):
    tensor[:, 0] = values


def add_in_place(tensor, values):
    tensor += values


siblings = [
    (torch.Tensor.expand, (torch.ones(3), 4), "The expanded size of the tensor"),
    (assign, (torch.ones(4, 3), torch.ones(3)), "The expanded size of the tensor"),
    (add_in_place, (torch.ones(3), torch.ones(4, 3)), "doesn't match the broadcast shape"),
    (torch.broadcast_shapes, ((4, 3), (4,)), "Mismatching argument at index 1"),
    (
        F.binary_cross_entropy_with_logits,
        (torch.ones(4, 1), torch.ones(4)),
        "must be the same as input size",
    ),
]
for function, arguments, message in siblings:
    print(function.__name__)
    with expect_error(Exception, match=message):
        function(*arguments)

# %%
# That nothing is raised proves nothing: (4, 1) and (4,) fit by the rule and give (4, 4). What that does to a training
# is on the page :ref:`loss-of-n-against-n-by-1`.

assert (torch.ones(4, 1) - torch.ones(4)).shape == (4, 4)

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
        0: "6 and 7 meet, and 7 is axis 0 of the right tensor; but axes are counted in the result.",
        1: "From the right: 5 and 5, then 6 and 7. In the result of three axes that is dimension 1.",
        2: "5 and 5 are equal.",
    },
)

# %%
# The remedy:

images, means = torch.rand(6, 3, 10, 8), torch.rand(3)
fixes = {
    "means": means,
    "means[:, None]": means[:, None],
    "means[:, None, None]": means[:, None, None],
}
(fitting,) = (name for name, changed in fixes.items() if explain_broadcast(images, changed).works)
ask(
    "Images have shape (6, 3, 10, 8), means of their channels the shape (3,). What can be subtracted from the images?",
    answer=fitting,
    choices={
        "means": "The 3 lines up with the 8 columns.",
        "means[:, None]": "The 3 lines up with the 10 rows.",
        "means[:, None, None]": "Two axes of size 1 on the right push the 3 to the channels.",
    },
)

# %%
# Next: :ref:`must-have-the-same-dtype`, where the shapes fit and the numbers are of different types.
