"""
.. _attention:

How does attention work?
========================

An embedding gives the word "it" the same numbers in each sentence, so nothing in them says what "it" is. Attention lets
each word read from the others: it takes a weighted mean over the words, and computes the weights from the words.
"""

# %%
# Set-up

import itertools
import math

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.models import dot_product_attention
from ptguide.questions import ask

words = "the cat sat on the mat because it was tired".split()
FEATURES = ["noun", "living", "verb", "pronoun"]
table = {
    "cat": [1, 1, 0, 0],
    "mat": [1, 0, 0, 0],
    "it": [0, 0, 0, 1],
    "sat": [0, 0, 1, 0],
    "was": [0, 0, 1, 0],
}
x = torch.tensor([table.get(word, [0, 0, 0, 0]) for word in words], dtype=torch.float32)
W_q = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 5.0], [4.0, 4.0]])
W_k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
W_v = torch.eye(4)[:, :3]
it, cat, mat = (words.index(word) for word in ("it", "cat", "mat"))


def weights_of(x, allowed=None):
    logits = (x @ W_q) @ (x @ W_k).mT / math.sqrt(W_q.shape[1])
    if allowed is not None:
        logits = logits.masked_fill(~allowed, -math.inf)
    return logits.softmax(dim=-1)


def show_words(axis, matrix, columns, title, rows=True):
    image = axis.imshow(matrix.numpy(), cmap="Blues", aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8)
    axis.set_yticks(range(10), words if rows else [""] * 10, fontsize=8)
    axis.set_title(title, fontsize=9)
    return image


def draw_weights():
    figure, axis = plt.subplots(figsize=(4.4, 3.3), layout="constrained")
    image = show_words(axis, weights_of(x), words, 'The row of "it" puts most weight on "cat"')
    axis.set(xlabel="word that is read", ylabel="word that reads")
    figure.colorbar(image, label="weight; each row sums to 1")
    plt.show()


def draw_steps(logits, weights, mixed):
    figure, axes = plt.subplots(
        1, 4, figsize=(7.4, 2.4), layout="constrained", width_ratios=[4, 9, 9, 4]
    )
    show_words(axes[0], x, FEATURES, f"x {tuple(x.shape)}")
    show_words(axes[1], logits, words, f"logits {tuple(logits.shape)}", rows=False)
    show_words(axes[2], weights, words, f"weights {tuple(weights.shape)}", rows=False)
    show_words(axes[3], mixed, FEATURES[:3], f"mixed {tuple(mixed.shape)}", rows=False)
    for axis in axes:
        axis.axhspan(it - 0.5, it + 0.5, fill=False, edgecolor="#d94801", linewidth=2)
    figure.suptitle('In the framed row, "it" becomes a noun that is living', fontsize=10)
    plt.show()


def draw_causal(allowed):
    _, axes = plt.subplots(1, 2, figsize=(6.4, 2.6), layout="constrained")
    show_words(axes[0], allowed, words, "the mask: blue is allowed")
    show_words(axes[1], weights_of(x, allowed), words, "the weights", rows=False)
    for axis in axes:
        axis.set(xlabel="word that is read")
    axes[0].set(ylabel="word that reads")
    axes[0].figure.suptitle("With a causal mask no weight lies above the diagonal", fontsize=10)
    plt.show()


def kept_bytes(function, *inputs, **options):
    """Return the bytes of memory that autograd keeps for the backward pass of a call."""
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = function(*inputs, **options)
    assert result.requires_grad
    return sum(kept.values())


# %%

draw_weights()
assert weights_of(x)[it].argmax() == cat
assert weights_of(x)[it, cat] > 0.9

# %%
# The ten words have embeddings of four features, written by hand so that you can read them. The matrices ``W_q``,
# ``W_k`` and ``W_v`` below are written by hand, too. A network learns both. You need to know :ref:`softmax` and
# :ref:`matmul`.
#
# The rule
# --------
#
# Three matrices make three vectors of each word. The *query* is what it looks for, the *key* what it offers, the
# *value* what it hands over. The *logits* are dot products of queries and keys, divided by :math:`\sqrt{D}`. Softmax
# along the keys makes weights of them, and the result is the weighted mean of the values:
# :math:`\text{softmax}(q k^T / \sqrt{D}) \, v`. T counts the words, and D the features of a key.

q, k, v = x @ W_q, x @ W_k, x @ W_v  # (T, D), (T, D), (T, value)
logits = q @ k.mT / math.sqrt(q.shape[-1])  # (T, T)
weights = logits.softmax(dim=-1)  # (T, T), each row sums to 1
mixed = weights @ v  # (T, value)
draw_steps(logits, weights, mixed)

