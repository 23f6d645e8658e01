"""
.. _stack:

How does torch.stack work?
==========================

:func:`torch.stack` puts tensors of one shape beside each other along an axis that did not exist before.
The new axis indexes the list: ``torch.stack(ts, d).select(d, k)`` is ``ts[k]``, whatever the number of axes.
You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# Two tensors of 3 rows and 4 columns, in a list of 2. No two of these sizes are equal, so that no rule holds by luck.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw

a = torch.arange(12).reshape(3, 4)
b = a + 20
draw([a, b], ["a", "b"])

# %%
# ``dim=0`` puts the new axis first. The result is a pile of two sheets, and its first index says which sheet. The
# colors are not painted by hand: they are the same call on a tensor of zeros (from ``a``) and one of ones (from ``b``).

pile = torch.stack([a, b], dim=0)
from_a, from_b = torch.zeros_like(a), torch.ones_like(b)
assert pile.shape == (2, 3, 4)
assert torch.equal(pile[0], a)
assert torch.equal(pile[1], b)
draw(pile, "torch.stack([a, b], dim=0)", colors=torch.stack([from_a, from_b], dim=0))

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
# What ``dim=1`` and ``dim=2`` look like is where most readers get lost. Do not picture the block; fix the new index and
# look at what is left. With ``dim=1``, taking index ``k`` *on axis 1* gives the ``k``-th tensor back. In print, row
# ``i`` of ``a`` comes to lie above row ``i`` of ``b``.

rows = torch.stack([a, b], dim=1)
assert torch.equal(rows[:, 0], a)
assert torch.equal(rows[:, 1], b)
draw(rows, "torch.stack([a, b], dim=1)", colors=torch.stack([from_a, from_b], dim=1))

# %%
# With ``dim=2`` the new axis is the last: each element of ``a`` gets the element of ``b`` at the same place as its
# neighbour. Three shapes, one rule: the axis that you name is the one that tells the tensors apart.

pairs = torch.stack([a, b], dim=2)
assert torch.equal(pairs[:, :, 0], a)
assert torch.equal(pairs[:, :, 1], b)
assert pairs[2, 1].tolist() == [a[2, 1].item(), b[2, 1].item()]
draw(pairs, "torch.stack([a, b], dim=2)", colors=torch.stack([from_a, from_b], dim=2))

# %%
# The same holds for inputs that have three axes already; the result has four, and nobody needs to picture it.

volumes = [torch.randint(100, (2, 3, 5)) for _ in range(4)]
for dim in range(4):
    stacked = torch.stack(volumes, dim)
    for k, volume in enumerate(volumes):
        assert torch.equal(stacked.select(dim, k), volume)
    print(f"dim={dim}: {tuple(stacked.shape)}")

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
# The result is a copy: it shares no memory with its inputs, so writing into one leaves the other alone. Gradients flow
# back to every input, each getting the slice that came from it.

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
# All shapes must be equal. ``cat`` would accept these two, because they differ in the joined axis only; ``stack`` has
# no axis that may differ.

shorter = torch.ones(1, 4, dtype=torch.int64)
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    torch.stack([a, shorter])

assert torch.cat([a, shorter]).shape == (3 + 1, 4)

# %%
# Data types may differ: as in arithmetic, the result takes the type that can hold both.

mixed = torch.stack([a, b.to(torch.float32)])
assert mixed.dtype == torch.float32

# %%
# Check yourself
# --------------
#
# 1. Seven tensors of shape (2, 3, 5) are stacked with ``dim=-2``. What is the shape of the result?
# 2. Which call undoes ``torch.stack(ts, 1)``?
# 3. What does ``torch.stack([torch.tensor(4), torch.tensor(5)])`` give?
#
# Answer before you read the next lines; the page computes them.

answer_1 = torch.stack([torch.zeros(2, 3, 5)] * 7, dim=-2).shape
answer_2 = torch.stack(volumes, 1).unbind(1)
answer_3 = torch.stack([torch.tensor(4), torch.tensor(5)])

print(f"1. {tuple(answer_1)}")
print(f"2. unbind(1) gives a tuple of {len(answer_2)} tensors of shape {tuple(answer_2[0].shape)}")
print(f"3. {answer_3}")
assert answer_1 == (2, 3, 7, 5)
assert all(torch.equal(back, volume) for back, volume in zip(answer_2, volumes, strict=True))
assert answer_3.tolist() == [4, 5]

# %%
# Next: :ref:`reshape-and-view`, which changes the axes of one tensor.
