"""
.. _stack:

How does torch.stack work?
==========================

:func:`torch.stack` puts tensors of one shape beside each other along an axis that did not exist before.
The new axis indexes the list: ``torch.stack(ts, d).select(d, k)`` equals ``ts[k]``.
You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# Two tensors of 3 rows and 4 columns, in a list of 2: no two of these sizes are equal, so that no rule holds by luck.
# ``dim=1`` puts the new axis in the middle. Touch an element of the result to see which one it is a copy of.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

a = torch.arange(12).reshape(3, 4)
b = a + 20
draw(torch.stack, [a, b], dim=1)

# %%
# Do not picture the block; fix the new index and look at what is left. With ``dim=1``, index ``k`` *on axis 1* gives
# the ``k``-th tensor back: row 0 of each of the three slices is from ``a``, row 1 from ``b``.

rows = torch.stack([a, b], dim=1)
assert rows.shape == (3, 2, 4)
assert torch.equal(rows[:, 0], a)
assert torch.equal(rows[:, 1], b)

# %%
# ``dim=0`` puts the new axis first. The result is a pile of two sheets, and its first index says which sheet.

pile = torch.stack([a, b], dim=0)
assert pile.shape == (2, 3, 4)
assert torch.equal(pile[0], a)
assert torch.equal(pile[1], b)
draw(torch.stack, [a, b], dim=0)

# %%
# With ``dim=2`` the new axis is the last: each element of ``a`` gets the element of ``b`` at the same place as its
# neighbour. Three shapes, one rule: the axis that you name is the one that tells the tensors apart.

pairs = torch.stack([a, b], dim=2)
assert pairs.shape == (3, 4, 2)
assert torch.equal(pairs[:, :, 0], a)
assert torch.equal(pairs[:, :, 1], b)
assert pairs[2, 1].tolist() == [a[2, 1].item(), b[2, 1].item()]
draw(torch.stack, [a, b], dim=2)

# %%
# The rule in any number of dimensions
# ------------------------------------
#
# For tensors of shape :math:`(s_0, \ldots, s_{n-1})` and a list of length :math:`k`, ``dim=d`` inserts :math:`k` before
# position :math:`d`: the result is :math:`(s_0, \ldots, s_{d-1}, k, s_d, \ldots, s_{n-1})`. With two axes there are
# three places to insert, so ``dim`` goes from 0 to 2; negative values count from the end of the result.

for dim in range(3):
    stacked = torch.stack([a, b], dim)
    expected = [3, 4]
    expected.insert(dim, 2)
    print(f"dim={dim}: {tuple(stacked.shape)}")
    assert list(stacked.shape) == expected

assert torch.equal(torch.stack([a, b], -1), torch.stack([a, b], 2))

# %%
# The same holds for inputs that have three axes already. Two volumes of shape (3, 4, 5), stacked with ``dim=1``, make a
# result of four axes, drawn as 3 rows of 2 slices. The slices of the left column have index 0 on axis 1: they are the
# first volume. Those of the right column are the second.

volume = torch.arange(60).reshape(3, 4, 5)
volumes = [volume, volume + 100]
for dim in range(4):
    stacked = torch.stack(volumes, dim)
    assert torch.equal(stacked.select(dim, 0), volumes[0])
    assert torch.equal(stacked.select(dim, 1), volumes[1])
    print(f"dim={dim}: {tuple(stacked.shape)}")

draw(torch.stack, volumes, dim=1)

# %%
# From scratch: unsqueeze, then cat
# ---------------------------------
#
# ``stack`` is two steps that exist on their own: give each tensor an axis of size 1, then join them along it with
# :func:`torch.cat`. ``cat`` makes an existing axis longer; ``stack`` makes the axis first.


def stack(tensors, dim=0):
    return torch.cat([tensor.unsqueeze(dim) for tensor in tensors], dim)


for dim in (-4, -3, -2, -1, 0, 1, 2, 3):
    torch.testing.assert_close(stack(volumes, dim), torch.stack(volumes, dim), rtol=0, atol=0)

# %%
# The result is a copy: it shares no memory with its inputs, so writing into one leaves the other alone. The gradient of
# each input is the slice of the result's gradient that came from it.

pile[0, 0, 0] = 99
assert a[0, 0] == 0

x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
weights = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
(torch.stack([x, y]) * weights).sum().backward()
assert torch.equal(x.grad, weights[0])
assert torch.equal(y.grad, weights[1])

# %%
# What goes wrong
# ---------------
#
# ``stack`` refuses shapes that differ. ``cat`` would accept (3, 4) and (1, 4), because they differ in the joined axis
# only; ``stack`` has no axis that may differ. ``cat`` refuses tensors without axes.

for shape in ((1, 4), (3, 4, 1), (0,)):
    with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
        torch.stack([a, torch.ones(shape)])

assert torch.cat([a, torch.ones(1, 4)]).shape == (3 + 1, 4)
with expect_error(RuntimeError, match="zero-dimensional"):
    torch.cat([torch.tensor(4), torch.tensor(5)])

# %%
# Data types may differ: as in arithmetic, :term:`promotion` chooses that of the result. It may not hold each value:
# beyond 2²⁴, float32 rounds whole numbers.

mixed = torch.stack([torch.tensor(2**24 + 1), torch.tensor(0.5)])
assert mixed.dtype == torch.float32
assert mixed.tolist() == [2**24, 0.5]

# %%
# Check yourself
# --------------
#
# The page computes each answer; open a choice to see whether it is right.

sevenfold = torch.stack([torch.zeros(2, 3, 5)] * 7, dim=-2)
ask(
    "Seven tensors of shape (2, 3, 5) are stacked with dim=-2. What is the shape of the result?",
    answer=sevenfold.shape,
    choices={
        (2, 7, 3, 5): "So it is with the new axis in second place: the result has four axes.",
        (2, 3, 7, 5): "-2 counts from the end of the result: the new axis is the last but one.",
        (2, 21, 5): "stack makes a new axis; cat along axis 1 gives this.",
    },
)

# %%
# Undo it:

stacked = torch.stack(volumes, 1)
ways = {
    "unbind(0)": stacked.unbind(0),
    "split(1)": stacked.split(1),
    "unbind(1)": stacked.unbind(1),
}


def are_the_same(given):
    return len(given) == len(volumes) and all(map(torch.equal, given, volumes))


assert [way for way, given in ways.items() if are_the_same(given)] == ["unbind(1)"]
ask(
    "Which call gives the list ts back from torch.stack(ts, 1)?",
    answer=next(way for way, given in ways.items() if are_the_same(given)),
    choices={
        "unbind(0)": "It takes the slices along axis 0, which the tensors had before.",
        "split(1)": "It cuts axis 0 into pieces of size 1, and keeps the axis.",
        "unbind(1)": "It gives the slices along axis 1, the one that tells the tensors apart.",
    },
)

# %%
# And with tensors that have no axis:

ask(
    "What does torch.stack([torch.tensor(4), torch.tensor(5)]) give?",
    answer=lambda: torch.stack([torch.tensor(4), torch.tensor(5)]),
    choices={
        (4, 5): "Tensors without axes are stacked along a first one.",
        ((4,), (5,)): "For this the tensors would need an axis of size 1 each.",
        RuntimeError: "cat raises here, since there is no axis to make longer; stack makes one.",
    },
)

# %%
# Next: :ref:`cat-or-stack`, which of the two you need.
