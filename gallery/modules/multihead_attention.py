"""
.. _multihead-attention:

How do I use nn.MultiheadAttention and its masks?
=================================================

You hand the causal mask of ``scaled_dot_product_attention`` to ``nn.MultiheadAttention``, and each word reads what
comes after it, not before. True means "allowed" in the mask of the function, and "hidden" in the masks of the layer.
"""

# %%
# Set-up

import itertools
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.models import AttentionSettings, MultiheadAttention
from ptguide.questions import ask

sentences = ["the cat sat on the mat because it was tired".split(), "a dog barked".split()]
words = sentences[0]
different = dict.fromkeys(sentences[0] + sentences[1])
vocabulary = {word: number for number, word in enumerate(different, start=1)}
tokens = nn.utils.rnn.pad_sequence(
    [torch.tensor([vocabulary[word] for word in sentence]) for sentence in sentences],
    batch_first=True,
)  # (B, T) = (2, 10), 0 is padding

torch.manual_seed(0)
embedding = nn.Embedding(14, 24, padding_idx=0)
layer = nn.MultiheadAttention(24, 4, batch_first=True)  # D = 24 features, H = 4 heads
nn.init.normal_(layer.out_proj.bias)  # it starts from zero; so it can be seen
x = embedding(tokens).detach()  # (B, T, D)


def weights_by_function(mask):
    """Return the weights of scaled_dot_product_attention for the first sentence, a mean over heads."""
    w, b = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    q, k = (
        F.linear(x[0], w[i], b[i]).unflatten(-1, (4, -1)).transpose(0, 1)[None] for i in range(2)
    )
    one_hot = torch.eye(10).expand(1, 4, 10, 10)  # the result is then the weights themselves
    return F.scaled_dot_product_attention(q, k, one_hot, attn_mask=mask)[0].mean(dim=0)


def draw_both(left, right):
    _, axes = plt.subplots(1, 2, figsize=(6.4, 2.7), layout="constrained")
    names = ("scaled_dot_product_attention", "nn.MultiheadAttention")
    for axis, weights, name in zip(axes, (left, right), names, strict=True):
        axis.imshow(weights.detach().numpy(), cmap="Blues", vmin=0, vmax=0.5)
        axis.set_xticks(range(10), words, rotation=90, fontsize=8)
        axis.set_yticks(range(10), words if axis is axes[0] else [""] * 10, fontsize=8)
        axis.set(xlabel="word that is read")
        axis.set_title(name, fontsize=9)
    axes[0].set(ylabel="word that reads")
    axes[1].text(4.5, 9, "NaN", ha="center", va="center", fontsize=8)
    title = "The same mask allows the past in one and the future in the other"
    axes[0].figure.suptitle(title, fontsize=10)
    plt.show()


def reads(weights):
    """Return which keys have a weight, as a string of dots and squares."""
    return "".join("■" if weight > 0 else "·" for weight in weights.tolist())


# %%

mask = torch.ones(10, 10, dtype=torch.bool).tril()
_, by_layer = layer(x, x, x, attn_mask=mask)
draw_both(weights_by_function(mask), by_layer[0])
assert torch.equal(weights_by_function(mask) > 0, mask)
assert torch.equal(by_layer[0] > 0, ~mask)  # the last row is NaN

# %%
# The mask is ``torch.ones(10, 10, dtype=torch.bool).tril()``. The layer hides what is True, so the last word may read
# nothing, and its row is NaN. You need to know :ref:`attention` and :ref:`attention-heads`.
#
# The rule
# --------
#
# ``attn_mask`` has shape (T, S), a row for each of T queries and a column for each of S keys. ``key_padding_mask`` has
# shape (B, S) for B sentences, and is True at padding. A query reads a key where neither is True. To mask each sentence
# and each of H heads in its own way, give ``attn_mask`` the shape (B · H, T, S). Below, the squares beside a word of "a
# dog barked" are the places that it reads. The last seven are padding.

