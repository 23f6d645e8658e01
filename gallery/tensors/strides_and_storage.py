"""
.. _strides-and-storage:

What are strides, and how does a tensor lie in memory?
======================================================

A write into one tensor changes another, and a file with ten rows is as large as the whole table. Both come from one
line of memory, the :term:`storage`, read with :term:`strides <stride>`.
"""

# %%
# Set-up

import io
import itertools

import torch

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw_storage
from ptguide.questions import ask
from ptguide.tensors import storage_map
from ptguide.zoo import zoo

torch.manual_seed(0)
x = torch.arange(70, 80).reshape(2, 5)
photo = data.photos()[0][0]


def size_of_file(tensor):
    file = io.BytesIO()
    torch.save(tensor, file)
    return len(file.getvalue())


# %%

draw_storage([x, x.T], ["x", "x.T"])

# %%
# Memory has no rows and columns. It is a line of places, and here both tensors read the same ten. Point at an element
# to see its place, or at a place to see its elements. You need to know :ref:`what a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# A dense tensor reads a storage with a shape, strides and an offset. The stride of an axis says how many places one
# step along it moves. The offset is the place of the first element. The element with indices :math:`i_0, i_1, \ldots`
# is at place :math:`\text{offset} + i_0 \, \text{stride}_0 + i_1 \, \text{stride}_1 + \cdots`


def place(tensor, indices):
    steps = zip(indices, tensor.stride(), strict=True)
    return tensor.storage_offset() + sum(index * step for index, step in steps)


print(f"{x.stride() = }, {place(x, (1, 3)) = }")
print(f"{x.T.stride() = }, {place(x.T, (3, 1)) = }")

# %%
# Views
# -----
#
# A :term:`view` is a tensor that uses the storage of another one, so making it copies nothing. The transpose exchanges
# two strides. A :term:`slice` can begin at another place, take longer steps or stop earlier. A write into a place
# shows in each tensor that reads it.

second, column = x[:, ::2], x[:, 3]
for name, view in {"x[:, ::2]": second, "x[:, 3]": column}.items():
    print(f"{name:<9} {view.stride() = }, {view.storage_offset() = }")
draw_storage([second, column], ["x[:, ::2]", "x[:, 3]"])

# %%
# Stride 0: one place, many elements
# ----------------------------------
#
# :meth:`torch.Tensor.expand`, and :ref:`broadcasting <broadcasting>` with it, repeats a row without a copy: the stride
# of the repeated axis is :val:`0 <rows.stride()[0]>`. A write into one row changes the others, and ``+=`` on the whole
# is refused.

row = torch.arange(31, 36)
rows = row.expand(4, 5)
print(rows.stride(), rows.numel(), "elements in", row.numel(), "places")
with expect_error(RuntimeError, match="more than one element of the written-to tensor"):
    rows += 1

# %%
# Contiguous
# ----------
#
# A tensor is :term:`contiguous` when its elements are in memory in the order in which they print, without a gap. The
# stride of an axis of two or more entries is then the product of the sizes to its right. A photo with its color moved
# to the end is not contiguous. :meth:`torch.Tensor.contiguous` copies it into the order of printing, and then ``view``
# can :ref:`merge the axes <reshape-and-view>`.

turned = photo.permute(1, 2, 0)
for name, t in {"photo": photo, "turned": turned, "copied": turned.contiguous()}.items():
    print(f"{name:<7} {tuple(t.shape)} strides {t.stride()!s:<15} {t.is_contiguous()}")
with expect_error(RuntimeError, match="Use .reshape"):
    turned.view(-1)

# %%
# .. use-this::
#
#    Use views freely: making one copies no elements. Call ``contiguous`` where an error asks for it; it copies the
#    whole tensor, and returns the tensor itself if it is contiguous. Call ``clone`` before you write into a view if you
#    still need the old values, and before you keep a small part of a large tensor.
#
# A common mistake
# ----------------
#
# **Saving a small view.** The first ten rows of the photo are a view of the whole storage, and :func:`torch.save`
# writes the whole storage. ``clone`` copies the ten rows into a storage of their own. In memory, too, a view keeps the
# whole storage alive.

rows10 = photo[:, :10]
print(f"elements {rows10.nbytes:>9,} bytes, storage {rows10.untyped_storage().nbytes():,}")
print(f"file {size_of_file(rows10):>13,} bytes, of the clone {size_of_file(rows10.clone()):,}")

# %%
# How this was checked


def memory(tensor):  # the whole storage, in the order of its places
    places = tensor.untyped_storage().nbytes() // tensor.itemsize
    return tensor.as_strided((places,), (1,), 0)


def is_contiguous(tensor):
    packed = [tensor.shape[axis + 1 :].numel() for axis in range(tensor.ndim)]
    axes = zip(tensor.shape, tensor.stride(), packed, strict=True)
    return tensor.numel() == 0 or all(size == 1 or step == right for size, step, right in axes)


