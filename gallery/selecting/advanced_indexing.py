"""
.. _advanced-indexing:

What does indexing with a list or a tensor do?
==============================================

A network keeps one row of numbers for each word, and ``table[tokens]`` looks up the words of a sentence at once. Two
index tensors pick *pairs*, and not a block of rows and columns: where their lengths are equal, no error tells you.
"""

# %%
# Set-up

import itertools

import numpy
import torch
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_index
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
words = ["the", "cat", "saw", "dog", "a", "."]
table = torch.arange(18.0).reshape(6, 3)  # (word, feature): one row for each of the six words
tokens = torch.tensor([words.index(word) for word in "the cat saw the dog".split()])  # (position,)


def look_up(table, tokens):
    return table[tokens]


# %%

assert tokens.tolist() == [0, 1, 2, 0, 3]
draw(look_up, (table, tokens), names=["table", "tokens"], at=(3, 1))

# %%
# The sentence is "the cat saw the dog", and its tokens are word numbers. Each position gets the row of its word, so
# the row of "the" comes twice. You need to know :ref:`indexing-and-slicing`.
#
# The rule
# --------
#
# ``table[tokens][t, f]`` is ``table[tokens[t], f]``. The axes of the index take the place of the axis that is picked
# from. So an index of shape :val:`(2, 5) <sentences.shape>` gives :val:`(2, 5, 3) <table[sentences].shape>`: sentence,
# position, feature. A :class:`torch.nn.Embedding` looks up its rows in this way, but refuses negative numbers. A list
# of integers works as well, and with ``:`` in front it picks columns.

sentences = torch.stack([tokens, tokens.flip(0)])
assert torch.equal(table[sentences], F.embedding(sentences, table))
assert torch.equal(table[tokens.tolist()], table[tokens.numpy()])
assert torch.equal(table[:, [2, 0]], torch.stack([table[:, 2], table[:, 0]], dim=1))

# %%
# A slice is a view. Rows such as 0, 1, 2, 0 have no equal steps in memory, so PyTorch copies them. It copies for
# ``[0, 1, 2]``, too. Gradients flow back to the table: "the" is at two positions, and its row gets the sum of both.

weights = table.clone().requires_grad_()
scale = torch.tensor([[1.0], [10.0], [100.0], [1000.0], [10000.0]])  # one for each position
(weights[tokens] * scale).sum().backward()
print({word: row[0].item() for word, row in zip(words, weights.grad, strict=True)})
assert not shares_memory(table, table[[0, 1, 2]])
assert weights.grad[0, 0] == 1 + 1000  # "the", at positions 0 and 3

# %%
# Two index tensors pick pairs
# ----------------------------
#
# A language model gives each position a logit for each word. Training needs one logit of each position: that of the
# word that really comes next. Two index tensors are read in parallel: element ``k`` of the result is
# ``logits[positions[k], next_words[k]]``.

logits, positions = torch.arange(30.0).reshape(5, 6), torch.arange(5)  # (position, word)
next_words = torch.tensor([words.index(word) for word in "cat saw the dog .".split()])


def pick_pairs(logits, positions, next_words):
    return logits[positions, next_words]


draw(pick_pairs, (logits, positions, next_words), names=["logits", "positions", "next_words"])

# %%
# For a block, give the row numbers a second axis
# -----------------------------------------------
#
# The index tensors are :ref:`broadcast <broadcasting>` to one shape before they are read. Row numbers of shape
# :val:`(2, 1) <rows[:, None].shape>` and column numbers of shape :val:`(3,) <columns.shape>` become
# :val:`(2, 3) <block.shape>`, so each row meets each column. Without ``[:, None]``, shapes :val:`(2,) <rows.shape>` and
# :val:`(3,) <columns.shape>` raise an error.

rows, columns = torch.tensor([4, 1]), torch.tensor([0, 3, 5])
block = logits[rows[:, None], columns]
assert torch.equal(block, logits[rows][:, columns])
with expect_error(IndexError, match=r"could not be broadcast together with shapes \[2\], \[3\]"):
    logits[rows, columns]

