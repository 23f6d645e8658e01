"""
.. _transpose-and-permute:

How do transpose, permute and movedim work?
===========================================

They put the axes of a tensor into another order: :func:`torch.transpose` swaps two, :func:`torch.movedim` moves those
that you name, :func:`torch.permute` lists all of them. Each returns a :term:`view`; no :term:`element` moves in memory.
You need to know :ref:`what strides are <strides-and-storage>`.
"""

# %%
# With two axes there is one other order: rows become columns. The element at ``[i, j]`` of the result is the one at
# ``[j, i]`` of ``m``.

import itertools
import warnings

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

m = torch.arange(12).reshape(4, 3)
draw(torch.transpose, (m, 0, 1), names=["m"])

# %%
# For a :term:`matrix` all six of these are the same: ``.T``, ``.mT``, ``t()``, ``permute(1, 0)``, ``movedim(0, 1)`` and
# ``swapaxes(0, 1)``. The loop takes empty ones too, those of one row, and views.

for x in [m, *zoo(axes=2, dtypes=[torch.int64]).values()]:
    for same in (x.T, x.mT, x.t(), x.permute(1, 0), x.movedim(0, 1), x.swapaxes(0, 1)):
        assert torch.equal(same, x.transpose(0, 1))
        assert same.stride() == x.transpose(0, 1).stride()

# %%
# Three axes: swap the indices, not the block
# -------------------------------------------
#
# A block in space need not be turned in the mind. ``t.transpose(0, 2)`` swaps the first and the last index, and so the
# first and the last size. Touch an element of the result: its indices, read backwards, are those of its source.

t = torch.arange(24).reshape(4, 3, 2)
r = t.transpose(0, 2)
assert r.shape == (2, 3, 4)
draw(torch.transpose, (t, 0, 2), names=["t"])

# %%
# The whole rule is ``r[i, j, k] == t[k, j, i]``. Printing lists a tensor in :term:`row-major` order:
# the last index changes fastest. The last index of ``r`` is the first of ``t``, where a step skips a slice of 6
# elements. So the list goes 0, 6, 12, 18. Then comes 2, one step along the middle axis, and so on.

listing = [t[k, j, i].item() for i in range(2) for j in range(3) for k in range(4)]
assert listing[:5] == [0, 6, 12, 18, 2]
assert r.flatten().tolist() == listing
print(listing)

# %%
# permute: which axis goes here?
# ------------------------------
#
# ``permute`` takes one entry for each axis of the *result*: axis ``n`` of the result is axis ``dims[n]`` of the input.
# With ``(2, 0, 1)`` the last axis comes first and the others follow: slice 1 of the
# result is column 1 of every slice.

p = t.permute(2, 0, 1)
assert p.shape == (t.shape[2], t.shape[0], t.shape[1]) == (2, 4, 3)
assert all(p[i, j, k] == t[j, k, i] for i in range(2) for j in range(4) for k in range(3))
draw(torch.permute, (t, (2, 0, 1)), names=["t"])

# %%
# Do not read ``dims[n]`` as the place that axis ``n`` goes to. ``movedim(source, destination)`` takes such places. With
# three axes both readings give the same for a swap. When all three axes change places, they give different orders.

assert torch.equal(t.movedim(2, 0), p)
for dims in itertools.permutations(range(3)):
    moved = [n for n in range(3) if dims[n] != n]
    is_same = torch.equal(t.movedim((0, 1, 2), dims), t.permute(dims))
    assert is_same == (len(moved) < 3)

# %%
# Three axes have six orders. What undoes a ``permute`` is the order that sorts its ``dims``; for a swap, the same swap.

for dims in itertools.permutations(range(3)):
    turned = t.permute(dims)
    undo = torch.tensor(dims).argsort().tolist()
    print(f"permute{dims}: {tuple(turned.shape)}, undone by permute{tuple(undo)}")
    assert list(turned.shape) == [t.shape[dim] for dim in dims]
    assert torch.equal(turned.permute(undo), t)

# %%
# You need this where one library gives images as (H, W, C), with rows, columns and colors, and a layer of
# ``torch.nn`` takes (C, H, W). ``reshape`` would give the right shape too, with the colors mixed.

image = torch.arange(5 * 7 * 3).reshape(5, 7, 3)
channels_first = image.movedim(-1, 0)
assert torch.equal(channels_first, image.permute(2, 0, 1))
assert torch.equal(channels_first[1], image[:, :, 1])

layer = nn.Conv2d(3, 2, kernel_size=1)
assert layer(channels_first.float()).shape == (2, 5, 7)
with expect_error(RuntimeError, match="to have 3 channels, but got 5 channels"):
    layer(image.float())

wrong = image.reshape(3, 5, 7)
assert wrong.shape == channels_first.shape
assert not torch.equal(wrong, channels_first)

# %%
# ``.T``, ``.mT`` and ``.H``
# --------------------------
#
# ``.mT`` swaps the last two axes: a :term:`batch` of matrices, each transposed.

assert torch.equal(t.mT, t.transpose(-2, -1))


def each_transposed(t):
    return t.mT


draw(each_transposed, t, names=["t"])

# %%
# ``.T`` is for matrices. On more axes it reverses their order, and warns. On a :term:`vector` it warns too, and leaves
# the one axis alone. :ref:`unsqueeze <unsqueeze-and-squeeze>` makes a column of a vector.

v = torch.arange(5)
torch.set_warn_always(True)  # else only the first time in a process
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert torch.equal(t.T, t.permute(2, 1, 0))
    assert (v.T.shape, v.unsqueeze(1).shape) == ((5,), (5, 1))
