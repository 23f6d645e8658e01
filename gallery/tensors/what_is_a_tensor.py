"""
.. _what-is-a-tensor:

What is a tensor?
=================

A tensor is a block of numbers of one type, arranged along any number of axes. Its *shape* lists how many entries each
axis has. A single number has no axis, a list of numbers has one, a table has two; a color photo has three and a batch
of photos four. You need to know Python's lists; nothing of PyTorch.
"""

# %%
# A *scalar* is one number, a *vector* a row of numbers, a *matrix* a table of rows and columns. :func:`torch.tensor`
# makes each of them from a number or from nested lists. Above each tensor stands its shape.

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_sample_image

from ptguide.errors import expect_error
from ptguide.pictures import draw

scalar, vector = torch.tensor(7), torch.tensor([10, 11, 12, 13, 14])
matrix = torch.tensor([[20, 21, 22, 23, 24], [25, 26, 27, 28, 29], [30, 31, 32, 33, 34], [35, 36, 37, 38, 39]])
assert [tuple(t.shape) for t in (scalar, vector, matrix)] == [(), (5,), (4, 5)]
draw([scalar, vector, matrix], ["scalar", "vector", "matrix"])

# %%
# A third axis piles matrices up. :func:`torch.arange` counts from 0 to 59 here, and ``reshape`` arranges the numbers in
# 3 sheets of 4 rows and 5 columns. Axes are numbered from the left of the shape, starting at 0: axis 0 counts the
# sheets, axis 1 the rows, axis 2 the columns.

block = torch.arange(60).reshape(3, 4, 5)
assert torch.equal(block[1], matrix)
draw(block, "block")

# %%
# :attr:`torch.Tensor.ndim` is the number of axes, also called the number of dimensions or the *rank*: the length of the
# shape. :meth:`torch.Tensor.numel` is the number of elements. Some notes say that it "counts one axis"; it multiplies
# all sizes, and ``len``, as for a nested list, is what counts axis 0 alone. The dtype ("data type") is the type that
# all elements share: Python's ints become int64, whole numbers of 64 bits.

for t in (vector, matrix, block):
    print(f"{t.ndim} axes, shape {tuple(t.shape)}, {t.numel()} elements, len {len(t)}, {t.dtype}")
    assert (t.ndim, t.dtype) == (len(t.shape), torch.int64)
assert (len(block), block.numel(), scalar.ndim, scalar.numel()) == (3, 3 * 4 * 5, 0, 1)

# %%
# One index for each axis
# -----------------------
#
# As many indices reach one element as the tensor has axes. Each index takes one axis away, from the left: one index
# into the block gives a matrix, two give a vector, three a scalar, which is still a tensor.
# :meth:`torch.Tensor.item` turns it into a Python number. A colon in place of an index keeps its axis whole.

assert [block[2].shape, block[2, 0].shape, block[2, 0, 4].shape] == [(4, 5), (5,), ()]
assert isinstance(block[2, 0, 4].item(), int)
assert block[2, 0, 4].item() == 2 * 20 + 0 * 5 + 4  # two sheets of 20, no row of 5, then the place 4
assert block[:, 0, 4].tolist() == [4, 24, 44]

# %%
# "In shape (3, 4, 5) the first axis holds 2×2 matrices", says one learner's note. Read a shape from the left as "3 of
# what?": the sizes that follow are the answer, so the block is 3 matrices of 4×5. Cut it along another axis and the two
# sizes that are left say what the pieces are; none is 2×2.

for axis, rest in enumerate([(4, 5), (3, 5), (3, 4)]):
    pieces = block.unbind(axis)  # the pieces along this axis, in a tuple
    print(f"along axis {axis}: {len(pieces)} matrices of shape {tuple(pieces[0].shape)}")
    assert [piece.shape for piece in pieces] == [rest] * block.shape[axis]

# %%
# The word "rank" has a second meaning, and "the rank of a tensor is its matrix rank" mixes up the two. The matrix rank
# is how many rows remain when each that can be made by scaling and adding the remaining ones is dropped, one by one; it
# depends on the values. The number of axes depends on the shape alone. To avoid the clash, this guide says "axes".

ones, identity = torch.ones(4, 5), torch.eye(5)  # eye: a 1 where row and column are the same number, else 0
assert (ones.ndim, torch.linalg.matrix_rank(ones)) == (2, 1)  # all rows are the same
assert (identity.ndim, torch.linalg.matrix_rank(identity)) == (2, 5)  # no row can be made of the others

