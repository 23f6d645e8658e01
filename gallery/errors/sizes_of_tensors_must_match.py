"""
.. _sizes-of-tensors-must-match:

RuntimeError: Sizes of tensors must match except in dimension 1. Expected size 427 but got size 426
===================================================================================================

:func:`torch.cat` joins tensors along dimension 1, and on another axis their sizes differ. Pad or crop one of them, or
join them along the axis that you want.
"""

# %%
# Set-up

import itertools

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ptguide.data import photos
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images = photos("validation").inputs / 255  # (sample, channel, row, column)
assert images.shape == (2, 3, 427, 128)

# %%

down, up = nn.Conv2d(3, 4, 3, padding=1), nn.ConvTranspose2d(4, 5, 2, stride=2)
skip = down(images)  # one level of a U-Net
back = up(F.max_pool2d(skip, 2))
with expect_error(RuntimeError, match="dimension 1. Expected size 427 but got size 426"):
    torch.cat([skip, back], dim=1)

# %%
# *Dimension 1* is the ``dim`` of ``torch.cat``, and the sizes there may differ. The tensors are numbered from 0. On
# some other axis, tensor 0 has size :val:`427 <skip.shape[2]>` and tensor 1 has :val:`426 <back.shape[2]>`. The message
# does not name this axis, so print the shapes.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: skip[:, :, 2:-2, 2:-2]; context[:, None].expand(-1, 7, -1) — the cells of the causes run them
#
# ====================================================================  =============================================
# Cause                                                                 Fix
# ====================================================================  =============================================
# :ref:`a U-Net gets an odd number of rows <cat-sizes-unet>`            ``F.pad`` of the images
# :ref:`convolutions without padding <cat-sizes-crop>`                  ``skip[:, :, 2:-2, 2:-2]``
# :ref:`features were to be joined, not samples <cat-sizes-features>`   ``dim=1``
# :ref:`each step of a sequence gets one vector <cat-sizes-steps>`      ``context[:, None].expand(-1, 7, -1)``
# batches of texts, each padded to its own longest                      ``F.pad`` of the shorter one
# :ref:`a state was kept from a larger batch <cat-sizes-state>`         start with no state, or ``drop_last=True``
# ====================================================================  =============================================
#
# The rule
# --------
#
# The sizes along ``dim`` are added, and the other sizes have to be equal. ``torch.cat`` compares each tensor with the
# first one, and the message names the sizes on the first axis that differs. See :ref:`cat`.

for number, part in enumerate([skip, back]):
    print(number, tuple(part.shape))
narrow = back[:, :, :, :100]
assert torch.cat([back, back[:, :2]], dim=1).shape == (2, 5 + 2, 426, 128)
with expect_error(RuntimeError, match="dimension 1. Expected size 128 but got size 100"):
    torch.cat([back, narrow], dim=1)

# %%
# .. _cat-sizes-unet:
#
# Skip connections of a U-Net
# ---------------------------
#
# A U-Net makes its images smaller on the way down and larger on the way up. A skip connection joins both at each level.
# Pooling by 2 drops the last of :val:`427 <rows>` rows and leaves :val:`213 <rows // 2>`. The way up doubles them to
# :val:`426 <rows // 2 * 2>`. Pad the images once, to a multiple of 2, and crop the result to the old size. Each further
# pooling doubles this multiple.
#
# Older releases began with "invalid argument 0" and named the axis that differs. The last line is quoted from `a thread
# of 2020 <https://github.com/Res2Net/Res2Net-PretrainedModels/issues/19>`__, where one of the two had been pooled.

