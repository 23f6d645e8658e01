"""
.. _numpy-and-back:

How do I turn a NumPy array into a tensor, and back?
====================================================

Photos and tables arrive as NumPy arrays. :func:`torch.from_numpy` does not copy
them, so a write into the tensor changes the data that you loaded.
"""

# %%
# Set-up

import numpy as np
import torch

from ptguide import data
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw_storage
from ptguide.questions import ask

loaded = data.photos()[0][0].permute(1, 2, 0).contiguous().numpy().copy()  # as a file has it
array = np.arange(8, dtype=np.float32).reshape(2, 4)
x = torch.from_numpy(array)
measured = np.array([20.5, 21.0])
ways = {
    "torch.from_numpy(array)": torch.from_numpy(array),
    "torch.as_tensor(array)": torch.as_tensor(array),
    "torch.tensor(array)": torch.tensor(array),
    "torch.from_numpy(array).double()": torch.from_numpy(array).double(),
    "x.numpy()": x.numpy(),
    "x.numpy().copy()": x.numpy().copy(),
}


def shares(result):
    return np.shares_memory(np.asarray(result), array)


# %%

x = torch.from_numpy(array)
array[1, 2] = -9
draw_storage([x, torch.from_numpy(array.T)], ["x", "from_numpy(array.T)"])

# %%
# NumPy wrote the -9 into its array, and both tensors have it. The picture shows the memory as a line of eight places:
# the array and the two tensors read the same eight, each in its own order. You need to know :ref:`what strides are
# <strides-and-storage>`.
#
# The rule
# --------
#
# ``from_numpy`` makes a tensor, and :meth:`torch.Tensor.numpy` an array, in the same memory: the same address (unless
# empty), shape and :term:`strides <stride>`, which NumPy counts in bytes and PyTorch in elements. A conversion to
# another dtype copies. So does :func:`torch.tensor`; :func:`torch.as_tensor` copies if the dtype or the device has to
# change.

for way, result in ways.items():
    print(f"{way:<33} {'shares' if shares(result) else 'copies'}")

# %%
# A photo from a file
# -------------------
#
# Pillow gives a color photo as an array of height, width and color, with whole numbers of one byte. A network wants the
# color first, and floats. ``permute`` reorders the axes without a copy. The division makes the floats, in new memory.
# (An array of Python's floats is :val:`float64 <measured.dtype>`; it needs ``.float()``.) Matplotlib wants the color
# last again, so ``back`` is made by the inverse ``permute``.

image = torch.from_numpy(loaded).permute(2, 0, 1) / 255
back = image.permute(1, 2, 0).numpy()
for name, one in {"loaded": loaded, "image": image, "back": back}.items():
    print(f"{name:<7} {type(one).__name__:<8} {tuple(one.shape)!s:<14} {one.dtype}")
assert not np.shares_memory(image.numpy(), loaded)
assert np.shares_memory(image.numpy(), back)

# %%
# .. use-this::
#
#    Into PyTorch: ``torch.from_numpy(array).float()``, once, where you read the data. Write ``torch.tensor(array)``
#    instead if you will change the tensor in place and need the array as it is. Out of PyTorch:
#    ``x.detach().cpu().numpy()``, or ``x.numpy(force=True)``, which calls these two where they are needed. On a CPU,
#    ``float()`` copies if the dtype changes, and ``numpy()`` does not copy; from a GPU, ``cpu()`` copies.
#
# What numpy() refuses
# --------------------
#
# NumPy knows nothing of gradients or of GPUs, and the first two messages name the way out. The device ``meta`` stands
# in for a GPU here. ``detach`` leaves out the record of how the tensor was computed, and keeps the memory. NumPy has
# no :val:`bfloat16 <x.bfloat16().dtype>`, and its message does not say that ``x.float()`` helps.

