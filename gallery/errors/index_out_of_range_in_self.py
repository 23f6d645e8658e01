"""
.. _index-out-of-range-in-self:

IndexError: index out of range in self
======================================

An :class:`torch.nn.Embedding` is a table with a row for each id, and it got an id that has no row. Compare the largest
and the smallest id with the number of rows.
"""

# %%
# Set-up

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
words = ["the", "cat", "sat", "on", "mat"]

# %%

vocabulary = {word: number for number, word in enumerate(words, start=1)}  # 0 is for padding
embedding = nn.Embedding(len(vocabulary), 3)
ids = torch.tensor([[vocabulary[word] for word in "the cat sat on the mat".split()]])
with expect_error(IndexError, match="^index out of range in self$"):
    embedding(ids)
print("ids from", ids.min().item(), "to", ids.max().item(), "and", embedding.num_embeddings, "rows")

# %%
# *self* is the table. The message names neither the id nor the size, so print them. The ids may go from 0 to one less
# than the number of rows, so id 5 is too large for :val:`5 <len(vocabulary)>` rows.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: text[:, -8:] — the cell of this cause runs it
#
# ====================================================================  =============================================
# Cause                                                                 Fix
# ====================================================================  =============================================
# :ref:`the ids begin at 1 <embedding-rows>`                            ``len(vocabulary) + 1`` rows
# :ref:`-1 or -100 marks the padding <embedding-padding>`               ``filled.masked_fill(filled < 0, 0)``
# :ref:`tokens were added to the tokenizer <embedding-added>`           a larger table with the old rows
# :ref:`ids of users or products have gaps <embedding-gaps>`            ``torch.unique`` with ``return_inverse=True``
# :ref:`the text is longer than the positions <embedding-positions>`    ``text[:, -8:]``
# :ref:`generated ids have no row <embedding-positions>`                as many logits as rows
# ====================================================================  =============================================
#
# .. _embedding-rows:
#
# The rule
# --------
#
# A table with :math:`n` rows takes the ids from :math:`0` to :math:`n - 1`. Here the words have the ids 1 to
# :val:`5 <ids.max().item()>`, so the table needs :val:`6 <embedding.num_embeddings>` rows. Row 0 is for the
# padding. With ``padding_idx=0`` it begins as zeros and gets no gradient.

embedding = nn.Embedding(len(vocabulary) + 1, 3, padding_idx=0)
padded = F.pad(ids, (0, 2))  # two words fewer than the longest sentence
vectors = embedding(padded)
print(padded.tolist(), "->", tuple(vectors.shape))
vectors.square().sum().backward()
assert vectors[0, 6:].eq(0).all()
assert embedding.weight.grad[0].eq(0).all()
assert embedding.weight.grad[1:].ne(0).all()

# %%
# .. _embedding-padding:
#
# A negative id marks the padding
# -------------------------------
#
# Unlike brackets, an embedding does not count a negative id from the end. ``padding_idx=-1`` names the last row, but
# the id -1 is still refused. The labels of a language model are often filled with -100, which ``cross_entropy`` skips
# and an embedding refuses. Replace such ids with the id of your padding, here 0.

for missing in (-1, -100):
    filled = F.pad(ids, (0, 2), value=missing)
    with expect_error(IndexError, match="index out of range in self"):
        nn.Embedding(6, 3, padding_idx=-1)(filled)
    assert torch.equal(filled.masked_fill(filled < 0, 0), padded)
assert nn.Embedding(6, 3, padding_idx=-1).padding_idx == 5

# %%
# .. _embedding-added:
#
# Tokens were added
# -----------------
#
# A trained table has a row for each token of its tokenizer. A new token gets the next id, which has no row. Make a
# larger table and copy the old rows, before you make the optimizer. New rows can begin as the mean of the old ones. The
# head that predicts tokens has to grow, too. The library transformers has ``resize_token_embeddings`` for both.

vocabulary["<end>"] = len(vocabulary) + 1
with expect_error(IndexError, match="index out of range in self"):
    embedding(torch.tensor([vocabulary["<end>"]]))