deep = torch.arange(9 * 33 * 13).reshape(9, 33, 13)[1:, ::3].permute(2, 0, 1)
odd = x.as_strided((1, 5), (99, 1))  # the stride of an axis of size 1 does not count
tensors = [x, x.T, second, column, x[:, :3], rows, deep, odd, *zoo(axes=range(5)).values()]
for tensor in tensors:
    start = tensor.untyped_storage().data_ptr()
    elements = list(itertools.product(*map(range, tensor.shape)))
    places = [place(tensor, i) for i in elements]
    if tensor.numel():
        assert [tensor[i].data_ptr() - start for i in elements] == [
            p * tensor.itemsize for p in places
        ]
        assert str(memory(tensor)[places].tolist()) == str(tensor.flatten().tolist())
    assert storage_map(tensor).flatten().tolist() == places
    assert tensor.is_contiguous() == is_contiguous(tensor)
    assert (tensor.contiguous() is tensor) == tensor.is_contiguous()
for view in (x.T, second, column, x[:, :3], odd):
    assert view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
assert (x[:, :3].stride(), x[:, :3].storage_offset()) == (x.stride(), 0)
written = row.clone().expand(4, 5)
written[0, 2] = -1
assert written[:, 2].tolist() == [-1] * 4
large = torch.zeros(1_000_000)
small = large[:2]
del large
assert small.untyped_storage().nbytes() == 4_000_000
assert turned.contiguous().is_contiguous()
assert photo.contiguous() is photo
with expect_error(RuntimeError, match="Use .reshape"):
    turned.view(-1)
assert turned.contiguous().view(-1).shape == (photo.numel(),)
# view needs no contiguous tensor where the merged axes follow each other in memory.
cut = torch.zeros(3, 4, 5)[..., :2]
assert (cut.is_contiguous(), cut.view(12, 2).shape) == (False, (12, 2))
assert x[1, 3] == x.T[3, 1] == x.flatten()[place(x, (1, 3))]
assert size_of_file(rows10) > 20 * size_of_file(rows10.clone())
# Strides are not negative.
with expect_error(ValueError, match="step must be greater than zero"):
    x[:, ::-1]
with expect_error(RuntimeError, match="Negative strides are not supported"):
    x.as_strided((2,), (-1,), 1)
with expect_error(RuntimeError, match="out of bounds for storage of size 80"):
    x.as_strided((100,), (1,))
# id() is the identity of the Python object, not of the memory.
one, two = x[1], x[1]
assert (id(one) == id(two), one.data_ptr() == two.data_ptr()) == (False, True)

# %%
# Check yourself
# --------------
#
# The strides when axes are reordered:

ask(
    "box is contiguous and has shape (4, 6, 8). What are the strides of box.permute(2, 0, 1)?",
    answer=torch.empty(4, 6, 8).permute(2, 0, 1).stride(),
    choices={
        (
            24,
            6,
            1,
        ): "A contiguous tensor of the new shape has these. permute moves nothing in memory.",
        (48, 8, 1): "Those are the strides of box. permute puts them into the order of the axes.",
        (1, 48, 8): "box has strides (48, 8, 1), and each stride goes where its axis goes.",
    },
)

# %%
# Where a part begins:

part = torch.empty(12, 11)[2:, 3]
ask(
    "y is contiguous and has shape (12, 11). What are the offset and the strides of y[2:, 3]?",
    answer=(part.storage_offset(), part.stride()),
    choices={
        (
            5,
            (11,),
        ): f"A step down jumps over a row of {part.stride(0)}, so two rows are 22 places and not 2.",
        (
            25,
            (11,),
        ): f"Two rows of {part.stride(0)} and three more. The index 3 took axis 1 and its stride away.",
        (
            25,
            (1,),
        ): f"A step down a column of y moves by a whole row, which is {part.stride(0)} places.",
    },
)

# %%
# **Exercise.** A sound is a vector, and a network looks at windows of it: elements 0 to 3, then 1 to 4, and so on.
# Give the windows of ``width`` elements as the rows of a matrix, without a copy: :meth:`torch.Tensor.as_strided` makes
# a view of a shape and strides that you choose. The sound can itself be a view.


def by_loop(sound, width):
    return torch.stack([sound[i : i + width] for i in range(len(sound) - width + 1)])


cases = [
    (torch.arange(10, 16), 3),
    (torch.arange(10, 30)[::2], 4),
    (torch.arange(10, 40).reshape(10, 3)[:, 1], 10),
]


def windows(sound, width):
    raise NotImplementedError


check(windows, by_loop, cases, without=["unfold", "stack"])

# %%
# One step to the next window is one step in the sound, and so is one step inside a window. Both axes have the same
# stride.

# Solution


def windows(sound, width):
    step = sound.stride(0)
    return sound.as_strided((len(sound) - width + 1, width), (step, step))


report = check(windows, by_loop, cases, without=["unfold", "stack"])
assert report.passed
sound = torch.arange(10, 16)
assert windows(sound, 3).data_ptr() == sound.data_ptr()  # no copy
report

# %%
# Read next
# ---------
#
# :ref:`channels-last` gives one shape other strides, and shows what that is good for.
#
# - Yang (2019). `PyTorch internals <http://blog.ezyang.com/2019/05/pytorch-internals/>`__. The first part draws
#   strides and views, by one of PyTorch's developers.
# - PyTorch contributors (2026). `Tensor views <https://docs.pytorch.org/docs/stable/tensor_view.html>`__. Which
#   operations give a view.
