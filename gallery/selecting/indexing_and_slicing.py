"""
.. _indexing-and-slicing:

How do I index and slice a tensor?
==================================

Each token of a sentence has five features, and you want the last token, or a few features of some tokens. Between the
brackets goes one integer or slice for each :term:`axis`; writing into the result changes the original.
"""

# %%
# Set-up

import itertools
import math

import numpy
import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask
from ptguide.rules import explain_index
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

tokens = torch.arange(20).reshape(4, 5)  # (token, feature)
x = torch.arange(40).reshape(2, 4, 5)  # (sentence, token, feature)


def select(tokens):
    return {"tokens[-1]": tokens[-1], "tokens[1:3, ::2]": tokens[1:3, ::2]}


# %%

draw(select, tokens, names=["tokens"])

# %%
# The results are the last token, and tokens 1 and 2 with the features 0, 2 and 4. Point at an element of a result
# to see where in ``tokens`` it is. You need to know :ref:`what a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# From left to right, each entry is for the next axis. An *integer* takes one place, and the axis disappears. A *slice*
# ``start:stop:step`` keeps the axis; it begins at ``start`` and ends before ``stop``. ``None`` makes a new axis of
# size 1. ``...`` stands for as many ``:`` as are missing. Axes at the end without an entry are kept whole. Negative
# positions count from the end. The next tensor, ``x``, has two sentences, and the axes (sentence, token, feature):

shown = {"x[1]": x[1], "x[1:2]": x[1:2], "x[:, -1]": x[:, -1], "x[..., :2]": x[..., :2]}
shown |= {"x[:, None]": x[:, None], "x[1, 2, 3]": x[1, 2, 3]}
for text, part in shown.items():
    print(f"{text:<12}{tuple(part.shape)}")

# %%
# ``explain_index`` spells out what an index selects of your own tensor. ``numpy.s_`` makes an object of what is written
# between the brackets, so that it can be passed to a function.

explained = explain_index(x, numpy.s_[..., None, 1:4])
assert explained.shape == x[..., None, 1:4].shape == (2, 4, 1, 3)
explained

# %%
# A view: one memory
# ------------------
#
# Integers and slices copy nothing. The result is another way through the same memory, so a write into one of the two
# changes the other.

memory = torch.arange(12).reshape(3, 4)
part = memory[1:, ::2]
part[0, 0] = -4
assert memory[1, 0] == -4
draw_storage([memory, part], ["memory", "memory[1:, ::2]"])

# %%
# A view keeps the whole memory alive. One token that you put into a list keeps the memory of the batch that it came
# from. :meth:`torch.Tensor.clone` copies this token alone.

batch = torch.zeros(64, 128, 256)
for name, token in {"view": batch[0, -1], "clone": batch[0, -1].clone()}.items():
    print(f"{name:<6}{token.untyped_storage().nbytes():>10,} bytes")
assert batch[0, -1].untyped_storage().nbytes() == batch.nbytes

# %%
# .. use-this::
#
#    Write one pair of brackets, one entry for each axis, and ``...`` where you count from the right: ``x[..., -1]``
#    is the last feature whatever comes before. An integer drops its axis, and a slice of length 1 keeps it. Add
#    ``.clone()`` to a part that outlives the batch, or that you write into without meaning the original.
#
# .. not tried: whatever comes before — checked for one to four axes below
#
# Common mistakes
# ---------------
#
# **Two pairs of brackets.** The second pair starts again at axis 0 *of the result*. ``x[:][2]`` is not token 2:
# ``x[:]`` is the whole ``x``, and it has no sentence 2.

with expect_error(IndexError, match="index 2 is out of bounds for dimension 0 with size 2"):
    x[:][2]
assert x[:, 2].shape == (2, 5)

# %%
# **A slice out of range raises nothing.** It is cut off, down to an empty tensor, as in Python. An integer out of range
# raises an error, and so does a negative step: tensors have no negative strides. To reverse, :func:`torch.flip` copies.

print(tuple(x[:, 1:99].shape), tuple(x[:, 99:].shape))
with expect_error(ValueError, match="step must be greater than zero"):
    x[::-1]

# %%
# How this was checked

assert (x[1].shape, x[1:2].shape) == ((4, 5), (1, 4, 5))
assert (x[1, 2, 3].shape, x[1, 2, 3].item()) == ((), 1 * 20 + 2 * 5 + 3)
with expect_error(IndexError, match="out of bounds for dimension 1 with size 4"):
    x[:, 99]
with expect_error(IndexError, match="only integers, slices"):
    x[:, 4 / 2]
assert torch.equal(x.flip(0)[0], x[-1])
assert x[..., :2].shape == (2, 4, 2)
assert x[:, 99:].shape == (2, 0, 5)
# A slice keeps ceil((stop - start) / step) places, and none with start after stop.
for start, step in itertools.product(range(5), (1, 2, 3)):
    for stop in range(start, 5):
        assert len(x[0, start:stop:step]) == math.ceil((stop - start) / step)
    for stop in range(start):
        assert len(x[0, start:stop:step]) == 0