larger = nn.Embedding(len(vocabulary) + 1, 3, padding_idx=0)
with torch.no_grad():
    larger.weight[:6] = embedding.weight
    larger.weight[6:] = embedding.weight[1:].mean(dim=0)
assert torch.equal(larger(ids), embedding(ids))

# %%
# .. _embedding-gaps:
#
# The ids have gaps
# -----------------
#
# The ids of users or products come from a database, and the largest is often far above their count. Give them new ids
# without gaps. Save the list of the old ids with the model, since the new ids are the places in this list.

users = torch.tensor([4711, 12, 90210, 12])
with expect_error(IndexError, match="index out of range in self"):
    nn.Embedding(3, 8)(users)
known, new_ids = torch.unique(users, return_inverse=True)
print(new_ids.tolist(), "stand for", known.tolist())
assert nn.Embedding(len(known), 8)(new_ids).shape == (4, 8)
assert torch.equal(known[new_ids], users)

# %%
# .. _embedding-positions:
#
# Another table, or another size
# ------------------------------
#
# A model for text has a table of positions, too. In generation the text grows token by token, until it is longer than
# this table. Give the model the last tokens. The id of a new token is the place of the largest logit. If there are more
# logits than rows, this id may have no row.

tokens, positions = nn.Embedding(6, 3), nn.Embedding(8, 3)
text = torch.randint(6, (2, 9))
with expect_error(IndexError, match="index out of range in self"):
    tokens(text) + positions(torch.arange(text.shape[1]))
last = text[:, -8:]
assert (tokens(last) + positions(torch.arange(last.shape[1]))).shape == (2, 8, 3)
logits = torch.arange(10)  # 10 logits for 6 tokens
with expect_error(IndexError, match="index out of range in self"):
    tokens(logits.argmax())

# %%
# .. use-this::
#
#    Take the number of rows from where the ids come from. ``max(vocabulary.values()) + 1`` is right with gaps and with
#    a padding id. While you look for the error, assert for each batch that its largest id is smaller than
#    ``num_embeddings``. One more row costs ``embedding_dim`` numbers. If a GPU says ``device-side assert triggered``,
#    run the batch on the CPU, as it may be this error.
#
# .. not looked up: max(vocabulary.values()) + 1 — the folded cell runs it
#
# A common mistake
# ----------------
#
# ``clamp`` to the largest row silences the message. Each id without a row then gets the vector of the last one, and the
# model cannot tell these words apart.

small = nn.Embedding(5, 3)
silenced = small(ids.clamp(max=4))
print("on: ", silenced[0, 3].tolist())
print("mat:", silenced[0, 5].tolist())
assert torch.equal(silenced[0, 3], silenced[0, 5])

# %%
# The same mistake in other words
# -------------------------------
#
# :func:`torch.index_select` has this message on axis 0, and another one on axis 1. Brackets, ``gather`` and
# ``cross_entropy`` have others, which name the index.

x, ten = torch.ones(10, 3), torch.tensor([10])
siblings = [
    (lambda: x.index_select(0, ten), "index out of range in self"),
    (lambda: x.T.index_select(1, ten), "element is out of DATA bounds, id=10 axis_dim=10"),
    (lambda: x[ten], "index 10 is out of bounds for dimension 0 with size 10"),
    (lambda: x.gather(0, ten[:, None]), "index 10 is out of bounds for dimension 0 with size 10"),
    (lambda: nn.EmbeddingBag(10, 3)(ten[None]), r"10 which is not in the valid range \[0, 10\)"),
    (lambda: F.one_hot(ten, 10), "Class values must be smaller than num_classes"),
    (lambda: F.cross_entropy(x.T[:1], ten), "Target 10 is out of bounds"),
]
for call, message in siblings:
    with expect_error((IndexError, RuntimeError), match=message):
        call()

# %%
# How this was checked

# The rule, for tables of 1 to 5 rows, ids from -6 to 5, and both types that are taken.
for rows, number, dtype in itertools.product(range(1, 6), range(-6, 6), (torch.int64, torch.int32)):
    table, one = nn.Embedding(rows, 2), torch.tensor([number], dtype=dtype)
    try:
        fine = torch.equal(table(one)[0], table.weight[number])
    except IndexError as error:
        fine, said = False, str(error)
    assert fine == (0 <= number < rows)
    assert fine or said == "index out of range in self"
