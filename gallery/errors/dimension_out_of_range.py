"""
.. _dimension-out-of-range:

IndexError: Dimension out of range (expected to be in range of [-1, 0], but got 1)
==================================================================================

You ask for axis 1 of a tensor with at most one axis, often because the axis of the batch is missing. Make a batch of
one with ``image[None]``, or ask for the last axis with ``dim=-1``.
"""

# %%
# Set-up

import contextlib
import io
import itertools

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
images, labels = digits("test").inputs, digits("test").targets
assert images.shape == (355, 1, 8, 8)

# %%

model = nn.Linear(64, 10)
logits = model(images[3].flatten())  # one image, shape (10,)
with expect_error(IndexError, match=r"range of \[-1, 0\], but got 1"):
    logits.softmax(dim=1)

# %%
# The range tells how many axes the tensor has: ``[-1, 0]`` means one axis, or none. ``got 1`` is the ``dim`` that was
# asked for. Print the shape in front of the line.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: torch.flatten(pooled, start_dim=1); maps.mean(dim=(2, 3)) — the cells of the causes run them
#
# .. not looked up: F.normalize(vector, dim=0); squeeze(1) — the cells of the causes run them
#
# ====================================================================  =============================================
# Cause                                                                 Fix
# ====================================================================  =============================================
# :ref:`one sample came without a batch <dim-batch>`                    ``image[None]``, or ``dim=-1``
# :ref:`squeeze() dropped a batch of one <dim-squeeze>`                 ``torch.flatten(pooled, start_dim=1)``
# :ref:`a reduction has removed an axis <dim-removed>`                  ``maps.mean(dim=(2, 3))``
# :ref:`a function has dim=1 as default <dim-default>`                  ``F.normalize(vector, dim=0)``
# :ref:`vectors are joined side by side <dim-default>`                  ``torch.stack``
# :ref:`a loss gets one number <dim-loss>`                              ``squeeze(1)``
# ====================================================================  =============================================
#
# The rule
# --------
#
# Of :math:`n` axes, ``dim`` counts from :math:`0` to :math:`n - 1`, or backwards from :math:`-1` to :math:`-n`. For
# ``sum`` and other reductions, a tensor without axes has the range of one axis. See :ref:`attributes`.

for shape in [(), (5,), (4, 5), (3, 4, 5)]:
    x, least, most = torch.ones(shape), -max(len(shape), 1), max(len(shape), 1) - 1
    with expect_error(IndexError, match=rf"range of \[{least}, {most}\], but got {most + 1}"):
        x.sum(dim=most + 1)
    assert x.sum(dim=most).shape == x.sum(dim=-1).shape == shape[:-1]

# %%
# .. _dim-batch:
#
# One sample came without a batch
# -------------------------------
#
# The code was written for a batch of shape (n, 10), and in a test it gets one image. Make a batch of one, and take its
# only row at the end. Where the classes are the last axis, ``dim=-1`` is right with a batch and without.

image = images[3]
probabilities = model(image[None].flatten(start_dim=1)).softmax(dim=1)[0]
print("sum of the probabilities:", round(probabilities.sum().item(), 4))
torch.testing.assert_close(probabilities, logits.softmax(dim=-1))
batch = model(images.flatten(start_dim=1))
assert torch.equal(batch.softmax(dim=-1), batch.softmax(dim=1))

# %%
# .. _dim-squeeze:
#
# squeeze() dropped a batch of one
# --------------------------------
#
# After a pooling to 1 by 1, rows and columns have size 1. ``squeeze()`` removes each axis of size 1. If the last batch
# has one image, the axis of the batch is removed, too. ``torch.flatten`` with ``start_dim=1`` keeps it.

cnn = nn.Sequential(nn.Conv2d(1, 10, 3), nn.AdaptiveAvgPool2d(1))
loader = DataLoader(digits("test"), batch_size=177)
with expect_error(IndexError, match=r"range of \[-1, 0\], but got 1"):
    for inputs, _ in loader:
        print(len(inputs), "images")
        cnn(inputs).squeeze().argmax(dim=1)
pooled = cnn(images[:1])
assert pooled.squeeze().shape == (10,)
assert torch.flatten(pooled, start_dim=1).argmax(dim=1).shape == (1,)

# %%
# .. _dim-removed:
#
# A reduction has removed an axis
# -------------------------------
#
# Without ``keepdim``, a reduction removes its axis, and the axes behind it move forward. ``mean(2)`` leaves three of
# four axes, so axis 3 is out of range. Reduce both axes at once, or begin with the last.

