"""
.. _unbind-split-and-chunk:

How do I cut a tensor into pieces with unbind, split or chunk?
==============================================================

You want query, key and value out of one result, or small parts of a batch that is too large for memory. ``split(4)``
cuts pieces *of size* 4, ``chunk(4)`` cuts at most 4 pieces, and ``unbind`` gives one piece for each index.
"""

# %%
# Set-up

import math

import matplotlib.pyplot as plt
import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import Choice, draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
line = torch.arange(10)
photo = torch.arange(12).reshape(3, 4)  # gray, 3 rows and 4 columns


def show_pieces(ways):
    _, axis = plt.subplots(figsize=(5.4, 2.3), layout="constrained")
    for row, pieces in enumerate(ways.values()):
        for piece, color in zip(pieces, plt.cm.tab10.colors, strict=False):
            numbers = piece.reshape(-1).tolist()
            left, width = numbers[0] + 0.06, len(numbers) - 0.12
            axis.barh(row, width, left=left, height=0.7, color=color)
            for number in numbers:
                axis.text(number + 0.5, row, number, ha="center", va="center", color="white")
    axis.set(xticks=[], yticks=range(len(ways)), yticklabels=list(ways))
    axis.invert_yaxis()
    axis.spines[:].set_visible(False)
    axis.set_title("split takes a size, chunk a number of pieces")
    plt.show()


# %%

ways = {f"{name}(4)": getattr(line, name)(4) for name in ("split", "chunk", "tensor_split")}
show_pieces(ways | {"unbind()": line.unbind()})
assert [len(pieces) for pieces in ways.values()] == [3, 4, 4]

# %%
# Ten numbers are cut in four ways. Each color is one tensor of the tuple that is returned. You need to know :ref:`what
# a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# Take an axis of size :math:`s > 0`. ``split(n)`` cuts pieces of ``n``, and the last one has what is left.
# ``chunk(n)`` is ``split`` with the size :math:`\lceil s/n \rceil` (rounded up). ``tensor_split(n)`` gives ``n``
# pieces whose sizes differ by at most 1. All three keep the axis, and :ref:`cat <cat>` puts the pieces together again.

for name, pieces in ways.items():
    print(f"{name:<16}sizes {[len(piece) for piece in pieces]}")
    assert torch.equal(torch.cat(pieces), line)
assert [len(piece) for piece in line.split(math.ceil(10 / 4))] == [3, 3, 3, 1]

# %%
# unbind drops the axis
# ---------------------
#
# Piece ``k`` of ``x.unbind(d)`` is what is left if index ``k`` is fixed on axis ``d``. A photo of three rows and four
# columns gives its three rows, or its four columns. :ref:`stack <stack>` along the same axis is the way back. A ``for``
# loop over a tensor is ``unbind`` along axis 0.

for d in (0, 1):
    for k, piece in enumerate(photo.unbind(d)):
        assert torch.equal(piece, photo.select(d, k))
    assert torch.equal(torch.stack(photo.unbind(d), d), photo)
draw(torch.unbind, photo, dim=Choice(0, 1), names=["photo"])

# %%
# One linear layer can compute query, key and value of attention, side by side. ``chunk`` takes them apart if their
# sizes are equal. Otherwise ``split`` takes a list of the sizes.

together = torch.rand(5, 6)  # (token, features of query, key and value)
query, key, value = together.chunk(3, dim=-1)
print("chunk(3):        ", *(tuple(part.shape) for part in (query, key, value)))
query, key, value = together.split([4, 1, 1], dim=-1)
print("split([4, 1, 1]):", *(tuple(part.shape) for part in (query, key, value)))

# %%
# .. use-this::
#
#    Write ``batch.split(10)`` for parts of a size that fits into memory, ``chunk(3, dim=-1)`` for three equal parts.
#    Write ``tensor_split(n)`` where you need ``n`` pieces, and ``unbind`` to give each slice a name. The pieces are
#    views: nothing is copied, and each keeps the whole memory alive. ``clone`` a piece that outlives the rest.

batch = torch.zeros(1000, 10)
piece = batch.split(10)[0]
print(f"a piece of {piece.nbytes} bytes keeps {piece.untyped_storage().nbytes():,} alive")
assert piece.clone().untyped_storage().nbytes() == piece.nbytes

# %%
# Common mistakes
# ---------------
#
# **Taking the size for the number.** ``split(3, dim=-1)`` cuts pieces of size 3, and here there are two. ``chunk(4)``
# need not give four pieces: of 9 numbers it cuts three pieces.

with expect_error(ValueError, match="not enough values to unpack"):
    query, key, value = together.split(3, dim=-1)
print("chunk(4) of 9:", [len(piece) for piece in torch.arange(9).chunk(4)])

# %%
# **Changing a piece in place.** While gradients are recorded, autograd refuses this for the pieces of ``unbind``,
# ``split`` and ``chunk``. A slice, as in ``doubled[0]``, may be changed.

doubled = torch.ones(2, 3, requires_grad=True) * 2
with expect_error(RuntimeError, match="a function that returns multiple views"):
    doubled.unbind()[0].mul_(10)
doubled[0].mul_(10)
assert doubled.tolist() == [[20, 20, 20], [2, 2, 2]]

# %%
# How this was checked


def split(x, sizes, dim=0):
    """Split from scratch, along an axis that has elements."""
    if isinstance(sizes, int):
        sizes = [min(sizes, x.shape[dim] - start) for start in range(0, x.shape[dim], sizes)]
    return tuple(x.narrow(dim, sum(sizes[:k]), size) for k, size in enumerate(sizes))


