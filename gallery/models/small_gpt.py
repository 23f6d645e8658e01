"""
.. _small-gpt:

How does a small GPT work, and how does it write text?
======================================================

A GPT reads a text and says, at each place, how likely each next token is, here each next character. To write, it draws
one of them, adds it to the text, and reads again.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy
import itertools
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import text
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.models import GPT, GPTSettings, next_token
from ptguide.questions import ask

device = pick_device()
T, D, H, V = 48, 64, 4, 96  # places, features, heads, characters
codes = text("train").codes  # (n,): the language reference of Python, as numbers
unseen = text("validation", length=T)
vocabulary = unseen.vocabulary
sentence = "The statement is executed"


def train(seed, steps=260, lr=6e-3):
    """Train on windows of the text: the target of each character is the one that follows."""
    torch.manual_seed(seed)
    model = GPT(GPTSettings(vocab_size=V, block_size=T, layers=2, heads=H, width=D)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=device.type == "cpu")
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for _ in range(steps):
        start = torch.randint(len(codes) - T, (24, 1))
        window = codes[start + torch.arange(T + 1)].to(device)  # (B, T + 1)
        logits = model(window[:, :-1])  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def loss_of(model):
    """Return the mean loss of a character in text that the model has not seen, in nats."""
    logits = model(unseen.inputs.to(device)).cpu()
    return F.cross_entropy(logits.flatten(0, 1), unseen.targets.flatten()).item()


model = train(seed=0)
ids = vocabulary.encode(sentence)[None].to(device)  # (B, T) = (1, 25)
with torch.no_grad():
    probability = model(ids).softmax(dim=-1)[0].cpu()  # (T, V)


def draw_next():
    """Draw the probabilities of some next characters at each place of the sentence."""
    rows = sorted(set(sentence[1:]))
    _, axis = plt.subplots(figsize=(7, 2.7), layout="constrained")
    shown = probability[:-1, vocabulary.encode("".join(rows))].T  # (row, place)
    picture = axis.imshow(shown.numpy(), "Blues", vmin=0, vmax=1, aspect="auto")
    follows = [rows.index(letter) for letter in sentence[1:]]
    axis.plot(range(len(follows)), follows, "o", color="#d95f02", markersize=4)
    names = ["␣" if letter == " " else letter for letter in sentence]
    axis.set_xticks(range(len(follows)), names[:-1], fontsize=9)
    axis.set_yticks(range(len(rows)), ["␣" if row == " " else row for row in rows], fontsize=7)
    axis.set(xlabel="the last character that was read", ylabel="next character")
    plt.colorbar(picture, ax=axis, label="probability")
    axis.set_title("How likely is each next character? A dot marks the real one", fontsize=10)
    plt.show()


# %%

# Measured: another processor, or the text of another Python, gives another network.
draw_next()

# %%
# Each column is a place in the sentence, and the model has read up to the character below it. The rows are the
# characters of the sentence, out of the model's :val:`96 <V>`, and dark cells are likely. GPT stands for generative
# pre-trained transformer. You need to know :ref:`transformer-block`.
#
# .. longer: 7 screens — the model, its loss, three ways to draw and the cache have a cell each
#
# The rule
# --------
#
# At place :math:`t` the model computes a row of logits :math:`z_t` from the tokens up to there, and :math:`p(x_{t+1}
# \mid x_0, \ldots, x_t) = \text{softmax}(z_t)`. Each token is a number, whose row of a table is added to the row of its
# position. Then come blocks, a layer norm, and a product with the table of tokens again.

with torch.no_grad():
    embedded = model.token_embedding(ids) + model.position_embedding.weight[: ids.shape[1]]
    x = embedded
    for part in model.blocks:
        x = part(x)
    logits = model.norm(x) @ model.token_embedding.weight.T
    torch.testing.assert_close(logits, model(ids))
print("tokens     ", tuple(ids.shape), ids[0, :6].tolist(), "...")
print("embeddings ", tuple(embedded.shape))
print("blocks     ", tuple(x.shape))
print("logits     ", tuple(logits.shape))

# %%
# A block from scratch
# --------------------
#
# In a block, attention is the one part in which places read each other, and ``is_causal=True`` hides what comes later.
# So a changed character changes no logits of earlier places. The block adds to ``x`` twice: attention, then two linear
# layers.


def block(part, x):
    attention = part.self_attn
    qkv = F.linear(part.norm1(x), attention.in_proj_weight, attention.in_proj_bias)  # (B, T, 3D)
    q, k, v = (one.unflatten(-1, (H, -1)).transpose(1, 2) for one in qkv.chunk(3, dim=-1))
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, E)
    x = x + attention.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, T, D)
    return x + part.linear2(F.gelu(part.linear1(part.norm2(x)), approximate="tanh"))


with torch.no_grad():
    torch.testing.assert_close(block(model.blocks[0], embedded), model.blocks[0](embedded))
    other = ids.clone()
    other[0, 20] = vocabulary.encode("?").item()
    changed = (model(other) - model(ids)).abs().amax(dim=-1)[0] > 1e-3  # (T,)
print("character 20 changes the logits at", changed.nonzero().flatten().tolist())
assert changed.nonzero().flatten().tolist() == list(range(20, 25))

# %%
# What does it learn, and what is a good loss?
# --------------------------------------------
#
# The target at each place is the next character, as in the first two lines below. So a window of :val:`48 <T>`
# characters trains as many predictions at once. ``train`` in the *Set-up* is the whole training. The loss is the mean
# of :math:`-\ln p`, in nats. Compare it with an even guess, :math:`\ln V`, and with a *bigram* table, which counts the
# characters that follow each character. The perplexity :math:`e^{\text{loss}}` says among how many equally likely
# characters one would be as unsure.

# Measured: another processor, or the text of another Python, gives another network.
print("inputs ", sentence[:-1])
print("targets", sentence[1:])
counts = torch.ones(V, V)  # a pair that never came gets a small probability
counts.index_put_((codes[:-1], codes[1:]), torch.ones(len(codes) - 1), accumulate=True)
table = (counts / counts.sum(dim=1, keepdim=True)).log()  # (V, V)
bigram = F.nll_loss(table[unseen.inputs.flatten()], unseen.targets.flatten()).item()
losses = {"even guess": math.log(V), "bigram": bigram, "GPT": loss_of(model)}
for name, loss in losses.items():
    print(f"{name:<11}{loss:.2f} (perplexity {math.exp(loss):.1f})")
assert losses["GPT"] < bigram - 0.1

# %%
# Write, with a temperature
# -------------------------
#
# Divide the logits of the last place by a :ref:`temperature <temperature>`, and draw. At 0 the likeliest character is
# taken, which is called greedy, and this small model soon repeats itself. A high temperature draws unlikely characters.

# Measured: another processor, or the text of another Python, gives another network.


@torch.no_grad()
def write(model, prompt, n, temperature):
    tokens = vocabulary.encode(prompt)[None].to(device)
    for _ in range(n):
        logits = model(tokens[:, -T:])[:, -1]  # (B, V): T places are read, the last predicts
        if temperature == 0:
            new = logits.argmax(dim=-1, keepdim=True)
        else:
            new = torch.multinomial((logits / temperature).softmax(dim=-1), 1)
        tokens = torch.cat([tokens, new], dim=1)
    return vocabulary.decode(tokens[0])


torch.manual_seed(0)
for temperature in (0, 0.5, 1, 2):
    print(f"{temperature}:", repr(write(model, "The statement ", 70, temperature)))

# %%
# top-k and top-p
# ---------------
#
# Both leave out unlikely tokens before the draw, and what is left is scaled to sum to 1. *Top-k* keeps the k likeliest.
# *Top-p*, or nucleus sampling, keeps the fewest likeliest tokens whose probabilities reach p together. So it keeps
# fewer where the model is sure. Here are the places of the sentence where it is least and most sure.

# Measured: another processor, or the text of another Python, gives another network.


def kept(probability, k=V, p=1.0):
    """Return which tokens may be drawn; shape (V,)."""
    ordered, place = probability.sort(descending=True)
    likelier = ordered.cumsum(dim=0) - ordered  # what those before have together
    fits = (torch.arange(V) < k) & (likelier < p)
    return torch.zeros(V, dtype=torch.bool).scatter(0, place, fits)


sure = probability[:-1].max(dim=1).values
sizes = []
for place in (sure.argmin().item(), sure.argmax().item()):
    here = probability[place]  # (V,)
    letters = "".join(vocabulary.characters[i] for i in kept(here, p=0.9).nonzero().flatten())
    sizes.append(len(letters))
    five = here[kept(here, k=5)].sum()
    print(f"after {sentence[: place + 1]!r}: top_k=5 keeps {five:.0%} of the probability,")
    print(f"  top_p=0.9 keeps {len(letters)} characters: {letters!r}")
assert sizes[0] > sizes[1]

# %%
# The KV cache: the same logits for less work
# -------------------------------------------
#
# ``write`` reads the whole text again for each character. The causal mask makes that unnecessary: a new character
# changes no key and no value of an earlier place. A *KV cache* keeps them, and the model reads the new character alone.
# The cost is memory: two numbers for each layer, place and feature. The cache ends with the :val:`48 <T>` places. After
# them the window slides, each character gets another position, and what was kept no longer holds.

# Measured: another processor, or the text of another Python, gives another network.
caches = model.new_caches()
with torch.no_grad():
    steps = [model(ids[:, t : t + 1], caches) for t in range(ids.shape[1])]  # each (1, 1, V)
    torch.testing.assert_close(torch.cat(steps, dim=1), model(ids), rtol=1e-4, atol=1e-4)
n = ids.shape[1]
torch.manual_seed(0)
written = model.generate(ids, 23, temperature=0.8, top_p=0.95)  # with a cache
print(repr(vocabulary.decode(written[0].cpu())))
print(f"places computed for {n} characters: {n * (n + 1) // 2} without a cache, {n} with it")
gpt2 = GPTSettings()  # the smallest GPT-2
numbers = 2 * gpt2.layers * gpt2.block_size * gpt2.width
print(f"a full cache of GPT-2 small in float32: {numbers * 4 / 1e6:.0f} MB for each text")

# %%
# .. use-this::
#
#    Train with windows whose targets are shifted by one place, AdamW, and a schedule with warm-up. Compare the loss
#    with :math:`\ln V` before training and with a bigram table after it. To write, begin with a temperature of 0.8 and
#    ``top_p=0.95``, which are conventions. Where you need the same answer twice, pass a seeded ``generator``, or take
#    the likeliest token. Use a cache for more than a few tokens: it saves work and costs memory for each place.
#
# A common mistake
# ----------------
#
# **is_causal=True with a cache.** There is one new query and many keys. The mask of ``is_causal`` starts in the upper
# left corner, so the new query reads the *first* key alone, and no error is raised. One query may read all keys and
# needs no mask. For several, give a mask that puts the last query at the last key.

torch.manual_seed(0)
q, k, v = (torch.randn(1, H, places, 16) for places in (1, 10, 10))
wrong = F.scaled_dot_product_attention(q, k, v, is_causal=True)
right = F.scaled_dot_product_attention(q, k, v)
print("is_causal=True returns the first value:", torch.allclose(wrong, v[:, :, :1]))
print("without a mask it does:", torch.allclose(right, v[:, :, :1]))
mask = torch.ones(1, 10, dtype=torch.bool).tril(10 - 1)  # (queries, keys)
torch.testing.assert_close(F.scaled_dot_product_attention(q, k, v, attn_mask=mask), right)
assert torch.allclose(wrong, v[:, :, :1])
assert not torch.allclose(right, v[:, :, :1], atol=0.1)

# %%
# How this was checked

# A block is torch's own layer, weight for weight.
future = torch.ones(T, T, dtype=torch.bool).triu(1)
for part in model.blocks:
    twin = nn.TransformerEncoderLayer(
        *(D, H, 4 * D),
        activation=lambda x: F.gelu(x, approximate="tanh"),
        batch_first=True,
        norm_first=True,
    ).to(device)
    twin.load_state_dict(part.state_dict())
    some = torch.randn(3, T, D, device=device)
    with torch.no_grad():
        expected = twin.eval()(some, src_mask=future.to(device))
        torch.testing.assert_close(block(part, some), expected, rtol=1e-4, atol=1e-4)
# A full cache takes no more. At another position, the same token has another key, from the first block on.
with torch.no_grad():
    full, caches = torch.zeros(1, T, dtype=torch.int64, device=device), model.new_caches()
    model(full, caches)
    with expect_error(ValueError, match="expected at most block_size"):
        model(full[:, :1], caches)
    first = model.blocks[0]
    x = first.norm1(model.token_embedding(full) + model.position_embedding.weight)
    keys = F.linear(x, first.self_attn.in_proj_weight[D : 2 * D])[0]  # (T, D)
    assert (keys[1:] - keys[:-1]).abs().amax(dim=-1).min() > 1e-3
# The same seed draws the same text.
on_cpu = copy.deepcopy(model).cpu()
drawn = [
    on_cpu.generate(ids.cpu(), 9, generator=torch.Generator().manual_seed(3)) for _ in range(2)
]
assert torch.equal(*drawn)
# Each place: what comes before it is not touched.
with torch.no_grad():
    for place in range(ids.shape[1]):
        other = ids.clone()
        other[0, place] = vocabulary.encode("?").item()
        torch.testing.assert_close(model(other)[:, :place], model(ids)[:, :place])
        if sentence[place] != "?":
            assert (model(other)[:, place] - model(ids)[:, place]).abs().max() > 1e-3
# The loss before training is that of an even guess.
for seed in range(2):
    torch.manual_seed(seed)
    fresh = GPT(GPTSettings(vocab_size=V, block_size=T, layers=2, heads=H, width=D)).to(device)
    assert abs(loss_of(fresh) - math.log(V)) < 0.5  # it depends on the text, too
# The bigram table, by a loop over a piece of the text.
pairs = torch.ones(V, V)
for before, after in zip(codes[:999].tolist(), codes[1:1000].tolist(), strict=True):
    pairs[before, after] += 1
piece = torch.ones(V, V)
piece.index_put_((codes[:999], codes[1:1000]), torch.ones(999), accumulate=True)
assert torch.equal(pairs, piece)
# Greedy writing repeats itself: fewer different pieces of six characters than with a temperature of 1.
torch.manual_seed(1)
different = {0: 0, 1: 0}
for temperature in different:
    written = write(model, "The statement ", 150, temperature)[14:]
    different[temperature] = len({written[i : i + 6] for i in range(len(written) - 5)})
assert different[0] < 0.75 * different[1], different
# The cached model of the guide writes the same, greedily.
for prompt in ("The ", "import "):
    tokens = model.generate(vocabulary.encode(prompt)[None].to(device), 60, temperature=0)
    assert vocabulary.decode(tokens[0].cpu()) == write(model, prompt, 60, 0)
# A higher temperature has more entropy.
with torch.no_grad():
    last = model(ids)[0].cpu()
entropies = [
    torch.special.entr((last / t).softmax(dim=-1)).sum(dim=-1) for t in (0.25, 0.5, 1.0, 2.0, 4.0)
]
for lower, higher in itertools.pairwise(entropies):
    assert (lower < higher).all()
# kept: the numbers that remain, and the same tokens that the guide's next_token draws.
torch.manual_seed(2)
for settings in ({"k": 1}, {"k": 5}, {"p": 0.3}, {"p": 0.9}, {"k": 7, "p": 1.0}):
    logits = 3 * torch.randn(V)
    p = logits.softmax(dim=0)
    may = kept(p, **settings)
    names = {f"top_{name}": value for name, value in settings.items()}
    drawn = next_token(logits.expand(20_000, V), **names).unique()
    assert may[drawn].all()
    if "k" in settings:
        assert may.sum() == settings["k"]
    else:
        assert p[may].sum() >= settings["p"] - 1e-6
        assert p[may].sum() - p[may].min() < settings["p"]
# The size of a cache: two tensors of (B, H, T, E) for each layer.
cache = model.new_caches()[0]
with torch.no_grad():
    keys, values = cache.append(torch.zeros(1, H, n, D // H), torch.zeros(1, H, n, D // H))
assert keys.numel() + values.numel() == 2 * n * D
# is_causal with fewer queries than keys, for several shapes: the corner of the mask.
for queries, places in ((1, 7), (2, 7), (5, 6), (4, 4)):
    q, k, v = (torch.randn(2, H, size, 8) for size in (queries, places, places))
    upper = torch.ones(queries, places, dtype=torch.bool).tril()
    lower = torch.ones(queries, places, dtype=torch.bool).tril(places - queries)
    torch.testing.assert_close(
        F.scaled_dot_product_attention(q, k, v, is_causal=True),
        F.scaled_dot_product_attention(q, k, v, attn_mask=upper),
    )
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=lower)
    for row in range(queries):  # query by query, each with the keys up to its own place
        seen = places - queries + row + 1
        alone = F.scaled_dot_product_attention(q[:, :, [row]], k[:, :, :seen], v[:, :, :seen])
        torch.testing.assert_close(mixed[:, :, [row]], alone)

# %%
# Check yourself
# --------------

with torch.no_grad():
    answers = model(torch.zeros(24, 48, dtype=torch.int64, device=device))  # (B, T, V)
ask(
    f"A batch has {len(answers)} windows of {answers.shape[1]} characters. How many predictions does one step train?",
    answer=answers.shape[:2].numel(),
    choices={
        24: "Each window has a target at each of its places, and not one alone.",
        48: "That is one window.",
        1152: "Each place of each window predicts the character after it.",
        110592: "That is the number of logits, one for each character of the vocabulary.",
    },
)

# %%
# The next question is about nucleus sampling.

four = torch.zeros(V)
four[:4] = torch.tensor([0.5, 0.3, 0.15, 0.05])
ask(
    "Four tokens have the probabilities 0.5, 0.3, 0.15 and 0.05. How many does top-p keep with p = 0.7?",
    answer=int(kept(four, p=0.7).sum()),
    choices={
        1: "The first has 0.5, which does not reach 0.7.",
        2: "0.5 + 0.3 is the first sum that reaches 0.7.",
        3: "Two tokens reach it already.",
    },
)

# %%
# **Exercise.** Another way to leave out unlikely tokens is *min-p*. Keep the tokens whose probability is at least
# ``share`` times that of the likeliest one. Return their probabilities, which sum to 1 again, and 0 for the others.
# ``logits`` has shape (V,).


def by_loop(logits, share):
    probability = [math.exp(z - max(logits.tolist())) for z in logits.tolist()]  # the likeliest: 1
    some = [p if p >= share else 0.0 for p in probability]
    return torch.tensor([p / sum(some) for p in some])


generator = torch.Generator().manual_seed(0)
cases = [
    (torch.tensor([2.0, 0.0, 1.5]), 0.5),
    (torch.tensor([0.0, 0.0]), 0.9),
    (3 * torch.randn(20, generator=generator), 0.05),
    (300 + torch.randn(20, generator=generator), 0.3),
]


def min_p(logits, share):
    raise NotImplementedError


check(min_p, by_loop, cases)

# %%
# After ``softmax`` the likeliest token has ``p.max()``. What is left is divided by its sum.

# Solution


def min_p(logits, share):
    p = logits.softmax(dim=0)
    p = p.where(p >= share * p.max(), 0.0)
    return p / p.sum()


report = check(min_p, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`mixed-table` gives vectors to each column of a table, as characters have them here.
#
# - Radford et al. (2019). `Language models are unsupervised multitask learners
#   <https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf>`__. GPT-2.
# - Holtzman et al. (2020). `The curious case of neural text degeneration <https://arxiv.org/abs/1904.09751>`__. Why
#   greedy text repeats itself, and nucleus sampling.
# - Karpathy (2022). `nanoGPT <https://github.com/karpathy/nanoGPT>`__. A GPT-2 that can be read and trained in full.
