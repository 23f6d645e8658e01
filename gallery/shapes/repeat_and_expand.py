"""
.. _repeat-and-expand:

What is the difference between repeat and expand?
=================================================

You need one mask for each channel, or one row for each sample. :meth:`repeat <torch.Tensor.repeat>`
copies it, and :meth:`expand <torch.Tensor.expand>` reads the same memory again.
"""

# %%
# Set-up

import itertools

import numpy as np
import torch
from torch.nn import functional as F

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

x = torch.tensor([10, 20, 30])
photo = data.photos().inputs[1]  # a flower, (3, 427, 640)


def per_row(row):
    return {"repeat(2)": row.repeat(2), "repeat_interleave(2)": row.repeat_interleave(2)}


# %%

draw_storage([x.expand(2, 3), x.repeat(2, 1)], ["x.expand(2, 3)", "x.repeat(2, 1)"])

# %%
# The two results have equal numbers. ``expand`` reads both rows from the three places of ``x``: its first
# :term:`stride` is 0, so the next row begins at the same place. ``repeat`` fills six places. You need to know
# :ref:`what strides are <strides-and-storage>`.
#
# The rule
# --------
#
# ``repeat`` takes *counts*, one for each axis of the result: counts :math:`(r_0, r_1)` turn the sizes :math:`(s_0,
# s_1)` into :math:`(r_0 s_0, r_1 s_1)`. ``expand`` takes *sizes*. It stretches axes of size 1, and -1 keeps a size.
# Both add missing axes on the left.

column = torch.tensor([[1], [2], [3], [4]])
print(f"x (3,)         repeat(2, 1): {tuple(x.repeat(2, 1).shape)},   expand(2, 3): (2, 3)")
print(f"column (4, 1)  repeat(1, 5): {tuple(column.repeat(1, 5).shape)},   expand(-1, 5): (4, 5)")
print(f"column (4, 1)  repeat(2, 5): {tuple(column.repeat(2, 5).shape)},   expand(8, 5): an error")
assert torch.equal(x.expand(2, 3), x.repeat(2, 1))
assert torch.equal(column.expand(-1, 5), column.repeat(1, 5))
with expect_error(RuntimeError, match=r"\(8\) must match the existing size \(4\)"):
    column.expand(8, 5)

# %%
# The memory that ``expand`` saves grows with the tensor. Here a mask is needed for each of the three channels of a
# photo.

mask = torch.rand(427, 640, generator=torch.Generator().manual_seed(0)) > 0.5
for name, three in [("expand", mask.expand(3, -1, -1)), ("repeat", mask.repeat(3, 1, 1))]:
    print(f"{name}: {three.untyped_storage().nbytes():,} bytes for {three.numel():,} elements")
assert shares_memory(mask, mask.expand(3, -1, -1))
assert not shares_memory(mask, mask.repeat(3, 1, 1))
# Arithmetic expands by itself.
assert torch.equal(photo * mask, photo * mask.repeat(3, 1, 1))

# %%
# The whole again, or each element again
# --------------------------------------
#
# ``repeat`` puts the whole tensor behind itself, and :func:`torch.repeat_interleave` puts each element behind itself.
# Index ``i`` of the result comes from ``i % size`` with ``repeat``, and from ``i // count`` with ``repeat_interleave``.

