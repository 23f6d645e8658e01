"""
.. _transforms:

Which torchvision transforms does an image need? (v2, ToDtype, Normalize)
=========================================================================

A file gives bytes from 0 to :val:`255 <torch.iinfo(torch.uint8).max>` in its own size, and a network takes floats
around 0 in one size. The transforms of ``torchvision.transforms.v2`` turn the bytes into such floats, and move boxes
and masks along with the image.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle
from PIL import Image
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.models import ResNet18_Weights
from torchvision.transforms import v2
from torchvision.transforms.functional import to_pil_image

from ptguide.data import digits, photos, shapes
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
photo = to_pil_image(photos().inputs[1])  # as PIL.Image.open gives it: 427 rows of 640 pixels


def draw_steps(image, steps):
    """Draw the image after each step, with its type and its range."""
    _, axes = plt.subplots(1, len(steps), figsize=(6.4, 2.3), layout="constrained")
    results = []
    for axis, step in zip(axes, steps, strict=True):
        image = step(image)
        results.append(image)
        low, high = image.min().item(), image.max().item()
        axis.imshow(v2.functional.to_pil_image(((image - low) / (high - low)).float()))
        dtype = str(image.dtype).removeprefix("torch.")
        axis.set_xlabel(f"{type(step).__name__}\n{dtype}\n{low:.3g} to {high:.3g}", fontsize=8)
        axis.set(xticks=[], yticks=[])
    plt.suptitle("Bytes become floats of one size around 0")
    plt.show()
    return results


def draw_boxes(**examples):
    _, axes = plt.subplots(1, len(examples), figsize=(6.4, 1.9), layout="constrained")
    for axis, (name, (image, boxes)) in zip(axes, examples.items(), strict=True):
        axis.imshow(image.permute(1, 2, 0).numpy())
        for x1, y1, x2, y2 in boxes.tolist():
            corner, sides = (x1 - 0.5, y1 - 0.5), (x2 - x1, y2 - y1)
            axis.add_patch(Rectangle(corner, *sides, fill=False, color="white", linewidth=2))
        axis.set(xticks=[], yticks=[], xlabel=name.replace("_", " "))
    plt.suptitle("The boxes are flipped with the image if they are tv_tensors")
    plt.show()


def describe(image):
    low, high = image.min().item(), image.max().item()
    return f"{image.dtype}, {low:.3g} to {high:.3g}"


# %%

mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
steps = [v2.ToImage(), v2.Resize(128), v2.CenterCrop(112)]
steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
stages = draw_steps(photo, steps)
assert torch.equal(v2.Compose(steps)(photo), stages[-1])

# %%
# The steps run from left to right, and ``v2.Compose(steps)`` makes one function of them. ``Resize`` with one number
# makes the *shorter* side that long and keeps the proportions, so a crop follows. Both work on bytes here, which take a
# quarter of the memory of floats. (Each picture is stretched to the range of the screen, so the last two look like the
# one before.) You need to know :ref:`custom-dataset`.
#
# .. longer: 5 screens — images, boxes and masks are each transformed in their own way
#
# The rule
# --------
#
# ``ToDtype`` with ``scale=True`` divides a byte by 255. ``Normalize`` then takes, in each channel c,
# :math:`(x_c - \text{mean}_c) / \text{std}_c`. Without ``scale`` the floats still go up to 255. Here are both from
# scratch:

cropped, scaled, normalized = stages[2:]
shape = (3, 1, 1)  # one number for each channel
by_hand = (cropped / 255 - torch.tensor(mean).reshape(shape)) / torch.tensor(std).reshape(shape)
torch.testing.assert_close(torch.Tensor(normalized), torch.Tensor(by_hand))
for scale in (True, False):
    print(f"scale={scale}: {describe(v2.ToDtype(torch.float32, scale=scale)(cropped))}")

# %%
# What is scaled, and by what?
# ----------------------------
#
# An RGB image of Pillow holds bytes, not numbers from 0 to 1. The older ``ToTensor`` divides bytes by 255, and does not
# divide an array of another type. ``ToDtype`` divides an integer by the largest number of *its type*, so convert such
# an array to bytes first. ``ToDtype`` scales an image of :val:`16 <torch.iinfo(torch.uint16).bits>` bits right, and
# ``ToTensor`` does not.

bytes_ = np.array(photo)
older = v1.ToTensor()
newer = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
for kind in (np.uint8, np.int32, np.int64, np.float32):
    array = bytes_.astype(kind)
    print(f"{kind.__name__:<8} ToTensor {older(array).max().item():<6.3g}", end=" ")
    print(f"ToDtype {newer(array).max().item():.3g}")
torch.testing.assert_close(torch.Tensor(newer(photo)), older(photo))

# %%
# The mean and std of your data
# -----------------------------
#
# Compute them over the pixels of the training set, for each channel. The mean of the standard deviations of the
# *images* is smaller here, because it leaves out how the images differ from each other. For images that do not fit into
# memory, add up the pixels and their squares, in double precision: a long sum in single precision loses digits.

pictures = shapes("train").images  # (image, channel, row, column)
count = pictures.numel() / 3
double = pictures.double()  # in practice batch by batch
total, squares = double.sum(dim=(0, 2, 3)), double.square().sum(dim=(0, 2, 3))
mean = total / count
std = (squares / count - mean.square()).sqrt()
of_images = pictures.std(dim=(2, 3)).mean(dim=0)
for name, values in {"mean": mean, "std": std, "mean of the images' std": of_images}.items():
    print(f"{name:<24}", [round(one, 3) for one in values.tolist()])
normalized = v2.Normalize(mean.tolist(), std.tolist())(pictures)
assert normalized.mean(dim=(0, 2, 3)).abs().max() < 1e-4
assert (normalized.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3

# %%
# Pretrained weights bring their own
# ----------------------------------
#
# A pretrained network expects the size, the mean and the standard deviation of its training. Take ``transforms()`` of
# the weights. Nothing is downloaded for it.

transforms = ResNet18_Weights.DEFAULT.transforms()
print(f"resized to {transforms.resize_size}, cropped to {transforms.crop_size}", end=", ")
print(f"mean {transforms.mean}, std {transforms.std}")
own = transforms(photo)
half = v2.Compose([*steps[:4], v2.Normalize([0.5] * 3, [0.5] * 3)])(photo)
print(f"its own: {describe(own)}; with 0.5: {describe(half)}")
assert own.max() > 2 > 1 >= half.max()

# %%
# Boxes and masks
# ---------------
#
# A flipped image needs flipped boxes. Wrap them in ``tv_tensors.BoundingBoxes``, masks in ``tv_tensors.Mask``, and pass
# image and targets together. A transform then draws its random numbers once for both. A plain tensor behind the image
# is left as it is, as on the right. Labels are left, too.

image, target = shapes(size=10)[0]
boxes = tv_tensors.BoundingBoxes(target["boxes"], format="XYXY", canvas_size=image.shape[1:])
flip = v2.RandomHorizontalFlip(p=1)
flipped, moved = flip(tv_tensors.Image(image), boxes)
_, stayed = flip(tv_tensors.Image(image), target["boxes"])
draw_boxes(original=(image, boxes), tv_tensors=(flipped, moved), plain_tensor=(flipped, stayed))
assert torch.equal(moved[:, 0], 96 - boxes[:, 2])
assert torch.equal(stayed, target["boxes"])

# %%
# .. use-this::
#
#    For images alone, take ``ToImage``, ``Resize`` and a crop, ``ToDtype(torch.float32, scale=True)``, ``Normalize``,
#    in this order. With pretrained weights, take ``weights.transforms()``. With targets, use tv_tensors, and put
#    ``SanitizeBoundingBoxes`` behind a random crop, which drops boxes that are cut away, with their labels. The
#    transforms run on the CPU in ``__getitem__``, so they are what workers are for. These five take a batch
#    of tensors, too.
#
# A common mistake
# ----------------
#
# **A mask that is resized like a photo.** The mean of class :val:`0 <mask.min()>` and class :val:`3 <mask.max()>` is
# not a class, or a wrong one. As a plain tensor, the mask counts as an image and is smoothed. In a ``Mask``, ``Resize``
# takes the nearest pixel.

maps = shapes(size=40).segmentation().targets.to(torch.uint8)  # (image, row, column)
mask = next(one[None] for one in maps if one.unique().tolist() == [0, 3])
resize = v2.Resize((40, 60))
for name, kind in {"plain tensor": torch.Tensor, "Mask": tv_tensors.Mask}.items():
    smaller = resize(mask if kind is torch.Tensor else kind(mask))
    print(f"{name:<12} classes {smaller.unique().tolist()}, of {mask.unique().tolist()}")

# %%
# How this was checked

assert resize(tv_tensors.Mask(mask)).unique().tolist() == mask.unique().tolist()
assert len(resize(mask).unique()) > len(mask.unique())
for kind in (np.uint8, np.int32, np.int64, np.float32):
    array = bytes_.astype(kind)
    largest = np.iinfo(kind).max if kind is not np.float32 else 1
    torch.testing.assert_close(
        torch.Tensor(newer(array)).double(),
        torch.from_numpy(array / largest).permute(2, 0, 1).double(),
        rtol=1e-5,
        atol=0,
    )
    divisor = 255 if kind is np.uint8 else 1
    torch.testing.assert_close(
        older(array).double(),
        torch.from_numpy(array / divisor).permute(2, 0, 1).double(),
        rtol=1e-5,
        atol=0,
    )
with expect_warning(UserWarning, match="is deprecated and will be removed"):
    v2.ToTensor()
with expect_error(TypeError, match="Input tensor should be a float tensor"):
    v1.Normalize([0.5], [0.5])(cropped)
# 16 bits: ToDtype divides by 65535, ToTensor gives int16, where the upper half is negative.
deep = Image.fromarray(np.array([[0, 60000, 65535]], dtype=np.uint16))
expected = torch.tensor([[[0, 60000 / 65535, 1]]])
torch.testing.assert_close(torch.Tensor(newer(deep)), expected)
assert older(deep).dtype == torch.int16
assert older(deep).tolist() == [[[0, 60000 - 65536, -1]]]
# Resize with one number: the shorter side. With two: both sides, and the proportions change.
for rows, columns in ((40, 60), (60, 40), (40, 40), (20, 90)):
    one = torch.zeros(3, rows, columns, dtype=torch.uint8)
    assert min(v2.Resize(20)(one).shape[1:]) == 20
    assert v2.Resize(20)(one).shape[1:] == (
        20 * rows // min(rows, columns),
        20 * columns // min(rows, columns),
    )
    assert v2.Resize((20, 20))(one).shape == (3, 20, 20)
# A float32 sum in order stands still at 2 ** 24, where adding 1 is rounded away.
assert torch.tensor(2.0**24) + 1 == 2.0**24
# Labels are left alone, and so is a mask that is a plain tensor behind the image.
label, plain = torch.tensor(3), torch.arange(12, dtype=torch.uint8).reshape(1, 3, 4)
_, other_label, other = flip(torch.zeros(3, 3, 4), label, plain)
assert other_label is label
assert torch.equal(other, plain)
mean_of_all = pictures.double().mean(dim=(0, 2, 3))
torch.testing.assert_close(mean, mean_of_all)
torch.testing.assert_close(std, pictures.double().std(dim=(0, 2, 3), correction=0))
assert (pictures.std(dim=(2, 3)).mean(dim=0) < std).all()
ink = digits("train").inputs
assert abs(ink.mean() - 0.305) < 0.01
crop = v2.Compose([v2.RandomCrop((24, 32)), v2.SanitizeBoundingBoxes()])
scene, objects = shapes(size=40, tv_tensors=True)[:]
kept = 0
for one, labels in zip(scene, objects, strict=True):
    _, inside = crop(one, labels)
    kept += len(inside["labels"])
    assert len(inside["labels"]) == len(inside["boxes"]) == len(inside["masks"])
    assert (inside["boxes"][:, :2] >= 0).all()
    assert (inside["boxes"][:, 2:] <= torch.tensor([32, 24])).all()
assert kept < sum(len(labels["labels"]) for labels in objects)
# Flips of boxes and masks agree: the box of a flipped mask is the flipped box.
for one, labels in zip(scene[:10], objects[:10], strict=True):
    _, after = v2.RandomHorizontalFlip(p=1)(one, labels)
    for box, seen in zip(after["boxes"].tolist(), after["masks"], strict=True):
        columns = seen.any(dim=0).nonzero().flatten()
        assert [columns.min().item(), columns.max().item() + 1] == [box[0], box[2]]
# The transforms take a batch.
four = torch.stack([v2.ToImage()(photo)] * 4)
for step in steps:
    four = step(four)
for one in four:
    torch.testing.assert_close(one, torch.Tensor(stages[-1]))
batch = torch.stack([cropped, cropped.flip(2)])
assert torch.equal(v2.Normalize([0.5] * 3, [0.5] * 3)(batch / 255)[0], (cropped / 255 - 0.5) / 0.5)
assert ResNet18_Weights.DEFAULT.transforms().mean == [0.485, 0.456, 0.406]
assert cropped.element_size() * 4 == scaled.element_size()

# %%
# Check yourself
# --------------

white = torch.full((3, 1, 1), 255, dtype=torch.uint8)
to_half = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)])
ask(
    "A white pixel, 255, goes through ToDtype(torch.float32, scale=True) and Normalize with mean 0.5 and std 0.5. What "
    "comes out?",
    answer=to_half(white)[0].item(),
    choices={
        0.5: "That is 1 minus the mean, before the division.",
        1.0: "255 / 255 is 1, and (1 - 0.5) / 0.5 is 1. Black becomes -1.",
        509.0: "That would come out without scale=True: (255 - 0.5) / 0.5.",
    },
)

# %%
# The next question is about a box.

one_box = tv_tensors.BoundingBoxes([[10.0, 5.0, 30.0, 20.0]], format="XYXY", canvas_size=(50, 100))
ask(
    "An image is 100 pixels wide. After a horizontal flip, where is the box (10, 5, 30, 20) in the format XYXY?",
    answer=flip(one_box)[0].tolist(),
    choices={
        (90.0, 5.0, 70.0, 20.0): "x1 has to be the smaller one: the edges change places.",
        (70.0, 5.0, 90.0, 20.0): "100 - 30 and 100 - 10; the rows stay.",
        (10.0, 30.0, 30.0, 45.0): "That is a vertical flip of an image with 50 rows.",
    },
)

# %%
# **Exercise.** To look at a normalized image, undo ``Normalize``. ``image`` has shape (channel, row, column). ``mean``
# and ``std`` have shape (channel,).


def by_loops(image, mean, std):
    channels = zip(image, mean.tolist(), std.tolist(), strict=True)
    return torch.stack([one * s + m for one, m, s in channels])


cases = [
    (torch.ones(1, 2, 2), torch.tensor([0.5]), torch.tensor([0.25])),
    (torch.randn(3, 4, 5), torch.tensor([0.5, 0.25, 0.125]), torch.tensor([0.5, 2.0, 1.0])),
]


def undo(image, mean, std):
    raise NotImplementedError


check(undo, by_loops, cases)

# %%
# Give ``mean`` and ``std`` two axes of size 1, so that they are repeated over rows and columns.

# Solution


def undo(image, mean, std):
    return image * std[:, None, None] + mean[:, None, None]


report = check(undo, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`augmentation`, transforms with chance in them.
#
# - PyTorch contributors (2026). `Getting started with transforms v2
#   <https://docs.pytorch.org/vision/stable/auto_examples/transforms/plot_transforms_getting_started.html>`__. The
#   official introduction, with boxes and masks.
# - PyTorch contributors (2026). `Transforming images, videos, boxes and more
#   <https://docs.pytorch.org/vision/stable/transforms.html>`__. The reference with the list of transforms.
