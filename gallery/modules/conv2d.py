"""
.. _conv2d:

What does nn.Conv2d compute? (output size, stride, padding, groups)
===================================================================

A layer of a CNN can change the channels, the height and the width of images, and the next layer has to fit.
``nn.Conv2d`` lays a kernel, a small grid of weights, on the image, adds up products, and moves the kernel on.
"""

# %%
# Set-up

import contextlib
import io
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ptguide.data import photos
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_conv

torch.manual_seed(0)
image = torch.tensor(
    [
        [0, 0, 0, 9, 9, 0],
        [0, 0, 9, 9, 0, 0],
        [0, 0, 9, 9, 0, 0],
        [0, 9, 9, 0, 0, 0],
        [0, 9, 9, 0, 0, 0],
    ]
)
kernel = torch.tensor([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
photo = photos().inputs[:1] / 255  # (1, 3, 427, 640), a temple
sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 3
edges = nn.Conv2d(3, 2, kernel_size=3, bias=False)
with torch.no_grad():
    edges.weight.copy_(torch.stack([sobel, sobel.T])[:, None])  # the same for red, green and blue


def slide(image, kernel):
    return F.conv2d(image[None, None], kernel[None, None])[0, 0]


def taken(size, kernel, stride=1, padding=0, dilation=1):
    """Return the pixels below the kernel at each place along one axis; those below 0 or above size are padding."""
    reach = dilation * (kernel - 1) + 1
    starts = range(-padding, size + padding - reach + 1, stride)
    return [range(start, start + reach, dilation) for start in starts]


def draw_places(size, kernel, settings):
    figure, axes = plt.subplots(2, 2, figsize=(5.8, 3.3), layout="constrained")
    for axis, setting in zip(axes.flat, settings, strict=True):
        places = taken(size, kernel, **setting)
        missed = set(range(size)) - set(itertools.chain(*places))
        for column in range(-1, size + 1):
            inside = 0 <= column < size
            if inside or setting.get("padding"):
                face = "tab:orange" if column in missed else "lightgray" if inside else "white"
                box = Rectangle((column, 0), 0.92, 0.92, facecolor=face, edgecolor="gray")
                axis.add_patch(box)
        for row, columns in enumerate(places, start=1):
            for column in columns:
                axis.add_patch(Rectangle((column, row + 0.2), 0.92, 0.6, facecolor="tab:blue"))
        axis.set(xlim=(-1.2, size + 1.2), ylim=(9.4, -0.4), xticks=[], yticks=[])
        axis.set_frame_on(False)
        axis.set_xlabel("pixel", fontsize=8)
        axis.set_ylabel("place of the kernel", fontsize=8)
        name = ", ".join(f"{key}={value}" for key, value in setting.items())
        axis.set_title(f"{name}: {len(places)} places", fontsize=9)
    figure.suptitle(f"The output has one element for each place of the kernel on {size} pixels")
    plt.show()


def draw_edges(found):
    figure, axes = plt.subplots(1, 3, figsize=(7, 1.9), layout="constrained")
    axes[0].imshow(photo[0].permute(1, 2, 0).numpy())
    axes[0].set_title("3 channels", fontsize=9)
    for axis, channel, name in zip(axes[1:], found[0], ("left to right", "downward"), strict=True):
        shown = axis.imshow(channel.numpy(), cmap="RdBu_r", vmin=-0.8, vmax=0.8)
        axis.set_title(f"output: {name}", fontsize=9)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes.tolist(), label="output")
    figure.suptitle("Two kernels answer where the photo becomes brighter, or darker")
    plt.show()


# %%

with torch.no_grad():
    draw_edges(edges(photo))

# %%
# The layer has two kernels. One responds where the photo becomes brighter or darker from left to right, the other where
# it does so downward. These weights are chosen by hand, and a network learns its own: see :ref:`cnn-digits`. You need
# to know :ref:`nn-linear`.
#
# .. longer: 6 screens — the sum, the size and the channels have a picture and a cell each
#
# The rule
# --------
#
# Lay a kernel on the image, multiply, add up, and move on. Point at a result to see the pixels below the kernel.

draw(slide, (image, kernel), names=["image", "kernel"], at=(1, 1))

# %%
# Multiply each weight by the pixel below it, add the products of the channels, and add a bias. For an image ``n`` and a
# channel ``o`` of the output, with stride ``s``, padding ``p`` and dilation ``d``, where x is 0 outside of the image:
#
# .. math:: y[n, o, i, j] = b[o] + \sum_{c, u, v} w[o, c, u, v] \; x[n, c, \, is + ud - p, \, js + vd - p]
#
# Input and output have the axes image, channel, row and column. Here is the formula as loops, for a square kernel.


def by_loops(x, weight, bias, stride, padding, dilation):
    x = F.pad(x, [padding] * 4)
    reach = dilation * (weight.shape[-1] - 1) + 1
    rows, columns = (range(0, size - reach + 1, stride) for size in x.shape[2:])
    y = x.new_empty(len(x), len(weight), len(rows), len(columns))
    for (i, top), (j, left) in itertools.product(enumerate(rows), enumerate(columns)):
        window = x[:, :, top : top + reach : dilation, left : left + reach : dilation]
        y[:, :, i, j] = torch.einsum("ncuv, ocuv -> no", window, weight) + bias
    return y


x = torch.randn(2, 3, 10, 13)
conv = nn.Conv2d(3, 5, kernel_size=4, stride=2, padding=1, dilation=2)
y = by_loops(x, conv.weight, conv.bias, stride=2, padding=1, dilation=2)
torch.testing.assert_close(y, conv(x))
print(tuple(x.shape), "becomes", tuple(y.shape))

# %%
# The kernel is not flipped before it is laid on the image. Mathematicians call this sum a cross-correlation, and keep
# the word convolution for the flipped kernel. A network that learns its weights can learn either.
#
# How large is the output?
# ------------------------
#
# Count the places. Here is a kernel of three on a row of eight pixels. Padding adds pixels of value 0 at each end, the
# white boxes. Dilation leaves gaps in the kernel. With a stride of 2, each second place is left out, and here the
# orange pixel has no part in the output.

draw_places(8, 3, [{"stride": 1}, {"stride": 2}, {"padding": 1}, {"dilation": 2}])
row = torch.ones(1, 1, 8, requires_grad=True)
F.conv1d(row, torch.ones(1, 1, 3), stride=2).sum().backward()
assert row.grad.flatten().tolist().index(0) == 7

# %%
# The kernel reaches over :math:`d(k-1) + 1` pixels, so it can be moved by :math:`H + 2p - d(k-1) - 1` pixels at most.
# That is one place, and one more for each whole stride:
#
# .. math:: H_\text{out} = \left\lfloor \frac{H + 2p - d(k - 1) - 1}{s} \right\rfloor + 1
#
# The formula holds for the height and for the width. These are settings that you meet in networks, on a photo of 427 by
# 640. ``nn.Conv1d`` and ``nn.Conv3d`` do the same along one axis and along three.


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


for k, s, p, d in [(3, 1, 1, 1), (3, 2, 1, 1), (7, 2, 3, 1), (3, 1, 2, 2), (16, 16, 0, 1)]:
    y = nn.Conv2d(3, 1, k, stride=s, padding=p, dilation=d)(photo)
    assert y.shape[2:] == (output_size(427, k, s, p, d), output_size(640, k, s, p, d))
    print(f"kernel {k:>2}, stride {s:>2}, padding {p}, dilation {d}: {tuple(y.shape[2:])}")

# %%
# Channels and groups
# -------------------
#
# The weight has the shape (channels out, channels in / groups, kernel height, kernel width). The bias has one number
# for each channel of the output. By default ``groups=1``, and each channel of the output sums over the channels of the
# input. With ``groups=g`` the channels are dealt out to g convolutions side by side. Where g equals the channels of the
# input, each is filtered by itself, which is called **depthwise**. A 1 by 1 convolution after it mixes the channels.
# The two together are **depthwise separable**, and need fewer products here. A weight is used once at each place, here
# 20 times 30.

small = torch.randn(1, 6, 20, 30)
layers = {f"groups={g}": nn.Conv2d(6, 12, 3, padding=1, groups=g) for g in (1, 2, 6)}
layers["1 by 1"] = nn.Conv2d(12, 12, 1)
layers["Linear"] = nn.Linear(6 * 600, 12 * 600, device="meta")  # without memory for its weights
for name, layer in layers.items():
    parameters = sum(p.numel() for p in layer.parameters())
    places = 1 if name == "Linear" else 20 * 30
    print(f"{name:<9}{tuple(layer.weight.shape)!s:<14}{parameters:>11,} parameters", end="")
    print(f"{layer.weight.numel() * places:>12,} products")

# %%
# The linear layer has a weight for each pair of an input and an output. A convolution has few, and uses them at each
# place. It can be computed as one matrix product, with ``F.unfold`` for the columns: the folded cell below does so.
#
# .. use-this::
#
#    Begin with ``nn.Conv2d(c_in, c_out, 3, padding=1)``, which keeps height and width, and add ``stride=2`` to halve
#    them, rounded up. Give ``bias=False`` where batch norm follows, because it subtracts the bias again. Deviate with a
#    kernel of 1 to mix channels, with ``groups`` to save weights, with ``dilation`` to see farther. An image costs as
#    many products as weights times places. For the backward pass the layer keeps its input.
#
# A common mistake
# ----------------
#
# ``padding="same"`` gives the output the size of the input. With a stride it is refused, while `TensorFlow
# <https://www.tensorflow.org/api_docs/python/tf/nn>`__ allows it. Give a number, which for an odd kernel
# is ``dilation * (kernel - 1) // 2``. The size is then :math:`H / s`, rounded up.

with expect_error(ValueError, match="not supported for strided convolutions"):
    nn.Conv2d(3, 8, 3, stride=2, padding="same")
pair = [nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 3, stride=2, padding=1)]
for stride, layer in enumerate(pair, start=1):
    images = [torch.ones(3, height, 7) for height in range(1, 40)]  # without the axis of the batch
    heights = [layer(one).shape[1] for one in images]
    print(f"stride {stride}: heights of 37, 38 and 39 become {heights[-3:]}")
    assert heights == [math.ceil(height / stride) for height in range(1, 40)]

