"""
.. _cat-or-stack:

When do I use cat, and when stack?
==================================

You have a list of tensors of equal shape and want one tensor: both functions work, and the wrong one may fail later, in
a layer. :func:`torch.cat` makes an axis longer, and :func:`torch.stack` makes a new one.
"""

# %%
# Set-up

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

torch.manual_seed(0)
a, b = torch.tensor([1, 2, 3]), torch.tensor([21, 22, 23])


def both(a, b):
    return {"stack": torch.stack([a, b]), "cat": torch.cat([a, b])}


# %%

draw(both, (a, b))

# %%
# ``a`` and ``b`` are two pixels, with three colors each. In the result of ``stack``, the first index says which pixel
# it was. In the result of ``cat``, the six numbers follow one another. You need to know :ref:`cat` and :ref:`stack`.
#
# The rule
# --------
#
# Ask whether each tensor is *one thing* of a series or a *part* of one long series. Things are stacked: a photo, a
# frame of a film, the loss of an epoch. Parts are joined by ``cat``: batches of a data set, groups of features. The
# table leaves out one exception for empty tensors, which :ref:`cat` shows.
#
# ==================  ===========================  ========================
# \                   cat                          stack
# ==================  ===========================  ========================
# number of axes      as before                    one more
# sizes must agree    except along ``dim``         all
# size along ``dim``  the sum of the sizes         the number of tensors
# no axes             error                        a vector
# undone by           ``split`` with the sizes     ``unbind``
# ==================  ===========================  ========================

photos = [torch.rand(3, 32, 48) for _ in range(5)]
batches = [torch.rand(n, 3, 32, 48) for n in (4, 4, 2)]
print("five photos, stack:    ", tuple(torch.stack(photos).shape))
print("three batches, cat:    ", tuple(torch.cat(batches).shape))
print("gray and color, cat:   ", tuple(torch.cat([torch.rand(10, 1), torch.rand(10, 3)], 1).shape))
print("losses, stack:         ", tuple(torch.stack([torch.tensor(0.9), torch.tensor(0.5)]).shape))

# %%
# The way back differs, too. ``unbind`` returns the things, and ``split`` needs the sizes of the parts. Numbers without
# an axis can be stacked, but have nothing to be joined along.

for thing, back in zip(photos, torch.stack(photos).unbind(), strict=True):
    assert torch.equal(thing, back)
for part, back in zip(batches, torch.cat(batches).split([4, 4, 2]), strict=True):
    assert torch.equal(part, back)

# %%
# One from the other
# ------------------
#
# For tensors of equal shape, ``cat`` is ``stack`` with the new axis :ref:`flattened <flatten-and-unflatten>` into the
# next one. With ``dim=1`` the same ``flatten`` interleaves the two, as an audio file does with left and right.

left, right = torch.tensor([1, 2, 3, 4]), torch.tensor([-1, -2, -3, -4])
print("cat:               ", torch.cat([left, right]).tolist())
print("stack, dim=0, flat:", torch.stack([left, right], dim=0).flatten().tolist())
print("stack, dim=1, flat:", torch.stack([left, right], dim=1).flatten().tolist())
assert torch.equal(torch.stack(photos).flatten(0, 1), torch.cat(photos))

# %%
# .. use-this::
#
#    Write ``stack`` for things and ``cat`` for parts, and give ``dim`` by name. Both copy, so collect results in a list
#    and join them once after the loop. A ``cat`` inside the loop copies the earlier results again at each turn. For
#    things of different sizes, :ref:`pad <pad>` first, or use ``pad_sequence``.

copied, joined = 0, torch.empty(0, 10)
for _ in range(100):
    joined = torch.cat([joined, torch.rand(32, 10)])
    copied += joined.numel()
print(f"numbers copied in the loop: {copied:,}; by one cat at the end: {joined.numel():,}")

# %%
# A common mistake
# ----------------
#
# **cat for stack.** Two photos of :val:`3 <len(photos[0])>` channels become one photo of 6 channels. Nothing is raised
# until a layer counts the channels, so the message is about the layer, not about ``cat``. With a linear layer it is
# :ref:`this error <mat1-and-mat2-shapes>`.

layer = nn.Conv2d(3, 9, kernel_size=2)
with expect_error(RuntimeError, match="to have 3 channels, but got 6 channels"):
    layer(torch.cat(photos[:2]))
assert layer(torch.stack(photos[:2])).shape == (2, 9, 31, 47)

# %%
# **hstack and vstack join like cat.** In spite of their names they join matrices along axis 1 and axis 0. For vectors
# ``vstack`` stacks, and ``hstack`` joins.

for join in (torch.vstack, torch.hstack):
    vectors, matrices = join([left, right]), join([torch.zeros(2, 4), torch.zeros(2, 4)])
    shapes = f"2 of (4,) give {tuple(vectors.shape)}, 2 of (2, 4) give {tuple(matrices.shape)}"
    print(f"{join.__name__}: {shapes}")

