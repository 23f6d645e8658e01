"""
.. _pic-should-be-pil-image:

TypeError: pic should be PIL Image or ndarray. Got <class 'torch.Tensor'>
=========================================================================

Your image is already a tensor: ``ToTensor`` is there twice, or the data set has already converted the image.
Delete the step, or use the two steps of ``v2`` below, which take images and tensors.
"""

# %%
# Set-up

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from ptguide.data import digits, photos
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

photo = to_pil_image(photos().inputs[0]).resize((60, 40))  # 40 rows of 60 pixels, in color
gray = to_pil_image(digits().inputs[0])


def describe(image):
    if isinstance(image, Image.Image):
        return f"image of Pillow, {image.mode}, {image.size}"
    low, high = image.min().item(), image.max().item()
    return f"tensor, {tuple(image.shape)}, {image.dtype}, {low:.2f} to {high:.2f}"


# %%

read = pil_to_tensor(photo)  # as torchvision.io.decode_image gives it
with expect_error(TypeError, match="PIL Image or ndarray. Got <class 'torch.Tensor'>"):
    transforms.ToTensor()(read)
either = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
print(describe(either(read)))

# %%
# *Pic* is what the step got, and the message ends with its class. Each transform takes some classes of images, and the
# order of the steps decides what arrives. If another step than ``ToTensor`` complains, look for its words in the table.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# =====================================================================  ==========================================
# The message says                                                       Fix
# =====================================================================  ==========================================
# :ref:`pic should be PIL Image or ndarray <pic-twice>`                  delete the second ``ToTensor``
# :ref:`img should be Tensor Image. Got PIL.Image <pic-order>`           ``Normalize`` after ``ToTensor``
# :ref:`Input tensor should be a float tensor <pic-order>`               ``ToDtype(torch.float32, scale=True)``
# :ref:`img should be PIL Image. Got numpy.ndarray <pic-order>`          ``Image.fromarray``, or ``v2.ToImage``
# :ref:`[1, 28, 28] doesn't match the broadcast shape <pic-gray>`        one mean, or three channels
# :ref:`tensor a (4) must match the size of tensor b (3) <pic-gray>`     ``image.convert("RGB")``
# =====================================================================  ==========================================
#
# The rule
# --------
#
# Crop or resize the image first, make it a tensor of floats from 0 to 1, then calculate with it. Print what each step
# gives to find the mistake. Pillow names the width before the height. The axes of a tensor are channel, row, column.

steps = [
    transforms.Resize((32, 28)),
    transforms.ToTensor(),
    transforms.Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]),
]
image = photo
print("the file  ", describe(image))
for step in steps:
    image = step(image)
    print(f"{type(step).__name__:10}", describe(image))
assert 0 <= transforms.ToTensor()(photo).min() < transforms.ToTensor()(photo).max() <= 1

# %%
# .. _pic-twice:
#
# ToTensor twice
# --------------
#
# ``ToTensor`` may be in the transform that you pass to a data set, and also in its ``__getitem__``. It is safe to apply
# the two steps of ``v2`` twice. They turn images of Pillow, and arrays or tensors of bytes, into floats from 0 to 1.
# They leave floats as they are.

twice = transforms.Compose([transforms.ToTensor(), transforms.ToTensor()])
with expect_error(TypeError, match="pic should be PIL Image or ndarray"):
    twice(photo)
once = transforms.ToTensor()(photo)
for image in (photo, read, np.array(photo), once, either(photo)):
    torch.testing.assert_close(torch.Tensor(either(image)), once)

# %%
# .. _pic-order:
#
# A step in the wrong place
# -------------------------
#
# ``Normalize`` calculates, so it takes a tensor of floats. ``RandomHorizontalFlip`` mirrors images of Pillow and
# tensors, but not arrays. OpenCV reads an array with the channels blue, green, red: reorder them, then make an image.

normalize, flip = transforms.Normalize([0.5], [0.5]), transforms.RandomHorizontalFlip(p=1)
array = read.movedim(0, -1).numpy()  # (row, column, channel)
for step, wrong, message in [
    (normalize, photo, "img should be Tensor Image. Got <class 'PIL.Image.Image'>"),
    (normalize, read, "Input tensor should be a float tensor. Got torch.uint8"),
    (flip, array, "img should be PIL Image. Got <class 'numpy.ndarray'>"),
]:
    with expect_error(TypeError, match=message):
        step(wrong)
