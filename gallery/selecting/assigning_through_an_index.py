"""
.. _assigning-through-an-index:

How do I write into a part of a tensor?
=======================================

You hide some tokens of a batch so that a model has to guess them, or set a row to zero. ``x[index] = value`` writes
into the memory of ``x``, so other tensors on this memory change as well.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.arange(20).reshape(4, 5)


def write(x, v):
    x = x.clone()  # so that the picture can show before and after
    x[1:3, :3] = v
    return x


# %%

draw(write, (x, torch.tensor([70, 80, 90])), names=["x", "v"])

# %%
# ``x[1:3, :3] = v`` writes the three values into two rows. Point at an element of the result to see where it came from.
# You need to know :ref:`indexing-and-slicing`.
#
# The rule
# --------
#
# The index says which places are written, as it says which are read. The value is :ref:`broadcast <broadcasting>` to
# the shape of ``x[index]``, here :val:`(2, 3) <x[1:3, :3].shape>`. A list as the value is refused, and so is a tensor
# that does not fit. No new tensor is made, so a :term:`view` of this memory sees the write. Without brackets, ``=``
# writes nothing: it gives the name :ref:`to another tensor <in-place-or-new>`.

block = x.clone()
view = block.T
block[1:3, :3] = torch.tensor([[-1], [-2]])
print(block.tolist())
assert view[2, 1] == -1

# %%
# Pairs of positions
# ------------------
#
# On the right of ``=``, ``x[list]`` is a copy. On the left it says where to write, and ``x`` itself changes. Two lists
# name :ref:`pairs <advanced-indexing>`: here position :val:`3 <int(positions[0])>` of sentence
# :val:`0 <int(sentences[0])>` and position :val:`1 <int(positions[1])>` of sentence :val:`2 <int(sentences[1])>` are
# hidden behind the number 99.

tokens = torch.arange(12).reshape(3, 4)  # (sentence, position)
sentences, positions = torch.tensor([0, 2]), torch.tensor([3, 1])


def hide(tokens, sentences, positions):
    tokens = tokens.clone()
    tokens[sentences, positions] = 99
    return tokens


draw(hide, (tokens, sentences, positions), names=["tokens", "sentences", "positions"])

# %%
# A place that is named twice
# ---------------------------
#
# ``counts[index] += 1`` first reads the places, then adds 1, then writes. Place 0 is named twice: 0 is read twice, and
# 1 is written twice. With ``accumulate=True``, :meth:`torch.Tensor.index_put_` adds as often as a place is named.

index = torch.tensor([0, 0, 2])
counts = torch.zeros(4, dtype=torch.int64)
counts[index] += 1
added = torch.zeros(4, dtype=torch.int64).index_put_((index,), torch.tensor(1), accumulate=True)
print(counts.tolist(), "and not", added.tolist())
assert (counts[0], added[0]) == (1, 2)

# %%
# .. use-this::
#
#    Write ``x[index] = value`` for a fixed place, a slice, a list of pairs or a mask. To keep the old tensor, write
#    into a clone, or take :ref:`torch.where <where-and-masked-fill>`. To count or to sum, take ``index_put_`` with
#    ``accumulate=True`` or :ref:`scatter_add <scatter>`. Where different values go to one place, PyTorch does not
#    promise which one stays. Do not write into a tensor that the backward step still needs.
#
# Common mistakes
# ---------------
#
# **Decimals are cut off.** The dtype of the tensor stays. With integers and slices as index, floats such as these are
# converted, and nothing is raised. With a list of positions as index, PyTorch refuses a tensor of another dtype.

whole = torch.zeros(3, 4, dtype=torch.int64)
whole[0] = 2.9
whole[1, :2] = torch.tensor([1.5, -3.5])
print(whole.tolist())

# %%
# **Shifting a tensor into itself.** Source and destination overlap in memory, and an element may be overwritten before
# it is read. For the rows of this contiguous tensor torch notices it. For its columns nothing is raised, and the result
# is not defined. A clone on the right is safe for both.

with expect_error(RuntimeError, match=r"single memory location. Please clone\(\)"):
    x[1:] = x[:-1]
shifted = x.clone()
shifted[:, 1:] = shifted[:, :-1].clone()
print(shifted[1].tolist())

# %%
# How this was checked

assert hide(tokens, sentences, positions)[[0, 2], [3, 1]].tolist() == [99, 99]
with expect_error(RuntimeError, match=r"tensor \(3\) must match the existing size \(2\)"):
    block[1:3, :3] = torch.tensor([70, 80])
for value in (torch.full((4,), 4.8), torch.tensor([4.8]), torch.tensor(4.8)):
    with expect_error(RuntimeError, match="destination dtypes match, got Long .* and Float"):
        whole[[1, 2]] = value
y = block
y[:] = 7
y = torch.zeros(4, 5)
assert (block == 7).all()

unsafe = x.clone()
unsafe[:, 1:] = unsafe[:, :-1]  # no error, and no promise
turned = x.clone().T
turned[1:] = turned[:-1]  # rows that are not contiguous: no error either
for dtype in (torch.int64, torch.uint8):
    for refused in (float("nan"), 1e30):
        with expect_error(RuntimeError, match="cannot be converted to type .* without overflow"):
            x.to(dtype)[0] = refused
down = x.clone()
down[1:] = down[:-1].clone()
assert torch.equal(down[1:], x[:-1])
assert torch.equal(shifted[:, 1:], x[:, :-1])
for place in (1, slice(1, 3), [1, 2], x[:, 0] == 5):
    seen = x.clone()
    views = [seen[1], seen[:, 2], seen.T, seen.flatten()]
    address = seen.data_ptr()
    seen[place] = -1
    assert [(view == -1).any().item() for view in views] == [True] * 4
    assert seen.data_ptr() == address
# Axes of size 1 in front of the others are ignored, others are refused.
block[1:3, :3] = torch.full((1, 1, 2, 3), 6)
assert block[1:3, :3].eq(6).all()
with expect_error(RuntimeError, match="number of sizes provided .* must be greater or equal"):
    block[1:3, :3] = torch.full((2, 2, 3), 6)


def put_by_loop(x, index, values, accumulate):
    x = x.clone()
    for place, value in zip(index.tolist(), values, strict=True):
        x[place] = x[place] + value if accumulate else value
    return x


start, amounts = torch.tensor([1, 2, 3, 4]), torch.tensor([10, 20, 30])
for once in (torch.tensor([3, 0, 1]), torch.tensor([2, -4, 1])):
    put = torch.index_put(start, (once,), amounts)
    assert torch.equal(put, put_by_loop(start, once, amounts, accumulate=False))
for some in (index, torch.tensor([1, 1, 1]), torch.tensor([-1, 3, 0])):
    put = torch.index_put(start, (some,), amounts, accumulate=True)
    assert torch.equal(put, put_by_loop(start, some, amounts, accumulate=True))
counts[index] = amounts
assert counts[0] in (10, 20)
# A leaf is refused while autograd records; of a result, what was overwritten has gradient 0.
for leaf in (torch.ones(4, requires_grad=True), torch.nn.Parameter(torch.ones(4))):
    with expect_error(RuntimeError, match="leaf Variable that requires grad"):
        leaf[0] = 5
    with torch.no_grad():
        leaf[0] = 5
    value, result = torch.tensor(3.0, requires_grad=True), leaf.clone()
    result[1] = value
    (result * torch.tensor([10.0, 20, 30, 40])).sum().backward()
    assert leaf.grad.tolist() == [10, 0, 30, 40]
    assert value.grad == 20
# A list or an array is no value.
for value in ([1, 2, 3, 4, 5], torch.tensor([1, 2, 3, 4, 5]).numpy()):
    with expect_error(TypeError, match="can't assign a (list|numpy.ndarray)"):
        x[0] = value

# %%
# Check yourself
# --------------

votes = torch.zeros(3)
votes[[2, 2, 2, 0]] += 1
ask(
    "What is votes after votes = torch.zeros(3); votes[[2, 2, 2, 0]] += 1?",
    answer=votes,
    choices={
        (1.0, 0.0, 3.0): "index_put_ with accumulate=True gives this.",
        (
            1.0,
            0.0,
            1.0,
        ): "0 is read four times, and 1 is written four times, three times to one place.",
        (4.0, 4.0, 4.0): "The list names the places that are written; 1 is not among them.",
    },
)

# %%
# A float:

whole = torch.tensor([1, 2, 3])
whole[1:] = 9.99
ask(
    "What is whole after whole = torch.tensor([1, 2, 3]); whole[1:] = 9.99?",
    answer=whole,
    choices={
        (1.0, 9.99, 9.99): "A write does not change the dtype of whole.",
        (1, 9, 9): "The tensor keeps its integers, and the decimals are cut off.",
        (1, 10, 10): "The decimals are cut off, not rounded.",
        TypeError: "Nothing is raised, which is why this is worth knowing.",
    },
)

# %%
# **Exercise.** The decoder of a translator gets the right words one position late: first the token ``start``, then the
# words without the last. Make this tensor from words of shape (sentence, position), and leave the words as they are.


def by_loops(words, start):
    return torch.tensor([[start, *row[:-1]] for row in words.tolist()])


cases = [
    (torch.tensor([[7, 8, 9]]), 0),
    (torch.arange(10).reshape(2, 5), 99),
    (torch.randint(50, (4, 6)), 1),
]


def shift_right(words, start):
    raise NotImplementedError


check(shift_right, by_loops, cases, without=["roll", "cat"])

# %%
# The new tensor has its own memory, so source and destination do not overlap.

# Solution


def shift_right(words, start):
    shifted = torch.empty_like(words)
    shifted[:, 0] = start
    shifted[:, 1:] = words[:, :-1]
    return shifted


report = check(shift_right, by_loops, cases, without=["roll", "cat"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`boolean-masks` lets a condition say what to take and where to write. A write into a parameter is :ref:`an error
# with a page of its own <leaf-variable-in-place>`.
#
# - PyTorch contributors (2026). `torch.Tensor.index_put_
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_put_.html>`__. The method behind a list on the
#   left.
# - NumPy developers (2026). `Indexing on ndarrays <https://numpy.org/doc/stable/user/basics.indexing.html>`__. Its
#   section on assigning values has the example with a place that is named twice.
