"""
.. _padding-and-packing:

How do I batch sequences of different length? (padding, packing, masks)
=======================================================================

A batch is one tensor, and your sentences have different numbers of words. Fill them up to the longest, and keep the
padding out of each result: with a mask, or for a recurrent layer by packing.
"""

# %%
# Set-up

import itertools
import math
import statistics
import time

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
)

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

texts = ["the cat sat on the mat because it was tired", "a dog barked"]
vocabulary = ["<pad>", *sorted({word for text in texts for word in text.split()})]
sentences = [torch.tensor([vocabulary.index(word) for word in text.split()]) for text in texts]


def side_by_side(h_n):
    """Return the last states of the directions beside each other, shape (sentence, feature)."""
    return torch.cat(list(h_n), dim=1)


def each_alone(lstm, x, lengths):
    """Return the last states of the sentences, each read alone and without padding."""
    rows = [lstm(row[:n])[1][0].flatten() for row, n in zip(x, lengths.tolist(), strict=True)]
    return torch.stack(rows)


def draw_batch(tokens, packed):
    """Draw the words of a padded batch, and with each word its row in the packed data."""
    batch, steps = tokens.shape
    _, axis = plt.subplots(figsize=(6.2, 1.9), layout="constrained")
    first_row = 0
    for t, size in enumerate(packed.batch_sizes.tolist()):
        for b in range(batch):
            real = b < size
            style = {"facecolor": f"C{b}", "alpha": 0.3} if real else {"fill": False, "ls": ":"}
            axis.add_patch(Rectangle((t - 0.48, b - 0.45), 0.96, 0.9, **style))
            axis.text(t, b, vocabulary[tokens[b, t]] if real else "0", ha="center", fontsize=8)
            if real:
                axis.text(t - 0.44, b - 0.2, first_row + b, fontsize=6, color="dimgray")
        first_row += size
    axis.set(xlim=(-0.5, steps - 0.5), ylim=(batch - 0.5, -0.5), xlabel="words at each step")
    axis.set_xticks(range(steps), packed.batch_sizes.tolist())
    axis.set_yticks(range(batch), [f"sentence {b}" for b in range(batch)])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(f"Padded: {tokens.numel()} places. Packed: {first_row} words", fontsize=11)
    plt.show()


# %%

tokens = pad_sequence(sentences, batch_first=True)  # (N, T)
lengths = torch.tensor([len(sentence) for sentence in sentences])
draw_batch(tokens, pack_padded_sequence(tokens, lengths, batch_first=True))

# %%
# ``pad_sequence`` makes a tensor of :val:`(2, 10) <tokens.shape>` and fills it with zeros, the dotted boxes. Number 0
# is no word, so the vocabulary keeps it free. The small numbers count the words as packing puts them: step by step. You
# need to know :ref:`cat-or-stack` and :ref:`boolean-masks`.
#
# .. longer: 6 screens — masks, means, states, packing and attention are five uses of the lengths
#
# The rule
# --------
#
# A result of a sentence should be the same alone and in each batch. The lengths make that possible: place ``t`` of
# sentence ``b`` is real where :math:`t < \text{length}_b`. Make them where you pad, in the ``collate_fn`` of the
# :ref:`loader <samplers-and-collate>`.


def collate(examples):
    lengths = torch.tensor([len(example) for example in examples])
    return pad_sequence(examples, batch_first=True), lengths


tokens, lengths = next(iter(torch.utils.data.DataLoader(sentences, 2, collate_fn=collate)))
mask = torch.arange(tokens.shape[1]) < lengths[:, None]  # (N, T), True where a word is
print("lengths", lengths.tolist(), "-> mask of the short one", mask[1].int().tolist())
assert torch.equal(mask, tokens != 0)
left = pad_sequence(sentences, batch_first=True, padding_side="left")
print("padding_side='left':", left[1].tolist())

# %%
# Padding on the left keeps the last words in one column, from which language models continue the text. The mask is then
# mirrored. The rest of this page pads on the right, the default.
#
# The mean of the real places
# ---------------------------
#
# The mean over the time axis counts the padding, too. So the vector of a sentence depends on the longest sentence in
# its batch. Multiply by the mask, and divide by the length. The output has the norms of both means.

torch.manual_seed(0)
embedding = nn.Embedding(len(vocabulary), 6, padding_idx=0)  # number 0 gets a vector of zeros
x = embedding(tokens).detach()  # (N, T, D)
alone = x[1, :3].mean(dim=0)
for longest in (3, 5, 10):
    part = x[1:, :longest]
    over_all = part.mean(dim=1)[0]
    over_real = ((part * mask[1:, :longest, None]).sum(dim=1) / lengths[1:, None])[0]
    print(f"filled up to {longest:>2}: mean {over_all.norm():.2f} long,", end=" ")
    print(f"mean of real places {over_real.norm():.2f} long")
    torch.testing.assert_close(over_real, alone)

