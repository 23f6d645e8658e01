"""
.. _resnet-taken-apart:

How is a ResNet built? Stem, stages, blocks and downsample
==========================================================

You open torchvision's ResNet-18 and meet ``layer1``, ``downsample`` and ``avgpool``. ``layer1`` to ``layer4`` are its
*stages*, each made of blocks, and the picture shows what a photo becomes after each of them.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import ResNet18_Weights, resnet18, resnet50
from torchvision.models.resnet import BasicBlock, Bottleneck

from ptguide import models
from ptguide.data import photos
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
model = resnet18().eval()  # random weights: the page is about shapes
photo = photos()[0][0][None, :, 100:324, 208:432] / 255  # (1, 3, 224, 224)


def through(model, x):
    """Return what each part of a ResNet gives, by its name."""
    outputs = {}
    with torch.no_grad():
        for name, part in model.named_children():
            x = part(x.flatten(1) if name == "fc" else x)
            outputs[name] = x
    return outputs


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def multiplications(model, x):
    """Return how many products convolutions and linear layers compute, in each part and in all."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    flops = counter.get_flop_counts()  # a product and its addition are two
    parts = {
        name: sum(flops.get(f"ResNet.{name}", {}).values()) // 2
        for name, _ in model.named_children()
    }
    return parts, counter.get_total_flops() // 2


def draw_stages():
    shown = {"photo": photo} | {
        name: outputs[name] for name in ("maxpool", "layer1", "layer2", "layer3", "layer4")
    }
    _, axes = plt.subplots(1, 6, figsize=(7, 1.75), layout="constrained")
    for axis, (name, tensor) in zip(axes, shown.items(), strict=True):
        if name == "photo":
            axis.imshow(tensor[0].permute(1, 2, 0).numpy())
        else:
            widest = tensor[0].flatten(1).var(dim=1).argmax()
            axis.imshow(tensor[0, widest].numpy(), cmap="gray")
        channels, height, width = tensor.shape[1:]
        name = "stem" if name == "maxpool" else name
        axis.set_title(name, fontsize=8)
        axis.set(xticks=[], yticks=[])
        axis.set_xlabel(f"{channels} × {height} × {width}", fontsize=8)
    plt.suptitle("Three stages halve the sides and double the channels", fontsize=10)
    plt.show()


def draw_costs():
    names = ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]
    held = torch.tensor([count(getattr(model, name)) for name in names]) / count(model)
    cost = torch.tensor([products[name] for name in names]) / total
    _, axis = plt.subplots(figsize=(5.4, 2.2), layout="constrained")
    places = torch.arange(6)
    axis.bar((places - 0.2).numpy(), (100 * held).numpy(), 0.4, label="parameters")
    axis.bar((places + 0.2).numpy(), (100 * cost).numpy(), 0.4, label="multiplications")
    axis.set(xticks=range(6), xticklabels=names, ylabel="% of the network")
    axis.legend(fontsize=8)
    axis.set_title("The last stage holds most parameters, each costs about the same", fontsize=10)
    plt.show()


outputs = through(model, photo)
products, total = multiplications(model, photo)

# %%

draw_stages()
assert [tuple(outputs[f"layer{k}"].shape[1:]) for k in (1, 2, 3, 4)] == [
    (64, 56, 56),
    (128, 28, 28),
    (256, 14, 14),
    (512, 7, 7),
]

# %%
# Below each name you see one of the :term:`feature maps <feature map>`, and the shape as channels × height × width. The
# weights are random, and the temple can still be made out at first. You need to know :ref:`skip-connections`.
#
# .. longer: 7 screens — the block, its costs, the mean, ResNet-50 and the whole network have a cell each
#
# The rule
# --------
#
# ResNet-18 is a **stem** (``conv1`` to ``maxpool``), four **stages** of two blocks each, a mean over the places of
# each map (``avgpool``) and one linear layer (``fc``). The first block of ``layer2``, ``layer3`` and ``layer4`` has
# stride 2. The table lists shapes, parameters, and millions of multiplications, where convolutions and linear layers
# alone are counted. The 18 in the name counts ``fc`` and the convolutions that are not on a shortcut.

print("part    shape          parameters  multiplications")
for name, output in outputs.items():
    part = getattr(model, name)
    shape = str(tuple(output.shape[1:]))
    print(f"{name:<8}{shape:<15}{count(part):>10,}{products[name] / 1e6:>15.1f} M")