# %%
# Reading the brackets, from scratch
# ----------------------------------
#
# Count the brackets that open before the first printed number: that is the number of axes. "``[[1, 2], [3, 4]]`` has 2
# levels, which means 3 dimensions" counts the numbers as one more level; the brackets are the levels, and a number has
# none. The shape of nested lists is the length of the outer list, then that of its first entry, down to a number.


def shape_of(nested):
    return (len(nested), *shape_of(nested[0])) if isinstance(nested, list) else ()


for t in (torch.tensor([[1, 2], [3, 4]]), scalar, vector, matrix, block):
    text = str(t).removeprefix("tensor(")
    assert len(text) - len(text.lstrip("[")) == t.ndim
    assert shape_of(t.tolist()) == t.shape
assert torch.tensor([[1, 2], [3, 4]]).ndim == 2
print(block)

# %%
# A photo is a tensor
# -------------------
#
# scikit-learn brings two photos as arrays of NumPy, the library that most Python code uses for blocks of numbers. There
# the color comes last: height, width, channel, or [H, W, C]. PyTorch's image operations expect [C, H, W].
# :func:`torch.permute` reorders the axes: the new axis 0 is the old axis 2, and so on.

photo = torch.from_numpy(load_sample_image("china.jpg").copy())  # copy: the array itself is read-only
image = photo.permute(2, 0, 1)
print(f"{tuple(photo.shape) = }, {tuple(image.shape) = }, {image.dtype}")
assert (photo.shape, image.shape, image.dtype) == ((427, 640, 3), (3, 427, 640), torch.uint8)  # uint8: 0 to 255
assert torch.equal(image[:, 30, 200], photo[30, 200])  # row 30, column 200: red, green and blue of one pixel

# %%
# Like the block, an RGB image is 3 matrices, one for each of the colors that its pixels mix.

names = ("image", "image[0], red", "image[1], green", "image[2], blue")
figure, panels = plt.subplots(1, 4, figsize=(11, 3), layout="constrained", sharey=True)
figure.suptitle("An RGB image of shape [3, H, W] is three matrices: how red, green and blue each pixel is")
for panel, pixels, name in zip(panels, (photo, *image), names, strict=True):
    panel.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=255)
    panel.set(xlabel=f"column\n{name}", ylabel="row" if name == "image" else "")

# %%
# A *batch* is several images in one tensor, [N, C, H, W], with N for their number. No picture of four axes is needed:
# ``batch[n]`` is image ``n``, and four indices reach a number. Image operations take the whole batch at once; this
# convolution gives each pixel 6 new channels, each a weighted sum of its 3 colors. It refuses [N, H, W, C].

flower = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)
batch = torch.stack([image, flower])
assert (batch.shape, batch[1, 2, 30, 200].shape) == ((2, 3, 427, 640), ())
assert torch.equal(batch[1], flower)
mix = torch.nn.Conv2d(3, 6, kernel_size=1, bias=False)  # its weights are random numbers
assert mix(batch.float()).shape == (2, 6, 427, 640)
with expect_error(RuntimeError, match="to have 3 channels, but got 427 channels instead"):
    mix(batch.permute(0, 2, 3, 1).float())

# %%
# What goes wrong
# ---------------
#
# "``torch.empty(1)`` is a scalar": it is a vector with one element. Its 1 is a size, and a size needs an axis; the
# shape of a scalar is ``()``. (:func:`torch.empty` reserves memory and leaves in it what was there before.) The
# difference shows when you print, where a vector has brackets, and when you index. The other two errors are one index
# too many, and lists of different lengths, which fill no block.

assert (torch.empty(1).shape, torch.empty(1)[0].shape, torch.empty(()).shape) == ((1,), (), ())
assert (str(torch.tensor([7])), str(scalar)) == ("tensor([7])", "tensor(7)")
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
# 1. What is the shape of ``torch.tensor([[[5, 6]]])``?
# 2. How many numbers are in a batch of 8 RGB images of 10 rows and 12 columns?
# 3. What is the shape of ``batch[0, :, 30, 200]``, and what does it hold?

answer_1, answer_2, answer_3 = torch.tensor([[[5, 6]]]).shape, torch.empty(8, 3, 10, 12).numel(), batch[0, :, 30, 200]
print(f"1. {tuple(answer_1)}\n2. {answer_2:,}\n3. {tuple(answer_3.shape)}: {answer_3}")
assert (answer_1, answer_2) == ((1, 1, 2), 8 * 3 * 10 * 12)
assert torch.equal(answer_3, photo[30, 200])  # the red, green and blue of one pixel

# %%
# Next: :ref:`strides-and-storage`, which shows where in memory these elements lie.