maps = torch.rand(7, 4, 6, 5)  # (sample, channel, row, column)
with expect_error(IndexError, match=r"range of \[-3, 2\], but got 3"):
    maps.mean(2).mean(3)
torch.testing.assert_close(maps.mean(dim=(2, 3)), maps.mean(3).mean(2))
assert maps.mean(dim=(2, 3)).shape == (7, 4)

# %%
# .. _dim-default:
#
# A function has dim=1 as default
# -------------------------------
#
# By default, ``F.normalize`` and ``F.cosine_similarity`` take axis 1, since axis 0 is usually the batch. Write
# ``dim=0`` for one vector. ``nn.Flatten`` begins at axis 1, too, but a vector is already flat. To join vectors side by
# side, use :func:`torch.stack`, which makes a new axis. :func:`torch.cat` needs an axis that exists.

vector, other = torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])
for call in (
    lambda: F.normalize(vector),
    lambda: F.cosine_similarity(vector, other),
    lambda: nn.Flatten()(vector),
    lambda: torch.cat([vector, other], dim=1),
):
    with expect_error(IndexError, match=r"range of \[-1, 0\], but got 1"):
        call()
print(F.normalize(vector, dim=0), F.cosine_similarity(vector, other, dim=0))
assert torch.stack([vector, other], dim=1).tolist() == [[3, 4], [4, 3]]

# %%
# .. _dim-loss:
#
# A loss gets one number
# ----------------------
#
# ``cross_entropy`` takes logits of shape (n, classes), or (classes,) for one sample. Here a network with one output
# gets one sample, and ``squeeze()`` leaves a number without axes. Remove axis 1 alone. With one output for two classes,
# you also need the binary cross-entropy.

output = nn.Linear(64, 1)(images[:1].flatten(start_dim=1))
with expect_error(IndexError, match=r"range of \[-1, 0\], but got 1"):
    F.cross_entropy(output.squeeze(), labels[:1])
target = (labels[:1] > 4).float()
loss = F.binary_cross_entropy_with_logits(output.squeeze(1), target)
assert loss.shape == ()

# %%
# .. use-this::
#
#    Name your axes, and keep the axis of the batch from the first line to the last, also for one sample. ``x[None]``
#    adds it without a copy. Write ``dim=-1`` for features or classes on the last axis. Give ``squeeze`` a ``dim``: it
#    then removes that axis if its size is 1, and leaves the batch alone.
#
# A common mistake
# ----------------
#
# ``dim=0`` silences the message for one sample, and there it is right. In a batch, axis 0 holds the samples. Each class
# then sums to 1 over the batch, and the probabilities of one sample sum to another number.

wrong, right = batch.softmax(dim=0), batch.softmax(dim=1)
assert torch.equal(logits.softmax(dim=0), logits.softmax(dim=-1))  # the same for one sample
print("a sample sums to", [round(p.sum().item(), 3) for p in (wrong[3], right[3])])
torch.testing.assert_close(wrong.sum(dim=0), torch.ones(10))
torch.testing.assert_close(right.sum(dim=1), torch.ones(355))

# %%
# How this was checked

# The range, for awkward tensors of 0 to 3 axes, and for functions that take a dim.
for axes in range(4):
    for tensor in zoo(axes=axes).values():
        least, most = -max(axes, 1), max(axes, 1) - 1
        for function, dim in itertools.product(
            [torch.sum, torch.squeeze, torch.flip],
            (least - 1, most + 1),
        ):
            with (
                contextlib.redirect_stdout(io.StringIO()),
                expect_error(IndexError, match=rf"range of \[{least}, {most}\], but got {dim}"),
            ):
                function(tensor, (dim,) if function is torch.flip else dim)
# A tensor without axes: size and narrow refuse axis 0 of it, which sum takes.
number = torch.tensor(3.0)
assert number.sum(dim=0) == number.softmax(dim=-1) * 3 == 3
with expect_error(IndexError, match="Dimension specified as 0 but tensor has no dimensions"):
    number.size(0)
with expect_error(RuntimeError, match="cannot be applied to a 0-dim tensor"):
    number.narrow(0, 0, 1)
# A vector is already flat.
assert torch.equal(nn.Flatten(start_dim=0)(vector), vector)
# unsqueeze and stack count the axes of the result, which has one more.
for call in (lambda: torch.ones(5).unsqueeze(2), lambda: torch.stack([vector, other], dim=2)):
    with expect_error(IndexError, match=r"range of \[-2, 1\], but got 2"):
        call()