print(f"{'in all':<23}{count(model):>10,}{total / 1e6:>15.1f} M")
weighted = [name for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
print(sum("downsample" not in name for name in weighted), "layers")
assert sum("downsample" not in name for name in weighted) == 18

# %%
# One block, and its ``downsample``
# ---------------------------------
#
# Two 3 × 3 convolutions are the branch. The block adds its input to what they give, and the last ReLU comes after the
# sum. Where the shape changes, the input cannot be added as it is. There ``downsample``, a 1 × 1 convolution with the
# same stride and a batch norm, gives it the new shape.


class Block(nn.Module):
    def __init__(self, before, after, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or before != after:
            shortcut = nn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(after))

    def forward(self, x):
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(branch + (x if self.downsample is None else self.downsample(x)))


x = torch.rand(5, 64, 56, 48)
print("stride 1:", tuple(Block(64, 64)(x).shape), " stride 2:", tuple(Block(64, 128, 2)(x).shape))

# %%
# Why do the channels double?
# ---------------------------
#
# A 3 × 3 convolution needs :math:`9 \cdot C_\text{in} \cdot C_\text{out}` weights, and multiplies each of them once for
# each of :math:`H \cdot W` places. Halving the sides leaves a quarter of the places. Doubling the channels of input and
# output gives four times the weights. So a stage costs about as much as the one before, and holds about four times its
# parameters.

draw_costs()
for before, after in ((1, 2), (2, 3), (3, 4)):
    assert 0.85 < products[f"layer{after}"] / products[f"layer{before}"] < 1.01
    held = [count(getattr(model, f"layer{k}")) for k in (before, after)]
    assert 3.5 < held[1] / held[0] < 4.1
assert count(model.layer4) > 0.5 * count(model)

# %%
# Why does it end with a mean?
# ----------------------------
#
# ``avgpool`` keeps one mean for each channel, so ``fc`` gets 512 numbers from an image of another size, too.
# For 1000 classes and 224 by 224 pixels, flattened maps would need a linear layer with more weights than the whole
# network has. It would also fix the size of the image. The price of the mean is that it no longer knows where something
# was: a mirrored map gives the same logits.

for size in ((224, 224), (160, 288), (97, 65)):
    parts = through(model, torch.rand(1, 3, *size))
    print(size, "layer4", tuple(parts["layer4"].shape[1:]), "fc", tuple(parts["fc"].shape))
    mirrored = model.fc(model.avgpool(parts["layer4"].flip(-1)).flatten(1))
    torch.testing.assert_close(mirrored, parts["fc"])
flat = 512 * 7 * 7 * 1000
print(f"{flat:,} weights if it were flattened, {count(model):,} parameters in the network")
assert flat > 2 * count(model)

# %%
# What does ResNet-50 do differently?
# -----------------------------------
#
# Its *bottleneck* block shrinks the channels with a 1 × 1 convolution, applies one 3 × 3 convolution, and expands them
# to four times as many. That makes many channels affordable. In the original the first 1 × 1 convolution has the
# stride, and in torchvision the 3 × 3 convolution has it. ``fc`` gets :val:`2048 <deep.fc.in_features>` means, from
# images of other sizes, too.

with torch.device("meta"):  # shapes without memory
    deep = resnet50()
    print(f"256 channels: bottleneck {count(Bottleneck(256, 64)):,}", end=", ")
    print(f"two 3 x 3 convolutions {count(BasicBlock(256, 256)):,} parameters")
first = deep.layer2[0]
for conv in (first.conv1, first.conv2, first.conv3):
    print(f"{conv.in_channels} -> {conv.out_channels}", conv.kernel_size, "stride", conv.stride)
assert count(BasicBlock(256, 256)) > 16 * count(Bottleneck(256, 64))

# %%
# .. use-this::
#
#    For photos, take ``resnet18()`` or ``resnet50()`` with :ref:`pretrained weights <pretrained-weights>`. For images
#    of about 32 pixels, replace the stem as below. Its new ``conv1`` begins with random weights. Leave the stages as
#    they are. ResNet-50 has about twice the parameters and multiplications of ResNet-18. A batch of larger images costs
#    more time and memory, and no parameters.
#
# A common mistake
# ----------------
#
# **The stem for photos on images of 32 by 32 pixels.** Five halvings leave one pixel. Around it a 3 × 3 convolution
# sees padding, and in train mode a batch of one image raises an error. A stem with stride 1 and without pooling keeps
# 4 by 4 pixels, and costs many times the multiplications.

small = torch.rand(1, 3, 32, 32)
large, tiny = outputs["layer4"], through(model, small)["layer4"]
print("layer4 of 224 by 224 pixels:", tuple(large.shape), " of 32 by 32:", tuple(tiny.shape))
with expect_error(ValueError, match="Expected more than 1 value per channel when training"):
    model.train()(small)
before = multiplications(model.eval(), small)[1]
model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
model.maxpool = nn.Identity()
print("with the small stem", tuple(through(model, small)["layer4"].shape), end=", ")
print(f"multiplications times {multiplications(model, small)[1] / before:.0f}")
assert model.train()(small).shape == (1, 1000)

# %%
# From scratch: the whole network
# -------------------------------
#
# With the block from above, ResNet-18 is these lines. The parts have torchvision's names, so ``load_state_dict`` takes
# its weights, and both give the same logits. To train it from the start, copy how torchvision initializes it, too:
# ``nn.init.kaiming_normal_`` with ``mode="fan_out"`` for the convolutions.


class ResNet(nn.Sequential):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(64), nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Block(64, 64), Block(64, 64))
        for k, width in ((2, 64), (3, 128), (4, 256)):
            blocks = Block(width, 2 * width, stride=2), Block(2 * width, 2 * width)
            self.add_module(f"layer{k}", nn.Sequential(*blocks))
        self.avgpool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.fc = nn.Linear(512, classes)


