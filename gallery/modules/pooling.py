"""
.. _pooling:

What do max pooling, average pooling and global pooling do?
===========================================================

Large feature maps cost memory, and a linear layer needs a fixed length. Pooling makes one number of each window of a
map, its largest or its mean, and global pooling makes one of the whole map.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import itertools

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import Choice, draw
from ptguide.questions import ask
from ptguide.rules import explain_pool

torch.manual_seed(0)
feature_map = torch.tensor(
    [[1, 5, 2, 0, 3, 1], [0, 2, 8, 1, 1, 4], [7, 1, 0, 3, 6, 2], [2, 0, 1, 9, 0, 5]]
)
train_set, test_set = digits("train"), digits("test")


def pool(x, kind):
    x = x[None].float()
    if kind == "max":
        return F.max_pool2d(x, kernel_size=2)[0]
    if kind == "average":
        return F.avg_pool2d(x, kernel_size=2)[0]
    return F.adaptive_avg_pool2d(x, output_size=1)[0]


def halving(channels, kind):
    """Return a layer that halves height and width and keeps the channels."""
    if kind == "strided conv":
        return nn.Conv2d(channels, channels, 2, stride=2)
    return nn.MaxPool2d(2) if kind == "max pooling" else nn.AvgPool2d(2)


def network(kind):
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), halving(8, kind)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), halving(16, kind)),
        *(nn.Flatten(), nn.Linear(16 * 2 * 2, 10)),
    )


def train(kind, seed, epochs=10):
    """Return how many percent of unseen digits a network reads right, and its number of parameters."""
    torch.manual_seed(seed)
    model, order = network(kind), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _epoch in range(epochs):
        for x, y in batches(train_set, 100, shuffle=True, generator=order):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        right = model(test_set.inputs).argmax(dim=1) == test_set.targets
    return 100 * right.float().mean().item(), sum(p.numel() for p in model.parameters())


# %%

draw(pool, feature_map, kind=Choice("max", "average", "global average"), at=(0, 0))

# %%
# Step through the three kinds, and point at a result to see its window. You need to know :ref:`conv2d`, which moves its
# kernel in the same way.
#
# .. longer: 6 screens — windows, sizes, padding, adaptive windows and gradients have a cell each
#
# The rule
# --------
#
# A window of ``kernel_size`` moves over each channel by ``stride`` pixels. Max pooling takes the largest number in the
# window, :math:`y[n, c, i, j] = \max_{u, v} x[n, c, is + u, js + v]`, and average pooling the mean. Pooling has no
# weights. It treats each channel for itself, so the number of channels stays. ``unfold`` shows the windows as two more
# axes.

x = torch.randn(2, 3, 9, 14)
windows = x.unfold(2, size=3, step=2).unfold(3, size=3, step=2)
print("windows", tuple(windows.shape))
torch.testing.assert_close(windows.amax(dim=(-2, -1)), F.max_pool2d(x, kernel_size=3, stride=2))
torch.testing.assert_close(windows.mean(dim=(-2, -1)), F.avg_pool2d(x, kernel_size=3, stride=2))

# %%
# How large is the output?
# ------------------------
#
# The formula is :ref:`that of a convolution <conv2d>`, with one difference in the defaults. If you leave out
# ``stride``, it is ``kernel_size``, so that the windows do not overlap. Rows and columns that fill no window are left
# out, unless ``ceil_mode=True`` adds a shorter window at the end.

for options in (
    {"kernel_size": 2},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 3},
    {"kernel_size": 3, "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
):
    y = nn.MaxPool2d(**options)(x)
    print(tuple(x.shape[2:]), "becomes", tuple(y.shape[2:]), "with", options)
    assert y.shape == explain_pool(x, **options).shape

# %%
# What does padding add?
# ----------------------
#
# Max pooling pads with minus infinity, so an added pixel is not the largest. Average pooling pads with zeros, and by
# default divides by the size of the whole window. So the means at the border are pulled to zero.
# ``count_include_pad=False`` divides by the number of real pixels. More padding than half a window is refused.

ones = torch.ones(1, 4, 5)
for counted in (True, False):
    y = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=counted)(ones)
    print(
        f"count_include_pad={counted}: first row", [round(value, 2) for value in y[0, 0].tolist()]
    )
    assert torch.equal(y, ones) == (not counted)
assert torch.equal(nn.MaxPool2d(3, stride=1, padding=1)(-ones), -ones)
with expect_error(RuntimeError, match="at most half of effective kernel size"):
    nn.MaxPool2d(3, stride=1, padding=2)(ones)

# %%
# Adaptive and global pooling
# ---------------------------
#
# ``nn.AdaptiveAvgPool2d`` takes the size of the output instead. Window ``i`` of ``out`` windows goes from
# :math:`\lfloor i H / \text{out} \rfloor` to :math:`\lceil (i + 1) H / \text{out} \rceil`, the end left out. Where
# ``out`` does not divide H, some neighbors overlap, as in the printed windows on 9 rows. A single window takes the mean
# over height and width, which is global average pooling.


def windows_of(size, out):
    return [slice(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


rows, columns = windows_of(9, 4), windows_of(14, 2)
print("rows", ", ".join(f"{rows[i].start} to {rows[i].stop - 1}" for i in range(4)))
means = [[x[:, :, row, column].mean(dim=(2, 3)) for column in columns] for row in rows]
by_windows = torch.stack([torch.stack(line, dim=-1) for line in means], dim=-2)
torch.testing.assert_close(by_windows, nn.AdaptiveAvgPool2d((4, 2))(x))
torch.testing.assert_close(x.mean(dim=(2, 3), keepdim=True), nn.AdaptiveAvgPool2d(1)(x))

# %%
# Where does the gradient go?
# ---------------------------
#
# Max pooling sends the gradient of a window to its largest number, or to one of several that are equal. The others get
# 0. Average pooling gives each an equal part. With ``return_indices=True`` max pooling returns the places too, counted
# row by row in each map. ``nn.MaxUnpool2d`` puts numbers back there, and 0 elsewhere.

numbers = feature_map[:2, :4].float()[None].requires_grad_()
for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2)):
    (gradient,) = torch.autograd.grad(layer(numbers).sum(), numbers)
    print(type(layer).__name__, gradient.tolist())
largest, indices = nn.MaxPool2d(2, return_indices=True)(numbers)
print("largest", largest.tolist(), "at", indices.tolist())
(gradient,) = torch.autograd.grad(largest.sum(), numbers)
assert torch.equal(nn.MaxUnpool2d(2)(torch.ones_like(largest), indices), gradient)
assert torch.equal(numbers.flatten()[indices], largest)

# %%
# Max, average, or a stride?
# --------------------------
#
# A convolution with a stride of 2 halves the maps, too. It learns what to keep, and has weights for it. Here is one
# small network with each of the three, trained on digits for ten epochs. The figures are means and ranges over three
# seeds. Average pooling has the lowest mean here, and the other two are close. What pooling does for digits that move
# is in :ref:`digits-that-move`.

# Varies with the processor: a training amplifies how it rounds.
reached = {}
for kind in ("max pooling", "average pooling", "strided conv"):
    found = [train(kind, seed) for seed in range(3)]
    right = reached[kind] = [percent for percent, _ in found]
    print(f"{kind:<16}{found[0][1]:>6,} parameters, {sum(right) / 3:.1f} % right", end=" ")
    print(f"({min(right):.1f} to {max(right):.1f})")

# %%
# .. use-this::
#
#    Take ``nn.MaxPool2d(2)`` between the blocks of a small CNN, and ``nn.AdaptiveAvgPool2d(1)`` with ``nn.Flatten()``
#    in front of the last linear layer. Deviate with a strided convolution where the network should learn how to shrink,
#    as in ResNet. Keep the maps where the place of an object has to be found. Max pooling costs memory in training: it
#    keeps its input and, for each output, an index of 8 bytes.
#
# A common mistake
# ----------------
#
# Global pooling leaves two axes of size 1, and the linear layer refuses them. ``squeeze()`` removes them, and with them
# the axis of a batch of one image. Write ``flatten(start_dim=1)``. The network then takes images of several sizes.

features, last = (
    nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.AdaptiveAvgPool2d(1)),
    nn.Linear(6, 10),
)
with expect_error(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
    last(features(torch.rand(2, 1, 8, 8)))
print("squeeze", tuple(last(features(torch.rand(1, 1, 8, 8)).squeeze()).shape), end=", ")
for batch, height, width in [(1, 8, 8), (2, 8, 8), (4, 30, 17), (5, 1, 1)]:
    logits = last(features(torch.rand(batch, 1, height, width)).flatten(start_dim=1))
    assert logits.shape == (batch, 10)
print("flatten", tuple(last(features(torch.rand(1, 1, 8, 8)).flatten(start_dim=1)).shape))

# %%
# :ref:`mat1-and-mat2-shapes` has the other causes of this message.

# %%
# How this was checked

# The windows as a loop, against torch and against the formula, with padding and gaps, rounded down and up.
settings = itertools.product((1, 2, 3), (1, 2, 3), (0, 1), (1, 2), (False, True))
for k, s, p, d, ceil in settings:
    some = torch.randn(2, 3, 9, 7)
    rule = explain_pool(some, k, s, p, d, ceil)
    assert rule.works == (p <= k // 2)
    if rule.works:
        y = F.max_pool2d(some, k, s, p, d, ceil_mode=ceil)
        assert y.shape == rule.shape
        reach = d * (k - 1) + 1
        below = F.pad(some, [p, p + reach + s, p, p + reach + s], value=float("-inf"))
        for i, j in itertools.product(range(y.shape[2]), range(y.shape[3])):
            window = below[:, :, i * s : i * s + reach : d, j * s : j * s + reach : d]
            assert torch.equal(window.amax(dim=(2, 3)), y[:, :, i, j])
    if rule.works and d == 1:
        filled = F.pad(torch.ones_like(some), [p] * 4)
        sums = F.conv2d(
            F.pad(some, [p] * 4).flatten(0, 1)[:, None], torch.ones(1, 1, k, k), stride=s
        )
        counts = F.conv2d(filled.flatten(0, 1)[:, None], torch.ones(1, 1, k, k), stride=s)
        for counted, divisor in ((True, k * k), (False, counts)):
            y = F.avg_pool2d(some, k, s, p, count_include_pad=counted)
            torch.testing.assert_close((sums / divisor).unflatten(0, (2, 3))[:, :, 0], y)
# A shorter window at the end: average pooling divides by its real size.
assert torch.equal(nn.AvgPool2d(2, ceil_mode=True)(torch.ones(1, 5, 7)), torch.ones(1, 3, 4))
with expect_error(RuntimeError, match="Output size is too small"):
    F.max_pool2d(x, 10)
# stride is kernel_size by default.
for k in (1, 2, 3, (2, 4)):
    for function in (F.max_pool2d, F.avg_pool2d):
        assert torch.equal(function(x, k), function(x, k, stride=k))
# Adaptive windows, for average and max, also where the output is larger than the input.
for size, out in itertools.product(range(1, 13), range(1, 15)):
    line = torch.randn(2, 1, size, 3)
    slices = windows_of(size, out)
    means = torch.stack([line[:, :, one].mean(dim=2) for one in slices], dim=2)
    torch.testing.assert_close(F.adaptive_avg_pool2d(line, (out, None)), means)
    most = torch.stack([line[:, :, one].amax(dim=2) for one in slices], dim=2)
    assert torch.equal(F.adaptive_max_pool2d(line, (out, None)), most)
    covered = [one.stop > two.start for one, two in itertools.pairwise(slices)]
    assert any(covered) == (size % out != 0 and out > 1)
# Gradients: one number of each window gets it, also where two are equal; amax shares it among them.
for function in (F.max_pool2d, F.adaptive_max_pool2d):
    equal = torch.ones(1, 1, 6, 4, requires_grad=True)
    y = function(equal, 2)
    (gradient,) = torch.autograd.grad(y.sum(), equal)
    assert gradient.eq(1).sum() == y.numel()
    assert gradient.ne(0).sum() == y.numel()
(gradient,) = torch.autograd.grad(equal.amax(dim=(2, 3)).sum(), equal)
assert torch.equal(gradient, torch.full_like(gradient, 1 / 24))
(gradient,) = torch.autograd.grad(F.avg_pool2d(equal, 2).sum(), equal)
assert torch.equal(gradient, torch.full_like(gradient, 1 / 4))
# ReLU before max pooling gives the same as behind it, where it has fewer numbers to treat.
assert torch.equal(F.max_pool2d(x, 2).relu(), F.max_pool2d(x.relu(), 2))
# Average pooling is a depthwise convolution with equal weights, and max pooling is no linear function.
weight = torch.full((3, 1, 2, 2), 1 / 4)
torch.testing.assert_close(F.conv2d(x, weight, stride=2, groups=3), F.avg_pool2d(x, 2))
other = torch.randn_like(x)
assert not torch.allclose(F.max_pool2d(x + other, 2), F.max_pool2d(x, 2) + F.max_pool2d(other, 2))
# No weights, nothing in the state dict, and the same in both modes.
for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)):
    assert not layer.state_dict()
    assert torch.equal(layer.train()(x), layer.eval()(x))
    assert layer(x).shape[:2] == x.shape[:2]
    assert torch.equal(layer(x[0]), layer(x)[0])  # without the axis of the batch
# What they keep for the backward pass.
for layer, expected in (
    (nn.MaxPool2d(2), [torch.float32, torch.int64]),
    (nn.AvgPool2d(2), [torch.float32]),
    (nn.AdaptiveAvgPool2d(1), []),
):
    kept, needs = [], torch.rand(1, 3, 6, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda one, kept=kept: kept.append(one), print):
        y = layer(needs)
    assert [one.dtype for one in kept] == expected
    for one in kept:
        assert one.numel() == (y if one.dtype == torch.int64 else needs).numel()
# One NaN in a window makes the result NaN.
assert F.max_pool2d(torch.tensor([[[1, float("nan")], [2, 3]]]), 2).isnan().all()
# Global max pooling is amax. The indices count within a map.
assert torch.equal(F.adaptive_max_pool2d(x, 1), x.amax(dim=(2, 3), keepdim=True))
y, indices = F.max_pool2d(x, 2, return_indices=True)
picked = x.flatten(start_dim=2).gather(2, indices.flatten(start_dim=2))
assert torch.equal(picked.view_as(y), y)
# Guessing gives 10 %. Average pooling is behind the others, which are close.
largest, means, strides = (torch.tensor(right) for right in reached.values())
assert means.min() > 75
assert min(largest.mean(), strides.mean()) > means.mean() + 3
assert abs(largest.mean() - strides.mean()) < 4

# %%
# Check yourself
# --------------

ask(
    "Maps of shape (8, 16, 20, 26) go through nn.MaxPool2d(3). What is the shape of the output?",
    answer=nn.MaxPool2d(3)(torch.ones(8, 16, 20, 26)).shape,
    choices={
        (
            8,
            16,
            6,
            8,
        ): f"stride is kernel_size, so {20 // 3} windows of 3 fit on 20 rows, and {20 % 3} rows are left out.",
        (8, 16, 18, 24): "That is stride=1, the default of a convolution.",
        (8, 16, 7, 9): "That is ceil_mode=True.",
        (8, 5, 6, 8): "The channels stay.",
    },
)

# %%
# The next question is about gradients.

some = torch.arange(48.0).reshape(1, 6, 8).requires_grad_()
(gradient,) = torch.autograd.grad(nn.MaxPool2d(2)(some).sum(), some)
ask(
    "A map of 6 by 8 numbers goes through nn.MaxPool2d(2). How many of the 48 numbers get a gradient other than 0?",
    answer=int(gradient.count_nonzero()),
    choices={
        48: "That is average pooling.",
        12: f"There are {6 // 2} by {8 // 2} windows, and one number of each gets the gradient.",
        1: "That is max pooling of the whole map. Here each window has a largest number.",
        24: "A window of 2 by 2 has four numbers, and one of them is the largest.",
    },
)

# %%
# The last question is about adaptive pooling.

first_two = windows_of(7, 3)[:2]
ask(
    "nn.AdaptiveAvgPool2d(3) gets 7 rows. How many rows does the first window share with the second?",
    answer=first_two[0].stop - first_two[1].start,
    choices={
        0: "Then the windows would be 7 / 3 rows long, and this is no whole number.",
        1: f"The first goes from 0 to ceil(7 / 3) = {first_two[0].stop}, the second from floor(7 / 3) = {7 // 3}.",
        2: f"The second begins at floor(7 / 3) = {7 // 3}, and {first_two[0].stop} rows are in the first.",
    },
)

# %%
# **Exercise.** Images of several sizes were padded with zeros at the bottom and on the right, to make one batch. Write
# a global average pooling that leaves out the padding. ``maps`` has the shape (sample, channel, row, column). ``sizes``
# has the real height and width of each sample, shape (sample, 2).


def average_real(maps, sizes):
    raise NotImplementedError


def by_loops(maps, sizes):
    results = []
    for one, (height, width) in zip(maps, sizes.tolist(), strict=True):
        results.append([channel[:height, :width].mean().item() for channel in one])
    return torch.tensor(results)


cases = [
    (torch.tensor([[[[1.0, 3.0, 9.0], [5.0, 7.0, 9.0]]]]), torch.tensor([[2, 2]])),
    (torch.rand(2, 3, 4, 5), torch.tensor([[4, 5], [1, 3]])),
    (torch.rand(3, 1, 2, 6), torch.tensor([[2, 1], [1, 1], [1, 6]])),
]
check(average_real, by_loops, cases)

# %%
# Compare the number of each row with the heights, the number of each column with the widths, and sum where both are
# smaller.

# Solution


def average_real(maps, sizes):
    heights, widths = sizes[:, 0], sizes[:, 1]
    rows = torch.arange(maps.shape[2]) < heights[:, None]  # (sample, row)
    columns = torch.arange(maps.shape[3]) < widths[:, None]
    real = rows[:, None, :, None] & columns[:, None, None, :]
    return (maps * real).sum(dim=(2, 3)) / (heights * widths)[:, None]


report = check(average_real, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`embedding` turns words into vectors.
#
# - Lin, Chen and Yan (2013). `Network in network <https://arxiv.org/abs/1312.4400>`__. Global average pooling in place
#   of linear layers.
# - Springenberg, Dosovitskiy, Brox and Riedmiller (2014). `Striving for simplicity: the all convolutional net
#   <https://arxiv.org/abs/1412.6806>`__. Convolutions with a stride in place of max pooling.
# - Zhang (2019). `Making convolutional networks shift-invariant again <https://arxiv.org/abs/1904.11486>`__. What a
#   stride does to images that move, and a blur against it.
