"""
.. _repeat-and-expand:

What is the difference between repeat and expand?
=================================================

:meth:`torch.Tensor.repeat` copies a tensor several times along its axes. :meth:`torch.Tensor.expand` looks the same
where it is possible and copies nothing. :func:`torch.repeat_interleave` repeats each element, and :func:`torch.tile` is
``repeat`` with NumPy's rule for missing numbers. You need to know
:ref:`what strides are <strides-and-storage>`.
"""

# %%
# One :term:`vector` and four ways to have it twice. Touch an element of a result to see which one it comes from.

import numpy as np
import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

x = torch.tensor([10, 20, 30])


def twice(x):
    return {
        "expand(2, 3)": x.expand(2, 3),
        "repeat(2, 1)": x.repeat(2, 1),
        "tile(2)": x.tile(2),
        "repeat_interleave(2)": x.repeat_interleave(2),
    }


draw(twice, x)

# %%
# Which of them copy memory?
# --------------------------
#
# The first two results are equal, and are stored differently. ``expand`` gives a :term:`view`: its new axis has
# :term:`stride` 0, so both rows are read from the three places that ``x`` has.

wide, copied = x.expand(2, 3), x.repeat(2, 1)
assert torch.equal(wide, copied)
assert (wide.stride(), copied.stride()) == ((0, 1), (3, 1))
draw_storage([x, wide], ["x", "x.expand(2, 3)"])

# %%
# Only ``expand`` shares memory. The other three always give a :term:`copy`, even where there is nothing to repeat: the
# last loop repeats tensors of many layouts once.

for name, result in twice(x).items():
    shares, size = shares_memory(x, result), result.untyped_storage().nbytes()
    kind = "view" if shares else "copy"
    print(f"{name:<21} shape {tuple(result.shape)!s:<7} {kind}, {size} bytes")
    assert shares == (name == "expand(2, 3)")
    assert size == (1 if shares else 2) * x.untyped_storage().nbytes()

for y in zoo().values():
    for once in (y.repeat([1] * y.dim()), y.tile(1), y.repeat_interleave(1)):
        assert not shares_memory(y, once)

# %%
# The shape that repeat gives
# ---------------------------
#
# ``repeat`` can add axes; some notes say that it "does not change the number of dimensions". It takes one number for
# each axis *of the result*. If these are :math:`r_0, \ldots, r_{m-1}`, then ``x`` is first given axes of size 1 on the
# left until it has shape :math:`(s_0, \ldots, s_{m-1})`. The result has shape :math:`(r_0 s_0, \ldots, r_{m-1}
# s_{m-1})`.

assert torch.ones(3).dim() == 1
assert torch.ones(3).repeat(2, 1).shape == (2, 3)
assert torch.ones(3).repeat(4, 2, 5).shape == (4 * 1, 2 * 1, 5 * 3)

# %%
# So fewer numbers than axes are refused. ``tile`` accepts fewer: the missing ones are 1, on the left, as in NumPy.

table = torch.arange(6).reshape(2, 3)
with expect_error(RuntimeError, match="can not be smaller than number of dimensions"):
    table.repeat(2)

assert torch.equal(table.tile(2), table.repeat(1, 2))
assert table.tile(2).tolist() == np.tile(table.numpy(), 2).tolist()

# %%
# With ``repeat`` the whole comes again; with ``repeat_interleave`` each part stays beside its copies. Index :math:`i`
# along an axis that had size :math:`s` and is repeated :math:`r` times comes from :math:`i \bmod s` with ``repeat``,
# from :math:`\lfloor i / r \rfloor` with ``repeat_interleave``.


def doubled(block):
    repeated, interleaved = block.repeat(1, 2, 1), block.repeat_interleave(2, dim=1)
    return {"repeat(1, 2, 1)": repeated, "repeat_interleave(2, 1)": interleaved}