# cross_entropy takes one sample without a batch, with a label without axes or of shape (1,).
for label in (torch.tensor(3), torch.tensor([3])):
    loss = F.cross_entropy(logits, label)
    torch.testing.assert_close(loss, F.cross_entropy(logits[None], torch.tensor([3])))
# As many numbers as labels: the shapes are equal, so the labels count as probabilities.
with expect_error(RuntimeError, match="Expected floating point type for target with class"):
    F.cross_entropy(torch.ones(2), torch.tensor([0, 1]))
# Siblings: shape is a tuple, permute wants each axis, NumPy calls it axis.
with expect_error(IndexError, match="tuple index out of range"):
    print(logits.shape[1])
with expect_error(IndexError, match=r"range of \[-1, 0\], but got 1"):
    logits.size(1)
with expect_error(RuntimeError, match=r"input.dim\(\) = 2 is not equal to len\(dims\) = 3"):
    batch.permute(0, 2, 1)
with expect_error(Exception, match="axis 1 is out of bounds for array of dimension 1"):
    logits.detach().numpy().sum(axis=1)
# squeeze with a dim, and an index of None, which copies nothing.
assert pooled.squeeze(dim=(2, 3)).shape == (1, 10)
assert image[None].data_ptr() == image.data_ptr()
# nn.Flatten takes the channel of a single image for the batch.
assert nn.Flatten()(image).shape == (1, 64)

# %%
# Check yourself
# --------------
#
# The first question is about the range.


def message_of(call):
    try:
        call()
    except IndexError as error:
        return str(error)


said = message_of(lambda: torch.ones(3, 4, 5).sum(dim=4))
(axes,) = (n for n in (1, 2, 3, 4) if f"range of [{-n}, {n - 1}]" in said)
ask(
    "The message says: expected to be in range of [-3, 2], but got 4. How many axes does the tensor have?",
    answer=axes,
    choices={
        2: "That is the last axis, counted from 0.",
        3: f"The axes are 0 to {axes - 1}, or {-axes} to -1.",
        4: "That is the axis that was asked for.",
    },
)

# %%
# The next question has a batch of one.

output = torch.ones(1, 10, 1, 1)
keeps = {
    "squeeze()": output.squeeze(),
    "squeeze(-1)": output.squeeze(-1),
    "flatten(1)": output.flatten(1),
}
(fitting,) = (name for name, result in keeps.items() if result.shape == (1, 10))
ask(
    "output has shape (1, 10, 1, 1). What gives shape (1, 10)?",
    answer=fitting,
    choices={
        "squeeze()": "It removes the batch, too.",
        "squeeze(-1)": f"It removes one axis, and {tuple(output.squeeze(-1).shape)} is left.",
        "flatten(1)": "It keeps axis 0 and makes one axis of the rest.",
    },
)

# %%
# **Exercise.** Write the average of each channel. ``maps`` has the axes (channel, row, column), with or without a batch
# in front.


def average_pool(maps):
    raise NotImplementedError


def by_loops(maps):
    batch = maps if maps.ndim == 4 else maps[None]
    averages = torch.zeros(batch.shape[:2])
    for sample, channel in itertools.product(range(len(batch)), range(batch.shape[1])):
        values = batch[sample, channel].flatten().tolist()
        averages[sample, channel] = sum(values) / len(values)
    return averages if maps.ndim == 4 else averages[0]


cases = [
    (torch.tensor([[[1.0, 3.0]]]),),
    (torch.rand(2, 3, 4),),
    (torch.rand(5, 2, 3, 4),),
    (torch.rand(1, 2, 3, 4),),
    (torch.rand(1, 1, 1),),
    (torch.rand(1, 1, 5, 1),),
]
check(average_pool, by_loops, cases)

# %%
# Counted from the end, rows and columns have the same numbers with a batch and without.

# Solution


def average_pool(maps):
    return maps.mean(dim=(-2, -1))


report = check(average_pool, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`too-many-indices`, where brackets hold more indices than the tensor has axes.
#
# - PyTorch contributors (2018). `Issue 5554 <https://github.com/pytorch/pytorch/issues/5554>`__. The message from a
#   ``CrossEntropyLoss`` whose input lacked its batch, with answers of the maintainers.
# - PyTorch contributors (2026). `torch.squeeze <https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html>`__.
#   The reference, with a warning about a batch of size 1.
