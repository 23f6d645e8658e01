"""
.. _one-hot:

How do I turn class numbers into one-hot vectors?
=================================================

You have the number of a class or word, and a formula wants a row with a probability for each class. ``F.one_hot``
writes the row: zeros, and a 1 at the place of the class.
"""

# %%
# Set-up

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

torch.manual_seed(0)
tokens = torch.tensor([2, 0, 4, 0])  # the tokens of a sentence; there are five words

# %%

draw(F.one_hot, tokens, num_classes=5, names=["tokens"], at=(0, 2))

# %%
# Each token gives a row of five: token 2 gives a row with a 1 at place 2. You need to know :ref:`what a shape is
# <what-is-a-tensor>`.
#
# The rule
# --------
#
# The result has one axis more, behind the others, with a place for each class. ``out[..., c]`` is 1 where the label is
# ``c``, and else 0. So ``one_hot`` compares the labels with the numbers of the classes. You find it in
# ``torch.nn.functional``, imported as ``F``.


def one_hot(labels, num_classes):
    return (labels[..., None] == torch.arange(num_classes)).long()


hot = F.one_hot(tokens, 5)
assert torch.equal(one_hot(tokens, 5), hot)
print(tuple(tokens.shape), "becomes", tuple(hot.shape), hot.dtype)

# %%
# A label for each word, or for each pixel
# ----------------------------------------
#
# ``one_hot`` makes the classes the *last* axis. :func:`torch.nn.functional.cross_entropy` wants them as axis 1, and
# :func:`torch.movedim` brings them there. The loss is then the same as with the class numbers.

words = torch.tensor([[1, 3, 0], [2, 2, 1]])  # (sentence, position)
rows = F.one_hot(words, 4)
print("last axis:", tuple(rows.shape), " axis 1:", tuple(rows.movedim(-1, 1).shape))
logits = torch.randn(2, 4, 3)  # (sentence, word, position)
loss = F.cross_entropy(logits, rows.movedim(-1, 1).float())
torch.testing.assert_close(loss, F.cross_entropy(logits, words))

# %%
# What can be done with the rows
# ------------------------------
#
# ``argmax`` over the classes gives the numbers back. The sum over the positions counts the words. A matrix product with
# a table picks rows of the table. An :class:`embedding <torch.nn.Embedding>` picks them by index, without the
# multiplications by 0.

table = torch.randn(5, 3)  # (word, feature)
print("back  ", hot.argmax(dim=-1).tolist())
print("counts", hot.sum(dim=0).tolist())
assert torch.equal(hot.float() @ table, table[tokens])
assert torch.equal(F.embedding(tokens, table), table[tokens])

# %%
# .. use-this::
#
#    Two uses need no one-hot rows: ``cross_entropy`` takes class numbers, and ``table[tokens]`` looks up rows. Write
#    ``F.one_hot(labels, num_classes)`` for targets that are mixed, and for formulas that sum over classes. Give
#    ``num_classes`` each time. A row takes 8 bytes for each class. With a large vocabulary, compare the labels with the
#    numbers of the classes, as in the cell below: truth values take 1 byte.

compared = tokens[:, None] == torch.arange(5)
print(f"{hot.nbytes} bytes for 4 x 5 as int64, {compared.nbytes} as bool")
assert (hot.nbytes, compared.nbytes) == (8 * hot.numel(), 1 * hot.numel())

# %%
# Common mistakes
# ---------------
#
# **The number of classes is left out.** Then ``one_hot`` takes the largest label plus 1, which may change from batch to
# batch.

for batch in ([2, 0, 4], [1, 0, 1]):
    print(batch, tuple(F.one_hot(torch.tensor(batch)).shape))
    assert F.one_hot(torch.tensor(batch)).shape == (3, max(batch) + 1)

# %%
# **Integers where floats are needed.** The rows are :val:`int64 <hot.dtype>`. A matrix product with floats refuses
# them, and so does ``cross_entropy``. Convert them with ``.float()``.

with expect_error(RuntimeError, match="same dtype"):
    hot @ table
with expect_error(RuntimeError, match="Expected floating point type for target"):
    F.cross_entropy(torch.randn(4, 5), hot)
assert torch.equal(hot.float() @ table, table[tokens])

# %%
# How this was checked

