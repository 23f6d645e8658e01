"""
.. _cnn-digits:

How does a CNN work? Filters, feature maps and receptive field, on digits
=========================================================================

A :term:`network` of :term:`convolutions <convolution>` (CNN) looks at one place of an image after the other with the
same few weights. This page trains ``ptguide.models.LeNet`` on digits, draws what it learned, and finds out which pixels
one of its outputs can see. You need to know :ref:`feed-forward-digits`.
"""

# %%
# ``LeNet`` on digits of 8 by 8 in the middle of 12 by 12 pixels. Of 357 that it has not seen, it reads more than 90 %.

# Varies with the processor: a training amplifies how it rounds.
import torch
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.devices import pick_device
from ptguide.models import LeNet, LeNetSettings
from ptguide.training import evaluate, fit

data = [digits(part)[:] for part in ("train", "validation")]
learned, unseen = (TensorData(F.pad(images, (2, 2, 2, 2)), labels) for images, labels in data)
settings = LeNetSettings((1, 12, 12), kernel=3, padding=(1, 1), maps=(8, 16), hidden=(64, 32))
device = pick_device()
torch.manual_seed(0)
model = LeNet(settings).to(device)
loader = batches(learned, 100, shuffle=True, generator=torch.Generator().manual_seed(0))
fit(model, loader, F.cross_entropy, torch.optim.Adam(model.parameters(), lr=0.01), epochs=15)
accuracy, new = (evaluate(model, batches(part, 357)).accuracy for part in (learned, unseen))
print(f"read: {accuracy:.1%} of those that it learned from, {new:.1%} of {len(unseen)} others")
assert accuracy > 0.95
assert new > 0.9

# %%
# What did it learn? The first layer has 8 filters of 3 by 3 weights. What a filter makes of an image is its
# :term:`feature map`; here is one digit that the network has not seen.

filters = model.conv1.weight.detach().cpu()  # (8, 1, 3, 3)
digit = unseen.inputs[8:9].to(device)  # (1, 1, 12, 12)
with torch.no_grad():
    maps = {name: stage.cpu() for name, stage in model.eval().feature_maps(digit).items()}
assert maps["c1"].shape == (1, 8, 12, 12)

# %%
# The upper row shows the filters: red where ink counts for, blue where it counts against. Below each stands its map.

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt

figure, axes = plt.subplots(2, 8, figsize=(6.5, 2.2), layout="constrained")
most = filters.abs().max().item()
for above, below, weight, seen in zip(*axes, filters, maps["c1"][0], strict=True):
    shown = above.imshow(weight[0].numpy(), "RdBu_r", vmin=-most, vmax=most)
    below.imshow(seen.numpy(), cmap="gray_r")
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
figure.colorbar(shown, ax=axes[0].tolist(), label="weight")
axes[0, 0].set_ylabel("filter")
axes[1, 0].set_ylabel("map")
figure.suptitle("The learned filters, and what each of them sees in one digit")
plt.show()

# %%
# The scale is symmetric: white is 0, so the sign of a weight can be seen. Red and blue in one filter prove little, as
# the random weights of the start have both signs, too. What training made is an answer to *edges*, where ink meets
# paper. Sum the weights that lie on ink: for most filters, some straight edge through the 3 by 3 pixels gives clearly
# more than plain paper (0) and plain ink (the sum of all nine). At the start, hardly one did.

torch.manual_seed(0)
start = LeNet(settings).conv1.weight.detach()


def answers_edges(filters):
    sides = [filters.sum(dim=axis).squeeze(1) for axis in (2, 3)]  # columns, rows: (8, 3)
    halves = [half.sum(dim=1) for s in sides for k in (1, 2) for half in (s[:, :k], s[:, k:])]
    return torch.stack(halves).amax(dim=0) > filters.sum(dim=(1, 2, 3)).clamp(min=0) + 0.35


assert (filters.amin(dim=(1, 2, 3)) < 0).sum() >= 5
assert (start.amin(dim=(1, 2, 3)) < 0).sum() == (start.amax(dim=(1, 2, 3)) > 0).sum() == 8
assert answers_edges(filters).sum() >= 5
assert answers_edges(start).sum() <= 1

# %%
# Layer by layer
# --------------
#
# The shape at each layer. The channels become more and the pixels fewer. At the end, 16 maps of 3 by 3 are laid in a
# row of 144 for the linear layers. What ``feature_maps`` returned is what the layers give when they are called one by
# one. Activation and pooling are called more than once: their rows list the shapes of each call.

