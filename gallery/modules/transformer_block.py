"""
.. _transformer-block:

What is in a Transformer block?
===============================

Print a Transformer, and you see blocks of one kind, each with weights of its own. A block adds two things to its
input: what attention reads from other words, and what a small network makes of each word.
"""

# %%
# Set-up

import itertools
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_warning
from ptguide.exercises import check
from ptguide.models import GPTBlock, GPTSettings
from ptguide.questions import ask

words = "the cat sat on the mat because it was tired".split()
vocabulary = list(dict.fromkeys(words))
tokens = torch.tensor([[vocabulary.index(word) for word in words]])  # (B, T) = (1, 10)
D = 24
PARTS = ["norm1", "self_attn", "norm2", "linear1", "linear2"]

torch.manual_seed(0)
embedding = nn.Embedding(len(vocabulary), D)
layer = nn.TransformerEncoderLayer(D, 6, 4 * D, batch_first=True, norm_first=True).eval()
x = embedding(tokens).detach()  # (B, T, D)


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


def draw_block():
    """Draw the block with norm_first=True: a straight line, and two branches that are added to it."""
    _, axis = plt.subplots(figsize=(6.2, 2.9), layout="constrained")
    axis.annotate("", (10.4, 3), (0, 3), arrowprops={"arrowstyle": "->", "linewidth": 2.5})
    axis.text(0, 3.25, f"x (B, T, {D})", fontsize=9)
    axis.text(9.0, 3.25, f"out (B, T, {D})", fontsize=9)
    branches = (
        (1.0, 4.3, {"norm1": layer.norm1, "self_attn": layer.self_attn}),
        (5.3, 8.6, {name: getattr(layer, name) for name in ("norm2", "linear1", "linear2")}),
    )
    blue, box = "#1f5fa8", {"boxstyle": "round", "facecolor": "#dbe9f6", "edgecolor": "#1f5fa8"}
    centered = {"ha": "center", "va": "center", "color": "black"}
    for start, plus, parts in branches:
        middle = (start + plus) / 2
        heights = [2.2 - 0.8 * place for place in range(len(parts))]
        way = [(start, 3), (start, 2.2), (middle, 2.2), (middle, heights[-1])]
        way += [(plus, heights[-1]), (plus, 3)]
        axis.plot(*zip(*way, strict=True), color=blue, zorder=1)
        for height, (name, module) in zip(heights, parts.items(), strict=True):
            axis.text(
                middle, height, f"{name}: {count(module):,}", fontsize=9, bbox=box, **centered
            )
        ring = {"boxstyle": "circle", "facecolor": "white"}
        axis.text(plus, 3, "+", fontsize=12, bbox=ring, **centered)
    axis.text(2.65, 0.75, "words read each other", fontsize=9, style="italic", **centered)
    axis.text(6.95, -0.05, "each word by itself", fontsize=9, style="italic", **centered)
    axis.set(xlim=(-0.2, 11.2), ylim=(-0.2, 3.7))
    axis.set_axis_off()
    axis.set_title("Two branches are added to x; the numbers count parameters", fontsize=10)
    plt.show()


def changed_words(part):
    """Return at which words the result changes if word 7 does."""
    other = x.clone()
    other[:, 7] += torch.ones(D) * torch.arange(D)
    differs = ~torch.isclose(part(x), part(other), atol=1e-5)
    return differs.any(dim=-1)[0].nonzero().flatten().tolist()


def sinusoidal(length, size):
    """Return the positions of Vaswani et al. (2017), section 3.5, of shape (length, size)."""
    position = torch.arange(length)[:, None]
    frequency = 10_000 ** (-torch.arange(0, size, 2) / size)
    angle = position * frequency  # (length, size / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


# %%

draw_block()
assert layer(x).shape == x.shape

# %%
# This is ``nn.TransformerEncoderLayer`` with ``norm_first=True``, for words of :val:`24 <D>` features. What comes out
# has the shape of what goes in, so blocks can follow each other. You need to know :ref:`multihead-attention`.
#
# The rule
# --------
#
# With ``norm_first=True``, a block replaces x first by :math:`x + \text{attention}(\text{norm}(x))`, then by :math:`x +
# \text{feedforward}(\text{norm}(x))`. The line from x to the end is the *residual stream*. With ``norm_first=False``,
# the default, the norm comes after the sum, as in Vaswani et al. (2017). Before training, the features of a word
# then come out with a spread (standard deviation) of :val:`1 <spread.max()>`. The feed-forward part is two
# linear layers with an activation between them, by default ReLU. Here are both orders from these parts, in eval mode,
# with the same numbers as torch.


