"""
.. _digits-that-move:

Does a CNN recognise a digit that has moved?
============================================

"A CNN does not care where the digit is." This page moves digits by one pixel and by two, counts the mistakes of three
:term:`networks <network>`, finds the layer at which a moved digit becomes another input, and mends it in two ways. You
need to know :ref:`cnn-digits`.
"""

# %%
# ``LeNet`` learns digits of 8 by 8 pixels in the middle of 12 by 12. Of 712 others it gets less than a tenth wrong.
# When these move by one pixel, it makes more than four times as many mistakes.

# Varies with the processor: a training amplifies how it rounds.
import torch
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.devices import pick_device
from ptguide.models import LeNet, LeNetSettings
from ptguide.training import accuracy, evaluate, fit

images, labels = digits("train")[:]
learned = TensorData(F.pad(images, (2, 2, 2, 2)), labels)
images, labels = (torch.cat([digits(s)[:][k] for s in ("validation", "test")]) for k in (0, 1))
unseen = TensorData(F.pad(images, (2, 2, 2, 2)), labels)
moved = TensorData(unseen.inputs.roll(1, dims=3), labels)  # one pixel to the right
settings = LeNetSettings((1, 12, 12), kernel=3, padding=(1, 1), maps=(8, 16), hidden=(64, 32))
device = pick_device()
torch.manual_seed(0)
model = LeNet(settings).to(device)
loader = batches(learned, 100, shuffle=True, generator=torch.Generator().manual_seed(0))
fit(model, loader, F.cross_entropy, torch.optim.Adam(model.parameters(), lr=0.01), epochs=15)


def wrong_of(model, part):
    return (
        1 - evaluate(model, batches(part, 712), metrics={"accuracy": accuracy}).metrics["accuracy"]
    )


wrong, then = (wrong_of(model, part) for part in (unseen, moved))
print(f"wrong: {wrong:.1%} in their place, {then:.1%} one pixel further right")
assert wrong < 0.1
assert then > 4 * wrong

# %%
# Some of those that it reads in their place, and no longer one pixel further right:

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt

model.eval()
with torch.no_grad():
    said, later = (model(x.inputs.to(device)).argmax(dim=1).cpu() for x in (unseen, moved))
lost = ((said == unseen.targets) & (later != unseen.targets)).nonzero().flatten()
figure, axes = plt.subplots(2, 5, figsize=(6.5, 3.2), layout="constrained")
for part, answers, row in zip((unseen, moved), (said, later), axes, strict=True):
    for axis, place in zip(row, lost[::5].tolist(), strict=False):
        axis.imshow(part.inputs[place, 0].numpy(), cmap="gray_r")
        axis.set(xticks=[], yticks=[], xlabel=f"says {answers[place]}")
figure.suptitle("Read in their place, and misread one pixel further right")
plt.show()
assert len(unseen) == len(moved) == 712
assert len(lost) > 50

# %%
# The maps move along
# -------------------
#
# What is true: the *maps* of a convolution with stride 1 move along with the image (it is **equivariant**), as long as
# the border does not matter. Pooling with stride 2 halves the way. Moved by two pixels, to the left or right, ``s2``
# moves by one place. Moved by one pixel, it is another map.


def move(images, down, right):
    """Move images; what leaves on one side comes back on the other."""
    return torch.roll(images, (down, right), dims=(2, 3))


middle = unseen.inputs[:, :, 2:10, 2:10]
assert torch.equal(F.pad(middle, (2, 2, 2, 2)), unseen.inputs)  # the margin is empty
digit = unseen.inputs[8:9].to(device)  # (1, 1, 12, 12)
with torch.no_grad():
    still, one, two = (model.feature_maps(move(digit, 0, right)) for right in (0, 1, 2))
close = {"rtol": 1e-3, "atol": 1e-3}  # a GPU may multiply with 10 bits
torch.testing.assert_close(one["c1"], move(still["c1"], 0, 1), **close)
for step in (1, -1):
    with torch.no_grad():
        odd, even = (model.feature_maps(move(digit, 0, k * step))["s2"] for k in (1, 2))
    torch.testing.assert_close(even, move(still["s2"], 0, step), **close)
    for right in (0, step):  # one pixel: these are not the old maps in another place
        assert not torch.allclose(odd, move(still["s2"], 0, right), atol=0.1)

