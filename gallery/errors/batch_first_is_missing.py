"""
.. _batch-first-is-missing:

nn.LSTM learns badly: batch_first=True is missing
=================================================

``nn.LSTM``, ``nn.MultiheadAttention`` and ``nn.Transformer`` take (time, batch, feature) by default, and raise nothing
for (batch, time, feature). Samples then see each other, and networks learn badly: write ``batch_first=True``.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import inspect
import itertools

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

train, test = digits("train"), digits("test")


class RowByRow(nn.Module):
    """Reads the eight rows of an image as a sequence: (B, T, D) = (sample, row, pixel)."""

    def __init__(self, batch_first):
        super().__init__()
        self.lstm = nn.LSTM(8, 24, batch_first=batch_first)
        self.head = nn.Linear(24, 10)

    def forward(self, x):
        states, _ = self.lstm(x)
        return self.head(states[:, -1])


def fit(batch_first, seed):
    torch.manual_seed(seed)
    model = RowByRow(batch_first)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(8):
        for rows in torch.randperm(len(train)).split(50):
            logits = model(train.inputs[rows, 0])
            loss = F.cross_entropy(logits, train.targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


@torch.no_grad()
def answers(model, batch_size):
    return torch.cat([model(x).argmax(dim=1) for x in test.inputs[:, 0].split(batch_size)])


def accuracy(model, batch_size):
    return 100 * (answers(model, batch_size) == test.targets).float().mean().item()


models = {flag: [fit(flag, seed) for seed in range(3)] for flag in (True, False)}
sizes = [1, 5, 50]
scores = {
    flag: torch.tensor([[accuracy(m, n) for n in sizes] for m in ms]) for flag, ms in models.items()
}


def draw_scores():
    figure, axis = plt.subplots(figsize=(5.8, 2.5), layout="constrained")
    for flag, color in ((True, "C0"), (False, "C1")):
        for line in scores[flag]:
            axis.semilogx(sizes, line, "o-", color=color, alpha=0.7)
        axis.plot([], [], "o-", color=color, label=f"batch_first={flag}")
    axis.set_xticks(sizes, sizes)
    axis.minorticks_off()
    axis.set(xlabel="batch size in the evaluation", ylabel="test accuracy in %", ylim=(0, 100))
    axis.legend()
    figure.suptitle("Half as good, and the answer depends on the batch")
    plt.show()


# %%

# Varies with the processor: three trainings each.
draw_scores()

# %%
# An LSTM reads the digits row by row, in three trainings with and three without the argument. The orange networks learn
# something and raise nothing. Their accuracy changes with the batch size, though the images are the same.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# What you see                                                          Fix
# ====================================================================  =============================================
# :ref:`a recurrent network learns badly <batch-first-shapes>`          ``batch_first=True``
# :ref:`attention: the answer depends on the batch <batch-first-att>`   ``batch_first=True``
# :ref:`the loss refuses the size of hidden[-1] <batch-first-state>`    ``batch_first=True``
# ====================================================================  =============================================
#
# .. _batch-first-shapes:
#
# The rule
# --------
#
# By default axis 0 is time. With a batch of 50 images, the LSTM then reads eight "samples" of 50 time steps. Its memory
# runs from image to image. In its output, ``states``, the part ``states[:, -1]`` then belongs to the last *row* of each
# image. The shape of the result is the same, so nothing fails.

x = test.inputs[:50, 0]  # (50, 8, 8): sample, row, pixel
for flag in (True, False):
    states, _ = nn.LSTM(8, 24, batch_first=flag)(x)
    print(f"batch_first={flag!s:<6} {tuple(x.shape)} -> {tuple(states.shape)}")
    assert states[:, -1].shape == (50, 24)

# %%
# A test of three lines
# ---------------------
#
# The gradient of one sample's answer with respect to the other samples must be 0. Take three random sequences, on the
# CPU. If a model reads word ids, give it embeddings here, because integers have no gradient. The test also finds a
# mistaken ``reshape`` or a mean over the batch.


def test_samples_do_not_see_each_other(model, *shape):
    x = torch.rand(3, *shape, requires_grad=True)
    model.eval()(x)[
        1
    ].exp().sum().backward()  # exp, because the sum alone is constant after softmax
    assert x.grad[[0, 2]].count_nonzero() == 0, "sample 1 depends on other samples"


torch.manual_seed(0)
test_samples_do_not_see_each_other(RowByRow(batch_first=True), 8, 8)
with expect_error(AssertionError, match="sample 1 depends on other samples"):
    test_samples_do_not_see_each_other(RowByRow(batch_first=False), 8, 8)
print("with batch_first=True the test passes")

# %%
# .. _batch-first-att:
#
# Attention has the same default
# ------------------------------
#
# In the wrong order, each token attends to itself and to the tokens at its place in the *other samples*. It does not
# attend to the rest of its own sentence. The test finds this in ``nn.MultiheadAttention`` and in a layer of
# ``nn.Transformer``. ``nn.TransformerEncoder`` warns, in words about speed.


class Attention(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.layer = nn.MultiheadAttention(12, 4, **options)

    def forward(self, x):
        return self.layer(x, x, x)[0]


for kind in (
    Attention,
    lambda **options: nn.TransformerEncoderLayer(12, 4, 20, **options),
):
    test_samples_do_not_see_each_other(kind(batch_first=True), 7, 12)
    with expect_error(AssertionError, match="sample 1 depends on other samples"):
        test_samples_do_not_see_each_other(kind(), 7, 12)
with expect_warning(UserWarning, match="batch_first was not True"):
    nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 4, 20), num_layers=2)

# %%
# .. _batch-first-state:
#
# The last state keeps its order
# ------------------------------
#
# ``batch_first`` changes the order of the axes of the input and of ``states``. It does not change ``hidden`` and
# ``cell``: these are (layer, batch, feature) with both values of the argument. So ``hidden[-1]`` is the last layer, and
# ``hidden[:, -1]`` would be the last *sample*.
#
# Where batch and time differ in length, a head on ``hidden[-1]`` does not fail in silence. Without the argument, the
# loss gets eight answers for 50 labels and refuses them.

for flag, data in ((True, x), (False, x.transpose(0, 1))):
    lstm = nn.LSTM(8, 24, num_layers=2, batch_first=flag)
    states, (hidden, cell) = lstm(data)
    print(f"batch_first={flag!s:<6} states {tuple(states.shape)}, hidden {tuple(hidden.shape)}")
    torch.testing.assert_close(hidden[-1], states[:, -1] if flag else states[-1])
_, (hidden, _) = nn.LSTM(8, 24)(x)  # batch_first is missing
with expect_error(
    ValueError, match=r"Expected input batch_size \(8\) to match target batch_size \(50\)"
):
    F.cross_entropy(nn.Linear(24, 10)(hidden[-1]), test.targets[:50])

# %%
# .. use-this::
#
#    Write ``batch_first=True`` in each recurrent and each attention layer, because a ``DataLoader`` puts the batch
#    first. Keep the default only in code that is time-first throughout, and say so with the axes in a comment. The
#    price is that each of these layers needs the argument. ``nn.utils.rnn.pad_sequence``, ``pack_padded_sequence`` and
#    ``pad_packed_sequence`` need it, too.
#
# A common mistake
# ----------------
#
# **A reshape to the order that the layer wants.** ``x.reshape(8, 50, 8)`` has the shape (time, batch, feature), and
# each of its 50 "sequences" holds rows of eight images. Use ``x.transpose(0, 1)``. See
# :ref:`reshape-instead-of-permute`.

rows = torch.arange(50)[:, None, None].expand(50, 8, 8)  # each pixel is the number of its image
print("reshape:  ", rows.reshape(8, 50, 8)[:, 0, 0].tolist())
print("transpose:", rows.transpose(0, 1)[:, 0, 0].tolist())
assert x.reshape(8, 50, 8).shape == x.transpose(0, 1).shape
for sequence in rows.reshape(8, 50, 8).unbind(dim=1):
    assert sequence.unique().numel() == 8

# %%
# How this was checked

assert scores[True].min() > 75
assert scores[False].max() < 65
assert scores[False].mean() < 0.6 * scores[True].mean()
assert (scores[True].amin(dim=1) - scores[True].amax(dim=1)).abs().max() < 1
for model in models[True]:
    assert (answers(model, 1) == answers(model, 50)).float().mean() > 0.99
for model in models[False]:
    assert (answers(model, 1) == answers(model, 50)).float().mean() < 0.8
# The states at the last row, read from image to image, by hand.
wrong = models[False][0]
by_hand = wrong.head(wrong.lstm(x[:, -1:])[0][:, 0])
torch.testing.assert_close(wrong(x), by_hand)
# RNN and GRU have the same default, and the decoder of a transformer, too.
for kind in (nn.RNN, nn.GRU, nn.LSTM):
    torch.testing.assert_close(kind(8, 24)(x)[0].shape, kind(8, 24, batch_first=True)(x)[0].shape)
    assert kind(8, 24).batch_first is False
assert not nn.TransformerDecoderLayer(12, 4, 20).self_attn.batch_first
# nn.Transformer holds an encoder, so it warns, too.
with expect_warning(UserWarning, match="batch_first was not True"):
    nn.Transformer(12, 4, 2, 2, 20)
# The transposed input gives what batch_first=True gives.
for kind in (nn.RNN, nn.GRU, nn.LSTM):
    one, two = kind(8, 24), kind(8, 24, batch_first=True)
    two.load_state_dict(one.state_dict())
    torch.testing.assert_close(one(x.transpose(0, 1))[0].transpose(0, 1), two(x)[0])
# In the wrong order, a token attends to one place of each sample.
x_ = torch.rand(3, 7, 12, requires_grad=True)
Attention()(x_)[1, 4].square().sum().backward()
assert x_.grad.ne(0).any(dim=-1).nonzero().tolist() == [[0, 4], [1, 4], [2, 4]]


# The test finds a mean over the batch, a reshape that mixes, and both behind a softmax.
class Of(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.forward = function


for mixing in (
    lambda x: x - x.mean(dim=0),
    lambda x: x.reshape(7, 3, 12).cumsum(0).transpose(0, 1),
    lambda x: (x - x.mean(dim=0)).softmax(dim=-1),
):
    with expect_error(AssertionError, match="sample 1 depends on other samples"):
        test_samples_do_not_see_each_other(Of(mixing), 7, 12)
for helper in (
    nn.utils.rnn.pad_sequence,
    nn.utils.rnn.pack_padded_sequence,
    nn.utils.rnn.pad_packed_sequence,
):
    assert inspect.signature(helper).parameters["batch_first"].default is False
# batch_first reaches the states alone, for one and two layers and both directions.
for layers, both in itertools.product((1, 2), (False, True)):
    lstm = nn.LSTM(8, 24, layers, batch_first=True, bidirectional=both)
    assert lstm(x)[1][0].shape == (layers * (2 if both else 1), 50, 24)

# %%
# Check yourself
# --------------
#
# The first question is about the axis of time.

ask(
    "nn.GRU(5, 6) gets a batch of 3 sentences of 7 words, as a tensor of shape (3, 7, 5). How many time steps does it "
    "take?",
    answer=next(
        n for n in (3, 5, 7) if nn.GRU(5, 6)(torch.zeros(3, 7, 5))[1].shape[1] * n == 3 * 7
    ),
    choices={
        3: "Axis 0 is time by default, so the three sentences are read one after the other.",
        5: "The last axis holds the features in either order.",
        7: "With batch_first=True it would.",
    },
)

# %%
# The next question is about a single sample.

torch.manual_seed(0)
forgotten, one = RowByRow(batch_first=False).eval(), torch.rand(1, 8, 8)
two = torch.cat([one, torch.rand(1, 8, 8)])
ask(
    "batch_first is forgotten. Image 0 goes through the network alone, and then in a batch in front of another image. "
    "Is its output the same?",
    answer="yes" if torch.allclose(forgotten(one)[0], forgotten(two)[0]) else "no",
    choices={
        "yes": "The LSTM reads the images in order, and image 0 comes first. Image 1 sees image 0.",
        "no": "That is so for the image that comes second: the state of image 0 reaches it.",
    },
)

# %%
# **Exercise.** Return a table of the samples: ``seen[i, j]`` is True where the output of sample ``i`` depends on sample
# ``j``. ``model`` takes the batch ``x`` and keeps axis 0. One of the models ends with a softmax.


def by_changing(model, x):
    base, seen = model(x), torch.zeros(len(x), len(x), dtype=torch.bool)
    for j in range(len(x)):
        other = x.clone()
        other[j] = other[j].square()
        seen[:, j] = (model(other) != base).flatten(1).any(dim=1)
    return seen


torch.manual_seed(1)
sequences = torch.rand(3, 4, 8, dtype=torch.float64)
cases = [
    (nn.Linear(8, 2).double(), sequences),
    (lambda x: x.cumsum(dim=0), sequences),
    (lambda x: x - x.mean(dim=0), sequences),
    (lambda x: x.cumsum(dim=0).softmax(dim=-1), sequences),
    (RowByRow(batch_first=False).double(), sequences),
]


def seen_by(model, x):
    raise NotImplementedError


check(seen_by, by_changing, cases)

# %%
# ``torch.autograd.grad`` is called once for each sample of the output. The sum of a softmax is constant, so sum its
# ``exp``.

# Solution


def seen_by(model, x):
    x = x.clone().requires_grad_()
    rows = []
    for output in model(x):
        (grad,) = torch.autograd.grad(output.exp().sum(), x, retain_graph=True)
        rows.append(grad.flatten(1).ne(0).any(dim=1))
    return torch.stack(rows)


report = check(seen_by, by_changing, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`softmax-over-the-wrong-axis`, which mixes samples in another place.
#
# - PyTorch contributors (2026). `LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`__. The
#   reference, with the shapes.
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. Uses
#   gradients to find a network that mixes samples.