padding = tokens == 0  # (B, S)
future = torch.ones(10, 10, dtype=torch.bool).triu(1)  # (T, S)
for name, masks in {
    "no mask": {},
    "key_padding_mask": {"key_padding_mask": padding},
    "both": {"key_padding_mask": padding, "attn_mask": future},
}.items():
    mixed, weights = layer(x, x, x, **masks)
    seen = [f"{w}: {reads(row)}" for w, row in zip(sentences[1], weights[1, :3], strict=True)]
    print(f"{name:<17}", "  ".join(seen))
allowed = ~(padding[:, None] | future)  # (B, T, S)
assert torch.equal(weights > 0, allowed)  # with both

# %%
# From scratch
# ------------
#
# ``in_proj_weight`` has three matrices, one below the other, which make queries, keys and values of the words. Each
# head takes its part of the features and attends by itself. Then ``out_proj`` mixes what the heads found. Here are the
# same numbers from these parts.


def by_hand(layer, query, key, allowed):
    heads = []
    for source, weight, bias in zip(
        (query, key, key), layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), strict=True
    ):
        projected = F.linear(source, weight, bias)  # (B, T, D)
        heads.append(projected.unflatten(-1, (layer.num_heads, -1)).transpose(1, 2))  # (B, H, T, E)
    mixed = F.scaled_dot_product_attention(*heads, attn_mask=allowed)
    return layer.out_proj(mixed.transpose(1, 2).flatten(2))


torch.testing.assert_close(by_hand(layer, x, x, allowed[:, None]), mixed)
for name, parameter in layer.named_parameters():
    print(f"{name:<15} {tuple(parameter.shape)}")

# %%
# The weights
# -----------
#
# The second result is the *mean* of the weights over the heads, which hides where the heads differ.
# ``average_attn_weights=False`` gives the weights of each head. With ``need_weights=False`` you get ``None``, and in
# training the layer calls ``scaled_dot_product_attention``, which can do :ref:`without the table of weights
# <attention>`.

_, weights = layer(x, x, x)
_, of_each = layer(x, x, x, average_attn_weights=False)
without, none = layer(x, x, x, need_weights=False)
print(f"mean {tuple(weights.shape)}, of each head {tuple(of_each.shape)}, without: {none}")
torch.testing.assert_close(of_each.mean(dim=1), weights)
torch.testing.assert_close(without, layer(x, x, x)[0])
print("largest weight of the last word: mean", round(weights[0, 9].max().item(), 2), end=", ")
print("heads", [round(top, 2) for top in of_each[0, :, 9].amax(dim=-1).tolist()])

# %%
# A word that may read nothing
# ----------------------------
#
# .. longer: 6 screens — each mask, the weights and rows without a key have a cell of their own
#
# An empty sentence, or padding on the left with a causal mask, leaves words without a key. What then comes out depends
# on the path: NaN, or the bias of ``out_proj`` alone. (In eval mode without gradients a fast path runs.) NaN spreads to
# :ref:`the gradients <the-loss-is-nan>`, also where the loss leaves these words out. Let each word read itself, as in
# the mask of the exercise below.

left = torch.zeros(2, 10, dtype=torch.bool)
left[1, :7] = True  # "a dog barked", padded on the left
moved = torch.stack([x[0], x[1].roll(7, dims=0)])
masks = {"key_padding_mask": left, "attn_mask": future}
for training, wanted in ((False, False), (True, False), (True, True)):
    with torch.set_grad_enabled(training):
        mixed, _ = layer.train(training)(moved, moved, moved, need_weights=wanted, **masks)
    empty = mixed[1].isnan().any(dim=-1).nonzero().flatten().tolist()
    print(f"{training=!s:<6} need_weights={wanted!s:<6} NaN in words {empty}")
    assert empty == ([] if training and not wanted else list(range(7)))

# %%
# Reading from another sequence
# -----------------------------
#
# In cross-attention the queries come from one sequence, the keys and values from another. T is the length of the first,
# S that of the second. If the other has another number of features, give ``kdim`` and ``vdim``. The layer then has
# three weights in place of ``in_proj_weight``.