# %%
# .. longer: 7 screens — three figures, and the cost and the root of D are measured
#
# Follow the word "it". Its query asks for a noun and for something living. The key of "cat" offers both, that of "mat"
# offers a noun. So "it" leaves with the features of the cat. "The" asks for nothing, and gets the mean of the ten
# values.

print("query of it:", q[it].tolist(), "keys: cat", k[cat].tolist(), "mat", k[mat].tolist())
for name, matrix in (("logits", logits), ("weights", weights)):
    numbers = ", ".join(f"{words[at]} {matrix[it, at]:.3f}" for at in (cat, mat, 0))
    print(f"{name} of it: {numbers}")
print("mixed of it: noun {:.2f}, living {:.2f}, verb {:.2f}".format(*mixed[it].tolist()))
torch.testing.assert_close(mixed[0], v.mean(dim=0))  # "the" asks for nothing

# %%
# :func:`torch.nn.functional.scaled_dot_product_attention` computes these lines. Axes before the last two are a batch.
# Queries may come from another sequence than keys and values: this is *cross-attention*. Here S counts the keys, and
# the weights have a row for each query and a column for each key.


def attention(q, k, v):
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1)  # (..., T, S)
    return weights @ v  # (..., T, value)


torch.testing.assert_close(attention(q, k, v), F.scaled_dot_product_attention(q, k, v))
torch.manual_seed(0)
q2, k2, v2 = torch.randn(3, 7, 16), torch.randn(3, 10, 16), torch.randn(3, 10, 5)
print("queries", tuple(q2.shape), "keys", tuple(k2.shape), "values", tuple(v2.shape))
print("result ", tuple(attention(q2, k2, v2).shape))
torch.testing.assert_close(attention(q2, k2, v2), F.scaled_dot_product_attention(q2, k2, v2))

# %%
# Why divide by the square root of D?
# -----------------------------------
#
# A dot product is a sum of D products. For independent numbers with mean 0 and variance 1 its standard deviation is
# :math:`\sqrt{D}`. So for large D, softmax without the division (*plain*) gives nearly all weight to one key. Its
# derivative there is near 0, so training can hardly change it. The slope is the derivative of the largest weight by its
# own logit. The printed weights and slopes are medians over 500 queries.

for size in (4, 64, 1024):
    q2, k2 = torch.randn(500, size), torch.randn(20, size)
    for name, divisor in (("divided", math.sqrt(size)), ("plain", 1.0)):
        logits = q2 @ k2.mT / divisor
        top = logits.softmax(dim=-1).amax(dim=-1)
        print(f"D = {size:>4}, {name:<8}: std of logits {logits.std():5.2f}", end=", ")
        print(f"largest weight {top.median():.3f}, slope {(top * (1 - top)).median():.4f}")
        if size == 1024:
            assert (top.median() > 0.95) == (name == "plain")

# %%
# The causal mask
# ---------------
#
# A model that predicts the next word may not see it. Logits above the diagonal become minus infinity, so their weight
# is 0 (:ref:`masked-softmax`, :ref:`triu-and-tril`). Now "sat" reads from "the", "cat" and itself. With
# ``is_causal=True`` you need not make this mask. Both together raise an error. The triangle begins in the upper left
# corner, so leave ``is_causal`` out for one new query on keys that were kept.

allowed = torch.ones(10, 10, dtype=torch.bool).tril()  # (reads, is read)
causal = F.scaled_dot_product_attention(q, k, v, is_causal=True)
torch.testing.assert_close(causal, weights_of(x, allowed) @ v)
torch.testing.assert_close(causal, F.scaled_dot_product_attention(q, k, v, attn_mask=allowed))
with expect_error(RuntimeError, match="should not be set when is_causal=True"):
    F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, is_causal=True)
draw_causal(allowed)

# %%
# What does it cost?
# ------------------
#
# The table of weights has a number for each pair of positions, so twice the length is four times the table. Written by
# hand, attention keeps it for the backward pass. Here ``scaled_dot_product_attention`` takes a *fused* kernel, which
# works on blocks and computes the weights again in the backward pass. Autograd keeps this much for one head, on a CPU:

for length in (256, 512, 1024, 2048):
    q2, k2, v2 = (torch.randn(1, 1, length, 16, requires_grad=True) for _ in range(3))
    by_hand = kept_bytes(attention, q2, k2, v2) / 2**20
    fused = kept_bytes(F.scaled_dot_product_attention, q2, k2, v2, is_causal=True) / 2**20
    print(f"{length:>4} positions: table of {length**2:>9,} numbers", end=", ")
    print(f"by hand {by_hand:5.2f} MiB, fused {fused:.2f} MiB")