from ptguide.pictures import draw_network

with torch.no_grad():
    c1 = model.conv1(digit).relu()
    s2 = F.max_pool2d(c1, 2)
    s4 = F.max_pool2d(model.conv2(s2).relu(), 2)
torch.testing.assert_close(s4.cpu(), maps["s4"])
shapes = [tuple(stage.shape[1:]) for stage in maps.values()]
assert shapes == [(8, 12, 12), (8, 6, 6), (16, 6, 6), (16, 3, 3)]
assert model.fc1.in_features == 16 * 3 * 3 == 144
table = draw_network(model, digit)
assert {row.name: len(row.calls) for row in table.rows if len(row.calls) > 1} == {
    "activation": 4,
    "pool": 2,
}
table

# %%
# Few weights, many places
# ------------------------
#
# A filter of this layer has 3 · 3 weights and a bias, and no more for a larger image. A fully connected layer from the
# same pixels to the same maps has a weight for each pair: more than two thousand times as many.

from torch import nn

assert sum(p.numel() for p in model.conv1.parameters()) == 8 * (3 * 3 + 1) == 80
full = nn.Linear(12 * 12, 8 * 12 * 12)
assert sum(p.numel() for p in full.parameters()) == 144 * 1152 + 1152 == 167_040
assert 167_040 / 80 > 2000

# %%
# A convolution *is* that layer, with nearly all weights 0 and the rest shared. Its matrix, found by sending in one
# pixel after the other (a row for each pixel, a column for each place in a map):

pixels = torch.eye(144).reshape(144, 1, 12, 12)
matrix = F.conv2d(pixels, filters, padding=1).flatten(1)  # (144, 1152)
some = torch.rand(5, 1, 12, 12)
expected = F.conv2d(some, filters, padding=1)
torch.testing.assert_close((some.flatten(1) @ matrix).reshape(5, 8, 12, 12), expected)
assert len(matrix[matrix != 0].unique()) <= 8 * 9
assert (matrix != 0).float().mean() < 0.06

# %%
# The receptive field
# -------------------
#
# Which pixels can one element of a map see? They are its :term:`receptive field`: here a square, cut off where the
# image ends. A rule says how wide. Each layer adds ``(kernel - 1) · jump`` to the width, where the **jump** is how many
# pixels two neighbours of its input are apart: 1 at the image. A stride multiplies the jump. (A ``dilation`` of the
# layer would multiply what it adds. A stride that is larger than its kernel leaves gaps in the square.)


def receptive_field(layers):
    """Return the width in pixels that one output sees; layers are pairs (kernel, stride)."""
    width, jump = 1, 1
    for kernel, stride in layers:
        width, jump = width + (kernel - 1) * jump, jump * stride
    return width


stages = {"c1": [(3, 1)]}
stages["s2"] = [*stages["c1"], (2, 2)]
stages["c3"] = [*stages["s2"], (3, 1)]
stages["s4"] = [*stages["c3"], (2, 2)]
by_rule = {name: receptive_field(layers) for name, layers in stages.items()}
print(by_rule)
assert by_rule == {"c1": 3, "s2": 4, "c3": 8, "s4": 10}

# %%
# The other way: ask the network. ``ptguide.trace`` changes one pixel after the other, and looks which outputs change.
# Here it is one place in each stage, and the pixels that its maps depend on. In the corner, the square is cut off.

import copy

from ptguide.trace import trace

on_cpu = copy.deepcopy(model).cpu().double()
places = {"c1": (5, 5), "s2": (2, 2), "c3": (2, 2), "s4": (1, 1)}
image = digit[0].cpu().double()  # (1, 12, 12)
fields = {}
for name, (row, column) in places.items():

    def look(x, name=name, row=row, column=column):
        return on_cpu.feature_maps(x[None])[name][0, :, row, column]

    fields[name] = trace(look, image).depends().any(dim=0)[0]  # (12, 12)
    assert fields[name].sum() == by_rule[name] ** 2
corner = trace(lambda x: on_cpu.feature_maps(x[None])["s4"][0, :, 0, 0], image).depends()
assert corner.any(dim=0)[0].sum() == 7 * 7