# %%
# The last state of a recurrent layer
# -----------------------------------
#
# With padding, ``output[:, -1]`` and ``h_n`` have read zeros after the sentence. With
# :ref:`one direction <recurrent-networks>`, the state at place ``length - 1`` is right, because the padding comes
# later. The backward direction begins in the padding. Packing is right in both cases. The table says how far each is
# from the states of the sentences alone.

N = torch.arange(len(lengths))
print(f"{'off by, at most':<17}output[:, -1]  output[N, lengths - 1]  h_n of packed")
for both in (False, True):
    lstm = nn.LSTM(6, 5, batch_first=True, bidirectional=both)
    output, _ = lstm(x)  # reads the padding
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h_n, _) = lstm(packed)  # (direction, N, 5)
    ways = (output[:, -1], output[N, lengths - 1], side_by_side(h_n))
    alone = each_alone(lstm, x, lengths)
    errors = [(way - alone).abs().max().item() for way in ways]
    print(f"{1 + both} direction(s)   {errors[0]:<15.3f}{errors[1]:<24.3f}{errors[2]:.3f}")

# %%
# What packing does
# -----------------
#
# ``pack_padded_sequence`` puts the words of a step together, and notes how many sentences are left at each step. The
# layer computes these rows alone. ``pad_packed_sequence`` makes a padded tensor again, with zeros behind each sentence.
# ``enforce_sorted=False`` sorts by length inside and puts the results back in your order.

order = torch.tensor([1, 0])  # the short sentence first
packed = pack_padded_sequence(x[order], lengths[order], batch_first=True, enforce_sorted=False)
print("data", tuple(packed.data.shape), "batch_sizes", packed.batch_sizes.tolist())
output, (h_n, _) = lstm(packed)  # output is packed as well
output, lengths_again = pad_packed_sequence(output, batch_first=True)
print("output", tuple(output.shape), "lengths", lengths_again.tolist())
assert torch.equal(lengths_again, lengths[order])
assert not output[0, 3:].any()

# %%
# RNN, LSTM and GRU take a packed sequence. ``nn.Linear``, ``nn.Dropout`` and ``nn.Embedding`` refuse it, so apply them
# before you pack, or to what ``pad_packed_sequence`` gives. The lengths have to be :ref:`on the CPU
# <lengths-should-be-on-the-cpu>`.
#
# Attention takes a mask
# ----------------------
#
# In ``nn.MultiheadAttention`` and ``nn.TransformerEncoder``, True in ``key_padding_mask`` (``src_key_padding_mask``)
# means *ignored*. In :func:`torch.nn.functional.scaled_dot_product_attention`, True means *takes part*. The outputs at
# the padding itself are numbers without a meaning. Keep them out of the mean and of the loss.

attention = nn.MultiheadAttention(6, num_heads=2, batch_first=True)
mixed, weights = attention(x, x, x, key_padding_mask=~mask)  # True: ignored
print("what 'a' looks at:", [round(w, 2) for w in weights[1, 0].tolist()])
alone, _ = attention(x[1:, :3], x[1:, :3], x[1:, :3])
torch.testing.assert_close(mixed[1, :3], alone[0])
# True: takes part. With an axis of heads, write mask[:, None, None, :].
mixed = F.scaled_dot_product_attention(x, x, x, attn_mask=mask[:, None, :])
alone = F.scaled_dot_product_attention(x[1, :3], x[1, :3], x[1, :3])
torch.testing.assert_close(mixed[1, :3], alone)

# %%
# What padding costs
# ------------------
#
# Without packing, the padding is computed like words. Packing computes fewer rows in as many steps. So the time may
# fall less than the number of rows. Here are 64 sentences of up to :val:`many[0].item()` words, in an LSTM on the CPU.
# Batches of :ref:`similar length <samplers-and-collate>` have less padding from the start, for each kind of layer.

# Measured on this machine: the medians of five calls.
many = torch.randint(5, 100, (64,)).sort(descending=True).values
long = torch.randn(64, int(many[0]), 32)
network = nn.LSTM(32, 64, batch_first=True)
for name, batch in {
    "padded": long,
    "packed": pack_padded_sequence(long, many, batch_first=True),
}.items():
    times = []
    for _ in range(5):
        start = time.perf_counter()
        with torch.no_grad():
            network(batch)
        times.append(time.perf_counter() - start)
    rows = len(batch.data.flatten(0, -2))
    print(f"{name}: {rows} rows, {1000 * statistics.median(times):.0f} ms")