# A table without rows, and one with max_norm, have other messages.
with expect_error(RuntimeError, match="self indexing axis dim should be positive"):
    nn.Embedding(0, 3)(torch.tensor([0]))
with expect_error(IndexError, match="index 10 out of range for tensor of size"):
    nn.Embedding(10, 3, max_norm=1.0)(ten)
# The message is the same for other types of numbers in the table.
for dtype in (torch.float16, torch.bfloat16, torch.float64):
    with expect_error(IndexError, match="^index out of range in self$"):
        nn.Embedding(10, 3, dtype=dtype)(ten)
# Ids of other types have another message.
for dtype in (torch.float32, torch.int16, torch.bool):
    with expect_error(RuntimeError, match="to have one of the following scalar types: Long, Int"):
        embedding(ids.to(dtype))
# A padding id outside of the table is refused when the table is made.
with expect_error(AssertionError, match="Padding_idx must be within num_embeddings"):
    nn.Embedding(10, 3, padding_idx=10)
# The row of padding begins as zeros, also as the last one.
assert nn.Embedding(6, 3, padding_idx=-1).weight[5].eq(0).all()
# A loss skips -100.
logits = torch.rand(3, 6)
torch.testing.assert_close(
    F.cross_entropy(logits, torch.tensor([4, -100, 5])),
    F.cross_entropy(logits[[0, 2]], torch.tensor([4, 5])),
)
# The number of rows from the vocabulary, with its padding and its new word.
assert max(vocabulary.values()) + 1 == larger.num_embeddings
# On the device "meta", which holds no numbers, nothing is raised.
assert nn.Embedding(10, 3, device="meta")(ten.to("meta")).shape == (1, 3)

# %%
# Check yourself
# --------------
#
# The first question asks for the number of rows.

needed = int(torch.arange(31).max()) + 1
ask(
    "30 words have the ids 1 to 30, and 0 is the id of the padding. How many rows must the embedding have at least?",
    answer=needed,
    choices={
        29: f"Then the largest id is {needed - 3}.",
        30: f"Then the largest id is {needed - 2}, and the last word has no row.",
        31: f"The ids go from 0 to {needed - 1}.",
    },
)

# %%
# The next question is about the end of the table.


def outcome(number):
    try:
        row = nn.Embedding(10, 4)(torch.tensor([number]))
    except IndexError:
        return "an IndexError"
    return f"shape {tuple(row.shape)}"


ask(
    "What does nn.Embedding(10, 4) give for the id -1?",
    answer=outcome(-1),
    choices={
        "shape (1, 4)": "The last row, weight[[-1]], has this shape, but ids are not counted from the end.",
        "an IndexError": "Ids are not counted from the end.",
    },
)

# %%
# **Exercise.** Tokens were added. Return the weight of the larger table: the old rows, and then new rows that are the
# mean of the old ones. ``weight`` has at least one row, and ``rows`` is at least as large as before.


def grow(weight, rows):
    raise NotImplementedError


def by_loops(weight, rows):
    columns = [sum(column) / len(weight) for column in weight.T.tolist()]
    return torch.tensor([*weight.tolist(), *[columns] * (rows - len(weight))])


cases = [
    (torch.tensor([[1.0, 2.0], [3.0, 6.0]]), 3),
    (torch.rand(4, 3), 6),
    (torch.rand(4, 3), 4),
    (torch.rand(1, 5), 4),
]
check(grow, by_loops, cases)

# %%
# ``expand`` repeats the mean without copying, and ``cat`` copies both parts once.

# Solution


def grow(weight, rows):
    new = weight.mean(dim=0).expand(rows - len(weight), -1)
    return torch.cat([weight, new])


report = check(grow, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`expected-input-to-have-channels`, the error of images whose channels are missing or in another place.
#
# - PyTorch contributors (2026). `torch.nn.Embedding
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html>`__. The reference, with ``padding_idx``.
# - zhoupingjay (2023). `"index out of range" error when using a different embedding dimension than vocab_size
#   <https://github.com/karpathy/ng-video-lecture/issues/20>`__. This error in generation, with more logits than words.