def block(layer, x, norm_first):
    def attend(x):
        return layer.self_attn(x, x, x, need_weights=False)[0]

    def feed_forward(x):
        return layer.linear2(F.relu(layer.linear1(x)))

    if norm_first:
        x = x + attend(layer.norm1(x))
        return x + feed_forward(layer.norm2(x))
    x = layer.norm1(x + attend(x))
    return layer.norm2(x + feed_forward(x))


for norm_first in (True, False):
    one = nn.TransformerEncoderLayer(D, 6, 4 * D, batch_first=True, norm_first=norm_first).eval()
    torch.testing.assert_close(block(one, x, norm_first), one(x))
    spread = one(x).std(dim=-1, correction=0)  # of each word
    print(
        f"norm_first={norm_first!s:<6} spread of a word: {spread.min():.2f} to {spread.max():.2f}"
    )

# %%
# What each part does to a word
# -----------------------------
#
# Change the word at place :val:`7 <changed_words(layer.norm1)[0]>`, and see at which places each part gives something
# else. Of these parts, attention alone carries the change to other words. With a causal mask (:ref:`attention`), it
# reaches that word and those after it. So this "encoder" layer is also the block of a decoder-only model such as GPT.

future = torch.ones(10, 10, dtype=torch.bool).triu(1)  # True is hidden
for name, part, places in (
    ("norm1", layer.norm1, [7]),
    ("feed-forward", lambda x: layer.linear2(F.relu(layer.linear1(x))), [7]),
    ("attention", lambda x: layer.self_attn(x, x, x)[0], list(range(10))),
    ("block", layer, list(range(10))),
    ("block, causal", lambda x: layer(x, src_mask=future), [7, 8, 9]),
):
    print(f"{name:<14}{changed_words(part)}")
    assert changed_words(part) == places

# %%
# Positions
# ---------
#
# .. longer: 5 screens — positions, parameters and the parts have a cell each
#
# Without a mask, a block does not know the order of the words. If you shuffle them, the results are shuffled in the
# same way, and the two "the" of the sentence get the same result. The usual remedy is to *add* positions to the
# embeddings: vectors that are learned, or sines and cosines of different frequencies.

torch.manual_seed(1)
order = torch.randperm(10)
learned = nn.Embedding(10, D)  # trained with the network
for name, position in {
    "no positions": torch.zeros(10, D),
    "learned": learned.weight.detach(),
    "sinusoidal": sinusoidal(10, D),
}.items():
    out, shuffled = layer(x + position), layer(x[:, order] + position)
    same = torch.allclose(shuffled, out[:, order], atol=1e-5)
    apart = (out[0, 0] - out[0, 4]).abs().max().item()
    print(f'{name:<13} follows the shuffle: {same!s:<6}the two "the" differ by {apart:.2f}')
    assert same == (apart < 1e-5) == (name == "no positions")

# %%
# How many parameters?
# --------------------
#
# A word has D features. Attention has four matrices of D by D. The feed-forward part has two of D by 4 D, which is
# twice as much. Together with biases and norms this is :math:`12 D^2 + 13 D`. By default ``dim_feedforward`` is
# :val:`2048 <default.linear1.out_features>`, whatever D is.

for size in (24, 512, 768):
    with torch.device("meta"):  # shapes without memory
        one = nn.TransformerEncoderLayer(size, 8, 4 * size)
        default = nn.TransformerEncoderLayer(size, 8)
    parts = [count(one.self_attn), count(one.linear1, one.linear2), count(one.norm1, one.norm2)]
    attention, feed_forward, norms = (f"{part:,}" for part in parts)
    print(f"D = {size}: attention {attention}, feed-forward {feed_forward}, norms {norms}")
    print(f"all {count(one):,}; with the default dim_feedforward {count(default):,}")
    assert count(one) == 12 * size**2 + 13 * size

