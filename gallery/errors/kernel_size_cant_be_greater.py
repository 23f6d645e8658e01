"""
.. _kernel-size-cant-be-greater:

RuntimeError: Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). Kernel size can't be greater
===================================================================================================================

Convolutions and poolings have made your images smaller than the kernel of the next convolution. Add :term:`padding`,
leave out a pooling, or give larger images.
"""

# %%
# Set-up

import contextlib
import itertools

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.rules import explain_conv

torch.manual_seed(0)
images = digits("test").inputs[:32]
assert images.shape == (32, 1, 8, 8)


def block(channels_in, channels_out):
    return [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]


# %%

network = nn.Sequential(*block(1, 4), *block(4, 6), nn.Conv2d(6, 9, kernel_size=3))
with expect_error(RuntimeError, match=r"size per channel: \(2 x 2\). Kernel size: \(3 x 3\)"):
    network(images)
explain_conv((32, 6, 2, 2), network[-1].weight)

# %%
# The first pair of numbers is the size that arrives, rows by columns, with the padding added. The second pair is the
# size of the kernel, with its gaps if it has ``dilation``. The message does not name the layer.
#
# .. longer: 6 screens — each cause has a cell of its own, and one draws how the size shrinks
#
# .. not looked up: nn.AdaptiveAvgPool2d(1) — the cell of this cause runs it
#
# ====================================================================  =============================================
# Cause                                                                 Fix
# ====================================================================  =============================================
# :ref:`too many poolings for small images <kernel-poolings>`           fewer poolings, or ``F.interpolate``
# :ref:`Output size is too small <kernel-output>`                       fewer poolings, or ``F.interpolate``
# :ref:`a last pooling fits images of one size <kernel-adaptive>`       ``nn.AdaptiveAvgPool2d(1)``
# :ref:`a text is shorter than the kernel <kernel-text>`                ``F.pad``
# :ref:`a crop is empty <kernel-empty>`                                 correct the box
# ====================================================================  =============================================
#
# The rule
# --------
#
# With a kernel of size :math:`k` without dilation, stride :math:`s` and padding :math:`p`, an input of :math:`n` rows
# becomes :math:`\lfloor (n + 2p - k) / s \rfloor + 1` rows. A kernel of 3 with padding 1 and stride 1 keeps the size,
# and a pooling by 2 halves it, rounded down. Run the layers one by one to see where it becomes too small.

figure, axis = plt.subplots(figsize=(5.8, 2.8), layout="constrained")
for size, layers in [(28, network), (12, network), (8, network[:-1])]:
    x, rows = torch.rand(1, 1, size, size), [size]
    for layer in layers:
        x = layer(x)
        rows.append(x.shape[2])
    axis.plot(rows, "o-", label=f"{size} by {size}")
    print(size, "by", size, "->", rows)
axis.axhline(3, color="gray", linestyle=":")
axis.set_xticks(range(8), ["image", *(type(layer).__name__ for layer in network)], rotation=25)
axis.set(ylabel="rows", ylim=(0, None))
axis.legend(title="image")
axis.set_title(f"In front of the last kernel, of 3 by 3, the smallest has {rows[-1]} rows")
plt.show()

# %%
# .. _kernel-poolings:
#
# Too many poolings
# -----------------
#
# Two poolings leave :val:`2 <network[:-1](images).shape[2]>` of 8 rows, and the last convolution has no padding. Give
# it ``padding=1``, or leave out a pooling. If the network is trained already, enlarge the images with
# ``F.interpolate``, which calculates the pixels in between.

padded = nn.Sequential(*network[:-1], nn.Conv2d(6, 9, 3, padding=1))
fewer = nn.Sequential(*network[:5], network[6])
larger = F.interpolate(images, size=(28, 28), mode="bilinear")
for model, x in [(padded, images), (fewer, images), (network, larger)]:
    print(tuple(x.shape), "->", tuple(model(x).shape))
assert padded(images).shape[-2:] == fewer(images).shape[-2:] == (2, 2)

# %%
# .. _kernel-output:
#
# Output size is too small
# ------------------------
#
# ``MaxPool2d`` and ``AvgPool2d`` say this if their window does not fit. The first numbers in the message are channels,
# rows and columns. Here the fourth pooling gets one number per channel.

deep = nn.Sequential(*block(1, 4), *block(4, 6), *block(6, 9), *block(9, 10))
with expect_error(RuntimeError, match=r"size: \(10x1x1\). Calculated output size: \(10x0x0\)"):
    deep(images)
assert deep[:-1](images).shape == (32, 10, 1, 1)
assert deep(F.interpolate(images, size=(16, 16))).shape == (32, 10, 1, 1)

# %%
# .. _kernel-adaptive:
#
# A last pooling for one size
# ---------------------------
#
# A network for large photos may end in an average over 7 by 7 pixels. Smaller photos have fewer pixels left there.
# ``AdaptiveAvgPool2d(1)`` averages over the pixels that arrive. For 7 by 7 pixels it gives the same as
# ``AvgPool2d(7)``.