# %%
# One of the maps after each of the two layers. Follow a dark spot from left to right: above, it moves by a pixel each
# time; below, it stays, changes, and arrives one place further.

# Varies with the processor: a training amplifies how it rounds.
strong = still["c1"].amax(dim=(0, 2, 3)).argmax().item()  # the map with the largest value
figure, axes = plt.subplots(2, 3, figsize=(6.5, 4), layout="constrained")
for row, stage in zip(axes, ("c1", "s2"), strict=True):
    most = still[stage][0, strong].max().item()
    for axis, maps, steps in zip(row, (still, one, two), (0, 1, 2), strict=True):
        axis.imshow(maps[stage][0, strong].cpu().numpy(), cmap="gray_r", vmin=0, vmax=most)
        axis.set(xticks=[], yticks=[], xlabel=f"{stage}, digit moved by {steps}")
figure.suptitle("A convolution's map moves with the digit; pooling lets even steps through")
plt.show()

# %%
# And the linear layers at the end have a weight for each place of the maps: for them, a moved map is another input.

with torch.no_grad():
    here, there = (model.fc1(maps.flatten(1)) for maps in (still["s4"], move(still["s4"], 0, 1)))
assert model.fc1.weight.shape == (64, 16 * 3 * 3)
assert not torch.allclose(here, there, atol=0.1)

# %%
# Three networks
# --------------
#
# How many mistakes do they make on moved digits, after a training on digits in the middle? The first is a feed-forward
# network as in :ref:`feed-forward-digits`, the second LeNet. The third takes the largest value of each map
# (``nn.AdaptiveMaxPool2d(1)``, **global pooling**), so that the linear layer is not told where it was.

from torch import nn

from ptguide.models import MLP, MLPSettings


def feed_forward():
    return MLP(MLPSettings((144, 100, 10)))


def le_net():
    return LeNet(settings)


def global_pooling():
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1)),
        *(nn.Flatten(), nn.Linear(64, 10)),
    )


# %%
# Each is trained as the one above. The share of mistakes is the mean of those in four directions.


