"""
.. _lengths-should-be-on-the-cpu:

RuntimeError: 'lengths' argument should be a 1D CPU int64 tensor, but got 1D cuda:0 Long tensor
===============================================================================================

``pack_padded_sequence`` removes the padding for a recurrent layer. It reads the lengths on the CPU, and yours are on
the GPU, so write ``lengths.cpu()`` in this call, and leave the sequences where they are.
"""

# %%
# Set-up

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
sentences = [torch.randn(5, 4), torch.randn(3, 4), torch.randn(2, 4)]  # (word, feature)
padded = pad_sequence(sentences, batch_first=True)  # (3, 5, 4)
lengths = torch.tensor([len(sentence) for sentence in sentences])
assert lengths.dtype == torch.int64

# %%

elsewhere = lengths.to("meta")  # a device other than the CPU, which each machine has
with expect_error(
    RuntimeError, match="should be a 1D CPU int64 tensor, but got 1D meta Long tensor"
):
    pack_padded_sequence(padded, elsewhere, batch_first=True)
packed = pack_padded_sequence(padded, lengths.cpu(), batch_first=True)
print("words:", len(packed.data), " sentences at each step:", packed.batch_sizes.tolist())

# %%
# The message names what it got: the number of axes, the device and the dtype (``Long`` is int64). With a GPU it says
# ``cuda:0``. This page has none, so the device is ``meta`` here. The code that packs has to know how many sentences
# are left at each step, before it can tell the GPU what to compute.
#
# .. longer: 9 cells; 7 screens — each message has a cell of its own
#
# ======================================================================  ============================================
# The message                                                             Fix
# ======================================================================  ============================================
# :ref:`but got 1D cuda:0 Long tensor <lengths-device>`                   ``lengths.cpu()``
# :ref:`but got 2D cpu Long tensor, 0D cpu Long tensor <lengths-axes>`    ``lengths.flatten()``
# :ref:`must be sorted in decreasing order <lengths-sorted>`              ``enforce_sorted=False``
# :ref:`has to be greater than 0 <lengths-zero>`                          leave out empty sequences
# :ref:`Expected len(lengths) to be equal to batch_size <lengths-batch>`  ``batch_first=True``
# :ref:`input.size(-1) must be equal to input_size <lengths-input-size>`  the ``input_size`` of the layer
# :ref:`Expected hidden size (1, 3, 6), got .. <lengths-hidden>`          a state for this batch
# ======================================================================  ============================================
#
# .. _lengths-device:
#
# The lengths are on the GPU
# --------------------------
#
# A loop that moves each tensor of the batch to the device moves the lengths, too. Leave them out there, or bring them
# back in this call. ``pad_packed_sequence`` returns lengths on the CPU as well. If you have set a default device, name
# the CPU where you make the lengths.

batch = {"words": padded, "lengths": lengths}
moved = {name: tensor.to("meta") if name == "words" else tensor for name, tensor in batch.items()}
packed = pack_padded_sequence(moved["words"], moved["lengths"], batch_first=True)
print("words on", packed.data.device, "and sizes on", packed.batch_sizes.device)

with torch.device("meta"):  # as after torch.set_default_device("cuda")
    with expect_error(RuntimeError, match="but got 1D meta Long tensor"):
        pack_padded_sequence(padded, torch.tensor([5, 3, 2]), batch_first=True)
    pack_padded_sequence(padded, torch.tensor([5, 3, 2], device="cpu"), batch_first=True)

# %%
# .. _lengths-axes:
#
# The lengths have the wrong number of axes
# -----------------------------------------
#
# A data set that returns ``torch.tensor([length])`` gives a batch of shape (batch, 1). One sentence alone gives a
# number without axes. The lengths need one axis, with a number for each sentence.

for wrong in (lengths.unsqueeze(1), lengths[0]):
    with expect_error(RuntimeError, match=f"but got {wrong.dim()}D cpu Long tensor"):
        pack_padded_sequence(padded[: wrong.numel()], wrong, batch_first=True)
    pack_padded_sequence(padded[: wrong.numel()], wrong.flatten(), batch_first=True)

# %%
# .. _lengths-sorted:
#
# The lengths must be sorted
# --------------------------
#
# By default the longest sentence has to come first. ``enforce_sorted=False`` sorts them inside, and
# ``pad_packed_sequence`` puts them back into your order. The final state of a recurrent layer is in your order, too.

