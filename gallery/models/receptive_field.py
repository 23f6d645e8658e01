"""
.. _receptive-field:

Which pixels can one output of a CNN see?
=========================================

An output of a CNN knows nothing of a pixel that it cannot see, however long you train. The pixels that it can see are
its :term:`receptive field`, whose width you can compute from the layers, or find by gradients.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.exercises import check
from ptguide.models import LeNet, LeNetSettings
from ptguide.questions import ask
from ptguide.trace import trace

torch.manual_seed(0)
model = (
    LeNet(LeNetSettings((1, 12, 12), kernel=3, padding=(1, 1), maps=(8, 16), hidden=(64, 32)))
    .double()
    .eval()
)
image = F.pad(digits("validation").inputs[8], (2, 2, 2, 2)).double()  # (1, 12, 12)


def seen_by(stage, row, column):
    """Return which pixels change the maps of a stage at one place, shape (12, 12)."""
    pixels = torch.rand(200, 1, 12, 12, dtype=torch.float64, requires_grad=True)
    maps = model.feature_maps(pixels)[stage][:, :, row, column]
    return torch.autograd.grad(maps.sum(), pixels)[0].abs().sum(dim=(0, 1)) > 0


places = {"c1": (5, 5), "s2": (2, 2), "c3": (2, 2), "s4": (1, 1)}
fields = {stage: seen_by(stage, *place) for stage, place in places.items()}


def draw_fields():
    _, axis = plt.subplots(figsize=(5.4, 2.6), layout="constrained")
    axis.imshow(image[0].numpy(), cmap="gray_r", alpha=0.5)
    for (stage, seen), color in zip(
        fields.items(), plt.cm.viridis([0.0, 0.35, 0.6, 0.9]), strict=True
    ):
        rows, columns = (seen.any(dim=d).nonzero().flatten() for d in (1, 0))
        assert seen.sum() == len(rows) * len(columns)  # a full square
        corner, size = (columns[0].item() - 0.45, rows[0].item() - 0.45), len(rows) - 0.1
        label = f"{stage}: {len(rows)} pixels wide"
        axis.add_patch(
            Rectangle(corner, size, size, fill=False, color=color, linewidth=2, label=label)
        )
    axis.set(xticks=[], yticks=[])
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_title("Each stage sees a larger part of the digit")
    plt.show()


# %%

draw_fields()

# %%
# The network has two convolutions of 3 by 3 (c1 and c3), each followed by pooling of 2 by 2 (s2 and s4). A square
# shows what one element of a stage can see. It was measured: for the pixels inside, the gradient of that element is
# not 0, in one of 200 random images at least. You need to know :ref:`cnn-digits`.
#
# The rule
# --------
#
# Go through the layers and keep two numbers, both 1 at first. One is the width of the field. The other is the **jump**:
# how many pixels two neighboring elements are apart. A layer adds ``(kernel - 1) * jump`` to the width. Its stride, the
# step from one place of the filter to the next, multiplies the jump. So the second convolution adds
# :val:`4 <receptive_field(layers[:3]) - receptive_field(layers[:2])>` pixels and not 2: it looks at elements that are
# two pixels apart.


def receptive_field(layers):
    """Return the width in pixels that one output sees; layers are pairs (kernel, stride)."""
    width, jump = 1, 1
    for kernel, stride in layers:
        width, jump = width + (kernel - 1) * jump, jump * stride
    return width


layers = [(3, 1), (2, 2), (3, 1), (2, 2)]  # c1, s2, c3, s4
for depth, (stage, seen) in enumerate(fields.items(), 1):
    by_rule, by_network = receptive_field(layers[:depth]), seen.any(dim=0).sum().item()
    print(f"{stage}: {by_rule:>2} pixels by the rule, {by_network:>2} in the picture")
    assert by_rule == by_network

# %%
# Not every pixel counts alike
# ----------------------------
#
# The field says which pixels *can* matter. The pixel in its middle reaches the output on many paths through the
# layers, a pixel in its corner on one. The gradient shows it. Here is how strongly an output of six convolutions of 3
# by 3 depends on each pixel, on average over 200 random networks.


def gradient_of_the_middle(seed):
    torch.manual_seed(seed)
    layers = nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(6)])
    pixels = torch.zeros(1, 1, 21, 21, requires_grad=True)
    layers(pixels)[0, 0, 10, 10].backward()
    return pixels.grad[0, 0].abs()


influence = torch.stack([gradient_of_the_middle(seed) for seed in range(200)]).mean(dim=0)
figure, axis = plt.subplots(figsize=(5.0, 2.4), layout="constrained")
shown = axis.imshow((influence / influence.max()).numpy(), cmap="viridis")
axis.add_patch(Rectangle((3.5, 3.5), 13, 13, fill=False, color="white", linewidth=2))
axis.set(xticks=[], yticks=[])
figure.colorbar(shown, label="relative |gradient|")
axis.set_title("The middle of the field (white) counts most", fontsize=10)
plt.show()
assert (influence > 0).sum() == 13 * 13
print(
    f"half as many pixels, in the middle, have {influence[6:15, 6:15].sum() / influence.sum():.0%} of the influence"
)
assert influence[6:15, 6:15].sum() > 0.75 * influence.sum()

# %%
# .. use-this::
#
#    Compute the width with the rule before you train. Make it wider than what is to be recognized, because the edge of
#    the field counted little in the networks above. A stride or pooling widens it at no cost in weights, but the maps
#    become smaller and lose detail. A dilation, which spreads the filter out, widens it at no cost and with maps as
#    large. It can leave gaps, though (below), and the exercise has its rule.
#
# Common mistakes
# ---------------
#
# **A dilation or a stride that leaves gaps.** A first layer whose stride is larger than its kernel skips pixels. A
# single layer with a dilation of 2 has holes between its weights. The width says nothing about either. The output has
# seen pixels in black.

dilated = nn.Conv1d(1, 1, 3, dilation=2).double()
strided = nn.Sequential(nn.Conv1d(1, 1, 1, stride=2), nn.Conv1d(1, 1, 2)).double()
for name, layers, width in [("dilation 2", dilated, 5), ("kernel 1, stride 2", strided, 3)]:
    line = torch.rand(1, width).double()
    seen = trace(lambda x, layers=layers: layers(x[None])[0], line).depends().flatten()
    print(f"{name:<20}", "".join("█" if one else "·" for one in seen))
    assert not seen.all()

# %%
# How this was checked

# In the corner the square is cut off where the image ends.
assert seen_by("s4", 0, 0).sum() == 7 * 7
# How many paths lead from a pixel to the output: with weights of 1, the gradient counts them.
six = nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(6)])
for layer in six:
    nn.init.ones_(layer.weight)
pixels = torch.zeros(1, 1, 21, 21, requires_grad=True)
six(pixels)[0, 0, 10, 10].backward()
paths = pixels.grad[0, 0]
assert (paths[4, 4], paths[4, 10], paths[10, 10]) == (1, 141, 141**2)  # corner, edge, middle
# A plain layer before closes the gaps of a dilation that is no larger than its kernel.
for kernel, dilation in [(3, 2), (3, 3), (3, 4), (5, 5), (5, 6)]:
    both = nn.Sequential(nn.Conv1d(1, 1, kernel), nn.Conv1d(1, 1, 3, dilation=dilation)).double()
    line = torch.rand(1, kernel + 2 * dilation).double()
    seen = trace(lambda x, both=both: both(x[None])[0], line).depends()
    assert seen.all() == (dilation <= kernel)
# After a wide layer, a stride that is larger than its kernel skips no pixel.
wide = nn.Sequential(nn.Conv1d(1, 1, 5), nn.Conv1d(1, 1, 1, stride=2), nn.Conv1d(1, 1, 2)).double()
assert trace(lambda x: wide(x[None])[0], torch.rand(1, 7).double()).depends().all()
# The rule against the network, for other layers in one dimension.
for layers in ([(3, 1)] * 3, [(2, 2)] * 3, [(5, 2), (3, 1)], [(3, 2), (3, 2), (2, 1)]):
    width = receptive_field(layers)
    chain = nn.Sequential(
        *[nn.Conv1d(1, 1, kernel, stride=stride) for kernel, stride in layers]
    ).double()
    seen = trace(
        lambda x, chain=chain: chain(x[None])[0, :, :1], torch.rand(1, width).double()
    ).depends()
    assert seen.all()
# Without a stride, each layer of 3 by 3 adds two pixels; with a stride of 2 the field roughly doubles.
assert receptive_field([(3, 1)] * 112) == 225
assert receptive_field([(3, 2)] * 7) == 255

# %%
# Check yourself
# --------------

ask(
    "Three convolutions of 3 by 3, stride 1, one after the other. How many pixels wide is what one output sees?",
    answer=receptive_field([(3, 1)] * 3),
    choices={
        3: "That is the first one alone.",
        7: "The width begins at 1, and each layer adds 2.",
        9: "They do not multiply: neighboring squares overlap.",
    },
)

# %%
# The next question has pooling between two convolutions.

ask(
    "A convolution of 3 by 3, pooling of 2 by 2 with stride 2, again 3 by 3. How wide is it now?",
    answer=receptive_field([(3, 1), (2, 2), (3, 1)]),
    choices={
        6: "That would be with a pooling of stride 1.",
        8: "After the pooling, neighbors are 2 pixels apart: the last layer adds (3 - 1) · 2.",
        12: "The stride multiplies what later layers add, not the width so far.",
    },
)

# %%
# **Exercise.** Extend the rule to dilation. ``layers`` is a tensor of shape (layer, 3) whose rows are kernel, stride
# and dilation. Return the width as a tensor without axes.


def from_the_ends(layers):
    width = 1  # from the last layer back to the pixels: how many elements of its input does one output span?
    for kernel, stride, dilation in reversed(layers.tolist()):
        width = (width - 1) * stride + (kernel - 1) * dilation + 1
    return torch.tensor(width)


cases = [
    (torch.tensor([[3, 1, 1]]),),
    (torch.tensor([[3, 1, 2]]),),
    (torch.tensor([[3, 2, 1], [3, 1, 2], [2, 2, 1], [5, 1, 3]]),),
]


def width_with_dilation(layers):
    raise NotImplementedError


check(width_with_dilation, from_the_ends, cases)

# %%
# The dilation multiplies what its layer adds to the width. It does not change the jump.

# Solution


def width_with_dilation(layers):
    width, jump = 1, 1
    for kernel, stride, dilation in layers.tolist():
        width, jump = width + (kernel - 1) * dilation * jump, jump * stride
    return torch.tensor(width)


report = check(width_with_dilation, from_the_ends, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`digits-that-move` tests how well a CNN reads digits at another place than those it was trained on.
#
# - Araujo, Norris and Sim (2019). `Computing receptive fields of convolutional neural networks
#   <https://distill.pub/2019/computing-receptive-fields/>`__. The rule with branches and skips, with drawings.
# - Luo, Li, Urtasun and Zemel (2016). `Understanding the effective receptive field in deep convolutional neural
#   networks <https://arxiv.org/abs/1701.04128>`__. Why the middle counts most.
