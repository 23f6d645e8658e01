"""
.. _shape-is-invalid-for-input-of-size:

RuntimeError: shape '[-1, 400]' is invalid for input of size 3360
=================================================================

``view`` or ``reshape`` was asked for a shape with another number of elements than the tensor has. Print the shape in
front of this line, and correct the size that does not fit.
"""

# %%
# Set-up

import itertools
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ptguide.data import photos
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
photo = photos().inputs[1, :, :396] / 255
patches = photo.unfold(1, 36, 36).unfold(2, 32, 32)  # (channel, row, column, 36, 32)
patches = patches.permute(1, 2, 0, 3, 4).flatten(0, 1)  # (sample, channel, 36, 32)
assert patches.shape == (220, 3, 36, 32)

# %%

conv1, conv2, pool = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2)
images = patches[:7]
x = pool(conv2(pool(conv1(images).relu())).relu())
with expect_error(RuntimeError, match=r"'\[-1, 400\]' is invalid for input of size 3360"):
    x.view(-1, 16 * 5 * 5)

# %%
# The brackets hold the shape that was asked for, with -1 for a size to be worked out. The last number counts the
# elements of the whole tensor, here of 7 images. 3360 cannot be divided by 400.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# .. not looked up: batch.view(len(batch), -1); image.permute(1, 2, 0) — the cells of the causes run them
#
# ====================================================================  =============================================
# Cause                                                                 Fix
# ====================================================================  =============================================
# :ref:`the images have another size <invalid-linear>`                  ``torch.flatten(x, start_dim=1)``
# :ref:`the last batch is smaller <invalid-batch>`                      ``batch.view(len(batch), -1)``
# :ref:`an image has three channels <invalid-image>`                    ``image.permute(1, 2, 0)``
# :ref:`the heads do not divide the features <invalid-heads>`           another number of heads
# :ref:`two sizes are -1, or there are no elements <invalid-unknown>`   write the sizes, or ``torch.flatten``
# ====================================================================  =============================================
#
# The rule
# --------
#
# The product of the new sizes has to be the product of the old ones. ``view`` drops and adds nothing. Print the
# shape in front of the line. Each of the 7 images has 16 · :val:`6 <x.shape[2]>` · :val:`5 <x.shape[3]>` numbers, not
# 16 · 5 · 5.

print(tuple(x.shape), "has", x.numel(), "elements, per image", x[0].numel())
assert x.numel() == math.prod(x.shape) == 7 * 16 * 6 * 5
assert x.view(7, 16 * 6 * 5).shape == x.view(-1, 480).shape == (7, 480)

# %%
# .. _invalid-linear:
#
# The images have another size
# ----------------------------
#
# The network was written for images of 32 by 32, and these have 36 rows. ``torch.flatten`` with ``start_dim=1`` keeps
# axis 0, so it needs no number. The next error then comes from the linear layer and names 480, the number that the
# layer needs. See :ref:`mat1-in-features`.

head = nn.Linear(16 * 5 * 5, 10)
rows = torch.flatten(x, start_dim=1)
with expect_error(RuntimeError, match=r"\(7x480 and 400x10\)"):
    head(rows)
head = nn.Linear(16 * 6 * 5, 10)
assert head(rows).shape == (7, 10)

# %%
# .. _invalid-batch:
#
# The last batch is smaller
# -------------------------
#
# The loop runs until the last batch: 220 images in batches of 64 leave 28. Take the size from the batch. Here
# ``view(64, -1)`` raises nothing, and each row holds less than half an image.

loader = DataLoader(patches, batch_size=64)
with expect_error(RuntimeError, match=r"'\[64, 3456\]' is invalid for input of size 96768"):
    for batch in loader:
        batch.view(64, 3 * 36 * 32)