# x[..., 1] is index 1 on the last axis, for one to four axes.
for tensor in (x[0, 0], x[0], x, x[None]):
    assert torch.equal(tensor[..., 1], tensor.select(tensor.dim() - 1, 1))
# Slices, None and ... give views of awkward tensors, too.
for tensor in zoo(axes=(1, 2, 3)).values():
    for index in (slice(None, None, 2), None, ..., (None, slice(-2, None))):
        assert tensor[index].numel() == 0 or shares_memory(tensor, tensor[index])
assert not shares_memory(x[1:].clone(), x)
assert not shares_memory(x, x.flip(0))
for number in (2, -3, 99):
    with expect_error(IndexError, match="out of bounds for dimension 0 with size 2"):
        x[number]
with expect_error(IndexError, match="too many indices"):
    x[0, 0, 0, 0]
numbers = [1, 2, 3]
numbers[1:][0] = 99
assert numbers == [1, 2, 3]


def basic_index(x, index):
    """Index from scratch: an integer moves the start, a slice moves it, changes the size and multiplies the stride."""
    shape, strides, offset = [], [], x.storage_offset()
    for entry, size, stride in zip(index, x.shape, x.stride(), strict=True):
        if isinstance(entry, int):
            offset += entry % size * stride
        else:
            start, stop, step = entry.indices(size)
            offset += start * stride
            shape.append(len(range(start, stop, step)))
            strides.append(stride * step)
    return x.as_strided(shape, strides, offset)


entries = [0, 1, -1, slice(None), slice(1, None, 2), slice(-2, None), slice(1, 3)]
for index in itertools.product(entries, repeat=3):
    mine, theirs = basic_index(x, index), x[index]
    assert torch.equal(mine, theirs)
    assert (mine.data_ptr(), mine.stride()) == (theirs.data_ptr(), theirs.stride())
# Each entry has a function: select, narrow, unsqueeze.
for axis, size in enumerate(x.shape):
    before = (slice(None),) * axis
    assert torch.equal(x.select(axis, 1), x[(*before, 1)])
    assert torch.equal(x.narrow(axis, 1, size - 1), x[(*before, slice(1, size))])
    assert torch.equal(x.unsqueeze(axis), x[(*before, None)])
# The gradient goes back to the places that were taken.
weights, expected = torch.ones(4, 5, requires_grad=True), torch.zeros(4, 5)
weights[1:, ::2].sum().backward()
expected[1:, ::2] = 1
assert torch.equal(weights.grad, expected)

# %%
# Check yourself
# --------------

box = torch.zeros(7, 8, 9)
ask(
    "box has shape (7, 8, 9). What is the shape of box[2, None, ..., 1::3]?",
    answer=box[2, None, ..., 1::3].shape,
    choices={
        (
            1,
            8,
            3,
        ): "2 removes axis 0, None makes an axis, ... keeps axis 1, and of axis 2 three places remain.",
        (1, 1, 8, 3): "An integer removes its axis. 2:3 would keep one of size 1.",
        (1, 8, 2): "The stop is left out, so place 7 is taken too: 1, 4, 7.",
    },
)

# %%
# Where does a write go?

a = torch.zeros(5)
b = a[2:]
b[0] = 7
ask(
    "After a = torch.zeros(5), b = a[2:], b[0] = 7: what is a[2]?",
    answer=a[2].item(),
    choices={
        0.0: "It would be 0 if b were a copy, as a slice of a list is.",
        7.0: "b is a view: b[0] and a[2] are one place in memory.",
    },
)

# %%
# **Exercise.** A language model learns to predict the next token. From token numbers of shape (sentence, token), return
# the inputs and the targets, stacked to shape (2, sentence, token - 1): the targets are one token ahead.


def by_loops(tokens):
    inputs = [[row[i] for i in range(len(row) - 1)] for row in tokens.tolist()]
    targets = [[row[i + 1] for i in range(len(row) - 1)] for row in tokens.tolist()]
    return torch.tensor([inputs, targets])


cases = [
    (torch.tensor([[7, 8, 9]]),),
    (torch.arange(10).reshape(2, 5),),
    (torch.randint(99, (4, 8)),),
]


def inputs_and_targets(tokens):
    raise NotImplementedError


check(inputs_and_targets, by_loops, cases, without=["roll", "narrow"])

# %%
# The inputs leave out the last token, and the targets leave out the first.

# Solution


def inputs_and_targets(tokens):
    return torch.stack([tokens[:, :-1], tokens[:, 1:]])


report = check(inputs_and_targets, by_loops, cases, without=["roll", "narrow"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`advanced-indexing` shows that a *list* of positions between the brackets follows another rule, and copies.
#
# - NumPy developers (2026). `Indexing on ndarrays <https://numpy.org/doc/stable/user/basics.indexing.html>`__. The
#   rule that PyTorch follows, with what PyTorch leaves out.
# - Harris et al. (2020). `Array programming with NumPy <https://doi.org/10.1038/s41586-020-2649-2>`__. Figure 1 shows
#   indexing, views and broadcasting side by side.
