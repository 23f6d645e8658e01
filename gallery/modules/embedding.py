"""
.. _embedding:

What does nn.Embedding do?
==========================

A network calculates with vectors, and a text is a row of words. ``nn.Embedding`` is a table with a vector for each
word: you give it the numbers of the words, and it returns their rows.
"""

# %%
# Set-up

import itertools
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
sentences = ["the cat sat on the mat because it was tired", "a dog barked"]
words = ["<pad>", *dict.fromkeys(" ".join(sentences).split())]
vocabulary = {word: number for number, word in enumerate(words)}
ids, others = (torch.tensor([vocabulary[word] for word in text.split()]) for text in sentences)
batch = torch.stack([ids, F.pad(others, (0, 7))])  # seven zeros: the number of <pad>
embedding = nn.Embedding(num_embeddings=13, embedding_dim=4)


def draw_lookup(table, ids):
    figure, axes = plt.subplots(1, 2, figsize=(5.2, 3.4), layout="constrained")
    most = table.abs().max().item()
    names = [f"{number} {word}" for number, word in enumerate(words)]
    shown = [(table, names), (table[ids], [names[number] for number in ids.tolist()])]
    titles = (f"table {tuple(table.shape)}", f"sentence {tuple(table[ids].shape)}")
    for axis, (rows, labels), title in zip(axes, shown, titles, strict=True):
        picture = axis.imshow(rows.numpy(), "RdBu_r", vmin=-most, vmax=most, aspect="auto")
        axis.set_yticks(range(len(rows)), labels, fontsize=8)
        axis.set_xticks(range(rows.shape[1]))
        axis.set_xlabel("feature")
        axis.set_title(title, fontsize=9)
    figure.colorbar(picture, ax=axes.tolist(), label="weight")
    figure.suptitle("Each word of the sentence picks its row", fontsize=11)
    plt.show()


# %%

draw_lookup(embedding.weight.detach(), ids)
assert torch.equal(embedding(ids), embedding.weight[ids])

# %%
# On the left is the table, with a row of four features for each word of the vocabulary. On the right is the sentence
# "the cat sat on the mat because it was tired". Both of its words "the" have the same vector. The table begins as
# random numbers, and training changes them. You need to know :ref:`nn-linear` and :ref:`one-hot`.
#
# .. longer: 5 screens — gradients, pretrained vectors and tied tables have a cell each
#
# The rule
# --------
#
# The result has the axes of the ids, and one more at the end: ``out[..., :] = weight[ids[...]]``. The ids are the
# numbers of the words (also called indices, or tokens). They count the rows from zero, so the largest is one less than
# the number of rows. Their type is :val:`int64 <ids.dtype>` or :val:`int32 <ids.int().dtype>`. A number without a row
# raises :ref:`index out of range <index-out-of-range-in-self>` on the CPU. Here -1 does not count from the end.

print(ids.tolist())
print(tuple(batch.shape), "becomes", tuple(embedding(batch).shape))
with expect_error(IndexError, match="index out of range in self"):
    embedding(torch.tensor([-1]))
with expect_error(RuntimeError, match="have one of the following scalar types: Long, Int"):
    embedding(ids.float())

# %%
# Why not one-hot vectors and a linear layer?
# -------------------------------------------
#
# One-hot rows times the table give the same numbers. But nearly each of the products is with a 0. These are the costs
# for a text of 1024 tokens and a table as large as that of GPT-2, with one-hot rows in :val:`float32 <hot.dtype>`.

hot = F.one_hot(ids, 13).float()
torch.testing.assert_close(hot @ embedding.weight, embedding(ids))
table, positions = nn.Embedding(50_257, 768, device="meta"), 1024
rows, features = table.weight.shape
print(f"lookup   {positions * 8:>12,} bytes of ids, no products")
print(f"one-hot  {positions * rows * 4:>12,} bytes, {positions * rows * features:,} products")

# %%
# Which rows are trained?
# -----------------------
#
# A row gets a gradient if its word is in the batch, and the gradients of equal words are added up. Here each vector of
# the batch has a gradient of ones, so a row of the table's gradient shows how often its word came. The sentences of a
# batch need one length, so the short one is filled up with the number of ``<pad>``, 0. With ``padding_idx=0`` row 0
# begins as zeros, and its gradient is zero.

padded = nn.Embedding(13, 4, padding_idx=0)
padded(batch).sum().backward()
counts = padded.weight.grad[:, 0].int().tolist()
print(", ".join(f"{word} {count}" for word, count in zip(words, counts, strict=True)))
assert padded.weight[0].eq(0).all()
assert counts == [0, *batch.flatten().bincount(minlength=13)[1:].tolist()]