assert normalize(either(read)).min() < 0
bgr = array[..., [2, 1, 0]]  # as OpenCV reads it
assert torch.equal(pil_to_tensor(flip(Image.fromarray(bgr[..., [2, 1, 0]]))), read.flip(2))
assert torch.equal(flip(v2.ToImage()(array)), read.flip(2))

# %%
# .. _pic-gray:
#
# One channel and three means
# ---------------------------
#
# Means for three colors come from a network for photos, and a gray image has one channel. Take one mean, of your own
# data, or make three equal channels. A file with transparency has four channels, and ``convert("RGB")`` drops the
# fourth. In ``v2`` a gray image with three means raises nothing, and comes out with three channels.

three = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # of ImageNet
with expect_error(RuntimeError, match=r"\[1, 8, 8\] doesn't match the broadcast shape \[3, 8, 8\]"):
    transforms.Normalize(*three)(once[:1, :8, :8])
with expect_error(RuntimeError, match=r"tensor a \(4\) must match the size of tensor b \(3\)"):
    transforms.Normalize(*three)(transforms.ToTensor()(photo.convert("RGBA")))
for image in (
    gray.convert("RGB"),
    transforms.Grayscale(3)(gray),
    photo.convert("RGBA").convert("RGB"),
):
    print(describe(transforms.Normalize(*three)(transforms.ToTensor()(image))))
print("v2, gray:", describe(v2.Normalize(*three)(either(gray))))

# %%
# Right class, wrong range
# ------------------------
#
# ``ToTensor`` divides arrays of the type :val:`uint8 <read.dtype>` by 255, and leaves floats alone. ``ToDtype`` needs
# ``scale=True`` for that. Otherwise a network gets inputs that are 255 times too large, and nothing is raised.

for name, image in {
    "ToTensor, uint8": transforms.ToTensor()(array),
    "ToTensor, float": transforms.ToTensor()(array.astype("float32")),
    "ToDtype, scale": either(array),
    "ToDtype": v2.ToDtype(torch.float32)(v2.ToImage()(array)),
}.items():
    print(f"{name:16}{image.min():6.2f} to {image.max():6.2f}")

# %%
# .. not looked up: v2.ToDtype(torch.float32, scale=True) — the first cell runs it
#
# .. use-this::
#
#    Write ``v2.ToImage()`` first, then what changes the image, then ``v2.ToDtype(torch.float32, scale=True)`` and
#    ``v2.Normalize``. This list takes an image of Pillow, an array or a tensor. Keep a mask, which has a class for each
#    pixel, out of ``scale`` and ``Normalize``. The price of floats is memory: a number takes four bytes instead of one.
#    So change the size first. Print the shape, the type and the range of one sample before training.
#
# A common mistake
# ----------------
#
# ``ToPILImage`` in front of ``ToTensor`` silences the message. An image has whole numbers from 0 to 255, so each float
# is cut to one of these. A number that ``Normalize`` has put below 0 comes back as another number, from 0 to 1.

round_trip = transforms.Compose([transforms.ToPILImage(), transforms.ToTensor()])
x = torch.rand(3, 20, 28, generator=torch.Generator().manual_seed(0))
print(f"from 0 to 1: off by up to {(round_trip(x) - x).abs().max() * 255:.2f} steps of 1/255")
normalized = transforms.Normalize([0.5], [0.5])(x)
numbers = normalized.lt(0).float().mean()
print(f"normalized: {numbers:.0%} below 0, then {round_trip(normalized).lt(0).float().mean():.0%}")
assert 0 <= round_trip(normalized).min() < round_trip(normalized).max() <= 1
print(f"-0.5 comes back as {round_trip(torch.full((1, 1, 1), -0.5)).item():.2f}")

# %%
# How this was checked

# ToTensor by hand, and what else it refuses.
torch.testing.assert_close(once, read / 255)
for wrong in ("photo.png", None, [1, 2]):
    with expect_error(TypeError, match="pic should be PIL Image or ndarray. Got <class"):
        transforms.ToTensor()(wrong)
with expect_error(ValueError, match="pic should be 2/3 dimensional. Got 4 dimensions"):
    transforms.ToTensor()(np.zeros((5, 8, 8, 3)))
# The twins of the message.
with expect_error(TypeError, match="pic should be PIL Image. Got <class 'torch.Tensor'>"):
    transforms.PILToTensor()(read)