assert by_hand > 16 > 16 * fused

# %%
# .. use-this::
#
#    Call ``F.scaled_dot_product_attention(q, k, v, is_causal=True)`` on tensors of shape (batch, head, position,
#    feature), without ``is_causal`` where all may be read. The time grows with the square of the length. A mask of
#    booleans is True where reading is allowed, unlike in :ref:`nn.MultiheadAttention <multihead-attention>`. With a
#    row for each query, a mask takes memory for each pair. On a CPU, dropout, inputs of two axes, and values of
#    another size than the keys take it, too. ``dropout_p`` acts in eval mode, too, so pass 0 yourself when the
#    model is not in training.
#
# A common mistake
# ----------------
#
# **Heads and positions in the wrong order.** A ``view`` gives (batch, position, head, feature). The function takes the
# last two axes as (position, feature), so it mixes the *heads* of one word, and no word reads from another. The shape
# of the result is right, and no error is raised. Swap the axes first (:ref:`attention-heads`).


def attend(h):
    return F.scaled_dot_product_attention(h, h, h)


def swap_and_attend(h):
    return attend(h.transpose(1, 2)).transpose(1, 2)


heads = torch.randn(2, 10, 3, 4)  # batch, position, head, feature
changed = heads.clone()
changed[:, 0] += 1  # another first word
for function, count in ((attend, 1), (swap_and_attend, 10)):
    differs = function(heads) != function(changed)
    places = differs[0].flatten(1).any(dim=1).nonzero().flatten()
    print(f"{function.__name__}: a new first word changes the results of words {places.tolist()}")
    assert len(places) == count

# %%
# How this was checked

# Equal to torch and to the guide's own, for many shapes, and row by row with a loop.
torch.manual_seed(1)
for batch, (t, s), size in itertools.product(((), (3,), (2, 5)), ((1, 4), (6, 6), (7, 2)), (1, 8)):
    q2, k2, v2 = (torch.randn(*batch, n, size) for n in (t, s, s))
    ours = attention(q2, k2, v2)
    torch.testing.assert_close(ours, F.scaled_dot_product_attention(q2, k2, v2))
    torch.testing.assert_close(ours, dot_product_attention(q2, k2, v2)[0])
    for place in itertools.product(*map(range, (*batch, t))):
        agree = torch.stack([q2[place] @ key for key in k2[place[:-1]]]) / math.sqrt(size)
        row = sum(w * value for w, value in zip(agree.softmax(dim=0), v2[place[:-1]], strict=True))
        torch.testing.assert_close(ours[place], row)
# Each row sums to 1, with the mask and without, and the mask leaves nothing above the diagonal.
for mask in (None, allowed):
    torch.testing.assert_close(weights_of(x, mask).sum(dim=-1), torch.ones(10))
assert (weights_of(x, allowed).triu(1) == 0).all()
assert weights_of(x, allowed)[2].nonzero().flatten().tolist() == [0, 1, 2]
# With the causal mask, another word changes nothing before it.
for place in range(1, 10):
    other = x.clone()
    other[place] += torch.randn(4)
    again = weights_of(other, allowed) @ (other @ W_v)
    assert torch.equal(again[:place], (weights_of(x, allowed) @ v)[:place])
# Words without a feature are read and not ignored, and equal words get equal results without positions.
assert torch.equal(mixed[0], mixed[4])
assert weights_of(x)[it, 0] > 0
# The standard deviation of a dot product is the root of D.
for size in (9, 100, 900):
    products = (torch.randn(4000, size) * torch.randn(4000, size)).sum(dim=1)
    assert abs(products.std() / math.sqrt(size) - 1) < 0.06
# The slope p (1 - p) is what autograd says.
logits = torch.randn(6, requires_grad=True)
p = logits.softmax(dim=0)
p[3].backward()
torch.testing.assert_close(logits.grad[3], p[3] * (1 - p[3]))
# What is kept: with a mask, dropout or values of another size, a table again; without a batch axis, too.
q2, k2, v2 = (torch.randn(1, 1, 300, 16, requires_grad=True) for _ in range(3))
square = 300 * 300
mask = torch.ones(300, 300, dtype=torch.bool)
for options, many in (({}, False), ({"is_causal": True}, False), ({"dropout_p": 0.1}, True)):
    kept = kept_bytes(F.scaled_dot_product_attention, q2, k2, v2, **options)
    assert (kept > 4 * square) == many