# %%
# How this was checked

with expect_error(RuntimeError, match="zero-dimensional tensor"):
    torch.cat([torch.tensor(0.9), torch.tensor(0.5)])
volume = torch.arange(30).reshape(2, 3, 5)
volumes = [volume, volume + 100, volume + 200, volume + 300]
for dim in range(3):
    joined, stacked = torch.cat(volumes, dim), torch.stack(volumes, dim)
    assert torch.equal(stacked.flatten(dim, dim + 1), joined)
    assert torch.equal(joined.unflatten(dim, (4, volume.shape[dim])), stacked)
# A negative dim counts from the end of each result, and stack has one axis more.
assert torch.equal(torch.stack(volumes, dim=-2).flatten(-2, -1), torch.cat(volumes, dim=-1))
for join in (torch.cat, torch.stack):
    assert not shares_memory(join([a, b]), a)
    assert not shares_memory(join([a]), a)
    assert join([a, b.half()]).dtype == torch.float16
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    (join([x, y]).flatten() * torch.tensor([1.0, 2.0, 4.0, 8.0])).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([1, 2], [4, 8])
matrices = [torch.arange(8).reshape(2, 4) + k for k in (0, 20, 40)]
assert torch.equal(torch.hstack(matrices), torch.cat(matrices, dim=1))
assert torch.equal(torch.vstack(matrices), torch.cat(matrices, dim=0))
assert torch.equal(torch.dstack(matrices), torch.stack(matrices, dim=2))
assert torch.equal(torch.hstack([left, right]), torch.cat([left, right]))
assert torch.equal(torch.vstack([left, right]), torch.stack([left, right]))
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    torch.stack(batches)
lengths = [torch.ones(4), torch.ones(2), torch.ones(3)]
padded = nn.utils.rnn.pad_sequence(lengths, batch_first=True)
assert padded.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]

# %%
# Check yourself
# --------------

ask(
    "Predictions for 32, 32 and 7 examples, each of 10 classes, become one tensor. What is its shape?",
    answer=torch.cat([torch.zeros(size, 10) for size in (32, 32, 7)]).shape,
    choices={
        (71, 10): "cat gives one row for each example.",
        (3, 32, 10): "That would be stack, which raises an error for 7 rows beside 32.",
        (71, 30): "cat adds up one axis; the others stay.",
    },
)

# %%
# In the next question three results have one shape.

one, two = torch.arange(15).reshape(3, 5), torch.arange(50, 65).reshape(3, 5)
ways = {
    "cat(dim=0)": torch.cat([one, two], dim=0),
    "stack(dim=0), then flatten(0, 1)": torch.stack([one, two], dim=0).flatten(0, 1),
    "stack(dim=1), then flatten(0, 1)": torch.stack([one, two], dim=1).flatten(0, 1),
}
ask(
    "Which call makes one matrix from two of shape (3, 5), rows of both in turn?",
    answer=next(way for way, result in ways.items() if torch.equal(result[1], two[0])),
    choices={
        "cat(dim=0)": "It has all rows of the first before those of the second.",
        "stack(dim=0), then flatten(0, 1)": "That is cat(dim=0).",
        "stack(dim=1), then flatten(0, 1)": "It gives row 0 of both, then row 1 of both, then row 2.",
    },
)

# %%
# **Exercise.** A network is to predict a series from its last ``width`` values. ``series`` has shape (T,). Return the
# windows of ``width`` neighbors, of shape (T - width + 1, width), without a loop over the windows.


def by_loop(series, width):
    values = series.tolist()
    return torch.tensor([values[i : i + width] for i in range(len(values) - width + 1)])


cases = [
    (torch.arange(4), 2),
    (torch.arange(10, 19), 3),
    (torch.arange(5), 5),
    (torch.arange(6), 1),
]


def windows(series, width):
    raise NotImplementedError


check(windows, by_loop, cases, without=["unfold", "as_strided"])

# %%
# Column ``k`` of the result begins at value ``k`` of the series. The columns are things, so ``stack`` puts them side
# by side.

# Solution


def windows(series, width):
    number = len(series) - width + 1
    return torch.stack([series[k : k + number] for k in range(width)], dim=1)


report = check(windows, by_loop, cases, without=["unfold", "as_strided"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`unbind-split-and-chunk` is about the way back.
#
# - PyTorch contributors (2026). `torch.cat
#   <https://docs.pytorch.org/docs/stable/generated/torch.cat.html>`__. The reference.
# - NumPy developers (2026). `numpy.stack <https://numpy.org/doc/stable/reference/generated/numpy.stack.html>`__. The
#   same pair of functions under NumPy's names, ``concatenate`` and ``stack``.