# %%
# The gradient has the shape of the whole table, with zeros for the words that did not come. Such a row may still move:
# in Adam by its momentum, in AdamW by weight decay. ``padding_idx`` does not mask a position: a vector of zeros goes on
# through the network, and counts in a mean.
#
# Pretrained vectors
# ------------------
#
# ``from_pretrained`` makes a layer of vectors that you have, such as those of GloVe. Put them in the order of your
# vocabulary first: row 5 is the vector of word 5. By default ``freeze=True``, and they are not trained. To train them
# further, give ``freeze=False``. The layer does not copy them, so training changes ``vectors``, too.

vectors = torch.randn(13, 4)
for options in ({}, {"freeze": False}):
    layer = nn.Embedding.from_pretrained(vectors, **options)
    print(options or "default", "- trained:", layer.weight.requires_grad)
    assert torch.equal(layer(torch.tensor(5)), vectors[5])
    assert layer.weight.requires_grad == ("freeze" in options)

# %%
# The same table at the output
# ----------------------------
#
# A language model ends with a linear layer that has a logit for each word. Its weight has the shape of the table, so
# both can share one parameter (tied weights). A tied table has to start with smaller numbers. The default has a
# standard deviation of 1, so normalized vectors of D features get logits of size :math:`\sqrt{D}`. Guessing among V
# words has a loss of :math:`\ln V`, here :val:`8.52 <math.log(5000)>`. The loss of the default is far above it. The
# head also trains the row of padding.

tokens, head = nn.Embedding(5000, 64), nn.Linear(64, 5000, bias=False)
head.weight = tokens.weight
model = nn.ModuleDict({"tokens": tokens, "head": head})
print(f"{sum(p.numel() for p in model.parameters()):,} parameters instead of {2 * 5000 * 64:,}")
hidden, targets = F.layer_norm(torch.randn(300, 64), (64,)), torch.randint(5000, (300,))
for std in (1.0, 0.02):
    nn.init.normal_(tokens.weight, std=std)
    loss = F.cross_entropy(head(hidden), targets).item()
    print(f"std {std:<4}: loss {loss:.2f} before training")
    assert loss < 1.01 * math.log(5000) if std < 1 else loss > 2 * math.log(5000)

# %%
# .. use-this::
#
#    Write ``nn.Embedding(len(vocabulary), dim, padding_idx=0)``, with integers as input. Leave ``padding_idx`` out
#    where no batch is padded. Start with a standard deviation of 0.02 where the table is tied. The table holds rows
#    times features numbers, and Adam keeps two more for each of them. For a mean of vectors take ``nn.EmbeddingBag``.
#    With a huge table, ``sparse=True`` gives a gradient for the rows that were looked up. ``SGD`` and ``SparseAdam``
#    take it, ``Adam`` refuses it.
#
# A common mistake
# ----------------
#
# Your own initialization fills row 0, too, and so do vectors that you load. The lookup gives this row no gradient, so
# training does not bring the zeros back. Set the row to zero afterwards.

layer = nn.Embedding(len(vocabulary), 4, padding_idx=0)
nn.init.normal_(layer.weight, std=0.02)
print("after init:", [round(value, 3) for value in layer.weight[0].tolist()])
assert layer.weight[0].all()
with torch.no_grad():
    layer.weight[layer.padding_idx].zero_()
print("corrected: ", layer(batch)[1, -1].tolist())
assert not layer(batch)[1, 3:].any()

# %%
# How this was checked

# A linear layer on one-hot rows gives the same. It keeps its weight as (out, in).
linear = nn.Linear(13, 4, bias=False)
linear.weight = nn.Parameter(embedding.weight.T.detach())
torch.testing.assert_close(linear(hot), embedding(ids))
# A number without a row is refused.
for number in (-1, 13):
    with expect_error(IndexError, match="index out of range in self"):
        embedding(torch.tensor([number]))
# The lookup, for ids of several shapes, also empty and without axes.
for index in itertools.product(range(2), range(10)):
    assert torch.equal(embedding(batch)[index], embedding.weight[batch[index]])
assert torch.equal(embedding(ids.to(torch.int32)), embedding(ids))
for shape in ((), (0,), (5,), (2, 3), (2, 0, 3), (2, 1, 3)):
    some = torch.randint(13, shape)
    out = embedding(some)
    assert out.shape == (*shape, 4)
    assert torch.equal(out, embedding.weight[some])
    assert torch.equal(out, embedding.weight.index_select(0, some.flatten()).view(*shape, 4))
for dtype in (torch.int8, torch.int16, torch.uint8, torch.bool, torch.float64, torch.bfloat16):
    with expect_error(RuntimeError, match="scalar types: Long, Int"):
        embedding(ids.to(dtype))