# %%
# Two more errors have a page each: :ref:`the channels do not fit <expected-input-to-have-channels>`, and :ref:`the
# kernel is larger than the image <kernel-size-cant-be-greater>`.

# %%
# How this was checked

# The edges, and the same as a matrix product: a column for each place, which takes 9 times the memory of the pixels
# there.
columns = F.unfold(photo[:, :, :52, :62], kernel_size=3)  # (1, 27, 3000)
y = edges.weight.flatten(start_dim=1) @ columns
torch.testing.assert_close(
    y.unflatten(2, (50, 60)), edges(photo)[:, :, :50, :60], rtol=1e-4, atol=1e-5
)
assert columns.numel() == 9 * photo[:, :, :50, :60].numel()
assert edges(photo).shape == (1, 2, 425, 638)
# Even light gives 0, and light that grows to the right or downward is seen by one of the two.
assert edges(torch.full((1, 3, 5, 6), 0.5)).abs().max() < 1e-6
right = torch.arange(6.0).expand(1, 3, 5, 6)
for number, brighter in enumerate((right, right.mT)):
    found = edges(brighter)[0]
    assert (found[number] > 7).all()
    assert found[1 - number].abs().max() < 1e-5
# Each place of the figure is an element of the output.
for setting in ({"stride": 1}, {"stride": 2}, {"padding": 1}, {"dilation": 2}):
    y = F.conv1d(torch.ones(1, 1, 8), torch.ones(1, 1, 3), **setting)
    assert y.shape[2] == len(taken(8, 3, **setting))
