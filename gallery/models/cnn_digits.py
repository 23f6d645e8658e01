"""
.. _cnn-digits:

How does a CNN work? Filters and feature maps, on digits
========================================================

You want a network to read images, and a fully connected layer treats neighboring pixels like any two others. A
:term:`convolution` moves the same small filter of nine weights over the image, and a :term:`network` of such layers
(CNN) learns what its filters look for.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.models import LeNet, LeNetSettings
from ptguide.pictures import draw, draw_network
from ptguide.questions import ask
from ptguide.training import fit

device = pick_device()
settings = LeNetSettings((1, 12, 12), kernel=3, padding=(1, 1), maps=(8, 16), hidden=(64, 32))


def framed(part):
    """Return digits of 8 by 8 pixels in the middle of 12 by 12."""
    images, labels = digits(part)[:]
    return TensorData(F.pad(images, (2, 2, 2, 2)), labels)


learned, unseen = framed("train"), framed("validation")


def train(seed):
    torch.manual_seed(seed)
    model = LeNet(settings).to(device)
    loader = batches(learned, 100, shuffle=True, generator=torch.Generator().manual_seed(seed))
    fit(model, loader, F.cross_entropy, torch.optim.Adam(model.parameters(), lr=0.01), epochs=15)
    return model


def accuracy(model):
    """Return the fraction of the unseen digits that a model reads right."""
    with torch.no_grad():
        answers = model.eval()(unseen.inputs.to(device)).argmax(dim=1)
    return (answers == unseen.targets.to(device)).float().mean().item()


models = [train(seed) for seed in range(3)]
model = models[0]
filters = model.conv1.weight.detach().cpu()  # (8, 1, 3, 3)
digit = unseen.inputs[8:9].to(device)  # (1, 1, 12, 12)
with torch.no_grad():
    maps = {name: stage.cpu() for name, stage in model.eval().feature_maps(digit).items()}


def draw_filters():
    figure, axes = plt.subplots(2, 9, figsize=(7, 2.1), layout="constrained")
    most = filters.abs().max().item()
    axes[1, 0].imshow(digit[0, 0].cpu().numpy(), cmap="gray_r")
    axes[1, 0].set_title("the digit", fontsize=8)
    for above, below, weight, seen in zip(*axes[:, 1:], filters, maps["c1"][0], strict=True):
        shown = above.imshow(weight[0].numpy(), "RdBu_r", vmin=-most, vmax=most)
        below.imshow(seen.numpy(), cmap="gray_r")
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    axes[0, 0].axis("off")
    figure.colorbar(shown, ax=axes[0].tolist(), label="weight")
    figure.suptitle("Eight learned filters, and what each answers to one digit")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_filters()

# %%
# The network was trained on digits. The upper row shows the filters of its first layer, red where ink adds to the
# answer and blue where it subtracts. Below each is its :term:`feature map`, dark where the filter answers strongly.
# You need to know :ref:`feed-forward-digits`. Trained with three seeds, the network reads most of the digits that it
# has not seen:

# Varies with the processor: a training amplifies how it rounds.
found = [accuracy(one) for one in models]
print(f"right on {len(unseen)} unseen digits:", ", ".join(f"{each:.1%}" for each in found))
assert min(found) > 0.9

# %%
# One answer of a filter
# ----------------------
#
# Lay the filter on the image, multiply each weight by the pixel below it, and add up. Then move on by one pixel. This
# filter has -1 on the left and :val:`1 <edge[0, 2]>` on the right. From left to right, its answer is positive where ink
# begins and negative where ink ends. Point at a result to see the pixels that it was computed from.

stroke = torch.tensor([[0.0, 0, 0, 9, 9], [0, 0, 9, 9, 0], [0, 0, 9, 9, 0], [0, 9, 9, 0, 0]])
edge = torch.tensor([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]])


def convolve(image, filter):
    return F.conv2d(image[None, None], filter[None, None])[0, 0]


draw(convolve, (stroke, edge), names=["image", "filter"])

# %%
# Layer by layer
# --------------
#
# The second layer looks at the maps of the first, so each of its 16 filters has shape
# :val:`tuple(model.conv2.weight.shape[1:])`. Pooling keeps the largest of four neighbors. So the channels become more
# and the pixels fewer. At the end 16 maps of :val:`3 <maps["s4"].shape[2]>` by :val:`3 <maps["s4"].shape[3]>` are laid
# in a row of 144 numbers for the linear layers, which choose the digit.

assert model.fc1.in_features == 16 * 3 * 3 == 144
draw_network(model, digit)

# %%
# Few weights, many places
# ------------------------
#
# The first layer has :val:`8 <len(model.conv1.weight)>` filters, each with :val:`model.conv1.weight[0].numel()` weights
# and a bias. A larger image needs no more. A fully connected layer between the same pixels and the same maps needs two
# thousand times as many.

full = nn.Linear(12 * 12, 8 * 12 * 12)
for name, layer in {"convolution": model.conv1, "fully connected": full}.items():
    print(f"{name:<16}{sum(p.numel() for p in layer.parameters()):>8,} weights")
assert sum(p.numel() for p in full.parameters()) > 2000 * sum(
    p.numel() for p in model.conv1.parameters()
)

# %%
# .. use-this::
#
#    Begin with ``nn.Conv2d(channels_in, channels_out, 3, padding=1)``, which keeps height and width, and feed images
#    as (N, C, H, W). Double the channels where you halve height and width, as above. If images come in several sizes,
#    average each map (``nn.AdaptiveAvgPool2d(1)``) before the linear layers. They then no longer learn where in the
#    map something was. While you train, the maps stay in memory.
#
# A common mistake
# ----------------
#
# **The channel axis is missing.** A batch of three gray images of shape (3, 12, 12) is taken for one image of three
# channels. ``unsqueeze(1)`` puts the axis in. With a first layer of three channels, nothing would be raised.

gray = torch.rand(3, 12, 12)
conv = nn.Conv2d(1, 8, 3, padding=1)
with expect_error(RuntimeError, match="to have 1 channels, but got 3 channels"):
    conv(gray)
assert conv(gray.unsqueeze(1)).shape == (3, 8, 12, 12)

# %%
# How this was checked

# Images of another size: the first linear layer counts the elements, an average over each map does not.
larger = torch.rand(3, 1, 14, 16)
flat = nn.Sequential(conv, nn.Flatten(), nn.Linear(8 * 12 * 12, 10))
with expect_error(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
    flat(larger)
pooled = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
for size in ((14, 16), (12, 12), (5, 40), (1, 1)):
    assert pooled(torch.rand(3, 1, *size)).shape == (3, 10)
# The maps are what the layers give when they are called one by one.
with torch.no_grad():
    c1 = model.conv1(digit).relu()
    s2 = F.max_pool2d(c1, 2)
    s4 = F.max_pool2d(model.conv2(s2).relu(), 2)
torch.testing.assert_close(s4.cpu(), maps["s4"])
assert [tuple(stage.shape[1:]) for stage in maps.values()] == [
    (8, 12, 12),
    (8, 6, 6),
    (16, 6, 6),
    (16, 3, 3),
]

# A convolution is a fully connected layer whose weights are 0 nearly everywhere, and shared.
pixels = torch.eye(144).reshape(144, 1, 12, 12)
matrix = F.conv2d(pixels, filters, padding=1).flatten(
    1
)  # a row for each pixel, a column for each place in a map
some = torch.rand(5, 1, 12, 12)
torch.testing.assert_close(
    (some.flatten(1) @ matrix).reshape(5, 8, 12, 12), F.conv2d(some, filters, padding=1)
)
assert len(matrix[matrix != 0].unique()) <= 8 * 9
assert (matrix != 0).float().mean() < 0.06

# Three gray images pass as one in color.
assert nn.Conv2d(3, 8, 3, padding=1)(gray).shape == (8, 12, 12)
# The average of a map does not say where something was.
assert (
    F.adaptive_avg_pool2d(some, 1) - F.adaptive_avg_pool2d(some.roll(5, dims=-1), 1)
).abs().max() < 1e-6
# A fully connected layer does not know which pixels are neighbors: mix pixels and weights alike.
with torch.no_grad():
    mixed = torch.randperm(144, generator=torch.Generator().manual_seed(0))
    answers = full(some.flatten(1))
    torch.testing.assert_close(
        F.linear(some.flatten(1)[:, mixed], full.weight[:, mixed], full.bias), answers
    )
assert F.conv2d(stroke[None, None], edge[None, None]).aminmax() == (-27, 27)
# padding=1 keeps height and width for 3 by 3 filters.
for height, width in [(1, 1), (5, 9), (12, 12)]:
    assert conv(torch.rand(2, 1, height, width)).shape == (2, 8, height, width)
# The average of a map, by hand.
maps_of_three = torch.rand(3, 8, 14, 16)
torch.testing.assert_close(
    nn.AdaptiveAvgPool2d(1)(maps_of_three).flatten(1), maps_of_three.mean(dim=(2, 3))
)

# %%
# Check yourself
# --------------

ask(
    "nn.Conv2d(3, 8, kernel_size=5): how many weights does it have, without the bias?",
    answer=nn.Conv2d(3, 8, kernel_size=5).weight.numel(),
    choices={
        8 * 5 * 5: "Each filter looks at all 3 channels, with 5 · 5 weights for each.",
        3 * 8 * 5 * 5: "8 filters, each with 5 · 5 weights for each of 3 channels.",
        3 * 8: "That is for filters of one pixel, kernel_size=1.",
    },
)

# %%
# The next question is about the size of the maps.

ask(
    "An image of 12 by 12 pixels goes through a filter of 3 by 3 without padding. How large is the feature map?",
    answer=tuple(F.conv2d(torch.zeros(1, 1, 12, 12), torch.zeros(1, 1, 3, 3)).shape[2:]),
    choices={
        (12, 12): "That is what padding=1 gives.",
        (10, 10): "The filter fits at 10 places in each direction.",
        (4, 4): "That is a stride of 3: places that do not overlap.",
    },
)

# %%
# **Exercise.** Write the convolution of an image of shape (H, W) with a filter of shape (h, w), without padding or
# torch's convolutions. The result has shape (H - h + 1, W - w + 1).


def by_torch(image, filter):
    return F.conv2d(image[None, None], filter[None, None])[0, 0]


cases = [
    (torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 10.0]])),
    (stroke, edge),
    (torch.arange(42.0).reshape(6, 7), torch.arange(8.0).reshape(4, 2)),
]


def my_convolution(image, filter):
    raise NotImplementedError


check(my_convolution, by_torch, cases, without=["conv1d", "conv2d", "unfold"])

# %%
# Add up shifted images, one for each weight of the filter.

# Solution


def my_convolution(image, filter):
    height, width = image.shape[0] - filter.shape[0] + 1, image.shape[1] - filter.shape[1] + 1
    result = torch.zeros(height, width)
    for i in range(filter.shape[0]):
        for j in range(filter.shape[1]):
            result += filter[i, j] * image[i : i + height, j : j + width]
    return result


report = check(my_convolution, by_torch, cases, without=["conv1d", "conv2d", "unfold"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`receptive-field` shows which pixels one output can see.
#
# - LeCun, Bottou, Bengio and Haffner (1998). `Gradient-based learning applied to document recognition
#   <https://doi.org/10.1109/5.726791>`__. LeNet-5, of which the network of this page is a smaller form.
# - Zeiler and Fergus (2014). `Visualizing and understanding convolutional networks
#   <https://arxiv.org/abs/1311.2901>`__. What the filters of deeper layers look for.
