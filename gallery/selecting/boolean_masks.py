"""
.. _boolean-masks:

How do I select the elements where a condition holds?
=====================================================

A mean over a batch of sentences counts the padding, too. A comparison gives a :term:`mask` of truth values, and
``losses[mask]`` takes the elements where it is True.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
tokens = torch.tensor([[3, 1, 4, 2], [3, 2, 0, 0], [1, 4, 2, 0]])  # 0 is padding
losses = torch.tensor([[5, 1, 6, 2], [7, 3, 0, 0], [4, 8, 1, 0]])  # (sentence, position)


def pick(losses, mask):
    return losses[mask]


# %%

mask = tokens != 0
draw(pick, (losses, mask), names=["losses", "mask"])

# %%
# The mask is True where a token is not 0. The result holds the losses of these real tokens, row after row. It has one
# axis, because the places of True need not form a rectangle. You need to know :ref:`indexing-and-slicing`.
#
# The rule
# --------
#
# A mask is a tensor of dtype :val:`bool <mask.dtype>` with the shape of ``x``. ``x[mask]`` means ``x[rows, columns]``,
# where ``rows`` and ``columns`` are the places of True. So the size of the result is the number of True. That is the
# sum of the mask, because True counts as 1.

rows, columns = mask.nonzero(as_tuple=True)
assert torch.equal(losses[mask], losses[rows, columns])
print(f"mean of all {losses.numel()}: {losses.float().mean():.2f}")
print(f"mean of the {mask.sum()} real: {losses[mask].float().mean():.2f}")

# %%
# Several conditions
# ------------------
#
# ``&`` is and, ``|`` is or, ``~`` is not, each element by element. They bind more tightly than ``>``, so a comparison
# needs parentheses. :func:`torch.isin` asks which elements are among those of a second tensor.

print((mask & (losses > 4)).int().tolist(), "real, with a loss above 4")
print(torch.isin(tokens, torch.tensor([1, 2])).int().tolist(), "tokens 1 and 2")
assert torch.equal(torch.isin(tokens, torch.tensor([1, 2])), (tokens == 1) | (tokens == 2))

# %%
# A mask may cover fewer axes
# ---------------------------
#
# The axes that a mask covers become one axis, whose size is the number of True. The other axes stay. So one truth value
# for each sentence takes whole sentences, and a mask of shape (sentence, position) takes the features of the real
# tokens.

states = torch.randn(3, 4, 6)  # (sentence, position, feature)
full = mask.all(dim=1)
print(f"states[full]    {tuple(states[full].shape)}")
print(f"states[mask]    {tuple(states[mask].shape)}")
assert torch.equal(states[full], states[:1])

# %%
# Writing through a mask
# ----------------------
#
# ``x[mask] = 0`` writes into ``x``. Reading is different: ``x[mask]`` is a :term:`copy`, so a second pair of brackets
# writes into the copy, and ``x`` stays as it was. Combine the conditions, and write once.

x = losses.clone()
x[x > 5][0] = -1
assert torch.equal(x, losses)
x[(x > 5) & mask] = -1
print(x.tolist())

# %%
# .. use-this::
#
#    Use ``x[mask]`` for a mean or a histogram of the elements; ``mask.sum()`` counts them. Where the shape must stay,
#    take :ref:`torch.where or masked_fill <where-and-masked-fill>`. The result is a copy with gradients. Its size
#    depends on the values, so on a GPU Python waits for them, and by default :func:`torch.compile` splits the graph
#    here. In such code, multiply finite losses by the mask, and divide their sum by the sum of the mask.
#
# .. not tried: must — advice to the reader
#
# Common mistakes
# ---------------
#
# **Python's words, and missing parentheses.** ``and`` asks a tensor for one truth value, and :ref:`so does an if
# <tensor-to-python>`. Worse is one missing pair of parentheses, which raises nothing for integers:
# ``(losses > 2) & losses < 7`` compares what ``&`` gives.

with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    losses[losses > 2 and losses < 7]
one_missing = (losses > 2) & losses < 7
print("True in the mask:", one_missing.sum().item(), "of 12, and not", end=" ")
print(((losses > 2) & (losses < 7)).sum().item())
assert one_missing.all()

# %%
# **Zeros and ones.** Numbers of :val:`int64 <keep.dtype>` are not a mask but a :ref:`list of positions
# <advanced-indexing>`: they take sentences 1, 0 and 1, without an error. ``.bool()`` makes a mask of them.

keep = torch.tensor([1, 0, 1])
print(losses[keep].tolist())
print(losses[keep.bool()].tolist())
# %%
# How this was checked

assert (x == -1).sum() == (losses > 5).sum()
assert torch.equal(states[mask], states.reshape(12, 6)[mask.flatten()])
assert losses[mask].shape == (mask.sum(),)
assert torch.equal(losses[keep], torch.stack([losses[1], losses[0], losses[1]]))
assert torch.equal(~mask | (losses > 4), ~(mask & (losses <= 4)))

by_product = (losses * mask).sum() / mask.sum()
torch.testing.assert_close(by_product, losses[mask].float().mean())

for tensor in zoo(axes=(1, 2, 3)).values():
    chance = torch.rand(tensor.shape) < 0.5
    for some in (chance, torch.zeros_like(chance), torch.ones_like(chance)):
        expected = tensor[some.nonzero(as_tuple=True)]
        picked = tensor[some]
        assert picked.shape == (some.sum(),)
        assert not shares_memory(tensor, picked)
        torch.testing.assert_close(picked, expected, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(
            picked, torch.masked_select(tensor, some), rtol=0, atol=0, equal_nan=True
        )
# A mask that covers the axes i to j replaces them by one.
batch = torch.arange(2 * 3 * 4 * 7).reshape(2, 3, 4, 7)
for i in range(4):
    for j in range(i, 4):
        covered = batch.shape[i : j + 1]
        covers = torch.arange(covered.numel()).reshape(covered) % 3 == 1
        shape = (*batch.shape[:i], covers.sum(), *batch.shape[j + 1 :])
        assert batch[(*[slice(None)] * i, covers)].shape == shape
w = torch.ones(3, 4, requires_grad=True)
w[mask].sum().backward()
assert torch.equal(w.grad, mask.float())
# The mask of a row must fit axis 0; masked_select broadcasts it from the last axis on.
every_other = torch.tensor([True, False, True, False])
with expect_error(IndexError, match=r"shape of the mask \[4\] at index 0 does not match"):
    losses[every_other]
assert torch.equal(torch.masked_select(losses, every_other), losses[:, every_other].flatten())
with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    losses[losses > 2 & losses < 7]
with expect_error(RuntimeError, match="bitwise_and.*Float"):
    losses[(losses.float() > 2) & losses.float() < 7]
# torch.compile gives one graph for masked_fill, and two for a selection by a mask.
graphs = []


def keep_graph(graph, inputs):
    graphs.append(graph)
    return graph


torch.compile(lambda x: x.masked_fill(x > 4, 0) + 1, backend=keep_graph)(losses)
assert len(graphs) == 1
torch.compile(lambda x: x[x > 4] + 1, backend=keep_graph)(losses)
assert len(graphs) == 1 + 2
for dtype in (torch.int64, torch.int32):
    assert torch.equal(losses[keep.to(dtype)], losses[[1, 0, 1]])
with expect_warning(UserWarning, match="dtype torch.uint8 is now deprecated"):
    assert torch.equal(losses[keep.to(torch.uint8)], losses[keep.bool()])
# A tensor of values has one for each True place.
y = losses.clone()
y[mask] = torch.arange(9)
assert torch.equal(y[mask], torch.arange(9))
with expect_error(RuntimeError, match=r"of shape \[2\] cannot be broadcast .* of shape \[9\]"):
    y[mask] = torch.tensor([10, 20])

# %%
# Check yourself
# --------------

images = torch.zeros(6, 3, 8)
keep = torch.tensor([True, False, True, True, False, True])
ask(
    f"images has shape (6, 3, 8); keep has shape {tuple(keep.shape)} and four True. What is the shape of images[keep]?",
    answer=images[keep].shape,
    choices={
        (
            4,
            3,
            8,
        ): f"The mask covers axis 0, whose size becomes {int(keep.sum())}. The other axes stay.",
        (96,): "That would be a mask of the whole shape (6, 3, 8).",
        (6, 3, 8): "A mask selects; to keep the shape, use torch.where.",
    },
)

# %%
# Zeros and ones:

t = torch.tensor([5, 6, 7])
ask(
    "With t = torch.tensor([5, 6, 7]): what is t[torch.tensor([0, 1, 1])]?",
    answer=t[torch.tensor([0, 1, 1])],
    choices={
        (6, 7): "For that the index must be of dtype bool.",
        (5, 6, 6): "Integers are positions, also if they are 0 and 1.",
        (0, 6, 7): "That is the product with t.",
    },
)

# %%
# **Exercise.** A model guessed the tokens. Return its accuracy as a tensor without axes: the fraction of right guesses
# among the tokens that count. Padding, token 0, does not count, nor does "the", token 1, which is too easy.


def by_loops(guesses, tokens):
    pairs = zip(guesses.flatten().tolist(), tokens.flatten().tolist(), strict=True)
    right = [guess == token for guess, token in pairs if token not in (0, 1)]
    return torch.tensor(sum(right) / len(right))


cases = [
    (torch.tensor([[3, 1, 4, 2]]), torch.tensor([[3, 1, 2, 0]])),
    (torch.tensor([[0, 1], [2, 1]]), torch.tensor([[0, 1], [2, 2]])),
    (torch.randint(4, (5, 6)), torch.randint(4, (5, 6))),
]


def accuracy(guesses, tokens):
    raise NotImplementedError


check(accuracy, by_loops, cases)

# %%
# The mean of truth values, as floats, is the fraction of True.

# Solution


def accuracy(guesses, tokens):
    counts = (tokens != 0) & (tokens != 1)
    return (guesses == tokens)[counts].float().mean()


report = check(accuracy, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`index-select` takes the axis as a number.
#
# - NumPy developers (2026). `Indexing on ndarrays <https://numpy.org/doc/stable/user/basics.indexing.html>`__. Its
#   section on boolean arrays has the rule that PyTorch follows.