# %%
# .. use-this::
#
#    Use ``table[tokens]`` to look up rows, ``x[rows, columns]`` for pairs, ``x[rows[:, None], columns]`` for a block.
#    Keep the index tensors side by side: with a slice between them, their axis comes first in the result. Where a range
#    would do, take a slice, which copies nothing. Where the axis is a variable, take :ref:`index_select
#    <index-select>`. Where each row has positions of its own, take :ref:`gather <gather>`.
#
# A common mistake
# ----------------
#
# **Two pairs of brackets on the left.** ``changed[[0, 2]][:, 1] = -1`` picks a copy, writes into the copy and drops
# it. Nothing is raised. With one pair of brackets the write :ref:`reaches the table <assigning-through-an-index>`.

changed = table.clone()
changed[[0, 2]][:, 1] = -1
assert torch.equal(changed, table)
changed[[0, 2], 1] = -1
print(changed[:, 1])

# %%
# How this was checked

assert changed[:, 1].tolist() == [-1, 4, -1, 10, 13, 16]
assert table[sentences].shape == (2, 5, 3)
in_a_loop = [logits[t, word] for t, word in enumerate(next_words)]
assert torch.equal(pick_pairs(logits, positions, next_words), torch.stack(in_a_loop))
assert torch.equal(table[tokens], torch.stack([table[0], table[1], table[2], table[0], table[3]]))
states = torch.arange(4 * 2 * 5 * 3).reshape(4, 2, 5, 3)  # (head, sentence, position, feature)
assert states[:, [0, 1], [4, 2]].shape == (4, 2, 3)  # position 4 of one sentence, 2 of the other
assert states[:, [0, 1], None, [4, 2]].shape == (2, 4, 1, 3)
explained = explain_index(states, (slice(None), [0, 1], slice(None), [2, 0]))
assert explained.shape == states[:, [0, 1], :, [2, 0]].shape == (2, 4, 5)
assert shares_memory(table, table[0:3])
# A list of lists is read as a tuple, and torch warns that this ends: make a tensor of it.
nested = [[4, 1], [0, 3]]
with expect_warning(UserWarning, match="non-tuple sequence for multidimensional indexing"):
    assert torch.equal(logits[nested], logits[[4, 1], [0, 3]])
assert logits[torch.tensor(nested)].shape == (2, 2, 6)


def pick_by_loop(x, *index):
    """Return x[index] for index tensors side by side from axis 0 on, element by element."""
    index = torch.broadcast_tensors(*index)
    result = x.new_empty(index[0].shape + x.shape[len(index) :])
    for place in itertools.product(*map(range, index[0].shape)):
        result[place] = x[tuple(int(one[place]) for one in index)]
    return result


# One, two and three index tensors, of every shape that is tried, and int32 as well as int64.
for shape in ((), (0,), (1,), (2, 3), (3, 1, 2)):
    drawn = [torch.randint(size, shape) for size in states.shape[:3]]
    for count in (1, 2, 3):
        assert torch.equal(states[tuple(drawn[:count])], pick_by_loop(states, *drawn[:count]))
        as_int32 = tuple(one.int() for one in drawn[:count])
        assert torch.equal(states[as_int32], pick_by_loop(states, *drawn[:count]))
    assert torch.equal(table[drawn[0]], table[drawn[0], :])
assert torch.equal(pick_by_loop(logits, rows[:, None], columns), block)

# Where the axes land: orders of two lists with slices and new axes, beside NumPy.
for length in (2, 3, 4):
    for parts in itertools.product(["list", "slice", "new"], repeat=length):
        if parts.count("list") != 2 or length - parts.count("new") > states.ndim:
            continue
        written = {"list": [1, 0, 1, 1, 0, 1], "slice": slice(None), "new": None}
        index = tuple(written[part] for part in parts)
        picked = states[index]
        first, second = (place for place, part in enumerate(parts) if part == "list")
        assert picked.shape.index(6) == (first if second == first + 1 else 0)
        assert torch.equal(picked, torch.from_numpy(states.numpy()[index]))
# NumPy counts an integer as a list, so there the same index gives another shape.
assert states[0, :, :, [2, 0]].shape == (2, 5, 2)
assert states.numpy()[0, :, :, [2, 0]].shape == (2, 2, 5)

# Copies: a list, an array and a tensor, on each tensor of the zoo. A tensor without axes is read as an integer.
for tensor in zoo(axes=(1, 2, 3)).values():
    places = numpy.arange(len(tensor), dtype=numpy.int64)
    for index in (places.tolist(), places, torch.from_numpy(places)):
        picked = tensor[index]
        assert not shares_memory(tensor, picked)
        torch.testing.assert_close(picked, tensor, rtol=0, atol=0, equal_nan=True)