shuffled = torch.tensor([1, 2, 0])
with expect_error(RuntimeError, match="must be sorted in decreasing order"):
    pack_padded_sequence(padded[shuffled], lengths[shuffled], batch_first=True)
packed = pack_padded_sequence(
    padded[shuffled], lengths[shuffled], batch_first=True, enforce_sorted=False
)
back, back_lengths = pad_packed_sequence(packed, batch_first=True)
assert torch.equal(back, padded[shuffled])
print(back_lengths.tolist())

# %%
# .. _lengths-zero:
#
# An empty sequence
# -----------------
#
# A sentence without words has length 0. Leave it out of the batch, best when you make the data set: there is nothing
# to learn from it.

with expect_error(RuntimeError, match="has to be greater than 0"):
    pack_padded_sequence(padded, torch.tensor([5, 3, 0]), batch_first=True)
kept = torch.tensor([5, 3, 0]) > 0
pack_padded_sequence(padded[kept], lengths[kept], batch_first=True)

# %%
# .. _lengths-batch:
#
# The lengths do not fit the batch
# --------------------------------
#
# Without ``batch_first=True`` axis 0 is time. The message then takes the :val:`5 <padded.shape[1]>` words for the
# batch. If by chance there are as many words as sentences, nothing is raised: see :ref:`batch-first-is-missing`.

with expect_error(RuntimeError, match=r"but got 3 \(batch_size=5\)"):
    pack_padded_sequence(padded, lengths)
assert pack_padded_sequence(padded, lengths, batch_first=True).batch_sizes[0] == 3

# %%
# .. _lengths-input-size:
#
# The features do not fit the layer
# ---------------------------------
#
# ``input_size`` of the layer is the size of the last axis: the features of one word, often ``embedding_dim``. The
# message says *Expected* for the layer, and *got* for the data. Print the last axis, and change the number that is
# wrong.

for kind in (nn.RNN, nn.LSTM, nn.GRU):
    with expect_error(RuntimeError, match="Expected 7, got 4"):
        kind(input_size=7, hidden_size=6, batch_first=True)(padded)
rnn = nn.GRU(input_size=padded.shape[-1], hidden_size=6, batch_first=True)
print(tuple(rnn(padded)[0].shape))

# %%
# .. _lengths-hidden:
#
# The state does not fit the batch
# --------------------------------
#
# The state has the axes (layer, sentence, feature), with ``batch_first=True`` as well. It needs a row for each
# sentence of this batch. :ref:`sizes-of-tensors-must-match` has the case of a smaller last batch.

with expect_error(RuntimeError, match=r"Expected hidden size \(1, 3, 6\), got \[3, 1, 6\]"):
    rnn(padded, torch.zeros(3, 1, 6))
output, state = rnn(padded, torch.zeros(1, 3, 6))
assert state.shape == (1, 3, 6)

# %%
# .. use-this::
#
#    Keep the lengths on the CPU from the start: the ``collate_fn`` makes them, and your loop moves the words alone.
#    Write ``pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)``. If the lengths are on the
#    GPU, ``.cpu()`` makes Python wait for it.
#
# A common mistake
# ----------------
#
# Without packing, the message is gone, but the last output of a shorter sentence belongs to padding. The layer went on
# over the zeros, so the final state depends on how long the *other* sentences of the batch are.

with torch.no_grad():
    _, alone = rnn(sentences[2][None])
    _, with_padding = rnn(padded)
    _, packed_state = rnn(pack_padded_sequence(padded, lengths, batch_first=True))
for name, state in {"padded": with_padding, "packed": packed_state}.items():
    difference = (state[0, 2] - alone[0, 0]).abs().max().item()
    print(f"{name}: the last sentence differs from itself alone by {difference:.2f}")
assert (with_padding[0, 2] - alone[0, 0]).abs().max() > 0.05
torch.testing.assert_close(packed_state[0, 2], alone[0, 0])

# %%
# How this was checked

# A list of Python works, and so do other integers and floats: they are converted.
for given in (
    [5, 3, 2],
    lengths.int(),
    lengths.double(),
    lengths.numpy(),
):
    assert torch.equal(
        pack_padded_sequence(padded, given, batch_first=True).data,
        pack_padded_sequence(padded, lengths, batch_first=True).data,
    )
