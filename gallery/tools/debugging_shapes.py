"""
.. _debugging-shapes:

How do I debug a shape error?
=============================

A network stops somewhere in ``forward``, and the message gives two shapes and no layer. Find the call, see which two
sizes had to agree, and follow the shapes to the first that you did not mean.
"""

# %%
# Set-up

import re
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from ptguide import explain
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
photos = torch.rand(6, 3, 32, 32)
PLACE = re.compile(r"\S+, line \d+, (?=in )")  # a notebook has no file


class Classifier(nn.Module):
    def __init__(self, features=2048):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(features, 10)

    def forward(self, images):
        maps = self.body(images)
        return self.head(maps.flatten(start_dim=1))


# %%

model = Classifier()
try:
    with explain():
        model(photos)
except RuntimeError as error:
    message, note = str(error), PLACE.sub("", error.__notes__[0])
    print(f"RuntimeError: {message}\n{note}")
assert "(6x1800 and 2048x10)" in message
assert "nn.Linear(1800, 10), which gives (6, 10)" in note

# %%
# torch's own message is the first line. ``explain`` of this guide adds the rest: the call and its layer, the tensors by
# your names, and the rule on your sizes. After *works* comes a change that was tried on copies. The network is a
# convolution, a pooling and a linear layer, for :val:`6 <len(photos)>` photos of 32 x 32 pixels. You need to know
# :ref:`what a linear layer does <nn-linear>` and :ref:`what a module is <anatomy-of-nn-module>`.
#
# .. longer: 5 screens — four ways to see shapes, each with what it prints
#
# The rule
# --------
#
# The message gives two shapes, and the inner two sizes, 1800 and 2048, had to be equal. One comes from what you call,
# here the weight of the layer. The other comes from what goes in. Decide first which of the two is wrong. Here it is
# the layer: the convolution takes two rows and two columns away before the pooling halves the map. Print the shape
# before the layer, or let ``nn.LazyLinear(10)`` take the number from its first batch.

maps = model.body(photos)
print(f"{maps.shape = }, so {maps[0].numel()} numbers a photo")
assert maps.shape == (6, 8, 15, 15)
assert maps[0].numel() == 8 * 15 * 15 == 1800 != model.head.in_features
print("new head:", Classifier(features=maps[0].numel())(photos).shape)
lazy = nn.LazyLinear(10)
print("lazy:    ", lazy(maps.flatten(start_dim=1)).shape, "with in_features", lazy.in_features)
assert lazy.in_features == maps[0].numel()

# %%
# See the shapes of all layers
# ----------------------------
#
# The wrong size may come from a layer far above. A :ref:`forward hook <hooks-on-modules>` on each layer prints what
# came out of it. A layer such as ``nn.LSTM`` returns a tuple, whose type is printed instead.


def print_shapes(network, x):
    def show(module, args, output):
        size = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        print(f"{names[module]:8} {type(module).__name__:10} {size}")

    names = {module: name for name, module in network.named_modules()}
    hooks = [module.register_forward_hook(show) for module in names]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()


# %%
# A container such as ``body`` comes after its parts. The last line before the error is the last layer that worked. So
# look at the next one in ``forward``.

with expect_error(RuntimeError, match="cannot be multiplied"):
    print_shapes(model, photos)
assert not any(module._forward_hooks for module in model.modules())

# %%
# Shapes without the work
# -----------------------
#
# On the device ``meta`` a tensor has a shape and no numbers. A network that is made there takes no memory for its
# weights, and a batch of large images goes through it at once. The shapes of layers such as these are those of the real
# run. ``nonzero``, whose shape depends on numbers, raises there. A wrong dtype or too large an index is not noticed.

with torch.device("meta"):
    large = Classifier(features=8 * 511 * 511)
    logits = large(torch.empty(256, 3, 1024, 1024))
weight = large.head.weight
print(f"{tuple(logits.shape)} from a weight of {weight.nbytes / 1e6:.0f} MB that takes no memory")
assert logits.shape == (256, 10)
assert weight.is_meta

# %%
# Say what you expect
# -------------------
#
# Unpack the shape where a function begins. The line names the axes for a reader, and it stops a tensor with another
# number of axes before it can do harm. An ``assert`` checks a size that you know.


def pixel_means(images):
    _count, channels, _height, _width = images.shape
    assert channels == 3, f"expected 3 channels on axis 1, got {channels}"
    return images.mean(dim=(0, 2, 3))


assert pixel_means(photos).shape == (3,)
with expect_error(ValueError, match="not enough values to unpack"):
    pixel_means(photos[0])
with expect_error(AssertionError, match="expected 3 channels on axis 1, got 32"):
    pixel_means(photos.permute(0, 2, 3, 1))

# %%
# .. use-this::
#
#    Run ``explain.install()`` once at the top of a notebook or script. An error of torch that nothing catches is then
#    followed by an explanation. Before that, nothing of it runs. Where you may not edit the script, write
#    ``python -m ptguide explain train.py`` in a terminal. Without ``ptguide``, hook each layer and print its shape.
#    Write new networks on ``meta`` first. Unpack ``x.shape`` at the top of a function that others call.
#
# A common mistake
# ----------------
#
# **reshape is put in until it runs.** With ``reshape(-1, 900)`` a head for 900 features runs on these maps. Each photo
# becomes two rows, so each half of a photo gets an answer of its own.

