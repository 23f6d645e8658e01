"""
.. _strides-and-storage:

What are strides, and how does a tensor lie in memory?
======================================================

A tensor's :term:`elements <element>` lie in one long line of memory, its :term:`storage`. The :term:`strides <stride>`
say how far to move in that line for one step along each :term:`axis`. Transposing, slicing and expanding copy nothing:
they give another shape, other strides or another beginning in the same memory. You need to know
:ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# Memory has no rows and columns. It is a line of places. Two tensors are drawn here, ``x`` and its transpose ``x.T``,
# in which rows become columns, and one line of 10 places that holds both. Touch an element to see its place, or a place
# to see which elements it is.

import itertools

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw_storage
from ptguide.questions import ask
from ptguide.tensors import storage_map, who_shares
from ptguide.zoo import zoo

x = torch.arange(70, 80).reshape(2, 5)
draw_storage([x, x.T], ["x", "x.T"])

# %%
# The rule
# --------
#
# :meth:`torch.Tensor.stride` has one number for each axis. One step down in ``x`` jumps over a row of 5 and one step
# right goes to the next place: the strides are (5, 1). :meth:`torch.Tensor.storage_offset` is the place where the
# tensor begins. The element with indices :math:`i_0, i_1, \ldots` lies at place
# :math:`\text{offset} + i_0 \, \text{stride}_0 + i_1 \, \text{stride}_1 + \cdots`, which is the sum below the picture.
# ``storage_map``, a helper of this guide, gives the places of all elements.


def place(tensor, indices):
    steps = zip(indices, tensor.stride(), strict=True)
    return tensor.storage_offset() + sum(index * step for index, step in steps)


assert (x.stride(), x.storage_offset()) == ((5, 1), 0)
assert place(x, (1, 3)) == 0 + 1 * 5 + 3 * 1 == storage_map(x)[1, 3]
storage_map(x)

# %%
# Views: one storage, other strides
# ---------------------------------
#
# A :term:`view` is a tensor that uses the storage of another. The transpose swaps the strides: element (3, 1) of
# ``x.T`` lies where element (1, 3) of ``x`` lies.

turned = x.T
assert (turned.shape, turned.stride()) == ((5, 2), (1, 5))
assert torch.equal(storage_map(turned), storage_map(x).T)
assert storage_map(turned)[3, 1] == storage_map(x)[1, 3]

# %%
# A :term:`slice` can begin at another place, take longer steps, or be shorter. ``x[:, ::2]`` (one column of two) has
# twice the stride on axis 1. ``x[:, :3]`` has the strides and the offset of ``x``, and a smaller size. ``x[:, 3]`` (one
# column) begins at place 3 and has lost axis 1. The places that neither of the two drawn tensors uses are gray. They
# stay in memory as long as one of the tensors does, so a small view can keep a large storage alive.

second, column, first = x[:, ::2], x[:, 3], x[:, :3]
assert (second.shape, second.stride(), second.storage_offset()) == ((2, 3), (5, 2), 0)
assert (column.shape, column.stride(), column.storage_offset()) == ((2,), (5,), 3)
assert (first.shape, first.stride(), first.storage_offset()) == ((2, 3), (5, 1), 0)
large = torch.zeros(1_000_000)
small = large[:2]
del large
assert small.untyped_storage().nbytes() == 4_000_000
draw_storage([second, column], ["x[:, ::2]", "x[:, 3]"])

# %%
# A write through a view changes the other tensors that use the place. The two slices in the picture lie in one storage
# and have no place in common, so a write into one leaves the other alone. ``who_shares``, a helper of this guide, tells
# which tensors have bytes in common.

before = second.tolist()
column[0] = -73
assert (x[0, 3], turned[3, 0], second.tolist()) == (-73, -73, before)
named = {"x": x, "x.T": turned, "x[:, ::2]": second, "x[:, 3]": column, "x.clone()": x.clone()}
sharing = who_shares(named)
assert ("x", "x[:, 3]") in sharing.pairs
assert ("x[:, ::2]", "x[:, 3]") not in sharing.pairs
print(sharing)

# %%
# :meth:`torch.Tensor.expand` repeats without copying: the new axis has stride 0, so a step along it stays in place. All
# 7 rows are the same 6 places of memory. Touch a place, and a whole column lights up.

row = torch.arange(31, 37)
rows = row.expand(7, 6)
assert (rows.stride(), rows.numel()) == ((0, 1), 42)
assert rows.untyped_storage().nbytes() == 6 * row.itemsize
draw_storage(rows, "rows")

# %%
# Addresses, from scratch
# -----------------------
#
# :meth:`torch.Tensor.data_ptr` is the address in bytes of a tensor's first element; ``untyped_storage().data_ptr()`` is
# that of its storage, the same for its views. They differ by the offset times :attr:`torch.Tensor.itemsize`, which is 8
# bytes for :val:`int64 <x.dtype>`. :meth:`torch.Tensor.as_strided` makes a view of a shape, strides and an offset that
# you choose. It raises if that leaves the storage, or if a stride is negative. With it, ``memory`` reads the whole
# line.


def memory(tensor):
    places = tensor.untyped_storage().nbytes() // tensor.itemsize
    return tensor.as_strided((places,), (1,), 0)  # a shape, its strides, the first place


assert memory(turned).tolist() == memory(column).tolist() == x[0].tolist() + x[1].tolist()
assert column.data_ptr() - x.data_ptr() == 3 * 8
for view in (turned, second, column, first):
    assert view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr() == x.data_ptr()
with expect_error(RuntimeError, match="out of bounds for storage of size 80"):
    x.as_strided((100,), (1,))
with expect_error(RuntimeError, match="Negative strides are not supported"):
    x.as_strided((2,), (-1,), 1)

# %%
# Now test the rule on the tensors so far, on a view of a view with three axes, and on :val:`len(others)` other tensors.
# For each element the rule gives the address where torch finds it, the value lies there, and ``storage_map`` says the
# same. (``permute`` reorders axes.)

deep = torch.arange(9 * 33 * 13).reshape(9, 33, 13)[1:, ::3].permute(2, 0, 1)
print(f"{tuple(deep.shape) = }, {deep.stride() = }, {deep.storage_offset() = }")
others = zoo(axes=range(5), dtypes=[torch.int64, torch.uint8])

for tensor in (x, turned, second, column, first, rows, deep, *others.values()):
    start = tensor.untyped_storage().data_ptr()
    elements = list(itertools.product(*map(range, tensor.shape)))
    places = [place(tensor, i) for i in elements]
    addresses = [tensor[i].data_ptr() for i in elements]
    assert addresses == [start + p * tensor.itemsize for p in places]
    assert memory(tensor)[places].tolist() == tensor.flatten().tolist()
    assert storage_map(tensor).flatten().tolist() == places

# %%
# Contiguous, and channels_last
# -----------------------------
#
# A tensor is :term:`contiguous` when its elements lie in the order in which they print, with no gap: each stride is the
# product of the sizes to its right. (The stride of an axis of size 1 does not count, since no step along it is
# possible. A tensor without elements is contiguous.) :meth:`torch.Tensor.contiguous` copies a tensor into this order;
# one that has it already is given back as it is.


def is_contiguous(tensor):
    packed = [tensor.shape[axis + 1 :].numel() for axis in range(tensor.ndim)]
    axes = zip(tensor.shape, tensor.stride(), packed, strict=True)
    return tensor.numel() == 0 or all(size == 1 or step == right for size, step, right in axes)


odd = x.as_strided((1, 5), (99, 1))
for tensor in (x, turned, second, column, first, rows, deep, odd, *zoo(axes=range(5)).values()):
    assert tensor.is_contiguous() == is_contiguous(tensor)
    assert tensor.contiguous().is_contiguous()
    assert (tensor.contiguous() is tensor) == tensor.is_contiguous()
assert (odd.stride(), odd.is_contiguous()) == ((99, 1), True)

# %%
# A :term:`batch` of images has shape [N, C, H, W]: image, channel, row, column. ``torch.channels_last`` puts the
# channels of a pixel next to each other in memory. The name misleads: no axis moves. Shape, indices and values stay,
# and the strides are others. For that the elements are copied to other places.

for n, c, h, w in ((16, 3, 14, 15), (1, 3, 2, 4)):
    images = torch.arange(n * c * h * w).reshape(n, c, h, w)
    last = images.to(memory_format=torch.channels_last)
    assert torch.equal(last, images)  # the same shape, the same values
    assert last.data_ptr() != images.data_ptr()  # a copy
    assert images.stride() == (c * h * w, h * w, w, 1)
    assert last.stride() == (h * w * c, 1, w * c, c)
    assert not last.is_contiguous()
    assert last.is_contiguous(memory_format=torch.channels_last)

# %%
# Here are the 3 channels of the second batch, which is one image of 2 rows and 4 columns. In the storage of ``images``
# all of channel 0 comes first; in that of ``last`` the channels, and so the colors, take turns.

assert memory(images)[:8].tolist() == images[0, 0].flatten().tolist()
assert memory(last)[:3].tolist() == last[0, :, 0, 0].tolist()
draw_storage(list(last[0]), ["last[0, 0]", "last[0, 1]", "last[0, 2]"])

# %%
# What goes wrong
# ---------------
#
# ``id()`` does not give the memory of the elements. It is the identity of the Python object that *describes* them: a
# storage, an offset, a shape and strides. Two objects can describe the same memory, and one object can be made to
# describe other memory, here with :meth:`torch.Tensor.set_`.

one, two = x[1], x[1]
assert (id(one) == id(two), one.data_ptr() == two.data_ptr()) == (False, True)
before = id(one)
one.set_(row)
assert (id(one), one.data_ptr()) == (before, row.data_ptr())

# %%
# The rows of ``rows`` are one row in memory, so a write into one changes the others. ``+=`` on the whole
# raises, since each place is there several times. Strides are not negative, so a tensor can't be sliced backwards as a
# list can. :func:`torch.flip` makes a reversed copy.

rows[0, 2] = -1
assert rows[:, 2].tolist() == [-1] * 7
with expect_error(RuntimeError, match="more than one element of the written-to tensor"):
    rows += 1
with expect_error(ValueError, match="step must be greater than zero"):
    x[:, ::-1]
assert x.flip(1).untyped_storage().data_ptr() != x.untyped_storage().data_ptr()

# %%
# Check yourself
# --------------
#
# What happens to the strides when axes are reordered?

ask(
    "box is contiguous and has shape (4, 6, 8). What are the strides of box.permute(2, 0, 1)?",
    answer=torch.empty(4, 6, 8).permute(2, 0, 1).stride(),
    choices={
        (
            24,
            6,
            1,
        ): "A contiguous tensor of the new shape has these; permute moves nothing in memory.",
        (48, 8, 1): "Those are the strides of box; permute puts them into the order of the axes.",
        (1, 48, 8): "box has strides (48, 8, 1), and each stride goes where its axis goes.",
    },
)

# %%
# Where a part begins:

part = torch.empty(12, 11)[2:, 3]
ask(
    "y is contiguous and has shape (12, 11). At which place of its storage does y[2:, 3] begin?",
    answer=part.storage_offset(),
    choices={
        5: "2 + 3 takes a row for one place; a step down jumps over a row of 11.",
        2 * 11 + 3: "Two rows of 11, and three more.",
        2 * 12 + 3: "A step down is the size of axis 1, a row; 12 is the number of rows.",
    },
)

# %%
# And how its steps go:

ask(
    "What are the strides of that y[2:, 3]?",
    answer=part.stride(),
    choices={
        (1,): "Neighbours in a column are no neighbours in memory: a whole row lies between them.",
        (11,): "The first axis is left with its step over a row; the index 3 took axis 1 away.",
        (11, 1): "The index 3 took axis 1 away, and its stride with it.",
    },
)

# %%
# Next: :ref:`numpy-and-back`, where a tensor and an array lie in the same memory.
