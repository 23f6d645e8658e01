"""
.. _reshape-and-view:

What is the difference between reshape and view?
================================================

Given a :term:`shape`, both return a tensor's elements under that shape, in the same order. :meth:`torch.Tensor.view`
returns a :term:`view`, a tensor on the same memory, or raises an error where the :term:`strides <stride>` forbid one.
:func:`torch.reshape` returns a view where it can and a :term:`copy` otherwise. You need to know :ref:`what strides are
<strides-and-storage>`.
"""

# %%
# A view: two shapes, one line of memory. ``view`` and ``reshape`` both give this for ``a``. Touch an element to see its
# place, or a place to see its two names.

import contextlib
import math
import random

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask
from ptguide.rules import explain_view
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

a = torch.arange(12).reshape(3, 4)
draw_storage([a, a.view(2, 6)], ["a", "a.view(2, 6)"])

# %%
# A copy: for the :term:`transpose`, whose strides are (1, 4), the same call raises an error. ``view`` says that the
# shape is "not compatible with input tensor's size and stride" and names one remedy. ``reshape`` fills another line of
# memory. In the memory of ``a`` each value is the number of its place. In that of the copy the values have the order in
# which ``t`` prints.

t = a.T
assert (t.shape, t.stride()) == ((4, 3), (1, 4))
with expect_error(RuntimeError, match=r"view size is not compatible .* Use .reshape\(...\)"):
    t.view(2, 6)

copy = t.reshape(2, 6)
assert not shares_memory(t, copy)
draw_storage(copy, "a.T.reshape(2, 6)")

# %%
# View and copy both hold the elements in the order in which they print, row by row. So the new sizes must have the same
# product as the old ones. Each row of ``t`` has a color.

assert copy.flatten().tolist() == [value for row in t.tolist() for value in row]
assert a.view(2, 6).flatten().tolist() == [value for row in a.tolist() for value in row]
with expect_error(RuntimeError, match="invalid for input of size 12"):
    a.reshape(2, 5)

draw(torch.reshape, (t, (2, 6)), names=["t"])

# %%
# ``a`` itself keeps its shape and its :term:`storage`; some notes say that ``reshape`` "updates" both. Here ``reshape``
# and ``view`` return a second tensor, with other strides on the same storage.

for b in (a.view(2, 6), a.reshape(2, 6)):
    assert shares_memory(a, b)
    assert (a.shape, a.stride(), b.shape, b.stride()) == ((3, 4), (4, 1), (2, 6), (6, 1))

# %%
# The rule
# --------
#
# *Splitting an axis is always possible.* An :term:`axis` of size :math:`pq` and stride :math:`s` becomes axes of sizes
# :math:`p, q` with strides :math:`qs, s`. So the transpose can become (2, 2, 3): its axis of size 4 and stride 1 is cut
# into two of size 2 with strides 2 and 1. The loop splits the axes of tensors of many layouts.

