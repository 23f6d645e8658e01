"""
.. _tensor-from-data:

torch.tensor, torch.Tensor, as_tensor or from_numpy?
====================================================

Four functions make a :term:`tensor` from numbers that exist already. They differ in whether the result is a
:term:`copy`, which :term:`dtype` it has, and what they accept. Mostly the answer is ``torch.tensor``. You need to know
how to :ref:`make a tensor <making-tensors>`.
"""

# %%
# An array of NumPy is given to all four; then ``-9`` is written into the array. Two tensors show it, because they look
# into the array's memory. The other two are copies.

import numpy as np
import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

array = np.array([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]])
makers = [torch.tensor, torch.as_tensor, torch.from_numpy, torch.Tensor]
names = [f"{make.__name__}(array)" for make in makers]
made = [make(array) for make in makers]
array[0, 1] = -9
draw(made, names)

# %%
# NumPy's fractions are :val:`float64 <np.array([0.5]).dtype>` unless you say otherwise, and three functions keep that.
# ``torch.Tensor``, with a capital T, makes them :val:`float32 <torch.Tensor(np.array([0.5])).dtype>`.

assert [t[0, 1].item() for t in made] == [1.5, -9, -9, 1.5]
assert [t.dtype for t in made] == [torch.float64] * 3 + [torch.float32]

# %%
# All at once, found by trying: the dtype of the result, and whether it shares memory with the source.

sources = {
    "ints": [1, 2, 3],
    "int64 array": np.arange(4),
    "float32 array": np.ones(5, np.float32),
    "float64 array": np.ones(6),
}


def what(make, data):
    if make is torch.from_numpy and isinstance(data, list):
        return "raises"
    t = make(data)
    shared = isinstance(data, np.ndarray) and np.shares_memory(t.numpy(), data)
    return ("view, " if shared else "copy, ") + str(t.dtype).removeprefix("torch.")


table = {make.__name__: [what(make, data) for data in sources.values()] for make in makers}
for name, row in ({"": sources} | table).items():
    print(f"{name:<12}" + "".join(f"{entry:<18}" for entry in row))

# %%
# In words: ``tensor`` copies. ``as_tensor`` and ``from_numpy`` share the memory of an array, of each dtype that they
# accept. ``Tensor`` wants :val:`float32 <torch.Tensor().dtype>`, and shares if the array is just that. The check tries
# views and other shapes too, of one axis or more.

assert table["tensor"] == ["copy, int64", "copy, int64", "copy, float32", "copy, float64"]
assert table["as_tensor"] == ["copy, int64", "view, int64", "view, float32", "view, float64"]
assert table["from_numpy"] == ["raises", *table["as_tensor"][1:]]
assert table["Tensor"] == ["copy, float32", "copy, float32", "view, float32", "copy, float32"]
real = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]
for t in zoo(axes=(1, 2, 3), dtypes=real).values():
    data = t.detach().numpy()
    if data.size > 0:
        shares = [what(make, data).startswith("view") for make in makers]
        assert shares == [False, True, True, data.dtype == np.float32]

# %%
# torch.tensor: a copy
# --------------------
#
# :func:`torch.tensor` reads numbers, nested lists, arrays and tensors. Python's fractions give the default dtype, which
# is :val:`float32 <torch.get_default_dtype()>`, and so does an empty list. Whole numbers give
# :val:`int64 <torch.tensor([1, 2]).dtype>` and truth values bool. A mixture becomes the highest kind among them, even
# where that is not exact for the others.

lists = [[1.0, 2.0], [], [1, 2], [True, False], [True, 2, 0.5]]
for numbers in lists:
    print(f"{numbers!s:<15} {torch.tensor(numbers).dtype}")
dtypes = [torch.tensor(numbers).dtype for numbers in lists]
assert dtypes == [torch.float32, torch.float32, torch.int64, torch.bool, torch.float32]
assert torch.tensor([2**24 + 1, 0.5])[0] == 2**24  # float32 has no room for the 1

# %%
# Each level of brackets is an :term:`axis`. The keyword arguments ``dtype``, ``device`` and ``requires_grad`` set what
# you do not want to leave to torch.

nested = [[[1, 2, 3, 4]] * 3, [[5, 6, 7, 8]] * 3]
block = torch.tensor(nested, dtype=torch.float64, requires_grad=True)
assert (block.shape, block.dtype, block.requires_grad) == ((2, 3, 4), torch.float64, True)
draw(block, "block")

# %%
# as_tensor and from_numpy: no copy if possible
# ---------------------------------------------
#
# :func:`torch.as_tensor` gives a tensor back as it is, with its history for the :term:`gradient`. The tensor that it
# makes of an array looks into the array's memory. Another dtype or :term:`device` forces a copy.
# :func:`torch.from_numpy` takes an array alone and has no options; more about it under
# :ref:`NumPy and back <numpy-and-back>`.

x = torch.tensor([1.5, 2.5], requires_grad=True)
y = x * 2
assert torch.as_tensor(y) is y
assert not shares_memory(torch.as_tensor(y, dtype=torch.float64), y)
with expect_error(TypeError, match="expected np.ndarray"):
    torch.from_numpy([1, 2, 3])

# %%
# Without options, ``as_tensor`` is a choice among three cases:


def as_tensor(data):
    if isinstance(data, torch.Tensor):
        return data
    return torch.from_numpy(data) if isinstance(data, np.ndarray) else torch.tensor(data)


assert as_tensor(y) is torch.as_tensor(y)
assert as_tensor(array).data_ptr() == torch.as_tensor(array).data_ptr()
assert torch.equal(as_tensor([1, 2, 3]), torch.as_tensor([1, 2, 3]))

# %%
# Copying a *tensor* with ``torch.tensor(y)`` works, and warns. The copy has no history. ``y.clone()`` copies and keeps
# the history, ``y.detach().clone()`` drops it and says so.

with expect_warning(UserWarning, match="it is recommended to use"):
    copied = torch.tensor(y)
assert (copied.requires_grad, y.detach().clone().requires_grad) == (False, False)
assert y.clone().requires_grad
assert not shares_memory(copied, y)

# %%
# On which device?
# ----------------
#
# ``tensor`` and ``as_tensor`` put lists and arrays on the CPU, unless ``device=`` or a block ``with torch.device(...)``
# says otherwise. A tensor stays where it is. ``from_numpy`` makes a CPU tensor. The device ``meta``, which keeps shapes
# and no values, stands in for a GPU here.

elsewhere = torch.tensor([1.0, 2.0], device="meta")
assert torch.tensor([1.0, 2.0]).device.type == torch.as_tensor(array).device.type == "cpu"
assert (elsewhere.device.type, torch.as_tensor(elsewhere).device.type) == ("meta", "meta")
assert torch.as_tensor(array, device="meta").device.type == "meta"
with torch.device("meta"):
    inside = torch.tensor([1.0]), torch.as_tensor(array), torch.from_numpy(array)
assert [t.device.type for t in inside] == ["meta", "meta", "cpu"]

# %%
# What goes wrong: torch.Tensor
# -----------------------------
#
# ``torch.Tensor`` is the :term:`class` of tensors. Calling it is an old way to make one, and it guesses what you mean:
# ints are *sizes*, a list holds *values*. ``torch.Tensor(3)`` is no 3 but a :term:`vector` of three elements whose
# values nobody has set, as from ``torch.empty``.

assert isinstance(torch.tensor(3), torch.Tensor)
assert (torch.Tensor(3).shape, torch.tensor(3).shape) == ((3,), ())
assert (torch.Tensor(2, 5).shape, torch.Tensor([2, 5]).shape) == ((2, 5), (2,))
with expect_error(TypeError, match="data must be a sequence"):
    torch.Tensor(3.0)

# %%
# It takes no ``dtype`` and no ``requires_grad``. The message lists what it takes.

with expect_error(TypeError, match=r"got \(list, requires_grad=bool\)"):
    torch.Tensor([1.0], requires_grad=True)
with expect_error(TypeError, match=r"got \(list, dtype=torch.dtype\)"):
    torch.Tensor([1.0], dtype=torch.float64)
assert torch.tensor([1.0], requires_grad=True).requires_grad

# %%
# If the array is :val:`float32 <torch.tensor(prices).dtype>` already, ``torch.Tensor(array)`` does not copy, as the
# table shows. Then a write into one changes the other. What it makes of a tensor has the dtype and the memory of that
# tensor.

prices = np.array([7.5, 8.5], np.float32)
torch.Tensor(prices)[0] = -1
assert prices.tolist() == [-1, 8.5]
for whole in (torch.tensor([4, 5, 6]), torch.ones(2, 3, dtype=torch.float64)):
    assert torch.Tensor(whole).dtype == whole.dtype
    assert shares_memory(torch.Tensor(whole), whole)

# %%
# What else goes wrong
# --------------------
#
# There is no ``torch.to_tensor``, and no ``torch.array``: ``to_tensor`` is a function of torchvision, for images. And a
# list of tensors with several elements each is not read; :ref:`stack` joins them.

with expect_error(AttributeError, match="has no attribute 'to_tensor'"):
    torch.to_tensor([1, 2])
rows = [torch.ones(3), torch.zeros(3)]
with expect_error(ValueError, match="only one element tensors can be converted"):
    torch.tensor(rows)
assert torch.stack(rows).shape == (2, 3)

# %%
# Check yourself
# --------------
#
# Four ways, one right answer each time.

ask(
    "What is torch.Tensor([3]).shape, compared with torch.Tensor(3).shape?",
    answer=f"{tuple(torch.Tensor([3]).shape)} and {tuple(torch.Tensor(3).shape)}",
    choices={
        "(3,) and (3,)": "In brackets, the 3 is a value, not a size.",
        "(1,) and (3,)": "A list of one value, and three elements that nobody has set.",
        "(1,) and ()": "That is torch.tensor, with a small t.",
    },
)

# %%
# An array of whole numbers:

ages = np.array([31, 47, 25])
seen = torch.as_tensor(ages, dtype=torch.float32)
ages[0] = 32
ask(
    "ages holds the integers 31, 47, 25. After seen = torch.as_tensor(ages, dtype=torch.float32) "
    "and ages[0] = 32, what is seen[0]?",
    answer=seen[0],
    choices={
        32.0: "It would be, had as_tensor been able to look into the array's memory.",
        31.0: "Another dtype needs other bytes, so this is a copy.",
        47.0: "Indices start at 0.",
    },
)

# %%
# Next: :ref:`dtypes`, about the types of the elements.
