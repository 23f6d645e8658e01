"""
.. _strides-and-storage:

What are strides, and how does a tensor lie in memory?
======================================================

A tensor's elements lie in one long line of memory, its *storage*. The *strides* say how far to move in that line for
one step along each axis. Transposing, slicing and expanding change the strides and copy nothing. You need to know
:ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# Memory has no rows and columns, only places in a line. ``memory`` reads all of a tensor's storage as that line, from
# its first place. Row 0 of ``x`` comes first, then row 1; the colors are the row numbers.

import itertools

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw


def memory(tensor):
    places = tensor.untyped_storage().nbytes() // tensor.itemsize  # all bytes, by the bytes of one element
    return tensor.as_strided((places,), (1,), 0)  # a shape, its strides, the first place


x = torch.arange(70, 80).reshape(2, 5)
row_of = torch.tensor([[0], [1]]).repeat(1, 5)
assert memory(x).tolist() == x[0].tolist() + x[1].tolist()
draw([x, memory(x)], ["x", "memory(x)"], colors=[row_of, memory(row_of)])

# %%
# The rule
# --------
#
# :meth:`torch.Tensor.stride` has one number for each axis. One step down in ``x`` jumps over a row of 5 and one step
# right goes to the next place: the strides are (5, 1). :meth:`torch.Tensor.storage_offset` is the place where the
# tensor begins. The element with indices :math:`i_0, i_1, \ldots` lies at place
# :math:`\text{offset} + i_0 \, \text{stride}_0 + i_1 \, \text{stride}_1 + \cdots`


def place(tensor, indices):
    return tensor.storage_offset() + sum(i * step for i, step in zip(indices, tensor.stride(), strict=True))


assert (x.stride(), x.storage_offset()) == ((5, 1), 0)
assert (place(x, (1, 3)), memory(x)[8]) == (0 + 1 * 5 + 3 * 1, x[1, 3])

# %%
# Views: one storage, other strides
# ---------------------------------
#
# A *view* is a tensor that uses the storage of another. The transpose ``x.t()``, in which rows become columns, swaps
# the strides. The line of memory is the same as above.

turned = x.t()
assert (turned.shape, turned.stride(), memory(turned).tolist()) == ((5, 2), (1, 5), memory(x).tolist())
draw([turned, memory(turned)], ["x.t()", "memory(x.t())"], colors=[row_of.t(), memory(row_of)])

# %%
# A slice begins at another place or takes longer steps. ``x[:, 1:]`` (all but the first column) has the same strides
# and offset 1; ``x[:, ::2]`` (every second column) has twice the stride on axis 1. What it leaves out stays in memory,
# in blue here: the other colors were written through the same slice of a tensor of zeros.

later, second = x[:, 1:], x[:, ::2]
assert (later.shape, later.stride(), later.storage_offset()) == ((2, 4), (5, 1), 1)
assert (second.shape, second.stride(), second.storage_offset()) == ((2, 3), (5, 2), 0)
color = torch.zeros_like(x)
color[:, ::2] = row_of[:, ::2] + 1
draw([second, memory(second)], ["x[:, ::2]", "memory(x[:, ::2])"], colors=[color[:, ::2], memory(color)])

# %%
# :meth:`torch.Tensor.expand` repeats without copying: the new axis has stride 0, so a step along it stays in place. All
# 7 rows are the same 6 places of memory.

row = torch.arange(31, 37)
rows = row.expand(7, 6)
assert (rows.stride(), rows.numel(), memory(rows).numel()) == ((0, 1), 42, 6)
draw([rows, memory(rows)], ["row.expand(7, 6)", "memory(rows)"], colors=[row.expand(7, 6) % 4, row % 4])

# %%
# Addresses, from scratch
# -----------------------
#
# :meth:`torch.Tensor.data_ptr` is the address in bytes of a tensor's first element; ``untyped_storage().data_ptr()`` is
# that of its storage. They differ by the offset times :attr:`torch.Tensor.itemsize`, 8 bytes for int64; compare the
# latter to find out who shares memory. For every element of every tensor so far, and of a view of a view with three
# axes, the rule must give the address where torch finds it, and the value must lie there.

assert later.data_ptr() - x.data_ptr() == 1 * 8
assert later.untyped_storage().data_ptr() == x.untyped_storage().data_ptr() == x.data_ptr()
deep = torch.arange(9 * 33 * 13).reshape(9, 33, 13)[1:, ::3].permute(2, 0, 1)  # permute reorders the axes
print(f"{tuple(deep.shape) = }, {deep.stride() = }, {deep.storage_offset() = }")
for tensor in (x, turned, later, second, rows, deep):
    start, elements = tensor.untyped_storage().data_ptr(), list(itertools.product(*map(range, tensor.shape)))
    assert all(start + place(tensor, i) * tensor.itemsize == tensor[i].data_ptr() for i in elements)
    assert all(memory(tensor)[place(tensor, i)] == tensor[i] for i in elements)

# %%
# Contiguous, and channels_last
# -----------------------------
#
# A tensor is *contiguous* when its elements lie in the order in which they print, with no gap: each stride is the
# product of the sizes to its right. (An axis of size 1 may have any stride, since no step along it is possible.)
# :meth:`torch.Tensor.contiguous` copies a tensor into this order; one that has it already is given back as it is.

for tensor in (x, turned, later, second, rows, deep):
    packed = tuple(tensor.shape[axis + 1 :].numel() for axis in range(tensor.ndim))
    assert tensor.is_contiguous() == (tensor.stride() == packed)
    assert (tensor.contiguous().stride(), tensor.contiguous() is tensor) == (packed, tensor.is_contiguous())
assert x.as_strided((1, 5), (99, 1)).is_contiguous()

# %%
# A batch of images has shape [N, C, H, W]: image, channel, row, column. ``torch.channels_last`` puts the channels of a
# pixel next to each other in memory. The name misleads: no axis moves. Shape, indices and values stay; the strides
# change. The colors are the channels of the elements in the first 9 places.

images = torch.arange(16 * 3 * 14 * 15).reshape(16, 3, 14, 15)
channel_of = torch.arange(3).reshape(3, 1, 1).repeat(16, 1, 14, 15)
last, last_of = (t.to(memory_format=torch.channels_last) for t in (images, channel_of))
assert torch.equal(last, images)  # the same shape, the same values
assert (images.stride(), last.stride()) == ((3 * 14 * 15, 14 * 15, 15, 1), (14 * 15 * 3, 1, 15 * 3, 3))
assert (last.is_contiguous(), last.is_contiguous(memory_format=torch.channels_last)) == (False, True)
firsts = [memory(t)[:9] for t in (images, last, channel_of, last_of)]
draw(firsts[:2], ["memory(images)", "memory(last)"], colors=firsts[2:])

# %%
# What goes wrong
# ---------------
#
# "``id()`` gives the memory where the tensor is stored." It is the identity of the Python object that *describes* the
# elements: a storage, an offset, a shape and strides. Two objects can describe the same memory, and one object can be
# made to describe other memory, here with :meth:`torch.Tensor.set_`.

one, two = x[1], x[1]
assert (id(one) == id(two), one.data_ptr() == two.data_ptr()) == (False, True)
before = id(one)
one.set_(row)
assert (id(one), one.data_ptr()) == (before, row.data_ptr())

# %%
# A write into one row of an expanded tensor changes all rows, since they are one. ``+=`` on the whole would add several
# times at each place, and torch refuses. And no stride is negative: unlike a list, a tensor can't be sliced backwards;
# :func:`torch.flip` makes a reversed copy.

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
# 1. What are the strides of a contiguous tensor of shape (4, 6, 8), and of its ``permute(2, 0, 1)``?
# 2. ``y`` is contiguous and has shape (12, 11). At which place does ``y[2:, 3]`` begin, and what are its strides?

box, part = torch.empty(4, 6, 8), torch.empty(12, 11)[2:, 3]
print(f"1. {box.stride()}, {box.permute(2, 0, 1).stride()}\n2. place {part.storage_offset()}, strides {part.stride()}")
assert (box.stride(), box.permute(2, 0, 1).stride()) == ((6 * 8, 8, 1), (1, 6 * 8, 8))
assert (part.storage_offset(), part.stride()) == (2 * 11 + 3, (11,))

# %%
# Next: :ref:`reshape-and-view`, where the strides decide whether a new shape needs a copy.