def train(model, seed, data=learned, epochs=15):
    loader = batches(data, 100, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(model.to(device).parameters(), lr=0.01)
    fit(model, loader, F.cross_entropy, optimizer, epochs=epochs)
    return model


def wrong_share(model, steps):
    ways = [(steps, 0), (-steps, 0), (0, steps), (0, -steps)]
    parts = [TensorData(move(unseen.inputs, *way), unseen.targets) for way in ways]
    return sum(wrong_of(model, part) for part in parts) / 4


# %%
# With three seeds: the share of mistakes after 0, 1 and 2 pixels.

kinds = {"feed-forward": feed_forward, "LeNet": le_net, "global pooling": global_pooling}
shares = {name: torch.empty(3, 3) for name in kinds}  # (seeds, steps)
for name, new in kinds.items():
    for seed in range(3):
        torch.manual_seed(seed)
        trained = train(new(), seed)
        shares[name][seed] = torch.tensor([wrong_share(trained, n) for n in (0, 1, 2)])

# %%
# Each line is one seed:

# Varies with the processor: a training amplifies how it rounds.
figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for (name, values), style in zip(shares.items(), ("C0o:", "C1s--", "C2^-"), strict=True):
    lines = axis.plot([0, 1, 2], 100 * values.T, style, alpha=0.7)
    lines[0].set_label(name)
axis.axhline(90, color="gray", linewidth=0.8)
axis.text(0, 91, "guessing", color="gray")
axis.set(xticks=[0, 1, 2], xlabel="pixels that the digit was moved", ylabel="mistakes in %")
axis.set(ylim=(0, 100), title="Convolution alone does not make a network indifferent to place")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
# One pixel is an eighth of the digit, and LeNet gets more than 30 % wrong: fewer than the feed-forward network, but it
# is far from not caring. With global pooling it is less than a quarter, and two pixels harm *less* than one. That is
# the stride of its pooling: the same network with stride 1 gets less than half as many wrong after one pixel. On digits
# in their place LeNet is about as good as the feed-forward network, and global pooling is better.

feed, lenet, pooled = (values.mean(dim=0) for values in shares.values())  # each (3,)
assert feed[0] < 0.07
assert 0.8 * feed[0] < lenet[0] < 1.5 * feed[0]
assert 0.3 < lenet[1] < 0.9 * feed[1]
assert lenet[2] > 0.6
assert pooled[0] < 0.8 * min(feed[0], lenet[0])
assert 1.3 * pooled[2] < pooled[1] < 0.25

torch.manual_seed(0)
no_stride = global_pooling()
no_stride[2] = nn.MaxPool2d(2, stride=1)
assert wrong_share(train(no_stride, 0), 1) < 0.5 * pooled[1]

# %%
# Two remedies
# ------------
#
# Build the network so that the place matters less, as above, or show it moved digits in training. Here LeNet sees each
# digit in five places: as it was, and one pixel further up, down, left and right. (Five times the data, a third of the
# epochs.) After one pixel it now gets less than 15 % wrong, and after two still more than twice as many: it copes with
# what it was shown. That has its price, as in their place it gets more digits wrong than before. "It is a CNN" is not
# enough.

ways = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
images = torch.cat([move(learned.inputs, *way) for way in ways])
shown = TensorData(images, learned.targets.repeat(5))
torch.manual_seed(0)
augmented = train(LeNet(settings), 0, data=shown, epochs=5)
at_0, at_1, at_2 = (wrong_share(augmented, steps) for steps in (0, 1, 2))
assert lenet[0] < at_0 < 0.1
assert at_1 < min(0.15, 0.4 * lenet[1])
assert at_2 > 2 * at_1

# %%
# What goes wrong
# ---------------
#
# *The paper is not 0.* A convolution pads with zeros. With ink 0 and paper 1, the padding is a black frame that stays
# where it is, so at the border the maps do not move along; inside they do.

conv = nn.Conv2d(1, 5, 3, padding=1)
inverted = 1 - digit.cpu()
with torch.no_grad():
    maps, maps_moved = move(conv(inverted), 0, 1), conv(move(inverted, 0, 1))
assert not torch.allclose(maps_moved, maps, atol=0.01)
torch.testing.assert_close(maps_moved[..., 1:-1, 2:-1], maps[..., 1:-1, 2:-1])

# %%
# Check yourself
# --------------

from ptguide.questions import ask

spots = torch.zeros(2, 1, 24, 24)
spots[0, 0, 8, 8] = spots[1, 0, 8, 12] = 1  # the second, 4 pixels further right
columns = F.max_pool2d(F.max_pool2d(spots, 2), 2).amax(dim=(1, 2)).argmax(dim=1)
ask(
    "A digit moves by 4 pixels. By how many places does it move in the maps after two poolings of stride 2?",
    answer=(columns[1] - columns[0]).item(),
    choices={
        1: "Each pooling halves the way: 4, 2, 1. A digit that moves by 2 is between two places at the end.",
        2: "That is after the first pooling.",
        4: "So it would be without pooling: convolutions with stride 1 keep the way as it is.",
    },
)

# %%
# And the other way to lose the place:

maps = torch.rand(1, 7, 6, 6)
before, after = (nn.AdaptiveMaxPool2d(1)(move(maps, 0, right)) for right in (0, 1))
ask(
    "Seven maps of 6 by 6 move by one place, and nothing is lost at the border. How many of the seven numbers that "
    "nn.AdaptiveMaxPool2d(1) gives change?",
    answer=(before != after).sum().item(),
    choices={
        0: "The largest value of each map is the same, wherever it is.",
        1: "None: a maximum does not say where it was found.",
        7: "A linear layer on the flattened maps would see other inputs everywhere; here the place is gone.",
    },
)

# %%
# Next: :ref:`transfer-learning`, a network that begins with what another one learned.
