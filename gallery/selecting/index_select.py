"""
.. _index-select:

What does torch.index_select do?
================================

``torch.index_select(x, 1, index)`` re-makes axis 1 from a list of positions: place ``k`` of the new axis is place
``index[k]`` of the old one. The other axes stay as they are. With brackets it is ``x[:, index]``. You need to know
:ref:`indexing-and-slicing`.
"""

# %%
# Axis 1 had 4 places, 0 to 3. The new one is a list of five of them: 3, 0, 0, 2, 1. Touch a column of the result to see
# which column it is and which element of ``index`` chose it.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.arange(12).reshape(3, 4)
index = torch.tensor([3, 0, 0, 2, 1])
draw(torch.index_select, (x, 1, index), names=["x", "index"])

# %%
# Read ``dim=1`` so: *axis 1 is re-made from the list of positions; the other axes stay.* Every row keeps its place, and
# within each row the same positions are taken. So whole columns are moved, doubled or left out.

result = torch.index_select(x, dim=1, index=index)
assert result.shape == (3, 5)
for k in range(5):
    assert torch.equal(result[:, k], x[:, index[k]])
for i in range(3):
    assert torch.equal(result[i], x[i][index])

# %%
# With ``dim=0`` the list is of rows.

rows = torch.tensor([2, 0])
assert torch.equal(torch.index_select(x, dim=0, index=rows), torch.stack([x[2], x[0]]))
draw(torch.index_select, (x, 0, rows), names=["x", "rows"])

# %%
# The rule in any number of dimensions
# ------------------------------------
#
# From shape :math:`(s_0, \ldots, s_{d-1}, s_d, s_{d+1}, \ldots)` and :math:`n` positions for axis :math:`d` comes
# :math:`(s_0, \ldots, s_{d-1}, n, s_{d+1}, \ldots)`. For three axes and ``dim=1``:
# ``out[i, k, j] == x[i, index[k], j]``. The positions go from 0 to :math:`s_d - 1`, and may be repeated.

volume = torch.arange(30).reshape(2, 3, 5)
some = torch.tensor([1, 2, 1, 0])
moved = torch.index_select(volume, dim=1, index=some)
assert moved.shape == (2, 4, 5)
assert all(torch.equal(moved[:, k], volume[:, some[k]]) for k in range(4))
draw(torch.index_select, (volume, 1, some), names=["volume", "some"])

# %%
# From scratch: stack the slices
# ------------------------------
#
# :func:`torch.select` takes one place of an axis, which disappears; :ref:`stack` makes it again, with one slice for
# each position. With brackets, ``index_select`` needs as many ``:`` in front as there are axes before ``dim``.


def index_select(x, dim, index):
    return torch.stack([x.select(dim, position) for position in index.tolist()], dim)


for dim in (-3, -2, -1, 0, 1, 2):
    positions = torch.tensor([1, 0, 1, 1])
    expected = torch.index_select(volume, dim, positions)
    brackets = (slice(None),) * (dim % 3)
    torch.testing.assert_close(index_select(volume, dim, positions), expected, rtol=0, atol=0)
    torch.testing.assert_close(volume[(*brackets, positions)], expected, rtol=0, atol=0)

# %%
# A copy, with gradients
# ----------------------
#
# The result is a :term:`copy`, even if the list names all places in order; :func:`torch.narrow` or a slice gives a
# :term:`view` of neighbouring places. The loop tries it on tensors of several data types, on views and others.

from ptguide.zoo import zoo

for tensor in (x, *zoo(axes=(1, 2, 3)).values()):
    everything = torch.index_select(tensor, 0, torch.arange(len(tensor)))
    assert not shares_memory(tensor, everything)
    torch.testing.assert_close(everything, tensor, rtol=0, atol=0, equal_nan=True)
assert shares_memory(x, x.narrow(1, 0, 3))

# %%
# The :term:`gradient` of a place is the sum over the places of the result that it was copied to, and 0 if it was left
# out.

w = torch.ones(4, requires_grad=True)
factors = torch.tensor([1.0, 10.0, 100.0, 1000.0, 10000.0])
(torch.index_select(w, 0, index) * factors).sum().backward()
assert w.grad.tolist() == [10 + 100, 10000, 1000, 1]

