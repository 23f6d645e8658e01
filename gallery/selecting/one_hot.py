"""
.. _one-hot:

How do I turn class numbers into one-hot vectors?
=================================================

``F.one_hot(labels, num_classes)`` (:func:`torch.nn.functional.one_hot`) turns a class number into a row of zeros with a
1 at the place of the class. The result has one :term:`axis` more than the labels. You need to know :ref:`scatter` and
:ref:`argmax-and-max`.
"""

# %%
# Here are three labels and five classes. Label 2 gives a 1 at place 2. Each row is made of one label.

import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

labels = torch.tensor([2, 0, 4])
assert F.one_hot(labels, 5)[0].tolist() == [0, 0, 1, 0, 0]
draw(F.one_hot, labels, num_classes=5, names=["labels"])

# %%
# The rule: shape :math:`(s_0, \ldots, s_{n-1})` becomes :math:`(s_0, \ldots, s_{n-1}, C)` for :math:`C` classes, and
# ``out[i, c]`` is 1 where ``labels[i] == c``. From scratch that is one comparison, or one write with
# :ref:`scatter <scatter>`, or rows picked from the table that :func:`torch.eye` makes.


def one_hot(labels, num_classes):
    return (labels.unsqueeze(-1) == torch.arange(num_classes)).long()


hot = F.one_hot(labels, 5)
for shape in ((), (0,), (3,), (2, 3), (2, 1, 3)):
    some = torch.arange(15)[: torch.Size(shape).numel()].reshape(shape) % 5
    assert torch.equal(one_hot(some, 5), F.one_hot(some, 5))
    assert F.one_hot(some, 5).shape == (*shape, 5)
assert torch.equal(one_hot(labels, 5), hot)
assert torch.equal(torch.zeros(3, 5, dtype=torch.int64).scatter(1, labels[:, None], 1), hot)
assert torch.equal(torch.eye(5, dtype=torch.int64)[labels], hot)

# %%
# There may be a label for each pixel of an image, or for each word of two sentences, here of shape (2, 3). The classes
# become the *last* axis. :func:`torch.nn.functional.cross_entropy` wants them as axis 1; :func:`torch.movedim` brings
# them there.

words = torch.tensor([[1, 3, 0], [2, 2, 1]])
assert torch.equal(F.one_hot(words, 4), one_hot(words, 4))
targets = F.one_hot(words, 4).movedim(-1, 1).float()
assert targets.shape == (2, 4, 3)
scores = torch.arange(24.0).reshape(2, 4, 3)
torch.testing.assert_close(F.cross_entropy(scores, targets), F.cross_entropy(scores, words))
draw(F.one_hot, words, num_classes=4, names=["words"])

# %%
# The way back is :func:`torch.argmax` over the classes. Each row sums to 1. The sum over the labels counts each class.

assert torch.equal(F.one_hot(words, 4).argmax(dim=-1), words)
assert (F.one_hot(words, 4).sum(dim=-1) == 1).all()
assert F.one_hot(words, 4).sum(dim=(0, 1)).tolist() == [1, 2, 2, 1]

# %%
# What it is for
# --------------
#
# A product with a :term:`one-hot` row picks a row: ``hot @ table`` has the values of ``table[labels]``, if the table is
# finite. An embedding reads its table by the index. The product multiplies each row of the table, also those that are
# not picked, and 0 times infinity is NaN.

torch.manual_seed(0)
table = torch.randn(5, 7)
assert torch.equal(hot.float() @ table, table[labels])
assert torch.equal(F.embedding(labels, table), table[labels])
endless = table.clone()
endless[1] = float("inf")
assert torch.equal(endless[labels], table[labels])
assert (hot.float() @ endless).isnan().all()

# %%
# Its transpose adds up the rows of each class, as :meth:`torch.Tensor.index_add` does.

rows, of_class = torch.tensor([[1.0, 2], [3, 4], [5, 6], [7, 8]]), torch.tensor([2, 0, 2, 1])
sums = F.one_hot(of_class, 3).float().T @ rows
assert sums.tolist() == [[3, 4], [7, 8], [1 + 5, 2 + 6]]
assert torch.equal(torch.zeros(3, 2).index_add(0, of_class, rows), sums)

# %%
# With :val:`1797 <len(pixels)>` written digits as rows of :val:`64 <pixels.shape[1]>` pixels, it gives the mean image
# of each class.

data = load_digits()
pixels, classes = torch.from_numpy(data.data).float(), torch.from_numpy(data.target)
per_class = F.one_hot(classes, 10).float()  # (1797, 10)
means = per_class.T @ pixels / per_class.sum(dim=0)[:, None]  # (10, 64)
for k in range(10):
    torch.testing.assert_close(means[k], pixels[classes == k].mean(dim=0))
