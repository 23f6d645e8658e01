"""
.. _numpy-and-back:

How do I turn a NumPy array into a tensor, and back?
====================================================

:func:`torch.from_numpy` makes a :term:`tensor` of an array, :meth:`torch.Tensor.numpy` an array of a tensor. Neither
copies unless you ask for it: both look into the same memory, and a write into one shows in the other. You need to know
:ref:`what strides are <strides-and-storage>`.
"""

# %%
# A tensor ``x`` became an array, and the array's transpose became a tensor again. All three are the same ten places in
# memory. The ``-9`` was written by NumPy.

import numpy as np
import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask

x = torch.arange(10.0).reshape(2, 5)
array = x.numpy()
back = torch.from_numpy(array.T)
array[1, 2] = -9
draw_storage([x, back], ["x", "from_numpy(array.T)"])

# %%
# It works in both directions: what torch writes, NumPy sees. Shape and :term:`strides <stride>` are taken over; NumPy
# counts strides in bytes, PyTorch in elements.

x[0, 3] = 50
assert array[0, 3] == 50
assert (x[1, 2], back[2, 1]) == (-9, -9)
assert (array.shape, back.shape) == ((2, 5), (5, 2))
assert array.strides == tuple(stride * x.itemsize for stride in x.stride()) == (20, 4)
assert array.ctypes.data == x.data_ptr() == back.data_ptr()

# %%
# The memory lives as long as one of them does. Growing an array raises if a tensor owns its memory.

survivor = torch.full((3,), 7.0).numpy()  # nothing refers to the tensor any more
assert survivor.tolist() == [7, 7, 7]
with expect_error(ValueError, match="does not own its data"):
    survivor.resize(4)

# %%
# Three axes are no different. An image library gives height, width and channel; ``permute`` makes a :term:`view` with
# the :term:`channel` first, still in NumPy's memory.

picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
image = torch.from_numpy(picture).permute(2, 0, 1)
picture[1, 3, 0] = 99
assert (image.shape, image[0, 1, 3].item()) == ((3, 2, 4), 99)
draw(image, "image", axes=["channel", "height", "width"])

# %%
# The dtypes of both
# ------------------
#
# Each of these has one partner, and a round trip keeps it. NumPy's fractions are :val:`float64 <np.ones(3).dtype>` if
# nothing else is said, while weights are :val:`float32 <torch.nn.Linear(1, 1).weight.dtype>`: convert when you read the
# data. :val:`bfloat16 <x.bfloat16().dtype>` has no partner in NumPy. Text, Python objects and ``np.longdouble`` have
# none in PyTorch.

names = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64"
names += " float16 float32 float64 complex64 complex128"
for name in names.split():
    made = torch.from_numpy(np.zeros(3, dtype=name))
    assert made.dtype == getattr(torch, name)
    assert made.numpy().dtype == np.dtype(name)
assert torch.from_numpy(np.ones(3)).float().dtype == torch.float32
with expect_error(TypeError, match="BFloat16"):
    x.bfloat16().numpy()
for foreign in (np.array(["a", "b"]), np.array([1, None]), np.ones(2, dtype=np.longdouble)):
    with expect_error(TypeError, match="can't convert np.ndarray of type numpy"):
        torch.from_numpy(foreign)

# %%
# When it copies
# --------------
#
# Found by trying: does the result share memory with where it came from? A conversion of the dtype has to copy, and
# ``torch.tensor`` copies in any case. :func:`numpy.asarray` is ``numpy()`` by another door: it calls the method
# ``__array__`` of the tensor.


def shared(result, source):
    return np.shares_memory(np.asarray(result), np.asarray(source))


ways = {
    "torch.from_numpy(array)": torch.from_numpy(array),
    "torch.as_tensor(array)": torch.as_tensor(array),
    "torch.from_numpy(array).double()": torch.from_numpy(array).double(),
    "torch.tensor(array)": torch.tensor(array),
    "x.numpy()": x.numpy(),
    "np.asarray(x)": np.asarray(x),
    "np.asarray(x, dtype=np.float64)": np.asarray(x, dtype=np.float64),
    "x.numpy().copy()": x.numpy().copy(),
}

# %%
# The same memory, or a copy:

for way, result in ways.items():
    print(f"{way:<33} {'shares' if shared(result, x) else 'copies'}")
assert [shared(result, x) for result in ways.values()] == [True, True, False, False] * 2

# %%
# A class of your own becomes an array, and then a tensor, by defining that method:


class Readings:
    def __array__(self, dtype=None, copy=None):
        return np.array([20.5, 21.5, 19.0], dtype=dtype)