# The packed data can be moved, and the sizes stay on the CPU.
moved = pack_padded_sequence(padded, lengths, batch_first=True).to("meta")
assert (moved.data.device.type, moved.batch_sizes.device.type) == ("meta", "cpu")
# Lengths of pad_packed_sequence are on the CPU for data that are elsewhere.
assert pad_packed_sequence(moved, batch_first=True)[1].device.type == "cpu"
# Packed data has the same message about features in two layers; a cell has one of its own.
packed = pack_padded_sequence(padded, lengths, batch_first=True)
for kind in (nn.RNN, nn.GRU):
    with expect_error(RuntimeError, match="must be equal to input_size. Expected 7, got 4"):
        kind(7, 6)(packed)
with expect_error(RuntimeError, match="mat1 and mat2 shapes|must be equal to input_size"):
    nn.LSTM(7, 6)(packed)
with expect_error(RuntimeError, match="input has inconsistent input_size: got 4 expected 7"):
    nn.LSTMCell(7, 6)(padded[:, 0])
with expect_error(RuntimeError, match="For batched 3-D input, hx should also be 3-D but got 2-D"):
    rnn(padded, torch.zeros(1, 6))
# The final state is in the order of the sentences, also where they were not sorted.
_, unsorted = rnn(
    pack_padded_sequence(
        padded[shuffled], lengths[shuffled], batch_first=True, enforce_sorted=False
    )
)
torch.testing.assert_close(unsorted[0], packed_state[0, shuffled])
# An LSTM has two states, and names the first of them.
with expect_error(RuntimeError, match=r"Expected hidden\[0\] size \(1, 3, 6\), got \[3, 1, 6\]"):
    nn.LSTM(4, 6, batch_first=True)(padded, (torch.zeros(3, 1, 6), torch.zeros(3, 1, 6)))
# Each state of the packed batch is that of the sentence alone.
for row, sentence in enumerate(sentences):
    torch.testing.assert_close(packed_state[0, row], rnn(sentence[None])[1][0, 0])

# %%
# Check yourself
# --------------


def packs(wrong):
    try:
        pack_padded_sequence(padded, wrong, batch_first=True)
        return "packed"
    except RuntimeError:
        return RuntimeError


ask(
    "padded has shape (3, 5, 4). What does pack_padded_sequence(padded, [5, 3, 2], batch_first=True) give? The lengths "
    "are a list.",
    answer=packs([5, 3, 2]),
    choices={
        "packed": "A Python list has no device, and torch makes a tensor on the CPU of it.",
        RuntimeError: "The message is about a tensor on another device, or with other axes.",
    },
)

# %%
# The next question is about the number of words.

ask(
    "Three sentences have 6, 2 and 1 words. How many rows does packed.data have?",
    answer=len(pack_padded_sequence(torch.ones(3, 6, 4), torch.tensor([6, 2, 1]), True).data),
    choices={
        9: "That is 6 + 2 + 1 words, without the padding.",
        18: "That is the padded batch, 3 times 6.",
        3: "Each word is a row.",
    },
)

# %%
# **Exercise.** Write the final state of a GRU for sentences in your order, with lengths that may be on another device,
# have shape (batch, 1), or be unsorted. Return it with the shape (batch, feature). The checker runs on the CPU.


def final_state(rnn, padded, lengths):
    raise NotImplementedError


def one_by_one(rnn, padded, lengths):
    states = []
    for row, length in zip(padded, lengths.flatten().tolist(), strict=True):
        states.append(rnn(row[None, :length])[1][0, 0])
    return torch.stack(states).detach()


cases = [
    (rnn, padded, lengths),
    (rnn, padded[shuffled], lengths[shuffled]),
    (rnn, padded, lengths.unsqueeze(1)),
    (rnn, padded[:1], lengths[:1]),
]
check(final_state, one_by_one, cases)

# %%
# Correct the lengths, let the function sort, and remove the axis of the layer from the state.

# Solution


def final_state(rnn, padded, lengths):
    packed = pack_padded_sequence(
        padded, lengths.flatten().cpu(), batch_first=True, enforce_sorted=False
    )
    return rnn(packed)[1][0].detach()


report = check(final_state, one_by_one, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`torch-not-compiled-with-cuda-enabled`, an error of the GPU itself.
#
# - PyTorch contributors (2026). `pack_padded_sequence
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html>`__. The reference.
# - PyTorch contributors (2020). `Issue 43227 <https://github.com/pytorch/pytorch/issues/43227>`__. Why the lengths have
#   to be on the CPU, by the maintainers.