# The gradient is a sum over equal ids, as index_add makes it; with padding_idx its row is zero.
for padding in (None, 0, 5, 12):
    layer, some, change = (
        nn.Embedding(13, 4, padding_idx=padding),
        torch.randint(13, (6, 7)),
        torch.randn(6, 7, 4),
    )
    layer(some).backward(change)
    expected = torch.zeros(13, 4).index_add(0, some.flatten(), change.flatten(0, 1))
    if padding is not None:
        expected[padding] = 0
        assert not layer.weight[padding].any()
    torch.testing.assert_close(layer.weight.grad, expected)
# An optimizer with momentum moves a row later, too, when its word is not in the batch.
layer = nn.Embedding(13, 4)
optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
layer(torch.tensor([1])).sum().backward()
optimizer.step()
optimizer.zero_grad()
before = layer.weight.detach().clone()
layer(torch.tensor([2])).sum().backward()
optimizer.step()
assert (layer.weight != before).any(dim=1).nonzero().flatten().tolist() == [1, 2]
# Adam keeps two numbers for each weight.
layer = nn.Embedding(13, 4)
decayed, before = torch.optim.AdamW(layer.parameters(), lr=0.1), layer.weight.detach().clone()
layer(torch.tensor([1])).sum().backward()
decayed.step()
assert (layer.weight != before).all()  # weight decay moves each row
state = decayed.state[layer.weight]
assert sum(value.numel() for value in state.values() if value.dim()) == 2 * layer.weight.numel()
# Drawn from a normal distribution with a standard deviation of 1.
large = nn.Embedding(1000, 200).weight
assert abs(large.std() - 1) < 0.01
assert abs(large.mean()) < 0.01
# from_pretrained keeps the memory of the vectors, and does not zero the row of padding.
layer = nn.Embedding.from_pretrained(vectors, freeze=False, padding_idx=0)
assert layer.weight.data_ptr() == vectors.data_ptr()
assert layer.weight[0].all()
layer(batch).sum().backward()
assert not layer.weight.grad[0].any()
before = vectors.clone()
torch.optim.SGD(layer.parameters(), lr=0.1).step()
assert (vectors != before).any(dim=1).tolist() == [
    number in batch[batch > 0] for number in range(13)
]
# load_state_dict overwrites the row of padding, too.
layer = nn.Embedding(13, 4, padding_idx=0)
layer.load_state_dict(embedding.state_dict())
assert layer.weight[0].all()
# A tied table: one parameter, still one after a step, and the head gives the row of padding a gradient.
tied, head = nn.Embedding(13, 4, padding_idx=0), nn.Linear(4, 13, bias=False)
head.weight = tied.weight
F.cross_entropy(head(tied(ids)), ids).backward()
assert tied.weight.grad[0].any()
torch.optim.SGD([*tied.parameters()], lr=0.1).step()
assert head.weight is tied.weight
assert len([*nn.ModuleList([tied, head]).parameters()]) == 1
# Logits have a standard deviation of sqrt(D).
for features in (16, 64, 256):
    some = F.layer_norm(torch.randn(200, features), (features,))
    logits = some @ nn.Embedding(3000, features).weight.T
    assert abs(logits.std() / math.sqrt(features) - 1) < 0.05
# EmbeddingBag: the mean by default, without the padding.
bag = nn.EmbeddingBag.from_pretrained(vectors, padding_idx=0)
assert bag.mode == "mean"
for row, mean in zip(batch, bag(batch), strict=True):
    torch.testing.assert_close(vectors[row[row != 0]].mean(dim=0), mean)
assert not torch.allclose(layer(batch).mean(dim=1), bag(batch))
# sparse=True: the gradient has the rows that came. Which optimizers take it:
sparse = nn.Embedding(13, 4, sparse=True)
sparse(batch).sum().backward()
assert sparse.weight.grad.is_sparse
assert sparse.weight.grad.coalesce().indices().tolist() == [batch.unique().tolist()]
torch.optim.SparseAdam([*sparse.parameters()]).step()
torch.optim.SGD([*sparse.parameters()], lr=0.1).step()
with expect_error(RuntimeError, match="Adam does not support sparse gradients"):
    torch.optim.Adam([*sparse.parameters()]).step()
# max_norm changes the table itself, in the forward pass, in the rows that came.
limited = nn.Embedding.from_pretrained(torch.full((13, 4), 5.0), max_norm=1.0)
limited(ids)
lengths = limited.weight.norm(dim=1)
for number in range(13):
    torch.testing.assert_close(lengths[number].item(), 1.0 if number in ids else 10.0)
