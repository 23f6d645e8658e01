"""
.. _expected-more-than-1-value-per-channel:

ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 64])
====================================================================================================

A batch normalization in training mode got one number for each channel, and one number has no variance. Leave out a last
batch of one sample with ``drop_last=True``, and call ``eval()`` where you do not train.
"""

# %%
# Set-up

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import resnet18
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
train = digits("train")
# Without the first column of pixels, so that no two sizes are equal.
images, labels = (
    train.inputs[:41, :, :, 1:].flatten(start_dim=1),
    train.targets[:41],
)  # (41, 56), (41,)
data = TensorDataset(images, labels)


def train_once(network, loader):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for x, y in loader:
        loss = F.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# %%

network = nn.Sequential(nn.Linear(56, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
with expect_error(ValueError, match=r"got input size torch.Size\(\[1, 64\]\)"):
    train_once(network, DataLoader(data, batch_size=8, shuffle=True))

# %%
# The size in the message is that of the input of the normalization, here 1 sample and 64 channels. There are
# :val:`41 <len(images)>` images, so five batches have 8, and the last batch has the one that is left.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`the last batch has one sample <channel-last>`                   ``drop_last=True``
# :ref:`a DataLoader without batch_size <channel-last>`                 give it a ``batch_size``
# :ref:`the model is used on one image <channel-eval>`                  ``network.eval()``
# :ref:`feature maps of one pixel, a batch of one <channel-pixel>`      a larger batch, or larger images
# :ref:`the memory is too small for two samples <channel-group>`        ``nn.GroupNorm``
# :ref:`Expected more than 1 spatial element <channel-instance>`        larger feature maps
# ====================================================================  =============================================
#
# The rule
# --------
#
# In training, the mean of a channel is subtracted, and the rest is divided by its standard deviation: :math:`(x -
# \bar{x}) / \sqrt{v + \varepsilon}`. Each sample and each pixel counts, so an input of shape :math:`(N, C, H, W)` has
# :math:`N \cdot H \cdot W` values per channel. For one value, :math:`x - \bar{x}` is 0 and the input is lost.

for shape in [(1, 64, 1, 1), (2, 64, 1, 1), (1, 64, 1, 3), (8, 64, 5, 4)]:
    values = shape[0] * shape[2] * shape[3]
    try:
        nn.BatchNorm2d(64)(torch.rand(shape))
        result = "fine"
    except ValueError:
        result = "error"
    print(f"{shape!s:14} {values:3} values per channel: {result}")
    assert (result == "fine") == (values > 1)

# %%
# .. _channel-last:
#
# The last batch has one sample
# -----------------------------
#
# This happens if the number of samples, divided by the batch size, leaves 1. ``drop_last=True`` leaves out a last batch
# that is smaller than the batch size. With ``shuffle=True`` these are other samples in each epoch, by chance. A batch
# size that does not leave 1 helps, too. A loader without ``batch_size`` makes batches of one.

for settings in ({"batch_size": 8}, {"batch_size": 8, "drop_last": True}, {"batch_size": 9}):
    loader = DataLoader(data, shuffle=True, **settings)
    print(settings, [len(y) for _, y in loader])
    if settings != {"batch_size": 8}:
        train_once(network, loader)

# %%
# .. _channel-eval:
#
# The model is used on one image
# ------------------------------
#
# In evaluation mode the layer uses its :term:`running means <running mean>` and variances, so one sample is enough.
# Call ``train()`` before you train again. See :ref:`evaluation`. Neither ``torch.no_grad()`` nor freezing the
# parameters changes the mode (:ref:`frozen-batch-norm`).

network.requires_grad_(False)
with torch.no_grad(), expect_error(ValueError, match="Expected more than 1 value per channel"):
    network(images[:1])
network.requires_grad_(True).eval()
print(tuple(network(images[:1]).shape))
torch.testing.assert_close(network(images[:1]), network(images[:7])[:1])

# %%
# .. _channel-pixel:
#
# One pixel is left
# -----------------
#
# A network that halves the image again and again can end with feature maps of one pixel. Then a batch of one image
# fails, but one of two passes. Here 32 pixels are too few, and 64 are enough. DeepLab averages the whole image to one
# pixel in front of a normalization, so larger images do not help there.

resnet = resnet18(weights=None)
with expect_error(ValueError, match=r"got input size torch.Size\(\[1, 512, 1, 1\]\)"):
    resnet(torch.rand(1, 3, 32, 32))
for batch in (torch.rand(2, 3, 32, 32), torch.rand(1, 3, 64, 64)):
    print(tuple(batch.shape), "gives", tuple(resnet(batch).shape))
deeplab = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None)
with expect_error(ValueError, match=r"got input size torch.Size\(\[1, 256, 1, 1\]\)"):
    deeplab(torch.rand(1, 3, 64, 64))

# %%
# .. _channel-group:
#
# Batches of one
# --------------
#
# ``nn.GroupNorm`` takes mean and variance over a group of channels of *one* sample. Its result for a sample does not
# depend on the rest of the batch, and it is the same in training and in evaluation. Its ``state_dict()`` has other
# names, so weights of a batch normalization cannot be loaded into it.

grouped = nn.Sequential(nn.Linear(56, 64), nn.GroupNorm(8, 64), nn.ReLU(), nn.Linear(64, 10))
train_once(grouped, DataLoader(data, batch_size=1, shuffle=True))
alone, among = grouped(images[:1]), grouped(images[:7])[:1]
torch.testing.assert_close(alone, among)
print(f"largest difference: {(alone - among).abs().max():.6f}")
torch.testing.assert_close(grouped.eval()(images[:1]), alone)

# %%
# .. _channel-instance:
#
# Expected more than 1 spatial element
# ------------------------------------
#
# ``nn.InstanceNorm2d`` takes the mean over the pixels of one channel of one sample. A larger batch does not help. Here
# ``eval()`` does not help either, because the layer keeps no running means by default.

instance = nn.InstanceNorm2d(64)
for layer in (instance, instance.eval()):
    with expect_error(ValueError, match="Expected more than 1 spatial element when training"):
        layer(torch.rand(8, 64, 1, 1))
print(tuple(instance(torch.rand(1, 64, 1, 3)).shape))

# %%
# .. use-this::
#
#    In training give the loader a ``batch_size`` and ``drop_last=True``. In evaluation call ``eval()``, and keep the
#    last batch. ``drop_last`` leaves out fewer samples than a batch has, in each epoch. Check that at least one batch
#    is left. If the memory allows no larger batch than one or two, use ``nn.GroupNorm``, and train from the start.
#
# A common mistake
# ----------------
#
# Giving the sample twice silences the message. Both rows are equal, so their difference to the mean is 0. The image no
# longer matters, and two images get the same logits.

network.train()
for index in (0, 1):
    twice = torch.cat([images[index : index + 1]] * 2)
    print(
        f"label {labels[index].item()}:",
        [round(number, 2) for number in network(twice)[0, :4].tolist()],
    )
torch.testing.assert_close(network(images[[0, 0]]), network(images[[1, 1]]))

# %%
# How this was checked

# The message of each batch normalization, and of GroupNorm with one channel in each group.
for layer, shape in [
    (nn.BatchNorm1d(64), (1, 64)),
    (nn.BatchNorm1d(64), (1, 64, 1)),
    (nn.BatchNorm2d(64), (1, 64, 1, 1)),
    (nn.BatchNorm3d(64), (1, 64, 1, 1, 1)),
    (nn.GroupNorm(64, 64), (1, 64)),
]:
    with expect_error(ValueError, match="Expected more than 1 value per channel when training"):
        layer(torch.rand(shape))
assert nn.BatchNorm1d(64)(torch.rand(1, 64, 5)).shape == (1, 64, 5)
# No value per channel raises nothing, and gives an empty result.
for shape in [(0, 64, 1, 1), (8, 64, 0, 5)]:
    assert nn.BatchNorm2d(64)(torch.rand(shape)).shape == shape
# The size of ResNet-18's last feature maps is rounded up, so 33 pixels are enough.
for size in (1, 31, 32, 33, 64):
    try:
        resnet(torch.rand(1, 3, size, size))
        assert size > 32
    except ValueError:
        assert size <= 32
# DeepLab needs two images, however large they are.
with expect_error(ValueError, match=r"got input size torch.Size\(\[1, 256, 1, 1\]\)"):
    deeplab(torch.rand(1, 3, 192, 192))
assert deeplab(torch.rand(2, 3, 64, 64))["out"].shape == (2, 21, 64, 64)
# A loader without batch_size.
assert {len(y) for _, y in DataLoader(data)} == {1}
assert {len(y) for _, y in DataLoader(data, drop_last=True)} == {1}
# Running means are not needed for the error; without them, evaluation uses the batch, and raises too.
untracked = nn.BatchNorm1d(64, track_running_stats=False).eval()
with expect_error(ValueError, match="Expected more than 1 value per channel"):
    untracked(torch.rand(1, 64))
tracked = nn.InstanceNorm2d(64, track_running_stats=True).eval()
assert tracked(torch.rand(8, 64, 1, 1)).shape == (8, 64, 1, 1)
# What would happen without the error: the result is 0 but for rounding, and the running variance is no number.
mean, variance = torch.zeros(2), torch.ones(2)
result = torch.batch_norm(
    torch.tensor([[3.0, 7.0]]), None, None, mean, variance, True, 0.1, 1e-5, False
)
assert result.abs().max() < 1e-3
assert not variance.isfinite().any()
# LayerNorm needs no second sample either.
assert nn.LayerNorm(64)(torch.rand(1, 64)).std() > 0.5
# How many batches are left, for each number of samples and each batch size up to 12.
for count in range(1, 13):
    for size in range(1, 13):
        for drop_last in (False, True):
            loader = DataLoader(range(count), batch_size=size, drop_last=drop_last)
            lengths = [len(batch) for batch in loader]
            rest = count % size
            expected = [size] * (count // size) + ([rest] if rest and not drop_last else [])
            assert lengths == expected
assert len(DataLoader(range(7), batch_size=8, drop_last=True)) == 0
# A frozen batch normalization in training mode still moves its running means.
norm = nn.BatchNorm1d(5).requires_grad_(False)
norm(torch.rand(4, 5))
assert norm.running_mean.ne(0).all()
# The state dict of a batch normalization does not fit GroupNorm.
with expect_error(RuntimeError, match="Unexpected key.*running_mean"):
    nn.GroupNorm(8, 64).load_state_dict(nn.BatchNorm1d(64).state_dict())

# %%
# Check yourself
# --------------

values = torch.rand(1, 5, 2, 3)[:, 0].numel()
ask(
    "An input of shape (1, 5, 2, 3) goes into nn.BatchNorm2d(5). How many values per channel has it?",
    answer=values,
    choices={
        1: "The pixels count, too. The batch has one image, and the image has several pixels.",
        6: "It is one image times two rows times three columns. So the layer raises no error.",
        30: "Those are the elements of all five channels.",
    },
)

# %%
# Two samples are enough for the layer. The next question asks what is left of them.

pair = nn.BatchNorm1d(1)(torch.tensor([[3.0], [7.0]])).flatten()
ask(
    "A channel has the values 3 and 7 in a batch of two. What does a new nn.BatchNorm1d(1) give for them, rounded?",
    answer=pair.round(),
    choices={
        (3.0, 7.0): "They are shifted and scaled to mean zero and variance one.",
        (
            -1.0,
            1.0,
        ): "The mean is 5 and each value is 2 away from it, so the smaller gives -1 and the larger 1.",
        (0.0, 0.0): "Two equal values would give this.",
    },
)

# %%
# **Exercise.** Write ``to_group_norm``: it replaces each ``nn.BatchNorm2d`` in the network by an ``nn.GroupNorm`` with
# as many channels and the given number of groups.


class Block(nn.Module):
    def __init__(self, channels, norm):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, channels, 3, padding=1), norm(channels)

    def forward(self, x):
        return x + self.norm(self.conv(x)).relu()


def two_blocks(norm):
    return nn.Sequential(nn.Conv2d(1, 6, 3), norm(6), Block(6, norm), nn.Sequential(Block(6, norm)))


def one_norm(norm):
    return nn.Sequential(nn.Conv2d(1, 4, 3), norm(4))


def to_group_norm(network, groups):
    raise NotImplementedError


def use(replace):
    def result(kind, groups, x):
        torch.manual_seed(0)
        network = kind(nn.BatchNorm2d)
        replace(network, groups)
        return network(x).detach()

    return result


def expected(kind, groups, x):
    torch.manual_seed(0)
    return kind(lambda channels: nn.GroupNorm(groups, channels))(x).detach()


x = torch.rand(1, 1, 3, 3)  # one pixel is left after the first convolution
cases = [(one_norm, 2, x), (two_blocks, 3, x), (two_blocks, 1, torch.rand(2, 1, 8, 7))]
check(use(to_group_norm), expected, cases)

# %%
# ``named_modules()`` gives the path of each module. The paths are listed first, because the network changes in the
# loop.

# Solution


def to_group_norm(network, groups):
    for name, part in list(network.named_modules()):
        if isinstance(part, nn.BatchNorm2d):
            network.set_submodule(name, nn.GroupNorm(groups, part.num_features))


report = check(use(to_group_norm), expected, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cannot-assign-as-parameter`, when a weight is replaced by a tensor. What the layer does in training and in
# evaluation is on :ref:`evaluation`.
#
# - Ioffe and Szegedy (2015). `Batch normalization: accelerating deep network training by reducing internal covariate
#   shift <https://arxiv.org/abs/1502.03167>`__. Mean and variance over the batch, and what replaces them afterwards.
# - Wu and He (2018). `Group normalization <https://arxiv.org/abs/1803.08494>`__. Accuracies for small batches, beside
#   those of batch normalization.