assert shares_memory(table, table[torch.tensor(3)])
pair = (3, 0)
assert torch.equal(table[pair], table[3, 0])  # a tuple is no list

# Positions: negative ones count from the end, one outside is refused, other types are refused.
assert torch.equal(table[[-2, 0]], table[[4, 0]])
with expect_error(IndexError, match="index out of range in self"):
    F.embedding(torch.tensor([-2]), table)
for outside in (6, -7):
    with expect_error(IndexError, match=f"index {outside} is out of bounds"):
        table[[0, outside]]
for dtype in (torch.float32, torch.complex64, torch.int16, torch.int8, torch.uint16, torch.uint32):
    with expect_error(IndexError, match="must be long, int, byte or bool"):
        table[rows.to(dtype)]
# Bytes are read as a mask, with a warning; truth values are a mask.
mask = torch.tensor([1, 0, 1, 0, 0, 0], dtype=torch.uint8)
with expect_warning(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
    assert torch.equal(table[mask], table[[0, 2]])
assert table[[True, False, True, False, False, False]].shape == (2, 3)
# A list of lists is read as a tuple only if it is shorter than 32; then torch makes a tensor of it.
refused = expect_error(IndexError, match="too many indices")
with expect_warning(UserWarning, match="non-tuple sequence"), refused:
    logits[[[0, 1]] * 31]
assert logits[[[0, 1]] * 32].shape == (32, 2, 6)
# The neighbours.
assert torch.equal(torch.index_select(logits, 1, columns), logits[:, columns])
gathered = torch.gather(logits, 1, next_words[:, None])
assert torch.equal(gathered[:, 0], logits[positions, next_words])

# %%
# Check yourself
# --------------

outputs, labels = torch.zeros(8, 10), torch.tensor([3, 9, 0, 1, 1, 2, 7, 5])
ask(
    f"outputs has shape {tuple(outputs.shape)}, labels holds {len(labels)} class numbers. "
    "What is the shape of outputs[torch.arange(8), labels]?",
    answer=outputs[torch.arange(8), labels].shape,
    choices={
        (8,): "It picks the pairs (0, labels[0]), (1, labels[1]) and so on.",
        (8, 8): "That is outputs[:, labels]: 8 columns for every row.",
        (8, 10): "Both axes are picked from, and neither is kept.",
    },
)

# %%
# With a slice in between:

z = torch.zeros(5, 6, 7)
ask(
    "z has shape (5, 6, 7). What is the shape of z[[0, 1], :, [2, 3]]?",
    answer=z[[0, 1], :, [2, 3]].shape,
    choices={
        (
            2,
            6,
        ): "The lists pick 2 pairs. With a slice between them, the axis of the pairs comes first.",
        (2, 6, 2): "That would be a block. Two lists pick pairs.",
        (6, 2): "That is z[0, :, [2, 3]]. The integer goes first, and one list stays in its place.",
    },
)

# %%
# **Exercise.** Sentences of different lengths were padded to one length. ``states`` has shape (sentence, position,
# feature), and ``lengths`` says how many positions of each sentence are real. Return the state of each sentence's last
# real position, of shape (sentence, feature), without a loop.


def last_by_loop(states, lengths):
    return torch.stack([states[i, length - 1] for i, length in enumerate(lengths.tolist())])


cases = [
    (torch.arange(6).reshape(1, 3, 2), torch.tensor([2])),
    (torch.arange(24).reshape(3, 4, 2), torch.tensor([4, 1, 3])),
    (torch.randn(5, 7, 3), torch.tensor([1, 7, 2, 2, 6])),
]


def last_states(states, lengths):
    raise NotImplementedError


check(last_states, last_by_loop, cases, without=["stack"])

# %%
# The sentences and their last positions are pairs. Both index tensors have one element for each sentence.

# Solution


def last_states(states, lengths):
    return states[torch.arange(len(states)), lengths - 1]


report = check(last_states, last_by_loop, cases, without=["stack"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`assigning-through-an-index` puts such an index on the left.
#
# - Harris et al. (2020). `Array programming with NumPy <https://doi.org/10.1038/s41586-020-2649-2>`__. Its first
#   figure shows views, copies and index arrays that are broadcast.
# - Berg and Hoyer (2015). `Simplified and explicit advanced indexing
#   <https://numpy.org/neps/nep-0021-advanced-indexing.html>`__. A proposal for NumPy that says what confuses people
#   in these rules, and why.
