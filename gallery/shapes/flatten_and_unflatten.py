"""
.. _flatten-and-unflatten:

What do flatten and unflatten do?
=================================

:func:`torch.flatten` joins neighbouring axes into one; :func:`torch.unflatten` cuts one :term:`axis` into several.
The elements stay in :term:`row-major` order. Both are special cases of ``reshape``, with the advantage that the other
axes need not be known. You need to know :ref:`reshape and view <reshape-and-view>`.
"""

# %%
# ``x`` has three slices of 4 rows and 2 columns. ``flatten`` joins its axes 1 and 2 into one, so each slice is now a
# row of 8. Touch an element to see where it went.

import itertools
import math

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

x = torch.arange(24).reshape(3, 4, 2)
draw(torch.flatten, x, start_dim=1, end_dim=2)

# %%
# For a shape (B, H, W) the result has shape (B, H·W), and ``[b, h, w]`` becomes ``[b, h * W + w]``: a step down skips a
# row of W elements. On the way back, a division by W gives the row, its remainder the column.

flat = x.flatten(1)
assert flat.shape == (3, 4 * 2)
for b, h, w in itertools.product(range(3), range(4), range(2)):
    assert flat[b, h * 2 + w] == x[b, h, w]
    assert divmod(h * 2 + w, 2) == (h, w)

# %%
# ``unflatten(dim, sizes)`` is the way back. One size may be -1, and is worked out.

assert torch.equal(flat.unflatten(1, (4, 2)), x)
draw(torch.unflatten, (flat, 1, (4, -1)), names=["flat"])

# %%
# The rule in any number of dimensions
# ------------------------------------
#
# ``flatten(i, j)`` replaces the sizes :math:`s_i, \ldots, s_j` by their product, and ``unflatten(i, sizes)`` does the
# reverse. The defaults are the first axis and the last, so ``flatten()`` gives one axis.

four = torch.arange(210).reshape(2, 3, 5, 7)
for start, end in itertools.combinations_with_replacement(range(4), 2):
    flattened, sizes = four.flatten(start, end), four.shape[start : end + 1]
    undo = f"undone by unflatten{start, tuple(sizes)}"
    print(f"flatten{start, end}: {tuple(flattened.shape)}, {undo}")
    assert flattened.shape == (*four.shape[:start], math.prod(sizes), *four.shape[end + 1 :])
    assert torch.equal(flattened.unflatten(start, sizes), four)

assert torch.equal(four.flatten(), four.flatten(0, -1))

# %%
# From scratch each is one ``reshape``, for a tensor that has axes and elements.