draw(list(means[:6].reshape(6, 1, 8, 8) / 16), [f"mean of {k}" for k in range(6)], image=True)

# %%
# In a loss it picks the probability of the right class: in the sum :math:`-\sum_c t_c \ln p_c` the terms of the other
# classes are 0, if their probabilities are not. The two losses here are 0.3567 and 2.3026. The sum is not divided by
# the number of classes. Over several examples one takes the mean.

target = F.one_hot(torch.tensor(0), 3)
assert (target * torch.tensor([0.7, 0.3, 0.0]).log()).sum().isnan()
for p, worked in (([0.7, 0.2, 0.1], 0.3567), ([0.1, 0.3, 0.6], 2.3026)):
    loss = -(target * torch.tensor(p).log()).sum()
    torch.testing.assert_close(loss, torch.tensor(worked), rtol=0, atol=5e-5)
    torch.testing.assert_close(loss, F.cross_entropy(torch.tensor(p).log(), torch.tensor(0)))

# %%
# Copy, dtype, gradient
# ---------------------
#
# Labels of :val:`int64 <labels.dtype>` are taken, and other dtypes are refused. The result is a new tensor of
# :val:`int64 <hot.dtype>` without :term:`gradient`. It takes 8 bytes for each class of each label; a comparison alone
# gives bool, 1 byte.

assert hot.dtype == torch.int64
assert not shares_memory(labels, hot)
assert (hot.nbytes, (labels[:, None] == torch.arange(5)).nbytes) == (3 * 5 * 8, 3 * 5)
for dtype in (torch.int32, torch.uint8, torch.float32):
    with expect_error(RuntimeError, match="one_hot is only applicable to index tensor"):
        F.one_hot(labels.to(dtype), 5)

# %%
# What goes wrong
# ---------------
#
# *The number of classes is left out.* Then it is the largest label plus 1, so it changes from batch to batch.

for batch in ([2, 0, 4], [1, 0, 1]):
    print(batch, tuple(F.one_hot(torch.tensor(batch)).shape))
    assert F.one_hot(torch.tensor(batch)).shape == (3, max(batch) + 1)

# %%
# *A label that is no class.* Labels count from 0, so classes 1 to 5 need a subtraction of 1. The -100 that
# :func:`torch.nn.functional.cross_entropy` skips is refused, too: make such labels 0, and their rows zero.

with expect_error(RuntimeError, match="Class values must be smaller than num_classes"):
    F.one_hot(labels + 1, 5)
with expect_error(RuntimeError, match="Class values must be non-negative"):
    F.one_hot(torch.tensor([2, -100]), 5)
some = torch.tensor([2, -100])
rows = F.one_hot(some.clamp(min=0), 5) * (some >= 0)[:, None]
assert rows.tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]

# %%
# *Integers where floats are needed.* A product with a table of floats refuses integers, and so does ``cross_entropy``.
# It needs no one-hot target: with class numbers it gives the same.

logits = torch.randn(3, 5)
with expect_error(RuntimeError, match="dtype"):
    hot @ table
with expect_error(RuntimeError, match="Expected floating point type for target"):
    F.cross_entropy(logits, hot)
torch.testing.assert_close(F.cross_entropy(logits, hot.float()), F.cross_entropy(logits, labels))

# %%
# The function is in ``torch.nn.functional``. There is no ``torch.one_hot`` and no such method of tensors.

assert not hasattr(torch, "one_hot")
assert not hasattr(labels, "one_hot")

# %%
# Check yourself
# --------------

masks = torch.zeros(6, 16, 12, dtype=torch.int64)
ask(
    "masks has shape (6, 16, 12) and holds class numbers up to 20. What is the shape of F.one_hot(masks, 21)?",
    answer=F.one_hot(masks, 21).shape,
    choices={
        (6, 21, 16, 12): "The classes become the last axis; movedim brings them here.",
        (6, 16, 12, 21): "One axis more, behind the others.",
        (6, 16, 12, 20): "Up to 20 there are 21 classes.",
    },
)

# %%
# Without the number of classes:

ask(
    "What is the shape of F.one_hot(torch.tensor([7]))?",
    answer=F.one_hot(torch.tensor([7])).shape,
    choices={
        (1, 8): "The largest label plus 1: the places begin with zero.",
        (1, 7): "Place 7 needs 8 places.",
        (1, 1): "It counts the classes up to the largest label, also those that do not occur.",
    },
)

# %%
# Next: :ref:`selecting-table`, where operations of the chapter are compared.