torch.set_warn_always(False)

assert len(caught) == 2  # of t, and of v
assert all("deprecated" in str(warning.message) for warning in caught)
print(str(caught[0].message).partition(" Consider")[0])

# %%
# ``.H`` transposes a matrix and negates the imaginary parts. Linear algebra calls the result the adjoint. On real
# numbers ``.H`` gives what ``.T`` gives. For batches of matrices it is called ``.mH``.

z = torch.tensor([[1 + 2j, 3 - 4j]])
assert z.H.tolist() == [[1 - 2j], [3 + 4j]]
assert z.T.tolist() == [[1 + 2j], [3 - 4j]]
assert torch.equal(m.H, m.T)
batch = torch.stack([z, 2 * z])
assert torch.equal(batch.mH, torch.stack([z.H, 2 * z.H]))

# %%
# From scratch: the strides change places
# ---------------------------------------
#
# Each axis takes its size and its :term:`stride` with it, and nothing else happens. That is ``permute``. The other two
# work out the order of the axes, then do the same. Here ``movedim`` moves one axis.


def permute(x, dims):
    shape, stride = [x.shape[d] for d in dims], [x.stride(d) for d in dims]
    return x.as_strided(shape, stride, x.storage_offset())


def transpose(x, a, b):
    dims = list(range(x.dim()))
    dims[a], dims[b] = dims[b], dims[a]
    return permute(x, dims)


def movedim(x, source, destination):
    dims = list(range(x.dim()))
    dims.insert(destination % x.dim(), dims.pop(source))
    return permute(x, dims)


# %%
# These give what torch gives on a block of four axes, in all 24 orders and for every pair of axes. Sizes, strides and
# values are compared.

four = torch.arange(120).reshape(2, 3, 4, 5)
pairs = [(permute(four, dims), four.permute(dims)) for dims in itertools.permutations(range(4))]
for a, b in itertools.product(range(-4, 4), repeat=2):
    pairs.append((transpose(four, a, b), four.transpose(a, b)))
    pairs.append((movedim(four, a, b), four.movedim(a, b)))
for ours, theirs in pairs:
    assert torch.equal(ours, theirs)
    assert ours.stride() == theirs.stride()
assert len(pairs) == 24 + 2 * 8 * 8

# %%
# So the storage stays as it was. What is written into the result appears in the original. Here the result is not
# :term:`contiguous`: a step along its last axis moves 6 places in memory.

assert shares_memory(t, r)
assert (t.stride(), r.stride()) == ((6, 2, 1), (1, 2, 6))
assert not r.is_contiguous()
draw_storage([t, r], ["t", "t.transpose(0, 2)"])

# %%
# The :term:`dtype` stays. A :term:`gradient` is put back into the order of the original.

x = torch.ones(2, 3, requires_grad=True)
(x.T * torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).sum().backward()
assert x.grad.tolist() == [[1, 3, 5], [2, 4, 6]]
for tensor in zoo(axes=2).values():
    assert (tensor.T.dtype, tensor.T.data_ptr()) == (tensor.dtype, tensor.data_ptr())

# %%
# What goes wrong
# ---------------
#
# After a transpose ``view`` may fail; ``reshape`` or ``contiguous`` make the copy that it needs, as
# the page on :ref:`reshape and view <reshape-and-view>` explains.

with expect_error(RuntimeError, match="view size is not compatible"):
    r.view(24)

assert r.contiguous().view(24).tolist() == listing

# %%
# ``permute`` needs as many entries as there are axes. And ``t`` itself stays as it is: none of these three changes it,
# so on a line of its own the result is thrown away.

with expect_error(RuntimeError, match=r"input.dim\(\) = 3 is not equal to len\(dims\) = 2"):
    t.permute(1, 0)

for _ in (t.transpose(0, 1), t.permute(1, 0, 2), t.movedim(0, 1)):
    assert (t.shape, t.stride()) == ((4, 3, 2), (6, 2, 1))

# %%
# A transpose is not a turn: it mirrors a matrix at its :term:`diagonal`. :ref:`rot90 <flip-roll-and-rot90>` turns it.

assert m[:2].T.tolist() == [[0, 3], [1, 4], [2, 5]]
assert m[:2].rot90().tolist() == [[2, 5], [1, 4], [0, 3]]

# %%
# Check yourself
# --------------

ask(
    "What is the shape of torch.zeros(2, 3, 5).permute(1, 2, 0)?",
    answer=torch.zeros(2, 3, 5).permute(1, 2, 0).shape,
    choices={
        (3, 5, 2): "Axis 0 of the result is axis 1 of the input, of size 3, and so on.",
        (5, 2, 3): "That reads the numbers as places to go to: permute(2, 0, 1).",
        tuple(torch.zeros(2, 3, 5).transpose(0, 2).shape): "That is transpose(0, 2).",
    },
)

# %%
# By the index formula:

ask(
    f"t has shape {tuple(t.shape)}. At which index of t is t.transpose(1, 2)[3, 1, 2]?",
    answer=(t == t.transpose(1, 2)[3, 1, 2]).nonzero()[0],
    choices={
        (2, 1, 3): "That swaps first and last; t has no index 3 there.",
        (3, 1, 2): "That is the index in the result; swap the last two.",
        (3, 2, 1): "The last two indices swap.",
    },
)

# %%
# Next: :ref:`flatten-and-unflatten`, which makes one axis of several.