assert torch.as_tensor(np.asarray(Readings())).tolist() == [20.5, 21.5, 19.0]

# %%
# What numpy() refuses
# --------------------
#
# NumPy knows nothing of gradients or of GPUs. The messages name the way out: ``detach()`` leaves the history behind,
# ``cpu()`` copies to main memory. ``numpy(force=True)`` does both where they are needed. It does not convert the dtype,
# so bfloat16 raises here, too.

weight = torch.ones(3, requires_grad=True)
with expect_error(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
    weight.numpy()
with expect_error(TypeError, match=r"can't convert meta device type .* Use Tensor.cpu\(\) to copy"):
    torch.ones(3, device="meta").numpy()  # "meta" stands in for a GPU
with expect_error(TypeError, match="BFloat16"):
    torch.ones(3, dtype=torch.bfloat16).numpy(force=True)
plain = weight.detach().numpy()
assert shared(plain, weight.numpy(force=True))
plain[0] = 5  # writes into the weights, and no history tells of it
assert weight.tolist() == [5, 1, 1]

# %%
# What from_numpy refuses
# -----------------------
#
# PyTorch has no negative strides, which a reversed array has: ``copy()`` cures that. It takes no foreign byte order,
# and a copy keeps the byte order: convert it with ``astype``.

with expect_error(ValueError, match="At least one stride in the given numpy array is negative"):
    torch.from_numpy(array[:, ::-1])
assert torch.equal(torch.from_numpy(array[:, ::-1].copy()), x.flip(1))
foreign = np.arange(3, dtype=np.dtype(np.int32).newbyteorder())
for refused in (foreign, foreign.copy()):
    with expect_error(ValueError, match="byte order different from the native byte order"):
        torch.from_numpy(refused)
assert torch.from_numpy(foreign.astype(np.int32)).tolist() == [0, 1, 2]

# %%
# An array can be marked as read-only, and PyTorch has no such mark for tensors. ``from_numpy`` warns, once in a
# program, and then lets you write where NumPy would not.

fixed = np.arange(4.0)
fixed.flags.writeable = False
torch.set_warn_always(True)  # so that this cell warns whenever it runs
with expect_warning(UserWarning, match="The given NumPy array is not writable"):
    unsafe = torch.from_numpy(fixed)
torch.set_warn_always(False)
with expect_error(ValueError, match="read-only"):
    fixed[0] = -1
unsafe[0] = -1
assert fixed[0] == -1
assert not shared(torch.from_numpy(fixed.copy()), fixed)

# %%
# What goes wrong in silence
# --------------------------
#
# A ``Dataset`` hands out item ``i`` of the data. This one keeps an array, reads it through ``from_numpy``, and scales
# the item :term:`in place`, which changes the data: each reading finds other numbers. A product without ``=`` would
# make a new tensor.


class Data(torch.utils.data.Dataset):
    def __init__(self):
        self.prices = np.array([3.0, 4.0])

    def __getitem__(self, i):
        inputs = torch.from_numpy(self.prices)[i]
        inputs *= 2
        return inputs.item()


data = Data()
readings = [data[0], data[0], data[0]]
print(readings)
assert readings == [6, 12, 24]

# %%
# DLPack: sharing with others
# ---------------------------
#
# DLPack is an agreement between libraries (NumPy, CuPy, JAX, PyTorch) on how to hand over memory without a copy, on a
# GPU too. Below, :func:`torch.from_dlpack` takes an array, and :func:`numpy.from_dlpack` takes a tensor. Beware:
# ``torch.from_dlpack`` takes the read-only array from above, too, and does not warn.

taken = torch.from_dlpack(array)
given = np.from_dlpack(x)
assert taken.data_ptr() == given.ctypes.data == x.data_ptr()
assert shared(torch.from_dlpack(fixed), fixed)  # a warning would stop this page
with expect_error(BufferError, match="require gradient"):
    np.from_dlpack(weight)

# %%
# Check yourself
# --------------
#
# Which of the two is written to?

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
float32 = torch.from_numpy(table).float()
float64 = torch.from_numpy(table).double()
ask(
    "table is an array of 64-bit floats. Does torch.from_numpy(table).float() share its memory, "
    "and does torch.from_numpy(table).double()?",
    answer=(shared(float32, table), shared(float64, table)),
    choices={
        (True, True): "float() takes half of the bytes, so they must be other bytes.",
        (False, True): "The first has to convert; for the second there is nothing to do.",
        (False, False): "A conversion to the dtype that it has gives back the same tensor.",
    },
)

# %%
# Next: :ref:`in-place-or-new`, about operations that write and those that do not.
