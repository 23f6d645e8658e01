"""
.. _reshape-instead-of-permute:

Image scrambled: reshape or view instead of permute
===================================================

From (row, column, channel) to (channel, row, column), ``reshape`` gives the right shape and mixes the pixels. Nothing
is raised, and a convolutional network learns less: write ``permute(2, 0, 1)``.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits, photos
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

flower = photos().inputs[1][:, 60:252, 200:520].permute(1, 2, 0).contiguous()  # (192, 320, 3)
train, test = digits("train"), digits("test")


def in_color(data, seed):
    """Return the digits in two random colors, of shape (sample, row, column, channel)."""
    generator = torch.Generator().manual_seed(seed)
    ink, paper = torch.rand(2, len(data), 1, 1, 3, generator=generator) / 2
    pixels = data.inputs[:, 0, :, :, None]
    return pixels * (ink + 0.5) + (1 - pixels) * paper


inputs, held_out = in_color(train, 0), in_color(test, 1)


def permuted(x):
    return x.permute(0, 3, 1, 2)


def reshaped(x):
    return x.reshape(-1, 3, 8, 8)


def convolutional():
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 4 * 4, 10)),
    )


def linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 64), nn.ReLU(), nn.Linear(64, 10))


def fit(to_channels_first, seed, make=convolutional):
    torch.manual_seed(seed)
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(6):
        for rows in torch.randperm(len(inputs)).split(50):
            loss = F.cross_entropy(model(to_channels_first(inputs[rows])), train.targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@torch.no_grad()
def accuracy(model, to_channels_first):
    answers = model(to_channels_first(held_out)).argmax(dim=1)
    return 100 * (answers == test.targets).float().mean().item()


models = {way: [fit(way, seed) for seed in range(4)] for way in (permuted, reshaped)}
scores = {way: [accuracy(model, way) for model in models[way]] for way in models}
one_place = [accuracy(model, reshaped) for model in models[permuted]]


def draw_photos_and_scores():
    mixed = flower.reshape(3, 192, 320).permute(1, 2, 0)  # as the network gets it
    figure, axes = plt.subplots(1, 3, figsize=(6, 1.9), layout="constrained")
    for axis, image, title in zip(axes, (flower, mixed), ("permute", "reshape"), strict=False):
        axis.imshow(image.numpy())
        axis.set_title(title, fontsize="small")
        axis.set_axis_off()
    for row, (_, values) in enumerate(scores.items()):
        axes[2].plot(values, [row] * len(values), "o", color=f"C{row}", alpha=0.6)
    axes[2].set_yticks([0, 1], ["permute", "reshape"])
    axes[2].set(xlabel="test accuracy in %", ylim=(1.6, -0.6), xlim=(80, 100))
    figure.suptitle("Mixed pixels still train a network, a worse one")
    plt.show()


# %%

# Varies with the processor: four trainings each.
draw_photos_and_scores()

# %%
# In the middle is what ``reshape`` makes of the photo on the left. On the right, a small convolutional network learned
# digits in random colors, four times each. The mixed images cost some percentage points, and nothing is raised.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# What you do                                                           Fix
# ====================================================================  =============================================
# :ref:`(row, column, channel) for a network <mixed-rule>`              ``photo.permute(2, 0, 1)``
# :ref:`the same with a batch <mixed-rule>`                             ``batch.permute(0, 3, 1, 2)``
# :ref:`mixed in training or in evaluation alone <mixed-one-place>`     the same function in both
# :ref:`heads of attention, split with one view <mixed-heads>`          ``view``, then ``transpose(1, 2)``
# :ref:`photo.T <mixed-turned>`                                         ``photo.permute(2, 0, 1)``
# ====================================================================  =============================================
#
# .. not looked up: transpose(1, 2) — the cell of the heads runs it
#
# .. _mixed-rule:
#
# The rule
# --------
#
# ``reshape`` keeps the order of the numbers and cuts it at other places. ``permute`` moves the axes: element
# ``[c, i, j]`` of the result is ``photo[i, j, c]``. The first row after ``reshape`` should hold channel 0 of four
# pixels. It holds both channels of the first two.

photo = torch.arange(24).reshape(3, 4, 2)  # 3 rows, 4 columns, 2 channels
batch = torch.stack([photo, photo + 100])
for c, i, j in [(1, 0, 2), (0, 2, 3)]:
    assert photo.permute(2, 0, 1)[c, i, j] == photo[i, j, c]
assert torch.equal(batch.permute(0, 3, 1, 2)[1], batch[1].permute(2, 0, 1))
draw(torch.reshape, (photo, (2, 3, 4)), names=["photo"])

# %%
# .. _mixed-one-place:
#
# Right in one place, mixed in the other
# --------------------------------------
#
# If the training permutes, and the program that uses the model reshapes, the answers are little better than guesses.
# Look for this mistake where photos come from another library. With the mistake in both, a network of linear layers is
# about as good, because it does not use which pixels are neighbors. So a good accuracy does not prove the right order.

# Varies with the processor: four trainings each.
flat = {
    way: [accuracy(fit(way, seed, linear), way) for seed in range(4)]
    for way in (permuted, reshaped)
}
for name, values in {
    "permute in both": scores[permuted],
    "reshape in both": scores[reshaped],
    "permute, then reshape": one_place,
    "linear, permute": flat[permuted],
    "linear, reshape": flat[reshaped],
}.items():
    print(f"{name:<22} {min(values):.0f} to {max(values):.0f} %")

# %%
# .. _mixed-heads:
#
# Heads of attention
# ------------------
#
# The same mistake splits features into heads. Suppose that one ``view`` goes from (batch, token, feature) to (batch,
# head, token, part). In a sentence of six tokens, head 0 then gets the features of the first two. See
# :ref:`attention-heads`.

tokens = torch.arange(6)[:, None].expand(6, 12)[None]  # each feature is the number of its token
wrong = tokens.reshape(1, 3, 6, 4)
right = tokens.reshape(1, 6, 3, 4).transpose(1, 2)
print("one reshape:", wrong[0, 0, :, 0].tolist())
print("split, then swap:", right[0, 0, :, 0].tolist())
assert wrong.shape == right.shape
assert set(wrong[0, 0].flatten().tolist()) == {0, 1}
assert right[0, 0, :, 0].tolist() == list(range(6))

# %%
# A test of three lines
# ---------------------
#
# One pixel must keep its colors. Take random numbers, and more columns than rows. Take a pixel away from the corners
# and the middle, at a row and a column that differ.


def test_a_pixel_keeps_its_colors(to_channels_first):
    photo = torch.rand(6, 7, 3)
    assert torch.equal(to_channels_first(photo)[:, 4, 2], photo[4, 2]), "the pixels are mixed"


torch.manual_seed(0)
test_a_pixel_keeps_its_colors(lambda photo: photo.permute(2, 0, 1))
for wrong in (lambda photo: photo.reshape(3, 6, 7), lambda photo: photo.view(3, 6, 7)):
    with expect_error(AssertionError, match="the pixels are mixed"):
        test_a_pixel_keeps_its_colors(wrong)

# %%
# .. use-this::
#
#    Change the order of axes with ``permute`` or ``movedim``, which copy nothing. Use ``reshape`` and ``view`` to merge
#    axes that are neighbors, or to split one. Look at one image as the network gets it, before the first training. The
#    result of ``permute`` is not contiguous: where ``view`` then raises, call ``contiguous()``, which copies once.
#
# .. _mixed-turned:
#
# A common mistake
# ----------------
#
# **photo.T instead.** It reverses the axes, so it brings the channels to the front, and swaps rows and columns. The
# photo is mirrored along its diagonal. If it is square, it has the right shape. The test finds it, and for three axes
# ``.T`` warns.

with expect_warning(UserWarning, match="The use of `x.T` on tensors of dimension other than 2"):
    turned = photo.T
print("permute(2, 0, 1):", tuple(photo.permute(2, 0, 1).shape), " reversed:", tuple(turned.shape))
assert torch.equal(turned, photo.permute(2, 0, 1).mT)
assert torch.equal(turned, photo.permute(2, 1, 0))
with expect_error(AssertionError, match="the pixels are mixed"):
    test_a_pixel_keeps_its_colors(lambda photo: photo.permute(2, 1, 0))

# %%
# How this was checked

mean = {way: sum(values) / 4 for way, values in scores.items()}
assert mean[permuted] > mean[reshaped] + 2
assert min(scores[reshaped]) > 70
assert max(one_place) < 35
# permute and movedim copy nothing; view after permute raises.
assert photo.permute(2, 0, 1).data_ptr() == photo.movedim(-1, 0).data_ptr() == photo.data_ptr()
with expect_error(RuntimeError, match="view size is not compatible"):
    photo.permute(2, 0, 1).view(-1)
assert torch.equal(photo.permute(2, 0, 1).contiguous().view(-1), photo.permute(2, 0, 1).flatten())
# The first row after reshape: two channels of two pixels.
assert photo.reshape(2, 3, 4)[0, 0].tolist() == photo[0, :2].flatten().tolist()
# The test lets pass what is right, and finds what is mixed, for 50 random photos.
for _ in range(50):
    test_a_pixel_keeps_its_colors(lambda photo: photo.movedim(-1, 0))
    photo_ = torch.rand(6, 7, 3)
    assert not torch.equal(photo_.reshape(3, 6, 7)[:, 4, 2], photo_[4, 2])
# Without convolutions, the two orders differ by less than the seeds.
assert abs(sum(flat[permuted]) - sum(flat[reshaped])) / 4 < 3
# The test finds a photo that is upside down or left for right, too.
for wrong in (
    lambda photo: photo.flip(0),
    lambda photo: photo.flip(1),
    lambda photo: photo.flip(2),
):
    with expect_error(AssertionError, match="the pixels are mixed"):
        test_a_pixel_keeps_its_colors(lambda photo, wrong=wrong: wrong(photo).permute(2, 0, 1))
# With one channel nothing is mixed.
gray = torch.rand(6, 7, 1)
assert torch.equal(gray.reshape(1, 6, 7), gray.permute(2, 0, 1))

# %%
# Check yourself
# --------------
#
# The first question is about one number.

ask(
    "photo has shape (3, 4, 2): row, column, channel, and holds 0 to 23 in order. What is "
    "photo.permute(2, 0, 1)[1, 0, 2]?",
    answer=photo.permute(2, 0, 1)[1, 0, 2].item(),
    choices={
        5: "Channel 1 of the pixel in row 0, column 2: photo[0, 2, 1].",
        14: "That is the result of reshape(2, 3, 4)[1, 0, 2].",
        10: "That would be photo[1, 1, 0].",
    },
)

# %%
# The next question is about colors.

half = flower.clone()
half[..., 1:] = 0  # red alone
channels = half.reshape(3, 192, 320)
ask(
    "A photo of shape (192, 320, 3) is red: its green and blue are 0. It is reshaped to (3, 192, 320). How many of the "
    "three channels have numbers other than 0?",
    answer=sum(channel.any().item() for channel in channels),
    choices={
        1: "It would be after permute.",
        2: "Each channel gets a third of the rows of the photo, and there is red in each third.",
        3: "Channel 0 holds the top third of the photo, with all its colors. So do the others for their thirds.",
    },
)

# %%
# **Exercise.** Undo the mistake: ``mixed`` was made of a photo of shape (row, column, channel) with ``reshape`` to
# (channel, row, column). Return what ``permute`` would have given.


def element_by_element(mixed):
    channels, rows, columns = mixed.shape
    numbers, result = mixed.flatten().tolist(), torch.empty(channels, rows, columns)
    for place, number in enumerate(numbers):
        pixel, channel = divmod(place, channels)
        result[channel, pixel // columns, pixel % columns] = number
    return result


torch.manual_seed(0)
cases = [
    (torch.arange(12.0).reshape(2, 3, 2),),
    (torch.rand(3, 4, 5),),
    (torch.rand(1, 2, 4),),
]


def unmixed(mixed):
    raise NotImplementedError


check(unmixed, element_by_element, cases)

# %%
# ``reshape`` loses nothing, so another ``reshape`` takes it back.

# Solution


def unmixed(mixed):
    channels, rows, columns = mixed.shape
    return mixed.reshape(rows, columns, channels).permute(2, 0, 1)


report = check(unmixed, element_by_element, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`batch-first-is-missing`, where time and batch change places. :ref:`transpose-and-permute` explains the
# operation.
#
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. Among
#   its advice: look at what goes into the network.
# - PyTorch contributors (2026). `permute <https://docs.pytorch.org/docs/stable/generated/torch.permute.html>`__. The
#   reference.