with expect_error(
    TypeError, match="pic should be Tensor or ndarray. Got <class 'PIL.Image.Image'>"
):
    transforms.ToPILImage()(photo)
with expect_error(TypeError, match=r"Normalize\(\) does not support PIL images"):
    v2.Normalize([0.5], [0.5])(photo)
with expect_error(TypeError, match="Input tensor should be a float tensor. Got torch.uint8"):
    v2.Normalize([0.5], [0.5])(v2.ToImage()(photo))
# Sizes: Pillow names the width first.
assert photo.size == (60, 40)
assert once.shape == (3, 40, 60)
# Normalize behind ToTensor is (x - mean) / std for each channel.
mean, std = (torch.tensor(numbers)[:, None, None] for numbers in three)
torch.testing.assert_close(transforms.Normalize(*three)(once), (once - mean) / std)
# A gray image with one mean, and its three equal channels.
assert transforms.Normalize([0.5], [0.5])(transforms.ToTensor()(gray)).shape == (1, 8, 8)
channels = transforms.ToTensor()(gray.convert("RGB"))
assert torch.equal(channels[0], channels[1])
assert torch.equal(channels[0], channels[2])
# From 0 to 1 the round trip is off by one step at most, and downward: it cuts, and does not round to the nearest.
for seed in range(5):
    x = torch.rand(1, 9, 7, generator=torch.Generator().manual_seed(seed))
    lost = 255 * (x - round_trip(x))
    assert -0.01 < lost.min() < lost.max() < 1.01
    assert lost.max() > 0.9
# Integers that are no bytes: ToTensor leaves them, and ToDtype divides by the largest number of their type.
integers = array.astype("int32")
assert transforms.ToTensor()(integers).max() == array.max()
assert 0 < either(integers).max() < 1e-6
# With the channels of OpenCV, red and blue are exchanged.
assert torch.equal(transforms.ToTensor()(bgr), once[[2, 1, 0]])
assert not torch.equal(once[0], once[2])

# %%
# Check yourself
# --------------
#
# The first question is about the shape.

ask(
    "A color photo of Pillow is 28 pixels wide and 20 high. Which shape does ToTensor give?",
    answer=tuple(transforms.ToTensor()(photo.resize((28, 20))).shape),
    choices={
        (28, 20, 3): "That is no order of torchvision. An array of this photo is (20, 28, 3).",
        (3, 28, 20): "A tensor has rows before columns, and there are 20 rows.",
        (3, 20, 28): "Channel, row, column.",
    },
)

# %%
# The next question is about the range.

ask(
    "An array of floats holds an image with numbers from 0 to 255. What is the largest number after ToTensor?",
    answer=transforms.ToTensor()(np.full((8, 9, 3), 255, dtype="float32")).max().item(),
    choices={
        1.0: "It scales bytes, and leaves floats alone.",
        255.0: "Floats are not scaled.",
    },
)

# %%
# **Exercise.** Write what ``ToTensor`` does with pixels. ``pixels`` is a tensor of ``uint8``, of shape (row, column)
# for a gray image or (row, column, channel).


def as_floats(pixels):
    raise NotImplementedError


def by_torchvision(pixels):
    return transforms.ToTensor()(pixels.numpy())


cases = [
    (torch.tensor([[0, 255], [51, 102]], dtype=torch.uint8),),
    (torch.arange(12, dtype=torch.uint8).reshape(2, 2, 3),),
    (torch.randint(256, (5, 4, 3), dtype=torch.uint8),),
    (torch.randint(256, (3, 6, 1), dtype=torch.uint8),),
]
check(as_floats, by_torchvision, cases)

# %%
# Give the gray image a channel, move the channels to the front, and divide.

# Solution


def as_floats(pixels):
    if pixels.ndim == 2:
        pixels = pixels.unsqueeze(-1)
    return pixels.movedim(-1, 0) / 255


report = check(as_floats, by_torchvision, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`bootstrapping-phase`, an error of loaders with workers. :ref:`pretrained-weights` has the transforms that belong
# to a network's weights.
#
# - PyTorch contributors (2026). `Transforming images, videos, boxes and more
#   <https://docs.pytorch.org/vision/stable/transforms.html>`__. What ``v2`` takes, and in which order it is fast.
# - PyTorch contributors (2026). `ToTensor
#   <https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html>`__. Which images it scales.
