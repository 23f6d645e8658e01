"""
.. _pretrained-weights:

How do I load pretrained weights? (torchvision's weights, transforms, fc)
=========================================================================

You want to begin with a network that others have trained on a million photos. Load its weights, replace the last layer,
and prepare your photos with the transforms of these weights: numbers on another scale raise no error.
"""

# %%
# Set-up

import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torchvision import models
from torchvision.models import ResNet18_Weights, get_model_weights, resnet18
from torchvision.transforms import functional

from ptguide.data import photos
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
weights = ResNet18_Weights.DEFAULT
photo = photos()[0][0]  # (3, 427, 640), uint8
ready = weights.transforms()(photo)  # (3, 224, 224), float32

# The page runs without internet, so the file of the weights is written here, with random numbers.
folder = tempfile.TemporaryDirectory()
usual = torch.hub.get_dir()
torch.hub.set_dir(folder.name)
made_up = resnet18()
file = Path(folder.name, "checkpoints", Path(weights.url).name)
file.parent.mkdir()
torch.save(made_up.state_dict(), file)


def draw_photos():
    colors = (ready - ready.min()) / (ready.max() - ready.min())
    _, axes = plt.subplots(1, 2, figsize=(5.4, 2.3), layout="constrained")
    for axis, tensor, shown in zip(axes, (photo, ready), (photo, colors), strict=True):
        axis.imshow(shown.permute(1, 2, 0).numpy())
        low, high = tensor.min().item(), tensor.max().item()
        axis.set_title(f"{tuple(tensor.shape)}: {low:.3g} to {high:.3g}", fontsize=9)
        axis.axis("off")
    plt.suptitle("A photo, and what ResNet-18 is to get", fontsize=10)
    plt.show()


# %%

draw_photos()

# %%
# On the left is a photo, on the right what the network is to get. The titles give shape and range. Each set of weights
# brings its own transforms. These shrink the photo, cut 224 by 224 pixels from the middle, and shift and scale the
# colors. (The colors are brought back to the range from 0 to 1 to be drawn.) You need to know :ref:`transfer-learning`.
#
# The rule
# --------
#
# Name the weights, build the network with them, switch to ``eval()``, and give it ``weights.transforms()(photo)`` with
# a batch axis in front. The logits have the order of the names in ``weights.meta``. (This page runs without internet,
# so its set-up has put a file of random weights where torchvision looks first. With internet, the same line downloads
# the real ones.)

weights = ResNet18_Weights.IMAGENET1K_V1
model = resnet18(weights=weights).eval()
with torch.no_grad():
    logits = model(weights.transforms()(photo)[None])  # (1, 1000)
names = weights.meta["categories"]
print(tuple(logits.shape), "the first three of", len(names), "names:", ", ".join(names[:3]))
assert logits.shape == (1, len(names))

# %%
# What the transforms are
# -----------------------
#
# Resize the shorter side to 256 pixels, cut 224 from the middle, and divide by 255. Then subtract a mean and divide by
# a deviation for each color. The transforms take a PIL image, too, and a batch. Give them bytes: a float tensor is not
# divided by 255, because it should be at most 1 already.

small = functional.center_crop(functional.resize(photo, 256, antialias=True), 224)
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
by_hand = functional.normalize(small / 255, mean, std)
torch.testing.assert_close(by_hand, ready)
print(weights.transforms().mean, weights.transforms().std)

# %%
# A head for your own classes
# ---------------------------
#
# The last layer of torchvision's ResNets is called ``fc``. Freeze, *then* replace: a new layer is not frozen. Five
# classes leave few parameters to train.

model.requires_grad_(False)
model.fc = nn.Linear(model.fc.in_features, 5)
trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
print(f"{trained:,} of {sum(p.numel() for p in model.parameters()):,} parameters learn")

# %%
# .. use-this::
#
#    Write ``weights = ResNet18_Weights.IMAGENET1K_V1``, and take ``resnet18(weights=weights)`` and
#    ``weights.transforms()`` from this one name. The download is kept in the folder ``checkpoints`` of
#    ``torch.hub.get_dir()``, and is about :val:`45 <weights.meta["_file_size"]>` MiB here. Call ``eval()`` before you
#    predict, because a network is in train mode when it is built. ``DEFAULT`` may name other weights in a later
#    release, so write the full name. Where you fine-tune, keep the mean and the deviation, also when you crop or flip
#    at random for training.
#
# Common mistakes
# ---------------
#
# **Other numbers for mean and deviation.** 0.5 is right for one of torchvision's sets that classify photos. Inputs
# that are not divided by 255 are much further off. Neither raises an error. The last two lines say how far the inputs
# are from the right ones on average. (Those have a deviation of :val:`1.4 <ready.std()>`.)

presets = [
    one.transforms()
    for name in models.list_models(module=models)
    for one in get_model_weights(name)
]
print(f"{len(presets)} sets, {sum(set(one.mean) == {0.5} for one in presets)} with a mean of 0.5")
half = functional.normalize(small / 255, [0.5] * 3, [0.5] * 3)
not_divided = functional.normalize(small.float(), mean, std)
for name, wrong in {"0.5 and 0.5": half, "not divided by 255": not_divided}.items():
    print(f"{name:<19} off by {(wrong - ready).abs().mean():.1f}")