assert len(patches) == 220
assert [batch.view(len(batch), -1).shape[0] for batch in loader] == [64, 64, 64, 28]
assert len(batch) == 28
assert batch.view(64, -1).shape == (64, 28 * 3456 // 64)
assert 28 * 3456 // 64 < 3456 / 2

# %%
# .. _invalid-image:
#
# An image has three channels
# ---------------------------
#
# For a gray image, ``image.view(36, 32)`` drops the axis of the one channel. A color image has three times as many
# numbers. To show it, Matplotlib needs the channels last, and ``permute`` moves them. ``view(36, 32, 3)`` fits, too,
# but it takes three neighbors in a row for the colors of one pixel.

image = patches[0]
with expect_error(RuntimeError, match=r"'\[36, 32\]' is invalid for input of size 3456"):
    image.view(36, 32)
shown = image.permute(1, 2, 0)
assert torch.equal(shown[9, 4], image[:, 9, 4])  # the three colors of one pixel
assert torch.equal(image.view(36, 32, 3)[0, 0], image[0, 0, :3])  # three neighbors in a row

# %%
# .. _invalid-heads:
#
# The heads do not divide the features
# ------------------------------------
#
# Attention splits the features among its heads. 50 features make 8 heads of :val:`6 <50 // heads>` features, and
# :val:`2 <50 % heads>` are left over. Choose a number of heads that divides the number of features.
# :ref:`attention-heads` shows the split.

tokens, heads = torch.rand(2, 7, 50), 8  # (sample, position, feature)
with expect_error(RuntimeError, match=r"'\[2, 7, 8, 6\]' is invalid for input of size 700"):
    tokens.view(2, 7, heads, 50 // heads)
assert tokens.view(2, 7, 5, 50 // 5).shape == (2, 7, 5, 10)

# %%
# .. _invalid-unknown:
#
# Two sizes are -1, or there are no elements
# ------------------------------------------
#
# A -1 stands for one unknown size, so ``view`` refuses two of them. In a tensor without elements, many numbers would
# fit for a -1 beside a size of 0. A detector that found nothing gives such an empty batch. ``flatten`` takes the sizes
# from the tensor and needs no -1.

with expect_error(RuntimeError, match="only one dimension can be inferred"):
    x.view(-1, -1)
empty = x[:0]
with expect_error(RuntimeError, match="cannot reshape tensor of 0 elements"):
    empty.view(len(empty), -1)
assert empty.flatten(start_dim=1).shape == (0, 480)

# %%
# .. use-this::
#
#    Flatten with ``torch.flatten`` from axis 1, or with ``nn.Flatten``. Both keep the batch, and copy nothing here.
#    Where you need ``view``, take the size of the batch from the tensor and write -1 for one of the others. Do not
#    write -1 for the batch: a wrong size elsewhere then changes the number of samples.
#
# A common mistake
# ----------------
#
# Another batch size can silence the message. The 2400 numbers of 5 images fill :val:`6 <len(rows)>` rows of 400, and
# the network answers for that many images. Each row but the first begins in the middle of an image. Here the loss
# notices it.

x = pool(conv2(pool(conv1(patches[:5]).relu())).relu())
rows = x.view(-1, 400)
print("5 images became", len(rows), "rows")
assert torch.equal(rows[1], torch.cat([x[0].flatten()[400:], x[1].flatten()[:320]]))
with expect_error(ValueError, match=r"batch_size \(6\) to match target batch_size \(5\)"):
    F.cross_entropy(nn.Linear(400, 10)(rows), torch.arange(5))

# %%
# How this was checked


def fits(shape, count):
    known = math.prod(size for size in shape if size != -1)
    return count == known if -1 not in shape else known > 0 and count % known == 0


# The rule, for up to 12 elements, for view and reshape.
for count, shape in itertools.product(
    range(1, 13), itertools.product((-1, 1, 2, 3, 4, 6), repeat=2)
):
    if shape == (-1, -1):
        continue
    for function in (torch.Tensor.view, torch.Tensor.reshape):
        try:
            result = function(torch.arange(count), shape)
        except RuntimeError as error:
            result, said = None, str(error)
        assert fits(shape, count) == (result is not None)
        if result is None:
            assert said == f"shape '{list(shape)}' is invalid for input of size {count}"
        else:
            assert result.flatten().tolist() == list(range(count))  # each element, in order
# Rows of 400 begin in the middle of an image, but for the first.
assert [start % 480 != 0 for start in range(0, 2400, 400)] == [False, True, True, True, True, True]
# flatten copies nothing of what comes out of these layers, and equals nn.Flatten.
assert x.flatten(1).data_ptr() == nn.Flatten()(x).data_ptr() == x.data_ptr()
# For images of 32 by 32, the number 400 is right.
assert pool(conv2(pool(conv1(images[:, :, :32])))).flatten(1).shape == (7, 400)
# Siblings.
with expect_error(RuntimeError, match="Provided sizes .* don't multiply up to the size of dim 1"):
    torch.ones(7, 30).unflatten(1, (4, 8))
with expect_error(RuntimeError, match="invalid shape dimension -2"):
    torch.ones(7, 30).view(-2, 30)
with expect_error(TypeError, match="received an invalid combination of arguments"):
    torch.ones(7, 30).view(210 / 7, 7)  # / makes a float
# A -1 beside a size of 0, where there are elements, has no solution; with no elements it has many. Two are refused even
# where one solution exists.
for shape in [(0, -1), (-1, 0)]:
    with expect_error(RuntimeError, match="is invalid for input of size 5"):
        torch.ones(5).view(shape)
    with expect_error(RuntimeError, match="the unspecified dimension size -1 can be any value"):
        torch.ones(0).view(shape)
with expect_error(RuntimeError, match="only one dimension can be inferred"):
    torch.ones(1).view(-1, -1)
assert torch.ones(0, 3).view(-1, 3).shape == (0, 3)
# Where the strides do not allow a view, the count is looked at first.
with expect_error(RuntimeError, match=r"'\[7\]' is invalid for input of size 12"):
    torch.ones(4, 3).T.view(7)

# %%
# Check yourself
# --------------
#
# The first question asks for the size of the batch.

(batch,) = (samples for samples in (6, 8, 9) if samples * 20 == 180)
ask(
    "The message says: shape '[-1, 40]' is invalid for input of size 180. Each sample has 20 numbers in front of "
    "this line. How many samples are in the batch?",
    answer=batch,
    choices={
        6: "6 samples of 20 numbers have 120 elements.",
        8: "8 samples of 20 numbers have 160 elements, and these would fit: 4 rows of 40.",
        9: "9 samples of 20 numbers have 180 elements, which 40 does not divide.",
    },
)

# %%
# The next question has a last batch that is smaller.

features = torch.ones(3, 8)
ask(
    "The last batch has shape (3, 8). What does features.view(6, -1) give?",
    answer=str(tuple(features.view(6, -1).shape)),
    choices={
        "(3, 8)": "The first size was given as 6.",
        "(6, 4)": f"24 numbers fill 6 rows of {features.view(6, -1).shape[1]}. Each sample is cut in two.",
        "an error": "24 can be divided by 6, so nothing is raised.",
    },
)

# %%
# **Exercise.** Write ``torch.flatten(x, start_dim=1)`` with ``reshape``. ``x`` has two axes or more, and each may have
# size 0.


def flatten_samples(x):
    raise NotImplementedError


def from_axis_1(x):
    return torch.flatten(x, start_dim=1)


cases = [
    (torch.rand(2, 3),),
    (torch.rand(2, 3, 4),),
    (torch.rand(5, 1, 3, 2),),
    (torch.rand(0, 3, 4),),
    (torch.rand(3, 0, 4),),
    (torch.rand(4, 3, 2).transpose(0, 1),),
]
check(flatten_samples, from_axis_1, cases, without=["flatten", "view"])

# %%
# With a size of 0, the length of a row cannot be inferred. ``math.prod`` of the sizes after the batch gives it.

# Solution


def flatten_samples(x):
    return x.reshape(len(x), math.prod(x.shape[1:]))


report = check(flatten_samples, from_axis_1, cases, without=["flatten", "view"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`view-size-is-not-compatible`, where the number of elements fits and their order in memory does not.
#
# - PyTorch contributors (2026). `torch.Tensor.view
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html>`__. The reference.
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. Among
#   its advice: how gradients reveal a ``view`` that mixes samples.