maps = torch.rand(2, 5, 4, 6)
with expect_error(RuntimeError, match=r"size: \(5x4x6\). Calculated output size: \(5x0x0\)"):
    nn.AvgPool2d(7)(maps)
assert nn.AdaptiveAvgPool2d(1)(maps).shape == (2, 5, 1, 1)
seven = torch.rand(2, 5, 7, 7)
torch.testing.assert_close(nn.AdaptiveAvgPool2d(1)(seven), nn.AvgPool2d(7)(seven))

# %%
# .. _kernel-text:
#
# A text is shorter than the kernel
# ---------------------------------
#
# A convolution over the words of a sentence needs as many words as its kernel is long. A batch is often padded to its
# longest sentence, which is not enough where each sentence is short. Pad at least to the size of the kernel.

words = nn.Embedding(50, 6, padding_idx=0)
over_5 = nn.Conv1d(6, 10, kernel_size=5)
ids = torch.tensor([[7, 21], [3, 0]])  # two sentences, of 2 words and of 1
with expect_error(RuntimeError, match=r"size per channel: \(2\). Kernel size: \(5\)"):
    over_5(words(ids).transpose(1, 2))
ids = F.pad(ids, (0, max(0, 5 - ids.shape[1])))
assert over_5(words(ids).transpose(1, 2)).shape == (2, 10, 1)

# %%
# .. _kernel-empty:
#
# A crop is empty
# ---------------
#
# Here the box begins in the column where it ends, so the crop has no columns. The :val:`2 <2 * network[0].padding[1]>`
# in the message is the padding of both sides. Print the shape of the crop.

left, right = 5, 5
crop = images[:, :, :, left:right]
with expect_error(RuntimeError, match=r"size per channel: \(10 x 2\). Kernel size: \(3 x 3\)"):
    network[0](crop)
print(tuple(crop.shape))
assert crop.numel() == 0

# %%
# .. use-this::
#
#    Write the size behind each layer into a comment, for the smallest image that you expect. If the kernel is 3 by 3,
#    write ``padding=1``, so that poolings alone change the size. Stop halving while a map still has several rows. End
#    with ``AdaptiveAvgPool2d``, because the network then takes images of several sizes. Enlarging images costs time in
#    each layer.
#
# A common mistake
# ----------------
#
# Padding silences the message, even where the kernel then sees mostly zeros. On a map of 1 by 1, a kernel of 3 by 3
# with ``padding=1`` sees one number and eight zeros. Eight of its nine weights get the gradient 0, since they are
# multiplied by the zeros. In the printed table, a 1 marks such a weight.

useless = nn.Conv2d(9, 10, 3, padding=1)
for start in (0, 100, 200, 300):
    batch = digits("test").inputs[start : start + 32]
    useless.zero_grad()
    useless(deep[:9](batch)).square().sum().backward()
    zero = useless.weight.grad.eq(0).all(dim=0).all(dim=0)  # of each place in the kernel
    assert zero.sum() == 8
print(zero.int())

# %%
# How this was checked

# The rule, for sizes 1 to 9 and the settings below, on one axis; explain_conv says the same.
for n, k, s, p, d in itertools.product(range(1, 10), (1, 2, 3, 5), (1, 2), (0, 1), (1, 2)):
    reach = d * (k - 1) + 1
    layer, x = nn.Conv1d(1, 1, k, stride=s, padding=p, dilation=d), torch.ones(1, 1, n)
    verdict = explain_conv(x, layer.weight, stride=s, padding=p, dilation=d)
    if n + 2 * p >= reach:
        assert layer(x).shape[-1] == (n + 2 * p - reach) // s + 1
        assert verdict.works
    else:
        try:
            layer(x)
        except RuntimeError as error:
            said = str(error)
        assert f"size per channel: ({n + 2 * p}). Kernel size: ({reach}). Kernel size can't" in said
        assert not verdict.works
# A padded kernel of 3 keeps each size, and a pooling by 2 halves it.
for n in range(2, 40):
    assert nn.MaxPool2d(2)(nn.Conv2d(1, 1, 3, padding=1)(torch.ones(1, 1, n, 5))).shape[2] == n // 2
# Dilation makes the kernel longer: 3 places with steps of 3 reach over 7.
with expect_error(RuntimeError, match=r"\(6 x 6\). Kernel size: \(7 x 7\)"):
    nn.Conv2d(3, 4, 3, dilation=3)(torch.ones(8, 3, 6, 6))
# padding="same" keeps the size of a small image, too.
assert nn.Conv2d(3, 4, 5, padding="same")(torch.ones(8, 3, 2, 1)).shape == (8, 4, 2, 1)
# A pooling rounds down; with ceil_mode it rounds up, and 1 by 1 stays.
assert nn.MaxPool2d(2, ceil_mode=True)(torch.ones(1, 1, 1, 1)).shape == (1, 1, 1, 1)
# An empty image: twice the padding, or another message where the kernel would fit into the padding.
for p, k in itertools.product((0, 1, 2), (1, 2, 3, 4, 5)):
    said = (
        rf"\({2 * p} x {5 + 2 * p}\). Kernel"
        if k > 2 * p
        else "Only zero batch or zero channel inputs"
    )
    with expect_error(RuntimeError, match=said):
        nn.Conv2d(1, 1, k, padding=p)(torch.ones(1, 1, 0, 5))