# %%
# .. use-this::
#
#    Take ``nn.TransformerEncoderLayer(D, H, 4 * D, batch_first=True, norm_first=True)``. Add positions to the
#    embeddings. Put an ``nn.LayerNorm(D)`` after the last block, because with ``norm_first=True`` the sum is not
#    normalized. H is the number of heads. Dropout is 0.1 by default, so call ``eval()`` before you evaluate. A block
#    has about :math:`12 D^2` parameters, and attention takes time for each pair of words. For a model that writes text,
#    see :class:`ptguide.models.GPT`.
#
# A common mistake
# ----------------
#
# **All blocks start as copies.** ``nn.TransformerEncoder`` copies the layer that it is given, weights included.
# Training moves the copies apart, because their gradients differ. Still, torch's own reference advises against such a
# start. Make each block separately.

with expect_warning(UserWarning, match="norm_first was True"):
    encoder = nn.TransformerEncoder(layer, num_layers=4)
first, *others = (block.linear1.weight for block in encoder.layers)
print("copies:     equal to the first:", [torch.equal(first, other) for other in others])
torch.manual_seed(0)
blocks = nn.ModuleList(
    nn.TransformerEncoderLayer(D, 6, 4 * D, batch_first=True, norm_first=True) for _ in range(4)
)
first, *others = (block.linear1.weight for block in blocks)
print("one by one: equal to the first:", [torch.equal(first, other) for other in others])

# %%
# In eval mode without gradients, torch has a faster way through padded batches. The warning says that it is not used
# with ``norm_first=True``. The results here are the same as without it, and ``enable_nested_tensor=False`` silences the
# warning. Where it is used, the results at padding are 0, and those of the other words stay the same.

# %%
# How this was checked

assert count(layer) == count(*(getattr(layer, name) for name in PARTS))
# From scratch equals torch in train mode, too, where dropout is 0; with masks; and for other sizes.
torch.manual_seed(2)
for (size, heads), norm_first, b in itertools.product(((12, 3), (40, 5)), (True, False), (1, 4)):
    one = nn.TransformerEncoderLayer(
        size, heads, 3 * size, dropout=0.0, batch_first=True, norm_first=norm_first
    )
    some = torch.randn(b, 7, size)
    for training in (True, False):
        torch.testing.assert_close(block(one.train(training), some, norm_first), one(some))
# In eval mode without gradients a fast path runs; it agrees up to rounding.
with torch.no_grad():
    fast = layer(x)
torch.testing.assert_close(fast, layer(x))
# The way through nested tensors, with the norm last: the same results, and 0 at padding.
pad = torch.arange(7) >= torch.tensor([[5], [3]])
nested = nn.TransformerEncoder(nn.TransformerEncoderLayer(D, 6, 4 * D, batch_first=True), 2).eval()
some = torch.randn(2, 7, D)
slow = nested(some, src_key_padding_mask=pad)
with torch.no_grad(), expect_warning(UserWarning, match="nested tensors is in prototype"):
    fast = nested(some, src_key_padding_mask=pad)
torch.testing.assert_close(fast[~pad], slow[~pad])
assert (fast[:, :5][pad[:, :5]] == 0).all()
assert slow[pad].abs().max() > 1
# With the default dropout of 0.1, train mode is random.
standard = nn.TransformerEncoderLayer(D, 6, batch_first=True)
assert standard.dropout.p == standard.dropout1.p == standard.self_attn.dropout == 0.1
assert not torch.equal(standard(x), standard(x))
standard.eval()
assert torch.equal(standard(x), standard(x))
# With the norm last, each word leaves with mean 0 and spread 1; with the norm first, it does not.
for norm_first in (True, False):
    one = nn.TransformerEncoderLayer(D, 6, 4 * D, norm_first=norm_first, batch_first=True).eval()
    spreads = one(torch.randn(5, 7, D)).std(dim=-1, correction=0)
    assert torch.allclose(spreads, torch.ones(5, 7), atol=1e-3) != norm_first
# The guide's block of GPT is this one: norm first, causal, GELU by tanh.
gpt = GPTBlock(GPTSettings(width=D, heads=6)).eval()
twin = nn.TransformerEncoderLayer(
    *(D, 6, 4 * D),
    activation=lambda x: F.gelu(x, approximate="tanh"),
    batch_first=True,
    norm_first=True,
).eval()
twin.load_state_dict(gpt.state_dict())
torch.testing.assert_close(twin(x, src_mask=future), gpt(x))
# A decoder layer has a third part, which reads from an encoder, and its norm.
for size in (24, 40):
    assert count(nn.TransformerDecoderLayer(size, 8, 4 * size)) == 16 * size**2 + 19 * size
