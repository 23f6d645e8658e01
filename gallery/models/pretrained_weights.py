"""
.. _pretrained-weights:

How do I load pretrained weights? (torchvision's weights, transforms, fc)
=========================================================================

``resnet18(weights=ResNet18_Weights.DEFAULT)``, the inputs through ``weights.transforms()``, and a new last layer for
your own classes. This page does each step without the internet: the file is its own. You need to know
:ref:`transfer-learning`.
"""

# %%
# A set of weights says how an input is to be prepared. Left, a photo as it is; right, what the network gets: 224 by 224
# pixels from the middle, and other colors. (To be drawn, they were brought back to 0 to 1.)

import matplotlib.pyplot as plt
from torchvision.models import ResNet18_Weights

from ptguide.data import photos

weights = ResNet18_Weights.DEFAULT
photo = photos()[0][0]  # (3, 427, 640), uint8
ready = weights.transforms()(photo)  # (3, 224, 224), float32
colors = (ready - ready.min()) / (ready.max() - ready.min())
figure, axes = plt.subplots(1, 2, figsize=(6.5, 2.8), layout="constrained")
for axis, tensor, shown in zip(axes, (photo, ready), (photo, colors), strict=True):
    axis.imshow(shown.permute(1, 2, 0).numpy())
    axis.set_title(f"{tuple(tensor.shape)}, {tensor.min().item():.3g} to {tensor.max().item():.3g}")
    axis.axis("off")
figure.suptitle("A photo, before and after the transforms of the weights")
plt.show()

# %%
# What a set of weights knows
# ---------------------------
#
# The sets of a network are members of an enum. ``DEFAULT`` names the one that torchvision suggests. It need not be the
# most accurate, as for ``vit_b_16``, and may be another one in a later release. The full name stays. The classes, the
# accuracy on ImageNet and the number of parameters are in ``meta``.

from pathlib import Path

import torch
from torchvision.models import get_model_weights, resnet18

assert weights is get_model_weights("resnet18").IMAGENET1K_V1
assert len(weights.meta["categories"]) == 1000
torch.manual_seed(0)
model = resnet18(weights=None)  # random weights
assert sum(p.numel() for p in model.parameters()) == weights.meta["num_params"] == 11_689_512
print(weights, weights.meta["_metrics"], Path(weights.url).name)
for one in (others := get_model_weights("vit_b_16")):
    print(one, one.meta["_metrics"]["ImageNet-1K"]["acc@1"], "DEFAULT" * (one is others.DEFAULT))
right = {one: one.meta["_metrics"]["ImageNet-1K"]["acc@1"] for one in others}
assert max(right, key=right.get) is not others.DEFAULT

# %%
# "Pretrained weights need inputs normalized with 0.5"
# ----------------------------------------------------
#
# They need inputs as those that they were trained with, and ``weights.transforms()`` makes them: resize, crop, scale,
# normalize. By hand it is:

from torchvision.transforms import functional

small = functional.center_crop(functional.resize(photo, 256, antialias=True), 224)
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
by_hand = functional.normalize(functional.convert_image_dtype(small), mean, std)
torch.testing.assert_close(ready, by_hand)
assert by_hand.shape == (3, 224, 224)

# %%
# torchvision's sets that classify photos have :val:`14 <len({tuple(preset.crop_size) for preset in presets})>` sizes,
# and nearly all have the mean and deviation above; 0.5 is the number of :val:`1 <len(with_half)>` among
# :val:`115 <len(presets)>`. With 0.5 in place of its own numbers, this model gets this photo off by more than a fifth
# of a deviation on average, and nothing complains.

from torchvision import models

names = models.list_models(module=models)
presets = [one.transforms() for name in names for one in get_model_weights(name)]
with_half = [preset for preset in presets if set(preset.mean) == {0.5}]
assert 0 < len(with_half) < 0.05 * len(presets)
assert sum(preset.mean == mean for preset in presets) > 0.95 * len(presets)
assert len({tuple(preset.crop_size) for preset in presets}) > 5
by_half = functional.normalize(functional.convert_image_dtype(small), [0.5] * 3, [0.5] * 3)
assert (by_half - by_hand).abs().mean() > 0.2

# %%
# Load them
# ---------
#
# On a machine with internet, ``resnet18(weights=weights)`` is enough. It downloads the file once, into the folder
# ``checkpoints`` of ``torch.hub.get_dir()``, and finds it there the next time. This page runs without internet, so it
# puts a file of that name there itself, with random weights. The rest is as you would do it. A file that is there
# already is not checked, as one sees here; a download is compared with the digits in its name.

import tempfile

from ptguide.errors import expect_error, expect_warning

with tempfile.TemporaryDirectory() as folder:
    usual = torch.hub.get_dir()
    torch.hub.set_dir(folder)
    file = Path(folder, "checkpoints", Path(weights.url).name)
    file.parent.mkdir()
    torch.save(model.state_dict(), file)
    megabytes = file.stat().st_size / 2**20
    loaded = resnet18(weights=weights)
    with expect_warning(UserWarning, match="deprecated since 0.13"):
        old_way = resnet18(pretrained=True)
    torch.hub.set_dir(usual)

assert abs(megabytes - weights.meta["_file_size"]) < 1
for name, tensor in model.state_dict().items():
    assert torch.equal(loaded.state_dict()[name], tensor)
    assert torch.equal(old_way.state_dict()[name], tensor)

# %%
# ``pretrained=True``, from older tutorials, still works in this release, with two warnings: what to write today is in
# the second.
#
# A head for your own classes
# ---------------------------
#
# The last layer of ResNet is called ``fc``. Replace it *after* loading: the file has the old one, with 1000 classes,
# and the other way round the shapes do not fit. To train the head alone, freeze the rest before; a new layer is not
# frozen. And the batch normalizations have to be in ``eval()``, as :ref:`frozen-batch-norm` shows.

from torch import nn

loaded.requires_grad_(False)
loaded.fc = nn.Linear(loaded.fc.in_features, 5)
trainable = sum(p.numel() for p in loaded.parameters() if p.requires_grad)
assert trainable == 512 * 5 + 5
assert loaded.eval()(ready[None]).shape == (1, 5)
with expect_error(RuntimeError, match="size mismatch for fc.weight"):
    loaded.load_state_dict(model.state_dict())

# %%
# Check yourself
# --------------

from ptguide.questions import ask

shares = {name: part.numel() for name, part in loaded.named_parameters() if part.requires_grad}
ask(
    "All of ResNet-18 is frozen, then fc is replaced by nn.Linear(512, 5). How many parameters does training change?",
    answer=sum(shares.values()),
    choices={
        0: "A new layer is not frozen: its parameters require grad.",
        2565: "512 · 5 weights and 5 biases of the new layer.",
        11_689_512: "So many has the whole model with its old head.",
    },
)

# %%
# And the inputs:

black = weights.transforms()(torch.zeros_like(photo))
mean, deviation = weights.transforms().mean[0], weights.transforms().std[0]
ask(
    "A photo that is black, all 0, goes through the transforms of ResNet-18. What is in its red channel?",
    answer=round(black[0, 0, 0].item(), 2),
    choices={
        0.0: "So it is before the mean of the red channel is taken away.",
        -1.0: "So it would be with a mean and a deviation of one half.",
        -2.12: f"(0 - {mean}) / {deviation}: what the network learned to read as black.",
    },
)

# %%
# Next: :ref:`check-the-installation`, on your own machine.
