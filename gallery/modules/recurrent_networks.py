"""
.. _recurrent-networks:

What are output, h_n and c_n of an RNN, LSTM or GRU?
====================================================

A recurrent layer returns several tensors of similar shapes, and a classifier on the wrong one learns worse without an
error. ``output`` is the last layer at each time step; ``h_n`` is each layer at its last step.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import itertools
import statistics

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

sentence = "the cat sat on the mat because it was tired".split()
vocabulary = sorted(set(sentence))
train_set, test_set = digits("train"), digits("test")

torch.manual_seed(0)
embedding = nn.Embedding(len(vocabulary), 8)
words = embedding(torch.tensor([[vocabulary.index(word) for word in sentence]])).detach()


def state_by_state(lstm, x):
    """Return the hidden state of each layer after each step, shape (layer, step, feature), from h_n of prefixes."""
    with torch.no_grad():
        return torch.stack([lstm(x[:, : t + 1])[1][0][:, 0] for t in range(x.shape[1])], dim=1)


def draw_states(states):
    layers, steps, _ = states.shape
    _, axis = plt.subplots(figsize=(5.8, 2.9), layout="constrained")
    for layer, t in itertools.product(range(layers), range(steps)):
        column = states[layer, t, :, None].numpy()
        place = (t - 0.3, t + 0.3, layer - 0.36, layer + 0.36)
        axis.imshow(column, extent=place, cmap="PuOr", vmin=-0.4, vmax=0.4, aspect="auto")
        if layer + 1 < layers:
            axis.annotate("", (t, layer + 0.64), (t, layer + 0.36), arrowprops={"arrowstyle": "->"})
        if t + 1 < steps:
            axis.annotate("", (t + 0.7, layer), (t + 0.3, layer), arrowprops={"arrowstyle": "->"})
    box = {"fill": False, "linewidth": 2.5, "clip_on": False}
    axis.add_patch(
        Rectangle((-0.45, layers - 1.46), steps - 0.1, 0.92, edgecolor="tab:blue", **box)
    )
    axis.add_patch(
        Rectangle((steps - 1.42, -0.5), 0.84, layers, edgecolor="tab:red", linestyle="--", **box)
    )
    axis.text(-0.45, layers - 0.46, "output", color="tab:blue", va="bottom", weight="bold")
    axis.text(steps - 0.5, 0, "h_n", color="tab:red", va="center", weight="bold")
    axis.set(xlim=(-0.6, steps + 0.2), ylim=(-0.6, layers - 0.2))
    axis.set_xticks(range(steps), sentence, rotation=35)
    axis.set_yticks(range(layers), [f"layer {layer}" for layer in range(layers)])
    axis.spines[:].set_visible(False)
    axis.set_title("output is the top row, h_n is the last column", fontsize=11)
    plt.show()


# %%

lstm = nn.LSTM(input_size=8, hidden_size=7, num_layers=3, batch_first=True)
states = state_by_state(lstm, words)
draw_states(states)

# %%
# An LSTM of three layers reads a sentence of ten words, each a vector of 8 numbers. A stripe is the hidden state of one
# layer after one word, with its :val:`7 <states.shape[2]>` numbers as colors. It is computed from the state on its left
# and from the state below it. Layer 0 takes the word instead of a state below. You need to know :ref:`what a shape is
# <what-is-a-tensor>` and :ref:`nn-linear`.
#
# The rule
# --------
#
# Call the stripes of sentence b in a batch :math:`h[\text{layer}, b, \text{step}]`. With one direction and
# ``batch_first=True``, ``output[b, t]`` is :math:`h[\text{last}, b, t]`, and ``h_n[l, b]`` is :math:`h[l, b,
# \text{last}]`. The two meet in the upper right corner of the picture. An LSTM has a second state, its memory
# :ref:`cell <lstm-and-gru>`, and ``c_n`` holds the last cells as ``h_n`` holds the last states. RNN and GRU have no
# cell, and return ``output, h_n``.

output, (h_n, c_n) = lstm(words)  # an LSTM returns the two states as a tuple
print("output", tuple(output.shape), " h_n", tuple(h_n.shape), " c_n", tuple(c_n.shape))
torch.testing.assert_close(output[0], states[-1])  # the top row
torch.testing.assert_close(h_n[:, 0], states[:, -1])  # the last column
torch.testing.assert_close(output[:, -1], h_n[-1])  # their corner

# %%
# To classify a sequence, take this corner: ``h_n[-1]``. To label each step, take ``output``. To go on reading later, or
# to start a decoder, take the states ``(h_n, c_n)``.
#
# .. longer: 6 screens — the picture, the loop, the shapes, both directions and carried states have a cell each
#
# From scratch
# ------------
#
# Here is the plain ``nn.RNN``, which starts with a state of zeros: :math:`h_t = \tanh(W x_t + b + U h_{t-1} + d)`.
# :math:`W` and :math:`U` are weights, :math:`b` and :math:`d` are biases. The next layer reads the states of this one
# as its input. The last states of the layers, stacked, are ``h_n``.


def read(rnn, x):  # x: (batch, step, feature)
    last = []
    for W, U, b, d in rnn.all_weights:  # one list for each layer
        h, steps = torch.zeros(len(x), rnn.hidden_size), []
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] @ W.T + b + h @ U.T + d)
            steps.append(h)
        x = torch.stack(steps, dim=1)  # the input of the next layer
        last.append(h)
    return x, torch.stack(last)


rnn, x = nn.RNN(8, 7, num_layers=3, batch_first=True), torch.randn(4, 10, 8)
for ours, theirs in zip(read(rnn, x), rnn(x), strict=True):
    torch.testing.assert_close(ours, theirs)
    print(tuple(ours.shape), "equals the result of torch, up to rounding")

# %%
# What do the options do to the shapes?
# -------------------------------------
#
# ``batch_first`` moves the batch of input and ``output`` to the front. The states keep their order: layer, batch,
# feature. So a ``reshape`` to (batch, features) would :ref:`mix the sequences <reshape-instead-of-permute>`. With two
# directions, ``output`` is twice as wide, and the states are twice as many. Their order is layer 0 forward, layer 0
# backward, layer 1 forward, and so on. ``proj_size``, which RNN and GRU lack, makes ``output`` and ``h_n`` narrower
# than ``c_n``.

print(f"{'x: 4 sequences, 10 steps, 8 features':<38}{'output':<15}{'h_n':<11}c_n")
for options in (
    {"num_layers": 3},
    {"num_layers": 3, "batch_first": True},
    {"num_layers": 3, "bidirectional": True},
    {"num_layers": 3, "proj_size": 5},
):
    layer = nn.LSTM(8, 7, **options, device="meta")  # meta: shapes alone, without numbers
    output, (h_n, c_n) = layer((x if layer.batch_first else x.transpose(0, 1)).to("meta"))
    text = ", ".join(f"{name}={value}" for name, value in options.items())
    print(f"{text:<38}{tuple(output.shape)!s:<15}{tuple(h_n.shape)!s:<11}{tuple(c_n.shape)}")

# %%
# A tensor of two axes is one sequence, without a batch. So a batch of single vectors, of shape (batch, feature), is
# read as one sequence, and no error is raised. ``dropout`` acts between the layers, in training. With one layer there
# is no such place, so it does nothing and warns.

output, (h_n, _) = lstm(x[0])
print("without a batch:", tuple(output.shape), tuple(h_n.shape))
with expect_warning(UserWarning, match="dropout option adds dropout after all but last"):
    nn.LSTM(8, 7, num_layers=1, dropout=0.3)

# %%
# Carry the state on
# ------------------
#
# Without a second argument, the layer begins with zeros in each call. Pass the states of one part to go on where it
# ended. In a training, ``detach`` them first. Otherwise the second ``backward`` runs into the
# :ref:`graph of the part before <backward-through-the-graph-a-second-time>`, which has been freed.

first, state = lstm(x[:, :4])
second, _ = lstm(x[:, 4:], state)
whole, _ = lstm(x)
torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
first.sum().backward()
state = tuple(part.detach() for part in state)  # keep the numbers, drop the graph
lstm(x[:, 4:], state)[0].sum().backward()
print("read in two parts:", tuple(first.shape), "and", tuple(second.shape))

# %%
# .. use-this::
#
#    Write ``batch_first=True``. Take ``h_n[-1]`` for one answer per sequence, and ``output`` for one per step. With
#    ``bidirectional=True`` take ``torch.cat([h_n[-2], h_n[-1]], dim=1)``, the last layer forward and backward. Where
#    lengths differ, :ref:`pack the batch <padding-and-packing>`, so that ``h_n`` belongs to the last real step. Start
#    with one or two layers. The steps run one after the other, so the time grows with the length. In training, the
#    memory grows, too.
#
# A common mistake
# ----------------
#
# **output[:, -1] of two directions.** The backward direction begins at the end. In a single layer, the backward half of
# ``output[:, -1]`` depends on one word, the last. A gradient shows which words reach each half:

both = nn.GRU(8, 7, batch_first=True, bidirectional=True)


def seen_by(choose):
    x = words.clone().requires_grad_()
    choose(*both(x)).sum().backward()
    reached = x.grad[0].any(dim=1)
    return " ".join(word for word, there in zip(sentence, reached, strict=True) if there)


print("output[:, -1], first half: ", seen_by(lambda output, h_n: output[:, -1, :7]))
print("output[:, -1], second half:", seen_by(lambda output, h_n: output[:, -1, 7:]))
print("h_n[-1], backward:         ", seen_by(lambda output, h_n: h_n[-1]))

# %%
# No error is raised, but on average the network is worse. Here a GRU of 12 units in each direction reads the digits row
# by row, in three trainings of each kind.

# Varies with the processor: a training amplifies how it rounds.


def accuracy(choose, seed):
    torch.manual_seed(seed)
    gru, head = nn.GRU(8, 12, batch_first=True, bidirectional=True), nn.Linear(24, 10)
    optimizer = torch.optim.Adam([*gru.parameters(), *head.parameters()], lr=0.01)
    for _ in range(5):
        for images, labels in batches(train_set, 50, shuffle=True):
            loss = F.cross_entropy(head(choose(*gru(images[:, 0]))), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        answers = head(choose(*gru(test_set.inputs[:, 0]))).argmax(dim=1)
    return 100 * (answers == test_set.targets).float().mean().item()


right = {}
for name, choose in {
    "output[:, -1]": lambda output, h_n: output[:, -1],
    "h_n[-2] and h_n[-1]": lambda output, h_n: torch.cat([h_n[-2], h_n[-1]], dim=1),
}.items():
    right[name] = [accuracy(choose, seed) for seed in range(3)]
    mean = statistics.mean(right[name])
    print(f"{name:<20} {mean:.0f} % ({min(right[name]):.0f} to {max(right[name]):.0f})")

# %%
# How this was checked

x = torch.randn(4, 10, 8)
for kind, layers, sides, first in itertools.product(
    (nn.RNN, nn.GRU, nn.LSTM), (1, 2, 3), (1, 2), (False, True)
):
    layer = kind(8, 7, layers, batch_first=first, bidirectional=sides == 2)
    output, state = layer(x if first else x.transpose(0, 1))
    h_n, *c_n = state if kind is nn.LSTM else (state,)
    assert output.shape == ((4, 10, 7 * sides) if first else (10, 4, 7 * sides))
    for part in (h_n, *c_n):
        assert part.shape == (layers * sides, 4, 7)
    output = output if first else output.transpose(0, 1)
    torch.testing.assert_close(output[:, -1, :7], h_n[-sides])
    if sides == 2:
        torch.testing.assert_close(output[:, 0, 7:], h_n[-1])
        assert not torch.allclose(output[:, -1, 7:], h_n[-1])
    # Each sequence alone gives the same, without a batch, too.
    for row, sequence in enumerate(x):
        alone, state = layer(sequence)
        torch.testing.assert_close(alone, output[row])
        torch.testing.assert_close(state[0] if kind is nn.LSTM else state, h_n[:, row])
    # The initial state is zero where it is left out.
    zeros = torch.zeros(layers * sides, 4, 7)
    given = layer(x if first else x.transpose(0, 1), (zeros, zeros) if kind is nn.LSTM else zeros)
    torch.testing.assert_close(given[0] if first else given[0].transpose(0, 1), output)
# The loop, for several numbers of layers.
for layers in (1, 2, 4):
    rnn = nn.RNN(8, 7, layers, batch_first=True)
    for ours, theirs in zip(read(rnn, x), rnn(x), strict=True):
        torch.testing.assert_close(ours, theirs)
# proj_size narrows output and h_n, and leaves c_n.
for sides in (1, 2):
    layer = nn.LSTM(8, 7, 3, proj_size=5, bidirectional=sides == 2, device="meta")
    output, (h_n, c_n) = layer(torch.empty(10, 4, 8, device="meta"))
    assert output.shape == (10, 4, 5 * sides)
    assert (h_n.shape, c_n.shape) == ((3 * sides, 4, 5), (3 * sides, 4, 7))
# With several layers, each layer of a bidirectional network reads both directions of the one below.
layer = nn.LSTM(8, 7, 2, bidirectional=True)
assert layer.weight_ih_l1.shape == layer.weight_ih_l1_reverse.shape == (28, 14)
# The order of the states: first those of layer 0, forward and backward.
below = nn.LSTM(8, 7, bidirectional=True)
below.load_state_dict({name: p for name, p in layer.state_dict().items() if "_l0" in name})
torch.testing.assert_close(layer(x)[1][0][:2], below(x)[1][0])
output, (h_n, _) = below(x)
torch.testing.assert_close(h_n[0], output[-1, :, :7])
torch.testing.assert_close(h_n[1], output[0, :, 7:])
for kind in (nn.RNN, nn.GRU):
    with expect_error(ValueError, match="proj_size argument is only supported for LSTM"):
        kind(8, 7, proj_size=5)
# One layer has no place for dropout, and the last layer is never dropped; evaluation drops nothing.
with expect_warning(UserWarning, match="num_layers greater than 1"):
    layer = nn.LSTM(8, 7, dropout=0.9, batch_first=True)
assert torch.equal(layer(x)[0], layer(x)[0])
layer = nn.LSTM(8, 7, 2, dropout=0.9, batch_first=True)
assert not torch.equal(layer(x)[0], layer(x)[0])
assert layer(x)[0].ne(0).all()
layer.eval()
assert torch.equal(layer(x)[0], layer(x)[0])
# Without detach, the second backward fails.
first, state = lstm(x[:, :4])
first.sum().backward()
with expect_error(RuntimeError, match="backward through the graph a second time"):
    lstm(x[:, 4:], state)[0].sum().backward()
# A reshape of h_n mixes the sequences; transposed, or concatenated, it does not.
numbers = (
    torch.arange(4).expand(2, 4).unsqueeze(-1)
)  # (direction, sequence, feature): the number of the sequence
assert numbers.reshape(4, -1).tolist() == [[0, 1], [2, 3], [0, 1], [2, 3]]
assert numbers.transpose(0, 1).reshape(4, -1).tolist() == [[k, k] for k in range(4)]
assert torch.equal(
    torch.cat([numbers[0], numbers[1]], dim=1), numbers.transpose(0, 1).reshape(4, -1)
)
# A state for another batch is refused, and so is an empty sequence; an empty batch is not.
with expect_error(RuntimeError, match=r"Expected hidden\[0\] size \(3, 3, 7\), got \[3, 4, 7\]"):
    lstm(x[:3], state)
with expect_error(RuntimeError, match="Expected sequence length to be larger than 0"):
    lstm(x[:, :0])
assert lstm(x[:0])[0].shape == (0, 10, 7)
with expect_error(ValueError, match="not enough values to unpack"):
    output, h_n, c_n = lstm(x)
# Who reads what: forward half at step t the words up to t, backward half the words from t on.
for t in range(10):
    for half, places in ((slice(0, 7), range(t + 1)), (slice(7, 14), range(t, 10))):
        x_ = words.clone().requires_grad_()
        both(x_)[0][:, t, half].sum().backward()
        assert x_.grad[0].any(dim=1).nonzero().flatten().tolist() == list(places)
means = {name: statistics.mean(three) for name, three in right.items()}
assert means["h_n[-2] and h_n[-1]"] > means["output[:, -1]"] + 1

# %%
# Check yourself
# --------------

gru = nn.GRU(5, 6, num_layers=2, batch_first=True, bidirectional=True)
output, h_n = gru(torch.zeros(3, 9, 5))
ask(
    "gru = nn.GRU(5, 6, num_layers=2, batch_first=True, bidirectional=True) reads x of shape (3, 9, 5). What is the "
    "shape of h_n?",
    answer=h_n.shape,
    choices={
        (4, 3, 6): "Two layers with two directions each; the batch stays in the middle.",
        (3, 4, 6): "batch_first moves the batch of x and output alone.",
        (2, 3, 12): "The directions are beside each other in output. In h_n each has its own row.",
    },
)

# %%
# The next question is about the same network.

torch.manual_seed(0)
output, h_n = gru(torch.randn(3, 9, 5))
places = {
    "output[:, -1, 6:]": output[:, -1, 6:],
    "output[:, 0, 6:]": output[:, 0, 6:],
    "output[:, 0, :6]": output[:, 0, :6],
}
ask(
    "Where in output is h_n[-1], the last state of the backward direction?",
    answer=next(name for name, part in places.items() if torch.allclose(part, h_n[-1])),
    choices={
        "output[:, -1, 6:]": "There the backward direction begins: it has read one step.",
        "output[:, 0, 6:]": "The backward direction ends at step 0, and its features are the second half.",
        "output[:, 0, :6]": "The first half is the forward direction, which begins at step 0.",
    },
)

# %%
# **Exercise.** Return the first states of *each* layer of an ``nn.RNN`` with ``batch_first=True`` and one direction,
# after step 0. The shape is (layer, batch, feature). Write no loop.


def by_loop(rnn, x):
    h, states = x[:, 0], []
    for W, _, b, d in rnn.all_weights:
        h = torch.tanh(h @ W.T + b + d)
        states.append(h)
    return torch.stack(states).detach()


torch.manual_seed(0)
cases = [
    (nn.RNN(2, 3, batch_first=True), torch.randn(1, 4, 2)),
    (nn.RNN(2, 3, num_layers=2, batch_first=True), torch.randn(2, 4, 2)),
    (nn.RNN(5, 4, num_layers=3, batch_first=True), torch.randn(3, 7, 5)),
]


def states_after_step_0(rnn, x):
    raise NotImplementedError


check(states_after_step_0, by_loop, cases)

# %%
# ``h_n`` holds each layer after the last step of what was read. So read one step.

# Solution


def states_after_step_0(rnn, x):
    _, h_n = rnn(x[:, :1])
    return h_n.detach()


report = check(states_after_step_0, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`lstm-and-gru` shows what the cells compute inside.
#
# - PyTorch contributors (2026). `LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`__. The
#   reference, with the shapes.
# - Karpathy (2015). `The unreasonable effectiveness of recurrent neural networks
#   <https://karpathy.github.io/2015/05/21/rnn-effectiveness/>`__. What such networks can do, with networks that write.
