"""
.. _view-size-is-not-compatible:

RuntimeError: view size is not compatible with input tensor's size and stride. Use .reshape(...) instead.
=========================================================================================================

``view`` merges axes without a copy, and after a ``transpose`` it often cannot, because the elements are in another
order in memory. If the axes are in the order that you want, write ``reshape``, which then copies.
"""

# %%
# Set-up

import itertools

import torch
from torch import nn

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.rules import explain_view

torch.manual_seed(0)
images, labels = digits("test").inputs[:32], digits("test").targets[:32]
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

# %%

logits = model(images)  # (32 samples, 10 classes)
best = logits.topk(5, dim=1).indices.t()  # (5 guesses, 32 samples)
correct = best == labels
with expect_error(RuntimeError, match="view size is not compatible .*Use .reshape"):
    correct[:3].view(-1).sum()  # is the label among the first 3?
top_3 = correct[:3].reshape(-1).sum()

# %%
# Here ``.t()`` exchanged the axes, and the comparison kept their order in memory. The sum adds up 3 · 32 places, and
# their order does not matter. So ``reshape`` is right here.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# .. not looked up: torch.flatten(maps, start_dim=1); canvas.view(12) — the cells of these causes run them
#
# .. not looked up: heads.transpose(1, 2).reshape(1, 3, 4) — the cell of this cause runs it
#
# ====================================================================  =============================================
# Cause                                                                 Fix
# ====================================================================  =============================================
# an accuracy of the k best, as above                                   ``correct[:3].reshape(-1)``
# :ref:`the output of an LSTM with batch_first <view-lstm>`             ``output.reshape(-1, 6)``
# :ref:`images in channels_last <view-channels-last>`                   ``torch.flatten(maps, start_dim=1)``
# :ref:`heads of attention are joined again <view-heads>`               ``heads.transpose(1, 2).reshape(1, 3, 4)``
# :ref:`a part of each row was cut out <view-part>`                     ``reshape``
# :ref:`you want to write into the view <view-write>`                   ``canvas.view(12)`` before the transpose
# ====================================================================  =============================================
#
# The rule
# --------
#
# The stride of an axis is the step in memory to its next element. Axis :math:`i` and the next merge into one if
# :math:`\mathrm{stride}_i = \mathrm{size}_{i+1} \cdot \mathrm{stride}_{i+1}`. The step to the next row is then as long
# as a row. ``explain_view`` puts in the numbers. See :ref:`strides-and-storage`.

print(explain_view(correct[:3], (-1,)))
assert not explain_view(correct[:3], (-1,)).works

# %%
# .. _view-lstm:
#
# The output of an LSTM
# ---------------------
#
# With ``batch_first=True`` the result has the axes (sample, step, feature), and on the CPU its memory is in the order
# (step, sample, feature). You want one row for each step of each sample, so the axes are in the right order, and
# ``reshape`` copies the numbers.

output, _ = nn.LSTM(8, 6, batch_first=True)(images[:, 0])  # the rows are the steps
print(tuple(output.shape), "with strides", output.stride())
with expect_error(RuntimeError, match="view size is not compatible"):
    output.view(-1, 6)
rows = output.reshape(-1, 6)
assert torch.equal(rows[5 * 8 + 2], output[5, 2])  # sample 5, step 2

# %%
# .. _view-channels-last:
#
# Images in channels_last
# -----------------------
#
# In this format the channels of a pixel are neighbors in memory, while the shape is as before. ``view`` cannot flatten
# such maps if they have several channels and pixels. ``torch.flatten`` copies the numbers in the order of the shape.
# See :ref:`channels-last`.

maps = nn.Conv2d(1, 4, 3)(images)
there = maps.to(memory_format=torch.channels_last)
with expect_error(RuntimeError, match="view size is not compatible"):
    there.view(there.size(0), -1)
flat = torch.flatten(there, start_dim=1)
assert torch.equal(flat, maps.view(32, -1))