rows, columns = images.shape[-2:]
padded = F.pad(images, (0, -columns % 2, 0, -rows % 2))
print("rows:", rows, rows // 2, rows // 2 * 2)
print("padded:", padded.shape[-2], padded.shape[-2] // 2, padded.shape[-2] // 2 * 2)
skip = down(padded)
joined = torch.cat([skip, up(F.max_pool2d(skip, 2))], dim=1)
assert joined[:, :, :rows, :columns].shape == (2, 4 + 5, 427, 128)
print(
    "RuntimeError: invalid argument 0: Sizes of tensors must match except in dimension 1. "
    "Got 16 and 15 in dimension 2"
)

# %%
# .. _cat-sizes-crop:
#
# Convolutions without padding
# ----------------------------
#
# The first U-Net had convolutions without :term:`padding`, and each took rows and columns off the edges. The tensor of
# the skip connection is then larger, and its middle fits. Take off half of the difference on each side.

skip = down(padded)
inner = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), up)(skip)
with expect_error(RuntimeError, match="Expected size 428 but got size 424"):
    torch.cat([skip, inner], dim=1)
assert torch.cat([skip[:, :, 2:-2, 2:-2], inner], dim=1).shape == (2, 4 + 5, 424, 124)

# %%
# .. _cat-sizes-features:
#
# Features were to be joined
# --------------------------
#
# Here 32 samples have 12 features from an image and :val:`6 <from_table.shape[1]>` from a table. Without ``dim``,
# ``torch.cat`` works on axis 0 and appends samples. The features are on axis 1.

from_image, from_table = torch.rand(32, 12), torch.rand(32, 6)
with expect_error(RuntimeError, match="dimension 0. Expected size 12 but got size 6"):
    torch.cat([from_image, from_table])
assert torch.cat([from_image, from_table], dim=1).shape == (32, 12 + 6)

# %%
# .. _cat-sizes-steps:
#
# One vector for each step of a sequence
# --------------------------------------
#
# A decoder joins a context of shape (sample, feature) to words of shape (sample, step, feature). ``torch.cat`` needs
# equally many axes, and unlike :ref:`broadcasting <broadcasting>` it stretches no axis of size 1. ``expand``
# repeats the context without copying.

words, context = torch.rand(3, 7, 5), torch.rand(3, 6)
with expect_error(RuntimeError, match="same number of dimensions: got 3 and 2"):
    torch.cat([words, context], dim=-1)
with expect_error(RuntimeError, match="dimension 2. Expected size 7 but got size 1"):
    torch.cat([words, context[:, None]], dim=-1)
joined = torch.cat([words, context[:, None].expand(-1, 7, -1)], dim=-1)
assert joined.shape == (3, 7, 5 + 6)
assert torch.equal(joined[:, 4, 5:], context)

# %%
# .. _cat-sizes-state:
#
# A state from a larger batch
# ---------------------------
#
# An LSTM that gets the state of the previous batch has a message of its own, in which ``hidden[0]`` is the state. The
# last batch of an epoch is often smaller. If its samples do not continue those of the previous batch, start without a
# state. If they do, leave the smaller batch out.

lstm, state = nn.LSTM(5, 6, batch_first=True), None
loader = DataLoader(torch.rand(10, 7, 5), batch_size=4)
with expect_error(RuntimeError, match=r"hidden\[0\] size \(1, 2, 6\), got \[1, 4, 6\]"):
    for batch in loader:
        _, state = lstm(batch, state)
assert [lstm(batch)[1][0].shape[1] for batch in loader] == [4, 4, 2]

# %%
# .. use-this::
#
#    Print the shapes of the parts, and ask which axis should grow. Write ``dim`` in each ``torch.cat``. For a U-Net,
#    pad the images to a multiple of ``2 ** poolings`` and crop the result. The padding is less than this multiple on
#    each axis. Where you cannot touch the images, call the transposed convolution with
#    ``output_size=skip.shape[-2:]``.
#
# A common mistake
# ----------------
#
# Cutting both tensors to the smaller size silences the message here. The result then has fewer rows than the mask
# that it is compared with, and the loss raises an error instead. The last row of the image gets no prediction.

