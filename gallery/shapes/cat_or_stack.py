"""
.. _cat-or-stack:

When do I use cat, and when stack?
==================================

:func:`torch.cat` makes an :term:`axis` longer; :func:`torch.stack` makes a new one. Where tensors have the same shape,
of one axis or more, both work, and a wrong choice raises no error there. You need to know :ref:`cat <cat>` and
:ref:`stack <stack>`.
"""

# %%
# Both join the same three matrices. The first index of an element of ``stack`` says which :term:`matrix` it is
# from, and the other two are its indices there. The first index of ``cat`` counts the rows of all three.

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

a = torch.arange(8).reshape(2, 4)
b, c = a + 20, a + 40


def both(a, b, c):
    return {"stack": torch.stack([a, b, c]), "cat": torch.cat([a, b, c])}


draw(both, (a, b, c))

# %%
# The question to ask is: *does it matter from now on which tensor an element came from?* If each tensor is one thing
# of a series, an image, a point in time, a result, use ``stack``: the new axis counts the things. If each is a part of
# one long series, as the batches of a data set are, use ``cat``.

pile, long = both(a, b, c).values()
assert (long.shape, pile.shape) == ((2 + 2 + 2, 4), (3, 2, 4))
assert torch.equal(pile[1], b)
assert torch.equal(long[2:4], b)

# %%
# ===========================  ===================================  =====================================
# \                            cat                                  stack
# ===========================  ===================================  =====================================
# number of axes               as before                            one more
# sizes must agree             except along ``dim``                 all
# size along ``dim``           the sum of the sizes                 the number of tensors
# tensors without axes         raise an error                       become a vector
# undone by                    ``split`` with the list of sizes     ``unbind``
# ===========================  ===================================  =====================================
#
# :func:`torch.split` and :func:`torch.unbind` are explained on :ref:`the next page <unbind-split-and-chunk>`.

tensors, numbers = [a, b, c], [torch.tensor(4), torch.tensor(5)]
assert (torch.cat(tensors).dim(), torch.stack(tensors).dim()) == (2, 3)
assert torch.cat([a, torch.zeros(3, 4)]).shape == (2 + 3, 4)
assert torch.stack(numbers).shape == (2,)
with expect_error(RuntimeError, match="zero-dimensional tensor"):
    torch.cat(numbers)

for parts in (torch.cat(tensors, 1).split([4, 4, 4], 1), torch.stack(tensors, 1).unbind(1)):
    assert all(torch.equal(part, tensor) for part, tensor in zip(parts, tensors, strict=True))

# %%
# One from the other
# ------------------
#
# Both hold the same elements. With the same ``dim``, counted from the left, they hold them in the same order: ``cat``
# is ``stack`` with the new axis joined to the next by :ref:`flatten <flatten-and-unflatten>`. A negative ``dim`` counts
# from the end of each result, and ``stack`` has one axis more: ``dim=-2`` of ``stack`` goes with ``dim=-1`` of ``cat``.

volume = torch.arange(30).reshape(2, 3, 5)
volumes = [volume, volume + 100, volume + 200, volume + 300]
for dim in range(3):
    joined, stacked = torch.cat(volumes, dim), torch.stack(volumes, dim)
    print(f"dim={dim}: stack {tuple(stacked.shape)}, cat {tuple(joined.shape)}")
    assert torch.equal(stacked.flatten(dim, dim + 1), joined)
    assert torch.equal(joined.unflatten(dim, (4, volume.shape[dim])), stacked)

assert torch.equal(torch.stack(volumes, dim=-2).flatten(-2, -1), torch.cat(volumes, dim=-1))

# %%
# With the new axis one place further on, the same ``flatten`` takes turns: a row of ``a``, a row of ``b``, a row of
# ``c``.


def take_turns(a, b, c):
    return torch.stack([a, b, c], dim=1).flatten(0, 1)


assert torch.equal(take_turns(a, b, c)[0::3], a)
draw(take_turns, (a, b, c))

# %%
# Both give a :term:`copy`, both send each tensor its own part of the :term:`gradient`, and both mix data types
# (:term:`dtype`) by :term:`promotion`.

for join in (torch.cat, torch.stack):
    assert not shares_memory(join([a, b]), a)
    assert join([a, b.half()]).dtype == torch.float16
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    (join([x, y]).flatten() * torch.tensor([1.0, 2.0, 4.0, 8.0])).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([1, 2], [4, 8])