theirs, ours = resnet18().eval(), ResNet(1000).eval()
print(ours.load_state_dict(theirs.state_dict()))
with torch.no_grad():
    torch.testing.assert_close(ours(photo), theirs(photo))

# %%
# How this was checked

# In train mode, with gradients; and the twin in ptguide.models.
twin = models.ResNet(models.ResNetSettings.resnet18())
twin.load_state_dict(theirs.state_dict())
three = torch.rand(3, 3, 65, 97)
results = []
for one in (theirs, ours, twin):
    logits = one.train()(three)
    gradient = torch.autograd.grad(logits.square().mean(), one.layer3[0].conv2.weight)[0]
    results.append((logits, gradient))
for logits, gradient in results[1:]:
    torch.testing.assert_close(logits, results[0][0])
    torch.testing.assert_close(gradient, results[0][1], rtol=1e-3, atol=1e-5)
# torchvision's convolutions do not begin like nn.Conv2d.
fresh = {"theirs": resnet18(), "ours": ResNet(1000)}
for name, one in fresh.items():
    weight = one.layer4[1].conv2.weight
    kaiming = nn.init.kaiming_normal_(torch.empty_like(weight), mode="fan_out", nonlinearity="relu")
    ratio = (weight.std() / kaiming.std()).item()
    assert (0.98 < ratio < 1.02) == (name == "theirs")
    assert name == "theirs" or ratio < 0.6
# The counts are torchvision's own, in billions of multiplications.
meta = ResNet18_Weights.DEFAULT.meta
assert count(theirs) == meta["num_params"] == 11_689_512
assert abs(total / 1e9 - meta["_ops"]) < 0.002
# Which blocks have a downsample: the first of the last three stages.
found = [name for name, part in theirs.named_modules() if name.endswith("downsample")]
assert found == ["layer2.0.downsample", "layer3.0.downsample", "layer4.0.downsample"]
assert {k for k in (1, 2, 3, 4) if getattr(theirs, f"layer{k}")[0].conv1.stride == (2, 2)} == {
    2,
    3,
    4,
}
# In ResNet-50 the first stage has one, too: its channels change.
assert [deep.get_submodule(f"layer{k}")[0].downsample is not None for k in (1, 2, 3, 4)] == [
    True
] * 4
assert first.conv2.stride == (2, 2)
assert first.conv1.stride == first.conv3.stride == (1, 1)
for k in (1, 2, 3, 4):
    for block in deep.get_submodule(f"layer{k}"):
        assert block.conv3.out_channels == 4 * block.conv1.out_channels
assert 1.8 < count(deep) / count(theirs) < 2.5
with torch.device("meta"):
    photo_of_meta = torch.rand(1, 3, 224, 224)
assert 1.8 < multiplications(deep.eval(), photo_of_meta)[1] / total < 2.5
for size in ((224, 224), (97, 65)):  # ResNet-50 takes other sizes, too
    with torch.device("meta"):
        assert deep(torch.rand(1, 3, *size)).shape == (1, 1000)
# The counter leaves batch norm out, which multiplies each number of its input at least once.
assert products["bn1"] == products["relu"] == 0
# Sides are halved and rounded up, five times.
for side in (224, 97, 65, 33, 32, 1):
    left = side
    for _ in range(5):
        left = (left + 1) // 2
    assert through(theirs.eval(), torch.rand(1, 3, side, 40))["layer4"].shape == (1, 512, left, 2)
