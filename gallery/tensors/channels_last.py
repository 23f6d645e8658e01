"""
.. _channels-last:

What is channels_last, and when is it faster?
=============================================

Your convolutions are slow: they read the colors of a pixel together, but the default order keeps these far apart in
memory. ``torch.channels_last`` puts them next to each other, and the shape stays.
"""

# %%
# Set-up

# Measured where this page runs. sphinx_gallery_parallel = False
import time

import torch
from torch import nn

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
photos = data.photos()
batch = torch.stack([photos[i % 2][0][:, :64, 32 * i : 32 * i + 64] for i in range(8)]) / 255
pixels = torch.arange(1, 5).reshape(2, 2)
image = torch.stack([pixels, 10 + pixels, 20 + pixels])[None]  # 3 channels of 2 by 2 pixels


def memory(x):  # the whole storage, in the order of its places
    return x.as_strided((x.numel(),), (1,), 0)


def draw_memory(**images):
    lines = {name: memory(x) for name, x in images.items()}
    return draw(list(lines.values()), list(lines), colors=[line // 10 for line in lines.values()])


# %%

last = image.to(memory_format=torch.channels_last)
draw_memory(default=image, channels_last=last)

# %%
# You see the memory of one image of shape :val:`tuple(image.shape)` in both orders, with a tint for each of its three
# channels. By default a whole channel comes first, and then the next. In ``channels_last`` the three channels of one
# pixel come first. You need to know :ref:`strides <strides-and-storage>`.
#
# The rule
# --------
#
# The shape, the indices and the values stay. The :term:`strides <stride>` change, and with them the places: one step
# to the next channel moves by 1. For the shape (N, C, H, W) the strides are
#
# - default: (C · H · W, H · W, W, 1),
# - channels_last: (H · W · C, 1, W · C, C).

for name, x in {"default": image, "channels_last": last}.items():
    print(f"{name:<14} shape {tuple(x.shape)}, strides {x.stride()}")

# %%
# How to use it
# -------------
#
# Convert the network once and each batch as it comes. The result of a convolution is in ``channels_last`` if its
# weight or its batch is, and the other layers here keep the order. So you convert nothing in between. The results are
# equal up to rounding.

network = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3)
).eval()
usual = network(batch)
network = network.to(memory_format=torch.channels_last)
fast = network(batch.to(memory_format=torch.channels_last))
print(fast.is_contiguous(memory_format=torch.channels_last), fast.shape == usual.shape)
torch.testing.assert_close(fast, usual, rtol=1e-4, atol=1e-5)

# %%
# Is it faster?
# -------------
#
# That depends on the device and the network, so measure yours. These are the best of ten steps, forward and backward.
# For half precision on a GPU, the tutorial under *Read next* reports a gain.

# Measured where this page runs.


def best_step(network, batch):
    times = []
    for _ in range(10):
        begin = time.perf_counter()
        network(batch).sum().backward()
        times.append(1000 * (time.perf_counter() - begin))
    return min(times)


for memory_format in (torch.contiguous_format, torch.channels_last):
    network = network.to(memory_format=memory_format)
    step = best_step(network, batch.to(memory_format=memory_format))
    print(f"{memory_format!s:<25} {step:6.1f} ms a step")

# %%
# .. use-this::
#
#    For a network of convolutions, write ``model = model.to(memory_format=torch.channels_last)`` once, and the
#    same for each ``batch``. Keep both if a step gets faster. Converting a batch costs a copy, unless it has the order
#    already.
#
# A photo from a file has it already
# ----------------------------------
#
# Image libraries give (H, W, C). ``permute`` moves the color of a batch of such photos to axis 1, and moves no element
# in memory. The result *is* in ``channels_last``, so the conversion has nothing to copy.

from_file = torch.rand(8, 64, 64, 3)  # (N, H, W, C)
permuted = from_file.permute(0, 3, 1, 2)
print(tuple(permuted.shape), permuted.is_contiguous(memory_format=torch.channels_last))
assert permuted.to(memory_format=torch.channels_last) is permuted

# %%
# Common mistakes
# ---------------
#
# **contiguous() undoes it.** Without an argument, it copies into the default order, without a warning. Where ``view``
# refuses to :ref:`merge the axes <reshape-and-view>`, take ``flatten``, which copies by itself.

