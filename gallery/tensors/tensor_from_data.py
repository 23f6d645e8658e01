"""
.. _tensor-from-data:

torch.tensor, torch.Tensor, as_tensor or from_numpy?
====================================================

You have numbers in a list or an array, and four functions that make a :term:`tensor` of them. Take ``torch.tensor``,
which copies; with the wrong one your labels become floats, or a later write changes your data.
"""

# %%
# Set-up

import numpy as np
import torch
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

array = np.array([0.5, 1.5, 2.5, 3.5])
makers = [torch.tensor, torch.as_tensor, torch.from_numpy, torch.Tensor]
names = [f"{make.__name__}(array)" for make in makers]
sources = {
    "list of ints": [1, 2, 3],
    "int64 array": np.arange(4),
    "float32 array": np.ones(5, np.float32),
}


def outcome(make, data):
    if make is torch.from_numpy and isinstance(data, list):
        return "raises"
    t = make(data)
    shared = isinstance(data, np.ndarray) and np.shares_memory(t.numpy(), data)
    return ("shares " if shared else "copies ") + str(t.dtype).removeprefix("torch.")


# %%

made = [make(array) for make in makers]
array[1] = -9
draw(made, names)

# %%
# The -9 was written into the array *after* the four tensors were made. The two in the middle show it, because they use
# the memory of the array. The other two are copies. You need to know how to :ref:`make a tensor <making-tensors>`.
#
# The rule
# --------
#
# ``tensor`` copies. ``as_tensor`` and ``from_numpy`` share the memory of an array, and ``from_numpy`` takes nothing but
# arrays. All three keep the dtype of the array. ``Tensor``, with a capital T, makes
# :val:`float32 <torch.Tensor([1]).dtype>` of lists and arrays, and shares the memory if the array has that dtype
# already. The table shows, for three kinds of data, which function copies and which dtype it gives.

print(" " * 12 + "".join(f"{name:<16}" for name in sources))
for make in makers:
    row = [outcome(make, data) for data in sources.values()]
    print(f"{make.__name__:<12}" + "".join(f"{entry:<16}" for entry in row))

# %%
# Lists
# -----
#
# Each level of brackets is an :term:`axis`. Ints give :val:`int64 <torch.tensor([1, 2]).dtype>`, truth values give
# bool, and Python's floats give the default dtype. An empty list gives the default dtype, too. A mixture gets the
# highest kind in it, of bool < int < float, even where that is not exact. The odd number in the last line becomes its
# even neighbor, because :val:`float32 <torch.tensor([0.5]).dtype>` cannot hold it.

for numbers in [[[1, 2, 3], [4, 5, 6]], [1.0, 2.0], [], [True, False], [True, 2, 0.5]]:
    t = torch.tensor(numbers)
    print(f"{numbers!s:<24} {tuple(t.shape)!s:<7} {t.dtype}")
print(torch.tensor([16_777_217, 0.5])[0].item())

# %%
# .. use-this::
#
#    For numbers and lists, use ``torch.tensor(data)``, with ``dtype=`` if you want another one. For arrays, use
#    ``torch.from_numpy(array)``: it copies nothing and :ref:`shares memory with the array <numpy-and-back>`. In a
#    function that may get a list, an array or a tensor, ``torch.as_tensor(data, dtype=..., device=...)`` copies if it
#    has to. To copy a tensor, use ``x.clone()``, or ``x.detach().clone()`` if no :term:`gradient` should flow through
#    the copy. Leave ``torch.Tensor`` to type annotations.
#
# Common mistakes
# ---------------
#
# **torch.Tensor for labels.** It turns them into floats, and the loss refuses them. A single int is worse: it is taken
# as a *size*, so ``torch.Tensor(3)`` has three elements, whose values nobody has set.

with expect_error(RuntimeError, match="expected target dtype|expected scalar type Long"):
    F.cross_entropy(torch.zeros(4, 3), torch.Tensor([2, 0, 1, 1]))

print(torch.Tensor([2, 0, 1, 1]).dtype, torch.Tensor(3).shape, torch.tensor(3).shape)

# %%
# **A list of arrays.** You read rows one by one into a list. ``torch.tensor`` goes through it number by number, and
# warns. Stack the arrays first; the result is equal.

rows = [np.array([1, 2, 3]), np.array([4, 5, 6])]
torch.set_warn_always(True)  # otherwise torch gives this warning once in a process
with expect_warning(UserWarning, match="list of numpy.ndarrays is extremely slow"):
    slow = torch.tensor(rows)
torch.set_warn_always(False)
quick = torch.from_numpy(np.stack(rows))
assert torch.equal(slow, quick)

# %%
# **A list of tensors, or a tensor.** ``torch.tensor`` does not join tensors of several elements; :ref:`stack` does
# that. It copies a single tensor, and warns, because no gradient flows back through this copy. ``clone`` records the
# copy for the gradient.

weight = torch.ones(3, requires_grad=True)
with expect_error(ValueError, match="only one element tensors can be converted"):
    torch.tensor([torch.ones(3), torch.zeros(3)])
with expect_warning(UserWarning, match="it is recommended to use"):
    copied = torch.tensor(weight)
print(torch.stack([weight, weight]).shape, copied.requires_grad, weight.clone().requires_grad)