assert kept_bytes(F.scaled_dot_product_attention, q2, k2, v2, attn_mask=mask) > square
assert kept_bytes(F.scaled_dot_product_attention, q2, k2, v2, attn_mask=mask[:1]) < square
flat = [t.detach()[0, 0].requires_grad_() for t in (q2, k2, v2)]
assert kept_bytes(F.scaled_dot_product_attention, *flat) > 4 * square
assert kept_bytes(F.scaled_dot_product_attention, q2, k2, v2[..., :5]) > 4 * square
# A query that may read nothing gets 0, by each kernel that is tried here.
nothing = torch.ones(7, 7, dtype=torch.bool)
nothing[2] = False
for shape in ((7, 16), (1, 1, 7, 16)):
    h = torch.randn(shape)
    row = F.scaled_dot_product_attention(h, h, h, attn_mask=nothing)[..., 2, :]
    assert torch.equal(row, torch.zeros_like(row))
# dropout_p knows of no mode.
q2, k2, v2 = (torch.randn(1, 1, 50, 16) for _ in range(3))
twice = [F.scaled_dot_product_attention(q2, k2, v2, dropout_p=0.5) for _ in range(2)]
assert not torch.equal(*twice)
# Kernels agree up to rounding, and floating-point types of 16 and 64 bits are taken.
with sdpa_kernel(SDPBackend.MATH):
    plain = F.scaled_dot_product_attention(q2, k2, v2)
torch.testing.assert_close(F.scaled_dot_product_attention(q2, k2, v2), plain)
for dtype in (torch.float16, torch.bfloat16, torch.float64):
    low = F.scaled_dot_product_attention(*(t.to(dtype) for t in (q2, k2, v2)))
    assert low.dtype == dtype
    torch.testing.assert_close(low.float(), plain, rtol=0.02, atol=0.02)
with expect_error(RuntimeError, match="same dtype"):
    F.scaled_dot_product_attention(q2, k2.half(), v2)

# %%
# Check yourself
# --------------

some = [torch.zeros(2, 3, 5, 4), torch.zeros(2, 3, 7, 4), torch.zeros(2, 3, 7, 6)]
ask(
    "q has shape (2, 3, 5, 4), k (2, 3, 7, 4) and v (2, 3, 7, 6). What is the shape of the result?",
    answer=F.scaled_dot_product_attention(*some).shape,
    choices={
        (
            2,
            3,
            5,
            7,
        ): "That is the shape of the weights: a row for each query, a column for each key.",
        (2, 3, 7, 6): "There is a result for each query, and there are five.",
        (2, 3, 5, 6): "A result for each of the five queries, with the features of a value.",
    },
)

# %%
# A model that writes word after word keeps old keys, and has one new query.

last, five = torch.zeros(1, 1, 1, 4), torch.zeros(1, 1, 5, 4)
seen = F.scaled_dot_product_attention(last, five, torch.eye(5)[None, None], is_causal=True)
ask(
    "One query and five keys, with is_causal=True. How many of the keys does the query read?",
    answer=int((seen > 0).sum()),
    choices={
        0: "The mask is ones(1, 5).tril(), and its first row has one True.",
        1: "The triangle begins in the upper left corner: the newest word reads the oldest one alone. Leave "
        "is_causal out here.",
        5: "That would be right for the last word, but the triangle begins in the upper left corner.",
    },
)

# %%
# **Exercise.** In *local* attention a word reads itself and those shortly before it, ``window`` words together, or
# fewer at the beginning. Write it for q, k and v of shape (T, D).


def by_loops(q, k, v, window):
    rows = []
    for t in range(len(q)):
        near = slice(max(0, t - window + 1), t + 1)
        weights = (k[near] @ q[t] / math.sqrt(q.shape[1])).softmax(dim=0)
        rows.append(weights @ v[near])
    return torch.stack(rows)


torch.manual_seed(0)
cases = [
    (*torch.randn(3, t, size), window) for t, size, window in ((3, 2, 1), (4, 3, 2), (9, 5, 4))
]


def local_attention(q, k, v, window):
    raise NotImplementedError


check(local_attention, by_loops, cases)

# %%
# ``tril`` and ``triu`` together leave a band below the diagonal.

# Solution


def local_attention(q, k, v, window):
    band = torch.ones(len(q), len(q), dtype=torch.bool).tril().triu(1 - window)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=band)


report = check(local_attention, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`multihead-attention` is about the layer that learns the projections.
#
# - Vaswani et al. (2017). `Attention is all you need <https://arxiv.org/abs/1706.03762>`__. Section 3.2.1 has the
#   formula, and a footnote why the root of D is in it.
# - Dao et al. (2022). `FlashAttention <https://arxiv.org/abs/2205.14135>`__. How to compute it without the table.
# - PyTorch contributors (2026). `torch.nn.functional.scaled_dot_product_attention
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>`__. The
#   reference, with the same function in Python.