# The logits are the mean of the logits at each place.
maps = outputs["layer4"]  # (1, 512, 7, 7)
by_place = theirs.fc(maps.permute(0, 2, 3, 1))  # (1, 7, 7, 1000)
torch.testing.assert_close(by_place.mean(dim=(1, 2)), theirs.fc(maps.mean(dim=(2, 3))))
# On a map of one pixel, a 3 x 3 convolution with padding 1 uses the weight in its middle alone.
one_pixel, weight = torch.rand(2, 8, 1, 1), torch.randn(6, 8, 3, 3)
torch.testing.assert_close(
    F.conv2d(one_pixel, weight, padding=1), F.conv2d(one_pixel, weight[:, :, 1:2, 1:2])
)
# Two images of 32 by 32 raise nothing in train mode, nor does one in evaluation mode.
assert resnet18().train()(torch.rand(2, 3, 32, 32)).shape == (2, 1000)
assert theirs.eval()(small).shape == (1, 1000)
# The linear layer behind flattened maps fits one size.
flattened = nn.Linear(512 * 2 * 2, 10)
with expect_error(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
    flattened(torch.rand(1, 512, 3, 3).flatten(1))

# %%
# Check yourself
# --------------

with torch.no_grad():
    last = through(theirs.eval(), torch.rand(1, 3, 256, 192))["layer4"]
ask(
    "A ResNet-18 gets an image of shape (1, 3, 256, 192). What is the shape of what layer4 gives?",
    answer=last.shape,
    choices={
        (1, 512, 8, 6): "Five halvings: the stem has two, and three stages have one each.",
        (
            1,
            512,
            16,
            12,
        ): "That is four halvings. The stem halves twice: conv1 and maxpool have stride 2.",
        (1, 512, 7, 7): "That is what an image of 224 by 224 pixels gives.",
        (1, 512, 1, 1): "That is the mean over all places, which comes after layer4.",
    },
)

# %%
# The shortcut has stride 2, too.

x = torch.rand(1, 3, 8, 6, requires_grad=True)
nn.Conv2d(3, 5, 1, stride=2)(x).sum().backward()
read = (x.grad != 0).any(dim=1).float().mean().item()
ask(
    "The downsample of layer2 is a 1 x 1 convolution with stride 2. Which part of its input does it read?",
    answer={0.25: "a quarter", 0.5: "a half", 1.0: "all of them"}[read],
    choices={
        "a quarter": "It reads each second pixel of each second row. The branch also reaches the others.",
        "a half": "The stride skips in both directions.",
        "all of them": "A window of 1 x 1 pixel does not reach what the stride skips. A mean before it would.",
    },
)

# %%
# **Exercise.** How many parameters does a stage of basic blocks have? Compute it from the channels before and after
# the stage, and the number of blocks. Batch norm has two parameters for each channel. There is a ``downsample`` where
# the channels change.


def by_building(before, after, blocks):
    with torch.device("meta"):
        stage = [models.BasicBlock(before if k == 0 else after, after) for k in range(blocks)]
    return torch.tensor(sum(map(count, stage)))


cases = [(2, 2, 1), (64, 64, 2), (64, 128, 2), (3, 5, 4)]


def parameters_of_a_stage(before, after, blocks):
    raise NotImplementedError


check(parameters_of_a_stage, by_building, cases)

# %%
# The first convolution reads ``before`` channels, the others read ``after``.

# Solution


def parameters_of_a_stage(before, after, blocks):
    first = 9 * before * after + 2 * after
    others = (2 * blocks - 1) * (9 * after * after + 2 * after)
    shortcut = before * after + 2 * after if before != after else 0
    return torch.tensor(first + others + shortcut)


report = check(parameters_of_a_stage, by_building, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`transfer-learning` takes a trained network, and gives it a new last layer.
#
# - He, Zhang, Ren and Sun (2015). `Deep residual learning for image recognition <https://arxiv.org/abs/1512.03385>`__.
#   Table 1 lists the stages of ResNets of five depths.
# - PyTorch contributors (2026). `torchvision/models/resnet.py
#   <https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py>`__. The code that this page takes apart.
# - He, Zhang, Zhang, Zhang, Xie and Li (2018). `Bag of tricks for image classification with convolutional neural
#   networks <https://arxiv.org/abs/1812.01187>`__. Where the strides are better placed, in shortcuts as well.
