"""
.. _lstm-and-gru:

What is inside an LSTM and a GRU? (gates, weight_ih, forget gate)
=================================================================

Before training, a recurrent layer forgets: forty words later, hardly anything of the first is left in its state.
LSTM and GRU have gates that decide what is kept, and one bias says how much they keep at first.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import itertools
import statistics

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask


def opened(layer, size=3.0):
    """Add to the biases of the second block of rows: the forget gate of an LSTM, the update gate of a GRU."""
    H = layer.hidden_size
    with torch.no_grad():
        layer.bias_ih_l0[H : 2 * H] += size
    return layer


def half_life(bias):
    """Return after how many steps half of a cell is left, where its forget gate is sigmoid(bias)."""
    return (torch.tensor(0.5).log() / torch.tensor(bias).sigmoid().log()).item()


KINDS = {
    "RNN": lambda: nn.RNN(8, 24, batch_first=True),
    "LSTM": lambda: nn.LSTM(8, 24, batch_first=True),
    "GRU": lambda: nn.GRU(8, 24, batch_first=True),
    "LSTM, forget bias + 3": lambda: opened(nn.LSTM(8, 24, batch_first=True)),
    "GRU, update bias + 3": lambda: opened(nn.GRU(8, 24, batch_first=True)),
}


def reach(make, steps=60):
    """Return the mean gradient of the last state with respect to each input, the last first; 5 layers of 16 inputs."""
    found = []
    for seed in range(5):
        torch.manual_seed(seed)
        layer, x = make(), torch.randn(16, steps, 8, requires_grad=True)
        (layer(x)[0][:, -1] * torch.randn(24)).sum().backward()
        found.append(x.grad.norm(dim=-1).mean(dim=0).flip(0))
    return torch.stack(found).mean(dim=0)


def draw_reach(lines):
    _, axis = plt.subplots(figsize=(5.8, 2.8), layout="constrained")
    for (name, line), style in zip(lines.items(), ["-", "--", "-.", "--", "-."], strict=True):
        axis.semilogy(line, style, label=name, linewidth=2.5 if "+" in name else 1.5)
    axis.set(xlabel="steps back", ylabel="gradient of the last state", ylim=(1e-9, 3))
    axis.legend(fontsize=8, loc="center right", bbox_to_anchor=(1, 0.4))
    axis.set_title("The gates keep what came early if they are open at first", fontsize=11)
    plt.show()


# %%

lines = {name: reach(make) for name, make in KINDS.items()}
draw_reach(lines)

# %%
# A line shows how much the last state changes if the input so many steps back changes. The layers are untrained. With
# PyTorch's defaults, LSTM and GRU lose early inputs about as fast as the plain RNN. With three added to one bias, the
# memory is there from the start. You need to know :ref:`recurrent-networks` and :ref:`vanishing-gradients`.
#
# .. longer: 6 screens — two cells from scratch, their biases and the forget gate have a cell each
#
# The rule
# --------
#
# A plain RNN computes its whole state again at each step. An LSTM has a second state, the cell ``c``, and a step adds
# to it:
#
# .. math:: c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh c_t
#
# The gates are sigmoids, between zero and one. The forget gate ``f`` says what is kept, the input gate ``i`` what comes
# in, and the output gate ``o`` what is shown. The candidate ``g`` is a tanh, and :math:`\odot` multiplies element by
# element. If ``f`` is one half, each step halves the old cell. If it is near one, the cell stays.
#
# LSTM from scratch
# -----------------
#
# With a hidden size of H, each gate has a block of H rows in ``weight_ih``, ``weight_hh`` and the biases. The order is
# i, f, g, o. One product computes all four.


def lstm_step(x, h, c, W, U, b, d):
    i, f, g, o = (x @ W.T + b + h @ U.T + d).chunk(4, dim=1)  # each (N, H)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h, c


torch.manual_seed(0)
x, h, c = torch.randn(4, 8), torch.randn(4, 7), torch.randn(4, 7)
cell = nn.LSTMCell(8, 7)
for ours, theirs in zip(lstm_step(x, h, c, *cell.parameters()), cell(x, (h, c)), strict=True):
    torch.testing.assert_close(ours, theirs)
    print(tuple(ours.shape), "equals the result of torch, up to rounding")

# %%
# GRU from scratch
# ----------------
#
# A GRU has one state and three blocks, in the order r, z, n. The update gate ``z`` says how much of the old state is
# kept, and the rest is new. The reset gate ``r`` says how much of the old state the candidate ``n`` sees.


def gru_step(x, h, W, U, b, d):
    from_x, from_h = (x @ W.T + b).chunk(3, dim=1), (h @ U.T + d).chunk(3, dim=1)
    r = (from_x[0] + from_h[0]).sigmoid()
    z = (from_x[1] + from_h[1]).sigmoid()
    n = (from_x[2] + r * from_h[2]).tanh()  # r acts after the product with U and its bias
    return (1 - z) * n + z * h


cell = nn.GRUCell(8, 7)
ours, theirs = gru_step(x, h, *cell.parameters()), cell(x, h)
torch.testing.assert_close(ours, theirs)
print(tuple(ours.shape), "equals the result of torch, up to rounding")

# %%
# Two biases, and how many weights
# --------------------------------
#
# A layer has two biases, ``bias_ih`` and ``bias_hh``. In an RNN and in an LSTM only their sum matters. In a GRU the
# second bias of ``n`` is multiplied by ``r``, so the two cannot be merged. A GRU has three quarters of the weights of
# an LSTM.

for kind in (nn.RNN, nn.GRU, nn.LSTM):
    layer, moved = kind(8, 7), kind(8, 7)
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    moved.load_state_dict(layer.state_dict())
    with torch.no_grad():
        moved.bias_ih_l0 += moved.bias_hh_l0
        moved.bias_hh_l0.zero_()
    same = torch.allclose(layer(x)[0], moved(x)[0], atol=1e-6)
    count = sum(p.numel() for p in layer.parameters())
    print(f"{kind.__name__:<5}{count} weights, weight_ih {shapes['weight_ih_l0']}", end=", ")
    print(f"weight_hh {shapes['weight_hh_l0']}; one bias is enough: {same}")
    assert same == (kind is not nn.GRU)

# %%
# Open the forget gate
# --------------------
#
# PyTorch draws the biases around zero, so ``f`` begins near one half. Add a number to the second block of one bias.
# With 1, half of the cell is left after about :val:`2.2 <half_life(1.0)>` steps. With 3, that takes about
# :val:`14 <half_life(3.0)>` steps. In the task, the first symbol says the class, and 20 symbols of noise follow.
# Guessing among four classes gets a quarter. Here are five trainings of 150 steps each.

# Varies with the processor: a training amplifies how it rounds.


def train(forget_bias, seed):
    torch.manual_seed(seed)
    lstm, head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 4)
    with torch.no_grad():
        lstm.bias_ih_l0[16:32] += forget_bias  # the rows of f are the second block of H = 16
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=0.01)
    for step in range(151):
        labels, noise = torch.randint(4, (32,)), torch.randint(4, 8, (32, 20))
        symbols = F.one_hot(torch.cat([labels[:, None], noise], dim=1), 8).float()
        logits = head(lstm(symbols)[1][0][-1])
        if step < 150:
            optimizer.zero_grad()
            F.cross_entropy(logits, labels).backward()
            optimizer.step()
    return 100 * (logits.argmax(dim=1) == labels).float().mean().item()  # of the last, new batch


right = {size: [train(size, seed) for seed in range(5)] for size in (0.0, 3.0)}
for size, reached in right.items():
    mean = statistics.mean(reached)
    print(
        f"forget bias + {size:.0f}: {mean:.0f} % right ({min(reached):.0f} to {max(reached):.0f})"
    )

# %%
# .. use-this::
#
#    Take ``nn.LSTM`` or ``nn.GRU`` instead of ``nn.RNN``. Try both: a GRU has fewer weights and one state to carry.
#    Where steps far back matter, add a number to the forget bias of the LSTM, or to the update bias of the GRU. Begin
#    with 1 for a few steps, and with 3 for tens of them. Call the layer on the whole sequence. A loop with
#    ``nn.LSTMCell`` is for steps that need an answer in between. The time grows with the number of steps, and in
#    training so does the memory.
#
# A common mistake
# ----------------
#
# **The bias is set outside of no_grad.** A slice of a parameter is a view of a leaf. Autograd refuses to change it in
# place. Write the change inside ``torch.no_grad()``. See :ref:`leaf-variable-in-place`.

lstm = nn.LSTM(8, 7)
with expect_error(RuntimeError, match="a view of a leaf Variable that requires grad is being used"):
    lstm.bias_ih_l0[7:14] += 1.0
with torch.no_grad():
    lstm.bias_ih_l0[7:14] += 1.0
gates = lstm.bias_ih_l0.detach().unflatten(0, (4, 7)).mean(dim=1)
print(
    "mean bias of",
    ", ".join(f"{name} {mean:.2f}" for name, mean in zip("ifgo", gates.tolist(), strict=True)),
)
assert gates.argmax() == 1

# %%
# How this was checked

# The picture: at 40 steps back, the defaults have lost it, and the open gates have not.
for name, line in lines.items():
    for back in (40, 59):
        assert line[back] > 1e-3 if "+" in name else line[back] < 1e-7
# Half of a cell is left after so many steps, here by halving it for real.
for bias in (1.0, 3.0, 5.0):
    gate = torch.tensor(bias).sigmoid().item()
    assert gate ** (half_life(bias) - 1) > 0.5 > gate ** (half_life(bias) + 1)
# f is near 0.5 at first: the cell is about halved at each step if nothing comes in.
for seed in range(5):
    torch.manual_seed(seed)
    W, _, b, d = nn.LSTMCell(8, 24).parameters()
    f = (torch.randn(9, 8) @ W.T + b + d)[:, 24:48].sigmoid()
    assert abs(f.mean() - 0.5) < 0.1
# The steps, over the sequence and for several layers, are the layers of torch.
for N, T, D, H in itertools.product((1, 3), (1, 6), (2, 5), (4,)):
    sequence = torch.randn(N, T, D)
    for kind, layers in itertools.product((nn.LSTM, nn.GRU), (1, 3)):
        layer = kind(D, H, layers, batch_first=True)
        inputs, last = sequence, []
        for weights in layer.all_weights:
            h, c, steps = torch.zeros(N, H), torch.zeros(N, H), []
            for one in inputs.unbind(dim=1):
                if kind is nn.LSTM:
                    h, c = lstm_step(one, h, c, *weights)
                else:
                    h = gru_step(one, h, *weights)
                steps.append(h)
            inputs = torch.stack(steps, dim=1)
            last.append((h, c))
        output, state = layer(sequence)
        torch.testing.assert_close(inputs, output)
        for place, (h, c) in enumerate(last):
            torch.testing.assert_close(h, state[0][place] if kind is nn.LSTM else state[place])
            if kind is nn.LSTM:
                torch.testing.assert_close(c, state[1][place])
# The candidate of a GRU sees r after the product, not before.
x, h, cell = torch.randn(4, 8), torch.randn(4, 7), nn.GRUCell(8, 7)
W, U, b, d = cell.parameters()
r, z = (x @ W.T + b + h @ U.T + d).sigmoid()[:, :14].chunk(2, dim=1)
before = (x @ W[14:].T + b[14:] + (r * h) @ U[14:].T + d[14:]).tanh()
assert not torch.allclose((1 - z) * before + z * h, cell(x, h), atol=1e-3)
# The numbers of weights: 1, 3 and 4 blocks of H rows, with D + H columns and two biases.
for D, H in ((8, 7), (3, 20), (64, 2)):
    for kind, blocks in ((nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)):
        assert sum(p.numel() for p in kind(D, H).parameters()) == blocks * H * (D + H + 2)
# Without biases there are two matrices; with a projection a third.
assert len([*nn.LSTM(8, 7, bias=False).parameters()]) == 2
assert nn.LSTM(8, 7, proj_size=5).weight_hr_l0.shape == (5, 7)
# An open gate: f near 1 keeps the cell, where nothing comes in.
cell = nn.LSTMCell(8, 7)
with torch.no_grad():
    cell.bias_ih[:7] = -50.0  # i
    cell.bias_ih[7:14] = 50.0  # f
c = torch.randn(4, 7)
torch.testing.assert_close(cell(x, (h, c))[1], c)
# h stays between -1 and 1, c need not.
layer = opened(nn.LSTM(8, 7), 10.0)
output, (_, c_n) = layer(20 * torch.randn(100, 3, 8))
assert output.abs().max() <= 1
assert c_n.abs().max() > 1
assert min(right[3.0]) > max(right[0.0]) + 10

# %%
# Check yourself
# --------------

rows = torch.arange(len(nn.LSTM(5, 6).weight_ih_l0)).chunk(4)
block = [name for name, part in zip("ifgo", rows, strict=True) if 7 in part]
ask(
    "Row 7 of weight_ih_l0 of nn.LSTM(5, 6) belongs to one of the blocks. To which?",
    answer={"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate"}[block[0]],
    choices={
        "input gate": f"It has the rows {rows[0][0]} to {rows[0][-1]}.",
        "forget gate": f"Blocks of 6 rows: i ends with {rows[0][-1]}, f has {rows[1][0]} to {rows[1][-1]}.",
        "output gate": f"It comes last, with the rows {rows[3][0]} to {rows[3][-1]}.",
    },
)

# %%
# The next question is about memory.

kept = torch.ones(1)
for _ in range(10):
    kept = torch.tensor(0.5) * kept
ask(
    "The forget gate is 0.5 at each step, and the input gate is 0. What fraction of the cell is left after 10 steps?",
    answer="about 1 in 1000" if 900 < 1 / kept.item() < 1100 else "about half",
    choices={
        "about half": "That is after one step.",
        "about 1 in 20": "The halves are multiplied, not added.",
        "about 1 in 1000": f"Half of half, ten times: 1 / {1 / kept.item():.0f}.",
    },
)

# %%
# **Exercise.** Read a sequence with the cell of an LSTM alone, without input. Start from ``c`` of shape (H,), and
# multiply by the forget gate ``f`` of each step, of shape (T, H). Return the cell after each step, of shape (T, H).
# Write no loop.


def by_loop(c, f):
    cells = []
    for gate in f:
        c = gate * c
        cells.append(c)
    return torch.stack(cells)


torch.manual_seed(0)
cases = [
    (torch.tensor([4.0, -2.0]), torch.tensor([[0.5, 1.0], [0.5, 0.0], [1.0, 0.5]])),
    (torch.randn(3), torch.rand(5, 3)),
    (torch.randn(2), torch.rand(1, 2)),
]


def cells(c, f):
    raise NotImplementedError


check(cells, by_loop, cases)

# %%
# ``cumprod`` along time multiplies the gates up to each step.

# Solution


def cells(c, f):
    return c * f.cumprod(dim=0)


report = check(cells, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`padding-and-packing` is for sequences of different length.
#
# - Gers, Schmidhuber and Cummins (2000). `Learning to forget <https://doi.org/10.1162/089976600300015015>`__. The
#   forget gate.
# - Chung, Gulcehre, Cho and Bengio (2014). `Empirical evaluation of gated recurrent neural networks on sequence
#   modeling <https://arxiv.org/abs/1412.3555>`__. LSTM and GRU compared. In its GRU the
#   gate z says how much is new, not how much is kept.
# - Olah (2015). `Understanding LSTM networks <https://colah.github.io/posts/2015-08-Understanding-LSTMs/>`__. The
#   cell, drawn part by part.