dilated = nn.Conv1d(1, 1, 3, dilation=2).double()
with_gap = nn.Sequential(nn.Conv1d(1, 1, 1, stride=2), nn.Conv1d(1, 1, 2)).double()
for layers, seen in ((dilated, [1, 0, 1, 0, 1]), (with_gap, [1, 0, 1])):
    line = torch.rand(1, len(seen)).double()
    found = trace(lambda x, layers=layers: layers(x[None])[0], line).depends()
    assert found.flatten().tolist() == seen

# %%
# The same numbers, from the rule and from the network. Drawn around the pixels of each field, on the digit:

from matplotlib.patches import Rectangle

figure, axis = plt.subplots(figsize=(4.2, 3.6), layout="constrained")
axis.imshow(image[0].numpy(), cmap="gray_r", alpha=0.5)
for (name, seen), color in zip(fields.items(), plt.cm.viridis([0.0, 0.35, 0.6, 0.9]), strict=True):
    rows, columns = (seen.any(dim=d).nonzero().flatten() for d in (1, 0))
    assert len(rows) == len(columns) == by_rule[name]  # so each is a full square
    corner = (columns[0].item() - 0.45, rows[0].item() - 0.45)
    size = by_rule[name] - 0.1
    box = Rectangle(corner, size, size, fill=False, color=color, linewidth=3, label=name)
    axis.add_patch(box)
axis.set(xticks=[], yticks=[])
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
axis.set_title("What one element of each stage can see")
plt.show()

# %%
# An element of ``c1`` sees a piece of a stroke, this one of ``s4`` the whole digit: deeper layers see more.

assert fields["s4"][2:10, 2:10].all()
assert fields["c1"].sum() == 9

# %%
# What goes wrong
# ---------------
#
# *The channel axis is missing.* A convolution takes (N, C, H, W), gray images too. Three gray images of shape
# (3, 12, 12) are read as one image of three channels. ``unsqueeze(1)`` puts the axis in.

from ptguide.errors import expect_error

gray = torch.rand(3, 12, 12)
conv = nn.Conv2d(1, 8, 3, padding=1)
with expect_error(RuntimeError, match="to have 1 channels, but got 3 channels"):
    conv(gray)
assert conv(gray.unsqueeze(1)).shape == (3, 8, 12, 12)

# %%
# *Images of another size.* A convolution takes larger and smaller images, but the first linear layer counts the
# elements of the maps. This guide's ``LeNet`` says so at once; the plain layers fail at that one. **Global pooling**
# makes one number of each map, the largest value (*max*) or the mean (*average*). So what follows gets as many numbers
# from an image of another size.

with expect_error(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
    nn.Sequential(conv, nn.Flatten(), nn.Linear(8 * 12 * 12, 10))(torch.rand(3, 1, 14, 16))
with expect_error(ValueError, match="shape"):
    model(torch.rand(3, 1, 14, 16, device=device))
for pool in (nn.AdaptiveMaxPool2d(1), nn.AdaptiveAvgPool2d(1)):
    pooled = nn.Sequential(conv, pool, nn.Flatten(), nn.Linear(8, 10))
    for size in ((14, 16), (12, 12), (5, 40), (1, 1)):
        assert pooled(torch.rand(3, 1, *size)).shape == (3, 10)
maps = torch.rand(3, 8, 14, 16)
assert torch.equal(nn.AdaptiveMaxPool2d(1)(maps).flatten(1), maps.amax(dim=(2, 3)))
torch.testing.assert_close(nn.AdaptiveAvgPool2d(1)(maps).flatten(1), maps.mean(dim=(2, 3)))

# %%
# Check yourself
# --------------

from ptguide.questions import ask

ask(
    "Three convolutions of 3 by 3, stride 1, one after the other. How many pixels wide is what one output sees?",
    answer=receptive_field([(3, 1)] * 3),
    choices={
        3: "That is the first one alone.",
        7: "Each adds 2 to the 1 that one pixel is.",
        9: "They do not multiply: neighbouring squares overlap.",
    },
)

# %%
# And with pooling between:

ask(
    "A convolution of 3 by 3, pooling of 2 by 2 with stride 2, again 3 by 3. How wide is it now?",
    answer=receptive_field([(3, 1), (2, 2), (3, 1)]),
    choices={
        6: "So it would be if the pooling had stride 1.",
        8: "After the pooling, neighbours are 2 pixels apart: the last layer adds (3 - 1) · 2.",
        12: "The stride multiplies what comes later, not what is there.",
    },
)

# %%
# Next: :ref:`digits-that-move`. A CNN has the same weights at every place; does that make it indifferent to place?