def flatten(x, start=0, end=-1):
    start, end = start % x.dim(), end % x.dim()
    return x.reshape(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


def unflatten(x, dim, sizes):
    dim %= x.dim()
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


for start, end in itertools.combinations_with_replacement(range(4), 2):
    joined, sizes = four.flatten(start, end), four.shape[start : end + 1]
    torch.testing.assert_close(flatten(four, start, end - 4), joined, rtol=0, atol=0)
    torch.testing.assert_close(unflatten(joined, start, sizes), four, rtol=0, atol=0)

# %%
# View or copy
# ------------
#
# ``flatten`` gives a :term:`view` where the strides allow it, and a :term:`copy` where not, as after a transpose. For a
# single axis, as in ``flatten(1, 1)``, it gives the tensor itself. Cutting an axis is always possible, so ``unflatten``
# always gives a view.

assert shares_memory(x.flatten(), x)
assert not shares_memory(x.mT.flatten(), x)
assert x.flatten(1, 1) is x
for tensor in zoo(axes=(1, 2, 3, 4), dtypes=[torch.float32]).values():
    for dim, size in enumerate(tensor.shape):
        for sizes in ((1, size), (size, 1), (size // 2, 2), (size // 3, 3)):
            if math.prod(sizes) == size and tensor.numel() > 0:
                assert shares_memory(tensor.unflatten(dim, sizes), tensor)

# %%
# NumPy's ``flatten`` copies. In PyTorch, writing into the result may change the original; add ``clone()`` where that
# would be wrong. :func:`torch.ravel` also gives one axis, and a contiguous tensor: it copies where ``flatten`` gives a
# view with gaps.

array = x.clone().numpy()
array.flatten()[0] = 99
assert array[0, 0, 0] == 0

tensor = x.clone()
tensor.flatten()[0] = 99
assert tensor[0, 0, 0] == 99
assert shares_memory(tensor.ravel(), tensor)
assert not shares_memory(tensor.flatten().clone(), tensor)
gaps = tensor[:, :, 0]
assert shares_memory(gaps.flatten(), gaps)
assert not shares_memory(gaps.ravel(), gaps)

# %%
# A :term:`gradient` comes back in the shape of the original, and the :term:`dtype` stays. The result of ``flatten()``
# has one axis, also that of a :term:`scalar`, which becomes a tensor of shape (1,).

z = torch.ones(2, 3, requires_grad=True)
(z.flatten() * torch.arange(6.0)).sum().backward()
assert z.grad.tolist() == [[0, 1, 2], [3, 4, 5]]
for tensor in zoo().values():
    assert (tensor.flatten().dtype, tensor.flatten().dim()) == (tensor.dtype, 1)
assert torch.tensor(5).flatten().shape == (1,)

# %%
# What it is for
# --------------
#
# Some layers of networks, such as :class:`torch.nn.MultiheadAttention`, work on equal parts of the last axis, called
# heads. The D = H·E numbers along it are H heads of E numbers each. ``unflatten`` gives the heads an axis of their own,
# here for H = 2 and E = 3.

features = torch.arange(30).reshape(5, 6)  # (T, D)
heads = features.unflatten(-1, (2, 3))  # (T, H, E)
assert torch.equal(heads[:, 0], features[:, :3])
assert torch.equal(heads[:, 1], features[:, 3:])
draw(torch.unflatten, (features, -1, (2, 3)), names=["features"])

# %%
# The order of ``sizes`` decides which elements belong together. With ``(3, 2)`` the same numbers are cut into three
# parts of two. Index 0 of the *last* axis then takes the elements 0, 2 and 4 of a row. After ``.mT`` the shape is that
# of ``heads``, so it does not show the difference.

other = features.unflatten(-1, (3, 2)).mT
assert other.shape == heads.shape
assert features[0].tolist() == [0, 1, 2, 3, 4, 5]
assert (heads[0, 0].tolist(), other[0, 0].tolist()) == ([0, 1, 2], [0, 2, 4])

# %%
# What goes wrong
# ---------------
#
# ``x.flatten()`` in a network joins the :term:`batch` with the rest. The module :class:`torch.nn.Flatten` starts at
# axis 1, the function at axis 0. With a batch of 3 the next layer raises an error. With a batch of 1 the next layer
# takes it, and the result has no batch axis. Write ``flatten(1)``.

layer, batch = nn.Linear(4 * 2, 5), x.float()
with expect_error(RuntimeError, match="size mismatch|cannot be multiplied"):
    layer(batch.flatten())

assert layer(batch[:1].flatten()).shape == (5,)
assert layer(batch.flatten(1)).shape == layer(nn.Flatten()(batch)).shape == (3, 5)

# %%
# ``unflatten`` raises an error where its sizes do not multiply up to the size of the axis. ``flatten`` joins
# neighbours, in the order in which they stand. To join others, :ref:`move them <transpose-and-permute>` first.

with expect_error(RuntimeError, match="don't multiply up to the size of dim 1"):
    flat.unflatten(1, (5, 2))

columns_first = x.transpose(1, 2).flatten(1)
assert flat[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
assert columns_first[0].tolist() == [0, 2, 4, 6, 1, 3, 5, 7]

# %%
# Check yourself
# --------------

ask(
    "What is the shape of torch.zeros(2, 3, 5, 7).flatten(1, 2)?",
    answer=torch.zeros(2, 3, 5, 7).flatten(1, 2).shape,
    choices={
        (2, 15, 7): "Axes 1 and 2 become one of 3 · 5; axis 2 is included, unlike in a slice.",
        tuple(
            torch.zeros(2, 3, 5, 7).flatten(1, 1).shape
        ): "That is flatten(1, 1): one axis, joined with nothing.",
        tuple(
            torch.zeros(2, 3, 5, 7).flatten(1).shape
        ): "That is flatten(1): from axis 1 to the last.",
    },
)

# %%
# By the index rule:

ask(
    f"x has shape {tuple(x.shape)}. At which index of x.flatten(1) is x[1, 3, 1]?",
    answer=(flat == x[1, 3, 1]).nonzero()[0],
    choices={
        (1, 13): f"That is {3 * 4 + 1}: a step down skips a row, and rows have 2 elements.",
        (1, 7): "3 rows of 2 elements, and 1 more.",
        (1, 15): "15 is its index in x.flatten(): the elements of the first slice come before.",
    },
)

# %%
# Next: :ref:`cat`, which joins several tensors.