image = torch.randn(2, 49, 30)  # B, S = 7 by 7 patches, features of a patch
cross = nn.MultiheadAttention(24, 4, kdim=30, vdim=30, batch_first=True)
mixed, weights = cross(x, image, image)
print(f"query {tuple(x.shape)}, key {tuple(image.shape)}")
print(f"mixed {tuple(mixed.shape)}, weights {tuple(weights.shape)}")
print(", ".join(name for name, _ in cross.named_parameters()))
assert mixed.shape == x.shape

# %%
# Masks of numbers, and is_causal
# -------------------------------
#
# A mask of floating-point numbers is *added* to the logits: 0 allows and minus infinity hides. Ones and zeros hide
# nothing. ``is_causal=True`` makes no mask here: it is a hint that your ``attn_mask`` is causal, and without one the
# layer raises an error. If the mask is another, some paths follow the mask and some the hint. Two masks should be of
# one type.

ones = torch.ones(10, 10).tril()  # floating point, and no minus infinity
_, weights = layer(x, x, x, attn_mask=ones)
print("with ones and zeros, the first word reads", reads(weights[0, 0]))
assert (weights > 0).all()
with expect_error(RuntimeError, match="Need attn_mask if specifying the is_causal hint"):
    layer(x, x, x, is_causal=True)
added = nn.Transformer.generate_square_subsequent_mask(10)  # 0 and minus infinity
with expect_warning(UserWarning, match="mismatched key_padding_mask and attn_mask"):
    layer(x, x, x, key_padding_mask=padding, attn_mask=added)

# %%
# .. use-this::
#
#    Make the layer with ``batch_first=True``, and call it with ``need_weights=False``. Give ``key_padding_mask``, True
#    at padding, and for a decoder a boolean ``attn_mask``, True above the diagonal. The layer has about 4 D²
#    parameters, and ``attn_mask`` takes memory for each pair of positions. Where you need a cache, write the four
#    projections yourself around ``F.scaled_dot_product_attention``.
#
# A common mistake
# ----------------
#
# **Without batch_first.** By default the layer takes (time, batch, feature). If it gets (batch, time, feature), a word
# reads the words at its place in the *other sentences*. Of its own sentence it reads itself alone. No error is raised.
# Change one sentence, and see whether another changes (:ref:`batch-first-is-missing`).

other = x.clone()
other[1] = torch.randn(10, 24)  # another second sentence
for batch_first in (False, True):
    torch.manual_seed(0)
    one = nn.MultiheadAttention(24, 4, batch_first=batch_first)
    before, after = one(x, x, x)[0][0], one(other, other, other)[0][0]
    changed = not torch.allclose(before, after)
    print(f"batch_first={batch_first}: the result of the first sentence changes: {changed}")
    assert changed != batch_first

# %%
# How this was checked

assert by_layer[0].isnan().any(dim=1).tolist() == [False] * 9 + [True]
# The two functions agree if one gets the mask and the other its opposite.
torch.testing.assert_close(layer(x, x, x, attn_mask=~mask)[1][0], weights_by_function(mask))
# From scratch equals torch, for several sizes, masks and sequences, and so does the guide's own layer.
torch.manual_seed(1)
for (size, heads), b, (t, s) in itertools.product(
    ((12, 3), (20, 5), (6, 1)), (1, 3), ((4, 4), (2, 7))
):
    one = nn.MultiheadAttention(size, heads, batch_first=True)
    ours = MultiheadAttention(AttentionSettings(size, heads))
    ours.load_state_dict(one.state_dict())
    query, key = torch.randn(b, t, size), torch.randn(b, s, size)
    hidden, pad = torch.rand(t, s) < 0.3, torch.rand(b, s) < 0.3
    hidden[:, 0], pad[:, 0] = False, False
    can_read = ~(hidden | pad[:, None])[:, None]  # (B, 1, T, S)
    mixed, weights = one(query, key, key, key_padding_mask=pad, attn_mask=hidden)
    torch.testing.assert_close(by_hand(one, query, key, can_read), mixed)
    torch.testing.assert_close(ours(query, key, mask=~hidden, key_mask=~pad), mixed)
    assert torch.equal(weights > 0, can_read[:, 0])
    # A mask of minus infinity, and one of three axes (B * H, T, S), say the same.
    numbers = [torch.zeros(m.shape).masked_fill(m, -math.inf) for m in (pad, hidden)]
    again = one(query, key, key, key_padding_mask=numbers[0], attn_mask=numbers[1])[0]
    torch.testing.assert_close(again, mixed)
    each = (~can_read).expand(b, heads, t, s).flatten(0, 1)
    torch.testing.assert_close(one(query, key, key, attn_mask=each)[0], mixed)