weight = torch.ones(3, requires_grad=True)
with expect_error(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
    weight.numpy()
with expect_error(TypeError, match=r"can't convert meta device type .* Use Tensor.cpu\(\)"):
    torch.ones(3, device="meta").numpy()
with expect_error(TypeError, match="BFloat16"):
    x.bfloat16().numpy()
assert weight.detach().numpy().ctypes.data == weight.data_ptr()

# %%
# Common mistakes
# ---------------
#
# **Scaling in place.** A data set keeps an array and doubles each item that it returns. ``*=`` writes into the array,
# so the same item is twice as large at each reading. A product written without the ``=`` is a new tensor, and leaves
# the array as it is. See :ref:`in-place-or-new`.

prices = np.array([3.0, 4.0])


def item(i):
    inputs = torch.from_numpy(prices[i : i + 1])
    inputs *= 2
    return inputs.item()


readings = [item(0), item(0), item(0)]
print(readings)
assert readings == [6, 12, 24]

# %%
# **A mirrored photo.** ``loaded[:, ::-1]`` walks through memory backwards, with a negative stride. PyTorch has none,
# so the array has to be copied into the new order first.

with expect_error(ValueError, match="At least one stride in the given numpy array is negative"):
    torch.from_numpy(loaded[:, ::-1])
mirrored = torch.from_numpy(loaded[:, ::-1].copy())
assert torch.equal(mirrored, torch.from_numpy(loaded).flip(1))

# %%
# How this was checked

prices = np.array([3.0, 4.0])
inputs = torch.from_numpy(prices[:1])
inputs = inputs * 2
assert (inputs.item(), prices[0]) == (6, 3)
turned = torch.tensor(
    [1 + 2j]
).conj()  # the exception among complex numbers: a view that numpy() refuses
with expect_error(RuntimeError, match="has conjugate bit set"):
    turned.numpy()
assert turned.numpy(force=True)[0] == 1 - 2j
# Real numbers that are a part of such a view are refused as well.
with expect_error(RuntimeError, match="has negative bit set"):
    turned.imag.numpy()
assert turned.imag.numpy(force=True)[0] == -2  # a copy
assert torch.from_numpy(np.zeros(0)).data_ptr() == 0  # nothing to share
assert [shares(result) for result in ways.values()] == [True, True, False, False, True, False]
assert array.ctypes.data == x.data_ptr() == x.numpy().ctypes.data
x[0, 3] = 50  # the other direction
assert array[0, 3] == 50
assert torch.from_numpy(measured).dtype == torch.float64
assert x.bfloat16().float().numpy().dtype == np.float32
names = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64"
names += " float16 float32 float64 complex64 complex128"
for name in names.split():
    for source in (np.zeros((3, 2), dtype=name), np.zeros((4, 6), dtype=name)[1:, ::2].T):
        made = torch.from_numpy(source)
        assert made.dtype == getattr(torch, name)
        assert made.data_ptr() == source.ctypes.data == torch.as_tensor(source).data_ptr()
        assert made.shape == source.shape
        assert source.strides == tuple(step * made.itemsize for step in made.stride())
        assert made.numpy().dtype == source.dtype
        assert torch.tensor(source).data_ptr() != source.ctypes.data
for foreign in (np.array(["a", "b"]), np.array([1, None]), np.ones(2, dtype=np.longdouble)):
    with expect_error(TypeError, match="can't convert np.ndarray of type numpy"):
        torch.from_numpy(foreign)
order = np.arange(3, dtype=np.dtype(np.int32).newbyteorder())
with expect_error(ValueError, match="byte order different from the native byte order"):
    torch.from_numpy(order)
assert torch.from_numpy(order.astype(np.int32)).tolist() == [0, 1, 2]
plain = weight.detach().numpy()
plain[0] = 5
assert weight.tolist() == [5, 1, 1]  # the same memory: this wrote into the weight
assert np.shares_memory(weight.numpy(force=True), plain)
# The memory lives as long as the array, though the name of the tensor is gone.
survivor = torch.full((3,), 7.0).numpy()
assert survivor.tolist() == [7, 7, 7]
# A read-only array: a warning, once in a process, and then torch writes where NumPy would not.
fixed = np.arange(4.0)
fixed.flags.writeable = False
torch.set_warn_always(True)
with expect_warning(UserWarning, match="The given NumPy array is not writable"):
    unsafe = torch.from_numpy(fixed)
torch.set_warn_always(False)
unsafe[0] = -1
assert fixed[0] == -1

# %%
# Check yourself
# --------------
#
# One of the two sums writes in place:

source = np.zeros(3)
a = torch.from_numpy(source)
b = a + 1
a += 1
ask(
    "source = np.zeros(3); a = torch.from_numpy(source); b = a + 1; a += 1. What is source?",
    answer=source.tolist(),
    choices={
        (0.0, 0.0, 0.0): "a += 1 writes in place, into source's memory.",
        (1.0, 1.0, 1.0): "a += 1 writes into it; a + 1 made a new tensor.",
        (2.0, 2.0, 2.0): "a + 1 writes nothing into a.",
    },
)

# %%
# Convert a data set for training:

table = np.ones((6, 4))  # float64
converted = [torch.from_numpy(table).float(), torch.from_numpy(table).double()]
ask(
    "table is an array of 64-bit floats. Does torch.from_numpy(table).float() share its memory, "
    "and does torch.from_numpy(table).double()?",
    answer=tuple(np.shares_memory(t.numpy(), table) for t in converted),
    choices={
        (True, True): "float() makes elements of half the size, so it needs other memory.",
        (False, True): "The first has to convert; the second has that dtype already.",
        (False, False): "A conversion to the dtype that it has gives back the same tensor.",
    },
)

# %%
# **Exercise.** Turn a loaded photo, an array of shape (height, width, color), into its mirror image for a network:
# shape (color, height, width), floats from 0 to 1, left and right exchanged.


def by_loop(array):
    height, width, colors = array.shape
    rows = [
        [[float(array[h, width - 1 - w, c]) / 255 for w in range(width)] for h in range(height)]
        for c in range(colors)
    ]
    return torch.tensor(rows)


small = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
cases = [(small,), (loaded[:60:20, :100:20].copy(),)]


def mirror(array):
    raise NotImplementedError


check(mirror, by_loop, cases)

# %%
# ``flip`` copies, as NumPy's ``copy`` would, so nothing is left of the negative stride.

# Solution


def mirror(array):
    return torch.from_numpy(array).permute(2, 0, 1).flip(2) / 255


report = check(mirror, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`pandas-and-back` does this for tables whose columns have types of their own.
#
# - Harris et al. (2020). `Array programming with NumPy <https://doi.org/10.1038/s41586-020-2649-2>`__. What an array
#   is, with its strides, and how other libraries share its memory.
# - PyTorch contributors (2026). `torch.from_numpy
#   <https://docs.pytorch.org/docs/stable/generated/torch.from_numpy.html>`__. The reference.
