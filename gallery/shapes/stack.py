"""
.. _stack:

How does torch.stack work?
==========================

You have four photos of shape :val:`(3, 32, 32) <photos[0].shape>`, and a network that takes one batch of shape
:val:`(4, 3, 32, 32) <torch.stack(photos).shape>`. :func:`torch.stack` puts tensors along a *new* axis.
"""

# %%
# Set-up

import torch

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo

landscape, _ = data.photos(split="all")[0]
photos = [landscape[:, 200:232, left : left + 32] for left in (0, 150, 300, 450)]

a = torch.arange(12).reshape(3, 4)
b = a + 20

# %%

draw(torch.stack, [a, b], dim=0)

# %%
# Here ``a`` and ``b`` are two small gray photos of three rows and four columns. The new axis is axis 0 of the result,
# because ``dim=0`` says so. Point at an element of the result to see where it came from.
#
# The rule
# --------
#
# The size of the new axis is the number of tensors, and ``dim`` is its place among the axes of the result. If you fix
# the index on the new axis, one of the tensors is left. With ``dim=1``, index 1 on axis 1 gives ``b``.

stacked = torch.stack([a, b], dim=1)
assert torch.equal(stacked[:, 0], a)
assert torch.equal(stacked[:, 1], b)
stacked[:, 1]

# %%
# A photo has the axes row and column, which leaves three places for the axis that counts the photos. So ``dim`` runs
# from 0 to :val:`2 <dim>`, and the size :val:`2 <shape[dim]>` in each printed shape is the number of photos. A negative
# ``dim`` counts from the end.

for dim in range(3):
    shape = torch.stack([a, b], dim).shape
    axes = ["row", "column"]
    axes.insert(dim, "photo")
    print(f"dim={dim}: shape {tuple(shape)}, axes ({', '.join(axes)})")
    assert shape[dim] == 2

assert torch.equal(torch.stack([a, b], dim=-1), torch.stack([a, b], dim=2))

# %%
# The four photos need the new axis in front, and ``dim=0``, the default, puts it there. The axes of the batch are then
# photo, channel, row and column. You need to know :ref:`what a shape is <what-is-a-tensor>` to read them.

batch = torch.stack(photos)
assert torch.equal(batch[2], photos[2])
print(tuple(batch.shape))

# %%
# .. use-this::
#
#    Write ``torch.stack(tensors)`` to make a batch, because convolutions expect the batch axis first. Give ``dim``
#    where the new axis has another place, such as time in (batch, time, feature). The result is a copy, with memory for
#    each of its elements. To make an existing axis longer, use :ref:`cat <cat>`.

assert batch.nbytes == sum(photo.nbytes for photo in photos)
batch[2] = 0
assert photos[2].any()  # the photo keeps its values

# %%
# A common mistake
# ----------------
#
# A fifth photo is wider than the others. ``stack`` refuses it, and the message names the two shapes.

wide = landscape[:, 200:232, 500:548]
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    torch.stack([*photos, wide])

# %%
# Bring the photos to one size first. Cutting off columns is the shortest way, and :ref:`padding <pad>` keeps them. A
# ``DataLoader`` stacks for you, and raises :ref:`the same error in its worker <dataloader-worker-process>`.

batch = torch.stack([*photos, wide[:, :, :32]])
print(tuple(batch.shape))
assert torch.equal(batch[4], wide[:, :, :32])

# %%
# From scratch
# ------------
#
# ``stack`` is two steps. ``unsqueeze`` gives each tensor an axis of size 1, and :func:`torch.cat` joins the tensors
# along it.


def stack(tensors, dim=0):
    return torch.cat([tensor.unsqueeze(dim) for tensor in tensors], dim)


assert torch.equal(stack([a, b], dim=1), torch.stack([a, b], dim=1))

# %%
# How this was checked

for tensor in zoo().values():
    for dim in range(-tensor.dim() - 1, tensor.dim() + 1):
        result = torch.stack([tensor, torch.zeros_like(tensor), tensor], dim)
        assert result.shape[dim] == 3
        for k, expected in enumerate([tensor, torch.zeros_like(tensor), tensor]):
            torch.testing.assert_close(
                result.select(dim, k), expected, rtol=0, atol=0, equal_nan=True
            )
        again = stack([tensor, torch.zeros_like(tensor), tensor], dim)
        torch.testing.assert_close(again, result, rtol=0, atol=0, equal_nan=True)

x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
weights = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
(torch.stack([x, y]) * weights).sum().backward()  # each input gets its own slice of the gradient
assert torch.equal(x.grad, weights[0])
assert torch.equal(y.grad, weights[1])
assert torch.stack([torch.tensor(4), torch.tensor(0.5)]).dtype == torch.float32

# %%
# Check yourself
# --------------
#
# The page computes each answer. Open a choice to see whether it is right.

sevenfold = torch.stack([torch.zeros(2, 3, 5)] * 7, dim=-2)
ask(
    "Seven tensors of shape (2, 3, 5) are stacked with dim=-2. What is the shape of the result?",
    answer=sevenfold.shape,
    choices={
        (2, 7, 3, 5): "That is dim=1, or dim=-3: the result has four axes.",
        (2, 3, 7, 5): "-2 counts from the end of the result: the new axis is the last but one.",
        (2, 21, 5): "stack makes a new axis; cat along axis 1 gives this.",
    },
)

# %%
# Stacking can be undone.

stacked = torch.stack([a, b], dim=1)
ways = {
    "unbind(0)": stacked.unbind(0),
    "split(1)": stacked.split(1),
    "unbind(1)": stacked.unbind(1),
}
undone = [
    way for way, given in ways.items() if len(given) == 2 and all(map(torch.equal, given, [a, b]))
]
ask(
    "Which call gives a and b back from torch.stack([a, b], dim=1)?",
    answer=undone[0],
    choices={
        "unbind(0)": "It takes the slices along axis 0, which a and b had before.",
        "split(1)": "It cuts axis 0 into pieces of size 1, and keeps the axis.",
        "unbind(1)": "It takes the slices along axis 1, the new one.",
    },
)

# %%
# **Exercise.** Three photos show the same place, and in each of them somebody walks through another part of it. The
# median of the three values of each pixel is a photo without people. Write it in one line.


def without_people(a, b, c):
    raise NotImplementedError


def by_loops(a, b, c):
    pixels = zip(a.flatten().tolist(), b.flatten().tolist(), c.flatten().tolist(), strict=True)
    return torch.tensor([sorted(three)[1] for three in pixels]).reshape(a.shape)


torch.manual_seed(0)
cases = [tuple(torch.randint(10, shape) for _ in "abc") for shape in ((2, 3), (1, 4), (3, 2, 5))]
check(without_people, by_loops, cases)

# %%
# The new axis counts the photos, and ``median`` along this axis makes one photo of three.

# Solution


def without_people(a, b, c):
    return torch.stack([a, b, c]).median(dim=0).values


report = check(without_people, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cat-or-stack` helps to choose between the two.
#
# - Stevens, Antiga and Viehmann (2020). `Deep Learning with PyTorch
#   <https://www.manning.com/books/deep-learning-with-pytorch>`__. Its seventh chapter stacks the images of CIFAR-10
#   along a last axis, and takes the mean of each channel.
# - PyTorch contributors (2026). `torch.stack
#   <https://docs.pytorch.org/docs/stable/generated/torch.stack.html>`__. The reference.