# %%
# .. use-this::
#
#    Pad in the ``collate_fn`` and return the lengths with the batch. For a mean, a maximum or attention make a mask of
#    them. For a recurrent layer with one direction, take the output at place length - 1. For two directions or several
#    layers' states, pack with ``enforce_sorted=False``. Give padded labels :val:`nn.CrossEntropyLoss().ignore_index`,
#    which :ref:`cross-entropy <cross-entropy>` ignores. Padding costs memory and computing for each empty place.
#    Packing costs a copy and a sort, and need not be faster: measure it.
#
# A common mistake
# ----------------
#
# **The mask is inverted.** ``key_padding_mask=mask`` ignores the words and attends to the padding. A sentence without
# padding has nothing left, and becomes NaN (:ref:`why <masked-softmax>`). In training with ``need_weights=False``,
# which ``nn.TransformerEncoderLayer`` sets, the results of this sentence are the bias of the last layer instead, here
# 0. The fix is ``~mask``.

mixed, weights = attention(x, x, x, key_padding_mask=mask)
print("what 'a' looks at:", [round(w, 2) for w in weights[1, 0].tolist()])
print("NaN in sentence 0:", mixed[0].isnan().all().item())
assert not weights[1, :, :3].any()
mixed, _ = attention(x, x, x, key_padding_mask=mask, need_weights=False)
print("with need_weights=False:", mixed[0, 0].tolist())
assert torch.equal(mixed[0], attention.out_proj.bias.expand(10, 6))
mixed, _ = attention(x, x, x, key_padding_mask=~mask)
assert mixed.isfinite().all()

# %%
# How this was checked

generator = torch.Generator().manual_seed(1)
for trial in range(20):
    N_, D = int(torch.randint(1, 7, (), generator=generator)), 3 + trial % 3
    sizes = torch.randint(1, 12, (N_,), generator=generator)
    rows = [torch.randn(n, D, generator=generator) for n in sizes.tolist()]
    batch = pad_sequence(rows, batch_first=True, padding_value=7.0)
    real = torch.arange(batch.shape[1]) < sizes[:, None]
    assert batch.shape == (N_, sizes.max(), D)
    assert torch.equal(batch, pad_sequence(rows, padding_value=7.0).transpose(0, 1))
    on_left = pad_sequence(rows, batch_first=True, padding_side="left")
    for row, n, one, other in zip(rows, sizes.tolist(), batch, on_left, strict=True):
        assert torch.equal(one[:n], row)
        assert torch.equal(other[len(other) - n :], row)
        assert one[n:].eq(7).all()
    mean = batch.masked_fill(~real[..., None], 0).sum(1) / sizes[:, None]
    torch.testing.assert_close(mean, torch.stack([row.mean(0) for row in rows]))
    packed = pack_padded_sequence(batch, sizes, batch_first=True, enforce_sorted=False)
    assert len(packed.data) == sizes.sum()
    for step, size in enumerate(packed.batch_sizes.tolist()):
        assert size == (sizes > step).sum()
    assert torch.equal(pack_sequence(rows, enforce_sorted=False).data, packed.data)
    for one, row in zip(unpack_sequence(packed), rows, strict=True):
        assert torch.equal(one, row)
    for kind, layers, both in itertools.product((nn.RNN, nn.GRU, nn.LSTM), (1, 2), (False, True)):
        layer = kind(D, 4, layers, batch_first=True, bidirectional=both)
        output, state = layer(packed)
        output, _ = pad_packed_sequence(output, batch_first=True)
        for place, row in enumerate(rows):
            alone, alone_state = layer(row)
            torch.testing.assert_close(output[place, : len(row)], alone)
            for one, two in zip(
                state if kind is nn.LSTM else (state,),
                alone_state if kind is nn.LSTM else (alone_state,),
                strict=True,
            ):
                torch.testing.assert_close(one[:, place], two)
        if not both:
            by_place, _ = layer(batch)
            h_n = state[0] if kind is nn.LSTM else state
            torch.testing.assert_close(by_place[torch.arange(N_), sizes - 1], h_n[-1])
# The table of errors: packing is right, and padding is not.
lstm = nn.LSTM(6, 5, batch_first=True, bidirectional=True)
for both in (False, True):
    lstm = nn.LSTM(6, 5, batch_first=True, bidirectional=both)
    output, _ = lstm(x)
    alone = torch.cat(list(lstm(x[1:, :3])[1][0]), dim=1)[0]
    assert (output[1, -1] - alone).abs().max() > 0.02
    off = (output[1, 2] - alone).abs().max()
    assert off > 0.02 if both else off < 1e-6