# %%
# Which one here?
# ---------------
#
# ``stack`` makes a :term:`batch` of images of one size. ``cat`` makes one tensor of several batches, of which the last
# may be smaller. ``cat`` along the features puts two sorts of features of the same examples side by side. ``stack``
# collects results that are single numbers, such as the losses of an epoch.

images = [torch.zeros(3, 6, 7) for _ in range(5)]
assert torch.stack(images).shape == (5, 3, 6, 7)

batches = [torch.zeros(size, 11) for size in (4, 4, 2)]
assert torch.cat(batches).shape == (10, 11)

assert torch.cat([torch.zeros(8, 11), torch.zeros(8, 9)], dim=1).shape == (8, 11 + 9)
assert torch.stack([torch.tensor(0.9), torch.tensor(0.5)]).shape == (2,)

# %%
# Sequences of different lengths can't be stacked, and in the result of ``cat`` they have no index of their own. The
# usual way is to fill them up to one length first. ``pad_sequence`` does that and stacks.

lengths = [torch.ones(4), torch.ones(2), torch.ones(3)]
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    torch.stack(lengths)

assert torch.cat(lengths).shape == (4 + 2 + 3,)
padded = nn.utils.rnn.pad_sequence(lengths, batch_first=True)
assert padded.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]

# %%
# What goes wrong
# ---------------
#
# If you write ``cat`` for ``stack``, two photos of 3 channels (:term:`channel`) become one with 6. The error comes
# later, from a layer of a network that counts them. If you write ``stack`` for ``cat``, batches of equal size get an
# axis too many, and a batch that is smaller raises an error.

layer = nn.Conv2d(3, 9, kernel_size=2)
with expect_error(RuntimeError, match=r"to have 3 channels, but got 6 channels"):
    layer(torch.cat(images[:2]))

assert layer(torch.stack(images[:2])).shape == (2, 9, 5, 6)
assert torch.stack(batches[:2]).shape == (2, 4, 11)
with expect_error(RuntimeError, match="stack expects each tensor to be equal size"):
    torch.stack(batches)

# %%
# The names ``hstack`` and ``vstack`` say "stack", but they join matrices as ``cat`` does, along axis 1 and along axis
# 0. Vectors have no axis 1: ``hstack`` joins them along axis 0, and ``vstack`` makes rows of them first. ``dstack``
# joins along axis 2, and adds that axis where it is missing.

vector = torch.arange(4)
for join in (torch.hstack, torch.vstack, torch.dstack):
    two, three = join([vector, vector]), join([a, b, c])
    sizes = f"2 of (4,) give {tuple(two.shape)!s:9}  3 of (2, 4) give {tuple(three.shape)}"
    print(f"{join.__name__}: {sizes}")

assert torch.equal(torch.hstack(tensors), torch.cat(tensors, dim=1))
assert torch.equal(torch.vstack(tensors), torch.cat(tensors, dim=0))
assert torch.equal(torch.dstack(tensors), torch.stack(tensors, dim=2))
assert torch.equal(torch.dstack(volumes), torch.cat(volumes, dim=2))
assert torch.equal(torch.hstack([vector, vector]), torch.cat([vector, vector]))
assert torch.equal(torch.vstack([vector, vector]), torch.stack([vector, vector]))

# %%
# Check yourself
# --------------

ask(
    "Predictions for 32, 32 and 7 examples, each of 10 classes, are joined. What is the shape?",
    answer=torch.cat([torch.zeros(size, 10) for size in (32, 32, 7)]).shape,
    choices={
        (71, 10): "By cat: one row for each example.",
        (3, 32, 10): "That would be stack, which raises an error for 7 rows beside 32.",
        (71, 30): "cat adds up one axis; the others stay.",
    },
)

# %%
# The same shape three times:

one, two = torch.arange(15).reshape(3, 5), torch.arange(50, 65).reshape(3, 5)
ways = {
    "cat(dim=0)": torch.cat([one, two], dim=0),
    "stack(dim=0), then flatten(0, 1)": torch.stack([one, two], dim=0).flatten(0, 1),
    "stack(dim=1), then flatten(0, 1)": torch.stack([one, two], dim=1).flatten(0, 1),
}
ask(
    "Which call makes one matrix from two of shape (3, 5), rows of both in turn?",
    answer=next(way for way, result in ways.items() if torch.equal(result[1], two[0])),
    choices={
        "cat(dim=0)": "It has all rows of the first before those of the second.",
        "stack(dim=0), then flatten(0, 1)": "That is cat(dim=0).",
        "stack(dim=1), then flatten(0, 1)": "Stacked, a row of each stands beside the other; then come all rows.",
    },
)

# %%
# Next: :ref:`unbind-split-and-chunk`, the way back.
