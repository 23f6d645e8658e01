"""
.. _attention-heads:

How do I split and merge attention heads?
=========================================

Each head of attention works on its own part of the features, so (batch, token, feature) becomes (batch, head, token,
part). Split the features, then swap two axes, because a single ``reshape`` to that shape mixes the tokens.
"""

# %%
# Set-up

import itertools

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

torch.manual_seed(0)
sentence = 10 * torch.arange(3)[:, None] + torch.arange(
    8
)  # 3 tokens, 8 features: 17 is token 1, feature 7


def split_in_two(x):
    return x.view(3, 2, 4).transpose(0, 1)


def depends(attend):
    """Return which tokens of the input each token of the output depends on, shape (T, T)."""
    x = torch.rand(1, 6, 12, dtype=torch.float64)
    by_token = torch.autograd.functional.jacobian(
        lambda x: attend(x)[0].sum(dim=-1), x
    )  # (T, 1, T, D)
    return by_token.abs().sum(dim=(1, 3)) > 0


def show(matrices):
    _, axes = plt.subplots(1, len(matrices), figsize=(5.4, 2.5), layout="constrained")
    for axis, (name, matrix) in zip(axes, matrices.items(), strict=True):
        axis.imshow(matrix.numpy(), cmap="Blues", vmin=0, vmax=1.4)
        axis.set_title(name, fontsize="small")
        axis.set(xlabel="token of the input", ylabel="token of the output")
    axes[0].figure.suptitle("After reshape, a causal mask lets the future in")
    plt.show()


# %%

draw(split_in_two, sentence, names=["sentence"])

# %%
# This sentence of three tokens with eight features is split into two heads of four features. Each row and color is a
# token: each head has all tokens, and half of the features of each. You need to know :ref:`transpose-and-permute` and
# :ref:`reshape-and-view`.
#
# The rule
# --------
#
# Split the last axis, then bring the heads in front of the tokens. Their sizes are called B (batch), H (heads), T
# (tokens) and E (features of a head). Then ``heads[b, h, t, e]`` is ``x[b, t, h * E + e]``.