# A mask of zeros times NaN is NaN; masked_fill is not. And padding_idx has a vector of zeros without a gradient.
spoiled = x.masked_fill(~mask[..., None], math.nan)
assert (spoiled * mask[..., None]).isnan().any()
assert torch.equal(spoiled.masked_fill(~mask[..., None], 0), x)
assert not embedding.weight[0].any()
embedding(tokens).sum().backward()
assert not embedding.weight.grad[0].any()
# The loss of labels -100 is the mean over the real places.
logits, labels = torch.randn(2, 10, 4), torch.randint(4, (2, 10)).masked_fill(~mask, -100)
torch.testing.assert_close(
    F.cross_entropy(logits.flatten(0, 1), labels.flatten()),
    F.cross_entropy(logits[mask], labels[mask]),
)
# An encoder layer, too: True is ignored, and the real places are those of the sentence alone.
layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, dropout=0.0)
torch.testing.assert_close(layer(x, src_key_padding_mask=~mask)[1, :3], layer(x[1:, :3])[0])
# With heads, the mask has one axis more.
heads = x.unflatten(-1, (3, 2)).transpose(1, 2)
result = F.scaled_dot_product_attention(heads, heads, heads, attn_mask=mask[:, None, None, :])
alone = F.scaled_dot_product_attention(*[heads[1:, :, :3]] * 3)
torch.testing.assert_close(result[1:, :, :3], alone)
# With the mask turned round, a layer in training has no NaN, and one in evaluation has.
assert layer(x, src_key_padding_mask=mask).isfinite().all()
with torch.no_grad():
    assert layer.eval()(x, src_key_padding_mask=mask)[0].isnan().all()
# On the left, the mask is mirrored.
from_right = torch.arange(10) >= 10 - lengths[:, None]
assert torch.equal(from_right, left != 0)
assert torch.equal(from_right, mask.flip(1))
# Sorted by default, and no empty sentences; a layer that is not recurrent takes no packed sequence.
with expect_error(RuntimeError, match="must be sorted in decreasing order"):
    pack_padded_sequence(x[order], lengths[order], batch_first=True)
with expect_error(RuntimeError, match="has to be greater than 0"):
    pack_padded_sequence(x, torch.tensor([10, 0]), batch_first=True)
for other in (nn.Linear(6, 5), nn.Dropout(0.5), nn.Embedding(13, 6)):
    with expect_error((TypeError, AttributeError), match="PackedSequence|packed"):
        other(packed)

# %%
# Check yourself
# --------------

packed = pack_padded_sequence(torch.zeros(3, 4, 2), [4, 1, 3], True, enforce_sorted=False)
ask(
    "Sentences of 4, 1 and 3 words are packed. What are the batch_sizes?",
    answer=packed.batch_sizes,
    choices={
        (4, 1, 3): "These are the lengths. batch_sizes has an entry for each step.",
        (
            3,
            2,
            2,
            1,
        ): "Three sentences have a first word, two a second and a third, and one a fourth.",
        (3, 3, 3, 3): "With padding, each step has three places.",
    },
)

# %%
# The next question is about a mean.

ones = pad_sequence([torch.ones(2, 1), torch.ones(8, 1)], batch_first=True)
ask(
    "Two sentences of 2 and 8 words are padded with zeros. The vector of each word is [1.0]. What is mean(dim=1) of "
    "the short sentence?",
    answer=ones.mean(dim=1)[0].item(),
    choices={
        1.0: "That is the mean over the real places.",
        0.25: f"Two ones and six zeros, divided by {ones.shape[1]}.",
        0.2: "The sum is divided by the length of the longest sentence, not by all words.",
    },
)

# %%
# **Exercise.** Return the maximum of each feature over the real places. ``x`` has the shape (N, T, D), ``lengths`` the
# shape (N,). Padding may hold larger numbers than the words.


def by_rows(x, lengths):
    return torch.stack([row[:n].amax(0) for row, n in zip(x, lengths.tolist(), strict=True)])


torch.manual_seed(0)
cases = [
    (torch.tensor([[[1.0, -3.0], [2.0, -2.0], [9.0, 9.0]]]), torch.tensor([2])),
    (torch.randn(3, 4, 2), torch.tensor([4, 1, 3])),
    (-torch.rand(2, 5, 3), torch.tensor([3, 5])),
]


def maximum(x, lengths):
    raise NotImplementedError


check(maximum, by_rows, cases)

# %%
# Zero is no neutral element for a maximum. Minus infinity is.

# Solution


def maximum(x, lengths):
    mask = torch.arange(x.shape[1]) < lengths[:, None]
    return x.masked_fill(~mask[..., None], -math.inf).amax(dim=1)


report = check(maximum, by_rows, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`attention` lets each word look at the others.
#
# - PyTorch contributors (2026). `pack_padded_sequence
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html>`__. The reference.
# - Krell et al. (2021). `Efficient sequence packing without cross-contamination <https://arxiv.org/abs/2107.02027>`__.
#   Several sequences in one row, another way without padding.