# The number of parameters: four square matrices and their biases.
for size in (24, 40):
    count = sum(p.numel() for p in nn.MultiheadAttention(size, 4).parameters())
    assert count == 4 * size**2 + 4 * size
# Padding at the end changes nothing for the words before it, and a padded query gives a result that means nothing.
alone = layer(x[1:, :3], x[1:, :3], x[1:, :3])[0]
padded = layer(x, x, x, key_padding_mask=padding)[0]
torch.testing.assert_close(padded[1:, :3], alone)
assert padded[1, 3:].abs().min() > 0
# In eval mode without gradients a fast path runs; it agrees up to rounding where each row has a key.
layer.eval()
with torch.no_grad():
    for wanted in (True, False):
        fast = layer(x, x, x, key_padding_mask=padding, attn_mask=future, need_weights=wanted)[0]
        torch.backends.mha.set_fastpath_enabled(False)
        slow = layer(x, x, x, key_padding_mask=padding, attn_mask=future, need_weights=wanted)[0]
        torch.backends.mha.set_fastpath_enabled(True)
        torch.testing.assert_close(fast, slow)
layer.train()
# Without a key, the result is the bias alone, and the gradients of the other sentence are NaN or not.
empty = torch.zeros(2, 10, dtype=torch.bool)
empty[1] = True
for wanted in (True, False):
    layer.zero_grad()
    mixed = layer(x, x, x, key_padding_mask=empty, need_weights=wanted)[0]
    mixed[0].sum().backward()
    assert layer.in_proj_weight.grad.isnan().any() == wanted
    if not wanted:
        torch.testing.assert_close(mixed[1], layer.out_proj.bias.expand(10, 24))
# To let each word read itself is enough: then no row is empty.
both = (future | left[:, None]) & ~torch.eye(10, dtype=torch.bool)
both = both[:, None].expand(2, 4, 10, 10).flatten(0, 1)
for wanted in (True, False):
    assert layer(x, x, x, attn_mask=both, need_weights=wanted)[0].isfinite().all()
# is_causal is a hint: in training without weights it replaces a mask that hides nothing, elsewhere it is ignored.
open_ = torch.zeros(10, 10, dtype=torch.bool)
believed = layer(x, x, x, attn_mask=open_, is_causal=True, need_weights=False)[0]
torch.testing.assert_close(believed, layer(x, x, x, attn_mask=future)[0])
ignored = layer(x, x, x, attn_mask=open_, is_causal=True, need_weights=True)[0]
torch.testing.assert_close(ignored, layer(x, x, x)[0])
layer.eval()
with torch.no_grad():
    ignored = layer(x, x, x, attn_mask=open_, is_causal=True, need_weights=False)[0]
torch.testing.assert_close(ignored, layer(x, x, x)[0])
layer.train()
# Without batch_first, another word of the same sentence changes nothing.
one, other = nn.MultiheadAttention(24, 4), x.clone()
other[0, 3:] = torch.randn(7, 24)
torch.testing.assert_close(one(x, x, x)[0][0, :3], one(other, other, other)[0][0, :3])
# A sentence without a batch axis is taken as (T, D) whatever batch_first says.
for batch_first in (False, True):
    one = nn.MultiheadAttention(24, 4, batch_first=batch_first)
    mixed, weights = one(x[0], x[0], x[0])
    assert (mixed.shape, weights.shape) == ((10, 24), (10, 10))
