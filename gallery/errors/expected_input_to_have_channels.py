"""
.. _expected-input-to-have-channels:

RuntimeError: Given groups=1, weight of size [16, 3, 5, 5], expected input[32, 1, 8, 8] to have 3 channels, but got 1
=====================================================================================================================

A convolution finds the channels on axis 1 of a batch, and your images have another number there than the layer was made
for. Add or drop channels, or move the axis of the channels in front of rows and columns.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torch import nn

from ptguide.data import digits, photos
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.rules import explain_conv

torch.manual_seed(0)
images = digits("test").inputs[:32]  # gray, (sample, channel, row, column)
flower = Image.fromarray(photos().inputs[1].permute(1, 2, 0).numpy())  # as from a file

# %%

conv = nn.Conv2d(3, 16, kernel_size=5)
with expect_error(RuntimeError, match="to have 3 channels, but got 1 channels instead"):
    conv(images)
explain_conv(images, conv.weight)

# %%
# The weight has the axes (channels out, channels in, row, column), so this layer takes
# :val:`3 <conv.in_channels>` channels. The input has the axes (sample, channel, row, column), so one channel came.
# ``groups=1`` is the default.
#
# .. longer: 7 screens — each cause has a cell of its own
#
# .. not looked up: image.unsqueeze(0) — the cell of the cause runs it
#
# .. not looked up: images[:, 0].unsqueeze(1); row.unflatten(1, (1, 8, 8)) — the cell of this cause runs them
#
# .. not looked up: words.transpose(1, 2) — the cell of this cause runs it
#
# ====================================================================  =============================================
# What arrived in place of the channels                                 Fix
# ====================================================================  =============================================
# :ref:`1: gray images <channels-gray>`                                 ``images.expand(-1, 3, -1, -1)``
# :ref:`a number of rows: the channels are last <channels-last-axis>`   ``photo.permute(2, 0, 1)``
# :ref:`4: a PNG with transparency <channels-alpha>`                    ``picture.convert("RGB")``
# :ref:`the size of the batch: no axis of channels <channels-no-axis>`  ``images[:, 0].unsqueeze(1)``
# :ref:`Expected 3D (unbatched) or 4D (batched) .. <channels-no-axis>`  ``row.unflatten(1, (1, 8, 8))``
# :ref:`Expected 4-dimensional input for 4-.. <channels-no-axis>`       ``image.unsqueeze(0)``
# :ref:`the channels of the layer before <channels-layers>`             the ``in_channels`` of the next layer
# :ref:`the steps of a sequence <channels-sequence>`                    ``words.transpose(1, 2)``
# ====================================================================  =============================================
#
# .. _channels-gray:
#
# The rule
# --------
#
# The size of axis 1 has to be ``in_channels``. For a new network, make the first layer with one channel. If the weights
# were trained on color, repeat the gray channel with ``expand``, which copies nothing.

gray = nn.Conv2d(1, 16, kernel_size=5)
assert gray(images).shape == (32, 16, 4, 4)
color = images.expand(-1, 3, -1, -1)
assert conv(color).shape == (32, 16, 4, 4)
print(tuple(color.shape), "shares its memory:", color.data_ptr() == images.data_ptr())

# %%
# .. _channels-last-axis:
#
# The channels are last
# ---------------------
#
# A NumPy array of a PIL picture in color has the axes (row, column, channel). The message takes its rows for channels,
# and adds an axis of size 1 for the missing batch. Move the channels to the front, and make floats of the bytes.

photo = torch.from_numpy(np.array(flower))
print(tuple(photo.shape), photo.dtype)
with expect_error(RuntimeError, match=r"input\[1, 427, 640, 3\] to have 3 channels, but got 427"):
    conv(photo / 255)
first = photo.permute(2, 0, 1) / 255
assert conv(first[None]).shape == (1, 16, 423, 636)

# %%
# .. _channels-alpha:
#
# A fourth channel
# ----------------
#
# A PNG can have a channel of transparency, *alpha*, and one such file in a folder stops the training. Convert each
# picture to RGB when you open it. This drops alpha, and turns a gray picture of bytes into three channels.

for mode in ("RGBA", "L", "RGB"):
    picture = flower.resize((20, 30)).convert(mode)
    print(f"{mode:5}{np.array(picture).shape} becomes {np.array(picture.convert('RGB')).shape}")
    assert np.array(picture.convert("RGB")).shape == (30, 20, 3)
with expect_error(RuntimeError, match="to have 3 channels, but got 4 channels instead"):
    conv(torch.rand(2, 4, 30, 20))

# %%
# .. _channels-no-axis:
#
# There is no axis of channels
# ----------------------------
#
# Gray images of shape :val:`(32, 8, 8) <images[:, 0].shape>` are taken for one image with 32 channels. Insert the axis
# with ``unsqueeze(1)``. With fewer than 3 axes, or more than 4, ``Conv2d`` has another message. If each image is a row
# of 64 pixels, ``unflatten`` makes the three axes of this row.
#
# Older releases took no image without a batch. The last line is quoted from `a thread of 2021
# <https://github.com/valerystrizh/pytorch-histogram-loss/issues/13>`__, where the image has 3 axes and the weight has
# :val:`4 <first_layer.weight.ndim>`. There ``image.unsqueeze(0)`` makes a batch of one, which works today, too.

with expect_error(RuntimeError, match=r"input\[1, 32, 8, 8\] to have 1 channels, but got 32"):
    gray(images[:, 0])
row = images.flatten(start_dim=1)
for wrong in (row, images[0, 0], images[None]):
    with expect_error(RuntimeError, match=r"3D \(unbatched\) or 4D \(batched\) input to conv2d"):
        gray(wrong)
assert torch.equal(images[:, 0].unsqueeze(1), images)
assert torch.equal(row.unflatten(1, (1, 8, 8)), images)

print(
    "RuntimeError: Expected 4-dimensional input for 4-dimensional weight [64, 3, 7, 7], "
    "but got 3-dimensional input of size [3, 224, 224] instead"
)
image, first_layer = torch.rand(3, 224, 224), nn.Conv2d(3, 64, kernel_size=7)
assert first_layer(image).shape == (64, 218, 218)
assert first_layer(image.unsqueeze(0)).shape == (1, 64, 218, 218)

# %%
# .. _channels-layers:
#
# The channels of the layer before
# --------------------------------
#
# Inside a network, ``in_channels`` has to be the ``out_channels`` of the convolution in front. After ``torch.cat``
# along axis 1, it is the sum of the channels that were joined. The weight in the message tells which layer it is, here
# the one with ``out_channels`` of :val:`9 <network[2].out_channels>`.

network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(5, 9, 3))
with expect_error(
    RuntimeError, match=r"weight of size \[9, 5, 3, 3\].* to have 5 channels, but got 4"
):
    network(images)
assert network[2](torch.cat([network[0](images), images[:, :, 1:-1, 1:-1]], dim=1)).shape[1] == 9
network[2] = nn.Conv2d(4, 9, 3)
assert network(images).shape == (32, 9, 4, 4)

# %%
# .. _channels-sequence:
#
# The steps of a sequence
# -----------------------
#
# An embedding gives the axes (sample, step, feature), and ``Conv1d`` takes (sample, channel, step). The features are
# the channels. Exchange the axes in front of the convolution, and again behind it.

words = nn.Embedding(50, 6)(torch.randint(50, (2, 7)))
along = nn.Conv1d(6, 10, kernel_size=3)
with expect_error(
    RuntimeError, match=r"\[10, 6, 3\], expected input\[2, 7, 6\] to have 6 channels"
):
    along(words)
assert along(words.transpose(1, 2)).transpose(1, 2).shape == (2, 5, 10)

# %%
# .. use-this::
#
#    Print the shape of one batch in front of the first layer, and name its axes. Convert pictures to one mode when you
#    open them, and move the channels in front of the rows once, in the dataset. For a network that was trained on
#    color, ``expand`` gray images. This copies nothing, but the first layer calculates with three channels. For a new
#    network make the first layer for one channel.
#
# A common mistake
# ----------------
#
# ``reshape`` to (3, row, column) silences the message and gives the right shape, but mixes pixels and colors. The red
# channel of the result is the upper third of the photo, with the three colors of each pixel side by side. Green and
# blue are the middle and the lower third.

mixed = photo.reshape(3, 427, 640) / 255
assert mixed.shape == first.shape
for third, pixels in zip(mixed, photo.flatten().split(427 * 640), strict=True):
    assert torch.equal(third.flatten(), pixels / 255)
figure, places = plt.subplots(ncols=2, figsize=(5.8, 2.2), layout="constrained")
for place, name, shown in zip(places, ("permute", "reshape"), (first, mixed), strict=True):
    place.imshow(shown.permute(1, 2, 0).numpy())
    place.set_title(name)
    place.axis("off")
figure.suptitle("permute keeps the flower, reshape takes it apart")
plt.show()

# %%
# How this was checked

# The rule, for 1 to 6 channels and 1 to 3 axes of space, and that groups multiply what the weight shows.
for axes, layer in enumerate((nn.Conv1d, nn.Conv2d, nn.Conv3d), start=1):
    for takes in range(1, 7):
        for groups in (one for one in (1, 2, 3) if takes % one == 0):
            made = layer(takes, 6, 1, groups=groups)
            for given in range(1, 7):
                x = torch.ones(2, given, *[4] * axes)
                if given == takes:
                    assert made(x).shape[:2] == (2, 6)
                    continue
                try:
                    made(x)
                except RuntimeError as error:
                    said = str(error)
                assert f"Given groups={groups}, weight of size [6, {takes // groups}, " in said
                assert f"to have {takes} channels, but got {given} channels instead" in said
                assert not explain_conv(x, made.weight, groups=groups).works
# Weights for gray that give the same as three equal channels: the sum over the channels.
summed = nn.functional.conv2d(images, conv.weight.sum(dim=1, keepdim=True), conv.bias)
torch.testing.assert_close(summed, conv(color), rtol=1e-4, atol=1e-5)
# Alpha is dropped, and gray pictures of 16 bits are cut off at 255: divide those yourself.
clear = Image.fromarray(np.array([[[200, 30, 40, 0]]], dtype=np.uint8))  # RGBA
assert np.array(clear.convert("RGB")).tolist() == [[[200, 30, 40]]]
deep = Image.fromarray(np.array([[7, 300, 60000]], dtype=np.uint16))
assert np.array(deep.convert("RGB"))[:, :, 0].tolist() == [[7, 255, 255]]
# With padding_mode="reflect" the message names the padded sizes. An empty batch has the same message.
for wrong, padded, named in [
    (images, nn.Conv2d(3, 16, 3, padding=1, padding_mode="reflect"), "32, 1, 10, 10"),
    (images[:0], conv, "0, 1, 8, 8"),
]:
    with expect_error(RuntimeError, match=rf"input\[{named}\] to have 3 channels"):
        padded(wrong)
# A lazy layer takes in_channels from the first batch, right or wrong.
lazy = nn.LazyConv2d(16, 5)
lazy(images)
assert lazy.in_channels == 1
# Bytes have another message, and so has an array.
with expect_error(RuntimeError, match="Input type .* and bias type .* should be the same"):
    conv(photo.permute(2, 0, 1)[None])
with expect_error(TypeError, match="received an invalid combination of arguments"):
    conv(np.array(flower))
# Siblings: a transposed convolution stores its weight as (in, out); a batch norm counts its channels.
with expect_error(
    RuntimeError, match=r"transposed=1, weight of size \[3, 16, 5, 5\].* 3 channels, but"
):
    nn.ConvTranspose2d(3, 16, 5)(images)
with expect_error(RuntimeError, match="running_mean should contain 1 elements not 3"):
    nn.BatchNorm2d(3)(images)
with expect_error(ValueError, match=r"expected 4D input \(got 3D input\)"):
    nn.BatchNorm2d(3)(images[0])
with expect_error(
    RuntimeError, match=r"Expected 2D \(unbatched\) or 3D \(batched\) input to conv1d"
):
    along(words[None])
# An unbatched image works, and gives an unbatched result.
assert gray(images[0]).shape == (16, 4, 4)
# permute copies nothing; the division that follows writes new floats.
assert photo.permute(2, 0, 1).data_ptr() == photo.data_ptr()

# %%
# Check yourself
# --------------
#
# The first question is about a message.

said = "weight of size [8, 6, 3, 3], expected input[16, 4, 32, 40] to have 6 channels"
weight, given = (8, 6, 3, 3), (16, 4, 32, 40)
ask(
    f'The message says "{said}". The images are right. What must in_channels of this layer be?',
    answer=given[1],
    choices={
        4: f"The images have {given[1]} channels, and the layer was made for {weight[1]}.",
        6: "That is what the layer has now.",
        8: "That is out_channels of the layer.",
        16: "That is the number of images.",
    },
)

# %%
# The next question has no batch.


def named_channels(shape):
    try:
        nn.Conv2d(3, 5, 3)(torch.ones(shape))
    except RuntimeError as error:
        return next(n for n in (1, 20, 24, 30) if f"but got {n} channels instead" in str(error))


ask(
    "nn.Conv2d(3, 5, 3) gets gray images of shape (20, 24, 30). How many channels does the message name?",
    answer=named_channels((20, 24, 30)),
    choices={
        1: "There is no axis of size 1.",
        20: "A tensor of three axes is taken for one image, and its first axis for the channels.",
        24: "The three axes are taken for (channel, row, column), so 24 is the number of rows.",
    },
)

# %%
# **Exercise.** Prepare a picture for a color network. ``picture`` is a tensor of bytes with the axes (row, column) or
# (row, column, channel), with 1, 3 or 4 channels. Return a batch of one, with 3 channels of floats from 0 to 1. Leave
# alpha out.


def as_batch(picture):
    raise NotImplementedError


def by_loops(picture):
    rows, columns = picture.shape[:2]
    batch = torch.zeros(1, 3, rows, columns)
    for row in range(rows):
        for column in range(columns):
            values = picture[row, column].flatten().tolist()[:3]
            for channel in range(3):
                batch[0, channel, row, column] = values[channel % len(values)] / 255
    return batch


def some_bytes(*shape):
    return torch.randint(256, shape, dtype=torch.uint8)


cases = [
    (some_bytes(2, 3, 3),),
    (some_bytes(2, 5),),
    (some_bytes(4, 2, 4),),
    (some_bytes(3, 4, 1),),
    (some_bytes(3, 3, 3),),
]
check(as_batch, by_loops, cases)

# %%
# First give gray pictures an axis of channels, then move this axis to the front.

# Solution


def as_batch(picture):
    if picture.ndim == 2:
        picture = picture[:, :, None]
    channels = picture[:, :, :3].permute(2, 0, 1).expand(3, -1, -1)
    return channels[None] / 255


report = check(as_batch, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`kernel-size-cant-be-greater`, where the channels fit and the images have become too small.
#
# - PyTorch contributors (2026). `torch.nn.Conv2d
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`__. The reference, with the shapes.
# - Dumoulin and Visin (2016). `A guide to convolution arithmetic for deep learning
#   <https://arxiv.org/abs/1603.07285>`__. Channels and sizes of a convolution, drawn for each case.
