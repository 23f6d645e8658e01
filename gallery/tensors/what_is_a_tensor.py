"""
.. _what-is-a-tensor:

What is a tensor?
=================

A :term:`tensor` is a block of numbers of one type, arranged along :term:`axes <axis>`. Its :term:`shape` lists how many
entries each axis has. A single number has no axis, a list of numbers has one, a table has two. A color photo has three
axes, and several photos together have four. You need to know Python: its lists, functions and loops.
"""

# %%
# A :term:`scalar` is one number, a :term:`vector` a row of numbers, a :term:`matrix` a table of rows and columns, and
# three axes make a *block*, drawn as two matrices. Above each tensor stands its shape; the small numbers count along
# the axes, from 0.

import math

import torch
from sklearn.datasets import load_sample_image

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo

scalar = torch.tensor(20)
vector = torch.tensor([20, 21, 22, 23])
matrix = torch.tensor([[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]])
block = torch.arange(24).reshape(2, 3, 4)
draw([scalar, vector, matrix, block], ["scalar", "vector", "matrix", "block"])

# %%
# :func:`torch.tensor` makes a tensor from a number or from nested lists. :func:`torch.arange` counts, here from 0 to
# 23, and ``reshape`` arranges the numbers. Axes are numbered from the left of the shape, starting at 0: in the block,
# axis 0 counts the matrices, axis 1 the rows, axis 2 the columns.

assert [tuple(t.shape) for t in (scalar, vector, matrix, block)] == [(), (4,), (3, 4), (2, 3, 4)]
assert torch.equal(block[1], matrix)
assert torch.equal(matrix[2], vector)
assert torch.equal(vector[0], scalar)

# %%
# :attr:`torch.Tensor.ndim` is the number of axes, also called the number of dimensions or the *rank*. It is the length
# of the shape. An argument that chooses an axis is called ``dim``. :meth:`torch.Tensor.numel` multiplies the sizes of
# the axes: it is the number of :term:`elements <element>`. ``len`` counts axis 0 alone, as for a nested list. The
# :term:`dtype` ("data type") is the type that all elements share: Python's ints become int64, whole numbers of 64
# :term:`bits <bit>`.

for t in (vector, matrix, block):
    print(f"{t.ndim} axes, shape {tuple(t.shape)}, {t.numel()} elements, len {len(t)}, {t.dtype}")
    assert (t.ndim, t.dtype, 8 * t.itemsize) == (len(t.shape), torch.int64, 64)
    assert (t.numel(), len(t)) == (math.prod(t.shape), t.shape[0])
assert (len(block), block.numel(), scalar.ndim, scalar.numel()) == (2, 2 * 3 * 4, 0, 1)

# %%
# One index for each axis
# -----------------------
#
# As many indices reach one element as the tensor has axes. An index is a whole number here, and takes one axis away,
# from the left: one index into the block gives a matrix, two give a vector, three a scalar, which is still a tensor.
# :meth:`torch.Tensor.item` turns it into a Python number. A colon in place of an index keeps its axis whole. Touch an
# element on the right to see where in the block it is.


def index(block):
    return {"block[1, 2]": block[1, 2], "block[:, 2, 0]": block[:, 2, 0]}


assert [block[1].shape, block[1, 2].shape, block[1, 2, 0].shape] == [(3, 4), (4,), ()]
assert isinstance(block[1, 2, 0].item(), int)
assert block[1, 2, 0].item() == 1 * 12 + 2 * 4 + 0  # a matrix of 12 and two rows of 4 before it
assert block[:, 2, 0].tolist() == [8, 20]
draw(index, block, names=["block"])

# %%
# Read a shape from the left as "3 of what?". The sizes that follow are the answer: shape (3, 4, 5) is 3 matrices of
# 4×5. A tensor can be cut along another axis too. Then the two sizes that are left are the shape of each piece.

whole = torch.zeros(3, 4, 5)
for axis, rest in enumerate([(4, 5), (3, 5), (3, 4)]):
    pieces = whole.unbind(axis)  # the pieces along this axis, in a tuple
    print(f"along axis {axis}: {len(pieces)} matrices of shape {tuple(pieces[0].shape)}")
    assert [piece.shape for piece in pieces] == [rest] * whole.shape[axis]

# %%
# The block, cut along its axis 1: 3 pieces, each with one row of either matrix.

assert [tuple(piece.shape) for piece in block.unbind(1)] == [(2, 4)] * 3
draw(torch.unbind, (block, 1), names=["block"])

# %%
# The word "rank" has a second meaning. The *matrix rank* is the largest number of rows that can be picked so that none
# of them is a weighted sum of the other picked rows. It depends on the values, and the number of axes depends on the
# shape alone. To avoid the clash, this guide says "axes".

ones = torch.ones(4, 5)  # all rows are the same, so one can be picked
assert (ones.ndim, torch.linalg.matrix_rank(ones)) == (2, 1)
identity = torch.eye(5)  # 1 where row and column are equal, else 0: no row is made of others
assert (identity.ndim, torch.linalg.matrix_rank(identity)) == (2, 5)

# %%
# Reading the brackets, from scratch
# ----------------------------------
#
# If a tensor has elements, count the brackets that open before the first printed one: that is the number of axes. The
# brackets are the levels, and a number is no level of its own: ``[[1, 2], [3, 4]]`` has 2 axes. The shape of nested
# lists is the length of the outer list, then that of its first entry, down to a number. A tensor without elements
# prints its shape instead, if it has more than one axis.


def shape_of(nested):
    return (len(nested), *shape_of(nested[0])) if isinstance(nested, list) else ()