# %%
# The backward step is a function of its own. :meth:`torch.Tensor.index_add_` *adds* slices at the positions of a list;
# see :ref:`scatter`.

assert torch.equal(torch.zeros(4).index_add_(0, index, factors), w.grad)

# %%
# What goes wrong
# ---------------
#
# *Negative positions.* Brackets count -1 from the end; ``index_select`` refuses it, with the message for a position
# that is too large.

last = torch.tensor([-1])
assert torch.equal(x[last], x[2:])
for outside in (last, torch.tensor([3])):
    with expect_error(IndexError, match="index out of range in self"):
        torch.index_select(x, 0, outside)
assert torch.equal(torch.index_select(x, 0, last % 3), x[2:])

# %%
# *A list, a mask, a table.* The index is a tensor with one axis, of dtype :val:`int64 <rows.dtype>` or
# :val:`int32 <rows.int().dtype>`. (One without axes is read as a single position.) For a mask there is
# :ref:`boolean-masks`, and for several axes of positions, :ref:`advanced-indexing`.

with expect_error(TypeError, match="index_select.*list"):
    torch.index_select(x, 0, [2, 0])
for dtype in (torch.bool, torch.uint8, torch.int16, torch.float32):
    with expect_error(RuntimeError, match="Expected dtype int32 or int64 for index"):
        torch.index_select(x, 0, torch.tensor([1, 0, 1]).to(dtype))
assert torch.index_select(x, 0, torch.tensor(2)).shape == (1, 4)
with expect_error(IndexError, match="Index is supposed to be a vector"):
    torch.index_select(x, 0, torch.tensor([[2, 0]]))
assert torch.equal(torch.index_select(x, 0, rows.to(torch.int32)), x[rows])

# %%
# *Another column in each row was meant.* ``index_select`` applies its one list to each row. With a position of its own
# for each row, :ref:`gather` is the function, and the index has a row for each row of ``x``.

best = torch.tensor([1, 3, 0])  # of row 0, 1, 2
assert torch.index_select(x, 1, best).shape == (3, 3)
each = torch.gather(x, 1, best[:, None])
assert each.flatten().tolist() == [x[0, 1], x[1, 3], x[2, 0]]

# %%
# When to use which
# -----------------
#
# Brackets are shorter where the axis is known when you write. ``index_select`` is clearer where the axis is a variable,
# and it refuses lists, masks and negative positions, which brackets take.

for axis, name in ((0, "rows"), (1, "columns")):
    turned = torch.index_select(x, axis, torch.arange(x.shape[axis] - 1, -1, -1))
    assert torch.equal(turned, x.flip(axis))
    print(f"{name} in reverse order: {turned.tolist()}")

# %%
# Check yourself
# --------------

sound = torch.zeros(6, 2, 9)
ask(
    "sound has shape (6, 2, 9). What is the shape of torch.index_select(sound, 1, torch.tensor([0, 1, 0, 0]))?",
    answer=torch.index_select(sound, 1, torch.tensor([0, 1, 0, 0])).shape,
    choices={
        (4, 2, 9): "That would be on axis 0.",
        (6, 4, 9): "Axis 1 is re-made with one place for each of the four positions.",
        (6, 2, 4, 9): "No axis is added: the index has one axis, and replaces one.",
        IndexError: "Positions 0 and 1 exist on axis 1, and may be named again.",
    },
)

# %%
# By value:

ask(
    "What is torch.index_select(torch.tensor([[1, 2, 3], [4, 5, 6]]), 1, torch.tensor([2, 0]))?",
    answer=torch.index_select(torch.tensor([[1, 2, 3], [4, 5, 6]]), 1, torch.tensor([2, 0])),
    choices={
        ((3, 1), (6, 4)): "Column 2, then column 0, in every row.",
        ((3, 4),): "For another position in each row there is gather.",
        ((4, 5, 6), (1, 2, 3)): "Those are rows, the last first: that is on axis 0.",
    },
)

# %%
# Next: :ref:`gather`, where each row has a list of its own.