halves = nn.Linear(900, 10)
logits = halves(maps.reshape(-1, 900))
print(f"{len(photos)} photos, {len(logits)} answers")
assert len(logits) == 2 * len(photos)
labels = torch.randint(10, (len(photos),))
with expect_error(ValueError, match="batch_size"):
    F.cross_entropy(logits, labels)

# %%
# The loss stops it here. A loss without labels, such as ``logits.square().mean()``, would not stop it. Keep the batch
# axis with ``flatten(start_dim=1)``, and a wrong size is an error at the layer. See :ref:`mat1-and-mat2-shapes` and
# :ref:`shape-is-invalid-for-input-of-size`.

with expect_error(RuntimeError, match="6x1800 and 900x10"):
    halves(maps.flatten(start_dim=1))
assert logits.square().mean().dim() == 0  # nothing is raised

# %%
# How this was checked

# The shapes on meta are those of the real run, for several sizes of images.
for size in (5, 8, 17, 32):
    images = torch.rand(2, 3, size, size)
    real = Classifier().body(images)
    with torch.device("meta"):
        assert Classifier().body(torch.empty(2, 3, size, size)).shape == real.shape
    assert real[0].numel() == 8 * ((size - 2) // 2) ** 2
# What meta refuses, and what it does not notice: another dtype, and an index that is too large.
with expect_error(NotImplementedError, match="nonzero"):
    torch.empty(3, device="meta").nonzero()
wide = torch.empty(2, 7, device="meta", dtype=torch.float64)
assert F.linear(wide, torch.empty(5, 7, device="meta")).shape == (2, 5)
row = torch.full((2,), 99, device="meta")
assert F.embedding(row, torch.empty(10, 3, device="meta")).shape == (2, 3)
# A layer that returns a tuple is printed, too.
print_shapes(nn.LSTM(5, 4), torch.rand(3, 2, 5))
# explain.install() leaves what is caught alone, and can be taken back.
explain.install()
with expect_error(RuntimeError, match="cannot be multiplied"):
    model(photos)
explain.uninstall()
# A script that nobody changed, from the command line: the message, the explanation below it, and the exit status of 1.
Path("train.py").write_text("import torch\nx = torch.rand(2, 3)\ny = x @ x\n", encoding="utf-8")
run = [sys.executable, "-m", "ptguide", "explain", "train.py"]
ended = subprocess.run(run, capture_output=True, text=True, check=False)
assert ended.returncode == 1
assert "x @ x.mT, which gives (2, 2)" in ended.stderr
# Both numbers of the message are in the explanation.
for number in ("1800", "2048"):
    assert number in message
    assert number in note

# %%
# Check yourself
# --------------

odd = torch.rand(6, 3, 33, 33)
ask(
    "The photos have 33 x 33 pixels. How many features must the head take?",
    answer=model.body(odd)[0].numel(),
    choices={
        1800: "The convolution gives 31 x 31, and the pooling leaves the last row and column out, so this is right.",
        2048: "That would be 16 x 16, as if the convolution kept the size.",
        1922: "8 x 31 x 31 / 4 is no whole number of windows: pooling drops what does not fill one.",
    },
)

# %%
# A loss subtracts targets from outputs:

outputs = torch.rand(6, 1)
targets = torch.rand(6)
ask(
    "outputs has shape (6, 1) and targets (6,). What is the shape of outputs - targets?",
    answer=tuple((outputs - targets).shape),
    choices={
        (6,): "Broadcasting lines the last axes up: 1 against 6.",
        (
            6,
            6,
        ): "Each output meets each target, and nothing is raised. This is the shape error that no message tells.",
        (6, 1): "The axis of size 1 is stretched to 6.",
    },
)

# %%
# **Exercise.** Write ``sizes(network, x)``. It returns, as a tensor, how many numbers come out of each layer of an
# ``nn.Sequential``, in order. Remove the hooks at the end.


def sizes(network, x):
    raise NotImplementedError


def sizes_by_hand(network, x):
    counts = []
    for layer in network:
        x = layer(x)
        counts.append(x.numel())
    return torch.tensor(counts)


cases = [
    (model.body, photos),
    (nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 2)), torch.rand(3, 4)),
    (nn.Sequential(nn.Flatten(), nn.Linear(3072, 5)), photos),
]
check(sizes, sizes_by_hand, cases)

# %%
# A hook is called with the module, its arguments and its output.

# Solution


def sizes(network, x):
    counts = []
    hooks = [
        layer.register_forward_hook(lambda layer, args, out: counts.append(out.numel()))
        for layer in network
    ]
    network(x)
    for hook in hooks:
        hook.remove()
    return torch.tensor(counts)


report = check(sizes, sizes_by_hand, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`torch-compile`, which also runs a model on shapes alone first. The pages of the chapter on errors explain each
# message: see :ref:`sizes-of-tensors-must-match` and :ref:`expected-input-to-have-channels`.
#
# - PyTorch contributors (2026). `Meta device <https://docs.pytorch.org/docs/stable/meta.html>`__. What runs there, and
#   what needs numbers.
# - Parr (2020). `Clarifying exceptions and visualizing tensor operations in deep learning code
#   <https://explained.ai/tensor-sensor/index.html>`__. TensorSensor, a tool that drew the shapes of the failing line.