for t in (scalar, vector, matrix, block, *zoo(axes=range(5)).values()):
    if t.numel():
        text = str(t.detach().clone()).removeprefix("tensor(")
        assert len(text) - len(text.lstrip("[")) == t.ndim
        assert shape_of(t.tolist()) == t.shape
assert torch.tensor([[1, 2], [3, 4]]).ndim == 2
assert str(torch.zeros(0, 3)) == "tensor([], size=(0, 3))"
print(block)

# %%
# A photo is a tensor
# -------------------
#
# scikit-learn brings two photos as :term:`arrays <array>` of NumPy, another library for blocks of numbers. Their color
# comes last: height, width, channel, or [H, W, C]. A :term:`channel` is one of the colors red, green and blue.
# PyTorch's layers for images expect [C, H, W]. :func:`torch.permute` reorders the axes: the new axis 0 is the old axis
# 2, and so on.

photo = torch.from_numpy(load_sample_image("china.jpg").copy())  # the array itself is read-only
image = photo.permute(2, 0, 1)
print(f"{tuple(photo.shape) = }\n{tuple(image.shape) = }, {image.dtype}")
assert (photo.shape, image.shape) == ((427, 640, 3), (3, 427, 640))
assert image.dtype == torch.uint8  # whole numbers from 0 to 255
assert torch.equal(image[:, 30, 200], photo[30, 200])  # red, green and blue of one pixel

# %%
# Like the block, an RGB image is several matrices, one for each of the 3 colors that its pixels mix. They are drawn
# small: one row and column of three, of a part of the photo. On average the sky is brighter in blue than in red, and
# the walls are darker.

small = image[:, ::3, 100:500:3]
red, green, blue = small
assert red.shape == small.shape[1:]
sky, walls = small[:, :60, 90:].float(), small[:, 60:110, 15:80].float()
assert sky[2].mean() > sky[0].mean() + 10
assert walls[2].mean() < walls[0].mean() - 20
draw([small, red, green, blue], ["small", "red", "green", "blue"], image=True)

# %%
# A *batch* is several images in one tensor, [N, C, H, W], with N for their number. Nobody has to picture four axes:
# ``batch[n]`` is image ``n``, and four indices reach a number.

flower = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)
batch = torch.stack([image, flower])
assert (batch.shape, batch[1, 2, 30, 200].shape) == ((2, 3, 427, 640), ())
assert torch.equal(batch[1], flower)
draw(batch[:, :, ::4, ::4], "batch[:, :, ::4, ::4]", image=True)

# %%
# :class:`torch.nn.Conv2d` is a layer that takes the whole batch at once. The one below gives each pixel 6 new channels,
# each a weighted sum of its 3 colors. It takes axis 1 for the channels, so it refuses these photos as [N, H, W, C].

mix = torch.nn.Conv2d(3, 6, kernel_size=1, bias=False)  # its weights are random numbers
mixed = mix(batch.float())
assert mixed.shape == (2, 6, 427, 640)
weights = mix.weight[:, :, 0, 0]  # 6 sums, each with 3 weights
torch.testing.assert_close(mixed[1, :, 30, 200], weights @ batch[1, :, 30, 200].float())
with expect_error(RuntimeError, match="to have 3 channels, but got 427 channels instead"):
    mix(batch.permute(0, 2, 3, 1).float())

# %%
# What goes wrong
# ---------------
#
# ``torch.empty(1)`` is no scalar but a vector with one element. (:func:`torch.empty` makes a tensor without setting its
# values.) Its 1 is a size, and a size needs an axis. The shape of a scalar is ``()``. The difference shows when you
# print, where a vector has brackets, and when you index. The other two errors are one index too many, and lists of
# different lengths, which fill no block.

assert (torch.empty(1).shape, torch.empty(1)[0].shape, torch.empty(()).shape) == ((1,), (), ())
assert (str(torch.tensor([20])), str(scalar)) == ("tensor([20])", "tensor(20)")
with expect_error(IndexError, match="invalid index of a 0-dim tensor"):
    scalar[0]
with expect_error(IndexError, match="too many indices"):
    block[0, 0, 0, 0]
with expect_error(ValueError, match="expected sequence of length 2"):
    torch.tensor([[1, 2], [3]])

# %%
# Check yourself
# --------------
#
# Count the brackets first.

ask(
    "What is the shape of torch.tensor([[[5, 6]]])?",
    answer=torch.tensor([[[5, 6]]]).shape,
    choices={
        (3, 2): "Three brackets are three axes, not a size of 3.",
        (1, 1, 2): "Each bracket is an axis: a list of 1 holds a list of 1, which holds 2 numbers.",
        (1, 1, 2, 1): "The brackets are the levels; the numbers are no level of their own.",
    },
)

# %%
# A batch of photos:

ask(
    "How many elements has a batch of 8 RGB images of 10 rows and 12 columns?",
    answer=torch.empty(8, 3, 10, 12).numel(),
    choices={
        8: "That is len(batch), which counts axis 0 alone.",
        8 * 10 * 12: "That is one number for each pixel; an RGB image has three.",
        8 * 3 * 10 * 12: "All sizes are multiplied, also that of the colors.",
    },
)

# %%
# And a part of the batch of two photos above, of shape (2, 3, 427, 640):

assert batch.shape == (2, 3, 427, 640)
assert torch.equal(batch[0, :, 30, 200], photo[30, 200])
ask(
    "What is the shape of batch[0, :, 30, 200]?",
    answer=batch[0, :, 30, 200].shape,
    choices={
        (): "For one number the axis of the colors would need an index, too; the colon keeps it whole.",
        (3,): "Three indices take three axes away; red, green and blue of a pixel are left.",
        (1, 3, 1, 1): "An index takes its axis away; it does not leave a size of 1.",
    },
)

# %%
# Next: :ref:`how-to-read-the-pictures`, about the colors, frames and letters in them.