block = torch.arange(6).reshape(2, 3, 1)
repeated, interleaved = doubled(block).values()
for i in range(2 * 3):
    assert torch.equal(repeated[:, i], block[:, i % 3])
    assert torch.equal(interleaved[:, i], block[:, i // 2])
draw(doubled, block, names=["block"])

# %%
# From scratch: cat and stack
# ---------------------------
#
# To repeat is to :ref:`cat <cat>` copies, which makes an axis longer. To interleave is to :ref:`stack <stack>` them on
# a new axis behind it, and to flatten the two axes into one. Both functions are for one copy or more.


def repeat(x, *times):
    x = x.reshape((1,) * (len(times) - x.dim()) + x.shape)
    for axis, number in enumerate(times):
        x = torch.cat([x] * number, axis)
    return x


def repeat_interleave(x, number, dim):
    return torch.stack([x] * number, dim + 1).flatten(dim, dim + 1)


for times in ((1, 1, 1), (2, 3, 1), (1, 4, 3), (4, 1, 2, 3)):
    assert torch.equal(repeat(block, *times), block.repeat(times))
for dim in range(3):
    assert torch.equal(repeat_interleave(block, 4, dim), torch.repeat_interleave(block, 4, dim))

# %%
# ``repeat_interleave`` also takes a number for each index, here 3 times row 0 and once row 1. Without ``dim`` it
# flattens its input first.

assert torch.equal(table.repeat_interleave(4), table.flatten().repeat_interleave(4))


def rows_by_number(table):
    return torch.repeat_interleave(table, torch.tensor([3, 1]), dim=0)


draw(rows_by_number, table, names=["table"])

# %%
# What expand can do
# ------------------
#
# ``expand`` takes sizes, where ``repeat`` takes counts. It stretches axes of size 1 and adds axes on the left; -1 keeps
# the size of an axis. An axis of size 2 can't become one of size 4: no single stride leads from row 0 to row 1 and back
# to row 0. :func:`torch.broadcast_to` is the same as a function. In ``a + b`` you need neither, since
# :ref:`broadcasting <broadcasting>` does this on its own.

with expect_error(RuntimeError, match=r"\(4\) must match the existing size \(2\)"):
    table.expand(4, 3)

assert table.repeat(2, 1).shape == (4, 3)
assert block.expand(-1, -1, 4).stride() == (3, 1, 0)
assert torch.equal(torch.broadcast_to(block, (2, 3, 4)), block.repeat(1, 1, 4))
draw(torch.Tensor.expand, (block, -1, -1, 4), names=["block"])

# %%
# The :term:`dtype` stays, and truth values can be repeated as well. The :term:`gradient` of an element is the sum of
# the gradients of its copies: here four copies, each with gradient 1.

calls = [lambda t: t.expand(4, 3), lambda t: t.repeat(4, 1)]
calls += [lambda t: t.tile(4), lambda t: t.repeat_interleave(4)]
for call in calls:
    assert call(x > 15).dtype == torch.bool
    leaf = torch.ones(3, requires_grad=True)
    call(leaf).sum().backward()
    assert leaf.grad.tolist() == [4, 4, 4]

# %%
# What goes wrong
# ---------------
#
# Sizes are given as counts: to make 4 rows of ``x``, ``repeat(4, 3)`` is 3 times too wide. And NumPy's ``repeat`` does
# what ``repeat_interleave`` does here.

assert x.repeat(4, 3).shape == (4, 9)
assert x.repeat(4, 1).shape == x.expand(4, 3).shape == (4, 3)
assert x.numpy().repeat(2).tolist() == x.repeat_interleave(2).tolist() != x.repeat(2).tolist()

# %%
# An expanded tensor is written into. ``add_`` refuses a tensor of which several elements share a place. An assignment
# to one element or one row goes through, and so does ``fill_``. The value then stands in both rows and in the original.
# ``x.expand(2, 3).clone()`` has a place for each element.

zeros = torch.zeros(3)
stretched = zeros.expand(2, 3)
with expect_error(RuntimeError, match="refers to a single memory location"):
    stretched.add_(1)

stretched[0, 1] = 7
assert stretched.tolist() == [[0, 7, 0], [0, 7, 0]]
stretched[1] = torch.tensor([4.0, 5.0, 6.0])
assert stretched.tolist() == [[4, 5, 6], [4, 5, 6]]
stretched.fill_(8)
assert zeros.tolist() == [8, 8, 8]
own = x.expand(2, 3).clone()
own[0, 1] = 7
assert own.tolist() == [[10, 7, 30], [10, 20, 30]]

# %%
# Check yourself
# --------------

ask(
    "What is the shape of torch.ones(5, 2).repeat(3, 1, 4)?",
    answer=torch.ones(5, 2).repeat(3, 1, 4).shape,
    choices={
        (15, 2, 4): "The axes are lined up from the right: the new one is on the left.",
        (
            3,
            5,
            8,
        ): "The tensor gets an axis of size 1 in front, and the sizes are multiplied: 3, 5 and 8.",
        (3, 1, 4): "These are the counts. expand would take sizes, and could not make this one.",
    },
)

# %%
# And the memory:

big = torch.zeros(1, 50).expand(400, 50)
ask(
    "How many elements are there in the storage of torch.zeros(1, 50).expand(400, 50)?",
    answer=big.untyped_storage().nbytes() // big.itemsize,
    choices={
        50: "The axis of size 400 takes no step: every row is the same 50 places.",
        20000: "This many elements can be read, and repeat would store them all.",
        450: "Nothing is stored for the new rows.",
    },
)

# %%
# Next: :ref:`pad`, which makes axes longer by something else than copies of the whole.
