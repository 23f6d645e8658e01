"""
.. _dropout-train-and-eval:

What do train() and eval() change? (dropout)
============================================

A model is trained, and the same image gets another answer each time. Its dropout still sets random features to 0, until
``eval()`` sets a flag in each module and dropout passes the features on unchanged.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import statistics

import matplotlib.pyplot as plt
import torch
from matplotlib.colors import BoundaryNorm, ListedColormap
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
few = TensorData(*train_set[:200])
guessed = torch.rand(500, generator=torch.Generator().manual_seed(0)) < 0.3
wrong = torch.randint(10, (500,), generator=torch.Generator().manual_seed(1))
noisy = TensorData(train_set.inputs[:500], torch.where(guessed, wrong, train_set.targets[:500]))


def draw_passes():
    """Draw what dropout makes of twenty ones, in five passes of each mode."""
    torch.manual_seed(0)
    layer, ones = nn.Dropout(0.5), torch.ones(20)
    rows = [layer(ones) for _ in range(5)] + [layer.eval()(ones) for _ in range(3)]
    figure, axis = plt.subplots(figsize=(5.6, 2.5), layout="constrained")
    colors = ListedColormap(["#f2f2f2", "#7fb2e5", "#1f5fa8"])
    shown = axis.imshow(
        torch.stack(rows).numpy(), cmap=colors, norm=BoundaryNorm([-0.5, 0.5, 1.5, 2.5], 3)
    )
    axis.set_yticks(range(8), ["train()"] * 5 + ["eval()"] * 3)
    axis.set(xticks=[], xlabel="20 features, each 1 before the layer")
    axis.axhline(4.5, color="black")
    figure.colorbar(shown, ticks=[0, 1, 2], label="after it", shrink=0.8)
    axis.set_title("In train mode each pass drops other features")
    plt.show()
    return torch.stack(rows)


def new_network(p, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Dropout(p), nn.Linear(256, 10))
    )


def train(network, seed, data=few, epochs=60):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    order = torch.Generator().manual_seed(seed)
    network.train()
    for _epoch in range(epochs):
        for x, y in batches(data, 50, shuffle=True, generator=order):
            loss = F.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def accuracy(network, data=test_set):
    with torch.no_grad():
        return 100 * (network(data.inputs).argmax(dim=1) == data.targets).float().mean().item()


torch.manual_seed(0)
sample, others = torch.randn(1, 8, 6), torch.randn(2, 8, 6)


def is_random(layer):
    both = torch.cat([sample, others])
    return not torch.equal(layer(both), layer(both))


def sees_batch(layer):
    """Return whether the answer for a sample depends on those beside it, for the same random numbers."""
    found = []
    for beside in (sample, others):
        torch.manual_seed(0)
        found.append(layer(torch.cat([sample, beside]))[0])
    return not torch.allclose(*found, atol=1e-6)


def accuracies(p, data, epochs):
    """Return the mean accuracy on the training data, and those of five seeds on unseen data."""
    networks = [train(new_network(p, seed), seed, data, epochs) for seed in range(5)]
    return statistics.mean(accuracy(one, data) for one in networks), [
        accuracy(one) for one in networks
    ]


class Answer(nn.Module):
    def __init__(self, trained, drop):
        super().__init__()
        self.trained, self.drop = trained, drop

    def forward(self, x):
        return self.trained[4](self.drop(self, self.trained[:3](x)))


# %%

rows = draw_passes()
assert set(rows[:5].unique().tolist()) == {0, 2}
assert set(rows[5:].unique().tolist()) == {1}
assert len(rows[:5].unique(dim=0)) == 5

# %%
# One dropout layer with p = 0.5 gets the same ones eight times, five of them in train mode. A new module is in train
# mode. You need to know :ref:`anatomy-of-nn-module`.
#
# The rule
# --------
#
# In train mode each element is 0 with the probability p, and the others are divided by 1 - p. So :math:`y = x \, m / (1
# - p)`, where the mask :math:`m` is 0 or 1. In eval mode :math:`y = x`. The function below computes this, and draws the
# same random numbers as torch.


def dropout_from_scratch(x, p, training):
    if not training:
        return x
    mask = torch.empty_like(x).bernoulli_(1 - p)  # 1 with the probability 1 - p
    return x * mask / (1 - p)


x = torch.randn(20, 50)
for p in (0.1, 0.5, 0.9):
    torch.manual_seed(0)
    by_hand = dropout_from_scratch(x, p, training=True)
    torch.manual_seed(0)
    torch.testing.assert_close(F.dropout(x, p, training=True), by_hand)
    print(
        f"p = {p}: {(by_hand == 0).sum()} of {x.numel()} are 0, the others times {1 / (1 - p):.2f}"
    )

# %%
# Why the others grow
# -------------------
#
# .. longer: 6 screens — what the modes change is shown for eight layers
#
# The next layer adds up its inputs. With a part of them gone, the sum would be smaller in training than in use. The
# division keeps the mean of the sum. The spread of the sum grows with p: this is the noise that dropout adds. Here is
# the sum of 100 ones.

ones = torch.ones(10_000, 100)
for p in (0.0, 0.2, 0.5, 0.8):
    sums = F.dropout(ones, p).sum(dim=1)
    plain = (F.dropout(ones, p) != 0).float().sum(dim=1)
    print(
        f"p = {p}: mean {sums.mean():6.2f}, spread {sums.std():5.2f}; undivided {plain.mean():6.2f}"
    )
    assert abs(sums.mean() - 100) < 1

# %%
# Which layers have a mode?
# -------------------------
#
# ``train()`` and ``eval()`` go through the modules and set ``training`` in each. A layer that does not look at the flag
# is the same in both. In the table, a layer is *random* if two passes differ. It *sees the batch* if other samples
# change the result of a sample.

layers = [nn.Dropout(), nn.Dropout1d(), nn.RReLU(), nn.BatchNorm1d(8), nn.LayerNorm(6)]
layers += [nn.GroupNorm(2, 8), nn.Linear(6, 6), nn.GELU()]
print("             random: train  eval    sees the batch: train  eval")
for layer in layers:
    random, batch = (
        [test(layer.train(mode)) for mode in (True, False)] for test in (is_random, sees_batch)
    )
    words = ["yes" if found else "-" for found in (*random, *batch)]
    print("{:<20} {:<6} {:<22} {:<6} {}".format(type(layer).__name__, *words))
    assert (random[1], batch[1]) == (False, False)

# %%
# Batch norm is not random, but in train mode it uses mean and variance of the batch, and moves its running averages
# (:ref:`frozen-batch-norm`). ``nn.MultiheadAttention`` and ``nn.LSTM`` are random in train mode if their ``dropout`` is
# not 0. An LSTM of one layer has no place for it, and warns.
#
# Whole channels
# --------------
#
# Neighboring pixels of a feature map say nearly the same, so a single one that is 0 hides little. ``nn.Dropout2d``
# drops whole channels of a sample, and expects four axes. Each character is one pixel of a map of 3 by 3, with six
# channels side by side.

torch.manual_seed(1)
maps = torch.ones(1, 6, 3, 3)
for layer in (nn.Dropout(0.5), nn.Dropout2d(0.5)):
    print(type(layer).__name__)
    for row in layer(maps)[0].transpose(0, 1):
        print("  ".join("".join("█" if one else "·" for one in channel) for channel in row))

# %%
# Does it help?
# -------------
#
# Dropout is meant to reduce :term:`overfitting`. A network of :val:`256 <new_network(0.5)[1].out_features>` hidden
# units learned from :val:`200 <len(few)>` clean digits, and from :val:`500 <len(noisy)>` of which 30 % got random
# labels. The figures are means and ranges over five seeds, on unseen digits with right labels.

# Varies with the processor: a training amplifies how it rounds.
gained = {}
for name, data in (("clean", few), ("random labels", noisy)):
    for p in (0.0, 0.5, 0.8):
        seen, unseen = accuracies(p, data, epochs=30)
        print(
            f"{name:<14}p = {p}: seen {seen:.1f} %, unseen {statistics.mean(unseen):.1f} %", end=" "
        )
        print(f"({min(unseen):.1f} to {max(unseen):.1f})")
        gained[name, p] = unseen

# %%
# On the clean digits the network reads unseen ones as well without dropout. Random labels have to be learned by heart,
# and there dropout is worth several points.
#
# .. use-this::
#
#    Make an ``nn.Dropout`` in ``__init__``, with the usual p from 0.1 to 0.5. Put it after an activation, not after the
#    last layer. Call ``train()`` before training and ``eval()`` before measuring. Take none where the network does not
#    overfit: dropout slows the learning down. In train mode a mask is kept for ``backward``; in eval mode it costs
#    nothing. Do not mix up ``eval()`` with ``no_grad``, which changes what is recorded (:ref:`evaluation`).
#
# A common mistake
# ----------------
#
# **Dropout that eval() does not reach.** The function ``F.dropout`` has ``training=True`` as its default. A layer that
# is made within ``forward`` is new in each pass, so it is in train mode. Neither raises an error. Pass
# ``self.training``, or make the layer in ``__init__``. :ref:`model-eval-is-missing` has a test that finds both. Below,
# each line measures one model three times in eval mode.


trained = train(new_network(0.5), seed=0)
ways = {
    "F.dropout(h)": lambda self, h: F.dropout(h),
    "nn.Dropout()(h) in forward": lambda self, h: nn.Dropout()(h),
    "F.dropout(h, training=self.training)": lambda self, h: F.dropout(h, training=self.training),
}
# Varies with the processor: a trained network.
for name, drop in ways.items():
    model = Answer(trained, drop).eval()
    print(f"{name:<37}", ", ".join(f"{accuracy(model):.1f} %" for _ in range(3)))

# %%
# How this was checked

for name, drop in ways.items():
    model = Answer(trained, drop).eval()
    with torch.no_grad():
        same = torch.equal(model(test_set.inputs), model(test_set.inputs))
    assert same == name.endswith("self.training)")
# The from-scratch version equals torch's, for several shapes and p, and in eval mode.
for shape in ((), (7,), (0, 3), (4, 1, 5)):
    for p in (0.0, 0.3, 0.99):
        x = torch.randn(shape)
        torch.manual_seed(3)
        expected = F.dropout(x, p)
        torch.manual_seed(3)
        torch.testing.assert_close(dropout_from_scratch(x, p, training=True), expected)
        assert torch.equal(F.dropout(x, p, training=False), x)
# p = 1 gives zeros and not NaN, and p above 1 is refused.
assert F.dropout(torch.ones(5), 1.0).tolist() == [0] * 5
with expect_error(ValueError, match="has to be between 0 and 1"):
    nn.Dropout(1.5)
# The spread of a sum of n ones is the root of n p / (1 - p).
for p in (0.2, 0.5, 0.8):
    spread = F.dropout(ones, p).sum(dim=1).std().item()
    assert abs(spread / (100 * p / (1 - p)) ** 0.5 - 1) < 0.05
# The gradient goes through the same mask.
x = torch.ones(50, requires_grad=True)
y = F.dropout(x, 0.5)
y.sum().backward()
assert torch.equal(x.grad, y.detach())
# In eval mode dropout returns its input, not a copy.
x = torch.randn(5)
assert nn.Dropout().eval()(x).data_ptr() == x.data_ptr()
# Dropout2d drops a channel of a sample as a whole; another sample loses other channels.
channels = nn.Dropout2d(0.5)(torch.ones(50, 6, 3, 3)).flatten(start_dim=2)
assert (channels.amin(dim=2) == channels.amax(dim=2)).all()
assert len(channels[..., 0].unique(dim=0)) > 10
# train() and eval() set the flag in each module, and return the module.
nested = nn.Sequential(nn.Sequential(nn.Dropout(), nn.Linear(3, 3)), nn.BatchNorm1d(3))
for mode in (False, True):
    assert nested.train(mode) is nested
    assert {part.training for part in nested.modules()} == {mode}
# Layers that hold dropout inside follow the flag, if their dropout is not 0.
sequence = torch.randn(5, 2, 8)
for p in (0.0, 0.5):
    lstm, attention = nn.LSTM(8, 8, num_layers=2, dropout=p), nn.MultiheadAttention(8, 2, dropout=p)
    for call in (
        lambda lstm=lstm: lstm(sequence)[0],
        lambda attention=attention: attention(sequence, sequence, sequence)[0],
    ):
        lstm.train(), attention.train()
        assert torch.equal(call(), call()) == (p == 0)
        lstm.eval(), attention.eval()
        assert torch.equal(call(), call())
# Dropout2d of three axes warns, and drops along the second.
with expect_warning(UserWarning, match="3D input to dropout2d"):
    nn.Dropout2d(0.5)(torch.ones(4, 5, 6))
# An LSTM of one layer warns, and is not random.
with expect_warning(UserWarning, match="all but last recurrent layer"):
    single = nn.LSTM(8, 8, dropout=0.5)
assert torch.equal(single(sequence)[0], single(sequence)[0])
# Dropout helps with random labels, by more than the spread, and changes little with clean ones.
assert statistics.mean(gained["random labels", 0.5]) > 2 + statistics.mean(
    gained["random labels", 0.0]
)
assert min(gained["random labels", 0.8]) > max(gained["random labels", 0.0])
means = [statistics.mean(gained["clean", p]) for p in (0.0, 0.5)]
assert abs(means[0] - means[1]) < 2

# %%
# Check yourself
# --------------

kept = F.dropout(torch.ones(1000), p=0.2).max().item()
ask(
    "In train mode, nn.Dropout(0.2) gets ones. What is an element that is kept?",
    answer=kept,
    choices={
        1.0: "Then the mean would be 0.8 in training and 1 in use.",
        1.25: "1 / (1 - 0.2): four of five are kept, each 5/4 as large.",
        5.0: "That is 1 / 0.2, which is divided by the probability of being dropped.",
    },
)

# %%
# The next question asks about a new layer.

layer = nn.Dropout()
in_mode = "train mode" if layer.training else "eval mode"
ask(
    "In which mode is a layer that has been made and not switched?",
    answer=in_mode,
    choices={
        "train mode": "So a network that is made and loaded from a file needs eval() before it answers.",
        "eval mode": "The flag training is True from the start.",
    },
)

# %%
# **Exercise.** *Monte Carlo dropout* leaves dropout on in use, and takes the mean of many answers. Return the mean of
# ``passes`` passes. Dropout layers are in train mode, the other layers in eval mode. The checker seeds before each
# call.


def by_flags(model, x, passes, seed):
    torch.manual_seed(seed)
    model.eval()
    for part in model.modules():
        part.training = type(part) is nn.Dropout
    with torch.no_grad():
        answers = [model(x) for _ in range(passes)]
    return torch.stack(answers).mean(dim=0)


def seeded(function):
    def run(model, x, passes, seed):
        torch.manual_seed(seed)
        return function(model.train(), x, passes).detach()

    return run


def expected(model, x, passes, seed):
    return by_flags(model, x, passes, seed)


torch.manual_seed(0)
with_norm = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
cases = [
    (nn.Dropout(0.5), torch.ones(4), 1, 0),
    (nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5)), torch.randn(2, 3), 5, 1),
    (with_norm, torch.randn(5, 3), 3, 2),
]


def mean_answer(model, x, passes):
    raise NotImplementedError


check(seeded(mean_answer), expected, cases)

# %%
# ``model.train()`` would switch batch norm, too. In the third case the answers would then depend on the batch.

# Solution


def mean_answer(model, x, passes):
    model.eval()
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.train()
    with torch.no_grad():
        return torch.stack([model(x) for _ in range(passes)]).mean(dim=0)


report = check(seeded(mean_answer), expected, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`initialisation` is about the weights that a layer has before its first step.
#
# - Srivastava et al. (2014). `Dropout: a simple way to prevent neural networks from overfitting
#   <https://jmlr.org/papers/v15/srivastava14a.html>`__. The idea, and which p were tried.
# - Gal and Ghahramani (2016). `Dropout as a Bayesian approximation <https://arxiv.org/abs/1506.02142>`__. The exercise,
#   as a measure of doubt.