for i in range(6):
    assert x.repeat(2)[i] == x[i % 3]
    assert x.repeat_interleave(2)[i] == x[i // 2]
assert torch.equal(photo.repeat_interleave(2, dim=0)[::2], photo)
draw(per_row, x, names=["x"])

# %%
# .. use-this::
#
#    In arithmetic write neither, because :ref:`broadcasting <broadcasting>` stretches by itself. Write ``expand`` where
#    a function does not broadcast, such as ``torch.cat``. Write ``repeat`` where you want to write into the result,
#    since it has memory for each copy. ``repeat_interleave(2, dim=0)`` gives each sample of a batch twice in a row.
#
# Common mistakes
# ---------------
#
# **Giving sizes to repeat.** You want 4 rows of ``x``, write ``repeat(4, 3)``, and get rows that are three times too
# long. NumPy's ``repeat`` is another trap: it is torch's ``repeat_interleave``.

print(tuple(x.repeat(4, 3).shape), "and not", tuple(x.repeat(4, 1).shape))
print(x.repeat(2).tolist(), "but NumPy has", x.numpy().repeat(2).tolist())
assert x.numpy().repeat(2).tolist() == x.repeat_interleave(2).tolist()

# %%
# **Writing into an expanded tensor.** ``add_`` refuses, because two elements share a place. Assigning to one element
# is not refused, and the value appears in both rows and in the original. ``clone`` gives each element its own place.

zeros = torch.zeros(3)
rows = zeros.expand(2, 3)
with expect_error(RuntimeError, match="refers to a single memory location"):
    rows.add_(1)
rows[0, 1] = 7
print("rows: ", rows.tolist())
print("zeros:", zeros.tolist())
own = torch.zeros(3).expand(2, 3).clone()
own[0, 1] = 7
assert own.tolist() == [[0, 7, 0], [0, 0, 0]]

# %%
# How this was checked


def repeat(x, *times):
    """Repeat from scratch, at least once: cat copies along each axis."""
    x = x.reshape((1,) * (len(times) - x.dim()) + x.shape)
    for axis, number in enumerate(times):
        x = torch.cat([x] * number, axis)
    return x


def repeat_interleave(x, number, dim):
    """Stack the copies behind the axis, and join the two."""
    return torch.stack([x] * number, dim + 1).flatten(dim, dim + 1)


block = torch.arange(6).reshape(2, 3, 1)
for times in ((1, 1, 1), (2, 3, 1), (1, 4, 3), (4, 1, 2, 3)):
    assert torch.equal(repeat(block, *times), block.repeat(times))
for dim in range(3):
    assert torch.equal(repeat_interleave(block, 4, dim), block.repeat_interleave(4, dim))
    times = [4 if axis == dim else 1 for axis in range(3)]
    for i in range(4 * block.shape[dim]):
        again = block.repeat(times).select(dim, i)
        assert torch.equal(again, block.select(dim, i % block.shape[dim]))
        interleaved = block.repeat_interleave(4, dim).select(dim, i)
        assert torch.equal(interleaved, block.select(dim, i // 4))
# These assignments reach two elements of one place, and are refused. fill_ is not.
for index in ((slice(None),), (slice(None), 0)):
    with expect_error(RuntimeError, match="refers to a single memory location"):
        rows[index] = 5
rows.fill_(5)
assert zeros.tolist() == [5, 5, 5]
for y in zoo().values():
    for once in (y.repeat([1] * y.dim()), y.tile(1), y.repeat_interleave(1)):
        assert not shares_memory(y, once)
# tile is repeat that fills missing counts with 1, as NumPy's tile; repeat refuses.
table = torch.arange(6).reshape(2, 3)
assert table.tile(2).tolist() == np.tile(table.numpy(), 2).tolist() == table.repeat(1, 2).tolist()
with expect_error(RuntimeError, match="can not be smaller than number of dimensions"):
    table.repeat(2)
# A number for each row, and no dim: repeat_interleave flattens.
by_number = table.repeat_interleave(torch.tensor([3, 1]), dim=0)
assert by_number.tolist() == [[0, 1, 2], [0, 1, 2], [0, 1, 2], [3, 4, 5]]
assert torch.equal(table.repeat_interleave(4), table.flatten().repeat_interleave(4))
assert torch.equal(torch.broadcast_to(block, (2, 3, 4)), block.expand(-1, -1, 4))
# The gradient of an element is the sum of those of its copies.
calls = [lambda t: t.expand(4, 3), lambda t: t.repeat(4, 1), lambda t: t.tile(4)]
for call in (*calls, lambda t: t.repeat_interleave(4)):
    assert call(x > 15).dtype == torch.bool
    leaf = torch.ones(3, requires_grad=True)
    call(leaf).sum().backward()
    assert leaf.grad.tolist() == [4, 4, 4]

# %%
# Check yourself
# --------------

ask(
    "What is the shape of torch.ones(5, 2).repeat(3, 1, 4)?",
    answer=torch.ones(5, 2).repeat(3, 1, 4).shape,
    choices={
        (15, 2, 4): "That lines counts and sizes up on the left. The new axis is on the left.",
        (3, 5, 8): "An axis of size 1 is added in front, and the sizes are multiplied: 3, 5 and 8.",
        (3, 1, 4): "These are the counts. expand would take sizes, and could not make this one.",
    },
)

# %%
# The memory:

big = torch.zeros(1, 50).expand(400, 50)
ask(
    "How many elements are there in the storage of torch.zeros(1, 50).expand(400, 50)?",
    answer=big.untyped_storage().nbytes() // big.itemsize,
    choices={
        50: f"The axis of size {len(big)} takes no step: every row is the same {big.shape[1]} places.",
        20000: "This many elements can be read, and repeat would store them all.",
        450: "Nothing is stored for the new rows.",
    },
)

# %%
# **Exercise.** Enlarge pixel art without blurring it: each pixel of ``image``, of shape (C, H, W), becomes a square of
# ``r`` by ``r`` equal pixels.


def by_loops(image, r):
    channels, height, width = image.shape
    large = torch.empty(channels, height * r, width * r, dtype=image.dtype)
    for i, j in itertools.product(range(height * r), range(width * r)):
        large[:, i, j] = image[:, i // r, j // r]
    return large


cases = [
    (torch.arange(2).reshape(1, 1, 2), 3),
    (torch.arange(24).reshape(3, 2, 4), 2),
    (torch.arange(15).reshape(1, 3, 5), 1),
]


def enlarge(image, r):
    raise NotImplementedError


check(enlarge, by_loops, cases, without=["interpolate", "kron"])

# %%
# Repeat each row next to itself, then each column.

# Solution


def enlarge(image, r):
    return image.repeat_interleave(r, dim=1).repeat_interleave(r, dim=2)


report = check(enlarge, by_loops, cases, without=["interpolate", "kron"])
assert report.passed
art = cases[1][0].float()
assert torch.equal(enlarge(art, 2), F.interpolate(art[None], scale_factor=2)[0])
report

# %%
# Read next
# ---------
#
# :ref:`pad` makes axes longer by new elements at their ends.
#
# - PyTorch contributors (2026). `torch.Tensor.expand
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html>`__. The reference, with a warning about
#   writing.
# - NumPy developers (2026). `numpy.broadcast_to
#   <https://numpy.org/doc/stable/reference/generated/numpy.broadcast_to.html>`__. The same in NumPy, where the result
#   is read-only.