assert 0.2 < (half - ready).abs().mean() < (not_divided - ready).abs().mean() / 100

# %%
# **The new head before the old weights.** The file has the old head, and its shape does not fit. ``strict=False`` does
# not help, as :ref:`loading-state-dict` shows. Load first.

other = resnet18(num_classes=5)
with expect_error(RuntimeError, match="size mismatch for fc.weight"):
    other.load_state_dict(torch.load(file), strict=False)
with expect_error(ValueError, match="expected value 1000 but got 5"):
    resnet18(weights=weights, num_classes=5)

# %%
# How this was checked

# The file is read, also by the old argument, which warns.
loaded = resnet18(weights=weights)
with expect_warning(UserWarning, match="deprecated since 0.13"):
    old_way = resnet18(pretrained=True)
for name, tensor in made_up.state_dict().items():
    assert torch.equal(loaded.state_dict()[name], tensor)
    assert torch.equal(old_way.state_dict()[name], tensor)
assert loaded.training
assert abs(os.path.getsize(file) / 2**20 - weights.meta["_file_size"]) < 1
assert sum(p.numel() for p in made_up.parameters()) == weights.meta["num_params"]
assert weights is ResNet18_Weights.DEFAULT
# Floats are not divided by 255, and no error is raised.
torch.testing.assert_close(weights.transforms()(photo / 255), ready, rtol=0, atol=0.05)
assert (weights.transforms()(photo.float()) - ready).abs().mean() > 600
# PIL images and batches.
pil = functional.to_pil_image(photo)
torch.testing.assert_close(weights.transforms()(pil), ready, rtol=0, atol=0.1)
assert weights.transforms()(torch.stack([photo, photo])).shape == (2, 3, 224, 224)
# DEFAULT need not be the most accurate.
sets = get_model_weights("vit_b_16")
for one in sets:
    right = one.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    print(f"{one.name:<27}{right} %{'  DEFAULT' * (one is sets.DEFAULT)}")
best = max(sets, key=lambda one: one.meta["_metrics"]["ImageNet-1K"]["acc@1"])
assert best is not sets.DEFAULT
assert trained == 512 * 5 + 5
assert model(ready[None]).shape == (1, 5)
# Other sets, other numbers.
assert sum(set(one.mean) == {0.5} for one in presets) < 0.05 * len(presets)
assert sum(one.mean == mean for one in presets) > 0.95 * len(presets)
assert len({tuple(one.crop_size) for one in presets}) > 5
torch.hub.set_dir(usual)
folder.cleanup()

# %%
# Check yourself
# --------------

shares = {name: part.numel() for name, part in model.named_parameters() if part.requires_grad}
ask(
    "All of ResNet-18 is frozen, then fc is replaced by nn.Linear(512, 5). How many parameters does training change?",
    answer=sum(shares.values()),
    choices={
        0: "A new layer is not frozen: its parameters require grad.",
        2565: "512 · 5 weights and 5 biases of the new layer.",
        11_689_512: "The whole model with its old head has so many.",
    },
)

# %%
# The next question asks about the inputs.

black = weights.transforms()(torch.zeros_like(photo))
red_mean, red_std = weights.transforms().mean[0], weights.transforms().std[0]
ask(
    "A photo that is black, all 0, goes through the transforms of ResNet-18. What is in its red channel?",
    answer=round(black[0, 0, 0].item(), 2),
    choices={
        0.0: "That is before the mean of the red channel is taken away.",
        -1.0: "That would be with a mean and a deviation of one half.",
        -2.12: f"(0 - {red_mean}) / {red_std}: what the network learned to read as black.",
    },
)

# %%
# **Exercise.** ``plt.imshow`` of a normalized photo has garish colors. Undo it. You get a batch of shape (N, 3, H, W)
# and the means and deviations of the three colors. Return uint8 images of shape (N, H, W, 3), rounded and clipped to 0
# to 255.


def by_pixels(images, mean, std):
    result = torch.zeros(len(images), *images.shape[2:], 3, dtype=torch.uint8)
    for n, c, i, j in torch.cartesian_prod(*map(torch.arange, images.shape)).tolist():
        value = round((images[n, c, i, j] * std[c] + mean[c]).item() * 255)
        result[n, i, j, c] = min(max(value, 0), 255)
    return result


cases = [
    (torch.zeros(1, 3, 1, 2), torch.tensor([0.5, 0.25, 1.0]), torch.ones(3)),
    (torch.randn(2, 3, 4, 5), torch.tensor(mean), torch.tensor(std)),
]


def to_be_shown(images, mean, std):
    raise NotImplementedError


check(to_be_shown, by_pixels, cases)

# %%
# The three numbers need two axes behind them to broadcast over height and width.

# Solution


def to_be_shown(images, mean, std):
    colors = images * std[:, None, None] + mean[:, None, None]  # (N, 3, H, W), 0 to 1
    return (255 * colors).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


report = check(to_be_shown, by_pixels, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`autoencoder` is about a network that learns without labels.
#
# - PyTorch contributors (2026). `Models and pre-trained weights <https://docs.pytorch.org/vision/stable/models.html>`__.
#   The sets in a table, with their accuracy and size.
# - He, Zhang, Ren and Sun (2016). `Deep residual learning for image recognition <https://arxiv.org/abs/1512.03385>`__.
#   The network of this page.