split = t.view(2, 2, 3)
assert (split.stride(), shares_memory(t, split)) == ((2 * 1, 1, 4), True)
for x in zoo(axes=(1, 2, 3), dtypes=[torch.float32]).values():
    for axis, (size, step) in enumerate(zip(x.shape, x.stride(), strict=True)):
        for q in (q for q in range(2, size + 1) if size % q == 0):
            cut = x.view(*x.shape[:axis], size // q, q, *x.shape[axis + 1 :])
            assert x.numel() == 0 or cut.stride()[axis : axis + 2] == (q * step, step)

draw_storage([t, split], ["t", "t.view(2, 2, 3)"])

# %%
# *Merging axes i and i+1, both longer than 1, needs* that the stride of the first is the size of the second times its
# stride. ``explain_view`` puts the numbers in: the merge that ``view`` can make of ``a``, and the one that it can't
# make of ``t``.

merged, refused = explain_view(a, (12,)), explain_view(t, (12,))
assert (merged.works, refused.works) == (True, False)
print(merged, refused, sep="\n\n")

# %%
# The reason is that an axis has one stride: the steps along it are equal. Within a row a step is the stride of the
# inner axis. From the end of a row to the start of the next it is the stride of the outer axis, less the steps made in
# the row. ``a`` counts from 0, so each value is its place in memory, and differences of values are steps. In ``t`` they
# are 4, 4, then 1 - 2·4 = -7. An axis of size 12 would, as the error says, span "across two contiguous subspaces": two
# runs of axes that no single stride can join.

assert a.flatten().diff().tolist() == [1] * 11
with expect_error(RuntimeError, match="across two contiguous subspaces"):
    t.view(12)
assert t.flatten().diff().tolist() == [4, 4, -7] * 3 + [4, 4]

# %%
# From scratch
# ------------
#
# A new shape is made by merging axes and splitting them. Where two axes cannot be merged there is a border, and the new
# shape needs a border after as many elements, counted from the right. More borders do no harm. An axis of size 1 takes
# no step, so its stride does not matter. The function is for tensors that have elements.


def can_view(size, stride, new_size):
    borders, elements, needed = set(), 1, None
    for n, step in zip(reversed(size), reversed(stride), strict=True):
        if n != 1:
            if step != needed:
                borders.add(elements)
            elements, needed = elements * n, step * n
    new_borders = {math.prod(new_size[axis:]) for axis in range(len(new_size) + 1)}
    return elements == math.prod(new_size) and borders <= new_borders


assert [can_view((4, 3), (1, 4), shape) for shape in ((2, 2, 3), (12,))] == [True, False]

# %%
# To test it: a random shape of up to 4 axes, random strides, also 0 as ``expand`` makes it, and a random new shape for
# as many elements.

rng, line = random.Random(0), torch.arange(1000)


def random_layout():
    size = rng.choices(range(1, 6), k=rng.randrange(5))
    stride = rng.choices((0, 1, 2, 3, 4, 6, 12, 24), k=len(size))
    new_size, rest = [], math.prod(size)
    while rest > 1 or rng.random() < 0.2:
        new_size.append(rng.choice([n for n in range(1, rest + 1) if rest % n == 0]))
        rest //= new_size[-1]
    return size, stride, new_size


# %%
# For 3000 of them, ``can_view`` and ``explain_view`` say when ``view`` works, and that is when ``reshape`` shares
# memory.

verdicts = []
for _ in range(3000):
    size, stride, new_size = random_layout()
    tensor, viewed = line.as_strided(size, stride), False
    with contextlib.suppress(RuntimeError):
        viewed = shares_memory(tensor, tensor.view(new_size))
    shared = shares_memory(tensor, tensor.reshape(new_size))
    explained = explain_view((size, stride), new_size).works
    verdicts.append([can_view(size, stride, new_size), explained, viewed, shared])
views, copies = (verdicts.count([verdict] * 4) for verdict in (True, False))
print(f"{views} views, {copies} copies")
assert (views + copies, min(views, copies) > 1000) == (3000, True)

# %%
# Which one to write
# ------------------
#
# Write ``reshape``, unless you are going to write into the result. That changes the original or a copy, depending on
# the strides. ``view`` raises an error rather than copy.

b = torch.zeros(3, 4)
b.reshape(12)[0] = 1
b.T.reshape(12)[5] = 2  # into a copy that nothing keeps
assert b.sum() == 1
with expect_error(RuntimeError, match="view size is not compatible"):
    b.T.view(12)[5] = 2

# %%
# After such an error ``reshape`` does what ``.contiguous().view(...)`` does: :meth:`torch.Tensor.contiguous` copies
# into the order of print, of which ``view`` can make every shape with as many elements.

shapes = [(p, q, 12 // (p * q)) for p in range(1, 13) for q in range(1, 13) if 12 % (p * q) == 0]
for shape in [(12,), *shapes]:
    assert torch.equal(t.reshape(shape), t.contiguous().view(shape))

# %%
# One size may be -1 in both. It is worked out from the others, if their product is not 0 and divides the number of
# elements.

assert (a.view(-1, 6).shape, t.reshape(-1).shape) == ((2, 6), (12,))
with expect_error(RuntimeError, match=r"shape '\[-1, 5\]' is invalid for input of size 12"):
    a.view(-1, 5)

with expect_error(RuntimeError, match="-1 can be any value"):
    torch.zeros(0, 3).view(0, -1)

print(explain_view(a, (-1, 5)))

# %%
# The :term:`gradient` of an element, which ``backward`` computes, says by how much the final number changes per unit of
# change of that element. It goes back through a view as through a copy, and arrives in the shape of the original.

for flatten in (lambda x: x.view(12), lambda x: x.T.reshape(12)):
    x = torch.ones(3, 4, requires_grad=True)
    (flatten(x) * torch.arange(12.0)).sum().backward()
    assert torch.equal(flatten(x.grad), torch.arange(12.0))

# %%
# What goes wrong
# ---------------
#
# Columns are wanted as rows, in the shape (4, 3), and ``reshape(4, 3)`` is written. The shape is right and the numbers
# are in the wrong places, without an error. ``reshape`` keeps the order of the elements and cuts the rows elsewhere.
# The transpose turns rows into columns. Each row of ``a`` keeps its color.


def right_and_wrong(a):
    return {"a.T": a.T, "a.reshape(4, 3)": a.reshape(4, 3)}


right, wrong = right_and_wrong(a).values()
assert (wrong.shape, torch.equal(wrong, right)) == (right.shape, False)
draw(right_and_wrong, a, names=["a"])

# %%
# Check yourself
# --------------
#
# ``y`` leaves out two columns of five.

y = torch.zeros(7, 5)[:, :3]
(refused_shape,) = (
    shape for shape in ((7, 3, 1), (21,), (7, 1, 3)) if not explain_view(y, shape).works
)
ask(
    "y is torch.zeros(7, 5)[:, :3]. Which of these shapes does y.view refuse?",
    answer=refused_shape,
    choices={
        (7, 3, 1): "An axis of size 1 takes no step, so it fits anywhere; no axes are merged here.",
        (21,): "The steps within a row are 1, and from row to row 5, not 3 * 1.",
        (7, 1, 3): "y is not contiguous, but this only adds an axis of size 1.",
    },
)

# %%
# An expanded tensor:

z = torch.zeros(6).expand(9, 6)
ask(
    "z is torch.zeros(6).expand(9, 6). What is z.reshape(54)?",
    answer="a view of z" if shares_memory(z, z.reshape(54)) else "a copy",
    choices={
        "a view of z": "To merge the two axes, the stride of axis 0 would have to be 6 * 1; it is 0.",
        "a copy": "A stride of 0 is not 6 * 1, so the axes cannot be merged, and 54 places of memory are filled.",
        "an error": "That is z.view(54); reshape copies where no view is possible.",
    },
)

# %%
# The same tensor, with an axis split:

ask(
    "What are the strides of z.reshape(9, 2, 3)?",
    answer=z.reshape(9, 2, 3).stride(),
    choices={
        (6, 3, 1): "That would be a copy. Splitting an axis needs none; axis 0 keeps stride 0.",
        (0, 1, 3): "The left part of the split takes the long steps: over 3 elements at once.",
        (0, 3, 1): "The axis of size 6 and stride 1 becomes 2 and 3, with strides 3 * 1 and 1.",
    },
)

# %%
# Next: :ref:`unsqueeze-and-squeeze`, for axes of size 1.
