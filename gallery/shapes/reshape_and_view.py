"""
.. _reshape-and-view:

What is the difference between reshape and view?
================================================

You flatten photos with ``view``, and after a transpose the same line raises an error. Where a :term:`shape` does not
fit the memory as it is, :meth:`view <torch.Tensor.view>` raises and :func:`reshape <torch.reshape>` copies.
"""

# %%
# Set-up

import contextlib
import itertools
import math
import random

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask
from ptguide.rules import explain_view
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

# Gray, 3 rows of 4 pixels; each value is its place in memory.
photo = torch.arange(12).reshape(3, 4)


def right_and_wrong(photo):
    return {"photo.T": photo.T, "photo.reshape(4, 3)": photo.reshape(4, 3)}


# %%

draw_storage([photo, photo.view(2, 6)], ["photo", "photo.view(2, 6)"])

# %%
# Both tensors read the same :val:`12 <photo.numel()>` places of memory, drawn on the right. ``view`` returns a
# :term:`view`, and for this photo ``reshape`` returns one, too. Point at an element to see its place. You need to know
# :ref:`what strides are <strides-and-storage>`.
#
# The rule
# --------
#
# Both keep the elements in reading order, row by row, and begin the rows at other places. In a result of
# :val:`6 <wide.shape[1]>` columns, element ``[i, j]`` is number ``6 * i + j`` in this order. The product of the sizes
# has to stay the same. Write -1 in place of one size, and PyTorch computes it.

wide = photo.reshape(2, -1)
for i, j in itertools.product(range(2), range(6)):
    assert wide[i, j] == photo.flatten()[6 * i + j]

# %%
# The transpose reads the same memory in another order: 0, 4, 8, 1, ... No fixed step leads from one element to the next
# in a row of six. So ``view`` raises, and ``reshape`` copies the elements into new memory, in the new order.

flipped = photo.T
with expect_error(RuntimeError, match="view size is not compatible"):
    flipped.view(2, 6)
assert not shares_memory(flipped, flipped.reshape(2, 6))
draw_storage(flipped.reshape(2, 6), "flipped.reshape(2, 6)")

# %%
# When is a view possible? An axis has one :term:`stride`, the step in memory to the next element. Splitting an axis
# keeps equal steps. Merging rows into one axis works if the step from row to row equals the length of a row times the
# step within it. Axes of size 1 do not count. ``explain_view`` works this out. For ``photo`` it finds a view, and for
# ``flipped`` this:

merged, refused = explain_view(photo, (12,)), explain_view(flipped, (12,))
assert (merged.works, refused.works) == (True, False)
print(refused)

# %%
# .. use-this::
#
#    Write ``reshape`` by default. It shares memory where that is possible, and costs a copy where it is not. Write
#    ``view`` where a copy would be wrong: because you write into the result, or want to notice the cost. To put the
#    axes in another order, use :ref:`transpose or permute <transpose-and-permute>`.
#
# Common mistakes
# ---------------
#
# **Reshape for transpose.** You want columns as rows and write ``reshape(4, 3)``. The shape is right, but the numbers
# are in the wrong places, and no error says so. In ``photo.T`` a row has three colors, since it was a column.

right, wrong = right_and_wrong(photo).values()
assert right.shape == wrong.shape
assert not torch.equal(right, wrong)
draw(right_and_wrong, photo, names=["photo"])

# %%
# **Writing into the result of reshape.** Where ``reshape`` copied, the original does not change. Of two writes here,
# one arrives. ``canvas.T.view(12)`` raises instead.

canvas = torch.zeros(3, 4)
canvas.reshape(12)[0] = 1
canvas.T.reshape(12)[5] = 1
print("ones that arrived:", int(canvas.sum()))
assert canvas.sum() == 1

# %%
# How this was checked

with expect_error(RuntimeError, match="view size is not compatible"):
    canvas.T.view(12)[5] = 1
with expect_error(RuntimeError, match="invalid for input of size 12"):
    photo.reshape(2, 5)


def can_view(size, stride, new_size):
    """Return whether a view exists: where two axes cannot be merged, the new shape has a boundary, too."""
    boundaries, elements, needed = set(), 1, None
    for n, step in zip(reversed(size), reversed(stride), strict=True):
        if n != 1:  # an axis of size 1 takes no step
            if step != needed:
                boundaries.add(elements)
            elements, needed = elements * n, step * n
    new_boundaries = {math.prod(new_size[axis:]) for axis in range(len(new_size) + 1)}
    return elements == math.prod(new_size) and boundaries <= new_boundaries


rng, memory = random.Random(0), torch.arange(1000)
verdicts = []
for _ in range(3000):  # random shapes and strides, also stride 0, and a random new shape
    size = rng.choices(range(1, 6), k=rng.randrange(5))
    stride = rng.choices((0, 1, 2, 3, 4, 6, 12, 24), k=len(size))
    new_size, rest = [], math.prod(size)
    while rest > 1 or rng.random() < 0.2:
        new_size.append(rng.choice([n for n in range(1, rest + 1) if rest % n == 0]))
        rest //= new_size[-1]
    tensor, viewed = memory.as_strided(size, stride), False
    with contextlib.suppress(RuntimeError):
        viewed = shares_memory(tensor, tensor.view(new_size))
    shared = shares_memory(tensor, tensor.reshape(new_size))
    verdicts.append(
        [
            can_view(size, stride, new_size),
            explain_view((size, stride), new_size).works,
            viewed,
            shared,
        ]
    )