# Wrong masks and sizes.
for error, words_of_it, bad in (
    (AssertionError, "only bool and floating types of attn_mask", {"attn_mask": future.long()}),
    (AssertionError, "2-D or 3-D", {"attn_mask": future.expand(2, 4, 10, 10)}),
    (RuntimeError, r"should be \(8, 10, 10\)", {"attn_mask": future.expand(2, 10, 10)}),
    (AssertionError, "to be 2, but got 10", {"key_padding_mask": padding.T}),
):
    with expect_error(error, match=words_of_it):
        layer(x, x, x, **bad)
with expect_error(AssertionError, match="embed_dim must be divisible by num_heads"):
    nn.MultiheadAttention(24, 5)

# %%
# Check yourself
# --------------

hidden = torch.tensor([[False, True, True], [False, False, True], [False, False, False]])
three = torch.randn(1, 3, 24)
_, asked = layer(three, three, three, attn_mask=hidden)
ask(
    "attn_mask is [[False, True, True], [False, False, True], [False, False, False]]. How many words does word 0 read?",
    answer=int((asked[0, 0] > 0).sum()),
    choices={
        0: "Its row has one False, and False means that it may be read.",
        1: "Itself: row 0 is False in column 0 alone.",
        2: "That is so in scaled_dot_product_attention, where True allows.",
    },
)

# %%
# Dropout acts on the weights.

torch.manual_seed(0)
dropping = nn.MultiheadAttention(24, 4, dropout=0.5, batch_first=True)
sums = {mode: dropping.train(mode)(x, x, x)[1].sum(dim=-1) for mode in (True, False)}
modes = [mode for mode in sums if torch.allclose(sums[mode], torch.ones(2, 10))]
ask(
    "With dropout=0.5, in which mode do the rows of the returned weights sum to 1?",
    answer={(True, False): "both", (True,): "train", (False,): "eval"}[tuple(modes)],
    choices={
        "both": "In train mode the weights are returned after dropout: some are 0, the others doubled.",
        "train": "There half of the weights are set to 0, on average, and the others are doubled.",
        "eval": "eval() turns dropout off, so the rows are those of a softmax.",
    },
)

# %%
# **Exercise.** Make the one mask of shape (B · H, T, S) for ``nn.MultiheadAttention`` that is causal and hides padding
# at the keys. It lets each word read itself, so that no row is empty. ``padding`` has shape (B, T).


def by_loops(padding, heads):
    b, t = padding.shape
    result = torch.zeros(b * heads, t, t, dtype=torch.bool)
    for n, i, j in itertools.product(range(b * heads), range(t), range(t)):
        result[n, i, j] = i != j and (j > i or bool(padding[n // heads, j]))
    return result


cases = [
    (torch.tensor([[False, False, True]]), 1),
    (torch.tensor([[True, False], [False, False]]), 3),
    (left[:, 4:], 2),
]


def one_mask(padding, heads):
    raise NotImplementedError


check(one_mask, by_loops, cases)

# %%
# The heads of a sentence follow each other, so the mask of a sentence is repeated for each of them.

# Solution


def one_mask(padding, heads):
    t = padding.shape[1]
    hidden = torch.ones(t, t, dtype=torch.bool).triu(1) | padding[:, None]  # (B, T, S)
    hidden = hidden & ~torch.eye(t, dtype=torch.bool)
    return hidden.repeat_interleave(heads, dim=0)


report = check(one_mask, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`transformer-block` puts attention together with the other parts.
#
# - Vaswani et al. (2017). `Attention is all you need <https://arxiv.org/abs/1706.03762>`__. Section 3.2.2 says why
#   there are several heads.
# - PyTorch contributors (2026). `torch.nn.MultiheadAttention
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html>`__. The reference, with the
#   conditions of the fast path.