skip = down(images)
cut = torch.cat([skip[:, :, :426], back], dim=1)
masks = torch.randint(9, (2, 427, 128))  # a class for each pixel
with expect_error(RuntimeError, match=r"size mismatch \(got input: \[2, 9, 426, 128\]"):
    F.cross_entropy(cut, masks)

# %%
# How this was checked


def cat_shape(shapes, dim):
    first = shapes[0]
    for shape in shapes:
        if any(a != b for axis, (a, b) in enumerate(zip(first, shape, strict=True)) if axis != dim):
            return None
    return (*first[:dim], sum(shape[dim] for shape in shapes), *first[dim + 1 :])


# The rule, for sizes from 1 to 3 on two axes. (A tensor of shape (0,) is skipped by cat, whatever the others are.)
for left, right in itertools.product(itertools.product(range(1, 4), repeat=2), repeat=2):
    for dim in (0, 1):
        try:
            shape = torch.cat([torch.ones(left), torch.ones(right)], dim=dim).shape
            assert shape == cat_shape([left, right], dim)
        except RuntimeError:
            assert cat_shape([left, right], dim) is None
assert torch.cat([torch.ones(2, 8), torch.ones(0)], dim=1).shape == (2, 8)
# Each tensor is compared with the first that is not skipped, and a negative dim is named as a positive one.
with expect_error(RuntimeError, match="Expected size 2 but got size 3 for tensor number 2 in"):
    torch.cat([torch.ones(0), torch.ones(2, 8), torch.ones(3, 8)], dim=1)
with expect_error(RuntimeError, match="Expected size 2 but got size 5 for tensor number 2 in"):
    torch.cat([torch.ones(2, 8), torch.ones(2, 7), torch.ones(5, 8)], dim=-1)
with expect_error(RuntimeError, match="except in dimension 1. Expected size 2 but got size 3"):
    torch.hstack([torch.ones(2, 8), torch.ones(3, 8)])
# Where several axes differ, the first is named.
with expect_error(RuntimeError, match="Expected size 5 but got size 4"):
    torch.cat([torch.ones(2, 8, 5, 7), torch.ones(2, 8, 4, 6)], dim=1)