# Siblings.
for call, message in [
    (lambda: nn.AvgPool2d(2)(torch.ones(8, 3, 1, 1)), "Output size is too small"),
    (lambda: nn.AvgPool3d(2)(torch.ones(8, 3, 1, 1, 1)), "smaller than kernel size"),
    (lambda: nn.MaxPool2d(2)(torch.ones(8, 3, 0, 5)), "with optional 0 dim batch size"),
    (lambda: nn.MaxPool1d(2)(torch.ones(8, 3, 1)), "Invalid computed output size: 0"),
    (lambda: F.unfold(torch.ones(8, 3, 2, 2), 3), "its components must be at least one"),
    (
        lambda: torch.ones(2).unfold(0, 3, 1),
        "maximum size for tensor at dimension 0 is 2 but size is 3",
    ),
    (
        lambda: F.pad(torch.ones(1, 2, 2), (2, 2), mode="reflect"),
        "Padding size should be less than",
    ),
    (lambda: F.interpolate(torch.ones(1, 3, 1, 1), scale_factor=0.5), "should be greater than 0"),
]:
    with expect_error(RuntimeError, match=message):
        call()
# A batch norm behind such a map has too few values if the batch is one image.
with expect_error(ValueError, match="Expected more than 1 value per channel when training"):
    nn.BatchNorm2d(3)(torch.ones(1, 3, 1, 1))

# %%
# Check yourself
# --------------
#
# The first question follows the size.

kernel_7 = nn.Sequential(nn.Conv2d(1, 1, 7), nn.MaxPool2d(2), nn.Conv2d(1, 1, 7))
ask(
    "Images of 28 by 28 pass a convolution with a kernel of 7 and no padding, a pooling by 2, and such a "
    "convolution again. How many rows come out?",
    answer=kernel_7(torch.ones(1, 1, 28, 28)).shape[2],
    choices={
        5: f"The sizes are 28, 22, 11 and 5, because a kernel of 7 takes off {7 - 1} rows.",
        4: f"The first kernel of 7 leaves 22 rows, not {28 - 7}, because it takes off {7 - 1}.",
        14: "Without padding the convolutions change the size, too.",
    },
)

# %%
# The next question is about the fewest pixels.

poolings = nn.Sequential(*[nn.MaxPool2d(2)] * 5)


def passes(size):
    try:
        poolings(torch.ones(1, 1, size, size))
    except RuntimeError:
        return False
    return True


ask(
    "A network has five poolings by 2, and its convolutions keep the size. What is the smallest image that passes?",
    answer=next(size for size in itertools.count(1) if passes(size)),
    choices={
        10: f"After three poolings, the size is {10 // 2**3}, and the fourth fails.",
        16: f"After four poolings, the size is {16 // 2**4}, and the fifth fails.",
        32: f"After five poolings, the size is {32 // 2**5}.",
    },
)

# %%
# **Exercise.** Return the size of the smallest image that passes ``layers``, as a tensor without axes. Each layer is a
# tuple (kernel, stride, padding). A size is at least 1, also between the layers.


def least_size(layers):
    raise NotImplementedError


def by_trying(layers):
    stack = nn.Sequential(*[nn.Conv1d(1, 1, k, stride=s, padding=p) for k, s, p in layers])
    size, passed = 0, False
    while not passed:
        size += 1
        with contextlib.suppress(RuntimeError):
            passed = stack(torch.ones(1, 1, size)).numel() > 0
    return torch.tensor(size)


cases = [
    ([(3, 1, 0)],),
    ([(2, 2, 0), (2, 2, 0)],),
    ([(3, 1, 1), (2, 2, 0), (3, 1, 0)],),
    ([(7, 2, 3), (3, 2, 1), (5, 1, 0)],),
    ([(3, 1, 1), (3, 1, 1)],),
    ([(3, 1, 0), (3, 1, 2)],),
]
check(least_size, by_trying, cases)

# %%
# Go from the last layer to the first. To give ``n`` rows, a layer needs the size of its kernel and one stride for each
# further row. Subtract the padding of both sides.

# Solution


def least_size(layers):
    size = 1
    for kernel, stride, padding in reversed(layers):
        size = max(1, (size - 1) * stride + kernel - 2 * padding)
    return torch.tensor(size)


report = check(least_size, by_trying, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`must-have-the-same-dtype`, where the shapes fit and the numbers are of different types.
#
# - Dumoulin and Visin (2016). `A guide to convolution arithmetic for deep learning
#   <https://arxiv.org/abs/1603.07285>`__. Which size comes out of a convolution, drawn for each case.
# - PyTorch contributors (2026). `torch.nn.Conv2d
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`__. The reference, with the formula.