# Copies part in training: their gradients differ.
encoder = nn.TransformerEncoder(layer, num_layers=4, enable_nested_tensor=False)
(encoder(x) * torch.randn(D)).sum().backward()
grads = [block.linear1.weight.grad for block in encoder.layers]
assert all(not torch.allclose(grads[0], other) for other in grads[1:])
assert encoder.norm is None
with expect_warning(UserWarning, match="norm_first was True"):
    warned = nn.TransformerEncoder(layer, num_layers=4)
torch.testing.assert_close(warned.eval()(x), encoder.eval()(x))
# nn.Transformer draws each block for itself, and its ends have a norm.
whole = nn.Transformer(D, 6, 2, 2, 4 * D, batch_first=True)
assert not torch.equal(*(block.linear1.weight for block in whole.encoder.layers))
assert isinstance(whole.encoder.norm, nn.LayerNorm)
# The sinusoidal positions are those of the formula, each row has the same length, and no two rows are equal.
table = sinusoidal(50, D)
for position, i in itertools.product(range(0, 50, 7), range(D // 2)):
    angle = position / 10_000 ** (2 * i / D)
    torch.testing.assert_close(
        table[position, 2 * i : 2 * i + 2], torch.tensor([math.sin(angle), math.cos(angle)])
    )
torch.testing.assert_close(table.norm(dim=1), torch.full((50,), math.sqrt(D / 2)))
assert torch.cdist(table, table).fill_diagonal_(1).min() > 0.1
# The default size of the feed-forward part.
for size in (24, 512, 768):
    assert nn.TransformerEncoderLayer(size, 8).linear1.out_features == 2048
# Shuffling, for several orders: the block follows each of them.
for _ in range(5):
    order = torch.randperm(10)
    torch.testing.assert_close(layer(x[:, order]), layer(x)[:, order])

# %%
# Check yourself
# --------------

with torch.device("meta"):
    one = nn.TransformerEncoderLayer(100, 5, 400)
weights_alone = sum(p.numel() for p in one.parameters() if p.dim() > 1)
ask(
    "D is 100 and dim_feedforward 400. How many weights are in the matrices of a block?",
    answer=weights_alone,
    choices={
        40_000: "These are the four matrices of attention.",
        80_000: "These are the two matrices of the feed-forward part.",
        120_000: "4 D² of attention and 8 D² of the feed-forward part.",
    },
)

# %%
# The next question asks about the order of words.

pair = [x, x.flip(1)]
means = [layer(one).mean(dim=1) for one in pair]
ask(
    "A classifier averages the results of the words of a block without positions. "
    'Can it tell "the cat sat" from "sat cat the"?',
    answer=not torch.allclose(*means, atol=1e-5),
    choices={
        True: "The results are those of the other order, shuffled, and a mean does not see the order.",
        False: "The block follows the shuffle, and the mean of the same vectors is the same.",
    },
)

# %%
# **Exercise.** Write the sinusoidal positions of shape (length, size), for an even size. Column :math:`2 i` is
# :math:`\sin(t / 10000^{2 i / \text{size}})` at position t, and column :math:`2 i + 1` the cosine of the same angle.


def by_loops(length, size):
    result = torch.zeros(length, size)
    for t, i in itertools.product(range(length), range(size // 2)):
        angle = t / 10_000 ** (2 * i / size)
        result[t, 2 * i], result[t, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return result


cases = [(2, 2), (3, 4), (20, 6)]


def positions(length, size):
    raise NotImplementedError


check(positions, by_loops, cases)

# %%
# A column of positions times a row of frequencies is the table of the angles.

# Solution


def positions(length, size):
    frequency = 10_000 ** (-torch.arange(0, size, 2) / size)
    angle = torch.arange(length)[:, None] * frequency
    result = torch.empty(length, size)
    result[:, 0::2], result[:, 1::2] = angle.sin(), angle.cos()
    return result


report = check(positions, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`gradient-descent-four-times` shows how the weights of such parts are found.
#
# - Vaswani et al. (2017). `Attention is all you need <https://arxiv.org/abs/1706.03762>`__. Section 3 has the block,
#   its feed-forward part and the positions.
# - Xiong et al. (2020). `On layer normalization in the Transformer architecture <https://arxiv.org/abs/2002.04745>`__.
#   Why the norm first is easier to train.
# - PyTorch contributors (2026). `torch.nn.TransformerEncoderLayer
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html>`__. The reference.
