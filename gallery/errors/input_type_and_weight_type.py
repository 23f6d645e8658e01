"""
.. _input-type-and-weight-type:

RuntimeError: Input type (double) and bias type (float) should be the same
==========================================================================

A convolution needs images of the :term:`dtype` of its weights, and yours have another. Convert the images where you
make them, with ``float()``.
"""

# %%
# Set-up

import io
from contextlib import redirect_stdout

import numpy as np
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torchvision.models import resnet18

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
data = digits("train")
# As an image file is read: unsigned bytes from 0 to 255. Without the first column, so that no two sizes are equal.
pixels = (data.inputs[:, :, :, 1:] * 255).byte().numpy()  # (sample, channel, row, column)
assert pixels.shape == (1085, 1, 8, 7)


def train(images, seed, steps=100):
    """Train a small network on the digits, and return its first loss and its last accuracy."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 4, kernel_size=3), nn.ReLU(), nn.Flatten(), nn.Linear(120, 10)
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.3)
    with torch.no_grad():
        first = F.cross_entropy(network(images), data.targets).item()
    for _ in range(steps):
        loss = F.cross_entropy(network(images), data.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return first, (network(images).argmax(dim=1) == data.targets).float().mean().item()


# %%

conv = nn.Conv2d(1, 4, kernel_size=3)
images = torch.from_numpy(pixels / 255)
with expect_error(RuntimeError, match=r"Input type \(double\) and bias type \(float\)"):
    conv(images)
print(f"images {images.dtype}, weight {conv.weight.dtype}")

# %%
# *Input type* is the type of what arrives at the layer, here of your images. *Bias type* is that of the layer's
# parameters. NumPy's division of bytes by 255 gives
# :val:`float64 <images.dtype>`, which C++ calls ``double``. A linear layer has :ref:`a message of its own
# <must-have-the-same-dtype>`.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: x.float() / 255 — the cell of this cause runs it
#
# ========================================================================  ======================================
# The message names                                                         Fix
# ========================================================================  ======================================
# :ref:`double: images from NumPy <input-type-double>`                      ``x.float()``
# :ref:`unsigned char: pixels from 0 to 255 <input-type-byte>`              ``x.float() / 255``
# :ref:`c10::Half or c10::BFloat16 <input-type-half>`                       ``x.to(weight.dtype)``
# :ref:`expected scalar type Double but found Float <input-type-bias>`      ``x.float()``
# :ref:`torch.cuda.FloatTensor on one side alone <input-type-cuda>`         ``model.to(device)``, ``x.to(device)``
# ========================================================================  ======================================
#
# The rule
# --------
#
# By itself, a convolution converts neither side, so it needs :math:`\mathrm{dtype}(X) = \mathrm{dtype}(W)`. The message
# uses the names of C++. This table is made by raising the error with each type.

named = {}
for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int64, torch.bool):
    try:
        conv(images.to(dtype))
    except RuntimeError as error:
        named[dtype] = str(error).partition("(")[2].partition(")")[0]
        print(f"{named[dtype]:15}{dtype}")
assert len(set(named.values())) == 6

# %%
# .. _input-type-double:
#
# double: images from NumPy
# -------------------------
#
# Convert once, where the images are made. For bytes, a divisor in single precision keeps NumPy in
# :val:`float32 <in_numpy.dtype>`, too. ``ToTensor`` of torchvision does not change the type of an array of doubles.

converted = torch.from_numpy(pixels / 255).float()
in_numpy = torch.from_numpy(pixels / np.float32(255))
print(converted.dtype, in_numpy.dtype, tuple(conv(converted).shape))
assert converted.dtype == in_numpy.dtype == torch.float32
torch.testing.assert_close(conv(converted), conv(in_numpy))

# %%
# .. _input-type-byte:
#
# unsigned char: pixels from 0 to 255
# -----------------------------------
#
# Most image files are decoded to unsigned bytes. Convert and scale them in one line.

as_bytes = torch.from_numpy(pixels)
with expect_error(RuntimeError, match=r"Input type \(unsigned char\)"):
    conv(as_bytes)
scaled = as_bytes.float() / 255
print(f"from {scaled.min():.0f} to {scaled.max():.0f}, {scaled.dtype}")
torch.testing.assert_close(conv(scaled), conv(converted))

# %%
# .. _input-type-half:
#
# c10::Half or c10::BFloat16 on one side
# --------------------------------------
#
# ``model.half()`` converts the weights, and the images stay as they were. Read the type from a weight. To train with
# half precision, do not convert the model: put :class:`torch.autocast` around the forward pass. It converts floats of
# single precision before a convolution, but it leaves doubles and whole numbers as they are.

half = nn.Conv2d(1, 4, kernel_size=3).half()
with expect_error(RuntimeError, match=r"Input type \(float\) and bias type \(c10::Half\)"):
    half(scaled)
assert half(scaled.to(half.weight.dtype)).dtype == torch.float16
with torch.autocast("cpu", dtype=torch.bfloat16):
    print("with autocast:", conv(scaled).dtype)
    for kept, name in ((images, "double"), (as_bytes, "unsigned char")):
        with expect_error(RuntimeError, match=rf"\({name}\) and bias type \(c10::BFloat16\)"):
            conv(kept)

# %%
# .. _input-type-bias:
#
# Layers without a bias
# ---------------------
#
# A layer in front of a batch norm often has no bias, and then another check fails first. In a ResNet this is the first
# convolution. The cause and the fix are the same.

resnet = resnet18(num_classes=10).eval()
colored = images[:2].expand(2, 3, 8, 7)  # three equal channels
with expect_error(RuntimeError, match="expected scalar type Double but found Float"):
    resnet(colored)
assert resnet(colored.float()).shape == (2, 10)
with expect_error(
    RuntimeError, match=r"\(torch.FloatTensor\) and weight type \(torch.HalfTensor\)"
):
    resnet.half()(colored.float())

# %%
# .. _input-type-cuda:
#
# torch.cuda.FloatTensor on one side alone
# ----------------------------------------
#
# Both types are single precision, but one has the word ``cuda``: images and model are on two devices. If the input has
# it, move the model with ``to(device)``. Otherwise move each batch. See
# :ref:`expected-all-tensors-to-be-on-the-same-device`. The cell uses *fake* tensors, which have no data and need no
# GPU. They word the error in another way.

with (
    FakeTensorMode()
):  # Needs torch 2.13: before, a fake convolution mixed devices without an error
    on_gpu = torch.ones(5, 1, 8, 7, device="cuda")
    print(on_gpu.type(), "is on", on_gpu.device)
    model, device = nn.Conv2d(1, 4, kernel_size=3), on_gpu.device
    with expect_error(RuntimeError, match="weight is on cpu, different from other tensors on cuda"):
        model(on_gpu)
    on_cpu, model = torch.ones(5, 1, 8, 7), nn.Conv2d(1, 4, kernel_size=3, device=device)
    with expect_error(RuntimeError, match="weight is on cuda:0, different from other tensors on c"):
        model(on_cpu)
    assert model(on_cpu.to(device)).device == device

# %%
# .. use-this::
#
#    End the loading of images with ``float()``, and then divide bytes by 255. Do it in the data set, so that each batch
#    arrives right. Write ``x.to(weight.dtype)`` where a model may have another type. For calculations that need more
#    digits, convert the model instead, with ``model.double()``. Data and weights then take twice the memory.
#
# A common mistake
# ----------------
#
# ``x.float()`` alone silences the message for bytes, and the numbers stay as large as 255. Here a small network trains
# on the digits from five seeds, at a learning rate that suits numbers from 0 to 1. With 255 its accuracy is lower.

# Varies with the processor: a training amplifies how it rounds.
worst, best = 1.0, 0.0
for name, given in {"0 to 1": scaled, "0 to 255": as_bytes.float()}.items():
    runs = [train(given, seed) for seed in range(5)]
    losses, accuracies = zip(*runs, strict=True)
    print(f"{name:9} first loss {min(losses):5.1f} to {max(losses):5.1f},", end=" ")
    print(f"accuracy {min(accuracies):.2f} to {max(accuracies):.2f}")
    worst, best = (min(accuracies), best) if name == "0 to 1" else (worst, max(accuracies))
assert worst > 0.85
assert worst - best > 0.2

# %%
# How this was checked

# A divisor in single precision is enough for numbers of 8 and 16 bits, and not for larger ones.
for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.int32, np.int64):
    kept = (np.ones(3, dtype=dtype) / np.float32(255)).dtype == np.float32
    assert kept == (np.dtype(dtype).itemsize <= 2)
# What arrives may come from an earlier layer; weight and bias may differ, too.
odd = nn.Conv2d(1, 4, kernel_size=3)
odd.weight.data = odd.weight.data.half()
with expect_error(RuntimeError, match=r"Input type \(c10::Half\) and bias type \(float\)"):
    odd(scaled[:2].half())
# What NumPy and torchvision make of bytes.
assert (pixels / 255).dtype == np.float64
assert (pixels / np.float32(255)).dtype == np.float32
from torchvision.transforms import ToTensor

picture = np.moveaxis(pixels[0], 0, -1)  # (row, column, channel)
assert ToTensor()(picture).dtype == torch.float32
assert ToTensor()(picture / 255).dtype == torch.float64
# Each pair of different types is refused, whichever has a bias or none; the same types are taken. The words of the
# message depend on what the processor computes in half precision, so they are not printed.
kinds = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
for left in kinds:
    for right in kinds:
        for bias in (True, False):
            layer = nn.Conv2d(1, 4, kernel_size=3, bias=bias, dtype=right)
            if left == right:
                assert layer(scaled[:2].to(left)).dtype == left
                continue
            words = "should be the same|expected scalar type"
            with redirect_stdout(io.StringIO()), expect_error(RuntimeError, match=words):
                layer(scaled[:2].to(left))
# Convolutions with one or three axes of pixels.
with expect_error(RuntimeError, match=r"Input type \(double\) and bias type \(float\)"):
    nn.Conv1d(1, 4, kernel_size=3)(images[:, :, 0])
with expect_error(RuntimeError, match=r"Input type \(double\) and bias type \(float\)"):
    nn.Conv3d(1, 4, kernel_size=3)(images[:2, :, None].expand(2, 1, 5, 8, 7))
# A model in which one layer has another type, and a batch norm.
mixed = nn.Sequential(nn.Conv2d(1, 4, kernel_size=3), nn.Conv2d(4, 6, kernel_size=3).half())
with expect_error(RuntimeError, match=r"Input type \(float\) and bias type \(c10::Half\)"):
    mixed(scaled)
with expect_error(RuntimeError, match="all inputs must share same datatype"):
    nn.BatchNorm2d(1)(images)
# A recurrent layer names the types of torch.
with expect_error(ValueError, match="RNN input dtype"):
    nn.LSTM(7, 4)(images[:, 0])
# model.double() doubles the memory of the weights; the first layer without a bias of a ResNet is its first layer.
weights = {dtype: nn.Conv2d(1, 4, 3, dtype=dtype).weight.nbytes for dtype in kinds[:2]}
assert weights[torch.float64] == 2 * weights[torch.float32]
assert resnet18().conv1.bias is None
# A tensor is not changed by float().
assert images.float() is not images
assert images.dtype == torch.float64

# %%
# Check yourself
# --------------
#
# The first question asks which side is which.


def works(change):
    layer, x = change(nn.Conv2d(1, 4, kernel_size=3).half(), scaled[:2])
    try:
        return layer(x).isfinite().all().item()
    except RuntimeError:
        return False


fixes = {
    "x = x.half()": lambda layer, x: (layer, x.half()),
    "x = x.float()": lambda layer, x: (layer, x.float()),
    "x = x.double()": lambda layer, x: (layer, x.double()),
}
(fixed,) = (name for name, change in fixes.items() if works(change))
ask(
    "The message says: Input type (float) and bias type (c10::Half) should be the same. Which line before the call of "
    "the model helps?",
    answer=fixed,
    choices={
        "x = x.half()": "The model is in half precision. Or convert the model back with model.float().",
        "x = x.float()": "The input is float already: it is named first.",
        "x = x.double()": "Then the message says double in place of float.",
    },
)

# %%
# The next question asks about NumPy.

ask(
    f"image is a NumPy array of {pixels.dtype}. What is torch.from_numpy(image / 255).dtype?",
    answer=str(torch.from_numpy(pixels / 255).dtype),
    choices={
        "torch.uint8": "The division gives fractions, so NumPy makes floats.",
        "torch.float32": "It would be with image / np.float32(255).",
        "torch.float64": "NumPy divides bytes in double precision, and from_numpy keeps that.",
    },
)

# %%
# **Exercise.** Make a batch of one picture. ``picture`` has the axes row, column and channel, as NumPy and Pillow give
# them. Return it with the axes sample, channel, row and column, in the dtype of the weight of ``layer``. Unsigned
# bytes are divided by 255.


def as_batch(picture, layer):
    raise NotImplementedError


def by_loops(picture, layer):
    scale = 255 if picture.dtype == torch.uint8 else 1
    rows, columns, channels = picture.shape
    batch = torch.zeros(1, channels, rows, columns, dtype=layer.weight.dtype)
    for row in range(rows):
        for column in range(columns):
            for channel in range(channels):
                batch[0, channel, row, column] = picture[row, column, channel].item() / scale
    return batch


single, double = nn.Conv2d(3, 4, kernel_size=1), nn.Conv2d(3, 4, kernel_size=1).double()
cases = [
    (torch.tensor([[[0, 51, 255]]], dtype=torch.uint8), single),
    (torch.rand(2, 4, 3, dtype=torch.float64), single),
    (torch.randint(256, (4, 5, 3), dtype=torch.uint8), double),
    (torch.rand(2, 4, 3), double),
    (torch.rand(2, 4, 3), nn.Conv2d(3, 4, kernel_size=1).half()),
]
check(as_batch, by_loops, cases)

# %%
# Convert to the type of the layer first, and then divide in it.

# Solution


def as_batch(picture, layer):
    batch = picture.permute(2, 0, 1).unsqueeze(0).to(layer.weight.dtype)
    return batch / 255 if picture.dtype == torch.uint8 else batch


report = check(as_batch, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`not-implemented-for-long`, where one side alone has a type that the operation cannot compute with.
#
# - PyTorch contributors (2026). `Tensor attributes <https://docs.pytorch.org/docs/stable/tensor_attributes.html>`__.
#   The dtypes of torch and their names.
# - PyTorch contributors (2026). `Automatic mixed precision
#   <https://docs.pytorch.org/docs/stable/amp.html>`__. Which operations autocast converts, and to what.
