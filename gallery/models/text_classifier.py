"""
.. _text-classifier:

How do I classify text in PyTorch?
==================================

Texts differ in length, and a network wants numbers in one shape. So the words get numbers, short texts are padded, and
the classifier has to leave the padding out.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import itertools
import random

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from ptguide.devices import pick_device
from ptguide.exercises import check
from ptguide.questions import ask

device = pick_device()
GOOD, BAD = "good great lovely fresh kind".split(), "bad awful dull stale rude".split()
NOUNS = "food room film staff music coffee".split()
ENDS = ["", "again", "on monday", "with my friends", "when we came back in may"]


def made():
    """Yield invented reviews, each with its label: 1 for good, 0 for bad."""
    for noun, end in itertools.product(NOUNS, ENDS):
        for good, bad in itertools.product(GOOD, BAD):
            yield f"the {noun} was {good} not {bad} {end}", 1
            yield f"the {noun} was {bad} not {good} {end}", 0
        for word, adverb in itertools.product(GOOD + BAD, ["", "very", "really"]):
            yield f"the {noun} was {adverb} {word} {end}", int(word in GOOD)


reviews = [(text.split(), label) for text, label in made()]
random.Random(0).shuffle(reviews)
training, unseen = reviews[:900], reviews[900:1500]

PAD, UNKNOWN = 0, 1
words = sorted({word for text, _ in training for word in text})
number_of = {word: number for number, word in enumerate(["<pad>", "<unknown>", *words])}


def encode(texts):
    """Return the numbers of the words, shape (B, T), with 0 behind the shorter texts."""
    rows = [torch.tensor([number_of.get(word, UNKNOWN) for word in text]) for text in texts]
    return pad_sequence(rows, batch_first=True, padding_value=PAD)


class MeanClassifier(nn.Module):
    """The mean of the vectors of the words, and a linear layer."""

    def __init__(self, dim=16):
        super().__init__()
        self.embedding = nn.Embedding(len(number_of), dim, padding_idx=PAD)
        self.head = nn.Linear(dim, 2)

    def forward(self, ids):
        there = (ids != PAD)[..., None]  # (B, T, 1): True at words
        x = self.embedding(ids) * there  # (B, T, D)
        return self.head(x.sum(dim=1) / there.sum(dim=1).clamp(min=1))  # (B, 2)


class LSTMClassifier(nn.Module):
    """What an LSTM gives at the last word, and a linear layer."""

    def __init__(self, dim=16):
        super().__init__()
        self.embedding = nn.Embedding(len(number_of), dim, padding_idx=PAD)
        self.lstm = nn.LSTM(dim, 2 * dim, batch_first=True)
        self.head = nn.Linear(2 * dim, 2)

    def forward(self, ids):
        out, _ = self.lstm(self.embedding(ids))  # (B, T, 2D)
        last = (ids != PAD).sum(dim=1) - 1  # the place of the last word
        return self.head(out[torch.arange(len(ids), device=ids.device), last])  # (B, 2)


def tensors_of(some):
    labels = torch.tensor([label for _, label in some])
    return encode(text for text, _ in some).to(device), labels.to(device)


train_ids, train_labels = tensors_of(training)
ids, labels = tensors_of(unseen)
negated = (ids == number_of["not"]).any(dim=1)


def train(new, seed, epochs=12):
    torch.manual_seed(seed)
    model = new().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        for rows in torch.randperm(len(train_ids)).split(50):
            loss = F.cross_entropy(model(train_ids[rows]), train_labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


@torch.no_grad()
def accuracy(model, which):
    return (model(ids[which]).argmax(dim=1) == labels[which]).float().mean().item()


means = [train(MeanClassifier, seed) for seed in range(3)]
model = means[0]
shown = [
    "the food was really good",
    "the room was stale when we came back in may",
    "the staff was kind not rude",
    "the staff was rude not kind",
]


def draw_words(texts):
    """Draw how much each word says for “good”: its vector, times the difference of the two rows of the head."""
    batch = encode(text.split() for text in texts)
    with torch.no_grad():
        says = (model.embedding.weight @ (model.head.weight[1] - model.head.weight[0])).cpu()
    values = says[batch].masked_fill(batch == PAD, torch.nan)
    _, axis = plt.subplots(figsize=(7, 2.3), layout="constrained")
    axis.set_facecolor("#d9d9d9")
    most = values.nan_to_num().abs().max().item()
    axis.imshow(values.numpy(), "RdBu", vmin=-most, vmax=most, aspect="auto")
    for row, column in itertools.product(*map(range, batch.shape)):
        number = batch[row, column].item()
        name = "pad" if number == PAD else (["<pad>", "<unknown>", *words])[number]
        dark = number != PAD and abs(says[number].item()) > 0.6 * most
        color = "white" if dark else "black"
        axis.text(column, row, name, ha="center", va="center", fontsize=8, color=color)
    axis.set(xticks=range(batch.shape[1]), yticks=range(len(batch)), xlabel="place", ylabel="text")
    axis.set_title(
        "Blue words say “good” and red ones “bad”; the padding says nothing", fontsize=10
    )
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_words(shown)

# %%
# These are four invented reviews. The classifier learned from :val:`900 <len(training)>` others how much each word
# says, and it takes the mean of a row. The last two rows have the same words in another order, so their mean is the
# same. You need to know :ref:`embedding` and :ref:`padding-and-packing`.
#
# .. longer: 6 screens — numbering, the mean, two models and their predictions have a cell each
#
# The rule
# --------
#
# Take B texts of T words, D features and C classes. The numbers of the words (B, T) become vectors (B, T, D), one
# vector for each text (B, D), and logits (B, C). Number the words of the *training* texts. 0 is the padding, and 1 is
# for words that are not in the list. The mask is True at the words.

words = sorted({word for text, _ in training for word in text})
number_of = {word: number for number, word in enumerate(["<pad>", "<unknown>", *words])}
texts = ["the food was good", "the sushi was not very fresh"]
rows = [torch.tensor([number_of.get(word, UNKNOWN) for word in text.split()]) for text in texts]
batch = pad_sequence(rows, batch_first=True, padding_value=PAD)  # (B, T)
mask = batch != PAD
print(batch)
print(mask.int())
print(f"{len(words)} words; 'sushi' is unknown and gets {batch[1, 1]}")
assert batch.shape == (2, 6)
assert mask.sum(dim=1).tolist() == [4, 6]
assert batch[1, 1] == UNKNOWN

# %%
# The mean without the padding
# ----------------------------
#
# Multiply the vectors by the mask, add them up, and divide by the number of words. ``nn.EmbeddingBag`` does the same
# for padded rows, with ``padding_idx=0``. Or it takes the words of these texts in one long row, and *offsets*: the
# place where each text begins.

table = nn.Embedding(len(number_of), 16)
by_hand = (table(batch) * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
bag = nn.EmbeddingBag.from_pretrained(table.weight.detach(), padding_idx=0)  # the mean by default
torch.testing.assert_close(bag(batch), by_hand)
flat, offsets = batch[mask], torch.tensor([0, 4])
torch.testing.assert_close(bag(flat, offsets), by_hand)
print("padded", tuple(batch.shape), "or flat", tuple(flat.shape), "->", tuple(by_hand.shape))

# %%
# Does the order of the words matter?
# -----------------------------------
#
# An :ref:`LSTM <lstm-and-gru>` reads the words one after the other. Compare the two on texts that were not in the
# training, with three seeds each. Without the word "not" the mean is enough. With it the label depends on the order,
# and the mean is no better than guessing.

# Varies with the processor: a training amplifies how it rounds.
lstms = [train(LSTMClassifier, seed) for seed in range(3)]
print("                 without 'not'       with 'not'")
for name, some in {"mean of words": means, "LSTM": lstms}.items():
    parts = [
        " ".join(f"{accuracy(one, part):5.0%}" for one in some) for part in (~negated, negated)
    ]
    print(f"{name:<14}", "   ".join(parts))
for one in means:
    assert accuracy(one, ~negated) > 0.95
    assert accuracy(one, negated) < 0.55
for one in lstms:
    assert accuracy(one, ~negated) > 0.9
    assert accuracy(one, negated) > 0.9

# %%
# Classify a new text
# -------------------
#
# Split it in the same way, use the same numbers, add the axis of the batch, and put the model into ``eval`` mode. The
# mean gives both orders the same probability, and the LSTM does not. "Sushi" is unknown. No training text has the
# number 1, so its vector is still the random one it began with. :ref:`mixed-table` trains such a row.


@torch.no_grad()
def probability_of_good(model, text):
    return model(encode([text.lower().split()]).to(device)).softmax(dim=1)[0, 1].item()


# Varies with the processor: a training amplifies how it rounds.
for text in ("The staff was kind not rude", "The staff was rude not kind", "The sushi was fresh"):
    both = (probability_of_good(one[0], text) for one in (means, lstms))
    print(f"{text:<28}", "mean {:.2f}   LSTM {:.2f}".format(*both))
for one in means:
    kind, rude = (probability_of_good(one, text) for text in shown[2:])
    assert abs(kind - rude) < 1e-5

# %%
# .. use-this::
#
#    Begin with ``nn.EmbeddingBag`` and a linear layer: each word has its part in the answer, as in the picture. Where
#    the order counts, take an LSTM, read at the last word, or a :ref:`transformer-block` with
#    ``src_key_padding_mask``. An LSTM costs a step for each place, one after the other. Save the numbering beside the
#    model. With few labels and real language, begin with a pretrained model and its own tokenizer.
#
# A common mistake
# ----------------
#
# **The mean over the padding.** ``mean(dim=1)`` divides by the length of the *longest* text of the batch. Then a
# prediction depends on which other texts are in the batch. The mask repairs it.

# Varies with the processor: a training amplifies how it rounds.
short, long = encode([shown[0].split()]).to(device), encode(t.split() for t in shown).to(device)
with torch.no_grad():
    for name, pool in {
        "mean(dim=1)": lambda ids: model.head(model.embedding(ids).mean(dim=1)),
        "with the mask": model,
    }.items():
        alone, in_batch = (pool(some)[0].softmax(dim=0)[1].item() for some in (short, long))
        print(f"{name:<14} alone {alone:.4f}, beside a longer text {in_batch:.4f}")
        assert (abs(alone - in_batch) < 1e-5) == (name == "with the mask")

# %%
# How this was checked

assert len({" ".join(text) for text, _ in reviews}) == len(reviews)  # no text is in both parts
assert len(training) == 900
assert not set(shown) & {" ".join(text) for text, _ in training}  # the shown reviews are new
assert not (train_ids == UNKNOWN).any()
# So the vector of unknown words is the one that each training began with.
for seed, one in enumerate(means):
    torch.manual_seed(seed)
    assert torch.equal(
        one.embedding.weight[UNKNOWN].cpu(), MeanClassifier().embedding.weight[UNKNOWN]
    )
shares = [sum(label for _, label in some) / len(some) for some in (training, unseen)]
assert all(0.45 < share < 0.55 for share in shares)  # guessing is right in half of the texts
# The mean is linear: with a word's own part it is the picture of the page.
with torch.no_grad():
    says = model.embedding.weight @ (model.head.weight[1] - model.head.weight[0])
    bias = model.head.bias[1] - model.head.bias[0]
    for row in ids[:50]:
        difference = model(row[None])[0].diff().squeeze()
        torch.testing.assert_close(
            difference, says[row[row != PAD]].mean() + bias, rtol=1e-3, atol=1e-5
        )
# Good words say good, bad ones bad, in each of the three.
for one in means:
    says = one.embedding.weight @ (one.head.weight[1] - one.head.weight[0])
    assert min(says[number_of[word]].item() for word in GOOD) > 0
    assert max(says[number_of[word]].item() for word in BAD) < 0
    assert not one.embedding.weight[PAD].any()
# The order changes no mean, for the first 50 texts.
with torch.no_grad():
    for row in ids[:50]:
        some = row[row != PAD]
        mixed = some[torch.randperm(len(some), device="cpu").to(device)]
        torch.testing.assert_close(model(some[None]), model(mixed[None]), rtol=1e-4, atol=1e-4)
# Each text alone and in its batch: the same logits, of both models.
with torch.no_grad():
    for one in (means[0], lstms[0]):
        together = one(ids[:40])
        for row, expected in zip(ids[:40], together, strict=True):
            torch.testing.assert_close(
                one(row[row != PAD][None])[0], expected, rtol=1e-4, atol=1e-4
            )
# The last output of an LSTM that was not packed has read the padding.
with torch.no_grad():
    lstm = lstms[0]
    out, _ = lstm.lstm(lstm.embedding(long))
    shorter = (long != PAD).sum(dim=1) < long.shape[1]
    expected = torch.stack(
        [lstm.lstm(lstm.embedding(row[row != PAD][None]))[0][0, -1] for row in long]
    )
    apart = (out[:, -1] - expected).abs().amax(dim=1)
    assert (apart > 1e-2).equal(shorter)
# EmbeddingBag, by a loop, on texts of several lengths.
for row, mean in zip(ids.cpu()[:30], bag(ids.cpu()[:30]), strict=True):
    torch.testing.assert_close(mean, table.weight[row[row != PAD]].mean(dim=0))
# A text without words gives the bias alone, and no NaN.
with torch.no_grad():
    empty = model(torch.zeros(1, 3, dtype=torch.int64, device=device))
    torch.testing.assert_close(empty[0], model.head.bias)

# %%
# Check yourself
# --------------

few = encode(["a b c".split(), "a".split()])
ask(
    "A batch has two texts, of 3 words and of 1. What is the shape of nn.Embedding(50, 8)(ids), with padding?",
    answer=nn.Embedding(50, 8)(few).shape,
    choices={
        (2, 3, 8): "Two texts, as many places as the longest, 8 features.",
        (4, 8): "That is what the flat form of EmbeddingBag reads: the four words.",
        (2, 8): "That is the result of EmbeddingBag, a mean for each text.",
    },
)

# %%
# The next question asks about a mean.

vectors = torch.tensor([[[6.0], [2.0], [0.0], [0.0]]])  # two words and two places of padding
ask(
    "Two words have the vectors [6] and [2], and two places of padding have [0]. What does mean(dim=1) give?",
    answer=vectors.mean(dim=1).item(),
    choices={
        4.0: "That is the mean of the words. The padding is counted, too.",
        2.0: "The sum is divided by 4 places, and not by 2 words.",
        8.0: "That is the sum.",
    },
)

# %%
# **Exercise.** A maximum over the words is another way to make one vector of a text. ``x`` has shape (B, T, D) and
# ``mask`` shape (B, T), True at the words. Return the largest value of each feature among the words, shape (B, D). Each
# text has a word.


def by_loops(x, mask):
    return torch.stack([row[there].amax(dim=0) for row, there in zip(x, mask, strict=True)])


generator = torch.Generator().manual_seed(0)
cases = [
    (torch.tensor([[[-1.0], [-2.0], [0.0]]]), torch.tensor([[True, True, False]])),
    (
        torch.randn(3, 4, 2, generator=generator) - 2,
        torch.arange(4) < torch.tensor([[1], [4], [2]]),
    ),
    (torch.randn(2, 5, 3, generator=generator), torch.arange(5) < torch.tensor([[5], [3]])),
]


def masked_max(x, mask):
    raise NotImplementedError


check(masked_max, by_loops, cases)

# %%
# A product with the mask would leave zeros, which win where the words are negative.

# Solution


def masked_max(x, mask):
    return x.masked_fill(~mask[..., None], float("-inf")).amax(dim=1)


report = check(masked_max, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`small-gpt` predicts the next token of a text and writes.
#
# - Joulin, Grave, Bojanowski and Mikolov (2017). `Bag of tricks for efficient text classification
#   <https://arxiv.org/abs/1607.01759>`__. How far the mean of word vectors gets.
# - Iyyer, Manjunatha, Boyd-Graber and Daumé (2015). `Deep unordered composition rivals syntactic methods for text
#   classification <https://doi.org/10.3115/v1/P15-1162>`__. Means of words, and where they fail.
# - PyTorch contributors (2026). `torch.nn.EmbeddingBag
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html>`__. The reference, with offsets and
#   weights.