limited = nn.Embedding(13, 4, max_norm=1.0)
with expect_error(RuntimeError, match="modified by an inplace operation"):
    (limited.weight.square().sum() + limited(ids).sum()).backward()
# Autocast leaves the lookup in the type of the table.
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert embedding(ids).dtype == torch.float32
# The memory and the products of the one-hot rows, on small sizes.
assert F.one_hot(batch, 13).float().nbytes == 2 * 10 * 13 * 4
assert batch.nbytes == 2 * 10 * 8

# %%
# Check yourself
# --------------

question = torch.zeros(16, 30, dtype=torch.int64)
ask(
    "A batch of 16 sentences of 30 tokens goes through nn.Embedding(500, 64). What is the shape of the result?",
    answer=nn.Embedding(500, 64)(question).shape,
    choices={
        (16, 30, 64): "One axis more than the ids, with the 64 features.",
        (16, 30, 500): "That is the shape of the one-hot rows.",
        (
            16,
            64,
            30,
        ): "The features are the last axis. A Conv1d wants them in front of the positions.",
        (16, 64): "That is EmbeddingBag, which takes a mean over the sentence.",
    },
)

# %%
# The next question is about gradients.

layer = nn.Embedding(20, 8, padding_idx=0)
layer(torch.tensor([[3, 3, 5], [7, 0, 0]])).sum().backward()
ask(
    "nn.Embedding(20, 8, padding_idx=0) gets [[3, 3, 5], [7, 0, 0]]. How many rows get a gradient that is not 0?",
    answer=int(layer.weight.grad.any(dim=1).sum()),
    choices={
        20: "The gradient has 20 rows, but those of words that did not come are zero.",
        6: "There are six ids, but 3 came twice and has one row.",
        4: "Row 0 is the padding, and gets none.",
        3: "The rows 3, 5 and 7.",
    },
)

# %%
# The last question is about vectors from elsewhere.

layer = nn.Embedding.from_pretrained(torch.rand(20, 8))
before = layer.weight.clone()
model = nn.Sequential(layer, nn.Linear(8, 2))
model(torch.tensor([1, 2])).sum().backward()
torch.optim.SGD(model.parameters(), lr=0.1).step()
ask(
    "A model begins with nn.Embedding.from_pretrained(vectors). Does a step of SGD change the vectors?",
    answer="no" if torch.equal(layer.weight, before) else "yes",
    choices={
        "yes": "That is from_pretrained(vectors, freeze=False).",
        "no": "By default they are frozen: requires_grad is False.",
    },
)

# %%
# **Exercise.** Write the backward pass of an embedding, without autograd. ``change`` is the gradient of the output,
# shape (sample, position, feature). Return the gradient of a table with ``rows`` rows. Row ``padding`` gets zeros.


def gradient_of_table(ids, change, rows, padding):
    raise NotImplementedError


def by_loops(ids, change, rows, padding):
    result = torch.zeros(rows, change.shape[2])
    for sample, position in itertools.product(*map(range, ids.shape)):
        if ids[sample, position] != padding:
            result[ids[sample, position]] += change[sample, position]
    return result


cases = [
    (torch.tensor([[1, 1, 0]]), torch.tensor([[[1.0, 2.0], [10.0, 20.0], [5.0, 5.0]]]), 3, 0),
    (torch.randint(5, (2, 6)), torch.randn(2, 6, 3), 5, 4),
    (torch.randint(7, (4, 3)), torch.randn(4, 3, 2), 8, 0),
]
check(gradient_of_table, by_loops, cases, without=["embedding", "backward", "grad"])

# %%
# ``index_add`` adds each row of its source to the row of the result that an index names.

# Solution


def gradient_of_table(ids, change, rows, padding):
    result = torch.zeros(rows, change.shape[2])
    result = result.index_add(0, ids.flatten(), change.flatten(0, 1))
    result[padding] = 0
    return result


report = check(gradient_of_table, by_loops, cases, without=["embedding", "backward", "grad"])
assert report.passed
report

# %%
# Read next
# ---------
#
# Recurrent networks read the vectors of a sentence one after the other: see :ref:`recurrent-networks`.
#
# - Mikolov, Chen, Corrado and Dean (2013). `Efficient estimation of word representations in vector space
#   <https://arxiv.org/abs/1301.3781>`__. Vectors that a word gets from its neighbors, known as word2vec.
# - Press and Wolf (2017). `Using the output embedding to improve language models
#   <https://arxiv.org/abs/1608.05859>`__. One table for the input and for the output.
# - PyTorch contributors (2026). `torch.nn.Embedding
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html>`__. The reference, with ``max_norm`` and
#   ``scale_grad_by_freq``.