def split(x, heads):
    batch, tokens, features = x.shape
    return x.view(batch, tokens, heads, features // heads).transpose(1, 2)


x = torch.rand(5, 3, 8)  # batch, token, feature
heads = split(x, 2)
for b, h, t, e in itertools.product(range(5), range(2), range(3), range(4)):
    assert heads[b, h, t, e] == x[b, t, h * 4 + e]
print(f"{tuple(x.shape)} -> {tuple(heads.shape)}, shares memory: {shares_memory(x, heads)}")

# %%
# Merging undoes the two steps in reverse: first swap, then join. Here ``@`` returned a contiguous tensor in the order
# B, H, T, E. After the swap its memory is out of order, so ``view`` raises, and ``flatten`` copies.


def merge(heads):
    return heads.transpose(1, 2).flatten(2)


mixed = torch.eye(3) @ heads  # each token takes itself alone
assert torch.equal(merge(mixed), x)
assert not shares_memory(merge(mixed), mixed)
with expect_error(RuntimeError, match="view size is not compatible"):
    mixed.transpose(1, 2).view(5, 3, 8)

# %%
# Why do the heads come before the tokens? A product of matrices uses the last two axes, and treats the axes before them
# as a batch of matrices. So one call computes attention for each head of each sentence. A loop over heads gives the
# same.

query, key, value = (torch.rand(5, 3, 8) for _ in range(3))
together = merge(F.scaled_dot_product_attention(split(query, 2), split(key, 2), split(value, 2)))
for h, part in enumerate([slice(0, 4), slice(4, 8)]):
    alone = F.scaled_dot_product_attention(query[..., part], key[..., part], value[..., part])
    torch.testing.assert_close(together[..., part], alone)
    print(f"head {h}: features {part.start} to {part.stop - 1}, equal")

# %%
# .. use-this::
#
#    Write ``x.view(B, T, H, -1).transpose(1, 2)`` to split, and ``heads.transpose(1, 2).flatten(2)`` to merge.
#    Splitting is a view and copies nothing. Merging a contiguous tensor of several heads and tokens copies it. Below,
#    the result of ``scaled_dot_product_attention`` has its memory in token order already, and merging copies nothing.

B, T, H, E = 5, 3, 2, 4
heads = x.view(B, T, H, -1).transpose(1, 2)
assert torch.equal(heads.transpose(1, 2).flatten(2), x)
fused = F.scaled_dot_product_attention(heads, heads, heads)
assert shares_memory(merge(fused), fused)

# %%
# A common mistake
# ----------------
#
# **One reshape.** ``x.reshape(B, H, T, E)`` has the right shape. But its head 0 holds tokens 0 and 1 with all their
# features. Merged in the right way, the output at token 0 then depends on tokens :val:`2 <int(wrong[0].nonzero()[1])>`
# and :val:`4 <int(wrong[0].nonzero()[2])>`, although a causal mask should hide them. In the figure, blue means "depends
# on". A model that sees the next token need not learn to predict it.


def causal(heads):
    return merge(F.scaled_dot_product_attention(heads, heads, heads, is_causal=True))


B, T, H, E = 1, 6, 3, 4
right = depends(lambda x: causal(split(x, H)))
wrong = depends(lambda x: causal(x.reshape(B, H, T, E)))
show({"view and transpose": right, "reshape": wrong})
assert torch.equal(right, torch.ones(6, 6).tril().bool())
assert wrong[0].nonzero().flatten().tolist() == [0, 2, 4]

# %%
# How this was checked

for b, h, t, e in itertools.product((1, 2), (1, 3), (1, 4), (1, 5)):
    x = torch.rand(b, t, h * e)
    assert torch.equal(merge(split(x, h)), x)
    assert split(x, h).shape == (b, h, t, e)
    contiguous = split(x, h).contiguous()
    assert shares_memory(merge(contiguous), contiguous) == (1 in (h, t, e))
    assert torch.equal(split(x, h), x.unflatten(-1, (h, e)).permute(0, 2, 1, 3))
    # The reshape is right for one head or one token alone.
    same = torch.equal(split(x, h), x.reshape(b, h, t, e))
    assert same == (h == 1 or t == 1)
# Head 0 of the reshape holds whole tokens where the heads divide them.
tokens = torch.arange(6)[:, None].expand(6, 3 * 4)
assert tokens.reshape(3, 6, 4)[0].unique().tolist() == [0, 1]
# torch's own layer splits in the same order.
layer = nn.MultiheadAttention(8, 2, batch_first=True, bias=False)
x = torch.rand(5, 3, 8)
parts = F.linear(x, layer.in_proj_weight).chunk(3, dim=-1)
mixed = merge(F.scaled_dot_product_attention(*(split(part, 2) for part in parts)))
torch.testing.assert_close(layer.out_proj(mixed), layer(x, x, x, need_weights=False)[0])
# The gradient of split is merge.
x = torch.rand(2, 3, 8, requires_grad=True)
weight = torch.rand(2, 2, 3, 4)
(split(x, 2) * weight).sum().backward()
assert torch.equal(x.grad, merge(weight))
# A number of heads that does not divide the features.
with expect_error(RuntimeError, match="invalid for input of size"):
    split(torch.rand(2, 3, 8), 3)

# %%
# Check yourself
# --------------

asked = split(torch.arange(2 * 5 * 12).reshape(2, 5, 12), 3)
ask(
    f"x has shape (2, 5, 12) and is split into {asked.shape[1]} heads. Which features of a token does head 1 have?",
    answer=f"{asked[0, 1, 0, 0]} to {asked[0, 1, 0, -1]}",
    choices={
        "1 to 10": "Taking every third feature would need the order (size, head) when the axis is split.",
        "4 to 7": f"Each head has {asked.shape[-1]} neighboring features: 0 to 3, 4 to 7, 8 to 11.",
        "0 to 11": "That is the reshape, whose head 1 has token 2 whole, and no feature of token 0.",
    },
)

# %%
# On the way back:

out = torch.zeros(2, 3, 5, 4)
ask(
    "heads has shape (2, 3, 5, 4), in the order B, H, T, E. What is the shape of heads.flatten(1, 2)?",
    answer=out.flatten(1, 2).shape,
    choices={
        (2, 5, 12): "That is heads.transpose(1, 2).flatten(2), which joins heads and sizes.",
        (2, 15, 4): "Axes 1 and 2 are joined as they are: heads and tokens. Swap first.",
        (2, 3, 20): "That is heads.flatten(2).",
    },
)

# %%
# **Exercise.** One linear layer can compute query, key and value. Its result for a sentence has shape (T, 3 · H · E):
# first the features of the queries, then those of the keys, then those of the values. Return the heads of all three,
# of shape (3, H, T, E).


def by_slices(x, heads):
    size = x.shape[1] // (3 * heads)
    parts = [x[:, start : start + size] for start in range(0, x.shape[1], size)]
    return torch.stack([torch.stack(parts[k * heads : (k + 1) * heads]) for k in range(3)])


cases = [
    (torch.arange(6).reshape(1, 6), 2),
    (torch.arange(24).reshape(2, 12), 2),
    (torch.arange(120).reshape(4, 30), 5),
]


def all_heads(x, heads):
    raise NotImplementedError


check(all_heads, by_slices, cases, without=["stack", "cat", "split", "chunk"])

# %%
# Split the features into three axes, and bring the first two to the front.

# Solution


def all_heads(x, heads):
    parts = x.unflatten(-1, (3, heads, -1))  # (T, 3, H, E)
    return parts.permute(1, 2, 0, 3)


report = check(all_heads, by_slices, cases, without=["stack", "cat", "split", "chunk"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cat` joins several tensors.
#
# - Vaswani et al. (2017). `Attention is all you need <https://arxiv.org/abs/1706.03762>`__. Its section 3.2.2 has the
#   heads.
# - Rogozhnikov (2022). `Einops: clear and reliable tensor manipulations with Einstein-like notation
#   <https://openreview.net/forum?id=oapKSVM2bcj>`__. The split and the merge as ``b t (h e) -> b h t e``.