for shape in ((), (0,), (3,), (2, 3), (2, 1, 3)):
    some = torch.arange(15)[: torch.Size(shape).numel()].reshape(shape) % 5
    assert torch.equal(one_hot(some, 5), F.one_hot(some, 5))
    assert F.one_hot(some, 5).shape == (*shape, 5)
    assert (F.one_hot(some, 5).sum(dim=-1) == 1).all()
    assert torch.equal(F.one_hot(some, 5).argmax(dim=-1), some)
assert torch.equal(torch.zeros(4, 5, dtype=torch.int64).scatter(1, tokens[:, None], 1), hot)
assert torch.equal(torch.eye(5, dtype=torch.int64)[tokens], hot)
assert not hasattr(torch, "one_hot")
assert not hasattr(tokens, "one_hot")
assert not shares_memory(tokens, hot)
assert (hot * 0.5).dtype == torch.float32  # element by element, the rows become floats
with expect_error(RuntimeError, match="Can not infer total number of classes"):
    F.one_hot(tokens[:0])
for dtype in (torch.int32, torch.uint8, torch.float32):
    with expect_error(RuntimeError, match="one_hot is only applicable to index tensor"):
        F.one_hot(tokens.to(dtype), 5)
with expect_error(RuntimeError, match="Class values must be smaller than num_classes"):
    F.one_hot(tokens + 1, 5)
# The -100 that cross_entropy skips is refused: such labels become 0, and their rows zero.
some = torch.tensor([2, -100])
with expect_error(RuntimeError, match="Class values must be non-negative"):
    F.one_hot(some, 5)
zeroed = F.one_hot(some.clamp(min=0), 5) * (some >= 0)[:, None]
assert zeroed.tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]
# A product multiplies the rows that are not picked as well, and 0 times infinity is NaN.
endless = table.clone()
endless[1] = float("inf")
assert torch.equal(endless[tokens], table[tokens])
assert (hot.float() @ endless).isnan().all()
# The transpose adds up the rows of each class.
states, of_class = torch.tensor([[1.0, 2], [3, 4], [5, 6], [7, 8]]), torch.tensor([2, 0, 2, 1])
sums = F.one_hot(of_class, 3).float().T @ states
assert torch.equal(torch.zeros(3, 2).index_add(0, of_class, states), sums)

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
# The next call leaves out the number of classes.

ask(
    "What is the shape of F.one_hot(torch.tensor([7]))?",
    answer=F.one_hot(torch.tensor([7])).shape,
    choices={
        (1, 8): "The largest label plus 1.",
        (1, 7): "The places are numbered from 0, so label 7 needs 8 of them.",
        (1, 1): "It counts the classes up to the largest label, also those that do not occur.",
    },
)

# %%
# **Exercise.** Mixup trains on mixtures of two examples: ``part`` of the first and the rest of the second, in the
# inputs and in the targets. Return the mixed targets as probabilities, shape (example, class). ``first`` and
# ``second`` hold class numbers.


def by_loops(first, second, part, num_classes):
    mixed = torch.zeros(len(first), num_classes)
    for i, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        mixed[i, one] += part
        mixed[i, other] += 1 - part
    return mixed


cases = [
    (torch.tensor([0]), torch.tensor([2]), 0.75, 3),
    (torch.tensor([1, 3]), torch.tensor([1, 0]), 0.25, 4),
    (torch.randint(6, (5,)), torch.randint(6, (5,)), 0.5, 6),
]


def mixed_targets(first, second, part, num_classes):
    raise NotImplementedError


check(mixed_targets, by_loops, cases)

# %%
# The targets are a weighted sum of the two one-hot rows. Integers times a float are floats.

# Solution


def mixed_targets(first, second, part, num_classes):
    return part * F.one_hot(first, num_classes) + (1 - part) * F.one_hot(second, num_classes)


report = check(mixed_targets, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`selecting-table` compares the operations of the chapter.
#
# - Zhang et al. (2018). `mixup: Beyond empirical risk minimization <https://arxiv.org/abs/1710.09412>`__. The paper
#   of the exercise.
# - Szegedy et al. (2016). `Rethinking the Inception architecture for computer vision
#   <https://arxiv.org/abs/1512.00567>`__. Its section on label smoothing replaces one-hot targets by a mixture with
#   equal probabilities.