views, copies = (verdicts.count([verdict] * 4) for verdict in (True, False))
assert views + copies == 3000
assert min(views, copies) > 1000

# Splitting an axis is possible for tensors of many layouts: sizes p, q get the strides q * s, s.
for x in zoo(axes=(1, 2, 3), dtypes=[torch.float32]).values():
    for axis, (size, step) in enumerate(zip(x.shape, x.stride(), strict=True)):
        for q in (q for q in range(2, size + 1) if size % q == 0):
            cut = x.view(*x.shape[:axis], size // q, q, *x.shape[axis + 1 :])
            assert x.numel() == 0 or cut.stride()[axis : axis + 2] == (q * step, step)

# reshape is contiguous().view() for every shape of 12 elements in up to three axes.
for p in range(1, 13):
    for q in (q for q in range(1, 13) if 12 % (p * q) == 0):
        shape = (p, q, 12 // (p * q))
        assert torch.equal(flipped.reshape(shape), flipped.contiguous().view(shape))

# The original keeps its shape and strides.
for other in (photo.view(2, 6), photo.reshape(2, 6)):
    assert shares_memory(photo, other)
    assert (photo.shape, photo.stride(), other.stride()) == ((3, 4), (4, 1), (6, 1))
# -1 needs a product that divides the number of elements, and is not 0.
with expect_error(RuntimeError, match=r"shape '\[-1, 5\]' is invalid for input of size 12"):
    photo.view(-1, 5)
with expect_error(RuntimeError, match="-1 can be any value"):
    torch.zeros(0, 3).view(0, -1)
# The gradient arrives in the shape of the original, through a view and through a copy.
for flatten in (lambda x: x.view(12), lambda x: x.T.reshape(12)):
    x = torch.ones(3, 4, requires_grad=True)
    (flatten(x) * torch.arange(12.0)).sum().backward()
    assert torch.equal(flatten(x.grad), torch.arange(12.0))

# %%
# Check yourself
# --------------

cropped = torch.zeros(7, 5)[:, :3]
(refused_shape,) = (
    shape for shape in ((7, 3, 1), (21,), (7, 1, 3)) if not explain_view(cropped, shape).works
)
ask(
    "cropped is torch.zeros(7, 5)[:, :3]. Which of these shapes does cropped.view refuse?",
    answer=refused_shape,
    choices={
        (7, 3, 1): "An axis of size 1 takes no step, so it fits anywhere. No axes are merged here.",
        (
            21,
        ): f"The steps within a row are {cropped.stride(1)}, and from row to row {cropped.stride(0)}, not 3 * 1.",
        (7, 1, 3): "Memory has gaps, but this only adds an axis of size 1.",
    },
)

# %%
# An expanded tensor:

z = torch.zeros(6).expand(9, 6)
ask(
    "z is torch.zeros(6).expand(9, 6). What is z.reshape(54)?",
    answer="a view of z" if shares_memory(z, z.reshape(54)) else "a copy",
    choices={
        "a view of z": f"To merge the two axes, the stride of axis 0 would have to be 6 * 1. It is {z.stride(0)}.",
        "a copy": "A stride of 0 is not 6 * 1, so the axes cannot be merged, and 54 places of memory are filled.",
        "an error": "That is z.view(54). reshape copies where no view is possible.",
    },
)

# %%
# **Exercise.** A vision transformer cuts a photo into square patches. ``photo`` has shape (H, W), and both are
# divisible by ``size``. Return the patches in reading order, of shape (H // size * W // size, size, size).


def by_slices(photo, size):
    height, width = photo.shape
    corners = [(i, j) for i in range(0, height, size) for j in range(0, width, size)]
    return torch.stack([photo[i : i + size, j : j + size] for i, j in corners])


cases = [
    (torch.arange(4).reshape(2, 2), 1),
    (torch.arange(8).reshape(2, 4), 2),
    (torch.arange(54).reshape(6, 9), 3),
]


def patches(photo, size):
    raise NotImplementedError


check(patches, by_slices, cases, without=["stack", "cat", "unfold"])

# %%
# Split both axes, bring the two axes that count patches to the front, and merge them.

# Solution


def patches(photo, size):
    height, width = photo.shape
    split = photo.reshape(height // size, size, width // size, size)
    return split.permute(0, 2, 1, 3).reshape(-1, size, size)


report = check(patches, by_slices, cases, without=["stack", "cat", "unfold"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`unsqueeze-and-squeeze` is about axes of size 1.
#
# - Yang (2019). `PyTorch internals <http://blog.ezyang.com/2019/05/pytorch-internals/>`__. Strides and views, drawn.
# - Dosovitskiy et al. (2021). `An image is worth 16x16 words <https://arxiv.org/abs/2010.11929>`__. What the patches of
#   the exercise are for.