# %%
# .. _view-part:
#
# A part of each row
# ------------------
#
# Here each row keeps 5 of its 8 columns. The other :val:`3 <images.shape[3] - left.shape[3]>` are still in memory
# between two rows, so no step of one length leads through the kept ones. A column that was expanded to
# :val:`3 <weight.shape[1]>` columns does not merge either: its strides are :val:`(1, 0) <tuple(weight.stride())>`.

left = images[:, :, :, :5]
with expect_error(RuntimeError, match="view size is not compatible"):
    left.view(32, -1)
assert left.reshape(32, -1).shape == (32, 8 * 5)
weight = torch.rand(4, 1).expand(4, 3)
with expect_error(RuntimeError, match="view size is not compatible"):
    weight.view(12)
assert weight.reshape(12).shape == (12,)

# %%
# .. _view-write:
#
# You write into the view
# -----------------------
#
# Where ``reshape`` copies, you write into the copy, and the original stays as it was. Make the view of the original,
# which is not transposed.

canvas = torch.zeros(4, 3)
canvas.T.reshape(12)[5] = 1
print("after reshape:", canvas.sum().item())
canvas.view(12)[5] = 1
print("after view:   ", canvas.sum().item())
assert canvas[1, 2] == canvas.T[2, 1] == 1

# %%
# .. use-this::
#
#    Name the axes of the tensor, and read them from left to right. If the axes to be merged are neighbors, in the order
#    that you want, write ``reshape`` or ``flatten``. If not, call ``transpose`` or ``permute`` first. The price
#    is a copy of the tensor where ``view`` would raise. There ``x.contiguous().view(...)`` copies, too. Keep ``view``
#    where you write into the result.
#
# .. _view-heads:
#
# A common mistake
# ----------------
#
# Three tokens of four features were split among two heads. To join the heads, you need the axes (sentence, token, head,
# feature). ``heads`` has (sentence, head, token, feature). ``reshape`` alone, as the message says, mixes the tokens.

tokens = torch.arange(12).view(1, 3, 4)
heads = tokens.view(1, 3, 2, 2).transpose(1, 2)
with expect_error(RuntimeError, match="view size is not compatible"):
    heads.view(1, 3, 4)
print("reshape alone:  ", heads.reshape(1, 3, 4).tolist())
print("transpose first:", heads.transpose(1, 2).reshape(1, 3, 4).tolist())
assert torch.equal(heads.transpose(1, 2).reshape(1, 3, 4), tokens)
assert heads.reshape(1, 3, 4)[0, 0].tolist() == [0, 1, 4, 5]  # of tokens 0 and 1

# %%
# How this was checked

# The rule for two axes, for sizes 2 to 4 and strides 0 to 8. (An axis of size 1 merges with its neighbors.)
memory, verdicts = torch.arange(64), []
for rows, columns in itertools.product(range(2, 5), repeat=2):
    for steps in itertools.product(range(9), repeat=2):
        x = memory.as_strided((rows, columns), steps)
        try:
            x.view(-1)
            works = True
        except RuntimeError:
            works = False
        assert works == (steps[0] == columns * steps[1]) == explain_view(x, (-1,)).works
        assert torch.equal(x.reshape(-1), x.contiguous().view(-1))
        verdicts.append(works)
assert set(verdicts) == {True, False}
assert torch.arange(6).view(2, 1, 3).transpose(0, 1).view(6).tolist() == list(range(6))
# Elements need not be neighbors: with steps of 2 the axes merge, and so do two expanded axes, of strides 0 and 0.
assert torch.arange(24)[::2].view(4, 3).view(12).stride() == (2,)
assert torch.rand(1, 1).expand(4, 3).view(12).stride() == (0,)
assert torch.ones(0, 3).t().view(-1).shape == (0,)
# The sum of the top 3, sample by sample.
found = [label in row.topk(3).indices for row, label in zip(logits, labels, strict=True)]
assert top_3 == sum(found)
# The comparison keeps the order in memory of what it compares, and so does an elementwise function.
assert not correct.is_contiguous()
assert not correct.float().exp().is_contiguous()
# reshape of an LSTM's output copies, and flatten of channels_last, too. Without batch_first nothing is copied.
assert output.reshape(-1, 6).data_ptr() != output.data_ptr()
assert flat.data_ptr() != there.data_ptr()
assert nn.LSTM(8, 6)(images[:, 0])[0].view(-1, 6).shape == (32 * 8, 6)
# With one channel or one pixel, view flattens channels_last. A convolution passes channels_last on.
for few in (torch.ones(3, 1, 5, 4), torch.ones(3, 4, 1, 1)):
    assert few.to(memory_format=torch.channels_last).view(3, -1).shape == few.view(3, -1).shape