# Sizes of a way down and up through p poolings fit if the size is a multiple of 2 ** p, for sizes to 64.
for size, poolings in itertools.product(range(8, 65), (1, 2, 3)):
    sizes = [size // 2**level for level in range(poolings + 1)]
    fits = all(2 * small == large for large, small in itertools.pairwise(sizes))
    assert fits == (size % 2**poolings == 0)
    assert 0 <= -size % 2**poolings < 2**poolings
    assert (size + -size % 2**poolings) % 2**poolings == 0
# Instead of padding the images: the size that the transposed convolution is to give, or zeros below.
sized = up(F.max_pool2d(skip, 2), output_size=skip.shape[-2:])
assert torch.equal(sized[:, :, :426], back)
for fitting in (sized, F.pad(back, (0, 0, 0, 1))):
    assert torch.cat([skip, fitting], dim=1).shape == (2, 4 + 5, 427, 128)
# Logits of two batches of texts (sample, step, class), each padded to its own longest.
logits, longer = torch.rand(3, 5, 11), torch.rand(2, 8, 11)
with expect_error(RuntimeError, match="dimension 0. Expected size 5 but got size 8"):
    torch.cat([logits, longer])
assert torch.cat([F.pad(logits, (0, 0, 0, 8 - 5)), longer]).shape == (3 + 2, 8, 11)
# Siblings: stack and the DataLoader want equal shapes; GRU and the cells have messages of their own.
for join in (torch.stack, torch.utils.data.default_collate):
    with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
        join([torch.ones(2, 8), torch.ones(2, 7)])
with expect_error(RuntimeError, match=r"Expected hidden size \(1, 3, 6\), got \[1, 4, 6\]"):
    nn.GRU(5, 6)(torch.ones(7, 3, 5), torch.ones(1, 4, 6))
with expect_error(RuntimeError, match="Input batch size 3 doesn't match hidden0 batch size 4"):
    nn.GRUCell(5, 6)(torch.ones(3, 5), torch.ones(4, 6))
# drop_last leaves the small batch out, and an expanded axis has stride 0: it is not copied.
assert [len(batch) for batch in DataLoader(range(10), batch_size=4, drop_last=True)] == [4, 4]
assert context[:, None].expand(-1, 7, -1).stride(1) == 0
# With an equal number of features, the missing dim raises nothing and doubles the samples.
assert torch.cat([from_table, from_table]).shape == (64, 6)

# %%
# Check yourself
# --------------
#
# A U-Net has three poolings by 2.

fitting = next(rows for rows in itertools.count(150) if rows % 2**3 == 0)
ask(
    "The images have 150 rows. To how many rows must they be padded at least?",
    answer=fitting,
    choices={
        150: f"150 is even, but its half is {150 // 2}, and the second pooling drops a row.",
        152: f"152, 76, {152 // 4}, {152 // 8}: each of the three halves is whole.",
        156: "156, 78, 39: the third pooling drops a row.",
    },
)

# %%
# The next question has three tensors.

parts = [torch.ones(6, 4, 9), torch.ones(6, 5, 9), torch.ones(6, 3, 9)]
fitting = [dim for dim in range(3) if cat_shape([part.shape for part in parts], dim)]
ask(
    "Shapes (6, 4, 9), (6, 5, 9) and (6, 3, 9) are to be joined. Which dim raises no error?",
    answer=fitting[0],
    choices={
        0: "Then axis 1 would have to be equal, and the sizes there are 4, 5 and 3.",
        1: f"Axis 1 grows to {torch.cat(parts, dim=1).shape[1]}, and the sizes of the other axes are equal.",
        2: "Then axis 1 would have to be equal, and the sizes there are 4, 5 and 3.",
    },
)

# %%
# **Exercise.** Write the join of the first U-Net. ``skip`` has at least as many rows and columns as ``back``. Crop it
# to the middle, and join both along the channels, ``skip`` first. If a difference is odd, take one more off at the end.


def join(skip, back):
    raise NotImplementedError


def by_loops(skip, back):
    rows, columns = back.shape[-2:]
    top, left = (skip.shape[-2] - rows) // 2, (skip.shape[-1] - columns) // 2
    joined = torch.zeros(len(skip), skip.shape[1] + back.shape[1], rows, columns)
    for row, column in itertools.product(range(rows), range(columns)):
        joined[:, : skip.shape[1], row, column] = skip[:, :, top + row, left + column]
        joined[:, skip.shape[1] :, row, column] = back[:, :, row, column]
    return joined


cases = [
    (torch.rand(1, 1, 4, 5), torch.rand(1, 2, 2, 3)),
    (torch.rand(2, 3, 7, 6), torch.rand(2, 4, 4, 6)),
    (torch.rand(2, 1, 9, 8), torch.rand(2, 3, 6, 5)),
    (torch.rand(1, 2, 3, 3), torch.rand(1, 2, 3, 3)),
]
check(join, by_loops, cases)

# %%
# ``narrow`` takes a range of an axis from its start and its length, so that equal sizes need no case of their own.

# Solution


def join(skip, back):
    for axis in (-2, -1):
        spare = skip.shape[axis] - back.shape[axis]
        skip = skip.narrow(axis, spare // 2, back.shape[axis])
    return torch.cat([skip, back], dim=1)


report = check(join, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`shape-is-invalid-for-input-of-size`, where one tensor is given a shape that its elements do not fill.
#
# - Ronneberger, Fischer and Brox (2015). `U-Net: convolutional networks for biomedical image segmentation
#   <https://arxiv.org/abs/1505.04597>`__. Its figure shows each crop, and the text says which sizes have to be even.
# - PyTorch contributors (2026). `torch.cat <https://docs.pytorch.org/docs/stable/generated/torch.cat.html>`__. The
#   reference.
