"""
.. _strides-and-storage:

What are strides, and how does a tensor lie in memory?
======================================================

A tensor's elements lie in one long row of memory, its *storage*. The *strides* say how far to move in that row for one
step along each axis. Transposing, slicing and expanding change the strides and copy nothing. You need to know what a
shape is (:ref:`what-is-a-tensor`).
"""

# %%
# Memory has no rows and columns, only places in a line. ``memory`` shows all of a tensor's storage as that line, from
# its first place. Row 0 of ``x`` comes first, then row 1; the colors are the row numbers.

import itertools

import torch

from ptguide.pictures import draw


def memory(tensor):
    places = tensor.untyped_storage().nbytes() // tensor.itemsize  # bytes in all, by bytes for one element
    return tensor.as_strided((places,), (1,), 0)  # size, stride, first place


x = torch.arange(70, 80).reshape(2, 5)
row_of = torch.tensor([[0], [1]]).repeat(1, 5)
assert memory(x).tolist() == x.tolist()[0] + x.tolist()[1]
draw([x, memory(x)], ["x", "memory(x)"], colors=[row_of, memory(row_of)])

# %%
# The rule
# --------
#
# :meth:`torch.Tensor.stride` has one number for each axis. One step down in ``x`` jumps over a row of 5, one step right
# goes to the next place: the strides are (5, 1). :meth:`torch.Tensor.storage_offset` is the place where the tensor
# begins. So the element with indices :math:`(i_0, i_1, \ldots)` lies at place
# :math:`\text{offset} + i_0 \, \text{stride}_0 + i_1 \, \text{stride}_1 + \ldots`


def place(tensor, indices):
    return tensor.storage_offset() + sum(i * step for i, step in zip(indices, tensor.stride(), strict=True))


assert (x.stride(), x.storage_offset()) == ((5, 1), 0)
assert place(x, (1, 3)) == 0 + 1 * 5 + 3 * 1
assert memory(x)[8] == x[1, 3]

# %%
# Views: one storage, other strides
# ---------------------------------
#
# A *view* is a tensor that uses the storage of another. The transpose ``x.t()`` swaps the strides; its elements stay
# where they were, and the line of memory is the same as above.

turned = x.t()
assert (turned.shape, turned.stride()) == ((5, 2), (1, 5))
assert torch.equal(memory(turned), memory(x))
draw([turned, memory(turned)], ["x.t()", "memory(x.t())"], colors=[row_of.t(), memory(row_of)])

# %%
# A slice begins elsewhere, or takes longer steps. ``x[:, 1:4]`` keeps the strides and has offset 1; ``x[:, ::2]``
# (every second column) doubles the stride of axis 1. The places that a view leaves out are blue: the other colors were
# written through a slice of the color tensor.

middle, second = x[:, 1:4], x[:, ::2]
print(f"{middle.stride() = }, {middle.storage_offset() = }\n{second.stride() = }, {second.storage_offset() = }")
assert (middle.stride(), middle.storage_offset()) == ((5, 1), 1)
assert (second.stride(), second.storage_offset()) == ((5, 2), 0)
taken = torch.zeros_like(x)
taken[:, 1:4] += row_of[:, 1:4] + 1
draw([middle, memory(middle)], ["x[:, 1:4]", "memory(x[:, 1:4])"], colors=[taken[:, 1:4], memory(taken)])

# %%
# :meth:`torch.Tensor.expand` repeats without copying: the stride of the new axis is 0, so a step along it does not move.
# The 3 rows are the same 4 places, and memory holds 4 numbers, not 12.

row = torch.tensor([31, 32, 33, 34])
rows = row.expand(3, 4)
assert (rows.stride(), rows.numel(), memory(rows).numel()) == ((0, 1), 12, 4)
place_of = torch.arange(4)
draw([rows, memory(rows)], ["row.expand(3, 4)", "memory(rows)"], colors=[place_of.expand(3, 4), place_of])

# %%
# Addresses
# ---------
#
# :meth:`torch.Tensor.data_ptr` is the address, in bytes, of a tensor's first element; ``untyped_storage().data_ptr()``
# that of the storage. They differ by the offset times :attr:`torch.Tensor.itemsize`, 8 bytes for int64. Two tensors may
# have different ``data_ptr()`` and share their storage, so compare storages to find out who shares.


def address(tensor, indices):
    return tensor.untyped_storage().data_ptr() + place(tensor, indices) * tensor.itemsize


print("bytes from the start of the storage:", middle.data_ptr() - middle.untyped_storage().data_ptr())
assert middle.data_ptr() - x.data_ptr() == 1 * 8
assert middle.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()

# %%
# The formula is the whole rule. For every element of every tensor so far it must give the address where torch finds
# it, and the place in memory must hold its value; also for a view of a view with three axes.

block = torch.arange(120).reshape(4, 6, 5)[1:, ::3].permute(2, 0, 1)
assert (block.shape, block.stride(), block.storage_offset()) == ((5, 3, 2), (1, 30, 15), 30)
for tensor in (x, turned, middle, second, rows, block):
    for indices in itertools.product(*map(range, tensor.shape)):
        assert address(tensor, indices) == tensor[indices].data_ptr()
        assert memory(tensor)[place(tensor, indices)] == tensor[indices]