assert not nn.Conv2d(4, 5, 3)(there).is_contiguous()
# contiguous and view give the same mixture as reshape alone.
assert heads.contiguous().view(1, 3, 4).tolist() == heads.reshape(1, 3, 4).tolist()
# The view to another type, and NumPy's negative steps, have messages of their own.
with expect_error(RuntimeError, match=r"self.stride\(-1\) must be 1 to view Float as Short"):
    torch.ones(4, 3).t().view(torch.int16)
with expect_error(ValueError, match="one stride in the given numpy array is negative"):
    torch.from_numpy(canvas.numpy()[::-1])

# %%
# Check yourself
# --------------
#
# The first question is about parts of a tensor.

x = torch.rand(4, 3, 5)
parts = {
    "x[:2]": x[:2],
    "x[:, :2]": x[:, :2],
    "x[:, :, :2]": x[:, :, :2],
}
(whole,) = (name for name, part in parts.items() if explain_view(part, (-1,)).works)
ask(
    "x has shape (4, 3, 5) and is contiguous. For which part does .view(-1) raise nothing?",
    answer=whole,
    choices={
        "x[:2]": f"Its two blocks of {x[0].numel()} numbers are one after the other in memory.",
        "x[:, :2]": f"Of each block of {x[0].numel()} numbers the first 10 are taken, and the rest is skipped.",
        "x[:, :, :2]": "Of each 5 numbers two are taken, and three are skipped.",
    },
)

# %%
# The next question asks for the order.

photo = torch.tensor([[1, 2, 3], [4, 5, 6]])
orders = {"1 4 2 5 3 6", "1 2 3 4 5 6"}
order = " ".join(str(value) for value in photo.t().reshape(6).tolist())
assert order in orders
ask(
    "photo is [[1, 2, 3], [4, 5, 6]]. What is photo.t().reshape(6)?",
    answer=order,
    choices={
        "1 2 3 4 5 6": "That is the order in memory. reshape follows the axes of the transposed tensor.",
        "1 4 2 5 3 6": "The rows of the transposed tensor are (1, 4), (2, 5) and (3, 6).",
    },
)

# %%
# **Exercise.** Write the accuracy of the k best: the fraction of the samples whose label is among the k largest logits.
# ``logits`` has the axes (sample, class), and ``labels`` has the axis (sample).


def topk_accuracy(logits, labels, k):
    raise NotImplementedError


def by_loops(logits, labels, k):
    hits = 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        hits += sum(value > row[label] for value in row) < k
    return torch.tensor(hits / len(labels))


cases = [
    (torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([2]), 2),
    (torch.tensor([[3.0, 1.0, 2.0], [1.0, 5.0, 4.0]]), torch.tensor([1, 2]), 1),
    (torch.rand(9, 7), torch.randint(7, (9,)), 3),
    (torch.rand(9, 7), torch.randint(7, (9,)), 7),
    (torch.rand(20, 4), torch.randint(4, (20,)), 2),
]
check(topk_accuracy, by_loops, cases)

# %%
# Without the transpose there is nothing to flatten: give the labels an axis, and compare.

# Solution


def topk_accuracy(logits, labels, k):
    hits = logits.topk(k, dim=1).indices == labels[:, None]
    return hits.any(dim=1).float().mean()


report = check(topk_accuracy, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dimension-out-of-range`, where an axis is asked for that the tensor does not have.
#
# - PyTorch contributors (2026). `torch.Tensor.view
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html>`__. The rule on strides, in general.
# - Yang (2019). `PyTorch internals <https://blog.ezyang.com/2019/05/pytorch-internals/>`__. Strides, storage and views,
#   drawn.