# Groups are convolutions side by side.
halves = zip(small.chunk(2, dim=1), layers["groups=2"].weight.chunk(2), strict=True)
by_halves = torch.cat([F.conv2d(half, weight, padding=1) for half, weight in halves], dim=1)
torch.testing.assert_close(
    by_halves + layers["groups=2"].bias[:, None, None], layers["groups=2"](small)
)
# The loops and the matrix product against torch, with groups, also in float64 and backward.
for k, s, p, d, g in itertools.product((1, 2, 3), (1, 2, 3), (0, 1), (1, 2), (1, 2)):
    x = torch.randn(2, 4, 9, 7, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 4 // g, k, k, dtype=torch.float64)
    bias = torch.randn(6, dtype=torch.float64)
    y = F.conv2d(x, weight, bias, stride=s, padding=p, dilation=d, groups=g)
    columns = F.unfold(x, k, dilation=d, padding=p, stride=s)  # (2, 4 * k * k, place)
    grouped = columns.unflatten(1, (g, -1))
    again = torch.einsum("gok, ngkp -> ngop", weight.reshape(g, 6 // g, -1), grouped).flatten(1, 2)
    torch.testing.assert_close(again + bias[:, None], y.flatten(start_dim=2))
    parts = zip(x.chunk(g, dim=1), weight.chunk(g), bias.chunk(g), strict=True)
    loops = torch.cat([by_loops(*part, s, p, d) for part in parts], dim=1)
    torch.testing.assert_close(loops, y)
    change = torch.randn_like(y)
    for one, other in zip(
        torch.autograd.grad(y, x, change), torch.autograd.grad(loops, x, change), strict=True
    ):
        torch.testing.assert_close(one, other)
# The size by the formula, where the kernel fits; and the error where it does not.
for size, k, s, p, d in itertools.product(range(1, 10), range(1, 5), (1, 2, 3), (0, 1, 2), (1, 2)):
    x, weight = torch.ones(1, 1, size, 11), torch.ones(1, 1, k, 3)
    rule = explain_conv(x, weight, stride=(s, 1), padding=(p, 0), dilation=(d, 1))
    fits = size + 2 * p >= d * (k - 1) + 1
    assert rule.works == fits
    if fits:
        y = F.conv2d(x, weight, stride=(s, 1), padding=(p, 0), dilation=(d, 1))
        assert y.shape == rule.shape == (1, 1, output_size(size, k, s, p, d), 9)
        assert len(taken(size, k, s, p, d)) == y.shape[2]
    else:
        with (
            contextlib.redirect_stdout(io.StringIO()),  # 89 messages
            expect_error(RuntimeError, match="Kernel size can't be greater than actual input"),
        ):
            F.conv2d(x, weight, stride=(s, 1), padding=(p, 0), dilation=(d, 1))
# NumPy's convolution flips the kernel.
line, three = torch.randn(9), torch.randn(3)
flipped = F.conv1d(line[None, None], three.flip(0)[None, None]).flatten()
torch.testing.assert_close(
    flipped, torch.from_numpy(np.convolve(line.numpy(), three.numpy(), "valid"))
)
# torch's own counter has two operations for each product, a multiplication and an addition.
for name in ("groups=1", "groups=2", "groups=6"):
    with FlopCounterMode(display=False) as counter:
        layers[name](small)
    assert counter.get_total_flops() == 2 * layers[name].weight.numel() * 600
# The number of parameters; in and out have to be multiples of groups.
for inputs, outputs, k, g in [(4, 6, 3, 1), (4, 6, 3, 2), (8, 8, 5, 8), (8, 24, (3, 1), 8)]:
    layer = nn.Conv2d(inputs, outputs, k, groups=g)
    area = math.prod(layer.kernel_size)
    assert sum(p.numel() for p in layer.parameters()) == outputs * (inputs // g) * area + outputs
with expect_error(ValueError, match="in_channels must be divisible by groups"):
    nn.Conv2d(3, 8, 3, groups=2)
with expect_error(ValueError, match="out_channels must be divisible by groups"):
    nn.Conv2d(4, 7, 3, groups=2)
# A convolution 1 by 1 is a linear layer on the channels of each pixel.
pixelwise, x = nn.Conv2d(3, 5, 1), torch.randn(2, 3, 4, 6)
linear = F.linear(x.movedim(1, -1), pixelwise.weight[:, :, 0, 0], pixelwise.bias).movedim(-1, 1)
torch.testing.assert_close(linear, pixelwise(x))
# Batch norm in training subtracts a bias again.
with_bias, norm = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)
without = F.conv2d(x, with_bias.weight)
torch.testing.assert_close(norm(with_bias(x)), norm(without), rtol=1e-4, atol=1e-5)
# padding="same": odd kernels get the same number on both ends, even ones more at the end.
for k, d in itertools.product((1, 3, 5), (1, 2, 3)):
    same = nn.Conv2d(3, 5, k, dilation=d, padding="same")
    number = F.conv2d(x, same.weight, same.bias, dilation=d, padding=d * (k - 1) // 2)
    torch.testing.assert_close(same(x), number)
    assert same(x).shape[2:] == x.shape[2:]
even = nn.Conv2d(3, 5, 4, padding="same")
with expect_warning(UserWarning, match="zero-padded copy of the input"):
    y = even(x)
torch.testing.assert_close(y, F.conv2d(F.pad(x, (1, 2, 1, 2)), even.weight, even.bias))
# With half the reach as padding, the size is H / s rounded up, for odd kernels with and without gaps.
for k, d, s, size in itertools.product((1, 3, 5), (1, 2, 3), (1, 2, 3), range(1, 20)):
    assert output_size(size, k, s, d * (k - 1) // 2, d) == math.ceil(size / s)
# The size along one axis and along three.
for axes, function in enumerate((F.conv1d, F.conv2d, F.conv3d), start=1):
    y = function(torch.ones(1, 1, *[11] * axes), torch.ones(1, 1, *[4] * axes), stride=2, padding=1)
    assert y.shape[2:] == (output_size(11, 4, 2, 1),) * axes
# An image without the axis of the batch.
torch.testing.assert_close(edges(photo[0]), edges(photo)[0])
# Zeros outside darken the edge of the result; other modes of padding repeat the image.
for mode, corner in (("zeros", 4), ("reflect", 9), ("replicate", 9), ("circular", 9)):
    ones = nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    nn.init.ones_(ones.weight)
    assert ones(torch.ones(1, 1, 5, 5))[0, 0, 0, 0] == corner
# For the backward pass a convolution keeps its input and its weight.
kept, x = [], torch.randn(1, 3, 6, 8, requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one), lambda one: one):
    with_bias(x)
assert {one.data_ptr() for one in kept} == {x.data_ptr(), with_bias.weight.data_ptr()}
# Bytes are refused, and autocast computes in the smaller type.
with expect_error(RuntimeError, match=r"Input type .* and bias type .* should be the same"):
    with_bias(photos().inputs[:1])
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert edges(photo).dtype == torch.bfloat16
assert edges.weight.dtype == torch.float32

# %%
# Check yourself
# --------------

ask(
    "Images of shape (16, 3, 50, 61) go through nn.Conv2d(3, 8, 5, stride=2). What is the shape of the output?",
    answer=nn.Conv2d(3, 8, 5, stride=2)(torch.ones(16, 3, 50, 61)).shape,
    choices={
        (
            16,
            8,
            23,
            29,
        ): "(50 - 5) // 2 + 1 and (61 - 5) // 2 + 1: without padding the kernel stays inside.",
        (16, 8, 25, 31): "That is the half, rounded up, and needs padding=2.",
        (16, 8, 46, 57): "That is stride=1.",
        (16, 24, 23, 29): "The channels are summed over, so 8 come out, not 3 times 8.",
    },
)

# %%
# The next question is about groups.

ask(
    "What is the shape of the weight of nn.Conv2d(32, 64, kernel_size=3, groups=4)?",
    answer=nn.Conv2d(32, 64, kernel_size=3, groups=4).weight.shape,
    choices={
        (64, 8, 3, 3): "Each of the 64 channels of the output sees 32 / 4 channels of the input.",
        (64, 32, 3, 3): "That is groups=1, where each channel of the output sees 32.",
        (
            16,
            8,
            3,
            3,
        ): "That is one of the four convolutions. The weights of the four are one tensor.",
        (64, 4, 3, 3): "The second size is in / groups, and that is not the number of groups.",
    },
)

# %%
# **Exercise.** Weights from TensorFlow with ``padding="SAME"`` and a stride expect its padding. It adds as few zeros as
# make the output :math:`H / s`, rounded up, and an odd zero goes to the end. Return ``x`` with these zeros. ``x`` has
# the shape (sample, channel, row, column), and the kernel is square.


def pad_same(x, kernel, stride):
    raise NotImplementedError


def by_trying(x, kernel, stride):
    for axis in (2, 3):
        size = x.shape[axis]
        wanted = len(range(0, size, stride))
        zeros = 0
        while size + zeros < kernel or (size + zeros - kernel) // stride + 1 < wanted:
            zeros += 1
        before = zeros // 2
        grown = torch.zeros(*x.shape[:axis], size + zeros, *x.shape[axis + 1 :])
        grown.narrow(axis, before, size).copy_(x)
        x = grown
    return x


cases = [
    (torch.ones(1, 1, 4, 5), 3, 2),
    (torch.ones(1, 1, 3, 6), 3, 1),
    (torch.ones(1, 2, 7, 4), 4, 3),
    (torch.ones(2, 1, 6, 6), 1, 2),
    (torch.ones(1, 1, 2, 9), 5, 2),
]
check(pad_same, by_trying, cases)

# %%
# The last place begins at ``(out - 1) * stride`` and needs ``kernel`` pixels. Where this is less than the size, nothing
# is added.

# Solution


def pad_same(x, kernel, stride):
    widths = []
    for size in (x.shape[3], x.shape[2]):  # F.pad begins with the last axis
        out = math.ceil(size / stride)
        zeros = max((out - 1) * stride + kernel - size, 0)
        widths += [zeros // 2, zeros - zeros // 2]
    return F.pad(x, widths)


report = check(pad_same, by_trying, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`pooling` is the other way to make feature maps smaller.
#
# - Dumoulin and Visin (2016). `A guide to convolution arithmetic for deep learning
#   <https://arxiv.org/abs/1603.07285>`__. The output size, drawn for each setting.
# - Howard et al. (2017). `MobileNets: efficient convolutional neural networks for mobile vision applications
#   <https://arxiv.org/abs/1704.04861>`__. Depthwise convolutions, and how many products they save.
# - PyTorch contributors (2026). `torch.nn.Conv2d
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`__. The reference, with other kinds of
#   padding.