x = torch.arange(30).reshape(2, 3, 5)
for sizes, dim in ((2, 0), (2, 1), (3, 2), ([1, 2], 1), ([3, 0, 2], -1)):
    torch.testing.assert_close(split(x, sizes, dim), x.split(sizes, dim), rtol=0, atol=0)
    for pieces in (x.split(sizes, dim), x.chunk(2, dim), x.tensor_split(4, dim)):
        assert torch.equal(torch.cat(pieces, dim), x)
for size in range(1, 30):
    for n in range(1, 35):
        found = {
            name: [len(piece) for piece in getattr(torch.arange(size), name)(n)]
            for name in ("split", "chunk", "tensor_split")
        }
        assert found["split"] == [min(n, size - start) for start in range(0, size, n)]
        step = math.ceil(size / n)
        assert found["chunk"] == [min(step, size - start) for start in range(0, size, step)]
        assert len(found["chunk"]) <= n
        assert found["tensor_split"] == [size // n + 1] * (size % n) + [size // n] * (n - size % n)
for d in range(-3, 3):
    pieces = x.unbind(d)
    assert len(pieces) == x.shape[d]
    assert torch.equal(torch.stack(pieces, d), x)
assert torch.zeros(0, 3).unbind() == ()
for row, piece in zip(photo, photo.unbind(0), strict=True):
    assert torch.equal(row, piece)
with expect_error(IndexError, match="tensor has no dimensions"):
    torch.tensor(7).unbind()
for sizes in ([4, 4], [4, 7]):
    with expect_error(RuntimeError, match="expects split_sizes to sum exactly to 10"):
        line.split(sizes)
# Views, on tensors of many layouts.
for y in zoo(axes=2).values():
    for pieces in (y.unbind(1), y.split(3, 1), y.chunk(2, 1), y.tensor_split(3, 1)):
        for piece in pieces:
            assert shares_memory(piece, y) == (piece.numel() > 0)
# In place on a piece of split and chunk, while gradients are recorded.
for pieces in (doubled.split(1), doubled.chunk(2)):
    with expect_error(RuntimeError, match="a function that returns multiple views"):
        pieces[0].mul_(10)
# So are the rows of a loop, which is unbind, and not the pieces of tensor_split, which are slices.
with expect_error(RuntimeError, match="a function that returns multiple views"):
    next(iter(doubled)).mul_(10)
doubled.tensor_split(2)[0].mul_(10)
# Without elements on the axis, chunk gives empty pieces.
assert [len(piece) for piece in torch.zeros(0).chunk(4)] == [0, 0, 0, 0]
# The gradient of a piece arrives at its place.
w = torch.ones(3, 4, requires_grad=True)
(w.unbind(1)[2] * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
assert w.grad.tolist() == [[0, 0, 1, 0], [0, 0, 2, 0], [0, 0, 4, 0]]

# %%
# Check yourself
# --------------

pieces = torch.zeros(5, 7, 2).unbind(1)
ask(
    "What does torch.zeros(5, 7, 2).unbind(1) give?",
    answer=f"{len(pieces)} tensors of shape {tuple(pieces[0].shape)}",
    choices={
        "7 tensors of shape (5, 2)": "There is one for each index on axis 1, and that axis is gone.",
        "7 tensors of shape (5, 1, 2)": "That is split with a size of 1, which keeps the axis.",
        "5 tensors of shape (7, 2)": "Those are cut along axis 0.",
    },
)

# %%
# A number that does not divide the size:

ask(
    "What are the sizes of torch.arange(11).chunk(4)?",
    answer=[len(piece) for piece in torch.arange(11).chunk(4)],
    choices={
        (4, 4, 3): "That is split(4): pieces of size 4, and what is left.",
        (3, 3, 3, 2): f"chunk cuts pieces of size ⌈11/4⌉ = {math.ceil(11 / 4)}, and what is left.",
        (2, 2, 2, 5): "The size is rounded up, so the last piece is not the largest.",
    },
)

# %%
# **Exercise.** Sentences of different lengths are packed one after another: ``tokens`` has shape (T, D), and
# ``lengths`` says how many tokens each sentence has. Return the mean of the tokens of each sentence, of shape (N, D).


def by_loop(tokens, lengths):
    means, start = [], 0
    for length in lengths.tolist():
        means.append(sum(tokens[start + k] for k in range(length)) / length)
        start += length
    return torch.stack(means)


cases = [
    (torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([2, 1])),
    (torch.rand(9, 4), torch.tensor([3, 1, 5])),
    (torch.rand(6, 2), torch.tensor([6])),
]


def mean_of_each(tokens, lengths):
    raise NotImplementedError


check(mean_of_each, by_loop, cases)

# %%
# ``split`` takes the lengths as a list of Python numbers.

# Solution


def mean_of_each(tokens, lengths):
    return torch.stack([sentence.mean(dim=0) for sentence in tokens.split(lengths.tolist())])


report = check(mean_of_each, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`repeat-and-expand` compares two ways to make one tensor longer.
#
# - Ainslie et al. (2023). `GQA: training generalized multi-query transformer models from multi-head checkpoints
#   <https://arxiv.org/abs/2305.13245>`__. Why a model has fewer keys and values than queries.
# - PyTorch contributors (2026). `torch.chunk
#   <https://docs.pytorch.org/docs/stable/generated/torch.chunk.html>`__. The reference.