# %%
# How this was checked


# From scratch: without options, as_tensor decides among three cases.
def as_tensor(data):
    if isinstance(data, torch.Tensor):
        return data
    return torch.from_numpy(data) if isinstance(data, np.ndarray) else torch.tensor(data)


assert as_tensor(weight) is torch.as_tensor(weight)
assert as_tensor(array).data_ptr() == torch.as_tensor(array).data_ptr()
assert torch.equal(as_tensor([1, 2, 3]), torch.as_tensor([1, 2, 3]))
assert [t[1].item() for t in made] == [1.5, -9, -9, 1.5]
assert [t.dtype for t in made] == [torch.float64] * 3 + [torch.float32]
real = [torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.uint8]
for t in zoo(axes=(1, 2, 3), dtypes=[*real, torch.bool]).values():
    data = t.detach().numpy()
    if data.size > 0:
        shares = [outcome(make, data).startswith("shares") for make in makers]
        assert shares == [False, True, True, data.dtype == np.float32]
        for make in makers[:3]:
            assert make(data).dtype == t.dtype
for whole in zoo(
    axes=(1, 2), dtypes=real
).values():  # of a tensor, Tensor takes the dtype and the memory
    if whole.numel() and not whole.requires_grad:
        assert torch.Tensor(whole).dtype == whole.dtype
        assert shares_memory(torch.Tensor(whole), whole)
assert not shares_memory(torch.as_tensor(array, dtype=torch.float32), torch.from_numpy(array))
assert torch.Tensor(2, 5).shape == (2, 5)
assert torch.Tensor([2, 5]).shape == (2,)
for refused in ([1, 2, 3], torch.ones(3), 4.0):
    with expect_error(TypeError, match="expected np.ndarray"):
        torch.from_numpy(refused)
with expect_error(TypeError, match=r"got \(list, requires_grad=bool\)"):
    torch.Tensor([1.0], requires_grad=True)
with expect_error(TypeError, match=r"got \(list, dtype=torch.dtype\)"):
    torch.Tensor([1.0], dtype=torch.float64)
with expect_error(ValueError, match="expected sequence of length 2"):
    torch.tensor([[1, 2], [3]])
elsewhere = torch.tensor([1.0, 2.0], device="meta")  # stands in for a GPU
assert torch.as_tensor(elsewhere).device.type == "meta"
assert torch.as_tensor(array, device="meta").device.type == "meta"
with torch.device("meta"):
    inside = torch.tensor([1.0]), torch.as_tensor(array), torch.from_numpy(array)
assert [t.device.type for t in inside] == ["meta", "meta", "cpu"]
with expect_error(AttributeError, match="has no attribute 'to_tensor'"):
    torch.to_tensor([1, 2])  # to_tensor is a function of torchvision, for images

# %%
# Check yourself
# --------------

prices = np.array([7.5, 8.5], np.float32)
torch.Tensor(prices)[0] = -1
torch.tensor(prices)[1] = -1
ask(
    "prices = np.array([7.5, 8.5], np.float32); torch.Tensor(prices)[0] = -1; "
    "torch.tensor(prices)[1] = -1. What is prices?",
    answer=prices.tolist(),
    choices={
        (7.5, 8.5): "torch.Tensor shares the memory here, because the array has its dtype.",
        (-1.0, 8.5): "The capital T shares an array of its dtype; torch.tensor copies.",
        (-1.0, -1.0): "torch.tensor copies, so the second write does not reach the array.",
    },
)

# %%
# One number:

three = [torch.tensor(3), torch.tensor([3]), torch.Tensor(3)]
ask(
    "What are the shapes of torch.tensor(3), torch.tensor([3]) and torch.Tensor(3)?",
    answer=tuple(tuple(t.shape) for t in three),
    choices={
        (
            (),
            (1,),
            (3,),
        ): "A number has no axis, a list has one, and torch.Tensor takes the 3 for a size.",
        ((), (1,), ()): "torch.Tensor takes an int for a size.",
        ((1,), (1,), (3,)): "A number alone has no brackets, and no axis.",
    },
)

# %%
# **Exercise.** A drawing is given as lines of text of equal length, in which ``#`` is ink. Make a tensor of truth
# values of it, of shape (row, column).


def by_loop(lines):
    ink = torch.zeros(len(lines), len(lines[0]), dtype=torch.bool)
    for row, line in enumerate(lines):
        for column, sign in enumerate(line):
            ink[row, column] = sign == "#"
    return ink


cases = [(["#.#"],), ([".##.", "#..#", ".##."],), (["#....", "##..."],)]


def ink_of(lines):
    raise NotImplementedError


check(ink_of, by_loop, cases)

# %%
# Nested lists of truth values are enough for ``torch.tensor``.

# Solution


def ink_of(lines):
    return torch.tensor([[sign == "#" for sign in line] for line in lines])


report = check(ink_of, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dtypes` explains the types of the elements.
#
# - PyTorch contributors (2026). `torch.tensor <https://docs.pytorch.org/docs/stable/generated/torch.tensor.html>`__.
#   The reference, with the functions to copy a tensor.
# - PyTorch contributors (2026). `torch.as_tensor
#   <https://docs.pytorch.org/docs/stable/generated/torch.as_tensor.html>`__. When it copies, on which device.