with expect_error(RuntimeError, match="Use .reshape"):
    fast.view(8, -1)
undone = fast.contiguous()
print(fast.stride(), "->", undone.stride())
assert torch.equal(fast.flatten(1), undone.view(8, -1))

# %%
# **Taking the name literally.** A batch of shape (N, H, W, C) does not have the channels on axis 1, so the layer
# refuses it.

with expect_error(RuntimeError, match="to have 3 channels, but got 64 channels"):
    network(batch.permute(0, 2, 3, 1))

# %%
# How this was checked

for n, c, h, w in ((16, 3, 14, 15), (1, 3, 2, 4), (2, 5, 7, 3)):
    x = torch.arange(n * c * h * w).reshape(n, c, h, w)
    y = x.to(memory_format=torch.channels_last)
    assert torch.equal(x, y)
    assert x.stride() == (c * h * w, h * w, w, 1)
    assert y.stride() == (h * w * c, 1, w * c, c)
    assert not y.is_contiguous()
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert memory(y).tolist() == x.permute(0, 2, 3, 1).flatten().tolist()
    assert y.contiguous().stride() == x.stride()
for net_format in (torch.contiguous_format, torch.channels_last):
    for batch_format in (torch.contiguous_format, torch.channels_last):
        result = network.to(memory_format=net_format)(batch.to(memory_format=batch_format))
        one = torch.channels_last in (net_format, batch_format)
        assert result.is_contiguous(memory_format=torch.channels_last) == one
with expect_error(RuntimeError, match="required rank 4 tensor"):
    torch.rand(3, 4, 5).to(memory_format=torch.channels_last)
assert torch.equal(image, last)
assert image.data_ptr() != last.data_ptr()  # a copy
assert not undone.is_contiguous(memory_format=torch.channels_last)
gray = torch.rand(4, 1, 5, 5)  # with one channel both orders are the same
assert gray.is_contiguous()
assert gray.is_contiguous(memory_format=torch.channels_last)

# %%
# Check yourself
# --------------

thin = torch.empty(2, 3, 10, 12).to(memory_format=torch.channels_last)
ask(
    "x has shape (2, 3, 10, 12). What is x.to(memory_format=torch.channels_last).shape?",
    answer=thin.shape,
    choices={
        (2, 10, 12, 3): "x.permute(0, 2, 3, 1) has this shape. A memory format moves no axis.",
        (2, 3, 10, 12): "The memory changes, not the axes.",
        (3, 2, 10, 12): "The axes stay, and so does their order.",
    },
)

# %%
# Its strides:

ask(
    "What are the strides of x.to(memory_format=torch.channels_last)?",
    answer=thin.stride(),
    choices={
        (360, 120, 12, 1): "Those are the default ones: a step to the next column moves by 1.",
        (
            360,
            1,
            36,
            3,
        ): f"The next channel is 1 further, the next column {thin.stride(3)}, the next row 12 times that.",
        (360, 36, 3, 1): "Those belong to the axes (N, H, W, C). Here axis 1 is the channel.",
    },
)

# %%
# **Exercise.** Write the conversion without ``memory_format``: a copy with the same shape and values as ``x``, whose
# channels are next to each other in memory. ``permute`` and ``contiguous`` are enough. The check looks at the strides.


def strides_of(make):
    return lambda x: torch.tensor(make(x).stride())


def by_torch(x):
    return x.to(memory_format=torch.channels_last)


cases = [(image,), (torch.rand(4, 5, 3, 7),)]


def to_channels_last(x):
    raise NotImplementedError


check(strides_of(to_channels_last), strides_of(by_torch), cases)

# %%
# Move the channels to the end, copy into the order of that tensor, and move them back without a copy.

# Solution


def to_channels_last(x):
    return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


report = check(strides_of(to_channels_last), strides_of(by_torch), cases)
assert report.passed
assert all(torch.equal(to_channels_last(x), x) for (x,) in cases)
report

# %%
# Read next
# ---------
#
# :ref:`numpy-and-back` puts a tensor and an array into the same memory.
#
# - Fedyunin (2020). `Channels last memory format in PyTorch
#   <https://docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html>`__. The tutorial, with
#   times on a GPU, and a way to find operations that lose the format.
