"""
.. _digits-that-move:

Does a CNN recognize a digit that has moved?
============================================

A CNN has the same filters at each place, and yet LeNet misreads about half of the digits that move by one pixel. The
maps of its convolutions move along, but its pooling and its linear layers depend on where things are.
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
from ptguide.exercises import check
from ptguide.models import MLP, LeNet, LeNetSettings, MLPSettings
from ptguide.questions import ask
from ptguide.training import fit

device = pick_device()
settings = LeNetSettings((1, 12, 12), kernel=3, padding=(1, 1), maps=(8, 16), hidden=(64, 32))


def framed(*parts):
    """Return digits of 8 by 8 pixels in the middle of 12 by 12."""
    images, labels = (torch.cat([digits(part)[:][k] for part in parts]) for k in (0, 1))
    return TensorData(F.pad(images, (2, 2, 2, 2)), labels)


learned, unseen = framed("train"), framed("validation")


def move(images, down, right):
    """Move images; what leaves on one side comes back on the other."""
    return torch.roll(images, (down, right), dims=(2, 3))


def feed_forward():
    return MLP(MLPSettings((144, 100, 10)))


def le_net():
    return LeNet(settings)


def global_pooling(stride=2, pool=nn.AdaptiveMaxPool2d):
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, stride)),
        *(nn.Conv2d(8, 32, 3, padding=1), nn.ReLU(), pool(1)),
        *(nn.Flatten(), nn.Linear(32, 10)),
    )


def train(model, seed, data=learned, epochs=9):
    loader = batches(data, 100, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(model.to(device).parameters(), lr=0.01)
    fit(model, loader, F.cross_entropy, optimizer, epochs=epochs)
    return model.eval()


def wrong(model, steps):
    """Return the fraction of mistakes on digits that moved, on average over four directions."""
    total = 0
    with torch.no_grad():
        for way in [(steps, 0), (-steps, 0), (0, steps), (0, -steps)]:
            answers = model(move(unseen.inputs, *way).to(device)).argmax(dim=1).cpu()
            total += (answers != unseen.targets).float().mean().item()
    return total / 4


def several(new, **how):
    """Train with three seeds; return the models, and the mistakes after 0, 1 and 2 pixels."""
    models = []
    for seed in range(3):
        torch.manual_seed(seed)
        models.append(train(new(), seed, **how))
    return models, torch.tensor([[wrong(model, steps) for steps in (0, 1, 2)] for model in models])


kinds = {"feed-forward": feed_forward, "LeNet": le_net, "global pooling": global_pooling}
trained = {name: several(new) for name, new in kinds.items()}
feed, lenet, pooled = (found.mean(dim=0) for _, found in trained.values())  # each (3,)
model = trained["LeNet"][0][0]
digit = unseen.inputs[8:9].to(device)  # (1, 1, 12, 12)
with torch.no_grad():
    maps = [model.feature_maps(move(digit, 0, right)) for right in (0, 1, 2)]


def moved_by(stage, steps):
    """Return how many places the map has moved, or None if it is another map."""
    for places in range(steps + 1):
        if torch.allclose(maps[steps][stage], move(maps[0][stage], 0, places), atol=0.01):
            return places
    return None


def draw_mistakes():
    _, axis = plt.subplots(figsize=(5.4, 2.4), layout="constrained")
    for (name, (_, found)), style in zip(trained.items(), ("C0o:", "C1s--", "C2^-"), strict=True):
        axis.plot([0, 1, 2], 100 * found.T, style, alpha=0.7)[0].set_label(name)
    axis.axhline(90, color="gray", linewidth=0.8, label="guessing")
    axis.set(xticks=[0, 1, 2], xlabel="pixels that the digit was moved", ylabel="mistakes in %")
    axis.set(ylim=(0, 100))
    axis.set_title("A convolution alone is not indifferent to place", fontsize=10)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    plt.show()


def draw_maps():
    strong = maps[0]["c1"].amax(dim=(0, 2, 3)).argmax().item()  # the map with the largest value
    _, axes = plt.subplots(2, 3, figsize=(4.2, 2.1), layout="constrained")
    for row, stage in zip(axes, ("c1", "s2"), strict=True):
        most = maps[0][stage][0, strong].max().item()
        for axis, stages, steps in zip(row, maps, (0, 1, 2), strict=True):
            axis.imshow(stages[stage][0, strong].cpu().numpy(), "gray_r", vmin=0, vmax=most)
            axis.set(xticks=[], yticks=[])
            axis.set_xlabel(f"{stage}, digit moved by {steps}", fontsize=8)
    plt.suptitle("Pooling lets even steps through", fontsize=10)
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_mistakes()

# %%
# Three networks have learned digits in the middle of an image. Then unseen digits move up, down, left and right, and
# the mistakes are counted. Each line is one seed. At one pixel, the CNN called LeNet is not far below the feed-forward
# network. You need to know :ref:`cnn-digits` and :ref:`receptive-field`.
#
# The rule
# --------
#
# A convolution of stride 1 is **equivariant**: :math:`\text{conv}(\text{move}(x)) = \text{move}(\text{conv}(x))`, as
# long as the border does not matter. To recognize a digit wherever it is, the answer :math:`f(x)` of the whole network
# must be **invariant**: :math:`f(\text{move}(x)) = f(x)`. Max pooling of stride 2 is neither. A digit that moves by two
# pixels moves by one place in the map, and one pixel changes the map. (The output has ``None`` there: the old map,
# moved by 0 or 1 places, is not the new one.)

for stage, expected in {"c1": [0, 1, 2], "s2": [0, None, 1]}.items():
    found = [moved_by(stage, steps) for steps in (0, 1, 2)]
    print(f"{stage}: moved by", found)
    assert found == expected

# %%
# The upper row is a map of the first convolution, ``c1``, and the lower row the same map after the pooling, ``s2``.
# Follow a dark spot from left to right. Above, it moves by a pixel each time. Below, the map first changes, and then
# is the old one, moved by one place.

# Varies with the processor: a training amplifies how it rounds.
draw_maps()

# %%
# What makes it indifferent to place?
# -----------------------------------
#
# LeNet's linear layers have a weight for each place in the maps. The third network has **global pooling** instead: it
# keeps the largest value of each map, and not where it was. Without the stride, too, a step of one pixel costs far
# less. Two pixels bring the digit to the border of the image, and there a smaller stride does not help.

# Varies with the processor: a training amplifies how it rounds.
rows = {name: trained[name][1] for name in ("LeNet", "global pooling")}
stride_1, without = several(lambda: global_pooling(stride=1))
rows["the same, stride 1"] = without
print("moved by                   0         1          2")
for name, found in rows.items():
    cells = zip(found.mean(dim=0), found.std(dim=0), strict=True)
    print(f"{name:<18}", *(f"{mean:5.0%} ± {std:.0%}" for mean, std in cells))

# %%
# Or show it
# ----------
#
# Here LeNet is trained on each digit in five places: as it was, and moved by a pixel in four directions. It now reads
# most digits that move by one pixel, and misreads far more of those that move by two.

# Varies with the processor: a training amplifies how it rounds.
ways = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
five = torch.cat([move(learned.inputs, *way) for way in ways])
shown = several(le_net, data=TensorData(five, learned.targets.repeat(5)), epochs=3)[1]
for seed, found in enumerate(shown):
    print(f"seed {seed}, moved by 0, 1, 2:", *(f"{each:6.1%}" for each in found))

# %%
# .. use-this::
#
#    Show a network in training what it will meet: random shifts as large as those that occur, by padding and a random
#    crop. Where the place means nothing, pool globally before the linear layer. Compare ``nn.AdaptiveMaxPool2d(1)``,
#    the better one here, with ``nn.AdaptiveAvgPool2d(1)``. Measure on moved images all the same, because strides and
#    borders still depend on the place.
#
# A common mistake
# ----------------
#
# **The paper is not 0.** The padding of ``nn.Conv2d`` is zeros by default. With ink 0 and paper 1 the padding is a
# black frame. It does not move with the digit, so the maps change at the border. Subtract the images from 1, or repeat
# the border: set ``padding_mode`` to *replicate*.

bright = 1 - digit.cpu()
for mode in ("zeros", "replicate"):
    conv = nn.Conv2d(1, 5, 3, padding=1, padding_mode=mode)
    with torch.no_grad():
        off = (conv(move(bright, 0, 1)) - move(conv(bright), 0, 1)).abs().amax(dim=(0, 1, 2))
    print(f"{mode:<9} error in columns 0 to 3:", *(f"{each:.2f}" for each in off[:4]))
    assert (off.max() < 1e-4) == (mode == "replicate")

# %%
# How this was checked

assert len(unseen) == 357
middle = unseen.inputs[:, :, 2:10, 2:10]
assert torch.equal(F.pad(middle, (2, 2, 2, 2)), unseen.inputs)  # two empty pixels at each border
# The same to the left, and for each of the three networks.
for one in trained["LeNet"][0]:
    for right in (1, -1):  # to the left and right, where this digit leaves the border empty
        with torch.no_grad():
            still, odd, even = (one.feature_maps(move(digit, 0, k * right)) for k in (0, 1, 2))
        close = {"rtol": 1e-3, "atol": 1e-3}  # a GPU may multiply with 10 bits
        torch.testing.assert_close(odd["c1"], move(still["c1"], 0, right), **close)
        torch.testing.assert_close(even["s2"], move(still["s2"], 0, right), **close)
        for places in (0, 1):
            there = move(still["s2"], 0, places * right)
            assert not torch.allclose(odd["s2"], there, atol=0.05)
# LeNet's linear layers: a map that has moved is another input. Global pooling: it is the same.
assert model.fc1.in_features == 16 * 3 * 3
s4 = maps[0]["s4"]
assert not torch.allclose(model.fc1(s4.flatten(1)), model.fc1(move(s4, 0, 1).flatten(1)), atol=0.1)
for pool in (nn.AdaptiveMaxPool2d(1), nn.AdaptiveAvgPool2d(1)):
    torch.testing.assert_close(pool(s4), pool(move(s4, 0, 1)))
assert 0.35 < lenet[1] < 0.65
assert pooled[1] < 0.75 * lenet[1]
assert without.mean(dim=0)[1] < 0.5 * pooled[1]
at_1, at_2 = shown.mean(dim=0)[1:]
assert at_1 < 0.5 * lenet[1]
assert at_2 > 2 * at_1
assert 0.7 * feed[1] < lenet[1] < 0.95 * feed[1]
# Two pixels cost a stride of 1 about as much as one of 2: the border. With four more pixels of paper around each digit,
# stride 1 gives the same logits after a step, and stride 2 does not.
assert without.mean(dim=0)[2] > 0.6 * pooled[2]
wide = F.pad(unseen.inputs, (4, 4, 4, 4)).to(device)
with torch.no_grad():
    for one, other in zip(stride_1, trained["global pooling"][0], strict=True):
        for right in (1, 2):
            torch.testing.assert_close(one(move(wide, 0, right)), one(wide), rtol=1e-2, atol=1e-2)
        assert (other(move(wide, 0, 1)) - other(wide)).abs().max() > 0.5
# The average in the place of the maximum, trained alike.
average = several(lambda: global_pooling(pool=nn.AdaptiveAvgPool2d))[1].mean(dim=0)  # (3,)
assert (average > pooled + 0.1).all()

# %%
# Check yourself
# --------------

spots = torch.zeros(2, 1, 24, 24)
spots[0, 0, 8, 8] = spots[1, 0, 8, 12] = 1  # the second, 4 pixels further right
columns = F.max_pool2d(F.max_pool2d(spots, 2), 2).amax(dim=(1, 2)).argmax(dim=1)
ask(
    "A digit moves by 4 pixels. By how many places does it move in the maps after two poolings of stride 2?",
    answer=(columns[1] - columns[0]).item(),
    choices={
        1: "Each pooling halves the way: 4, 2, 1. A digit that moves by 2 is between two places at the end.",
        2: "That is after the first pooling.",
        4: "That would be without pooling: convolutions with stride 1 keep the way as it is.",
    },
)

# %%
# The next question asks about the other way to lose the place.

some = torch.rand(1, 7, 6, 6)
before, after = (nn.AdaptiveMaxPool2d(1)(move(some, 0, right)) for right in (0, 1))
ask(
    f"Seven maps of {some.shape[2]} by {some.shape[3]} move by one place, and nothing is lost at the border. "
    "How many of the seven numbers that "
    "nn.AdaptiveMaxPool2d(1) gives change?",
    answer=(before != after).sum().item(),
    choices={
        0: "The largest value of each map is the same, wherever it is.",
        1: "No single map is special here: each moves, and each keeps its largest value.",
        7: "A linear layer on the flattened maps would see other inputs; here the place is gone.",
    },
)

# %%
# **Exercise.** Write the shifts for training. ``images`` has shape (N, 1, H, W), ``down`` and ``right`` have shape
# (N,) and say how many pixels each image moves; both may be negative. What moves in from outside is 0.


def by_pixels(images, down, right):
    result = torch.zeros_like(images)
    height, width = images.shape[2:]
    for n, i, j in torch.cartesian_prod(*map(torch.arange, (len(images), height, width))).tolist():
        row, column = i + down[n].item(), j + right[n].item()
        if 0 <= row < height and 0 <= column < width:
            result[n, 0, row, column] = images[n, 0, i, j]
    return result


small = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
cases = [
    (small, torch.tensor([0]), torch.tensor([1])),
    (small.repeat(2, 1, 1, 1), torch.tensor([1, -2]), torch.tensor([0, 1])),
    (unseen.inputs[:3], torch.tensor([2, -1, 0]), torch.tensor([-3, 1, 0])),
]


def shift(images, down, right):
    raise NotImplementedError


check(shift, by_pixels, cases)

# %%
# Pad with zeros, and read each image from a corner of its own.

# Solution


def shift(images, down, right):
    height, width = images.shape[2:]
    most = max(down.abs().max().item(), right.abs().max().item())
    padded = F.pad(images, (most,) * 4)[:, 0]  # (N, H + 2 most, W + 2 most)
    rows = torch.arange(height) + most - down[:, None]  # (N, H)
    columns = torch.arange(width) + most - right[:, None]  # (N, W)
    place = torch.arange(len(images))[:, None, None]
    return padded[place, rows[:, :, None], columns[:, None, :]].unsqueeze(1)


report = check(shift, by_pixels, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`resnet-taken-apart` is about a network of the size that people use on photos.
#
# - Zhang (2019). `Making convolutional networks shift-invariant again <https://arxiv.org/abs/1904.11486>`__. Why
#   strides break the equivariance, and a blur against it.
# - Azulay and Weiss (2019). `Why do deep convolutional networks generalize so poorly to small image transformations?
#   <https://arxiv.org/abs/1805.12177>`__. The same as here, in large networks on photos.
