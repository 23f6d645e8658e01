"""
.. _input-batch-size-to-match-target:

ValueError: Expected input batch_size (64) to match target batch_size (32).
===========================================================================

Your network gives 64 rows of outputs for 32 labels, often because ``x.view(-1, 120)`` cut each sample in two. Print
both shapes in front of the loss, and follow axis 0 back to where it changes.
"""

# %%
# Set-up

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
digit_images, labels = digits("train")[:32]
# Wider than the network expects: (sample, channel, row, column).
images = F.pad(digit_images, (2, 2))
assert images.shape == (32, 1, 8, 12)


class Net(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, kernel_size=3)
        self.head = nn.Linear(features, 10)

    def forward(self, x):
        x = self.conv(x).relu()
        x = x.view(-1, self.head.in_features)
        return self.head(x)


class Flat(Net):
    def forward(self, x):
        return self.head(self.conv(x).relu().flatten(1))


def accuracy(kind, features, labels_of, seed):
    """Train on 300 digits with labels that are changed; return the accuracy for 300 others."""
    torch.manual_seed(seed)
    network = kind(features)
    inputs, targets = (F.pad(digits("train").inputs, (2, 2)), digits("train").targets)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        loss = F.cross_entropy(network(inputs[:300]), labels_of(targets[:300]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits = network(inputs[300:600]).view(300, -1, 10).mean(dim=1)
    return (logits.argmax(1) == targets[300:600]).float().mean().item()


# %%

outputs = Net(features=120)(images)
with expect_error(ValueError, match=r"input batch_size \(64\) to match target batch_size \(32\)"):
    F.cross_entropy(outputs, labels)
print("outputs", tuple(outputs.shape), "labels", tuple(labels.shape))

# %%
# *Input* is what the loss gets first: the outputs of the network, with 64 rows. *Target* is the second argument, the
# labels, and there are 32. Compare both with the number of samples in your batch, and follow the one that differs.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: transpose(1, 2); output[:, -1] — the cells of the causes run them
#
# ================================================================  ===============================================
# Usual cause                                                       Fix
# ================================================================  ===============================================
# :ref:`view(-1, n) cut the samples <batch-view>`                   ``flatten(1)``
# :ref:`only one of the two was flattened <batch-text>`             ``targets.flatten()``, or ``transpose(1, 2)``
# :ref:`Expected target size [5, 11], got [5, 7] <batch-text>`      ``transpose(1, 2)``
# :ref:`output[-1] of a recurrent network <batch-first>`            ``output[:, -1]``
# :ref:`several crops of each image <batch-crops>`                  ``repeat_interleave``, or the mean over crops
# :ref:`a single label without an axis <batch-one>`                 ``label[None]``
# ================================================================  ===============================================
#
# The rule
# --------
#
# The loss compares row :math:`i` of the outputs with label :math:`i`: shape :math:`(N, C)` and shape :math:`(N)`. Keep
# the batch as the first axis of both, from the loader to the loss. Here the sizes agree in each batch, the last too.

for x, y in DataLoader(TensorDataset(images, labels), batch_size=12):
    prediction = Flat(features=240)(x)
    assert len(x) == len(prediction) == len(y)
print("the last batch:", tuple(x.shape), tuple(prediction.shape), tuple(y.shape))

# %%
# .. _batch-view:
#
# view(-1, n) cut the samples
# ---------------------------
#
# The network was made for 120 features and each of these wider images gives 240. ``view`` asks for rows of 120, so it
# makes two rows of each image. ``flatten(1)`` keeps the images apart. The error then comes from the layer, where the
# mistake is: make it for 240 features. See :ref:`mat1-and-mat2-shapes`.

maps = Net(features=120).conv(images).relu()
cut, whole = maps.view(-1, 120), maps.flatten(1)
print(tuple(maps.shape), "becomes", tuple(cut.shape), "or", tuple(whole.shape))
with expect_error(RuntimeError, match=r"\(32x240 and 120x10\)"):
    Flat(features=120)(images)
loss = F.cross_entropy(Flat(features=240)(images), labels)
print(f"loss {loss:.2f}")

# %%
# .. _batch-text:
#
# Only one of the two was flattened
# ---------------------------------
#
# A language model gives outputs of shape (batch, position, word) for targets of shape (batch, position). The loss takes
# axis 1 for the classes, here the 7 positions, and so expects targets of size [5, 11]. Flatten both, or move the words
# to axis 1. The mean loss is the same.

logits = torch.randn(5, 7, 11)  # 5 texts, 7 positions, 11 words
targets = torch.randint(11, (5, 7))
with expect_error(ValueError, match=r"input batch_size \(35\) to match target batch_size \(5\)"):
    F.cross_entropy(logits.flatten(0, 1), targets)
with expect_error(RuntimeError, match=r"Expected target size \[5, 11\], got \[5, 7\]"):
    F.cross_entropy(logits, targets)
flat = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
torch.testing.assert_close(flat, F.cross_entropy(logits.transpose(1, 2), targets))

# %%
# .. _batch-first:
#
# output[-1] of a recurrent network
# ---------------------------------
#
# With ``batch_first=True``, axis 0 is the batch, so ``output[-1]`` is the last *text* with its 9 positions. The last
# position of each text is ``output[:, -1]``, if the texts are not padded. The same message comes where
# ``batch_first=True`` was forgotten. Then add it, because the network took the texts for positions.

lstm, head = nn.LSTM(6, 13, batch_first=True), nn.Linear(13, 2)
output, _ = lstm(torch.randn(16, 9, 6))  # (text, position, feature)
is_positive = torch.randint(2, (16,))
with expect_error(ValueError, match=r"input batch_size \(9\) to match target batch_size \(16\)"):
    F.cross_entropy(head(output[-1]), is_positive)
assert F.cross_entropy(head(output[:, -1]), is_positive).isfinite()
output, _ = nn.LSTM(6, 13)(torch.randn(16, 9, 6))  # without batch_first=True
with expect_error(ValueError, match=r"input batch_size \(9\) to match target batch_size \(16\)"):
    F.cross_entropy(head(output[-1]), is_positive)

# %%
# .. _batch-crops:
#
# Several crops of each image
# ---------------------------
#
# The network gets the five crops of each image one after the other, as samples. So repeat each label five times in a
# row, or average the outputs over the crops.

crops = torch.stack([images[..., i : i + 8] for i in range(5)], dim=1)  # (32, 5, 1, 8, 8)
outputs = Flat(features=4 * 6 * 6)(crops.flatten(0, 1))
with expect_error(ValueError, match=r"input batch_size \(160\) to match target batch_size \(32\)"):
    F.cross_entropy(outputs, labels)
assert F.cross_entropy(outputs, labels.repeat_interleave(5)).isfinite()
averaged = outputs.unflatten(0, (32, 5)).mean(dim=1)
assert F.cross_entropy(averaged, labels).isfinite()

# %%
# .. _batch-one:
#
# A single label without an axis
# ------------------------------
#
# A batch of one image needs a batch of one label. A label that is a number has no axis, and the message calls this 0.

outputs = Flat(features=240)(images[:1])
with expect_error(ValueError, match=r"input batch_size \(1\) to match target batch_size \(0\)"):
    F.cross_entropy(outputs, labels[0])
assert F.cross_entropy(outputs, labels[0][None]).isfinite()

# %%
# .. use-this::
#
#    Let axis 0 be the batch everywhere. Flatten images with ``flatten(1)``, and texts with ``flatten(0, 1)`` beside
#    ``targets.flatten()``. Use ``view(-1, n)`` where you mean to join the batch with another axis, and do the same with
#    the targets. Of contiguous tensors, these make views, which copy nothing.
#
# A common mistake
# ----------------
#
# ``labels.repeat(2)`` brings both numbers to 64. But the two rows of one image are neighbors, and ``repeat`` writes the
# whole list twice, so most rows get the label of another image. Three networks are then hardly better than guessing,
# and three others with ``repeat_interleave(2)`` do learn.

print("repeat:           ", torch.tensor([3, 8, 5]).repeat(2).tolist())
print("repeat_interleave:", torch.tensor([3, 8, 5]).repeat_interleave(2).tolist())
found = {}
for name, kind, features, labels_of in [
    ("flatten(1)", Flat, 240, lambda y: y),
    ("view(-1, 120), labels.repeat(2)", Net, 120, lambda y: y.repeat(2)),
    ("view(-1, 120), repeat_interleave(2)", Net, 120, lambda y: y.repeat_interleave(2)),
]:
    found[name] = right = [accuracy(kind, features, labels_of, seed) for seed in range(3)]
    print(f"{name:36} accuracy {min(right):.2f} to {max(right):.2f}")
flat, repeated, interleaved = found.values()
assert max(repeated) < 0.2
assert min(flat + interleaved) > 0.7

# %%
# How this was checked

# The message names the first size of both, for several numbers and shapes behind them.
for n, m in [(1, 2), (2, 1), (6, 3), (64, 32), (0, 3)]:
    with expect_error(
        ValueError, match=rf"input batch_size \({n}\) to match target batch_size \({m}\)"
    ):
        F.cross_entropy(torch.zeros(n, 10), torch.zeros(m, dtype=torch.int64))
with expect_error(ValueError, match=r"input batch_size \(2\) to match target batch_size \(3\)"):
    F.cross_entropy(torch.zeros(2, 10, 4, 5), torch.zeros(3, 4, 5, dtype=torch.int64))
# The other axes have messages of their own.
with expect_error(RuntimeError, match=r"size mismatch \(got input: \[2, 10, 4, 5\]"):
    F.cross_entropy(torch.zeros(2, 10, 4, 5), torch.zeros(2, 4, 6, dtype=torch.int64))
with expect_error(RuntimeError, match=r"Expected target size \[2, 4\], got \[2\]"):
    F.cross_entropy(torch.zeros(2, 10, 4), torch.zeros(2, dtype=torch.int64))
# Both networks give the same where the size fits, and the rows that view makes are halves of one image.
net = Net(features=240)
flat_net = Flat(features=240)
flat_net.load_state_dict(net.state_dict())
assert torch.equal(net(images), flat_net(images))
maps = net.conv(images).relu()
assert torch.equal(maps.view(-1, 120)[6:8].flatten(), maps[3].flatten())
# The flattened shapes are views.
assert maps.flatten(1).data_ptr() == maps.data_ptr()
assert logits.flatten(0, 1).data_ptr() == logits.data_ptr()
# repeat_interleave brings each crop the label of its image.
for i, label in enumerate(labels.repeat_interleave(5).tolist()):
    assert label == labels[i // 5]
# With repeat, two rows of 64 have the label of their own image.
rows = torch.arange(32)
assert (rows.repeat(2) == rows.repeat_interleave(2)).sum() == 2
# output[:, -1] is the hidden state at the last position of each text, in the direction of reading.
output, (hidden, _) = lstm(torch.randn(16, 9, 6))
torch.testing.assert_close(output[:, -1], hidden[0])
# Without batch_first=True, output[:, -1] has a fitting shape, and each text is changed by those before it.
seq, x = nn.LSTM(6, 13), torch.randn(16, 9, 6)
output, changed = seq(x)[0][:, -1], seq(torch.cat([x[:1] + 1, x[1:]]))[0][:, -1]
assert output.shape == (16, 13)
assert not torch.equal(output[1], changed[1])

# %%
# Check yourself
# --------------
#
# The first question is about a network that was made for smaller images.


def sizes(features, count):
    rows = torch.zeros(count, 400).view(-1, features)
    try:
        F.cross_entropy(nn.Linear(features, 10)(rows), torch.zeros(count, dtype=torch.int64))
    except ValueError as error:
        return str(error).removeprefix("Expected ")
    return "no error"


ask(
    "Each of 16 images has 400 features, and the network calls x.view(-1, 100). What does the loss expect?",
    answer=sizes(100, 16),
    choices={
        "input batch_size (64) to match target batch_size (16).": "Each image becomes four rows of 100.",
        "input batch_size (16) to match target batch_size (64).": "Input is the first argument: the outputs.",
        "input batch_size (4) to match target batch_size (16).": "The rows get shorter, so there are more of them.",
        "no error": "That needs x.view(-1, 400), or one row for each image.",
    },
)

# %%
# In the next question a transpose was forgotten.


def loss_without_transpose(words):
    try:
        F.cross_entropy(torch.randn(5, 7, words), torch.zeros(5, 7, dtype=torch.int64))
    except RuntimeError:
        return "an error"
    return "a number, over the wrong axis"


ask(
    "logits have shape (5, 7, 7): 5 texts, 7 positions, 7 words. The transpose is forgotten. What does cross_entropy "
    "give for targets of shape (5, 7)?",
    answer=loss_without_transpose(7),
    choices={
        "an error": "With 11 words there is one. Here both axes have the same size, so the shapes fit.",
        "a number, over the wrong axis": "It takes the positions for the classes, and nothing warns.",
    },
)

# %%
# **Exercise.** A language model gives ``logits`` of shape (batch, position, word) for ``tokens`` of shape (batch,
# position). The logits at one position are for the token at the *next* one. So the first token has no logits, and the
# last logits have no token. Return the mean loss.


def next_token_loss(logits, tokens):
    raise NotImplementedError


def by_loops(logits, tokens):
    losses = []
    for row, words in zip(logits, tokens, strict=True):
        for t in range(len(words) - 1):
            losses.append(-row[t].log_softmax(0)[words[t + 1]])
    return torch.stack(losses).mean()


cases = [
    (torch.zeros(1, 2, 3), torch.tensor([[0, 1]])),
    (torch.randn(2, 4, 5), torch.randint(5, (2, 4))),
    (torch.randn(5, 7, 11), torch.randint(11, (5, 7))),
    (torch.randn(3, 6, 6), torch.randint(6, (3, 6))),
]
check(next_token_loss, by_loops, cases)

# %%
# Leave out the last position of the logits and the first of the tokens, and flatten both.

# Solution


def next_token_loss(logits, tokens):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


report = check(next_token_loss, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`floating-point-type-for-target`, where the shapes agree and the kind of the targets does not.
#
# - PyTorch contributors (2026). `CrossEntropyLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__. The section *Shape* lists what
#   goes together.
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. Among
#   its advice: how gradients reveal a ``view`` that mixes samples.
