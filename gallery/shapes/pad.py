"""
.. _pad:

How does F.pad count its pairs?
===============================

:func:`torch.nn.functional.pad` adds elements before and after those that are there, along one axis for each pair of
numbers, *the last axis first*. The new elements are a constant, or copies of old ones. The result is a :term:`copy`.
You need to know :ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# The first pair, 1 and 3, is for the last axis: one column on the left, three on the right. The second pair, 0 and 2,
# is for the axis before it: no row above, two below. The gray elements come from nowhere.

import contextlib
import itertools

import numpy as np
import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = torch.arange(1, 9).reshape(2, 4)
draw(F.pad, (x, (1, 3, 0, 2)))

# %%
# For an image this is (left, right, top, bottom). For a tensor with :math:`n` axes, ``pad`` is
# :math:`(b_0, a_0, b_1, a_1, \ldots)`: *before* and *after* the last axis, then the last but one. Axis
# :math:`n - 1 - k`, of size :math:`s`, gets size :math:`b_k + s + a_k`; axes without a pair stay as they are.

padded = F.pad(x, (1, 3, 0, 2))
assert padded.shape == (0 + 2 + 2, 1 + 4 + 3)
assert torch.equal(padded[0:2, 1:5], x)
assert padded.sum() == x.sum()  # all others are 0
assert not shares_memory(x, padded)
ones = torch.ones(2, 4)
for mode in ("constant", "replicate", "reflect", "circular"):
    for pair in ((0, 0), (-1, 0), (0, -1)):
        assert not shares_memory(ones, F.pad(ones, pair, mode=mode))

# %%
# The block has three axes and gets two pairs: each row gets two elements in front, and each slice one row on top. A
# third pair is for axis 0.

block = torch.arange(30).reshape(2, 3, 5)
assert F.pad(block, (0, 0, 0, 0, 4, 0)).shape == (4 + 2, 3, 5)
assert F.pad(block, (2, 0, 1, 0), value=-1).shape == (2, 1 + 3, 2 + 5)
draw(F.pad, (block, (2, 0, 1, 0)), value=-1, names=["block"])

# %%
# The four modes
# --------------
#
# The picture has three new elements before and one after. ``constant`` writes ``value``, which is 0 if left out.
# ``replicate`` repeats the edge, ``reflect`` mirrors at the edge without repeating it, and ``circular`` goes on at the
# other end. Touch the new elements to see where they come from.


def modes(line):
    names = ["constant", "replicate", "reflect", "circular"]
    return {mode: F.pad(line, (3, 1), mode=mode) for mode in names}


line = torch.tensor([[10.0, 20, 30, 40]])
draw(modes, line, names=["line"])

# %%
# From scratch: which index is read?
# ----------------------------------
#
# Count the places of the result so that the old elements keep their index: :math:`-b, \ldots, s + a - 1`. Each mode is
# a rule that brings an index outside of :math:`0, \ldots, s - 1` back inside; :func:`torch.index_select` then takes the
# elements that stand there.

inside = {
    "replicate": lambda i, s: i.clamp(0, s - 1),
    "reflect": lambda i, s: s - 1 - (s - 1 - i.abs()).abs(),
    "circular": lambda i, s: i % s,
}


def pad_axis(x, before, after, dim, mode):
    size = x.shape[dim]
    return x.index_select(dim, inside[mode](torch.arange(-before, size + after), size))


for mode, before, after in itertools.product(inside, range(4), range(4)):
    expected = F.pad(line, (before, after), mode=mode)
    torch.testing.assert_close(pad_axis(line, before, after, 1, mode), expected, rtol=0, atol=0)

# %%
# Several pairs are several steps, one for each axis. A corner of the result takes both indices from the rules.

photo = torch.arange(60.0).reshape(3, 4, 5)  # channel, row, column
for mode in inside:
    in_steps = pad_axis(pad_axis(photo, 2, 1, 2, mode), 3, 0, 1, mode)
    torch.testing.assert_close(in_steps, F.pad(photo, (2, 1, 3, 0), mode=mode), rtol=0, atol=0)

# %%
# Negative numbers cut elements off. With one new element in front and one cut off at the end, ``constant`` shifts a
# row.

for mode in ("constant", *inside):
    assert torch.equal(F.pad(x, (-1, -2), mode=mode), x[:, 1:2])
assert F.pad(x, (1, -1)).tolist() == [[0, 1, 2, 3], [0, 5, 6, 7]]

# %%
# The :term:`dtype` stays, and ``value`` is converted to it: 1.5 among integers becomes 1, without a warning. Among
# uint8 the value 300 is refused. ``constant`` and ``circular`` take truth values. For ``replicate`` and ``reflect``
# they have to be converted to numbers and back.

assert F.pad(x, (1, 0), value=1.5)[0].tolist() == [1, 1, 2, 3, 4]
with expect_error(RuntimeError, match="cannot be converted to type uint8_t without overflow"):
    F.pad(x.to(torch.uint8), (1, 0), value=300)

for mode in ("constant", "circular"):
    assert F.pad(x > 4, (1, 0), mode=mode).dtype == torch.bool
for mode in ("replicate", "reflect"):
    with expect_error(NotImplementedError, match="not implemented for 'Bool'"):
        F.pad(x > 4, (1, 0), mode=mode)

# %%
# The :term:`gradient` of an element is the sum of the gradients of its copies. What a constant receives is dropped.

used = {"constant": [1, 1, 1, 1], "replicate": [4, 1, 1, 2], "reflect": [1, 2, 3, 2]}
used["circular"] = [2, 2, 2, 2]
for mode, uses in used.items():
    leaf = torch.zeros(1, 4, requires_grad=True)
    F.pad(leaf, (3, 1), mode=mode).sum().backward()
    assert leaf.grad[0].tolist() == uses

# %%
# What goes wrong
# ---------------
#
# The pairs are given in NumPy's order. ``np.pad`` takes the *first* axis first, a pair in brackets for each. Its names
# for the modes differ as well: ``edge`` is ``replicate``, ``wrap`` is ``circular``. ``F.pad`` does not know its mode
# ``symmetric``, which repeats the edge in the mirror.

names = {"constant": "constant", "replicate": "edge", "reflect": "reflect", "circular": "wrap"}
for mode, name in names.items():
    in_numpy = np.pad(photo.numpy(), ((0, 0), (3, 0), (2, 1)), mode=name)
    assert torch.equal(F.pad(photo, (2, 1, 3, 0), mode=mode), torch.from_numpy(in_numpy))

with expect_error(TypeError, match="must be tuple of ints"):
    F.pad(photo, ((3, 0), (2, 1)))

assert np.pad([1, 2, 3], (2, 0), mode="symmetric").tolist() == [2, 1, 1, 2, 3]
with expect_error(NotImplementedError, match="Unrecognised padding mode symmetric"):
    F.pad(photo, (2, 1, 3, 0), mode="symmetric")

# %%
# A matrix gets two pairs in another mode than ``constant``. The other three modes are made for the last axes of data
# with channels: they take one pair for 2 or 3 axes, two for 3 or 4, three for 4 or 5. Give the matrix an axis of size
# 1, and take it away after.

for mode, pairs in itertools.product(inside, (1, 2, 3)):
    taken = []
    for axes in range(pairs, 6):
        with contextlib.suppress(NotImplementedError):
            F.pad(torch.ones((3,) * axes), (1, 1) * pairs, mode=mode)
            taken.append(axes)
    assert taken == [pairs + 1, pairs + 2]

matrix = photo[0]
with expect_error(NotImplementedError, match="[Pp]adding"):
    F.pad(matrix, (2, 1, 3, 0), mode="reflect")

reflected = F.pad(matrix.unsqueeze(0), (2, 1, 3, 0), mode="reflect").squeeze(0)
assert torch.equal(reflected, F.pad(photo, (2, 1, 3, 0), mode="reflect")[0])

# %%
# The mirror is too wide. A row of 4 has 3 elements besides the edge to reflect, and 4 to go around in a circle once.

assert F.pad(line, (3, 0), mode="reflect").shape == (1, 3 + 4)
assert F.pad(line, (4, 0), mode="circular").shape == (1, 4 + 4)
with expect_error(RuntimeError, match="less than the corresponding input dimension"):
    F.pad(line, (4, 0), mode="reflect")

with expect_error(RuntimeError, match="wrapping around more than once"):
    F.pad(line, (5, 0), mode="circular")

# %%
# ``torch.nn.utils.rnn.pad_sequence`` brings *several* vectors to one length and stacks them. ``nn.ReflectionPad2d``
# does as a :term:`module` what the mode ``reflect`` does with two pairs.

sentences = [torch.tensor([5, 6, 7]), torch.tensor([8])]
batch = torch.nn.utils.rnn.pad_sequence(sentences, batch_first=True)
assert batch.tolist() == [[5, 6, 7], [8, 0, 0]]
assert torch.equal(batch, torch.stack([F.pad(s, (0, 3 - len(s))) for s in sentences]))
layer = torch.nn.ReflectionPad2d((2, 1, 3, 0))
assert torch.equal(layer(photo), F.pad(photo, (2, 1, 3, 0), mode="reflect"))

# %%
# Check yourself
# --------------

ask(
    "What is the shape of F.pad(torch.ones(8, 3, 20, 30), (1, 1, 5, 0))?",
    answer=F.pad(torch.ones(8, 3, 20, 30), (1, 1, 5, 0)).shape,
    choices={
        (10, 8, 20, 30): "That is NumPy's order, from the first axis on.",
        (8, 3, 25, 32): "1 and 1 are for the last axis, 5 and 0 for the one before it.",
        (8, 3, 22, 35): "The first pair is for the last axis: 30 becomes 32.",
    },
)

# %%
# And the mirror:

ask(
    "What does F.pad(torch.tensor([[1.0, 2, 3]]), (2, 0), mode='replicate') give?",
    answer=F.pad(torch.tensor([[1.0, 2, 3]]), (2, 0), mode="replicate"),
    choices={
        ((3.0, 2.0, 1.0, 2.0, 3.0),): "That is reflect: the 1 at the edge is the mirror.",
        ((2.0, 3.0, 1.0, 2.0, 3.0),): "That is circular: before the first element comes the last.",
        ((1.0, 1.0, 1.0, 2.0, 3.0),): "The element at the edge is repeated.",
    },
)

# %%
# Next: :ref:`broadcasting`, which makes axes longer without new elements.
